//! Who wins when several want something of one conversation, and what brings one back.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};
use crate::desk::{Dice, numbers, rows};

const ADA: &str = "+14155550123";
const BEN: &str = "+14155550124";
const HOUR: Duration = Duration::from_secs(3600);

async fn staff(studio: &Business<'_>, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        studio.staff(id, json!({"staff_name": format!("Member {id}")})).await;
    }
}

/// The version of a conversation, as a reader of its messages learns it.
async fn version(studio: &Business<'_>, conversation: u64) -> String {
    let answer = studio.get(&format!("/conversations/{conversation}/messages")).await;
    answer.header("etag").expect("a version").to_owned()
}

async fn status_of(studio: &Business<'_>, conversation: u64) -> String {
    studio.client(conversation).await["status"].as_str().expect("a status").to_owned()
}

/// The `status` call of a conversation that is put off for so long.
fn snooze(app: &App, conversation: u64, span: Duration) -> String {
    let until = app.clock.now().plus(span);
    format!("/conversations/{conversation}/status?status=snoozed&snoozed_until={until}")
}

#[tokio::test]
async fn of_twenty_who_saw_the_same_one_wins() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, 1..=20).await;
    studio.opens_with(7, ADA).await;
    let seen = version(&studio, 7).await;

    let calls = (1..=20)
        .map(async |staff| studio.act_if(&format!("/conversations/7/assign?staff_id={staff}"), &seen).await);
    let answers = join_all(calls).await;

    let (won, lost): (Vec<&Answered>, Vec<&Answered>) =
        answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 19));
    let profile = studio.client(7).await;
    for answer in lost {
        assert_eq!(answer.status, 409, "{}", answer.body);
        let current = &answer.body["current"];
        assert_eq!(current["assigned_to"], profile["assigned_to"]);
        assert_eq!(current["last_updated_at"], profile["last_updated_at"]);
        assert_eq!(current["status"], "open");
        assert_eq!(current["updated_by"], "service");
    }
    assert_eq!(won[0].header("etag"), Some(version(&studio, 7).await.as_str()));
    assert_eq!(studio.history(7).await.len(), 1);
}

#[tokio::test]
async fn what_a_caller_saw_is_a_version_or_an_instant() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, [12]).await;
    studio.opens_with(7, ADA).await;
    let changes = [
        "assign?staff_id=12",
        "status?status=pending",
        "label?label=vip",
        "label?label=",
        "assign?staff_id=",
        "status?status=open",
    ];

    // The answer of each change is what the next one saw.
    let mut seen = version(&studio, 7).await;
    for change in changes {
        let stale = seen.clone();
        let answer = studio.act_if(&format!("/conversations/7/{change}"), &seen).await;
        seen = answer.header("etag").expect("a version").to_owned();
        assert_eq!(answer.ok()["applied"], true, "{change}");
        let late = studio.act_if(&format!("/conversations/7/{change}"), &stale).await;
        assert_eq!(late.status, 409, "{change} was so already, but is not as it was seen");
        assert_eq!(format!("\"{}\"", late.body["current"]["version"]), seen);
    }
    // So is what a list shows, in each spelling.
    for change in changes {
        let row = studio.inbox("").await["items"][0].clone();
        let at = row["last_updated_at"].as_str().unwrap();
        assert_eq!(studio.act_if(&format!("/conversations/7/{change}"), at).await.status, 200);
        let late = studio.act_if(&format!("/conversations/7/{change}"), &format!("\"{at}\"")).await;
        assert_eq!(late.status, 409, "{change}");
    }
    // A message, a read mark, a flag, a note: whatever changes the conversation makes it another version.
    for what in 0..4 {
        let seen = version(&studio, 7).await;
        match what {
            0 => studio.receives(ADA, "Hello").await,
            1 => assert_eq!(studio.marks(json!({"conversation_id": 7})).await, 1),
            2 => drop(studio.notes(7, "psst").await),
            _ => drop(studio.queue(7, ADA, "Hello").await),
        }
        assert_eq!(studio.act_if("/conversations/7/label?label=x", &seen).await.status, 409, "{what}");
    }
    for mark in ["*", "W/"] {
        let seen = if mark == "*" { mark.to_owned() } else { format!("{mark}{}", version(&studio, 7).await) };
        assert_eq!(
            studio.act_if("/conversations/7/status?status=resolved", &seen).await.status,
            200,
            "{mark}"
        );
        studio.act("/conversations/7/status?status=open").await.ok();
    }
    for wrong in ["", "\"\"", "x", "\"1\", \"2\"", "-1", "yesterday", "1.5"] {
        for change in changes {
            let answer = studio.act_if(&format!("/conversations/7/{change}"), wrong).await;
            assert_eq!(answer.bad_fields(), [r#"["header","If-Match"]"#], "{wrong}");
        }
    }
}

#[tokio::test]
async fn what_is_so_already_changes_nothing_and_leaves_no_line() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, [12]).await;
    studio.opens_with(7, ADA).await;
    let until = app.clock.now().plus(HOUR);
    let snoozed = format!("status?status=snoozed&snoozed_until={until}");
    for change in
        ["assign?staff_id=12", "label?label=vip", "label?label=%20vip%20", "status?status=resolved", &snoozed]
    {
        let path = format!("/conversations/7/{change}");
        studio.act(&path).await.ok();
        let before = (studio.client(7).await, version(&studio, 7).await, studio.history(7).await);
        let again = studio.act(&path).await.ok();
        assert_eq!((&again["applied"], &again["updated_count"]), (&json!(false), &json!(0)), "{change}");
        let after = (studio.client(7).await, version(&studio, 7).await, studio.history(7).await);
        assert_eq!(after, before, "{change}");
    }
    assert_eq!(studio.history(7).await.len(), 4);
}

