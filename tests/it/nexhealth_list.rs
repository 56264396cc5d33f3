//! Conversations as NexHealth's clients see them: what is shown, which, in which order, and what it costs.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use local::fake_twilio::{Answer, Callback};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, BEGINNING, Business, names, send};
use crate::desk::Dice;
use crate::email_sending::{one, queue};
use crate::faults::{SILENT, at_every_call, cases};
use crate::nexhealth::FORGOTTEN;

const ADA: &str = "+14155550123";
const SECOND: Duration = Duration::from_secs(1);

fn number(client: u64) -> String {
    format!("+1415556{client:04}")
}

fn ids(page: &Value) -> Vec<u64> {
    let rows = page["data"].as_array().unwrap_or_else(|| panic!("no page: {page}"));
    rows.iter().map(|row| row["id"].as_u64().expect("an integer")).collect()
}

fn message_ids(row: &Value) -> Vec<u64> {
    row["messages"].as_array().expect("a list").iter().map(|one| one["id"].as_u64().unwrap()).collect()
}

/// The number that stands for a provider's id of a text: 31 bits of its hash.
fn sms_msg_id(provider: &Value) -> Option<u32> {
    let digest = signature::secret::digest(provider.as_str()?);
    Some(u32::from_str_radix(&digest[..8], 16).unwrap() >> 1)
}

/// An instant in a query.
fn at(instant: Timestamp) -> String {
    instant.to_string()
}

impl Business<'_> {
    /// A client of a location with an open conversation.
    async fn patient(&self, client: u64, location: u64) {
        let entry = json!({"client_phone_number": number(client), "location_id": location});
        self.put(&format!("/clients/{client}"), entry).await.ok();
        self.post(&format!("/clients/{client}/conversation"), json!({})).await.ok();
    }

    /// A list, where all goes well.
    async fn page(&self, query: &str) -> Value {
        let answer = self.lists(query).await;
        assert_eq!((answer.status, &answer.body["code"]), (200, &json!(true)), "{query} {}", answer.body);
        answer.body
    }
}

