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

    app.local.ses.script(None, [Answer::accept().with_events(SILENT)]);
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

#[tokio::test]
async fn the_type_of_an_attachment_may_have_parameters() {
    let app = App::start().await;
    let studio = app.business().await;
    let file = json!({"filename": "a.csv", "content_type": "text/csv; charset=utf-8", "content": "SGVsbG8="});

    let (_, mail) = sent(&app, &studio, one(json!({"attachments": [file]}))).await;

    assert!(mail.attachments[0].content_type.starts_with("text/csv"), "{:?}", mail.attachments);
}

// Attachments and long bodies.

/// Where the stand-in for SES serves a file: an origin that is trusted.
fn file_url(app: &App, name: &str) -> String {
    format!("{}/{name}", app.local.ses_url)
}

/// What is served at [`file_url`] from now on.
fn serve(app: &App, name: &str, times: usize, status: u16, content: &str) {
    app.local.wire.fail("ses", Some(&format!("GET /{name}")), times, status, content);
}

fn with_url(url: &str) -> Value {
    one(json!({"attachments": [{"filename": "plan.txt", "url": url}]}))
}

/// An answer that is not followed anywhere.
async fn get_there(studio: &Business<'_>, path: &str) -> (StatusCode, Option<String>) {
    let request = Request::get(format!("/omega/businesses/{}{path}", studio.id));
    let request = request.header("x-api-key", &studio.key).body(Body::empty()).unwrap();
    let answer = studio.app.local.router().oneshot(request).await.unwrap();
    let location = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    (answer.status(), location)
}

#[tokio::test]
async fn content_is_in_object_storage_before_its_mail_is_stored_or_queued() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();

    let files = json!([{"content": "SGVsbG8="}, {"content": "SGVs\r\nbG8=\n"}]);
    queue(&studio, one(json!({"attachments": files}))).await;

    let calls = app.local.wire.calls();
    let position = |found: &dyn Fn(&str) -> bool, server: &str| {
        calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.server == server && found(&call.operation))
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    let stored = position(&|_| true, "s3");
    let accepted = position(&|operation| operation == "TransactWriteItems", "dynamodb");
    let queued = position(&|_| true, "sqs");
    assert_eq!(stored.len(), 2);
    assert!(
        stored.last() < accepted.first() && accepted.last() < queued.first(),
        "{stored:?} {accepted:?} {queued:?}"
    );
    let keys = app.local.storage.keys().unwrap();
    for key in &keys {
        assert_eq!(app.local.storage.read(key).unwrap().as_deref(), Some(&b"Hello"[..]), "{key}");
    }
    assert!(longest_job(&app) < 1024);
}

#[tokio::test]
async fn an_attachment_is_fetched_from_its_address_when_the_mail_is_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    let url = file_url(&app, "sns/SimpleNotificationService-local.pem");

    let (id, mail) = sent(&app, &studio, with_url(&url)).await;

    assert_eq!(mail.attachments[0].filename.as_deref(), Some("plan.txt"));
    assert!(mail.attachments[0].content.starts_with(b"-----BEGIN CERTIFICATE"));
    let stored = studio.message(id).await;
    assert_eq!(
        stored["attachments"],
        json!([{"content": null, "content_type": null, "filename": "plan.txt", "url": url}])
    );
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_attachment_that_can_never_be_fetched_fails_the_mail_and_says_why() {
    let app = App::start().await;
    let studio = app.business().await;
    serve(&app, "gone", 9, 404, "");
    serve(&app, "moved", 9, 302, "");
    serve(&app, "large", 9, 200, &"x".repeat(41 * 1024 * 1024));
    let table = [
        (file_url(&app, "gone"), "the server answered 404"),
        (file_url(&app, "moved"), "redirects to nowhere"),
        (file_url(&app, "large"), "too large"),
        ("https://127.0.0.1/plan.pdf".to_owned(), "private network"),
        ("https://169.254.169.254/latest/meta-data/".to_owned(), "private network"),
        ("https://localhost/plan.pdf".to_owned(), "private network"),
        ("https://example.com:8443/plan.pdf".to_owned(), "a port other than 443"),
    ];
    for (url, why) in table {
        let id = queue(&studio, with_url(&url)).await;
        app.drain().await;

        let stored = studio.message(id).await;
        assert_eq!(
            (&stored["status"], &stored["error_class"]),
            (&json!("failed"), &json!("content")),
            "{url}"
        );
        let reason = stored["error_reason"].as_str().unwrap();
        assert!(reason.contains(why) && !reason.contains(&url), "{reason}");
        let told = studio.timeline(id).await;
        assert!(told.contains(&("sender".into(), "failed".into(), "applied".into())), "{told:?}");
    }
    assert_eq!((calls_of_ses(&app), app.local.ses.mails().len()), (0, 0));
}

