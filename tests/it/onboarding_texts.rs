//! What may be sent from a number as far as carriers are concerned, and the text that tries things out.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use local::Source;
use local::fake_twilio::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, send};
use crate::onboarding::{onboard, step};
use crate::onboarding_steps::{ADA, BELIEVED, NUMBER, OTHER, at, call, failed, now, refusal, with_number};

const LONDON: &str = "+442079460000";

// ---- A2P 10DLC -------------------------------------------------------------------------------------------------

/// Says how the number is registered.
async fn told(app: &App, registration: &str) -> String {
    let number = json!({"phone_number": NUMBER, "a2p_registration": registration});
    let key = call(app, &json!({"business_id": 5, "phone_numbers": [number]})).await;
    app.drain().await;
    app.clock.advance(BELIEVED);
    key
}

#[tokio::test]
async fn carriers_of_the_united_states_get_nothing_from_a_number_that_is_not_registered() {
    let app = App::start().await;
    let key = told(&app, "unregistered").await;
    for (registration, state) in [("unregistered", "pending"), ("pending", "pending"), ("rejected", "failed")]
    {
        told(&app, registration).await;
        let said = at(&app, "a2p_registration").await;
        assert_eq!(said.0, state, "{registration}");
        assert!(said.1.contains(NUMBER) && said.2.contains("a2p_registration"), "{said:?}");
        let refused = refusal(&app, &key, ADA, None).await.unwrap();
        assert!(refused.contains("A2P 10DLC") && refused.contains("Register"), "{refused}");
        assert_eq!(refusal(&app, &key, LONDON, None).await, None, "other countries do not ask");
    }
    for registration in ["registered", "exempt"] {
        told(&app, registration).await;
        assert_eq!(refusal(&app, &key, ADA, None).await, None);
        // Not mentioned again, it stays so.
        call(&app, &with_number()).await;
        app.drain().await;
        assert_eq!(at(&app, "a2p_registration").await.0, "done");
    }
}

#[tokio::test]
async fn what_nobody_told_is_not_held_against_a_number() {
    let app = App::start().await;
    let key = call(&app, &with_number()).await;
    app.set_up(5).await;
    assert_eq!(refusal(&app, &key, ADA, None).await, None);
    let (state, reason, _) = at(&app, "a2p_registration").await;
    assert_eq!(state, "pending");
    assert!(reason.contains("was not said") && reason.contains(NUMBER), "{reason}");
}

#[tokio::test]
async fn a_text_that_was_queued_before_a_registration_was_rejected_does_not_reach_twilio() {
    let app = App::start().await;
    let studio = app.business().await;
    let number = |registration: &str| {
        let number = json!({"phone_number": studio.number, "a2p_registration": registration});
        json!({"business_id": studio.id, "phone_numbers": [number]})
    };
    let id = studio.queue(7, ADA, "Hello").await;
    call(&app, &number("rejected")).await;
    app.drain().await;

    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("failed"), &json!("configuration")));
    assert_eq!(message["error_code"], json!("30034"));
    assert_eq!(app.calls_that_send(), 0);

    call(&app, &number("registered")).await;
    app.set_up(studio.id).await;
    app.clock.advance(BELIEVED);
    studio.post(&format!("/messages/{id}/retry"), json!({})).await.ok();
    app.drain().await;
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivered", 1));
}