#[tokio::test]
async fn a_conversation_is_shown_with_every_key() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    let location = json!({"name": "Mitte", "timezone": "America/New_York"});
    clinic.put("/locations/3", location).await.ok();
    clinic.staff(12, json!({"staff_name": "Zoë", "staff_image_url": "https://pic.example/12"})).await;
    let entry = json!({
        "client_name": "Ada Augusta King", "client_phone_number": ADA, "location_id": 3, "wl_user_id": 88,
        "client_email": "ada@example.com", "client_image_url": "https://pic.example/7",
    });
    clinic.put("/clients/7", entry).await.ok();
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(SILENT)]);
    let body = json!({
        "category": "conversation", "staff_id": 12, "sender_type": "staff",
        "media_urls": ["https://pic.example/x.png"],
        "messages": [{"client_id": 7, "to_phone_number": ADA, "message": "Hi \"Ada\""}],
    });
    let queued = clinic.post("/sms/send", body).await.ok()["items"][0]["message_id"].clone();
    app.drain().await;
    clinic.receives(ADA, "Hello").await;
    clinic.queue(7, ADA, "By a program").await;
    clinic.notes(7, "psst").await;

    let session = clinic.session(12).await;
    let read = json!({"conversation_id": 7});
    clinic.as_session(&session, Method::POST, "/messages/status", read).await.ok();

    let page = clinic.page("include_messages=true").await;

    let row = &page["data"][0];
    assert_eq!((&page["count"], &page["error"], ids(&page)), (&json!(1), &json!([]), vec![7]));
    assert_eq!(names(row), ["created_at", "id", "messages", "patient", "updated_at"]);
    let profile = clinic.client(7).await;
    let messages = clinic.messages(7, "").await["items"].as_array().unwrap().clone();
    let [program, inbound, outbound] = [&messages[1], &messages[2], &messages[3]];
    assert_eq!(row["updated_at"], profile["last_updated_at"]);
    let began = row["created_at"].as_str().unwrap();
    assert!(
        outbound["created_at"].as_str().unwrap() <= began && began < inbound["created_at"].as_str().unwrap()
    );
    let patient = &row["patient"];
    let (made, changed) = (patient["created_at"].clone(), patient["updated_at"].clone());
    assert!(made.as_str().unwrap() >= BEGINNING && changed.as_str().unwrap() >= BEGINNING);
    let expected = json!({
        "id": 7, "email": "ada@example.com", "first_name": "Ada Augusta", "middle_name": null,
        "last_name": "King", "name": "Ada Augusta King", "created_at": made, "updated_at": changed,
        "institution_id": clinic.id, "foreign_id": "88", "foreign_id_type": "wl_user",
        "bio": {"phone_number": ADA}, "inactive": false, "last_sync_time": null, "guarantor_id": null,
        "unsubscribe_sms": false,
    });
    assert_eq!(patient, &expected);
    let with = |message: &Value, rest: Value| {
        let utc = message["created_at"].as_str().unwrap();
        let hour: u64 = utc[11..13].parse().unwrap();
        let local = format!("{}{:02}{}", &utc[..11], hour - 5, utc[13..].replace('Z', "-05:00"));
        let mut shown = json!({
            "id": message["message_id"], "body": message["message"], "created_at": message["created_at"],
            "updated_at": message["updated_at"], "conversation_id": 7, "seen_by": [], "user_id": null,
            "attachment_file_name": null, "attachment_content_type": null, "attachment_file_size": null,
            "attachment_updated_at": null, "sms_msg_id": sms_msg_id(&message["provider_message_id"]),
            "attachment_url": null, "is_custom_reminder_response": false,
            "created_at_with_tz": local, "timezone_offset": "-05:00",
        });
        shown.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        shown
    };
    let zoe = json!({"name": "Zoë", "image": "https://pic.example/12", "meta_type": "User", "user_id": 12});
    let ada = json!({"name": "Ada Augusta King", "image": "https://pic.example/7", "meta_type": "Patient", "user_id": 7});
    let studio = json!({"name": "Studio", "image": null, "meta_type": "Institution", "user_id": null});
    let pictured = json!({
        "user_id": 12, "sender_info": zoe, "attachment_url": "https://pic.example/x.png",
        "attachment_updated_at": outbound["created_at"],
    });
    assert_eq!(row["messages"][0], with(outbound, pictured));
    let sent = row["messages"][0]["sms_msg_id"].as_i64().expect("an integer");
    assert!((0..1 << 31).contains(&sent) && row["messages"][0]["id"] == queued);
    assert_eq!(row["messages"][1], with(inbound, json!({"sender_info": ada, "seen_by": ["12"]})));
    assert_eq!(row["messages"][2], with(program, json!({"sender_info": studio})));
    assert_eq!(row["messages"].as_array().unwrap().len(), 3, "and no note");
}

#[tokio::test]
async fn times_are_told_where_the_location_is_and_in_utc_where_nobody_knows() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.patient(7, 3).await;
    clinic.receives(&number(7), "Hello").await;
    let zones = [
        (Value::Null, "+00:00", "T12:"),
        (json!("Asia/Kolkata"), "+05:30", "T17:"),
        (json!("europe/berlin"), "+01:00", "T13:"),
    ];
    for (zone, offset, hour) in zones {
        clinic.put("/locations/3", json!({"name": "Mitte", "timezone": zone})).await.ok();
        let message = clinic.page("messages=1").await["data"][0]["messages"][0].clone();
        assert_eq!(message["timezone_offset"], offset);
        let local = message["created_at_with_tz"].as_str().unwrap();
        assert!(local.contains(hour) && local.ends_with(offset), "{local}");
        assert_eq!(Timestamp::parse(local).unwrap().to_string(), message["created_at"]);
    }
}

