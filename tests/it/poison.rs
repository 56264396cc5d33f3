//! One bad job takes no other with it.

use local::Source;

use crate::app::App;
use crate::faults::REFUSAL;

const MALFORMED: &str = r#"{"v":1,"type":"send_sms","business_id":"#;

#[tokio::test]
async fn of_a_batch_only_what_failed_comes_back() {
    let app = App::start().await;
    let studio = app.business().await;
    let queue = &app.local.feed(Source::Sms).queue;
    let mut ids = Vec::new();
    for n in 0..9 {
        ids.push(studio.queue(10 + n, &format!("+1415555020{n}"), &format!("text {n}")).await);
    }
    app.enqueue(&app.local.sms_queue_url, MALFORMED).await;

    // The table refuses one read, of whichever job comes first.
    app.local.wire.fail("dynamodb", Some("Query"), 1, 400, REFUSAL);
    let batch = app.local.deliver_once(Source::Sms).await.unwrap().unwrap();
    app.local.twilio.idle().await;
    assert_eq!(batch.batch_item_failures.len(), 2);
    let left = app.local.sqs.bodies(queue);
    assert_eq!(left.len(), 2);
    assert!(left.contains(&MALFORMED.to_owned()));
    assert_eq!((app.calls_that_send(), app.sent().len()), (8, 8));

    app.local.sqs.redeliver(queue);
    let batch = app.local.deliver_once(Source::Sms).await.unwrap().unwrap();
    app.local.twilio.idle().await;
    assert_eq!(batch.batch_item_failures.len(), 1);
    assert_eq!(app.local.sqs.bodies(queue), [MALFORMED]);
    assert_eq!(app.calls_that_send(), 9, "the eight others were left alone");
    for id in ids {
        assert_eq!(studio.status(id).await, "delivered");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_ends_alone_in_the_dead_letter_queue() {
    for (source, url) in [
        (Source::Sms, |app: &App| app.local.sms_queue_url.clone()),
        (Source::Record, |app: &App| app.local.record_queue_url.clone()),
        (Source::Email, |app: &App| app.local.queue_url(Source::Email)),
        (Source::EmailEvents, |app: &App| app.local.queue_url(Source::EmailEvents)),
    ] as [(Source, fn(&App) -> String); 4]
    {
        let app = App::start().await;
        let studio = app.business().await;
        let feed = app.local.feed(source);
        app.enqueue(&url(&app), MALFORMED).await;
        let mut good = Vec::new();
        for n in 0..5u64 {
            good.push(studio.queue(10 + n, &format!("+1415555020{n}"), "Hello").await);
            assert_eq!(app.local.sqs.bodies(&feed.dead_letters).len(), 0, "after {n} receives");
            app.local.drain().await.unwrap();
            app.local.sqs.redeliver(&feed.queue);
        }
        app.local.drain().await.unwrap();

        assert_eq!(app.local.sqs.bodies(&feed.dead_letters), [MALFORMED]);
        assert_eq!(app.local.sqs.bodies(&feed.queue), Vec::<String>::new());
        for id in good {
            assert_eq!(studio.status(id).await, "delivered");
        }
        assert_eq!(app.sent().len(), 5);
    }
}

/// Its client was erased: the job has nothing left to do, and that is nobody's mistake.
#[tokio::test]
async fn a_job_for_a_message_that_does_not_exist_ends_and_sends_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    let feed = app.local.feed(Source::Sms);
    for kind in ["send_sms", "check_sms"] {
        let job = format!(
            r#"{{"v":1,"type":"{kind}","business_id":{},"client_id":7,"message_id":9,"attempt":1}}"#,
            studio.id
        );
        app.enqueue(&app.local.sms_queue_url, &job).await;
        app.drain().await;
        assert_eq!(app.local.sqs.bodies(&feed.queue), Vec::<String>::new());
    }
    assert_eq!((app.calls_that_send(), app.questions()), (0, 0));
}

#[tokio::test]
async fn a_job_on_the_wrong_queue_is_given_up_and_does_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, "+14155550123", "Hello").await;
    let job = app.local.sqs.bodies(&app.local.feed(Source::Sms).queue).remove(0);
    app.drain().await;
    app.enqueue(&app.local.record_queue_url, &job).await;
    let feed = app.local.feed(Source::Record);
    for _ in 0..6 {
        app.local.drain().await.unwrap();
        app.local.sqs.redeliver(&feed.queue);
    }
    assert_eq!(app.local.sqs.bodies(&feed.dead_letters), [job]);
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivered", 1));
}

