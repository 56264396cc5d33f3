//! Contacts as clients of Rocket.Chat use them: `/api/v1/omnichannel/contacts` and its family.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};
use crate::desk::rows;
use crate::faults::at_every_call;

pub const ADA: &str = "+14155550123";
const NOBODY: &str = "/omnichannel/contacts.get?contactId=nobody";

/// Somebody who speaks with omega as with Rocket.Chat.
pub struct Rocket<'a> {
    pub studio: &'a Business<'a>,
    token: String,
    user: String,
}

/// A thing of a business, as the interface names it.
pub fn global(studio: &Business<'_>, id: u64) -> String {
    format!("{:08x}{id:016x}", studio.id)
}

impl Business<'_> {
    /// A program, with the key of the business.
    pub async fn rocket(&self) -> Rocket<'_> {
        let keys = self.get("/api-keys").await.ok();
        let user = rows(&keys)[0]["key_id"].as_str().unwrap().to_owned();
        Rocket { studio: self, token: self.key.clone(), user }
    }

    /// A member of the staff.
    pub async fn rocket_of(&self, staff: u64) -> Rocket<'_> {
        Rocket { studio: self, token: self.session(staff).await, user: global(self, staff) }
    }
}

impl Rocket<'_> {
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let app = self.studio.app;
        let call = reqwest::Client::new().request(method, format!("{}/api/v1{path}", app.origin()));
        call.header("X-Auth-Token", &self.token).header("X-User-Id", &self.user)
    }

    pub async fn get(&self, path: &str) -> Answered {
        send(self.call(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answered {
        send(self.call(Method::POST, path).json(&body)).await
    }

    /// Makes a contact and returns the id.
    pub async fn makes(&self, contact: Value) -> String {
        let made = self.post("/omnichannel/contacts", contact).await.ok();
        made["contactId"].as_str().unwrap().to_owned()
    }

    /// A contact.
    pub async fn contact(&self, id: &str) -> Value {
        self.get(&format!("/omnichannel/contacts.get?contactId={id}")).await.ok()["contact"].clone()
    }

    /// The names that a search finds, and how many there are.
    async fn finds(&self, query: &str) -> (Vec<String>, u64) {
        let page = self.get(&format!("/omnichannel/contacts.search?{query}")).await.ok();
        let contacts = page["contacts"].as_array().unwrap();
        assert_eq!(page["count"], contacts.len(), "{page}");
        let names = contacts.iter().map(|contact| contact["name"].as_str().unwrap().to_owned()).collect();
        (names, page["total"].as_u64().unwrap())
    }
}

/// What a refused call is answered.
#[track_caller]
pub fn refused(answer: Answered, status: u16, error: &str) {
    assert_eq!((answer.status, &answer.body), (status, &json!({"success": false, "error": error})));
}

/// What a call with wrong parameters is answered.
#[track_caller]
fn invalid(answer: Answered, error: &str) {
    let error = format!("{error} [invalid-params]");
    let body = json!({"success": false, "error": error, "errorType": "invalid-params"});
    assert_eq!((answer.status, answer.body), (400, body));
}

fn ada() -> Value {
    json!({"name": "Ada King", "emails": [" Ada@Example.com ", "king@example.com"], "phones": ["(415) 555-0123"]})
}

fn nobody() -> Value {
    json!({"name": "Ada", "emails": [], "phones": []})
}

#[tokio::test]
async fn a_contact_is_made_and_shown_as_a_whole() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let rocket = studio.rocket().await;
    let mut asked = ada();
    asked["customFields"] = json!({"plan": "gold", "since": "2020"});
    asked["contactManager"] = json!(global(&studio, 12));
    asked["phones"] = json!(["(415) 555-0123", "ask Zoë", "+14155550124"]);

    let made = rocket.post("/omnichannel/contacts", asked).await;

    assert_eq!(made.header("content-type"), Some("application/json"));
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert_eq!(made.header("pragma"), Some("no-cache"));
    let made = made.ok();
    let id = made["contactId"].as_str().unwrap();
    assert_eq!(made, json!({"contactId": id, "success": true}));
    assert_eq!(id.len(), 24);
    let answer = rocket.get(&format!("/omnichannel/contacts.get?contactId={id}")).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = answer.ok();
    let chat = &answer["contact"]["lastChat"];
    let channel = |kind: &str, field: &str, address: &str| {
        json!({
            "name": kind, "verified": false, "blocked": false, "field": field, "value": address,
            "visitor": {"visitorId": id, "source": {"type": kind}},
            "details": {"type": kind, "destination": address},
        })
    };
    let expected = json!({
        "contact": {
            "_id": id,
            "name": "Ada King",
            "createdAt": answer["contact"]["createdAt"],
            "_updatedAt": answer["contact"]["_updatedAt"],
            "emails": [{"address": "ada@example.com"}, {"address": "king@example.com"}],
            "phones": [
                {"phoneNumber": "(415) 555-0123"}, {"phoneNumber": "ask Zoë"}, {"phoneNumber": "+14155550124"},
            ],
            "channels": [
                channel("sms", "phone", ADA),
                channel("sms", "phone", "+14155550124"),
                channel("email", "email", "ada@example.com"),
                channel("email", "email", "king@example.com"),
            ],
            "customFields": {"plan": "gold", "since": "2020"},
            "unknown": false,
            "preRegistration": false,
            "conflictingFields": [],
            "contactManager": global(&studio, 12),
            "lastChat": {"_id": id, "ts": chat["ts"]},
        },
        "success": true,
    });
    assert_eq!(answer, expected);
    for time in [&answer["contact"]["createdAt"], &answer["contact"]["_updatedAt"], &chat["ts"]] {
        let time = time.as_str().unwrap();
        assert!(time.starts_with("2026-01-31T12:00:") && time.ends_with('Z') && time.len() == 24, "{time}");
    }
}

#[tokio::test]
async fn what_is_not_known_of_a_contact_is_left_out() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let id = rocket.makes(nobody()).await;
    let contact = rocket.contact(&id).await;
    let names = [
        "_id",
        "_updatedAt",
        "channels",
        "conflictingFields",
        "createdAt",
        "customFields",
        "emails",
        "name",
        "phones",
        "preRegistration",
        "unknown",
    ];
    assert_eq!(crate::app::names(&contact), names);
}

