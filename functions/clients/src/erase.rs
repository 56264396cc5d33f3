//! Forget a client.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ClientId, Error};
use serde::Serialize;
use web::read::PathParams;
use web::{ApiResult, Edge, Tenant};

/// What is answered.
#[derive(Debug, Serialize)]
pub struct Erasing {
    message: &'static str,
    client_id: ClientId,
}

/// `DELETE /omega/businesses/{business_id}/clients/{client_id}`: from now on nobody finds the client, and nothing is
/// sent to them. What is stored of them is removed; opt-outs survive as keyed hashes. A client that nobody has heard of,
/// or who is forgotten, is 404.
pub async fn erase(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
) -> ApiResult<(StatusCode, Json<Erasing>)> {
    let client_id = path.id("client_id")?;
    if !edge.store().erase_client(tenant.id(), client_id, tenant.shards()).await? {
        return Err(Error::NotFound("client").into());
    }
    Ok((StatusCode::ACCEPTED, Json(Erasing { message: "The client is being erased", client_id })))
}
