//! Setting up a business, for whoever runs omega.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use queue::Queue;
use web::Edge;

mod api_key;
mod onboard;
mod request;
mod status;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
    /// Jobs of the provisioner, which does what is to do at Twilio and SES.
    pub queue: Queue,
    /// Whose numbers are used.
    pub account: TwilioAccount,
}

/// The Twilio account whose numbers are used.
#[derive(Clone, Debug)]
pub struct TwilioAccount(pub String);

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route("/omega/business/onboard", post(onboard::onboard))
        .route("/omega/business/{business_id}/api-key", post(api_key::replace))
        .route("/omega/business/{business_id}/onboard/status", get(status::get));
    web::authenticated(routes, &state).with_state(state)
}
