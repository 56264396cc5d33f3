//! The samples in `events/`, as Lambda hands them over, through the conversion that Lambda's own runtime does. Each is
//! read here, so that none goes stale.

#![allow(clippy::unwrap_used, reason = "every function here is a test or the tool of one")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::sqs::SqsEvent;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Request, StatusCode};
use domain::email_event::{EmailEventKind, mailgun, postmark, sendgrid, ses};
use domain::job::{Job, Work};
use domain::{Clock, Timestamp};
use email_webhooks::{Certificates, Settings};
use local::fake_twilio::{self, FakeTwilio, FakeTwilioConfig};
use local::wire::serve;
use local::{Local, Options, Source, TwilioAccount};
use serde_json::{Value, json};
use signature::twilio::sign_form;
use tokio::net::TcpListener;
use tower::ServiceExt;
use web::access::{Access, ROUTES, Route};

use crate::architecture::{TEMPLATE, files, read};
use crate::permissions;
use crate::surface::{Surface, credential_id};

/// What the samples are signed with and for.
const TOKEN: &str = "test-auth-token";
const ORIGIN: &str = "https://hooks.example.com";
const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// Calls of the API, in an order in which they make sense, and how each is answered. The message that some of them
/// name does not exist.
const CALLS: &[(&str, u16)] = &[
    ("health", 200),
    ("health_db", 200),
    ("onboard", 200),
    ("onboard_status", 200),
    ("location_put", 200),
    ("locations", 200),
    ("staff_put", 200),
    ("staff_get", 200),
    ("staffs", 200),
    ("client_put", 200),
    ("client_get", 200),
    ("clients", 200),
    ("conversation_open", 200),
    ("sms_preview", 200),
    ("sms_send", 200),
    ("sms_record", 200),
    ("sms_status", 404),
    ("messages_process", 200),
    ("messages_by_request", 200),
    ("messages_by_request_older_path", 200),
    ("message_get", 404),
    ("message_events", 404),
    ("message_cancel", 404),
    ("message_retry", 404),
    ("message_retry_older_path", 404),
    ("message_flag", 404),
    ("messages_read", 200),
    ("conversation_note", 200),
    ("conversation_assign", 200),
    ("conversation_status", 200),
    ("conversation_label", 200),
    ("conversation_history", 200),
    ("conversation_messages", 200),
    ("conversation_search", 200),
    ("conversation_search_older_path", 200),
    ("conversations", 200),
    ("conversation_filters", 200),
    ("rocketchat_server_info", 200),
    ("rocketchat_server_info_version_1", 200),
    ("rocketchat_login", 200),
    ("rocketchat_me", 200),
    ("rocketchat_user_info", 200),
    ("rocketchat_visitor", 200),
    ("rocketchat_visitor_register", 200),
    ("rocketchat_visitor_search", 200),
    ("rocketchat_contact_create", 200),
    ("rocketchat_contact", 200),
    ("rocketchat_contact_update", 200),
    ("rocketchat_contacts", 200),
    ("rocketchat_contact_exists", 200),
    ("rocketchat_contact_history", 200),
    ("rocketchat_contact_channels", 200),
    ("rocketchat_contact_block", 200),
    ("rocketchat_contact_unblock", 200),
    ("rocketchat_contact_conflicts", 400),
    ("rocketchat_contact_delete", 200),
    ("rocketchat_logout", 200),
    ("rocketchat_logout_by_get", 200),
    ("nexhealth_authenticate", 201),
    ("nexhealth_conversations", 200),
    ("nexhealth_institutions", 200),
    ("nexhealth_institution", 200),
    ("nexhealth_locations", 200),
    ("nexhealth_location", 200),
    ("nexhealth_patients", 200),
    ("nexhealth_patient", 200),
    ("email_send", 200),
    ("email_record", 200),
    ("email_status", 404),
    ("email_suppressions", 200),
    ("email_suppressions_remove", 404),
    ("message_attachment", 404),
    ("email_unsubscribe_ask", 404),
    ("email_unsubscribe", 404),
    ("auth_token", 200),
    ("session_expire", 200),
    ("api_keys", 200),
    ("api_key_create", 200),
    ("api_key_revoke", 404),
    ("voice_token", 403),
    ("client_erase", 202),
    ("api_keys_replace", 200),
];
/// Calls by Twilio: through the gateway, and through function URLs.
const WEBHOOKS: &[&str] = &[
    "twilio_reply",
    "twilio_status",
    "twilio_reply_function_url",
    "twilio_status_function_url",
    "twilio_voice_status",
    "voice_twiml",
];
/// The call that Twilio makes when those fail.
const FALLBACK: &str = "twilio_reply_fallback";
/// Calls by mail providers, and how each is answered. The signature of SendGrid is made up, and the certificate that SNS
/// names is nowhere.
const MAIL_HOOKS: &[(&str, u16)] = &[
    ("email_webhook_ses", 503),
    ("email_webhook_sendgrid", 403),
    ("email_webhook_mailgun", 200),
    ("email_webhook_postmark", 200),
    ("email_inbound_sendgrid", 200),
    ("email_inbound_mailgun", 200),
    ("email_inbound_postmark", 200),
];
/// What the samples of mail providers are signed with, and about when.
const MAILGUN_KEY: &str = "test-signing-key";
const PASSWORD: &str = "test-password";
const MAIL_DAY: &str = "2026-03-12T18:04:10.000Z";
/// What mail providers post, as bodies of their own: of SES as it publishes, and as SNS carries it.
const OF_SES: &[&str] = &[
    "ses_bounce",
    "ses_click",
    "ses_complaint",
    "ses_delivery",
    "ses_delivery_delay",
    "ses_open",
    "ses_received",
    "ses_reject",
    "ses_rendering_failure",
    "ses_send",
    "ses_subscription",
];
const OF_SNS: &[&str] = &["sns_notification", "sns_subscription_confirmation"];
const OF_POSTMARK: &[&str] = &[
    "postmark_bounce",
    "postmark_delivery",
    "postmark_open",
    "postmark_spam_complaint",
    "postmark_subscription_change",
];
const OF_MAILGUN: &[&str] = &["mailgun_delivered", "mailgun_failed"];
const OF_SENDGRID: &str = "sendgrid_events";
const INBOUND_OF_POSTMARK: &str = "postmark_inbound";
/// A mail as it comes over the wire.
const MAIL: &str = "reply";
/// Batches of a queue, and which of their records cannot be read.
const BATCHES: &[(&str, &[usize])] = &[
    ("email_receiver", &[]),
    ("email_sender", &[]),
    ("message_recorder", &[]),
    ("provisioner", &[]),
    ("sms_sender", &[]),
    ("sms_sender_backfill", &[]),
    ("sms_sender_malformed", &[1]),
];
/// Bodies as Twilio posts them, and the calls that carry them.
const FORMS: &[(&str, &str)] = &[
    ("sms_reply", "twilio_reply"),
    ("sms_status", "twilio_status"),
    ("voice_status", "twilio_voice_status"),
    ("voice_twiml", "voice_twiml"),
];

