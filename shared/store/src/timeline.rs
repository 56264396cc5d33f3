//! The timeline of a conversation: its messages and notes in one order, and what staff do with single ones.

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::{AttributeValue, Select, TransactWriteItem};
use domain::actor::Actor;
use domain::channel::{Category, Channel, Direction};
use domain::client::Client;
use domain::content::Text;
use domain::conversation::Conversation;
use domain::id::MessageRef;
use domain::inbox::{Cell, MessageFilter};
use domain::message::Message;
use domain::note::Note;
use domain::shards::Shards;
use domain::standing::Standing;
use domain::{BusinessId, ClientId, MessageId, RequestId, Result, Timestamp};

use crate::clients::{ClientView, Profile, changed};
use crate::conversations::{Instead, instead, larger_id, placed};
use crate::counts::kind;
use crate::expression::Write;
use crate::item::{Item, decode, encode, n, s, value};
use crate::keys::attribute::{PK, SK};
use crate::messages::{MESSAGE, Placing};
use crate::recounting::Counters;
use crate::{Store, keys};

/// The type of a note's item.
const NOTE: &str = "Note";
/// So many entries more than messages are read, because some may be notes.
const SOME_NOTES: usize = 5;
/// The most messages whose read mark changes in one transaction.
const AT_ONCE: usize = 50;

/// A message or a note.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A message.
    Message(Box<Message>),
    /// A note among staff.
    Note(Box<Note>),
}

impl Entry {
    fn out_of(item: Item) -> Result<Option<Entry>> {
        Ok(match kind(&item) {
            MESSAGE => Some(Entry::Message(Box::new(decode(item)?))),
            NOTE => Some(Entry::Note(Box::new(decode(item)?))),
            _ => None,
        })
    }

    /// Its id.
    pub fn id(&self) -> MessageId {
        match self {
            Entry::Message(message) => message.at.message,
            Entry::Note(note) => note.at.message,
        }
    }

    /// When it last changed.
    pub fn updated_at(&self) -> Timestamp {
        match self {
            Entry::Message(message) => message.updated_at,
            Entry::Note(note) => note.updated_at,
        }
    }

    /// Its words.
    pub fn body(&self) -> &Text {
        match self {
            Entry::Message(message) => &message.body,
            Entry::Note(note) => &note.note,
        }
    }

    /// The subject of a mail.
    pub fn subject(&self) -> Option<&Text> {
        match self {
            Entry::Message(message) => message.mail.as_ref().map(|mail| &mail.subject),
            Entry::Note(_) => None,
        }
    }
}

/// What to show of a timeline; all of it has to be true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
pub struct TimelineFilter {
    /// Unread or flagged ones.
    pub messages: MessageFilter,
    /// One channel.
    pub channel: Option<Channel>,
    /// One category.
    pub category: Option<Category>,
}

/// What kind of entries to read.
#[derive(Clone, Copy)]
enum Which {
    /// All, and the client's own item.
    All,
    /// Messages, of an instant and later.
    Messages { since: Option<Timestamp> },
}

/// Some of a timeline, newest first.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Client and conversation; `None` when the reading did not begin at the newest.
    pub view: Option<ClientView>,
    /// Messages and notes.
    pub entries: Vec<Entry>,
    /// Whether there are older ones that were not looked at.
    pub more: Option<MessageId>,
}

/// Which messages to mark, and how.
#[derive(Clone, Debug, Default)]
pub struct Marking {
    /// Read, or unread again.
    pub read: bool,
    /// Only these.
    pub ids: Option<Vec<MessageId>>,
    /// Only up to this one.
    pub up_to: Option<MessageId>,
    /// Only those of one channel.
    pub channel: Option<Channel>,
}

impl Marking {
    fn asks_for(&self, message: &Message) -> bool {
        message.direction == Direction::Inbound
            && message.is_read != self.read
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&message.at.message))
            && self.up_to.is_none_or(|last| message.at.message <= last)
            && self.channel.is_none_or(|channel| message.channel == channel)
    }
}

