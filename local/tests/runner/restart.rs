//! What is kept in a data directory is there after the runner was killed.

use reqwest::Method;
use serde_json::json;

use crate::running::Running;

#[tokio::test]
async fn data_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["--empty", "--data", data.to_str().unwrap()];
    let first = Running::start(folder.path(), &arguments).await;
    let texts = json!({"category": "conversation",
                       "messages": [{"client_id": 7, "to_phone_number": "+14155550123", "message": "Hello"}]});
    let accepted = first.call(Method::POST, "/sms/send", texts).await.1;
    let path = format!("/messages/{}", accepted["items"][0]["message_id"]);
    let key = first.word("api_key");
    first.kill().await;

    let second = Running::start(folder.path(), &arguments).await;
    assert_eq!(second.word("api_key"), key);
    // Killed somewhere between queue and provider: what was accepted is there, wherever it is on its way.
    let (status, message) = second.call(Method::GET, &path, json!({})).await;
    assert_eq!((status, &message["message"]), (200, &json!("Hello")));
    let on_its_way = ["queued", "sending", "sent", "delivered"];
    assert!(on_its_way.contains(&message["status"].as_str().unwrap_or_default()), "{message}");
}
