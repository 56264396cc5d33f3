//! Amazon SES: what became of a mail that was sent, and that a mail has come in.
//!
//! SES has two spellings of events, and omega reads both: event publishing, with an `eventType` and the tags of the mail,
//! and the older notifications of an identity, with a `notificationType` and without tags. Source: the developer guide,
//! "Contents of event data that Amazon SES publishes to Amazon SNS", "Amazon SNS notification contents" and
//! "Notification contents for Amazon SES email receiving".
//!
//! What the readers of all providers share is at the end.

use serde_json::Value;

use super::{EmailEvent, EmailEventKind, TAG, read_tag};
use crate::channel::Provider;
use crate::content::Text;
use crate::email::Email;
use crate::email_error::{self, Said};
use crate::job::InboundEmail;
use crate::proof::{SenderChecks, Verdict};
use crate::time::Timestamp;

#[cfg(test)]
pub(super) mod tests;

/// What SES has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Something happened to a mail of ours.
    Event(Box<EmailEvent>),
    /// A mail came in and lies in object storage.
    Received {
        /// The bucket it lies in. Whether that is ours is for the reader to check.
        bucket: String,
        /// The mail.
        email: InboundEmail,
    },
    /// Nothing that anybody has to act on, such as that a topic was connected; in SES's word.
    Nothing(String),
}

/// What SES publishes in place of JSON when a topic is connected.
const CONNECTED: &str = "Successfully validated SNS topic";

/// What SES stores in a bucket that it was given, to try it.
const TRIAL: &str = "AMAZON_SES_SETUP_NOTIFICATION";

/// Reads what SES published to a topic, without what SNS put around it.
///
/// # Errors
/// When it is not from SES at all, or tells of a mail in object storage and not where.
pub fn read(raw: &[u8]) -> Result<Notice, Unreadable> {
    if raw.starts_with(CONNECTED.as_bytes()) {
        return Ok(Notice::Nothing(CONNECTED.to_owned()));
    }
    let value: Value = serde_json::from_slice(raw).map_err(|_| Unreadable)?;
    let name = text(&value["eventType"]).or(text(&value["notificationType"])).ok_or(Unreadable)?;
    match name {
        "Received" => received(&value),
        _ if value["mail"].is_object() => Ok(Notice::Event(Box::new(event(name, &value)))),
        _ => Ok(Notice::Nothing(word([Some(name)]))),
    }
}

fn received(value: &Value) -> Result<Notice, Unreadable> {
    let receipt = &value["receipt"];
    let action = &receipt["action"];
    let kind = text(&action["type"]);
    if kind != Some("S3") {
        return Ok(Notice::Nothing(word([Some("Received"), kind])));
    }
    let object = text(&action["objectKey"]).ok_or(Unreadable)?;
    if object.ends_with(TRIAL) {
        return Ok(Notice::Nothing(TRIAL.to_owned()));
    }
    let failed = |verdict: &str| receipt[verdict]["status"] == "FAIL";
    let verdict = |check: &str| text(&receipt[check]["status"]).map(Verdict::of).unwrap_or_default();
    let source = text(&value["mail"]["source"]).unwrap_or_default();
    Ok(Notice::Received {
        bucket: text(&action["bucketName"]).ok_or(Unreadable)?.to_owned(),
        email: InboundEmail {
            object: object.to_owned(),
            provider: Provider::Ses,
            sender: Text(envelope(source)),
            recipients: list(&receipt["recipients"]).filter_map(text).map(|to| Text(to.to_owned())).collect(),
            spam: failed("spamVerdict"),
            virus: failed("virusVerdict"),
            checks: SenderChecks {
                spf: verdict("spfVerdict"),
                dkim: verdict("dkimVerdict"),
                dmarc: verdict("dmarcVerdict"),
            },
            received_at: time(&value["mail"]["timestamp"]).or_else(|| time(&receipt["timestamp"])),
        },
    })
}

/// The part of an event that its kind decides.
struct Detail {
    kind: EmailEventKind,
    /// Empty for what happens to the whole mail.
    recipients: Vec<Email>,
    word: String,
    diagnostic: Option<String>,
    at: Option<Timestamp>,
}

