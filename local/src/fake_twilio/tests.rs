use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State as AxumState;
use axum::http::{HeaderMap, Request, StatusCode, Uri};
use base64::Engine as _;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::wire::{Wire, serve};

mod calls;
mod numbers;
mod twiml;

const CLIENT: &str = "+15550100001";
const OURS: &str = "+15550100002";
const START: i64 = 1_700_000_000_000; // Tue, 14 Nov 2023 22:13:20 UTC

fn toy_sign(token: &str, url: &str, body: &[u8]) -> String {
    format!("{token} {url} {}", body.len())
}

/// A webhook as the backend received it.
struct Hook {
    path: String,
    form: BTreeMap<String, String>,
    signature: String,
    token: String,
    length: usize,
}

/// The backend: keeps what it is posted, and answers with the statuses it is told, then 200.
#[derive(Clone, Default)]
struct Backend(Arc<Mutex<(Vec<Hook>, VecDeque<u16>)>>);

async fn take_hook(
    AxumState(backend): AxumState<Backend>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let hook = Hook {
        path: uri.path().to_owned(),
        form: form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
        signature: header("x-twilio-signature"),
        token: header("i-twilio-idempotency-token"),
        length: body.len(),
    };
    let mut state = locked(&backend.0);
    state.0.push(hook);
    StatusCode::from_u16(state.1.pop_front().unwrap_or(200)).unwrap()
}

struct Setup {
    fake: FakeTwilio,
    wire: Wire,
    clock: Arc<AtomicI64>,
    base: String,
    backend: Backend,
    backend_url: String,
    client: Client<HttpConnector, Body>,
}

async fn start(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, router));
    base
}

impl Setup {
    async fn new() -> Setup {
        let backend = Backend::default();
        let backend_url = start(Router::new().fallback(take_hook).with_state(backend.clone())).await;
        let clock = Arc::new(AtomicI64::new(START));
        let reading = clock.clone();
        let fake = FakeTwilio::new(FakeTwilioConfig {
            account_sid: "AC1".into(),
            auth_token: "secret".into(),
            sms_url: format!("{backend_url}/sms#rc=3&rp=5xx,ct,rt&rt=200"),
            sms_fallback_url: None,
            now: Arc::new(move || reading.load(Ordering::SeqCst)),
            sign: toy_sign,
        });
        let wire = Wire::new();
        let base = start(wire.layer("twilio", router(fake.clone()))).await;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Setup { fake, wire, clock, base, backend, backend_url, client }
    }

    async fn request(&self, method: &str, path: &str, token: &str, body: String) -> Option<(u16, Value)> {
        let code = base64::engine::general_purpose::STANDARD.encode(format!("AC1:{token}"));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Basic {code}"))
            .body(Body::from(body))
            .unwrap();
        let response = self.client.request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = to_bytes(Body::new(response.into_body()), usize::MAX).await.unwrap();
        Some((status, serde_json::from_slice(&body).unwrap()))
    }

    async fn send_form(&self, form: &[(&str, &str)]) -> Option<(u16, Value)> {
        self.post("Messages.json", form).await
    }

    async fn send(&self, body: &str) -> Option<(u16, Value)> {
        let callback = format!("{}/status?a=1#rc=2&rp=5xx", self.backend_url);
        self.send_form(&[("To", CLIENT), ("From", OURS), ("Body", body), ("StatusCallback", &callback)]).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.request("GET", &format!("/2010-04-01/Accounts/AC1/{path}"), "secret", String::new())
            .await
            .unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Option<(u16, Value)> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.request("POST", &format!("/2010-04-01/Accounts/AC1/{path}"), "secret", body).await
    }

    async fn control(&self, path: &str, body: Value) -> (u16, Value) {
        self.request("POST", &format!("/fake/{path}"), "", body.to_string()).await.unwrap()
    }

    fn answer_with(&self, statuses: &[u16]) {
        locked(&self.backend.0).1.extend(statuses);
    }

    /// The values of a parameter in the webhooks so far.
    fn hooked(&self, name: &str) -> Vec<String> {
        let state = locked(&self.backend.0);
        state.0.iter().map(|hook| hook.form.get(name).cloned().unwrap_or_default()).collect()
    }
}

