//! Messages that change by themselves: by a step of their delivery, or a report of it.
//!
//! The head of their conversation does not change with them, so that no report stands in the way of staff. Whoever asks
//! which conversations changed finds the messages in an index: docs/adr/0030.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::MessageRef;
use domain::inbox::ConversationFilter;
use domain::shards::Shards;
use domain::{BusinessId, ClientId, Error, Result, Timestamp};
use futures_util::future::try_join_all;

use crate::clients::{ClientView, client_in};
use crate::expression::Write;
use crate::inbox::{Window, changed_at};
use crate::item::s;
use crate::keys::attribute::GSI7;
use crate::tombstones::{Changed, Tombstone};
use crate::{Store, keys};

/// The most conversations that are put together here.
const MOST: usize = 10_000;
/// The most queries of one part, some 1 MB each: three thousand messages and more.
const MOST_READ: usize = 16;
/// Rows of changed conversations that are read at once.
const AT_ONCE: usize = 1_000;

/// What changed of the conversations of a business since an instant.
#[derive(Clone, Debug, Default)]
pub struct ChangedThroughout {
    /// Conversations that changed, each with its last change that was seen.
    pub conversations: Vec<(ClientView, Timestamp)>,
    /// Clients who went.
    pub gone: Vec<Tombstone>,
}

/// The part of an update by which a message changes and its conversation does not.
pub(crate) fn by_itself(write: Write, at: MessageRef, now: Timestamp) -> Write {
    write
        .set("updated_at", s(now.to_string()))
        .set(GSI7.1, s(keys::reported(at.business, keys::reported_part(at.client))))
        .set(GSI7.2, s(keys::reported_at(now, at)))
}

impl Store {
    /// Every conversation that a filter asks for and that changed at `since` or later, itself or one of its messages, with
    /// its last change that was seen; and every client who went since then. `None` when they are too many.
    pub async fn conversations_changed_throughout(
        &self,
        business: BusinessId,
        shards: Shards,
        (filter, since): (&ConversationFilter, Timestamp),
    ) -> Result<Option<ChangedThroughout>> {
        let heads = self.heads_changed(business, shards, (filter, since));
        let messages = self.changed_by_itself(business, since);
        let (Some(rows), Some(messages)) = futures_util::try_join!(heads, messages)? else {
            return Ok(None);
        };
        let (mut heads, mut gone) = (BTreeMap::new(), Vec::new());
        for (client, row) in rows {
            match row {
                Changed::Here(view) => drop(heads.insert(client, view)),
                Changed::Gone(tombstone) => gone.push(tombstone),
            }
        }
        let others: Vec<ClientId> = messages.keys().filter(|id| !heads.contains_key(id)).copied().collect();
        if heads.len() + gone.len() + others.len() > MOST {
            return Ok(None);
        }
        // A client whom the directory named since has a head that changed with that.
        let others = self.client_views(business, &others).await?;
        let asked =
            others.into_iter().filter(|view| view.conversation.is_some() && filter.matches(&view.cell()));
        heads.extend(asked.map(|view| (view.client.client_id, view)));
        let changed = heads.into_values().map(|view| {
            let by_itself = messages.get(&view.client.client_id).copied();
            let last = changed_at(&view).max(by_itself.unwrap_or(Timestamp::EARLIEST));
            (view, last)
        });
        Ok(Some(ChangedThroughout { conversations: changed.collect(), gone }))
    }

    /// Conversations whose heads changed, each once, however they move while they are read.
    async fn heads_changed(
        &self,
        business: BusinessId,
        shards: Shards,
        asked: (&ConversationFilter, Timestamp),
    ) -> Result<Option<BTreeMap<ClientId, Changed<ClientView>>>> {
        let (mut heads, mut after) = (BTreeMap::new(), None::<String>);
        loop {
            let window = Window { after: after.as_deref(), most: AT_ONCE };
            let rows = self.changed_conversations(business, shards, asked, window).await?;
            heads.extend(rows.rows.into_iter().map(|row| match row {
                Changed::Here(view) => (view.client.client_id, Changed::Here(view)),
                Changed::Gone(tombstone) => (tombstone.client_id, Changed::Gone(tombstone)),
            }));
            after = rows.next;
            if after.is_none() || heads.len() > MOST {
                return Ok(Some(heads).filter(|heads| heads.len() <= MOST));
            }
        }
    }

    /// Clients with a message that changed by itself at `since` or later, with the last time. `None` when they are too many
    /// to look at.
    async fn changed_by_itself(
        &self,
        business: BusinessId,
        since: Timestamp,
    ) -> Result<Option<BTreeMap<ClientId, Timestamp>>> {
        let parts = (0..keys::REPORTED_PARTS).map(|part| self.read_changed(business, part, since));
        let mut found: BTreeMap<ClientId, Timestamp> = BTreeMap::new();
        for part in try_join_all(parts).await? {
            let Some(part) = part else { return Ok(None) };
            for (client, at) in part {
                let last = found.entry(client).or_insert(at);
                *last = at.max(*last);
            }
        }
        Ok(Some(found))
    }

    async fn read_changed(
        &self,
        business: BusinessId,
        part: u64,
        since: Timestamp,
    ) -> Result<Option<BTreeSet<(ClientId, Timestamp)>>> {
        let (mut found, mut next) = (BTreeSet::new(), None);
        for _ in 0..MOST_READ {
            let answer = self
                .ddb
                .query()
                .table_name(&*self.table)
                .index_name(GSI7.0)
                .key_condition_expression("#pk = :pk AND #sk >= :since")
                .projection_expression("#sk, client_id")
                .expression_attribute_names("#pk", GSI7.1)
                .expression_attribute_names("#sk", GSI7.2)
                .expression_attribute_values(":pk", s(keys::reported(business, part)))
                .expression_attribute_values(":since", s(since.to_string()))
                .set_exclusive_start_key(next)
                .send()
                .await
                .map_err(crate::error::from_sdk)?;
            for item in answer.items.unwrap_or_default() {
                let place = item.get(GSI7.2).and_then(|place| place.as_s().ok());
                let at = place.and_then(|place| keys::reported_when(place));
                let at = at.ok_or_else(|| Error::internal("a message without its place in the index"))?;
                found.insert((client_in(&item)?, at));
            }
            next = answer.last_evaluated_key;
            if next.is_none() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
