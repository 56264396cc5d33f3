//! Recording mail that another system carried.

use serde_json::{Value, json};

use crate::app::{App, Business, send};
use crate::email_attachments::get_there;
use crate::email_sending::{ADA, BEN, calls_of_ses, field, longest_job, mail, of_request, statuses};

/// The request of the reference, as it stands there.
fn example() -> Value {
    json!({
        "category": "campaign",
        "notification_type": "notification_opt_in",
        "staff_id": 789,
        "provider": "twilio",
        "sent_by": 789,
        "sender_type": "client",
        "sent_at": "string",
        "from_email": "sender@dev.concerto.ai",
        "messages": [{
            "message_id": 0,
            "client_id": 0,
            "wl_user_id": 0,
            "to_email": "recipient@dev.concerto.ai",
            "subject": "Your Appointment Details",
            "message": "Dear client, here are your appointment details...",
            "cc_email": ["string"],
            "bcc_email": ["string"],
            "attachments": [{
                "content": "string",
                "content_type": "image/png",
                "filename": "string",
                "url": "string",
            }],
            "status": "initiated",
            "provider_metadata": {},
        }],
    })
}

/// A call that records one mail from the business to Ada, with further fields or others.
fn elsewhere(studio: &Business<'_>, more: Value) -> Value {
    json!({"category": "conversation", "from_email": studio.email, "messages": [mail(more)]})
}

/// A call that records one mail from Ada.
fn from_ada(studio: &Business<'_>, more: Value) -> Value {
    let mut more = more;
    more["to_email"] = json!(studio.email);
    json!({"category": "conversation", "sender_type": "client", "from_email": ADA, "messages": [mail(more)]})
}

/// Records and has the consumer store it. Returns the stored messages.
async fn recorded(app: &App, studio: &Business<'_>, body: Value) -> Vec<Value> {
    let accepted = studio.post("/email/record", body).await.ok();
    app.drain().await;
    of_request(studio, &accepted).await
}

#[tokio::test]
async fn the_example_of_the_reference_is_recorded_and_shown_as_it_was_given() {
    let app = App::start().await;
    let studio = app.business().await;

    let accepted = studio.post("/email/record", example()).await.ok();
    assert_eq!(
        accepted["items"],
        json!([{"index": 0, "message_id": null, "status": "initiated", "error": null}])
    );
    app.drain().await;

    let stored = of_request(&studio, &accepted).await;
    assert_eq!(stored.len(), 1);
    let (stored, given) = (&stored[0], example());
    for name in ["category", "notification_type", "staff_id", "provider", "sent_by", "sender_type", "sent_at"]
    {
        assert_eq!(stored[name], given[name], "{name}");
    }
    let mut given = given["messages"][0].clone();
    // A field of omega's own: the id by which HTML shows the file.
    given["attachments"][0]["content_id"] = Value::Null;
    for name in [
        "client_id",
        "subject",
        "message",
        "cc_email",
        "bcc_email",
        "attachments",
        "status",
        "provider_metadata",
    ] {
        assert_eq!(stored[name], given[name], "{name}");
    }
    assert_eq!((&stored["channel"], &stored["direction"]), (&json!("email"), &json!("inbound")));
    assert_eq!(stored["from_address"], "sender@dev.concerto.ai");
    assert_eq!(stored["to_address"], "recipient@dev.concerto.ai");
    let page = studio.get("/conversations/0/messages").await.ok();
    assert_eq!(page["items"][0]["message_id"], stored["message_id"]);
    app.recover().await;
    assert_eq!((calls_of_ses(&app), app.local.ses.mails().len()), (0, 0));
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mail_without_an_id_elsewhere_is_recorded_each_time_and_one_with_an_id_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let zero = || elsewhere(&studio, json!({"message_id": 0}));
    let with_id = |message: &str| elsewhere(&studio, json!({"message_id": 77, "message": message}));

    let zeros = [recorded(&app, &studio, zero()).await, recorded(&app, &studio, zero()).await];
    let first = recorded(&app, &studio, with_id("Hello")).await;
    let second = recorded(&app, &studio, with_id("Hello again")).await;
    let text = json!({
        "category": "conversation",
        "from_phone_number": studio.number,
        "messages": [{"message_id": 77, "client_id": 7, "to_phone_number": "+14155550123", "message": "A text"}],
    });
    let text = studio.post("/sms/record", text).await.ok();
    app.drain().await;

    assert_ne!(zeros[0], zeros[1]);
    assert_eq!(first, second);
    assert_eq!(first[0]["message"], "Hello");
    assert_eq!(of_request(&studio, &text).await[0]["message"], "A text", "an id belongs to its channel");
    assert_eq!(app.message_ids(studio.id).await.len(), 4);
}

