//! Searching texts: which ones contain the words of a query, and where.

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use crate::fold::{fold, fold_into};

/// The longest query, in characters.
pub const LONGEST: usize = 200;
/// The most places of one text that are told: a letter of the alphabet is everywhere.
pub const MOST_HIGHLIGHTS: usize = 100;

/// Where a text has a word of the query: the UTF-16 code units from `start` up to `end`, which is what browsers index
/// strings by. A grapheme cluster (an emoji of several people, a letter with its marks) is never cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Highlight {
    /// The first unit.
    pub start: usize,
    /// The unit behind the last one.
    pub end: usize,
}

/// The words to look for. Case and diacritics do not count, nor does their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Query(Vec<String>);

impl Query {
    /// The words of a text, which white space separates; everything else is looked for as it is. `None` when there is
    /// nothing to look for.
    pub fn parse(text: &str) -> Option<Query> {
        let mut words: Vec<String> = fold(text).split_whitespace().map(str::to_owned).collect();
        words.sort_unstable();
        words.dedup();
        (!words.is_empty()).then_some(Query(words))
    }

    /// Where a text has the words, from its beginning on, what overlaps or touches being one place; the first
    /// [`MOST_HIGHLIGHTS`] of them. `None` when a word is missing.
    pub fn highlights(&self, text: &str) -> Option<Vec<Highlight>> {
        let text = Folded::of(text);
        let mut places = Vec::new();
        for word in &self.0 {
            let before = places.len();
            text.find(word, &mut places);
            if places.len() == before {
                return None;
            }
        }
        places.sort_unstable_by_key(|place| (place.start, place.end));
        places.dedup_by(|next, place| {
            let joins = next.start <= place.end;
            if joins {
                place.end = place.end.max(next.end);
            }
            joins
        });
        places.truncate(MOST_HIGHLIGHTS);
        Some(places)
    }
}

/// A text as it is searched, and where each part of it comes from.
struct Folded {
    text: String,
    /// None for ASCII, in which everything stays where it is.
    clusters: Vec<Cluster>,
}

/// A grapheme cluster.
struct Cluster {
    /// Where what it folds to begins.
    folded: usize,
    /// Where it begins in the text that is shown.
    shown: usize,
}

impl Folded {
    fn of(text: &str) -> Folded {
        let mut folded = Folded { text: String::with_capacity(text.len()), clusters: Vec::new() };
        if text.is_ascii() {
            fold_into(&mut folded.text, text);
            return folded;
        }
        let mut shown = 0;
        for cluster in text.graphemes(true) {
            folded.clusters.push(Cluster { folded: folded.text.len(), shown });
            fold_into(&mut folded.text, cluster);
            shown += cluster.encode_utf16().count();
        }
        // What would come next: the end of the last one.
        folded.clusters.push(Cluster { folded: folded.text.len(), shown });
        folded
    }

    /// Adds where a word is, without overlaps.
    fn find(&self, word: &str, places: &mut Vec<Highlight>) {
        let mut from = 0;
        while let Some(found) = self.text[from..].find(word) {
            let (start, end) = (from + found, from + found + word.len());
            let place = self.place(start, end);
            places.extend(place);
            from = match place {
                Some(_) => end,
                None => start + self.text[start..].chars().next().map_or(1, char::len_utf8),
            };
        }
    }

    /// What is shown of what stands from `start` to `end`. `None` when that is part of something else.
    fn place(&self, start: usize, end: usize) -> Option<Highlight> {
        if self.clusters.is_empty() {
            return Some(Highlight { start, end });
        }
        // Clusters that fold to nothing stand where the next one begins, so the last of them is the one.
        let first = self.clusters.partition_point(|cluster| cluster.folded <= start) - 1;
        let behind = self.clusters.partition_point(|cluster| cluster.folded < end);
        let cut = self.cuts(first, start) || self.cuts(behind - 1, end);
        (!cut).then(|| Highlight { start: self.clusters[first].shown, end: self.clusters[behind].shown })
    }

