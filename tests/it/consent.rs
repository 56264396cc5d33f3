//! Consent to texts belongs to the business; beside it, Twilio may block one of its numbers for a client.

use std::time::Duration;

use domain::id::MessageRef;
use domain::{BusinessId, ClientId, MessageId};
use local::Source;
use local::fake_twilio::{Answer, Callback};
use serde_json::{Value, json};
use store::sending::{Claim, Turn};

use crate::app::{App, Business};

const ADA: &str = "+14155550123";
const B: &str = "+14155559000";

/// A business with a default number and the number B.
async fn studio_with_two(app: &App) -> Business<'_> {
    let studio = app.business().await;
    app.onboard_number(&studio, B).await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    studio
}

/// What becomes of a text to Ada, as the status and the error of its item.
async fn sends(studio: &Business<'_>, from: Option<&str>, category: &str) -> (String, String) {
    let mut body = studio.send_body(&[(7, ADA, "Hello")]);
    body["category"] = json!(category);
    if let Some(from) = from {
        body["from_phone_number"] = json!(from);
    }
    let item = studio.post("/sms/send", body).await.ok()["items"][0].clone();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (word(&item["status"]), word(&item["error"]))
}

#[tokio::test]
async fn stop_to_one_number_stops_every_number_and_every_category() {
    let app = App::start().await;
    let studio = studio_with_two(&app).await;
    app.text(ADA, B, "STOP").await;
    for from in [None, Some(B), Some(studio.number.as_str())] {
        for category in ["campaign", "notification", "conversation"] {
            let (status, error) = sends(&studio, from, category).await;
            assert_eq!((status.as_str(), error.as_str()), ("blocked", "The client has opted out of texts."));
        }
    }
    let body = json!({"business_id": studio.id, "channel": "sms", "client_id": 7, "message": "Hi",
                      "sender_type": "staff"});
    let processed = crate::app::send(
        app.anonymous(reqwest::Method::POST, "/messages/process")
            .header("X-API-KEY", &studio.key)
            .json(&body),
    )
    .await
    .ok();
    assert_eq!(processed["items"][0]["status"], "blocked", "{processed}");
    app.drain().await;
    assert_eq!(app.sent(), []);
}

#[tokio::test]
async fn text_waiting_at_another_number_is_blocked_by_the_stop() {
    let app = App::start().await;
    let studio = studio_with_two(&app).await;
    let waiting = studio.queue(7, ADA, "Sale!").await;
    app.text(ADA, B, "STOP").await;
    app.drain().await;
    let message = studio.message(waiting).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("blocked"), &json!("consent")));
    assert_eq!(app.sent(), []);
}

#[tokio::test]
async fn start_at_another_number_lifts_the_stop_and_the_blocked_number_is_passed_over() {
    let app = App::start().await;
    let studio = studio_with_two(&app).await;
    let a = studio.number.clone();
    app.text(ADA, &a, "STOP").await;
    app.text(ADA, B, "START").await;

    let (status, error) = sends(&studio, Some(&a), "conversation").await;
    assert_eq!(status, "blocked");
    assert!(error.contains("Twilio blocks texts from this number"), "{error}");
    assert_eq!(sends(&studio, Some(B), "conversation").await.0, "queued");
    assert_eq!(sends(&studio, None, "campaign").await.0, "queued");
    app.drain().await;
    let from: Vec<String> = app.local.twilio.outbox().into_iter().map(|message| message.from).collect();
    assert_eq!(from, [B, B]);

    // The default comes last, and B is passed over as well after a STOP there and a START at A.
    app.text(ADA, B, "STOP").await;
    assert_eq!(sends(&studio, None, "conversation").await.0, "blocked");
    app.text(ADA, &a, "START").await;
    assert_eq!(sends(&studio, Some(B), "conversation").await.0, "blocked");
    assert_eq!(sends(&studio, None, "conversation").await.0, "queued");
    app.drain().await;
    assert_eq!(app.local.twilio.outbox().pop().unwrap().from, a);
}

#[tokio::test]
async fn yes_means_start_at_any_number_to_a_client_who_opted_out_and_nothing_to_others() {
    let app = App::start().await;
    let studio = studio_with_two(&app).await;
    app.text(ADA, &studio.number, "STOP").await;
    app.text(ADA, B, "Yes!").await;
    assert_eq!(sends(&studio, Some(B), "conversation").await.0, "queued");
    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    app.text(ADA, B, "yes").await;
    assert_eq!(studio.client(7).await["unread_messages_count"], 1, "now it answers some question");
}

