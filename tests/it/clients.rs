//! The directory and its profiles, and the one conversation of a client.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, names, send_raw};
use crate::ledger::{number, text};

const ADA: &str = "+14155550123";

/// The fields of a profile, in their order.
const PROFILE: [&str; 22] = [
    "client_id",
    "conversation_id",
    "client_name",
    "client_gender",
    "client_image_url",
    "client_email",
    "client_phone_number",
    "status",
    "updated_by",
    "unread_messages_count",
    "last_updated_channel",
    "messages_flagged_count",
    "last_updated_at",
    "label",
    "last_message_content",
    "resolved_by",
    "assigned_to",
    "staff_name",
    "staff_gender",
    "staff_image_url",
    "last_message_id",
    "last_read_message_id",
];

/// The fields of an object of plain values, in the order in which they were sent.
fn fields(text: &str) -> Vec<&str> {
    text.split('"').zip(text.split('"').skip(1)).filter(|(_, after)| !after.is_empty()).fold(
        Vec::new(),
        |mut found, (before, name)| {
            if before.ends_with(['{', ',']) {
                found.push(name);
            }
            found
        },
    )
}

async fn raw(studio: &Business<'_>, path: &str) -> (u16, String) {
    send_raw(studio.request(Method::GET, path)).await
}

#[tokio::test]
async fn a_profile_has_its_22_fields_in_their_order_with_and_without_a_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();

    let (_, without) = raw(&studio, "/clients/7").await;
    app.text(ADA, &studio.number, "Hello").await;
    let (_, with) = raw(&studio, "/clients/7").await;

    assert_eq!(fields(&without), PROFILE);
    assert_eq!(fields(&with), PROFILE);
    let without: Value = serde_json::from_str(&without).unwrap();
    let filled: Vec<_> = without
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        filled,
        ["client_id", "client_phone_number", "messages_flagged_count", "unread_messages_count"]
    );
    assert_eq!(
        (&without["unread_messages_count"], &without["messages_flagged_count"]),
        (&json!(0), &json!(0))
    );
    let with: Value = serde_json::from_str(&with).unwrap();
    assert_eq!((&with["conversation_id"], &with["status"]), (&json!(7), &json!("open")));
    assert_eq!((&with["unread_messages_count"], &with["last_updated_channel"]), (&json!(1), &json!("sms")));
    assert_eq!(with["last_updated_at"].as_str().unwrap().len(), "2026-01-31T12:00:00.000Z".len());
}

#[tokio::test]
async fn an_unknown_client_is_null_and_so_is_one_of_another_business() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    stranger.put("/clients/7", json!({"client_name": "Ada"})).await.ok();

    assert_eq!(raw(&studio, "/clients/7").await, (200, "null".to_owned()));
    assert_eq!(raw(&studio, "/clients/9007199254740991").await, (200, "null".to_owned()));
}

#[tokio::test]
async fn what_is_not_mentioned_stays_and_null_clears() {
    let app = App::start().await;
    let studio = app.business().await;
    let all = json!({
        "client_name": "Ada Lovelace",
        "client_gender": "female",
        "client_image_url": "https://example.com/ada.png",
        "client_email": "ada@example.com",
        "client_phone_number": "(415) 555-0123",
        "client_type": "lead",
        "wl_user_id": "12",
        "location_id": 3,
        "timezone": "Europe/London",
        "inactive": false,
        "shoe_size": 36,
    });

    let created = studio.put("/clients/7", all).await.ok();
    let changed = studio.put("/clients/7", json!({"client_gender": null, "client_email": null})).await.ok();

    assert_eq!(created["client_name"], "Ada Lovelace");
    assert_eq!(created["client_email"], "ada@example.com");
    assert_eq!(created["client_phone_number"], ADA);
    assert_eq!((&changed["client_gender"], &changed["client_email"]), (&Value::Null, &Value::Null));
    assert_eq!(changed["client_name"], "Ada Lovelace");
    assert_eq!(changed["client_image_url"], "https://example.com/ada.png");
    assert_eq!(changed["client_phone_number"], ADA);
    assert_eq!(changed, studio.client(7).await);
    assert_eq!(names(&changed).len(), 22);
}

