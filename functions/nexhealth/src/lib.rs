//! Conversations as NexHealth's clients ask for them, and the institutions, locations and patients that they ask for before:
//! in its words and with its errors, over the clients and conversations of omega.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use web::Edge;

mod answer;
mod authenticate;
mod conversation;
mod dialect;
mod found;
mod institutions;
mod list;
mod locations;
mod message;
mod parameters;
mod patient;
mod patients;
mod zone;

use dialect::NexHealth;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let begin = Router::new().route("/authenticates", post(authenticate::authenticate));
    let routes = Router::new()
        .route("/conversations", get(list::list))
        .route("/institutions", get(institutions::list))
        .route("/institutions/{id}", get(institutions::show))
        .route("/locations", get(locations::list))
        .route("/locations/{id}", get(locations::show))
        .route("/patients", get(patients::list))
        .route("/patients/{id}", get(patients::show));
    begin.merge(web::spoken::<NexHealth, State>(routes, &state)).with_state(state)
}
