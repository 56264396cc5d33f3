//! Who may do what: roles, credentials, and what a credential proves.

use serde::{Deserialize, Serialize};

use crate::id::{BusinessId, StaffId};
use crate::time::Timestamp;

/// What a credential lets its holder be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever runs omega: sets up businesses, and nothing else.
    Platform,
    /// A program of the business, with an API key.
    Service,
    /// Staff: everything in the business.
    Owner,
    /// Staff: everything but what only owners may.
    Manager,
    /// Staff: the inbox.
    Staff,
}

/// What a presented secret stands for. The table holds it under a hash of the secret, never the secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    /// A public name of the credential, to list and revoke it by.
    pub credential_id: String,
    /// The business it belongs to.
    pub business_id: BusinessId,
    /// What its holder may be.
    pub credential_role: Role,
    /// The staff member, for sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff_id: Option<StaffId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working. The table removes it some time later, so readers compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Credential {
    /// Whether it works at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}
