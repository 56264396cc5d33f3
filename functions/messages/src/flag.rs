//! Flag a message.

use axum::Json;
use axum::extract::State;
use domain::Error;
use outbox::Outbox;
use web::read::{Decision, PathParams, boolean, together};
use web::schemas::message::UpdateResponse;
use web::{ApiResult, Tenant};

/// `POST /omega/businesses/{business_id}/messages/{message_id}/flag`: sets the flag of a message or note, or takes it
/// away with `flagged=false`, in the query or a JSON body. What is so already changes nothing.
pub async fn flag(
    tenant: Tenant,
    path: PathParams,
    State(outbox): State<Outbox>,
    decision: Decision,
) -> ApiResult<Json<UpdateResponse>> {
    let store = &outbox.store;
    let flagged =
        decision.read(&["flagged"], |object| Some(object.optional("flagged", boolean).unwrap_or(true)));
    let (message, flagged) = together(path.id("message_id"), flagged)?;
    let at = store.locate(tenant.id(), message).await?.ok_or(Error::NotFound("message"))?;
    let applied = store.flag(at, flagged, tenant.actor(), tenant.shards()).await?;
    let applied = applied.ok_or(Error::NotFound("message"))?;
    let done = if flagged { "Flagged" } else { "Flag taken away" };
    Ok(Json(UpdateResponse {
        success: true,
        message: if applied { done.to_owned() } else { "It was so already".to_owned() },
        updated_count: u64::from(applied),
        applied,
        status: None,
    }))
}
