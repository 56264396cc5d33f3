//! What every test starts from: a system of its own, a clock it sets by hand, and actors who know only the interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use domain::{Clock, Timestamp};
use local::fake_twilio::{ClientSent, ClientText};
use local::{Local, Options, Source};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::surface::subdomain;

/// When every test begins.
pub const BEGINNING: &str = "2026-01-31T12:00:00.000Z";

/// A clock that goes on by a millisecond with each look, and else only by hand.
#[derive(Clone, Debug)]
pub struct TestClock {
    now: Arc<AtomicI64>,
    frozen: Arc<AtomicBool>,
}

impl TestClock {
    fn new() -> TestClock {
        let beginning = Timestamp::parse(BEGINNING).expect("a constant instant");
        TestClock { now: Arc::new(AtomicI64::new(beginning.as_millis())), frozen: Arc::default() }
    }

    pub fn now(&self) -> Timestamp {
        let step = if self.frozen.load(Ordering::SeqCst) { 0 } else { 1 };
        Timestamp::from_millis(self.now.fetch_add(step, Ordering::SeqCst))
    }

    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }
}

/// A running system.
pub struct App {
    pub local: Local,
    pub clock: TestClock,
    http: reqwest::Client,
    next: AtomicU64,
}

/// What a call was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(String, String)>,
}

impl Answered {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body of a call that went well.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// The fields that a 422 names, as JSON paths.
    #[track_caller]
    pub fn bad_fields(&self) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.body);
        let entries = self.body["detail"].as_array().expect("a list of problems");
        entries.iter().map(|entry| entry["loc"].to_string()).collect()
    }
}

impl App {
    /// A fresh system. With `DYNAMODB_ENDPOINT` it runs on that engine instead of the embedded one.
    pub async fn start() -> App {
        let clock = TestClock::new();
        let ticking = clock.clone();
        let options = Options {
            clock: Clock::new(move || ticking.now()),
            dynamodb_endpoint: std::env::var("DYNAMODB_ENDPOINT").ok(),
            ..Options::default()
        };
        let local = Local::start(options).await.expect("the runner starts");
        App { local, clock, http: reqwest::Client::new(), next: AtomicU64::new(1) }
    }

    /// Works until nothing is due now, and fails when a message was given up.
    pub async fn drain(&self) {
        self.local.drain().await.expect("the queues can be polled");
        for source in Source::ALL {
            let dead = &self.local.feed(source).dead_letters;
            assert_eq!(self.local.sqs.bodies(dead), Vec::<String>::new(), "dead letters of {source:?}");
        }
    }

    /// Runs the sweeper, and then what it queued.
    pub async fn sweep(&self) -> sweeper::Swept {
        let swept = self.local.sweep().await.expect("the sweeper runs");
        self.drain().await;
        swept
    }

    /// A business that was just set up, with a number and a key. Every test takes its own.
    pub async fn business(&self) -> Business<'_> {
        let n = self.next.fetch_add(1, Ordering::SeqCst);
        let id = 1000 + n;
        let number = format!("+1415555{:04}", 100 + n);
        let email = format!("hello@studio{id}.example.com");
        let body = json!({
            "business_id": id,
            "business_name": "Studio",
            "from_phone_number": number,
            "from_email": email,
            "subdomain": subdomain(id),
            // The clock of a test stands still, so all of its calls are of one minute.
            "requests_per_minute": 100_000,
        });
        let answer = self.platform(Method::POST, "/business/onboard").json(&body);
        let created = send(answer).await.ok();
        let key = created["api_key"].as_str().expect("a key, once").to_owned();
        self.set_up(id).await;
        Business { app: self, id, number, email, key }
    }

    /// Lets the provisioner do what is to do for a business, and fails when that is not all.
    pub async fn set_up(&self, business: u64) {
        while self.local.deliver_once(Source::Onboarding).await.expect("the queue can be polled").is_some() {}
        let path = format!("/business/{business}/onboard/status");
        let status = send(self.platform(Method::GET, &path)).await.ok();
        assert_eq!(status["status"], "completed", "{status}");
    }

    /// A call by whoever runs omega.
    pub fn platform(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).header("X-API-KEY", &self.local.platform_key)
    }

    /// A call without a credential.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.local.base_url))
    }

    /// A call without a credential; `path` begins at the origin.
    pub fn at_origin(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin()))
    }

    /// The origin that omega is called at, as its own pages name it.
    pub fn origin(&self) -> &str {
        self.local.base_url.trim_end_matches("/omega")
    }

    /// Gives a business one more number.
    pub async fn onboard_number(&self, business: &Business<'_>, number: &str) {
        let body = json!({"business_id": business.id, "phone_numbers": [{"phone_number": number}]});
        send(self.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
        self.set_up(business.id).await;
        // A process believes what it read of a business for five seconds.
        self.clock.advance(Duration::from_secs(6));
    }

    /// Every message of a business, as `(client, message)`, straight from the table: the one look past the interface,
    /// for what has no list yet.
    pub async fn message_ids(&self, business: u64) -> Vec<(u64, u64)> {
        let scan = self.local.engine.scan().table_name(&self.local.table).consistent_read(true).send().await;
        let number = |item: &std::collections::HashMap<String, _>, name: &str| -> u64 {
            let value: Option<&aws_sdk_dynamodb::types::AttributeValue> = item.get(name);
            value
                .and_then(|value| value.as_n().ok())
                .and_then(|digits| digits.parse().ok())
                .expect("a number")
        };
        let items = scan.expect("the table can be read").items.unwrap_or_default();
        let messages = items.iter().filter(|item| item["type"].as_s().is_ok_and(|kind| kind == "Message"));
        messages
            .filter(|item| number(item, "business_id") == business)
            .map(|item| (number(item, "client_id"), number(item, "message_id")))
            .collect()
    }

    /// A client's phone sends a text to a number.
    pub async fn text(&self, from: &str, to: &str, body: &str) -> ClientSent {
        self.local.twilio.client_sends(ClientText::new(from, to, body)).await
    }

    /// What reached Twilio, as `(to, body)`.
    pub fn sent(&self) -> Vec<(String, String)> {
        self.local.twilio.outbox().into_iter().map(|message| (message.to, message.body)).collect()
    }
}

