//! Sending mail: what is accepted and what is refused, what reaches the provider, and what becomes of its answers.

use std::time::Duration;

use local::Source;
use local::fake_ses::{Answer, Event, EventType, Mail, Reply};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, send};

pub const ADA: &str = "ada@example.net";
pub const BEN: &str = "ben@example.net";
pub const EVE: &str = "eve@example.net";
/// Nothing is reported of a mail after SES took it.
pub const SILENT: [EventType; 0] = [];

/// A mail to Ada, with further fields or others.
pub fn mail(more: Value) -> Value {
    let mut mail = json!({"client_id": 7, "to_email": ADA, "subject": "Your appointment", "message": "See you at nine."});
    for (name, value) in more.as_object().expect("an object") {
        mail[name] = value.clone();
    }
    mail
}

pub fn call(category: &str, mails: impl IntoIterator<Item = Value>) -> Value {
    json!({"category": category, "messages": mails.into_iter().collect::<Vec<_>>()})
}

pub fn one(more: Value) -> Value {
    call("conversation", [mail(more)])
}

/// What became of each entry of an accepted call.
pub fn statuses(accepted: &Value) -> Vec<&str> {
    let items = accepted["items"].as_array().expect("items");
    items.iter().map(|item| item["status"].as_str().expect("a status")).collect()
}

/// Queues the one mail of a call and returns its id.
pub async fn queue(studio: &Business<'_>, body: Value) -> u64 {
    let accepted = studio.post("/email/send", body).await.ok();
    assert_eq!(statuses(&accepted), ["queued"], "{accepted}");
    accepted["items"][0]["message_id"].as_u64().expect("an id")
}

/// Queues the one mail of a call, works until nothing is due, and returns its id and what SES got.
pub async fn sent(app: &App, studio: &Business<'_>, body: Value) -> (u64, Mail) {
    let before = app.local.ses.mails().len();
    let id = queue(studio, body).await;
    app.drain().await;
    let mut mails = app.local.ses.mails();
    assert_eq!(mails.len(), before + 1, "{}", studio.message(id).await);
    (id, mails.remove(before))
}

/// How often SES was asked to send something, accepted or not.
pub fn calls_of_ses(app: &App) -> usize {
    let send = |operation: &&String| *operation == "POST /v2/email/outbound-emails";
    app.local.wire.operations("ses").iter().filter(send).count()
}

/// The jobs on every queue, in bytes.
pub fn longest_job(app: &App) -> usize {
    let jobs = Source::ALL.into_iter().flat_map(|source| app.local.sqs.bodies(&app.local.feed(source).queue));
    jobs.map(|job| job.len()).max().unwrap_or_default()
}

pub async fn of_request(studio: &Business<'_>, accepted: &Value) -> Vec<Value> {
    let request = accepted["request_id"].as_str().expect("a request id");
    let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
    found["messages"].as_array().expect("messages").clone()
}