#[tokio::test]
async fn what_came_with_a_mail_is_shown_by_its_first() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.put("/clients/7", json!({"client_email": "ada@example.com", "location_id": 3})).await.ok();
    let files = json!([{"filename": "plan.txt", "content_type": "text/plain", "content": "SGVsbG8="}, {"content": "SGVs"}]);
    let body = one(json!({"to_email": "ada@example.com", "attachments": files}));
    let id = queue(&clinic, body).await;

    let page = clinic.page("messages=1").await;

    let shown = &page["data"][0]["messages"][0];
    assert_eq!(shown["attachment_file_name"], "plan.txt");
    assert_eq!(
        (&shown["attachment_content_type"], &shown["attachment_file_size"]),
        (&json!("text/plain"), &json!(5))
    );
    assert_eq!(shown["attachment_updated_at"], shown["created_at"]);
    let url = format!("/omega/businesses/{}/messages/{id}/attachments/0", clinic.id);
    assert_eq!((&shown["attachment_url"], &shown["sms_msg_id"]), (&json!(url), &Value::Null));
}

#[tokio::test]
async fn a_patient_is_who_the_client_is_by_now() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.patient(7, 3).await;
    let patient = async || clinic.page("").await["data"][0]["patient"].clone();
    let nobody = patient().await;
    for name in ["email", "first_name", "middle_name", "last_name", "name", "foreign_id", "foreign_id_type"] {
        assert_eq!(nobody[name], Value::Null, "{name}");
    }
    clinic.receives(&number(7), "STOP").await;
    clinic.put("/clients/7", json!({"inactive": true, "first_name": "Ada", "last_name": "King"})).await.ok();
    let key =
        store::keys::profile(domain::BusinessId::new(clinic.id).unwrap(), domain::ClientId::new(7).unwrap());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let fields = [("plan", "gold"), ("phone_number", "not this one")]
        .map(|(name, value)| (name.to_owned(), text(value)));
    let write = app.local.engine.update_item().table_name(&app.local.table);
    let write = write
        .key("pk", text(&key.pk))
        .key("sk", text(&key.sk))
        .update_expression("SET custom_fields = :fields");
    write
        .expression_attribute_values(":fields", AttributeValue::M(HashMap::from(fields)))
        .send()
        .await
        .unwrap();

    let patient = patient().await;

    assert_eq!((&patient["unsubscribe_sms"], &patient["inactive"]), (&json!(true), &json!(true)));
    assert_eq!((&patient["name"], &patient["first_name"]), (&json!("Ada King"), &json!("Ada")));
    assert_eq!(patient["bio"], json!({"phone_number": number(7), "plan": "gold"}));
    // Two with one phone share what its owner wants.
    clinic.patient(8, 3).await;
    clinic.put("/clients/8", json!({"client_phone_number": number(7)})).await.ok();
    let page = clinic.page("").await;
    let out: Vec<&Value> =
        page["data"].as_array().unwrap().iter().map(|row| &row["patient"]["unsubscribe_sms"]).collect();
    assert_eq!(out, [&json!(true), &json!(true)]);
    clinic.receives(&number(7), "START").await;
    assert_eq!(clinic.page("").await["data"][0]["patient"]["unsubscribe_sms"], false);
}