#[tokio::test]
async fn a_name_is_shown_from_its_parts_when_there_is_no_full_one() {
    let app = App::start().await;
    let studio = app.business().await;
    let parts = json!({"first_name": "Augusta", "middle_name": "Ada", "last_name": "King"});

    let named = studio.put("/clients/7", parts).await.ok();
    let full = studio.put("/clients/7", json!({"client_name": "Ada Lovelace"})).await.ok();
    let back = studio.put("/clients/7", json!({"client_name": null, "middle_name": null})).await.ok();

    assert_eq!(named["client_name"], "Augusta Ada King");
    assert_eq!(full["client_name"], "Ada Lovelace");
    assert_eq!(back["client_name"], "Augusta King");
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_changed() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_name": "Ada"})).await.ok();
    let bad = json!({
        "client_name": 5,
        "client_email": "ada at example",
        "client_phone_number": "12",
        "client_type": "pet",
        "wl_user_id": "x",
        "location_id": -1,
        "inactive": "perhaps",
    });

    let refused = studio.put("/clients/7", bad).await;

    let named: BTreeSet<String> = refused.bad_fields().into_iter().collect();
    let expected = [
        "client_name",
        "client_email",
        "client_phone_number",
        "client_type",
        "wl_user_id",
        "location_id",
        "inactive",
    ];
    assert_eq!(named, expected.map(|name| format!(r#"["body","{name}"]"#)).into());
    assert_eq!(studio.client(7).await["client_name"], "Ada");
    for email in ["a@b", "@example.com", "a@.com", "a@b.", "a b@example.com", "a@b@example.com", ""] {
        let refused = studio.put("/clients/7", json!({"client_email": email})).await;
        assert_eq!(refused.bad_fields(), [r#"["body","client_email"]"#], "{email}");
    }
}

#[tokio::test]
async fn a_new_number_leads_to_its_new_owner() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    studio.put("/clients/8", json!({"client_phone_number": "415 555 0123"})).await.ok();

    app.text(ADA, &studio.number, "Who am I?").await;

    assert_eq!(studio.client(7).await["unread_messages_count"], 0);
    assert_eq!(studio.client(8).await["unread_messages_count"], 1);
}

#[tokio::test]
async fn however_many_ask_for_it_a_client_has_one_conversation() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();

    let calls = (0..30).map(|_| studio.post("/clients/7/conversation", json!({})));
    let answers: BTreeSet<String> =
        join_all(calls).await.into_iter().map(|answer| answer.ok().to_string()).collect();
    let again = studio.post("/clients/7/conversation", json!({})).await.ok();

    assert_eq!(answers, BTreeSet::from([again.to_string()]));
    assert_eq!(names(&again).len(), 22);
    assert_eq!((&again["conversation_id"], &again["status"]), (&json!(7), &json!("open")));
    assert_eq!(again["last_message_id"], Value::Null);
    app.text(ADA, &studio.number, "Hello").await;
    let ada = studio.client(7).await;
    assert_eq!((&ada["conversation_id"], &ada["unread_messages_count"]), (&json!(7), &json!(1)));
}

#[tokio::test]
async fn a_conversation_needs_no_body_and_a_client() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    studio.put("/clients/7", json!({})).await.ok();
    stranger.put("/clients/8", json!({})).await.ok();

    let without_body = crate::app::send(studio.request(Method::POST, "/clients/7/conversation")).await.ok();

    assert_eq!(without_body["conversation_id"], 7);
    for unknown in [8, 9] {
        let missing = studio.post(&format!("/clients/{unknown}/conversation"), json!({})).await;
        assert_eq!((missing.status, missing.body), (404, json!({"detail": "client not found"})));
    }
}

#[tokio::test]
async fn a_name_may_be_as_long_as_the_interface_allows_in_any_script() {
    let app = App::start().await;
    let studio = app.business().await;
    let name = "İ".repeat(200);
    let ada = studio.put("/clients/7", json!({"client_name": name})).await.ok();
    assert_eq!(ada["client_name"], name);
    let longer = studio.put("/clients/7", json!({"client_name": "a".repeat(201)})).await;
    assert_eq!(longer.bad_fields(), [r#"["body","client_name"]"#]);
}

/// One line in twenty spellings, as people, address books and providers write it.
const SPELLINGS: [&str; 22] = [
    "+14155550123",
    "14155550123",
    "4155550123",
    "(415) 555-0123",
    "(415)555-0123",
    "415-555-0123",
    "415.555.0123",
    "415 555 0123",
    "415/555/0123",
    "  415 555 0123  ",
    "1 415 555 0123",
    "1-415-555-0123",
    "1 (415) 555-0123",
    "+1 415 555 0123",
    "+1 (415) 555-0123",
    "+1.415.555.0123",
    "+1\u{2013}415\u{2013}555\u{2013}0123",
    "+1\u{a0}415\u{a0}555\u{a0}0123",
    "\u{202a}+1 415 555 0123\u{202c}",
    "0014155550123",
    "tel:+1-415-555-0123",
    "\u{ff14}\u{ff11}\u{ff15}\u{ff15}\u{ff15}\u{ff15}\u{ff10}\u{ff11}\u{ff12}\u{ff13}",
];

/// Where addresses of a business lead, and how its clients are found by number: `(place, client)`.
async fn leads(app: &App, studio: &Business<'_>) -> BTreeSet<(String, u64)> {
    let own = store::keys::business(domain::BusinessId::new(studio.id).expect("an id")).pk;
    let items = app.items().await;
    let leads = items.iter().filter(|item| {
        let is_lead = ["Address", "Term"].contains(&text(item, "type"));
        is_lead && text(item, "pk").starts_with(&own) && !text(item, "sk").starts_with("name#")
    });
    leads
        .map(|item| (text(item, "pk").replace(&own, "") + text(item, "sk"), number(item, "client_id")))
        .collect()
}

#[tokio::test]
async fn however_a_number_is_spelt_and_wherever_it_comes_in_it_is_one_client() {
    let app = App::start().await;
    let studio = app.business().await;
    let one = BTreeSet::from([
        ("#ADDR#sms#+14155550123ADDR".to_owned(), 7),
        ("#FINDphone#32105555141#0000000000000007".to_owned(), 7),
    ]);
    // Nobody knows the first one who writes; the second spelling names them.
    for first in SPELLINGS {
        let app = App::start().await;
        let studio = app.business().await;
        app.text(first, &studio.number, "Hello").await;
        studio.put("/clients/7", json!({"client_phone_number": "+1 415 555 0123"})).await.ok();
        assert_eq!(studio.client(7).await["unread_messages_count"], 1, "{first}");
        assert_eq!(leads(&app, &studio).await, one, "{first}");
    }
    let mut messages = 0;
    for spelling in SPELLINGS {
        let named = studio.put("/clients/7", json!({"client_phone_number": spelling})).await.ok();
        assert_eq!(named["client_phone_number"], ADA, "{spelling}");
        app.text(spelling, &studio.number, "Hello").await;
        let sent = studio.post("/sms/send", studio.send_body(&[(7, spelling, "Hello")])).await.ok();
        assert_eq!(sent["items"][0]["status"], "queued", "{spelling}");
        let outbound = json!({"category": "notification", "from_phone_number": studio.number,
            "messages": [{"client_id": 7, "to_phone_number": spelling, "message": "Hello"}]});
        let inbound = json!({"category": "conversation", "from_phone_number": spelling, "sender_type": "client",
            "messages": [{"client_id": 7, "to_phone_number": studio.number, "message": "Hello"}]});
        for body in [outbound, inbound] {
            studio.post("/sms/record", body).await.ok();
        }
        app.drain().await;
        messages += 4;
        assert_eq!(leads(&app, &studio).await, one, "{spelling}");
        let found = studio.request(Method::GET, "/clients").query(&[("search", spelling)]);
        let found = crate::app::send(found).await.ok();
        assert_eq!((&found["total"], &found["items"][0]["client_id"]), (&json!(1), &json!(7)), "{spelling}");
    }
    assert_eq!(studio.balance().await.into_values().collect::<Vec<u64>>(), vec![7; messages]);
    assert!(app.sent().iter().all(|(to, _)| to == ADA));
    assert_eq!(studio.get("/clients").await.ok()["total"], 1);
}

#[tokio::test]
async fn however_our_own_number_is_spelt_it_is_one_number() {
    let app = App::start().await;
    let studio = app.business().await;
    for spelling in SPELLINGS {
        app.onboard_number(&studio, spelling).await;
    }
    let all: Vec<Value> = SPELLINGS.iter().map(|spelling| json!({"phone_number": spelling})).collect();
    let body = json!({"business_id": studio.id, "phone_numbers": all});
    crate::app::send(app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
    let items = app.items().await;
    let numbers = items.iter().filter(|item| text(item, "type") == "Number").count();
    assert_eq!(numbers, 2, "the first one, and this one");
    let business = items.iter().find(|item| text(item, "type") == "Business").expect("a business");
    assert_eq!(business["phone_numbers"].as_l().map(Vec::len), Ok(2));
}

#[tokio::test]
async fn a_line_with_two_international_spellings_is_one_client() {
    let table = [
        ("BR", "11 6123 4567", "+5511961234567", "+551161234567"),
        ("AR", "011 15 2345 6789", "+5491123456789", "+541123456789"),
        ("MX", "55 1234 5678", "+525512345678", "+5215512345678"),
    ];
    for (country, at_home, kept, other) in table {
        let app = App::start().await;
        let body = json!({"business_id": 1001, "country": country, "from_phone_number": "+14155550101"});
        let created =
            crate::app::send(app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
        let key = created["api_key"].as_str().expect("a key").to_owned();
        let studio =
            Business { app: &app, id: 1001, number: "+14155550101".to_owned(), email: String::new(), key };
        app.text(other, &studio.number, "Hello").await;
        let named = studio.put("/clients/7", json!({"client_phone_number": at_home})).await.ok();
        assert_eq!(
            (&named["client_phone_number"], &named["unread_messages_count"]),
            (&json!(kept), &json!(1))
        );
        app.text(kept, &studio.number, "Hello again").await;
        assert_eq!(studio.client(7).await["unread_messages_count"], 2, "{country}");
        assert_eq!(studio.get("/clients").await.ok()["total"], 1);
        studio.balance().await;
    }
}

#[tokio::test]
async fn a_number_that_is_taken_back_leads_to_nobody_and_finds_nobody() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": ADA})).await.ok();
    for change in [json!({"client_phone_number": "+14155550999"}), json!({"client_phone_number": null})] {
        let old = studio.client(7).await["client_phone_number"].as_str().unwrap().to_owned();
        studio.put("/clients/7", change).await.ok();
        assert_eq!(studio.get(&format!("/clients?search={}", &old[1..])).await.ok()["total"], 0);
        app.text(&old, &studio.number, "Hello").await;
        assert_eq!(studio.client(7).await["unread_messages_count"], 0);
        studio.balance().await;
    }
    assert_eq!(studio.get("/clients").await.ok()["total"], 3, "both who wrote are strangers");
}

#[tokio::test]
async fn of_two_who_share_a_number_the_other_is_reached_when_one_has_another() {
    let app = App::start().await;
    let studio = app.business().await;
    for client in [7, 8] {
        studio.put(&format!("/clients/{client}"), json!({"client_phone_number": ADA})).await.ok();
    }
    // To say again what is known changes nothing.
    studio.put("/clients/7", json!({"client_phone_number": ADA, "client_name": "Ada"})).await.ok();
    app.text(ADA, &studio.number, "for the last one").await;
    assert_eq!(studio.client(8).await["unread_messages_count"], 1);
    studio.put("/clients/8", json!({"client_phone_number": null})).await.ok();
    app.text(ADA, &studio.number, "for the other one").await;
    assert_eq!(studio.client(7).await["last_message_content"], "for the other one");
    studio.balance().await;
}

#[tokio::test]
async fn however_many_change_one_client_at_once_every_change_is_there() {
    let app = App::start().await;
    let studio = app.business().await;
    let fields = [
        ("client_name", "of client_name"),
        ("first_name", "of first_name"),
        ("last_name", "of last_name"),
        ("client_gender", "of client_gender"),
        ("client_image_url", "https://studio.example/ada.png"),
        ("timezone", "America/New_York"),
    ];
    let puts = fields.iter().map(|(field, value)| {
        let mut body = json!({});
        body[*field] = json!(value);
        studio.put("/clients/7", body)
    });
    let texts = (0..10).map(|_| app.text(ADA, &studio.number, "Hello"));
    let number = studio.put("/clients/7", json!({"client_phone_number": ADA}));
    let (answers, number, sent) = futures_util::join!(join_all(puts), number, join_all(texts));
    number.ok();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert!(sent.iter().all(|sent| sent.status == Some(200)));
    app.clock.advance(std::time::Duration::from_secs(120));
    app.sweep().await;
    let ada = studio.client(7).await;
    assert_eq!(
        (&ada["client_name"], &ada["client_gender"]),
        (&json!("of client_name"), &json!("of client_gender"))
    );
    assert_eq!((&ada["client_phone_number"], &ada["unread_messages_count"]), (&json!(ADA), &json!(10)));
    studio.balance().await;
}
