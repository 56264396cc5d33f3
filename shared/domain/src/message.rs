//! A message: text, mail, call or note. What is stored is this shape; what is shown is the HTTP crate's.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::call::Call;
use crate::channel::Category;
use crate::channel::Channel;
use crate::channel::Direction;
use crate::channel::Provider;
use crate::channel::UserType;
use crate::channel::provider_of_id;
use crate::content::Media;
use crate::content::Metadata;
use crate::content::Text;
use crate::delivery::LostAnswer;
use crate::email::Email;
use crate::failure::{ErrorClass, Failure};
use crate::id::MessageRef;
use crate::id::{RequestId, StaffId};
use crate::mail::{Mail, Recipients};
use crate::place::Rank;
use crate::sender::FromReason;
use crate::status::Status;
use crate::time::Timestamp;

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

/// Whether the class of a failed message lets a person try it again.
pub fn retry_refusal(failure: Option<&Failure>) -> Option<ErrorClass> {
    failure.map(|failure| failure.class).filter(|class| !class.may_be_retried())
}
