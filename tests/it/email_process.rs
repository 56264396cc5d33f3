//! Mail at the one entrance for a message of any channel.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};
use crate::email_attachments::{file_url, serve};
use crate::email_sending::{call, calls_of_ses, longest_job, mail, of_request, sent, statuses};
use crate::email_unsubscribing::{unsubscribe, unsubscribe_link};

async fn process(studio: &Business<'_>, more: Value) -> Answered {
    let mut body = json!({"business_id": studio.id, "channel": "email", "client_id": 7, "subject": "Hello", "message": "Hi Ada"});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let call = studio.app.anonymous(Method::POST, "/messages/process");
    send(call.header("X-API-KEY", &studio.key).json(&body)).await
}

async fn knows_ada(studio: &Business<'_>) {
    studio.put("/clients/7", json!({"client_email": "Ada@Example.net"})).await.ok();
}

#[tokio::test]
async fn a_mail_of_the_business_is_sent_to_the_mailbox_in_the_directory() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(3, json!({"staff_name": "Zoë"})).await;
    knows_ada(&studio).await;
    serve(&app, "plan", 9, 200, "Hello");

    // Addresses of our own network are refused at this entrance, whoever is trusted.
    let refused = process(&studio, json!({"attachments": [{"url": file_url(&app, "plan")}]})).await;
    let accepted = process(&studio, json!({"sender_type": "staff", "staff_id": 3})).await.ok();
    app.drain().await;

    assert_eq!(refused.bad_fields(), [r#"["body","attachments",0,"url"]"#]);
    assert_eq!(statuses(&accepted), ["queued"]);
    let mails = app.local.ses.mails();
    assert_eq!((mails.len(), mails[0].recipients()), (1, vec!["Ada@example.net".to_owned()]));
    assert_eq!((mails[0].subject.as_str(), mails[0].text.as_deref()), ("Hello", Some("Hi Ada\r\n")));
    let stored = studio.message(accepted["items"][0]["message_id"].as_u64().unwrap()).await;
    assert_eq!((&stored["channel"], &stored["status"]), (&json!("email"), &json!("delivered")));
    assert_eq!((&stored["category"], &stored["staff_id"]), (&json!("conversation"), &json!(3)));
    assert_eq!((&stored["subject"], &stored["from_address"]), (&json!("Hello"), &json!(studio.email)));
}

#[tokio::test]
async fn a_mail_of_the_client_is_recorded_and_nothing_is_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    knows_ada(&studio).await;
    let more = json!({
        "sender_type": "client",
        "sent_at": "whenever",
        "attachments": [{"filename": "a.png", "content_type": "image/png", "url": "http://example.com/a.png"}],
        "provider_metadata": {"source": "chat"},
    });

    let short = process(&studio, more.clone()).await.ok();
    app.drain().await;
    let mut long = more;
    long["message"] = json!("x".repeat(10_000));
    let long = process(&studio, long).await.ok();
    assert!(longest_job(&app) < 2_000);
    app.drain().await;

    for (accepted, length) in [(short, 6), (long, 10_000)] {
        assert_eq!(statuses(&accepted), ["received"]);
        let stored = of_request(&studio, &accepted).await.remove(0);
        assert_eq!((&stored["direction"], &stored["status"]), (&json!("inbound"), &json!("received")));
        assert_eq!(
            (&stored["from_address"], &stored["to_address"]),
            (&json!("Ada@example.net"), &json!(studio.email))
        );
        assert_eq!((&stored["subject"], &stored["sent_at"]), (&json!("Hello"), &json!("whenever")));
        assert_eq!(stored["message"].as_str().unwrap().len(), length);
        assert_eq!(stored["provider_metadata"], json!({"source": "chat"}));
        let file = json!({"content": null, "content_id": null, "content_type": "image/png", "filename": "a.png", "url": "http://example.com/a.png"});
        assert_eq!(stored["attachments"], json!([file]));
    }
    assert_eq!(studio.client(7).await["unread_messages_count"], 2);
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn a_client_without_a_mailbox_and_a_bad_field_of_a_mail_are_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/8", json!({"client_name": "Without a mailbox"})).await.ok();
    for client in [7, 8] {
        let refused = process(&studio, json!({"client_id": client})).await;
        assert_eq!(refused.bad_fields(), [r#"["body","client_id"]"#]);
    }
    knows_ada(&studio).await;
    let name = |n: usize| json!({"url": format!("https://example.com/{}", "x".repeat(2_000)), "filename": n.to_string()});
    let table = [
        (json!({"message": " "}), r#"["body","message"]"#),
        (json!({"message": "\u{4e2d}".repeat(70_000)}), r#"["body","message"]"#),
        (json!({"subject": "a\r\nBcc: eve@example.net"}), r#"["body","subject"]"#),
        (json!({"attachments": [{"filename": "a"}]}), r#"["body","attachments",0,"url"]"#),
        (json!({"attachments": [{"url": "http://example.com"}]}), r#"["body","attachments",0,"url"]"#),
        (json!({"attachments": (0..51).map(name).collect::<Vec<_>>()}), r#"["body","attachments"]"#),
    ];
    for (more, named) in table {
        assert_eq!(process(&studio, more).await.bad_fields(), [named]);
    }
}

#[tokio::test]
async fn the_longest_mail_of_the_one_entrance_is_stored_whichever_way_it_goes() {
    let app = App::start().await;
    let studio = app.business().await;
    knows_ada(&studio).await;
    let file = |n: usize| json!({"url": format!("https://example.com/{n}/{}", "x".repeat(1_950))});
    for sender_type in ["client", "staff"] {
        let accepted = process(
            &studio,
            json!({
                "sender_type": sender_type,
                "subject": "\u{1f389}".repeat(998),
                "message": "\u{4e2d}".repeat(66_000),
                "attachments": (0..50).map(file).collect::<Vec<_>>(),
                "provider_metadata": {"words": "x".repeat(32_000)},
            }),
        );
        assert_eq!(accepted.await.status, 200, "{sender_type}");
    }
}

#[tokio::test]
async fn a_campaign_at_the_one_entrance_is_blocked_for_who_unsubscribed() {
    let app = App::start().await;
    let studio = app.business().await;
    knows_ada(&studio).await;
    let (_, first) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    unsubscribe(&unsubscribe_link(&first)).await;

    let refused = process(&studio, json!({"category": "campaign"})).await.ok();
    let accepted = process(&studio, json!({"category": "notification"})).await.ok();

    assert_eq!((statuses(&refused), statuses(&accepted)), (vec!["blocked"], vec!["queued"]));
}
