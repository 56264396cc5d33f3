//! The process may be killed between any two steps. Whatever was accepted is sent once afterwards, or it is in
//! `unknown_outcome` with a report on its way that says what became of it.

use std::time::Duration;

use axum::http::StatusCode;
use local::Source;
use local::fake_twilio::Answer;
use local::wire::Halt;
use reqwest::Method;
use serde_json::json;
use tower::ServiceExt as _;

use crate::app::{App, Business, send};
use crate::faults::{REFUSAL, SILENT, at_every_call};

const ADA: &str = "+14155550123";
const BEN: &str = "+14155550124";
const TEXTS: [(u64, &str, &str); 3] = [(7, ADA, "one"), (8, BEN, "three"), (7, ADA, "two")];
const WORDS: [&str; 3] = ["one", "three", "two"];
/// A little more than a call may be in progress.
const IN_PROGRESS: Duration = Duration::from_secs(61);

// The call that queues.

/// A call with an `Idempotency-Key` dies, and its caller repeats it: before or after the sweeper has come by.
async fn a_call_with_a_key_dies(n: usize, when: Halt, swept_before: bool) -> bool {
    let app = App::start().await;
    let studio = app.business().await;
    let body = studio.send_body(&TEXTS);
    let call = studio.routed("/sms/send", Some("once"), &body);
    let died = app.dies(n, when, app.local.router().oneshot(call)).await;

    app.clock.advance(IN_PROGRESS);
    if swept_before {
        app.recover().await;
    }
    let repeated = studio.post_once("/sms/send", "once", &body).await.ok();
    app.recover().await;

    assert_eq!(app.sent_words(), WORDS, "died at {n}, {when:?}");
    for (index, item) in repeated["items"].as_array().expect("items").iter().enumerate() {
        let message = studio.message(item["message_id"].as_u64().expect("a message id")).await;
        assert_eq!((&message["message"], &message["status"]), (&json!(TEXTS[index].2), &json!("delivered")));
    }
    let request = repeated["request_id"].as_str().expect("a request id");
    let of_request = studio.get(&format!("/messages/requests/{request}")).await.ok();
    assert_eq!(of_request["counts"], json!({"delivered": 3}));
    assert_eq!(studio.post_once("/sms/send", "once", &body).await.ok(), repeated);
    died
}

#[tokio::test]
async fn a_call_that_died_and_is_repeated_under_its_key_sends_every_text_once() {
    at_every_call(6, async |n, when| a_call_with_a_key_dies(n, when, false).await).await;
}

#[tokio::test]
async fn a_call_that_died_and_is_repeated_after_the_sweeper_came_by_sends_every_text_once() {
    at_every_call(6, async |n, when| a_call_with_a_key_dies(n, when, true).await).await;
}

#[tokio::test]
async fn a_call_whose_connection_is_cut_is_answered_and_sends_every_text_once() {
    at_every_call(6, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let body = studio.send_body(&TEXTS);
        let call = app.local.router().oneshot(studio.routed("/sms/send", Some("once"), &body));
        let answered = std::sync::Mutex::new(None);
        let step = async { *answered.lock().unwrap() = Some(call.await.unwrap().status()) };
        let cut = app.is_cut(n, when, step).await;
        assert_eq!(*answered.lock().unwrap(), Some(StatusCode::OK), "cut at {n}, {when:?}");
        app.recover().await;
        assert_eq!(app.sent_words(), WORDS, "cut at {n}, {when:?}");
        assert_eq!(
            studio.post_once("/sms/send", "once", &body).await.header("idempotency-replayed"),
            Some("true")
        );
        cut
    })
    .await;
}

/// Which texts are stored, as far as profiles tell: the last one of each conversation.
async fn last_words(studio: &Business<'_>) -> [Option<String>; 2] {
    let word = async |client| studio.client(client).await["last_message_content"].as_str().map(str::to_owned);
    [word(7).await, word(8).await]
}

