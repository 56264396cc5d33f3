//! What a sender does with a message: look at it, claim it, and store how the provider's answer left it.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::channel::Channel;
use domain::delivery::{LEASE, LostAnswer, ORDER_PATIENCE, Outcome, SILENCE, Tries, retry_after};
use domain::destination::{Reach, Unreachable};
use domain::failure::{ErrorClass, Failure};
use domain::id::MessageRef;
use domain::message::Message;
use domain::report::{Event, EventOutcome, Source};
use domain::status::Status;
use domain::{MessageId, Result, Timestamp};

use crate::consent::{ConsentChange, Heard, TextConsent};
use crate::counts::kind;
use crate::expression::Write;
use crate::item::{decode, n, s, value};
use crate::keys::attribute::{GSI1, PK, SK};
use crate::messages::{MESSAGE, due_for};
use crate::reach::closed;
use crate::reported::by_itself;
use crate::{Store, keys};

/// How long a message waits for the one before it to be handed over.
const BEHIND: Duration = Duration::from_secs(1);
/// How old a claim may be when its text is handed over without another look at consent.
const FRESH_CLAIM: Duration = Duration::from_secs(1);
/// How many messages before this one are looked at for order.
const NEIGHBOURS: i32 = 20;

/// A message that a sender looks at.
#[derive(Clone, Debug)]
struct Candidate {
    /// The message.
    message: Message,
    /// An earlier message to the same client is still on its way out, and not for long: this one waits.
    behind_another: bool,
}

/// What a job finds that is to send a message.
#[derive(Clone, Debug)]
pub enum Turn {
    /// It can be claimed.
    Ours(Box<Message>),
    /// Not yet.
    Later(Duration),
    /// Somebody dealt with it, or it changed.
    Over,
    /// It is not there.
    Gone,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is ours until the lease ends. The provider may be called, once.
    Ours,
    /// Somebody else has it, or it went on already.
    NotOurs,
    /// The client opted out meanwhile, or Twilio blocks the sender for them. The message is blocked.
    OptedOut,
}

/// Why a message was not started over.
#[derive(Clone, Debug)]
pub enum NotRetried {
    /// It changed meanwhile, and is this now.
    Is(Box<Message>),
    /// It is nowhere.
    Gone,
    /// The business may not text its receiver, or not now.
    Unreachable(Unreachable),
}

/// What follows from a provider's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// Nothing more to do.
    Done,
    /// It waits, and a job for `attempt` is due after `delay`.
    TryAgain {
        /// The attempt to make.
        attempt: u32,
        /// How long to wait.
        delay: Duration,
    },
}

impl Store {
    /// Reads a message together with those shortly before it: one query tells what to send and whether it is its turn.
    /// One that is with another client by now is found there, by one read and one query more.
    async fn candidate(&self, at: MessageRef) -> Result<Option<Candidate>> {
        if let Some(candidate) = self.candidate_at(at).await? {
            return Ok(Some(candidate));
        }
        match self.moved_from(at).await? {
            Some(now) => self.candidate_at(now).await,
            None => Ok(None),
        }
    }

