//! Who speaks: a session for its own member, a program for a member who is there.

use std::time::Duration;

use local::wire::Call;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};

const ADA: &str = "+14155550123";
const MAIL: &str = "ada@example.com";
/// Longer than a process believes that a member is there.
const FORGOTTEN: Duration = Duration::from_secs(6);

/// Every operation that takes who writes: path and a good body without it.
fn operations(studio: &Business<'_>) -> Vec<(String, Value)> {
    let text = json!({"client_id": 7, "to_phone_number": ADA, "message": "Hello"});
    let mail = json!({"client_id": 7, "to_email": MAIL, "subject": "Hello", "message": "Hello"});
    let own = |path: &str| format!("/businesses/{}{path}", studio.id);
    vec![
        (own("/sms/send"), json!({"category": "conversation", "messages": [text]})),
        (own("/email/send"), json!({"category": "conversation", "messages": [mail]})),
        (own("/conversations/7/notes"), json!({"note": "Hello"})),
        (
            "/messages/process".to_owned(),
            json!({"business_id": studio.id, "channel": "sms", "client_id": 7, "message": "Hello"}),
        ),
    ]
}

async fn ask(studio: &Business<'_>, secret: &str, path: &str, body: &Value, more: Value) -> Answered {
    let mut body = body.clone();
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    send(studio.app.anonymous(Method::POST, path).header("X-API-KEY", secret).json(&body)).await
}

/// Who wrote what an answer tells of.
async fn author(studio: &Business<'_>, answer: Answered) -> Value {
    let answer = answer.ok();
    let id = answer["message_id"].as_u64().or(answer["items"][0]["message_id"].as_u64());
    studio.message(id.expect("an id")).await["staff_id"].clone()
}

/// A business with a conversation 7 and the members 71 and 72; 73 is gone.
async fn studio(app: &App) -> Business<'_> {
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA, "client_email": MAIL})).await.ok();
    studio.post("/clients/7/conversation", json!({})).await.ok();
    for (id, role, active) in [(71, "staff", true), (72, "manager", true), (73, "staff", false)] {
        studio.staff(id, json!({"staff_name": "Name", "role": role, "active": active})).await;
    }
    studio
}

