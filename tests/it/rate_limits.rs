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
async fn each_credential_has_a_limit_of_its_own() {
    let app = App::start().await;
    let studio = limited(&app, 4).await;
    let other = studio.post("/api-keys", json!({})).await.ok()["api_key"].as_str().expect("a key").to_owned();
    while studio.get("/staffs").await.status == 200 {}
    let call = studio.app.anonymous(Method::GET, &format!("/businesses/{}/staffs", studio.id));
    let by_other = send(call.header("X-API-KEY", &other)).await;
    assert_eq!((by_other.status, told(&by_other)), (200, [4, 3, 60]));
    let stranger = app.business().await;
    assert_eq!(stranger.get("/staffs").await.status, 200);
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
