//! Amazon SES, as far as sending a finished mail needs it, the domains it comes from included, and nothing else.
//!
//! What matters in a call that sends is what is known afterwards: [`Mailer::send`] turns every way it can end into a
//! [`domain::delivery::Outcome`]. It is one call: the SDK's own retries are off, for a mail whose answer was lost would
//! be sent twice.

use std::fmt;
use std::time::Duration;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sesv2::error::BoxError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, MessageTag, RawMessage};
use aws_types::SdkConfig;
use domain::delivery::Outcome;
use domain::email_event::TAG;

mod identities;
mod outcome;
#[cfg(test)]
mod tests;

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until there is an answer. Well below [`domain::delivery::LEASE`].
    pub call: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { connect: Duration::from_secs(3), call: Duration::from_secs(20) }
    }
}

/// Sends mails from one account in one region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    ses: Client,
}

/// One mail, ready to be handed over.
pub struct MailToSend<'a> {
    /// The sender: an address, or a name and an address in angle brackets.
    pub from: &'a str,
    /// Receivers. This and the next two are whom it goes to, whatever its headers say.
    pub to: &'a [String],
    /// Further receivers.
    pub cc: &'a [String],
    /// Receivers that the others do not see.
    pub bcc: &'a [String],
    /// The whole mail, headers and all (RFC 5322). Not yet in base64.
    pub raw: Vec<u8>,
    /// What its events are found again by: [`domain::email_event::tag`].
    pub tag: String,
    /// The SES configuration set, which publishes the events.
    pub configuration_set: Option<&'a str>,
}

impl fmt::Debug for MailToSend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailToSend")
            .field("tag", &self.tag)
            .field("recipients", &(self.to.len() + self.cc.len() + self.bcc.len()))
            .field("bytes", &self.raw.len())
            .finish_non_exhaustive()
    }
}

impl Mailer {
    /// A mailer with the region and credentials of `config`. Its retries and time limits do not count here.
    pub fn new(config: &SdkConfig, settings: Settings) -> Mailer {
        // What is left unset here would be as in `config`.
        let timeouts = TimeoutConfig::builder()
            .disable_operation_timeout()
            .disable_read_timeout()
            .connect_timeout(settings.connect)
            .operation_attempt_timeout(settings.call)
            .build();
        let config = Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .interceptor(FreshConnection)
            .build();
        Mailer { ses: Client::from_conf(config) }
    }

    /// Hands one mail to SES. Call it only for a message that was claimed.
    pub async fn send(&self, mail: MailToSend<'_>) -> Outcome {
        let destination = Destination::builder()
            .set_to_addresses(given(mail.to))
            .set_cc_addresses(given(mail.cc))
            .set_bcc_addresses(given(mail.bcc))
            .build();
        let built = RawMessage::builder().data(Blob::new(mail.raw)).build();
        let tagged = MessageTag::builder().name(TAG).value(mail.tag).build();
        let (Ok(raw), Ok(tag)) = (built, tagged) else { return outcome::not_built() };
        let ended = self
            .ses
            .send_email()
            .from_email_address(mail.from)
            .destination(destination)
            .content(EmailContent::builder().raw(raw).build())
            .email_tags(tag)
            .set_configuration_set_name(mail.configuration_set.map(str::to_owned))
            .send()
            .await;
        outcome::of(ended)
    }
}

/// A list that is left out when there is nothing in it.
fn given(addresses: &[String]) -> Option<Vec<String>> {
    (!addresses.is_empty()).then(|| addresses.to_vec())
}

/// Has every call open its own connection. One that is kept may be dead without our knowing: the process sleeps between
/// calls. A mail sent into it would be one of unknown outcome, for somebody to look after; a handshake is cheaper.
#[derive(Debug)]
struct FreshConnection;

impl Intercept for FreshConnection {
    fn name(&self) -> &'static str {
        "FreshConnection"
    }

    /// After signing: the header is between us and the next hop, so it must not be part of the signature.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().headers_mut().insert("connection", "close");
        Ok(())
    }
}
