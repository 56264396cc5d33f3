//! How an interface speaks with its callers: where they show a credential, and how they are told of errors and limits.
//!
//! Who may do what is the same in every dialect.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use domain::{Error, Timestamp};

use crate::ApiError;
use crate::caller::{Member, Usage};

/// A secret, as a request shows it.
pub struct Shown {
    /// The secret.
    pub secret: String,
    /// In the cookie, which a browser sends along whoever made it call.
    pub by_cookie: bool,
}

/// How an interface speaks.
pub trait Dialect: Send + Sync + 'static {
    /// The secret that a request shows, if any.
    fn shown(headers: &HeaderMap) -> Option<Shown>;

    /// Whether what else a request says of its caller is true.
    fn is_theirs(_headers: &HeaderMap, _member: &Member) -> bool {
        true
    }

    /// How it says what went wrong.
    fn told(error: Error) -> Response;

    /// How a call is refused. One beyond the limit is told where it stands.
    fn refusal(error: Error, now: Timestamp) -> Response {
        let usage = match &error {
            Error::TooMany { limit, retry_after } => Some(Usage::over(*limit, *retry_after)),
            _ => None,
        };
        let mut response = Self::told(error);
        if let Some(usage) = usage {
            Self::tell(&usage, now, response.headers_mut());
        }
        response
    }

    /// Says in an answer how much of the caller's limit is left.
    fn tell(usage: &Usage, now: Timestamp, headers: &mut HeaderMap);
}

/// The dialect of omega: the header `X-API-KEY`, else the cookie `__Host-session`, else `session`; `detail`; `RateLimit-*`.
pub struct Omega;

impl Dialect for Omega {
    fn shown(headers: &HeaderMap) -> Option<Shown> {
        if let Some(key) = headers.get("x-api-key") {
            return key.to_str().ok().map(|key| Shown { secret: key.to_owned(), by_cookie: false });
        }
        let cookie = |wanted: &str| {
            let cookies = headers.get_all("cookie").into_iter().filter_map(|value| value.to_str().ok());
            cookies
                .flat_map(|cookies| cookies.split(';'))
                .filter_map(|cookie| cookie.trim().split_once('='))
                .find(|(name, _)| *name == wanted)
                .map(|(_, token)| Shown { secret: token.to_owned(), by_cookie: true })
        };
        // No other host can set the first, so it wins.
        cookie("__Host-session").or_else(|| cookie("session"))
    }

    fn told(error: Error) -> Response {
        ApiError(error).into_response()
    }

    fn tell(usage: &Usage, _: Timestamp, headers: &mut HeaderMap) {
        usage.tell(headers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_comes_before_the_cookie() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "a=b; session=from-cookie; c=d".parse().unwrap());
        assert!(Omega::shown(&headers).is_some_and(|shown| shown.secret == "from-cookie" && shown.by_cookie));
        headers.insert("x-api-key", "from-header".parse().unwrap());
        assert!(
            Omega::shown(&headers).is_some_and(|shown| shown.secret == "from-header" && !shown.by_cookie)
        );
    }
}
