//! Report a delivery status from outside.

use axum::Json;
use axum::extract::State;
use domain::channel::{Channel, Direction};
use domain::email_event::Suppression;
use domain::id::MessageRef;
use domain::report::{Report, Source};
use domain::status::Status;
use domain::{Error, MessageId};
use outbox::Outbox;
use store::consent::ConsentChange;
use store::statuses::Advance;
use web::read::{JsonBody, id, metadata};
use web::schemas::message::UpdateResponse;
use web::schemas::words::STATUS;
use web::{ApiResult, Tenant};

/// `POST /omega/businesses/{business_id}/email/status`: goes through the same rule as a provider's report. `bounced` and
/// `complained` also apply after `delivered`, and suppress the address. A late or repeated report is answered 200 with
/// `applied: false` and the current status.
pub(crate) async fn update(
    tenant: Tenant,
    State(outbox): State<Outbox>,
    body: JsonBody,
) -> ApiResult<Json<UpdateResponse>> {
    let (message, status, report) = body.read(|body| {
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
        Some((message?, status?, report))
    })?;
    let at = outbox.store.locate(tenant.id(), message).await?.ok_or(Error::NotFound("message"))?;
    let consent = consent(&outbox, at, status).await?;
    let (applied, status) = match outbox.store.advance(at, Channel::Email, &report, consent.as_ref()).await? {
        Advance::Applied(status) => (true, Some(status)),
        Advance::Stale(status) | Advance::Duplicate(status) => (false, status),
        Advance::Unknown => return Err(Error::NotFound("message").into()),
    };
    Ok(Json(UpdateResponse::of_status(applied, status)))
}

/// What a report says of the address: only two of them do, and only they cost a look at the message.
async fn consent(outbox: &Outbox, at: MessageRef, status: Status) -> domain::Result<Option<ConsentChange>> {
    let suppression = match status {
        Status::Bounced => Suppression::Bounce,
        Status::Complained => Suppression::Complaint,
        _ => return Ok(None),
    };
    let message = outbox.store.message(at).await?.filter(|message| message.direction == Direction::Outbound);
    let Some(message) = message else { return Ok(None) };
    let Some(email) = message.to_address.email() else { return Ok(None) };
    let evidence = format!("reported {}", at.message);
    outbox.store.mail_consent(email, Some(suppression), evidence).map(Some)
}
