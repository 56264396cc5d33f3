//! What callers show to be let in: keys for programs, sessions for staff.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{delete, get, post};
use web::Edge;

mod expire;
mod keys;
mod token;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route("/omega/auth/token", post(token::generate))
        .route("/omega/session/expire", post(expire::expire))
        .route("/omega/businesses/{business_id}/api-keys", get(keys::list).post(keys::create))
        .route("/omega/businesses/{business_id}/api-keys/{key_id}", delete(keys::revoke));
    web::authenticated(routes, &state).with_state(state)
}
