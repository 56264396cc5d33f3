//! Names are resolved here, once per connection, and the connection goes to exactly the addresses that were checked. A
//! name that has a public address when it is checked and a private one when it is used gains nothing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower::{Service, ServiceExt};

use crate::public::is_public;

/// What a resolver answers.
pub(crate) type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// From a name to addresses. A test has its own.
pub(crate) type Lookup = Arc<dyn Fn(Name) -> Found + Send + Sync>;

/// The resolver of the system.
pub(crate) fn system() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(GaiResolver::new().oneshot(name).await?.collect()) }))
}

/// A resolver that has only public addresses to offer, or all.
#[derive(Clone)]
pub(crate) struct Guard {
    lookup: Lookup,
    pub(crate) public_only: bool,
}

/// Why a name has no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unresolved {
    /// One of its addresses is not public.
    #[error("it has an address of a private network")]
    Private,
    /// It is not known, or the name server is not reached.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

impl Guard {
    pub(crate) fn public_only(lookup: Lookup) -> Guard {
        Guard { lookup, public_only: true }
    }

    pub(crate) fn any(lookup: Lookup) -> Guard {
        Guard { lookup, public_only: false }
    }
}

impl Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolved>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = (self.lookup)(name);
        let public_only = self.public_only;
        Box::pin(async move {
            let found = found.await?;
            // One private address among public ones is no accident.
            if public_only && !found.iter().all(|address| is_public(address.ip())) {
                return Err(Unresolved::Private);
            }
            Ok(found.into_iter())
        })
    }
}
