//! Whose number it is and what was written never reach the log.

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::{Running, until};

/// The number, the words, the names, the mail address, and what staff say, that no line of the log may hold.
const NUMBER: &str = "+14155557319";
const DIGITS: &str = "4155557319";
const WORDS: &str = "canary-words-of-a-client";
const NAME: &str = "Canary Clientname";
const MAIL: &str = "canary@example.com";
const NOTE: &str = "canary-note-among-staff";
const LABEL: &str = "canary-label";
const PLACE: &str = "Canary Location";
const LOOKED_FOR: &str = "canary-looked-for";
const CANARIES: [&str; 9] = [NUMBER, DIGITS, WORDS, NAME, MAIL, NOTE, LABEL, PLACE, LOOKED_FOR];
/// The demo business's number, and one that is nobody's.
const STUDIO: &str = "+14155550100";
const NOBODY: &str = "+14155559999";

#[tokio::test]
async fn the_whole_journey_leaves_no_personal_data_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let runner = Running::start(folder.path(), &["--empty"]).await;
    let fake = runner.word("twilio_url");
    let http = reqwest::Client::new();
    let control = async |path: &str, body: Value| {
        http.post(format!("{fake}/fake{path}")).json(&body).send().await.unwrap();
    };
    let say = async |to: &str, body: &str| {
        control("/clients/send", json!({"from": NUMBER, "to": to, "body": body})).await
    };
    let texts = |body: Value| json!({"category": "conversation", "messages": body});
    let to_ada = json!([{"client_id": 7, "to_phone_number": NUMBER, "message": WORDS}]);

    runner.call(Method::PUT, "/clients/7", json!({"client_name": NAME, "client_phone_number": NUMBER})).await;
    let (status, accepted) = runner.call(Method::POST, "/sms/send", texts(to_ada.clone())).await;
    assert_eq!(status, 200, "{accepted}");
    let sent = accepted["items"][0]["message_id"].as_u64().unwrap();
    staff_work(&runner, sent).await;
    // What is refused, at every door.
    runner.call(Method::PUT, "/clients/7", json!({"client_name": 7, "client_phone_number": WORDS})).await;
    runner.call(Method::POST, "/sms/send", texts(json!([NUMBER, {"to_phone_number": DIGITS}]))).await;
    runner.call(Method::POST, "/sms/send", json!({"category": WORDS})).await;
    runner.call(Method::GET, &format!("/clients/{DIGITS}"), json!({})).await;
    runner.call(Method::GET, &format!("/{WORDS}/{NUMBER}"), json!({})).await;
    // What comes from elsewhere.
    let recorded = json!({"category": "notification", "from_phone_number": NUMBER, "sender_type": "client",
                          "messages": [{"client_id": 7, "to_phone_number": STUDIO, "message": WORDS}]});
    runner.call(Method::POST, "/sms/record", recorded).await;
    say(STUDIO, WORDS).await;
    say(NOBODY, WORDS).await;
    say(STUDIO, "STOP").await;
    runner.call(Method::POST, "/sms/send", texts(to_ada.clone())).await;
    say(STUDIO, "START").await;
    control("/script", json!({"answers": [{"refuse": 21211}]})).await;
    let (_, accepted) = runner.call(Method::POST, "/sms/send", texts(to_ada)).await;
    let refused = accepted["items"][0]["message_id"].as_u64().unwrap();
    until(async || {
        let sent = runner.call(Method::GET, &format!("/messages/{sent}"), json!({})).await.1;
        let refused = runner.call(Method::GET, &format!("/messages/{refused}"), json!({})).await.1;
        sent["status"] == "delivered" && refused["status"] == "failed"
    })
    .await;
    call_and_be_called(&runner).await;
    let mailed = exchange_mail(&runner).await;
    let given_out = sign_in(&runner).await;
    let told_to_others = speak_as_others(&runner).await;

    let (status, _) = runner.call(Method::DELETE, "/clients/7", json!({})).await;
    assert!(status < 300, "{status}");

    let names = ["api_key", "platform_key", "twilio_auth_token", "twilio_api_key_secret", "email_token_key"];
    let secrets = names
        .map(|name| runner.word(name))
        .into_iter()
        .chain(mailed)
        .chain(given_out)
        .chain(told_to_others)
        .collect::<Vec<String>>();
    let log = runner.kill().await;
    assert!(log.contains("text handed over"), "{log}");
    assert!(log.contains("/omega/businesses/{business_id}/sms/send"), "{log}");
    assert!(log.contains("/omega/businesses/{business_id}/conversations/{conversation_id}/notes"), "{log}");
    assert!(log.contains("/api/v1/omnichannel/contact.search"), "{log}");
    for canary in CANARIES.into_iter().chain(secrets.iter().map(String::as_str)) {
        let found = log.lines().find(|line| line.contains(canary));
        assert_eq!(found, None, "a line of the log holds {canary}");
    }
}

