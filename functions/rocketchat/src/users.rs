//! Staff as Rocket.Chat's users.

use domain::client::Personal;
use domain::staff::Staff;
use domain::{BusinessId, Result, StaffId, global_id};
use store::Store;

use crate::contact::User;

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
