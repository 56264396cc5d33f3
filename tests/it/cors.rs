//! Pages of other origins, by the steps that a browser takes: a preflight without a credential, then the request, then a
//! look at the response before the page may read it.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use reqwest::Method;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use web::access::{Access, ROUTES};

use crate::app::{Answered, App, Business, send};
use crate::architecture::TEMPLATE;

const ADA: &str = "+14155550123";
const INBOX: &str = "https://inbox.studio.example";
const FOREIGN: &str = "https://evil.example";
/// Longer than a process believes what it read of a business.
const FORGOTTEN: Duration = Duration::from_secs(6);
/// The headers of a request that need no preflight.
const SAFELISTED: [&str; 1] = ["cookie"];

/// Why a browser keeps a response from a page.
#[derive(Debug, PartialEq)]
enum Blocked {
    /// The request was never sent.
    ByPreflight,
    /// It was sent, and the page can't read the response.
    Unreadable(u16),
}

async fn allow(studio: &Business<'_>, origins: &[&str]) {
    let body = json!({"business_id": studio.id, "allowed_origins": origins});
    send(studio.app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
    studio.app.clock.advance(FORGOTTEN);
}

/// A business that allows [`INBOX`], with a member of the staff.
async fn studio(app: &App) -> Business<'_> {
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Ada"})).await;
    allow(&studio, &[INBOX]).await;
    studio
}

async fn preflight(app: &App, origin: &str, method: &Method, path: &str) -> Answered {
    let asked = app.at_origin(Method::OPTIONS, path).header("Origin", origin);
    send(asked.header("Access-Control-Request-Method", method.as_str())).await
}

fn lists(answer: &Answered, name: &str, wanted: &str) -> bool {
    let listed = answer.header(name).unwrap_or_default();
    listed.split(',').any(|one| one.trim().eq_ignore_ascii_case(wanted))
}

/// The check that a browser makes of a response to a request with credentials.
fn is_shared_with(answer: &Answered, origin: &str) -> bool {
    answer.header("access-control-allow-origin") == Some(origin)
        && answer.header("access-control-allow-credentials") == Some("true")
}

fn says_nothing(answer: &Answered) -> bool {
    !answer.headers.iter().any(|(name, _)| name.starts_with("access-control-"))
}

