//! Calls from a phone to one of our numbers.

use super::*;

/// A business with a number of a location, whose conversation 7 with Ada member 12 takes care of.
async fn studio(app: &App) -> Business<'_> {
    let mut studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë \"<>&'"})).await;
    studio.opens_with(7, ADA).await;
    studio.act("/conversations/7/assign?staff_id=12").await.ok();
    let harbor = format!("+1415556{:04}", studio.id);
    studio.has_location(&harbor, DESK).await;
    studio.number = harbor;
    studio
}

async fn ended(app: &App, studio: &Business<'_>, action: &str, how: &str) -> Element {
    let form = [("CallSid", "CA1"), ("From", ADA), ("To", studio.number.as_str()), ("DialCallStatus", how)];
    app.twiml(action, &form).await
}

#[tokio::test]
async fn a_call_rings_with_the_assignee_then_at_the_location_and_then_nobody_answered() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let twiml = studio.rings("CA1", ADA).await;
    let identity = format!("b{}_s12", studio.id);
    assert_eq!(twiml.dials(), ("Client", identity.as_str(), studio.number.as_str()));
    let id = studio.only_message().await["message_id"].clone();
    let ids = format!("business={}&client=7&message={id}", studio.id);
    let (status, action) = twiml.addresses();
    assert!(status.contains(&ids) && action.contains(&format!("{ids}&step=staff#")), "{status} {action}");

    let twiml = ended(&app, &studio, &action, "no-answer").await;
    assert_eq!(twiml.dials(), ("Number", DESK, studio.number.as_str()));
    let (status, action) = twiml.addresses();
    assert!(status.contains(&ids) && action.contains(&format!("{ids}&step=location#")), "{status} {action}");
    assert!(ended(&app, &studio, &action, "busy").await.is_refusal());
    assert_eq!(studio.only_message().await["call"]["result"], "no_answer");
}

#[tokio::test]
async fn whoever_answers_ends_the_search() {
    for how in ["completed", "answered"] {
        let app = App::start().await;
        let studio = studio(&app).await;
        let (_, action) = studio.rings("CA1", ADA).await.addresses();
        assert_eq!(ended(&app, &studio, &action, how).await.verbs(), ["Hangup"]);
        let (_, action) = studio.rings("CA2", "+14155550199").await.addresses();
        assert!(action.contains("step=location"), "nobody is assigned");
        assert_eq!(ended(&app, &studio, &action, how).await.verbs(), ["Hangup"]);
    }
}

#[tokio::test]
async fn without_a_member_at_work_it_rings_at_the_location() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let at_desk = ("Number", DESK, studio.number.as_str());
    assert_eq!(studio.rings("CA1", "+14155550199").await.dials(), at_desk, "a stranger");
    studio.staff(12, json!({"staff_name": "Zoë", "active": false})).await;
    assert_eq!(studio.rings("CA2", ADA).await.dials(), at_desk, "who was assigned is gone");
}

#[tokio::test]
async fn no_call_is_led_back_to_one_of_our_numbers() {
    let app = App::start().await;
    let (studio, other) = (studio(&app).await, app.business().await);
    for (n, phone) in [studio.number.as_str(), other.number.as_str(), "+19005550123"].into_iter().enumerate()
    {
        studio.put("/locations/3", json!({"name": "Harbor", "phone_number": phone})).await.ok();
        assert!(studio.rings(&format!("CA{n}"), "+14155550199").await.is_refusal(), "{phone}");
    }
    studio.put("/locations/3", json!({"name": "Harbor", "phone_number": null})).await.ok();
    assert!(studio.rings("CB1", "+14155550199").await.is_refusal(), "no phone there");
    assert!(other.rings("CB2", "+14155550199").await.is_refusal(), "no location");
    assert_eq!(other.only_message().await["call"]["result"], "ringing");
}

#[tokio::test]
async fn a_call_counts_as_unread_and_brings_the_conversation_back() {
    let app = App::start().await;
    let studio = studio(&app).await;
    studio.act("/conversations/7/status?status=resolved").await.ok();
    studio.rings("CA1", ADA).await;
    let ada = studio.client(7).await;
    assert_eq!((&ada["status"], &ada["unread_messages_count"]), (&json!("open"), &json!(1)));
    let message = studio.only_message().await;
    let shown = ["channel", "direction", "category", "status", "sender_type", "provider", "message"];
    let shown = shown.map(|name| message[name].as_str().unwrap());
    assert_eq!(shown, ["voice", "inbound", "conversation", "received", "client", "twilio", ""]);
    assert_eq!((&message["is_read"], &message["from_address"]), (&json!(false), &json!(ADA)));
    let thread = studio.messages(7, "channel=voice").await;
    assert_eq!(thread["items"][0]["call"], json!({"result": "ringing", "duration_seconds": null}));
    studio.balance().await;
}

