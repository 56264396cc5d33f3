//! What a function finds in its environment, so that one of them can run in an emulated Lambda beside the runner: the
//! content of the environment file.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data::write_private;
use crate::storage::{ACCESS_KEY, SECRET_KEY};
use crate::{
    BUCKET, CONFIGURATION_SET, EMAIL_TOKEN_KEY, Error, INBOUND_DOMAIN, Local, OPT_OUT_HASH_KEY, SNS_TOPIC,
    Source, TWILIO_API_KEY_SECRET, TWILIO_API_KEY_SID, TWILIO_TWIML_APP_SID,
};

/// The one variable that two functions know under one name and with different values.
const PUBLIC_BASE_URL: &str = "PUBLIC_BASE_URL";

/// The variables of every function, and where AWS and Twilio are. `PUBLIC_BASE_URL` is that of all functions but
/// `twilio-fallback`, which is given `FALLBACK_BASE_URL` under that name.
pub fn variables(local: &Local) -> BTreeMap<&'static str, String> {
    let account = &local.twilio_account;
    let fallback = account.fallback_base_url.as_ref().unwrap_or(&local.fallback_url);
    let providers = &local.providers;
    let queue = |source| local.queue_url(source);
    let text = str::to_owned;
    BTreeMap::from([
        ("AWS_REGION", text("us-east-1")),
        ("AWS_ACCESS_KEY_ID", text(ACCESS_KEY)),
        ("AWS_SECRET_ACCESS_KEY", text(SECRET_KEY)),
        ("AWS_ENDPOINT_URL_DYNAMODB", local.dynamodb_endpoint.clone()),
        ("AWS_ENDPOINT_URL_SQS", local.sqs_endpoint.clone()),
        ("AWS_ENDPOINT_URL_S3", local.s3_endpoint.clone()),
        ("AWS_ENDPOINT_URL_SESV2", local.ses_url.clone()),
        ("AWS_ENDPOINT_URL_SNS", format!("{}/sns", local.ses_url)),
        ("TWILIO_API_URL", account.api_url.clone()),
        ("TABLE_NAME", local.table.clone()),
        ("OBJECTS_BUCKET", text(BUCKET)),
        ("SMS_QUEUE_URL", queue(Source::Sms)),
        ("RECORD_QUEUE_URL", queue(Source::Record)),
        ("EMAIL_QUEUE_URL", queue(Source::Email)),
        ("EMAIL_EVENTS_QUEUE_URL", queue(Source::EmailEvents)),
        ("ONBOARDING_QUEUE_URL", queue(Source::Onboarding)),
        ("OPT_OUT_HASH_KEY", text(OPT_OUT_HASH_KEY)),
        ("EMAIL_TOKEN_KEY", text(EMAIL_TOKEN_KEY)),
        ("EMAIL_TOKEN_KEY_PREVIOUS", String::new()),
        ("PLATFORM_KEY_SHA256", signature::secret::digest(&local.platform_key)),
        (PUBLIC_BASE_URL, account.public_base_url.clone()),
        ("VOICE_BASE_URL", account.public_base_url.clone()),
        ("FALLBACK_BASE_URL", fallback.clone()),
        ("API_BASE_URL", local.origin.clone()),
        ("TWILIO_WEBHOOKS", text("configured")),
        ("TWILIO_ACCOUNT_SID", account.account_sid.clone()),
        ("TWILIO_AUTH_TOKEN", account.auth_token.clone()),
        ("TWILIO_AUTH_TOKEN_SECONDARY", account.auth_token_secondary.clone().unwrap_or_default()),
        ("TWILIO_API_KEY_SID", text(TWILIO_API_KEY_SID)),
        ("TWILIO_API_KEY_SECRET", text(TWILIO_API_KEY_SECRET)),
        ("TWILIO_TWIML_APP_SID", text(TWILIO_TWIML_APP_SID)),
        ("INBOUND_EMAIL_DOMAIN", text(INBOUND_DOMAIN)),
        ("ATTACHMENT_ORIGINS", local.ses_url.clone()),
        ("SES_CONFIGURATION_SET", text(CONFIGURATION_SET)),
        ("SNS_TOPIC_ARNS", text(SNS_TOPIC)),
        ("SENDGRID_PUBLIC_KEY", providers.sendgrid_public_key.clone()),
        ("SENDGRID_CREDENTIALS", providers.sendgrid_credentials.clone()),
        ("MAILGUN_SIGNING_KEY", providers.mailgun_signing_key.clone()),
        ("POSTMARK_CREDENTIALS", providers.postmark_credentials.clone()),
    ])
}

/// Writes the file, all at once, and readable for its owner alone.
///
/// # Errors
/// When it cannot be written.
pub fn write(local: &Local, path: &Path) -> Result<(), Error> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let lines = variables(local).into_iter().map(|(name, value)| format!("{name}={value}\n"));
    Ok(write_private(path, lines.collect::<String>().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::template::Template;

    #[tokio::test]
    async fn the_file_has_every_variable_that_the_template_gives_a_function_and_only_its_owner_reads_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/omega.env");
        let local = Local::start(Options::default()).await.unwrap();
        write(&local, &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let written: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        assert_eq!(written.len(), text.lines().count());
        assert!(written.values().all(|value| !value.contains([' ', '"', '\'', '#', '$', '\\'])), "{text}");
        let template = Template::of_the_project().unwrap();
        let given = template.variables().unwrap();
        assert!(given.len() > 20);
        for (function, variable) in &given {
            assert!(written.contains_key(variable.as_str()), "{variable} of {function} is not written");
        }
        let named = |name: &str| given.iter().any(|(_, variable)| variable == name);
        for name in written.keys() {
            let is_place = name.starts_with("AWS_") || *name == "TWILIO_API_URL";
            assert!(is_place || named(name), "{name} is no function's");
        }
        assert_eq!(written["SMS_QUEUE_URL"], local.sms_queue_url);
        assert_eq!(written["TABLE_NAME"], local.table);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
