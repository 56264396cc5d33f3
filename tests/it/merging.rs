//! Somebody writes before the directory names them: what they wrote becomes part of the client's conversation, once,
//! whatever happens on the way, and the id they had until then is good for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use local::Source;
use local::fake_twilio::Answer;
use local::wire::Halt;
use reqwest::Method;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{App, Business, send};
use crate::faults::{SILENT, at_every_call};

const ADA: &str = "+14155550123";
const BOB: &str = "+14155550124";
const READS: [&str; 3] = ["BatchGetItem", "GetItem", "Query"];
const MINUTE: Duration = Duration::from_secs(60);

/// Somebody whom nobody knows writes. Returns the id that they have from then on.
async fn stranger(studio: &Business<'_>, from: &str, texts: &[&str]) -> u64 {
    for text in texts {
        let sent = studio.app.text(from, &studio.number, text).await;
        assert_eq!(sent.status, Some(200), "{sent:?}");
    }
    let business = domain::BusinessId::new(studio.id).expect("an id");
    let address = domain::address::Address::from_key(from).expect("an address");
    let found = studio.app.local.sender().store.client_by_address(business, &address).await;
    found.expect("the table answers").expect("the sender is known").get()
}

async fn act(studio: &Business<'_>, path: &str) -> Value {
    send(studio.request(Method::POST, path)).await.ok()
}

/// The messages of a conversation, oldest first, as `(id, words)`.
async fn words(studio: &Business<'_>, conversation: u64) -> Vec<(u64, String)> {
    let page = studio.get(&format!("/conversations/{conversation}/messages?page_size=100")).await.ok();
    let row = |row: &Value| {
        let words = row["message"].as_str().expect("words");
        (row["message_id"].as_u64().expect("an id"), words.to_owned())
    };
    let mut words: Vec<(u64, String)> = page["items"].as_array().expect("rows").iter().map(row).collect();
    words.reverse();
    assert_eq!(page["total"].as_u64(), Some(words.len() as u64), "{page}");
    words
}

/// The history of a conversation, oldest first, as `change: from -> to (cause)`.
async fn history(studio: &Business<'_>, conversation: u64) -> Vec<String> {
    let page = studio.get(&format!("/conversations/{conversation}/history?page_size=100")).await.ok();
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |row: &Value| {
        let [change, from, to, cause] = ["change", "from", "to", "cause"].map(|name| word(&row[name]));
        format!("{change}: {from} -> {to} ({cause})")
    };
    let mut lines: Vec<String> = page["items"].as_array().expect("rows").iter().map(line).collect();
    lines.reverse();
    assert_eq!(page["total"].as_u64(), Some(lines.len() as u64), "{page}");
    lines
}

#[tokio::test]
async fn who_wrote_before_the_directory_named_them_is_one_client_with_all_that_they_wrote() {
    let app = App::start().await;
    let studio = app.business().await;
    let before = stranger(&studio, ADA, &["one", "two", "three"]).await;
    let written = words(&studio, before).await;
    act(&studio, &format!("/messages/{}/flag", written[0].0)).await;
    studio.post("/messages/status", json!({"message_ids": [written[0].0]})).await.ok();
    studio.post(&format!("/conversations/{before}/notes"), json!({"note": "calls back"})).await.ok();

    let named = json!({"client_name": "Ada Lovelace", "client_phone_number": "(415) 555-0123"});
    let ada = studio.put("/clients/7", named).await.ok();

    assert_eq!((&ada["client_id"], &ada["conversation_id"]), (&json!(7), &json!(7)));
    assert_eq!((&ada["client_name"], &ada["client_phone_number"]), (&json!("Ada Lovelace"), &json!(ADA)));
    assert_eq!((&ada["status"], &ada["last_message_content"]), (&json!("open"), &json!("three")));
    assert_eq!((&ada["unread_messages_count"], &ada["messages_flagged_count"]), (&json!(2), &json!(1)));
    assert_eq!(ada["last_read_message_id"].as_u64(), Some(written[1].0 - 1));
    let all: Vec<String> = words(&studio, 7).await.into_iter().map(|(_, words)| words).collect();
    assert_eq!(all, ["one", "two", "three", "calls back"]);
    for (id, _) in &written {
        assert_eq!(studio.message(*id).await["client_id"], 7);
    }
    let list = studio.get("/conversations").await.ok();
    assert_eq!((&list["total"], &list["items"][0]["client_id"]), (&json!(1), &json!(7)));
    assert_eq!(studio.balance().await.values().copied().collect::<BTreeSet<u64>>(), BTreeSet::from([7]));
    assert_eq!(history(&studio, 7).await, Vec::<String>::new(), "a conversation that begins has no history");

    app.text(ADA, &studio.number, "four").await;
    assert_eq!(studio.client(7).await["unread_messages_count"], 3);
    studio.balance().await;
}

