use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use domain::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::ready::Ready;

async fn send(local: &Local, api_key: &str, to: &str, send_at: Option<String>) {
    let body = json!({
        "category": "conversation",
        "send_at": send_at,
        "messages": [{"client_id": 501, "to_phone_number": to, "message": "Hello"}],
    });
    let request = Request::post(format!("/omega/businesses/{}/sms/send", seed::BUSINESS))
        .header("X-API-KEY", api_key)
        .header("Content-Type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = local.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body: Value =
        serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
    assert_eq!(body["items"][0]["error"], Value::Null, "{body}");
}

#[tokio::test]
async fn a_drain_does_what_is_due_and_leaves_the_rest() {
    let time = Arc::new(AtomicI64::new(1_800_000_000_000));
    let now = time.clone();
    let clock = Clock::new(move || Timestamp::from_millis(now.load(Ordering::Relaxed)));
    let local = Local::start(Options { clock: clock.clone(), ..Options::default() }).await.unwrap();
    let api_key = seed::demo(&local).await.unwrap();
    let queue = &local.feed(Source::Sms).queue;

    send(&local, &api_key, "+14155550123", None).await;
    send(&local, &api_key, "+14155550124", Some(clock.now().plus(Duration::from_secs(60)).to_string())).await;
    assert_eq!(local.sqs.depth(queue).visible, 1);
    local.drain().await.unwrap();
    let sent =
        || local.twilio.outbox().into_iter().map(|message| (message.to, message.status)).collect::<Vec<_>>();
    let delivered = |to: &str| (to.to_owned(), "delivered".to_owned());
    assert_eq!(sent(), [delivered("+14155550123")]);
    assert_eq!(local.sqs.depth(queue).delayed, 1);

    time.fetch_add(61_000, Ordering::Relaxed);
    local.drain().await.unwrap();
    assert_eq!(sent(), [delivered("+14155550123"), delivered("+14155550124")]);
    assert_eq!(local.sqs.depth(queue), sqs::Depth::default());
    assert!(local.deliver_once(Source::Sms).await.unwrap().is_none());
}

#[tokio::test]
async fn a_job_that_fails_stays_on_the_queue_and_is_given_up_at_last() {
    let local = Local::start(Options::default()).await.unwrap();
    let client = aws_sdk_sqs::Client::new(&servers::sdk_config("SQS", &local.sqs_endpoint));
    client.send_message().queue_url(&local.record_queue_url).message_body("no job").send().await.unwrap();
    let feed = local.feed(Source::Record);
    for _ in 0..5 {
        let response = local.deliver_once(Source::Record).await.unwrap().unwrap();
        assert_eq!(response.batch_item_failures.len(), 1);
        assert_eq!(local.sqs.depth(&feed.queue).in_flight, 1);
        local.sqs.redeliver(&feed.queue);
    }
    local.drain().await.unwrap();
    assert_eq!(local.sqs.bodies(&feed.queue).len(), 0);
    assert_eq!(local.sqs.bodies(&feed.dead_letters), ["no job"]);
}

#[tokio::test]
async fn what_is_in_the_data_directory_outlives_the_runner() {
    let place = tempfile::tempdir().unwrap();
    let options = || Options { data: Some(place.path().join("data")), ..Options::default() };
    let local = Local::start(options()).await.unwrap();
    let (platform_key, api_key) = (local.platform_key.clone(), seed::demo(&local).await.unwrap());
    send(&local, &api_key, "+14155550123", None).await;
    local.stop().await;

    let local = Local::start(options()).await.unwrap();
    assert_eq!(local.platform_key, platform_key);
    assert_eq!(seed::demo(&local).await.unwrap(), api_key);
    local.drain().await.unwrap();
    assert_eq!(local.twilio.outbox().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_tour_works_when_it_is_pasted() {
    let local = Local::start(Options { background: true, ..Options::default() }).await.unwrap();
    let ready = Ready::new(&local, &seed::demo(&local).await.unwrap(), true);
    seed::inbox(&local).await.unwrap();
    let mut said = Vec::new();
    for step in tour::steps(&ready) {
        let command = step.command;
        let output = tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &command]).output());
        let output = output.await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // One step is there to be refused.
        let refused = step.title.starts_with("Let another site's page");
        let good = output.status.success() && !text.is_empty() && text.contains("\"detail\"") == refused;
        assert!(good, "{}: {text} {}", step.title, String::from_utf8_lossy(&output.stderr));
        said.push(text);
    }
    let all = said.concat();
    for part in [
        "\"status\":\"delivered\"",
        "Tuesday is fine!",
        "\"unread_messages_count\":1",
        "\"status\":429",
        "\"status\":\"blocked\"",
        "\"name\":\"Downtown\"",
        "Zoë",
        "Note stored",
        "2 marked read",
        "\"cause\":\"inbound_message\"",
        "\"to\":\"resolved\"",
        "\"highlights\":[{",
        "\"result\":\"no_answer\"",
        "\"duration_seconds\":42",
        "\"access_token\":\"omega_session_",
        "\"success\":true,\"message\":\"Labelled\"",
        "ratelimit-limit: 600",
        "\"authToken\":\"omega_session_",
        "\"contact\":null",
        "\"description\":\"Authenticated\"",
        "\"institution_id\":1001",
        "\"voice_url\":\"http",
    ] {
        assert!(all.contains(part), "{part} is not in {all}");
    }
    let to_ana =
        local.twilio.outbox().into_iter().filter(|message| message.body.starts_with("See you")).count();
    assert_eq!(to_ana, 1, "the same call twice sends one text");
    local.stop().await;
}
