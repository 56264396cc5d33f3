//! Values with parameters: `Content-Type` and `Content-Disposition` (RFC 2045, RFC 2183, RFC 2231).

use crate::charset::characters;
use crate::encoded_word::decoded;

/// The most parameters of one field that are read.
const MOST: usize = 50;

/// A value and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// The value before the first `;`, in lower case.
    pub(crate) value: String,
    /// Names in lower case and values, each name once.
    pairs: Vec<(String, String)>,
}

/// One piece of a parameter: `name*2*=value`.
struct Piece {
    name: String,
    /// Its place; `None` for a parameter that is not cut.
    place: Option<u32>,
    /// Its value has percent signs, and that of the first piece a charset.
    is_extended: bool,
    value: Vec<u8>,
}

impl Parameters {
    /// Reads the value of a field, folded or not.
    pub(crate) fn read(raw: &[u8]) -> Self {
        let mut parts = split(raw).into_iter();
        let value = parts.next().map(|part| text(&part).trim().to_ascii_lowercase()).unwrap_or_default();
        let pieces: Vec<Piece> = parts.filter_map(|part| piece(&part)).take(MOST).collect();
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in &pieces {
            if !pairs.iter().any(|(name, _)| *name == piece.name) {
                pairs.push((piece.name.clone(), joined(&piece.name, &pieces)));
            }
        }
        Parameters { value, pairs }
    }

    /// The value of a parameter, by its name in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The pieces of one parameter in their order. The extended form wins over the plain one, which is there for old
/// programs (RFC 6266, 4.3).
fn joined(name: &str, pieces: &[Piece]) -> String {
    let mut mine: Vec<&Piece> = pieces.iter().filter(|piece| piece.name == name).collect();
    if mine.iter().any(|piece| piece.is_extended || piece.place.is_some()) {
        mine.retain(|piece| piece.is_extended || piece.place.is_some());
    } else {
        return mine.first().map(|piece| decoded(&text(&piece.value))).unwrap_or_default();
    }
    mine.sort_by_key(|piece| piece.place);
    mine.dedup_by_key(|piece| piece.place);
    let mut charset = None;
    let mut bytes = Vec::new();
    for (index, piece) in mine.iter().enumerate() {
        let mut value = piece.value.as_slice();
        if index == 0 && piece.is_extended {
            let mut parts = value.splitn(3, |byte| *byte == b'\'');
            if let (Some(label), Some(_language), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
                charset = Some(text(label)).filter(|label| !label.is_empty());
                value = rest;
            }
        }
        if piece.is_extended { bytes.extend(percent_decoded(value)) } else { bytes.extend_from_slice(value) }
    }
    let value = characters(&bytes, charset.as_deref());
    // Some programs cut an encoded word into pieces.
    if charset.is_none() { decoded(&value) } else { value }
}

fn piece(part: &[u8]) -> Option<Piece> {
    let at = part.iter().position(|byte| *byte == b'=')?;
    let name = text(part.get(..at)?).trim().to_ascii_lowercase();
    let value = part.get(at + 1..)?.to_vec();
    let (name, is_extended) = match name.strip_suffix('*') {
        Some(name) => (name.to_owned(), true),
        None => (name, false),
    };
    let (name, place) =
        match name.rsplit_once('*').and_then(|(name, place)| Some((name, place.parse().ok()?))) {
            Some((name, place)) => (name.to_owned(), Some(place)),
            None => (name, None),
        };
    (!name.is_empty()).then_some(Piece { name, place, is_extended, value })
}

/// The parts between semicolons, without quotes, comments, line breaks and white space at their ends.
fn split(raw: &[u8]) -> Vec<Vec<u8>> {
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    let (mut is_quoted, mut comments) = (false, 0_usize);
    // Up to where white space at the end belongs to a quoted value.
    let mut kept = 0;
    let mut bytes = raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if is_quoted && matches!(bytes.peek(), Some(b'"' | b'\\')) => part.extend(bytes.next()),
            b'"' if comments == 0 => {
                is_quoted = !is_quoted;
                kept = part.len();
            }
            _ if is_quoted => part.push(byte),
            b'(' => comments += 1,
            b')' if comments > 0 => comments -= 1,
            _ if comments > 0 => {}
            b';' => {
                parts.push(trimmed(std::mem::take(&mut part), kept));
                kept = 0;
            }
            b' ' | b'\t' if part.is_empty() || part.last() == Some(&b'=') => {}
            _ => part.push(byte),
        }
    }
    parts.push(trimmed(part, kept));
    parts
}

