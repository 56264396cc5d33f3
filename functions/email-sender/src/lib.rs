//! Sends mail: look, fetch what goes with it, claim, call SES once, store how it ended.

use domain::job::{Job, Work};
use domain::{Error, Result};
use fetch::Fetcher;
use objects::Objects;
use outbox::Outbox;
use ses::Mailer;
use signature::token;
use store::Store;

mod compose;
mod send;

/// What this consumer needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// SES.
    pub mailer: Mailer,
    /// Where attachments are.
    pub objects: Objects,
    /// Gets attachments that are elsewhere.
    pub fetcher: Fetcher,
    /// Queues, for tries that come later.
    pub outbox: Outbox,
    /// What is written into mails so that answers and unsubscribers find back.
    pub links: Links,
}

/// How mails lead back to us.
#[derive(Clone, Debug)]
pub struct Links {
    /// What such links are sealed with.
    pub tokens: token::Keys,
    /// The domain whose mail omega receives. Without one, answers go to the sender.
    pub inbound_domain: Option<String>,
    /// The public origin of the interface, for unsubscribe links.
    pub api_base_url: String,
    /// SES's configuration set: by it SES reports what becomes of a mail.
    pub configuration_set: Option<String>,
}

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
