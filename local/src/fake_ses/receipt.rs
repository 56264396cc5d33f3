//! The clients who write, and how SES takes their mails in: the raw mail into object storage, then a notification.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::events::described;
use super::mime::{self, Letter, Mailbox, Parsed};
use super::{ACCOUNT, Direction, FakeSes, LARGEST, Mail, Pending, REGION, date, timestamp};
use crate::Error;

/// Where raw mails are put.
const PREFIX: &str = "inbound/ses/";

/// What the filters of SES say. In JSON what differs from `PASS`: `{"spam": "FAIL"}`. Others are `GRAY` and
/// `PROCESSING_FAILED`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verdicts {
    /// Whether it is spam.
    pub spam: String,
    /// Whether it has a virus.
    pub virus: String,
    /// Whether the sending server may send for the domain.
    pub spf: String,
    /// Whether its signature is right.
    pub dkim: String,
    /// Whether the domain stands by it.
    pub dmarc: String,
}

impl Default for Verdicts {
    fn default() -> Verdicts {
        let pass = || "PASS".to_owned();
        Verdicts { spam: pass(), virus: pass(), spf: pass(), dkim: pass(), dmarc: pass() }
    }
}

/// What a client attaches.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientFile {
    /// The name it is to be saved under.
    pub filename: Option<String>,
    /// Its media type; `application/octet-stream` if not given.
    pub content_type: Option<String>,
    /// The content in base64.
    pub content: String,
    /// The id by which the HTML part shows it. With one it is inline.
    pub content_id: Option<String>,
}

impl ClientFile {
    /// An attachment.
    pub fn new(filename: &str, content_type: &str, content: &[u8]) -> ClientFile {
        ClientFile {
            filename: Some(filename.to_owned()),
            content_type: Some(content_type.to_owned()),
            content: STANDARD.encode(content),
            content_id: None,
        }
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(STANDARD.decode(&self.content)?)
    }
}

/// A mail that a client writes anew.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientMail {
    /// The client, with or without a name.
    pub from: String,
    /// Whom it is to. In JSON one address or a list.
    #[serde(deserialize_with = "one_or_many")]
    pub to: Vec<String>,
    /// Who gets a copy. In JSON one address or a list.
    #[serde(deserialize_with = "one_or_many")]
    pub cc: Vec<String>,
    /// The addresses of ours that it reaches; those in `to` and `cc` if none is given.
    #[serde(deserialize_with = "one_or_many")]
    pub recipients: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The part for those who read text.
    pub text: String,
    /// The part for those who read HTML.
    pub html: Option<String>,
    /// Headers beside the usual ones, or instead of them. An empty value leaves a usual one out.
    pub headers: BTreeMap<String, String>,
    /// What comes with it.
    pub attachments: Vec<ClientFile>,
    /// What the filters say.
    pub verdicts: Verdicts,
}

impl ClientMail {
    /// A mail of plain text.
    pub fn new(from: &str, to: &str, subject: &str, text: &str) -> ClientMail {
        ClientMail {
            from: from.to_owned(),
            to: vec![to.to_owned()],
            subject: subject.to_owned(),
            text: text.to_owned(),
            ..ClientMail::default()
        }
    }
}

/// A client's answer to a mail of ours. It goes to the `Reply-To` of that mail or its `From`, names its `Message-ID` as
/// the client got it, and has its subject with `Re: ` before it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reply {
    /// The mail that is answered.
    pub id: String,
    /// Who answers: the first receiver of the mail if not given.
    pub from: Option<String>,
    /// The part for those who read text.
    pub text: String,
    /// The part for those who read HTML.
    pub html: Option<String>,
    /// Whether the mail that is answered stands below the answer, as most programs have it.
    pub quote: bool,
    /// Headers beside the usual ones, or instead of them. An empty value leaves a usual one out.
    pub headers: BTreeMap<String, String>,
    /// What comes with it.
    pub attachments: Vec<ClientFile>,
    /// What the filters say.
    pub verdicts: Verdicts,
}

impl Reply {
    /// An answer of plain text.
    pub fn new(id: &str, text: &str) -> Reply {
        Reply { id: id.to_owned(), text: text.to_owned(), ..Reply::default() }
    }
}

/// A mail as it comes from another server.
#[derive(Clone, Debug, Default)]
pub struct RawMail {
    /// The bytes.
    pub raw: Vec<u8>,
    /// The sender of the envelope: the one in its head if not given. Empty: nobody may answer it.
    pub from: Option<String>,
    /// The receivers of the envelope: those in its head if there are none.
    pub to: Vec<String>,
    /// What the filters say.
    pub verdicts: Verdicts,
}

