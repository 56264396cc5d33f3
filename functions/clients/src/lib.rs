//! The clients of a business: profile and directory.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use web::Edge;

mod erase;
mod list;
mod profile;
mod upsert;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let routes = Router::new().route("/omega/businesses/{business_id}/clients", get(list::list)).route(
        "/omega/businesses/{business_id}/clients/{client_id}",
        get(profile::get).put(upsert::put).delete(erase::erase),
    );
    web::authenticated(routes, &state).with_state(state)
}
