//! What was talked about with a contact, as closed rooms of Rocket.Chat.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{App, Business};
use crate::rocketchat_contacts::{ADA, Rocket, global};

const MINUTE: Duration = Duration::from_secs(60);

impl Rocket<'_> {
    async fn rooms(&self, query: &str) -> Value {
        let contact = global(self.studio, 7);
        self.get(&format!("/omnichannel/contacts.history?contactId={contact}{query}")).await.ok()
    }
}

/// Ada, client 7, writes.
async fn writes(studio: &Business<'_>, text: &str) {
    studio.app.clock.advance(MINUTE);
    studio.receives(ADA, text).await;
}

async fn resolves(studio: &Business<'_>) {
    studio.app.clock.advance(MINUTE);
    studio.act("/conversations/7/status?status=resolved").await.ok();
}

#[track_caller]
fn last_words(page: &Value) -> Vec<&str> {
    let rooms = page["history"].as_array().unwrap().iter();
    rooms.map(|room| room["lastMessage"]["msg"].as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn a_room_is_closed_each_time_a_conversation_is_resolved() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": ADA})).await.ok();
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let rocket = studio.rocket().await;
    let none = json!({"history": [], "count": 0, "offset": 0, "total": 0, "success": true});
    assert_eq!(rocket.rooms("").await, none, "without a conversation");

    writes(&studio, "one").await;
    assert_eq!(rocket.rooms("").await, none, "an open room is none of them");
    writes(&studio, "two").await;
    studio.notes(7, "Among us").await;
    studio.act("/conversations/7/assign?staff_id=12").await.ok();
    let session = studio.session(12).await;
    app.clock.advance(MINUTE);
    let path = "/conversations/7/status?status=resolved";
    studio.as_session(&session, reqwest::Method::POST, path, json!({})).await.ok();
    studio.act("/conversations/7/assign?staff_id=").await.ok();
    app.clock.advance(MINUTE);
    studio.queue(7, ADA, "between").await;
    app.drain().await;
    writes(&studio, "three").await;
    resolves(&studio).await;
    writes(&studio, "four").await;

    let page = rocket.rooms("").await;

    assert_eq!(last_words(&page), ["three", "two"]);
    let (newer, older) = (&page["history"][0], &page["history"][1]);
    let lines = studio.history(7).await;
    let closing = |line: &Value| global(&studio, line["event_id"].as_u64().unwrap());
    let closings: Vec<&Value> = lines.iter().filter(|line| line["to"] == "resolved").collect();
    let ada = global(&studio, 7);
    let user = json!({"_id": global(&studio, 12), "username": "12"});
    let first = json!({
        "_id": closing(closings[1]),
        "fname": "Ada",
        "ts": older["ts"],
        "v": {"_id": ada, "username": "guest-7", "token": ada},
        "msgs": 2,
        "servedBy": user,
        "closedAt": closings[1]["at"],
        "closedBy": user,
        "closer": "user",
        "source": {"type": "sms"},
        "lastMessage": {
            "_id": older["lastMessage"]["_id"],
            "rid": closing(closings[1]),
            "msg": "two",
            "ts": older["lastMessage"]["ts"],
            "u": {"_id": ada, "username": "guest-7"},
        },
        "verified": false,
    });
    assert_eq!(*older, first);
    assert_eq!(
        older["ts"],
        "2026-01-31T12:01:00.000Z".replace(".000Z", &older["ts"].as_str().unwrap()[19..])
    );
    assert_eq!((&newer["_id"], &newer["msgs"]), (&json!(closing(closings[0])), &json!(1)));
    assert_eq!(newer.get("servedBy"), None);
    assert_eq!(newer["closedBy"], json!({"_id": "service", "username": "service"}));
    let whole = json!({"history": page["history"], "count": 2, "offset": 0, "total": 2, "success": true});
    assert_eq!(page, whole);
}

#[tokio::test]
async fn rooms_are_shown_in_parts_in_either_order_and_by_their_source() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    let rocket = studio.rocket().await;
    for text in ["one", "two", "three"] {
        writes(&studio, text).await;
        resolves(&studio).await;
    }
    // Nobody said anything in the last one.
    studio.act("/conversations/7/status?status=open").await.ok();
    resolves(&studio).await;
    assert_eq!(last_words(&rocket.rooms("").await), ["-", "three", "two", "one"]);
    let page = rocket.rooms("&offset=1&count=2").await;
    assert_eq!(last_words(&page), ["three", "two"]);
    assert_eq!((&page["count"], &page["offset"], &page["total"]), (&json!(2), &json!(1), &json!(4)));
    assert_eq!(last_words(&rocket.rooms("&count=1&sort=%7B%22closedAt%22%3A1%7D").await), ["one"]);
    assert_eq!(last_words(&rocket.rooms("&source=sms&offset=1").await), ["two", "one"]);
    assert_eq!(rocket.rooms("&source=sms").await["total"], 3);
    assert_eq!(last_words(&rocket.rooms("&source=other").await), ["-"]);
    assert_eq!(rocket.rooms("&source=widget").await["total"], 0);
}

