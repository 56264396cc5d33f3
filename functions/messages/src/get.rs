//! One message.

use axum::Json;
use axum::extract::State;
use domain::message::Message;
use domain::{BusinessId, Error};
use outbox::Outbox;
use store::Store;
use web::read::PathParams;
use web::schemas::message::MessageResponse;
use web::{ApiResult, Tenant};

/// `GET /omega/businesses/{business_id}/messages/{message_id}`: a message or a note.
pub async fn message(
    tenant: Tenant,
    path: PathParams,
    State(outbox): State<Outbox>,
) -> ApiResult<Json<MessageResponse>> {
    let (store, message) = (&outbox.store, path.id("message_id")?);
    let at = store.locate(tenant.id(), message).await?.ok_or(Error::NotFound("message"))?;
    let entry = store.entry(at).await?.ok_or(Error::NotFound("message"))?;
    Ok(Json(entry.into()))
}

/// The message that the path names, in this business. A note is none.
pub(crate) async fn find(store: &Store, business: BusinessId, path: &PathParams) -> ApiResult<Message> {
    let at = store.locate(business, path.id("message_id")?).await?.ok_or(Error::NotFound("message"))?;
    Ok(store.message(at).await?.ok_or(Error::NotFound("message"))?)
}
