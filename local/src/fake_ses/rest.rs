//! The API: send a mail; and what all requests have in common.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::mime::{self, Parsed};
use super::{Answer, Direction, FakeSes, HOST, LARGEST, MOST_RECIPIENTS, Mail, Received, identities, new_id};
use crate::wire::{disconnect, locked};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const MOST_TAGS: usize = 50;

pub(super) fn routes() -> Router<FakeSes> {
    Router::new()
        // The largest mail is longer than usual, and a third longer in base64.
        .route("/v2/email/outbound-emails", post(send).layer(DefaultBodyLimit::disable()))
        .merge(identities::routes())
        .fallback(|method: Method, uri: Uri, State(fake): State<FakeSes>| async move {
            let refusal = Refusal::new("UnknownOperationException", "There is nothing here");
            finish(&fake, received(&fake, &method, &uri), Err(refusal))
        })
}

/// The body of a send.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SendEmail {
    from_email_address: Option<String>,
    destination: Destination,
    content: Content,
    email_tags: Vec<Tag>,
    configuration_set_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Content {
    raw: Option<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    name: String,
    value: String,
}

/// An error as SES reports it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    exception: String,
    message: String,
}

impl Refusal {
    pub fn new(exception: &str, message: impl Into<String>) -> Refusal {
        let status = match exception {
            "MissingAuthenticationTokenException" | "InvalidSignatureException" | "AccessDeniedException" => {
                403
            }
            "NotFoundException" | "UnknownOperationException" => 404,
            "ConflictException" => 409,
            "TooManyRequestsException" | "ThrottlingException" => 429,
            "InternalServiceErrorException" | "InternalFailure" => 500,
            "ServiceUnavailable" => 503,
            _ => 400,
        };
        Refusal { status, exception: exception.to_owned(), message: message.into() }
    }

    pub fn bad(message: impl Into<String>) -> Refusal {
        Refusal::new("BadRequestException", message)
    }

    fn of_exception(exception: &str) -> Refusal {
        let message = match exception {
            "AccountSuspendedException" => "The account is suspended.",
            "LimitExceededException" => "Daily message quota exceeded.",
            "MailFromDomainNotVerifiedException" => "The MAIL FROM domain is not verified.",
            "MessageRejected" => "Email address is not verified.",
            "SendingPausedException" => "Email sending is disabled.",
            "TooManyRequestsException" => "Maximum sending rate exceeded.",
            _ => "The request was refused",
        };
        Refusal::new(exception, message)
    }

    fn of_status(status: u16) -> Refusal {
        let exception = match status {
            400 => "BadRequestException",
            404 => "NotFoundException",
            429 => "TooManyRequestsException",
            503 => "ServiceUnavailable",
            _ => "InternalServiceErrorException",
        };
        Refusal { status, ..Refusal::of_exception(exception) }
    }
}

pub(super) type Answered = Result<Value, Refusal>;

/// Logs the request with its answer, and gives the answer.
pub(super) fn finish(fake: &FakeSes, mut request: Received, answered: Answered) -> Response {
    let kind = (header::CONTENT_TYPE, "application/json");
    let (status, response) = match answered {
        Ok(body) => (StatusCode::OK, ([kind], body.to_string()).into_response()),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = json!({"message": refusal.message}).to_string();
            // An exception that makes no header is one that no client would understand either.
            let response = ([kind], [(ERROR_TYPE, refusal.exception.replace(['\r', '\n'], ""))], body);
            request.exception = Some(refusal.exception);
            (status, (status, response).into_response())
        }
    };
    request.status = Some(status.as_u16());
    fake.log(request);
    response
}

pub(super) fn received(fake: &FakeSes, method: &Method, uri: &Uri) -> Received {
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    Received { at: fake.now(), method: method.to_string(), path, ..Received::default() }
}

