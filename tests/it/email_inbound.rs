//! Mail from clients: in the right conversation, once, and no trouble whatever it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use local::Source;
use local::fake_ses::{ClientFile, ClientMail, RawMail, Verdicts};
use local::wire::Halt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};
use crate::faults::{REFUSAL, at_every_call, cases};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.net";
/// Ada's number in the directory.
const SEVEN: u64 = 7;
const HOUR: Duration = Duration::from_secs(3600);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A mail of ours, as its receiver has it.
struct Ours {
    /// The id that SES put in the place of ours. In angle brackets, as all ids here.
    ses_id: String,
    own_id: String,
    /// The address that an answer goes to.
    reply_to: String,
}

/// The studio writes to a client.
async fn write_to(studio: &Business<'_>, client: u64, to: &str) -> Ours {
    let mail =
        json!({"client_id": client, "to_email": to, "subject": "Your appointment", "message": "At nine."});
    let answer =
        studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await.ok();
    assert_eq!(answer["items"][0]["status"], "queued", "{answer}");
    studio.app.drain().await;
    let mail = studio.app.local.ses.mails().pop().expect("a mail");
    Ours {
        ses_id: mail.message_id.clone(),
        own_id: mail.original_message_id.clone().expect("an id"),
        reply_to: mail
            .header("Reply-To")
            .expect("an address for answers")
            .trim_matches(['<', '>'])
            .to_owned(),
    }
}

/// A mail as it comes over the wire. Without a `Message-ID` among its headers it gets one of its own.
fn letter(from: &str, to: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut raw = format!("From: {from}\r\nTo: {to}\r\nSubject: Re: Your appointment\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Message-ID")) {
        raw.push_str(&format!("Message-ID: <{}@mail.example.org>\r\n", NEXT.fetch_add(1, Ordering::Relaxed)));
    }
    for (name, value) in headers {
        raw.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{raw}\r\n{body}\r\n").into_bytes()
}

fn to(mailbox: &str, raw: Vec<u8>) -> RawMail {
    RawMail { raw, to: vec![mailbox.to_owned()], ..RawMail::default() }
}

/// A mail arrives; what the business has of it, as `None` when that is nothing.
async fn arrives(studio: &Business<'_>, mail: RawMail) -> Option<Value> {
    let before = studio.balance().await;
    studio.app.local.ses.hand_in(mail).await.expect("SES takes it");
    studio.app.drain().await;
    let after = studio.balance().await;
    let fresh: Vec<&u64> = after.keys().filter(|id| !before.contains_key(id)).collect();
    assert!(fresh.len() <= 1, "{fresh:?}");
    match fresh.first() {
        Some(id) => Some(studio.message(**id).await),
        None => None,
    }
}

/// An answer to a mail of ours arrives: in whose conversation, and what is odd about it.
async fn answers(studio: &Business<'_>, mailbox: &str, headers: &[(&str, &str)], from: &str) -> (u64, Value) {
    let raw = letter(from, mailbox, headers, "Fine!");
    let message = arrives(studio, to(mailbox, raw)).await.expect("it is stored");
    assert_eq!((&message["direction"], &message["channel"]), (&json!("inbound"), &json!("email")));
    assert_eq!((&message["from_address"], &message["message"]), (&json!(from), &json!("Fine!")));
    (message["client_id"].as_u64().expect("a client"), message["suspicions"].clone())
}

/// A client writes anew; the message.
async fn writes(studio: &Business<'_>, from: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let raw = letter(from, &studio.email, headers, body);
    arrives(studio, to(&studio.email, raw)).await.expect("it is stored")
}

async fn act(studio: &Business<'_>, path: &str) -> Value {
    send(studio.request(Method::POST, path)).await.ok()
}

async fn resolve(studio: &Business<'_>, client: u64) {
    act(studio, &format!("/conversations/{client}/status?status=resolved")).await;
}

impl App {
    fn mail_dead_letters(&self) -> Vec<String> {
        self.local.sqs.bodies(&self.local.feed(Source::EmailEvents).dead_letters)
    }

    /// The keys of all that lies in object storage, but for mails as they came.
    fn kept_objects(&self) -> Vec<String> {
        let keys = self.local.storage.keys().expect("object storage can be read");
        keys.into_iter().filter(|key| !key.starts_with("inbound/")).collect()
    }

    /// What is kept aside.
    async fn quarantined(&self) -> usize {
        let items = self.items().await;
        items.iter().filter(|item| crate::ledger::text(item, "type") == "Quarantined").count()
    }
}

// Whose conversation it is.

#[tokio::test]
async fn an_answer_with_all_that_gmail_leaves_in_it_is_in_its_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    let references = format!("{} {}", ours.own_id, ours.ses_id);
    let headers = [("In-Reply-To", ours.ses_id.as_str()), ("References", &references)];
    assert_eq!(answers(&studio, &ours.reply_to, &headers, ADA).await, (SEVEN, Value::Null));
}

#[tokio::test]
async fn an_answer_by_outlook_is_in_its_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    // Outlook folds its lists, and adds threads of its own.
    let references = format!("{}\r\n\t{}", ours.own_id, ours.ses_id);
    let headers = [
        ("In-Reply-To", ours.ses_id.as_str()),
        ("References", &references),
        ("Thread-Topic", "Your appointment"),
        ("Thread-Index", "AQHZx0000000000000000000000000=="),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply"),
    ];
    assert_eq!(answers(&studio, &ours.reply_to, &headers, ADA).await, (SEVEN, Value::Null));
}

#[tokio::test]
async fn an_answer_by_apple_mail_is_in_its_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    let headers = [
        ("In-Reply-To", ours.ses_id.as_str()),
        ("References", &ours.ses_id),
        ("Mime-Version", "1.0 (Mac OS X Mail 16.0 \\(3774.600.62\\))"),
        ("X-Mailer", "Apple Mail (2.3774.600.62)"),
    ];
    assert_eq!(answers(&studio, &ours.reply_to, &headers, ADA).await, (SEVEN, Value::Null));
}

#[tokio::test]
async fn an_answer_to_the_mailbox_itself_is_found_by_its_headers() {
    let app = App::start().await;
    let studio = app.business().await;
    // Ada's address leads to another client, so that only the headers can lead here.
    let ours = write_to(&studio, SEVEN, "office@example.org").await;
    write_to(&studio, 8, ADA).await;
    let headers = [("In-Reply-To", ours.ses_id.as_str()), ("References", &ours.ses_id)];
    assert_eq!(answers(&studio, &studio.email, &headers, "office@example.org").await, (SEVEN, Value::Null));
    assert_eq!(answers(&studio, &studio.email, &headers, ADA).await, (SEVEN, json!(["unknown_sender"])));
}

#[tokio::test]
async fn an_answer_without_headers_is_found_by_the_address_it_goes_to() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    assert_eq!(answers(&studio, &ours.reply_to, &[], ADA).await, (SEVEN, Value::Null));
}

#[tokio::test]
async fn an_answer_that_leads_nowhere_is_in_the_conversation_of_its_writer() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    assert_eq!(answers(&studio, &studio.email, &[], ADA).await, (SEVEN, Value::Null));
    assert_eq!(answers(&studio, &studio.email.to_uppercase(), &[], "ADA@example.org").await.0, SEVEN);
    let stranger = answers(&studio, &studio.email, &[], EVE).await;
    assert!(stranger.0 != SEVEN && stranger.1 == Value::Null, "{stranger:?}");
}

#[tokio::test]
async fn the_answer_of_a_third_party_in_between_breaks_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, "office@example.org").await;
    write_to(&studio, 8, ADA).await;
    let references = format!("{} {} <third.party@mail.example.net>", ours.own_id, ours.ses_id);
    let headers = [("In-Reply-To", "<third.party@mail.example.net>"), ("References", references.as_str())];
    assert_eq!(answers(&studio, &studio.email, &headers, "office@example.org").await, (SEVEN, Value::Null));
}

#[tokio::test]
async fn of_two_of_our_mails_in_the_headers_the_newer_one_counts() {
    let app = App::start().await;
    let studio = app.business().await;
    let older = write_to(&studio, 8, "office@example.org").await;
    let newer = write_to(&studio, SEVEN, ADA).await;
    let references = format!("{} {} <x@mail.example.net>", older.ses_id, newer.ses_id);
    let headers = [("In-Reply-To", "<x@mail.example.net>"), ("References", references.as_str())];
    assert_eq!(answers(&studio, &studio.email, &headers, ADA).await, (SEVEN, Value::Null));
}

