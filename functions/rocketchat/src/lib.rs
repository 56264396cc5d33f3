//! Contacts as Rocket.Chat's clients ask for them: `/api/v1/…`, in its words and with its errors, over the clients and
//! conversations of omega.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use web::Edge;

mod check;
mod dialect;
mod find_visitor;
mod get_visitor;
mod login;
mod logout;
mod manager;
mod parameters;
mod refused;
mod register_visitor;
mod users;
mod visitor;

use dialect::RocketChat;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    let open = Router::new().route("/api/v1/login", post(login::log_in));
    let visitors = Router::new()
        .route("/api/v1/omnichannel/contact", get(get_visitor::get).post(register_visitor::register))
        .route("/api/v1/omnichannel/contact.search", get(find_visitor::find));
    let routes = visitors.route("/api/v1/logout", get(logout::log_out).post(logout::log_out));
    let routes = web::spoken::<RocketChat, State>(routes, &state);
    dialect::with_headers(open.merge(routes)).with_state(state)
}
