//! What goes along with a mail, and bodies that are too long for the table.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::{App, Business, send};
use crate::email_sending::{call, calls_of_ses, longest_job, mail, one, queue, sent, statuses};
use crate::email_unsubscribing::{unsubscribe, unsubscribe_link};

/// Where the stand-in for SES serves a file: an origin that is trusted.
pub fn file_url(app: &App, name: &str) -> String {
    format!("{}/{name}", app.local.ses_url)
}

/// What is served at [`file_url`] from now on.
pub fn serve(app: &App, name: &str, times: usize, status: u16, content: &str) {
    app.local.wire.fail("ses", Some(&format!("GET /{name}")), times, status, content);
}

fn with_url(url: &str) -> Value {
    one(json!({"attachments": [{"filename": "plan.txt", "url": url}]}))
}

/// An answer that is not followed anywhere.
pub async fn get_there(studio: &Business<'_>, path: &str) -> (StatusCode, Option<String>) {
    let request = Request::get(format!("/omega/businesses/{}{path}", studio.id));
    let request = request.header("x-api-key", &studio.key).body(Body::empty()).expect("a request");
    let answer = studio.app.local.router().oneshot(request).await.expect("an answer");
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
    (answer.status(), location)
}

#[tokio::test]
async fn content_is_in_object_storage_before_its_mail_is_stored_or_queued() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();

    let files = json!([{"content": "SGVsbG8="}, {"content": "SGVs\r\nbG8=\n"}]);
    queue(&studio, one(json!({"attachments": files}))).await;

    let calls = app.local.wire.calls();
    let position = |found: &dyn Fn(&str) -> bool, server: &str| {
        calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.server == server && found(&call.operation))
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    let stored = position(&|_| true, "s3");
    let accepted = position(&|operation| operation == "TransactWriteItems", "dynamodb");
    let queued = position(&|_| true, "sqs");
    assert_eq!(stored.len(), 2);
    assert!(
        stored.last() < accepted.first() && accepted.last() < queued.first(),
        "{stored:?} {accepted:?} {queued:?}"
    );
    let keys = app.local.storage.keys().unwrap();
    for key in &keys {
        assert_eq!(app.local.storage.read(key).unwrap().as_deref(), Some(&b"Hello"[..]), "{key}");
    }
    assert!(longest_job(&app) < 1024);
}

#[tokio::test]
async fn an_attachment_is_fetched_from_its_address_when_the_mail_is_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    let url = file_url(&app, "sns/SimpleNotificationService-local.pem");

    let (id, mail) = sent(&app, &studio, with_url(&url)).await;

    assert_eq!(mail.attachments[0].filename.as_deref(), Some("plan.txt"));
    assert!(mail.attachments[0].content.starts_with(b"-----BEGIN CERTIFICATE"));
    let stored = studio.message(id).await;
    assert_eq!(
        stored["attachments"],
        json!([{"content": null, "content_id": null, "content_type": null, "filename": "plan.txt", "url": url}])
    );
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_attachment_that_can_never_be_fetched_fails_the_mail_and_says_why() {
    let app = App::start().await;
    let studio = app.business().await;
    serve(&app, "gone", 9, 404, "");
    serve(&app, "moved", 9, 302, "");
    serve(&app, "large", 9, 200, &"x".repeat(41 * 1024 * 1024));
    let table = [
        (file_url(&app, "gone"), "the server answered 404"),
        (file_url(&app, "moved"), "redirects to nowhere"),
        (file_url(&app, "large"), "too large"),
    ];
    for (url, why) in table {
        let id = queue(&studio, with_url(&url)).await;
        app.drain().await;

        let stored = studio.message(id).await;
        assert_eq!(
            (&stored["status"], &stored["error_class"]),
            (&json!("failed"), &json!("content")),
            "{url}"
        );
        let reason = stored["error_reason"].as_str().unwrap();
        assert!(reason.contains(why) && !reason.contains(&url), "{reason}");
        let told = studio.timeline(id).await;
        assert!(told.contains(&("sender".into(), "failed".into(), "applied".into())), "{told:?}");
    }
    assert_eq!((calls_of_ses(&app), app.local.ses.mails().len()), (0, 0));
}

