//! Messages: accepting one to send, recording one from elsewhere, reading.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::channel::Channel;
use domain::conversation::Effect;
use domain::destination::{Reach, Unreachable};
use domain::failure::Failure;
use domain::id::MessageRef;
use domain::job::{LONGEST_DELAY, Recording};
use domain::message::{Listed, Message};
use domain::place::{Neighbour, REACH_MS, Rank, place};
use domain::sender::Sender;
use domain::shards::Shards;
use domain::status::Status;
use domain::{BusinessId, ClientId, Error, MessageId, RequestId, Result, Timestamp};
use futures_util::future::try_join;
use serde::Deserialize;
use tokio::time::Instant;

use crate::clients::{ClientView, being_erased};
use crate::consent::Objection;
use crate::conversations::{Head, Instead, Order, Stranger, instead, larger_id};
use crate::counts::kind;
use crate::expression::Write;
use crate::item::{Item, decode, encode, s, stamp, until, value};
use crate::keys::attribute::GSI1;
use crate::reach::closed;
use crate::sending::moved;
use crate::transaction::pause;
use crate::{Store, keys};

/// How long a message that lost a race for its place is placed anew. Less than a function may run.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a queued message may stay unclaimed before the sweeper queues it again.
const OUTBOX_GRACE: Duration = Duration::from_secs(60);
/// How long the messages of a request are found by its id.
const REQUEST_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// Goes on placing a message until it has its place or the time is up. A random pause before each new try.
#[derive(Debug)]
pub(crate) struct Placing {
    begun: Instant,
    tries: u32,
}

impl Placing {
    pub(crate) fn begin() -> Placing {
        Placing { begun: Instant::now(), tries: 0 }
    }

    /// Goes on at once, the first time: what stood in the way was an assumption, and it was seen what is true.
    ///
    /// # Errors
    /// As [`Placing::again`].
    pub(crate) async fn after_a_look(&mut self) -> Result<()> {
        if self.tries == 0 {
            self.tries = 1;
            return Ok(());
        }
        self.again().await
    }

    /// Waits a moment before another try.
    ///
    /// # Errors
    /// `Unavailable` when the time is up.
    pub(crate) async fn again(&mut self) -> Result<()> {
        if self.begun.elapsed() > PATIENCE {
            return Err(Error::Unavailable("the conversation is too busy".into()));
        }
        self.tries += 1;
        tokio::time::sleep(pause(self.tries)).await;
        Ok(())
    }
}

/// The type of a message's item. A note's is another: whatever sends or reports reads messages only.
pub(crate) const MESSAGE: &str = "Message";

/// What became of a message that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored, under this id.
    Stored(MessageId),
    /// The same one was stored before, under this id: a repeated call.
    AlreadyStored(MessageId),
    /// The client opted out of texts, or mail to them is suppressed. Nothing is stored.
    OptedOut,
    /// Twilio blocks texts from this sender to the client, since then. Nothing is stored.
    SenderBlocked(Timestamp),
    /// Twilio blocks texts to the client from every number that the text could leave from. Nothing is stored.
    NoSenderLeft,
    /// The business may not text the number, or not now. Nothing is stored.
    Unreachable(Unreachable),
}

impl Accepted {
    /// The id under which it is stored, if it is.
    pub fn id(&self) -> Option<MessageId> {
        match self {
            Accepted::Stored(id) | Accepted::AlreadyStored(id) => Some(*id),
            Accepted::OptedOut
            | Accepted::SenderBlocked(_)
            | Accepted::NoSenderLeft
            | Accepted::Unreachable(_) => None,
        }
    }

    /// Why it is not stored, if it is not.
    pub fn refusal(&self, channel: Channel) -> Option<Failure> {
        match self {
            Accepted::Stored(_) | Accepted::AlreadyStored(_) => None,
            Accepted::OptedOut => Some(Failure::unwanted(channel)),
            Accepted::SenderBlocked(since) => Some(Failure::sender_blocked(*since)),
            Accepted::NoSenderLeft => Some(Failure::no_sender_left()),
            Accepted::Unreachable(why) => Some(why.failure()),
        }
    }
}

