//! Reports of mail that did not arrive: status, class, advice, whether it is sent again, and whether the address is
//! suppressed, for the words and codes of every provider.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use local::fake_ses::Event;
use serde_json::{Value, json};

use crate::app::{App, Business};
use crate::email_reports::{
    FREE, Hook, handed_over, happens, mailgun, postmark, recorded, sendgrid, silent, suppressed, to_record,
    to_send,
};

const HOUR: Duration = Duration::from_secs(3600);

/// A bounce of SES, with what the receiving server said.
fn bounce(kind: &str, finer: &str, said: Option<&str>) -> Event {
    Event {
        status: said.map(|_| "5.0.0".to_owned()),
        diagnostic_code: said.map(str::to_owned),
        ..Event::bounce(kind, finer)
    }
}

#[tokio::test]
async fn refused_content_fails_at_once_and_is_not_sent_again() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    for (n, (finer, code)) in [
        ("ContentRejected", "content_rejected"),
        ("MessageTooLarge", "message_too_large"),
        ("AttachmentRejected", "attachment_rejected"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("n{n}@example.com");
        let (id, mail) = handed_over(&app, &studio, to_send("conversation", &email, &[], &[])).await;
        happens(&app, &mail, [Event::bounce("Transient", finer)]).await;
        let message = studio.message(id).await;
        let seen = (&message["status"], &message["error_class"], &message["error_code"]);
        assert_eq!(seen, (&json!("failed"), &json!("content"), &json!(code)), "{message}");
        assert_eq!(suppressed(&studio, &email).await, FREE, "{finer}");
        let sent = app.local.ses.mails().len();
        app.live(6 * HOUR, HOUR).await;
        assert_eq!(
            (app.local.ses.mails().len(), studio.status(id).await.as_str()),
            (sent, "failed"),
            "{finer}"
        );
    }
}

#[tokio::test]
async fn code_of_the_receiving_server_decides_what_a_generic_bounce_of_ses_means() {
    let app = App::start().await;
    let studio = app.business().await;
    silent(&app);
    for (n, (kind, said, status, class, is_suppressed)) in [
        ("Permanent", "smtp; 550 5.1.1 user unknown", "bounced", "address", true),
        ("Permanent", "smtp; 552 5.2.2 mailbox full", "queued", "transient", false),
        ("Permanent", "smtp; 550-5.7.1 blocked", "failed", "content", false),
        ("Permanent", "smtp; 550 5.7.26 unauthenticated mail", "failed", "configuration", false),
        ("Permanent", "smtp; 550 5.2.1 account disabled", "failed", "address", false),
        ("Permanent", "smtp; 554 transaction failed", "failed", "content", false),
        ("Transient", "smtp; 552 5.3.4 message too big", "failed", "content", false),
        ("Undetermined", "smtp; 550 5.1.10 recipient not found", "bounced", "address", true),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("n{n}@example.com");
        let mut body = to_send("conversation", &email, &[], &[]);
        body["messages"][0]["client_id"] = json!(100 + n);
        let (id, mail) = handed_over(&app, &studio, body).await;
        happens(&app, &mail, [bounce(kind, "General", Some(said))]).await;
        let message = studio.message(id).await;
        assert_eq!((&message["status"], &message["error_class"]), (&json!(status), &json!(class)), "{said}");
        assert_eq!(suppressed(&studio, &email).await != FREE, is_suppressed, "{said}");
    }
}

/// A failure that a provider reports of the mail with this id to this address.
fn fails(app: &App, provider: &str, id: &str, email: &str, said: &str) -> Hook {
    let at = app.clock.now();
    match provider {
        "mailgun" => {
            let code: u64 = said.get(..3).and_then(|code| code.parse().ok()).unwrap();
            let event = json!({"event": "failed", "severity": "permanent", "reason": "generic", "recipient": email,
                               "timestamp": at.as_seconds(), "message": {"headers": {"message-id": id}},
                               "delivery-status": {"code": code, "message": said.get(4..)}});
            mailgun(app, &event)
        }
        "sendgrid" => {
            let event = json!({"event": "bounce", "type": "bounce", "email": email, "reason": said, "status": "5.0.0",
                               "timestamp": at.as_seconds(), "sg_message_id": format!("{id}.recvd-1.0")});
            sendgrid(app, &json!([event]))
        }
        _ => {
            let event = json!({"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "MessageID": id,
                               "Email": email, "Details": said, "BouncedAt": at.to_string()});
            postmark(app, &event)
        }
    }
}

async fn told(studio: &Business<'_>, id: u64) -> (String, String) {
    let message = studio.message(id).await;
    let text = |name: &str| message[name].as_str().unwrap_or("-").to_owned();
    (text("status"), text("error_class"))
}

#[tokio::test]
async fn code_of_the_receiving_server_decides_what_webhooks_mean() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut n = 0;
    for provider in ["mailgun", "sendgrid", "postmark"] {
        for (said, status, class, is_suppressed) in [
            ("550 5.1.1 no such user", "bounced", "address", true),
            ("552 5.2.2 mailbox full", "failed", "transient", false),
            ("554 5.7.1 refused", "failed", "content", false),
            ("552 5.2.3 message exceeds the limit", "failed", "content", false),
            ("556 5.1.10 no mail here", "bounced", "address", true),
            ("550 5.7.23 SPF", "failed", "configuration", false),
        ] {
            n += 1;
            let (id, email) = (format!("id{n}@mg.example.com"), format!("n{n}@example.com"));
            let message = recorded(&app, &studio, to_record(&studio, provider, &id, &email)).await;
            assert_eq!(fails(&app, provider, &id, &email, said).post(&app).await, 200);
            app.drain().await;
            let expected = (status.to_owned(), class.to_owned());
            assert_eq!(told(&studio, message).await, expected, "{provider}: {said}");
            assert_eq!(suppressed(&studio, &email).await != FREE, is_suppressed, "{provider}: {said}");
        }
    }
}

#[tokio::test]
async fn report_that_comes_before_its_mail_is_recorded_means_the_same() {
    let app = App::start().await;
    let studio = app.business().await;
    for (n, (said, status, is_suppressed)) in
        [("552 5.2.2 mailbox full", "failed", false), ("550 5.1.10 no mail here", "bounced", true)]
            .into_iter()
            .enumerate()
    {
        let (id, email) = (format!("early{n}@mg.example.com"), format!("early{n}@example.com"));
        assert_eq!(fails(&app, "mailgun", &id, &email, said).post(&app).await, 200);
        app.drain().await;
        let message = recorded(&app, &studio, to_record(&studio, "mailgun", &id, &email)).await;
        let told: Value = studio.message(message).await;
        assert_eq!(told["status"], status, "{told}");
        assert_eq!(suppressed(&studio, &email).await != FREE, is_suppressed, "{said}");
    }
}
