//! What a call that queues messages says of all of them, whatever their channel.

use domain::address::Address;
use domain::business::Business;
use domain::channel::{Category, UserType};
use domain::draft::Envelope;
use domain::{StaffId, Timestamp};

use crate::Speaker;
use crate::read::{Object, Problem, instant};
use crate::schemas::words::{CATEGORY, notification_type};

/// What is the same for all messages of a call, but for where they come from.
#[derive(Clone, Debug)]
pub struct Terms {
    category: Category,
    notification_type: Option<String>,
    staff_id: Option<StaffId>,
    sent_by: Option<u64>,
    sender_type: Option<UserType>,
    send_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl Terms {
    /// Reads them off the body, with every problem.
    pub fn read(object: &Object<'_>, speaker: Speaker) -> Option<Terms> {
        let category = object.required("category", CATEGORY);
        let notification_type = object.optional("notification_type", notification_type);
        let staff_id = speaker.staff_id(object);
        let sent_by = speaker.sent_by(object);
        let sender_type = speaker.sender_type(object);
        let send_at = object.optional("send_at", instant);
        let expires_at = object.optional("expires_at", instant);
        if let (Some(from), Some(until)) = (send_at, expires_at)
            && until <= from
        {
            object.refuse("expires_at", Problem::value("it ends before it begins at send_at"));
        }
        Some(Terms {
            category: category?,
            notification_type,
            staff_id,
            sent_by,
            sender_type,
            send_at,
            expires_at,
        })
    }

    /// The envelope of messages from an address of the business.
    pub fn envelope(self, business: &Business, from: Address, media_urls: Vec<String>) -> Envelope {
        Envelope {
            business: business.business_id,
            from,
            category: self.category,
            notification_type: self.notification_type,
            staff_id: self.staff_id,
            sent_by: self.sent_by,
            sender_type: self.sender_type,
            send_at: self.send_at,
            expires_at: self.expires_at,
            shards: business.inbox_shards,
            media_urls,
        }
    }
}

/// Refuses a time to send at in one entry: all messages of a request have the one beside `messages`. Taken in silence, the
/// entry would be sent at once.
pub fn refuse_own_time(entry: &Object<'_>) {
    for name in ["send_at", "expires_at"] {
        if entry.raw(name).is_some_and(|value| !value.is_null()) {
            entry.refuse(name, Problem::value("it belongs beside messages, and is for all of them"));
        }
    }
}
