//! From domain errors to the answers of the omega interface.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::error::{Loc, with_causes};
use domain::{Error, FieldError};
use serde_json::{Value, json};

/// What a handler returns.
pub type ApiResult<T> = Result<T, ApiError>;

/// A domain error, about to be told to a caller.
#[derive(Debug)]
pub struct ApiError(pub Error);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        ApiError(error)
    }
}

/// A request that one field makes impossible, found by looking things up.
pub fn unprocessable(loc: &[&str], input: Value, message: impl Into<String>) -> ApiError {
    ApiError(Error::Invalid(vec![FieldError {
        kind: "value_error",
        loc: loc.iter().map(|step| Loc::from(*step)).collect(),
        message: message.into(),
        input,
    }]))
}

/// A request that one field makes impossible.
pub(crate) fn field_error(loc: Vec<Loc>, problem: crate::read::Problem) -> ApiError {
    let (kind, message) = problem.into_parts();
    ApiError(Error::Invalid(vec![FieldError { kind, loc, message, input: Value::Null }]))
}

/// Seconds until a caller should ask again when a dependency is away.
const AGAIN: u32 = 2;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, body) = match &self.0 {
            Error::NotFound(what) => (StatusCode::NOT_FOUND, json!({"detail": format!("{what} not found")})),
            Error::Invalid(fields) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                json!({"detail": fields.iter().map(field).collect::<Vec<_>>()}),
            ),
            Error::Conflict { why, current } => {
                (StatusCode::CONFLICT, json!({"detail": why, "current": current}))
            }
            Error::InProgress { .. } => (StatusCode::CONFLICT, json!({"detail": self.0.to_string()})),
            Error::Unauthenticated => (StatusCode::UNAUTHORIZED, json!({"detail": self.0.to_string()})),
            Error::Forbidden => (StatusCode::FORBIDDEN, json!({"detail": self.0.to_string()})),
            Error::TooMany { .. } | Error::TooManyUnknown { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, json!({"detail": self.0.to_string()}))
            }
            Error::TooLarge(what) => (StatusCode::PAYLOAD_TOO_LARGE, json!({"detail": what})),
            Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, json!({"detail": self.0.to_string()})),
            Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, json!({"detail": self.0.to_string()})),
        };
        if status.is_server_error() {
            tracing::error!(error = with_causes(&self.0), http.status = status.as_u16(), "request failed");
        }
        let mut response = (status, Json(body)).into_response();
        let wait = match &self.0 {
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
}

fn field(error: &FieldError) -> Value {
    json!({"type": error.kind, "loc": error.loc, "msg": error.message, "input": error.input})
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn told(error: Error) -> (u16, Option<String>, Value) {
        let response = ApiError(error).into_response();
        let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, retry, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn every_error_has_its_answer() {
        let missing = FieldError {
            kind: "missing",
            loc: vec!["body".into(), "messages".into(), 0.into(), "message".into()],
            message: "Field required".to_owned(),
            input: json!({}),
        };
        let table = [
            (Error::NotFound("message"), 404, None, json!({"detail": "message not found"})),
            (
                Error::Invalid(vec![missing]),
                422,
                None,
                json!({"detail": [{"type": "missing", "loc": ["body", "messages", 0, "message"],
                                   "msg": "Field required", "input": {}}]}),
            ),
            (
                Error::Conflict { why: "message is sent".into(), current: json!({"status": "sent"}) },
                409,
                None,
                json!({"detail": "message is sent", "current": {"status": "sent"}}),
            ),
            (
                Error::InProgress { retry_after: 1 },
                409,
                Some("1"),
                json!({"detail": "a request with this Idempotency-Key is still in progress"}),
            ),
            (Error::Unauthenticated, 401, None, json!({"detail": "Not authenticated"})),
            (Error::Forbidden, 403, None, json!({"detail": "Forbidden"})),
            (
                Error::TooMany { limit: 600, retry_after: 12 },
                429,
                Some("12"),
                json!({"detail": "too many requests: 600 a minute are allowed"}),
            ),
            (
                Error::TooManyUnknown { retry_after: 12 },
                429,
                Some("12"),
                json!({"detail": "too many unknown credentials from this address"}),
            ),
            (
                Error::TooLarge("body is larger than 6 MB".into()),
                413,
                None,
                json!({"detail": "body is larger than 6 MB"}),
            ),
            (
                Error::Unavailable("secret host".into()),
                503,
                Some("2"),
                json!({"detail": "temporarily unavailable"}),
            ),
            (Error::internal("secret detail"), 500, None, json!({"detail": "internal error"})),
        ];
        for (error, status, retry, body) in table {
            assert_eq!(told(error).await, (status, retry.map(str::to_owned), body));
        }
    }
}
