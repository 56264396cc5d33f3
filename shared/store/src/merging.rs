//! Merging a stranger with the client whom the directory named.
//!
//! The directory's write and the beginning of the merge are one transaction. From then on the stranger's messages go
//! over in steps, each a transaction that moves some of them with everything that leads to them and keeps both heads
//! and all counts right. The first step takes along how staff stand with the conversation; the last one leaves an alias
//! in the stranger's place, so that their id is good for ever. A message that a sender holds is not moved under its
//! hands. What dies on the way is due, and the sweeper goes on with it.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::actor::Actor;
use domain::channel::{Channel, Direction, Provider, provider_of_id};
use domain::conversation::{Cause, Conversation};
use domain::id::MessageRef;
use domain::inbox::Cell;
use domain::merging::{Moved, changes, joined, left_behind};
use domain::shards::Shards;
use domain::{BusinessId, ClientId, Error, MessageId, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clients::{ClientView, Profile, changed, terms};
use crate::conversations::{as_seen, placed};
use crate::expression::Write;
use crate::handling::Asked;
use crate::item::{Item, decode, encode, s, stamp, value};
use crate::keys::attribute::{GSI1, PK, SK};
use crate::keys::{Key, span};
use crate::messages::Placing;
use crate::{Store, keys};

/// Steps inside the call of the directory.
const AT_ONCE: usize = 6;
/// Steps of one run of the sweeper.
const IN_A_RUN: usize = 300;
/// When the sweeper looks after a merge that is not done. Longer than a call or a run works on it.
const AGAIN: Duration = Duration::from_secs(60);
/// Entries that are looked at for one step.
const LOOKED_AT: i32 = 40;
/// The parts of a transaction that messages and the history may take. It has 100, and both heads, their counts, what
/// finds the stranger, their tombstone and what the history tells of the merge are in it as well.
const PARTS: usize = 77;

/// A merge that is not done yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DueMerge {
    business_id: BusinessId,
    from_client_id: ClientId,
    into_client_id: ClientId,
    #[serde(default)]
    shards: Shards,
}

impl DueMerge {
    pub(crate) fn new(
        business: BusinessId,
        stranger: ClientId,
        client: ClientId,
        shards: Shards,
    ) -> DueMerge {
        DueMerge { business_id: business, from_client_id: stranger, into_client_id: client, shards }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something went over, and there is more.
    Moved,
    /// Something changed meanwhile.
    Refused,
    /// All that is left has to wait.
    Held,
    /// There is nothing left to do.
    Over,
}

/// What a step needs to know of an entry, of whatever kind.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    message_id: MessageId,
    #[serde(default)]
    channel: Option<Channel>,
    #[serde(default)]
    external_id: Option<u64>,
    #[serde(default)]
    direction: Option<Direction>,
    #[serde(default)]
    provider: Option<Provider>,
    #[serde(default)]
    provider_message_id: Option<String>,
    #[serde(default)]
    attempt: u32,
    #[serde(default = "read")]
    is_read: bool,
    #[serde(default)]
    is_flagged: bool,
    #[serde(default)]
    lease_until: Option<Timestamp>,
}

impl Entry {
    /// Whose id it carries.
    fn provider_of_id(&self) -> Provider {
        let (Some(channel), Some(direction)) = (self.channel, self.direction) else {
            return Provider::External;
        };
        provider_of_id(self.provider, channel, direction)
    }
}

/// What has no mark of its own, as a note, is not to be read.
fn read() -> bool {
    true
}

/// What one step moves.
#[derive(Debug, Default)]
struct Load {
    parts: Vec<TransactWriteItem>,
    moved: Moved,
    /// Nothing is left behind.
    is_last: bool,
    /// What is left behind is in somebody's hands.
    is_held: bool,
}

