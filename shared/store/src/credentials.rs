//! Credentials: what a secret stands for, found by the hash of the secret.

use domain::Result;
use domain::access::Credential;

use crate::item::decode;
use crate::{Store, keys};

impl Store {
    /// The credential whose secret has this hash. Whether it is still live is the reader's to check.
    pub async fn credential(&self, secret_hash: &str) -> Result<Option<Credential>> {
        self.get(keys::credential(secret_hash), true).await?.map(decode).transpose()
    }
}
