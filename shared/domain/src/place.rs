//! The place of a message among those of the same millisecond.
//!
//! The id of a message is its place in the conversation: 41 bits of time and 12 bits of sequence. Messages of one
//! millisecond stand in the order in which they were accepted, and those of one request in the order of its list. A
//! consumer may store them in any order, so the sequence leaves room between neighbours for what is still to come.
//!
//! Promised: requests that are stored one after the other keep their order, however many have one instant; a list of a
//! hundred keeps its order whichever entry is stored first; so do a handful of requests of one instant that two consumers
//! store at once. Where no room is left between two messages, the next one stands behind them.

use crate::id::{ClientId, MessageId, RequestId};
use crate::time::Timestamp;

/// What orders the messages of a conversation: the smaller one stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The time that gives it its place: when it was sent or received elsewhere, or else when omega took it.
    pub time: Timestamp,
    /// When omega took the message.
    pub accepted_at: Timestamp,
    /// The request that brought it. Two requests of one millisecond have no order that anybody could see, so their ids
    /// decide: the order is then the same wherever it is asked for.
    pub request: Option<RequestId>,
    /// Its place in the list of that request.
    pub index: u32,
    /// How many entries follow it in that list.
    pub rest: u32,
}

/// How far behind a time its messages are looked for, in milliseconds: more than fit into one go on behind it.
pub const REACH_MS: i64 = 1_000;

/// A message of the same conversation that is stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its id.
    pub id: MessageId,
    /// What it is ordered by.
    pub rank: Rank,
}

/// Sequences before the first message of a millisecond, for requests that were accepted earlier and are stored later.
const BEFORE: u64 = 800;
/// Over how many sequences the conversations of one business spread their first messages of a millisecond, because ids
/// are unique in a business.
const SPREAD: u64 = 1024;
/// The usual distance between two messages of a list.
const STEP: u64 = 4;

/// The id of a message between its neighbours: those of its conversation from its millisecond on, as far as
/// [`REACH_MS`], by id.
///
/// `taken` says how many times such an id was refused because another conversation of the business had it; each time the
/// next id is another one. Without room between two neighbours, or in the millisecond, the id is the next one behind.
pub fn place(client: ClientId, mine: Rank, neighbours: &[Neighbour], taken: u32) -> MessageId {
    let first: MessageId = MessageId::at(mine.time, 0);
    let end = first.get() + (1 << 12);
    let behind = neighbours.iter().rposition(|other| other.rank <= mine).map_or(0, |at| at + 1);
    let before = behind.checked_sub(1).and_then(|at| neighbours.get(at));
    let after = neighbours.get(behind);
    let low = before.map_or(first.get(), |other| other.id.get() + 1);
    let high = after.map_or(end.max(low + 1), |other| other.id.get());
    let room = high.saturating_sub(low);
    let wanted = match (before, after) {
        (None, None) => first.get() + BEFORE + client.get() % SPREAD + STEP * u64::from(mine.index),
        (Some(one), _) if one.rank.request == mine.request => {
            let steps = u64::from(mine.index.saturating_sub(one.rank.index));
            one.id.get() + (STEP * steps).min(share(room, steps, one.rank.rest)).max(steps)
        }
        (_, Some(other)) if other.rank.request == mine.request => {
            let steps = u64::from(other.rank.index.saturating_sub(mine.index));
            let back = (STEP * steps).min(share(room, steps, other.rank.index)).max(steps);
            other.id.get().saturating_sub(back)
        }
        // What is missing of the list before, and of its own before it, still has to fit between.
        (Some(one), None) => {
            one.id.get() + apart(room) + STEP * (u64::from(one.rank.rest) + u64::from(mine.index))
        }
        (None, Some(other)) => {
            let missing = u64::from(mine.rest) + u64::from(other.rank.index);
            other.id.get().saturating_sub(room / 4 + STEP * missing)
        }
        (Some(_), Some(_)) => low + share(room, u64::from(mine.index) + 1, mine.index + mine.rest + 1),
    };
    let is_free = (low..high).contains(&wanted) && (after.is_some() || wanted < end);
    let free = if is_free { wanted } else { low + room / 2 };
    let id = match taken {
        _ if room == 0 => next_free(low, neighbours) + u64::from(taken),
        0 => free,
        taken => other_than(free, low, high, taken, after.is_some()),
    };
    MessageId::new(id).unwrap_or(first)
}

/// The first id from `low` on that none of the neighbours has.
fn next_free(low: u64, neighbours: &[Neighbour]) -> u64 {
    neighbours.iter().fold(low, |free, other| if other.id.get() == free { free + 1 } else { free })
}

/// The place of the step-th of so many that share some room.
fn share(room: u64, step: u64, of: u32) -> u64 {
    room * step / (u64::from(of) + 1)
}

/// The distance between the messages of two requests: less, the less room there is.
fn apart(room: u64) -> u64 {
    (room / 32).max(1)
}

