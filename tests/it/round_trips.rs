//! What a call may cost: counted on the wire, in a process that has seen the caller before.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use local::Source;
use local::fake_twilio::{Answer, Callback};
use reqwest::Method;
use serde_json::json;

use crate::app::{App, Business, send};
use crate::desk::rows;

const ADA: &str = "+14155550123";

/// A business whose credential every function has just read. Its client 7 wrote before.
async fn warm(app: &App) -> Business<'_> {
    app.clock.freeze();
    let studio = app.business().await;
    warmed(app, &studio).await;
    studio
}

async fn warmed(app: &App, studio: &Business<'_>) {
    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": ADA})).await.ok();
    studio.post("/clients/7/conversation", json!({})).await.ok();
    studio.receives(ADA, "Hi").await;
    studio.post("/sms/preview", json!({"message": "Hi"})).await.ok();
    studio.get("/messages/requests/6f9619ff-8b86-4d01-b42d-00cf4fc964ff").await.ok();
    // Ids of one millisecond that two functions make are in no order.
    app.clock.advance(Duration::from_millis(1));
    app.local.wire.clear();
}

fn dynamodb(app: &App) -> Vec<String> {
    app.local.wire.operations("dynamodb")
}

fn sqs(app: &App) -> Vec<String> {
    app.local.wire.operations("sqs")
}

/// The calls of the table that something causes.
async fn costs<T>(app: &App, what: impl Future<Output = T>) -> Vec<String> {
    app.local.wire.clear();
    what.await;
    dynamodb(app)
}

/// So many calls of one kind.
fn calls(kind: &str, count: usize) -> Vec<String> {
    vec![kind.to_owned(); count]
}

#[tokio::test]
async fn a_profile_is_one_read_and_one_more_for_the_assignee() {
    let app = App::start().await;
    let studio = warm(&app).await;
    assert_eq!(costs(&app, studio.client(7)).await, ["GetItem"]);
    assert_eq!(costs(&app, studio.client(8)).await, ["GetItem"], "of nobody");
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.act("/conversations/7/assign?staff_id=12").await.ok();
    assert_eq!(costs(&app, studio.client(7)).await, ["GetItem", "GetItem"]);
}

#[tokio::test]
async fn queueing_texts_is_one_transaction_each_and_one_call_for_ten_jobs() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let texts: Vec<(u64, String)> = (0..25).map(|n| (100 + n, format!("+1415555{:04}", 5000 + n))).collect();
    let body: Vec<(u64, &str, &str)> =
        texts.iter().map(|(client, to)| (*client, to.as_str(), "Hi")).collect();
    let send = async || studio.post("/sms/send", studio.send_body(&body)).await.ok();
    // The first text to a client is a transaction more: it finds out that there is none.
    assert_eq!(costs(&app, send()).await, calls("TransactWriteItems", 50));
    assert_eq!(sqs(&app), calls("SendMessageBatch", 3));
    assert_eq!(costs(&app, send()).await, calls("TransactWriteItems", 25));
    assert_eq!(sqs(&app), calls("SendMessageBatch", 3));
}

#[tokio::test]
async fn an_idempotency_key_costs_two_more_writes() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let call = studio.request(Method::POST, "/sms/send").header("Idempotency-Key", "k");
    send(call.json(&studio.send_body(&[(7, ADA, "Hi")]))).await.ok();
    assert_eq!(dynamodb(&app), ["PutItem", "TransactWriteItems", "UpdateItem"]);
}

#[tokio::test]
async fn sending_a_text_is_a_read_a_claim_and_a_result() {
    let app = App::start().await;
    let studio = warm(&app).await;
    // Whose text it is, is believed for five seconds.
    for expected in [vec!["Query", "GetItem"], vec!["Query"]] {
        app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
        studio.queue(7, ADA, "Hi").await;
        app.local.wire.clear();
        app.local.deliver_once(Source::Sms).await.unwrap();
        let rest = ["TransactWriteItems", "TransactWriteItems"];
        assert_eq!(dynamodb(&app), [expected, rest.to_vec()].concat());
    }
    assert_eq!(app.local.wire.operations("twilio"), ["POST Messages"]);
    // The queue is emptied by whoever delivers, and nothing is put on it.
    assert_eq!(sqs(&app), ["ReceiveMessage", "DeleteMessageBatch"]);
}

