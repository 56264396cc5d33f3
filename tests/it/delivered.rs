//! What a provider delivered is taken literally: any sender is a client who is shown and found, and no length of a field
//! loses a text.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use local::fake_twilio::ClientText;
use serde_json::{Value, json};

use crate::app::{App, Business, send};

const ADA: &str = "+14155550123";
/// A number of Côte d'Ivoire that the metadata does not know.
const UNKNOWN: &str = "+22507070707";
const REPLY: &str = "/omega/twilio/sms/reply";
const STATUS: &str = "/omega/twilio/sms/status";
const TWIML: &str = "/omega/voice-calls/twiml";

impl App {
    /// Posts a form with Twilio's signature; the status of the response.
    async fn posts_signed(&self, origin: &str, path: &str, form: &[(String, String)]) -> u16 {
        let account = ("AccountSid".to_owned(), self.local.twilio_account.account_sid.clone());
        let pairs = form.iter().chain(std::iter::once(&account));
        let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let (body, url) = (pairs.join("&"), format!("{origin}{path}"));
        let token = &self.local.twilio_account.auth_token;
        let signature = signature::twilio::sign_form(token, &url, body.as_bytes());
        let request = reqwest::Client::new()
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature)
            .body(body);
        request.send().await.unwrap().status().as_u16()
    }

    async fn delivers(&self, path: &str, form: &[(&str, &str)]) -> u16 {
        let form: Vec<(String, String)> =
            form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.posts_signed(&self.local.origin, path, &form).await
    }
}

impl Business<'_> {
    /// A text arrives, signed by Twilio.
    async fn delivered(&self, sid: &str, from: &str, body: &str) -> u16 {
        let form = [("MessageSid", sid), ("From", from), ("To", self.number.as_str()), ("Body", body)];
        self.app.delivers(REPLY, &form).await
    }

    /// Every message of the business, oldest first.
    pub async fn every_message(&self) -> Vec<Value> {
        let mut messages = Vec::new();
        for (_, id) in self.app.message_ids(self.id).await {
            messages.push(self.message(id).await);
        }
        messages.sort_by_key(|message| message["message_id"].as_u64());
        messages
    }

    /// The rows of a list for a search.
    async fn rows_found(&self, list: &str, search: &str) -> Vec<Value> {
        let request = self.request(reqwest::Method::GET, &format!("/{list}")).query(&[("search", search)]);
        let body = send(request).await.ok();
        body["items"].as_array().unwrap_or_else(|| panic!("{body}")).clone()
    }
}

#[tokio::test]
async fn any_sender_is_a_client_of_its_own_who_is_shown_and_found() {
    let app = App::start().await;
    let studio = app.business().await;
    let senders = [
        (UNKNOWN, UNKNOWN),
        ("68849", "68849"),
        ("SUPPORT", "support"),
        ("AbcdefghijklmN", "abcdefg"),
        ("My.Shop.de", "my.shop"),
        ("Käsehaus Zürich", "kasehaus"),
        ("料金センター", "料金"),
        ("911", "911"),
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("client:alice", "client:alice"),
        ("whatsapp:+14155550123", "whatsapp:+14155550123"),
        ("rcs:brand_agent", "rcs:brand"),
        ("ada@example.com", "ada@example"),
        ("+12345678901234567890", "01234567890"),
        ("1-800-FLOWERS!", "1-800-flowers"),
        ("#hash#", "#hash"),
    ];
    for (n, (from, _)) in senders.iter().enumerate() {
        assert_eq!(studio.delivered(&format!("SM{n}"), from, &format!("I am {n}")).await, 200, "{from}");
        assert_eq!(studio.delivered(&format!("SM{n}"), from, "again").await, 200, "{from}");
    }
    let messages = studio.every_message().await;
    assert_eq!(messages.len(), senders.len());
    let clients: std::collections::BTreeSet<u64> =
        messages.iter().map(|message| message["client_id"].as_u64().unwrap()).collect();
    assert_eq!(clients.len(), senders.len(), "each sender is a client of its own");
    for (n, (from, search)) in senders.iter().enumerate() {
        let message = messages.iter().find(|message| message["message"] == format!("I am {n}")).unwrap();
        assert_eq!(message["from_address"], *from);
        let client = studio.client(message["client_id"].as_u64().unwrap()).await;
        assert_eq!(client["client_phone_number"], *from);
        let name = if *from == UNKNOWN { Value::Null } else { json!(from) };
        assert_eq!(client["client_name"], name);
        assert_eq!(client["unread_messages_count"], 1, "{from}");
        for list in ["conversations", "clients"] {
            let rows = studio.rows_found(list, search).await;
            let ids: Vec<&Value> = rows.iter().map(|row| &row["client_id"]).collect();
            assert!(ids.contains(&&message["client_id"]), "{list}: {search}: {rows:?}");
        }
        // The same sender again is the same client.
        studio.delivered(&format!("SN{n}"), from, "Hello again").await;
        assert_eq!(studio.client(client["client_id"].as_u64().unwrap()).await["unread_messages_count"], 2);
    }
}