#[tokio::test]
async fn pages_add_up_to_the_count_without_a_conversation_twice() {
    let app = App::start().await;
    for parts in [1, 3] {
        let clinic = app.clinic().await;
        clinic.spread(parts).await;
        clinic.put("/locations/4", json!({"name": "Other"})).await.ok();
        for client in 1..=12 {
            clinic.patient(client, if client % 4 == 0 { 4 } else { 3 }).await;
        }
        // Somebody of the directory without a conversation is none.
        clinic.put("/clients/13", json!({"location_id": 3})).await.ok();
        clinic.receives(&number(2), "Hello").await;
        let order = [2, 11, 10, 9, 7, 6, 5, 3, 1];
        let usual = clinic.page("").await;
        assert_eq!((ids(&usual), &usual["count"]), (order[..5].to_vec(), &json!(9)), "five, newest first");
        for size in [1, 2, 4, 9, 100] {
            let mut seen = Vec::new();
            for page in 1.. {
                let page = clinic.page(&format!("page={page}&per_page={size}")).await;
                assert_eq!(page["count"], 9);
                if ids(&page).is_empty() {
                    break;
                }
                seen.extend(ids(&page));
            }
            assert_eq!(seen, order, "{parts} parts, {size} a page");
        }
        assert_eq!(ids(&clinic.page("per_page=1000").await), order, "clamped");
        assert_eq!(ids(&clinic.page("per_page=0&page=-7").await), [2], "clamped");
        let other = clinic.lists("page=1").await.body;
        assert_eq!(ids(&other)[0], 2);
        let since = clinic.page(&format!("per_page=100&updated_since={BEGINNING}")).await;
        assert_eq!((ids(&since), &since["count"]), (order.to_vec(), &json!(9)));
    }
}

#[tokio::test]
async fn more_than_a_hundred_conversations_are_a_page_of_a_hundred() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    for client in 1..=101 {
        clinic.patient(client, 3).await;
    }
    let page = clinic.page("per_page=200&messages=1").await;
    assert_eq!((ids(&page).len(), &page["count"]), (100, &json!(101)));
    assert_eq!(ids(&clinic.page("per_page=200&page=2").await), [1]);
}

#[tokio::test]
async fn the_newest_messages_are_shown_from_old_to_new() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.patient(7, 3).await;
    for n in 0..130 {
        clinic.receives(&number(7), &format!("text {n}")).await;
        if n % 9 == 0 {
            clinic.notes(7, "psst").await;
        }
    }
    let shown = async |query: &str| {
        let page = clinic.page(query).await;
        let rows = page["data"][0]["messages"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["body"].as_str().unwrap()["text ".len()..].parse().unwrap())
            .collect::<Vec<u64>>()
    };
    for (query, expected) in [
        ("", 0),
        ("include_messages=false", 0),
        ("include_messages=true", 25),
        ("include_messages=True", 25),
        ("messages=0&include_messages=true", 0),
        ("messages=-1", 0),
        ("messages=3", 3),
        ("messages=3&include_messages=false", 3),
        ("messages=1000", 100),
    ] {
        assert_eq!(shown(query).await, (130 - expected..130).collect::<Vec<u64>>(), "{query}");
    }
    // Notes alone at the end.
    for _ in 0..12 {
        clinic.notes(7, "psst").await;
    }
    assert_eq!(shown("messages=2").await, [128, 129]);
}

#[tokio::test]
async fn an_instant_may_be_written_in_every_way() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.patient(7, 3).await;
    clinic.receives(&number(7), "Hello").await;
    app.clock.advance(60 * 60 * SECOND);
    clinic.receives(&number(7), "Later").await;
    for (text, seen) in [
        ("2026-01-31", 2),
        ("2026-02-01", 0),
        ("2026-01-31T12:30:00Z", 1),
        ("2026-01-31T12:30:00+0000", 1),
        ("2026-01-31T12:30:00%2B0000", 1),
        ("2026-01-31T12:30:00%2B00:00", 1),
        ("2026-01-31%2012:30:00%200000", 1),
        ("2026-01-31T07:30:00-0500", 1),
        ("2026-01-31T18:00:00+0530", 1),
        ("2026-01-31T18:00:00%2B05:30", 1),
    ] {
        let page = clinic.page(&format!("messages=9&messages_since={text}")).await;
        assert_eq!(message_ids(&page["data"][0]).len(), seen, "{text}");
        let changed = clinic.page(&format!("updated_since={text}")).await;
        assert_eq!(changed["count"], seen.min(1), "{text}");
    }
}

