//! Report a delivery status from outside.

use axum::Json;
use axum::extract::State;
use domain::channel::Channel;
use domain::report::{Report, Source};
use domain::status::Status;
use domain::{Error, MessageId};
use outbox::Outbox;
use store::statuses::Advance;
use web::read::{JsonBody, id, metadata};
use web::schemas::message::UpdateResponse;
use web::schemas::words::STATUS;
use web::{ApiResult, Tenant};

/// `POST /omega/businesses/{business_id}/sms/status`: goes through the same rule as a provider's callback. A late or
/// repeated report is answered 200 with `applied: false` and the current status.
pub async fn update(
    tenant: Tenant,
    State(outbox): State<Outbox>,
    body: JsonBody,
) -> ApiResult<Json<UpdateResponse>> {
    let (message, report) = body.read(|body| {
        let message: Option<MessageId> = body.required("message_id", id);
        let status: Option<Status> = body.required("status", STATUS);
        let metadata = body.optional("provider_metadata", metadata);
        let report = Report {
            source: Source::Api,
            attempt: None,
            status: Some(status?),
            provider_status: None,
            provider_message_id: None,
            failure: None,
            metadata,
            recipient: None,
        };
        Some((message?, report))
    })?;
    let at = outbox.store.locate(tenant.id(), message).await?.ok_or(Error::NotFound("message"))?;
    let (applied, status) = match outbox.store.advance(at, Channel::Sms, &report, None).await? {
        Advance::Applied(status) => (true, Some(status)),
        Advance::Stale(status) | Advance::Duplicate(status) => (false, status),
        Advance::Unknown => return Err(Error::NotFound("message").into()),
    };
    Ok(Json(UpdateResponse::of_status(applied, status)))
}