#[tokio::test]
async fn withheld_sender_of_a_text_is_anonymous_and_a_form_without_sender_is_refused() {
    let app = App::start().await;
    let studio = app.business().await;
    assert_eq!(studio.delivered("SM1", "", "Who am I?").await, 200);
    assert_eq!(studio.delivered("SM2", "+266696687", "Who am I?").await, 200);
    let messages = studio.every_message().await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["client_id"], messages[1]["client_id"]);
    let client = studio.client(messages[0]["client_id"].as_u64().unwrap()).await;
    assert_eq!((&client["client_name"], &client["client_phone_number"]), (&json!("Anonymous"), &Value::Null));
    let form = [("MessageSid", "SM3"), ("To", studio.number.as_str()), ("Body", "x")];
    assert_eq!(app.delivers(REPLY, &form).await, 422);
}

#[tokio::test]
async fn number_that_the_metadata_does_not_know_can_be_answered_once_it_wrote() {
    let app = App::start().await;
    let studio = app.business().await;
    let refused = studio.post("/sms/send", studio.send_body(&[(7, UNKNOWN, "Hi")])).await;
    assert_eq!(refused.status, 422, "nobody wrote from it yet");
    studio.delivered("SM1", UNKNOWN, "Bonjour").await;
    let client = studio.every_message().await[0]["client_id"].as_u64().unwrap();
    studio.post("/sms/send", studio.send_body(&[(client, UNKNOWN, "Salut")])).await.ok();
    let process =
        json!({"business_id": studio.id, "channel": "sms", "client_id": client, "message": "Ça va ?"});
    let post = app.anonymous(reqwest::Method::POST, "/messages/process").header("X-API-KEY", &studio.key);
    send(post.json(&process)).await.ok();
    app.drain().await;
    let sent = [(UNKNOWN.to_owned(), "Salut".to_owned()), (UNKNOWN.to_owned(), "Ça va ?".to_owned())];
    assert_eq!(app.sent(), sent);
    let unknown = studio.send_body(&[(client, "+22507070708", "Hi")]);
    assert_eq!(studio.post("/sms/send", unknown).await.status, 422, "another number wrote nothing");
}

#[tokio::test]
async fn sender_that_is_a_name_cannot_be_answered_and_the_refusal_says_why() {
    let app = App::start().await;
    let studio = app.business().await;
    for (n, from) in ["SUPPORT", "AbcdefghijklmN", "68849", "sip:alice@example.com"].iter().enumerate() {
        studio.delivered(&format!("SM{n}"), from, "Hello").await;
        let last = studio.every_message().await.pop().unwrap();
        let process = json!({"business_id": studio.id, "channel": "sms", "client_id": last["client_id"], "message": "Hi"});
        let post = app.anonymous(reqwest::Method::POST, "/messages/process").header("X-API-KEY", &studio.key);
        let refused = send(post.json(&process)).await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.to_string().contains("nobody can answer it"), "{}", refused.body);
    }
    assert_eq!(app.sent(), []);
}

#[tokio::test]
async fn stop_of_an_unknown_number_counts() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.delivered("SM1", UNKNOWN, "STOP").await;
    let client = studio.every_message().await[0]["client_id"].as_u64().unwrap();
    let body = studio.send_body(&[(client, UNKNOWN, "Sale!")]);
    assert_eq!(studio.post("/sms/send", body.clone()).await.ok()["items"][0]["status"], "blocked");
    studio.delivered("SM2", UNKNOWN, "START").await;
    assert_eq!(studio.post("/sms/send", body).await.ok()["items"][0]["status"], "queued");
}

