//! Single messages: how one looks, what happened to it, taking it back, reporting on it, sending it again.

use local::fake_twilio::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, names, send, send_raw};

const ADA: &str = "+14155550123";

/// The fields of a message, sorted.
const MESSAGE: [&str; 46] = [
    "attachments",
    "attempt",
    "automated",
    "bcc_email",
    "body_url",
    "call",
    "category",
    "cc_email",
    "channel",
    "client_id",
    "conversation_id",
    "created_at",
    "delivered_at",
    "direction",
    "error_advice",
    "error_class",
    "error_code",
    "error_reason",
    "expires_at",
    "from_address",
    "from_reason",
    "html",
    "is_flagged",
    "is_read",
    "message",
    "message_id",
    "notification_type",
    "provider",
    "provider_message_id",
    "provider_metadata",
    "provider_status",
    "quote_starts_at",
    "recipients",
    "reply_to_email",
    "request_id",
    "segments",
    "send_at",
    "sender_type",
    "sent_at",
    "sent_by",
    "staff_id",
    "status",
    "subject",
    "suspicions",
    "to_address",
    "updated_at",
];

/// Queues a text for later, so that nobody claims it.
async fn scheduled(studio: &Business<'_>) -> u64 {
    let mut body = studio.send_body(&[(7, ADA, "Later")]);
    body["send_at"] = json!("2026-02-01T12:00:00Z");
    studio.post("/sms/send", body).await.ok()["items"][0]["message_id"].as_u64().expect("an id")
}

/// A text that Twilio took and says nothing more of.
async fn on_its_way(app: &App, studio: &Business<'_>) -> u64 {
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(["sent"])]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    id
}