/// Another id than `free`: one after the other within bounds, and in growing steps where nothing stands behind.
fn other_than(free: u64, low: u64, high: u64, taken: u32, is_bounded: bool) -> u64 {
    if is_bounded {
        let width = high.saturating_sub(low).max(1);
        return low + (free.saturating_sub(low) + u64::from(taken)) % width;
    }
    free + (1_u64 << taken.min(20)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noon() -> Timestamp {
        Timestamp::parse("2026-01-31T12:00:00Z").unwrap()
    }

    fn client() -> ClientId {
        ClientId::new(7).unwrap()
    }

    /// A rank of request number `request`, which was accepted so many milliseconds after noon.
    fn rank(request: u32, index: u32, of: u32) -> Rank {
        Rank {
            time: noon(),
            accepted_at: Timestamp::from_millis(noon().as_millis() + i64::from(request)),
            request: Some(RequestId(uuid::Uuid::from_u128(u128::from(request) + 1))),
            index,
            rest: of - 1 - index,
        }
    }

    /// Stores messages one after the other, as consumers do that see what is stored.
    fn stored(arriving: &[Rank]) -> Vec<Neighbour> {
        let mut all: Vec<Neighbour> = Vec::new();
        for rank in arriving {
            let id = place(client(), *rank, &all, 0);
            assert!(all.iter().all(|other| other.id != id), "{id} is taken");
            all.push(Neighbour { id, rank: *rank });
            all.sort_by_key(|one| one.id);
        }
        all
    }

    fn is_in_order(all: &[Neighbour]) -> bool {
        all.is_sorted_by_key(|one| one.rank)
    }

    #[test]
    fn list_of_a_hundred_keeps_its_order_from_either_end() {
        let list: Vec<Rank> = (0..100).map(|index| rank(0, index, 100)).collect();
        let backwards: Vec<Rank> = list.iter().rev().copied().collect();
        assert!(is_in_order(&stored(&list)));
        assert!(is_in_order(&stored(&backwards)));
    }

    #[test]
    fn five_hundred_requests_of_one_instant_keep_the_order_of_acceptance() {
        let requests: Vec<Rank> = (0..500).map(|request| rank(request, 0, 1)).collect();
        assert!(is_in_order(&stored(&requests)));
    }

    #[test]
    fn more_messages_than_a_millisecond_holds_go_on_behind_it() {
        let requests: Vec<Rank> = (0..5_000).map(|request| rank(request, 0, 1)).collect();
        assert!(is_in_order(&stored(&requests)));
    }

    #[test]
    fn later_time_stands_behind_an_earlier_one_that_was_accepted_later() {
        let after = Rank { time: noon().plus(std::time::Duration::from_millis(1)), ..rank(0, 0, 1) };
        let mut all = stored(&(1..400).map(|request| rank(request, 0, 1)).collect::<Vec<_>>());
        let last = all[398].id;
        let id = place(client(), after, &all, 0);
        assert!(id > last && id.time() >= after.time);
        all.push(Neighbour { id, rank: after });
        assert!(place(client(), rank(500, 0, 1), &all, 0) < id || last.next() == id);
    }

    #[test]
    fn id_that_another_conversation_has_is_not_chosen_again() {
        let ids: Vec<MessageId> = (0..12).map(|taken| place(client(), rank(0, 0, 1), &[], taken)).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        let between = [
            Neighbour { id: MessageId::at(noon(), 10), rank: rank(0, 0, 1) },
            Neighbour { id: MessageId::at(noon(), 15), rank: rank(2, 0, 1) },
        ];
        let mut ids: Vec<u64> =
            (0..4).map(|taken| place(client(), rank(1, 0, 1), &between, taken).get() & 4095).collect();
        ids.sort_unstable();
        assert_eq!(ids, [11, 12, 13, 14]);
    }

    proptest! {
        #[test]
        fn two_consumers_of_neighbouring_batches_store_the_order_of_acceptance(
            lists in prop::collection::vec(1u32..6, 1..6),
            turns in prop::collection::vec(any::<bool>(), 96),
        ) {
            let accepted: Vec<Rank> = lists
                .iter()
                .enumerate()
                .flat_map(|(request, length)| (0..*length).map(move |index| rank(request as u32, index, *length)))
                .collect();
            // A consumer stores the jobs of one client in a batch of ten in their order.
            let mut arriving = Vec::new();
            let mut turns = turns.into_iter();
            for pair in accepted.chunks(20) {
                let (mut one, mut other) = (pair.iter().take(10).peekable(), pair.iter().skip(10).peekable());
                while one.peek().is_some() || other.peek().is_some() {
                    let is_first = turns.next().unwrap_or(true);
                    let next = if is_first { one.next().or_else(|| other.next()) } else { other.next().or_else(|| one.next()) };
                    arriving.extend(next);
                }
            }
            prop_assert!(is_in_order(&stored(&arriving)));
        }

        #[test]
        fn list_that_is_stored_in_any_order_keeps_its_own(order in Just((0..100).collect::<Vec<u32>>()).prop_shuffle()) {
            let arriving: Vec<Rank> = order.into_iter().map(|index| rank(0, index, 100)).collect();
            prop_assert!(is_in_order(&stored(&arriving)));
        }
    }
}