/// A mail that was taken in.
#[derive(Clone, Debug, Serialize)]
pub struct Arrival {
    /// The id that SES gave it.
    pub id: String,
    /// Where its raw bytes are in object storage.
    pub key: String,
    /// Its `Message-ID`, without angle brackets.
    pub message_id: Option<String>,
    /// What was emitted.
    pub notification: Value,
}

/// Why a mail was not taken in.
#[derive(Debug)]
pub enum Trouble {
    /// There is no mail to answer.
    NoSuchMail,
    /// What was given makes no mail.
    Unfit(Error),
    /// Object storage did not take it. The real SES does not say so either: the mail is gone.
    NotStored(Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::NoSuchMail => f.write_str("no such mail"),
            Trouble::Unfit(error) => write!(f, "not a mail: {error}"),
            Trouble::NotStored(error) => write!(f, "not stored: {error}"),
        }
    }
}

impl std::error::Error for Trouble {}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

impl FakeSes {
    /// Plays a client who writes.
    ///
    /// # Errors
    /// When it makes no mail, or cannot be stored.
    pub async fn client_writes(&self, mail: ClientMail) -> Result<Arrival, Trouble> {
        let letter = Letter {
            from: &mail.from,
            to: &mail.to,
            cc: &mail.cc,
            subject: &mail.subject,
            text: &mail.text,
            html: mail.html.as_deref(),
            attachments: &mail.attachments,
            in_reply_to: None,
            references: &[],
            headers: &mail.headers,
            at: self.now(),
        };
        let raw = mime::compose(&letter).map_err(Trouble::Unfit)?;
        let from = Some(mime::bare(&mail.from));
        self.hand_in(RawMail { raw, from, to: mail.recipients, verdicts: mail.verdicts }).await
    }

    /// Plays a client who answers a mail of ours.
    ///
    /// # Errors
    /// When there is no such mail, it makes no answer, or the answer cannot be stored.
    pub async fn reply(&self, reply: Reply) -> Result<Arrival, Trouble> {
        let mail = self.mail(&reply.id).ok_or(Trouble::NoSuchMail)?;
        let answered = mime::parse(&mail.delivered).unwrap_or_default();
        let from = reply.from.clone().or_else(|| mail.recipients().first().cloned()).unwrap_or_default();
        let to: Vec<String> = addressees(&answered).iter().map(Mailbox::text).collect();
        let mut references = answered.references.clone();
        references.extend(answered.message_id.clone());
        let text = if reply.quote { quoted(&reply.text, &mail) } else { reply.text.clone() };
        let letter = Letter {
            from: &from,
            to: &to,
            cc: &[],
            subject: &answer_subject(&answered.subject),
            text: &text,
            html: reply.html.as_deref(),
            attachments: &reply.attachments,
            in_reply_to: answered.message_id.as_deref(),
            references: &references,
            headers: &reply.headers,
            at: self.now(),
        };
        let raw = mime::compose(&letter).map_err(Trouble::Unfit)?;
        let to = addressees(&answered).iter().map(|one| one.address.clone()).collect();
        self.hand_in(RawMail { raw, from: Some(mime::bare(&from)), to, verdicts: reply.verdicts }).await
    }

    /// Takes a mail in, as it comes from another server.
    ///
    /// # Errors
    /// When it is no mail, is too large, or cannot be stored.
    pub async fn hand_in(&self, mail: RawMail) -> Result<Arrival, Trouble> {
        let pending = Pending::new(self);
        if mail.raw.len() > LARGEST {
            return Err(Trouble::Unfit("it is larger than SES takes".into()));
        }
        let parsed = mime::parse(&mail.raw).ok_or_else(|| Trouble::Unfit("it has no head".into()))?;
        let envelope = Envelope::of(&mail, &parsed);
        let (id, at) = (receipt_id(), self.now());
        let delivered = with_trace(&mail, &envelope, &id, at);
        let key = format!("{PREFIX}{id}");
        (self.0.put)(key.clone(), delivered.clone()).await.map_err(Trouble::NotStored)?;
        let message_id = parsed.message_id.clone();
        let kept = received_mail(&mail, parsed, &envelope, id.clone(), at, delivered);
        let notification = self.notification(&kept, &envelope, &mail.verdicts, &key);
        self.keep(kept);
        (self.0.events)(notification.to_string()).await;
        drop(pending);
        Ok(Arrival { id, key, message_id, notification })
    }

