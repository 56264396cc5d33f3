//! The head of a conversation: everything a list shows, kept beside the messages.
//!
//! A client has exactly one conversation in a business, and its id is the client's: docs/adr/0004.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::address::Address;
use crate::channel::{Category, Channel, Direction};
use crate::content::Text;
use crate::id::{ClientId, EntryId, MessageId, StaffId};
use crate::standing::ConversationStatus;
use crate::standing::Standing;
use crate::time::Timestamp;

/// The stored head: the part of a client's item that is about their conversation. Counters equal a recount of the
/// messages at all times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// With whom; also its id.
    pub client_id: ClientId,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// Where staff are with it.
    pub inbox_status: ConversationStatus,
    /// When it comes back, while it is snoozed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// Who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<StaffId>,
    /// Goes up with every change.
    pub version: u64,
    /// Messages and notes.
    #[serde(default)]
    pub messages_count: u64,
    /// Lines of its history.
    #[serde(default)]
    pub events_count: u64,
    /// Inbound messages that nobody read.
    #[serde(default)]
    pub unread_messages_count: u64,
    /// Flagged messages and notes.
    #[serde(default)]
    pub messages_flagged_count: u64,
    /// The newest id given to a message or note that was made here. New ones must be larger.
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
    /// Up to where staff have read: every inbound message up to here is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read_message_id: Option<MessageId>,
    /// What the inbox is ordered by.
    pub activity_at: Timestamp,
    /// Last change of the client or the conversation, whatever it was.
    pub changed_at: Timestamp,
    /// Who changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
    /// Who resolved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// Its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When mail reopened it, the last times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reopened_at: Vec<Timestamp>,
    /// What an answer to the last mail from the client refers to: `Message-ID`s, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mail_thread: Vec<String>,
    /// The number of ours that the client last wrote to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_to: Option<Address>,
    /// By which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_id: Option<MessageId>,
    /// The number of ours that the last text to the client left from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texted_from: Option<Address>,
}

impl Conversation {
    /// Whether mail may reopen it now. Two machines that answer each other without saying so reopen a conversation
    /// for ever, so that mail does it [`MOST_REOPENINGS`] times an hour.
    pub fn mail_may_reopen(&self, now: Timestamp) -> bool {
        let lately = self.reopened_at.iter().filter(|at| now.since(**at) < REOPENING_HOUR);
        lately.count() < MOST_REOPENINGS
    }

    /// How it is counted.
    pub fn standing(&self) -> Standing {
        Standing {
            status: self.inbox_status,
            assignee: self.assigned_to,
            unread: self.unread_messages_count > 0,
            flagged: self.messages_flagged_count > 0,
            channel: self.last_channel,
        }
    }
}

/// How often mail reopens a conversation within an hour.
pub const MOST_REOPENINGS: usize = 5;

const REOPENING_HOUR: Duration = Duration::from_secs(3600);

/// Why a conversation changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// A call asked for it.
    Request {
        /// Its `X-Request-Id`.
        request_id: String,
    },
    /// The client wrote.
    InboundMessage {
        /// What.
        message_id: MessageId,
    },
    /// The time it was put off to has come.
    SnoozeEnded,
    /// The assignee was deactivated.
    StaffDeactivated,
    /// The directory named a client who was unknown so far.
    ClientsMerged {
        /// Under which id they were known until then.
        from_client_id: ClientId,
    },
}

/// What changed of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Its status.
    Status {
        /// Before.
        from: ConversationStatus,
        /// After.
        to: ConversationStatus,
        /// Until when it is put off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snoozed_until: Option<Timestamp>,
    },
    /// Its assignee.
    Assignee {
        /// Before.
        #[serde(default)]
        from: Option<StaffId>,
        /// After.
        #[serde(default)]
        to: Option<StaffId>,
    },
    /// Its label.
    Label {
        /// Before.
        #[serde(default)]
        from: Option<String>,
        /// After.
        #[serde(default)]
        to: Option<String>,
    },
}

/// One line of a conversation's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConversationEvent {
    /// Which line. Later ones are larger.
    pub event_id: EntryId,
    /// When.
    pub at: Timestamp,
    /// Who.
    #[serde(flatten)]
    pub actor: Actor,
    /// Why.
    #[serde(flatten)]
    pub cause: Cause,
    /// What.
    #[serde(flatten)]
    pub change: Change,
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
    /// It opens a conversation with somebody who has none. Without that, the message stands in the client's timeline
    /// and no list of conversations shows the client.
    pub opens: bool,
    /// It tells from which number the next text to the client leaves.
    pub sets_sender: bool,
}

impl Effect {
    /// The message is stored and shown, and nobody is told.
    pub const NONE: Effect =
        Effect { unread: false, reopens: false, reorders: false, opens: true, sets_sender: false };

    /// A text that is STOP or START alone asks staff nothing. It does tell where the client writes to.
    pub const CONSENT_WORD: Effect = Effect { opens: false, sets_sender: true, ..Effect::NONE };

    /// The rule: inbound messages count, reopen and reorder. Outbound messages reorder. A campaign does not reorder and
    /// opens no conversation. History that is filled in later changes nothing of a conversation there is.
    pub fn of(direction: Direction, category: Category, historical: bool) -> Effect {
        let campaign = direction == Direction::Outbound && category == Category::Campaign;
        let quiet = Effect { opens: !campaign, ..Effect::NONE };
        if historical {
            return quiet;
        }
        match direction {
            Direction::Inbound => {
                Effect { unread: true, reopens: true, reorders: true, opens: true, sets_sender: true }
            }
            Direction::Outbound => Effect { reorders: !campaign, sets_sender: true, ..quiet },
            Direction::Internal => quiet,
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
        assert_eq!(campaign, Effect { opens: false, sets_sender: true, ..Effect::NONE });
        assert_eq!(history, Effect::NONE);
        assert!(!Effect::of(Direction::Outbound, Category::Campaign, true).opens);
        assert!(Effect::of(Direction::Outbound, Category::Notification, false).opens);
        assert!(Effect::of(Direction::Inbound, Category::Conversation, false).unread);
    }

    #[test]
    fn a_reply_brings_back_what_was_done_or_put_off() {
        use crate::standing::ConversationStatus::*;
        let after: Vec<_> = [Open, Pending, Snoozed, Resolved].map(ConversationStatus::after_inbound).into();
        assert_eq!(after, [Open, Pending, Open, Open]);
    }

    #[test]
    fn mail_reopens_five_times_an_hour_and_then_again() {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let head = |reopened_at| Conversation {
            client_id: ClientId::new(7).unwrap(),
            began_at: None,
            inbox_status: ConversationStatus::Resolved,
            snoozed_until: None,
            assigned_to: None,
            version: 1,
            messages_count: 0,
            events_count: 0,
            unread_messages_count: 0,
            messages_flagged_count: 0,
            newest_id: None,
            last_message_id: None,
            last_message: None,
            last_channel: None,
            last_read_message_id: None,
            activity_at: at(0),
            changed_at: at(0),
            updated_by: None,
            resolved_by: None,
            label: None,
            mail_thread: Vec::new(),
            written_to: None,
            written_id: None,
            texted_from: None,
            reopened_at,
        };
        let often: Vec<Timestamp> = (1..=5).map(at).collect();
        assert!(head(often[..4].to_vec()).mail_may_reopen(at(6)));
        assert!(!head(often.clone()).mail_may_reopen(at(6)));
        assert!(head(often).mail_may_reopen(at(62)));
    }
}
