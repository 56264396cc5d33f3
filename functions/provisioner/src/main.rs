//! The provisioner as a Lambda function: wiring only.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use outbox::Outbox;
use provisioner::{Deps, Origins};
use queue::Queue;
use runtime::Config;
use runtime::aws::sdk_config;
use ses::Mailer;
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
    let received = Queue::new(&sqs, config.required("EMAIL_EVENTS_QUEUE_URL"));
    let (public, fallback) = (config.origin("PUBLIC_BASE_URL"), config.origin("FALLBACK_BASE_URL"));
    let voice = config.optional("VOICE_BASE_URL");
    let origins = Origins { public, voice, fallback };
    let twilio = twilio::Client::new(twilio::Config {
        api_url: config.optional("TWILIO_API_URL").unwrap_or_else(|| "https://api.twilio.com".to_owned()),
        account_sid: config.required("TWILIO_ACCOUNT_SID"),
        auth_token: config.required("TWILIO_AUTH_TOKEN"),
        public_base_url: origins.public.clone(),
    });
    let mailer = Mailer::new(&sdk_config(&config, "SESV2"), ses::Settings::default());
    config.check()?;
    let deps = Deps { store, twilio, mailer, outbox, received, origins };
    deps.store.warm().await;
    let run = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(runtime::batch::run(event.payload, |job| provisioner::handle(&deps, job)).await)
    };
    lambda_runtime::run(service_fn(run)).await
}
