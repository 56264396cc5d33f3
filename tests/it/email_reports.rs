//! What becomes of mail, as providers tell it: by SES's queue, by webhooks, over the interface; and which addresses get
//! no mail because of it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::access::Role;
use domain::email_event::tag;
use domain::message::MessageRef;
use domain::{BusinessId, ClientId, MessageId};
use email_webhooks::{Certificates, Settings};
use http_body_util::BodyExt;
use local::fake_ses::{Answer, Event, EventType, Mail};
use local::wire::{Halt, Wire};
use local::{Providers, SNS_TOPIC, Source};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};
use signature::sns;
use tower::ServiceExt as _;

use crate::app::{App, Business, send};
use crate::faults::{REFUSAL, at_every_call};

const ADA: &str = "ada@example.com";
const BEN: &str = "ben@example.com";
const EVE: &str = "eve@example.com";
const HOUR: Duration = Duration::from_secs(3600);
/// The key of the certificate that the stand-in for SNS shows.
const SNS_KEY: &str = include_str!("../../shared/signature/tests/fixtures/test-only-sns.key.pem");
const SNS_CERTIFICATE: &str = include_str!("../../shared/signature/tests/fixtures/test-only-sns.cert.pem");
const CERTIFICATE_URL: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-local.pem";

/// SES takes mail and says nothing more of it.
fn silent(app: &App) {
    app.local.ses.set_default_events(Vec::<Event>::new());
}

/// The body of a call that sends one mail to client 7.
fn to_send(category: &str, to: &str, cc: &[&str], bcc: &[&str]) -> Value {
    let mail = json!({"client_id": 7, "to_email": to, "cc_email": cc, "bcc_email": bcc, "subject": "Hello",
                      "message": "How are you?"});
    json!({"category": category, "messages": [mail]})
}

async fn queued(studio: &Business<'_>, body: Value) -> Value {
    studio.post("/email/send", body).await.ok()["items"][0].clone()
}

/// A mail that SES took, and SES's id of it.
async fn handed_over(app: &App, studio: &Business<'_>, body: Value) -> (u64, String) {
    let item = queued(studio, body).await;
    assert_eq!(item["status"], "queued", "{item}");
    app.drain().await;
    let id = item["message_id"].as_u64().expect("an id");
    assert_eq!(studio.status(id).await, "sent");
    (id, last_mail(app).id)
}

async fn to_ada(app: &App, studio: &Business<'_>) -> (u64, String) {
    handed_over(app, studio, to_send("conversation", ADA, &[], &[])).await
}

fn last_mail(app: &App) -> Mail {
    app.local.ses.mails().pop().expect("a mail was sent")
}

/// SES reports something, and omega hears of it.
async fn happens<T: Into<Event>>(app: &App, mail: &str, events: impl IntoIterator<Item = T>) {
    app.local.ses.send_events(mail, events).await.expect("a known mail");
    app.drain().await;
}

fn hard() -> Event {
    Event::bounce("Permanent", "General")
}

fn soft() -> Event {
    Event::bounce("Transient", "MailboxFull")
}

fn delivery() -> Event {
    EventType::Delivery.into()
}

fn complaint() -> Event {
    EventType::Complaint.into()
}

/// What is suppressed for an address: why nothing is sent, and whether campaigns are not.
async fn suppressed(studio: &Business<'_>, email: &str) -> (Option<String>, bool) {
    let shown = suppression(studio, email).await;
    let reason = shown["reason"].as_str().map(str::to_owned);
    assert_eq!(shown["suppressed"], reason.is_some(), "{shown}");
    (reason, !shown["no_campaigns_since"].is_null())
}

async fn suppression(studio: &Business<'_>, email: &str) -> Value {
    studio.get(&format!("/email/suppressions?email={email}")).await.ok()
}

async fn let_in(studio: &Business<'_>, email: &str) {
    let body = json!({"email": email, "reason": "They asked for it"});
    studio.post("/email/suppressions/remove", body).await.ok();
}

const FREE: (Option<String>, bool) = (None, false);

