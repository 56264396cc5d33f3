//! What is tried again, when, and by whom: every class of failure, and a person's retry.

use std::time::Duration;

use domain::Timestamp;
use futures_util::future::join_all;
use local::Source;
use local::fake_twilio::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};
use crate::faults::{REFUSAL, SILENT};

const ADA: &str = "+14155550123";
const MINUTE: Duration = Duration::from_secs(60);

/// When a message that waits is tried again, counted from its last change.
fn delay(message: &Value) -> Duration {
    let instant = |name: &str| Timestamp::parse(message[name].as_str().expect(name)).expect("an instant");
    instant("send_at").since(instant("updated_at"))
}

fn seconds(from: u64, to: u64) -> std::ops::RangeInclusive<Duration> {
    Duration::from_secs(from)..=Duration::from_secs(to)
}

/// Lets the delay of a waiting message pass.
async fn wait_out(app: &App, message: &Value) {
    app.clock.advance(delay(message) + Duration::from_secs(1));
    app.drain().await;
}

/// A text that Twilio refuses with this code.
async fn refused(app: &App, studio: &Business<'_>, code: u32) -> u64 {
    app.local.twilio.script(None, [Answer::refuse(code)]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    assert_eq!(studio.status(id).await, "failed");
    id
}

async fn retry(studio: &Business<'_>, id: u64) -> Answered {
    send(studio.request(Method::POST, &format!("/messages/{id}/retry"))).await
}

#[tokio::test]
async fn throttling_is_waited_out_with_growing_delays_and_charges_no_attempt() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::status(429), Answer::refuse(21611), Answer::status(429)]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    for range in [seconds(1, 2), seconds(2, 4), seconds(4, 8)] {
        let waiting = studio.message(id).await;
        assert_eq!((&waiting["status"], &waiting["attempt"]), (&json!("queued"), &json!(1)));
        assert_eq!(waiting["error_class"], "throttle");
        assert!(range.contains(&delay(&waiting)), "{:?} not in {range:?}", delay(&waiting));
        wait_out(&app, &waiting).await;
    }
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["attempt"]), (&json!("delivered"), &json!(1)));
    assert_eq!(message["error_class"], json!(null), "it was delivered after all");
    assert_eq!(app.sent_words(), ["Hello"]);
}

#[tokio::test]
async fn throttling_for_some_ten_hours_is_a_failure() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, vec![Answer::status(429); 200]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    let mut waited = Duration::ZERO;
    let mut message = studio.message(id).await;
    while message["status"] == "queued" {
        waited += delay(&message);
        wait_out(&app, &message).await;
        message = studio.message(id).await;
    }
    assert!(seconds(8 * 3600, 14 * 3600).contains(&waited), "{waited:?}");
    assert_eq!((&message["status"], &message["error_code"]), (&json!("failed"), &json!("20429")));
    assert_eq!((&message["attempt"], app.sent().len()), (&json!(1), 0));
}

#[tokio::test]
async fn trouble_at_twilio_is_tried_three_times_more_and_then_it_is_a_failure() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [500, 503, 500, 503].map(Answer::status));
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    for (attempt, range) in [(2, seconds(24, 36)), (3, seconds(240, 360)), (4, seconds(1440, 2160))] {
        let waiting = studio.message(id).await;
        assert_eq!((&waiting["status"], &waiting["attempt"]), (&json!("queued"), &json!(attempt)));
        assert_eq!(waiting["error_class"], "transient");
        assert!(range.contains(&delay(&waiting)), "{:?} not in {range:?}", delay(&waiting));
        // The last delay is beyond the queue's: the sweeper finds it.
        app.clock.advance(delay(&waiting) + 2 * MINUTE);
        app.sweep().await;
    }
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["attempt"]), (&json!("failed"), &json!(4)));
    app.live(24 * 60 * MINUTE, 60 * MINUTE).await;
    assert_eq!((app.calls_that_send(), app.sent().len()), (4, 0));
}

