//! A Twilio that stands on the wire: messages are accepted, listed and called back as by the real one, its
//! webhooks are signed and retried by its rules, and it plays the clients who text back. It also plays phones and
//! browsers that call, does with these calls what the backend answers, and plays those who are called then.
//!
//! Serve [`router`] with [`crate::wire::serve`]; only that can close a connection without an answer. Beside
//! the REST API there is a control surface for people and tests, in JSON, without authentication. Each entry
//! has a Rust method with the same effect:
//!
//! | Call | Effect |
//! |---|---|
//! | `GET /fake/requests` | the REST requests of late, and how they were answered |
//! | `GET /fake/messages` | the outbox, with current statuses |
//! | `POST /fake/script` `{"to": "+1…", "answers": […]}` | how the next sends (to that number, if named) are answered, see [`Answer`] |
//! | `POST /fake/callbacks` `{"sid": "SM…", "callbacks": […]}` | posts these status callbacks now, see [`Callback`] |
//! | `POST /fake/clients/send` `{"from": "+1…", "to": "+1…", "body": "…"}` | a client sends a text, see [`ClientText`] |
//! | `POST /fake/script` `{"resource": "IncomingPhoneNumbers", "to": "+1…", "answers": […]}` | how the next look-ups and changes of numbers (of that one, if named) are answered |
//! | `POST /fake/numbers` `{"numbers": ["+1…"]}` | the account owns these numbers: other senders are refused |
//! | `GET /fake/numbers` | the numbers that were looked up or registered, with their webhooks |
//! | `POST /fake/webhooks` `{"sms_url": "…", "sms_fallback_url": "…"}` | where incoming texts are posted, unless the number itself says |
//! | `POST /fake/voice` `{"app": {"url": "…", "fallback_url": "…", "status_callback": "…"}, "numbers": {…}}` | where calls are announced: those of browsers, and those to numbers that do not say themselves, see [`VoiceWebhooks`] |
//! | `POST /fake/calls` `{"from": "+1…", "to": "+1…"}` | a phone or a browser (`client:…`) calls; the answer tells the whole call, see [`Call`] and [`Placed`] |
//! | `GET /fake/calls` | the calls that are over |
//! | `POST /fake/calls/webhooks` `{"sid": "CA…", "webhooks": [2, 1, 2]}` | posts these webhooks of a call now, by their place in its list |
//! | `POST /fake/phones` `{"to": "+1…", "answers": ["busy", {"answers": 12}]}` | how those who are called next behave (or that one, if named), see [`Leg`] |
//!
//! ```sh
//! curl -d '{"answers": [{"status": 429}, {"refuse": 21211}]}' localhost:4102/fake/script
//! curl -d '{"from": "+15550100001", "to": "+15550100002", "body": "Hello"}' localhost:4102/fake/clients/send
//! curl -d '{"from": "+15550100001", "to": "+15550100002", "script": ["no-answer"]}' localhost:4102/fake/calls
//! ```
//!
//! While no number is registered, the account owns every number that it is asked for.
//!
//! Not there: messaging services, media downloads, API keys, redirects, webhooks by GET (they are posted) or over
//! TLS (they count as connections that fail), and replies given as TwiML, which are returned to the caller but not
//! sent. Of the verbs of calls there are `Say`, `Play`, `Pause`, `Hangup`, `Reject`, `Redirect`, and `Dial` with `Number`
//! and `Client`. Calls take no time: durations are only told, and every status has the time of its post.

mod calling;
mod calls;
mod control;
mod numbers;
mod rest;
mod twiml;
mod webhook;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::wire::{Now, locked};
pub use calls::{Call, Dialled, Leg, Placed, Purpose, VoiceWebhooks, Webhook};
pub use control::{ClientSent, ClientText};
pub use numbers::Number;
pub use webhook::Attempt;

