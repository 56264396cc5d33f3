//! The thread of a conversation: its order, its filters, its totals.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use serde_json::{Value, json};

use crate::app::{App, Business, names};
use crate::desk::{numbers, rows};

const ADA: &str = "+14155550123";

/// A thread with everything in it, newest first: `(id, direction, category)`.
async fn thread(app: &App, studio: &Business<'_>) -> Vec<Value> {
    studio.knows(7, ADA).await;
    for n in 0..3 {
        studio.receives(ADA, &format!("text {n}")).await;
        studio.queue(7, ADA, &format!("reply {n}")).await;
        studio.notes(7, &format!("note {n}")).await;
    }
    for (category, words) in [("campaign", "Sale!"), ("notification", "Tomorrow at ten")] {
        let mut body = studio.send_body(&[(7, ADA, words)]);
        body["category"] = json!(category);
        studio.post("/sms/send", body).await.ok();
    }
    app.drain().await;
    studio.walk("/conversations/7/messages?page_size=100").await
}

#[tokio::test]
async fn a_thread_is_newest_first_notes_included() {
    let app = App::start().await;
    let studio = app.business().await;
    let thread = thread(&app, &studio).await;
    let words: Vec<&str> = thread.iter().map(|entry| entry["message"].as_str().unwrap()).collect();
    assert_eq!(
        words,
        [
            "Tomorrow at ten",
            "Sale!",
            "note 2",
            "reply 2",
            "text 2",
            "note 1",
            "reply 1",
            "text 1",
            "note 0",
            "reply 0",
            "text 0"
        ]
    );
    for entry in &thread {
        let id = entry["message_id"].as_u64().unwrap();
        assert_eq!(*entry, studio.message(id).await, "as it is shown alone");
        assert_eq!(names(entry), names(&thread[0]));
        assert_eq!((&entry["conversation_id"], &entry["client_id"]), (&json!(7), &json!(7)));
    }
}

#[tokio::test]
async fn every_combination_of_filters_shows_what_matches_and_counts_it() {
    let app = App::start().await;
    let studio = app.business().await;
    let all = thread(&app, &studio).await;
    for entry in [&all[0], &all[2], &all[4]] {
        studio.act(&format!("/messages/{}/flag", entry["message_id"])).await.ok();
    }
    studio.marks(json!({"message_ids": [all[4]["message_id"]]})).await;
    let all = studio.walk("/conversations/7/messages?page_size=100").await;
    for filter in ["", "all", "unread", "flagged"] {
        for channel in ["", "sms", "email", "voice", "note"] {
            for category in ["", "campaign", "notification", "conversation"] {
                let is = |entry: &&Value| {
                    (match filter {
                        "unread" => entry["is_read"] == false,
                        "flagged" => entry["is_flagged"] == true,
                        _ => true,
                    }) && (channel.is_empty() || entry["channel"] == channel)
                        && (category.is_empty() || entry["category"] == category)
                };
                let expected: Vec<&Value> = all.iter().filter(is).collect();
                let given = [("filter", filter), ("channel", channel), ("category", category)];
                let given = given.iter().filter(|(_, value)| !value.is_empty());
                let query: Vec<String> = given.map(|(name, value)| format!("{name}={value}")).collect();
                let query = query.join("&");
                let page = studio.messages(7, &query).await;
                assert_eq!(rows(&page).iter().collect::<Vec<_>>(), expected, "{query}");
                assert_eq!(page["total"], expected.len(), "{query}");
                assert_eq!(page["next_cursor"], json!(null), "{query}");
                let walked = studio.walk(&format!("/conversations/7/messages?{query}&page_size=2")).await;
                assert_eq!(walked.iter().collect::<Vec<_>>(), expected, "{query} by twos");
            }
        }
    }
}

#[tokio::test]
async fn a_reader_of_a_thread_is_not_moved_by_what_comes_on_top() {
    let app = App::start().await;
    let studio = app.business().await;
    let all = thread(&app, &studio).await;
    let ids: Vec<u64> = all.iter().map(|entry| entry["message_id"].as_u64().unwrap()).collect();
    let first = studio.messages(7, "page_size=4").await;
    let mut seen = numbers(&first, "message_id");
    let mut cursor = first["next_cursor"].clone();
    let mut size = 1;
    while let Some(next) = cursor.as_str() {
        studio.receives(ADA, "On top").await;
        studio.notes(7, "On top").await;
        let page = studio.messages(7, &format!("page_size={size}&cursor={next}")).await;
        assert_eq!(page["total"], 11, "as many as when the walk began");
        seen.extend(numbers(&page, "message_id"));
        cursor = page["next_cursor"].clone();
        size += 1;
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn the_first_page_says_which_version_of_the_conversation_it_shows() {
    let app = App::start().await;
    let studio = app.business().await;
    thread(&app, &studio).await;
    let version = async |query: &str| {
        let answer = studio.get(&format!("/conversations/7/messages?{query}")).await;
        answer.header("etag").map(str::to_owned)
    };
    let seen = version("").await.expect("a version");
    for query in ["page=2&page_size=3", "filter=unread", "channel=note", "updated_since=2026-01-01T00:00:00Z"]
    {
        assert_eq!(version(query).await.as_ref(), Some(&seen), "{query}");
    }
    assert_eq!(studio.act_if("/conversations/7/label?label=vip", &seen).await.status, 200);
    assert_ne!(version("").await, Some(seen));
}

#[tokio::test]
async fn an_empty_conversation_has_an_empty_thread() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.opens_with(7, ADA).await;
    for query in ["", "filter=unread", "channel=note", "page=3", "updated_since=2026-01-01T00:00:00Z"] {
        let page = studio.messages(7, query).await;
        assert_eq!((rows(&page).len(), &page["total"]), (0, &json!(0)), "{query}");
        assert_eq!(page["next_cursor"], json!(null), "{query}");
    }
}

/// More than one answer of the table holds: it gives some 1 MB at a time.
#[tokio::test]
async fn a_thread_of_several_megabytes_is_walked_to_its_end() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.knows(7, ADA).await;
    let long = "long ".repeat(3_990);
    let messages: Vec<Value> = (0..130)
        .map(|n| json!({"message_id": n, "client_id": 7, "to_phone_number": ADA, "message": format!("{n} {long}")}))
        .collect();
    for (n, some) in messages.chunks(65).enumerate() {
        let body = json!({"category": if n == 0 { "campaign" } else { "notification" },
                          "from_phone_number": studio.number, "messages": some});
        studio.post("/sms/record", body).await.ok();
    }
    app.drain().await;
    for (query, total) in
        [("", 130), ("category=campaign", 65), ("category=notification", 65), ("channel=sms", 130)]
    {
        let first = studio.messages(7, &format!("{query}&page_size=100")).await;
        assert_eq!(
            (first["total"].as_u64(), rows(&first).len()),
            (Some(total), total.min(100) as usize),
            "{query}"
        );
        let walked = studio.walk(&format!("/conversations/7/messages?{query}&page_size=100")).await;
        assert_eq!(walked.len() as u64, total, "{query}");
        let last = studio.messages(7, &format!("{query}&page_size=5&page={}", total / 5)).await;
        assert_eq!(last["items"], json!(walked[walked.len() - 5..]), "{query}");
    }
}
