//! Amazon SNS: the messages that a topic posts to a subscribed address, and their signature.
//!
//! A message names the address of the certificate whose key signed it. The certificate proves something only because
//! it was fetched over TLS from a host of Amazon's, so the address is checked before anything is fetched from it, and
//! what comes of it may be kept by address. A topic of anybody's is signed with the same key: compare `topic_arn` with
//! the topics that are ours. Source: Amazon's documentation, "Verifying the signatures of Amazon SNS messages".

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaParameters, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::time::ASN1Time;

#[cfg(test)]
mod tests;

/// How far from now a message may have been written, in seconds, either way.
const WINDOW: u64 = 60 * 60;

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// What somebody published.
    Notification,
    /// The topic asks whether we want its messages. Calling [`Message::subscribe_url`] says yes.
    SubscriptionConfirmation,
    /// We were taken off the topic. Calling [`Message::subscribe_url`] puts us back.
    UnsubscribeConfirmation,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

/// One message. Nothing in it is proven before [`verify`]. `Debug` leaves out what was published and what confirms a
/// subscription.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What kind it is.
    #[serde(rename = "Type")]
    pub kind: Kind,
    /// Its id, the same for every try to deliver it.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// The topic it comes from.
    #[serde(rename = "TopicArn")]
    pub topic_arn: String,
    /// What was published.
    #[serde(rename = "Message")]
    pub message: String,
    /// When it was published, RFC 3339.
    #[serde(rename = "Timestamp")]
    pub timestamp: String,
    /// Subject of a notification.
    #[serde(rename = "Subject", default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The signature, base64.
    #[serde(rename = "Signature")]
    pub signature: String,
    /// How it was signed: `1` or `2`.
    #[serde(rename = "SignatureVersion")]
    pub signature_version: String,
    /// Where the certificate is said to be. Not to be called: [`Message::certificate_url`] is.
    #[serde(rename = "SigningCertURL", alias = "SigningCertUrl")]
    pub signing_cert_url: String,
    /// What confirms a subscription. Not to be called: [`Message::subscribe_url`] is.
    #[serde(
        rename = "SubscribeURL",
        alias = "SubscribeUrl",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub subscribe_url: Option<String>,
    /// The secret part of [`Message::subscribe_url`].
    #[serde(rename = "Token", default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("message_id", &self.message_id)
            .field("topic_arn", &self.topic_arn)
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

/// The text is no message of SNS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not an SNS message")
    }
}

impl std::error::Error for Unreadable {}

/// Why a message is not taken for Amazon's. For our own log: the sender learns none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is signed in a way that is unknown or not wanted.
    Version,
    /// It was written too long ago, or in the future.
    Stale,
    /// What was given as a certificate is none.
    Certificate,
    /// The certificate is not yet or no longer valid.
    CertificateDates,
    /// The certificate is somebody else's.
    CertificateSubject,
    /// The key of the certificate did not sign this.
    Signature,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Version => "the signature version is not accepted",
            Refused::Stale => "the message was not written within the last hour",
            Refused::Certificate => "the signing certificate is unreadable",
            Refused::CertificateDates => "the signing certificate is out of date",
            Refused::CertificateSubject => "the signing certificate is not that of SNS",
            Refused::Signature => "the signature is not valid",
        })
    }
}

impl std::error::Error for Refused {}

/// Which signatures are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Version 2, SHA-256. A topic has to be set to it.
    Second,
    /// Also version 1, SHA-1, which a topic uses unless it is told otherwise.
    FirstAndSecond,
}

/// Reads the body of a post, in the spelling of SNS or that of a Lambda event.
///
/// # Errors
/// When it is not JSON, or a field that this kind of message has is missing, or a field other than the message itself
/// has more than one line: the lines would make a signed text with two readings.
pub fn read(raw: &[u8]) -> Result<Message, Unreadable> {
    let message: Message = serde_json::from_slice(raw).map_err(|_| Unreadable)?;
    let complete = match message.kind {
        Kind::Notification => true,
        Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => {
            message.subscribe_url.is_some() && message.token.is_some()
        }
    };
    let signed = signed_fields(&message);
    let of_one_line = signed.iter().all(|(name, value)| *name == "Message" || !value.contains(['\n', '\r']));
    if complete && of_one_line { Ok(message) } else { Err(Unreadable) }
}

/// The body of a post that carries `message`. For the stand-in of SNS and for tests.
pub fn write(message: &Message) -> String {
    // a message has no map and no float: nothing in it can fail to be JSON
    serde_json::to_string(message).unwrap_or_default()
}

impl Message {
    /// Where to fetch the certificate from; `None` when it is not a certificate at SNS. Nothing else may be fetched.
    pub fn certificate_url(&self) -> Option<&str> {
        let path = path_at_sns(&self.signing_cert_url)?;
        let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        (plain && path.ends_with(".pem") && !path.contains("..")).then_some(&self.signing_cert_url)
    }

