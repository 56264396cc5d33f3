//! Takes in what SES publishes and what other providers handed in: reports about mail that was sent, and mail from
//! clients.

use domain::email_event::ses::{self, Notice};
use domain::job::{InboundEmail, Job, Work};
use domain::{Error, Result};
use store::statuses::Advance;

mod deps;
mod receive;
mod resolve;

pub use deps::Deps;

/// Makes a job of a record: one of ours, or what SES wrote.
///
/// # Errors
/// When it is neither.
pub fn read(body: &str) -> std::result::Result<Job, serde_json::Error> {
    match ses::read(body.as_bytes()) {
        Ok(_) => Ok(Job::new("ses", Work::SesNotice { notice: body.to_owned() })),
        Err(_) => runtime::batch::read(body),
    }
}

/// Does one job. Delivered twice it is done once.
///
/// # Errors
/// Our own trouble, and what makes no sense: the queue hands it out again, and in the end keeps it aside.
pub async fn handle(deps: &Deps, job: Job) -> Result<()> {
    match job.work {
        Work::SesNotice { notice } => take_in(deps, &notice).await,
        Work::ReceiveEmail(email) => receive::receive(deps, &email).await,
        Work::SendEmail { .. }
        | Work::SendSms { .. }
        | Work::CheckSms { .. }
        | Work::BackfillInbound {}
        | Work::Record(_)
        | Work::RecordStored { .. }
        | Work::ReceiveSms(_)
        | Work::Provision { .. } => Err(Error::internal("a job of another queue")),
    }
}

async fn take_in(deps: &Deps, notice: &str) -> Result<()> {
    match ses::read(notice.as_bytes()).map_err(|_| Error::internal("a notice that SES does not write"))? {
        Notice::Event(event) => {
            let advance = deps.store.report_email(&event).await?;
            let kind = event.word;
            match advance {
                Advance::Applied(status) => tracing::info!(status = status.as_str(), "report of SES applied"),
                Advance::Stale(_) => tracing::info!(kind, "report of SES was late or is no status"),
                Advance::Duplicate(_) => tracing::info!(metric = "duplicate_dropped", "report was here"),
                Advance::Unknown => tracing::info!(kind, "report of SES about an unknown mail"),
            }
            Ok(())
        }
        Notice::Received { bucket, email } => received(deps, &bucket, &email).await,
        Notice::Nothing(word) => {
            tracing::info!(word, "nothing to do");
            Ok(())
        }
    }
}

async fn received(deps: &Deps, bucket: &str, email: &InboundEmail) -> Result<()> {
    if bucket != deps.bucket {
        return Err(Error::internal("SES put a mail into a bucket that is not ours"));
    }
    receive::receive(deps, email).await
}
