//! Send a failed message again.

use axum::extract::State;
use axum::{Extension, Json};
use domain::Error;
use domain::access::Role;
use domain::address::Address;
use domain::destination::{Reach, Unreachable};
use domain::failure::{ErrorClass, Failure};
use domain::message::{Message, retry_refusal};
use domain::report::Source;
use domain::status::Status;
use outbox::Outbox;
use serde_json::{Value, json};
use store::sending::NotRetried;
use web::read::PathParams;
use web::{ApiError, ApiResult, Correlation, Tenant, unprocessable};

use crate::get::{conflict, find};

/// What a caller is told who orders another attempt of a message that may have been sent.
const RISK: &str =
    "Queued for another attempt. The earlier one may have been sent: the client may get it twice.";

/// `POST /omega/businesses/{business_id}/messages/{message_id}/retry`, and the older
/// `POST /omega/messages/{business_id}/messages/{message_id}/retry`: a new attempt of a message that failed, or whose
/// delivery is unknown: the client may get that one twice. Any other is 409 with its status; what is wrong with the
/// address or the consent stays wrong, and is 422.
pub async fn retry(
    tenant: Tenant,
    path: PathParams,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
) -> ApiResult<Json<Value>> {
    let message = find(&outbox.store, tenant.id(), &path).await?;
    check(&message)?;
    let is_ambiguous = |failure: &Failure| failure.class == ErrorClass::Ambiguous;
    let is_risky = message.delivery_status == Status::DeliveryUnknown
        || message.failure.as_ref().is_some_and(is_ambiguous);
    let source = if tenant.role() == Role::Service { Source::Api } else { Source::Staff };
    let refused = |why: Unreachable| unprocessable_message(&message, &why.failure().reason);
    let reach = match &message.to_address {
        Address::Phone(to) => web::destination::reach(tenant.business(), to).map_err(refused)?,
        _ => Reach::Allowed,
    };
    match outbox.retry(&message, reach, source, &correlation).await? {
        Ok(attempt) => Ok(Json(json!({
            "message": if is_risky { RISK } else { "Queued for another attempt" },
            "message_id": message.at.message,
            "status": Status::Queued.as_str(),
            "attempt": attempt,
        }))),
        Err(NotRetried::Is(instead)) => Err(not_failed(&instead)),
        Err(NotRetried::Gone) => Err(Error::NotFound("message").into()),
        Err(NotRetried::Unreachable(why)) => Err(refused(why)),
    }
}

fn check(message: &Message) -> Result<(), ApiError> {
    let refused = |why: &str| Err(unprocessable_message(message, why));
    match message.delivery_status {
        Status::Failed | Status::Undelivered | Status::Blocked | Status::DeliveryUnknown => {}
        _ => return Err(not_failed(message)),
    }
    if message.attempt == 0 {
        return refused("another system sent it; omega cannot send it again");
    }
    match (retry_refusal(message.failure.as_ref()), &message.failure) {
        (Some(class), Some(failure)) => {
            refused(&format!("a failure of class {} is not retried: {}", class.as_str(), failure.reason))
        }
        _ => Ok(()),
    }
}

fn unprocessable_message(message: &Message, why: &str) -> ApiError {
    unprocessable(&["path", "message_id"], json!(message.at.message), format!("Value error, {why}"))
}

fn not_failed(message: &Message) -> ApiError {
    conflict(message, ", not failed")
}
