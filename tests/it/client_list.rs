//! The list of clients: by name, as a search finds them, and what changed.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, names, send};

const ADA: &str = "+14155550123";

impl Business<'_> {
    async fn listed(&self, query: &[(&str, &str)]) -> Value {
        send(self.request(Method::GET, "/clients").query(query)).await.ok()
    }

    /// Every page of a list, by its cursor: the ids in order.
    async fn walk_clients(&self, query: &[(&str, &str)]) -> Vec<u64> {
        let mut walked = Vec::new();
        let mut cursor: Option<String> = None;
        let mut pages = 0;
        loop {
            let mut query = query.to_vec();
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.listed(&query).await;
            pages += 1;
            assert_eq!(page["page"], pages);
            walked.extend(ids(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return walked,
            }
        }
    }
}

#[track_caller]
fn ids(page: &Value) -> Vec<u64> {
    let rows = page["items"].as_array().unwrap_or_else(|| panic!("no page: {page}"));
    rows.iter().map(|row| row["client_id"].as_u64().expect("an id")).collect()
}

async fn name(studio: &Business<'_>, client: u64, name: &str) {
    studio.put(&format!("/clients/{client}"), json!({"client_name": name})).await.ok();
}

#[tokio::test]
async fn a_row_has_its_8_fields_and_a_page_says_where_it_is() {
    let app = App::start().await;
    let studio = app.business().await;
    let entry = json!({"client_name": "Ada", "client_email": "ada@example.com", "client_phone_number": ADA,
                       "client_type": "lead", "client_gender": "female", "client_image_url": "https://example.com/a"});
    studio.put("/clients/7", entry).await.ok();
    studio.put("/clients/8", json!({})).await.ok();
    studio.post("/clients/7/conversation", json!({})).await.ok();
    let page = studio.listed(&[]).await;
    assert_eq!(
        (&page["total"], &page["page"], &page["page_size"], &page["total_pages"], &page["next_cursor"]),
        (&json!(2), &json!(1), &json!(20), &json!(1), &Value::Null)
    );
    assert_eq!(
        page["items"],
        json!([
            {"client_id": 8, "conversation_id": null, "client_name": null, "client_gender": null,
             "client_image_url": null, "client_email": null, "client_phone_number": null, "client_type": null},
            {"client_id": 7, "conversation_id": 7, "client_name": "Ada", "client_gender": "female",
             "client_image_url": "https://example.com/a", "client_email": "ada@example.com",
             "client_phone_number": ADA, "client_type": "lead"},
        ])
    );
    assert_eq!(names(&page["items"][0]).len(), 8);
    for search in ["ada", ADA] {
        assert_eq!(studio.listed(&[("search", search)]).await["items"][0], page["items"][1]);
    }
    let other = app.business().await;
    assert_eq!(other.listed(&[]).await["total"], 0);
}

#[tokio::test]
async fn clients_are_listed_by_name_without_case_and_accents() {
    let app = App::start().await;
    let studio = app.business().await;
    let order = ["ada", "Ádám", "Bea", "école", "Émile", "Zoë", "žofie", "zulu"];
    for (id, name) in [(3, 2), (1, 7), (8, 0), (5, 4), (2, 3), (7, 1), (6, 5), (4, 6)] {
        self::name(&studio, id, order[name]).await;
    }
    let page = studio.listed(&[]).await;
    let listed: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|row| row["client_name"].as_str().unwrap()).collect();
    assert_eq!(listed, order);
    name(&studio, 8, "Zz Top").await;
    assert_eq!(ids(&studio.listed(&[]).await).last(), Some(&8), "a new name is a new place");
}

