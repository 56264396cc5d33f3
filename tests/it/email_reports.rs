//! What becomes of mail, as providers tell it: by SES's queue, by webhooks, over the interface; and which addresses get
//! no mail because of it.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::access::Role;
use domain::email_event::tag;
use domain::id::MessageRef;
use domain::{BusinessId, ClientId, MessageId};
use email_webhooks::{Certificates, Settings};
use http_body_util::BodyExt;
use local::fake_ses::{Event, EventType, Mail};
use local::wire::{Halt, Wire};
use local::{Providers, SNS_TOPIC, Source};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use signature::sns;
use tower::ServiceExt as _;

use crate::app::{App, Business, send};
use crate::faults::{REFUSAL, at_every_call, cases};

const ADA: &str = "ada@example.com";
const BEN: &str = "ben@example.com";
const EVE: &str = "eve@example.com";
const HOUR: Duration = Duration::from_secs(3600);
/// The key of the certificate that the stand-in for SNS shows.
const SNS_KEY: &str = include_str!("../../shared/signature/tests/fixtures/test-only-sns.key.pem");
const SNS_CERTIFICATE: &str = include_str!("../../shared/signature/tests/fixtures/test-only-sns.cert.pem");
const CERTIFICATE_URL: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-local.pem";

/// SES takes mail and says nothing more of it.
pub fn silent(app: &App) {
    app.local.ses.set_default_events(Vec::<Event>::new());
}

/// The body of a call that sends one mail to client 7.
pub fn to_send(category: &str, to: &str, cc: &[&str], bcc: &[&str]) -> Value {
    let mail = json!({"client_id": 7, "to_email": to, "cc_email": cc, "bcc_email": bcc, "subject": "Hello",
                      "message": "How are you?"});
    json!({"category": category, "messages": [mail]})
}

async fn queued(studio: &Business<'_>, body: Value) -> Value {
    studio.post("/email/send", body).await.ok()["items"][0].clone()
}

/// A mail that SES took, and SES's id of it.
pub async fn handed_over(app: &App, studio: &Business<'_>, body: Value) -> (u64, String) {
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
pub async fn happens<T: Into<Event>>(app: &App, mail: &str, events: impl IntoIterator<Item = T>) {
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
pub async fn suppressed(studio: &Business<'_>, email: &str) -> (Option<String>, bool) {
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

pub const FREE: (Option<String>, bool) = (None, false);

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
        let mut body = to_send("notification", &email, &[], &[]);
        body["messages"][0]["client_id"] = json!(100 + n);
        let (id, mail) = handed_over(&app, &studio, body).await;
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
    let table: [(Vec<Event>, &str, [&str; 3]); 4] = [
        (vec![delivery().of([ADA, BEN]), delivery().of([EVE])], "delivered", ["delivered"; 3]),
        (vec![sent(), delivery().of([ADA]), delivery().of([EVE])], "sent", ["delivered", "-", "delivered"]),
        (
            vec![complaint().of([ADA]), hard().of([BEN]), soft().of([EVE])],
            "complained",
            ["complained", "bounced", "failed"],
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

            for email in [ADA, BEN, EVE] {
                let _ =
                    studio.post("/email/suppressions/remove", json!({"email": email, "reason": "x"})).await;
            }
        }
    }
}

fn of_one_copy() -> impl Strategy<Value = (usize, usize)> {
    (0usize..3, 0usize..4)
}

#[tokio::test]
async fn what_is_said_of_copies_twice_is_said_once() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, mail) = handed_over(&app, &studio, to_three()).await;
    let events = [delivery().of([ADA]), hard().of([BEN]), complaint().of([EVE]), delivery().of([BEN])];
    happens(&app, &mail, events.clone()).await;
    let (message, timeline) = (studio.message(id).await, studio.timeline(id).await);
    assert_eq!(message["status"], "complained");
    let backwards = events.iter().rev().chain(&events).cloned();
    happens(&app, &mail, backwards).await;
    assert_eq!((studio.message(id).await, studio.timeline(id).await), (message, timeline));
}

#[test]
fn random_reports_about_three_copies_end_the_same_in_another_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let studio = runtime.block_on(app.business());
    silent(&app);
    let mut runner = cases(8);
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
                        let body = json!({"email": email, "reason": "x"});
                        let _ = studio.post("/email/suppressions/remove", body).await;
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
        let secret = if role == Role::Service { studio.key.clone() } else { studio.session(12).await };
        let call = |method, path: &str, body: Value| {
            let call = app.anonymous(method, &format!("/businesses/{}{path}", studio.id));
            send(call.header("X-API-KEY", &secret).json(&body))
        };
        let ask = |body: Value| call(Method::POST, "/email/suppressions/remove", body);
        let path = format!("/email/suppressions?email={ADA}");
        let seen = call(Method::GET, &path, json!({})).await.ok();
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

