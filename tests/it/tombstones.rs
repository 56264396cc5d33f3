//! Lists with `updated_since` tell of clients who are gone, by the id alone, so that an offline copy lets go of them.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use local::wire::Halt;
use reqwest::Method;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::app::{Answered, App, BEGINNING, Business, send};
use crate::desk::{Dice, numbers, rows};
use crate::faults::at_every_call;

const ADA: &str = "+14155550199";
const MINUTE: Duration = Duration::from_secs(60);

impl Business<'_> {
    async fn forgets(&self, client: u64) -> Answered {
        send(self.request(Method::DELETE, &format!("/clients/{client}"))).await
    }

    /// Clients that changed since an instant.
    async fn changed(&self, since: &str) -> Value {
        self.get(&format!("/clients?updated_since={since}&page_size=100")).await.ok()
    }

    /// Ids of the clients who are said to be erased.
    async fn erased(&self) -> Vec<u64> {
        let page = self.changed(BEGINNING).await;
        assert_eq!(page["total"], rows(&page).len(), "{page}");
        let erased = rows(&page).iter().filter(|row| row["erased"] == true);
        erased.map(|row| row["client_id"].as_u64().unwrap()).collect()
    }

    /// A stranger who writes, and becomes client 7 when the directory names them.
    async fn stranger_becomes_seven(&self) -> u64 {
        self.receives(ADA, "canary").await;
        let stranger = numbers(&self.inbox("").await, "client_id")[0];
        self.put("/clients/7", json!({"client_name": "Canary", "client_phone_number": ADA})).await.ok();
        stranger
    }
}

/// The fields of a row that say anything.
fn said(row: &Value) -> Value {
    let all = row.as_object().expect("a row").clone();
    Value::Object(all.into_iter().filter(|(_, value)| !value.is_null() && *value != 0).collect::<Map<_, _>>())
}

#[tokio::test]
async fn erased_client_is_in_the_lists_of_changes_with_the_id_alone() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(8, "+14155550108").await;
    let entry = json!({"client_name": "Canary", "client_phone_number": ADA, "client_type": "lead",
        "client_email": "canary@example.com", "client_gender": "x", "location_id": 3});
    studio.put("/clients/7", entry).await.ok();
    studio.receives(ADA, "canary").await;
    studio.act("/conversations/7/label?label=canary").await.ok();
    app.clock.advance(5 * MINUTE);
    let before = app.clock.now().to_string();
    assert_eq!(studio.forgets(7).await.status, 202);
    let after = app.clock.now().to_string();

    for list in ["/clients", "/conversations"] {
        let page = studio.get(&format!("{list}?updated_since={BEGINNING}")).await.ok();
        assert_eq!(numbers(&page, "client_id"), [8, 7], "{list}: oldest change first");
        assert_eq!(page["total"], 2, "{list}");
        let row = &rows(&page)[1];
        let at = row["erased_at"].as_str().unwrap().to_owned();
        assert!(before <= at && at <= after, "{list}: {row}");
        assert_eq!(said(row), json!({"client_id": 7, "erased": true, "erased_at": at}), "{list}");
        let mut published = rows(&page)[0].as_object().unwrap().keys();
        assert!(
            published.all(|name| row.get(name).is_some()),
            "{list}: every published field is there: {row}"
        );

        let since = studio.get(&format!("{list}?updated_since={at}")).await.ok();
        assert_eq!((numbers(&since, "client_id"), &since["total"]), (vec![7], &json!(1)), "{list}");
        let later = studio.get(&format!("{list}?updated_since={after}")).await.ok();
        assert!(at == after || later["total"] == 0, "{list}: {later}");
        let all = studio.get(list).await.ok();
        assert_eq!((numbers(&all, "client_id"), &all["total"]), (vec![8], &json!(1)), "{list}");
    }
    assert_eq!(studio.client(7).await, Value::Null);
    assert_eq!(studio.balance().await.into_values().collect::<Vec<u64>>(), Vec::<u64>::new());
}

