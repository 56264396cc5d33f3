//! An `Idempotency-Key` belongs to the caller: nobody else of the business can use it up, or read what it was answered.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::app::{Answered, App, Business, send};

const ADA: &str = "+14155550123";

/// A text that is sent under the key `k`.
fn sending(studio: &Business<'_>, secret: &str, text: &str) -> RequestBuilder {
    let path = format!("/businesses/{}/sms/send", studio.id);
    let request = studio.app.anonymous(Method::POST, &path).header("X-API-KEY", secret);
    request.header("Idempotency-Key", "k").json(&studio.send_body(&[(7, ADA, text)]))
}

fn is_replay(answer: &Answered) -> bool {
    answer.header("idempotency-replayed").is_some()
}

#[tokio::test]
async fn a_session_cannot_use_up_or_read_the_key_of_a_program() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    let session = studio.session(12).await;

    let by_session = send(sending(&studio, &session, "Mine")).await;
    let by_program = send(sending(&studio, &studio.key, "Ours")).await;
    let same_as_program = send(sending(&studio, &session, "Ours")).await;
    let again = send(sending(&studio, &studio.key, "Ours")).await;

    assert_eq!((by_session.status, by_program.status, is_replay(&by_program)), (200, 200, false));
    assert_ne!(by_session.body["request_id"], by_program.body["request_id"]);
    assert_eq!(same_as_program.status, 422, "the member used the key for another text");
    assert!(is_replay(&again));
    assert_eq!(again.body, by_program.body);
    app.drain().await;
    assert_eq!(app.sent().len(), 2);
}

#[tokio::test]
async fn each_member_is_a_caller_whatever_the_session() {
    let app = App::start().await;
    let studio = app.business().await;
    for id in [12, 13] {
        studio.staff(id, json!({"staff_name": "Ada"})).await;
    }
    let (first, second, other) =
        (studio.session(12).await, studio.session(12).await, studio.session(13).await);

    let begun = send(sending(&studio, &first, "Hello")).await.ok();
    let repeated = send(sending(&studio, &second, "Hello")).await;
    let anothers = send(sending(&studio, &other, "Hello")).await;

    assert!(is_replay(&repeated) && !is_replay(&anothers));
    assert_eq!(repeated.body, begun);
    assert_ne!(anothers.ok()["request_id"], begun["request_id"]);
}

#[tokio::test]
async fn the_keys_of_a_rotation_are_one_caller() {
    let app = App::start().await;
    let studio = app.business().await;
    let begun = send(sending(&studio, &studio.key, "Hello")).await.ok();
    let rotated = studio.post("/api-keys", json!({})).await.ok();

    let repeated = send(sending(&studio, rotated["api_key"].as_str().unwrap(), "Hello")).await;

    assert!(is_replay(&repeated));
    assert_eq!(repeated.body, begun);
    app.drain().await;
    assert_eq!(app.sent().len(), 1);
}
