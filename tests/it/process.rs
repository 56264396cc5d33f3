//! One entrance for a message of any channel.

use serde_json::{Value, json};

use crate::app::{App, Business, names};

const ADA: &str = "+14155550123";

async fn ada(studio: &Business<'_>) {
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
}

fn message(studio: &Business<'_>, text: &str) -> Value {
    json!({"business_id": studio.id, "channel": "sms", "client_id": 7, "message": text})
}

async fn process(studio: &Business<'_>, body: Value) -> crate::app::Answered {
    let call = studio.app.anonymous(reqwest::Method::POST, "/messages/process");
    crate::app::send(call.header("X-API-KEY", &studio.key).json(&body)).await
}

#[tokio::test]
async fn a_text_of_the_business_is_sent_to_the_number_in_the_directory() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(3, json!({"staff_name": "Zoë"})).await;
    ada(&studio).await;
    let mut body = message(&studio, "See you!");
    body["sender_type"] = json!("staff");
    body["staff_id"] = json!("3");
    body["category"] = Value::Null;

    let accepted = process(&studio, body).await.ok();

    assert_eq!(names(&accepted), ["items", "message", "request_id"]);
    assert_eq!(accepted["items"][0]["status"], "queued");
    app.drain().await;
    assert_eq!(app.sent(), [(ADA.to_owned(), "See you!".to_owned())]);
    let stored = studio.message(accepted["items"][0]["message_id"].as_u64().unwrap()).await;
    assert_eq!((&stored["staff_id"], &stored["sender_type"]), (&json!(3), &json!("staff")));
    assert_eq!(stored["category"], "conversation");
    assert_eq!(stored["request_id"], accepted["request_id"]);
}

#[tokio::test]
async fn a_text_of_the_client_is_recorded_and_nothing_is_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    ada(&studio).await;
    let mut body = message(&studio, "Hello");
    body["sender_type"] = json!("client");
    body["sent_at"] = json!("whenever");
    body["provider"] = json!("external");
    body["provider_metadata"] = json!({"source": "chat"});

    let accepted = process(&studio, body).await.ok();
    app.drain().await;

    assert_eq!(
        accepted["items"][0],
        json!({"index": 0, "message_id": null, "status": "received", "error": null})
    );
    let request = accepted["request_id"].as_str().unwrap();
    let stored = studio.get(&format!("/messages/requests/{request}")).await.ok();
    let stored = &stored["messages"][0];
    assert_eq!((&stored["direction"], &stored["sent_at"]), (&json!("inbound"), &json!("whenever")));
    assert_eq!((&stored["from_address"], &stored["to_address"]), (&json!(ADA), &json!(studio.number)));
    assert_eq!((&stored["provider"], &stored["segments"]), (&json!("external"), &Value::Null));
    assert_eq!(stored["provider_metadata"], json!({"source": "chat"}));
    assert_eq!(studio.client(7).await["unread_messages_count"], 1);
    assert_eq!(app.calls_that_send(), 0);
}

#[tokio::test]
async fn another_channel_is_refused_with_the_names_of_those_that_are_taken() {
    let app = App::start().await;
    let studio = app.business().await;
    ada(&studio).await;
    for channel in [json!("note"), json!("pigeon"), Value::Null] {
        let mut body = message(&studio, "Hello");
        body["channel"] = channel;

        let refused = process(&studio, body).await;

        assert_eq!(refused.bad_fields(), [r#"["body","channel"]"#]);
        assert!(refused.body["detail"][0]["msg"].as_str().unwrap().contains("'sms'"));
    }
}

#[tokio::test]
async fn another_business_in_the_body_is_forbidden_whether_it_exists_or_not() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    ada(&stranger).await;
    app.local.wire.clear();
    for business in [stranger.id, 999_999] {
        let mut body = message(&studio, "Hello");
        body["business_id"] = json!(business);

        let refused = process(&studio, body).await;

        assert_eq!((refused.status, refused.body), (403, json!({"detail": "Forbidden"})));
    }
    assert_eq!(app.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_client_without_a_known_number_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/8", json!({"client_name": "Without a phone"})).await.ok();
    for client in [json!(7), json!(8), Value::Null] {
        let mut body = message(&studio, "Hello");
        body["client_id"] = client;

        assert_eq!(process(&studio, body).await.bad_fields(), [r#"["body","client_id"]"#]);
    }
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({
        "channel": "fax", "wl_user_id": "a", "staff_id": [], "sender_type": "x", "category": "x",
        "notification_type": "x", "provider": "x", "message": "", "sent_at": 5, "provider_metadata": [],
    });

    let refused = process(&studio, body).await;

    let mut named = refused.bad_fields();
    named.sort();
    let mut expected: Vec<String> = [
        "business_id",
        "channel",
        "client_id",
        "wl_user_id",
        "staff_id",
        "sender_type",
        "category",
        "notification_type",
        "provider",
        "message",
        "sent_at",
        "provider_metadata",
    ]
    .map(|name| format!(r#"["body","{name}"]"#))
    .into();
    expected.sort();
    assert_eq!(named, expected);
}

#[tokio::test]
async fn a_client_who_opted_out_is_blocked() {
    let app = App::start().await;
    let studio = app.business().await;
    ada(&studio).await;
    app.text(ADA, &studio.number, "STOP").await;

    let accepted = process(&studio, message(&studio, "Hello")).await.ok();

    assert_eq!(accepted["items"][0]["status"], "blocked");
    app.drain().await;
    assert_eq!(app.sent(), []);
}