#[tokio::test]
async fn setting_a_business_up_is_a_write_for_each_thing_and_a_look_at_each_number() {
    let app = App::start().await;
    let number = |phone: &str| json!({"phone_number": phone});
    let body = json!({
        "business_id": 5,
        "from_email": "hello@studio.example.com",
        "phone_numbers": [number("+14155550100"), number("+14155550101")],
        "locations": [{"location_id": 3, "name": "Harbor"}],
    });
    let call = async || {
        app.local.wire.clear();
        send(app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
        assert_eq!(sqs(&app), ["SendMessageBatch"]);
        dynamodb(&app)
    };
    let job = async || {
        app.local.wire.clear();
        app.local.deliver_once(Source::Onboarding).await.unwrap();
        // The first write keeps whose domain it is. Then follows a look at what was kept aside for two numbers and a mailbox.
        let kept_aside = ["GetItem", "Query"].repeat(3);
        let expected = [vec!["GetItem", "UpdateItem"], kept_aside, vec!["UpdateItem"]].concat();
        assert_eq!(dynamodb(&app), expected);
        [app.local.wire.operations("twilio"), app.local.wire.operations("ses")]
    };
    let (number, numbers) = ("GET IncomingPhoneNumbers", "POST IncomingPhoneNumbers/{sid}");
    let (domain, domains) = ("GET /v2/email/identities/{identity}", "POST /v2/email/identities");

    let mut expected = vec![
        "GetItem",
        "TransactWriteItems",
        "UpdateItem",
        "PutItem",
        "PutItem",
        "GetItem",
        "TransactWriteItems",
        "UpdateItem",
    ];
    assert_eq!(
        call().await,
        expected,
        "business and key, location, two numbers, mailbox and domain, what is known"
    );
    assert_eq!(job().await, [vec![number, numbers, number, numbers], vec![domain, domains, domain]]);

    expected = vec!["GetItem", "UpdateItem", "GetItem", "TransactWriteItems", "UpdateItem"];
    assert_eq!(call().await, expected, "location, mailbox, what is known");
    assert_eq!(job().await, [vec![number, number], vec![domain]]);
    assert_eq!(costs(&app, send(app.platform(Method::GET, "/business/5/onboard/status"))).await, ["GetItem"]);
}

#[tokio::test]
async fn a_status_callback_is_one_write_when_it_applies_and_two_when_it_is_late() {
    let app = App::start().await;
    let studio = warm(&app).await;
    app.local.twilio.script(Some(ADA), [Answer::accept().with_callbacks(Vec::<Callback>::new())]);
    studio.queue(7, ADA, "Hi").await;
    app.drain().await;
    let sid = app.local.twilio.outbox()[0].sid.clone();
    for (word, calls) in [
        ("delivered", vec!["TransactWriteItems"]),
        ("sent", vec!["TransactWriteItems", "PutItem"]),
        ("delivered", vec!["TransactWriteItems"]),
    ] {
        app.local.wire.clear();
        app.local.twilio.send_callbacks(&sid, [word]).await;
        assert_eq!(dynamodb(&app), calls, "{word}");
    }
}

#[tokio::test]
async fn a_text_comes_in_with_an_address_a_client_and_a_transaction() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let known = ["GetItem", "GetItem", "TransactWriteItems"];
    assert_eq!(costs(&app, studio.receives(ADA, "Hi")).await, known);
    assert_eq!(costs(&app, studio.receives(ADA, "STOP")).await, known);
    studio.act("/conversations/7/status?status=resolved").await.ok();
    assert_eq!(costs(&app, studio.receives(ADA, "Wait")).await, known, "and brings back what was resolved");
    let stranger = studio.receives("+14155559876", "Hi from somebody new");
    assert_eq!(costs(&app, stranger).await, ["GetItem", "TransactWriteItems"]);
    // Whom a number leads to is believed for five seconds.
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(
        costs(&app, studio.receives(ADA, "Hi")).await,
        ["GetItem", "GetItem", "GetItem", "TransactWriteItems"]
    );
}

#[tokio::test]
async fn recording_touches_no_table_at_the_edge_and_is_one_transaction_each_behind_it() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let messages: Vec<_> = (0..25)
        .map(|n| json!({"message_id": n, "client_id": 7, "to_phone_number": ADA, "message": format!("text {n}")}))
        .collect();
    let body = json!({"category": "notification", "from_phone_number": studio.number, "messages": messages,
                      "sent_at": "2026-01-30T09:00:00Z"});
    studio.post("/sms/record", body).await.ok();
    assert_eq!(dynamodb(&app), Vec::<String>::new());
    assert_eq!(sqs(&app), vec!["SendMessageBatch"; 3]);
}