#[tokio::test]
async fn in_reply_to_alone_is_enough() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, "office@example.org").await;
    let headers = [("In-Reply-To", ours.ses_id.as_str())];
    assert_eq!(answers(&studio, &studio.email, &headers, "office@example.org").await, (SEVEN, Value::Null));
    let (client, _) = answers(&studio, &studio.email, &headers, EVE).await;
    assert_eq!(client, SEVEN);
}

#[tokio::test]
async fn our_own_id_is_enough_where_the_receiver_saw_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, "office@example.org").await;
    let headers = [("References", ours.own_id.as_str())];
    assert_eq!(answers(&studio, &studio.email, &headers, EVE).await, (SEVEN, json!(["unknown_sender"])));
}

#[tokio::test]
async fn an_answer_from_another_address_is_in_the_conversation_and_flagged() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    assert_eq!(answers(&studio, &ours.reply_to, &[], EVE).await, (SEVEN, json!(["unknown_sender"])));
    // They are not that client from now on.
    let (client, suspicions) = answers(&studio, &studio.email, &[], EVE).await;
    assert!(client != SEVEN && suspicions == Value::Null, "{client} {suspicions}");
    assert_eq!(studio.client(SEVEN).await["client_email"], ADA);
}

#[tokio::test]
async fn whoever_answers_in_the_place_of_a_client_does_not_become_their_address() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    studio.put("/clients/7", json!({"client_name": "Ada", "client_email": null})).await.ok();
    assert_eq!(studio.client(SEVEN).await["client_email"], Value::Null);
    assert_eq!(answers(&studio, &ours.reply_to, &[], EVE).await, (SEVEN, json!(["unknown_sender"])));
    assert_eq!(studio.client(SEVEN).await["client_email"], Value::Null);
}

#[tokio::test]
async fn an_address_for_answers_works_in_any_case() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, "office@example.org").await;
    for mailbox in [ours.reply_to.to_uppercase(), ours.reply_to.replacen("r+", "R+", 1)] {
        assert_eq!(
            answers(&studio, &mailbox, &[], "office@example.org").await,
            (SEVEN, Value::Null),
            "{mailbox}"
        );
    }
}

#[tokio::test]
async fn an_address_for_answers_that_was_changed_is_believed_by_nobody() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    let (local, domain) = ours.reply_to.split_once('@').expect("an address");
    for at in [2, 8, 20, local.len() - 1] {
        let mut altered = local.as_bytes().to_vec();
        altered[at] = if altered[at] == b'q' { b'z' } else { b'q' };
        let mailbox = format!("{}@{domain}", String::from_utf8(altered).unwrap());
        let raw = letter(ADA, &mailbox, &[], "Fine!");
        assert_eq!(arrives(&studio, to(&mailbox, raw)).await, None);
        // With a mailbox of ours beside it, it is a mail like any other.
        let raw = letter(EVE, &mailbox, &[], "Fine!");
        let both = RawMail { raw, to: vec![mailbox, studio.email.clone()], ..RawMail::default() };
        let message = arrives(&studio, both).await.expect("it is stored");
        assert_ne!(message["client_id"], SEVEN);
    }
    // Each is kept for whoever claims the mailbox, with its tag or without it.
    assert_eq!(app.quarantined().await, 8);
}

#[tokio::test]
async fn the_address_that_is_answered_to_says_more_than_the_headers() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    let other = write_to(&studio, 8, "ben@example.org").await;
    let headers = [("In-Reply-To", other.ses_id.as_str()), ("References", &other.ses_id)];
    assert_eq!(answers(&studio, &ours.reply_to, &headers, ADA).await, (SEVEN, Value::Null));
}

#[tokio::test]
async fn headers_of_another_business_lead_nowhere() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    let here = write_to(&studio, SEVEN, ADA).await;
    let there = write_to(&other, 9, "ben@example.org").await;
    // To the address of the other one, with headers of this one: it is the other one's.
    let headers = [("In-Reply-To", here.ses_id.as_str()), ("References", &here.own_id)];
    let before = studio.balance().await;
    assert_eq!(answers(&other, &there.reply_to, &headers, "ben@example.org").await, (9, Value::Null));
    assert_eq!(studio.balance().await, before);
    // To the mailbox of the other one: a stranger there.
    let (client, _) = answers(&other, &other.email, &headers, EVE).await;
    assert!(client != SEVEN && client != 9, "{client}");
    assert_eq!(studio.balance().await, before);
}

#[tokio::test]
async fn an_id_that_only_looks_like_ours_leads_nowhere() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    let (mark_at, end) = (ours.own_id.rfind('.').unwrap(), ours.own_id.find('@').unwrap());
    let (mark_at, domain) = match ours.own_id[..end].rfind('.') {
        Some(at) => (at, &ours.own_id[end..]),
        None => (mark_at, ""),
    };
    let named = &ours.own_id[..mark_at];
    for forged in [
        format!("{named}.aaaaaaaaaaaaa{domain}"),
        format!("{named}.{domain}"),
        format!("{named}{domain}"),
        "<0100019b0000aaaa-0-000000@email.amazonses.com>".to_owned(),
        "<@email.amazonses.com>".to_owned(),
    ] {
        let headers = [("In-Reply-To", forged.as_str()), ("References", &forged)];
        let (client, _) = answers(&studio, &studio.email, &headers, EVE).await;
        assert_ne!(client, SEVEN, "{forged}");
    }
}

#[tokio::test]
async fn an_answer_to_a_client_who_has_another_id_by_now_is_theirs() {
    let app = App::start().await;
    let studio = app.business().await;
    let first = writes(&studio, ADA, &[], "Hello").await;
    let before = first["client_id"].as_u64().unwrap();
    let ours = write_to(&studio, before, ADA).await;
    studio.put("/clients/7", json!({"client_name": "Ada", "client_email": ADA})).await.ok();
    let headers = [("In-Reply-To", ours.ses_id.as_str())];
    assert_eq!(answers(&studio, &ours.reply_to, &[], ADA).await, (SEVEN, Value::Null));
    assert_eq!(answers(&studio, &studio.email, &headers, EVE).await, (SEVEN, json!(["unknown_sender"])));
}

#[tokio::test]
async fn who_got_our_mail_under_another_address_than_the_directory_has_is_no_stranger() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_name": "Ada", "client_email": "ada@work.example"})).await.ok();
    let ours = write_to(&studio, SEVEN, ADA).await;
    let headers = [("In-Reply-To", ours.ses_id.as_str())];
    assert_eq!(answers(&studio, &ours.reply_to, &headers, ADA).await, (SEVEN, Value::Null));
}

#[tokio::test]
async fn an_answer_of_ours_continues_the_thread_of_the_client() {
    let app = App::start().await;
    let studio = app.business().await;
    let headers = [("Message-ID", "<b@mail.example.org>"), ("References", "<a@mail.example.org>")];
    let first = writes(&studio, ADA, &headers, "Hello").await;
    write_to(&studio, first["client_id"].as_u64().unwrap(), ADA).await;
    let mail = app.local.ses.mails().pop().unwrap();
    assert_eq!(mail.header("In-Reply-To"), Some("<b@mail.example.org>"));
    assert_eq!(mail.header("References"), Some("<a@mail.example.org> <b@mail.example.org>"));
}

// Who writes.

#[tokio::test]
async fn a_stranger_is_found_by_their_name_and_address() {
    let app = App::start().await;
    let studio = app.business().await;
    let mail =
        ClientMail::new("\"Lovelace, Ada\" <ada@example.org>", &studio.email, "Hello", "Are you open?");
    app.local.ses.client_writes(mail).await.unwrap();
    app.drain().await;
    let list = studio.get("/conversations").await.ok();
    let ada = list["items"][0]["client_id"].as_u64().expect("a client");
    let profile = studio.client(ada).await;
    assert_eq!(
        (&profile["client_name"], &profile["client_email"]),
        (&json!("Lovelace, Ada"), &json!(ADA)),
        "{profile}"
    );
    assert_eq!(
        (&profile["unread_messages_count"], &profile["last_message_content"]),
        (&json!(1), &json!("Are you open?"))
    );
    for search in ["lovelace", "ada@example.org", "ADA@EXAMPLE"] {
        let found = studio.get(&format!("/clients?search={search}")).await.ok();
        assert_eq!(found["items"][0]["client_id"].as_u64(), Some(ada), "{search}: {found}");
    }
    studio.balance().await;
}

