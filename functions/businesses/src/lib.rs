//! The inbox of a business.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post, put};
use web::Edge;

mod filter;
mod handle;
mod history;
mod list;
mod locations;
mod mark;
mod messages;
mod note;
mod open_conversation;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route("/omega/businesses/{business_id}/conversations", get(list::list))
        .route("/omega/businesses/{business_id}/conversations/filters", get(filter::catalogue))
        .route(
            "/omega/businesses/{business_id}/conversations/{conversation_id}/messages",
            get(messages::list),
        )
        .route("/omega/businesses/{business_id}/conversations/{conversation_id}/history", get(history::list))
        .route("/omega/businesses/{business_id}/conversations/{conversation_id}/notes", post(note::add))
        .route("/omega/businesses/{business_id}/conversations/{conversation_id}/assign", post(handle::assign))
        .route("/omega/businesses/{business_id}/conversations/{conversation_id}/status", post(handle::status))
        .route("/omega/businesses/{business_id}/conversations/{conversation_id}/label", post(handle::label))
        .route("/omega/businesses/{business_id}/messages/status", post(mark::mark))
        .route("/omega/businesses/{business_id}/locations", get(locations::list))
        .route("/omega/businesses/{business_id}/locations/{location_id}", put(locations::upsert))
        .route(
            "/omega/businesses/{business_id}/clients/{client_id}/conversation",
            post(open_conversation::open),
        );
    web::authenticated(routes, &state).with_state(state)
}