    /// Whether a place is within a cluster that is one sign, whatever it is made of: half of a flag is no flag, and a
    /// syllable is not found in a longer one.
    fn cuts(&self, cluster: usize, place: usize) -> bool {
        let (begins, ends) = (self.clusters[cluster].folded, self.clusters[cluster + 1].folded);
        let first = self.text[begins..].chars().next();
        begins < place && place < ends && first.is_some_and(is_part_of_a_sign)
    }
}

/// A letter of a flag, of a Korean syllable, or a Japanese one that a mark makes another.
fn is_part_of_a_sign(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}' | '\u{1100}'..='\u{115F}' | '\u{3041}'..='\u{30FF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    /// The highlighted parts of a text, cut out as a browser does. `None` when it does not match.
    fn found(query: &Query, text: &str) -> Option<Vec<String>> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let cut =
            |place: &Highlight| String::from_utf16(&units[place.start..place.end]).expect("whole characters");
        Some(query.highlights(text)?.iter().map(cut).collect())
    }

    #[test]
    fn words_are_found_in_any_script_case_and_order() {
        let cases = [
            ("ada", "Hello Ada, ADA and Adamant", "Ada|ADA|Ada"),
            ("lovelace ada", "Ada Lovelace", "Ada|Lovelace"),
            ("resume", "My Résumé and re\u{301}sume\u{301}", "Résumé|re\u{301}sume\u{301}"),
            ("RÉSUMÉ", "my resume", "resume"),
            ("STRASSE", "Hauptstraße 5", "straße"),
            ("fi", "the ﬁne print", "ﬁ"),
            ("isparta", "ISPARTA", "ISPARTA"),
            ("οδυσσευσ", "Ὁ Ὀδυσσεύς", "Ὀδυσσεύς"),
            ("ЕЩЁ", "и еще раз", "еще"),
            ("محمد", "مُحَمَّد هنا", "مُحَمَّد"),
            ("שלום", "אמר שָׁלוֹם לך", "שָׁלוֹם"),
            ("किताब", "मेरी किताबें", "किताबें"),
            ("料金", "月の料金は?", "料金"),
            ("ｶﾞｽ", "都市ガス料金", "ガス"),
            ("价格", "请问价格是多少", "价格"),
            ("안녕", "안녕하세요", "안녕"),
            ("don't", "I don’t know", "don’t"),
            ("50%", "50% off, not 500", "50%"),
            (".*", "a .* b", ".*"),
            ("a+b?", "is a+b? so", "a+b?"),
            ("👍", "great 👍🏽!", "👍🏽"),
            ("👧", "the 👩‍👩‍👧 family", "👩‍👩‍👧"),
            ("👩‍👩‍👧", "the 👩‍👩‍👧 family", "👩‍👩‍👧"),
            ("❤", "love ❤️", "❤️"),
            ("❤️", "love ❤", "❤"),
            ("🇸🇪", "to 🇩🇪🇸🇪", "🇸🇪"),
        ];
        for (query, text, highlighted) in cases {
            let places = found(&Query::parse(query).unwrap(), text).map(|places| places.join("|"));
            assert_eq!(places.as_deref(), Some(highlighted), "{query} in {text}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_not_found() {
        let cases = [
            ("ada bob", "Ada alone"),
            ("adalovelace", "Ada Lovelace"),
            ("a.a", "ada"),
            ("か", "が"),
            ("가", "각하"),
            ("🇪🇸", "to 🇩🇪🇸🇪"),
            ("👍🏽", "👍"),
        ];
        for (query, text) in cases {
            assert_eq!(found(&Query::parse(query).unwrap(), text), None, "{query} in {text}");
        }
        assert_eq!(found(&Query::parse("각").unwrap(), "가각").unwrap(), ["각"]);
    }

    #[test]
    fn there_is_something_to_look_for_or_no_query() {
        for blank in ["", " ", "\t\u{a0}\u{3000}", "\u{301}", "\u{200b}\u{feff}"] {
            assert_eq!(Query::parse(blank), None, "{blank:?}");
        }
        assert_eq!(Query::parse("Ada  LOVELACE ada"), Query::parse("lovelace ada"));
    }

    #[test]
    fn what_overlaps_or_touches_is_one_place() {
        let query = Query::parse("ban ana").unwrap();
        assert_eq!(query.highlights("a banana").unwrap(), [Highlight { start: 2, end: 6 }]);
        let query = Query::parse("a").unwrap();
        assert_eq!(query.highlights("👩 aaa").unwrap(), [Highlight { start: 3, end: 6 }]);
    }

    #[test]
    fn only_the_first_places_of_a_text_are_told() {
        let places = Query::parse("a").unwrap().highlights(&"a ".repeat(5_000)).unwrap();
        assert_eq!((places.len(), places[99]), (MOST_HIGHLIGHTS, Highlight { start: 198, end: 199 }));
    }

    #[test]
    fn plain_letters_are_where_they_are_beside_others_too() {
        let query = Query::parse("it's on").unwrap();
        let text = "IT'S\r\non Monday, it's ON!";
        let places = query.highlights(text).unwrap();
        assert_eq!(found(&query, text).unwrap(), ["IT'S", "on", "on", "it's", "ON"]);
        assert_eq!(query.highlights(&format!("{text} ✓")).unwrap(), places);
    }

    /// The words as somebody else would write them.
    fn disguised(word: &str, how: u8) -> String {
        match how {
            0 => word.to_uppercase(),
            1 => word.to_lowercase(),
            2 => word.chars().flat_map(|c| [c, '\u{301}']).collect(),
            3 => word.nfd().collect(),
            _ => word.nfc().collect(),
        }
    }

    /// Any text, also one of letters that are easily mixed up and what joins them.
    const ANY: &str = "[aAéßﬁ가각\u{1100}\u{1161}かが\u{3099}किष्🇩🇪👩👧❤\u{fe0f}🏽\u{301}\u{327}\u{200d}\u{200b}\r\n ]{0,30}|\\PC{0,30}|\\p{any}{0,30}";
    const SHORT: &str = "[aAéßﬁ가각\u{1100}\u{1161}かが\u{3099}किष्🇩🇪👩👧❤\u{fe0f}🏽\u{301}\u{327}\u{200d}\u{200b}\r\n ]{1,3}|\\PC{1,3}|\\p{any}{1,3}";

    proptest! {
        #[test]
        fn a_text_that_contains_the_words_matches(
            words in prop::collection::vec(("\\PC{1,8}|[a-zéößßщ日]{1,5}", 0..5u8), 1..5),
            around in prop::collection::vec("\\PC{0,10}", 5),
        ) {
            // The subscript iota of ancient Greek is a letter as a capital.
            let known = |word: &str| word.nfd().all(|c| c != '\u{345}');
            let words: Vec<_> = words.into_iter().filter(|(word, _)| known(word)).collect();
            let asked: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
            let mut text = String::new();
            for ((word, how), around) in words.iter().rev().zip(&around) {
                text.extend([around, " ", &disguised(word, *how), " "]);
            }
            if let Some(query) = Query::parse(&asked.join(" ")) {
                prop_assert!(query.highlights(&text).is_some(), "{:?} in {:?}", query, text);
            }
        }

        #[test]
        fn a_place_has_a_word_cuts_no_cluster_and_touches_no_other(
            query in SHORT,
            text in ANY,
        ) {
            let Some(query) = Query::parse(&query) else { return Ok(()) };
            let Some(places) = query.highlights(&text) else { return Ok(()) };
            let mut boundaries = vec![0];
            for cluster in text.graphemes(true) {
                boundaries.push(boundaries[boundaries.len() - 1] + cluster.encode_utf16().count());
            }
            for place in &places {
                prop_assert!(place.start < place.end);
                prop_assert!(boundaries.contains(&place.start) && boundaries.contains(&place.end));
            }
            prop_assert!(places.windows(2).all(|pair| pair[0].end < pair[1].start));
            let folded: Vec<String> = found(&query, &text).unwrap().iter().map(|text| fold(text)).collect();
            for word in &query.0 {
                prop_assert!(folded.iter().any(|place| place.contains(word)));
            }
            for place in &folded {
                prop_assert!(query.0.iter().any(|word| place.contains(word)));
            }
        }
    }
}
