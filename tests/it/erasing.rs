//! Forgetting a client: nothing of them is left, nothing more is sent to them, and nothing brings them back. That they
//! said STOP is remembered.

use std::time::Duration;

use futures_util::future::join_all;
use local::Source;
use local::fake_twilio::{Answer, ClientText};
use reqwest::Method;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{Answered, App, Business, send};
use crate::faults::at_every_call;

const ADA: &str = "+14155550199";
const BOB: &str = "+14155550124";
const MINUTE: Duration = Duration::from_secs(60);
/// In everything that a person says or is called here, and the digits of their number, forwards and backwards.
const CANARIES: [&str; 3] = ["canary", "4155550199", "9910555514"];

impl Business<'_> {
    async fn erase(&self, client: u64) -> Answered {
        send(self.request(Method::DELETE, &format!("/clients/{client}"))).await
    }

    async fn act_on(&self, path: &str) -> Value {
        send(self.request(Method::POST, path)).await.ok()
    }

    /// Erases a client of whom everything is small enough to go at once.
    async fn erases(&self, client: u64) {
        let answer = self.erase(client).await;
        assert_eq!((answer.status, &answer.body["client_id"]), (202, &json!(client)), "{}", answer.body);
        assert_eq!(self.client(client).await, Value::Null);
    }
}

/// Every item and job in which something of the person is left.
async fn traces(app: &App) -> Vec<String> {
    let mut all: Vec<String> = app.items().await.iter().map(|item| format!("{item:?}")).collect();
    for source in [Source::Sms, Source::Record] {
        let feed = app.local.feed(source);
        all.extend(app.local.sqs.bodies(&feed.queue));
        all.extend(app.local.sqs.bodies(&feed.dead_letters));
    }
    all.retain(|one| CANARIES.iter().any(|canary| one.to_lowercase().contains(canary)));
    all
}

/// A client of whom there is something of every kind: a stranger's texts, an entry, messages that were sent, failed,
/// were tried again, wait, were recorded, are notes, and calls that can be repeated. Returns the stranger's id.
async fn fill(studio: &Business<'_>) -> u64 {
    let app = studio.app;
    for n in 0..3 {
        app.text(ADA, &studio.number, &format!("canary {n}")).await;
    }
    let list = studio.get("/conversations").await.ok();
    let before = list["items"][0]["client_id"].as_u64().expect("a stranger");
    let entry = json!({
        "client_name": "Canary Lovelace",
        "first_name": "Canary",
        "middle_name": "Canary",
        "last_name": "Canary",
        "client_gender": "canary",
        "client_image_url": "https://example.com/canary.png",
        "client_email": "canary@example.com",
        "client_phone_number": "(415) 555-0199",
        "client_type": "lead",
        "timezone": "Atlantic/Canary",
    });
    studio.put("/clients/7", entry).await.ok();
    studio.act_on("/conversations/7/label?label=canary").await;
    studio.act_on("/conversations/7/label?label=Canary%20two").await;
    studio.act_on("/conversations/7/status?status=snoozed&snoozed_until=2026-03-01T00:00:00Z").await;
    studio.post("/conversations/7/notes", json!({"note": "a canary"})).await.ok();
    app.local
        .twilio
        .script(Some(ADA), [Answer::accept().with_callbacks([("undelivered", 30008)]), Answer::accept()]);
    let retried = studio.queue(7, ADA, "canary again").await;
    app.drain().await;
    app.clock.advance(2 * MINUTE);
    app.sweep().await;
    assert_eq!(studio.status(retried).await, "delivered");
    app.local.twilio.script(Some(ADA), [Answer::refuse(21620)]);
    studio.queue(7, ADA, "canary refused").await;
    let record = json!({"category": "notification", "from_phone_number": studio.number,
        "messages": [{"message_id": 77, "client_id": 7, "to_phone_number": ADA, "message": "canary recorded",
                      "provider_metadata": {"canary": "canary"}}]});
    studio.post("/sms/record", record).await.ok();
    app.drain().await;
    studio.post_once("/clients/7/conversation", "opened", &json!({})).await.ok();
    studio.post_once("/sms/send", "sent", &studio.send_body(&[(7, ADA, "canary keyed")])).await.ok();
    app.drain().await;
    let mut later = studio.send_body(&[(7, ADA, "canary for later")]);
    later["send_at"] = json!(app.clock.now().plus(180 * MINUTE).to_string());
    studio.post("/sms/send", later).await.ok();
    before
}

