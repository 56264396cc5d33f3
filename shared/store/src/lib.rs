//! DynamoDB, and nothing else: one concrete [`Store`] with one file of methods for each kind of item.
//!
//! Keys are in [`keys`] alone. Every write that depends on what is stored is a conditional write or a transaction,
//! never a read followed by a write. Nothing here decides what a message may become: conditions are made from the
//! rules in `domain`.

use std::sync::Arc;

use aws_sdk_dynamodb::Client as DynamoDb;
use domain::business::{Business, InboundRoute};
use domain::{BusinessId, Clock, Result, StaffId};

mod businesses;
pub mod calls;
mod clients;
pub mod consent;
mod conversations;
pub mod counts;
pub mod credentials;
pub mod due;
mod email_events;
pub mod erasing;
mod error;
mod events;
mod expression;
pub mod finding;
pub mod handling;
pub mod idempotency;
mod ids;
mod inbound;
pub mod inbox;
mod item;
pub mod kept;
pub mod keys;
mod locations;
pub mod merging;
mod messages;
pub mod provider_ids;
mod reach;
mod recent;
pub mod recounting;
mod reported;
mod requests;
pub mod sending;
mod staff;
pub mod statuses;
pub mod suppression;
pub mod timeline;
pub mod tombstones;
mod transaction;

pub use clients::ClientView;
pub use inbound::{Arrival, Received};
pub use messages::Accepted;
pub use reported::ChangedThroughout;

use ids::Ids;
use recent::Recent;

/// What the store needs to know beside the SDK's configuration.
#[derive(Clone)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// Key of the hash under which opt-outs are kept, so that they outlive the address they are about. At least 16
    /// bytes. Functions that never touch consent leave it empty; a store without it refuses to read consent.
    pub opt_out_hash_key: Vec<u8>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("table", &self.table).finish_non_exhaustive()
    }
}

/// The table, and everything that can be asked of it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    ddb: DynamoDb,
    table: Arc<str>,
    opt_out_hash_key: Arc<[u8]>,
    ids: Arc<Ids>,
    routes: Arc<Recent<String, InboundRoute>>,
    businesses: Arc<Recent<BusinessId, Business>>,
    members: Arc<Recent<(BusinessId, StaffId), ()>>,
    clock: Clock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Store {
    /// A store over the table that `config` names. `clock` is where "now" comes from for every write.
    pub fn new(sdk: &aws_types::SdkConfig, config: Config, clock: Clock) -> Store {
        Store {
            ddb: DynamoDb::new(sdk),
            table: config.table.into(),
            opt_out_hash_key: config.opt_out_hash_key.into(),
            ids: Arc::new(Ids::default()),
            routes: Arc::default(),
            businesses: Arc::default(),
            members: Arc::default(),
            clock,
        }
    }

    /// Where this store takes "now" from.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// One cheap read, so that connection and TLS handshake are paid while the function starts, at full speed, and
    /// not by the first request. The result does not matter.
    pub async fn warm(&self) {
        let _ = self.ping().await;
    }

    /// Reads a key that does not exist: half a read unit.
    ///
    /// # Errors
    /// `Unavailable` when the table cannot be reached.
    pub async fn ping(&self) -> Result<()> {
        self.get(keys::ping(), false).await.map(drop)
    }
}
