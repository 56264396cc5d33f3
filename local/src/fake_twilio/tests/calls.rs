use axum::response::{IntoResponse, Response};

use super::*;

const XML: &str = "text/xml";
const OTHER: &str = "+15550100003";

/// What is answered: status, type, body.
type Reply = (u16, &'static str, String);

/// A backend that answers with documents: what is told for a path, one after the other, the last one for ever.
#[derive(Clone, Default)]
struct Voice(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    posted: Vec<Posted>,
    replies: BTreeMap<String, VecDeque<Reply>>,
}

struct Posted {
    url: String,
    form: BTreeMap<String, String>,
    signature: String,
    length: usize,
}

async fn take(AxumState(voice): AxumState<Voice>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let posted = Posted {
        url: uri.to_string(),
        form: form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
        signature: headers["x-twilio-signature"].to_str().unwrap().to_owned(),
        length: body.len(),
    };
    let mut state = locked(&voice.0);
    state.posted.push(posted);
    let replies = state.replies.entry(uri.path().to_owned()).or_default();
    let last = replies.front().cloned().unwrap_or((200, XML, "<Response/>".to_owned()));
    let (status, kind, body) = if replies.len() > 1 { replies.pop_front().unwrap() } else { last };
    (StatusCode::from_u16(status).unwrap(), [("content-type", kind)], body).into_response()
}

struct Calls {
    setup: Setup,
    voice: Voice,
    url: String,
}

impl Calls {
    /// A number whose webhooks are set, and an application.
    async fn new() -> Calls {
        let (setup, voice) = (Setup::new().await, Voice::default());
        let url = start(Router::new().fallback(take).with_state(voice.clone())).await;
        let (_, list) = setup.get("IncomingPhoneNumbers.json?PhoneNumber=%2B15550100002").await;
        let path = format!(
            "IncomingPhoneNumbers/{}.json",
            list["incoming_phone_numbers"][0]["sid"].as_str().unwrap()
        );
        let of = |path: &str| format!("{url}{path}#rc=1&rp=5xx");
        let form = [
            ("VoiceUrl", of("/voice")),
            ("VoiceFallbackUrl", of("/fallback")),
            ("StatusCallback", of("/over?b=1")),
        ];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        setup.post(&path, &form).await.unwrap();
        setup.fake.set_voice_app(&of("/app"), Some(&of("/done")));
        Calls { setup, voice, url }
    }

    fn fake(&self) -> &FakeTwilio {
        &self.setup.fake
    }

    fn answers(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        locked(&self.voice.0).replies.insert(path.to_owned(), replies.into_iter().collect());
    }

    fn says(&self, path: &str, verbs: &str) {
        self.answers(path, [(200, XML, format!("<Response>{verbs}</Response>"))]);
    }

    /// Paths and statuses so far.
    fn told(&self) -> Vec<(String, String)> {
        let state = locked(&self.voice.0);
        state.posted.iter().map(|posted| (posted.url.clone(), posted.form["CallStatus"].clone())).collect()
    }

    /// The values of a field in what was posted there.
    fn field(&self, path: &str, name: &str) -> Vec<String> {
        let state = locked(&self.voice.0);
        let there = state.posted.iter().filter(|posted| posted.url.starts_with(path));
        there.map(|posted| posted.form.get(name).cloned().unwrap_or_default()).collect()
    }
}

fn told(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(url, status)| (url.to_owned(), status.to_owned())).collect()
}

fn number(events: &str) -> String {
    format!("<Number statusCallback=\"/leg?c=7\" statusCallbackEvent=\"{events}\">{OTHER}</Number>")
}

const ALL: &str = "initiated ringing answered completed";

