//! Unsubscribe with one click (RFC 8058).
//!
//! The link needs no credential: whoever has it got the mail. It never expires, and outlives the client. A scanner that
//! follows it changes nothing, because only a POST does something.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use domain::Error;
use domain::email_event::Suppression;
use domain::unsubscribe::{PURPOSE, Unsubscribe};
use outbox::Outbox;
use signature::token;
use store::suppression::MailConsent;
use web::read::PathParams;
use web::{ApiError, ApiResult};

/// The only thing that is done here, as a mail program posts it.
const ONE_CLICK: (&str, &str) = ("List-Unsubscribe", "One-Click");
/// More than a form with one field can be.
const LARGEST: usize = 8 * 1024;

/// `GET /omega/email/unsubscribe/{token}`: asks whether to unsubscribe. Changes nothing.
pub(crate) async fn ask(State(keys): State<token::Keys>, path: PathParams) -> ApiResult<Response> {
    opened(&keys, &path)?;
    Ok(page(
        "Unsubscribe",
        r#"<p>Do you want no more news from us by email?</p><form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button></form>"#,
    ))
}

/// `POST /omega/email/unsubscribe/{token}`: no more campaigns to this address. Done twice, it is done once.
pub(crate) async fn do_it(
    State(keys): State<token::Keys>,
    State(outbox): State<Outbox>,
    path: PathParams,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> ApiResult<Response> {
    let link = opened(&keys, &path)?;
    if body.len() > LARGEST || !asks_for_it(&headers, &body) {
        let said = "Value error, the body has to be List-Unsubscribe=One-Click";
        return Err(web::unprocessable(&["body", ONE_CLICK.0], serde_json::Value::Null, said));
    }
    let change = MailConsent {
        address_hash: link.address_hash,
        suppression: Some(Suppression::OptOut),
        evidence: format!("unsubscribed from {}", link.message),
    };
    outbox.store.suppress(link.business, &change).await?;
    tracing::info!(business.id = link.business.get(), metric = "unsubscribed", "unsubscribed by one click");
    Ok(page("Unsubscribed", "<p>You will get no more news from us by email.</p>"))
}

/// # Errors
/// `NotFound` for a link that is not one of ours, or was changed.
fn opened(keys: &token::Keys, path: &PathParams) -> Result<Unsubscribe, ApiError> {
    let payload = token::open(keys, PURPOSE, path.text("token"));
    let link = payload.and_then(|payload| Unsubscribe::read(&payload));
    link.ok_or_else(|| Error::NotFound("link").into())
}

/// As a form of either kind.
fn asks_for_it(headers: &HeaderMap, body: &[u8]) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        let text = String::from_utf8_lossy(body);
        return text.contains(&format!("name=\"{}\"", ONE_CLICK.0)) && text.contains(ONE_CLICK.1);
    }
    form_urlencoded::parse(body).any(|(name, value)| (&*name, &*value) == ONE_CLICK)
}

/// A page that loads nothing and can be framed by nobody.
fn page(title: &str, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>{title}</title><body><h1>{title}</h1>{content}</body></html>"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; form-action 'self'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::OK, headers, Html(html)).into_response()
}
