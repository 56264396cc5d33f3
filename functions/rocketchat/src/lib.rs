//! Contacts as Rocket.Chat's clients ask for them, and who is asking: `/api/…`, in its words and with its errors, over the
//! clients, conversations and staff of omega.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use web::Edge;

mod block_contact;
mod check;
mod contact;
mod contact_channels;
mod contact_exists;
mod contact_history;
mod create_contact;
mod delete_contact;
mod dialect;
mod entry;
mod find_visitor;
mod get_contact;
mod get_visitor;
mod info;
mod login;
mod logout;
mod manager;
mod me;
mod paging;
mod parameters;
mod refused;
mod register_visitor;
mod resolve_conflicts;
mod schema;
mod search_contacts;
mod success;
mod update_contact;
mod user_info;
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
    let open = Router::new()
        .route("/api/info", get(info::info))
        .route("/api/v1/info", get(info::info))
        .route("/api/v1/login", post(login::log_in));
    let routes = Router::new()
        .route("/api/v1/me", get(me::me))
        .route("/api/v1/users.info", get(user_info::user_info))
        .route("/api/v1/logout", get(logout::log_out).post(logout::log_out))
        .route("/api/v1/omnichannel/contact", get(get_visitor::get).post(register_visitor::register))
        .route("/api/v1/omnichannel/contact.search", get(find_visitor::find))
        .route("/api/v1/omnichannel/contacts", post(create_contact::create))
        .route("/api/v1/omnichannel/contacts.get", get(get_contact::get))
        .route("/api/v1/omnichannel/contacts.update", post(update_contact::update))
        .route("/api/v1/omnichannel/contacts.search", get(search_contacts::search))
        .route("/api/v1/omnichannel/contacts.checkExistence", get(contact_exists::check))
        .route("/api/v1/omnichannel/contacts.history", get(contact_history::list))
        .route("/api/v1/omnichannel/contacts.channels", get(contact_channels::list))
        .route("/api/v1/omnichannel/contacts.block", post(block_contact::block))
        .route("/api/v1/omnichannel/contacts.unblock", post(block_contact::unblock))
        .route("/api/v1/omnichannel/contacts.conflicts", post(resolve_conflicts::resolve))
        .route("/api/v1/omnichannel/contacts.delete", post(delete_contact::delete));
    let routes = web::spoken::<RocketChat, State>(routes, &state);
    dialect::with_headers(open.merge(routes)).with_state(state)
}
