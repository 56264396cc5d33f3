//! Which numbers a business texts and calls: its own countries, no premium, satellite, personal or own numbers, and none
//! too often. A client abroad who texted first is answered.

use std::time::Duration;

use domain::destination::MOST_AN_HOUR;
use local::fake_twilio::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};

const ADA: &str = "+14155550123";
const JAMAICA: &str = "+18765550123";
const TRINIDAD: &str = "+18685550123";
const LONDON: &str = "+442079460018";
const HOUR: Duration = Duration::from_secs(3_600);

/// Numbers that nobody texts or calls, beside those of the business itself.
const CLOSED: [&str; 14] = [
    "+19005550123",
    "900-555-0123",
    "+14159761234",
    "+17005550123",
    "+881612345678",
    "+870773111632",
    "+88213300655",
    "+447012345678",
    "011 44 70 1234 5678",
    "+449098790000",
    "+448712345678",
    "+979123456789",
    "+878101234567890",
    "+15335550123",
];

impl Business<'_> {
    /// Onboarding names the countries that the business texts and calls besides its own.
    async fn allows(&self, countries: Value) {
        let body = json!({"business_id": self.id, "allowed_destinations": countries});
        send(self.app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
        // A process believes what it read of a business for five seconds.
        self.app.clock.advance(Duration::from_secs(6));
    }

    /// Sends one text, and says what became of it: status and error.
    async fn texts(&self, client: u64, to: &str) -> (String, String) {
        let accepted = self.post("/sms/send", self.send_body(&[(client, to, "Hello")])).await.ok();
        outcome(&accepted["items"][0])
    }

    async fn is_blocked(&self, client: u64, to: &str) -> bool {
        let (status, error) = self.texts(client, to).await;
        status == "blocked" && error.contains("allowed_destinations")
    }

    /// Sends equal texts to one number in one request, and says how many were queued.
    async fn floods(&self, category: &str, texts: u64, to: &str, more: Value) -> usize {
        let messages: Vec<Value> = (0..texts)
            .map(|n| json!({"client_id": 100 + n, "to_phone_number": to, "message": "The same"}))
            .collect();
        let mut body = json!({"category": category, "messages": messages});
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let accepted = self.post("/sms/send", body).await.ok();
        let items = accepted["items"].as_array().expect("a list");
        assert_eq!(items.len(), texts as usize);
        for refused in items.iter().filter(|item| item["status"] == "blocked") {
            let error = refused["error"].as_str().expect("a reason");
            assert!(error.contains("60 times") && refused["message_id"].is_null(), "{refused}");
        }
        items.iter().filter(|item| ["queued", "scheduled"].map(Value::from).contains(&item["status"])).count()
    }

    async fn retries(&self, id: u64) -> Answered {
        send(self.request(Method::POST, &format!("/messages/{id}/retry"))).await
    }

    async fn processes(&self, client: u64) -> Answered {
        let body = json!({"business_id": self.id, "client_id": client, "channel": "sms", "message": "Hello"});
        let request = self.app.anonymous(Method::POST, "/messages/process").header("X-API-KEY", &self.key);
        send(request.json(&body)).await
    }
}

fn outcome(item: &Value) -> (String, String) {
    let word = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    (word("status"), word("error"))
}

#[tokio::test]
async fn texts_to_premium_satellite_personal_and_own_numbers_are_rejected_one_by_one() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.allows(json!(["GB", "CA", "JM"])).await;
    app.onboard_number(&studio, "+14155550777").await;
    let mut texts: Vec<(u64, &str, &str)> = vec![(7, ADA, "Hello")];
    let own = [studio.number.as_str(), "+14155550777"];
    texts.extend(CLOSED.iter().chain(&own).map(|closed| (7, *closed, "Hello")));
    let accepted = studio.post("/sms/send", studio.send_body(&texts)).await.ok();
    for (item, (_, to, _)) in accepted["items"].as_array().unwrap().iter().zip(&texts) {
        let (status, error) = outcome(item);
        let expected = if *to == ADA { "queued" } else { "rejected" };
        assert_eq!(status, expected, "{to}: {error}");
        assert!(*to == ADA || error.starts_with("to_phone_number: "), "{to}: {error}");
    }
    app.drain().await;
    assert_eq!(app.sent(), [(ADA.to_owned(), "Hello".to_owned())]);

    let all_bad = studio.post("/sms/send", studio.send_body(&texts[1..])).await;
    assert_eq!(all_bad.bad_fields().len(), texts.len() - 1);
    assert_eq!(all_bad.bad_fields()[0], r#"["body","messages",0,"to_phone_number"]"#);
}