/// So many requests, messages and calls are kept.
const KEPT: usize = 10_000;
const API_VERSION: &str = "2010-04-01";
const STOP_WORDS: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START_WORDS: [&str; 3] = ["START", "YES", "UNSTOP"];

/// Signs a form post: auth token, URL without fragment, raw body.
pub type Sign = fn(&str, &str, &[u8]) -> String;

/// What a [`FakeTwilio`] is made of.
#[derive(Clone)]
pub struct FakeTwilioConfig {
    /// `AC…`, the user name of the REST API.
    pub account_sid: String,
    /// The password of the REST API, and the key of the signatures.
    pub auth_token: String,
    /// Where incoming texts are posted. May carry a fragment with connection overrides.
    pub sms_url: String,
    /// Where they are posted when that failed.
    pub sms_fallback_url: Option<String>,
    /// The clock.
    pub now: Now,
    /// The signature scheme.
    pub sign: Sign,
}

/// The provider. Clones share everything.
#[derive(Clone)]
pub struct FakeTwilio(Arc<Inner>);

struct Inner {
    account_sid: String,
    auth_token: String,
    now: Now,
    sign: Sign,
    clients: webhook::Clients,
    pending: watch::Sender<usize>,
    state: Mutex<State>,
}

struct State {
    sms_url: String,
    sms_fallback_url: Option<String>,
    /// The numbers of the account. While there are none, any sender will do.
    numbers: BTreeSet<String>,
    /// What is known of them, and of those that were asked for while there were none.
    resources: BTreeMap<String, Number>,
    /// Where calls to numbers without webhooks of their own are announced.
    voice: VoiceWebhooks,
    /// Where calls of browsers are announced.
    voice_app: VoiceWebhooks,
    calls: VecDeque<Placed>,
    /// How those who are called behave: a phone, a browser, or any.
    phones: BTreeMap<Option<String>, VecDeque<Leg>>,
    default_callbacks: Vec<Callback>,
    requests: VecDeque<Received>,
    messages: VecDeque<Message>,
    /// The answers to sends, per recipient.
    scripts: Scripts,
    /// The answers to look-ups and changes of numbers, per number.
    number_scripts: Scripts,
    /// Who has stopped whom: client, our number.
    stopped: BTreeSet<(String, String)>,
}

/// The answers to come, for a number or for any.
type Scripts = BTreeMap<Option<String>, VecDeque<Answer>>;

/// A REST request and how it was answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Received {
    /// When, in unix milliseconds.
    pub at: i64,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The form's `To`.
    pub to: Option<String>,
    /// The form's `From`.
    pub from: Option<String>,
    /// The form's `Body`.
    pub body: Option<String>,
    /// The form's `StatusCallback`.
    pub status_callback: Option<String>,
    /// The HTTP status of the answer. `None`: the connection was closed, or hangs.
    pub status: Option<u16>,
    /// The error code of the answer.
    pub code: Option<u32>,
    /// The message that was accepted.
    pub sid: Option<String>,
}

/// A message that was accepted from the backend or sent by a client.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// `SM…`, or `MM…` with media.
    pub sid: String,
    /// `outbound-api` or `inbound`.
    pub direction: &'static str,
    /// The sender.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// The text.
    pub body: String,
    /// The URLs of its media.
    pub media: Vec<String>,
    /// `queued`, `sent`, `delivered`, `received`, …
    pub status: String,
    /// Why it failed.
    pub error_code: Option<u32>,
    /// Where its status is posted.
    pub status_callback: Option<String>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// Unix milliseconds; once it has left for, or come from, a carrier.
    pub sent_at: Option<i64>,
    /// Fields that the script sets in every response about it.
    #[serde(skip)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// How one request is answered; most are sends. In JSON, only what differs from a plain acceptance: `{"refuse": 21211}`,
