//! What the published references of Rocket.Chat and NexHealth fix, byte by byte.

#![allow(clippy::unwrap_used, reason = "every function here is a test or the tool of one")]

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{App, Business, send, send_raw};
use crate::surface::{Surface, contact_id, credential_id, subdomain};

const CONTACTS: &str = "/api/v1/omnichannel";

fn call(studio: &Business<'_>, method: Method, path: &str) -> RequestBuilder {
    let call = studio.app.at_origin(method, path);
    Surface::of(path).show(call, &studio.key, &credential_id(&studio.key))
}

#[tokio::test]
async fn what_rocket_chat_answers_is_as_it_is_published() {
    let app = App::start().await;
    let studio = app.business().await;
    let get = |path: &str| call(&studio, Method::GET, &format!("{CONTACTS}/{path}"));
    let post =
        |path: &str, body: Value| call(&studio, Method::POST, &format!("{CONTACTS}/{path}")).json(&body);
    let made = send(post("contact", json!({"token": "t", "name": "Ana"}))).await;
    let ana = made.body["contact"].as_str().unwrap();
    let unknown = contact_id(studio.id, 999);
    let failed = |error: &str| format!(r#"{{"success":false,"error":"{error}"}}"#);
    let of_type =
        |kind: &str, error: &str| format!(r#"{{"success":false,"error":"{error}","errorType":"{kind}"}}"#);
    let login = app.at_origin(Method::POST, "/api/v1/login").json(&json!({"user": "12", "password": "x"}));
    let unauthorized =
        r#"{"success":false,"error":"Unauthorized","status":"error","message":"Unauthorized"}"#;
    let mismatch = |why: &str| (400, failed(&format!("Match error: {why}")));
    let cases = [
        (
            get(&format!("contact?contactId={unknown}")),
            (200, r#"{"contact":null,"success":true}"#.to_owned()),
        ),
        (get("contact?contactId="), (200, r#"{"contact":null,"success":true}"#.to_owned())),
        (get("contact"), mismatch("Missing key 'contactId'")),
        (get("contact?contactId=a&text=b"), mismatch("Unknown key in field text")),
        (get("contact?contactId[]=a"), mismatch("Expected string, got object in field contactId")),
        (
            post("contact", json!({"token": "t", "name": "Ana"})),
            (200, format!(r#"{{"contact":"{ana}","success":true}}"#)),
        ),
        (post("contact", json!({"name": "Ana"})), mismatch("Missing key 'token'")),
        (
            post("contact", json!({"token": 1, "name": "Ana"})),
            mismatch("Expected string, got number in field token"),
        ),
        (
            post("contact", json!({"token": "", "name": "Ana"})),
            (
                400,
                of_type("error-invalid-contact-data", "Invalid visitor token [error-invalid-contact-data]"),
            ),
        ),
        (get("contact.search?email="), (400, of_type("error-invalid-params", "[error-invalid-params]"))),
        (
            get("contact.search?custom=x"),
            (400, of_type("error-invalid-params-custom", "[error-invalid-params-custom]")),
        ),
        (get(&format!("contacts.get?contactId={unknown}")), (404, failed("Resource not found"))),
        (
            get("contacts.get"),
            (400, of_type("invalid-params", "must have required property 'contactId' [invalid-params]")),
        ),
        (get(&format!("contacts.history?contactId={unknown}")), (400, failed("error-contact-not-found"))),
        (
            get(&format!("contacts.channels?contactId={unknown}")),
            (200, r#"{"channels":[],"success":true}"#.to_owned()),
        ),
        (
            get(&format!("contacts.checkExistence?contactId={unknown}")),
            (200, r#"{"exists":false,"success":true}"#.to_owned()),
        ),
        (
            post("contacts.conflicts", json!({"contactId": ana})),
            (400, failed("error-contact-has-no-conflicts")),
        ),
        (post("contacts.delete", json!({"contactId": unknown})), (404, failed("error-contact-not-found"))),
        (
            get(&format!("contacts.get?{}", "contactId[]=a&".repeat(1001))),
            (400, failed("Invalid query parameters")),
        ),
        (login, (401, unauthorized.to_owned())),
        (
            call(&studio, Method::POST, "/api/v1/logout"),
            (200, r#"{"status":"success","data":{"message":"You've been logged out!"}}"#.to_owned()),
        ),
    ];
    for (index, (call, expected)) in cases.into_iter().enumerate() {
        assert_eq!(send_raw(call).await, expected, "case {index}");
    }
}

#[tokio::test]
async fn what_nexhealth_answers_is_as_it_is_published() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/locations/3", json!({"name": "Mitte"})).await.ok();
    let name = subdomain(studio.id);
    let list = |query: &str| call(&studio, Method::GET, &format!("/conversations?{query}"));
    let failed = |description: &str, error: &str| {
        format!(r#"{{"code":false,"description":"{description}","data":{{}},"error":["{error}"]}}"#)
    };
    let empty = |error: &str| {
        format!(r#"{{"code":true,"description":"Success","error":[{error}],"data":[],"count":0}}"#)
    };
    let cases = [
        (list(&format!("subdomain={name}&location_id=3")), (200, empty(""))),
        (
            list(&format!("subdomain={name}&location_id=3&patient_id=7")),
            (200, empty(r#""Unknown parameter: patient_id""#)),
        ),
        (
            list(&format!("subdomain={name}&location_id=3&page=9223372036854775807&per_page=100")),
            (200, empty("")),
        ),
        (list("location_id=3"), (400, failed("Bad Request", "subdomain is missing"))),
        (list(&format!("subdomain={name}&location_id=4")), (404, failed("Not Found", "Location not found"))),
        (list("subdomain=nobody&location_id=3"), (403, failed("Forbidden", "Forbidden"))),
        (app.at_origin(Method::POST, "/authenticates"), (401, failed("Unauthorized", "Unauthorized"))),
    ];
    for (index, (call, expected)) in cases.into_iter().enumerate() {
        assert_eq!(send_raw(call).await, expected, "case {index}");
    }
    let (status, token) =
        send_raw(app.at_origin(Method::POST, "/authenticates").header("Authorization", &studio.key)).await;
    let around = token.strip_prefix(r#"{"code":true,"data":{"token":""#);
    let around = around.and_then(|rest| rest.strip_suffix(r#""},"description":"Authenticated","error":[]}"#));
    assert_eq!((status, around.map(|token| token.split('.').count())), (201, Some(3)), "{token}");
}