    /// What to call to confirm a subscription; `None` when it is not SNS that would be called.
    pub fn subscribe_url(&self) -> Option<&str> {
        let url = self.subscribe_url.as_deref()?;
        let path = path_at_sns(url)?;
        let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-?&=:%+~".contains(&byte));
        plain.then_some(url)
    }
}

/// What follows the host of an https address at SNS, from the slash on. The host has to be spelled out plainly: no
/// user, no port, no capitals, nothing that two readers of addresses could read in two ways.
fn path_at_sns(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let region = host.strip_prefix("sns.")?.strip_suffix(".amazonaws.com")?;
    is_region(region).then_some(path)
}

fn is_region(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(plain)
}

/// Checks that Amazon signed this message lately.
///
/// `certificate_pem` is what [`Message::certificate_url`] answered. Its first certificate is the signer's. Those after
/// it, if any, are not looked at: the list ends in no root that we would know, so a forger could make one as long as
/// Amazon's. The trust is in the host that it came from, through TLS.
///
/// A valid signature proves that SNS sent this. It does not say for whom: compare [`Message::topic_arn`] with ours.
///
/// # Errors
/// With the reason when something is not right.
pub fn verify(
    message: &Message,
    certificate_pem: &[u8],
    versions: Versions,
    now: i64,
) -> Result<(), Refused> {
    let algorithm = algorithm(&message.signature_version, versions).ok_or(Refused::Version)?;
    if !is_recent(&message.timestamp, now) {
        return Err(Refused::Stale);
    }
    let pem =
        Pem::iter_from_buffer(certificate_pem).next().and_then(Result::ok).ok_or(Refused::Certificate)?;
    let certificate = pem.parse_x509().map_err(|_| Refused::Certificate)?;
    check_certificate(&certificate, now)?;

    let signature = STANDARD.decode(&message.signature).map_err(|_| Refused::Signature)?;
    let key = &certificate.public_key().subject_public_key.data;
    UnparsedPublicKey::new(algorithm, key)
        .verify(text_to_sign(message).as_bytes(), &signature)
        .map_err(|_| Refused::Signature)
}

fn algorithm(version: &str, versions: Versions) -> Option<&'static RsaParameters> {
    match (version, versions) {
        ("2", _) => Some(&RSA_PKCS1_2048_8192_SHA256),
        ("1", Versions::FirstAndSecond) => Some(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}

fn is_recent(timestamp: &str, now: i64) -> bool {
    let written = timestamp.parse::<jiff::Timestamp>().ok();
    written.is_some_and(|written| written.as_second().abs_diff(now) <= WINDOW)
}

fn check_certificate(certificate: &X509Certificate<'_>, now: i64) -> Result<(), Refused> {
    let now = ASN1Time::from_timestamp(now).map_err(|_| Refused::CertificateDates)?;
    if !certificate.validity().is_valid_at(now) {
        return Err(Refused::CertificateDates);
    }
    let mut names = certificate.subject().iter_common_name().map(|name| name.as_str());
    match (names.next(), names.next()) {
        (Some(Ok(name)), None) if is_sns_name(name) => Ok(()),
        _ => Err(Refused::CertificateSubject),
    }
}

/// The names that Amazon gives the signer: `sns.amazonaws.com`, and with a region.
fn is_sns_name(name: &str) -> bool {
    let name = name.strip_suffix(".cn").unwrap_or(name);
    let region = || name.strip_prefix("sns.").and_then(|name| name.strip_suffix(".amazonaws.com"));
    name == "sns.amazonaws.com" || region().is_some_and(is_region)
}

/// The text that SNS signs: names and values of the signed fields in the order of their names, each on its line.
pub fn text_to_sign(message: &Message) -> String {
    signed_fields(message).into_iter().map(|(name, value)| format!("{name}\n{value}\n")).collect()
}

fn signed_fields(message: &Message) -> Vec<(&'static str, &str)> {
    let mut fields = vec![("Message", message.message.as_str()), ("MessageId", &message.message_id)];
    match message.kind {
        Kind::Notification => fields.extend(message.subject.as_deref().map(|subject| ("Subject", subject))),
        Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => {
            fields.push(("SubscribeURL", message.subscribe_url.as_deref().unwrap_or_default()));
        }
    }
    fields.push(("Timestamp", &message.timestamp));
    if message.kind != Kind::Notification {
        fields.push(("Token", message.token.as_deref().unwrap_or_default()));
    }
    fields.extend([("TopicArn", message.topic_arn.as_str()), ("Type", message.kind.as_str())]);
    fields
}

/// The signature of version 2 that SNS would put into this message, had it this RSA key (PKCS#8, DER). `None` when it
/// is none. For the stand-in of SNS and for tests.
pub fn sign(message: &Message, private: &[u8]) -> Option<String> {
    let pair = RsaKeyPair::from_pkcs8(private).ok()?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text_to_sign(message).as_bytes(), &mut signature)
        .ok()?;
    Some(STANDARD.encode(signature))
}
