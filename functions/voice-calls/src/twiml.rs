//! Twilio asks what to do with a call.

use axum::extract::State;
use axum::response::Response;
use domain::Result;
use domain::call::{CallReport, CallResult, Part};
use domain::id::MessageRef;
use domain::voice::BROWSER;
use store::Store;
use web::twilio::{Form, Verified};
use web::{ApiResult, Edge};

use crate::asked::{Asked, Step};
use crate::verbs::{Verb, nobody, twiml};
use crate::{Voice, incoming, outgoing};

/// `POST /omega/voice-calls/twiml`: a call is stored before it is answered what to do with it, once for each `CallSid`.
/// Trouble of ours is a 5xx, which makes Twilio ask again.
pub async fn answer(
    State(edge): State<Edge>,
    State(voice): State<Voice>,
    form: Verified<Form>,
) -> ApiResult<Response> {
    let form = form.into_inner();
    let store = edge.store();
    if let (Some(at), Some(step)) = (form.message(), form.query("step").and_then(Step::read)) {
        return Ok(twiml(&ended(store, &voice, at, step, &form).await?)?);
    }
    let asked = Asked::read(&form)?;
    let verbs = match asked.from.starts_with(BROWSER) {
        true => outgoing::answer(store, &voice, &asked).await?,
        false => incoming::answer(store, &voice, &asked).await?,
    };
    Ok(twiml(&verbs)?)
}

/// Whoever was called is not on the phone any more, or never was.
async fn ended(store: &Store, voice: &Voice, at: MessageRef, step: Step, form: &Form) -> Result<Vec<Verb>> {
    let report = CallReport {
        part: Part::Leg,
        sid: form.field("DialCallSid").map(str::to_owned),
        word: form.field("DialCallStatus").unwrap_or("unknown").to_owned(),
        duration_seconds: form.field("DialCallDuration").and_then(|seconds| seconds.parse().ok()),
    };
    store.advance_call(at, &report).await?;
    let answered = CallResult::from_twilio(&report.word).is_some_and(CallResult::is_answered);
    match step {
        Step::Staff if !answered => {
            incoming::to_location(store, voice, form.field("To").unwrap_or_default(), at).await
        }
        Step::Location if !answered => Ok(nobody()),
        Step::Phone | Step::Staff | Step::Location => Ok(vec![Verb::Hangup]),
    }
}
