//! Mail there and back, as its users see it.

use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn a_mail_goes_out_is_delivered_and_is_answered() {
    let app = App::start().await;
    let studio = app.business().await;

    let answer = studio
        .post(
            "/email/send",
            json!({
                "category": "conversation",
                "messages": [{
                    "client_id": 7,
                    "to_email": "Ada@Example.com",
                    "subject": "Your appointment",
                    "message": "See you at nine.",
                    "html": "<p>See you at <b>nine</b>.</p>",
                    "attachments": [{"filename": "Wegbeschreibung \u{e4}\u{4e2d}.txt", "content_type": "text/plain", "content": "SGVsbG8="}],
                }],
            }),
        )
        .await
        .ok();
    let id = answer["items"][0]["message_id"].as_u64().expect("an id");
    assert_eq!(answer["items"][0]["status"], "queued");
    app.drain().await;

    let mails = app.local.ses.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(mail.subject, "Your appointment");
    assert_eq!(mail.recipients(), ["Ada@example.com"]);
    let stored = studio.get(&format!("/messages/{id}")).await.ok();
    assert_eq!(stored["status"], "delivered", "{stored}");
    assert_eq!(stored["subject"], "Your appointment");
    assert_eq!(stored["channel"], "email");

    app.local
        .ses
        .reply(local::fake_ses::Reply {
            id: mail.id.clone(),
            text: "Thank you!".to_owned(),
            ..Default::default()
        })
        .await
        .expect("it is sent");
    app.drain().await;
    let listed = studio.get("/conversations").await.ok();
    assert_eq!(listed["items"][0]["client_id"], 7, "{listed}");
    let entries = studio.get("/conversations/7/messages").await.ok();
    assert_eq!(entries["items"].as_array().map(Vec::len), Some(2), "{entries}");
}

#[tokio::test]
async fn a_mail_is_found_by_its_words_and_by_its_subject() {
    let app = App::start().await;
    let studio = app.business().await;
    let mail = json!({"client_id": 7, "to_email": "ada@example.com", "subject": "Your Größe", "message": "See you at nine."});
    studio.post("/email/send", json!({"category": "conversation", "messages": [mail]})).await.ok();
    let found = async |words: &str| {
        let path = format!("/conversations/7/messages/search?query={words}");
        let page = studio.get(&path).await.ok();
        page["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|item| item["highlights"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("nine").await, [json!([{"start": 11, "end": 15}])]);
    assert_eq!(found("grosse").await, [json!([])]);
    assert!(found("twelve").await.is_empty());
    app.drain().await;
}