async fn start(origin: &str) -> Local {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_url = format!("http://{}", listener.local_addr().unwrap());
    let twilio = FakeTwilio::new(FakeTwilioConfig {
        account_sid: ACCOUNT.to_owned(),
        auth_token: TOKEN.to_owned(),
        sms_url: origin.to_owned(),
        sms_fallback_url: None,
        now: Arc::new(|| 0),
        sign: sign_form,
    });
    tokio::spawn(serve(listener, fake_twilio::router(twilio)));
    let account = TwilioAccount {
        api_url,
        account_sid: ACCOUNT.to_owned(),
        auth_token: TOKEN.to_owned(),
        auth_token_secondary: None,
        public_base_url: origin.to_owned(),
        fallback_base_url: Some(origin.to_owned()),
    };
    Local::start(Options { twilio: Some(account), ..Options::default() }).await.unwrap()
}

fn event(name: &str) -> Value {
    serde_json::from_str(&read(format!("events/http/{name}.json"))).unwrap()
}

/// The request that a function gets to see.
fn request(event: &Value) -> Request<Body> {
    lambda_http::request::from_str(&event.to_string()).unwrap().map(|body| Body::from(body.to_vec()))
}

async fn call(router: Router, request: Request<Body>) -> (StatusCode, String) {
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.into()).unwrap())
}

