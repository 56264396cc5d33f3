//! Mail whose sender SPF, DKIM and DMARC do not prove: kept, marked, and in nobody's conversation by its sender alone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use local::fake_ses::{ClientMail, RawMail, Verdicts};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{App, Business, send};

const ADA: &str = "ada@example.org";
const SEVEN: u64 = 7;
static NEXT: AtomicU64 = AtomicU64::new(1);

fn verdicts(spf: &str, dkim: &str, dmarc: &str) -> Verdicts {
    let [spf, dkim, dmarc] = [spf, dkim, dmarc].map(str::to_owned);
    Verdicts { spf, dkim, dmarc, ..Verdicts::default() }
}

fn spoofed() -> Verdicts {
    verdicts("FAIL", "FAIL", "FAIL")
}

fn letter(fields: &str, body: &str) -> Vec<u8> {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{fields}\r\nMessage-ID: <u{n}@mail.example.org>\r\nSubject: Hello\r\n\r\n{body}\r\n")
        .into_bytes()
}

/// A mail arrives; what the business has of it.
async fn arrives(studio: &Business<'_>, mail: RawMail) -> Value {
    let before = studio.balance().await;
    studio.app.local.ses.hand_in(mail).await.expect("SES takes it");
    studio.app.drain().await;
    newest(studio, &before).await
}

async fn newest(studio: &Business<'_>, before: &BTreeMap<u64, u64>) -> Value {
    let after = studio.balance().await;
    let fresh: Vec<&u64> = after.keys().filter(|id| !before.contains_key(id)).collect();
    assert_eq!(fresh.len(), 1, "one message");
    studio.message(*fresh[0]).await
}

/// A mail that names Ada as its writer arrives at an address of ours.
async fn from_ada(studio: &Business<'_>, to: &str, verdicts: Verdicts, more: &str, body: &str) -> Value {
    let raw = letter(&format!("From: Ada <{ADA}>\r\nTo: {to}{more}"), body);
    arrives(studio, RawMail { raw, from: None, to: vec![to.to_owned()], verdicts }).await
}

async fn to_mailbox(studio: &Business<'_>, verdicts: Verdicts) -> Value {
    from_ada(studio, &studio.email.clone(), verdicts, "", "Pay to my new account").await
}

/// Staff write a mail; as its receiver has it.
async fn write_to(studio: &Business<'_>, client: u64, to: &str) -> local::fake_ses::Mail {
    let mail = json!({"client_id": client, "to_email": to, "subject": "Hello", "message": "At nine."});
    let sent = studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await.ok();
    assert_eq!(sent["items"][0]["status"], "queued", "{sent}");
    studio.app.drain().await;
    studio.app.local.ses.mails().pop().expect("a mail")
}

fn reply_address(mail: &local::fake_ses::Mail) -> String {
    mail.header("Reply-To").expect("an address for replies").trim_matches(['<', '>']).to_owned()
}

fn client_of(message: &Value) -> u64 {
    message["client_id"].as_u64().expect("a client")
}

fn unproven() -> Value {
    json!(["unproven_sender"])
}

#[tokio::test]
async fn spoofed_mail_of_a_known_address_is_marked_and_in_a_conversation_of_its_own() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    let before = studio.client(SEVEN).await;

    let first = to_mailbox(&studio, spoofed()).await;
    let second = to_mailbox(&studio, spoofed()).await;

    assert_ne!(client_of(&first), SEVEN);
    assert_eq!(client_of(&first), client_of(&second), "one client for all unproven mail of an address");
    assert_eq!((&first["suspicions"], &second["suspicions"]), (&unproven(), &unproven()));
    assert_eq!((&first["from_address"], &first["is_read"]), (&json!(ADA), &json!(false)));
    let kept = studio.client(client_of(&first)).await;
    assert_eq!((&kept["status"], &kept["unread_messages_count"]), (&json!("open"), &json!(2)));
    assert_eq!(kept["client_email"], Value::Null, "the address is not theirs");
    assert_eq!(kept["client_name"], "Ada <ada@example.org> (unproven sender)");
    assert_eq!(studio.client(SEVEN).await, before, "the known client is as before");

    let proven = to_mailbox(&studio, Verdicts::default()).await;
    assert_eq!((client_of(&proven), &proven["suspicions"]), (SEVEN, &Value::Null));
}