/// The body of a call that sends mails to clients 10, 11, …
fn mails(count: usize) -> serde_json::Value {
    let mail = |n: usize| {
        serde_json::json!({"client_id": 10 + n, "to_email": format!("n{n}@example.com"), "subject": "Hello",
                           "message": format!("mail {n}")})
    };
    serde_json::json!({"category": "conversation", "messages": (0..count).map(mail).collect::<Vec<_>>()})
}

async fn statuses(studio: &crate::app::Business<'_>, accepted: &serde_json::Value) -> serde_json::Value {
    let request = accepted["request_id"].as_str().expect("a request");
    studio.get(&format!("/messages/requests/{request}")).await.ok()["counts"].clone()
}

#[tokio::test]
async fn of_a_batch_of_mails_only_what_failed_comes_back() {
    let app = App::start().await;
    let studio = app.business().await;
    let queue = &app.local.feed(Source::Email).queue;
    let accepted = studio.post("/email/send", mails(4)).await.ok();
    app.enqueue(&app.local.queue_url(Source::Email), MALFORMED).await;

    // The table refuses one read, of whichever job comes first.
    app.local.wire.fail("dynamodb", Some("Query"), 1, 400, REFUSAL);
    let (mut failed, mut good) = (0, true);
    while let Some(batch) = app.local.deliver_once(Source::Email).await.unwrap() {
        failed += batch.batch_item_failures.len();
        good &= batch.batch_item_failures.len() <= 2;
    }
    assert!(good);
    assert_eq!((failed, app.local.ses.mails().len()), (2, 3));
    assert_eq!(app.local.sqs.bodies(queue).len(), 2);

    app.local.sqs.redeliver(queue);
    while app.local.deliver_once(Source::Email).await.unwrap().is_some() {}
    app.local.ses.idle().await;
    assert_eq!(app.local.sqs.bodies(queue), [MALFORMED]);
    app.local.drain().await.unwrap();
    assert_eq!(statuses(&studio, &accepted).await, serde_json::json!({"delivered": 4}));
    assert_eq!(app.local.ses.mails().len(), 4, "the others were left alone");
}

#[tokio::test]
async fn of_a_batch_of_reports_only_what_failed_comes_back() {
    let app = App::start().await;
    let studio = app.business().await;
    let queue = &app.local.feed(Source::EmailEvents).queue;
    app.local.ses.set_default_events([local::fake_ses::EventType::Delivery]);
    let accepted = studio.post("/email/send", mails(4)).await.ok();
    while app.local.deliver_once(Source::Email).await.unwrap().is_some() {}
    app.local.ses.idle().await;
    let url = app.local.queue_url(Source::EmailEvents);
    let of_another_queue = format!(
        r#"{{"v":1,"type":"send_email","business_id":{},"client_id":10,"message_id":9,"attempt":1}}"#,
        studio.id
    );
    for bad in [MALFORMED, &of_another_queue, "AMAZON_SES_SETUP_NOTIFICATION"] {
        app.enqueue(&url, bad).await;
    }
    app.enqueue(&url, "Successfully validated SNS topic for Amazon SES event publishing.").await;

    let mut failed = 0;
    while let Some(batch) = app.local.deliver_once(Source::EmailEvents).await.unwrap() {
        failed += batch.batch_item_failures.len();
    }
    assert_eq!(failed, 3);
    assert_eq!(app.local.sqs.bodies(queue).len(), 3);
    assert_eq!(statuses(&studio, &accepted).await, serde_json::json!({"delivered": 4}));
}
