//! The sender of mail as a Lambda function: wiring only.

use aws_lambda_events::sqs::SqsEvent;
use email_sender::{Deps, Links};
use fetch::Fetcher;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use objects::Objects;
use outbox::Outbox;
use queue::Queue;
use runtime::Config;
use runtime::aws::sdk_config;
use ses::Mailer;
use signature::token;
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init();
    let config = Config::from_env();
    let settings = store::Config {
        table: config.required("TABLE_NAME"),
        opt_out_hash_key: config.required("OPT_OUT_HASH_KEY").into_bytes(),
    };
    let store = Store::new(&sdk_config(&config, "DYNAMODB"), settings, runtime::system_clock());
    let sqs = sdk_config(&config, "SQS");
    let outbox = Outbox {
        store: store.clone(),
        sms: Queue::new(&sqs, config.required("SMS_QUEUE_URL")),
        email: Queue::new(&sqs, config.required("EMAIL_QUEUE_URL")),
        record: Queue::new(&sqs, config.required("RECORD_QUEUE_URL")),
    };
    let tokens = config.formed("EMAIL_TOKEN_KEY", |key| {
        let previous = config.optional("EMAIL_TOKEN_KEY_PREVIOUS");
        token::Keys::new(key, previous.map(String::into_bytes))
    });
    let mailer = Mailer::new(&sdk_config(&config, "SESV2"), ses::Settings::default());
    let objects = Objects::new(&sdk_config(&config, "S3"), config.required("OBJECTS_BUCKET"));
    let fetcher = Fetcher::new(fetch::Config { trusted_origins: config.list("ATTACHMENT_ORIGINS") });
    let inbound_domain = config.optional("INBOUND_EMAIL_DOMAIN");
    let api_base_url = config.origin("API_BASE_URL");
    let configuration_set = config.optional("SES_CONFIGURATION_SET");
    config.check()?;
    let tokens = tokens.ok_or("EMAIL_TOKEN_KEY")?;
    let links = Links { tokens, inbound_domain, api_base_url, configuration_set };
    let deps = Deps { store, mailer, objects, fetcher, outbox, links };
    deps.store.warm().await;
    let run = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(runtime::batch::run(event.payload, |job| email_sender::handle(&deps, job)).await)
    };
    lambda_runtime::run(service_fn(run)).await
}
