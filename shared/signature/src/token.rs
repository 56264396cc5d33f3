//! Words of ours that come back to us through others: in links, in the local part of an address, in a `Message-ID`.
//!
//! A token carries a few bytes that anybody may read and only we can have written. Every use of tokens has a number,
//! its purpose, so that a token made for one use is worth nothing in another.
//!
//! Layout: version (1 byte), key id (1 byte), payload, first 16 bytes of HMAC-SHA256 over purpose, version, key id and
//! payload. The text form is base32 in lower case without padding: mail systems change the case of what they pass on,
//! so reading takes any. A payload of up to 22 bytes makes a token of at most 64 characters, which is as long as the
//! local part of an address may be.

use std::fmt;

use data_encoding::BASE32_NOPAD_NOCASE as BASE32;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The version that is written. A mark, which has no version byte of its own, is signed as version 0, so that it tells
/// nothing of a token with the same payload.
const VERSION: u8 = 1;
const MARK: u8 = 0;

/// How much of the code a token carries, and a mark.
const TOKEN_CODE: usize = 16;
const MARK_CODE: usize = 8;

/// A shorter key could be guessed.
const SHORTEST_KEY: usize = 16;

/// The keys that tokens are sealed with: the one in use and, after a change, the one before. `Debug` shows nothing of
/// them.
#[derive(Clone)]
pub struct Keys {
    current: Vec<u8>,
    previous: Option<Vec<u8>>,
}

impl Keys {
    /// The key in use, and the one before while its tokens are still to be read. `None` when one of them is shorter
    /// than 16 bytes. An empty `previous` counts as none, as a setting without value gives it.
    pub fn new(current: impl Into<Vec<u8>>, previous: Option<Vec<u8>>) -> Option<Keys> {
        let keys = Keys { current: current.into(), previous: previous.filter(|key| !key.is_empty()) };
        let strong = keys.all().all(|key| key.len() >= SHORTEST_KEY);
        strong.then_some(keys)
    }

    fn all(&self) -> impl Iterator<Item = &[u8]> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(Vec::as_slice)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// A token that carries `payload`, sealed with the key in use.
pub fn seal(keys: &Keys, purpose: u8, payload: &[u8]) -> String {
    let id = key_id(&keys.current);
    let code = code(&keys.current, [purpose, VERSION, id], payload);
    let token = [&[VERSION, id], payload, &code[..TOKEN_CODE]].concat();
    BASE32.encode(&token).to_ascii_lowercase()
}

/// What a token of this purpose carries; `None` when it is not one of ours, whatever else it may be.
pub fn open(keys: &Keys, purpose: u8, token: &str) -> Option<Vec<u8>> {
    let bytes = BASE32.decode(token.as_bytes()).ok()?;
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let (payload, given) = rest.split_last_chunk::<TOKEN_CODE>()?;
    let [version, id] = *head;

    // the id of a key is one byte, so two keys may share it
    let mut valid = Choice::from(0);
    for key in keys.all().filter(|key| key_id(key) == id) {
        valid |= code(key, [purpose, version, id], payload)[..TOKEN_CODE].ct_eq(given);
    }
    (version == VERSION && bool::from(valid)).then(|| payload.to_vec())
}

/// A short sign, 13 characters, that `payload` is ours. It does not carry it: for a `Message-ID`, where the payload
/// stands beside it in the open.
pub fn mark(keys: &Keys, purpose: u8, payload: &[u8]) -> String {
    let id = key_id(&keys.current);
    let code = code(&keys.current, [purpose, MARK, id], payload);
    BASE32.encode(&code[..MARK_CODE]).to_ascii_lowercase()
}

/// Whether `given` is a [`mark`] of ours over `payload`, in any case.
pub fn marked(keys: &Keys, purpose: u8, payload: &[u8], given: &str) -> bool {
    let Ok(given) = BASE32.decode(given.as_bytes()) else { return false };
    let mut valid = Choice::from(0);
    for key in keys.all() {
        valid |= code(key, [purpose, MARK, key_id(key)], payload)[..MARK_CODE].ct_eq(&given);
    }
    bool::from(valid)
}

fn code(key: &[u8], head: [u8; 3], payload: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length, so there is always one; what stands in its place cannot be guessed either
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Sha256::digest(key).into() };
    mac.update(&head);
    mac.update(payload);
    mac.finalize().into_bytes().into()
}

