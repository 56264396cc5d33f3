//! The due index: what needs attention now. Only the sweeper reads it, and nothing else polls.

use std::time::Duration;

use domain::business::Business;
use domain::channel::Channel;
use domain::delivery::{LEASE, LostAnswer};
use domain::failure::{ErrorClass, Failure};
use domain::id::MessageRef;
use domain::message::Message;
use domain::report::{Event, EventOutcome, Source};
use domain::shards::Shards;
use domain::staff::Staff;
use domain::status::Status;
use domain::{BusinessId, ClientId, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::businesses::SETUP;
use crate::counts::{DueRecount, due_recount, kind};
use crate::erasing::{Discarded, DueErasure};
use crate::expression::Write;
use crate::item::{Item, decode, n, s, value};
use crate::keys::attribute::GSI1;
use crate::merging::DueMerge;
use crate::sending::moved;
use crate::{Store, keys};

/// Something that is due.
#[derive(Clone, Debug)]
pub enum Due {
    /// A message has to be sent, given up or asked after.
    Message(Box<DueMessage>),
    /// A snoozed conversation comes back.
    Snooze(DueSnooze),
    /// A member of the staff was deactivated, and may have conversations yet.
    Staff(Box<Staff>),
    /// A stranger is to become a client whom the directory named.
    Merge(DueMerge),
    /// A client is to be forgotten.
    Erasure(DueErasure),
    /// Objects of a message that is forgotten are to be removed.
    Discarded(Discarded),
    /// A business is not set up as far as it could be.
    Setup(DueSetup),
}

/// A business that has to be looked at.
#[derive(Clone, Debug)]
pub struct DueSetup {
    /// Which.
    pub business: BusinessId,
    /// Its place in the index, by which it is claimed.
    place: String,
}

/// A message that is due.
#[derive(Clone, Debug)]
pub struct DueMessage {
    /// The message, as the index has it.
    pub message: Message,
    /// Its place in the index, by which it is claimed.
    place: String,
}

/// A conversation whose time to come back has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DueSnooze {
    /// Whose.
    pub business_id: BusinessId,
    /// With whom.
    pub client_id: ClientId,
    /// In how many parts the business's lists are spread.
    #[serde(default)]
    pub shards: Shards,
}

impl Store {
    /// Up to `most` things of one part of the index that are due now, the longest due first.
    pub async fn due(&self, shard: u64, most: i32) -> Result<Vec<Due>> {
        self.read_due(keys::due(shard), most).await?.into_iter().map(due_in).collect()
    }

    /// Up to `most` changes of cell of one part of the index that are not in the sums yet.
    pub async fn due_recounts(&self, shard: u64, most: i32) -> Result<Vec<DueRecount>> {
        self.read_due(keys::due_counts(shard), most).await?.into_iter().map(due_recount).collect()
    }