impl Store {
    /// The newest `most` entries older than `before`, in one query. From the newest on, the client comes with them;
    /// `None` then means that there is no such client.
    ///
    /// With a filter, what does not match is read and dropped; at most some 1 MB, so that there may be fewer.
    pub async fn timeline(
        &self,
        business: BusinessId,
        conversation: ClientId,
        filter: &TimelineFilter,
        before: Option<MessageId>,
        most: usize,
    ) -> Result<Option<Timeline>> {
        let narrow = *filter == TimelineFilter::default();
        let limit = narrow.then_some(most + 1 + usize::from(before.is_none()));
        let mut read = self.read_timeline(business, conversation, filter, (before, limit)).await?;
        if let Some(timeline) = read.as_mut().filter(|timeline| timeline.entries.len() > most) {
            timeline.entries.truncate(most);
            timeline.more = timeline.entries.last().map(Entry::id);
        }
        Ok(read)
    }

    /// The newest entries older than `before`, as many as one query gives: some 1 MB. For readers who look into each.
    pub async fn timeline_megabyte(
        &self,
        business: BusinessId,
        conversation: ClientId,
        before: Option<MessageId>,
    ) -> Result<Option<Timeline>> {
        self.read_timeline(business, conversation, &TimelineFilter::default(), (before, None)).await
    }

    async fn read_timeline(
        &self,
        business: BusinessId,
        conversation: ClientId,
        filter: &TimelineFilter,
        (before, limit): (Option<MessageId>, Option<usize>),
    ) -> Result<Option<Timeline>> {
        let mut client = conversation;
        for _ in 0..4 {
            let answer = self.query_timeline(business, client, filter, (before, limit), None).await?;
            let last = answer.last_evaluated_key.as_ref().and_then(entry_id);
            let nothing = answer.scanned_count == 0;
            let mut timeline = Timeline { view: None, entries: Vec::new(), more: last };
            let mut moved = None;
            for item in answer.items.unwrap_or_default() {
                match Entry::out_of(item.clone())? {
                    Some(entry) => timeline.entries.push(entry),
                    None => match Profile::out_of(item)? {
                        Profile::Here(view) => timeline.view = Some(*view),
                        Profile::Moved(to) => moved = Some(to),
                        Profile::Erasing => return Ok(None),
                    },
                }
            }
            if let Some(to) = moved {
                client = to;
                continue;
            }
            if before.is_none() && timeline.view.is_none() {
                return Ok(None);
            }
            if before.is_some() && nothing {
                // Behind the oldest one, or everything went to another client since the page before.
                match self.client_view(business, client).await? {
                    Some(view) if view.client.client_id != client => {
                        client = view.client.client_id;
                        continue;
                    }
                    Some(_) => {}
                    None => return Ok(None),
                }
            }
            return Ok(Some(timeline));
        }
        Err(domain::Error::internal("a client was moved in a circle"))
    }

    /// The newest `most` messages of a conversation without its notes, oldest first; only those that omega took at `since`
    /// or later, if that is given. One query, unless most of what it reads is dropped.
    pub async fn newest_messages(
        &self,
        business: BusinessId,
        conversation: ClientId,
        since: Option<Timestamp>,
        most: usize,
    ) -> Result<Vec<Message>> {
        let filter = TimelineFilter::default();
        let (mut messages, mut before): (Vec<Message>, _) = (Vec::new(), Some(newest()));
        // What was recorded from elsewhere stands where it was sent and not where it was taken, so with an instant all
        // of it has to be looked at.
        let limit = since.is_none().then_some(most + SOME_NOTES);
        while before.is_some() && messages.len() < most {
            let which = Which::Messages { since };
            let answer = self
                .query_some_timeline(business, conversation, &filter, which, (before, limit), None)
                .await?;
            before = answer.last_evaluated_key.as_ref().and_then(entry_id);
            for item in answer.items.unwrap_or_default() {
                messages.push(decode(item)?);
            }
        }
        messages.truncate(most);
        messages.reverse();
        Ok(messages)
    }

    /// A message or note, as it is now, wherever that is.
    pub async fn entry(&self, at: MessageRef) -> Result<Option<Entry>> {
        Ok(self.entry_item(at).await?.map(Entry::out_of).transpose()?.flatten())
    }

    /// How many entries of a timeline match a filter.
    pub async fn count_timeline(
        &self,
        business: BusinessId,
        client: ClientId,
        filter: &TimelineFilter,
    ) -> Result<u64> {
        let (mut sum, mut before) = (0, Some(newest()));
        while before.is_some() {
            let counted = Some(Select::Count);
            let answer = self.query_timeline(business, client, filter, (before, None), counted).await?;
            sum += u64::try_from(answer.count).unwrap_or(0);
            before = answer.last_evaluated_key.as_ref().and_then(entry_id);
        }
        Ok(sum)
    }

