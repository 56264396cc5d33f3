//! A campaign opens no conversation: the inbox shows its receivers when they write.

use serde_json::{Value, json};

use crate::app::{App, Business};

const ADA: &str = "+14155550123";

fn campaign(studio: &Business<'_>, texts: &[(u64, &str, &str)]) -> Value {
    let mut body = studio.send_body(texts);
    body["category"] = json!("campaign");
    body
}

/// The counts of the inbox: all, and of each status.
async fn counts(studio: &Business<'_>) -> Vec<u64> {
    let mut counts = Vec::new();
    for query in ["", "status=open", "status=resolved", "assignment=unassigned", "message_filter=unread"] {
        counts.push(studio.inbox(query).await["total"].as_u64().expect("a count"));
    }
    counts
}

#[tokio::test]
async fn campaign_to_many_new_clients_changes_no_count() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.receives(ADA, "Hi").await;
    let before = counts(&studio).await;
    assert_eq!(before, [1, 1, 0, 1, 1]);
    let texts: Vec<(u64, String)> = (0..60).map(|n| (100 + n, format!("+1415555{:04}", 5000 + n))).collect();
    let body: Vec<(u64, &str, &str)> =
        texts.iter().map(|(client, to)| (*client, to.as_str(), "Sale!")).collect();
    for _ in 0..2 {
        studio.post("/sms/send", campaign(&studio, &body)).await.ok();
    }
    app.drain().await;
    app.sweep().await;
    assert_eq!(app.sent().len(), 120);
    assert_eq!(counts(&studio).await, before);
    let shown = studio.client(100).await;
    assert_eq!((&shown["status"], &shown["conversation_id"]), (&Value::Null, &Value::Null));
    let timeline = studio.messages(100, "").await;
    assert_eq!((&timeline["total"], &timeline["items"][0]["message"]), (&json!(2), &json!("Sale!")));
    assert_eq!(timeline["items"][0]["status"], "delivered");
}

#[tokio::test]
async fn answer_to_a_campaign_opens_the_conversation_with_its_history() {
    let app = App::start().await;
    let studio = app.business().await;
    for text in ["Sale!", "Sale again!"] {
        studio.post("/sms/send", campaign(&studio, &[(7, ADA, text)])).await.ok();
    }
    app.drain().await;
    assert_eq!(counts(&studio).await, [0; 5]);
    studio.receives(ADA, "STOP").await;
    assert_eq!(counts(&studio).await, [0; 5], "and STOP asks nothing");
    studio.receives(ADA, "START").await;
    studio.receives(ADA, "How much?").await;
    assert_eq!(counts(&studio).await, [1, 1, 0, 1, 1]);
    let ada = studio.client(7).await;
    assert_eq!((&ada["status"], &ada["unread_messages_count"]), (&json!("open"), &json!(1)));
    assert_eq!(ada["last_message_content"], "How much?");
    let timeline = studio.messages(7, "").await;
    let words: Vec<&str> =
        timeline["items"].as_array().unwrap().iter().map(|m| m["message"].as_str().unwrap()).collect();
    assert_eq!(words, ["How much?", "START", "STOP", "Sale again!", "Sale!"]);
    assert_eq!(timeline["total"], 5);
    assert_eq!(studio.marks(json!({"conversation_id": 7})).await, 1);
    studio.balance().await;
}

#[tokio::test]
async fn staff_who_write_to_or_open_a_receiver_open_the_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    let ben = "+14155550124";
    studio.post("/sms/send", campaign(&studio, &[(7, ADA, "Sale!"), (8, ben, "Sale!")])).await.ok();
    let refused = studio.post("/conversations/8/notes", json!({"note": "psst"})).await;
    assert_eq!(refused.status, 404);
    assert_eq!(studio.act("/conversations/8/status?status=resolved").await.status, 404);

    studio.queue(7, ADA, "Hello Ada").await;
    let opened = studio.post("/clients/8/conversation", json!({})).await.ok();
    assert_eq!((&opened["status"], &opened["last_message_content"]), (&json!("open"), &json!("Sale!")));
    assert_eq!(counts(&studio).await, [2, 2, 0, 2, 0]);
    assert_eq!(studio.messages(7, "").await["total"], 2);
    studio.notes(8, "psst").await;
    assert_eq!(studio.messages(8, "").await["total"], 2);
    assert_eq!(studio.inbox("channel=sms").await["total"], 2);
    studio.balance().await;
}

