//! Rocket.Chat's visitors: clients of the directory as a live chat asks for them and tells of them.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::{Answered, App, Business, names, send_raw};
use crate::faults::at_every_call;

const ADA: &str = "+14155550123";
const PATH: &str = "/api/v1/omnichannel/contact";
const SEARCH: &str = "/api/v1/omnichannel/contact.search";
/// Longer than a process believes what it read of a credential.
const FORGOTTEN: Duration = Duration::from_secs(6);

impl Business<'_> {
    /// The id of a client, as Rocket.Chat has it.
    pub fn global(&self, id: u64) -> String {
        format!("{:08x}{id:016x}", self.id)
    }

    async fn registers(&self, said: Value) -> Answered {
        self.program().post(self.app, PATH, said).await
    }

    /// Registers a visitor and returns their id.
    async fn registered(&self, said: Value) -> String {
        let answer = self.registers(said).await.ok();
        assert_eq!(names(&answer), ["contact", "success"]);
        answer["contact"].as_str().unwrap().to_owned()
    }

    async fn visitor(&self, id: &str) -> Value {
        let answer = self.program().get(self.app, &format!("{PATH}?contactId={id}")).await.ok();
        assert_eq!((names(&answer), &answer["success"]), (vec!["contact", "success"], &json!(true)));
        answer["contact"].clone()
    }

    /// What a search answers.
    async fn looks_for(&self, query: &str) -> Answered {
        self.program().get(self.app, &format!("{SEARCH}?{query}")).await
    }

    /// The name of whom a search finds.
    async fn finds(&self, query: &str) -> Value {
        let answer = self.looks_for(query).await.ok();
        assert_eq!((names(&answer), &answer["success"]), (vec!["contact", "success"], &json!(true)));
        answer["contact"]["name"].clone()
    }

    async fn clients_count(&self) -> Value {
        self.get("/clients").await.ok()["total"].clone()
    }
}

fn client_id(global: &str) -> u64 {
    u64::from_str_radix(&global[8..], 16).unwrap()
}

#[track_caller]
fn refused(answer: &Answered, body: &Value, why: &str) {
    assert_eq!((answer.status, &answer.body), (400, body), "{why}");
}

fn mismatch(message: &str) -> Value {
    json!({"success": false, "error": format!("Match error: {message}")})
}

fn coded(code: &str, reason: Option<&str>) -> Value {
    let reason = reason.map(|reason| format!("{reason} ")).unwrap_or_default();
    json!({"success": false, "error": format!("{reason}[{code}]"), "errorType": code})
}