#[tokio::test]
async fn a_reader_who_walks_meets_everybody_once_in_pages_of_any_size() {
    let app = App::start().await;
    let studio = app.business().await;
    for client in 1..=25 {
        let name = format!("Client {:02}", (client * 7) % 26);
        let kind = if client % 5 == 0 { "lead" } else { "client" };
        let body = json!({"client_name": name, "client_type": kind, "client_phone_number": format!("+1415555{:04}", client)});
        studio.put(&format!("/clients/{client}"), body).await.ok();
    }
    let since = "2026-01-01T00:00:00Z";
    let lists: [(&[(&str, &str)], usize); 8] = [
        (&[], 25),
        (&[("client_type", "lead")], 5),
        (&[("client_type", "client")], 20),
        (&[("search", "client")], 25),
        (&[("search", "client 0"), ("client_type", "client")], 7),
        (&[("updated_since", since)], 25),
        (&[("updated_since", since), ("client_type", "lead")], 5),
        (&[("updated_since", since), ("search", "client"), ("client_type", "client")], 20),
    ];
    for (list, count) in lists {
        let mut expected: Option<Vec<u64>> = None;
        for size in ["1", "3", "7", "20", "25", "100"] {
            let query = [list, &[("page_size", size)]].concat();
            let walked = studio.walk_clients(&query).await;
            let once: BTreeSet<u64> = walked.iter().copied().collect();
            assert_eq!((walked.len(), once.len()), (count, count), "{list:?} by {size}");
            assert_eq!(*expected.get_or_insert(walked.clone()), walked, "{list:?} by {size}");
            let mut by_number = Vec::new();
            let pages = count.div_ceil(size.parse().unwrap());
            for page in 1..=pages {
                let page = studio.listed(&[&query[..], &[("page", &page.to_string())]].concat()).await;
                assert_eq!(
                    (&page["total"], &page["total_pages"]),
                    (&json!(count), &json!(pages)),
                    "{list:?}"
                );
                by_number.extend(ids(&page));
            }
            assert_eq!(by_number, walked, "{list:?} by number, {size} a page");
            let beyond = studio.listed(&[&query[..], &[("page", &(pages + 1).to_string())]].concat()).await;
            assert_eq!((ids(&beyond), &beyond["next_cursor"]), (vec![], &Value::Null));
        }
    }
}

#[tokio::test]
async fn a_walk_goes_on_where_it_was_while_clients_come_go_and_are_renamed() {
    let app = App::start().await;
    let studio = app.business().await;
    for client in 1..=12u64 {
        name(&studio, client, &format!("Name {:02}", client * 2)).await;
    }
    for search in [None, Some("name")] {
        let mut query = vec![("page_size", "4")];
        query.extend(search.map(|search| ("search", search)));
        let first = studio.listed(&query).await;
        assert_eq!(ids(&first), [1, 2, 3, 4]);
        // Before and behind the place: one comes, one goes, and the last one of the page is somewhere else.
        name(&studio, 101, "Name 01").await;
        name(&studio, 102, "Name 13").await;
        send(studio.request(Method::DELETE, "/clients/2")).await;
        name(&studio, 4, "Zoe").await;
        let mut cursor = first["next_cursor"].as_str().map(str::to_owned);
        let mut walked = Vec::new();
        while let Some(place) = cursor {
            let page = studio.listed(&[&query[..], &[("cursor", &place)]].concat()).await;
            walked.extend(ids(&page));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
        }
        walked.retain(|id| *id != 4);
        assert_eq!(walked, [5, 6, 102, 7, 8, 9, 10, 11, 12], "{search:?}");
        for (client, back) in [(2, "Name 04"), (4, "Name 08")] {
            name(&studio, client, back).await;
        }
        for gone in [101, 102] {
            send(studio.request(Method::DELETE, &format!("/clients/{gone}"))).await;
        }
    }
}

#[tokio::test]
async fn a_search_finds_by_any_word_of_a_name_by_mail_and_by_number_in_any_spelling() {
    let app = App::start().await;
    let studio = app.business().await;
    let people = [
        (1, "Zoë Müller-Lüdenscheidt", "zoe@example.com", "+14158675309"),
        (2, "ANNA MARÍA DE LA CRUZ", "anna.cruz@example.com", "+14158675310"),
        (3, "Иван Петров", "ivan@example.org", "+14155550103"),
        (4, "Müller, Jürgen", "juergen@example.org", "+4915112345678"),
        (5, "李小龙", "bruce@example.org", "+14155555309"),
    ];
    for (id, name, email, phone) in people {
        let body = json!({"client_name": name, "client_email": email, "client_phone_number": phone});
        studio.put(&format!("/clients/{id}"), body).await.ok();
    }
    studio
        .put("/clients/6", json!({"first_name": "Ada", "middle_name": "King", "last_name": "Lovelace"}))
        .await
        .ok();
    let table: [(&str, &[u64]); 34] = [
        ("zoe", &[1]),
        ("ZOË", &[1]),
        ("Zoë Müller", &[1]),
        ("zoe  muller", &[1]),
        ("muller", &[4, 1]),
        ("MÜLLER", &[4, 1]),
        ("müller-lü", &[1]),
        ("maria", &[2]),
        ("cruz", &[2]),
        ("de la", &[2]),
        ("María de la Cr", &[2]),
        ("петров", &[3]),
        ("ИВАН П", &[3]),
        ("李", &[5]),
        ("king love", &[6]),
        ("ada", &[6]),
        ("oe", &[]),
        ("zoe muller x", &[]),
        ("zoe@example.com", &[1]),
        ("ZOE@Example.COM", &[1]),
        ("anna.cruz@", &[2]),
        ("@example.com", &[]),
        ("+1 (415) 867-5309", &[1]),
        ("415.867.5309", &[1]),
        ("8675309", &[1]),
        ("867-5309", &[1]),
        ("5309", &[5, 1]),
        ("309", &[5, 1]),
        ("+49 151 1234 5678", &[4]),
        ("0049 151 12345678", &[4]),
        ("5678", &[4]),
        ("415", &[]),
        ("", &[6, 2, 4, 1, 3, 5]),
        ("   ", &[6, 2, 4, 1, 3, 5]),
    ];
    for (search, expected) in table {
        let page = studio.listed(&[("search", search)]).await;
        let (mut found, mut wanted) = (ids(&page), expected.to_vec());
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{search}");
        assert_eq!(page["total"].as_u64(), Some(expected.len() as u64), "{search}");
    }
    name(&studio, 1, "Zoe Smith").await;
    assert_eq!(ids(&studio.listed(&[("search", "lüdenscheidt")]).await), Vec::<u64>::new());
    assert_eq!(ids(&studio.listed(&[("search", "müller")]).await), [4]);
    assert_eq!(ids(&studio.listed(&[("search", "smith")]).await), [1]);
}