#[tokio::test]
async fn nothing_of_a_client_is_left_and_nothing_more_is_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.knows(8, BOB).await;
    app.text(BOB, &studio.number, "I stay").await;
    let before = fill(&studio).await;
    let messages: Vec<(u64, u64)> =
        studio.balance().await.into_iter().filter(|(_, client)| *client == 7).collect();
    assert_eq!(messages.len(), 9);
    let waiting = studio.queue(7, ADA, "canary that waits").await;
    let sent = app.calls_that_send();
    let found = traces(&app).await.len();
    assert!(found > 15, "there is something to erase: {found}");

    studio.erases(7).await;

    assert_eq!(traces(&app).await, Vec::<String>::new());
    assert_eq!(studio.balance().await.into_values().collect::<Vec<u64>>(), [8]);
    for id in messages.iter().map(|(id, _)| *id).chain([waiting]) {
        for path in [format!("/messages/{id}"), format!("/messages/{id}/events")] {
            assert_eq!(studio.get(&path).await.status, 404);
        }
    }
    for id in [7, before] {
        assert_eq!(studio.client(id).await, Value::Null);
        assert_eq!(studio.erase(id).await.status, 404);
        assert_eq!(studio.get(&format!("/conversations/{id}/messages")).await.status, 404);
        assert_eq!(studio.get(&format!("/conversations/{id}/history")).await.status, 404);
    }
    for search in ["canary", "canary@example.com", "4155550199", "0199"] {
        assert_eq!(studio.get(&format!("/clients?search={search}")).await.ok()["total"], 0, "{search}");
    }
    assert_eq!(studio.get("/clients").await.ok()["total"], 1);
    assert_eq!(studio.get("/conversations").await.ok()["total"], 1);
    app.drain().await;
    app.live(400 * MINUTE, 40 * MINUTE).await;
    assert_eq!(app.calls_that_send(), sent);
    assert_eq!(traces(&app).await, Vec::<String>::new());
    assert_eq!(studio.client(8).await["last_message_content"], "I stay");
    studio.balance().await;
}

#[tokio::test]
async fn what_the_provider_still_says_of_them_brings_nothing_back() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut first = ClientText::new(ADA, &studio.number, "canary");
    first.message_sid = Some("SM0123456789abcdef0123456789abcdef".to_owned());
    app.local.twilio.client_sends(first.clone()).await;
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(["sent"])]);
    studio.knows(7, ADA).await;
    studio.queue(7, ADA, "canary").await;
    app.drain().await;
    studio.erases(7).await;

    app.report(&app.only_sid(), &["delivered", "no such word"]).await;
    let again = app.local.twilio.client_sends(first).await;
    assert_eq!(again.status, Some(200));
    app.enqueue(&app.local.sms_queue_url, r#"{"v":1,"type":"backfill_inbound"}"#).await;
    app.drain().await;

    assert_eq!(traces(&app).await, Vec::<String>::new());
    assert_eq!(studio.get("/clients").await.ok()["total"], 0);
    studio.balance().await;
}

#[tokio::test]
async fn who_said_stop_is_not_written_to_after_they_are_forgotten() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.knows(7, ADA).await;
    app.text(ADA, &studio.number, "STOP").await;
    studio.erases(7).await;
    for client in [7, 9] {
        let answer =
            studio.post("/sms/send", studio.send_body(&[(client, "415 555 0199", "Sale!")])).await.ok();
        assert_eq!(answer["items"][0]["status"], "blocked", "{answer}");
    }
    assert_eq!(studio.get("/clients").await.ok()["total"], 0);
    app.drain().await;
    assert_eq!((app.sent(), traces(&app).await), (vec![], vec![]));
}

#[tokio::test]
async fn who_writes_or_is_named_again_is_somebody_new() {
    let app = App::start().await;
    let studio = app.business().await;
    fill(&studio).await;
    studio.erases(7).await;
    app.text(ADA, &studio.number, "Hello again").await;
    let list = studio.get("/conversations").await.ok();
    assert_eq!((&list["total"], &list["items"][0]["messages_flagged_count"]), (&json!(1), &json!(0)));
    let named = studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    assert_eq!((&named["client_name"], &named["label"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&named["unread_messages_count"], &named["last_message_content"]),
        (&json!(1), &json!("Hello again"))
    );
    assert_eq!(studio.balance().await.len(), 1);
}

#[tokio::test]
async fn every_id_of_a_person_erases_all_of_them() {
    let app = App::start().await;
    let studio = app.business().await;
    let before = fill(&studio).await;
    let answer = studio.erase(before).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!((studio.client(7).await, studio.client(before).await), (Value::Null, Value::Null));
    assert_eq!(traces(&app).await, Vec::<String>::new());
    assert!(studio.balance().await.is_empty());
}

#[tokio::test]
async fn a_stranger_can_be_forgotten_and_an_unknown_client_cannot() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    app.text(ADA, &studio.number, "canary").await;
    let stranger = studio.get("/clients").await.ok()["items"][0]["client_id"].as_u64().unwrap();
    for unknown in [7, 9_007_199_254_740_991] {
        let answer = studio.erase(unknown).await;
        assert_eq!((answer.status, answer.body), (404, json!({"detail": "client not found"})));
    }
    assert_eq!(other.erase(stranger).await.status, 404);
    studio.erases(stranger).await;
    assert_eq!(traces(&app).await, Vec::<String>::new());
    studio.balance().await;
}