/// What `fetch` does for a page with `credentials: "include"`. `path` begins at the origin.
async fn fetch(
    app: &App,
    origin: &str,
    (method, path): (Method, &str),
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Result<Answered, Blocked> {
    let own: Vec<&str> =
        headers.iter().map(|(name, _)| *name).filter(|name| !SAFELISTED.contains(name)).collect();
    let is_simple = own.is_empty() && body.is_none() && [Method::GET, Method::POST].contains(&method);
    if !is_simple {
        let answer = preflight(app, origin, &method, path).await;
        let content_type = body.as_ref().map(|_| "content-type");
        let is_let = is_shared_with(&answer, origin)
            && (200..300).contains(&answer.status)
            && lists(&answer, "access-control-allow-methods", method.as_str())
            && own
                .into_iter()
                .chain(content_type)
                .all(|name| lists(&answer, "access-control-allow-headers", name));
        if !is_let {
            return Err(Blocked::ByPreflight);
        }
    }
    let mut request = app.at_origin(method, path).header("Origin", origin);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = send(match &body {
        Some(body) => request.json(body),
        None => request,
    })
    .await;
    if is_shared_with(&answer, origin) { Ok(answer) } else { Err(Blocked::Unreadable(answer.status)) }
}

/// The path of a route in a business.
fn in_business(path: &str, business: u64) -> String {
    let parts = path.split('/').map(|part| match part {
        "{business_id}" => business.to_string(),
        part if part.starts_with('{') => "7".to_owned(),
        part => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_sends_and_reads_with_a_key_and_with_the_cookie() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let path = format!("/omega/businesses/{}", studio.id);
    let session = studio.session(12).await;
    let cookie = format!("__Host-session={session}");
    let text = studio.send_body(&[(7, ADA, "Hello")]);

    let by_key = [("x-api-key", studio.key.as_str()), ("idempotency-key", "k"), ("x-request-id", "r-1")];
    let send_path = format!("{path}/sms/send");
    let sent = fetch(&app, INBOX, (Method::POST, &send_path), &by_key, Some(text.clone())).await.unwrap();
    let again = fetch(&app, INBOX, (Method::POST, &send_path), &by_key, Some(text)).await.unwrap();
    let by_cookie = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-site")];
    let read = fetch(&app, INBOX, (Method::GET, &format!("{path}/clients/7")), &by_cookie[..1], None).await;
    let put = [("x-api-key", session.as_str()), ("if-match", "*")];
    let refused =
        fetch(&app, INBOX, (Method::PUT, &format!("{path}/clients/7")), &put, Some(json!({}))).await;

    for name in ["x-request-id", "ratelimit-remaining", "idempotency-replayed", "etag", "location"] {
        assert!(lists(&sent, "access-control-expose-headers", name), "{name}");
    }
    assert_eq!((sent.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(sent.header("vary"), Some("Origin"));
    let read = read.unwrap();
    assert_eq!(read.status, 200, "{}", read.body);
    assert_eq!(refused.unwrap().status, 403);
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_is_blocked_before_its_request_and_reads_nothing() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let path = format!("/omega/businesses/{}", studio.id);
    let key = [("x-api-key", studio.key.as_str())];
    let cookie = format!("session={}", studio.session(12).await);
    let cookie = [("cookie", cookie.as_str())];
    let origins = [
        FOREIGN,
        "null",
        "http://inbox.studio.example",
        "https://inbox.studio.example:8443",
        "https://inbox.studio.example.evil.example",
        "https://studio.example",
    ];
    for origin in origins {
        let get = (Method::GET, format!("{path}/clients"));
        let by_key = fetch(&app, origin, (get.0.clone(), &get.1), &key, None).await;
        assert_eq!(by_key.unwrap_err(), Blocked::ByPreflight, "{origin}");
        let by_cookie = fetch(&app, origin, (get.0, &get.1), &cookie, None).await;
        assert_eq!(by_cookie.unwrap_err(), Blocked::Unreadable(200), "{origin}");
        let change = format!("{path}/conversations/7/notes");
        let by_cookie = fetch(&app, origin, (Method::POST, &change), &cookie, None).await;
        assert_eq!(by_cookie.unwrap_err(), Blocked::Unreadable(403), "{origin}");

        let answer = preflight(&app, origin, &Method::GET, &format!("{path}/clients")).await;
        assert_eq!((answer.status, answer.header("vary")), (204, Some("Origin")), "{origin}");
        assert!(says_nothing(&answer), "{origin}: {answer:?}");
    }
}

#[tokio::test]
async fn every_path_of_a_business_answers_a_preflight_with_its_methods() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let stranger = app.business().await;
    for route in ROUTES.iter().filter(|route| route.path.contains("{business_id}")) {
        let path = in_business(route.path, studio.id);
        let answer = preflight(&app, INBOX, &route.method, &path).await;
        if !matches!(route.access, Access::Business(_)) {
            assert!(answer.status == 405 && says_nothing(&answer), "{path}: the platform key is for no page");
            continue;
        }
        assert!(answer.status == 204 && is_shared_with(&answer, INBOX), "{path}: {answer:?}");
        assert!(lists(&answer, "access-control-allow-methods", route.method.as_str()), "{path}");
        assert_eq!(answer.header("access-control-max-age"), Some("600"), "{path}");
        assert_eq!(answer.body, json!(""), "{path}");

        // A business that does not exist is one that allows nothing.
        for business in [stranger.id, 9_999_999] {
            let answer = preflight(&app, INBOX, &route.method, &in_business(route.path, business)).await;
            assert!(answer.status == 204 && says_nothing(&answer), "{path}: {answer:?}");
        }
    }
    let not_an_id = preflight(&app, INBOX, &Method::GET, "/omega/businesses/x/clients").await;
    assert!(not_an_id.status == 405 && says_nothing(&not_an_id));
}

#[tokio::test]
async fn a_refusal_can_be_read_by_a_page_of_an_allowed_origin_and_by_no_other() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let stranger = app.business().await;
    let path = format!("/omega/businesses/{}", studio.id);
    let clients = format!("{path}/clients/77");
    let elsewhere = format!("/omega/businesses/{}/clients", stranger.id);
    let session = studio.session(12).await;
    let cookie = format!("session={session}");
    let message = format!("{path}/messages/77");
    let keys = format!("{path}/api-keys");
    let notes = format!("{path}/conversations/7/notes");
    let process = "/omega/messages/process".to_owned();
    let cross_site = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let cases: Vec<(u16, Method, &str, Headers<'_>)> = vec![
        (401, Method::GET, &clients, vec![]),
        (401, Method::GET, &clients, vec![("x-api-key", "omega_0_0")]),
        (403, Method::GET, &elsewhere, vec![("x-api-key", &studio.key)]),
        (403, Method::GET, &keys, vec![("x-api-key", &session)]),
        (403, Method::POST, &notes, cross_site.to_vec()),
        (404, Method::GET, &message, vec![("x-api-key", &studio.key)]),
        (405, Method::PATCH, &clients, vec![("x-api-key", &studio.key)]),
        (422, Method::POST, &process, vec![("x-api-key", &studio.key)]),
    ];
    for (status, method, path, headers) in cases {
        for (origin, can_read) in [(INBOX, true), (FOREIGN, false)] {
            let mut request = app.at_origin(method.clone(), path).header("Origin", origin);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let answer = send(request).await;
            assert_eq!(answer.status, status, "{method} {path} {headers:?}");
            assert_eq!(is_shared_with(&answer, origin), can_read, "{method} {path} {headers:?}: {answer:?}");
            assert_eq!(says_nothing(&answer), !can_read, "{method} {path} {headers:?}: {answer:?}");
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }
}

#[tokio::test]
async fn a_response_can_be_read_while_the_table_is_away_and_beyond_the_limit() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let process = app.anonymous(Method::POST, "/messages/process").header("Origin", INBOX);
    let process = || process.try_clone().unwrap().header("X-API-KEY", &studio.key).json(&json!({}));
    assert_eq!(send(process()).await.status, 422);

    app.local.wire.fail("dynamodb", Some("TransactWriteItems"), usize::MAX, 500, "{}");
    let text =
        studio.request(Method::POST, "/sms/send").header("Origin", INBOX).header("Idempotency-Key", "k");
    let failed = send(text.json(&studio.send_body(&[(7, ADA, "Hello")]))).await;
    app.local.wire.heal();
    assert_eq!(failed.status, 503);
    assert!(is_shared_with(&failed, INBOX) && lists(&failed, "access-control-expose-headers", "Retry-After"));

    let limit = json!({"business_id": studio.id, "requests_per_minute": 1});
    send(app.platform(Method::POST, "/business/onboard").json(&limit)).await.ok();
    app.clock.advance(Duration::from_secs(66));
    let mut last = send(process()).await;
    for _ in 0..5 {
        last = send(process()).await;
    }
    assert_eq!(last.status, 429);
    assert!(is_shared_with(&last, INBOX), "{last:?}");
}

#[tokio::test]
async fn where_the_path_names_no_business_the_request_decides() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let session = studio.session(12).await;
    let cookie = format!("__Host-session={session}");
    for path in ["/omega/messages/process", "/omega/session/expire", "/omega/auth/token"] {
        for origin in [INBOX, FOREIGN] {
            let answer = preflight(&app, origin, &Method::POST, path).await;
            assert!(answer.status == 204 && is_shared_with(&answer, origin), "{path} {origin}");
        }
        let answer = preflight(&app, "null", &Method::POST, path).await;
        assert!(answer.status == 204 && says_nothing(&answer), "{path}");
    }
    let end = (Method::POST, "/omega/session/expire");
    let asked = || Some(json!({"session_id": "all"}));

    let anonymous = fetch(&app, INBOX, end.clone(), &[], asked()).await;
    let by_foreign_page = fetch(&app, FOREIGN, end.clone(), &[("cookie", &cookie)], asked()).await;
    let key_in_foreign_page = fetch(&app, FOREIGN, end.clone(), &[("x-api-key", "omega_0_0")], asked()).await;
    let by_own_page = fetch(&app, INBOX, end, &[("cookie", &cookie)], asked()).await;

    assert_eq!(anonymous.unwrap_err(), Blocked::Unreadable(401));
    assert_eq!(by_foreign_page.unwrap_err(), Blocked::Unreadable(403), "and the session lives on");
    assert_eq!(key_in_foreign_page.unwrap_err(), Blocked::Unreadable(401));
    let ended = by_own_page.unwrap();
    assert_eq!((ended.status, &ended.body["success"]), (200, &json!(true)));
}

#[tokio::test]
async fn origins_that_change_hold_within_five_seconds_and_are_read_once_in_them() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let path = format!("/omega/businesses/{}/clients", studio.id);
    let is_let =
        async |origin: &str| is_shared_with(&preflight(&app, origin, &Method::GET, &path).await, origin);
    app.local.wire.clear();
    for _ in 0..3 {
        assert!(is_let(INBOX).await && !is_let(FOREIGN).await);
    }
    assert_eq!(app.local.wire.operations("dynamodb"), ["GetItem"]);

    allow(&studio, &["https://new.example", "http://localhost:3000"]).await;

    assert!(!is_let(INBOX).await);
    assert!(is_let("https://new.example").await && is_let("http://localhost:3000").await);
}

#[tokio::test]
async fn a_preflight_while_the_table_is_away_fails_as_unavailable() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let path = format!("/omega/businesses/{}/clients", studio.id);
    app.local.wire.fail("dynamodb", None, usize::MAX, 500, "{}");
    let failed = preflight(&app, INBOX, &Method::GET, &path).await;
    let anonymous = send(app.at_origin(Method::GET, &path).header("Origin", INBOX)).await;
    app.local.wire.heal();
    assert_eq!((failed.status, failed.header("retry-after")), (503, Some("2")));
    assert!(says_nothing(&failed));
    assert_eq!(anonymous.status, 401);
    assert!(is_shared_with(&preflight(&app, INBOX, &Method::GET, &path).await, INBOX));
}