#[tokio::test]
async fn a_visitor_is_shown_as_they_were_told_of() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let told = json!({
        "_id": "ignored", "token": "abc", "name": "Ada King", "email": " Ada@Example.com ", "phone": "(415) 555-0123",
        "username": "ada", "customFields": {"pet": "Cat"}, "contactManager": {"username": "12"},
    });
    let answer = send_raw(studio.program().request(&app, Method::POST, PATH).json(&told)).await;
    let id = serde_json::from_str::<Value>(&answer.1).unwrap()["contact"].as_str().unwrap().to_owned();
    assert_eq!(answer, (200, format!(r#"{{"contact":"{id}","success":true}}"#)));
    assert_eq!((id.len(), &id[..8]), (24, format!("{:08x}", studio.id).as_str()));

    let shown = studio.visitor(&id).await;

    let (ts, changed, chat) = (&shown["ts"], &shown["_updatedAt"], &shown["lastChat"]["ts"]);
    for instant in [ts, changed, chat] {
        let parsed = domain::Timestamp::parse(instant.as_str().unwrap()).unwrap();
        assert_eq!(json!(parsed.to_string()), *instant, "UTC with milliseconds");
    }
    assert!(ts.as_str() < changed.as_str(), "that somebody takes care of them is a change");
    let expected = json!({
        "_id": id, "username": "ada", "ts": ts, "token": "abc", "_updatedAt": changed,
        "contactManager": {"username": "12"}, "livechatData": {"pet": "Cat"}, "name": "Ada King",
        "phone": [{"phoneNumber": "(415) 555-0123"}], "visitorEmails": [{"address": "ada@example.com"}],
        "lastChat": {"_id": id, "ts": chat},
    });
    assert_eq!(shown, expected);
    let profile = studio.client(client_id(&id)).await;
    assert_eq!((&profile["client_phone_number"], &profile["assigned_to"]), (&json!(ADA), &json!("12")));
}

#[tokio::test]
async fn a_client_of_the_directory_is_a_visitor_and_what_is_not_known_is_left_out() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"first_name": "Ada", "last_name": "King"})).await.ok();
    let id = studio.global(7);
    let shown = studio.visitor(&id).await;
    let expected = json!({
        "_id": id, "username": "guest-7", "ts": shown["ts"], "token": id, "_updatedAt": shown["ts"], "name": "Ada King",
    });
    assert_eq!(shown, expected);
    // Whoever wrote before the directory named them is shown as well.
    studio.receives(ADA, "Hi").await;
    let found = studio.looks_for("phone=%2B14155550123").await.ok()["contact"].clone();
    assert_eq!(names(&found), ["_id", "_updatedAt", "lastChat", "phone", "token", "ts", "username"]);
    let directory = json!({"client_phone_number": ADA});
    studio.put("/clients/7", directory).await.ok();
    let merged = studio.visitor(found["_id"].as_str().unwrap()).await;
    assert_eq!((&merged["_id"], &merged["lastChat"]["_id"]), (&json!(id), &json!(id)), "one person");
}

#[tokio::test]
async fn an_id_of_nobody_is_answered_with_null() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    for business in [&studio, &other] {
        business.put("/clients/7", json!({"client_name": "Ada"})).await.ok();
    }
    studio.put("/clients/8", json!({"client_name": "Gone", "inactive": true})).await.ok();
    studio.put("/clients/9", json!({"client_name": "Erased"})).await.ok();
    studio.program().get(&app, &format!("{PATH}?contactId={}", studio.global(9))).await.ok();
    crate::app::send(studio.request(Method::DELETE, "/clients/9")).await;
    assert_eq!(studio.visitor(&studio.global(7)).await["name"], "Ada");
    for id in [
        "",
        "%20",
        "x",
        "7",
        "7ipCD6NDtkkRDCiNM",
        &"a".repeat(2_000),
        &studio.global(7).to_uppercase().replace('0', "O"),
        &studio.global(6),
        &studio.global(8),
        &studio.global(9),
        &other.global(7),
        "guest-7",
    ] {
        assert_eq!(studio.visitor(id).await, Value::Null, "{id}");
    }
}