#[tokio::test]
async fn somebody_who_wrote_is_an_unknown_contact_until_they_are_changed() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    studio.receives(ADA, "Hi").await;
    let page = rocket.get("/omnichannel/contacts.search?unknown=true").await.ok();
    let contact = &page["contacts"][0];
    let id = contact["_id"].as_str().unwrap();
    assert_eq!((&contact["name"], &contact["unknown"]), (&json!(ADA), &json!(true)));
    assert_eq!(contact["channels"][0]["lastChat"], contact["lastChat"]);
    assert_eq!(contact["lastChat"]["_id"], id);

    let change = json!({"contactId": id, "name": "Ada"});
    let changed = rocket.post("/omnichannel/contacts.update", change).await.ok();

    assert_eq!((&changed["contact"]["name"], &changed["contact"]["unknown"]), (&json!("Ada"), &json!(false)));
    assert_eq!(changed["success"], true);
    assert_eq!(rocket.finds("unknown=true").await, (vec![], 0));
    assert_eq!(rocket.finds("").await, (vec!["Ada".to_owned()], 1));
}

#[tokio::test]
async fn an_update_changes_what_is_sent_and_nothing_else() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.staff(13, json!({"staff_name": "Eve"})).await;
    let rocket = studio.rocket().await;
    let mut asked = ada();
    asked["customFields"] = json!({"plan": "gold"});
    let id = rocket.makes(asked).await;
    let update = async |mut change: Value| {
        app.clock.advance(Duration::from_secs(1));
        change["contactId"] = json!(id);
        rocket.post("/omnichannel/contacts.update", change).await.ok()["contact"].clone()
    };
    let before = rocket.contact(&id).await;
    let same = |mut now: Value, changed: &[&str]| {
        for name in changed.iter().chain(&["_updatedAt"]) {
            now[*name] = before[*name].clone();
        }
        assert_eq!(now, before, "{changed:?}");
    };
    same(update(json!({})).await, &[]);
    same(
        update(json!({"emails": null, "phones": "", "customFields": null, "wipeConflicts": true})).await,
        &[],
    );
    let renamed = update(json!({"name": 7})).await;
    assert_eq!(renamed["name"], "7");
    same(renamed, &["name"]);
    let fields = update(json!({"name": "Ada King", "customFields": {"vip": "yes"}})).await;
    assert_eq!(fields["customFields"], json!({"vip": "yes"}));
    same(fields, &["customFields"]);
    let mailed = update(json!({"customFields": {"plan": "gold"}, "emails": ["new@example.com"]})).await;
    assert_eq!(mailed["emails"], json!([{"address": "new@example.com"}]));
    same(mailed, &["emails", "channels"]);
    let none = update(json!({"emails": [], "phones": []})).await;
    assert_eq!((&none["emails"], &none["phones"], &none["channels"]), (&json!([]), &json!([]), &json!([])));
    let managed = update(json!({"contactManager": global(&studio, 12)})).await;
    assert_eq!(managed["contactManager"], global(&studio, 12));
    let managed = update(json!({"contactManager": global(&studio, 13)})).await;
    assert_eq!(managed["contactManager"], global(&studio, 13));
    assert_eq!(update(json!({"name": "A"})).await["contactManager"], global(&studio, 13));
    for nobody in [json!(""), Value::Null] {
        update(json!({"contactManager": global(&studio, 13)})).await;
        assert_eq!(update(json!({"contactManager": nobody})).await.get("contactManager"), None);
    }
}

