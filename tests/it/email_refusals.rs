//! What is refused when mail is queued, and in which words.

use axum::body::Body;
use axum::extract::Request;
use local::fake_ses::{Answer, Mail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::{Answered, App, Business, send};
use crate::email_sending::{ADA, BEN, SILENT, call, field, longest_job, mail, one, sent, statuses};

#[tokio::test]
async fn every_bad_field_of_a_mail_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let many = |count: usize| -> Vec<String> { (0..count).map(|n| format!("c{n}@example.net")).collect() };
    let file = |more: Value| json!({"attachments": [more]});
    let at = |name: &str| format!(r#"["body","messages",0,"attachments",0,"{name}"]"#);
    let element = |name: &str| format!(r#"["body","messages",0,"{name}",0]"#);
    let table = [
        (json!({"client_id": "x"}), field("client_id")),
        (json!({"to_email": "ada"}), field("to_email")),
        (json!({"to_email": "ada@localhost"}), field("to_email")),
        (json!({"to_email": "Ada <ada@example.net>"}), field("to_email")),
        (json!({"to_email": "ada@example.net\r\nBcc: eve@example.net"}), field("to_email")),
        (json!({"to_email": null}), field("to_email")),
        (json!({"subject": "One\r\nBcc: eve@example.net"}), field("subject")),
        (json!({"subject": "One\nTwo"}), field("subject")),
        (json!({"subject": "One\rTwo"}), field("subject")),
        (json!({"subject": "x".repeat(999)}), field("subject")),
        (json!({"subject": 5}), field("subject")),
        (json!({"message": ""}), field("message")),
        (json!({"message": " \n", "html": ""}), field("message")),
        (json!({"message": null}), field("message")),
        (json!({"html": 5}), field("html")),
        (json!({"cc_email": "ben@example.net"}), field("cc_email")),
        (json!({"cc_email": ["ben"]}), element("cc_email")),
        (json!({"bcc_email": [null]}), element("bcc_email")),
        (json!({"cc_email": many(50)}), field("cc_email")),
        (json!({"bcc_email": many(50)}), field("bcc_email")),
        (json!({"cc_email": many(26), "bcc_email": many(24)}), field("cc_email")),
        (json!({"attachments": {}}), field("attachments")),
        (file(json!({"filename": "a"})), at("content")),
        (file(json!({"content": "SGVsbG8=", "url": "https://example.com/a"})), at("url")),
        (file(json!({"content": "not base64!"})), at("content")),
        (file(json!({"content": "SGVsbG8"})), at("content")),
        (file(json!({"content": 5})), at("content")),
        (file(json!({"url": "http://example.com/a"})), at("url")),
        (file(json!({"url": "https://"})), at("url")),
        (file(json!({"url": "ftp://example.com/a"})), at("url")),
        (file(json!({"content": "SGVsbG8=", "content_type": "picture"})), at("content_type")),
        (file(json!({"content": "SGVsbG8=", "content_type": "text/plain\r\nX-A: b"})), at("content_type")),
        (file(json!({"content": "SGVsbG8=", "filename": "a\nb"})), at("filename")),
        (file(json!({"content": "SGVsbG8=", "filename": "x".repeat(256)})), at("filename")),
    ];
    app.local.wire.clear();
    for (more, named) in table {
        let refused = studio.post("/email/send", one(more.clone())).await;
        assert_eq!(refused.bad_fields(), [named], "{more}");
    }
    assert_eq!(app.writes(), Vec::<String>::new());
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn every_bad_field_around_the_mails_is_named_with_those_inside() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({
        "category": "spam",
        "notification_type": "x",
        "staff_id": [],
        "sent_by": -1,
        "sender_type": "robot",
        "from_email": "stranger@example.com",
        "send_at": "tomorrow",
        "expires_at": 5,
        "messages": [mail(json!({"to_email": "x"})), {"client_id": 1}, 5],
    });

    let refused = studio.post("/email/send", body).await;

    let mut named = refused.bad_fields();
    named.sort();
    let mut expected = [
        r#"["body","category"]"#,
        r#"["body","notification_type"]"#,
        r#"["body","staff_id"]"#,
        r#"["body","sent_by"]"#,
        r#"["body","sender_type"]"#,
        r#"["body","from_email"]"#,
        r#"["body","send_at"]"#,
        r#"["body","expires_at"]"#,
        r#"["body","messages",0,"to_email"]"#,
        r#"["body","messages",1,"to_email"]"#,
        r#"["body","messages",1,"subject"]"#,
        r#"["body","messages",1,"message"]"#,
        r#"["body","messages",2]"#,
    ];
    expected.sort_unstable();
    assert_eq!(named, expected);
}

#[tokio::test]
async fn a_mail_that_would_expire_before_it_begins_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut body = one(json!({}));
    body["send_at"] = json!("2026-02-01T12:00:00Z");
    body["expires_at"] = json!("2026-02-01T12:00:00Z");

    assert_eq!(studio.post("/email/send", body).await.bad_fields(), [r#"["body","expires_at"]"#]);
}

#[tokio::test]
async fn a_call_has_one_to_a_hundred_mails() {
    let app = App::start().await;
    let studio = app.business().await;
    let calls = |count: usize| studio.post("/email/send", call("campaign", vec![mail(json!({})); count]));

    for count in [0, 101] {
        assert_eq!(calls(count).await.bad_fields(), [r#"["body","messages"]"#]);
    }
    let missing = studio.post("/email/send", json!({"category": "campaign"})).await;
    assert_eq!(missing.bad_fields(), [r#"["body","messages"]"#]);
}

#[tokio::test]
async fn a_mail_goes_to_fifty_receivers_at_most_over_all_three_fields() {
    let app = App::start().await;
    let studio = app.business().await;
    let many = |from: usize, count: usize| -> Vec<String> {
        (from..from + count).map(|n| format!("c{n}@example.net")).collect()
    };

    app.local.ses.script(None, [Answer::accept().with_events(SILENT)]);
    let body = one(json!({"cc_email": many(0, 24), "bcc_email": many(24, 25)}));
    let (_, mail) = sent(&app, &studio, body).await;

    assert_eq!(mail.recipients().len(), 50);
}

#[tokio::test]
async fn a_bad_entry_is_refused_alone_and_the_good_ones_go_out() {
    let app = App::start().await;
    let studio = app.business().await;
    let bad = mail(json!({"to_email": "x", "attachments": [{"content": "?"}]}));
    let mails = [mail(json!({})), bad, json!("nonsense"), mail(json!({"client_id": 8, "to_email": BEN}))];

    let accepted = studio.post("/email/send", call("notification", mails)).await.ok();
    app.drain().await;

    assert_eq!(statuses(&accepted), ["queued", "rejected", "rejected", "queued"]);
    let error = accepted["items"][1]["error"].as_str().unwrap();
    assert!(error.contains("to_email") && error.contains("content"), "{error}");
    let mut receivers: Vec<String> = app.local.ses.mails().iter().flat_map(Mail::recipients).collect();
    receivers.sort();
    assert_eq!(receivers, [ADA, BEN]);
}

#[tokio::test]
async fn the_sender_is_the_mailbox_of_the_business_and_has_to_be_there() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    let from = |email: Value| {
        let mut body = one(json!({}));
        body["from_email"] = email;
        studio.post("/email/send", body)
    };
    for foreign in [json!(stranger.email), json!("x@example.com"), json!("x"), json!(5)] {
        assert_eq!(from(foreign).await.bad_fields(), [r#"["body","from_email"]"#]);
    }
    for own in [Value::Null, json!(studio.email)] {
        assert_eq!(statuses(&from(own).await.ok()), ["queued"]);
    }

    let onboard = app.platform(Method::POST, "/business/onboard").json(&json!({"business_id": 5}));
    let key = send(onboard).await.ok()["api_key"].as_str().unwrap().to_owned();
    let call = app.anonymous(Method::POST, "/businesses/5/email/send").header("X-API-KEY", key);
    assert_eq!(send(call.json(&one(json!({})))).await.bad_fields(), [r#"["body","from_email"]"#]);
}

/// A body with one attachment of so many bytes, as text: making it a value first would take longer than sending it.
fn with_attachment(bytes: usize) -> String {
    let body = one(json!({"attachments": [{"filename": "a.bin", "content": "CONTENT"}]})).to_string();
    body.replace("CONTENT", &"A".repeat(bytes / 3 * 4))
}

async fn post_text(studio: &Business<'_>, body: String) -> Answered {
    send(studio.request(Method::POST, "/email/send").header("content-type", "application/json").body(body))
        .await
}

#[tokio::test]
async fn a_mail_larger_than_ses_takes_is_refused_with_its_largest_field_and_nothing_is_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();

    // 31 MB are 41 MB as base64.
    let refused = post_text(&studio, with_attachment(31_500_000)).await;

    assert_eq!(refused.status, 413, "{}", refused.body);
    let said = refused.body["detail"].as_str().unwrap_or_default();
    assert!(said.contains("messages.0.attachments.0.content"), "{said}");
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
    assert_eq!((app.writes(), longest_job(&app)), (Vec::new(), 0));
}

#[tokio::test]
async fn a_mail_of_thirty_megabytes_is_accepted_and_only_its_ids_are_queued() {
    let app = App::start().await;
    let studio = app.business().await;

    let accepted = post_text(&studio, with_attachment(30_000_000)).await.ok();

    assert_eq!(statuses(&accepted), ["queued"]);
    assert!((1..1024).contains(&longest_job(&app)), "{}", longest_job(&app));
    let keys = app.local.storage.keys().unwrap();
    assert_eq!(keys.len(), 1);
    let stored = app.local.storage.read(&keys[0]).unwrap();
    assert_eq!(stored.map(|content| content.len()), Some(30_000_000));
    for item in app.items().await {
        assert!(format!("{item:?}").len() < 20_000);
    }
}

#[tokio::test]
async fn a_request_beyond_the_limit_of_its_route_is_too_large() {
    let app = App::start().await;
    let studio = app.business().await;
    let limit = (40 + 16) * 1024 * 1024;
    let request = Request::post(format!("/omega/businesses/{}/email/send", studio.id))
        .header("x-api-key", &studio.key)
        .body(Body::from(" ".repeat(limit + 1)))
        .unwrap();

    let answer = app.local.router().oneshot(request).await.unwrap();

    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
