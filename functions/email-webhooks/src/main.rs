//! The webhooks of mail providers as a Lambda function: wiring only.

use email_webhooks::{Certificates, Settings, State};
use fetch::Fetcher;
use objects::Objects;
use queue::Queue;
use runtime::Config;
use runtime::aws::sdk_config;
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let config = Config::from_env();
    let store_settings = store::Config {
        table: config.required("TABLE_NAME"),
        opt_out_hash_key: config.required("OPT_OUT_HASH_KEY").into_bytes(),
    };
    let store = Store::new(&sdk_config(&config, "DYNAMODB"), store_settings, runtime::system_clock());
    let received = Queue::new(&sdk_config(&config, "SQS"), config.required("EMAIL_EVENTS_QUEUE_URL"));
    let bucket = config.required("OBJECTS_BUCKET");
    let objects = Objects::new(&sdk_config(&config, "S3"), bucket.clone());
    let settings = Settings {
        sns_topics: config.list("SNS_TOPIC_ARNS"),
        sns_version_1: config.optional("SNS_VERSION_1").is_some(),
        sns_endpoint: config.optional("AWS_ENDPOINT_URL_SNS"),
        sendgrid_public_key: config.optional("SENDGRID_PUBLIC_KEY"),
        sendgrid_credentials: config.optional("SENDGRID_CREDENTIALS"),
        mailgun_signing_key: config.optional("MAILGUN_SIGNING_KEY"),
        postmark_credentials: config.optional("POSTMARK_CREDENTIALS"),
        bucket,
    };
    config.check()?;
    let fetcher =
        Fetcher::new(fetch::Config { trusted_origins: settings.sns_endpoint.iter().cloned().collect() });
    let certificates = Certificates::default();
    let state = State { store: store.clone(), received, objects, fetcher, settings, certificates };
    store.warm().await;
    lambda_http::run(web::app(email_webhooks::routes(state))).await
}