#[tokio::test]
async fn paths_that_are_not_for_pages_refuse_a_preflight_with_405() {
    let app = App::start().await;
    let studio = studio(&app).await;
    for route in ROUTES {
        let is_for_pages = matches!(route.access, Access::Business(_)) && route.path.starts_with("/omega/");
        let path = in_business(route.path, studio.id);
        let plain = send(app.at_origin(Method::OPTIONS, &path)).await;
        let without_method = send(app.at_origin(Method::OPTIONS, &path).header("Origin", FOREIGN)).await;
        assert_eq!((plain.status, without_method.status), (405, 405), "{path}");
        assert!(says_nothing(&plain) && says_nothing(&without_method), "{path}");
        if !is_for_pages {
            let answer = preflight(&app, INBOX, &route.method, &path).await;
            assert!(answer.status == 405 && says_nothing(&answer), "{path}");
            let answer = send(app.at_origin(route.method.clone(), &path).header("Origin", INBOX)).await;
            assert!(says_nothing(&answer), "{path}");
        }
    }
    for path in ["/omega/nothing", "/omega/businesses/1/nothing", "/"] {
        let answer = preflight(&app, INBOX, &Method::GET, path).await;
        assert!(answer.status == 404 && says_nothing(&answer), "{path}");
    }
}

