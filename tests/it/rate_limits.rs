//! How many calls a credential may make, and what it is told of that.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::app::{Answered, App, Business, send};

const MINUTE: Duration = Duration::from_secs(60);

/// A business with a limit, at the beginning of a minute and known to no process.
async fn limited(app: &App, per_minute: u64) -> Business<'_> {
    let studio = app.business().await;
    let asked = json!({"business_id": studio.id, "requests_per_minute": per_minute});
    send(app.platform(Method::POST, "/business/onboard").json(&asked)).await.ok();
    let left = 60_000 - app.clock.now().as_millis().rem_euclid(60_000);
    app.clock.advance(Duration::from_millis(left as u64));
    app.clock.freeze();
    studio
}

/// A business with no limit of its own, at the beginning of a minute.
async fn unlimited(app: &App) -> Business<'_> {
    let mut studio = app.business().await;
    let asked = json!({"business_id": 5, "business_name": "Studio"});
    let created = send(app.platform(Method::POST, "/business/onboard").json(&asked)).await.ok();
    (studio.id, studio.key) = (5, created["api_key"].as_str().expect("a key, once").to_owned());
    let left = 60_000 - app.clock.now().as_millis().rem_euclid(60_000);
    app.clock.advance(Duration::from_millis(left as u64));
    app.clock.freeze();
    studio
}

/// A request of a credential in `X-API-KEY`.
async fn by_key(studio: &Business<'_>, key: &str) -> Answered {
    let call = studio.app.anonymous(Method::GET, &format!("/businesses/{}/staffs", studio.id));
    send(call.header("X-API-KEY", key)).await
}

/// How many of so many requests pass, made by some credentials in turn, 24 at a time.
async fn passed(studio: &Business<'_>, keys: &[&str], requests: usize) -> usize {
    let mut passed = 0;
    let numbers: Vec<usize> = (0..requests).collect();
    for some in numbers.chunks(24) {
        let answers = join_all(some.iter().map(|n| by_key(studio, keys[n % keys.len()]))).await;
        passed += answers.iter().filter(|answer| answer.status == 200).count();
    }
    passed
}

/// What an answer says: limit, what is left, and seconds to the next minute.
fn told(answer: &Answered) -> [u64; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
        .map(|name| answer.header(name).expect("a header").parse().expect("a number"))
}

#[tokio::test]
async fn every_answer_says_what_is_left_and_the_one_too_many_when_to_come_back() {
    let app = App::start().await;
    let studio = limited(&app, 3).await;
    for left in [2, 1, 0] {
        let answer = studio.get("/staffs").await;
        assert_eq!((answer.status, told(&answer)), (200, [3, left, 60]));
    }
    app.clock.advance(Duration::from_secs(18));
    let refused = studio.get("/staffs").await;
    assert_eq!((refused.status, told(&refused)), (429, [3, 0, 42]));
    assert_eq!(refused.header("retry-after"), Some("42"));
    assert_eq!(refused.body, json!({"detail": "too many requests: 3 a minute are allowed"}));
    app.clock.advance(Duration::from_secs(42));
    let again = studio.get("/staffs").await;
    assert_eq!((again.status, told(&again)), (200, [3, 2, 60]));
}

#[tokio::test]
async fn refused_answers_say_it_too_and_those_of_nobody_say_nothing() {
    let app = App::start().await;
    let studio = limited(&app, 5).await;
    let invalid = studio.put("/staffs/7", json!({})).await;
    assert_eq!((invalid.status, told(&invalid)), (422, [5, 4, 60]));
    let forbidden =
        send(app.anonymous(Method::GET, "/businesses/999999/staffs").header("X-API-KEY", &studio.key));
    let forbidden = forbidden.await;
    assert_eq!((forbidden.status, told(&forbidden)), (403, [5, 3, 60]));
    let nobody = send(app.anonymous(Method::GET, &format!("/businesses/{}/staffs", studio.id))).await;
    assert_eq!((nobody.status, nobody.header("ratelimit-limit")), (401, None));
    let platform = send(app.platform(Method::GET, &format!("/business/{}/onboard/status", studio.id))).await;
    assert_eq!((platform.status, platform.header("ratelimit-limit")), (200, None));
}

#[tokio::test]
async fn each_key_has_a_limit_of_its_own_in_a_business_without_one() {
    let app = App::start().await;
    let studio = unlimited(&app).await;
    let other = studio.post("/api-keys", json!({})).await.ok()["api_key"].as_str().expect("a key").to_owned();
    app.clock.advance(MINUTE);
    assert_eq!(passed(&studio, &[&studio.key], 700).await, 600);
    let by_other = by_key(&studio, &other).await;
    assert_eq!((by_other.status, told(&by_other)), (200, [600, 599, 60]));
}