impl Store {
    /// A new id for somebody whom the directory has not named.
    pub fn new_client_id(&self) -> ClientId {
        self.ids.next(self.clock().now())
    }

    /// A new message id.
    pub fn new_message_id(&self) -> MessageId {
        self.ids.next(self.clock().now())
    }

    /// Stores an outbound message as queued, in one transaction: the message and its pointer, the head of its
    /// conversation, its place in the request, the client's address, and the count of texts to it within the hour, under the
    /// condition of consent, `reach` and the count. It is in the due index from then on, so that a message whose job is lost
    /// is found.
    ///
    /// The first message to a client takes one transaction more: the first one finds out that there is none. The id in
    /// `message` is a proposal: when another message of the conversation took a larger one first, a larger one is
    /// chosen, so that ids go up in the order of acceptance. `provisional` says that the id of a new client is ours.
    ///
    /// A text whose sender nobody named comes with the numbers it may leave from, the first of which is in `message`. A
    /// number that Twilio blocks for the client is passed over.
    pub async fn accept(
        &self,
        message: &mut Message,
        request: RequestId,
        index: usize,
        (shards, provisional): (Shards, bool),
        (senders, reach): (&[Sender], Reach),
    ) -> Result<Accepted> {
        let effect = Effect::of(message.direction, message.category, false);
        let mut head = Head::Usual;
        let mut placing = Placing::begin();
        loop {
            let at = message.at;
            let due = due_for(message.send_at, message.created_at);
            let stranger = Stranger { provisional, ..Stranger::default() };
            let added = self.add_message(message, effect, &head, Order::Newest, (shards, stranger))?;
            let mut parts = vec![
                self.tx_put_message(message, Some(due))?,
                self.tx_put_pointer(at)?,
                added.profile,
                self.tx_put_request_message(at, request, index, message.created_at)?,
                self.tx_consent_check(message)?,
            ];
            let has_address = message.mail.is_none() || !head.is_unproven();
            if has_address {
                parts.push(self.tx_lead_address(
                    at.business,
                    at.client,
                    &message.to_address,
                    Write::new().when_open(reach),
                )?);
            }
            let leaves_at = message.send_at.unwrap_or(message.created_at);
            let count = self.tx_count_in_hour(at.business, &message.to_address, leaves_at)?;
            let (is_counted, count_part) = (count.is_some(), parts.len());
            parts.extend(count);
            parts.extend(added.rest);
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Accepted::Stored(at.message)),
                Err(refused) => refused,
            };
            if let Some(stored) = refused.item(3) {
                return Ok(Accepted::AlreadyStored(message_in(&stored)?));
            }
            if refused.failed(4) {
                let item = refused.item(4);
                let since = match Store::objection_of(message, item.as_ref()) {
                    Objection::Unwanted => return Ok(Accepted::OptedOut),
                    Objection::Blocked(since) => since,
                };
                let free = |sender: &&Sender| {
                    item.as_ref().is_none_or(|item| Objection::of(item, &sender.address).is_none())
                };
                match senders.iter().find(free) {
                    Some(sender) => {
                        message.from_address = sender.address.clone();
                        message.from_reason = Some(sender.reason);
                    }
                    None if senders.is_empty() => return Ok(Accepted::SenderBlocked(since)),
                    None => return Ok(Accepted::NoSenderLeft),
                }
                placing.after_a_look().await?;
                continue;
            }
            if has_address && refused.failed(5) {
                return Ok(Accepted::Unreachable(closed(reach)));
            }
            if is_counted && refused.failed(count_part) {
                return Ok(Accepted::Unreachable(Unreachable::TooOften));
            }
            if refused.failed(2) {
                match instead(&mut refused, 2)? {
                    Instead::Moved(to) => message.at.client = to,
                    Instead::Erasing => return Err(being_erased()),
                    Instead::View(view) => {
                        message.at.message = larger_id(view.as_deref(), self.new_message_id());
                        head = Head::Seen(view);
                    }
                }
                placing.after_a_look().await?;
            } else {
                message.at.message = self.new_message_id();
                placing.again().await?;
            }
        }
    }

    /// Stores a message that another system carried, once for each id of that system, in one transaction. Its id is its
    /// place among the messages of its time: it is chosen after a look at the head and at the messages of that
    /// millisecond, and the transaction is refused when the conversation changed since.
    pub async fn record(&self, recording: &Recording) -> Result<Accepted> {
        let mut message = recording.message.clone();
        message.updated_at = self.clock().now();
        let request = message.request_id.ok_or_else(|| Error::internal("a recording names no request"))?;
        let effect = recording.effect();
        let mut placing = Placing::begin();
        let mut taken = 0;
        loop {
            let (business, client) = (message.at.business, message.at.client);
            let rank = Rank { time: recording.order_at, ..message.rank() };
            let (view, neighbours) =
                try_join(self.client_view(business, client), self.neighbours(business, client, rank.time))
                    .await?;
            if let Some(moved) = view.as_ref().map(|view| view.client.client_id).filter(|is| *is != client) {
                message.at.client = moved;
                placing.after_a_look().await?;
                continue;
            }
            message.at.message = place(client, rank, &neighbours, taken);
            let (order, head) = Store::seen(view, message.at);
            // Mail with a client whose address is not proven gives them none.
            let has_address = message.mail.is_none() || !head.is_unproven();
            let at = message.at;
            let stranger = Stranger::default();
            let added = self.add_message(&message, effect, &head, order, (recording.shards, stranger))?;
            let mut parts = vec![
                self.tx_put_message(&message, None)?,
                self.tx_put_pointer(at)?,
                added.profile,
                self.tx_put_request_message(at, request, recording.index, message.created_at)?,
            ];
            if let Some(external) = message.external_id {
                let item = external_item(at, message.channel, external)?;
                parts.push(self.tx_put(item, Write::new().if_new())?);
            }
            let (client, address) = (at.client, message.client_address());
            if has_address {
                // What is filled in later says nothing of whom a number leads to now.
                parts.push(if recording.historical {
                    self.tx_keep_address(at.business, client, address)?
                } else {
                    self.tx_put_address(at.business, client, address)?
                });
            }
            parts.extend(added.rest);
            let mut refused = match self.transact(parts).await? {
                Ok(()) => {
                    self.follow(&message).await?;
                    return Ok(Accepted::Stored(at.message));
                }
                Err(refused) => refused,
            };
            if let Some(stored) = refused.item(3) {
                // The same job again: what came after storing it may be missing.
                let message = Message { at: MessageRef { message: message_in(&stored)?, ..at }, ..message };
                self.follow(&message).await?;
                return Ok(Accepted::AlreadyStored(message.at.message));
            }
            if let Some(stored) = message.external_id.and_then(|_| refused.item(4)) {
                // The call that names it again finds it as well. Refused means that it does already.
                let (client, message) = (crate::clients::client_in(&stored)?, message_in(&stored)?);
                let known = MessageRef { client, message, ..at };
                let link = self.tx_put_request_message(
                    known,
                    request,
                    recording.index,
                    recording.message.created_at,
                )?;
                let _ = self.transact(vec![link]).await?;
                return Ok(Accepted::AlreadyStored(message));
            }
            if refused.failed(1) {
                taken += 1;
            }
            if refused.failed(2) {
                match instead(&mut refused, 2)? {
                    Instead::Moved(to) => message.at.client = to,
                    Instead::Erasing => return Err(being_erased()),
                    Instead::View(_) => {}
                }
                placing.after_a_look().await?;
            } else {
                placing.again().await?;
            }
        }
    }

    /// The messages and notes of a conversation from a time on, by id, as far as [`place`] looks.
    async fn neighbours(
        &self,
        business: BusinessId,
        client: ClientId,
        time: Timestamp,
    ) -> Result<Vec<Neighbour>> {
        let key = |id: MessageId| keys::message(MessageRef { business, client, message: id });
        let end = Timestamp::from_millis(time.as_millis() + REACH_MS);
        let (from, to) = (key(MessageId::at(time, 0)), key(MessageId::at(end, u16::MAX)));
        let items = self.query_all(from.pk, (&from.sk, &to.sk)).await?;
        items.into_iter().map(|item| decode::<Placed>(item).map(Neighbour::from)).collect()
    }

    /// Lets the provider's id of a mail that was sent elsewhere lead to it, and applies what the provider reported
    /// before. The first one to name an id has it.
    async fn follow(&self, message: &Message) -> Result<()> {
        let Some(id) = message.provider_message_id.as_deref().filter(|_| message.mail.is_some()) else {
            return Ok(());
        };
        self.claim_provider_id(message.provider_of_id(), id, message).await
    }

    /// The head to assume for a conversation that was just read, and where message `at` stands in it.
    fn seen(view: Option<ClientView>, at: MessageRef) -> (Order, Head) {
        let shown = view.as_ref().and_then(|view| view.head()?.last_message_id);
        let order = if shown.is_some_and(|shown| shown >= at.message) { Order::Hidden } else { Order::Shown };
        (order, Head::Seen(view.map(Box::new)))
    }

    /// A part of a transaction that stores a new message, and puts it into the due index when something has to happen
    /// to it at `due`.
    pub(crate) fn tx_put_message(
        &self,
        message: &Message,
        due: Option<Timestamp>,
    ) -> Result<TransactWriteItem> {
        let mut item = encode(keys::message(message.at), MESSAGE, message)?;
        if let Some(due) = due {
            item.insert(GSI1.1.to_owned(), s(keys::due(keys::due_shard(message.at.message.get()))));
            item.insert(GSI1.2.to_owned(), s(keys::due_at(due, message.at)));
        }
        self.tx_put(item, Write::new().if_new())
    }

    /// A part of a transaction that lets a message be found by its id, and refuses an id that is taken.
    pub(crate) fn tx_put_pointer(&self, at: MessageRef) -> Result<TransactWriteItem> {
        let mut item = stamp(keys::message_pointer(at.business, at.message), "MessagePointer");
        item.insert("client_id".to_owned(), value(&at.client)?);
        item.insert("message_id".to_owned(), value(&at.message)?);
        self.tx_put(item, Write::new().if_new())
    }

    pub(crate) fn tx_put_request_message(
        &self,
        at: MessageRef,
        request: RequestId,
        index: usize,
        now: Timestamp,
    ) -> Result<TransactWriteItem> {
        let mut item = stamp(keys::request_message(at.business, request, index), "RequestMessage");
        item.insert("client_id".to_owned(), value(&at.client)?);
        item.insert("message_id".to_owned(), value(&at.message)?);
        self.tx_put(until(item, now.plus(REQUEST_TTL)), Write::new().if_new())
    }

    /// Where a message is, by its id alone.
    pub async fn locate(&self, business: BusinessId, message: MessageId) -> Result<Option<MessageRef>> {
        let pointer = self.get(keys::message_pointer(business, message), true).await?;
        let Some(item) = pointer else { return Ok(None) };
        let client: ClientId = crate::clients::client_in(&item)?;
        Ok(Some(MessageRef { business, client, message }))
    }

    /// Where a message is that is not at `at`: with the client whom the directory named since. `None` when it is nowhere.
    pub(crate) async fn moved_from(&self, at: MessageRef) -> Result<Option<MessageRef>> {
        Ok(self.locate(at.business, at.message).await?.filter(|now| now.client != at.client))
    }

    /// A message, as it is now, wherever that is. A note is none.
    pub async fn message(&self, at: MessageRef) -> Result<Option<Message>> {
        let item = self.entry_item(at).await?;
        item.filter(|item| kind(item) == MESSAGE).map(decode).transpose()
    }

    /// The item of a message or note, wherever that is.
    pub(crate) async fn entry_item(&self, at: MessageRef) -> Result<Option<Item>> {
        if let Some(item) = self.get(keys::message(at), true).await? {
            return Ok(Some(item));
        }
        match self.moved_from(at).await? {
            Some(now) => self.get(keys::message(now), true).await,
            None => Ok(None),
        }
    }

    /// Takes back a message that no sender has claimed. `Err` of the inner result is the message as it is instead.
    pub async fn cancel(&self, at: MessageRef) -> Result<Result<(), Option<Box<Message>>>> {
        let (mut at, now) = (at, self.clock().now());
        loop {
            let write = moved(at, Status::Canceled, now)?
                .remove(GSI1.1)
                .remove(GSI1.2)
                .if_exists()
                .when("status_rank", "=", value(&Status::Queued.rank())?)
                // What another system carries is not ours to take back.
                .when("attempt", ">", value(&0)?);
            let event = self.tx_put_event(
                at,
                &crate::events::applied(domain::report::Source::Api, 0, Status::Canceled, now),
            )?;
            let parts = vec![self.tx_update(keys::message(at), write)?, event];
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Ok(())),
                Err(refused) => refused,
            };
            if let Some(stored) = refused.item(0) {
                let message = (kind(&stored) == MESSAGE).then(|| decode::<Message>(stored)).transpose()?;
                return Ok(Err(message.map(Box::new)));
            }
            match self.moved_from(at).await? {
                Some(now) => at = now,
                None => return Ok(Err(None)),
            }
        }
    }
}

