use super::*;

const LOOK_UP: &str = "IncomingPhoneNumbers.json?PhoneNumber=%2B15550100002&PageSize=20";

/// The path of the number's resource, as a look-up tells it.
async fn looked_up(s: &Setup) -> String {
    let (status, list) = s.get(LOOK_UP).await;
    assert_eq!((status, &list["next_page_uri"]), (200, &Value::Null));
    let number = &list["incoming_phone_numbers"][0];
    assert_eq!(number["phone_number"], OURS);
    format!("IncomingPhoneNumbers/{}.json", number["sid"].as_str().unwrap())
}

#[tokio::test]
async fn an_account_without_numbers_owns_every_number() {
    let s = Setup::new().await;
    let path = looked_up(&s).await;
    assert_eq!(looked_up(&s).await, path);
    let (_, number) = s.get(&path).await;
    assert!(number["sid"].as_str().unwrap().starts_with("PN") && number["sid"].as_str().unwrap().len() == 34);
    assert_eq!(number["account_sid"], "AC1");
    assert_eq!(number["capabilities"], json!({"voice": true, "sms": true, "mms": true, "fax": false}));
    assert_eq!((&number["sms_url"], &number["sms_method"]), (&json!(""), &json!("POST")));
    // What was only looked up does not restrict who may send.
    assert_eq!(s.send_form(&[("To", CLIENT), ("From", "+15550100003"), ("Body", "x")]).await.unwrap().0, 201);
    let (_, list) = s.get("IncomingPhoneNumbers.json?PhoneNumber=nonsense").await;
    assert_eq!(list["incoming_phone_numbers"], json!([]));
    assert_eq!(s.fake.numbers().len(), 1);
}

#[tokio::test]
async fn an_account_with_numbers_owns_only_these() {
    let s = Setup::new().await;
    let path = looked_up(&s).await;
    s.control("numbers", json!({"numbers": ["+15550100003", "+15550100004"]})).await;
    assert_eq!(s.get(LOOK_UP).await.1["incoming_phone_numbers"], json!([]));
    assert_eq!(s.get(&path).await.0, 404);
    assert_eq!(s.post(&path, &[("SmsUrl", "")]).await.unwrap().1["code"], 20404);
    let (_, list) = s.get("IncomingPhoneNumbers.json?PageSize=1").await;
    assert_eq!(list["incoming_phone_numbers"][0]["phone_number"], "+15550100003");
    let next = list["next_page_uri"].as_str().unwrap();
    let (_, second) = s.request("GET", next, "secret", String::new()).await.unwrap();
    assert_eq!(second["incoming_phone_numbers"][0]["phone_number"], "+15550100004");
    let (status, error) = s.request("GET", next, "wrong", String::new()).await.unwrap();
    assert_eq!((status, &error["code"]), (401, &json!(20003)));
}

#[tokio::test]
async fn a_number_keeps_its_webhooks_and_texts_go_there() {
    let s = Setup::new().await;
    let path = looked_up(&s).await;
    let own = format!("{}/own#rc=2&rp=5xx", s.backend_url);
    let fallback = format!("{}/own-fallback", s.backend_url);
    let (status, number) = s
        .post(&path, &[("SmsUrl", &own), ("SmsMethod", "POST"), ("SmsFallbackUrl", &fallback)])
        .await
        .unwrap();
    assert_eq!((status, &number["sms_url"]), (200, &json!(own)));
    s.post(&path, &[("VoiceUrl", "https://x.test/voice"), ("VoiceFallbackMethod", "GET")]).await.unwrap();
    let (_, number) = s.get(&path).await;
    assert_eq!((&number["sms_url"], &number["sms_fallback_url"]), (&json!(own), &json!(fallback)));
    assert_eq!(
        (&number["voice_url"], &number["voice_fallback_method"]),
        (&json!("https://x.test/voice"), &json!("GET"))
    );
    s.answer_with(&[500, 500, 500]);
    let sent = s.fake.client_sends(ClientText::new(CLIENT, OURS, "x")).await;
    let paths: Vec<_> = locked(&s.backend.0).0.iter().map(|hook| hook.path.clone()).collect();
    assert_eq!(paths, ["/own", "/own", "/own", "/own-fallback"]);
    assert_eq!(sent.status, Some(200));
    let sent = s.fake.client_sends(ClientText::new(CLIENT, "+15550100003", "x")).await;
    assert!(sent.attempts[0].url.ends_with("/sms"));
    let (status, error) = s.post(&path, &[("SmsUrl", ""), ("VoiceUrl", "x.test")]).await.unwrap();
    assert_eq!((status, &error["code"]), (400, &json!(21402)));
    assert_eq!(s.post(&path, &[("VoiceMethod", "PUT")]).await.unwrap().1["code"], 21403);
    assert_eq!(s.fake.number(OURS).unwrap().sms_url, own);
}

#[tokio::test]
async fn a_script_decides_what_comes_of_look_ups_and_changes() {
    let s = Setup::new().await;
    s.fake.script(None, [Answer::status(500)]);
    let path = looked_up(&s).await;
    let answers = json!([{"status": 503}, {}, {"drop_before": true}, {"drop": true}]);
    s.control("script", json!({"resource": "IncomingPhoneNumbers", "to": OURS, "answers": answers})).await;
    s.fake.script_numbers(None, [Answer::status(429)]);
    assert_eq!(s.get("IncomingPhoneNumbers.json?PhoneNumber=%2B15550100009").await.0, 429);
    assert_eq!(s.get(LOOK_UP).await.0, 503);
    looked_up(&s).await;
    let change = async |url: &str| s.post(&path, &[("SmsUrl", url)]).await;
    assert!(change("https://x.test/1").await.is_none());
    assert_eq!(s.fake.number(OURS).unwrap().sms_url, "");
    assert!(change("https://x.test/2").await.is_none());
    assert_eq!(s.fake.number(OURS).unwrap().sms_url, "https://x.test/2");
    assert_eq!(change("https://x.test/3").await.unwrap().0, 200);
    assert_eq!(s.send("x").await.unwrap().0, 500);
    assert_eq!(s.wire.operations("twilio")[2], "GET IncomingPhoneNumbers");
    assert_eq!(s.wire.operations("twilio")[4], "POST IncomingPhoneNumbers/{sid}");
}
