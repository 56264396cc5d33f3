//! What a call may cost: counted on the wire, in a process that has seen the caller before.

use local::Source;
use local::fake_twilio::{Answer, Callback};
use reqwest::Method;
use serde_json::json;

use crate::app::{App, Business, send};

const ADA: &str = "+14155550123";

/// A business whose credential every function has just read.
async fn warm(app: &App) -> Business<'_> {
    app.clock.freeze();
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": ADA})).await.ok();
    studio.post("/clients/7/conversation", json!({})).await.ok();
    studio.post("/sms/preview", json!({"message": "Hi"})).await.ok();
    studio.get("/messages/requests/6f9619ff-8b86-4d01-b42d-00cf4fc964ff").await.ok();
    app.local.wire.clear();
    studio
}

fn dynamodb(app: &App) -> Vec<String> {
    app.local.wire.operations("dynamodb")
}

fn sqs(app: &App) -> Vec<String> {
    app.local.wire.operations("sqs")
}

#[tokio::test]
async fn a_profile_is_one_read() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.client(7).await;
    assert_eq!(dynamodb(&app), ["Query"]);
}

#[tokio::test]
async fn queueing_texts_is_one_transaction_each_and_one_call_for_ten_jobs() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let texts: Vec<(u64, String)> = (0..25).map(|n| (100 + n, format!("+1415555{:04}", 5000 + n))).collect();
    let body: Vec<(u64, &str, &str)> =
        texts.iter().map(|(client, to)| (*client, to.as_str(), "Hi")).collect();
    studio.post("/sms/send", studio.send_body(&body)).await.ok();
    assert_eq!(dynamodb(&app), vec!["TransactWriteItems"; 25]);
    assert_eq!(sqs(&app), vec!["SendMessageBatch"; 3]);
}

#[tokio::test]
async fn an_idempotency_key_costs_two_more_writes() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let call = studio.request(Method::POST, "/sms/send").header("Idempotency-Key", "k");
    send(call.json(&studio.send_body(&[(7, ADA, "Hi")]))).await.ok();
    assert_eq!(dynamodb(&app), ["PutItem", "TransactWriteItems", "UpdateItem"]);
}

#[tokio::test]
async fn sending_a_text_is_a_read_a_claim_and_a_result() {
    let app = App::start().await;
    let studio = warm(&app).await;
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
    studio.queue(7, ADA, "Hi").await;
    app.local.wire.clear();
    app.local.deliver_once(Source::Sms).await.unwrap();
    assert_eq!(dynamodb(&app), ["Query", "TransactWriteItems", "TransactWriteItems"]);
    assert_eq!(app.local.wire.operations("twilio"), ["POST Messages"]);
    // The queue is emptied by whoever delivers, and nothing is put on it.
    assert_eq!(sqs(&app), ["ReceiveMessage", "DeleteMessageBatch"]);
}

#[tokio::test]
async fn a_status_callback_is_one_write_when_it_applies_and_two_when_it_is_late() {
    let app = App::start().await;
    let studio = warm(&app).await;
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
    studio.queue(7, ADA, "Hi").await;
    app.drain().await;
    let sid = app.local.twilio.outbox()[0].sid.clone();
    for (word, calls) in [
        ("delivered", vec!["TransactWriteItems"]),
        ("sent", vec!["TransactWriteItems", "PutItem"]),
        ("delivered", vec!["TransactWriteItems"]),
    ] {
        app.local.wire.clear();
        app.local.twilio.send_callbacks(&sid, [word]).await;
        assert_eq!(dynamodb(&app), calls, "{word}");
    }
}

#[tokio::test]
async fn an_inbound_text_is_a_route_an_address_and_a_transaction() {
    let app = App::start().await;
    let studio = warm(&app).await;
    app.text(ADA, &studio.number, "Hi").await;
    assert_eq!(dynamodb(&app), ["GetItem", "GetItem", "TransactWriteItems"]);
    app.local.wire.clear();
    app.text("+14155559876", &studio.number, "Hi from somebody new").await;
    assert_eq!(dynamodb(&app), ["GetItem", "GetItem", "TransactWriteItems"]);
    app.local.wire.clear();
    app.text(ADA, &studio.number, "STOP").await;
    assert_eq!(dynamodb(&app), ["GetItem", "GetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn recording_touches_no_table_at_the_edge_and_is_one_transaction_each_behind_it() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let messages: Vec<_> = (0..25)
        .map(|n| json!({"message_id": n, "client_id": 7, "to_phone_number": ADA, "message": format!("text {n}")}))
        .collect();
    let body = json!({"category": "notification", "from_phone_number": studio.number, "messages": messages,
                      "sent_at": "2026-01-30T09:00:00Z"});
    studio.post("/sms/record", body).await.ok();
    assert_eq!(dynamodb(&app), Vec::<String>::new());
    assert_eq!(sqs(&app), vec!["SendMessageBatch"; 3]);
}

#[tokio::test]
async fn one_recorded_message_is_one_transaction() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let body = json!({"category": "notification", "from_phone_number": studio.number,
                      "messages": [{"message_id": 1, "client_id": 7, "to_phone_number": ADA, "message": "Hi"}]});
    studio.post("/sms/record", body).await.ok();
    app.local.deliver_once(Source::Record).await.unwrap();
    assert_eq!(dynamodb(&app), ["TransactWriteItems"]);
}

#[tokio::test]
async fn the_messages_of_a_call_are_one_query_and_one_read_for_a_hundred() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let texts: Vec<(u64, String)> = (0..100).map(|n| (100 + n, format!("+1415555{:04}", 5000 + n))).collect();
    let body: Vec<(u64, &str, &str)> =
        texts.iter().map(|(client, to)| (*client, to.as_str(), "Hi")).collect();
    let accepted = studio.post("/sms/send", studio.send_body(&body)).await.ok();
    app.local.wire.clear();
    let request = accepted["request_id"].as_str().unwrap();
    let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
    assert_eq!(found["counts"], json!({"queued": 100}));
    assert_eq!(dynamodb(&app), ["Query", "BatchGetItem"]);
}

#[tokio::test]
async fn a_job_of_the_sender_is_smaller_than_a_kilobyte() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.queue(7, ADA, &"long ".repeat(300)).await;
    let bodies = app.local.sqs.bodies(&app.local.feed(Source::Sms).queue);
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].len() < 1024, "{}", bodies[0]);
}
