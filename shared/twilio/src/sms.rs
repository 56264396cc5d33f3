//! Sending one text, and what every possible answer means.

use std::time::Duration;

use domain::delivery::{ErrorClass, Failure, Outcome};
use domain::message::{Message, MessageRef};
use domain::sms_error;
use domain::webhook::OF_A_MESSAGE;
use form_urlencoded::Serializer;
use http::{Method, StatusCode};
use serde::Deserialize;

use crate::{Client, Lost};

/// One text, ready to be handed over.
#[derive(Clone, Copy, Debug)]
pub struct TextToSend<'a> {
    /// The message, as claimed.
    pub message: &'a Message,
    /// The attempt it was claimed for.
    pub attempt: u32,
}

#[derive(Deserialize)]
struct Created {
    sid: String,
    status: String,
    #[serde(default)]
    num_segments: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<u32>,
    message: Option<String>,
}

impl Client {
    /// Hands one text to Twilio. Call it only for a message that was claimed.
    pub async fn send(&self, text: TextToSend<'_>) -> Outcome {
        let path = self.messages_path(".json");
        match self.call(Method::POST, &path, Some(self.form(text))).await {
            Ok((status, retry_after, body)) => answered(status, retry_after, &body),
            Err(Lost::NotSent(why)) => Outcome::Later {
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

/// What an answer means. Pure, so that the table below can test it.
fn answered(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Outcome {
    if status.is_success() {
        return match serde_json::from_slice::<Created>(body) {
            Ok(created) => Outcome::Accepted {
                provider_id: created.sid,
                provider_status: created.status,
                segments: created.num_segments.and_then(|digits| digits.parse().ok()),
            },
            Err(_) => unknown("Twilio's answer could not be read. It may have been sent.".to_owned()),
        };
    }
    let refusal = serde_json::from_slice::<Refusal>(body).unwrap_or(Refusal { code: None, message: None });
    match status.as_u16() {
        429 => Outcome::Later { failure: sms_error::failure(20429, None), retry_after },
        // An intermediary gave up waiting: the request may have gone through behind it.
        408 | 502 | 504 => unknown(format!("A gateway answered {status}. It may have been sent.")),
        500..=599 => Outcome::Later {
            failure: Failure::new(ErrorClass::Transient, format!("Twilio answered {status}.")),
            retry_after,
        },
        _ => {
            let failure = match refusal.code {
                Some(code) => sms_error::failure(code, refusal.message.as_deref()),
                None => Failure::new(ErrorClass::Configuration, format!("Twilio answered {status}.")),
            };
            if failure.class.retries_by_itself() {
                Outcome::Later { failure, retry_after }
            } else {
                Outcome::Refused { failure }
            }
        }
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
            Outcome::Refused { failure } => ("refused", Some(failure.class)),
        }
    }

    #[test]
    fn every_answer_has_one_meaning() {
        use ErrorClass::*;
        let table = [
            (201, r#"{"sid":"SM1","status":"queued","num_segments":"2"}"#, ("accepted", None)),
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
