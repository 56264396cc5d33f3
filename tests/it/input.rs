//! What callers send is checked in one way wherever it is taken, and all problems of one request are told together.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, send};
use crate::email_sending::one;

const ADA: &str = "+14155550123";

/// The places that a 422 names, such as `path.staff_id`.
#[track_caller]
fn named(answer: &Answered) -> BTreeSet<String> {
    assert_eq!(answer.status, 422, "{}", answer.body);
    let entries = answer.body["detail"].as_array().expect("a list of problems");
    let word = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    let place = |entry: &Value| {
        let loc = entry["loc"].as_array().expect("a place");
        loc.iter().map(word).collect::<Vec<_>>().join(".")
    };
    entries.iter().map(place).collect()
}

fn places<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[tokio::test]
async fn problems_of_path_query_headers_and_body_are_told_together() {
    let app = App::start().await;
    let studio = app.business().await;

    let staff = studio.put("/staffs/x", json!({"staff_name": 5, "role": "king"})).await;
    assert_eq!(named(&staff), places(["path.staff_id", "body.staff_name", "body.role"]));
    let client = studio.put("/clients/x", json!({"client_email": 5, "timezone": "Mars/Base"})).await;
    assert_eq!(named(&client), places(["path.client_id", "body.client_email", "body.timezone"]));
    let location = studio.put("/locations/-1", json!({"name": 5})).await;
    assert_eq!(named(&location), places(["path.location_id", "body.name"]));
    let note = studio.post("/conversations/x/notes", json!({"note": "\u{200b}"})).await;
    assert_eq!(named(&note), places(["path.conversation_id", "body.note"]));
    let thread = studio.get("/conversations/x/messages?filter=odd&page=0").await;
    assert_eq!(named(&thread), places(["path.conversation_id", "query.filter", "query.page"]));
    let history = studio.get("/conversations/x/history?page=0").await;
    assert_eq!(named(&history), places(["path.conversation_id", "query.page"]));
    let found = studio.get("/conversations/x/messages/search").await;
    assert_eq!(named(&found), places(["path.conversation_id", "query.query"]));
    let flag = studio.post("/messages/x/flag", json!({"flagged": "maybe"})).await;
    assert_eq!(named(&flag), places(["path.message_id", "body.flagged"]));

    let decisions = [
        ("assign?staff_id=x", places(["path.conversation_id", "header.If-Match", "query.staff_id"])),
        ("status?status=odd", places(["path.conversation_id", "header.If-Match", "query.status"])),
    ];
    for (decision, expected) in decisions {
        let answer = studio.act_if(&format!("/conversations/x/{decision}"), "odd").await;
        assert_eq!(named(&answer), expected, "{decision}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_hides_no_problem_of_the_path() {
    let app = App::start().await;
    let studio = app.business().await;
    let put = |body: &'static str| {
        send(studio.request(Method::PUT, "/staffs/x").header("Content-Type", "application/json").body(body))
    };
    // The place counts from the beginning of the body, not of its line.
    assert_eq!(named(&put("{\n\"staff_name\": oops}").await), places(["path.staff_id", "body.16"]));
    assert_eq!(named(&put("").await), places(["path.staff_id", "body"]));
}

#[tokio::test]
async fn who_may_not_ask_learns_nothing_of_what_is_wrong() {
    let app = App::start().await;
    let studio = app.business().await;
    let path = format!("/businesses/{}/staffs/x", studio.id);
    assert_eq!(send(app.anonymous(Method::PUT, &path).body("{")).await.status, 401);
    let foreign = app.anonymous(Method::PUT, "/businesses/1/staffs/x").header("X-API-KEY", &studio.key);
    assert_eq!(send(foreign.body("{")).await.status, 403);
}

#[tokio::test]
async fn an_assignment_names_its_assignee_in_query_or_body_and_nobody_only_expressly() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(7, json!({"staff_name": "Zoe"})).await;
    studio.opens_with(7, ADA).await;
    let path = "/conversations/7/assign";

    assert_eq!(named(&studio.act(path).await), places(["query.staff_id"]));
    assert_eq!(named(&studio.post(path, json!({})).await), places(["query.staff_id"]));
    assert_eq!(studio.post(path, json!({"staff_id": 7})).await.ok()["applied"], true);
    assert_eq!(studio.client(7).await["assigned_to"], "7");
    assert_eq!(studio.post(path, json!({"staff_id": null})).await.ok()["applied"], true);
    assert_eq!(studio.client(7).await["assigned_to"], Value::Null);
    let both = studio.post(&format!("{path}?staff_id=8"), json!({"staff_id": 7})).await;
    assert_eq!(named(&both), places(["body.staff_id"]));
}

