//! Counting anew: what is right stays as it is, what is wrong is told and put right.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{BusinessId, ClientId};
use recounter::Report;
use serde_json::Value;
use store::keys;

use crate::app::{App, Business};

impl App {
    /// Writes over one attribute of an item, as a mistake would.
    async fn spoil(&self, pk: &str, sk: &str, attribute: &str, number: i64) {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        self.local
            .engine
            .update_item()
            .table_name(&self.local.table)
            .key("pk", key(pk))
            .key("sk", key(sk))
            .update_expression("SET #a = :v")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":v", AttributeValue::N(number.to_string()))
            .send()
            .await
            .expect("the item can be written");
    }

    /// One run, at a moment in which nothing has changed for a while.
    async fn recount(&self) -> Report {
        self.clock.advance(Duration::from_secs(60));
        self.local.recount().await.expect("the recounter runs")
    }
}

async fn counts(studio: &Business<'_>) -> Value {
    studio.get("/conversations/filters").await.ok()
}

/// Three conversations: two unread, one of them with a flag.
async fn some_inbox(app: &App, studio: &Business<'_>) -> Vec<u64> {
    for (from, words) in [("+14155550701", "one"), ("+14155550702", "two"), ("+14155550702", "three")] {
        app.text(from, &studio.number, words).await;
    }
    studio.queue(501, "+14155550703", "four").await;
    app.drain().await;
    let list = studio.get("/conversations").await.ok();
    let id = |row: &Value| row["conversation_id"].as_u64().expect("an id");
    list["items"].as_array().expect("rows").iter().map(id).collect()
}

#[tokio::test]
async fn what_is_right_is_left_alone() {
    let app = App::start().await;
    let studio = app.business().await;
    some_inbox(&app, &studio).await;
    let before = counts(&studio).await;
    for _ in 0..2 {
        let report = app.recount().await;
        let right = Report { businesses: 1, conversations: 3, ..Report::default() };
        assert_eq!(report, right);
        app.sweep().await;
    }
    assert_eq!(counts(&studio).await, before);
}

#[tokio::test]
async fn a_wrong_counter_of_a_conversation_is_told_and_put_right() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = some_inbox(&app, &studio).await[0];
    let profile = studio.client(id).await;
    let before = counts(&studio).await;
    let client = ClientId::new(id).expect("an id");
    let profile_key = keys::profile(BusinessId::new(studio.id).expect("an id"), client);
    for attribute in ["unread_messages_count", "messages_flagged_count", "messages_count"] {
        app.spoil(&profile_key.pk, &profile_key.sk, attribute, 17).await;
    }
    let report = app.recount().await;
    // Putting it right is a change, so the sums are judged by the next run.
    assert_eq!((report.conversations_repaired, report.busy), (1, 1), "{report:?}");
    let now = studio.client(id).await;
    for counted in ["unread_messages_count", "messages_flagged_count"] {
        assert_eq!(now[counted], profile[counted], "{counted}");
    }
    let messages = studio.get(&format!("/conversations/{id}/messages")).await.ok();
    assert_eq!(messages["total"], messages["items"].as_array().expect("rows").len());
    assert_eq!(counts(&studio).await, before);
    assert_eq!(app.recount().await, Report { businesses: 1, conversations: 3, ..Report::default() });
}

#[tokio::test]
async fn a_wrong_sum_is_told_and_put_right() {
    let app = App::start().await;
    let studio = app.business().await;
    some_inbox(&app, &studio).await;
    app.sweep().await;
    let before = counts(&studio).await;
    let cell = "COUNT#C#-:-:open:-:u:-:sms";
    let business = keys::business(BusinessId::new(studio.id).expect("an id"));
    app.spoil(&business.pk, cell, "clients_count", 40).await;
    assert_ne!(counts(&studio).await, before);
    let report = app.recount().await;
    assert_eq!((report.sums_repaired, report.busy), (1, 0), "{report:?}");
    assert_eq!(counts(&studio).await, before);
    assert_eq!(app.recount().await, Report { businesses: 1, conversations: 3, ..Report::default() });
}

#[tokio::test]
async fn what_changes_all_the_while_is_never_taken_for_wrong() {
    let app = App::start().await;
    let studio = app.business().await;
    let ids = some_inbox(&app, &studio).await;
    let writing = async {
        for round in 0..30 {
            app.text("+14155550701", &studio.number, "and another").await;
            let body = serde_json::json!({"conversation_id": ids[round % ids.len()]});
            studio.post("/messages/status", body).await.ok();
        }
    };
    let counting = async {
        let mut repaired = 0;
        for _ in 0..10 {
            let report = app.local.recount().await.expect("the recounter runs");
            repaired += report.conversations_repaired + report.sums_repaired;
        }
        repaired
    };
    let ((), repaired) = tokio::join!(writing, counting);
    assert_eq!(repaired, 0);
    assert_eq!(app.recount().await.busy, 0);
}
