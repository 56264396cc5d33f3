//! Searching the messages of a conversation.

use axum::Router;
use axum::extract::FromRef;
use web::Edge;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    Router::new().with_state(state)
}