#[tokio::test]
async fn a_number_that_two_share_leads_to_whoever_is_left() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.knows(8, ADA).await;
    studio.knows(7, ADA).await;
    app.text(ADA, &studio.number, "for seven").await;
    studio.erases(7).await;
    app.text(ADA, &studio.number, "for eight").await;
    assert_eq!(studio.client(8).await["last_message_content"], "for eight");
    studio.balance().await;
}

#[tokio::test]
async fn who_is_becoming_a_client_is_forgotten_with_them() {
    let app = App::start().await;
    let studio = app.business().await;
    app.text(ADA, &studio.number, "canary").await;
    let stranger = studio.get("/clients").await.ok()["items"][0]["client_id"].as_u64().unwrap();
    // The directory names them, and dies before anything goes over.
    app.local.wire.counts(|_, operation| operation == "TransactWriteItems");
    let named = studio.put("/clients/7", json!({"client_name": "Canary", "client_phone_number": ADA}));
    assert!(app.dies(0, local::wire::Halt::After, named).await);
    assert_eq!(studio.client(stranger).await["last_message_content"], "canary");

    let answer = studio.erase(stranger).await;
    assert_eq!(answer.status, 202);
    assert_eq!((studio.client(7).await, studio.client(stranger).await), (Value::Null, Value::Null));
    assert_eq!(traces(&app).await, Vec::<String>::new());
    app.live(5 * MINUTE, MINUTE).await;
    assert!(studio.balance().await.is_empty());
    assert_eq!(studio.get("/clients").await.ok()["total"], 0);
}

#[tokio::test]
async fn a_long_conversation_is_forgotten_in_the_background_and_hidden_at_once() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.knows(7, ADA).await;
    let texts: Vec<Value> = (0..400)
        .map(|n| json!({"message_id": n, "client_id": 7, "to_phone_number": ADA, "message": "canary"}))
        .collect();
    for hundred in texts.chunks(100) {
        let record =
            json!({"category": "notification", "from_phone_number": studio.number, "messages": hundred});
        studio.post("/sms/record", record).await.ok();
        app.drain().await;
    }
    let waiting = studio.queue(7, ADA, "canary").await;

    studio.erases(7).await;

    let left = app.message_ids(studio.id).await;
    assert!((50..400).contains(&left.len()), "{}", left.len());
    assert!(left.iter().all(|(_, id)| *id != waiting), "what waits goes first");
    assert_eq!(studio.get("/conversations/7/messages").await.status, 404);
    assert_eq!(studio.get("/clients").await.ok()["total"], 0);
    assert_eq!(studio.get("/conversations").await.ok()["total"], 0);
    // Until it is over nobody is written to under this id, and who writes is a stranger.
    let named = studio.put("/clients/7", json!({"client_name": "Ada"})).await;
    assert_eq!((named.status, named.header("retry-after")), (503, Some("2")));
    let sent = studio.post("/sms/send", studio.send_body(&[(7, BOB, "Hello")])).await;
    assert_eq!(sent.status, 503, "{}", sent.body);
    assert_eq!(studio.post("/clients/7/conversation", json!({})).await.status, 404);
    app.text(ADA, &studio.number, "I am new").await;
    assert_eq!(studio.get("/clients").await.ok()["total"], 1);
    let again = studio.erase(7).await;
    assert_eq!(again.status, 202);

    app.live(3 * MINUTE, MINUTE).await;
    assert_eq!(studio.erase(7).await.status, 404);
    assert_eq!(studio.balance().await.len(), 1);
    let named = studio.put("/clients/7", json!({"client_name": "Ada"})).await.ok();
    assert_eq!(named["conversation_id"], Value::Null);
    let stranger = studio.get("/clients?search=0199").await.ok()["items"][0]["client_id"].as_u64().unwrap();
    studio.erases(stranger).await;
    assert_eq!(traces(&app).await, Vec::<String>::new());
    assert_eq!((app.calls_that_send(), studio.balance().await.len()), (0, 0));
}