#[tokio::test]
async fn a_session_writes_as_its_own_member_whether_it_is_named_or_not() {
    let app = App::start().await;
    let studio = studio(&app).await;
    for member in [71, 72] {
        let session = studio.session(member).await;
        for (path, body) in operations(&studio) {
            for more in [
                json!({}),
                json!({"staff_id": member}),
                json!({"staff_id": member.to_string()}),
                json!({"staff_id": null}),
                json!({"sender_type": "staff"}),
            ] {
                let answer = ask(&studio, &session, &path, &body, more).await;
                assert_eq!(author(&studio, answer).await, member, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_names_somebody_else_is_refused_and_nothing_is_stored() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let session = studio.session(71).await;
    for (path, body) in operations(&studio) {
        for other in [72, 73, 74, 0] {
            let refused = ask(&studio, &session, &path, &body, json!({"staff_id": other})).await;
            assert_eq!(refused.bad_fields(), [r#"["body","staff_id"]"#], "{path} {other}");
            assert!(refused.body.to_string().contains("a session speaks for its own member"), "{path}");
        }
        if path.ends_with("notes") {
            continue;
        }
        for kind in ["client", "system"] {
            let more = json!({"sender_type": kind, "staff_id": 72});
            let mut fields = ask(&studio, &session, &path, &body, more).await.bad_fields();
            fields.sort();
            assert_eq!(fields, [r#"["body","sender_type"]"#, r#"["body","staff_id"]"#], "{path} {kind}");
        }
    }
    for path in ["sms/send", "email/send"] {
        let path = format!("/businesses/{}/{path}", studio.id);
        let (_, body) = operations(&studio).into_iter().find(|(other, _)| *other == path).expect("a body");
        let refused = ask(&studio, &session, &path, &body, json!({"sent_by": 72})).await;
        assert_eq!(refused.bad_fields(), [r#"["body","sent_by"]"#]);
        ask(&studio, &session, &path, &body, json!({"sent_by": 71})).await.ok();
    }
    let shown = studio.get("/conversations/7/messages").await.ok();
    assert_eq!(shown["total"], 2, "{shown}");
}

#[tokio::test]
async fn a_program_names_an_active_member_or_nobody() {
    let app = App::start().await;
    let studio = studio(&app).await;
    for (path, body) in operations(&studio) {
        for (named, expected) in [(json!({"staff_id": 71}), json!(71)), (json!({}), Value::Null)] {
            let answer = ask(&studio, &studio.key, &path, &body, named).await;
            assert_eq!(author(&studio, answer).await, expected, "{path}");
        }
        for nobody in [73, 74, 0] {
            let refused = ask(&studio, &studio.key, &path, &body, json!({"staff_id": nobody})).await;
            assert_eq!(refused.bad_fields(), [r#"["body","staff_id"]"#], "{path} {nobody}");
        }
    }
    // With every other problem.
    let bad = json!({"category": "x", "staff_id": 74, "messages": []});
    let mut fields = studio.post("/sms/send", bad).await.bad_fields();
    fields.sort();
    assert_eq!(fields, [r#"["body","category"]"#, r#"["body","messages"]"#, r#"["body","staff_id"]"#]);
}

#[tokio::test]
async fn a_member_of_another_business_is_unknown() {
    let app = App::start().await;
    let (own, stranger) = (studio(&app).await, app.business().await);
    stranger.staff(80, json!({"staff_name": "Other"})).await;
    for (path, body) in operations(&own) {
        let refused = ask(&own, &own.key, &path, &body, json!({"staff_id": 80})).await;
        assert_eq!(refused.bad_fields(), [r#"["body","staff_id"]"#], "{path}");
    }
}

#[tokio::test]
async fn a_new_member_is_known_at_once_and_a_gone_one_is_unknown_within_seconds() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let note = async |staff: u64| {
        studio.post("/conversations/7/notes", json!({"note": "Hello", "staff_id": staff})).await.status
    };
    assert_eq!(note(75).await, 422);
    studio.staff(75, json!({"staff_name": "New"})).await;
    assert_eq!(note(75).await, 200);
    studio.staff(75, json!({"staff_name": "New", "active": false})).await;
    app.clock.advance(FORGOTTEN);
    assert_eq!(note(75).await, 422);
}

#[tokio::test]
async fn a_member_is_looked_up_once_in_five_seconds() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let reads = async |staff: u64| {
        app.local.wire.clear();
        let body = json!({"category": "conversation", "staff_id": staff,
                          "messages": [{"client_id": 7, "to_phone_number": ADA, "message": "Hello"}]});
        studio.post("/sms/send", body).await.ok();
        let is_read = |call: &Call| call.server == "dynamodb" && call.operation == "GetItem";
        app.local.wire.calls().iter().filter(|call| is_read(call)).count()
    };
    // The function knows the key and its business.
    studio.queue(7, ADA, "Hello").await;
    assert_eq!((reads(71).await, reads(71).await, reads(72).await), (1, 0, 1));
    app.clock.advance(FORGOTTEN);
    // The credential is read, and what it leads to: its business, and the member of the body.
    assert_eq!((reads(71).await, reads(71).await), (3, 0));
}

#[tokio::test]
async fn recording_repeats_what_another_system_says_and_a_session_names_nobody_else() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let manager = studio.session(72).await;
    let text = json!({"client_id": 7, "to_phone_number": ADA, "message": "Hello"});
    let mail = json!({"client_id": 7, "to_email": MAIL, "subject": "Hello", "message": "Hello"});
    for (path, from, address, message) in [
        ("sms", "from_phone_number", "+14155550199", &text),
        ("email", "from_email", "eve@example.com", &mail),
    ] {
        let path = format!("/businesses/{}/{path}/record", studio.id);
        let mut body = json!({"category": "conversation", "messages": [message]});
        body[from] = json!(address);
        // A program: any number, also of somebody whom omega does not know.
        for named in [0, 71, 73, 789] {
            ask(&studio, &studio.key, &path, &body, json!({"staff_id": named, "sent_by": named})).await.ok();
        }
        for own in [
            json!({}),
            json!({"staff_id": 72, "sent_by": 72}),
            json!({"staff_id": 0, "sent_by": 0}),
            json!({"sender_type": "client"}),
        ] {
            ask(&studio, &manager, &path, &body, own).await.ok();
        }
        let mut fields =
            ask(&studio, &manager, &path, &body, json!({"staff_id": 71, "sent_by": 71})).await.bad_fields();
        fields.sort();
        assert_eq!(fields, [r#"["body","sent_by"]"#, r#"["body","staff_id"]"#], "{path}");
    }
}
