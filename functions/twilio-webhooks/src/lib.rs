//! What Twilio tells us: texts from clients, and what became of ours and of calls.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use store::Store;
use web::twilio::Settings;

mod sms_reply;
mod sms_status;
mod twiml;
mod voice_status;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// The store.
    pub store: Store,
    /// What tells Twilio from anybody else.
    pub webhook: Settings,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    Router::new()
        .route("/omega/twilio/sms/reply", post(sms_reply::reply))
        .route("/omega/twilio/sms/status", post(sms_status::status))
        .route("/omega/twilio/voice/status", post(voice_status::status))
        .with_state(state)
}
