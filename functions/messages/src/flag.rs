//! Flag a message.

use axum::Json;
use axum::extract::State;
use domain::Error;
use outbox::Outbox;
use web::read::{PathParams, QueryParams, boolean};
use web::schemas::message::UpdateResponse;
use web::{ApiResult, Tenant};

/// `POST /omega/businesses/{business_id}/messages/{message_id}/flag`: sets the flag of a message or note, or takes it
/// away with `flagged=false`. What is so already changes nothing.
pub async fn flag(
    tenant: Tenant,
    path: PathParams,
    State(outbox): State<Outbox>,
    query: QueryParams,
) -> ApiResult<Json<UpdateResponse>> {
    let (store, message) = (&outbox.store, path.id("message_id")?);
    let flagged = query.read(|object| Some(object.optional("flagged", boolean).unwrap_or(true)))?;
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
