//! Contacts as Rocket.Chat's clients ask for them: `/api/v1/…`, in its words and with its errors, over the clients and
//! conversations of omega.

use axum::Router;
use axum::extract::FromRef;
use web::Edge;

mod block_contact;
mod contact;
mod contact_channels;
mod contact_exists;
mod contact_history;
mod create_contact;
mod delete_contact;
mod dialect;
mod entry;
mod get_contact;
mod manager;
mod paging;
mod parameters;
mod refused;
mod resolve_conflicts;
mod schema;
mod search_contacts;
mod success;
mod update_contact;
mod users;

use axum::routing::{get, post};
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
    let contacts = Router::new()
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
    let routes = web::spoken::<RocketChat, State>(contacts, &state);
    dialect::with_headers(open.merge(routes)).with_state(state)
}
