//! How many SMS segments a text costs.
//!
//! A text goes out in the GSM 7-bit alphabet (3GPP TS 23.038) when every character is in it, else as UCS-2.
//! Carriers bill by segment, so the count has to be the one Twilio bills: the rules here give the same answers
//! as Twilio's public segment calculator.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// The most characters Twilio accepts in one message body, in either encoding; a longer one is refused with
/// error 21617.
pub const MAX_CHARACTERS: usize = 1600;

/// The alphabet in which a text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// Seven-bit units: 160 in a single message, 153 in each segment of a longer one.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// UTF-16 units: 70 in a single message, 67 in each segment of a longer one.
    #[serde(rename = "UCS-2")]
    Ucs2,
}

/// What a text costs, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsSegments {
    /// The alphabet the text needs.
    pub encoding: Encoding,
    /// Size of the text in units of that alphabet, without the headers of a message in several segments.
    pub units: usize,
    /// Billed segments; 0 for an empty text, which may only be sent together with media.
    pub segments: usize,
    /// The characters (grapheme clusters) that force UCS-2: each once, in order of first appearance. An editor
    /// shows these, since replacing them can more than halve the price.
    pub non_gsm_characters: Vec<String>,
}

/// Counts the segments of `text` as it will be sent, before any URL or JSON encoding.
///
/// An escape pair of the GSM alphabet or a grapheme cluster is never split over two segments, so the result
/// can be one more than the division of the units gives. A cluster that fits no segment by itself is split
/// between its code points.
pub fn count(text: &str) -> SmsSegments {
    let mut non_gsm_characters: Vec<String> = Vec::new();
    for cluster in clusters(text).filter(|cluster| gsm_units(cluster).is_none()) {
        if !non_gsm_characters.iter().any(|seen| seen == cluster) {
            non_gsm_characters.push(cluster.to_owned());
        }
    }

    let (encoding, costs): (_, Vec<usize>) = if non_gsm_characters.is_empty() {
        (Encoding::Gsm7, clusters(text).filter_map(gsm_units).collect())
    } else {
        (Encoding::Ucs2, clusters(text).flat_map(ucs2_units).collect())
    };

    SmsSegments { encoding, units: costs.iter().sum(), segments: fill(&costs, encoding), non_gsm_characters }
}

/// Units in a message that needs no segment header.
const fn single_limit(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Gsm7 => 160,
        Encoding::Ucs2 => 70,
    }
}

/// Units left in a segment beside the header that lets the handset join the segments.
const fn segment_limit(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Gsm7 => 153,
        Encoding::Ucs2 => 67,
    }
}

/// Segments that hold pieces of the given sizes, none of which may be split.
fn fill(costs: &[usize], encoding: Encoding) -> usize {
    let total: usize = costs.iter().sum();
    if total == 0 {
        return 0;
    }
    if total <= single_limit(encoding) {
        return 1;
    }

    let limit = segment_limit(encoding);
    let (mut segments, mut used) = (1, 0);
    for cost in costs {
        if used + cost > limit {
            segments += 1;
            used = 0;
        }
        used += cost;
    }
    segments
}

/// The grapheme clusters of a text, except that CR LF, one cluster to Unicode, is two characters to a handset.
fn clusters(text: &str) -> impl Iterator<Item = &str> {
    text.graphemes(true).flat_map(|cluster| match cluster {
        "\r\n" => ["\r", "\n"].into_iter().take(2),
        other => [other, ""].into_iter().take(1),
    })
}

/// Pieces, in UTF-16 units, that one cluster adds to a UCS-2 message: one, unless no segment could hold it.
fn ucs2_units(cluster: &str) -> Vec<usize> {
    let whole = cluster.encode_utf16().count();
    if whole <= segment_limit(Encoding::Ucs2) {
        vec![whole]
    } else {
        cluster.chars().map(char::len_utf16).collect()
    }
}

/// Seven-bit units of one cluster; `None` when the GSM alphabet lacks it. A base letter with a combining mark
/// is two code points and therefore lacking, even where the precomposed letter exists.
fn gsm_units(cluster: &str) -> Option<usize> {
    let mut chars = cluster.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if is_gsm_basic(c) => Some(1),
        (Some(c), None) if is_gsm_extension(c) => Some(2),
        _ => None,
    }
}

/// The default alphabet of 3GPP TS 23.038, section 6.2.1, without its escape code.
fn is_gsm_basic(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || " \n\r!\"#%&'()*+,-./:;<=>?@$_".contains(c)
        || "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà".contains(c)
}

