//! Postmark: what became of mails that were sent, and mails that came in. Source: Postmark's documentation, "Webhooks"
//! and "Bounce API" with its list of bounce types.

use serde_json::Value;

pub use super::ses::Unreadable;
use super::ses::{LONGEST_DIAGNOSTIC, clip, emails, envelope, known, list, text, word};
use super::{EmailEvent, EmailEventKind, TAG, read_tag};
use crate::channel::Provider;
use crate::content::Text;
use crate::email_error::{self, Said};
use crate::proof::{SenderChecks, Verdict};
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// What Postmark writes in place of an id when an event has no mail.
const NO_MESSAGE: &str = "00000000-0000-0000-0000-000000000000";

/// Reads the body of a webhook: one event of one mail, about one receiver.
///
/// # Errors
/// When it does not say what it records.
pub fn read(raw: &[u8]) -> Result<EmailEvent, Unreadable> {
    let value: Value = serde_json::from_slice(raw).map_err(|_| Unreadable)?;
    let record = text(&value["RecordType"]).ok_or(Unreadable)?;
    let recipients = emails([&value["Recipient"], &value["Email"]].into_iter());
    let finer = text(&value["Type"]).or(text(&value["SuppressionReason"]));
    let why = text(&value["Details"]).or(text(&value["Description"])).filter(|_| record == "Bounce");
    Ok(EmailEvent {
        provider: Provider::Postmark,
        provider_message_id: text(&value["MessageID"]).filter(|id| *id != NO_MESSAGE).map(str::to_owned),
        ours: text(&value["Metadata"][TAG]).and_then(read_tag),
        addressed: None,
        kind: known(kind(record, &value), &recipients, None),
        recipients,
        word: word([Some(record), finer]),
        diagnostic: why.map(|why| clip(why, LONGEST_DIAGNOSTIC)),
        at: time(&value),
    })
}

/// Each record has its time under a name of its own.
fn time(value: &Value) -> Option<Timestamp> {
    ["DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt"]
        .into_iter()
        .find_map(|name| text(&value[name]))
        .and_then(Timestamp::parse)
}

fn kind(record: &str, value: &Value) -> EmailEventKind {
    match record {
        "Delivery" => EmailEventKind::Delivered,
        "Bounce" => bounce(value),
        "SpamComplaint" => EmailEventKind::Complained,
        "Open" => EmailEventKind::Opened,
        "Click" => EmailEventKind::Clicked,
        "SubscriptionChange" => change(value),
        _ => EmailEventKind::Other,
    }
}

/// What the type of a bounce means and, where it is generic, the words of the receiving server. Responses of machines to
/// a mail that did arrive have no row.
fn bounce(value: &Value) -> EmailEventKind {
    let name = text(&value["Type"]).or_else(|| value["TypeCode"].as_u64().and_then(bounce_name));
    let said = Said { text: text(&value["Details"]), ..Said::default() };
    let meaning = email_error::meaning(Provider::Postmark, [Some("Bounce"), name, None], said);
    meaning.unwrap_or(EmailEventKind::Other)
}

/// The name that belongs to a code, for those that change anything.
fn bounce_name(code: u64) -> Option<&'static str> {
    Some(match code {
        1 => "HardBounce",
        2 => "Transient",
        16 => "Unsubscribe",
        256 => "DnsError",
        512 => "SpamNotification",
        2_048 => "Unknown",
        4_096 => "SoftBounce",
        8_192 => "VirusNotification",
        100_000 => "BadEmailAddress",
        100_001 => "SpamComplaint",
        100_002 => "ManuallyDeactivated",
        100_003 => "Unconfirmed",
        100_006 => "Blocked",
        100_007 => "SMTPApiError",
        100_009 => "DMARCPolicy",
        100_010 => "TemplateRenderingFailed",
        _ => return None,
    })
}

/// An address was put on Postmark's list of those that get no mail, or taken off it.
fn change(value: &Value) -> EmailEventKind {
    match (value["SuppressSending"].as_bool(), text(&value["SuppressionReason"])) {
        (Some(true), Some("HardBounce")) => EmailEventKind::Bounced,
        (Some(true), Some("SpamComplaint")) => EmailEventKind::Complained,
        (Some(true), Some("ManualSuppression")) => EmailEventKind::OptedOut,
        // only the receiver can take an opt-out back: that somebody tidied the list is not their wish
        (Some(false), _) if text(&value["Origin"]) == Some("Recipient") => EmailEventKind::OptedIn,
        _ => EmailEventKind::Other,
    }
}

