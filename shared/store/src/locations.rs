//! Locations.

use domain::client::Change;
use domain::location::{Location, LocationChanges};
use domain::{BusinessId, LocationId, Result};
use serde::Serialize;

use crate::expression::Write;
use crate::item::{decode, s, value};
use crate::keys::span;
use crate::{Store, keys};

impl Store {
    /// Every location of a business, by name: one strongly consistent query.
    pub async fn locations(&self, business: BusinessId) -> Result<Vec<Location>> {
        let items = self.query_all(keys::business(business).pk, span::LOCATIONS).await?;
        let mut locations = items.into_iter().map(decode).collect::<Result<Vec<Location>>>()?;
        locations.sort_by_cached_key(Location::place);
        Ok(locations)
    }

    /// A location.
    pub async fn location(&self, business: BusinessId, location: LocationId) -> Result<Option<Location>> {
        self.get(keys::location(business, location), true).await?.map(decode).transpose()
    }

    /// Creates or changes a location as the directory says. Nothing that it does not mention is touched, so one write
    /// is enough.
    pub async fn upsert_location(
        &self,
        business: BusinessId,
        location: LocationId,
        changes: &LocationChanges,
    ) -> Result<Location> {
        let write = Write::new()
            .stamp("Location")
            .set("business_id", value(&business)?)
            .set("location_id", value(&location)?)
            .set("label", s(changes.label.clone()));
        let write = change(write, "address", &changes.address)?;
        let write = change(write, "phone", &changes.phone)?;
        let write = change(write, "time_zone", &changes.time_zone)?;
        let written = self.update(keys::location(business, location), write).await?;
        written.map_or(Err(domain::Error::internal("a write without a condition was refused")), decode)
    }
}

/// What a change of a field does to its attribute.
fn change<T: Serialize>(write: Write, attribute: &str, change: &Change<T>) -> Result<Write> {
    Ok(match change {
        Change::Keep => write,
        Change::Clear => write.remove(attribute),
        Change::Set(new) => write.set(attribute, value(new)?),
    })
}