#[tokio::test]
async fn text_abroad_is_blocked_until_onboarding_names_the_country() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    for (client, to, country) in [(7, JAMAICA, "JM"), (8, LONDON, "GB"), (9, "+16135550123", "CA")] {
        let (status, error) = studio.texts(client, to).await;
        assert_eq!(status, "blocked", "{to}");
        assert!(
            error.contains(&format!("it is in {country}, where")) && error.contains("allowed_destinations"),
            "{error}"
        );
    }
    assert_eq!(app.message_ids(studio.id).await, []);

    studio.allows(json!(["JM", "gb", "GB"])).await;
    assert_eq!(studio.texts(7, JAMAICA).await.0, "queued");
    assert_eq!(studio.texts(8, LONDON).await.0, "queued");
    assert_eq!(studio.texts(10, ADA).await.0, "queued", "the own country stays");
    assert!(studio.is_blocked(9, TRINIDAD).await, "+1 of another country");
    assert!(other.is_blocked(7, JAMAICA).await, "another business");
    app.drain().await;
    assert_eq!(app.sent().len(), 3);

    send(app.platform(Method::POST, "/business/onboard").json(&json!({"business_id": studio.id}))).await.ok();
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(studio.texts(7, JAMAICA).await.0, "queued", "what is not named stays");
    studio.allows(json!([])).await;
    assert!(studio.is_blocked(7, JAMAICA).await, "a list replaces the one before");
}

#[tokio::test]
async fn client_abroad_who_texted_first_is_answered_and_called() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    // One is a stranger, the other in the directory already.
    studio.put("/clients/8", json!({"client_name": "Bob", "client_phone_number": LONDON})).await.ok();
    assert!(studio.is_blocked(8, LONDON).await);
    for from in [JAMAICA, LONDON] {
        app.text(from, &studio.number, "Hi").await;
    }
    assert_eq!(studio.texts(8, LONDON).await.0, "queued");
    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": JAMAICA})).await.ok();
    app.sweep().await;
    assert_eq!(studio.texts(7, JAMAICA).await.0, "queued", "also after the directory named the stranger");
    assert_eq!(studio.processes(7).await.ok()["items"][0]["status"], "queued");
    assert!(!studio.dials("CA1", JAMAICA).await.is_refusal());
    // It is the number that is open, not the client.
    assert!(studio.is_blocked(7, TRINIDAD).await);
    studio.put("/clients/7", json!({"client_phone_number": TRINIDAD})).await.ok();
    assert!(studio.is_blocked(7, TRINIDAD).await);
    assert!(studio.dials("CA2", TRINIDAD).await.is_refusal());
    assert!(other.is_blocked(7, JAMAICA).await, "another business");
}

#[tokio::test]
async fn premium_number_that_wrote_first_is_not_answered() {
    let app = App::start().await;
    let studio = app.business().await;
    for from in ["+19005550123", "+881612345678"] {
        app.text(from, &studio.number, "Call me").await;
        let refused = studio.post("/sms/send", studio.send_body(&[(7, from, "Hello")])).await;
        assert_eq!(refused.bad_fields(), [r#"["body","messages",0,"to_phone_number"]"#]);
    }
}

#[tokio::test]
async fn call_from_abroad_opens_its_number_to_nobody() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.rings("CA1", JAMAICA).await;
    assert!(studio.dials("CA2", JAMAICA).await.is_refusal());
    assert!(studio.is_blocked(7, JAMAICA).await);
}

#[tokio::test]
async fn calls_are_refused_where_texts_are() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let abroad = [JAMAICA, "(876) 555-0123", LONDON, "+16135550123"];
    for (n, to) in CLOSED.into_iter().chain(abroad).enumerate() {
        let twiml = studio.dials(&format!("CA{n}"), to).await;
        assert!(twiml.is_refusal(), "{to}: {twiml:?}");
    }
    assert_eq!(app.message_ids(studio.id).await, []);
    studio.allows(json!(["JM"])).await;
    assert!(!studio.dials("CB1", JAMAICA).await.is_refusal());
    assert!(studio.dials("CB2", TRINIDAD).await.is_refusal());
}

