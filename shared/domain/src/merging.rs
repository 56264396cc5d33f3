//! What becomes of two conversations that turn out to be with one person.
//!
//! The directory names somebody who had written as a stranger. Messages go over a few at a time; how staff stand with
//! the stranger goes over at once, and again when it changed meanwhile.

use crate::conversation::{Change, Conversation};
use crate::id::{ClientId, MessageId};
use crate::standing::ConversationStatus;

/// What goes over in one step, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Messages and notes.
    pub messages: u64,
    /// Those that nobody read.
    pub unread: u64,
    /// Flagged ones.
    pub flagged: u64,
    /// Lines of the history.
    pub events: u64,
    /// The oldest of those that nobody read.
    pub oldest_unread: Option<MessageId>,
}

/// The conversation of the client after a step. What the client's own says stays where both say something, but what
/// asks more of staff wins: it comes back when the stranger's was open.
pub fn joined(
    client: ClientId,
    own: Option<&Conversation>,
    strangers: &Conversation,
    moved: &Moved,
) -> Conversation {
    let fresh = Conversation {
        client_id: client,
        version: 0,
        messages_count: 0,
        unread_messages_count: 0,
        messages_flagged_count: 0,
        events_count: 0,
        ..strangers.clone()
    };
    let before = own;
    let own = own.unwrap_or(&fresh);
    let status = more_urgent(own.inbox_status, strangers.inbox_status);
    let put_off = |conversation: &Conversation| {
        conversation.snoozed_until.filter(|_| status == ConversationStatus::Snoozed)
    };
    let snoozed_until = match (put_off(own), put_off(strangers)) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let resolved_by = own.resolved_by.clone().or_else(|| strangers.resolved_by.clone());
    let newer = if own.last_message_id >= strangers.last_message_id { own } else { strangers };
    let writer = if own.written_id >= strangers.written_id { own } else { strangers };
    let unread = own.unread_messages_count + moved.unread;
    // Where everything is read, the mark can be that of either: all up to the further one is.
    let mark = if own.unread_messages_count == 0 {
        own.last_read_message_id.max(strangers.last_read_message_id)
    } else {
        own.last_read_message_id
    };
    let unread_after = moved.oldest_unread.and_then(|id| MessageId::new(id.get().saturating_sub(1)));
    let joined = Conversation {
        client_id: client,
        inbox_status: status,
        snoozed_until,
        assigned_to: own.assigned_to.or(strangers.assigned_to),
        version: own.version + 1,
        messages_count: own.messages_count + moved.messages,
        unread_messages_count: unread,
        messages_flagged_count: own.messages_flagged_count + moved.flagged,
        newest_id: own.newest_id.max(strangers.newest_id),
        last_message_id: newer.last_message_id,
        last_message: newer.last_message.clone(),
        last_channel: newer.last_channel,
        last_read_message_id: unread_after.map_or(mark, |after| mark.map(|mark| mark.min(after))),
        activity_at: own.activity_at.max(strangers.activity_at),
        resolved_by: resolved_by.filter(|_| status == ConversationStatus::Resolved),
        label: own.label.clone().or_else(|| strangers.label.clone()),
        written_to: writer.written_to.clone(),
        written_id: writer.written_id,
        texted_from: newer.texted_from.clone().or_else(|| own.texted_from.clone()),
        mail_thread: if own.mail_thread.is_empty() {
            strangers.mail_thread.clone()
        } else {
            own.mail_thread.clone()
        },
        ..own.clone()
    };
    let told = changes(before, &joined).len() as u64;
    Conversation { events_count: own.events_count + moved.events + told, ..joined }
}

