//! Walking the inbox page by page, while it changes.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business};
use crate::desk::{Dice, numbers, rows};

/// Conversations that stay as they are while others change. The even ones are assigned, flagged and at location 1.
const CALM: std::ops::RangeInclusive<u64> = 101..=118;
/// Conversations that change all the time.
const RESTLESS: std::ops::RangeInclusive<u64> = 201..=208;

fn number(client: u64) -> String {
    format!("+1415555{client:04}")
}

/// Writes to the business from somebody whom nobody has heard of.
async fn stranger(studio: &Business<'_>, n: u64) {
    studio.receives(&number(5_000 + n), "I am new").await;
}

/// An inbox in which calm and restless conversations are mixed. Returns the calm ones, newest activity first.
async fn fill(studio: &Business<'_>) -> Vec<u64> {
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.staff(13, json!({"staff_name": "Max"})).await;
    let mut dice = Dice::new(7);
    let (mut calm, mut left): (Vec<u64>, Vec<u64>) = (Vec::new(), CALM.chain(RESTLESS).collect());
    while !left.is_empty() {
        let client = left.swap_remove(dice.roll(left.len() as u64) as usize);
        let entry = json!({"client_phone_number": number(client), "location_id": 1 + client % 2,
                           "client_name": format!("Client {client}")});
        studio.put(&format!("/clients/{client}"), entry).await.ok();
        studio.receives(&number(client), "Hello").await;
        if client.is_multiple_of(2) {
            let message = studio.client(client).await["last_message_id"].clone();
            studio.act(&format!("/messages/{message}/flag")).await.ok();
            studio.act(&format!("/conversations/{client}/assign?staff_id=12")).await.ok();
        }
        if CALM.contains(&client) {
            calm.insert(0, client);
        }
    }
    calm
}

/// One change of something restless, or something new.
async fn disturb(studio: &Business<'_>, n: u64, what: u64) {
    let client = RESTLESS.start() + what % (RESTLESS.end() - RESTLESS.start() + 1);
    match what / 100 % 6 {
        0 => stranger(studio, n).await,
        1 => drop(studio.act(&format!("/conversations/{client}/status?status=resolved")).await.ok()),
        2 => drop(studio.act(&format!("/conversations/{client}/status?status=open")).await.ok()),
        3 => drop(studio.act(&format!("/conversations/{client}/assign?staff_id=13")).await.ok()),
        4 => drop(studio.act(&format!("/conversations/{client}/assign?staff_id=")).await.ok()),
        _ => drop(studio.marks(json!({"conversation_id": client, "is_read": what.is_multiple_of(2)})).await),
    }
}

/// Whether a filter asks for the conversation that was made as the n-th.
type Matches = fn(u64) -> bool;

/// The filters of each index and some of several, and which of the calm ones match.
const FILTERS: [(&str, Matches); 11] = [
    ("", |_| true),
    ("status=open", |_| true),
    ("assignment=assigned", |client| client.is_multiple_of(2)),
    ("assignment=unassigned", |client| !client.is_multiple_of(2)),
    ("assignment=assigned_to_me", |client| client.is_multiple_of(2)),
    ("message_filter=unread", |_| true),
    ("message_filter=flagged", |client| client.is_multiple_of(2)),
    ("channel=sms", |_| true),
    ("location_id=1", |client| client.is_multiple_of(2)),
    ("status=open&assignment=unassigned&message_filter=unread&channel=sms&location_id=2", |client| {
        !client.is_multiple_of(2)
    }),
    ("search=cli", |_| true),
];

