//! Institutions, locations and patients, which programs of NexHealth ask for first.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, BEGINNING, Business, send};
use crate::nexhealth::FORGOTTEN;

const MINUTE: Duration = Duration::from_secs(60);

impl Business<'_> {
    async fn asks(&self, path: &str) -> Answered {
        let call = self.app.at_origin(Method::GET, path);
        send(call.header("authorization", format!("Bearer {}", self.key))).await
    }

    /// Patients of location 3.
    async fn patients(&self, query: &str) -> Answered {
        self.asks(&format!("/patients?subdomain={}&location_id=3&{query}", self.subdomain())).await
    }

    /// The ids of these patients and how many there are, where all goes well.
    async fn found(&self, query: &str) -> (Vec<u64>, u64) {
        let page = self.patients(query).await;
        assert_eq!((page.status, &page.body["code"]), (200, &json!(true)), "{query} {}", page.body);
        let rows = page.body["data"].as_array().unwrap().iter();
        (rows.map(|row| row["id"].as_u64().unwrap()).collect(), page.body["count"].as_u64().unwrap())
    }

    async fn is(&self, client: u64, entry: Value) {
        self.app.clock.advance(MINUTE);
        self.put(&format!("/clients/{client}"), entry).await.ok();
    }
}

fn refused(description: &str, error: &[&str]) -> Value {
    json!({"code": false, "description": description, "data": {}, "error": error})
}

fn answered(data: Value, error: &[&str]) -> Value {
    json!({"code": true, "description": "Success", "error": error, "data": data, "count": 1})
}

#[tokio::test]
async fn the_business_is_the_one_institution() {
    let app = App::start().await;
    let (clinic, stranger) = (app.clinic().await, app.clinic().await);
    let entry = json!({"name": "Alt", "address": "Main St 1", "phone_number": "+14155550100"});
    clinic.put("/locations/4", entry).await.ok();
    let list = clinic.asks("/institutions?page=2").await;
    let shown = list.body["data"][0].clone();
    let branch = |id: u64, name: &str, address: &str, phone: &str| {
        json!({
            "id": id, "name": name, "street_address": address, "street_address_2": "", "city": "",
            "state": "", "zip_code": "", "phone_number": phone, "email": "", "inactive": false,
        })
    };
    let expected = json!({
        "id": clinic.id, "name": "Studio", "created_at": shown["created_at"],
        "updated_at": shown["created_at"], "subdomain": clinic.subdomain(), "phone_number": clinic.number,
        "emrs": [], "country_code": "US", "appointment_types_location_scoped": false,
        "is_sync_notifications": false, "notify_insert_fails": false,
        "locations": [
            branch(4, "Alt", "Main St 1", "+14155550100"),
            branch(3, "Mitte", "", ""),
        ],
    });
    assert_eq!((list.status, list.body), (200, answered(json!([expected]), &["Unknown parameter: page"])));
    assert!(shown["created_at"].as_str().unwrap() >= BEGINNING);
    let own = clinic.asks(&format!("/institutions/{}", clinic.id)).await;
    assert_eq!((own.status, own.body), (200, answered(expected, &[])));
    for other in [stranger.id, 0, u64::MAX] {
        let other = clinic.asks(&format!("/institutions/{other}")).await;
        let expected = refused("Not Found", &["Institution not found"]);
        assert_eq!((other.status, other.body), (404, expected));
    }
}

