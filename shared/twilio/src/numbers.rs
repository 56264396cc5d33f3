//! The numbers of the account: which there are, and where Twilio calls for them.

use domain::onboarding::Trouble;
use domain::phone::Phone;
use form_urlencoded::Serializer;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::{Client, Lost};

/// A number of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountNumber {
    /// Twilio's id of it.
    pub sid: String,
    /// It can text.
    pub texts: bool,
    /// Where Twilio calls for it.
    pub hooks: Hooks,
}

/// Where Twilio calls for a number. An address may carry a fragment that says how often it is tried.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Configured")]
pub struct Hooks {
    /// For a text that comes in.
    pub sms: Hook,
    /// For a text whose first address failed.
    pub sms_fallback: Hook,
    /// For a call that comes in. `None` among those to set: what is set stays.
    pub voice: Option<Hook>,
    /// For what becomes of a call. `None` among those to set: what is set stays.
    pub voice_status: Option<Hook>,
}

impl Hooks {
    /// Whether all that are wanted are set.
    pub fn include(&self, wanted: &Hooks) -> bool {
        let is_set = |set: &Option<Hook>, wanted: &Option<Hook>| wanted.is_none() || set == wanted;
        self.sms == wanted.sms
            && self.sms_fallback == wanted.sms_fallback
            && is_set(&self.voice, &wanted.voice)
            && is_set(&self.voice_status, &wanted.voice_status)
    }
}

/// One address, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The address. Empty where there is none.
    pub url: String,
    /// `POST` or `GET`.
    pub method: String,
}

impl Hook {
    /// An address that is posted to.
    pub fn post(url: impl Into<String>) -> Hook {
        Hook { url: url.into(), method: "POST".to_owned() }
    }
}

/// A number as Twilio shows it. What is not set may be absent, null or empty.
#[derive(Deserialize)]
struct Shown {
    sid: String,
    phone_number: String,
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(flatten)]
    hooks: Hooks,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    #[serde(default)]
    sms: bool,
}

/// An application takes the place of the addresses of a number.
#[derive(Deserialize)]
struct Configured {
    sms_application_sid: Option<String>,
    voice_application_sid: Option<String>,
    sms_url: Option<String>,
    sms_method: Option<String>,
    sms_fallback_url: Option<String>,
    sms_fallback_method: Option<String>,
    voice_url: Option<String>,
    voice_method: Option<String>,
    status_callback: Option<String>,
    status_callback_method: Option<String>,
}

impl From<Configured> for Hooks {
    fn from(set: Configured) -> Hooks {
        let hook = |url: Option<String>, method: Option<String>| Hook {
            url: url.unwrap_or_default(),
            method: method.unwrap_or_default(),
        };
        let unless = |application: Option<String>, url: Option<String>| {
            url.filter(|_| application.is_none_or(|application| application.is_empty()))
        };
        Hooks {
            sms: hook(unless(set.sms_application_sid, set.sms_url), set.sms_method),
            sms_fallback: hook(set.sms_fallback_url, set.sms_fallback_method),
            voice: Some(hook(unless(set.voice_application_sid, set.voice_url), set.voice_method)),
            voice_status: Some(hook(set.status_callback, set.status_callback_method)),
        }
    }
}

#[derive(Deserialize)]
struct Page {
    incoming_phone_numbers: Vec<Shown>,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<u32>,
}

impl Client {
    /// A number of the account, or `None` when the account has no such number.
    ///
    /// # Errors
    /// Says whether it is worth asking again.
    pub async fn number(&self, phone: &Phone) -> Result<Option<AccountNumber>, Trouble> {
        let query = looking_for(phone);
        let page: Page = self.ask(Method::GET, &format!(".json?{query}"), None).await?;
        // The filter also finds numbers that begin so.
        let found =
            page.incoming_phone_numbers.into_iter().find(|shown| shown.phone_number == phone.as_str());
        Ok(found.map(|shown| AccountNumber {
            sid: shown.sid,
            texts: shown.capabilities.sms,
            hooks: shown.hooks,
        }))
    }

    /// Tells Twilio where to call for a number. Gives back where it will, which is what counts.
    ///
    /// # Errors
    /// Says whether it is worth trying again. After `Unreachable` it may be set.
    pub async fn set_hooks(&self, sid: &str, hooks: &Hooks) -> Result<Hooks, Trouble> {
        let shown: Shown = self.ask(Method::POST, &format!("/{sid}.json"), Some(form(hooks))).await?;
        Ok(shown.hooks)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        rest: &str,
        form: Option<String>,
    ) -> Result<T, Trouble> {
        let account = &self.config.account_sid;
        let path = format!("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers{rest}");
        match self.call(method, &path, form).await {
            Ok((status, _, body)) => answered(status, &body),
            Err(Lost::NotSent(why) | Lost::NoAnswer(why)) => {
                Err(Trouble::Unreachable(format!("Twilio could not be reached: {why}.")))
            }
        }
    }
}

/// The query of a look-up. On its own, as is the form, because a serializer may not live across an await.
fn looking_for(phone: &Phone) -> String {
    Serializer::new(String::new()).append_pair("PhoneNumber", phone.as_str()).finish()
}

/// The form that sets where Twilio calls. An application would take the place of the addresses, so there is none. What
/// the form does not name stays as it is.
fn form(hooks: &Hooks) -> String {
    let mut form = Serializer::new(String::new());
    for (name, hook) in [("Sms", &hooks.sms), ("SmsFallback", &hooks.sms_fallback)] {
        form.append_pair(&format!("{name}Url"), &hook.url)
            .append_pair(&format!("{name}Method"), &hook.method);
    }
    form.append_pair("SmsApplicationSid", "");
    if let Some(hook) = &hooks.voice {
        form.append_pair("VoiceUrl", &hook.url).append_pair("VoiceMethod", &hook.method);
        form.append_pair("VoiceApplicationSid", "");
    }
    if let Some(hook) = &hooks.voice_status {
        form.append_pair("StatusCallback", &hook.url).append_pair("StatusCallbackMethod", &hook.method);
    }
    form.finish()
}

