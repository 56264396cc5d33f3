//! Health as a Lambda function: wiring only.

use runtime::Config;
use runtime::aws::sdk_config;
use store::Store;
use web::Edge;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let config = Config::from_env();
    let settings = store::Config { table: config.required("TABLE_NAME"), opt_out_hash_key: Vec::new() };
    let store = Store::new(&sdk_config(&config, "DYNAMODB"), settings, runtime::system_clock());
    let state =
        health::State { store: store.clone(), twilio_webhooks: config.optional("TWILIO_WEBHOOKS").is_some() };
    config.check()?;
    store.warm().await;
    lambda_http::run(web::catch_all(health::routes(state), Edge::new(store, None))).await
}
