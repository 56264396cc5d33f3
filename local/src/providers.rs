//! With what the providers of mail prove who they are. Made anew at each start; nothing outside this machine knows it.

use signature::sendgrid;

use crate::Error;

/// The certificate with which the stand-in for SNS signs.
pub(crate) const SNS_CERTIFICATE: &str =
    include_str!("../../shared/signature/tests/fixtures/test-only-sns.cert.pem");
/// Its name at SNS's address.
pub(crate) const SNS_CERTIFICATE_PATH: &str = "/SimpleNotificationService-local.pem";

/// With what the providers of mail prove who they are.
#[derive(Clone)]
pub struct Providers {
    /// SendGrid's private key.
    pub sendgrid_private_key: Vec<u8>,
    /// The public one that belongs to it.
    pub sendgrid_public_key: String,
    /// `user:password` of SendGrid's inbound parse.
    pub sendgrid_credentials: String,
    /// Mailgun's webhook signing key.
    pub mailgun_signing_key: String,
    /// `user:password` of Postmark's webhooks.
    pub postmark_credentials: String,
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Providers")
    }
}

impl Providers {
    /// New ones.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn new() -> Result<Providers, Error> {
        let keys = sendgrid::generate().ok_or("no key could be made")?;
        let random = || uuid::Uuid::new_v4().simple().to_string();
        Ok(Providers {
            sendgrid_private_key: keys.private,
            sendgrid_public_key: keys.public,
            sendgrid_credentials: format!("sendgrid:{}", random()),
            mailgun_signing_key: random(),
            postmark_credentials: format!("postmark:{}", random()),
        })
    }
}
