//! Programs that were away ask for what changed since.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use futures_util::future::{join, join_all};
use local::fake_twilio::{Answer, Callback};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, BEGINNING, Business};
use crate::desk::{Dice, numbers, rows};

const ADA: &str = "+14155550123";
const SECOND: Duration = Duration::from_secs(1);

fn number(client: u64) -> String {
    format!("+1415556{client:04}")
}

fn instant(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().expect("an instant")).expect("an instant")
}

/// A copy of an inbox that is kept by asking what changed.
struct Copy {
    rows: BTreeMap<u64, Value>,
    since: String,
}

impl Copy {
    fn new() -> Copy {
        Copy { rows: BTreeMap::new(), since: BEGINNING.to_owned() }
    }

    /// Walks what changed since the last time. A walk ends when it is faster than those who write, so now and then a
    /// page is a big one.
    async fn update(&mut self, studio: &Business<'_>, dice: &mut Dice) {
        let mut cursor = String::new();
        let mut next = None;
        loop {
            let size = dice.one_of(&[2, 4, 40]);
            let path = format!("updated_since={}&page_size={size}{cursor}", self.since);
            let page = studio.inbox(&path).await;
            let changes: Vec<Timestamp> =
                rows(&page).iter().map(|row| instant(&row["last_updated_at"])).collect();
            assert!(changes.is_sorted(), "oldest change first: {changes:?}");
            assert!(changes.iter().all(|at| at.to_string() >= self.since), "{} {changes:?}", self.since);
            for row in rows(&page) {
                self.rows.insert(row["client_id"].as_u64().expect("an id"), row.clone());
            }
            next = next.or(Some(page["next_updated_since"].clone()));
            assert_eq!(Some(&page["next_updated_since"]), next.as_ref(), "of the walk, not of the page");
            match page["next_cursor"].as_str() {
                Some(behind) => cursor = format!("&cursor={behind}"),
                None => break,
            }
        }
        let next = next.expect("a page").as_str().expect("an instant").to_owned();
        assert!(next >= self.since, "never back");
        self.since = next;
    }
}

/// One change of a conversation or its client.
async fn change(studio: &Business<'_>, dice: &mut Dice) {
    let client = 101 + dice.roll(6);
    let of = |what: &str| format!("/conversations/{client}/{what}");
    match dice.roll(9) {
        0 | 1 => studio.receives(&number(client), "Hello").await,
        2 => drop(studio.queue(client, &number(client), "Hi").await),
        3 => drop(studio.act(&of(dice.one_of(&["status?status=resolved", "status?status=open"]))).await.ok()),
        4 => drop(studio.act(&of(dice.one_of(&["assign?staff_id=12", "assign?staff_id="]))).await.ok()),
        5 => drop(studio.act(&of(&format!("label?label={}", dice.roll(1_000)))).await.ok()),
        6 => drop(studio.notes(client, "psst").await),
        7 => drop(studio.marks(json!({"conversation_id": client, "is_read": dice.roll(3) > 0})).await),
        _ => {
            let entry = json!({"client_name": format!("Name {}", dice.roll(1_000))});
            studio.put(&format!("/clients/{client}"), entry).await.ok();
        }
    }
}

/// Eight writers make some 200 changes. Each walk of the reader is five seconds later, so that what it asks for moves on.
async fn whoever_asks_again_and_again_misses_nothing(parts: u64) {
    let app = App::start().await;
    let studio = app.business_in_parts(parts).await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    for client in 101..=106 {
        studio.opens_with(client, &number(client)).await;
    }
    app.clock.advance(120 * SECOND);
    let done = std::cell::Cell::new(0);
    let writers = join_all((0..8).map(async |writer| {
        let mut dice = Dice::new(writer + 1);
        for _ in 0..24 {
            change(&studio, &mut dice).await;
        }
        done.set(done.get() + 1);
    }));
    let (mut copy, mut dice) = (Copy::new(), Dice::new(99));
    let mut walks = vec![copy.since.clone()];
    let reader = async {
        while done.get() < 8 {
            copy.update(&studio, &mut dice).await;
            walks.push(copy.since.clone());
            app.clock.advance(5 * SECOND);
        }
        // All are done now: one more walk, and it has everything.
        copy.update(&studio, &mut dice).await;
    };
    join(writers, reader).await;
    for client in 101..=106 {
        assert_eq!(copy.rows[&client], studio.client(client).await, "after {walks:?}");
    }
    assert!(walks.is_sorted_by(|earlier, later| earlier < later), "each walk asks for less: {walks:?}");
    assert!(walks.len() > 2, "{walks:?}");
}

#[tokio::test]
async fn whoever_asks_for_changes_again_and_again_has_every_change_while_others_write() {
    whoever_asks_again_and_again_misses_nothing(1).await;
}