#[tokio::test]
async fn a_mail_that_is_too_large_with_what_was_fetched_fails_and_says_so() {
    let app = App::start().await;
    let studio = app.business().await;
    serve(&app, "half", 9, 200, &"x".repeat(21 * 1024 * 1024));
    let file = json!({"url": file_url(&app, "half")});

    let id = queue(&studio, one(json!({"attachments": [file, file]}))).await;
    app.drain().await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["error_class"]), (&json!("failed"), &json!("content")));
    assert!(stored["error_reason"].as_str().unwrap().contains("too large"), "{stored}");
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn an_attachment_that_cannot_be_fetched_just_now_is_fetched_by_the_next_attempt() {
    let app = App::start().await;
    let studio = app.business().await;
    serve(&app, "plan", 1, 503, "");
    serve(&app, "plan", 9, 200, "Hello");
    let id = queue(&studio, with_url(&file_url(&app, "plan"))).await;
    app.drain().await;
    let waiting = studio.message(id).await;
    assert_eq!((&waiting["status"], &waiting["error_class"]), (&json!("queued"), &json!("transient")));
    assert!(waiting["error_reason"].as_str().unwrap().contains("the server answered 503"), "{waiting}");
    assert_eq!(calls_of_ses(&app), 0);

    app.clock.advance(Duration::from_secs(40));
    app.drain().await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["attempt"]), (&json!("delivered"), &json!(2)));
    let mails = app.local.ses.mails();
    assert_eq!((mails.len(), &mails[0].attachments[0].content[..]), (1, &b"Hello"[..]));
}

#[tokio::test]
async fn an_attachment_that_is_out_of_reach_for_too_long_fails_the_mail() {
    let app = App::start().await;
    let studio = app.business().await;
    serve(&app, "plan", usize::MAX, 503, "");
    let id = queue(&studio, with_url(&file_url(&app, "plan"))).await;
    app.drain().await;

    app.live(Duration::from_secs(3600), Duration::from_secs(600)).await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["error_class"]), (&json!("failed"), &json!("transient")));
    assert!(stored["error_reason"].as_str().unwrap().contains("503"), "{stored}");
    assert_eq!((&stored["attempt"], calls_of_ses(&app)), (&json!(4), 0));
}

#[tokio::test]
async fn an_attachment_is_downloaded_by_who_may_read_its_message_and_by_nobody_else() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    let file = json!({"filename": "a b.html", "content_type": "text/html", "content": "SGVsbG8="});
    let with_both = json!({"attachments": [file, {"url": file_url(&app, "elsewhere")}]});
    let id = queue(&studio, one(with_both)).await;
    let path = format!("/messages/{id}/attachments");

    let (status, location) = get_there(&studio, &format!("{path}/0")).await;

    assert_eq!(status, StatusCode::FOUND);
    let got = send(reqwest::Client::new().get(location.unwrap())).await;
    assert_eq!((got.status, &got.body), (200, &json!("Hello")));
    let disposition = got.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment") && disposition.contains("a b.html"), "{disposition}");
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    for none in ["1", "2", "-1", "x", "body", "00x"] {
        assert_eq!(get_there(&studio, &format!("{path}/{none}")).await.0, StatusCode::NOT_FOUND, "{none}");
    }
    assert_eq!(get_there(&studio, "/messages/1/attachments/0").await.0, StatusCode::NOT_FOUND);
    assert_eq!(get_there(&stranger, &format!("{path}/0")).await.0, StatusCode::NOT_FOUND);
    let foreign = format!("/businesses/{}{path}/0", studio.id);
    let with_foreign_key = app.anonymous(Method::GET, &foreign).header("X-API-KEY", &stranger.key);
    assert_eq!(send(with_foreign_key).await.status, 403);
    assert_eq!(send(app.anonymous(Method::GET, &foreign)).await.status, 401);
}