#[tokio::test]
async fn another_business_is_not_stopped() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    app.text(ADA, &studio.number, "STOP").await;
    other.queue(7, ADA, "Hello").await;
    app.drain().await;
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn refusal_of_a_text_handed_over_after_start_opts_out_of_every_number() {
    let app = App::start().await;
    let studio = studio_with_two(&app).await;
    app.text(ADA, &studio.number, "START").await;
    for answer in [Answer::refuse(21610), Answer::accept().with_callbacks([("failed", 21610)])] {
        app.local.twilio.script(Some(ADA), [answer]);
        assert_eq!(sends(&studio, Some(&studio.number), "conversation").await.0, "queued");
        app.drain().await;
        assert_eq!(sends(&studio, Some(B), "conversation").await.0, "blocked");
        app.text(ADA, &studio.number, "START").await;
    }
    assert_eq!(sends(&studio, Some(B), "conversation").await.0, "queued");
}

#[tokio::test]
async fn late_refusal_of_a_text_from_before_start_marks_its_number_alone() {
    for start_at in [Some(B), None] {
        let app = App::start().await;
        let studio = studio_with_two(&app).await;
        let a = studio.number.clone();
        app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
        assert_eq!(sends(&studio, Some(&a), "conversation").await.0, "queued");
        app.drain().await;
        let sid = app.local.twilio.outbox()[0].sid.clone();
        app.text(ADA, &a, "STOP").await;
        app.text(ADA, start_at.unwrap_or(&a), "START").await;
        app.local.twilio.send_callbacks(&sid, [("failed", 21610)]).await;

        assert_eq!(sends(&studio, Some(B), "conversation").await.0, "queued", "the business may text");
        let from_a = sends(&studio, Some(&a), "conversation").await.0;
        let expected = if start_at.is_none() { "queued" } else { "blocked" };
        assert_eq!(from_a, expected, "START at {start_at:?}");
    }
}

/// The test orders by commits in the table: claim, STOP, hand-over.
#[tokio::test]
async fn claim_older_than_a_second_looks_at_consent_again_before_the_hand_over() {
    for (age, wanted) in [(Duration::from_millis(500), true), (Duration::from_secs(2), false)] {
        let app = App::start().await;
        let studio = app.business().await;
        let id = studio.queue(7, ADA, "Hello").await;
        let store = &app.local.sender().store;
        let at = MessageRef {
            business: BusinessId::new(studio.id).unwrap(),
            client: ClientId::new(7).unwrap(),
            message: MessageId::new(id).unwrap(),
        };
        let Turn::Ours(mut message) = store.turn(at, 1).await.unwrap() else { panic!("not its turn") };
        assert_eq!(store.claim(&mut message, 1).await.unwrap(), Claim::Ours);
        app.text(ADA, &studio.number, "STOP").await;
        app.clock.advance(age);
        assert_eq!(store.is_still_wanted(&message, 1).await.unwrap(), wanted, "{age:?}");
        let expected = if wanted { "sending" } else { "blocked" };
        assert_eq!(studio.status(id).await, expected);
        app.local.deliver_once(Source::Sms).await.unwrap();
        assert_eq!(app.sent(), [], "nobody claims it a second time");
    }
}

#[tokio::test]
async fn stop_and_start_alone_are_no_question_and_reopen_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    studio.receives(ADA, "Hello").await;
    studio.marks(json!({"conversation_id": 7})).await;
    studio.act("/conversations/7/status?status=resolved").await.ok();
    for word in ["STOP", "Start.", "unsubscribe", "UNSTOP"] {
        studio.receives(ADA, word).await;
        let ada = studio.client(7).await;
        assert_eq!(
            (&ada["status"], &ada["unread_messages_count"]),
            (&json!("resolved"), &json!(0)),
            "{word}"
        );
        assert_eq!(ada["last_message_content"], word, "the thread has it");
    }
    assert_eq!(studio.inbox("message_filter=unread").await["total"], 0);
    let messages = studio.messages(7, "").await;
    assert!(messages["items"].as_array().unwrap().iter().all(|message| message["is_read"] == true));
    for (n, words) in ["STOP texting me at night", "please stop", "help"].into_iter().enumerate() {
        studio.receives(ADA, words).await;
        let ada = studio.client(7).await;
        assert_eq!(
            (&ada["status"], &ada["unread_messages_count"]),
            (&json!("open"), &json!(n + 1)),
            "{words}"
        );
    }
}

#[tokio::test]
async fn stop_of_a_stranger_is_kept_and_opens_no_conversation_until_they_write() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.receives(ADA, "STOP").await;
    assert_eq!(studio.inbox("").await["total"], 0);
    let stranger = app.message_ids(studio.id).await[0].0;
    let seen = studio.messages(stranger, "").await;
    assert_eq!((&seen["total"], &seen["items"][0]["message"]), (&json!(1), &json!("STOP")));
    studio.receives(ADA, "Who are you?").await;
    let inbox = studio.inbox("status=open").await;
    assert_eq!((&inbox["total"], &inbox["items"][0]["unread_messages_count"]), (&json!(1), &json!(1)));
    assert_eq!(studio.messages(stranger, "").await["total"], 2);
}
