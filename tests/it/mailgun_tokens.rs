//! Mailgun signs a token and not the body: each token is good for the one body that it came with.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{App, Business, send};
use crate::email_reports::mailgun_token;
use crate::faults::at_every_call;

const ADA: &str = "ada@example.com";
const HOUR: Duration = Duration::from_secs(3600);

/// What Mailgun signs: a time and a token.
struct Signed {
    timestamp: String,
    token: String,
    signature: String,
}

fn sign(app: &App, token: &str) -> Signed {
    let timestamp = app.clock.now().as_seconds().to_string();
    let signature = signature::mailgun::sign(&app.local.providers.mailgun_signing_key, &timestamp, token);
    Signed { timestamp, token: token.to_owned(), signature }
}

/// A request of the events webhook, about the mail with the id `id`.
fn event(app: &App, signed: &Signed, name: &str) -> RequestBuilder {
    let body = json!({
        "signature": {"timestamp": signed.timestamp, "token": signed.token, "signature": signed.signature},
        "event-data": {"event": name, "severity": "permanent", "reason": "bounce", "recipient": ADA,
                       "message": {"headers": {"message-id": "id@mg.example.com"}}},
    });
    app.anonymous(Method::POST, "/email/webhooks/mailgun").json(&body)
}

/// A request that hands on a mail. The boundary of a form is another one each time.
fn mail(app: &App, signed: &Signed, to: &str, text: &str) -> RequestBuilder {
    let raw =
        format!("From: {ADA}\r\nTo: {to}\r\nMessage-ID: <{}@example.com>\r\n\r\n{text}\r\n", signed.token);
    let boundary = format!("b{}", mailgun_token());
    let mut body = String::new();
    for (name, value) in [
        ("recipient", to),
        ("sender", ADA),
        ("body-mime", &raw),
        ("timestamp", &signed.timestamp),
        ("token", &signed.token),
        ("signature", &signed.signature),
    ] {
        body.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    app.anonymous(Method::POST, "/email/inbound/mailgun/mime")
        .header("content-type", format!("multipart/form-data; boundary={boundary}"))
        .body(body)
}

/// A mail that Mailgun carried, known by its id there.
async fn recorded(app: &App, studio: &Business<'_>) -> u64 {
    let mail = json!({"client_id": 7, "to_email": ADA, "subject": "Hello", "message": "Hi",
                      "provider_metadata": {"message_id": "<id@mg.example.com>"}});
    let body = json!({"category": "campaign", "from_email": studio.email, "provider": "mailgun",
                      "messages": [mail]});
    studio.post("/email/record", body).await.ok();
    app.drain().await;
    *studio.balance().await.keys().next().expect("it is recorded")
}

async fn texts(studio: &Business<'_>) -> Vec<Value> {
    let mut texts = Vec::new();
    for id in studio.balance().await.into_keys() {
        texts.push(studio.message(id).await["message"].clone());
    }
    texts
}

#[tokio::test]
async fn token_with_another_event_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = recorded(&app, &studio).await;
    let signed = sign(&app, &mailgun_token());
    assert_eq!(send(event(&app, &signed, "delivered")).await.status, 200);
    for forged in ["complained", "failed", "unsubscribed"] {
        assert_eq!(send(event(&app, &signed, forged)).await.status, 406, "{forged}");
    }
    app.clock.advance(11 * HOUR);
    assert_eq!(send(event(&app, &signed, "complained")).await.status, 406);
    assert_eq!(studio.status(id).await, "delivered");
    // Another token of Mailgun's is taken, and the first request is still only repeated.
    assert_eq!(send(event(&app, &sign(&app, &mailgun_token()), "complained")).await.status, 200);
    assert_eq!(studio.status(id).await, "complained");
    let before = (studio.message(id).await, studio.timeline(id).await);
    assert_eq!(send(event(&app, &signed, "delivered")).await.status, 200);
    assert_eq!((studio.message(id).await, studio.timeline(id).await), before);
}

#[tokio::test]
async fn token_with_another_mail_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    let signed = sign(&app, &mailgun_token());
    let to = studio.email.clone();
    assert_eq!(send(mail(&app, &signed, &to, "Hello")).await.status, 200);
    assert_eq!(send(mail(&app, &signed, &to, "Pay to this account")).await.status, 406);
    assert_eq!(send(mail(&app, &signed, "other@example.com", "Hello")).await.status, 406);
    assert_eq!(send(event(&app, &signed, "complained")).await.status, 406, "a token of another webhook");
    assert_eq!(send(mail(&app, &signed, &to, "Hello")).await.status, 200, "with another boundary");
    app.drain().await;
    assert_eq!(texts(&studio).await, ["Hello"]);
}

#[tokio::test]
async fn token_of_any_length_is_bound_to_its_body() {
    let app = App::start().await;
    let long = "f".repeat(5_000);
    let (first, second) = (sign(&app, &format!("{long}1")), sign(&app, &format!("{long}2")));
    assert_eq!(send(event(&app, &first, "delivered")).await.status, 200);
    assert_eq!(send(event(&app, &second, "complained")).await.status, 200);
    assert_eq!(send(event(&app, &first, "complained")).await.status, 406);
}

#[tokio::test]
async fn of_two_bodies_with_one_token_at_once_one_is_taken() {
    let app = App::start().await;
    let signed = sign(&app, &mailgun_token());
    let names = ["delivered", "complained", "failed", "unsubscribed"];
    let requests = names.map(|name| send(event(&app, &signed, name)));
    let answers = futures_util::future::join_all(requests).await;
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(taken, 1);
    assert!(answers.iter().all(|answer| [200, 406].contains(&answer.status)));
}

#[tokio::test]
async fn event_whose_handler_died_is_applied_once_when_mailgun_repeats_it() {
    at_every_call(3, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let id = recorded(&app, &studio).await;
        let signed = sign(&app, &mailgun_token());
        let died = app.dies(n, when, send(event(&app, &signed, "failed"))).await;
        assert_eq!(send(event(&app, &signed, "failed")).await.status, 200, "died at {n}, {when:?}");
        assert_eq!(send(event(&app, &signed, "complained")).await.status, 406, "died at {n}, {when:?}");
        assert_eq!(studio.status(id).await, "bounced", "died at {n}, {when:?}");
        let timeline = studio.timeline(id).await;
        let reports = timeline.iter().filter(|(source, _, _)| source == "provider").count();
        assert_eq!(reports, 1, "died at {n}, {when:?}: {timeline:?}");
        died
    })
    .await;
}

#[tokio::test]
async fn mail_whose_handler_died_is_stored_once_when_mailgun_repeats_it() {
    at_every_call(3, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let signed = sign(&app, &mailgun_token());
        let died = app.dies(n, when, send(mail(&app, &signed, &studio.email, "Hello"))).await;
        assert_eq!(send(mail(&app, &signed, &studio.email, "Hello")).await.status, 200);
        assert_eq!(send(mail(&app, &signed, &studio.email, "Pay")).await.status, 406);
        app.drain().await;
        assert_eq!(texts(&studio).await, ["Hello"], "died at {n}, {when:?}");
        died
    })
    .await;
}
