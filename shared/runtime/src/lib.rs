//! The process around a function: its configuration, its log, its AWS client settings, its batch of queue records.
//! No decision about messages is made here.

pub mod aws;
pub mod batch;
pub mod config;
pub mod telemetry;

pub use config::Config;

use domain::{Clock, Timestamp};

/// The system's clock.
pub fn system_clock() -> Clock {
    Clock::new(|| {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_millis(since_1970.map_or(0, |duration| duration.as_millis() as i64))
    })
}
