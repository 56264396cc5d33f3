//! The shared inbox: lists, filters and their counts.

use reqwest::Method;
use serde_json::json;

use crate::app::{App, send};

#[tokio::test]
async fn a_text_from_a_stranger_is_in_the_list_and_in_the_counts() {
    let app = App::start().await;
    let studio = app.business().await;
    app.text("+14155550777", &studio.number, "hello").await;
    let list = studio.get("/conversations").await.ok();
    assert_eq!(list["total"], 1, "{list}");
    assert_eq!(list["items"][0]["client_phone_number"], "+14155550777");
    assert_eq!(list["items"][0]["unread_messages_count"], 1);
    let id = list["items"][0]["conversation_id"].as_u64().unwrap();
    let filters = studio.get("/conversations/filters").await.ok();
    println!("{filters:#}");
    app.sweep().await;
    assert_eq!(studio.get("/conversations/filters").await.ok(), filters);
    let note = studio.post(&format!("/conversations/{id}/notes"), json!({"note": "calls back"})).await.ok();
    println!("{note}");
    let answer = send(studio.request(Method::POST, &format!("/conversations/{id}/status?status=resolved"))).await;
    println!("{answer:?}");
    let answer = studio.post("/messages/status", json!({"conversation_id": id})).await.ok();
    println!("{answer}");
    let messages = studio.get(&format!("/conversations/{id}/messages")).await.ok();
    println!("{messages:#}");
    let flagged = send(studio.request(Method::POST, &format!("/messages/{}/flag", note["message_id"]))).await.ok();
    println!("{flagged}");
    let history = studio.get(&format!("/conversations/{id}/history")).await.ok();
    println!("{history:#}");
    for query in ["", "status=resolved", "message_filter=flagged", "message_filter=unread", "channel=sms&assignment=unassigned", "updated_since=2026-01-01T00:00:00Z", "search=0777", "search=(415) 555-0777", "status=open"] {
        let list = studio.get(&format!("/conversations?{query}")).await.ok();
        println!("{query}: {} {} {}", list["total"], list["items"].as_array().unwrap().len(), list["next_cursor"]);
    }
}
