//! Send a failed message again.

use axum::extract::State;
use axum::{Extension, Json};
use domain::Error;
use domain::access::Role;
use domain::message::{Message, Source, retry_refusal};
use domain::status::Status;
use outbox::Outbox;
use serde_json::{Value, json};
use web::read::PathParams;
use web::{ApiError, ApiResult, Correlation, Tenant, unprocessable};

use crate::get::find;

/// `POST /omega/businesses/{business_id}/messages/{message_id}/retry`, and the older
/// `POST /omega/messages/{business_id}/messages/{message_id}/retry`: a new attempt of a failed message. One that is
/// not failed is 409 with its status; what is wrong with the address or the consent stays wrong, and is 422.
pub async fn retry(
    tenant: Tenant,
    path: PathParams,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
) -> ApiResult<Json<Value>> {
    let message = find(&outbox.store, tenant.id(), &path).await?;
    check(&message)?;
    let source = if tenant.role() == Role::Service { Source::Api } else { Source::Staff };
    match outbox.retry(&message, source, &correlation).await? {
        Ok(attempt) => Ok(Json(json!({
            "message": "Queued for another attempt",
            "message_id": message.at.message,
            "status": Status::Queued.as_str(),
            "attempt": attempt,
        }))),
        Err(Some(instead)) => Err(conflict(&instead)),
        Err(None) => Err(Error::NotFound("message").into()),
    }
}

fn check(message: &Message) -> Result<(), ApiError> {
    let refused = |why: String| {
        Err(unprocessable(&["path", "message_id"], json!(message.at.message), format!("Value error, {why}")))
    };
    match message.delivery_status {
        Status::Failed | Status::Undelivered | Status::Blocked => {}
        _ => return Err(conflict(message)),
    }
    if message.attempt == 0 {
        return refused("another system sent it; omega cannot send it again".to_owned());
    }
    match (retry_refusal(message.failure.as_ref()), &message.failure) {
        (Some(class), Some(failure)) => {
            refused(format!("a failure of class {} is not retried: {}", class.as_str(), failure.reason))
        }
        _ => Ok(()),
    }
}

fn conflict(message: &Message) -> ApiError {
    let status = message.delivery_status.as_str();
    Error::Conflict { why: format!("message is {status}, not failed"), current: json!({"status": status}) }
        .into()
}
