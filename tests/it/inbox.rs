//! The shared inbox: what its lists show, what they take, and what they refuse.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business};
use crate::desk::{numbers, rows};

const ADA: &str = "+14155550123";
const BEN: &str = "+14155550124";
const EVE: &str = "+14155550125";

/// The parameters that a 422 names.
#[track_caller]
fn refused(answer: Answered) -> BTreeSet<String> {
    let named = answer.bad_fields();
    let name = |loc: &String| serde_json::from_str::<[String; 2]>(loc).expect("a place").concat();
    let names: BTreeSet<String> = named.iter().map(name).collect();
    assert_eq!(names.len(), named.len(), "each once: {named:?}");
    names
}

fn query(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("query{name}")).collect()
}

/// Ada wrote and has staff member 12; Ben's is flagged and resolved; Eve is at location 2 and waits.
async fn three(studio: &Business<'_>) {
    studio.staff(12, json!({"staff_name": "Zoë", "staff_gender": "f"})).await;
    studio.put("/locations/1", json!({"name": "Mission"})).await.ok();
    let people = [(7, "Ada King", ADA, 1), (8, "Ben Stone", BEN, 1), (9, "Eve Árnadóttir", EVE, 2)];
    for (client, name, number, location) in people {
        let entry = json!({"client_name": name, "client_phone_number": number, "location_id": location,
                           "client_email": format!("{client}@example.com")});
        studio.put(&format!("/clients/{client}"), entry).await.ok();
    }
    studio.receives(ADA, "Hello").await;
    studio.act("/conversations/7/assign?staff_id=12").await.ok();
    studio.receives(BEN, "Thank you").await;
    let message = studio.client(8).await["last_message_id"].clone();
    studio.act(&format!("/messages/{message}/flag")).await.ok();
    studio.marks(json!({"conversation_id": 8})).await;
    studio.act("/conversations/8/status?status=resolved").await.ok();
    studio.queue(9, EVE, "See you").await;
    studio.act("/conversations/9/status?status=pending").await.ok();
}

#[tokio::test]
async fn a_text_from_a_stranger_is_in_the_list_and_in_the_counts() {
    let app = App::start().await;
    let studio = app.business().await;

    studio.receives("+14155550777", "hello").await;

    let list = studio.inbox("").await;
    assert_eq!((&list["total"], &list["next_cursor"]), (&json!(1), &json!(null)), "{list}");
    let row = &list["items"][0];
    assert_eq!((&row["client_phone_number"], &row["status"]), (&json!("+14155550777"), &json!("open")));
    assert_eq!((&row["unread_messages_count"], &row["last_message_content"]), (&json!(1), &json!("hello")));
    let filters = studio.get("/conversations/filters").await.ok();
    assert_eq!(filters["message_filter"][1], json!({"value": "unread", "count": 1}));
    app.sweep().await;
    assert_eq!(studio.get("/conversations/filters").await.ok(), filters);
}

#[tokio::test]
async fn a_row_is_the_profile_of_its_client() {
    let app = App::start().await;
    let studio = app.business().await;
    three(&studio).await;
    let list = studio.inbox("").await;
    assert_eq!(numbers(&list, "client_id"), [9, 8, 7], "newest activity first");
    for row in rows(&list) {
        assert_eq!(*row, studio.client(row["client_id"].as_u64().unwrap()).await);
        assert_eq!(row["conversation_id"], row["client_id"]);
    }
    let ada = &list["items"][2];
    assert_eq!((&ada["assigned_to"], &ada["staff_name"]), (&json!("12"), &json!("Zoë")));
}

