//! Twilio's webhooks as a Lambda function: wiring only.

use runtime::Config;
use runtime::aws::sdk_config;
use store::Store;
use twilio_webhooks::State;
use web::twilio::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let config = Config::from_env();
    let settings = store::Config {
        table: config.required("TABLE_NAME"),
        opt_out_hash_key: config.required("OPT_OUT_HASH_KEY").into_bytes(),
    };
    let store = Store::new(&sdk_config(&config, "DYNAMODB"), settings, runtime::system_clock());
    let webhook = Settings::new(
        config.required("TWILIO_ACCOUNT_SID"),
        config.optional("TWILIO_AUTH_TOKEN"),
        config.optional("TWILIO_AUTH_TOKEN_SECONDARY"),
        config.optional("PUBLIC_BASE_URL").unwrap_or_default(),
    );
    let state = State { store: store.clone(), webhook };
    config.check()?;
    store.warm().await;
    lambda_http::run(web::app(twilio_webhooks::routes(state))).await
}
