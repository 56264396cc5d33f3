//! Bodies of Rocket.Chat's interface that are forms, as `curl -d` sends them.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use reqwest::Method;
use serde_json::{Value, json};
use signature::secret;

use crate::app::{Answered, App, Business, send};
use crate::rocketchat_contacts::global;
use crate::rocketchat_login::User;

const FORM: &str = "application/x-www-form-urlencoded";
const CONTACTS: &str = "/api/v1/omnichannel";

/// A form of these names and values.
fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    fields
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect::<Vec<_>>()
        .join("&")
}

async fn log_in(app: &App, kind: &str, body: String) -> Answered {
    send(app.at_origin(Method::POST, "/api/v1/login").header("content-type", kind).body(body)).await
}

impl User {
    async fn posts(&self, app: &App, path: &str, fields: &[(&str, &str)]) -> Answered {
        let call = self.request(app, Method::POST, &format!("{CONTACTS}/{path}"));
        send(call.header("content-type", FORM).body(form(fields))).await
    }

    async fn contact(&self, app: &App, id: &str) -> Value {
        self.get(app, &format!("{CONTACTS}/contacts.get?contactId={id}")).await.ok()["contact"].clone()
    }
}

async fn with_owner(app: &App) -> Business<'_> {
    let studio = app.business().await;
    let owner = json!({"staff_name": "Olga", "staff_email": "olga+1@studio.example", "role": "owner"});
    studio.staff(12, owner).await;
    studio
}

#[tokio::test]
async fn login_by_form_is_login() {
    let app = App::start().await;
    let studio = with_owner(&app).await;
    let key = studio.key.as_str();
    let digest = secret::digest(key);
    for (kind, body) in [
        (FORM, form(&[("user", "12"), ("password", key)])),
        ("application/x-www-form-urlencoded; charset=UTF-8", form(&[("username", "12"), ("password", key)])),
        ("Application/X-WWW-Form-URLencoded", form(&[("password", key), ("email", "olga+1@studio.example")])),
        (FORM, form(&[("user", "12"), ("password[digest]", &digest), ("password[algorithm]", "sha-256")])),
        // What `curl -d '{…}'` says of JSON, and what says nothing of itself.
        (FORM, json!({"user": "12", "password": key}).to_string()),
        ("text/plain", json!({"user": "12", "password": key}).to_string()),
    ] {
        let begun = log_in(&app, kind, body.clone()).await.ok();
        assert_eq!(begun["data"]["userId"], global(&studio, 12), "{kind} {body}");
        let token = begun["data"]["authToken"].as_str().unwrap();
        let resumed = log_in(&app, FORM, form(&[("resume", token)])).await.ok();
        assert_eq!(resumed["data"]["authToken"], token);
    }
    for body in ["user=12&password=wrong", "user=12", "", "=", "%ff=%fe", "password[digest]=x&user=12"] {
        assert_eq!(log_in(&app, FORM, body.to_owned()).await.status, 401, "{body}");
    }
}

#[tokio::test]
async fn a_visitor_by_form_is_the_visitor_of_the_same_json() {
    let app = App::start().await;
    let studio = with_owner(&app).await;
    let olga = studio.logs_in(12).await;
    let fields = [
        ("token", "123"),
        ("name", "Ana Silva & Söhne"),
        ("email", "Ana@Example.com"),
        ("phone", "+14155550111"),
        ("customFields[plan]", "gold"),
        ("customFields[room-2]", "a=b"),
        ("contactManager[username]", "12"),
    ];
    let made = olga.posts(&app, "contact", &fields).await.ok();
    let id = made["contact"].as_str().unwrap();
    let visitor = olga.get(&app, &format!("{CONTACTS}/contact?contactId={id}")).await.ok()["contact"].clone();
    assert_eq!(visitor["name"], "Ana Silva & Söhne");
    assert_eq!(visitor["visitorEmails"], json!([{"address": "ana@example.com"}]));
    assert_eq!(visitor["phone"], json!([{"phoneNumber": "+14155550111"}]));
    assert_eq!(visitor["livechatData"], json!({"plan": "gold", "room-2": "a=b"}));
    assert_eq!((&visitor["contactManager"], &visitor["token"]), (&json!({"username": "12"}), &json!("123")));
    let json = json!({"token": "123", "name": "Ana", "email": "ana@example.com"});
    assert_eq!(olga.post(&app, &format!("{CONTACTS}/contact"), json).await.ok(), made);
    let missing = olga.posts(&app, "contact", &[("name", "Ana")]).await;
    assert_eq!((missing.status, &missing.body["error"]), (400, &json!("Match error: Missing key 'token'")));
    let unknown = olga.posts(&app, "contact", &[("token", "t"), ("name", "Ana"), ("text", "x")]).await;
    assert_eq!(unknown.body["error"], "Match error: Unknown key in field text");
}

#[tokio::test]
async fn contacts_are_made_changed_blocked_and_deleted_by_form() {
    let app = App::start().await;
    let studio = with_owner(&app).await;
    let olga = studio.logs_in(12).await;
    let fields = [
        ("name", "Ben"),
        ("emails[]", "ben@example.com"),
        ("emails[]", "b@example.com"),
        ("phones[0]", "+14155550112"),
        ("customFields[plan]", "gold"),
        ("contactManager", &global(&studio, 12)),
    ];
    let made = olga.posts(&app, "contacts", &fields).await.ok();
    let id = made["contactId"].as_str().unwrap();
    let ben = olga.contact(&app, id).await;
    assert_eq!(ben["emails"], json!([{"address": "ben@example.com"}, {"address": "b@example.com"}]));
    assert_eq!(ben["phones"], json!([{"phoneNumber": "+14155550112"}]));
    assert_eq!(ben["customFields"], json!({"plan": "gold"}));
    assert_eq!(ben["contactManager"], global(&studio, 12));

    let changes = [("contactId", id), ("name", "Benno"), ("emails[]", ""), ("wipeConflicts", "true")];
    olga.posts(&app, "contacts.update", &changes).await.ok();
    let ben = olga.contact(&app, id).await;
    assert_eq!((&ben["name"], &ben["emails"]), (&json!("Benno"), &json!([])));

    let pair = [("visitor[visitorId]", id), ("visitor[source][type]", "sms")];
    olga.posts(&app, "contacts.block", &pair).await.ok();
    assert_eq!(olga.contact(&app, id).await["channels"][0]["blocked"], true);
    olga.posts(&app, "contacts.unblock", &pair).await.ok();
    assert_eq!(olga.contact(&app, id).await["channels"][0]["blocked"], false);
    let conflicts = olga.posts(&app, "contacts.conflicts", &[("contactId", id)]).await;
    assert_eq!(conflicts.body["error"], "error-contact-has-no-conflicts");
    let invalid =
        olga.posts(&app, "contacts.update", &[("contactId", id), ("wipeConflicts", "perhaps")]).await;
    assert_eq!(invalid.body["error"], "must be boolean [invalid-params]");
    olga.posts(&app, "contacts.delete", &[("contactId", id)]).await.ok();
    let gone = olga.get(&app, &format!("{CONTACTS}/contacts.get?contactId={id}")).await;
    assert_eq!(gone.status, 404);
    assert_eq!(
        olga.request(&app, Method::POST, "/api/v1/logout")
            .header("content-type", FORM)
            .body("a=b")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
