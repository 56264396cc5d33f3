//! Who is calling, and what makes them stop.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::channel::Provider;
use domain::email_event::mailgun::Signed;
use serde_json::{Value, json};
use web::read::PathParams;
use web::{ApiError, unprocessable};

use crate::State;

const NAMES: [(&str, Provider); 4] = [
    ("ses", Provider::Ses),
    ("sendgrid", Provider::Sendgrid),
    ("mailgun", Provider::Mailgun),
    ("postmark", Provider::Postmark),
];

/// The provider that the path names.
pub(crate) fn named(path: &PathParams) -> Result<Provider, ApiError> {
    let name = path.text("provider");
    let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, provider)| *provider);
    known.ok_or_else(|| {
        let said = "Input should be 'ses', 'sendgrid', 'mailgun' or 'postmark'";
        unprocessable(&["path", "provider"], json!(name), said)
    })
}

/// How a call ends that is not done.
pub(crate) enum Refusal {
    /// It is not from the provider, or the provider is not set up here.
    NotTheirs(Provider),
    /// It is, and says nothing that can be read.
    Unreadable,
    /// Trouble of ours.
    Ours(ApiError),
}

impl From<domain::Error> for Refusal {
    fn from(error: domain::Error) -> Refusal {
        Refusal::Ours(error.into())
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Refusal {
        Refusal::Ours(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Refusal::NotTheirs(provider) = &self {
            tracing::warn!(
                provider = provider.as_str(),
                metric = "webhook_refused",
                "webhook request refused"
            );
        }
        match self {
            // Mailgun tries again for hours after anything but these two; the others take 403 as final.
            Refusal::NotTheirs(Provider::Mailgun) => {
                (StatusCode::NOT_ACCEPTABLE, Json(json!({"detail": "Forbidden"}))).into_response()
            }
            Refusal::NotTheirs(_) => ApiError::from(domain::Error::Forbidden).into_response(),
            Refusal::Unreadable => {
                unprocessable(&["body"], Value::Null, "Value error, it is not what this provider sends")
                    .into_response()
            }
            Refusal::Ours(error) => error.into_response(),
        }
    }
}

/// Says in the log why a provider's calls are refused.
pub(crate) fn not_set_up(provider: Provider) -> Refusal {
    tracing::error!(provider = provider.as_str(), "webhooks of this provider are refused: it is not set up");
    Refusal::NotTheirs(provider)
}

/// Checks what Mailgun signed, and that its token came with no other body before. The signature says nothing of the body:
/// without this, a seen signature lets any body through for as long as its time is recent. `digest` is of the body.
///
/// The token is stored before the event is. A death between the two loses nothing, because Mailgun repeats the request
/// with the same body, which is taken again.
pub(crate) async fn mailgun_signed(
    state: &State,
    key: &str,
    signed: &Signed,
    digest: &str,
) -> Result<(), Refusal> {
    let provider = Provider::Mailgun;
    let now = state.store.clock().now();
    signature::mailgun::verify(key, &signed.timestamp, &signed.token, &signed.signature, now.as_seconds())
        .map_err(|_| Refusal::NotTheirs(provider))?;
    // The signed time is at most one window ahead, and is recent for one window more.
    let end = now.plus(Duration::from_secs(2 * signature::mailgun::WINDOW));
    if state.store.bind_token(provider, &signed.token, digest, end).await? {
        Ok(())
    } else {
        Err(Refusal::NotTheirs(provider))
    }
}

/// A digest, in lower-case hexadecimal digits.
pub(crate) fn hexadecimal(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A header, as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
