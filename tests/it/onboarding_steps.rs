//! What onboarding does at Twilio and SES, step by step: how each is done, how it fails, and how it goes on.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use local::Source;
use local::fake_ses::Verification;
use local::fake_twilio::{Answer, Number};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, send};
use crate::faults::REFUSAL;
use crate::onboarding::{mails_from, onboard, preview, sends_from, status, step};

pub const NUMBER: &str = "+14155550100";
pub const OTHER: &str = "+14155550101";
pub const ADA: &str = "+14155550123";
/// Longer than a job is hidden that was handed out.
const HIDDEN: Duration = Duration::from_secs(721);
const HOUR: Duration = Duration::from_secs(3600);
/// Longer than a process believes what it read of a business.
pub const BELIEVED: Duration = Duration::from_secs(6);
const RETRIES: &str = "#rc=3&rp=5xx,ct,rt&ct=2000&rt=4500";

/// What a business asks for that has one number.
pub fn with_number() -> Value {
    json!({"business_id": 5, "from_phone_number": NUMBER})
}

/// Calls, and gives the key if it is shown.
pub async fn call(app: &App, body: &Value) -> String {
    let answer = send(onboard(app, body)).await.ok();
    answer["api_key"].as_str().unwrap_or_default().to_owned()
}

/// The status of business 5.
pub async fn now(app: &App) -> Value {
    status(app, 5).await.ok()
}

/// How one step of business 5 stands: state, reason, next action.
pub async fn at(app: &App, name: &str) -> (String, String, String) {
    let status = now(app).await;
    let said = step(&status, name);
    let word = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    (word("state"), word("reason"), word("next_action"))
}

/// A step failed, says why and what to do.
pub async fn failed(app: &App, name: &str, because: &str) {
    let (state, reason, action) = at(app, name).await;
    assert_eq!(state, "failed", "{name}");
    assert!(reason.contains(because) && !action.is_empty(), "{reason} / {action}");
    assert_eq!(now(app).await["status"], "failed");
}