#[tokio::test]
async fn a_phone_calls_and_is_put_through() {
    let c = Calls::new().await;
    c.says("/voice", &format!("<Dial action=\"/next?d=1\" timeout=\"20\">{}</Dial>", number(ALL)));
    c.says("/next", "<Say>Bye</Say>");
    c.fake().answer_calls(Some(OTHER), [Leg::Answers(61)]);
    let placed = c.fake().place_call(Call::new(CLIENT, OURS)).await;
    assert_eq!(
        c.told(),
        told(&[
            ("/voice", "ringing"),
            ("/leg?c=7", "initiated"),
            ("/leg?c=7", "ringing"),
            ("/leg?c=7", "in-progress"),
            ("/leg?c=7", "completed"),
            ("/next?d=1", "in-progress"),
            ("/over?b=1", "completed"),
        ])
    );
    assert!(placed.sid.starts_with("CA") && placed.sid.len() == 34);
    assert_eq!((placed.status.as_str(), placed.duration, &placed.error), ("completed", 62, &None));
    assert_eq!(placed.heard, ["Bye"]);
    let leg = &placed.legs[0];
    assert_eq!((leg.status.as_str(), leg.to.as_str(), leg.from.as_str()), ("completed", OTHER, CLIENT));
    for (name, value) in [
        ("CallSid", placed.sid.as_str()),
        ("AccountSid", "AC1"),
        ("ApiVersion", "2010-04-01"),
        ("From", CLIENT),
        ("Caller", CLIENT),
        ("To", OURS),
        ("Called", OURS),
        ("Direction", "inbound"),
        ("FromCountry", "US"),
    ] {
        assert_eq!(c.field("/voice", name), [value], "{name}");
    }
    assert_eq!(c.field("/leg", "CallSid"), vec![leg.sid.as_str(); 4]);
    assert_eq!(c.field("/leg", "ParentCallSid"), vec![placed.sid.as_str(); 4]);
    assert_eq!(c.field("/leg", "Direction"), ["outbound-dial"; 4]);
    assert_eq!(c.field("/leg", "SequenceNumber"), ["0", "1", "2", "3"]);
    assert_eq!(c.field("/leg", "CallDuration"), ["", "", "", "61"]);
    assert_eq!(c.field("/leg", "Duration"), ["", "", "", "2"]);
    assert_eq!(c.field("/leg", "Timestamp"), ["Tue, 14 Nov 2023 22:13:20 +0000"; 4]);
    assert_eq!(c.field("/leg", "CallbackSource"), ["call-progress-events"; 4]);
    assert_eq!(c.field("/next", "DialCallStatus"), ["completed"]);
    assert_eq!(c.field("/next", "DialCallSid"), [leg.sid.as_str()]);
    assert_eq!(c.field("/next", "DialCallDuration"), ["61"]);
    assert_eq!(c.field("/over", "CallDuration"), ["62"]);
    assert_eq!(c.field("/over", "ParentCallSid"), [""]);
    let state = locked(&c.voice.0);
    for posted in &state.posted {
        assert_eq!(posted.signature, format!("secret {}{} {}", c.url, posted.url, posted.length));
    }
    assert_eq!(placed.webhooks.len(), state.posted.len());
    assert_eq!(c.fake().calls()[0].sid, placed.sid);
}

#[tokio::test]
async fn a_browser_calls_over_the_application() {
    let c = Calls::new().await;
    c.says(
        "/app",
        &format!("<Dial callerId=\"{OURS}\" answerOnBridge=\"true\">{}</Dial>", number("completed")),
    );
    let call = json!({
        "from": "client:b1_s2", "to": OTHER, "params": {"conversation": "7", "From": "x"}, "script": ["busy"]
    });
    let (status, placed) = c.setup.control("calls", call).await;
    assert_eq!((status, &placed["status"], &placed["duration"]), (200, &json!("completed"), &json!(0)));
    assert_eq!(placed["legs"][0]["status"], "busy");
    assert_eq!(c.told(), told(&[("/app", "ringing"), ("/leg?c=7", "busy"), ("/done", "completed")]));
    for (name, value) in
        [("From", "client:b1_s2"), ("Caller", "client:b1_s2"), ("To", OTHER), ("conversation", "7")]
    {
        assert_eq!(c.field("/app", name), [value]);
    }
    assert_eq!(c.field("/leg", "From"), [OURS]);
    assert_eq!(c.field("/leg", "SequenceNumber"), ["0"]);
    assert_eq!(c.field("/leg", "CallDuration"), ["0"]);
    let (_, calls) = c.setup.request("GET", "/fake/calls", "", String::new()).await.unwrap();
    assert_eq!(calls[0]["sid"], placed["sid"]);
    assert_eq!(calls[0]["webhooks"][0]["purpose"], "voice");
}