#[tokio::test]
async fn every_address_of_a_contact_leads_to_them() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let mut asked = ada();
    asked["phones"] = json!([ADA, "+14155550124"]);
    let id = rocket.makes(asked).await;
    studio.receives("+14155550124", "Hi").await;
    assert_eq!(rocket.finds("unknown=true").await.1, 0);
    assert!(rocket.contact(&id).await["lastChat"].is_object());
}

#[tokio::test]
async fn nobody_takes_care_of_a_contact_who_is_not_there_and_nothing_is_written() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    studio.staff(12, json!({"staff_name": "Zoë", "active": false})).await;
    other.staff(13, json!({"staff_name": "Eve"})).await;
    let rocket = studio.rocket().await;
    let id = rocket.makes(nobody()).await;
    for manager in [global(&studio, 12), global(&studio, 13), global(&other, 13), "12".to_owned()] {
        let mut asked = ada();
        asked["contactManager"] = json!(manager);
        app.local.wire.clear();
        refused(rocket.post("/omnichannel/contacts", asked).await, 400, "error-contact-manager-not-found");
        let change = json!({"contactId": id, "name": "Changed", "contactManager": manager});
        let answer = rocket.post("/omnichannel/contacts.update", change).await;
        refused(answer, 400, "error-contact-manager-not-found");
        assert_eq!(app.writes(), Vec::<String>::new(), "{manager}");
    }
    assert_eq!(rocket.finds("").await, (vec!["Ada".to_owned()], 1));
}

