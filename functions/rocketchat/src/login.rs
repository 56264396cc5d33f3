//! A session for a member of the staff, begun by whoever holds a key of the business.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::access::{SESSION_PREFIX, session};
use domain::staff::Staff;
use domain::{BusinessId, Error};
use serde::Serialize;
use serde_json::Value;
use signature::secret::{Secret, hash, hash_of_digest};
use web::dialect::Dialect;
use web::{Edge, Source};

use crate::dialect::RocketChat;
use crate::me::Me;
use crate::parameters::{Json as Body, Parameters};
use crate::refused::{Answer, Refused};
use crate::users;

/// A digest in hexadecimal.
const DIGEST: usize = 64;

/// `POST /api/v1/login`: nobody has a password here. In its place stands a key of the business, or the digest of one, and
/// with it any member of the staff can be named; or a session goes on as it is. Whatever is wrong is the same 401, so that
/// nobody learns who works here.
pub(crate) async fn log_in(State(edge): State<Edge>, source: Source, Body(body): Body) -> Response {
    let begun = match body.text("resume") {
        Some(token) => resume(&edge, source, token).await,
        None => begin(&edge, source, &body).await,
    };
    match begun {
        Ok(answer) => answer,
        Err(Refused::Omega(Error::Unauthenticated)) => Refused::NoSuchLogin.into_response(),
        Err(Refused::Omega(error)) => RocketChat::refusal(error, edge.store().clock().now()),
        Err(refused) => refused.into_response(),
    }
}

async fn begin(edge: &Edge, source: Source, body: &Parameters) -> Answer<Response> {
    let key = body.get("password").and_then(key_hash).ok_or(Refused::NoSuchLogin)?;
    let named = ["user", "username", "email"].into_iter().find_map(|field| body.text(field));
    let named = named.ok_or(Refused::NoSuchLogin)?;
    let business = edge.key_holder(key, source).await?.business.business_id;
    let staff = users::active(edge.store(), business, named).await?.ok_or(Refused::NoSuchLogin)?;
    let secret = Secret::generate(SESSION_PREFIX).map_err(|error| Error::Internal(error.into()))?;
    let session = session(secret.id.clone(), business, staff.staff_id, edge.store().clock().now());
    edge.store().insert_session(&session, &secret.hash()).await?;
    tracing::info!(session.id = session.credential_id, staff.id = staff.staff_id.get(), "session begun");
    Ok(logged_in(business, &staff, &secret.text))
}

async fn resume(edge: &Edge, source: Source, token: &str) -> Answer<Response> {
    let member = edge.session_holder(hash(token), source).await?;
    let business = member.business.business_id;
    let staff = match member.credential.staff_id {
        Some(staff) => edge.store().staff_member(business, staff).await?,
        None => None,
    };
    Ok(logged_in(business, &staff.ok_or(Refused::NoSuchLogin)?, token))
}

/// The hash under which a key is stored, from the key or from its digest.
fn key_hash(password: &Value) -> Option<String> {
    if let Some(key) = password.as_str() {
        return Some(hash(key));
    }
    let is_known = password["algorithm"].as_str() == Some("sha-256");
    let digest = password["digest"].as_str()?.to_ascii_lowercase();
    let is_digest = digest.len() == DIGEST && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_known && is_digest).then(|| hash_of_digest(&digest))
}

/// A good login, its fields in the published order.
#[derive(Serialize)]
struct LoggedIn<'a> {
    status: &'static str,
    data: Session<'a>,
    success: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session<'a> {
    user_id: String,
    auth_token: &'a str,
    me: Me,
}

fn logged_in(business: BusinessId, staff: &Staff, token: &str) -> Response {
    let me = Me::of_staff(business, staff);
    let data = Session { user_id: me.id.clone(), auth_token: token, me };
    Json(LoggedIn { status: "success", data, success: true }).into_response()
}