fn blocked_by(reason: &str) -> (Option<String>, bool) {
    (Some(reason.to_owned()), reason == "complaint")
}

/// How far each copy of a mail is.
fn copies(message: &Value) -> Vec<(String, String)> {
    let copies = message["recipients"].as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    copies.iter().map(|copy| (word(&copy["email"]), word(&copy["status"]))).collect()
}

fn orders<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = all.split_first() else { return vec![Vec::new()] };
    let insert = |order: Vec<T>| {
        (0..=order.len()).map(move |at| {
            let mut order = order.clone();
            order.insert(at, first.clone());
            order
        })
    };
    orders(rest).into_iter().flat_map(insert).collect()
}

// ---- What SES reports ------------------------------------------------------------------------------------------

#[tokio::test]
async fn each_event_of_ses_has_its_status_its_reason_and_its_effect_on_the_address() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let not_spam = Event { feedback_type: Some("not-spam".to_owned()), ..complaint() };
    let listed = |list: &str| Event::bounce("Permanent", list);
    let none = ("-", "-");
    let (bounced, complained) = (blocked_by("bounce"), blocked_by("complaint"));
    let table = [
        (EventType::Send.into(), "sent", none, FREE, "Send"),
        (delivery(), "delivered", none, FREE, "Delivery"),
        (EventType::DeliveryDelay.into(), "sent", none, FREE, "DeliveryDelay/TransientCommunicationFailure"),
        (hard(), "bounced", ("bounce", "address"), bounced, "Bounce/Permanent/General"),
        (
            listed("Suppressed"),
            "bounced",
            ("provider_suppressed", "address"),
            FREE,
            "Bounce/Permanent/Suppressed",
        ),
        (
            listed("OnAccountSuppressionList"),
            "bounced",
            ("provider_suppressed", "address"),
            FREE,
            "Bounce/Permanent/OnAccountSuppressionList",
        ),
        (soft(), "queued", ("soft_bounce", "transient"), FREE, "Bounce/Transient/MailboxFull"),
        (
            Event::bounce("Undetermined", "Undetermined"),
            "queued",
            ("soft_bounce", "transient"),
            FREE,
            "Bounce/Undetermined/Undetermined",
        ),
        (complaint(), "complained", ("complaint", "consent"), complained, "Complaint/abuse"),
        (not_spam, "sent", none, FREE, "Complaint/not-spam"),
        (EventType::Reject.into(), "rejected", ("reject", "content"), FREE, "Reject"),
        (
            EventType::RenderingFailure.into(),
            "failed",
            ("rendering_failure", "configuration"),
            FREE,
            "Rendering Failure",
        ),
        (EventType::Open.into(), "sent", none, FREE, "Open"),
        (EventType::Click.into(), "sent", none, FREE, "Click"),
        (EventType::Subscription.into(), "sent", none, (None, true), "Subscription/UnsubscribeHeader"),
    ];
    for (n, (event, status, (code, class), suppression, word)) in table.into_iter().enumerate() {
        let email = format!("n{n}@example.com");
        let (id, mail) = handed_over(&app, &studio, to_send("notification", &email, &[], &[])).await;
        happens(&app, &mail, [event]).await;

        let message = studio.message(id).await;
        assert_eq!(message["status"], status, "{word}: {message}");
        let text = |name: &str| message[name].as_str().unwrap_or("-").to_owned();
        assert_eq!((text("error_code").as_str(), text("error_class").as_str()), (code, class), "{word}");
        assert_eq!(message["delivered_at"].is_string(), status == "delivered", "{word}");
        assert_eq!(suppressed(&studio, &email).await, suppression, "{word}");
        let events = studio.get(&format!("/messages/{id}/events")).await.ok();
        let told = events.as_array().unwrap().iter().filter(|event| event["source"] == "provider");
        let told: Vec<&Value> = told.map(|event| &event["provider_status"]).collect();
        assert_eq!(told, [word], "{events}");
    }
}