#[tokio::test]
async fn custom_fields_have_plain_names_and_are_texts() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let id = rocket.makes(nobody()).await;
    let many: serde_json::Map<String, Value> = (0..11).map(|n| (format!("f{n:02}"), json!("x"))).collect();
    for (fields, error) in [
        (json!({"no spaces": "x"}), "Custom field no spaces is not allowed"),
        (json!({"": "x"}), "Custom field  is not allowed"),
        (Value::Object(many), "Custom field f10 is not allowed"),
        (json!({"plan": 7}), "Invalid value for plan field"),
        (json!({"plan": null}), "Invalid value for plan field"),
        (json!({"plan": "x".repeat(501)}), "Invalid value for plan field"),
    ] {
        let mut asked = nobody();
        asked["customFields"] = fields.clone();
        refused(rocket.post("/omnichannel/contacts", asked).await, 400, error);
        let change = json!({"contactId": id, "customFields": fields});
        refused(rocket.post("/omnichannel/contacts.update", change).await, 400, error);
    }
    assert_eq!(rocket.finds("").await.1, 1);
}

#[tokio::test]
async fn nobody_and_the_contact_of_another_business_are_answered_alike() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    let rocket = studio.rocket().await;
    let theirs = other.rocket().await.makes(ada()).await;
    let erased = rocket.makes(ada()).await;
    let done = rocket.post("/omnichannel/contacts.delete", json!({"contactId": erased})).await.ok();
    assert_eq!(done, json!({"success": true}));
    let not_found = "error-contact-not-found";
    for id in [theirs.as_str(), &erased, "nobody", "7ipCD6NDtkkRDCiNM", &global(&studio, 7)] {
        let get =
            async |route: &str| rocket.get(&format!("/omnichannel/contacts.{route}?contactId={id}")).await;
        let post = async |route: &str| {
            rocket.post(&format!("/omnichannel/contacts.{route}"), json!({"contactId": id})).await
        };
        refused(get("get").await, 404, "Resource not found");
        refused(get("history").await, 400, not_found);
        assert_eq!(get("channels").await.ok(), json!({"channels": [], "success": true}));
        assert_eq!(get("checkExistence").await.ok(), json!({"exists": false, "success": true}));
        refused(post("update").await, 400, not_found);
        refused(post("conflicts").await, 400, not_found);
        refused(post("delete").await, 404, not_found);
        for route in ["block", "unblock"] {
            let pair = json!({"visitor": {"visitorId": id, "source": {"type": "sms"}}});
            refused(rocket.post(&format!("/omnichannel/contacts.{route}"), pair).await, 400, not_found);
        }
    }
    for address in ["email=ada@example.com", "phone=%2B14155550123"] {
        let answer = rocket.get(&format!("/omnichannel/contacts.checkExistence?{address}")).await.ok();
        assert_eq!(answer["exists"], false);
    }
    assert_eq!(rocket.finds("searchText=Ada").await, (vec![], 0));
    assert_eq!(rocket.finds("").await, (vec![], 0));
    assert_eq!(other.rocket().await.contact(&theirs).await["name"], "Ada King");
}

#[tokio::test]
async fn a_contact_without_conflicts_says_so() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let id = rocket.makes(ada()).await;
    let answer = rocket.post("/omnichannel/contacts.conflicts", json!({"contactId": id})).await;
    refused(answer, 400, "error-contact-has-no-conflicts");
}

#[tokio::test]
async fn a_contact_exists_by_id_any_address_and_any_spelling() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let mut asked = ada();
    asked["phones"] = json!(["(415) 555-0123", "415-555-0124", "ext 12"]);
    let id = rocket.makes(asked).await;
    for (query, exists) in [
        (format!("contactId={id}"), true),
        ("email=ada@example.com".to_owned(), true),
        ("email=KING@example.com".to_owned(), true),
        ("email=nobody@example.com".to_owned(), false),
        ("phone=%2B14155550123".to_owned(), true),
        ("phone=%28415%29%20555-0124".to_owned(), true),
        ("phone=ext%2012".to_owned(), true),
        ("phone=%2B14155550199".to_owned(), false),
    ] {
        let answer = rocket.get(&format!("/omnichannel/contacts.checkExistence?{query}")).await.ok();
        assert_eq!(answer, json!({"exists": exists, "success": true}), "{query}");
    }
}