#[tokio::test]
async fn each_combination_of_verdicts_is_threaded_by_the_rule() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    for (spf, dkim, dmarc, is_proven) in [
        ("PASS", "PASS", "PASS", true),
        ("FAIL", "FAIL", "PASS", true),
        ("PASS", "PASS", "FAIL", false),
        ("PASS", "FAIL", "GRAY", true),
        ("FAIL", "PASS", "GRAY", true),
        ("FAIL", "FAIL", "GRAY", false),
        ("FAIL", "GRAY", "GRAY", false),
        ("GRAY", "FAIL", "PROCESSING_FAILED", false),
        ("GRAY", "GRAY", "GRAY", true),
        ("PROCESSING_FAILED", "PROCESSING_FAILED", "PROCESSING_FAILED", true),
        ("DISABLED", "DISABLED", "DISABLED", true),
    ] {
        let message = to_mailbox(&studio, verdicts(spf, dkim, dmarc)).await;
        let expected = if is_proven { Value::Null } else { unproven() };
        assert_eq!(message["suspicions"], expected, "{spf} {dkim} {dmarc}");
        assert_eq!(client_of(&message) == SEVEN, is_proven, "{spf} {dkim} {dmarc}");
    }
}

#[tokio::test]
async fn spf_of_another_domain_proves_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    for (envelope, is_proven) in
        [("bounces@mail.example.org", true), ("eve@evil.example", false), ("", false)]
    {
        let mail = RawMail {
            raw: letter(&format!("From: {ADA}\r\nTo: {}", studio.email), "Hi"),
            from: Some(envelope.to_owned()),
            to: vec![studio.email.clone()],
            verdicts: verdicts("PASS", "FAIL", "GRAY"),
        };
        let message = arrives(&studio, mail).await;
        assert_eq!(client_of(&message) == SEVEN, is_proven, "{envelope}");
    }
}

#[tokio::test]
async fn verdicts_that_pass_prove_no_writer_beside_another_in_from() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    for (fields, envelope, is_proven) in [
        (format!("From: {ADA}\r\nFrom: eve@evil.example"), "eve@evil.example", false),
        (format!("From: {ADA}, eve@evil.example"), "eve@evil.example", false),
        (format!("Sender: {ADA}"), "eve@evil.example", false),
        (format!("From: {ADA}, ben@example.org"), "eve@evil.example", true),
        (format!("Sender: {ADA}"), ADA, true),
    ] {
        let mail = RawMail {
            raw: letter(&fields, "Hi"),
            from: Some(envelope.to_owned()),
            to: vec![studio.email.clone()],
            verdicts: Verdicts::default(),
        };
        let message = arrives(&studio, mail).await;
        assert_eq!(client_of(&message) == SEVEN, is_proven, "{fields}");
    }
}

#[tokio::test]
async fn a_reply_address_or_our_id_threads_unproven_mail_marked() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    let proven = from_ada(&studio, &studio.email.clone(), Verdicts::default(), "", "Fine!").await;
    assert_eq!(client_of(&proven), SEVEN);
    let own = write_to(&studio, SEVEN, ADA).await.header("References").expect("references").to_owned();
    let own = own.split_whitespace().last().expect("an id").to_owned();

    let by_address = from_ada(&studio, &reply_address(&ours), spoofed(), "", "Fine!").await;
    let references = format!("\r\nReferences: {}", ours.message_id);
    let by_header = from_ada(&studio, &studio.email.clone(), spoofed(), &references, "Fine!").await;

    for message in [&by_address, &by_header] {
        assert_eq!((client_of(message), &message["suspicions"]), (SEVEN, &unproven()));
    }
    let stranger = letter("From: eve@example.net", "Me too");
    let to = vec![reply_address(&ours)];
    let message =
        arrives(&studio, RawMail { raw: stranger, to, verdicts: spoofed(), ..RawMail::default() }).await;
    assert_eq!(client_of(&message), SEVEN);
    assert_eq!(message["suspicions"], json!(["unknown_sender", "unproven_sender"]));

    // What staff write next continues Ada's own mail, and none that only claims to be hers.
    let next = write_to(&studio, SEVEN, ADA).await;
    let theirs = |id: &&str| id.contains("@mail.example.org");
    let references = next.header("References").expect("references");
    let referred: Vec<&str> = references.split_whitespace().filter(theirs).collect();
    assert_eq!(referred, [own.as_str()]);
}