pub(super) fn authenticate(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if given.starts_with("AWS4-HMAC-SHA256 ") && given.contains("/ses/aws4_request") {
        return Ok(());
    }
    Err(Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"))
}

async fn send(State(fake): State<FakeSes>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut request = received(&fake, &Method::POST, &uri);
    request.size = body.len();
    if let Err(refusal) = authenticate(&headers) {
        return finish(&fake, request, Err(refusal));
    }
    let asked = match serde_json::from_slice::<SendEmail>(&body) {
        Ok(asked) => asked,
        Err(error) => {
            return finish(&fake, request, Err(Refusal::new("SerializationException", error.to_string())));
        }
    };
    let parsed = read(&asked);
    let envelope = Envelope::of(&asked, parsed.as_ref().ok().map(|(_, parsed)| parsed));
    request.from = envelope.from.clone();
    request.recipients = envelope.all();
    request.tags = tags(&asked);

    let answer = next_answer(&fake, &request.recipients);
    if answer.drop_before {
        fake.log(request);
        return disconnect();
    }
    if let Some(refusal) = scripted_refusal(&answer) {
        return finish(&fake, request, Err(refusal));
    }
    let mail = match parsed.and_then(|(raw, parsed)| accept(&fake, &asked, envelope, raw, parsed)) {
        Ok(mail) => mail,
        Err(refusal) => return finish(&fake, request, Err(refusal)),
    };
    request.id = Some(mail.id.clone());
    answered(fake, request, mail, answer).await
}

/// Says that the mail was accepted, as the script will have it.
async fn answered(fake: FakeSes, request: Received, mail: Mail, answer: Answer) -> Response {
    let id = mail.id.clone();
    fake.spawn_events(mail, answer.events);
    if answer.drop {
        fake.log(request);
        return disconnect();
    }
    if answer.hang {
        fake.log(request);
        // Ends when the caller hangs up, which drops this future.
        return std::future::pending().await;
    }
    // Logged before the delay: the caller may hang up in the meantime, which drops this future.
    let response = finish(&fake, request, Ok(json!({"MessageId": id})));
    tokio::time::sleep(Duration::from_millis(answer.delay_ms.unwrap_or(0))).await;
    response
}

fn next_answer(fake: &FakeSes, recipients: &[String]) -> Answer {
    let mut state = locked(&fake.0.state);
    let own =
        recipients.iter().find_map(|to| state.scripts.get_mut(&Some(to.to_ascii_lowercase()))?.pop_front());
    own.or_else(|| state.scripts.get_mut(&None)?.pop_front()).unwrap_or_default()
}

fn scripted_refusal(answer: &Answer) -> Option<Refusal> {
    let mut refusal = match (&answer.refuse, answer.status) {
        (Some(exception), Some(status)) => Refusal { status, ..Refusal::of_exception(exception) },
        (Some(exception), None) => Refusal::of_exception(exception),
        (None, Some(status)) => Refusal::of_status(status),
        (None, None) => return None,
    };
    if let Some(message) = &answer.message {
        refusal.message.clone_from(message);
    }
    Some(refusal)
}

/// The bytes of the mail, and what is in them.
fn read(asked: &SendEmail) -> Result<(Vec<u8>, Parsed), Refusal> {
    let raw =
        asked.content.raw.as_ref().ok_or_else(|| Refusal::bad("Only raw content is supported here."))?;
    let raw = STANDARD.decode(&raw.data);
    let raw = raw.map_err(|error| Refusal::new("SerializationException", error.to_string()))?;
    if raw.len() > LARGEST {
        let message = format!("Message length is more than {LARGEST} bytes long: '{}'.", raw.len());
        return Err(Refusal::bad(message));
    }
    let parsed = mime::parse(&raw).ok_or_else(|| Refusal::bad("Missing required header 'From'."))?;
    Ok((raw, parsed))
}

/// Who sends, and who receives. What the request leaves open, the head of the mail decides.
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
    cc: Vec<String>,
    bcc: Vec<String>,
}

impl Envelope {
    fn of(asked: &SendEmail, parsed: Option<&Parsed>) -> Envelope {
        let Destination { to_addresses, cc_addresses, bcc_addresses } = &asked.destination;
        let plain = |given: &[String]| given.iter().map(|address| mime::bare(address)).collect();
        let written = |boxes: &[mime::Mailbox]| boxes.iter().map(|one| one.address.clone()).collect();
        let from = parsed.and_then(|parsed| parsed.from.first()).map(mime::Mailbox::text);
        let from = asked.from_email_address.clone().or(from);
        let named = !(to_addresses.is_empty() && cc_addresses.is_empty() && bcc_addresses.is_empty());
        match parsed {
            Some(parsed) if !named => {
                Envelope { from, to: written(&parsed.to), cc: written(&parsed.cc), bcc: written(&parsed.bcc) }
            }
            _ => {
                Envelope { from, to: plain(to_addresses), cc: plain(cc_addresses), bcc: plain(bcc_addresses) }
            }
        }
    }

