//! Mail that another provider took in and hands on as it came over the wire.
//!
//! Each has to be set up to hand on the whole mail, unread: SendGrid with "POST the raw, full MIME message", Mailgun with
//! a route to an address that ends in `/mime`, Postmark with "Include raw email content in JSON payload". Mail from SES
//! does not come this way.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, State as Extract};
use axum::http::{HeaderMap, Request, header as names};
use domain::channel::Provider;
use domain::content::Text;
use domain::email_event::mailgun::{self, Signed};
use domain::email_event::{postmark, sendgrid};
use domain::job::{InboundEmail, Job, Work};
use domain::proof::SenderChecks;
use objects::keys;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use web::read::{PathParams, collect};

use crate::State;
use crate::provider::{Refusal, header, hexadecimal, mailgun_signed, named, not_set_up};

/// What a job tells of receivers, so that it stays small. Not every provider tells which of them are ours.
const MOST_RECIPIENTS: usize = 50;
/// The longest address that a job tells.
const LONGEST_ADDRESS: usize = 320;

/// `POST /omega/email/inbound/{provider}/mime`: the mail goes to object storage and a job for it onto the queue before the
/// answer. The same mail twice is stored once.
pub(crate) async fn inbound(
    Extract(state): Extract<State>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let provider = named(&path)?;
    let raw = collect(body, None).await?;
    let mail = match provider {
        Provider::Sendgrid => sendgrid(&state, &headers, raw).await?,
        Provider::Mailgun => mailgun(&state, &headers, raw).await?,
        Provider::Postmark => postmark(&state, &headers, &raw)?,
        _ => return Err(Refusal::NotTheirs(provider)),
    };
    let digest = hexadecimal(Sha256::digest(&mail.raw));
    let object = keys::raw(provider.as_str(), &digest);
    state.objects.put(&object, mail.raw, "message/rfc822").await?;
    let short = |address: &String| address.len() <= LONGEST_ADDRESS;
    let email = InboundEmail {
        object,
        provider,
        sender: Text(mail.sender),
        recipients: mail.recipients.into_iter().filter(short).take(MOST_RECIPIENTS).map(Text).collect(),
        spam: mail.spam,
        virus: false,
        checks: mail.checks,
        received_at: None,
    };
    state.received.send(&[Job::new("webhook", Work::ReceiveEmail(email))]).await?;
    Ok(Json(json!({})))
}

/// A mail as a provider hands it on.
struct Handed {
    raw: Bytes,
    sender: String,
    recipients: Vec<String>,
    spam: bool,
    checks: SenderChecks,
}

/// SendGrid signs nothing here: the address it posts to has a user and a password.
async fn sendgrid(state: &State, headers: &HeaderMap, raw: Bytes) -> Result<Handed, Refusal> {
    let provider = Provider::Sendgrid;
    let expected = state.settings.sendgrid_credentials.as_deref().ok_or_else(|| not_set_up(provider))?;
    signature::basic::verify(header(headers, "authorization"), expected)
        .map_err(|_| Refusal::NotTheirs(provider))?;
    let form = Form::read(headers, raw).await?;
    let envelope: Value =
        serde_json::from_slice(form.field("envelope").unwrap_or_default()).unwrap_or_default();
    let to = envelope["to"].as_array().into_iter().flatten();
    Ok(Handed {
        raw: form.mail("email")?,
        // An empty sender is one that nobody may answer. Where none is told, it is the one in the mail.
        sender: envelope["from"].as_str().map_or_else(|| form.text("from"), str::to_owned),
        recipients: to.filter_map(|to| to.as_str().map(str::to_owned)).collect(),
        spam: false,
        checks: sendgrid::checks(&form.text("SPF"), &form.text("dkim")),
    })
}