#[tokio::test]
async fn stop_of_a_sender_without_a_number_is_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    for (n, from) in ["AbcdefghijklmN", "sip:alice@example.com", "68849"].iter().enumerate() {
        assert_eq!(studio.delivered(&format!("SM{n}"), from, "stop").await, 200);
        let business = domain::BusinessId::new(studio.id).unwrap();
        let address = domain::address::Address::delivered(from, Default::default());
        assert!(app.local.sender().store.is_opted_out(business, &address).await.unwrap(), "{from}");
    }
}

#[tokio::test]
async fn recorded_text_of_any_sender_is_kept_and_a_typed_national_number_is_read_first() {
    let app = App::start().await;
    let studio = app.business().await;
    let senders =
        ["(415) 555-0123", UNKNOWN, "AbcdefghijklmN", "My.Shop", "whatsapp:+14155550123", "68849", "911"];
    for (n, from) in senders.iter().enumerate() {
        let entry = json!({"client_id": 100 + n, "to_phone_number": from, "message": format!("to {n}")});
        let body = json!({"category": "conversation", "sender_type": "staff",
            "from_phone_number": studio.number, "messages": [entry]});
        studio.post("/sms/record", body).await.ok();
        let entry =
            json!({"client_id": 200 + n, "to_phone_number": studio.number, "message": format!("from {n}")});
        let body = json!({"category": "conversation", "sender_type": "client",
            "from_phone_number": from, "messages": [entry]});
        // `from` is the client's here: the address that the text came from.
        studio.post("/sms/record", body).await.ok();
    }
    app.drain().await;
    let messages = studio.every_message().await;
    assert_eq!(messages.len(), 2 * senders.len());
    for (n, from) in senders.iter().enumerate() {
        let right = if n == 0 { ADA } else { from };
        let to = messages.iter().find(|message| message["message"] == format!("to {n}")).unwrap();
        assert_eq!(to["to_address"], right);
        let got = messages.iter().find(|message| message["message"] == format!("from {n}")).unwrap();
        assert_eq!(got["from_address"], right);
    }
    let empty = json!({"client_id": 1, "to_phone_number": " ", "message": "x"});
    let body = json!({"category": "conversation", "from_phone_number": studio.number, "messages": [empty]});
    assert_eq!(studio.post("/sms/record", body).await.status, 422);
}

#[tokio::test]
async fn callers_without_a_number_are_told_apart_and_those_who_withhold_it_are_one() {
    let app = App::start().await;
    let studio = app.business().await;
    let callers = ["sip:alice@example.com", "sip:bob@example.com", UNKNOWN, "68849", "whatsapp:+14155550123"];
    for (n, from) in callers.iter().enumerate() {
        let form =
            [("CallSid", format!("CA{n}")), ("From", (*from).to_owned()), ("To", studio.number.clone())];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(app.delivers(TWIML, &form).await, 200, "{from}");
    }
    for (n, from) in
        ["anonymous", "Restricted", "+86282452253", "+7378742833", "sip:anonymous@anonymous.invalid"]
            .iter()
            .enumerate()
    {
        let sid = format!("CB{n}");
        let form = [("CallSid", sid.as_str()), ("From", *from), ("To", studio.number.as_str())];
        assert_eq!(app.delivers(TWIML, &form).await, 200, "{from}");
    }
    let messages = studio.every_message().await;
    assert_eq!(messages.len(), 10);
    for from in callers {
        let of_theirs: Vec<&Value> =
            messages.iter().filter(|message| message["from_address"] == from).collect();
        assert_eq!(of_theirs.len(), 1, "{from}");
        let client = studio.client(of_theirs[0]["client_id"].as_u64().unwrap()).await;
        assert_eq!(client["client_phone_number"], from);
    }
    let anonymous = messages.iter().filter(|message| message["from_address"] == "Anonymous");
    let clients: Vec<&Value> = anonymous.map(|message| &message["client_id"]).collect();
    assert_eq!(clients.len(), 5);
    assert!(clients.iter().all(|client| *client == clients[0]));
}