/// With a configuration of its own the gateway would answer preflights for all businesses alike.
#[test]
fn the_gateway_leaves_preflights_to_the_functions() {
    let api = &TEMPLATE["Resources"]["HttpApi"];
    assert_eq!(api["Type"], "AWS::Serverless::HttpApi");
    assert!(api["Properties"]["CorsConfiguration"].is_null());
    let options = ROUTES.iter().find(|route| route.method == Method::OPTIONS);
    assert!(options.is_none(), "{options:?} would keep preflights from the catch-all");
}

/// The gateway sends what matches none of its routes to `health`; a function URL leads to the function itself.
#[tokio::test]
async fn a_preflight_is_answered_by_the_catch_all_and_by_the_function_of_the_path() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let edge = || web::Edge::new(app.local.sweeper().store.clone(), None);
    let health = health::State { store: app.local.sweeper().store.clone(), twilio_webhooks: true };
    let catch_all = web::catch_all(health::routes(health), edge());
    let calls = voice_calls::routes(voice_calls::State {
        edge: edge(),
        webhook: web::twilio::Settings::new(String::new(), None, None, String::new()),
        voice: crate::voice::not_set_up(),
    });
    let path = format!("/omega/businesses/{}/voice-calls/token", studio.id);
    for router in [catch_all, web::app(calls)] {
        for (origin, allowed) in [(INBOX, Some(INBOX)), (FOREIGN, None)] {
            let request = Request::options(&path).header("origin", origin);
            let request = request.header("access-control-request-method", "GET").body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            let named =
                answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap());
            assert_eq!((answer.status().as_u16(), named), (204, allowed));
        }
        let wrong_method = Request::post(&path).header("origin", INBOX).body(Body::empty()).unwrap();
        let answer = router.oneshot(wrong_method).await.unwrap();
        assert_eq!(answer.status().as_u16(), 405);
        assert_eq!(answer.headers()["access-control-allow-origin"], INBOX);
    }
}