/// A field of a refusal at `messages[0]`.
pub fn field(name: &str) -> String {
    format!(r#"["body","messages",0,"{name}"]"#)
}

// What is stored and what SES gets.

#[tokio::test]
async fn a_mail_is_shown_as_it_was_handed_in_and_goes_to_everybody_it_names() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(3, json!({"staff_name": "Zoë"})).await;

    let body = json!({
        "category": "conversation",
        "sender_type": "staff",
        "staff_id": "3",
        "from_email": studio.email.to_uppercase(),
        "messages": [mail(json!({
            "wl_user_id": 9,
            "html": "<p>See you at <b>nine</b>.</p>",
            "cc_email": [BEN],
            "bcc_email": [EVE],
            "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content": "SGVsbG8="}],
            "colour": "red",
        }))],
    });
    let (id, mail) = sent(&app, &studio, body).await;

    assert_eq!(
        (&mail.to[..], &mail.cc[..], &mail.bcc[..]),
        (&[ADA.to_owned()][..], &[BEN.to_owned()][..], &[EVE.to_owned()][..])
    );
    let stored = studio.message(id).await;
    assert_eq!((&stored["channel"], &stored["direction"]), (&json!("email"), &json!("outbound")));
    assert_eq!((&stored["provider"], &stored["status"]), (&json!("ses"), &json!("delivered")));
    assert_eq!(
        (&stored["subject"], &stored["message"]),
        (&json!("Your appointment"), &json!("See you at nine."))
    );
    assert_eq!(stored["html"], "<p>See you at <b>nine</b>.</p>");
    assert_eq!((&stored["cc_email"], &stored["bcc_email"]), (&json!([BEN]), &json!([EVE])));
    assert_eq!((&stored["from_address"], &stored["to_address"]), (&json!(studio.email), &json!(ADA)));
    assert_eq!((&stored["staff_id"], &stored["sender_type"]), (&json!(3), &json!("staff")));
    assert_eq!(stored["provider_message_id"], mail.id);
    assert_eq!((&stored["segments"], &stored["attempt"]), (&Value::Null, &json!(1)));
    let url = format!("/omega/businesses/{}/messages/{id}/attachments/0", studio.id);
    assert_eq!(
        stored["attachments"],
        json!([{"content": null, "content_id": null, "content_type": "text/plain", "filename": "a.txt", "url": url}])
    );
    let copies = [ADA, BEN, EVE].map(|email| json!({"email": email, "status": "delivered"}));
    assert_eq!(stored["recipients"], json!(copies));
    let ada = studio.client(7).await;
    assert_eq!(
        (&ada["client_email"], &ada["last_message_content"]),
        (&json!(ADA), &json!("See you at nine."))
    );
}

#[tokio::test]
async fn a_mail_names_the_business_leads_answers_back_and_hides_its_blind_copies() {
    let app = App::start().await;
    let studio = app.business().await;

    let body = one(json!({"html": "<p>Nine</p>", "cc_email": [BEN], "bcc_email": [EVE]}));
    let (_, mail) = sent(&app, &studio, body).await;

    let header = |name: &str| mail.header(name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(header("From"), format!("\"Studio\" <{}>", studio.email));
    assert!(header("To").contains(ADA) && header("Cc").contains(BEN), "{:?}", mail.headers);
    assert_eq!(mail.header("Bcc"), None);
    let raw = String::from_utf8_lossy(&mail.raw).into_owned();
    assert!(!raw.contains(EVE), "{raw}");
    let reply_to = header("Reply-To").trim_matches(['<', '>']);
    let (local, domain) = reply_to.split_once('@').unwrap();
    assert!(local.starts_with("r+") && local.len() <= 64 && domain == "inbound.example.com", "{reply_to}");
    assert_eq!(header("Subject"), "Your appointment");
    assert_eq!(
        (mail.text.as_deref(), mail.html.as_deref()),
        (Some("See you at nine.\r\n"), Some("<p>Nine</p>\r\n"))
    );
    assert_eq!(mail.configuration_set.as_deref(), Some(local::CONFIGURATION_SET));
}

#[tokio::test]
async fn the_message_id_is_the_same_for_every_attempt_and_the_tag_tells_them_apart() {
    let app = App::start().await;
    let studio = app.business().await;
    let soft = Event::bounce("Transient", "MailboxFull");
    app.local.ses.script(None, [Answer::accept().with_events([soft])]);

    let (id, first) = sent(&app, &studio, one(json!({}))).await;
    app.live(Duration::from_secs(5 * 3600), Duration::from_secs(1800)).await;

    let mails = app.local.ses.mails();
    assert_eq!(mails.len(), 2, "{}", studio.message(id).await);
    let second = &mails[1];
    assert!(first.original_message_id.is_some());
    assert_eq!(first.original_message_id, second.original_message_id);
    assert!(first.header("Message-ID").unwrap().ends_with("@studio1001.example.com>"), "{:?}", first.headers);
    for (attempt, mail) in [(1, &first), (2, second)] {
        assert_eq!(mail.tags["omega"], format!("{}-7-{id}-{attempt}", studio.id));
    }
    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["attempt"]), (&json!("delivered"), &json!(2)));
}

