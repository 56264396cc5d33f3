//! Whose number it is and what was written never reach the log.

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::{Running, until};

/// The number, the words, the name and the mail address that no line of the log may hold.
const NUMBER: &str = "+14155557319";
const DIGITS: &str = "4155557319";
const WORDS: &str = "canary-words-of-a-client";
const NAME: &str = "Canary Clientname";
const MAIL: &str = "canary@example.com";
/// The demo business's number, and one that is nobody's.
const STUDIO: &str = "+14155550100";
const NOBODY: &str = "+14155559999";

#[tokio::test]
async fn the_whole_journey_leaves_no_personal_data_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let runner = Running::start(folder.path(), &[]).await;
    let fake = runner.word("twilio_url");
    let http = reqwest::Client::new();
    let control = async |path: &str, body: Value| {
        http.post(format!("{fake}/fake{path}")).json(&body).send().await.unwrap();
    };
    let say = async |to: &str, body: &str| {
        control("/clients/send", json!({"from": NUMBER, "to": to, "body": body})).await
    };
    let texts = |body: Value| json!({"category": "conversation", "messages": body});
    let to_ada = json!([{"client_id": 7, "to_phone_number": NUMBER, "message": WORDS}]);

    runner.call(Method::PUT, "/clients/7", json!({"client_name": NAME, "client_phone_number": NUMBER})).await;
    let (status, accepted) = runner.call(Method::POST, "/sms/send", texts(to_ada.clone())).await;
    assert_eq!(status, 200, "{accepted}");
    let sent = accepted["items"][0]["message_id"].as_u64().unwrap();
    let staff = json!({"staff_name": NAME, "staff_phone_number": NUMBER, "staff_email": MAIL});
    runner.call(Method::PUT, "/staffs/12", staff).await;
    runner.call(Method::GET, "/staffs?search=Canary%20Clientname", json!({})).await;
    // What is refused, at every door.
    runner.call(Method::PUT, "/staffs/12", json!({"staff_name": 7, "staff_email": NAME})).await;
    runner.call(Method::PUT, "/clients/7", json!({"client_name": 7, "client_phone_number": WORDS})).await;
    runner.call(Method::POST, "/sms/send", texts(json!([NUMBER, {"to_phone_number": DIGITS}]))).await;
    runner.call(Method::POST, "/sms/send", json!({"category": WORDS})).await;
    runner.call(Method::GET, &format!("/clients/{DIGITS}"), json!({})).await;
    runner.call(Method::GET, &format!("/{WORDS}/{NUMBER}"), json!({})).await;
    // What comes from elsewhere.
    let recorded = json!({"category": "notification", "from_phone_number": NUMBER, "sender_type": "client",
                          "messages": [{"client_id": 7, "to_phone_number": STUDIO, "message": WORDS}]});
    runner.call(Method::POST, "/sms/record", recorded).await;
    say(STUDIO, WORDS).await;
    say(NOBODY, WORDS).await;
    say(STUDIO, "STOP").await;
    runner.call(Method::POST, "/sms/send", texts(to_ada.clone())).await;
    say(STUDIO, "START").await;
    control("/script", json!({"answers": [{"refuse": 21211}]})).await;
    let (_, accepted) = runner.call(Method::POST, "/sms/send", texts(to_ada)).await;
    let refused = accepted["items"][0]["message_id"].as_u64().unwrap();
    until(async || {
        let sent = runner.call(Method::GET, &format!("/messages/{sent}"), json!({})).await.1;
        let refused = runner.call(Method::GET, &format!("/messages/{refused}"), json!({})).await.1;
        sent["status"] == "delivered" && refused["status"] == "failed"
    })
    .await;

    let secrets = ["api_key", "platform_key", "twilio_auth_token"].map(|name| runner.word(name));
    let log = runner.kill().await;
    assert!(log.contains("text handed over"), "{log}");
    assert!(log.contains("/omega/businesses/{business_id}/sms/send"), "{log}");
    let canaries = [NUMBER, DIGITS, WORDS, NAME, MAIL].into_iter().chain(secrets.iter().map(String::as_str));
    for canary in canaries {
        let found = log.lines().find(|line| line.contains(canary));
        assert_eq!(found, None, "a line of the log holds {canary}");
    }
}
