//! Sessions: who gets one, what it is as a cookie, and how it ends.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, names, send};
use crate::faults::at_every_call;

/// Longer than a process believes what it read of a credential.
const FORGOTTEN: Duration = Duration::from_secs(5);

async fn staff(studio: &Business<'_>, id: u64, role: &str) {
    studio.staff(id, json!({"staff_name": "Ada", "role": role})).await;
}

async fn begin(studio: &Business<'_>, asked: Value) -> Answered {
    let call = studio.app.anonymous(Method::POST, "/auth/token").header("X-API-KEY", &studio.key);
    send(call.json(&asked)).await
}

async fn expire(app: &App, secret: &str, asked: Value) -> Answered {
    send(app.anonymous(Method::POST, "/session/expire").header("X-API-KEY", secret).json(&asked)).await
}

fn word(value: &Value, name: &str) -> String {
    value[name].as_str().expect("a word").to_owned()
}

/// Whether a secret opens the staff list of its business, when the process has forgotten what it knew.
async fn opens(studio: &Business<'_>, secret: &str) -> bool {
    studio.app.clock.advance(FORGOTTEN);
    let call = studio.app.anonymous(Method::GET, &format!("/businesses/{}/staffs", studio.id));
    match send(call.header("X-API-KEY", secret)).await.status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_program_gets_a_session_for_a_member_of_the_staff() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, 12, "staff").await;

    let answer = begin(&studio, json!({"business_id": studio.id, "wl_user_id": 900, "staff_id": 12})).await;

    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let begun = answer.ok();
    let fields = ["access_token", "expires_at", "expires_in", "session_id", "token_type"];
    assert_eq!(names(&begun), fields);
    assert_eq!((&begun["token_type"], &begun["expires_in"]), (&json!("bearer"), &json!(43_200)));
    let token = word(&begun, "access_token");
    assert!(token.starts_with(&format!("omega_session_{}_", word(&begun, "session_id"))));
    assert_eq!(cookie, format!("session={token}; Max-Age=43200; Path=/; HttpOnly; Secure; SameSite=Strict"));
    assert_eq!(studio.as_session(&token, Method::GET, "/staffs", json!({})).await.status, 200);
}

#[tokio::test]
async fn without_a_staff_id_the_user_is_the_member_of_the_staff() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, 12, "staff").await;
    let token = word(
        &begin(&studio, json!({"business_id": studio.id, "wl_user_id": "12"})).await.ok(),
        "access_token",
    );
    assert!(opens(&studio, &token).await);
    let unknown = begin(&studio, json!({"business_id": studio.id, "wl_user_id": 13})).await;
    assert_eq!(unknown.bad_fields(), [r#"["body","wl_user_id"]"#]);
}

#[tokio::test]
async fn every_bad_field_of_a_request_for_a_session_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let answer = begin(&studio, json!({"wl_user_id": "x", "user_type": "client", "staff_id": -1})).await;
    let fields = [
        r#"["body","business_id"]"#,
        r#"["body","wl_user_id"]"#,
        r#"["body","staff_id"]"#,
        r#"["body","user_type"]"#,
    ];
    let mut named = answer.bad_fields();
    named.sort();
    let mut fields = fields.map(str::to_owned);
    fields.sort();
    assert_eq!(named, fields);
}

#[tokio::test]
async fn one_session_ends_and_the_others_stay() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, 12, "staff").await;
    let first = begin(&studio, json!({"business_id": studio.id, "wl_user_id": 12})).await.ok();
    let second = studio.session(12).await;

    let ended = expire(&app, &studio.key, json!({"session_id": first["session_id"]})).await.ok();

    assert_eq!(ended, json!({"success": true, "message": "The session is over"}));
    assert!(!opens(&studio, &word(&first, "access_token")).await);
    assert!(opens(&studio, &second).await);
    let again = expire(&app, &studio.key, json!({"session_id": first["session_id"]})).await.ok();
    assert_eq!(again, ended, "what is over is over");
}

