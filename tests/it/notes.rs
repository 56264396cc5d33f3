//! Notes are for staff: no byte of one leaves omega.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use local::Source;
use local::fake_twilio::{Answer, ClientText};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{App, Business, send_raw};
use crate::desk::rows;
use crate::faults::cases;

const ADA: &str = "+14155550123";

#[tokio::test]
async fn a_note_stands_in_the_thread_and_counts_as_nothing_else() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.knows(7, ADA).await;
    studio.receives(ADA, "Hello").await;
    studio.marks(json!({"conversation_id": 7})).await;
    let before = studio.client(7).await;

    let id = studio.notes(7, "She likes the window seat").await;

    let mut after = studio.client(7).await;
    assert_eq!(after["updated_by"], "service");
    for changed in ["updated_by", "last_updated_at"] {
        after[changed] = before[changed].clone();
    }
    assert_eq!(after, before, "preview, channel, unread and read mark are as they were");
    let thread = studio.messages(7, "").await;
    assert_eq!(thread["total"], 2);
    let note = &thread["items"][0];
    assert_eq!((&note["message_id"], &note["message"]), (&json!(id), &json!("She likes the window seat")));
    assert_eq!((&note["channel"], &note["direction"]), (&json!("note"), &json!("internal")));
    assert_eq!(
        (&note["is_read"], &note["status"], &note["to_address"]),
        (&json!(true), &json!(null), &json!(null))
    );
    assert_eq!(studio.message(id).await, *note, "it is found by its id as well");
    assert_eq!(studio.history(7).await.len(), 0);
}

#[tokio::test]
async fn a_note_names_its_author() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let session = studio.session(12).await;
    studio.opens_with(7, ADA).await;
    let add = async |body: Value| {
        let added = studio.as_session(&session, Method::POST, "/conversations/7/notes", body).await.ok();
        assert_eq!((&added["success"], added.as_object().unwrap().len()), (&json!(true), 3), "{added}");
        studio.message(added["message_id"].as_u64().unwrap()).await["staff_id"].clone()
    };
    assert_eq!(add(json!({"note": "one"})).await, 12);
    assert_eq!(add(json!({"note": "two", "staff_id": "12"})).await, 12);
    let by_program = studio.notes(7, "three").await;
    assert_eq!(studio.message(by_program).await["staff_id"], json!(null));
    assert_eq!(studio.client(7).await["updated_by"], "service");
}

#[tokio::test]
async fn a_note_has_words_and_not_too_many() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    for wrong in
        [json!({}), json!({"note": null}), json!({"note": ""}), json!({"note": " \n"}), json!({"note": 7})]
    {
        let answer = studio.post("/conversations/7/notes", wrong.clone()).await;
        assert_eq!(answer.bad_fields(), [r#"["body","note"]"#], "{wrong}");
    }
    let long = studio.post("/conversations/7/notes", json!({"note": "ä".repeat(20_001)})).await;
    assert_eq!(long.bad_fields(), [r#"["body","note"]"#]);
    let id = studio.notes(7, &"ä".repeat(20_000)).await;
    assert_eq!(studio.message(id).await["message"].as_str().unwrap().chars().count(), 20_000);
}

/// A note with the id of a message is offered to everything that takes a message.
#[tokio::test]
async fn a_note_is_no_message_to_whatever_sends_or_reports() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    let id = studio.notes(7, "psst").await;
    let before = studio.message(id).await;

    let older = format!("/messages/{}/messages/{id}/retry", studio.id);
    let older = crate::app::send(app.anonymous(Method::POST, &older).header("X-API-KEY", &studio.key)).await;
    let answers = [
        studio.post(&format!("/messages/{id}/retry"), json!({})).await,
        studio.post(&format!("/messages/{id}/cancel"), json!({})).await,
        studio.post("/sms/status", json!({"message_id": id, "status": "delivered"})).await,
        studio.post("/sms/status", json!({"message_id": id, "status": "failed"})).await,
        older,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.body), (404, json!({"detail": "message not found"})));
    }
    assert_eq!(studio.get(&format!("/messages/{id}/events")).await.ok(), json!([]));
    assert_eq!(studio.marks(json!({"message_ids": [id], "is_read": false})).await, 0);
    assert_eq!(studio.marks(json!({"conversation_id": 7, "channel": "note", "is_read": false})).await, 0);
    // Jobs and reports that name it.
    let job = |kind: &str| {
        json!({"v": 1, "request": "x", "type": kind, "business_id": studio.id, "client_id": 7, "message_id": id,
               "attempt": 1})
    };
    for kind in ["send_sms", "check_sms"] {
        app.enqueue(&app.local.sms_queue_url, &job(kind).to_string()).await;
    }
    app.drain().await;
    let query = format!("business={}&client=7&message={id}&attempt=1", studio.id);
    let address = format!("{}/twilio/sms/status?{query}", app.local.base_url);
    for word in ["sent", "delivered", "failed", "undelivered"] {
        let form = [("MessageSid", "SM1"), ("MessageStatus", word), ("ErrorCode", "30003")];
        let answer = app.local.router().oneshot(app.signed(&address, &form)).await.unwrap();
        assert_eq!(answer.status(), 200, "{word}");
    }
    assert_eq!(app.sent(), []);
    assert_eq!(studio.message(id).await, before);
    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
}

