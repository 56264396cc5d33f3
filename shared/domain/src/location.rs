//! Where a business works.

use serde::{Deserialize, Serialize};

use crate::client::Change;
use crate::fold::fold;
use crate::id::{BusinessId, LocationId};
use crate::phone::Phone;

/// A location. The serde shape is the stored shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Whose.
    pub business_id: BusinessId,
    /// Which.
    pub location_id: LocationId,
    /// What it is called.
    pub label: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// Time zone name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

impl Location {
    /// Where it stands in a list by name: by its name without case and accents, then by id.
    pub fn place(&self) -> (String, LocationId) {
        (fold(&self.label), self.location_id)
    }
}

/// What a directory says of a location: fields that are not mentioned keep their value, `null` clears.
#[derive(Clone, Debug, PartialEq)]
pub struct LocationChanges {
    /// What it is called.
    pub label: String,
    /// Where it is.
    pub address: Change<String>,
    /// Its phone number.
    pub phone: Change<Phone>,
    /// Time zone name.
    pub time_zone: Change<String>,
}
