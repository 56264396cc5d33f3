//! The control surface, and the clients that it plays.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::webhook::{Attempt, Posted, post_or_fall_back};
use super::{
    API_VERSION, Answer, Callback, FakeTwilio, Message, START_WORDS, STOP_WORDS, calls, new_sid,
    numbers::given, push, segments,
};
use crate::wire::locked;

pub(super) fn routes() -> Router<FakeTwilio> {
    Router::new()
        .route("/fake/requests", get(async |State(fake): State<FakeTwilio>| Json(fake.requests())))
        .route("/fake/messages", get(async |State(fake): State<FakeTwilio>| Json(fake.outbox())))
        .route("/fake/script", post(script))
        .route("/fake/callbacks", post(callbacks))
        .route("/fake/clients/send", post(client_sends))
        .route(
            "/fake/numbers",
            get(async |State(fake): State<FakeTwilio>| Json(fake.numbers())).post(numbers),
        )
        .route("/fake/webhooks", post(webhooks))
        .merge(calls::routes())
}

pub(super) type Failed = (StatusCode, Json<Value>);

pub(super) fn failed(status: StatusCode, error: &str) -> Failed {
    (status, Json(json!({"error": error})))
}

/// Reads JSON whatever the content type says: that is one thing less to type for curl.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failed> {
    serde_json::from_slice(body).map_err(|error| failed(StatusCode::BAD_REQUEST, &error.to_string()))
}

async fn script(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    struct Script {
        #[serde(default)]
        resource: Resource,
        to: Option<String>,
        answers: Vec<Answer>,
    }
    #[derive(Default, Deserialize)]
    enum Resource {
        #[default]
        Messages,
        IncomingPhoneNumbers,
    }
    let script: Script = read(&body)?;
    match script.resource {
        Resource::Messages => fake.script(script.to.as_deref(), script.answers),
        Resource::IncomingPhoneNumbers => fake.script_numbers(script.to.as_deref(), script.answers),
    }
    Ok(Json(json!({})))
}

async fn callbacks(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    struct Callbacks {
        sid: String,
        callbacks: Vec<Callback>,
    }
    let wanted: Callbacks = read(&body)?;
    match fake.send_callbacks(&wanted.sid, wanted.callbacks).await {
        Some(attempts) => Ok(Json(json!({"attempts": attempts}))),
        None => Err(failed(StatusCode::NOT_FOUND, "no such message")),
    }
}

async fn client_sends(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<ClientSent>, Failed> {
    let text: ClientText = read(&body)?;
    Ok(Json(fake.client_sends(text).await))
}

async fn numbers(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    struct Numbers {
        numbers: Vec<String>,
    }
    let owned: Numbers = read(&body)?;
    fake.register_numbers(owned.numbers);
    Ok(Json(json!({})))
}

async fn webhooks(State(fake): State<FakeTwilio>, body: Bytes) -> Result<Json<Value>, Failed> {
    #[derive(Deserialize)]
    struct Webhooks {
        sms_url: String,
        sms_fallback_url: Option<String>,
    }
    let webhooks: Webhooks = read(&body)?;
    fake.set_webhooks(&webhooks.sms_url, webhooks.sms_fallback_url.as_deref());
    Ok(Json(json!({})))
}

/// A text that a client sends to a number of the account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientText {
    /// The client.
    pub from: String,
    /// The number of the account.
    pub to: String,
    /// The text.
    pub body: String,
    /// URLs of pictures.
    pub media: Vec<String>,
    /// Repeats the post of this message instead of sending a new one.
    pub message_sid: Option<String>,
    /// Posts the same message so often, all at once; once if not given.
    pub times: Option<usize>,
}

impl ClientText {
    /// A text without media, posted once.
    pub fn new(from: &str, to: &str, body: &str) -> ClientText {
        let (from, to, body) = (from.to_owned(), to.to_owned(), body.to_owned());
        ClientText { from, to, body, ..ClientText::default() }
    }
}

/// What came of a [`ClientText`].
#[derive(Clone, Debug, Serialize)]
pub struct ClientSent {
    /// The message.
    pub message_sid: String,
    /// Every try, those at the fallback URL included.
    pub attempts: Vec<Attempt>,
    /// The HTTP status of the last try.
    pub status: Option<u16>,
    /// The body of the last answer.
    pub twiml: String,
}

