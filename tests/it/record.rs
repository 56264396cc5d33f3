//! Recording texts that another system carried.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, names, send};

const ADA: &str = "+14155550123";

/// A call that records what the business sent from a system of its own.
fn sent_elsewhere(studio: &Business<'_>, messages: Value) -> Value {
    json!({"category": "conversation", "from_phone_number": studio.number, "messages": messages})
}

/// A call that records what Ada sent.
fn received_elsewhere(studio: &Business<'_>, message: &str) -> Value {
    json!({
        "category": "conversation",
        "sender_type": "client",
        "from_phone_number": ADA,
        "messages": [{"client_id": 7, "to_phone_number": studio.number, "message": message}],
    })
}

fn text(message: &str) -> Value {
    json!({"client_id": 7, "to_phone_number": "(415) 555-0123", "message": message})
}

async fn of_request(studio: &Business<'_>, accepted: &Value) -> Value {
    let request = accepted["request_id"].as_str().expect("a request id");
    studio.get(&format!("/messages/requests/{request}")).await.ok()
}

/// Records and has the consumer store it. Returns the stored messages.
async fn recorded(app: &App, studio: &Business<'_>, body: Value) -> Vec<Value> {
    let accepted = studio.post("/sms/record", body).await.ok();
    app.drain().await;
    of_request(studio, &accepted).await["messages"].as_array().expect("messages").clone()
}

#[tokio::test]
async fn what_was_sent_elsewhere_is_stored_by_the_consumer_and_never_sent() {
    let app = App::start().await;
    let studio = app.business().await;

    let body = sent_elsewhere(&studio, json!([text("One"), text("Two")]));
    let accepted = studio.post("/sms/record", body).await.ok();

    assert_eq!(names(&accepted), ["items", "message", "request_id"]);
    assert_eq!(
        accepted["items"][1],
        json!({"index": 1, "message_id": null, "status": "sent", "error": null})
    );
    assert_eq!(of_request(&studio, &accepted).await["messages"], json!([]));
    app.drain().await;
    let stored = of_request(&studio, &accepted).await;
    assert_eq!(stored["request_id"], accepted["request_id"]);
    assert_eq!(stored["counts"], json!({"sent": 2}));
    let message = &stored["messages"][0];
    assert_eq!((&message["message"], &message["status"]), (&json!("One"), &json!("sent")));
    assert_eq!((&message["from_address"], &message["to_address"]), (&json!(studio.number), &json!(ADA)));
    assert_eq!((&message["direction"], &message["provider"]), (&json!("outbound"), &json!("external")));
    assert_eq!((&message["attempt"], &message["is_read"]), (&json!(0), &json!(true)));
    assert_eq!(stored["messages"][1]["message"], "Two");
    app.sweep().await;
    assert_eq!(app.calls_that_send(), 0);
}

#[tokio::test]
async fn one_id_of_the_other_system_is_recorded_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let with_id = |message: &str| {
        let mut body = received_elsewhere(&studio, message);
        body["messages"][0]["message_id"] = json!(77);
        body
    };
    let mut twice = with_id("Hello");
    twice["messages"] = json!([twice["messages"][0], twice["messages"][0]]);

    let first = recorded(&app, &studio, twice).await;
    let second = recorded(&app, &studio, with_id("Hello again")).await;

    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(second[0], first[0], "the call that repeats it finds the one that is stored");
    let ada = studio.client(7).await;
    assert_eq!(ada["unread_messages_count"], 1);
    assert_eq!(ada["last_message_content"], "Hello");
}

#[tokio::test]
async fn the_same_id_in_another_business_is_another_message() {
    let app = App::start().await;
    let (one, two) = (app.business().await, app.business().await);
    for studio in [&one, &two] {
        let mut body = received_elsewhere(studio, "Hello");
        body["messages"][0]["message_id"] = json!(77);

        assert_eq!(recorded(&app, studio, body).await.len(), 1);
    }
}

