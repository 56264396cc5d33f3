//! Mailgun's webhook signature.
//!
//! Mailgun signs a time and a random token with HMAC-SHA256, keyed by the account's webhook signing key, and nothing
//! of the event itself. A valid signature therefore proves only that Mailgun once wrote this time and this token:
//! whoever saw one request can put another event beside them. The caller of [`verify`] therefore has to remember each token
//! for [`WINDOW`], and refuse it with another body. Source: Mailgun's documentation, "Securing Webhooks".

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{Invalid, is_recent};

/// How far the signed time may be from now, in seconds: 12 hours, because Mailgun retries a webhook for eight.
pub const WINDOW: u64 = 12 * 60 * 60;

/// Checks the three texts of the object `signature` in a webhook, or of the form fields of an inbound mail.
///
/// An empty key validates nothing.
///
/// # Errors
/// When the holder of the key did not sign this time and token, or long ago.
pub fn verify(key: &str, timestamp: &str, token: &str, signature: &str, now: i64) -> Result<(), Invalid> {
    // that the time is digits of today's length also fixes where it ends and the token begins
    if key.trim().is_empty() || token.is_empty() || !is_recent(timestamp, now, WINDOW) {
        return Err(Invalid);
    }
    let equal = sign(key, timestamp, token).as_bytes().ct_eq(signature.as_bytes());
    if bool::from(equal) { Ok(()) } else { Err(Invalid) }
}

/// The signature that Mailgun would send with this time and token. For its stand-in and for tests.
pub fn sign(key: &str, timestamp: &str, token: &str) -> String {
    // HMAC takes a key of any length, so there is always one
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(timestamp.as_bytes());
    mac.update(token.as_bytes());
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "key-test";
    const TIMESTAMP: &str = "1529006854";
    const NOW: i64 = 1_529_006_854;
    const TOKEN: &str = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0";
    const SIGNATURE: &str = "2df0e54f503d31abdc1519117a730ae38748e41e86f9ae25431dbd26059468af";

    #[test]
    fn the_right_signature() {
        assert_eq!(sign(KEY, TIMESTAMP, TOKEN), SIGNATURE);
        assert_eq!(verify(KEY, TIMESTAMP, TOKEN, SIGNATURE, NOW), Ok(()));
    }

    #[test]
    fn any_change_is_noticed() {
        let table = [
            ("key-other", TIMESTAMP, TOKEN, SIGNATURE),
            (KEY, "1529006855", TOKEN, SIGNATURE),
            (KEY, TIMESTAMP, &TOKEN[1..], SIGNATURE),
            (KEY, TIMESTAMP, TOKEN, &SIGNATURE[1..]),
            (KEY, TIMESTAMP, TOKEN, ""),
            (KEY, TIMESTAMP, "", SIGNATURE),
            (KEY, "", TOKEN, SIGNATURE),
        ];
        for (key, timestamp, token, signature) in table {
            let outcome = verify(key, timestamp, token, signature, NOW);
            assert_eq!(outcome, Err(Invalid), "{key} {timestamp} {token} {signature}");
        }
        assert_eq!(verify(KEY, TIMESTAMP, TOKEN, &SIGNATURE.to_uppercase(), NOW), Err(Invalid));
    }

    #[test]
    fn an_event_is_good_for_twelve_hours() {
        for (now, expected) in [
            (NOW + 43_200, Ok(())),
            (NOW - 43_200, Ok(())),
            (NOW + 43_201, Err(Invalid)),
            (NOW - 43_201, Err(Invalid)),
            (i64::MIN, Err(Invalid)),
            (i64::MAX, Err(Invalid)),
        ] {
            assert_eq!(verify(KEY, TIMESTAMP, TOKEN, SIGNATURE, now), expected, "{now}");
        }
    }

    #[test]
    fn no_other_time_and_token_share_a_signature() {
        // the same bytes, split elsewhere: the time is far away or is none
        let joined = format!("{TIMESTAMP}{TOKEN}");
        for split in (0..joined.len()).filter(|split| *split != TIMESTAMP.len()) {
            let (timestamp, token) = joined.split_at(split);
            assert_eq!(verify(KEY, timestamp, token, SIGNATURE, NOW), Err(Invalid), "{split}");
        }
    }

    #[test]
    fn an_empty_key_validates_nothing() {
        for empty in ["", " "] {
            let signature = sign(empty, TIMESTAMP, TOKEN);
            assert_eq!(verify(empty, TIMESTAMP, TOKEN, &signature, NOW), Err(Invalid));
        }
    }
}
