//! What staff need to see of a mail, and whom they can answer.

use local::fake_ses::RawMail;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, send};
use crate::onboarding::onboard;

/// A mail arrives at an address of ours.
async fn hands_in(app: &App, raw: &str, to: &str) {
    let mail = RawMail {
        raw: raw.replace('\n', "\r\n").into_bytes(),
        to: vec![to.to_owned()],
        ..RawMail::default()
    };
    app.local.ses.hand_in(mail).await.expect("SES takes it");
    app.drain().await;
}

/// The only message of a business.
async fn only_message(studio: &Business<'_>) -> Value {
    let messages = studio.every_message().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    let id = messages[0]["message_id"].as_u64().expect("an id");
    studio.message(id).await
}

#[tokio::test]
async fn address_for_answers_is_shown_where_it_is_another_than_the_writers() {
    let app = App::start().await;
    for (reply_to, shown) in [
        ("Reply-To: Ada <ada@example.org>\n", json!(["ada@example.org"])),
        ("Reply-To: ada@example.org, Bob <bob@example.org>\n", json!(["ada@example.org", "bob@example.org"])),
        ("Reply-To: Robot@forms.example\n", Value::Null),
        ("Reply-To: nobody\n", Value::Null),
        ("", Value::Null),
    ] {
        let studio = app.business().await;
        let raw = format!(
            "From: robot@forms.example\n{reply_to}Subject: Form\nMessage-ID: <1@forms.example>\n\nHi\n"
        );
        hands_in(&app, &raw, &studio.email).await;
        let message = only_message(&studio).await;
        assert_eq!(message["reply_to_email"], shown, "{reply_to}");
        assert_eq!(message["from_address"], "robot@forms.example");
    }
}

#[tokio::test]
async fn picture_that_the_html_shows_has_the_id_that_the_html_names() {
    let app = App::start().await;
    let studio = app.business().await;
    let raw = "From: ada@example.org\nSubject: Logo\nMessage-ID: <1@example.org>\nMIME-Version: 1.0\n\
        Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<img src=\"cid:logo@1\">\n\
        --b\nContent-Type: image/png\nContent-ID: <logo@1>\nContent-Transfer-Encoding: base64\n\niVBORw==\n--b--\n";
    hands_in(&app, raw, &studio.email).await;
    let message = only_message(&studio).await;
    assert_eq!(message["attachments"][0]["content_id"], "logo@1", "{message}");
    assert_eq!(message["attachments"][0]["content_type"], "image/png");
}

#[tokio::test]
async fn quoted_history_is_kept_whole_and_its_place_is_told_in_characters() {
    let app = App::start().await;
    for (text, quote) in [
        (
            "Grüße 😂!\n\nOn Mon, 5 Jan 2026 at 10:00, Studio <hello@studio.example> wrote:\n> At nine?\n",
            Some("On Mon"),
        ),
        (
            "Gern.\n\nAm 05.01.2026 um 10:00 schrieb Studio <hello@studio.example>:\n> Um neun?\n",
            Some("Am 05"),
        ),
        ("No quote here.\n", None),
    ] {
        let studio = app.business().await;
        let raw = format!(
            "From: ada@example.org\nSubject: Re: Hi\nMessage-ID: <1@example.org>\nContent-Type: text/plain; charset=utf-8\n\n{text}"
        );
        hands_in(&app, &raw, &studio.email).await;
        let message = only_message(&studio).await;
        let body = message["message"].as_str().expect("a text");
        assert_eq!(body, text.trim_end(), "the whole text is kept");
        let place = quote
            .map(|quote| text.chars().count() - text[text.find(quote).expect("a place")..].chars().count());
        assert_eq!(message["quote_starts_at"], json!(place), "{text}");
    }
}

#[tokio::test]
async fn mailbox_with_a_tag_is_the_mailbox() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    let tagged = studio.email.replace('@', "+Spring.Sale@");
    hands_in(&app, "From: ada@example.org\nSubject: Hi\nMessage-ID: <1@example.org>\n\nHi\n", &tagged).await;
    let message = only_message(&studio).await;
    assert_eq!(message["to_address"].as_str().map(str::to_lowercase), Some(tagged.to_lowercase()));
    assert!(other.every_message().await.is_empty());
}

#[tokio::test]
async fn mail_to_a_tag_of_a_mailbox_of_nobody_is_there_when_the_mailbox_is_somebodys() {
    let app = App::start().await;
    let raw = "From: ada@example.org\nSubject: Hi\nMessage-ID: <1@example.org>\n\nHi\n";
    hands_in(&app, raw, "later+tag@example.com").await;
    let studio = app.business().await;
    assert!(studio.every_message().await.is_empty());
    let body = json!({"business_id": studio.id, "from_email": "later@example.com"});
    send(onboard(&app, &body)).await.ok();
    app.drain().await;
    assert_eq!(only_message(&studio).await["message"], "Hi");
}