/// Makes a key and a session, and uses them, rightly and wrongly. Returns both.
async fn sign_in(runner: &Running) -> Vec<String> {
    let http = reqwest::Client::new();
    let base = runner.word("base_url");
    let word = |value: &Value, name: &str| value[name].as_str().expect("a secret").to_owned();
    let key = word(&runner.call(Method::POST, "/api-keys", json!({"name": NAME})).await.1, "api_key");
    let asked = json!({"business_id": runner.ready["business_id"], "wl_user_id": 13});
    let begun = http.post(format!("{base}/auth/token")).header("X-API-KEY", &key).json(&asked);
    let token =
        word(&begun.send().await.expect("an answer").json().await.expect("a session"), "access_token");
    let end = http.post(format!("{base}/session/expire")).header("Cookie", format!("session={token}"));
    for (origin, status) in [("https://evil.example", 403), (base.trim_end_matches("/omega"), 422)] {
        let call =
            end.try_clone().expect("no stream").header("Origin", origin).json(&json!({"session_id": token}));
        assert_eq!(call.send().await.expect("an answer").status().as_u16(), status, "{origin}");
    }
    vec![key, token]
}

/// Calls as clients of Rocket.Chat and NexHealth do, rightly and wrongly, with what is personal wherever there is room.
/// Returns the tokens.
async fn speak_as_others(runner: &Running) -> Vec<String> {
    let http = reqwest::Client::new();
    let (base, key) = (runner.word("base_url"), runner.word("api_key"));
    let origin = base.trim_end_matches("/omega");
    let json_of = async |call: reqwest::RequestBuilder| -> Value {
        let answer = call.send().await.expect("an answer");
        assert!(answer.status().as_u16() < 500, "{}", answer.status());
        answer.json().await.expect("JSON")
    };
    let log_in = |body: Value| json_of(http.post(format!("{origin}/api/v1/login")).json(&body));
    log_in(json!({"user": MAIL, "password": WORDS})).await;
    let begun = log_in(json!({"user": "13", "password": key})).await;
    let program = http.post(format!("{origin}/authenticates")).header("Authorization", &key);
    let program = json_of(program).await;
    let tokens = [&begun["data"]["authToken"], &program["data"]["token"]];
    let tokens = tokens.map(|token| token.as_str().expect("a token").to_owned());

    let id = key.split('_').nth(1).expect("an id").to_owned();
    let contacts = |method: Method, path: &str| {
        let call = http.request(method, format!("{origin}/api/v1/omnichannel/{path}"));
        call.header("X-Auth-Token", &key).header("X-User-Id", &id)
    };
    let fields = json!({"field": WORDS});
    let visitor =
        json!({"token": LOOKED_FOR, "name": NAME, "email": MAIL, "phone": NUMBER, "customFields": fields});
    let conversations = |query: &[(&str, &str)]| {
        http.get(format!("{origin}/conversations")).query(query).bearer_auth(&tokens[1])
    };
    for call in [
        contacts(Method::POST, "contact").json(&visitor),
        contacts(Method::POST, "contact").json(&json!({"token": 7, "name": NAME, NUMBER: WORDS})),
        contacts(Method::POST, "contacts").json(&json!({"name": NAME, "emails": MAIL, "phones": [NUMBER]})),
        contacts(Method::POST, "contacts").json(&json!({"name": NAME, "emails": [MAIL], "phones": [NUMBER]})),
        contacts(Method::GET, "contact").query(&[("contactId", NAME), (WORDS, NUMBER)]),
        contacts(Method::GET, "contact.search").query(&[("phone", NUMBER), ("email", MAIL)]),
        contacts(Method::GET, "contacts.search").query(&[("searchText", NAME)]),
        contacts(Method::GET, "contacts.get").query(&[("contactId", NAME)]),
        conversations(&[("subdomain", NAME), ("location_id", WORDS)]),
        conversations(&[("subdomain", local::seed::SUBDOMAIN), ("location_id", "3"), (WORDS, NUMBER)]),
    ] {
        json_of(call).await;
    }
    tokens.into()
}