#[tokio::test]
async fn the_id_they_had_before_is_good_for_everything() {
    let app = App::start().await;
    let studio = app.business().await;
    let before = stranger(&studio, ADA, &["one", "two"]).await;
    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": ADA})).await.ok();

    assert_eq!(studio.client(before).await, studio.client(7).await);
    assert_eq!(words(&studio, before).await, words(&studio, 7).await);
    let first = format!("/conversations/{before}/messages?page_size=1");
    let next = studio.get(&first).await.ok()["next_cursor"].as_str().expect("a cursor").to_owned();
    assert_eq!(studio.get(&format!("{first}&cursor={next}")).await.ok()["items"][0]["message"], "one");
    let opened = studio.post(&format!("/clients/{before}/conversation"), json!({})).await.ok();
    assert_eq!(opened["conversation_id"], 7);
    act(&studio, &format!("/conversations/{before}/status?status=resolved")).await;
    act(&studio, &format!("/conversations/{before}/label?label=vip")).await;
    studio.post(&format!("/conversations/{before}/notes"), json!({"note": "nice"})).await.ok();
    studio.post("/messages/status", json!({"conversation_id": before})).await.ok();
    let id = studio.queue(before, ADA, "Hello Ada").await;
    app.drain().await;
    studio.put(&format!("/clients/{before}"), json!({"client_gender": "female"})).await.ok();

    let ada = studio.client(7).await;
    assert_eq!((&ada["status"], &ada["label"]), (&json!("resolved"), &json!("vip")));
    assert_eq!((&ada["client_name"], &ada["client_gender"]), (&json!("Ada"), &json!("female")));
    assert_eq!(
        (&ada["unread_messages_count"], &ada["last_message_content"]),
        (&json!(0), &json!("Hello Ada"))
    );
    assert_eq!(studio.message(id).await["client_id"], 7);
    assert_eq!(history(&studio, before).await, history(&studio, 7).await);
    app.text(ADA, &studio.number, "three").await;
    assert_eq!((&studio.client(7).await["status"], words(&studio, 7).await.len()), (&json!("open"), 5));
    assert_eq!(studio.get("/conversations").await.ok()["total"], 1);
    studio.balance().await;

    // A new number leads to the client and the old one to nobody, although it led to the id they had before.
    studio.put("/clients/7", json!({"client_phone_number": BOB})).await.ok();
    let again = stranger(&studio, ADA, &["who else"]).await;
    assert!(again != before && again != 7, "{again}");
    studio.balance().await;
}

