//! What staff do with a conversation: assign, change the status, label. Each change has one winner, and a line in the
//! history in the same transaction.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::actor::Actor;
use domain::conversation::{Cause, Change, Conversation};
use domain::inbox::Cell;
use domain::shards::Shards;
use domain::staff::Staff;
use domain::standing::ConversationStatus;
use domain::standing::Standing;
use domain::{BusinessId, ClientId, Result, StaffId, Timestamp};

use crate::clients::{ClientView, changed};
use crate::conversations::placed;
use crate::due::DueSnooze;
use crate::expression::Write;
use crate::item::{decode, encode, n, s, value};
use crate::keys::attribute::{GSI1, PK, SK};
use crate::messages::Placing;
use crate::{Store, keys};

/// A change that somebody asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whose.
    pub business: BusinessId,
    /// Which conversation.
    pub conversation: ClientId,
    /// In how many parts the business's lists are spread.
    pub shards: Shards,
    /// What the caller saw; `None` when they do not say.
    pub seen: Option<Seen>,
    /// Who asks.
    pub actor: Actor,
    /// Why.
    pub cause: Cause,
}

/// The state of a conversation that a caller saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Its version.
    Version(u64),
    /// When it last changed, as a list shows it.
    ChangedAt(Timestamp),
}

impl Seen {
    fn is(self, conversation: &Conversation) -> bool {
        match self {
            Seen::Version(version) => conversation.version == version,
            Seen::ChangedAt(at) => conversation.changed_at == at,
        }
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Handled {
    /// It is made. The conversation as it is now.
    Changed(Conversation),
    /// It was so already; nothing was written.
    Same(Conversation),
    /// The conversation is not as the caller saw it.
    Stale(Conversation),
    /// There is no such conversation.
    NoConversation,
    /// There is no such active member of the staff.
    NoStaff,
    /// The member works at other locations than the one of the conversation.
    Elsewhere,
}

/// What to change.
#[derive(Clone, Debug, PartialEq, Eq)]
enum To {
    Assignee(Option<StaffId>),
    /// To nobody, if it is theirs.
    NotOf(StaffId),
    Status {
        status: ConversationStatus,
        snoozed_until: Option<Timestamp>,
    },
    Label(Option<String>),
}

impl Store {
    /// Gives a conversation to a member of the staff, or to nobody. Only an active member can have one, and a member with
    /// locations only one of theirs or one without a location: see [`Staff::works_at`].
    pub async fn assign(&self, asked: &Asked, assignee: Option<StaffId>) -> Result<Handled> {
        self.handle(asked, &To::Assignee(assignee)).await
    }

    /// Takes a conversation from a member of the staff. `Same` when it is not theirs.
    pub(crate) async fn take_from(&self, asked: &Asked, staff: StaffId) -> Result<Handled> {
        self.handle(asked, &To::NotOf(staff)).await
    }

    /// Changes the status. `snoozed_until` is for `snoozed`: the sweeper brings the conversation back then.
    pub async fn set_status(
        &self,
        asked: &Asked,
        status: ConversationStatus,
        snoozed_until: Option<Timestamp>,
    ) -> Result<Handled> {
        self.handle(asked, &To::Status { status, snoozed_until }).await
    }

    /// Sets or clears the label.
    pub async fn set_label(&self, asked: &Asked, label: Option<String>) -> Result<Handled> {
        self.handle(asked, &To::Label(label)).await
    }

    /// One read and one transaction; again when somebody else was faster and the caller did not say what they saw.
    async fn handle(&self, asked: &Asked, to: &To) -> Result<Handled> {
        let mut placing = Placing::begin();
        loop {
            let view = self.client_view(asked.business, asked.conversation).await?;
            let Some(ClientView { client, conversation: Some(old), .. }) = view else {
                return Ok(Handled::NoConversation);
            };
            if asked.seen.is_some_and(|seen| !seen.is(&old)) {
                return Ok(Handled::Stale(old));
            }
            let now = self.clock().now();
            let Some((new, change)) = changed_to(&old, to, asked.actor, now) else {
                return Ok(Handled::Same(old));
            };
            let cell = |standing: Standing| Cell {
                client_type: client.client_type,
                location: client.location_id,
                standing: Some(standing),
            };
            let location = client.location_id;
            let (business, client) = (asked.business, old.client_id);
            let mut rest = Vec::new();
            let write = self.recounted(
                state(Write::new(), &new)?,
                &mut rest,
                (business, client, asked.shards),
                Some(&cell(old.standing())),
                Some(&cell(new.standing())),
            )?;
            let write = placed(write, business, client, &new.standing(), asked.shards);
            let write =
                changed(write, business, client, asked.shards, now).when("version", "=", n(old.version));
            let mut parts = vec![self.tx_update(keys::profile(business, client), write)?];
            let checks_staff = matches!(to, To::Assignee(Some(_)));
            if let To::Assignee(Some(staff)) = to {
                // The write of the profile has the condition that the location is the one that was read.
                let active = Write::new().when("active", "=", value(&true)?);
                let fits = match location {
                    Some(location) => active.when_absent_or_contains("location_ids", value(&location)?),
                    None => active,
                };
                parts.push(self.tx_check(keys::staff(business, *staff), fits)?);
            }
            if let To::Status { .. } = to {
                self.snooze_parts(&old, &new, asked, &mut parts)?;
            }
            parts.push(self.tx_put_history(
                business,
                client,
                asked.actor,
                asked.cause.clone(),
                change,
                now,
            )?);
            parts.append(&mut rest);
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Handled::Changed(new)),
                Err(refused) => refused,
            };
            if checks_staff && refused.failed(1) {
                let member = refused.item(1).map(decode::<Staff>).transpose()?;
                if !member.is_some_and(|member| member.active) {
                    return Ok(Handled::NoStaff);
                }
                // When the conversation changed as well, its location may have.
                if !refused.failed(0) {
                    return Ok(Handled::Elsewhere);
                }
            }
            placing.again().await?;
        }
    }

