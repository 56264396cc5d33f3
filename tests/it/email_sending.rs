//! Sending mail: what is accepted and what is refused, what reaches the provider, and what becomes of its answers.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use local::Source;
use local::fake_ses::{Answer, Event, EventType, Mail, Reply};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::{Answered, App, Business, send};

const ADA: &str = "ada@example.net";
const BEN: &str = "ben@example.net";
const EVE: &str = "eve@example.net";
/// Nothing is reported of a mail after SES took it.
const SILENT: [EventType; 0] = [];

/// A mail to Ada, with further fields or others.
fn mail(more: Value) -> Value {
    let mut mail = json!({"client_id": 7, "to_email": ADA, "subject": "Your appointment", "message": "See you at nine."});
    for (name, value) in more.as_object().expect("an object") {
        mail[name] = value.clone();
    }
    mail
}

fn call(category: &str, mails: impl IntoIterator<Item = Value>) -> Value {
    json!({"category": category, "messages": mails.into_iter().collect::<Vec<_>>()})
}

fn one(more: Value) -> Value {
    call("conversation", [mail(more)])
}

/// What became of each entry of an accepted call.
fn statuses(accepted: &Value) -> Vec<&str> {
    let items = accepted["items"].as_array().expect("items");
    items.iter().map(|item| item["status"].as_str().expect("a status")).collect()
}

/// Queues the one mail of a call and returns its id.
async fn queue(studio: &Business<'_>, body: Value) -> u64 {
    let accepted = studio.post("/email/send", body).await.ok();
    assert_eq!(statuses(&accepted), ["queued"], "{accepted}");
    accepted["items"][0]["message_id"].as_u64().expect("an id")
}

/// Queues the one mail of a call, works until nothing is due, and returns its id and what SES got.
async fn sent(app: &App, studio: &Business<'_>, body: Value) -> (u64, Mail) {
    let before = app.local.ses.mails().len();
    let id = queue(studio, body).await;
    app.drain().await;
    let mut mails = app.local.ses.mails();
    assert_eq!(mails.len(), before + 1, "{}", studio.message(id).await);
    (id, mails.remove(before))
}

/// How often SES was asked to send something, accepted or not.
fn calls_of_ses(app: &App) -> usize {
    let send = |operation: &&String| *operation == "POST /v2/email/outbound-emails";
    app.local.wire.operations("ses").iter().filter(send).count()
}

/// The jobs on every queue, in bytes.
fn longest_job(app: &App) -> usize {
    let jobs = Source::ALL.into_iter().flat_map(|source| app.local.sqs.bodies(&app.local.feed(source).queue));
    jobs.map(|job| job.len()).max().unwrap_or_default()
}

async fn of_request(studio: &Business<'_>, accepted: &Value) -> Vec<Value> {
    let request = accepted["request_id"].as_str().expect("a request id");
    let found = studio.get(&format!("/messages/requests/{request}")).await.ok();
    found["messages"].as_array().expect("messages").clone()
}

