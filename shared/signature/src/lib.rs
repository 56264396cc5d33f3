//! Signatures over what other parties send us, and over the few words of ours that come back to us through them.
//!
//! Everything here works on raw bytes: the address exactly as the sender requested it and the body exactly as
//! it arrived. There is no axum or Lambda type in sight on purpose. A framework that has decoded, reordered or
//! re-encoded anything has already lost what was signed; handlers pass on what they received and nothing else.
//!
//! Nothing here asks for the time or reaches the network: now is an argument, in seconds since 1970, and so is a
//! certificate.
//!
//! Signed by others: [`twilio`], [`sns`], [`sendgrid`], [`mailgun`], and [`basic`] for those who sign nothing. Signed
//! by us: [`token`], and for Twilio [`voice_token`]. Given out by us: [`secret`] and [`bearer_token`].

use std::fmt;

pub mod basic;
pub mod bearer_token;
mod jwt;
pub mod mailgun;
pub mod secret;
pub mod sendgrid;
pub mod sns;
pub mod token;
pub mod twilio;
pub mod voice_token;

/// The request does not come from the holder of the secret, was altered on its way, or is too old to be taken for
/// new. Does not tell which part failed: a caller could use it only to help a forger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request signature is not valid")
    }
}

impl std::error::Error for Invalid {}

/// Whether a time that a sender wrote, in seconds since 1970, is at most `window` seconds from `now`, either way. Only
/// digits are a time: a sign, a space or an empty text is none.
fn is_recent(timestamp: &str, now: i64, window: u64) -> bool {
    let digits = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let written = timestamp.parse::<i64>().ok().filter(|_| digits);
    written.is_some_and(|written| written.abs_diff(now) <= window)
}

/// Bytes as hexadecimal digits, two each.
fn lower_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
