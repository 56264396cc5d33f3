//! One user, by id or by name.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use domain::staff::Staff;
use domain::{BusinessId, Timestamp};
use serde::Serialize;
use web::{ApiError, Edge, Tenant};

use crate::dialect::said_user_id;
use crate::parameters::Query;
use crate::refused::{Answer, Refused};
use crate::success::success;
use crate::users::{self, Address};

#[derive(Serialize)]
struct Found {
    user: UserInfo,
}

/// A user. What is not known is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserInfo {
    #[serde(rename = "_id")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
    active: bool,
    name: String,
    username: String,
    utc_offset: i8,
    roles: &'static [&'static str],
    emails: Vec<Address>,
    #[serde(rename = "_updatedAt", skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
}

/// `GET /api/v1/users.info`: by `userId`, else by `username`, which may be a mail address as it may when logging in, else
/// by `email`. A program finds itself under the id that it shows.
pub(crate) async fn user_info(
    Query(asked): Query,
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    headers: HeaderMap,
) -> Answer<impl IntoResponse> {
    let (store, said) = (edge.store(), |name| asked.text(name).filter(|text: &&str| !text.is_empty()));
    let (id, username) = (said("userId"), said("username").or(said("email")));
    if id.is_none() && username.is_none() && said("importId").is_none() {
        return Err(names_nobody());
    }
    let tenant = tenant?;
    let own = said_user_id(&headers);
    let is_program = tenant.staff_id().is_none();
    if is_program && (id == Some(own.as_str()) || id.is_none() && username == Some(users::PROGRAM)) {
        return Ok(success(Found { user: program(&tenant, own) }));
    }
    let staff = match (id, username) {
        (Some(id), _) => users::by_user_id(store, tenant.id(), id).await?,
        (None, Some(name)) if name.contains('@') => users::active(store, tenant.id(), name).await?,
        (None, Some(name)) => users::by_username(store, tenant.id(), name).await?,
        (None, None) => None,
    };
    let staff = staff.ok_or(Refused::plain("User not found."))?;
    Ok(success(Found { user: member(tenant.id(), &staff, &own) }))
}

/// The published validator's error for a request that names nobody.
fn names_nobody() -> Refused {
    let missing =
        ["userId", "username", "importId"].map(|name| format!("must have required property '{name}'"));
    Refused::Invalid(missing.into_iter().chain(["must match a schema in anyOf".to_owned()]).collect())
}

fn member(business: BusinessId, staff: &Staff, own: &str) -> UserInfo {
    let id = users::id(business, staff.staff_id);
    UserInfo {
        created_at: Some(staff.created_at),
        kind: "user",
        // Only of the caller is it known that they are there.
        status: if id == own { users::ONLINE } else { "offline" },
        active: staff.active,
        name: staff.full_name.0.clone(),
        username: users::username(staff.staff_id),
        utc_offset: 0,
        roles: users::roles(staff.staff_role),
        emails: users::emails(staff),
        updated_at: Some(staff.updated_at),
        id,
    }
}

fn program(tenant: &Tenant, id: String) -> UserInfo {
    UserInfo {
        id,
        created_at: None,
        kind: "bot",
        status: users::ONLINE,
        active: true,
        name: users::program_name(tenant),
        username: users::PROGRAM.to_owned(),
        utc_offset: 0,
        roles: users::PROGRAM_ROLES,
        emails: Vec::new(),
        updated_at: None,
    }
}
