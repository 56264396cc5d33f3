//! `Idempotency-Key` on every authenticated POST.

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::{Error, FieldError, RequestId};
use http_body_util::BodyExt;
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::idempotency::{Answer, Begin, Scope, Ticket};

use crate::dialect::Dialect;
use crate::read::{BodyLimit, PathParams, collect};
use crate::{ApiError, Caller, Edge};

const KEY: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const LONGEST_KEY: usize = 255;

/// One call, as far as repeating it goes.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The id of the call: its messages are stored under it. A call that is repeated after a crash has the same one, so
    /// nothing is stored a second time.
    pub request: RequestId,
    /// Whether it came with an `Idempotency-Key`: only then can it be repeated safely.
    pub keyed: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Call, ApiError> {
        let call = Extension::<Call>::from_request_parts(parts, state).await.ok();
        Ok(call.map_or_else(|| Call { request: fresh(), keyed: false }, |Extension(call)| call))
    }
}

fn fresh() -> RequestId {
    RequestId(uuid::Uuid::new_v4())
}

/// Authenticates every call of a route, and runs a POST with an `Idempotency-Key` once: later ones get the first
/// answer, with `Idempotency-Replayed: true`. Every answer says how much of the caller's limit is left.
pub async fn idempotent<D: Dialect>(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let clock = edge.store().clock().clone();
    let refused = |error: ApiError| D::refusal(error.0, clock.now());
    let (caller, usage) = match edge.caller::<D>(&parts).await {
        Ok(known) => known,
        Err(error) => return refused(error),
    };
    let request = Request::from_parts(parts, body);
    let mut response = run(edge, caller.clone(), request, next).await.unwrap_or_else(refused);
    response.extensions_mut().insert(caller);
    if let Some(usage) = usage {
        D::tell(&usage, clock.now(), response.headers_mut());
    }
    response
}

async fn run(edge: Edge, caller: Caller, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(caller.clone());
    let params = PathParams::from_request_parts(&mut parts, &()).await?;
    let key = (parts.method == Method::POST).then(|| key(&parts)).flatten().transpose()?;
    // A call about another business is refused by its handler, and leaves no record.
    let Some(key) = key.filter(|_| !is_foreign(&params, &caller)) else {
        parts.extensions.insert(Call { request: fresh(), keyed: false });
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let limit = parts.extensions.get::<BodyLimit>().copied();
    let bytes = collect(body, limit).await?;
    let body_hash = hash(&[parts.uri.path().as_bytes(), parts.uri.query().unwrap_or("").as_bytes(), &bytes]);
    let begun = edge.store().begin(scope(&parts, &caller, &key), &body_hash, fresh()).await?;
    let ticket = match begun {
        Begin::Run(ticket) => ticket,
        Begin::Replay(answer) if answer.body == ANEW => {
            parts.extensions.insert(Call { request: fresh(), keyed: false });
            let mut response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            return Ok(response);
        }
        Begin::Replay(answer) => return Ok(replay(answer)),
        Begin::InProgress => return Err(Error::InProgress { retry_after: 1 }.into()),
        Begin::OtherBody => {
            return Err(bad_key(&key, "Value error, this key was used for another request").into());
        }
    };
    parts.extensions.insert(Call { request: ticket.request_id, keyed: true });
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    keep(&edge, &ticket, response).await
}

fn is_foreign(params: &PathParams, caller: &Caller) -> bool {
    match caller {
        Caller::Platform => false,
        Caller::Member(member) => {
            let own = member.business.business_id;
            params.find("business_id").is_some_and(|named| named.parse() != Ok(own.get()))
        }
    }
}

/// The header's value, if it is there.
fn key(parts: &Parts) -> Option<Result<String, ApiError>> {
    let value = parts.headers.get(KEY)?;
    let text = value.to_str().ok().filter(|text| (1..=LONGEST_KEY).contains(&text.len()));
    Some(match text {
        Some(text) => Ok(text.to_owned()),
        None => Err(bad_key("", "String should have 1 to 255 printable characters").into()),
    })
}

fn bad_key(input: &str, message: &str) -> Error {
    Error::Invalid(vec![FieldError {
        kind: "value_error",
        loc: vec!["header".into(), "Idempotency-Key".into()],
        message: message.to_owned(),
        input: input.into(),
    }])
}

/// A key belongs to one caller and one route. Programs of a business are one caller, so that a key can be replaced
/// between a request and its repetition; each member of the staff is another, whatever their session.
fn scope(parts: &Parts, caller: &Caller, key: &str) -> Scope {
    let route =
        parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let (business, staff) = match caller {
        Caller::Platform => (None, None),
        Caller::Member(member) => (Some(member.business.business_id), member.credential.staff_id),
    };
    let staff = staff.map(|staff| staff.get().to_be_bytes());
    let parts = [Some(route.as_bytes()), Some(key.as_bytes()), staff.as_ref().map(<[u8; 8]>::as_slice)];
    let parts: Vec<&[u8]> = parts.into_iter().flatten().collect();
    Scope { business, key_hash: hash(&parts) }
}

fn hash(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        // The length first, so that no two lists of parts are one text.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.code).unwrap_or(StatusCode::OK);
    let headers = [
        (REPLAYED, HeaderValue::from_static("true")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    (status, headers, answer.body).into_response()
}

/// Keeps a good answer; forgets a call that was refused for what it said; lets one that failed for our own reasons be
/// run again under its own request id, so that it is finished and not begun anew.
async fn keep(edge: &Edge, ticket: &Ticket, response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    if status.is_server_error() {
        // Where the table is away as well, the end of the lock does the same a minute later.
        let _ = edge.store().release(ticket).await;
        return Ok(response);
    }
    if !status.is_success() {
        edge.store().forget(ticket).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map_err(|error| Error::Internal(error.into()))?.to_bytes();
    let kept = match (parts.extensions.get::<ShownOnce>(), parts.extensions.get::<AnsweredAnew>()) {
        (Some(ShownOnce(kept)), _) => kept.clone(),
        (None, Some(AnsweredAnew)) => ANEW.to_owned(),
        (None, None) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    edge.store().finish(ticket, &Answer { code: status.as_u16(), body: kept }).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Put on a response that holds a secret: what to keep of it instead.
#[derive(Clone, Debug)]
struct ShownOnce(String);

/// An answer with a secret that `show` puts into it. A repeated call gets it without, and nobody in between keeps it.
///
/// # Errors
/// `Internal` when the answer cannot be written as JSON, which has no cause.
pub fn shown_once<T: Serialize>(mut answer: T, show: impl FnOnce(&mut T)) -> Result<Response, ApiError> {
    let kept = serde_json::to_string(&answer).map_err(|error| Error::Internal(error.into()))?;
    show(&mut answer);
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let mut response = (no_store, Json(answer)).into_response();
    response.extensions_mut().insert(ShownOnce(kept));
    Ok(response)
}

/// Put on a response that shows a person: nothing of it is kept, so that nothing outlives them. The call is one that
/// does the same however often it is run, so a repeated one is run, and answered with what is true by then.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredAnew;

/// What is kept in place of such an answer: no JSON, and so nobody's answer.
const ANEW: &str = "anew";