#[tokio::test]
async fn what_a_call_without_a_key_stored_before_it_died_is_sent_once_and_is_whole() {
    at_every_call(5, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let call = studio.routed("/sms/send", None, &studio.send_body(&TEXTS));
        let died = app.dies(n, when, app.local.router().oneshot(call)).await;
        let stored = last_words(&studio).await;

        app.recover().await;

        let expected: &[&str] = match (stored[0].as_deref(), stored[1].as_deref()) {
            (None, None) => &[],
            (None, Some(_)) => &["three"],
            (Some("one"), None) => &["one"],
            (Some("one"), Some(_)) => &["one", "three"],
            (Some(_), None) => &["one", "two"],
            (Some(_), Some(_)) => &["one", "three", "two"],
        };
        assert_eq!(app.sent_words(), expected, "died at {n}, {when:?}");
        let ids = app.message_ids(studio.id).await;
        assert_eq!(ids.len(), expected.len());
        for (client, id) in ids {
            let message = studio.message(id).await;
            assert_eq!((&message["client_id"], &message["status"]), (&json!(client), &json!("delivered")));
            let request = message["request_id"].as_str().unwrap();
            let of_request = studio.get(&format!("/messages/requests/{request}")).await.ok();
            assert_eq!(of_request["counts"], json!({"delivered": expected.len()}));
        }
        died
    })
    .await;
}

// The sender.

/// A sender dies with one text in its hands. Twilio reports before or after the sweeper has come by.
async fn a_sender_dies(n: usize, when: Halt, answer: Answer, reports_first: bool) -> bool {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    app.local.twilio.script(None, [answer]);
    let id = studio.queue(7, ADA, "Hello").await;
    let died = app.dies(n, when, app.local.deliver_once(Source::Sms)).await;

    if !reports_first {
        app.recover().await;
    }
    let taken = app.local.twilio.outbox();
    assert!(taken.len() <= 1, "sent twice: died at {n}, {when:?}");
    for text in &taken {
        app.report(&text.sid, &["sent", "delivered"]).await;
    }
    app.recover().await;
    for text in &app.local.twilio.outbox() {
        app.report(&text.sid, &["sent", "delivered"]).await;
    }

    let taken = app.local.twilio.outbox();
    let end = if taken.is_empty() { "unknown_outcome" } else { "delivered" };
    assert!(taken.len() <= 1, "sent twice: died at {n}, {when:?}");
    assert_eq!(studio.status(id).await, end, "died at {n}, {when:?}");
    if taken.is_empty() {
        // A day later, nobody has sent it after all.
        app.live(Duration::from_secs(86_400), Duration::from_secs(4 * 3600)).await;
        assert_eq!((app.sent().len(), studio.status(id).await.as_str()), (0, "delivery_unknown"));
    }
    died
}

#[tokio::test]
async fn a_job_that_is_handed_out_ten_times_at_once_is_sent_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Hello").await;
    let job = app.jobs(Source::Sms).remove(0);
    let all = (0..10).map(|_| sms_sender::handle(app.local.sender(), job.clone()));
    for done in futures_util::future::join_all(all).await {
        done.unwrap();
    }
    app.drain().await;
    app.recover().await;
    assert_eq!((studio.status(id).await.as_str(), app.calls_that_send()), ("delivered", 1));
}

#[tokio::test]
async fn a_sender_that_dies_never_sends_twice_and_a_late_report_resolves_it() {
    at_every_call(6, async |n, when| a_sender_dies(n, when, Answer::accept(), false).await).await;
}

#[tokio::test]
async fn a_sender_that_dies_never_sends_twice_and_a_prompt_report_resolves_it() {
    at_every_call(6, async |n, when| a_sender_dies(n, when, Answer::accept(), true).await).await;
}

#[tokio::test]
async fn a_sender_that_dies_while_it_is_throttled_sends_once() {
    at_every_call(7, async |n, when| a_sender_dies(n, when, Answer::status(429), false).await).await;
}

#[tokio::test]
async fn a_sender_that_dies_with_trouble_at_twilio_sends_once() {
    at_every_call(7, async |n, when| a_sender_dies(n, when, Answer::status(503), false).await).await;
}

#[tokio::test]
async fn an_acceptance_whose_answer_is_lost_is_one_call_and_is_resolved_by_the_report() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::drop_after().with_callbacks(SILENT)]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    assert_eq!(studio.status(id).await, "unknown_outcome");
    let message = studio.message(id).await;
    assert_eq!(message["error_class"], "ambiguous");

    app.clock.advance(Duration::from_secs(240));
    app.local.sqs.redeliver(&app.local.feed(Source::Sms).queue);
    app.sweep().await;
    assert_eq!(app.calls_that_send(), 1);

    app.report(&app.only_sid(), &["sent", "delivered"]).await;
    app.recover().await;
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("delivered"), &json!(null)));
    assert_eq!(app.calls_that_send(), 1);
}

