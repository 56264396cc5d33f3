//! Stores what was sent or received elsewhere: recorded messages, and texts that came in at a side entrance. Never
//! calls a provider.

use domain::job::{InboundSms, Job, Recording, Work};
use domain::{Error, Result};
use objects::Objects;
use store::{Accepted, Received, Store};

/// What this consumer needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// Where recordings lie that are too large for a job.
    pub objects: Objects,
}

/// Does one job. A job that was done before changes nothing.
///
/// # Errors
/// `Unavailable` when the table is out of reach, `Internal` for a job that is not this consumer's: both make the queue
/// hand it out again, and in the end keep it aside.
pub async fn handle(deps: &Deps, job: Job) -> Result<()> {
    match job.work {
        Work::Record(recording) => record(deps, &recording).await,
        Work::RecordStored { object } => record_stored(deps, &object).await,
        Work::ReceiveSms(sms) => receive(deps, &sms).await,
        Work::SendSms { .. }
        | Work::CheckSms { .. }
        | Work::BackfillInbound {}
        | Work::SendEmail { .. }
        | Work::ReceiveEmail(_)
        | Work::SesNotice { .. }
        | Work::Provision { .. } => Err(Error::internal("a job of another queue")),
    }
}

async fn record(deps: &Deps, recording: &Recording) -> Result<()> {
    let accepted = deps.store.record(recording).await?;
    if let Accepted::Stored(id) = accepted {
        tracing::info!(message.id = id.get(), "message recorded");
    }
    Ok(())
}

/// A recording was put where it lies before its job was queued, and is removed once it is stored. So when it is not there,
/// the same job was done before.
async fn record_stored(deps: &Deps, object: &str) -> Result<()> {
    let Some(stored) = deps.objects.get(object).await? else {
        tracing::info!(metric = "duplicate_dropped", "recording was stored before");
        return Ok(());
    };
    let recording = serde_json::from_slice(&stored).map_err(|error| Error::Internal(error.into()))?;
    record(deps, &recording).await?;
    deps.objects.delete(object).await
}

async fn receive(deps: &Deps, sms: &InboundSms) -> Result<()> {
    let route = deps.store.route_of(&sms.to.0).await?;
    match deps.store.receive(sms, route.as_ref()).await? {
        Received::Stored(at) => {
            tracing::info!(message.id = at.message.get(), "text received");
        }
        Received::Duplicate => {
            tracing::info!(twilio.sid = sms.message_sid, metric = "duplicate_dropped", "text was here");
        }
        Received::Quarantined => {
            tracing::error!(
                twilio.sid = sms.message_sid,
                metric = "quarantined",
                "text to a number that belongs to no business: kept for 30 days"
            );
        }
    }
    Ok(())
}
