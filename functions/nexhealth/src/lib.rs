//! Conversations as NexHealth's clients ask for them: `/authenticates` and `/conversations`, in its words and with its
//! errors, over the clients and conversations of omega.

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