#[tokio::test]
async fn call_from_a_client_is_not_passed_on_to_a_location_abroad() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.has_location("+14155550177", JAMAICA).await;
    app.clock.advance(Duration::from_secs(6));
    let rings = async |sid: &str| {
        let form = [("CallSid", sid), ("From", ADA), ("To", "+14155550177")];
        app.twiml("/omega/voice-calls/twiml", &form).await
    };
    assert_ne!(rings("CA1").await.verbs(), ["Dial"]);
    studio.allows(json!(["JM"])).await;
    assert_eq!(rings("CA2").await.dials().1, JAMAICA);
}

#[tokio::test]
async fn hundred_equal_texts_to_one_number_stop_at_the_most_of_an_hour() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    app.clock.freeze();
    let most = MOST_AN_HOUR as usize;
    assert_eq!(studio.floods("campaign", 100, ADA, json!({})).await, most);
    app.drain().await;
    assert_eq!(app.sent().len(), most);
    assert_eq!(studio.floods("conversation", 1, ADA, json!({})).await, 0, "of any kind");
    assert_eq!(studio.floods("campaign", 1, "+14155550124", json!({})).await, 1, "another number");
    assert_eq!(other.floods("campaign", 1, ADA, json!({})).await, 1, "another business");
    // Neither the directory nor a text from the client begins the count anew.
    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": ADA})).await.ok();
    studio.put("/clients/7", json!({"client_phone_number": "+14155550199"})).await.ok();
    app.text(ADA, &studio.number, "Stop that").await;
    assert_eq!(studio.floods("notification", 1, ADA, json!({})).await, 0);
    app.clock.advance(HOUR);
    assert_eq!(studio.floods("campaign", 100, ADA, json!({})).await, most, "the next hour");
}

#[tokio::test]
async fn scheduled_texts_count_in_the_hour_in_which_they_leave() {
    let app = App::start().await;
    let studio = app.business().await;
    app.clock.freeze();
    let most = MOST_AN_HOUR as usize;
    for send_at in ["2026-02-02T09:30:00Z", "2026-02-02T10:00:00Z"] {
        let at = json!({"send_at": send_at});
        assert_eq!(studio.floods("notification", 61, ADA, at.clone()).await, most, "{send_at}");
        assert_eq!(studio.floods("notification", 1, ADA, at).await, 0, "{send_at}");
    }
    assert_eq!(studio.floods("conversation", 1, ADA, json!({})).await, 1, "now");
}

#[tokio::test]
async fn repeated_request_counts_once() {
    let app = App::start().await;
    let studio = app.business().await;
    app.clock.freeze();
    assert_eq!(studio.floods("campaign", 59, ADA, json!({})).await, 59);
    let body = studio.send_body(&[(7, ADA, "Hello")]);
    for _ in 0..3 {
        let request = studio.request(Method::POST, "/sms/send").header("Idempotency-Key", "k").json(&body);
        assert_eq!(send(request).await.ok()["items"][0]["status"], "queued");
    }
    assert_eq!(studio.floods("campaign", 1, ADA, json!({})).await, 0);
}

#[tokio::test]
async fn calls_and_texts_to_one_number_count_together() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    app.clock.freeze();
    assert_eq!(studio.floods("campaign", 59, ADA, json!({})).await, 59);
    assert!(!studio.dials("CA1", ADA).await.is_refusal());
    assert!(!studio.dials("CA1", ADA).await.is_refusal(), "the same call again");
    assert!(studio.dials("CA2", ADA).await.is_refusal());
    assert_eq!(studio.texts(7, ADA).await.0, "blocked");
    app.clock.advance(HOUR);
    assert!(!studio.dials("CA3", ADA).await.is_refusal());
}