#[tokio::test]
async fn a_stranger_whom_the_directory_names_later_is_one_client_with_all_that_they_wrote() {
    let app = App::start().await;
    let studio = app.business().await;
    let before = writes(&studio, ADA, &[], "one").await["client_id"].as_u64().unwrap();
    assert_eq!(writes(&studio, ADA, &[], "two").await["client_id"].as_u64(), Some(before));
    let named = json!({"client_name": "Ada Lovelace", "client_email": "Ada@Example.org"});
    let ada = studio.put("/clients/7", named).await.ok();
    assert_eq!((&ada["client_id"], &ada["unread_messages_count"]), (&json!(7), &json!(2)));
    assert_eq!(studio.balance().await.into_values().collect::<BTreeSet<u64>>(), BTreeSet::from([SEVEN]));
    assert_eq!(studio.client(before).await, studio.client(SEVEN).await);
    assert_eq!(writes(&studio, ADA, &[], "three").await["client_id"], SEVEN);
    let entries = studio.get(&format!("/conversations/{before}/messages")).await.ok();
    assert_eq!(entries["total"], 3, "{entries}");
}

#[tokio::test]
async fn many_first_mails_at_once_are_one_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    let mails = (0..30).map(|n| {
        app.local.ses.client_writes(ClientMail::new(ADA, &studio.email, "Hello", &format!("mail {n}")))
    });
    assert!(join_all(mails).await.iter().all(Result::is_ok));
    app.local.ses.idle().await;
    let batches = (0..4).map(|_| app.local.deliver_once(Source::EmailEvents));
    assert!(join_all(batches).await.iter().all(Result::is_ok));
    app.local.sqs.redeliver(&app.local.feed(Source::EmailEvents).queue);
    app.drain().await;
    let messages = studio.balance().await;
    assert_eq!((messages.len(), messages.into_values().collect::<BTreeSet<u64>>().len()), (30, 1));
    assert_eq!(studio.get("/conversations").await.ok()["items"][0]["unread_messages_count"], 30);
}

#[tokio::test]
async fn mail_and_texts_of_one_client_are_one_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_email": ADA, "client_phone_number": "+14155550123"})).await.ok();
    app.text("+14155550123", &studio.number, "by text").await;
    assert_eq!(writes(&studio, "Ada <ada@example.org>", &[], "by mail").await["client_id"], SEVEN);
    let entries = studio.get("/conversations/7/messages").await.ok();
    let channels: Vec<&Value> =
        entries["items"].as_array().unwrap().iter().map(|entry| &entry["channel"]).collect();
    assert_eq!(channels, ["email", "sms"]);
}

// Once.

#[tokio::test]
async fn a_mail_that_is_told_of_twice_is_one_message() {
    let app = App::start().await;
    let studio = app.business().await;
    let mail = ClientMail::new(ADA, &studio.email, "Hello", "Hello");
    let arrival = app.local.ses.client_writes(mail).await.unwrap();
    let queue = app.local.queue_url(Source::EmailEvents);
    for _ in 0..11 {
        app.enqueue(&queue, &arrival.notification.to_string()).await;
    }
    app.drain().await;
    app.enqueue(&queue, &arrival.notification.to_string()).await;
    app.drain().await;
    app.clock.advance(24 * 20 * HOUR);
    app.enqueue(&queue, &arrival.notification.to_string()).await;
    app.drain().await;
    assert_eq!(studio.balance().await.len(), 1);
}

#[tokio::test]
async fn the_same_mail_over_two_routes_is_one_message() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = letter(ADA, &studio.email, &[("Message-ID", "<same@mail.example.org>")], "Hello");
    assert!(arrives(&studio, to(&studio.email, raw.clone())).await.is_some());
    // Another server handed it in as well, with a trace of its own.
    let again = [b"Received: from elsewhere.example.org\r\n".as_slice(), &raw].concat();
    assert_eq!(arrives(&studio, to(&studio.email, again)).await, None);
    for provider in ["sendgrid", "mailgun", "postmark"] {
        assert_eq!(hands_on(&app, provider, &raw, ADA, &studio.email).await.status, 200);
        app.drain().await;
        assert_eq!(studio.balance().await.len(), 1, "{provider}");
    }
}

#[tokio::test]
async fn two_mails_that_share_an_id_are_both_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    let headers = [("Message-ID", "<same@mail.example.org>")];
    writes(&studio, ADA, &headers, "one").await;
    writes(&studio, ADA, &headers, "two").await;
    assert_eq!(studio.balance().await.len(), 2);
}

#[tokio::test]
async fn a_mail_to_two_businesses_is_in_both_once() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    let raw = letter(ADA, &studio.email, &[("Cc", &other.email)], "Hello, you two");
    let mailboxes = vec![studio.email.clone(), other.email.clone(), studio.email.to_uppercase()];
    let mail = RawMail { raw, to: mailboxes, ..RawMail::default() };
    app.local.ses.hand_in(mail.clone()).await.unwrap();
    app.drain().await;
    for business in [&studio, &other] {
        assert_eq!(business.balance().await.len(), 1);
    }
    // Once a business has it, it has it, whomever else the next copy reaches.
    app.local.ses.hand_in(RawMail { to: vec![other.email.clone()], ..mail }).await.unwrap();
    app.drain().await;
    assert_eq!((studio.balance().await.len(), other.balance().await.len()), (1, 1));
}

/// How many mails of a client are there, by their profile.
async fn unread(studio: &Business<'_>) -> u64 {
    studio.client(SEVEN).await["unread_messages_count"].as_u64().expect("a number")
}

/// One mail after the other comes, to several businesses at once, and something happens to its receiver at the first
/// call, at the second, …
async fn at_every_call_of_a_receiver(several: usize, happens: impl AsyncFn(&App, usize, Halt) -> bool) {
    let app = App::start().await;
    let mut businesses = Vec::new();
    for _ in 0..several {
        businesses.push(app.business().await);
    }
    for business in &businesses {
        business.put("/clients/7", json!({"client_email": ADA})).await.ok();
    }
    let (sent, queue) = (AtomicU64::new(0), &app.local.feed(Source::EmailEvents).queue);
    at_every_call(3 + 6 * several, async |n, when| {
        let mail = ClientMail {
            recipients: businesses.iter().map(|business| business.email.clone()).collect(),
            attachments: vec![ClientFile::new("a.txt", "text/plain", b"attached")],
            ..ClientMail::new(ADA, &businesses[0].email, "Hello", "Hello")
        };
        app.local.ses.client_writes(mail).await.expect("an answer");
        let sent = sent.fetch_add(1, Ordering::Relaxed) + 1;
        // Nothing of a business is remembered.
        app.clock.advance(Duration::from_secs(10));
        let happened = happens(&app, n, when).await;
        app.local.sqs.redeliver(queue);
        app.drain().await;
        for business in &businesses {
            assert_eq!(unread(business).await, sent, "at call {n}, {when:?}");
        }
        happened
    })
    .await;
    let sent = sent.into_inner() as usize;
    for business in &businesses {
        assert_eq!(business.balance().await.len(), sent);
    }
    assert_eq!(app.kept_objects().len(), several * sent);
}

#[tokio::test]
async fn a_mail_whose_receiver_dies_at_any_call_is_one_message() {
    at_every_call_of_a_receiver(2, async |app, n, when| {
        app.dies(n, when, app.local.deliver_once(Source::EmailEvents)).await
    })
    .await;
}

#[tokio::test]
async fn a_mail_whose_receiver_loses_a_connection_at_any_call_is_one_message() {
    at_every_call_of_a_receiver(1, async |app, n, when| {
        app.is_cut(n, when, app.local.deliver_once(Source::EmailEvents)).await
    })
    .await;
}