fn event(name: &str, value: &Value) -> EmailEvent {
    let mail = &value["mail"];
    let addressed = Some(list(&mail["destination"]).count()).filter(|count| *count > 0);
    let detail = detail(name, value, addressed);
    EmailEvent {
        provider: Provider::Ses,
        provider_message_id: text(&mail["messageId"]).map(str::to_owned),
        ours: text(&mail["tags"][TAG][0]).and_then(read_tag),
        addressed,
        recipients: detail.recipients,
        kind: detail.kind,
        word: detail.word,
        diagnostic: detail.diagnostic,
        at: detail.at,
    }
}

fn detail(name: &str, value: &Value, addressed: Option<usize>) -> Detail {
    match name {
        "Send" => whole(EmailEventKind::Sent, name, value, None),
        "Delivery" => {
            let recipients = emails(list(&value["delivery"]["recipients"]));
            some(EmailEventKind::Delivered, word([Some(name)]), &value["delivery"], recipients, addressed)
        }
        "DeliveryDelay" => delay(name, &value["deliveryDelay"], addressed),
        "Bounce" => bounce(name, &value["bounce"], addressed),
        "Complaint" => complaint(name, &value["complaint"], addressed),
        "Open" => opened(EmailEventKind::Opened, name, &value["open"]),
        "Click" => opened(EmailEventKind::Clicked, name, &value["click"]),
        "Subscription" => subscription(name, value, addressed),
        _ => {
            let kind = meaning([Some(name), None, None], Said::default()).unwrap_or(EmailEventKind::Other);
            let why = text(&value["reject"]["reason"]).or(text(&value["failure"]["errorMessage"]));
            whole(kind, name, value, why)
        }
    }
}

/// What happens to a mail before it has parted into copies.
fn whole(kind: EmailEventKind, name: &str, value: &Value, diagnostic: Option<&str>) -> Detail {
    Detail {
        kind,
        recipients: Vec::new(),
        word: word([Some(name)]),
        diagnostic: diagnostic.map(|text| clip(text, LONGEST_DIAGNOSTIC)),
        at: time(&value["mail"]["timestamp"]),
    }
}

/// SES does not say who opened it.
fn opened(kind: EmailEventKind, name: &str, part: &Value) -> Detail {
    Detail {
        kind,
        recipients: Vec::new(),
        word: word([Some(name)]),
        diagnostic: None,
        at: time(&part["timestamp"]),
    }
}

/// What happens to the copies of some.
fn some(
    kind: EmailEventKind,
    word: String,
    part: &Value,
    recipients: Vec<Email>,
    addressed: Option<usize>,
) -> Detail {
    let kind = known(kind, &recipients, addressed);
    Detail { kind, recipients, word, diagnostic: None, at: time(&part["timestamp"]) }
}

fn delay(name: &str, part: &Value, addressed: Option<usize>) -> Detail {
    let word = word([Some(name), text(&part["delayType"])]);
    let (recipients, diagnostic) = told_of(&part["delayedRecipients"]);
    let detail = some(EmailEventKind::Delayed, word, part, recipients, addressed);
    Detail { diagnostic, ..detail }
}

fn meaning(words: [Option<&str>; 3], said: Said<'_>) -> Option<EmailEventKind> {
    email_error::meaning(Provider::Ses, words, said)
}

fn bounce(name: &str, part: &Value, addressed: Option<usize>) -> Detail {
    let (kind, finer) = (text(&part["bounceType"]), text(&part["bounceSubType"]));
    let (recipients, diagnostic) = told_of(&part["bouncedRecipients"]);
    let said = Said {
        text: diagnostic.as_deref(),
        enhanced: list(&part["bouncedRecipients"]).find_map(|recipient| text(&recipient["status"])),
        basic: None,
    };
    let meaning = kind.and_then(|kind| meaning([Some(name), Some(kind), finer], said));
    let meaning = meaning.unwrap_or(EmailEventKind::Other);
    let detail = some(meaning, word([Some(name), kind, finer]), part, recipients, addressed);
    Detail { diagnostic, ..detail }
}

/// Whom a complaint names: everybody at the domain it came from who got the mail. SES does not know better.
fn complaint(name: &str, part: &Value, addressed: Option<usize>) -> Detail {
    let (list_of, feedback) = (text(&part["complaintSubType"]), text(&part["complaintFeedbackType"]));
    let meaning = meaning([Some(name), list_of, feedback], Said::default()).unwrap_or(EmailEventKind::Other);
    let (recipients, _) = told_of(&part["complainedRecipients"]);
    some(meaning, word([Some(name), list_of, feedback]), part, recipients, addressed)
}