#[tokio::test]
async fn a_limit_that_was_set_is_that_of_the_business() {
    let app = App::start().await;
    let studio = limited(&app, 4).await;
    let other = studio.post("/api-keys", json!({})).await.ok()["api_key"].as_str().expect("a key").to_owned();
    app.clock.advance(MINUTE);
    assert_eq!(passed(&studio, &[&studio.key, &other], 10).await, 4);
    let by_other = by_key(&studio, &other).await;
    assert_eq!((by_other.status, told(&by_other)), (429, [4, 0, 60]));
    let stranger = app.business().await;
    assert_eq!(stranger.get("/staffs").await.status, 200);
}

#[tokio::test]
async fn sessions_of_one_member_share_the_limit_of_the_member() {
    let app = App::start().await;
    let studio = unlimited(&app).await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    studio.staff(13, json!({"staff_name": "Bob"})).await;
    let mut sessions = Vec::new();
    for _ in 0..24 {
        sessions.push(studio.session(12).await);
    }
    let bob = studio.session(13).await;
    app.clock.advance(MINUTE);
    let sessions: Vec<&str> = sessions.iter().map(String::as_str).collect();
    assert_eq!(passed(&studio, &sessions, 960).await, 600);
    assert_eq!(by_key(&studio, &bob).await.status, 200, "another member");
    assert_eq!(studio.get("/staffs").await.status, 200, "the key");
}

#[tokio::test]
async fn sessions_of_many_members_share_the_limit_of_the_business() {
    let app = App::start().await;
    let studio = limited(&app, 60).await;
    let mut sessions = Vec::new();
    for staff in 1..=24 {
        studio.staff(staff, json!({"staff_name": "Ada"})).await;
        app.clock.advance(MINUTE);
        sessions.push(studio.session(staff).await);
    }
    app.clock.advance(MINUTE);
    let sessions: Vec<&str> = sessions.iter().map(String::as_str).collect();
    assert_eq!(passed(&studio, &sessions, 960).await, 60);
}

#[tokio::test]
async fn sessions_of_a_program_share_the_limit_of_their_key() {
    let app = App::start().await;
    let studio = limited(&app, 60).await;
    let mut tokens = Vec::new();
    for _ in 0..24 {
        let begun = app.at_origin(Method::POST, "/authenticates").header("authorization", &studio.key);
        let begun = send(begun).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        tokens.push(begun.body["data"]["token"].as_str().expect("a token").to_owned());
    }
    let path = format!("/institutions?subdomain={}", crate::surface::subdomain(studio.id));
    let mut passed = 0;
    for _ in 0..10 {
        let calls = tokens.iter().map(|token| {
            let call = app.at_origin(Method::GET, &path);
            send(call.header("authorization", format!("Bearer {token}")))
        });
        passed += join_all(calls).await.iter().filter(|answer| answer.status == 200).count();
    }
    assert_eq!(passed, 60 - 24, "beginning them counts");
}

#[tokio::test]
async fn unknown_credentials_cost_no_write_and_are_slowed_until_the_next_minute() {
    let app = App::start().await;
    let studio = limited(&app, 1_000).await;
    assert_eq!(studio.get("/staffs").await.status, 200);
    app.local.wire.clear();
    let mut statuses = Vec::new();
    for n in 0..100 {
        statuses.push(by_key(&studio, &format!("omega_wrong_{n}")).await.status);
    }
    assert_eq!(statuses, [vec![401; 60], vec![429; 40]].concat());
    assert_eq!(app.local.wire.operations("dynamodb"), vec!["GetItem"; 60]);

    app.clock.advance(Duration::from_secs(18));
    let slowed = by_key(&studio, "omega_wrong").await;
    assert_eq!((slowed.status, slowed.header("retry-after")), (429, Some("42")));
    assert_eq!(slowed.body, json!({"detail": "too many unknown credentials from this address"}));
    assert_eq!(slowed.header("ratelimit-limit"), None);
    assert_eq!(
        studio.get("/staffs").await.status,
        200,
        "a known one works, and so does one that is read anew"
    );

    app.clock.advance(Duration::from_secs(42));
    assert_eq!(by_key(&studio, "omega_wrong").await.status, 401);
}

#[tokio::test]
async fn one_unknown_credential_is_looked_up_once_a_minute_and_keeps_nobody_out() {
    let app = App::start().await;
    let studio = limited(&app, 1_000).await;
    app.local.wire.clear();
    for _ in 0..60 {
        assert_eq!(by_key(&studio, "omega_session_ended").await.status, 401);
    }
    assert_eq!(by_key(&studio, "omega_session_ended").await.status, 429);
    assert_eq!(app.local.wire.operations("dynamodb"), ["GetItem"]);
    assert_eq!(studio.get("/staffs").await.status, 200, "a credential that was not seen before");
}