#[tokio::test]
async fn channels_are_those_of_the_contact_and_a_call_is_one_of_another_kind() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let id = rocket.makes(ada()).await;
    let path = format!("/omnichannel/contacts.channels?contactId={id}");
    studio.receives(ADA, "Hi").await;
    let answer = rocket.get(&path).await.ok();
    let contact = rocket.contact(&id).await;
    assert_eq!(answer, json!({"channels": contact["channels"], "success": true}));
    let kinds = |answer: &Value| -> Vec<(String, bool)> {
        let channels = answer["channels"].as_array().unwrap().iter();
        channels
            .map(|channel| (channel["name"].as_str().unwrap().to_owned(), channel["lastChat"].is_object()))
            .collect()
    };
    let told = |kinds: &[(&str, bool)]| -> Vec<(String, bool)> {
        kinds.iter().map(|(kind, last)| ((*kind).to_owned(), *last)).collect()
    };
    assert_eq!(kinds(&answer), told(&[("sms", true), ("email", false), ("email", false)]));
    studio.rings("CA1", ADA).await;
    let answer = rocket.get(&path).await.ok();
    assert_eq!(kinds(&answer), told(&[("sms", false), ("email", false), ("email", false), ("other", true)]));
    assert_eq!(answer["channels"][3]["details"], json!({"type": "other", "destination": ADA}));
}

#[tokio::test]
async fn known_contacts_are_listed_by_name_and_a_search_narrows_them() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let rocket = studio.rocket().await;
    for (name, email) in
        [("zoë", "z@example.com"), ("Ada King", "ada@example.com"), ("Éva", "eva@example.com")]
    {
        rocket.makes(json!({"name": name, "emails": [email], "phones": []})).await;
    }
    studio.receives(ADA, "Hi").await;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(rocket.finds("").await, (names(&["Ada King", "Éva", "zoë"]), 3));
    assert_eq!(rocket.finds("unknown=false").await, (names(&["Ada King", "Éva", "zoë"]), 3));
    assert_eq!(rocket.finds("unknown=true").await, (names(&[ADA]), 1));
    assert_eq!(rocket.finds("sort=%7B%22name%22%3A-1%7D").await, (names(&["zoë", "Éva", "Ada King"]), 3));
    assert_eq!(rocket.finds("count=1&offset=1").await, (names(&["Éva"]), 3));
    assert_eq!(rocket.finds("count=2&offset=2").await, (names(&["zoë"]), 3));
    assert_eq!(rocket.finds("offset=3").await, (vec![], 3));
    assert_eq!(rocket.finds("count=1&offset=1&sort=%7B%22name%22%3A-1%7D").await, (names(&["Éva"]), 3));
    assert_eq!(rocket.finds("searchText=king").await, (names(&["Ada King"]), 1));
    assert_eq!(rocket.finds("searchText=eva@example.com").await, (names(&["Éva"]), 1));
    assert_eq!(rocket.finds("searchText=0123").await, (vec![], 0), "an unknown one is not looked for");
    assert_eq!(rocket.finds("searchText=0123&unknown=true").await, (names(&[ADA]), 1));
    let page = rocket.get("/omnichannel/contacts.search?offset=1&count=1").await.ok();
    let whole = json!({
        "contacts": page["contacts"], "count": 1, "offset": 1, "total": 3, "success": true,
    });
    assert_eq!(page, whole);
    let id = page["contacts"][0]["_id"].as_str().unwrap().to_owned();
    assert_eq!(page["contacts"][0], rocket.contact(&id).await);
    let manager = json!({"contactId": id, "contactManager": global(&studio, 12)});
    rocket.post("/omnichannel/contacts.update", manager).await.ok();
    let page = rocket.get("/omnichannel/contacts.search?searchText=eva").await.ok();
    let manager = json!({"_id": global(&studio, 12), "name": "Zoë", "username": "12"});
    assert_eq!(page["contacts"][0]["contactManager"], manager);
}

