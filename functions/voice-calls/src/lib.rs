//! Calls: the token with which a browser makes and takes them, and what Twilio is told to do with one.

use axum::Router;
use axum::routing::{get, post};

mod asked;
mod incoming;
mod outgoing;
mod state;
mod token;
mod twiml;
mod verbs;

pub use state::{State, Voice};

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let tokens = Router::new().route("/omega/businesses/{business_id}/voice-calls/token", get(token::get));
    web::authenticated(tokens, &state)
        .route("/omega/voice-calls/twiml", post(twiml::answer))
        .with_state(state)
}
