//! Limits of what a provider delivers.
//!
//! A signed request is never refused for the length of a field: a refused text is a lost text. A field that fits is kept
//! as it is. A field that fits nowhere is cut here, in one place.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// The longest id of a provider, in bytes. DynamoDB takes sort keys of 1 024 bytes, and a key holds more than the id.
pub const LONGEST_ID: usize = 900;
/// The longest address, in bytes. It is part of keys as well.
pub const LONGEST_ADDRESS: usize = 300;
/// The longest word, such as a status or an error code, in bytes.
pub const LONGEST_WORD: usize = 200;
/// The most bytes of one text, its body and the addresses of its media together. DynamoDB takes items of 400 KB.
pub const LONGEST_TEXT: usize = 340_000;
/// The most bytes of the addresses of its media.
pub const LONGEST_MEDIA: usize = 100_000;
/// The most media of one text.
pub const MOST_MEDIA: usize = 100;
/// The longest media type (RFC 6838, 4.2: 127 characters on each side of the slash).
const LONGEST_MEDIA_TYPE: usize = 255;
/// What stands where the rest of a body was cut off.
pub const CUT: &str = " […]";
/// Hexadecimal digits of the hash in a shortened value.
const HASH_DIGITS: usize = 32;

/// A value as it is, if it has at most `longest` bytes. A longer value is its beginning and a hash of all of it, so that
/// two long values stay different. Shortening a shortened value again changes nothing.
pub fn shortened(value: &str, longest: usize) -> Cow<'_, str> {
    if value.len() <= longest {
        return Cow::Borrowed(value);
    }
    let hash = Sha256::digest(value);
    let hash: String = hash.iter().take(HASH_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    let begins = beginning(value, longest.saturating_sub(HASH_DIGITS + '…'.len_utf8()));
    Cow::Owned(format!("{begins}…{hash}"))
}

/// A body as it is, if it has at most `longest` bytes. A longer one is cut, and ends in a mark.
pub fn cut(mut body: String, longest: usize) -> String {
    if body.len() > longest {
        body.truncate(beginning(&body, longest.saturating_sub(CUT.len())).len());
        body.push_str(CUT);
    }
    body
}

/// The media type that a provider names, without parameters and in lower case. `None` when it is no media type by its
/// form (RFC 6838, 4.2). Whether anybody registered it does not matter.
pub fn media_type(given: &str) -> Option<String> {
    let essence = given.split(';').next()?.trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    (essence.len() <= LONGEST_MEDIA_TYPE && is_name(kind) && is_name(subtype)).then_some(essence)
}

/// As much of the beginning as fits, in whole characters.
fn beginning(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn media_type_is_taken_by_its_form() {
        let cases = [
            ("image/heic", Some("image/heic")),
            ("audio/amr", Some("audio/amr")),
            ("text/x-vcard", Some("text/x-vcard")),
            ("video/3gpp", Some("video/3gpp")),
            ("Image/HEIC", Some("image/heic")),
            (" text/vcard; charset=utf-8", Some("text/vcard")),
            ("application/vnd.wap.multipart.related", Some("application/vnd.wap.multipart.related")),
            ("image/svg+xml", Some("image/svg+xml")),
            ("image", None),
            ("image/", None),
            ("/heic", None),
            ("image/he ic", None),
            ("image/a/b", None),
            ("<b>/x", None),
            ("", None),
        ];
        for (given, right) in cases {
            assert_eq!(media_type(given).as_deref(), right, "{given}");
        }
        assert_eq!(media_type(&format!("image/{}", "x".repeat(300))), None);
    }

    #[test]
    fn body_that_fits_is_not_cut() {
        assert_eq!(cut("abc".to_owned(), 3), "abc");
        assert_eq!(cut("äöü".repeat(10), 20), format!("äöüäöüä{CUT}"));
    }

    proptest! {
        #[test]
        fn shortened_value_fits_and_stays_different(a in "\\PC{0,80}", b in "\\PC{0,80}") {
            let (short_a, short_b) = (shortened(&a, 60), shortened(&b, 60));
            prop_assert!(short_a.len() <= 60);
            prop_assert_eq!(a == b, short_a == short_b);
            prop_assert_eq!(shortened(&short_a, 60), short_a.clone());
            prop_assert!(cut(a, 60).len() <= 60);
        }
    }
}