/// No header of the caller's says where it comes from.
#[tokio::test]
async fn a_forwarded_address_makes_no_other_source() {
    let app = App::start().await;
    let studio = limited(&app, 1_000).await;
    let mut last = 0;
    for n in 0..61 {
        let call = app.anonymous(Method::GET, &format!("/businesses/{}/staffs", studio.id));
        let call = call.header("X-Forwarded-For", format!("192.0.2.{n}"));
        last = send(call.header("X-API-KEY", format!("omega_wrong_{n}"))).await.status;
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn unknown_keys_are_slowed_where_sessions_are_begun() {
    let app = App::start().await;
    let _studio = limited(&app, 1_000).await;
    for n in 0..61 {
        let status = if n < 60 { 401 } else { 429 };
        let key = format!("omega_wrong_{n}");
        let login = json!({"user": "12", "password": key});
        let login = app.at_origin(Method::POST, "/api/v1/login").json(&login);
        assert_eq!(send(login).await.status, status, "{n}");
        let begin = app.at_origin(Method::POST, "/authenticates").header("authorization", &key);
        assert_eq!(send(begin).await.status, status, "{n}");
    }
}

#[tokio::test]
async fn concurrent_requests_pass_no_more_than_the_limit_and_one_in_a_hundred() {
    let app = App::start().await;
    let studio = limited(&app, 200).await;
    let passed = passed(&studio, &[&studio.key], 400).await;
    assert!((200..=202).contains(&passed), "{passed}");
}

#[tokio::test]
async fn webhooks_without_a_right_signature_cost_nothing_behind_them() {
    let app = App::start().await;
    let studio = limited(&app, 1_000).await;
    app.local.wire.clear();
    let form =
        [("MessageSid", "SM1"), ("AccountSid", "AC1"), ("From", "+14155550123"), ("To", &*studio.number)];
    for path in ["/twilio/sms/reply", "/twilio/sms/status", "/twilio/voice/status", "/voice-calls/twiml"] {
        for signature in [None, Some("d3Jvbmc=")] {
            let mut call = app.anonymous(Method::POST, path).form(&form);
            if let Some(signature) = signature {
                call = call.header("x-twilio-signature", signature);
            }
            assert_eq!(send(call).await.status, 403, "{path}");
        }
    }
    for provider in ["sendgrid", "mailgun", "postmark", "ses"] {
        for path in [format!("/email/webhooks/{provider}"), format!("/email/inbound/{provider}/mime")] {
            let body =
                json!({"signature": {"timestamp": "1", "token": "t", "signature": "00"}, "event-data": {}});
            let status = send(app.anonymous(Method::POST, &path).json(&body)).await.status;
            assert!((400..500).contains(&status), "{path} {status}");
        }
    }
    for server in ["dynamodb", "sqs", "s3"] {
        assert_eq!(app.local.wire.operations(server), Vec::<String>::new(), "{server}");
    }
}

/// Each function is a process of its own, which counts by itself for a while.
#[tokio::test]
async fn several_processes_let_pass_no_more_than_the_limit_and_one_in_a_hundred_each() {
    let app = App::start().await;
    let studio = limited(&app, 200).await;
    let paths = ["/staffs", "/clients", "/conversations", "/locations"];
    let mut passed = 0;
    for _ in 0..40 {
        let calls = paths.iter().cycle().take(8).map(|path| studio.get(path));
        passed += join_all(calls).await.iter().filter(|answer| answer.status == 200).count();
    }
    // `businesses` answers two of the paths.
    let processes = 3;
    assert!((200..=200 + 2 * processes).contains(&passed), "{passed}");
}

#[tokio::test]
async fn a_caller_over_the_limit_costs_the_table_nothing() {
    let app = App::start().await;
    let studio = limited(&app, 10).await;
    while studio.get("/staffs").await.status == 200 {}
    app.local.wire.clear();
    for _ in 0..20 {
        assert_eq!(studio.get("/staffs").await.status, 429);
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
}

#[tokio::test]
async fn a_limit_holds_within_seconds_of_being_changed() {
    let app = App::start().await;
    let studio = limited(&app, 2).await;
    while studio.get("/staffs").await.status == 200 {}
    let asked = json!({"business_id": studio.id, "requests_per_minute": 100});
    send(app.platform(Method::POST, "/business/onboard").json(&asked)).await.ok();
    app.clock.advance(Duration::from_secs(5));
    assert_eq!(studio.get("/staffs").await.status, 200);
    for bad in [json!(0), json!(100_001), json!("many")] {
        let asked = json!({"business_id": studio.id, "requests_per_minute": bad});
        let refused = send(app.platform(Method::POST, "/business/onboard").json(&asked)).await;
        assert_eq!(refused.bad_fields(), [r#"["body","requests_per_minute"]"#]);
    }
    app.clock.advance(MINUTE);
}