#[tokio::test]
async fn one_recorded_message_is_a_look_at_its_place_and_one_transaction() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let body = json!({"category": "notification", "from_phone_number": studio.number,
                      "messages": [{"message_id": 1, "client_id": 7, "to_phone_number": ADA, "message": "Hi"}]});
    studio.post("/sms/record", body).await.ok();
    app.local.deliver_once(Source::Record).await.unwrap();
    let mut calls = dynamodb(&app);
    calls.sort();
    assert_eq!(calls, ["GetItem", "Query", "TransactWriteItems"]);
}

#[tokio::test]
async fn the_messages_of_a_call_are_one_query_and_one_read_for_a_hundred() {
    let app = App::start().await;
    let studio = warm(&app).await;
    let texts: Vec<(u64, String)> = (0..100).map(|n| (100 + n, format!("+1415555{:04}", 5000 + n))).collect();
    let body: Vec<(u64, &str, &str)> =
        texts.iter().map(|(client, to)| (*client, to.as_str(), "Hi")).collect();
    let accepted = studio.post("/sms/send", studio.send_body(&body)).await.ok();
    app.local.wire.clear();
    let request = accepted["request_id"].as_str().unwrap();
    let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
    assert_eq!(found["counts"], json!({"queued": 100}));
    assert_eq!(dynamodb(&app), ["Query", "BatchGetItem"]);
}

#[tokio::test]
async fn a_job_of_the_sender_is_smaller_than_a_kilobyte() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.queue(7, ADA, &"long ".repeat(300)).await;
    let bodies = app.local.sqs.bodies(&app.local.feed(Source::Sms).queue);
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].len() < 1024, "{}", bodies[0]);
}

/// Fills the inbox: in a hundredth of the time that it would take one by one.
async fn fill(studio: &Business<'_>, clients: std::ops::Range<u64>) {
    let numbers: Vec<(u64, String)> =
        clients.map(|client| (client, format!("+1415556{client:04}"))).collect();
    for some in numbers.chunks(100) {
        let texts: Vec<(u64, &str, &str)> =
            some.iter().map(|(client, to)| (*client, to.as_str(), "Hi")).collect();
        studio.post("/sms/send", studio.send_body(&texts)).await.ok();
    }
}

/// At ten conversations and at three hundred, and in four parts.
#[tokio::test]
async fn a_list_is_a_query_for_each_part_and_one_for_its_counts_however_many_there_are() {
    for (parts, sizes) in [(1u64, [1000..1010, 1010..1300]), (4, [1000..1010, 1010..1030])] {
        let app = App::start().await;
        let studio = app.business_in_parts(parts).await;
        app.clock.freeze();
        studio.staff(12, json!({"staff_name": "Zoë"})).await;
        let session = studio.session(12).await;
        let mut filled = 1;
        for clients in sizes {
            filled += clients.end - clients.start;
            fill(&studio, clients).await;
            app.local.sweep().await.unwrap();
            warmed(&app, &studio).await;
            studio.as_session(&session, Method::GET, "/conversations", json!({})).await.ok();
            for query in [
                "",
                "status=open",
                "message_filter=unread",
                "message_filter=flagged",
                "page_size=5",
                "page=2&page_size=5",
                "status=open&assignment=all&message_filter=all",
                "assignment=unassigned",
                "channel=sms",
                "status=open&channel=sms&assignment=unassigned",
            ] {
                let page = studio.inbox(query).await;
                let first = costs(&app, studio.inbox(query)).await;
                assert_eq!(first, calls("Query", 2 * parts as usize), "{query} of {filled} in {parts}");
                if let Some(cursor) = page["next_cursor"].as_str() {
                    let next = costs(&app, studio.inbox(&format!("{query}&cursor={cursor}"))).await;
                    assert_eq!(next, first, "{query}: the next page");
                }
            }
            let mine = "/conversations?assignment=assigned_to_me";
            let mine = costs(&app, studio.as_session(&session, Method::GET, mine, json!({}))).await;
            assert_eq!(mine, calls("Query", 1 + parts as usize), "an assignee's are in one place");
            let filters = costs(&app, studio.get("/conversations/filters")).await;
            assert_eq!(filters, calls("Query", parts as usize));
        }
        let list = studio.inbox("page_size=100").await;
        assert_eq!((list["total"].as_u64(), rows(&list).len() as u64), (Some(filled), filled.min(100)));
    }
}