#[tokio::test]
async fn changes_of_lists_in_several_parts_are_all_seen_as_well() {
    whoever_asks_again_and_again_misses_nothing(3).await;
}

/// Somebody walks the whole inbox and then asks for what changed meanwhile.
#[tokio::test]
async fn who_moved_up_during_a_walk_is_among_the_changes_after_it() {
    let app = App::start().await;
    let studio = app.business().await;
    for client in 101..=106 {
        studio.opens_with(client, &number(client)).await;
        app.clock.advance(120 * SECOND);
    }
    let first = studio.inbox("page_size=2").await;
    assert_eq!(numbers(&first, "client_id"), [106, 105]);
    studio.receives(&number(101), "Behind the reader's back").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = studio.walk(&format!("/conversations?page_size=2&cursor={cursor}")).await;
    let rest: Vec<u64> = rest.iter().map(|row| row["client_id"].as_u64().unwrap()).collect();
    assert_eq!(rest, [104, 103, 102], "it is at the top now");
    let since = first["next_updated_since"].as_str().expect("an instant");
    let changed = studio.inbox(&format!("updated_since={since}")).await;
    assert_eq!(numbers(&changed, "client_id"), [101], "and nobody else changed");
}

#[tokio::test]
async fn an_instant_is_part_of_what_came_since_and_the_one_before_is_not() {
    let app = App::start().await;
    let studio = app.business().await;
    for client in 101..=103 {
        studio.opens_with(client, &number(client)).await;
    }
    studio.notes(101, "psst").await;
    let order = [102, 103, 101];
    let all = studio.inbox(&format!("updated_since={BEGINNING}")).await;
    assert_eq!(numbers(&all, "client_id"), order, "oldest change first");
    assert_eq!((&all["total"], &all["next_cursor"]), (&json!(3), &json!(null)));
    for (place, row) in rows(&all).iter().enumerate() {
        let at = instant(&row["last_updated_at"]);
        let since = studio.inbox(&format!("updated_since={at}")).await;
        assert_eq!(numbers(&since, "client_id"), order[place..], "since {at}");
        let after = studio.inbox(&format!("updated_since={}", at.plus(Duration::from_millis(1)))).await;
        assert_eq!(numbers(&after, "client_id"), order[place + 1..], "a millisecond after {at}");
        assert_eq!(after["total"], 2 - place);
        let other_zone = at.to_string().replace("12:00", "17:30").replace('Z', "%2B05:30");
        assert_eq!(
            numbers(&studio.inbox(&format!("updated_since={other_zone}")).await, "client_id"),
            order[place..]
        );
    }
}

#[tokio::test]
async fn changes_are_filtered_and_searched_like_the_list() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    for (client, name) in [(101, "Ada"), (102, "Ada Two"), (103, "Ben")] {
        let entry =
            json!({"client_phone_number": number(client), "client_name": name, "location_id": client});
        studio.put(&format!("/clients/{client}"), entry).await.ok();
    }
    // Somebody without a conversation changes too, and is in no list of conversations.
    studio.put("/clients/104", json!({"client_name": "Ada Four"})).await.ok();
    for client in 101..=103 {
        studio.receives(&number(client), "Hello").await;
    }
    let before = app.clock.now();
    studio.act("/conversations/102/status?status=resolved").await.ok();
    studio.act("/conversations/103/assign?staff_id=12").await.ok();
    studio.marks(json!({"conversation_id": 103})).await;
    studio.put("/clients/104", json!({"client_name": "Ada Fourth"})).await.ok();
    let session = studio.session(12).await;
    for (query, expected) in [
        ("", vec![102, 103]),
        ("status=resolved", vec![102]),
        ("status=open", vec![103]),
        ("assignment=unassigned", vec![102]),
        ("assignment=assigned_to_me", vec![103]),
        ("message_filter=unread", vec![102]),
        ("message_filter=flagged", vec![]),
        ("channel=sms&location_id=102", vec![102]),
        ("search=ada", vec![102]),
        ("search=a", vec![102]),
        ("search=ben&status=open", vec![103]),
        ("search=ben&status=resolved", vec![]),
    ] {
        let path = format!("/conversations?updated_since={before}&{query}");
        let page = studio.as_session(&session, Method::GET, &path, json!({})).await.ok();
        assert_eq!(numbers(&page, "client_id"), expected, "{query}");
        assert_eq!(page["total"], expected.len(), "{query}");
        assert!(page["next_updated_since"].is_string(), "{query}");
    }
    let all = studio.inbox(&format!("updated_since={BEGINNING}&search=ada&page_size=1")).await;
    let cursor = all["next_cursor"].as_str().expect("another page");
    let next =
        studio.inbox(&format!("updated_since={BEGINNING}&search=ada&page_size=1&cursor={cursor}")).await;
    assert_eq!((numbers(&all, "client_id"), numbers(&next, "client_id")), (vec![101], vec![102]));
}