/// Everything that somebody changes of a message or note that is stored. One of them is another after every write.
const CHANGING: [&str; 21] = [
    "attempt",
    "call",
    "delivered_at",
    "delivery_status",
    "failure",
    GSI1.1,
    GSI1.2,
    "is_flagged",
    "is_read",
    "lease_until",
    "lost_answer",
    "provider_message_id",
    "provider_status",
    "recipients",
    "retries",
    "segments",
    "send_at",
    "sent_at",
    "status_rank",
    "throttled",
    "updated_at",
];

/// The attributes of a client's item that are the conversation's, but those of its lists.
const HEAD_FIELDS: [&str; 22] = [
    "inbox_status",
    "snoozed_until",
    "assigned_to",
    "version",
    "messages_count",
    "events_count",
    "unread_messages_count",
    "messages_flagged_count",
    "newest_id",
    "last_message_id",
    "last_message",
    "last_channel",
    "last_read_message_id",
    "activity_at",
    "updated_by",
    "resolved_by",
    "label",
    "mail_thread",
    "reopened_at",
    "written_to",
    "written_id",
    "texted_from",
];

impl Store {
    /// The parts of a transaction that begin a merge: refused when the stranger is none any more.
    pub(crate) fn tx_begin_merge(&self, merge: &DueMerge) -> Result<[TransactWriteItem; 2]> {
        let (business, stranger) = (merge.business_id, merge.from_client_id);
        let tie = Write::new()
            .set("merging_into", value(&merge.into_client_id)?)
            .when("provisional", "=", value(&true)?)
            .when_absent("merging_into");
        let mut item = encode(keys::merge(business, stranger), "Merge", merge)?;
        item.insert(GSI1.1.to_owned(), s(keys::due(keys::due_shard(stranger.get()))));
        item.insert(GSI1.2.to_owned(), s(self.merge_due_at(merge)));
        Ok([
            self.tx_update(keys::profile(business, stranger), tie)?,
            self.tx_put(item, Write::new().if_new())?,
        ])
    }

    fn merge_due_at(&self, merge: &DueMerge) -> String {
        keys::due_number(self.clock().now().plus(AGAIN), merge.business_id, merge.from_client_id)
    }

    /// As much of a merge as a call has time for.
    pub(crate) async fn merge_at_once(&self, merge: &DueMerge) -> Result<()> {
        self.merge(merge, AT_ONCE).await
    }

    /// Goes on with a merge. What it does not get to is due again.
    pub async fn go_on_merging(&self, merge: &DueMerge) -> Result<()> {
        let key = keys::merge(merge.business_id, merge.from_client_id);
        let again = Write::new().set(GSI1.2, s(self.merge_due_at(merge))).if_exists();
        if self.update(key, again).await?.is_err() {
            return Ok(());
        }
        self.merge(merge, IN_A_RUN).await
    }

    async fn merge(&self, merge: &DueMerge, most: usize) -> Result<()> {
        let mut placing = Placing::begin();
        for _ in 0..most {
            match self.merge_step(merge).await? {
                Step::Moved => placing = Placing::begin(),
                Step::Refused => placing.again().await?,
                Step::Held | Step::Over => return Ok(()),
            }
        }
        Ok(())
    }

    async fn merge_step(&self, merge: &DueMerge) -> Result<Step> {
        let (business, stranger) = (merge.business_id, merge.from_client_id);
        let Some(item) = self.get(keys::profile(business, stranger), true).await? else {
            return self.forget_merge(merge).await;
        };
        let began = item.get("began_at").cloned();
        let Profile::Here(from) = Profile::out_of(item)? else {
            return self.forget_merge(merge).await;
        };
        let into = match self.get(keys::profile(business, merge.into_client_id), true).await? {
            Some(item) => Profile::out_of(item)?,
            None => Profile::Erasing,
        };
        let Profile::Here(into) = into else {
            // The client is being forgotten, and the stranger with them.
            return Ok(Step::Held);
        };
        let load = self.load(merge).await?;
        if load.parts.is_empty() && !load.is_last {
            return Ok(if load.is_held { Step::Held } else { Step::Refused });
        }
        let is_last = load.is_last;
        let parts = self.step_parts(merge, &from, &into, began, load).await?;
        Ok(match self.transact(parts).await? {
            Ok(()) if is_last => Step::Over,
            Ok(()) => Step::Moved,
            Err(_) => Step::Refused,
        })
    }

