//! Rocket.Chat's way in: logging in and out, and what every answer of that interface has in common.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};
use crate::faults::REFUSAL;

/// Longer than a process believes what it read of a credential.
const FORGOTTEN: Duration = Duration::from_secs(5);
const CONTACT: &str = "/api/v1/omnichannel/contact?contactId=x";

/// Somebody who is logged in.
pub struct User {
    pub token: String,
    pub id: String,
}

impl User {
    /// A call of theirs.
    pub fn request(&self, app: &App, method: Method, path: &str) -> RequestBuilder {
        app.at_origin(method, path).header("X-Auth-Token", &self.token).header("X-User-Id", &self.id)
    }

    pub async fn get(&self, app: &App, path: &str) -> Answered {
        send(self.request(app, Method::GET, path)).await
    }

    pub async fn post(&self, app: &App, path: &str, body: Value) -> Answered {
        send(self.request(app, Method::POST, path).json(&body)).await
    }
}

impl Business<'_> {
    /// Asks to be logged in.
    async fn tries(&self, asked: Value) -> Answered {
        send(self.app.at_origin(Method::POST, "/api/v1/login").json(&asked)).await
    }

    /// Logs a member of the staff in.
    pub async fn logs_in(&self, staff: u64) -> User {
        logged_in(&self.tries(json!({"user": staff.to_string(), "password": self.key})).await.ok())
    }

    /// The key of the business as a personal access token.
    pub fn program(&self) -> User {
        let id = self.key.split('_').nth(1).unwrap();
        User { token: self.key.clone(), id: id.to_owned() }
    }
}

fn logged_in(answer: &Value) -> User {
    let word = |name: &str| answer["data"][name].as_str().unwrap().to_owned();
    User { token: word("authToken"), id: word("userId") }
}

fn global(business: u64, id: u64) -> String {
    format!("{business:08x}{id:016x}")
}

fn refused(words: &str) -> Value {
    json!({"success": false, "error": words, "status": "error", "message": words})
}

fn stranger() -> Value {
    refused("You must be logged in to do this.")
}

#[tokio::test]
async fn whoever_holds_a_key_logs_a_member_of_the_staff_in() {
    let app = App::start().await;
    let studio = app.business().await;
    let ada = json!({"staff_name": "Ada King", "role": "owner", "staff_email": "Ada@example.com",
                     "staff_image_url": "https://example.com/ada.png"});
    studio.staff(12, ada).await;

    let answer = studio.tries(json!({"user": "12", "password": studio.key, "code": "123456"})).await;

    let id = global(studio.id, 12);
    let body = answer.ok();
    let token = body["data"]["authToken"].as_str().unwrap();
    assert!(token.starts_with("omega_session_"));
    let me = json!({
        "_id": id, "name": "Ada King", "emails": [{"address": "Ada@example.com", "verified": false}],
        "status": "online", "statusConnection": "online", "username": "12", "utcOffset": 0, "active": true,
        "roles": ["admin", "livechat-manager"], "settings": {"preferences": {}},
        "avatarUrl": "https://example.com/ada.png",
    });
    let data = json!({"userId": id, "authToken": token, "me": me});
    assert_eq!(body, json!({"status": "success", "success": true, "data": data}));
    let found = logged_in(&body).get(&app, CONTACT).await.ok();
    assert_eq!(found, json!({"contact": null, "success": true}));
    // It is a session like any other.
    let staffs = studio.as_session(token, Method::GET, "/staffs", json!({})).await;
    assert_eq!(staffs.status, 200);
}

#[tokio::test]
async fn what_somebody_may_is_told_in_the_roles_of_rocket_chat() {
    let app = App::start().await;
    let studio = app.business().await;
    for (id, role, roles) in [
        (1, "owner", json!(["admin", "livechat-manager"])),
        (2, "manager", json!(["livechat-manager"])),
        (3, "staff", json!(["livechat-agent"])),
    ] {
        studio.staff(id, json!({"staff_name": "Ada", "role": role})).await;
        let answer = studio.tries(json!({"username": id.to_string(), "password": studio.key})).await.ok();
        let me = &answer["data"]["me"];
        assert_eq!((&me["roles"], &me["emails"], &me["avatarUrl"]), (&roles, &json!([]), &json!("")));
    }
}