#[tokio::test]
async fn a_report_of_a_delivery_brings_a_conversation_back() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    for client in [7, 8] {
        clinic.patient(client, 3).await;
        app.local.twilio.script(Some(&number(client)), [Answer::accept().with_callbacks(SILENT)]);
        clinic.queue(client, &number(client), "Hello").await;
    }
    app.drain().await;
    let sid = app.local.twilio.outbox().into_iter().find(|text| text.to == number(7)).unwrap().sid;
    let mut last = Value::Null;
    for word in ["sent", "delivered"] {
        app.clock.advance(60 * SECOND);
        let since = app.clock.now();
        let query = format!("messages=1&updated_since={}", at(since));
        assert_eq!(clinic.page(&query).await["count"], 0, "{word}");
        app.report(&sid, &[word]).await;
        let page = clinic.page(&query).await;
        assert_eq!((ids(&page), &page["count"]), (vec![7], &json!(1)), "{word}");
        let row = &page["data"][0];
        assert!(row["updated_at"].as_str().unwrap() >= at(since).as_str());
        assert_eq!(row["updated_at"], row["messages"][0]["updated_at"]);
        let bare = clinic.page(&format!("updated_since={}", at(since))).await;
        assert_eq!(bare["data"][0]["updated_at"], row["updated_at"], "also where no message is shown");
        assert_ne!(row["updated_at"], last);
        last = row["updated_at"].clone();
        // The same report again says nothing.
        let later = app.clock.now();
        app.report(&sid, &[word]).await;
        assert_eq!(clinic.page(&format!("updated_since={}", at(later))).await["count"], 0);
    }
    let edge = Timestamp::parse(last.as_str().unwrap()).unwrap();
    assert_eq!(clinic.page(&format!("updated_since={}", at(edge))).await["count"], 1, "the instant itself");
    let after = edge.plus(Duration::from_millis(1));
    assert_eq!(clinic.page(&format!("updated_since={}", at(after))).await["count"], 0);
    // A report of a message of another location is of no interest here.
    clinic.put("/locations/4", json!({"name": "Other"})).await.ok();
    clinic.put("/clients/8", json!({"location_id": 4})).await.ok();
    let since = app.clock.now();
    let sid = app.local.twilio.outbox().into_iter().find(|text| text.to == number(8)).unwrap().sid;
    app.report(&sid, &["delivered"]).await;
    assert_eq!(clinic.page(&format!("updated_since={}", at(since))).await["count"], 0);
}

#[tokio::test]
async fn whoever_is_forgotten_or_named_anew_is_shown_as_that() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.patient(7, 3).await;
    clinic.queue(7, &number(7), "Hello").await;
    // A stranger, to whom the directory gives a name later.
    clinic.queue(9_000_000_000, &number(8), "Who are you?").await;
    app.drain().await;
    let since = app.clock.now();
    clinic.put("/clients/8", json!({"client_phone_number": number(8), "location_id": 3})).await.ok();
    clinic.post("/clients/8/conversation", json!({})).await.ok();
    let page = clinic.page(&format!("messages=9&updated_since={}", at(since))).await;
    assert_eq!(ids(&page), [8]);
    send(clinic.request(Method::DELETE, "/clients/7")).await;
    app.sweep().await;
    let page = clinic.page(&format!("updated_since={}", at(app.clock.now().minus(3600 * SECOND)))).await;
    assert_eq!((ids(&page), &page["count"]), (vec![7, 8], &json!(2)), "who is forgotten is told by the id");
    assert_eq!(page["data"][0]["patient"]["erased"], true);
    let page = clinic.page("").await;
    assert_eq!((ids(&page), &page["count"]), (vec![8], &json!(1)));
}

/// The conversations of location 3 and their messages without notes, newest first, as omega itself shows them.
struct World {
    created_at: Timestamp,
    rows: Vec<(Value, Vec<Value>)>,
}

fn instant(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().expect("an instant")).expect("an instant")
}

/// What a list is asked for.
#[derive(Clone, Debug)]
struct Question {
    messages: Option<i64>,
    messages_since: Option<Timestamp>,
    updated_since: Option<Timestamp>,
    include_messages: Option<bool>,
    per_page: usize,
    page: usize,
}

