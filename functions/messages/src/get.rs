//! One message.

use axum::Json;
use axum::extract::State;
use domain::channel::Channel;
use domain::message::Message;
use domain::status::Status;
use domain::{BusinessId, Error};
use outbox::Outbox;
use serde_json::json;
use store::Store;
use web::read::PathParams;
use web::schemas::message::MessageResponse;
use web::{ApiError, ApiResult, Tenant};

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

/// The response to a caller who wants what the message's status does not allow. While the outcome is unknown it also says
/// until when omega asks.
pub(crate) fn conflict(message: &Message, what: &str) -> ApiError {
    let status = message.delivery_status.as_str();
    if message.delivery_status != Status::UnknownOutcome {
        return Error::Conflict {
            why: format!("message is {status}{what}"),
            current: json!({"status": status}),
        }
        .into();
    }
    let until = message.answer_lost().until();
    let waits = match message.channel {
        Channel::Email => format!("omega waits for an event of SES until {until}"),
        _ => format!("omega asks Twilio about it until {until}"),
    };
    Error::Conflict {
        why: format!(
            "message is {status}{what}: {waits}. It may have been sent. It can be retried once it is delivery_unknown"
        ),
        current: json!({"status": status, "unknown_until": until}),
    }
    .into()
}