#[tokio::test]
async fn a_first_mail_whose_receiver_dies_at_any_call_is_one_client() {
    let app = App::start().await;
    let studio = app.business().await;
    let (sent, queue) = (AtomicU64::new(0), &app.local.feed(Source::EmailEvents).queue);
    at_every_call(7, async |n, when| {
        let stranger = format!("{n}{when:?}@example.org");
        app.local
            .ses
            .client_writes(ClientMail::new(&stranger, &studio.email, "Hello", "Hello"))
            .await
            .unwrap();
        let sent = sent.fetch_add(1, Ordering::Relaxed) + 1;
        app.clock.advance(Duration::from_secs(10));
        let died = app.dies(n, when, app.local.deliver_once(Source::EmailEvents)).await;
        app.local.sqs.redeliver(queue);
        app.drain().await;
        assert_eq!(studio.get("/conversations").await.ok()["total"], sent, "died at {n}, {when:?}");
        died
    })
    .await;
    assert_eq!(studio.balance().await.len() as u64, sent.into_inner());
}

#[tokio::test]
async fn a_long_mail_whose_receiver_dies_while_it_stores_objects_is_whole() {
    let app = App::start().await;
    let studio = app.business().await;
    let text = "long ".repeat(41_000);
    app.local.wire.counts(|server, _| server == "s3");
    let (sent, queue) = (AtomicU64::new(0), &app.local.feed(Source::EmailEvents).queue);
    at_every_call(3, async |n, when| {
        let mail = ClientMail {
            attachments: vec![ClientFile::new("a.txt", "text/plain", b"attached")],
            ..ClientMail::new(ADA, &studio.email, "Long", &format!("{when:?} {n} {text}"))
        };
        app.local.ses.client_writes(mail).await.unwrap();
        let sent = sent.fetch_add(1, Ordering::Relaxed) + 1;
        let died = app.dies(n, when, app.local.deliver_once(Source::EmailEvents)).await;
        app.local.sqs.redeliver(queue);
        app.drain().await;
        let messages = studio.balance().await;
        assert_eq!(messages.len() as u64, sent, "died at {n}, {when:?}");
        let message = studio.message(*messages.keys().max().unwrap()).await;
        let (body, _) = download(&studio, message["body_url"].as_str().unwrap()).await;
        assert!(String::from_utf8(body).unwrap().starts_with(&format!("{{\"text\":\"{when:?} {n} long")));
        let (attached, _) = download(&studio, message["attachments"][0]["url"].as_str().unwrap()).await;
        assert_eq!(attached, b"attached");
        died
    })
    .await;
    assert_eq!(app.kept_objects().len() as u64, 2 * sent.into_inner());
}

// The work of machines.

type Headers = &'static [(&'static str, &'static str)];

/// Headers by which a mail is known for the work of a machine, how that is called, and whether it is to be read.
const MACHINES: [(Headers, &str, u64); 10] = [
    (&[("Auto-Submitted", "auto-replied")], "auto_submitted", 0),
    (&[("Content-Type", "multipart/report; report-type=delivery-status; boundary=b")], "delivery_report", 0),
    (&[("Return-Path", "<>")], "null_sender", 0),
    (&[("Precedence", "bulk")], "precedence", 1),
    (&[("Precedence", "auto_reply")], "precedence", 1),
    (&[("X-Autoreply", "yes")], "auto_reply", 0),
    (&[("X-Autorespond", "Re: Your appointment")], "auto_reply", 0),
    (&[("List-Id", "<news.example.org>")], "list", 1),
    (&[("List-Unsubscribe", "<https://example.org/u>")], "list", 1),
    (&[("X-Omega", "1")], "omega", 0),
];

#[tokio::test]
async fn what_a_machine_wrote_is_kept_and_brings_no_conversation_back() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    let mut unread = 0;
    for (headers, reason, counts) in MACHINES {
        resolve(&studio, SEVEN).await;
        let message = writes(&studio, ADA, headers, "I am away").await;
        unread += counts;
        let case = format!("{headers:?}");
        assert_eq!((&message["client_id"], &message["automated"]), (&json!(SEVEN), &json!(reason)), "{case}");
        assert_eq!(message["is_read"], counts == 0, "{case}");
        let ada = studio.client(SEVEN).await;
        assert_eq!(
            (&ada["status"], &ada["unread_messages_count"]),
            (&json!("resolved"), &json!(unread)),
            "{case}"
        );
    }
    let message = writes(&studio, ADA, &[("Auto-Submitted", "no")], "I am here").await;
    assert_eq!(message["automated"], Value::Null);
    assert_eq!(studio.client(SEVEN).await["status"], "open");
}

#[tokio::test]
async fn what_has_no_sender_in_its_envelope_is_of_a_machine() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = letter(ADA, &studio.email, &[], "It did not get through");
    let mail = RawMail { from: Some(String::new()), ..to(&studio.email, raw) };
    let message = arrives(&studio, mail).await.expect("it is stored");
    assert_eq!((&message["automated"], &message["from_address"]), (&json!("null_sender"), &json!(ADA)));
}

#[tokio::test]
async fn a_snoozed_conversation_is_left_asleep_by_machines() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    act(&studio, "/conversations/7/status?status=snoozed&snoozed_until=2026-03-01T00:00:00Z").await;
    writes(&studio, ADA, &[("Auto-Submitted", "auto-replied")], "I am away").await;
    assert_eq!(studio.client(SEVEN).await["status"], "snoozed");
    writes(&studio, ADA, &[], "I am back").await;
    assert_eq!(studio.client(SEVEN).await["status"], "open");
    studio.balance().await;
}

#[tokio::test]
async fn mail_reopens_a_conversation_five_times_an_hour() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    let status = async || studio.client(SEVEN).await["status"].as_str().unwrap().to_owned();
    for n in 0..7 {
        resolve(&studio, SEVEN).await;
        writes(&studio, ADA, &[], &format!("answer {n}")).await;
        assert_eq!(status().await, if n < 5 { "open" } else { "resolved" }, "mail {n}");
        app.clock.advance(Duration::from_secs(300));
    }
    assert_eq!(studio.client(SEVEN).await["unread_messages_count"], 7, "all of them are to be read");
    // The first ones are an hour ago by now.
    app.clock.advance(HOUR);
    writes(&studio, ADA, &[], "again").await;
    assert_eq!(status().await, "open");
    studio.balance().await;
}

#[tokio::test]
async fn two_businesses_whose_machines_write_to_each_other_stop_at_once() {
    let app = App::start().await;
    let (here, there) = (app.business().await, app.business().await);
    let mails = |to: &str| {
        json!({"category": "notification", "sender_type": "system",
               "messages": [{"client_id": SEVEN, "to_email": to, "subject": "Thank you", "message": "We got it."}]})
    };
    for (business, to) in [(&here, &there.email), (&there, &here.email)] {
        let sent = business.post("/email/send", mails(to)).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
    // Whatever one sends is handed to the other, until nothing is left.
    let mut handed = 0;
    for _ in 0..10 {
        app.drain().await;
        for mail in app.local.ses.mails().into_iter().skip(handed) {
            handed += 1;
            app.local
                .ses
                .hand_in(RawMail { raw: mail.delivered.to_vec(), ..RawMail::default() })
                .await
                .unwrap();
        }
    }
    assert_eq!(handed, 2);
    for business in [&here, &there] {
        assert_eq!(business.balance().await.len(), 2);
        let ids = business.balance().await;
        let mut inbound = Vec::new();
        for id in ids.keys() {
            let message = business.message(*id).await;
            if message["direction"] == "inbound" {
                inbound.push((message["automated"].clone(), message["is_read"].clone()));
            }
        }
        assert_eq!(inbound, [(json!("omega"), json!(true))]);
    }
}

// Spam, and worse.

#[tokio::test]
async fn spam_is_kept_flagged_and_disturbs_nobody() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    resolve(&studio, SEVEN).await;
    let mut mail = to(&studio.email, letter(ADA, &studio.email, &[], "Buy now"));
    mail.verdicts = Verdicts { spam: "FAIL".to_owned(), ..Verdicts::default() };
    let message = arrives(&studio, mail).await.expect("it is stored");
    assert_eq!((&message["suspicions"], &message["is_read"]), (&json!(["spam"]), &json!(true)));
    let ada = studio.client(SEVEN).await;
    assert_eq!((&ada["status"], &ada["unread_messages_count"]), (&json!("resolved"), &json!(0)));
    let mut mail = to(&studio.email, letter(ADA, &studio.email, &[], "Hello"));
    mail.verdicts =
        Verdicts { spam: "GRAY".to_owned(), virus: "PROCESSING_FAILED".to_owned(), ..Verdicts::default() };
    let message = arrives(&studio, mail).await.expect("it is stored");
    assert_eq!(
        (&message["suspicions"], &message["is_read"]),
        (&Value::Null, &json!(false)),
        "that is no verdict"
    );
}