    async fn forget_merge(&self, merge: &DueMerge) -> Result<Step> {
        self.delete(keys::merge(merge.business_id, merge.from_client_id), Write::new()).await?;
        Ok(Step::Over)
    }

    /// What goes over next, oldest first: as many messages as a transaction takes, and the history behind the last.
    async fn load(&self, merge: &DueMerge) -> Result<Load> {
        let (business, stranger) = (merge.business_id, merge.from_client_id);
        let pk = keys::profile(business, stranger).pk;
        let (items, next) = self.query_span(pk.clone(), span::MESSAGES, Some(LOOKED_AT), None).await?;
        let mut more = next.is_some();
        let entries: Vec<Entry> = items.iter().cloned().map(decode).collect::<Result<_>>()?;
        let (from, to) = match entries.last().filter(|_| more) {
            Some(last) => keys::events_until(last.message_id),
            None => (span::EVENTS.0.to_owned(), span::EVENTS.1.to_owned()),
        };
        let mut events = self.query_all(pk.clone(), (&from, &to)).await?;
        let mut load = Load::default();
        for (item, entry) in items.into_iter().zip(entries) {
            if entry.lease_until.is_some() {
                load.is_held = true;
                continue;
            }
            let own = |event: &Item| event_of(event).is_some_and(|(message, _)| message == entry.message_id);
            let count = events.iter().filter(|event| own(event)).count();
            // Pointer, provider's id, other system's id; the message here and there.
            let cost = 5 + 2 * count;
            if cost > PARTS {
                // More than goes with it: some go ahead, and all of them are in the same hands in the end.
                let ahead =
                    events.iter().filter(|event| own(event)).take(PARTS / 4).cloned().collect::<Vec<_>>();
                self.carry(merge, &ahead, &mut load.parts)?;
                return Ok(load);
            }
            if load.parts.len() + cost > PARTS {
                more = true;
                break;
            }
            let (with_it, others): (Vec<Item>, Vec<Item>) = events.into_iter().partition(own);
            events = others;
            self.carry(merge, &with_it, &mut load.parts)?;
            self.carry_message(merge, item, &entry, &mut load.parts)?;
            load.moved.messages += 1;
            load.moved.unread += u64::from(!entry.is_read);
            load.moved.flagged += u64::from(entry.is_flagged);
            if !entry.is_read {
                load.moved.oldest_unread = load.moved.oldest_unread.or(Some(entry.message_id));
            }
        }
        if more || load.is_held {
            return Ok(load);
        }
        // Reports that came while their message went over, and the history.
        let (history, next) = self.query_span(pk, span::HISTORY, Some(LOOKED_AT), None).await?;
        let more = next.is_some();
        let room = PARTS.saturating_sub(load.parts.len()) / 2;
        events.extend(history);
        let fits = events.len() <= room;
        events.truncate(room);
        load.is_last = fits && !more;
        load.moved.events = events.iter().filter(|item| event_of(item).is_none()).count() as u64;
        self.carry(merge, &events, &mut load.parts)?;
        Ok(load)
    }

    /// Parts that move items as they are.
    fn carry(&self, merge: &DueMerge, items: &[Item], parts: &mut Vec<TransactWriteItem>) -> Result<()> {
        for item in items {
            parts.push(self.tx_put(there(merge, item)?, Write::new())?);
            parts.push(self.tx_delete(key_of(item)?, Write::new())?);
        }
        Ok(())
    }

