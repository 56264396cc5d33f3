//! From which number a text leaves whose sender the caller did not name.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, send};

const ADA: &str = "+14155550123";
const BEN: &str = "+14155550124";
const B: &str = "+14155559000";
const C: &str = "+14155559001";

async fn studio_with_three(app: &App) -> Business<'_> {
    let studio = app.business().await;
    for number in [B, C] {
        app.onboard_number(&studio, number).await;
    }
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    studio
}

/// Sends a text to Ada and returns from where it left, and why.
async fn leaves(app: &App, studio: &Business<'_>, category: &str) -> (String, String) {
    let mut body = studio.send_body(&[(7, ADA, "Hello")]);
    body["category"] = json!(category);
    let accepted = studio.post("/sms/send", body).await.ok();
    app.drain().await;
    let message = studio.message(accepted["items"][0]["message_id"].as_u64().expect("an id")).await;
    let sent = app.local.twilio.outbox().pop().expect("a text");
    assert_eq!(message["from_address"], sent.from);
    (sent.from, message["from_reason"].as_str().unwrap_or("-").to_owned())
}

fn chosen(from: &str, reason: &str) -> (String, String) {
    (from.to_owned(), reason.to_owned())
}

#[tokio::test]
async fn reply_leaves_from_where_the_client_wrote_at_both_entrances() {
    let app = App::start().await;
    let studio = studio_with_three(&app).await;
    assert_eq!(leaves(&app, &studio, "notification").await, chosen(&studio.number, "default"));
    app.text(ADA, B, "Hi").await;
    for category in ["conversation", "notification", "campaign"] {
        assert_eq!(leaves(&app, &studio, category).await, chosen(B, "last_written_to"), "{category}");
    }
    let body = json!({"business_id": studio.id, "channel": "sms", "client_id": 7, "message": "Hi",
                      "sender_type": "staff"});
    let call = app.anonymous(Method::POST, "/messages/process").header("X-API-KEY", &studio.key);
    send(call.json(&body)).await.ok();
    app.drain().await;
    assert_eq!(app.local.twilio.outbox().pop().unwrap().from, B);
    app.text(ADA, C, "Or here").await;
    assert_eq!(leaves(&app, &studio, "conversation").await, chosen(C, "last_written_to"));
}

#[tokio::test]
async fn named_number_wins_and_is_the_last_used_for_a_client_who_never_wrote() {
    let app = App::start().await;
    let studio = studio_with_three(&app).await;
    let mut body = studio.send_body(&[(7, ADA, "Hello")]);
    body["from_phone_number"] = json!(C);
    let accepted = studio.post("/sms/send", body.clone()).await.ok();
    let id = accepted["items"][0]["message_id"].as_u64().unwrap();
    assert_eq!(studio.message(id).await["from_reason"], "named");
    app.drain().await;
    assert_eq!(leaves(&app, &studio, "conversation").await, chosen(C, "last_used"));
    app.text(ADA, B, "Hi").await;
    studio.post("/sms/send", body).await.ok();
    app.drain().await;
    assert_eq!(leaves(&app, &studio, "conversation").await, chosen(B, "last_written_to"));
}

#[tokio::test]
async fn texts_of_one_request_leave_each_from_the_number_of_its_client() {
    let app = App::start().await;
    let studio = studio_with_three(&app).await;
    studio.put("/clients/8", json!({"client_phone_number": BEN})).await.ok();
    app.text(ADA, B, "Hi").await;
    app.text(BEN, C, "Hi").await;
    let body = studio.send_body(&[(7, ADA, "Ada"), (8, BEN, "Ben"), (9, "+14155550125", "Eve")]);
    studio.post("/sms/send", body).await.ok();
    app.drain().await;
    let outbox = app.local.twilio.outbox();
    let mut sent: Vec<(&str, &str)> =
        outbox.iter().map(|message| (message.body.as_str(), message.from.as_str())).collect();
    sent.sort_unstable();
    assert_eq!(sent, [("Ada", B), ("Ben", C), ("Eve", studio.number.as_str())]);
}

