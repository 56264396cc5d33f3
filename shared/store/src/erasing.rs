//! Forgetting a client.

use domain::{BusinessId, ClientId, Result};
use serde::{Deserialize, Serialize};

use crate::Store;

/// An erasure that is not done yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DueErasure {
    business_id: BusinessId,
    client_id: ClientId,
}

impl Store {
    /// Goes on with an erasure.
    pub async fn go_on_erasing(&self, _erasure: &DueErasure) -> Result<()> {
        todo!()
    }
}
