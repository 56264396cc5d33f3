//! State of a conversation, as filters and counters see it.

use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::id::StaffId;

/// Where staff are with a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationStatus {
    /// Somebody should look.
    Open,
    /// Waits for something.
    Pending,
    /// Comes back at a set time.
    Snoozed,
    /// Done.
    Resolved,
}

impl ConversationStatus {
    /// Every status.
    pub const ALL: [ConversationStatus; 4] = [
        ConversationStatus::Open,
        ConversationStatus::Pending,
        ConversationStatus::Snoozed,
        ConversationStatus::Resolved,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ConversationStatus::Open => "open",
            ConversationStatus::Pending => "pending",
            ConversationStatus::Snoozed => "snoozed",
            ConversationStatus::Resolved => "resolved",
        }
    }

    /// The status after a message from the client: resolved and snoozed conversations come back.
    pub fn after_inbound(self) -> ConversationStatus {
        match self {
            ConversationStatus::Open | ConversationStatus::Resolved | ConversationStatus::Snoozed => {
                ConversationStatus::Open
            }
            ConversationStatus::Pending => ConversationStatus::Pending,
        }
    }
}

/// How a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Where staff are with it.
    pub status: ConversationStatus,
    /// Who takes care of it.
    pub assignee: Option<StaffId>,
    /// Something in it is unread.
    pub unread: bool,
    /// Something in it is flagged.
    pub flagged: bool,
    /// How the last message travelled.
    pub channel: Option<Channel>,
}
