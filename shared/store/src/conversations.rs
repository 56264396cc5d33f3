//! Heads of conversations.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::client::Client;
use domain::conversation::{Conversation, ConversationStatus, Effect};
use domain::message::Message;
use domain::{BusinessId, ClientId, Result, Timestamp};

use crate::clients::decode_client;
use crate::expression::Write;
use crate::item::{Item, decode, n, s, value};
use crate::keys::attribute::{GSI1, GSI3, PK, SK};
use crate::{Store, keys};

/// A client with their conversation, if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientView {
    /// What the directory knows.
    pub client: Client,
    /// The head of the conversation.
    pub conversation: Option<Conversation>,
}

/// What is assumed of a head when a message is added to it without reading it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// There is none, or the message leaves its status alone.
    Steady,
    /// It is resolved or snoozed, and comes back.
    Returning(ConversationStatus),
}

/// Where a message stands among those of its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It happens now, and its id must be larger than any that happened here before.
    Newest,
    /// It happened elsewhere, later than the one the list shows.
    Shown,
    /// It happened elsewhere, earlier than the one the list shows.
    Hidden,
}

impl Store {
    /// Client and conversation, in one read.
    pub async fn client_view(&self, business: BusinessId, client: ClientId) -> Result<Option<ClientView>> {
        let (first, last) = (keys::client(business, client), keys::conversation(business, client));
        let answer = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(first.pk))
            .expression_attribute_values(":first", s(first.sk.clone()))
            .expression_attribute_values(":last", s(last.sk.clone()))
            .consistent_read(true)
            .limit(2)
            .send()
            .await
            .map_err(crate::error::from_sdk)?;
        let (mut found, mut conversation) = (None, None);
        for item in answer.items.unwrap_or_default() {
            match item.get(SK).and_then(|sk| sk.as_s().ok()) {
                Some(sk) if *sk == first.sk => found = Some(decode_client(item)?),
                Some(sk) if *sk == last.sk => conversation = Some(decode(item)?),
                _ => {}
            }
        }
        Ok(found.map(|client| ClientView { client, conversation }))
    }

    /// Makes sure that a client has a conversation. However many calls race, one creates it.
    pub async fn ensure_conversation(&self, business: BusinessId, client: ClientId) -> Result<()> {
        let now = self.clock().now();
        let write = status_once(born(Write::new(), business, client, now)?, business)?
            .set_once("updated_at", s(now.to_string()))
            .set_once("version", n(1))
            .set_once("activity_at", s(now.to_string()))
            .set_once(GSI1.2, s(keys::activity(now, client)))
            .if_new();
        // A refusal means that it is there, which is what was asked for.
        self.update(keys::conversation(business, client), write).await?.map(drop).or(Ok(()))
    }

    /// A part of a transaction that adds a message to the head of its conversation, creating the head when there is
    /// none.
    ///
    /// The condition refuses a message whose id is not the newest (unless it is history), so that ids inside a
    /// conversation go up in the order in which messages were accepted; and, for a message that reopens, a head whose
    /// status is not what `head` assumes.
    pub(crate) fn tx_add_to_conversation(
        &self,
        message: &Message,
        effect: Effect,
        head: Head,
        order: Order,
    ) -> Result<TransactWriteItem> {
        let (business, client, now) = (message.at.business, message.at.client, message.created_at);
        let id = value(&message.at.message)?;
        let mut write = born(Write::new(), business, client, now)?
            .set("updated_at", s(now.to_string()))
            .add("version", 1);
        write = match order {
            Order::Newest => {
                preview(write, message)?.set("newest_id", id.clone()).when_absent_or("newest_id", "<", id)
            }
            Order::Shown => preview(write, message)?.when_absent_or("last_message_id", "<", id),
            Order::Hidden => write,
        };
        let place = keys::activity(now, client);
        write = if effect.reorders {
            write.set("activity_at", s(now.to_string())).set(GSI1.2, s(place.clone()))
        } else {
            write.set_once("activity_at", s(now.to_string())).set_once(GSI1.2, s(place.clone()))
        };
        write = match head {
            Head::Steady => {
                write = status_once(write, business)?;
                if effect.reopens {
                    write
                        .when_absent_or("inbox_status", "<>", value(&ConversationStatus::Resolved)?)
                        .when_absent_or("inbox_status", "<>", value(&ConversationStatus::Snoozed)?)
                } else {
                    write
                }
            }
            Head::Returning(from) => write
                .set("inbox_status", value(&from.after_inbound())?)
                .set(GSI1.1, s(keys::inbox(business, from.after_inbound())))
                .when("inbox_status", "=", value(&from)?),
        };
        if effect.unread {
            write = write
                .add("unread_messages_count", 1)
                .set(GSI3.1, s(keys::unread(business)))
                .set(GSI3.2, s(place));
        }
        self.tx_update(keys::conversation(business, client), write)
    }
}

/// What every head has from its first write on.
fn born(write: Write, business: BusinessId, client: ClientId, now: Timestamp) -> Result<Write> {
    Ok(write
        .stamp("Conversation")
        .set_once("business_id", value(&business)?)
        .set_once("client_id", value(&client)?)
        .set_once("created_at", s(now.to_string())))
}

/// The status a head begins with, and its place in the inbox.
fn status_once(write: Write, business: BusinessId) -> Result<Write> {
    Ok(write
        .set_once("inbox_status", value(&ConversationStatus::Open)?)
        .set_once(GSI1.1, s(keys::inbox(business, ConversationStatus::Open))))
}

/// What a list shows of the last message.
fn preview(write: Write, message: &Message) -> Result<Write> {
    Ok(write
        .set("last_message_id", value(&message.at.message)?)
        .set("last_message", s(message.body.0.clone()))
        .set("last_channel", value(&message.channel)?))
}

/// The head out of an item.
pub(crate) fn decode_conversation(item: Item) -> Result<Conversation> {
    decode(item)
}
