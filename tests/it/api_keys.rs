//! Keys for programs: made, exchanged and revoked by the business itself.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, names, send, send_raw};
use crate::faults::at_every_call;
use crate::surface::credential_id;

/// Longer than a process believes what it read of a credential.
const FORGOTTEN: Duration = Duration::from_secs(5);
const FIELDS: [&str; 9] = [
    "api_key",
    "created_at",
    "created_by",
    "expires_at",
    "is_live",
    "key_id",
    "last_used_at",
    "name",
    "revoked_at",
];

async fn list(studio: &Business<'_>, key: &str) -> Vec<Value> {
    let call = studio.app.anonymous(Method::GET, &format!("/businesses/{}/api-keys", studio.id));
    send(call.header("X-API-KEY", key)).await.ok()["items"].as_array().expect("keys").clone()
}

async fn create(studio: &Business<'_>, asked: Value) -> Answered {
    studio.post("/api-keys", asked).await
}

async fn revoke(studio: &Business<'_>, by: &str, id: &Value) -> Answered {
    let path = format!("/businesses/{}/api-keys/{}", studio.id, id.as_str().expect("an id"));
    send(studio.app.anonymous(Method::DELETE, &path).header("X-API-KEY", by)).await
}

fn live(keys: &[Value]) -> Vec<Value> {
    keys.iter().filter(|key| key["is_live"] == true).map(|key| key["key_id"].clone()).collect()
}

fn word(value: &Value, name: &str) -> String {
    value[name].as_str().expect("a word").to_owned()
}

#[tokio::test]
async fn one_key_is_exchanged_for_another_while_both_work() {
    let app = App::start().await;
    let studio = app.business().await;
    let first = list(&studio, &studio.key).await;
    assert_eq!((first.len(), &first[0]["created_by"]), (1, &json!("system")));

    let made = create(&studio, json!({"name": "Booking system"})).await;

    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.ok();
    assert_eq!(names(&made), FIELDS);
    assert_eq!((&made["name"], &made["created_by"]), (&json!("Booking system"), &json!("service")));
    let new = word(&made, "api_key");
    assert!(new.starts_with(&format!("omega_{}_", word(&made, "key_id"))));
    for key in [&studio.key, &new] {
        assert_eq!(list(&studio, key).await.len(), 2);
    }
    assert_eq!(revoke(&studio, &new, &first[0]["key_id"]).await.ok()["success"], true);
    app.clock.advance(FORGOTTEN);
    let call = studio.get("/api-keys").await;
    assert_eq!((call.status, call.body), (401, json!({"detail": "Not authenticated"})));
    let left = list(&studio, &new).await;
    assert_eq!(live(&left), [made["key_id"].clone()]);
    assert!(left[0]["revoked_at"].is_string() && left.iter().all(|key| key["api_key"].is_null()));
}

#[tokio::test]
async fn a_third_live_key_and_the_end_of_the_last_one_are_conflicts() {
    let app = App::start().await;
    let studio = app.business().await;
    let only = list(&studio, &studio.key).await[0]["key_id"].clone();
    let last = revoke(&studio, &studio.key, &only).await;
    assert_eq!((last.status, &last.body["current"]), (409, &json!({"live_key_ids": [only]})));
    let second = create(&studio, json!({})).await.ok();
    let third = create(&studio, json!({})).await;
    assert_eq!(third.status, 409);
    assert_eq!(third.body["current"], json!({"live_key_ids": [only, second["key_id"]]}));
    let unknown = revoke(&studio, &studio.key, &json!("0011223344556677")).await;
    assert_eq!((unknown.status, &unknown.body["detail"]), (404, &json!("api key not found")));
}