#[tokio::test]
async fn changes_are_listed_and_counted_with_a_query_for_each_part_one_for_who_is_gone_and_one_for_the_staff()
{
    let app = App::start().await;
    let studio = app.business_in_parts(3).await;
    app.clock.freeze();
    fill(&studio, 1000..1060).await;
    warmed(&app, &studio).await;
    let since = "updated_since=2026-01-01T00:00:00Z&page_size=10";
    assert_eq!(costs(&app, studio.inbox(since)).await, calls("Query", 9));
    let cursor = studio.inbox(since).await["next_cursor"].as_str().unwrap().to_owned();
    let next = costs(&app, studio.inbox(&format!("{since}&cursor={cursor}"))).await;
    assert_eq!(next, calls("Query", 5), "they are counted once");
}

#[tokio::test]
async fn a_page_of_a_thread_is_one_query() {
    let app = App::start().await;
    let studio = warm(&app).await;
    for n in 0..30 {
        studio.notes(7, &format!("note {n}")).await;
    }
    for query in ["", "page_size=5", "page=3&page_size=5", "filter=unread", "filter=flagged"] {
        assert_eq!(costs(&app, studio.messages(7, query)).await, ["Query"], "{query}");
    }
    let cursor = studio.messages(7, "page_size=5").await["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(costs(&app, studio.messages(7, &format!("page_size=5&cursor={cursor}"))).await, ["Query"]);
    // What the head does not count is counted, once.
    assert_eq!(costs(&app, studio.messages(7, "channel=note&page_size=5")).await, ["Query", "Query"]);
    let cursor =
        studio.messages(7, "channel=note&page_size=5").await["next_cursor"].as_str().unwrap().to_owned();
    let next = format!("channel=note&page_size=5&cursor={cursor}");
    assert_eq!(costs(&app, studio.messages(7, &next)).await, ["Query"]);
    assert_eq!(costs(&app, studio.get("/conversations/7/history")).await, ["GetItem", "Query"]);
}

#[tokio::test]
async fn what_staff_decide_is_a_read_and_a_transaction() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let once = ["GetItem", "TransactWriteItems"];
    let until = app.clock.now().plus(Duration::from_secs(3600));
    for path in [
        "assign?staff_id=12",
        "status?status=resolved",
        "label?label=vip",
        &format!("status?status=snoozed&snoozed_until={until}"),
        "status?status=open",
        "assign?staff_id=",
    ] {
        let path = format!("/conversations/7/{path}");
        assert_eq!(costs(&app, studio.act(&path)).await, once, "{path}");
        assert_eq!(costs(&app, studio.act(&path)).await, ["GetItem"], "{path} again");
        assert_eq!(costs(&app, studio.act_if(&path, "1")).await, ["GetItem"], "{path}, stale");
    }
    assert_eq!(costs(&app, studio.notes(7, "psst")).await, ["TransactWriteItems"]);
    let message = studio.client(7).await["last_message_id"].clone();
    let flag = format!("/messages/{message}/flag");
    assert_eq!(costs(&app, studio.act(&flag)).await, ["GetItem", "GetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn reading_k_messages_is_a_read_a_query_and_a_transaction_for_each_fifty() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.marks(json!({"conversation_id": 7})).await;
    let mut stored = 0;
    for count in [1usize, 50, 51, 120] {
        let messages: Vec<_> = (0..count)
            .map(|n| json!({"message_id": stored + n, "client_id": 7, "to_phone_number": studio.number, "message": "Hi"}))
            .collect();
        stored += count;
        for some in messages.chunks(100) {
            let body = json!({"category": "conversation", "from_phone_number": ADA, "sender_type": "client",
                              "messages": some});
            studio.post("/sms/record", body).await.ok();
        }
        app.drain().await;
        app.local.wire.clear();
        assert_eq!(studio.marks(json!({"conversation_id": 7})).await, count as u64);
        let mut expected = vec!["GetItem".to_owned(), "Query".to_owned()];
        expected.extend(calls("TransactWriteItems", count.div_ceil(50)));
        assert_eq!(dynamodb(&app), expected, "{count}");
        let again = costs(&app, studio.marks(json!({"conversation_id": 7}))).await;
        assert_eq!(again, ["GetItem"], "nothing is unread");
    }
}

#[tokio::test]
async fn sums_are_brought_up_to_date_in_bunches() {
    let app = App::start().await;
    let studio = app.business().await;
    fill(&studio, 1000..1060).await;
    app.local.wire.clear();
    let swept = app.local.sweep().await.unwrap();
    assert_eq!(swept.counted, 60);
    let writes = dynamodb(&app).into_iter().filter(|call| call == "TransactWriteItems").count();
    assert!(writes <= 8, "{writes}: one for each part of the due index");
}

/// The body of a call that sends or records mails to clients 7, 8, …
fn mails(count: usize) -> serde_json::Value {
    let mail = |n: usize| json!({"client_id": 7 + n, "to_email": format!("n{n}@example.com"), "subject": "Hello", "message": "Hi"});
    json!({"category": "notification", "messages": (0..count).map(mail).collect::<Vec<_>>()})
}

/// A mail that SES took and says nothing more of, and SES's id of it.
async fn mailed(app: &App, studio: &Business<'_>, body: &serde_json::Value) -> String {
    app.local.ses.set_default_events(Vec::<local::fake_ses::Event>::new());
    studio.post("/email/send", body.clone()).await.ok();
    app.drain().await;
    app.clock.advance(Duration::from_millis(1));
    app.local.ses.mails().pop().unwrap().id
}

#[tokio::test]
async fn queueing_mails_is_one_transaction_each_and_one_call_for_ten_jobs() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.post("/email/send", mails(25)).await.ok();
    let send = async |body| studio.post("/email/send", body).await.ok();
    assert_eq!(costs(&app, send(mails(25))).await, calls("TransactWriteItems", 25));
    assert_eq!(sqs(&app), calls("SendMessageBatch", 3));
    assert_eq!(app.local.wire.operations("s3"), Vec::<String>::new());

    let mut body = mails(25);
    for mail in body["messages"].as_array_mut().unwrap() {
        mail["cc_email"] = json!(["c1@example.com", "c2@example.com"]);
    }
    let mut expected = calls("BatchGetItem", 1);
    expected.extend(calls("TransactWriteItems", 25));
    assert_eq!(costs(&app, send(body)).await, expected, "fifty further receivers are one look");

    let mut body = mails(1);
    body["messages"][0]["attachments"] = json!([{"content": "SGVsbG8="}, {"content": "SGVsbG8="}]);
    assert_eq!(costs(&app, send(body)).await, ["TransactWriteItems"]);
    assert_eq!(app.local.wire.operations("s3").len(), 2, "an attachment is one write");
}

#[tokio::test]
async fn sending_a_mail_is_a_read_a_claim_and_a_result() {
    let app = App::start().await;
    let studio = warm(&app).await;
    mailed(&app, &studio, &mails(1)).await;
    let deliver = async || app.local.deliver_once(Source::Email).await.unwrap();
    // The second read is the business: from which mailbox, and as whom.
    let usual = ["Query", "GetItem", "TransactWriteItems", "TransactWriteItems"];

    let sent = async |change: fn(&mut serde_json::Value)| {
        let mut body = mails(1);
        change(&mut body);
        studio.post("/email/send", body).await.ok();
        let cost = costs(&app, deliver()).await;
        app.clock.advance(Duration::from_millis(1));
        cost
    };
    assert_eq!(sent(|_| ()).await, usual);
    assert_eq!(app.local.wire.operations("ses").len(), 1);
    assert_eq!(sqs(&app), ["ReceiveMessage", "DeleteMessageBatch"]);
    let with_copies = sent(|body| body["messages"][0]["cc_email"] = json!(["c@example.com"])).await;
    assert_eq!(with_copies, ["Query", "BatchGetItem", "GetItem", "TransactWriteItems", "TransactWriteItems"]);
    let of_staff = sent(|body| body["category"] = json!("conversation")).await;
    assert_eq!(
        of_staff,
        ["Query", "GetItem", "GetItem", "TransactWriteItems", "TransactWriteItems"],
        "and the thread"
    );
}

#[tokio::test]
async fn a_report_of_ses_is_one_write_when_it_applies_and_two_calls_when_not() {
    use local::fake_ses::{Event, EventType};
    let app = App::start().await;
    let studio = warm(&app).await;
    let told = async |mail: &str, event: Event| {
        app.local.ses.send_events(mail, [event]).await.unwrap();
        costs(&app, app.local.deliver_once(Source::EmailEvents)).await
    };
    let mail = mailed(&app, &studio, &mails(1)).await;
    for (event, expected) in [
        (EventType::Delivery, vec!["TransactWriteItems"]),
        (EventType::Send, vec!["TransactWriteItems", "PutItem"]),
        (EventType::Delivery, vec!["TransactWriteItems"]),
        (EventType::Open, vec!["GetItem", "PutItem"]),
        (EventType::Complaint, vec!["TransactWriteItems"]),
        (EventType::Bounce, vec!["TransactWriteItems", "TransactWriteItems"]),
    ] {
        assert_eq!(told(&mail, event.into()).await, expected, "{event:?}");
    }
    let mut several = mails(1);
    several["messages"][0]["client_id"] = json!(9);
    several["messages"][0]["to_email"] = json!("a@example.com");
    several["messages"][0]["cc_email"] = json!(["c@example.com"]);
    let mail = mailed(&app, &studio, &several).await;
    for (event, expected) in [
        (Event::from(EventType::Delivery).of(["a@example.com"]), ["GetItem", "TransactWriteItems"]),
        (Event::from(EventType::Delivery).of(["a@example.com"]), ["GetItem", "PutItem"]),
        (Event::from(EventType::Bounce).of(["c@example.com"]), ["GetItem", "TransactWriteItems"]),
    ] {
        assert_eq!(told(&mail, event).await, expected);
    }
}

#[tokio::test]
async fn recording_mail_touches_no_table_at_the_edge_and_is_a_look_and_one_transaction_behind_it() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.post("/email/send", mails(25)).await.ok();
    app.drain().await;
    app.clock.advance(Duration::from_millis(1));
    let mut body = mails(25);
    body["from_email"] = json!(studio.email);
    assert_eq!(costs(&app, studio.post("/email/record", body)).await, Vec::<String>::new());
    assert_eq!((sqs(&app), app.local.wire.operations("s3").len()), (calls("SendMessageBatch", 3), 0));
    app.drain().await;
    app.clock.advance(Duration::from_millis(1));

    let mut body = mails(1);
    body["from_email"] = json!(studio.email);
    studio.post("/email/record", body.clone()).await.ok();
    let mut stored = costs(&app, app.local.deliver_once(Source::Record)).await;
    stored.sort();
    assert_eq!(stored, ["GetItem", "Query", "TransactWriteItems"], "its place is looked for");
    app.clock.advance(Duration::from_millis(1));
    body["provider"] = json!("sendgrid");
    body["messages"][0]["provider_metadata"] = json!({"sg_message_id": "x"});
    studio.post("/email/record", body).await.ok();
    let mut followed = costs(&app, app.local.deliver_once(Source::Record)).await;
    followed.sort();
    let with_id = ["GetItem", "PutItem", "Query", "TransactWriteItems"];
    assert_eq!(followed, with_id, "the provider's id leads to it");
}

