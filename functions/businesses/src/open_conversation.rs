//! The conversation of a client, existing or new.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::Error;
use web::read::PathParams;
use web::schemas::client::ClientDetails;
use web::schemas::conversation::etag;
use web::{AnsweredAnew, ApiResult, Edge, Tenant};

/// `POST /omega/businesses/{business_id}/clients/{client_id}/conversation`: however many calls race, a client has one
/// conversation. A client that nobody has heard of is 404.
pub async fn open(tenant: Tenant, path: PathParams, State(edge): State<Edge>) -> ApiResult<Response> {
    let (store, client) = (edge.store(), path.id("client_id")?);
    let view = store.ensure_conversation(tenant.id(), client, tenant.shards()).await?;
    let view = view.ok_or(Error::NotFound("client"))?;
    let tag = view.conversation.as_ref().map(|conversation| [(header::ETAG, etag(conversation))]);
    let answer = Json(ClientDetails::of_one(store, view).await?);
    Ok((Extension(AnsweredAnew), tag, answer).into_response())
}
