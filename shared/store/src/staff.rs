//! Staff.

use domain::staff::Staff;
use domain::{BusinessId, Result, StaffId};

use crate::item::decode;
use crate::{Store, keys};

impl Store {
    /// A member of the staff.
    pub async fn staff_member(&self, business: BusinessId, staff: StaffId) -> Result<Option<Staff>> {
        self.get(keys::staff(business, staff), true).await?.map(decode).transpose()
    }

    /// Takes conversations from a member of the staff who was deactivated.
    pub async fn release_assignments(&self, _staff: &Staff) -> Result<()> {
        todo!()
    }
}