#[tokio::test]
async fn a_label_and_a_flag_are_taken_from_query_or_body() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    studio.post("/conversations/7/label", json!({"label": "vip"})).await.ok();
    assert_eq!(studio.client(7).await["label"], "vip");
    // The published parameter is optional: a request without it clears.
    studio.act("/conversations/7/label").await.ok();
    assert_eq!(studio.client(7).await["label"], Value::Null);

    let note = studio.notes(7, "Call back").await;
    let flag = format!("/messages/{note}/flag");
    for (body, is_flagged) in [(json!({}), true), (json!({"flagged": false}), false)] {
        studio.post(&flag, body).await.ok();
        assert_eq!(studio.message(note).await["is_flagged"], is_flagged);
    }
}

#[tokio::test]
async fn a_value_of_a_known_kind_is_checked_wherever_it_is_taken() {
    let app = App::start().await;
    let studio = app.business().await;
    for zone in ["Mars/Base", "", "+01:00", "America"] {
        let client = studio.put("/clients/7", json!({"timezone": zone})).await;
        assert_eq!(named(&client), places(["body.timezone"]), "{zone}");
        let location = studio.put("/locations/1", json!({"name": "Main", "timezone": zone})).await;
        assert_eq!(named(&location), places(["body.timezone"]), "{zone}");
    }
    studio.put("/clients/7", json!({"timezone": "Europe/Berlin"})).await.ok();
    for url in ["javascript:alert(1)", "picture", "https://", "ftp://example.com/a"] {
        let client = studio.put("/clients/7", json!({"client_image_url": url})).await;
        assert_eq!(named(&client), places(["body.client_image_url"]), "{url}");
    }
    let long = studio.put("/clients/7", json!({"location_id": "12345678901234567890123"})).await;
    assert_eq!(long.body["detail"][0]["type"], "less_than_equal", "{}", long.body);

    let mut text = studio.send_body(&[(7, ADA, "Hello")]);
    for (send_at, is_bad) in [
        ("2026-01-31T12:00:00%2B25:00", true),
        ("2026-01-31T12:00:00+25:00", true),
        ("9999-12-31T23:59:59Z", false),
    ] {
        let listed = format!("/conversations?updated_since={}", send_at.replace('+', "%2B"));
        assert_eq!(studio.get(&listed).await.status == 422, is_bad, "{send_at}");
    }
    text["messages"][0]["message"] = "\u{200b}\u{feff}".into();
    assert_eq!(named(&studio.post("/sms/send", text).await), places(["body.messages.0.message"]));
    let mut early = studio.send_body(&[(7, ADA, "Hello")]);
    early["messages"][0]["send_at"] = "2030-01-01T00:00:00Z".into();
    assert_eq!(named(&studio.post("/sms/send", early).await), places(["body.messages.0.send_at"]));
    assert_eq!(named(&studio.get("/conversations?label=x").await), places(["query.label"]));
}

#[tokio::test]
async fn an_attachment_at_a_private_address_is_refused_at_once() {
    let app = App::start().await;
    let studio = app.business().await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "240.0.0.1",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "localhost",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "intranet",
        "example.com:8443",
        "ada@example.com",
    ] {
        let file = json!({"attachments": [{"url": format!("https://{host}/plan.pdf")}]});
        let answer = studio.post("/email/send", one(file)).await;
        assert_eq!(named(&answer), places(["body.messages.0.attachments.0.url"]), "{host}");
    }
}
