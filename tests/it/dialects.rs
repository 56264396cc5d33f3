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

/// Paths and methods that no route takes, what `Allow` says of them, and the words of Rocket.Chat.
#[tokio::test]
async fn a_request_that_no_route_takes_is_refused_in_the_dialect_of_its_path() {
    let app = App::start().await;
    let studio = app.business().await;
    let other_method = "Method Not Allowed";
    let unknown = "API endpoint does not exist";
    for (method, path, allow, error) in [
        (Method::GET, "/api", None, unknown),
        (Method::GET, "/api/", None, unknown),
        (Method::GET, "/api/v1", None, unknown),
        (Method::GET, "/api/v1/nothing", None, unknown),
        (Method::POST, "/api/v1/chat.postMessage", None, unknown),
        (Method::GET, "/api/v1/me/", None, unknown),
        (Method::GET, "/api/v1/%ff", None, unknown),
        (Method::DELETE, "/api/v1/omnichannel/contacts", Some("POST"), other_method),
        (Method::GET, "/api/v1/login", Some("POST"), other_method),
        (Method::POST, "/api/v1/me", Some("GET"), other_method),
        (Method::PATCH, "/api/v1/logout", Some("POST, GET"), other_method),
    ] {
        for call in [app.at_origin(method.clone(), path), call(&studio, method.clone(), path)] {
            let answer = send(call).await;
            let expected = json!({"success": false, "error": error});
            let status = if allow.is_some() { 405 } else { 404 };
            assert_eq!((answer.status, &answer.body), (status, &expected), "{method} {path}");
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
            let kept = (answer.header("cache-control"), answer.header("pragma"));
            assert_eq!(kept, (Some("no-store"), Some("no-cache")), "{method} {path}");
            assert_eq!(answer.header("content-type"), Some("application/json"), "{method} {path}");
        }
    }
    for (method, path, allow) in [
        (Method::POST, "/conversations", Some("GET")),
        (Method::GET, "/authenticates", Some("POST")),
        (Method::POST, "/patients?subdomain=x", Some("GET")),
        (Method::DELETE, "/patients/7", Some("GET")),
        (Method::PUT, "/locations/3", Some("GET")),
        (Method::GET, "/conversations/7", None),
        (Method::GET, "/conversations/7/messages", None),
        (Method::GET, "/conversations/", None),
        (Method::GET, "/appointments", None),
        (Method::POST, "/webhook_endpoints", None),
    ] {
        let answer = send(app.at_origin(method.clone(), path)).await;
        let (status, name) = if allow.is_some() { (405, other_method) } else { (404, "Not Found") };
        let expected = json!({"code": false, "description": name, "data": {}, "error": [name]});
        assert_eq!((answer.status, &answer.body), (status, &expected), "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    for path in ["/", "/nothing", "/omega/nothing", "/omega/conversations"] {
        let answer = send_raw(app.at_origin(Method::GET, path)).await;
        assert_eq!(answer, (404, r#"{"detail":"Not Found"}"#.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_the_dialect_of_its_path() {
    let app = App::start().await;
    let studio = app.business().await;
    let json = "application/json";
    for (path, kind, body) in [
        ("/api/v1/omnichannel/contact", json, "{"),
        ("/api/v1/omnichannel/contact", json, "[1]"),
        ("/api/v1/omnichannel/contact", json, ""),
        ("/api/v1/omnichannel/contact", "text/plain", "token=t&name=Ada"),
        ("/api/v1/omnichannel/contact", "multipart/form-data; boundary=x", "--x--"),
    ] {
        let call = call(&studio, Method::POST, path).header("content-type", kind).body(body);
        let expected = json!({"success": false, "error": "Match error: Missing key 'token'"});
        let answer = send(call).await;
        assert_eq!((answer.status, answer.body), (400, expected), "{kind} {body}");
    }
    let large = "x".repeat(6 * 1024 * 1024 + 1);
    let answer = send(call(&studio, Method::POST, "/api/v1/omnichannel/contact").body(large)).await;
    assert_eq!((answer.status, &answer.body["success"]), (413, &json!(false)), "{}", answer.body);
    assert!(answer.body["error"].is_string());
    let keyed = call(&studio, Method::POST, "/api/v1/omnichannel/contact").header("Idempotency-Key", "");
    let answer = send(keyed).await;
    assert_eq!((answer.status, &answer.body["success"]), (400, &json!(false)), "{}", answer.body);
    for path in ["/patients/%ff", "/patients/seven", "/locations/-1", "/institutions/1.5"] {
        let subdomain = subdomain(studio.id);
        let answer = send(call(&studio, Method::GET, &format!("{path}?subdomain={subdomain}"))).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!(false)), "{path} {}", answer.body);
        assert_eq!(answer.body["description"], "Bad Request", "{path}");
        assert!(answer.body["error"][0].is_string(), "{path}");
    }
}