#[tokio::test]
async fn a_call_that_twilio_asks_about_again_is_one_message_with_the_same_answer() {
    let app = App::start().await;
    let studio = studio(&app).await;
    studio.staff(13, json!({"staff_name": "Yan"})).await;
    for from in [ADA, "+14155550199", "anonymous"] {
        let (first, again) = (studio.rings(from, from).await, studio.rings(from, from).await);
        assert_eq!(first, again);
    }
    assert_eq!(studio.dials("CA9", ADA).await, studio.dials("CA9", ADA).await);
    assert_eq!(app.message_ids(studio.id).await.len(), 4);
    studio.balance().await;
}

#[tokio::test]
async fn who_withholds_their_number_is_put_through_and_kept_under_one_name() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let withheld = ["anonymous", "Restricted", "+266696687", ""];
    for (n, from) in withheld.into_iter().enumerate() {
        assert_eq!(studio.rings(&format!("CA{n}"), from).await.dials().1, DESK, "{from}");
    }
    let clients: Vec<_> = app.message_ids(studio.id).await.into_iter().map(|(client, _)| client).collect();
    assert_eq!((clients.len(), clients.iter().all(|client| *client == clients[0])), (4, true));
    let client = studio.client(clients[0]).await;
    assert_eq!((&client["client_name"], &client["unread_messages_count"]), (&json!("Anonymous"), &json!(4)));
    assert_eq!(client["client_phone_number"], Value::Null);
    studio.balance().await;
}

#[tokio::test]
async fn a_call_to_nobodys_number_is_not_taken() {
    let app = App::start().await;
    let form = [("CallSid", "CA1"), ("From", ADA), ("To", "+14155558888")];
    assert_eq!(app.twiml(TWIML, &form).await.verbs(), ["Reject"]);
}

#[tokio::test]
async fn what_is_not_signed_is_not_stored_and_what_is_incomplete_is_told_so() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let form =
        [("CallSid", "CA1"), ("From", ADA), ("To", studio.number.as_str()), ("CallStatus", "completed")];
    for path in [TWIML, STATUS] {
        let mut request = app.call(path, &form);
        request.headers_mut().remove("x-twilio-signature");
        assert_eq!(app.local.router().oneshot(request).await.unwrap().status().as_u16(), 403);
    }
    for missing in ["CallSid", "From", "To"] {
        let left: Vec<_> = form.iter().filter(|(name, _)| *name != missing).copied().collect();
        let (status, _, body) = app.called(TWIML, &left).await;
        assert_eq!(status, 422);
        assert!(body.contains(&format!("[\"body\",\"{missing}\"]")), "{body}");
    }
    assert_eq!(app.message_ids(studio.id).await, []);
}

#[tokio::test]
async fn a_client_with_calls_is_named_and_forgotten_as_any_other() {
    let app = App::start().await;
    let studio = studio(&app).await;
    studio.rings("CA1", "+14155550199").await;
    let (status, _) = studio.rings("CA1", "+14155550199").await.addresses();
    studio.knows(8, "+14155550199").await;
    app.sweep().await;
    app.reported(&status, &[("CallSid", "CA2"), ("CallStatus", "in-progress")]).await;
    let named = studio.client(8).await;
    assert_eq!((&named["unread_messages_count"], &named["last_message_content"]), (&json!(0), &json!("")));
    let message = studio.only_message().await;
    assert_eq!((&message["client_id"], &message["call"]["result"]), (&json!(8), &json!("in_progress")));
    studio.balance().await;

    assert_eq!(send(studio.request(Method::DELETE, "/clients/8")).await.status, 202);
    app.sweep().await;
    app.reported(&status, &[("CallSid", "CA2"), ("CallStatus", "completed"), ("CallDuration", "9")]).await;
    app.reported(STATUS, &[("CallSid", "CA1"), ("CallStatus", "completed")]).await;
    assert_eq!(app.message_ids(studio.id).await, []);
}