#[tokio::test]
async fn trouble_that_passes_is_sent_as_a_new_attempt() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::status(503)]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    wait_out(&app, &studio.message(id).await).await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["attempt"]), (&json!("delivered"), &json!(2)));
    assert_eq!(app.sent_words(), ["Hello"]);
}

#[tokio::test]
async fn a_twilio_that_cannot_be_reached_certainly_has_nothing_and_is_tried_again() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Hello").await;
    let nowhere = twilio::Client::new(twilio::Config {
        api_url: "http://127.0.0.1:1".to_owned(),
        account_sid: app.local.twilio_account.account_sid.clone(),
        auth_token: app.local.twilio_account.auth_token.clone(),
        public_base_url: app.local.origin.clone(),
    });
    let cut_off = sms_sender::Deps { twilio: nowhere, ..app.local.sender().clone() };
    sms_sender::handle(&cut_off, app.jobs(Source::Sms).remove(0)).await.unwrap();
    let waiting = studio.message(id).await;
    assert_eq!((&waiting["status"], &waiting["error_class"]), (&json!("queued"), &json!("transient")));

    wait_out(&app, &waiting).await;
    assert_eq!(studio.status(id).await, "delivered");
    assert_eq!(app.sent_words(), ["Hello"]);
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_sent_it_and_is_not_tried_again() {
    for answer in [Answer::drop_before(), Answer::status(502), Answer::status(504)] {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.script(None, [answer]);
        let id = studio.queue(7, ADA, "Hello").await;
        app.drain().await;
        assert_eq!(studio.status(id).await, "unknown_outcome");
        app.live(23 * 60 * MINUTE, 60 * MINUTE).await;
        assert_eq!(studio.status(id).await, "unknown_outcome");
        assert_eq!(retry(&studio, id).await.status, 409);
        app.live(2 * 60 * MINUTE, 60 * MINUTE).await;
        assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivery_unknown", 1));
    }
}

#[tokio::test]
async fn a_phone_that_cannot_be_reached_is_tried_again_after_half_an_hour() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::accept().with_callbacks([("undelivered", 30003)])]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    let waiting = studio.message(id).await;
    assert_eq!((&waiting["status"], &waiting["attempt"]), (&json!("queued"), &json!(2)));
    assert_eq!(waiting["error_code"], "30003");
    assert!(seconds(1800, 2160).contains(&delay(&waiting)), "{:?}", delay(&waiting));

    app.live(29 * MINUTE, MINUTE).await;
    assert_eq!(app.calls_that_send(), 1);
    app.live(15 * MINUTE, MINUTE).await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["attempt"]), (&json!("delivered"), &json!(2)));
    assert_eq!(app.calls_that_send(), 2);
}

#[tokio::test]
async fn late_reports_of_an_earlier_attempt_are_in_the_timeline_and_nothing_else() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    app.local.twilio.script(None, [Answer::accept().with_callbacks([("undelivered", 30003)])]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    let first = app.only_sid();
    let before = studio.message(id).await;

    app.report(&first, &["sent", "delivered"]).await;
    assert_eq!(studio.message(id).await, before, "while the second attempt waits");
    app.clock.advance(delay(&before) + 2 * MINUTE);
    app.sweep().await;
    app.report(&first, &["failed"]).await;
    assert_eq!(studio.status(id).await, "sending", "while the second attempt is under way");
    let second = app.local.twilio.outbox()[1].sid.clone();
    assert_eq!(studio.message(id).await["provider_message_id"], second);
    app.report(&second, &["sent", "delivered"]).await;

    assert_eq!(studio.status(id).await, "delivered");
    let ignored = studio.timeline(id).await.into_iter().filter(|(_, _, outcome)| outcome == "ignored");
    let ignored: Vec<String> = ignored.map(|(_, status, _)| status).collect();
    assert_eq!(ignored, ["sent", "delivered", "failed"]);
    assert_eq!(app.calls_that_send(), 2);
}