    /// Parts that move a message or note as it was read, and let everything that leads to it lead there.
    fn carry_message(
        &self,
        merge: &DueMerge,
        item: Item,
        entry: &Entry,
        parts: &mut Vec<TransactWriteItem>,
    ) -> Result<()> {
        let (business, client) = (merge.business_id, value(&merge.into_client_id)?);
        let at = MessageRef { business, client: merge.into_client_id, message: entry.message_id };
        let mut unchanged = Write::new().if_exists();
        for attribute in CHANGING {
            unchanged = match item.get(attribute) {
                Some(value) => unchanged.when(attribute, "=", value.clone()),
                None => unchanged.when_absent(attribute),
            };
        }
        let mut moved = there(merge, &item)?;
        // Whoever follows the changes of a conversation sees it arrive.
        moved.insert("updated_at".to_owned(), s(self.clock().now().to_string()));
        parts.push(self.tx_delete(key_of(&item)?, unchanged)?);
        parts.push(self.tx_put(moved, Write::new().if_new())?);
        let pointer = Write::new().set("client_id", client).if_exists();
        parts.push(self.tx_update(keys::message_pointer(business, entry.message_id), pointer)?);
        if let Some(id) = &entry.provider_message_id {
            parts.push(self.tx_put_provider_id(entry.provider_of_id(), id, at, entry.attempt, true)?);
        }
        if let (Some(id), Some(channel)) = (entry.external_id, entry.channel) {
            parts.push(self.tx_put(crate::messages::external_item(at, channel, id)?, Write::new())?);
        }
        Ok(())
    }

    /// The transaction of a step: what it moves, and both heads as they are after it.
    async fn step_parts(
        &self,
        merge: &DueMerge,
        from: &ClientView,
        into: &ClientView,
        began: Option<AttributeValue>,
        load: Load,
    ) -> Result<Vec<TransactWriteItem>> {
        let (business, now) = (merge.business_id, self.clock().now());
        let mut parts = load.parts;
        let Some(mut strangers) = self.assigned_to_active(business, from.head().cloned()).await? else {
            if load.is_last {
                self.leave_alias(merge, from, &mut parts)?;
            }
            return Ok(parts);
        };
        let client = merge.into_client_id;
        let mut own = into.head().cloned();
        // A side that never had a conversation says nothing of its status. If neither had one, there is none after it.
        let opened = from.conversation.is_some() || into.conversation.is_some();
        if let Some(own) = &mut own {
            match (&from.conversation, &into.conversation) {
                (None, _) => strangers.inbox_status = own.inbox_status,
                (Some(_), None) => own.inbox_status = strangers.inbox_status,
                (Some(_), Some(_)) => {}
            }
        }
        let own = own.as_ref();
        let mut head = joined(client, own, &strangers, &load.moved);
        let told = changes(own, &head);
        if !told.is_empty() {
            head.updated_by = Some(Actor::System.name());
        }
        let asked = Asked {
            business,
            conversation: client,
            shards: merge.shards,
            seen: None,
            actor: Actor::System,
            cause: Cause::ClientsMerged { from_client_id: merge.from_client_id },
        };
        for change in told {
            let (actor, cause) = (asked.actor, asked.cause.clone());
            parts.push(self.tx_put_history(business, client, actor, cause, change, now)?);
        }
        let before = own.cloned().unwrap_or(Conversation { snoozed_until: None, ..head.clone() });
        if before.snoozed_until != head.snoozed_until {
            self.snooze_parts(&before, &head, &asked, &mut parts)?;
        }
        let mut write = self.head_write(merge, into, (&head, opened), &mut parts, now)?;
        if opened {
            write = write.set_once("began_at", began.unwrap_or_else(|| s(now.to_string())));
        }
        parts.push(self.tx_update(keys::profile(business, client), write)?);
        if load.is_last {
            self.leave_alias(merge, from, &mut parts)?;
        } else {
            if strangers.snoozed_until.is_some() {
                parts.push(self.tx_delete(keys::snooze(business, merge.from_client_id), Write::new())?);
            }
            let left = left_behind(&strangers, &load.moved);
            let left = (&left, from.conversation.is_some());
            let write = self.head_write(merge, from, left, &mut parts, now)?;
            parts.push(self.tx_update(keys::profile(business, merge.from_client_id), write)?);
        }
        Ok(parts)
    }