#[tokio::test]
async fn locations_come_with_their_institution() {
    let app = App::start().await;
    let (clinic, stranger) = (app.clinic().await, app.clinic().await);
    let entry = json!({
        "name": "Alt", "address": "Main St 1", "phone_number": "+14155550100", "timezone": "America/New_York",
    });
    clinic.put("/locations/4", entry).await.ok();
    let subdomain = clinic.subdomain();
    let list = clinic.asks("/locations").await;
    let first = list.body["data"][0]["locations"][0].clone();
    let expected = json!({
        "id": 4, "name": "Alt", "institution_id": clinic.id, "street_address": "Main St 1",
        "street_address_2": null, "city": null, "state": null, "zip_code": null, "country_code": "US",
        "created_at": first["created_at"], "updated_at": first["created_at"], "latitude": null,
        "longitude": null, "phone_number": "+14155550100", "foreign_id": "", "foreign_id_type": "",
        "email": null, "tz": "America/New_York", "last_sync_time": null, "insert_appt_client": false,
        "map_by_operatory": false, "set_availability_by_operatory": false, "inactive": false,
    });
    assert_eq!(first, expected);
    let second = list.body["data"][0]["locations"][1].clone();
    assert_eq!((&second["id"], &second["phone_number"]), (&json!(3), &Value::Null));
    let all = |locations: Value| json!([{"id": clinic.id, "name": "Studio", "subdomain": subdomain, "locations": locations}]);
    let both = answered(all(json!([first, second])), &[]);
    assert_eq!((list.status, &list.body), (200, &both));
    for query in [
        format!("subdomain={subdomain}"),
        format!("subdomain={}", subdomain.to_uppercase()),
        "subdomain=".to_owned(),
        "inactive=false&foreign_id=".to_owned(),
        "filter_by_subscription_feature=messaging".to_owned(),
    ] {
        assert_eq!(clinic.asks(&format!("/locations?{query}")).await.ok(), both, "{query}");
    }
    let none = answered(all(json!([])), &[]);
    for query in ["inactive=true", "foreign_id=7", "filter_by_subscription_feature=forms"] {
        assert_eq!(clinic.asks(&format!("/locations?{query}")).await.ok(), none, "{query}");
    }
    let wrong = clinic.asks("/locations?inactive=perhaps&filter_by_subscription_feature=x").await;
    let problems = ["inactive is invalid", "filter_by_subscription_feature is invalid"];
    assert_eq!((wrong.status, wrong.body), (400, refused("Bad Request", &problems)));
    let foreign = clinic.asks(&format!("/locations?subdomain={}", stranger.subdomain())).await;
    assert_eq!((foreign.status, foreign.body), (403, refused("Forbidden", &["Forbidden"])));

    assert_eq!(clinic.asks("/locations/4").await.ok(), answered(first, &[]));
    stranger.put("/locations/5", json!({"name": "Theirs"})).await.ok();
    for id in ["5", "0", "18446744073709551615"] {
        let missing = clinic.asks(&format!("/locations/{id}")).await;
        assert_eq!((missing.status, missing.body), (404, refused("Not Found", &["Location not found"])));
    }
}

#[tokio::test]
async fn a_patient_is_shown_as_in_their_conversation() {
    let app = App::start().await;
    let (clinic, stranger) = (app.clinic().await, app.clinic().await);
    let entry = json!({
        "client_name": "Ada Augusta King", "client_phone_number": "+14155550123", "location_id": 3,
        "client_email": "ada@example.com", "wl_user_id": 88,
    });
    clinic.put("/clients/7", entry).await.ok();
    clinic.post("/clients/7/conversation", json!({})).await.ok();
    clinic.receives("+14155550123", "STOP").await;
    clinic.put("/clients/8", json!({"client_name": "Elsewhere"})).await.ok();
    stranger.put("/clients/9", json!({"client_name": "Theirs", "location_id": 3})).await.ok();

    let page = clinic.patients("").await.ok();

    let conversation = clinic.lists("").await.ok()["data"][0].clone();
    assert_eq!(page, answered(json!([conversation["patient"]]), &[]));
    assert_eq!(page["data"][0]["unsubscribe_sms"], true);
    let subdomain = clinic.subdomain();
    let one = async |id: &str| clinic.asks(&format!("/patients/{id}?subdomain={subdomain}")).await;
    assert_eq!(one("7").await.ok(), answered(conversation["patient"].clone(), &[]));
    let included = clinic.asks(&format!("/patients/7?subdomain={subdomain}&include[]=provider&x=1")).await;
    assert_eq!(included.body["error"], json!(["Unknown parameter: x"]));
    assert_eq!(one("8").await.ok()["data"]["name"], "Elsewhere", "of no location");
    for id in ["9", "99", "0", "18446744073709551615"] {
        let missing = one(id).await;
        assert_eq!(
            (missing.status, missing.body),
            (404, refused("Not Found", &["Patient not found"])),
            "{id}"
        );
    }
    let nameless = clinic.asks("/patients/7").await;
    assert_eq!((nameless.status, nameless.body), (400, refused("Bad Request", &["subdomain is missing"])));
    let foreign = clinic.asks(&format!("/patients/7?subdomain={}", stranger.subdomain())).await;
    assert_eq!((foreign.status, foreign.body), (403, refused("Forbidden", &["Forbidden"])));
}