#[tokio::test]
async fn a_send_is_accepted_and_called_back_with_signatures() {
    let s = Setup::new().await;
    let (status, message) = s.send("Hi").await.unwrap();
    assert_eq!(status, 201);
    let sid = message["sid"].as_str().unwrap();
    assert!(sid.len() == 34 && sid.starts_with("SM"));
    assert_eq!(message["status"], "queued");
    assert_eq!(message["date_created"], "Tue, 14 Nov 2023 22:13:20 +0000");
    assert_eq!(message["date_sent"], Value::Null);
    assert_eq!(message["num_segments"], "1");
    assert_eq!(message["uri"], format!("/2010-04-01/Accounts/AC1/Messages/{sid}.json"));
    s.fake.idle().await;
    assert_eq!(s.hooked("MessageStatus"), ["queued", "sent", "delivered"]);
    assert_eq!(s.hooked("MessageSid"), [sid, sid, sid]);
    let (length, signature) = {
        let state = locked(&s.backend.0);
        (state.0[0].length, state.0[0].signature.clone())
    };
    assert_eq!(signature, format!("secret {}/status?a=1 {length}", s.backend_url));
    let (_, fetched) = s.get(&format!("Messages/{sid}.json")).await;
    assert_eq!(fetched["status"], "delivered");
    assert_eq!(s.fake.pending(), 0);
    assert_eq!(s.wire.operations("twilio"), ["POST Messages", "GET Messages/{sid}"]);
}

#[tokio::test]
async fn bad_sends_are_refused_as_by_the_real_one() {
    let s = Setup::new().await;
    s.fake.register_numbers([OURS]);
    let long = "x".repeat(1601);
    for (form, code) in [
        (vec![("To", "+1"), ("From", OURS), ("Body", "x")], 21211),
        (vec![("To", "5550100001"), ("From", OURS), ("Body", "x")], 21211),
        (vec![("To", CLIENT), ("From", OURS)], 21602),
        (vec![("To", CLIENT), ("From", OURS), ("Body", &long)], 21617),
        (vec![("To", CLIENT), ("From", "+15550100009"), ("Body", "x")], 21606),
        (vec![("To", CLIENT), ("Body", "x")], 21603),
        (vec![("From", OURS), ("Body", "x")], 21604),
    ] {
        let (status, error) = s.send_form(&form).await.unwrap();
        assert_eq!((status, &error["code"], &error["status"]), (400, &json!(code), &json!(400)));
        assert_eq!(error["more_info"], format!("https://www.twilio.com/docs/errors/{code}"));
    }
    let path = "/2010-04-01/Accounts/AC1/Messages.json";
    let (status, error) = s.request("POST", path, "wrong", String::new()).await.unwrap();
    assert_eq!((status, &error["code"]), (401, &json!(20003)));
    assert_eq!(s.get("Messages/SM0.json").await.1["code"], 20404);
    assert_eq!(s.get("Nonsense.json").await.0, 404);
    assert!(s.fake.outbox().is_empty());
    let codes: Vec<Option<u32>> = s.fake.requests().iter().map(|request| request.code).collect();
    assert_eq!(codes.len(), 10);
    assert_eq!(codes[7..], [Some(20003), Some(20404), Some(20404)]);
}

#[tokio::test]
async fn a_script_decides_the_answers_in_order() {
    let s = Setup::new().await;
    let answers = json!({"answers": [
        {"refuse": 21614}, {"status": 429}, {"status": 500}, {"refuse": 20003}, {"drop_before": true}, {"drop": true},
        {"delay_ms": 60, "callbacks": [{"status": "undelivered", "error_code": 30003}]}, {"callbacks": []}
    ]});
    assert_eq!(s.control("script", answers).await.0, 200);
    s.fake.script(Some("+15550100007"), [Answer::refuse(21211)]);
    let (status, error) = s.send("1").await.unwrap();
    assert_eq!((status, &error["code"]), (400, &json!(21614)));
    let (status, error) = s.send("2").await.unwrap();
    assert_eq!(
        (status, &error["code"], &error["message"]),
        (429, &json!(20429), &json!("Too Many Requests"))
    );
    assert_eq!(s.send("3").await.unwrap().0, 500);
    assert_eq!(s.send("4").await.unwrap().0, 401);
    assert!(s.send("5").await.is_none());
    assert!(s.fake.outbox().is_empty());
    assert!(s.send("6").await.is_none());
    s.fake.idle().await;
    assert_eq!(s.fake.outbox()[0].status, "delivered");
    let began = std::time::Instant::now();
    assert_eq!(s.send("7").await.unwrap().0, 201);
    assert!(began.elapsed() >= Duration::from_millis(60));
    s.fake.idle().await;
    assert_eq!(s.hooked("ErrorCode").last().unwrap(), "30003");
    assert_eq!(s.fake.outbox()[1].error_code, Some(30003));
    assert_eq!(s.send("8").await.unwrap().0, 201);
    s.fake.idle().await;
    assert_eq!(s.fake.outbox()[2].status, "queued");
    let refused = s.send_form(&[("To", "+15550100007"), ("From", OURS), ("Body", "x")]).await.unwrap();
    assert_eq!(refused.1["code"], 21211);
    assert_eq!(s.control("script", json!({"answers": [{"nonsense": 1}]})).await.0, 400);
}