/// Calls in both directions, taken and refused, with the number and names in every field that has room.
async fn call_and_be_called(runner: &Running) {
    runner.call(Method::PUT, "/staffs/13", json!({"staff_name": NAME, "staff_phone_number": NUMBER})).await;
    let browser = format!("client:b{}_s13", runner.ready["business_id"]);
    let (twiml, status) = ("/voice-calls/twiml", "/twilio/voice/status");
    let calls = [
        (twiml, "CA1", NUMBER, STUDIO, "ringing"),
        (twiml, "CA2", NUMBER, NOBODY, "ringing"),
        (twiml, "CA3", WORDS, STUDIO, "ringing"),
        (twiml, "CA4", browser.as_str(), NUMBER, "ringing"),
        (twiml, "CA5", browser.as_str(), WORDS, "ringing"),
        (twiml, "CA6", "client:Canary Clientname", NUMBER, "ringing"),
        (status, "CA1", NUMBER, STUDIO, "completed"),
        (status, "CA7", NUMBER, STUDIO, "no-answer"),
        (status, "CA8", NUMBER, NOBODY, "busy"),
    ];
    for (path, sid, from, to, word) in calls {
        let form = [("CallSid", sid), ("From", from), ("To", to), ("CallStatus", word), ("CallerName", NAME)];
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body = form.map(|(name, value)| format!("{name}={}", encode(value))).join("&");
        let url = format!("{}{path}", runner.word("base_url"));
        let signature =
            signature::twilio::sign_form(&runner.word("twilio_auth_token"), &url, body.as_bytes());
        let request = reqwest::Client::new().post(url).header("x-twilio-signature", signature);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        assert_eq!(request.send().await.expect("an answer").status().as_u16(), 200, "{path} {sid}");
    }
}

/// Mail there and back, with words, names and addresses in every field that has room. Returns what seals its links.
async fn exchange_mail(runner: &Running) -> Vec<String> {
    let ses = runner.word("ses_url");
    let http = reqwest::Client::new();
    let fake = async |path: &str, body: Value| {
        let answer = http.post(format!("{ses}/fake{path}")).json(&body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.text().await.expect("a body"));
    };
    let mail = json!({"client_id": 7, "to_email": MAIL, "subject": WORDS, "message": WORDS, "html": WORDS, "cc_email": [MAIL],
                      "attachments": [{"filename": WORDS, "content": "SGVsbG8="}]});
    let campaign = json!({"category": "campaign", "messages": [mail]});
    let (status, accepted) = runner.call(Method::POST, "/email/send", campaign.clone()).await;
    assert_eq!(status, 200, "{accepted}");
    let id = accepted["items"][0]["message_id"].as_u64().expect("an id");
    until(async || {
        let sent = runner.call(Method::GET, &format!("/messages/{id}"), json!({})).await.1;
        sent["status"] == "delivered"
    })
    .await;
    fake("/reply", json!({"id": "newest", "text": WORDS, "headers": {"X-Canary": WORDS}})).await;
    let strange = json!({"from": MAIL, "to": MAIL, "subject": WORDS, "text": WORDS});
    fake("/mails", strange).await;
    fake("/events", json!({"id": "newest", "event": "Bounce", "bounce_type": "Permanent"})).await;
    until(async || {
        let path = format!("/email/suppressions?email={MAIL}");
        runner.call(Method::GET, &path, json!({})).await.1["suppressed"] == true
    })
    .await;
    runner.call(Method::POST, "/email/send", campaign).await;
    runner
        .call(Method::POST, "/email/send", json!({"category": WORDS, "messages": [{"to_email": WORDS}]}))
        .await;
    let recorded = json!({"category": "campaign", "from_email": MAIL, "messages": [
        {"client_id": 7, "to_email": MAIL, "subject": WORDS, "message": WORDS, "cc_email": [WORDS]}]});
    runner.call(Method::POST, "/email/record", recorded).await;
    let shown: Value =
        http.get(format!("{ses}/fake/mails")).send().await.expect("an answer").json().await.expect("JSON");
    let text = shown.to_string();
    let sealed = |mark: &str| {
        let from = text.find(mark).map(|at| at + mark.len()).expect("a sealed link");
        text[from..].chars().take_while(char::is_ascii_alphanumeric).collect::<String>()
    };
    vec![sealed("/email/unsubscribe/"), sealed("r+")]
}

