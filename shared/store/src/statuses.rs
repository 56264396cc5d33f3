//! One way for every report of a delivery: callbacks, the API, look-ups.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::channel::Channel;
use domain::delivery::{LOOK_UPS, SILENCE};
use domain::email::Email;
use domain::id::MessageRef;
use domain::mail::{Recipients, worst};
use domain::message::Message;
use domain::report::{EventOutcome, Report};
use domain::status::Status;
use domain::{Error, Result, Timestamp};

use crate::consent::ConsentChange;
use crate::counts::kind;
use crate::events::of_report;
use crate::expression::Write;
use crate::item::{decode, n, s, value};
use crate::keys::attribute::GSI1;
use crate::messages::{MESSAGE, Placing};
use crate::reported::by_itself;
use crate::sending::{comes_back, moved, requeued};
use crate::{Store, keys};

/// What became of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Advance {
    /// It changed the message.
    Applied(Status),
    /// The message was past it: `Some` is where it is.
    Stale(Option<Status>),
    /// The same report was there already.
    Duplicate(Option<Status>),
    /// There is no such message.
    Unknown,
}

impl Store {
    /// Applies a report to a message of `channel`, if the rule allows it, and keeps it in the timeline either way.
    /// One transaction when it applies, and one more write when it does not.
    ///
    /// `consent` is stored with a report that the client opted out. A failure that passes is not the end: the message
    /// is queued again, as a new attempt, for when its schedule says.
    pub async fn advance(
        &self,
        at: MessageRef,
        channel: Channel,
        report: &Report,
        consent: Option<&ConsentChange>,
    ) -> Result<Advance> {
        let advance = self.advance_at(at, channel, report, consent).await?;
        if advance != Advance::Unknown {
            return Ok(advance);
        }
        // The address of a callback names the client whom the message was sent to; the directory may have named another
        // one since.
        match self.moved_from(at).await? {
            Some(now) => self.advance_at(now, channel, report, consent).await,
            None => Ok(Advance::Unknown),
        }
    }