#[tokio::test]
async fn only_an_active_member_is_given_a_conversation() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.staff(13, json!({"staff_name": "Max", "active": false})).await;
    staff(&other, [14]).await;
    studio.opens_with(7, ADA).await;
    studio.act("/conversations/7/assign?staff_id=12").await.ok();
    for nobody in [13, 14, 15] {
        let answer = studio.act(&format!("/conversations/7/assign?staff_id={nobody}")).await;
        assert_eq!(answer.bad_fields(), [r#"["query","staff_id"]"#]);
        assert_eq!(answer.body["detail"][0]["input"], nobody);
    }
    assert_eq!(studio.client(7).await["assigned_to"], "12");
    assert_eq!(studio.history(7).await.len(), 1);
}

/// People, a rule that assigns what nobody has, and one that assigns by what it saw a while ago.
#[tokio::test]
async fn an_assignee_is_one_that_won_and_every_change_of_it_has_one_line() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, 1..=4).await;
    studio.staff(5, json!({"staff_name": "Gone", "active": false})).await;
    studio.opens_with(7, ADA).await;

    let writer = async |kind: u64| {
        let mut dice = Dice::new(kind + 1);
        let mut seen = version(&studio, 7).await;
        let mut applied = 0;
        for _ in 0..12 {
            let staff = 1 + dice.roll(5);
            let path = format!("/conversations/7/assign?staff_id={staff}");
            let answer = match kind {
                0 => studio.act(&path).await,
                1 => studio.act("/conversations/7/assign?staff_id=").await,
                _ => studio.act_if(&path, &seen).await,
            };
            match answer.status {
                200 => applied += u64::from(answer.body["applied"] == true),
                409 => {}
                422 => assert_eq!(staff, 5, "{}", answer.body),
                other => panic!("{other}: {}", answer.body),
            }
            if dice.roll(2) == 0 {
                seen = version(&studio, 7).await;
            }
        }
        applied
    };
    let applied: u64 = join_all([0, 1, 2, 2, 0].map(writer)).await.into_iter().sum();

    let mut history = studio.history(7).await;
    assert_eq!(history.len() as u64, applied, "one line for every real change");
    history.reverse();
    let mut holder = Value::Null;
    for line in &history {
        assert_eq!((&line["change"], &line["from"]), (&json!("assignee"), &holder), "an unbroken chain");
        assert_ne!(line["to"], line["from"]);
        assert_ne!(line["to"], "5", "never somebody who is gone");
        holder = line["to"].clone();
    }
    assert_eq!(studio.client(7).await["assigned_to"], holder);
    let counted = studio.inbox("assignment=assigned").await;
    assert_eq!(counted["total"], u64::from(!holder.is_null()));
    assert_eq!(rows(&counted).len() as u64, u64::from(!holder.is_null()));
}

#[tokio::test]
async fn changes_of_different_things_all_happen() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, [12]).await;
    studio.opens_with(7, ADA).await;
    let seen = version(&studio, 7).await;
    let paths = ["assign?staff_id=12", "status?status=pending", "label?label=vip"];
    let calls = paths.map(async |path| studio.act(&format!("/conversations/7/{path}")).await.ok());
    let texts = (0..5).map(async |_| studio.receives(ADA, "Hello").await);
    futures_util::future::join(join_all(calls), join_all(texts)).await;
    let row = studio.client(7).await;
    let got = [&row["assigned_to"], &row["status"], &row["label"], &row["unread_messages_count"]];
    assert_eq!(got, [&json!("12"), &json!("pending"), &json!("vip"), &json!(5)]);
    assert_eq!(studio.history(7).await.len(), 3);
    assert_ne!(version(&studio, 7).await, seen);
}