impl Question {
    fn query(&self) -> String {
        let mut query = format!("page={}&per_page={}", self.page, self.per_page);
        let mut add = |name: &str, value: Option<String>| {
            query.extend(value.map(|value| format!("&{name}={value}")));
        };
        add("messages", self.messages.map(|most| most.to_string()));
        add("messages_since", self.messages_since.map(at));
        add("updated_since", self.updated_since.map(at));
        add("include_messages", self.include_messages.map(|include| include.to_string()));
        query
    }
}

impl World {
    async fn of(clinic: &Business<'_>, created_at: Timestamp) -> World {
        let mut rows = Vec::new();
        for row in clinic.walk("/conversations?page_size=100&location_id=3").await {
            let mut messages =
                clinic.walk(&format!("/conversations/{}/messages?page_size=100", row["client_id"])).await;
            messages.retain(|message| message["channel"] != "note");
            rows.push((row, messages));
        }
        World { created_at, rows }
    }

    /// Every instant at which something happened.
    fn instants(&self) -> Vec<Timestamp> {
        let of_messages = self.rows.iter().flat_map(|(_, messages)| messages);
        let of_messages =
            of_messages.flat_map(|one| [instant(&one["updated_at"]), instant(&one["created_at"])]);
        let of_rows = self.rows.iter().map(|(row, _)| instant(&row["last_updated_at"]));
        let all: BTreeSet<Timestamp> = of_messages.chain(of_rows).collect();
        all.into_iter().collect()
    }

    /// How many there are, and of those on the page: id, last change, ids of messages.
    fn answer(&self, asked: &Question) -> (usize, Vec<(u64, Timestamp, Vec<u64>)>) {
        let since = asked.updated_since.filter(|since| *since > self.created_at);
        let most = match (asked.messages, asked.include_messages) {
            (Some(most), _) => most.clamp(0, 100) as usize,
            (None, Some(true)) => 25,
            (None, _) => 0,
        };
        let mut found = Vec::new();
        for (row, messages) in &self.rows {
            let changes = messages.iter().map(|message| instant(&message["updated_at"]));
            let head = instant(&row["last_updated_at"]);
            let last = changes.fold(head, Timestamp::max);
            if since.is_some_and(|since| last < since) {
                continue;
            }
            let young = |message: &&Value| {
                asked.messages_since.is_none_or(|since| instant(&message["created_at"]) >= since)
            };
            let mut shown: Vec<&Value> = messages.iter().filter(young).take(most).collect();
            shown.reverse();
            let seen = shown.iter().map(|message| instant(&message["updated_at"])).fold(head, Timestamp::max);
            let ids = shown.iter().map(|message| message["message_id"].as_u64().unwrap()).collect();
            let id = row["client_id"].as_u64().unwrap();
            found.push((id, if since.is_some() { last } else { seen }, ids));
        }
        let count = found.len();
        let skip = (asked.page - 1) * asked.per_page;
        (count, found.into_iter().skip(skip).take(asked.per_page).collect())
    }
}

fn question(instants: Vec<Timestamp>) -> impl Strategy<Value = Question> {
    let near = (prop::sample::select(instants), -1i64..=1);
    let near = near.prop_map(|(instant, by)| Timestamp::from_millis(instant.as_millis() + by));
    let far = prop::sample::select(vec!["2000-01-01T00:00:00Z", BEGINNING, "2030-01-01T00:00:00Z"]);
    let far = far.prop_map(|text| Timestamp::parse(text).unwrap());
    let any_instant = prop::option::of(prop_oneof![6 => near, 1 => far]);
    let messages = prop::option::of(prop_oneof![-1i64..5, Just(1000)]);
    let paging = (prop::sample::select(vec![1usize, 2, 5, 100]), 1usize..3);
    let parts = (messages, any_instant.clone(), any_instant, any::<Option<bool>>(), paging);
    parts.prop_map(|(messages, messages_since, updated_since, include_messages, (per_page, page))| Question {
        messages,
        messages_since,
        updated_since,
        include_messages,
        per_page,
        page,
    })
}