#[tokio::test]
async fn no_length_of_a_delivered_field_is_an_error_or_loses_a_text() {
    let app = App::start().await;
    let studio = app.business().await;
    let long = |n: usize| "x".repeat(n);
    let text = |sid: String, from: String, body: String, more: Vec<(String, String)>| {
        let pairs = [("MessageSid", sid), ("From", from), ("To", studio.number.clone()), ("Body", body)];
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
        pairs.chain(more).collect::<Vec<_>>()
    };
    let origin = app.local.origin.clone();
    // Two ids that differ at their end only are two texts, and the same one again is the same text.
    for sid in [long(5_000), long(5_001), long(5_000)] {
        assert_eq!(
            app.posts_signed(&origin, REPLY, &text(sid, ADA.to_owned(), "id".to_owned(), vec![])).await,
            200
        );
    }
    assert_eq!(studio.every_message().await.len(), 2);
    for from in [long(5_000), long(5_001), "#".repeat(3_000), "界".repeat(3_000)] {
        let form = text(format!("SM{}", from.len()), from, "from".to_owned(), vec![]);
        assert_eq!(app.posts_signed(&origin, REPLY, &form).await, 200);
    }
    assert_eq!(studio.every_message().await.len(), 6);
    let body = "a".repeat(300 * 1024);
    assert_eq!(
        app.posts_signed(&origin, REPLY, &text("SMb".to_owned(), ADA.to_owned(), body.clone(), vec![])).await,
        200
    );
    assert_eq!(
        studio.every_message().await.pop().unwrap()["message"],
        json!(body),
        "a body of 300 KB is stored whole"
    );
    let giant = text("SMg".to_owned(), ADA.to_owned(), "ö".repeat(500_000), vec![]);
    assert_eq!(app.posts_signed(&origin, REPLY, &giant).await, 200);
    let kept = studio.every_message().await.pop().unwrap()["message"].as_str().unwrap().to_owned();
    assert!(kept.len() > 300_000 && kept.ends_with("[…]"), "it is cut with a mark");
    let media = |n: usize| {
        [
            (format!("MediaUrl{n}"), format!("https://api.twilio.com/{n}/{}", long(1_500))),
            (format!("MediaContentType{n}"), long(3_000)),
        ]
    };
    let mut more: Vec<(String, String)> = (0..50).flat_map(media).collect();
    more.push(("NumMedia".to_owned(), "50".to_owned()));
    more.push(("OptOutType".to_owned(), long(400_000)));
    let form = text("SMm".to_owned(), ADA.to_owned(), "b".repeat(300 * 1024), more);
    assert_eq!(app.posts_signed(&origin, REPLY, &form).await, 200);
    let with_media = studio.every_message().await.pop().unwrap();
    assert_eq!(with_media["attachments"].as_array().map(Vec::len), Some(50));
    // To a number of nobody: kept aside.
    let mut form = text(long(7_000), long(7_000), "d".repeat(300 * 1024), vec![]);
    form[2].1 = long(7_000);
    assert_eq!(app.posts_signed(&origin, REPLY, &form).await, 200);
}

#[tokio::test]
async fn long_text_that_comes_by_the_fallback_is_stored() {
    let app = App::start().await;
    let studio = app.business().await;
    let long = |length: usize| "x".repeat(length);
    let fields = [
        ("MessageSid", long(6_000)),
        ("From", long(6_000)),
        ("To", studio.number.clone()),
        ("Body", "c".repeat(300 * 1024)),
    ];
    let form: Vec<(String, String)> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(app.posts_signed(&app.local.fallback_url, REPLY, &form).await, 200);
    app.drain().await;
    assert_eq!(studio.every_message().await[0]["message"], json!(form[3].1));
}

#[tokio::test]
async fn no_length_of_a_report_or_a_call_is_an_error() {
    let app = App::start().await;
    let studio = app.business().await;
    let long = "x".repeat(400_000);
    for sid in [&long[..5_000], &long[..5_001]] {
        for _ in 0..2 {
            let form = [("CallSid", sid), ("From", ADA), ("To", studio.number.as_str())];
            assert_eq!(app.delivers(TWIML, &form).await, 200);
        }
        let form = [("CallSid", sid), ("CallStatus", &long), ("CallDuration", &long)];
        assert_eq!(app.delivers("/omega/twilio/voice/status", &form).await, 200);
        let ended = [("CallSid", sid), ("CallStatus", "completed")];
        assert_eq!(app.delivers("/omega/twilio/voice/status", &ended).await, 200);
    }
    assert_eq!(studio.every_message().await.len(), 2);
    for status in ["delivered", &long] {
        let form = [("MessageSid", long.as_str()), ("MessageStatus", status), ("ErrorCode", &long)];
        assert_eq!(app.delivers(STATUS, &form).await, 200, "a report of an unknown text");
    }
    let id = studio.queue(7, ADA, "Hi").await;
    app.drain().await;
    let sid = studio.message(id).await["provider_message_id"].as_str().unwrap().to_owned();
    let form = [("MessageSid", sid.as_str()), ("MessageStatus", &long), ("From", &long), ("To", &long)];
    assert_eq!(app.delivers(STATUS, &form).await, 200);
}

