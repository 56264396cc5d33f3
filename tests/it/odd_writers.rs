//! Mail from writers of any form, and mails that share an id: each is stored.

use std::collections::BTreeMap;

use local::fake_ses::RawMail;
use serde_json::{Value, json};

use crate::app::{App, Business};

const ADA: &str = "ada@example.org";
const SEVEN: u64 = 7;

/// A mail arrives at an address of ours from an envelope sender; what is new after it.
async fn handed_in(studio: &Business<'_>, raw: &str, envelope: &str, to: &str) -> Vec<Value> {
    let before = studio.balance().await;
    let mail = RawMail {
        raw: raw.replace('\n', "\r\n").into_bytes(),
        from: Some(envelope.to_owned()),
        to: vec![to.to_owned()],
        ..RawMail::default()
    };
    studio.app.local.ses.hand_in(mail).await.expect("SES takes it");
    studio.app.drain().await;
    fresh(studio, &before).await
}

async fn fresh(studio: &Business<'_>, before: &BTreeMap<u64, u64>) -> Vec<Value> {
    let mut messages = Vec::new();
    for id in studio.balance().await.keys().filter(|id| !before.contains_key(id)) {
        messages.push(studio.message(*id).await);
    }
    messages
}

async fn one(studio: &Business<'_>, raw: &str, envelope: &str, to: &str) -> Value {
    let mut messages = handed_in(studio, raw, envelope, to).await;
    assert_eq!(messages.len(), 1, "{raw}");
    messages.remove(0)
}

/// The address for replies of a mail that staff write to Ada.
async fn reply_address(studio: &Business<'_>) -> String {
    let mail = json!({"client_id": SEVEN, "to_email": ADA, "subject": "Hello", "message": "At nine."});
    studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await.ok();
    studio.app.drain().await;
    let mail = studio.app.local.ses.mails().pop().expect("a mail");
    mail.header("Reply-To").expect("an address for replies").trim_matches(['<', '>']).to_owned()
}

#[tokio::test]
async fn writer_with_an_odd_address_is_a_client_who_is_found_again() {
    let app = App::start().await;
    let studio = app.business().await;
    for (n, (from, address)) in [
        ("a..b@x.example", "a..b@x.example"),
        ("x.@x.example", "x.@x.example"),
        (".y@x.example", ".y@x.example"),
        ("\"q q\"@x.example", "\"q q\"@x.example"),
        ("Q <\"q,q\"@x.example>", "\"q,q\"@x.example"),
        ("root@localhost", "root@localhost"),
        ("cron@[192.0.2.7]", "cron@[192.0.2.7]"),
        ("Team: lead@x.example, two@x.example;", "lead@x.example"),
        ("first@x.example, second@x.example", "first@x.example"),
    ]
    .into_iter()
    .enumerate()
    {
        let raw =
            |word: &str| format!("From: {from}\nMessage-ID: <{n}-{word}@x.example>\nSubject: Hi\n\n{word}\n");
        let first = one(&studio, &raw("one"), "bounces@x.example", &studio.email).await;
        let second = one(&studio, &raw("two"), "bounces@x.example", &studio.email).await;
        assert_eq!(first["from_address"], address, "{from}");
        assert_eq!(
            (&first["client_id"], &first["suspicions"]),
            (&second["client_id"], &Value::Null),
            "{from}"
        );
        let client = studio.client(first["client_id"].as_u64().unwrap()).await;
        assert_eq!(
            (&client["client_email"], &client["client_phone_number"]),
            (&json!(address), &Value::Null)
        );
        assert_eq!(client["unread_messages_count"], 2, "{from}");
    }
}

#[tokio::test]
async fn client_with_an_odd_address_in_the_directory_gets_their_mail() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = |n: u8| format!("From: a..b@x.example\nMessage-ID: <{n}@x.example>\n\n{n}\n");
    let first = one(&studio, &raw(1), "a..b@x.example", &studio.email).await;
    let client = first["client_id"].as_u64().unwrap();
    studio.put(&format!("/clients/{client}"), json!({"client_name": "Ann"})).await.ok();
    let second = one(&studio, &raw(2), "a..b@x.example", &studio.email).await;
    assert_eq!((&second["client_id"], &second["suspicions"]), (&first["client_id"], &Value::Null));
}

