//! How Rocket.Chat says yes.

use axum::Json;
use serde::Serialize;

/// What a good answer has beside its own fields.
#[derive(Debug, Serialize)]
pub(crate) struct Success<T> {
    #[serde(flatten)]
    answer: T,
    success: bool,
}

/// A good answer.
pub(crate) fn success<T>(answer: T) -> Json<Success<T>> {
    Json(Success { answer, success: true })
}

/// A good answer that says nothing else.
#[derive(Debug, Serialize)]
pub(crate) struct Done {}