#[tokio::test]
async fn subject_names_and_attachments_are_of_any_script() {
    let app = App::start().await;
    let studio = app.business().await;
    let names = [
        "Wegbeschreibung \u{e4}\u{f6}\u{fc}.txt",
        "\u{4e2d}\u{6587}.txt",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \"1\".txt",
        "\u{1f389}.txt",
    ];
    let attachments: Vec<Value> = names
        .iter()
        .map(|name| json!({"filename": name, "content_type": "text/plain", "content": "SGVsbG8="}))
        .collect();

    let subject = "Gr\u{fc}\u{df}e \u{4e2d}\u{6587} \u{1f389}";
    let body = one(
        json!({"subject": subject, "message": "\u{417}\u{434}\u{440}\u{430}\u{432}\u{441}\u{442}\u{432}\u{443}\u{439}", "attachments": attachments}),
    );
    let (_, mail) = sent(&app, &studio, body).await;

    assert_eq!(mail.subject, subject);
    assert_eq!(
        mail.text.as_deref().map(str::trim_end),
        Some("\u{417}\u{434}\u{440}\u{430}\u{432}\u{441}\u{442}\u{432}\u{443}\u{439}")
    );
    let got: Vec<Option<&str>> =
        mail.attachments.iter().map(|attachment| attachment.filename.as_deref()).collect();
    assert_eq!(got, names.map(Some));
    assert!(mail.attachments.iter().all(|attachment| &attachment.content[..] == b"Hello"));
}

#[tokio::test]
async fn what_a_machine_writes_says_so_and_only_a_campaign_can_be_unsubscribed_from() {
    let app = App::start().await;
    let studio = app.business().await;
    let kinds = [
        ("conversation", json!("staff"), false, false),
        ("conversation", Value::Null, false, false),
        ("conversation", json!("system"), true, false),
        ("notification", json!("staff"), true, false),
        ("notification", json!("system"), true, false),
        ("campaign", json!("staff"), true, true),
    ];
    for (category, sender_type, automatic, leaves) in kinds {
        let mut body = call(category, [mail(json!({}))]);
        body["sender_type"] = sender_type;
        let (_, mail) = sent(&app, &studio, body).await;

        let expected = automatic.then_some("auto-generated");
        assert_eq!(mail.header("Auto-Submitted"), expected, "{category}");
        assert_eq!(mail.header("X-Auto-Response-Suppress"), automatic.then_some("All"), "{category}");
        assert_eq!(mail.header("List-Unsubscribe").is_some(), leaves, "{category}");
        let post = mail.header("List-Unsubscribe-Post");
        assert_eq!(post, leaves.then_some("List-Unsubscribe=One-Click"), "{category}");
        if let Some(link) = mail.header("List-Unsubscribe") {
            let uri = link.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).expect("one URI");
            assert!(uri.starts_with(&format!("{}/email/unsubscribe/", app.local.base_url)), "{uri}");
            assert!(!uri.contains([',', '<', ' ']), "{uri}");
        }
    }
}

#[tokio::test]
async fn all_mails_of_a_call_may_go_in_copy_to_the_same_person() {
    let app = App::start().await;
    let studio = app.business().await;

    let copied =
        |client: u64, to: &str| mail(json!({"client_id": client, "to_email": to, "cc_email": [EVE]}));
    let accepted = studio.post("/email/send", call("campaign", [copied(7, ADA), copied(8, BEN)])).await.ok();
    app.drain().await;

    assert_eq!(statuses(&accepted), ["queued", "queued"]);
    let mails = app.local.ses.mails();
    assert_eq!(mails.iter().filter(|mail| mail.cc == [EVE]).count(), 2);
}

