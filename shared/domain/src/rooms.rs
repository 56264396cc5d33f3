//! A conversation as a row of rooms, for interfaces that know those: one begins with the conversation, or when it is
//! reopened, and ends when it is resolved.

use crate::actor::Actor;
use crate::conversation::{Cause, Change, ConversationEvent};
use crate::id::{EntryId, Id, MessageId, StaffId};
use crate::standing::ConversationStatus;
use crate::time::Timestamp;

/// A room that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The line of the history that closed it.
    pub closing: EntryId,
    /// When.
    pub closed_at: Timestamp,
    /// By whom.
    pub closed_by: Actor,
    /// Whose the conversation was then.
    pub assignee: Option<StaffId>,
    /// When it was opened; `None` for with the conversation.
    pub opened_at: Option<Timestamp>,
    /// Its messages have this id or a larger one.
    pub first: MessageId,
    /// Its messages have this id or a smaller one.
    pub last: MessageId,
}

impl Room {
    /// Whether a message belongs to it.
    pub fn holds(&self, message: MessageId) -> bool {
        (self.first..=self.last).contains(&message)
    }
}

/// The closed rooms of a conversation, the one that was closed last first: one for each time that it was resolved.
/// `assignee` is whose it is now.
///
/// Lines and messages get their ids from one clock, so that the id of a line tells which messages came before it.
pub fn closed_rooms(lines: &[ConversationEvent], assignee: Option<StaffId>) -> Vec<Room> {
    let mut lines: Vec<&ConversationEvent> = lines.iter().collect();
    lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.event_id));
    let mut rooms: Vec<Room> = Vec::new();
    // Whether the room that was found last is still without its beginning.
    let mut looks_for_beginning = false;
    let mut assignee = assignee;
    for line in lines {
        match (&line.change, rooms.last_mut().filter(|_| looks_for_beginning)) {
            (Change::Status { from, to, .. }, later) if is_done(*to) && !is_done(*from) => {
                if let Some(later) = later {
                    // Resolved twice without being reopened: two histories became one.
                    later.opened_at = Some(line.at);
                    later.first = place(line.event_id).next();
                }
                rooms.push(Room {
                    closing: line.event_id,
                    closed_at: line.at,
                    closed_by: line.actor,
                    assignee,
                    opened_at: None,
                    first: place(EntryId::at(Timestamp::EARLIEST, 0)),
                    last: place(line.event_id),
                });
                looks_for_beginning = true;
            }
            (Change::Status { from, to, .. }, Some(room)) if is_done(*from) && !is_done(*to) => {
                room.opened_at = Some(line.at);
                room.first = match line.cause {
                    // What reopened it belongs to it.
                    Cause::InboundMessage { message_id } => message_id.min(place(line.event_id)),
                    _ => place(line.event_id),
                };
                looks_for_beginning = false;
            }
            (Change::Assignee { from, .. }, _) => assignee = *from,
            _ => {}
        }
    }
    // A message that reopened a room is not part of the one before.
    for later in 1..rooms.len() {
        let ended = rooms[later].last.next();
        rooms[later - 1].first = rooms[later - 1].first.max(ended);
    }
    rooms
}

fn is_done(status: ConversationStatus) -> bool {
    status == ConversationStatus::Resolved
}

/// Where a line stands among messages.
fn place(line: EntryId) -> MessageId {
    Id::new(line.get()).unwrap_or_else(|| MessageId::at(line.time(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConversationStatus::{Open, Resolved};
    use proptest::prelude::*;

    fn line(id: u64, actor: Actor, cause: Cause, change: Change) -> ConversationEvent {
        ConversationEvent {
            event_id: EntryId::new(id).unwrap(),
            at: Timestamp::from_millis(1000 + id as i64),
            actor,
            cause,
            change,
        }
    }

    fn request() -> Cause {
        Cause::Request { request_id: "r".to_owned() }
    }

    fn status(from: ConversationStatus, to: ConversationStatus) -> Change {
        Change::Status { from, to, snoozed_until: None }
    }

    fn staff(id: u64) -> Option<StaffId> {
        StaffId::new(id)
    }

    #[test]
    fn a_room_lasts_from_what_reopened_it_until_it_is_resolved() {
        let wrote = Cause::InboundMessage { message_id: MessageId::new(29).unwrap() };
        let lines = [
            line(10, Actor::Service, request(), Change::Assignee { from: None, to: staff(12) }),
            line(20, Actor::Service, request(), status(Open, Resolved)),
            line(30, Actor::Client, wrote, status(Resolved, Open)),
            line(40, Actor::Service, request(), Change::Assignee { from: staff(12), to: staff(13) }),
            line(50, Actor::Staff { id: staff(13).unwrap() }, request(), status(Open, Resolved)),
        ];
        let rooms = closed_rooms(&lines, staff(13));
        let spans: Vec<_> = rooms.iter().map(|room| (room.first.get(), room.last.get())).collect();
        assert_eq!(spans, [(29, 50), (0, 20)]);
        assert_eq!(rooms.iter().map(|room| room.assignee).collect::<Vec<_>>(), [staff(13), staff(12)]);
        let times: Vec<_> = rooms.iter().map(|room| room.opened_at.map(|at| at.as_millis())).collect();
        assert_eq!(times, [Some(1030), None]);
        assert_eq!(rooms[0].closed_by, Actor::Staff { id: staff(13).unwrap() });
    }

    #[test]
    fn without_a_line_about_it_the_assignee_was_whoever_it_is() {
        let lines = [line(20, Actor::Service, request(), status(Open, Resolved))];
        assert_eq!(closed_rooms(&lines, staff(12))[0].assignee, staff(12));
    }

    fn any_line() -> impl Strategy<Value = (Change, Cause)> {
        let any_status = || prop::sample::select(ConversationStatus::ALL.to_vec());
        let change = prop_oneof![
            4 => (any_status(), any_status()).prop_map(|(from, to)| status(from, to)),
            1 => (0u64..3, 0u64..3).prop_map(|(from, to)| Change::Assignee { from: staff(from), to: staff(to) }),
            1 => Just(Change::Label { from: None, to: None }),
        ];
        let cause = prop_oneof![
            Just(request()),
            (0u64..200).prop_map(|id| Cause::InboundMessage { message_id: MessageId::new(id).unwrap() }),
        ];
        (change, cause)
    }

    proptest! {
        #[test]
        fn no_history_makes_rooms_that_overlap_or_are_not_one_for_each_resolution(
            said in prop::collection::btree_map(0u64..200, any_line(), 0..20)
        ) {
            let lines: Vec<ConversationEvent> = said
                .into_iter()
                .map(|(id, (change, cause))| line(id, Actor::System, cause, change))
                .collect();
            let rooms = closed_rooms(&lines, None);
            let resolved = |line: &&ConversationEvent| {
                matches!(line.change, Change::Status { from, to, .. } if to == Resolved && from != Resolved)
            };
            let closings: Vec<EntryId> = lines.iter().rev().filter(resolved).map(|line| line.event_id).collect();
            prop_assert_eq!(rooms.iter().map(|room| room.closing).collect::<Vec<_>>(), closings);
            for room in &rooms {
                prop_assert!(room.first <= room.last);
            }
            for message in (0..200).filter_map(MessageId::new) {
                prop_assert!(rooms.iter().filter(|room| room.holds(message)).count() <= 1);
            }
        }
    }
}
