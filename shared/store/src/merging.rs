//! Merging a stranger with the client whom the directory named.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::inbox::Shards;
use domain::{BusinessId, ClientId, Result};
use serde::{Deserialize, Serialize};

use crate::Store;

/// A merge that is not done yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DueMerge {
    business_id: BusinessId,
    from_client_id: ClientId,
    into_client_id: ClientId,
    #[serde(default)]
    shards: Shards,
}

impl Store {
    pub(crate) fn tx_begin_merge(
        &self,
        _business: BusinessId,
        _stranger: ClientId,
        _client: ClientId,
    ) -> Result<TransactWriteItem> {
        todo!()
    }

    pub(crate) async fn merge(&self, _: BusinessId, _: ClientId, _: ClientId, _: Shards) -> Result<()> {
        todo!()
    }

    /// Goes on with a merge.
    pub async fn go_on_merging(&self, _merge: &DueMerge) -> Result<()> {
        todo!()
    }
}
