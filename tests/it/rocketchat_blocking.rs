//! Contacts who are not listened to on a channel, as clients of Rocket.Chat say it.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use local::fake_ses::RawMail;
use serde_json::{Value, json};

use crate::app::{App, Business, send};
use crate::desk::numbers;
use crate::faults::at_every_call;
use crate::rocketchat_contacts::{ADA, Rocket, global, refused};

const MAILBOX: &str = "ada@example.org";

fn pair(contact: &str, kind: &str) -> Value {
    json!({"visitor": {"visitorId": contact, "source": {"type": kind}}})
}

impl Rocket<'_> {
    async fn block(&self, contact: &str, kind: &str) {
        let answer = self.post("/omnichannel/contacts.block", pair(contact, kind)).await.ok();
        assert_eq!(answer, json!({"success": true}));
    }

    async fn unblock(&self, contact: &str, kind: &str) {
        let answer = self.post("/omnichannel/contacts.unblock", pair(contact, kind)).await.ok();
        assert_eq!(answer, json!({"success": true}));
    }

    /// The kinds of channels that are blocked.
    async fn blocked(&self, contact: &str) -> Vec<String> {
        let contact = self.contact(contact).await;
        let channels = contact["channels"].as_array().unwrap().iter();
        let blocked = channels.filter(|channel| channel["blocked"] == true);
        blocked.map(|channel| channel["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Status, unread messages and messages of the conversation with Ada, who is client 7.
async fn stands(studio: &Business<'_>) -> (String, u64, usize) {
    let client = studio.client(7).await;
    let messages = studio.messages(7, "page_size=100").await["items"].as_array().unwrap().len();
    let status = client["status"].as_str().unwrap().to_owned();
    (status, client["unread_messages_count"].as_u64().unwrap(), messages)
}

fn stand(status: &str, unread: u64, messages: usize) -> (String, u64, usize) {
    (status.to_owned(), unread, messages)
}

/// Ada, with a number and a mailbox, who wrote once.
async fn wrote<'a>(app: &App, studio: &'a Business<'a>) -> (Rocket<'a>, String) {
    let entry = json!({"client_name": "Ada", "client_phone_number": ADA, "client_email": MAILBOX});
    studio.put("/clients/7", entry).await.ok();
    studio.receives(ADA, "Hi").await;
    app.clock.advance(Duration::from_secs(1));
    (studio.rocket().await, global(studio, 7))
}

async fn mails(app: &App, studio: &Business<'_>, text: &str) {
    let mailbox = &studio.email;
    let id = app.clock.now().as_millis();
    let raw = format!(
        "From: {MAILBOX}\r\nTo: {mailbox}\r\nSubject: Hi\r\nMessage-ID: <{id}@example.org>\r\n\r\n{text}\r\n"
    );
    let mail = RawMail { raw: raw.into_bytes(), to: vec![mailbox.clone()], ..RawMail::default() };
    app.local.ses.hand_in(mail).await.unwrap();
    app.drain().await;
}

#[tokio::test]
async fn what_comes_in_on_a_blocked_channel_is_kept_and_nobody_is_told() {
    let app = App::start().await;
    let studio = app.business().await;
    let (rocket, ada) = wrote(&app, &studio).await;
    assert_eq!(stands(&studio).await, stand("open", 1, 1));

    rocket.block(&ada, "sms").await;

    assert_eq!(rocket.blocked(&ada).await, ["sms"]);
    assert_eq!(stands(&studio).await, stand("resolved", 1, 1), "the open room is closed");
    studio.opens_with(8, "+14155550124").await;
    studio.receives(ADA, "Are you there?").await;
    assert_eq!(stands(&studio).await, stand("resolved", 1, 2));
    assert_eq!(numbers(&studio.inbox("").await, "client_id"), [8, 7], "it is not moved up");
    let messages = studio.messages(7, "").await;
    let kept = &messages["items"].as_array().unwrap().iter().find(|item| item["message"] == "Are you there?");
    assert_eq!(kept.unwrap()["is_read"], true);

    rocket.unblock(&ada, "sms").await;

    assert_eq!(rocket.blocked(&ada).await, Vec::<String>::new());
    assert_eq!(stands(&studio).await, stand("resolved", 1, 2), "what came meanwhile stays as it is");
    studio.receives(ADA, "And now?").await;
    assert_eq!(stands(&studio).await, stand("open", 2, 3));
}

#[tokio::test]
async fn channels_are_blocked_one_by_one() {
    let app = App::start().await;
    let studio = app.business().await;
    let (rocket, ada) = wrote(&app, &studio).await;
    rocket.block(&ada, "email").await;
    mails(&app, &studio, "Nobody hears this").await;
    assert_eq!(stands(&studio).await, stand("resolved", 1, 2));
    studio.receives(ADA, "This they do").await;
    assert_eq!(stands(&studio).await, stand("open", 2, 3));
    rocket.block(&ada, "sms").await;
    assert_eq!(rocket.blocked(&ada).await, ["sms", "email"]);
    rocket.unblock(&ada, "email").await;
    assert_eq!(rocket.blocked(&ada).await, ["sms"]);
    mails(&app, &studio, "And this").await;
    assert_eq!(stands(&studio).await, stand("open", 3, 4));
}

#[tokio::test]
async fn a_keyword_is_heard_on_a_blocked_channel_and_what_the_business_sends_goes_out() {
    let app = App::start().await;
    let studio = app.business().await;
    let (rocket, ada) = wrote(&app, &studio).await;
    rocket.block(&ada, "sms").await;
    studio.queue(7, ADA, "Your appointment").await;
    app.drain().await;
    assert_eq!(app.sent(), [(ADA.to_owned(), "Your appointment".to_owned())]);
    studio.receives(ADA, "STOP").await;
    let answer = studio.post("/sms/send", studio.send_body(&[(7, ADA, "Sale!")])).await.ok();
    assert_eq!(answer["items"][0]["status"], "blocked", "{answer}");
    assert_eq!(stands(&studio).await.0, "resolved");
}

#[tokio::test]
async fn blocking_and_unblocking_twice_is_as_good_as_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let (rocket, ada) = wrote(&app, &studio).await;
    for _ in 0..2 {
        rocket.block(&ada, "sms").await;
        assert_eq!(rocket.blocked(&ada).await, ["sms"]);
    }
    let resolved = studio.history(7).await;
    assert_eq!(resolved.len(), 1, "{resolved:?}");
    for _ in 0..2 {
        rocket.unblock(&ada, "sms").await;
        assert_eq!(rocket.blocked(&ada).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn only_a_channel_of_the_contact_can_be_blocked() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let contact = json!({"name": "Ada", "emails": ["ada@example.org"], "phones": ["not a number"]});
    let ada = rocket.makes(contact).await;
    let with_id = json!({"visitor": {"visitorId": ada, "source": {"type": "email", "id": "x"}}});
    for asked in [pair(&ada, "sms"), pair(&ada, "widget"), pair(&ada, "other"), pair(&ada, ""), with_id] {
        for route in ["block", "unblock"] {
            let answer = rocket.post(&format!("/omnichannel/contacts.{route}"), asked.clone()).await;
            refused(answer, 400, "error-contact-not-found");
        }
    }
    rocket.block(&ada, "email").await;
    assert_eq!(rocket.blocked(&ada).await, ["email"]);
}

#[tokio::test]
async fn a_blocked_stranger_stays_unknown_and_stays_blocked_when_the_directory_names_them() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    studio.receives(ADA, "Hi").await;
    let page = rocket.get("/omnichannel/contacts.search?unknown=true").await.ok();
    let stranger = page["contacts"][0]["_id"].as_str().unwrap().to_owned();
    rocket.block(&stranger, "sms").await;
    assert_eq!(rocket.contact(&stranger).await["unknown"], true);

    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": ADA})).await.ok();

    assert_eq!(rocket.blocked(&global(&studio, 7)).await, ["sms"]);
    assert_eq!(rocket.contact(&stranger).await["_id"], global(&studio, 7));
    studio.receives(ADA, "Hello?").await;
    assert_eq!(stands(&studio).await, stand("resolved", 1, 2));
}

#[tokio::test]
async fn a_change_of_the_directory_leaves_what_is_blocked() {
    let app = App::start().await;
    let studio = app.business().await;
    let (rocket, ada) = wrote(&app, &studio).await;
    rocket.block(&ada, "sms").await;
    studio.put("/clients/7", json!({"client_name": "Ada King"})).await.ok();
    rocket.post("/omnichannel/contacts.update", json!({"contactId": ada, "name": "Ada"})).await.ok();
    assert_eq!(rocket.blocked(&ada).await, ["sms"]);
}

#[tokio::test]
async fn no_text_that_arrives_meanwhile_reopens_what_blocking_closes() {
    let app = App::start().await;
    let studio = app.business().await;
    let (rocket, ada) = wrote(&app, &studio).await;
    for round in 0..20 {
        studio.act("/conversations/7/status?status=resolved").await.ok();
        rocket.unblock(&ada, "sms").await;
        tokio::join!(studio.receives(ADA, "Hello?"), rocket.block(&ada, "sms"));
        assert_eq!(studio.client(7).await["status"], "resolved", "{round}");
    }
}

#[tokio::test]
async fn a_death_while_a_channel_is_blocked_leaves_it_blocked_after_the_call_is_repeated() {
    at_every_call(4, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let (rocket, ada) = wrote(&app, &studio).await;
        let block =
            || rocket.call(reqwest::Method::POST, "/omnichannel/contacts.block").json(&pair(&ada, "sms"));
        let died = app.dies(n, when, send(block())).await;
        send(block()).await.ok();
        assert_eq!(rocket.blocked(&ada).await, ["sms"]);
        assert_eq!(studio.history(7).await.len(), 1);
        studio.receives(ADA, "Hello?").await;
        assert_eq!(stands(&studio).await, stand("resolved", 1, 2));
        died
    })
    .await;
}

#[tokio::test]
async fn a_death_while_a_channel_is_unblocked_leaves_it_unblocked_after_the_call_is_repeated() {
    at_every_call(2, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let (rocket, ada) = wrote(&app, &studio).await;
        rocket.block(&ada, "sms").await;
        let unblock =
            || rocket.call(reqwest::Method::POST, "/omnichannel/contacts.unblock").json(&pair(&ada, "sms"));
        let died = app.dies(n, when, send(unblock())).await;
        send(unblock()).await.ok();
        studio.receives(ADA, "Hello?").await;
        assert_eq!(stands(&studio).await, stand("open", 2, 2));
        died
    })
    .await;
}
