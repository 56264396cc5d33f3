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
    ] as [(Source, fn(&App) -> String); 2]
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
