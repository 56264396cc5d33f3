//! Setting up a business.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{Answered, App, names, send};

const ADA: &str = "+14155550123";

pub fn onboard(app: &App, body: &Value) -> RequestBuilder {
    app.platform(Method::POST, "/business/onboard").json(body)
}

pub async fn status(app: &App, business: u64) -> Answered {
    send(app.platform(Method::GET, &format!("/business/{business}/onboard/status"))).await
}

#[track_caller]
pub fn step<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let steps = answer["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["step"] == name).expect("the step")
}

/// A call of the business with its key.
pub async fn preview(app: &App, business: u64, key: &str) -> u16 {
    let call = app.anonymous(Method::POST, &format!("/businesses/{business}/sms/preview"));
    send(call.header("X-API-KEY", key).json(&json!({"message": "Hi"}))).await.status
}

/// The number that a text of a business comes from, when it is asked for by name.
pub async fn sends_from(app: &App, business: u64, key: &str, from: Option<&str>) -> u16 {
    let messages = json!([{"client_id": 7, "to_phone_number": ADA, "message": "Hi"}]);
    let body = json!({"category": "conversation", "from_phone_number": from, "messages": messages});
    let call = app.anonymous(Method::POST, &format!("/businesses/{business}/sms/send"));
    send(call.header("X-API-KEY", key).json(&body)).await.status
}

#[tokio::test]
async fn a_business_is_set_up_in_one_call_with_a_key_that_works() {
    let app = App::start().await;
    let body = json!({
        "business_id": "5",
        "business_name": "Studio",
        "from_email": "hello@example.com",
        "from_phone_number": "(415) 555-0100",
        "timezone": "America/New_York",
        "country": "us",
        "phone_numbers": [{"phone_number": "415-555-0101", "location_id": 3}],
        "subdomain": "studio",
        "twilio_account_sid": app.local.twilio_account.account_sid,
    });

    let created = send(onboard(&app, &body)).await.ok();

    assert_eq!(names(&created), ["api_key", "business_id", "status", "steps"]);
    assert_eq!((&created["business_id"], &created["status"]), (&json!(5), &json!("in_progress")));
    let order: Vec<&Value> = created["steps"].as_array().unwrap().iter().map(|step| &step["step"]).collect();
    assert_eq!(
        order,
        ["business", "api_key", "phone_numbers", "twilio_webhooks", "sender_email", "a2p_registration"]
    );
    for one in created["steps"].as_array().unwrap() {
        assert_eq!(names(one), ["next_action", "reason", "state", "step"]);
    }
    let shown = status(&app, 5).await.ok();
    assert_eq!((&shown["steps"], &shown["status"]), (&created["steps"], &created["status"]));
    assert_eq!(shown["api_key"], Value::Null);
    app.set_up(5).await;
    let key = created["api_key"].as_str().unwrap();
    assert_eq!(preview(&app, 5, key).await, 200);
    for number in [None, Some("+14155550100"), Some("+14155550101")] {
        assert_eq!(sends_from(&app, 5, key, number).await, 200, "{number:?}");
    }
}

#[tokio::test]
async fn repeating_the_call_changes_nothing_and_shows_no_key() {
    let app = App::start().await;
    let body = json!({"business_id": 5, "business_name": "Studio", "from_phone_number": "+14155550100"});
    let first = send(onboard(&app, &body)).await.ok();
    let other = json!({"business_id": 5, "business_name": "Other", "from_phone_number": "+14155550100", "country": "DE"});

    for body in [&body, &other] {
        let again = send(onboard(&app, body)).await.ok();

        assert_eq!(again["api_key"], Value::Null);
        assert_eq!(again["steps"], first["steps"]);
    }
    assert_eq!(preview(&app, 5, first["api_key"].as_str().unwrap()).await, 200);
}

