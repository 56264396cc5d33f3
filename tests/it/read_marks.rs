//! Read and unread: which messages a call means, how many changed, and up to where everything is read.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business};
use crate::desk::rows;

const ADA: &str = "+14155550123";
const BEN: &str = "+14155550124";

/// Ids of the inbound messages of a conversation, oldest first, and whether each is read.
async fn inbound(studio: &Business<'_>, conversation: u64) -> Vec<(u64, bool)> {
    let mut messages = studio.walk(&format!("/conversations/{conversation}/messages?page_size=100")).await;
    messages.retain(|message| message["direction"] == "inbound");
    messages.reverse();
    let mark = |message: &Value| (message["message_id"].as_u64().unwrap(), message["is_read"] == true);
    messages.iter().map(mark).collect()
}

/// Holds unread count and read mark against the messages. Returns which of the inbound ones are unread, by place.
async fn unread(studio: &Business<'_>, conversation: u64) -> Vec<usize> {
    let profile = studio.client(conversation).await;
    let messages = inbound(studio, conversation).await;
    let places = messages.iter().enumerate().filter(|(_, (_, read))| !read).map(|(place, _)| place);
    let places: Vec<usize> = places.collect();
    assert_eq!(profile["unread_messages_count"], places.len());
    let filtered = studio.messages(conversation, "filter=unread&page_size=100").await;
    assert_eq!(
        (filtered["total"].as_u64(), rows(&filtered).len()),
        (Some(places.len() as u64), places.len().min(100))
    );
    if let Some(last_read) = profile["last_read_message_id"].as_u64() {
        let up_to_there = messages.iter().filter(|(id, _)| *id <= last_read);
        assert!(
            up_to_there.clone().all(|(_, read)| *read),
            "every inbound message up to {last_read} is read"
        );
        let behind = messages.iter().find(|(id, _)| *id > last_read);
        assert!(behind.is_none_or(|(_, read)| !read), "and not the next one, or it would be further on");
    }
    places
}

