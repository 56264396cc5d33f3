//! The receiver of mail as a Lambda function: wiring only.

use aws_lambda_events::sqs::SqsEvent;
use email_receiver::Deps;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use objects::Objects;
use runtime::Config;
use runtime::aws::sdk_config;
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
    let bucket = config.required("OBJECTS_BUCKET");
    let store = Store::new(&sdk_config(&config, "DYNAMODB"), settings, runtime::system_clock());
    let objects = Objects::new(&sdk_config(&config, "S3"), bucket.clone());
    let tokens = config.formed("EMAIL_TOKEN_KEY", |key| {
        let previous = config.optional("EMAIL_TOKEN_KEY_PREVIOUS");
        token::Keys::new(key, previous.map(String::into_bytes))
    });
    let inbound_domain = config.optional("INBOUND_EMAIL_DOMAIN");
    config.check()?;
    let tokens = tokens.ok_or("EMAIL_TOKEN_KEY")?;
    let deps = Deps { store, objects, bucket, tokens, inbound_domain };
    deps.store.warm().await;
    let run = async |event: LambdaEvent<SqsEvent>| {
        let read = email_receiver::read;
        let handle = |job| email_receiver::handle(&deps, job);
        Ok::<_, Error>(runtime::batch::run_read(event.payload, read, handle).await)
    };
    lambda_runtime::run(service_fn(run)).await
}