#[tokio::test]
async fn a_mail_that_is_too_large_with_what_was_fetched_fails_and_says_so() {
    let app = App::start().await;
    let studio = app.business().await;
    serve(&app, "half", 9, 200, &"x".repeat(21 * 1024 * 1024));
    let file = json!({"url": file_url(&app, "half")});

    let id = queue(&studio, one(json!({"attachments": [file, file]}))).await;
    app.drain().await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["error_class"]), (&json!("failed"), &json!("content")));
    assert!(stored["error_reason"].as_str().unwrap().contains("too large"), "{stored}");
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn an_attachment_that_cannot_be_fetched_just_now_is_fetched_later() {
    let app = App::start().await;
    let studio = app.business().await;
    serve(&app, "plan", 1, 503, "");
    serve(&app, "plan", 9, 200, "Hello");
    let id = queue(&studio, with_url(&file_url(&app, "plan"))).await;
    app.drain().await;
    assert_eq!((studio.status(id).await.as_str(), calls_of_ses(&app)), ("queued", 0));

    app.recover().await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["attempt"]), (&json!("delivered"), &json!(1)));
    let mails = app.local.ses.mails();
    assert_eq!((mails.len(), &mails[0].attachments[0].content[..]), (1, &b"Hello"[..]));
}

#[tokio::test]
async fn an_attachment_is_downloaded_by_who_may_read_its_message_and_by_nobody_else() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    let file = json!({"filename": "a b.html", "content_type": "text/html", "content": "SGVsbG8="});
    let with_both = json!({"attachments": [file, {"url": file_url(&app, "elsewhere")}]});
    let id = queue(&studio, one(with_both)).await;
    let path = format!("/messages/{id}/attachments");

    let (status, location) = get_there(&studio, &format!("{path}/0")).await;

    assert_eq!(status, StatusCode::FOUND);
    let got = send(reqwest::Client::new().get(location.unwrap())).await;
    assert_eq!((got.status, &got.body), (200, &json!("Hello")));
    let disposition = got.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment") && disposition.contains("a b.html"), "{disposition}");
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    for none in ["1", "2", "-1", "x", "body", "00x"] {
        assert_eq!(get_there(&studio, &format!("{path}/{none}")).await.0, StatusCode::NOT_FOUND, "{none}");
    }
    assert_eq!(get_there(&studio, "/messages/1/attachments/0").await.0, StatusCode::NOT_FOUND);
    assert_eq!(get_there(&stranger, &format!("{path}/0")).await.0, StatusCode::NOT_FOUND);
    let foreign = format!("/businesses/{}{path}/0", studio.id);
    let with_foreign_key = app.anonymous(Method::GET, &foreign).header("X-API-KEY", &stranger.key);
    assert_eq!(send(with_foreign_key).await.status, 403);
    assert_eq!(send(app.anonymous(Method::GET, &foreign)).await.status, 401);
}