/// Tells keys apart without telling anything of them.
fn key_id(key: &[u8]) -> u8 {
    Sha256::digest(key)[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &[u8] = b"the key of last year";
    const NEW: &[u8] = b"the key of this year";

    fn keys(current: &[u8], previous: Option<&[u8]>) -> Keys {
        Keys::new(current, previous.map(<[u8]>::to_vec)).unwrap()
    }

    /// A key other than [`NEW`] with the same id.
    fn colliding() -> Vec<u8> {
        (0..100_000)
            .map(|n| format!("some other key {n:08}").into_bytes())
            .find(|key| key_id(key) == key_id(NEW))
            .unwrap()
    }

    #[test]
    fn a_token_of_the_longest_payload_fits_into_a_local_part() {
        let keys = keys(NEW, None);
        assert_eq!(seal(&keys, 1, &[0xff; 22]).len(), 64);
        assert_eq!(mark(&keys, 1, b"x").len(), 13);
    }

    #[test]
    fn the_text_of_a_token_is_a_contract_with_mail_already_sent() {
        let keys = keys(NEW, None);
        assert_eq!(seal(&keys, 1, b"payload"), "af5xaylznrxwczghunefkhv2544kdbmztpyiuvnz");
        assert_eq!(mark(&keys, 1, b"payload"), "ioijec4ph6ree");
    }

    #[test]
    fn a_weak_key_is_no_key() {
        assert!(Keys::new(*b"", None).is_none());
        assert!(Keys::new(*b"fifteen bytes..", None).is_none());
        assert!(Keys::new(NEW, Some(b"short".to_vec())).is_none());
        assert!(Keys::new(NEW, Some(Vec::new())).is_some());
    }

    #[test]
    fn keys_that_share_an_id_are_both_tried() {
        let other = colliding();
        let both = keys(NEW, Some(&other));
        for key in [NEW, &other] {
            assert_eq!(open(&both, 1, &seal(&keys(key, None), 1, b"x")), Some(b"x".to_vec()));
        }
        assert_eq!(open(&keys(NEW, None), 1, &seal(&keys(&other, None), 1, b"x")), None);
    }

    #[test]
    fn a_mark_tells_nothing_of_the_token() {
        let keys = keys(NEW, None);
        let token = BASE32.decode(seal(&keys, 1, b"x").as_bytes()).unwrap();
        let mark = BASE32.decode(mark(&keys, 1, b"x").as_bytes()).unwrap();
        assert_ne!(token[3..11], mark);
    }

    #[test]
    fn debug_hides_the_keys() {
        assert_eq!(format!("{:?}", keys(NEW, Some(OLD))), "Keys { .. }");
    }

    proptest! {
        #[test]
        fn a_token_is_read_back_in_any_case(
            purpose: u8,
            payload in prop::collection::vec(any::<u8>(), 0..40),
            upper in prop::collection::vec(any::<bool>(), 120),
        ) {
            let keys = keys(NEW, None);
            let token = seal(&keys, purpose, &payload);
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
            let change = |(c, upper): (char, &bool)| if *upper { c.to_ascii_uppercase() } else { c };
            let changed: String = token.chars().zip(upper.iter().cycle()).map(change).collect();
            prop_assert_eq!(open(&keys, purpose, &changed), Some(payload.clone()));

            let mark = mark(&keys, purpose, &payload);
            prop_assert!(marked(&keys, purpose, &payload, &mark));
            prop_assert!(marked(&keys, purpose, &payload, &mark.to_uppercase()));
        }

        #[test]
        fn every_altered_character_is_noticed(
            payload in prop::collection::vec(any::<u8>(), 0..24),
            character in prop::sample::select(b"abcdefghijklmnopqrstuvwxyz234567-=01 ".to_vec()),
        ) {
            let keys = keys(NEW, None);
            let token = seal(&keys, 1, &payload);
            let mark = mark(&keys, 1, &payload);
            for (text, is_token) in [(&token, true), (&mark, false)] {
                for at in (0..text.len()).filter(|at| text.as_bytes()[*at] != character) {
                    let mut altered = text.clone().into_bytes();
                    altered[at] = character;
                    let altered = String::from_utf8(altered).unwrap();
                    if is_token {
                        prop_assert_eq!(open(&keys, 1, &altered), None);
                    } else {
                        prop_assert!(!marked(&keys, 1, &payload, &altered));
                    }
                }
            }
            prop_assert_eq!(open(&keys, 1, &token[1..]), None);
            prop_assert_eq!(open(&keys, 1, &format!("{token}a")), None);
            prop_assert!(!marked(&keys, 1, &payload, &mark[1..]));
            prop_assert!(!marked(&keys, 1, &payload, &token));
        }

        #[test]
        fn a_token_is_worth_nothing_elsewhere(
            purpose: u8,
            other: u8,
            payload in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            prop_assume!(purpose != other);
            let (ours, theirs) = (keys(NEW, None), keys(OLD, None));
            let token = seal(&ours, purpose, &payload);
            prop_assert_eq!(open(&ours, other, &token), None);
            prop_assert_eq!(open(&theirs, purpose, &token), None);

            let mark = mark(&ours, purpose, &payload);
            prop_assert!(!marked(&ours, other, &payload, &mark));
            prop_assert!(!marked(&theirs, purpose, &payload, &mark));
            prop_assert!(!marked(&ours, purpose, &[&payload[..], b"x"].concat(), &mark));
        }

        #[test]
        fn a_changed_key_still_reads_what_the_one_before_sealed(
            payload in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            let (before, after) = (keys(OLD, None), keys(NEW, Some(OLD)));
            prop_assert_eq!(open(&after, 1, &seal(&before, 1, &payload)), Some(payload.clone()));
            prop_assert!(marked(&after, 1, &payload, &mark(&before, 1, &payload)));
            // and what it seals itself is of the new key
            prop_assert_eq!(open(&before, 1, &seal(&after, 1, &payload)), None);
            prop_assert_eq!(open(&keys(NEW, None), 1, &seal(&after, 1, &payload)), Some(payload));
        }

        #[test]
        fn no_text_is_a_defect(text in "\\PC{0,120}", base32 in "[a-zA-Z2-7]{0,120}") {
            let keys = keys(NEW, Some(OLD));
            for text in [text, base32] {
                prop_assert_eq!(open(&keys, 1, &text), None);
                prop_assert!(!marked(&keys, 1, b"payload", &text));
            }
        }
    }
}