#[tokio::test]
async fn what_a_mail_that_comes_in_costs() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.put("/clients/7", json!({"client_email": "n0@example.com"})).await.ok();
    let mut body = mails(1);
    body["category"] = json!("conversation");
    let mail = mailed(&app, &studio, &body).await;
    let received = async || {
        let reply =
            local::fake_ses::Reply { id: mail.clone(), text: "Thanks".to_owned(), ..Default::default() };
        app.local.ses.reply(reply).await.unwrap();
        app.local.ses.idle().await;
        app.clock.advance(Duration::from_millis(1));
        costs(&app, app.local.deliver_once(Source::EmailEvents)).await
    };
    received().await;
    // The business that the address names, whether the mail is here already, whether its writer takes part, and the
    // conversation.
    let mut expected = calls("GetItem", 4);
    expected.push("TransactWriteItems".to_owned());
    assert_eq!(received().await, expected);
    assert_eq!(app.local.wire.operations("s3").len(), 1, "the mail itself");
}

#[tokio::test]
async fn what_a_call_costs() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let route = "POST /omega/voice-calls/twiml";
    let rings = async |sid: &str| {
        app.clock.advance(Duration::from_millis(1));
        app.local.wire.clear();
        let twiml = studio.rings(sid, ADA).await;
        crate::permissions::check(route, &app.local.wire.calls());
        (dynamodb(&app), twiml)
    };
    rings("CA1").await;
    // The client by their number, how their conversation stands; and to whom it is assigned.
    let mut expected = vec!["GetItem", "GetItem", "TransactWriteItems", "GetItem"];
    assert_eq!(rings("CA2").await.0, expected);
    studio.act("/conversations/7/assign?staff_id=12").await.ok();
    expected.push("GetItem");
    let (costs, twiml) = rings("CA3").await;
    assert_eq!(costs, expected, "and the member of the staff");

    let (address, _) = twiml.addresses();
    let reported = async |word: &str| {
        app.local.wire.clear();
        app.reported(&address, &[("CallSid", "CX"), ("CallStatus", word)]).await;
        crate::permissions::check("POST /omega/twilio/voice/status", &app.local.wire.calls());
        dynamodb(&app)
    };
    assert_eq!(reported("ringing").await, ["GetItem", "PutItem"], "it changes nothing");
    let answered = ["GetItem", "GetItem", "GetItem", "Query", "TransactWriteItems"];
    assert_eq!(reported("in-progress").await, answered, "and it is read by that");
    assert_eq!(reported("completed").await, ["GetItem", "TransactWriteItems"]);
    assert_eq!(reported("completed").await, ["GetItem", "PutItem"], "again");

    app.local.wire.clear();
    studio.dials("CA4", ADA).await;
    let dialled = ["GetItem", "GetItem", "GetItem", "GetItem", "TransactWriteItems"];
    assert_eq!(dynamodb(&app), dialled, "who calls, for which business, and with whom");
    crate::permissions::check(route, &app.local.wire.calls());
}