#[tokio::test]
async fn a_key_ends_when_it_was_to_end_and_makes_room() {
    let app = App::start().await;
    let studio = app.business().await;
    let end = app.clock.now().plus(Duration::from_secs(3600));
    let made = create(&studio, json!({"expires_at": end.to_string()})).await.ok();
    let key = word(&made, "api_key");
    assert_eq!(list(&studio, &key).await.len(), 2);
    app.clock.advance(Duration::from_secs(3600));
    let call = app.anonymous(Method::GET, &format!("/businesses/{}/staffs", studio.id));
    assert_eq!(send_raw(call.header("X-API-KEY", &key)).await.0, 401);
    create(&studio, json!({})).await.ok();
    let past = create(&studio, json!({"expires_at": end.to_string(), "name": "x".repeat(101)})).await;
    assert_eq!(past.bad_fields(), [r#"["body","name"]"#, r#"["body","expires_at"]"#]);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_known_to_within_seconds() {
    let app = App::start().await;
    let studio = app.business().await;
    let made = create(&studio, json!({})).await.ok();
    let of_new = async || list(&studio, &studio.key).await[1]["last_used_at"].clone();
    assert_eq!(of_new().await, Value::Null);
    let key = word(&made, "api_key");
    let before = app.clock.now().to_string();
    list(&studio, &key).await;
    assert!(word(&json!({"at": of_new().await}), "at") > before);
}

#[tokio::test]
async fn owners_manage_keys_and_others_do_not() {
    let app = App::start().await;
    let studio = app.business().await;
    for (id, role, status) in [(1, "owner", 200), (2, "manager", 403), (3, "staff", 403)] {
        studio.staff(id, json!({"staff_name": "Ada", "role": role})).await;
        let session = studio.session(id).await;
        let answer = studio.as_session(&session, Method::POST, "/api-keys", json!({})).await;
        assert_eq!(answer.status, status, "{role}");
        if status == 200 {
            assert_eq!(answer.body["created_by"], "1");
        }
    }
}

#[tokio::test]
async fn of_many_who_make_a_key_at_once_one_does_and_of_many_who_revoke_one_key_stays() {
    let app = App::start().await;
    let studio = app.business().await;
    let made = join_all((0..8).map(|_| create(&studio, json!({})))).await;
    let statuses: Vec<u16> = made.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    let ids = live(&list(&studio, &studio.key).await);
    let revoked = join_all(ids.iter().map(|id| revoke(&studio, &studio.key, id))).await;
    let mut statuses: Vec<u16> = revoked.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert!(statuses == [200, 409] || statuses == [200, 401], "{statuses:?}");
}

#[tokio::test]
async fn the_platform_gives_a_business_that_lost_its_keys_one_that_works_alone() {
    let app = App::start().await;
    let studio = app.business().await;
    let other = word(&create(&studio, json!({})).await.ok(), "api_key");
    let replace = |business: u64| app.platform(Method::POST, &format!("/business/{business}/api-key"));

    let answer = send(replace(studio.id)).await.ok();

    assert_eq!(names(&answer), ["api_key", "business_id", "key_id"]);
    app.clock.advance(FORGOTTEN);
    let new = word(&answer, "api_key");
    assert_eq!(live(&list(&studio, &new).await), [answer["key_id"].clone()]);
    for old in [&studio.key, &other] {
        let call = app.anonymous(Method::GET, &format!("/businesses/{}/api-keys", studio.id));
        assert_eq!(send_raw(call.header("X-API-KEY", old)).await.0, 401);
    }
    let unknown = send(replace(999_999)).await;
    assert_eq!((unknown.status, &unknown.body["detail"]), (404, &json!("business not found")));
}

/// The hashes under which the table lets somebody in for a business.
async fn let_in(app: &App) -> BTreeSet<String> {
    let scan = app.local.engine.scan().table_name(&app.local.table).consistent_read(true).send().await;
    let items = scan.expect("the table can be read").items.unwrap_or_default();
    let credentials = items.iter().filter(|item| item["type"].as_s().is_ok_and(|kind| kind == "Credential"));
    credentials.map(|item| item["pk"].as_s().expect("a key").clone()).collect()
}

#[tokio::test]
async fn a_death_while_a_key_is_made_leaves_one_new_key_after_the_call_is_repeated() {
    at_every_call(4, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        app.clock.advance(FORGOTTEN);
        let call = || {
            let call = studio.request(Method::POST, "/api-keys").header("Idempotency-Key", "once");
            call.json(&json!({"name": "New"}))
        };
        let died = app.dies(n, when, send(call())).await;
        // Longer than a call that died keeps others from going on with it.
        app.clock.advance(Duration::from_secs(61));
        let made = send(call()).await.ok();
        assert_eq!(live(&list(&studio, &studio.key).await).len(), 2);
        assert_eq!(let_in(&app).await.len(), 2);
        if let Some(key) = made["api_key"].as_str() {
            assert_eq!(list(&studio, key).await.len(), 2);
        }
        died
    })
    .await;
}

#[tokio::test]
async fn nothing_stored_and_no_error_holds_a_secret() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    let keyed = studio.request(Method::POST, "/api-keys").header("Idempotency-Key", "once").json(&json!({}));
    let made = send(keyed).await.ok();
    let asked = json!({"business_id": studio.id, "wl_user_id": 12});
    let keyed = app.anonymous(Method::POST, "/auth/token").header("X-API-KEY", &studio.key);
    let begun = send(keyed.header("Idempotency-Key", "once").json(&asked)).await.ok();
    let login = json!({"user": "12", "password": studio.key});
    let logged_in = send(app.at_origin(Method::POST, "/api/v1/login").json(&login)).await.ok();
    let program = app.at_origin(Method::POST, "/authenticates").header("Authorization", &studio.key);
    let program = send(program).await.body;
    // What nobody can guess of each: what stands behind its id, and the signature of a token.
    let behind_id = |secret: &str| {
        let (_, random) = secret.split_once(&format!("{}_", credential_id(secret))).expect("an id in it");
        random.to_owned()
    };
    let secrets = [
        behind_id(&studio.key),
        behind_id(&word(&made, "api_key")),
        behind_id(&word(&begun, "access_token")),
        behind_id(&word(&logged_in["data"], "authToken")),
        word(&program["data"], "token").rsplit('.').next().expect("a signature").to_owned(),
        // As good as the key where it is taken in place of one.
        signature::secret::digest(&studio.key),
    ];
    let scan = app.local.engine.scan().table_name(&app.local.table).consistent_read(true).send().await;
    let stored = format!("{:?}", scan.expect("the table can be read").items);
    let refused = create(&studio, json!({"name": 7})).await.body.to_string();
    for secret in &secrets {
        assert!(secret.len() >= 43, "it has 256 bits");
        assert!(!stored.contains(secret) && !refused.contains(secret));
    }
}
