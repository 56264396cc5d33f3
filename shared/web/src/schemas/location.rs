//! A location, as it is shown: the published `LocationResponse`. And as it is told.

use domain::LocationId;
use domain::location::{Location, LocationChanges};
use domain::phone::{Country, Phone};
use serde::Serialize;

use crate::read::{Object, filled, phone, text, time_zone};

const LONGEST_NAME: usize = 200;
const LONGEST_ADDRESS: usize = 500;

/// What an object says of a location, with every problem. `country` is where its number is dialled.
pub fn changes(object: &Object<'_>, country: Country) -> Option<LocationChanges> {
    let label = object.required("name", filled(LONGEST_NAME));
    Some(LocationChanges {
        address: object.change("address", text(LONGEST_ADDRESS)),
        phone: object.change("phone_number", phone(country)),
        time_zone: object.change("timezone", time_zone),
        label: label?,
    })
}

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