#[tokio::test]
async fn parameters_are_refused_in_the_words_of_check() {
    let app = App::start().await;
    let studio = app.business().await;
    let object = "Expected string, got object in field contactId";
    for (query, message) in [
        ("", "Missing key 'contactId'"),
        ("?contactId[]=x", object),
        ("?contactId=x&contactId=y", object),
        ("?contactId[a]=x", object),
        ("?contactId=x&text=nel", "Unknown key in field text"),
        ("?text=nel", "Unknown key in field text"),
        ("?b=1&a=2", "Unknown key in field b"),
        ("?contactId[]=x&b=1", object),
        ("?not-a-word=1", r#"Unknown key in field ["not-a-word"]"#),
        ("?7=1", "Unknown key in field [7]"),
    ] {
        let answer = studio.program().get(&app, &format!("{PATH}{query}")).await;
        refused(&answer, &mismatch(message), query);
    }
    let maybe = |field: &str| {
        format!("Failed Match.OneOf, Match.Maybe or Match.Optional validation in field {field}")
    };
    for (query, message) in [
        ("text=nel", "Unknown key in field text".to_owned()),
        ("email[]=a", maybe("email")),
        ("phone[a]=a", maybe("phone")),
        ("custom=a&custom=b", maybe("custom")),
    ] {
        refused(&studio.looks_for(query).await, &mismatch(&message), query);
    }
    for (said, message) in [
        (json!({}), "Missing key 'token'".to_owned()),
        (json!([]), "Missing key 'token'".to_owned()),
        (json!({"token": "t"}), "Missing key 'name'".to_owned()),
        (json!({"name": "Ada"}), "Missing key 'token'".to_owned()),
        (json!({"token": 1}), "Expected string, got number in field token".to_owned()),
        (json!({"token": null}), "Expected string, got null in field token".to_owned()),
        (json!({"token": true}), "Expected string, got boolean in field token".to_owned()),
        (json!({"token": ["a"]}), "Expected string, got object in field token".to_owned()),
        (json!({"token": "t", "name": 1}), "Expected string, got number in field name".to_owned()),
        (json!({"text": "nel"}), "Unknown key in field text".to_owned()),
        (json!({"token": "t", "name": "n", "email": 1}), maybe("email")),
        (json!({"token": "t", "name": "n", "customFields": []}), maybe("customFields")),
        (json!({"token": "t", "name": "n", "contactManager": "12"}), maybe("contactManager")),
        (json!({"token": "t", "name": "n", "contactManager": {}}), maybe("contactManager")),
        (
            json!({"token": "t", "name": "n", "contactManager": {"username": "1", "x": 1}}),
            maybe("contactManager"),
        ),
    ] {
        refused(&studio.registers(said.clone()).await, &mismatch(&message), &said.to_string());
    }
    let no_json = studio.program().request(&app, Method::POST, PATH).body("token=a");
    refused(&crate::app::send(no_json).await, &mismatch("Missing key 'token'"), "no JSON");
    assert_eq!(studio.clients_count().await, 0);
}

#[tokio::test]
async fn staff_look_and_those_above_them_tell_and_that_comes_before_the_parameters() {
    let app = App::start().await;
    let studio = app.business().await;
    let ada = json!({"token": "t", "name": "Ada"});
    let denied = json!({"success": false,
        "error": "User does not have the permissions required for this action [error-unauthorized]"});
    for (id, role, status) in [(1, "owner", 200), (2, "manager", 200), (3, "staff", 403)] {
        studio.staff(id, json!({"staff_name": "Zoë", "role": role})).await;
        let user = studio.logs_in(id).await;
        let answer = user.post(&app, PATH, ada.clone()).await;
        assert_eq!(answer.status, status, "{role}");
        if status == 403 {
            for said in [ada.clone(), json!({}), json!({"text": "nel"})] {
                assert_eq!(user.post(&app, PATH, said).await.body, denied);
            }
        }
        assert_eq!(user.get(&app, &format!("{PATH}?contactId=x")).await.status, 200);
        assert_eq!(user.get(&app, &format!("{SEARCH}?email=x")).await.status, 200);
        assert_eq!(user.get(&app, PATH).await.status, 400);
    }
}

#[tokio::test]
async fn a_token_finds_its_visitor_before_a_mail_address_does() {
    let app = App::start().await;
    let studio = app.business().await;
    let first = studio.registered(json!({"token": "one", "name": "Ada", "email": "ada@example.com"})).await;
    let second = studio.registered(json!({"token": "two", "name": "Ben"})).await;
    assert_ne!(first, second);

    // The token first, whatever the address.
    let said = json!({"token": "two", "name": "Ben", "email": "ADA@example.com"});
    assert_eq!(studio.registered(said).await, second);
    studio.registered(json!({"token": "two", "name": "Ben"})).await;
    // Then the address, and the token is another one from then on.
    let said = json!({"token": "three", "name": "Ada", "email": "ADA@example.com", "username": "ada"});
    assert_eq!(studio.registered(said).await, first);
    let shown = studio.visitor(&first).await;
    assert_eq!(shown["token"], "three");
    assert_eq!(shown["username"], format!("guest-{}", client_id(&first)), "they are not new");
    // What was theirs before is nobody's, and makes somebody new.
    let third = studio.registered(json!({"token": "one", "name": "Cyd"})).await;
    assert!(third != first && third != second);
    assert_eq!(studio.registered(json!({"token": "one", "name": "Cyd"})).await, third);
    assert_eq!(studio.visitor(&first).await["name"], "Ada");
    assert_eq!(studio.clients_count().await, 3);

    // Another business's tokens are its own.
    let other = app.business().await;
    let theirs = other.registered(json!({"token": "one", "name": "Dee", "email": "ada@example.com"})).await;
    assert_eq!(&theirs[..8], &other.global(0)[..8]);
    assert_eq!((studio.clients_count().await, other.clients_count().await), (json!(3), json!(1)));
}

#[tokio::test]
async fn clients_who_were_never_in_a_chat_are_found_by_address_and_by_id() {
    let app = App::start().await;
    let studio = app.business().await;
    let entry = json!({"client_name": "Ada", "client_email": "Ada@Example.com", "client_phone_number": ADA});
    studio.put("/clients/7", entry).await.ok();
    let id = studio.global(7);
    // Their id is their token as long as they have no other.
    assert_eq!(studio.registered(json!({"token": id, "name": "Ada", "email": "ada@example.com"})).await, id);
    assert_eq!(studio.registered(json!({"token": "t", "name": "Ada", "email": "ada@example.com"})).await, id);
    assert_eq!(studio.visitor(&id).await["token"], "t");
    assert_ne!(studio.registered(json!({"token": id, "name": "Ben"})).await, id, "they have another one now");

    // Whoever wrote before anybody named them is the same person.
    studio.receives("+14155550199", "Hi").await;
    let new = studio.registered(json!({"token": "u", "name": "Cyd", "phone": "+1 415 555 0199"})).await;
    assert!(studio.visitor(&new).await["lastChat"].is_object());
    assert_eq!(studio.clients_count().await, 3);

    // Those who are no clients any more are not taken for somebody who comes.
    studio.put("/clients/7", json!({"inactive": true})).await.ok();
    let anew = studio.registered(json!({"token": "t", "name": "Ada", "email": "ada@example.com"})).await;
    assert_ne!(anew, id);
    studio.put(&format!("/clients/{}", client_id(&anew)), json!({"inactive": true})).await.ok();
    let third = studio.registered(json!({"token": "t", "name": "Ada", "email": "ada@example.com"})).await;
    assert_ne!(third, anew);
    assert_eq!(
        studio.registered(json!({"token": "t", "name": "Ada", "email": "ada@example.com"})).await,
        third
    );
}

#[tokio::test]
async fn what_is_left_out_is_kept_or_goes_as_each_field_has_it() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let full = json!({
        "token": "t", "name": "Ada", "email": "ada@example.com", "phone": "415 555 0123", "username": "ada",
        "customFields": {"pet": "Cat", "town": "Oslo"}, "contactManager": {"username": "12"},
    });
    let id = studio.registered(full.clone()).await;
    let after = async |more: Value| {
        studio.registered(full.clone()).await;
        let mut said = json!({"token": "t", "name": "Ada"});
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(studio.registered(said).await, id);
        studio.visitor(&id).await
    };
    let gone = |shown: &Value, field: &str| !names(shown).contains(&field);

    let bare = after(json!({})).await;
    assert!(gone(&bare, "visitorEmails") && gone(&bare, "contactManager"), "{bare}");
    assert_eq!(bare["phone"], json!([{"phoneNumber": "415 555 0123"}]));
    assert_eq!(
        (&bare["username"], &bare["livechatData"]),
        (&json!("ada"), &json!({"pet": "Cat", "town": "Oslo"}))
    );
    assert_eq!(studio.finds("email=ada%40example.com").await, Value::Null, "it leads to nobody");

    let emptied =
        after(json!({"email": " ", "phone": "", "contactManager": {"username": ""}, "customFields": {}}))
            .await;
    assert!(
        ["visitorEmails", "contactManager", "phone"].iter().all(|field| gone(&emptied, field)),
        "{emptied}"
    );
    assert_eq!(emptied["livechatData"], json!({"pet": "Cat", "town": "Oslo"}));
    assert_eq!(studio.client(client_id(&id)).await["client_phone_number"], Value::Null);

    let nulls =
        json!({"email": null, "phone": null, "contactManager": null, "customFields": null, "username": null});
    let nulls = after(nulls).await;
    assert_eq!((gone(&nulls, "visitorEmails"), gone(&nulls, "phone")), (true, false));

    let fields =
        json!({"customFields": {"pet": "Dog", "a b": "x", "n": 1, "long": "x".repeat(501), "new": "y"}});
    let merged = after(fields).await;
    assert_eq!(merged["livechatData"], json!({"pet": "Dog", "town": "Oslo", "new": "y"}));

    // What cannot be called is shown, and leads to nobody.
    let uncalled = after(json!({"phone": "ask 4155550123 at home"})).await;
    assert_eq!(uncalled["phone"], json!([{"phoneNumber": "ask 4155550123 at home"}]));
    assert_eq!(studio.client(client_id(&id)).await["client_phone_number"], Value::Null);
    assert_eq!(studio.finds("phone=ask+4155550123+at+home").await, "Ada");

    studio
        .registered(json!({"token": "t", "name": "Ada Lovelace", "contactManager": {"username": "12"}}))
        .await;
    let row = studio.inbox("search=lovelace").await;
    assert_eq!(row["items"][0]["client_name"], "Ada Lovelace", "conversations have the new name");
    let unnamed = studio.registered(json!({"token": "t", "name": ""})).await;
    assert_eq!(studio.visitor(&unnamed).await["name"], "Ada Lovelace");
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_before_anything_is() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Gone", "active": false})).await;
    let data = "error-invalid-contact-data";
    let managed =
        |username: &str| json!({"token": "t", "name": "Ada", "contactManager": {"username": username}});
    for (said, expected) in [
        (json!({"token": "", "name": "Ada"}), coded(data, Some("Invalid visitor token"))),
        (managed("99"), coded("error-contact-manager-not-found", Some("No user found with username 99"))),
        (managed("zoë"), coded("error-contact-manager-not-found", Some("No user found with username zoë"))),
        (
            managed("12"),
            coded(
                "error-invalid-contact-manager",
                Some("The contact manager must have the role \"livechat-agent\""),
            ),
        ),
        (
            json!({"token": "t".repeat(81), "name": "Ada"}),
            coded(data, Some("The token is longer than 80 characters")),
        ),
        (
            json!({"token": "t", "name": "é".repeat(201)}),
            coded(data, Some("The name is longer than 200 characters")),
        ),
        (
            json!({"token": "t", "name": "Ada", "phone": "1".repeat(65)}),
            coded(data, Some("The phone is longer than 64 characters")),
        ),
        (
            json!({"token": "t", "name": "Ada", "email": "a".repeat(255)}),
            coded(data, Some("The email is longer than 254 characters")),
        ),
        (
            json!({"token": "t", "name": "Ada", "username": "a".repeat(201)}),
            coded(data, Some("The username is longer than 200 characters")),
        ),
    ] {
        refused(&studio.registers(said.clone()).await, &expected, &said.to_string());
    }
    assert_eq!(studio.clients_count().await, 0);
    let most = json!({"token": "é".repeat(80), "name": "é".repeat(200), "phone": "1".repeat(64)});
    let id = studio.registered(most.clone()).await;
    assert_eq!(studio.registered(most).await, id);
}

