//! The process may be killed between any two steps of a mail as well. Whatever was accepted is handed to SES once
//! afterwards, or it is in `unknown_outcome`; its content is there before it is.

use std::time::Duration;

use axum::http::StatusCode;
use local::Source;
use local::fake_ses::{Answer, EventType};
use local::wire::Halt;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::{App, Business};
use crate::faults::at_every_call;

const ADA: &str = "ada@example.net";
/// Nothing is reported of a mail after SES took it.
const SILENT: [EventType; 0] = [];
/// A little more than a call may be in progress.
const IN_PROGRESS: Duration = Duration::from_secs(61);
/// Longer than a job is hidden that was handed out.
const HIDDEN: Duration = Duration::from_secs(400);

/// A call that queues one mail with an attachment and a body that is too long for the table.
fn call() -> Value {
    let mail = json!({
        "client_id": 7,
        "to_email": ADA,
        "subject": "Hello",
        "message": long_body(),
        "attachments": [{"filename": "a.txt", "content": "SGVsbG8="}],
    });
    json!({"category": "conversation", "messages": [mail]})
}

fn long_body() -> String {
    "x".repeat(200_001)
}

async fn queue(studio: &Business<'_>) -> u64 {
    let accepted = studio.post("/email/send", call()).await.ok();
    accepted["items"][0]["message_id"].as_u64().expect("a message id")
}

/// How often SES was asked to send something, accepted or not.
fn calls_of_ses(app: &App) -> usize {
    let sends = |operation: &&String| operation.starts_with("POST") && !operation.contains("identities");
    app.local.wire.operations("ses").iter().filter(sends).count()
}

/// SES has the mail once, and all of it.
fn is_sent_once_and_whole(app: &App, died: &str) {
    let mails = app.local.ses.mails();
    assert_eq!(mails.len(), 1, "{died}");
    assert_eq!(mails[0].text.as_deref().map(str::trim_end).map(str::len), Some(200_001), "{died}");
    assert_eq!(&mails[0].attachments[0].content[..], b"Hello", "{died}");
}

// The call that queues.

/// A call with an `Idempotency-Key` dies, and its caller repeats it: before or after the sweeper has come by.
async fn a_call_dies(n: usize, when: Halt, swept_before: bool) -> bool {
    let app = App::start().await;
    let studio = app.business().await;
    let first = app.local.router().oneshot(studio.routed("/email/send", Some("once"), &call()));
    let died = app.dies(n, when, first).await;

    app.clock.advance(IN_PROGRESS);
    if swept_before {
        app.sweep().await;
    }
    let repeated = studio.post_once("/email/send", "once", &call()).await.ok();
    app.sweep().await;

    let place = format!("died at {n}, {when:?}");
    is_sent_once_and_whole(&app, &place);
    assert_eq!(calls_of_ses(&app), 1, "{place}");
    let id = repeated["items"][0]["message_id"].as_u64().expect("a message id");
    assert_eq!(studio.status(id).await, "delivered", "{place}");
    assert_eq!(app.message_ids(studio.id).await, [(7, id)], "{place}");
    assert_eq!(app.local.storage.keys().expect("a folder").len(), 2, "{place}");
    died
}

#[tokio::test]
async fn a_call_with_content_that_died_and_is_repeated_under_its_key_sends_once() {
    at_every_call(7, async |n, when| a_call_dies(n, when, false).await).await;
}

#[tokio::test]
async fn a_call_with_content_that_died_and_is_repeated_after_the_sweeper_came_by_sends_once() {
    at_every_call(7, async |n, when| a_call_dies(n, when, true).await).await;
}

#[tokio::test]
async fn a_call_with_content_whose_connection_is_cut_is_answered_and_sends_once() {
    at_every_call(7, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let calling = app.local.router().oneshot(studio.routed("/email/send", Some("once"), &call()));
        let mut status = None;
        let cut = app.is_cut(n, when, async { status = Some(calling.await.unwrap().status()) }).await;
        assert_eq!(status, Some(StatusCode::OK), "cut at {n}, {when:?}");
        app.drain().await;
        is_sent_once_and_whole(&app, &format!("cut at {n}, {when:?}"));
        cut
    })
    .await;
}

#[tokio::test]
async fn what_a_call_without_a_key_stored_before_it_died_is_sent_once_and_is_whole() {
    at_every_call(5, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let calling = app.local.router().oneshot(studio.routed("/email/send", None, &call()));
        let died = app.dies(n, when, calling).await;
        let stored = app.message_ids(studio.id).await;

        app.clock.advance(IN_PROGRESS);
        app.sweep().await;

        assert_eq!(app.message_ids(studio.id).await, stored);
        match stored.as_slice() {
            [] => assert_eq!(calls_of_ses(&app), 0, "died at {n}, {when:?}"),
            [(7, id)] => {
                is_sent_once_and_whole(&app, &format!("died at {n}, {when:?}"));
                assert_eq!(studio.status(*id).await, "delivered");
            }
            more => panic!("{more:?}"),
        }
        died
    })
    .await;
}

// The sender.

/// What is more than a look.
fn changes_something(server: &str, operation: &str) -> bool {
    matches!(server, "sqs" | "ses") || operation == "TransactWriteItems"
}

