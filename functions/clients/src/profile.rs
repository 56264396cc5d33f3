//! One client with their conversation.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use web::read::PathParams;
use web::schemas::client::ClientDetails;
use web::schemas::conversation::etag;
use web::{ApiResult, Edge, Tenant};

/// `GET /omega/businesses/{business_id}/clients/{client_id}`: the published flat record; an unknown client is 200
/// `null`. `ETag` is the version of the conversation, for `If-Match`.
pub async fn get(tenant: Tenant, path: PathParams, State(edge): State<Edge>) -> ApiResult<Response> {
    let (store, client) = (edge.store(), path.id("client_id")?);
    let Some(view) = store.client_view(tenant.id(), client).await? else {
        return Ok(Json(None::<ClientDetails>).into_response());
    };
    let tag = view.conversation.as_ref().map(|conversation| [(header::ETAG, etag(conversation))]);
    Ok((tag, Json(ClientDetails::of_one(store, view).await?)).into_response())
}