#[tokio::test]
async fn a_text_brings_back_what_was_resolved_or_put_off_and_leaves_alone_what_waits() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    let snoozed = snooze(&app, 7, HOUR);
    let resolved = "/conversations/7/status?status=resolved";
    for (path, before, after) in [
        (resolved, "resolved", "open"),
        (&snoozed, "snoozed", "open"),
        ("/conversations/7/status?status=pending", "pending", "pending"),
        ("/conversations/7/status?status=open", "open", "open"),
    ] {
        studio.act(path).await.ok();
        assert_eq!(status_of(&studio, 7).await, before);
        let lines = studio.history(7).await.len();
        studio.receives(ADA, "Hello again").await;
        assert_eq!(status_of(&studio, 7).await, after, "after {before}");
        let history = studio.history(7).await;
        assert_eq!(history.len() - lines, usize::from(before != after));
        if before != after {
            let line = &history[0];
            assert_eq!((&line["from"], &line["to"]), (&json!(before), &json!(after)));
            assert_eq!((&line["actor"], &line["cause"]), (&json!("client"), &json!("inbound_message")));
            assert_eq!(line["message_id"], studio.client(7).await["last_message_id"]);
            assert_eq!((&line["actor_id"], &line["request_id"]), (&json!(null), &json!(null)));
        }
    }
    studio.act(resolved).await.ok();
    assert_eq!(studio.client(7).await["resolved_by"], "service");
    studio.receives(ADA, "Hello again").await;
    let row = studio.client(7).await;
    assert_eq!((&row["resolved_by"], &row["updated_by"]), (&json!(null), &json!("client")));
}

#[tokio::test]
async fn a_recorded_text_of_a_client_brings_a_conversation_back_and_history_does_not() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    studio.act("/conversations/7/status?status=resolved").await.ok();
    let record = async |historical: bool| {
        let body = json!({"category": "conversation", "from_phone_number": ADA, "sender_type": "client",
                          "historical": historical,
                          "messages": [{"client_id": 7, "to_phone_number": studio.number, "message": "Hi"}]});
        studio.post("/sms/record", body).await.ok();
        app.drain().await;
    };
    record(true).await;
    assert_eq!(status_of(&studio, 7).await, "resolved");
    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    record(false).await;
    assert_eq!(status_of(&studio, 7).await, "open");
    assert_eq!(studio.client(7).await["unread_messages_count"], 1);
}

#[tokio::test]
async fn what_the_business_writes_brings_nothing_back_and_a_campaign_moves_nothing_up() {
    let app = App::start().await;
    let studio = app.business().await;
    for (client, number) in [(7, ADA), (8, BEN)] {
        studio.opens_with(client, number).await;
        studio.act(&format!("/conversations/{client}/status?status=resolved")).await.ok();
    }
    let order = async || numbers(&studio.inbox("").await, "client_id");
    assert_eq!(order().await, [8, 7]);
    let mut campaign = studio.send_body(&[(7, ADA, "Sale!")]);
    campaign["category"] = json!("campaign");
    studio.post("/sms/send", campaign).await.ok();
    studio.notes(7, "psst").await;
    app.drain().await;
    assert_eq!(order().await, [8, 7], "neither a campaign nor a note moves a conversation up");
    assert_eq!(studio.client(7).await["last_message_content"], "Sale!");
    studio.queue(7, ADA, "See you").await;
    app.drain().await;
    assert_eq!(order().await, [7, 8], "a reply does");
    assert_eq!([status_of(&studio, 7).await, status_of(&studio, 8).await], ["resolved", "resolved"]);
    assert_eq!(studio.history(7).await.len(), 1);
}

#[tokio::test]
async fn what_is_put_off_comes_back_when_its_time_has_come() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    studio.act("/conversations/7/assign?staff_id=").await.ok();
    studio.act(&snooze(&app, 7, HOUR)).await.ok();
    app.sweep().await;
    assert_eq!(status_of(&studio, 7).await, "snoozed");
    app.clock.advance(HOUR / 2);
    assert_eq!(app.sweep().await.reopened, 0);
    app.clock.advance(HOUR / 2);

    let swept = app.sweep().await;

    assert_eq!((swept.reopened, status_of(&studio, 7).await.as_str()), (1, "open"));
    let line = studio.history(7).await[0].clone();
    assert_eq!((&line["actor"], &line["cause"]), (&json!("system"), &json!("snooze_ended")));
    assert_eq!((&line["from"], &line["to"]), (&json!("snoozed"), &json!("open")));
    assert_eq!(studio.client(7).await["updated_by"], "system");
    assert_eq!(app.sweep().await.reopened, 0, "once");
    assert_eq!(numbers(&studio.inbox("status=open").await, "client_id"), [7]);
    assert_eq!(studio.inbox("status=snoozed").await["total"], 0);
}

