//! Single messages as a Lambda function: wiring only.

use outbox::Outbox;
use queue::Queue;
use runtime::Config;
use runtime::aws::sdk_config;
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
    let state = messages::State { edge: Edge::new(store.clone(), None), outbox };
    config.check()?;
    store.warm().await;
    lambda_http::run(web::app(messages::routes(state))).await
}
