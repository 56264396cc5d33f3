//! A text that somebody wants sent, checked, and the message it becomes.

use crate::id::{BusinessId, ClientId, MessageId, RequestId, StaffId};
use crate::inbox::Shards;
use crate::message::{Category, Channel, Direction, Message, MessageRef, Provider, Text, UserType};
use crate::phone::SmsAddress;
use crate::segments;
use crate::status::Status;
use crate::time::Timestamp;

/// What is the same for all texts of one call.
#[derive(Clone, Debug)]
pub struct SmsEnvelope {
    /// Whose.
    pub business: BusinessId,
    /// Our number.
    pub from: SmsAddress,
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

/// One text of a call.
#[derive(Clone, Debug)]
pub struct SmsDraft {
    /// To whom.
    pub client: ClientId,
    /// Where.
    pub to: SmsAddress,
    /// The words.
    pub body: Text,
    /// The client's id in the caller's user system.
    pub wl_user_id: Option<u64>,
}

impl SmsDraft {
    /// The message to store: queued, or scheduled when its time is still to come.
    pub fn into_message(
        self,
        envelope: &SmsEnvelope,
        id: MessageId,
        request: RequestId,
        now: Timestamp,
    ) -> Message {
        let status = match envelope.send_at {
            Some(at) if at > now => Status::Scheduled,
            _ => Status::Queued,
        };
        let counted = segments::count(&self.body.0).segments;
        Message {
            at: MessageRef { business: envelope.business, client: self.client, message: id },
            channel: Channel::Sms,
            direction: Direction::Outbound,
            category: envelope.category,
            notification_type: envelope.notification_type.clone(),
            provider: Some(Provider::Twilio),
            sender_type: envelope.sender_type,
            sent_by: envelope.sent_by,
            staff_id: envelope.staff_id,
            wl_user_id: self.wl_user_id,
            request_id: Some(request),
            external_id: None,
            from_address: envelope.from.clone(),
            to_address: self.to,
            body: self.body,
            media_urls: envelope.media_urls.clone(),
            delivery_status: status,
            status_rank: status.rank(),
            attempt: 1,
            retries: 0,
            throttled: 0,
            provider_message_id: None,
            provider_status: None,
            failure: None,
            segments: u32::try_from(counted).ok(),
            sent_at: None,
            created_at: now,
            updated_at: now,
            delivered_at: None,
            send_at: envelope.send_at.filter(|at| *at > now),
            expires_at: envelope.expires_at,
            lease_until: None,
            is_read: true,
            is_flagged: false,
            provider_metadata: None,
        }
    }
}