#[tokio::test]
async fn a_long_body_is_sent_whole_and_shown_by_its_beginning_and_a_link() {
    let app = App::start().await;
    let studio = app.business().await;
    let text = format!("Begin {} end", "\u{4e2d}".repeat(70_000));
    let html = "<p>html</p>";

    let (id, mail) = sent(&app, &studio, one(json!({"message": text, "html": html}))).await;

    assert_eq!(mail.text.as_deref().map(str::trim_end), Some(text.as_str()));
    assert_eq!(mail.html.as_deref().map(str::trim_end), Some(html));
    let stored = studio.message(id).await;
    let shown = stored["message"].as_str().unwrap();
    assert!(shown.chars().count() <= 2_000 && text.starts_with(shown), "{}", shown.len());
    assert_eq!(stored["html"], Value::Null);
    let url = stored["body_url"].as_str().unwrap();
    assert_eq!(url, format!("/omega/businesses/{}/messages/{id}/attachments/body", studio.id));
    let (status, location) = get_there(&studio, &format!("/messages/{id}/attachments/body")).await;
    assert_eq!(status, StatusCode::FOUND);
    let whole = send(reqwest::Client::new().get(location.unwrap())).await;
    assert_eq!(whole.body, json!({"text": text, "html": html}));
    assert!(whole.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(app.local.storage.keys().unwrap().len(), 1);
}

#[tokio::test]
async fn a_body_of_two_hundred_kilobytes_stays_with_its_message() {
    let app = App::start().await;
    let studio = app.business().await;
    let html = "x".repeat(200_000 - 1);

    let (id, _) = sent(&app, &studio, one(json!({"message": "y", "html": html}))).await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["html"], &stored["body_url"]), (&json!(html), &Value::Null));
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mail_whose_object_is_gone_fails_and_says_so() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = queue(&studio, one(json!({"attachments": [{"content": "SGVsbG8="}]}))).await;
    let key = app.local.storage.keys().unwrap().remove(0);
    let bucket = app.local.storage.bucket();
    let gone = reqwest::Client::new().delete(format!("{}/{bucket}/{key}", app.local.s3_endpoint));
    assert_ne!(send(gone).await.status, 204, "nobody removes an object without a signature");
    app.local.wire.fail("s3", None, 1, 404, "<Error><Code>NoSuchKey</Code></Error>");

    app.drain().await;

    let stored = studio.message(id).await;
    assert_eq!((&stored["status"], &stored["error_class"]), (&json!("failed"), &json!("content")));
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn what_came_with_a_mail_that_is_blocked_is_not_kept() {
    let app = App::start().await;
    let studio = app.business().await;
    let (_, first) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    unsubscribe(&unsubscribe_link(&first)).await;

    let files = json!({"attachments": [{"content": "SGVsbG8="}], "message": "x".repeat(300_000)});
    let refused = studio.post("/email/send", call("campaign", [mail(files)])).await.ok();

    assert_eq!(statuses(&refused), ["blocked"]);
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn without_object_storage_a_mail_with_content_is_refused_for_now_and_nothing_is_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();
    app.local.wire.fail("s3", None, usize::MAX, 503, "<Error><Code>SlowDown</Code></Error>");

    let refused = studio.post("/email/send", one(json!({"attachments": [{"content": "SGVsbG8="}]}))).await;

    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
    assert_eq!((app.writes(), longest_job(&app)), (Vec::new(), 0));
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

    assert_eq!((calls_of_ses(&app), studio.status(id).await.as_str()), (1, "unknown_outcome"));
    assert_eq!(app.local.ses.mails().len(), 0);
}

// One entrance for a message of any channel.

async fn process(studio: &Business<'_>, more: Value) -> Answered {
    let mut body = json!({"business_id": studio.id, "channel": "email", "client_id": 7, "subject": "Hello", "message": "Hi Ada"});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let call = studio.app.anonymous(Method::POST, "/messages/process");
    send(call.header("X-API-KEY", &studio.key).json(&body)).await
}

async fn knows_ada(studio: &Business<'_>) {
    studio.put("/clients/7", json!({"client_email": "Ada@Example.net"})).await.ok();
}

