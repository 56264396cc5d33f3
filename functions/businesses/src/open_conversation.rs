//! The conversation of a client, existing or new.

use axum::Json;
use axum::extract::State;
use domain::Error;
use web::read::PathParams;
use web::schemas::client::ClientDetails;
use web::{ApiResult, Edge, Tenant};

/// `POST /omega/businesses/{business_id}/clients/{client_id}/conversation`: however many calls race, a client has one
/// conversation. A client that nobody has heard of is 404.
pub async fn open(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
) -> ApiResult<Json<ClientDetails>> {
    let (store, business, client) = (edge.store(), tenant.id(), path.id("client_id")?);
    let view = store.client_view(business, client).await?.ok_or(Error::NotFound("client"))?;
    if view.conversation.is_some() {
        return Ok(Json(view.into()));
    }
    store.ensure_conversation(business, client).await?;
    let view = store.client_view(business, client).await?.ok_or(Error::NotFound("client"))?;
    Ok(Json(view.into()))
}
