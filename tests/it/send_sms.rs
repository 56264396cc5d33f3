//! Queueing texts: what is accepted, what is refused and in which words, and what reaches the provider.

use std::collections::BTreeSet;

use domain::segments::MAX_CHARACTERS;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, names, send};

const ADA: &str = "+14155550123";
const BOB: &str = "+14155550124";

fn one(text: Value) -> Value {
    json!({"category": "conversation", "messages": [text]})
}

fn to_ada(text: &str) -> Value {
    json!({"client_id": 7, "to_phone_number": ADA, "message": text})
}

/// What became of each entry of an accepted call.
fn statuses(accepted: &Value) -> Vec<&str> {
    let items = accepted["items"].as_array().expect("items");
    items.iter().map(|item| item["status"].as_str().expect("a status")).collect()
}

#[tokio::test]
async fn a_bad_entry_is_refused_alone_and_the_good_ones_go_out() {
    let app = App::start().await;
    let studio = app.business().await;
    let messages = json!([
        {"client_id": 1, "to_phone_number": ADA, "message": "One"},
        {"client_id": 2, "to_phone_number": "12", "message": "Two"},
        {"client_id": "x", "to_phone_number": BOB},
        "nonsense",
        {"client_id": 5, "to_phone_number": BOB, "message": "Five"},
    ]);

    let accepted =
        studio.post("/sms/send", json!({"category": "notification", "messages": messages})).await.ok();

    assert_eq!(names(&accepted), ["items", "message", "request_id"]);
    assert_eq!(statuses(&accepted), ["queued", "rejected", "rejected", "rejected", "queued"]);
    for (index, item) in accepted["items"].as_array().unwrap().iter().enumerate() {
        assert_eq!(names(item), ["error", "index", "message_id", "status"]);
        assert_eq!(item["index"], index);
        assert_eq!(item["message_id"].is_u64(), item["status"] == "queued");
        assert_eq!(item["error"].is_string(), item["status"] == "rejected");
    }
    let error = |index: usize| accepted["items"][index]["error"].as_str().unwrap_or_default();
    assert!(error(1).contains("to_phone_number"), "{}", error(1));
    assert!(error(2).contains("client_id") && error(2).contains("message"), "{}", error(2));
    app.drain().await;
    let sent: BTreeSet<_> = app.sent().into_iter().collect();
    assert_eq!(sent, BTreeSet::from([(ADA.into(), "One".into()), (BOB.into(), "Five".into())]));
}