#[tokio::test]
async fn unproven_mail_into_a_conversation_without_an_address_gives_it_none() {
    let app = App::start().await;
    let studio = app.business().await;
    let ours = write_to(&studio, SEVEN, ADA).await;
    studio.put("/clients/7", json!({"client_name": "Ada", "client_email": null})).await.ok();
    from_ada(&studio, &reply_address(&ours), spoofed(), "", "Fine!").await;
    assert_eq!(studio.client(SEVEN).await["client_email"], Value::Null);
}

#[tokio::test]
async fn who_proves_the_address_later_is_somebody_else() {
    let app = App::start().await;
    let studio = app.business().await;
    let unproven = client_of(&to_mailbox(&studio, spoofed()).await);
    let proven = client_of(&to_mailbox(&studio, Verdicts::default()).await);
    assert_ne!(unproven, proven);
    assert_eq!(client_of(&to_mailbox(&studio, spoofed()).await), unproven);
    assert_eq!(studio.client(proven).await["client_email"], ADA);

    // The directory names the owner of the address: only their own mail goes along.
    studio.put("/clients/7", json!({"client_name": "Ada King", "client_email": ADA})).await.ok();
    assert_eq!(client_of(&to_mailbox(&studio, Verdicts::default()).await), SEVEN);
    let again = to_mailbox(&studio, spoofed()).await;
    assert_eq!(client_of(&again), unproven);
    assert_eq!(studio.client(SEVEN).await["unread_messages_count"], 2);
}

#[tokio::test]
async fn a_response_of_staff_gives_the_unproven_client_no_address() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    let spoof = to_mailbox(&studio, spoofed()).await;
    let client = client_of(&spoof);

    let process = json!({"business_id": studio.id, "channel": "email", "client_id": client, "message": "Hi", "subject": "Hi"});
    let by_client = app.anonymous(Method::POST, "/messages/process").header("x-api-key", &studio.key);
    assert_eq!(send(by_client.json(&process)).await.status, 422, "there is no address to send to");

    // Whoever reads the mark and writes to the address all the same may do so.
    for _ in 0..2 {
        let mail = write_to(&studio, client, ADA).await;
        assert!(mail.header("References").is_some(), "it continues the mail that it answers");
        assert_eq!(studio.client(client).await["client_email"], Value::Null);
        assert_eq!(client_of(&to_mailbox(&studio, Verdicts::default()).await), SEVEN);
    }
    let recorded = json!({"client_id": client, "to_email": ADA, "subject": "Hi",
        "message": "Hi", "sent_at": "2026-01-01T00:00:00Z"});
    studio
        .post(
            "/email/record",
            json!({"category": "conversation", "from_email": studio.email, "messages": [recorded]}),
        )
        .await
        .ok();
    app.drain().await;
    assert_eq!(client_of(&to_mailbox(&studio, Verdicts::default()).await), SEVEN);
    assert_eq!(client_of(&to_mailbox(&studio, spoofed()).await), client);
}

#[tokio::test]
async fn unproven_mail_never_follows_into_a_client_whom_the_directory_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let client = client_of(&to_mailbox(&studio, spoofed()).await);
    let named = json!({"client_name": "Ada King", "client_email": ADA});
    studio.put(&format!("/clients/{client}"), named).await.ok();
    assert_eq!(client_of(&to_mailbox(&studio, Verdicts::default()).await), client);

    let next = client_of(&to_mailbox(&studio, spoofed()).await);
    assert_ne!(next, client);
    assert_eq!(client_of(&to_mailbox(&studio, spoofed()).await), next);
}

