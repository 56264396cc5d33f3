//! One client with their conversation.

use axum::Json;
use axum::extract::State;
use web::read::PathParams;
use web::schemas::client::ClientDetails;
use web::{ApiResult, Edge, Tenant};

/// `GET /omega/businesses/{business_id}/clients/{client_id}`: the published flat record; an unknown client is 200
/// `null`.
pub async fn get(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
) -> ApiResult<Json<Option<ClientDetails>>> {
    let view = edge.store().client_view(tenant.id(), path.id("client_id")?).await?;
    Ok(Json(view.map(ClientDetails::from)))
}