#[tokio::test]
async fn a_mail_address_names_whoever_alone_has_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let entry =
        |email: &str, active: bool| json!({"staff_name": "Ada", "staff_email": email, "active": active});
    studio.staff(1, entry("ada@example.com", true)).await;
    studio.staff(2, entry("ADA@example.com", false)).await;
    studio.staff(3, entry("both@example.com", true)).await;
    studio.staff(4, entry("Both@example.com", true)).await;

    for (field, email) in
        [("user", "ada@example.com"), ("email", "ADA@Example.com"), ("username", "Ada@example.com")]
    {
        let answer = studio.tries(json!({field: email, "password": studio.key})).await.ok();
        assert_eq!(answer["data"]["me"]["username"], "1", "{field}");
    }
    for email in ["both@example.com", "nobody@example.com", "@"] {
        let answer = studio.tries(json!({"user": email, "password": studio.key})).await;
        assert_eq!((answer.status, answer.body), (401, refused("Unauthorized")), "{email}");
    }
}

#[tokio::test]
async fn the_digest_of_a_key_logs_in_and_what_the_table_holds_does_not() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    let with = async |digest: &str, algorithm: &str| {
        let password = json!({"digest": digest, "algorithm": algorithm});
        studio.tries(json!({"user": "12", "password": password})).await
    };
    let digest = signature::secret::digest(&studio.key);
    for spelled in [digest.clone(), digest.to_uppercase()] {
        let answer = with(&spelled, "sha-256").await.ok();
        assert_eq!(logged_in(&answer).get(&app, CONTACT).await.status, 200);
    }
    assert_eq!(with(&digest, "md5").await.status, 401);
    assert_eq!(with(&digest[1..], "sha-256").await.status, 401);

    let stored = signature::secret::hash(&studio.key);
    let key = store::keys::credential(&stored);
    let get = app.local.engine.get_item().table_name(&app.local.table);
    let text = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
    let item = get.key("pk", text(key.pk)).key("sk", text(key.sk)).send().await.unwrap().item;
    assert!(item.is_some(), "this is what is stored");
    assert_eq!(with(&stored, "sha-256").await.status, 401);
    for opened in [&stored, &digest] {
        let answer = studio.tries(json!({"user": "12", "password": opened})).await;
        assert_eq!(answer.status, 401);
        let user = User { token: opened.clone(), id: studio.program().id };
        assert_eq!(user.get(&app, CONTACT).await.status, 401);
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_login_is_told_in_the_same_words() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    studio.staff(13, json!({"staff_name": "Gone", "active": false})).await;
    other.staff(14, json!({"staff_name": "Elsewhere"})).await;
    let key = &studio.key;
    let session = studio.session(12).await;
    for asked in [
        json!({}),
        json!([]),
        json!({"user": "12"}),
        json!({"password": key}),
        json!({"user": "12", "password": ""}),
        json!({"user": "12", "password": "omega_0011223344556677_x"}),
        json!({"user": "12", "password": 12}),
        json!({"user": "12", "password": {}}),
        json!({"user": 12, "password": key}),
        json!({"user": "", "password": key}),
        json!({"user": "012", "password": key}),
        json!({"user": "13", "password": key}),
        json!({"user": "14", "password": key}),
        json!({"user": global(studio.id, 12), "password": key}),
        json!({"user": "12", "password": session}),
        json!({"user": "12", "password": app.local.platform_key}),
        json!({"resume": ""}),
        json!({"resume": key}),
        json!({"resume": app.local.platform_key}),
        json!({"resume": signature::secret::digest(&session)}),
        json!({"resume": "x".repeat(10_000)}),
    ] {
        let answer = studio.tries(asked.clone()).await;
        assert_eq!((answer.status, &answer.body), (401, &refused("Unauthorized")), "{asked}");
        let kept = ["content-type", "cache-control", "pragma"].map(|name| answer.header(name));
        assert_eq!(kept, [Some("application/json"), Some("no-store"), Some("no-cache")]);
    }
    let no_json = send(app.at_origin(Method::POST, "/api/v1/login").body("user=12")).await;
    assert_eq!((no_json.status, no_json.body), (401, refused("Unauthorized")));
}

#[tokio::test]
async fn a_session_goes_on_as_it_is() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    let user = studio.logs_in(12).await;

    let again = studio.tries(json!({"resume": user.token})).await.ok();

    assert_eq!(again["data"]["authToken"], user.token);
    assert_eq!((&again["data"]["userId"], &again["data"]["me"]["name"]), (&json!(user.id), &json!("Ada")));
    user.post(&app, "/api/v1/logout", json!({})).await.ok();
    assert_eq!(studio.tries(json!({"resume": user.token})).await.body, refused("Unauthorized"));
}