    fn notification(&self, mail: &Mail, envelope: &Envelope, verdicts: &Verdicts, key: &str) -> Value {
        let verdict = |status: &str| json!({"status": status});
        let mut about = json!({
            "timestamp": timestamp(mail.at),
            "source": envelope.from,
            "messageId": mail.id,
            "destination": envelope.to,
        });
        let message_id = mail.original_message_id.as_deref().unwrap_or_default();
        let mut described = described(mail, message_id);
        if let Some(common) = described.get_mut("commonHeaders") {
            common["returnPath"] = json!(envelope.from);
        }
        if let Some(about) = about.as_object_mut() {
            about.append(&mut described);
        }
        json!({
            "notificationType": "Received",
            "mail": about,
            "receipt": {
                "timestamp": timestamp(mail.at),
                "processingTimeMillis": 222,
                "recipients": envelope.to,
                "spamVerdict": verdict(&verdicts.spam),
                "virusVerdict": verdict(&verdicts.virus),
                "spfVerdict": verdict(&verdicts.spf),
                "dkimVerdict": verdict(&verdicts.dkim),
                "dmarcVerdict": verdict(&verdicts.dmarc),
                "action": {
                    "type": "S3",
                    "topicArn": format!("arn:aws:sns:{REGION}:{ACCOUNT}:email-events"),
                    "bucketName": self.0.bucket,
                    "objectKeyPrefix": PREFIX,
                    "objectKey": key,
                },
            },
        })
    }
}

/// Between which addresses it travels, whatever its head says.
struct Envelope {
    from: String,
    to: Vec<String>,
}

impl Envelope {
    fn of(mail: &RawMail, parsed: &Parsed) -> Envelope {
        let written = parsed.from.first().map(|one| one.address.clone());
        let from = mail.from.clone().or(written).unwrap_or_default();
        let to = match mail.to.as_slice() {
            [] => parsed.to.iter().chain(&parsed.cc).map(|one| one.address.clone()).collect(),
            given => given.iter().map(|address| mime::bare(address)).collect(),
        };
        Envelope { from, to }
    }
}

fn received_mail(
    mail: &RawMail,
    parsed: Parsed,
    envelope: &Envelope,
    id: String,
    at: i64,
    delivered: Vec<u8>,
) -> Mail {
    let plain = |boxes: &[Mailbox]| boxes.iter().map(|one| one.address.clone()).collect();
    let message_id = parsed.message_id.as_ref().map(|id| format!("<{id}>"));
    Mail {
        id,
        direction: Direction::Inbound,
        at,
        from: parsed.from.first().map_or_else(|| envelope.from.clone(), Mailbox::text),
        to: if parsed.to.is_empty() { envelope.to.clone() } else { plain(&parsed.to) },
        cc: plain(&parsed.cc),
        bcc: plain(&parsed.bcc),
        tags: BTreeMap::new(),
        configuration_set: None,
        message_id: message_id.clone().unwrap_or_default(),
        original_message_id: message_id,
        headers: parsed.headers,
        subject: parsed.subject,
        text: parsed.text,
        html: parsed.html,
        attachments: parsed.attachments,
        events: Vec::new(),
        raw: mail.raw.clone().into(),
        delivered: delivered.into(),
    }
}

/// The raw mail with what SES writes before it.
fn with_trace(mail: &RawMail, envelope: &Envelope, id: &str, at: i64) -> Vec<u8> {
    // A line break in an address would begin another header.
    let one_line = |text: &str| text.replace(['\r', '\n'], "");
    let from = one_line(&envelope.from);
    let to = one_line(envelope.to.first().map_or("", String::as_str));
    let verdicts = &mail.verdicts;
    let mut raw = format!(
        "Return-Path: <{from}>\r\nReceived: from client.test (client.test [192.0.2.4])\r\n by \
         inbound-smtp.{REGION}.amazonaws.com with SMTP id {id}\r\n for {to};\r\n {}\r\nX-SES-Spam-Verdict: \
         {}\r\nX-SES-Virus-Verdict: {}\r\n",
        date(at),
        one_line(&verdicts.spam),
        one_line(&verdicts.virus),
    )
    .into_bytes();
    raw.extend_from_slice(&mail.raw);
    raw
}

/// Forty small letters and digits.
fn receipt_id() -> String {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    (0..40).map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())])).collect()
}

fn addressees(answered: &Parsed) -> &[Mailbox] {
    if answered.reply_to.is_empty() { &answered.from } else { &answered.reply_to }
}

fn answer_subject(subject: &str) -> String {
    let is_answer = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    if is_answer { subject.to_owned() } else { format!("Re: {subject}") }
}

/// The answer with what it answers below it.
fn quoted(text: &str, mail: &Mail) -> String {
    let below = mail.text.as_deref().unwrap_or_default();
    let mut whole = format!("{text}\r\n\r\nOn {}, {} wrote:\r\n", date(mail.at), mail.from);
    for line in below.lines() {
        whole.push_str(&format!("> {line}\r\n"));
    }
    whole
}
