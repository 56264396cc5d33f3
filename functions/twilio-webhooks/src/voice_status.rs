//! What became of a call.

use axum::Json;
use axum::extract::State;
use domain::Result;
use domain::call::{CallReport, CallResult, Part, missed};
use domain::channel::Provider;
use domain::id::MessageRef;
use domain::voice::{BROWSER, caller};
use serde_json::{Value, json};
use store::Store;
use store::calls::NewCall;
use store::statuses::Advance;
use web::ApiResult;
use web::twilio::{Form, Verified};

/// `POST /omega/twilio/voice/status`: out of order, repeated or about something unknown, the answer is 200; only trouble
/// of ours is a 5xx, which makes Twilio try again.
///
/// Who was called is reported to an address that names the message. Who called is known by the id of the call.
pub async fn status(State(store): State<Store>, form: Verified<Form>) -> ApiResult<Json<Value>> {
    let form = form.into_inner();
    let sid = form.required("CallSid")?;
    let of_leg = form.message();
    let at = match of_leg {
        Some(at) => Some(at),
        None => match store.placed(Provider::Twilio, sid).await? {
            Some(at) => Some(at),
            None => unheard(&store, &form, sid).await?,
        },
    };
    let Some(at) = at else {
        tracing::info!(twilio.sid = sid, "report of a call that is not ours to keep");
        return Ok(Json(json!({})));
    };
    let part = if of_leg.is_some() { Part::Leg } else { Part::Caller };
    let report = CallReport {
        part,
        sid: Some(sid.to_owned()),
        word: form.field("CallStatus").unwrap_or("unknown").to_owned(),
        duration_seconds: form.field("CallDuration").and_then(|seconds| seconds.parse().ok()),
    };
    log(at, &report, &store.advance_call(at, &report).await?);
    Ok(Json(json!({})))
}

/// Stores a call from a client that is over and of which nobody told us while it rang: it was missed. `None` for any
/// other call.
async fn unheard(store: &Store, form: &Form, sid: &str) -> Result<Option<MessageRef>> {
    let from = form.field("From").unwrap_or_default();
    let incoming = form.field("Direction").is_none_or(|direction| direction == "inbound");
    let word = form.field("CallStatus").unwrap_or_default();
    let result = CallResult::from_twilio(word).and_then(missed);
    let (Some(to), Some(result), true) = (form.field("To"), result, incoming && !from.starts_with(BROWSER))
    else {
        return Ok(None);
    };
    let Some(route) = store.route_of(to).await? else { return Ok(None) };
    let (from, to) = (caller(from, route.country), caller(to, route.country));
    let call = NewCall { sid: sid.to_owned(), from, to, staff: None, result };
    let at = store.take_call(call, &route).await?;
    tracing::error!(
        message.id = at.message.get(),
        twilio.sid = sid,
        metric = "call_unheard",
        "call was over before we heard of it"
    );
    Ok(Some(at))
}

fn log(at: MessageRef, report: &CallReport, advance: &Advance) {
    let (id, word) = (at.message.get(), report.word.as_str());
    match advance {
        Advance::Applied(_) => tracing::info!(message.id = id, reported = word, "report of a call applied"),
        Advance::Stale(_) => tracing::info!(message.id = id, reported = word, "report of a call was late"),
        Advance::Duplicate(_) => {
            tracing::info!(message.id = id, metric = "duplicate_dropped", "report of a call was here");
        }
        Advance::Unknown => tracing::warn!(message.id = id, "report of a call that does not exist"),
    }
}
