//! The end of a session.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use web::dialect::Dialect;
use web::{ApiError, Edge, Tenant};

use crate::dialect::RocketChat;
use crate::refused::Answer;

/// The end, its fields in the published order.
#[derive(Debug, Serialize)]
pub(crate) struct LoggedOut {
    status: &'static str,
    data: Farewell,
}

#[derive(Debug, Serialize)]
struct Farewell {
    message: &'static str,
}

/// `POST` and `GET /api/v1/logout`: the session that the call came with is over, and this process knows it at once. A key
/// is not revoked: it is of a business and its programs, not of a login, and whoever makes keys revokes them.
pub(crate) async fn log_out(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    headers: HeaderMap,
) -> Answer<Json<LoggedOut>> {
    let tenant = tenant?;
    if let Some(session) = tenant.session_id() {
        edge.store().end_session(tenant.id(), session, None, tenant.acting()).await?;
        if let Some(shown) = RocketChat::shown(&headers) {
            edge.forget(&shown.secret);
        }
        tracing::info!(session.id = session, "session ended");
    }
    let data = Farewell { message: "You've been logged out!" };
    Ok(Json(LoggedOut { status: "success", data }))
}