#[tokio::test]
async fn a_mail_that_comes_back_after_it_was_delivered_was_delivered_once() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    for (event, status) in [(hard(), "bounced"), (complaint(), "complained")] {
        let email = format!("{status}@example.com");
        let (id, mail) = handed_over(&app, &studio, to_send("conversation", &email, &[], &[])).await;
        happens(&app, &mail, [delivery()]).await;
        let delivered_at = studio.message(id).await["delivered_at"].clone();
        happens(&app, &mail, [event]).await;
        let message = studio.message(id).await;
        assert_eq!((&message["status"], &message["delivered_at"]), (&json!(status), &delivered_at));
        assert!(delivered_at.is_string());
    }
}

#[tokio::test]
async fn what_is_no_status_is_in_the_timeline_and_nowhere_else() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, mail) = to_ada(&app, &studio).await;
    happens(&app, &mail, [delivery()]).await;
    let before = studio.message(id).await;
    let quiet = [EventType::DeliveryDelay, EventType::Open, EventType::Click, EventType::Open];
    happens(&app, &mail, quiet).await;
    assert_eq!(studio.message(id).await, before);
    let timeline = studio.timeline(id).await;
    let ignored = timeline.iter().filter(|(source, status, outcome)| {
        (source.as_str(), status.as_str(), outcome.as_str()) == ("provider", "-", "ignored")
    });
    assert_eq!(ignored.count(), 3, "the same one twice is one: {timeline:?}");
}

#[tokio::test]
async fn a_mailbox_that_was_full_is_tried_again_once_after_four_hours() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, mail) = to_ada(&app, &studio).await;
    happens(&app, &mail, [soft()]).await;
    assert_eq!(studio.status(id).await, "queued");
    app.live(3 * HOUR, HOUR).await;
    assert_eq!(app.local.ses.mails().len(), 1, "not before its time");
    app.live(HOUR * 2, HOUR / 4).await;
    assert_eq!(app.local.ses.mails().len(), 2);
    assert_eq!(
        (studio.status(id).await, &studio.message(id).await["attempt"]),
        ("sent".to_owned(), &json!(2))
    );

    // What is said of the first attempt now is late.
    happens(&app, &mail, [delivery(), soft()]).await;
    assert_eq!(studio.status(id).await, "sent");
    happens(&app, &last_mail(&app).id, [soft()]).await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_code"]), (&json!("failed"), &json!("soft_bounce")));
    app.live(HOUR * 6, HOUR).await;
    assert_eq!(app.local.ses.mails().len(), 2);
    assert_eq!(suppressed(&studio, ADA).await, FREE);
}

#[tokio::test]
async fn a_second_try_that_arrives_ends_well() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, mail) = to_ada(&app, &studio).await;
    happens(&app, &mail, [soft()]).await;
    app.live(HOUR * 5, HOUR).await;
    happens(&app, &last_mail(&app).id, [EventType::Send, EventType::Delivery]).await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_code"]), (&json!("delivered"), &Value::Null));
}

#[tokio::test]
async fn reports_end_the_same_in_every_order_and_however_often_they_come() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    for (n, order) in
        orders(&[EventType::Send, EventType::Delivery, EventType::Bounce]).into_iter().enumerate()
    {
        let email = format!("n{n}@example.com");
        let (id, mail) = handed_over(&app, &studio, to_send("conversation", &email, &[], &[])).await;
        let twice: Vec<EventType> = order.iter().flat_map(|event| [*event, *event]).collect();
        happens(&app, &mail, twice).await;
        happens(&app, &mail, order.clone()).await;
        let message = studio.message(id).await;
        assert_eq!(
            (&message["status"], &message["error_code"]),
            (&json!("bounced"), &json!("bounce")),
            "{order:?}"
        );
        assert_eq!(suppressed(&studio, &email).await, blocked_by("bounce"), "{order:?}");
    }
}

#[tokio::test]
async fn a_notice_about_a_mail_that_nobody_knows_ends_and_changes_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    let unknown = json!({
        "eventType": "Bounce",
        "mail": {"messageId": "0100-unknown", "destination": [ADA], "tags": {}},
        "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [{"emailAddress": ADA}]},
    });
    app.enqueue(&app.local.queue_url(Source::EmailEvents), &unknown.to_string()).await;
    app.drain().await;
    assert_eq!(suppressed(&studio, ADA).await, FREE);
}