/// Records mail that another system sent, and returns the id of the only one.
pub async fn recorded(app: &App, studio: &Business<'_>, body: Value) -> u64 {
    let accepted = studio.post("/email/record", body).await.ok();
    app.drain().await;
    let request = accepted["request_id"].as_str().expect("a request");
    let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
    found["messages"][0]["message_id"].as_u64().unwrap_or_else(|| panic!("{found}"))
}

// ---- Webhooks --------------------------------------------------------------------------------------------------

/// The providers whose events come over HTTP, and what each calls its id of a mail.
const PROVIDERS: [&str; 3] = ["sendgrid", "mailgun", "postmark"];

/// A call of a webhook, ready for the router.
pub struct Hook {
    provider: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Hook {
    fn request(&self) -> Request {
        let mut request = Request::post(format!("/omega/email/webhooks/{}", self.provider))
            .header("content-type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Body::from(self.body.clone())).expect("a request")
    }

    pub async fn post(&self, app: &App) -> u16 {
        answered(app.local.router(), self.request()).await
    }

    fn with_body(&self, body: impl Into<Vec<u8>>) -> Hook {
        Hook { provider: self.provider, headers: self.headers.clone(), body: body.into() }
    }
}

async fn answered(router: axum::Router, request: Request) -> u16 {
    let answer = router.oneshot(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    serde_json::from_slice::<Value>(&body).expect("an answer in JSON");
    status
}

fn seconds(app: &App) -> String {
    app.clock.now().as_seconds().to_string()
}

/// What SendGrid posts: signed as it is written, with a line's end.
fn sendgrid_at(keys: &Providers, timestamp: &str, body: impl Into<Vec<u8>>) -> Hook {
    let body = body.into();
    let signed = signature::sendgrid::sign(&keys.sendgrid_private_key, timestamp, &body).expect("a key");
    let headers = vec![
        (signature::sendgrid::TIMESTAMP_HEADER, timestamp.to_owned()),
        (signature::sendgrid::SIGNATURE_HEADER, signed),
    ];
    Hook { provider: "sendgrid", headers, body }
}

pub fn sendgrid(app: &App, events: &Value) -> Hook {
    sendgrid_at(&app.local.providers, &seconds(app), format!("{events}\r\n"))
}

/// A token that is used once, of 50 hexadecimal digits as Mailgun's are.
pub fn mailgun_token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:050x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn mailgun_with(key: &str, timestamp: &str, event: &Value) -> Hook {
    let token = mailgun_token();
    let signed = signature::mailgun::sign(key, timestamp, &token);
    let body = json!({
        "signature": {"timestamp": timestamp, "token": token, "signature": signed},
        "event-data": event,
    });
    Hook { provider: "mailgun", headers: Vec::new(), body: body.to_string().into_bytes() }
}

pub fn mailgun(app: &App, event: &Value) -> Hook {
    mailgun_with(&app.local.providers.mailgun_signing_key, &seconds(app), event)
}

pub fn postmark(app: &App, event: &Value) -> Hook {
    let credentials = signature::basic::sign(&app.local.providers.postmark_credentials);
    Hook {
        provider: "postmark",
        headers: vec![("authorization", credentials)],
        body: event.to_string().into_bytes(),
    }
}

/// A report of a provider about one mail, by the provider's own id: `delivered`, `bounced`, `complained`, `opted_out`.
fn says(app: &App, provider: &str, id: &str, email: &str, what: &str) -> Hook {
    let at = app.clock.now();
    match provider {
        "sendgrid" => {
            let name = match what {
                "delivered" => "delivered",
                "bounced" => "bounce",
                "complained" => "spamreport",
                _ => "unsubscribe",
            };
            let event = json!({"event": name, "email": email, "timestamp": at.as_seconds(), "type": "bounce",
                               "sg_message_id": format!("{id}.recvd-5f6c7d8e9-abcde-1-69B30000-1.0")});
            sendgrid(app, &json!([event]))
        }
        "mailgun" => {
            let name = match what {
                "delivered" => "delivered",
                "bounced" => "failed",
                "complained" => "complained",
                _ => "unsubscribed",
            };
            let event = json!({"event": name, "severity": "permanent", "reason": "bounce", "recipient": email,
                               "timestamp": at.as_seconds(), "message": {"headers": {"message-id": id}}});
            mailgun(app, &event)
        }
        _ => {
            let mut event = json!({"MessageID": id, "Recipient": email});
            let more = match what {
                "delivered" => json!({"RecordType": "Delivery", "DeliveredAt": at.to_string()}),
                "bounced" => json!({"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1}),
                "complained" => json!({"RecordType": "SpamComplaint"}),
                _ => json!({"RecordType": "SubscriptionChange", "SuppressSending": true,
                            "SuppressionReason": "ManualSuppression"}),
            };
            event.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            postmark(app, &event)
        }
    }
}

/// The body of a call that records a mail that this provider carried.
pub fn to_record(studio: &Business<'_>, provider: &str, id: &str, to: &str) -> Value {
    let (name, id) = match provider {
        "sendgrid" => ("sg_message_id", format!("{id}.filter-1")),
        "mailgun" => ("message_id", format!("<{id}>")),
        _ => ("MessageID", id.to_owned()),
    };
    let mail = json!({"client_id": 7, "to_email": to, "subject": "Hello", "message": "Hi", "status": "sent",
                      "provider_metadata": {name: id}});
    json!({"category": "conversation", "from_email": studio.email, "provider": provider, "messages": [mail]})
}

#[tokio::test]
async fn mail_that_another_provider_carried_is_followed_by_the_providers_id() {
    let app = App::start().await;
    let studio = app.business().await;
    for provider in PROVIDERS {
        let (id, to) = (format!("id-at-{provider}"), format!("{provider}@example.com"));
        let message = recorded(&app, &studio, to_record(&studio, provider, &id, &to)).await;
        assert_eq!(studio.status(message).await, "sent");
        assert_eq!(says(&app, provider, &id, &to, "delivered").post(&app).await, 200);
        assert_eq!(studio.status(message).await, "delivered", "{provider}");
        assert_eq!(suppressed(&studio, &to).await, FREE);
        let bounced = says(&app, provider, &id, &to, "bounced");
        assert_eq!((bounced.post(&app).await, bounced.post(&app).await), (200, 200));
        let shown = studio.message(message).await;
        assert_eq!(
            (&shown["status"], &shown["error_code"]),
            (&json!("bounced"), &json!("bounce")),
            "{provider}"
        );
        assert!(shown["delivered_at"].is_string());
        assert_eq!(suppressed(&studio, &to).await, blocked_by("bounce"), "{provider}");
        let reports = studio.timeline(message).await;
        let reports = reports.iter().filter(|(source, _, _)| source == "provider").count();
        assert_eq!(reports, 2, "{provider}");
    }
}

#[tokio::test]
async fn what_a_provider_says_before_the_mail_is_recorded_waits_for_it() {
    let app = App::start().await;
    let studio = app.business().await;
    for provider in PROVIDERS {
        for (what, status, suppression) in [
            ("bounced", "bounced", blocked_by("bounce")),
            ("complained", "complained", blocked_by("complaint")),
            ("opted_out", "delivered", (None, true)),
        ] {
            let (id, to) = (format!("{what}-at-{provider}"), format!("{provider}-{what}@example.com"));
            for what in ["delivered", what, what] {
                assert_eq!(says(&app, provider, &id, &to, what).post(&app).await, 200);
            }
            assert_eq!(suppressed(&studio, &to).await, FREE, "nobody knows whose mail it is");
            let message = recorded(&app, &studio, to_record(&studio, provider, &id, &to)).await;
            assert_eq!(studio.status(message).await, status, "{provider}, {what}");
            assert_eq!(suppressed(&studio, &to).await, suppression, "{provider}, {what}");
            assert!(studio.message(message).await["delivered_at"].is_string());
        }
    }
}

#[tokio::test]
async fn a_recorder_that_dies_loses_nothing_that_waited() {
    at_every_call(4, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        for what in ["delivered", "complained"] {
            says(&app, "sendgrid", "id", ADA, what).post(&app).await;
        }
        let accepted = studio.post("/email/record", to_record(&studio, "sendgrid", "id", ADA)).await.ok();
        let died = app.dies(n, when, app.local.deliver_once(Source::Record)).await;
        visible_again(&app).await;
        let request = accepted["request_id"].as_str().unwrap();
        let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
        assert_eq!(found["counts"], json!({"complained": 1}), "died at {n}, {when:?}");
        assert_eq!(suppressed(&studio, ADA).await, blocked_by("complaint"), "died at {n}, {when:?}");
        died
    })
    .await;
}

/// Mails that SendGrid carried, each with its id there, and the call that recorded them.
async fn a_hundred(app: &App, studio: &Business<'_>) -> String {
    let mails: Vec<Value> = (0..100)
        .map(|n| {
            json!({"client_id": 100 + n, "to_email": format!("n{n}@example.com"), "subject": "Hello", "message": "Hi",
                   "provider_metadata": {"sg_message_id": format!("id{n}")}})
        })
        .collect();
    let body = json!({"category": "campaign", "from_email": studio.email, "provider": "sendgrid", "messages": mails});
    let accepted = studio.post("/email/record", body).await.ok();
    app.drain().await;
    accepted["request_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_odd_event_among_a_hundred_keeps_none_of_the_others() {
    let app = App::start().await;
    let studio = app.business().await;
    let request = a_hundred(&app, &studio).await;
    let mut events: Vec<Value> = (0..100)
        .map(|n| json!({"event": "delivered", "email": format!("n{n}@example.com"), "sg_message_id": format!("id{n}.x")}))
        .collect();
    let odd =
        [json!(null), json!({"event": 7}), json!("what"), json!({"event": "bounce", "sg_message_id": ["x"]})];
    for odd in odd {
        events.insert(50, odd);
    }
    let hook = sendgrid(&app, &json!(events));
    assert_eq!(hook.post(&app).await, 200);
    let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
    assert_eq!(found["counts"], json!({"delivered": 100}));
    app.local.wire.clear();
    assert_eq!(hook.post(&app).await, 200, "once more");
    assert_eq!(app.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn the_signature_of_sendgrid_is_over_every_byte_and_the_time() {
    let app = App::start().await;
    app.local.wire.clear();
    let event =
        json!([{"event": "bounce", "email": ADA, "sg_message_id": "id.x", "timestamp": 1_769_860_800}]);
    let now = app.clock.now().as_seconds();
    let good = sendgrid(&app, &event);
    assert!(good.body.ends_with(b"\r\n"));
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    let other_keys = Providers::new().unwrap();
    let unsigned = Hook { headers: Vec::new(), ..good.with_body(good.body.clone()) };
    let refused = [
        ("written again", good.with_body(format!("{pretty}\r\n"))),
        ("without its end", good.with_body(event.to_string())),
        ("empty", good.with_body("")),
        ("old", sendgrid_at(&app.local.providers, &(now - 700).to_string(), good.body.clone())),
        ("from the future", sendgrid_at(&app.local.providers, &(now + 700).to_string(), good.body.clone())),
        ("by another key", sendgrid_at(&other_keys, &now.to_string(), good.body.clone())),
        ("not signed", unsigned),
    ];
    for (what, hook) in refused {
        assert_eq!(hook.post(&app).await, 403, "{what}");
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new(), "nothing is looked at before");
    assert_eq!(good.post(&app).await, 200);
    assert_eq!(sendgrid(&app, &json!({"event": "bounce"})).post(&app).await, 422, "signed, and no list");
}

#[tokio::test]
async fn mailgun_is_told_406_to_stop_and_200_when_it_repeats_itself() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = recorded(&app, &studio, to_record(&studio, "mailgun", "id@mg.example.com", ADA)).await;
    app.local.wire.clear();
    let good = says(&app, "mailgun", "id@mg.example.com", ADA, "bounced");
    let event = serde_json::from_slice::<Value>(&good.body).unwrap()["event-data"].clone();
    let key = &app.local.providers.mailgun_signing_key;
    let old = (app.clock.now().as_seconds() - 13 * 3600).to_string();
    for (what, hook) in [
        ("another key", mailgun_with("another", &seconds(&app), &event)),
        ("old", mailgun_with(key, &old, &event)),
        ("not signed", good.with_body(json!({"event-data": event}).to_string())),
        ("no JSON", good.with_body("event=delivered")),
        ("empty", good.with_body("")),
    ] {
        assert_eq!(hook.post(&app).await, 406, "{what}");
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
    assert_eq!(good.post(&app).await, 200);
    assert_eq!(studio.status(id).await, "bounced");
    let before = (studio.message(id).await, studio.timeline(id).await);
    assert_eq!(good.post(&app).await, 200);
    assert_eq!((studio.message(id).await, studio.timeline(id).await), before);
}

#[tokio::test]
async fn postmark_proves_itself_with_the_credentials_in_its_address() {
    let app = App::start().await;
    app.local.wire.clear();
    let good = says(&app, "postmark", "883953f4-6105-42a2-a16a-77a8eac79483", ADA, "bounced");
    let other = signature::basic::sign("postmark:guess");
    for headers in [Vec::new(), vec![("authorization", other)], vec![("authorization", "Basic x".to_owned())]]
    {
        let hook = Hook { headers, ..good.with_body(good.body.clone()) };
        assert_eq!(hook.post(&app).await, 403);
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
    assert_eq!(good.post(&app).await, 200);
    assert_eq!(good.with_body("[]").post(&app).await, 422);
}

#[tokio::test]
async fn a_provider_that_omega_does_not_know_is_named() {
    let app = App::start().await;
    app.local.wire.clear();
    for (route, end) in [("webhooks", ""), ("inbound", "/mime")] {
        for provider in ["sparkpost", "SES", "%20"] {
            let path = format!("/email/{route}/{provider}{end}");
            let answer = send(app.anonymous(Method::POST, &path).body("{}")).await;
            assert_eq!(answer.bad_fields(), [r#"["path","provider"]"#], "{path}");
        }
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
}

/// A webhook handler of its own, with a stand-in for SNS that counts what is asked of it.
async fn own_webhooks(app: &App, settings: impl FnOnce(Settings) -> Settings) -> (axum::Router, Wire) {
    let wire = Wire::new();
    let pages = axum::Router::new()
        .route("/SimpleNotificationService-local.pem", get(async || SNS_CERTIFICATE))
        .route("/", get(async || "<ConfirmSubscriptionResponse/>"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(local::wire::serve(listener, wire.layer("sns", pages)));
    let keys = &app.local.providers;
    let deps = app.local.email_sender();
    let usual = Settings {
        sns_topics: vec![SNS_TOPIC.to_owned()],
        sns_version_1: false,
        sns_endpoint: Some(origin.clone()),
        sendgrid_public_key: Some(keys.sendgrid_public_key.clone()),
        sendgrid_credentials: Some(keys.sendgrid_credentials.clone()),
        mailgun_signing_key: Some(keys.mailgun_signing_key.clone()),
        postmark_credentials: Some(keys.postmark_credentials.clone()),
        bucket: local::BUCKET.to_owned(),
    };
    let state = email_webhooks::State {
        store: deps.store.clone(),
        received: deps.outbox.email.clone(),
        objects: deps.objects.clone(),
        fetcher: fetch::Fetcher::new(fetch::Config { trusted_origins: vec![origin] }),
        settings: settings(usual),
        certificates: Certificates::default(),
    };
    (web::app(email_webhooks::routes(state)), wire)
}

fn sns_key() -> Vec<u8> {
    let lines = SNS_KEY.lines().filter(|line| !line.starts_with('-'));
    STANDARD.decode(lines.collect::<String>()).expect("a key")
}

/// What SNS posts when SES published this.
fn notification(app: &App, notice: &str) -> sns::Message {
    signed(sns::Message {
        kind: sns::Kind::Notification,
        message_id: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324".to_owned(),
        topic_arn: SNS_TOPIC.to_owned(),
        message: notice.to_owned(),
        timestamp: app.clock.now().to_string(),
        subject: Some("Amazon SES Email Event Notification".to_owned()),
        signature: String::new(),
        signature_version: "2".to_owned(),
        signing_cert_url: CERTIFICATE_URL.to_owned(),
        subscribe_url: None,
        token: None,
    })
}

fn confirmation(app: &App) -> sns::Message {
    let url = format!(
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={SNS_TOPIC}&Token=2336412f"
    );
    signed(sns::Message {
        kind: sns::Kind::SubscriptionConfirmation,
        message: "You have chosen to subscribe".to_owned(),
        subject: None,
        subscribe_url: Some(url),
        token: Some("2336412f".to_owned()),
        ..notification(app, "")
    })
}

fn signed(message: sns::Message) -> sns::Message {
    let signature = sns::sign(&message, &sns_key()).expect("a key");
    sns::Message { signature, ..message }
}

fn by_sns(message: &sns::Message) -> Hook {
    let headers = vec![("x-amz-sns-message-type", "Notification".to_owned())];
    Hook { provider: "ses", headers, body: sns::write(message).into_bytes() }
}

/// What SES says when a mail came back, as it would publish it.
fn bounce_notice(app: &App, mail: &str) -> String {
    let mail = app.local.ses.mail(mail).expect("a known mail");
    let tags: serde_json::Map<String, Value> =
        mail.tags.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    let bounced: Vec<Value> = mail.recipients().iter().map(|to| json!({"emailAddress": to})).collect();
    json!({
        "eventType": "Bounce",
        "mail": {"messageId": mail.id, "destination": mail.recipients(), "tags": tags},
        "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": bounced},
    })
    .to_string()
}

#[tokio::test]
async fn reports_of_ses_come_by_sns_too_and_the_certificate_is_fetched_once() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (router, sns) = own_webhooks(&app, |usual| usual).await;
    for n in 0..3 {
        let email = format!("n{n}@example.com");
        let (id, mail) = handed_over(&app, &studio, to_send("conversation", &email, &[], &[])).await;
        let hook = by_sns(&notification(&app, &bounce_notice(&app, &mail)));
        for _ in 0..2 {
            assert_eq!(answered(router.clone(), hook.request()).await, 200);
        }
        assert_eq!(studio.status(id).await, "bounced");
        assert_eq!(suppressed(&studio, &email).await, blocked_by("bounce"));
    }
    assert_eq!(sns.operations("sns"), ["GET /SimpleNotificationService-local.pem"]);
    let hook =
        by_sns(&notification(&app, "Successfully validated SNS topic for Amazon SES event publishing."));
    assert_eq!(answered(router.clone(), hook.request()).await, 200);
    let hook = by_sns(&notification(&app, "what is this"));
    assert_eq!(answered(router, hook.request()).await, 422);
}

#[tokio::test]
async fn a_message_of_sns_that_was_altered_or_is_not_ours_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, mail) = to_ada(&app, &studio).await;
    let notice = bounce_notice(&app, &mail);
    let good = notification(&app, &notice);
    let (router, asked) = own_webhooks(&app, |usual| usual).await;
    let foreign_topic = format!("{SNS_TOPIC}-of-another");
    let elsewhere = |url: &str| signed(sns::Message { signing_cert_url: url.to_owned(), ..good.clone() });
    let hour_ago = app.clock.now().minus(HOUR + HOUR / 60).to_string();
    let never_fetched = [
        ("a foreign topic", signed(sns::Message { topic_arn: foreign_topic, ..good.clone() })),
        ("a foreign certificate", elsewhere("https://sns.example.com/x.pem")),
        (
            "a certificate in a bucket",
            elsewhere("https://s3.amazonaws.com/x/SimpleNotificationService-local.pem"),
        ),
        ("a certificate without TLS", elsewhere(&CERTIFICATE_URL.replace("https", "http"))),
        ("a certificate that pretends", elsewhere("https://sns.us-east-1.amazonaws.com.example.com/x.pem")),
    ];
    app.local.wire.clear();
    for (what, message) in &never_fetched {
        assert_eq!(answered(router.clone(), by_sns(message).request()).await, 403, "{what}");
    }
    assert_eq!(asked.calls().len(), 0, "nothing is fetched for strangers");
    let refused = [
        ("altered", sns::Message { message: notice.replace("Permanent", "Permanent "), ..good.clone() }),
        ("with another subject", sns::Message { subject: None, ..good.clone() }),
        ("version 1", signed(sns::Message { signature_version: "1".to_owned(), ..good.clone() })),
        ("version 3", signed(sns::Message { signature_version: "3".to_owned(), ..good.clone() })),
        ("old", signed(sns::Message { timestamp: hour_ago, ..good.clone() })),
        ("not signed", sns::Message { signature: String::new(), ..good.clone() }),
    ];
    for (what, message) in &refused {
        assert_eq!(answered(router.clone(), by_sns(message).request()).await, 403, "{what}");
    }
    for body in ["", "{}", "[]", "Notification"] {
        let hook = by_sns(&good).with_body(body);
        assert_eq!(answered(router.clone(), hook.request()).await, 403, "{body}");
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
    assert_eq!(studio.status(id).await, "sent");
    assert_eq!(answered(router, by_sns(&good).request()).await, 200);
}

#[tokio::test]
async fn a_subscription_to_a_topic_of_ours_is_confirmed_once_and_no_other_one_is() {
    let app = App::start().await;
    let (router, asked) = own_webhooks(&app, |usual| usual).await;
    let good = confirmation(&app);
    let foreign = signed(sns::Message { topic_arn: format!("{SNS_TOPIC}2"), ..good.clone() });
    let elsewhere = good.subscribe_url.as_deref().map(|url| url.replace("amazonaws.com", "example.com"));
    let elsewhere = signed(sns::Message { subscribe_url: elsewhere, ..good.clone() });
    let altered = sns::Message { token: Some("other".to_owned()), ..good.clone() };
    for message in [foreign, elsewhere, altered] {
        assert_eq!(answered(router.clone(), by_sns(&message).request()).await, 403);
    }
    let confirmed = || asked.operations("sns").iter().filter(|operation| *operation == "GET /").count();
    assert_eq!(confirmed(), 0);
    assert_eq!(answered(router.clone(), by_sns(&good).request()).await, 200);
    assert_eq!(confirmed(), 1);

    let ended = signed(sns::Message { kind: sns::Kind::UnsubscribeConfirmation, ..good });
    assert_eq!(answered(router, by_sns(&ended).request()).await, 200);
    assert_eq!(confirmed(), 1, "whoever ended it meant it");
}

#[tokio::test]
async fn a_confirmation_that_could_not_be_made_comes_again() {
    let app = App::start().await;
    let (router, asked) = own_webhooks(&app, |usual| usual).await;
    let hook = by_sns(&confirmation(&app));
    asked.fail("sns", Some("GET /"), 1, 500, "");
    assert_eq!(answered(router.clone(), hook.request()).await, 503);
    assert_eq!(answered(router.clone(), hook.request()).await, 200);

    let (router, asked) = own_webhooks(&app, |usual| usual).await;
    asked.fail("sns", None, 1, 404, "");
    assert_eq!(answered(router.clone(), hook.request()).await, 503, "no certificate");
    assert_eq!(answered(router, hook.request()).await, 200, "what was no certificate is not kept");
}

#[tokio::test]
async fn version_1_of_sns_has_to_be_asked_for() {
    let app = App::start().await;
    let good = confirmation(&app);
    let (router, _) = own_webhooks(&app, |usual| Settings { sns_version_1: true, ..usual }).await;
    assert_eq!(answered(router.clone(), by_sns(&good).request()).await, 200, "version 2 is always good");
    let first = signed(sns::Message { signature_version: "1".to_owned(), ..good });
    assert_eq!(answered(router, by_sns(&first).request()).await, 403, "signed with the hash of version 2");
}

#[tokio::test]
async fn a_provider_that_is_not_set_up_is_refused() {
    let app = App::start().await;
    let hooks = [
        by_sns(&notification(&app, "Successfully validated SNS topic")),
        says(&app, "sendgrid", "id", ADA, "bounced"),
        says(&app, "mailgun", "id", ADA, "bounced"),
        says(&app, "postmark", "id", ADA, "bounced"),
    ];
    let (router, asked) = own_webhooks(&app, |_| Settings::default()).await;
    app.local.wire.clear();
    for hook in hooks {
        let expected = if hook.provider == "mailgun" { 406 } else { 403 };
        assert_eq!(answered(router.clone(), hook.request()).await, expected, "{}", hook.provider);
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
    assert_eq!(asked.calls().len(), 0);
}

#[tokio::test]
async fn a_signature_holds_for_what_the_gateway_encodes() {
    let app = App::start().await;
    for (n, hook) in [
        says(&app, "sendgrid", "id", ADA, "bounced"),
        says(&app, "mailgun", "id", ADA, "bounced"),
        says(&app, "postmark", "id", ADA, "bounced"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/omega/email/webhooks/{}", hook.provider);
        for encoded in [false, true] {
            let body = if encoded {
                STANDARD.encode(&hook.body)
            } else {
                String::from_utf8(hook.body.clone()).unwrap()
            };
            let headers: serde_json::Map<String, Value> =
                hook.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            let event = json!({
                "version": "2.0", "routeKey": "POST /omega/email/webhooks/{provider}", "rawPath": path,
                "rawQueryString": "", "headers": headers, "body": body, "isBase64Encoded": encoded,
                "requestContext": {
                    "accountId": "000000000000", "apiId": "api", "domainName": "api.example.com",
                    "domainPrefix": "api", "requestId": "r", "routeKey": "POST /omega/email/webhooks/{provider}",
                    "stage": "$default", "time": "31/Jan/2026:12:00:00 +0000", "timeEpoch": 1_769_860_800_000_u64,
                    "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                             "userAgent": "x"},
                },
            });
            let request = lambda_http::request::from_str(&event.to_string()).unwrap();
            let request = request.map(|body| Body::from(body.to_vec()));
            assert_eq!(answered(app.local.router(), request).await, 200, "{n}, encoded: {encoded}");
        }
    }
}

#[tokio::test]
async fn while_the_table_is_away_a_provider_is_asked_to_come_again() {
    let app = App::start().await;
    let studio = app.business().await;
    for provider in PROVIDERS {
        let to = format!("{provider}@example.com");
        let id = recorded(&app, &studio, to_record(&studio, provider, provider, &to)).await;
        let hook = says(&app, provider, provider, &to, "complained");
        app.local.wire.fail("dynamodb", None, usize::MAX, 400, REFUSAL);
        assert!(hook.post(&app).await >= 500, "{provider}");
        app.local.wire.heal();
        assert_eq!(studio.status(id).await, "sent");
        assert_eq!(hook.post(&app).await, 200);
        assert_eq!(studio.status(id).await, "complained");
        assert_eq!(suppressed(&studio, &to).await, blocked_by("complaint"), "{provider}");
    }
}

#[tokio::test]
async fn a_report_by_another_provider_with_our_own_mark_finds_its_mail() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, _) = to_ada(&app, &studio).await;
    let at = MessageRef {
        business: BusinessId::new(studio.id).unwrap(),
        client: ClientId::new(7).unwrap(),
        message: MessageId::new(id).unwrap(),
    };
    let event = json!({"event": "delivered", "email": ADA, "sg_message_id": "x.y", "omega": tag(at, 1)});
    assert_eq!(sendgrid(&app, &json!([event])).post(&app).await, 200);
    assert_eq!(studio.status(id).await, "delivered");
}

// ---- Deaths and noise ------------------------------------------------------------------------------------------

/// What a queue handed out is handed out again after a while, when nobody did it.
async fn visible_again(app: &App) {
    app.clock.advance(HOUR);
    app.drain().await;
}

async fn dies_reading(
    n: usize,
    when: Halt,
    event: Event,
    cc: &[&str],
    end: (&str, (Option<String>, bool)),
) -> bool {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    let (id, mail) = handed_over(&app, &studio, to_send("conversation", ADA, cc, &[])).await;
    happens(&app, &mail, [delivery()]).await;
    app.local.ses.send_events(&mail, [event]).await;
    let died = app.dies(n, when, app.local.deliver_once(Source::EmailEvents)).await;
    visible_again(&app).await;

    let message = studio.message(id).await;
    assert_eq!(message["status"], end.0, "died at {n}, {when:?}: {message}");
    assert!(message["delivered_at"].is_string());
    assert_eq!(suppressed(&studio, ADA).await, end.1, "died at {n}, {when:?}");
    let timeline = studio.timeline(id).await;
    let reports = timeline.iter().filter(|(source, _, _)| source == "provider").count();
    assert_eq!(reports, 2 + cc.len(), "died at {n}, {when:?}: {timeline:?}");
    assert_eq!(app.local.ses.mails().len(), 1);
    died
}

#[tokio::test]
async fn a_consumer_that_dies_reading_of_a_bounce_is_followed_by_one_that_reads_it() {
    let end = || ("bounced", blocked_by("bounce"));
    at_every_call(2, async |n, when| dies_reading(n, when, hard(), &[], end()).await).await;
}

#[tokio::test]
async fn a_consumer_that_dies_reading_of_an_opt_out_is_followed_by_one_that_reads_it() {
    let out = || EventType::Subscription.into();
    let end = || ("delivered", (None, true));
    at_every_call(3, async |n, when| dies_reading(n, when, out(), &[], end()).await).await;
}

#[tokio::test]
async fn a_consumer_that_dies_reading_of_a_copy_is_followed_by_one_that_reads_it() {
    let end = || ("complained", blocked_by("complaint"));
    at_every_call(3, async |n, when| dies_reading(n, when, complaint().of([ADA]), &[BEN], end()).await).await;
}

#[tokio::test]
async fn a_soft_bounce_whose_consumer_died_is_tried_again_once() {
    at_every_call(2, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        silent(&app);
        let (id, mail) = to_ada(&app, &studio).await;
        app.local.ses.send_events(&mail, [soft()]).await;
        let died = app.dies(n, when, app.local.deliver_once(Source::EmailEvents)).await;
        app.live(HOUR * 6, HOUR).await;
        let attempt = studio.message(id).await["attempt"].clone();
        assert_eq!((app.local.ses.mails().len(), attempt), (2, json!(2)), "died at {n}, {when:?}");
        died
    })
    .await;
}

#[test]
fn no_altered_call_of_a_webhook_is_a_defect_and_none_that_is_refused_is_written_down() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let studio = runtime.block_on(app.business());
    let (router, _) = runtime.block_on(own_webhooks(&app, |usual| usual));
    silent(&app);
    let (_, mail) = runtime.block_on(to_ada(&app, &studio));
    let notice = bounce_notice(&app, &mail);
    app.clock.freeze();
    let mut runner = cases(120);
    let change = (0usize..4, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0u8..5);
    runner
        .run(&change, |(which, place, length, byte, kind)| {
            let good = match which {
                0 => by_sns(&notification(&app, &notice)),
                1 => says(&app, "sendgrid", "id", ADA, "bounced"),
                2 => says(&app, "mailgun", "id", ADA, "bounced"),
                _ => says(&app, "postmark", "id", ADA, "bounced"),
            };
            let mut body = good.body.clone();
            let (at, to) = (place.index(body.len()), length.index(body.len()));
            match kind {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                2 => body.truncate(at),
                3 => drop(body.drain(at.min(to)..at.max(to))),
                _ => body.extend_from_within(at.min(to)..at.max(to)),
            }
            app.local.wire.clear();
            let altered = body != good.body;
            let status = runtime.block_on(answered(router.clone(), good.with_body(body).request()));
            // Another file on SNS's own host may be its certificate a moment later: SNS is asked to come again.
            let names_another_file = which == 0 && altered && status == 503;
            assert!(status < 500 || names_another_file, "{}: {status}", good.provider);
            if which == 1 && altered {
                assert_eq!(status, 403);
            }
            if status != 200 {
                assert_eq!(app.writes(), Vec::<String>::new(), "{}: {status}", good.provider);
            }
            Ok(())
        })
        .unwrap();
}