#[tokio::test]
async fn a_note_can_be_flagged() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    let id = studio.notes(7, "psst").await;
    let flag =
        async |query: &str| studio.act(&format!("/messages/{id}/flag{query}")).await.ok()["applied"].clone();
    assert_eq!((flag("").await, flag("").await), (json!(true), json!(false)));
    assert_eq!(studio.message(id).await["is_flagged"], true);
    assert_eq!(studio.inbox("message_filter=flagged").await["items"][0]["messages_flagged_count"], 1);
    let flagged = studio.messages(7, "filter=flagged&channel=note").await;
    assert_eq!((rows(&flagged)[0]["message_id"].clone(), &flagged["total"]), (json!(id), &json!(1)));
    assert_eq!((flag("?flagged=false").await, flag("?flagged=false").await), (json!(true), json!(false)));
    assert_eq!(studio.inbox("message_filter=flagged").await["total"], 0);
}

/// What happens around the notes of one conversation.
#[derive(Clone, Debug)]
enum Around {
    Note(String),
    Send,
    SendThatFails,
    Inbound,
    Retry,
    Report,
    Sweep,
}

fn around() -> impl Strategy<Value = Around> {
    prop_oneof![
        3 => any::<String>().prop_map(Around::Note),
        2 => Just(Around::Send),
        1 => Just(Around::SendThatFails),
        2 => Just(Around::Inbound),
        1 => Just(Around::Retry),
        1 => Just(Around::Report),
        1 => Just(Around::Sweep),
    ]
}

/// Everything that left: to Twilio, as answers to Twilio, as jobs.
async fn outside(app: &App, studio: &Business<'_>, client: u64) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for call in app.local.wire.calls() {
        if call.server != "dynamodb" {
            seen.push(String::from_utf8_lossy(&call.request).into_owned());
        }
    }
    for source in [Source::Sms, Source::Record] {
        let feed = app.local.feed(source);
        seen.extend(app.local.sqs.bodies(&feed.queue));
        seen.extend(app.local.sqs.bodies(&feed.dead_letters));
    }
    // What a list shows is also what another surface would show.
    for path in
        [format!("/clients/{client}"), "/conversations".to_owned(), "/conversations/filters".to_owned()]
    {
        seen.push(send_raw(studio.request(Method::GET, &path)).await.1);
    }
    seen
}

/// 24 conversations of up to 12 steps each, with notes of any characters; each note carries a mark of its own bytes.
#[test]
fn no_byte_of_a_note_leaves_whatever_happens_around_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let studio = runtime.block_on(app.business());
    let mut runner = cases(24);
    let client = std::cell::Cell::new(0u64);
    runner
        .run(&prop::collection::vec(around(), 1..12), |steps| {
            client.set(client.get() + 1);
            runtime.block_on(conversation_with_notes(&app, &studio, client.get(), steps));
            Ok(())
        })
        .unwrap();
}

async fn conversation_with_notes(app: &App, studio: &Business<'_>, client: u64, steps: Vec<Around>) {
    let number = format!("+1415556{client:04}");
    app.local.wire.clear();
    studio.opens_with(client, &number).await;
    let (mut notes, mut failed, mut answers) = (Vec::new(), None, Vec::new());
    for (n, step) in steps.into_iter().enumerate() {
        match step {
            Around::Note(text) => {
                let mark = format!("mark{client}x{n}ß");
                let words = format!("{text}{mark}{text}");
                let body = json!({"note": words});
                let answer = studio.post(&format!("/conversations/{client}/notes"), body).await.ok();
                answers.push(answer.to_string());
                notes.push((mark, words, answer["message_id"].as_u64().unwrap()));
            }
            Around::Send => drop(studio.queue(client, &number, "See you").await),
            Around::SendThatFails => {
                app.local.twilio.script(Some(&number), [Answer::refuse(30_003)]);
                failed = Some(studio.queue(client, &number, "Hello?").await);
                app.drain().await;
            }
            Around::Inbound => {
                let mut text = ClientText::new(&number, &studio.number, "Hi");
                text.times = Some(2);
                let sent = app.local.twilio.client_sends(text).await;
                answers.push(sent.twiml);
                answers.extend(sent.attempts.iter().map(|attempt| format!("{attempt:?}")));
            }
            Around::Retry => {
                let any = failed.or(notes.last().map(|(_, _, id)| *id));
                if let Some(id) = any {
                    let answer = studio.post(&format!("/messages/{id}/retry"), json!({})).await;
                    assert_ne!(answer.status, 500);
                    answers.push(answer.body.to_string());
                }
            }
            Around::Report => {
                if let Some(sent) = app.local.twilio.outbox().last() {
                    let attempts = app.local.twilio.send_callbacks(&sent.sid, ["delivered"]).await;
                    answers.push(format!("{attempts:?}"));
                }
            }
            Around::Sweep => drop(app.sweep().await),
        }
    }
    // Jobs that wait are looked at before they are worked on.
    answers.extend(outside(app, studio, client).await);
    app.sweep().await;
    answers.extend(outside(app, studio, client).await);
    for (mark, words, id) in &notes {
        for seen in &answers {
            assert!(!seen.contains(mark.as_str()), "{mark} is in {seen}");
        }
        let found = studio.get(&format!("/conversations?search={mark}")).await.ok();
        assert_eq!(found["total"], 0, "a search of clients looks into no note");
        assert_eq!(studio.message(*id).await["message"], json!(words), "and it is kept as it was written");
    }
}