#[tokio::test]
async fn whatever_happens_while_they_are_forgotten_is_forgotten_or_whole() {
    let app = App::start().await;
    let studio = app.business().await;
    for round in 0..3u64 {
        fill(&studio).await;
        let ids: Vec<u64> = studio.balance().await.into_keys().collect();
        let texts = (0..12).map(|n| {
            let (app, studio, words) = (&app, &studio, format!("canary in between {n}"));
            async move { app.text(ADA, &studio.number, &words).await }
        });
        let sends = (0..6).map(|n| {
            let body = studio.send_body(&[(7, ADA, &format!("canary to them {n}"))]);
            studio.post("/sms/send", body)
        });
        let notes = (0..6).map(|_| studio.post("/conversations/7/notes", json!({"note": "a canary"})));
        let flags = ids.iter().map(|id| send(studio.request(Method::POST, &format!("/messages/{id}/flag"))));
        let named = studio.put("/clients/7", json!({"client_gender": "canary"}));
        let (erased, again, named, texts, sends, notes, flags) = futures_util::join!(
            studio.erase(7),
            studio.erase(7),
            named,
            join_all(texts),
            join_all(sends),
            join_all(notes),
            join_all(flags),
        );
        assert!(
            [202, 404, 503].contains(&erased.status) && [202, 404, 503].contains(&again.status),
            "{round}"
        );
        assert!([200, 503].contains(&named.status), "{}", named.body);
        assert!(texts.iter().all(|sent| sent.status == Some(200)), "{texts:?}");
        assert!(sends.iter().all(|answer| [200, 503].contains(&answer.status)), "{sends:?}");
        assert!(
            notes.iter().chain(&flags).all(|answer| [200, 404, 503].contains(&answer.status)),
            "{notes:?}"
        );
        app.local.drain().await.unwrap();
        app.live(5 * MINUTE, MINUTE).await;
        studio.balance().await;
        // Everybody who is left is whole, and can be forgotten.
        let rest = studio.get("/clients").await.ok();
        for row in rest["items"].as_array().unwrap() {
            studio.erases(row["client_id"].as_u64().unwrap()).await;
        }
        app.live(5 * MINUTE, MINUTE).await;
        assert!(studio.balance().await.is_empty(), "{round}");
        assert_eq!(traces(&app).await, Vec::<String>::new(), "{round}");
    }
}

/// The answer of a call that shows a person is not kept: a repeated one is answered with what is true by then.
#[tokio::test]
async fn a_repeated_call_does_not_bring_back_what_was_forgotten() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_name": "Canary", "client_phone_number": ADA})).await.ok();
    let open = async || studio.post_once("/clients/7/conversation", "k", &json!({})).await;
    let first = open().await;
    assert_eq!((first.header("idempotency-replayed"), &first.body["client_name"]), (None, &json!("Canary")));
    let second = open().await;
    assert_eq!((second.header("idempotency-replayed"), &second.body), (Some("true"), &first.body));
    let other = studio.post_once("/clients/8/conversation", "k", &json!({})).await;
    assert_eq!(other.bad_fields(), [r#"["header","Idempotency-Key"]"#]);
    studio.erases(7).await;
    assert_eq!(open().await.status, 404);
    assert_eq!(traces(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_erasure_that_dies_at_any_call_is_finished_by_the_sweeper() {
    at_every_call(8, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        studio.knows(8, BOB).await;
        app.text(BOB, &studio.number, "I stay").await;
        app.text(ADA, &studio.number, "canary").await;
        studio.put("/clients/7", json!({"client_name": "Canary", "client_phone_number": ADA})).await.ok();
        studio.act_on("/conversations/7/label?label=canary").await;
        let record = json!({"category": "notification", "from_phone_number": studio.number,
            "messages": [{"message_id": 77, "client_id": 7, "to_phone_number": ADA, "message": "canary"}]});
        studio.post("/sms/record", record).await.ok();
        app.drain().await;
        let mut later = studio.send_body(&[(7, ADA, "canary for later")]);
        later["send_at"] = json!(app.clock.now().plus(180 * MINUTE).to_string());
        studio.post("/sms/send", later).await.ok();

        let request = axum::extract::Request::delete(format!("/omega/businesses/{}/clients/7", studio.id))
            .header("x-api-key", &studio.key)
            .body(axum::body::Body::empty())
            .expect("a request");
        let died = app.dies(n, when, app.local.router().oneshot(request)).await;

        app.live(4 * MINUTE, 2 * MINUTE).await;
        let again = studio.erase(7).await;
        assert!([202, 404].contains(&again.status), "{n} {when:?}: {}", again.body);
        assert_eq!(traces(&app).await, Vec::<String>::new(), "{n} {when:?}");
        assert_eq!(studio.balance().await.into_values().collect::<Vec<u64>>(), [8]);
        app.clock.advance(240 * MINUTE);
        app.sweep().await;
        assert_eq!(app.calls_that_send(), 0);
        assert_eq!(studio.get("/conversations").await.ok()["total"], 1);
        died
    })
    .await;
}