#[tokio::test]
async fn a_part_has_at_most_a_hundred_contacts_and_fifty_when_nothing_is_said() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    for id in 0..105 {
        studio.put(&format!("/clients/{id}"), json!({"client_name": format!("Name {id:03}")})).await.ok();
    }
    for (query, expected) in
        [("", 50), ("count=0", 100), ("count=1000", 100), ("count=7", 7), ("offset=100", 5)]
    {
        let (names, total) = rocket.finds(query).await;
        assert_eq!((names.len(), total), (expected, 105), "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_served_of_a_list_is_refused_in_words() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    invalid(rocket.get("/omnichannel/contacts.search?offset=10001").await, "offset must be <= 10000");
    invalid(rocket.get("/omnichannel/contacts.search?offset=Infinity").await, "offset must be <= 10000");
    assert_eq!(rocket.get("/omnichannel/contacts.search?offset=10000").await.status, 200);
    for sort in ["name", "{\"name\":2}", "{\"createdAt\":1}", "{\"name\":1,\"_id\":1}", "[1]"] {
        let call = rocket.call(Method::GET, "/omnichannel/contacts.search").query(&[("sort", sort)]);
        let answer = send(call).await;
        let error = format!("Invalid sort parameter provided: \"{sort}\" [error-invalid-sort]");
        let body = json!({"success": false, "error": error, "errorType": "error-invalid-sort"});
        assert_eq!((answer.status, answer.body), (400, body));
    }
}

#[tokio::test]
async fn wrong_parameters_are_told_in_the_words_of_ajv() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    for (path, error) in [
        ("contacts.get", "must have required property 'contactId'"),
        ("contacts.get?contactId=", "must pass \"isNotEmpty\" keyword validation"),
        ("contacts.get?contactId=%20%20", "must pass \"isNotEmpty\" keyword validation"),
        ("contacts.get?contactId=a&text=b", "must NOT have additional properties"),
        ("contacts.get?contactId=a&contactId=b", "must be string"),
        ("contacts.get?contactId[a]=b", "must be string"),
        ("contacts.search?count=abc", "must be number"),
        ("contacts.search?offset=abc", "must be number"),
        ("contacts.search?unknown=yes", "must be boolean"),
        ("contacts.search?text=nel", "must NOT have additional properties"),
        (
            "contacts.checkExistence",
            "must have required property 'contactId'\n must have required property 'email'\n must have required \
             property 'phone'\n must match exactly one schema in oneOf",
        ),
        (
            "contacts.checkExistence?contactId=a&email=a@b&phone=1",
            "must NOT have additional properties\n must NOT have additional properties\n must NOT have additional \
             properties\n must match exactly one schema in oneOf",
        ),
        ("contacts.history", "must have required property 'contactId'"),
        ("contacts.channels", "must have required property 'contactId'"),
    ] {
        invalid(rocket.get(&format!("/omnichannel/{path}")).await, error);
    }
    for (path, body, error) in [
        ("contacts", json!({}), "must have required property 'name'"),
        ("contacts", json!({"name": "a"}), "must have required property 'emails'"),
        ("contacts", json!({"name": "a", "emails": "x", "phones": []}), "must be array"),
        ("contacts", json!({"name": "a", "emails": [{}], "phones": []}), "must be string"),
        (
            "contacts",
            json!({"name": "a", "emails": ["a@b", "a@b"], "phones": []}),
            "must NOT have duplicate items (items ## 1 and 0 are identical)",
        ),
        (
            "contacts",
            json!({"name": "a", "emails": ["1", "2", "3", "4", "5", "6"], "phones": []}),
            "must NOT have more than 5 items",
        ),
        ("contacts.update", json!({}), "must have required property 'contactId'"),
        ("contacts.conflicts", json!({}), "must have required property 'contactId'"),
        ("contacts.delete", json!({}), "must have required property 'contactId'"),
        ("contacts.block", json!({}), "must have required property 'visitor'"),
        ("contacts.block", json!({"visitor": {}}), "must have required property 'visitorId'"),
        ("contacts.unblock", json!({"visitor": {"visitorId": "a"}}), "must have required property 'source'"),
        (
            "contacts.unblock",
            json!({"visitor": {"visitorId": "a", "source": {}}}),
            "must have required property 'type'",
        ),
    ] {
        invalid(rocket.post(&format!("/omnichannel/{path}"), body).await, error);
    }
    let unreadable = rocket.call(Method::POST, "/omnichannel/contacts").body("{");
    invalid(send(unreadable).await, "must have required property 'name'");
    let accepted = json!({"name": 1, "emails": [2], "phones": [true]});
    let id = rocket.makes(accepted).await;
    assert_eq!(rocket.contact(&id).await["name"], "1");
}