#[tokio::test]
async fn how_staff_stand_with_both_is_joined_and_told() {
    let snooze = |hour: u32| format!("status?status=snoozed&snoozed_until=2026-02-01T{hour:02}:00:00Z");
    let (resolved, pending) = ("status?status=resolved".to_owned(), "status?status=pending".to_owned());
    let table = [
        // What was done to the stranger's and to the client's, and how the client's stands then.
        (vec![], vec![resolved.clone()], "open", None, vec!["status: resolved -> open (clients_merged)"]),
        (vec![], vec![pending.clone()], "open", None, vec!["status: pending -> open (clients_merged)"]),
        (vec![resolved.clone()], vec![], "open", None, vec![]),
        (vec![resolved.clone()], vec![resolved.clone()], "resolved", None, vec![]),
        (
            vec![pending.clone()],
            vec![snooze(9)],
            "pending",
            None,
            vec!["status: snoozed -> pending (clients_merged)"],
        ),
        (
            vec![snooze(9)],
            vec![resolved.clone()],
            "snoozed",
            None,
            vec!["status: resolved -> snoozed (clients_merged)"],
        ),
        (
            vec![snooze(8)],
            vec![snooze(9)],
            "snoozed",
            None,
            vec!["status: snoozed -> snoozed (clients_merged)"],
        ),
        (
            vec!["label?label=new".to_owned()],
            vec![],
            "open",
            Some("new"),
            vec!["label: - -> new (clients_merged)"],
        ),
        (vec!["label?label=new".to_owned()], vec!["label?label=old".to_owned()], "open", Some("old"), vec![]),
    ];
    for (theirs, ours, status, label, told) in table {
        let app = App::start().await;
        let studio = app.business().await;
        let before = stranger(&studio, ADA, &["one"]).await;
        studio.put("/clients/7", json!({"client_name": "Ada"})).await.ok();
        studio.post("/clients/7/conversation", json!({})).await.ok();
        for (conversation, done) in [(before, &theirs), (7, &ours)] {
            for path in done {
                act(&studio, &format!("/conversations/{conversation}/{path}")).await;
            }
        }
        let earlier = history(&studio, 7).await.len() + history(&studio, before).await.len();

        let ada = studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();

        let case = format!("{theirs:?} {ours:?}");
        assert_eq!((ada["status"].as_str(), ada["label"].as_str()), (Some(status), label), "{case}");
        let lines = history(&studio, 7).await;
        assert_eq!(
            (lines[earlier..].to_vec(), lines.len()),
            (told.iter().map(|line| (*line).to_owned()).collect(), earlier + told.len()),
            "{case}"
        );
        studio.balance().await;
        if status == "snoozed" {
            let until = if theirs == [snooze(8)] { 8 } else { 9 };
            app.clock.advance(Duration::from_secs(60 * 60 * (until + 12) - 60));
            app.sweep().await;
            assert_eq!(studio.client(7).await["status"], "snoozed", "{case}");
            app.clock.advance(2 * MINUTE);
            app.sweep().await;
            assert_eq!(studio.client(7).await["status"], "open", "{case}");
            studio.balance().await;
        }
    }
}

#[tokio::test]
async fn whoever_takes_care_of_the_stranger_takes_care_of_the_client() {
    let app = App::start().await;
    let studio = app.business().await;
    for staff in [12, 13] {
        studio.put(&format!("/staffs/{staff}"), json!({"staff_name": "Grace", "role": "staff"})).await.ok();
    }
    let first = stranger(&studio, ADA, &["one"]).await;
    act(&studio, &format!("/conversations/{first}/assign?staff_id=12")).await;
    let ada = studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    assert_eq!((&ada["assigned_to"], &ada["staff_name"]), (&json!("12"), &json!("Grace")));

    let second = stranger(&studio, BOB, &["one"]).await;
    act(&studio, &format!("/conversations/{second}/assign?staff_id=13")).await;
    let ada = studio.put("/clients/7", json!({"client_phone_number": BOB})).await.ok();
    assert_eq!(ada["assigned_to"], "12", "they have it already");
    let lines = history(&studio, 7).await;
    assert_eq!(lines, ["assignee: - -> 12 (request)", "assignee: - -> 13 (request)"]);
    let list = studio.get("/conversations?assignment=assigned").await.ok();
    assert_eq!(list["total"], 1, "{list}");
    studio.balance().await;
}

#[tokio::test]
async fn a_text_on_its_way_to_the_stranger_is_sent_once_and_its_reports_are_heard() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    let before = stranger(&studio, ADA, &["one"]).await;
    let sent = studio.queue(before, ADA, "sent before").await;
    app.drain().await;
    let queued = studio.queue(before, ADA, "queued before").await;
    let at = app.clock.now().plus(3 * 60 * MINUTE).to_string();
    let mut later = studio.send_body(&[(before, ADA, "for later")]);
    later["send_at"] = json!(at);
    let later = studio.post("/sms/send", later).await.ok()["items"][0]["message_id"].as_u64().unwrap();

    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();

    for id in [sent, queued, later] {
        assert_eq!(studio.message(id).await["client_id"], 7);
    }
    app.drain().await;
    assert_eq!(app.sent_words(), ["queued before", "sent before"]);
    let outbox = app.local.twilio.outbox();
    let sid =
        |words: &str| outbox.iter().find(|text| text.body == words).map(|text| text.sid.clone()).unwrap();
    app.report(&sid("sent before"), &["sent", "delivered", "delivered"]).await;
    app.report(&sid("queued before"), &["delivered", "sent"]).await;
    assert_eq!(
        (studio.status(sent).await.as_str(), studio.status(queued).await.as_str()),
        ("delivered", "delivered")
    );
    let timeline = studio.timeline(sent).await;
    assert_eq!(timeline.len(), 3, "{timeline:?}");
    app.clock.advance(3 * 60 * MINUTE);
    app.sweep().await;
    app.live(10 * MINUTE, MINUTE).await;
    assert_eq!((app.calls_that_send(), studio.status(later).await.as_str()), (3, "sending"));
    studio.balance().await;
}

