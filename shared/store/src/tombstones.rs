//! Tombstones: rows of the lists by change for clients who are gone, so that a copy kept by `updated_since` learns of it.
//!
//! A tombstone holds the client's id, when the client went and, after a merge, whom the client became. It holds nothing
//! of the person. It stays when the id is given to a new client: a copy that is filtered, or that is of conversations, may
//! never see the new client. Tombstones stand in a partition of their own in the index of changes: a reader that doesn't ask for them
//! never meets one, and no filter has to make an exception for rows that have nothing to filter by. docs/adr/0043.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{BusinessId, ClientId, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::expression::Write;
use crate::inbox::Window;
use crate::item::{Item, encode, s};
use crate::keys::attribute::GSI6;
use crate::{Store, keys};

/// The type of a tombstone's item.
pub(crate) const TOMBSTONE: &str = "Tombstone";

/// A client id that is no client any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The id.
    pub client_id: ClientId,
    /// When the client went.
    pub gone_at: Timestamp,
    /// The client whom a stranger became; `None` for a client who was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<ClientId>,
}

impl Tombstone {
    /// The place in a list by change.
    pub fn place(&self) -> String {
        keys::gone_at(self.gone_at, self.client_id)
    }
}

/// A row of a list by change.
#[derive(Clone, Debug)]
pub enum Changed<T> {
    /// A client who changed.
    Here(T),
    /// A client who went.
    Gone(Tombstone),
}

impl<T> Changed<T> {
    pub(crate) fn out_of(item: Item, row: impl FnOnce(Item) -> Result<T>) -> Result<Changed<T>> {
        if crate::counts::kind(&item) == TOMBSTONE {
            return Ok(Changed::Gone(crate::item::decode(item)?));
        }
        Ok(Changed::Here(row(item)?))
    }
}

impl Store {
    /// The part of the transaction that takes a client out of the lists: it leaves a tombstone there.
    pub(crate) fn tx_put_tombstone(
        &self,
        business: BusinessId,
        client: ClientId,
        merged_into: Option<ClientId>,
    ) -> Result<TransactWriteItem> {
        let tombstone = Tombstone { client_id: client, gone_at: self.clock().now(), merged_into };
        let mut item = encode(keys::tombstone(business, client), TOMBSTONE, &tombstone)?;
        item.insert(GSI6.1.to_owned(), s(keys::gone(business)));
        item.insert(GSI6.2.to_owned(), s(tombstone.place()));
        self.tx_put(item, Write::new())
    }

    /// Every client who went at `since` or later, oldest first. `None` when there are more than `most`.
    pub async fn tombstones(
        &self,
        business: BusinessId,
        since: Timestamp,
        most: usize,
    ) -> Result<Option<Vec<Tombstone>>> {
        let (mut found, mut next) = (Vec::new(), None::<String>);
        loop {
            let window = Window { after: next.as_deref(), most: most + 1 - found.len() };
            let more = self.read_tombstones(business, since, window).await?;
            found.extend(more.rows);
            next = more.next;
            if next.is_none() || found.len() > most {
                return Ok(Some(found).filter(|found| found.len() <= most));
            }
        }
    }
}
