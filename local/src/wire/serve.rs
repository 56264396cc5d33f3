//! A server that can close a connection without an answer.

use std::convert::Infallible;

use axum::Router;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::is_disconnect;

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

/// Serves a router until the future is dropped, which also cuts all its connections. The response of
/// [`disconnect`](super::disconnect) closes its connection without an answer; axum's own server cannot do that.
pub async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: let some connections end.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        // Without this, small answers wait for the other side's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = hyper::service::service_fn(move |request| {
            let router = router.clone();
            async move {
                let response =
                    router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
                if is_disconnect(&response) { Err(Dropped) } else { Ok(response) }
            }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A connection that ends badly concerns the caller, who notices.
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}
