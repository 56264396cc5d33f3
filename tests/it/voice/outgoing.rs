//! Calls from a browser to a phone.

use super::*;

async fn studio(app: &App) -> Business<'_> {
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë \"<>&'"})).await;
    studio
}

#[tokio::test]
async fn a_call_from_a_browser_is_stored_and_dialled_from_a_number_of_the_business() {
    let app = App::start().await;
    let studio = studio(&app).await;
    studio.knows(7, ADA).await;
    let twiml = studio.dials("CA1", "(415) 555-0123").await;
    assert_eq!(twiml.dials(), ("Number", ADA, studio.number.as_str()));
    assert_eq!(twiml.children[0].attribute("answerOnBridge"), "true");

    let message = studio.only_message().await;
    assert_eq!(message["call"], json!({"result": "ringing", "duration_seconds": null}));
    let shown = ["channel", "direction", "category", "status", "sender_type", "provider", "message"];
    let shown = shown.map(|name| message[name].as_str().unwrap());
    assert_eq!(shown, ["voice", "outbound", "conversation", "sending", "staff", "twilio", ""]);
    assert_eq!((&message["staff_id"], &message["client_id"]), (&json!(12), &json!(7)));
    assert_eq!((&message["from_address"], &message["to_address"]), (&json!(studio.number), &json!(ADA)));
    assert_eq!((&message["is_read"], &message["provider_message_id"]), (&json!(true), &json!("CA1")));
    let (status, action) = twiml.addresses();
    let ids = format!("?business={}&client=7&message={}", studio.id, message["message_id"]);
    let retries = "#rc=3&rp=5xx,ct,rt&ct=2000&rt=3500";
    assert_eq!(status, format!("{}{STATUS}{ids}{retries}", app.local.origin));
    assert_eq!(action, format!("{}{TWIML}{ids}&step=phone{retries}", app.local.origin));
    let reported = twiml.children[0].children[0].attribute("statusCallbackEvent");
    assert_eq!(reported, "initiated ringing answered completed");
    studio.balance().await;
}

#[tokio::test]
async fn a_call_to_a_stranger_makes_a_client_and_is_at_the_top_of_the_inbox() {
    let app = App::start().await;
    let studio = studio(&app).await;
    studio.opens_with(7, "+14155550177").await;
    studio.dials("CA1", ADA).await;
    let rows = studio.inbox("").await;
    assert_eq!((&rows["total"], &rows["items"][0]["client_phone_number"]), (&json!(2), &json!(ADA)));
    assert_eq!(rows["items"][0]["unread_messages_count"], 0);
    assert_eq!(studio.inbox("channel=voice").await["total"], 1);
    studio.balance().await;
}

#[tokio::test]
async fn the_number_that_is_shown_is_never_anothers() {
    let app = App::start().await;
    let (studio, other) = (studio(&app).await, app.business().await);
    let harbor = "+14155557001";
    studio.has_location(harbor, DESK).await;
    let dial = async |sid: &str, shown: &str| {
        let from = format!("client:b{}_s12", studio.id);
        let form = [("CallSid", sid), ("From", &from), ("To", ADA), ("CallerId", shown)];
        app.twiml(TWIML, &form).await.dials().2.to_owned()
    };
    assert_eq!(dial("CA1", harbor).await, harbor, "one that was asked for");
    for (n, foreign) in
        [other.number.as_str(), "+14155559999", "911", "\"><Dial>&<", ""].into_iter().enumerate()
    {
        assert_eq!(dial(&format!("CB{n}"), foreign).await, studio.number, "{foreign}");
    }
    studio.staff(12, json!({"staff_name": "Zoë", "location_ids": [3]})).await;
    assert_eq!(dial("CA2", &other.number).await, harbor, "that of where they work");
}

#[tokio::test]
async fn what_is_not_to_be_called_is_refused_by_a_sentence_and_nothing_is_kept() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let own = studio.number.clone();
    let numbers = [
        "911",
        "112",
        "999",
        "000",
        "110",
        "+1911",
        "12345",
        "9005550123",
        "+19005550123",
        "4159761234",
        "+449098790000",
        "+979123456789",
        "+1415555",
        "hello",
        "\"><Number>911</Number><",
        "client:b1_s1",
        &own,
    ];
    for (n, number) in numbers.into_iter().enumerate() {
        let twiml = studio.dials(&format!("CA{n}"), number).await;
        assert!(twiml.is_refusal(), "{number}: {twiml:?}");
    }
    assert_eq!(app.message_ids(studio.id).await, []);
}

#[tokio::test]
async fn who_is_not_an_active_member_of_the_staff_is_refused() {
    let app = App::start().await;
    let studio = studio(&app).await;
    studio.staff(13, json!({"staff_name": "Gone", "active": false})).await;
    let own = |staff: &str| format!("client:b{}_s{staff}", studio.id);
    let callers = [
        own("13"),
        own("99"),
        own("012"),
        "client:Zoe".to_owned(),
        "client:b1_s1".to_owned(),
        "client:".to_owned(),
    ];
    for (n, from) in callers.iter().enumerate() {
        let sid = format!("CA{n}");
        let twiml = app.twiml(TWIML, &[("CallSid", &sid), ("From", from), ("To", ADA)]).await;
        assert!(twiml.is_refusal(), "{from}: {twiml:?}");
    }
    assert_eq!(app.message_ids(studio.id).await, []);
}

#[tokio::test]
async fn when_the_other_end_is_gone_the_call_is_over() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let (_, action) = studio.dials("CA1", ADA).await.addresses();
    let from = format!("client:b{}_s12", studio.id);
    // What the browser gave along, Twilio says only once.
    let ended = [("CallSid", "CA1"), ("From", from.as_str()), ("To", ""), ("DialCallSid", "CA2")];
    let form = [&ended[..], &[("DialCallStatus", "completed"), ("DialCallDuration", "42")]].concat();
    assert_eq!(app.twiml(&action, &form).await.verbs(), ["Hangup"]);
    let message = studio.only_message().await;
    assert_eq!(message["call"], json!({"result": "completed", "duration_seconds": 42}));
    assert_eq!(message["status"], "delivered");
    assert!(message["delivered_at"].is_string() && message["sent_at"].is_string());
    let refused = studio.act(&format!("/messages/{}/retry", message["message_id"])).await;
    assert_eq!(refused.status, 409, "a call is not sent again");
}