    /// Keeps the item by which the sweeper finds a snoozed conversation in line with it.
    pub(crate) fn snooze_parts(
        &self,
        old: &Conversation,
        new: &Conversation,
        asked: &Asked,
        parts: &mut Vec<TransactWriteItem>,
    ) -> Result<()> {
        let (business, client) = (asked.business, old.client_id);
        let key = keys::snooze(business, client);
        if let Some(until) = new.snoozed_until {
            let body = DueSnooze { business_id: business, client_id: client, shards: asked.shards };
            let mut item = encode(key, "Snooze", &body)?;
            item.insert(GSI1.1.to_owned(), s(keys::due(keys::due_shard(client.get()))));
            item.insert(GSI1.2.to_owned(), s(keys::due_number(until, business, client)));
            parts.push(self.tx_put(item, Write::new())?);
        } else if old.snoozed_until.is_some() {
            parts.push(self.tx_delete(key, Write::new())?);
        }
        Ok(())
    }

    /// Brings back a conversation that was put off until now. `false` when it went on meanwhile.
    pub async fn end_snooze(&self, due: &DueSnooze) -> Result<bool> {
        let view = self.client_view(due.business_id, due.client_id).await?;
        let head = view.and_then(|view| view.conversation);
        let over = |head: &Conversation| {
            head.inbox_status == ConversationStatus::Snoozed
                && head.snoozed_until.is_none_or(|until| until <= self.clock().now())
        };
        let Some(head) = head.filter(over) else {
            // The item of a snooze goes with it, in one transaction, so the index is only late.
            return Ok(false);
        };
        let asked = Asked {
            business: due.business_id,
            conversation: head.client_id,
            shards: due.shards,
            seen: Some(Seen::Version(head.version)),
            actor: Actor::System,
            cause: Cause::SnoozeEnded,
        };
        let handled = self.set_status(&asked, ConversationStatus::Open, None).await?;
        Ok(matches!(handled, Handled::Changed(_)))
    }

    /// The history of a conversation, newest first: up to `most` lines, those before `before`.
    pub async fn conversation_history(
        &self,
        business: BusinessId,
        client: ClientId,
        before: Option<domain::EntryId>,
        most: usize,
    ) -> Result<Vec<domain::conversation::ConversationEvent>> {
        let end = match before {
            // Ids go up by one at least, so the largest key before this one is that of the id before it.
            Some(before) => format!("{}{:016}", keys::HISTORY, before.get().saturating_sub(1)),
            None => format!("{}~", keys::HISTORY),
        };
        let (mut lines, mut next) = (Vec::new(), None);
        loop {
            let answer = self
                .ddb
                .query()
                .table_name(&*self.table)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":pk", s(keys::profile(business, client).pk))
                .expression_attribute_values(":first", s(keys::HISTORY))
                .expression_attribute_values(":last", s(end.clone()))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(i32::try_from(most - lines.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(next)
                .send()
                .await
                .map_err(crate::error::from_sdk)?;
            for item in answer.items.unwrap_or_default() {
                lines.push(crate::item::decode(item)?);
            }
            next = answer.last_evaluated_key;
            if next.is_none() || lines.len() >= most {
                return Ok(lines);
            }
        }
    }
}

/// The conversation after a change, and the line for its history. `None` when nothing changes.
fn changed_to(old: &Conversation, to: &To, actor: Actor, now: Timestamp) -> Option<(Conversation, Change)> {
    let mut new = Conversation {
        version: old.version + 1,
        events_count: old.events_count + 1,
        changed_at: now,
        updated_by: Some(actor.name()),
        ..old.clone()
    };
    let change = match to {
        To::Assignee(assignee) => {
            new.assigned_to = *assignee;
            (old.assigned_to != *assignee)
                .then_some(Change::Assignee { from: old.assigned_to, to: *assignee })
        }
        To::NotOf(staff) => {
            new.assigned_to = None;
            (old.assigned_to == Some(*staff)).then_some(Change::Assignee { from: old.assigned_to, to: None })
        }
        To::Status { status, snoozed_until } => {
            new.inbox_status = *status;
            new.snoozed_until = *snoozed_until;
            if *status == ConversationStatus::Resolved {
                new.resolved_by = Some(actor.name());
            } else if old.inbox_status == ConversationStatus::Resolved {
                new.resolved_by = None;
            }
            (old.inbox_status != *status || old.snoozed_until != *snoozed_until).then_some(Change::Status {
                from: old.inbox_status,
                to: *status,
                snoozed_until: *snoozed_until,
            })
        }
        To::Label(label) => {
            new.label.clone_from(label);
            (old.label != *label).then(|| Change::Label { from: old.label.clone(), to: label.clone() })
        }
    }?;
    Some((new, change))
}

/// The attributes of a head that staff decide on.
fn state(write: Write, new: &Conversation) -> Result<Write> {
    let text = |text: &Option<String>| text.as_ref().map(|text| s(text.clone()));
    Ok(write
        .set("inbox_status", value(&new.inbox_status)?)
        .put("snoozed_until", new.snoozed_until.map(|until| s(until.to_string())))
        .put("assigned_to", new.assigned_to.map(|staff| n(staff.get())))
        .put("label", text(&new.label))
        .put("resolved_by", text(&new.resolved_by))
        .put("updated_by", text(&new.updated_by))
        .set("events_count", n(new.events_count))
        .set("version", n(new.version)))
}
