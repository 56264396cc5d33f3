//! Single messages: look at one, at its timeline, at those of a call; cancel, retry; and one entrance for any channel.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use outbox::Outbox;
use web::Edge;

mod by_request;
mod cancel;
mod events;
mod flag;
mod get;
mod process;
mod retry;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers and their answers.
    pub edge: Edge,
    /// Store and queues.
    pub outbox: Outbox,
}

/// The routes of this function. Two operations have an older path beside the current one; both lead to one handler.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route("/omega/businesses/{business_id}/messages/{message_id}", get(get::message))
        .route("/omega/businesses/{business_id}/messages/{message_id}/events", get(events::list))
        .route("/omega/businesses/{business_id}/messages/{message_id}/cancel", post(cancel::cancel))
        .route("/omega/businesses/{business_id}/messages/{message_id}/flag", post(flag::flag))
        .route("/omega/businesses/{business_id}/messages/{message_id}/retry", post(retry::retry))
        .route("/omega/messages/{business_id}/messages/{message_id}/retry", post(retry::retry))
        .route("/omega/businesses/{business_id}/messages/requests/{request_id}", get(by_request::messages))
        .route("/omega/messages/{business_id}/messages/requests/{request_id}", get(by_request::messages))
        .route("/omega/messages/process", post(process::process));
    web::authenticated(routes, &state).with_state(state)
}