// ---- Several receivers -----------------------------------------------------------------------------------------

fn to_three() -> Value {
    to_send("conversation", ADA, &[BEN], &[EVE])
}

#[tokio::test]
async fn a_mail_to_several_is_as_far_as_its_worst_copy_in_every_order() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let sent = || Event::from(EventType::Send);
    let table: [(Vec<Event>, &str, [&str; 3]); 7] = [
        (
            vec![delivery().of([ADA]), delivery().of([BEN]), delivery().of([EVE])],
            "delivered",
            ["delivered"; 3],
        ),
        (vec![sent(), delivery().of([ADA, BEN]), delivery().of([EVE])], "delivered", ["delivered"; 3]),
        (vec![sent(), delivery().of([ADA]), delivery().of([EVE])], "sent", ["delivered", "-", "delivered"]),
        (
            vec![delivery().of([ADA]), hard().of([BEN]), delivery().of([EVE])],
            "bounced",
            ["delivered", "bounced", "delivered"],
        ),
        (
            vec![complaint().of([ADA]), hard().of([BEN]), soft().of([EVE])],
            "complained",
            ["complained", "bounced", "failed"],
        ),
        (
            vec![soft().of([ADA]), delivery().of([BEN]), delivery().of([EVE])],
            "failed",
            ["failed", "delivered", "delivered"],
        ),
        (
            vec![soft().of([EVE]), hard().of([BEN]), delivery().of([BEN])],
            "bounced",
            ["-", "bounced", "failed"],
        ),
    ];
    for (events, status, [ada, ben, eve]) in table {
        for order in orders(&events) {
            let (id, mail) = handed_over(&app, &studio, to_three()).await;
            happens(&app, &mail, order.clone()).await;
            let message = studio.message(id).await;
            let expected: Vec<(String, String)> = [(ADA, ada), (BEN, ben), (EVE, eve)]
                .into_iter()
                .filter(|(_, word)| *word != "-")
                .map(|(email, word)| (email.to_owned(), word.to_owned()))
                .collect();
            assert_eq!((message["status"].as_str(), copies(&message)), (Some(status), expected), "{order:?}");

            let events = studio.timeline(id).await;
            happens(&app, &mail, order.clone()).await;
            assert_eq!(studio.message(id).await, message, "{order:?} again");
            assert_eq!(studio.timeline(id).await, events, "{order:?} again");
            for email in [ADA, BEN, EVE] {
                if suppressed(&studio, email).await != FREE {
                    let_in(&studio, email).await;
                }
            }
        }
    }
}

fn of_one_copy() -> impl Strategy<Value = (usize, usize)> {
    (0usize..3, 0usize..4)
}