#[tokio::test]
async fn a_mail_of_the_business_is_sent_to_the_mailbox_in_the_directory() {
    let app = App::start().await;
    let studio = app.business().await;
    knows_ada(&studio).await;
    serve(&app, "plan", 9, 200, "Hello");

    // Addresses of our own network are refused at this entrance, whoever is trusted.
    let refused = process(&studio, json!({"attachments": [{"url": file_url(&app, "plan")}]})).await;
    let accepted = process(&studio, json!({"sender_type": "staff", "staff_id": 3})).await.ok();
    app.drain().await;

    assert_eq!(refused.bad_fields(), [r#"["body","attachments",0,"url"]"#]);
    assert_eq!(statuses(&accepted), ["queued"]);
    let mails = app.local.ses.mails();
    assert_eq!((mails.len(), mails[0].recipients()), (1, vec!["Ada@example.net".to_owned()]));
    assert_eq!((mails[0].subject.as_str(), mails[0].text.as_deref()), ("Hello", Some("Hi Ada\r\n")));
    let stored = studio.message(accepted["items"][0]["message_id"].as_u64().unwrap()).await;
    assert_eq!((&stored["channel"], &stored["status"]), (&json!("email"), &json!("delivered")));
    assert_eq!((&stored["category"], &stored["staff_id"]), (&json!("conversation"), &json!(3)));
    assert_eq!((&stored["subject"], &stored["from_address"]), (&json!("Hello"), &json!(studio.email)));
}

#[tokio::test]
async fn a_mail_of_the_client_is_recorded_and_nothing_is_sent() {
    let app = App::start().await;
    let studio = app.business().await;
    knows_ada(&studio).await;
    let more = json!({
        "sender_type": "client",
        "sent_at": "whenever",
        "attachments": [{"filename": "a.png", "content_type": "image/png", "url": "http://example.com/a.png"}],
        "provider_metadata": {"source": "chat"},
    });

    let short = process(&studio, more.clone()).await.ok();
    app.drain().await;
    let mut long = more;
    long["message"] = json!("x".repeat(10_000));
    let long = process(&studio, long).await.ok();
    assert!(longest_job(&app) < 2_000);
    app.drain().await;

    for (accepted, length) in [(short, 6), (long, 10_000)] {
        assert_eq!(statuses(&accepted), ["received"]);
        let stored = of_request(&studio, &accepted).await.remove(0);
        assert_eq!((&stored["direction"], &stored["status"]), (&json!("inbound"), &json!("received")));
        assert_eq!(
            (&stored["from_address"], &stored["to_address"]),
            (&json!("Ada@example.net"), &json!(studio.email))
        );
        assert_eq!((&stored["subject"], &stored["sent_at"]), (&json!("Hello"), &json!("whenever")));
        assert_eq!(stored["message"].as_str().unwrap().len(), length);
        assert_eq!(stored["provider_metadata"], json!({"source": "chat"}));
        let file = json!({"content": null, "content_type": "image/png", "filename": "a.png", "url": "http://example.com/a.png"});
        assert_eq!(stored["attachments"], json!([file]));
    }
    assert_eq!(studio.client(7).await["unread_messages_count"], 2);
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn a_client_without_a_mailbox_and_a_bad_field_of_a_mail_are_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/8", json!({"client_name": "Without a mailbox"})).await.ok();
    for client in [7, 8] {
        let refused = process(&studio, json!({"client_id": client})).await;
        assert_eq!(refused.bad_fields(), [r#"["body","client_id"]"#]);
    }
    knows_ada(&studio).await;
    let name = |n: usize| json!({"url": format!("https://example.com/{}", "x".repeat(2_000)), "filename": n.to_string()});
    let table = [
        (json!({"message": " "}), r#"["body","message"]"#),
        (json!({"message": "\u{4e2d}".repeat(70_000)}), r#"["body","message"]"#),
        (json!({"subject": "a\r\nBcc: eve@example.net"}), r#"["body","subject"]"#),
        (json!({"attachments": [{"filename": "a"}]}), r#"["body","attachments",0,"url"]"#),
        (json!({"attachments": [{"url": "http://example.com"}]}), r#"["body","attachments",0,"url"]"#),
        (json!({"attachments": (0..51).map(name).collect::<Vec<_>>()}), r#"["body","attachments"]"#),
    ];
    for (more, named) in table {
        assert_eq!(process(&studio, more).await.bad_fields(), [named]);
    }
}

#[tokio::test]
async fn the_longest_mail_of_the_one_entrance_is_stored_whichever_way_it_goes() {
    let app = App::start().await;
    let studio = app.business().await;
    knows_ada(&studio).await;
    let file = |n: usize| json!({"url": format!("https://example.com/{n}/{}", "x".repeat(1_950))});
    for sender_type in ["client", "staff"] {
        let accepted = process(
            &studio,
            json!({
                "sender_type": sender_type,
                "subject": "\u{1f389}".repeat(998),
                "message": "\u{4e2d}".repeat(66_000),
                "attachments": (0..50).map(file).collect::<Vec<_>>(),
                "provider_metadata": {"words": "x".repeat(32_000)},
            }),
        );
        assert_eq!(accepted.await.status, 200, "{sender_type}");
    }
}

#[tokio::test]
async fn a_campaign_at_the_one_entrance_is_blocked_for_who_unsubscribed() {
    let app = App::start().await;
    let studio = app.business().await;
    knows_ada(&studio).await;
    let (_, first) = sent(&app, &studio, call("campaign", [mail(json!({}))])).await;
    unsubscribe(&unsubscribe_link(&first)).await;

    let refused = process(&studio, json!({"category": "campaign"})).await.ok();
    let accepted = process(&studio, json!({"category": "notification"})).await.ok();

    assert_eq!((statuses(&refused), statuses(&accepted)), (vec!["blocked"], vec!["queued"]));
}

// Mail that another system carried.

/// The request of the reference, as it stands there.
fn example() -> Value {
    json!({
        "category": "campaign",
        "notification_type": "notification_opt_in",
        "staff_id": 789,
        "provider": "twilio",
        "sent_by": 789,
        "sender_type": "client",
        "sent_at": "string",
        "from_email": "sender@dev.concerto.ai",
        "messages": [{
            "message_id": 0,
            "client_id": 0,
            "wl_user_id": 0,
            "to_email": "recipient@dev.concerto.ai",
            "subject": "Your Appointment Details",
            "message": "Dear client, here are your appointment details...",
            "cc_email": ["string"],
            "bcc_email": ["string"],
            "attachments": [{
                "content": "string",
                "content_type": "image/png",
                "filename": "string",
                "url": "string",
            }],
            "status": "initiated",
            "provider_metadata": {},
        }],
    })
}

/// A call that records one mail from the business to Ada, with further fields or others.
fn elsewhere(studio: &Business<'_>, more: Value) -> Value {
    json!({"category": "conversation", "from_email": studio.email, "messages": [mail(more)]})
}

/// A call that records one mail from Ada.
fn from_ada(studio: &Business<'_>, more: Value) -> Value {
    let mut more = more;
    more["to_email"] = json!(studio.email);
    json!({"category": "conversation", "sender_type": "client", "from_email": ADA, "messages": [mail(more)]})
}

/// Records and has the consumer store it. Returns the stored messages.
async fn recorded(app: &App, studio: &Business<'_>, body: Value) -> Vec<Value> {
    let accepted = studio.post("/email/record", body).await.ok();
    app.drain().await;
    of_request(studio, &accepted).await
}

#[tokio::test]
async fn the_example_of_the_reference_is_recorded_and_shown_as_it_was_given() {
    let app = App::start().await;
    let studio = app.business().await;

    let accepted = studio.post("/email/record", example()).await.ok();
    assert_eq!(
        accepted["items"],
        json!([{"index": 0, "message_id": null, "status": "initiated", "error": null}])
    );
    app.drain().await;

    let stored = of_request(&studio, &accepted).await;
    assert_eq!(stored.len(), 1);
    let (stored, given) = (&stored[0], example());
    for name in ["category", "notification_type", "staff_id", "provider", "sent_by", "sender_type", "sent_at"]
    {
        assert_eq!(stored[name], given[name], "{name}");
    }
    let given = &given["messages"][0];
    for name in [
        "client_id",
        "subject",
        "message",
        "cc_email",
        "bcc_email",
        "attachments",
        "status",
        "provider_metadata",
    ] {
        assert_eq!(stored[name], given[name], "{name}");
    }
    assert_eq!((&stored["channel"], &stored["direction"]), (&json!("email"), &json!("inbound")));
    assert_eq!(stored["from_address"], "sender@dev.concerto.ai");
    assert_eq!(stored["to_address"], "recipient@dev.concerto.ai");
    let page = studio.get("/conversations/0/messages").await.ok();
    assert_eq!(page["items"][0]["message_id"], stored["message_id"]);
    app.recover().await;
    assert_eq!((calls_of_ses(&app), app.local.ses.mails().len()), (0, 0));
    assert_eq!(app.local.storage.keys().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mail_without_an_id_elsewhere_is_recorded_each_time_and_one_with_an_id_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let zero = || elsewhere(&studio, json!({"message_id": 0}));
    let with_id = |message: &str| elsewhere(&studio, json!({"message_id": 77, "message": message}));

    let zeros = [recorded(&app, &studio, zero()).await, recorded(&app, &studio, zero()).await];
    let first = recorded(&app, &studio, with_id("Hello")).await;
    let second = recorded(&app, &studio, with_id("Hello again")).await;
    let text = json!({
        "category": "conversation",
        "from_phone_number": studio.number,
        "messages": [{"message_id": 77, "client_id": 7, "to_phone_number": "+14155550123", "message": "A text"}],
    });
    let text = studio.post("/sms/record", text).await.ok();
    app.drain().await;

    assert_ne!(zeros[0], zeros[1]);
    assert_eq!(first, second);
    assert_eq!(first[0]["message"], "Hello");
    assert_eq!(of_request(&studio, &text).await[0]["message"], "A text", "an id belongs to its channel");
    assert_eq!(app.message_ids(studio.id).await.len(), 4);
}

#[tokio::test]
async fn a_large_recording_travels_by_object_storage_and_its_job_is_small() {
    let app = App::start().await;
    let studio = app.business().await;
    let content = "QUFB".repeat(50_000);
    let large = json!({
        "message": "x".repeat(300_000),
        "html": "<p>html</p>",
        "cc_email": [BEN],
        "attachments": [{"filename": "a.bin", "content_type": "image/png", "content": content}],
        "provider_metadata": {"words": "y".repeat(30_000)},
    });
    let mut body = elsewhere(&studio, large);
    body["messages"]
        .as_array_mut()
        .unwrap()
        .extend((0..12).map(|n| mail(json!({"message": format!("{n} {}", "z".repeat(2_000))}))));

    let accepted = studio.post("/email/record", body).await.ok();

    assert_eq!(statuses(&accepted), ["sent"; 13]);
    assert!((1..2_000).contains(&longest_job(&app)), "{}", longest_job(&app));
    app.drain().await;
    let stored = of_request(&studio, &accepted).await;
    assert_eq!(stored.len(), 13);
    let first = &stored[0];
    assert_eq!(first["message"].as_str().map(str::len), Some(2_000));
    assert_eq!(first["provider_metadata"]["words"].as_str().map(str::len), Some(30_000));
    let id = first["message_id"].as_u64().unwrap();
    let download = async |place: &str| {
        let (_, location) = get_there(&studio, &format!("/messages/{id}/attachments/{place}")).await;
        send(reqwest::Client::new().get(location.expect("a link"))).await
    };
    assert_eq!(download("0").await.body, json!("AAA".repeat(50_000)));
    let whole = download("body").await.body;
    assert_eq!(
        (whole["text"].as_str().map(str::len), &whole["html"]),
        (Some(300_000), &json!("<p>html</p>"))
    );
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn what_is_given_as_content_and_is_none_is_kept_within_bounds() {
    let app = App::start().await;
    let studio = app.business().await;
    let file = |content: String| json!({"attachments": [{"content": content}]});
    let kept = "see the archive, ".repeat(100);

    let stored = recorded(&app, &studio, elsewhere(&studio, file(kept.clone()))).await;
    let refused = studio.post("/email/record", elsewhere(&studio, file("? ".repeat(100_000)))).await;
    let many = json!({"cc_email": vec!["x".repeat(900); 400]});
    let refused_copies = studio.post("/email/record", elsewhere(&studio, many)).await;
    let most = json!({
        "message": "x".repeat(200_000),
        "bcc_email": vec!["x".repeat(900); 110],
        "provider_metadata": {"words": "y".repeat(32_000)},
    });
    let longest = recorded(&app, &studio, elsewhere(&studio, most)).await;

    assert_eq!(stored[0]["attachments"][0]["content"], kept);
    assert_eq!(refused.bad_fields(), [field("attachments")]);
    assert_eq!(refused_copies.bad_fields(), [field("cc_email")]);
    assert_eq!(longest.len(), 1);
}

#[tokio::test]
async fn a_recorded_mail_of_the_client_is_unread_and_history_is_not() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut history = from_ada(&studio, json!({"message": "Long ago"}));
    history["historical"] = json!(true);
    history["sent_at"] = json!("2025-01-01T00:00:00Z");

    let old = recorded(&app, &studio, history).await;
    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    let new = recorded(&app, &studio, from_ada(&studio, json!({"message": "Just now"}))).await;

    assert_eq!((&old[0]["is_read"], &new[0]["is_read"]), (&json!(true), &json!(false)));
    assert!(old[0]["message_id"].as_u64() < new[0]["message_id"].as_u64());
    for stored in [&old[0], &new[0]] {
        assert_eq!((&stored["direction"], &stored["status"]), (&json!("inbound"), &json!("received")));
        assert_eq!((&stored["from_address"], &stored["to_address"]), (&json!(ADA), &json!(studio.email)));
    }
    let ada = studio.client(7).await;
    assert_eq!((&ada["unread_messages_count"], &ada["status"]), (&json!(1), &json!("open")));
    assert_eq!(ada["last_message_content"], "Just now");
}

#[tokio::test]
async fn a_recorded_mail_can_not_be_sent_or_taken_back_and_is_reported_on() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut body =
        elsewhere(&studio, json!({"status": "queued", "provider_metadata": {"message_id": "<pm-1>"}}));
    body["provider"] = json!("postmark");
    let id = recorded(&app, &studio, body).await[0]["message_id"].as_u64().unwrap();

    let canceled = studio.post(&format!("/messages/{id}/cancel"), json!({})).await;
    let reported = studio.post("/email/status", json!({"message_id": id, "status": "failed"})).await.ok();
    let retried = studio.post(&format!("/messages/{id}/retry"), json!({})).await;

    assert_eq!(canceled.status, 409);
    assert_eq!(reported["applied"], true);
    assert_eq!(retried.bad_fields(), [r#"["path","message_id"]"#]);
    assert_eq!(studio.message(id).await["provider_message_id"], "pm-1");
    app.recover().await;
    assert_eq!(calls_of_ses(&app), 0);
}

#[tokio::test]
async fn every_bad_field_of_a_recording_is_named_and_a_good_entry_is_recorded_all_the_same() {
    let app = App::start().await;
    let studio = app.business().await;
    let bad = json!({
        "message_id": -1, "client_id": "x", "wl_user_id": 1.5, "to_email": "x", "subject": null, "html": 5,
        "cc_email": "x", "bcc_email": [5], "attachments": [5], "status": "gone", "provider_metadata": [],
    });
    let around = json!({
        "category": "x", "notification_type": "x", "staff_id": "x", "provider": "pigeon", "sent_by": "x",
        "sender_type": "x", "sent_at": 5, "from_email": "x", "historical": "maybe", "messages": [bad],
    });

    let refused = studio.post("/email/record", around).await;
    let mut body = elsewhere(&studio, json!({}));
    body["messages"].as_array_mut().unwrap().insert(0, bad);
    let accepted = studio.post("/email/record", body).await.ok();
    app.drain().await;

    let mut named = refused.bad_fields();
    named.sort();
    let mut expected: Vec<String> = [
        "category",
        "notification_type",
        "staff_id",
        "provider",
        "sent_by",
        "sender_type",
        "sent_at",
        "from_email",
        "historical",
    ]
    .map(|name| format!(r#"["body","{name}"]"#))
    .into();
    expected.extend(
        [
            "message_id",
            "client_id",
            "wl_user_id",
            "to_email",
            "subject",
            "message",
            "html",
            "cc_email",
            "status",
            "provider_metadata",
        ]
        .map(field),
    );
    expected.extend(["bcc_email", "attachments"].map(|name| format!(r#"["body","messages",0,"{name}",0]"#)));
    expected.sort();
    assert_eq!(named, expected);
    assert_eq!(statuses(&accepted), ["rejected", "sent"]);
    assert_eq!(of_request(&studio, &accepted).await.len(), 1);
}

#[tokio::test]
async fn a_recording_that_cannot_be_queued_is_refused_for_now_and_its_repetition_stores_it_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = from_ada(&studio, json!({"message": "x".repeat(5_000)}));
    app.local.wire.fail("sqs", None, usize::MAX, 500, "{}");

    let refused = studio.post_once("/email/record", "k", &body).await;
    app.local.wire.heal();
    let accepted = studio.post_once("/email/record", "k", &body).await.ok();
    app.drain().await;

    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
    assert_eq!(of_request(&studio, &accepted).await.len(), 1);
    assert_eq!(studio.client(7).await["unread_messages_count"], 1);
    assert_eq!(app.local.storage.keys().unwrap().len(), 1);
}