/// What staff do with the conversation, and with message `sent` of it.
async fn staff_work(runner: &Running, sent: u64) {
    let staff = json!({"staff_name": NAME, "staff_phone_number": NUMBER, "staff_email": MAIL});
    let place = json!({"name": PLACE, "address": PLACE, "phone_number": NUMBER});
    let good = [
        (Method::PUT, "/staffs/12".to_owned(), staff),
        (Method::PUT, "/locations/3".to_owned(), place),
        (Method::GET, "/staffs?search=Canary%20Clientname".to_owned(), json!({})),
        (Method::GET, "/clients?search=Canary%20Clientname".to_owned(), json!({})),
        (Method::GET, format!("/clients?search={DIGITS}"), json!({})),
        (Method::GET, "/conversations?search=Canary%20Clientname".to_owned(), json!({})),
        (Method::GET, format!("/conversations?search={LOOKED_FOR}"), json!({})),
        (Method::GET, "/conversations/filters".to_owned(), json!({})),
        (Method::POST, "/conversations/7/assign?staff_id=12".to_owned(), json!({})),
        (Method::POST, format!("/conversations/7/label?label={LABEL}"), json!({})),
        (Method::POST, "/conversations/7/notes".to_owned(), json!({"note": NOTE, "staff_id": 12})),
        (Method::POST, format!("/messages/{sent}/flag"), json!({})),
        (Method::POST, "/messages/status".to_owned(), json!({"conversation_id": 7})),
        (Method::POST, "/conversations/7/status?status=resolved".to_owned(), json!({})),
        (Method::GET, "/conversations/7/messages".to_owned(), json!({})),
        (Method::GET, "/conversations/7/history".to_owned(), json!({})),
        (Method::GET, format!("/conversations/7/messages/search?query={WORDS}"), json!({})),
        (Method::GET, format!("/conversations/7/messages/search?query={LOOKED_FOR}"), json!({})),
        // Somebody who goes, and whose conversations are taken from them.
        (Method::PUT, "/staffs/12".to_owned(), json!({"staff_name": NAME, "active": false})),
    ];
    for (method, path, body) in good {
        let (status, answer) = runner.call(method, &path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    let bad = [
        (Method::PUT, "/staffs/12".to_owned(), json!({"staff_name": 7, "staff_email": NAME})),
        (Method::PUT, "/locations/3".to_owned(), json!({"name": 7, "phone_number": PLACE})),
        (
            Method::GET,
            format!("/conversations?status={LOOKED_FOR}&cursor={LABEL}&updated_since={NAME}"),
            json!({}),
        ),
        (Method::GET, format!("/clients?page={LOOKED_FOR}"), json!({})),
        (Method::POST, "/conversations/7/notes".to_owned(), json!({"note": [NOTE]})),
        (Method::POST, format!("/conversations/7/label?label={}", LABEL.repeat(9)), json!({})),
        (Method::POST, format!("/conversations/7/assign?staff_id={NAME}"), json!({})),
        (Method::POST, "/messages/status".to_owned(), json!({"conversation_id": WORDS})),
        (Method::GET, format!("/conversations/{LOOKED_FOR}/messages/search?query={WORDS}"), json!({})),
    ];
    for (method, path, body) in bad {
        let (status, answer) = runner.call(method, &path, body).await;
        assert_eq!(status, 422, "{path}: {answer}");
    }
}