    fn all(&self) -> Vec<String> {
        [&self.to, &self.cc, &self.bcc].into_iter().flatten().cloned().collect()
    }
}

fn tags(asked: &SendEmail) -> BTreeMap<String, String> {
    asked.email_tags.iter().map(|tag| (tag.name.clone(), tag.value.clone())).collect()
}

fn accept(
    fake: &FakeSes,
    asked: &SendEmail,
    envelope: Envelope,
    raw: Vec<u8>,
    parsed: Parsed,
) -> Result<Mail, Refusal> {
    if parsed.from.is_empty() {
        return Err(Refusal::bad("Missing required header 'From'."));
    }
    check_recipients(&envelope.all())?;
    check_tags(asked)?;
    let from = envelope.from.unwrap_or_default();
    check_sender(fake, &mime::bare(&from))?;
    let at = fake.now();
    let id = new_id(at);
    let mail = Mail {
        direction: Direction::Outbound,
        at,
        from,
        to: envelope.to,
        cc: envelope.cc,
        bcc: envelope.bcc,
        tags: tags(asked),
        configuration_set: asked.configuration_set_name.clone(),
        message_id: format!("<{id}@{HOST}>"),
        original_message_id: parsed.message_id.map(|id| format!("<{id}>")),
        headers: parsed.headers,
        subject: parsed.subject,
        text: parsed.text,
        html: parsed.html,
        attachments: parsed.attachments,
        events: Vec::new(),
        delivered: mime::delivered(&raw, &id, at).into(),
        raw: raw.into(),
        id,
    };
    fake.keep(mail.clone());
    Ok(mail)
}

fn check_recipients(recipients: &[String]) -> Result<(), Refusal> {
    if recipients.is_empty() {
        return Err(Refusal::bad("Must specify at least one destination."));
    }
    if recipients.len() > MOST_RECIPIENTS {
        return Err(Refusal::bad(format!("Recipient count exceeds {MOST_RECIPIENTS}.")));
    }
    for recipient in recipients {
        check_address(recipient)?;
    }
    Ok(())
}

fn check_address(address: &str) -> Result<(), Refusal> {
    let Some((local, host)) =
        address.rsplit_once('@').filter(|(local, host)| !local.is_empty() && !host.is_empty())
    else {
        return Err(Refusal::bad("Missing final '@domain'"));
    };
    let odd =
        |text: &str| text.bytes().any(|byte| !byte.is_ascii() || byte.is_ascii_control() || byte == b' ');
    match (odd(local), odd(host)) {
        (true, _) => Err(Refusal::bad("Local address contains control or whitespace")),
        (_, true) => Err(Refusal::bad("Domain contains illegal character")),
        _ => Ok(()),
    }
}

fn check_tags(asked: &SendEmail) -> Result<(), Refusal> {
    if asked.email_tags.len() > MOST_TAGS {
        return Err(Refusal::bad(format!("The number of tags exceeds {MOST_TAGS}.")));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    for tag in &asked.email_tags {
        let of_length = |text: &str| (1..=256).contains(&text.len());
        if !of_length(&tag.name) || !tag.name.bytes().all(plain) {
            return Err(Refusal::bad(format!(
                "Invalid tag name <{}>: only alphanumeric ASCII characters, '_', and '-' are allowed.",
                tag.name
            )));
        }
        if !of_length(&tag.value) || !tag.value.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'@'))
        {
            return Err(Refusal::bad(format!(
                "Invalid tag value <{}>: only alphanumeric ASCII characters, '_', '-', '.', and '@' are allowed.",
                tag.value
            )));
        }
    }
    Ok(())
}

fn check_sender(fake: &FakeSes, address: &str) -> Result<(), Refusal> {
    let address = address.to_ascii_lowercase();
    let host = address.rsplit_once('@').map_or("", |(_, host)| host);
    let state = locked(&fake.0.state);
    // A domain stands for the ones below it too.
    let mut hosts = std::iter::successors(Some(host), |host| host.split_once('.').map(|(_, above)| above));
    let known = state.senders.contains(&address) || hosts.any(|host| state.senders.contains(host));
    if known || state.senders.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Email address is not verified. The following identities failed the check in region US-EAST-1: {address}"
    );
    Err(Refusal::new("MessageRejected", message))
}