#[tokio::test]
async fn the_time_it_was_sent_gives_its_place_in_the_timeline() {
    let app = App::start().await;
    let studio = app.business().await;
    let newest = studio.queue(7, ADA, "Today").await;
    let at = |instant: &str, message: &str| {
        let mut body = sent_elsewhere(&studio, json!([text(message)]));
        body["sent_at"] = json!(instant);
        body
    };

    let older = recorded(&app, &studio, at("2026-01-30T09:00:00+01:00", "Yesterday")).await;
    let oldest = recorded(&app, &studio, at("2026-01-29T08:00:00Z", "The day before")).await;
    let future = recorded(&app, &studio, at("2027-01-29T08:00:00Z", "From a clock that is wrong")).await;

    let id = |messages: &[Value]| messages[0]["message_id"].as_u64().unwrap();
    assert!(id(&oldest) < id(&older) && id(&older) < newest && newest < id(&future));
    assert_eq!(older[0]["sent_at"], "2026-01-30T09:00:00+01:00");
    let ada = studio.client(7).await;
    assert_eq!(ada["last_message_id"], id(&future));
    // What omega sends afterwards comes after all of it.
    let next = studio.queue(7, ADA, "Next").await;
    assert!(next > id(&future));
    assert_eq!(studio.client(7).await["last_message_content"], "Next");
}

#[tokio::test]
async fn an_older_text_leaves_the_last_message_alone() {
    let app = App::start().await;
    let studio = app.business().await;
    let newest = studio.queue(7, ADA, "Today").await;
    let mut body = received_elsewhere(&studio, "Yesterday");
    body["sent_at"] = json!("2026-01-30T09:00:00Z");

    recorded(&app, &studio, body).await;

    let ada = studio.client(7).await;
    assert_eq!((&ada["last_message_id"], &ada["last_message_content"]), (&json!(newest), &json!("Today")));
    assert_eq!(ada["unread_messages_count"], 1);
}

#[tokio::test]
async fn a_text_from_the_client_is_unread_and_one_that_is_filled_in_later_is_not() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut history = received_elsewhere(&studio, "Long ago");
    history["historical"] = json!(true);
    history["sent_at"] = json!("2025-01-01T00:00:00Z");

    let old = recorded(&app, &studio, history).await;
    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    let new = recorded(&app, &studio, received_elsewhere(&studio, "Just now")).await;

    assert_eq!((&old[0]["is_read"], &new[0]["is_read"]), (&json!(true), &json!(false)));
    for message in [&old[0], &new[0]] {
        assert_eq!((&message["direction"], &message["status"]), (&json!("inbound"), &json!("received")));
        assert_eq!(message["from_address"], ADA);
        assert_eq!(message["to_address"], studio.number.as_str());
    }
    let ada = studio.client(7).await;
    assert_eq!((&ada["unread_messages_count"], &ada["status"]), (&json!(1), &json!("open")));
    assert_eq!(ada["client_phone_number"], ADA);
}

#[tokio::test]
async fn a_reply_to_a_text_that_was_sent_elsewhere_finds_its_client() {
    let app = App::start().await;
    let studio = app.business().await;
    recorded(&app, &studio, sent_elsewhere(&studio, json!([text("Hello")]))).await;

    app.text(ADA, &studio.number, "Who is it?").await;

    let ada = studio.client(7).await;
    assert_eq!(
        (&ada["unread_messages_count"], &ada["last_message_content"]),
        (&json!(1), &json!("Who is it?"))
    );
}

#[tokio::test]
async fn history_leaves_a_number_with_whom_it_leads_to() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/8", json!({"client_phone_number": ADA})).await.ok();
    let mut history = sent_elsewhere(&studio, json!([text("Hello, former owner")]));
    history["historical"] = json!(true);
    recorded(&app, &studio, history).await;

    app.text(ADA, &studio.number, "Who is it?").await;

    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    assert_eq!(studio.client(8).await["unread_messages_count"], 1);
}

#[tokio::test]
async fn what_the_other_system_says_is_kept_as_given() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({
        "category": "notification",
        "notification_type": "notification_reminder",
        "staff_id": 3,
        "provider": "twilio",
        "sent_by": 0,
        "sender_type": "system",
        "sent_at": "string",
        "from_phone_number": studio.number,
        "historical": "false",
        "messages": [{
            "message_id": 0,
            "client_id": 7,
            "wl_user_id": 0,
            "to_phone_number": ADA,
            "message": "x".repeat(5000),
            "status": "delivered",
            "provider_metadata": {"anything": [1, {"at": null}]},
        }],
    });

    let stored = recorded(&app, &studio, body).await;

    let message = &stored[0];
    assert_eq!((&message["sent_at"], &message["status"]), (&json!("string"), &json!("delivered")));
    assert_eq!((&message["provider"], &message["sender_type"]), (&json!("twilio"), &json!("system")));
    assert_eq!((&message["staff_id"], &message["sent_by"]), (&json!(3), &json!(0)));
    assert_eq!(message["notification_type"], "notification_reminder");
    assert_eq!(message["provider_metadata"], json!({"anything": [1, {"at": null}]}));
    assert_eq!(message["message"].as_str().unwrap().len(), 5000);
}