#[tokio::test]
async fn a_send_that_hangs_is_accepted() {
    let s = Setup::new().await;
    s.fake.script(None, [Answer::hang().with_callbacks(["sent"])]);
    assert!(tokio::time::timeout(Duration::from_millis(60), s.send("x")).await.is_err());
    s.fake.idle().await;
    assert_eq!(s.fake.outbox()[0].status, "sent");
    assert_eq!(s.fake.requests()[0].status, None);
}

#[tokio::test]
async fn callbacks_can_come_in_any_order_and_again() {
    let s = Setup::new().await;
    s.fake.script(None, [Answer::accept().with_callbacks(["delivered", "sent"])]);
    let sid = s.send("x").await.unwrap().1["sid"].clone();
    s.fake.idle().await;
    assert_eq!(s.fake.outbox()[0].status, "delivered");
    let again = json!({"sid": sid, "callbacks": ["delivered"]});
    let (_, answer) = s.control("callbacks", again).await;
    assert_eq!(answer["attempts"][0]["status"], 200);
    assert_eq!(s.hooked("MessageStatus"), ["delivered", "sent", "delivered"]);
    assert_eq!(s.control("callbacks", json!({"sid": "SM0", "callbacks": []})).await.0, 404);
}

#[tokio::test]
async fn webhooks_are_retried_as_the_fragment_says() {
    let s = Setup::new().await;
    let text = ClientText::new(CLIENT, OURS, "Hello & goodbye");
    s.answer_with(&[503, 502]);
    let sent = s.fake.client_sends(text.clone()).await;
    let statuses: Vec<_> = sent.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(503), Some(502), Some(200)]);
    assert_eq!(s.hooked("Body"), ["Hello & goodbye"; 3]);
    assert_eq!(s.hooked("NumMedia"), ["0"; 3]);
    {
        let state = locked(&s.backend.0);
        assert!(state.0.iter().all(|hook| hook.token == state.0[0].token));
    }
    // 4xx is no reason here, and without a fragment 5xx is none either.
    s.answer_with(&[403]);
    assert_eq!(s.fake.client_sends(text.clone()).await.attempts.len(), 1);
    s.fake.set_webhooks(&format!("{}/sms", s.backend_url), Some(&format!("{}/fallback", s.backend_url)));
    s.answer_with(&[500]);
    let sent = s.fake.client_sends(text.clone()).await;
    assert_eq!((sent.attempts.len(), sent.status), (2, Some(200)));
    assert_eq!(locked(&s.backend.0).0.last().unwrap().path, "/fallback");
    assert_eq!(s.hooked("ErrorCode").last().unwrap(), "11200");
    // A connection that fails is tried once more, then the fallback is.
    s.fake.set_webhooks("http://127.0.0.1:1/sms", Some(&format!("{}/fallback", s.backend_url)));
    let sent = s.fake.client_sends(text).await;
    assert_eq!((sent.attempts.len(), sent.status), (3, Some(200)));
    assert!(sent.attempts[0].error.is_some());
}

