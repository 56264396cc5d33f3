//! What becomes of a call, in whatever order it is reported.

use axum::http::StatusCode;
use futures_util::future::join_all;

use super::*;
use crate::faults::at_every_call;

/// A report of whoever was called.
type Report = Vec<(&'static str, &'static str)>;

fn leg(sid: &'static str, word: &'static str) -> Report {
    let mut report = vec![("CallSid", sid), ("CallStatus", word)];
    // Twilio says how long also where it means nothing.
    report.push(("CallDuration", if word == "completed" { "42" } else { "0" }));
    report
}

fn orders<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for first in 0..of.len() {
        let mut rest = of.to_vec();
        let begins = rest.remove(first);
        all.extend(orders(&rest).into_iter().map(|rest| [vec![begins.clone()], rest].concat()));
    }
    all
}

async fn studio(app: &App) -> Business<'_> {
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.opens_with(7, ADA).await;
    studio.act("/conversations/7/assign?staff_id=12").await.ok();
    studio
}

/// The newest message of conversation 7.
async fn newest(studio: &Business<'_>) -> Value {
    studio.messages(7, "page_size=1").await["items"][0].clone()
}

#[tokio::test]
async fn every_order_of_the_reports_of_a_call_that_goes_out_ends_the_same() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let ends = [
        (vec!["initiated", "ringing", "in-progress", "completed"], "completed", json!(42), "delivered"),
        (vec!["in-progress", "completed"], "completed", json!(42), "delivered"),
        (vec!["initiated", "ringing", "busy"], "busy", Value::Null, "undelivered"),
        (vec!["initiated", "no-answer"], "no_answer", Value::Null, "undelivered"),
        (vec!["ringing", "failed"], "failed", Value::Null, "failed"),
        (vec!["initiated", "canceled"], "canceled", Value::Null, "canceled"),
    ];
    let mut n = 0;
    for (words, result, duration, status) in ends {
        for order in orders(&words) {
            n += 1;
            let sid = format!("CA{n}");
            let (address, _) = studio.dials(&sid, ADA).await.addresses();
            for word in order.iter().chain(&order[..1]) {
                app.reported(&address, &leg("CX", word)).await;
                app.reported(
                    STATUS,
                    &[("CallSid", &sid), ("CallStatus", "completed"), ("CallDuration", "99")],
                )
                .await;
            }
            let message = newest(&studio).await;
            let call = json!({"result": result, "duration_seconds": duration});
            assert_eq!((&message["call"], &message["status"]), (&call, &json!(status)), "{order:?}");
        }
    }
    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    studio.balance().await;
}

#[tokio::test]
async fn every_order_of_the_reports_of_a_call_that_is_answered_ends_the_same_and_is_read() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let reports = [
        ("leg", leg("CX", "no-answer")),
        ("leg", leg("CY", "in-progress")),
        ("leg", leg("CY", "completed")),
        ("caller", leg("", "completed")),
    ];
    for (n, order) in orders(&reports).into_iter().enumerate() {
        let sid = format!("CA{n}");
        let (address, _) = studio.rings(&sid, ADA).await.addresses();
        for (of, report) in order.iter().chain(&order[..2]) {
            match *of {
                "leg" => app.reported(&address, report).await,
                _ => {
                    app.reported(
                        STATUS,
                        &[("CallSid", &sid), ("CallStatus", "completed"), ("CallDuration", "99")],
                    )
                    .await
                }
            }
        }
        let message = newest(&studio).await;
        assert_eq!(message["call"], json!({"result": "completed", "duration_seconds": 42}), "{order:?}");
        assert_eq!((&message["is_read"], &message["status"]), (&json!(true), &json!("received")));
        assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    }
    studio.balance().await;
}

#[tokio::test]
async fn every_order_of_the_reports_of_a_call_that_is_missed_ends_the_same_and_is_unread() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let reports = [leg("CX", "ringing"), leg("CX", "busy"), leg("CY", "no-answer"), leg("CY", "failed")];
    let all = orders(&reports);
    for (n, order) in all.iter().enumerate() {
        let sid = format!("CA{n}");
        let (address, _) = studio.rings(&sid, ADA).await.addresses();
        for report in order.iter().chain(&order[..2]) {
            app.reported(&address, report).await;
        }
        app.reported(STATUS, &[("CallSid", &sid), ("CallStatus", "completed"), ("CallDuration", "30")]).await;
        let message = newest(&studio).await;
        let missed = json!({"result": "no_answer", "duration_seconds": null});
        assert_eq!((&message["call"], &message["is_read"]), (&missed, &json!(false)), "{order:?}");
    }
    assert_eq!(studio.client(7).await["unread_messages_count"], all.len());
    assert_eq!(studio.inbox("message_filter=unread").await["total"], 1);
    studio.balance().await;
}

