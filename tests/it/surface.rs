//! The interfaces that omega speaks, as the tests call them.

use domain::{BusinessId, ClientId, StaffId, global_id};
use reqwest::RequestBuilder;

/// An interface: who shows what, and how it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// `/omega`.
    Omega,
    /// `/api`.
    RocketChat,
    /// `/authenticates`, `/conversations` and what belongs to them.
    NexHealth,
}

impl Surface {
    /// The interface that a path belongs to.
    pub fn of(path: &str) -> Surface {
        match path {
            path if path.starts_with("/omega/") => Surface::Omega,
            path if path.starts_with("/api/") => Surface::RocketChat,
            _ => Surface::NexHealth,
        }
    }

    /// A call with a credential, of the user with this id where the interface asks for one.
    pub fn show(self, call: RequestBuilder, secret: &str, user_id: &str) -> RequestBuilder {
        match self {
            Surface::Omega => call.header("X-API-KEY", secret),
            Surface::RocketChat => call.header("X-Auth-Token", secret).header("X-User-Id", user_id),
            Surface::NexHealth => call.header("Authorization", format!("Bearer {secret}")),
        }
    }

    /// The body with which a call is refused, byte by byte.
    pub fn refusal(self, status: u16) -> &'static str {
        match (self, status) {
            (Surface::Omega, 401) => r#"{"detail":"Not authenticated"}"#,
            (Surface::Omega, _) => r#"{"detail":"Forbidden"}"#,
            (Surface::RocketChat, 401) => concat!(
                r#"{"success":false,"error":"You must be logged in to do this.","status":"error","#,
                r#""message":"You must be logged in to do this."}"#
            ),
            (Surface::RocketChat, _) => concat!(
                r#"{"success":false,"error":"User does not have the permissions required for this action "#,
                r#"[error-unauthorized]"}"#
            ),
            (Surface::NexHealth, 401) => {
                r#"{"code":false,"description":"Unauthorized","data":{},"error":["Unauthorized"]}"#
            }
            (Surface::NexHealth, _) => {
                r#"{"code":false,"description":"Forbidden","data":{},"error":["Forbidden"]}"#
            }
        }
    }
}

/// The id of a member of the staff as a user of Rocket.Chat.
pub fn user_id(business: u64, staff: u64) -> String {
    let (business, staff) = (BusinessId::new(business), StaffId::new(staff));
    global_id::encode(business.expect("an id"), staff.expect("an id"))
}

/// The id of an API key or of a session, which is part of its text.
pub fn credential_id(secret: &str) -> String {
    let parts: Vec<&str> = secret.split('_').collect();
    parts.iter().find(|part| part.len() == 16).map_or_else(String::new, |id| (*id).to_owned())
}

/// A client of a business as the id of a contact.
pub fn contact_id(business: u64, client: u64) -> String {
    let (business, client) = (BusinessId::new(business), ClientId::new(client));
    global_id::encode(business.expect("an id"), client.expect("an id"))
}

/// The name of a business on the interface that asks for one.
pub fn subdomain(business: u64) -> String {
    format!("business-{business}")
}
