//! The HTTP edge, for axum: who is calling, what they sent, and how answers and errors look. No business rules, and
//! no SDK calls of its own.
//!
//! A function exports its routes and wraps them in [`app`]. An extractor in a handler's signature is a proof:
//! [`Tenant`] that the caller may do this in this business, [`Platform`] that it is whoever runs omega.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request};
use store::Store;

pub mod access;
mod app;
mod caller;
mod cors;
pub mod destination;
pub mod dialect;
mod error;
mod idempotency;
mod origin;
pub mod paging;
pub mod read;
pub mod schemas;
mod source;
mod speaker;
pub mod surface;
mod tally;
mod tenant;
pub mod twilio;

pub use app::{Correlation, app, catch_all};
pub use caller::{Caller, Member, PlatformKey, Usage};
pub use error::{ApiError, ApiResult, unprocessable};
pub use idempotency::{AnsweredAnew, Call, idempotent, shown_once};
pub use source::Source;
pub use speaker::Speaker;
pub use tenant::{Platform, Tenant};

use caller::Known;
use cors::Origins;
use dialect::{Dialect, Omega};

/// What the edge of a function needs: the store, to resolve callers and keep answers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Edge {
    store: Store,
    platform_key: Option<PlatformKey>,
    known: Arc<Known>,
    origins: Arc<Origins>,
}

impl Edge {
    /// An edge over `store`. `platform_key` is given to the function that sets up businesses, and to no other.
    pub fn new(store: Store, platform_key: Option<PlatformKey>) -> Edge {
        Edge { store, platform_key, known: Arc::default(), origins: Arc::default() }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// Routes whose every call needs a credential, with idempotent POSTs. Pages of allowed origins can read the responses.
pub fn authenticated<S>(routes: Router<S>, state: &S) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Edge: FromRef<S>,
{
    let edge = Edge::from_ref(state);
    let share = axum::middleware::from_fn_with_state(edge.clone(), cors::share);
    spoken::<Omega, S>(routes, state)
        .route_layer(share)
        .method_not_allowed_fallback(move |request: Request| cors::unrouted(edge, request))
}

/// The same, where the callers speak another dialect.
pub fn spoken<D: Dialect, S>(routes: Router<S>, state: &S) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Edge: FromRef<S>,
{
    let edge = Edge::from_ref(state);
    routes.route_layer(axum::middleware::from_fn_with_state(edge, idempotent::<D>))
}
