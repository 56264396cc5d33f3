//! Texts: queue, record, report, preview.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use outbox::Outbox;
use web::Edge;

mod preview;
mod record;
mod send;
mod status;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers and their answers.
    pub edge: Edge,
    /// Store and queues.
    pub outbox: Outbox,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new()
        .route("/omega/businesses/{business_id}/sms/send", post(send::send))
        .route("/omega/businesses/{business_id}/sms/record", post(record::record))
        .route("/omega/businesses/{business_id}/sms/status", post(status::update))
        .route("/omega/businesses/{business_id}/sms/preview", post(preview::preview));
    web::authenticated(routes, &state).with_state(state)
}