#[tokio::test]
async fn client_of_a_location_gets_texts_from_its_number() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({"business_id": studio.id, "locations": [{"location_id": 3, "name": "Harbor"}],
                      "phone_numbers": [{"phone_number": B, "location_id": 3}]});
    send(app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
    app.set_up(studio.id).await;
    app.clock.advance(std::time::Duration::from_secs(6));
    studio.put("/clients/7", json!({"client_phone_number": ADA, "location_id": 3})).await.ok();
    assert_eq!(leaves(&app, &studio, "campaign").await, chosen(B, "location"));
}

#[tokio::test]
async fn business_with_one_number_sends_from_it_without_a_look() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    assert_eq!(leaves(&app, &studio, "conversation").await, chosen(&studio.number, "only"));
}

#[tokio::test]
async fn history_tells_nothing_of_the_sender_and_a_recorded_reply_does() {
    let app = App::start().await;
    let studio = studio_with_three(&app).await;
    let record = async |historical: bool, to: &str, sent_at: &str| {
        let messages = json!([{"client_id": 7, "to_phone_number": to, "message": "Hi"}]);
        let body = json!({"category": "conversation", "from_phone_number": ADA, "sender_type": "client",
                          "historical": historical, "sent_at": sent_at, "messages": messages});
        studio.post("/sms/record", body).await.ok();
        app.drain().await;
    };
    record(true, B, "2026-01-31T10:00:00Z").await;
    assert_eq!(leaves(&app, &studio, "conversation").await, chosen(&studio.number, "default"));
    record(false, B, "2026-01-31T11:00:00Z").await;
    assert_eq!(leaves(&app, &studio, "conversation").await, chosen(B, "last_written_to"));
    record(false, C, "2026-01-31T10:30:00Z").await;
    assert_eq!(leaves(&app, &studio, "conversation").await, chosen(B, "last_written_to"), "C was before B");
}

#[tokio::test]
async fn stranger_whom_the_directory_names_is_answered_from_where_they_wrote() {
    let app = App::start().await;
    let studio = app.business().await;
    app.onboard_number(&studio, B).await;
    app.text(ADA, B, "Hi").await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    assert_eq!(leaves(&app, &studio, "conversation").await, chosen(B, "last_written_to"));
}

#[tokio::test]
async fn number_being_set_up_is_not_chosen_and_naming_it_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({"business_id": studio.id, "phone_numbers": [{"phone_number": B}]});
    send(app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
    let mut named = studio.send_body(&[(7, ADA, "Hello")]);
    app.clock.advance(std::time::Duration::from_secs(6));
    named["from_phone_number"] = json!(B);
    assert_eq!(studio.post("/sms/send", named).await.bad_fields(), [r#"["body","from_phone_number"]"#]);
    let accepted = studio.post("/sms/send", studio.send_body(&[(7, ADA, "Hello")])).await.ok();
    let id = accepted["items"][0]["message_id"].as_u64().unwrap();
    assert_eq!(studio.message(id).await["from_address"], Value::String(studio.number.clone()));
}

#[tokio::test]
async fn choosing_a_number_costs_one_read_for_a_hundred_clients() {
    let app = App::start().await;
    let studio = studio_with_three(&app).await;
    let texts: Vec<(u64, String)> = (0..20).map(|n| (100 + n, format!("+1415555{:04}", 5000 + n))).collect();
    let body: Vec<(u64, &str, &str)> =
        texts.iter().map(|(client, to)| (*client, to.as_str(), "Hi")).collect();
    studio.post("/sms/send", studio.send_body(&body)).await.ok();
    app.clock.freeze();
    studio.get("/clients/7").await.ok();
    studio.post("/sms/preview", json!({"message": "Hi"})).await.ok();
    app.local.wire.clear();
    studio.post("/sms/send", studio.send_body(&body)).await.ok();
    let calls = app.local.wire.operations("dynamodb");
    assert_eq!(calls.iter().filter(|call| *call == "BatchGetItem").count(), 1, "{calls:?}");
    assert_eq!(calls.iter().filter(|call| *call == "TransactWriteItems").count(), 20);
}
