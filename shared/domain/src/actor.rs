//! Who made a change.

use serde::{Deserialize, Serialize};

use crate::id::StaffId;

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "actor", rename_all = "snake_case")]
pub enum Actor {
    /// A member of the staff.
    Staff {
        /// Which.
        #[serde(rename = "actor_id")]
        id: StaffId,
    },
    /// A program of the business, by its key.
    Service,
    /// The client, by writing.
    Client,
    /// omega itself.
    System,
}

impl Actor {
    /// The kind, as a word.
    pub fn kind(self) -> &'static str {
        match self {
            Actor::Staff { .. } => "staff",
            Actor::Service => "service",
            Actor::Client => "client",
            Actor::System => "system",
        }
    }

    /// As it stands in a field that holds one text: the number of a staff member, else the kind.
    pub fn name(self) -> String {
        match self {
            Actor::Staff { id } => id.to_string(),
            Actor::Service | Actor::Client | Actor::System => self.kind().to_owned(),
        }
    }
}