#[tokio::test]
async fn stored_tombstone_has_nothing_of_the_person() {
    let app = App::start().await;
    let studio = app.business().await;
    let stranger = studio.stranger_becomes_seven().await;
    studio.forgets(7).await;
    let tombstones: Vec<_> = app
        .items()
        .await
        .into_iter()
        .filter(|item| {
            item.get("type").and_then(|kind| kind.as_s().ok()).is_some_and(|kind| kind == "Tombstone")
        })
        .collect();
    let mut ids: Vec<u64> =
        tombstones.iter().map(|item| item["client_id"].as_n().unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [7, stranger]);
    for item in tombstones {
        let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["client_id", "gone_at", "gsi6pk", "gsi6sk", "pk", "sk", "type", "v"]);
    }
}

#[tokio::test]
async fn every_filter_lets_an_erased_client_pass_and_a_search_finds_none() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë", "location_ids": [4]})).await;
    let entry = json!({"client_name": "Canary", "client_phone_number": ADA, "client_type": "lead",
        "location_id": 3});
    studio.put("/clients/7", entry).await.ok();
    studio.receives(ADA, "canary").await;
    studio.forgets(7).await;
    let session = studio.session(12).await;
    for query in [
        "/clients?client_type=client",
        "/clients?client_type=lead",
        "/conversations?status=resolved",
        "/conversations?status=open",
        "/conversations?assignment=assigned_to_me",
        "/conversations?assignment=unassigned",
        "/conversations?message_filter=unread",
        "/conversations?message_filter=flagged",
        "/conversations?channel=email",
        "/conversations?location_id=4",
        "/conversations?location_id=3&status=snoozed&message_filter=unread",
    ] {
        let path = format!("{query}&updated_since={BEGINNING}");
        let page = studio.as_session(&session, Method::GET, &path, json!({})).await.ok();
        assert_eq!((numbers(&page, "client_id"), &page["total"]), (vec![7], &json!(1)), "{query}");
        let at = &rows(&page)[0]["erased_at"];
        assert_eq!(said(&rows(&page)[0]), json!({"client_id": 7, "erased": true, "erased_at": at}));
        let now = studio.as_session(&session, Method::GET, query, json!({})).await.ok();
        assert_eq!((rows(&now).len(), &now["total"]), (0, &json!(0)), "{query}");
    }
    for query in ["/clients?search=canary", "/conversations?search=canary", "/clients?search=0199"] {
        let page = studio.get(&format!("{query}&updated_since={BEGINNING}")).await.ok();
        assert_eq!((rows(&page).len(), &page["total"]), (0, &json!(0)), "{query}");
    }
}

#[tokio::test]
async fn pages_and_totals_add_up_with_erased_clients_among_the_rows() {
    let app = App::start().await;
    let studio = app.business_in_parts(3).await;
    for client in 101..=112 {
        studio.put(&format!("/clients/{client}"), json!({"client_name": "Name"})).await.ok();
        if client % 3 == 0 {
            studio.forgets(client - 1).await;
        }
    }
    let all = studio.changed(BEGINNING).await;
    assert_eq!((all["total"].as_u64(), rows(&all).len()), (Some(12), 12));
    let places: Vec<u64> = numbers(&all, "client_id");
    for size in [1, 2, 5, 11, 12, 13] {
        let path = format!("/clients?updated_since={BEGINNING}&page_size={size}");
        let walked = studio.walk(&path).await;
        assert_eq!(walked, *rows(&all), "by cursor, {size} at a time");
        let mut numbered = Vec::new();
        for page in 1..=12_u64.div_ceil(size) {
            let page = studio.get(&format!("{path}&page={page}")).await.ok();
            assert_eq!((&page["total"], &page["total_pages"]), (&json!(12), &json!(12_u64.div_ceil(size))));
            numbered.extend(numbers(&page, "client_id"));
        }
        assert_eq!(numbered, places, "by number, {size} at a time");
    }
    assert_eq!(studio.erased().await.len(), 4);
    assert_eq!(studio.get("/clients").await.ok()["total"], 8);
}