#[tokio::test]
async fn a_room_that_is_closed_by_blocking_is_in_the_history_and_what_comes_afterwards_is_not() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    let rocket = studio.rocket().await;
    writes(&studio, "Hi").await;
    let pair = json!({"visitor": {"visitorId": global(&studio, 7), "source": {"type": "sms"}}});
    rocket.post("/omnichannel/contacts.block", pair).await.ok();
    writes(&studio, "Hello?").await;
    let page = rocket.rooms("").await;
    assert_eq!((last_words(&page), &page["history"][0]["msgs"]), (vec!["Hi"], &json!(1)));
}

#[tokio::test]
async fn a_part_of_the_history_is_three_reads() {
    let app = App::start().await;
    app.clock.freeze();
    let studio = app.business().await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    let rocket = studio.rocket().await;
    writes(&studio, "Hi").await;
    resolves(&studio).await;
    rocket.rooms("").await;
    app.local.wire.clear();
    rocket.rooms("").await;
    assert_eq!(app.local.wire.operations("dynamodb"), ["GetItem", "Query", "Query"]);
}

#[tokio::test]
async fn a_visitor_has_the_username_and_token_of_their_chat_and_every_message_an_author() {
    let app = App::start().await;
    let studio = app.business().await;
    let rocket = studio.rocket().await;
    let visitor = json!({"token": "t-1", "name": "Ada King", "phone": ADA, "username": "ada"});
    let made = rocket.post("/omnichannel/contact", visitor).await.ok();
    let ada = made["contact"].as_str().unwrap();
    let client = u64::from_str_radix(&ada[8..], 16).unwrap();
    let resolve = async || {
        app.clock.advance(MINUTE);
        studio.act(&format!("/conversations/{client}/status?status=resolved")).await.ok();
    };
    studio.receives(ADA, "Hi").await;
    resolve().await;
    app.clock.advance(MINUTE);
    studio.act(&format!("/conversations/{client}/status?status=open")).await.ok();
    app.clock.advance(MINUTE);
    studio.queue(client, ADA, "By a program").await;
    app.drain().await;
    resolve().await;

    let history = rocket.get(&format!("/omnichannel/contacts.history?contactId={ada}")).await.ok();

    let [newer, older] = [0, 1].map(|room| &history["history"][room]);
    let shown = json!({"_id": ada, "username": "ada", "token": "t-1"});
    assert_eq!((&newer["v"], &older["v"]), (&shown, &shown));
    assert_eq!(older["lastMessage"]["u"], json!({"_id": ada, "username": "ada"}));
    assert_eq!(newer["lastMessage"]["u"], json!({"_id": "service", "username": "service"}));
}
