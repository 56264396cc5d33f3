//! Who may call what, and that nobody learns of, or changes, what is another's.

use domain::access::Role;
use http_body_util::BodyExt;
use local::fake_twilio::Callback;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tower::ServiceExt;
use web::access::{Access, ROUTES, Route};

use crate::app::{App, Business, send, send_raw};
use crate::surface::{Surface, contact_id, credential_id, subdomain, user_id};

const ADA: &str = "+14155550123";
/// Whose mail comes back to the business that is not the caller's.
const EVE: &str = "eve@example.com";
/// A business that does not exist.
const NOBODY: u64 = 999_999;
/// A client, message and the like that do not exist.
const NOBODYS: u64 = 5;

fn mail(client: u64) -> Value {
    json!({"client_id": client, "to_email": "ada@example.com", "subject": "Hello", "message": "Hello"})
}

/// A body that the operation accepts, about a thing that may not exist. `None` for those without one.
fn body(operation: &str, business: u64, thing: u64) -> Option<Value> {
    let contact = contact_id(business, thing);
    let text = json!({"client_id": thing, "to_phone_number": ADA, "message": "Hello"});
    Some(match operation {
        "queueSms" => json!({"category": "conversation", "messages": [text]}),
        "recordSms" => json!({"category": "conversation", "from_phone_number": ADA, "messages": [text]}),
        "updateSmsStatus" => json!({"message_id": thing, "status": "delivered"}),
        "previewSms" => json!({"message": "Hello"}),
        "queueEmail" => json!({"category": "conversation", "messages": [mail(thing)]}),
        "recordEmail" => json!({"category": "conversation", "from_email": EVE, "messages": [mail(thing)]}),
        "updateEmailStatus" => json!({"message_id": thing, "status": "bounced"}),
        "removeEmailSuppression" => json!({"email": EVE, "reason": "Mallory says so"}),
        "processMessage" => {
            json!({"business_id": business, "channel": "sms", "client_id": thing, "message": "Hello"})
        }
        "upsertClient" => json!({"client_name": "Mallory"}),
        "upsertStaff" => json!({"staff_name": "Mallory"}),
        "upsertLocation" => json!({"name": "Mallory"}),
        "addConversationNote" => json!({"note": "Mallory was here"}),
        "updateMessagesReadStatus" => json!({"conversation_id": thing}),
        "generateAuthToken" => json!({"business_id": business, "wl_user_id": thing}),
        "expireSession" => json!({"session_id": thing.to_string()}),
        "createApiKey" => json!({"name": "Mallory"}),
        "onboardBusiness" => json!({"business_id": business}),
        "rocketchatRegisterVisitor" => json!({"token": contact, "name": "Mallory"}),
        "rocketchatCreateContact" => json!({"name": "Mallory", "emails": [], "phones": []}),
        "rocketchatUpdateContact" => json!({"contactId": contact, "name": "Mallory"}),
        "rocketchatBlockContact" | "rocketchatUnblockContact" => {
            json!({"visitor": {"visitorId": contact, "source": {"type": "sms"}}})
        }
        "rocketchatResolveContactConflicts" | "rocketchatDeleteContact" => json!({"contactId": contact}),
        "rocketchatLogOut" => json!({}),
        "cancelMessage" | "retryMessage" | "retryMessageLegacy" | "createOrGetConversation" => json!({}),
        "getMessage"
        | "listMessageEvents"
        | "getMessagesByRequestId"
        | "getMessagesByRequestIdLegacy"
        | "getClientProfile"
        | "listClients"
        | "eraseClient"
        | "listStaff"
        | "getStaffProfile"
        | "listLocations"
        | "listConversations"
        | "getConversationFilters"
        | "listConversationMessages"
        | "listConversationHistory"
        | "searchMessages"
        | "searchMessagesLegacy"
        | "assignConversation"
        | "updateConversationStatus"
        | "labelConversation"
        | "flagMessage"
        | "getEmailSuppression"
        | "getMessageAttachment"
        | "getOnboardingStatus"
        | "getVoiceToken"
        | "listApiKeys"
        | "revokeApiKey"
        | "replaceApiKeys"
        | "rocketchatLogOutByGet"
        | "rocketchatGetVisitor"
        | "rocketchatFindVisitor"
        | "rocketchatGetContact"
        | "rocketchatSearchContacts"
        | "rocketchatCheckContactExistence"
        | "rocketchatContactHistory"
        | "rocketchatContactChannels"
        | "rocketchatMe"
        | "rocketchatUserInfo"
        | "nexhealthListConversations"
        | "nexhealthListInstitutions"
        | "nexhealthGetInstitution"
        | "nexhealthListLocations"
        | "nexhealthGetLocation"
        | "nexhealthListPatients"
        | "nexhealthGetPatient" => return None,
        other => panic!("{other} has no case here"),
    })
}