/// `{"status": 500}`, `{"drop": true}`, `{"delay_ms": 300, "callbacks": ["sent"]}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// Refused with this error code.
    pub refuse: Option<u32>,
    /// Not accepted, with this HTTP status: 429, 500, …
    pub status: Option<u16>,
    /// Accepted, and these fields of the message are others in every response: `{"num_segments": 1}`. `null` leaves one
    /// out.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Accepted, and this is the whole body of the response.
    pub body: Option<String>,
    /// Accepted, but the connection is closed without an answer.
    pub drop: bool,
    /// Not accepted, and the connection is closed without an answer.
    pub drop_before: bool,
    /// Accepted, and answered so much later.
    pub delay_ms: Option<u64>,
    /// Accepted, but never answered.
    pub hang: bool,
    /// The status callbacks that follow the acceptance, in this order, instead of the usual ones.
    pub callbacks: Option<Vec<Callback>>,
}

impl Answer {
    /// A plain acceptance.
    pub fn accept() -> Answer {
        Answer::default()
    }

    /// Refused with this error code.
    pub fn refuse(code: u32) -> Answer {
        Answer { refuse: Some(code), ..Answer::default() }
    }

    /// Not accepted, with this HTTP status.
    pub fn status(status: u16) -> Answer {
        Answer { status: Some(status), ..Answer::default() }
    }

    /// Accepted, and these fields of the message are others in every response. `null` leaves one out.
    pub fn with_fields(fields: serde_json::Value) -> Answer {
        let fields = fields.as_object().cloned().unwrap_or_default();
        Answer { fields, ..Answer::default() }
    }

    /// Accepted, and this is the whole body of the response.
    pub fn with_body(body: &str) -> Answer {
        Answer { body: Some(body.to_owned()), ..Answer::default() }
    }

    /// Accepted, but the connection is closed without an answer.
    pub fn drop_after() -> Answer {
        Answer { drop: true, ..Answer::default() }
    }

    /// Not accepted, and the connection is closed without an answer.
    pub fn drop_before() -> Answer {
        Answer { drop_before: true, ..Answer::default() }
    }

    /// Accepted, and answered so much later.
    pub fn delay_ms(delay_ms: u64) -> Answer {
        Answer { delay_ms: Some(delay_ms), ..Answer::default() }
    }

    /// Accepted, but never answered.
    pub fn hang() -> Answer {
        Answer { hang: true, ..Answer::default() }
    }

    /// The same answer, followed by these callbacks only.
    pub fn with_callbacks<C: Into<Callback>>(self, callbacks: impl IntoIterator<Item = C>) -> Answer {
        Answer { callbacks: Some(callbacks.into_iter().map(Into::into).collect()), ..self }
    }
}

/// A status to call back. In JSON `"delivered"` or `{"status": "undelivered", "error_code": 30003}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "CallbackJson")]
pub struct Callback {
    /// `sent`, `delivered`, `undelivered`, `failed`, …
    pub status: String,
    /// Why it failed.
    pub error_code: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CallbackJson {
    Status(String),
    Full { status: String, error_code: Option<u32> },
}

impl From<CallbackJson> for Callback {
    fn from(json: CallbackJson) -> Callback {
        match json {
            CallbackJson::Status(status) => Callback { status, error_code: None },
            CallbackJson::Full { status, error_code } => Callback { status, error_code },
        }
    }
}

impl From<&str> for Callback {
    fn from(status: &str) -> Callback {
        Callback { status: status.to_owned(), error_code: None }
    }
}

impl From<(&str, u32)> for Callback {
    fn from((status, error_code): (&str, u32)) -> Callback {
        Callback { status: status.to_owned(), error_code: Some(error_code) }
    }
}

/// The REST API and the control surface.
pub fn router(state: FakeTwilio) -> Router {
    rest::routes().merge(control::routes()).with_state(state)
}

impl FakeTwilio {
    /// A provider without numbers, messages or scripts.
    pub fn new(config: FakeTwilioConfig) -> FakeTwilio {
        let state = State {
            sms_url: config.sms_url,
            sms_fallback_url: config.sms_fallback_url,
            numbers: BTreeSet::new(),
            resources: BTreeMap::new(),
            voice: VoiceWebhooks::default(),
            voice_app: VoiceWebhooks::default(),
            calls: VecDeque::new(),
            phones: BTreeMap::new(),
            default_callbacks: ["queued", "sent", "delivered"].map(Callback::from).to_vec(),
            requests: VecDeque::new(),
            messages: VecDeque::new(),
            scripts: BTreeMap::new(),
            number_scripts: BTreeMap::new(),
            stopped: BTreeSet::new(),
        };
        FakeTwilio(Arc::new(Inner {
            account_sid: config.account_sid,
            auth_token: config.auth_token,
            now: config.now,
            sign: config.sign,
            clients: webhook::Clients::default(),
            pending: watch::Sender::new(0),
            state: Mutex::new(state),
        }))
    }