#[tokio::test]
async fn patients_are_found_by_all_that_is_said_of_them() {
    let app = App::start().await;
    for parts in [1, 3] {
        let clinic = app.clinic().await;
        clinic.spread(parts).await;
        app.clock.advance(FORGOTTEN);
        let at = |client: u64| format!("+1415555{client:04}");
        for (client, name) in [(1, "Cleo Zimmer"), (2, "Ada Maria King"), (3, "Ada Stone"), (4, "Émile King")]
        {
            let entry = json!({
                "client_name": name, "client_phone_number": at(client), "location_id": 3,
                "client_email": format!("{client}@example.com"), "wl_user_id": client + 100,
            });
            clinic.is(client, entry).await;
        }
        clinic.is(5, json!({"client_name": "Ada Gone", "location_id": 3, "inactive": true})).await;
        clinic.is(6, json!({"client_name": "Ada Elsewhere", "location_id": 4})).await;
        let since = app.clock.now().to_string();
        clinic.is(1, json!({"client_email": "cleo@example.com"})).await;
        let rocket = clinic.program();
        let born =
            json!({"token": "t", "name": "Born Once", "customFields": {"date_of_birth": "1964-05-03"}});
        let born = rocket.post(&app, "/api/v1/omnichannel/contact", born).await.ok();
        let born = u64::from_str_radix(&born["contact"].as_str().unwrap()[8..], 16).unwrap();
        clinic.is(born, json!({"location_id": 3})).await;

        for (query, ids) in [
            ("", vec![5, 2, 3, born, 1, 4]),
            ("name=ada", vec![5, 2, 3]),
            ("name=King%20Ada", vec![2]),
            ("name=%20EMILE%20", vec![4]),
            ("name=da", vec![]),
            ("name=ada&inactive=false", vec![2, 3]),
            ("name=ada&email=3%40EXAMPLE.com", vec![3]),
            ("name=cleo&email=3%40example.com", vec![]),
            ("email=cleo%40example.com", vec![1]),
            ("email=1%40example.com", vec![]),
            ("email=cleo", vec![]),
            ("phone_number=4155550003", vec![3]),
            ("phone_number=(415)%20555-0003", vec![3]),
            ("phone_number=+14155550003", vec![3]),
            ("phone_number=5550003", vec![3]),
            ("phone_number=0003", vec![]),
            ("foreign_id=104", vec![4]),
            ("foreign_id=0104", vec![]),
            ("foreign_id=x", vec![]),
            ("date_of_birth=1964-05-03", vec![born]),
            ("date_of_birth=1964-05-04", vec![]),
            ("inactive=true", vec![5]),
            ("inactive=false", vec![2, 3, born, 1, 4]),
            ("new_patient=false&non_patient=false&location_strict=true", vec![5, 2, 3, born, 1, 4]),
            ("new_patient=true", vec![]),
            ("non_patient=true", vec![]),
            ("forms_syncable=true", vec![]),
            ("sort=id", vec![1, 2, 3, 4, 5, born]),
            ("sort=-id", vec![born, 5, 4, 3, 2, 1]),
            ("sort=updated_at", vec![2, 3, 4, 5, 1, born]),
            ("sort=-updated_at,id", vec![born, 1, 5, 4, 3, 2]),
            ("sort=id&name=ada", vec![2, 3, 5]),
            (&format!("updated_since={since}"), vec![born, 1]),
            (&format!("updated_since={since}&sort=id"), vec![1, born]),
            ("updated_since=2000-01-01&inactive=true", vec![5]),
        ] {
            let count = ids.len() as u64;
            assert_eq!(clinic.found(&format!("per_page=100&{query}")).await, (ids, count), "{parts} {query}");
        }
        // A text makes a conversation younger, and not the patient.
        clinic.receives(&at(2), "Hello").await;
        assert_eq!(clinic.found(&format!("updated_since={since}")).await.0, [born, 1]);
    }
}

