//! Twilio's REST interface, as far as texts and the numbers they come from need it, and nothing else. Only `sms-sender`
//! and `provisioner` depend on this crate.
//!
//! What matters in a call that sends is what is known afterwards: [`Client::send`] turns every way it can end into a
//! [`domain::delivery::Outcome`].

mod client;
mod numbers;
mod read;
mod sms;

pub use client::{Client, Config};
pub use numbers::{AccountNumber, Hook, Hooks};
pub use read::RemoteMessage;
pub use sms::TextToSend;