#[tokio::test]
async fn whoever_is_called_may_not_answer() {
    let c = Calls::new().await;
    c.says("/voice", &format!("<Dial action=\"/next\">{}</Dial><Say>never</Say>", number(ALL)));
    let answers =
        json!({"to": OTHER, "answers": ["no-answer", "busy", "fails", "caller-hangs-up", {"answers": 5}]});
    assert_eq!(c.setup.control("phones", answers).await.0, 200);
    for (leg, dial, duration) in [
        (&["initiated", "ringing", "no-answer"][..], "no-answer", 30),
        (&["initiated", "busy"], "busy", 30),
        (&["initiated", "failed"], "failed", 30),
        (&["initiated", "ringing", "canceled"], "canceled", 30),
        (&["initiated", "ringing", "in-progress", "completed"], "completed", 5),
    ] {
        locked(&c.voice.0).posted.clear();
        let placed = c.fake().place_call(Call::new(CLIENT, OURS)).await;
        assert_eq!(c.field("/leg", "CallStatus"), leg);
        assert_eq!(c.field("/next", "DialCallStatus"), [dial]);
        assert_eq!(c.field("/next", "DialCallDuration"), [if dial == "completed" { "5" } else { "" }]);
        let status = if dial == "canceled" { "completed" } else { "in-progress" };
        assert_eq!(c.field("/next", "CallStatus"), [status]);
        assert_eq!(c.field("/over", "CallStatus"), ["completed"]);
        assert_eq!((placed.duration, placed.heard.len()), (duration, 0));
    }
}

#[tokio::test]
async fn the_first_who_answers_is_put_through() {
    let c = Calls::new().await;
    let clients = "<Client statusCallback=\"/a\">one</Client><Client statusCallback=\"/b\">two</Client>\
        <Client statusCallback=\"/c\"><Identity>three</Identity><Parameter name=\"n\" value=\"1\"/></Client>";
    c.says("/voice", &format!("<Dial>{clients}</Dial><Say>Bye</Say>"));
    c.fake().answer_calls(Some("client:one"), [Leg::NoAnswer]);
    let placed = c.fake().place_call(Call::new(CLIENT, OURS)).await;
    let statuses: Vec<_> = placed.legs.iter().map(|leg| leg.status.as_str()).collect();
    assert_eq!(statuses, ["no-answer", "completed", "canceled"]);
    assert_eq!(placed.legs[2].parameters["n"], "1");
    assert_eq!((placed.heard, placed.duration), (vec!["Bye".to_owned()], 31));
    assert_eq!(c.field("/c", "To"), ["client:three"]);
    assert_eq!(c.field("/c", "CallStatus"), ["canceled"]);
    c.says("/voice", &format!("<Dial sequential=\"true\">{clients}</Dial><Say>Bye</Say>"));
    let mut call = Call::new(CLIENT, OURS);
    call.script = vec![Leg::Busy, Leg::CallerHangsUp];
    let placed = c.fake().place_call(call).await;
    assert_eq!((placed.legs.len(), placed.legs[1].status.as_str(), placed.heard.len()), (2, "canceled", 0));
}

#[tokio::test]
async fn what_is_held_can_be_posted_in_any_order_and_again() {
    let c = Calls::new().await;
    c.says("/voice", &format!("<Dial action=\"/next\">{}</Dial>", number(ALL)));
    let call = Call { hold_events: true, ..Call::new(CLIENT, OURS) };
    let placed = c.fake().place_call(call).await;
    assert_eq!(c.told(), told(&[("/voice", "ringing"), ("/next", "in-progress")]));
    let purposes: Vec<_> = placed.webhooks.iter().map(|webhook| webhook.purpose).collect();
    use Purpose::{Action, Leg, Status, Voice};
    assert_eq!(purposes, [Voice, Leg, Leg, Leg, Leg, Action, Status]);
    assert!(placed.webhooks[4].attempts.is_empty());
    assert_eq!(placed.webhooks[4].field("CallStatus"), Some("completed"));
    let again = json!({"sid": placed.sid, "webhooks": [4, 2, 4]});
    let (_, answer) = c.setup.control("calls/webhooks", again).await;
    assert_eq!(answer["attempts"][2]["status"], 200);
    assert_eq!(c.fake().post_webhook(&placed.webhooks[1]).await.len(), 1);
    assert_eq!(c.field("/leg", "CallStatus"), ["completed", "ringing", "completed", "initiated"]);
    assert_eq!(locked(&c.voice.0).posted[2].signature, placed.webhooks[4].signature);
    assert_eq!(placed.webhooks[4].url, format!("{}/leg?c=7", c.url));
    assert_eq!(c.setup.control("calls/webhooks", json!({"sid": "CA0", "webhooks": []})).await.0, 404);
    assert_eq!(c.setup.control("calls", json!({"nonsense": 1})).await.0, 400);
}

