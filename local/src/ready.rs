//! Where everything is, for other programs: the content of the ready file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::write_private;
use crate::{Error, Local, seed};

/// Addresses and secrets of a runner that is up.
#[derive(Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it, and those of environment variables are the functions' own")]
pub struct Ready {
    /// Every path of the API goes after this.
    pub base_url: String,
    pub platform_key: String,
    /// The demo business.
    pub business_id: u64,
    /// The key of the demo business.
    pub api_key: String,
    /// Whether its inbox is filled, see `--empty`.
    pub has_inbox: bool,
    pub table: String,
    pub dynamodb_endpoint: String,
    pub sqs_endpoint: String,
    pub sms_queue_url: String,
    pub sms_dead_letter_queue_url: String,
    pub record_queue_url: String,
    pub record_dead_letter_queue_url: String,
    /// Twilio's API, and below `/fake` what the stand-in shows and can be told.
    pub twilio_url: String,
    /// Whether that is the stand-in.
    pub twilio_is_fake: bool,
    pub twilio_account_sid: String,
    pub twilio_auth_token: String,
    /// With what tokens for calls are signed.
    pub twilio_api_key_sid: String,
    pub twilio_api_key_secret: String,
    pub twilio_twiml_app_sid: String,
    /// Where Twilio posts what `twilio-webhooks` did not take.
    pub fallback_url: String,
    /// SES's API; in a browser its mailbox, and below `/fake` what the stand-in shows and can be told.
    pub ses_url: String,
    pub email_queue_url: String,
    pub email_events_queue_url: String,
    pub s3_endpoint: String,
    pub objects_bucket: String,
    pub email_token_key: String,
    pub opt_out_hash_key: String,
    pub public_base_url: String,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Ready {
    /// Of this runner, whose demo business has this key, and an inbox or not.
    pub fn new(local: &Local, api_key: &str, has_inbox: bool) -> Ready {
        Ready {
            base_url: local.base_url.clone(),
            platform_key: local.platform_key.clone(),
            business_id: seed::BUSINESS,
            api_key: api_key.to_owned(),
            has_inbox,
            table: local.table.clone(),
            dynamodb_endpoint: local.dynamodb_endpoint.clone(),
            sqs_endpoint: local.sqs_endpoint.clone(),
            sms_queue_url: local.sms_queue_url.clone(),
            sms_dead_letter_queue_url: local.sms_dead_letter_queue_url.clone(),
            record_queue_url: local.record_queue_url.clone(),
            record_dead_letter_queue_url: local.record_dead_letter_queue_url.clone(),
            twilio_url: local.twilio_account.api_url.clone(),
            twilio_is_fake: local.twilio_account.api_url == local.twilio_url,
            twilio_account_sid: local.twilio_account.account_sid.clone(),
            twilio_auth_token: local.twilio_account.auth_token.clone(),
            twilio_api_key_sid: crate::TWILIO_API_KEY_SID.to_owned(),
            twilio_api_key_secret: crate::TWILIO_API_KEY_SECRET.to_owned(),
            twilio_twiml_app_sid: crate::TWILIO_TWIML_APP_SID.to_owned(),
            fallback_url: local.fallback_url.clone(),
            ses_url: local.ses_url.clone(),
            email_queue_url: local.queue_url(crate::Source::Email),
            email_events_queue_url: local.queue_url(crate::Source::EmailEvents),
            s3_endpoint: local.s3_endpoint.clone(),
            objects_bucket: crate::BUCKET.to_owned(),
            email_token_key: crate::EMAIL_TOKEN_KEY.to_owned(),
            opt_out_hash_key: crate::OPT_OUT_HASH_KEY.to_owned(),
            public_base_url: local.twilio_account.public_base_url.clone(),
        }
    }

    /// Writes the file, all at once: whoever waits for it never reads half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        Ok(write_private(path, &serde_json::to_vec_pretty(self)?)?)
    }
}
