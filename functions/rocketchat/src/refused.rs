//! How Rocket.Chat says no.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Error;
use domain::error::with_causes;
use serde::Serialize;
use web::ApiError;

/// What a handler returns.
pub(crate) type Answer<T> = Result<T, Refused>;

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Parameters are not what Meteor's `check` was told: 400 `Match error: …`.
    Mismatch(String),
    /// Parameters are not what a JSON schema says, in the words of AJV: 400 `… [invalid-params]`.
    Invalid(Vec<String>),
    /// 400 `[code]`, or `reason [code]`.
    Coded(&'static str, Option<String>),
    /// 400 with these words alone.
    Plain(Cow<'static, str>),
    /// 404 with these words.
    Missing(&'static str),
    /// Nobody is let in with what was said: 401, the same whatever was wrong with it.
    NoSuchLogin,
    /// What can go wrong on any interface.
    Omega(Error),
}

impl Refused {
    /// 400 with these words alone.
    pub fn plain(words: impl Into<Cow<'static, str>>) -> Refused {
        Refused::Plain(words.into())
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Omega(error)
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Refused::Omega(error.0)
    }
}

const NOT_LOGGED_IN: &str = "You must be logged in to do this.";
const NO_PERMISSION: &str =
    "User does not have the permissions required for this action [error-unauthorized]";
/// Seconds until a caller should ask again when a dependency is away.
const AGAIN: u32 = 2;

/// A refusal as it is sent: its fields in the published order.
#[derive(Debug, Serialize)]
struct Failure {
    success: bool,
    error: String,
    #[serde(rename = "errorType", skip_serializing_if = "Option::is_none")]
    error_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

fn failed(error: impl Into<String>) -> Failure {
    Failure { success: false, error: error.into(), error_type: None, status: None, message: None }
}

fn of_type(error_type: &'static str, error: String) -> Failure {
    Failure { error_type: Some(error_type), ..failed(error) }
}

/// The published body and the one that newer servers are checked for, in one.
fn unauthorized(words: &'static str) -> Failure {
    Failure { status: Some("error"), message: Some(words), ..failed(words) }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Refused::Mismatch(message) => {
                (StatusCode::BAD_REQUEST, failed(format!("Match error: {message}")))
            }
            Refused::Invalid(messages) => {
                let messages = messages.join("\n ");
                let error = format!("{messages} [invalid-params]");
                (StatusCode::BAD_REQUEST, of_type("invalid-params", error))
            }
            Refused::Coded(code, reason) => {
                let reason = reason.map_or_else(String::new, |reason| format!("{reason} "));
                (StatusCode::BAD_REQUEST, of_type(code, format!("{reason}[{code}]")))
            }
            Refused::Plain(words) => (StatusCode::BAD_REQUEST, failed(words)),
            Refused::Missing(words) => (StatusCode::NOT_FOUND, failed(words)),
            Refused::NoSuchLogin => (StatusCode::UNAUTHORIZED, unauthorized("Unauthorized")),
            Refused::Omega(error) => return refused(&error),
        };
        (status, Json(body)).into_response()
    }
}

fn refused(error: &Error) -> Response {
    let (status, body) = match error {
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, unauthorized(NOT_LOGGED_IN)),
        Error::Forbidden => (StatusCode::FORBIDDEN, failed(NO_PERMISSION)),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, failed("Resource not found")),
        Error::Invalid(fields) => {
            let problems: Vec<&str> = fields.iter().map(|field| field.message.as_str()).collect();
            return Refused::Invalid(problems.into_iter().map(str::to_owned).collect()).into_response();
        }
        Error::Conflict { why, .. } => (StatusCode::CONFLICT, failed(why.as_str())),
        Error::InProgress { .. } => (StatusCode::CONFLICT, failed(error.to_string())),
        Error::TooMany { retry_after, .. } | Error::TooManyUnknown { retry_after } => (
            StatusCode::TOO_MANY_REQUESTS,
            failed(format!(
                "Error, too many requests. Please slow down. You must wait {retry_after} seconds before trying this \
                 endpoint again. [error-too-many-requests]"
            )),
        ),
        Error::TooLarge(what) => (StatusCode::PAYLOAD_TOO_LARGE, failed(what.as_str())),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, failed("Service unavailable")),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, failed("Internal server error")),
    };
    if status.is_server_error() {
        tracing::error!(error = with_causes(error), http.status = status.as_u16(), "request failed");
    }
    let mut response = (status, Json(body)).into_response();
    let wait = match error {
        Error::InProgress { retry_after } => Some(*retry_after),
        Error::Unavailable(_) => Some(AGAIN),
        // Of too many calls the answer says it in its words, and in no header.
        _ => None,
    };
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}
