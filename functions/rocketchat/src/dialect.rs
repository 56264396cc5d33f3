//! How Rocket.Chat speaks with its callers: two headers for who they are, `X-RateLimit-*`, and answers that nobody keeps.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use domain::{Error, Timestamp};
use web::dialect::{Dialect, Shown};
use web::{Member, Usage};

use crate::refused::Refused;
use crate::users;

const USER_ID: &str = "x-user-id";

/// Rocket.Chat's dialect.
pub(crate) struct RocketChat;

impl Dialect for RocketChat {
    fn shown(headers: &HeaderMap) -> Option<Shown> {
        let token = headers.get("x-auth-token")?.to_str().ok()?;
        Some(Shown { secret: token.to_owned(), by_cookie: false })
    }

    fn is_theirs(headers: &HeaderMap, member: &Member) -> bool {
        headers.get(USER_ID).is_some_and(|id| id.as_bytes() == user_id(member).as_bytes())
    }

    fn told(error: Error) -> Response {
        Refused::Omega(error).into_response()
    }

    fn tell(usage: &Usage, now: Timestamp, headers: &mut HeaderMap) {
        let reset = (now.as_seconds() + i64::from(usage.seconds_left())) * 1000;
        let told = [
            ("x-ratelimit-limit", HeaderValue::from(usage.limit())),
            ("x-ratelimit-remaining", HeaderValue::from(usage.remaining())),
            ("x-ratelimit-reset", HeaderValue::from(reset)),
        ];
        for (name, value) in told {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// The `X-User-Id` of a caller: a member of the staff, or the key or session of a program.
pub(crate) fn user_id(member: &Member) -> String {
    match member.credential.staff_id {
        Some(staff) => users::id(member.business.business_id, staff),
        None => member.credential.credential_id.clone(),
    }
}

/// The `X-User-Id` that a request shows. Behind the edge it is the caller's.
pub(crate) fn said_user_id(headers: &HeaderMap) -> String {
    headers.get(USER_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}

/// The headers that every answer has.
pub(crate) fn with_headers<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.route_layer(middleware::from_fn(async |request: Request, next: Next| {
        let mut response = next.run(request).await;
        let kept_by_nobody = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
        for (name, value) in kept_by_nobody {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }))
}
