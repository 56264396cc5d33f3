//! Onboarding as a Lambda function: wiring only.

use onboarding::{State, TwilioAccount};
use queue::Queue;
use runtime::Config;
use runtime::aws::sdk_config;
use store::Store;
use web::{Edge, PlatformKey};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let config = Config::from_env();
    let settings = store::Config { table: config.required("TABLE_NAME"), opt_out_hash_key: Vec::new() };
    let store = Store::new(&sdk_config(&config, "DYNAMODB"), settings, runtime::system_clock());
    let platform_key = PlatformKey::from_sha256_hex(&config.required("PLATFORM_KEY_SHA256"));
    let queue = Queue::new(&sdk_config(&config, "SQS"), config.required("ONBOARDING_QUEUE_URL"));
    let account = TwilioAccount(config.required("TWILIO_ACCOUNT_SID"));
    let state = State { edge: Edge::new(store.clone(), platform_key), queue, account };
    config.check()?;
    store.warm().await;
    lambda_http::run(web::app(onboarding::routes(state))).await
}