#[tokio::test]
async fn a_report_that_overtakes_an_answer_that_never_comes_stays() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Hello").await;
    app.local.wire.counts(|_, operation| operation == "POST Messages");
    let hanging = app.local.wire.halt_at(0, Halt::After);

    let reported = async {
        hanging.reached().await;
        app.local.twilio.idle().await;
        assert_eq!(studio.status(id).await, "delivered");
        app.local.wire.heal();
    };
    let (batch, ()) = tokio::join!(app.local.deliver_once(Source::Sms), reported);

    assert_eq!(batch.unwrap().unwrap().batch_item_failures.len(), 0);
    app.recover().await;
    assert_eq!(studio.status(id).await, "delivered");
    assert_eq!(app.calls_that_send(), 1);
}

#[tokio::test]
async fn without_any_report_twilio_is_asked_once_and_its_word_counts() {
    for (word, end) in [("delivered", "delivered"), ("undelivered", "undelivered"), ("queued", "sent")] {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.set_default_callbacks(SILENT);
        let id = studio.queue(7, ADA, "Hello").await;
        app.local.wire.counts(|_, operation| operation == "POST Messages");
        assert!(app.dies(0, Halt::After, app.local.deliver_once(Source::Sms)).await);
        app.report_in_vain(word).await;

        app.live(Duration::from_secs(960), Duration::from_secs(120)).await;
        assert_eq!(studio.status(id).await, "unknown_outcome");
        assert_eq!(app.questions(), 0);
        app.live(Duration::from_secs(240), Duration::from_secs(120)).await;
        assert_eq!(studio.status(id).await, end);
        assert_eq!(studio.message(id).await["provider_message_id"], app.only_sid());

        app.live(Duration::from_secs(12 * 3600), Duration::from_secs(3600)).await;
        assert_eq!((app.questions(), app.calls_that_send()), (1, 1));
        assert_eq!(studio.status(id).await, end);
    }
}

#[tokio::test]
async fn a_sender_whose_connection_is_cut_sends_once_and_stores_what_it_learned() {
    at_every_call(6, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let id = studio.queue(7, ADA, "Hello").await;
        let cut = app.is_cut(n, when, app.local.deliver_once(Source::Sms)).await;
        app.drain().await;
        app.recover().await;
        let at_twilio = app.sent().len();
        let end = if at_twilio == 0 { "unknown_outcome" } else { "delivered" };
        assert!(at_twilio <= 1 && app.calls_that_send() <= 1, "cut at {n}, {when:?}");
        assert_eq!(studio.status(id).await, end, "cut at {n}, {when:?}");
        let lost = app
            .local
            .wire
            .calls()
            .iter()
            .any(|call| call.server == "twilio" && call.response_status.is_none());
        assert!(lost || at_twilio == 1, "nothing but a lost answer of Twilio's is a reason to give up");
        cut
    })
    .await;
}

#[tokio::test]
async fn an_acceptance_that_is_stored_after_the_claim_ran_out_counts() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    let id = studio.queue(7, ADA, "Hello").await;
    app.local.wire.counts(|_, operation| operation == "TransactWriteItems");
    // The claim is the first one, and the acceptance the second.
    let storing = app.local.wire.halt_at(1, Halt::Before);
    let given_up = async {
        storing.reached().await;
        app.clock.advance(Duration::from_secs(91));
        assert_eq!(app.local.sweep().await.unwrap().given_up, 1);
        assert_eq!(studio.status(id).await, "unknown_outcome");
        app.local.wire.heal();
    };
    let (batch, ()) =
        tokio::join!(sms_sender::handle(app.local.sender(), app.jobs(Source::Sms).remove(0)), given_up);

    batch.unwrap();
    let message = studio.message(id).await;
    assert_eq!((&message["status"], &message["error_class"]), (&json!("sent"), &json!(null)));
    assert_eq!(message["provider_message_id"], app.only_sid());
    app.recover().await;
    assert_eq!((app.calls_that_send(), app.questions()), (1, 0));
}