#[tokio::test]
async fn who_is_named_twice_gets_one_copy() {
    let app = App::start().await;
    let studio = app.business().await;

    let twice = [ADA.to_uppercase(), BEN.to_owned()];
    let (_, mail) = sent(&app, &studio, one(json!({"cc_email": twice, "bcc_email": [BEN, EVE]}))).await;

    assert_eq!(mail.recipients(), [ADA, BEN, EVE]);
}

// Calls that are repeated.

#[tokio::test]
async fn a_call_that_is_repeated_under_its_key_sends_once_and_stores_its_objects_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let files = json!({"attachments": [{"content": "SGVsbG8="}], "message": "x".repeat(300_000)});
    let body = one(files);

    let first = studio.post_once("/email/send", "k", &body).await;
    let keys = app.local.storage.keys().unwrap();
    app.drain().await;
    let second = studio.post_once("/email/send", "k", &body).await;
    app.drain().await;

    assert_eq!((first.status, second.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(first.body, second.body);
    assert_eq!((keys.len(), app.local.storage.keys().unwrap()), (2, keys));
    assert_eq!(app.local.ses.mails().len(), 1);
    let other = studio.post_once("/email/send", "k", &one(json!({}))).await;
    assert_eq!(other.bad_fields(), [r#"["header","Idempotency-Key"]"#]);
}

#[tokio::test]
async fn a_call_that_failed_for_our_reasons_is_finished_when_it_is_repeated() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = one(json!({"attachments": [{"content": "SGVsbG8="}, {"content": "SGVsbG8="}]}));
    app.local.wire.fail("s3", None, usize::MAX, 503, "<Error><Code>SlowDown</Code></Error>");
    let refused = studio.post_once("/email/send", "k", &body).await;
    app.local.wire.heal();

    let accepted = studio.post_once("/email/send", "k", &body).await.ok();
    app.drain().await;

    assert_eq!((refused.status, statuses(&accepted)), (503, vec!["queued"]));
    assert_eq!((app.local.storage.keys().unwrap().len(), app.local.ses.mails().len()), (2, 1));
}

// Time.

#[tokio::test]
async fn a_mail_for_later_is_sent_when_its_time_has_come() {
    for minutes in [10, 60] {
        let app = App::start().await;
        let studio = app.business().await;
        let mut body = one(json!({"attachments": [{"content": "SGVsbG8="}]}));
        body["send_at"] = json!(app.clock.now().plus(Duration::from_secs(60 * minutes)).to_string());
        let accepted = studio.post("/email/send", body).await.ok();
        assert_eq!(statuses(&accepted), ["scheduled"]);
        let id = accepted["items"][0]["message_id"].as_u64().unwrap();

        app.clock.advance(Duration::from_secs(60 * minutes - 60));
        app.sweep().await;
        assert_eq!((studio.status(id).await.as_str(), app.local.ses.mails().len()), ("scheduled", 0));
        app.clock.advance(Duration::from_secs(120));
        app.sweep().await;

        assert_eq!((studio.status(id).await.as_str(), app.local.ses.mails().len()), ("delivered", 1));
    }
}

#[tokio::test]
async fn a_mail_whose_time_ran_out_is_not_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut body = one(json!({}));
    body["expires_at"] = json!(app.clock.now().plus(Duration::from_secs(60)).to_string());
    let id = queue(&studio, body).await;
    app.clock.advance(Duration::from_secs(61));

    app.drain().await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["error_class"]), (&json!("expired"), &json!("expiry")));
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn a_mail_is_taken_back_until_a_sender_has_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let (gone, _) = sent(&app, &studio, one(json!({}))).await;
    let waiting = queue(&studio, one(json!({}))).await;
    let cancel = async |id: u64| studio.post(&format!("/messages/{id}/cancel"), json!({})).await;

    assert_eq!(cancel(waiting).await.status, 200);
    assert_eq!(cancel(gone).await.status, 409);
    app.drain().await;
    app.recover().await;

    assert_eq!(studio.status(waiting).await, "canceled");
    assert_eq!(app.local.ses.mails().len(), 1);
}

