//! How Twilio's responses are read: errors by the table, and fields of any type.

use std::time::Duration;

use domain::Timestamp;
use domain::sms_error::{failure, table};
use local::fake_twilio::{Answer, Callback};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, send};
use crate::faults::SILENT;

const ADA: &str = "+14155550123";

/// The text that is sent while Twilio responds like this and reports nothing.
async fn sent(app: &App, studio: &Business<'_>, answer: Answer) -> Value {
    app.local.twilio.set_default_callbacks(SILENT);
    app.local.twilio.script(None, [answer]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    studio.message(id).await
}

async fn retry(studio: &Business<'_>, message: &Value) -> u16 {
    let path = format!("/messages/{}/retry", message["message_id"]);
    send(studio.request(Method::POST, &path)).await.status
}

#[tokio::test]
async fn refusals_have_the_class_and_the_advice_of_the_table_and_address_errors_stay_refused() {
    for (code, class, retried) in [
        (21635, "address", 422),
        (21265, "address", 422),
        (21211, "address", 422),
        (21610, "consent", 422),
        (14103, "content", 200),
        (21617, "content", 200),
        (21659, "configuration", 200),
        (21408, "configuration", 200),
        (20003, "configuration", 200),
        (21699, "configuration", 200),
    ] {
        let app = App::start().await;
        let studio = app.business().await;
        let message = sent(&app, &studio, Answer::refuse(code)).await;
        assert_eq!(message["status"], "failed", "{code}");
        assert_eq!(
            (&message["error_code"], &message["error_class"]),
            (&json!(code.to_string()), &json!(class))
        );
        assert_eq!(message["error_advice"], domain::delivery::advice(&failure(code, None)), "{code}");
        assert!(message["error_reason"].as_str().unwrap().ends_with('.') || code == 21699, "{message}");
        assert_eq!(retry(&studio, &message).await, retried, "{code}");
    }
}

#[tokio::test]
async fn reports_have_the_class_and_the_advice_of_the_table() {
    for (code, class, retried) in [
        (30006, "address", 422),
        (30007, "content", 200),
        (30032, "configuration", 200),
        (30035, "configuration", 200),
        (30041, "configuration", 200),
        (30410, "ambiguous", 200),
        (30036, "expiry", 200),
        (30999, "configuration", 200),
    ] {
        let app = App::start().await;
        let studio = app.business().await;
        let message = sent(&app, &studio, Answer::accept()).await;
        app.local.twilio.send_callbacks(&app.only_sid(), [("failed", code)]).await.unwrap();
        let message = studio.message(message["message_id"].as_u64().unwrap()).await;
        assert_eq!(
            (&message["status"], &message["error_class"]),
            (&json!("failed"), &json!(class)),
            "{code}"
        );
        assert_eq!(message["error_advice"], domain::delivery::advice(&failure(code, None)), "{code}");
        assert_eq!(retry(&studio, &message).await, retried, "{code}");
    }
}

#[tokio::test]
async fn daily_limit_is_tried_again_by_itself_after_midnight_pacific_time() {
    for code in [30023, 30027] {
        let app = App::start().await;
        let studio = app.business().await;
        let message = sent(&app, &studio, Answer::accept()).await;
        let id = message["message_id"].as_u64().unwrap();
        app.local.twilio.send_callbacks(&app.only_sid(), [("undelivered", code)]).await.unwrap();
        let waiting = studio.message(id).await;
        assert_eq!((&waiting["status"], &waiting["error_class"]), (&json!("queued"), &json!("throttle")));
        let again = waiting["send_at"].as_str().unwrap();
        assert!(("08:05:00"..="08:30:01").contains(&&again[11..19]), "{again}");
        let wait = Timestamp::parse(again).unwrap().since(app.clock.now());
        assert!(wait < Duration::from_secs(25 * 3600), "{wait:?}");

        app.local.twilio.set_default_callbacks(["sent", "delivered"]);
        app.clock.advance(wait + Duration::from_secs(120));
        app.sweep().await;
        let message = studio.message(id).await;
        assert_eq!((&message["status"], &message["attempt"]), (&json!("delivered"), &json!(2)));
        assert_eq!(message["error_advice"], Value::Null);
    }
}

#[tokio::test]
async fn failure_within_a_201_is_that_failure_at_once_and_keeps_the_sid() {
    for (fields, code, class) in [
        (json!({"status": "failed", "error_code": 30006}), json!("30006"), "address"),
        (json!({"status": "undelivered", "error_code": "30032"}), json!("30032"), "configuration"),
        (json!({"status": "canceled", "error_code": 30007}), json!("30007"), "content"),
        (json!({"status": "failed", "error_code": null}), Value::Null, "configuration"),
        (json!({"status": "failed", "error_code": 0}), Value::Null, "configuration"),
        (json!({"status": "failed", "error_code": 39999}), json!("39999"), "configuration"),
    ] {
        let app = App::start().await;
        let studio = app.business().await;
        let message = sent(&app, &studio, Answer::with_fields(fields.clone())).await;
        assert_eq!(message["status"], "failed", "{fields}");
        assert_eq!((&message["error_code"], &message["error_class"]), (&code, &json!(class)), "{fields}");
        assert_eq!(message["provider_message_id"], app.only_sid(), "{fields}");

        app.report(&app.only_sid(), &["sent", "delivered"]).await;
        app.recover().await;
        let after = studio.message(message["message_id"].as_u64().unwrap()).await;
        assert_eq!((&after["status"], &after["error_code"]), (&json!("failed"), &code), "{fields}");
        assert_eq!(app.calls_that_send(), 1, "{fields}");
    }
}

#[tokio::test]
async fn opt_out_within_a_201_stops_texts_of_the_business() {
    let app = App::start().await;
    let studio = app.business().await;
    let failed = json!({"status": "failed", "error_code": 21610});
    let message = sent(&app, &studio, Answer::with_fields(failed)).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("failed"), &json!("consent")));
    assert_eq!(message["provider_message_id"], app.only_sid());
    let next = studio.post("/sms/send", studio.send_body(&[(7, ADA, "Again")])).await.ok();
    assert_eq!(next["items"][0]["status"], "blocked", "{next}");
}