#[test]
fn random_reports_about_three_copies_end_the_same_in_another_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let studio = runtime.block_on(app.business());
    silent(&app);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() });
    // One failure for each copy: what fails twice has failed by what was first.
    let said = prop::collection::btree_map(0usize..3, 0usize..3, 1..4)
        .prop_map(|failures| failures.into_iter().collect::<Vec<_>>());
    let more = prop::collection::vec(of_one_copy(), 0..3);
    let both = (said, more).prop_flat_map(|(failures, more)| {
        let arrivals = more.into_iter().map(|(whose, _)| (whose, 3));
        let all: Vec<(usize, usize)> =
            failures.into_iter().filter(|(_, kind)| *kind != 2).chain(arrivals).collect();
        (Just(all.clone()).prop_shuffle(), Just(all).prop_shuffle())
    });
    runner
        .run(&both, |(one, other)| {
            let ends: Vec<Value> = runtime.block_on(async {
                let mut ends = Vec::new();
                for order in [&one, &other] {
                    let (id, mail) = handed_over(&app, &studio, to_three()).await;
                    let event = |(whose, kind): &(usize, usize)| {
                        [hard(), complaint(), soft(), delivery()][*kind].clone().of([[ADA, BEN, EVE][*whose]])
                    };
                    happens(&app, &mail, order.iter().map(event)).await;
                    let message = studio.message(id).await;
                    let by = [&message["status"], &message["error_code"]].map(Clone::clone);
                    ends.push(json!([by, message["recipients"]]));
                    for email in [ADA, BEN, EVE] {
                        if suppressed(&studio, email).await != FREE {
                            let_in(&studio, email).await;
                        }
                    }
                }
                ends
            });
            assert_eq!(ends[0], ends[1], "{one:?} and {other:?}");
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_copy_whose_address_is_suppressed_is_left_out_and_shown_as_blocked() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (_, mail) = handed_over(&app, &studio, to_send("conversation", BEN, &[], &[])).await;
    happens(&app, &mail, [hard()]).await;

    let (id, mail) = handed_over(&app, &studio, to_three()).await;
    assert_eq!(last_mail(&app).recipients(), [ADA, EVE]);
    assert_eq!(copies(&studio.message(id).await), [(BEN.to_owned(), "blocked".to_owned())]);
    happens(&app, &mail, [delivery()]).await;
    let message = studio.message(id).await;
    let expected = [(ADA, "delivered"), (BEN, "blocked"), (EVE, "delivered")];
    assert_eq!(copies(&message), expected.map(|(email, word)| (email.to_owned(), word.to_owned())));
    assert_eq!(message["status"], "delivered", "who was left out holds nobody back");
}

#[tokio::test]
async fn a_copy_whose_address_bounced_after_the_mail_was_queued_is_left_out() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (_, earlier) = handed_over(&app, &studio, to_send("conversation", EVE, &[], &[])).await;
    let mut later = to_three();
    later["send_at"] = json!(app.clock.now().plus(HOUR).to_string());
    let id = queued(&studio, later).await["message_id"].as_u64().unwrap();
    happens(&app, &earlier, [complaint()]).await;
    app.live(HOUR * 2, HOUR).await;
    assert_eq!(last_mail(&app).recipients(), [ADA, BEN]);
    assert_eq!(copies(&studio.message(id).await), [(EVE.to_owned(), "blocked".to_owned())]);
}

#[tokio::test]
async fn a_retry_goes_to_those_whose_copy_failed_and_to_nobody_else() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, first) = handed_over(&app, &studio, to_three()).await;
    happens(&app, &first, [delivery().of([ADA, EVE]), soft().of([BEN])]).await;
    assert_eq!(studio.status(id).await, "failed");

    studio.post(&format!("/messages/{id}/retry"), json!({})).await.ok();
    app.drain().await;
    let again = last_mail(&app);
    assert_eq!((app.local.ses.mails().len(), again.recipients()), (2, vec![BEN.to_owned()]));
    assert_eq!(studio.status(id).await, "sent");
    happens(&app, &first, [soft().of([BEN])]).await;
    assert_eq!(studio.status(id).await, "sent", "that was the first attempt");
    happens(&app, &again.id, [EventType::Send, EventType::Delivery]).await;
    let message = studio.message(id).await;
    let expected = [(ADA, "delivered"), (BEN, "delivered"), (EVE, "delivered")];
    assert_eq!(copies(&message), expected.map(|(email, word)| (email.to_owned(), word.to_owned())));
    assert_eq!((&message["status"], &message["error_code"]), (&json!("delivered"), &Value::Null));
}

#[tokio::test]
async fn a_retry_that_fails_again_can_be_repeated() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, first) = handed_over(&app, &studio, to_three()).await;
    happens(&app, &first, [soft().of([BEN]), delivery().of([ADA, EVE])]).await;
    for attempt in 2..4 {
        studio.post(&format!("/messages/{id}/retry"), json!({})).await.ok();
        app.drain().await;
        assert_eq!(last_mail(&app).recipients(), [BEN]);
        happens(&app, &last_mail(&app).id, [soft()]).await;
        let message = studio.message(id).await;
        assert_eq!(
            (&message["status"], &message["attempt"]),
            (&json!("failed"), &json!(attempt)),
            "{message}"
        );
    }
}

// ---- Suppression -----------------------------------------------------------------------------------------------

