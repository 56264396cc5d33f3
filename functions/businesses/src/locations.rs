//! Where a business works.

use axum::Json;
use axum::extract::State;
use domain::location::LocationChanges;
use domain::phone::Country;
use web::read::{JsonBody, Object, PathParams, filled, phone, text};
use web::schemas::location::LocationResponse;
use web::{ApiResult, Edge, Tenant};

const LONGEST_NAME: usize = 200;
const LONGEST_ADDRESS: usize = 500;
const LONGEST_TIME_ZONE: usize = 64;

/// `GET /omega/businesses/{business_id}/locations`: all of them, by name.
pub async fn list(tenant: Tenant, State(edge): State<Edge>) -> ApiResult<Json<Vec<LocationResponse>>> {
    let locations = edge.store().locations(tenant.id()).await?;
    Ok(Json(locations.into_iter().map(LocationResponse::from).collect()))
}

/// `PUT /omega/businesses/{business_id}/locations/{location_id}`: absent fields keep their value, `null` clears.
pub async fn upsert(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
    body: JsonBody,
) -> ApiResult<Json<LocationResponse>> {
    let location = path.id("location_id")?;
    let changes = body.read(|object| read(object, tenant.business().country))?;
    let location = edge.store().upsert_location(tenant.id(), location, &changes).await?;
    Ok(Json(location.into()))
}

fn read(object: &Object<'_>, country: Country) -> Option<LocationChanges> {
    let label = object.required("name", filled(LONGEST_NAME));
    Some(LocationChanges {
        address: object.change("address", text(LONGEST_ADDRESS)),
        phone: object.change("phone_number", phone(country)),
        time_zone: object.change("timezone", text(LONGEST_TIME_ZONE)),
        label: label?,
    })
}
