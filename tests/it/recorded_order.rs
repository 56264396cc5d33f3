//! The order of recorded and received messages of one conversation: by time, then by acceptance, then by the list.

use local::Source;
use serde_json::{Value, json};

use crate::app::{App, Business};

const ADA: &str = "+14155550123";
const NOON: &str = "2026-01-30T12:00:00Z";

fn list(studio: &Business<'_>, words: &[String], sent_at: Option<&str>, historical: bool) -> Value {
    let messages: Vec<Value> =
        words.iter().map(|words| json!({"client_id": 7, "to_phone_number": ADA, "message": words})).collect();
    json!({
        "category": "notification", "from_phone_number": studio.number, "messages": messages,
        "sent_at": sent_at, "historical": historical,
    })
}

fn words(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|n| n.to_string()).collect()
}

impl Business<'_> {
    /// The words of the thread, oldest first.
    async fn words_shown(&self) -> Vec<String> {
        let page = self.get("/conversations/7/messages?page_size=100").await.ok();
        let items = page["items"].as_array().expect("messages").iter().rev();
        items.map(|message| message["message"].as_str().expect("words").to_owned()).collect()
    }

    #[track_caller]
    fn is_shown(&self, client: &Value, last: &str) {
        assert_eq!(client["last_message_content"], last);
    }
}

/// Has the recorder store the waiting jobs in an order that a number decides.
async fn store_in_some_order(app: &App, seed: usize) {
    let mut jobs = app.jobs(Source::Record);
    let mut at = seed;
    while !jobs.is_empty() {
        at = at.wrapping_mul(31).wrapping_add(17);
        let job = jobs.remove(at % jobs.len());
        // A queue may hand a job out twice.
        message_recorder::handle(app.local.recorder(), job.clone()).await.expect("recorded");
        message_recorder::handle(app.local.recorder(), job).await.expect("recorded before");
    }
}

#[tokio::test]
async fn recorded_list_keeps_its_order_with_and_without_a_time() {
    for (sent_at, historical) in [(None, false), (Some(NOON), false), (Some(NOON), true), (None, true)] {
        let app = App::start().await;
        let studio = app.business().await;
        studio.post("/sms/record", list(&studio, &words(0, 12), sent_at, historical)).await.ok();
        app.drain().await;
        assert_eq!(studio.words_shown().await, words(0, 12), "{sent_at:?} {historical}");
        studio.is_shown(&studio.client(7).await, "11");
    }
}

#[tokio::test]
async fn single_requests_of_one_instant_keep_the_order_of_acceptance() {
    let app = App::start().await;
    let studio = app.business().await;
    for word in words(0, 30) {
        studio.post("/sms/record", list(&studio, &[word], Some(NOON), false)).await.ok();
        app.drain().await;
    }
    assert_eq!(studio.words_shown().await, words(0, 30));
    studio.is_shown(&studio.client(7).await, "29");
}

#[tokio::test]
async fn lists_that_the_queue_mixes_up_and_repeats_are_stored_in_the_order_of_acceptance() {
    for seed in [1, 7, 23] {
        let app = App::start().await;
        let studio = app.business().await;
        for (from, to) in [(0, 4), (4, 5), (5, 8)] {
            studio.post("/sms/record", list(&studio, &words(from, to), Some(NOON), false)).await.ok();
        }
        store_in_some_order(&app, seed).await;
        assert_eq!(studio.words_shown().await, words(0, 8), "{seed}");
        studio.is_shown(&studio.client(7).await, "7");
    }
}

#[tokio::test]
async fn time_comes_before_acceptance() {
    let app = App::start().await;
    let studio = app.business().await;
    for (word, sent_at) in [("2", "2026-01-30T12:00:00.002Z"), ("0", NOON), ("1", "2026-01-30T12:00:00.001Z")]
    {
        studio.post("/sms/record", list(&studio, &[word.to_owned()], Some(sent_at), false)).await.ok();
        app.drain().await;
    }
    assert_eq!(studio.words_shown().await, words(0, 3));
    studio.is_shown(&studio.client(7).await, "2");
}

#[tokio::test]
async fn conversations_of_one_instant_do_not_take_each_others_places() {
    let app = App::start().await;
    let studio = app.business().await;
    // 7 and 1031 begin at the same place of a millisecond.
    for client in [7, 1031, 7, 1031, 7] {
        let mut body = list(&studio, &[format!("to {client}")], Some(NOON), false);
        body["messages"][0]["client_id"] = json!(client);
        body["messages"][0]["to_phone_number"] = json!(format!("+1415555{client:04}"));
        studio.post("/sms/record", body).await.ok();
    }
    app.drain().await;
    assert_eq!(studio.words_shown().await, ["to 7", "to 7", "to 7"]);
    assert_eq!(app.message_ids(studio.id).await.len(), 5);
}