/// A text that Twilio refused.
async fn refused(app: &App, studio: &Business<'_>, code: u32) -> u64 {
    app.local.twilio.script(Some(ADA), [Answer::refuse(code)]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    id
}

#[tokio::test]
async fn a_message_has_all_its_fields_from_the_first_moment() {
    let app = App::start().await;
    let studio = app.business().await;

    let id = studio.queue(7, ADA, "Hello").await;
    let queued = studio.message(id).await;
    app.drain().await;
    let delivered = studio.message(id).await;

    assert_eq!(names(&queued), MESSAGE);
    assert_eq!(names(&delivered), MESSAGE);
    assert_eq!(queued["message_id"], id);
    assert_eq!((&queued["client_id"], &queued["conversation_id"]), (&json!(7), &json!(7)));
    assert_eq!((&queued["channel"], &queued["provider"]), (&json!("sms"), &json!("twilio")));
    assert_eq!((&queued["direction"], &queued["segments"]), (&json!("outbound"), &json!(1)));
    let empty =
        ["attachments", "subject", "sent_at", "delivered_at", "send_at", "error_code", "provider_status"];
    for name in empty {
        assert_eq!(queued[name], Value::Null, "{name}");
    }
    for name in ["created_at", "updated_at", "delivered_at", "sent_at"] {
        let instant = delivered[name].as_str().unwrap_or_else(|| panic!("{name}"));
        assert_eq!((instant.len(), &instant[10..11], &instant[23..]), (24, "T", "Z"), "{name}");
    }
}

#[tokio::test]
async fn a_text_from_a_client_has_the_same_fields() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    app.text(ADA, &studio.number, "Hello").await;

    let id = studio.client(7).await["last_message_id"].as_u64().unwrap();
    let message = studio.message(id).await;

    assert_eq!(names(&message), MESSAGE);
    assert_eq!((&message["direction"], &message["status"]), (&json!("inbound"), &json!("received")));
    assert_eq!((&message["sender_type"], &message["is_read"]), (&json!("client"), &json!(false)));
    assert_eq!((&message["attempt"], &message["request_id"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn an_unknown_message_is_not_found_whatever_is_asked_of_it() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    let foreign = stranger.queue(7, ADA, "Secret").await;
    for id in [5, foreign] {
        let report = json!({"message_id": id, "status": "delivered"});
        let answers = [
            studio.get(&format!("/messages/{id}")).await,
            studio.get(&format!("/messages/{id}/events")).await,
            studio.post(&format!("/messages/{id}/cancel"), json!({})).await,
            studio.post(&format!("/messages/{id}/retry"), json!({})).await,
            studio.post("/sms/status", report).await,
        ];
        for answer in answers {
            assert_eq!((answer.status, answer.body), (404, json!({"detail": "message not found"})));
        }
    }
    assert_eq!(stranger.status(foreign).await, "queued");
}

#[tokio::test]
async fn an_id_in_a_path_is_a_number() {
    let app = App::start().await;
    let studio = app.business().await;
    for id in ["x", "-1", "1.5", "9007199254740992", "%20"] {
        let refused = studio.get(&format!("/messages/{id}")).await;
        assert_eq!(refused.bad_fields(), [r#"["path","message_id"]"#], "{id}");
    }
    assert_eq!(studio.get("/messages/%FF").await.bad_fields(), [r#"["path"]"#]);
}

#[tokio::test]
async fn the_timeline_tells_everything_that_was_reported_with_what_was_ignored() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(["delivered", "sent"])]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;

    let events = studio.get(&format!("/messages/{id}/events")).await.ok();

    let events = events.as_array().unwrap();
    for event in events {
        assert_eq!(
            names(event),
            ["at", "attempt", "error_code", "outcome", "provider_status", "reason", "source", "status"]
        );
        assert_eq!(event["attempt"], 1);
    }
    let ignored: Vec<_> = events.iter().filter(|event| event["outcome"] == "ignored").collect();
    assert_eq!(ignored.len(), 1);
    assert_eq!((&ignored[0]["source"], &ignored[0]["status"]), (&json!("provider"), &json!("sent")));
    assert_eq!(ignored[0]["provider_status"], "sent");
    assert!(ignored[0]["reason"].as_str().unwrap().contains("delivered"));
    assert!(events.iter().any(|event| event["source"] == "sender" && event["outcome"] == "applied"));
    let times: Vec<&str> = events.iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn a_text_that_nobody_claimed_is_taken_back() {
    let app = App::start().await;
    let studio = app.business().await;
    let queued = studio.queue(7, ADA, "Hello").await;
    for id in [scheduled(&studio).await, queued] {
        let canceled = studio.post(&format!("/messages/{id}/cancel"), json!({})).await.ok();

        assert_eq!(names(&canceled), ["applied", "message", "status", "success", "updated_count"]);
        assert_eq!((&canceled["success"], &canceled["applied"]), (&json!(true), &json!(true)));
        assert_eq!((&canceled["status"], &canceled["updated_count"]), (&json!("canceled"), &json!(1)));
        assert_eq!(studio.status(id).await, "canceled");
        assert_eq!(studio.timeline(id).await, [("api".into(), "canceled".into(), "applied".into())]);
    }
    app.clock.advance(std::time::Duration::from_secs(2 * 24 * 3600));
    app.drain().await;
    app.sweep().await;
    assert_eq!(app.sent(), []);
}

#[tokio::test]
async fn a_text_that_was_claimed_is_not_taken_back() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;

    let lost = studio.post(&format!("/messages/{id}/cancel"), json!({})).await;

    assert_eq!(lost.status, 409);
    assert!(lost.body["detail"].as_str().unwrap().contains("delivered"));
    assert_eq!(lost.body["current"], json!({"status": "delivered"}));
    let again = scheduled(&studio).await;
    studio.post(&format!("/messages/{again}/cancel"), json!({})).await.ok();
    let twice = studio.post(&format!("/messages/{again}/cancel"), json!({})).await;
    assert_eq!((twice.status, &twice.body["current"]["status"]), (409, &json!("canceled")));
}

#[tokio::test]
async fn of_twenty_who_take_back_one_wins_and_the_others_are_told() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = scheduled(&studio).await;
    let path = format!("/messages/{id}/cancel");

    let calls = (0..20).map(|_| studio.post(&path, json!({})));
    let mut answers: Vec<u16> =
        futures_util::future::join_all(calls).await.into_iter().map(|answer| answer.status).collect();

    answers.sort_unstable();
    assert_eq!((answers[0], &answers[1..]), (200, &[409; 19][..]));
}

#[tokio::test]
async fn a_report_from_outside_applies_once_and_never_backwards() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = on_its_way(&app, &studio).await;
    let report = |status: &str| {
        let body = json!({"message_id": id, "status": status, "provider_metadata": {"by": status}});
        studio.post("/sms/status", body)
    };

    let delivered = report("delivered").await.ok();
    let late = report("sent").await.ok();
    let repeated = report("delivered").await.ok();

    assert_eq!(names(&delivered), ["applied", "message", "status", "success", "updated_count"]);
    assert_eq!((&delivered["applied"], &delivered["status"]), (&json!(true), &json!("delivered")));
    assert_eq!(delivered["updated_count"], 1);
    for ignored in [late, repeated] {
        assert_eq!((&ignored["applied"], &ignored["status"]), (&json!(false), &json!("delivered")));
        assert_eq!((&ignored["success"], &ignored["updated_count"]), (&json!(true), &json!(0)));
    }
    let message = studio.message(id).await;
    assert_eq!(message["provider_metadata"], json!({"by": "delivered"}));
    assert!(message["delivered_at"].is_string());
    let timeline = studio.timeline(id).await;
    assert!(timeline.contains(&("api".into(), "delivered".into(), "applied".into())), "{timeline:?}");
    assert!(timeline.contains(&("api".into(), "sent".into(), "ignored".into())), "{timeline:?}");
}

#[tokio::test]
async fn a_report_in_unknown_words_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;

    let refused = studio.post("/sms/status", json!({"status": "gone", "provider_metadata": 5})).await;

    assert_eq!(
        refused.bad_fields(),
        [r#"["body","message_id"]"#, r#"["body","status"]"#, r#"["body","provider_metadata"]"#]
    );
}

#[tokio::test]
async fn a_failed_text_is_sent_again_on_request_over_either_path() {
    let app = App::start().await;
    let studio = app.business().await;
    let legacy = format!("/messages/{}/messages", studio.id);
    let current = format!("/businesses/{}/messages", studio.id);
    for base in [legacy, current] {
        let id = refused(&app, &studio, 21620).await;
        let retry = || {
            send(app.anonymous(Method::POST, &format!("{base}/{id}/retry")).header("X-API-KEY", &studio.key))
        };
        assert_eq!(studio.status(id).await, "failed");
        let before = app.sent().len();

        let again = retry().await.ok();
        let twice = retry().await;
        app.drain().await;

        assert_eq!((&again["status"], &again["attempt"]), (&json!("queued"), &json!(2)));
        assert_eq!((twice.status, &twice.body["current"]["status"]), (409, &json!("queued")));
        assert_eq!(app.sent().len(), before + 1);
        let message = studio.message(id).await;
        assert_eq!((&message["status"], &message["attempt"]), (&json!("delivered"), &json!(2)));
        assert_eq!((&message["error_code"], &message["error_reason"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_address_or_the_consent_is_not_sent_again() {
    let app = App::start().await;
    let studio = app.business().await;
    for (code, class) in [(21211, "address"), (21610, "consent")] {
        let id = refused(&app, &studio, code).await;
        assert_eq!(studio.message(id).await["error_class"], class);

        let answer = studio.post(&format!("/messages/{id}/retry"), json!({})).await;

        assert_eq!(answer.bad_fields(), [r#"["path","message_id"]"#]);
        assert!(answer.body["detail"][0]["msg"].as_str().unwrap().contains(class));
    }
}

#[tokio::test]
async fn a_text_that_has_not_failed_is_not_sent_again() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;

    let answer = studio.post(&format!("/messages/{id}/retry"), json!({})).await;

    assert_eq!((answer.status, &answer.body["current"]), (409, &json!({"status": "delivered"})));
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn the_messages_of_a_call_are_found_in_its_order_over_either_path() {
    let app = App::start().await;
    let studio = app.business().await;
    let texts = [(9, "+14155550129", "One"), (8, "+14155550128", "Two"), (9, "+14155550129", "Three")];
    let accepted = studio.post("/sms/send", studio.send_body(&texts)).await.ok();
    let request = accepted["request_id"].as_str().unwrap();
    let raw = async |base: String| {
        let path = format!("{base}/messages/requests/{request}");
        send_raw(app.anonymous(Method::GET, &path).header("X-API-KEY", &studio.key)).await
    };

    let current = raw(format!("/businesses/{}", studio.id)).await;
    let legacy = raw(format!("/messages/{}", studio.id)).await;

    assert_eq!(current, legacy);
    let found: Value = serde_json::from_str(&current.1).unwrap();
    assert_eq!(names(&found), ["counts", "messages", "request_id"]);
    assert_eq!(found["counts"], json!({"queued": 3}));
    let words: Vec<&Value> =
        found["messages"].as_array().unwrap().iter().map(|message| &message["message"]).collect();
    assert_eq!(words, ["One", "Two", "Three"]);
    assert_eq!(names(&found["messages"][0]), MESSAGE);
}

#[tokio::test]
async fn a_call_is_named_by_a_uuid_and_an_unknown_one_has_no_messages() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    let accepted = stranger.post("/sms/send", stranger.send_body(&[(7, ADA, "Secret")])).await.ok();
    let foreign = accepted["request_id"].as_str().unwrap();

    let bad = studio.get("/messages/requests/12").await;

    assert_eq!(bad.bad_fields(), [r#"["path","request_id"]"#]);
    for unknown in ["7b0b0f2e-5b2e-4f5c-9c3b-0a4f5b0e6a11", foreign] {
        let found = studio.get(&format!("/messages/requests/{unknown}")).await.ok();
        assert_eq!(found, json!({"request_id": unknown, "counts": {}, "messages": []}));
    }
}

#[tokio::test]
async fn a_preview_counts_as_the_provider_bills() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();
    let digits = |count: usize| "1".repeat(count);
    let pair = format!("{}€{}", "a".repeat(152), "a".repeat(152));
    let table = [
        (String::new(), "GSM-7", 0, 0),
        (digits(160), "GSM-7", 160, 1),
        (digits(161), "GSM-7", 161, 2),
        (digits(306), "GSM-7", 306, 2),
        (digits(307), "GSM-7", 307, 3),
        ("€".repeat(80), "GSM-7", 160, 1),
        ("€".repeat(152), "GSM-7", 304, 2),
        ("€".repeat(153), "GSM-7", 306, 3),
        (pair, "GSM-7", 306, 3),
        ("Ç".repeat(160), "GSM-7", 160, 1),
        ("ç".repeat(70), "UCS-2", 70, 1),
        ("ç".repeat(71), "UCS-2", 71, 2),
        (format!("😜{}", digits(68)), "UCS-2", 70, 1),
        (format!("😜{}", digits(133)), "UCS-2", 135, 3),
        (format!("🇮🇹{}", digits(67)), "UCS-2", 71, 2),
        ("It’s".to_owned(), "UCS-2", 4, 1),
        (digits(1601), "GSM-7", 1601, 11),
    ];
    app.local.wire.clear();
    for (text, encoding, units, segments) in table {
        let counted = studio.post("/sms/preview", json!({"message": text})).await.ok();

        assert_eq!(names(&counted), ["encoding", "non_gsm_characters", "segments", "units"]);
        assert_eq!(
            (&counted["encoding"], &counted["units"], &counted["segments"]),
            (&json!(encoding), &json!(units), &json!(segments)),
            "{text}"
        );
    }
    let named = studio.post("/sms/preview", json!({"message": "ça va 😜 ça`"})).await.ok();
    assert_eq!(named["non_gsm_characters"], json!(["ç", "😜", "`"]));
    assert_eq!(studio.post("/sms/preview", json!({})).await.bad_fields(), [r#"["body","message"]"#]);
    assert_eq!(app.local.wire.operations("sqs"), Vec::<String>::new());
}
