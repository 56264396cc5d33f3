//! Signed posts to the backend, by Twilio's rules for connections: how long, how often, and what is a reason
//! to try again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use tokio::time::Instant;

use super::{API_VERSION, Callback, FakeTwilio, Message};
use crate::wire::locked;

/// One try to post a webhook.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// The URL as it was signed and posted to, without fragment.
    pub url: String,
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
}

/// What came of a webhook with all its tries.
#[derive(Default)]
pub(super) struct Posted {
    pub attempts: Vec<Attempt>,
    /// The body of the last answer.
    pub body: String,
    /// Its media type.
    pub content_type: String,
}

impl Posted {
    pub fn status(&self) -> Option<u16> {
        self.attempts.last()?.status
    }

    pub fn is_good(&self) -> bool {
        self.status().is_some_and(|status| status < 400)
    }
}

type HttpClient = Client<HttpConnector, Body>;

/// A pooled client for every connect timeout in use: it belongs to the connector.
#[derive(Default)]
pub(super) struct Clients(Mutex<BTreeMap<Duration, HttpClient>>);

impl Clients {
    fn with(&self, connect_timeout: Duration) -> HttpClient {
        let mut clients = locked(&self.0);
        let client = clients.entry(connect_timeout).or_insert_with(|| {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            connector.set_connect_timeout(Some(connect_timeout));
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
        });
        client.clone()
    }
}

/// The connection overrides of a URL's fragment, such as `#rc=3&rp=5xx,ct,rt&ct=2000`.
struct Overrides {
    retries: u32,
    policy: Vec<String>,
    connect_timeout: Duration,
    read_timeout: Duration,
    total: Duration,
}

impl Overrides {
    fn parse(fragment: &str) -> Overrides {
        let given: BTreeMap<&str, &str> =
            fragment.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let number = |name: &str, usual: u64, least: u64, most: u64| {
            given.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(usual).clamp(least, most)
        };
        let policy = given.get("rp").copied().unwrap_or("ct");
        Overrides {
            retries: u32::try_from(number("rc", 1, 0, 5)).unwrap_or(5),
            policy: policy.split(',').map(|reason| reason.trim().to_ascii_lowercase()).collect(),
            connect_timeout: Duration::from_millis(number("ct", 5_000, 100, 10_000)),
            read_timeout: Duration::from_millis(number("rt", 15_000, 100, 15_000)),
            total: Duration::from_millis(number("tt", 15_000, 100, 15_000)),
        }
    }

    fn retry_after(&self, outcome: &Outcome) -> bool {
        let reason = match outcome {
            Outcome::NotConnected(_) => "ct",
            Outcome::NoAnswer(_) => "rt",
            Outcome::Answered(400..=499, _) => "4xx",
            Outcome::Answered(500.., _) => "5xx",
            Outcome::Answered(..) => return false,
        };
        self.policy.iter().any(|allowed| allowed == reason || allowed == "all")
    }
}

struct Answer {
    content_type: String,
    body: String,
}

enum Outcome {
    Answered(u16, Answer),
    NotConnected(String),
    /// Timed out, or closed before the whole answer was there.
    NoAnswer(String),
}

/// The body of a form, and its signature.
pub(super) fn signed<N: AsRef<str>>(
    fake: &FakeTwilio,
    target: &str,
    form: &[(N, String)],
) -> (String, String) {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let signature = (fake.0.sign)(&fake.0.auth_token, target, body.as_bytes());
    (body, signature)
}

/// Posts the form, again if the URL's fragment and the outcome say so; without a pause, to spare the tests.
pub(super) async fn post<N: AsRef<str>>(fake: &FakeTwilio, url: &str, form: &[(N, String)]) -> Posted {
    let (target, fragment) = url.split_once('#').unwrap_or((url, ""));
    let overrides = Overrides::parse(fragment);
    let (body, signature) = signed(fake, target, form);
    // The same for all tries, so that the receiver can tell a repetition.
    let token = uuid::Uuid::new_v4().to_string();
    let client = fake.0.clients.with(overrides.connect_timeout);
    let end = Instant::now() + overrides.total;
    let mut posted = Posted::default();
    for _ in 0..=overrides.retries {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let request = Request::post(target)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
            .header(header::USER_AGENT, "TwilioProxy/1.1")
            .header("X-Twilio-Signature", &signature)
            .header("I-Twilio-Idempotency-Token", &token)
            .body(Body::from(body.clone()));
        let outcome = match request {
            Ok(request) => once(&client, request, left.min(overrides.read_timeout)).await,
            Err(error) => Outcome::NotConnected(error.to_string()),
        };
        let again = overrides.retry_after(&outcome);
        let (status, error) = match outcome {
            Outcome::Answered(status, answer) => {
                (posted.body, posted.content_type) = (answer.body, answer.content_type);
                (Some(status), None)
            }
            Outcome::NotConnected(error) | Outcome::NoAnswer(error) => (None, Some(error)),
        };
        posted.attempts.push(Attempt { url: target.to_owned(), status, error });
        if !again {
            break;
        }
    }
    posted
}