/// The stranger's conversation after a step: what is left of its messages, and nothing that asks for anybody, because
/// that went over.
pub fn left_behind(strangers: &Conversation, moved: &Moved) -> Conversation {
    Conversation {
        inbox_status: ConversationStatus::Resolved,
        snoozed_until: None,
        assigned_to: None,
        version: strangers.version + 1,
        messages_count: strangers.messages_count.saturating_sub(moved.messages),
        unread_messages_count: strangers.unread_messages_count.saturating_sub(moved.unread),
        messages_flagged_count: strangers.messages_flagged_count.saturating_sub(moved.flagged),
        events_count: strangers.events_count.saturating_sub(moved.events),
        label: None,
        ..strangers.clone()
    }
}

/// What a step changed of the client's conversation that its history tells. A conversation that begins with it has
/// nothing to tell.
pub fn changes(own: Option<&Conversation>, joined: &Conversation) -> Vec<Change> {
    let Some(own) = own else { return Vec::new() };
    let mut changes = Vec::new();
    if (own.inbox_status, own.snoozed_until) != (joined.inbox_status, joined.snoozed_until) {
        changes.push(Change::Status {
            from: own.inbox_status,
            to: joined.inbox_status,
            snoozed_until: joined.snoozed_until,
        });
    }
    if own.assigned_to != joined.assigned_to {
        changes.push(Change::Assignee { from: own.assigned_to, to: joined.assigned_to });
    }
    if own.label != joined.label {
        changes.push(Change::Label { from: own.label.clone(), to: joined.label.clone() });
    }
    changes
}