#[tokio::test]
async fn a_long_body_is_sent_whole_and_shown_by_its_beginning_and_a_link() {
    let app = App::start().await;
    let studio = app.business().await;
    let text = format!("Begin {} end", "\u{4e2d}".repeat(70_000));
    let html = "<p>html</p>";

    let (id, mail) = sent(&app, &studio, one(json!({"message": text, "html": html}))).await;

    assert_eq!(mail.text.as_deref().map(str::trim_end), Some(text.as_str()));
    assert_eq!(mail.html.as_deref().map(str::trim_end), Some(html));
    let stored = studio.message(id).await;
    let shown = stored["message"].as_str().unwrap();
    assert!(shown.chars().count() <= 2_000 && text.starts_with(shown), "{}", shown.len());
    assert_eq!(stored["html"], Value::Null);
    let url = stored["body_url"].as_str().unwrap();
    assert_eq!(url, format!("/omega/businesses/{}/messages/{id}/attachments/body", studio.id));
    let (status, location) = get_there(&studio, &format!("/messages/{id}/attachments/body")).await;
    assert_eq!(status, StatusCode::FOUND);
    let whole = send(reqwest::Client::new().get(location.unwrap())).await;
    assert_eq!(whole.body, json!({"text": text, "html": html}));
    assert!(whole.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(app.local.storage.keys().unwrap().len(), 1);
}

#[tokio::test]
async fn a_body_of_two_hundred_kilobytes_stays_with_its_message() {
    let app = App::start().await;
    let studio = app.business().await;
    let html = "x".repeat(200_000 - 1);

    let (id, _) = sent(&app, &studio, one(json!({"message": "y", "html": html}))).await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["html"], &stored["body_url"]), (&json!(html), &Value::Null));
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mail_whose_object_is_gone_fails_and_says_so() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = queue(&studio, one(json!({"attachments": [{"content": "SGVsbG8="}]}))).await;
    let key = app.local.storage.keys().unwrap().remove(0);
    let bucket = app.local.storage.bucket();
    let gone = reqwest::Client::new().delete(format!("{}/{bucket}/{key}", app.local.s3_endpoint));
    assert_ne!(send(gone).await.status, 204, "nobody removes an object without a signature");
    app.local.wire.fail("s3", None, 1, 404, "<Error><Code>NoSuchKey</Code></Error>");

    app.drain().await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["error_class"]), (&json!("failed"), &json!("content")));
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn what_came_with_a_mail_that_is_blocked_is_not_kept() {
    let app = App::start().await;
    let studio = app.business().await;
    let (_, first) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    unsubscribe(&unsubscribe_link(&first)).await;

    let files = json!({"attachments": [{"content": "SGVsbG8="}], "message": "x".repeat(300_000)});
    let refused = studio.post("/email/send", call("campaign", [mail(files)])).await.ok();

    assert_eq!(statuses(&refused), ["blocked"]);
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn without_object_storage_a_mail_with_content_is_refused_for_now_and_nothing_is_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();
    app.local.wire.fail("s3", None, usize::MAX, 503, "<Error><Code>SlowDown</Code></Error>");

    let refused = studio.post("/email/send", one(json!({"attachments": [{"content": "SGVsbG8="}]}))).await;

    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
    assert_eq!((app.writes(), longest_job(&app)), (Vec::new(), 0));
}

#[tokio::test]
async fn the_type_of_an_attachment_may_have_parameters() {
    let app = App::start().await;
    let studio = app.business().await;
    let file = json!({"filename": "a.csv", "content_type": "text/csv; charset=utf-8", "content": "SGVsbG8="});

    let (_, mail) = sent(&app, &studio, one(json!({"attachments": [file]}))).await;

    assert!(mail.attachments[0].content_type.starts_with("text/csv"), "{:?}", mail.attachments);
}