#[tokio::test]
async fn client_who_is_erased_during_a_walk_is_met_later_in_it() {
    let app = App::start().await;
    let studio = app.business_in_parts(2).await;
    for client in 101..=106 {
        studio.opens_with(client, &format!("+1415556{client:04}")).await;
    }
    for list in ["/clients", "/conversations"] {
        let order =
            numbers(&studio.get(&format!("{list}?updated_since={BEGINNING}")).await.ok(), "client_id");
        let here: Vec<u64> = numbers(&studio.get(list).await.ok(), "client_id");
        let order: Vec<u64> = order.into_iter().filter(|client| here.contains(client)).collect();
        let path = format!("{list}?updated_since={BEGINNING}&page_size=2");
        let first = studio.get(&path).await.ok();
        // One row that was met, and one that was not.
        studio.forgets(order[0]).await;
        studio.forgets(*order.last().unwrap()).await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = studio.walk(&format!("{path}&cursor={cursor}")).await;
        for gone in [order[0], *order.last().unwrap()] {
            let rows: Vec<&Value> = rest.iter().filter(|row| row["client_id"] == gone).collect();
            assert_eq!(rows.len(), 1, "{list}: {gone}");
            assert_eq!(rows[0]["erased"], true, "{list}");
        }
    }
}

#[tokio::test]
async fn client_who_is_erased_twice_has_one_tombstone() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.knows(7, ADA).await;
    assert_eq!(studio.forgets(7).await.status, 202);
    let first = studio.changed(BEGINNING).await;
    app.clock.advance(MINUTE);
    assert_eq!(studio.forgets(7).await.status, 404);
    assert_eq!(studio.forgets(99).await.status, 404, "nobody leaves no tombstone");
    assert_eq!(rows(&studio.changed(BEGINNING).await), rows(&first));
    // Created and erased again: the last time counts.
    studio.knows(7, ADA).await;
    app.clock.advance(MINUTE);
    assert_eq!(studio.forgets(7).await.status, 202);
    let again = studio.changed(BEGINNING).await;
    assert_eq!((numbers(&again, "client_id"), &again["total"]), (vec![7], &json!(1)));
    assert!(rows(&again)[0]["erased_at"].as_str() > rows(&first)[0]["erased_at"].as_str());
}

#[tokio::test]
async fn new_client_under_an_erased_id_comes_after_the_tombstone() {
    let app = App::start().await;
    let studio = app.business().await;
    app.clock.freeze();
    let recorded = json!({"category": "notification", "from_phone_number": studio.number,
        "messages": [{"message_id": 77, "client_id": 7, "to_phone_number": ADA, "message": "Hello"}]});
    for path in ["directory", "/sms/send", "/sms/record"] {
        studio.knows(7, ADA).await;
        studio.forgets(7).await;
        match path {
            "directory" => studio.knows(7, ADA).await,
            "/sms/send" => drop(studio.post(path, studio.send_body(&[(7, ADA, "Hello")])).await.ok()),
            _ => drop(studio.post(path, recorded.clone()).await.ok()),
        }
        app.drain().await;
        // All of this happens in one millisecond.
        for size in [1, 100] {
            let walked = studio.walk(&format!("/clients?updated_since={BEGINNING}&page_size={size}")).await;
            assert_eq!(walked.len(), 2, "{path}");
            assert_eq!((&walked[0]["client_id"], &walked[0]["erased"]), (&json!(7), &json!(true)), "{path}");
            let new = (&walked[1]["client_id"], &walked[1]["client_phone_number"], walked[1].get("erased"));
            assert_eq!(new, (&json!(7), &json!(ADA), None), "{path}");
        }
        studio.balance().await;
        studio.forgets(7).await;
    }
    assert_eq!(studio.erased().await, [7]);
    // Nobody gets the id back by writing: who writes is a stranger with an id of their own.
    studio.receives(ADA, "Hello").await;
    assert_eq!(studio.changed(BEGINNING).await["total"], 2);
    assert_eq!(studio.client(7).await, Value::Null);
}

