//! The timeline of one message.

use axum::Json;
use axum::extract::State;
use domain::Error;
use outbox::Outbox;
use web::read::PathParams;
use web::schemas::message::MessageEvent;
use web::{ApiResult, Tenant};

/// `GET /omega/businesses/{business_id}/messages/{message_id}/events`: everything that was reported, oldest first, what
/// was ignored included, with the reason.
pub async fn list(
    tenant: Tenant,
    path: PathParams,
    State(outbox): State<Outbox>,
) -> ApiResult<Json<Vec<MessageEvent>>> {
    let message = path.id("message_id")?;
    let at = outbox.store.locate(tenant.id(), message).await?.ok_or(Error::NotFound("message"))?;
    let events = outbox.store.events(at).await?;
    Ok(Json(events.into_iter().map(MessageEvent::from).collect()))
}