#[tokio::test]
async fn whatever_becomes_of_a_message_is_among_the_changes_of_its_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    for n in 0..5 {
        app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
        studio.queue(7, ADA, &format!("text {n}")).await;
        app.drain().await;
    }
    studio.receives(ADA, "Hello").await;
    let note = studio.notes(7, "psst").await;
    let all = studio.walk("/conversations/7/messages?page_size=100").await;
    let ids: Vec<u64> = all.iter().rev().map(|message| message["message_id"].as_u64().unwrap()).collect();

    let ask = async |since: &str| studio.messages(7, &format!("updated_since={since}")).await;
    let asked = |page: &Value| page["next_updated_since"].as_str().expect("an instant").to_owned();
    let first = ask(BEGINNING).await;
    assert_eq!(numbers(&first, "message_id"), ids, "oldest change first");
    app.clock.advance(120 * SECOND);
    let since = asked(&ask(&asked(&first)).await);
    app.clock.advance(120 * SECOND);
    let since = asked(&ask(&since).await);
    assert_eq!(ask(&since).await["total"], 0, "nothing changed for minutes");

    // A report, a read mark, a flag, and a cancelled text.
    let sids: Vec<String> = app.local.twilio.outbox().into_iter().map(|message| message.sid).collect();
    app.report(&sids[3], &["sent", "delivered"]).await;
    studio.marks(json!({"conversation_id": 7})).await;
    studio.act(&format!("/messages/{note}/flag")).await.ok();
    app.report(&sids[0], &["undelivered"]).await;

    let changed = ask(&since).await;
    assert_eq!(
        numbers(&changed, "message_id"),
        [ids[3], ids[5], note, ids[0]],
        "in the order of the changes"
    );
    let told: Vec<&Value> = rows(&changed).iter().map(|message| &message["status"]).collect();
    assert_eq!(told, [&json!("delivered"), &json!("received"), &json!(null), &json!("undelivered")]);
    assert_eq!(changed["total"], 4);
    let at = instant(&rows(&changed)[1]["updated_at"]);
    assert_eq!(numbers(&ask(&at.to_string()).await, "message_id"), [ids[5], note, ids[0]]);
    let later = at.plus(Duration::from_millis(1)).to_string();
    assert_eq!(numbers(&ask(&later).await, "message_id"), [note, ids[0]]);
    for (filter, expected) in
        [("channel=note", vec![note]), ("filter=flagged", vec![note]), ("filter=unread", vec![])]
    {
        let page = studio.messages(7, &format!("updated_since={since}&{filter}")).await;
        assert_eq!(numbers(&page, "message_id"), expected, "{filter}");
    }
    let walked = studio.walk(&format!("/conversations/7/messages?updated_since={since}&page_size=1")).await;
    assert_eq!(walked, *rows(&changed));
}

#[tokio::test]
async fn a_copy_of_a_thread_is_kept_while_reports_come_in() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    let writers = join_all((0..4).map(async |writer: u64| {
        let mut dice = Dice::new(writer + 9);
        for n in 0..8 {
            match dice.roll(4) {
                0 => studio.receives(ADA, &format!("{writer} {n}")).await,
                1 => drop(studio.notes(7, &format!("{writer} {n}")).await),
                2 => drop(studio.marks(json!({"conversation_id": 7})).await),
                _ => {
                    studio.queue(7, ADA, &format!("{writer} {n}")).await;
                    app.drain().await;
                }
            }
        }
    }));
    let done = std::cell::Cell::new(false);
    let writers = async {
        writers.await;
        app.drain().await;
        done.set(true);
    };
    let mut copy: BTreeMap<u64, Value> = BTreeMap::new();
    let reader = async {
        let (mut since, mut dice) = (BEGINNING.to_owned(), Dice::new(99));
        loop {
            let last = done.get();
            let mut cursor = String::new();
            let asked = loop {
                let size = dice.one_of(&[2, 4, 100]);
                let page =
                    studio.messages(7, &format!("updated_since={since}&page_size={size}{cursor}")).await;
                for message in rows(&page) {
                    copy.insert(message["message_id"].as_u64().unwrap(), message.clone());
                }
                match page["next_cursor"].as_str() {
                    Some(behind) => cursor = format!("&cursor={behind}"),
                    None => break page["next_updated_since"].as_str().unwrap().to_owned(),
                }
            };
            since = asked;
            if last {
                return;
            }
            app.clock.advance(5 * SECOND);
        }
    };
    join(writers, reader).await;
    let mut thread = studio.walk("/conversations/7/messages?page_size=100").await;
    thread.reverse();
    assert_eq!(copy.into_values().collect::<Vec<_>>(), thread);
}
