//! Recognising the words by which people stop, resume or ask about texts.
//!
//! Only a text that is a keyword *as a whole* counts. `STOP 12345` may be the answer to a question, and whoever
//! says STOP inside a sentence is talking to a person, who can act on it.
//!
//! The opt-out words are those that the FCC obliges senders to honour since 11 April 2025 (47 CFR
//! 64.1200(a)(10): stop, quit, end, revoke, opt out, cancel, unsubscribe) and those that Twilio's default
//! opt-out handling takes, with the French and Spanish words for stop. Opt-in and help words are Twilio's
//! defaults.

use unicode_normalization::UnicodeNormalization;

/// What a whole text asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// No more texts from this business.
    Stop,
    /// Texts from this business are welcome again.
    Start,
    /// Who is this, and how does one stop it.
    Help,
}

const STOP: [&str; 14] = [
    "stop",
    "stopall",
    "stop all",
    "unsubscribe",
    "end",
    "quit",
    "cancel",
    "revoke",
    "optout",
    "opt out",
    "opt-out",
    "arret",
    "arrêt",
    "alto",
];
const START: [&str; 2] = ["start", "unstop"];
const HELP: [&str; 2] = ["help", "info"];

/// The keyword that a received text is, if it is one.
///
/// * `opt_out_type` is Twilio's `OptOutType` parameter (`STOP`, `START` or `HELP`), present when Twilio's own
///   opt-out handling acted on the text. It wins over our reading, for our ledger has to follow what Twilio
///   already did; any other value is ignored.
/// * `opted_out` says whether the writer is opted out of the business now. `YES` is an opt-in only then:
///   otherwise it answers some question.
pub fn parse(text: &str, opt_out_type: Option<&str>, opted_out: bool) -> Option<Keyword> {
    opt_out_type.and_then(provider_keyword).or_else(|| own_keyword(&normalise(text), opted_out))
}

fn provider_keyword(opt_out_type: &str) -> Option<Keyword> {
    match opt_out_type.trim().to_ascii_uppercase().as_str() {
        "STOP" => Some(Keyword::Stop),
        "START" => Some(Keyword::Start),
        "HELP" => Some(Keyword::Help),
        _ => None,
    }
}

fn own_keyword(word: &str, opted_out: bool) -> Option<Keyword> {
    if STOP.contains(&word) {
        Some(Keyword::Stop)
    } else if START.contains(&word) || (opted_out && word == "yes") {
        Some(Keyword::Start)
    } else if HELP.contains(&word) {
        Some(Keyword::Help)
    } else {
        None
    }
}

/// Lower case, compatibility forms composed (full-width letters become ASCII), one space between words, one
/// kind of hyphen, and neither invisible characters nor punctuation around. Symbols such as emoji stay: they
/// are content, so a text with one is no bare keyword.
fn normalise(text: &str) -> String {
    let plain: String = text
        .nfkc()
        .filter(|c| !is_invisible(*c))
        .map(|c| if is_dash(c) { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect();
    let trimmed = plain.trim_matches(|c: char| c.is_whitespace() || c.is_control() || is_punctuation(c));
    trimmed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Zero-width characters and direction marks: keyboards and copied texts bring them, nobody sees them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Punctuation that people put around a word: ASCII, Latin-1, General Punctuation and CJK.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(
            c,
            '¡' | '¿' | '«' | '»' | '·' | '¶' | '§' | '´' | '\u{37e}' | '،' | '؛' | '؟' | '۔' | '।'
        )
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        const S: Option<Keyword> = Some(Keyword::Stop);
        const H: Option<Keyword> = Some(Keyword::Help);
        const G: Option<Keyword> = Some(Keyword::Start);
        let table = [
            // every word
            ("STOP", S),
            ("STOPALL", S),
            ("stop all", S),
            ("UNSUBSCRIBE", S),
            ("end", S),
            ("Quit", S),
            ("cancel", S),
            ("REVOKE", S),
            ("optout", S),
            ("opt out", S),
            ("opt-out", S),
            ("ARRET", S),
            ("Arrêt", S),
            ("alto", S),
            ("START", G),
            ("unstop", G),
            ("HELP", H),
            ("Info", H),
            // spellings
            ("sToP", S),
            (" stop\r\n", S),
            ("Stop.", S),
            ("stop!!!", S),
            ("\"STOP\"", S),
            ("“Stop”", S),
            ("¡Alto!", S),
            ("«arrêt»", S),
            ("(stop)", S),
            ("...stop…", S),
            ("stop。", S),
            ("ＳＴＯＰ", S),
            ("ｏｐｔ　ｏｕｔ", S),
            ("opt   out", S),
            ("Opt\u{a0}Out", S),
            ("opt\u{2011}out", S),
            ("OPT–OUT", S),
            ("arre\u{302}t", S),
            ("\u{200e}stop\u{200b}", S),
            ("\u{feff}STOP", S),
            ("st\u{ad}op", S),
            ("stop\t", S),
            ("- stop -", S),
            ("help?", H),
            ("start.", G),
            // not the whole text
            ("STOP 12345", None),
            ("STOP PLEASE", None),
            ("please stop", None),
            ("stop it", None),
            ("don't stop", None),
            ("stop stop", None),
            ("the end", None),
            ("cancel my appointment", None),
            ("I need help", None),
            ("more info", None),
            ("restart", None),
            ("stopp", None),
            ("st op", None),
            ("s.t.o.p", None),
            ("opt_out", None),
            ("opt in", None),
            // content beside the word
            ("🛑", None),
            ("STOP 🛑", None),
            ("🛑stop", None),
            ("stop❤️", None),
            ("stop1", None),
            // something else
            ("", None),
            ("   ", None),
            ("...", None),
            ("no", None),
            ("yes", None),
            ("стоп", None),
        ];
        assert!(table.len() >= 40);
        for (text, expected) in table {
            assert_eq!(parse(text, None, false), expected, "{text:?}");
        }
    }

    #[test]
    fn yes_resumes_only_what_was_stopped() {
        for text in ["yes", "YES!", " Yes "] {
            assert_eq!(parse(text, None, true), Some(Keyword::Start), "{text:?}");
            assert_eq!(parse(text, None, false), None, "{text:?}");
        }
        assert_eq!(parse("yes please", None, true), None);
    }

    #[test]
    fn the_providers_reading_wins() {
        assert_eq!(parse("aufhören", Some("STOP"), false), Some(Keyword::Stop));
        assert_eq!(parse("yes", Some("START"), false), Some(Keyword::Start));
        assert_eq!(parse("stop", Some("HELP"), false), Some(Keyword::Help));
        assert_eq!(parse("stop", Some(""), false), Some(Keyword::Stop));
        assert_eq!(parse("hello", Some("OTHER"), false), None);
    }
}
