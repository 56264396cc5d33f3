//! The caller, as a user of Rocket.Chat.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use domain::staff::Staff;
use domain::{BusinessId, Error};
use serde::Serialize;
use serde_json::{Value, json};
use web::{ApiError, Edge, Tenant};

use crate::dialect::said_user_id;
use crate::refused::Answer;
use crate::success::success;
use crate::users::{self, Address};

/// The caller.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Me {
    #[serde(rename = "_id")]
    pub id: String,
    name: String,
    emails: Vec<Address>,
    status: &'static str,
    status_connection: &'static str,
    username: String,
    utc_offset: i8,
    active: bool,
    roles: &'static [&'static str],
    settings: Value,
    avatar_url: String,
}

impl Me {
    /// A member of the staff.
    pub fn of_staff(business: BusinessId, staff: &Staff) -> Me {
        Me {
            emails: users::emails(staff),
            username: users::username(staff.staff_id),
            active: staff.active,
            roles: users::roles(staff.staff_role),
            avatar_url: staff.image_url.as_ref().map_or_else(String::new, |url| url.0.clone()),
            ..Me::nobody(users::id(business, staff.staff_id), staff.full_name.0.clone())
        }
    }

    /// A program: it has no name of its own, and is called like the business.
    fn of_program(tenant: &Tenant, id: String) -> Me {
        Me::nobody(id, users::program_name(tenant))
    }

    fn nobody(id: String, name: String) -> Me {
        Me {
            id,
            name,
            emails: Vec::new(),
            status: users::ONLINE,
            status_connection: users::ONLINE,
            username: users::PROGRAM.to_owned(),
            utc_offset: 0,
            active: true,
            roles: users::PROGRAM_ROLES,
            settings: json!({"preferences": {}}),
            avatar_url: String::new(),
        }
    }
}

/// `GET /api/v1/me`: one read for a member of the staff, none for a program.
pub(crate) async fn me(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    headers: HeaderMap,
) -> Answer<impl IntoResponse> {
    let tenant = tenant?;
    let me = match tenant.staff_id() {
        Some(staff) => {
            let staff = edge.store().staff_member(tenant.id(), staff).await?;
            Me::of_staff(tenant.id(), &staff.ok_or(Error::Unauthenticated)?)
        }
        None => Me::of_program(&tenant, said_user_id(&headers)),
    };
    Ok(success(me))
}