#[tokio::test]
async fn who_is_not_let_in_comes_first_then_wrong_parameters_and_permission_last() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let (program, staff) = (studio.rocket().await, studio.rocket_of(12).await);
    let id = program.makes(ada()).await;
    let words = "You must be logged in to do this.";
    let strangers = [
        ("", ""),
        (program.token.as_str(), ""),
        (program.token.as_str(), staff.user.as_str()),
        ("x", &program.user),
    ];
    for (token, user) in strangers {
        let call = reqwest::Client::new().get(format!("{}/api/v1/omnichannel/contacts.get", app.origin()));
        let answer = send(call.header("X-Auth-Token", token).header("X-User-Id", user)).await;
        let body = json!({"success": false, "error": words, "status": "error", "message": words});
        assert_eq!((answer.status, answer.body), (401, body));
    }
    let forbidden = "User does not have the permissions required for this action [error-unauthorized]";
    let change = json!({"contactId": id});
    for (path, body) in [
        ("contacts", nobody()),
        ("contacts.update", change.clone()),
        ("contacts.conflicts", change.clone()),
        ("contacts.delete", change),
    ] {
        let path = format!("/omnichannel/{path}");
        assert_eq!(staff.post(&path, json!({"x": 1})).await.status, 400);
        refused(staff.post(&path, body).await, 403, forbidden);
    }
    assert_eq!(staff.contact(&id).await, program.contact(&id).await);
    refused(staff.get(NOBODY).await, 404, "Resource not found");
}

#[tokio::test]
async fn a_call_that_is_repeated_under_its_key_makes_one_contact() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let create = async |key: &str| {
        let call = rocket.call(Method::POST, "/omnichannel/contacts").header("Idempotency-Key", key);
        send(call.json(&ada())).await.ok()
    };
    let first = create("one").await;
    assert_eq!(create("one").await, first);
    assert_eq!(rocket.finds("").await.1, 1);
    assert_ne!(create("two").await, first);
    rocket.makes(ada()).await;
    assert_eq!(rocket.finds("").await.1, 3);
}

#[tokio::test]
async fn nothing_of_a_person_is_kept_for_a_repeated_update() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let id = rocket.makes(nobody()).await;
    let update = async || {
        let call =
            rocket.call(Method::POST, "/omnichannel/contacts.update").header("Idempotency-Key", "once");
        send(call.json(&json!({"contactId": id, "name": "Grace Hopper"}))).await.ok()
    };
    assert_eq!(update().await["contact"]["name"], "Grace Hopper");
    assert_eq!(update().await["contact"]["name"], "Grace Hopper");
    rocket.post("/omnichannel/contacts.delete", json!({"contactId": id})).await.ok();
    let scan = app.local.engine.scan().table_name(&app.local.table).consistent_read(true).send().await;
    assert!(!format!("{:?}", scan.unwrap().items).contains("Hopper"));
}

