//! Sends texts: claim, call Twilio once, store how it ended. Also asks Twilio about texts, because nobody else can.

use domain::id::MessageRef;
use domain::job::{Job, Work};
use domain::{Error, Result};
use outbox::Outbox;
use store::Store;

mod backfill;
mod check;
mod send;

/// What this consumer needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// Twilio.
    pub twilio: twilio::Client,
    /// Queues, for tries that come later and for texts that were missed.
    pub outbox: Outbox,
}

/// Does one job. Delivered twice it is done once, because of the claim.
///
/// # Errors
/// Only our own trouble: table or queue out of reach, or a job that makes no sense. The queue hands it out again, and in
/// the end keeps it aside. What Twilio answers is never an error, but an outcome that is stored.
pub async fn handle(deps: &Deps, job: Job) -> Result<()> {
    match job.work {
        Work::SendSms { message, attempt } => send::send(deps, message, attempt, &job.request).await,
        Work::CheckSms { message, attempt } => check::check(deps, message, attempt).await,
        Work::BackfillInbound {} => backfill::backfill(deps, &job.request).await,
        Work::SendEmail { .. }
        | Work::Record(_)
        | Work::RecordStored { .. }
        | Work::ReceiveSms(_)
        | Work::ReceiveEmail(_)
        | Work::SesNotice { .. }
        | Work::Provision { .. } => Err(Error::internal("a job of another queue")),
    }
}

/// A message that is not there was erased with its client, and its job has nothing left to do. Nothing else ever deletes
/// one, so that it is worth a line in the log.
fn gone(at: MessageRef) {
    tracing::warn!(message.id = at.message.get(), metric = "job_without_message", "the message is gone");
}