/// Ada gets the same words twice. The answer to the first is lost and a report resolves it; the second never gets to
/// Twilio, which is not known either.
#[tokio::test]
async fn a_text_that_was_never_sent_is_not_taken_for_an_equal_one() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(None, [Answer::drop_after(), Answer::drop_before()]);
    let first = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    assert_eq!(studio.status(first).await, "delivered");
    let second = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    assert_eq!(studio.status(second).await, "unknown_outcome");

    app.recover().await;
    assert_eq!((app.questions(), app.sent().len()), (1, 1));
    assert_eq!(studio.status(second).await, "unknown_outcome");
}

#[tokio::test]
async fn of_two_equal_texts_none_is_guessed_at_and_the_reports_tell() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.script(
        None,
        [Answer::drop_after(), Answer::drop_after()].map(|answer| answer.with_callbacks(SILENT)),
    );
    let ids = [studio.queue(7, ADA, "Hello").await, studio.queue(8, ADA, "Hello").await];
    app.drain().await;
    app.recover().await;
    for id in ids {
        assert_eq!(studio.status(id).await, "unknown_outcome");
    }
    for text in app.local.twilio.outbox() {
        app.report(&text.sid, &["sent", "delivered"]).await;
    }
    for id in ids {
        assert_eq!(studio.status(id).await, "delivered");
    }
    assert_eq!(app.calls_that_send(), 2);
}

/// What was sent from the same number an hour ago, by whomever, cannot be the text whose answer was just lost.
#[tokio::test]
async fn a_text_that_was_never_sent_is_not_taken_for_an_older_one_from_elsewhere() {
    let app = App::start().await;
    let studio = app.business().await;
    elsewhere(&app, &studio.number, "Hello").await;
    app.clock.advance(Duration::from_secs(3600));
    app.local.twilio.script(None, [Answer::drop_before()]);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    app.recover().await;
    assert_eq!((app.questions(), studio.status(id).await.as_str()), (1, "unknown_outcome"));
}

/// Another program with the same Twilio account sends a text.
async fn elsewhere(app: &App, from: &str, body: &str) {
    let account = &app.local.twilio_account;
    let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", account.api_url, account.account_sid);
    let credentials =
        reqwest::Client::new().post(url).basic_auth(&account.account_sid, Some(&account.auth_token));
    let answer = send(credentials.form(&[("To", ADA), ("From", from), ("Body", body)])).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn an_opt_out_that_is_learned_by_asking_is_kept() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.set_default_callbacks(SILENT);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    app.report_in_vain(("undelivered", 21610)).await;
    app.clock.advance(Duration::from_secs(86_400));
    app.sweep().await;
    assert_eq!(studio.message(id).await["error_class"], "consent");
    let again = studio.post("/sms/send", studio.send_body(&[(7, ADA, "Again")])).await.ok();
    assert_eq!(again["items"][0]["status"], "blocked");
}

// What Twilio tells us.

#[tokio::test]
async fn a_status_report_whose_handler_died_counts_once_when_it_is_repeated() {
    at_every_call(1, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.set_default_callbacks(SILENT);
        let id = studio.queue(7, ADA, "Hello").await;
        app.drain().await;
        let text = app.local.twilio.outbox().remove(0);
        let address = text.status_callback.as_deref().unwrap();
        let form = [("MessageSid", text.sid.as_str()), ("MessageStatus", "delivered"), ("To", ADA)];
        let post = || app.local.router().oneshot(app.signed(address, &form));

        let died = app.dies(n, when, post()).await;
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
        app.recover().await;

        assert_eq!(studio.status(id).await, "delivered");
        let timeline = studio.timeline(id).await;
        let reports: Vec<_> = timeline.iter().filter(|(source, _, _)| source == "provider").collect();
        assert_eq!(reports, [&("provider".to_owned(), "delivered".to_owned(), "applied".to_owned())]);
        died
    })
    .await;
}