#[tokio::test]
async fn a_call_without_a_good_entry_is_refused_and_names_every_bad_field() {
    let app = App::start().await;
    let studio = app.business().await;
    let messages = json!([
        {"client_id": 1, "to_phone_number": "12", "message": "One"},
        {"client_id": -2, "message": "Two"},
        [],
    ]);
    app.local.wire.clear();

    let refused = studio.post("/sms/send", json!({"category": "campaign", "messages": messages})).await;

    assert_eq!(
        refused.bad_fields(),
        [
            r#"["body","messages",0,"to_phone_number"]"#,
            r#"["body","messages",1,"client_id"]"#,
            r#"["body","messages",1,"to_phone_number"]"#,
            r#"["body","messages",2]"#,
        ]
    );
    let entry = &refused.body["detail"][2];
    assert_eq!(names(entry), ["input", "loc", "msg", "type"]);
    assert_eq!((&entry["type"], &entry["msg"]), (&json!("missing"), &json!("Field required")));
    assert_eq!(entry["input"], json!({"client_id": -2, "message": "Two"}));
    assert_eq!(app.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn every_bad_field_around_the_texts_is_named_with_those_inside() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({
        "category": "spam",
        "notification_type": "opt in",
        "staff_id": "a",
        "sent_by": 1.5,
        "sender_type": "robot",
        "from_phone_number": "12",
        "send_at": "tomorrow",
        "expires_at": 5,
        "media_urls": ["https://example.com/a.png", "http://example.com/b.png"],
        "messages": [to_ada("Good"), {"client_id": 1, "to_phone_number": "12", "message": "Bad"}],
    });

    let refused = studio.post("/sms/send", body).await;

    let named: BTreeSet<String> = refused.bad_fields().into_iter().collect();
    let expected = [
        r#"["body","category"]"#,
        r#"["body","notification_type"]"#,
        r#"["body","staff_id"]"#,
        r#"["body","sent_by"]"#,
        r#"["body","sender_type"]"#,
        r#"["body","from_phone_number"]"#,
        r#"["body","send_at"]"#,
        r#"["body","expires_at"]"#,
        r#"["body","media_urls",1]"#,
        r#"["body","messages",1,"to_phone_number"]"#,
    ];
    assert_eq!(named, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn a_text_that_would_expire_before_it_begins_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut body = one(to_ada("Hello"));
    body["send_at"] = json!("2026-02-01T12:00:00Z");
    body["expires_at"] = json!("2026-02-01T12:00:00Z");

    let refused = studio.post("/sms/send", body).await;

    assert_eq!(refused.bad_fields(), [r#"["body","expires_at"]"#]);
}

#[tokio::test]
async fn a_call_has_one_to_a_hundred_texts() {
    let app = App::start().await;
    let studio = app.business().await;
    let call = |count: u64| {
        let text = |n: u64| json!({"client_id": n, "to_phone_number": format!("+1415555{:04}", 1000 + n), "message": "Hi"});
        json!({"category": "campaign", "messages": (0..count).map(text).collect::<Vec<_>>()})
    };

    let none = studio.post("/sms/send", call(0)).await;
    let too_many = studio.post("/sms/send", call(101)).await;
    let missing = studio.post("/sms/send", json!({"category": "campaign"})).await;
    let most = studio.post("/sms/send", call(100)).await.ok();

    for (refused, kind) in [(none, "too_short"), (too_many, "too_long"), (missing, "missing")] {
        assert_eq!(refused.bad_fields(), [r#"["body","messages"]"#]);
        assert_eq!(refused.body["detail"][0]["type"], kind);
    }
    assert_eq!(statuses(&most), ["queued"; 100]);
}

#[tokio::test]
async fn a_text_has_at_most_1600_characters_of_whatever_size() {
    let app = App::start().await;
    let studio = app.business().await;
    let longest = "ж".repeat(MAX_CHARACTERS);

    let accepted = studio.post("/sms/send", one(to_ada(&longest))).await.ok();
    let refused = studio.post("/sms/send", one(to_ada(&format!("{longest}ж")))).await;

    assert_eq!(statuses(&accepted), ["queued"]);
    assert_eq!(refused.bad_fields(), [r#"["body","messages",0,"message"]"#]);
    assert_eq!(refused.body["detail"][0]["type"], "string_too_long");
}

#[tokio::test]
async fn an_empty_text_needs_media_which_reach_the_provider() {
    let app = App::start().await;
    let studio = app.business().await;
    let media = ["https://example.com/a.png", "https://example.com/b.png?x=1"];
    let mut with_media = one(to_ada(""));
    with_media["media_urls"] = json!(media);

    let refused = studio.post("/sms/send", one(to_ada(" \n"))).await;
    let accepted = studio.post("/sms/send", with_media).await.ok();

    assert_eq!(refused.bad_fields(), [r#"["body","messages",0,"message"]"#]);
    app.drain().await;
    let sent = app.local.twilio.outbox();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].body.as_str(), &sent[0].media[..]), ("", &media.map(str::to_owned)[..]));
    let message = studio.message(accepted["items"][0]["message_id"].as_u64().unwrap()).await;
    assert_eq!(message["status"], "delivered");
    assert_eq!(message["attachments"][0]["url"], media[0]);
    assert_eq!(
        names(&message["attachments"][1]),
        ["content", "content_id", "content_type", "filename", "url"]
    );
}

#[tokio::test]
async fn media_are_up_to_ten_https_addresses() {
    let app = App::start().await;
    let studio = app.business().await;
    let with = |media: Value| {
        let mut body = one(to_ada("Look"));
        body["media_urls"] = media;
        studio.post("/sms/send", body)
    };
    let many = |count| json!(vec!["https://example.com/a.png"; count]);

    assert_eq!(with(many(11)).await.bad_fields(), [r#"["body","media_urls"]"#]);
    assert_eq!(with(json!("https://example.com")).await.bad_fields(), [r#"["body","media_urls"]"#]);
    let wrong =
        ["http://example.com/", "https://", "https://a@b.example/", "ftp://example.com/", "a.png", ""];
    for url in wrong {
        assert_eq!(with(json!([url])).await.bad_fields(), [r#"["body","media_urls",0]"#], "{url}");
    }
    for good in [many(10), many(0), Value::Null] {
        assert_eq!(statuses(&with(good).await.ok()), ["queued"]);
    }
}

#[tokio::test]
async fn digits_in_strings_are_integers_and_unknown_fields_are_ignored() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(3, json!({"staff_name": "Zoë"})).await;
    let body = json!({
        "category": "notification",
        "notification_type": "notification_booking_2",
        "staff_id": "3",
        "sent_by": "4",
        "sender_type": "staff",
        "colour": "red",
        "messages": [
            {"client_id": "7", "wl_user_id": "9", "to_phone_number": ADA, "message": "Hi", "size": {}},
        ],
    });

    let accepted = studio.post("/sms/send", body).await.ok();

    let message = studio.message(accepted["items"][0]["message_id"].as_u64().unwrap()).await;
    assert_eq!(message["client_id"], 7);
    assert_eq!((&message["staff_id"], &message["sent_by"]), (&json!(3), &json!(4)));
    assert_eq!(message["notification_type"], "notification_booking_2");
    assert_eq!(message["sender_type"], "staff");
    assert_eq!(message["category"], "notification");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_told_so() {
    let app = App::start().await;
    let studio = app.business().await;
    let post = |body: &'static str| send(studio.request(Method::POST, "/sms/send").body(body));

    let table = [
        ("{\"category\":", "json_invalid"),
        ("category=campaign", "json_invalid"),
        ("", "missing"),
        ("  \n", "missing"),
        ("[]", "model_attributes_type"),
        ("null", "model_attributes_type"),
    ];
    for (body, kind) in table {
        let refused = post(body).await;
        assert_eq!(refused.status, 422, "{body}");
        assert_eq!(refused.body["detail"][0]["type"], kind, "{body}");
        assert_eq!(refused.body["detail"][0]["loc"][0], "body", "{body}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(send(studio.request(Method::POST, "/sms/send").body(deep)).await.status, 422);
}

#[tokio::test]
async fn the_sender_is_a_number_of_the_business_and_the_default_when_none_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let second = "+14155559000";
    let body = json!({"business_id": studio.id, "phone_numbers": [{"phone_number": second}]});
    send(app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
    let stranger = app.business().await;
    let from = |number: Value| {
        let mut body = one(to_ada("Hello"));
        body["from_phone_number"] = number;
        studio.post("/sms/send", body)
    };

    for foreign in [stranger.number.as_str(), "+14155558888"] {
        assert_eq!(from(json!(foreign)).await.bad_fields(), [r#"["body","from_phone_number"]"#]);
    }
    for own in [Value::Null, json!("(415) 555-9000")] {
        assert_eq!(statuses(&from(own).await.ok()), ["queued"]);
        app.drain().await;
    }
    let senders: BTreeSet<String> =
        app.local.twilio.outbox().into_iter().map(|message| message.from).collect();
    assert_eq!(senders, BTreeSet::from([studio.number.clone(), second.to_owned()]));
}

#[tokio::test]
async fn a_business_without_a_number_has_to_name_one() {
    let app = App::start().await;
    let created =
        send(app.platform(Method::POST, "/business/onboard").json(&json!({"business_id": 5}))).await;
    let key = created.ok()["api_key"].as_str().unwrap().to_owned();

    let call = app.anonymous(Method::POST, "/businesses/5/sms/send").header("X-API-KEY", key);
    let refused = send(call.json(&one(to_ada("Hello")))).await;

    assert_eq!(refused.bad_fields(), [r#"["body","from_phone_number"]"#]);
}

/// One line, as people and systems write it.
const SPELLINGS: [&str; 20] = [
    "+14155550123",
    "14155550123",
    "4155550123",
    "(415) 555-0123",
    "(415)555-0123",
    "415-555-0123",
    "415.555.0123",
    "415 555 0123",
    "415/555/0123",
    "+1 (415) 555-0123",
    "1-415-555-0123",
    "+1.415.555.0123",
    "001 415 555 0123",
    "011 1 415 555 0123",
    "tel:+1-415-555-0123",
    "  +14155550123  ",
    "415\u{a0}555\u{a0}0123",
    "\u{202a}+1 415 555 0123\u{202c}",
    "４１５－５５５－０１２３",
    "٤١٥٥٥٥٠١٢٣",
];

#[tokio::test]
async fn however_a_number_is_written_it_is_one_address_and_its_reply_finds_the_client() {
    let app = App::start().await;
    let studio = app.business().await;
    let messages: Vec<Value> = SPELLINGS
        .iter()
        .map(|number| json!({"client_id": 7, "to_phone_number": number, "message": "Hello"}))
        .collect();

    let accepted =
        studio.post("/sms/send", json!({"category": "conversation", "messages": messages})).await.ok();

    assert_eq!(statuses(&accepted), ["queued"; 20]);
    app.drain().await;
    let reached: BTreeSet<String> = app.sent().into_iter().map(|(to, _)| to).collect();
    assert_eq!(reached, BTreeSet::from([ADA.to_owned()]));
    app.text(ADA, &studio.number, "It is me").await;
    let ada = studio.client(7).await;
    assert_eq!(ada["last_message_content"], "It is me");
    assert_eq!(ada["unread_messages_count"], 1);
}

#[tokio::test]
async fn the_directory_and_the_webhook_know_the_same_address_however_it_was_written() {
    let app = App::start().await;
    let studio = app.business().await;
    for (client, spelling) in (100..).zip(SPELLINGS) {
        let known =
            studio.put(&format!("/clients/{client}"), json!({"client_phone_number": spelling})).await.ok();
        assert_eq!(known["client_phone_number"], ADA, "{spelling}");

        app.text(ADA, &studio.number, "Hello").await;

        assert_eq!(studio.client(client).await["unread_messages_count"], 1, "{spelling}");
    }
}

#[tokio::test]
async fn whoever_opted_out_is_blocked_and_the_others_get_theirs() {
    let app = App::start().await;
    let studio = app.business().await;
    app.text(ADA, &studio.number, "STOP").await;

    let both = studio.send_body(&[(7, ADA, "Hello Ada"), (8, BOB, "Hello Bob")]);
    let accepted = studio.post("/sms/send", both).await.ok();

    assert_eq!(statuses(&accepted), ["blocked", "queued"]);
    let blocked = &accepted["items"][0];
    assert_eq!(blocked["message_id"], Value::Null);
    assert!(blocked["error"].as_str().unwrap().contains("opted out"));
    app.drain().await;
    assert_eq!(app.sent(), [(BOB.to_owned(), "Hello Bob".to_owned())]);
}

#[tokio::test]
async fn an_unknown_client_is_created_with_the_number() {
    let app = App::start().await;
    let studio = app.business().await;
    assert_eq!(studio.client(7).await, Value::Null);

    studio.queue(7, "(415) 555-0123", "Hello").await;

    let ada = studio.client(7).await;
    assert_eq!((&ada["client_id"], &ada["conversation_id"]), (&json!(7), &json!(7)));
    assert_eq!(ada["client_phone_number"], ADA);
    assert_eq!(ada["last_message_content"], "Hello");
    assert_eq!(ada["unread_messages_count"], 0);
}

#[tokio::test]
async fn a_text_for_later_is_scheduled_and_one_for_the_past_is_queued() {
    let app = App::start().await;
    let studio = app.business().await;
    let at = |instant: &str| {
        let mut body = one(to_ada("Hello"));
        body["send_at"] = json!(instant);
        studio.post("/sms/send", body)
    };

    let later = at("2026-01-31T14:00:00+01:00").await.ok();
    let past = at("2026-01-31T11:00:00Z").await.ok();

    assert_eq!((statuses(&later), statuses(&past)), (vec!["scheduled"], vec!["queued"]));
    let scheduled = studio.message(later["items"][0]["message_id"].as_u64().unwrap()).await;
    assert_eq!(scheduled["send_at"], "2026-01-31T13:00:00.000Z");
    app.drain().await;
    assert_eq!(app.sent().len(), 1);
}
