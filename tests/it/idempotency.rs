//! Repeating a call under an `Idempotency-Key`: the first answer again, and nothing done twice.

use std::time::Duration;

use local::fake_twilio::Answer;
use local::wire::Halt;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use web::access::{Access, ROUTES};

use crate::app::{Answered, App, Business, send};
use crate::surface::{Surface, credential_id};

const ADA: &str = "+14155550123";
const A_MINUTE: Duration = Duration::from_secs(61);

fn sending(studio: &Business<'_>, key: &str, texts: &[(u64, &str, &str)]) -> RequestBuilder {
    let call = studio.request(Method::POST, "/sms/send").header("Idempotency-Key", key);
    call.json(&studio.send_body(texts))
}

fn is_replay(answer: &Answered) -> bool {
    answer.header("idempotency-replayed").is_some()
}

#[tokio::test]
async fn the_same_call_gets_the_same_answer_and_sends_one_text() {
    let app = App::start().await;
    let studio = app.business().await;

    let first = send(sending(&studio, "k", &[(7, ADA, "Hello")])).await;
    app.drain().await;
    let second = send(sending(&studio, "k", &[(7, ADA, "Hello")])).await;
    app.drain().await;

    assert!(!is_replay(&first));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.header("content-type"), Some("application/json"));
    assert_eq!(second.body, first.ok());
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn another_call_under_the_same_key_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    send(sending(&studio, "k", &[(7, ADA, "Hello")])).await.ok();

    let refused = send(sending(&studio, "k", &[(7, ADA, "Good-bye")])).await;

    assert_eq!(refused.bad_fields(), [r#"["header","Idempotency-Key"]"#]);
    app.drain().await;
    assert_eq!(app.sent(), [(ADA.to_owned(), "Hello".to_owned())]);
}

#[tokio::test]
async fn a_call_that_is_still_running_makes_the_second_one_wait() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.counts(|server, operation| server == "dynamodb" && operation == "TransactWriteItems");
    let held = app.local.wire.halt_at(0, Halt::Before);
    let first = tokio::spawn(send(sending(&studio, "k", &[(7, ADA, "Hello")])));
    assert!(held.reached().await);

    let second = send(sending(&studio, "k", &[(7, ADA, "Hello")])).await;
    let other = send(sending(&studio, "k", &[(7, ADA, "Good-bye")])).await;
    app.local.wire.heal();
    let first = first.await.unwrap().ok();
    let third = send(sending(&studio, "k", &[(7, ADA, "Hello")])).await;

    assert_eq!((second.status, second.header("retry-after")), (409, Some("1")));
    assert!(second.body["detail"].is_string());
    assert_eq!(other.status, 422);
    assert!(is_replay(&third));
    assert_eq!(third.body, first);
    app.drain().await;
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn of_ten_at_once_one_runs() {
    let app = App::start().await;
    let studio = app.business().await;

    let calls = (0..10).map(|_| send(sending(&studio, "k", &[(7, ADA, "Hello")])));
    let answers = futures_util::future::join_all(calls).await;

    let fresh = answers.iter().filter(|answer| answer.status == 200 && !is_replay(answer)).count();
    assert_eq!(fresh, 1);
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
    app.drain().await;
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn a_key_of_a_refused_call_can_be_used_again() {
    let app = App::start().await;
    let studio = app.business().await;

    let refused = send(sending(&studio, "k", &[(7, "12", "Hello")])).await;
    let corrected = send(sending(&studio, "k", &[(7, ADA, "Hello")])).await;

    assert_eq!(refused.status, 422);
    assert!(!is_replay(&corrected));
    corrected.ok();
    app.drain().await;
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_business_and_one_route() {
    let app = App::start().await;
    let (one, two) = (app.business().await, app.business().await);
    let first = send(sending(&one, "k", &[(7, ADA, "Hello")])).await.ok();

    let elsewhere = send(sending(&two, "k", &[(7, ADA, "Hello")])).await;
    let preview = one.request(Method::POST, "/sms/preview").header("Idempotency-Key", "k");
    let other_route = send(preview.json(&json!({"message": "Hello"}))).await;

    assert!(!is_replay(&elsewhere) && !is_replay(&other_route));
    assert_ne!(elsewhere.ok()["request_id"], first["request_id"]);
    assert_eq!(other_route.ok()["segments"], 1);
    app.drain().await;
    assert_eq!(app.sent().len(), 2);
}

#[tokio::test]
async fn a_call_that_failed_for_our_reasons_is_finished_by_its_repetition() {
    let app = App::start().await;
    let studio = app.business().await;
    let texts = [(7, ADA, "One"), (8, "+14155550124", "Two")];
    app.local.wire.fail("dynamodb", Some("TransactWriteItems"), usize::MAX, 500, "{}");
    let failed = send(sending(&studio, "k", &texts)).await;
    app.local.wire.heal();

    let other = send(sending(&studio, "k", &[(7, ADA, "Three")])).await;
    let finished = send(sending(&studio, "k", &texts)).await;
    let replayed = send(sending(&studio, "k", &texts)).await;

    assert_eq!((failed.status, failed.header("retry-after")), (503, Some("2")));
    assert_eq!(other.status, 422);
    assert!(!is_replay(&finished) && is_replay(&replayed));
    assert_eq!(finished.ok(), replayed.body);
    app.drain().await;
    assert_eq!(app.sent().len(), 2);
}

#[tokio::test]
async fn a_call_whose_end_could_not_be_stored_is_finished_by_its_repetition_a_minute_later() {
    let app = App::start().await;
    let studio = app.business().await;
    let texts = [(7, ADA, "One"), (8, "+14155550124", "Two")];
    studio.post("/sms/preview", json!({"message": "Who is calling is known from now on."})).await.ok();
    // The texts are stored and queued; what fails is keeping the answer.
    app.local.wire.fail("dynamodb", Some("UpdateItem"), usize::MAX, 500, "{}");
    let failed = send(sending(&studio, "k", &texts)).await;
    app.local.wire.heal();

    let too_soon = send(sending(&studio, "k", &texts)).await;
    app.clock.advance(A_MINUTE);
    let finished = send(sending(&studio, "k", &texts)).await;
    let replayed = send(sending(&studio, "k", &texts)).await;

    assert_eq!((failed.status, too_soon.status), (503, 409));
    assert!(!is_replay(&finished) && is_replay(&replayed));
    assert_eq!(finished.ok(), replayed.body);
    app.drain().await;
    app.sweep().await;
    assert_eq!(app.sent().len(), 2);
}

#[tokio::test]
async fn a_call_that_died_half_way_is_finished_and_sends_each_text_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let texts = [(7, ADA, "One"), (7, ADA, "Two"), (7, ADA, "Three")];
    app.local.wire.counts(|server, operation| server == "dynamodb" && operation == "TransactWriteItems");
    // The second text is stored, and the process does not live to see it.
    let held = app.local.wire.halt_at(1, Halt::After);
    let dying = tokio::spawn(send(sending(&studio, "k", &texts)));
    assert!(held.reached().await);
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    app.local.wire.heal();
    assert_eq!(app.sent(), []);

    app.clock.advance(A_MINUTE);
    let finished = send(sending(&studio, "k", &texts)).await.ok();

    let statuses: Vec<&Value> =
        finished["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, ["queued"; 3]);
    for _ in 0..4 {
        app.clock.advance(A_MINUTE);
        app.sweep().await;
    }
    let mut words: Vec<String> = app.sent().into_iter().map(|(_, body)| body).collect();
    words.sort();
    assert_eq!(words, ["One", "Three", "Two"]);
    let request = finished["request_id"].as_str().unwrap();
    let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
    assert_eq!(found["counts"], json!({"delivered": 3}));
}

#[tokio::test]
async fn a_key_is_new_again_after_a_day() {
    let app = App::start().await;
    let studio = app.business().await;
    let first = send(sending(&studio, "k", &[(7, ADA, "Hello")])).await.ok();
    app.clock.advance(Duration::from_secs(23 * 3600));
    assert!(is_replay(&send(sending(&studio, "k", &[(7, ADA, "Hello")])).await));

    app.clock.advance(Duration::from_secs(3600 + 1));
    let next_day = send(sending(&studio, "k", &[(7, ADA, "Good morning")])).await;

    assert!(!is_replay(&next_day));
    assert_ne!(next_day.ok()["request_id"], first["request_id"]);
}

#[tokio::test]
async fn a_key_has_1_to_255_printable_characters() {
    let app = App::start().await;
    let studio = app.business().await;
    let preview = |key: &[u8]| {
        let call = studio.request(Method::POST, "/sms/preview").header("Idempotency-Key", key);
        send(call.json(&json!({"message": "Hello"})))
    };
    let long = "k".repeat(256);

    for bad in ["".as_bytes(), long.as_bytes(), "schlüssel".as_bytes(), b"\xff"] {
        assert_eq!(preview(bad).await.bad_fields(), [r#"["header","Idempotency-Key"]"#]);
    }
    for good in ["k", &long[1..], "a key: with/marks", "7b0b0f2e-5b2e-4f5c-9c3b-0a4f5b0e6a11"] {
        preview(good.as_bytes()).await.ok();
    }
}

#[tokio::test]
async fn a_key_on_a_call_that_only_reads_is_ignored() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();
    let read = || send(studio.request(Method::GET, "/clients/7").header("Idempotency-Key", "k"));

    let (first, second) = (read().await, read().await);

    assert!(!is_replay(&first) && !is_replay(&second));
    assert_eq!(app.writes(), Vec::<String>::new());
}

/// Path and body of a call that goes well.
async fn good_call(studio: &Business<'_>, operation: &str) -> (String, Value) {
    let own = |path: String| format!("/businesses/{}{path}", studio.id);
    let text = json!({"client_id": 7, "to_phone_number": ADA, "message": "Hello"});
    let contacts = |route: &str| format!("/api/v1/omnichannel/{route}");
    let ada = crate::surface::contact_id(studio.id, 7);
    let by_text = json!({"visitor": {"visitorId": ada, "source": {"type": "sms"}}});
    match operation {
        "queueSms" => (own("/sms/send".into()), studio.send_body(&[(7, ADA, "Hello")])),
        "recordSms" => (
            own("/sms/record".into()),
            json!({"category": "campaign", "from_phone_number": studio.number, "messages": [text]}),
        ),
        "updateSmsStatus" => {
            let id = studio.queue(7, ADA, "Hello").await;
            (own("/sms/status".into()), json!({"message_id": id, "status": "delivered"}))
        }
        "previewSms" => (own("/sms/preview".into()), json!({"message": "Hello"})),
        "queueEmail" => (own("/email/send".into()), mails(None)),
        "recordEmail" => (own("/email/record".into()), mails(Some(&studio.email))),
        "updateEmailStatus" => {
            (own("/email/status".into()), json!({"message_id": mailed(studio).await, "status": "delivered"}))
        }
        "removeEmailSuppression" => {
            let bounced = json!({"message_id": mailed(studio).await, "status": "bounced"});
            studio.post("/email/status", bounced).await.ok();
            let body = json!({"email": "ada@example.com", "reason": "She has room again"});
            (own("/email/suppressions/remove".into()), body)
        }
        "cancelMessage" => {
            (own(format!("/messages/{}/cancel", studio.queue(7, ADA, "Hello").await)), json!({}))
        }
        "retryMessage" => (own(format!("/messages/{}/retry", failed(studio).await)), json!({})),
        "retryMessageLegacy" => {
            (format!("/messages/{}/messages/{}/retry", studio.id, failed(studio).await), json!({}))
        }
        "processMessage" => (
            "/messages/process".into(),
            json!({"business_id": studio.id, "channel": "sms", "client_id": 7, "message": "Hello"}),
        ),
        "generateAuthToken" => {
            studio.staff(12, json!({"staff_name": "Ada"})).await;
            ("/auth/token".into(), json!({"business_id": studio.id, "wl_user_id": 12}))
        }
        "replaceApiKeys" => (format!("/business/{}/api-key", studio.id), Value::Null),
        "expireSession" => ("/session/expire".into(), json!({"session_id": "0011223344556677"})),
        "createApiKey" => (own("/api-keys".into()), json!({"name": "Booking system"})),
        "createOrGetConversation" => (own("/clients/7/conversation".into()), json!({})),
        "addConversationNote" => (own("/conversations/7/notes".into()), json!({"note": "Called back"})),
        "assignConversation" => {
            studio.put("/staffs/12", json!({"staff_name": "Grace"})).await.ok();
            (own("/conversations/7/assign?staff_id=12".into()), json!({}))
        }
        "updateConversationStatus" => (own("/conversations/7/status?status=resolved".into()), json!({})),
        "labelConversation" => (own("/conversations/7/label?label=waiting".into()), json!({})),
        "updateMessagesReadStatus" => {
            studio.app.text(ADA, &studio.number, "Hello").await;
            (own("/messages/status".into()), json!({"conversation_id": 7}))
        }
        "flagMessage" => (own(format!("/messages/{}/flag", studio.queue(7, ADA, "Hello").await)), json!({})),
        "rocketchatLogOut" => ("/api/v1/logout".into(), json!({})),
        "rocketchatRegisterVisitor" => {
            (contacts("contact"), json!({"token": "t", "name": "Ada", "phone": ADA}))
        }
        "rocketchatCreateContact" => {
            (contacts("contacts"), json!({"name": "Ada", "emails": [], "phones": [ADA]}))
        }
        "rocketchatUpdateContact" => (contacts("contacts.update"), json!({"contactId": ada, "name": "Ada"})),
        "rocketchatBlockContact" => (contacts("contacts.block"), by_text),
        "rocketchatUnblockContact" => (contacts("contacts.unblock"), by_text),
        "rocketchatDeleteContact" => (contacts("contacts.delete"), json!({"contactId": ada})),
        "onboardBusiness" => ("/business/onboard".into(), json!({"business_id": 5})),
        other => panic!("{other} has no call here"),
    }
}

/// A call that queues a mail, or records one from this mailbox.
fn mails(from: Option<&str>) -> Value {
    let mail = json!({"client_id": 7, "to_email": "ada@example.com", "subject": "Hello", "message": "Hello",
                      "attachments": [{"filename": "a.txt", "content": "SGVsbG8="}]});
    json!({"category": "conversation", "from_email": from, "messages": [mail]})
}

async fn mailed(studio: &Business<'_>) -> u64 {
    let accepted = studio.post("/email/send", mails(None)).await.ok();
    accepted["items"][0]["message_id"].as_u64().expect("an id")
}

#[tokio::test]
async fn a_mail_that_is_handed_in_twice_under_a_key_is_sent_once_with_what_goes_with_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let call = || {
        let call = studio.request(Method::POST, "/email/send").header("Idempotency-Key", "k");
        send(call.json(&mails(None)))
    };
    let first = call().await.ok();
    app.drain().await;
    let second = call().await;
    app.drain().await;
    assert!(is_replay(&second));
    assert_eq!(second.body, first);
    let mails = app.local.ses.mails();
    assert_eq!((mails.len(), mails[0].attachments.len()), (1, 1));
}

async fn failed(studio: &Business<'_>) -> u64 {
    studio.app.local.twilio.script(Some(ADA), [Answer::refuse(21620)]);
    let id = studio.queue(7, ADA, "Hello").await;
    studio.app.drain().await;
    assert_eq!(studio.status(id).await, "failed");
    id
}

#[tokio::test]
async fn every_post_with_a_credential_can_be_repeated() {
    // It is refused each time, because there never is a conflict.
    let refused = "rocketchatResolveContactConflicts";
    let posts = ROUTES.iter().filter(|route| route.method == Method::POST && route.operation != refused);
    for route in posts {
        let app = App::start().await;
        let studio = app.business().await;
        let key = match route.access {
            Access::Platform => app.local.platform_key.as_str(),
            Access::Business(_) => studio.key.as_str(),
            Access::Public
            | Access::TwilioSigned
            | Access::ProviderSigned
            | Access::Sealed
            | Access::SignsIn => continue,
        };
        let surface = Surface::of(route.path);
        studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
        studio.post("/clients/7/conversation", json!({})).await.ok();
        let (path, body) = good_call(&studio, route.operation).await;
        let call = || {
            let origin = if surface == Surface::Omega { "/omega" } else { "" };
            let call = app.at_origin(Method::POST, &format!("{origin}{path}"));
            let call = surface.show(call, key, &credential_id(key));
            send(call.header("Idempotency-Key", "once").json(&body))
        };

        let first = call().await;
        let second = call().await;

        assert_eq!((first.status, second.status), (200, 200), "{}: {}", route.operation, first.body);
        assert!(!is_replay(&first) && is_replay(&second), "{}", route.operation);
        if route.operation == "generateAuthToken" {
            // No token is kept: it is another session.
            assert_ne!(second.body["session_id"], first.body["session_id"]);
            continue;
        }
        let (mut answer, mut second) = (first.body, second);
        // What shows a person is not kept: it is done again, and shows when.
        for body in [&mut answer, &mut second.body] {
            if body["contact"]["_updatedAt"].is_string() {
                body["contact"]["_updatedAt"] = Value::Null;
            }
        }
        if answer["api_key"].is_string() {
            answer["api_key"] = Value::Null;
        }
        assert_eq!(second.body, answer, "{}", route.operation);
        let applied = &second.body["applied"];
        assert!(applied.is_null() || *applied == json!(true), "{}: {}", route.operation, second.body);
    }
}
