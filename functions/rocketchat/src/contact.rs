//! A client as Rocket.Chat's contact: what the directory knows, and the ways in which they can be reached.

use std::collections::BTreeMap;

use domain::channel::Channel;
use domain::client::{Client, Personal};
use domain::conversation::Conversation;
use domain::{BusinessId, ClientId, Result, Timestamp, global_id};
use serde::Serialize;
use store::{ClientView, Store};

use crate::users::{self, User};

/// What stands in the place of a contact's manager: an id, or what a search shows.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Manager {
    Id(String),
    User(User),
}

/// A mail address.
#[derive(Debug, Serialize)]
pub(crate) struct Mailbox {
    address: Personal,
}

/// A phone number.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Number {
    phone_number: Personal,
}

/// The conversation, as the last chat.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LastChat {
    #[serde(rename = "_id")]
    id: String,
    ts: Timestamp,
}

/// A contact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact {
    #[serde(rename = "_id")]
    id: String,
    name: Personal,
    created_at: Timestamp,
    #[serde(rename = "_updatedAt")]
    updated_at: Timestamp,
    emails: Vec<Mailbox>,
    phones: Vec<Number>,
    channels: Vec<ContactChannel>,
    custom_fields: BTreeMap<String, Personal>,
    unknown: bool,
    pre_registration: bool,
    /// omega decides by itself which of two values is right, and keeps no others.
    conflicting_fields: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_manager: Option<Manager>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_chat: Option<LastChat>,
}

/// A way to reach a contact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContactChannel {
    name: &'static str,
    verified: bool,
    blocked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    value: Personal,
    visitor: Association,
    details: Details,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_chat: Option<LastChat>,
}

/// Whom a channel is of, and what it is: a contact and their visitor are one and have one id.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Association {
    visitor_id: String,
    source: Source,
}

/// What a message came through.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Source {
    #[serde(rename = "type")]
    pub kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Details {
    #[serde(rename = "type")]
    kind: &'static str,
    destination: Personal,
}

/// The name of a channel among Rocket.Chat's kinds of source.
pub(crate) fn source(channel: Option<Channel>) -> &'static str {
    match channel {
        Some(Channel::Sms) => "sms",
        Some(Channel::Email) => "email",
        Some(Channel::Voice | Channel::Note) | None => "other",
    }
}

/// The id of a contact.
pub(crate) fn id(client: &Client) -> String {
    global_id::encode(client.business_id, client.client_id)
}

/// Whom the id of a contact stands for; nobody when the contact is another business's.
pub(crate) fn client_id(business: BusinessId, contact: &str) -> Option<ClientId> {
    global_id::decode(business, contact)
}

/// Whoever has this id of a contact.
pub(crate) async fn find(store: &Store, business: BusinessId, contact: &str) -> Result<Option<ClientView>> {
    match client_id(business, contact) {
        Some(client) => store.client_view(business, client).await,
        None => Ok(None),
    }
}

/// What to call a contact: as nobody is without a name there, else as they are reached.
pub(crate) fn name(client: &Client) -> Personal {
    let known = client.display_name().map(Personal).or_else(|| client.visitor_name.clone());
    let reached = || phones(client).into_iter().chain(emails(client)).next();
    known.or_else(reached).unwrap_or_else(|| Personal(String::new()))
}

/// Mail addresses, each once.
fn emails(client: &Client) -> Vec<Personal> {
    once(client.emails().map(|email| Personal(email.0.to_lowercase())))
}

/// Phone numbers, each once: as they were given, else as they are called.
fn phones(client: &Client) -> Vec<Personal> {
    let given = client.phone_as_given.clone();
    let first = given.or_else(|| client.phone.as_ref().map(|phone| Personal(phone.as_str().to_owned())));
    once(first.into_iter().chain(client.other_phones.iter().map(|other| other.given.clone())))
}

fn once(all: impl Iterator<Item = Personal>) -> Vec<Personal> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

/// Whether a contact can be reached this way, and so reaches us.
pub(crate) fn has(client: &Client, channel: Channel) -> bool {
    match channel {
        Channel::Sms => client.phones().next().is_some(),
        Channel::Email => client.emails().next().is_some(),
        Channel::Voice | Channel::Note => false,
    }
}

/// The conversation as a chat.
fn last_chat(client: &Client, conversation: &Conversation) -> LastChat {
    LastChat { id: id(client), ts: conversation.activity_at }
}

/// The ways to reach a contact, each address once.
pub(crate) fn channels(view: &ClientView) -> Vec<ContactChannel> {
    let ClientView { client, conversation, .. } = view;
    let numbers = once(client.phones().map(|phone| Personal(phone.as_str().to_owned())));
    let called = numbers.first().cloned();
    let texts = numbers.into_iter().map(|number| (Channel::Sms, Some("phone"), number));
    let mails = emails(client).into_iter().map(|address| (Channel::Email, Some("email"), address));
    let last = conversation.as_ref().and_then(|conversation| conversation.last_channel);
    // A call has no kind of its own among sources.
    let calls = called.filter(|_| last == Some(Channel::Voice)).map(|number| (Channel::Voice, None, number));
    let mut chat = conversation.as_ref().map(|conversation| last_chat(client, conversation));
    let channel = |(channel, field, value): (Channel, Option<&'static str>, Personal)| {
        let kind = source(Some(channel));
        ContactChannel {
            name: kind,
            verified: false,
            blocked: client.is_blocked(channel),
            field,
            value: value.clone(),
            visitor: Association { visitor_id: id(client), source: Source { kind } },
            details: Details { kind, destination: value },
            // Of several addresses of one kind the first stands for all.
            last_chat: if last == Some(channel) { chat.take() } else { None },
        }
    };
    texts.chain(mails).chain(calls).map(channel).collect()
}

/// A contact, with the id of whoever takes care of them.
pub(crate) fn contact(view: &ClientView) -> Contact {
    let ClientView { client, conversation, .. } = view;
    let assignee = conversation.as_ref().and_then(|conversation| conversation.assigned_to);
    Contact {
        id: id(client),
        name: name(client),
        created_at: client.created_at,
        updated_at: store::inbox::changed_at(view),
        emails: emails(client).into_iter().map(|address| Mailbox { address }).collect(),
        phones: phones(client).into_iter().map(|phone_number| Number { phone_number }).collect(),
        channels: channels(view),
        custom_fields: client.custom_fields.clone(),
        unknown: client.provisional,
        pre_registration: false,
        conflicting_fields: [],
        contact_manager: assignee.map(|staff| Manager::Id(users::id(client.business_id, staff))),
        last_chat: conversation.as_ref().map(|conversation| last_chat(client, conversation)),
    }
}

/// The same, with whoever takes care of them.
pub(crate) fn contact_of(view: &ClientView, manager: Option<User>) -> Contact {
    Contact { contact_manager: manager.map(Manager::User), ..contact(view) }
}