/// Of two statuses, the one that asks more of staff.
fn more_urgent(one: ConversationStatus, other: ConversationStatus) -> ConversationStatus {
    let urgency = |status| match status {
        ConversationStatus::Open => 3,
        ConversationStatus::Pending => 2,
        ConversationStatus::Snoozed => 1,
        ConversationStatus::Resolved => 0,
    };
    if urgency(other) > urgency(one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::{StaffId, Timestamp};
    use proptest::prelude::*;

    fn id(number: u64) -> MessageId {
        MessageId::new(number).unwrap()
    }

    fn conversation(inbox_status: ConversationStatus) -> Conversation {
        Conversation {
            client_id: ClientId::new(1).unwrap(),
            began_at: None,
            inbox_status,
            snoozed_until: None,
            assigned_to: None,
            version: 3,
            messages_count: 2,
            unread_messages_count: 0,
            messages_flagged_count: 0,
            events_count: 0,
            newest_id: Some(id(20)),
            last_message_id: Some(id(20)),
            last_message: None,
            last_channel: Some(Channel::Sms),
            last_read_message_id: None,
            activity_at: Timestamp::from_millis(5),
            changed_at: Timestamp::from_millis(5),
            updated_by: None,
            resolved_by: None,
            label: None,
            mail_thread: Vec::new(),
            written_to: None,
            written_id: None,
            texted_from: None,
            reopened_at: Vec::new(),
        }
    }

    #[test]
    fn what_asks_more_of_staff_wins() {
        use ConversationStatus::*;
        let order = [Resolved, Snoozed, Pending, Open];
        for (low, less) in order.iter().enumerate() {
            for more in &order[low..] {
                assert_eq!((more_urgent(*less, *more), more_urgent(*more, *less)), (*more, *more));
            }
        }
    }

    #[test]
    fn what_the_client_says_stays_and_the_stranger_fills_the_gaps() {
        let staff = |number| StaffId::new(number);
        let own =
            Conversation { label: Some("vip".to_owned()), ..conversation(ConversationStatus::Resolved) };
        let strangers = Conversation {
            label: Some("lead".to_owned()),
            assigned_to: staff(12),
            newest_id: Some(id(30)),
            last_message_id: Some(id(30)),
            last_channel: Some(Channel::Voice),
            ..conversation(ConversationStatus::Open)
        };
        let moved = Moved { messages: 2, unread: 1, flagged: 1, events: 1, oldest_unread: Some(id(25)) };
        let joined = joined(own.client_id, Some(&own), &strangers, &moved);
        assert_eq!((joined.label.as_deref(), joined.assigned_to), (Some("vip"), staff(12)));
        assert_eq!((joined.newest_id, joined.last_channel), (Some(id(30)), Some(Channel::Voice)));
        assert_eq!((joined.messages_count, joined.unread_messages_count), (4, 1));
        assert_eq!(joined.events_count, 3, "one that goes over, and two that tell of it");
        let told = changes(Some(&own), &joined);
        assert_eq!(
            told,
            [
                Change::Status {
                    from: ConversationStatus::Resolved,
                    to: ConversationStatus::Open,
                    snoozed_until: None
                },
                Change::Assignee { from: None, to: staff(12) }
            ]
        );
        let left = left_behind(&strangers, &moved);
        assert_eq!(
            (left.inbox_status, left.assigned_to, left.label),
            (ConversationStatus::Resolved, None, None)
        );
    }

    #[test]
    fn of_two_that_were_put_off_the_earlier_time_counts() {
        let until = |ms| {
            let until = Some(Timestamp::from_millis(ms));
            Conversation { snoozed_until: until, ..conversation(ConversationStatus::Snoozed) }
        };
        let open = conversation(ConversationStatus::Open);
        let join = |own: &Conversation, other: &Conversation| {
            joined(own.client_id, Some(own), other, &Moved::default()).snoozed_until
        };
        assert_eq!(join(&until(9), &until(7)), Some(Timestamp::from_millis(7)));
        assert_eq!(
            join(&conversation(ConversationStatus::Resolved), &until(7)),
            Some(Timestamp::from_millis(7))
        );
        assert_eq!((join(&until(9), &open), join(&open, &until(9))), (None, None));
    }

    proptest! {
        /// Messages 1 to 40, each of one of the two, each read or not; the stranger's go over in steps.
        #[test]
        fn every_message_up_to_the_mark_is_read_after_every_step(
            messages in prop::collection::vec((any::<bool>(), any::<bool>()), 1..40),
            marks in (0u64..42, 0u64..42),
            step in 1usize..9,
        ) {
            let all = |of_stranger: bool| -> Vec<(u64, bool)> {
                let numbered = (1u64..).zip(&messages).filter(|(_, (strangers, _))| *strangers == of_stranger);
                numbered.map(|(id, (_, unread))| (id, *unread)).collect()
            };
            let with = |messages: &[(u64, bool)], mark: u64| {
                let unread: Vec<u64> = messages.iter().filter(|(_, unread)| *unread).map(|(id, _)| *id).collect();
                let most = unread.first().map_or(u64::MAX, |first| first - 1);
                Conversation {
                    unread_messages_count: unread.len() as u64,
                    messages_count: messages.len() as u64,
                    last_read_message_id: Some(mark.min(most)).filter(|mark| *mark > 0).map(id),
                    ..conversation(ConversationStatus::Open)
                }
            };
            let (mut here, there) = (all(false), all(true));
            let (mut own, mut strangers) = (Some(with(&here, marks.0)), with(&there, marks.1));
            if here.is_empty() {
                own = None;
            }
            for chunk in there.chunks(step) {
                let unread: Vec<u64> = chunk.iter().filter(|(_, unread)| *unread).map(|(id, _)| *id).collect();
                let moved = Moved {
                    messages: chunk.len() as u64,
                    unread: unread.len() as u64,
                    flagged: 0,
                    events: 0,
                    oldest_unread: unread.first().copied().map(id),
                };
                let client = ClientId::new(2).unwrap();
                let after = joined(client, own.as_ref(), &strangers, &moved);
                strangers = left_behind(&strangers, &moved);
                here.extend(chunk);
                let mark = after.last_read_message_id.map_or(0, MessageId::get);
                prop_assert!(here.iter().all(|(id, unread)| !unread || *id > mark), "{here:?} {mark}");
                prop_assert_eq!(after.messages_count, here.len() as u64);
                prop_assert_eq!(after.unread_messages_count, here.iter().filter(|(_, unread)| *unread).count() as u64);
                own = Some(after);
            }
        }
    }
}
