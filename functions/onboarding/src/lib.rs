//! Setting up a business, for whoever runs omega.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use web::Edge;

mod api_key;
mod onboard;
mod status;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
    /// What it tells businesses to set up elsewhere.
    pub settings: Settings,
}

/// Where things are, outside.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Twilio account whose numbers are used.
    pub twilio_account_sid: String,
    /// Origin of the webhooks.
    pub public_base_url: String,
    /// Origin of the fallback.
    pub fallback_base_url: String,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route("/omega/business/onboard", post(onboard::onboard))
        .route("/omega/business/{business_id}/api-key", post(api_key::replace))
        .route("/omega/business/{business_id}/onboard/status", get(status::get));
    web::authenticated(routes, &state).with_state(state)
}
