//! Sending one text, and what every possible answer means.

use std::time::Duration;

use domain::delivery::Outcome;
use domain::failure::{ErrorClass, Failure};
use domain::id::MessageRef;
use domain::message::Message;
use domain::sms_error::{self, TOO_MANY_REQUESTS};
use domain::webhook::OF_A_MESSAGE;
use form_urlencoded::Serializer;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::client::{Client, Lost};
use crate::read::{number, word};

/// One text, ready to be handed over.
#[derive(Clone, Copy, Debug)]
pub struct TextToSend<'a> {
    /// The message, as claimed.
    pub message: &'a Message,
    /// The attempt it was claimed for.
    pub attempt: u32,
}

impl Client {
    /// Hands one text to Twilio. Call it only for a message that was claimed.
    pub async fn send(&self, text: TextToSend<'_>) -> Outcome {
        let path = self.messages_path(".json");
        match self.call(Method::POST, &path, Some(self.form(text))).await {
            Ok((status, retry_after, body)) => answered(status, retry_after, &body),
            Err(Lost::NotSent(why)) => Outcome::Later {
                provider_id: None,
                failure: Failure::new(ErrorClass::Transient, format!("Twilio could not be reached: {why}.")),
                retry_after: None,
            },
            Err(Lost::NoAnswer(why)) => {
                unknown(format!("Twilio's answer was lost: {why}. It may have been sent."))
            }
        }
    }

    fn form(&self, text: TextToSend<'_>) -> String {
        let message = text.message;
        let mut form = Serializer::new(String::new());
        form.append_pair("To", message.to_address.as_str())
            .append_pair("From", message.from_address.as_str())
            .append_pair("StatusCallback", &self.status_callback(message.at, text.attempt));
        if !message.body.0.is_empty() {
            form.append_pair("Body", &message.body.0);
        }
        for media in &message.media_urls {
            form.append_pair("MediaUrl", &media.url);
        }
        form.finish()
    }

    /// Where Twilio reports this attempt. It carries our ids, so that a report finds its message even when the answer
    /// of the call that sent it was lost.
    fn status_callback(&self, at: MessageRef, attempt: u32) -> String {
        format!(
            "{}/omega/twilio/sms/status?business={}&client={}&message={}&attempt={attempt}{OF_A_MESSAGE}",
            self.config.public_base_url, at.business, at.client, at.message
        )
    }
}

fn unknown(reason: String) -> Outcome {
    Outcome::Unknown { failure: Failure::new(ErrorClass::Ambiguous, reason) }
}

/// Outcome of a create request. Only the sid of a successful response is essential; any other field may be missing or
/// of another type.
fn answered(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Outcome {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if status.is_success() {
        let Some(sid) = word(&body, "sid") else {
            return unknown("Twilio's response names no message. It may have been sent.".to_owned());
        };
        let provider_status = word(&body, "status").unwrap_or_default();
        if matches!(provider_status.as_str(), "failed" | "undelivered" | "canceled") {
            let failure = match number(&body, "error_code").filter(|code| *code != 0) {
                Some(code) => sms_error::failure(code, word(&body, "error_message").as_deref()),
                None => Failure::new(
                    ErrorClass::Configuration,
                    format!("Twilio reported the text as {provider_status} at once and gave no reason."),
                ),
            };
            return ended(Some(sid), failure, retry_after);
        }
        return Outcome::Accepted {
            provider_id: sid,
            provider_status,
            segments: number(&body, "num_segments"),
        };
    }
    let code = number(&body, "code").or_else(|| number(&body, "error_code")).filter(|code| *code != 0);
    match status.as_u16() {
        429 => Outcome::Later {
            provider_id: None,
            failure: code
                .map(|code| sms_error::failure(code, None))
                .filter(|failure| failure.class == ErrorClass::Throttle)
                .unwrap_or_else(|| sms_error::failure(TOO_MANY_REQUESTS, None)),
            retry_after,
        },
        // An intermediary gave up waiting: the request may have gone through behind it.
        408 | 502 | 504 => unknown(format!("A gateway answered {status}. It may have been sent.")),
        500..=599 => Outcome::Later {
            provider_id: None,
            failure: Failure::new(ErrorClass::Transient, format!("Twilio answered {status}.")),
            retry_after,
        },
        _ => {
            let failure = match code {
                Some(code) => sms_error::failure(code, word(&body, "message").as_deref()),
                None => Failure::new(ErrorClass::Configuration, format!("Twilio answered {status}.")),
            };
            ended(None, failure, retry_after)
        }
    }
}

/// Outcome of a failure that Twilio is sure of. It has an id when Twilio made the message before it gave up.
fn ended(provider_id: Option<String>, failure: Failure, retry_after: Option<Duration>) -> Outcome {
    if failure.class.retries_by_itself() {
        Outcome::Later { provider_id, failure, retry_after }
    } else {
        Outcome::Refused { provider_id, failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> (&'static str, Option<ErrorClass>) {
        match answered(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()) {
            Outcome::Accepted { .. } => ("accepted", None),
            Outcome::Later { failure, .. } => ("later", Some(failure.class)),
            Outcome::Unknown { failure } => ("unknown", Some(failure.class)),
            Outcome::Refused { failure, .. } => ("refused", Some(failure.class)),
        }
    }

    #[test]
    fn every_answer_has_one_meaning() {
        use ErrorClass::*;
        let table = [
            (201, r#"{"sid":"SM1","status":"queued","num_segments":"2"}"#, ("accepted", None)),
            (201, r#"{"sid":"SM1","status":"queued","num_segments":1}"#, ("accepted", None)),
            (201, r#"{"sid":"SM1","status":7,"num_segments":{}}"#, ("accepted", None)),
            (201, r#"{"sid":"SM1"}"#, ("accepted", None)),
            (201, r#"{"sid":"SM1","status":"failed","error_code":30006}"#, ("refused", Some(Address))),
            (201, r#"{"sid":"SM1","status":"undelivered","error_code":"21610"}"#, ("refused", Some(Consent))),
            (201, r#"{"sid":"SM1","status":"canceled"}"#, ("refused", Some(Configuration))),
            (201, r#"{"status":"queued"}"#, ("unknown", Some(Ambiguous))),
            (201, "", ("unknown", Some(Ambiguous))),
            (400, r#"{"code":"21211"}"#, ("refused", Some(Address))),
            (400, r#"{"error_code":21635}"#, ("refused", Some(Address))),
            (201, "<html>", ("unknown", Some(Ambiguous))),
            (429, r#"{"code":20429}"#, ("later", Some(Throttle))),
            (400, r#"{"code":21611,"message":"queue full"}"#, ("later", Some(Throttle))),
            (400, r#"{"code":21211,"message":"invalid"}"#, ("refused", Some(Address))),
            (400, r#"{"code":21610,"message":"unsubscribed"}"#, ("refused", Some(Consent))),
            (400, r#"{"code":21617,"message":"too long"}"#, ("refused", Some(Content))),
            (401, r#"{"code":20003,"message":"Authenticate"}"#, ("refused", Some(Configuration))),
            (403, "", ("refused", Some(Configuration))),
            (500, "", ("later", Some(Transient))),
            (503, "", ("later", Some(Transient))),
            (502, "", ("unknown", Some(Ambiguous))),
            (504, "", ("unknown", Some(Ambiguous))),
        ];
        for (status, body, expected) in table {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
    }
}