/// A copy of leads, or of conversations, never hears of a new client who is none of these.
#[tokio::test]
async fn erased_client_is_told_although_the_new_one_under_the_id_is_in_another_list() {
    let app = App::start().await;
    let studio = app.business().await;
    let lead = json!({"client_name": "Canary", "client_phone_number": ADA, "client_type": "lead"});
    studio.put("/clients/7", lead).await.ok();
    studio.receives(ADA, "canary").await;
    studio.forgets(7).await;
    studio.put("/clients/7", json!({"client_name": "New", "client_type": "client"})).await.ok();
    for list in ["/clients?client_type=lead", "/conversations?status=open"] {
        let page = studio.get(&format!("{list}&updated_since={BEGINNING}")).await.ok();
        assert_eq!((numbers(&page, "client_id"), &page["total"]), (vec![7], &json!(1)), "{list}");
        assert_eq!(rows(&page)[0]["erased"], true, "{list}");
    }
}

#[tokio::test]
async fn stranger_who_became_a_client_leaves_a_tombstone_that_names_the_client() {
    let app = App::start().await;
    let studio = app.business().await;
    let stranger = studio.stranger_becomes_seven().await;
    for list in ["/clients", "/conversations"] {
        let page = studio.get(&format!("{list}?updated_since={BEGINNING}")).await.ok();
        assert_eq!(page["total"], 2, "{list}");
        let row = rows(&page).iter().find(|row| row["client_id"] == stranger).unwrap();
        let at = &row["merged_at"];
        assert!(at.is_string(), "{row}");
        let expected = json!({"client_id": stranger, "merged_into_client_id": 7, "merged_at": at});
        assert_eq!(said(row), expected, "{list}");
        assert_eq!(numbers(&studio.get(list).await.ok(), "client_id"), [7], "{list}");
    }
    studio.balance().await;
    // Whichever id they are erased by, both are.
    assert_eq!(studio.forgets(stranger).await.status, 202);
    let mut erased = studio.erased().await;
    erased.sort_unstable();
    assert_eq!(erased, [7, stranger]);
    assert_eq!(studio.changed(BEGINNING).await["total"], 2);
}

#[tokio::test]
async fn tombstones_are_of_one_business() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    for business in [&studio, &other] {
        business.knows(7, ADA).await;
    }
    studio.forgets(7).await;
    assert_eq!((studio.erased().await, other.erased().await), (vec![7], vec![]));
    assert_eq!(numbers(&other.changed(BEGINNING).await, "client_id"), [7]);
    let foreign = send(
        app.anonymous(Method::GET, &format!("/businesses/{}/clients?updated_since={BEGINNING}", studio.id))
            .header("x-api-key", &other.key),
    )
    .await;
    assert_eq!(foreign.status, 403);
}

#[tokio::test]
async fn erasure_that_dies_at_any_call_leaves_the_client_or_tombstones_of_every_id() {
    at_every_call(8, async |n, when: Halt| {
        let app = App::start().await;
        let studio = app.business().await;
        let stranger = studio.stranger_becomes_seven().await;
        let request = axum::extract::Request::delete(format!("/omega/businesses/{}/clients/7", studio.id))
            .header("x-api-key", &studio.key)
            .body(axum::body::Body::empty())
            .expect("a request");
        let died = app.dies(n, when, app.local.router().oneshot(request)).await;
        // Nobody is gone without a tombstone, not even for a moment.
        let here = studio.client(7).await != Value::Null;
        assert_eq!(studio.erased().await.contains(&7), !here, "{n} {when:?}");
        app.live(4 * MINUTE, 2 * MINUTE).await;
        let mut erased = studio.erased().await;
        erased.sort_unstable();
        let expected = if here { vec![] } else { vec![7, stranger] };
        assert_eq!(erased, expected, "{n} {when:?}");
        studio.balance().await;
        died
    })
    .await;
}

