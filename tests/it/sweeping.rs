//! What happens because time passes: what was left behind, what is scheduled, what expires, what stays silent.

use std::time::Duration;

use domain::Timestamp;
use local::Source;
use local::fake_twilio::Answer;
use local::wire::Halt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, send};
use crate::faults::{REFUSAL, SILENT};

const ADA: &str = "+14155550123";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Queues a text with more fields in the call, and returns its id and its status in the answer.
async fn queue_with(studio: &Business<'_>, fields: Value) -> (u64, String) {
    let mut body = studio.send_body(&[(7, ADA, "Hello")]);
    body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    let accepted = studio.post("/sms/send", body).await.ok();
    let item = &accepted["items"][0];
    (
        item["message_id"].as_u64().expect("a message id"),
        item["status"].as_str().expect("a status").to_owned(),
    )
}

fn later(app: &App, by: Duration) -> Timestamp {
    app.clock.now().plus(by)
}

#[tokio::test]
async fn a_text_that_could_not_be_queued_is_accepted_and_the_sweeper_sends_it() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.fail("sqs", None, usize::MAX, 500, "");
    let id = studio.queue(7, ADA, "Hello").await;
    app.local.wire.heal();
    app.drain().await;
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("queued", 0));

    assert_eq!(app.sweep().await.queued, 0, "its job could still be on the way");
    app.clock.advance(MINUTE);
    assert_eq!(app.sweep().await.queued, 1);
    assert_eq!(studio.status(id).await, "delivered");
    app.live(HOUR, 5 * MINUTE).await;
    assert_eq!(app.calls_that_send(), 1);
}

#[tokio::test]
async fn a_sweeper_that_cannot_queue_leaves_it_to_the_next_ones() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.fail("sqs", None, usize::MAX, 400, REFUSAL);
    let id = studio.queue(7, ADA, "Hello").await;
    app.clock.advance(MINUTE);
    assert!(app.local.sweep().await.is_err());
    app.local.wire.heal();
    app.live(10 * MINUTE, MINUTE).await;
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivered", 1));
}

#[tokio::test]
async fn a_text_for_later_is_sent_once_when_its_time_comes() {
    let app = App::start().await;
    let studio = app.business().await;
    let at = later(&app, 3 * HOUR);
    let (id, status) = queue_with(&studio, json!({"send_at": at.to_string()})).await;
    assert_eq!((status.as_str(), studio.status(id).await.as_str()), ("scheduled", "scheduled"));
    assert_eq!(studio.message(id).await["send_at"], json!(at.to_string()));

    app.clock.advance(3 * HOUR - 2 * MINUTE);
    while app.calls_that_send() == 0 {
        assert!(later(&app, Duration::ZERO) < at.plus(2 * MINUTE), "it is late");
        app.clock.advance(MINUTE);
        app.sweep().await;
    }
    assert!(later(&app, Duration::ZERO) >= at, "it is early");
    assert_eq!(studio.status(id).await, "delivered");
    app.live(2 * HOUR, 5 * MINUTE).await;
    assert_eq!(app.calls_that_send(), 1);
}

#[tokio::test]
async fn a_text_for_soon_waits_on_the_queue_and_needs_no_sweeper() {
    let app = App::start().await;
    let studio = app.business().await;
    let at = later(&app, 10 * MINUTE);
    let (id, status) = queue_with(&studio, json!({"send_at": at.to_string()})).await;
    assert_eq!(status, "scheduled");
    assert_eq!(app.local.sqs.depth(&app.local.feed(Source::Sms).queue).delayed, 1);

    app.clock.advance(9 * MINUTE);
    app.drain().await;
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("scheduled", 0));
    app.clock.advance(MINUTE + Duration::from_secs(1));
    app.drain().await;
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivered", 1));
    app.live(HOUR, 5 * MINUTE).await;
    assert_eq!(app.calls_that_send(), 1);
}

#[tokio::test]
async fn a_text_for_later_can_be_taken_back_until_it_is_on_its_way() {
    let app = App::start().await;
    let studio = app.business().await;
    for wait in [10 * MINUTE, 3 * HOUR] {
        let (id, _) = queue_with(&studio, json!({"send_at": later(&app, wait).to_string()})).await;
        let cancel = format!("/messages/{id}/cancel");
        let canceled = send(studio.request(Method::POST, &cancel)).await.ok();
        assert_eq!((&canceled["applied"], &canceled["status"]), (&json!(true), &json!("canceled")));
        app.live(wait + 10 * MINUTE, 5 * MINUTE).await;
        assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("canceled", 0));
    }
    let (id, _) = queue_with(&studio, json!({})).await;
    app.drain().await;
    let late = send(studio.request(Method::POST, &format!("/messages/{id}/cancel"))).await;
    assert_eq!(late.status, 409, "{}", late.body);
    assert_eq!(studio.status(id).await, "delivered");
}

