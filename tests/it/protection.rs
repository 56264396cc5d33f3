//! The headers that protect every response, and the two cookies of a session.

use reqwest::Method;
use serde_json::json;

use crate::app::{Answered, App, Business, send};

#[tokio::test]
async fn every_response_has_the_headers_that_protect_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let fallback = format!("{}/omega/twilio/sms/reply", app.local.fallback_url);
    let path = format!("/businesses/{}/clients", studio.id);
    let cases = [
        (200, app.anonymous(Method::GET, "/health")),
        (200, studio.request(Method::GET, "/clients")),
        (401, app.anonymous(Method::GET, &path)),
        (403, app.anonymous(Method::GET, "/businesses/1/clients").header("X-API-KEY", &studio.key)),
        (404, app.anonymous(Method::GET, "/nothing")),
        (405, app.anonymous(Method::DELETE, &path)),
        (422, studio.request(Method::POST, "/sms/send").json(&json!({}))),
        (403, app.anonymous(Method::POST, "/twilio/sms/reply")),
        (403, reqwest::Client::new().post(fallback)),
        (401, app.at_origin(Method::GET, "/conversations")),
        (401, app.at_origin(Method::GET, "/api/v1/omnichannel/contacts.get")),
    ];
    for (status, request) in cases {
        let answer = send(request).await;
        let named = ["x-content-type-options", "strict-transport-security"].map(|name| answer.header(name));
        let expected = [Some("nosniff"), Some("max-age=31536000; includeSubDomains")];
        assert_eq!(named, expected, "{status}: {answer:?}");
        assert!(answer.header("cache-control").unwrap().contains("no-store"), "{status}: {answer:?}");
    }
}

/// The cookies that a response sets, as name, value and attributes.
fn cookies(answer: &Answered) -> Vec<(&str, &str, &str)> {
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    set.map(|(_, cookie)| {
        let (name, rest) = cookie.split_once('=').expect("a name");
        let (value, attributes) = rest.split_once("; ").expect("attributes");
        (name, value, attributes)
    })
    .collect()
}

async fn reads(studio: &Business<'_>, cookie: &str) -> u16 {
    let request = studio.app.anonymous(Method::GET, &format!("/businesses/{}/staffs", studio.id));
    send(request.header("Cookie", cookie)).await.status
}

#[tokio::test]
async fn a_session_is_set_as_two_cookies_and_either_opens_it() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;

    let begun = studio.begins_session(12).await;

    let token = begun.body["access_token"].as_str().unwrap();
    let attributes = "Max-Age=43200; Path=/; HttpOnly; Secure; SameSite=Strict";
    let expected = [("session", token, attributes), ("__Host-session", token, attributes)];
    assert_eq!(cookies(&begun), expected);
    assert_eq!(reads(&studio, &format!("session={token}")).await, 200);
    assert_eq!(reads(&studio, &format!("__Host-session={token}")).await, 200);
}

#[tokio::test]
async fn the_host_cookie_wins_over_one_that_another_host_could_have_set() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    for business in [&studio, &stranger] {
        business.staff(12, json!({"staff_name": "Ada"})).await;
    }
    let (own, planted) = (studio.session(12).await, stranger.session(12).await);

    for cookies in [
        format!("session={planted}; __Host-session={own}"),
        format!("__Host-session={own}; session={planted}"),
        format!("session=x; a=b; __Host-session={own}"),
    ] {
        assert_eq!(reads(&studio, &cookies).await, 200, "{cookies}");
    }
    assert_eq!(reads(&studio, &format!("session={own}; __Host-session={planted}")).await, 403);
    assert_eq!(reads(&studio, &format!("session={own}; __Host-session=x")).await, 401);
}

#[tokio::test]
async fn logging_out_clears_both_cookies_and_ending_somebody_elses_session_clears_none() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    studio.staff(13, json!({"staff_name": "Zoë", "role": "owner"})).await;
    let expire = async |cookie: &str, session: &str| {
        let request = app.anonymous(Method::POST, "/session/expire").header("Origin", app.origin());
        send(request.header("Cookie", cookie).json(&json!({"session_id": session}))).await
    };
    let attributes = "Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict";
    let cleared = [("session", "", attributes), ("__Host-session", "", attributes)];
    for all in [false, true] {
        let begun = studio.begins_session(12).await.ok();
        let (token, id) = (begun["access_token"].as_str().unwrap(), begun["session_id"].as_str().unwrap());
        let ended = expire(&format!("__Host-session={token}"), if all { "all" } else { id }).await;
        assert_eq!((ended.status, cookies(&ended)), (200, cleared.to_vec()), "all: {all}");
    }
    let theirs = studio.begins_session(12).await.ok();
    let owner = studio.session(13).await;
    let ended = expire(&format!("session={owner}"), theirs["session_id"].as_str().unwrap()).await;
    assert_eq!((ended.status, cookies(&ended)), (200, vec![]));
    assert_eq!(reads(&studio, &format!("session={owner}")).await, 200);
}
