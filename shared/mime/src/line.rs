//! Texts that must fit into one header line, and the ids of mails.

/// The longest id there is: a whole line (RFC 5322, 2.1.1).
const LONGEST_ID: usize = 998;
/// The longest end of a file's name, with its dot.
const LONGEST_END: usize = 17;

/// A text as one line: control characters and runs of spaces become one space, none at the ends.
///
/// Line breaks are control characters, so the outcome cannot begin a header of its own.
pub(crate) fn one_line(raw: &str) -> String {
    let words = raw.split(|c: char| c == ' ' || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// [`one_line`], and nothing when nothing is left.
pub(crate) fn some_line(raw: &str) -> Option<String> {
    Some(one_line(raw)).filter(|line| !line.is_empty())
}

/// So much of a text as `longest` characters allow, without blanks at its end.
pub(crate) fn cut_off(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.truncate(text.trim_end().len());
    }
    text
}

/// The name of a file in so many characters as `longest` allows. Its short end stays, for it tells what the file is.
pub(crate) fn file_name(name: String, longest: usize) -> String {
    let end =
        name.rfind('.').and_then(|dot| name.get(dot..)).filter(|end| end.chars().count() <= LONGEST_END);
    match end.map(str::to_owned) {
        Some(end) if name.chars().count() > longest => {
            cut_off(name, longest.saturating_sub(end.chars().count())) + &end
        }
        _ => cut_off(name, longest),
    }
}

/// An id as a header has it, without the angle brackets; nothing when it cannot be one.
pub(crate) fn id(raw: &str) -> Option<String> {
    let bare = raw.trim().trim_start_matches('<').trim_end_matches('>').trim();
    if bare.is_empty() || bare.len() > LONGEST_ID || bare.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return None;
    }
    Some(bare.to_owned())
}

/// The text with `\n` as its only line break, without NUL, and with nothing blank at its end.
pub(crate) fn plain_breaks(raw: &str) -> String {
    let mut text = raw.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "");
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_breaks_and_single_spaces() {
        assert_eq!(one_line(" a\r\n b\t\0c  d "), "a b c d");
        assert_eq!(one_line("\r\n"), "");
        assert_eq!(some_line(" \t"), None);
    }

    #[test]
    fn a_text_is_cut_off_between_characters_and_a_file_name_before_its_end() {
        assert_eq!(cut_off("\u{e4}\u{e4} \u{e4}".to_owned(), 3), "\u{e4}\u{e4}");
        assert_eq!(cut_off("abc".to_owned(), 3), "abc");
        for (name, short) in [
            ("plan.pdf", "plan.pdf"),
            ("\u{e4}bcdefgh.pdf", "\u{e4}bcdef.pdf"),
            ("abcdefghijkl", "abcdefghij"),
            ("a.bcdefghijklmnopqrst", "a.bcdefghi"),
            (".abcdefghijkl", ".abcdefghijkl"),
        ] {
            assert_eq!(file_name(name.to_owned(), 10), short, "{name}");
        }
    }

    #[test]
    fn an_id_has_no_brackets_and_no_spaces() {
        assert_eq!(id(" <a@b> ").as_deref(), Some("a@b"));
        assert_eq!(id("a@b").as_deref(), Some("a@b"));
        for bad in ["", "<>", "a b@c", "a\r\nb", "a\u{7f}b", &"a".repeat(999)] {
            assert_eq!(id(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn line_breaks_become_one_kind() {
        assert_eq!(plain_breaks("a\r\nb\rc\nd\0\r\n\r\n"), "a\nb\nc\nd");
    }
}
