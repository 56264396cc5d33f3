//! What producers put on the queues and consumers take from them.
//!
//! A job is small: ids and an attempt, so that a queue's size limit is never met and a stale job is recognised. The
//! exception is what exists nowhere else yet: a message to record travels in its job until the consumer has stored it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::channel::{Channel, Provider};
use crate::content::{Media, Text};
use crate::conversation::Effect;
use crate::delivered::{self, LONGEST_ADDRESS, LONGEST_ID, LONGEST_MEDIA, LONGEST_TEXT, MOST_MEDIA};
use crate::id::BusinessId;
use crate::id::MessageRef;
use crate::message::{Listed, Message};
use crate::place::Rank;
use crate::proof::SenderChecks;
use crate::shards::Shards;
use crate::time::Timestamp;

/// The version that producers write.
pub const VERSION: u8 = 1;

/// The longest that a queue can hold a job back. What has to wait longer waits in the due index.
pub const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// One job. Unknown fields are ignored and unknown types are poison: they go to the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Version of the shape.
    pub v: u8,
    /// The `X-Request-Id` of the call that caused it, for the log.
    #[serde(default)]
    pub request: String,
    /// What to do.
    #[serde(flatten)]
    pub work: Work,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Work {
    /// Send a stored text.
    SendSms {
        /// Which.
        #[serde(flatten)]
        message: MessageRef,
        /// The attempt to make. A message that is past it ignores the job.
        attempt: u32,
    },
    /// Ask the provider what became of a text.
    CheckSms {
        /// Which.
        #[serde(flatten)]
        message: MessageRef,
        /// The attempt in question.
        attempt: u32,
    },
    /// List the provider's inbound texts of the last day and record those we do not have.
    BackfillInbound {},
    /// Store a message that was sent or received elsewhere.
    Record(Box<Recording>),
    /// Store a text that reached us on a side entrance.
    ReceiveSms(InboundSms),
    /// Send a stored mail.
    SendEmail {
        /// Which.
        #[serde(flatten)]
        message: MessageRef,
        /// The attempt to make. A message that is past it ignores the job.
        attempt: u32,
    },
    /// Store a mail that was sent or received elsewhere, and is too large for a job: a [`Recording`] in object storage.
    RecordStored {
        /// Under which key.
        object: String,
    },
    /// Store a mail from a client.
    ReceiveEmail(InboundEmail),
    /// What SES published, as it came. Never queued by omega itself: SES's topic writes to the queue.
    SesNotice {
        /// The words of SES.
        notice: String,
    },
    /// Set a business up at Twilio and SES, as far as that is still to do.
    Provision {
        /// Which.
        business_id: BusinessId,
    },
}

impl Work {
    /// Send a stored message, by the sender of its channel.
    pub fn send(channel: Channel, message: MessageRef, attempt: u32) -> Work {
        match channel {
            Channel::Email => Work::SendEmail { message, attempt },
            Channel::Sms | Channel::Voice | Channel::Note => Work::SendSms { message, attempt },
        }
    }
}

/// A message to store that another system carried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The message as it will be stored. Its id is chosen when it is stored, from `order_at`.
    pub message: Message,
    /// Its place in the timeline.
    pub order_at: Timestamp,
    /// Its place in the call that recorded it.
    pub index: usize,
    /// Filled in later: no unread, no reopening, no change of the inbox order.
    pub historical: bool,
    /// In how many parts the business's lists are spread.
    #[serde(default)]
    pub shards: Shards,
}

impl Recording {
    /// The recording at its place in a list of so many entries.
    pub fn listed(mut self, index: usize, of: usize) -> Recording {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.index = index;
        self.message.listed = Some(Listed { index: count(index), rest: count(of.saturating_sub(index + 1)) });
        self
    }

    /// What storing it does to its conversation.
    pub fn effect(&self) -> Effect {
        Effect::of(self.message.direction, self.message.category, self.historical)
    }
}

