//! Clients go on texting while we are away, and nothing of it is missing or there twice afterwards.

use std::time::Duration;

use futures_util::future::join_all;
use local::Source;
use local::fake_twilio::ClientText;
use serde_json::json;

use crate::app::{App, Business};
use crate::faults::REFUSAL;

const BACKFILL: &str = r#"{"v":1,"type":"backfill_inbound"}"#;

fn number_of(client: u64) -> String {
    format!("+141555502{client:02}")
}

/// Clients 1 to `n`, whose numbers are known.
async fn clients(studio: &Business<'_>, n: u64) {
    for client in 1..=n {
        studio.knows(client, &number_of(client)).await;
    }
}

/// Runs the job that the schedule puts on the queue.
async fn backfill(app: &App) {
    app.enqueue(&app.local.sms_queue_url, BACKFILL).await;
    app.drain().await;
}

/// What the inbox shows of each client: how many unread, and the last text.
async fn inbox(studio: &Business<'_>, n: u64) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    for client in 1..=n {
        let profile = studio.client(client).await;
        let last = profile["last_message_content"].as_str().unwrap_or("-").to_owned();
        seen.push((profile["unread_messages_count"].as_u64().expect("a count"), last));
    }
    seen
}

#[tokio::test]
async fn texts_that_come_while_the_table_is_away_are_stored_once_when_it_is_back() {
    let app = App::start().await;
    let studio = app.business().await;
    clients(&studio, 4).await;
    let text = async |client: u64, minute: u64| {
        app.text(&number_of(client), &studio.number, &format!("minute {minute}")).await
    };

    let mut sent = Vec::new();
    sent.push(text(1, 0).await);
    app.local.wire.fail("dynamodb", None, usize::MAX, 503, "{}");
    // Ten minutes: everybody texts at once, twice.
    for minute in [1, 10] {
        sent.extend(join_all((1..=4).map(|client| text(client, minute))).await);
        app.clock.advance(Duration::from_secs(300));
    }
    let tries: Vec<Vec<Option<u16>>> =
        sent.iter().map(|sent| sent.attempts.iter().map(|attempt| attempt.status).collect()).collect();
    assert_eq!(tries[0], [Some(200)]);
    assert!(
        tries[1..].iter().all(|tries| *tries == [Some(503), Some(503), Some(503), Some(503), Some(200)]),
        "{tries:?}"
    );
    assert_eq!(app.jobs(Source::Record).len(), 8);
    // The recorder cannot store them either, yet.
    let batch = app.local.deliver_once(Source::Record).await.unwrap().unwrap();
    assert_eq!(batch.batch_item_failures.len(), 8);

    app.local.wire.heal();
    sent.push(text(2, 11).await);
    app.recover().await;
    backfill(&app).await;

    let unread: Vec<u64> = inbox(&studio, 4).await.into_iter().map(|(unread, _)| unread).collect();
    assert_eq!(unread, [3, 3, 2, 2]);
    assert_eq!(app.message_ids(studio.id).await.len(), sent.len());
}

#[tokio::test]
async fn a_text_that_comes_in_at_both_entrances_is_stored_once() {
    let app = App::start().await;
    let studio = app.business().await;
    clients(&studio, 1).await;
    let first = app.text(&number_of(1), &studio.number, "Hello").await;
    let fallback = format!("{}/omega/twilio/sms/reply", app.local.fallback_url);
    let main = format!("{}/twilio/sms/reply", app.local.base_url);
    for address in [&fallback, &main, &fallback] {
        app.local.twilio.set_number_webhooks(&studio.number, address, None);
        let again = ClientText {
            message_sid: Some(first.message_sid.clone()),
            ..ClientText::new(&number_of(1), &studio.number, "Hello")
        };
        assert_eq!(app.local.twilio.client_sends(again).await.status, Some(200));
        app.drain().await;
    }
    assert_eq!(inbox(&studio, 1).await, [(1, "Hello".to_owned())]);
}

