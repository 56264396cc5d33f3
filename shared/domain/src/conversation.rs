//! The head of a conversation: everything a list shows, kept beside the messages.
//!
//! A client has exactly one conversation in a business, and its id is the client's: docs/adr/0004.

use serde::{Deserialize, Serialize};

use crate::id::{ClientId, MessageId};
use crate::message::{Category, Channel, Direction, Text};
use crate::time::Timestamp;

/// Where staff are with a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// The stored head. Counters equal a recount of the messages at all times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// With whom; also its id.
    pub client_id: ClientId,
    /// Where staff are with it.
    pub inbox_status: ConversationStatus,
    /// Goes up with every change.
    pub version: u64,
    /// Inbound messages that nobody read.
    #[serde(default)]
    pub unread_messages_count: u64,
    /// Flagged messages.
    #[serde(default)]
    pub messages_flagged_count: u64,
    /// The newest id given to a message that was sent or received here. New ones must be larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_id: Option<MessageId>,
    /// The message a list shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_id: Option<MessageId>,
    /// Its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<Text>,
    /// Its channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_channel: Option<Channel>,
    /// Up to where staff have read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read_message_id: Option<MessageId>,
    /// What the inbox is ordered by.
    pub activity_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// Last change, whatever it was.
    pub updated_at: Timestamp,
    /// Who changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
    /// Who resolved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// Its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// What a message does to the head of its conversation, decided without reading the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// It counts as unread.
    pub unread: bool,
    /// It brings the conversation back to the staff's attention.
    pub reopens: bool,
    /// It moves the conversation to the top of the inbox.
    pub reorders: bool,
}

impl Effect {
    /// The rule: inbound messages count, reopen and reorder; outbound ones reorder, a campaign does not; history
    /// that is filled in later does nothing.
    pub fn of(direction: Direction, category: Category, historical: bool) -> Effect {
        if historical {
            return Effect { unread: false, reopens: false, reorders: false };
        }
        match direction {
            Direction::Inbound => Effect { unread: true, reopens: true, reorders: true },
            Direction::Outbound => {
                Effect { unread: false, reopens: false, reorders: category != Category::Campaign }
            }
            Direction::Internal => Effect { unread: false, reopens: false, reorders: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_and_history_leave_the_inbox_alone() {
        let campaign = Effect::of(Direction::Outbound, Category::Campaign, false);
        let history = Effect::of(Direction::Inbound, Category::Conversation, true);
        assert_eq!(campaign, Effect { unread: false, reopens: false, reorders: false });
        assert_eq!(history, campaign);
        assert!(Effect::of(Direction::Inbound, Category::Conversation, false).unread);
    }

    #[test]
    fn a_reply_brings_back_what_was_done_or_put_off() {
        use ConversationStatus::*;
        let after: Vec<_> = [Open, Pending, Snoozed, Resolved].map(ConversationStatus::after_inbound).into();
        assert_eq!(after, [Open, Pending, Open, Open]);
    }
}