#[tokio::test]
async fn a_bad_address_is_never_tried_again_by_anybody() {
    let at_once = Answer::refuse(21211);
    let later = Answer::accept().with_callbacks([("undelivered", 30006)]);
    for (answer, status) in [(at_once, "failed"), (later, "undelivered")] {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.script(None, [answer]);
        let id = studio.queue(7, ADA, "Hello").await;
        app.drain().await;
        let message = studio.message(id).await;
        assert_eq!((&message["status"], &message["error_class"]), (&json!(status), &json!("address")));

        let refused = retry(&studio, id).await;
        assert_eq!(refused.bad_fields(), [r#"["path","message_id"]"#]);
        app.live(24 * 60 * MINUTE, 60 * MINUTE).await;
        assert_eq!(app.calls_that_send(), 1);
        assert_eq!(studio.status(id).await, status);
    }
}

#[tokio::test]
async fn client_who_opted_out_at_twilio_is_not_texted_from_any_number_until_start() {
    let at_once = Answer::refuse(21610);
    let later = Answer::accept().with_callbacks([("failed", 21610)]);
    for answer in [at_once, later] {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.script(None, [answer]);
        let first = studio.queue(7, ADA, "Hello").await;
        let waiting = studio.queue(8, ADA, "On its way already").await;
        app.drain().await;
        app.recover().await;
        let message = studio.message(first).await;
        assert_eq!((&message["status"], &message["error_class"]), (&json!("failed"), &json!("consent")));
        let calls = app.calls_that_send();

        let body = studio.send_body(&[(7, ADA, "Again"), (9, "+14155550199", "Somebody else")]);
        let accepted = studio.post("/sms/send", body).await.ok();
        assert_eq!(accepted["items"][0]["status"], "blocked");
        assert_eq!(accepted["items"][0]["message_id"], json!(null));
        assert_eq!(accepted["items"][1]["status"], "queued");
        app.drain().await;
        assert_eq!(app.calls_that_send(), calls + 1);
        assert_eq!(retry(&studio, first).await.bad_fields(), [r#"["path","message_id"]"#]);
        assert!(["blocked", "delivered"].contains(&studio.status(waiting).await.as_str()));

        app.onboard_number(&studio, "+14155550777").await;
        let mut body = studio.send_body(&[(7, ADA, "From elsewhere")]);
        body["from_phone_number"] = json!("+14155550777");
        let accepted = studio.post("/sms/send", body.clone()).await.ok();
        assert_eq!(accepted["items"][0]["status"], "blocked");
        app.text(ADA, "+14155550777", "START").await;
        let accepted = studio.post("/sms/send", body).await.ok();
        assert_eq!(accepted["items"][0]["status"], "queued");
    }
}

#[tokio::test]
async fn a_text_that_waits_while_its_reader_opts_out_is_blocked_and_not_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Hello").await;
    app.text(ADA, &studio.number, "STOP").await;
    app.drain().await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("blocked"), &json!("consent")));
    assert_eq!(app.calls_that_send(), 0);
}

#[tokio::test]
async fn a_person_may_retry_what_was_refused_for_content_or_configuration() {
    for (code, class) in [(21617, "content"), (30034, "configuration")] {
        let app = App::start().await;
        let studio = app.business().await;
        let id = refused(&app, &studio, code).await;
        assert_eq!(studio.message(id).await["error_class"], class);
        app.live(24 * 60 * MINUTE, 60 * MINUTE).await;
        assert_eq!(app.calls_that_send(), 1, "not by itself");

        let again = retry(&studio, id).await.ok();
        assert_eq!((&again["status"], &again["attempt"]), (&json!("queued"), &json!(2)));
        app.drain().await;
        let message = studio.message(id).await;
        assert_eq!((&message["status"], &message["attempt"]), (&json!("delivered"), &json!(2)));
        assert_eq!((&message["error_code"], &message["error_class"]), (&json!(null), &json!(null)));
        assert_eq!(app.sent_words(), ["Hello"]);
    }
}

#[tokio::test]
async fn of_twenty_retries_at_once_one_counts() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = refused(&app, &studio, 21617).await;
    let answers = join_all((0..20).map(|_| retry(&studio, id))).await;
    let mut codes: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    codes.sort_unstable();
    assert_eq!(codes, [vec![200], vec![409; 19]].concat());

    app.drain().await;
    app.recover().await;
    assert_eq!(studio.status(id).await, "delivered");
    assert_eq!(app.calls_that_send(), 2, "the refused one and one more");
}

