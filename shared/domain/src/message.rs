//! A message: text, mail, call or note. What is stored is this shape; what is shown is the HTTP crate's.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::delivery::{ErrorClass, Failure, LostAnswer};
use crate::email::Email;
use crate::email_event::EmailEvent;
use crate::id::{BusinessId, ClientId, MessageId, RequestId, StaffId};
use crate::mail::{Mail, Recipients};
use crate::place::Rank;
use crate::sender::FromReason;
use crate::status::Status;
use crate::time::Timestamp;
use crate::voice::Call;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text.
    Sms,
    /// A mail.
    Email,
    /// A call.
    Voice,
    /// A note among staff. It never reaches a client.
    Note,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 4] = [Channel::Sms, Channel::Email, Channel::Voice, Channel::Note];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Sms => "sms",
            Channel::Email => "email",
            Channel::Voice => "voice",
            Channel::Note => "note",
        }
    }
}

impl Channel {
    /// Who carries what omega sends on it.
    pub fn provider(self) -> Provider {
        match self {
            Channel::Sms | Channel::Voice => Provider::Twilio,
            Channel::Email => Provider::Ses,
            Channel::Note => Provider::External,
        }
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client.
    Inbound,
    /// To the client.
    Outbound,
    /// Among staff.
    Internal,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Marketing. Never reorders or reopens the inbox.
    Campaign,
    /// Transactional.
    Notification,
    /// A staff reply.
    Conversation,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// The client.
    Client,
    /// A staff member.
    Staff,
    /// A program.
    System,
}

/// Who carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Twilio.
    Twilio,
    /// Amazon SES.
    Ses,
    /// SendGrid.
    Sendgrid,
    /// Mailgun.
    Mailgun,
    /// Postmark.
    Postmark,
    /// Any other, outside omega.
    External,
}

impl Provider {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Twilio => "twilio",
            Provider::Ses => "ses",
            Provider::Sendgrid => "sendgrid",
            Provider::Mailgun => "mailgun",
            Provider::Postmark => "postmark",
            Provider::External => "external",
        }
    }
}

/// Words of a person. Stored and sent as they are, never printed: `Debug` shows the length alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} characters>", self.0.chars().count())
    }
}

/// A picture or the like that came or goes with a text. Stored as its address alone when its type is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredMedia", into = "StoredMedia")]
pub struct Media {
    /// Where it is.
    pub url: String,
    /// Its media type, as the provider says.
    pub content_type: Option<String>,
}

impl From<String> for Media {
    fn from(url: String) -> Media {
        Media { url, content_type: None }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredMedia {
    Url(String),
    Typed { url: String, content_type: String },
}

impl From<StoredMedia> for Media {
    fn from(stored: StoredMedia) -> Media {
        match stored {
            StoredMedia::Url(url) => Media { url, content_type: None },
            StoredMedia::Typed { url, content_type } => Media { url, content_type: Some(content_type) },
        }
    }
}

impl From<Media> for StoredMedia {
    fn from(media: Media) -> StoredMedia {
        match media {
            Media { url, content_type: None } => StoredMedia::Url(url),
            Media { url, content_type: Some(content_type) } => StoredMedia::Typed { url, content_type },
        }
    }
}

/// A JSON object another system gave us to keep. Never printed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(pub serde_json::Map<String, serde_json::Value>);

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} fields>", self.0.len())
    }
}

/// Where a message is: enough to write to it without a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRef {
    /// Whose.
    #[serde(rename = "business_id")]
    pub business: BusinessId,
    /// With whom.
    #[serde(rename = "client_id")]
    pub client: ClientId,
    /// Which.
    #[serde(rename = "message_id")]
    pub message: MessageId,
}