#[tokio::test]
async fn a_death_while_a_contact_is_made_leaves_one_with_their_manager_after_the_call_is_repeated() {
    at_every_call(6, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        studio.staff(12, json!({"staff_name": "Zoë"})).await;
        // A stranger with this number becomes the contact.
        studio.receives(ADA, "Hi").await;
        let rocket = studio.rocket().await;
        let mut asked = ada();
        asked["contactManager"] = json!(global(&studio, 12));
        let call = || {
            let call = rocket.call(Method::POST, "/omnichannel/contacts").header("Idempotency-Key", "once");
            call.json(&asked)
        };
        let died = app.dies(n, when, send(call())).await;
        // Longer than a call that died keeps others from going on with it.
        app.clock.advance(Duration::from_secs(61));
        let made = send(call()).await.ok();
        app.recover().await;
        let contact = rocket.contact(made["contactId"].as_str().unwrap()).await;
        assert_eq!(contact["contactManager"], global(&studio, 12));
        assert_eq!(rocket.finds("").await, (vec!["Ada King".to_owned()], 1));
        assert_eq!(rocket.finds("unknown=true").await.1, 0);
        died
    })
    .await;
}

#[tokio::test]
async fn a_death_during_an_update_leaves_what_was_asked_for_after_it_is_repeated() {
    at_every_call(5, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        studio.staff(12, json!({"staff_name": "Zoë"})).await;
        let rocket = studio.rocket().await;
        let id = rocket.makes(ada()).await;
        let change =
            json!({"contactId": id, "phones": ["+14155550199"], "contactManager": global(&studio, 12)});
        let update = || rocket.call(Method::POST, "/omnichannel/contacts.update").json(&change);
        let died = app.dies(n, when, send(update())).await;
        let changed = send(update()).await.ok();
        assert_eq!(changed["contact"], rocket.contact(&id).await);
        assert_eq!(changed["contact"]["contactManager"], global(&studio, 12));
        for (phone, exists) in [("14155550199", true), ("14155550123", false)] {
            let path = format!("/omnichannel/contacts.checkExistence?phone=%2B{phone}");
            assert_eq!(rocket.get(&path).await.ok()["exists"], exists);
        }
        died
    })
    .await;
}

#[tokio::test]
async fn a_contact_is_one_read_and_a_part_of_the_list_two_and_one_more() {
    let app = App::start().await;
    app.clock.freeze();
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let rocket = studio.rocket().await;
    let id = rocket.makes(ada()).await;
    rocket.get(NOBODY).await;
    let costs = async |path: &str| {
        app.local.wire.clear();
        rocket.get(&format!("/omnichannel/{path}")).await.ok();
        let mut calls = app.local.wire.operations("dynamodb");
        calls.sort();
        calls
    };
    assert_eq!(costs(&format!("contacts.get?contactId={id}")).await, ["GetItem"]);
    assert_eq!(costs(&format!("contacts.channels?contactId={id}")).await, ["GetItem"]);
    assert_eq!(costs(&format!("contacts.checkExistence?contactId={id}")).await, ["GetItem"]);
    assert_eq!(costs("contacts.checkExistence?email=ada@example.com").await, ["Query"]);
    assert_eq!(costs("contacts.search").await, ["BatchGetItem", "Query", "Query"]);
    assert_eq!(costs("contacts.search?searchText=ada").await, ["BatchGetItem", "Query"]);
    assert_eq!(costs("contacts.search?unknown=true").await, ["Query", "Query"]);
    let manager = json!({"contactId": id, "contactManager": global(&studio, 12)});
    rocket.post("/omnichannel/contacts.update", manager).await.ok();
    let with_manager = ["BatchGetItem", "BatchGetItem", "Query", "Query"];
    assert_eq!(costs("contacts.search").await, with_manager);
}