#[tokio::test]
async fn a_retry_that_cannot_be_queued_is_taken_back_with_the_original_error() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = refused(&app, &studio, 21617).await;
    let before = studio.message(id).await;
    app.local.wire.fail("sqs", None, usize::MAX, 500, "");
    assert_eq!(retry(&studio, id).await.status, 503);
    app.local.wire.heal();
    let after = studio.message(id).await;
    for field in ["status", "error_code", "error_class", "error_reason", "send_at"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    app.recover().await;
    assert_eq!(app.calls_that_send(), 1);

    retry(&studio, id).await.ok();
    app.drain().await;
    assert_eq!(studio.status(id).await, "delivered");
    assert_eq!(app.calls_that_send(), 2);
}

#[tokio::test]
async fn only_a_failed_message_is_retried_at_either_path() {
    let app = App::start().await;
    let studio = app.business().await;
    let delivered = studio.queue(7, ADA, "Hello").await;
    assert_eq!(retry(&studio, delivered).await.status, 409, "still queued");
    app.drain().await;
    let conflict = retry(&studio, delivered).await;
    assert_eq!(conflict.status, 409);
    assert!(conflict.body.to_string().contains(r#""status":"delivered""#), "{}", conflict.body);
    assert_eq!(retry(&studio, 1).await.status, 404);

    let failed = refused(&app, &studio, 21617).await;
    let older = format!("/messages/{}/messages/{failed}/retry", studio.id);
    let request = app.anonymous(Method::POST, &older).header("X-API-KEY", &studio.key);
    assert_eq!(send(request).await.ok()["attempt"], 2);
    app.drain().await;
    assert_eq!(studio.status(failed).await, "delivered");
    assert_eq!(app.calls_that_send(), 3);
}

#[tokio::test]
async fn a_job_of_an_attempt_that_is_over_does_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::refuse(21617)]);
    let id = studio.queue(7, ADA, "Hello").await;
    let stale = app.jobs(Source::Sms).remove(0);
    app.drain().await;
    retry(&studio, id).await.ok();
    sms_sender::handle(app.local.sender(), stale.clone()).await.unwrap();
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("queued", 1));
    app.drain().await;
    sms_sender::handle(app.local.sender(), stale).await.unwrap();
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivered", 2));
}

#[tokio::test]
async fn a_table_that_is_away_leaves_the_job_on_the_queue() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Hello").await;
    app.local.wire.fail("dynamodb", None, usize::MAX, 400, REFUSAL);
    let batch = app.local.deliver_once(Source::Sms).await.unwrap().unwrap();
    assert_eq!(batch.batch_item_failures.len(), 1);
    app.local.wire.heal();
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("queued", 0));
    app.recover().await;
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivered", 1));
}

#[tokio::test]
async fn a_later_try_that_cannot_be_queued_is_left_to_the_sweeper() {
    for answer in [Answer::status(429), Answer::status(503)] {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.script(None, [answer]);
        let id = studio.queue(7, ADA, "Hello").await;
        app.local.wire.fail("sqs", Some("SendMessage"), usize::MAX, 400, REFUSAL);
        app.local.deliver_once(Source::Sms).await.unwrap();
        app.local.wire.heal();
        assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("queued", 1));
        app.live(10 * MINUTE, MINUTE).await;
        assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivered", 2));
        assert_eq!(app.sent_words(), ["Hello"]);
    }
}