    /// Counts everything in a timeline, read once.
    pub(crate) async fn count_entries(&self, business: BusinessId, client: ClientId) -> Result<Counters> {
        let mut counters = Counters { messages: 0, unread: 0, flagged: 0 };
        let mut before = Some(newest());
        while before.is_some() {
            let all = TimelineFilter::default();
            let answer = self.query_timeline(business, client, &all, (before, None), None).await?;
            before = answer.last_evaluated_key.as_ref().and_then(entry_id);
            for item in answer.items.unwrap_or_default() {
                let is = |name: &str, value: bool| {
                    item.get(name).and_then(|value| value.as_bool().ok()) == Some(&value)
                };
                counters.messages += 1;
                counters.unread += u64::from(is("is_read", false));
                counters.flagged += u64::from(is("is_flagged", true));
            }
        }
        Ok(counters)
    }

    /// Every entry that changed at `since` or later and matches a filter, oldest change first.
    pub async fn changed_entries(
        &self,
        business: BusinessId,
        client: ClientId,
        filter: &TimelineFilter,
        since: Timestamp,
    ) -> Result<Vec<Entry>> {
        let (mut entries, mut before) = (Vec::new(), Some(newest()));
        while before.is_some() {
            let answer = self.query_timeline(business, client, filter, (before, None), None).await?;
            before = answer.last_evaluated_key.as_ref().and_then(entry_id);
            for item in answer.items.unwrap_or_default() {
                entries.extend(Entry::out_of(item)?.filter(|entry| entry.updated_at() >= since));
            }
        }
        entries.sort_by_key(|entry| (entry.updated_at(), entry.id()));
        Ok(entries)
    }

    async fn query_timeline(
        &self,
        business: BusinessId,
        client: ClientId,
        filter: &TimelineFilter,
        window: (Option<MessageId>, Option<usize>),
        select: Option<Select>,
    ) -> Result<QueryOutput> {
        self.query_some_timeline(business, client, filter, Which::All, window, select).await
    }

