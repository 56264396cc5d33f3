//! Counting anew what is counted along: the counters of a conversation from its messages, and the sums of a business
//! from its clients. Both can be done while everything goes on. What is found wrong is told and put right.

use std::collections::BTreeSet;

use domain::conversation::Conversation;
use domain::inbox::Cell;
use domain::shards::Shards;
use domain::{BusinessId, ClientId, Result, Timestamp};

use crate::clients::{ClientView, changed};
use crate::conversations::placed;
use crate::counts::Counts;
use crate::expression::Write;
use crate::inbox::{Window, counted};
use crate::item::{n, value};
use crate::{Store, keys};

/// How often something that changes while it is counted is counted again before it is left to the next time.
const TRIES: usize = 8;
/// How often all clients of a business are walked to find a moment in which nobody changed.
const WALKS: usize = 2;
/// How long a change may take from its time stamp until the index of changes shows it.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(10);

/// The counters of one conversation, as they were and as they should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongCounters {
    /// As they were.
    pub was: Counters,
    /// As they should have been.
    pub is: Counters,
}

/// The counters of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Messages and notes.
    pub messages: u64,
    /// Unread ones.
    pub unread: u64,
    /// Flagged ones.
    pub flagged: u64,
}

impl Counters {
    fn of(conversation: &Conversation) -> Counters {
        Counters {
            messages: conversation.messages_count,
            unread: conversation.unread_messages_count,
            flagged: conversation.messages_flagged_count,
        }
    }
}

/// What counting anew found of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recounted<T> {
    /// It is as it was counted along.
    Right,
    /// It was not, and is now.
    Repaired(T),
    /// It changed too often to be counted.
    Busy,
}

/// One sum that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongSum {
    /// Of which cell.
    pub cell: Cell,
    /// As it was.
    pub was: i64,
    /// As it should have been.
    pub is: i64,
}

impl Store {
    /// Counts the messages of one conversation anew. Judged only when nothing changed meanwhile.
    pub async fn recount_conversation(
        &self,
        business: BusinessId,
        client: ClientId,
        shards: Shards,
    ) -> Result<Recounted<WrongCounters>> {
        for _ in 0..TRIES {
            let Some((view, counted)) = self.counted_view(business, client).await? else {
                return Ok(Recounted::Right);
            };
            let Some(head) = &view.conversation else { return Ok(Recounted::Right) };
            let was = Counters::of(head);
            let is = self.count_entries(business, client).await?;
            let later = self.counted_view(business, client).await?.and_then(|(view, _)| view.conversation);
            if later.map(|later| later.version) != Some(head.version) {
                continue;
            }
            if was == is && counted == view.cell() {
                return Ok(Recounted::Right);
            }
            if self.put_right(&view, &counted, is, shards).await? {
                return Ok(Recounted::Repaired(WrongCounters { was, is }));
            }
        }
        Ok(Recounted::Busy)
    }

    /// A client, and the cell that their item says they are counted in. One who moved is another's to count.
    async fn counted_view(
        &self,
        business: BusinessId,
        client: ClientId,
    ) -> Result<Option<(ClientView, Cell)>> {
        let item = self.get(keys::profile(business, client), true).await?;
        item.filter(|item| item.contains_key("cell")).map(counted).transpose()
    }

    async fn put_right(
        &self,
        view: &ClientView,
        counted: &Cell,
        is: Counters,
        shards: Shards,
    ) -> Result<bool> {
        let Some(head) = &view.conversation else { return Ok(false) };
        let (business, client, now) = (view.client.business_id, head.client_id, self.clock().now());
        let right = Conversation {
            messages_count: is.messages,
            unread_messages_count: is.unread,
            messages_flagged_count: is.flagged,
            ..head.clone()
        };
        let cell = Cell { standing: Some(right.standing()), ..view.cell() };
        let mut rest = Vec::new();
        let write = Write::new()
            .set("messages_count", n(is.messages))
            .set("unread_messages_count", n(is.unread))
            .set("messages_flagged_count", n(is.flagged))
            .add("version", 1)
            .when("version", "=", n(head.version));
        let write = placed(write, business, client, &right.standing(), shards);
        let write = changed(write, business, client, shards, now);
        let ids = (business, client, shards);
        let write = self.recounted(write, &mut rest, ids, Some(counted), Some(&cell))?;
        let mut parts = vec![self.tx_update(keys::profile(business, client), write)?];
        parts.append(&mut rest);
        Ok(self.transact(parts).await?.is_ok())
    }

    /// Counts the clients of a business anew, cell by cell, and puts wrong sums right. Judged only when nobody changed
    /// meanwhile. `each` is called with every client who has a conversation, some hundreds at a time. When it puts
    /// something right, that is a change as well, and the sums are judged by the next run.
    pub async fn recount_sums(
        &self,
        business: BusinessId,
        shards: Shards,
        mut each: impl AsyncFnMut(Vec<ClientId>) -> Result<()>,
    ) -> Result<Recounted<Vec<WrongSum>>> {
        for walk in 0..WALKS {
            let begun = self.clock().now().minus(SETTLED);
            let before = self.counts(business, shards).await?;
            let mut right = Counts::default();
            let mut after = None::<String>;
            loop {
                let window = Window { after: after.as_deref(), most: 500 };
                let rows = self.counted_clients(business, shards, NEVER, window).await?;
                let mut with_conversation = Vec::with_capacity(rows.rows.len());
                for (view, cell) in rows.rows {
                    right.count(cell);
                    with_conversation.extend(view.conversation.map(|head| head.client_id));
                }
                if walk == 0 {
                    each(with_conversation).await?;
                }
                after = rows.next;
                if after.is_none() {
                    break;
                }
            }
            let window = Window { after: None, most: 1 };
            let changed = self.counted_clients(business, shards, begun, window).await?;
            let later = self.counts(business, shards).await?;
            if !changed.rows.is_empty() || !differences(&before, &later).is_empty() {
                continue;
            }
            let wrong = differences(&before, &right);
            if wrong.is_empty() {
                return Ok(Recounted::Right);
            }
            for sum in &wrong {
                // By the difference: it stays the same while others add and take away.
                let write = Write::new()
                    .stamp("Count")
                    .set_once("cell", value(&sum.cell)?)
                    .add("clients_count", sum.is - sum.was);
                let written = self.update(keys::count(business, 0, &sum.cell), write).await?;
                written.map_err(|_| domain::Error::internal("an unconditional write was refused"))?;
            }
            return Ok(Recounted::Repaired(wrong));
        }
        Ok(Recounted::Busy)
    }
}

/// Before every change.
const NEVER: Timestamp = Timestamp::EARLIEST;

fn differences(was: &Counts, is: &Counts) -> Vec<WrongSum> {
    let cells: BTreeSet<String> = was.cells().chain(is.cells()).map(|(cell, _)| cell.to_string()).collect();
    let sum = |cell: &str| {
        let cell = Cell::parse(cell)?;
        let of = |counts: &Counts| counts.cells().find(|(known, _)| **known == cell).map_or(0, |(_, n)| n);
        Some(WrongSum { cell, was: of(was), is: of(is) })
    };
    cells.iter().filter_map(|cell| sum(cell)).filter(|sum| sum.was != sum.is).collect()
}