    /// A conversation without its assignee, if that is none who can have one.
    async fn assigned_to_active(
        &self,
        business: BusinessId,
        conversation: Option<Conversation>,
    ) -> Result<Option<Conversation>> {
        let Some(mut conversation) = conversation else { return Ok(None) };
        if let Some(staff) = conversation.assigned_to {
            let member = self.staff_member(business, staff).await?;
            conversation.assigned_to = member.filter(|member| member.active).map(|_| staff);
        }
        Ok(Some(conversation))
    }

    /// The write of a whole head, refused when the conversation is not as it was seen. One that is not `opened` is in no
    /// list of conversations.
    fn head_write(
        &self,
        merge: &DueMerge,
        seen: &ClientView,
        (head, opened): (&Conversation, bool),
        rest: &mut Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<Write> {
        let (business, client, shards) = (merge.business_id, seen.client.client_id, merge.shards);
        let mut write = as_seen(Write::new(), seen);
        let item: Item = encode(keys::profile(business, client), "Client", head)?;
        for field in HEAD_FIELDS {
            let value = item.get(field).filter(|_| opened || field != "inbox_status");
            write = write.put(field, value.cloned());
        }
        let mut write = changed(write, business, client, shards, now);
        if opened {
            write = placed(write, business, client, &head.standing(), shards)
                .set(GSI1.2, s(keys::activity(head.activity_at, client)));
        }
        let cell = Cell { standing: opened.then(|| head.standing()), ..seen.cell() };
        self.recounted(write, rest, (business, client, shards), Some(&seen.cell()), Some(&cell))
    }

    /// Parts that end a merge: in the stranger's place is whom they became, no list and no search finds them. Lists by
    /// change have a tombstone from then on.
    fn leave_alias(
        &self,
        merge: &DueMerge,
        from: &ClientView,
        parts: &mut Vec<TransactWriteItem>,
    ) -> Result<()> {
        let (business, stranger) = (merge.business_id, merge.from_client_id);
        for term in terms(&from.client) {
            parts.push(self.tx_delete(keys::find(business, &term, stranger), Write::new())?);
        }
        parts.push(self.tx_delete(keys::snooze(business, stranger), Write::new())?);
        parts.push(self.tx_delete(keys::merge(business, stranger), Write::new())?);
        parts.push(self.tx_put_tombstone(business, stranger, Some(merge.into_client_id))?);
        parts.push(self.tx_recount(business, stranger, merge.shards, Some(&from.cell()), None)?);
        let mut item = stamp(keys::profile(business, stranger), "Moved");
        item.insert("moved_to".to_owned(), value(&merge.into_client_id)?);
        let condition = as_seen(Write::new(), from).when("cell", "=", s(from.cell().to_string())).when(
            "updated_at",
            "=",
            s(from.client.updated_at.to_string()),
        );
        parts.push(self.tx_put(item, condition)?);
        Ok(())
    }
}

/// The same item, with the client.
fn there(merge: &DueMerge, item: &Item) -> Result<Item> {
    let mut moved = item.clone();
    moved.insert(PK.to_owned(), s(keys::profile(merge.business_id, merge.into_client_id).pk));
    if moved.contains_key("client_id") {
        moved.insert("client_id".to_owned(), value(&merge.into_client_id)?);
    }
    Ok(moved)
}

/// Where an item is.
pub(crate) fn key_of(item: &Item) -> Result<Key> {
    let part = |name: &str| item.get(name).and_then(|part| part.as_s().ok()).cloned();
    match (part(PK), part(SK)) {
        (Some(pk), Some(sk)) => Ok(Key { pk, sk }),
        _ => Err(Error::internal("an item without its key")),
    }
}

/// The message that an event is of, and what makes it this event. `None` for anything else.
pub(crate) fn event_of(item: &Item) -> Option<(MessageId, &str)> {
    keys::event_of(item.get(SK)?.as_s().ok()?)
}