/// What becomes of a mail to Ada of each category, at the moment it is queued.
async fn accepted(studio: &Business<'_>) -> [String; 3] {
    let mut words = Vec::new();
    for category in ["conversation", "notification", "campaign"] {
        let item = queued(studio, to_send(category, ADA, &[], &[])).await;
        words.push(item["status"].as_str().unwrap().to_owned());
    }
    words.try_into().unwrap()
}

/// Follows the link of the last campaign that was sent, as a mail program does.
async fn unsubscribes(app: &App) {
    let link = last_mail(app).header("List-Unsubscribe").expect("a link").to_owned();
    let link = link.trim_start_matches('<').trim_end_matches('>').to_owned();
    let form = reqwest::Client::new().post(link).header("content-type", "application/x-www-form-urlencoded");
    send(form.body("List-Unsubscribe=One-Click")).await.ok();
}

#[tokio::test]
async fn bounces_and_complaints_stop_all_mail_and_an_opt_out_stops_campaigns() {
    for (cause, expected) in [
        ("bounce", ["blocked", "blocked", "blocked"]),
        ("complaint", ["blocked", "blocked", "blocked"]),
        ("opt_out", ["queued", "queued", "blocked"]),
    ] {
        let app = App::start().await;
        let studio = app.business().await;
        silent(&app);
        let (_, mail) = handed_over(&app, &studio, to_send("campaign", ADA, &[], &[])).await;
        match cause {
            "bounce" => happens(&app, &mail, [hard()]).await,
            "complaint" => happens(&app, &mail, [complaint()]).await,
            _ => unsubscribes(&app).await,
        }
        assert_eq!(accepted(&studio).await, expected, "{cause}");
        app.drain().await;
        let queued = expected.iter().filter(|word| **word == "queued").count();
        assert_eq!(app.local.ses.mails().len(), 1 + queued, "{cause}");
        let item = queued_to(&studio, "ADA@EXAMPLE.COM").await;
        assert_eq!(item == "blocked", cause != "opt_out", "however it is written: {cause}");
    }
}

async fn queued_to(studio: &Business<'_>, to: &str) -> String {
    let item = queued(studio, to_send("conversation", to, &[], &[])).await;
    item["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_mail_that_was_queued_before_its_address_bounced_is_blocked_and_says_why() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (_, mail) = to_ada(&app, &studio).await;
    let id = queued(&studio, to_send("conversation", ADA, &[], &[])).await["message_id"].as_u64().unwrap();
    app.local.ses.send_events(&mail, [hard()]).await;
    while app.local.deliver_once(Source::EmailEvents).await.unwrap().is_some() {}
    app.drain().await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("blocked"), &json!("consent")));
    assert_eq!(app.local.ses.mails().len(), 1);
}

#[tokio::test]
async fn owners_and_programs_let_an_address_in_again_and_have_to_say_why() {
    for role in [Role::Service, Role::Owner, Role::Manager, Role::Staff] {
        let app = App::start().await;
        let studio = app.business().await;
        silent(&app);
        let (_, mail) = to_ada(&app, &studio).await;
        happens(&app, &mail, [complaint()]).await;
        let staff = json!({"staff_name": "Zoë", "role": format!("{role:?}").to_lowercase()});
        if role != Role::Service {
            studio.put("/staffs/12", staff).await;
        }
        let session = studio.credential(role, (role != Role::Service).then_some(12)).await;
        let ask = |body: Value| studio.as_session(&session, Method::POST, "/email/suppressions/remove", body);
        let path = format!("/email/suppressions?email={ADA}");
        let seen = studio.as_session(&session, Method::GET, &path, json!({})).await.ok();
        assert_eq!((&seen["suppressed"], &seen["reason"]), (&json!(true), &json!("complaint")), "{role:?}");
        assert_eq!(seen["evidence"], format!("ses {mail}"));

        let answer = ask(json!({"email": ADA, "reason": "They wrote to us"})).await;
        if matches!(role, Role::Manager | Role::Staff) {
            assert_eq!(answer.status, 403, "{role:?}");
            assert_eq!(suppressed(&studio, ADA).await, blocked_by("complaint"));
            continue;
        }
        let shown = answer.ok();
        assert_eq!((&shown["suppressed"], &shown["no_campaigns_since"]), (&json!(false), &Value::Null));
        assert_eq!(shown["removal_reason"], "They wrote to us");
        assert!(shown["removed_by"].is_string() && shown["removed_at"].is_string(), "{shown}");
        assert_eq!(suppression(&studio, ADA).await, shown);
        assert_eq!(accepted(&studio).await, ["queued"; 3], "all of it is lifted, campaigns too");
        let again = ask(json!({"email": ADA, "reason": "They wrote to us"})).await;
        assert_eq!((again.status, &again.body["detail"]), (404, &json!("suppression not found")));
    }
}

