//! A conversation as NexHealth shows one.

use domain::{BusinessId, ClientId, Timestamp};
use serde::Serialize;
use store::ClientView;
use store::tombstones::Tombstone;

use crate::message::Shown;
use crate::patient::Patient;

/// One conversation. What is not known is `null`.
#[derive(Debug, Serialize)]
pub(crate) struct Conversation {
    id: ClientId,
    created_at: Timestamp,
    updated_at: Timestamp,
    patient: Patient,
    messages: Vec<Shown>,
}

impl Conversation {
    /// `last_change` is the last one that was seen without its messages.
    pub fn new(
        view: &ClientView,
        patient: Patient,
        messages: Vec<Shown>,
        last_change: Timestamp,
    ) -> Conversation {
        let began = view.conversation.as_ref().and_then(|head| head.began_at);
        let changes = messages.iter().map(|message| message.updated_at);
        Conversation {
            id: view.client.client_id,
            created_at: began.unwrap_or(view.client.created_at),
            updated_at: changes.fold(last_change, Timestamp::max),
            patient,
            messages,
        }
    }

    /// A client who is gone, with whom there is no conversation any more.
    pub fn gone(business: BusinessId, tombstone: &Tombstone) -> Conversation {
        Conversation {
            id: tombstone.client_id,
            created_at: tombstone.gone_at,
            updated_at: tombstone.gone_at,
            patient: Patient::gone(business, tombstone),
            messages: Vec::new(),
        }
    }
}
