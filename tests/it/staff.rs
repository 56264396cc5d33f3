//! Staff: the directory, the sessions of those who go, and their conversations.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::Body;
use axum::extract::Request;
use domain::access::Role;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::{Answered, App, Business, send, send_raw};
use crate::faults::{REFUSAL, at_every_call};

const ADA: &str = "+14155550123";
const MINUTE: Duration = Duration::from_secs(60);
/// Two conversations.
const TWO: [u64; 2] = [1, 2];
/// Longer than a process believes what it read of a credential.
const FORGOTTEN: Duration = Duration::from_secs(6);

impl Business<'_> {
    /// Writes a member of the staff to the directory.
    pub async fn staff(&self, id: u64, entry: Value) -> Value {
        self.put(&format!("/staffs/{id}"), entry).await.ok()
    }

    /// A session of a member of the staff that begins now.
    pub async fn session(&self, staff: u64) -> String {
        let begun = self.begins_session(staff).await.ok();
        begun["access_token"].as_str().expect("a token").to_owned()
    }

    /// Asks for a session of a member of the staff.
    pub async fn begins_session(&self, staff: u64) -> Answered {
        let call = self.app.anonymous(Method::POST, "/auth/token").header("X-API-KEY", &self.key);
        let asked = json!({"business_id": self.id, "wl_user_id": 900 + staff, "staff_id": staff});
        send(call.json(&asked)).await
    }

    /// A credential that no route makes, put into the table. It lasts for an hour.
    pub async fn credential(&self, role: Role, staff: Option<u64>) -> String {
        let now = self.app.clock.now();
        // As long as an id of ours, so that a test can tell it from the secret.
        let id = format!("{:08x}{:08x}", self.id, staff.unwrap_or_default());
        let token = format!("forged_{id}_{role:?} from {now}");
        let key = store::keys::credential(&signature::secret::hash(&token));
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: u64| AttributeValue::N(number.to_string());
        let mut item = HashMap::from([
            ("pk".to_owned(), AttributeValue::S(key.pk)),
            ("sk".to_owned(), AttributeValue::S(key.sk)),
            ("type".to_owned(), text("Credential")),
            ("credential_id".to_owned(), text(&id)),
            ("business_id".to_owned(), number(self.id)),
            ("credential_role".to_owned(), text(&format!("{role:?}").to_lowercase())),
            ("created_at".to_owned(), text(&now.to_string())),
            ("expires_at".to_owned(), text(&now.plus(60 * MINUTE).to_string())),
        ]);
        item.extend(staff.map(|staff| ("staff_id".to_owned(), number(staff))));
        let put = self.app.local.engine.put_item().table_name(&self.app.local.table).set_item(Some(item));
        put.send().await.expect("a table");
        token
    }

    /// A call with a session. `path` begins behind `/businesses/{id}`.
    pub async fn as_session(&self, token: &str, method: Method, path: &str, body: Value) -> Answered {
        let call = self.app.anonymous(method, &format!("/businesses/{}{path}", self.id));
        let call = call.header("Cookie", format!("session={token}")).header("Origin", self.app.origin());
        send(call.json(&body)).await
    }

    /// Gives a conversation to a member of the staff.
    async fn assign(&self, conversation: u64, staff: u64) -> Answered {
        let path = format!("/conversations/{conversation}/assign?staff_id={staff}");
        send(self.request(Method::POST, &path)).await
    }

    /// Opens conversations with new clients and gives them to a member of the staff.
    async fn opens(&self, clients: impl IntoIterator<Item = u64>, staff: u64) {
        let clients: Vec<u64> = clients.into_iter().collect();
        for some in clients.chunks(8) {
            let opened = some.iter().map(|client| async move {
                self.put(&format!("/clients/{client}"), json!({})).await.ok();
                self.post(&format!("/clients/{client}/conversation"), json!({})).await.ok();
            });
            join_all(opened).await;
            for client in some {
                self.assign(*client, staff).await.ok();
            }
        }
    }

    /// Whom a conversation belongs to.
    async fn assignee(&self, conversation: u64) -> Value {
        self.client(conversation).await["assigned_to"].clone()
    }

    /// The lines about a deactivation in the history of a conversation.
    async fn releases(&self, conversation: u64) -> Vec<Value> {
        let history = self.get(&format!("/conversations/{conversation}/history")).await.ok();
        let mut lines = history["items"].as_array().expect("lines").clone();
        lines.retain(|line| line["cause"] == "staff_deactivated");
        lines
    }

    /// How many conversations are behind a value of `assignment`.
    async fn count(&self, assignment: &str) -> u64 {
        let filters = self.get("/conversations/filters").await.ok();
        let options = filters["assignment"].as_array().expect("options");
        let option = options.iter().find(|option| option["value"] == assignment).expect("an option");
        option["count"].as_u64().expect("a count")
    }

    /// The names on one page of the staff, and the cursor of the next.
    async fn names(&self, query: &str) -> (Vec<String>, Value) {
        let page = self.get(&format!("/staffs?{query}")).await.ok();
        let names = page["items"].as_array().expect("rows").iter();
        let names = names.map(|row| row["staff_name"].as_str().expect("a name").to_owned()).collect();
        (names, page["next_cursor"].clone())
    }
}

