//! What every answer has in common, whatever it is about.

use axum::body::Body;
use http_body_util::BodyExt;
use local::Source;
use reqwest::Method;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{Answered, App, names, send, send_raw};

const ADA: &str = "+14155550123";
const SIX_MEGABYTES: usize = 6 * 1024 * 1024;

async fn get(app: &App, path: &str) -> Answered {
    send(app.anonymous(Method::GET, path)).await
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_404() {
    let app = App::start().await;
    let studio = app.business().await;
    let paths = [
        "/nothing",
        "",
        "/",
        "/health/",
        "/business",
        "/businesses/1",
        "/businesses/1/clients/",
        "/businesses/1/conversations/7",
        "/businesses/1/conversations/7/messages/8",
        "/messages/1/conversations/7/messages",
        "/businesses/1/locations/3/hours",
        "/businesses/1/staff",
    ];
    for path in paths {
        let answer = send_raw(app.anonymous(Method::GET, path).header("X-API-KEY", &studio.key)).await;
        assert_eq!(answer, (404, r#"{"detail":"Not Found"}"#.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_405_and_says_which_it_has() {
    let app = App::start().await;
    let table = [
        (Method::POST, "/health", "GET"),
        (Method::POST, "/businesses/1/clients/7", "GET, PUT, DELETE"),
        (Method::DELETE, "/businesses/1/clients", "GET"),
        (Method::POST, "/businesses/1/conversations", "GET"),
        (Method::POST, "/businesses/1/conversations/filters", "GET"),
        (Method::POST, "/businesses/1/conversations/7/messages", "GET"),
        (Method::HEAD, "/businesses/1/conversations/7/notes", "POST"),
        (Method::PUT, "/businesses/1/conversations/7/assign", "POST"),
        (Method::POST, "/messages/1/conversations/7/messages/search", "GET"),
        (Method::GET, "/businesses/1/messages/status", "POST"),
        (Method::GET, "/businesses/1/locations/3", "PUT"),
        (Method::DELETE, "/businesses/1/staffs/12", "GET, PUT"),
        (Method::GET, "/businesses/1/sms/send", "POST"),
        (Method::HEAD, "/businesses/1/sms/send", "POST"),
        (Method::OPTIONS, "/messages/process", "POST"),
        (Method::GET, "/twilio/sms/reply", "POST"),
        (Method::PATCH, "/business/1/onboard/status", "GET"),
    ];
    for (method, path, allowed) in table {
        let answer = send(app.anonymous(method.clone(), path)).await;

        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
        if method != Method::HEAD {
            assert_eq!(answer.body, json!({"detail": "Method Not Allowed"}));
        }
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = App::start().await;
    let studio = app.business().await;
    let path = format!("/businesses/{}/clients/7", studio.id);

    let health = send_raw(app.anonymous(Method::HEAD, "/health")).await;
    let own = send_raw(studio.request(Method::HEAD, "/clients/7")).await;
    let anonymous = send_raw(app.anonymous(Method::HEAD, &path)).await;

    assert_eq!(health, (200, String::new()));
    assert_eq!(own, (200, String::new()));
    assert_eq!(anonymous, (401, String::new()));
}

#[tokio::test]
async fn a_sane_request_id_comes_back_on_every_answer_and_another_is_replaced() {
    let app = App::start().await;
    let studio = app.business().await;
    let paths = ["/health", "/nothing", "/twilio/sms/reply", "/businesses/1/clients/7"];
    for path in paths {
        let call = |id: &str| send(app.anonymous(Method::GET, path).header("X-Request-Id", id));
        for sane in ["abc-123_x.y:z", &"a".repeat(128)] {
            assert_eq!(call(sane).await.header("x-request-id"), Some(sane), "{path}");
        }
        for odd in ["", "a b", "a\"b", "{}", &"a".repeat(129)] {
            let answer = call(odd).await;
            assert_eq!(answer.header("x-request-id").map(str::len), Some(36), "{path} {odd}");
        }
        assert_eq!(get(&app, path).await.header("x-request-id").map(str::len), Some(36));
    }
    let refused =
        send(studio.request(Method::POST, "/sms/send").header("X-Request-Id", "mine").json(&json!({}))).await;
    assert_eq!((refused.status, refused.header("x-request-id")), (422, Some("mine")));
}

#[tokio::test]
async fn the_request_id_is_on_every_job_that_the_call_causes() {
    let app = App::start().await;
    let studio = app.business().await;
    let post = |path: &str, id: &str, body: &Value| {
        send(studio.request(Method::POST, path).header("X-Request-Id", id).json(body))
    };
    let to_send = studio.send_body(&[(7, ADA, "One"), (8, "+14155550124", "Two")]);
    let to_record = json!({
        "category": "conversation", "from_phone_number": ADA, "sender_type": "client",
        "messages": [{"client_id": 7, "to_phone_number": studio.number, "message": "Hello"}],
    });

    post("/sms/send", "sending-1", &to_send).await.ok();
    post("/sms/record", "recording-1", &to_record).await.ok();

    for (source, id, jobs) in [(Source::Sms, "sending-1", 2), (Source::Record, "recording-1", 1)] {
        let bodies = app.local.sqs.bodies(&app.local.feed(source).queue);
        let ids: Vec<Value> = bodies
            .iter()
            .map(|body| serde_json::from_str::<Value>(body).unwrap()["request"].clone())
            .collect();
        assert_eq!(ids, vec![json!(id); jobs]);
    }
}

#[tokio::test]
async fn a_body_of_more_than_six_megabytes_is_413_and_names_the_limit() {
    let app = App::start().await;
    let studio = app.business().await;
    let path = format!("/omega/businesses/{}/sms/send", studio.id);
    let post = async |size: usize, key: Option<&str>| {
        let mut request = http::Request::post(&path).header("x-api-key", &studio.key);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer =
            app.local.router().oneshot(request.body(Body::from(" ".repeat(size))).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };

    for key in [None, Some("k")] {
        let (status, body) = post(SIX_MEGABYTES + 1, key).await;
        assert_eq!(status, 413);
        let told = body["detail"].as_str().unwrap();
        assert!(told.contains("body") && told.contains(&SIX_MEGABYTES.to_string()), "{told}");
        assert_eq!(post(SIX_MEGABYTES, None).await.0, 422);
    }
}

#[tokio::test]
async fn a_table_out_of_reach_is_503_and_says_when_to_ask_again() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Hello").await;
    app.local.wire.fail("dynamodb", None, usize::MAX, 500, "{}");
    let send_body = studio.send_body(&[(7, ADA, "Hello")]);

    let answers = [
        studio.get("/clients/7").await,
        studio.put("/clients/7", json!({"client_name": "Ada"})).await,
        studio.get("/clients").await,
        send(studio.request(Method::DELETE, "/clients/7")).await,
        studio.get("/staffs").await,
        studio.put("/locations/3", json!({"name": "North"})).await,
        studio.get("/conversations").await,
        studio.get("/conversations/filters").await,
        studio.get("/conversations/7/messages/search?query=hello").await,
        studio.post("/conversations/7/status?status=resolved", json!({})).await,
        studio.post("/messages/status", json!({"conversation_id": 7})).await,
        studio.post(&format!("/messages/{id}/flag"), json!({})).await,
        studio.get(&format!("/messages/{id}")).await,
        studio.post("/sms/send", send_body).await,
        send(app.platform(Method::POST, "/business/onboard").json(&json!({"business_id": 5}))).await,
    ];

    for answer in answers {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
        assert_eq!(answer.body, json!({"detail": "temporarily unavailable"}));
        assert!(answer.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn a_table_that_slows_us_down_is_503_too() {
    let app = App::start().await;
    let studio = app.business().await;
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#;
    app.local.wire.fail("dynamodb", None, usize::MAX, 400, throttled);

    let answer = studio.get("/clients/7").await;

    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
}

#[tokio::test]
async fn health_is_about_the_process_and_health_db_about_the_table() {
    let app = App::start().await;

    let (up, db_up) = (get(&app, "/health").await, get(&app, "/health/db").await);
    app.local.wire.fail("dynamodb", None, usize::MAX, 500, "{}");
    let (down, db_down) = (get(&app, "/health").await, get(&app, "/health/db").await);

    assert_eq!(names(&up.body), ["services", "status"]);
    assert_eq!((up.status, &up.body["status"]), (200, &json!("ok")));
    for service in up.body["services"].as_array().unwrap() {
        assert_eq!(names(service), ["message", "name", "status"]);
    }
    assert_eq!((down.status, down.body), (up.status, up.body));
    assert_eq!(db_up.status, 200);
    assert_eq!(db_up.body, json!({"name": "database", "status": "ok", "message": null}));
    assert_eq!(db_down.status, 503);
    assert_eq!(names(&db_down.body), names(&db_up.body));
    assert_eq!((&db_down.body["name"], &db_down.body["status"]), (&json!("database"), &json!("unavailable")));
    assert!(db_down.body["message"].is_string());
}