/// A copy of a list that applies what the list says changed.
#[derive(Default)]
struct Copy {
    rows: BTreeMap<u64, Value>,
    since: Option<String>,
}

impl Copy {
    async fn follow(&mut self, studio: &Business<'_>, list: &str, dice: &mut Dice) {
        let since = self.since.clone().unwrap_or_else(|| BEGINNING.to_owned());
        let (mut cursor, mut next) = (String::new(), None);
        loop {
            let size = dice.one_of(&[1, 3, 50]);
            let path = format!("{list}updated_since={since}&page_size={size}{cursor}");
            let page = studio.get(&path).await.ok();
            for row in rows(&page) {
                let id = row["client_id"].as_u64().unwrap();
                let gone = row["erased"] == true || row["merged_into_client_id"].is_number();
                match gone {
                    true => drop(self.rows.remove(&id)),
                    false => drop(self.rows.insert(id, row.clone())),
                }
            }
            next = next.or(page["next_updated_since"].as_str().map(str::to_owned));
            match page["next_cursor"].as_str() {
                Some(behind) => cursor = format!("&cursor={behind}"),
                None => break,
            }
        }
        self.since = next;
    }
}

async fn copies_equal_the_directory(seed: u64, parts: u64) {
    let app = App::start().await;
    let studio = app.business_in_parts(parts).await;
    let mut dice = Dice::new(seed);
    let (mut clients, mut inbox) = (Copy::default(), Copy::default());
    for step in 0..48 {
        let client = 101 + dice.roll(5);
        let phone = format!("+1415556{client:04}");
        match dice.roll(8) {
            0 | 1 => drop(studio.forgets(client).await),
            2 | 3 => {
                let entry = json!({"client_name": format!("Name {step}"), "client_phone_number": phone});
                studio.put(&format!("/clients/{client}"), entry).await.ok();
            }
            4 | 5 => studio.receives(&phone, "Hello").await,
            6 => drop(studio.post("/sms/send", studio.send_body(&[(client, &phone, "Hi")])).await.ok()),
            _ => {
                // Whoever has any id, be it one that omega gave a stranger.
                let all = numbers(&studio.get("/clients").await.ok(), "client_id");
                if !all.is_empty() {
                    let client = dice.one_of(&all);
                    studio.forgets(client).await;
                }
            }
        }
        app.clock.advance(Duration::from_secs(dice.roll(90)));
        if dice.roll(3) == 0 {
            clients.follow(&studio, "/clients?", &mut dice).await;
            inbox.follow(&studio, "/conversations?", &mut dice).await;
        }
    }
    app.drain().await;
    clients.follow(&studio, "/clients?", &mut dice).await;
    inbox.follow(&studio, "/conversations?", &mut dice).await;
    for (copy, list) in [(clients, "/clients?page_size=100"), (inbox, "/conversations?page_size=100")] {
        let there = studio.walk(list).await;
        let there: BTreeMap<u64, Value> =
            there.into_iter().map(|row| (row["client_id"].as_u64().unwrap(), row)).collect();
        assert_eq!(copy.rows, there, "{list} of seed {seed}");
    }
    studio.balance().await;
}

#[tokio::test]
async fn copy_that_follows_the_changes_equals_the_directory_whoever_is_erased() {
    for seed in 1..=6 {
        copies_equal_the_directory(seed, 1 + seed % 3).await;
    }
}