    async fn advance_at(
        &self,
        at: MessageRef,
        channel: Channel,
        report: &Report,
        consent: Option<&ConsentChange>,
    ) -> Result<Advance> {
        let now = self.clock().now();
        let Some(next) = report.status else {
            let Some(Message { at, .. }) = self.message(at).await? else { return Ok(Advance::Unknown) };
            let reason = "it says nothing of how far the message is";
            let fresh = self.keep(at, report, 0, reason, consent, now).await?;
            return Ok(if fresh { Advance::Stale(None) } else { Advance::Duplicate(None) });
        };
        if let Some(recipient) = &report.recipient {
            return self.advance_copy(at, report, (recipient, next), consent).await;
        }
        if next.is_failure()
            && report.failure.as_ref().is_some_and(|failure| failure.class.retries_by_itself())
            && let Some(applied) = self.queue_again(at, channel, report, next, now).await?
        {
            return Ok(applied);
        }
        let mut once = true;
        let mut expected = learned(report).is_some();
        for _ in 0..4 {
            let event = of_report(report, 0, EventOutcome::Applied, None, now);
            let mut write = self.advanced(at, channel, report, next, now)?;
            if expected {
                write = write.when_present("provider_message_id");
            }
            let mut parts: Vec<TransactWriteItem> = vec![
                self.tx_update(keys::message(at), write)?,
                self.tx_put_report(at, report, &event, once)?,
            ];
            if let Some((id, attempt)) = learned(report).filter(|_| !expected) {
                parts.push(self.tx_put_provider_id(channel.provider(), id, at, attempt, true)?);
            }
            if let Some(change) = consent {
                parts.push(self.tx_consent_change(at.business, change, now)?);
            }
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Advance::Applied(next)),
                Err(refused) => refused,
            };
            if refused.failed(0) {
                let repeated = refused.failed(1);
                let stored = refused.item(0).filter(|item| kind(item) == MESSAGE);
                let stored: Option<Message> = stored.map(decode).transpose()?;
                if expected && stored.as_ref().is_some_and(|stored| stored.provider_message_id.is_none()) {
                    // The sender's own answer was lost or is late: the id is learned from the report.
                    expected = false;
                    continue;
                }
                let stored = stored.filter(|stored| stored.channel == channel);
                return self.stale(at, report, stored, repeated, consent, now).await;
            }
            // The same words came before, but about an earlier state: they apply again, once more.
            once = false;
        }
        Err(Error::internal("an event that may be overwritten was refused"))
    }

    /// Applies a report about one copy of a mail to several: that copy goes on by the rule, and the mail is as far as
    /// the copy that is least far. Read, changed, and written under the condition that nothing changed meanwhile, so
    /// that the order of the reports makes no difference.
    async fn advance_copy(
        &self,
        at: MessageRef,
        report: &Report,
        (recipient, next): (&Email, Status),
        consent: Option<&ConsentChange>,
    ) -> Result<Advance> {
        let mut placing = Placing::begin();
        loop {
            let now = self.clock().now();
            let Some(message) = self.message(at).await? else { return Ok(Advance::Unknown) };
            let at = message.at;
            let others = message.addressed();
            if others.len() < 2 {
                let report = Report { recipient: None, ..report.clone() };
                return Box::pin(self.advance_at(at, message.channel, &report, consent)).await;
            }
            let before = message.recipients.get(&recipient.key()).copied().unwrap_or(Status::Sending);
            let late = report.attempt.is_some_and(|attempt| attempt != message.attempt);
            if late || !others.contains(recipient) || !before.may_become(next, message.channel) {
                let reason = format!("this copy is {} already, or is not of this attempt", before.as_str());
                let fresh = self.keep(at, report, message.attempt, &reason, consent, now).await?;
                let current = Some(message.delivery_status);
                return Ok(if fresh { Advance::Stale(current) } else { Advance::Duplicate(current) });
            }
            let mut copies = message.recipients.clone();
            copies.insert(recipient.key(), next);
            // A copy of which nothing was reported is with the provider, or on the way there. Where the answer was lost,
            // this report shows that the provider has the mail.
            let is_taken = message.status_rank >= Status::UnknownOutcome.rank();
            let silent = if is_taken { Status::Sent } else { Status::Sending };
            let of_all = |copies: &Recipients| {
                let said = |email: &Email| copies.get(&email.key()).copied();
                let said = |email: &Email| said(email).filter(|status| *status != Status::Queued);
                worst(&others.iter().map(|email| (email.key(), said(email).unwrap_or(silent))).collect())
            };
            let (was, whole) = (message.delivery_status, of_all(&copies).unwrap_or(next));
            // One copy may end worse than another did before, if it was a copy that the mail failed by.
            let worse = was.is_failure() && whole.is_failure() && of_all(&message.recipients) == Some(was);
            let moves = was.may_become(whole, message.channel) || (worse && whole != was);
            let status = if moves { whole } else { was };
            let applied = Report { status: Some(status), ..report.clone() };
            let mut write = if moves {
                self.changed(at, message.channel, &applied, status, now)?
            } else {
                by_itself(Write::new(), at, now).if_exists()
            };
            write = write.set("recipients", value(&copies)?).when("status_rank", "=", n(message.status_rank));
            write = match message.recipients.is_empty() {
                true => write.when_absent("recipients"),
                false => write.when("recipients", "=", value(&message.recipients)?),
            };
            if !moves && report.attempt.is_some() {
                write = write.when("attempt", "=", n(message.attempt));
            }
            let event = of_report(report, message.attempt, EventOutcome::Applied, None, now);
            let mut parts = vec![
                self.tx_update(keys::message(at), write)?,
                self.tx_put_report(at, report, &event, false)?,
            ];
            if let Some(change) = consent {
                parts.push(self.tx_consent_change(at.business, change, now)?);
            }
            if self.transact(parts).await?.is_ok() {
                return Ok(Advance::Applied(status));
            }
            placing.after_a_look().await?;
        }
    }

    /// The conditional update of one report: the pure rule, as the table checks it.
    fn advanced(
        &self,
        at: MessageRef,
        channel: Channel,
        report: &Report,
        next: Status,
        now: Timestamp,
    ) -> Result<Write> {
        let write = self.changed(at, channel, report, next, now)?;
        Ok(write.when("status_rank", "<", n(next.limit(channel))))
    }

    /// The same without the rule.
    fn changed(
        &self,
        at: MessageRef,
        channel: Channel,
        report: &Report,
        next: Status,
        now: Timestamp,
    ) -> Result<Write> {
        let mut write = moved(at, next, now)?.remove("lease_until").if_exists();
        // A report about mail is none about a text with the same id.
        write = write.when("channel", "=", value(&channel)?);
        if let Some(attempt) = report.attempt {
            write = write.when("attempt", "=", n(attempt));
        }
        if let Some(word) = &report.provider_status {
            write = write.set("provider_status", s(word.clone()));
        }
        if let Some(id) = &report.provider_message_id {
            write = write.set("provider_message_id", s(id.clone()));
        }
        if let Some(metadata) = &report.metadata {
            write = write.set("provider_metadata", value(metadata)?);
        }
        write = match &report.failure {
            Some(failure) => write.set("failure", value(failure)?),
            None if next.is_failure() => write,
            None => write.remove("failure"),
        };
        if matches!(next, Status::Sent | Status::Delivered | Status::Read) {
            write = write.set_once("sent_at", s(now.to_string()));
        }
        if next == Status::Delivered {
            write = write.set_once("delivered_at", s(now.to_string()));
        }
        // What has not ended is asked after one day later, when nobody says more.
        let silent =
            (!next.is_failure() && next.rank() < Status::Delivered.rank() && report.attempt.is_some())
                .then(|| now.plus(SILENCE));
        // So is what a program says of unknown outcome, sooner, so that it ends as well.
        let silent = if next == Status::UnknownOutcome { Some(now.plus(LOOK_UPS[0])) } else { silent };
        Ok(write
            .put(GSI1.1, silent.map(|_| s(keys::due(keys::due_shard(at.message.get())))))
            .put(GSI1.2, silent.map(|due| s(keys::due_at(due, at)))))
    }

    /// Queues a message again whose attempt ended in trouble that passes. `None` when it does not come back.
    async fn queue_again(
        &self,
        at: MessageRef,
        channel: Channel,
        report: &Report,
        next: Status,
        now: Timestamp,
    ) -> Result<Option<Advance>> {
        let Some(message) = self.message(at).await? else {
            return Ok(Some(Advance::Unknown));
        };
        let at = message.at;
        let ours = report.attempt == Some(message.attempt) && message.attempt > 0;
        if !ours || !message.delivery_status.may_become(next, channel) {
            return Ok(None);
        }
        let Some(delay) = comes_back(&message, report.failure.as_ref(), now) else {
            return Ok(None);
        };
        // Nobody here can queue a job, so the sweeper does, on time.
        let send_at = now.plus(delay);
        let mut write = requeued(at, message.attempt + 1, send_at, send_at, now)?
            .add("retries", 1)
            .when("status_rank", "<", n(next.limit(channel)))
            .when("attempt", "=", n(message.attempt));
        if let Some(failure) = &report.failure {
            write = write.set("failure", value(failure)?);
        }
        let again = Some(format!("tried again at {send_at}"));
        let event = of_report(report, message.attempt, EventOutcome::Applied, again, now);
        let mut parts =
            vec![self.tx_update(keys::message(at), write)?, self.tx_put_report(at, report, &event, false)?];
        if let Some((id, attempt)) = learned(report).filter(|_| message.provider_message_id.is_none()) {
            parts.push(self.tx_put_provider_id(channel.provider(), id, at, attempt, true)?);
        }
        Ok(self.transact(parts).await?.is_ok().then_some(Advance::Applied(Status::Queued)))
    }

    /// Keeps a report that the rule refused. What it says of the reason still counts when nothing was known of it.
    ///
    /// What the client wants does not depend on what became of the message, but a report that was here before has been
    /// listened to: somebody may have decided otherwise since.
    async fn stale(
        &self,
        at: MessageRef,
        report: &Report,
        stored: Option<Message>,
        repeated: bool,
        consent: Option<&ConsentChange>,
        now: Timestamp,
    ) -> Result<Advance> {
        let listen = async || -> Result<()> {
            let Some(change) = consent else { return Ok(()) };
            self.transact(vec![self.tx_consent_change(at.business, change, now)?]).await.map(|_| ())
        };
        let Some(stored) = stored else {
            listen().await?;
            return Ok(Advance::Unknown);
        };
        let current = Some(stored.delivery_status);
        if repeated {
            return Ok(Advance::Duplicate(current));
        }
        let reason = match report.attempt {
            Some(attempt) if attempt != stored.attempt => {
                format!("about attempt {attempt}, and attempt {} is the current one", stored.attempt)
            }
            _ => format!("the message is {} already", stored.delivery_status.as_str()),
        };
        if let Some(failure) = report.failure.as_ref().filter(|failure| failure.code.is_some())
            && stored.delivery_status.is_failure()
            && report.attempt.is_none_or(|attempt| attempt == stored.attempt)
            && stored.failure.as_ref().is_none_or(|known| known.code.is_none())
        {
            listen().await?;
            let write = by_itself(Write::new(), at, now)
                .set("failure", value(failure)?)
                .if_exists()
                .when("attempt", "=", n(stored.attempt))
                .when("status_rank", "=", n(stored.status_rank));
            let event = of_report(report, stored.attempt, EventOutcome::Ignored, Some(reason), now);
            let parts = vec![
                self.tx_update(keys::message(at), write)?,
                self.tx_put_report(at, report, &event, true)?,
            ];
            let _ = self.transact(parts).await?;
            return Ok(Advance::Stale(current));
        }
        let fresh = self.keep(at, report, stored.attempt, &reason, consent, now).await?;
        Ok(if fresh { Advance::Stale(current) } else { Advance::Duplicate(current) })
    }

    /// Keeps a report that changes nothing of its message, together with what it says of the address. `false` when the
    /// same report is there already.
    async fn keep(
        &self,
        at: MessageRef,
        report: &Report,
        attempt: u32,
        reason: &str,
        consent: Option<&ConsentChange>,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(change) = consent else {
            return self.put_ignored(at, report, attempt, reason, now).await;
        };
        let event = of_report(report, attempt, EventOutcome::Ignored, Some(reason.to_owned()), now);
        let parts = vec![
            self.tx_put_report(at, report, &event, true)?,
            self.tx_consent_change(at.business, change, now)?,
        ];
        Ok(self.transact(parts).await?.is_ok())
    }
}

/// The provider's id of the message and the attempt it is of, for a report that tells both. Each id has to be known as
/// ours, or a look-up could take it for another text with the same words.
fn learned(report: &Report) -> Option<(&str, u32)> {
    report.provider_message_id.as_deref().zip(report.attempt)
}