#[tokio::test]
async fn a_search_finds_whoever_has_all_that_is_asked_for() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    let ada = json!({"token": "a", "name": "Ada", "email": "Ada@Example.com", "phone": "+1 (415) 555-0123",
                     "customFields": {"pet": "Grey Cat", "town": "Zürich"}});
    studio.registered(ada.clone()).await;
    other.registered(ada).await;
    let ben = json!({"token": "b", "name": "Ben", "email": "ben@example.com", "phone": "415-555-0150",
                     "customFields": {"pet": "dog"}});
    studio.registered(ben).await;
    // One address, two people: the one with the smaller id is found, unless more is asked for.
    studio.put("/clients/8", json!({"client_name": "Kid", "client_email": "BEN@example.com"})).await.ok();
    studio
        .put(
            "/clients/7",
            json!({"client_name": "Gone", "client_email": "ben@example.com", "inactive": true}),
        )
        .await
        .ok();
    studio
        .put("/clients/9", json!({"client_name": "Cyd", "client_phone_number": "(415) 555-0160"}))
        .await
        .ok();
    other.put("/clients/6", json!({"client_name": "Far", "client_email": "far@example.com"})).await.ok();

    for (query, found) in [
        ("email=ada%40example.com", "Ada"),
        ("email=Ada%40Example.com", "-"),
        ("email=ada%40example.co", "-"),
        ("email=far%40example.com", "-"),
        ("phone=%2B1%20(415)%20555-0123", "Ada"),
        // What is not encoded is a space.
        ("phone=+1+(415)+555-0123", "-"),
        ("phone=%2B14155550123", "-"),
        ("phone=415-555-0150", "Ben"),
        ("phone=0150", "-"),
        ("phone=(415)%20555-0160", "Cyd"),
        ("email=ben%40example.com", "Kid"),
        ("email=ben%40example.com&phone=415-555-0150", "Ben"),
        ("email=ada%40example.com&phone=415-555-0150", "-"),
        ("email=&phone=415-555-0150", "Ben"),
        (r#"custom={"pet":"cat"}"#, "Ada"),
        (r#"custom={"pet":"GREY C"}"#, "Ada"),
        (r#"custom={"town":"züri"}"#, "Ada"),
        (r#"custom={"pet":"d"}"#, "Ben"),
        (r#"custom={"pet":"cow"}"#, "-"),
        (r#"custom={"pe":"cat"}"#, "-"),
        (r#"custom={"pet":"cat","town":"rich"}"#, "Ada"),
        (r#"custom={"pet":"dog","town":"rich"}"#, "-"),
        (r#"custom={"nope":"cat"}"#, "-"),
        (r#"custom={"no%20name":"cat"}"#, "-"),
        (r#"custom={"no%20name":"x","pet":"dog"}"#, "Ben"),
        (r#"email=ben%40example.com&custom={"pet":"dog"}"#, "Ben"),
        (r#"email=ada%40example.com&custom={"pet":"dog"}"#, "-"),
        (r#"custom={"pet":"Cat%23"}"#, "-"),
    ] {
        let expected = if found == "-" { Value::Null } else { json!(found) };
        assert_eq!(studio.finds(query).await, expected, "{query}");
    }
    let by_email = studio.looks_for("email=ada%40example.com").await.ok()["contact"].clone();
    assert_eq!(by_email, studio.visitor(by_email["_id"].as_str().unwrap()).await, "the same record");
    for (query, code) in [
        ("", "error-invalid-params"),
        ("email=", "error-invalid-params"),
        ("email=&phone=&custom=", "error-invalid-params"),
        ("custom={}", "error-invalid-params"),
        ("custom=null", "error-invalid-params"),
        ("custom=5", "error-invalid-params"),
        ("custom=x", "error-invalid-params-custom"),
        ("custom={", "error-invalid-params-custom"),
        ("email=ada%40example.com&custom={", "error-invalid-params-custom"),
        (r#"custom={"pet":5}"#, "error-invalid-params-custom"),
    ] {
        refused(&studio.looks_for(query).await, &coded(code, None), query);
    }
}

#[tokio::test]
async fn what_is_kept_is_searched_as_far_as_it_changes() {
    let app = App::start().await;
    let studio = app.business().await;
    let say = async |pet: &str| {
        studio.registered(json!({"token": "t", "name": "Ada", "customFields": {"pet": pet}})).await
    };
    say("cat").await;
    assert_eq!(studio.finds(r#"custom={"pet":"cat"}"#).await, "Ada");
    let id = say(&format!("dog {} fish", "x".repeat(80))).await;
    assert_eq!(studio.finds(r#"custom={"pet":"cat"}"#).await, Value::Null);
    assert_eq!(studio.finds(r#"custom={"pet":"dog"}"#).await, "Ada");
    crate::app::send(studio.request(Method::DELETE, &format!("/clients/{}", client_id(&id)))).await;
    assert_eq!(studio.finds(r#"custom={"pet":"dog"}"#).await, Value::Null);
}

#[tokio::test]
async fn calls_that_race_make_one_visitor() {
    let app = App::start().await;
    let studio = app.business().await;
    for round in 0..5 {
        let said = |n: u64| {
            json!({"token": format!("t{round}"), "name": format!("Name {n}"),
                   "email": format!("a{round}@example.com"), "customFields": {format!("f{n}"): "x"}})
        };
        let made = join_all((0..6).map(|n| studio.registers(said(n)))).await;
        let ids: Vec<Value> = made.into_iter().map(|answer| answer.ok()["contact"].clone()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        let shown = studio.visitor(ids[0].as_str().unwrap()).await;
        assert_eq!(names(&shown["livechatData"]), ["f0", "f1", "f2", "f3", "f4", "f5"], "nothing is lost");
        assert_eq!(studio.clients_count().await, round + 1);
    }
}

#[tokio::test]
async fn a_call_that_dies_and_is_made_again_makes_one_visitor() {
    at_every_call(8, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        studio.staff(12, json!({"staff_name": "Zoë"})).await;
        let said = json!({"token": "t", "name": "Ada", "email": "ada@example.com", "phone": ADA,
                          "contactManager": {"username": "12"}});
        let program = studio.program();
        let call = Request::post(PATH)
            .header("x-auth-token", &program.token)
            .header("x-user-id", &program.id)
            .body(Body::from(said.to_string()))
            .unwrap();
        let died = app.dies(n, when, app.local.router().oneshot(call)).await;
        app.clock.advance(FORGOTTEN);

        let id = studio.registered(said).await;

        let at = format!("died at {n}, {when:?}");
        assert_eq!(studio.clients_count().await, 1, "{at}");
        let found = studio.looks_for("email=ada%40example.com").await.ok()["contact"].clone();
        assert_eq!((&found["_id"], &found["contactManager"]["username"]), (&json!(id), &json!("12")), "{at}");
        studio.receives(ADA, "Hi").await;
        assert_eq!(studio.client(client_id(&id)).await["unread_messages_count"], 1, "{at}");
        died
    })
    .await;
}

#[tokio::test]
async fn what_it_costs_to_look_for_a_visitor() {
    let app = App::start().await;
    app.clock.freeze();
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let said = json!({"token": "t", "name": "Ada", "email": "ada@example.com", "phone": ADA,
                      "customFields": {"pet": "cat"}, "contactManager": {"username": "12"}});
    let id = studio.registered(said.clone()).await;
    let costs = async |path: &str| {
        app.local.wire.clear();
        studio.program().get(&app, path).await.ok();
        app.local.wire.operations("dynamodb")
    };
    assert_eq!(costs(&format!("{PATH}?contactId={id}")).await, ["GetItem"]);
    assert_eq!(costs(&format!("{PATH}?contactId=x")).await, Vec::<String>::new(), "it cannot be anybody's");
    for query in ["email=ada%40example.com", "phone=%2B14155550123", r#"custom={"pet":"a"}"#] {
        assert_eq!(costs(&format!("{SEARCH}?{query}")).await, ["Query", "BatchGetItem"], "{query}");
    }
    assert_eq!(costs(&format!("{SEARCH}?email=x")).await, ["Query"]);
    app.local.wire.clear();
    studio.registered(said).await;
    let mut expected = vec!["GetItem", "Query", "BatchGetItem", "GetItem"];
    // Who else has the number, and the mailbox.
    expected.extend(["Query", "GetItem", "Query", "GetItem", "TransactWriteItems"]);
    assert_eq!(
        app.local.wire.operations("dynamodb"),
        expected,
        "the manager, the visitor, and what leads to them"
    );
}