async fn mailgun(state: &State, headers: &HeaderMap, raw: Bytes) -> Result<Handed, Refusal> {
    let provider = Provider::Mailgun;
    let key = state.settings.mailgun_signing_key.as_deref().ok_or_else(|| not_set_up(provider))?;
    let form = Form::read(headers, raw).await.map_err(|_| Refusal::NotTheirs(provider))?;
    let signed = Signed {
        timestamp: form.text("timestamp"),
        token: form.text("token"),
        signature: form.text("signature"),
    };
    mailgun_signed(state, key, &signed, &form.digest()).await?;
    Ok(Handed {
        raw: form.mail("body-mime")?,
        sender: form.field("sender").map_or_else(|| form.text("from"), lossy),
        recipients: form.text("recipient").split(',').map(|to| to.trim().to_owned()).collect(),
        spam: form.text("X-Mailgun-Sflag").eq_ignore_ascii_case("yes"),
        checks: mailgun::checks(form.0.iter().map(|(name, value)| (name.as_str(), value.as_ref()))),
    })
}

fn postmark(state: &State, headers: &HeaderMap, raw: &[u8]) -> Result<Handed, Refusal> {
    let provider = Provider::Postmark;
    let expected = state.settings.postmark_credentials.as_deref().ok_or_else(|| not_set_up(provider))?;
    signature::basic::verify(header(headers, "authorization"), expected)
        .map_err(|_| Refusal::NotTheirs(provider))?;
    let mail = postmark::read_inbound(raw).map_err(|_| Refusal::Unreadable)?;
    Ok(Handed {
        raw: mail.raw_mime.0.into_bytes().into(),
        sender: mail.sender.0,
        recipients: mail.recipients.into_iter().map(|to| to.0).collect(),
        spam: mail.spam,
        checks: mail.checks,
    })
}

/// The fields of a form, of either kind.
struct Form(Vec<(String, Bytes)>);

impl Form {
    async fn read(headers: &HeaderMap, raw: Bytes) -> Result<Form, Refusal> {
        let content_type = header(headers, names::CONTENT_TYPE.as_str());
        if !content_type.to_ascii_lowercase().starts_with("multipart/") {
            return Ok(Form(urlencoded(&raw)));
        }
        let request = Request::builder().header(names::CONTENT_TYPE, content_type).body(Body::from(raw));
        let mut request = request.map_err(|_| Refusal::Unreadable)?;
        // The whole of it is here already, and was not too large.
        DefaultBodyLimit::disable().apply(&mut request);
        let mut parts = Multipart::from_request(request, &()).await.map_err(|_| Refusal::Unreadable)?;
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await.map_err(|_| Refusal::Unreadable)? {
            let name = part.name().unwrap_or_default().to_owned();
            fields.push((name, part.bytes().await.map_err(|_| Refusal::Unreadable)?));
        }
        Ok(Form(fields))
    }

    /// Identifies the fields. The boundary between them is not part of it, because a repeated request has another one.
    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (name, value) in &self.0 {
            for part in [name.as_bytes(), value.as_ref()] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part);
            }
        }
        hexadecimal(digest.finalize())
    }

    fn field(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    fn text(&self, name: &str) -> String {
        lossy(self.field(name).unwrap_or_default())
    }

    /// The whole mail. A provider that was not told to hand it on gets no 200, so that it tries again while somebody
    /// tells it.
    fn mail(&self, name: &str) -> Result<Bytes, Refusal> {
        let mail = self.0.iter().find(|(known, value)| known == name && !value.is_empty());
        mail.map(|(_, value)| value.clone()).ok_or_else(|| {
            tracing::error!(field = name, "a provider hands mail on without its raw form");
            Refusal::Unreadable
        })
    }
}

fn lossy(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// The pairs of an urlencoded form, with the bytes that were encoded: a mail need not be UTF-8.
fn urlencoded(raw: &[u8]) -> Vec<(String, Bytes)> {
    let pairs = raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (pair.get(..at), pair.get(at + 1..)),
                None => (Some(pair), None),
            };
            (lossy(&decoded(name.unwrap_or_default())), decoded(value.unwrap_or_default()).into())
        })
        .collect()
}

fn decoded(mut value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    while let Some((first, rest)) = value.split_first() {
        let (byte, rest) = match first {
            b'+' => (b' ', rest),
            b'%' => digits(rest).unwrap_or((b'%', rest)),
            plain => (*plain, rest),
        };
        decoded.push(byte);
        value = rest;
    }
    decoded
}

/// The byte that the first two digits stand for, and what follows them.
fn digits(encoded: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = encoded.split_first_chunk()?;
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some((value(*high)? << 4 | value(*low)?, rest))
}
