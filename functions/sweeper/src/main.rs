//! The sweeper as a Lambda function: wiring only.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use objects::Objects;
use queue::Queue;
use runtime::Config;
use runtime::aws::sdk_config;
use store::Store;
use sweeper::Deps;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init();
    let config = Config::from_env();
    let settings = store::Config { table: config.required("TABLE_NAME"), opt_out_hash_key: Vec::new() };
    let store = Store::new(&sdk_config(&config, "DYNAMODB"), settings, runtime::system_clock());
    let sqs = sdk_config(&config, "SQS");
    let sms_queue = Queue::new(&sqs, config.required("SMS_QUEUE_URL"));
    let email_queue = Queue::new(&sqs, config.required("EMAIL_QUEUE_URL"));
    let onboarding_queue = Queue::new(&sqs, config.required("ONBOARDING_QUEUE_URL"));
    let objects = Objects::new(&sdk_config(&config, "S3"), config.required("OBJECTS_BUCKET"));
    config.check()?;
    let deps = Deps { store, sms_queue, email_queue, onboarding_queue, objects };
    deps.store.warm().await;
    let run = async |_: LambdaEvent<EventBridgeEvent>| {
        sweeper::run(&deps).await.map(drop).map_err(|error| Error::from(domain::error::with_causes(&error)))
    };
    lambda_runtime::run(service_fn(run)).await
}
