//! A message that somebody wants sent, checked, and the message it becomes.

use crate::address::Address;
use crate::channel::{Category, Channel, Direction, Provider, UserType};
use crate::content::{Media, Text};
use crate::destination::Reach;
use crate::id::MessageRef;
use crate::id::{BusinessId, ClientId, MessageId, RequestId, StaffId};
use crate::mail::{Mail, Recipients};
use crate::message::Message;
use crate::segments;
use crate::sender::{FromReason, Sender};
use crate::shards::Shards;
use crate::status::Status;
use crate::time::Timestamp;

/// What is the same for all messages of one call.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Whose.
    pub business: BusinessId,
    /// Our number or mailbox.
    pub from: Address,
    /// What for.
    pub category: Category,
    /// The caller's finer word for it.
    pub notification_type: Option<String>,
    /// The staff member concerned.
    pub staff_id: Option<StaffId>,
    /// The writer's id in the caller's system.
    pub sent_by: Option<u64>,
    /// Who wrote it.
    pub sender_type: Option<UserType>,
    /// Not before.
    pub send_at: Option<Timestamp>,
    /// Not after.
    pub expires_at: Option<Timestamp>,
    /// In how many parts the business's lists are spread.
    pub shards: Shards,
    /// Pictures and the like.
    pub media_urls: Vec<String>,
}

impl Envelope {
    /// How a message stands that is stored now: waiting for its time, or for a sender.
    pub fn waiting(&self, now: Timestamp) -> Status {
        match self.send_at {
            Some(at) if at > now => Status::Scheduled,
            _ => Status::Queued,
        }
    }
}

/// One message of a call.
#[derive(Clone, Debug)]
pub struct Draft {
    /// To whom.
    pub client: ClientId,
    /// The id is ours, for somebody whom the directory has not named yet.
    pub provisional: bool,
    /// Where.
    pub to: Address,
    /// How far that address is open to the business. A mailbox is.
    pub reach: Reach,
    /// For a text whose sender nobody named: the numbers it may leave from, the preferred one first.
    pub senders: Vec<Sender>,
    /// The words.
    pub body: Text,
    /// The client's id in the caller's user system.
    pub wl_user_id: Option<u64>,
    /// What a mail has besides. Without it, it is a text.
    pub mail: Option<Box<Mail>>,
    /// Further receivers of a mail who get no copy.
    pub recipients: Recipients,
}

impl Draft {
    /// The message to store: queued, or scheduled when its time is still to come.
    pub fn into_message(
        self,
        envelope: &Envelope,
        id: MessageId,
        request: RequestId,
        now: Timestamp,
    ) -> Message {
        let status = envelope.waiting(now);
        let (channel, provider, segments) = match &self.mail {
            Some(_) => (Channel::Email, Provider::Ses, None),
            None => {
                let counted = segments::count(&self.body.0).segments;
                (Channel::Sms, Provider::Twilio, u32::try_from(counted).ok())
            }
        };
        let chosen = self.senders.first();
        let named = self.mail.is_none().then_some(FromReason::Named);
        Message {
            at: MessageRef { business: envelope.business, client: self.client, message: id },
            channel,
            direction: Direction::Outbound,
            category: envelope.category,
            notification_type: envelope.notification_type.clone(),
            provider: Some(provider),
            sender_type: envelope.sender_type,
            sent_by: envelope.sent_by,
            staff_id: envelope.staff_id,
            wl_user_id: self.wl_user_id,
            request_id: Some(request),
            listed: None,
            external_id: None,
            from_address: chosen.map_or_else(|| envelope.from.clone(), |sender| sender.address.clone()),
            from_reason: chosen.map(|sender| sender.reason).or(named),
            to_address: self.to,
            body: self.body,
            media_urls: envelope.media_urls.iter().cloned().map(Media::from).collect(),
            mail: self.mail,
            call: None,
            recipients: self.recipients,
            delivery_status: status,
            status_rank: status.rank(),
            attempt: 1,
            retries: 0,
            throttled: 0,
            provider_message_id: None,
            provider_status: None,
            failure: None,
            segments,
            sent_at: None,
            created_at: now,
            updated_at: now,
            delivered_at: None,
            send_at: envelope.send_at.filter(|at| *at > now),
            expires_at: envelope.expires_at,
            lease_until: None,
            lost_answer: None,
            is_read: true,
            read_by: None,
            is_flagged: false,
            provider_metadata: None,
        }
    }
}