#[tokio::test]
async fn a_failed_mail_is_sent_again_whole_when_a_person_asks_for_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let virus = "Transaction failed: contains a virus.";
    app.local.ses.script(None, [Answer::refuse_saying("MessageRejected", virus)]);
    let more =
        json!({"attachments": [{"content": "SGVsbG8="}], "cc_email": [BEN], "message": "x".repeat(300_000)});
    let id = queue(&studio, one(more)).await;
    app.drain().await;
    assert_eq!(studio.status(id).await, "failed");

    let retry = async || send(studio.request(Method::POST, &format!("/messages/{id}/retry"))).await;
    let retried = retry().await;
    assert_eq!((retried.status, &retried.body["attempt"]), (200, &json!(2)));
    assert_eq!(retry().await.status, 409);
    app.drain().await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["attempt"]), (&json!("delivered"), &json!(2)));
    assert_eq!(stored["error_class"], Value::Null);
    let mails = app.local.ses.mails();
    assert_eq!(
        (mails.len(), mails[0].recipients(), mails[0].attachments.len()),
        (1, vec![ADA.to_owned(), BEN.to_owned()], 1)
    );
    assert_eq!(mails[0].text.as_deref().map(str::len), Some(300_002));
    assert_eq!(retry().await.status, 409);
}

// Answers that continue a conversation.

#[tokio::test]
async fn an_answer_of_the_staff_refers_to_the_last_mail_of_the_client() {
    let app = App::start().await;
    let studio = app.business().await;
    let (_, first) = sent(&app, &studio, one(json!({}))).await;
    assert_eq!((first.header("In-Reply-To"), first.header("References")), (None, None));
    app.local.ses.reply(Reply::new(&first.id, "Thank you!")).await.unwrap();
    app.drain().await;
    let theirs = app.local.ses.received()[0].message_id.clone();

    let (_, answer) = sent(&app, &studio, one(json!({"subject": "Re: Your appointment"}))).await;
    let (_, news) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    let (_, other) = sent(&app, &studio, one(json!({"client_id": 8, "to_email": BEN}))).await;

    assert_eq!(answer.header("In-Reply-To"), Some(theirs.as_str()));
    let references = answer.header("References").unwrap();
    assert!(references.ends_with(&theirs) && references.contains(&first.message_id), "{references}");
    for mail in [news, other] {
        assert_eq!((mail.header("In-Reply-To"), mail.header("References")), (None, None));
    }
}

// What SES answers.

#[tokio::test]
async fn a_throttled_mail_waits_and_is_charged_no_attempt() {
    let app = App::start().await;
    let studio = app.business().await;
    let throttled = ["TooManyRequestsException", "LimitExceededException"].map(Answer::refuse);
    app.local.ses.script(None, throttled);
    let id = queue(&studio, one(json!({}))).await;
    app.drain().await;

    let waiting = studio.message(id).await;
    assert_eq!((&waiting["status"], &waiting["error_class"]), (&json!("queued"), &json!("throttle")));
    app.seconds(8).await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["attempt"]), (&json!("delivered"), &json!(1)));
    assert_eq!((calls_of_ses(&app), app.local.ses.mails().len()), (3, 1));
    assert_eq!(app.local.ses.mails()[0].tags["omega"], format!("{}-7-{id}-1", studio.id));
}

#[tokio::test]
async fn trouble_at_ses_is_tried_again_as_a_new_attempt() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.ses.script(None, [500, 503].map(Answer::status));
    let id = queue(&studio, one(json!({}))).await;
    app.drain().await;
    let waiting = studio.message(id).await;
    assert_eq!((&waiting["status"], &waiting["error_class"]), (&json!("queued"), &json!("transient")));
    app.live(Duration::from_secs(600), Duration::from_secs(60)).await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["attempt"]), (&json!("delivered"), &json!(3)));
    assert_eq!((calls_of_ses(&app), app.local.ses.mails().len()), (3, 1));
}

