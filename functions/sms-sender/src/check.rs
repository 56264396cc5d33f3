//! Asks Twilio what became of a text: one that has been silent for a day, or one whose answer was lost.

use domain::message::{Channel, Message, MessageRef, Report};
use domain::status::Status;
use domain::{Result, Timestamp};
use std::time::Duration;
use twilio::RemoteMessage;

use crate::{Deps, missing};

/// How far before its claim a text may have been made, by Twilio's clock.
const SKEW: Duration = Duration::from_secs(120);

pub(crate) async fn check(deps: &Deps, at: MessageRef, attempt: u32) -> Result<()> {
    let message = deps.store.message(at).await?.ok_or_else(|| missing(at))?;
    let open = matches!(message.delivery_status, Status::Sending | Status::Sent | Status::UnknownOutcome);
    if !open || message.attempt != attempt || message.lease_until.is_some() {
        return Ok(());
    }
    let found = match &message.provider_message_id {
        Some(sid) => deps.twilio.fetch(sid).await?,
        None => look_up(deps, &message).await?,
    };
    if let Some(remote) = found {
        let mut report =
            Report::from_twilio(&remote.status, remote.error_code, Some(remote.sid), Some(attempt));
        // What turns out to be at Twilio was handed over, however far it is there.
        if message.delivery_status == Status::UnknownOutcome
            && matches!(report.status, Some(Status::Queued | Status::Sending))
        {
            report.status = Some(Status::Sent);
        }
        deps.store.advance(at, Channel::Sms, &report, None).await?;
    }
    deps.store.stop_asking(at, attempt, "Twilio was asked and had nothing new.").await
}

/// The one text at Twilio that can only be this one: same numbers, same words, not made before it was claimed, and not
/// known to belong to another message. With more than one, none: guessing could hide a text that was never sent.
async fn look_up(deps: &Deps, message: &Message) -> Result<Option<RemoteMessage>> {
    let since: Timestamp = message.created_at.minus(SKEW);
    let (from, to) = (message.from_address.as_str(), message.to_address.as_str());
    let listed = deps.twilio.list(since, Some(from), Some(to)).await?;
    let mut candidates = Vec::new();
    for remote in listed {
        let ours = remote.direction.starts_with("outbound")
            && remote.body.as_deref() == Some(message.body.0.as_str())
            && !deps.store.knows_provider_id("twilio", &remote.sid).await?;
        if ours {
            candidates.push(remote);
        }
    }
    Ok(if candidates.len() == 1 { candidates.pop() } else { None })
}
