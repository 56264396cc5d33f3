//! A location, as it is shown: the published `LocationResponse`.

use domain::LocationId;
use domain::location::Location;
use domain::phone::Phone;
use serde::Serialize;

/// The published fields in the published order. Absent values are `null`, never left out.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct LocationResponse {
    pub location_id: LocationId,
    pub name: String,
    pub address: Option<String>,
    pub phone_number: Option<Phone>,
    pub timezone: Option<String>,
}

impl From<Location> for LocationResponse {
    fn from(location: Location) -> Self {
        LocationResponse {
            location_id: location.location_id,
            name: location.label,
            address: location.address,
            phone_number: location.phone,
            timezone: location.time_zone,
        }
    }
}