/// One thing that happens to one of six clients.
async fn happens(clinic: &Business<'_>, dice: &mut Dice) {
    let app = clinic.app;
    let client = 101 + dice.roll(6);
    let phone = number(client);
    match dice.roll(12) {
        0..3 => clinic.receives(&phone, "Hello").await,
        3..6 => {
            app.local.twilio.script(Some(&phone), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
            clinic.queue(client, &phone, "Hi").await;
            app.drain().await;
        }
        6..8 => {
            let outbox = app.local.twilio.outbox();
            if !outbox.is_empty() {
                let sid = &outbox[dice.roll(outbox.len() as u64) as usize].sid;
                app.report(sid, &[dice.one_of(&["sent", "delivered", "undelivered"])]).await;
            }
        }
        8 => drop(clinic.notes(client, "psst").await),
        9 => drop(clinic.marks(json!({"conversation_id": client, "is_read": dice.roll(3) > 0})).await),
        10 => drop(clinic.act(&format!("/conversations/{client}/label?label={}", dice.roll(99))).await.ok()),
        _ => {
            let historical = json!({
                "category": "conversation", "historical": true, "sender_type": "client",
                "sent_at": "2020-01-01T00:00:00Z", "from_phone_number": phone,
                "messages": [{"client_id": client, "to_phone_number": clinic.number, "message": "Long ago"}],
            });
            let recorded = clinic.post("/sms/record", historical).await;
            assert_eq!(recorded.status, 200, "{}", recorded.body);
            app.drain().await;
        }
    }
    app.clock.advance(Duration::from_millis(dice.roll(5_000)));
}

async fn every_question_has_the_answer_of_the_model(parts: u64, seed: u64) {
    let app = App::start().await;
    let created_at = app.clock.now();
    let clinic = app.clinic().await;
    clinic.spread(parts).await;
    clinic.put("/locations/4", json!({"name": "Other"})).await.ok();
    for client in 101..=106 {
        clinic.patient(client, if client == 106 { 4 } else { 3 }).await;
    }
    let mut dice = Dice::new(seed);
    for _ in 0..60 {
        happens(&clinic, &mut dice).await;
    }
    app.clock.freeze();
    let world = World::of(&clinic, created_at.plus(SECOND)).await;
    let questions = question(world.instants());
    let mut runner = cases(120);
    for _ in 0..runner.config().cases {
        let asked = questions.new_tree(&mut runner).expect("a question").current();
        let page = clinic.page(&asked.query()).await;
        let told: Vec<(u64, Timestamp, Vec<u64>)> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["id"].as_u64().unwrap(), instant(&row["updated_at"]), message_ids(row)))
            .collect();
        let (count, expected) = world.answer(&asked);
        assert_eq!((page["count"].as_u64().unwrap() as usize, told), (count, expected), "{asked:?}");
    }
}

#[tokio::test]
async fn every_combination_of_filters_has_the_answer_of_the_model() {
    every_question_has_the_answer_of_the_model(1, 7).await;
}

#[tokio::test]
async fn lists_in_several_parts_have_it_as_well() {
    every_question_has_the_answer_of_the_model(3, 8).await;
}

/// Whatever dies between a text and its report, the conversation is among those that changed since its message did.
#[tokio::test]
async fn what_changed_of_a_message_is_found_wherever_somebody_dies() {
    at_every_call(5, async |n, when| {
        let app = App::start().await;
        let clinic = app.clinic().await;
        clinic.patient(7, 3).await;
        let phone = number(7);
        app.local.twilio.script(Some(&phone), [Answer::accept().with_callbacks(SILENT)]);
        let id = clinic.queue(7, &phone, "Hello").await;
        let died = app
            .dies(n, when, async {
                app.local.drain().await.unwrap();
                for text in app.local.twilio.outbox() {
                    app.local.twilio.send_callbacks(&text.sid, ["delivered"]).await.expect("a known text");
                }
            })
            .await;
        let found = async || {
            let changed = clinic.message(id).await["updated_at"].as_str().unwrap().to_owned();
            let page = clinic.page(&format!("messages=1&updated_since={changed}")).await;
            assert_eq!(ids(&page), [7]);
            assert!(page["data"][0]["updated_at"].as_str().unwrap() >= changed.as_str());
        };
        found().await;
        app.recover().await;
        found().await;
        died
    })
    .await;
}