/// The extension table of 3GPP TS 23.038, section 6.2.1.1: each costs an escape code and a code.
fn is_gsm_extension(c: char) -> bool {
    "\u{c}^{}\\[~]|€".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digits(n: usize) -> String {
        "1234567890".chars().cycle().take(n).collect()
    }

    #[test]
    fn agrees_with_twilios_calculator() {
        use Encoding::{Gsm7, Ucs2};
        let table = [
            (digits(160), Gsm7, 160, 1),
            (digits(161), Gsm7, 161, 2),
            (digits(306), Gsm7, 306, 2),
            (digits(307), Gsm7, 307, 3),
            ("€".repeat(80), Gsm7, 160, 1),
            ("€".repeat(152), Gsm7, 304, 2),
            ("€".repeat(153), Gsm7, 306, 3),
            (format!("{0}€{0}", "a".repeat(152)), Gsm7, 306, 3),
            ("Ç".repeat(160), Gsm7, 160, 1),
            ("ç".repeat(70), Ucs2, 70, 1),
            ("ç".repeat(71), Ucs2, 71, 2),
            (format!("😜{}", digits(68)), Ucs2, 70, 1),
            (format!("😜{}", digits(69)), Ucs2, 71, 2),
            (format!("😜{}", digits(132)), Ucs2, 134, 2),
            (format!("😜{}", digits(133)), Ucs2, 135, 3),
            (format!("🇮🇹{}", digits(66)), Ucs2, 70, 1),
            (format!("🇮🇹{}", digits(67)), Ucs2, 71, 2),
            (format!("🏳️‍🌈{}", digits(64)), Ucs2, 70, 1),
            (format!("🏳️‍🌈{}", digits(65)), Ucs2, 71, 2),
            (format!("😀{}", "]".repeat(68)), Ucs2, 70, 1),
            (format!("😀{}", "]".repeat(69)), Ucs2, 71, 2),
            (format!("{}😀{}", "ж".repeat(66), "ж".repeat(10)), Ucs2, 78, 2),
            ("It’s".to_owned(), Ucs2, 4, 1),
        ];
        for (text, encoding, units, segments) in table {
            let counted = count(&text);
            assert_eq!(
                (counted.encoding, counted.units, counted.segments),
                (encoding, units, segments),
                "{text}"
            );
        }
    }

    #[test]
    fn an_empty_text_has_no_segment() {
        let counted = count("");
        assert_eq!((counted.encoding, counted.units, counted.segments), (Encoding::Gsm7, 0, 0));
    }

    #[test]
    fn the_alphabet_has_127_characters_and_10_extensions() {
        let all = || (0..=0x2fff).filter_map(char::from_u32);
        assert_eq!(all().filter(|c| is_gsm_basic(*c)).count(), 127);
        assert_eq!(all().filter(|c| is_gsm_extension(*c)).count(), 10);
        assert!(!all().any(|c| is_gsm_basic(c) && is_gsm_extension(c)));
    }

    #[test]
    fn what_looks_like_gsm_but_is_not() {
        for text in ["`", "ç", "á", "í", "ó", "ú", "\t", "“", "–", "…", "e\u{301}", "\u{a0}", "\u{1b}"]
        {
            assert_eq!(count(text).encoding, Encoding::Ucs2, "{text:?}");
        }
    }

    #[test]
    fn a_line_break_of_two_codes_is_two_characters() {
        assert_eq!(count("a\r\nb").units, 4);
        assert_eq!(count(&"\r\n".repeat(80)).segments, 1);
        // the pair may be split, unlike other clusters
        assert_eq!(count(&format!("{}\r\n{}", digits(152), digits(152))).segments, 2);
    }

    #[test]
    fn names_each_offender_once_in_order() {
        assert_eq!(count("“Olá” 👩‍🚀 olá €").non_gsm_characters, ["“", "á", "”", "👩‍🚀"]);
    }

    #[test]
    fn a_cluster_longer_than_a_segment_is_split() {
        let zalgo = format!("a{}", "\u{301}".repeat(140));
        let counted = count(&zalgo);
        assert_eq!((counted.units, counted.segments), (141, 3));
    }

    #[test]
    fn encoding_names_are_the_billed_ones() {
        let json = serde_json::to_string(&[Encoding::Gsm7, Encoding::Ucs2]).unwrap();
        assert_eq!(json, r#"["GSM-7","UCS-2"]"#);
    }

    proptest! {
        #[test]
        fn segments_can_hold_the_units(text in "\\PC{0,400}") {
            let counted = count(&text);
            let limit = match counted.segments { 1 => single_limit(counted.encoding), _ => segment_limit(counted.encoding) };
            prop_assert!(counted.units <= counted.segments * limit);
            prop_assert_eq!(counted.segments == 0, text.is_empty());
        }
    }
}