/// A stored message. The serde shape is the stored shape: renaming a field is a migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Whose, with whom, which.
    #[serde(flatten)]
    pub at: MessageRef,
    /// How it travels.
    pub channel: Channel,
    /// Which way.
    pub direction: Direction,
    /// What for.
    pub category: Category,
    /// The caller's finer word for what it is for: `notification_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_type: Option<String>,
    /// Who carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_type: Option<UserType>,
    /// The writer's id in the caller's system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_by: Option<u64>,
    /// The staff member concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff_id: Option<StaffId>,
    /// The client's id in the caller's user system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wl_user_id: Option<u64>,
    /// The call that queued or recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// Its place in the list of that call, for messages recorded from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<Listed>,
    /// The caller's own id of it, for messages recorded from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<u64>,
    /// Sender address.
    pub from_address: Address,
    /// Why it leaves from there. Only of a text that omega sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_reason: Option<FromReason>,
    /// Receiver address.
    pub to_address: Address,
    /// The words.
    pub body: Text,
    /// Pictures and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media_urls: Vec<Media>,
    /// What a mail has besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Box<Mail>>,
    /// What became of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// How far the copy of each receiver has come, for a mail to several. Only those of whom something was reported.
    #[serde(default, skip_serializing_if = "Recipients::is_empty")]
    pub recipients: Recipients,
    /// How far it has come.
    pub delivery_status: Status,
    /// [`Status::rank`] of it, for the table's conditions.
    pub status_rank: u8,
    /// The attempt that is under way or was the last, from 1. Zero for what omega does not send.
    pub attempt: u32,
    /// Charged retries.
    #[serde(default)]
    pub retries: u32,
    /// Throttled tries.
    #[serde(default)]
    pub throttled: u32,
    /// The provider's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_message_id: Option<String>,
    /// The provider's own last word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_status: Option<String>,
    /// Why the last attempt did not get through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Billed parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<u32>,
    /// When it was sent: as the provider reported it, or in the words of the system that recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// When omega took it.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// Not to be sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
    /// Not to be sent after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Until when a sender may be calling the provider. Absent when nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// Of a message whose provider's answer was lost: since when, and how often the provider was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_answer: Option<LostAnswer>,
    /// Read by staff. True for everything that is not inbound.
    pub is_read: bool,
    /// Who of the staff marked it as read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_by: Option<StaffId>,
    /// Flagged by staff.
    #[serde(default)]
    pub is_flagged: bool,
    /// What another system wants kept beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_metadata: Option<Metadata>,
}

/// The place of a message in the list of the request that recorded it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its place, from 0.
    pub index: u32,
    /// How many entries follow it.
    pub rest: u32,
}

impl Message {
    /// The rank by which the message stands in its conversation.
    pub fn rank(&self) -> Rank {
        let sent_at = self.sent_at.as_deref().filter(|_| self.listed.is_some());
        let time = sent_at.and_then(Timestamp::parse).filter(|at| *at <= self.created_at);
        let listed = self.listed.unwrap_or_default();
        Rank {
            time: time.unwrap_or(self.created_at),
            accepted_at: self.created_at,
            request: self.request_id,
            index: listed.index,
            rest: listed.rest,
        }
    }

    /// The client's address: the receiver of what goes out, the sender of what came in.
    pub fn client_address(&self) -> &Address {
        match self.direction {
            Direction::Inbound => &self.from_address,
            Direction::Outbound | Direction::Internal => &self.to_address,
        }
    }

    /// Under whose name [`Message::provider_message_id`] is kept: see [`provider_of_id`].
    pub fn provider_of_id(&self) -> Provider {
        provider_of_id(self.provider, self.channel, self.direction)
    }

    /// Everybody whom a mail goes to: to, cc and bcc, each once, but those whose mail is suppressed. What is no address
    /// in one from elsewhere is left out.
    pub fn addressed(&self) -> Vec<Email> {
        let mail = self.mail.as_deref();
        let others = mail.into_iter().flat_map(|mail| mail.cc.iter().chain(&mail.bcc));
        let others = others.filter_map(|address| Email::parse(&address.0).ok());
        let mut all: Vec<Email> = Vec::new();
        for email in self.to_address.email().cloned().into_iter().chain(others) {
            let suppressed = self.recipients.get(&email.key()) == Some(&Status::Blocked);
            if !suppressed && !all.contains(&email) {
                all.push(email);
            }
        }
        all
    }

    /// The same for a message of unknown outcome that was stored before the times were kept.
    pub fn answer_lost(&self) -> LostAnswer {
        let stored = LostAnswer { claimed_at: self.created_at, since: self.updated_at, asked: 0 };
        self.lost_answer.unwrap_or(stored)
    }

    /// Whether a sender still has to deal with it: it is waiting or being sent.
    pub fn is_pending(&self) -> bool {
        self.direction == Direction::Outbound
            && matches!(self.delivery_status, Status::Scheduled | Status::Queued | Status::Sending)
            && self.provider_message_id.is_none()
    }
}

/// Under whose name the id of a message leads to it. That of a mail from a client is made of what it says, so that it is the
/// same whoever took it in, and nobody's.
pub fn provider_of_id(provider: Option<Provider>, channel: Channel, direction: Direction) -> Provider {
    match (channel, direction) {
        (Channel::Email, Direction::Inbound) => Provider::External,
        _ => provider.unwrap_or(channel.provider()),
    }
}

/// Who reported something of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A caller of the API.
    Api,
    /// Our sender.
    Sender,
    /// The provider.
    Provider,
    /// Our sweeper.
    Sweeper,
    /// A staff member.
    Staff,
}

impl Source {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Api => "api",
            Source::Sender => "sender",
            Source::Provider => "provider",
            Source::Sweeper => "sweeper",
            Source::Staff => "staff",
        }
    }
}