#[tokio::test]
async fn a_call_of_which_only_its_end_is_heard_is_missed() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let words =
        [("completed", "no_answer"), ("no-answer", "no_answer"), ("busy", "busy"), ("canceled", "canceled")];
    for (n, (word, result)) in words.into_iter().enumerate() {
        let sid = format!("CA{n}");
        studio.rings(&sid, ADA).await;
        app.reported(STATUS, &[("CallSid", &sid), ("CallStatus", "ringing")]).await;
        assert_eq!(newest(&studio).await["call"]["result"], "ringing");
        app.reported(STATUS, &[("CallSid", &sid), ("CallStatus", word)]).await;
        assert_eq!(newest(&studio).await["call"]["result"], result, "{word}");
    }
}

#[tokio::test]
async fn a_call_that_was_over_before_we_heard_of_it_is_missed_and_nothing_else_is_stored() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let report = async |sid: &str, from: &str, to: &str, word: &str, direction: &str| {
        let form =
            [("CallSid", sid), ("From", from), ("To", to), ("CallStatus", word), ("Direction", direction)];
        app.reported(STATUS, &form).await;
    };
    let browser = format!("client:b{}_s12", studio.id);
    report("CA1", ADA, &studio.number, "in-progress", "inbound").await;
    report("CA1", ADA, &studio.number, "later", "inbound").await;
    report("CA1", ADA, "+14155558888", "completed", "inbound").await;
    report("CA1", &studio.number, ADA, "completed", "outbound-dial").await;
    report("CA1", &studio.number, &studio.number, "completed", "outbound-api").await;
    report("CA1", &browser, ADA, "completed", "inbound").await;
    assert_eq!(app.message_ids(studio.id).await, []);

    for _ in 0..2 {
        report("CA1", ADA, &studio.number, "completed", "inbound").await;
    }
    let message = studio.only_message().await;
    assert_eq!((&message["call"]["result"], &message["is_read"]), (&json!("no_answer"), &json!(false)));
    assert_eq!(message["client_id"], 7);
    // What Twilio asked meanwhile comes in late, and somebody answers.
    let (address, _) = studio.rings("CA1", ADA).await.addresses();
    app.reported(&address, &leg("CX", "in-progress")).await;
    let message = studio.only_message().await;
    assert_eq!((&message["call"]["result"], &message["is_read"]), (&json!("in_progress"), &json!(true)));
    studio.balance().await;
}

