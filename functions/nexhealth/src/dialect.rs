//! How NexHealth speaks with its callers: a bearer token for who they are, and errors in an envelope.

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use domain::{Error, Timestamp};
use web::Usage;
use web::dialect::{Dialect, Omega, Shown};

use crate::answer::Refused;

/// NexHealth's dialect.
pub(crate) struct NexHealth;

impl Dialect for NexHealth {
    fn shown(headers: &HeaderMap) -> Option<Shown> {
        let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let secret = token.trim().to_owned();
        scheme.eq_ignore_ascii_case("bearer").then_some(Shown { secret, by_cookie: false })
    }

    fn told(error: Error) -> Response {
        Refused::Omega(error).into_response()
    }

    fn tell(usage: &Usage, now: Timestamp, headers: &mut HeaderMap) {
        Omega::tell(usage, now, headers);
    }
}