#[tokio::test]
async fn retry_is_refused_once_its_destination_is() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.allows(json!(["JM"])).await;
    app.local.twilio.script(None, [Answer::refuse(30007), Answer::refuse(30007)]);
    let (abroad, home) = (studio.queue(7, JAMAICA, "Hello").await, studio.queue(8, ADA, "Hello").await);
    app.drain().await;
    assert_eq!((studio.status(abroad).await, studio.status(home).await), ("failed".into(), "failed".into()));
    studio.allows(json!([])).await;
    let refused = studio.retries(abroad).await;
    assert_eq!(refused.bad_fields(), [r#"["path","message_id"]"#]);
    assert!(refused.body.to_string().contains("allowed_destinations"), "{}", refused.body);
    assert_eq!(studio.status(abroad).await, "failed");

    app.clock.freeze();
    let left = MOST_AN_HOUR as usize - 1;
    assert_eq!(studio.floods("campaign", 100, ADA, json!({})).await, left);
    let refused = studio.retries(home).await;
    assert!(refused.body.to_string().contains("60 times"), "{}", refused.body);
    app.clock.advance(HOUR);
    studio.retries(home).await.ok();
    // The client texts: from then on the number is open.
    app.text(JAMAICA, &studio.number, "Hi").await;
    studio.retries(abroad).await.ok();
    app.drain().await;
    assert!(app.sent().iter().any(|(to, _)| to == JAMAICA));
}

#[tokio::test]
async fn clients_own_number_is_judged_as_one_that_the_caller_names() {
    let app = App::start().await;
    let studio = app.business().await;
    let numbers = [(7, JAMAICA), (8, "+19005550123"), (9, "+447012345678")];
    for (client, number) in numbers {
        studio.put(&format!("/clients/{client}"), json!({"client_phone_number": number})).await.ok();
    }
    let abroad = studio.processes(7).await.ok();
    assert_eq!(abroad["items"][0]["status"], "blocked", "{abroad}");
    for client in [8, 9] {
        assert_eq!(studio.processes(client).await.bad_fields(), [r#"["body","client_id"]"#]);
    }
    app.drain().await;
    assert_eq!(app.sent(), []);
}

#[tokio::test]
async fn every_bad_country_of_onboarding_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({
        "business_id": studio.id,
        "allowed_destinations": ["US", "UK", "ca", 44, "+44", "USA", "", null, "ZZ"],
    });
    let refused = send(app.platform(Method::POST, "/business/onboard").json(&body)).await;
    let bad = [1, 3, 4, 5, 6, 7, 8].map(|n| format!(r#"["body","allowed_destinations",{n}]"#));
    assert_eq!(refused.bad_fields(), bad);
    let body = json!({"business_id": studio.id, "allowed_destinations": "GB"});
    let refused = send(app.platform(Method::POST, "/business/onboard").json(&body)).await;
    assert_eq!(refused.bad_fields(), [r#"["body","allowed_destinations"]"#]);
}

#[tokio::test]
async fn test_message_to_a_number_abroad_fails_with_the_reason_until_the_country_is_allowed() {
    let app = App::start().await;
    let studio = app.business().await;
    let onboard = async |body: Value| {
        send(app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
        app.drain().await;
        let path = format!("/business/{}/onboard/status", studio.id);
        let status = send(app.platform(Method::GET, &path)).await.ok();
        let steps = status["steps"].as_array().unwrap().iter();
        steps.clone().find(|step| step["step"] == "test_message").cloned().unwrap()
    };
    for closed in [JAMAICA, "+19005550123", studio.number.as_str()] {
        let step = onboard(json!({"business_id": studio.id, "test_phone_number": closed})).await;
        assert_eq!(step["state"], "failed", "{step}");
        assert!(step["reason"].as_str().unwrap().starts_with("The number is not texted"), "{step}");
    }
    let allowed =
        json!({"business_id": studio.id, "test_phone_number": JAMAICA, "allowed_destinations": ["JM"]});
    assert_eq!(onboard(allowed).await["state"], "done");
}
