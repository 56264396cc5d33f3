//! Roles: nobody changes who stands above them, nobody makes or takes a role above their own, and the last owner stays.

use std::time::Duration;

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use web::access::{Access, ROUTES};

use crate::app::{Answered, App, Business, send};

/// Longer than a process believes what it read of a credential.
const FORGOTTEN: Duration = Duration::from_secs(6);
const FORBIDDEN: &str = r#"{"detail":"Forbidden"}"#;

/// Operations that change a member, a session, a key or a setting. Each has a walk over the roles in this file, or is
/// nobody's of the business to call.
const GUARDED: [&str; 15] = [
    "upsertStaff",
    "generateAuthToken",
    "expireSession",
    "createApiKey",
    "revokeApiKey",
    "upsertLocation",
    "removeEmailSuppression",
    "getVoiceToken",
    "rocketchatLogIn",
    "rocketchatLogOut",
    "rocketchatLogOutByGet",
    "nexhealthAuthenticate",
    "onboardBusiness",
    "replaceApiKeys",
    "listApiKeys",
];

/// Operations that change clients, conversations and messages, and nothing that a role is read from.
const WORK: [&str; 33] = [
    "queueSms",
    "recordSms",
    "updateSmsStatus",
    "previewSms",
    "queueEmail",
    "recordEmail",
    "updateEmailStatus",
    "handleEmailProviderWebhook",
    "receiveEmail",
    "unsubscribe",
    "cancelMessage",
    "retryMessage",
    "retryMessageLegacy",
    "processMessage",
    "createOrGetConversation",
    "upsertClient",
    "addConversationNote",
    "assignConversation",
    "updateConversationStatus",
    "labelConversation",
    "updateMessagesReadStatus",
    "flagMessage",
    "eraseClient",
    "twilioIncomingSms",
    "twilioSmsStatus",
    "twilioVoiceStatus",
    "handleTwimlCall",
    "rocketchatRegisterVisitor",
    "rocketchatCreateContact",
    "rocketchatUpdateContact",
    "rocketchatBlockContact",
    "rocketchatUnblockContact",
    "rocketchatResolveContactConflicts",
];

const STAFF_ROLES: [&str; 3] = ["owner", "manager", "staff"];

fn rank(role: &str) -> u8 {
    match role {
        "service" | "owner" => 3,
        "manager" => 2,
        "staff" => 1,
        other => panic!("{other} is no role"),
    }
}

/// Whoever acts in a business: its program, and one member of each role.
struct Actors<'a> {
    studio: Business<'a>,
    secrets: Vec<(&'static str, u64, String)>,
}