#[tokio::test]
async fn nexhealth_lists_show_erased_clients_to_those_who_ask_for_changes() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    for (client, phone) in [(7, ADA), (8, "+14155550108")] {
        let entry = json!({"client_name": "Canary Bird", "client_phone_number": phone, "location_id": 3});
        clinic.put(&format!("/clients/{client}"), entry).await.ok();
        clinic.receives(phone, "canary").await;
    }
    app.clock.advance(10 * MINUTE);
    let before = app.clock.now().to_string();
    clinic.forgets(7).await;
    let patients = async |query: &str| {
        let path = format!("/patients?subdomain={}&location_id=3&{query}", clinic.subdomain());
        let call =
            app.at_origin(Method::GET, &path).header("authorization", format!("Bearer {}", clinic.key));
        let answer = send(call).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.body
    };
    let ids = |page: &Value| -> Vec<u64> {
        page["data"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    };
    for (since, expected) in [(before.as_str(), vec![7]), (BEGINNING, vec![7, 8]), ("2020-01-01", vec![7, 8])]
    {
        let page = patients(&format!("updated_since={since}&sort=id")).await;
        assert_eq!((ids(&page), &page["count"]), (expected.clone(), &json!(expected.len())), "{since}");
        let row = &page["data"][0];
        let at = &row["erased_at"];
        let bare = json!({
            "id": 7, "email": null, "first_name": null, "middle_name": null, "last_name": null, "name": null,
            "created_at": at, "updated_at": at, "institution_id": clinic.id, "foreign_id": null,
            "foreign_id_type": null, "bio": {}, "inactive": true, "last_sync_time": null, "guarantor_id": null,
            "unsubscribe_sms": false, "erased": true, "erased_at": at,
        });
        assert_eq!(*row, bare, "{since}");

        let page = clinic.lists(&format!("updated_since={since}&messages=5")).await.body;
        assert_eq!((ids(&page), &page["count"]), (expected.clone(), &json!(expected.len())), "newest first");
        let expected = json!({"id": 7, "created_at": at, "updated_at": at, "patient": bare, "messages": []});
        assert_eq!(page["data"][0], expected, "{since}");
        let second = clinic.lists(&format!("updated_since={since}&per_page=1&page=2")).await.body;
        assert_eq!(ids(&second), ids(&page)[1..], "{since}");
    }
    let filters = "updated_since=2020-01-01&inactive=false&foreign_id=9&date_of_birth=1964-05-03";
    assert_eq!(ids(&patients(filters).await), [7], "nothing to filter by");
    for query in ["updated_since=2020-01-01&name=canary", "sort=id", ""] {
        let page = patients(query).await;
        assert_eq!((ids(&page), &page["count"]), (vec![8], &json!(1)), "{query}");
    }
    assert_eq!(ids(&clinic.lists("").await.body), [8]);

    // A new client under the id is shown in place of the one who is gone.
    let entry = json!({"client_name": "New", "client_phone_number": ADA, "location_id": 3});
    clinic.put("/clients/7", entry).await.ok();
    clinic.receives(ADA, "Hello").await;
    for since in [before.as_str(), BEGINNING] {
        for page in [
            patients(&format!("updated_since={since}")).await,
            clinic.lists(&format!("updated_since={since}")).await.body,
        ] {
            let sevens: Vec<&Value> =
                page["data"].as_array().unwrap().iter().filter(|row| row["id"] == 7).collect();
            assert_eq!(sevens.len(), 1, "{page}");
            assert!(!sevens[0].to_string().contains("erased"), "{page}");
            assert_eq!(page["count"], page["data"].as_array().unwrap().len(), "{page}");
        }
    }
}

/// The nightly count walks the index of changes. Tombstones are no clients there.
#[tokio::test]
async fn counting_anew_counts_no_tombstone() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(8, "+14155550108").await;
    studio.stranger_becomes_seven().await;
    studio.forgets(7).await;
    app.live(2 * MINUTE, MINUTE).await;
    app.clock.advance(MINUTE);
    let report = app.local.recount().await.expect("the recounter runs");
    assert_eq!((report.sums_repaired, report.conversations_repaired, report.busy), (0, 0, 0), "{report:?}");
    assert_eq!(report.conversations, 1);
    assert_eq!(studio.get("/clients").await.ok()["total"], 1);
}