#[tokio::test]
async fn a_webhook_without_an_answer_is_tried_again_after_the_read_timeout() {
    let s = Setup::new().await;
    let hanging = start(Router::new().fallback(async || std::future::pending::<()>().await)).await;
    s.fake.set_webhooks(&format!("{hanging}/sms#rc=2&rp=rt&rt=100"), None);
    let sent = s.fake.client_sends(ClientText::new(CLIENT, OURS, "x")).await;
    assert_eq!((sent.attempts.len(), sent.status), (3, None));
    s.fake.set_webhooks(&format!("{hanging}/sms#rc=2&rp=rt&rt=100&tt=150"), None);
    assert_eq!(s.fake.client_sends(ClientText::new(CLIENT, OURS, "x")).await.attempts.len(), 2);
}

#[tokio::test]
async fn a_client_can_repeat_a_message_and_send_pictures() {
    let s = Setup::new().await;
    let text = json!({"from": CLIENT, "to": OURS, "media": ["https://x.test/1"], "times": 5});
    let (_, sent) = s.control("clients/send", text).await;
    let sid = sent["message_sid"].as_str().unwrap();
    assert!(sid.starts_with("MM"));
    assert_eq!((sent["attempts"].as_array().unwrap().len(), &sent["status"]), (5, &json!(200)));
    let again = json!({"from": CLIENT, "to": OURS, "media": ["https://x.test/1"], "message_sid": sid});
    s.control("clients/send", again).await;
    assert_eq!(s.hooked("MessageSid"), [sid; 6]);
    assert_eq!(s.hooked("MediaUrl0"), ["https://x.test/1"; 6]);
    assert_eq!(s.fake.messages().len(), 1);
    assert!(s.wire.calls().is_empty());
}

#[tokio::test]
async fn whoever_stopped_is_not_sent_to_until_they_start_again() {
    let s = Setup::new().await;
    s.fake.client_sends(ClientText::new(CLIENT, OURS, " stop ")).await;
    assert_eq!(s.send("x").await.unwrap().1["code"], 21610);
    let other = [("To", CLIENT), ("From", "+15550100003"), ("Body", "x")];
    assert_eq!(s.send_form(&other).await.unwrap().0, 201);
    s.fake.client_sends(ClientText::new(CLIENT, OURS, "START")).await;
    assert_eq!(s.send("x").await.unwrap().0, 201);
}

#[tokio::test]
async fn messages_are_listed_newest_first_by_date_number_and_page() {
    let s = Setup::new().await;
    s.fake.client_sends(ClientText::new(CLIENT, OURS, "old")).await;
    s.clock.fetch_add(86_400_000, Ordering::SeqCst);
    s.fake.client_sends(ClientText::new(CLIENT, OURS, "new")).await;
    s.send("out").await.unwrap();
    let bodies = async |query: &str| {
        let (_, list) = s.get(&format!("Messages.json?{query}")).await;
        let bodies =
            list["messages"].as_array().unwrap().iter().map(|m| m["body"].as_str().unwrap().to_owned());
        bodies.collect::<Vec<_>>()
    };
    assert_eq!(bodies("").await, ["out", "new", "old"]);
    assert_eq!(bodies(&format!("To=%2B{}", &OURS[1..])).await, ["new", "old"]);
    assert_eq!(bodies("DateSent%3E=2023-11-15").await, ["out", "new"]);
    assert_eq!(bodies("DateSent%3E=2023-11-15T22:13:20Z").await, ["out", "new"]);
    assert_eq!(bodies("DateSent%3C=2023-11-15").await, ["old"]);
    assert_eq!(bodies("DateSent=2023-11-14").await, ["old"]);
    let (_, first) = s.get("Messages.json?PageSize=2").await;
    assert_eq!(first["messages"][1]["direction"], "inbound");
    let next = first["next_page_uri"].as_str().unwrap();
    let (_, second) = s.request("GET", next, "secret", String::new()).await.unwrap();
    assert_eq!(second["messages"][0]["body"], "old");
    assert_eq!(second["next_page_uri"], Value::Null);
    assert_eq!(s.get("Messages.json?DateSent=yesterday").await.0, 400);
}

#[test]
fn segments_depend_on_the_alphabet() {
    assert_eq!(segments(&"é".repeat(160)), 1);
    assert_eq!(segments(&"€".repeat(81)), 2);
    assert_eq!(segments(&"x".repeat(307)), 3);
    assert_eq!(segments(&"ж".repeat(71)), 2);
    assert_eq!(segments(""), 1);
}