#[tokio::test]
async fn many_unproven_mails_at_once_meet_one_client() {
    let app = App::start().await;
    let studio = app.business().await;
    let mails = (0..8).map(|_| {
        let raw = letter(&format!("From: {ADA}\r\nTo: {}", studio.email), "Pay");
        app.local.ses.hand_in(RawMail { raw, verdicts: spoofed(), ..RawMail::default() })
    });
    for handed in join_all(mails).await {
        handed.expect("SES takes it");
    }
    app.drain().await;
    let messages = studio.balance().await;
    assert_eq!(messages.len(), 8);
    let first = messages.values().next();
    assert!(messages.values().all(|client| Some(client) == first), "{messages:?}");
}

#[tokio::test]
async fn stop_in_unproven_mail_stops_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    for body in ["STOP", "unsubscribe"] {
        from_ada(&studio, &studio.email.clone(), spoofed(), "\r\nX-Kind: STOP", body).await;
    }
    let of_ada = studio.get(&format!("/email/suppressions?email={ADA}")).await.ok();
    assert_eq!(
        (&of_ada["blocked_since"], &of_ada["no_campaigns_since"]),
        (&Value::Null, &Value::Null),
        "{of_ada}"
    );
    write_to(&studio, SEVEN, ADA).await;
}

#[tokio::test]
async fn spoofed_mail_leaves_the_conversation_of_the_known_client_resolved() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    send(studio.request(Method::POST, "/conversations/7/status?status=resolved")).await.ok();
    to_mailbox(&studio, spoofed()).await;
    assert_eq!(studio.client(SEVEN).await["status"], "resolved");
}

#[tokio::test]
async fn of_an_erased_unproven_client_nothing_is_left_and_the_next_mail_begins_anew() {
    let app = App::start().await;
    let studio = app.business().await;
    let canary = async || {
        let mail = ClientMail {
            verdicts: spoofed(),
            ..ClientMail::new("Canary <canary@example.org>", &studio.email, "canary", "canary")
        };
        let before = studio.balance().await;
        app.local.ses.client_writes(mail).await.unwrap();
        app.drain().await;
        client_of(&newest(&studio, &before).await)
    };
    let traces = async || {
        let items = app.items().await;
        items.iter().filter(|item| format!("{item:?}").to_lowercase().contains("canary")).count()
    };
    let client = canary().await;
    assert!(traces().await > 0);
    let erased = send(studio.request(Method::DELETE, &format!("/clients/{client}"))).await;
    assert_eq!(erased.status, 202, "{}", erased.body);
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(120));
        app.sweep().await;
    }
    assert_eq!(traces().await, 0);
    assert_ne!(canary().await, client);
}

// Other providers.

fn multipart(fields: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = format!("--xYzZY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--xYzZY--\r\n");
    ("multipart/form-data; boundary=xYzZY".to_owned(), body)
}

/// A provider hands a mail of Ada's on, with what it says of the sender.
fn handed_on(studio: &Business<'_>, provider: &str, told: &[(&str, &str)]) -> RequestBuilder {
    let app = studio.app;
    let raw = letter(&format!("From: {ADA}\r\nTo: {}", studio.email), "Hi");
    let request = app.anonymous(Method::POST, &format!("/email/inbound/{provider}/mime"));
    let told = told.iter().map(|(name, value)| (*name, value.as_bytes()));
    let providers = &app.local.providers;
    match provider {
        "sendgrid" => {
            let envelope = json!({"to": [studio.email], "from": ADA}).to_string();
            let mut fields: Vec<(&str, &[u8])> = vec![("email", &raw), ("envelope", envelope.as_bytes())];
            fields.extend(told);
            let (kind, body) = multipart(&fields);
            let credentials = signature::basic::sign(&providers.sendgrid_credentials);
            request.header("authorization", credentials).header("content-type", kind).body(body)
        }
        "mailgun" => {
            let time = app.clock.now().as_seconds().to_string();
            let token = crate::email_reports::mailgun_token();
            let signed = signature::mailgun::sign(&providers.mailgun_signing_key, &time, &token);
            let mut fields: Vec<(&str, &[u8])> = vec![
                ("recipient", studio.email.as_bytes()),
                ("sender", ADA.as_bytes()),
                ("body-mime", &raw),
                ("timestamp", time.as_bytes()),
                ("token", token.as_bytes()),
                ("signature", signed.as_bytes()),
            ];
            fields.extend(told);
            let (kind, body) = multipart(&fields);
            request.header("content-type", kind).body(body)
        }
        _ => {
            let mut headers = vec![json!({"Name": "Return-Path", "Value": format!("<{ADA}>")})];
            headers.extend(
                told.map(|(name, value)| json!({"Name": name, "Value": String::from_utf8_lossy(value)})),
            );
            let body = json!({
                "From": ADA, "OriginalRecipient": studio.email, "RawEmail": String::from_utf8_lossy(&raw),
                "Headers": headers,
            });
            let credentials = signature::basic::sign(&providers.postmark_credentials);
            request.header("authorization", credentials).json(&body)
        }
    }
}

