//! Locations.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, send_raw};

#[tokio::test]
async fn a_location_has_five_fields_and_what_is_absent_is_null() {
    let app = App::start().await;
    let studio = app.business().await;
    assert_eq!(send_raw(studio.request(Method::GET, "/locations")).await, (200, "[]".to_owned()));

    let created = send_raw(studio.request(Method::PUT, "/locations/3").json(&json!({"name": "Mitte"}))).await;

    let told = r#"{"location_id":3,"name":"Mitte","address":null,"phone_number":null,"timezone":null}"#;
    assert_eq!(created, (200, told.to_owned()));
    assert_eq!(send_raw(studio.request(Method::GET, "/locations")).await, (200, format!("[{told}]")));
}

#[tokio::test]
async fn locations_are_listed_by_name_without_case_and_accents_and_then_by_id() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    for (id, name) in [(5, "zürich"), (9, "Bern"), (1, "bern"), (2, "Bern West"), (3, "Émile"), (4, "Eva")]
    {
        studio.put(&format!("/locations/{id}"), json!({"name": name})).await.ok();
    }
    stranger.put("/locations/7", json!({"name": "Elsewhere"})).await.ok();

    let listed = studio.get("/locations").await.ok();

    let ids: Vec<u64> =
        listed.as_array().unwrap().iter().filter_map(|one| one["location_id"].as_u64()).collect();
    assert_eq!(ids, [1, 9, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_is_not_mentioned_stays_and_null_clears() {
    let app = App::start().await;
    let studio = app.business().await;
    let all = json!({
        "name": "Mission",
        "address": "1 Valencia St, San Francisco",
        "phone_number": "(415) 555-0123",
        "timezone": "America/Los_Angeles",
        "rooms": 4,
    });
    let told = json!({
        "location_id": 3,
        "name": "Mission",
        "address": "1 Valencia St, San Francisco",
        "phone_number": "+14155550123",
        "timezone": "America/Los_Angeles",
    });
    assert_eq!(studio.put("/locations/3", all).await.ok(), told);

    let mut renamed = told.clone();
    renamed["name"] = json!("Mission 2");
    assert_eq!(studio.put("/locations/3", json!({"name": "Mission 2"})).await.ok(), renamed);
    let cleared = json!({"name": "Mission", "address": null, "phone_number": null, "timezone": null});
    let bare = json!({
        "location_id": 3,
        "name": "Mission",
        "address": null,
        "phone_number": null,
        "timezone": null,
    });
    assert_eq!(studio.put("/locations/3", cleared).await.ok(), bare);
    assert_eq!(studio.get("/locations").await.ok(), json!([bare]));
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_changed() {
    let app = App::start().await;
    let studio = app.business().await;
    let mission = studio.put("/locations/3", json!({"name": "Mission"})).await.ok();
    let bad = json!({
        "name": "a".repeat(201),
        "address": "a".repeat(501),
        "phone_number": "12",
        "timezone": "a".repeat(65),
    });

    let refused = studio.put("/locations/3", bad).await;

    let named: BTreeSet<String> = refused.bad_fields().into_iter().collect();
    let fields = ["name", "address", "phone_number", "timezone"];
    assert_eq!(named, fields.map(|name| format!(r#"["body","{name}"]"#)).into());
    for nameless in [json!({}), json!({"name": null}), json!({"name": ""}), json!({"name": " "})] {
        assert_eq!(studio.put("/locations/3", nameless).await.bad_fields(), [r#"["body","name"]"#]);
    }
    assert_eq!(
        studio.put("/locations/x", json!({"name": "x"})).await.bad_fields(),
        [r#"["path","location_id"]"#]
    );
    assert_eq!(studio.get("/locations").await.ok(), json!([mission]));
}

#[tokio::test]
async fn locations_of_another_business_are_out_of_reach() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    let mission = studio.put("/locations/3", json!({"name": "Mission"})).await.ok();
    for (method, path) in [(Method::GET, "locations"), (Method::PUT, "locations/3")] {
        let call = app.anonymous(method, &format!("/businesses/{}/{path}", studio.id));
        let answer = send_raw(call.header("X-API-KEY", &stranger.key).json(&json!({"name": "Mine"}))).await;
        assert_eq!(answer, (403, r#"{"detail":"Forbidden"}"#.to_owned()));
    }
    stranger.put("/locations/3", json!({"name": "Mine"})).await.ok();
    assert_eq!(studio.get("/locations").await.ok(), json!([mission]));
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let app = App::start().await;
    let studio = app.business().await;
    let changes = [
        json!({"name": "Mission", "address": "1 Valencia St"}),
        json!({"name": "Mission", "phone_number": "+14155550123"}),
        json!({"name": "Mission", "timezone": "America/Los_Angeles"}),
    ];
    let answers = join_all(changes.into_iter().map(|change| studio.put("/locations/3", change))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");

    let listed = studio.get("/locations").await.ok();

    let filled = listed[0].as_object().unwrap().values().filter(|value| **value != Value::Null).count();
    assert_eq!(filled, 5, "{listed}");
}
