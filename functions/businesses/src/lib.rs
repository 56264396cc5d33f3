//! The inbox of a business.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use web::Edge;

mod open_conversation;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new().route(
        "/omega/businesses/{business_id}/clients/{client_id}/conversation",
        post(open_conversation::open),
    );
    web::authenticated(routes, &state).with_state(state)
}
