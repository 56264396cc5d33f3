//! One attempt of one text.

use std::time::Duration;

use domain::Result;
use domain::delivery::{ErrorClass, Failure};
use domain::message::{Message, MessageRef};
use domain::status::Status;
use store::sending::{Candidate, Claim, Settled};
use twilio::TextToSend;

use crate::{Deps, gone};

/// How long a text waits for the one before it to be handed over.
const TURN: Duration = Duration::from_secs(1);

/// What a job finds.
enum Now {
    /// It can be claimed.
    Send(Box<Message>),
    /// Not yet.
    Wait(Duration),
    /// Somebody dealt with it, or it changed.
    Nothing,
}

pub(crate) async fn send(deps: &Deps, at: MessageRef, attempt: u32, correlation: &str) -> Result<()> {
    let message = match look(deps, at, attempt).await? {
        Now::Send(message) => message,
        Now::Wait(delay) => return deps.outbox.send_again(at, attempt, delay, correlation).await,
        Now::Nothing => return Ok(()),
    };
    // Where it is by now.
    let at = message.at;
    match deps.store.claim(&message, attempt).await? {
        Claim::Ours => {}
        Claim::NotOurs | Claim::OptedOut => return Ok(()),
    }
    let outcome = deps.twilio.send(TextToSend { message: &message, attempt }).await;
    tracing::info!(
        message.id = at.message.get(),
        attempt,
        outcome = outcome_name(&outcome),
        "text handed over"
    );
    match deps.store.settle(&message, attempt, &outcome).await? {
        Settled::Done => Ok(()),
        Settled::TryAgain { attempt, delay } => deps.outbox.send_again(at, attempt, delay, correlation).await,
    }
}

async fn look(deps: &Deps, at: MessageRef, attempt: u32) -> Result<Now> {
    let Some(Candidate { message, behind_another }) = deps.store.candidate(at).await? else {
        gone(at);
        return Ok(Now::Nothing);
    };
    let waiting = matches!(message.delivery_status, Status::Queued | Status::Scheduled);
    if !waiting || message.attempt != attempt {
        return Ok(Now::Nothing);
    }
    let now = deps.store.clock().now();
    if message.expires_at.is_some_and(|end| end <= now) {
        let failure = Failure::new(ErrorClass::Expiry, "Its expires_at passed before it could be sent.");
        deps.store.end_unsent(&message, attempt, Status::Expired, failure).await?;
        return Ok(Now::Nothing);
    }
    if let Some(early) = message.send_at.filter(|send_at| *send_at > now) {
        return Ok(Now::Wait(early.since(now)));
    }
    if behind_another {
        return Ok(Now::Wait(TURN));
    }
    Ok(Now::Send(Box::new(message)))
}

fn outcome_name(outcome: &domain::delivery::Outcome) -> &'static str {
    use domain::delivery::Outcome;
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Later { .. } => "later",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Refused { .. } => "refused",
    }
}
