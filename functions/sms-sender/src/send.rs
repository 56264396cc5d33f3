//! One attempt of one text.

use domain::Result;
use domain::address::Address;
use domain::channel::Channel;
use domain::failure::Failure;
use domain::id::MessageRef;
use domain::message::Message;
use domain::sms_error::{UNREGISTERED, failure};
use domain::status::Status;
use store::sending::{Claim, Settled, Turn};
use twilio::TextToSend;

use crate::Deps;
use crate::gone::gone;

pub(crate) async fn send(deps: &Deps, at: MessageRef, attempt: u32, correlation: &str) -> Result<()> {
    let again = async |at, attempt, delay| {
        deps.outbox.send_again(Channel::Sms, at, attempt, delay, correlation).await
    };
    let mut message = match deps.store.turn(at, attempt).await? {
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
    if let Some(failure) = unregistered(deps, &message).await? {
        return deps.store.end_unsent(&message, attempt, Status::Failed, failure).await;
    }
    match deps.store.claim(&mut message, attempt).await? {
        Claim::Ours => {}
        Claim::NotOurs | Claim::OptedOut => return Ok(()),
    }
    if !deps.store.is_still_wanted(&message, attempt).await? {
        return Ok(());
    }
    let outcome = deps.twilio.send(TextToSend { message: &message, attempt }).await;
    tracing::info!(message.id = at.message.get(), attempt, outcome = outcome.name(), "text handed over");
    match deps.store.settle(&message, attempt, &outcome).await? {
        Settled::Done => Ok(()),
        Settled::TryAgain { attempt, delay } => again(at, attempt, delay).await,
    }
}

/// What carriers in the United States would say of a number that nobody registered. It may have been said after the text
/// was queued.
async fn unregistered(deps: &Deps, message: &Message) -> Result<Option<Failure>> {
    let (Address::Phone(from), Address::Phone(to)) = (&message.from_address, &message.to_address) else {
        return Ok(None);
    };
    let business = deps.store.business_of_late(message.at.business).await?;
    let refused = business.is_some_and(|business| business.may_text(from, to).is_err());
    Ok(refused.then(|| failure(UNREGISTERED, None)))
}
