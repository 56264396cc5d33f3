//! Contacts as Rocket.Chat's clients ask for them: `/api/v1/…`, in its words and with its errors, over the clients and
//! conversations of omega.

use axum::Router;
use axum::extract::FromRef;
use web::Edge;

mod dialect;
mod manager;
mod parameters;
mod refused;
mod users;

use dialect::RocketChat;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let open = Router::new();
    let routes = web::spoken::<RocketChat, State>(Router::new(), &state);
    dialect::with_headers(open.merge(routes)).with_state(state)
}