    async fn candidate_at(&self, at: MessageRef) -> Result<Option<Candidate>> {
        let now = self.clock().now();
        let earliest = MessageId::at(at.message.time().minus(ORDER_PATIENCE), 0);
        let first = MessageRef { message: earliest.min(at.message), ..at };
        let answer = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(keys::message(at).pk))
            .expression_attribute_values(":first", s(keys::message(first).sk))
            .expression_attribute_values(":last", s(keys::message(at).sk))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(NEIGHBOURS)
            .send()
            .await
            .map_err(crate::error::from_sdk)?;
        let items = answer.items.unwrap_or_default().into_iter().filter(|item| kind(item) == MESSAGE);
        let messages = items.map(decode).collect::<Result<Vec<Message>>>()?;
        let mut messages = messages.into_iter();
        let Some(message) = messages.next().filter(|message| message.at == at) else {
            return Ok(None);
        };
        let patient = now.since(message.created_at) < ORDER_PATIENCE;
        let behind_another = patient
            && messages.any(|earlier| {
                earlier.is_pending()
                    && earlier.channel == message.channel
                    && (earlier.delivery_status != Status::Scheduled
                        || earlier.send_at.is_none_or(|at| at <= now))
            });
        Ok(Some(Candidate { message, behind_another }))
    }

    /// Whether it is the message's turn: it waits for this attempt, its time has come and is not over, and none before
    /// it to the same client is on its way.
    pub async fn turn(&self, at: MessageRef, attempt: u32) -> Result<Turn> {
        let Some(Candidate { message, behind_another }) = self.candidate(at).await? else {
            return Ok(Turn::Gone);
        };
        let waiting = matches!(message.delivery_status, Status::Queued | Status::Scheduled);
        if !waiting || message.attempt != attempt {
            return Ok(Turn::Over);
        }
        let now = self.clock().now();
        if message.expires_at.is_some_and(|end| end <= now) {
            let failure = Failure::new(ErrorClass::Expiry, "Its expires_at passed before it could be sent.");
            self.end_unsent(&message, attempt, Status::Expired, failure).await?;
            return Ok(Turn::Over);
        }
        if let Some(early) = message.send_at.filter(|send_at| *send_at > now) {
            return Ok(Turn::Later(early.since(now)));
        }
        if behind_another {
            return Ok(Turn::Later(BEHIND));
        }
        Ok(Turn::Ours(Box::new(message)))
    }

    /// Claims a queued message for one attempt, unless the client opted out. The claim is one conditional write: two
    /// senders, or one job delivered twice, get one claim between them. It ends with its lease; a message that is
    /// still being sent then is of unknown outcome, never claimed again by itself.
    ///
    /// The message is as stored afterwards: it last changed when it was claimed.
    pub async fn claim(&self, message: &mut Message, attempt: u32) -> Result<Claim> {
        let (at, now) = (message.at, self.clock().now());
        let lease = now.plus(LEASE);
        let write = moved(at, Status::Sending, now)?
            .set("lease_until", s(lease.to_string()))
            .remove("send_at")
            .set(GSI1.1, s(keys::due(keys::due_shard(at.message.get()))))
            .set(GSI1.2, s(keys::due_at(lease, at)))
            .if_exists()
            .when("status_rank", "=", n(Status::Queued.rank()))
            .when("attempt", "=", n(attempt));
        // Whose copy is left out is known from here on.
        let write = match message.recipients.is_empty() {
            true => write,
            false => write.set("recipients", value(&message.recipients)?),
        };
        let parts = vec![self.tx_update(keys::message(at), write)?, self.tx_consent_check(message)?];
        let mut refused = match self.transact(parts).await? {
            Ok(()) => {
                message.updated_at = now;
                return Ok(Claim::Ours);
            }
            Err(refused) => refused,
        };
        if refused.failed(0) {
            return Ok(Claim::NotOurs);
        }
        let failure = Store::objection_of(message, refused.item(1).as_ref()).failure(message);
        self.end_unsent(message, attempt, Status::Blocked, failure).await?;
        Ok(Claim::OptedOut)
    }

    /// Whether a claimed text may still be handed over. The claim saw that it is wanted; when the claim is older than
    /// a second, consent is read once more, and a text that is not wanted any more ends blocked.
    pub async fn is_still_wanted(&self, message: &Message, attempt: u32) -> Result<bool> {
        let (at, now) = (message.at, self.clock().now());
        if now.since(message.updated_at) <= FRESH_CLAIM {
            return Ok(true);
        }
        let Some(objection) = self.objection(message).await? else { return Ok(true) };
        let failure = objection.failure(message);
        let event = own_event(attempt, Some(Status::Blocked), Some(&failure), now);
        let write = moved(at, Status::Blocked, now)?
            .set("failure", value(&failure)?)
            .remove("lease_until")
            .remove(GSI1.1)
            .remove(GSI1.2)
            .if_exists()
            .when("status_rank", "=", n(Status::Sending.rank()))
            .when("attempt", "=", n(attempt));
        let parts = vec![self.tx_update(keys::message(at), write)?, self.tx_put_event(at, &event)?];
        // Refused means that the lease ended and the sweeper moved the message on: it is not ours to send either way.
        self.transact(parts).await?.map_or(Ok(false), |()| Ok(false))
    }

    /// Ends a message that was never handed to the provider: blocked or expired.
    pub async fn end_unsent(
        &self,
        message: &Message,
        attempt: u32,
        status: Status,
        failure: Failure,
    ) -> Result<()> {
        let (at, now) = (message.at, self.clock().now());
        let event = own_event(attempt, Some(status), Some(&failure), now);
        let write = moved(at, status, now)?
            .set("failure", value(&failure)?)
            .remove(GSI1.1)
            .remove(GSI1.2)
            .if_exists()
            .when("status_rank", "=", n(Status::Queued.rank()))
            .when("attempt", "=", n(attempt));
        let parts = vec![self.tx_update(keys::message(at), write)?, self.tx_put_event(at, &event)?];
        // Refused means that somebody else moved it on first, which is as good.
        self.transact(parts).await?.map_or(Ok(()), Ok)
    }

    /// Stores how the provider answered the call for `message`, which was claimed for `attempt`.
    ///
    /// Obeys the same rule as every other writer: where a callback was faster, its status stays.
    pub async fn settle(&self, message: &Message, attempt: u32, outcome: &Outcome) -> Result<Settled> {
        match outcome {
            Outcome::Accepted { provider_id, provider_status, segments } => {
                self.settle_accepted(message, attempt, provider_id, provider_status, *segments).await?;
                Ok(Settled::Done)
            }
            Outcome::Later { provider_id, failure, retry_after: asked } => {
                self.settle_later(message, attempt, (provider_id.as_deref(), failure), *asked).await
            }
            Outcome::Unknown { failure } => {
                self.settle_ended(message, attempt, (None, failure), Status::UnknownOutcome).await?;
                Ok(Settled::Done)
            }
            Outcome::Refused { provider_id, failure } => {
                let ended = (provider_id.as_deref(), failure);
                self.settle_ended(message, attempt, ended, Status::Failed).await?;
                Ok(Settled::Done)
            }
        }
    }

    async fn settle_accepted(
        &self,
        message: &Message,
        attempt: u32,
        provider_id: &str,
        provider_status: &str,
        segments: Option<u32>,
    ) -> Result<()> {
        let (at, provider, now) = (message.at, message.provider_of_id(), self.clock().now());
        // What SES has taken is sent: its report of that says nothing more. Twilio may still wait with it, unless its first
        // word says that it does not. Its reports bring what came after.
        let status = match Status::from_twilio(provider_status) {
            _ if message.channel == Channel::Email => Status::Sent,
            Some(Status::Sent | Status::Delivered | Status::Read) => Status::Sent,
            _ => Status::Sending,
        };
        let mut event = own_event(attempt, Some(status), None, now);
        event.provider_status = Some(provider_status.to_owned());
        let touched = || by_itself(Write::new(), at, now);
        let accepted = |write: Write| -> Result<Write> {
            let write = write
                .set("provider_message_id", s(provider_id))
                .set_once("provider_status", s(provider_status))
                .remove("lease_until")
                .if_exists()
                .when("attempt", "=", n(attempt));
            Ok(match segments {
                Some(segments) => write.set("segments", n(segments)),
                None => write,
            })
        };
        let silent = |write: Write| {
            write
                .set(GSI1.1, s(keys::due(keys::due_shard(at.message.get()))))
                .set(GSI1.2, s(keys::due_at(now.plus(SILENCE), at)))
        };
        // The usual case first: nobody else has touched it since the claim.
        let mut usual = moved(at, status, now)?;
        if status == Status::Sent {
            usual = usual.set_once("sent_at", s(now.to_string()));
        }
        let usual = silent(accepted(usual)?).when("status_rank", "=", n(Status::Sending.rank()));
        let parts = |update: Write, parked: bool| -> Result<Vec<TransactWriteItem>> {
            Ok(vec![
                self.tx_update(keys::message(at), update)?,
                self.tx_put_provider_id(provider, provider_id, at, attempt, parked)?,
                self.tx_put_event(at, &event)?,
            ])
        };
        let mut refused = match self.transact(parts(usual.clone(), false)?).await? {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        let parked = refused.item(1);
        let mut update = if refused.failed(0) {
            // A callback was faster, or the sweeper gave up on us: it keeps its status, and learns the provider's id.
            // An unknown outcome is known now.
            let stored: Option<Message> = refused.item(0).map(decode).transpose()?;
            match stored.map(|message| message.delivery_status) {
                Some(unknown @ (Status::UnknownOutcome | Status::DeliveryUnknown)) => {
                    silent(accepted(moved(at, Status::Sent, now)?)?)
                        .remove("failure")
                        .remove("lost_answer")
                        .when("status_rank", "=", n(unknown.rank()))
                }
                _ => accepted(touched())?,
            }
        } else {
            usual
        };
        for _ in 0..4 {
            let refused = match self.transact(parts(update.clone(), true)?).await? {
                Ok(()) => {
                    if let Some(item) = parked {
                        self.apply_parked(provider_id, (at, message.channel), attempt, item).await?;
                    }
                    return Ok(());
                }
                Err(refused) => refused,
            };
            if !refused.failed(0) {
                break;
            }
            update = accepted(touched())?;
        }
        // The message went on to another attempt: this answer is only an event now, which the callbacks are as well.
        Ok(())
    }

    async fn settle_later(
        &self,
        message: &Message,
        attempt: u32,
        (provider_id, failure): (Option<&str>, &Failure),
        asked: Option<Duration>,
    ) -> Result<Settled> {
        let (at, now) = (message.at, self.clock().now());
        let tries = Tries { retries: message.retries, throttled: message.throttled };
        let delay = match provider_id {
            Some(_) => comes_back(message, Some(failure), now),
            None => retry_after(failure, tries, asked, now, fastrand::f64()),
        };
        let Some(delay) = delay else {
            self.settle_ended(message, attempt, (provider_id, failure), Status::Failed).await?;
            return Ok(Settled::Done);
        };
        // Throttling is the provider's word that it took nothing, so no attempt is charged for it. What the provider took
        // and gave up was an attempt, and a daily limit may be met on a few days only.
        let charged = failure.class != ErrorClass::Throttle
            || provider_id.is_some()
            || domain::delivery::is_daily_limit(failure);
        let next_attempt = if charged { attempt + 1 } else { attempt };
        let write = requeued(at, next_attempt, now.plus(delay), due_for(Some(now.plus(delay)), now), now)?
            .set("failure", value(failure)?)
            .add(if charged { "retries" } else { "throttled" }, 1)
            .when("status_rank", "=", n(Status::Sending.rank()))
            .when("attempt", "=", n(attempt));
        let mut event = own_event(attempt, Some(Status::Queued), Some(failure), now);
        event.reason = Some(format!("{} Tried again at {}.", failure.reason, now.plus(delay)));
        let mut parts = vec![self.tx_update(keys::message(at), write)?, self.tx_put_event(at, &event)?];
        if let Some(id) = provider_id {
            parts.push(self.tx_put_provider_id(message.provider_of_id(), id, at, attempt, true)?);
        }
        Ok(match self.transact(parts).await? {
            Ok(()) => Settled::TryAgain { attempt: next_attempt, delay },
            Err(_) => Settled::Done,
        })
    }

    async fn settle_ended(
        &self,
        message: &Message,
        attempt: u32,
        (provider_id, failure): (Option<&str>, &Failure),
        status: Status,
    ) -> Result<()> {
        let (at, now) = (message.at, self.clock().now());
        // A claimed message last changed when it was claimed.
        let lost = (status == Status::UnknownOutcome).then_some(LostAnswer {
            claimed_at: message.updated_at,
            since: now,
            asked: 0,
        });
        let due = lost.and_then(|lost| lost.next_look(message.channel, now));
        let mut write = moved(at, status, now)?
            .set("failure", value(failure)?)
            .put("lost_answer", lost.as_ref().map(value).transpose()?)
            .remove("lease_until")
            .put(GSI1.1, due.map(|_| s(keys::due(keys::due_shard(at.message.get())))))
            .put(GSI1.2, due.map(|due| s(keys::due_at(due, at))))
            .if_exists()
            .when("attempt", "=", n(attempt))
            .when("status_rank", "<", n(status.limit(message.channel)));
        if let Some(id) = provider_id {
            write = write.set("provider_message_id", s(id));
        }
        let mut parts = vec![
            self.tx_update(keys::message(at), write)?,
            self.tx_put_event(at, &own_event(attempt, Some(status), Some(failure), now))?,
        ];
        if let Some(id) = provider_id {
            parts.push(self.tx_put_provider_id(message.provider_of_id(), id, at, attempt, true)?);
        }
        if failure.class == ErrorClass::Consent && message.channel == Channel::Sms {
            let change = ConsentChange::Texts(TextConsent {
                address: message.to_address.clone(),
                sender: message.from_address.clone(),
                heard: Heard::Refusal(message.updated_at),
                evidence: format!("refused {}", message.at.message),
            });
            parts.push(self.tx_consent_change(at.business, &change, now)?);
        }
        // Refused means that a callback was faster: it knows more than the answer that got lost or was late.
        self.transact(parts).await?.map_or(Ok(()), Ok)
    }

    /// Starts a message over as a new attempt that failed or whose delivery is unknown, because a person asked for it. The
    /// inner error says why not.
    ///
    /// The new attempt counts as one text more to the address.
    pub async fn retry(
        &self,
        message: &Message,
        reach: Reach,
        source: Source,
    ) -> Result<Result<u32, NotRetried>> {
        let (mut at, now) = (message.at, self.clock().now());
        let (mut message, next) = (message.clone(), message.attempt + 1);
        loop {
            // Of a mail to several, those whose copy did not get through are begun anew.
            let mut copies = message.recipients.clone();
            for copy in
                copies.values_mut().filter(|copy| matches!(copy, Status::Failed | Status::Undelivered))
            {
                *copy = Status::Queued;
            }
            let write = requeued(at, next, now, due_for(None, now), now)?;
            let write = match copies.is_empty() {
                true => write.when_absent("recipients"),
                false => write.set("recipients", value(&copies)?).when(
                    "recipients",
                    "=",
                    value(&message.recipients)?,
                ),
            };
            let write = write
                .set("retries", n(0))
                .set("throttled", n(0))
                .remove("failure")
                .when("status_rank", "=", n(message.delivery_status.rank()))
                .when("delivery_status", "=", value(&message.delivery_status)?)
                .when("attempt", "=", n(message.attempt));
            let event = crate::events::applied(source, next, Status::Queued, now);
            let mut parts = vec![self.tx_update(keys::message(at), write)?, self.tx_put_event(at, &event)?];
            let count = self.tx_count_in_hour(at.business, &message.to_address, now)?;
            let is_counted = count.is_some();
            parts.extend(count);
            parts.extend(self.tx_reach_check(at.business, &message.to_address, reach)?);
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Ok(next)),
                Err(refused) => refused,
            };
            if let Some(stored) = refused.item(0) {
                let stored: Message = decode(stored)?;
                let as_before =
                    (stored.delivery_status, stored.attempt) == (message.delivery_status, next - 1);
                if !as_before || stored.recipients == message.recipients {
                    return Ok(Err(NotRetried::Is(Box::new(stored))));
                }
                // Only more was heard of its copies.
                message = stored;
                continue;
            }
            if !refused.failed(0) {
                let too_often = is_counted && refused.failed(2);
                let why = if too_often { Unreachable::TooOften } else { closed(reach) };
                return Ok(Err(NotRetried::Unreachable(why)));
            }
            match self.moved_from(at).await? {
                Some(now) => at = now,
                None => return Ok(Err(NotRetried::Gone)),
            }
        }
    }

    /// Takes a retry back that could not be queued: the message is as it was before, original error included. So is its
    /// attempt: nothing was handed over for the new one, and a late report of the old one still counts.
    pub async fn undo_retry(&self, before: &Message, attempt: u32) -> Result<()> {
        let (at, now) = (before.at, self.clock().now());
        let text = |text: &Option<String>| text.as_ref().map(|text| s(text.clone()));
        let write = moved(at, before.delivery_status, now)?
            .set("attempt", n(before.attempt))
            .put("provider_message_id", text(&before.provider_message_id))
            .put("provider_status", text(&before.provider_status))
            .put("lost_answer", before.lost_answer.as_ref().map(value).transpose()?)
            .put("failure", before.failure.as_ref().map(value).transpose()?)
            .put(
                "recipients",
                (!before.recipients.is_empty()).then(|| value(&before.recipients)).transpose()?,
            )
            .remove("send_at")
            .remove(GSI1.1)
            .remove(GSI1.2)
            .if_exists()
            .when("status_rank", "=", n(Status::Queued.rank()))
            .when("attempt", "=", n(attempt));
        self.update(keys::message(at), write).await?.map_or(Ok(()), |_| Ok(()))
    }
}

