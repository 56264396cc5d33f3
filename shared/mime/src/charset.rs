//! Which characters some bytes are.

use mail_parser::decoders::charsets::map::charset_decoder;

/// How the labels of charsets begin that have one byte for each character. Text that is valid UTF-8 and has such a label
/// was mislabelled: in these charsets the sequences of UTF-8 are strings that nobody writes.
const SINGLE_BYTE: [&str; 14] = [
    "iso-8859",
    "iso8859",
    "iso_8859",
    "latin",
    "l1",
    "windows-125",
    "windows-874",
    "cp125",
    "cp8",
    "ibm",
    "koi8",
    "mac",
    "x-mac",
    "tis-620",
];

/// The characters of some bytes in the charset of that name.
///
/// UTF-8 that is valid wins over no label, an unknown one, ASCII, and those of one byte for each character. A byte that is
/// wrong in UTF-8 becomes one replacement character. What has no usable label and is no UTF-8 is read as windows-1252, as
/// mail programs do.
pub(crate) fn characters(bytes: &[u8], label: Option<&str>) -> String {
    let label = label.map(|label| label.trim().to_ascii_lowercase()).unwrap_or_default();
    if matches!(label.as_str(), "utf-8" | "utf8") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let is_single_byte = SINGLE_BYTE.iter().any(|start| label.starts_with(start));
    let decoder =
        charset_decoder(label.as_bytes()).filter(|_| !is_ascii_label(&label) && !is_latin_1(&label));
    match (std::str::from_utf8(bytes), decoder) {
        (Ok(text), None) => text.to_owned(),
        (Ok(text), Some(_)) if is_single_byte => text.to_owned(),
        (_, Some(decoder)) => decoder(bytes),
        (Err(_), None) if is_utf8_with_damage(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        (Err(_), None) => windows_1252(bytes),
    }
}

fn is_ascii_label(label: &str) -> bool {
    matches!(label, "us-ascii" | "ascii" | "ansi_x3.4-1968" | "iso646-us")
}

/// Programs say ISO 8859-1 and mean windows-1252, which has letters where the other has control characters
/// (<https://encoding.spec.whatwg.org/#names-and-labels>).
fn is_latin_1(label: &str) -> bool {
    matches!(label, "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "l1")
}

fn windows_1252(bytes: &[u8]) -> String {
    match charset_decoder(b"windows-1252") {
        Some(decoder) => decoder(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Whether more of the bytes beyond ASCII are characters of UTF-8 than are not.
fn is_utf8_with_damage(bytes: &[u8]) -> bool {
    let (sound, wrong) = bytes.utf8_chunks().fold((0_usize, 0_usize), |(sound, wrong), chunk| {
        let beyond_ascii = chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        (sound + beyond_ascii, wrong + usize::from(!chunk.invalid().is_empty()))
    });
    sound > wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_utf8_wins_over_a_label_of_one_byte_charsets() {
        for label in [
            None,
            Some("us-ascii"),
            Some("ISO-8859-1"),
            Some("windows-1252"),
            Some("koi8-r"),
            Some("nonsense"),
        ] {
            assert_eq!(characters("Café Grüße Пр".as_bytes(), label), "Café Grüße Пр", "{label:?}");
        }
    }

    #[test]
    fn a_wrong_byte_costs_one_replacement_character() {
        assert_eq!(characters(b"Gr\xc3\xbc\xc3\x9fe \xe2\x80\xa6\xaa", Some("utf-8")), "Grüße …\u{fffd}");
        assert_eq!(characters(b"Gr\xc3\xbc\xc3\x9fe \xaa", None), "Grüße \u{fffd}");
        assert_eq!(characters(b"Gr\xc3\xbc\xc3\x9fe \xaa", Some("ascii")), "Grüße \u{fffd}");
        assert_eq!(characters(b"a\xffb", Some("UTF-8 ")), "a\u{fffd}b");
    }

    #[test]
    fn bytes_without_a_usable_label_are_windows_1252() {
        for label in [None, Some("us-ascii"), Some("iso-8859-1"), Some("no such"), Some("")] {
            assert_eq!(characters(b"caf\xe9 \x80 \x93x\x94", label), "café € “x”", "{label:?}");
        }
    }

    #[test]
    fn other_labels_are_taken_at_their_word() {
        assert_eq!(characters(b"\xcf\xf0", Some("windows-1251")), "Пр");
        assert_eq!(characters(b"\xf0\xd2", Some("koi8-r")), "Пр");
        assert_eq!(characters(b"\xc4\xe3\xba\xc3", Some("gb2312")), "你好");
        assert_eq!(characters(b"\x93\xfa\x96\x7b", Some("shift_jis")), "日本");
        assert_eq!(characters(b"\x1b$BF|K\\\x1b(B", Some("iso-2022-jp")), "日本");
    }
}
