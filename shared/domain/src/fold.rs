//! Folding: what two spellings of the same words have in common, for search and for order.

use unicode_normalization::UnicodeNormalization;

/// A text without case and diacritics: `É` and `e` are one, `ﬁ` and `fi` are one. Marks that carry meaning in their
/// script (vowels of Devanagari or Thai, say) stay; those that decorate a letter (accents, Hebrew points, Arabic
/// vowels) go. Runs of white space become one space.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.nfkd().filter(|c| !is_diacritic(*c)).flat_map(char::to_lowercase) {
        if c.is_whitespace() {
            gap = !folded.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            folded.push(' ');
        }
        match c {
            'ß' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ı' => folded.push('i'),
            c => folded.push(c),
        }
    }
    // A letter can bring a mark of its own when its case goes: the capital dotted i.
    folded.retain(|c| !is_diacritic(c));
    folded
}

/// A mark that decorates the letter before it.
fn is_diacritic(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}' | '\u{0591}'..='\u{05BD}' | '\u{05BF}' | '\u{05C1}' | '\u{05C2}' | '\u{05C4}'
        | '\u{05C5}' | '\u{05C7}' | '\u{0640}' | '\u{064B}'..='\u{065F}' | '\u{0670}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_accents_go_and_what_carries_meaning_stays() {
        let cases = [
            ("Émile  ZOLA ", "emile zola"),
            ("Straße", "strasse"),
            ("İstanbul", "istanbul"),
            ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
            ("Ångström", "angstrom"),
            ("Łódź", "lodz"),
            ("ﬁt", "fit"),
            ("किताब", "किताब"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("日本語", "日本語"),
            ("👩‍👩‍👧 ok", "👩‍👩‍👧 ok"),
        ];
        for (given, folded) in cases {
            assert_eq!(fold(given), folded, "{given}");
        }
    }

    proptest! {
        #[test]
        fn what_is_folded_stays_as_it_is(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
