//! What became of a text of ours.

use axum::Json;
use axum::extract::State;
use domain::address::Address;
use domain::channel::{Channel, Provider};
use domain::failure::ErrorClass;
use domain::id::MessageRef;
use domain::phone::Country;
use domain::report::Report;
use serde_json::{Value, json};
use store::Store;
use store::consent::{ConsentChange, Heard, TextConsent};
use store::provider_ids::Placed;
use store::statuses::Advance;
use web::ApiResult;
use web::twilio::{Form, Verified};

/// `POST /omega/twilio/sms/status`: out of order, repeated, early or about something unknown, the answer is 200; only
/// trouble of ours is a 5xx, which makes Twilio try again.
pub async fn status(State(store): State<Store>, form: Verified<Form>) -> ApiResult<Json<Value>> {
    let form = form.into_inner();
    let sid = form.required("MessageSid")?;
    let word = form.field("MessageStatus").or_else(|| form.field("SmsStatus")).unwrap_or("unknown");
    let code = form.field("ErrorCode").and_then(|code| code.trim().parse::<u32>().ok());
    let report = Report::from_twilio(word, code, Some(sid.to_owned()), None);
    let (at, attempt) = match addressed(&form) {
        Some(addressed) => addressed,
        None => match store.place(Provider::Twilio, sid, &report).await? {
            Placed::Found(at, attempt) => (at, attempt),
            Placed::Parked => {
                tracing::info!(twilio.sid = sid, "report of an unknown text parked");
                return Ok(Json(json!({})));
            }
        },
    };
    let report = Report { attempt: Some(attempt), ..report };
    let refused = report.failure.as_ref().is_some_and(|failure| failure.class == ErrorClass::Consent);
    let consent = match refused {
        true => store.refusal(at, sid).await?.or_else(|| refusal(&form, at, sid)),
        false => None,
    };
    match store.advance(at, Channel::Sms, &report, consent.as_ref()).await? {
        Advance::Applied(status) => {
            tracing::info!(message.id = at.message.get(), status = status.as_str(), "report applied");
        }
        Advance::Stale(_) => {
            tracing::info!(message.id = at.message.get(), reported = word, "report was late")
        }
        Advance::Duplicate(_) => {
            tracing::info!(message.id = at.message.get(), metric = "duplicate_dropped", "report was here");
        }
        Advance::Unknown => {
            tracing::warn!(message.id = at.message.get(), "report of a message that does not exist")
        }
    }
    Ok(Json(json!({})))
}

/// The message and attempt that our own callback address carries.
fn addressed(form: &Form) -> Option<(MessageRef, u32)> {
    Some((form.message()?, form.query("attempt")?.parse().ok()?))
}

/// What a refusal for lack of consent means about a text that is not there any more: Twilio's report names the pair.
fn refusal(form: &Form, at: MessageRef, sid: &str) -> Option<ConsentChange> {
    Some(ConsentChange::Texts(TextConsent {
        address: Address::delivered(form.field("To")?, Country::default()),
        sender: Address::delivered(form.field("From")?, Country::default()),
        heard: Heard::Refusal(at.message.time()),
        evidence: sid.to_owned(),
    }))
}
