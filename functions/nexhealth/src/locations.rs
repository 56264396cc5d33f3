//! The locations of the business.

use axum::extract::{Query, State};
use axum::response::Response;
use domain::business::Business;
use domain::location::Location;
use domain::phone::{Country, Phone};
use domain::{BusinessId, LocationId, Timestamp};
use serde::Serialize;
use web::read::PathParams;
use web::{ApiError, Edge, Tenant};

use crate::answer::{Answer, Envelope, Refused};
use crate::institutions;
use crate::parameters::{Reader, boolean};

const KNOWN: [&str; 4] = ["subdomain", "inactive", "foreign_id", "filter_by_subscription_feature"];
/// The feature of NexHealth that omega has, and the others.
const MESSAGING: &str = "messaging";
const OTHER_FEATURES: [&str; 11] = [
    "campaigns",
    "reviews",
    "recalls",
    "reminders",
    "online_booking",
    "waitlist",
    "forms",
    "payments",
    "ledger_sync",
    "enterprise",
    "insurance_verification",
];
/// The zone of a location of which none is known.
const UTC: &str = "Etc/UTC";

/// The business, with its locations.
#[derive(Debug, Serialize)]
struct Institution {
    id: BusinessId,
    name: String,
    subdomain: String,
    locations: Vec<Shown>,
}

/// A location. What is not known is `null` where the published type has `null`, else empty.
#[derive(Debug, Serialize)]
struct Shown {
    id: LocationId,
    name: String,
    institution_id: BusinessId,
    street_address: Option<String>,
    street_address_2: Option<String>,
    city: Option<String>,
    state: Option<String>,
    zip_code: Option<String>,
    country_code: Country,
    created_at: Timestamp,
    updated_at: Timestamp,
    latitude: Option<f64>,
    longitude: Option<f64>,
    phone_number: Option<Phone>,
    foreign_id: &'static str,
    foreign_id_type: &'static str,
    email: Option<String>,
    tz: String,
    last_sync_time: Option<Timestamp>,
    insert_appt_client: bool,
    map_by_operatory: bool,
    set_availability_by_operatory: bool,
    inactive: bool,
}

impl Shown {
    fn new(business: &Business, location: Location) -> Shown {
        Shown {
            id: location.location_id,
            name: location.label,
            institution_id: location.business_id,
            // The directory has an address in one piece.
            street_address: location.address,
            street_address_2: None,
            city: None,
            state: None,
            zip_code: None,
            country_code: business.country,
            // When a location was made or changed is not kept. It is not older than its business.
            created_at: business.created_at,
            updated_at: business.created_at,
            latitude: None,
            longitude: None,
            phone_number: location.phone,
            foreign_id: "",
            foreign_id_type: "",
            email: None,
            tz: location.time_zone.or_else(|| business.time_zone.clone()).unwrap_or_else(|| UTC.to_owned()),
            last_sync_time: None,
            insert_appt_client: false,
            map_by_operatory: false,
            set_availability_by_operatory: false,
            inactive: false,
        }
    }
}

/// `GET /locations`: the institution with its locations, by name. None is inactive, and none has an id elsewhere.
pub(crate) async fn list(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let tenant = tenant?;
    let mut reader = Reader::new(given, &KNOWN);
    let subdomain = reader.text("subdomain");
    institutions::check(&tenant, subdomain.as_deref())?;
    let inactive = reader.take("inactive", boolean);
    let foreign_id = reader.text("foreign_id");
    let feature = reader.take("filter_by_subscription_feature", |text| match text {
        MESSAGING => Some(true),
        other => OTHER_FEATURES.contains(&other).then_some(false),
    });
    if !reader.problems.is_empty() {
        return Err(Refused::Parameters(reader.problems));
    }
    let none = inactive == Some(true) || foreign_id.is_some() || feature == Some(false);
    let locations = if none { Vec::new() } else { edge.store().locations(tenant.id()).await? };
    let business = tenant.business();
    let institution = Institution {
        id: business.business_id,
        name: business.business_name.clone().unwrap_or_default(),
        subdomain: business.subdomain.clone().unwrap_or_default(),
        locations: locations.into_iter().map(|location| Shown::new(business, location)).collect(),
    };
    Envelope::of("Success", [institution]).counted(1, reader.unknown).response("one location")
}

/// `GET /locations/{id}`.
pub(crate) async fn show(
    tenant: Result<Tenant, ApiError>,
    path: PathParams,
    State(edge): State<Edge>,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let tenant = tenant?;
    let mut reader = Reader::new(given, &["subdomain"]);
    institutions::check(&tenant, reader.text("subdomain").as_deref())?;
    let id = LocationId::new(institutions::id(&path)?).ok_or(Refused::NO_LOCATION)?;
    let location = edge.store().location(tenant.id(), id).await?.ok_or(Refused::NO_LOCATION)?;
    Envelope::of("Success", Shown::new(tenant.business(), location))
        .counted(1, reader.unknown)
        .response("one location")
}