/// What the operation needs in the address.
fn query(operation: &str, business: u64, thing: u64) -> String {
    let contact = contact_id(business, thing);
    let fixed = match operation {
        "rocketchatGetVisitor"
        | "rocketchatGetContact"
        | "rocketchatCheckContactExistence"
        | "rocketchatContactHistory"
        | "rocketchatContactChannels" => return format!("?contactId={contact}"),
        "nexhealthListConversations" | "nexhealthListPatients" => {
            return format!("?subdomain={}&location_id={thing}", subdomain(business));
        }
        "nexhealthGetPatient" | "nexhealthListLocations" | "nexhealthGetLocation" => {
            return format!("?subdomain={}", subdomain(business));
        }
        "rocketchatUserInfo" => return format!("?username={thing}"),
        "rocketchatFindVisitor" => "?email=eve@example.com",
        "updateConversationStatus" => "?status=pending",
        "labelConversation" => "?label=mine",
        "assignConversation" => "?staff_id=",
        "searchMessages" | "searchMessagesLegacy" => "?query=secret",
        "getEmailSuppression" => "?email=eve@example.com",
        _ => "",
    };
    fixed.to_owned()
}

/// What a route is about, where client, conversation, member of the staff and location are all called 7.
fn about(route: &Route, message: u64) -> u64 {
    let sevens = ["{client_id}", "{conversation_id}", "{staff_id}", "{location_id}", "{id}"];
    let of_seven =
        ["processMessage", "updateMessagesReadStatus", "rocketchatUserInfo", "nexhealthListPatients"]
            .contains(&route.operation)
            || sevens.iter().any(|parameter| route.path.contains(parameter));
    if of_seven { 7 } else { message }
}

/// What a member of a business is answered who asks for something that it does not have: status and `detail`.
fn of_something_missing(operation: &str) -> (u16, Option<Value>) {
    let not_found = |what: &str| (404, Some(json!(format!("{what} not found"))));
    match operation {
        "getMessage" | "listMessageEvents" | "cancelMessage" | "retryMessage" | "retryMessageLegacy"
        | "updateSmsStatus" | "updateEmailStatus" => not_found("message"),
        "getMessageAttachment" => not_found("attachment"),
        "removeEmailSuppression" => not_found("suppression"),
        "flagMessage" => not_found("message"),
        "createOrGetConversation" | "eraseClient" => not_found("client"),
        "listConversationMessages"
        | "listConversationHistory"
        | "searchMessages"
        | "searchMessagesLegacy"
        | "addConversationNote"
        | "assignConversation"
        | "updateConversationStatus"
        | "labelConversation" => not_found("conversation"),
        "processMessage" | "generateAuthToken" => (422, None),
        "revokeApiKey" => not_found("api key"),
        // It is for people, and the caller is a program.
        "getVoiceToken" => (403, Some(json!("Forbidden"))),
        "rocketchatGetContact"
        | "rocketchatDeleteContact"
        | "nexhealthListConversations"
        | "nexhealthGetInstitution"
        | "nexhealthGetLocation"
        | "nexhealthListPatients"
        | "nexhealthGetPatient" => (404, None),
        "rocketchatUserInfo"
        | "rocketchatUpdateContact"
        | "rocketchatContactHistory"
        | "rocketchatBlockContact"
        | "rocketchatUnblockContact"
        | "rocketchatResolveContactConflicts" => (400, None),
        "rocketchatLogOut"
        | "rocketchatLogOutByGet"
        | "rocketchatGetVisitor"
        | "rocketchatRegisterVisitor"
        | "rocketchatFindVisitor"
        | "rocketchatSearchContacts"
        | "rocketchatCheckContactExistence"
        | "rocketchatContactChannels"
        | "rocketchatMe"
        | "nexhealthListInstitutions"
        | "nexhealthListLocations" => (200, None),
        "queueSms"
        | "queueEmail"
        | "recordEmail"
        | "getEmailSuppression"
        | "recordSms"
        | "previewSms"
        | "getMessagesByRequestId"
        | "getMessagesByRequestIdLegacy"
        | "upsertClient"
        | "getClientProfile"
        | "listClients"
        | "listConversations"
        | "getConversationFilters"
        | "updateMessagesReadStatus"
        | "listStaff"
        | "getStaffProfile"
        | "upsertStaff"
        | "listApiKeys"
        | "createApiKey"
        | "expireSession"
        | "listLocations"
        | "upsertLocation" => (200, None),
        other => panic!("{other} has no case here"),
    }
}

/// A call of a route, without a credential.
fn call(app: &App, route: &Route, business: u64, thing: u64, request: &str) -> RequestBuilder {
    let path = route
        .path
        .replace("{business_id}", &business.to_string())
        .replace("{client_id}", &thing.to_string())
        .replace("{conversation_id}", &thing.to_string())
        .replace("{staff_id}", &thing.to_string())
        .replace("{location_id}", &thing.to_string())
        .replace("{id}", &thing.to_string())
        .replace("{message_id}", &thing.to_string())
        .replace("{attachment}", "0")
        .replace("{key_id}", &format!("{thing:016}"))
        .replace("{request_id}", request);
    let call =
        app.at_origin(route.method.clone(), &format!("{path}{}", query(route.operation, business, thing)));
    match body(route.operation, business, thing) {
        Some(body) => call.json(&body),
        None => call,
    }
}

