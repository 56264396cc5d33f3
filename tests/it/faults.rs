//! What goes wrong on purpose, and what happens by itself afterwards.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use domain::job::Job;
use local::Source;
use local::fake_twilio::Callback;
use local::wire::Halt;
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, send};

/// Twilio says nothing of a text after it took it.
pub const SILENT: [&str; 0] = [];
/// An answer that no SDK tries again: the service refuses.
pub const REFUSAL: &str =
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"no"}"#;

/// Runs the cases of a property: so many, or as many as `PROPTEST_CASES` says. They are the same ones in every run, so
/// that a failure can be had again.
pub fn cases(usual: u32) -> TestRunner {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(usual);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Runs a scenario once for every call of the step that it kills: at the first call, at the second, …, each time not
/// executed and each time executed. A scenario tells whether its step got to be killed; `least` is the number of calls
/// that the step makes at least.
pub async fn at_every_call(least: usize, scenario: impl AsyncFn(usize, Halt) -> bool) {
    for when in [Halt::Before, Halt::After] {
        let mut n = 0;
        while scenario(n, when).await {
            n += 1;
        }
        assert!(n >= least, "killed at {n} calls only");
    }
}

impl App {
    /// Runs a step and kills it at its `n`-th call over the wire, counted from 0. False when it made fewer.
    pub async fn dies<T>(&self, n: usize, when: Halt, step: impl Future<Output = T>) -> bool {
        let halted = self.local.wire.halt_at(n, when);
        let died = tokio::select! {
            biased;
            reached = halted.reached() => reached,
            _ = step => false,
        };
        self.local.wire.heal();
        died
    }

    /// Runs a step to its end and cuts the connection of its `n`-th call over the wire, counted from 0: a call whose
    /// answer gets lost. False when it made fewer calls.
    pub async fn is_cut<T>(&self, n: usize, when: Halt, step: impl Future<Output = T>) -> bool {
        let halted = self.local.wire.halt_at(n, when);
        let mut step = std::pin::pin!(step);
        let cut = tokio::select! {
            biased;
            reached = halted.reached() => reached,
            _ = &mut step => false,
        };
        self.local.wire.heal();
        if cut {
            step.await;
        }
        cut
    }

    /// What happens by itself within the next `span`: time passes in steps of `step`, jobs become visible again, the
    /// sweeper comes by, and everything that is due is worked on.
    pub async fn live(&self, span: Duration, step: Duration) {
        let mut lived = Duration::ZERO;
        while lived < span {
            self.clock.advance(step);
            lived += step;
            self.sweep().await;
        }
    }

    /// The half hour after a death: longer than a job is hidden, a claim lasts, a swept job stays unclaimed, and an
    /// unknown outcome waits.
    pub async fn recover(&self) {
        for seconds in [200, 320, 920, 360] {
            self.clock.advance(Duration::from_secs(seconds));
            self.sweep().await;
        }
    }

    /// Lets time pass second by second, as senders do that wait for each other.
    pub async fn seconds(&self, n: u64) {
        for _ in 0..n {
            self.clock.advance(Duration::from_secs(1));
            self.drain().await;
        }
    }

    /// The jobs on a queue, hidden ones included.
    pub fn jobs(&self, source: Source) -> Vec<Job> {
        let bodies = self.local.sqs.bodies(&self.local.feed(source).queue);
        bodies.iter().map(|body| serde_json::from_str(body).expect("a job")).collect()
    }

    /// Puts a message on a queue, as anybody with the permission can.
    pub async fn enqueue(&self, queue_url: &str, body: &str) {
        let call = json!({"QueueUrl": queue_url, "MessageBody": body});
        let request = reqwest::Client::new()
            .post(&self.local.sqs_endpoint)
            .header("x-amz-target", "AmazonSQS.SendMessage")
            .json(&call);
        send(request).await.ok();
    }

    /// How often Twilio was asked to send something, accepted or not.
    pub fn calls_that_send(&self) -> usize {
        self.local.wire.operations("twilio").iter().filter(|operation| *operation == "POST Messages").count()
    }

    /// How often Twilio was asked what became of a text.
    pub fn questions(&self) -> usize {
        let asks = |operation: &&String| operation.starts_with("GET Messages");
        self.local.wire.operations("twilio").iter().filter(asks).count()
    }

    /// What reached Twilio, in alphabetical order.
    pub fn sent_words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.sent().into_iter().map(|(_, body)| body).collect();
        words.sort();
        words
    }

    /// Twilio's id of the only text it took.
    #[track_caller]
    pub fn only_sid(&self) -> String {
        let outbox = self.local.twilio.outbox();
        assert_eq!(outbox.len(), 1, "{outbox:?}");
        outbox[0].sid.clone()
    }

    /// Twilio reports these statuses of a text, and all reports arrive.
    pub async fn report(&self, sid: &str, words: &[&str]) {
        for word in words {
            let attempts = self.local.twilio.send_callbacks(sid, [*word]).await.expect("a known text");
            assert_eq!(attempts.last().and_then(|attempt| attempt.status), Some(200), "{attempts:?}");
        }
    }

    /// Twilio reports a status of the only text it took while we cannot listen, and gives up.
    pub async fn report_in_vain(&self, report: impl Into<Callback>) {
        self.local.wire.fail("dynamodb", None, usize::MAX, 400, REFUSAL);
        let tries = self.local.twilio.send_callbacks(&self.only_sid(), [report]).await.expect("a known text");
        assert_eq!(tries.last().and_then(|attempt| attempt.status), Some(500));
        self.local.wire.heal();
    }

    /// A form as Twilio signs and posts it, ready for the router. The fragment of an address stays at home.
    pub fn signed(&self, address: &str, form: &[(&str, &str)]) -> Request {
        let url = address.split('#').next().unwrap_or(address);
        let mut body = String::new();
        for (name, value) in
            form.iter().chain(&[("AccountSid", self.local.twilio_account.account_sid.as_str())])
        {
            let separator = if body.is_empty() { "" } else { "&" };
            body.push_str(&format!("{separator}{name}={}", value.replace('+', "%2B").replace(' ', "+")));
        }
        let token = &self.local.twilio_account.auth_token;
        let path = url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        Request::post(path.expect("an address with a path"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature::twilio::sign_form(token, url, body.as_bytes()))
            .body(Body::from(body))
            .expect("a request")
    }
}

impl Business<'_> {
    /// A POST by the business, ready for the router. `path` begins behind `/businesses/{id}`.
    pub fn routed(&self, path: &str, key: Option<&str>, body: &Value) -> Request {
        let mut request = Request::post(format!("/omega/businesses/{}{path}", self.id))
            .header("x-api-key", &self.key)
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.body(Body::from(body.to_string())).expect("a request")
    }

    /// A POST over HTTP with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> crate::app::Answered {
        send(self.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    /// Sets up a client with a number, so that texts from it have an id that a test knows.
    pub async fn knows(&self, client: u64, number: &str) {
        self.put(&format!("/clients/{client}"), json!({"client_phone_number": number})).await.ok();
    }
}