#[tokio::test]
async fn pages_of_patients_add_up_and_what_is_wrong_is_told_at_once() {
    let app = App::start().await;
    let clinic = app.clinic().await;
    for client in 1..=12 {
        let location = if client % 4 == 0 { 4 } else { 3 };
        let entry = json!({"client_name": format!("Name {client:02}"), "location_id": location});
        clinic.put(&format!("/clients/{client}"), entry).await.ok();
    }
    let order = [1, 2, 3, 5, 6, 7, 9, 10, 11];
    assert_eq!(clinic.found("").await, (order[..5].to_vec(), 9), "five, by name");
    for sort in ["", "&sort=id"] {
        for size in [1, 2, 4, 9, 1_000] {
            let mut seen = Vec::new();
            for page in 1.. {
                let (ids, count) = clinic.found(&format!("page={page}&per_page={size}{sort}")).await;
                assert_eq!(count, 9);
                if ids.is_empty() {
                    break;
                }
                seen.extend(ids);
            }
            assert_eq!(seen, order, "{size} a page{sort}");
        }
    }
    assert_eq!(clinic.found("page=9223372036854775807&per_page=1000").await, (vec![], 9));
    assert_eq!(clinic.found("page=-1&per_page=0").await, (vec![1], 9), "clamped");
    let answer = clinic.patients("start_cursor=&provider_id=3").await.ok();
    assert_eq!(answer["error"], json!(["Unknown parameter: start_cursor", "Unknown parameter: provider_id"]));

    let subdomain = clinic.subdomain();
    let ask = async |query: String| {
        let answer = clinic.asks(&format!("/patients?{query}")).await;
        (answer.status, answer.body)
    };
    let wrong = "page=x&sort=name&inactive=2&date_of_birth=yesterday&updated_since=now&new_patient=x";
    let problems = [
        "new_patient is invalid",
        "location_id is missing",
        "page is invalid",
        "sort is invalid",
        "date_of_birth is invalid",
        "inactive is invalid",
        "updated_since is invalid",
    ];
    let told = refused("Bad Request", &problems);
    assert_eq!(ask(format!("subdomain={subdomain}&{wrong}")).await, (400, told));
    let missing = refused("Bad Request", &["subdomain is missing", "location_id is missing"]);
    assert_eq!(ask(String::new()).await, (400, missing));
    let forbidden = (403, refused("Forbidden", &["Forbidden"]));
    assert_eq!(ask("subdomain=nowhere&page=x".to_owned()).await, forbidden);
    for location in ["5", "0", "-3"] {
        let missing = (404, refused("Not Found", &["Location not found"]));
        assert_eq!(ask(format!("subdomain={subdomain}&location_id={location}")).await, missing);
    }
    let answer = send(app.at_origin(Method::GET, "/patients")).await;
    assert_eq!((answer.status, answer.body), (401, refused("Unauthorized", &["Unauthorized"])));
}

#[tokio::test]
async fn a_page_of_patients_is_five_reads_whatever_its_size() {
    let app = App::start().await;
    app.clock.freeze();
    let clinic = app.clinic().await;
    for client in 1..=9 {
        let phone = format!("+1415555{client:04}");
        let entry = json!({"client_name": "Ada", "client_phone_number": phone, "location_id": 3});
        clinic.put(&format!("/clients/{client}"), entry).await.ok();
    }
    clinic.found("").await;
    let subdomain = clinic.subdomain();
    let found = |query: &str| format!("/patients?subdomain={subdomain}&location_id=3&{query}");
    for (path, mut expected) in [
        ("/institutions".to_owned(), vec!["Query"]),
        ("/locations".to_owned(), vec!["Query"]),
        ("/locations/3".to_owned(), vec!["GetItem"]),
        (format!("/patients/7?subdomain={subdomain}"), vec!["GetItem", "BatchGetItem"]),
        (found("per_page=9"), vec!["GetItem", "Query", "Query", "BatchGetItem", "BatchGetItem"]),
        (found("name=ada"), vec!["GetItem", "Query", "BatchGetItem", "BatchGetItem"]),
        (found("sort=id"), vec!["GetItem", "Query", "BatchGetItem"]),
    ] {
        app.local.wire.clear();
        clinic.asks(&path).await.ok();
        let mut operations = app.local.wire.operations("dynamodb");
        operations.sort_unstable();
        expected.sort_unstable();
        assert_eq!(operations, expected, "{path}");
    }
}
