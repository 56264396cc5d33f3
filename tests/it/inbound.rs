//! Texts from clients: stored once, in one conversation, and heard when they say STOP.

use std::collections::BTreeSet;

use local::fake_twilio::ClientText;
use serde_json::{Value, json};

use crate::app::{App, Business};

const ADA: &str = "+14155550123";
const BOB: &str = "+14155550124";

/// The profile of whoever writes from an address.
async fn profile_of(app: &App, studio: &Business<'_>, from: &str) -> Value {
    let business = domain::BusinessId::new(studio.id).expect("an id");
    let address = domain::address::Address::from_key(from).expect("an address");
    let found = app.local.sender().store.client_by_address(business, &address).await;
    let client = found.expect("the table answers").expect("the sender is known");
    studio.client(client.get()).await
}

#[tokio::test]
async fn fifty_deliveries_of_one_text_are_one_message() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    let mut text = ClientText::new(ADA, &studio.number, "Hi");
    text.message_sid = Some("SM0123456789abcdef0123456789abcdef".to_owned());
    text.times = Some(50);
    let sent = app.local.twilio.client_sends(text).await;
    assert_eq!(sent.attempts.len(), 50);
    assert!(sent.attempts.iter().all(|attempt| attempt.status == Some(200)), "{sent:?}");
    assert_eq!(studio.client(7).await["unread_messages_count"], 1);
}

#[tokio::test]
async fn a_text_that_is_replayed_a_year_later_changes_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    let mut text = ClientText::new(ADA, &studio.number, "Hi");
    text.message_sid = Some("SM0123456789abcdef0123456789abcdef".to_owned());
    app.local.twilio.client_sends(text.clone()).await;
    let before = studio.client(7).await;
    app.clock.advance(std::time::Duration::from_secs(365 * 24 * 3600));
    let again = app.local.twilio.client_sends(text).await;
    assert_eq!(again.status, Some(200));
    assert_eq!(studio.client(7).await, before);
}

#[tokio::test]
async fn a_hundred_first_texts_at_once_are_one_conversation_with_a_hundred_messages() {
    let app = App::start().await;
    let studio = app.business().await;
    let bodies: Vec<String> = (0..100).map(|n| format!("text {n}")).collect();
    let texts = bodies.iter().map(|body| app.text(ADA, &studio.number, body));
    let sent = futures_util::future::join_all(texts).await;
    assert!(sent.iter().all(|sent| sent.status == Some(200)));
    // On a slow machine some come in by the fallback.
    app.drain().await;
    let ada = profile_of(&app, &studio, ADA).await;
    assert_eq!(ada["unread_messages_count"], 100);
    let ids = app.message_ids(studio.id).await;
    assert_eq!(ids.len(), 100);
    let clients: BTreeSet<u64> = ids.iter().map(|(client, _)| *client).collect();
    assert_eq!(clients.len(), 1, "one client, one conversation");
    assert_eq!(ada["last_message_id"].as_u64(), ids.iter().map(|(_, id)| *id).max());
}

#[tokio::test]
async fn what_a_sender_wrote_before_the_directory_named_them_is_found_by_their_number() {
    let app = App::start().await;
    let studio = app.business().await;
    app.text(ADA, &studio.number, "Is this the studio?").await;
    let unknown = profile_of(&app, &studio, ADA).await;
    assert_eq!((&unknown["client_name"], &unknown["client_phone_number"]), (&json!(null), &json!(ADA)));
    assert_eq!(unknown["last_message_content"], "Is this the studio?");
}

#[tokio::test]
async fn pictures_come_along() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut text = ClientText::new(ADA, &studio.number, "");
    text.media =
        vec!["https://api.twilio.com/media/1".to_owned(), "https://api.twilio.com/media/2".to_owned()];
    assert_eq!(app.local.twilio.client_sends(text).await.status, Some(200));
    let ids = app.message_ids(studio.id).await;
    let message = studio.message(ids[0].1).await;
    assert_eq!(message["attachments"].as_array().map(Vec::len), Some(2));
    assert_eq!(message["attachments"][1]["url"], "https://api.twilio.com/media/2");
    assert_eq!((&message["direction"], &message["status"]), (&json!("inbound"), &json!("received")));
}

#[tokio::test]
async fn stop_and_start_are_heard_for_every_number_of_the_business() {
    let app = App::start().await;
    let studio = app.business().await;
    let second = "+14155559000";
    app.onboard_number(&studio, second).await;
    let send = async |from: &str, client: u64, to: &str| {
        let mut body = studio.send_body(&[(client, to, "Hello")]);
        body["from_phone_number"] = json!(from);
        let answer = studio.post("/sms/send", body).await.ok();
        app.drain().await;
        answer["items"][0]["status"].as_str().expect("a status").to_owned()
    };
    assert_eq!(send(&studio.number, 7, ADA).await, "queued");

    app.text(ADA, &studio.number, " Stop. ").await;
    assert_eq!(send(&studio.number, 7, ADA).await, "blocked");
    assert_eq!(send(second, 7, ADA).await, "blocked", "STOP stops every number");
    assert_eq!(send(second, 8, BOB).await, "queued", "another client said nothing");
    assert_eq!(
        send(&studio.number, 9, "(415) 555-0123").await,
        "blocked",
        "the same phone under another client"
    );

    app.text(ADA, &studio.number, "help").await;
    assert_eq!(send(&studio.number, 7, ADA).await, "blocked");
    app.text(ADA, &studio.number, "STOP 12345").await;
    app.text(ADA, &studio.number, "yes").await;
    assert_eq!(send(&studio.number, 7, ADA).await, "queued", "yes is START for somebody who opted out");

    app.text(ADA, &studio.number, "UNSUBSCRIBE").await;
    app.text(ADA, &studio.number, "Start").await;
    assert_eq!(send(&studio.number, 7, ADA).await, "queued");
}

#[tokio::test]
async fn a_text_that_was_queued_before_the_stop_is_not_sent_after_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Sale!").await;
    app.text(ADA, &studio.number, "STOP").await;
    app.drain().await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("blocked"), &json!("consent")));
    assert_eq!(app.sent(), []);
    let refused = studio.post(&format!("/messages/{id}/retry"), json!({})).await;
    assert_eq!(refused.status, 422);
}