async fn status(router: Router, event: &Value) -> StatusCode {
    call(router, request(event)).await.0
}

/// What an event carries, as it came over the wire.
fn form(event: &Value) -> Vec<u8> {
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    request.into_body().to_vec()
}

/// An event, called at another query and with another form, and signed again.
fn signed(mut event: Value, query: &str, form: &str) -> Value {
    let url = format!("{ORIGIN}{}?{query}", event["rawPath"].as_str().unwrap());
    event["rawQueryString"] = json!(query);
    event["body"] = json!(form);
    event["isBase64Encoded"] = json!(false);
    event["headers"]["content-length"] = json!(form.len().to_string());
    event["headers"]["x-twilio-signature"] = json!(sign_form(TOKEN, &url, form.as_bytes()));
    event
}

fn names<'a>(folder: &str, names: impl IntoIterator<Item = &'a str>, end: &str) -> BTreeSet<PathBuf> {
    names.into_iter().map(|name| PathBuf::from(format!("events/{folder}/{name}.{end}"))).collect()
}

#[test]
fn no_event_is_left_unread() {
    let mut read = names("http", CALLS.iter().map(|(name, _)| *name), "json");
    read.extend(names("http", WEBHOOKS.iter().copied().chain([FALLBACK]), "json"));
    read.extend(names("http", MAIL_HOOKS.iter().map(|(name, _)| *name), "json"));
    let bodies = [OF_SES, OF_SNS, OF_POSTMARK, OF_MAILGUN, &[OF_SENDGRID, INBOUND_OF_POSTMARK]];
    read.extend(names("email", bodies.concat(), "json"));
    read.extend(names("email", [MAIL], "eml"));
    read.extend(names("sqs", BATCHES.iter().map(|(name, _)| *name), "json"));
    read.extend(names("twilio", FORMS.iter().map(|(name, _)| *name), "form"));
    read.extend(names("schedule", ["recounter", "sweeper"], "json"));
    assert_eq!(read, BTreeSet::from_iter(files("events")), "this test on the left, events/ on the right");
}

#[test]
fn every_route_has_a_sample() {
    let keys: BTreeSet<String> = CALLS
        .iter()
        .map(|(name, _)| *name)
        .chain(WEBHOOKS.iter().copied())
        .chain(MAIL_HOOKS.iter().map(|(name, _)| *name))
        .map(|name| event(name)["routeKey"].as_str().unwrap().to_owned())
        .filter(|key| key != "$default")
        .collect();
    assert_eq!(keys, ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect());
}

/// A call with a key in place of the one in the sample.
async fn with_key(request: Request<Body>, route: &Route, key: &str) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let mut put = |name: &'static str, value: &str| {
        parts.headers.insert(name, HeaderValue::from_str(value).unwrap());
    };
    match (Surface::of(route.path), route.access) {
        (Surface::Omega, _) => put("x-api-key", key),
        (Surface::RocketChat, Access::SignsIn) => {
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let body = String::from_utf8(body.into()).unwrap().replace("example-api-key", key);
            return Request::from_parts(parts, Body::from(body));
        }
        (Surface::RocketChat, _) => {
            put("x-auth-token", key);
            put("x-user-id", &credential_id(key));
        }
        (Surface::NexHealth, Access::SignsIn) => put("authorization", key),
        (Surface::NexHealth, _) => put("authorization", &format!("Bearer {key}")),
    }
    Request::from_parts(parts, body)
}

