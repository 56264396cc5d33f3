//! What SES says by way of SNS.

use std::sync::PoisonError;

use axum::Json;
use axum::body::Bytes;
use domain::channel::Provider;
use domain::email_event::ses::{self, Notice};
use domain::job::{Job, Work};
use domain::{Error, Result};
use serde_json::{Value, json};
use signature::sns::{self, Kind, Versions};

use crate::State;
use crate::apply::apply;
use crate::provider::{Refusal, not_set_up};

/// More than a certificate or the answer to a confirmation can be.
const LARGEST: usize = 64 * 1024;
/// More certificates than SNS has.
const MOST: usize = 16;

/// One call of SNS. A topic that is not on the list is not listened to, whoever signed.
pub(crate) async fn message(state: &State, raw: &[u8]) -> std::result::Result<Json<Value>, Refusal> {
    let not_theirs = || Refusal::NotTheirs(Provider::Ses);
    if state.settings.sns_topics.is_empty() {
        return Err(not_set_up(Provider::Ses));
    }
    let message = sns::read(raw).map_err(|_| not_theirs())?;
    if !state.settings.sns_topics.contains(&message.topic_arn) {
        return Err(not_theirs());
    }
    let url = message.certificate_url().ok_or_else(not_theirs)?;
    let certificate = certificate(state, url).await?;
    let versions = if state.settings.sns_version_1 { Versions::FirstAndSecond } else { Versions::Second };
    let now = state.store.clock().now().as_seconds();
    sns::verify(&message, &certificate, versions, now).map_err(|refused| {
        tracing::warn!(reason = ?refused, "a message of SNS is refused");
        not_theirs()
    })?;
    match message.kind {
        Kind::Notification => take_in(state, &message.message).await?,
        Kind::SubscriptionConfirmation => {
            let url = message.subscribe_url().ok_or_else(not_theirs)?;
            get(state, url).await?;
            tracing::info!(sns.topic = message.topic_arn, "subscription confirmed");
        }
        Kind::UnsubscribeConfirmation => {
            tracing::warn!(sns.topic = message.topic_arn, "somebody ended the subscription");
        }
    }
    Ok(Json(json!({})))
}

async fn take_in(state: &State, notice: &str) -> std::result::Result<(), Refusal> {
    match ses::read(notice.as_bytes()).map_err(|_| Refusal::Unreadable)? {
        Notice::Event(event) => apply(&state.store, vec![*event]).await?,
        Notice::Received { bucket, email } if bucket == state.settings.bucket => {
            state.received.send(&[Job::new("ses", Work::ReceiveEmail(email))]).await?;
        }
        Notice::Received { .. } => tracing::error!("SES put a mail into a bucket that is not ours"),
        Notice::Nothing(word) => tracing::info!(word, "nothing to do"),
    }
    Ok(())
}

/// A certificate, fetched once in the life of a process.
async fn certificate(state: &State, url: &str) -> Result<Bytes> {
    let known = state.certificates.0.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    let fetched = get(state, url).await?;
    let mut known = state.certificates.0.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(url.to_owned(), fetched.clone());
    Ok(fetched)
}

/// Gets an address that was checked to be SNS's own.
async fn get(state: &State, url: &str) -> Result<Bytes> {
    let elsewhere = state.settings.sns_endpoint.as_ref().and_then(|endpoint| {
        let path = url.strip_prefix("https://").and_then(|rest| rest.split_once('/'))?.1;
        Some(format!("{endpoint}/{path}"))
    });
    let fetched = state.fetcher.get(elsewhere.as_deref().unwrap_or(url), LARGEST).await;
    fetched.map(|fetched| fetched.content).map_err(|error| Error::Unavailable(error.into()))
}
