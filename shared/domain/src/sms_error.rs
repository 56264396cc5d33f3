//! Meaning of Twilio's error codes for texts: the class decides the retry; reason and advice are for staff.
//!
//! `rows` holds Twilio's published reference; a code that is not in it is judged by its range.

mod rows;

use crate::failure::Failure;
pub use rows::{Meaning, Row, page};
use rows::{OTHER, RANGES, ROWS};

/// The code with which Twilio refuses a text to a client who opted out.
pub const OPTED_OUT: u32 = 21610;

/// The code with which Twilio gives up a text from a number that is not registered for A2P 10DLC.
pub const UNREGISTERED: u32 = 30034;

/// The code of a request that came too fast.
pub const TOO_MANY_REQUESTS: u32 = 20429;

/// The codes of daily limits of a sender. They end at midnight Pacific time.
const DAILY_LIMITS: [u32; 2] = [30023, 30027];

/// The table, sorted by code.
pub fn table() -> &'static [Row] {
    ROWS
}

/// Meaning of `code`: its row, or else that of its range.
pub fn meaning(code: u32) -> Meaning {
    known(code).unwrap_or_else(|| {
        let range = RANGES.iter().find(|(first, last, _)| (*first..=*last).contains(&code));
        range.map_or(OTHER, |(_, _, meaning)| *meaning)
    })
}

/// Whether `code` is a sender's daily limit.
pub fn is_daily_limit(code: &str) -> bool {
    code.parse().is_ok_and(|code| DAILY_LIMITS.contains(&code))
}

/// Failure for a code in a delivery report or a refusal. `text` is what Twilio says of it.
pub fn failure(code: u32, text: Option<&str>) -> Failure {
    let Meaning { class, reason, .. } = meaning(code);
    let reason = match (known(code), text) {
        (Some(_), _) => reason.to_owned(),
        (None, Some(text)) if !text.is_empty() => format!("Twilio refused it: {text}"),
        (None, _) => format!("{reason} Twilio's error is {code}, see {}.", page(code)),
    };
    Failure { code: Some(code.to_string()), class, reason }
}

