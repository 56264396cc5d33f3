//! A message whose provider's answer was lost: how long omega asks about it, how it ends, and what a person can do.

use std::time::Duration;

use domain::Timestamp;
use domain::id::MessageRef;
use domain::job::{Job, Work};
use futures_util::future::join_all;
use local::Source;
use local::fake_ses::EventType;
use local::fake_twilio::Answer;
use local::wire::Halt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};
use crate::email_sending::{BEN, calls_of_ses, one, queue as queue_mail};
use crate::faults::{REFUSAL, SILENT, at_every_call};

const ADA: &str = "+14155550123";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn order(studio: &Business<'_>, id: u64, what: &str) -> Answered {
    send(studio.request(Method::POST, &format!("/messages/{id}/{what}"))).await
}

/// A text that never gets to Twilio, and nobody knows.
async fn lost(app: &App, studio: &Business<'_>) -> u64 {
    app.local.twilio.script(None, [Answer::drop_before()]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    assert_eq!(studio.status(id).await, "unknown_outcome");
    id
}

/// A text that Twilio has and omega cannot find there, since Twilio has another one with the same words.
async fn taken(app: &App, studio: &Business<'_>) -> (u64, String) {
    let silent = || Answer::drop_after().with_callbacks(SILENT);
    app.local.twilio.script(None, [silent(), silent()]);
    let first = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    studio.queue(8, ADA, "Hello").await;
    app.drain().await;
    (first, app.local.twilio.outbox()[0].sid.clone())
}

/// Runs the sweeper after a claim ran out and after each look-up is due, for a little more than a day.
async fn a_day(app: &App) {
    for minutes in [2, 16, 45, 180, 1200, 10] {
        app.clock.advance(minutes * MINUTE);
        app.sweep().await;
    }
}

fn ending(message: &Value) -> (&str, &str, &str) {
    let text = |name: &str| message[name].as_str().unwrap_or_default();
    (text("status"), text("error_class"), text("error_reason"))
}

#[tokio::test]
async fn a_text_that_twilio_does_not_know_is_asked_after_four_times_in_a_day_and_ends() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = lost(&app, &studio).await;
    for (until, questions) in [(14, 0), (16, 1), (59, 1), (61, 2), (239, 2), (241, 3), (1439, 3)] {
        let since = Timestamp::parse(studio.message(id).await["updated_at"].as_str().unwrap()).unwrap();
        let passed = app.clock.now().since(since);
        app.clock.advance((until * MINUTE).saturating_sub(passed));
        app.sweep().await;
        assert_eq!((app.questions(), studio.status(id).await.as_str()), (questions, "unknown_outcome"));
    }
    app.clock.advance(2 * MINUTE);
    app.sweep().await;

    let message = studio.message(id).await;
    let (status, class, reason) = ending(&message);
    assert_eq!((app.questions(), status, class), (4, "delivery_unknown", "ambiguous"));
    assert!(
        reason.contains("Twilio knows nothing of this text. Twilio was asked 4 times until 20"),
        "{reason}"
    );
    assert!(reason.ends_with("It may have been sent."), "{reason}");
    let timeline = studio.timeline(id).await;
    let ends = timeline.iter().filter(|(_, status, _)| status == "delivery_unknown").count();
    assert_eq!((ends, timeline.iter().filter(|(_, _, outcome)| outcome == "ignored").count()), (1, 3));

    // Nobody asks on, and nothing is sent by itself.
    app.live(3 * DAY, 6 * HOUR).await;
    assert_eq!((app.questions(), app.calls_that_send()), (4, 1));
    assert_eq!(studio.message(id).await, message);
}