#[tokio::test]
async fn verdicts_of_every_provider_are_heard() {
    type Told = &'static [(&'static str, &'static str)];
    let rows: [(&str, Told, bool); 17] = [
        ("sendgrid", &[], true),
        ("sendgrid", &[("SPF", "pass"), ("dkim", "none")], true),
        ("sendgrid", &[("SPF", "fail"), ("dkim", "{@example.org : pass}")], true),
        ("sendgrid", &[("SPF", "softfail"), ("dkim", "none")], false),
        ("sendgrid", &[("SPF", "fail"), ("dkim", "{@example.org : fail, @x.example : fail}")], false),
        ("mailgun", &[], true),
        ("mailgun", &[("X-Mailgun-Spf", "Pass"), ("X-Mailgun-Dkim-Check-Result", "Fail")], true),
        ("mailgun", &[("X-Mailgun-Spf", "SoftFail")], false),
        ("mailgun", &[("X-Mailgun-Spf", "Fail"), ("X-Mailgun-Dkim-Check-Result", "Pass")], true),
        // The mail brought a header of its own along.
        (
            "mailgun",
            &[
                ("X-Mailgun-Spf", "Fail"),
                ("X-Mailgun-Dkim-Check-Result", "Pass"),
                ("X-Mailgun-Dkim-Check-Result", "Fail"),
            ],
            false,
        ),
        ("mailgun", &[("message-headers", r#"[["X-Mailgun-Spf","Fail"],["To","x"]]"#)], false),
        ("postmark", &[], true),
        ("postmark", &[("Received-SPF", "Pass (sender SPF authorized) identity=mailfrom")], true),
        (
            "postmark",
            &[("Received-SPF", "fail (not authorized)"), ("X-Spam-Tests", "DKIM_SIGNED,DKIM_VALID")],
            true,
        ),
        ("postmark", &[("Received-SPF", "softfail"), ("X-Spam-Tests", "DKIM_SIGNED,DKIM_INVALID")], false),
        ("postmark", &[("X-Spam-Tests", "SPF_FAIL,HTML_MESSAGE")], false),
        ("postmark", &[("Received-SPF", "Fail"), ("Received-SPF", "Pass")], false),
    ];
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    for (provider, told, is_proven) in rows {
        let before = studio.balance().await;
        send(handed_on(&studio, provider, told)).await.ok();
        app.drain().await;
        let message = newest(&studio, &before).await;
        let expected = if is_proven { Value::Null } else { unproven() };
        assert_eq!(message["suspicions"], expected, "{provider} {told:?}");
        assert_eq!(client_of(&message) == SEVEN, is_proven, "{provider} {told:?}");
    }
}

#[tokio::test]
async fn a_notice_without_verdicts_is_no_suspicion() {
    let app = App::start().await;
    let studio = app.business().await;
    write_to(&studio, SEVEN, ADA).await;
    let raw = letter(&format!("From: {ADA}\r\nTo: {}", studio.email), "Hi");
    app.local.storage.write("inbound/ses/old", &raw).unwrap();
    let notice = json!({
        "notificationType": "Received",
        "mail": {"source": ADA, "messageId": "x"},
        "receipt": {"recipients": [studio.email], "action": {"type": "S3", "bucketName": local::BUCKET, "objectKey": "inbound/ses/old"}},
    });
    let before = studio.balance().await;
    app.enqueue(&app.local.queue_url(local::Source::EmailEvents), &notice.to_string()).await;
    app.drain().await;
    let message = newest(&studio, &before).await;
    assert_eq!((client_of(&message), &message["suspicions"]), (SEVEN, &Value::Null));
}