/// A mail that came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Inbound {
    /// The mail as it came over the wire.
    pub raw_mime: Text,
    /// The sender in the envelope where Postmark tells, else the one in the mail. Empty for notices that nobody may
    /// answer.
    pub sender: Text,
    /// The receivers in the envelope where Postmark tells, else those in the mail.
    pub recipients: Vec<Text>,
    /// Postmark takes it for spam.
    pub spam: bool,
    /// What Postmark says of the sender.
    pub checks: SenderChecks,
}

/// Reads the body of the inbound webhook. It has to be set to include the raw mail.
///
/// # Errors
/// When the raw mail is not in it.
pub fn read_inbound(raw: &[u8]) -> Result<Inbound, Unreadable> {
    let value: Value = serde_json::from_slice(raw).map_err(|_| Unreadable)?;
    let mime = value["RawEmail"].as_str().filter(|mime| !mime.trim().is_empty()).ok_or(Unreadable)?;
    Ok(Inbound {
        raw_mime: Text(mime.to_owned()),
        sender: Text(sender(&value)),
        recipients: recipients(&value).into_iter().map(Text).collect(),
        spam: header(&value, "X-Spam-Status").is_some_and(|status| status.starts_with("Yes")),
        checks: checks(&value),
    })
}

/// What Postmark found of the sender, in the headers that it adds: `Received-SPF`, and the names of SpamAssassin's tests
/// in `X-Spam-Tests`. Source: <https://postmarkapp.com/developer/user-guide/inbound/parse-an-email>. A mail may bring
/// headers of these names along, so all of a name count together.
fn checks(value: &Value) -> SenderChecks {
    let found = |passed: &[&str], failed: &[&str]| {
        Verdict::together(headers(value, "X-Spam-Tests").map(|tests| {
            let has = |names: &[&str]| tests.split(',').any(|test| names.contains(&test.trim()));
            // Of several signatures one is enough.
            if has(passed) {
                Verdict::Pass
            } else if has(failed) {
                Verdict::Fail
            } else {
                Verdict::Unknown
            }
        }))
    };
    let received =
        headers(value, "Received-SPF").map(|told| told.split_whitespace().next().unwrap_or_default());
    let spf = match Verdict::together(received.map(Verdict::of)) {
        Verdict::Unknown => found(&["SPF_PASS"], &["SPF_FAIL", "SPF_SOFTFAIL"]),
        told => told,
    };
    SenderChecks {
        spf,
        dkim: found(&["DKIM_VALID", "DKIM_VALID_AU"], &["DKIM_INVALID"]),
        dmarc: found(&["DMARC_PASS"], &["DMARC_REJECT", "DMARC_QUAR", "DMARC_NONE"]),
    }
}

fn sender(value: &Value) -> String {
    let envelope_sender = header(value, "Return-Path").map(envelope);
    envelope_sender.unwrap_or_else(|| {
        let from = emails([&value["FromFull"]["Email"], &value["From"]].into_iter());
        from.first().map(|email| email.as_str().to_owned()).unwrap_or_default()
    })
}

fn recipients(value: &Value) -> Vec<String> {
    if let Some(recipient) = text(&value["OriginalRecipient"]) {
        return vec![recipient.to_owned()];
    }
    let lists = ["ToFull", "CcFull", "BccFull"].into_iter().flat_map(|name| list(&value[name]));
    emails(lists.map(|person| &person["Email"])).iter().map(|email| email.as_str().to_owned()).collect()
}

/// The first header of a name. Postmark lists those it does not show elsewhere.
fn header<'a>(value: &'a Value, name: &'a str) -> Option<&'a str> {
    headers(value, name).next()
}

/// All headers of a name that say something.
fn headers<'a>(value: &'a Value, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named =
        move |header: &&Value| text(&header["Name"]).is_some_and(|given| given.eq_ignore_ascii_case(name));
    list(&value["Headers"]).filter(named).filter_map(|header| text(&header["Value"]))
}