#[tokio::test]
async fn a_document_that_is_not_there_is_asked_for_again_and_then_elsewhere() {
    let c = Calls::new().await;
    c.answers("/voice", [(503, XML, String::new()), (500, XML, String::new())]);
    c.says("/fallback", "<Redirect>more?x=1</Redirect>");
    c.says("/more", "<Play>https://x.test/a.mp3</Play><Hangup/><Say>never</Say>");
    let placed = c.fake().place_call(Call::new(CLIENT, OURS)).await;
    let urls: Vec<_> = c.told().into_iter().map(|(url, _)| url).collect();
    assert_eq!(urls, ["/voice", "/voice", "/fallback", "/more?x=1", "/over?b=1"]);
    assert_eq!(c.field("/fallback", "ErrorCode"), ["11200"]);
    assert_eq!(c.field("/fallback", "ErrorUrl"), [format!("{}/voice", c.url)]);
    let statuses: Vec<_> = placed.webhooks[0].attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(503), Some(500)]);
    assert_eq!((placed.heard, placed.error), (vec!["https://x.test/a.mp3".to_owned()], None));
}

#[tokio::test]
async fn a_mistake_of_the_backend_ends_the_call() {
    let c = Calls::new().await;
    for (reply, code) in [
        ((403, XML, String::new()), "11200: HTTP 403"),
        ((200, "application/json", "{}".to_owned()), "12300: application/json"),
        ((200, XML, "<Response><Say></Response>".to_owned()), "12100: "),
        ((200, XML, "<Response><Dial callerId=\"x\">+15550100003</Dial></Response>".to_owned()), "13214: x"),
    ] {
        c.answers("/app", [reply]);
        let placed = c.fake().place_call(Call::new("client:b1_s2", OTHER)).await;
        let error = placed.error.unwrap();
        assert!(error.starts_with(code), "{error}");
        assert_eq!(placed.heard, ["An application error has occurred."]);
        assert_eq!((placed.status.as_str(), placed.legs.len()), ("completed", 0));
    }
    c.says("/app", "<Redirect>/app</Redirect>");
    let placed = c.fake().place_call(Call::new("client:b1_s2", OTHER)).await;
    assert!(placed.error.unwrap().contains("circle"));
    c.says("/app", &format!("<Dial callerId=\"{OURS}\" action=\"/next\">nobody</Dial>"));
    let placed = c.fake().place_call(Call::new("client:b1_s2", OTHER)).await;
    assert!(placed.error.unwrap().starts_with("13223"));
    assert_eq!(c.field("/next", "DialCallStatus"), ["failed"]);
    // Numbers of others are not shown.
    c.fake().register_numbers([OURS]);
    c.says("/app", &format!("<Dial callerId=\"+15550100008\">{OTHER}</Dial>"));
    let placed = c.fake().place_call(Call::new("client:b1_s2", OTHER)).await;
    assert!(placed.error.unwrap().starts_with("13214"));
    c.says("/app", &format!("<Dial callerId=\"{OURS}\">{OTHER}</Dial>"));
    let placed = c.fake().place_call(Call::new("client:b1_s2", OTHER)).await;
    assert_eq!((placed.error, placed.legs.len()), (None, 1));
    // A browser that names no caller shows itself, which phones cannot.
    c.says("/app", &format!("<Dial>{OTHER}</Dial>"));
    let placed = c.fake().place_call(Call::new("client:b1_s2", OTHER)).await;
    assert!(placed.error.unwrap().starts_with("13214"));
}

#[tokio::test]
async fn a_number_may_be_announced_elsewhere_rejected_or_not_at_all() {
    let c = Calls::new().await;
    c.says("/voice", "<Reject reason=\"busy\"/>");
    let placed = c.fake().place_call(Call::new(CLIENT, OURS)).await;
    assert_eq!((placed.status.as_str(), placed.duration), ("busy", 0));
    assert_eq!(c.field("/over", "CallStatus"), ["busy"]);
    let placed = c.fake().place_call(Call::new(CLIENT, OTHER)).await;
    assert_eq!((placed.status.as_str(), placed.webhooks.len()), ("failed", 0));
    let url = format!("{}/any", c.url);
    assert_eq!(c.setup.control("voice", json!({"numbers": {"url": url}})).await.0, 200);
    let placed = c.fake().place_call(Call::new(CLIENT, OTHER)).await;
    assert_eq!((placed.status.as_str(), placed.webhooks[0].url.as_str()), ("completed", url.as_str()));
    let app = json!({"app": {"url": url, "status_callback": url}});
    c.setup.control("voice", app).await;
    let call = json!({"from": "client:b1_s2", "params": {"To": "front desk"}});
    let (_, placed) = c.setup.control("calls", call).await;
    assert_eq!(placed["to"], "front desk");
    assert_eq!(c.field("/any", "CallStatus"), ["ringing", "ringing", "completed"]);
}
