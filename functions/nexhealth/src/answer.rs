//! The envelope that everything is answered in.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Error;
use domain::error::with_causes;
use serde::Serialize;
use web::ApiError;
use web::surface::nexhealth_refusal;

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

/// The largest response, in bytes of the text that goes through the gateway: a little less than that takes.
const LARGEST: usize = 5_900_000;

impl<T: Serialize> Envelope<T> {
    /// The response. `fewer` is what to ask for fewer of where it is too large.
    ///
    /// # Errors
    /// `TooLarge` for what the gateway would not let through: it writes the response as a JSON string, where a quotation
    /// mark takes two bytes.
    pub fn response(&self, fewer: &str) -> Answer<Response> {
        let body = serde_json::to_vec(self).map_err(|error| Error::Internal(error.into()))?;
        let escaped = body.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        if body.len() + escaped > LARGEST {
            return Err(Error::TooLarge(format!("the answer is larger than 6 MB: ask for {fewer}")).into());
        }
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        Ok((json, body).into_response())
    }
}

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Parameters are missing or not what they should be: each is named.
    Parameters(Vec<String>),
    /// The business has no such thing.
    Missing(&'static str),
    /// What can go wrong on any interface.
    Omega(Error),
}

impl Refused {
    /// The business has no such location.
    pub const NO_LOCATION: Refused = Refused::Missing("Location");
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

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Refused::Parameters(problems) => nexhealth_refusal(StatusCode::BAD_REQUEST, problems),
            Refused::Missing(what) => {
                nexhealth_refusal(StatusCode::NOT_FOUND, vec![format!("{what} not found")])
            }
            Refused::Omega(error) => refused(&error),
        }
    }
}

fn refused(error: &Error) -> Response {
    let (status, words) = match error {
        Error::Invalid(fields) => {
            let problems = fields.iter().map(|field| field.message.clone()).collect();
            return nexhealth_refusal(StatusCode::BAD_REQUEST, problems);
        }
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthorized".to_owned()),
        Error::Forbidden => (StatusCode::FORBIDDEN, "Forbidden".to_owned()),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, error.to_string()),
        Error::Conflict { .. } | Error::InProgress { .. } => (StatusCode::CONFLICT, error.to_string()),
        Error::TooMany { .. } | Error::TooManyUnknown { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, error.to_string())
        }
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    if status.is_server_error() {
        tracing::error!(error = with_causes(error), http.status = status.as_u16(), "request failed");
    }
    let mut response = nexhealth_refusal(status, vec![words]);
    let wait = match error {
        Error::InProgress { retry_after }
        | Error::TooMany { retry_after, .. }
        | Error::TooManyUnknown { retry_after } => Some(*retry_after),
        Error::Unavailable(_) => Some(AGAIN),
        _ => None,
    };
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}
