//! NexHealth's interface: who gets a token, how long it works, and what a call has to say to be answered.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send, send_raw};
use crate::faults::REFUSAL;
use crate::surface::subdomain;

/// Longer than a process believes what it read of a credential or a business.
pub const FORGOTTEN: Duration = Duration::from_secs(6);
const HOUR: Duration = Duration::from_secs(3600);

impl App {
    /// A business with a subdomain, `clinic` and its number, and location 3.
    pub async fn clinic(&self) -> Business<'_> {
        let clinic = self.business().await;
        clinic.put("/locations/3", json!({"name": "Mitte"})).await.ok();
        self.clock.advance(FORGOTTEN);
        clinic
    }
}

impl Business<'_> {
    pub fn subdomain(&self) -> String {
        subdomain(self.id)
    }

    /// The address of a list of conversations of location 3.
    pub fn address_of(&self, query: &str) -> String {
        format!("/conversations?subdomain={}&location_id=3&{query}", self.subdomain())
    }

    /// A list of conversations, with the key as bearer token.
    pub async fn lists(&self, query: &str) -> Answered {
        bearer(self.app, &self.key, &self.address_of(query)).await
    }
}

async fn authenticate(app: &App, authorization: &str) -> Answered {
    let call = app.at_origin(Method::POST, "/authenticates").header("authorization", authorization);
    send(call).await
}

/// A token for a key.
async fn token(app: &App, key: &str) -> String {
    let answer = authenticate(app, key).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["data"]["token"].as_str().expect("a token").to_owned()
}

async fn bearer(app: &App, token: &str, path: &str) -> Answered {
    send(app.at_origin(Method::GET, path).header("authorization", format!("Bearer {token}"))).await
}

/// The claims of a token.
fn claims(token: &str) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "header, claims, signature");
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let header: Value = json(parts[0]);
    assert_eq!(header, json!({"alg": "HS256", "typ": "JWT"}));
    assert_eq!(URL_SAFE_NO_PAD.decode(parts[2]).unwrap().len(), 32);
    json(parts[1])
}

fn refused(description: &str, error: &[&str]) -> Value {
    json!({"code": false, "description": description, "data": {}, "error": error})
}

#[tokio::test]
async fn a_key_begins_a_session_whose_token_says_when_it_ends() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    let key_id = clinic.get("/api-keys").await.ok()["items"][0]["key_id"].clone();
    let before = app.clock.now().as_seconds();

    let answer = authenticate(&app, &clinic.key).await;

    assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/json")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let token = answer.body["data"]["token"].as_str().expect("a token").to_owned();
    let told = json!({"code": true, "description": "Authenticated", "error": [], "data": {"token": token}});
    assert_eq!(answer.body, told);
    let claims = claims(&token);
    let begun = claims["iat"].as_i64().unwrap();
    assert!((before..before + 2).contains(&begun));
    assert_eq!(claims["exp"].as_i64(), Some(begun + 3600));
    assert_eq!((&claims["sub"], &claims["scp"]), (&key_id, &json!("api_user")));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 16);
    let listed = bearer(&app, &token, &clinic.address_of("")).await;
    let nothing = json!({"code": true, "description": "Success", "error": [], "data": [], "count": 0});
    assert_eq!((listed.status, listed.body), (200, nothing));
}

#[tokio::test]
async fn nothing_but_a_live_key_begins_one() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.staff(12, json!({"staff_name": "Zoë", "role": "owner"})).await;
    let session = clinic.session(12).await;
    let second = clinic.post("/api-keys", json!({})).await.ok();
    let revoked = second["api_key"].as_str().unwrap();
    let begun = token(&app, revoked).await;
    let path = format!("/api-keys/{}", second["key_id"].as_str().unwrap());
    send(clinic.request(Method::DELETE, &path)).await.ok();
    app.clock.advance(FORGOTTEN);
    let own = token(&app, &clinic.key).await;
    let with_scheme = format!("Bearer {}", clinic.key);
    let in_half = &clinic.key[..clinic.key.len() - 1];
    for shown in
        ["", "x", &session, revoked, &begun, &own, &with_scheme, "Bearer x", in_half, &app.local.platform_key]
    {
        let answer = authenticate(&app, shown).await;
        assert_eq!((answer.status, answer.body), (401, refused("Unauthorized", &["Unauthorized"])));
    }
    let nobody = app.at_origin(Method::POST, "/authenticates").header("x-api-key", &clinic.key);
    assert_eq!(send(nobody).await.status, 401);
}