#[tokio::test]
async fn letting_a_caller_in_is_two_reads_and_a_write_once_in_five_seconds() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let session = studio.session(12).await;
    let read = async |secret: &str| {
        let call = app.anonymous(Method::GET, &format!("/businesses/{}/clients/7", studio.id));
        send(call.header("X-API-KEY", secret)).await.ok()
    };
    app.clock.advance(Duration::from_secs(5));
    // The credential and its business are read, then the request is counted; a session also asks who its member is now.
    assert_eq!(costs(&app, read(&studio.key)).await, ["GetItem", "GetItem", "UpdateItem", "GetItem"]);
    let of_session = ["GetItem", "GetItem", "GetItem", "UpdateItem", "GetItem"];
    assert_eq!(costs(&app, read(&session)).await, of_session);
    for secret in [&studio.key, &session] {
        assert_eq!(costs(&app, read(secret)).await, ["GetItem"], "the client alone");
    }
    // A minute that another process has begun to count in is one try more.
    app.clock.advance(Duration::from_secs(60));
    studio.get("/staffs").await.ok();
    let costs = costs(&app, read(&studio.key)).await;
    assert_eq!(costs, ["GetItem", "GetItem", "UpdateItem", "UpdateItem", "GetItem"]);
}

#[tokio::test]
async fn keys_and_sessions_are_a_read_and_a_transaction() {
    let app = App::start().await;
    let studio = warm(&app).await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.get("/api-keys").await.ok();
    let at = |path: &str| app.anonymous(Method::POST, path).header("X-API-KEY", &studio.key);
    let once = ["GetItem", "TransactWriteItems"];
    let begun = studio.begins_session(12).await.ok();
    assert_eq!(costs(&app, studio.begins_session(12)).await, once, "the member, the session");
    let end = send(at("/session/expire").json(&json!({"session_id": begun["session_id"]})));
    assert_eq!(costs(&app, end).await, once, "where it is, its end");
    let end_all = send(at("/session/expire").json(&json!({"session_id": "all", "staff_id": 12})));
    assert_eq!(costs(&app, end_all).await, ["GetItem", "UpdateItem"], "the member alone");
    assert_eq!(costs(&app, studio.post("/api-keys", json!({}))).await, once, "the list, list and key");
    let listed = costs(&app, studio.get("/api-keys")).await;
    assert_eq!(listed, ["GetItem", "GetItem", "GetItem"], "the list, and each that works");
    let keys = studio.get("/api-keys").await.ok();
    let path = format!("/api-keys/{}", keys["items"][1]["key_id"].as_str().unwrap());
    assert_eq!(costs(&app, send(studio.request(Method::DELETE, &path))).await, once);
}