impl<'a> Actors<'a> {
    /// Members 1 to 3 are owner, manager and staff.
    async fn of(app: &'a App) -> Actors<'a> {
        let studio = app.business().await;
        let mut secrets = vec![("service", 0, studio.key.clone())];
        for (id, role) in (1..).zip(STAFF_ROLES) {
            studio.staff(id, json!({"staff_name": role, "role": role})).await;
            secrets.push((role, id, studio.session(id).await));
        }
        Actors { studio, secrets }
    }

    async fn ask(&self, secret: &str, method: Method, path: &str, body: &Value) -> Answered {
        let call = self.studio.app.anonymous(method, path).header("X-API-KEY", secret);
        send(call.json(body)).await
    }

    async fn put(&self, secret: &str, staff: u64, body: &Value) -> Answered {
        let path = format!("/businesses/{}/staffs/{staff}", self.studio.id);
        self.ask(secret, Method::PUT, &path, body).await
    }

    async fn expire(&self, secret: &str, asked: Value) -> Answered {
        self.ask(secret, Method::POST, "/session/expire", &asked).await
    }

    /// How many active owners the directory shows.
    async fn owners(&self) -> usize {
        let page = self.studio.get("/staffs?page_size=100").await.ok();
        let rows = page["items"].as_array().expect("rows").iter();
        rows.filter(|row| row["role"] == "owner" && row["active"] == true).count()
    }
}

/// 200, or 403 in the words of every other refusal.
#[track_caller]
fn is_allowed(answer: &Answered, case: &str) -> bool {
    match answer.status {
        200 => true,
        403 => {
            assert_eq!(answer.body.to_string(), FORBIDDEN, "{case}");
            false
        }
        other => panic!("{case}: {other} {}", answer.body),
    }
}

#[test]
fn every_operation_that_changes_something_is_walked_here_or_is_work_on_conversations() {
    for route in ROUTES.iter().filter(|route| route.method != Method::GET) {
        // Signed webhooks and sealed links have no role.
        let has_a_case = GUARDED.contains(&route.operation)
            || WORK.contains(&route.operation)
            || route.operation == "rocketchatDeleteContact";
        assert!(has_a_case, "{} has no case here", route.operation);
    }
}

#[test]
fn only_owners_and_programs_may_call_what_only_they_may_change() {
    use domain::access::Role;
    for route in ROUTES.iter().filter(|route| GUARDED.contains(&route.operation)) {
        let Access::Business(roles) = route.access else { continue };
        let expected: &[Role] = match route.operation {
            "generateAuthToken" => &[Role::Service],
            "listApiKeys" | "createApiKey" | "revokeApiKey" | "removeEmailSuppression" => {
                &[Role::Service, Role::Owner]
            }
            "upsertStaff" | "upsertLocation" => &[Role::Service, Role::Owner, Role::Manager],
            "getVoiceToken" => &[Role::Owner, Role::Manager, Role::Staff],
            "expireSession" | "rocketchatLogOut" | "rocketchatLogOutByGet" => {
                &[Role::Service, Role::Owner, Role::Manager, Role::Staff]
            }
            other => panic!("{other} has no case here"),
        };
        assert_eq!(roles, expected, "{}", route.operation);
    }
}

#[tokio::test]
async fn nobody_changes_a_member_above_them_or_gives_a_role_above_their_own() {
    let app = App::start().await;
    let actors = Actors::of(&app).await;
    let changes = [
        json!({"staff_name": "New"}),
        json!({"staff_name": "Old", "staff_email": "new@example.com"}),
        json!({"staff_name": "Old", "staff_phone_number": "+14155550199"}),
        json!({"staff_name": "Old", "location_ids": [7]}),
        json!({"staff_name": "Old", "active": false}),
        json!({"staff_name": "Old", "active": true}),
        json!({"staff_name": "Old", "role": null}),
        json!({"staff_name": "Old", "role": "staff"}),
        json!({"staff_name": "Old", "role": "manager"}),
        json!({"staff_name": "Old", "role": "owner"}),
    ];
    let mut next = 100;
    for (actor, _, secret) in &actors.secrets {
        for target in STAFF_ROLES {
            for active in [true, false] {
                for change in &changes {
                    next += 1;
                    let entry = json!({"staff_name": "Old", "role": target, "active": active});
                    let before = actors.studio.staff(next, entry).await;
                    let to = match &change["role"] {
                        Value::String(role) => role.as_str(),
                        Value::Null if change.get("role").is_some() => "staff",
                        _ => target,
                    };
                    let expected =
                        *actor != "staff" && rank(actor) >= rank(target) && rank(actor) >= rank(to);
                    let case = format!("{actor} sends {change} for {target}, active: {active}");
                    let answer = actors.put(secret, next, change).await;
                    assert_eq!(is_allowed(&answer, &case), expected, "{case}");
                    let after = actors.studio.get(&format!("/staffs/{next}")).await.ok();
                    if expected {
                        assert_eq!(after["role"], to, "{case}");
                    } else {
                        assert_eq!(after, before, "{case}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_creates_a_member_above_them() {
    let app = App::start().await;
    let actors = Actors::of(&app).await;
    let mut next = 100;
    for (actor, _, secret) in &actors.secrets {
        for role in STAFF_ROLES {
            next += 1;
            let answer = actors.put(secret, next, &json!({"staff_name": "New", "role": role})).await;
            let expected = *actor != "staff" && rank(actor) >= rank(role);
            assert_eq!(is_allowed(&answer, role), expected, "{actor} creates {role}");
            let stored = actors.studio.get(&format!("/staffs/{next}")).await.ok();
            assert_eq!(stored.is_null(), !expected, "{actor} creates {role}");
        }
    }
}

#[tokio::test]
async fn a_manager_cannot_make_itself_owner_and_can_step_down() {
    let app = App::start().await;
    let actors = Actors::of(&app).await;
    let (_, id, manager) = &actors.secrets[2];
    let raised = actors.put(manager, *id, &json!({"staff_name": "Manager", "role": "owner"})).await;
    assert_eq!(raised.status, 403);
    app.clock.advance(FORGOTTEN);
    let keys = format!("/businesses/{}/api-keys", actors.studio.id);
    assert_eq!(actors.ask(manager, Method::POST, &keys, &json!({})).await.status, 403);
    assert_eq!(
        actors.put(manager, *id, &json!({"staff_name": "Manager", "role": "staff"})).await.status,
        200
    );
    app.clock.advance(FORGOTTEN);
    assert_eq!(
        actors.put(manager, *id, &json!({"staff_name": "Manager", "role": "manager"})).await.status,
        403
    );
}

#[tokio::test]
async fn sessions_are_ended_by_their_member_and_by_whoever_stands_at_least_as_high() {
    let app = App::start().await;
    let actors = Actors::of(&app).await;
    let (studio, mut next) = (&actors.studio, 100);
    let opens = async |token: &str| {
        let path = format!("/businesses/{}/staffs", studio.id);
        actors.ask(token, Method::GET, &path, &Value::Null).await.status == 200
    };
    for (actor, _, secret) in &actors.secrets {
        for target in STAFF_ROLES {
            for way in ["one", "one of", "all"] {
                next += 1;
                studio.staff(next, json!({"staff_name": "Other", "role": target})).await;
                let begun = studio.begins_session(next).await.ok();
                let token = begun["access_token"].as_str().expect("a token").to_owned();
                let asked = match way {
                    "one" => json!({"session_id": begun["session_id"]}),
                    "one of" => json!({"session_id": begun["session_id"], "staff_id": next}),
                    _ => json!({"session_id": "all", "staff_id": next}),
                };
                let case = format!("{actor} ends {way} of {target}");
                let answer = actors.expire(secret, asked).await;
                let expected = *actor != "staff" && rank(actor) >= rank(target);
                assert_eq!(is_allowed(&answer, &case), expected, "{case}");
                assert_eq!(opens(&token).await, !expected, "{case}");
            }
        }
    }
    // Everybody ends their own, at the end of the walk.
    for (actor, id, secret) in actors.secrets.iter().skip(1) {
        let own = studio.begins_session(*id).await.ok();
        assert!(is_allowed(&actors.expire(secret, json!({"session_id": own["session_id"]})).await, actor));
        assert!(is_allowed(&actors.expire(secret, json!({"session_id": "all"})).await, actor));
    }
}

#[tokio::test]
async fn a_programs_session_is_ended_by_programs_and_owners_only() {
    let app = App::start().await;
    let actors = Actors::of(&app).await;
    for (actor, _, secret) in &actors.secrets {
        let call = app.at_origin(Method::POST, "/authenticates").header("Authorization", &actors.studio.key);
        let begun = send(call).await;
        let token = begun.body["data"]["token"].as_str().expect("a token").to_owned();
        let claims = token.split('.').nth(1).expect("claims");
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
        let claims: Value = serde_json::from_slice(&claims.expect("base64")).expect("JSON");
        let answer = actors.expire(secret, json!({"session_id": claims["jti"]})).await;
        assert_eq!(is_allowed(&answer, actor), rank(actor) == 3, "{actor}");
    }
}

#[tokio::test]
async fn keys_and_settings_are_for_the_roles_that_the_table_names() {
    let app = App::start().await;
    let actors = Actors::of(&app).await;
    let id = actors.studio.id;
    for (actor, _, secret) in &actors.secrets {
        let keys = format!("/businesses/{id}/api-keys");
        assert_eq!(
            actors.ask(secret, Method::GET, &keys, &Value::Null).await.status == 200,
            rank(actor) == 3
        );
        let made = actors.ask(secret, Method::POST, &keys, &json!({"name": "Other"})).await;
        assert_eq!(is_allowed(&made, actor), rank(actor) == 3, "{actor}");
        let other = match made.body["key_id"].as_str() {
            Some(key) => key.to_owned(),
            None => {
                actors.studio.get("/api-keys").await.ok()["items"][0]["key_id"].to_string().replace('"', "")
            }
        };
        let revoked = actors.ask(secret, Method::DELETE, &format!("{keys}/{other}"), &Value::Null).await;
        assert_eq!(is_allowed(&revoked, actor), rank(actor) == 3, "{actor}");
        let location = format!("/businesses/{id}/locations/7");
        let named = actors.ask(secret, Method::PUT, &location, &json!({"name": "Place"})).await;
        assert_eq!(is_allowed(&named, actor), rank(actor) >= 2, "{actor}");
        let suppression = format!("/businesses/{id}/email/suppressions/remove");
        let asked = json!({"email": "ada@example.com", "reason": "asked for"});
        let lifted = actors.ask(secret, Method::POST, &suppression, &asked).await.status;
        assert_eq!(lifted, if rank(actor) == 3 { 404 } else { 403 }, "{actor}");
        let begun = json!({"business_id": id, "wl_user_id": 1});
        let begun = actors.ask(secret, Method::POST, "/auth/token", &begun).await.status;
        assert_eq!(begun, if *actor == "service" { 200 } else { 403 }, "{actor}");
        let replaced =
            actors.ask(secret, Method::POST, &format!("/business/{id}/api-key"), &Value::Null).await;
        assert!([401, 403].contains(&replaced.status), "{actor}");
        let onboarded =
            actors.ask(secret, Method::POST, "/business/onboard", &json!({"business_id": id})).await;
        assert!([401, 403].contains(&onboarded.status), "{actor}");
    }
}

/// A session is believed for five seconds. What is made in them must not outlast the role.
#[tokio::test]
async fn a_role_that_was_just_lost_makes_no_key_and_no_member() {
    let app = App::start().await;
    for lost in [json!({"staff_name": "Ben", "role": "staff"}), json!({"staff_name": "Ben", "active": false})]
    {
        let actors = Actors::of(&app).await;
        let studio = &actors.studio;
        studio.staff(9, json!({"staff_name": "Ben", "role": "owner"})).await;
        let ben = studio.session(9).await;
        let keys = format!("/businesses/{}/api-keys", studio.id);
        let listed = actors.ask(&ben, Method::GET, &keys, &Value::Null).await.ok();

        studio.staff(9, lost.clone()).await;

        let made = actors.ask(&ben, Method::POST, &keys, &json!({})).await;
        assert_eq!(made.status, 403, "{lost}");
        let key = listed["items"][0]["key_id"].as_str().expect("a key").to_owned();
        let extra = studio.post("/api-keys", json!({})).await.ok();
        let revoked = actors.ask(&ben, Method::DELETE, &format!("{keys}/{key}"), &Value::Null).await;
        assert_eq!(revoked.status, 403, "{lost}: {extra}");
        let again = json!({"staff_name": "Ben", "role": "owner", "active": true});
        for (staff, change) in [
            (9, again),
            (3, json!({"staff_name": "Cy", "role": "owner"})),
            (1, json!({"staff_name": "Zoë", "active": false})),
            (50, json!({"staff_name": "New", "role": "owner"})),
        ] {
            let refused = actors.put(&ben, staff, &change).await.status;
            assert!([401, 403].contains(&refused), "{lost}: {change}: {refused}");
        }
        assert_eq!(actors.owners().await, 1);
    }
}

#[tokio::test]
async fn the_last_active_owner_is_neither_lowered_nor_deactivated_by_anybody() {
    let app = App::start().await;
    let actors = Actors::of(&app).await;
    let own = actors.secrets[1].2.clone();
    // An owner who is gone is no owner to fall back on.
    actors.studio.staff(8, json!({"staff_name": "Gone", "role": "owner", "active": false})).await;
    for secret in [&actors.studio.key, &own] {
        for change in [
            json!({"staff_name": "Zoë", "role": "manager"}),
            json!({"staff_name": "Zoë", "role": null}),
            json!({"staff_name": "Zoë", "active": false}),
            json!({"staff_name": "Zoë", "role": "staff", "active": false}),
        ] {
            let refused = actors.put(secret, 1, &change).await;
            assert_eq!(refused.status, 409, "{change}: {}", refused.body);
            let told = json!({
                "detail": "it is the only active owner: make somebody else an owner first",
                "current": {"active_owner_ids": [1]},
            });
            assert_eq!(refused.body, told);
        }
        assert_eq!(actors.put(secret, 1, &json!({"staff_name": "Zoë King"})).await.status, 200);
    }
    actors.studio.staff(9, json!({"staff_name": "Ben", "role": "owner"})).await;
    assert_eq!(actors.put(&own, 1, &json!({"staff_name": "Zoë", "role": "staff"})).await.status, 200);
    assert_eq!(actors.owners().await, 1);
}

#[tokio::test]
async fn a_business_without_an_owner_stays_possible() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(2, json!({"staff_name": "Ben", "role": "manager"})).await;
    studio.staff(2, json!({"staff_name": "Ben", "active": false})).await;
    studio.staff(1, json!({"staff_name": "Zoë", "role": "owner", "active": false})).await;
    assert_eq!(studio.staff(1, json!({"staff_name": "Zoë", "role": "staff"})).await["role"], "staff");
}

#[tokio::test]
async fn two_owners_who_remove_each_other_at_once_do_not_both_succeed() {
    let app = App::start().await;
    for round in 0..8 {
        let actors = Actors::of(&app).await;
        actors.studio.staff(9, json!({"staff_name": "Ben", "role": "owner"})).await;
        let (zoe, ben) = (actors.secrets[1].2.clone(), actors.studio.session(9).await);
        let change = if round % 2 == 0 {
            json!({"staff_name": "Gone", "active": false})
        } else {
            json!({"staff_name": "Gone", "role": "staff"})
        };
        let (first, second) = join(actors.put(&zoe, 9, &change), actors.put(&ben, 1, &change)).await;
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert!(statuses == [200, 403] || statuses == [200, 409], "{statuses:?}");
        assert_eq!(actors.owners().await, 1);
    }
}

#[tokio::test]
async fn of_owners_who_are_all_removed_at_once_one_stays() {
    let app = App::start().await;
    for owners in [2, 3, 5] {
        let actors = Actors::of(&app).await;
        let ids: Vec<u64> = (0..owners).map(|owner| if owner == 0 { 1 } else { 100 + owner }).collect();
        for id in &ids {
            actors.studio.staff(*id, json!({"staff_name": "Owner", "role": "owner"})).await;
        }
        let gone = json!({"staff_name": "Gone", "active": false});
        let answers = join_all(ids.iter().map(|id| actors.put(&actors.studio.key, *id, &gone))).await;
        assert_eq!(actors.owners().await, 1);
        let refused: Vec<u16> =
            answers.iter().map(|answer| answer.status).filter(|status| *status != 200).collect();
        assert_eq!(refused, [409]);
    }
}

/// A manager who renames a member while that one becomes an owner: whatever comes first, the manager never changes an
/// owner.
#[tokio::test]
async fn a_manager_who_is_overtaken_by_a_promotion_changes_nothing_of_an_owner() {
    let app = App::start().await;
    for round in 0..8 {
        let actors = Actors::of(&app).await;
        let manager = actors.secrets[2].2.clone();
        let id = 200 + round;
        actors.studio.staff(id, json!({"staff_name": "Ben", "role": "manager"})).await;
        let promoted = json!({"staff_name": "Ben", "role": "owner"});
        let lowered = json!({"staff_name": "Ben", "role": "staff"});
        let (raised, answer) =
            join(actors.put(&actors.studio.key, id, &promoted), actors.put(&manager, id, &lowered)).await;
        assert_eq!(raised.status, 200);
        let allowed = is_allowed(&answer, "lowering");
        // Allowed means that it came before the promotion, which holds then as it does otherwise.
        let stored = actors.studio.get(&format!("/staffs/{id}")).await.ok();
        assert_eq!(stored["role"], "owner", "allowed: {allowed}");
    }
}
