//! A session of a program.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Error;
use domain::access::{PROGRAM_SESSION, program_session};
use serde_json::json;
use signature::{bearer_token, secret};
use web::{Edge, Source};

use crate::answer::Answer;

/// What the tokens are for, in NexHealth's words.
const SCOPE: &str = "api_user";

/// `POST /authenticates`: whoever shows an API key, alone in `Authorization`, gets a token that works for an hour, and no
/// longer than the key. Its `jti` is the id of the session that it is.
pub(crate) async fn authenticate(
    State(edge): State<Edge>,
    source: Source,
    headers: HeaderMap,
) -> Answer<Response> {
    let key = headers.get(header::AUTHORIZATION).and_then(|key| key.to_str().ok());
    let key_hash = secret::hash(key.ok_or(Error::Unauthenticated)?.trim());
    let member = edge.key_holder(key_hash.clone(), source).await?;
    let (key, now) = (&member.credential, edge.store().clock().now());
    let token = bearer_token::issue(&key.credential_id, SCOPE, now.as_seconds(), PROGRAM_SESSION.as_secs());
    let token = token.map_err(|error| Error::Internal(error.into()))?;
    let session = program_session(token.id.clone(), key, key_hash, now);
    edge.store().insert_session(&session, &token.hash()).await?;
    tracing::info!(session.id = session.credential_id, key.id = key.credential_id, "session begun");
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    // The published order of this one, which is that of the alphabet.
    let answer =
        json!({"code": true, "data": {"token": token.text}, "description": "Authenticated", "error": []});
    Ok((StatusCode::CREATED, no_store, Json(answer)).into_response())
}