#[tokio::test]
async fn a_list_takes_a_bearer_token_and_nothing_else() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.staff(12, json!({"staff_name": "Zoë"})).await;
    let session = clinic.session(12).await;
    let own = token(&app, &clinic.key).await;
    for good in [&own, &clinic.key, &session] {
        for scheme in ["Bearer", "bearer"] {
            let call = app.at_origin(Method::GET, &clinic.address_of(""));
            let answer = send(call.header("authorization", format!("{scheme} {good}"))).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }
    let tampered = format!("{}x", &own[..own.len() - 1]);
    let unsigned = own.rsplit_once('.').unwrap().0;
    for bad in [
        own.clone(),
        format!("Basic {own}"),
        format!("Token {own}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {own} x"),
        format!("Bearer {tampered}"),
        format!("Bearer {unsigned}."),
        format!("Bearer {}", app.local.platform_key),
        "Bearer x.y.z".to_owned(),
    ] {
        let answer =
            send(app.at_origin(Method::GET, &clinic.address_of("")).header("authorization", &bad)).await;
        assert_eq!((answer.status, answer.body), (401, refused("Unauthorized", &["Unauthorized"])), "{bad}");
    }
    for (name, value) in [("x-api-key", clinic.key.clone()), ("cookie", format!("session={session}"))] {
        let answer = send(app.at_origin(Method::GET, &clinic.address_of("")).header(name, value)).await;
        assert_eq!(answer.status, 401, "{name}");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_hour_with_its_session_and_with_its_key() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    let works = async |token: &str| bearer(&app, token, &clinic.address_of("")).await.status == 200;
    let second = clinic.post("/api-keys", json!({})).await.ok();
    let mut tokens = Vec::new();
    for key in [&clinic.key, &clinic.key, second["api_key"].as_str().unwrap()] {
        tokens.push(token(&app, key).await);
    }
    for token in &tokens {
        assert!(works(token).await);
    }

    let expired = app.anonymous(Method::POST, "/session/expire").header("X-API-KEY", &clinic.key);
    let asked = json!({"business_id": clinic.id, "session_id": claims(&tokens[0])["jti"]});
    send(expired.json(&asked)).await.ok();
    let path = format!("/api-keys/{}", second["key_id"].as_str().unwrap());
    send(clinic.request(Method::DELETE, &path)).await.ok();
    app.clock.advance(Duration::from_secs(5));

    let still = [works(&tokens[0]).await, works(&tokens[1]).await, works(&tokens[2]).await];
    assert_eq!(still, [false, true, false]);
    app.clock.advance(HOUR);
    assert!(!works(&tokens[1]).await);
    assert!(works(&clinic.key).await, "and the key goes on");
}

#[tokio::test]
async fn nothing_stored_holds_a_token() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    let token = token(&app, &clinic.key).await;
    let scan = app.local.engine.scan().table_name(&app.local.table).consistent_read(true).send().await;
    let stored = format!("{:?}", scan.unwrap().items);
    let random = token.rsplit_once('.').unwrap().1;
    assert!(!stored.contains(random) && !stored.contains(&signature::secret::digest(&token)));
    assert!(stored.contains(&signature::secret::hash(&token)));
}

#[tokio::test]
async fn another_institution_is_refused_and_one_that_is_not_there_alike() {
    let app = App::start().await;
    let (clinic, stranger) = (app.clinic().await, app.clinic().await);
    let nameless = app.business().await;
    let ask = async |key: &str, query: &str| {
        let call = app.at_origin(Method::GET, &format!("/conversations?{query}"));
        send_raw(call.header("authorization", format!("Bearer {key}"))).await
    };
    let foreign = ask(&clinic.key, &format!("subdomain={}&location_id=3", stranger.subdomain())).await;
    assert_eq!(foreign.0, 403);
    assert_eq!(serde_json::from_str::<Value>(&foreign.1).unwrap(), refused("Forbidden", &["Forbidden"]));
    for same in ["subdomain=nowhere&location_id=3", "subdomain=nowhere", "subdomain=nowhere&page=x"] {
        assert_eq!(ask(&clinic.key, same).await, foreign, "{same}");
    }
    let of_nameless = ask(&nameless.key, &format!("subdomain={}&location_id=3", clinic.subdomain())).await;
    assert_eq!(of_nameless, foreign);

    stranger.put("/locations/4", json!({"name": "Theirs"})).await.ok();
    let own = |location: &str| format!("subdomain={}&location_id={location}", clinic.subdomain());
    let elsewhere = ask(&clinic.key, &own("4")).await;
    assert_eq!(elsewhere.0, 404);
    let told: Value = serde_json::from_str(&elsewhere.1).unwrap();
    assert_eq!(told, refused("Not Found", &["Location not found"]));
    for same in ["5", "0", "-3", "9223372036854775807"] {
        assert_eq!(ask(&clinic.key, &own(same)).await, elsewhere, "{same}");
    }
    let upper = format!("subdomain={}&location_id=3", clinic.subdomain().to_uppercase());
    assert_eq!(ask(&clinic.key, &upper).await.0, 200);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_call_is_told_at_once() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    let subdomain = clinic.subdomain();
    let own = format!("subdomain={subdomain}");
    for (query, problems) in [
        (String::new(), vec!["subdomain is missing", "location_id is missing"]),
        ("subdomain=&location_id=3".to_owned(), vec!["subdomain is missing"]),
        ("location_id=x".to_owned(), vec!["subdomain is missing", "location_id is invalid"]),
        (own.clone(), vec!["location_id is missing"]),
        (format!("{own}&location_id="), vec!["location_id is missing"]),
        (format!("{own}&location_id=three"), vec!["location_id is invalid"]),
        (format!("{own}&location_id=3&location_id=3"), vec!["location_id is invalid"]),
        (format!("{own}&{own}&location_id=3"), vec!["subdomain is invalid"]),
        (
            format!(
                "{own}&location_id=99&page=one&per_page=1.5&messages=&messages_since=yesterday\
                 &updated_since=2026-02-30&include_messages=maybe"
            ),
            vec![
                "page is invalid",
                "per_page is invalid",
                "messages is invalid",
                "messages_since is invalid",
                "updated_since is invalid",
                "include_messages is invalid",
            ],
        ),
    ] {
        let answer = bearer(&app, &clinic.key, &format!("/conversations?{query}")).await;
        let expected = (400, refused("Bad Request", &problems));
        assert_eq!((answer.status, answer.body), expected, "{query}");
    }
    for behind in ["page=100&per_page=100", "page=101&per_page=100", "page=9223372036854775807"] {
        let empty = clinic.lists(behind).await;
        assert_eq!((empty.status, &empty.body["data"]), (200, &json!([])), "{behind}");
    }
}