/// The routes that need a credential.
fn guarded() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| matches!(route.access, Access::Platform | Access::Business(_)))
}

fn of_a_business() -> impl Iterator<Item = &'static Route> {
    guarded().filter(|route| matches!(route.access, Access::Business(_)))
}

/// Headers that differ from call to call.
const DIFFERING: [&str; 6] = [
    "x-request-id",
    "date",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// An answer without what differs from call to call.
async fn whole(request: RequestBuilder) -> (u16, Vec<(String, String)>, String) {
    let response = request.send().await.expect("an answer");
    let headers = response.headers().iter();
    let headers = headers
        .filter(|(name, _)| !DIFFERING.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    (response.status().as_u16(), headers, response.text().await.expect("a body"))
}

#[tokio::test]
async fn without_a_credential_every_route_asks_for_one() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();
    let long = "k".repeat(600);
    for route in guarded() {
        let anonymous = || call(&app, route, studio.id, 7, "x");
        let surface = Surface::of(route.path);
        let id = credential_id(&studio.key);
        let mut calls: Vec<RequestBuilder> = ["", "unknown", &long, "schlüssel"]
            .map(|secret| surface.show(anonymous(), secret, &id))
            .into_iter()
            .chain([anonymous(), anonymous().header("Cookie", "session=unknown")])
            .collect();
        // What is a credential elsewhere, or half of one, is none here.
        for other in [Surface::Omega, Surface::RocketChat, Surface::NexHealth] {
            if other != surface {
                calls.push(other.show(anonymous(), &studio.key, &id));
            }
        }
        match surface {
            Surface::Omega => {}
            Surface::RocketChat => {
                let wrong = ["", "0011223344556677", &user_id(studio.id, 7), &id.to_uppercase()];
                calls.extend(wrong.map(|id| surface.show(anonymous(), &studio.key, id)));
                calls.push(anonymous().header("X-Auth-Token", &studio.key));
                calls.push(anonymous().header("X-User-Id", &id));
                calls.push(surface.show(anonymous(), &contact_id(studio.id, 7), &contact_id(studio.id, 7)));
            }
            Surface::NexHealth => {
                let wrong = [studio.key.clone(), format!("Basic {}", studio.key), "Bearer".to_owned()];
                calls.extend(wrong.map(|shown| anonymous().header("Authorization", shown)));
            }
        }
        for call in calls {
            let answer = send_raw(call.header("Idempotency-Key", "k")).await;
            assert_eq!(answer, (401, surface.refusal(401).to_owned()), "{}", route.operation);
        }
    }
    assert_eq!(app.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_foreign_thing_is_the_same_as_one_that_does_not_exist() {
    // A new key is about nothing that could be another's.
    let is_new = |route: &&Route| ["createApiKey", "rocketchatCreateContact"].contains(&route.operation);
    for route in of_a_business().filter(|route| !is_new(route)) {
        let app = App::start().await;
        let (studio, stranger) = (app.business().await, app.business().await);
        studio.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
        let accepted = studio.post("/sms/send", studio.send_body(&[(7, ADA, "Secret")])).await.ok();
        let request = accepted["request_id"].as_str().unwrap();
        let message = accepted["items"][0]["message_id"].as_u64().unwrap();
        suppress(&studio).await;
        let staff = studio.staff(7, json!({"staff_name": "Secret"})).await;
        let location = studio.put("/locations/7", json!({"name": "Secret"})).await.ok();
        let theirs = about(route, message);
        let ask = |thing, request| {
            let call = call(&app, route, stranger.id, thing, request);
            send(Surface::of(route.path).show(call, &stranger.key, &credential_id(&stranger.key)))
        };
        app.local.wire.clear();

        let missing = ask(NOBODYS, "7b0b0f2e-5b2e-4f5c-9c3b-0a4f5b0e6a11").await;
        let foreign = ask(theirs, request).await;

        let (status, detail) = of_something_missing(route.operation);
        assert_eq!(
            (missing.status, foreign.status),
            (status, status),
            "{}: {}",
            route.operation,
            foreign.body
        );
        if status != 200 {
            let told = foreign.body.to_string().replace(&theirs.to_string(), &NOBODYS.to_string());
            assert_eq!(told, missing.body.to_string(), "{}", route.operation);
            assert_eq!(app.writes(), Vec::<String>::new(), "{}", route.operation);
        }
        if let Some(detail) = detail {
            assert_eq!(foreign.body["detail"], detail, "{}", route.operation);
        }
        assert!(!foreign.body.to_string().contains("Secret"), "{}", route.operation);
        assert_eq!(studio.status(message).await, "queued");
        let client = studio.client(7).await;
        assert_eq!((&client["client_name"], &client["status"]), (&Value::Null, &json!("open")));
        assert_eq!((&client["label"], &client["unread_messages_count"]), (&Value::Null, &json!(0)));
        assert_eq!(studio.get("/staffs/7").await.ok(), staff);
        assert_eq!(studio.get("/locations").await.ok(), json!([location]));
        assert_eq!(studio.get("/email/suppressions?email=eve@example.com").await.ok()["suppressed"], true);
    }
}

/// Has a mail of client 9 to Eve come back.
async fn suppress(studio: &Business<'_>) {
    let mail = json!({"client_id": 9, "to_email": EVE, "subject": "Hello", "message": "Secret",
                      "attachments": [{"filename": "Secret.txt", "content": "U2VjcmV0"}]});
    let body = json!({"category": "conversation", "messages": [mail]});
    let accepted = studio.post("/email/send", body).await.ok();
    let id = &accepted["items"][0]["message_id"];
    studio.post("/email/status", json!({"message_id": id, "status": "bounced"})).await.ok();
}

#[tokio::test]
async fn an_attachment_and_what_is_known_of_an_address_are_the_own_business_s() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    suppress(&studio).await;
    let attachment = app.message_ids(studio.id).await[0].1;
    let path = format!("/messages/{attachment}/attachments/0");
    let own = studio.request(Method::GET, &path);
    let without_following =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let own = without_following.execute(own.build().unwrap()).await.unwrap();
    assert!([200, 302, 303, 307].contains(&own.status().as_u16()), "{}", own.status());
    let foreign = stranger.get(&path).await;
    assert_eq!((foreign.status, &foreign.body["detail"]), (404, &json!("attachment not found")));
    let known = stranger.get("/email/suppressions?email=eve@example.com").await.ok();
    let unknown = stranger.get("/email/suppressions?email=eva@example.com").await.ok();
    assert_eq!(known.to_string().replace("eve", "eva"), unknown.to_string());
    let mail = json!({"category": "conversation", "from_email": studio.email, "messages": [mail(7)]});
    assert_eq!(stranger.post("/email/send", mail).await.bad_fields(), [r#"["body","from_email"]"#]);
}

/// Lists of a business that has a conversation 7 with two texts, two changes of the label, and two of everything else.
const LISTS: [&str; 6] = [
    "/conversations?",
    "/conversations/7/messages?",
    "/conversations/7/messages/search?query=secret&",
    "/conversations/7/history?",
    "/clients?",
    "/staffs?",
];

async fn fill(studio: &Business<'_>, word: &str) {
    for (id, phone) in [(7, ADA), (8, "+14155550124")] {
        studio.put(&format!("/clients/{id}"), json!({"client_phone_number": phone})).await.ok();
        studio.post(&format!("/clients/{id}/conversation"), json!({})).await.ok();
        studio.put(&format!("/staffs/{id}"), json!({"staff_name": word})).await.ok();
        studio.post(&format!("/conversations/7/label?label={word}{id}"), json!({})).await.ok();
        studio.app.text(ADA, &studio.number, word).await;
    }
}

#[tokio::test]
async fn what_a_query_a_body_or_a_cursor_names_is_the_callers_own_too() {
    let app = App::start().await;
    let (studio, stranger) = (app.business().await, app.business().await);
    fill(&studio, "secret").await;
    stranger.put("/clients/7", json!({"client_phone_number": ADA})).await.ok();
    stranger.post("/clients/7/conversation", json!({})).await.ok();
    let assign = async |staff: u64| {
        let path = format!("/conversations/7/assign?staff_id={staff}");
        let refused = stranger.post(&path, json!({})).await;
        assert_eq!(refused.bad_fields(), [r#"["query","staff_id"]"#]);
        refused.body.to_string().replace(&staff.to_string(), "?")
    };
    assert_eq!(assign(8).await, assign(NOBODYS).await);

    let message = studio.get("/conversations/7/messages").await.ok()["items"][0]["message_id"].clone();
    for named in [
        json!({"message_ids": [message]}),
        json!({"last_read_message_id": message}),
        json!({"conversation_id": 7, "last_read_message_id": message}),
        json!({"conversation_id": 8}),
    ] {
        let marked = stranger.post("/messages/status", named.clone()).await.ok();
        assert_eq!((&marked["updated_count"], &marked["applied"]), (&json!(0), &json!(false)), "{named}");
    }
    assert_eq!(studio.client(7).await["unread_messages_count"], 2);

    fill(&stranger, "secret").await;
    for list in LISTS {
        let first = studio.get(&format!("{list}page_size=1")).await.ok();
        let cursor = first["next_cursor"].as_str().unwrap_or_else(|| panic!("{list} has one page: {first}"));
        let path = format!("{list}page_size=1&cursor={cursor}");
        assert_eq!(stranger.get(&path).await.bad_fields(), [r#"["query","cursor"]"#], "{list}");
        assert_eq!(studio.get(&path).await.ok()["items"].as_array().map(Vec::len), Some(1), "{list}");
    }
}

#[tokio::test]
async fn a_path_that_is_not_text_reaches_no_business() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.wire.clear();
    for segment in ["%FF", "%C3%28", "x", "1e3", ""] {
        let call = app.anonymous(Method::POST, &format!("/businesses/{segment}/sms/send"));
        let call = call.header("X-API-KEY", &studio.key).json(&studio.send_body(&[(7, ADA, "Hello")]));
        assert!([404, 422].contains(&send(call).await.status), "{segment}");
    }
    assert_eq!(app.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn the_cookie_is_as_good_as_the_header_and_the_header_comes_first() {
    let app = App::start().await;
    let studio = app.business().await;
    let read = || app.anonymous(Method::GET, &format!("/businesses/{}/clients/7", studio.id));
    studio.staff(STAFF, json!({"staff_name": "Ada"})).await;
    let token = studio.session(STAFF).await;
    let cookie = format!("theme=dark; session={token}; lang=en");

    assert_eq!(send(read().header("Cookie", &cookie)).await.status, 200);
    assert_eq!(send(read().header("Cookie", &cookie).header("X-API-KEY", "unknown")).await.status, 401);
    assert_eq!(send(read().header("Cookie", format!("Session={token}"))).await.status, 401);
    // A key is for programs: what a browser sends along by itself is no place for it.
    assert_eq!(send(read().header("Cookie", format!("session={}", studio.key))).await.status, 401);
}

/// The member of the staff whose sessions are tried.
const STAFF: u64 = 12;

/// Makes a business, and a credential of that role for it: its key, or a session of a member of the staff.
async fn somebody(app: &App, role: Role) -> (Business<'_>, String) {
    let studio = app.business().await;
    let token = match role {
        Role::Service => studio.key.clone(),
        Role::Owner | Role::Manager | Role::Staff => {
            studio.staff(STAFF, json!({"staff_name": "Ada", "role": role})).await;
            studio.session(STAFF).await
        }
        Role::Platform => studio.credential(role, None).await,
    };
    (studio, token)
}

/// The operations that are not for every role, by the least role that may call them. Programs of the business may call
/// everything but what is only for staff.
const OFFICE: [&str; 13] = [
    "rocketchatRegisterVisitor",
    "rocketchatCreateContact",
    "rocketchatUpdateContact",
    "rocketchatResolveContactConflicts",
    "rocketchatDeleteContact",
    "recordSms",
    "updateSmsStatus",
    "recordEmail",
    "updateEmailStatus",
    "upsertClient",
    "eraseClient",
    "upsertStaff",
    "upsertLocation",
];
const OWNERS: [&str; 4] = ["removeEmailSuppression", "listApiKeys", "createApiKey", "revokeApiKey"];
const PROGRAMS: [&str; 1] = ["generateAuthToken"];
const PEOPLE: [&str; 1] = ["getVoiceToken"];

/// Whether somebody of the business may call an operation that is not for the platform.
fn may(role: Role, operation: &str) -> bool {
    let above = |operations: &[&str]| !operations.contains(&operation);
    match role {
        Role::Service => above(&PEOPLE),
        Role::Owner => above(&PROGRAMS),
        Role::Manager => above(&PROGRAMS) && above(&OWNERS),
        Role::Staff => above(&PROGRAMS) && above(&OWNERS) && above(&OFFICE),
        Role::Platform => false,
    }
}

/// Credentials of a business that were good once: a session that expired, one that was ended, one of a member who was
/// deactivated, one of all that were ended, a key that expired and one that was revoked. With the member of the staff.
async fn over(studio: &Business<'_>) -> Vec<(&'static str, String, Option<u64>)> {
    let app = studio.app;
    let key = async |asked: Value| studio.post("/api-keys", asked).await.ok();
    let word = |value: &Value, name: &str| value[name].as_str().expect("a word").to_owned();
    let soon = app.clock.now().plus(std::time::Duration::from_secs(3600));
    let expiring = key(json!({"expires_at": soon.to_string()})).await;
    for staff in [1, 2, 3, 4] {
        studio.staff(staff, json!({"staff_name": "Ada", "role": "owner"})).await;
    }
    let expired = studio.session(1).await;
    app.clock.advance(std::time::Duration::from_secs(12 * 3600));
    let ended = studio.begins_session(2).await.ok();
    let of_all = studio.session(3).await;
    let gone = studio.session(4).await;
    let revoked = key(json!({})).await;
    let secrets =
        [&word(&ended, "access_token"), &of_all, &gone, &word(&revoked, "api_key")].map(String::clone);
    for secret in &secrets {
        // Each worked, and is remembered by the process.
        let read = app.anonymous(Method::GET, &format!("/businesses/{}/clients/7", studio.id));
        assert_eq!(send(read.header("X-API-KEY", secret)).await.status, 200);
    }
    let expire = async |asked: Value| {
        let call = app.anonymous(Method::POST, "/session/expire").header("X-API-KEY", &studio.key);
        send(call.json(&asked)).await.ok()
    };
    expire(json!({"session_id": ended["session_id"]})).await;
    expire(json!({"session_id": "all", "staff_id": 3})).await;
    studio.put("/staffs/4", json!({"staff_name": "Ada", "active": false})).await.ok();
    let path = format!("/api-keys/{}", word(&revoked, "key_id"));
    send(studio.request(Method::DELETE, &path)).await.ok();
    app.clock.advance(std::time::Duration::from_secs(5));
    let [ended, of_all, gone, revoked] = secrets;
    vec![
        ("expired session", expired, Some(1)),
        ("ended session", ended, Some(2)),
        ("session of all that were ended", of_all, Some(3)),
        ("session of somebody who is gone", gone, Some(4)),
        ("expired key", word(&expiring, "api_key"), None),
        ("revoked key", revoked, None),
    ]
}

/// Somebody who calls, and what they show.
struct Somebody {
    who: String,
    secret: Option<String>,
    /// Who they are on an interface that asks for it.
    user_id: String,
    /// What they may be in the business that is called. `None`: nobody, or no longer anybody.
    role: Option<Role>,
    /// Whether they are of another business.
    stranger: bool,
}

/// Everybody who may call: nobody, each role of the business and of another one, the platform, and what was good once.
async fn everybody(app: &App, studio: &Business<'_>) -> Vec<Somebody> {
    let somebody = |who: &str, secret: &str, staff: Option<(u64, u64)>, role, stranger| Somebody {
        who: who.to_owned(),
        secret: (!secret.is_empty()).then(|| secret.to_owned()),
        user_id: staff.map_or_else(|| credential_id(secret), |(business, staff)| user_id(business, staff)),
        role,
        stranger,
    };
    let over = over(studio).await;
    let of_studio = |staff: &Option<u64>| staff.map(|staff| (studio.id, staff));
    let mut all: Vec<Somebody> = over
        .iter()
        .map(|(who, secret, staff)| somebody(who, secret, of_studio(staff), None, false))
        .collect();
    all.push(somebody("nobody", "", None, None, false));
    all.push(somebody("unknown", "omega_0011223344556677_x", None, None, false));
    let other = app.business().await;
    for (business, stranger) in [(studio, false), (&other, true)] {
        let which = if stranger { "of another business" } else { "" };
        all.push(somebody(&format!("program {which}"), &business.key, None, Some(Role::Service), stranger));
        for (id, role) in [(21, Role::Owner), (22, Role::Manager), (23, Role::Staff)] {
            business.staff(id, json!({"staff_name": "Ada", "role": role})).await;
            let (who, session) = (format!("{role:?} {which}"), business.session(id).await);
            all.push(somebody(&who, &session, Some((business.id, id)), Some(role), stranger));
        }
        // The platform's key is configuration: a stored credential of that name opens nothing.
        let forged = business.credential(Role::Platform, None).await;
        let who = format!("forged platform {which}");
        all.push(somebody(&who, &forged, None, Some(Role::Platform), stranger));
    }
    all.push(somebody("platform", &app.local.platform_key, None, Some(Role::Platform), true));
    all
}

/// What a call is answered: `None` when it is let in.
fn refusal(somebody: &Somebody, route: &Route) -> Option<u16> {
    let is_platform = somebody.who == "platform";
    match (route.access, somebody.role) {
        (_, None) => Some(401),
        (Access::Platform, _) => (!is_platform).then_some(403),
        // Only the function that sets up businesses knows the platform's key.
        _ if is_platform => Some(401),
        // It is about the caller's own business, whichever that is.
        (_, Some(role))
            if ["expireSession", "nexhealthListInstitutions", "nexhealthGetInstitution"]
                .contains(&route.operation)
                || Surface::of(route.path) == Surface::RocketChat =>
        {
            (!may(role, route.operation)).then_some(403)
        }
        _ if somebody.stranger => Some(403),
        (_, Some(role)) => (!may(role, route.operation)).then_some(403),
    }
}

/// The table of routes and roles, as it works: every route of every function, called by everybody. Who is refused learns
/// nothing: the answer about another business is that about one that does not exist, byte by byte.
#[tokio::test]
async fn every_route_lets_in_whom_the_table_says_and_tells_nobody_else_anything() {
    let app = App::start().await;
    let studio = app.business().await;
    let request = "7b0b0f2e-5b2e-4f5c-9c3b-0a4f5b0e6a11";
    for somebody in everybody(&app, &studio).await {
        for route in guarded() {
            let surface = Surface::of(route.path);
            let to = |business: u64| {
                let call = call(&app, route, business, NOBODYS, request);
                let shown = somebody.secret.iter();
                shown.fold(call, |call, secret| surface.show(call, secret, &somebody.user_id))
            };
            let (who, operation) = (&somebody.who, route.operation);
            app.local.wire.clear();
            let Some(status) = refusal(&somebody, route) else {
                if route.operation.starts_with("rocketchatLogOut") {
                    // They would be somebody who was here.
                    continue;
                }
                let answer = send(to(studio.id)).await;
                assert!(![401, 403].contains(&answer.status), "{who}, {operation}: {}", answer.body);
                continue;
            };
            let (known, missing) = (whole(to(studio.id)).await, whole(to(NOBODY)).await);
            assert_eq!((known.0, known.2.as_str()), (status, surface.refusal(status)), "{who}, {operation}");
            assert_eq!(known, missing, "{who}, {operation}");
            assert_eq!(app.writes(), Vec::<String>::new(), "{who}, {operation}");
        }
    }
}

/// Signs in at an interface that begins sessions with a key.
fn signing_in(app: &App, route: &Route, secret: &str) -> RequestBuilder {
    let call = app.at_origin(route.method.clone(), route.path);
    match Surface::of(route.path) {
        Surface::NexHealth => call.header("Authorization", secret),
        Surface::RocketChat | Surface::Omega => call.json(&json!({"user": "21", "password": secret})),
    }
}

/// Only a key that works begins a session, and everybody else learns nothing of who could.
#[tokio::test]
async fn only_a_key_that_works_begins_a_session() {
    let app = App::start().await;
    let studio = app.business().await;
    let everybody = everybody(&app, &studio).await;
    for route in ROUTES.iter().filter(|route| route.access == Access::SignsIn) {
        let refused = whole(signing_in(&app, route, "")).await;
        assert_eq!(refused.0, 401, "{}", route.operation);
        for somebody in &everybody {
            let (who, operation) = (&somebody.who, route.operation);
            app.local.wire.clear();
            let answer = whole(signing_in(&app, route, somebody.secret.as_deref().unwrap_or_default())).await;
            if somebody.role == Some(Role::Service) {
                assert!([200, 201].contains(&answer.0), "{who}, {operation}: {}", answer.2);
                continue;
            }
            assert_eq!(answer, refused, "{who}, {operation}");
            assert_eq!(app.writes(), Vec::<String>::new(), "{who}, {operation}");
        }
    }
}

#[tokio::test]
async fn a_session_that_is_over_opens_nothing() {
    let app = App::start().await;
    let (studio, token) = somebody(&app, Role::Owner).await;
    let path = format!("/businesses/{}/clients/7", studio.id);
    let read = || send(app.anonymous(Method::GET, &path).header("X-API-KEY", &token));
    assert_eq!(read().await.status, 200);

    app.clock.advance(std::time::Duration::from_secs(12 * 3600));

    assert_eq!(read().await.status, 401);
}

/// What a text from Ada looks like when Twilio tells of it.
fn inbound(app: &App, studio: &Business<'_>, text: &str) -> Vec<(&'static str, String)> {
    vec![
        ("MessageSid", "SM1".to_owned()),
        ("AccountSid", app.local.twilio_account.account_sid.clone()),
        ("From", ADA.to_owned()),
        ("To", studio.number.clone()),
        ("Body", text.to_owned()),
        ("MessageStatus", "failed".to_owned()),
        ("ErrorCode", "21610".to_owned()),
    ]
}

fn encoded(form: &[(&str, String)]) -> String {
    let escape = |text: &str| text.replace('+', "%2B").replace(' ', "+");
    form.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&")
}

const WEBHOOKS: [&str; 4] =
    ["/twilio/sms/reply", "/twilio/sms/status", "/twilio/voice/status", "/voice-calls/twiml"];

fn posted(app: &App, path: &str, body: &str, signature: Option<&str>) -> RequestBuilder {
    let call = app.anonymous(Method::POST, path).header("Content-Type", "application/x-www-form-urlencoded");
    let call = call.body(body.to_owned());
    match signature {
        Some(signature) => call.header("X-Twilio-Signature", signature),
        None => call,
    }
}

fn signed(app: &App, path: &str, body: &str) -> String {
    let url = format!("{}{path}", app.local.base_url);
    signature::twilio::sign_form(&app.local.twilio_account.auth_token, &url, body.as_bytes())
}

#[tokio::test]
async fn every_webhook_is_in_the_table_and_no_other_route_goes_without_a_credential() {
    let open = ROUTES.iter().filter(|route| route.access == Access::TwilioSigned);
    let paths: Vec<String> = open.map(|route| route.path.replace("/omega", "")).collect();
    assert_eq!(paths, WEBHOOKS);
    let public = ROUTES.iter().filter(|route| route.access == Access::Public);
    let open = ["/omega/health", "/omega/health/db", "/api/info", "/api/v1/info"];
    assert!(public.into_iter().all(|route| open.contains(&route.path)));
}

#[tokio::test]
async fn what_twilio_did_not_sign_is_forbidden_and_changes_nothing() {
    let app = App::start().await;
    let studio = app.business().await;
    let body = encoded(&inbound(&app, &studio, "STOP"));
    app.local.wire.clear();
    for path in WEBHOOKS {
        let other_path = WEBHOOKS.into_iter().find(|other| *other != path).unwrap();
        let wrong = [
            None,
            Some(String::new()),
            Some("x".to_owned()),
            Some(signed(&app, path, &body).to_lowercase()),
            Some(signed(&app, path, &format!("{body}&Extra=1"))),
            Some(signed(&app, other_path, &body)),
            Some(signature::twilio::sign_form(
                "another token",
                &format!("{}{path}", app.local.base_url),
                body.as_bytes(),
            )),
        ];
        for signature in wrong {
            let answer = send_raw(posted(&app, path, &body, signature.as_deref())).await;
            assert_eq!(answer, (403, r#"{"detail":"Forbidden"}"#.to_owned()), "{path} {signature:?}");
        }
        let with_query = format!("{path}?business=1&client=2&message=3&attempt=1");
        let answer = posted(&app, &with_query, &body, Some(&signed(&app, path, &body)));
        assert_eq!(send(answer).await.status, 403, "the address is signed, its query too");
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
    studio.queue(7, ADA, "Still allowed").await;
    app.drain().await;
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn what_is_signed_for_another_account_is_forbidden() {
    let app = App::start().await;
    let studio = app.business().await;
    let mut form = inbound(&app, &studio, "STOP");
    form[1].1 = "AC00000000000000000000000000000002".to_owned();
    let body = encoded(&form);
    app.local.wire.clear();
    for path in WEBHOOKS {
        let answer = send(posted(&app, path, &body, Some(&signed(&app, path, &body)))).await;
        assert_eq!((answer.status, answer.body), (403, json!({"detail": "Forbidden"})));
    }
    assert_eq!(app.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_twilio_signed_but_left_incomplete_is_told_so() {
    let app = App::start().await;
    for (path, fields) in [
        (WEBHOOKS[0], vec![r#"["body","From"]"#]),
        (WEBHOOKS[1], vec![r#"["body","MessageSid"]"#]),
        (WEBHOOKS[2], vec![r#"["body","CallSid"]"#]),
        (WEBHOOKS[3], vec![r#"["body","From"]"#]),
    ] {
        let refused = send(posted(&app, path, "", Some(&signed(&app, path, "")))).await;
        assert_eq!(refused.bad_fields(), fields);
    }
}

#[tokio::test]
async fn without_the_secret_every_webhook_is_forbidden_and_health_says_so() {
    let app = App::start().await;
    let studio = app.business().await;
    let account = &app.local.twilio_account;
    let settings = |token: Option<&str>, origin: &str| {
        let (sid, token) = (account.account_sid.clone(), token.map(str::to_owned));
        web::twilio::Settings::new(sid, token, None, origin.to_owned())
    };
    let store = app.local.sweeper().store.clone();
    let body = encoded(&inbound(&app, &studio, "STOP"));
    app.local.wire.clear();
    for incomplete in [settings(None, &app.local.origin), settings(Some(&account.auth_token), "")] {
        assert!(!incomplete.is_ready());
        let health = health::State { store: store.clone(), twilio_webhooks: incomplete.is_ready() };
        let calls = voice_calls::State {
            edge: web::Edge::new(store.clone(), None),
            webhook: incomplete.clone(),
            voice: crate::voice::not_set_up(),
        };
        let state = twilio_webhooks::State { store: store.clone(), webhook: incomplete };
        let routes = twilio_webhooks::routes(state).merge(health::routes(health));
        let routes = web::app(routes.merge(voice_calls::routes(calls)));
        for path in WEBHOOKS {
            let request = http::Request::post(format!("/omega{path}"))
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-twilio-signature", signed(&app, path, &body))
                .body(axum::body::Body::from(body.clone()))
                .unwrap();
            assert_eq!(routes.clone().oneshot(request).await.unwrap().status(), 403);
        }
        let request = http::Request::get("/omega/health").body(axum::body::Body::empty()).unwrap();
        let answer = routes.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let told = answer.into_body().collect().await.unwrap().to_bytes();
        let told: Value = serde_json::from_slice(&told).unwrap();
        assert_eq!(
            (&told["status"], &told["services"][0]["status"]),
            (&json!("degraded"), &json!("unavailable"))
        );
    }
    assert_eq!(app.local.wire.operations("dynamodb"), Vec::<String>::new());
}

#[tokio::test]
async fn a_signed_report_about_a_message_of_another_business_changes_nothing_there() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    let id = studio.queue(7, ADA, "Hello").await;
    app.drain().await;
    let sid = app.local.twilio.outbox()[0].sid.clone();

    let path = format!("/twilio/sms/status?business={}&client=7&message={id}&attempt=1", other.id);
    let form = [("MessageSid", sid), ("MessageStatus", "failed".to_owned())];
    let body = encoded(&form);
    let answer = send(posted(&app, &path, &body, Some(&signed(&app, &path, &body)))).await;

    assert_eq!(answer.status, 200);
    assert_eq!(studio.status(id).await, "delivered");
    app.local.twilio.send_callbacks(&app.local.twilio.outbox()[0].sid, [Callback::from("delivered")]).await;
    assert_eq!(studio.status(id).await, "delivered");
}
