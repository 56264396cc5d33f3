//! What came with a mail.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::mail::{Attachment, Mail};
use domain::{Error, MessageId};
use objects::Objects;
use outbox::Outbox;
use web::read::PathParams;
use web::{ApiResult, Tenant};

/// How long the address works that a browser is sent to.
const WORKS_FOR: Duration = Duration::from_secs(300);
/// The place of a body that is too long for the table.
const BODY: &str = "body";

/// `GET /omega/businesses/{business_id}/messages/{message_id}/attachments/{attachment}`: sends the browser to where the
/// attachment is, counted from 0, or `body` for a body that is too long to be shown with its message. Always a download:
/// what a stranger sent is not opened at our address.
pub(crate) async fn get(
    tenant: Tenant,
    State(outbox): State<Outbox>,
    State(objects): State<Objects>,
    path: PathParams,
) -> ApiResult<Response> {
    let message: MessageId = path.id("message_id")?;
    let missing = || Error::NotFound("attachment");
    let at = outbox.store.locate(tenant.id(), message).await?.ok_or_else(missing)?;
    let message = outbox.store.message(at).await?.ok_or_else(missing)?;
    let mail = message.mail.ok_or_else(missing)?;
    let attachment = wanted(*mail, path.text("attachment")).ok_or_else(missing)?;
    let filename = attachment.filename.as_ref().map(|name| name.0.as_str());
    let key = attachment.object.ok_or_else(missing)?;
    let link = objects.link(&key, filename, attachment.content_type.as_deref(), WORKS_FOR).await?;
    let headers = [(header::LOCATION, link), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::FOUND, headers).into_response())
}

fn wanted(mut mail: Mail, place: &str) -> Option<Attachment> {
    if place == BODY {
        let content_type = Some("application/json".to_owned());
        return Some(Attachment { object: mail.body_object, content_type, ..Attachment::default() });
    }
    let place: usize = place.parse().ok()?;
    (place < mail.attachments.len()).then(|| mail.attachments.swap_remove(place))
}