#[tokio::test]
async fn a_failure_that_passes_and_a_look_up_find_the_text_at_the_client() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    let before = stranger(&studio, ADA, &["one"]).await;
    let again = studio.queue(before, ADA, "again").await;
    app.drain().await;
    let lost = studio.queue(before, ADA, "lost").await;
    app.local.twilio.script(Some(ADA), [Answer::drop_after().with_callbacks(Vec::<&str>::new())]);
    app.drain().await;
    assert_eq!(studio.status(lost).await, "unknown_outcome");
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();

    // Twilio says that the first one failed for now: the address of the report names the stranger.
    let sid = app.local.twilio.outbox().iter().find(|text| text.body == "again").unwrap().sid.clone();
    let tries = app.local.twilio.send_callbacks(&sid, [("undelivered", 30008)]).await.expect("a known text");
    assert_eq!(tries.last().and_then(|attempt| attempt.status), Some(200));
    let message = studio.message(again).await;
    assert_eq!((&message["status"], &message["client_id"]), (&json!("queued"), &json!(7)));
    app.live(40 * MINUTE, MINUTE).await;
    assert_eq!(studio.status(lost).await, "sent", "a look-up found it");
    assert_eq!(app.sent_words(), ["again", "again", "lost"]);
    studio.balance().await;
}

#[tokio::test]
async fn a_text_that_a_sender_holds_stays_until_it_lets_go() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    let before = stranger(&studio, ADA, &["one", "two"]).await;
    let held = studio.queue(before, ADA, "in hand").await;
    app.local.wire.counts(|_, operation| operation == "POST Messages");
    let halted = app.local.wire.halt_at(0, Halt::After);
    let (sender, ()) = futures_util::join!(app.local.deliver_once(Source::Sms), async {
        assert!(halted.reached().await);
        studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
        assert_eq!(studio.message(held).await["client_id"], before, "a sender holds it");
        assert_eq!(studio.client(7).await["unread_messages_count"], 2);
        assert_eq!(studio.client(before).await["client_id"], before);
        studio.balance().await;
        app.local.wire.heal();
    });
    sender.unwrap();
    assert_eq!(studio.status(held).await, "unknown_outcome", "the answer was lost, and that is stored");

    app.clock.advance(MINUTE);
    app.sweep().await;
    assert_eq!(studio.message(held).await["client_id"], 7);
    assert_eq!(studio.client(before).await["client_id"], 7);
    studio.balance().await;
    app.live(40 * MINUTE, MINUTE).await;
    assert_eq!((studio.status(held).await.as_str(), app.calls_that_send()), ("sent", 1));
}