    /// The REST requests (the last 10 000), oldest first.
    pub fn requests(&self) -> Vec<Received> {
        locked(&self.0.state).requests.iter().cloned().collect()
    }

    /// All messages (the last 10 000), both directions, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        locked(&self.0.state).messages.iter().cloned().collect()
    }

    /// The accepted messages, oldest first.
    pub fn outbox(&self) -> Vec<Message> {
        let mut messages = self.messages();
        messages.retain(|message| message.direction != "inbound");
        messages
    }

    /// The next sends (to this number, if named) are answered like this, one each. Answers for a number go
    /// before answers for any.
    pub fn script(&self, to: Option<&str>, answers: impl IntoIterator<Item = Answer>) {
        locked(&self.0.state).scripts.entry(to.map(str::to_owned)).or_default().extend(answers);
    }

    /// The callbacks that follow a send whose script names none: `queued`, `sent`, `delivered` at first.
    /// (The real Twilio leaves out the initial status, `queued`.)
    pub fn set_default_callbacks<C: Into<Callback>>(&self, callbacks: impl IntoIterator<Item = C>) {
        locked(&self.0.state).default_callbacks = callbacks.into_iter().map(Into::into).collect();
    }

    /// Where incoming texts are posted from now on, unless their number has a webhook of its own.
    pub fn set_webhooks(&self, sms_url: &str, sms_fallback_url: Option<&str>) {
        let mut state = locked(&self.0.state);
        state.sms_url = sms_url.to_owned();
        state.sms_fallback_url = sms_fallback_url.map(str::to_owned);
    }

    /// How many messages still have callbacks to come.
    pub fn pending(&self) -> usize {
        *self.0.pending.borrow()
    }

    /// Waits until no message has callbacks to come.
    pub async fn idle(&self) {
        // It cannot fail: `self` keeps the sender.
        let _ = self.0.pending.subscribe().wait_for(|pending| *pending == 0).await;
    }

    fn now(&self) -> i64 {
        (self.0.now)()
    }

    fn log(&self, request: Received) {
        push(&mut locked(&self.0.state).requests, request);
    }

    fn message(&self, sid: &str) -> Option<Message> {
        locked(&self.0.state).messages.iter().rev().find(|message| message.sid == sid).cloned()
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(item);
}

fn new_sid(media: &[String]) -> String {
    let prefix = if media.is_empty() { "SM" } else { "MM" };
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}

/// The parts in which a text travels: 160 letters of the GSM alphabet or 70 of any other, less when several.
fn segments(body: &str) -> usize {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
        ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENDED: &str = "\u{c}^{}\\[~]|€";
    let width = |c: char| match c {
        c if BASIC.contains(c) => Some(1),
        c if EXTENDED.contains(c) => Some(2),
        _ => None,
    };
    let (length, alone, in_parts) = match body.chars().map(width).sum::<Option<usize>>() {
        Some(length) => (length, 160, 153),
        None => (body.encode_utf16().count(), 70, 67),
    };
    if length <= alone { 1 } else { length.div_ceil(in_parts) }
}

#[cfg(test)]
mod tests;
