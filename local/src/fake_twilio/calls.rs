//! The calls that phones and browsers make, and how those who are called behave.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::control::{Failed, failed, read};
use super::numbers::given;
use super::webhook::{self, Attempt};
use super::{FakeTwilio, State as Account};
use crate::wire::locked;

pub(super) fn routes() -> Router<FakeTwilio> {
    Router::new()
        .route("/fake/calls", get(async |State(fake): State<FakeTwilio>| Json(fake.calls())).post(place))
        .route("/fake/calls/webhooks", post(webhooks))
        .route("/fake/phones", post(phones))
        .route("/fake/voice", post(voice))
}

/// What begins the name of a browser.
const BROWSER: &str = "client:";

/// A call that a phone or a browser makes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Call {
    /// A phone, `+1…`, or a browser, `client:…`.
    pub from: String,
    /// A number of the account. For a browser, what the page passes as `To`, which may be anything.
    pub to: String,
    /// What else the page of a browser passes.
    pub params: BTreeMap<String, String>,
    /// How those who are called behave, in the order in which they are, before what was said for each of them.
    pub script: Vec<Leg>,
    /// Status callbacks, of the call and of those who are called, are not posted. They are in [`Placed::webhooks`],
    /// to be posted in any order and often with [`FakeTwilio::post_webhook`].
    pub hold_events: bool,
}

impl Call {
    /// A call of a phone, or of a browser that passes nothing but `To`.
    pub fn new(from: &str, to: &str) -> Call {
        Call { from: from.to_owned(), to: to.to_owned(), ..Call::default() }
    }

    pub(super) fn is_of_browser(&self) -> bool {
        self.from.starts_with(BROWSER)
    }
}

/// How somebody who is called behaves. In JSON `{"answers": 30}`, `"no-answer"`, `"busy"`, `"fails"`,
/// `"caller-hangs-up"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leg {
    /// Answers, talks for so many seconds, and hangs up. Nobody waits for that.
    Answers(u64),
    /// Lets it ring.
    NoAnswer,
    /// Talks to somebody else.
    Busy,
    /// Cannot be reached.
    Fails,
    /// The caller hangs up while it rings.
    CallerHangsUp,
}

/// Where calls are announced. A URL may carry a fragment with connection overrides.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceWebhooks {
    /// Who is asked what is to become of a call.
    pub url: String,
    /// Who is asked when that failed.
    pub fallback_url: Option<String>,
    /// Where the end of a call is posted.
    pub status_callback: Option<String>,
}

/// A call, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Placed {
    /// `CA…`.
    pub sid: String,
    /// Who called.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// Unix milliseconds.
    pub at: i64,
    /// How it ended: `completed`; `busy` or `no-answer` when it was rejected; `failed` when nothing says what is to
    /// become of it.
    pub status: String,
    /// How long it would have taken, in seconds.
    pub duration: u64,
    /// What the caller heard: words, and addresses of files.
    pub heard: Vec<String>,
    /// Those who were called then.
    pub legs: Vec<Dialled>,
    /// What went wrong with the backend's documents: an error code of Twilio and words. An application error has ended
    /// the call, unless it says that somebody was not dialled.
    pub error: Option<String>,
    /// What was posted, or is to be, in the order in which it happened.
    pub webhooks: Vec<Webhook>,
}

/// Somebody who was called.
#[derive(Clone, Debug, Serialize)]
pub struct Dialled {
    /// `CA…`.
    pub sid: String,
    /// Who they see is calling.
    pub from: String,
    /// Who it is: `+1…` or `client:…`.
    pub to: String,
    /// `completed`, `busy`, `no-answer`, `failed`, `canceled`.
    pub status: String,
    /// How long they talked, in seconds.
    pub duration: u64,
    /// What a browser was told about the call.
    pub parameters: BTreeMap<String, String>,
}

/// What a webhook is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A call came in: what is to become of it?
    Voice,
    /// A redirect: how does it go on?
    Redirect,
    /// A dial is over: how does it go on?
    Action,
    /// One of these failed: what then?
    Fallback,
    /// The status of somebody who was called.
    Leg,
    /// The end of the call.
    Status,
}

impl Purpose {
    /// Whether the answer matters.
    pub(super) fn is_question(self) -> bool {
        !matches!(self, Purpose::Leg | Purpose::Status)
    }
}

