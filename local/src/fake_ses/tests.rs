use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::wire::{Wire, serve};

mod identities;

const CLIENT: &str = "ann@client.test";
const OURS: &str = "Clinic <reply+1@ours.test>";
const START: i64 = 1_700_000_000_012; // Tue, 14 Nov 2023 22:13:20 UTC
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=local/20231114/us-east-1/ses/aws4_request, Signature=0";
/// What must not get onto a page as it is.
const EVIL: &str = "<script>alert(1)</script>";

/// What came out of the fake: events and notifications, and the objects that were put.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<TakenState>>);

#[derive(Default)]
struct TakenState {
    events: Vec<Value>,
    objects: BTreeMap<String, Vec<u8>>,
    /// Object storage takes nothing more.
    full: bool,
}

struct Setup {
    fake: FakeSes,
    wire: Wire,
    clock: Arc<AtomicI64>,
    base: String,
    taken: Taken,
    client: Client<HttpConnector, Body>,
}

fn config(taken: &Taken, clock: &Arc<AtomicI64>) -> FakeSesConfig {
    let (reading, events, objects) = (clock.clone(), taken.clone(), taken.clone());
    FakeSesConfig {
        now: Arc::new(move || reading.load(Ordering::SeqCst)),
        events: Arc::new(move |json| {
            locked(&events.0).events.push(serde_json::from_str(&json).unwrap());
            Box::pin(std::future::ready(()))
        }),
        put: Arc::new(move |key, content| {
            let mut state = locked(&objects.0);
            let result = if state.full { Err("full".into()) } else { Ok(()) };
            state.objects.insert(key, content);
            Box::pin(std::future::ready(result))
        }),
        bucket: "objects".into(),
    }
}

fn raw_mail(subject: &str) -> String {
    format!(
        "From: {OURS}\r\nTo: Ann <{CLIENT}>\r\nReply-To: reply+1@ours.test\r\nSubject: {subject}\r\nMessage-ID: \
         <own-1@ours.test>\r\nReferences: <old@ours.test>\r\nDate: Mon, 1 Jan 2001 00:00:00 +0000\r\nBcc: \
         hidden@client.test\r\n folded\r\nX-Own: 1\r\n\r\nHello\r\n"
    )
}

fn body_of(raw: &str) -> Value {
    json!({
        "FromEmailAddress": OURS,
        "Destination": {"ToAddresses": [format!("Ann <{CLIENT}>")], "CcAddresses": ["bob@client.test"]},
        "Content": {"Raw": {"Data": STANDARD.encode(raw)}},
        "EmailTags": [{"Name": "omega", "Value": "1.2@x"}],
        "ConfigurationSetName": "set",
    })
}