/// A call that deactivates, ready for the router.
fn deactivation(studio: &Business<'_>, staff: u64) -> Request {
    Request::put(format!("/omega/businesses/{}/staffs/{staff}", studio.id))
        .header("x-api-key", &studio.key)
        .header("content-type", "application/json")
        .body(Body::from(json!({"staff_name": "Ada", "active": false}).to_string()))
        .expect("a request")
}

#[tokio::test]
async fn a_member_has_nine_fields_and_what_is_absent_is_null() {
    let app = App::start().await;
    let studio = app.business().await;

    let created =
        send_raw(studio.request(Method::PUT, "/staffs/12").json(&json!({"staff_name": "Ada"}))).await;

    let told = r#"{"staff_id":12,"staff_name":"Ada","staff_gender":null,"staff_image_url":null,"staff_email":null,"staff_phone_number":null,"role":"staff","location_ids":[],"active":true}"#;
    assert_eq!(created, (200, told.to_owned()));
    assert_eq!(send_raw(studio.request(Method::GET, "/staffs/12")).await, created);
    let page = studio.get("/staffs").await.ok();
    let row: Value = serde_json::from_str(told).unwrap();
    let rest = json!({"total": 1, "page": 1, "page_size": 20, "total_pages": 1, "next_cursor": null});
    assert_eq!(page["items"], json!([row]));
    for (name, value) in rest.as_object().unwrap() {
        assert_eq!(&page[name], value, "{name}");
    }
}

