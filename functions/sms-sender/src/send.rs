//! One attempt of one text.

use domain::Result;
use domain::message::{Channel, MessageRef};
use store::sending::{Claim, Settled, Turn};
use twilio::TextToSend;

use crate::{Deps, gone};

pub(crate) async fn send(deps: &Deps, at: MessageRef, attempt: u32, correlation: &str) -> Result<()> {
    let again = async |at, attempt, delay| {
        deps.outbox.send_again(Channel::Sms, at, attempt, delay, correlation).await
    };
    let message = match deps.store.turn(at, attempt).await? {
        Turn::Ours(message) => message,
        Turn::Later(delay) => return again(at, attempt, delay).await,
        Turn::Over => return Ok(()),
        Turn::Gone => {
            gone(at);
            return Ok(());
        }
    };
    // Where it is by now.
    let at = message.at;
    match deps.store.claim(&message, attempt).await? {
        Claim::Ours => {}
        Claim::NotOurs | Claim::OptedOut => return Ok(()),
    }
    let outcome = deps.twilio.send(TextToSend { message: &message, attempt }).await;
    tracing::info!(message.id = at.message.get(), attempt, outcome = outcome.name(), "text handed over");
    match deps.store.settle(&message, attempt, &outcome).await? {
        Settled::Done => Ok(()),
        Settled::TryAgain { attempt, delay } => again(at, attempt, delay).await,
    }
}
