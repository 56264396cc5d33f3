//! The numbers of the account, and the webhooks that are set for each of them.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};

use super::rest::{
    self, Answered, Refusal, authenticate, date, finish, give, is_e164, next_answer, not_found, paged, pairs,
    turned_away, value,
};
use super::{API_VERSION, Answer, FakeTwilio, State as Account};
use crate::wire::locked;

pub(super) fn routes() -> Router<FakeTwilio> {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", get(list))
        .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{file}", get(fetch).post(update))
}

/// A number of the account. A URL that is not set is empty, and may carry a fragment with connection overrides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Number {
    /// `PN…`.
    pub sid: String,
    /// `+1…`.
    pub phone_number: String,
    /// It can text.
    #[serde(skip)]
    pub texts: bool,
    /// Where texts to it are posted.
    pub sms_url: String,
    /// `POST` or `GET`.
    pub sms_method: String,
    /// Where they are posted when that failed.
    pub sms_fallback_url: String,
    /// `POST` or `GET`.
    pub sms_fallback_method: String,
    /// Who is asked what is to become of a call.
    pub voice_url: String,
    /// `POST` or `GET`.
    pub voice_method: String,
    /// Who is asked when that failed.
    pub voice_fallback_url: String,
    /// `POST` or `GET`.
    pub voice_fallback_method: String,
    /// Where the end of a call is posted.
    pub status_callback: String,
    /// `POST` or `GET`.
    pub status_callback_method: String,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

impl Number {
    fn new(phone_number: &str, now: i64) -> Number {
        let post = || "POST".to_owned();
        Number {
            sid: format!("PN{}", uuid::Uuid::new_v4().simple()),
            phone_number: phone_number.to_owned(),
            texts: true,
            sms_url: String::new(),
            sms_method: post(),
            sms_fallback_url: String::new(),
            sms_fallback_method: post(),
            voice_url: String::new(),
            voice_method: post(),
            voice_fallback_url: String::new(),
            voice_fallback_method: post(),
            status_callback: String::new(),
            status_callback_method: post(),
            created_at: now,
            updated_at: now,
        }
    }

    /// Takes over what the form names; what it does not name stays.
    fn change(&mut self, form: &[(String, String)], now: i64) -> Result<(), Refusal> {
        for (name, value) in form {
            let field = match name.as_str() {
                "SmsUrl" => &mut self.sms_url,
                "SmsMethod" => &mut self.sms_method,
                "SmsFallbackUrl" => &mut self.sms_fallback_url,
                "SmsFallbackMethod" => &mut self.sms_fallback_method,
                "VoiceUrl" => &mut self.voice_url,
                "VoiceMethod" => &mut self.voice_method,
                "VoiceFallbackUrl" => &mut self.voice_fallback_url,
                "VoiceFallbackMethod" => &mut self.voice_fallback_method,
                "StatusCallback" => &mut self.status_callback,
                "StatusCallbackMethod" => &mut self.status_callback_method,
                _ => continue,
            };
            check(name, value)?;
            field.clone_from(value);
        }
        self.updated_at = now;
        Ok(())
    }

    fn json(&self, account_sid: &str) -> Value {
        let mut json = json!(self);
        let rest = json!({
            "account_sid": account_sid,
            "address_requirements": "none",
            "address_sid": null,
            "api_version": API_VERSION,
            "beta": false,
            "bundle_sid": null,
            "capabilities": {"voice": true, "sms": self.texts, "mms": self.texts, "fax": false},
            "date_created": date(self.created_at),
            "date_updated": date(self.updated_at),
            "emergency_address_sid": null,
            "emergency_status": "Inactive",
            "friendly_name": self.phone_number,
            "identity_sid": null,
            "origin": "twilio",
            "sms_application_sid": "",
            "status": "in-use",
            "trunk_sid": null,
            "uri": format!("/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers/{}.json", self.sid),
            "voice_application_sid": "",
            "voice_caller_id_lookup": false,
            "voice_receive_mode": "voice",
        });
        if let (Some(json), Value::Object(rest)) = (json.as_object_mut(), rest) {
            json.retain(|name, _| !name.ends_with("_at"));
            json.extend(rest);
        }
        json
    }
}

fn check(name: &str, value: &str) -> Result<(), Refusal> {
    if name.ends_with("Method") {
        let known = matches!(value, "GET" | "POST");
        return if known { Ok(()) } else { Err(Refusal::of_code(21403)) };
    }
    let good = value.is_empty() || value.starts_with("https://") || value.starts_with("http://");
    if good { Ok(()) } else { Err(Refusal::new(21402, format!("{name} is not a valid URL: {value}"))) }
}

/// A URL, unless it is empty.
pub(super) fn given(url: &str) -> Option<String> {
    (!url.is_empty()).then(|| url.to_owned())
}

impl Account {
    /// Whether the account may send from this number. While there are none, it may from any.
    pub(super) fn owns(&self, number: &str) -> bool {
        self.numbers.is_empty() || self.numbers.contains(number)
    }

