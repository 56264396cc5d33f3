//! The envelope that everything is answered in.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Error;
use domain::error::with_causes;
use serde::Serialize;
use serde_json::{Value, json};
use web::ApiError;

/// What a handler returns.
pub(crate) type Answer<T> = Result<T, Refused>;

/// An answer. `code` says the same as the status.
#[derive(Debug, Serialize)]
pub(crate) struct Envelope<T> {
    code: bool,
    description: &'static str,
    error: Vec<String>,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl<T> Envelope<T> {
    /// Of a call that went well.
    pub fn of(description: &'static str, data: T) -> Envelope<T> {
        Envelope { code: true, description, error: Vec::new(), data, count: None }
    }

    /// With what was odd about the call, and how many there are of what it shows some of.
    pub fn counted(self, count: u64, error: Vec<String>) -> Envelope<T> {
        Envelope { error, count: Some(count), ..self }
    }
}

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Parameters are missing or not what they should be: each is named.
    Parameters(Vec<String>),
    /// The business has no such location.
    NoLocation,
    /// What can go wrong on any interface.
    Omega(Error),
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

/// Seconds until a caller should ask again when a dependency is away.
const AGAIN: u32 = 2;

/// A refusal, its fields in the published order.
#[derive(Debug, Serialize)]
struct Failure {
    code: bool,
    description: &'static str,
    data: Value,
    error: Vec<String>,
}

fn failed(status: StatusCode, error: Vec<String>) -> Response {
    let description = status.canonical_reason().unwrap_or("Error");
    let body = Failure { code: false, description, data: json!({}), error };
    (status, Json(body)).into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Refused::Parameters(problems) => failed(StatusCode::BAD_REQUEST, problems),
            Refused::NoLocation => failed(StatusCode::NOT_FOUND, vec!["Location not found".to_owned()]),
            Refused::Omega(error) => refused(&error),
        }
    }
}

fn refused(error: &Error) -> Response {
    let (status, words) = match error {
        Error::Invalid(fields) => {
            let problems = fields.iter().map(|field| field.message.clone()).collect();
            return failed(StatusCode::BAD_REQUEST, problems);
        }
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthorized".to_owned()),
        Error::Forbidden => (StatusCode::FORBIDDEN, "Forbidden".to_owned()),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, error.to_string()),
        Error::Conflict { .. } | Error::InProgress { .. } => (StatusCode::CONFLICT, error.to_string()),
        Error::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, error.to_string()),
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    if status.is_server_error() {
        tracing::error!(error = with_causes(error), http.status = status.as_u16(), "request failed");
    }
    let mut response = failed(status, vec![words]);
    let wait = match error {
        Error::InProgress { retry_after } | Error::TooMany { retry_after, .. } => Some(*retry_after),
        Error::Unavailable(_) => Some(AGAIN),
        _ => None,
    };
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}
