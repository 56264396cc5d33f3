//! Staff as Rocket.Chat's users.

use domain::access::Role;
use domain::client::Personal;
use domain::staff::Staff;
use domain::{BusinessId, Result, StaffId, global_id};
use serde::Serialize;
use store::Store;
use web::Tenant;

/// The status of a user who is there.
pub(crate) const ONLINE: &str = "online";

/// The name of the user that a program is.
pub(crate) const PROGRAM: &str = "service";

/// A program may do here what a manager may.
pub(crate) const PROGRAM_ROLES: &[&str] = &["bot", "livechat-manager"];

/// A mail address of a user.
#[derive(Serialize)]
pub(crate) struct Address {
    address: String,
    verified: bool,
}

/// The mail addresses of a member of the staff: one, or none. Nobody verified it.
pub(crate) fn emails(staff: &Staff) -> Vec<Address> {
    let address = |email: &Personal| Address { address: email.0.clone(), verified: false };
    staff.email.iter().map(address).collect()
}

/// The display name of a program: its business's name.
pub(crate) fn program_name(tenant: &Tenant) -> String {
    tenant.business().business_name.clone().unwrap_or_else(|| PROGRAM.to_owned())
}

/// The id of a user.
pub(crate) fn id(business: BusinessId, staff: StaffId) -> String {
    global_id::encode(business, staff)
}

/// The name of a user: the number under which the directory has them, which is theirs alone.
pub(crate) fn username(staff: StaffId) -> String {
    staff.to_string()
}

/// A user, by id and username.
pub(crate) fn user(business: BusinessId, staff: StaffId) -> User {
    User { id: id(business, staff), name: None, username: Personal(username(staff)) }
}

/// Whoever has this username.
pub(crate) async fn by_username(
    store: &Store,
    business: BusinessId,
    username: &str,
) -> Result<Option<Staff>> {
    let id = username.parse().ok().and_then(StaffId::new).filter(|id| id.to_string() == username);
    by_id(store, business, id).await
}

/// Whoever works here now and goes by this name: a username, or what has an `@` a mail address. One that several of them
/// have is nobody's.
pub(crate) async fn active(store: &Store, business: BusinessId, name: &str) -> Result<Option<Staff>> {
    if !name.contains('@') {
        let found = by_username(store, business, name).await?;
        return Ok(found.filter(|staff| staff.active));
    }
    let wanted = name.trim().to_lowercase();
    let has_it = |staff: &Staff| {
        staff.active && staff.email.as_ref().is_some_and(|email| email.0.trim().to_lowercase() == wanted)
    };
    let mut found = store.staff_by_name(business).await?.into_iter().filter(has_it);
    Ok(match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    })
}

/// Rocket.Chat's roles for what somebody may do.
pub(crate) fn roles(role: Role) -> &'static [&'static str] {
    match role {
        Role::Owner => &["admin", "livechat-manager"],
        Role::Manager => &["livechat-manager"],
        Role::Staff => &["livechat-agent"],
        Role::Service | Role::Platform => PROGRAM_ROLES,
    }
}

/// Whoever has this id of a user.
pub(crate) async fn by_user_id(store: &Store, business: BusinessId, id: &str) -> Result<Option<Staff>> {
    by_id(store, business, global_id::decode(business, id)).await
}

async fn by_id(store: &Store, business: BusinessId, id: Option<StaffId>) -> Result<Option<Staff>> {
    match id {
        Some(id) => store.staff_member(business, id).await,
        None => Ok(None),
    }
}

/// Somebody of the staff.
#[derive(Debug, Serialize)]
pub(crate) struct User {
    #[serde(rename = "_id")]
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal>,
    pub username: Personal,
}