#[tokio::test]
async fn campaign_to_a_resolved_conversation_leaves_it_resolved() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    studio.act("/conversations/7/status?status=resolved").await.ok();
    studio.post("/sms/send", campaign(&studio, &[(7, ADA, "Sale!")])).await.ok();
    assert_eq!(counts(&studio).await, [1, 0, 1, 1, 0]);
    assert_eq!(studio.client(7).await["last_message_content"], "Sale!");
}

#[tokio::test]
async fn recorded_and_mailed_campaigns_open_nothing_either() {
    let app = App::start().await;
    let studio = app.business().await;
    for (client, historical) in [(7, false), (8, true)] {
        let messages = json!([{"client_id": client, "to_phone_number": ADA, "message": "Sale!"}]);
        let body = json!({"category": "campaign", "from_phone_number": studio.number, "historical": historical,
                          "messages": messages});
        studio.post("/sms/record", body).await.ok();
    }
    let mail = json!({"client_id": 9, "to_email": "ada@example.com", "subject": "Sale", "message": "Sale!"});
    studio.post("/email/send", json!({"category": "campaign", "messages": [mail]})).await.ok();
    app.drain().await;
    assert_eq!(counts(&studio).await, [0; 5]);
    for client in [7, 8, 9] {
        assert_eq!(studio.messages(client, "").await["total"], 1, "{client}");
    }
    studio.balance().await;
}

#[tokio::test]
async fn older_text_from_a_receiver_of_a_campaign_is_recorded_though_the_newer_ones_are_read() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.post("/sms/send", campaign(&studio, &[(7, ADA, "Sale!")])).await.ok();
    studio.receives(ADA, "START").await;
    let start = studio.messages(7, "").await["items"][0]["message_id"].clone();
    studio.marks(json!({"message_ids": [start]})).await;
    assert_eq!(counts(&studio).await, [0; 5]);
    let entry = json!({"client_id": 7, "to_phone_number": studio.number, "message": "Do you have a sale?"});
    let body = json!({"category": "conversation", "sender_type": "client", "from_phone_number": ADA,
                      "sent_at": "2026-01-30T09:00:00Z", "messages": [entry]});
    studio.post("/sms/record", body).await.ok();
    app.drain().await;
    let ada = studio.client(7).await;
    assert_eq!((&ada["status"], &ada["unread_messages_count"]), (&json!("open"), &json!(1)));
    assert_eq!(studio.messages(7, "").await["total"], 3);
    studio.balance().await;
}

#[tokio::test]
async fn stranger_who_only_said_start_is_merged_without_a_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.post("/sms/send", campaign(&studio, &[(7, "+14155550124", "Sale!")])).await.ok();
    studio.receives(ADA, "START").await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    app.sweep().await;
    assert_eq!(counts(&studio).await, [0; 5]);
    assert_eq!(studio.messages(7, "").await["total"], 2);
    studio.receives(ADA, "Hi").await;
    assert_eq!(counts(&studio).await, [1, 1, 0, 1, 1]);
    assert_eq!(studio.messages(7, "").await["total"], 3);
    studio.balance().await;
}

#[tokio::test]
async fn stranger_with_a_resolved_conversation_stays_resolved_when_a_receiver_of_a_campaign_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.post("/sms/send", campaign(&studio, &[(7, "+14155550124", "Sale!")])).await.ok();
    studio.receives(ADA, "Hi").await;
    let stranger = studio.inbox("").await["items"][0]["client_id"].clone();
    studio.act(&format!("/conversations/{stranger}/status?status=resolved")).await.ok();
    studio.marks(json!({"conversation_id": stranger})).await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    app.sweep().await;
    assert_eq!(counts(&studio).await, [1, 0, 1, 1, 0]);
    assert_eq!(studio.messages(7, "").await["total"], 2);
    studio.balance().await;
}
