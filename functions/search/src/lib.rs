//! Searching the messages of a conversation.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use web::Edge;

mod messages;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function. The operation has an older path beside the current one; both lead to one handler.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route(
            "/omega/businesses/{business_id}/conversations/{conversation_id}/messages/search",
            get(messages::search),
        )
        .route(
            "/omega/messages/{business_id}/conversations/{conversation_id}/messages/search",
            get(messages::search),
        );
    web::authenticated(routes, &state).with_state(state)
}