#[tokio::test]
async fn a_large_recording_travels_by_object_storage_and_its_job_is_small() {
    let app = App::start().await;
    let studio = app.business().await;
    let content = "QUFB".repeat(50_000);
    let large = json!({
        "message": "x".repeat(300_000),
        "html": "<p>html</p>",
        "cc_email": [BEN],
        "attachments": [{"filename": "a.bin", "content_type": "image/png", "content": content}],
        "provider_metadata": {"words": "y".repeat(30_000)},
    });
    let mut body = elsewhere(&studio, large);
    body["messages"]
        .as_array_mut()
        .unwrap()
        .extend((0..12).map(|n| mail(json!({"message": format!("{n} {}", "z".repeat(2_000))}))));

    let accepted = studio.post("/email/record", body).await.ok();

    assert_eq!(statuses(&accepted), ["sent"; 13]);
    assert!((1..2_000).contains(&longest_job(&app)), "{}", longest_job(&app));
    app.drain().await;
    let stored = of_request(&studio, &accepted).await;
    assert_eq!(stored.len(), 13);
    let kept = app.local.storage.keys().unwrap();
    assert!(kept.len() == 2 && kept.iter().all(|key| key.starts_with("mail/")), "{kept:?}");
    let first = &stored[0];
    assert_eq!(first["message"].as_str().map(str::len), Some(2_000));
    assert_eq!(first["provider_metadata"]["words"].as_str().map(str::len), Some(30_000));
    let id = first["message_id"].as_u64().unwrap();
    let download = async |place: &str| {
        let (_, location) = get_there(&studio, &format!("/messages/{id}/attachments/{place}")).await;
        send(reqwest::Client::new().get(location.expect("a link"))).await
    };
    assert_eq!(download("0").await.body, json!("AAA".repeat(50_000)));
    let whole = download("body").await.body;
    assert_eq!(
        (whole["text"].as_str().map(str::len), &whole["html"]),
        (Some(300_000), &json!("<p>html</p>"))
    );
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn what_is_given_as_content_and_is_none_is_kept_within_bounds() {
    let app = App::start().await;
    let studio = app.business().await;
    let file = |content: String| json!({"attachments": [{"content": content}]});
    let kept = "see the archive, ".repeat(100);

    let stored = recorded(&app, &studio, elsewhere(&studio, file(kept.clone()))).await;
    let refused = studio.post("/email/record", elsewhere(&studio, file("? ".repeat(100_000)))).await;
    let many = json!({"cc_email": vec!["x".repeat(900); 400]});
    let refused_copies = studio.post("/email/record", elsewhere(&studio, many)).await;
    let most = json!({
        "message": "x".repeat(200_000),
        "bcc_email": vec!["x".repeat(900); 110],
        "provider_metadata": {"words": "y".repeat(32_000)},
    });
    let longest = recorded(&app, &studio, elsewhere(&studio, most)).await;

    assert_eq!(stored[0]["attachments"][0]["content"], kept);
    assert_eq!(refused.bad_fields(), [field("attachments")]);
    assert_eq!(refused_copies.bad_fields(), [field("cc_email")]);
    assert_eq!(longest.len(), 1);
}

#[tokio::test]
async fn a_recorded_mail_of_the_client_is_unread_and_history_is_not() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut history = from_ada(&studio, json!({"message": "Long ago"}));
    history["historical"] = json!(true);
    history["sent_at"] = json!("2025-01-01T00:00:00Z");

    let old = recorded(&app, &studio, history).await;
    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    let new = recorded(&app, &studio, from_ada(&studio, json!({"message": "Just now"}))).await;

    assert_eq!((&old[0]["is_read"], &new[0]["is_read"]), (&json!(true), &json!(false)));
    assert!(old[0]["message_id"].as_u64() < new[0]["message_id"].as_u64());
    for stored in [&old[0], &new[0]] {
        assert_eq!((&stored["direction"], &stored["status"]), (&json!("inbound"), &json!("received")));
        assert_eq!((&stored["from_address"], &stored["to_address"]), (&json!(ADA), &json!(studio.email)));
    }
    let ada = studio.client(7).await;
    assert_eq!((&ada["unread_messages_count"], &ada["status"]), (&json!(1), &json!("open")));
    assert_eq!(ada["last_message_content"], "Just now");
}

