//! Asks Twilio what became of a text: one that has been silent for a day, or one whose answer was lost. The second is asked
//! after several times, and then it ends as `delivery_unknown`.

use std::time::Duration;

use domain::channel::{Channel, Provider};
use domain::failure::ErrorClass;
use domain::id::MessageRef;
use domain::message::Message;
use domain::report::Report;
use domain::status::Status;
use domain::{Result, Timestamp};
use store::consent::{ConsentChange, Heard, TextConsent};
use store::statuses::Advance;
use twilio::RemoteMessage;

use crate::Deps;
use crate::gone::gone;

/// How far Twilio's clock may be from ours.
const SKEW: Duration = Duration::from_secs(120);

pub(crate) async fn check(deps: &Deps, at: MessageRef, attempt: u32) -> Result<()> {
    let Some(message) = deps.store.message(at).await? else {
        gone(at);
        return Ok(());
    };
    // Where it is by now.
    let at = message.at;
    let open = matches!(message.delivery_status, Status::Sending | Status::Sent | Status::UnknownOutcome);
    if !open || message.attempt != attempt || message.lease_until.is_some() {
        return Ok(());
    }
    let is_unknown = message.delivery_status == Status::UnknownOutcome;
    let found = match &message.provider_message_id {
        Some(sid) => deps.twilio.fetch(sid).await?,
        None => match look_up(deps, &message).await? {
            Found::Nothing if is_unknown => {
                return deps.store.learned_nothing(&message, "Twilio knows nothing of this text.").await;
            }
            Found::Several if is_unknown => {
                let why = "Twilio has several texts with these words, and it is not known which of them is this one.";
                return deps.store.learned_nothing(&message, why).await;
            }
            Found::Nothing | Found::Several => None,
            Found::One(remote) => Some(remote),
        },
    };
    if is_unknown && found.is_none() {
        return deps.store.learned_nothing(&message, "Twilio knows nothing of this text.").await;
    }
    let mut brought = "Twilio was asked and had nothing new.";
    if let Some(remote) = found {
        let mut report =
            Report::from_twilio(&remote.status, remote.error_code, Some(remote.sid), Some(attempt));
        // A text that turns out to be at Twilio was handed over, however far it is there and whatever Twilio's word says.
        let moves = |status: Status| Status::UnknownOutcome.may_become(status, Channel::Sms);
        if is_unknown && !report.status.is_some_and(moves) {
            report.status = Some(Status::Sent);
        }
        let consent = opted_out(&message, &report);
        match deps.store.advance(at, Channel::Sms, &report, consent.as_ref()).await? {
            Advance::Applied(Status::Sending | Status::Sent) => {
                brought = "Twilio was asked once, and this was its last word.";
            }
            // It has ended, or waits for another attempt: nobody asks after it.
            Advance::Applied(_) => return Ok(()),
            Advance::Stale(_) | Advance::Duplicate(_) | Advance::Unknown => {}
        }
    }
    deps.store.stop_asking(at, attempt, brought).await
}

/// Twilio refused the text because its receiver said STOP to the sender, and nobody had told us.
fn opted_out(message: &Message, report: &Report) -> Option<ConsentChange> {
    report.failure.as_ref().filter(|failure| failure.class == ErrorClass::Consent)?;
    Some(ConsentChange::Texts(TextConsent {
        address: message.to_address.clone(),
        sender: message.from_address.clone(),
        heard: Heard::Refusal(message.updated_at),
        evidence: report.provider_message_id.clone()?,
    }))
}

/// What a look-up finds.
enum Found {
    Nothing,
    One(RemoteMessage),
    Several,
}

/// The one text at Twilio that can only be this one: same numbers, same words, made between the claim of this attempt and
/// the moment its outcome was given up on, and not known to belong to another message. With more than one, none is taken:
/// guessing could hide a text that was never sent.
async fn look_up(deps: &Deps, message: &Message) -> Result<Found> {
    let lost = message.answer_lost();
    let (since, until) = (lost.claimed_at.minus(SKEW), lost.since.plus(SKEW));
    let (from, to) = (message.from_address.as_str(), message.to_address.as_str());
    let listed = deps.twilio.list(since, Some(from), Some(to)).await?;
    let mut candidates = Vec::new();
    for remote in listed {
        let made = remote.date_created.as_deref().and_then(Timestamp::parse_rfc2822);
        let ours = remote.direction.starts_with("outbound")
            && remote.body.as_deref() == Some(message.body.0.as_str())
            && made.is_some_and(|made| since <= made && made <= until)
            && !deps.store.knows_provider_id(Provider::Twilio, &remote.sid).await?;
        if ours {
            candidates.push(remote);
        }
    }
    Ok(match (candidates.pop(), candidates.is_empty()) {
        (None, _) => Found::Nothing,
        (Some(one), true) => Found::One(one),
        (Some(_), false) => Found::Several,
    })
}