#[tokio::test]
async fn every_filter_has_the_values_of_the_catalogue_and_lists_as_many_as_it_says() {
    let app = App::start().await;
    let studio = app.business().await;
    three(&studio).await;
    let session = studio.session(12).await;
    let catalogue = studio.as_session(&session, Method::GET, "/conversations/filters", json!({})).await.ok();

    let mut seen = Vec::new();
    for (filter, options) in catalogue.as_object().unwrap() {
        for option in options.as_array().unwrap() {
            let value = option["value"].to_string().replace('"', "");
            let path = format!("/conversations?{filter}={value}");
            let list = studio.as_session(&session, Method::GET, &path, json!({})).await.ok();
            assert_eq!(list["total"], option["count"], "{path}");
            assert_eq!(rows(&list).len() as u64, option["count"], "{path}");
            seen.push(format!("{filter}={value}:{}", option["count"]));
        }
    }
    let expected = [
        "assignment=all:3",
        "assignment=assigned:1",
        "assignment=unassigned:2",
        "assignment=assigned_to_me:1",
        "channel=sms:3",
        "channel=email:0",
        "channel=voice:0",
        "channel=note:0",
        "location_id=1:2",
        "location_id=2:1",
        "message_filter=all:3",
        "message_filter=unread:1",
        "message_filter=flagged:1",
        "status=open:1",
        "status=pending:1",
        "status=snoozed:0",
        "status=resolved:1",
    ];
    assert_eq!(seen, expected);
    assert_eq!(catalogue["location_id"][0]["name"], "Mission");
    assert_eq!(catalogue["location_id"][1].get("name"), None, "the directory does not name it");
}

#[tokio::test]
async fn filters_are_combined() {
    let app = App::start().await;
    let studio = app.business().await;
    three(&studio).await;
    for (query, expected) in [
        ("assignment=assigned&status=open&message_filter=unread&channel=sms&location_id=1", vec![7]),
        ("assignment=unassigned", vec![9, 8]),
        ("assignment=unassigned&location_id=1", vec![8]),
        ("status=resolved&message_filter=flagged", vec![8]),
        ("status=resolved&message_filter=unread", vec![]),
        ("location_id=3", vec![]),
        ("channel=email", vec![]),
        ("search=ada", vec![7]),
        ("search=stone&status=resolved", vec![8]),
        ("search=stone&status=open", vec![]),
        ("search=arna", vec![9]),
        ("search=%20%20", vec![9, 8, 7]),
        ("search=(415)%20555-0124", vec![8]),
        ("search=0124", vec![8]),
        ("search=%2B14155550125", vec![9]),
        ("search=8@EXAMPLE", vec![8]),
        ("search=nobody", vec![]),
        ("status=&search=", vec![]),
    ] {
        let answer = studio.get(&format!("/conversations?{query}")).await;
        if query.starts_with("status=&") {
            assert_eq!(refused(answer), self::query(&["status"]));
            continue;
        }
        let list = answer.ok();
        assert_eq!(numbers(&list, "client_id"), expected, "{query}");
        assert_eq!(list["total"], expected.len(), "{query}");
        assert_eq!(list["next_cursor"], json!(null), "{query}");
    }
}

#[tokio::test]
async fn every_bad_parameter_is_named_at_once() {
    let app = App::start().await;
    let studio = app.business().await;
    three(&studio).await;
    let long = "x".repeat(201);
    let lists = [
        (
            format!(
                "/conversations?page=0&page_size=101&cursor=!&status=done&channel=fax&message_filter=new\
                 &assignment=mine&location_id=x&updated_since=yesterday&search={long}"
            ),
            vec![
                "page",
                "page_size",
                "cursor",
                "status",
                "channel",
                "message_filter",
                "assignment",
                "location_id",
                "updated_since",
                "search",
            ],
        ),
        (
            "/conversations/7/messages?page=x&page_size=0&cursor=%20&filter=new&channel=fax&category=ad\
             &updated_since=soon"
                .to_owned(),
            vec!["page", "page_size", "cursor", "filter", "channel", "category", "updated_since"],
        ),
        (
            "/conversations/7/history?page=-1&page_size=1e9&cursor=e30".to_owned(),
            vec!["page", "page_size", "cursor"],
        ),
    ];
    for (path, named) in lists {
        assert_eq!(refused(studio.get(&path).await), query(&named), "{path}");
    }
    let calls = [
        ("/conversations/7/status?status=done&snoozed_until=soon", vec!["status", "snoozed_until"]),
        ("/conversations/7/status", vec!["status"]),
        ("/conversations/7/assign?staff_id=Zoe", vec!["staff_id"]),
        ("/messages/7/flag?flagged=maybe", vec!["flagged"]),
    ];
    for (path, named) in calls {
        assert_eq!(refused(studio.act(path).await), query(&named), "{path}");
    }
    let label = format!("/conversations/7/label?label={}", "x".repeat(65));
    assert_eq!(refused(studio.act(&label).await), query(&["label"]));
    let body = json!({"conversation_id": "x", "client_id": -1, "message_ids": 7, "last_read_message_id": 0.5,
                      "channel": "fax", "is_read": "maybe"});
    let named = refused(studio.post("/messages/status", body.clone()).await);
    let fields: BTreeSet<String> =
        body.as_object().unwrap().keys().map(|name| format!("body{name}")).collect();
    assert_eq!(named, fields);
    let note = studio.post("/conversations/7/notes", json!({"note": " ", "staff_id": "x"})).await;
    assert_eq!(refused(note).len(), 2);
}