#[tokio::test]
async fn what_comes_with_a_virus_is_not_kept() {
    let app = App::start().await;
    let studio = app.business().await;
    let virus = ClientMail {
        attachments: vec![ClientFile::new("invoice.exe", "application/x-msdownload", b"MZ")],
        verdicts: Verdicts { virus: "FAIL".to_owned(), ..Verdicts::default() },
        ..ClientMail::new(ADA, &studio.email, "Invoice", "Open it")
    };
    app.local.ses.client_writes(virus).await.unwrap();
    app.drain().await;
    let id = *studio.balance().await.keys().next().expect("it is stored");
    let message = studio.message(id).await;
    assert_eq!((&message["suspicions"], &message["attachments"]), (&json!(["virus"]), &Value::Null));
    assert_eq!(app.kept_objects(), Vec::<String>::new());
    assert_eq!(studio.get(&format!("/messages/{id}/attachments/0")).await.status, 404);
}

// What is in it.

/// What is behind a link of ours, and under which name it is saved.
async fn download(studio: &Business<'_>, url: &str) -> (Vec<u8>, String) {
    let browser =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let call = browser.get(format!("{}{url}", studio.app.local.origin)).header("x-api-key", &studio.key);
    let answer = send(call).await;
    assert_eq!(answer.status, 302, "{}", answer.body);
    let found = browser.get(answer.header("location").expect("an address")).send().await.expect("an answer");
    assert_eq!(found.status(), 200);
    let disposition = found.headers()["content-disposition"].to_str().expect("a text").to_owned();
    (found.bytes().await.expect("an answer").to_vec(), disposition)
}

#[tokio::test]
async fn attachments_of_any_name_can_be_downloaded() {
    let app = App::start().await;
    let studio = app.business().await;
    let files = [
        ("plan.pdf", "application/pdf", &b"%PDF-1.7"[..]),
        ("Wegbeschreibung \u{e4}\u{f6}\u{fc}.txt", "text/plain", b"left, then right"),
        ("\u{8def}\u{7ebf}\u{56fe}.png", "image/png", b"\x89PNG"),
        ("\u{5de}\u{5e4}\u{5d4} \u{1f5fa}.jpg", "image/jpeg", b"\xff\xd8"),
        ("../../etc/passwd", "application/octet-stream", b"root"),
        ("page.html", "text/html", b"<script>alert(1)</script>"),
        ("empty.bin", "application/octet-stream", b""),
    ];
    let mail = ClientMail {
        attachments: files.iter().map(|(name, kind, content)| ClientFile::new(name, kind, content)).collect(),
        ..ClientMail::new(ADA, &studio.email, "Files", "See below")
    };
    app.local.ses.client_writes(mail).await.unwrap();
    app.drain().await;
    let id = *studio.balance().await.keys().next().expect("it is stored");
    let message = studio.message(id).await;
    let shown = message["attachments"].as_array().expect("attachments");
    assert_eq!(shown.len(), files.len(), "{message}");
    for (attachment, (name, kind, content)) in shown.iter().zip(files) {
        assert_eq!((&attachment["filename"], &attachment["content_type"]), (&json!(name), &json!(kind)));
        assert_eq!(attachment["content"], Value::Null);
        let (found, disposition) = download(&studio, attachment["url"].as_str().unwrap()).await;
        assert_eq!(found, content, "{name}");
        assert!(disposition.starts_with("attachment;") && !disposition.contains(".."), "{disposition}");
    }
    let other = app.business().await;
    assert_eq!(other.get(&format!("/messages/{id}/attachments/0")).await.status, 404);
    assert_eq!(studio.get(&format!("/messages/{id}/attachments/7")).await.status, 404);
    assert_eq!(studio.get(&format!("/messages/{id}/attachments/body")).await.status, 404);
}

#[tokio::test]
async fn a_picture_within_the_text_comes_along() {
    let app = App::start().await;
    let studio = app.business().await;
    let headers = [("Content-Type", "multipart/related; boundary=b")];
    let body = "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
                --c\r\nContent-Type: text/plain\r\n\r\nSee\r\n\
                --c\r\nContent-Type: text/html\r\n\r\n<p>See <img src=\"cid:map@x\"></p>\r\n--c--\r\n\
                --b\r\nContent-Type: image/png\r\nContent-ID: <map@x>\r\nContent-Transfer-Encoding: base64\r\n\
                Content-Disposition: inline; filename*=utf-8''%E2%98%83.png\r\n\r\niVBORw==\r\n--b--\r\n";
    let message = writes(&studio, ADA, &headers, body).await;
    assert_eq!((&message["message"], &message["subject"]), (&json!("See"), &json!("Re: Your appointment")));
    assert_eq!(message["html"], "<p>See <img src=\"cid:map@x\"></p>");
    let picture = &message["attachments"][0];
    assert_eq!(
        (&picture["filename"], &picture["content_type"]),
        (&json!("\u{2603}.png"), &json!("image/png"))
    );
    let (found, _) = download(&studio, picture["url"].as_str().unwrap()).await;
    assert_eq!(found, b"\x89PNG");
}

#[tokio::test]
async fn a_body_too_long_for_the_table_is_kept_whole() {
    let app = App::start().await;
    let studio = app.business().await;
    let text = "\u{e4}bc ".repeat(60_000);
    let mail = ClientMail {
        html: Some(format!("<p>{text}</p>")),
        ..ClientMail::new(ADA, &studio.email, "Long", &text)
    };
    app.local.ses.client_writes(mail).await.unwrap();
    app.drain().await;
    let id = *studio.balance().await.keys().next().expect("it is stored");
    let message = studio.message(id).await;
    assert_eq!(message["message"].as_str().unwrap().chars().count(), 2_000);
    let (body, _) = download(&studio, message["body_url"].as_str().unwrap()).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["text"].as_str().unwrap(), text.trim_end());
    assert_eq!(body["html"].as_str().unwrap(), format!("<p>{text}</p>"));
}

#[tokio::test]
async fn a_mail_of_html_alone_can_be_read_as_text() {
    let app = App::start().await;
    let studio = app.business().await;
    let headers = [("Content-Type", "text/html; charset=iso-8859-1"), ("MIME-Version", "1.0")];
    let message = writes(&studio, ADA, &headers, "<p>See <b>you</b></p><script>alert(1)</script>").await;
    assert!(message["message"].as_str().unwrap().starts_with("See you"), "{message}");
    assert!(message["html"].as_str().unwrap().contains("<b>you</b>"), "{message}");
}

