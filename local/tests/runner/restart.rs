//! What is kept in a data directory is there after the runner was killed.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::{Running, until};

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

/// So many of each kind are posted before the kill.
const EACH: usize = 8;

/// The texts of one kind in the conversation of a client.
async fn stored(runner: &Running, client: u64, words: &str) -> Vec<String> {
    let path = format!("/conversations/{client}/messages?page_size=100");
    let (_, page) = runner.call(Method::GET, &path, json!({})).await;
    let messages = page["items"].as_array().cloned().unwrap_or_default();
    let text = |message: &Value| message["message"].as_str().unwrap_or_default().trim().to_owned();
    let mut texts: Vec<String> = messages.iter().map(text).filter(|text| text.starts_with(words)).collect();
    texts.sort();
    texts
}

/// Posts records and mails, and kills the runner `after` the last one was accepted. All of them are there, once, when it
/// runs again.
async fn nothing_accepted_is_lost(after: Option<Duration>) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let arguments = ["--empty", "--data", data.to_str().expect("a path in UTF-8")];
    let first = Running::start(folder.path(), &arguments).await;
    let client = json!({"client_name": "Ana", "client_phone_number": "+14155550123",
                        "client_email": "ana@example.com"});
    assert_eq!(first.call(Method::PUT, "/clients/7", client).await.0, 200);
    let mailbox = format!("{}/fake/raw", first.word("ses_url"));
    let http = reqwest::Client::new();
    for n in 0..EACH {
        let record = json!({"category": "conversation", "sender_type": "staff",
                            "from_phone_number": local::seed::NUMBER, "messages": [
            {"client_id": 7, "to_phone_number": "+14155550123", "message": format!("record {n}")}]});
        assert_eq!(first.call(Method::POST, "/sms/record", record).await.0, 200);
        let mail = format!(
            "From: Ana <ana@example.com>\r\nTo: {}\r\nSubject: Mail\r\nMessage-ID: <{n}@example.com>\r\n\r\nmail {n}\r\n",
            local::seed::EMAIL
        );
        assert_eq!(http.post(&mailbox).body(mail).send().await.expect("an answer").status(), 200);
    }
    if let Some(after) = after {
        tokio::time::sleep(after).await;
    }
    first.kill().await;

    let second = Running::start(folder.path(), &arguments).await;
    let all = |kind: &str| (0..EACH).map(|n| format!("{kind} {n}")).collect::<Vec<_>>();
    until(async || {
        stored(&second, 7, "record").await.len() >= EACH && stored(&second, 7, "mail").await.len() >= EACH
    })
    .await;
    assert_eq!(stored(&second, 7, "record").await, all("record"));
    assert_eq!(stored(&second, 7, "mail").await, all("mail"));
    second.kill().await;

    // What was done before the kill is not done again, whenever that was.
    let third = Running::start(folder.path(), &arguments).await;
    assert_eq!(stored(&third, 7, "record").await, all("record"));
    assert_eq!(stored(&third, 7, "mail").await, all("mail"));
}

#[tokio::test]
async fn records_and_mails_survive_a_kill_right_after_they_were_accepted() {
    nothing_accepted_is_lost(None).await;
}

#[tokio::test]
async fn records_and_mails_survive_a_kill_while_they_are_worked_on() {
    for ms in [1, 20, 150, 400] {
        nothing_accepted_is_lost(Some(Duration::from_millis(ms))).await;
    }
}

#[tokio::test]
async fn what_the_runner_keeps_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let environment = folder.path().join("omega.env");
    let arguments =
        ["--empty", "--data", data.to_str().unwrap(), "--env-file", environment.to_str().unwrap()];
    let runner = Running::start(folder.path(), &arguments).await;
    let mail = format!("From: a@example.com\r\nTo: {}\r\nSubject: x\r\n\r\nx\r\n", local::seed::EMAIL);
    let url = format!("{}/fake/raw", runner.word("ses_url"));
    assert_eq!(reqwest::Client::new().post(url).body(mail).send().await.unwrap().status(), 200);
    let mut places = vec![data, environment, folder.path().join("ready.json")];
    while let Some(place) = places.pop() {
        let about = std::fs::metadata(&place).unwrap();
        assert_eq!(about.permissions().mode() & 0o077, 0, "{}", place.display());
        if about.is_dir() {
            places.extend(std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
