//! Mailgun: what became of mails that were sent. Source: Mailgun's documentation, "Webhooks" and "Event Structure".

use std::fmt;

use serde_json::Value;

pub use super::ses::Unreadable;
use super::ses::{LONGEST_DIAGNOSTIC, clip, emails, envelope, known, seconds, text, unreadable, word};
use super::{EmailEvent, EmailEventKind, TAG, read_tag};
use crate::channel::Provider;
use crate::email_error::{self, Said};
use crate::proof::{SenderChecks, Verdict};

#[cfg(test)]
mod tests;

/// What Mailgun signs of a webhook: nothing of the event. `Debug` leaves out the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// When, in seconds since 1970.
    pub timestamp: String,
    /// A word that is never used twice.
    pub token: String,
    /// The signature over the two.
    pub signature: String,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("timestamp", &self.timestamp).finish_non_exhaustive()
    }
}

/// What the fields of a mail that Mailgun hands on say of its sender: `X-Mailgun-Spf` and
/// `X-Mailgun-Dkim-Check-Result`, on their own or in the list `message-headers`. A mail may bring headers of these names
/// along, so all of a name count together.
pub fn checks<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> SenderChecks {
    let (mut spf, mut dkim) = (Vec::new(), Vec::new());
    let mut take = |name: &str, told: &str| match name.to_ascii_lowercase().as_str() {
        "x-mailgun-spf" => spf.push(Verdict::of(told)),
        "x-mailgun-dkim-check-result" => dkim.push(Verdict::of(told)),
        _ => {}
    };
    for (name, value) in fields {
        take(name, &String::from_utf8_lossy(value));
        if name == "message-headers" {
            let headers: Vec<(String, String)> = serde_json::from_slice(value).unwrap_or_default();
            for (name, told) in &headers {
                take(name, told);
            }
        }
    }
    SenderChecks { spf: Verdict::together(spf), dkim: Verdict::together(dkim), dmarc: Verdict::Unknown }
}

/// Reads the body of a webhook: one event of one mail, about one receiver.
///
/// # Errors
/// When there is no signature in it to check.
pub fn read(raw: &[u8]) -> Result<(Signed, EmailEvent), Unreadable> {
    let value: Value = serde_json::from_slice(raw).map_err(|_| Unreadable)?;
    let signature = &value["signature"];
    let signed = Signed {
        timestamp: digits(&signature["timestamp"]).ok_or(Unreadable)?,
        token: text(&signature["token"]).ok_or(Unreadable)?.to_owned(),
        signature: text(&signature["signature"]).ok_or(Unreadable)?.to_owned(),
    };
    Ok((signed, event(&value["event-data"])))
}

/// The documentation has the time as a text; as a number it has the same digits.
fn digits(value: &Value) -> Option<String> {
    text(value).map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
}

fn event(value: &Value) -> EmailEvent {
    let Some(name) = text(&value["event"]) else { return unreadable(Provider::Mailgun) };
    let recipients = emails([&value["recipient"]].into_iter());
    let id = text(&value["message"]["headers"]["message-id"]).map(envelope).filter(|id| !id.is_empty());
    let status = &value["delivery-status"];
    let why = text(&status["message"]).or(text(&status["description"])).or(text(&value["reject"]["reason"]));
    EmailEvent {
        provider: Provider::Mailgun,
        provider_message_id: id,
        ours: text(&value["user-variables"][TAG]).and_then(read_tag),
        addressed: None,
        kind: known(kind(name, value), &recipients, None),
        recipients,
        word: word([Some(name), text(&value["severity"]), text(&value["reason"])]),
        diagnostic: why.map(|why| clip(why, LONGEST_DIAGNOSTIC)),
        at: seconds(&value["timestamp"]),
    }
}

fn kind(name: &str, value: &Value) -> EmailEventKind {
    match name {
        "accepted" => EmailEventKind::Sent,
        "delivered" => EmailEventKind::Delivered,
        "unsubscribed" => EmailEventKind::OptedOut,
        "opened" => EmailEventKind::Opened,
        "clicked" => EmailEventKind::Clicked,
        _ => failure(name, value).unwrap_or(EmailEventKind::Other),
    }
}

/// What the words of Mailgun mean and, where it says no more than that it failed, those of the receiving server.
fn failure(name: &str, value: &Value) -> Option<EmailEventKind> {
    let status = &value["delivery-status"];
    let number = status["code"].as_u64().or_else(|| text(&status["code"])?.parse().ok());
    let (severity, reason) = (text(&value["severity"]), text(&value["reason"]));
    let words = |reason| [Some(name), severity, reason];
    let said =
        Said { text: text(&status["message"]), enhanced: text(&status["enhanced-code"]), basic: number };
    match number {
        // Mailgun's own: 602 is too old, 605 to 607 are its lists. The reason may say no more than `generic`.
        Some(602 | 605..=607) => {
            let number = number.map(|number| number.to_string());
            email_error::meaning(Provider::Mailgun, words(number.as_deref()), Said::default())
        }
        // The last response was that it may come later, whatever stands in its words.
        Some(400..=499) => match email_error::meaning(Provider::Mailgun, words(reason), said)? {
            EmailEventKind::Bounced => Some(EmailEventKind::SoftBounced),
            EmailEventKind::Refused(refusal) if refusal.is_for_good() => Some(EmailEventKind::SoftBounced),
            meaning => Some(meaning),
        },
        _ => email_error::meaning(Provider::Mailgun, words(reason), said),
    }
}
