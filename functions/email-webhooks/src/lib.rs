//! What mail providers post: reports about mail, and mail itself.
//!
//! Nothing of a call is believed before its signature is, and that is checked over the bytes as they came. What each
//! provider is answered is what makes it stop, or come again: a call that is not theirs stops it, trouble of ours brings
//! it back, and what is repeated or unknown is done.

use axum::Router;
use axum::routing::post;

mod apply;
mod events;
mod inbound;
mod provider;
mod sns;
mod state;

pub use state::{Certificates, Settings, State};

/// The routes of this function.
pub fn routes(state: State) -> Router {
    Router::new()
        .route("/omega/email/webhooks/{provider}", post(events::events))
        .route("/omega/email/inbound/{provider}/mime", post(inbound::inbound))
        .with_state(state)
}
