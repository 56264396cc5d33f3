//! The token of the browser dialer.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use domain::{Error, voice};
use serde::Serialize;
use signature::voice_token;
use uuid::Uuid;
use web::{ApiResult, Edge, Tenant};

use crate::Voice;

/// What is answered: the published `DialerToken`.
#[derive(Clone, Serialize)]
struct DialerToken {
    token: String,
    identity: String,
}

/// `GET /omega/businesses/{business_id}/voice-calls/token`: good for an hour, for the member of the staff who asks. Not
/// to be kept by whatever is in between.
pub async fn get(
    State(edge): State<Edge>,
    State(voice): State<Voice>,
    tenant: Tenant,
) -> ApiResult<impl IntoResponse> {
    let staff = tenant.staff_id().ok_or(Error::Forbidden)?;
    let keys = voice.keys.ok_or_else(|| Error::Unavailable("calling from a browser is not set up".into()))?;
    let identity = voice::identity(tenant.id(), staff);
    let now = edge.store().clock().now().as_seconds();
    let token = voice_token::sign(&keys, &identity, now, &format!("-{}", Uuid::new_v4().simple()));
    tracing::info!(business.id = tenant.id().get(), staff.id = staff.get(), "token for calls made");
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(DialerToken { token, identity })))
}
