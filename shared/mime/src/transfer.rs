//! How content is wrapped for the wire.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;

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
            Transfer::Base64 => Cow::Owned(lenient_base64(raw)),
            Transfer::QuotedPrintable => Cow::Owned(quoted_printable(raw)),
        }
    }
}

/// The bytes of base64 that something was done to. A line with other characters is a mailing list's footer and ends the
/// content, unless whole lines of base64 follow: then it was damaged on its way. So do a short line and padding, which
/// only the last line has.
pub(crate) fn lenient_base64(raw: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut group: Vec<u8> = Vec::new();
    let mut width = 0;
    let mut has_ended = false;
    for line in raw.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let is_whole = line.iter().all(is_base64);
        if has_ended && !(is_whole && line.len() >= SHORTEST_WHOLE_LINE && line.len() % 4 == 0) {
            continue;
        }
        let sound: Vec<u8> = line.iter().copied().filter(is_base64).collect();
        if line.len() - sound.len() > (line.len() / 10).max(1) {
            has_ended = true;
            continue;
        }
        has_ended = line.len() < width || sound.ends_with(b"=");
        width = width.max(line.len());
        group.extend(sound);
        if has_ended {
            content.extend(group_of_base64(std::mem::take(&mut group)));
        }
    }
    content.extend(group_of_base64(group));
    content
}

/// The shortest line that can be one in the middle of base64.
const SHORTEST_WHOLE_LINE: usize = 40;

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Base64 whose end may be cut off.
fn group_of_base64(mut group: Vec<u8>) -> Vec<u8> {
    while group.last() == Some(&b'=') {
        group.pop();
    }
    if group.len() % 4 == 1 {
        group.pop();
    }
    group.resize(group.len().next_multiple_of(4), b'=');
    base64_decode(&group).unwrap_or_default()
}

pub(crate) fn quoted_printable(raw: &[u8]) -> Vec<u8> {
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
            (Transfer::Base64, "SGFsbG8h\r\n_____\r\nUnsubscribe\r\nhere", "Hallo!"),
            (Transfer::Base64, "SGFsbG8=\r\nList footer\r\n", "Hallo"),
            (Transfer::Base64, "SGFsbG8", "Hallo"),
            (Transfer::Base64, "SGFs*bG8h", "Hallo!"),
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
}
