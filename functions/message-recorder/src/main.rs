//! The recorder as a Lambda function: wiring only.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use objects::Objects;
use runtime::Config;
use runtime::aws::sdk_config;
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
    let objects = Objects::new(&sdk_config(&config, "S3"), config.required("OBJECTS_BUCKET"));
    config.check()?;
    let deps = message_recorder::Deps { store, objects };
    deps.store.warm().await;
    let run = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(runtime::batch::run(event.payload, |job| message_recorder::handle(&deps, job)).await)
    };
    lambda_runtime::run(service_fn(run)).await
}