#[tokio::test]
async fn mail_of_a_mailbox_of_the_business_makes_no_client_and_is_kept_aside() {
    let app = App::start().await;
    let studio = app.business().await;
    let other = studio.email.replace("hello@", "info@");
    for mailbox in [&other, &studio.email] {
        let body = json!({"business_id": studio.id, "from_email": mailbox});
        send(onboard(&app, &body)).await.ok();
        app.drain().await;
    }
    let own = [studio.email.to_uppercase(), studio.email.replace('@', "+copy@"), other];
    for (n, from) in own.iter().enumerate() {
        let raw =
            format!("From: Studio <{from}>\nSubject: Copy\nMessage-ID: <{n}@studio.example>\n\nCopy {n}\n");
        hands_in(&app, &raw, &studio.email).await;
    }
    assert!(studio.every_message().await.is_empty());
    assert_eq!(studio.get("/clients").await.ok()["total"], 0);
    let kept =
        app.items().await.iter().filter(|item| crate::ledger::text(item, "type") == "Quarantined").count();
    assert_eq!(kept, 3, "a person can look at them");
}

#[tokio::test]
async fn mail_of_the_mailbox_that_continues_a_conversation_is_in_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let mail =
        json!({"client_id": 7, "to_email": "ada@example.org", "subject": "Hello", "message": "At nine."});
    studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await.ok();
    app.drain().await;
    let sent = app.local.ses.mails().pop().expect("a mail");
    let id = sent.header("Message-ID").expect("an id").to_owned();
    let raw = format!(
        "From: {}\nSubject: Re: Hello\nMessage-ID: <2@studio.example>\nIn-Reply-To: {id}\n\nNote to all\n",
        studio.email
    );
    hands_in(&app, &raw, &studio.email).await;
    assert_eq!(studio.thread(7).await, ["At nine.", "Note to all"]);
    assert_eq!(studio.get("/clients").await.ok()["total"], 1);
}

#[tokio::test]
async fn writer_at_a_domain_of_any_script_is_one_client_and_is_answered() {
    let app = App::start().await;
    let studio = app.business().await;
    for (n, from) in
        ["ada@bücher.example", "ada@xn--bcher-kva.example", "Ada <ada@BÜCHER.example>"].iter().enumerate()
    {
        let raw = format!("From: {from}\nSubject: Hi\nMessage-ID: <{n}@example.org>\n\nHi {n}\n");
        hands_in(&app, &raw, &studio.email).await;
    }
    let messages = studio.every_message().await;
    let client = messages[0]["client_id"].as_u64().expect("an id");
    assert_eq!(studio.thread(client).await.len(), 3, "{messages:?}");
    for to in ["ada@bücher.example", "ada@xn--bcher-kva.example"] {
        let mail = json!({"client_id": client, "to_email": to, "subject": "Re: Hi", "message": "Hello"});
        studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await.ok();
        app.drain().await;
        let sent = app.local.ses.mails().pop().expect("a mail");
        assert_eq!(sent.header("To"), Some("<ada@xn--bcher-kva.example>"), "{to}");
    }
    let mail =
        json!({"client_id": client, "to_email": "zoë@example.org", "subject": "Hi", "message": "Hello"});
    let refused = studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await;
    assert_eq!(refused.bad_fields(), [r#"["body","messages",0,"to_email"]"#]);
}

#[tokio::test]
async fn writer_with_an_odd_local_part_is_answered_by_either_operation() {
    let app = App::start().await;
    let studio = app.business().await;
    for (n, from) in ["a..b@x.example", "x.@x.example", ".y@x.example"].iter().enumerate() {
        let raw = format!("From: {from}\nSubject: Hi\nMessage-ID: <{n}@x.example>\n\nHi {n}\n");
        hands_in(&app, &raw, &studio.email).await;
        let messages = studio.every_message().await;
        let client = messages.iter().find(|message| message["from_address"] == *from).expect("the mail");
        let client = &client["client_id"];
        let mail = json!({"client_id": client, "to_email": from, "subject": "Re: Hi", "message": "Hello"});
        studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await.ok();
        let body =
            json!({"business_id": studio.id, "channel": "email", "client_id": client, "message": "And more"});
        let call = app.anonymous(Method::POST, "/messages/process");
        send(call.header("X-API-KEY", &studio.key).json(&body)).await.ok();
        app.drain().await;
        let to: Vec<String> = app
            .local
            .ses
            .mails()
            .iter()
            .rev()
            .take(2)
            .map(|sent| sent.header("To").expect("a receiver").to_owned())
            .collect();
        assert_eq!(to, [format!("<{from}>"), format!("<{from}>")]);
    }
}

#[tokio::test]
async fn mail_of_html_alone_goes_out_with_a_text_beside_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let mail = json!({"client_id": 7, "to_email": "ada@example.org", "subject": "News", "message": " ",
                      "html": "<h1>News</h1><p>We open at <b>nine</b>.</p>"});
    studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await.ok();
    app.drain().await;
    let sent = app.local.ses.mails().pop().expect("a mail");
    assert_eq!(sent.text.as_deref().map(str::trim_end), Some("News\r\n\r\nWe open at nine."));
}
