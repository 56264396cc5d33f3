//! The spine: a text goes out, is delivered and is answered.

use serde_json::json;

use crate::app::App;

const ADA: &str = "+14155550123";

#[tokio::test]
async fn a_text_goes_out_is_delivered_and_is_answered() {
    let app = App::start().await;
    let studio = app.business().await;

    let accepted =
        studio.post("/sms/send", studio.send_body(&[(7, "(415) 555-0123", "See you at 5?")])).await.ok();
    let id = accepted["items"][0]["message_id"].as_u64().unwrap();
    assert_eq!(accepted["items"][0]["status"], "queued");
    assert_eq!(studio.status(id).await, "queued");
    assert_eq!(app.sent(), [], "nothing is sent inside the call");

    app.drain().await;
    let message = studio.message(id).await;
    assert_eq!(message["status"], "delivered");
    assert_eq!(message["to_address"], ADA);
    assert_eq!(message["from_address"], studio.number.as_str());
    assert_eq!(message["attempt"], 1);
    assert!(message["delivered_at"].is_string());
    assert!(message["provider_message_id"].as_str().unwrap().starts_with("SM"));
    assert_eq!(app.sent(), [(ADA.to_owned(), "See you at 5?".to_owned())]);

    let answer = app.text(ADA, &studio.number, "Yes, see you!").await;
    assert_eq!((answer.status, answer.twiml.as_str()), (Some(200), "<Response/>"));
    let ada = studio.client(7).await;
    assert_eq!(ada["unread_messages_count"], 1);
    assert_eq!(ada["last_message_content"], "Yes, see you!");
    assert_eq!(ada["last_updated_channel"], "sms");
    assert_eq!(ada["status"], "open");
    assert_eq!(ada["client_phone_number"], ADA);

    let request = accepted["request_id"].as_str().unwrap();
    let of_request = studio.get(&format!("/messages/requests/{request}")).await.ok();
    assert_eq!(of_request["counts"], json!({"delivered": 1}));
    assert_eq!(of_request["messages"][0]["message_id"], id);
}