impl Setup {
    async fn new() -> Setup {
        let (taken, clock) = (Taken::default(), Arc::new(AtomicI64::new(START)));
        let fake = FakeSes::new(config(&taken, &clock));
        let wire = Wire::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = wire.layer("ses", api(fake.clone())).merge(people(fake.clone()));
        tokio::spawn(serve(listener, router));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Setup { fake, wire, clock, base, taken, client }
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Body>,
    ) -> Option<(u16, HeaderMap, String)> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.header("authorization", SIGNED).body(body.into()).unwrap();
        let response = self.client.request(request).await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(Body::new(response.into_body()), usize::MAX).await.unwrap();
        Some((status, headers, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn send_body(&self, body: &Value) -> Option<(u16, String, Value)> {
        let (status, headers, answer) =
            self.request("POST", "/v2/email/outbound-emails", body.to_string()).await?;
        let exception = headers.get("x-amzn-errortype").map_or("", |value| value.to_str().unwrap());
        Some((status, exception.to_owned(), serde_json::from_str(&answer).unwrap()))
    }

    /// The id of a mail with this content that was accepted.
    async fn accepted(&self, raw: &str) -> String {
        let (status, _, answer) = self.send_body(&body_of(raw)).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        self.fake.idle().await;
        answer["MessageId"].as_str().unwrap().to_owned()
    }

    async fn control(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, _, answer) =
            self.request("POST", &format!("/fake/{path}"), body.to_string()).await.unwrap();
        (status, serde_json::from_str(&answer).unwrap())
    }

    async fn page(&self, path: &str) -> (u16, HeaderMap, String) {
        self.request("GET", path, "").await.unwrap()
    }

    fn events(&self) -> Vec<Value> {
        std::mem::take(&mut locked(&self.taken.0).events)
    }

    fn object(&self, key: &Value) -> String {
        let state = locked(&self.taken.0);
        String::from_utf8(state.objects[key.as_str().unwrap()].clone()).unwrap()
    }
}

#[tokio::test]
async fn a_mail_is_accepted_and_what_becomes_of_it_is_published() {
    let s = Setup::new().await;
    let id = s.accepted(&raw_mail("Hi")).await;
    assert!(id.starts_with("0100018bcfe5680c-") && id.ends_with("-000000"), "{id}");
    let mail = s.fake.mail(&id).unwrap();
    assert_eq!((mail.from.as_str(), mail.subject.as_str()), (OURS, "Hi"));
    assert_eq!((mail.to[0].as_str(), mail.cc[0].as_str()), (CLIENT, "bob@client.test"));
    assert_eq!(mail.text.as_deref(), Some("Hello\r\n"));
    assert_eq!(mail.original_message_id.as_deref(), Some("<own-1@ours.test>"));
    assert_eq!(mail.header("x-own"), Some("1"));
    let events = s.events();
    let types: Vec<&Value> = events.iter().map(|event| &event["eventType"]).collect();
    assert_eq!(types, ["Send", "Delivery", "Delivery"]);
    let about = &events[0]["mail"];
    assert_eq!(about["messageId"], id);
    assert_eq!(about["timestamp"], "2023-11-14T22:13:20.012Z");
    assert_eq!(about["source"], OURS);
    assert_eq!(about["destination"], json!([CLIENT, "bob@client.test"]));
    assert_eq!(about["tags"]["omega"], json!(["1.2@x"]));
    assert_eq!(about["tags"]["ses:configuration-set"], json!(["set"]));
    assert_eq!(about["commonHeaders"]["from"], json!([OURS]));
    assert_eq!(about["commonHeaders"]["messageId"], id);
    assert_eq!(about["headersTruncated"], false);
    assert_eq!(events[0]["send"], json!({}));
    assert_eq!(events[1]["delivery"]["recipients"], json!([CLIENT]));
    assert_eq!(events[2]["delivery"]["recipients"], json!(["bob@client.test"]));
    assert_eq!((s.fake.pending(), s.wire.calls().len()), (0, 1));
}

#[tokio::test]
async fn the_delivered_copy_has_an_id_and_a_date_of_the_provider_and_nobody_hidden() {
    let s = Setup::new().await;
    let id = s.accepted(&raw_mail("Hi")).await;
    let (_, _, raw) = s.page(&format!("/fake/mails/{id}/raw")).await;
    assert!(raw.starts_with(&format!(
        "Message-ID: <{id}@email.amazonses.com>\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nFrom: {OURS}\r\n"
    )));
    assert!(raw.ends_with("X-Own: 1\r\n\r\nHello\r\n"));
    for gone in ["own-1", "2001", "hidden", "folded"] {
        assert!(!raw.contains(gone), "{gone}");
    }
    assert_eq!(s.fake.mail(&id).unwrap().message_id, format!("<{id}@email.amazonses.com>"));
}

fn sdk(s: &Setup) -> aws_sdk_sesv2::Client {
    use aws_sdk_sesv2::config::{BehaviorVersion, Credentials, Region};
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .retry_config(aws_sdk_sesv2::config::retry::RetryConfig::disabled())
        .endpoint_url(&s.base)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    aws_sdk_sesv2::Client::from_conf(config.build())
}

#[tokio::test]
async fn the_sdk_understands_what_is_answered() {
    use aws_sdk_sesv2::primitives::Blob;
    use aws_sdk_sesv2::types::{EmailContent, MessageTag, RawMessage};

    let s = Setup::new().await;
    let client = sdk(&s);
    let raw = RawMessage::builder().data(Blob::new(raw_mail("x"))).build().unwrap();
    let tag = MessageTag::builder().name("omega").value("1").build().unwrap();
    let send = client
        .send_email()
        .content(EmailContent::builder().raw(raw).build())
        .email_tags(tag)
        .configuration_set_name("set");
    s.fake.script(None, ["TooManyRequestsException", "MessageRejected"].map(Answer::refuse));
    let refused = send.clone().send().await.unwrap_err().into_service_error();
    assert!(refused.is_too_many_requests_exception());
    let refused = send.clone().send().await.unwrap_err().into_service_error();
    assert!(refused.is_message_rejected());
    assert_eq!(refused.meta().message(), Some("Email address is not verified."));
    let sent = send.send().await.unwrap();
    let mail = s.fake.mails().remove(0);
    assert_eq!(sent.message_id(), Some(mail.id.as_str()));
    assert_eq!(mail.tags["omega"], "1");
}

#[tokio::test]
async fn bad_sends_are_refused_as_by_the_real_one() {
    let s = Setup::new().await;
    s.fake.register_identities(["ours.test"]);
    let with = |path: &str, value: Value| {
        let mut body = body_of(&raw_mail("x"));
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let many: Vec<String> = (0..50).map(|n| format!("c{n}@client.test")).collect();
    let tag = |name: &str, value: &str| json!([{"Name": name, "Value": value}]);
    for (body, exception, words) in [
        (with("/Destination/ToAddresses", json!(many)), "BadRequestException", "Recipient count exceeds 50."),
        (
            with("/Destination/ToAddresses", json!(["nobody"])),
            "BadRequestException",
            "Missing final '@domain'",
        ),
        (with("/Destination/ToAddresses", json!(["é@x.test"])), "BadRequestException", "Local address"),
        (
            with("/Content/Raw/Data", json!(STANDARD.encode("To: a@b.c\r\n\r\nx"))),
            "BadRequestException",
            "'From'",
        ),
        (with("/Content/Raw/Data", json!("%")), "SerializationException", ""),
        (with("/Content", json!({"Simple": {}})), "BadRequestException", "Only raw"),
        (with("/EmailTags", tag("a b", "c")), "BadRequestException", "Invalid tag name"),
        (with("/EmailTags", tag("a", "c#d")), "BadRequestException", "Invalid tag value"),
        (with("/FromEmailAddress", json!("x@other.test")), "MessageRejected", "x@other.test"),
    ] {
        let (status, got, answer) = s.send_body(&body).await.unwrap();
        assert_eq!((status, got.as_str()), (400, exception), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(words), "{answer}");
    }
    assert!(s.fake.mails().is_empty() && s.events().is_empty());
    assert_eq!(s.fake.requests().len(), 9);
    assert_eq!(s.send_body(&with("/FromEmailAddress", json!("x@mail.ours.test"))).await.unwrap().0, 200);
    assert_eq!(s.page("/v2/email/account").await.0, 404);
    let unsigned =
        Request::post(format!("{}/v2/email/outbound-emails", s.base)).body(Body::from("{}")).unwrap();
    assert_eq!(s.client.request(unsigned).await.unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn a_mail_may_be_forty_megabytes_large_and_no_larger() {
    let s = Setup::new().await;
    let mut raw = raw_mail("large").into_bytes();
    raw.resize(LARGEST, b'x');
    let mut body = body_of("");
    body["Content"]["Raw"]["Data"] = json!(STANDARD.encode(&raw));
    assert_eq!(s.send_body(&body).await.unwrap().0, 200);
    raw.push(b'x');
    body["Content"]["Raw"]["Data"] = json!(STANDARD.encode(&raw));
    let (status, _, answer) = s.send_body(&body).await.unwrap();
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().starts_with("Message length is more than 41943040 bytes"));
}

#[tokio::test]
async fn without_a_destination_the_head_of_the_mail_names_the_receivers() {
    let s = Setup::new().await;
    let mut body =
        body_of("From: a@ours.test\r\nTo: x@c.test, Y <y@c.test>\r\nCc: z@c.test\r\nBcc: w@c.test\r\n\r\nHi");
    body["Destination"] = json!({});
    body["FromEmailAddress"] = Value::Null;
    assert_eq!(s.send_body(&body).await.unwrap().0, 200);
    let mail = &s.fake.mails()[0];
    assert_eq!(mail.recipients(), ["x@c.test", "y@c.test", "z@c.test", "w@c.test"]);
    assert_eq!(mail.from, "a@ours.test");
}

#[tokio::test]
async fn a_script_decides_the_answers_in_order() {
    let s = Setup::new().await;
    let answers = json!({"answers": [
        {"refuse": "TooManyRequestsException"}, {"refuse": "LimitExceededException", "message": "no more"},
        {"refuse": "Odd", "status": 418}, {"status": 500}, {"drop_before": true}, {"drop": true},
        {"delay_ms": 60, "events": ["Send", {"event": "Bounce", "recipients": [CLIENT]}]}, {"events": []}
    ]});
    assert_eq!(s.control("script", answers).await.0, 200);
    let body = body_of(&raw_mail("x"));
    for (status, exception, words) in [
        (429, "TooManyRequestsException", "Maximum sending rate exceeded."),
        (400, "LimitExceededException", "no more"),
        (418, "Odd", "The request was refused"),
        (500, "InternalServiceErrorException", "The request was refused"),
    ] {
        let (got, name, answer) = s.send_body(&body).await.unwrap();
        assert_eq!((got, name.as_str(), answer["message"].as_str().unwrap()), (status, exception, words));
    }
    assert!(s.send_body(&body).await.is_none());
    assert!(s.fake.mails().is_empty());
    assert!(s.send_body(&body).await.is_none());
    assert_eq!(s.fake.mails().len(), 1);
    s.fake.idle().await;
    assert_eq!(s.events().len(), 3);
    let before = std::time::Instant::now();
    assert_eq!(s.send_body(&body).await.unwrap().0, 200);
    assert!(before.elapsed() >= Duration::from_millis(60));
    s.fake.idle().await;
    let events = s.events();
    assert_eq!((&events[0]["eventType"], &events[1]["eventType"]), (&json!("Send"), &json!("Bounce")));
    s.accepted(&raw_mail("y")).await;
    assert!(s.events().is_empty());
    let statuses: Vec<Option<u16>> = s.fake.requests().iter().map(|request| request.status).collect();
    let expected = [Some(429), Some(400), Some(418), Some(500), None, None, Some(200), Some(200)];
    assert_eq!(statuses, expected);
    assert_eq!(s.control("script", json!({"answers": [{"refuze": "x"}]})).await.0, 400);
}

#[tokio::test]
async fn answers_for_an_address_go_before_answers_for_any() {
    let s = Setup::new().await;
    s.fake.script(None, [Answer::status(503)]);
    s.fake.script(Some("BOB@client.test"), [Answer::refuse_saying("MessageRejected", "no")]);
    let body = body_of(&raw_mail("x"));
    let (status, exception, answer) = s.send_body(&body).await.unwrap();
    assert_eq!((status, exception.as_str(), &answer["message"]), (400, "MessageRejected", &json!("no")));
    assert_eq!(s.send_body(&body).await.unwrap().0, 503);
    assert_eq!(s.send_body(&body).await.unwrap().0, 200);
}

#[tokio::test]
async fn a_send_that_hangs_is_accepted() {
    let s = Setup::new().await;
    s.fake.script(None, [Answer::hang(), Answer::delay_ms(5_000)]);
    for count in 1..=2 {
        let body = body_of(&raw_mail("x"));
        let waiting = tokio::time::timeout(Duration::from_millis(100), s.send_body(&body)).await;
        assert!(waiting.is_err());
        assert_eq!(s.fake.mails().len(), count);
    }
    s.fake.idle().await;
    assert_eq!(s.events().len(), 6);
}

#[tokio::test]
async fn without_a_configuration_set_nothing_is_published_unless_asked_for() {
    let s = Setup::new().await;
    let mut body = body_of(&raw_mail("x"));
    body["ConfigurationSetName"] = Value::Null;
    let id = s.send_body(&body).await.unwrap().2["MessageId"].as_str().unwrap().to_owned();
    s.fake.idle().await;
    assert!(s.events().is_empty());
    assert_eq!(s.fake.send_events(&id, [EventType::Delivery]).await.unwrap().len(), 2);
    assert_eq!(s.events().len(), 2);
}

#[tokio::test]
async fn every_kind_of_event_can_be_sent_by_hand() {
    let s = Setup::new().await;
    s.fake.set_default_events(Vec::<Event>::new());
    let id = s.accepted(&raw_mail("x")).await;
    let bounce = json!({
        "id": id, "event": "Bounce", "bounce_type": "Transient", "bounce_sub_type": "MailboxFull", "recipients": [CLIENT]
    });
    assert_eq!(s.control("events", bounce).await.0, 200);
    let sent = s.events().remove(0);
    assert_eq!(sent["bounce"]["bounceType"], "Transient");
    assert_eq!(sent["bounce"]["bounceSubType"], "MailboxFull");
    assert_eq!(
        sent["bounce"]["bouncedRecipients"],
        json!([{
            "emailAddress": CLIENT, "action": "failed", "status": "4.2.2",
            "diagnosticCode": "smtp; 452 4.2.2 mailbox full",
        }])
    );
    s.clock.fetch_add(1_000, Ordering::SeqCst);
    for (name, key) in [
        ("Send", "send"),
        ("Delivery", "delivery"),
        ("DeliveryDelay", "deliveryDelay"),
        ("Bounce", "bounce"),
        ("Complaint", "complaint"),
        ("Reject", "reject"),
        ("Rendering Failure", "failure"),
        ("Open", "open"),
        ("Click", "click"),
        ("Subscription", "subscription"),
    ] {
        let (status, answer) = s.control("events", json!({"id": id, "event": name})).await;
        let events = s.events();
        assert_eq!((status, &answer["events"]), (200, &json!(events)));
        assert!(events.iter().all(|event| event["eventType"] == name && event[key].is_object()));
        assert!(events.iter().all(|event| event["mail"]["timestamp"] == "2023-11-14T22:13:20.012Z"));
        let detail = &events[0][key]["timestamp"];
        assert!(detail.is_null() || detail == "2023-11-14T22:13:21.012Z");
    }
    let last = s.fake.mail(&id).unwrap().events;
    assert_eq!(last.last().unwrap().event, EventType::Subscription);
    let undetermined = Event::bounce("Undetermined", "Undetermined").of([CLIENT]);
    let reports = s.fake.send_events(&id, [undetermined]).await.unwrap();
    assert_eq!(reports[0]["bounce"]["bouncedRecipients"], json!([{"emailAddress": CLIENT}]));
    assert_eq!(s.control("events", json!({"id": "x", "event": "Send"})).await.0, 404);
    assert_eq!(s.control("events", json!({"id": id, "event": "Nonsense"})).await.0, 400);
}

#[tokio::test]
async fn a_client_answers_as_their_program_does() {
    let s = Setup::new().await;
    let id = s.accepted(&raw_mail("=?utf-8?q?Gr=C3=BC=C3=9Fe?=")).await;
    s.events();
    let asked = json!({
        "id": id, "text": "Yes, ü", "html": "<p>Yes</p>", "quote": true,
        "headers": {"Auto-Submitted": "auto-replied"},
        "attachments": [{"filename": "ä.pdf", "content_type": "application/pdf", "content": "aGk="}],
        "verdicts": {"spam": "FAIL"},
    });
    let (status, arrival) = s.control("reply", asked).await;
    assert_eq!(status, 200, "{arrival}");
    let events = s.events();
    assert_eq!(events, [arrival["notification"].clone()]);
    let notification = &events[0];
    assert_eq!(notification["notificationType"], "Received");
    assert_eq!(notification["mail"]["source"], CLIENT);
    assert_eq!(notification["mail"]["destination"], json!(["reply+1@ours.test"]));
    assert_eq!(notification["mail"]["messageId"], arrival["id"]);
    assert_eq!(notification["mail"]["commonHeaders"]["subject"], "Re: Grüße");
    assert_eq!(notification["mail"]["commonHeaders"]["returnPath"], CLIENT);
    let receipt = &notification["receipt"];
    assert_eq!(receipt["recipients"], json!(["reply+1@ours.test"]));
    assert_eq!(
        (&receipt["spamVerdict"]["status"], &receipt["virusVerdict"]["status"]),
        (&json!("FAIL"), &json!("PASS"))
    );
    assert_eq!(
        (&receipt["action"]["type"], &receipt["action"]["bucketName"]),
        (&json!("S3"), &json!("objects"))
    );
    assert_eq!(receipt["action"]["objectKey"], format!("inbound/ses/{}", arrival["id"].as_str().unwrap()));

    let raw = s.object(&receipt["action"]["objectKey"]);
    let parsed = mime::parse(raw.as_bytes()).unwrap();
    let header = |name: &str| parsed.headers.iter().find(|header| header.name == name).unwrap().value.clone();
    let theirs = format!("{id}@email.amazonses.com");
    assert_eq!(header("In-Reply-To"), format!("<{theirs}>"));
    assert_eq!(parsed.references, ["old@ours.test".to_owned(), theirs]);
    assert_eq!(
        (header("Return-Path"), header("Auto-Submitted")),
        (format!("<{CLIENT}>"), "auto-replied".to_owned())
    );
    assert_eq!(
        (parsed.from[0].address.as_str(), parsed.to[0].address.as_str()),
        (CLIENT, "reply+1@ours.test")
    );
    assert!(parsed.message_id.unwrap().ends_with("@client.test"));
    let text = parsed.text.unwrap();
    assert!(text.starts_with("Yes, ü\r\n\r\nOn Tue, 14 Nov 2023 22:13:20 +0000, Clinic"), "{text}");
    assert!(text.trim_end().ends_with("> Hello"), "{text}");
    assert_eq!(parsed.html.as_deref().map(str::trim_end), Some("<p>Yes</p>"));
    assert_eq!(parsed.attachments[0].filename.as_deref(), Some("ä.pdf"));
    assert_eq!(parsed.attachments[0].content, "hi");

    let again = s.fake.reply(Reply::new(&id, "x")).await.unwrap();
    assert_ne!(again.id, arrival["id"]);
    assert_eq!(s.fake.received().len(), 2);
    assert_eq!(s.control("reply", json!({"id": "x"})).await.0, 404);
}

#[tokio::test]
async fn a_client_writes_anew() {
    let s = Setup::new().await;
    let mail = json!({
        "from": "Ann Ä <ann@client.test>", "to": "desk@ours.test", "cc": ["other@x.test"],
        "recipients": ["desk@ours.test"], "subject": "Frage", "text": "Hi", "headers": {"Message-ID": ""},
    });
    let (status, arrival) = s.control("mails", mail).await;
    assert_eq!(status, 200, "{arrival}");
    assert_eq!(arrival["notification"]["receipt"]["recipients"], json!(["desk@ours.test"]));
    let kept = s.fake.received().remove(0);
    assert_eq!((kept.from.as_str(), kept.cc[0].as_str()), ("Ann Ä <ann@client.test>", "other@x.test"));
    assert_eq!((kept.subject.as_str(), kept.direction), ("Frage", Direction::Inbound));
    assert_eq!((kept.original_message_id, &arrival["message_id"]), (None, &Value::Null));
    assert!(s.fake.mails().is_empty());
    let listed = s.page("/fake/received").await.2;
    assert!(listed.contains(arrival["id"].as_str().unwrap()));
    let bad = json!({"from": "a@b.c", "to": "d@e.f", "attachments": [{"content": "%"}]});
    assert_eq!(s.control("mails", bad).await.0, 400);
}

#[tokio::test]
async fn a_raw_mail_is_taken_in_byte_by_byte() {
    let s = Setup::new().await;
    let raw = b"From: a@b.c\r\nTo: d@e.f\r\nSubject: =?x?\xff\r\n\r\n\xfe\x00";
    let path = "/fake/raw?to=x%40ours.test&to=y%40ours.test&from=&virus=FAIL";
    let (status, _, answer) = s.request("POST", path, raw.to_vec()).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let notification = s.events().remove(0);
    assert_eq!(notification["mail"]["source"], "");
    assert_eq!(notification["receipt"]["recipients"], json!(["x@ours.test", "y@ours.test"]));
    assert_eq!(notification["receipt"]["virusVerdict"]["status"], "FAIL");
    let key = notification["receipt"]["action"]["objectKey"].as_str().unwrap();
    assert!(locked(&s.taken.0).objects[key].ends_with(raw));
    assert_eq!(s.request("POST", "/fake/raw?nonsense=1", raw.to_vec()).await.unwrap().0, 400);
}

#[tokio::test]
async fn a_mail_that_cannot_be_stored_is_gone() {
    let s = Setup::new().await;
    locked(&s.taken.0).full = true;
    let sent = s.fake.client_writes(ClientMail::new(CLIENT, "desk@ours.test", "x", "y")).await;
    assert!(matches!(sent, Err(Trouble::NotStored(_))));
    assert!(s.events().is_empty() && s.fake.received().is_empty());
    assert_eq!(s.fake.pending(), 0);
}

#[test]
fn names_survive_being_written_and_read() {
    for name in ["Ann", "Ä Ö", "Doe, Ann", "a \"b\" \\ <c@d.e>"] {
        let mailbox = mime::Mailbox { name: Some(name.to_owned()), address: CLIENT.to_owned() };
        assert_eq!(mime::read_mailboxes(&mailbox.text()), [mailbox]);
    }
    assert_eq!(mime::bare("Ann <ann@x.test>"), "ann@x.test");
    assert_eq!(mime::bare(" ann@x.test "), "ann@x.test");
}

fn evil_mail() -> String {
    let png = STANDARD.encode(b"picture");
    let html = format!(
        "{EVIL}<img src=\"cid:p1\"><img src=\"https://x.test/spy.png\"><form action=\"https://x.test\">"
    );
    format!(
        "From: \"{EVIL}\" <{CLIENT}>\r\nTo: \"{EVIL}\" <desk@ours.test>\r\nSubject: {EVIL}\"' onload=x\r\nX-Evil: \
         {EVIL}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{EVIL}\r\n\
         --b\r\nContent-Type: text/html\r\nContent-Disposition: inline\r\n\r\n{html}\r\n--b\r\nContent-Type: \
         image/png\r\nContent-ID: <p1>\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: \
         base64\r\n\r\n{png}\r\n--b\r\nContent-Type: text/html; x=\"{EVIL}\"\r\nContent-Disposition: attachment; \
         filename=\"{EVIL}\u{202e}.html\"\r\n\r\n{EVIL}\r\n--b--\r\n"
    )
}

#[tokio::test]
async fn nothing_in_a_mail_is_executed_on_a_page() {
    let s = Setup::new().await;
    let mut body = body_of(&evil_mail());
    body["EmailTags"] = json!([]);
    body["FromEmailAddress"] = json!(format!("{EVIL} <a@ours.test>"));
    let (_, _, answer) = s.send_body(&body).await.unwrap();
    let sent = answer["MessageId"].as_str().unwrap().to_owned();
    let raw = evil_mail().into_bytes();
    let received = s.fake.hand_in(RawMail { raw, ..RawMail::default() }).await.unwrap().id;
    let pages =
        ["/".to_owned(), format!("/mails/{sent}"), format!("/mails/{received}"), "/mails/x".to_owned()];
    for path in pages {
        let (_, headers, page) = s.page(&path).await;
        assert!(!page.contains("<script") && !page.contains("\"' onload"), "{path}: {page}");
        assert!(!page.contains("spy.png") && !page.contains('\u{202e}'), "{path}: {page}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("script-src"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let (_, _, page) = s.page(&format!("/mails/{sent}")).await;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("<iframe sandbox=\"\""));
}

#[tokio::test]
async fn an_html_part_is_a_document_that_may_do_nothing() {
    let s = Setup::new().await;
    let raw = evil_mail().into_bytes();
    let id = s.fake.hand_in(RawMail { raw, ..RawMail::default() }).await.unwrap().id;
    let (status, headers, html) = s.page(&format!("/mails/{id}/html")).await;
    assert_eq!(status, 200);
    let policy = headers["content-security-policy"].to_str().unwrap();
    for part in ["default-src 'none'", "img-src data:", "form-action 'none'", "; sandbox"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(policy.ends_with("sandbox"), "nothing is allowed to what is in the sandbox: {policy}");
    assert!(html.contains(&format!("data:image/png;base64,{}", STANDARD.encode(b"picture"))), "{html}");
    assert_eq!(s.page("/mails/x/html").await.0, 404);
}

#[tokio::test]
async fn an_attachment_is_saved_and_not_shown() {
    let s = Setup::new().await;
    let raw = evil_mail().into_bytes();
    let id = s.fake.hand_in(RawMail { raw, ..RawMail::default() }).await.unwrap().id;
    let attachments = s.fake.mail(&id).unwrap().attachments;
    let n = attachments.iter().position(|attachment| attachment.filename.is_some()).unwrap();
    let (status, headers, content) = s.page(&format!("/mails/{id}/attachments/{n}")).await;
    assert_eq!((status, content.as_str()), (200, EVIL));
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let disposition = headers["content-disposition"].to_str().unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"_script_alert_1___script__.html\";"),
        "{disposition}"
    );
    assert!(!disposition.contains('<'));
    for missing in [format!("/mails/{id}/attachments/99"), "/mails/x/attachments/0".to_owned()] {
        assert_eq!(s.page(&missing).await.0, 404);
    }
}

#[tokio::test]
async fn people_report_and_answer_with_forms() {
    let s = Setup::new().await;
    let id = s.accepted(&raw_mail("x")).await;
    s.events();
    let form = format!("event=Bounce&recipient={CLIENT}");
    let (status, headers, _) = s.request("POST", &format!("/mails/{id}/event"), form).await.unwrap();
    assert_eq!((status, headers["location"].to_str().unwrap()), (303, format!("/mails/{id}").as_str()));
    let events = s.events();
    assert_eq!((events.len(), &events[0]["bounce"]["bounceType"]), (1, &json!("Permanent")));
    for (event, count) in [("Complaint", 2), ("Delivery", 2), ("DeliveryDelay", 2), ("Transient", 2)] {
        s.request("POST", &format!("/mails/{id}/event"), format!("event={event}&recipient=")).await.unwrap();
        assert_eq!(s.events().len(), count);
    }
    let reply = s.request("POST", &format!("/mails/{id}/reply"), "text=Yes&quote=1").await.unwrap();
    assert_eq!(reply.0, 303);
    let written = "from=c%40x.test&to=d%40ours.test&subject=S&text=T";
    assert_eq!(s.request("POST", "/mails", written).await.unwrap().0, 303);
    assert_eq!(s.fake.received().len(), 2);
    assert_eq!(s.request("POST", &format!("/mails/{id}/event"), "event=Odd").await.unwrap().0, 400);
    assert_eq!(s.request("POST", "/mails/x/event", "event=Bounce").await.unwrap().0, 404);
    let (_, _, page) = s.page(&format!("/mails/{id}")).await;
    assert!(page.contains("Complaint") && page.contains("own-1@ours.test"));
    let (_, _, all) = s.page("/").await;
    assert!(all.contains("omega=1.2@x") && all.find("/mails/").unwrap() < all.rfind(&id).unwrap());
}

#[tokio::test]
async fn the_oldest_mails_are_forgotten_first() {
    let s = Setup::new().await;
    s.fake.client_writes(ClientMail::new(CLIENT, "d@ours.test", "0", "")).await.unwrap();
    let one = s.fake.received().remove(0);
    for n in 1..=KEPT {
        s.fake.keep(Mail { subject: n.to_string(), ..one.clone() });
    }
    assert_eq!((s.fake.all().len(), s.fake.all()[0].subject.as_str()), (KEPT, "1"));
    let large = Bytes::from(vec![0; KEPT_BYTES / 2]);
    for n in ["a", "b", "c"] {
        s.fake.keep(Mail { subject: n.to_owned(), raw: large.clone(), ..one.clone() });
    }
    let kept: Vec<String> = s.fake.all().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(kept, ["c"]);
}

#[test]
fn mails_in_mails_without_end_do_not_take_the_stack() {
    let inner =
        "Content-Type: message/rfc822\r\n\r\n".repeat(20_000) + "Content-Type: text/plain\r\n\r\nHello\r\n";
    let head = "From: a@x.test\r\nTo: b@x.test\r\nSubject: Deep\r\n";
    let encoded = STANDARD.encode(&inner);
    let part = "--b\r\nContent-Type: message/rfc822\r\n";
    let multipart = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    let digest = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(20_000);
    for rest in [
        inner.clone(),
        format!("{multipart}{part}\r\n{inner}--b--\r\n"),
        format!("{multipart}{part}Content-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b--\r\n"),
        digest,
        format!("{multipart}{}{part}\r\n{inner}", "--b\r\nContent-Type: text/plain\r\n\r\na\r\n".repeat(600)),
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(20_000) + &inner,
    ] {
        let parsed = mime::parse(format!("{head}{rest}").as_bytes()).unwrap();
        assert_eq!((parsed.subject.as_str(), parsed.to.len()), ("Deep", 1));
        assert!(!parsed.attachments.is_empty() || parsed.text.is_some());
    }
}
