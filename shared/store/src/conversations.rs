//! Heads of conversations: how a message changes one, without reading it first where that is possible.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::actor::Actor;
use domain::address::Address;
use domain::channel::{Channel, Direction};
use domain::client::{Client, Personal};
use domain::conversation::{Cause, Change, Conversation, ConversationEvent, Effect, MOST_REOPENINGS};
use domain::id::EntryId;
use domain::id::MessageRef;
use domain::inbox::Cell;
use domain::mail::Suspicion;
use domain::message::Message;
use domain::shards::Shards;
use domain::standing::ConversationStatus;
use domain::standing::Standing;
use domain::{BusinessId, ClientId, LocationId, MessageId, Result, Timestamp};

use crate::clients::{ClientView, Profile, changed};
use crate::expression::Write;
use crate::item::{Item, n, s, value};
use crate::keys::attribute::{GSI1, GSI2, GSI3, GSI4, GSI5};
use crate::transaction::Refused;
use crate::{Store, keys};

/// What is assumed of a client's item when a message is added to it.
#[derive(Clone, Debug)]
pub(crate) enum Head {
    /// There is a conversation, and its last message travelled as this one does: what an outbound message leaves alone
    /// needs no look. Nothing is read.
    Usual,
    /// It is as it was just seen.
    Seen(Option<Box<ClientView>>),
}

impl Head {
    /// Whether it is seen that omega made the client for mail whose sender is not proven.
    pub(crate) fn is_unproven(&self) -> bool {
        matches!(self, Head::Seen(Some(view)) if view.client.unproven)
    }
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

/// Who is created when a message is with somebody nobody has heard of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stranger {
    /// The id is ours; the directory may name them later.
    pub provisional: bool,
    /// Where they wrote to.
    pub location: Option<LocationId>,
    /// What they call themselves.
    pub name: Option<String>,
}

/// The part of a transaction that changes a client's item, and what else belongs to that change.
pub(crate) struct Added {
    pub profile: TransactWriteItem,
    pub rest: Vec<TransactWriteItem>,
}

impl Store {
    /// Makes sure that a client has a conversation. However many calls race, one creates it.
    pub async fn ensure_conversation(
        &self,
        business: BusinessId,
        client: ClientId,
        shards: Shards,
    ) -> Result<Option<ClientView>> {
        let mut placing = crate::messages::Placing::begin();
        loop {
            let Some(view) = self.client_view(business, client).await? else { return Ok(None) };
            if view.conversation.is_some() {
                return Ok(Some(view));
            }
            let (client, now) = (view.client.client_id, self.clock().now());
            let standing = view.unopened.as_ref().map_or(NEW, Conversation::standing);
            let cell = Cell { standing: Some(standing), ..view.cell() };
            let mut rest = Vec::new();
            let write = Write::new()
                .set("inbox_status", value(&standing.status)?)
                .set("began_at", s(now.to_string()))
                .add("version", 1)
                .set("activity_at", s(now.to_string()))
                .set(GSI1.2, s(keys::activity(now, client)));
            let write =
                changed(placed(write, business, client, &standing, shards), business, client, shards, now);
            let ids = (business, client, shards);
            let write = as_seen(write, &view);
            let write = self.recounted(write, &mut rest, ids, Some(&view.cell()), Some(&cell))?;
            let mut parts = vec![self.tx_update(keys::profile(business, client), write)?];
            parts.append(&mut rest);
            // Refused: somebody else changed it first, which the next look shows.
            let _ = self.transact(parts).await?;
            placing.again().await?;
        }
    }