    async fn query_some_timeline(
        &self,
        business: BusinessId,
        client: ClientId,
        filter: &TimelineFilter,
        which: Which,
        (before, limit): (Option<MessageId>, Option<usize>),
        select: Option<Select>,
    ) -> Result<QueryOutput> {
        let profile = keys::profile(business, client);
        let last = match before {
            // Ids are integers: the largest key before this one is that of the id before it.
            Some(before) => format!("{}{:016}", keys::MESSAGES, before.get().saturating_sub(1)),
            None => profile.sk.clone(),
        };
        let mut call = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(profile.pk))
            .expression_attribute_values(":first", s(keys::MESSAGES))
            .expression_attribute_values(":last", s(last))
            .scan_index_forward(false)
            .consistent_read(true)
            .set_select(select)
            .set_limit(limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)));
        let mut conditions = Vec::new();
        let mut when = |name: &str, comparison: &str, value: AttributeValue| {
            conditions.push(format!("#{name} {comparison} :{name}"));
            (format!("#{name}"), name.to_owned(), format!(":{name}"), value)
        };
        let mut used = Vec::new();
        if let Which::Messages { since } = which {
            used.push(when("type", "=", s(MESSAGE)));
            used.extend(since.map(|since| when("created_at", ">=", s(since.to_string()))));
        }
        match filter.messages {
            MessageFilter::All => {}
            MessageFilter::Unread => used.push(when("is_read", "=", AttributeValue::Bool(false))),
            MessageFilter::Flagged => used.push(when("is_flagged", "=", AttributeValue::Bool(true))),
        }
        match filter.channel {
            None => {}
            Some(Channel::Note) => used.push(when("type", "=", s(NOTE))),
            Some(channel) => used.push(when("channel", "=", value(&channel)?)),
        }
        if let Some(category) = filter.category {
            used.push(when("category", "=", value(&category)?));
        }
        for (name, attribute, place, value) in used {
            call = call.expression_attribute_names(name, attribute).expression_attribute_values(place, value);
        }
        if !conditions.is_empty() {
            let matching = conditions.join(" AND ");
            // The client's own item comes along, whatever is asked for.
            call = call
                .filter_expression(format!("attribute_exists(#changed_at) OR ({matching})"))
                .expression_attribute_names("#changed_at", "changed_at");
        }
        call.send().await.map_err(crate::error::from_sdk)
    }

    /// Stores a note in a conversation, once for each request: in one transaction with the head of the conversation. It
    /// counts as nothing, reopens nothing and is shown by no list. `None` when there is no such conversation.
    pub async fn add_note(
        &self,
        note: &Note,
        request: RequestId,
        shards: Shards,
    ) -> Result<Option<MessageId>> {
        let mut at = MessageRef { message: self.new_message_id(), ..note.at };
        let mut placing = Placing::begin();
        loop {
            let now = self.clock().now();
            let note = Note { at, created_at: now, updated_at: now, ..note.clone() };
            let id = value(&at.message)?;
            let write = Write::new()
                .add("version", 1)
                .add("messages_count", 1)
                .set("updated_by", s(note.by.name()))
                .set("newest_id", id.clone())
                .when_present("inbox_status")
                .when_absent_or("newest_id", "<", id);
            let write = changed(write, at.business, at.client, shards, now);
            let parts = vec![
                self.tx_put(encode(keys::message(at), NOTE, &note)?, Write::new().if_new())?,
                self.tx_put_pointer(at)?,
                self.tx_update(keys::profile(at.business, at.client), write)?,
                self.tx_put_request_message(at, request, 0, now)?,
            ];
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Some(at.message)),
                Err(refused) => refused,
            };
            if let Some(stored) = refused.item(3) {
                return Ok(Some(crate::messages::message_in(&stored)?));
            }
            if refused.failed(2) {
                match instead(&mut refused, 2)? {
                    Instead::Moved(to) => at.client = to,
                    Instead::Erasing => return Ok(None),
                    Instead::View(Some(view)) if view.conversation.is_some() => {
                        at.message = larger_id(Some(&view), self.new_message_id());
                    }
                    Instead::View(_) => return Ok(None),
                }
            } else {
                at.message = self.new_message_id();
            }
            placing.again().await?;
        }
    }

    /// Flags a message or note, or takes the flag away. `Some(false)` when it was so already, `None` when there is no
    /// such message.
    pub async fn flag(
        &self,
        at: MessageRef,
        flagged: bool,
        actor: Actor,
        shards: Shards,
    ) -> Result<Option<bool>> {
        let mut at = at;
        let mut placing = Placing::begin();
        loop {
            let view = self.client_view(at.business, at.client).await?;
            let Some(view) = view else { return Ok(None) };
            let opened = view.conversation.is_some();
            let ClientView { client, conversation, unopened } = view;
            let Some(head) = conversation.or(unopened) else { return Ok(None) };
            at.client = client.client_id;
            let now = self.clock().now();
            let message = Write::new()
                .set("is_flagged", value(&flagged)?)
                .set("updated_at", s(now.to_string()))
                .if_exists()
                .when("is_flagged", "=", value(&!flagged)?);
            let count = if flagged {
                head.messages_flagged_count + 1
            } else {
                head.messages_flagged_count.saturating_sub(1)
            };
            let standing = Standing { flagged: count > 0, ..head.standing() };
            let cells = |standing| Cell {
                client_type: client.client_type,
                location: client.location_id,
                standing: opened.then_some(standing),
            };
            let write = Write::new()
                .set("messages_flagged_count", n(count))
                .when_count("messages_flagged_count", head.messages_flagged_count);
            let (profile, rest) = self.marked(
                write,
                (at.business, &head, shards),
                (cells(head.standing()), cells(standing)),
                actor,
                now,
            )?;
            let mut parts = vec![self.tx_update(keys::message(at), message)?, profile];
            parts.extend(rest);
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Some(true)),
                Err(refused) => refused,
            };
            if refused.failed(0) {
                if refused.item(0).is_some() {
                    return Ok(Some(false));
                }
                match self.moved_from(at).await? {
                    Some(now) => at = now,
                    None => return Ok(None),
                }
            }
            placing.again().await?;
        }
    }

    /// The part of a transaction that changes a head after its messages were marked.
    fn marked(
        &self,
        write: Write,
        (business, head, shards): (BusinessId, &Conversation, Shards),
        (from, to): (Cell, Cell),
        actor: Actor,
        now: Timestamp,
    ) -> Result<(TransactWriteItem, Vec<TransactWriteItem>)> {
        let client = head.client_id;
        let mut rest = Vec::new();
        let write = self.recounted(write, &mut rest, (business, client, shards), Some(&from), Some(&to))?;
        let write = match &to.standing {
            Some(standing) => placed(write, business, client, standing, shards),
            None => write,
        };
        let write = changed(write, business, client, shards, now)
            .add("version", 1)
            .set("updated_by", s(actor.name()));
        Ok((self.tx_update(keys::profile(business, client), write)?, rest))
    }

    /// The parts of a transaction that change a head together with messages of it, and its unread count and read mark
    /// after that: of the messages that are marked, those that are marked later, and the oldest that stays unread.
    fn head_marked(
        &self,
        (client, head): (&Client, &Conversation),
        marking: &Marking,
        (marked, later, stays): (&[MessageId], &[MessageId], Option<MessageId>),
        actor: Actor,
        shards: Shards,
    ) -> Result<(Vec<TransactWriteItem>, u64, Option<MessageId>)> {
        let by = marked.len() as u64;
        let count = if marking.read {
            head.unread_messages_count.saturating_sub(by)
        } else {
            head.unread_messages_count + by
        };
        let cells = |unread| Cell {
            client_type: client.client_type,
            location: client.location_id,
            standing: Some(Standing { unread, ..head.standing() }),
        };
        let mark = read_up_to(head, marking, marked, later, &stays, count);
        let write = Write::new()
            .set("unread_messages_count", n(count))
            .when_count("unread_messages_count", head.unread_messages_count)
            .put("last_read_message_id", mark.map(|id| n(id.get())));
        let write = match head.last_read_message_id {
            Some(mark) => write.when("last_read_message_id", "=", n(mark)),
            None => write.when_absent("last_read_message_id"),
        };
        let (profile, mut parts) = self.marked(
            write,
            (client.business_id, head, shards),
            (cells(head.unread_messages_count > 0), cells(count > 0)),
            actor,
            self.clock().now(),
        )?;
        parts.insert(0, profile);
        Ok((parts, count, mark))
    }

    /// The parts of a transaction that change the head of an unread message which is read from then on, by itself: a call
    /// that was answered. The message itself is the caller's to change. `None` when the client is not at that place.
    pub(crate) async fn read_by_itself(
        &self,
        at: MessageRef,
        shards: Shards,
    ) -> Result<Option<Vec<TransactWriteItem>>> {
        let Some(view) = self.client_view(at.business, at.client).await? else { return Ok(None) };
        let ClientView { client, conversation: Some(head), .. } = view else { return Ok(None) };
        if head.client_id != at.client {
            return Ok(None);
        }
        let marking = Marking { read: true, ids: Some(vec![at.message]), ..Marking::default() };
        let (_, stays) = self.to_be_marked(at.business, &head, &marking).await?;
        let marked = (&[at.message][..], &[][..], stays);
        let (parts, ..) = self.head_marked((&client, &head), &marking, marked, Actor::System, shards)?;
        Ok(Some(parts))
    }

    /// Marks messages of one conversation as read or unread, and says how many changed: the head, then a query for each
    /// page of messages, then one transaction for each fifty. The unread count changes with them.
    pub async fn mark(
        &self,
        business: BusinessId,
        conversation: ClientId,
        marking: &Marking,
        actor: Actor,
        shards: Shards,
    ) -> Result<u64> {
        let reader = match actor {
            Actor::Staff { id } if marking.read => Some(id),
            _ => None,
        };
        let mut changes = 0;
        let mut placing = Placing::begin();
        'anew: loop {
            let view = self.client_view(business, conversation).await?;
            let Some(ClientView { client, conversation: Some(mut head), .. }) = view else {
                return Ok(changes);
            };
            let (found, left) = self.to_be_marked(business, &head, marking).await?;
            for (n_chunk, chunk) in found.chunks(AT_ONCE).enumerate() {
                let now = self.clock().now();
                let later = &found[((n_chunk + 1) * AT_ONCE).min(found.len())..];
                let marked = (chunk, later, left);
                let (mut parts, count, mark) =
                    self.head_marked((&client, &head), marking, marked, actor, shards)?;
                for message in chunk {
                    let at = MessageRef { business, client: head.client_id, message: *message };
                    let write = Write::new()
                        .set("is_read", value(&marking.read)?)
                        .put("read_by", reader.map(|staff| n(staff.get())))
                        .set("updated_at", s(now.to_string()))
                        .if_exists()
                        .when("is_read", "=", value(&!marking.read)?);
                    parts.push(self.tx_update(keys::message(at), write)?);
                }
                if self.transact(parts).await?.is_err() {
                    placing.again().await?;
                    continue 'anew;
                }
                changes += chunk.len() as u64;
                head.unread_messages_count = count;
                head.last_read_message_id = mark;
            }
            return Ok(changes);
        }
    }

    /// The messages that a marking asks for, and the oldest unread one that stays unread, newest first.
    async fn to_be_marked(
        &self,
        business: BusinessId,
        head: &Conversation,
        marking: &Marking,
    ) -> Result<(Vec<MessageId>, Option<MessageId>)> {
        let (mut found, mut stays) = (Vec::new(), None);
        if let Some(ids) = marking.ids.as_ref().filter(|_| !marking.read) {
            let at =
                |id: &MessageId| keys::message(MessageRef { business, client: head.client_id, message: *id });
            for hundred in ids.chunks(100) {
                for item in self.batch_get(hundred.iter().map(at).collect()).await? {
                    if let Some(Entry::Message(message)) = Entry::out_of(item)?
                        && marking.asks_for(&message)
                    {
                        found.push(message.at.message);
                    }
                }
            }
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.dedup();
            return Ok((found, stays));
        }
        // All that is unread has to be seen to know up to where everything is read; no more than that.
        let mut unread = if marking.read { head.unread_messages_count } else { u64::MAX };
        let filter = TimelineFilter {
            messages: if marking.read { MessageFilter::Unread } else { MessageFilter::All },
            ..TimelineFilter::default()
        };
        let mut before = match marking.up_to.filter(|_| !marking.read) {
            Some(last) => Some(last.next()),
            None => Some(newest()),
        };
        while unread > 0 && before.is_some() {
            let answer = self.query_timeline(business, head.client_id, &filter, (before, None), None).await?;
            before = answer.last_evaluated_key.as_ref().and_then(entry_id);
            for item in answer.items.unwrap_or_default() {
                let Some(Entry::Message(message)) = Entry::out_of(item)? else { continue };
                if marking.asks_for(&message) {
                    found.push(message.at.message);
                } else if !message.is_read {
                    stays = Some(message.at.message);
                }
                if marking.read {
                    unread = unread.saturating_sub(1);
                }
            }
        }
        Ok((found, stays))
    }

    /// The conversations that messages belong to, by their ids alone: one read for each hundred.
    pub async fn locate_all(&self, business: BusinessId, messages: &[MessageId]) -> Result<Vec<MessageRef>> {
        #[derive(serde::Deserialize)]
        struct Pointer {
            client_id: ClientId,
            message_id: MessageId,
        }
        let mut found = Vec::with_capacity(messages.len());
        let mut wanted = messages.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        for hundred in wanted.chunks(100) {
            let keys = hundred.iter().map(|message| keys::message_pointer(business, *message)).collect();
            for item in self.batch_get(keys).await? {
                let pointer: Pointer = decode(item)?;
                found.push(MessageRef { business, client: pointer.client_id, message: pointer.message_id });
            }
        }
        Ok(found)
    }
}

/// Up to where everything is read after `chunk` is marked. `rest` is marked later, `stays` is what stays unread.
fn read_up_to(
    head: &Conversation,
    marking: &Marking,
    chunk: &[MessageId],
    rest: &[MessageId],
    stays: &Option<MessageId>,
    count: u64,
) -> Option<MessageId> {
    let before = |id: MessageId| MessageId::new(id.get().saturating_sub(1));
    if count == 0 {
        return head.newest_id.max(head.last_message_id);
    }
    if !marking.read {
        let oldest = chunk.iter().min().copied().and_then(before);
        return head.last_read_message_id.min(oldest);
    }
    let oldest_left = rest.iter().min().copied().into_iter().chain(*stays).min();
    oldest_left.and_then(before).or(head.last_read_message_id)
}

/// Behind every id there is.
fn newest() -> MessageId {
    MessageId::at(Timestamp::from_millis(i64::MAX / 2), u16::MAX)
}

/// The id in a key of the timeline.
fn entry_id(key: &Item) -> Option<MessageId> {
    let sk = key.get(SK)?.as_s().ok()?;
    sk.strip_prefix(keys::MESSAGES)?.parse().ok().and_then(MessageId::new)
}