#[tokio::test]
async fn a_refusal_of_the_table_makes_twilio_turn_to_the_fallback() {
    let app = App::start().await;
    let studio = app.business().await;
    clients(&studio, 1).await;
    app.local.wire.fail("dynamodb", None, usize::MAX, 400, REFUSAL);
    let sent = app.text(&number_of(1), &studio.number, "Hello").await;
    assert_eq!((sent.status, sent.twiml.as_str()), (Some(200), "<Response/>"));
    app.local.wire.heal();
    app.drain().await;
    assert_eq!(inbox(&studio, 1).await, [(1, "Hello".to_owned())]);
}

#[tokio::test]
async fn texts_that_never_reached_us_are_filled_in_once() {
    let app = App::start().await;
    let studio = app.business().await;
    clients(&studio, 3).await;
    app.text(&number_of(1), &studio.number, "heard").await;
    studio.queue(3, &number_of(3), "from us").await;
    app.drain().await;
    app.local.twilio.set_number_webhooks(&studio.number, "http://127.0.0.1:1/nobody", None);
    for client in [1, 2] {
        let lost = app.text(&number_of(client), &studio.number, "unheard").await;
        assert_eq!(lost.status, None);
    }
    assert_eq!(inbox(&studio, 2).await, [(1, "heard".to_owned()), (0, "-".to_owned())]);

    app.clock.advance(Duration::from_secs(6 * 3600));
    backfill(&app).await;
    let filled = [(2, "unheard".to_owned()), (1, "unheard".to_owned()), (0, "from us".to_owned())];
    assert_eq!(inbox(&studio, 3).await, filled);
    assert_eq!(app.message_ids(studio.id).await.len(), 4);

    backfill(&app).await;
    app.clock.advance(Duration::from_secs(3600));
    backfill(&app).await;
    assert_eq!(inbox(&studio, 3).await, filled);
    assert_eq!(app.message_ids(studio.id).await.len(), 4);
}

#[tokio::test]
async fn a_backfill_that_meets_a_late_webhook_stores_the_text_once() {
    let app = App::start().await;
    let studio = app.business().await;
    clients(&studio, 1).await;
    let main = format!("{}/twilio/sms/reply", app.local.base_url);
    app.local.twilio.set_number_webhooks(&studio.number, "http://127.0.0.1:1/nobody", None);
    let lost = app.text(&number_of(1), &studio.number, "Hello").await;
    app.local.twilio.set_number_webhooks(&studio.number, &main, None);
    let late = ClientText {
        message_sid: Some(lost.message_sid),
        ..ClientText::new(&number_of(1), &studio.number, "Hello")
    };
    app.enqueue(&app.local.sms_queue_url, BACKFILL).await;
    app.local.deliver_once(Source::Sms).await.unwrap();
    assert_eq!(app.jobs(Source::Record).len(), 1);

    let (posted, recorded) =
        tokio::join!(app.local.twilio.client_sends(late), app.local.deliver_once(Source::Record));
    assert_eq!(posted.status, Some(200));
    assert_eq!(recorded.unwrap().unwrap().batch_item_failures.len(), 0);
    assert_eq!(inbox(&studio, 1).await, [(1, "Hello".to_owned())]);
}

#[tokio::test]
async fn a_text_to_a_number_of_nobody_is_kept_and_found_when_the_number_is_somebodys() {
    let app = App::start().await;
    let studio = app.business().await;
    clients(&studio, 1).await;
    let sent = app.text(&number_of(1), "+14155550777", "Anybody there?").await;
    assert_eq!((sent.status, sent.attempts.len(), sent.twiml.as_str()), (Some(200), 1, "<Response/>"));
    backfill(&app).await;
    assert_eq!(inbox(&studio, 1).await, [(0, "-".to_owned())]);

    app.onboard_number(&studio, "+14155550777").await;
    backfill(&app).await;
    backfill(&app).await;
    assert_eq!(inbox(&studio, 1).await, [(1, "Anybody there?".to_owned())]);
    assert_eq!(app.message_ids(studio.id).await.len(), 1);
    assert_eq!(studio.client(1).await["status"], json!("open"));
}