fn known(code: u32) -> Option<Meaning> {
    let place = ROWS.binary_search_by_key(&code, |row| row.code).ok()?;
    ROWS.get(place).map(|row| row.meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::ErrorClass;
    use std::fmt::Write as _;
    use std::path::Path;

    const CLASSES: [ErrorClass; 9] = [
        ErrorClass::Throttle,
        ErrorClass::Transient,
        ErrorClass::Ambiguous,
        ErrorClass::Address,
        ErrorClass::Consent,
        ErrorClass::Content,
        ErrorClass::Configuration,
        ErrorClass::Expiry,
        ErrorClass::Schedule,
    ];

    #[test]
    fn codes_of_every_class_decide_what_comes_next() {
        let class = |code| failure(code, None).class;
        assert_eq!(class(20429), ErrorClass::Throttle);
        assert_eq!(class(30023), ErrorClass::Throttle);
        assert_eq!(class(30003), ErrorClass::Transient);
        assert_eq!(class(30005), ErrorClass::Address);
        assert_eq!(class(21635), ErrorClass::Address);
        assert_eq!(class(OPTED_OUT), ErrorClass::Consent);
        assert_eq!(class(30007), ErrorClass::Content);
        assert_eq!(class(20003), ErrorClass::Configuration);
        assert_eq!(class(21659), ErrorClass::Configuration);
        assert_eq!(class(30032), ErrorClass::Configuration);
        assert_eq!(class(30036), ErrorClass::Expiry);
        assert_eq!(class(30410), ErrorClass::Ambiguous);
    }

    #[test]
    fn every_row_has_reason_and_advice_in_short_sentences() {
        for row in table() {
            let Meaning { reason, advice, .. } = row.meaning;
            for sentence in reason.split_inclusive(". ").chain(advice.split_inclusive(". ")) {
                assert!(sentence.trim_end().ends_with('.'), "{}: {sentence}", row.code);
                assert!(sentence.split_whitespace().count() <= 25, "{}: {sentence}", row.code);
            }
            assert!(row.page().ends_with(&format!("/docs/api/errors/{}", row.code)));
        }
    }

    #[test]
    fn every_row_reaches_its_failure_and_its_advice() {
        for row in table() {
            let failure = failure(row.code, Some("words of Twilio"));
            assert_eq!(failure.code, Some(row.code.to_string()));
            assert_eq!((failure.class, &*failure.reason), (row.meaning.class, row.meaning.reason));
            assert_eq!(crate::delivery::advice(&failure), row.meaning.advice);
        }
    }

    #[test]
    fn codes_are_listed_once_and_in_order() {
        assert!(ROWS.is_sorted_by(|a, b| a.code < b.code));
    }

    #[test]
    fn unknown_codes_get_the_class_of_their_range() {
        let class = |code| failure(code, None).class;
        assert_eq!(class(14150), ErrorClass::Content);
        assert_eq!(class(20599), ErrorClass::Transient);
        assert_eq!(class(20199), ErrorClass::Configuration);
        assert_eq!(class(21269), ErrorClass::Address);
        for code in [1, 9999, 21299, 21699, 21999, 30099, 30499, 30999, 63999, 99_999, 572_999] {
            assert_eq!(class(code), ErrorClass::Configuration, "{code}");
        }
    }

    #[test]
    fn unknown_codes_keep_the_words_of_twilio() {
        assert_eq!(failure(99_999, Some("No such thing")).reason, "Twilio refused it: No such thing");
        assert!(failure(99_999, None).reason.contains("docs/api/errors/99999"));
        assert!(failure(99_999, Some("")).reason.contains("99999"));
    }

    /// The table of docs/twilio-errors.md, and the codes of each class in docs/http-api.md.
    #[test]
    fn documentation_lists_the_codes_as_the_table_has_them() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let mut whole = String::from("| Code | Class | Reason | Advice |\n|---|---|---|---|\n");
        for row in table() {
            let Meaning { class, reason, advice } = row.meaning;
            let (code, class) = (row.code, class.as_str());
            writeln!(whole, "| [{code}]({}) | `{class}` | {reason} | {advice} |", row.page()).unwrap();
        }
        whole.push_str("\n| Codes without a row | Class | Reason | Advice |\n|---|---|---|---|\n");
        for (first, last, Meaning { class, reason, advice }) in RANGES {
            writeln!(whole, "| {first} to {last} | `{}` | {reason} | {advice} |", class.as_str()).unwrap();
        }
        let Meaning { class, reason, advice } = OTHER;
        writeln!(whole, "| any other | `{}` | {reason} | {advice} |", class.as_str()).unwrap();
        hold(&docs.join("twilio-errors.md"), &whole);

        let mut classes = String::from("| Class | Twilio's codes |\n|---|---|\n");
        for class in CLASSES {
            let codes = table().iter().filter(|row| row.meaning.class == class);
            let codes: Vec<String> = codes.map(|row| row.code.to_string()).collect();
            let codes = if codes.is_empty() { "none".to_owned() } else { codes.join(", ") };
            writeln!(classes, "| `{}` | {codes} |", class.as_str()).unwrap();
        }
        hold(&docs.join("http-api.md"), &classes);
    }

    /// Compares the part between the markers of a page, or writes it when `UPDATE_DOCS` is set.
    fn hold(page: &Path, expected: &str) {
        const MARKERS: [&str; 2] = ["<!-- twilio-errors: begin -->\n", "<!-- twilio-errors: end -->"];
        let text = std::fs::read_to_string(page).unwrap();
        let (before, rest) = text.split_once(MARKERS[0]).expect("a first marker");
        let (found, after) = rest.split_once(MARKERS[1]).expect("a second marker");
        if option_env!("UPDATE_DOCS").is_some() {
            std::fs::write(page, [before, MARKERS[0], expected, MARKERS[1], after].concat()).unwrap();
        } else {
            assert_eq!(found, expected, "{}: run this test with UPDATE_DOCS=1", page.display());
        }
    }
}
