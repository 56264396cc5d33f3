//! Encoded words (RFC 2047), decoded before the header is parsed.
//!
//! Programs cut a character over two encoded words, and write charsets that are none. Neighbours of one charset are
//! therefore decoded together, by the rule for bodies, and written again as one word of UTF-8.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::charset::characters;
use crate::transfer::{lenient_base64, quoted_printable};

/// An encoded word, taken apart.
struct Word {
    charset: String,
    content: Vec<u8>,
}

/// The header with every run of encoded words as one encoded word of UTF-8, and every line that is no UTF-8 read as the
/// charset of western Windows.
pub(crate) fn in_utf8(header: &[u8]) -> Vec<u8> {
    let mut sound = Vec::with_capacity(header.len());
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(_) => sound.extend_from_slice(line),
            Err(_) => sound.extend_from_slice(characters(line, None).as_bytes()),
        }
    }
    let mut out = Vec::with_capacity(sound.len());
    let mut rest = sound.as_slice();
    while let Some(at) = find(rest, b"=?") {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        let (text, length) = run(from);
        if length == 0 {
            out.extend_from_slice(b"=?");
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        out.extend_from_slice(b"=?utf-8?B?");
        out.extend_from_slice(STANDARD.encode(text.as_bytes()).as_bytes());
        out.extend_from_slice(b"?=");
        rest = from.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// The text with its encoded words decoded: for values that the parser takes literally.
pub(crate) fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (word, length) = run(from.as_bytes());
        match length {
            0 => {
                out.push_str("=?");
                rest = from.get(2..).unwrap_or_default();
            }
            length => {
                out.push_str(&word);
                rest = from.get(length..).unwrap_or_default();
            }
        }
    }
    out + rest
}

/// The text of the encoded words at the beginning, with nothing but white space between them, and their length in bytes:
/// 0 when there is none.
fn run(from: &[u8]) -> (String, usize) {
    let (mut text, mut length, mut gap) = (String::new(), 0, 0);
    let mut open: Option<Word> = None;
    while let Some((word, taken)) = from.get(length + gap..).and_then(word) {
        length += gap + taken;
        gap = from
            .get(length..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        open = Some(match open.take() {
            Some(mut before) if before.charset == word.charset => {
                before.content.extend(word.content);
                before
            }
            Some(before) => {
                text.push_str(&characters(&before.content, Some(&before.charset)));
                word
            }
            None => word,
        });
    }
    if let Some(last) = open {
        text.push_str(&characters(&last.content, Some(&last.charset)));
    }
    (text, length)
}

/// One encoded word at the beginning, and its length. Spaces inside are against the standard, and frequent.
fn word(from: &[u8]) -> Option<(Word, usize)> {
    let inside = from.strip_prefix(b"=?")?;
    let charset = inside.split(|byte| *byte == b'?').next()?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+*()".contains(byte);
    if charset.is_empty() || charset.len() > 60 || !charset.iter().all(is_name) {
        return None;
    }
    let [b'?', encoding, b'?', text @ ..] = inside.get(charset.len()..)? else { return None };
    let end = find(text, b"?=")?;
    let text = text.get(..end).filter(|text| !text.iter().any(|byte| matches!(byte, b'\r' | b'\n')))?;
    let content = match encoding.to_ascii_lowercase() {
        b'b' => lenient_base64(text),
        b'q' => {
            let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
            quoted_printable(&spaced)
        }
        _ => return None,
    };
    // RFC 2231, 5: a language may stand behind the charset.
    let name = String::from_utf8_lossy(charset).to_ascii_lowercase();
    let charset_name = name.split('*').next().unwrap_or_default().to_owned();
    let length = "=?".len() + charset.len() + "?B?".len() + end + "?=".len();
    Some((Word { charset: charset_name, content }, length))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(raw: &str, text: &str) {
        assert_eq!(decoded(raw), text, "{raw}");
    }

    #[test]
    fn encoded_words_are_read_in_every_form() {
        reads("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße");
        reads("=?ISO-8859-1?q?Gr=FC=DFe_an_alle?= you", "Grüße an alle you");
        reads("=?UTF-8*de?B?R3LDvMOfZQ==?=", "Grüße");
        reads("=?utf-8?Q?a b?=", "a b");
        reads("a =?us-ascii?Q?caf=C3=A9?= b", "a café b");
    }

    #[test]
    fn a_character_that_is_cut_over_two_words_is_whole() {
        reads("=?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?=", "Grüße");
        reads("=?utf-8?B?w6k=?=\r\n =?UTF-8?B?w6k=?=", "éé");
        reads("=?utf-8?B?4oI=?= =?utf-8?Q?=AC?=", "€");
        reads("=?iso-8859-1?Q?=E9?= =?utf-8?Q?=C3=A9?=", "éé");
    }

    #[test]
    fn what_is_no_encoded_word_stays() {
        for raw in ["=?", "a =? b", "=?utf-8?X?a?=", "=?utf-8?Q?a", "=?=?utf-8", "1 =?= 2", "=??Q?a?="] {
            reads(raw, raw);
        }
    }

    #[test]
    fn a_header_becomes_utf8() {
        let raw = b"Subject: caf\xe9 =?utf-8?Q?=C3?= =?utf-8?Q?=A9?=\r\nFrom: =?utf-8?Q?Zo=C3=AB?= <z@x.example>\r\n";
        let text = String::from_utf8(in_utf8(raw)).expect("UTF-8");
        assert_eq!(text, "Subject: café =?utf-8?B?w6k=?=\r\nFrom: =?utf-8?B?Wm/Dqw==?= <z@x.example>\r\n");
    }
}
