//! Setting up a business, for whoever runs omega.

use axum::Router;
use axum::routing::{get, post};

mod api_key;
mod onboard;
mod request;
mod state;
mod status;

pub use state::{State, TwilioAccount};

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route("/omega/business/onboard", post(onboard::onboard))
        .route("/omega/business/{business_id}/api-key", post(api_key::replace))
        .route("/omega/business/{business_id}/onboard/status", get(status::get));
    web::authenticated(routes, &state).with_state(state)
}