#[tokio::test]
async fn a_recorded_mail_can_not_be_sent_or_taken_back_and_is_reported_on() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut body =
        elsewhere(&studio, json!({"status": "queued", "provider_metadata": {"message_id": "<pm-1>"}}));
    body["provider"] = json!("postmark");
    let id = recorded(&app, &studio, body).await[0]["message_id"].as_u64().unwrap();

    let canceled = studio.post(&format!("/messages/{id}/cancel"), json!({})).await;
    let reported = studio.post("/email/status", json!({"message_id": id, "status": "failed"})).await.ok();
    let retried = studio.post(&format!("/messages/{id}/retry"), json!({})).await;

    assert_eq!(canceled.status, 409);
    assert_eq!(reported["applied"], true);
    assert_eq!(retried.bad_fields(), [r#"["path","message_id"]"#]);
    assert_eq!(studio.message(id).await["provider_message_id"], "pm-1");
    app.recover().await;
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn every_bad_field_of_a_recording_is_named_and_a_good_entry_is_recorded_all_the_same() {
    let app = App::start().await;
    let studio = app.business().await;
    let bad = json!({
        "message_id": -1, "client_id": "x", "wl_user_id": 1.5, "to_email": "x", "subject": null, "html": 5,
        "cc_email": "x", "bcc_email": [5], "attachments": [5], "status": "gone", "provider_metadata": [],
    });
    let around = json!({
        "category": "x", "notification_type": "x", "staff_id": "x", "provider": "pigeon", "sent_by": "x",
        "sender_type": "x", "sent_at": 5, "from_email": "x", "historical": "maybe", "messages": [bad],
    });

    let refused = studio.post("/email/record", around).await;
    let mut body = elsewhere(&studio, json!({}));
    body["messages"].as_array_mut().unwrap().insert(0, bad);
    let accepted = studio.post("/email/record", body).await.ok();
    app.drain().await;

    let mut named = refused.bad_fields();
    named.sort();
    let mut expected: Vec<String> = [
        "category",
        "notification_type",
        "staff_id",
        "provider",
        "sent_by",
        "sender_type",
        "sent_at",
        "from_email",
        "historical",
    ]
    .map(|name| format!(r#"["body","{name}"]"#))
    .into();
    expected.extend(
        [
            "message_id",
            "client_id",
            "wl_user_id",
            "to_email",
            "subject",
            "message",
            "html",
            "cc_email",
            "status",
            "provider_metadata",
        ]
        .map(field),
    );
    expected.extend(["bcc_email", "attachments"].map(|name| format!(r#"["body","messages",0,"{name}",0]"#)));
    expected.sort();
    assert_eq!(named, expected);
    assert_eq!(statuses(&accepted), ["rejected", "sent"]);
    assert_eq!(of_request(&studio, &accepted).await.len(), 1);
}

#[tokio::test]
async fn a_recording_that_cannot_be_queued_is_refused_for_now_and_its_repetition_stores_it_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = from_ada(&studio, json!({"message": "x".repeat(5_000)}));
    app.local.wire.fail("sqs", None, usize::MAX, 500, "{}");

    let refused = studio.post_once("/email/record", "k", &body).await;
    app.local.wire.heal();
    let accepted = studio.post_once("/email/record", "k", &body).await.ok();
    app.drain().await;

    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
    assert_eq!(of_request(&studio, &accepted).await.len(), 1);
    assert_eq!(studio.client(7).await["unread_messages_count"], 1);
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}
