//! A server that can close a connection without an answer, and on which nobody stays who does not send.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until};
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

/// How long a request has to arrive.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the connection, or the response before, to the end of the head. A connection that idles longer is closed.
    pub head: Duration,
    /// From the end of the head to the end of the body, however steadily it drips in.
    pub body: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { head: Duration::from_secs(10), body: Duration::from_secs(30) }
    }
}

/// A body that fails when it has not arrived in time.
struct Timed {
    body: Pin<Box<hyper::body::Incoming>>,
    end: Pin<Box<Sleep>>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = crate::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, crate::Error>>> {
        match self.body.as_mut().poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Poll::Pending => {
                ready!(self.end.as_mut().poll(context));
                Poll::Ready(Some(Err("the body did not arrive in time".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Serves a router until the future is dropped, which also cuts all its connections. The response of
/// [`disconnect`](super::disconnect) closes its connection without an answer; axum's own server cannot do that.
pub async fn serve(listener: TcpListener, router: Router) {
    serve_within(Limits::default(), listener, router).await;
}

/// [`serve`] with other limits.
pub async fn serve_within(limits: Limits, listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of file descriptors, most likely: let some connections end.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        // Without this, small answers wait for the other side's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let router = router.clone();
            let end = Box::pin(sleep_until(Instant::now() + limits.body));
            let mut request = request.map(|body| Body::new(Timed { body: Box::pin(body), end }));
            request.extensions_mut().insert(web::Source::new(peer.ip()));
            async move {
                let response =
                    router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
                if is_disconnect(&response) { Err(Dropped) } else { Ok(response) }
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A connection that ends badly concerns the caller, who notices.
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}
