//! Messages stay in the order in which they were accepted: in the timeline, and on their way to one client.

use std::time::Duration;

use local::Source;
use local::fake_twilio::Answer;
use local::wire::Halt;
use serde_json::json;

use crate::app::{App, Business};

const ADA: &str = "+14155550123";
const BEN: &str = "+14155550124";

/// Queues texts to one client in one call.
async fn queue_all(studio: &Business<'_>, texts: &[&str]) -> Vec<u64> {
    let texts: Vec<(u64, &str, &str)> = texts.iter().map(|text| (7, ADA, *text)).collect();
    let accepted = studio.post("/sms/send", studio.send_body(&texts)).await.ok();
    let items = accepted["items"].as_array().expect("items");
    items.iter().map(|item| item["message_id"].as_u64().expect("a message id")).collect()
}

fn bodies(app: &App) -> Vec<String> {
    app.sent().into_iter().map(|(_, body)| body).collect()
}

#[tokio::test]
async fn a_thousand_texts_of_one_millisecond_are_all_stored_in_the_order_of_acceptance() {
    let app = App::start().await;
    let studio = app.business().await;
    app.clock.freeze();
    let words: Vec<String> = (0..1000).map(|n| format!("text {n}")).collect();
    // One number gets sixty texts an hour.
    let numbers: Vec<String> = (0..50).map(|n| format!("+1415556{n:04}")).collect();
    let mut ids = Vec::new();
    let mut requests = Vec::new();
    for call in words.chunks(100) {
        let to = numbers.iter().cycle().map(String::as_str);
        let texts: Vec<(u64, &str, &str)> =
            call.iter().zip(to).map(|(text, to)| (7, to, text.as_str())).collect();
        let accepted = studio.post("/sms/send", studio.send_body(&texts)).await.ok();
        let items = accepted["items"].as_array().unwrap();
        ids.extend(items.iter().map(|item| item["message_id"].as_u64().expect("a message id")));
        requests.push(accepted["request_id"].as_str().unwrap().to_owned());
    }

    assert_eq!(ids.len(), 1000);
    assert!(ids.is_sorted_by(|earlier, later| earlier < later), "ids go up in the order of acceptance");
    let mut stored = Vec::new();
    for request in requests {
        let of_request = studio.get(&format!("/messages/requests/{request}")).await.ok();
        let messages = of_request["messages"].as_array().unwrap().clone();
        stored.extend(messages.into_iter().map(|message| {
            (message["message_id"].as_u64().unwrap(), message["message"].as_str().unwrap().to_owned())
        }));
    }
    assert_eq!(stored, ids.iter().copied().zip(words).collect::<Vec<_>>());
    assert_eq!(app.message_ids(studio.id).await.len(), 1000);
    assert_eq!(studio.client(7).await["last_message_content"], "text 999");
    assert_eq!(studio.client(7).await["last_message_id"], ids[999]);
}

#[tokio::test]
async fn calls_that_race_for_one_client_lose_nothing_and_keep_their_own_order() {
    let app = App::start().await;
    let studio = app.business().await;
    app.clock.freeze();
    let calls = (0..5).map(async |call| {
        let words: Vec<String> = (0..6).map(|n| format!("{call}.{n}")).collect();
        queue_all(&studio, &words.iter().map(String::as_str).collect::<Vec<_>>()).await
    });
    let ids = futures_util::future::join_all(calls).await;
    assert!(ids.iter().all(|of_call| of_call.is_sorted_by(|earlier, later| earlier < later)));
    let mut all = ids.concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 30);
    assert_eq!(studio.client(7).await["last_message_id"], all[29], "the list shows the newest");
}

#[tokio::test]
async fn texts_to_one_client_leave_in_the_order_of_acceptance() {
    let app = App::start().await;
    let studio = app.business().await;
    let words: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    queue_all(&studio, &words.iter().map(String::as_str).collect::<Vec<_>>()).await;
    app.drain().await;
    assert_eq!(bodies(&app), words);
}

#[tokio::test]
async fn texts_leave_in_order_even_when_the_queue_mixes_them_up() {
    let app = App::start().await;
    let studio = app.business().await;
    queue_all(&studio, &["1", "2", "3"]).await;
    let jobs = app.jobs(Source::Sms);
    for job in jobs.into_iter().rev() {
        sms_sender::handle(app.local.sender(), job).await.unwrap();
    }
    assert_eq!(bodies(&app), ["1"]);
    app.seconds(5).await;
    assert_eq!(bodies(&app), ["1", "2", "3"]);
}

#[tokio::test]
async fn nobody_waits_for_a_text_to_somebody_else() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(Some(ADA), [Answer::status(429)]);
    let texts = [(7, ADA, "to Ada"), (8, BEN, "to Ben")];
    studio.post("/sms/send", studio.send_body(&texts)).await.ok();
    app.drain().await;
    assert_eq!(bodies(&app), ["to Ben"]);
}

#[tokio::test]
async fn a_text_waits_while_the_one_before_it_is_throttled_for_a_moment() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::status(429), Answer::refuse(21611)]);
    queue_all(&studio, &["1", "2", "3"]).await;
    app.drain().await;
    app.seconds(12).await;
    assert_eq!(bodies(&app), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_text_goes_ahead_of_one_that_is_stuck_for_ten_seconds() {
    let app = App::start().await;
    let studio = app.business().await;
    let first = studio.queue(7, ADA, "1").await;
    app.local.wire.counts(|_, operation| operation == "POST Messages");
    assert!(app.dies(0, Halt::Before, app.local.deliver_once(Source::Sms)).await);
    let second = studio.queue(7, ADA, "2").await;

    app.seconds(9).await;
    assert_eq!((studio.status(second).await.as_str(), bodies(&app).len()), ("queued", 0));
    app.seconds(3).await;
    assert_eq!(bodies(&app), ["2"]);
    assert_eq!(studio.status(first).await, "sending");
}

#[tokio::test]
async fn a_text_does_not_wait_for_one_that_is_scheduled_for_later() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut body = studio.send_body(&[(7, ADA, "later")]);
    body["send_at"] = json!(app.clock.now().plus(Duration::from_secs(3600)).to_string());
    studio.post("/sms/send", body).await.ok();
    studio.queue(7, ADA, "now").await;
    app.drain().await;
    assert_eq!(bodies(&app), ["now"]);
}

#[tokio::test]
async fn a_text_does_not_wait_for_one_that_failed() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::refuse(21617)]);
    queue_all(&studio, &["1", "2"]).await;
    app.drain().await;
    app.seconds(2).await;
    assert_eq!(bodies(&app), ["2"]);
}