/// A text from a client, as Twilio tells of it. Checked for its signature, not yet for anything else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboundSms {
    /// Twilio's account.
    pub account_sid: String,
    /// Twilio's id of the text.
    pub message_sid: String,
    /// Who sent it.
    pub from: Text,
    /// Our number.
    pub to: Text,
    /// The words.
    pub body: Text,
    /// Pictures and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media_urls: Vec<Media>,
    /// Twilio's own judgement of a keyword: STOP, START or HELP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out_type: Option<String>,
    /// When it was sent, where that is known to differ from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

impl InboundSms {
    /// The same text in a form that the table takes, whatever its length. Ids and addresses that are too long are
    /// shortened. Media whose addresses do not fit are left out, and a body that does not fit beside them is cut.
    pub fn fitting(mut self) -> InboundSms {
        let short = |text: String, longest| delivered::shortened(&text, longest).into_owned();
        let mut left = LONGEST_MEDIA;
        self.media_urls.truncate(MOST_MEDIA);
        self.media_urls.retain(|media| {
            let fits = media.url.len() <= left;
            left -= if fits { media.url.len() } else { 0 };
            fits
        });
        InboundSms {
            message_sid: short(self.message_sid, LONGEST_ID),
            from: Text(short(self.from.0, LONGEST_ADDRESS)),
            to: Text(short(self.to.0, LONGEST_ADDRESS)),
            body: Text(delivered::cut(self.body.0, LONGEST_TEXT - (LONGEST_MEDIA - left))),
            opt_out_type: self.opt_out_type.map(|word| short(word, delivered::LONGEST_WORD)),
            ..self
        }
    }
}

/// A mail that reached us, as the provider's envelope tells of it. What the mail itself says is in object storage, and
/// nobody has looked at it yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboundEmail {
    /// Under which key the mail lies in object storage, as it came over the wire.
    pub object: String,
    /// Who took it in.
    pub provider: Provider,
    /// The sender in the envelope. Empty for notices that nobody may answer.
    pub sender: Text,
    /// The receivers in the envelope. Empty where the provider does not tell.
    pub recipients: Vec<Text>,
    /// The provider takes it for spam.
    #[serde(default)]
    pub spam: bool,
    /// The provider found a virus.
    #[serde(default)]
    pub virus: bool,
    /// What the provider says of the sender.
    #[serde(default)]
    pub checks: SenderChecks,
    /// When the provider took it in, as far as it tells: the place of the mail in its conversation. Mails are stored in
    /// any order, and a mail that was kept aside long after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
}

impl Job {
    /// A job of the current version.
    pub fn new(request: impl Into<String>, work: Work) -> Job {
        Job { v: VERSION, request: request.into(), work }
    }

    /// The message whose turn it is, and its rank among those of the same id, for jobs that go in the order of their
    /// messages: those of one client.
    pub fn in_turn(&self) -> Option<(MessageRef, Option<Rank>)> {
        match &self.work {
            Work::SendSms { message, .. } | Work::SendEmail { message, .. } => Some((*message, None)),
            Work::Record(recording) => Some((recording.message.at, Some(recording.message.rank()))),
            Work::CheckSms { .. }
            | Work::BackfillInbound {}
            | Work::RecordStored { .. }
            | Work::ReceiveSms(_)
            | Work::ReceiveEmail(_)
            | Work::SesNotice { .. }
            | Work::Provision { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_a_send_job_is_a_contract_with_jobs_already_queued() {
        let text = r#"{"v":1,"request":"r1","type":"send_sms","business_id":7,"client_id":8,"message_id":9,"attempt":2}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        assert!(matches!(job.work, Work::SendSms { attempt: 2, message } if message.client.get() == 8));
        assert_eq!(
            serde_json::to_value(&job).unwrap(),
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }

    #[test]
    fn a_constant_job_of_a_schedule_parses() {
        let job: Job = serde_json::from_str(r#"{"v":1,"type":"backfill_inbound"}"#).unwrap();
        assert_eq!(job.work, Work::BackfillInbound {});
    }

    #[test]
    fn an_unknown_type_is_an_error() {
        assert!(serde_json::from_str::<Job>(r#"{"v":1,"type":"dance"}"#).is_err());
    }
}
