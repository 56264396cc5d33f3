//! What happened to a conversation, by whom and why.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use domain::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, names, send};
use crate::desk::rows;

const ADA: &str = "+14155550123";

const LINE: [&str; 12] = [
    "actor",
    "actor_id",
    "at",
    "cause",
    "change",
    "event_id",
    "from",
    "from_client_id",
    "message_id",
    "request_id",
    "snoozed_until",
    "to",
];

#[tokio::test]
async fn each_change_is_a_line_that_says_who_made_it_and_why() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.staff(13, json!({"staff_name": "Max", "role": "owner"})).await;
    let (zoe, max) = (studio.session(12).await, studio.session(13).await);
    studio.opens_with(7, ADA).await;
    let until = app.clock.now().plus(std::time::Duration::from_secs(3600));
    let by = async |token: Option<&str>, id: &str, path: &str| {
        let path = format!("/businesses/{}/conversations/7/{path}", studio.id);
        let call = app.anonymous(Method::POST, &path).header("X-Request-Id", id);
        send(call.header("X-API-KEY", token.unwrap_or(&studio.key))).await.ok()
    };
    by(None, "r-1", "assign?staff_id=12").await;
    by(Some(&zoe), "r-2", "label?label=vip").await;
    by(Some(&zoe), "r-3", "assign?staff_id=13").await;
    by(Some(&max), "r-4", &format!("status?status=snoozed&snoozed_until={until}")).await;
    studio.receives(ADA, "Hello").await;
    by(Some(&max), "r-5", "status?status=resolved").await;
    assert_eq!(studio.client(7).await["resolved_by"], "13");
    by(None, "r-6", "assign?staff_id=").await;
    by(None, "r-7", "label?label=").await;

    let history = studio.history(7).await;

    let told = |line: &Value| {
        let word = |name: &str| match &line[name] {
            Value::Null => "-".to_owned(),
            Value::String(word) => word.clone(),
            other => other.to_string(),
        };
        ["change", "from", "to", "actor", "actor_id", "cause", "request_id"].map(word).join(" ")
    };
    let lines: Vec<String> = history.iter().map(told).collect();
    assert_eq!(
        lines,
        [
            "label vip - service - request r-7",
            "assignee 13 - service - request r-6",
            "status open resolved staff 13 request r-5",
            "status snoozed open client - inbound_message -",
            "status open snoozed staff 13 request r-4",
            "assignee 12 13 staff 12 request r-3",
            "label - vip staff 12 request r-2",
            "assignee - 12 service - request r-1",
        ]
    );
    assert_eq!(history[4]["snoozed_until"], until.to_string());
    assert_eq!(history[3]["message_id"], studio.client(7).await["last_message_id"]);
    for line in &history {
        assert_eq!(names(line), LINE);
    }
    let ids = history.iter().map(|line| line["event_id"].as_u64().unwrap()).collect::<Vec<_>>();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    let times = history.iter().map(|line| line["at"].as_str().unwrap()).collect::<Vec<_>>();
    assert!(times.is_sorted_by(|newer, older| newer > older));
}

#[tokio::test]
async fn a_long_history_has_an_exact_total_and_a_cursor() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    studio.opens_with(8, "+14155550124").await;
    for n in 0..25 {
        studio.act(&format!("/conversations/7/label?label={n}")).await.ok();
    }
    studio.act("/conversations/8/label?label=another").await.ok();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for (number, size) in [(1, 10), (2, 10), (3, 5)] {
        let page = studio.get(&format!("/conversations/7/history?page_size=10{cursor}")).await.ok();
        assert_eq!(
            (&page["total"], &page["total_pages"], &page["page"]),
            (&json!(25), &json!(3), &json!(number))
        );
        assert_eq!(rows(&page).len(), size);
        seen.extend(rows(&page).iter().map(|line| line["to"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => assert_eq!(number, 3),
        }
        // What comes on top meanwhile moves nobody's page.
        studio.act("/conversations/8/status?status=pending").await.ok();
    }
    let expected: Vec<String> = (0..25).rev().map(|n| n.to_string()).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_reader_of_the_history_is_not_moved_by_new_lines() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    for n in 0..6 {
        studio.act(&format!("/conversations/7/label?label={n}")).await.ok();
    }
    let first = studio.get("/conversations/7/history?page_size=3").await.ok();
    studio.act("/conversations/7/label?label=new").await.ok();
    let next = first["next_cursor"].as_str().unwrap();
    let second = studio.get(&format!("/conversations/7/history?page_size=3&cursor={next}")).await.ok();
    let labels = |page: &Value| rows(page).iter().map(|line| line["to"].clone()).collect::<Vec<_>>();
    assert_eq!(
        (labels(&first), labels(&second)),
        (vec![json!("5"), json!("4"), json!("3")], vec![json!("2"), json!("1"), json!("0")])
    );
    assert_eq!((&second["total"], &second["next_cursor"]), (&json!(7), &json!(null)));
}

#[tokio::test]
async fn every_role_reads_the_history_and_changes_a_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    for (staff, role) in [(1, Role::Owner), (2, Role::Manager), (3, Role::Staff)] {
        let word = format!("{role:?}").to_lowercase();
        studio.staff(staff, json!({"staff_name": "Member", "role": word})).await;
        let token = studio.session(staff).await;
        let path = format!("/conversations/7/label?label={word}");
        studio.as_session(&token, Method::POST, &path, json!({})).await.ok();
        let history =
            studio.as_session(&token, Method::GET, "/conversations/7/history", json!({})).await.ok();
        let line = &history["items"][0];
        assert_eq!((&line["actor"], &line["actor_id"]), (&json!("staff"), &json!(staff)));
    }
}
