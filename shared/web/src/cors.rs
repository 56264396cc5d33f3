//! Cross-origin requests (CORS): which pages a browser lets read the responses of omega. Only pages of the origins that the
//! business names in `allowed_origins`.
//!
//! What a page may *change* with the cookie is another question, and `origin.rs` answers it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{BusinessId, Timestamp};

use crate::access::{Access, Route, routes_of};
use crate::app::nothing_here;
use crate::caller::TRUST;
use crate::dialect::{Dialect, Omega};
use crate::read::path_id;
use crate::{ApiError, Caller, Edge, origin};

/// The request headers that the API reads.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("content-type, x-api-key, idempotency-key, if-match, prefer, x-request-id");
/// The response headers that a page may read besides those that every page may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Idempotency-Replayed, ETag, Location, Content-Disposition, Allow",
);
/// Seconds for which a browser remembers a preflight. Short, because origins change.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// How many businesses a process remembers.
const MOST: usize = 1_000;

/// The allowed origins that a process has read.
#[derive(Debug, Default)]
pub(crate) struct Origins(Mutex<HashMap<BusinessId, Read>>);

/// The allowed origins of a business, and when they were read.
#[derive(Debug)]
struct Read {
    at: Timestamp,
    origins: Arc<[String]>,
}

impl Origins {
    fn get(&self, business: BusinessId, now: Timestamp) -> Option<Arc<[String]>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = known.get(&business)?;
        (now >= read.at && now.since(read.at) < TRUST).then(|| read.origins.clone())
    }

    fn put(&self, business: BusinessId, now: Timestamp, origins: Arc<[String]>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(business, Read { at: now, origins });
    }
}

impl Edge {
    /// Whether a business names an origin. An unknown business names none.
    async fn allows(&self, business: BusinessId, origin: &HeaderValue) -> Result<bool, ApiError> {
        let now = self.store.clock().now();
        let origins = match self.origins.get(business, now) {
            Some(origins) => origins,
            None => {
                let read = self.store.business(business).await?;
                let origins: Arc<[String]> =
                    read.map(|found| found.allowed_origins).unwrap_or_default().into();
                self.origins.put(business, now, origins.clone());
                origins
            }
        };
        Ok(origin::is_named(origin, &origins))
    }
}

/// Whose `allowed_origins` count for a path.
#[derive(Clone, Copy)]
enum Whose {
    /// Those of the business that the path names.
    Named(BusinessId),
    /// Those of the caller's business, because the path names none.
    Callers,
    /// The path is not for pages, or what it names is no business.
    Nobodys,
}

fn whose(path: &str) -> Whose {
    let Some(route) = routes_of(path).into_iter().find(|route| is_for_pages(route)) else {
        return Whose::Nobodys;
    };
    let parts = route.path.split('/').zip(path.split('/'));
    match parts.into_iter().find(|(part, _)| *part == "{business_id}") {
        Some((_, named)) => path_id("business_id", named).map_or(Whose::Nobodys, Whose::Named),
        None => Whose::Callers,
    }
}

/// The operations of a business in omega's own dialect. The platform key belongs in no page, and the other dialects are
/// answered as the systems they stand for answer.
fn is_for_pages(route: &Route) -> bool {
    matches!(route.access, Access::Business(_)) && route.path.starts_with("/omega/")
}

/// Puts the headers of CORS on every response of a route, also on refusals: a page that can't read a refusal can't tell it
/// from a broken connection.
pub(crate) async fn share(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let page = request.headers().get(header::ORIGIN).cloned();
    let page = page.map(|origin| (origin, Omega::shown(request.headers()), whose(request.uri().path())));
    let mut response = next.run(request).await;
    if let Some((origin, shown, whose)) = page {
        let caller = response.extensions().get::<Caller>().cloned();
        // A caller over the limit, or with a cookie from the wrong page, is known although the request was refused.
        let refused = || shown.and_then(|shown| edge.remembered(&shown.secret)).map(Caller::Member);
        let allowed = match (caller.or_else(refused), whose) {
            (Some(Caller::Member(member)), _) => origin::is_named(&origin, &member.business.allowed_origins),
            // The response stays as it is where the table can't be read.
            (None, Whose::Named(business)) => edge.allows(business, &origin).await.unwrap_or(false),
            (Some(Caller::Platform), _) | (None, Whose::Callers | Whose::Nobodys) => false,
        };
        if allowed {
            grant(response.headers_mut(), origin);
        }
    }
    vary(response.headers_mut());
    response
}

/// Answers a request that no route matches: a preflight, or 404 or 405.
///
/// A preflight carries no credential. Where the path names no business nobody knows whose page asks, so every page may send
/// its request. It gains nothing by that: only pages of allowed origins can read the response, and `origin.rs` refuses
/// changes with the cookie from any other.
pub(crate) async fn unrouted(edge: Edge, request: Request) -> Response {
    let whose = whose(request.uri().path());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let (Some(origin), Whose::Named(_) | Whose::Callers) = (origin, whose) else {
        return nothing_here(request).await;
    };
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let allowed = match whose {
        Whose::Named(business) => edge.allows(business, &origin).await,
        Whose::Callers => Ok(is_preflight && is_web(&origin)),
        Whose::Nobodys => Ok(false),
    };
    let mut response = nothing_here(request).await;
    let allowed = match allowed {
        Err(error) if is_preflight => return error.into_response(),
        other => other.unwrap_or(false),
    };
    if is_preflight {
        let allow = response.headers().get(header::ALLOW).cloned();
        response = StatusCode::NO_CONTENT.into_response();
        response.headers_mut().extend(allow.map(|methods| (header::ALLOW, methods)));
    }
    if allowed && is_preflight {
        permit(response.headers_mut(), origin);
    } else if allowed {
        grant(response.headers_mut(), origin);
    }
    vary(response.headers_mut());
    response
}

/// Whether an origin is that of a web page, which `null` is not.
fn is_web(origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| origin.starts_with("https://") || origin.starts_with("http://"))
}

/// Lets a page send its request.
fn permit(headers: &mut HeaderMap, origin: HeaderValue) {
    if let Some(methods) = headers.get(header::ALLOW).cloned() {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

/// Lets a page read the response.
fn grant(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
}

fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
