//! The staff of a business.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use web::Edge;

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
    let routes = Router::new()
        .route("/omega/businesses/{business_id}/staffs", get(list::list))
        .route("/omega/businesses/{business_id}/staffs/{staff_id}", get(profile::get).put(upsert::put));
    web::authenticated(routes, &state).with_state(state)
}
