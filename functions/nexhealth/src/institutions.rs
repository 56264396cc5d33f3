//! The business as an institution.

use axum::extract::{Query, State};
use axum::response::Response;
use domain::location::Location;
use domain::phone::{Country, Phone};
use domain::{BusinessId, Error, LocationId, Timestamp};
use serde::Serialize;
use web::read::PathParams;
use web::{ApiError, Edge, Tenant};

use crate::answer::{Answer, Envelope, Refused};
use crate::parameters::Reader;

/// An institution. Its published types have no `null`: text that is not known is empty.
#[derive(Debug, Serialize)]
struct Institution {
    id: BusinessId,
    name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    subdomain: String,
    phone_number: String,
    emrs: [String; 0],
    country_code: Country,
    appointment_types_location_scoped: bool,
    is_sync_notifications: bool,
    notify_insert_fails: bool,
    locations: Vec<Branch>,
}

/// A location as an institution lists it.
#[derive(Debug, Serialize)]
struct Branch {
    id: LocationId,
    name: String,
    street_address: String,
    street_address_2: &'static str,
    city: &'static str,
    state: &'static str,
    zip_code: &'static str,
    phone_number: String,
    email: &'static str,
    inactive: bool,
}

impl Branch {
    fn new(location: Location) -> Branch {
        Branch {
            id: location.location_id,
            name: location.label,
            street_address: location.address.unwrap_or_default(),
            street_address_2: "",
            city: "",
            state: "",
            zip_code: "",
            phone_number: number(location.phone.as_ref()),
            email: "",
            inactive: false,
        }
    }
}

fn number(phone: Option<&Phone>) -> String {
    phone.map_or_else(String::new, |phone| phone.as_str().to_owned())
}

impl Institution {
    fn new(tenant: &Tenant, locations: Vec<Location>) -> Institution {
        let business = tenant.business();
        Institution {
            id: business.business_id,
            name: business.business_name.clone().unwrap_or_default(),
            created_at: business.created_at,
            // When a business changed is not kept.
            updated_at: business.created_at,
            subdomain: business.subdomain.clone().unwrap_or_default(),
            phone_number: number(business.from_phone.as_ref()),
            emrs: [],
            country_code: business.country,
            appointment_types_location_scoped: false,
            is_sync_notifications: false,
            notify_insert_fails: false,
            locations: locations.into_iter().map(Branch::new).collect(),
        }
    }
}

/// Whether a request may ask for this subdomain: for none, or for the one of its own business.
///
/// # Errors
/// `Forbidden` for any other.
pub(crate) fn check(tenant: &Tenant, subdomain: Option<&str>) -> Result<(), Error> {
    let own = tenant.business().subdomain.as_deref();
    match subdomain {
        Some(asked) if !own.is_some_and(|own| own.eq_ignore_ascii_case(asked)) => Err(Error::Forbidden),
        _ => Ok(()),
    }
}

/// `GET /institutions`: a token is of one business, so there is one.
pub(crate) async fn list(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let tenant = tenant?;
    let unknown = Reader::new(given, &[]).unknown;
    let locations = edge.store().locations(tenant.id()).await?;
    Envelope::of("Success", [Institution::new(&tenant, locations)])
        .counted(1, unknown)
        .response("one location")
}

/// `GET /institutions/{id}`.
pub(crate) async fn show(
    tenant: Result<Tenant, ApiError>,
    path: PathParams,
    State(edge): State<Edge>,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let tenant = tenant?;
    if id(&path)? != tenant.id().get() {
        return Err(Refused::Missing("Institution"));
    }
    let unknown = Reader::new(given, &[]).unknown;
    let locations = edge.store().locations(tenant.id()).await?;
    Envelope::of("Success", Institution::new(&tenant, locations)).counted(1, unknown).response("one location")
}

/// The number in a path.
///
/// # Errors
/// 400 for what is no number.
pub(crate) fn id(path: &PathParams) -> Answer<u64> {
    path.text("id").parse().map_err(|_| Refused::Parameters(vec!["id is invalid".to_owned()]))
}