    /// The part of a transaction that adds a message to the head of its conversation, creating what is missing.
    ///
    /// It is refused when the message's id is not the newest (unless it is history), so that ids inside a conversation
    /// go up in the order in which messages were accepted; and when the client is not as `head` assumes.
    pub(crate) fn add_message(
        &self,
        message: &Message,
        effect: Effect,
        head: &Head,
        order: Order,
        (shards, stranger): (Shards, Stranger),
    ) -> Result<Added> {
        let (business, client, now) = (message.at.business, message.at.client, self.clock().now());
        let mut rest = Vec::new();
        let write = counted(changed(Write::new(), business, client, shards, now));
        let write = match head {
            Head::Usual => {
                let write = reordered(write, effect, client, now);
                let write = write.when("last_channel", "=", value(&message.channel)?);
                // Mail to a client whose address is not proven gives them no address, which needs a look.
                let write = if message.mail.is_some() { write.when_absent("unproven") } else { write };
                // Without a conversation there is one to open.
                if effect.opens { write.when_present("inbox_status") } else { write }
            }
            Head::Seen(None) => {
                let unproven = is_unproven(message);
                let name = stranger.name.map(Personal).or_else(|| name_of(message.client_address()));
                let new = Client {
                    provisional: stranger.provisional,
                    unproven,
                    location_id: stranger.location,
                    phone: phone_of(message.client_address()),
                    email: email_of(message.client_address()).filter(|_| !unproven),
                    phone_as_given: sender_of(message),
                    // A sender without a number is shown by what stands in its place.
                    full_name: if unproven {
                        Some(unproven_name(name.as_ref(), message.client_address()))
                    } else {
                        name
                    },
                    ..Client::unnamed(business, client, now)
                };
                let created = counted(self.new_client(&new, shards, &mut rest, now)?);
                let cell = Cell {
                    client_type: None,
                    location: stranger.location,
                    standing: effect.opens.then(|| after(&NEW, message, effect, order)),
                };
                let write =
                    self.recounted(created, &mut rest, (business, client, shards), None, Some(&cell))?;
                self.stood(write, message, effect, None, &cell, shards, &mut rest, now)?
            }
            Head::Seen(Some(view)) => {
                let old = view.cell();
                let before = old.standing.or_else(|| view.unopened.as_ref().map(Conversation::standing));
                let opened = view.conversation.is_some() || effect.opens;
                let standing = opened.then(|| after(&before.unwrap_or(NEW), message, effect, order));
                // What it does depends on what is blocked.
                let mut write = match view.client.blocked_channels.as_slice() {
                    _ if message.direction != Direction::Inbound => write,
                    [] => write.when_absent("blocked_channels"),
                    blocked => write.when("blocked_channels", "=", value(&blocked)?),
                };
                if view.client.phone.is_none()
                    && let Some(phone) = phone_of(message.client_address())
                {
                    write = write.set("phone", s(phone.as_str()));
                    let term = crate::clients::phone_term(phone.as_str());
                    rest.push(self.tx_put_term(business, client, &term)?);
                }
                if view.client.phone.is_none()
                    && view.client.phone_as_given.is_none()
                    && let Some(sender) = sender_of(message)
                {
                    let term = crate::clients::phone_term(&sender.0);
                    rest.push(self.tx_put_term(business, client, &term)?);
                    write = write.set("phone_as_given", s(sender.0));
                }
                if view.client.unproven && is_unproven(message) {
                    // They may be named meanwhile, and no mail that proves nothing is found to be theirs then.
                    write = write.when("unproven", "=", value(&true)?);
                }
                if view.client.email.is_none()
                    && !view.client.unproven
                    && !by_another(message)
                    && let Some(email) = email_of(message.client_address())
                {
                    rest.push(self.tx_put_term(business, client, &crate::clients::email_term(&email.0))?);
                    write = write.set("email", s(email.0));
                }
                // The id of a message from elsewhere was chosen between the messages that were seen. A conversation that
                // opens is counted by what was seen: before, a flag or an unread message doesn't change the cell.
                if order != Order::Newest || (opened && view.conversation.is_none()) {
                    write = as_seen(write, view);
                }
                let cell = Cell { standing, ..old };
                let write =
                    self.recounted(write, &mut rest, (business, client, shards), Some(&old), Some(&cell))?;
                self.stood(write, message, effect, Some(view), &cell, shards, &mut rest, now)?
            }
        };
        let write = if effect.unread { one_more_unread(write, head, message.at.message) } else { write };
        let write = with_sender(write, message, effect, head, order)?;
        let write = match answerable(message, head) {
            Some(thread) if order != Order::Hidden => write.set("mail_thread", value(&thread)?),
            _ => write,
        };
        let id = value(&message.at.message)?;
        let write = match order {
            Order::Newest => preview(write, message)?
                .set("newest_id", id.clone())
                .when_absent_or("newest_id", "<", id.clone())
                .when_absent_or("last_message_id", "<", id),
            Order::Shown => preview(write, message)?.when_absent_or("last_message_id", "<", id),
            Order::Hidden => write,
        };
        Ok(Added { profile: self.tx_update(keys::profile(business, client), write)?, rest })
    }