/// The item that lets another system's id lead to a message.
pub(crate) fn external_item(at: MessageRef, channel: Channel, id: u64) -> Result<Item> {
    let mut item = stamp(keys::external(at.business, channel, id), "External");
    item.insert("message_id".to_owned(), value(&at.message)?);
    item.insert("client_id".to_owned(), value(&at.client)?);
    Ok(item)
}

/// When the sweeper looks after a message that is to be sent at `send_at`. Beyond the queue's reach there is no job, so
/// the sweeper is the one to queue it, on time; for all else it steps in when the job is late.
pub(crate) fn due_for(send_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match send_at {
        Some(at) if at.since(now) > LONGEST_DELAY => at,
        at => at.unwrap_or(now).plus(OUTBOX_GRACE),
    }
}

/// The message id in a pointer-like item.
pub(crate) fn message_in(item: &Item) -> Result<MessageId> {
    item.get("message_id")
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
        .and_then(MessageId::new)
        .ok_or_else(|| Error::internal("an item names no message"))
}

/// The fields of a stored message or note that decide its order.
#[derive(Deserialize)]
struct Placed {
    message_id: MessageId,
    created_at: Timestamp,
    #[serde(default)]
    sent_at: Option<String>,
    #[serde(default)]
    request_id: Option<RequestId>,
    #[serde(default)]
    listed: Option<Listed>,
}

impl From<Placed> for Neighbour {
    fn from(stored: Placed) -> Neighbour {
        let id = stored.message_id;
        let accepted_at = stored.created_at;
        // The id of what was not recorded is its time.
        let sent_at = stored.sent_at.as_deref().and_then(Timestamp::parse).filter(|at| *at <= accepted_at);
        let time = if stored.listed.is_some() { sent_at.unwrap_or(accepted_at) } else { id.time() };
        let Listed { index, rest } = stored.listed.unwrap_or_default();
        Neighbour { id, rank: Rank { time, accepted_at, request: stored.request_id, index, rest } }
    }
}
