//! Mail as a Lambda function: wiring only.

use objects::Objects;
use outbox::Outbox;
use queue::Queue;
use runtime::Config;
use runtime::aws::sdk_config;
use signature::token;
use store::Store;
use web::Edge;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
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
    let objects = Objects::new(&sdk_config(&config, "S3"), config.required("OBJECTS_BUCKET"));
    let tokens = config.formed("EMAIL_TOKEN_KEY", |key| {
        let previous = config.optional("EMAIL_TOKEN_KEY_PREVIOUS");
        token::Keys::new(key, previous.map(String::into_bytes))
    });
    let origins = fetch::Config { trusted_origins: config.list("ATTACHMENT_ORIGINS") };
    config.check()?;
    let tokens = tokens.ok_or("EMAIL_TOKEN_KEY")?;
    let state = email::State { edge: Edge::new(store.clone(), None), outbox, objects, tokens, origins };
    store.warm().await;
    lambda_http::run(web::app(email::routes(state))).await
}