    /// The numbers in which these digits are.
    fn find(&mut self, digits: &str, now: i64) -> Vec<Number> {
        if self.owns(digits) && is_e164(digits) {
            self.resources.entry(digits.to_owned()).or_insert_with(|| Number::new(digits, now));
        }
        let owned = self.resources.values().filter(|number| self.owns(&number.phone_number));
        owned.filter(|number| number.phone_number.contains(digits)).cloned().collect()
    }

    fn number_of(&self, sid: &str) -> Option<&Number> {
        self.resources.values().find(|number| number.sid == sid && self.owns(&number.phone_number))
    }
}

impl FakeTwilio {
    /// The account owns these numbers, beside those named before: other senders are refused from now on.
    pub fn register_numbers<N: Into<String>>(&self, numbers: impl IntoIterator<Item = N>) {
        let now = self.now();
        let mut state = locked(&self.0.state);
        for number in numbers.into_iter().map(Into::into) {
            state.resources.entry(number.clone()).or_insert_with(|| Number::new(&number, now));
            state.numbers.insert(number);
        }
    }

    /// Somebody else says where texts to a number are posted.
    pub fn set_number_webhooks(&self, number: &str, sms_url: &str, sms_fallback_url: Option<&str>) {
        if let Some(number) = locked(&self.0.state).resources.get_mut(number) {
            number.sms_url = sms_url.to_owned();
            number.sms_fallback_url = sms_fallback_url.unwrap_or_default().to_owned();
        }
    }

    /// Whether a number can text, which every number can unless it is said here.
    pub fn set_texts(&self, number: &str, texts: bool) {
        self.register_numbers([number]);
        if let Some(number) = locked(&self.0.state).resources.get_mut(number) {
            number.texts = texts;
        }
    }

    /// The numbers that were registered or looked up, with their webhooks.
    pub fn numbers(&self) -> Vec<Number> {
        locked(&self.0.state).resources.values().cloned().collect()
    }

    /// What is known of a number, if it was registered or looked up.
    pub fn number(&self, phone_number: &str) -> Option<Number> {
        locked(&self.0.state).resources.get(phone_number).cloned()
    }

    /// The next look-ups and changes of numbers (of this one, if named) are answered like this, one each. Answers
    /// for a number go before answers for any. A look-up is one of the number that it asks for.
    pub fn script_numbers(&self, number: Option<&str>, answers: impl IntoIterator<Item = Answer>) {
        let mut state = locked(&self.0.state);
        state.number_scripts.entry(number.map(str::to_owned)).or_default().extend(answers);
    }
}

/// A request to numbers: authenticated, told by the script what comes of it, executed, answered.
async fn respond(
    fake: FakeTwilio,
    (method, account): (Method, String),
    uri: Uri,
    headers: HeaderMap,
    number: Option<String>,
    run: impl FnOnce(&FakeTwilio) -> Answered,
) -> Response {
    let request = rest::received(&fake, &method, &uri);
    if let Err(refusal) = authenticate(&fake, &headers) {
        return finish(&fake, request, Err(refusal));
    }
    if account != fake.0.account_sid {
        return finish(&fake, request, not_found(&uri));
    }
    let answer = next_answer(&mut locked(&fake.0.state).number_scripts, number.as_deref());
    if let Some(response) = turned_away(&fake, &request, &answer) {
        return response;
    }
    let answered = run(&fake);
    give(&fake, request, &answer, answered).await
}

async fn list(
    State(fake): State<FakeTwilio>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let query = pairs(uri.query().unwrap_or_default().as_bytes());
    let wanted = value(&query, "PhoneNumber");
    let path = uri.path().to_owned();
    respond(fake, (Method::GET, account), uri, headers, wanted.clone(), |fake| {
        let now = fake.now();
        let found = locked(&fake.0.state).find(wanted.as_deref().unwrap_or_default(), now);
        let json_of = |number: &Number| number.json(&fake.0.account_sid);
        Ok((StatusCode::OK, paged(&path, &query, "incoming_phone_numbers", &found, json_of)))
    })
    .await
}

/// The number of a resource's name such as `PN….json`.
fn named(fake: &FakeTwilio, file: &str) -> Option<Number> {
    locked(&fake.0.state).number_of(file.strip_suffix(".json")?).cloned()
}

async fn fetch(
    State(fake): State<FakeTwilio>,
    Path((account, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let number = named(&fake, &file);
    let phone_number = number.as_ref().map(|number| number.phone_number.clone());
    respond(fake, (Method::GET, account), uri.clone(), headers, phone_number, |fake| match number {
        Some(number) => Ok((StatusCode::OK, number.json(&fake.0.account_sid))),
        None => not_found(&uri),
    })
    .await
}

async fn update(
    State(fake): State<FakeTwilio>,
    Path((account, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let phone_number = named(&fake, &file).map(|number| number.phone_number);
    respond(fake, (Method::POST, account), uri.clone(), headers, phone_number.clone(), |fake| {
        let now = fake.now();
        let mut state = locked(&fake.0.state);
        let Some(number) = phone_number.and_then(|number| state.resources.get_mut(&number)) else {
            return not_found(&uri);
        };
        let mut changed = number.clone();
        // All of it or nothing.
        changed.change(&pairs(&body), now)?;
        number.clone_from(&changed);
        Ok((StatusCode::OK, changed.json(&fake.0.account_sid)))
    })
    .await
}