/// A sender dies with one mail in its hands, at any of the calls that count. SES reports before or after the sweeper has
/// come by.
async fn a_sender_dies(
    n: usize,
    when: Halt,
    answer: Answer,
    reports_first: bool,
    counts: fn(&str, &str) -> bool,
) -> bool {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.ses.script(None, [answer.with_events(SILENT)]);
    app.local.ses.set_default_events(SILENT);
    let id = queue(&studio).await;
    app.local.wire.counts(counts);
    let died = app.dies(n, when, app.local.deliver_once(Source::Email)).await;

    let place = format!("died at {n}, {when:?}");
    let report = async || {
        for mail in app.local.ses.mails() {
            app.local
                .ses
                .send_events(&mail.id, [EventType::Send, EventType::Delivery])
                .await
                .expect("a mail");
        }
        app.drain().await;
    };
    if reports_first {
        report().await;
    }
    app.recover().await;
    report().await;

    let taken = app.local.ses.mails().len();
    let end = if taken == 0 { "unknown_outcome" } else { "delivered" };
    assert_eq!(studio.status(id).await, end, "{place}");
    if taken > 0 {
        is_sent_once_and_whole(&app, &place);
    }
    if taken == 0 {
        // A day later, nobody has sent it after all.
        app.live(Duration::from_secs(86_400), Duration::from_secs(43_200)).await;
        let end = (app.local.ses.mails().len(), studio.status(id).await);
        assert_eq!(end, (0, "delivery_unknown".to_owned()), "{place}");
    }
    died
}

#[tokio::test]
async fn a_sender_of_mail_that_dies_never_sends_twice_and_a_late_report_resolves_it() {
    let any = |_: &str, _: &str| true;
    at_every_call(8, async |n, when| a_sender_dies(n, when, Answer::accept(), false, any).await).await;
}

#[tokio::test]
async fn a_sender_of_mail_that_dies_never_sends_twice_and_a_prompt_report_resolves_it() {
    at_every_call(5, async |n, when| a_sender_dies(n, when, Answer::accept(), true, changes_something).await)
        .await;
}

#[tokio::test]
async fn a_sender_of_mail_that_dies_while_it_is_throttled_sends_once() {
    let throttled = || Answer::refuse("TooManyRequestsException");
    at_every_call(6, async |n, when| a_sender_dies(n, when, throttled(), false, changes_something).await)
        .await;
}

#[tokio::test]
async fn a_sender_of_mail_whose_connection_is_cut_sends_once_and_stores_what_it_learned() {
    at_every_call(5, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let id = queue(&studio).await;
        app.local.wire.counts(changes_something);
        let cut = app.is_cut(n, when, app.local.deliver_once(Source::Email)).await;
        app.drain().await;
        app.recover().await;

        let place = format!("cut at {n}, {when:?}");
        let taken = app.local.ses.mails().len();
        let end = if taken == 0 { "unknown_outcome" } else { "delivered" };
        assert_eq!(studio.status(id).await, end, "{place}");
        assert!(taken <= 1 && calls_of_ses(&app) <= 1, "{place}");
        let lost =
            app.local.wire.calls().iter().any(|call| call.server == "ses" && call.response_status.is_none());
        assert!(lost || taken == 1, "nothing but a lost answer of SES is a reason to give up: {place}");
        cut
    })
    .await;
}

#[tokio::test]
async fn a_mail_whose_job_is_handed_out_ten_times_at_once_is_sent_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = queue(&studio).await;
    let job = app.local.sqs.bodies(&app.local.feed(Source::Email).queue).remove(0);
    for _ in 0..9 {
        app.enqueue(&app.local.queue_url(Source::Email), &job).await;
    }

    app.drain().await;
    app.recover().await;

    assert_eq!((studio.status(id).await.as_str(), calls_of_ses(&app)), ("delivered", 1));
}

// The recorder.

/// A call that records a mail that is too large for a job, and a small one.
fn recording(studio: &Business<'_>) -> Value {
    let mail = |id: u64, message: &str| {
        json!({
            "message_id": id,
            "client_id": 7,
            "to_email": studio.email,
            "subject": "Hello",
            "message": message,
            "attachments": [{"filename": "a.bin", "content": "QUFB".repeat(100)}],
        })
    };
    json!({
        "category": "conversation",
        "sender_type": "client",
        "from_email": ADA,
        "messages": [mail(1, &long_body()), mail(2, "short")],
    })
}

async fn is_recorded_once(app: &App, studio: &Business<'_>, accepted: &Value, died: &str) {
    let request = accepted["request_id"].as_str().expect("a request id");
    let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
    assert_eq!(found["counts"], json!({"received": 2}), "{died}");
    assert_eq!(app.message_ids(studio.id).await.len(), 2, "{died}");
    assert_eq!(studio.client(7).await["unread_messages_count"], 2, "{died}");
    assert_eq!(found["messages"][0]["attachments"][0]["content"], Value::Null, "{died}");
    assert_eq!(calls_of_ses(app), 0, "{died}");
    // The body and two attachments; the recordings themselves are gone.
    let kept = app.local.storage.keys().expect("a folder");
    assert!(kept.len() == 3 && kept.iter().all(|key| key.starts_with("mail/")), "{kept:?}: {died}");
}

#[tokio::test]
async fn a_call_that_records_died_and_is_repeated_under_its_key_and_stores_everything_once() {
    at_every_call(7, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let body = recording(&studio);
        let calling = app.local.router().oneshot(studio.routed("/email/record", Some("once"), &body));
        let died = app.dies(n, when, calling).await;
        app.clock.advance(IN_PROGRESS);

        let accepted = studio.post_once("/email/record", "once", &body).await.ok();
        app.drain().await;

        is_recorded_once(&app, &studio, &accepted, &format!("died at {n}, {when:?}")).await;
        died
    })
    .await;
}

#[tokio::test]
async fn a_recorder_of_mail_that_dies_stores_everything_once() {
    at_every_call(6, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let accepted = studio.post("/email/record", recording(&studio)).await.ok();

        let died = app.dies(n, when, app.local.deliver_once(Source::Record)).await;
        app.clock.advance(HIDDEN);
        app.drain().await;

        is_recorded_once(&app, &studio, &accepted, &format!("died at {n}, {when:?}")).await;
        died
    })
    .await;
}
