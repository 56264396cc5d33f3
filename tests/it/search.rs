//! Searching the messages of a conversation: what is found, in which order, and what it costs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, names, send};

const ADA: &str = "+14155550123";

/// Records a text to client 7 in a call of its own, so that each is newer than the one before.
async fn record(studio: &Business<'_>, texts: &[&str]) {
    for text in texts {
        studio.post("/sms/record", recorded(studio, &[json!({"message": text})])).await.ok();
    }
    studio.app.drain().await;
}

/// Records messages by the hundred, in whatever order.
async fn record_many(studio: &Business<'_>, messages: &[Value]) {
    for hundred in messages.chunks(100) {
        studio.post("/sms/record", recorded(studio, hundred)).await.ok();
        studio.app.drain().await;
    }
}

fn recorded(studio: &Business<'_>, messages: &[Value]) -> Value {
    let mut messages = messages.to_vec();
    for message in &mut messages {
        message["client_id"] = json!(7);
        message["to_phone_number"] = json!(ADA);
    }
    json!({"category": "conversation", "from_phone_number": studio.number, "messages": messages})
}

async fn ask(studio: &Business<'_>, conversation: u64, parameters: &[(&str, &str)]) -> Answered {
    let path = format!("/conversations/{conversation}/messages/search");
    send(studio.request(Method::GET, &path).query(parameters)).await
}

/// A page of the search in the conversation with client 7.
async fn page(studio: &Business<'_>, parameters: &[(&str, &str)]) -> Value {
    ask(studio, 7, parameters).await.ok()
}

fn texts(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["message"].as_str().expect("words")).collect()
}

fn ids(page: &Value) -> Vec<u64> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["message_id"].as_u64().expect("an id")).collect()
}

/// What is highlighted in an item, cut out as a browser does.
fn highlighted(item: &Value) -> Vec<String> {
    let units: Vec<u16> = item["message"].as_str().expect("words").encode_utf16().collect();
    let place = |place: &Value, end: &str| place[end].as_u64().expect("a number") as usize;
    let places = item["highlights"].as_array().expect("places").iter();
    places
        .map(|at| String::from_utf16(&units[place(at, "start")..place(at, "end")]).expect("whole characters"))
        .collect()
}

