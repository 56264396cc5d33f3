//! A member of the staff, as they are shown: the published `StaffResponse`.

use domain::access::Role;
use domain::client::Personal;
use domain::phone::Phone;
use domain::staff::Staff;
use domain::{LocationId, StaffId};
use serde::Serialize;

/// The published fields in the published order. Absent values are `null`, never left out.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct StaffResponse {
    pub staff_id: StaffId,
    pub staff_name: Personal,
    pub staff_gender: Option<Personal>,
    pub staff_image_url: Option<Personal>,
    pub staff_email: Option<Personal>,
    pub staff_phone_number: Option<Phone>,
    pub role: Role,
    pub location_ids: Vec<LocationId>,
    pub active: bool,
}

impl From<Staff> for StaffResponse {
    fn from(staff: Staff) -> Self {
        StaffResponse {
            staff_id: staff.staff_id,
            staff_name: staff.full_name,
            staff_gender: staff.gender,
            staff_image_url: staff.image_url,
            staff_email: staff.email,
            staff_phone_number: staff.phone,
            role: staff.staff_role,
            location_ids: staff.location_ids,
            active: staff.active,
        }
    }
}