#[tokio::test]
async fn the_messages_of_a_request_whose_delivery_is_unknown_are_listed() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(Some(ADA), [Answer::drop_before()]);
    let body = studio.send_body(&[(7, ADA, "Hello"), (8, "+14155550124", "Hello")]);
    let accepted = studio.post("/sms/send", body).await.ok();
    app.drain().await;
    a_day(&app).await;
    let path = format!("/messages/requests/{}", accepted["request_id"].as_str().unwrap());
    let of_status = async |status: &str| studio.get(&format!("{path}?status={status}")).await;
    let unknown = of_status("delivery_unknown").await.ok();
    assert_eq!(unknown["counts"], json!({"delivered": 1, "delivery_unknown": 1}));
    let listed: Vec<&Value> =
        unknown["messages"].as_array().unwrap().iter().map(|m| &m["client_id"]).collect();
    assert_eq!(listed, [&json!(7)]);
    assert_eq!(studio.get(&path).await.ok()["messages"].as_array().unwrap().len(), 2);
    assert_eq!(of_status("lost").await.bad_fields(), [r#"["query","status"]"#]);
}

#[tokio::test]
async fn a_late_report_moves_a_text_whose_delivery_is_unknown() {
    for (words, end) in [
        (vec!["sent"], "sent"),
        (vec!["sent", "delivered"], "delivered"),
        (vec!["delivered", "sent"], "delivered"),
        (vec!["undelivered"], "undelivered"),
        (vec!["failed"], "failed"),
    ] {
        let app = App::start().await;
        let studio = app.business().await;
        let (id, sid) = taken(&app, &studio).await;
        a_day(&app).await;
        let message = studio.message(id).await;
        let (status, _, reason) = ending(&message);
        assert_eq!((status, app.calls_that_send()), ("delivery_unknown", 2));
        assert!(reason.starts_with("Twilio has several texts with these words"), "{reason}");

        app.report(&sid, &words).await;
        assert_eq!(studio.status(id).await, end, "{words:?}");
        assert_eq!(studio.message(id).await["provider_message_id"], sid);
        a_day(&app).await;
        assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), (end, 2));
    }
}

#[tokio::test]
async fn a_text_that_a_first_look_up_cannot_tell_is_found_by_a_later_one() {
    let app = App::start().await;
    let studio = app.business().await;
    let (first, _) = taken(&app, &studio).await;
    app.live(30 * MINUTE, 15 * MINUTE).await;
    assert_eq!(studio.status(first).await, "unknown_outcome");
    // A report of the other one leaves this as the only one that it can be.
    let other = app.local.twilio.outbox()[1].sid.clone();
    app.report(&other, &["sent", "delivered"]).await;
    app.live(HOUR, 15 * MINUTE).await;
    assert_eq!(studio.status(first).await, "sent");
    a_day(&app).await;
    assert_eq!(studio.status(first).await, "sent");
}

#[tokio::test]
async fn a_person_retries_a_text_whose_delivery_is_unknown_and_is_told_the_risk() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, first) = taken(&app, &studio).await;
    a_day(&app).await;

    let ordered = order(&studio, id, "retry").await.ok();
    assert_eq!((&ordered["status"], &ordered["attempt"]), (&json!("queued"), &json!(2)));
    assert!(ordered["message"].as_str().unwrap().contains("the client may get it twice"), "{ordered}");
    app.drain().await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_reason"]), (&json!("delivered"), &Value::Null));
    app.report(&first, &["failed"]).await;
    assert_eq!(studio.status(id).await, "delivered", "a report of the first attempt changes nothing");
    assert_eq!(app.calls_that_send(), 3);
    assert_eq!(order(&studio, id, "retry").await.status, 409);
}

#[tokio::test]
async fn two_retries_at_once_are_one_attempt() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = lost(&app, &studio).await;
    a_day(&app).await;
    let mut statuses: Vec<u16> = join_all((0..4).map(|_| order(&studio, id, "retry")))
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    app.drain().await;
    assert_eq!((app.sent().len(), studio.status(id).await.as_str()), (1, "delivered"));
}

#[tokio::test]
async fn the_second_attempt_is_not_taken_for_the_first_one_when_its_answer_is_lost_as_well() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, _) = taken(&app, &studio).await;
    a_day(&app).await;
    order(&studio, id, "retry").await.ok();
    app.local.twilio.script(None, [Answer::drop_before()]);
    app.drain().await;
    assert_eq!(studio.status(id).await, "unknown_outcome");
    a_day(&app).await;
    let message = studio.message(id).await;
    let (status, _, reason) = ending(&message);
    assert_eq!((status, &message["attempt"]), ("delivery_unknown", &json!(2)));
    assert!(reason.contains("Twilio was asked 4 times"), "counted anew: {reason}");
}