#[tokio::test]
async fn a_message_of_the_one_entrance_is_refused_too_without_a_registration() {
    let app = App::start().await;
    let key = told(&app, "pending").await;
    let own = |method, path: &str| app.anonymous(method, path).header("X-API-KEY", &key);
    let client = json!({"client_phone_number": ADA});
    send(own(Method::PUT, "/businesses/5/clients/7").json(&client)).await.ok();
    let body = json!({"business_id": 5, "client_id": 7, "channel": "sms", "message": "Hi"});
    let refused = send(own(Method::POST, "/messages/process").json(&body)).await;
    assert_eq!(refused.bad_fields(), [r#"["body","from_phone_number"]"#]);
    // What the client wrote is recorded all the same.
    let body =
        json!({"business_id": 5, "client_id": 7, "channel": "sms", "message": "Hi", "sender_type": "client"});
    send(own(Method::POST, "/messages/process").json(&body)).await.ok();
}

// ---- The text to try things out --------------------------------------------------------------------------------

fn with_test() -> Value {
    json!({"business_id": 5, "from_phone_number": NUMBER, "test_phone_number": ADA})
}

#[tokio::test]
async fn the_test_is_sent_once_however_often_it_is_asked_for() {
    let app = App::start().await;
    let answer = send(onboard(&app, &with_test())).await.ok();
    assert_eq!(step(&answer, "test_message")["state"], "pending");
    app.drain().await;
    assert_eq!(at(&app, "test_message").await.0, "done");
    for _ in 0..3 {
        call(&app, &with_test()).await;
        app.drain().await;
    }
    let job = json!({"v": 1, "type": "provision", "business_id": 5}).to_string();
    app.enqueue(&app.local.queue_url(Source::Onboarding), &job).await;
    app.drain().await;
    assert_eq!(app.sent(), [(ADA.to_owned(), "omega test message of 5".to_owned())]);
    assert_eq!(now(&app).await["status"], "completed");

    // Another number is another test.
    call(&app, &json!({"business_id": 5, "test_phone_number": OTHER})).await;
    app.drain().await;
    assert_eq!((app.sent().len(), at(&app, "test_message").await.0.as_str()), (2, "done"));
}

#[tokio::test]
async fn the_test_waits_for_its_number_and_makes_a_client_who_can_be_named_later() {
    let app = App::start().await;
    app.local.twilio.register_numbers([OTHER]);
    let key = call(&app, &with_test()).await;
    app.drain().await;
    assert_eq!((at(&app, "test_message").await.0.as_str(), app.sent().len()), ("pending", 0));
    app.local.twilio.register_numbers([NUMBER]);
    call(&app, &with_test()).await;
    app.drain().await;
    assert_eq!(at(&app, "test_message").await.0, "done");

    let client = json!({"client_phone_number": ADA, "client_name": "Ada"});
    let named = app.anonymous(Method::PUT, "/businesses/5/clients/7").header("X-API-KEY", &key);
    send(named.json(&client)).await.ok();
    app.sweep().await;
    let found =
        app.anonymous(Method::GET, "/businesses/5/conversations/7/messages").header("X-API-KEY", &key);
    let found = send(found).await.ok().to_string();
    assert!(found.contains("omega test message"), "{found}");
}

#[tokio::test]
async fn a_test_that_fails_says_why_and_can_be_retried() {
    let app = App::start().await;
    app.local.twilio.script(Some(ADA), [Answer::refuse(21408)]);
    let key = call(&app, &with_test()).await;
    app.drain().await;
    failed(&app, "test_message", "Texts to this country are switched off").await;
    let (_, _, action) = at(&app, "test_message").await;
    let id: u64 = action.split(' ').nth(2).unwrap().trim_end_matches(',').parse().unwrap();

    let retry = app.anonymous(Method::POST, &format!("/businesses/5/messages/{id}/retry"));
    send(retry.header("X-API-KEY", &key).json(&json!({}))).await.ok();
    app.drain().await;
    app.set_up(5).await;
    assert_eq!(at(&app, "test_message").await.0, "done");
}

#[tokio::test]
async fn a_test_to_somebody_who_said_stop_is_not_sent() {
    let app = App::start().await;
    call(&app, &with_number()).await;
    app.set_up(5).await;
    app.text(ADA, NUMBER, "STOP").await;
    call(&app, &with_test()).await;
    app.drain().await;
    failed(&app, "test_message", "STOP").await;
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn a_test_that_carriers_would_refuse_waits_for_the_registration() {
    let app = App::start().await;
    call(&app, &with_test()).await;
    told(&app, "pending").await;
    let sent = app.sent().len();
    call(&app, &json!({"business_id": 5, "test_phone_number": OTHER})).await;
    app.drain().await;
    let (state, _, action) = at(&app, "test_message").await;
    assert_eq!((state.as_str(), app.sent().len()), ("pending", sent));
    assert!(action.contains("a2p_registration"), "{action}");
    told(&app, "registered").await;
    assert_eq!(at(&app, "test_message").await.0, "done");
}