#[tokio::test]
async fn beyond_ten_thousand_rows_there_are_cursors_only_and_it_is_said() {
    let app = App::start().await;
    let studio = app.business().await;
    three(&studio).await;
    for path in ["/conversations", "/conversations/7/messages", "/conversations/7/history"] {
        for page in ["page=101&page_size=100", "page=501", "page=9007199254740991&page_size=100"] {
            let answer = studio.get(&format!("{path}?{page}")).await;
            assert!(answer.body.to_string().contains("next_cursor"), "{}", answer.body);
            assert_eq!(refused(answer), query(&["page"]), "{path}?{page}");
        }
        let last = studio.get(&format!("{path}?page=100&page_size=100")).await.ok();
        assert_eq!((rows(&last).len(), &last["next_cursor"]), (0, &json!(null)));
    }
    // A cursor stands for its page, whatever the number beside it.
    let first = studio.inbox("page_size=2").await;
    let cursor = first["next_cursor"].as_str().expect("two of three");
    let next = studio.inbox(&format!("page_size=2&page=9000&cursor={cursor}")).await;
    assert_eq!((numbers(&next, "client_id"), &next["page"]), (vec![7], &json!(2)));
}

#[tokio::test]
async fn my_conversations_are_for_staff() {
    let app = App::start().await;
    let studio = app.business().await;
    three(&studio).await;
    studio.staff(13, json!({"staff_name": "Max"})).await;
    let (zoe, max) = (studio.session(12).await, studio.session(13).await);

    let by_program = studio.get("/conversations?assignment=assigned_to_me").await;
    assert!(by_program.body.to_string().contains("session"), "{}", by_program.body);
    assert_eq!(refused(by_program), query(&["assignment"]));
    let catalogue = studio.get("/conversations/filters").await.ok();
    assert_eq!(catalogue["assignment"].as_array().unwrap().len(), 3, "a program is nobody's colleague");

    let mine = async |token: &str| {
        let path = "/conversations?assignment=assigned_to_me";
        numbers(&studio.as_session(token, Method::GET, path, json!({})).await.ok(), "client_id")
    };
    assert_eq!((mine(&zoe).await, mine(&max).await), (vec![7], vec![]));
    studio.act("/conversations/7/assign?staff_id=13").await.ok();
    studio.act("/conversations/9/assign?staff_id=13").await.ok();
    assert_eq!((mine(&zoe).await, mine(&max).await), (vec![], vec![9, 7]));
}

#[tokio::test]
async fn what_has_no_conversation_is_not_found() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    studio.opens_with(7, ADA).await;
    stranger.knows(8, BEN).await;
    let not_found = (404, json!({"detail": "conversation not found"}));
    // Nobody, somebody without a conversation, and somebody of another business.
    for conversation in [5, 8, 7] {
        let path = |rest: &str| format!("/conversations/{conversation}/{rest}");
        let answers = [
            stranger.get(&path("messages")).await,
            stranger.get(&path("messages?filter=unread")).await,
            stranger.get(&path("messages?updated_since=2026-01-01T00:00:00Z")).await,
            stranger.get(&path("history")).await,
            stranger.act(&path("assign?staff_id=")).await,
            stranger.act(&path("status?status=resolved")).await,
            stranger.act(&path("label?label=x")).await,
            stranger.post(&path("notes"), json!({"note": "x"})).await,
        ];
        for answer in answers {
            assert_eq!((answer.status, answer.body), not_found, "{conversation}");
        }
        let marked = stranger.marks(json!({"conversation_id": conversation})).await;
        assert_eq!(marked, 0, "a filter that matches nothing is no mistake");
    }
    assert_eq!(stranger.inbox("").await["total"], 0);
}