#[tokio::test]
async fn a_report_that_asks_for_another_attempt_makes_one_when_its_handler_died() {
    at_every_call(2, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.script(None, [Answer::accept().with_callbacks(SILENT)]);
        let id = studio.queue(7, ADA, "Hello").await;
        app.drain().await;
        let text = app.local.twilio.outbox().remove(0);
        let address = text.status_callback.as_deref().unwrap();
        let form = [
            ("MessageSid", text.sid.as_str()),
            ("MessageStatus", "undelivered"),
            ("ErrorCode", "30003"),
            ("To", ADA),
        ];
        let post = || app.local.router().oneshot(app.signed(address, &form));

        let died = app.dies(n, when, post()).await;
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
        app.live(Duration::from_secs(3600), Duration::from_secs(600)).await;

        let message = studio.message(id).await;
        assert_eq!(
            (&message["status"], &message["attempt"]),
            (&json!("delivered"), &json!(2)),
            "died at {n}, {when:?}"
        );
        assert_eq!(app.calls_that_send(), 2);
        died
    })
    .await;
}

#[tokio::test]
async fn a_text_from_a_client_whose_handler_died_is_there_once_when_it_is_repeated() {
    at_every_call(3, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        studio.knows(7, ADA).await;
        let address = format!("{}/twilio/sms/reply", app.local.base_url);
        let form = [("MessageSid", "SM1"), ("From", ADA), ("To", studio.number.as_str()), ("Body", "Hello")];
        let post = || app.local.router().oneshot(app.signed(&address, &form));

        let died = app.dies(n, when, post()).await;
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
        app.recover().await;

        let ada = studio.client(7).await;
        assert_eq!(
            (&ada["unread_messages_count"], &ada["last_message_content"]),
            (&json!(1), &json!("Hello")),
            "died at {n}, {when:?}"
        );
        assert_eq!(app.message_ids(studio.id).await.len(), 1);
        died
    })
    .await;
}

#[tokio::test]
async fn a_stop_of_a_stranger_whose_handler_died_makes_one_client_who_is_left_alone() {
    at_every_call(3, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let address = format!("{}/twilio/sms/reply", app.local.base_url);
        let form = [("MessageSid", "SM1"), ("From", ADA), ("To", studio.number.as_str()), ("Body", "Stop")];
        let post = || app.local.router().oneshot(app.signed(&address, &form));

        let died = app.dies(n, when, post()).await;
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);

        let stored = app.message_ids(studio.id).await;
        assert_eq!(stored.len(), 1, "died at {n}, {when:?}");
        let stranger = studio.client(stored[0].0).await;
        assert_eq!(
            (&stranger["unread_messages_count"], &stranger["client_phone_number"]),
            (&json!(0), &json!(ADA))
        );
        let blocked = studio.post("/sms/send", studio.send_body(&[(7, ADA, "Hello")])).await.ok();
        assert_eq!(blocked["items"][0]["status"], "blocked");
        died
    })
    .await;
}

#[tokio::test]
async fn a_text_at_the_side_entrance_whose_handler_died_is_there_once_when_it_is_repeated() {
    at_every_call(1, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        studio.knows(7, ADA).await;
        let address = format!("{}/omega/twilio/sms/reply", app.local.fallback_url);
        let form = [("MessageSid", "SM1"), ("From", ADA), ("To", studio.number.as_str()), ("Body", "Hello")];
        let post = || app.local.fallback_router().oneshot(app.signed(&address, &form));

        let died = app.dies(n, when, post()).await;
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
        app.recover().await;

        assert_eq!(studio.client(7).await["unread_messages_count"], 1, "died at {n}, {when:?}");
        assert_eq!(app.message_ids(studio.id).await.len(), 1);
        died
    })
    .await;
}

// The recorder.

#[tokio::test]
async fn a_recorder_that_dies_stores_everything_once() {
    at_every_call(4, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        let message = |client: u64, from: &str, id: u64| {
            json!({"message_id": id, "client_id": client, "to_phone_number": from, "message": format!("text {id}")})
        };
        let body = json!({
            "category": "conversation",
            "sender_type": "client",
            "from_phone_number": ADA,
            "messages": [message(7, &studio.number, 1), message(7, &studio.number, 2), message(8, &studio.number, 3)],
        });
        let accepted = studio.post("/sms/record", body).await.ok();

        let died = app.dies(n, when, app.local.deliver_once(Source::Record)).await;
        app.recover().await;

        let request = accepted["request_id"].as_str().unwrap();
        let of_request = studio.get(&format!("/messages/requests/{request}")).await.ok();
        assert_eq!(of_request["counts"], json!({"received": 3}), "died at {n}, {when:?}");
        assert_eq!(app.message_ids(studio.id).await.len(), 3);
        assert_eq!(studio.client(7).await["unread_messages_count"], 2);
        assert_eq!(studio.client(8).await["unread_messages_count"], 1);
        assert_eq!(app.calls_that_send(), 0);
        died
    })
    .await;
}