#[tokio::test]
async fn the_last_digits_find_a_number_also_where_they_could_be_a_number_of_their_own() {
    let app = App::start().await;
    let body = json!({"business_id": 1001, "country": "DE", "from_phone_number": "+4930123456"});
    let created = send(app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
    let key = created["api_key"].as_str().expect("a key").to_owned();
    let studio =
        Business { app: &app, id: 1001, number: "+4930123456".to_owned(), email: String::new(), key };
    studio.put("/clients/7", json!({"client_phone_number": "030 901820"})).await.ok();
    for search in ["030 901820", "+49 30 901820", "0049 30 901820", "30901820", "901820", "01820", "820"] {
        assert_eq!(ids(&studio.listed(&[("search", search)]).await), [7], "{search}");
    }
}

#[tokio::test]
async fn only_what_changed_since_is_listed_oldest_change_first() {
    let app = App::start().await;
    let studio = app.business().await;
    for client in 1..=4 {
        let body = json!({"client_name": format!("Name {client}"), "client_phone_number": format!("+1415555{client:04}"),
                          "client_type": if client == 4 { "lead" } else { "client" }});
        studio.put(&format!("/clients/{client}"), body).await.ok();
    }
    let since = app.clock.now().to_string();
    assert_eq!(ids(&studio.listed(&[("updated_since", &since)]).await), Vec::<u64>::new());
    name(&studio, 3, "Name three").await;
    app.text("+14155550002", &studio.number, "Hello").await;
    name(&studio, 4, "Name four").await;
    name(&studio, 3, "Name 3").await;
    let page = studio.listed(&[("updated_since", &since)]).await;
    assert_eq!((ids(&page), &page["total"]), (vec![2, 4, 3], &json!(3)));
    assert_eq!(ids(&studio.listed(&[("updated_since", &since), ("client_type", "lead")]).await), [4]);
    let both = [("updated_since", since.as_str()), ("search", "name")];
    assert_eq!(ids(&studio.listed(&both).await), [2, 4, 3]);
    assert_eq!(ids(&studio.listed(&[both[0], ("search", "name t")]).await), Vec::<u64>::new());

    // Whoever asks again with what the answer says misses nothing.
    let mut query = vec![("updated_since", since.clone()), ("page_size", "2".to_owned())];
    let first = send(studio.request(Method::GET, "/clients").query(&query)).await.ok();
    assert_eq!((ids(&first), &first["total"]), (vec![2, 4], &json!(3)));
    name(&studio, 1, "Name one").await;
    query.push(("cursor", first["next_cursor"].as_str().unwrap().to_owned()));
    let second = send(studio.request(Method::GET, "/clients").query(&query)).await.ok();
    assert_eq!((&second["total"], ids(&second)), (&json!(3), vec![3, 1]));
    assert_eq!(first["next_updated_since"], second["next_updated_since"]);
    app.clock.advance(Duration::from_secs(3600));
    name(&studio, 2, "Name two").await;
    let again = first["next_updated_since"].as_str().unwrap();
    assert!(ids(&studio.listed(&[("updated_since", again)]).await).contains(&2));
}

#[tokio::test]
async fn every_bad_parameter_is_named() {
    let app = App::start().await;
    let studio = app.business().await;
    let long = "x".repeat(201);
    let bad = [
        ("page", "0"),
        ("page_size", "101"),
        ("search", long.as_str()),
        ("client_type", "pet"),
        ("updated_since", "yesterday"),
    ];
    let refused = send(studio.request(Method::GET, "/clients").query(&bad)).await;
    let named: BTreeSet<String> = refused.bad_fields().into_iter().collect();
    assert_eq!(named, bad.map(|(name, _)| format!(r#"["query","{name}"]"#)).into());
    for (query, field) in
        [(vec![("page", "501"), ("page_size", "20")], "page"), (vec![("cursor", "nonsense")], "cursor")]
    {
        let refused = send(studio.request(Method::GET, "/clients").query(&query)).await;
        assert_eq!(refused.bad_fields(), [format!(r#"["query","{field}"]"#)]);
    }
}

#[tokio::test]
async fn a_cursor_is_of_one_list() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    for client in 1..=3 {
        name(&studio, client, &format!("Name {client}")).await;
        name(&other, client, &format!("Name {client}")).await;
    }
    let lists: [&[(&str, &str)]; 5] = [
        &[],
        &[("search", "name")],
        &[("search", "name "), ("updated_since", "2026-01-01T00:00:00Z")],
        &[("updated_since", "2026-01-01T00:00:00Z")],
        &[("updated_since", "2026-01-02T00:00:00Z")],
    ];
    for (n, list) in lists.iter().enumerate() {
        let first = studio.listed(&[list, &[("page_size", "1")][..]].concat()).await;
        let cursor = first["next_cursor"].as_str().unwrap();
        for (m, with) in lists.iter().enumerate() {
            let query = [with, &[("cursor", cursor)][..]].concat();
            let here = send(studio.request(Method::GET, "/clients").query(&query)).await;
            assert_eq!(here.status, if n == m { 200 } else { 422 }, "{list:?} with {with:?}");
            let there = send(other.request(Method::GET, "/clients").query(&query)).await;
            assert_eq!(there.bad_fields(), [r#"["query","cursor"]"#]);
        }
    }
}

#[tokio::test]
async fn the_number_of_clients_is_right_whatever_is_in_the_sums_yet() {
    let app = App::start().await;
    let studio = app.business().await;
    let totals = async || {
        let mut totals = Vec::new();
        for query in [&[][..], &[("client_type", "client")], &[("client_type", "lead")]] {
            totals.push(studio.listed(query).await["total"].as_u64().unwrap());
        }
        totals
    };
    for client in 1..=6 {
        let kind = if client % 2 == 0 { "lead" } else { "client" };
        studio.put(&format!("/clients/{client}"), json!({"client_type": kind})).await.ok();
    }
    assert_eq!(totals().await, [6, 3, 3]);
    app.sweep().await;
    assert_eq!(totals().await, [6, 3, 3]);
    studio.put("/clients/1", json!({"client_type": "lead"})).await.ok();
    studio.put("/clients/2", json!({"client_type": null})).await.ok();
    app.text(ADA, &studio.number, "Hello").await;
    send(studio.request(Method::DELETE, "/clients/3")).await;
    assert_eq!(totals().await, [6, 1, 3]);
    app.sweep().await;
    assert_eq!(totals().await, [6, 1, 3]);
}

/// Puts the words that find so many clients straight into the table: the clients themselves would take a minute.
async fn words_of_many(studio: &Business<'_>, word: &str, count: u64) {
    let business = domain::BusinessId::new(studio.id).expect("an id");
    let put = |client: u64| {
        let key = store::keys::find(
            business,
            &format!("name#{word}"),
            domain::ClientId::new(client).expect("an id"),
        );
        let text = |text: String| AttributeValue::S(text);
        let item = HashMap::from([
            ("pk".to_owned(), text(key.pk)),
            ("sk".to_owned(), text(key.sk)),
            ("type".to_owned(), text("Term".to_owned())),
            ("client_id".to_owned(), AttributeValue::N(client.to_string())),
        ]);
        let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
        WriteRequest::builder().put_request(put).build()
    };
    let all: Vec<WriteRequest> = (1..=count).map(put).collect();
    for some in all.chunks(25) {
        let write = studio.app.local.engine.batch_write_item();
        write.request_items(&studio.app.local.table, some.to_vec()).send().await.expect("a table");
    }
}

#[tokio::test]
async fn a_search_that_finds_too_many_to_look_at_asks_for_more_before_it_filters() {
    let app = App::start().await;
    let studio = app.business().await;
    words_of_many(&studio, "anna", 1_001).await;
    words_of_many(&studio, "anne", 1_000).await;
    let found = studio.listed(&[("search", "anna"), ("page_size", "100")]).await;
    assert_eq!((&found["total"], &found["total_pages"]), (&json!(1_001), &json!(11)));
    for filter in [("client_type", "lead"), ("updated_since", "2026-01-01T00:00:00Z")] {
        let refused =
            send(studio.request(Method::GET, "/clients").query(&[("search", "anna"), filter])).await;
        assert_eq!(refused.bad_fields(), [r#"["query","search"]"#]);
        assert_eq!(studio.listed(&[("search", "anne"), filter]).await["total"], 0, "there are none");
    }
}