/// A form that was posted to the backend, or is to be.
#[derive(Clone, Debug, Serialize)]
pub struct Webhook {
    /// What it is for.
    pub purpose: Purpose,
    /// Where to, with the fragment if it has one.
    pub url: String,
    /// The fields, in order.
    pub form: Vec<(String, String)>,
    /// `X-Twilio-Signature`.
    pub signature: String,
    /// Every try. None: it was held back.
    pub attempts: Vec<Attempt>,
    /// The body of the last answer.
    pub twiml: String,
}

impl Webhook {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

impl FakeTwilio {
    /// The calls (the last 10 000) that are over, oldest first.
    pub fn calls(&self) -> Vec<Placed> {
        locked(&self.0.state).calls.iter().cloned().collect()
    }

    /// Those who are called next (only this phone or browser, if named) behave like this, one each. What is said for
    /// one goes before what is said for any. Whoever nothing is said for answers and talks for 30 seconds.
    pub fn answer_calls(&self, to: Option<&str>, legs: impl IntoIterator<Item = Leg>) {
        locked(&self.0.state).phones.entry(to.map(str::to_owned)).or_default().extend(legs);
    }

    /// Where calls of browsers are announced: the webhooks of the TwiML application.
    pub fn set_voice_app(&self, url: &str, status_callback: Option<&str>) {
        let (url, status_callback) = (url.to_owned(), status_callback.map(str::to_owned));
        locked(&self.0.state).voice_app = VoiceWebhooks { url, status_callback, fallback_url: None };
    }

    /// Where calls to numbers are announced that have no voice URL of their own. Without, they fail.
    pub fn set_voice_webhooks(&self, webhooks: VoiceWebhooks) {
        locked(&self.0.state).voice = webhooks;
    }

    /// Posts a webhook of a call now, again or for the first time. The answer is not acted upon.
    pub async fn post_webhook(&self, webhook: &Webhook) -> Vec<Attempt> {
        webhook::post(self, &webhook.url, &webhook.form).await.attempts
    }
}

impl Account {
    /// Who is asked about this call.
    pub(super) fn voice_webhooks(&self, call: &Call) -> Option<VoiceWebhooks> {
        let webhooks = if call.is_of_browser() {
            self.voice_app.clone()
        } else if let Some(number) =
            self.resources.get(&call.to).filter(|number| !number.voice_url.is_empty())
        {
            VoiceWebhooks {
                url: number.voice_url.clone(),
                fallback_url: given(&number.voice_fallback_url),
                status_callback: given(&number.status_callback),
            }
        } else {
            self.voice.clone()
        };
        Some(webhooks).filter(|webhooks| !webhooks.url.is_empty())
    }

    pub(super) fn next_leg(&mut self, to: &str) -> Leg {
        let own = self.phones.get_mut(&Some(to.to_owned())).and_then(|legs| legs.pop_front());
        let any = || self.phones.get_mut(&None).and_then(|legs| legs.pop_front());
        own.or_else(any).unwrap_or(Leg::Answers(30))
    }
}

async fn place(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<Placed>, Failed> {
    Ok(Json(fake.place_call(read(&body)?).await))
}

async fn webhooks(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    struct Wanted {
        sid: String,
        webhooks: Vec<usize>,
    }
    let wanted: Wanted = read(&body)?;
    let call = fake.calls().into_iter().find(|call| call.sid == wanted.sid);
    let call = call.ok_or_else(|| failed(StatusCode::NOT_FOUND, "no such call"))?;
    let mut attempts = Vec::new();
    for position in wanted.webhooks {
        let webhook = call.webhooks.get(position);
        let webhook = webhook.ok_or_else(|| failed(StatusCode::NOT_FOUND, "no such webhook"))?;
        attempts.extend(fake.post_webhook(webhook).await);
    }
    Ok(Json(json!({"attempts": attempts})))
}

async fn phones(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    struct Phones {
        to: Option<String>,
        answers: Vec<Leg>,
    }
    let phones: Phones = read(&body)?;
    fake.answer_calls(phones.to.as_deref(), phones.answers);
    Ok(Json(json!({})))
}

async fn voice(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Voice {
        app: Option<VoiceWebhooks>,
        numbers: Option<VoiceWebhooks>,
    }
    let voice: Voice = read(&body)?;
    if let Some(app) = voice.app {
        locked(&fake.0.state).voice_app = app;
    }
    if let Some(numbers) = voice.numbers {
        fake.set_voice_webhooks(numbers);
    }
    Ok(Json(json!({})))
}