#[tokio::test]
async fn every_report_is_a_line_of_the_timeline_once() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let (address, action) = studio.dials("CA1", ADA).await.addresses();
    for word in ["ringing", "in-progress", "completed", "completed", "ringing", "unheard-of"] {
        app.reported(&address, &leg("CX", word)).await;
    }
    let from = format!("client:b{}_s12", studio.id);
    let form = [("CallSid", "CA1"), ("From", from.as_str()), ("To", ADA), ("DialCallSid", "CX")];
    app.twiml(&action, &[&form[..], &[("DialCallStatus", "completed"), ("DialCallDuration", "42")]].concat())
        .await;
    let id = studio.only_message().await["message_id"].as_u64().unwrap();
    let mut lines = studio.timeline(id).await;
    lines.sort();
    let line = |status: &str, outcome: &str| ("provider".to_owned(), status.to_owned(), outcome.to_owned());
    let expected = [
        line("-", "ignored"),
        line("delivered", "applied"),
        line("sending", "ignored"),
        line("sent", "applied"),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn staff_who_read_or_unread_a_call_are_listened_to() {
    let app = App::start().await;
    let studio = studio(&app).await;
    studio.receives(ADA, "Hi").await;
    let (address, _) = studio.rings("CA1", ADA).await.addresses();
    assert_eq!(studio.marks(json!({"conversation_id": 7})).await, 2);
    app.reported(&address, &leg("CX", "in-progress")).await;
    let id = newest(&studio).await["message_id"].clone();
    assert_eq!(studio.marks(json!({"message_ids": [id], "is_read": false})).await, 1);
    app.reported(&address, &leg("CX", "completed")).await;
    assert_eq!(newest(&studio).await["is_read"], false, "the end of it does not read it again");
    studio.balance().await;
    studio.receives(ADA, "Hello?").await;
    let (address, _) = studio.rings("CA2", ADA).await.addresses();
    app.reported(&address, &leg("CX", "in-progress")).await;
    assert_eq!(studio.client(7).await["unread_messages_count"], 2, "the text and the call from before");
    studio.balance().await;
}

#[tokio::test]
async fn reports_that_come_at_once_and_among_texts_end_the_same() {
    let app = App::start().await;
    let studio = studio(&app).await;
    studio.spread(3).await;
    for n in 0..8 {
        let (address, _) = studio.rings(&format!("CA{n}"), ADA).await.addresses();
        let reports = ["in-progress", "completed", "no-answer", "in-progress", "ringing", "completed"];
        let reports = reports.map(|word| leg("CX", word));
        let reported = join_all(reports.iter().map(|report| app.reported(&address, report)));
        tokio::join!(reported, studio.receives(ADA, "Hi"));
        let call = studio.messages(7, "channel=voice&page_size=1").await["items"][0].clone();
        assert_eq!(call["call"], json!({"result": "completed", "duration_seconds": 42}));
        assert_eq!(call["is_read"], true);
        assert_eq!(studio.client(7).await["unread_messages_count"], n + 1, "the texts");
    }
    studio.balance().await;
}

#[tokio::test]
async fn a_call_whose_handler_died_is_one_message_and_rings_when_twilio_asks_again() {
    for from in [ADA, "+14155550199"] {
        at_every_call(4, async |n, when| {
            let app = App::start().await;
            let studio = studio(&app).await;
            let form = [("CallSid", "CA1"), ("From", from), ("To", studio.number.as_str())];
            let died = app.dies(n, when, app.local.router().oneshot(app.call(TWIML, &form))).await;
            let twiml = app.twiml(TWIML, &form).await;
            assert_eq!(twiml.verbs(), if from == ADA { vec!["Dial"] } else { vec!["Say", "Hangup"] });
            assert_eq!(studio.only_message().await["call"]["result"], "ringing", "died at {n}, {when:?}");
            studio.balance().await;
            died
        })
        .await;
    }
}

#[tokio::test]
async fn a_call_from_a_browser_whose_handler_died_is_one_message() {
    at_every_call(4, async |n, when| {
        let app = App::start().await;
        let studio = studio(&app).await;
        let from = format!("client:b{}_s12", studio.id);
        let form = [("CallSid", "CA1"), ("From", from.as_str()), ("To", ADA)];
        let died = app.dies(n, when, app.local.router().oneshot(app.call(TWIML, &form))).await;
        assert_eq!(studio.dials("CA1", ADA).await.dials().1, ADA);
        assert_eq!(studio.only_message().await["status"], "sending", "died at {n}, {when:?}");
        studio.balance().await;
        died
    })
    .await;
}

#[tokio::test]
async fn a_report_whose_handler_died_counts_once_when_it_is_repeated() {
    at_every_call(5, async |n, when| {
        let app = App::start().await;
        let studio = studio(&app).await;
        studio.receives(ADA, "Hi").await;
        let (address, _) = studio.rings("CA1", ADA).await.addresses();
        let post = || {
            app.local
                .router()
                .oneshot(app.call(&address, &[("CallSid", "CX"), ("CallStatus", "in-progress")]))
        };
        let died = app.dies(n, when, post()).await;
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
        app.reported(&address, &leg("CX", "completed")).await;
        let message = newest(&studio).await;
        assert_eq!((&message["call"]["duration_seconds"], &message["is_read"]), (&json!(42), &json!(true)));
        assert_eq!(studio.client(7).await["unread_messages_count"], 1, "died at {n}, {when:?}");
        studio.balance().await;
        died
    })
    .await;
}

#[tokio::test]
async fn an_unheard_call_whose_handler_died_is_missed_once() {
    at_every_call(4, async |n, when| {
        let app = App::start().await;
        let studio = studio(&app).await;
        let form =
            [("CallSid", "CA1"), ("From", ADA), ("To", studio.number.as_str()), ("CallStatus", "no-answer")];
        let post = || app.local.router().oneshot(app.call(STATUS, &form));
        let died = app.dies(n, when, post()).await;
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
        assert_eq!(studio.only_message().await["call"]["result"], "no_answer", "died at {n}, {when:?}");
        studio.balance().await;
        died
    })
    .await;
}
