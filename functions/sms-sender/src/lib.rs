//! Sends texts: claim, call Twilio once, store how it ended. Also asks Twilio about texts, because nobody else can.

use domain::job::{Job, Work};
use domain::{Error, Result};

mod backfill;
mod check;
mod deps;
mod gone;
mod send;

pub use deps::Deps;

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