    async fn read_due(&self, pk: String, most: i32) -> Result<Vec<Item>> {
        let now = self.clock().now();
        let answer = self
            .ddb
            .query()
            .table_name(&*self.table)
            .index_name(GSI1.0)
            .key_condition_expression("#pk = :pk AND #sk <= :now")
            .expression_attribute_names("#pk", GSI1.1)
            .expression_attribute_names("#sk", GSI1.2)
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":now", s(keys::due_until(now)))
            .limit(most)
            .send()
            .await
            .map_err(crate::error::from_sdk)?;
        Ok(answer.items.unwrap_or_default())
    }

    /// Takes a due message for oneself by moving its place in the index to `again`, when it is to be looked at next if
    /// nothing happens. `false` when somebody else was faster or it is not due any more.
    pub async fn claim_due(&self, due: &DueMessage, again: Duration) -> Result<bool> {
        let at = due.message.at;
        let next = self.clock().now().plus(again);
        let write = Write::new().set(GSI1.2, s(keys::due_at(next, at))).if_exists().when(
            GSI1.2,
            "=",
            s(due.place.clone()),
        );
        Ok(self.update(keys::message(at), write).await?.is_ok())
    }

    /// Takes a due business for oneself, as a due message.
    pub async fn claim_due_setup(&self, due: &DueSetup, again: Duration) -> Result<bool> {
        let next = self.clock().now().plus(again);
        let write = Write::new()
            .set(GSI1.2, s(keys::due_number(next, due.business, SETUP)))
            .if_exists()
            .when(GSI1.2, "=", s(due.place.clone()));
        Ok(self.update(keys::business(due.business), write).await?.is_ok())
    }

    /// Takes a message out of the index that has ended since the index was read.
    pub async fn forget_due(&self, due: &DueMessage) -> Result<()> {
        let write = Write::new()
            .remove(GSI1.1)
            .remove(GSI1.2)
            .if_exists()
            .when(GSI1.2, "=", s(due.place.clone()))
            .when("status_rank", "=", n(due.message.status_rank));
        self.update(keys::message(due.message.at), write).await?.map_or(Ok(()), |_| Ok(()))
    }

    /// Says of a message whose lease ran out that nobody knows whether the provider has it. `false` when it went on
    /// meanwhile.
    pub async fn give_up_lease(&self, due: &DueMessage) -> Result<bool> {
        let (at, now) = (due.message.at, self.clock().now());
        let lease = due.message.lease_until.unwrap_or(now);
        let lost = LostAnswer { claimed_at: lease.minus(LEASE), since: now, asked: 0 };
        let look = lost.next_look(due.message.channel, now).unwrap_or(now);
        let failure = Failure::new(
            ErrorClass::Ambiguous,
            "The sender stopped before the provider's answer was stored. It may have been sent.",
        );
        let write = moved(at, Status::UnknownOutcome, now)?
            .set("failure", value(&failure)?)
            .set("lost_answer", value(&lost)?)
            .remove("lease_until")
            .set(GSI1.2, s(keys::due_at(look, at)))
            .if_exists()
            .when("status_rank", "=", n(Status::Sending.rank()))
            .when("attempt", "=", n(due.message.attempt))
            .when("lease_until", "<=", s(now.to_string()));
        let event = sweeper_event(due.message.attempt, Some(Status::UnknownOutcome), failure.reason, now);
        let parts = vec![self.tx_update(keys::message(at), write)?, self.tx_put_event(at, &event)?];
        Ok(self.transact(parts).await?.is_ok())
    }

    /// Notes that the provider was asked about `message`, whose outcome is unknown, and cannot tell: `why`. It is asked
    /// again later, or the message ends as `delivery_unknown` when the time for that is over. Nothing changes when the
    /// message went on meanwhile, or when another job noted the same.
    pub async fn learned_nothing(&self, message: &Message, why: &str) -> Result<()> {
        let lost = message.answer_lost();
        let lost = LostAnswer { asked: lost.asked + 1, ..lost };
        let (at, now) = (message.at, self.clock().now());
        let Some(next) = lost.next_look(message.channel, now) else {
            return self.end_unknown(message, lost, why, Source::Sender).await.map(drop);
        };
        let write = Write::new()
            .set("lost_answer", value(&lost)?)
            .set(GSI1.2, s(keys::due_at(next, at)))
            .if_exists()
            .when("status_rank", "=", n(Status::UnknownOutcome.rank()))
            .when("attempt", "=", n(message.attempt));
        let write = same_answer(write, message)?;
        let mut event =
            sweeper_event(message.attempt, None, format!("{why} It is asked again at {next}."), now);
        event.source = Source::Sender;
        event.outcome = EventOutcome::Ignored;
        let parts = vec![self.tx_update(keys::message(at), write)?, self.tx_put_event(at, &event)?];
        self.transact(parts).await?.map_or(Ok(()), Ok)
    }

    /// Ends a message whose outcome stayed unknown. `false` when it went on meanwhile.
    pub async fn end_unknown(
        &self,
        message: &Message,
        lost: LostAnswer,
        why: &str,
        source: Source,
    ) -> Result<bool> {
        let (at, now) = (message.at, self.clock().now());
        let reason = match (message.channel, lost.asked) {
            (Channel::Email, _) => format!("{why} No event came until {now}. It may have been sent."),
            (_, 0) => format!("{why} It may have been sent."),
            (_, 1) => format!("{why} Twilio was asked once until {now}. It may have been sent."),
            (_, asked) => format!("{why} Twilio was asked {asked} times until {now}. It may have been sent."),
        };
        let failure = Failure::new(ErrorClass::Ambiguous, reason);
        let write = moved(at, Status::DeliveryUnknown, now)?
            .set("failure", value(&failure)?)
            .set("lost_answer", value(&lost)?)
            .remove(GSI1.1)
            .remove(GSI1.2)
            .if_exists()
            .when("status_rank", "=", n(Status::UnknownOutcome.rank()))
            .when("attempt", "=", n(message.attempt));
        let write = same_answer(write, message)?;
        let mut event = sweeper_event(message.attempt, Some(Status::DeliveryUnknown), failure.reason, now);
        event.source = source;
        let parts = vec![self.tx_update(keys::message(at), write)?, self.tx_put_event(at, &event)?];
        Ok(self.transact(parts).await?.is_ok())
    }

    /// Ends the asking after a message: the provider had nothing new to say of this attempt.
    pub async fn stop_asking(&self, at: MessageRef, attempt: u32, why: &str) -> Result<()> {
        let now = self.clock().now();
        let write = Write::new()
            .remove(GSI1.1)
            .remove(GSI1.2)
            .if_exists()
            .when("attempt", "=", n(attempt))
            .when("status_rank", ">", n(Status::Queued.rank()));
        let mut event = sweeper_event(attempt, None, why.to_owned(), now);
        event.source = Source::Sender;
        event.outcome = EventOutcome::Ignored;
        let parts = vec![self.tx_update(keys::message(at), write)?, self.tx_put_event(at, &event)?];
        self.transact(parts).await?.map_or(Ok(()), Ok)
    }
}

/// Under the condition that nobody noted a look-up since `message` was read.
fn same_answer(write: Write, message: &Message) -> Result<Write> {
    Ok(match &message.lost_answer {
        Some(lost) => write.when("lost_answer", "=", value(lost)?),
        None => write.when_absent("lost_answer"),
    })
}

fn sweeper_event(attempt: u32, reported: Option<Status>, reason: String, now: Timestamp) -> Event {
    Event {
        at: now,
        source: Source::Sweeper,
        reported,
        provider_status: None,
        attempt,
        outcome: EventOutcome::Applied,
        reason: Some(reason),
        error_code: None,
    }
}

fn due_in(item: Item) -> Result<Due> {
    let place =
        |item: &Item| item.get(GSI1.2).and_then(|place| place.as_s().ok()).cloned().unwrap_or_default();
    Ok(match kind(&item) {
        "Snooze" => Due::Snooze(decode(item)?),
        "Staff" => Due::Staff(Box::new(decode(item)?)),
        "Merge" => Due::Merge(decode(item)?),
        "Erasure" => Due::Erasure(decode(item)?),
        "Discarded" => Due::Discarded(decode(item)?),
        "Business" => {
            let place = place(&item);
            Due::Setup(DueSetup { business: decode::<Business>(item)?.business_id, place })
        }
        _ => {
            let place = place(&item);
            Due::Message(Box::new(DueMessage { message: decode(item)?, place }))
        }
    })
}
