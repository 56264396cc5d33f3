//! Take back a message that was not sent yet.

use axum::Json;
use axum::extract::State;
use domain::Error;
use domain::status::Status;
use outbox::Outbox;
use web::read::PathParams;
use web::schemas::message::UpdateResponse;
use web::{ApiResult, Tenant};

use crate::get::conflict;

/// `POST /omega/businesses/{business_id}/messages/{message_id}/cancel`: wins or loses against the sender's claim. The
/// loser is told what the message is now.
pub async fn cancel(
    tenant: Tenant,
    path: PathParams,
    State(outbox): State<Outbox>,
) -> ApiResult<Json<UpdateResponse>> {
    let message = path.id("message_id")?;
    let at = outbox.store.locate(tenant.id(), message).await?.ok_or(Error::NotFound("message"))?;
    match outbox.store.cancel(at).await? {
        Ok(()) => Ok(Json(UpdateResponse {
            success: true,
            message: "Message canceled".to_owned(),
            updated_count: 1,
            applied: true,
            status: Some(Status::Canceled.as_str()),
        })),
        Err(None) => Err(Error::NotFound("message").into()),
        Err(Some(message)) => Err(conflict(&message, " and cannot be canceled any more")),
    }
}