#[tokio::test]
async fn a_removal_names_an_address_and_a_reason() {
    let app = App::start().await;
    let studio = app.business().await;
    for (body, fields) in [
        (json!({}), vec![r#"["body","email"]"#, r#"["body","reason"]"#]),
        (json!({"email": "nobody", "reason": "x"}), vec![r#"["body","email"]"#]),
        (json!({"email": ADA, "reason": " "}), vec![r#"["body","reason"]"#]),
        (json!({"email": ADA, "reason": "x".repeat(501)}), vec![r#"["body","reason"]"#]),
    ] {
        assert_eq!(studio.post("/email/suppressions/remove", body).await.bad_fields(), fields);
    }
    for query in ["", "?email=", "?email=nobody"] {
        let path = format!("/email/suppressions{query}");
        assert_eq!(studio.get(&path).await.bad_fields(), [r#"["query","email"]"#], "{query}");
    }
}

#[tokio::test]
async fn whoever_was_let_in_again_stays_so_when_the_same_report_comes_again_and_not_when_a_new_one_does() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    for several in [false, true] {
        let cc: &[&str] = if several { &[BEN] } else { &[] };
        let (_, mail) = handed_over(&app, &studio, to_send("conversation", ADA, cc, &[])).await;
        happens(&app, &mail, [delivery(), hard().of([ADA])]).await;
        assert_eq!(suppressed(&studio, ADA).await, blocked_by("bounce"));
        let_in(&studio, ADA).await;
        happens(&app, &mail, [hard().of([ADA])]).await;
        assert_eq!(suppressed(&studio, ADA).await, FREE, "several: {several}");
        let (_, next) = to_ada(&app, &studio).await;
        happens(&app, &next, [hard()]).await;
        assert_eq!(suppressed(&studio, ADA).await, blocked_by("bounce"));
        let_in(&studio, ADA).await;
    }
}

#[tokio::test]
async fn each_business_has_a_list_of_its_own() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    silent(&app);
    let (_, mail) = to_ada(&app, &studio).await;
    happens(&app, &mail, [hard()]).await;
    assert_eq!(suppressed(&studio, ADA).await, blocked_by("bounce"));
    assert_eq!(suppressed(&other, ADA).await, FREE);
    assert_eq!(accepted(&other).await, ["queued"; 3]);
    let refused = other.post("/email/suppressions/remove", json!({"email": ADA, "reason": "x"})).await;
    assert_eq!(refused.status, 404);
    assert_eq!(suppressed(&studio, ADA).await, blocked_by("bounce"));
}

#[tokio::test]
async fn what_a_mailbox_said_outlives_the_client() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (_, mail) = to_ada(&app, &studio).await;
    happens(&app, &mail, [complaint()]).await;
    send(studio.request(Method::DELETE, "/clients/7")).await;
    app.live(HOUR, HOUR / 4).await;
    assert_eq!(suppressed(&studio, ADA).await, blocked_by("complaint"));
    let mut body = to_send("conversation", ADA, &[], &[]);
    body["messages"][0]["client_id"] = json!(8);
    assert_eq!(queued(&studio, body).await["status"], "blocked");
}

#[tokio::test]
async fn what_a_mailbox_says_after_the_client_is_gone_is_heard() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    for several in [false, true] {
        let cc: &[&str] = if several { &[BEN] } else { &[] };
        let (_, mail) = handed_over(&app, &studio, to_send("conversation", ADA, cc, &[])).await;
        send(studio.request(Method::DELETE, "/clients/7")).await;
        app.live(HOUR, HOUR / 4).await;
        happens(&app, &mail, [complaint().of([ADA])]).await;
        assert_eq!(suppressed(&studio, ADA).await, blocked_by("complaint"), "several: {several}");
        let_in(&studio, ADA).await;
    }
}

// ---- By the interface ------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_interface_and_the_provider_obey_one_rule() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, mail) = to_ada(&app, &studio).await;
    let report = async |status: &str| {
        let answer = studio.post("/email/status", json!({"message_id": id, "status": status})).await.ok();
        (answer["applied"].as_bool().unwrap(), answer["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(report("delivered").await, (true, "delivered".to_owned()));
    assert_eq!(report("sent").await, (false, "delivered".to_owned()));
    assert_eq!(report("failed").await, (false, "delivered".to_owned()));
    happens(&app, &mail, [EventType::Send, EventType::Delivery]).await;
    assert_eq!(suppressed(&studio, ADA).await, FREE);
    assert_eq!(report("bounced").await, (true, "bounced".to_owned()));
    assert_eq!(suppressed(&studio, ADA).await, blocked_by("bounce"));
    assert_eq!(suppression(&studio, ADA).await["evidence"], format!("reported {id}"));
    assert_eq!(report("bounced").await, (false, "bounced".to_owned()));
    assert!(studio.message(id).await["delivered_at"].is_string());
}

#[tokio::test]
async fn a_complaint_by_the_interface_stops_all_mail() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, _) = to_ada(&app, &studio).await;
    studio.post("/email/status", json!({"message_id": id, "status": "complained"})).await.ok();
    assert_eq!(studio.status(id).await, "complained");
    assert_eq!(suppressed(&studio, ADA).await, blocked_by("complaint"));
}

#[tokio::test]
async fn a_report_is_about_a_mail_of_the_caller() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    silent(&app);
    let (mail, _) = to_ada(&app, &studio).await;
    let text = studio.queue(7, "+14155550123", "Hello").await;
    let asked = async |studio: &Business<'_>, channel: &str, id: u64| {
        let body = json!({"message_id": id, "status": "bounced"});
        let answer = studio.post(&format!("/{channel}/status"), body).await;
        (answer.status, answer.body["detail"].clone())
    };
    let missing = (404, json!("message not found"));
    assert_eq!(asked(&studio, "email", text).await, missing, "a text");
    assert_eq!(asked(&studio, "sms", mail).await, missing, "a mail");
    assert_eq!(asked(&other, "email", mail).await, missing, "foreign");
    assert_eq!(asked(&studio, "email", 5).await, missing);
    assert_eq!(
        (studio.status(mail).await, studio.status(text).await),
        ("sent".to_owned(), "queued".to_owned())
    );
    assert_eq!(suppressed(&studio, ADA).await, FREE);
}

#[tokio::test]
async fn a_status_of_a_mail_from_a_client_says_nothing_of_an_address() {
    let app = App::start().await;
    let studio = app.business().await;
    let mail = json!({"message_id": 1, "client_id": 7, "to_email": studio.email, "subject": "Hello", "message": "Hi"});
    let body =
        json!({"category": "conversation", "from_email": ADA, "sender_type": "client", "messages": [mail]});
    let id = recorded(&app, &studio, body).await;
    let answer = studio.post("/email/status", json!({"message_id": id, "status": "bounced"})).await.ok();
    assert_eq!((&answer["applied"], &answer["status"]), (&json!(false), &json!("received")));
    assert_eq!(suppressed(&studio, &studio.email).await, FREE);
    assert_eq!(suppressed(&studio, ADA).await, FREE);
}

#[tokio::test]
async fn every_bad_field_of_a_report_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let refused = studio.post("/email/status", json!({"message_id": "x", "status": "lost"})).await;
    assert_eq!(refused.bad_fields(), [r#"["body","message_id"]"#, r#"["body","status"]"#]);
}
