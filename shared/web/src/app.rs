//! What every HTTP function does around its routes: an id for each call, a line in the log, and answers in our own
//! words where the framework has its own.

use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use tracing::Instrument;

use crate::read::LARGEST_BODY;
use crate::surface::Surface;
use crate::{Edge, access, cors};

/// The id of a call: `X-Request-Id` as the caller sent it, or one of ours. It is on the answer, on every log line and
/// on every job the call causes.
#[derive(Clone, Debug)]
pub struct Correlation(pub String);

const HEADER: &str = "x-request-id";

/// A function's routes, ready to be served.
pub fn app(routes: Router) -> Router {
    finish(routes, nothing_here)
}

/// The same for the function that the gateway sends every request to that matches no route: preflights of all paths
/// reach it.
pub fn catch_all(routes: Router, edge: Edge) -> Router {
    finish(routes, move |request: Request| cors::unrouted(edge, request))
}

fn finish<T: 'static>(routes: Router, unrouted: impl Handler<T, ()>) -> Router {
    routes
        .layer(middleware::from_fn(note_route))
        .fallback(unrouted.clone())
        .method_not_allowed_fallback(unrouted)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn(correlate))
}

/// Keeps a sane id of the caller's, else makes one; everything that is logged meanwhile carries it. One line for each
/// call, with the template of its path, because a path itself can hold a person's number.
async fn correlate(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
    let id = given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
    request.extensions_mut().insert(Correlation(id.clone()));
    let span = tracing::info_span!("request", request.id = id);
    let answer = async {
        let (started, method) = (Instant::now(), request.method().clone());
        let response = next.run(request).await;
        tracing::info!(
            http.method = method.as_str(),
            http.route = response.extensions().get::<Matched>().map_or("", |Matched(path)| path.as_str()),
            http.status = response.status().as_u16(),
            duration.ms = started.elapsed().as_millis() as u64,
            "request"
        );
        response
    };
    let mut response = answer.instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    protect(response.headers_mut());
    response
}

/// What keeps a response from being stored, guessed at, or asked for without encryption.
fn protect(headers: &mut HeaderMap) {
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
    headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
}

/// The template of the path that a call matched.
#[derive(Clone, Debug)]
struct Matched(MatchedPath);

/// Passes on which route answered: only inside the router is it known.
async fn note_route(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(path) = path {
        response.extensions_mut().insert(Matched(path));
    }
    response
}

/// Letters, digits and a few marks, so that it cannot break a log line or a header.
fn is_sane(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// A request that no route takes, refused as the interface refuses that its path belongs to. Answered from the table of
/// all routes, so that it is right in whichever function the request ends up.
pub(crate) async fn nothing_here(request: Request) -> Response {
    let path = request.uri().path();
    Surface::of(path).no_route(&access::methods_of(path))
}