#[tokio::test]
async fn what_another_system_has_yet_to_send_is_reported_on_but_not_taken_back_or_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut body = sent_elsewhere(&studio, json!([text("Soon")]));
    body["messages"][0]["status"] = json!("queued");
    let id = recorded(&app, &studio, body).await[0]["message_id"].as_u64().unwrap();

    let canceled = studio.post(&format!("/messages/{id}/cancel"), json!({})).await;
    let reported = studio.post("/sms/status", json!({"message_id": id, "status": "failed"})).await.ok();
    let retried = studio.post(&format!("/messages/{id}/retry"), json!({})).await;

    assert_eq!((canceled.status, &canceled.body["current"]), (409, &json!({"status": "queued"})));
    assert_eq!(reported["applied"], true);
    assert_eq!(retried.bad_fields(), [r#"["path","message_id"]"#]);
    assert_eq!(app.calls_that_send(), 0);
}

#[tokio::test]
async fn a_bad_entry_is_refused_alone_and_its_field_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let bad = json!({"client_id": "x", "to_phone_number": ADA, "message": "Bad", "status": "gone"});

    let body = sent_elsewhere(&studio, json!([bad, 5, text("Good")]));
    let accepted = studio.post("/sms/record", body).await.ok();

    let statuses: Vec<&Value> =
        accepted["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, ["rejected", "rejected", "sent"]);
    let error = accepted["items"][0]["error"].as_str().unwrap();
    assert!(error.contains("client_id") && error.contains("status"), "{error}");
    app.drain().await;
    assert_eq!(of_request(&studio, &accepted).await["counts"], json!({"sent": 1}));
}

#[tokio::test]
async fn a_call_without_a_good_entry_is_refused_and_names_every_bad_field() {
    let app = App::start().await;
    let studio = app.business().await;
    let record = |body: Value| studio.post("/sms/record", body);

    let bad = json!({"provider": "pigeon", "messages": [{"to_phone_number": "+"}], "historical": "maybe"});
    let refused: Answered = record(bad).await;
    let none = record(sent_elsewhere(&studio, json!([]))).await;
    let too_many = record(sent_elsewhere(&studio, json!(vec![text("x"); 101]))).await;

    let mut named = refused.bad_fields();
    named.sort();
    let mut expected = [
        r#"["body","category"]"#,
        r#"["body","provider"]"#,
        r#"["body","from_phone_number"]"#,
        r#"["body","historical"]"#,
        r#"["body","messages",0,"client_id"]"#,
        r#"["body","messages",0,"to_phone_number"]"#,
        r#"["body","messages",0,"message"]"#,
    ];
    expected.sort_unstable();
    assert_eq!(named, expected);
    for refused in [none, too_many] {
        assert_eq!(refused.bad_fields(), [r#"["body","messages"]"#]);
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_queued_is_503_and_its_repetition_stores_each_text_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = received_elsewhere(&studio, "Hello");
    let call = || studio.request(Method::POST, "/sms/record").header("Idempotency-Key", "k").json(&body);
    app.local.wire.fail("sqs", None, usize::MAX, 500, "{}");

    let refused = send(call()).await;
    app.local.wire.heal();
    app.clock.advance(std::time::Duration::from_secs(61));
    let accepted = send(call()).await.ok();
    app.drain().await;

    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert_eq!(of_request(&studio, &accepted).await["messages"].as_array().unwrap().len(), 1);
    assert_eq!(studio.client(7).await["unread_messages_count"], 1);
}

#[tokio::test]
async fn metadata_is_kept_as_given_up_to_its_limit() {
    let app = App::start().await;
    let studio = app.business().await;
    let with = |words: usize| {
        let mut text = text("Hello");
        text["provider_metadata"] = json!({"words": "x".repeat(words)});
        text
    };

    let body = sent_elsewhere(&studio, json!([with(32_000), with(33_000)]));
    let accepted = studio.post("/sms/record", body).await.ok();
    app.drain().await;

    assert_eq!(accepted["items"][1]["status"], "rejected");
    assert!(
        accepted["items"][1]["error"].as_str().is_some_and(|error| error.starts_with("provider_metadata"))
    );
    let stored = of_request(&studio, &accepted).await;
    assert_eq!(stored["messages"].as_array().map(Vec::len), Some(1));
    assert_eq!(stored["messages"][0]["provider_metadata"]["words"].as_str().map(str::len), Some(32_000));
}
