//! Sends mail: look, fetch what goes with it, claim, call SES once, store how it ended.

use domain::job::{Job, Work};
use domain::{Error, Result};

mod compose;
mod deps;
mod send;

pub use deps::{Deps, Links};

/// Does one job. Delivered twice it is done once, because of the claim.
///
/// # Errors
/// Only our own trouble: table, queue or object storage out of reach, or a job that makes no sense. The queue hands it
/// out again, and in the end keeps it aside. What SES answers is never an error, but an outcome that is stored.
pub async fn handle(deps: &Deps, job: Job) -> Result<()> {
    match job.work {
        Work::SendEmail { message, attempt } => send::send(deps, message, attempt, &job.request).await,
        Work::SendSms { .. }
        | Work::CheckSms { .. }
        | Work::BackfillInbound {}
        | Work::Record(_)
        | Work::RecordStored { .. }
        | Work::ReceiveSms(_)
        | Work::ReceiveEmail(_)
        | Work::SesNotice { .. }
        | Work::Provision { .. } => Err(Error::internal("a job of another queue")),
    }
}