#[tokio::test]
async fn delivery_report_without_a_sender_is_in_the_conversation_it_reports_on() {
    let app = App::start().await;
    let studio = app.business().await;
    let to = reply_address(&studio).await;
    for (n, from) in ["MAILER-DAEMON", "Mail Delivery System <MAILER-DAEMON>", "<>", "\"Postmaster\" <>"]
        .iter()
        .enumerate()
    {
        let raw = format!(
            "From: {from}\nTo: {to}\nMessage-ID: <{n}@mx.example>\nAuto-Submitted: auto-replied\nSubject: Undelivered\n\nno\n"
        );
        let message = one(&studio, &raw, "", &to).await;
        assert_eq!(message["client_id"], SEVEN, "{from}");
        assert_eq!(
            (&message["automated"], &message["is_read"]),
            (&json!("auto_submitted"), &json!(true)),
            "{from}"
        );
        assert_eq!(message["suspicions"], json!(["unknown_sender"]), "{from}");
    }
    let raw = format!("To: {to}\nMessage-ID: <no-from@mx.example>\nSubject: Undelivered\n\nno\n");
    assert_eq!(one(&studio, &raw, "", &to).await["client_id"], SEVEN, "without From");
    let ada = studio.client(SEVEN).await;
    assert_eq!((&ada["client_email"], &ada["client_phone_number"]), (&json!(ADA), &Value::Null));
    assert_eq!(ada["status"], "open");
}

#[tokio::test]
async fn mail_of_a_writer_without_an_address_reaches_the_inbox() {
    let app = App::start().await;
    let studio = app.business().await;
    for (n, (from, address)) in [
        ("From: MAILER-DAEMON (Mail Delivery System)\n", "MAILER-DAEMON"),
        ("From: <>\n", "Anonymous"),
        ("From: Nobody:;\n", "Anonymous"),
        ("", "Anonymous"),
        ("From: +14155550101\n", "+14155550101"),
    ]
    .into_iter()
    .enumerate()
    {
        let raw = format!("{from}Message-ID: <w{n}@mx.example>\nSubject: Hi\n\nHi\n");
        let message = one(&studio, &raw, "", &studio.email).await;
        assert_eq!(message["from_address"], address, "{from}");
        let client = studio.client(message["client_id"].as_u64().unwrap()).await;
        assert_eq!((&client["client_name"], &client["client_phone_number"]), (&json!(address), &Value::Null));
    }
    // A number in place of an address is not the client who has the number.
    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": "+14155550101"})).await.ok();
    let raw = "From: +14155550101\nMessage-ID: <again@mx.example>\n\nHi\n";
    assert_ne!(one(&studio, raw, "", &studio.email).await["client_id"], SEVEN);
}

#[tokio::test]
async fn mails_with_one_id_and_one_body_that_differ_otherwise_are_all_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    let mail = |from: &str, subject: &str, more: &str| {
        format!("From: {from}\nMessage-ID: <same@x.example>\nSubject: {subject}\n{more}\nThe same body\n")
    };
    let mails = [
        mail(ADA, "One", ""),
        mail("ben@example.org", "One", ""),
        mail(ADA, "Two", ""),
        mail(ADA, "One", "Date: Tue, 10 Feb 2026 09:00:00 +0000\n"),
        mail(ADA, "One", "In-Reply-To: <before@x.example>\n"),
        mail(ADA, "One", "Cc: ben@example.org\n"),
    ];
    for raw in &mails {
        one(&studio, raw, ADA, &studio.email).await;
    }
    // Each of them once more, as the provider hands it on after another way.
    for raw in &mails {
        let another_way =
            format!("Received: from elsewhere\nX-Scanned: yes\n{}", raw.replace("Subject: ", "Subject:\n "));
        assert_eq!(
            handed_in(&studio, &another_way, "bounces@example.org", &studio.email).await,
            Vec::<Value>::new()
        );
    }
}

#[tokio::test]
async fn mail_without_an_id_is_told_from_others_by_all_of_it() {
    let app = App::start().await;
    let studio = app.business().await;
    for subject in ["One", "Two"] {
        let raw = format!("From: {ADA}\nSubject: {subject}\n\nThe same body\n");
        assert_eq!(one(&studio, &raw, ADA, &studio.email).await["subject"], subject);
    }
}

#[tokio::test]
async fn mail_that_proves_nothing_does_not_take_the_place_of_the_same_mail_of_its_writer() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = format!("From: {ADA}\r\nMessage-ID: <m@example.org>\r\nSubject: Hi\r\n\r\nHi\r\n").into_bytes();
    let fails = || "FAIL".to_owned();
    let verdicts =
        local::fake_ses::Verdicts { spf: fails(), dkim: fails(), dmarc: fails(), ..Default::default() };
    let spoofed =
        RawMail { raw: raw.clone(), to: vec![studio.email.clone()], verdicts, ..RawMail::default() };
    let proven = RawMail { raw, to: vec![studio.email.clone()], ..RawMail::default() };
    for mail in [spoofed.clone(), proven.clone(), spoofed, proven] {
        app.local.ses.hand_in(mail).await.expect("SES takes it");
        app.drain().await;
    }
    assert_eq!(studio.balance().await.len(), 2);
}