#[tokio::test]
async fn a_text_that_is_too_late_expires_and_is_never_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    let (now, _) = queue_with(&studio, json!({"expires_at": later(&app, 5 * MINUTE).to_string()})).await;
    let times =
        json!({"send_at": later(&app, HOUR).to_string(), "expires_at": later(&app, 2 * HOUR).to_string()});
    let (scheduled, _) = queue_with(&studio, times).await;

    app.clock.advance(6 * MINUTE);
    app.drain().await;
    assert_eq!(studio.status(now).await, "expired");
    app.clock.advance(3 * HOUR);
    app.sweep().await;
    let message = studio.message(scheduled).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("expired"), &json!("expiry")));
    app.live(HOUR, 10 * MINUTE).await;
    assert_eq!(app.calls_that_send(), 0);
}

#[tokio::test]
async fn a_retry_that_is_due_after_expiry_expires() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::status(503)]);
    let (id, _) =
        queue_with(&studio, json!({"expires_at": later(&app, Duration::from_secs(10)).to_string()})).await;
    app.drain().await;
    app.live(10 * MINUTE, MINUTE).await;
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("expired", 1));
}

#[tokio::test]
async fn after_a_day_of_silence_twilio_is_asked_once() {
    for (word, end) in [("delivered", "delivered"), ("undelivered", "undelivered"), ("queued", "sending")] {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.set_default_callbacks(SILENT);
        let id = studio.queue(7, ADA, "Hello").await;
        app.drain().await;
        app.report_in_vain(word).await;

        app.live(24 * HOUR - 10 * MINUTE, HOUR - Duration::from_secs(25)).await;
        assert_eq!((studio.status(id).await.as_str(), app.questions()), ("sending", 0));
        app.live(HOUR, 10 * MINUTE).await;
        assert_eq!((studio.status(id).await.as_str(), app.questions()), (end, 1));
        app.live(48 * HOUR, 2 * HOUR).await;
        assert_eq!((studio.status(id).await.as_str(), app.questions()), (end, 1));
        assert_eq!(app.calls_that_send(), 1);
    }
}

#[tokio::test]
async fn nobody_asks_about_a_text_that_has_ended() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    app.live(72 * HOUR, HOUR).await;
    assert_eq!(app.questions(), 0);
}

#[tokio::test]
async fn a_claim_that_runs_out_is_an_unknown_outcome() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    let id = studio.queue(7, ADA, "Hello").await;
    app.local.wire.counts(|_, operation| operation == "POST Messages");
    assert!(app.dies(0, Halt::Before, app.local.deliver_once(Source::Sms)).await);

    assert_eq!(app.sweep().await.given_up, 0, "the sender may still be at it");
    assert_eq!(studio.status(id).await, "sending");
    app.clock.advance(Duration::from_secs(91));
    assert_eq!(app.sweep().await.given_up, 1);
    let message = studio.message(id).await;
    assert_eq!(
        (&message["status"], &message["error_class"]),
        (&json!("unknown_outcome"), &json!("ambiguous"))
    );
    app.live(25 * HOUR, HOUR).await;
    assert_eq!((studio.status(id).await.as_str(), app.sent().len()), ("delivery_unknown", 0));
    assert_eq!(app.questions(), 3, "the first one was an hour late");
}

#[tokio::test]
async fn the_timeline_says_what_asking_brought() {
    for (word, reason) in [
        ("delivered", None),
        ("sent", Some("Twilio was asked once, and this was its last word.")),
        ("queued", Some("Twilio was asked and had nothing new.")),
    ] {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.set_default_callbacks(SILENT);
        let id = studio.queue(7, ADA, "Hello").await;
        app.drain().await;
        app.report_in_vain(word).await;
        app.clock.advance(24 * HOUR);
        app.sweep().await;
        let events = studio.get(&format!("/messages/{id}/events")).await.ok();
        let asked = events.as_array().unwrap().iter().find(|event| event["status"].is_null());
        assert_eq!(asked.and_then(|event| event["reason"].as_str()), reason, "{word}: {events}");
    }
}