#[tokio::test]
async fn rows_that_hardly_ever_match_are_on_their_pages_all_the_same() {
    let app = App::start().await;
    let studio = app.business().await;
    let at_two = json!({"location_id": 2, "client_phone_number": ADA});
    studio.put("/clients/7", at_two.clone()).await.ok();
    studio.put("/clients/8", json!({"location_id": 2, "client_phone_number": BEN})).await.ok();
    studio.put("/clients/9", json!({"location_id": 1, "client_phone_number": EVE})).await.ok();
    studio.receives(ADA, "Hello").await;
    studio.receives(BEN, "Hello").await;
    app.clock.advance(std::time::Duration::from_secs(3600));
    studio.receives(EVE, "Hello").await;
    copies(&app, &studio, 9, 1_300).await;

    for size in [1, 7] {
        let walked = studio.walk(&format!("/conversations?location_id=2&page_size={size}")).await;
        assert_eq!(walked.iter().map(|row| row["client_id"].as_u64().unwrap()).collect::<Vec<_>>(), [8, 7]);
    }
    for (page, client) in [(1, 8), (2, 7)] {
        let page = studio.inbox(&format!("location_id=2&page_size=1&page={page}")).await;
        assert_eq!(numbers(&page, "client_id"), [client], "by number as well");
    }
}

/// Copies the item of a client so many times, straight into the table: a big inbox is not made in a second otherwise.
async fn copies(app: &App, studio: &Business<'_>, client: u64, copies: u64) {
    use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
    let (business, id) =
        (domain::BusinessId::new(studio.id).unwrap(), domain::ClientId::new(client).unwrap());
    let engine = &app.local.engine;
    let key = store::keys::profile(business, id);
    let item = engine.get_item().table_name(&app.local.table);
    let item = item.key("pk", AttributeValue::S(key.pk)).key("sk", AttributeValue::S(key.sk));
    let item = item.send().await.expect("a table").item.expect("a client");
    let copy = |n: u64| {
        let other = domain::ClientId::new(100_000 + n).unwrap();
        let of_other = |value: &AttributeValue| match value {
            AttributeValue::S(text) => AttributeValue::S(text.replace(&id.key(), &other.key())),
            AttributeValue::N(number) if *number == client.to_string() => {
                AttributeValue::N(other.to_string())
            }
            same => same.clone(),
        };
        let item = item.iter().map(|(name, value)| (name.clone(), of_other(value))).collect();
        let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
        WriteRequest::builder().put_request(put).build()
    };
    let all: Vec<WriteRequest> = (0..copies).map(copy).collect();
    for some in all.chunks(25) {
        engine
            .batch_write_item()
            .request_items(&app.local.table, some.to_vec())
            .send()
            .await
            .expect("a table");
    }
}

#[tokio::test]
async fn no_answer_about_the_inbox_is_a_defect_whatever_is_asked() {
    let app = App::start().await;
    let studio = app.business().await;
    three(&studio).await;
    let odd: Vec<Value> = vec![
        json!({"conversation_id": 7, "message_ids": []}),
        json!({"message_ids": []}),
        json!({"message_ids": vec![5; 100]}),
        json!({"last_read_message_id": 0}),
        json!({"last_read_message_id": 9_007_199_254_740_991u64}),
        json!({"conversation_id": 7, "last_read_message_id": 9_007_199_254_740_991u64, "is_read": false}),
        json!({"conversation_id": 0, "client_id": 0}),
        json!({"conversation_id": 7, "channel": "note"}),
    ];
    for body in odd {
        let answer = studio.post("/messages/status", body.clone()).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    }
    for path in [
        "/conversations?updated_since=0000-01-01T00:00:00Z",
        "/conversations?updated_since=9999-12-30T00:00:00Z",
        "/conversations?location_id=0&page_size=100",
        "/conversations?search=%F0%9F%8E%88",
        "/conversations?search=%00",
        "/conversations?search=%23",
        "/conversations?search=@",
        "/conversations?search=%2B%2B%2B",
        "/conversations/7/messages?channel=note&category=campaign&filter=flagged",
        "/conversations/7/messages?updated_since=0000-01-01T00:00:00Z&page=2",
    ] {
        let answer = studio.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}