fn trimmed(mut part: Vec<u8>, kept: usize) -> Vec<u8> {
    while part.len() > kept && part.last().is_some_and(u8::is_ascii_whitespace) {
        part.pop();
    }
    part
}

fn percent_decoded(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, after @ ..] = rest {
        rest = after;
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(*byte),
        }
    }
    out
}

fn text(raw: &[u8]) -> String {
    characters(raw, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn file(raw: &[u8]) -> String {
        let read = Parameters::read(raw);
        read.get("filename").unwrap_or("none").to_owned()
    }

    #[test]
    fn parameters_are_read_in_every_form() {
        let read = Parameters::read(
            b" Text/Plain; CHARSET=utf-8;\r\n\tname=\"a; b.txt\" (comment; x=y); format = flowed ;",
        );
        assert_eq!(read.value, "text/plain");
        assert_eq!(read.get("charset"), Some("utf-8"));
        assert_eq!(read.get("name"), Some("a; b.txt"));
        assert_eq!(read.get("format"), Some("flowed"));
        assert_eq!(read.get("x"), None);
        assert_eq!(Parameters::read(b"").value, "");
    }

    #[test]
    fn file_names_are_read_in_every_form() {
        for (raw, name) in [
            (&b"attachment; filename=\r\n\t\"plan.pdf\""[..], "plan.pdf"),
            (b"attachment; filename=plan 2.pdf; size=1", "plan 2.pdf"),
            (b"attachment; filename=\"a\\\"b\\\\c.pdf\"", "a\"b\\c.pdf"),
            (b"attachment; filename=\" a \"", " a "),
            (b"attachment; filename=\"caf\xe9.pdf\"", "caf\u{e9}.pdf"),
            (b"attachment; filename=\"caf\xc3\xa9.pdf\"", "caf\u{e9}.pdf"),
            (b"attachment; filename=\"=?utf-8?Q?caf=C3=A9?=.pdf\"", "caf\u{e9}.pdf"),
            (b"attachment; filename=cafe.pdf; filename*=UTF-8''caf%C3%A9.pdf", "caf\u{e9}.pdf"),
            (b"attachment; filename*=iso-8859-1'en'caf%E9.pdf; filename=cafe.pdf", "caf\u{e9}.pdf"),
            (b"attachment; filename*0=\"long \"; filename*1=\"name.pdf\"", "long name.pdf"),
            (b"attachment; filename*1*=%A9.pdf; filename*0*=utf-8''caf%C3", "caf\u{e9}.pdf"),
            (
                b"attachment; filename*0*=ISO-8859-1''caf%E9%20; filename*1=\"50%25.pdf\"",
                "caf\u{e9} 50%25.pdf",
            ),
            (b"attachment; filename*0=\"=?utf-8?B?Y2Fm\"; filename*1=\"w6kucGRm?=\"", "caf\u{e9}.pdf"),
            (b"attachment; filename*=plain.pdf", "plain.pdf"),
            (b"attachment", "none"),
            (b"attachment; =x; filename", "none"),
            (b"attachment; filename=\"unclosed.pdf", "unclosed.pdf"),
        ] {
            assert_eq!(file(raw), name, "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn many_pieces_keep_their_order() {
        let pieces: Vec<String> = (0..12).rev().map(|index| format!("filename*{index}={index};")).collect();
        assert_eq!(file(format!("attachment;{}", pieces.concat()).as_bytes()), "01234567891011");
    }
}