/// What an answer means. Pure, so that the tests below can test it.
fn answered<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, Trouble> {
    if status.is_success() {
        // Twilio's shape is not the caller's to mend, but it may be a page of something in between.
        return serde_json::from_slice(body)
            .map_err(|_| Trouble::Unreachable("Twilio's answer could not be read.".to_owned()));
    }
    if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
        return Err(Trouble::Unreachable(format!("Twilio could not be reached: it answered {status}.")));
    }
    let code = serde_json::from_slice::<Refusal>(body).ok().and_then(|refusal| refusal.code);
    let code = code.map(|code| format!(", error {code}")).unwrap_or_default();
    Err(Trouble::Refused(format!("Twilio refused it: {status}{code}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = r#"{
        "incoming_phone_numbers": [{
            "sid": "PN1", "account_sid": "AC1", "friendly_name": "Studio", "phone_number": "+14155550100",
            "capabilities": {"voice": true, "sms": true, "mms": true, "fax": false},
            "sms_url": "https://example.com/sms", "sms_method": "GET", "sms_fallback_url": "",
            "sms_fallback_method": "POST", "voice_url": null, "voice_method": "POST",
            "status_callback": "", "status_callback_method": "POST", "origin": "twilio", "status": "in-use"
        }],
        "page": 0, "page_size": 50, "next_page_uri": null, "uri": "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers.json"
    }"#;

    fn answer(status: u16, body: &str) -> Result<Page, Trouble> {
        answered(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn a_number_is_read_with_what_is_set_and_what_is_not() {
        let page = answer(200, LISTED).unwrap_or_else(|error| panic!("{error}"));
        let shown = &page.incoming_phone_numbers[0];
        assert_eq!((shown.sid.as_str(), shown.capabilities.sms), ("PN1", true));
        let sms = Hook { url: "https://example.com/sms".to_owned(), method: "GET".to_owned() };
        assert_eq!(shown.hooks.sms, sms);
        assert_eq!(shown.hooks.voice, Some(Hook::post("")));
        assert_ne!(shown.hooks.sms, Hook::post("https://example.com/sms"), "another method is another hook");
    }

    #[test]
    fn an_application_takes_the_place_of_an_address() {
        let with = LISTED.replace(r#""sms_method""#, r#""sms_application_sid": "AP1", "sms_method""#);
        let page = answer(200, &with).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(page.incoming_phone_numbers[0].hooks.sms.url, "");
    }

    #[test]
    fn what_is_not_told_of_a_number_is_not_there() {
        let page = answer(200, r#"{"incoming_phone_numbers":[{"sid":"PN1","phone_number":"+14155550100"}]}"#);
        let page = page.unwrap_or_else(|error| panic!("{error}"));
        assert!(!page.incoming_phone_numbers[0].capabilities.sms);
        assert_eq!(page.incoming_phone_numbers[0].hooks.sms.url, "");
    }

    #[test]
    fn voice_addresses_that_are_not_wanted_are_neither_compared_nor_set() {
        let hook = |name: &str| Hook::post(format!("https://example.com/{name}"));
        let texts =
            Hooks { sms: hook("sms"), sms_fallback: hook("fallback"), voice: None, voice_status: None };
        let calls = Hooks { voice: Some(hook("voice")), voice_status: Some(hook("status")), ..texts.clone() };
        let others = Hooks { voice: Some(hook("theirs")), ..calls.clone() };
        assert!(others.include(&texts) && calls.include(&calls) && !others.include(&calls));
        assert!(!calls.include(&Hooks { sms: hook("other"), ..texts.clone() }));
        let names = |hooks: &Hooks| -> Vec<String> {
            form_urlencoded::parse(form(hooks).as_bytes()).map(|(name, _)| name.into_owned()).collect()
        };
        assert!(!names(&texts).iter().any(|name| name.contains("Voice") || name.contains("Status")));
        assert!(
            ["VoiceUrl", "StatusCallback"].iter().all(|name| names(&calls).contains(&(*name).to_owned()))
        );
    }

    #[test]
    fn every_answer_is_worth_another_try_or_is_not() {
        let kind = |status, body| match answer(status, body) {
            Ok(_) => "read",
            Err(Trouble::Unreachable(_)) => "again",
            Err(Trouble::Refused(_)) => "refused",
        };
        let table = [
            (200, LISTED, "read"),
            (200, "<html>", "again"),
            (401, r#"{"code":20003}"#, "refused"),
            (404, r#"{"code":20404}"#, "refused"),
            (400, r#"{"code":21502,"message":"not valid"}"#, "refused"),
            (408, "", "again"),
            (429, r#"{"code":20429}"#, "again"),
            (500, "", "again"),
            (503, "", "again"),
        ];
        for (status, body, expected) in table {
            assert_eq!(kind(status, body), expected, "{status}");
        }
    }

    #[test]
    fn a_refusal_names_the_code_and_no_words_of_twilio() {
        let refused = answer(400, r#"{"code":21502,"message":"+14155550100 is not valid"}"#).err();
        let expected = "Twilio refused it: 400 Bad Request, error 21502.";
        assert_eq!(refused.map(|trouble| trouble.to_string()).as_deref(), Some(expected));
    }
}
