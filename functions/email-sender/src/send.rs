//! One attempt to send one mail.
//!
//! Everything that can be slow or fail happens before the claim: what goes with the mail is fetched, and the mail is
//! made. Between the claim and the stored outcome there is the one call of SES.

use domain::Result;
use domain::channel::Channel;
use domain::delivery::Outcome;
use domain::email::Email;
use domain::email_event::tag;
use domain::failure::{ErrorClass, Failure};
use domain::id::MessageRef;
use domain::message::Message;
use domain::status::Status;
use ses::MailToSend;
use store::sending::{Claim, Settled, Turn};

use crate::Deps;
use crate::compose::{Composed, NotComposed, compose};

pub(crate) async fn send(deps: &Deps, at: MessageRef, attempt: u32, correlation: &str) -> Result<()> {
    let again = async |at, attempt, delay| {
        deps.outbox.send_again(Channel::Email, at, attempt, delay, correlation).await
    };
    let mut message = match deps.store.turn(at, attempt).await? {
        Turn::Ours(message) => message,
        Turn::Later(delay) => return again(at, attempt, delay).await,
        Turn::Over => return Ok(()),
        Turn::Gone => {
            tracing::warn!(
                message.id = at.message.get(),
                metric = "job_without_message",
                "the message is gone"
            );
            return Ok(());
        }
    };
    // Where it is by now.
    let at = message.at;
    leave_out_suppressed(deps, &mut message).await?;
    let composed = match compose(deps, &message).await? {
        Ok(composed) => Ok(composed),
        Err(NotComposed::ForGood(reason)) => {
            let failure = Failure::new(ErrorClass::Content, reason);
            return deps.store.end_unsent(&message, attempt, Status::Failed, failure).await;
        }
        // Tried again like a call of SES that failed, as often and no more.
        Err(NotComposed::ForNow(reason)) => {
            let failure = Failure::new(ErrorClass::Transient, reason);
            Err(Outcome::Later { provider_id: None, failure, retry_after: None })
        }
    };
    match deps.store.claim(&mut message, attempt).await? {
        Claim::Ours => {}
        Claim::NotOurs | Claim::OptedOut => return Ok(()),
    }
    let outcome = match composed {
        Ok(composed) => call(deps, &message, attempt, composed).await,
        Err(outcome) => outcome,
    };
    tracing::info!(message.id = at.message.get(), attempt, outcome = outcome.name(), "mail handed over");
    match deps.store.settle(&message, attempt, &outcome).await? {
        Settled::Done => Ok(()),
        Settled::TryAgain { attempt, delay } => again(at, attempt, delay).await,
    }
}

/// Further receivers whose mail was suppressed since get no copy.
async fn leave_out_suppressed(deps: &Deps, message: &mut Message) -> Result<()> {
    let others: Vec<Email> = message.addressed().into_iter().skip(1).collect();
    if others.is_empty() {
        return Ok(());
    }
    let stopped = deps.store.suppressed_among(message.at.business, &others, message.category).await?;
    for email in stopped {
        message.recipients.insert(email.key(), Status::Blocked);
    }
    Ok(())
}

async fn call(deps: &Deps, message: &Message, attempt: u32, composed: Composed) -> Outcome {
    let Composed { raw, to, cc, bcc } = composed;
    deps.mailer
        .send(MailToSend {
            from: message.from_address.as_str(),
            to: &to,
            cc: &cc,
            bcc: &bcc,
            raw,
            tag: tag(message.at, attempt),
            configuration_set: deps.links.configuration_set.as_deref(),
        })
        .await
}