/// Whether a text may go out, and if not, what is said of the number.
pub async fn refusal(app: &App, key: &str, to: &str, from: Option<&str>) -> Option<String> {
    let messages = json!([{"client_id": 7, "to_phone_number": to, "message": "Hi"}]);
    let body = json!({"category": "conversation", "from_phone_number": from, "messages": messages});
    let call = app.anonymous(Method::POST, "/businesses/5/sms/send").header("X-API-KEY", key);
    let answer = send(call.json(&body)).await;
    if answer.status == 200 {
        return None;
    }
    assert_eq!(answer.bad_fields(), [r#"["body","from_phone_number"]"#]);
    Some(answer.body["detail"][0]["msg"].to_string())
}

/// How often something of one kind was called at a provider since the last look.
fn calls(app: &App, server: &str, operation: &str) -> usize {
    app.local.wire.operations(server).iter().filter(|one| one.starts_with(operation)).count()
}

fn is_ours(app: &App, number: &Number) {
    let origin = &app.local.origin;
    let hooks = [
        (&number.sms_url, format!("{origin}/omega/twilio/sms/reply{RETRIES}"), &number.sms_method),
        (
            &number.sms_fallback_url,
            format!("{}/omega/twilio/sms/reply", app.local.fallback_url),
            &number.sms_fallback_method,
        ),
        (&number.voice_url, format!("{origin}/omega/voice-calls/twiml{RETRIES}"), &number.voice_method),
        (
            &number.status_callback,
            format!("{origin}/omega/twilio/voice/status{RETRIES}"),
            &number.status_callback_method,
        ),
    ];
    for (set, ours, method) in hooks {
        assert_eq!((set, method.as_str()), (&ours, "POST"));
    }
}

#[tokio::test]
async fn every_step_is_done_and_what_was_asked_for_is_there() {
    let app = App::start().await;
    let body = json!({
        "business_id": 5,
        "business_name": "Studio",
        "from_email": "hello@studio.example.com",
        "from_phone_number": NUMBER,
        "phone_numbers": [{"phone_number": NUMBER, "location_id": 3, "a2p_registration": "registered"}],
        "locations": [{"location_id": 3, "name": "Harbor", "timezone": "Europe/Berlin"}],
        "a2p_brand_sid": "BN1",
        "a2p_campaign_sid": "QE1",
        "test_phone_number": ADA,
    });
    let key = call(&app, &body).await;
    app.drain().await;

    let status = now(&app).await;
    assert_eq!(status["status"], "completed", "{status}");
    let steps: Vec<_> = status["steps"].as_array().unwrap().iter().map(|one| one["step"].clone()).collect();
    let names = [
        "business",
        "api_key",
        "locations",
        "phone_numbers",
        "twilio_webhooks",
        "sender_email",
        "a2p_registration",
        "test_message",
    ];
    assert_eq!(steps, names);
    for one in status["steps"].as_array().unwrap() {
        assert_eq!(
            (&one["state"], &one["reason"], &one["next_action"]),
            (&json!("done"), &Value::Null, &Value::Null)
        );
    }
    let locations = app.anonymous(Method::GET, "/businesses/5/locations").header("X-API-KEY", key);
    let locations = send(locations).await.ok();
    assert_eq!(
        (&locations[0]["name"], &locations[0]["timezone"]),
        (&json!("Harbor"), &json!("Europe/Berlin"))
    );
    let test = app.local.twilio.outbox().remove(0);
    assert_eq!((test.from.as_str(), test.to.as_str()), (NUMBER, ADA));
    assert_eq!(test.body, "omega test message of Studio");
}

// ---- Numbers ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn twilio_calls_omega_with_its_retries_and_its_fallback_and_is_told_once() {
    let app = App::start().await;
    call(&app, &with_number()).await;
    app.set_up(5).await;
    is_ours(&app, &app.local.twilio.number(NUMBER).unwrap());
    assert_eq!(calls(&app, "twilio", "POST IncomingPhoneNumbers"), 1);

    call(&app, &with_number()).await;
    app.set_up(5).await;

    assert_eq!(calls(&app, "twilio", "POST IncomingPhoneNumbers"), 1, "nothing is set that is right");
    assert_eq!(calls(&app, "twilio", "GET IncomingPhoneNumbers"), 2);
}

#[tokio::test]
async fn what_somebody_else_set_at_twilio_is_set_right_by_repeating_the_call() {
    let app = App::start().await;
    call(&app, &with_number()).await;
    app.set_up(5).await;
    let sid = app.local.twilio.number(NUMBER).unwrap().sid;
    for change in
        [("SmsUrl", "https://example.com/"), ("SmsMethod", "GET"), ("VoiceUrl", ""), ("SmsFallbackUrl", "")]
    {
        let account = &app.local.twilio_account;
        let path = format!("/2010-04-01/Accounts/{}/IncomingPhoneNumbers/{sid}.json", account.account_sid);
        let set = reqwest::Client::new().post(format!("{}{path}", account.api_url));
        let set = set.basic_auth(&account.account_sid, Some(&account.auth_token)).form(&[change]);
        send(set).await.ok();

        call(&app, &with_number()).await;
        app.set_up(5).await;

        is_ours(&app, &app.local.twilio.number(NUMBER).unwrap());
    }
}

#[tokio::test]
async fn a_number_that_is_not_in_the_account_is_named_and_sends_when_it_is_there() {
    let app = App::start().await;
    app.local.twilio.register_numbers([OTHER]);
    let body =
        json!({"business_id": 5, "phone_numbers": [{"phone_number": NUMBER}, {"phone_number": OTHER}]});
    let key = call(&app, &body).await;
    app.drain().await;

    failed(&app, "phone_numbers", NUMBER).await;
    assert!(!at(&app, "phone_numbers").await.1.contains(OTHER));
    assert_eq!(at(&app, "twilio_webhooks").await.0, "done");
    for from in [None, Some(NUMBER)] {
        let refused = refusal(&app, &key, ADA, from).await.unwrap();
        assert!(refused.contains("still being set up: see the onboarding status"), "{refused}");
    }
    assert_eq!(refusal(&app, &key, ADA, Some(OTHER)).await, None);

    app.local.twilio.register_numbers([NUMBER]);
    call(&app, &json!({"business_id": 5})).await;
    app.set_up(5).await;
    app.clock.advance(BELIEVED);
    assert_eq!(refusal(&app, &key, ADA, None).await, None);
}

#[tokio::test]
async fn a_number_that_left_the_account_sends_no_more_once_that_is_known() {
    let app = App::start().await;
    let key = call(&app, &with_number()).await;
    app.set_up(5).await;
    assert_eq!(refusal(&app, &key, ADA, None).await, None);
    app.local.twilio.register_numbers([OTHER]);
    call(&app, &json!({"business_id": 5})).await;
    app.drain().await;
    app.clock.advance(BELIEVED);
    failed(&app, "phone_numbers", NUMBER).await;
    assert!(refusal(&app, &key, ADA, None).await.is_some());
}

#[tokio::test]
async fn a_number_that_cannot_text_is_named() {
    let app = App::start().await;
    app.local.twilio.set_texts(NUMBER, false);
    let key = call(&app, &with_number()).await;
    app.drain().await;
    failed(&app, "phone_numbers", "cannot text: +14155550100").await;
    assert!(refusal(&app, &key, ADA, None).await.is_some());

    app.local.twilio.set_texts(NUMBER, true);
    call(&app, &with_number()).await;
    app.set_up(5).await;
}

#[tokio::test]
async fn what_twilio_refuses_is_said_and_tried_again_by_repeating_the_call() {
    let app = App::start().await;
    app.local.twilio.script_numbers(Some(NUMBER), [Answer::accept(), Answer::refuse(21402)]);
    let key = call(&app, &with_number()).await;
    app.drain().await;
    failed(&app, "twilio_webhooks", "21402").await;
    assert!(refusal(&app, &key, ADA, None).await.is_some());
    assert_eq!(app.jobs(Source::Onboarding).len(), 0, "the job is over");

    call(&app, &with_number()).await;
    app.set_up(5).await;
    app.clock.advance(BELIEVED);
    assert_eq!(refusal(&app, &key, ADA, None).await, None);
}

#[tokio::test]
async fn while_twilio_is_away_the_job_is_handed_out_again_until_it_is_back() {
    for (failing, name) in [("GET", "phone_numbers"), ("POST", "twilio_webhooks")] {
        let app = App::start().await;
        let operation = if failing == "GET" { None } else { Some("POST IncomingPhoneNumbers/{sid}") };
        app.local.wire.fail("twilio", operation, usize::MAX, 503, "");
        let key = call(&app, &with_number()).await;
        app.drain().await;
        failed(&app, name, "Twilio could not be reached").await;
        assert_eq!(app.jobs(Source::Onboarding).len(), 1);
        assert!(refusal(&app, &key, ADA, None).await.is_some());

        app.local.wire.heal();
        app.clock.advance(HIDDEN);
        app.set_up(5).await;
        assert_eq!(refusal(&app, &key, ADA, None).await, None);
    }
}

#[tokio::test]
async fn an_outage_that_outlasts_the_job_is_made_up_for_by_the_sweeper() {
    let app = App::start().await;
    app.local.wire.fail("twilio", None, usize::MAX, 503, "");
    call(&app, &with_number()).await;
    for _ in 0..6 {
        app.local.drain().await.unwrap();
        app.clock.advance(HIDDEN);
    }
    let dead = &app.local.feed(Source::Onboarding).dead_letters;
    assert_eq!(app.local.sqs.bodies(dead).len(), 1);
    app.local.wire.heal();

    app.clock.advance(HOUR);
    assert_eq!(app.local.sweep().await.unwrap().set_up, 1);
    app.set_up(5).await;
    app.clock.advance(HOUR * 24);
    assert_eq!(app.local.sweep().await.unwrap().set_up, 0);
}

#[tokio::test]
async fn a_job_that_was_never_queued_is_queued_by_the_sweeper() {
    let app = App::start().await;
    app.local.wire.fail("sqs", None, usize::MAX, 400, REFUSAL);
    call(&app, &with_number()).await;
    app.local.wire.heal();
    assert_eq!(app.jobs(Source::Onboarding).len(), 0);
    assert_eq!(app.local.sweep().await.unwrap().set_up, 0, "not yet");
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(app.local.sweep().await.unwrap().set_up, 1);
    app.set_up(5).await;
}

#[tokio::test]
async fn a_message_of_any_channel_is_not_queued_from_a_number_that_is_being_set_up() {
    let app = App::start().await;
    let key = call(&app, &with_number()).await;
    let own = |method, path: &str| app.anonymous(method, path).header("X-API-KEY", &key);
    let client = json!({"client_phone_number": ADA});
    send(own(Method::PUT, "/businesses/5/clients/7").json(&client)).await.ok();
    let body = json!({"business_id": 5, "client_id": 7, "channel": "sms", "message": "Hi"});
    let process = || send(own(Method::POST, "/messages/process").json(&body));
    assert_eq!(process().await.bad_fields(), [r#"["body","from_phone_number"]"#]);

    app.set_up(5).await;
    app.clock.advance(BELIEVED);
    process().await.ok();
}

// ---- Mail ------------------------------------------------------------------------------------------------------

const DOMAIN: &str = "studio.example.com";

fn with_mailbox() -> Value {
    json!({"business_id": 5, "from_email": format!("hello@{DOMAIN}"), "from_phone_number": NUMBER})
}

#[tokio::test]
async fn a_domain_waits_for_its_three_records_and_holds_nothing_up() {
    let app = App::start().await;
    app.local.ses.set_identities_verify(false);
    let key = call(&app, &with_mailbox()).await;
    app.set_up(5).await;

    let (state, reason, action) = at(&app, "sender_email").await;
    assert_eq!(state, "pending", "{reason}");
    let tokens = app.local.ses.identities().remove(0).tokens;
    assert_eq!(tokens.len(), 3);
    for token in tokens {
        let record = format!("{token}._domainkey.{DOMAIN} CNAME {token}.dkim.amazonses.com");
        assert!(action.contains(&record), "{action}");
    }
    // Mail is theirs from the claim on; what SES thinks of it, it says of each mail.
    for (from, expected) in
        [(None, 200), (Some("hello@studio.example.com"), 200), (Some("x@studio.example.com"), 422)]
    {
        assert_eq!(mails_from(&app, 5, &key, from).await, expected);
    }

    app.local.ses.set_identity(DOMAIN, Verification::Success);
    call(&app, &json!({"business_id": 5})).await;
    app.set_up(5).await;
    assert_eq!(at(&app, "sender_email").await.0, "done");
    assert_eq!(calls(&app, "ses", "POST /v2/email/identities"), 1, "it is created once");
}

#[tokio::test]
async fn ses_is_asked_every_hour_whether_the_records_are_there_until_it_says_so() {
    let app = App::start().await;
    app.local.ses.set_identities_verify(false);
    call(&app, &with_mailbox()).await;
    app.set_up(5).await;
    app.clock.advance(HOUR * 2);
    app.sweep().await;
    assert_eq!(at(&app, "sender_email").await.0, "pending");

    app.local.ses.set_identity(DOMAIN, Verification::Success);
    app.clock.advance(HOUR * 2);
    app.sweep().await;

    assert_eq!(at(&app, "sender_email").await.0, "done");
    app.clock.advance(HOUR * 2);
    assert_eq!(app.local.sweep().await.unwrap().set_up, 0);
}

#[tokio::test]
async fn a_domain_that_ses_has_given_up_is_said() {
    let app = App::start().await;
    app.local.ses.set_identity(DOMAIN, Verification::Failed);
    call(&app, &with_mailbox()).await;
    app.drain().await;
    failed(&app, "sender_email", "given up").await;
    app.local.ses.set_identity(DOMAIN, Verification::Success);
    call(&app, &with_mailbox()).await;
    app.set_up(5).await;
}

#[tokio::test]
async fn what_ses_refuses_ends_the_job_and_what_it_cannot_do_now_does_not() {
    let refusal = r#"{"message":"hello@studio.example.com is not welcome"}"#;
    for (status, jobs, because) in [(400, 0, "SES refused it"), (503, 1, "SES could not be reached")] {
        let app = App::start().await;
        app.local.wire.fail("ses", None, usize::MAX, status, refusal);
        let key = call(&app, &with_mailbox()).await;
        app.drain().await;
        failed(&app, "sender_email", because).await;
        assert!(!at(&app, "sender_email").await.1.contains('@'));
        assert_eq!(app.jobs(Source::Onboarding).len(), jobs);
        assert_eq!(sends_from(&app, 5, &key, None).await, 200, "the number is ready all the same");

        app.local.wire.heal();
        call(&app, &with_mailbox()).await;
        app.set_up(5).await;
    }
}

// ---- What is kept for others -----------------------------------------------------------------------------------

#[tokio::test]
async fn a_limit_and_origins_are_kept_and_changed_by_repeating_the_call() {
    let app = App::start().await;
    let stored = async || {
        let business = domain::BusinessId::new(5).unwrap();
        let business = app.local.sender().store.business(business).await.unwrap().unwrap();
        (business.requests_per_minute.per_minute(), business.allowed_origins)
    };
    let key = call(&app, &json!({"business_id": 5})).await;
    assert_eq!(stored().await, (600, vec![]));
    assert_eq!(preview(&app, 5, &key).await, 200);

    let origins = ["https://Inbox.Studio.example", "http://localhost:3000", "https://a.example:443"];
    call(&app, &json!({"business_id": 5, "requests_per_minute": 100_000, "allowed_origins": origins})).await;
    let expected = ["https://inbox.studio.example", "http://localhost:3000", "https://a.example"];
    let expected = expected.map(str::to_owned).to_vec();
    assert_eq!(stored().await, (100_000, expected.clone()));

    call(&app, &json!({"business_id": 5, "requests_per_minute": null, "allowed_origins": null})).await;
    assert_eq!(stored().await, (100_000, expected), "what is not mentioned stays");
    call(&app, &json!({"business_id": 5, "requests_per_minute": 1, "allowed_origins": []})).await;
    assert_eq!(stored().await, (1, vec![]));
}

#[tokio::test]
async fn what_is_no_origin_is_refused_by_its_place() {
    let app = App::start().await;
    for bad in [
        "inbox.example.com",
        "https://",
        "https://a.example/",
        "https://a.example/path",
        "https://user@a.example",
        "https://*.example.com",
        "https://a..example",
        "https://a.example:0",
        "https://a.example:99999",
        "https://a.example:",
        "http://a.example",
        "http://localhost.example.com",
        "ftp://a.example",
        "null",
    ] {
        let body = json!({"business_id": 5, "allowed_origins": ["https://good.example", bad]});
        let refused = send(onboard(&app, &body)).await;
        assert_eq!(refused.bad_fields(), [r#"["body","allowed_origins",1]"#], "{bad}");
    }
    let eleven = vec!["https://a.example"; 11];
    let refused = send(onboard(&app, &json!({"business_id": 5, "allowed_origins": eleven}))).await;
    assert_eq!(refused.bad_fields(), [r#"["body","allowed_origins"]"#]);
    assert_eq!(status(&app, 5).await.status, 404);
}