#[tokio::test]
async fn logging_out_ends_the_session_at_once_and_no_other() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    let stays = studio.logs_in(12).await;
    for method in [Method::POST, Method::GET] {
        let user = studio.logs_in(12).await;
        assert_eq!(user.get(&app, CONTACT).await.status, 200);

        let answer = send(user.request(&app, method.clone(), "/api/v1/logout")).await.ok();

        assert_eq!(answer, json!({"status": "success", "data": {"message": "You've been logged out!"}}));
        let after = user.get(&app, CONTACT).await;
        assert_eq!((after.status, after.body), (401, stranger()), "{method}");
        let again = send(user.request(&app, method, "/api/v1/logout")).await;
        assert_eq!((again.status, again.body), (401, stranger()));
    }
    app.clock.advance(FORGOTTEN);
    assert_eq!(stays.get(&app, CONTACT).await.status, 200);
}

#[tokio::test]
async fn a_session_ends_with_everything_that_ends_sessions() {
    let app = App::start().await;
    let studio = app.business().await;
    let works = json!({"staff_name": "Ada", "active": true});
    studio.staff(12, works.clone()).await;
    let expire = async |asked: Value| {
        let call = app.anonymous(Method::POST, "/session/expire").header("X-API-KEY", &studio.key);
        send(call.json(&asked)).await.ok()
    };
    for ended_by in ["id", "all", "deactivation", "time"] {
        let user = studio.logs_in(12).await;
        assert_eq!(user.get(&app, CONTACT).await.status, 200, "{ended_by}");
        match ended_by {
            "id" => drop(expire(json!({"session_id": user.token.split('_').nth(2)})).await),
            "all" => drop(expire(json!({"session_id": "all", "staff_id": 12})).await),
            "deactivation" => drop(studio.staff(12, json!({"staff_name": "Ada", "active": false})).await),
            _ => app.clock.advance(Duration::from_secs(12 * 3600)),
        }
        app.clock.advance(FORGOTTEN);
        let after = user.get(&app, CONTACT).await;
        assert_eq!((after.status, after.body), (401, stranger()), "{ended_by}");
        studio.staff(12, works.clone()).await;
        assert_eq!(user.get(&app, CONTACT).await.status, 401, "{ended_by}: over for good");
    }
}

#[tokio::test]
async fn a_key_is_a_personal_access_token_that_lasts_until_it_is_revoked() {
    let app = App::start().await;
    let studio = app.business().await;
    let made = studio.post("/api-keys", json!({})).await.ok();
    let word = |name: &str| made[name].as_str().unwrap().to_owned();
    let program = User { token: word("api_key"), id: word("key_id") };
    assert_eq!(program.get(&app, CONTACT).await.status, 200);

    let answer = program.post(&app, "/api/v1/logout", json!({})).await.ok();

    assert_eq!(answer, json!({"status": "success", "data": {"message": "You've been logged out!"}}));
    app.clock.advance(FORGOTTEN);
    assert_eq!(program.get(&app, CONTACT).await.status, 200, "it is not of this login");
    let revoke = studio.request(Method::DELETE, &format!("/api-keys/{}", program.id));
    send(revoke).await.ok();
    app.clock.advance(FORGOTTEN);
    assert_eq!(program.get(&app, CONTACT).await.body, stranger());
}

