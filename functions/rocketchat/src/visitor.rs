//! A client as a visitor of Rocket.Chat's live chat.

use std::collections::BTreeMap;

use domain::{Timestamp, global_id, visitor};
use serde::Serialize;
use store::ClientView;

use crate::users;

/// The answer that shows one, or that there is none.
#[derive(Serialize)]
pub(crate) struct Shown {
    contact: Option<Visitor>,
}

impl Shown {
    /// Shows a client. Those who are no clients any more are not shown.
    pub fn new(found: Option<ClientView>) -> Shown {
        let found = found.filter(|view| !view.client.inactive);
        Shown { contact: found.as_ref().map(Visitor::new) }
    }
}

/// A visitor. What is not known is left out.
#[derive(Serialize)]
struct Visitor {
    #[serde(rename = "_id")]
    id: String,
    username: String,
    ts: Timestamp,
    token: String,
    #[serde(rename = "_updatedAt")]
    updated_at: Timestamp,
    #[serde(rename = "contactManager", skip_serializing_if = "Option::is_none")]
    contact_manager: Option<Manager>,
    #[serde(rename = "livechatData", skip_serializing_if = "BTreeMap::is_empty")]
    livechat_data: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<[Number; 1]>,
    #[serde(rename = "visitorEmails", skip_serializing_if = "Option::is_none")]
    emails: Option<[Mailbox; 1]>,
    #[serde(rename = "lastChat", skip_serializing_if = "Option::is_none")]
    last_chat: Option<Room>,
}

#[derive(Serialize)]
struct Manager {
    username: String,
}

#[derive(Serialize)]
struct Number {
    #[serde(rename = "phoneNumber")]
    number: String,
}

#[derive(Serialize)]
struct Mailbox {
    address: String,
}

#[derive(Serialize)]
struct Room {
    #[serde(rename = "_id")]
    id: String,
    ts: Timestamp,
}

impl Visitor {
    fn new(view: &ClientView) -> Visitor {
        let (client, conversation) = (&view.client, view.conversation.as_ref());
        let manager = conversation.and_then(|conversation| conversation.assigned_to);
        let fields = client.custom_fields.iter();
        Visitor {
            id: global_id::encode(client.business_id, client.client_id),
            username: visitor::username(client),
            ts: client.created_at,
            token: visitor::token(client),
            updated_at: store::inbox::changed_at(view).max(client.updated_at),
            contact_manager: manager.map(|staff| Manager { username: users::username(staff) }),
            livechat_data: fields.map(|(name, value)| (name.clone(), value.0.clone())).collect(),
            name: client.display_name(),
            phone: visitor::phone(client).map(|number| [Number { number: number.to_owned() }]),
            emails: visitor::email(client).map(|address| [Mailbox { address }]),
            last_chat: conversation.map(|conversation| Room {
                id: global_id::encode(client.business_id, conversation.client_id),
                ts: conversation.activity_at,
            }),
        }
    }
}
