//! Calls: the token of the dialer, what Twilio is told to do with a call, and what becomes of its message.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::BodyExt;
use local::{TWILIO_API_KEY_SECRET, TWILIO_API_KEY_SID, TWILIO_TWIML_APP_SID};
use quick_xml::Reader;
use quick_xml::events::Event;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

use crate::app::{App, Business, send};

mod incoming;
mod outgoing;
mod reports;

const ADA: &str = "+14155550123";
/// Where a location is called.
const DESK: &str = "+14155550190";
const TWIML: &str = "/omega/voice-calls/twiml";
const STATUS: &str = "/omega/twilio/voice/status";

/// What calls need, where nobody set them up.
pub fn not_set_up() -> voice_calls::Voice {
    voice_calls::Voice { keys: None, base_url: String::new(), webhooks_base_url: String::new() }
}

/// An element of TwiML.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn parse(xml: &str) -> Element {
        let new =
            |name: String, attributes| Element { name, attributes, text: String::new(), children: vec![] };
        let mut reader = Reader::from_str(xml);
        let mut open = vec![new(String::new(), BTreeMap::new())];
        loop {
            let event = reader.read_event().unwrap();
            let is_empty = matches!(event, Event::Empty(_));
            match event {
                Event::Start(start) | Event::Empty(start) => {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    let attributes = start.attributes().map(|attribute| {
                        let attribute = attribute.unwrap();
                        let value = attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0).unwrap();
                        (text(attribute.key.as_ref()), value.into_owned())
                    });
                    let element = new(text(start.name().as_ref()), attributes.collect());
                    if is_empty {
                        open.last_mut().unwrap().children.push(element)
                    } else {
                        open.push(element)
                    }
                }
                Event::Text(text) => open.last_mut().unwrap().text.push_str(&text.decode().unwrap()),
                Event::End(_) => {
                    let closed = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(closed);
                }
                Event::Decl(_) => {}
                Event::Eof => break,
                other => panic!("{other:?} in {xml}"),
            }
        }
        assert_eq!((open.len(), open[0].children.len()), (1, 1), "{xml}");
        let response = open.remove(0).children.remove(0);
        assert_eq!(response.name, "Response");
        response
    }

    pub fn verbs(&self) -> Vec<&str> {
        self.children.iter().map(|child| child.name.as_str()).collect()
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// Whom the only verb dials, as element and text, and which number is shown.
    pub fn dials(&self) -> (&str, &str, &str) {
        assert_eq!(self.verbs(), ["Dial"], "{self:?}");
        let dial = &self.children[0];
        assert_eq!(dial.children.len(), 1, "{self:?}");
        (&dial.children[0].name, &dial.children[0].text, dial.attribute("callerId"))
    }

    /// Where the leg is reported, and where it is asked what comes next.
    pub fn addresses(&self) -> (String, String) {
        let dial = &self.children[0];
        (dial.children[0].attribute("statusCallback").to_owned(), dial.attribute("action").to_owned())
    }

    /// Whether a sentence is said, and then nothing more.
    pub fn is_refusal(&self) -> bool {
        self.verbs() == ["Say", "Hangup"] && self.children[0].text.len() > 10
    }
}

impl App {
    /// A form as Twilio signs and posts it. `address` is a path of ours, or a whole address with its fragment.
    fn call(&self, address: &str, form: &[(&str, &str)]) -> Request {
        let address = if address.starts_with('/') {
            format!("{}{address}", self.local.origin)
        } else {
            address.to_owned()
        };
        let url = address.split('#').next().unwrap();
        let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let account = ("AccountSid", self.local.twilio_account.account_sid.as_str());
        let pairs = form.iter().chain(std::iter::once(&account));
        let body =
            pairs.map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&");
        let token = &self.local.twilio_account.auth_token;
        Request::post(url.strip_prefix(&self.local.origin).unwrap())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature::twilio::sign_form(token, url, body.as_bytes()))
            .body(Body::from(body))
            .unwrap()
    }

    /// Posts it, and returns status, content type and body.
    async fn called(&self, address: &str, form: &[(&str, &str)]) -> (u16, String, String) {
        let answer = self.local.router().oneshot(self.call(address, form)).await.unwrap();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, kind.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }

    /// What Twilio is told to do.
    pub async fn twiml(&self, address: &str, form: &[(&str, &str)]) -> Element {
        let (status, kind, body) = self.called(address, form).await;
        assert_eq!((status, kind.as_str()), (200, "application/xml"), "{body}");
        Element::parse(&body)
    }

    /// Twilio reports something of a call.
    pub async fn reported(&self, address: &str, form: &[(&str, &str)]) {
        let (status, _, body) = self.called(address, form).await;
        assert_eq!((status, body.as_str()), (200, "{}"));
    }
}

