//! One rule for every report of a delivery, whoever makes it and in whatever order it comes.

use domain::channel::Channel;
use domain::id::MessageRef;
use domain::report::{Report, Source};
use domain::status::Status;
use domain::{BusinessId, ClientId, MessageId};
use local::Source as Queue;
use local::fake_twilio::{Answer, Callback};
use local::wire::Halt;
use proptest::prelude::*;
use reqwest::Method;
use serde_json::json;

use crate::app::{App, Business, send};
use crate::faults::cases;

const ADA: &str = "+14155550123";

/// A text that Twilio took and says nothing more of, and Twilio's id of it.
async fn handed_over(app: &App, studio: &Business<'_>) -> (u64, String) {
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    let sid = app.local.twilio.outbox().last().expect("it was sent").sid.clone();
    assert_eq!(studio.status(id).await, "sending");
    (id, sid)
}

async fn callbacks(app: &App, sid: &str, words: &[&str]) {
    for word in words {
        let attempts = app.local.twilio.send_callbacks(sid, [*word]).await.expect("a known text");
        assert_eq!(attempts.last().and_then(|attempt| attempt.status), Some(200));
    }
}

fn orders(words: &[&'static str]) -> Vec<Vec<&'static str>> {
    let Some((first, rest)) = words.split_first() else { return vec![Vec::new()] };
    let insert = |order: Vec<&'static str>| {
        (0..=order.len()).map(move |at| {
            let mut order = order.clone();
            order.insert(at, *first);
            order
        })
    };
    orders(rest).into_iter().flat_map(insert).collect()
}

#[tokio::test]
async fn callbacks_end_the_same_in_every_order_and_however_often_they_come() {
    let app = App::start().await;
    let studio = app.business().await;
    for (words, end) in [
        (["queued", "sending", "sent", "delivered"].as_slice(), "delivered"),
        (&["queued", "sent", "undelivered"], "undelivered"),
    ] {
        for order in orders(words) {
            let (id, sid) = handed_over(&app, &studio).await;
            let twice: Vec<&str> = order.iter().flat_map(|word| [*word, *word]).collect();
            callbacks(&app, &sid, &twice).await;
            callbacks(&app, &sid, &order).await;
            assert_eq!(studio.status(id).await, end, "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_repeated_callback_is_dropped_and_every_other_one_is_in_the_timeline() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, sid) = handed_over(&app, &studio).await;
    callbacks(&app, &sid, &["sent", "delivered", "delivered", "failed"]).await;
    let timeline = studio.timeline(id).await;
    let reported: Vec<_> = timeline.iter().filter(|(source, _, _)| source == "provider").collect();
    let words: Vec<(&str, &str)> =
        reported.iter().map(|(_, status, outcome)| (status.as_str(), outcome.as_str())).collect();
    assert_eq!(words, [("sent", "applied"), ("delivered", "applied"), ("failed", "ignored")]);
    assert_eq!(studio.status(id).await, "delivered");
}

#[tokio::test]
async fn a_later_report_does_not_erase_the_reason() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, sid) = handed_over(&app, &studio).await;
    app.local.twilio.send_callbacks(&sid, [("failed", 30005)]).await;
    callbacks(&app, &sid, &["failed", "undelivered"]).await;
    let message = studio.message(id).await;
    assert_eq!(message["status"], "failed");
    assert_eq!((&message["error_code"], &message["error_class"]), (&json!("30005"), &json!("address")));
}

#[tokio::test]
async fn a_reason_that_comes_after_the_failure_is_kept() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, sid) = handed_over(&app, &studio).await;
    callbacks(&app, &sid, &["failed"]).await;
    app.local.twilio.send_callbacks(&sid, [("undelivered", 30006)]).await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_code"]), (&json!("failed"), &json!("30006")));
}

#[tokio::test]
async fn a_word_that_omega_does_not_know_is_kept_and_changes_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, sid) = handed_over(&app, &studio).await;
    callbacks(&app, &sid, &["some_future_status"]).await;
    assert_eq!(studio.status(id).await, "sending");
    let events = studio.get(&format!("/messages/{id}/events")).await.ok();
    let kept =
        events.as_array().unwrap().iter().find(|event| event["provider_status"] == "some_future_status");
    assert_eq!(kept.map(|event| &event["outcome"]), Some(&json!("ignored")));
}

/// Posts a signed status callback to the bare address, as a number's own setting at Twilio would.
async fn bare_callback(app: &App, sid: &str, word: &str) -> u16 {
    let url = format!("{}/omega/twilio/sms/status", app.local.origin);
    let account = &app.local.twilio_account;
    let form = format!("MessageSid={sid}&MessageStatus={word}&AccountSid={}", account.account_sid);
    let signature = signature::twilio::sign_form(&account.auth_token, &url, form.as_bytes());
    let call = app
        .anonymous(Method::POST, "/twilio/sms/status")
        .header("X-Twilio-Signature", signature)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form);
    send(call).await.status
}