    /// How the head stands after a message, when it is known how it stood.
    #[allow(clippy::too_many_arguments, reason = "one step of add_message, cut out for its length")]
    fn stood(
        &self,
        write: Write,
        message: &Message,
        effect: Effect,
        view: Option<&ClientView>,
        cell: &Cell,
        shards: Shards,
        rest: &mut Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<Write> {
        let (business, client) = (message.at.business, message.at.client);
        let Some(standing) = cell.standing else {
            // No list of conversations shows the client.
            return Ok(write.set("activity_at", s(now.to_string())));
        };
        let write = placed(write, business, client, &standing, shards);
        let Some(conversation) = view.and_then(|view| view.conversation.as_ref()) else {
            return Ok(write
                .set("inbox_status", value(&standing.status)?)
                .set("began_at", s(now.to_string()))
                .set("activity_at", s(now.to_string()))
                .set(GSI1.2, s(keys::activity(now, client))));
        };
        let mut write = reordered(write, effect, client, now);
        let before = conversation.inbox_status;
        if before != standing.status {
            write = write
                .set("inbox_status", value(&standing.status)?)
                .add("events_count", 1)
                .set("updated_by", s(Actor::Client.name()))
                .remove("resolved_by")
                .remove("snoozed_until");
            if message.channel == Channel::Email {
                let kept = conversation.reopened_at.iter().rev().take(MOST_REOPENINGS - 1).rev().copied();
                let times: Vec<Timestamp> = kept.chain([now]).collect();
                write = write.set("reopened_at", value(&times)?);
            }
            if before == ConversationStatus::Snoozed {
                rest.push(self.tx_delete(keys::snooze(business, client), Write::new())?);
            }
            rest.push(self.tx_put_history(
                business,
                client,
                Actor::Client,
                Cause::InboundMessage { message_id: message.at.message },
                Change::Status { from: before, to: standing.status, snoozed_until: None },
                now,
            )?);
        }
        Ok(write)
    }

    /// A part of a transaction that adds a line to a conversation's history.
    pub(crate) fn tx_put_history(
        &self,
        business: BusinessId,
        client: ClientId,
        actor: Actor,
        cause: Cause,
        change: Change,
        now: Timestamp,
    ) -> Result<TransactWriteItem> {
        let event_id: EntryId = self.ids.next(now);
        let event = ConversationEvent { event_id, at: now, actor, cause, change };
        let key = keys::history(business, client, event_id);
        self.tx_put(crate::item::encode(key, "ConversationEvent", &event)?, Write::new().if_new())
    }
}

/// A conversation before its first message.
pub(crate) const NEW: Standing = Standing {
    status: ConversationStatus::Open,
    assignee: None,
    unread: false,
    flagged: false,
    channel: None,
};

/// Whether somebody else wrote a mail than the client whose conversation it is in.
fn by_another(message: &Message) -> bool {
    message
        .mail
        .as_ref()
        .is_some_and(|mail| mail.suspicions.contains(&Suspicion::UnknownSender) || mail.is_unproven())
}

/// Whether a mail doesn't prove that it is from the address it names.
pub(crate) fn is_unproven(message: &Message) -> bool {
    message.mail.as_ref().is_some_and(|mail| mail.is_unproven())
}

/// What a client is called whose only mail proves no sender: the address, so that nobody takes them for a client of the
/// same name, and a warning.
fn unproven_name(name: Option<&Personal>, address: &Address) -> Personal {
    let address = address.as_str();
    Personal(match name {
        Some(Personal(name)) if name != address => format!("{name} <{address}> (unproven sender)"),
        _ => format!("{address} (unproven sender)"),
    })
}

/// How a conversation stands after a message.
fn after(before: &Standing, message: &Message, effect: Effect, order: Order) -> Standing {
    Standing {
        status: if effect.reopens { before.status.after_inbound() } else { before.status },
        unread: before.unread || effect.unread,
        channel: if order == Order::Hidden { before.channel } else { Some(message.channel) },
        ..*before
    }
}

/// A write that is refused when the head changed since it was seen.
pub(crate) fn as_seen(write: Write, seen: &ClientView) -> Write {
    match seen.head() {
        Some(head) => write.when("version", "=", n(head.version)),
        None => write.when_absent("inbox_status").when_absent("messages_count"),
    }
}

/// The lists that a conversation is in.
pub(crate) fn placed(
    write: Write,
    business: BusinessId,
    client: ClientId,
    standing: &Standing,
    shards: Shards,
) -> Write {
    let shard = shards.of(client);
    write
        .set(GSI1.1, s(keys::inbox(business, standing.status, shard)))
        .put(GSI2.1, standing.assignee.map(|staff| s(keys::assigned(business, staff))))
        .put(GSI3.1, standing.unread.then(|| s(keys::unread(business, shard))))
        .put(GSI4.1, standing.flagged.then(|| s(keys::flagged(business, shard))))
        .set(GSI5.1, s(keys::everything(business, shard)))
}

/// The place in the lists by activity, which all of them share.
fn reordered(write: Write, effect: Effect, client: ClientId, now: Timestamp) -> Write {
    if effect.reorders {
        write.set("activity_at", s(now.to_string())).set(GSI1.2, s(keys::activity(now, client)))
    } else {
        write
    }
}

/// Everything up to the read mark is read: it goes back behind an unread message whose place is before it.
fn one_more_unread(write: Write, head: &Head, id: MessageId) -> Write {
    let write = write.add("unread_messages_count", 1);
    let Head::Seen(Some(view)) = head else { return write };
    match view.head().and_then(|head| head.last_read_message_id) {
        Some(mark) if mark >= id => {
            let behind = n(id.get().saturating_sub(1));
            write.set("last_read_message_id", behind).when("last_read_message_id", "=", n(mark))
        }
        _ => write.when_absent_or("last_read_message_id", "<", n(id)),
    }
}

/// The numbers that decide from where the next text leaves. A text that came in later than it was written is not the last
/// one that the client wrote, if a younger one is known.
fn with_sender(write: Write, message: &Message, effect: Effect, head: &Head, order: Order) -> Result<Write> {
    if message.channel != Channel::Sms || !effect.sets_sender {
        return Ok(write);
    }
    let id = message.at.message;
    if message.direction != Direction::Inbound {
        return Ok(match order {
            Order::Hidden => write,
            _ => write.set("texted_from", value(&message.from_address)?),
        });
    }
    let known = match head {
        Head::Seen(Some(view)) => view.head().and_then(|head| head.written_id),
        _ => None,
    };
    if known.is_some_and(|known| known >= id) {
        return Ok(write);
    }
    let write = match order {
        // The order of the conversation is a condition already.
        Order::Newest | Order::Shown => write,
        Order::Hidden => write.when_absent_or("written_id", "<", value(&id)?),
    };
    Ok(write.set("written_to", value(&message.to_address)?).set("written_id", value(&id)?))
}

fn counted(write: Write) -> Write {
    write.add("version", 1).add("messages_count", 1)
}

/// The longest that a list shows of a message, in characters: a text is never longer, a mail often is.
const LONGEST_PREVIEW: usize = 1_600;

/// What a list shows of the last message.
fn preview(write: Write, message: &Message) -> Result<Write> {
    Ok(write
        .set("last_message_id", value(&message.at.message)?)
        .set("last_message", s(message.body.0.chars().take(LONGEST_PREVIEW).collect::<String>()))
        .set("last_channel", value(&message.channel)?))
}

/// What an answer to a mail from the client refers to. A mail that proves no sender is continued in the conversation
/// that omega made for it, and in no other.
fn answerable(message: &Message, head: &Head) -> Option<Vec<String>> {
    let mail = message.mail.as_ref().filter(|_| message.direction == Direction::Inbound)?;
    let is_of_another = mail.is_unproven() && matches!(head, Head::Seen(Some(view)) if !view.client.unproven);
    if is_of_another {
        return None;
    }
    Some(domain::threading::chain(&mail.references, mail.message_id.as_deref()?))
}

impl Store {
    /// What a mail to a client refers to when it continues their conversation.
    pub async fn thread(&self, at: MessageRef) -> Result<Vec<String>> {
        let view = self.client_view(at.business, at.client).await?;
        Ok(view.and_then(|view| view.conversation).map(|head| head.mail_thread).unwrap_or_default())
    }
}

fn phone_of(address: &Address) -> Option<domain::phone::Phone> {
    match address {
        Address::Phone(phone) => Some(phone.clone()),
        _ => None,
    }
}

/// What stands in place of the number of a sender that has none: a short code, a name, or an address of another kind.
/// The writer of a mail has no number to stand in for.
fn sender_of(message: &Message) -> Option<Personal> {
    let address = message.client_address();
    name_of(address).filter(|_| *address != Address::anonymous() && message.channel != Channel::Email)
}

/// The name of a stranger of whom no other is known. Those who withhold their number are called `Anonymous`.
fn name_of(address: &Address) -> Option<Personal> {
    let is_name = !matches!(address, Address::Phone(_) | Address::Email(_));
    is_name.then(|| Personal(address.as_str().to_owned()))
}

fn email_of(address: &Address) -> Option<Personal> {
    address.email().map(|email| Personal(email.as_str().to_owned()))
}

/// What a refused addition found under the key of the client.
#[derive(Debug)]
pub(crate) enum Instead {
    /// The client, as they are.
    View(Option<Box<ClientView>>),
    /// They have another id now.
    Moved(ClientId),
    /// They are being forgotten.
    Erasing,
}

/// What to assume next, out of the item that refused part `index`.
pub(crate) fn instead(refused: &mut Refused, index: usize) -> Result<Instead> {
    let item: Option<Item> = refused.item(index);
    Ok(match item.map(Profile::out_of).transpose()? {
        Some(Profile::Moved(to)) => Instead::Moved(to),
        Some(Profile::Erasing) => Instead::Erasing,
        Some(Profile::Here(view)) => Instead::View(Some(view)),
        None => Instead::View(None),
    })
}

/// A larger id than any of the conversation, and than `fresh`.
pub(crate) fn larger_id(view: Option<&ClientView>, fresh: MessageId) -> MessageId {
    let head = view.and_then(ClientView::head);
    let newest = head.and_then(|head| head.newest_id.max(head.last_message_id));
    newest.map_or(fresh, |newest| fresh.max(newest.next()))
}