#[tokio::test]
async fn both_headers_have_to_be_of_one_caller() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    for (studio, id) in [(&studio, 12), (&studio, 13), (&other, 12)] {
        studio.staff(id, json!({"staff_name": "Ada"})).await;
    }
    let (ada, ben, far) = (studio.logs_in(12).await, studio.logs_in(13).await, other.logs_in(12).await);
    let visitor = json!({"token": "visitor-token", "name": "Zoë"});
    let path = "/api/v1/omnichannel/contact";
    let contact = studio.program().post(&app, path, visitor).await.ok()["contact"].clone();
    let contact = contact.as_str().unwrap();

    for (token, id) in [
        (None, None),
        (Some(ada.token.as_str()), None),
        (None, Some(ada.id.as_str())),
        (Some(""), Some("")),
        (Some(&ada.token), Some("")),
        (Some(""), Some(&ada.id)),
        (Some(&ada.token), Some(&ben.id)),
        (Some(&ada.token), Some(&far.id)),
        (Some(&far.token), Some(&ada.id)),
        (Some(&ada.token), Some("12")),
        (Some(&ada.id), Some(&ada.id)),
        (Some(&studio.key), Some(&ada.id)),
        (Some(&studio.key), Some(&other.program().id)),
        (Some(&app.local.platform_key), Some(&ada.id)),
        // What belongs to a visitor grants nothing.
        (Some("visitor-token"), Some(contact)),
        (Some(contact), Some(contact)),
    ] {
        for (method, path) in [
            (Method::GET, path),
            (Method::POST, path),
            (Method::GET, "/api/v1/omnichannel/contact.search"),
            (Method::POST, "/api/v1/logout"),
            (Method::GET, "/api/v1/logout"),
        ] {
            let mut call = app.at_origin(method.clone(), path);
            for (name, value) in [("X-Auth-Token", token), ("X-User-Id", id)] {
                if let Some(value) = value {
                    call = call.header(name, value);
                }
            }
            let answer = send(call).await;
            assert_eq!((answer.status, &answer.body), (401, &stranger()), "{method} {path} {token:?} {id:?}");
            assert_eq!(answer.header("x-ratelimit-limit"), None);
            let kept = ["content-type", "cache-control", "pragma"].map(|name| answer.header(name));
            assert_eq!(kept, [Some("application/json"), Some("no-store"), Some("no-cache")]);
        }
    }
    // Nor is anybody let in by what other interfaces take.
    let omegas = app.at_origin(Method::GET, path).header("X-API-KEY", &studio.key);
    assert_eq!(send(omegas).await.body, stranger());
    let cookie = app.at_origin(Method::GET, path).header("Cookie", format!("session={}", ada.token));
    assert_eq!(send(cookie).await.body, stranger());
    let small = app.at_origin(Method::GET, CONTACT).header("x-auth-token", &ada.token);
    assert_eq!(send(small.header("x-user-id", &ada.id)).await.status, 200, "names have no case");
}

#[tokio::test]
async fn every_answer_says_what_is_left_and_is_kept_by_nobody() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    let asked = json!({"business_id": studio.id, "requests_per_minute": 3});
    send(app.platform(Method::POST, "/business/onboard").json(&asked)).await.ok();
    app.clock.freeze();
    let left = 60_000 - app.clock.now().as_millis().rem_euclid(60_000);
    app.clock.advance(Duration::from_millis(left as u64));
    let end = app.clock.now().as_millis() + 60_000;
    let program = studio.program();
    let told = |answer: &Answered| {
        ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
            .map(|name| answer.header(name).unwrap().parse::<i64>().unwrap())
    };

    for (left, path, status) in
        [(2, CONTACT, 200), (1, "/api/v1/omnichannel/contact", 400), (0, "/api/v1/logout", 200)]
    {
        let answer = program.get(&app, path).await;
        assert_eq!((answer.status, told(&answer)), (status, [3, left, end]), "{path}");
        let kept = ["content-type", "cache-control", "pragma"].map(|name| answer.header(name));
        assert_eq!(kept, [Some("application/json"), Some("no-store"), Some("no-cache")]);
    }
    app.clock.advance(Duration::from_secs(18));
    let words = "Error, too many requests. Please slow down. You must wait 42 seconds before trying this endpoint \
                 again. [error-too-many-requests]";
    let login = studio.tries(json!({"user": "12", "password": studio.key})).await;
    for answer in [program.get(&app, CONTACT).await, login] {
        assert_eq!((answer.status, told(&answer)), (429, [3, 0, end]));
        assert_eq!(answer.body, json!({"success": false, "error": words}));
        assert_eq!(answer.header("retry-after"), None);
    }
    app.clock.advance(Duration::from_secs(42));
    assert_eq!(studio.tries(json!({"user": "12", "password": studio.key})).await.status, 200);
}

#[tokio::test]
async fn what_goes_wrong_inside_is_a_failure_of_ours_without_details() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    app.local.wire.fail("dynamodb", None, usize::MAX, 400, REFUSAL);
    let answers = [
        studio.tries(json!({"user": "12", "password": studio.key})).await,
        studio.program().get(&app, CONTACT).await,
    ];
    for answer in answers {
        let body = json!({"success": false, "error": "Internal server error"});
        assert_eq!((answer.status, &answer.body), (500, &body));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_login_is_a_read_and_a_transaction() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada", "staff_email": "ada@example.com"})).await;
    studio.logs_in(12).await;
    for (user, expected) in
        [("12", ["GetItem", "TransactWriteItems"]), ("ada@example.com", ["Query", "TransactWriteItems"])]
    {
        app.local.wire.clear();
        studio.tries(json!({"user": user, "password": studio.key})).await.ok();
        assert_eq!(app.local.wire.operations("dynamodb"), expected, "{user}");
    }
}