#[tokio::test]
async fn while_the_outcome_is_unknown_a_retry_and_a_cancel_are_told_until_when() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = lost(&app, &studio).await;
    let until = app.clock.now().plus(DAY).to_string();
    app.live(HOUR, 15 * MINUTE).await;
    for what in ["retry", "cancel"] {
        let refused = order(&studio, id, what).await;
        assert_eq!(refused.status, 409);
        let text = refused.body.to_string();
        assert!(text.contains(r#""status":"unknown_outcome""#), "{text}");
        assert!(text.contains(&format!(r#""unknown_until":"{}"#, &until[..19])), "{until}: {text}");
        assert!(text.contains("omega asks Twilio about it until"), "{text}");
    }
    a_day(&app).await;
    let refused = order(&studio, id, "cancel").await;
    assert_eq!(refused.status, 409);
    assert!(refused.body.to_string().contains("message is delivery_unknown and cannot be canceled any more"));
    assert_eq!(studio.status(id).await, "delivery_unknown");
}

#[tokio::test]
async fn a_retry_that_cannot_be_queued_leaves_the_message_open_to_a_late_report() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, sid) = taken(&app, &studio).await;
    a_day(&app).await;
    let before = studio.message(id).await;
    app.local.wire.fail("sqs", None, usize::MAX, 400, REFUSAL);
    assert_eq!(order(&studio, id, "retry").await.status, 503);
    app.local.wire.heal();
    let after = studio.message(id).await;
    for name in ["status", "attempt", "error_class", "error_reason"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    app.report(&sid, &["delivered"]).await;
    assert_eq!(studio.status(id).await, "delivered");
}

#[tokio::test]
async fn a_twilio_that_cannot_be_asked_holds_a_text_up_for_two_days_at_most() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = lost(&app, &studio).await;
    app.local.wire.fail("twilio", None, usize::MAX, 401, "{}");
    // Jobs that ask in vain become dead letters, so the queues are worked on without a look at those.
    let live = async |steps: u32, step: Duration| {
        for _ in 0..steps {
            app.clock.advance(step);
            app.local.sweep().await.unwrap();
            app.local.drain().await.unwrap();
        }
    };
    live(47, HOUR).await;
    assert_eq!(studio.status(id).await, "unknown_outcome");
    live(2, HOUR).await;
    let message = studio.message(id).await;
    let (status, class, reason) = ending(&message);
    assert_eq!((status, class), ("delivery_unknown", "ambiguous"));
    assert!(reason.contains("Twilio could not be asked"), "{reason}");
}

#[tokio::test]
async fn jobs_that_are_handed_out_again_end_nothing_early() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = lost(&app, &studio).await;
    let at = json!({"business_id": studio.id, "client_id": 7, "message_id": id});
    let at: MessageRef = serde_json::from_value(at).unwrap();
    app.clock.advance(20 * MINUTE);
    for _ in 0..5 {
        let job = Job::new("test", Work::CheckSms { message: at, attempt: 1 });
        sms_sender::handle(app.local.sender(), job).await.unwrap();
    }
    assert_eq!(studio.status(id).await, "unknown_outcome");
    app.live(DAY - 30 * MINUTE, 30 * MINUTE).await;
    assert_eq!(studio.status(id).await, "unknown_outcome");
    app.live(HOUR, 30 * MINUTE).await;
    assert_eq!(studio.status(id).await, "delivery_unknown");
}

#[tokio::test]
async fn what_a_program_reports_as_unknown_ends_as_well() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    let id = studio.queue(7, ADA, "Hello").await;
    app.local.wire.counts(|_, operation| operation == "POST Messages");
    assert!(app.dies(0, Halt::Before, app.local.deliver_once(Source::Sms)).await);
    studio.post("/sms/status", json!({"message_id": id, "status": "unknown_outcome"})).await.ok();
    a_day(&app).await;
    assert_eq!((studio.status(id).await.as_str(), app.sent().len()), ("delivery_unknown", 0));
    assert_eq!(app.questions(), 4);
}

