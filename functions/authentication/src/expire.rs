//! The end of sessions.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::access::Role;
use domain::{Error, StaffId};
use serde::Serialize;
use serde_json::json;
use store::credentials::Ended;
use web::read::{JsonBody, Object, filled, id};
use web::{ApiResult, Edge, Tenant, unprocessable};

use crate::token::{SESSION_COOKIES, cookie};

const LONGEST_ID: usize = 64;
/// In place of a session's id: every session of a member of the staff.
const ALL: &str = "all";

/// The published `SuccessResponse`.
#[derive(Serialize)]
pub(crate) struct SuccessResponse {
    pub success: bool,
    pub message: &'static str,
}

/// Which sessions are to end.
struct Asked {
    session_id: String,
    staff: Option<StaffId>,
}

/// `POST /omega/session/expire`: ends one session, or with `all` those of a member of the staff that have begun. Staff end
/// their own, managers also those of managers and staff, owners and programs of the business anybody's. A session that is over already, was never there
/// or is another business's is over: the answer is the same.
pub(crate) async fn expire(tenant: Tenant, State(edge): State<Edge>, body: JsonBody) -> ApiResult<Response> {
    let asked = body.read(read)?;
    let own = tenant.staff_id().filter(|_| tenant.role() == Role::Staff);
    if own.is_some() && asked.staff.is_some_and(|staff| Some(staff) != own) {
        return Err(Error::Forbidden.into());
    }
    let message = if asked.session_id == ALL {
        end_all(&tenant, &edge, &asked).await?
    } else {
        end_one(&tenant, &edge, &asked, own).await?
    };
    let mut response = Json(SuccessResponse { success: true, message }).into_response();
    if ends_own(&tenant, &asked) {
        for name in SESSION_COOKIES {
            response.headers_mut().append(header::SET_COOKIE, cookie(name, "", 0)?);
        }
    }
    Ok(response)
}

/// Whether the session that asks is one of those that end: then the browser forgets it.
fn ends_own(tenant: &Tenant, asked: &Asked) -> bool {
    let Some(me) = tenant.staff_id() else { return false };
    let all_of_mine = asked.session_id == ALL && asked.staff.is_none_or(|staff| staff == me);
    all_of_mine || tenant.session_id() == Some(asked.session_id.as_str())
}

async fn end_all(tenant: &Tenant, edge: &Edge, asked: &Asked) -> ApiResult<&'static str> {
    let Some(staff) = asked.staff.or(tenant.staff_id()) else {
        return Err(unprocessable(
            &["body", "staff_id"],
            json!(null),
            "it has to say whose sessions are to end",
        ));
    };
    if !edge.store().end_sessions(tenant.id(), staff, tenant.acting()).await? {
        let problem = "there is no member of the staff with this id";
        return Err(unprocessable(&["body", "staff_id"], json!(staff), problem));
    }
    tracing::info!(staff.id = staff.get(), "all sessions ended");
    Ok("The sessions are over")
}

async fn end_one(
    tenant: &Tenant,
    edge: &Edge,
    asked: &Asked,
    own: Option<StaffId>,
) -> ApiResult<&'static str> {
    let of = own.or(asked.staff);
    let ended = edge.store().end_session(tenant.id(), &asked.session_id, of, tenant.acting()).await?;
    match ended {
        Ended::Over => {
            tracing::info!(business.id = tenant.id().get(), "session ended");
            Ok("The session is over")
        }
        Ended::NotTheirs => Err(Error::Forbidden.into()),
    }
}

fn read(object: &Object<'_>) -> Option<Asked> {
    let session_id = object.required("session_id", filled(LONGEST_ID));
    let staff = object.optional("staff_id", id);
    Some(Asked { session_id: session_id?, staff })
}