#[tokio::test]
async fn all_words_have_to_be_there_in_any_order_and_the_newest_comes_first() {
    let app = App::start().await;
    let studio = app.business().await;
    record(&studio, &["Class moved to Monday", "See you Monday", "monday's CLASS is full", "Class only"])
        .await;

    let found = page(&studio, &[("query", "  MONDAY   class ")]).await;

    assert_eq!(texts(&found), ["monday's CLASS is full", "Class moved to Monday"]);
    assert_eq!(names(&found), ["items", "next_cursor", "page", "page_size", "total", "total_pages"]);
    assert_eq!((&found["total"], &found["page"], &found["page_size"]), (&json!(2), &json!(1), &json!(20)));
    assert_eq!((&found["total_pages"], &found["next_cursor"]), (&json!(1), &Value::Null));
    assert_eq!(highlighted(&found["items"][0]), ["monday", "CLASS"]);
    let nothing = page(&studio, &[("query", "tuesday")]).await;
    assert_eq!((&nothing["items"], &nothing["total"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_match_is_the_message_as_it_is_shown_anywhere_with_its_highlights() {
    let app = App::start().await;
    let studio = app.business().await;
    let id = studio.queue(7, ADA, "Your résumé 👩‍👩‍👧").await;

    let found = page(&studio, &[("query", "Resume")]).await;

    let mut item = found["items"][0].clone();
    let highlights = item.as_object_mut().expect("an object").remove("highlights");
    assert_eq!(highlights, Some(json!([{"start": 5, "end": 11}])));
    assert_eq!(item, studio.message(id).await);
}

#[tokio::test]
async fn case_and_diacritics_do_not_count_in_any_script_and_no_sign_is_cut() {
    let app = App::start().await;
    let studio = app.business().await;
    let family = "We are 👩‍👩‍👧 of four";
    let cases = [
        ("RESUME", "Your résumé, please", "résumé"),
        ("hauptstrasse", "Hauptstraße 5", "Hauptstraße"),
        ("istanbul", "İSTANBUL", "İSTANBUL"),
        ("οδυσσευσ", "Ὁ Ὀδυσσεύς", "Ὀδυσσεύς"),
        ("ЕЩЕ раз", "ещё раз", "ещё|раз"),
        ("محمد", "مُحَمَّد هنا", "مُحَمَّد"),
        ("שלום", "שָׁלוֹם לך", "שָׁלוֹם"),
        ("किताब", "मेरी किताबें", "किताबें"),
        ("料金", "月の料金は?", "料金"),
        ("안녕", "안녕하세요", "안녕"),
        ("👧", family, "👩‍👩‍👧"),
        ("👍", "great 👍🏽!", "👍🏽"),
        ("🇸🇪", "to 🇩🇪🇸🇪", "🇸🇪"),
        ("100%", "100% of it", "100%"),
        ("don't", "I don’t know", "don’t"),
    ];
    let said: Vec<&str> = cases.iter().map(|(_, text, _)| *text).collect();
    record(&studio, &said).await;

    for (query, text, places) in cases {
        let found = page(&studio, &[("query", query)]).await;
        assert_eq!(texts(&found), [text], "{query}");
        assert_eq!(highlighted(&found["items"][0]).join("|"), places, "{query}");
    }
    assert_eq!(page(&studio, &[("query", "🇪🇸")]).await["total"], 0, "half of two flags");
}

#[tokio::test]
async fn what_clients_write_what_is_sent_and_notes_are_found_alike() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    app.text(ADA, &studio.number, "May I bring a towel?").await;
    studio.queue(7, ADA, "Towels are here").await;
    let note = json!({"note": "Keep a TOWEL for Ada", "staff_id": 12});
    let noted = studio.post("/conversations/7/notes", note).await.ok();

    let found = page(&studio, &[("query", "towel")]).await;

    assert_eq!(texts(&found), ["Keep a TOWEL for Ada", "Towels are here", "May I bring a towel?"]);
    let directions: Vec<&Value> = (0..3).map(|n| &found["items"][n]["direction"]).collect();
    assert_eq!(directions, ["internal", "outbound", "inbound"]);
    let note = &found["items"][0];
    assert_eq!((&note["message_id"], &note["channel"]), (&noted["message_id"], &json!("note")));
    assert_eq!((&note["staff_id"], &note["sender_type"]), (&json!(12), &json!("staff")));
    for nothing in ["category", "provider", "status", "from_address", "to_address"] {
        assert_eq!(note[nothing], Value::Null, "{nothing}");
    }
    assert_eq!(names(note), names(&found["items"][1]));
    assert_eq!(highlighted(note), ["TOWEL"]);
}

#[tokio::test]
async fn the_older_path_is_the_same_search() {
    let app = App::start().await;
    let studio = app.business().await;
    record(&studio, &["one", "two", "one and two"]).await;
    let older = format!("/messages/{}/conversations/7/messages/search", studio.id);
    let by_older_path = |parameters: Vec<(&'static str, String)>| {
        let call = app.anonymous(Method::GET, &older).header("X-API-KEY", &studio.key);
        send(call.query(&parameters))
    };

    let found = page(&studio, &[("query", "one"), ("page_size", "1")]).await;
    let same = by_older_path(vec![("query", "one".to_owned()), ("page_size", "1".to_owned())]).await.ok();

    assert_eq!(texts(&found), ["one and two"]);
    assert_eq!(texts(&same), texts(&found));
    let cursor = found["next_cursor"].as_str().expect("a cursor").to_owned();
    let rest = by_older_path(vec![("query", "one".to_owned()), ("cursor", cursor)]).await.ok();
    assert_eq!((texts(&rest), &rest["next_cursor"]), (vec!["one"], &Value::Null));
}

#[tokio::test]
async fn a_walk_by_cursor_meets_every_match_once_while_new_ones_arrive() {
    let app = App::start().await;
    let studio = app.business().await;
    let said: Vec<String> =
        (0..45).map(|n| if n % 3 == 0 { format!("other {n}") } else { format!("lesson {n}") }).collect();
    record(&studio, &said.iter().map(String::as_str).collect::<Vec<_>>()).await;

    let (mut walked, mut cursor) = (Vec::new(), None::<String>);
    for number in 1.. {
        let mut parameters = vec![("query", "Lesson"), ("page_size", "7")];
        parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let found = page(&studio, &parameters).await;
        assert_eq!((&found["total"], &found["total_pages"]), (&json!(30), &json!(5)));
        assert_eq!(found["page"], number);
        walked.extend(texts(&found).into_iter().map(str::to_owned));
        cursor = found["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
        record(&studio, &["a lesson that came meanwhile"]).await;
    }

    let expected: Vec<String> =
        said.iter().rev().filter(|text| text.starts_with("lesson")).cloned().collect();
    assert_eq!(walked, expected);
}

#[tokio::test]
async fn a_page_by_its_number_is_the_page_that_the_cursor_leads_to() {
    let app = App::start().await;
    let studio = app.business().await;
    let said: Vec<String> = (0..10).map(|n| format!("lesson {n}")).collect();
    record(&studio, &said.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let first = page(&studio, &[("query", "lesson"), ("page_size", "4")]).await;
    let cursor = first["next_cursor"].as_str().expect("a cursor");

    let by_cursor = page(&studio, &[("query", "lesson"), ("page_size", "4"), ("cursor", cursor)]).await;
    let by_number = page(&studio, &[("query", "lesson"), ("page_size", "4"), ("page", "2")]).await;

    assert_eq!(texts(&by_number), ["lesson 5", "lesson 4", "lesson 3", "lesson 2"]);
    assert_eq!(by_number["items"], by_cursor["items"]);
    for field in ["page", "total", "total_pages"] {
        assert_eq!(by_number[field], by_cursor[field], "{field}");
    }
    let last = page(&studio, &[("query", "lesson"), ("page_size", "4"), ("page", "3")]).await;
    assert_eq!((texts(&last), &last["next_cursor"]), (vec!["lesson 1", "lesson 0"], &Value::Null));
    let behind = page(&studio, &[("query", "lesson"), ("page_size", "4"), ("page", "4")]).await;
    assert_eq!((&behind["items"], &behind["total"]), (&json!([]), &json!(10)));
}

#[tokio::test]
async fn a_full_last_page_is_the_last_one() {
    let app = App::start().await;
    let studio = app.business().await;
    record(&studio, &["nothing", "lesson 1", "lesson 2"]).await;
    let found = page(&studio, &[("query", "lesson"), ("page_size", "2")]).await;
    assert_eq!((texts(&found).len(), &found["next_cursor"]), (2, &Value::Null));
}

#[tokio::test]
async fn a_long_conversation_is_read_one_megabyte_at_a_time() {
    let app = App::start().await;
    let studio = app.business().await;
    // Three times 0.8 MB, each with two matches.
    let beside = json!({"kept": "x".repeat(20_000)});
    let text = |n: usize| "lorem ipsum ".repeat(600) + if n < 2 { "Needle" } else { "hay" };
    let said: Vec<Value> =
        (0..30).map(|n| json!({"message": text(n), "provider_metadata": beside})).collect();
    for _ in 0..3 {
        record_many(&studio, &said).await;
    }
    app.clock.freeze();
    page(&studio, &[("query", "once, so that the caller is known")]).await;

    let (mut sizes, mut totals, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    loop {
        let mut parameters = vec![("query", "needle")];
        parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        app.local.wire.clear();
        let found = page(&studio, &parameters).await;
        assert_eq!(app.local.wire.operations("dynamodb"), ["Query"]);
        sizes.push(texts(&found).len());
        totals.push(found["total"].as_u64().expect("a number"));
        cursor = found["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }

    assert_eq!(sizes.iter().sum::<usize>(), 6);
    assert!(sizes.len() == 3 && sizes[0] < 6, "{sizes:?}");
    assert!(totals.is_sorted() && totals.first() < totals.last(), "what was found so far: {totals:?}");
    assert_eq!(totals.last(), Some(&6), "exact in the end");
}

#[tokio::test]
async fn a_page_number_reads_on_and_is_bounded() {
    let app = App::start().await;
    let studio = app.business().await;
    // Some 9 MB, of which most is beside the words.
    let beside = json!({"kept": "x".repeat(30_000)});
    let said: Vec<Value> =
        (0..300).map(|n| json!({"message": format!("needle {n}"), "provider_metadata": beside})).collect();
    record_many(&studio, &said).await;
    app.clock.freeze();
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    while all.len() < 300 {
        let mut parameters = vec![("query", "needle"), ("page_size", "100")];
        parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let found = page(&studio, &parameters).await;
        all.extend(ids(&found));
        cursor = found["next_cursor"].as_str().map(str::to_owned);
    }
    assert!(all.is_sorted_by(|newer, older| newer > older), "each once, newest first");
    let by_number = async |size: &str, number: &str| {
        app.local.wire.clear();
        let found = page(&studio, &[("query", "needle"), ("page_size", size), ("page", number)]).await;
        let reads = app.local.wire.operations("dynamodb");
        assert!(reads.iter().all(|operation| operation == "Query"), "{reads:?}");
        (found, reads.len())
    };
    let goes_on_with = async |found: &Value| {
        let cursor = found["next_cursor"].as_str().expect("a cursor");
        ids(&page(&studio, &[("query", "needle"), ("page_size", "1"), ("cursor", cursor)]).await)[0]
    };

    let (second, reads) = by_number("30", "2").await;
    assert_eq!((ids(&second), reads), (all[30..60].to_vec(), 2));

    let (large, reads) = by_number("100", "2").await;
    let shown = ids(&large).len();
    assert!(shown < 100 && reads == 5, "{shown} messages of at most three reads, after {reads}");
    assert_eq!(ids(&large), all[100..100 + shown]);
    assert_eq!(goes_on_with(&large).await, all[100 + shown]);

    let (far, reads) = by_number("100", "4").await;
    let so_far = far["total"].as_u64().expect("a number") as usize;
    assert_eq!((ids(&far), reads), (vec![], 8));
    assert!((200..300).contains(&so_far), "{so_far}");
    assert_eq!(goes_on_with(&far).await, all[so_far]);
}

#[tokio::test]
async fn every_place_of_a_letter_is_not_told() {
    let app = App::start().await;
    let studio = app.business().await;
    record(&studio, &[&"a b ".repeat(5_000)]).await;
    let found = page(&studio, &[("query", "a")]).await;
    let places = found["items"][0]["highlights"].as_array().expect("places");
    assert_eq!((places.len(), &places[99]), (100, &json!({"start": 396, "end": 397})));
}

#[tokio::test]
async fn a_conversation_that_is_unknown_or_anothers_is_not_found() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    record(&studio, &["a secret"]).await;
    studio.put("/clients/8", json!({"client_name": "Bob"})).await.ok();

    let answers = [
        ask(&studio, 9, &[("query", "secret")]).await,
        ask(&studio, 8, &[("query", "secret")]).await,
        ask(&studio, 9, &[("query", "secret"), ("page", "2")]).await,
        ask(&stranger, 7, &[("query", "secret")]).await,
    ];

    for answer in answers {
        assert_eq!((answer.status, answer.body), (404, json!({"detail": "conversation not found"})));
    }
}

#[tokio::test]
async fn the_id_of_a_stranger_leads_to_whom_the_directory_names_and_so_does_a_cursor() {
    let app = App::start().await;
    let studio = app.business().await;
    for text in ["lesson 1", "lesson 2", "lesson 3"] {
        app.text(ADA, &studio.number, text).await;
    }
    let list = studio.get("/conversations").await.ok();
    let stranger = list["items"][0]["conversation_id"].as_u64().expect("an id");
    let first = ask(&studio, stranger, &[("query", "lesson"), ("page_size", "1")]).await.ok();
    assert_eq!(texts(&first), ["lesson 3"]);
    let cursor = first["next_cursor"].as_str().expect("a cursor");

    studio.put("/clients/7", json!({"client_name": "Ada", "client_phone_number": ADA})).await.ok();
    app.sweep().await;

    let found = ask(&studio, stranger, &[("query", "lesson")]).await.ok();
    assert_eq!(texts(&found), ["lesson 3", "lesson 2", "lesson 1"]);
    assert_eq!(found["items"][0]["conversation_id"], 7);
    assert_eq!(page(&studio, &[("query", "lesson")]).await["items"], found["items"]);
    let on = ask(&studio, stranger, &[("query", "lesson"), ("cursor", cursor)]).await.ok();
    assert_eq!(texts(&on), ["lesson 2", "lesson 1"]);
    assert_eq!((&on["total"], &on["next_cursor"]), (&json!(3), &Value::Null));
}

#[tokio::test]
async fn a_query_has_something_to_look_for_and_is_not_endless() {
    let app = App::start().await;
    let studio = app.business().await;
    record(&studio, &["hello"]).await;
    let (longest, too_long) = ("é".repeat(200), "é".repeat(201));

    assert_eq!(ask(&studio, 7, &[("query", &longest)]).await.status, 200);
    assert_eq!(ask(&studio, 7, &[]).await.bad_fields(), [r#"["query","query"]"#]);
    for bad in ["", " ", "\t\u{3000}", "\u{301}", &too_long] {
        assert_eq!(
            ask(&studio, 7, &[("query", bad)]).await.bad_fields(),
            [r#"["query","query"]"#],
            "{bad:?}"
        );
    }
    let both = ask(&studio, 7, &[("query", " "), ("page_size", "101"), ("page", "0")]).await.bad_fields();
    assert_eq!(both, [r#"["query","page"]"#, r#"["query","page_size"]"#, r#"["query","query"]"#]);
}

#[tokio::test]
async fn a_cursor_belongs_to_one_query_in_one_conversation() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    for business in [&studio, &other] {
        record(business, &["hello one", "hello two", "hello three"]).await;
    }
    studio.queue(8, "+14155550124", "hello").await;
    let first = page(&studio, &[("query", "hello"), ("page_size", "1")]).await;
    let cursor = first["next_cursor"].as_str().expect("a cursor");

    let refused = [
        ask(&studio, 7, &[("query", "one"), ("cursor", cursor)]).await,
        ask(&studio, 8, &[("query", "hello"), ("cursor", cursor)]).await,
        ask(&other, 7, &[("query", "hello"), ("cursor", cursor)]).await,
        ask(&studio, 7, &[("query", "hello"), ("cursor", "nonsense")]).await,
    ];

    for answer in refused {
        assert_eq!(answer.bad_fields(), [r#"["query","cursor"]"#]);
    }
    let same = page(&studio, &[("query", "HELLO hello"), ("cursor", cursor)]).await;
    assert_eq!(texts(&same), ["hello two", "hello one"], "other letters, the same query");
}
