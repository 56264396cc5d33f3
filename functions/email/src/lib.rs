//! Mail: queue, record, report; what is suppressed, and how a receiver unsubscribes; what came with a mail.

use axum::extract::FromRef;
use axum::routing::{get, post};
use axum::{Extension, Router};
use objects::Objects;
use outbox::Outbox;
use signature::token;
use web::Edge;
use web::read::BodyLimit;

mod attachment;
mod content;
mod record;
mod send;
mod status;
mod suppressions;
mod unsubscribe;

/// The largest request, in bytes: a mail of the largest size, and what is said about it. What reaches a function through
/// the gateway is smaller.
const LARGEST_REQUEST: usize = domain::mail::LARGEST + 16 * 1024 * 1024;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers and their answers.
    pub edge: Edge,
    /// Store and queues.
    pub outbox: Outbox,
    /// Where attachments are.
    pub objects: Objects,
    /// What unsubscribe links are signed with.
    pub tokens: token::Keys,
    /// Where attachments may be fetched from besides the public internet.
    pub origins: fetch::Config,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route("/omega/businesses/{business_id}/email/send", post(send::send))
        .route("/omega/businesses/{business_id}/email/record", post(record::record))
        .route("/omega/businesses/{business_id}/email/status", post(status::update))
        .route("/omega/businesses/{business_id}/email/suppressions", get(suppressions::get))
        .route("/omega/businesses/{business_id}/email/suppressions/remove", post(suppressions::remove))
        .route(
            "/omega/businesses/{business_id}/messages/{message_id}/attachments/{attachment}",
            get(attachment::get),
        );
    let public = Router::new()
        .route("/omega/email/unsubscribe/{token}", get(unsubscribe::ask).post(unsubscribe::do_it));
    web::authenticated(routes, &state)
        .layer(Extension(BodyLimit(LARGEST_REQUEST)))
        .merge(public)
        .with_state(state)
}
