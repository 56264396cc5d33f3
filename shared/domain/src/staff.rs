//! Staff of a business.

use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::client::{Change, Personal};
use crate::id::{BusinessId, LocationId, StaffId};
use crate::phone::Phone;
use crate::time::Timestamp;

/// A member of the staff. The serde shape is the stored shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Staff {
    /// Whose.
    pub business_id: BusinessId,
    /// Who.
    pub staff_id: StaffId,
    /// Full name.
    pub full_name: Personal,
    /// Gender, in the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Personal>,
    /// Where the picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<Personal>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// Phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// What they may do: owner, manager or staff.
    pub staff_role: Role,
    /// Where they work; empty is everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub location_ids: Vec<LocationId>,
    /// Whether they work here now. Only an active member has sessions and assignments.
    pub active: bool,
    /// When they were last deactivated. Sessions from before stay over, also after they come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deactivated_at: Option<Timestamp>,
    /// When omega first heard of them.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

impl Staff {
    /// Whether a session that began at `began` is still good.
    pub fn keeps_session(&self, began: Timestamp) -> bool {
        self.active && self.deactivated_at.is_none_or(|end| end < began)
    }
}

/// What a directory says of a member of the staff: fields that are not mentioned keep their value, `null` clears.
#[derive(Clone, Debug, PartialEq)]
pub struct StaffChanges {
    /// Full name.
    pub full_name: Personal,
    /// Gender.
    pub gender: Change<Personal>,
    /// Picture.
    pub image_url: Change<Personal>,
    /// Mail address.
    pub email: Change<Personal>,
    /// Phone number.
    pub phone: Change<Phone>,
    /// What they may do. A new member is `staff` unless it says more.
    pub staff_role: Change<Role>,
    /// Where they work.
    pub location_ids: Change<Vec<LocationId>>,
    /// Whether they work here now. A new member does unless it says otherwise.
    pub active: Change<bool>,
}