#[tokio::test]
async fn who_wrote_for_years_goes_over_in_many_steps() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut texts: Vec<String> = (0..150).map(|n| format!("text {n}")).collect();
    let before = stranger(&studio, ADA, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for n in 0..20 {
        let status = if n % 2 == 0 { "resolved" } else { "open" };
        act(&studio, &format!("/conversations/{before}/status?status={status}")).await;
    }
    let told = history(&studio, before).await;
    studio.knows(7, ADA).await;
    let first = studio.balance().await.into_values().filter(|client| *client == 7).count();
    assert!((60..150).contains(&first), "{first} in the call");
    assert_eq!(studio.client(7).await["status"], "open");
    act(&studio, "/conversations/7/status?status=resolved").await;

    // A text that finds its way to the stranger still, and a call that names them.
    app.text(ADA, &studio.number, "in between").await;
    texts.push("in between".to_owned());
    assert_eq!(studio.client(7).await["status"], "open");
    act(&studio, "/conversations/7/status?status=resolved").await;
    for _ in 0..5 {
        app.clock.advance(MINUTE);
        app.sweep().await;
        studio.balance().await;
    }

    assert_eq!(studio.client(before).await["client_id"], 7);
    let ada = studio.client(7).await;
    assert_eq!(
        (&ada["unread_messages_count"], &ada["last_message_content"]),
        (&json!(151), &json!("in between"))
    );
    assert_eq!(ada["status"], "resolved", "what was open was told once");
    let messages = studio.balance().await;
    assert_eq!(
        (messages.len(), messages.values().copied().collect::<BTreeSet<_>>()),
        (151, BTreeSet::from([7]))
    );
    let mut walked = Vec::new();
    let mut path = "/conversations/7/messages?page_size=40".to_owned();
    loop {
        let page = studio.get(&path).await.ok();
        walked.extend(
            page["items"].as_array().unwrap().iter().map(|row| row["message"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/conversations/7/messages?page_size=40&cursor={cursor}");
    }
    walked.reverse();
    assert_eq!(walked, texts);
    let lines = history(&studio, 7).await;
    assert_eq!(lines.len(), told.len() + 3, "{lines:?}");
}

#[tokio::test]
async fn however_many_events_a_message_has_they_go_with_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let before = stranger(&studio, ADA, &["one"]).await;
    let id = studio.queue(before, ADA, "much ado").await;
    app.drain().await;
    let sid = app.only_sid();
    for n in 0..60 {
        app.local.twilio.send_callbacks(&sid, [("sent", 30000 + n)]).await.expect("a known text");
    }
    let timeline = studio.timeline(id).await;
    assert!(timeline.len() > 60, "{}", timeline.len());
    studio.knows(7, ADA).await;
    app.live(3 * MINUTE, MINUTE).await;
    assert_eq!(studio.timeline(id).await, timeline);
    assert_eq!(studio.client(before).await["client_id"], 7);
    studio.balance().await;
}

#[tokio::test]
async fn what_was_recorded_for_a_stranger_is_recorded_once_for_ever() {
    let app = App::start().await;
    let studio = app.business().await;
    let before = stranger(&studio, ADA, &["one"]).await;
    let record = json!({"category": "notification", "from_phone_number": studio.number,
        "messages": [{"message_id": 77, "client_id": before, "to_phone_number": ADA, "message": "reminder"}]});
    let first = studio.post("/sms/record", record.clone()).await.ok();
    app.drain().await;
    studio.knows(7, ADA).await;
    let again = studio.post("/sms/record", record).await.ok();
    app.drain().await;

    let words: Vec<String> = words(&studio, 7).await.into_iter().map(|(_, words)| words).collect();
    assert_eq!(words.iter().filter(|words| *words == "reminder").count(), 1);
    for call in [first, again] {
        let request = call["request_id"].as_str().unwrap();
        let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
        assert_eq!(found["messages"][0]["client_id"], 7, "{found}");
        assert_eq!(found["counts"], json!({"sent": 1}));
    }
    studio.balance().await;
}

#[tokio::test]
async fn who_was_sent_a_text_at_the_number_is_the_stranger_once_the_directory_says_so() {
    let app = App::start().await;
    let studio = app.business().await;
    stranger(&studio, ADA, &["before"]).await;
    studio.queue(7, ADA, "for seven").await;
    app.drain().await;
    app.text(ADA, &studio.number, "after").await;
    assert_eq!(studio.get("/conversations").await.ok()["total"], 2, "nobody said that they are one");
    studio.knows(7, "415.555.0123").await;
    let words: Vec<String> = words(&studio, 7).await.into_iter().map(|(_, words)| words).collect();
    assert_eq!(words, ["before", "for seven", "after"]);
    assert_eq!(studio.get("/conversations").await.ok()["total"], 1);
    studio.balance().await;
}

#[tokio::test]
async fn of_two_clients_who_are_given_the_number_at_once_one_gets_what_was_written() {
    let app = App::start().await;
    let studio = app.business().await;
    for round in 0..5 {
        let number = format!("+1415555{:04}", 7000 + round);
        let before = stranger(&studio, &number, &["one", "two"]).await;
        let calls = (0..4).map(|n| {
            let path = format!("/clients/{}", 10 * (round + 1) + n);
            let (studio, body) = (&studio, json!({"client_phone_number": number}));
            async move { studio.put(&path, body).await.ok() }
        });
        join_all(calls).await;
        let now = studio.client(before).await["client_id"].as_u64().unwrap();
        assert!((10 * (round + 1)..10 * (round + 1) + 4).contains(&now), "{now}");
        assert_eq!(words(&studio, now).await.len(), 2);
        studio.balance().await;
    }
}

#[tokio::test]
async fn texts_and_reports_that_come_while_it_goes_over_are_all_there_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let before = stranger(&studio, ADA, &["first"]).await;
    let ids: Vec<u64> = join_all((0..10).map(|n| {
        let words = format!("ours {n}");
        let studio = &studio;
        async move { studio.queue(before, ADA, &words).await }
    }))
    .await;
    let texts: Vec<String> = (0..40).map(|n| format!("theirs {n}")).collect();
    let write = async {
        let sent = texts.iter().map(|text| app.text(ADA, &studio.number, text));
        assert!(join_all(sent).await.iter().all(|sent| sent.status == Some(200)));
    };
    let flag = async {
        for id in &ids {
            act(&studio, &format!("/messages/{id}/flag")).await;
        }
    };
    let name = async {
        studio.knows(7, ADA).await;
    };
    futures_util::join!(write, name, flag, async { app.local.drain().await.unwrap() });
    for _ in 0..30 {
        app.seconds(5).await;
        app.sweep().await;
    }
    app.clock.advance(2 * MINUTE);
    app.sweep().await;

    let messages = studio.balance().await;
    assert_eq!(messages.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from([7]));
    assert_eq!(messages.len(), 51);
    let ada = studio.client(7).await;
    assert_eq!((&ada["unread_messages_count"], &ada["messages_flagged_count"]), (&json!(41), &json!(10)));
    assert_eq!(app.calls_that_send(), 10);
    for id in ids {
        assert_eq!(studio.status(id).await, "delivered");
    }
}

/// The directory names a stranger, dies at one call of it, and repeats itself only if nothing was stored.
#[tokio::test]
async fn a_merge_that_dies_at_any_call_is_finished_by_the_sweeper() {
    at_every_call(9, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let before = stranger(&studio, ADA, &["one", "two"]).await;
        let written = words(&studio, before).await;
        act(&studio, &format!("/messages/{}/flag", written[1].0)).await;
        act(&studio, &format!("/conversations/{before}/status?status=pending")).await;
        studio.queue(before, ADA, "three").await;
        app.drain().await;
        studio.put("/clients/7", json!({"client_name": "Ada"})).await.ok();
        app.clock.advance(Duration::from_secs(6));
        studio.get("/clients").await.ok();

        let request = axum::extract::Request::put(format!("/omega/businesses/{}/clients/7", studio.id))
            .header("x-api-key", &studio.key)
            .header("content-type", "application/json")
            .body(axum::body::Body::from(json!({"client_phone_number": ADA}).to_string()))
            .expect("a request");
        let died = app.dies(n, when, app.local.router().oneshot(request)).await;

        studio.balance().await;
        app.live(4 * MINUTE, 2 * MINUTE).await;
        if studio.client(7).await["client_phone_number"].is_null() {
            studio.knows(7, ADA).await;
        }
        let ada = studio.client(7).await;
        assert_eq!(
            (&ada["unread_messages_count"], &ada["messages_flagged_count"]),
            (&json!(2), &json!(1)),
            "{n} {when:?}"
        );
        assert_eq!((&ada["status"], &ada["last_message_content"]), (&json!("pending"), &json!("three")));
        let all: Vec<String> = words(&studio, 7).await.into_iter().map(|(_, words)| words).collect();
        assert_eq!(all, ["one", "two", "three"]);
        assert_eq!(studio.client(before).await["client_id"], 7);
        assert_eq!(studio.get("/conversations").await.ok()["total"], 1);
        assert_eq!(app.calls_that_send(), 1);
        studio.balance().await;
        died
    })
    .await;
}

#[tokio::test]
async fn a_sweeper_that_dies_at_any_call_of_a_merge_leaves_it_to_the_next() {
    at_every_call(2, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let before = stranger(&studio, ADA, &["one", "two"]).await;
        // The directory's own call dies right after its first write.
        app.local.wire.counts(|_, operation| operation == "TransactWriteItems");
        let put = studio.put("/clients/7", json!({"client_phone_number": ADA}));
        assert!(app.dies(0, Halt::After, put).await);
        app.clock.advance(2 * MINUTE);
        // To die at a read is to die before the next write.
        app.local.wire.counts(|server, operation| server == "dynamodb" && !READS.contains(&operation));
        let died = app.dies(n, when, app.local.sweep()).await;
        app.local.wire.counts(|_, _| true);
        studio.balance().await;
        app.live(4 * MINUTE, 2 * MINUTE).await;
        assert_eq!(studio.client(before).await["client_id"], 7, "{n} {when:?}");
        assert_eq!(words(&studio, 7).await.len(), 2);
        studio.balance().await;
        died
    })
    .await;
}