/// The part of an update that queues a message again for `attempt`, not before `send_at`, and has the sweeper look after
/// it at `due`.
pub(crate) fn requeued(
    at: MessageRef,
    attempt: u32,
    send_at: Timestamp,
    due: Timestamp,
    now: Timestamp,
) -> Result<Write> {
    Ok(moved(at, Status::Queued, now)?
        .set("attempt", n(attempt))
        .set("send_at", s(send_at.to_string()))
        .remove("lease_until")
        .remove("lost_answer")
        .remove("provider_message_id")
        .remove("provider_status")
        .set(GSI1.1, s(keys::due(keys::due_shard(at.message.get()))))
        .set(GSI1.2, s(keys::due_at(due, at)))
        .if_exists())
}

/// The part of an update that gives a message a status.
pub(crate) fn moved(at: MessageRef, status: Status, now: Timestamp) -> Result<Write> {
    let write = Write::new().set("delivery_status", value(&status)?).set("status_rank", n(status.rank()));
    Ok(by_itself(write, at, now))
}

/// Whether an asynchronous failure of `message` may be tried again by itself, and when. What Twilio took and then gave
/// up is charged, even where it was too fast for it: it was an attempt.
pub(crate) fn comes_back(message: &Message, failure: Option<&Failure>, now: Timestamp) -> Option<Duration> {
    let failure = failure.filter(|failure| failure.class.retries_by_itself())?;
    let charged = Failure { class: ErrorClass::Transient, ..failure.clone() };
    let tries = Tries { retries: message.retries, throttled: message.throttled };
    retry_after(&charged, tries, None, now, fastrand::f64())
}

/// An event of a sender.
fn own_event(attempt: u32, status: Option<Status>, failure: Option<&Failure>, now: Timestamp) -> Event {
    Event {
        at: now,
        source: Source::Sender,
        reported: status,
        provider_status: None,
        attempt,
        outcome: EventOutcome::Applied,
        reason: failure.map(|failure| failure.reason.clone()),
        error_code: failure.and_then(|failure| failure.code.clone()),
    }
}