/// Posts the form, and what went wrong with it to the fallback URL if there is one.
pub(super) async fn post_or_fall_back(
    fake: &FakeTwilio,
    url: &str,
    fallback_url: Option<&str>,
    mut form: Vec<(&'static str, String)>,
) -> Posted {
    let mut posted = post(fake, url, &form).await;
    if let Some(fallback_url) = fallback_url.filter(|_| !posted.is_good()) {
        form.push(("ErrorCode", "11200".to_owned()));
        form.push(("ErrorUrl", url.split('#').next().unwrap_or_default().to_owned()));
        let second = post(fake, fallback_url, &form).await;
        posted.attempts.extend(second.attempts);
        posted.body = second.body;
    }
    posted
}

async fn once(client: &HttpClient, request: Request<Body>, limit: Duration) -> Outcome {
    let exchange = async {
        let response = match client.request(request).await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Outcome::NotConnected(error.to_string()),
            Err(error) => return Outcome::NoAnswer(error.to_string()),
        };
        let status = response.status().as_u16();
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        match to_bytes(Body::new(response.into_body()), usize::MAX).await {
            Ok(body) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                Outcome::Answered(status, Answer { content_type, body })
            }
            Err(error) => Outcome::NoAnswer(error.to_string()),
        }
    };
    let late = || Outcome::NoAnswer(format!("no answer within {} ms", limit.as_millis()));
    tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| late())
}

/// Counts as pending until it is dropped, whatever becomes of its task.
pub(super) struct Pending(FakeTwilio);

impl Pending {
    pub fn new(fake: &FakeTwilio) -> Pending {
        fake.0.pending.send_modify(|pending| *pending += 1);
        Pending(fake.clone())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.0.pending.send_modify(|pending| *pending -= 1);
    }
}

impl FakeTwilio {
    /// Lets a message run through these statuses now, one after the other, and posts each to its status
    /// callback if it has one. `None` if there is no such message.
    pub async fn send_callbacks<C: Into<Callback>>(
        &self,
        sid: &str,
        callbacks: impl IntoIterator<Item = C>,
    ) -> Option<Vec<Attempt>> {
        let message = self.message(sid)?;
        let pending = Pending::new(self);
        let attempts = self.run_callbacks(&message, callbacks.into_iter().map(Into::into).collect()).await;
        drop(pending);
        Some(attempts)
    }

    pub(super) fn spawn_callbacks(&self, message: Message, callbacks: Option<Vec<Callback>>) {
        let callbacks = callbacks.unwrap_or_else(|| locked(&self.0.state).default_callbacks.clone());
        // Counted before the send is answered: whoever waits for idleness after it must not come too early.
        let pending = Pending::new(self);
        tokio::spawn(async move {
            pending.0.run_callbacks(&message, callbacks).await;
        });
    }

    async fn run_callbacks(&self, message: &Message, callbacks: Vec<Callback>) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for callback in callbacks {
            self.set_status(&message.sid, &callback);
            let Some(url) = &message.status_callback else {
                continue;
            };
            let mut form = vec![
                ("MessageSid", message.sid.clone()),
                ("SmsSid", message.sid.clone()),
                ("MessageStatus", callback.status.clone()),
                ("SmsStatus", callback.status.clone()),
                ("To", message.to.clone()),
                ("From", message.from.clone()),
                ("AccountSid", self.0.account_sid.clone()),
                ("ApiVersion", API_VERSION.to_owned()),
            ];
            form.extend(callback.error_code.map(|code| ("ErrorCode", code.to_string())));
            attempts.extend(post(self, url, &form).await.attempts);
        }
        attempts
    }

    /// Callbacks may be told to come in any order; the message itself only moves on.
    fn set_status(&self, sid: &str, callback: &Callback) {
        let rank = |status: &str| match status {
            "accepted" | "scheduled" | "queued" => 0,
            "sending" => 1,
            "sent" => 2,
            _ => 3,
        };
        let now = self.now();
        let mut state = locked(&self.0.state);
        let message = state.messages.iter_mut().rev().find(|message| message.sid == sid);
        let Some(message) = message.filter(|message| rank(&callback.status) > rank(&message.status)) else {
            return;
        };
        message.status.clone_from(&callback.status);
        message.error_code = callback.error_code;
        message.updated_at = now;
        if matches!(callback.status.as_str(), "sent" | "delivered" | "undelivered") {
            message.sent_at.get_or_insert(now);
        }
    }
}
