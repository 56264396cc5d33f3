//! What came to a number or a mailbox of nobody finds its way when that becomes somebody's: all of it, once, at its own
//! time.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use local::Source;
use local::fake_ses::RawMail;
use local::wire::Halt;
use serde_json::json;

use crate::app::{App, Business, send};
use crate::faults::at_every_call;
use crate::onboarding::onboard;

const ADA: &str = "+14155550123";
const BOB: &str = "+14155550124";
const LATER: &str = "+14155559000";
const HOUR: Duration = Duration::from_secs(3600);

impl App {
    async fn kept_aside(&self) -> usize {
        let items = self.items().await;
        items.iter().filter(|item| crate::ledger::text(item, "type") == "Quarantined").count()
    }

    async fn mail(&self, from: &str, to: &str, body: &str) {
        let raw = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: Hi\r\nMessage-ID: <{body}@example.org>\r\n\r\n{body}\r\n"
        );
        let mail = RawMail { raw: raw.into_bytes(), to: vec![to.to_owned()], ..RawMail::default() };
        self.local.ses.hand_in(mail).await.expect("SES takes it");
        self.drain().await;
    }

    /// A business takes the number and the mailbox; what is left to jobs is not done yet.
    async fn claims(&self, studio: &Business<'_>, mailbox: Option<&str>) {
        let body = json!({"business_id": studio.id, "phone_numbers": [{"phone_number": LATER}], "from_email": mailbox});
        send(onboard(self, &body)).await.ok();
    }
}

impl Business<'_> {
    /// The words of a conversation, oldest first.
    pub async fn thread(&self, client: u64) -> Vec<String> {
        let messages = self.every_message().await;
        let theirs = messages.iter().filter(|message| message["client_id"] == client);
        theirs.map(|message| message["message"].as_str().unwrap().trim().to_owned()).collect()
    }

    async fn words(&self) -> Vec<String> {
        let messages = self.every_message().await;
        let mut words: Vec<String> =
            messages.iter().map(|message| message["message"].as_str().unwrap().trim().to_owned()).collect();
        words.sort_unstable();
        words
    }
}

#[tokio::test]
async fn text_to_a_number_of_nobody_is_in_its_conversation_when_the_number_is_somebodys() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    assert_eq!(app.text(ADA, LATER, "first").await.status, Some(200));
    let written = app.clock.now();
    app.clock.advance(HOUR);
    app.text(ADA, LATER, "second").await;
    app.text(BOB, LATER, "from Bob").await;
    app.text(ADA, "+14155559001", "to another number").await;
    app.clock.advance(HOUR);
    app.text(ADA, &studio.number, "third").await;
    assert_eq!((studio.every_message().await.len(), app.kept_aside().await), (1, 4));

    app.clock.advance(HOUR);
    app.onboard_number(&studio, LATER).await;

    assert_eq!(studio.thread(7).await, ["first", "second", "third"], "each at its own time");
    let ada = studio.client(7).await;
    assert_eq!((&ada["unread_messages_count"], &ada["last_message_content"]), (&json!(3), &json!("third")));
    let first = studio.every_message().await.remove(0);
    assert_eq!(first["created_at"].as_str().unwrap()[..16], written.to_string()[..16]);
    assert_eq!(first["to_address"], LATER);
    assert_eq!(studio.words().await, ["first", "from Bob", "second", "third"]);
    assert_eq!(app.kept_aside().await, 1, "what is for another number stays");

    // Set up again, nothing happens again.
    app.onboard_number(&studio, LATER).await;
    assert_eq!(studio.every_message().await.len(), 4);
}

#[tokio::test]
async fn kept_text_that_twilio_delivers_again_is_one_text() {
    let app = App::start().await;
    let studio = app.business().await;
    let sent = app.text(ADA, LATER, "Hi").await;
    let mut again = local::fake_twilio::ClientText::new(ADA, LATER, "Hi");
    again.message_sid = Some(sent.message_sid);
    app.local.twilio.client_sends(again.clone()).await;
    assert_eq!(app.kept_aside().await, 1);
    app.onboard_number(&studio, LATER).await;
    app.local.twilio.client_sends(again).await;
    assert_eq!(studio.words().await, ["Hi"]);
}

#[tokio::test]
async fn text_between_claim_and_replay_is_stored_once_with_the_others() {
    let app = App::start().await;
    let studio = app.business().await;
    app.text(ADA, LATER, "before").await;
    app.claims(&studio, None).await;
    app.text(ADA, LATER, "between").await;
    assert_eq!(studio.words().await, ["between"]);
    app.drain().await;
    assert_eq!(studio.words().await, ["before", "between"]);
    assert_eq!(app.kept_aside().await, 0);
}

#[tokio::test]
async fn text_whose_number_is_claimed_while_it_is_being_kept_aside_is_not_left_behind() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.counts(|server, operation| server == "dynamodb" && operation == "TransactWriteItems");
    let keeping = app.local.wire.halt_at(0, Halt::Before);
    let meanwhile = async {
        assert!(keeping.reached().await);
        app.claims(&studio, None).await;
        app.drain().await;
        app.local.wire.heal();
    };
    let (sent, ()) = tokio::join!(app.text(ADA, LATER, "Hi"), meanwhile);
    assert_eq!(sent.status, Some(200));
    app.drain().await;
    assert_eq!((studio.words().await, app.kept_aside().await), (vec!["Hi".to_owned()], 0));
}

