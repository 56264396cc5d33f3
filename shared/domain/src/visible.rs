//! Whether a text shows anything.

/// Whether somebody who reads the text sees something: it has a character that is no space and no mark without ink.
/// Joiners and variation selectors inside a word or an emoji stay, because something beside them is seen.
pub fn shows(text: &str) -> bool {
    text.chars().any(|letter| !letter.is_whitespace() && !letter.is_control() && !is_without_ink(letter))
}

fn is_without_ink(letter: char) -> bool {
    matches!(letter,
        // Soft hyphen, grapheme joiner, Arabic letter mark, fillers of Hangul, vowels of Khmer without a form.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}'
        // Mongolian selectors, the empty cell of Braille.
        | '\u{180b}'..='\u{180f}' | '\u{2800}'
        // Zero-width characters, directions, invisible operators, byte order mark, annotations.
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Variation selectors and tags, beams of musical notation.
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}' | '\u{1d173}'..='\u{1d17a}' | '\u{1bca0}'..='\u{1bca3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_spaces_and_marks_without_ink_shows_nothing() {
        for text in [
            "",
            " \t\n",
            "\u{200b}",
            "\u{feff}\u{ad}",
            "\u{3164}",
            "\u{fe0f}",
            "\u{a0}\u{3000}",
            "\u{200d}\u{2060} \u{e0061}",
        ] {
            assert!(!shows(text), "{text:?}");
        }
    }

    #[test]
    fn a_text_with_one_seen_character_shows_something() {
        for text in [
            "a",
            ".",
            "\u{200b}a",
            "\u{1f468}\u{200d}\u{1f469}",
            "\u{2764}\u{fe0f}",
            "\u{646}\u{200c}\u{647}",
        ] {
            assert!(shows(text), "{text:?}");
        }
    }
}