#[tokio::test]
async fn every_call_is_answered_as_it_is_over_http() {
    let local = start(ORIGIN).await;
    let mut api_key = None;
    for (name, expected) in CALLS {
        let event = event(name);
        let route =
            ROUTES.iter().find(|route| event["routeKey"] == format!("{} {}", route.method, route.path));
        let route = route.unwrap_or_else(|| panic!("{name} is of no route"));
        let mut request = request(&event);
        let key = match route.access {
            Access::Platform => Some(&local.platform_key),
            Access::Business(_) | Access::SignsIn => api_key.as_ref(),
            Access::Public | Access::TwilioSigned | Access::ProviderSigned | Access::Sealed => None,
        };
        if let Some(key) = key {
            let (status, _) = call(local.router(), self::request(&event)).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{name} with the key that is in the sample");
            request = with_key(request, route, key).await;
        }
        local.wire.clear();
        let (status, body) = call(local.router(), request).await;
        assert_eq!(status.as_u16(), *expected, "{name}: {body}");
        assert_ne!(body, r#"{"detail":"Not Found"}"#, "{name} matches no route");
        permissions::check(event["routeKey"].as_str().unwrap(), &local.wire.calls());
        let body: Value = serde_json::from_str(&body).unwrap();
        if let Some(created) = body["api_key"].as_str() {
            api_key = Some(created.to_owned());
            local.deliver_once(Source::Onboarding).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_signature_holds_behind_the_gateway_and_behind_a_function_url() {
    let local = start(ORIGIN).await;
    for name in WEBHOOKS {
        assert_eq!(status(local.router(), &event(name)).await, StatusCode::OK, "{name}");
    }
    assert_eq!(status(local.fallback_router(), &event(FALLBACK)).await, StatusCode::OK);
}

/// The webhooks of mail providers with the keys of the samples, on the day of the samples.
async fn mail_hooks(sendgrid_public_key: &str) -> (Local, Router) {
    let day = Timestamp::parse(MAIL_DAY).unwrap();
    let local = Local::start(Options { clock: Clock::new(move || day), ..Options::default() }).await.unwrap();
    let deps = local.email_sender();
    let settings = Settings {
        sns_topics: vec![
            event("email_webhook_ses")["headers"]["x-amz-sns-topic-arn"].as_str().unwrap().to_owned(),
        ],
        sns_version_1: false,
        sns_endpoint: Some(format!("{}/sns", local.ses_url)),
        sendgrid_public_key: Some(sendgrid_public_key.to_owned()),
        sendgrid_credentials: Some(format!("sendgrid:{PASSWORD}")),
        mailgun_signing_key: Some(MAILGUN_KEY.to_owned()),
        postmark_credentials: Some(format!("postmark:{PASSWORD}")),
        bucket: local::BUCKET.to_owned(),
    };
    let state = email_webhooks::State {
        store: deps.store.clone(),
        received: deps.outbox.email.clone(),
        objects: deps.objects.clone(),
        fetcher: deps.fetcher.clone(),
        settings,
        certificates: Certificates::default(),
    };
    let router = web::app(email_webhooks::routes(state));
    (local, router)
}

#[tokio::test]
async fn mail_providers_prove_themselves_behind_the_gateway() {
    let keys = signature::sendgrid::generate().unwrap();
    let (local, router) = mail_hooks(&keys.public).await;
    for (name, expected) in MAIL_HOOKS {
        let event = event(name);
        local.wire.clear();
        let (status, body) = call(router.clone(), request(&event)).await;
        assert_eq!(status.as_u16(), *expected, "{name}: {body}");
        permissions::check(event["routeKey"].as_str().unwrap(), &local.wire.calls());
    }
    let mut signed = event("email_webhook_sendgrid");
    let time = signed["headers"][signature::sendgrid::TIMESTAMP_HEADER].as_str().unwrap().to_owned();
    let signature = signature::sendgrid::sign(&keys.private, &time, &form(&signed)).unwrap();
    signed["headers"][signature::sendgrid::SIGNATURE_HEADER] = json!(signature);
    assert_eq!(status(router.clone(), &signed).await, StatusCode::OK);
    // The whole body is signed, to the end of its last line.
    let mut other = signed.clone();
    other["body"] = json!(String::from_utf8(form(&signed)).unwrap().trim_end());
    other["isBase64Encoded"] = json!(false);
    if other["body"] != signed["body"] {
        assert_eq!(status(router, &other).await, StatusCode::FORBIDDEN);
    }
}

fn body_of_mail(name: &str) -> Vec<u8> {
    read(format!("events/email/{name}.json")).into_bytes()
}

#[test]
fn what_mail_providers_post_can_be_read() {
    for name in OF_SES {
        let notice = ses::read(&body_of_mail(name)).unwrap();
        match notice {
            ses::Notice::Event(event) => assert_ne!(event.kind, EmailEventKind::Other, "{name}"),
            ses::Notice::Received { .. } => assert_eq!(*name, "ses_received"),
            ses::Notice::Nothing(word) => panic!("{name}: {word}"),
        }
    }
    for name in OF_SNS {
        let message = signature::sns::read(&body_of_mail(name)).unwrap();
        assert!(message.certificate_url().is_some(), "{name}");
        assert_eq!(
            message.kind == signature::sns::Kind::Notification,
            message.subscribe_url().is_none(),
            "{name}"
        );
    }
    for name in OF_POSTMARK {
        assert_ne!(postmark::read(&body_of_mail(name)).unwrap().kind, EmailEventKind::Other, "{name}");
    }
    for name in OF_MAILGUN {
        assert_ne!(mailgun::read(&body_of_mail(name)).unwrap().1.kind, EmailEventKind::Other, "{name}");
    }
    let events = sendgrid::read(&body_of_mail(OF_SENDGRID)).unwrap();
    assert!(events.iter().all(|event| event.kind != EmailEventKind::Other && event.ours.is_some()));
    assert!(!postmark::read_inbound(&body_of_mail(INBOUND_OF_POSTMARK)).unwrap().recipients.is_empty());
    assert!(read(format!("events/email/{MAIL}.eml")).contains("In-Reply-To: "));
}

#[tokio::test]
async fn a_signature_covers_the_query_as_it_was_written() {
    let local = start(ORIGIN).await;
    let status_form = read("events/twilio/sms_status.form");
    let own = "business=1001&client=501&message=370000000000001&attempt=1";
    for query in [
        format!("tag=a%20b&tag=c%2Fd&{own}&note=%C3%A9%2B+%26"),
        format!("{own}&tag=b&tag=a&tag="),
        format!("{own}&x=%7E%2a"),
    ] {
        for name in ["twilio_status", "twilio_status_function_url"] {
            let event = signed(event(name), &query, &status_form);
            assert_eq!(status(local.router(), &event).await, StatusCode::OK, "{name} at ?{query}");
            let mut other = event.clone();
            other["rawQueryString"] = json!(query.replace("attempt=1", "attempt=2"));
            assert_eq!(status(local.router(), &other).await, StatusCode::FORBIDDEN, "{name} at ?{query}");
        }
    }
}

#[tokio::test]
async fn a_signature_covers_every_byte_of_the_form() {
    let local = start(ORIGIN).await;
    for name in WEBHOOKS.iter().copied().chain([FALLBACK]) {
        let router = || if name == FALLBACK { local.fallback_router() } else { local.router() };
        let event = event(name);
        let text = String::from_utf8(form(&event)).unwrap();
        for place in [0, text.len() / 2, text.len() - 1] {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
            let mut other = event.clone();
            other["body"] = json!(String::from_utf8(bytes).unwrap());
            other["isBase64Encoded"] = json!(false);
            assert_eq!(status(router(), &other).await, StatusCode::FORBIDDEN, "{name}, byte {place}");
        }
        let mut plain = event.clone();
        plain["body"] = json!(text);
        plain["isBase64Encoded"] = json!(false);
        assert_eq!(status(router(), &plain).await, StatusCode::OK, "{name}, as text");
        let mut unsigned = event;
        unsigned["headers"].as_object_mut().unwrap().remove("x-twilio-signature");
        assert_eq!(status(router(), &unsigned).await, StatusCode::FORBIDDEN, "{name}, not signed");
    }
}

#[tokio::test]
async fn a_signature_is_for_the_origin_that_is_configured() {
    let local = start("https://hooks.example.org").await;
    for name in WEBHOOKS {
        // Who called cannot talk us into another address either.
        let mut event = event(name);
        event["headers"]["host"] = json!("hooks.example.com");
        event["headers"]["x-forwarded-host"] = json!("hooks.example.com");
        assert_eq!(status(local.router(), &event).await, StatusCode::FORBIDDEN, "{name}");
    }
    assert_eq!(status(local.fallback_router(), &event(FALLBACK)).await, StatusCode::FORBIDDEN);
}

#[test]
fn a_form_is_what_its_call_carries() {
    for (name, carrier) in FORMS {
        let text = read(format!("events/twilio/{name}.form"));
        assert_eq!(text.as_bytes(), form(&event(carrier)), "{name}");
        assert!(text.contains(&format!("AccountSid={ACCOUNT}")), "{name}");
    }
}

#[test]
fn the_records_of_a_batch_are_jobs() {
    for (name, unreadable) in BATCHES {
        let event: SqsEvent = serde_json::from_str(&read(format!("events/sqs/{name}.json"))).unwrap();
        assert!(!event.records.is_empty(), "{name}");
        for (index, record) in event.records.iter().enumerate() {
            let body = record.body.as_deref().unwrap();
            if *name == "email_receiver" && ses::read(body.as_bytes()).is_ok() {
                // SES wrote it, and its consumer makes a job of it.
                continue;
            }
            let job = serde_json::from_str::<Job>(body);
            assert_eq!(job.is_err(), unreadable.contains(&index), "{name}, record {index}: {job:?}");
        }
    }
}

#[tokio::test]
async fn only_the_records_that_failed_come_back() {
    let local = start(ORIGIN).await;
    let event = |name| serde_json::from_str::<SqsEvent>(&read(format!("events/sqs/{name}.json"))).unwrap();
    let recorded =
        runtime::batch::run(event("message_recorder"), |job| message_recorder::handle(local.recorder(), job))
            .await;
    assert!(recorded.batch_item_failures.is_empty());

    let malformed = event("sms_sender_malformed");
    let ids: Vec<_> = malformed.records.iter().filter_map(|record| record.message_id.clone()).collect();
    let read = runtime::batch::run(malformed, async |_| Ok(())).await;
    let failed: Vec<_> =
        read.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    assert_eq!(failed, ids[1..]);
}

#[test]
fn the_schedule_asks_the_recounter_for_nothing_in_particular_and_a_person_for_one_business() {
    let asked = |text: &str| serde_json::from_str::<recounter::Asked>(text).unwrap().business_id;
    assert_eq!(asked(&read("events/schedule/recounter.json")), None);
    assert_eq!(asked(r#"{"business_id": 1001}"#).map(|id| id.get()), Some(1001));
}

#[test]
fn the_schedule_is_an_event_of_the_sweeper() {
    let event: EventBridgeEvent = serde_json::from_str(&read("events/schedule/sweeper.json")).unwrap();
    assert_eq!(event.source, "aws.events");
}

#[test]
fn what_the_hourly_rule_sends_is_a_job() {
    let input = &TEMPLATE["Resources"]["BackfillRule"]["Properties"]["Targets"][0]["Input"];
    let job: Job = serde_json::from_str(input.as_str().unwrap()).unwrap();
    assert_eq!(job.work, Work::BackfillInbound {});
}