/// A field of a refusal at `messages[0]`.
fn field(name: &str) -> String {
    format!(r#"["body","messages",0,"{name}"]"#)
}

// What is stored and what SES gets.

#[tokio::test]
async fn a_mail_is_shown_as_it_was_handed_in_and_goes_to_everybody_it_names() {
    let app = App::start().await;
    let studio = app.business().await;

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
        json!([{"content": null, "content_type": "text/plain", "filename": "a.txt", "url": url}])
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
    assert!(reply_to.starts_with("r+") && reply_to.ends_with("@inbound.example.com"), "{reply_to}");
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
    assert!(first.header("Message-ID").unwrap().ends_with("@example.com>"), "{:?}", first.headers);
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
async fn who_is_named_twice_gets_one_copy() {
    let app = App::start().await;
    let studio = app.business().await;

    let twice = [ADA.to_uppercase(), BEN.to_owned()];
    let (_, mail) = sent(&app, &studio, one(json!({"cc_email": twice, "bcc_email": [BEN, EVE]}))).await;

    assert_eq!(mail.recipients(), [ADA, BEN, EVE]);
}

// Unsubscribing.

/// Where a campaign is unsubscribed from.
fn unsubscribe_link(mail: &Mail) -> String {
    let link = mail.header("List-Unsubscribe").expect("a link");
    link.trim_matches(['<', '>']).to_owned()
}

async fn post_form(url: &str, content_type: &str, body: impl Into<String>) -> Answered {
    let post = reqwest::Client::new().post(url).header("content-type", content_type);
    send(post.body(body.into())).await
}

async fn unsubscribe(url: &str) -> Answered {
    post_form(url, "application/x-www-form-urlencoded", "List-Unsubscribe=One-Click").await
}

async fn suppression(studio: &Business<'_>, email: &str) -> Value {
    studio.get(&format!("/email/suppressions?email={email}")).await.ok()
}

#[tokio::test]
async fn looking_at_an_unsubscribe_link_shows_a_page_and_changes_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    let (_, mail) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    app.local.wire.clear();

    for method in [Method::GET, Method::HEAD] {
        let shown = send(reqwest::Client::new().request(method.clone(), unsubscribe_link(&mail))).await;
        assert_eq!(shown.status, 200);
        assert!(shown.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
        assert!(
            shown
                .header("content-security-policy")
                .is_some_and(|policy| policy.contains("default-src 'none'"))
        );
        assert_eq!(
            shown.body.as_str().is_some_and(|page| page.contains("<form method=\"post\">")),
            method == Method::GET
        );
    }

    assert_eq!(app.writes(), Vec::<String>::new());
    assert_eq!(suppression(&studio, ADA).await["no_campaigns_since"], Value::Null);
}

#[tokio::test]
async fn one_click_ends_campaigns_once_however_it_is_posted() {
    let app = App::start().await;
    let studio = app.business().await;
    let (_, to_ada) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    let to_ben = call("campaign", [mail(json!({"client_id": 8, "to_email": BEN}))]);
    let (_, to_ben) = sent(&app, &studio, to_ben).await;

    let link = unsubscribe_link(&to_ada);
    assert_eq!(unsubscribe(&link).await.status, 200);
    let since = suppression(&studio, ADA).await["no_campaigns_since"].clone();
    assert!(since.is_string());
    assert_eq!(unsubscribe(&link).await.status, 200);
    assert_eq!(suppression(&studio, ADA).await["no_campaigns_since"], since);
    let parts =
        "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    let multipart = post_form(&unsubscribe_link(&to_ben), "multipart/form-data; boundary=x", parts).await;
    assert_eq!(multipart.status, 200);

    for email in [ADA, BEN] {
        let stored = suppression(&studio, email).await;
        assert!(stored["no_campaigns_since"].is_string(), "{stored}");
        assert_eq!((&stored["suppressed"], &stored["reason"]), (&json!(false), &Value::Null));
    }
    let entries = app
        .items()
        .await
        .into_iter()
        .filter(|item| item["type"].as_s().is_ok_and(|kind| kind == "Suppression"));
    assert_eq!(entries.count(), 2);
}

#[tokio::test]
async fn an_altered_link_is_unknown_and_another_form_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    let (_, mail) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    let link = unsubscribe_link(&mail);
    let (base, token) = link.rsplit_once('/').expect("a path");
    app.local.wire.clear();

    for at in [0, token.len() / 2, token.len() - 1] {
        let mut altered = token.to_owned();
        let other = if token.as_bytes()[at] == b'b' { "c" } else { "b" };
        altered.replace_range(at..=at, other);
        let altered = format!("{base}/{altered}");
        assert_eq!(unsubscribe(&altered).await.status, 404, "{at}");
        assert_eq!(send(reqwest::Client::new().get(&altered)).await.status, 404, "{at}");
    }
    for (kind, body) in [
        ("application/x-www-form-urlencoded", ""),
        ("application/x-www-form-urlencoded", "List-Unsubscribe=Two-Clicks"),
        ("application/x-www-form-urlencoded", "Unsubscribe=One-Click"),
        ("application/json", "{\"List-Unsubscribe\": \"One-Click\"}"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"Other\"\r\n\r\nx\r\n--x--",
        ),
    ] {
        assert_eq!(post_form(&link, kind, body).await.status, 422, "{kind} {body}");
    }
    assert_eq!(app.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn who_unsubscribed_gets_no_campaign_and_everything_else() {
    let app = App::start().await;
    let studio = app.business().await;
    let campaign = || call("campaign", [mail(json!({}))]);
    let (_, first) = sent(&app, &studio, campaign()).await;
    let waiting = queue(&studio, campaign()).await;
    unsubscribe(&unsubscribe_link(&first)).await;

    let refused = studio.post("/email/send", campaign()).await.ok();
    app.drain().await;
    let (told, _) = sent(&app, &studio, call("notification", [mail(json!({}))])).await;
    let (answered, _) = sent(&app, &studio, one(json!({}))).await;

    assert_eq!(statuses(&refused), ["blocked"]);
    assert_eq!(refused["items"][0]["message_id"], Value::Null);
    assert!(
        refused["items"][0]["error"].as_str().is_some_and(|why| why.contains("unsubscribed")),
        "{refused}"
    );
    let waiting = studio.message(waiting).await;
    assert_eq!((&waiting["status"], &waiting["error_class"]), (&json!("blocked"), &json!("consent")));
    assert_eq!(
        (studio.status(told).await, studio.status(answered).await),
        ("delivered".into(), "delivered".into())
    );
    assert_eq!(app.local.ses.mails().len(), 3);
}

#[tokio::test]
async fn a_campaign_is_unsubscribed_from_in_one_business_and_another_goes_on() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    let campaign = || call("campaign", [mail(json!({}))]);
    let (_, first) = sent(&app, &studio, campaign()).await;

    unsubscribe(&unsubscribe_link(&first)).await;

    sent(&app, &other, campaign()).await;
    let refused = studio.post("/email/send", campaign()).await.ok();
    assert_eq!(statuses(&refused), ["blocked"]);
}

#[tokio::test]
async fn a_link_works_after_its_client_was_forgotten() {
    let app = App::start().await;
    let studio = app.business().await;
    let (_, mail) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    let erased = send(studio.request(Method::DELETE, "/clients/7")).await;
    assert_eq!(erased.status, 202, "{}", erased.body);
    app.sweep().await;

    assert_eq!(unsubscribe(&unsubscribe_link(&mail)).await.status, 200);

    let again =
        call("campaign", [json!({"client_id": 9, "to_email": ADA, "subject": "News", "message": "New"})]);
    let refused = studio.post("/email/send", again).await.ok();
    assert_eq!(statuses(&refused), ["blocked"], "{refused}");
}

#[tokio::test]
async fn a_further_receiver_who_unsubscribed_is_left_out_and_the_mail_says_so() {
    let app = App::start().await;
    let studio = app.business().await;
    let to_ben = call("campaign", [mail(json!({"client_id": 8, "to_email": BEN}))]);
    let (_, to_ben) = sent(&app, &studio, to_ben).await;
    let copied = || call("campaign", [mail(json!({"cc_email": [BEN], "bcc_email": [EVE]}))]);
    let before = queue(&studio, copied()).await;
    unsubscribe(&unsubscribe_link(&to_ben)).await;
    let after = queue(&studio, copied()).await;
    app.drain().await;
    app.seconds(2).await;

    let mails = app.local.ses.mails();
    assert_eq!(mails.len(), 3);
    for mail in &mails[1..] {
        assert_eq!(mail.recipients(), [ADA, EVE]);
        assert_eq!(mail.header("Cc"), None);
    }
    for id in [before, after] {
        let stored = studio.message(id).await;
        assert_eq!(stored["status"], "delivered", "{stored}");
        let ben = stored["recipients"].as_array().unwrap().iter().find(|copy| copy["email"] == BEN).cloned();
        assert_eq!(ben, Some(json!({"email": BEN, "status": "blocked"})));
    }
}

// What is refused at the edge.

#[tokio::test]
async fn every_bad_field_of_a_mail_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let many = |count: usize| -> Vec<String> { (0..count).map(|n| format!("c{n}@example.net")).collect() };
    let file = |more: Value| json!({"attachments": [more]});
    let at = |name: &str| format!(r#"["body","messages",0,"attachments",0,"{name}"]"#);
    let element = |name: &str| format!(r#"["body","messages",0,"{name}",0]"#);
    let table = [
        (json!({"client_id": "x"}), field("client_id")),
        (json!({"to_email": "ada"}), field("to_email")),
        (json!({"to_email": "ada@localhost"}), field("to_email")),
        (json!({"to_email": "Ada <ada@example.net>"}), field("to_email")),
        (json!({"to_email": "ada@example.net\r\nBcc: eve@example.net"}), field("to_email")),
        (json!({"to_email": null}), field("to_email")),
        (json!({"subject": "One\r\nBcc: eve@example.net"}), field("subject")),
        (json!({"subject": "One\nTwo"}), field("subject")),
        (json!({"subject": "One\rTwo"}), field("subject")),
        (json!({"subject": "x".repeat(999)}), field("subject")),
        (json!({"subject": 5}), field("subject")),
        (json!({"message": ""}), field("message")),
        (json!({"message": " \n", "html": ""}), field("message")),
        (json!({"message": null}), field("message")),
        (json!({"html": 5}), field("html")),
        (json!({"cc_email": "ben@example.net"}), field("cc_email")),
        (json!({"cc_email": ["ben"]}), element("cc_email")),
        (json!({"bcc_email": [null]}), element("bcc_email")),
        (json!({"cc_email": many(50)}), field("cc_email")),
        (json!({"bcc_email": many(50)}), field("bcc_email")),
        (json!({"cc_email": many(26), "bcc_email": many(24)}), field("cc_email")),
        (json!({"attachments": {}}), field("attachments")),
        (file(json!({"filename": "a"})), at("content")),
        (file(json!({"content": "SGVsbG8=", "url": "https://example.com/a"})), at("url")),
        (file(json!({"content": "not base64!"})), at("content")),
        (file(json!({"content": "SGVsbG8"})), at("content")),
        (file(json!({"content": 5})), at("content")),
        (file(json!({"url": "http://example.com/a"})), at("url")),
        (file(json!({"url": "https://"})), at("url")),
        (file(json!({"url": "ftp://example.com/a"})), at("url")),
        (file(json!({"content": "SGVsbG8=", "content_type": "picture"})), at("content_type")),
        (file(json!({"content": "SGVsbG8=", "content_type": "text/plain\r\nX-A: b"})), at("content_type")),
        (file(json!({"content": "SGVsbG8=", "filename": "a\nb"})), at("filename")),
        (file(json!({"content": "SGVsbG8=", "filename": "x".repeat(256)})), at("filename")),
    ];
    app.local.wire.clear();
    for (more, named) in table {
        let refused = studio.post("/email/send", one(more.clone())).await;
        assert_eq!(refused.bad_fields(), [named], "{more}");
    }
    assert_eq!(app.writes(), Vec::<String>::new());
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn every_bad_field_around_the_mails_is_named_with_those_inside() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = json!({
        "category": "spam",
        "notification_type": "x",
        "staff_id": [],
        "sent_by": -1,
        "sender_type": "robot",
        "from_email": "stranger@example.com",
        "send_at": "tomorrow",
        "expires_at": 5,
        "messages": [mail(json!({"to_email": "x"})), {"client_id": 1}, 5],
    });

    let refused = studio.post("/email/send", body).await;

    let mut named = refused.bad_fields();
    named.sort();
    let mut expected = [
        r#"["body","category"]"#,
        r#"["body","notification_type"]"#,
        r#"["body","staff_id"]"#,
        r#"["body","sent_by"]"#,
        r#"["body","sender_type"]"#,
        r#"["body","from_email"]"#,
        r#"["body","send_at"]"#,
        r#"["body","expires_at"]"#,
        r#"["body","messages",0,"to_email"]"#,
        r#"["body","messages",1,"to_email"]"#,
        r#"["body","messages",1,"subject"]"#,
        r#"["body","messages",1,"message"]"#,
        r#"["body","messages",2]"#,
    ];
    expected.sort_unstable();
    assert_eq!(named, expected);
}

#[tokio::test]
async fn a_mail_that_would_expire_before_it_begins_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut body = one(json!({}));
    body["send_at"] = json!("2026-02-01T12:00:00Z");
    body["expires_at"] = json!("2026-02-01T12:00:00Z");

    assert_eq!(studio.post("/email/send", body).await.bad_fields(), [r#"["body","expires_at"]"#]);
}

#[tokio::test]
async fn a_call_has_one_to_a_hundred_mails() {
    let app = App::start().await;
    let studio = app.business().await;
    let calls = |count: usize| studio.post("/email/send", call("campaign", vec![mail(json!({})); count]));

    for count in [0, 101] {
        assert_eq!(calls(count).await.bad_fields(), [r#"["body","messages"]"#]);
    }
    let missing = studio.post("/email/send", json!({"category": "campaign"})).await;
    assert_eq!(missing.bad_fields(), [r#"["body","messages"]"#]);
}

#[tokio::test]
async fn a_mail_goes_to_fifty_receivers_at_most_over_all_three_fields() {
    let app = App::start().await;
    let studio = app.business().await;
    let many = |from: usize, count: usize| -> Vec<String> {
        (from..from + count).map(|n| format!("c{n}@example.net")).collect()
    };

    let body = one(json!({"cc_email": many(0, 24), "bcc_email": many(24, 25)}));
    let (_, mail) = sent(&app, &studio, body).await;

    assert_eq!(mail.recipients().len(), 50);
}

#[tokio::test]
async fn a_bad_entry_is_refused_alone_and_the_good_ones_go_out() {
    let app = App::start().await;
    let studio = app.business().await;
    let bad = mail(json!({"to_email": "x", "attachments": [{"content": "?"}]}));
    let mails = [mail(json!({})), bad, json!("nonsense"), mail(json!({"client_id": 8, "to_email": BEN}))];

    let accepted = studio.post("/email/send", call("notification", mails)).await.ok();
    app.drain().await;

    assert_eq!(statuses(&accepted), ["queued", "rejected", "rejected", "queued"]);
    let error = accepted["items"][1]["error"].as_str().unwrap();
    assert!(error.contains("to_email") && error.contains("content"), "{error}");
    let mut receivers: Vec<String> = app.local.ses.mails().iter().flat_map(Mail::recipients).collect();
    receivers.sort();
    assert_eq!(receivers, [ADA, BEN]);
}

#[tokio::test]
async fn the_sender_is_the_mailbox_of_the_business_and_has_to_be_there() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    let from = |email: Value| {
        let mut body = one(json!({}));
        body["from_email"] = email;
        studio.post("/email/send", body)
    };
    for foreign in [json!(stranger.email), json!("x@example.com"), json!("x"), json!(5)] {
        assert_eq!(from(foreign).await.bad_fields(), [r#"["body","from_email"]"#]);
    }
    for own in [Value::Null, json!(studio.email)] {
        assert_eq!(statuses(&from(own).await.ok()), ["queued"]);
    }

    let onboard = app.platform(Method::POST, "/business/onboard").json(&json!({"business_id": 5}));
    let key = send(onboard).await.ok()["api_key"].as_str().unwrap().to_owned();
    let call = app.anonymous(Method::POST, "/businesses/5/email/send").header("X-API-KEY", key);
    assert_eq!(send(call.json(&one(json!({})))).await.bad_fields(), [r#"["body","from_email"]"#]);
}

/// A body with one attachment of so many bytes, as text: making it a value first would take longer than sending it.
fn with_attachment(bytes: usize) -> String {
    let body = one(json!({"attachments": [{"filename": "a.bin", "content": "CONTENT"}]})).to_string();
    body.replace("CONTENT", &"A".repeat(bytes / 3 * 4))
}

async fn post_text(studio: &Business<'_>, body: String) -> Answered {
    send(studio.request(Method::POST, "/email/send").header("content-type", "application/json").body(body))
        .await
}

#[tokio::test]
async fn a_mail_larger_than_ses_takes_is_refused_with_its_largest_field_and_nothing_is_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();

    // 31 MB are 41 MB as base64.
    let refused = post_text(&studio, with_attachment(31_500_000)).await;

    assert_eq!(refused.status, 413, "{}", refused.body);
    let said = refused.body["detail"].as_str().unwrap_or_default();
    assert!(said.contains("messages.0.attachments.0.content"), "{said}");
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
    assert_eq!((app.writes(), longest_job(&app)), (Vec::new(), 0));
}

#[tokio::test]
async fn a_mail_of_thirty_megabytes_is_accepted_and_only_its_ids_are_queued() {
    let app = App::start().await;
    let studio = app.business().await;

    let accepted = post_text(&studio, with_attachment(30_000_000)).await.ok();

    assert_eq!(statuses(&accepted), ["queued"]);
    assert!((1..1024).contains(&longest_job(&app)), "{}", longest_job(&app));
    let keys = app.local.storage.keys().unwrap();
    assert_eq!(keys.len(), 1);
    let stored = app.local.storage.read(&keys[0]).unwrap();
    assert_eq!(stored.map(|content| content.len()), Some(30_000_000));
    for item in app.items().await {
        assert!(format!("{item:?}").len() < 20_000);
    }
}

#[tokio::test]
async fn a_request_beyond_the_limit_of_its_route_is_too_large() {
    let app = App::start().await;
    let studio = app.business().await;
    let limit = (40 + 16) * 1024 * 1024;
    let request = Request::post(format!("/omega/businesses/{}/email/send", studio.id))
        .header("x-api-key", &studio.key)
        .body(Body::from(" ".repeat(limit + 1)))
        .unwrap();

    let answer = app.local.router().oneshot(request).await.unwrap();

    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