#[tokio::test]
async fn a_page_costs_one_query_for_each_part_and_one_for_each_conversation_with_messages() {
    let app = App::start().await;
    for parts in [1, 3] {
        let clinic = app.clinic().await;
        clinic.spread(parts).await;
        for client in 1..=4 {
            clinic.patient(client, 3).await;
            clinic.receives(&number(client), "Hello").await;
            clinic.notes(client, "psst").await;
        }
        app.clock.advance(FORGOTTEN);
        let since = app.clock.now();
        clinic.receives(&number(2), "Hello").await;
        let costs = async |query: &str| {
            clinic.page(query).await;
            app.local.wire.clear();
            clinic.page(query).await;
            let mut calls = app.local.wire.operations("dynamodb");
            calls.sort();
            calls
        };
        let expected = |batches: usize, queries: usize| {
            let calls = |name: &str, n: usize| vec![name.to_owned(); n];
            [calls("BatchGetItem", batches), calls("Query", queries)].concat()
        };
        let lists = 2 * parts as usize;
        assert_eq!(costs("").await, expected(1, lists));
        assert_eq!(costs("per_page=3&messages=2").await, expected(1, lists + 3));
        assert_eq!(costs("include_messages=true&messages_since=2026-01-31").await, expected(1, lists + 4));
        let changed = costs(&format!("updated_since={}", at(since))).await;
        assert_eq!(changed, expected(1, lists + 5), "four for what was reported, and one for who is gone");
    }
}

#[tokio::test]
async fn a_member_of_the_staff_lists_as_well_and_nobody_of_another_business() {
    let app = App::start().await;
    let (clinic, stranger) = (app.clinic().await, app.clinic().await);
    clinic.staff(12, json!({"staff_name": "Zoë"})).await;
    clinic.patient(7, 3).await;
    stranger.patient(8, 3).await;
    let session = clinic.session(12).await;
    let ask = async |of: &Business<'_>| {
        let call = app.at_origin(Method::GET, &of.address_of(""));
        send(call.header("authorization", format!("Bearer {session}"))).await
    };
    assert_eq!(ids(&ask(&clinic).await.ok()), [7]);
    assert_eq!(ask(&stranger).await.status, 403);
}

#[tokio::test]
async fn an_answer_that_the_gateway_would_not_take_is_refused_in_words() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.put("/clients/7", json!({"client_email": "ada@example.com", "location_id": 3})).await.ok();
    // A quotation mark takes two bytes in an answer, and four where that stands inside another document.
    let long = "\"".repeat(190_000);
    let mail = json!({"client_id": 7, "to_email": clinic.email, "subject": "Long", "message": long});
    let body = json!({
        "category": "conversation", "sender_type": "client", "from_email": "ada@example.com",
        "messages": [mail],
    });
    // One after the other: large writes to one conversation at once can lose their race for longer than a write waits.
    for _ in 0..8 {
        assert_eq!(clinic.post("/email/record", body.clone()).await.status, 200);
        app.drain().await;
    }
    assert_eq!(message_ids(&clinic.page("messages=7").await["data"][0]).len(), 7);
    let refused = clinic.lists("messages=100").await;
    let why =
        "the answer is larger than 6 MB: ask for fewer conversations with per_page, or for fewer messages";
    let told = json!({"code": false, "description": "Payload Too Large", "data": {}, "error": [why]});
    assert_eq!((refused.status, refused.body), (413, told));
}
