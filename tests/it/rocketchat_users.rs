//! What clients of Rocket.Chat ask first: which server this is, who they are, and who somebody else is.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, Business, send};
use crate::rocketchat_contacts::{global, refused};

const INFO: &str = "/api/v1/users.info";

async fn with_staff(app: &App) -> Business<'_> {
    let studio = app.business().await;
    let owner = json!({
        "staff_name": "Olga Owner", "staff_email": "Olga@studio.example", "role": "owner",
        "staff_image_url": "https://pic.example/12",
    });
    studio.staff(12, owner).await;
    studio.staff(13, json!({"staff_name": "Zoë"})).await;
    studio
}

#[tokio::test]
async fn anybody_learns_which_server_this_is() {
    let app = App::start().await;
    let studio = with_staff(&app).await;
    let expected = json!({"version": "8.8", "info": {"version": "8.8"}, "success": true});
    app.local.wire.clear();
    for path in ["/api/info", "/api/v1/info"] {
        let answer = send(app.at_origin(Method::GET, path)).await;
        assert_eq!((answer.status, &answer.body), (200, &expected), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(studio.program().get(&app, path).await.ok(), expected, "{path}");
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
}

#[tokio::test]
async fn me_is_what_the_login_said_of_the_caller() {
    let app = App::start().await;
    let studio = with_staff(&app).await;
    for staff in [12, 13] {
        let login = json!({"user": staff.to_string(), "password": studio.key});
        let login = send(app.at_origin(Method::POST, "/api/v1/login").json(&login)).await.ok();
        let mut expected = login["data"]["me"].clone();
        expected["success"] = json!(true);
        let caller = studio.logs_in(staff).await;
        assert_eq!(caller.get(&app, "/api/v1/me").await.ok(), expected);
    }
    let olga = studio.logs_in(12).await.get(&app, "/api/v1/me").await.ok();
    let expected = json!({
        "_id": global(&studio, 12), "name": "Olga Owner",
        "emails": [{"address": "Olga@studio.example", "verified": false}],
        "status": "online", "statusConnection": "online", "username": "12", "utcOffset": 0, "active": true,
        "roles": ["admin", "livechat-manager"], "settings": {"preferences": {}},
        "avatarUrl": "https://pic.example/12", "success": true,
    });
    assert_eq!(olga, expected);
}

#[tokio::test]
async fn a_program_is_a_bot_under_the_id_that_it_shows() {
    let app = App::start().await;
    let studio = with_staff(&app).await;
    let program = studio.program();
    let me = program.get(&app, "/api/v1/me").await.ok();
    assert_eq!((&me["_id"], &me["username"]), (&json!(program.id), &json!("service")));
    assert_eq!((&me["name"], &me["roles"]), (&json!("Studio"), &json!(["bot", "livechat-manager"])));
    assert_eq!((&me["emails"], &me["active"]), (&json!([]), &json!(true)));
    for named in [format!("userId={}", program.id), "username=service".to_owned()] {
        let user = program.get(&app, &format!("{INFO}?{named}")).await.ok()["user"].clone();
        assert_eq!((&user["_id"], &user["type"], &user["name"]), (&me["_id"], &json!("bot"), &me["name"]));
    }
    // A program is nobody to anybody else.
    let olga = studio.logs_in(12).await;
    refused(olga.get(&app, &format!("{INFO}?userId={}", program.id)).await, 400, "User not found.");
    refused(olga.get(&app, &format!("{INFO}?username=service")).await, 400, "User not found.");
}

#[tokio::test]
async fn a_user_is_found_by_id_username_and_mail_address() {
    let app = App::start().await;
    let (studio, stranger) = (with_staff(&app).await, with_staff(&app).await);
    let zoe = studio.logs_in(13).await;
    let info = async |query: &str| zoe.get(&app, &format!("{INFO}?{query}")).await;
    let olga = info("username=12").await.ok()["user"].clone();
    let (made, changed) = (olga["createdAt"].clone(), olga["_updatedAt"].clone());
    assert!(made.is_string() && changed.is_string());
    let expected = json!({
        "_id": global(&studio, 12), "createdAt": made, "type": "user", "status": "offline", "active": true,
        "name": "Olga Owner", "username": "12", "utcOffset": 0, "roles": ["admin", "livechat-manager"],
        "emails": [{"address": "Olga@studio.example", "verified": false}], "_updatedAt": changed,
    });
    assert_eq!(olga, expected);
    let id = global(&studio, 12);
    for query in [
        format!("userId={id}"),
        format!("userId={id}&fields=%7B%22userRooms%22%3A1%7D"),
        format!("userId={id}&username=13"),
        "username=olga%40studio.example".to_owned(),
        "email=Olga%40studio.example".to_owned(),
    ] {
        assert_eq!(info(&query).await.ok(), json!({"user": expected, "success": true}), "{query}");
    }
    assert_eq!(info("username=13").await.ok()["user"]["status"], "online", "the caller");
    studio.staff(21, json!({"staff_name": "Otto", "role": "owner"})).await;
    studio.staff(12, json!({"staff_name": "Olga Owner", "active": false})).await;
    assert_eq!(info("username=12").await.ok()["user"]["active"], false);

    let foreign = global(&stranger, 12);
    for query in [
        "username=99",
        "username=012",
        "username=nobody%40x",
        &format!("userId={foreign}"),
        "userId=x",
        "importId=1",
    ] {
        refused(info(query).await, 400, "User not found.");
    }
    let missing = "must have required property 'userId'\n must have required property 'username'\n \
                   must have required property 'importId'\n must match a schema in anyOf [invalid-params]";
    for query in ["", "username=", "name=12"] {
        let answer = info(query).await;
        let body: Value = json!({"success": false, "error": missing, "errorType": "invalid-params"});
        assert_eq!((answer.status, answer.body), (400, body), "{query}");
    }
}

#[tokio::test]
async fn me_and_a_user_are_one_read() {
    let app = App::start().await;
    app.clock.freeze();
    let studio = with_staff(&app).await;
    let olga = studio.logs_in(12).await;
    olga.get(&app, "/api/v1/me").await.ok();
    for path in ["/api/v1/me", "/api/v1/users.info?username=13"] {
        app.local.wire.clear();
        olga.get(&app, path).await.ok();
        assert_eq!(app.local.wire.operations("dynamodb"), ["GetItem"], "{path}");
    }
}