#[tokio::test]
async fn all_sessions_of_a_member_end_and_a_later_one_is_good() {
    let app = App::start().await;
    let studio = app.business().await;
    staff(&studio, 12, "staff").await;
    staff(&studio, 13, "staff").await;
    let (one, two, other) = (studio.session(12).await, studio.session(12).await, studio.session(13).await);

    expire(&app, &one, json!({"session_id": "all"})).await.ok();

    assert!(!opens(&studio, &one).await && !opens(&studio, &two).await);
    assert!(opens(&studio, &other).await && opens(&studio, &studio.session(12).await).await);
    staff(&studio, 12, "owner").await;
    assert!(!opens(&studio, &one).await, "a change in the directory brings no session back");
    let whose = expire(&app, &studio.key, json!({"session_id": "all"})).await;
    assert_eq!(whose.bad_fields(), [r#"["body","staff_id"]"#]);
    let nobodys = expire(&app, &studio.key, json!({"session_id": "all", "staff_id": 99})).await;
    assert_eq!(nobodys.bad_fields(), [r#"["body","staff_id"]"#]);
}

#[tokio::test]
async fn staff_end_their_own_sessions_and_those_above_them_anybodys() {
    let app = App::start().await;
    let studio = app.business().await;
    for (id, role) in [(1, "owner"), (2, "manager"), (3, "staff"), (4, "staff")] {
        staff(&studio, id, role).await;
    }
    let theirs = begin(&studio, json!({"business_id": studio.id, "wl_user_id": 4})).await.ok();
    let (id, token) = (theirs["session_id"].clone(), word(&theirs, "access_token"));
    let by_staff = studio.session(3).await;
    for asked in [json!({"session_id": id}), json!({"session_id": "all", "staff_id": 4})] {
        let refused = expire(&app, &by_staff, asked).await;
        assert_eq!((refused.status, refused.body), (403, json!({"detail": "Forbidden"})));
    }
    assert!(opens(&studio, &token).await);
    expire(&app, &studio.session(2).await, json!({"session_id": id})).await.ok();
    assert!(!opens(&studio, &token).await);
    let again = studio.session(4).await;
    expire(&app, &studio.session(1).await, json!({"session_id": "all", "staff_id": 4})).await.ok();
    assert!(!opens(&studio, &again).await);
}

#[tokio::test]
async fn a_session_of_another_business_is_answered_like_one_that_never_was_and_stays() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    staff(&studio, 12, "staff").await;
    let session = begin(&studio, json!({"business_id": studio.id, "wl_user_id": 12})).await.ok();
    let foreign = expire(&app, &stranger.key, json!({"session_id": session["session_id"]})).await;
    let missing = expire(&app, &stranger.key, json!({"session_id": "0011223344556677"})).await;
    assert_eq!((foreign.status, foreign.body), (missing.status, missing.body));
    assert!(opens(&studio, &word(&session, "access_token")).await);
}

/// A change asked for with the cookie, and these headers.
fn change(studio: &Business<'_>, token: &str, headers: &[(&str, &str)]) -> RequestBuilder {
    let path = format!("/businesses/{}/conversations/7/assign?staff_id=12", studio.id);
    let call = studio.app.anonymous(Method::POST, &path).header("Cookie", format!("session={token}"));
    headers.iter().fold(call, |call, (name, value)| call.header(*name, *value))
}

#[tokio::test]
async fn a_change_by_cookie_is_believed_from_our_own_pages_only() {
    let app = App::start().await;
    let studio = app.business().await;
    let inbox = "https://inbox.studio.example";
    let configured = json!({"business_id": studio.id, "allowed_origins": [inbox]});
    send(app.platform(Method::POST, "/business/onboard").json(&configured)).await.ok();
    staff(&studio, 12, "staff").await;
    studio.put("/clients/7", json!({})).await.ok();
    studio.post("/clients/7/conversation", json!({})).await.ok();
    app.clock.advance(FORGOTTEN);
    let token = studio.session(12).await;
    let own = app.origin();
    let host = own.trim_start_matches("http://").to_owned();
    let upper = inbox.to_uppercase();
    let believed: &[&[(&str, &str)]] = &[
        &[("Origin", own)],
        &[("Origin", inbox)],
        &[("Origin", &upper)],
        &[("Origin", inbox), ("Sec-Fetch-Site", "same-site")],
        &[("Origin", own), ("Sec-Fetch-Site", "same-origin")],
    ];
    for headers in believed {
        assert_eq!(send(change(&studio, &token, headers)).await.status, 200, "{headers:?}");
    }
    let appended = format!("{inbox}.evil.example");
    let port = format!("{inbox}:8443");
    let ftp = format!("ftp://{host}");
    let forged: &[&[(&str, &str)]] = &[
        &[],
        &[("Origin", "null")],
        &[("Origin", "https://evil.example")],
        &[("Origin", &appended)],
        &[("Origin", &port)],
        &[("Origin", "http://inbox.studio.example")],
        &[("Origin", &ftp)],
        &[("Origin", &host)],
        &[("Referer", inbox)],
        &[("Origin", inbox), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", own), ("Sec-Fetch-Site", "none")],
        &[("Sec-Fetch-Site", "same-origin")],
    ];
    app.local.wire.clear();
    for headers in forged {
        let answer = send(change(&studio, &token, headers)).await;
        assert_eq!((answer.status, answer.body), (403, json!({"detail": "Forbidden"})), "{headers:?}");
    }
    assert_eq!(app.writes(), Vec::<String>::new());
    // Reading changes nothing, and in the header a token comes from no page that does not have it.
    let read = app.anonymous(Method::GET, &format!("/businesses/{}/staffs", studio.id));
    assert_eq!(send(read.header("Cookie", format!("session={token}"))).await.status, 200);
    let by_header =
        app.anonymous(Method::POST, &format!("/businesses/{}/conversations/7/assign?staff_id=", studio.id));
    assert_eq!(send(by_header.header("X-API-KEY", &token)).await.status, 200);
}

#[tokio::test]
async fn whoever_dies_while_a_session_begins_or_ends_is_followed_by_one_that_begins_or_ends_it() {
    at_every_call(3, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        staff(&studio, 12, "staff").await;
        let asked = json!({"business_id": studio.id, "wl_user_id": 12});
        let died = app.dies(n, when, begin(&studio, asked.clone())).await;
        let begun = begin(&studio, asked).await.ok();
        assert!(opens(&studio, &word(&begun, "access_token")).await);
        died
    })
    .await;
    at_every_call(3, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        staff(&studio, 12, "staff").await;
        let begun = begin(&studio, json!({"business_id": studio.id, "wl_user_id": 12})).await.ok();
        app.clock.advance(FORGOTTEN);
        let end = json!({"session_id": begun["session_id"]});
        let died = app.dies(n, when, expire(&app, &studio.key, end.clone())).await;
        expire(&app, &studio.key, end).await.ok();
        assert!(!opens(&studio, &word(&begun, "access_token")).await);
        died
    })
    .await;
}
