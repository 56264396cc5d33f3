//! Unsubscribing from campaigns with one click, and what is sent afterwards.

use local::fake_ses::Mail;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};
use crate::email_sending::{ADA, BEN, EVE, call, mail, one, queue, sent, statuses};

/// Where a campaign is unsubscribed from.
pub fn unsubscribe_link(mail: &Mail) -> String {
    let link = mail.header("List-Unsubscribe").expect("a link");
    link.trim_matches(['<', '>']).to_owned()
}

async fn post_form(url: &str, content_type: &str, body: impl Into<String>) -> Answered {
    let post = reqwest::Client::new().post(url).header("content-type", content_type);
    send(post.body(body.into())).await
}

pub async fn unsubscribe(url: &str) -> Answered {
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
