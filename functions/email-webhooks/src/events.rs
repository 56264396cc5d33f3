//! Reports about mail.

use axum::Json;
use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::HeaderMap;
use domain::channel::Provider;
use domain::email_event::{EmailEvent, mailgun, postmark, sendgrid};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use web::read::{PathParams, collect};

use crate::apply::apply;
use crate::provider::{Refusal, header, hexadecimal, mailgun_signed, named, not_set_up};
use crate::{State, sns};

/// `POST /omega/email/webhooks/{provider}`: the events of one call. One that cannot be read never keeps the others;
/// repeated ones change nothing.
pub(crate) async fn events(
    Extract(state): Extract<State>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> std::result::Result<Json<Value>, Refusal> {
    let provider = named(&path)?;
    let raw = collect(body, None).await?;
    let events = match provider {
        Provider::Ses => return sns::message(&state, &raw).await,
        Provider::Sendgrid => sendgrid_events(&state, &headers, &raw)?,
        Provider::Mailgun => mailgun_events(&state, &raw).await?,
        _ => postmark_events(&state, &headers, &raw)?,
    };
    apply(&state.store, events).await?;
    Ok(Json(json!({})))
}

fn sendgrid_events(
    state: &State,
    headers: &HeaderMap,
    raw: &[u8],
) -> std::result::Result<Vec<EmailEvent>, Refusal> {
    let provider = Provider::Sendgrid;
    let key = state.settings.sendgrid_public_key.as_deref().ok_or_else(|| not_set_up(provider))?;
    let timestamp = header(headers, signature::sendgrid::TIMESTAMP_HEADER);
    let signed = header(headers, signature::sendgrid::SIGNATURE_HEADER);
    let now = state.store.clock().now().as_seconds();
    signature::sendgrid::verify(key, timestamp, signed, raw, now)
        .map_err(|_| Refusal::NotTheirs(provider))?;
    sendgrid::read(raw).map_err(|_| Refusal::Unreadable)
}

/// Reads the event of a request that Mailgun signed. Mailgun repeats a request with the bytes of the first one.
async fn mailgun_events(state: &State, raw: &[u8]) -> std::result::Result<Vec<EmailEvent>, Refusal> {
    let provider = Provider::Mailgun;
    let key = state.settings.mailgun_signing_key.as_deref().ok_or_else(|| not_set_up(provider))?;
    // The signature is in the body, so it is read first; nothing else of it is used before.
    let (signed, event) = mailgun::read(raw).map_err(|_| Refusal::NotTheirs(provider))?;
    mailgun_signed(state, key, &signed, &hexadecimal(Sha256::digest(raw))).await?;
    Ok(vec![event])
}

fn postmark_events(
    state: &State,
    headers: &HeaderMap,
    raw: &[u8],
) -> std::result::Result<Vec<EmailEvent>, Refusal> {
    let provider = Provider::Postmark;
    let expected = state.settings.postmark_credentials.as_deref().ok_or_else(|| not_set_up(provider))?;
    signature::basic::verify(header(headers, "authorization"), expected)
        .map_err(|_| Refusal::NotTheirs(provider))?;
    Ok(vec![postmark::read(raw).map_err(|_| Refusal::Unreadable)?])
}