/// The sender that asks dies, or the sweeper that has it ask, at any call of the last look-up.
#[tokio::test]
async fn a_death_at_the_last_look_up_ends_it_all_the_same() {
    at_every_call(4, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let id = lost(&app, &studio).await;
        app.live(23 * HOUR, 230 * MINUTE).await;
        app.clock.advance(HOUR + MINUTE);
        let died = app
            .dies(n, when, async {
                app.local.sweep().await.unwrap();
                app.local.deliver_once(Source::Sms).await
            })
            .await;
        app.live(2 * HOUR, 40 * MINUTE).await;
        let ends = studio.timeline(id).await;
        let ends = ends.iter().filter(|(_, status, _)| status == "delivery_unknown").count();
        assert_eq!((studio.status(id).await.as_str(), ends), ("delivery_unknown", 1), "{n} {when:?}");
        assert_eq!((app.calls_that_send(), app.sent().len()), (1, 0));
        died
    })
    .await;
}

#[tokio::test]
async fn a_look_up_is_a_read_a_question_and_a_transaction() {
    let app = App::start().await;
    let studio = app.business().await;
    lost(&app, &studio).await;
    app.live(23 * HOUR, 230 * MINUTE).await;
    app.clock.advance(2 * HOUR);
    app.local.sweep().await.unwrap();
    app.local.wire.clear();
    app.local.deliver_once(Source::Sms).await.unwrap();
    assert_eq!(app.local.wire.operations("dynamodb"), ["GetItem", "TransactWriteItems"]);
    assert_eq!(app.local.wire.operations("twilio"), ["GET Messages"]);
}

#[tokio::test]
async fn a_mail_without_an_event_ends_after_a_day_and_a_late_event_still_counts() {
    let app = App::start().await;
    let studio = app.business().await;
    let silent = local::fake_ses::Answer::drop_after().with_events(crate::email_sending::SILENT);
    app.local.ses.script(None, [silent]);
    let id = queue_mail(&studio, one(json!({}))).await;
    app.drain().await;
    app.live(DAY - HOUR, HOUR).await;
    let refused = order(&studio, id, "retry").await;
    assert_eq!((refused.status, studio.status(id).await.as_str()), (409, "unknown_outcome"));
    assert!(refused.body.to_string().contains("omega waits for an event of SES until"), "{}", refused.body);
    app.live(2 * HOUR, HOUR).await;
    let message = studio.message(id).await;
    let (status, class, reason) = ending(&message);
    assert_eq!((status, class), ("delivery_unknown", "ambiguous"));
    assert!(reason.contains("No event came until") && reason.ends_with("It may have been sent."), "{reason}");

    let mail = app.local.ses.mails().remove(0);
    app.local.ses.send_events(&mail.id, [EventType::Delivery]).await.unwrap();
    app.drain().await;
    assert_eq!((studio.status(id).await.as_str(), calls_of_ses(&app)), ("delivered", 1));
}

#[tokio::test]
async fn a_mail_that_a_sender_died_with_ends_after_a_day_and_a_person_sends_it_again() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = queue_mail(&studio, one(json!({"cc_email": [BEN]}))).await;
    app.local.wire.counts(|server, _| server == "ses");
    assert!(app.dies(0, Halt::Before, app.local.deliver_once(Source::Email)).await);
    a_day(&app).await;
    assert_eq!(studio.status(id).await, "delivery_unknown");
    let ordered = order(&studio, id, "retry").await.ok();
    assert!(ordered["message"].as_str().unwrap().contains("twice"), "{ordered}");
    app.drain().await;
    assert_eq!(studio.status(id).await, "delivered");
    assert_eq!(app.local.ses.mails()[0].cc, [BEN.to_owned()]);
}