#[tokio::test]
async fn what_nobody_knows_is_named_and_keeps_nobody_from_an_answer() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    let call = app.at_origin(Method::GET, &clinic.address_of("patient_id=7&page=1&Page=2&patient_id=8"));
    let call = call
        .header("authorization", format!("Bearer {}", clinic.key))
        .header("accept", "application/vnd.Nexhealth+json;version=2")
        .header("nex-api-version", "v20240412");
    let answer = send(call).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let told = json!(["Unknown parameter: patient_id", "Unknown parameter: Page"]);
    assert_eq!((&answer.body["code"], &answer.body["error"]), (&json!(true), &told));
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_come_back() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    let token = token(&app, &clinic.key).await;
    let asked = json!({"business_id": clinic.id, "requests_per_minute": 2});
    send(app.platform(Method::POST, "/business/onboard").json(&asked)).await.ok();
    app.clock.advance(FORGOTTEN);
    let left = 60_000 - app.clock.now().as_millis().rem_euclid(60_000);
    app.clock.advance(Duration::from_millis(left as u64));
    app.clock.freeze();
    app.clock.advance(Duration::from_secs(18));
    let answers = [
        bearer(&app, &token, &clinic.address_of("")).await,
        bearer(&app, &token, &clinic.address_of("")).await,
        bearer(&app, &token, &clinic.address_of("")).await,
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 200, 429]);
    assert_eq!(answers[0].header("ratelimit-remaining"), Some("1"));
    let over = &answers[2];
    assert_eq!((over.header("retry-after"), over.header("ratelimit-limit")), (Some("42"), Some("2")));
    assert_eq!(over.body, refused("Too Many Requests", &["too many requests: 2 a minute are allowed"]));
    // A session that a program began is counted with the program's key.
    assert_eq!(authenticate(&app, &clinic.key).await.status, 429);
    app.clock.advance(Duration::from_secs(42));
    let keyed: Vec<u16> = [
        authenticate(&app, &clinic.key).await.status,
        authenticate(&app, &clinic.key).await.status,
        authenticate(&app, &clinic.key).await.status,
    ]
    .into();
    assert_eq!(keyed, [201, 201, 429]);
}

#[tokio::test]
async fn what_fails_here_is_told_in_the_same_envelope() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    clinic.lists("").await.ok();
    app.local.wire.fail("dynamodb", None, usize::MAX, 400, REFUSAL);
    let broken = clinic.lists("").await;
    assert_eq!((broken.status, broken.body), (500, refused("Internal Server Error", &["internal error"])));
    let broken = authenticate(&app, "omega_0011223344556677_unknown").await;
    assert_eq!((broken.status, broken.header("retry-after")), (500, None));
    app.local.wire.heal();
    app.local.wire.fail("dynamodb", None, usize::MAX, 503, "{}");
    let away = clinic.lists("").await;
    assert_eq!((away.status, away.header("retry-after")), (503, Some("2")));
    assert_eq!(away.body, refused("Service Unavailable", &["temporarily unavailable"]));
}
