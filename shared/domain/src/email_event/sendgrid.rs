//! SendGrid: what became of mails that were sent. Source: Twilio's documentation, "Event Webhook Reference".

use serde_json::Value;

pub use super::ses::Unreadable;
use super::ses::{LONGEST_DIAGNOSTIC, clip, emails, known, seconds, text, unreadable, word};
use super::{EmailEvent, EmailEventKind, TAG, read_tag};
use crate::channel::Provider;
use crate::email_error::{self, Said};
use crate::proof::{SenderChecks, Verdict};

#[cfg(test)]
mod tests;

/// What the fields `SPF` and `dkim` of the Inbound Parse Webhook say of the sender of a mail. `dkim` names the domain of
/// each signature: `{@example.com : pass}`. Of several signatures one is enough.
pub fn checks(spf: &str, dkim: &str) -> SenderChecks {
    let results = dkim.trim_matches(|c: char| c.is_whitespace() || "{}".contains(c)).split(',');
    let results = results.filter_map(|one| one.rsplit_once(':')).map(|(_, result)| Verdict::of(result));
    let results: Vec<Verdict> = results.collect();
    let dkim = [Verdict::Pass, Verdict::Fail].into_iter().find(|verdict| results.contains(verdict));
    SenderChecks { spf: Verdict::of(spf), dkim: dkim.unwrap_or_default(), dmarc: Verdict::Unknown }
}

/// Reads the body of a post of the event webhook: many events of many mails, in no order. Each is about one receiver.
///
/// # Errors
/// When it is no array.
pub fn read(raw: &[u8]) -> Result<Vec<EmailEvent>, Unreadable> {
    let value: Value = serde_json::from_slice(raw).map_err(|_| Unreadable)?;
    let events = value.as_array().ok_or(Unreadable)?;
    Ok(events.iter().map(event).collect())
}

fn event(value: &Value) -> EmailEvent {
    let Some(name) = text(&value["event"]) else { return unreadable(Provider::Sendgrid) };
    let recipients = emails([&value["email"]].into_iter());
    let reason = text(&value["reason"]).or(text(&value["response"]));
    EmailEvent {
        provider: Provider::Sendgrid,
        provider_message_id: text(&value["sg_message_id"]).map(|id| message_id(id).to_owned()),
        ours: text(&value[TAG]).and_then(read_tag),
        addressed: None,
        kind: known(kind(name, value), &recipients, None),
        recipients,
        word: word([Some(name), text(&value["type"])]),
        diagnostic: reason.map(|reason| clip(reason, LONGEST_DIAGNOSTIC)),
        at: seconds(&value["timestamp"]),
    }
}

/// The part of an event's id of the mail that was in the answer to its sending. What follows the first dot is the way
/// the mail took.
fn message_id(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

fn kind(name: &str, value: &Value) -> EmailEventKind {
    match name {
        "processed" => EmailEventKind::Sent,
        "delivered" => EmailEventKind::Delivered,
        "deferred" => EmailEventKind::Delayed,
        "unsubscribe" | "group_unsubscribe" => EmailEventKind::OptedOut,
        "group_resubscribe" => EmailEventKind::OptedIn,
        "open" => EmailEventKind::Opened,
        "click" => EmailEventKind::Clicked,
        _ => failure(name, value).unwrap_or(EmailEventKind::Other),
    }
}

/// What the words of SendGrid mean and, where they are generic, those of the receiving server. SendGrid tells only in the
/// reason on which of its lists an address is.
fn failure(name: &str, value: &Value) -> Option<EmailEventKind> {
    let (reason, class) = (text(&value["reason"]), text(&value["bounce_classification"]));
    let finer = if name == "dropped" { reason } else { text(&value["type"]) };
    let said = Said { text: reason, enhanced: text(&value["status"]), basic: None };
    email_error::meaning(Provider::Sendgrid, [Some(name), finer, class], said)
}