impl Business<'_> {
    /// A call from a phone to the number of the business.
    pub async fn rings(&self, sid: &str, from: &str) -> Element {
        self.app.twiml(TWIML, &[("CallSid", sid), ("From", from), ("To", &self.number)]).await
    }

    /// A call from the browser of member 12.
    pub async fn dials(&self, sid: &str, to: &str) -> Element {
        let from = format!("client:b{}_s12", self.id);
        self.app.twiml(TWIML, &[("CallSid", sid), ("From", &from), ("To", to)]).await
    }

    /// Gives the business a location with a number of its own, and a phone there.
    pub async fn has_location(&self, number: &str, phone: &str) {
        self.put("/locations/3", json!({"name": "Harbor", "phone_number": phone})).await.ok();
        let body =
            json!({"business_id": self.id, "phone_numbers": [{"phone_number": number, "location_id": 3}]});
        send(self.app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
        self.app.set_up(self.id).await;
        self.app.clock.advance(Duration::from_secs(6));
    }

    /// The only message there is.
    async fn only_message(&self) -> Value {
        let ids = self.app.message_ids(self.id).await;
        assert_eq!(ids.len(), 1, "{ids:?}");
        self.message(ids[0].1).await
    }
}

/// The parts of a token, when the secret of the key signed it.
fn opened(token: &str) -> (Value, Value) {
    let (signed, code) = token.rsplit_once('.').unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(TWILIO_API_KEY_SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    mac.verify_slice(&URL_SAFE_NO_PAD.decode(code).unwrap()).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (read(header), read(claims))
}

#[tokio::test]
async fn a_token_is_for_the_member_of_the_staff_who_asks_and_for_an_hour() {
    let app = App::start().await;
    let studio = app.business().await;
    let account = &app.local.twilio_account;
    for role in ["staff", "manager", "owner"] {
        studio.staff(12, json!({"staff_name": "Zoë", "role": role})).await;
        let session = studio.session(12).await;
        let now = app.clock.now().as_seconds();
        let answer = studio.as_session(&session, Method::GET, "/voice-calls/token", Value::Null).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.ok();
        let identity = format!("b{}_s12", studio.id);
        assert_eq!(
            (crate::app::names(&body), &body["identity"]),
            (vec!["identity", "token"], &json!(identity))
        );

        let token = body["token"].as_str().unwrap();
        let (header, mut claims) = opened(token);
        assert_eq!(header, json!({"typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1"}));
        let (begins, ends) = (claims["nbf"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert!((0..=1).contains(&(begins - now)) && ends - begins == 3600, "{claims}");
        let jti = claims["jti"].as_str().unwrap().to_owned();
        assert!(jti.starts_with(&format!("{TWILIO_API_KEY_SID}-{begins}-")) && jti.len() > 70, "{jti}");
        claims.as_object_mut().unwrap().retain(|name, _| !["nbf", "exp", "jti"].contains(&name.as_str()));
        let voice =
            json!({"incoming": {"allow": true}, "outgoing": {"application_sid": TWILIO_TWIML_APP_SID}});
        let grants = json!({"identity": identity, "voice": voice});
        assert_eq!(claims, json!({"iss": TWILIO_API_KEY_SID, "sub": account.account_sid, "grants": grants}));
        let whole = format!("{header}{claims}{jti}");
        assert!(!whole.contains(&account.auth_token) && !whole.contains(TWILIO_API_KEY_SECRET));
        let again = studio.as_session(&session, Method::GET, "/voice-calls/token", Value::Null).await.ok();
        assert_ne!(opened(again["token"].as_str().unwrap()).1["jti"], jti);
    }
}

#[tokio::test]
async fn a_token_is_for_nobody_else() {
    let app = App::start().await;
    let (studio, other) = (app.business().await, app.business().await);
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let session = studio.session(12).await;
    let ask = async |business: &Business<'_>| {
        let answer = business.as_session(&session, Method::GET, "/voice-calls/token", Value::Null).await;
        (answer.status, answer.body)
    };
    let forbidden = (403, json!({"detail": "Forbidden"}));
    assert_eq!(ask(&other).await, forbidden);
    let program = studio.get("/voice-calls/token").await;
    assert_eq!((program.status, program.body), forbidden);
    let anonymous = app.anonymous(Method::GET, &format!("/businesses/{}/voice-calls/token", studio.id));
    assert_eq!(send(anonymous).await.status, 401);

    assert_eq!(ask(&studio).await.0, 200);
    studio.staff(12, json!({"staff_name": "Zoë", "active": false})).await;
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(ask(&studio).await, (401, json!({"detail": "Not authenticated"})));
}

#[tokio::test]
async fn where_calls_are_not_set_up_there_is_no_token() {
    let app = App::start().await;
    let studio = app.business().await;
    studio.staff(12, json!({"staff_name": "Zoë"})).await;
    let session = studio.session(12).await;
    let state = voice_calls::State {
        edge: web::Edge::new(app.local.sweeper().store.clone(), None),
        webhook: web::twilio::Settings::new(String::new(), None, None, String::new()),
        voice: not_set_up(),
    };
    let request = Request::get(format!("/omega/businesses/{}/voice-calls/token", studio.id))
        .header("cookie", format!("session={session}"))
        .body(Body::empty())
        .unwrap();
    let answer = web::app(voice_calls::routes(state)).oneshot(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
}