#[tokio::test]
async fn an_unknown_member_is_null_and_so_is_one_of_another_business() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    stranger.staff(12, json!({"staff_name": "Ada"})).await;

    for unknown in ["/staffs/12", "/staffs/9007199254740991"] {
        assert_eq!(send_raw(studio.request(Method::GET, unknown)).await, (200, "null".to_owned()));
    }
    assert_eq!(studio.get("/staffs").await.ok()["total"], 0);
    let foreign = format!("/businesses/{}/staffs/12", stranger.id);
    for method in [Method::GET, Method::PUT] {
        let call = app.anonymous(method, &foreign).header("X-API-KEY", &studio.key);
        let answer = send_raw(call.json(&json!({"staff_name": "Mallory"}))).await;
        assert_eq!(answer, (403, r#"{"detail":"Forbidden"}"#.to_owned()));
    }
    assert_eq!(stranger.get("/staffs/12").await.ok()["staff_name"], "Ada");
}

#[tokio::test]
async fn what_is_not_mentioned_stays_and_null_clears() {
    let app = App::start().await;
    let studio = app.business().await;
    let all = json!({
        "staff_name": "Ada Lovelace",
        "staff_gender": "female",
        "staff_image_url": "https://example.com/ada.png",
        "staff_email": "ada@example.com",
        "staff_phone_number": "(415) 555-0123",
        "role": "manager",
        "location_ids": [3, "4"],
        "active": "yes",
        "shoe_size": 36,
    });
    let told = json!({
        "staff_id": 12,
        "staff_name": "Ada Lovelace",
        "staff_gender": "female",
        "staff_image_url": "https://example.com/ada.png",
        "staff_email": "ada@example.com",
        "staff_phone_number": ADA,
        "role": "manager",
        "location_ids": [3, 4],
        "active": true,
    });
    assert_eq!(studio.staff(12, all).await, told);

    let mut renamed = told.clone();
    renamed["staff_name"] = json!("Ada King");
    assert_eq!(studio.staff(12, json!({"staff_name": "Ada King"})).await, renamed);

    let cleared = studio
        .staff(
            12,
            json!({
                "staff_name": "Ada King",
                "staff_gender": null,
                "staff_image_url": null,
                "staff_email": null,
                "staff_phone_number": null,
                "role": null,
                "location_ids": null,
            }),
        )
        .await;
    let bare = json!({
        "staff_id": 12,
        "staff_name": "Ada King",
        "staff_gender": null,
        "staff_image_url": null,
        "staff_email": null,
        "staff_phone_number": null,
        "role": "staff",
        "location_ids": [],
        "active": true,
    });
    assert_eq!(cleared, bare);
    assert_eq!(studio.get("/staffs/12").await.ok(), bare);
    assert_eq!(studio.staff(13, json!({"staff_name": "Ben", "active": false})).await["active"], false);
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_changed() {
    let app = App::start().await;
    let studio = app.business().await;
    let ada = studio.staff(12, json!({"staff_name": "Ada"})).await;
    let bad = json!({
        "staff_name": "",
        "staff_gender": 1,
        "staff_image_url": "x".repeat(2049),
        "staff_email": "ada at example",
        "staff_phone_number": "12",
        "role": "service",
        "location_ids": [1, "x", -1],
        "active": null,
    });

    let refused = studio.put("/staffs/12", bad).await;

    let named: BTreeSet<String> = refused.bad_fields().into_iter().collect();
    let fields =
        ["staff_name", "staff_gender", "staff_image_url", "staff_email", "staff_phone_number", "role"];
    let mut expected: BTreeSet<String> = fields.iter().map(|name| format!(r#"["body","{name}"]"#)).collect();
    expected.extend([r#"["body","location_ids",1]"#, r#"["body","location_ids",2]"#].map(str::to_owned));
    expected.insert(r#"["body","active"]"#.to_owned());
    assert_eq!(named, expected);
    for (body, field) in [
        (json!({}), "staff_name"),
        (json!({"staff_name": null}), "staff_name"),
        (json!({"staff_name": " \u{3000}"}), "staff_name"),
        (json!({"staff_name": "a".repeat(201)}), "staff_name"),
        (json!({"staff_name": "Ada", "location_ids": vec![1; 101]}), "location_ids"),
        (json!({"staff_name": "Ada", "role": "platform"}), "role"),
    ] {
        assert_eq!(studio.put("/staffs/12", body).await.bad_fields(), [format!(r#"["body","{field}"]"#)]);
    }
    let named = studio.put("/staffs/x", json!({})).await.bad_fields();
    assert_eq!(named, [r#"["path","staff_id"]"#, r#"["body","staff_name"]"#]);
    assert_eq!(studio.get("/staffs/12").await.ok(), ada);
    let longest = "İ".repeat(200);
    assert_eq!(studio.staff(12, json!({"staff_name": longest})).await["staff_name"], json!(longest));
}

#[tokio::test]
async fn staff_are_listed_by_name_without_case_and_accents_and_then_by_id() {
    let app = App::start().await;
    let studio = app.business().await;
    let entries = [
        (5, "zoë", true),
        (9, "Ada", true),
        (1, "Ada", false),
        (2, "ada King", true),
        (3, "Adam", true),
        (4, "Éva", true),
        (6, "Eve", true),
    ];
    for (id, name, active) in entries {
        studio.staff(id, json!({"staff_name": name, "active": active})).await;
    }

    let page = studio.get("/staffs").await.ok();

    let ids: Vec<u64> =
        page["items"].as_array().unwrap().iter().filter_map(|row| row["staff_id"].as_u64()).collect();
    assert_eq!(ids, [1, 9, 2, 3, 4, 6, 5]);
    assert_eq!((&page["total"], &page["items"][0]["active"]), (&json!(7), &json!(false)));
}

#[tokio::test]
async fn a_search_finds_the_beginning_of_any_word_of_a_name() {
    let app = App::start().await;
    let studio = app.business().await;
    for (id, name) in [(1, "Ada King"), (2, "Zoë da Vinci"), (3, "Kinga Nowak"), (4, "O'King")] {
        studio.staff(id, json!({"staff_name": name})).await;
    }
    for (search, found) in [
        ("KING", vec!["Ada King", "Kinga Nowak"]),
        ("zoe", vec!["Zoë da Vinci"]),
        ("da%20v", vec!["Zoë da Vinci"]),
        ("%20da%20", vec!["Zoë da Vinci"]),
        ("ing", vec![]),
        ("", vec!["Ada King", "Kinga Nowak", "O'King", "Zoë da Vinci"]),
    ] {
        let page = studio.get(&format!("/staffs?search={search}")).await.ok();
        assert_eq!(page["total"], found.len(), "{search}");
        assert_eq!(studio.names(&format!("search={search}")).await.0, found, "{search}");
    }
}

#[tokio::test]
async fn pages_by_number_and_by_cursor_show_everybody_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let expected: Vec<String> = (0..23).map(|n| format!("Name {n:02}")).collect();
    for (id, name) in (100..).zip(expected.iter().rev()) {
        studio.staff(id, json!({"staff_name": name})).await;
    }

    let mut by_number = Vec::new();
    for page in 1..=4 {
        by_number.extend(studio.names(&format!("page={page}&page_size=7")).await.0);
    }
    let (mut by_cursor, mut query) = (Vec::new(), "page_size=7".to_owned());
    loop {
        let (names, next) = studio.names(&query).await;
        by_cursor.extend(names);
        let Some(cursor) = next.as_str() else { break };
        query = format!("page_size=5&cursor={cursor}");
        // Whoever comes meanwhile, before or behind the reader, moves nobody else.
        let id = 500 + by_cursor.len();
        studio.staff(id as u64, json!({"staff_name": "Ada"})).await;
        studio.staff(id as u64 + 100, json!({"staff_name": "Zoë"})).await;
    }

    assert_eq!(by_number, expected);
    by_cursor.retain(|name| name.starts_with("Name"));
    assert_eq!(by_cursor, expected);
    let first = studio.get("/staffs?page_size=7&search=name").await.ok();
    assert_eq!((&first["total"], &first["total_pages"], &first["page"]), (&json!(23), &json!(4), &json!(1)));
    let beyond = studio.get("/staffs?page=99&page_size=7").await.ok();
    assert_eq!((&beyond["items"], &beyond["next_cursor"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn a_cursor_is_of_one_business_and_one_search() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    for id in 1..=3 {
        studio.staff(id, json!({"staff_name": "\u{FDFA}".repeat(200)})).await;
    }
    let (_, cursor) = studio.names("page_size=1").await;
    let cursor = cursor.as_str().expect("a second page");

    assert_eq!(studio.names(&format!("page_size=2&cursor={cursor}")).await.0.len(), 2);
    for refused in [
        studio.get(&format!("/staffs?search=a&cursor={cursor}")).await,
        stranger.get(&format!("/staffs?cursor={cursor}")).await,
        studio.get("/staffs?cursor=x").await,
    ] {
        assert_eq!(refused.bad_fields(), [r#"["query","cursor"]"#]);
    }
    let bad = studio.get(&format!("/staffs?page=0&page_size=101&search={}", "a".repeat(201))).await;
    let named: BTreeSet<String> = bad.bad_fields().into_iter().collect();
    assert_eq!(named, ["page", "page_size", "search"].map(|name| format!(r#"["query","{name}"]"#)).into());
    assert_eq!(studio.get("/staffs?page=101&page_size=100").await.bad_fields(), [r#"["query","page"]"#]);
}

#[tokio::test]
async fn whoever_goes_is_out_within_seconds_and_comes_back_with_a_new_session_only() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    let old = studio.session(12).await;
    let read = async |token: &str| studio.as_session(token, Method::GET, "/staffs", json!({})).await.status;
    assert_eq!(read(&old).await, 200);

    studio.staff(12, json!({"staff_name": "Ada", "active": false})).await;
    app.clock.advance(FORGOTTEN);
    assert_eq!(read(&old).await, 401);
    assert_eq!(studio.begins_session(12).await.bad_fields(), [r#"["body","staff_id"]"#]);

    studio.staff(12, json!({"staff_name": "Ada", "active": true})).await;
    app.clock.advance(FORGOTTEN);
    assert_eq!(read(&old).await, 401);
    assert_eq!(read(&studio.session(12).await).await, 200);
    let unknown = studio.begins_session(13).await;
    assert_eq!(unknown.bad_fields(), [r#"["body","staff_id"]"#], "somebody unknown has no session");
}

#[tokio::test]
async fn what_somebody_may_is_what_the_directory_says_now() {
    let app = App::start().await;
    let studio = app.business().await;
    // A business that has an owner keeps one.
    studio.staff(11, json!({"staff_name": "Zoë", "role": "owner"})).await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    let token = studio.session(12).await;
    let write = async || {
        studio.as_session(&token, Method::PUT, "/staffs/13", json!({"staff_name": "Ben"})).await.status
    };
    for (role, status) in [("staff", 403), ("manager", 200), ("owner", 200), ("staff", 403)] {
        studio.staff(12, json!({"staff_name": "Ada", "role": role})).await;
        app.clock.advance(FORGOTTEN);
        assert_eq!(write().await, status, "{role}");
    }
}

#[tokio::test]
async fn the_conversations_of_whoever_goes_are_free_at_once_and_say_why() {
    let app = App::start().await;
    let studio = app.business().await;
    for id in [12, 13] {
        studio.staff(id, json!({"staff_name": "Ada"})).await;
    }
    studio.opens([1, 2], 12).await;
    studio.opens([3], 13).await;
    let resolved = send(studio.request(Method::POST, "/conversations/2/status?status=resolved")).await.ok();
    assert_eq!(resolved["applied"], true);
    assert_eq!((studio.count("assigned").await, studio.count("unassigned").await), (3, 0));

    studio.staff(12, json!({"staff_name": "Ada", "active": false})).await;

    assert_eq!((studio.count("assigned").await, studio.count("unassigned").await), (1, 2));
    for conversation in [1, 2] {
        let profile = studio.client(conversation).await;
        assert_eq!((&profile["assigned_to"], &profile["staff_name"]), (&Value::Null, &Value::Null));
        assert_eq!(profile["updated_by"], "system");
        let lines = studio.releases(conversation).await;
        assert_eq!(lines.len(), 1);
        for (name, value) in [("change", "assignee"), ("actor", "system"), ("from", "12")] {
            assert_eq!(lines[0][name], value, "{name}");
        }
        assert_eq!(lines[0]["to"], Value::Null);
    }
    assert_eq!(studio.client(2).await["status"], "resolved");
    assert_eq!(studio.assignee(3).await, "13");
    app.sweep().await;
    assert_eq!((studio.count("assigned").await, studio.count("unassigned").await), (1, 2));

    let refused = studio.assign(1, 12).await;
    assert_eq!(refused.bad_fields(), [r#"["query","staff_id"]"#]);
    assert_eq!(studio.assign(3, 12).await.status, 422);
    studio.staff(12, json!({"staff_name": "Ada", "active": true})).await;
    studio.assign(1, 12).await.ok();
    app.live(3 * MINUTE, MINUTE).await;
    assert_eq!(studio.assignee(1).await, "12");
}

#[tokio::test]
async fn the_sweeper_frees_what_the_call_did_not_get_to_and_then_looks_no_more() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    studio.opens(1..=230, 12).await;
    assert_eq!(studio.count("assigned").await, 230);

    studio.staff(12, json!({"staff_name": "Ada", "active": false})).await;
    assert_eq!((studio.count("assigned").await, studio.count("unassigned").await), (30, 200));
    app.sweep().await;
    assert_eq!((studio.count("assigned").await, studio.count("unassigned").await), (0, 230));

    // A change of the entry does not make the sweeper forget them.
    studio.staff(12, json!({"staff_name": "Ada King"})).await;
    for conversation in [1, 30, 31, 200, 201, 230] {
        assert_eq!(studio.releases(conversation).await.len(), 1, "{conversation}");
    }
    app.live(MINUTE + MINUTE, MINUTE).await;
    app.local.wire.clear();
    app.live(5 * MINUTE, MINUTE).await;
    assert_eq!(app.writes(), Vec::<String>::new());
    assert_eq!((studio.count("assigned").await, studio.count("unassigned").await), (0, 230));
}

/// Whatever died: the entry says that they are gone, every conversation is free, and its history says so once.
async fn everything_is_free(studio: &Business<'_>, context: &str) {
    studio.app.live(3 * MINUTE, MINUTE).await;
    assert_eq!(studio.get("/staffs/12").await.ok()["active"], false, "{context}");
    for conversation in TWO {
        assert_eq!(studio.assignee(conversation).await, Value::Null, "{context}");
        assert_eq!(studio.releases(conversation).await.len(), 1, "{context}");
    }
    assert_eq!((studio.count("assigned").await, studio.count("unassigned").await), (0, 2), "{context}");
    studio.app.local.wire.clear();
    studio.app.live(MINUTE, MINUTE).await;
    assert_eq!(studio.app.writes(), Vec::<String>::new(), "{context}");
}

#[tokio::test]
async fn a_deactivation_that_dies_is_finished_by_the_sweeper() {
    at_every_call(8, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        studio.staff(12, json!({"staff_name": "Ada"})).await;
        studio.opens(TWO, 12).await;

        let died = app.dies(n, when, app.local.router().oneshot(deactivation(&studio, 12))).await;

        if studio.get("/staffs/12").await.ok()["active"] == true {
            assert_eq!(studio.count("assigned").await, 2, "died at {n}, {when:?}");
            studio.staff(12, json!({"staff_name": "Ada", "active": false})).await;
        }
        everything_is_free(&studio, &format!("died at {n}, {when:?}")).await;
        died
    })
    .await;
}

/// A business in which somebody went, and the call did not get to any of their conversations. On the wire count the calls
/// of the sweeper that are about them: from the first look at their entry to the write of when to look again.
async fn left_to_the_sweeper(app: &App) -> Business<'_> {
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    studio.staff(13, json!({"staff_name": "Ben"})).await;
    studio.opens(TWO, 12).await;
    app.local.wire.fail("dynamodb", Some("Query"), usize::MAX, 400, REFUSAL);
    studio.staff(12, json!({"staff_name": "Ada", "active": false})).await;
    app.local.wire.heal();
    assert_eq!(studio.count("assigned").await, 2);
    let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
    app.local.wire.counts(move |_, operation| {
        begun.fetch_or(operation == "GetItem", Ordering::SeqCst);
        let last = begun.load(Ordering::SeqCst) && operation == "UpdateItem";
        begun.load(Ordering::SeqCst) && !over.fetch_or(last, Ordering::SeqCst)
    });
    studio
}

#[tokio::test]
async fn a_sweeper_that_dies_is_followed_by_one_that_finishes() {
    at_every_call(9, async |n, when| {
        let app = App::start().await;
        let studio = left_to_the_sweeper(&app).await;
        let died = app.dies(n, when, app.local.sweep()).await;
        everything_is_free(&studio, &format!("died at {n}, {when:?}")).await;
        died
    })
    .await;
}

#[tokio::test]
async fn sweepers_that_meet_free_each_conversation_once() {
    let app = App::start().await;
    let studio = left_to_the_sweeper(&app).await;

    let runs = join_all((0..4).map(|_| app.local.sweep())).await;

    assert!(runs.iter().all(Result::is_ok), "{runs:?}");
    everything_is_free(&studio, "four at once").await;
}

#[tokio::test]
async fn whoever_came_back_keeps_what_the_sweeper_did_not_get_to() {
    let app = App::start().await;
    let studio = left_to_the_sweeper(&app).await;

    studio.staff(12, json!({"staff_name": "Ada", "active": true})).await;
    app.live(3 * MINUTE, MINUTE).await;

    for conversation in TWO {
        assert_eq!(studio.assignee(conversation).await, "12");
        assert_eq!(studio.releases(conversation).await, Vec::<Value>::new());
    }
    studio.staff(12, json!({"staff_name": "Ada", "active": false})).await;
    everything_is_free(&studio, "gone again").await;
}

#[tokio::test]
async fn what_is_given_to_somebody_who_came_back_stays_theirs_whenever_the_sweeper_looks() {
    at_every_call(9, async |n, when| {
        let app = App::start().await;
        let studio = left_to_the_sweeper(&app).await;
        let halted = app.local.wire.halt_at(n, when);
        let mut run = std::pin::pin!(app.local.sweep());
        let reached = tokio::select! {
            biased;
            reached = halted.reached() => reached,
            _ = &mut run => false,
        };
        // While the sweeper waits for an answer, they come back and are given everything anew.
        studio.staff(12, json!({"staff_name": "Ada", "active": true})).await;
        for conversation in TWO {
            studio.assign(conversation, 13).await.ok();
            studio.assign(conversation, 12).await.ok();
        }
        app.local.wire.heal();
        if reached {
            run.await.expect("the sweeper goes on");
        }

        app.live(2 * MINUTE, MINUTE).await;
        for conversation in TWO {
            assert_eq!(studio.assignee(conversation).await, "12", "at {n}, {when:?}");
        }
        reached
    })
    .await;
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    app.clock.freeze();

    let changes = [
        json!({"staff_name": "Ada", "staff_gender": "female"}),
        json!({"staff_name": "Ada", "staff_email": "ada@example.com"}),
        json!({"staff_name": "Ada", "staff_phone_number": ADA}),
        json!({"staff_name": "Ada", "role": "owner"}),
        json!({"staff_name": "Ada", "location_ids": [3]}),
    ];
    let answers = join_all(changes.into_iter().map(|change| studio.put("/staffs/12", change))).await;

    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let ada = studio.get("/staffs/12").await.ok();
    assert_eq!((&ada["staff_gender"], &ada["staff_email"]), (&json!("female"), &json!("ada@example.com")));
    assert_eq!((&ada["staff_phone_number"], &ada["role"]), (&json!(ADA), &json!("owner")));
    assert_eq!(ada["location_ids"], json!([3]));
}