#[tokio::test]
async fn a_report_that_comes_before_we_know_the_providers_id_is_applied_when_we_do() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
    let id = studio.queue(7, ADA, "Hello").await;
    // The claim is the first transaction of the sender, and what Twilio answered is stored by the second.
    app.local.wire.counts(|server, operation| server == "dynamodb" && operation == "TransactWriteItems");
    let halted = app.local.wire.halt_at(1, Halt::Before);
    let reported = async {
        assert!(halted.reached().await);
        let sid = app.local.twilio.outbox()[0].sid.clone();
        assert_eq!(bare_callback(&app, &sid, "sent").await, 200);
        assert_eq!(bare_callback(&app, &sid, "delivered").await, 200);
        app.local.wire.heal();
    };
    let (delivered, ()) = tokio::join!(app.local.deliver_once(Queue::Sms), reported);
    delivered.unwrap();
    assert_eq!(studio.status(id).await, "delivered");
}

#[tokio::test]
async fn a_bare_callback_finds_its_message_by_the_providers_id() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, sid) = handed_over(&app, &studio).await;
    assert_eq!(bare_callback(&app, &sid, "delivered").await, 200);
    assert_eq!(studio.status(id).await, "delivered");
    assert_eq!(bare_callback(&app, "SM00000000000000000000000000000000", "delivered").await, 200);
}

#[tokio::test]
async fn the_api_and_the_provider_obey_one_rule() {
    let app = App::start().await;
    let studio = app.business().await;
    let (id, sid) = handed_over(&app, &studio).await;
    let applied = studio.post("/sms/status", json!({"message_id": id, "status": "delivered"})).await.ok();
    assert_eq!((&applied["applied"], &applied["status"]), (&json!(true), &json!("delivered")));
    callbacks(&app, &sid, &["sent", "failed"]).await;
    let late = studio.post("/sms/status", json!({"message_id": id, "status": "sent"})).await.ok();
    assert_eq!((&late["applied"], &late["status"]), (&json!(false), &json!("delivered")));
    assert_eq!(studio.status(id).await, "delivered");
}

#[derive(Clone, Copy, Debug)]
struct Said {
    status: Status,
    attempt: Option<u32>,
    source: Source,
}

fn said() -> impl Strategy<Value = Said> {
    let status = prop::sample::select(Status::ALL.to_vec());
    let attempt = prop::sample::select(vec![None, Some(0), Some(1), Some(1), Some(1), Some(2)]);
    let source = prop::sample::select(vec![Source::Api, Source::Provider, Source::Sender]);
    (status, attempt, source).prop_map(|(status, attempt, source)| Said { status, attempt, source })
}

/// The table's condition is made of the pure rule; here both run side by side, over random reports with repetitions.
#[test]
fn the_tables_condition_decides_as_the_pure_rule_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (app, id, key) = runtime.block_on(async {
        let app = App::start().await;
        let studio = app.business().await;
        let (id, key) = (studio.id, studio.key.clone());
        (app, id, key)
    });
    let studio = Business { app: &app, id, number: String::new(), email: String::new(), key };
    let store = &app.local.sender().store;
    let mut runner = cases(150);
    let case = std::cell::Cell::new(0);
    let reports = (prop::collection::vec(said(), 1..10), prop::collection::vec(0usize..10, 0..4));
    runner
        .run(&reports, |(mut reports, again)| {
            let repeated: Vec<Said> =
                again.into_iter().filter_map(|index| reports.get(index).copied()).collect();
            reports.extend(repeated);
            runtime.block_on(async {
                // A number of its own for each case: one number gets at most 60 texts an hour.
                case.set(case.get() + 1);
                let to = format!("+1415556{:04}", case.get());
                let message = studio.queue(7, &to, "Hello").await;
                let at = MessageRef {
                    business: BusinessId::new(id).unwrap(),
                    client: ClientId::new(7).unwrap(),
                    message: MessageId::new(message).unwrap(),
                };
                let mut expected = Status::Queued;
                for said in &reports {
                    let report = Report {
                        source: said.source,
                        attempt: said.attempt,
                        status: Some(said.status),
                        provider_status: None,
                        provider_message_id: None,
                        failure: None,
                        metadata: None,
                        recipient: None,
                    };
                    store.advance(at, Channel::Sms, &report, None).await.unwrap();
                    let this_attempt = said.attempt.is_none_or(|attempt| attempt == 1);
                    if this_attempt && expected.may_become(said.status, Channel::Sms) {
                        expected = said.status;
                    }
                    let stored = store.message(at).await.unwrap().unwrap();
                    assert_eq!(stored.delivery_status, expected, "after {said:?} of {reports:?}");
                    assert_eq!(stored.status_rank, expected.rank());
                }
            });
            Ok(())
        })
        .unwrap();
}