#[tokio::test]
async fn what_ses_refuses_fails_with_what_to_do_about_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let table = [
        (
            Answer::refuse_saying("MessageRejected", "Transaction failed: contains a virus."),
            "content",
            "MessageRejected",
        ),
        (Answer::refuse("BadRequestException"), "content", "BadRequestException"),
        (
            Answer::refuse_saying("MessageRejected", "Email address is not verified: ada@example.net"),
            "configuration",
            "MessageRejected",
        ),
        (
            Answer::refuse("MailFromDomainNotVerifiedException"),
            "configuration",
            "MailFromDomainNotVerifiedException",
        ),
        (Answer::refuse("AccountSuspendedException"), "configuration", "AccountSuspendedException"),
        (Answer::refuse("SendingPausedException"), "configuration", "SendingPausedException"),
        (Answer::refuse("NotFoundException"), "configuration", "NotFoundException"),
        (Answer::refuse("AccessDeniedException"), "configuration", "AccessDeniedException"),
    ];
    for (n, (answer, class, code)) in table.into_iter().enumerate() {
        app.local.ses.script(None, [answer]);
        let id = queue(&studio, one(json!({}))).await;
        app.drain().await;

        let stored = studio.message(id).await;
        assert_eq!((&stored["status"], &stored["error_class"]), (&json!("failed"), &json!(class)), "{code}");
        assert_eq!(stored["error_code"], code);
        let reason = stored["error_reason"].as_str().unwrap();
        assert!(!reason.is_empty() && !reason.contains(ADA), "{reason}");
        assert_eq!(calls_of_ses(&app), n + 1);
    }
    app.recover().await;
    assert_eq!(app.local.ses.mails().len(), 0);
}

#[tokio::test]
async fn a_sender_that_ses_does_not_know_is_a_matter_of_configuration() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.ses.register_identities(["other.example"]);
    let id = queue(&studio, one(json!({}))).await;
    app.drain().await;
    assert_eq!(studio.message(id).await["error_class"], "configuration");

    app.local.ses.register_identities(["example.com"]);
    send(studio.request(Method::POST, &format!("/messages/{id}/retry"))).await.ok();
    app.drain().await;

    assert_eq!(studio.status(id).await, "delivered");
}

#[tokio::test]
async fn a_mail_whose_answer_is_lost_is_never_sent_again_and_the_delivery_resolves_it() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.ses.script(None, [Answer::drop_after().with_events(SILENT)]);
    let id = queue(&studio, one(json!({}))).await;
    app.drain().await;
    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["error_class"]), (&json!("unknown_outcome"), &json!("ambiguous")));
    assert_eq!(stored["provider_message_id"], Value::Null);

    app.local.sqs.redeliver(&app.local.feed(Source::Email).queue);
    app.recover().await;
    assert_eq!((calls_of_ses(&app), studio.status(id).await.as_str()), (1, "unknown_outcome"));

    let mail = app.local.ses.mails().remove(0);
    app.local.ses.send_events(&mail.id, [EventType::Delivery]).await.unwrap();
    app.drain().await;
    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["error_class"]), (&json!("delivered"), &Value::Null));
    assert_eq!(stored["provider_message_id"], mail.id);
    app.live(Duration::from_secs(48 * 3600), Duration::from_secs(12 * 3600)).await;
    assert_eq!((calls_of_ses(&app), studio.status(id).await.as_str()), (1, "delivered"));
}

#[tokio::test]
async fn a_mail_that_ses_never_got_is_not_sent_again_by_itself_either() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.ses.script(None, [Answer::drop_before()]);
    let id = queue(&studio, one(json!({}))).await;
    app.drain().await;

    app.live(Duration::from_secs(48 * 3600), Duration::from_secs(12 * 3600)).await;

    assert_eq!((calls_of_ses(&app), studio.status(id).await.as_str()), (1, "delivery_unknown"));
    assert_eq!(app.local.ses.mails().len(), 0);
}
