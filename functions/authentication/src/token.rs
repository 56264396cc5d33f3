//! A session for a member of the staff.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::access::{SESSION, SESSION_PREFIX, session};
use domain::channel::UserType;
use domain::{BusinessId, Error, StaffId, Timestamp};
use serde::Serialize;
use serde_json::json;
use signature::secret::Secret;
use web::read::{JsonBody, Object, Problem, id};
use web::schemas::words::USER_TYPE;
use web::{AnsweredAnew, ApiResult, Edge, Tenant, unprocessable};

/// Who a session is for.
struct Asked {
    business: BusinessId,
    staff: StaffId,
    /// The field that named them.
    named_by: &'static str,
}

/// The published `AuthTokenResponse`.
#[derive(Serialize)]
struct AuthTokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    session_id: &'a str,
    expires_at: Option<Timestamp>,
}

/// `POST /omega/auth/token`: a program that has signed a member of the staff in gets them a session of twelve hours. The
/// answer holds the token, and the cookie that a browser keeps it in. Neither is shown again.
pub(crate) async fn generate(
    tenant: Tenant,
    State(edge): State<Edge>,
    body: JsonBody,
) -> ApiResult<Response> {
    let asked = body.read(read)?;
    let tenant = tenant.of_body(asked.business)?;
    let staff = edge.store().staff_member(tenant.id(), asked.staff).await?;
    if !staff.is_some_and(|staff| staff.active) {
        let loc = ["body", asked.named_by];
        return Err(unprocessable(
            &loc,
            json!(asked.staff),
            "there is no active member of the staff with this id",
        ));
    }
    let secret = Secret::generate(SESSION_PREFIX).map_err(|error| Error::Internal(error.into()))?;
    let session = session(secret.id.clone(), tenant.id(), asked.staff, edge.store().clock().now());
    edge.store().insert_session(&session, &secret.hash()).await?;
    tracing::info!(session.id = session.credential_id, staff.id = asked.staff.get(), "session begun");
    let answer = AuthTokenResponse {
        access_token: &secret.text,
        token_type: "bearer",
        expires_in: SESSION.as_secs(),
        session_id: &session.credential_id,
        expires_at: session.expires_at,
    };
    let mut response = (headers(&secret)?, Json(answer)).into_response();
    // A repeated call begins another session, because the token of the first is not kept.
    response.extensions_mut().insert(AnsweredAnew);
    Ok(response)
}

fn read(object: &Object<'_>) -> Option<Asked> {
    let business = object.required("business_id", id);
    let user = object.required("wl_user_id", id);
    let staff = object.optional("staff_id", id);
    let user_type = object.optional("user_type", USER_TYPE).unwrap_or(UserType::Staff);
    if user_type != UserType::Staff {
        object.refuse("user_type", Problem::value("only staff have sessions"));
    }
    let named_by = if staff.is_some() { "staff_id" } else { "wl_user_id" };
    Some(Asked { business: business?, staff: staff.or(user)?, named_by })
}

/// The cookie, which no script can read and which no other site's page sends along; and that nobody keeps the answer.
fn headers(secret: &Secret) -> ApiResult<HeaderMap> {
    let mut headers = HeaderMap::new();
    for name in SESSION_COOKIES {
        headers.append(header::SET_COOKIE, cookie(name, &secret.text, SESSION.as_secs())?);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(headers)
}

/// The names under which a browser keeps a session. No other host can set the second.
pub(crate) const SESSION_COOKIES: [&str; 2] = ["session", "__Host-session"];

pub(crate) fn cookie(name: &str, token: &str, seconds: u64) -> ApiResult<HeaderValue> {
    let cookie = format!("{name}={token}; Max-Age={seconds}; Path=/; HttpOnly; Secure; SameSite=Strict");
    let mut cookie = HeaderValue::from_str(&cookie).map_err(|error| Error::Internal(error.into()))?;
    cookie.set_sensitive(true);
    Ok(cookie)
}
