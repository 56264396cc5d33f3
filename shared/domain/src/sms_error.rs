//! What Twilio's error codes for texts mean: the class decides the retry, the reason is for staff.
//!
//! Meant to follow Twilio's public error dictionary; rows have not all been compared with it. Only the codes that texts meet are listed; any other is
//! judged by its range.

use crate::delivery::{ErrorClass, Failure};

/// The code with which Twilio refuses a text to somebody who opted out.
pub const OPTED_OUT: u32 = 21610;
/// The code with which Twilio gives up a text from a number that is not registered for A2P 10DLC.
pub const UNREGISTERED: u32 = 30034;

/// The code with which Twilio gives up a text because the sender's daily limit is used up. It passes within a day.
pub const DAILY_LIMIT: u32 = 30023;

/// Code, class, what staff read: what happened and what to do.
const CODES: &[(u32, ErrorClass, &str)] = &[
    (14101, ErrorClass::Content, "A media attachment could not be loaded. Check its address."),
    (14102, ErrorClass::Content, "The content of the text is missing or not valid. Correct it."),
    (14103, ErrorClass::Content, "The text or its media has an invalid part. Correct it."),
    (14107, ErrorClass::Throttle, "Too many replies were sent in a short time. It is tried again by itself."),
    (20001, ErrorClass::Content, "Twilio could not read the request. Change the text."),
    (20003, ErrorClass::Configuration, "Twilio refused our credentials. Check account SID and auth token."),
    (20005, ErrorClass::Configuration, "The Twilio account is not active. Activate it."),
    (20008, ErrorClass::Configuration, "Test credentials of Twilio were used. Configure the real ones."),
    (20403, ErrorClass::Configuration, "The Twilio account may not do this. Check its permissions."),
    (
        20404,
        ErrorClass::Configuration,
        "Twilio does not know the account or number. Check the configuration.",
    ),
    (20429, ErrorClass::Throttle, "Twilio asked us to slow down. It is tried again by itself."),
    (20500, ErrorClass::Transient, "Twilio had an internal error."),
    (20503, ErrorClass::Transient, "Twilio was unavailable for a moment."),
    (21211, ErrorClass::Address, "The number is not a valid phone number. Correct it."),
    (21212, ErrorClass::Configuration, "The sender number is not valid. Choose another."),
    (21214, ErrorClass::Address, "The number cannot be reached. Check it."),
    (21217, ErrorClass::Address, "The number is not a valid phone number. Correct it."),
    (
        21219,
        ErrorClass::Configuration,
        "A trial account sends to verified numbers only. Upgrade the Twilio account.",
    ),
    (21266, ErrorClass::Address, "Sender and receiver are the same number. Use another number."),
    (21408, ErrorClass::Configuration, "Texts to this country are switched off in the Twilio account."),
    (21602, ErrorClass::Content, "The text is empty."),
    (21603, ErrorClass::Configuration, "No sender number was given. Configure one."),
    (21604, ErrorClass::Address, "No receiver number was given. Add one."),
    (21605, ErrorClass::Content, "The text is too long. Shorten it."),
    (21606, ErrorClass::Configuration, "The sender number cannot send texts. Choose another."),
    (
        21608,
        ErrorClass::Configuration,
        "A trial account sends to verified numbers only. Upgrade the Twilio account.",
    ),
    (
        21609,
        ErrorClass::Configuration,
        "The address for delivery reports is not valid. Check the configuration.",
    ),
    (21610, ErrorClass::Consent, "The client has opted out of texts from this number."),
    (
        21611,
        ErrorClass::Throttle,
        "The sender number has too many texts waiting. It is tried again by itself.",
    ),
    (21612, ErrorClass::Configuration, "The sender number cannot reach this destination. Choose another."),
    (21613, ErrorClass::Configuration, "The sender number is not ready for texts. Choose another."),
    (21614, ErrorClass::Address, "The number cannot receive texts. Use another number or another channel."),
    (21617, ErrorClass::Content, "The text is longer than 1600 characters. Shorten it."),
    (21619, ErrorClass::Content, "The text is empty. Add words or media."),
    (21620, ErrorClass::Content, "A media address is not valid. Correct it."),
    (21623, ErrorClass::Content, "Too many media attachments. Send fewer."),
    (21635, ErrorClass::Address, "The number is a landline. Use another number or another channel."),
    (
        21659,
        ErrorClass::Configuration,
        "The sender number does not belong to the Twilio account. Choose another.",
    ),
    (
        21660,
        ErrorClass::Configuration,
        "The sender number belongs to another Twilio account. Choose another.",
    ),
    (21661, ErrorClass::Configuration, "The sender number cannot send texts. Choose another."),
    (21703, ErrorClass::Configuration, "The messaging service has no sender number. Add one at Twilio."),
    (21704, ErrorClass::Configuration, "The messaging service has no number that fits. Add one at Twilio."),
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
    (30009, ErrorClass::Content, "A part of the text was lost. Send it again."),
    (30010, ErrorClass::Configuration, "The text costs more than the price limit allows. Raise the limit."),
    (30011, ErrorClass::Content, "The client's carrier takes no media. Send it without."),
    (30017, ErrorClass::Transient, "The carrier's network was congested."),
    (30018, ErrorClass::Configuration, "The destination needs a registered sender. Register it at Twilio."),
    (30019, ErrorClass::Content, "The media is too large for the carrier. Send a smaller one."),
    (
        30022,
        ErrorClass::Throttle,
        "The registered daily or hourly rate was used up. It is tried again by itself.",
    ),
    (
        30023,
        ErrorClass::Throttle,
        "The daily limit of the sender is used up, until midnight Pacific time. It is tried again by itself.",
    ),
    (
        30024,
        ErrorClass::Configuration,
        "The sender is not set up at the carrier yet. Check its registration at Twilio.",
    ),
    (
        30027,
        ErrorClass::Throttle,
        "The daily limit of the brand at T-Mobile is used up. It is tried again by itself.",
    ),
    (30032, ErrorClass::Configuration, "The toll-free sender number is not verified. Verify it at Twilio."),
    (30033, ErrorClass::Configuration, "The A2P campaign of the sender is suspended. Contact Twilio."),
    (
        30034,
        ErrorClass::Configuration,
        "The sender number is not registered for texts to the United States (A2P 10DLC). Register it at Twilio.",
    ),
    (
        30035,
        ErrorClass::Configuration,
        "The sender number is still being registered. Wait until Twilio has finished.",
    ),
    (30036, ErrorClass::Expiry, "The text was not delivered within its validity."),
    (30038, ErrorClass::Content, "The text holds a one-time password that was refused. Reword it."),
    (63038, ErrorClass::Configuration, "The Twilio account has reached its daily limit."),
];

