//! Where a business works.

use axum::Json;
use axum::extract::State;
use web::read::{JsonBody, PathParams, together};
use web::schemas::location::{LocationResponse, changes};
use web::{ApiResult, Edge, Tenant};

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
    let changes = body.read(|object| changes(object, tenant.business().country));
    let (location, changes) = together(path.id("location_id"), changes)?;
    let location = edge.store().upsert_location(tenant.id(), location, &changes).await?;
    Ok(Json(location.into()))
}