#[tokio::test]
async fn media_type_that_the_provider_names_is_shown() {
    let app = App::start().await;
    let studio = app.business().await;
    let types =
        ["image/heic", "audio/amr", "text/x-vcard", "video/3gpp", "Text/vCard; charset=utf-8", "no type", ""];
    let right = [
        json!("image/heic"),
        json!("audio/amr"),
        json!("text/x-vcard"),
        json!("video/3gpp"),
        json!("text/vcard"),
        Value::Null,
        Value::Null,
    ];
    let mut form: Vec<(String, String)> = vec![
        ("MessageSid".to_owned(), "MM1".to_owned()),
        ("From".to_owned(), ADA.to_owned()),
        ("To".to_owned(), studio.number.clone()),
        ("NumMedia".to_owned(), types.len().to_string()),
    ];
    for (n, kind) in types.iter().enumerate() {
        form.push((format!("MediaUrl{n}"), format!("https://api.twilio.com/media/{n}")));
        form.push((format!("MediaContentType{n}"), (*kind).to_owned()));
    }
    assert_eq!(app.posts_signed(&app.local.origin, REPLY, &form).await, 200);
    let message = studio.every_message().await.pop().unwrap();
    let shown: Vec<&Value> =
        message["attachments"].as_array().unwrap().iter().map(|one| &one["content_type"]).collect();
    assert_eq!(shown, right.iter().collect::<Vec<_>>());
    assert_eq!(message["attachments"][6]["url"], "https://api.twilio.com/media/6");
}

#[tokio::test]
async fn sender_in_another_script_is_found_by_the_backfill_too() {
    let app = App::start().await;
    let studio = app.business().await;
    app.local.twilio.client_sends(ClientText::new("Käsehaus", &studio.number, "Grüezi")).await;
    app.enqueue(&app.local.sms_queue_url, r#"{"v":1,"type":"backfill_inbound"}"#).await;
    app.drain().await;
    let messages = studio.every_message().await;
    assert_eq!((messages.len(), &messages[0]["from_address"]), (1, &json!("Käsehaus")));
}

#[tokio::test]
async fn short_code_becomes_the_client_whom_the_directory_names_with_it() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.delivered("SM1", "68849", "Your code is 1234").await;
    let stranger = studio.every_message().await[0]["client_id"].as_u64().unwrap();
    studio.put(&format!("/clients/{stranger}"), json!({"client_name": "Bank"})).await.ok();
    let client = studio.client(stranger).await;
    assert_eq!((&client["client_name"], &client["client_phone_number"]), (&json!("Bank"), &json!("68849")));
    assert_eq!(studio.rows_found("clients", "68849").await.len(), 1);
    assert_eq!(studio.rows_found("clients", "bank").await.len(), 1);
    studio.delivered("SM2", "68849", "Your code is 5678").await;
    assert_eq!(studio.client(stranger).await["messages_count"].as_u64().unwrap_or(2), 2);
}

#[tokio::test]
async fn erased_sender_without_a_number_is_a_stranger_again() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.delivered("SM1", "sip:alice@example.com", "Hello").await;
    let client = studio.every_message().await[0]["client_id"].as_u64().unwrap();
    let erased = send(studio.request(reqwest::Method::DELETE, &format!("/clients/{client}"))).await;
    assert_eq!(erased.status, 202);
    app.sweep().await;
    assert_eq!(studio.rows_found("clients", "sip:alice@example.com").await, Vec::<Value>::new());
    studio.delivered("SM2", "sip:alice@example.com", "Hello again").await;
    let messages = studio.every_message().await;
    assert_eq!(messages.len(), 1);
    assert_ne!(messages[0]["client_id"], client);
}