/// Class of a code that is not in [`CODES`], by the range Twilio numbers it in.
///
/// No range of unknown codes retries by itself, except Twilio's server errors: sending again costs money and may annoy
/// a client.
fn class_by_range(code: u32) -> ErrorClass {
    match code {
        20429 => ErrorClass::Throttle,
        20500..=20599 => ErrorClass::Transient,
        14100..=14199 | 21615..=21623 => ErrorClass::Content,
        _ => ErrorClass::Configuration,
    }
}

/// Where Twilio explains `code`.
pub fn page(code: u32) -> String {
    format!("https://www.twilio.com/docs/api/errors/{code}")
}

/// Failure for a code in a delivery report or a refusal. Unknown codes get their class from their range.
pub fn failure(code: u32, text: Option<&str>) -> Failure {
    let known = CODES.iter().find(|(known, _, _)| *known == code);
    Failure {
        code: Some(code.to_string()),
        class: known.map_or_else(|| class_by_range(code), |(_, class, _)| *class),
        reason: match (known, text) {
            (Some((_, _, reason)), _) => (*reason).to_owned(),
            (None, Some(text)) if !text.is_empty() => format!("Twilio refused it: {text}"),
            (None, _) => format!("Twilio refused it with error {code}. See {}", page(code)),
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
    fn newer_codes_for_receivers_and_senders_have_their_class() {
        let class = |code| failure(code, None).class;
        assert_eq!(class(21635), ErrorClass::Address);
        assert_eq!(class(21659), ErrorClass::Configuration);
        assert_eq!(class(30032), ErrorClass::Configuration);
        assert_eq!(class(DAILY_LIMIT), ErrorClass::Throttle);
    }

    #[test]
    fn every_row_has_a_sentence_as_reason() {
        for (code, _, reason) in CODES {
            assert!(reason.ends_with('.') && reason.len() > 15, "{code}");
        }
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