#[tokio::test]
async fn new_numbers_are_added_and_texts_to_them_arrive() {
    let app = App::start().await;
    let studio = app.business().await;
    let second = "+14155550999";
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();

    let body = json!({"business_id": studio.id, "phone_numbers": [{"phone_number": second}]});
    let added = send(onboard(&app, &body)).await.ok();
    app.set_up(studio.id).await;
    app.text(ADA, second, "Hello").await;
    app.text(ADA, &studio.number, "Hello").await;
    app.clock.advance(Duration::from_secs(6));

    assert_eq!(step(&added, "phone_numbers")["state"], "pending");
    assert_eq!(studio.client(7).await["unread_messages_count"], 2);
    for number in [second, studio.number.as_str()] {
        assert_eq!(sends_from(&app, studio.id, &studio.key, Some(number)).await, 200);
    }
    assert_eq!(sends_from(&app, studio.id, &studio.key, None).await, 200);
    app.drain().await;
    assert_eq!(app.local.twilio.outbox()[0].from, second);
}

#[tokio::test]
async fn a_number_of_another_business_is_told_and_keeps_leading_there() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    let numbers = json!([{"phone_number": studio.number}, {"phone_number": "+14155550999"}]);

    let body = json!({"business_id": 5, "phone_numbers": numbers});
    let failed = send(onboard(&app, &body)).await.ok();

    assert_eq!(failed["status"], "failed");
    let numbers = step(&failed, "phone_numbers");
    assert_eq!(numbers["state"], "failed");
    assert!(numbers["reason"].as_str().unwrap().contains(&studio.number));
    assert!(numbers["next_action"].is_string());
    app.drain().await;
    assert_eq!(status(&app, 5).await.ok()["status"], "failed");
    let key = failed["api_key"].as_str().unwrap();
    assert_eq!(sends_from(&app, 5, key, Some(&studio.number)).await, 422);
    assert_eq!(sends_from(&app, 5, key, Some("+14155550999")).await, 200);
    app.text(ADA, &studio.number, "Hello").await;
    assert_eq!(studio.client(7).await["unread_messages_count"], 1);
    let repaired = json!({"business_id": 5, "phone_numbers": [{"phone_number": "+14155550999"}]});
    send(onboard(&app, &repaired)).await.ok();
    app.set_up(5).await;
}

#[tokio::test]
async fn calls_at_the_same_time_lose_no_number_and_make_one_key() {
    let app = App::start().await;
    let numbers: Vec<String> = (0..10).map(|n| format!("+1415555090{n}")).collect();
    let bodies: Vec<Value> = numbers
        .iter()
        .map(|number| json!({"business_id": 5, "phone_numbers": [{"phone_number": number}]}))
        .collect();

    let answers = join_all(bodies.iter().map(|body| send(onboard(&app, body)))).await;

    let answers: Vec<Value> = answers.into_iter().map(Answered::ok).collect();
    let keys: Vec<&str> = answers.iter().filter_map(|answer| answer["api_key"].as_str()).collect();
    assert_eq!(keys.len(), 1);
    app.set_up(5).await;
    for number in &numbers {
        assert_eq!(sends_from(&app, 5, keys[0], Some(number)).await, 200, "{number}");
    }
}