async fn whoever_stays_is_seen_exactly_once(parts: u64) {
    let app = App::start().await;
    let studio = app.business_in_parts(parts).await;
    let calm = fill(&studio).await;
    let mut dice = Dice::new(parts);
    let mut disturbed = 0;
    for (filter, stays) in FILTERS {
        // A session is as good as its hour; each walk has one of its own.
        let session = studio.session(12).await;
        let mut seen: Vec<u64> = Vec::new();
        let mut cursor = String::new();
        loop {
            let size = 1 + dice.roll(7);
            let path = format!("/conversations?{filter}&page_size={size}{cursor}");
            let page = studio.as_session(&session, Method::GET, &path, json!({}));
            let changes = [dice.roll(10_000), dice.roll(10_000)];
            let meanwhile = join_all(
                changes.iter().enumerate().map(|(n, what)| disturb(&studio, disturbed + n as u64, *what)),
            );
            let (page, _) = join(page, meanwhile).await;
            disturbed += 2;
            let page = page.ok();
            assert!(rows(&page).len() as u64 <= size);
            seen.extend(numbers(&page, "client_id"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let distinct: BTreeSet<u64> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "{filter}: nobody twice: {seen:?}");
        seen.retain(|client| CALM.contains(client));
        let mut expected = calm.clone();
        expected.retain(|client| stays(*client));
        assert_eq!(seen, expected, "{filter}: everybody once, newest activity first");
    }
}

#[tokio::test]
async fn whoever_stays_in_a_list_is_seen_exactly_once_while_others_come_and_go() {
    whoever_stays_is_seen_exactly_once(1).await;
}

#[tokio::test]
async fn whoever_stays_in_a_list_of_several_parts_is_seen_exactly_once_while_others_come_and_go() {
    whoever_stays_is_seen_exactly_once(3).await;
}

#[tokio::test]
async fn a_walk_survives_that_the_lists_are_spread_further() {
    let app = App::start().await;
    let studio = app.business().await;
    let calm = fill(&studio).await;
    let first = studio.inbox("page_size=9").await;
    studio.spread(5).await;
    for client in RESTLESS {
        studio.act(&format!("/conversations/{client}/status?status=resolved")).await.ok();
    }
    let cursor = first["next_cursor"].as_str().expect("a second page");
    let rest = studio.walk(&format!("/conversations?page_size=4&cursor={cursor}")).await;
    let rest = rest.iter().map(|row| row["client_id"].as_u64().unwrap());
    let mut seen: Vec<u64> = numbers(&first, "client_id").into_iter().chain(rest).collect();
    assert_eq!(seen.len(), 26);
    seen.retain(|client| CALM.contains(client));
    assert_eq!(seen, calm);
    let all = studio.inbox("page_size=100").await;
    assert_eq!((all["total"].as_u64(), rows(&all).len()), (Some(26), 26));
}

#[tokio::test]
async fn pages_by_number_are_the_pages_of_the_walk_while_nothing_changes() {
    let app = App::start().await;
    let studio = app.business_in_parts(3).await;
    fill(&studio).await;
    let conversation = *CALM.start();
    for n in 0..10 {
        studio.notes(conversation, &format!("note {n}")).await;
        studio.act(&format!("/conversations/{conversation}/label?label={n}")).await.ok();
    }
    let since = "updated_since=2026-01-01T00:00:00Z";
    for path in [
        "/conversations?".to_owned(),
        "/conversations?location_id=1".to_owned(),
        format!("/conversations?{since}"),
        "/conversations?search=%2B14155550101&status=open".to_owned(),
        format!("/conversations/{conversation}/messages?"),
        format!("/conversations/{conversation}/messages?channel=note"),
        format!("/conversations/{conversation}/messages?{since}"),
        format!("/conversations/{conversation}/history?"),
    ] {
        for size in [3, 7, 100] {
            let mut cursor = String::new();
            let (mut walked, mut number) = (0, 0);
            loop {
                number += 1;
                let page = studio.get(&format!("{path}&page_size={size}{cursor}")).await.ok();
                let by_number = studio.get(&format!("{path}&page_size={size}&page={number}")).await.ok();
                assert_eq!(page["items"], by_number["items"], "{path} page {number} of {size}");
                for field in ["page", "page_size", "total", "total_pages"] {
                    assert_eq!(page[field], by_number[field], "{path} page {number} of {size}: {field}");
                }
                assert_eq!(page["page"], number);
                let total = page["total"].as_u64().unwrap();
                assert_eq!(page["total_pages"], total.div_ceil(size));
                walked += rows(&page).len() as u64;
                let Some(next) = page["next_cursor"].as_str() else {
                    assert_eq!((walked, number), (total, total.div_ceil(size)), "{path} of {size}");
                    assert_eq!(by_number["next_cursor"], Value::Null);
                    break;
                };
                assert_eq!(rows(&page).len() as u64, size, "a page that has a next one is full");
                cursor = format!("&cursor={next}");
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_opens_the_list_it_is_of_and_no_other() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    for studio in [&studio, &stranger] {
        studio.staff(12, json!({"staff_name": "Zoë"})).await;
        studio.staff(13, json!({"staff_name": "Zoë, too"})).await;
        for client in [7, 8] {
            let entry = json!({"client_phone_number": number(client), "client_name": "Ada"});
            studio.put(&format!("/clients/{client}"), entry).await.ok();
            studio.receives(&number(client), "one").await;
            studio.receives(&number(client), "two").await;
            for label in ["a", "b"] {
                studio.act(&format!("/conversations/{client}/label?label={label}")).await.ok();
            }
        }
    }
    let since = "updated_since=2026-01-01T00:00:00Z";
    let lists = [
        "/conversations?".to_owned(),
        "/conversations?status=open".to_owned(),
        "/conversations?message_filter=unread".to_owned(),
        "/conversations?assignment=unassigned".to_owned(),
        "/conversations?channel=sms".to_owned(),
        "/conversations?search=ada".to_owned(),
        "/conversations?search=ad".to_owned(),
        format!("/conversations?{since}"),
        "/conversations?updated_since=2026-01-02T00:00:00Z".to_owned(),
        format!("/conversations?search=ada&{since}"),
        "/conversations/7/messages?".to_owned(),
        "/conversations/8/messages?".to_owned(),
        "/conversations/7/messages?filter=unread".to_owned(),
        "/conversations/7/messages?channel=sms".to_owned(),
        "/conversations/7/messages?category=conversation".to_owned(),
        format!("/conversations/7/messages?{since}"),
        "/conversations/7/history?".to_owned(),
        "/conversations/8/history?".to_owned(),
        "/clients?".to_owned(),
        "/staffs?".to_owned(),
    ];
    let mut cursors = Vec::new();
    for list in &lists {
        let page = studio.get(&format!("{list}&page_size=1")).await.ok();
        cursors.push(page["next_cursor"].as_str().unwrap_or_else(|| panic!("{list}: {page}")).to_owned());
    }
    for (list, other) in
        lists.iter().enumerate().flat_map(|(a, list)| (0..lists.len()).map(move |b| ((a, list), b)))
    {
        let (own, path) = list;
        let answer = studio.get(&format!("{path}&page_size=7&cursor={}", cursors[other])).await;
        if own == other {
            assert_eq!(answer.status, 200, "{path} with another page size: {}", answer.body);
            let elsewhere = stranger.get(&format!("{path}&page_size=1&cursor={}", cursors[other])).await;
            assert_eq!(elsewhere.bad_fields(), [r#"["query","cursor"]"#], "{path} of another business");
        } else {
            assert_eq!(
                answer.bad_fields(),
                [r#"["query","cursor"]"#],
                "{path} with that of {}",
                lists[other]
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_cursor_is_refused_however_it_is_wrong() {
    let app = App::start().await;
    let studio = app.business().await;
    for client in [7, 8, 9] {
        studio.knows(client, &number(client)).await;
        studio.receives(&number(client), "one").await;
    }
    for n in 0..3 {
        studio.receives(&number(7), &format!("text {n}")).await;
        studio.act(&format!("/conversations/7/label?label={n}")).await.ok();
    }
    let since = "updated_since=2026-01-01T00:00:00Z";
    for path in [
        "/conversations?".to_owned(),
        format!("/conversations?{since}"),
        "/conversations?search=1555".replace("1555", "0007"),
        "/conversations/7/messages?".to_owned(),
        format!("/conversations/7/messages?{since}"),
        "/conversations/7/history?".to_owned(),
    ] {
        let ask = async |cursor: &str| studio.get(&format!("{path}&page_size=1&cursor={cursor}")).await;
        for garbage in ["", "%20", "!", "null", "e30", "bnVsbA", "%00", "%F0%9F%8E%88", &"A".repeat(5_000)] {
            assert_eq!(ask(garbage).await.bad_fields(), [r#"["query","cursor"]"#], "{path} {garbage}");
        }
        let page = studio.get(&format!("{path}&page_size=1")).await.ok();
        let Some(cursor) = page["next_cursor"].as_str() else { continue };
        // One letter is wrong. What it opens then is nothing, or a place of the same list.
        let wrong = (0..cursor.len()).map(|at| {
            let other = if &cursor[at..=at] == "M" { "N" } else { "M" };
            format!("{}{other}{}", &cursor[..at], &cursor[at + 1..])
        });
        for some in wrong.collect::<Vec<_>>().chunks(16) {
            for answer in join_all(some.iter().map(|wrong| ask(wrong))).await {
                match answer.status {
                    200 => assert!(rows(&answer.body).len() <= 1),
                    _ => assert_eq!(answer.bad_fields(), [r#"["query","cursor"]"#], "{path}"),
                }
            }
        }
    }
}