/// Something reported of a message, from whichever side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who reports.
    pub source: Source,
    /// The attempt it is about; `None` when the reporter does not know attempts.
    pub attempt: Option<u32>,
    /// The status it claims; `None` for a provider's word that we do not know.
    pub status: Option<Status>,
    /// The provider's word, verbatim.
    pub provider_status: Option<String>,
    /// The provider's id of the message, when the report carries it.
    pub provider_message_id: Option<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What else to keep beside the message.
    pub metadata: Option<Metadata>,
    /// Of a mail to several: whose copy it is about. `None`: all of them.
    #[serde(default)]
    pub recipient: Option<Email>,
}

impl Report {
    /// What Twilio says of a text: its word, its error code, its id. The attempt is known when the report came back to
    /// an address of ours that carries it.
    pub fn from_twilio(word: &str, code: Option<u32>, sid: Option<String>, attempt: Option<u32>) -> Report {
        Report {
            source: Source::Provider,
            attempt,
            status: Status::from_twilio(word),
            provider_status: Some(word.to_owned()),
            provider_message_id: sid,
            failure: code.filter(|code| *code != 0).map(|code| crate::sms_error::failure(code, None)),
            metadata: None,
            recipient: None,
        }
    }

    /// What a mail provider says of a mail, and of which attempt where that is known: one report for each copy.
    pub fn from_email_event(event: &EmailEvent, attempt: Option<u32>) -> Vec<Report> {
        let report = |recipient: Option<&Email>| Report {
            source: Source::Provider,
            attempt,
            status: event.kind.status(),
            provider_status: Some(event.word.clone()),
            provider_message_id: event.provider_message_id.clone(),
            failure: event.kind.failure(),
            metadata: None,
            recipient: recipient.cloned(),
        };
        // A later attempt at a mail to several may go to one of them only.
        let alone = event.addressed == Some(1) && attempt.is_none_or(|attempt| attempt <= 1);
        if alone || event.recipients.is_empty() {
            return vec![report(None)];
        }
        event.recipients.iter().map(|recipient| report(Some(recipient))).collect()
    }

    /// What makes two reports the same one: a repeated delivery of it is recognised by this.
    pub fn identity(&self) -> String {
        let word = self.provider_status.as_deref().or(self.status.map(Status::as_str)).unwrap_or("-");
        let code = self.failure.as_ref().and_then(|failure| failure.code.as_deref()).unwrap_or("-");
        let mut identity = format!(
            "{}#{:04}#{}#{word}#{code}",
            self.source.as_str(),
            self.attempt.unwrap_or(0),
            self.provider_message_id.as_deref().unwrap_or("-"),
        );
        if let Some(recipient) = &self.recipient {
            identity.push('#');
            identity.push_str(&recipient.key());
        }
        identity
    }
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// It changed the message.
    Applied,
    /// It did not.
    Ignored,
}

/// One line of a message's timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When omega learned of it.
    pub at: Timestamp,
    /// From whom.
    pub source: Source,
    /// The status reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Status>,
    /// The provider's word, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_status: Option<String>,
    /// Which attempt.
    pub attempt: u32,
    /// What became of it.
    pub outcome: EventOutcome,
    /// Why it was ignored, or what followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The provider's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

/// Whether the class of a failed message lets a person try it again.
pub fn retry_refusal(failure: Option<&Failure>) -> Option<ErrorClass> {
    failure.map(|failure| failure.class).filter(|class| !class.may_be_retried())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email_event::EmailEventKind;

    fn bounce(addressed: Option<usize>) -> EmailEvent {
        let email = |text: &str| Email::parse(text).unwrap();
        EmailEvent {
            provider: Provider::Ses,
            provider_message_id: Some("0100".to_owned()),
            ours: None,
            addressed,
            recipients: vec![email("ada@example.com"), email("Ben@example.com")],
            kind: EmailEventKind::Bounced,
            word: "Bounce/Permanent/General".to_owned(),
            diagnostic: None,
            at: None,
        }
    }

    #[test]
    fn an_event_is_one_report_for_each_copy_and_one_for_a_mail_to_one() {
        let reports = Report::from_email_event(&bounce(Some(3)), Some(1));
        let copies: Vec<_> = reports.iter().map(|report| report.recipient.as_ref().unwrap().key()).collect();
        assert_eq!(copies, ["ada@example.com", "ben@example.com"]);
        let single = Report::from_email_event(&bounce(Some(1)), Some(1));
        assert_eq!((single.len(), &single[0].recipient), (1, &None));
    }

    #[test]
    fn reports_of_two_copies_are_two_reports() {
        let reports = Report::from_email_event(&bounce(None), Some(1));
        assert_ne!(reports[0].identity(), reports[1].identity());
        assert_eq!(reports[0].identity(), Report::from_email_event(&bounce(None), Some(1))[0].identity());
    }
}