impl App {
    /// What was written to the table since the calls on the wire were last forgotten. What the table refused is not, and
    /// that a caller was counted is left out.
    pub fn writes(&self) -> Vec<String> {
        let writing = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"];
        let calls = self.local.wire.calls().into_iter();
        calls
            .filter(|call| call.server == "dynamodb" && writing.contains(&call.operation.as_str()))
            .filter(|call| call.response_status.is_none_or(|status| status == 200))
            // That somebody called is counted whatever they were answered.
            .filter(|call| !is_count_of_a_call(call))
            .map(|call| call.operation)
            .collect()
    }
}

/// Whether a call of the table counts requests of a caller.
pub fn is_count_of_a_call(call: &local::wire::Call) -> bool {
    call.operation == "UpdateItem" && String::from_utf8_lossy(&call.request).contains("\"#used_calls\"")
}

/// Sends a call and returns status and body as they came.
pub async fn send_raw(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a body"))
}

/// The names of an object's fields, sorted.
#[track_caller]
pub fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Sends a call and reads its answer.
pub async fn send(request: RequestBuilder) -> Answered {
    let response = request.send().await.expect("an answer");
    let status: StatusCode = response.status();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let bytes = response.bytes().await.expect("a body");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answered { status: status.as_u16(), body, headers }
}

/// A business, as its own programs use omega.
pub struct Business<'a> {
    pub app: &'a App,
    pub id: u64,
    pub number: String,
    /// The mailbox it sends mail from.
    pub email: String,
    pub key: String,
}

impl Business<'_> {
    /// A call with the business's key. `path` begins behind `/businesses/{id}`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = format!("/businesses/{}{path}", self.id);
        self.app.anonymous(method, &path).header("X-API-KEY", &self.key)
    }

    pub async fn get(&self, path: &str) -> Answered {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answered {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answered {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    /// Queues one text and returns its id.
    #[track_caller]
    pub fn queue(&self, client: u64, to: &str, text: &str) -> impl Future<Output = u64> {
        let call = self.post("/sms/send", self.send_body(&[(client, to, text)]));
        async move {
            let accepted = call.await.ok();
            assert_eq!(accepted["items"][0]["status"], "queued", "{accepted}");
            accepted["items"][0]["message_id"].as_u64().expect("a message id")
        }
    }

    /// The body of a call that sends texts.
    pub fn send_body(&self, texts: &[(u64, &str, &str)]) -> Value {
        let messages: Vec<Value> = texts
            .iter()
            .map(|(client, to, text)| json!({"client_id": client, "to_phone_number": to, "message": text}))
            .collect();
        json!({"category": "conversation", "messages": messages})
    }

    /// A message as the interface shows it.
    pub async fn message(&self, id: u64) -> Value {
        self.get(&format!("/messages/{id}")).await.ok()
    }

    /// The status of a message.
    pub async fn status(&self, id: u64) -> String {
        self.message(id).await["status"].as_str().expect("a status").to_owned()
    }

    /// The timeline of a message, as `(source, status, outcome)`.
    pub async fn timeline(&self, id: u64) -> Vec<(String, String, String)> {
        let events = self.get(&format!("/messages/{id}/events")).await.ok();
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let line = |event: &Value| (word(&event["source"]), word(&event["status"]), word(&event["outcome"]));
        events.as_array().expect("a list").iter().map(line).collect()
    }

    /// A client's profile.
    pub async fn client(&self, id: u64) -> Value {
        self.get(&format!("/clients/{id}")).await.ok()
    }
}