#[tokio::test]
async fn two_businesses_that_race_for_a_number_do_not_both_get_it() {
    let app = App::start().await;
    let bodies = [5, 6].map(|id| json!({"business_id": id, "from_phone_number": "+14155550999"}));

    let answers = join_all(bodies.iter().map(|body| send(onboard(&app, body)))).await;

    let mut states: Vec<String> =
        answers.into_iter().map(|answer| answer.ok()["status"].to_string()).collect();
    states.sort();
    assert_eq!(states, [r#""failed""#, r#""in_progress""#]);
    app.drain().await;
    let mut states = Vec::new();
    for business in [5, 6] {
        states.push(status(&app, business).await.ok()["status"].to_string());
    }
    states.sort();
    assert_eq!(states, [r#""completed""#, r#""failed""#]);
}

#[tokio::test]
async fn the_status_of_an_unknown_business_is_not_found() {
    let app = App::start().await;
    let answer = status(&app, 5).await;
    assert_eq!((answer.status, answer.body), (404, json!({"detail": "business not found"})));
}

#[tokio::test]
async fn only_the_platform_sets_up_and_the_platform_does_nothing_else() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({"business_id": studio.id});
    let own = |method, path: &str| app.anonymous(method, path).header("X-API-KEY", &studio.key);
    let status_path = format!("/business/{}/onboard/status", studio.id);

    let setting_up = send(own(Method::POST, "/business/onboard").json(&body)).await;
    let looking = send(own(Method::GET, &status_path)).await;
    let without = send(app.anonymous(Method::POST, "/business/onboard").json(&body)).await;

    assert_eq!((setting_up.status, looking.status, without.status), (403, 403, 401));
    let reading = send(app.platform(Method::GET, &format!("/businesses/{}/clients/7", studio.id))).await;
    assert!([401, 403].contains(&reading.status), "{}", reading.status);
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_created() {
    let app = App::start().await;
    let body = json!({
        "business_name": 5,
        "from_phone_number": "12",
        "country": "XX",
        "phone_numbers": [{"phone_number": "+14155550100", "a2p_registration": "perhaps"}, {"phone_number": "13"}, {}],
        "twilio_account_sid": "AC00000000000000000000000000000002",
        "locations": [{"location_id": 3}],
        "requests_per_minute": 0,
        "allowed_origins": ["https://inbox.example.com", "https://inbox.example.com/", "http://example.com"],
        "test_phone_number": "12",
    });
    app.local.wire.clear();

    let refused = send(onboard(&app, &body)).await;

    let mut named = refused.bad_fields();
    named.sort();
    assert_eq!(
        named,
        [
            r#"["body","allowed_origins",1]"#,
            r#"["body","allowed_origins",2]"#,
            r#"["body","business_id"]"#,
            r#"["body","business_name"]"#,
            r#"["body","country"]"#,
            r#"["body","from_phone_number"]"#,
            r#"["body","locations",0,"name"]"#,
            r#"["body","phone_numbers",0,"a2p_registration"]"#,
            r#"["body","phone_numbers",1,"phone_number"]"#,
            r#"["body","phone_numbers",2,"phone_number"]"#,
            r#"["body","requests_per_minute"]"#,
            r#"["body","test_phone_number"]"#,
            r#"["body","twilio_account_sid"]"#,
        ]
    );
    assert_eq!(app.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_business_without_numbers_waits_for_some() {
    let app = App::start().await;
    for (id, numbers) in [(5, json!([])), (6, Value::Null)] {
        let body = json!({"business_id": id, "phone_numbers": numbers});

        let waiting = send(onboard(&app, &body)).await.ok();

        assert_eq!(waiting["status"], "in_progress");
        assert_eq!(step(&waiting, "phone_numbers")["state"], "pending");
    }
}

#[tokio::test]
async fn numbers_are_read_in_the_country_of_the_business_also_when_it_is_not_named_again() {
    let app = App::start().await;
    let body = json!({"business_id": 5, "country": "GB", "from_phone_number": "07911 123456"});
    let created = send(onboard(&app, &body)).await.ok();

    let again = json!({"business_id": 5, "phone_numbers": [{"phone_number": "07911 123457"}]});
    send(onboard(&app, &again)).await.ok();

    app.set_up(5).await;
    app.clock.advance(Duration::from_secs(6));
    let key = created["api_key"].as_str().unwrap();
    assert_eq!(sends_from(&app, 5, key, Some("+447911123457")).await, 200);
    assert_eq!(sends_from(&app, 5, key, Some("07911 123456")).await, 200);
}

#[tokio::test]
async fn trouble_after_the_business_was_created_does_not_lose_its_key() {
    let app = App::start().await;
    let body = json!({"business_id": 5, "from_phone_number": "+14155550100"});
    app.local.wire.fail("dynamodb", Some("PutItem"), usize::MAX, 500, "{}");

    let created = send(onboard(&app, &body)).await.ok();
    app.local.wire.heal();
    let finished = send(onboard(&app, &body)).await.ok();

    assert_eq!(created["status"], "in_progress");
    assert_eq!(step(&created, "phone_numbers")["next_action"], "Repeat the call.");
    assert_eq!(finished["api_key"], Value::Null);
    app.set_up(5).await;
    assert_eq!(preview(&app, 5, created["api_key"].as_str().unwrap()).await, 200);
}

#[tokio::test]
async fn a_repeated_call_under_its_key_gets_the_answer_without_the_secret_which_is_stored_nowhere() {
    let app = App::start().await;
    let body = json!({"business_id": 5, "from_phone_number": "+14155550100"});
    let call = || send(onboard(&app, &body).header("Idempotency-Key", "set-up-5"));

    let first = call().await;
    let second = call().await;

    let secret = first.body["api_key"].as_str().unwrap();
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!((&second.body["api_key"], &second.body["steps"]), (&Value::Null, &first.body["steps"]));
    let scan = app.local.engine.scan().table_name(&app.local.table).send().await.unwrap();
    let table = format!("{:?}", scan.items());
    assert!(table.contains("+14155550100") && !table.contains(secret));
    let passed: Vec<u8> = app.local.wire.calls().into_iter().flat_map(|call| call.request.to_vec()).collect();
    assert!(!String::from_utf8_lossy(&passed).contains(secret));
}

/// What the business that a mailbox belongs to can send from it.
pub async fn mails_from(app: &App, business: u64, key: &str, from: Option<&str>) -> u16 {
    let messages =
        json!([{"client_id": 7, "to_email": "ada@example.com", "subject": "Hello", "message": "Hi"}]);
    let body = json!({"category": "conversation", "from_email": from, "messages": messages});
    let call = app.anonymous(Method::POST, &format!("/businesses/{business}/email/send"));
    send(call.header("X-API-KEY", key).json(&body)).await.status
}

#[tokio::test]
async fn without_a_mailbox_no_mail_is_sent() {
    let app = App::start().await;
    let created = send(onboard(&app, &json!({"business_id": 5}))).await.ok();
    let key = created["api_key"].as_str().unwrap();
    assert!(!created.to_string().contains("sender_email"), "{created}");
    assert_eq!(mails_from(&app, 5, key, None).await, 422);
    assert_eq!(mails_from(&app, 5, key, Some("hello@example.com")).await, 422);
}

#[tokio::test]
async fn what_is_no_mailbox_is_refused_by_name() {
    let app = App::start().await;
    for bad in [
        json!("hello"),
        json!("hello@"),
        json!("a b@example.com"),
        json!("x@y.test\r\nBcc: z@y.test"),
        json!(7),
    ] {
        let refused = send(onboard(&app, &json!({"business_id": 5, "from_email": bad}))).await;
        assert_eq!(refused.bad_fields(), [r#"["body","from_email"]"#], "{bad}");
    }
    assert_eq!(status(&app, 5).await.status, 404);
}

#[tokio::test]
async fn a_mailbox_of_another_business_is_told_and_stays_where_it_is() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({"business_id": 5, "from_email": studio.email.to_uppercase()});
    let created = send(onboard(&app, &body)).await.ok();
    let said = step(&created, "sender_email");
    assert_eq!(said["state"], "failed");
    assert!(said["reason"].as_str().unwrap().contains("belongs to another business"), "{said}");
    let key = created["api_key"].as_str().unwrap();
    assert_eq!(mails_from(&app, 5, key, Some(&studio.email)).await, 422);
    assert_eq!(mails_from(&app, studio.id, &studio.key, None).await, 200);

    let mended = json!({"business_id": 5, "from_email": "mine@example.com"});
    let mended = send(onboard(&app, &mended)).await.ok();
    assert_eq!(step(&mended, "sender_email")["state"], "pending");
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(mails_from(&app, 5, key, None).await, 200);
}

#[tokio::test]
async fn of_many_that_ask_for_one_mailbox_one_gets_it() {
    let app = App::start().await;
    let asked = (5..13).map(|id| {
        let body = json!({"business_id": id, "from_email": "hello@example.com"});
        send(onboard(&app, &body))
    });
    let answers = join_all(asked).await;
    let states = answers.into_iter().map(|answer| step(&answer.ok(), "sender_email")["state"].clone());
    assert_eq!(states.filter(|state| state == "pending").count(), 1);
}