/// Whoever writes decides how long a header is; it may not cost the mail.
#[tokio::test]
async fn no_header_is_too_long_for_the_table() {
    let app = App::start().await;
    let studio = app.business().await;
    let long = "word ".repeat(45_000);
    for (field, instead) in [
        ("Subject: Re: Your appointment", format!("Subject: {long}")),
        ("From: ada@example.org", format!("From: \"{long}\" <{EVE}>")),
        ("Message-ID: <", format!("Message-ID: <{}", "m".repeat(5_000))),
    ] {
        let raw = String::from_utf8(letter(ADA, &studio.email, &[], &"body ".repeat(39_000))).unwrap();
        let raw = raw.replacen(field, &instead, 1).into_bytes();
        let message = arrives(&studio, to(&studio.email, raw)).await.expect("it is stored");
        assert!(message["subject"].as_str().unwrap().chars().count() <= 1_000);
    }
    assert!(studio.get("/conversations").await.ok()["total"] == 2);
    assert_eq!(app.mail_dead_letters(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mail_that_has_as_much_as_it_may_of_everything_is_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    let copies: Vec<String> =
        (0..200).map(|n| format!("{n:064}@{}.example.com", "d".repeat(60) + &".d".repeat(55))).collect();
    let ids: Vec<String> = (0..40).map(|n| format!("<{n:0900}@example.com>")).collect();
    let (map, id, kind) = ("\u{1f5fa}".repeat(3_000), "i".repeat(190), "k".repeat(180));
    let parts: String = (0..110)
        .map(|n| {
            format!(
                "--b\r\nContent-Type: x/{kind}; name=\"{n}{map}.png\"\r\nContent-ID: <{n}{id}>\r\n\
                 Content-Disposition: attachment\r\n\r\nx\r\n"
            )
        })
        .collect();
    let headers = [
        ("Content-Type", "multipart/mixed; boundary=b"),
        ("Cc", &copies.join(",\r\n ")),
        ("References", &ids.join("\r\n ")),
        ("In-Reply-To", &ids.join("\r\n ")),
    ];
    let body = format!("--b\r\n\r\n{}\r\n{parts}--b--", "body ".repeat(39_990));
    let raw = String::from_utf8(letter(ADA, &studio.email, &headers, &body)).unwrap();
    let raw = raw.replacen("Subject: ", &format!("Subject: {map}"), 1).into_bytes();
    let message = arrives(&studio, to(&studio.email, raw)).await.expect("it is stored");
    let attachments = message["attachments"].as_array().unwrap();
    assert_eq!((attachments.len(), message["cc_email"].as_array().unwrap().len()), (100, 100));
    assert!(attachments.iter().all(|one| one["filename"].as_str().unwrap().ends_with(".png")));
    assert!(attachments.iter().all(|one| one["filename"].as_str().unwrap().chars().count() == 200));
    assert_eq!(message["subject"].as_str().unwrap().chars().count(), 1_000);
    assert_eq!(message["body_url"], Value::Null);
    // The answer to it can be sent, too.
    write_to(&studio, message["client_id"].as_u64().unwrap(), ADA).await;
}

#[tokio::test]
async fn a_type_that_is_none_and_a_date_that_is_none_cost_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    for headers in [
        &[("Content-Type", "application/\u{fc}\u{7f}; name=\"\u{1f5fa}\"")][..],
        &[("Content-Type", "/")],
        &[("Date", "Fri, 31 Dec 99999 23:59:59 +9999")],
        &[("Date", "Thu, 01 Jan 0000 00:00:00 -9999")],
        &[("Content-Transfer-Encoding", "base64")],
        &[("Content-Type", "text/plain; charset=\"no such\"")],
        &[("From", "second@example.org"), ("Sender", "third@example.org")],
    ] {
        writes(&studio, ADA, headers, "Hello").await;
    }
}

// Mail to nobody, and from nobody.

#[tokio::test]
async fn mail_to_nobody_is_kept_aside() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = letter(ADA, "nobody@example.com", &[], "Is anybody there?");
    let arrival = app.local.ses.hand_in(to("nobody@example.com", raw)).await.unwrap();
    app.drain().await;
    app.enqueue(&app.local.queue_url(Source::EmailEvents), &arrival.notification.to_string()).await;
    app.drain().await;
    assert_eq!((studio.balance().await.len(), app.quarantined().await), (0, 1));
    assert!(app.local.storage.read(&arrival.key).unwrap().is_some(), "the mail itself is still there");
}

#[tokio::test]
async fn mail_from_nobody_is_in_the_conversation_of_those_who_withhold_their_address() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = b"To: x@example.com\r\nSubject: Hello\r\n\r\nIt is me.\r\n".to_vec();
    let from_nobody = RawMail { from: Some(String::new()), ..to(&studio.email, raw.clone()) };
    let message = arrives(&studio, from_nobody).await.expect("it is stored");
    assert_eq!(message["from_address"], "Anonymous");
    assert_eq!(app.quarantined().await, 0);
    // With a sender in its envelope it is from somebody after all.
    let from_ada = RawMail { from: Some(ADA.to_owned()), ..to(&studio.email, raw) };
    let message = arrives(&studio, from_ada).await.expect("it is stored");
    assert_eq!(message["from_address"], ADA);
}

#[tokio::test]
async fn a_mail_that_is_not_in_object_storage_is_no_dead_letter() {
    let app = App::start().await;
    let studio = app.business().await;
    let arrival =
        app.local.ses.client_writes(ClientMail::new(ADA, &studio.email, "Hello", "Hello")).await.unwrap();
    let gone = arrival.notification.to_string().replace(&arrival.key, "inbound/ses/gone");
    app.enqueue(&app.local.queue_url(Source::EmailEvents), &gone).await;
    app.drain().await;
    assert_eq!(studio.balance().await.len(), 1);
}

#[tokio::test]
async fn mail_in_the_bucket_of_another_is_not_read() {
    let app = App::start().await;
    let studio = app.business().await;
    let arrival =
        app.local.ses.client_writes(ClientMail::new(ADA, &studio.email, "Hello", "Hello")).await.unwrap();
    let elsewhere = arrival.notification.to_string().replace(local::BUCKET, "bucket-of-another");
    let queue = app.local.feed(Source::EmailEvents).queue.clone();
    app.enqueue(&app.local.queue_url(Source::EmailEvents), &elsewhere).await;
    app.drain().await;
    assert_eq!((studio.balance().await.len(), app.local.sqs.bodies(&queue).len()), (1, 1));
}

// Mail that other providers hand on.

fn multipart(fields: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend_from_slice(
            format!("--xYzZY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--xYzZY--\r\n");
    ("multipart/form-data; boundary=xYzZY".to_owned(), body)
}

fn urlencoded(fields: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let escape = |value: &[u8]| value.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    ("application/x-www-form-urlencoded".to_owned(), pairs.join("&").into_bytes())
}

/// A call of a provider that hands a mail on, as it is when all is right.
fn call(app: &App, provider: &str, raw: &[u8], from: &str, to: &str) -> RequestBuilder {
    let request =
        app.anonymous(Method::POST, &format!("/email/inbound/{}/mime", provider.trim_end_matches("-form")));
    match provider {
        "sendgrid" => {
            let envelope = json!({"to": [to], "from": from}).to_string();
            let (kind, body) =
                multipart(&[("email", raw), ("envelope", envelope.as_bytes()), ("from", b"x")]);
            let credentials = signature::basic::sign(&app.local.providers.sendgrid_credentials);
            request.header("authorization", credentials).header("content-type", kind).body(body)
        }
        "postmark" => {
            let body = json!({
                "From": from, "OriginalRecipient": to, "RawEmail": String::from_utf8_lossy(raw),
                "Headers": [{"Name": "Return-Path", "Value": format!("<{from}>")}],
            });
            let credentials = signature::basic::sign(&app.local.providers.postmark_credentials);
            request.header("authorization", credentials).json(&body)
        }
        _ => {
            let time = app.clock.now().as_seconds().to_string();
            let token = crate::email_reports::mailgun_token();
            let signed = signature::mailgun::sign(&app.local.providers.mailgun_signing_key, &time, &token);
            let fields: [(&str, &[u8]); 6] = [
                ("recipient", to.as_bytes()),
                ("sender", from.as_bytes()),
                ("body-mime", raw),
                ("timestamp", time.as_bytes()),
                ("token", token.as_bytes()),
                ("signature", signed.as_bytes()),
            ];
            let (kind, body) =
                if provider.ends_with("-form") { urlencoded(&fields) } else { multipart(&fields) };
            request.header("content-type", kind).body(body)
        }
    }
}

async fn hands_on(app: &App, provider: &str, raw: &[u8], from: &str, to: &str) -> Answered {
    send(call(app, provider, raw, from, to)).await
}

const PROVIDERS: [&str; 4] = ["sendgrid", "mailgun", "mailgun-form", "postmark"];

#[tokio::test]
async fn a_mail_that_a_provider_hands_on_twice_is_one_message() {
    let app = App::start().await;
    let studio = app.business().await;
    for (n, provider) in PROVIDERS.into_iter().enumerate() {
        let headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "8bit")];
        let raw = letter("Ada <ada@example.org>", &studio.email, &headers, "Gr\u{fc}\u{df}e & more = %41+");
        for _ in 0..2 {
            let answer = hands_on(&app, provider, &raw, ADA, &studio.email).await;
            assert_eq!(answer.status, 200, "{provider}: {}", answer.body);
            app.drain().await;
        }
        let messages = studio.balance().await;
        assert_eq!(messages.len(), n + 1, "{provider}");
        let message = studio.message(*messages.keys().max().unwrap()).await;
        assert_eq!(message["message"], "Gr\u{fc}\u{df}e & more = %41+", "{provider}");
        assert_eq!((&message["from_address"], &message["automated"]), (&json!(ADA), &Value::Null));
        assert_eq!(message["provider"], provider.trim_end_matches("-form"));
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_come_through_a_form_unharmed() {
    let app = App::start().await;
    let studio = app.business().await;
    let headers = [("Content-Type", "text/plain; charset=iso-8859-1"), ("Content-Transfer-Encoding", "8bit")];
    for provider in ["sendgrid", "mailgun", "mailgun-form"] {
        let mut raw = letter(ADA, &studio.email, &headers, "Gr*ndlich");
        let star = raw.iter().position(|byte| *byte == b'*').unwrap();
        raw[star] = 0xfc;
        hands_on(&app, provider, &raw, ADA, &studio.email).await.ok();
        app.drain().await;
        let newest = *studio.balance().await.keys().max().unwrap();
        assert_eq!(studio.message(newest).await["message"], "Gr\u{fc}ndlich", "{provider}");
    }
}

#[tokio::test]
async fn what_nobody_signed_leaves_nothing_behind() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = letter(ADA, &studio.email, &[], "Hello");
    let basic = |credentials: &str| signature::basic::sign(credentials);
    for provider in ["sendgrid", "postmark"] {
        let right = call(&app, provider, &raw, ADA, &studio.email).build().unwrap();
        for wrong in [None, Some(basic("sendgrid:wrong")), Some(basic(":")), Some("Bearer x".to_owned())] {
            let mut request = right.try_clone().unwrap();
            request.headers_mut().remove("authorization");
            if let Some(wrong) = wrong {
                request.headers_mut().insert("authorization", wrong.parse().unwrap());
            }
            let answer = reqwest::Client::new().execute(request).await.unwrap();
            assert_eq!(answer.status(), 403, "{provider}");
        }
    }
    let old = call(&app, "mailgun", &raw, ADA, &studio.email);
    app.clock.advance(13 * HOUR);
    assert_eq!(send(old).await.status, 406);
    for fields in
        [&[][..], &[("body-mime", raw.as_slice()), ("timestamp", b"1"), ("token", b"x"), ("signature", b"")]]
    {
        for (kind, body) in [multipart(fields), urlencoded(fields)] {
            let request =
                app.anonymous(Method::POST, "/email/inbound/mailgun/mime").header("content-type", kind);
            assert_eq!(send(request.body(body)).await.status, 406);
        }
    }
    let request = app.anonymous(Method::POST, "/email/inbound/mailgun/mime").body("\u{0}");
    assert_eq!(send(request).await.status, 406);
    assert_eq!(send(app.anonymous(Method::POST, "/email/inbound/ses/mime").body("{}")).await.status, 403);
    assert_eq!(send(app.anonymous(Method::POST, "/email/inbound/hotmail/mime").body("{}")).await.status, 422);

    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
    assert_eq!(app.local.sqs.bodies(&app.local.feed(Source::EmailEvents).queue), Vec::<String>::new());
}