#[tokio::test]
async fn passing_failure_within_a_201_is_tried_again_and_its_late_report_is_harmless() {
    for code in [30008, 30001] {
        let app = App::start().await;
        let studio = app.business().await;
        let failed = json!({"status": "failed", "error_code": code});
        let waiting = sent(&app, &studio, Answer::with_fields(failed)).await;
        let id = waiting["message_id"].as_u64().unwrap();
        assert_eq!((&waiting["status"], &waiting["attempt"]), (&json!("queued"), &json!(2)), "{code}");
        app.report(&app.only_sid(), &["undelivered", "delivered"]).await;
        assert_eq!(studio.status(id).await, "queued", "{code}");

        app.local.twilio.set_default_callbacks(["sent", "delivered"]);
        app.recover().await;
        let message = studio.message(id).await;
        assert_eq!((&message["status"], &message["attempt"]), (&json!("delivered"), &json!(2)), "{code}");
        assert_eq!(app.calls_that_send(), 2, "{code}");
    }
}

#[tokio::test]
async fn only_the_sid_of_a_201_is_essential() {
    for (fields, segments) in [
        (json!({"num_segments": 1}), json!(1)),
        (json!({"num_segments": "3"}), json!(3)),
        (json!({"num_segments": null, "status": null, "error_code": null, "uri": null}), json!(1)),
        (json!({"num_segments": {"count": 2}, "status": 7, "error_code": [], "date_created": 5}), json!(1)),
        (json!({"status": "pondering", "error_code": "none", "something_new": true}), json!(1)),
        (json!({"status": "queued", "error_code": 30006}), json!(1)),
    ] {
        let app = App::start().await;
        let studio = app.business().await;
        let message = sent(&app, &studio, Answer::with_fields(fields.clone())).await;
        assert_eq!(message["status"], "sending", "{fields}");
        assert_eq!(message["provider_message_id"], app.only_sid(), "{fields}");
        assert_eq!(message["segments"], segments, "{fields}");
        app.report(&app.only_sid(), &["sent", "delivered"]).await;
        assert_eq!(studio.status(message["message_id"].as_u64().unwrap()).await, "delivered", "{fields}");
    }
}

#[tokio::test]
async fn first_status_of_a_201_counts() {
    let app = App::start().await;
    let studio = app.business().await;
    for word in ["sent", "delivered"] {
        let message = sent(&app, &studio, Answer::with_fields(json!({"status": word}))).await;
        assert_eq!((&message["status"], &message["provider_status"]), (&json!("sent"), &json!(word)));
    }
}

#[tokio::test]
async fn a_201_that_names_no_message_leaves_the_outcome_unknown() {
    for body in
        ["", "<html>Created</html>", r#"{"sid":"SM12"#, r#"{"status":"queued"}"#, r#"{"sid":""}"#, "[]", "7"]
    {
        let app = App::start().await;
        let studio = app.business().await;
        let message = sent(&app, &studio, Answer::with_body(body)).await;
        assert_eq!(
            (&message["status"], &message["error_class"]),
            (&json!("unknown_outcome"), &json!("ambiguous")),
            "{body}"
        );
        app.report(&app.only_sid(), &["delivered"]).await;
        assert_eq!(studio.status(message["message_id"].as_u64().unwrap()).await, "delivered", "{body}");
    }
}

#[tokio::test]
async fn look_up_reads_odd_rows_and_a_row_without_sid_hides_no_other() {
    let app = App::start().await;
    let studio = app.business().await;
    let nameless = json!({"sid": null, "status": 7, "body": [], "direction": false});
    sent(&app, &studio, Answer::with_fields(nameless)).await;
    let odd = json!({"num_segments": 1, "status": "failed", "error_code": "30006", "price": {}});
    let lost = Answer { drop: true, ..Answer::with_fields(odd) };
    app.local.twilio.script(None, [lost]);
    let id = studio.queue(7, ADA, "Second").await;
    app.drain().await;
    assert_eq!(studio.status(id).await, "unknown_outcome");
    app.live(Duration::from_secs(1200), Duration::from_secs(120)).await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_code"]), (&json!("failed"), &json!("30006")));
}

/// Every row of the table reaches the message that its report is about.
#[tokio::test]
async fn every_code_of_the_table_is_shown_with_its_reason_and_advice() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    let lasting = table().iter().filter(|row| !row.meaning.class.retries_by_itself());
    let rows: Vec<_> = lasting.step_by(8).collect();
    for (client, row) in (100..).zip(&rows) {
        let to = format!("+1415556{client:04}");
        let failed = [Callback { status: "failed".to_owned(), error_code: Some(row.code) }];
        app.local.twilio.script(Some(&to), [Answer::accept().with_callbacks(failed)]);
        let id = studio.queue(client, &to, "Hello").await;
        app.drain().await;
        let message = studio.message(id).await;
        assert_eq!(message["error_code"], row.code.to_string());
        assert_eq!(message["error_class"], row.meaning.class.as_str(), "{}", row.code);
        assert_eq!(message["error_reason"], row.meaning.reason, "{}", row.code);
        assert_eq!(message["error_advice"], row.meaning.advice, "{}", row.code);
    }
}