#[tokio::test]
async fn what_was_changed_since_it_was_put_off_does_not_come_back_by_itself() {
    let app = App::start().await;
    let studio = app.business().await;
    for client in 7..=11 {
        studio.opens_with(client, &format!("+1415555{client:04}")).await;
        studio.act(&snooze(&app, client, HOUR)).await.ok();
    }
    studio.act("/conversations/7/status?status=resolved").await.ok();
    studio.act(&snooze(&app, 8, 3 * HOUR)).await.ok();
    studio.receives("+14155550009", "Hello").await;
    studio.act("/conversations/9/status?status=pending").await.ok();
    studio.act("/conversations/10/status?status=open").await.ok();
    studio.act(&snooze(&app, 10, 3 * HOUR)).await.ok();
    // The eleventh is read, noted and labelled, and that is no answer to why it was put off.
    studio.notes(11, "psst").await;
    studio.act("/conversations/11/label?label=later").await.ok();
    app.clock.advance(2 * HOUR);

    assert_eq!(app.sweep().await.reopened, 1);

    let mut statuses = Vec::new();
    for client in 7..=11 {
        statuses.push(status_of(&studio, client).await);
    }
    assert_eq!(statuses, ["resolved", "snoozed", "pending", "snoozed", "open"]);
    app.clock.advance(2 * HOUR);
    assert_eq!(app.sweep().await.reopened, 2);
    assert_eq!([status_of(&studio, 8).await, status_of(&studio, 10).await], ["open", "open"]);
    assert_eq!(app.sweep().await, sweeper::Swept::default(), "nothing is left behind");
}

#[tokio::test]
async fn two_sweepers_bring_a_conversation_back_once() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    studio.act(&snooze(&app, 7, HOUR)).await.ok();
    app.clock.advance(2 * HOUR);
    let swept = join_all((0..4).map(|_| app.sweep())).await;
    assert_eq!(swept.iter().map(|swept| swept.reopened).sum::<usize>(), 1);
    assert_eq!(studio.history(7).await.len(), 2);
}

#[tokio::test]
async fn to_put_off_needs_a_time_to_come() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    let now = app.clock.now();
    for until in ["", "&snoozed_until=soon", "&snoozed_until=", &format!("&snoozed_until={now}")] {
        let answer = studio.act(&format!("/conversations/7/status?status=snoozed{until}")).await;
        assert_eq!(answer.bad_fields(), [r#"["query","snoozed_until"]"#], "{until}");
    }
    assert_eq!(status_of(&studio, 7).await, "open");
    // For any other status it means nothing.
    let path = format!("/conversations/7/status?status=pending&snoozed_until={now}");
    studio.act(&path).await.ok();
    assert_eq!(studio.history(7).await[0]["snoozed_until"], json!(null));
}

#[tokio::test]
async fn a_hundred_first_texts_at_once_are_a_hundred_unread_messages_in_one_conversation() {
    let app = App::start().await;
    let studio = app.business_in_parts(4).await;
    let bodies: Vec<String> = (0..100).map(|n| format!("text {n}")).collect();
    join_all(bodies.iter().map(|body| studio.receives(ADA, body))).await;
    // What was too much at once for the main entrance came in by the side.
    app.drain().await;

    let list = studio.inbox("").await;
    assert_eq!((list["total"].as_u64(), rows(&list).len()), (Some(1), 1));
    assert_eq!(list["items"][0]["unread_messages_count"], 100);
    let conversation = list["items"][0]["conversation_id"].as_u64().unwrap();
    let messages = studio.walk(&format!("/conversations/{conversation}/messages?page_size=30")).await;
    assert_eq!(messages.len(), 100);
    let ids: Vec<u64> = messages.iter().map(|message| message["message_id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    assert_eq!(list["items"][0]["last_message_id"], ids[0]);
    let mut texts: Vec<&str> = messages.iter().map(|message| message["message"].as_str().unwrap()).collect();
    texts.sort_unstable();
    let mut expected: Vec<&str> = bodies.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(texts, expected);
    let unread = studio.messages(conversation, "filter=unread&page_size=1").await;
    assert_eq!(unread["total"], 100);
}

#[tokio::test]
async fn a_change_under_a_key_is_made_once() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, [12]).await;
    studio.opens_with(7, ADA).await;
    for path in ["assign?staff_id=12", "status?status=resolved", "label?label=vip"] {
        let path = format!("/conversations/7/{path}");
        let call = || send(studio.request(Method::POST, &path).header("Idempotency-Key", "k"));
        let (first, again) = (call().await, call().await);
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{path}");
        assert_eq!(again.ok(), first.ok());
    }
    let note = json!({"note": "psst"});
    let first = studio.post_once("/conversations/7/notes", "k", &note).await.ok();
    assert_eq!(studio.post_once("/conversations/7/notes", "k", &note).await.ok(), first);
    assert_eq!(studio.messages(7, "").await["total"], 1);
    assert_eq!(studio.history(7).await.len(), 3);
}