#[tokio::test]
async fn a_provider_that_hands_on_no_raw_mail_is_told_so() {
    let app = App::start().await;
    let studio = app.business().await;
    for provider in PROVIDERS {
        let answer = hands_on(&app, provider, b"", ADA, &studio.email).await;
        assert_eq!(answer.status, 422, "{provider}: {}", answer.body);
    }
    let credentials = signature::basic::sign(&app.local.providers.postmark_credentials);
    for body in ["", "{", "[]", "{\"From\": \"ada@example.org\", \"TextBody\": \"Hello\"}"] {
        let request =
            app.anonymous(Method::POST, "/email/inbound/postmark/mime").header("authorization", &credentials);
        assert_eq!(send(request.body(body)).await.status, 422, "{body}");
    }
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mail_whose_envelope_the_provider_leaves_out_is_no_machine_s() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = letter(ADA, &studio.email, &[], "Hello");
    let credentials = signature::basic::sign(&app.local.providers.sendgrid_credentials);
    let (kind, body) = multipart(&[("email", &raw), ("from", b"Ada <ada@example.org>")]);
    let request =
        app.anonymous(Method::POST, "/email/inbound/sendgrid/mime").header("authorization", credentials);
    send(request.header("content-type", kind).body(body)).await.ok();
    app.drain().await;
    let id = *studio.balance().await.keys().next().expect("it is stored");
    assert_eq!(studio.message(id).await["automated"], Value::Null);
}

#[tokio::test]
async fn a_mail_to_many_is_for_us_wherever_among_them_we_are() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = letter(ADA, "undisclosed@example.net", &[], "Hello, all");
    let mut everybody: Vec<Value> =
        (0..30).map(|n| json!({"Email": format!("guest{n}@example.net"), "Name": ""})).collect();
    everybody.insert(20, json!({"Email": studio.email, "Name": "Studio"}));
    let body = json!({"From": ADA, "ToFull": everybody, "RawEmail": String::from_utf8(raw).unwrap()});
    let credentials = signature::basic::sign(&app.local.providers.postmark_credentials);
    let request =
        app.anonymous(Method::POST, "/email/inbound/postmark/mime").header("authorization", credentials);
    send(request.json(&body)).await.ok();
    app.drain().await;
    assert_eq!((studio.balance().await.len(), app.quarantined().await), (1, 0));
}

#[tokio::test]
async fn a_large_mail_comes_in_by_a_form() {
    let app = App::start().await;
    let studio = app.business().await;
    for provider in ["sendgrid", "mailgun"] {
        let part = format!(
            "--b\r\nContent-Disposition: attachment; filename=a\r\n\r\n{}\r\n--b--",
            "a".repeat(2_500_000)
        );
        let headers = [("Content-Type", "multipart/mixed; boundary=b")];
        let raw = letter(ADA, &studio.email, &headers, &part);
        let answer = hands_on(&app, provider, &raw, ADA, &studio.email).await;
        assert_eq!(answer.status, 200, "{provider}: {}", answer.body);
        app.drain().await;
        let message = studio.message(*studio.balance().await.keys().max().expect("it is stored")).await;
        assert_eq!(message["attachments"].as_array().map(Vec::len), Some(1), "{provider}: {message}");
    }
    assert_eq!(app.kept_objects().len(), 2);
}

#[tokio::test]
async fn what_providers_say_of_a_mail_is_heard() {
    let app = App::start().await;
    let studio = app.business().await;
    for provider in PROVIDERS {
        // Nobody may answer it.
        let raw = letter(ADA, &studio.email, &[], "It did not get through");
        hands_on(&app, provider, &raw, "", &studio.email).await.ok();
        app.drain().await;
        let message = studio.message(*studio.balance().await.keys().max().expect("it is stored")).await;
        assert_eq!(
            (&message["automated"], &message["is_read"]),
            (&json!("null_sender"), &json!(true)),
            "{provider}"
        );
    }
    let raw = letter(ADA, &studio.email, &[], "Buy now");
    let body = json!({
        "From": ADA, "OriginalRecipient": studio.email, "RawEmail": String::from_utf8(raw).unwrap(),
        "Headers": [{"Name": "X-Spam-Status", "Value": "Yes"}],
    });
    let credentials = signature::basic::sign(&app.local.providers.postmark_credentials);
    let request =
        app.anonymous(Method::POST, "/email/inbound/postmark/mime").header("authorization", credentials);
    send(request.json(&body)).await.ok();
    app.drain().await;
    let message = studio.message(*studio.balance().await.keys().max().expect("it is stored")).await;
    assert_eq!(message["suspicions"], json!(["spam"]));
}

#[tokio::test]
async fn a_call_that_our_trouble_fails_comes_again_and_nothing_is_lost() {
    let app = App::start().await;
    let studio = app.business().await;
    for provider in PROVIDERS {
        for server in ["s3", "sqs"] {
            let before = studio.balance().await.len();
            let raw = letter(ADA, &studio.email, &[], "Hello");
            app.local.wire.fail(server, None, usize::MAX, 400, REFUSAL);
            let answer = hands_on(&app, provider, &raw, ADA, &studio.email).await;
            assert!(answer.status >= 500, "{provider} without {server}: {}", answer.status);
            app.local.wire.heal();
            hands_on(&app, provider, &raw, ADA, &studio.email).await.ok();
            app.drain().await;
            assert_eq!(studio.balance().await.len(), before + 1, "{provider} without {server}");
        }
    }
}