#[tokio::test]
async fn consent_word_that_was_kept_aside_counts_unless_the_client_said_something_since() {
    let app = App::start().await;
    let studio = app.business().await;
    app.text(ADA, LATER, "STOP").await;
    app.text(BOB, LATER, "STOP").await;
    app.clock.advance(HOUR);
    app.text("+14155550125", LATER, "START").await;
    app.clock.advance(HOUR);
    app.claims(&studio, None).await;
    app.clock.advance(HOUR);
    app.text(BOB, LATER, "START").await;
    app.text("+14155550125", LATER, "STOP").await;
    app.drain().await;
    app.clock.advance(HOUR);
    app.set_up(studio.id).await;

    let mut body = studio.send_body(&[(7, ADA, "Sale!"), (8, BOB, "Sale!"), (9, "+14155550125", "Sale!")]);
    body["from_phone_number"] = json!(LATER);
    let items = studio.post("/sms/send", body).await.ok()["items"].clone();
    let status: Vec<&str> =
        items.as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["blocked", "queued", "blocked"]);
    assert_eq!(studio.every_message().await.len(), 6);
}

#[tokio::test]
async fn mail_to_a_mailbox_of_nobody_is_in_its_conversation_when_the_mailbox_is_somebodys() {
    let app = App::start().await;
    let studio = app.business().await;
    app.mail("ada@example.org", "later@example.com", "one").await;
    let written = app.clock.now();
    app.clock.advance(HOUR);
    app.mail("ada@example.org", "later@example.com", "two").await;
    app.mail("ada@example.org", "other@example.com", "three").await;
    app.clock.advance(HOUR);
    app.mail("ada@example.org", &studio.email, "four").await;
    assert_eq!((studio.every_message().await.len(), app.kept_aside().await), (1, 3));

    app.clock.advance(HOUR);
    app.claims(&studio, Some("Later@example.com")).await;
    app.drain().await;

    let messages = studio.every_message().await;
    let client = messages[0]["client_id"].as_u64().unwrap();
    assert_eq!(studio.thread(client).await, ["one", "two", "four"]);
    assert_eq!(messages[0]["created_at"].as_str().unwrap()[..16], written.to_string()[..16]);
    assert_eq!(studio.client(client).await["unread_messages_count"], 3);
    assert_eq!(app.kept_aside().await, 1, "what is for another mailbox stays");
}

#[tokio::test]
async fn mail_whose_mailbox_is_claimed_while_it_is_being_kept_aside_is_not_left_behind() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = b"From: ada@example.org\r\nTo: later@example.com\r\nSubject: Hi\r\n\r\nHi\r\n".to_vec();
    let mail = RawMail { raw, to: vec!["later@example.com".to_owned()], ..RawMail::default() };
    app.local.ses.hand_in(mail).await.unwrap();
    app.local.wire.counts(|server, operation| server == "dynamodb" && operation == "TransactWriteItems");
    let keeping = app.local.wire.halt_at(0, Halt::Before);
    let meanwhile = async {
        assert!(keeping.reached().await);
        app.claims(&studio, Some("later@example.com")).await;
        app.local.deliver_once(Source::Onboarding).await.unwrap();
        app.local.wire.heal();
    };
    let (batch, ()) = tokio::join!(app.local.deliver_once(Source::EmailEvents), meanwhile);
    batch.unwrap();
    app.recover().await;
    assert_eq!((studio.words().await, app.kept_aside().await), (vec!["Hi".to_owned()], 0));
}

#[tokio::test]
async fn provisioner_that_dies_while_it_places_what_was_kept_aside_loses_and_repeats_nothing() {
    at_every_call(7, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        app.text(ADA, LATER, "one").await;
        app.text(BOB, LATER, "two").await;
        app.mail("eve@example.org", "later@example.com", "three").await;
        app.claims(&studio, Some("later@example.com")).await;
        // A death at a read is a death after the write before it.
        let changes = ["TransactWriteItems", "DeleteItem", "UpdateItem", "SendMessageBatch"];
        app.local.wire.counts(move |_, operation| changes.contains(&operation));
        let died = app.dies(n, when, app.local.deliver_once(Source::Onboarding)).await;
        app.recover().await;
        let place = format!("died at {n}, {when:?}");
        assert_eq!(studio.words().await, ["one", "three", "two"], "{place}");
        assert_eq!(app.kept_aside().await, 0, "{place}");
        died
    })
    .await;
}

#[tokio::test]
async fn more_than_one_job_can_place_is_placed_by_the_next_ones() {
    let app = App::start().await;
    let studio = app.business().await;
    let texts: Vec<String> = (0..230).map(|n| format!("text {n:03}")).collect();
    for hundred in texts.chunks(50) {
        futures_util::future::join_all(hundred.iter().map(|body| app.text(ADA, LATER, body))).await;
    }
    app.drain().await;
    app.claims(&studio, None).await;
    app.recover().await;
    assert_eq!(studio.words().await, texts);
    assert_eq!(app.kept_aside().await, 0);
}
