//! What Twilio's error codes for texts mean: the class decides the retry, the reason is for staff.
//!
//! Source: Twilio's public error dictionary. Only the codes that texts meet in practice are listed; any other is
//! judged by [`failure`]'s fallback.

use crate::delivery::{ErrorClass, Failure};

/// The code with which Twilio refuses a text to somebody who opted out.
pub const OPTED_OUT: u32 = 21610;
/// The code with which Twilio gives up a text from a number that is not registered for A2P 10DLC.
pub const UNREGISTERED: u32 = 30034;

/// Code, class, what staff read: what happened and what to do.
const CODES: &[(u32, ErrorClass, &str)] = &[
    (20003, ErrorClass::Configuration, "Twilio refused our credentials. Check account SID and auth token."),
    (
        20404,
        ErrorClass::Configuration,
        "Twilio does not know the account or number. Check the configuration.",
    ),
    (20429, ErrorClass::Throttle, "Twilio asked us to slow down. It is tried again by itself."),
    (21211, ErrorClass::Address, "The number is not a valid phone number. Correct it."),
    (21408, ErrorClass::Configuration, "Texts to this country are switched off in the Twilio account."),
    (21602, ErrorClass::Content, "The text is empty."),
    (21606, ErrorClass::Configuration, "The sender number cannot send texts. Choose another."),
    (21610, ErrorClass::Consent, "The client has opted out of texts from this number."),
    (
        21611,
        ErrorClass::Throttle,
        "The sender number has too many texts waiting. It is tried again by itself.",
    ),
    (21612, ErrorClass::Configuration, "The sender number cannot reach this destination. Choose another."),
    (21614, ErrorClass::Address, "The number cannot receive texts. Use another number or another channel."),
    (21617, ErrorClass::Content, "The text is longer than 1600 characters. Shorten it."),
    (21620, ErrorClass::Content, "A media address is not valid. Correct it."),
    (30001, ErrorClass::Throttle, "Twilio's queue was full. It is tried again by itself."),
    (30002, ErrorClass::Configuration, "The Twilio account is suspended."),
    (30003, ErrorClass::Transient, "The phone could not be reached, perhaps switched off."),
    (30004, ErrorClass::Address, "The client's carrier blocks texts to this number. Use another channel."),
    (30005, ErrorClass::Address, "The number does not exist any more. Ask the client for a new one."),
    (30006, ErrorClass::Address, "The number is a landline. Use another number or another channel."),
    (
        30007,
        ErrorClass::Content,
        "The carrier filtered the text as unwanted. Reword it and avoid short links.",
    ),
    (30008, ErrorClass::Transient, "The carrier gave no reason."),
    (30011, ErrorClass::Content, "The client's carrier takes no media. Send it without."),
    (30017, ErrorClass::Transient, "The carrier's network was congested."),
    (
        30022,
        ErrorClass::Throttle,
        "The registered daily or hourly rate was used up. It is tried again by itself.",
    ),
    (
        30034,
        ErrorClass::Configuration,
        "The sender number is not registered for texts to the United States (A2P 10DLC). Register it at Twilio.",
    ),
    (30036, ErrorClass::Expiry, "The text was not delivered within its validity."),
    (63038, ErrorClass::Configuration, "The Twilio account has reached its daily limit."),
];

/// What a code in a status callback or a refusal means. An unknown code is taken as permanent, because sending again
/// what was refused for an unknown reason costs money and may annoy a client; staff can still retry it by hand.
pub fn failure(code: u32, text: Option<&str>) -> Failure {
    let known = CODES.iter().find(|(known, _, _)| *known == code);
    Failure {
        code: Some(code.to_string()),
        class: known.map_or(ErrorClass::Content, |(_, class, _)| *class),
        reason: match (known, text) {
            (Some((_, _, reason)), _) => (*reason).to_owned(),
            (None, Some(text)) if !text.is_empty() => format!("Twilio refused it: {text}"),
            (None, _) => format!("Twilio refused it with error {code}."),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_what_the_dictionary_implies() {
        let class = |code| failure(code, None).class;
        for code in [20429, 21611, 30001, 30022] {
            assert_eq!(class(code), ErrorClass::Throttle, "{code}");
        }
        for code in [30003, 30008, 30017] {
            assert_eq!(class(code), ErrorClass::Transient, "{code}");
        }
        for code in [21211, 21614, 30004, 30005, 30006] {
            assert_eq!(class(code), ErrorClass::Address, "{code}");
        }
        for code in [30007, 21617, 30011, 21620] {
            assert_eq!(class(code), ErrorClass::Content, "{code}");
        }
        for code in [30002, 30034, 21606, 21612, 63038, 20003] {
            assert_eq!(class(code), ErrorClass::Configuration, "{code}");
        }
        assert_eq!(class(OPTED_OUT), ErrorClass::Consent);
        assert_eq!(class(30036), ErrorClass::Expiry);
    }

    #[test]
    fn codes_are_listed_once_and_in_order() {
        assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn an_unknown_code_keeps_its_number_and_is_not_retried() {
        let unknown = failure(39999, Some("Something new"));
        assert_eq!(unknown.code.as_deref(), Some("39999"));
        assert!(!unknown.class.retries_by_itself());
        assert!(unknown.reason.contains("Something new"));
    }
}