// The sweeper.

/// Texts that are stored and not queued: the queue is away when they are handed in.
async fn left_behind(app: &App, studio: &Business<'_>, texts: &[(u64, &str, &str)]) {
    let queued = app.jobs(Source::Sms).len();
    app.local.wire.fail("sqs", None, usize::MAX, 400, REFUSAL);
    studio.post("/sms/send", studio.send_body(texts)).await.ok();
    app.local.wire.heal();
    assert_eq!(app.jobs(Source::Sms).len(), queued);
}

#[tokio::test]
async fn a_sweeper_that_dies_is_made_up_for_by_the_next_one() {
    at_every_call(12, async |n, when| {
        let app = App::start().await;
        let studio = app.business().await;
        app.local.twilio.set_default_callbacks(SILENT);
        let stuck = studio.queue(9, BEN, "stuck").await;
        app.local.wire.counts(|_, operation| operation == "POST Messages");
        assert!(app.dies(0, Halt::After, app.local.deliver_once(Source::Sms)).await);
        app.local.wire.counts(|_, _| true);
        left_behind(&app, &studio, &[(7, ADA, "one"), (8, ADA, "two")]).await;
        app.clock.advance(Duration::from_secs(120));

        let died = app.dies(n, when, app.local.sweep()).await;
        app.drain().await;
        app.recover().await;

        assert_eq!(app.sent_words(), ["one", "stuck", "two"], "died at {n}, {when:?}");
        assert_eq!(app.calls_that_send(), 3);
        // Twilio has it, and was asked: without a report, that is all there is to know.
        assert_eq!(studio.status(stuck).await, "sent");
        died
    })
    .await;
}

#[tokio::test]
async fn two_sweepers_after_a_long_pause_send_each_due_text_once() {
    let app = App::start().await;
    let studio = app.business().await;
    for minutes in [20, 30, 40, 50, 60, 70] {
        let at = app.clock.now().plus(Duration::from_secs(60 * minutes));
        let mut body = studio.send_body(&[(minutes, ADA, &format!("at {minutes}"))]);
        body["send_at"] = json!(at.to_string());
        studio.post("/sms/send", body).await.ok();
    }
    left_behind(&app, &studio, &[(7, ADA, "left"), (8, BEN, "behind")]).await;
    app.clock.advance(Duration::from_secs(90 * 60));

    let (one, other) = tokio::join!(app.local.sweep(), app.local.sweep());
    assert_eq!(one.unwrap().queued + other.unwrap().queued, 8);
    app.drain().await;
    app.recover().await;

    let expected = ["at 20", "at 30", "at 40", "at 50", "at 60", "at 70", "behind", "left"];
    assert_eq!(app.sent_words(), expected);
    assert_eq!(app.calls_that_send(), 8);
}

// A person's retry.

#[tokio::test]
async fn a_retry_that_died_sends_once_whether_or_not_it_is_repeated() {
    for repeated in [false, true] {
        at_every_call(4, async |n, when| {
            let app = App::start().await;
            let studio = app.business().await;
            app.local.twilio.script(None, [Answer::refuse(21617)]);
            let id = studio.queue(7, ADA, "Hello").await;
            app.drain().await;
            assert_eq!(studio.status(id).await, "failed");

            let path = format!("/messages/{id}/retry");
            let call = studio.routed(&path, None, &json!(null));
            let died = app.dies(n, when, app.local.router().oneshot(call)).await;
            if repeated {
                let again = send(studio.request(Method::POST, &path)).await;
                assert!([200, 409].contains(&again.status), "{again:?}");
            }
            let begun = studio.status(id).await == "queued";
            app.recover().await;

            let (status, sent) = if begun { ("delivered", 1) } else { ("failed", 0) };
            assert_eq!(
                (studio.status(id).await.as_str(), app.sent().len()),
                (status, sent),
                "died at {n}, {when:?}"
            );
            assert!(begun || !repeated);
            assert_eq!(app.calls_that_send(), 1 + sent);
            died
        })
        .await;
    }
}