/// A change in SES's own list management. The event names nobody: SES allows it in mails to one receiver only.
fn subscription(name: &str, value: &Value, addressed: Option<usize>) -> Detail {
    let part = &value["subscription"];
    let wishes = &part["newTopicPreferences"];
    let topics: Vec<Option<&str>> = list(&wishes["topicSubscriptionStatus"])
        .chain(list(&wishes["topicPreferences"]))
        .map(|topic| text(&topic["subscriptionStatus"]))
        .collect();
    let says = |status: &Option<&str>, words: [&str; 2]| status.is_some_and(|status| words.contains(&status));
    let out = topics.iter().any(|status| says(status, ["OptOut", "OPT_OUT"]));
    let all_in = topics.iter().all(|status| says(status, ["OptIn", "OPT_IN"]));
    let meaning = match wishes["unsubscribeAll"].as_bool() {
        Some(true) => EmailEventKind::OptedOut,
        _ if out => EmailEventKind::OptedOut,
        Some(false) if all_in => EmailEventKind::OptedIn,
        None if all_in && !topics.is_empty() => EmailEventKind::OptedIn,
        _ => EmailEventKind::Other,
    };
    let receiver =
        if addressed == Some(1) { emails(list(&value["mail"]["destination"])) } else { Vec::new() };
    some(meaning, word([Some(name), text(&part["source"])]), part, receiver, addressed)
}

/// Whom a list of receivers names, and the first diagnosis in it.
fn told_of(recipients: &Value) -> (Vec<Email>, Option<String>) {
    let addresses = emails(list(recipients).map(|recipient| &recipient["emailAddress"]));
    let diagnosis = list(recipients).find_map(|recipient| text(&recipient["diagnosticCode"]));
    (addresses, diagnosis.map(|diagnosis| clip(diagnosis, LONGEST_DIAGNOSTIC)))
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(Timestamp::parse)
}

// What the readers of all providers share.

/// The text is nothing that this provider sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a notice of this mail provider")]
pub struct Unreadable;

/// More of a diagnosis is not kept, in characters.
pub(super) const LONGEST_DIAGNOSTIC: usize = 1_000;
/// More of one part of a word is not kept: words are part of keys.
const LONGEST_PART: usize = 48;

/// A text with something in it.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The elements of an array; none when it is something else.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// The addresses among these, each once, also out of the form `Ada <ada@example.com>`.
pub(super) fn emails<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<Email> {
    let mut all: Vec<Email> = Vec::new();
    for value in values {
        let bare = text(value).map(|text| envelope(text.rfind('<').map_or(text, |at| &text[at..])));
        if let Some(email) =
            bare.and_then(|bare| Email::parse(&bare).ok()).filter(|email| !all.contains(email))
        {
            all.push(email);
        }
    }
    all
}

/// An address of an envelope without the brackets that it may stand in. That of a mail nobody may answer is empty.
pub(super) fn envelope(address: &str) -> String {
    let address = address.trim();
    let bare = address.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(address);
    bare.trim().to_owned()
}

/// The provider's words for an event, one after the other.
pub(super) fn word<const N: usize>(parts: [Option<&str>; N]) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| clip(part, LONGEST_PART)).collect();
    parts.join("/")
}

/// The beginning of a text, on one line.
pub(super) fn clip(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect()
}

/// Seconds since 1970, with or without a fraction, as a number or as digits.
pub(super) fn seconds(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    seconds.is_finite().then(|| Timestamp::from_millis((seconds * 1000.0).round() as i64))
}

/// What an event about somebody means when it may be unknown about whom. An event without receivers counts for all
/// of them, so one that names some, and none that can be read, must not change anything of a mail to several.
pub(super) fn known(kind: EmailEventKind, recipients: &[Email], addressed: Option<usize>) -> EmailEventKind {
    if recipients.is_empty() && addressed != Some(1) { EmailEventKind::Other } else { kind }
}

/// What stands for an event that cannot be read among others that can.
pub(super) fn unreadable(provider: Provider) -> EmailEvent {
    EmailEvent {
        provider,
        provider_message_id: None,
        ours: None,
        addressed: None,
        recipients: Vec::new(),
        kind: EmailEventKind::Other,
        word: "unreadable".to_owned(),
        diagnostic: None,
        at: None,
    }
}
