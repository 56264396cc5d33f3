//! TwiML that Twilio is answered with.

use axum::http::header;
use axum::response::IntoResponse;

/// TwiML that does nothing.
pub(crate) fn empty_twiml() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/xml")], "<Response/>")
}
