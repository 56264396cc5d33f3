//! How content is wrapped for the wire, and its characters.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;

/// How content was wrapped (`Content-Transfer-Encoding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    Plain,
    Base64,
    QuotedPrintable,
}

impl Transfer {
    /// What is unknown is taken as it is.
    pub(crate) fn named(name: &str) -> Self {
        match name.trim() {
            name if name.eq_ignore_ascii_case("base64") => Transfer::Base64,
            name if name.eq_ignore_ascii_case("quoted-printable") => Transfer::QuotedPrintable,
            _ => Transfer::Plain,
        }
    }

    /// The content as it was. Never fails: what makes no sense is skipped (base64) or kept (quoted-printable).
    pub(crate) fn unwrap(self, raw: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Transfer::Plain => Cow::Borrowed(raw),
            Transfer::Base64 => Cow::Owned(base64_decode(raw).unwrap_or_else(|| lenient_base64(raw))),
            Transfer::QuotedPrintable => Cow::Owned(quoted_printable(raw)),
        }
    }
}

/// Mailing lists put their footer under anything, base64 too.
fn lenient_base64(raw: &[u8]) -> Vec<u8> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let sound: Vec<u8> = raw.iter().copied().filter(is_base64).collect();
    base64_decode(&sound).unwrap_or_default()
}

fn quoted_printable(raw: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'=') {
        let (before, from) = rest.split_at(at);
        content.extend_from_slice(before);
        rest = match from {
            [_, b'\n', after @ ..] | [_, b'\r', b'\n', after @ ..] => after,
            [_, high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                content.push(nibble(*high) << 4 | nibble(*low));
                after
            }
            [_, after @ ..] => after_padding(after).unwrap_or_else(|| {
                content.push(b'=');
                after
            }),
            [] => from,
        };
    }
    content.extend_from_slice(rest);
    content
}

/// What follows a soft line break that some server has put spaces behind; nothing when it is none. At the end of
/// the content too.
fn after_padding(rest: &[u8]) -> Option<&[u8]> {
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    match rest.get(blank..)? {
        [] => Some(&[]),
        [b'\n', after @ ..] => Some(after),
        _ => None,
    }
}

fn nibble(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

/// The characters of a text in that charset. Of an unknown charset or none it is read as UTF-8 if it is that, and
/// else as the charset of western Windows, as mail programs do.
pub(crate) fn characters(content: &[u8], charset: Option<&str>) -> String {
    let utf8 = std::str::from_utf8(content);
    let decoder = charset.and_then(|name| charset_decoder(name.trim().as_bytes()));
    match (utf8, decoder) {
        (Ok(text), None) => text.to_owned(),
        (_, Some(decoder)) => decoder(content),
        (Err(_), None) => match charset_decoder(b"windows-1252") {
            Some(decoder) => decoder(content),
            None => String::from_utf8_lossy(content).into_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_unwrapped_whatever_was_done_to_it() {
        for (transfer, raw, content) in [
            (Transfer::Plain, "a=20", "a=20"),
            (Transfer::Base64, "SGFs\r\nbG8=\r\n", "Hallo"),
            (Transfer::Base64, "SGFs bG8", "Hallo"),
            (Transfer::Base64, "SGFsbG8=\r\n_____", "Hallo"),
            (Transfer::Base64, "", ""),
            (Transfer::QuotedPrintable, "a=20b=\r\nc=\nd", "a bcd"),
            (Transfer::QuotedPrintable, "=c3=A9= \t\r\n!", "é!"),
            (Transfer::QuotedPrintable, "?a=b&c=zz=", "?a=b&c=zz"),
            (Transfer::QuotedPrintable, "==41", "=A"),
        ] {
            assert_eq!(String::from_utf8_lossy(&transfer.unwrap(raw.as_bytes())), content, "{raw}");
        }
    }

    #[test]
    fn a_transfer_is_known_in_any_case() {
        assert_eq!(Transfer::named(" BASE64 "), Transfer::Base64);
        assert_eq!(Transfer::named("Quoted-Printable"), Transfer::QuotedPrintable);
        assert_eq!(Transfer::named("8bit"), Transfer::Plain);
    }

    #[test]
    fn characters_without_a_charset_are_guessed() {
        assert_eq!(characters("é".as_bytes(), None), "é");
        assert_eq!(characters(b"\xe9", None), "é");
        assert_eq!(characters(b"\xe9", Some("no such")), "é");
        assert_eq!(characters(b"\xcf\xf0", Some("windows-1251")), "Пр");
    }
}