#[tokio::test]
async fn what_a_dead_call_handed_in_is_there_once_after_the_next() {
    let app = App::start().await;
    let studio = app.business().await;
    let stored = AtomicU64::new(0);
    at_every_call(2, async |n, when| {
        let raw = letter(ADA, &studio.email, &[], "Hello");
        let cut = app.is_cut(n, when, hands_on(&app, "sendgrid", &raw, ADA, &studio.email)).await;
        hands_on(&app, "sendgrid", &raw, ADA, &studio.email).await.ok();
        app.drain().await;
        let all = stored.fetch_add(1, Ordering::Relaxed) + 1;
        assert_eq!(studio.balance().await.len() as u64, all, "cut at {n}, {when:?}");
        cut
    })
    .await;
}

#[tokio::test]
async fn a_receiver_without_its_services_tries_again() {
    let app = App::start().await;
    let studio = app.business().await;
    let queue = app.local.feed(Source::EmailEvents).queue.clone();
    for server in ["s3", "dynamodb"] {
        let before = studio.balance().await.len();
        app.local.ses.client_writes(ClientMail::new(ADA, &studio.email, "Hello", server)).await.unwrap();
        app.clock.advance(Duration::from_secs(10));
        app.local.wire.fail(server, None, usize::MAX, 400, REFUSAL);
        let batch = app.local.deliver_once(Source::EmailEvents).await.unwrap().unwrap();
        assert_eq!(batch.batch_item_failures.len(), 1, "{server}");
        app.local.wire.heal();
        app.local.sqs.redeliver(&queue);
        app.drain().await;
        assert_eq!(studio.balance().await.len(), before + 1, "{server}");
    }
}

// Forgetting.

/// The items in which something of the person is left.
async fn traces(app: &App) -> Vec<String> {
    let items = app.items().await;
    let all = items.iter().map(|item| format!("{item:?}").to_lowercase());
    all.filter(|one| one.contains("canary")).collect()
}

#[tokio::test]
async fn of_an_erased_client_no_mail_is_left() {
    let app = App::start().await;
    let studio = app.business().await;
    let mail = ClientMail {
        html: Some("<p>canary</p>".to_owned()),
        attachments: vec![ClientFile::new("canary.txt", "text/plain", b"canary")],
        ..ClientMail::new(
            "Canary Bird <canary@example.org>",
            &studio.email,
            "canary",
            &"canary ".repeat(40_000),
        )
    };
    let arrival = app.local.ses.client_writes(mail).await.unwrap();
    app.drain().await;
    let client = *studio.balance().await.values().next().expect("it is stored");
    assert_eq!(app.kept_objects().len(), 2);
    assert!(!traces(&app).await.is_empty());
    let raw = app.local.storage.read(&arrival.key).unwrap().expect("as it came");

    let erased = send(studio.request(Method::DELETE, &format!("/clients/{client}"))).await;
    assert_eq!(erased.status, 202, "{}", erased.body);
    let sweeps = async || {
        for _ in 0..3 {
            app.clock.advance(Duration::from_secs(120));
            app.sweep().await;
        }
    };
    sweeps().await;
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
    assert_eq!(traces(&app).await, Vec::<String>::new());

    // The queue hands it out once more, and another server hands the mail in once more: it was here.
    app.enqueue(&app.local.queue_url(Source::EmailEvents), &arrival.notification.to_string()).await;
    let again = app.local.ses.hand_in(to(&studio.email, raw)).await.unwrap();
    app.drain().await;
    sweeps().await;
    assert_eq!(app.local.storage.keys().unwrap(), [again.key.as_str()], "only as it came, for a month");
    assert_eq!(traces(&app).await, Vec::<String>::new());
    assert_eq!(studio.balance().await, BTreeMap::new());
}

#[tokio::test]
async fn what_one_business_erases_of_a_mail_another_one_keeps() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    let mail = ClientMail {
        recipients: vec![studio.email.clone(), other.email.clone()],
        attachments: vec![ClientFile::new("a.txt", "text/plain", b"attached")],
        ..ClientMail::new(ADA, &studio.email, "Hello", "Hello")
    };
    app.local.ses.client_writes(mail).await.unwrap();
    app.drain().await;
    let client = *studio.balance().await.values().next().expect("it is stored");
    let erased = send(studio.request(Method::DELETE, &format!("/clients/{client}"))).await;
    assert_eq!(erased.status, 202, "{}", erased.body);
    app.clock.advance(Duration::from_secs(120));
    app.sweep().await;
    let id = *other.balance().await.keys().next().expect("it is stored");
    let message = other.message(id).await;
    let (found, _) = download(&other, message["attachments"][0]["url"].as_str().unwrap()).await;
    assert_eq!(found, b"attached");
    assert_eq!(studio.balance().await, BTreeMap::new());
}

#[tokio::test]
async fn who_was_erased_is_a_stranger_when_they_answer() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    answers(&studio, &ours.reply_to, &[], ADA).await;
    let erased = send(studio.request(Method::DELETE, "/clients/7")).await;
    assert_eq!(erased.status, 202, "{}", erased.body);
    let headers = [("In-Reply-To", ours.ses_id.as_str()), ("References", &ours.own_id)];
    let (stranger, suspicions) = answers(&studio, &ours.reply_to, &headers, ADA).await;
    assert!(stranger != SEVEN && suspicions == Value::Null, "{stranger} {suspicions}");
    assert_eq!(answers(&studio, &studio.email, &headers, ADA).await.0, stranger);
    assert_eq!(studio.client(SEVEN).await, Value::Null);
}

// Whatever comes.

fn strange_mails() -> impl Strategy<Value = Vec<u8>> {
    let names = prop::sample::select(vec![
        "From",
        "To",
        "Cc",
        "Subject",
        "Date",
        "Message-ID",
        "References",
        "In-Reply-To",
        "Content-Type",
        "Content-Transfer-Encoding",
        "Content-Disposition",
        "Precedence",
        "Return-Path",
        "Sender",
        "X-Omega",
    ]);
    let values = prop_oneof![
        "\\PC{0,80}",
        Just("multipart/mixed; boundary=b".to_owned()),
        Just("message/rfc822; name=\"\u{1f5fa}\"".to_owned()),
        Just("attachment; filename*=utf-8''%F0%9F%97%BA%00.txt".to_owned()),
        Just("=?utf-8?B?8J+Xug==?= =?x?Q?=00?= <ada@example.org>".to_owned()),
        Just("<1.2.3@x> <@> <> 7.8@email.amazonses.com".to_owned()),
        Just("base64".to_owned()),
        Just("Fri, 31 Dec 9999 23:59:60 -2400".to_owned()),
    ];
    let fields = prop::collection::vec((names, values), 0..12);
    let bodies = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        Just(b"--b\r\n\r\none\r\n--b\r\nContent-Disposition: attachment\r\n\r\n\xff\x00\r\n--b--".to_vec()),
    ];
    let whole = (fields, bodies, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6));
    let mutated = whole.prop_map(|(fields, body, changes)| {
        let mut raw = b"From: Ada <ada@example.org>\r\n".to_vec();
        for (name, value) in fields {
            raw.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        raw.extend_from_slice(b"\r\n");
        raw.extend_from_slice(&body);
        for (at, byte) in changes {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        raw
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..600), 4 => mutated]
}

#[tokio::test]
async fn whatever_comes_is_stored_or_kept_aside_and_never_half() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    let mut runner = cases(16);
    let sent = studio.balance().await.len();
    let mut seen = BTreeSet::new();
    for n in 0..16 {
        let raw = strange_mails().new_tree(&mut runner).expect("a mail").current();
        seen.insert(raw.clone());
        let key = format!("inbound/ses/strange{n}");
        app.local.storage.write(&key, &raw).unwrap();
        let mailbox = if n % 2 == 0 { &studio.email } else { &ours.reply_to };
        let notice = json!({
            "notificationType": "Received",
            "mail": {"source": if n % 3 == 0 { "" } else { ADA }, "messageId": "x"},
            "receipt": {"recipients": [mailbox], "action": {"type": "S3", "bucketName": local::BUCKET, "objectKey": key}},
        });
        app.enqueue(&app.local.queue_url(Source::EmailEvents), &notice.to_string()).await;
        app.local.drain().await.unwrap();
        let left = app.local.sqs.bodies(&app.local.feed(Source::EmailEvents).queue);
        assert_eq!(left.len(), 0, "it failed: {:?}", String::from_utf8_lossy(&raw));
    }
    let stored = studio.balance().await;
    assert!(stored.len() - sent + app.quarantined().await <= 16);
    for id in stored.keys() {
        studio.message(*id).await;
    }
}