impl FakeTwilio {
    /// Plays a client: posts the text to the webhook, and to the fallback if that fails. The words that stop
    /// and start a conversation count here too, as they do with the carrier.
    pub async fn client_sends(&self, text: ClientText) -> ClientSent {
        let sid = text.message_sid.clone().unwrap_or_else(|| new_sid(&text.media));
        let (sms_url, fallback_url) = self.take_in(&sid, &text);
        let mut posts = JoinSet::new();
        for _ in 0..text.times.unwrap_or(1) {
            let (fake, form) = (self.clone(), self.incoming_form(&sid, &text));
            let (sms_url, fallback_url) = (sms_url.clone(), fallback_url.clone());
            posts.spawn(
                async move { post_or_fall_back(&fake, &sms_url, fallback_url.as_deref(), form).await },
            );
        }
        let mut all = Posted::default();
        for posted in posts.join_all().await {
            all.attempts.extend(posted.attempts);
            all.body = posted.body;
        }
        ClientSent { message_sid: sid, status: all.status(), attempts: all.attempts, twiml: all.body }
    }

    /// Stores a message that is new, and returns where it is to be posted.
    fn take_in(&self, sid: &str, text: &ClientText) -> (String, Option<String>) {
        let now = self.now();
        let mut state = locked(&self.0.state);
        let pair = (text.from.clone(), text.to.clone());
        let word = text.body.trim().to_ascii_uppercase();
        if STOP_WORDS.contains(&word.as_str()) {
            state.stopped.insert(pair);
        } else if START_WORDS.contains(&word.as_str()) {
            state.stopped.remove(&pair);
        }
        if !state.messages.iter().rev().any(|message| message.sid == sid) {
            let message = Message {
                sid: sid.to_owned(),
                direction: "inbound",
                from: text.from.clone(),
                to: text.to.clone(),
                body: text.body.clone(),
                media: text.media.clone(),
                status: "received".to_owned(),
                error_code: None,
                status_callback: None,
                created_at: now,
                updated_at: now,
                sent_at: Some(now),
                fields: serde_json::Map::new(),
            };
            push(&mut state.messages, message);
        }
        let own = state.resources.get(&text.to).filter(|number| !number.sms_url.is_empty());
        own.map_or_else(
            || (state.sms_url.clone(), state.sms_fallback_url.clone()),
            |number| (number.sms_url.clone(), given(&number.sms_fallback_url)),
        )
    }

    fn incoming_form(&self, sid: &str, text: &ClientText) -> Vec<(&'static str, String)> {
        // The names of the first ten media, which is as many as a message may have.
        const MEDIA: [(&str, &str); 10] = [
            ("MediaUrl0", "MediaContentType0"),
            ("MediaUrl1", "MediaContentType1"),
            ("MediaUrl2", "MediaContentType2"),
            ("MediaUrl3", "MediaContentType3"),
            ("MediaUrl4", "MediaContentType4"),
            ("MediaUrl5", "MediaContentType5"),
            ("MediaUrl6", "MediaContentType6"),
            ("MediaUrl7", "MediaContentType7"),
            ("MediaUrl8", "MediaContentType8"),
            ("MediaUrl9", "MediaContentType9"),
        ];
        let country = |number: &str| if number.starts_with("+1") { "US" } else { "" }.to_owned();
        // Parameters that Twilio knows nothing to put into are there and empty, and are signed like that.
        let mut form = vec![
            ("ToCountry", country(&text.to)),
            ("ToState", String::new()),
            ("SmsMessageSid", sid.to_owned()),
            ("NumMedia", text.media.len().min(MEDIA.len()).to_string()),
            ("ToCity", String::new()),
            ("FromZip", String::new()),
            ("SmsSid", sid.to_owned()),
            ("FromState", String::new()),
            ("SmsStatus", "received".to_owned()),
            ("FromCity", String::new()),
            ("Body", text.body.clone()),
            ("FromCountry", country(&text.from)),
            ("To", text.to.clone()),
            ("ToZip", String::new()),
            ("NumSegments", segments(&text.body).to_string()),
            ("MessageSid", sid.to_owned()),
            ("AccountSid", self.0.account_sid.clone()),
            ("From", text.from.clone()),
            ("ApiVersion", API_VERSION.to_owned()),
        ];
        for ((url_name, type_name), url) in MEDIA.into_iter().zip(&text.media) {
            form.push((url_name, url.clone()));
            form.push((type_name, "image/jpeg".to_owned()));
        }
        form
    }
}