/// Six texts of Ada, with a reply and a note between them. Returns the ids of the texts.
async fn six(studio: &Business<'_>) -> Vec<u64> {
    studio.knows(7, ADA).await;
    for n in 0..6 {
        studio.receives(ADA, &format!("text {n}")).await;
        if n == 2 {
            studio.queue(7, ADA, "A reply").await;
            studio.notes(7, "A note").await;
        }
    }
    inbound(studio, 7).await.into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn each_filter_means_what_it_says_alone_and_with_others() {
    let app = App::start().await;
    let studio = app.business().await;
    let ids = six(&studio).await;
    // One mail, recorded.
    studio.opens_with(8, BEN).await;
    let all: Vec<usize> = (0..6).collect();
    for (marking, left) in [
        (json!({"conversation_id": 7}), vec![]),
        (json!({"client_id": 7}), vec![]),
        (json!({"conversation_id": 7, "client_id": 7}), vec![]),
        (json!({"conversation_id": 7, "client_id": 8}), all.clone()),
        (json!({"client_id": 8}), all.clone()),
        (json!({"message_ids": [ids[1], ids[4]]}), vec![0, 2, 3, 5]),
        (json!({"message_ids": [ids[1], ids[1], ids[1]]}), vec![0, 2, 3, 4, 5]),
        (json!({"message_ids": [ids[1], 5, 6]}), vec![0, 2, 3, 4, 5]),
        (json!({"message_ids": []}), all.clone()),
        (json!({"conversation_id": 7, "message_ids": []}), all.clone()),
        (json!({"conversation_id": 8, "message_ids": [ids[1]]}), all.clone()),
        (json!({"conversation_id": 7, "message_ids": [ids[5]]}), vec![0, 1, 2, 3, 4]),
        (json!({"last_read_message_id": ids[2]}), vec![3, 4, 5]),
        (json!({"conversation_id": 7, "last_read_message_id": ids[2]}), vec![3, 4, 5]),
        (json!({"conversation_id": 7, "last_read_message_id": ids[2] - 1}), vec![2, 3, 4, 5]),
        (json!({"conversation_id": 7, "last_read_message_id": 9_007_199_254_740_991u64}), vec![]),
        (json!({"conversation_id": 8, "last_read_message_id": ids[2]}), all.clone()),
        (json!({"last_read_message_id": 5}), all.clone()),
        (json!({"message_ids": [ids[1], ids[4]], "last_read_message_id": ids[2]}), vec![0, 2, 3, 4, 5]),
        (json!({"conversation_id": 7, "channel": "sms"}), vec![]),
        (json!({"conversation_id": 7, "channel": "email"}), all.clone()),
        (json!({"conversation_id": 7, "channel": "note"}), all.clone()),
        (
            json!({"conversation_id": 7, "channel": "sms", "last_read_message_id": ids[0]}),
            vec![1, 2, 3, 4, 5],
        ),
        (json!({"conversation_id": "7", "is_read": "yes", "channel": null, "message_ids": null}), vec![]),
    ] {
        assert_eq!(unread(&studio, 7).await, all);
        let changed = studio.marks(marking.clone()).await;
        assert_eq!(unread(&studio, 7).await, left, "{marking}");
        assert_eq!(changed as usize, 6 - left.len(), "{marking}");
        assert_eq!(studio.marks(marking.clone()).await, 0, "{marking}: once");
        let back = studio.marks(json!({"conversation_id": 7, "is_read": false})).await;
        assert_eq!(back, changed, "and unread again");
    }
}

#[tokio::test]
async fn unread_again_has_the_same_filters() {
    let app = App::start().await;
    let studio = app.business().await;
    let ids = six(&studio).await;
    for (marking, left) in [
        (json!({"conversation_id": 7}), vec![0, 1, 2, 3, 4, 5]),
        (json!({"message_ids": [ids[1], ids[4], 5]}), vec![1, 4]),
        (json!({"last_read_message_id": ids[1]}), vec![0, 1]),
        (json!({"conversation_id": 7, "last_read_message_id": ids[1], "channel": "sms"}), vec![0, 1]),
        (json!({"conversation_id": 7, "channel": "voice"}), vec![]),
        (json!({"client_id": 8}), vec![]),
    ] {
        studio.marks(json!({"conversation_id": 7})).await;
        assert_eq!(unread(&studio, 7).await, Vec::<usize>::new());
        let mut marking = marking;
        marking["is_read"] = json!(false);
        assert_eq!(studio.marks(marking.clone()).await as usize, left.len(), "{marking}");
        assert_eq!(unread(&studio, 7).await, left, "{marking}");
    }
}

#[tokio::test]
async fn a_call_that_names_no_conversation_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    six(&studio).await;
    for nothing in [
        json!({}),
        json!({"is_read": false}),
        json!({"channel": "sms"}),
        json!({"conversation_id": null, "client_id": null, "message_ids": null, "last_read_message_id": null}),
    ] {
        let answer = studio.post("/messages/status", nothing.clone()).await;
        assert_eq!(answer.bad_fields(), [r#"["body","conversation_id"]"#], "{nothing}");
    }
    let many = studio.post("/messages/status", json!({"message_ids": vec![7; 101]})).await;
    assert_eq!(many.bad_fields(), [r#"["body","message_ids"]"#]);
    assert_eq!(unread(&studio, 7).await.len(), 6);
}

#[tokio::test]
async fn ids_of_another_business_mean_nothing() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    let ids = six(&studio).await;
    stranger.knows(7, ADA).await;
    stranger.receives(ADA, "Hello").await;
    for marking in [
        json!({"message_ids": ids}),
        json!({"last_read_message_id": ids[5]}),
        json!({"message_ids": ids, "is_read": false}),
        json!({"client_id": 7, "message_ids": ids}),
    ] {
        assert_eq!(stranger.marks(marking).await, 0);
    }
    assert_eq!((unread(&studio, 7).await.len(), unread(&stranger, 7).await.len()), (6, 1));
}

#[tokio::test]
async fn messages_of_several_conversations_are_marked_in_one_call() {
    let app = App::start().await;
    let studio = app.business().await;
    let ada = six(&studio).await;
    studio.knows(8, BEN).await;
    studio.receives(BEN, "Hello").await;
    let ben = inbound(&studio, 8).await[0].0;
    assert_eq!(studio.marks(json!({"message_ids": [ada[0], ben, ada[5]]})).await, 3);
    assert_eq!((unread(&studio, 7).await, unread(&studio, 8).await.len()), (vec![1, 2, 3, 4], 0));
    assert_eq!(studio.inbox("message_filter=unread").await["total"], 1);
}

#[tokio::test]
async fn the_read_mark_stands_before_the_oldest_unread_message() {
    let app = App::start().await;
    let studio = app.business().await;
    let ids = six(&studio).await;
    let mark = async || studio.client(7).await["last_read_message_id"].as_u64();
    assert_eq!(mark().await, None, "nobody has read anything");
    studio.marks(json!({"message_ids": [ids[3]]})).await;
    assert!(mark().await.is_some_and(|mark| mark < ids[0]));
    studio.marks(json!({"last_read_message_id": ids[1]})).await;
    assert!(mark().await.is_some_and(|mark| ids[1] <= mark && mark < ids[2]));
    studio.marks(json!({"message_ids": [ids[2]]})).await;
    assert!(mark().await.is_some_and(|mark| ids[3] <= mark && mark < ids[4]), "the fourth was read before");
    studio.marks(json!({"conversation_id": 7})).await;
    assert_eq!(mark().await, studio.client(7).await["last_message_id"].as_u64());
    studio.marks(json!({"message_ids": [ids[4]], "is_read": false})).await;
    assert!(mark().await.is_some_and(|mark| ids[3] <= mark && mark < ids[4]));
    assert_eq!(unread(&studio, 7).await, [4]);
    studio.receives(ADA, "One more").await;
    assert_eq!(unread(&studio, 7).await, [4, 6]);
}

/// What another system tells late has a place in the thread before what was read long ago.
#[tokio::test]
async fn the_read_mark_goes_back_behind_an_unread_message_that_comes_late() {
    let app = App::start().await;
    let studio = app.business().await;
    six(&studio).await;
    studio.marks(json!({"conversation_id": 7})).await;
    for (historical, unread_ones) in [(true, vec![]), (false, vec![0])] {
        let sent_at = app.clock.now().minus(Duration::from_secs(60 + u64::from(!historical) * 60));
        let body = json!({"category": "conversation", "from_phone_number": ADA, "sender_type": "client",
                          "historical": historical, "sent_at": sent_at.to_string(),
                          "messages": [{"client_id": 7, "to_phone_number": studio.number, "message": "Late"}]});
        studio.post("/sms/record", body).await.ok();
        app.drain().await;
        assert_eq!(unread(&studio, 7).await, unread_ones);
    }
    assert_eq!(studio.client(7).await["last_message_content"], "text 5", "the list shows what came last");
    assert_eq!(studio.marks(json!({"conversation_id": 7})).await, 1);
    assert_eq!(unread(&studio, 7).await, Vec::<usize>::new());
    let profile = studio.client(7).await;
    assert!(profile["last_read_message_id"].as_u64() >= profile["last_message_id"].as_u64());
}

#[tokio::test]
async fn a_hundred_and_twenty_are_marked_in_one_call() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.knows(7, ADA).await;
    let texts: Vec<Value> = (0..120)
        .map(|n| json!({"message_id": n, "client_id": 7, "to_phone_number": studio.number, "message": "Hi"}))
        .collect();
    for some in texts.chunks(100) {
        let body = json!({"category": "conversation", "from_phone_number": ADA, "sender_type": "client",
                          "messages": some});
        studio.post("/sms/record", body).await.ok();
    }
    app.drain().await;
    assert_eq!(unread(&studio, 7).await.len(), 120);
    let oldest = inbound(&studio, 7).await[110].0;
    assert_eq!(studio.marks(json!({"last_read_message_id": oldest})).await, 111);
    assert_eq!(unread(&studio, 7).await, (111..120).collect::<Vec<_>>());
    assert_eq!(studio.marks(json!({"conversation_id": 7, "is_read": false})).await, 111);
    assert_eq!(studio.marks(json!({"conversation_id": 7})).await, 120);
    assert_eq!(unread(&studio, 7).await, Vec::<usize>::new());
}

#[tokio::test]
async fn of_many_who_mark_the_same_each_message_is_counted_once() {
    let app = App::start().await;
    let studio = app.business().await;
    let ids = six(&studio).await;
    let everybody = (0..8).map(async |n| match n % 2 {
        0 => studio.marks(json!({"conversation_id": 7})).await,
        _ => studio.marks(json!({"message_ids": ids})).await,
    });
    assert_eq!(join_all(everybody).await.into_iter().sum::<u64>(), 6);
    assert_eq!(unread(&studio, 7).await, Vec::<usize>::new());
}

#[tokio::test]
async fn texts_that_come_while_others_are_marked_are_neither_lost_nor_read() {
    let app = App::start().await;
    let studio = app.business().await;
    six(&studio).await;
    for round in 0..4 {
        let texts = join_all((0..6).map(async |n| studio.receives(ADA, &format!("{round} {n}")).await));
        let marks = async {
            let mut marked = 0;
            for read in [true, true, false, true] {
                marked += studio.marks(json!({"conversation_id": 7, "is_read": read})).await;
                unread_at_rest(&studio).await;
            }
            marked
        };
        join(texts, marks).await;
        unread(&studio, 7).await;
    }
    assert_eq!(inbound(&studio, 7).await.len(), 30);
    studio.marks(json!({"conversation_id": 7})).await;
    assert_eq!(unread(&studio, 7).await, Vec::<usize>::new());
}

/// A profile never shows more unread messages than there are messages, nor forgets its mark.
async fn unread_at_rest(studio: &Business<'_>) {
    let profile = studio.client(7).await;
    let count = profile["unread_messages_count"].as_u64().expect("a count");
    assert!(count <= 30, "{profile}");
    assert!(profile["last_read_message_id"].is_u64());
}

#[tokio::test]
async fn staff_mark_and_the_row_says_who() {
    let app = App::start().await;
    let studio = app.business().await;
    six(&studio).await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let token = studio.session(12).await;
    let body = json!({"conversation_id": 7});
    let answer = studio.as_session(&token, Method::POST, "/messages/status", body.clone()).await.ok();
    assert_eq!(answer["updated_count"], 6);
    let row = studio.client(7).await;
    assert_eq!(row["updated_by"], "12");
    let before = row["last_updated_at"].clone();
    studio.marks(body).await;
    assert_eq!(studio.client(7).await["last_updated_at"], before, "what changes nothing is no change");
}
