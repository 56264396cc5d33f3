//! Twilio asks what to do with a call.

use axum::extract::State;
use axum::response::Response;
use domain::Result;
use domain::call::{CallReport, CallResult, Part};
use domain::id::MessageRef;
use domain::voice::BROWSER;
use store::Store;
use web::twilio::{Form, Verified, missing};
use web::{ApiResult, Edge};

use crate::verbs::{Verb, twiml};
use crate::{Voice, incoming, outgoing};

/// What is said when nobody answered.
const NOBODY: &str = "Nobody can take your call right now. Please try again later.";

/// Whom Twilio called last for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody outside, for a member of the staff.
    Phone,
    /// A member of the staff, in their browser.
    Staff,
    /// The location that a number of ours is for.
    Location,
}

impl Step {
    /// The word in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Phone => "phone",
            Step::Staff => "staff",
            Step::Location => "location",
        }
    }

    fn read(word: &str) -> Option<Step> {
        [Step::Phone, Step::Staff, Step::Location].into_iter().find(|step| step.as_str() == word)
    }
}

/// A call that begins.
pub struct Asked {
    /// Twilio's id of it.
    pub sid: String,
    /// Who calls, in Twilio's words. Empty for some who withhold their number.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// The number that the browser wants to be shown.
    pub caller_id: Option<String>,
}

impl Asked {
    fn read(form: &Form) -> ApiResult<Asked> {
        if !form.has("From") {
            return Err(missing("From"));
        }
        Ok(Asked {
            sid: form.required("CallSid")?.to_owned(),
            from: form.field("From").unwrap_or_default().to_owned(),
            to: form.required("To")?.to_owned(),
            caller_id: form.field("CallerId").map(str::to_owned),
        })
    }
}

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

/// There is nobody else to call.
pub fn nobody() -> Vec<Verb> {
    vec![Verb::Say(NOBODY), Verb::Hangup]
}
