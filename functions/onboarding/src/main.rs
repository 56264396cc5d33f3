//! Onboarding as a Lambda function: wiring only.

use onboarding::{Settings, State};
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
    let settings = Settings {
        twilio_account_sid: config.required("TWILIO_ACCOUNT_SID"),
        public_base_url: config.optional("PUBLIC_BASE_URL").unwrap_or_default(),
        fallback_base_url: config.optional("FALLBACK_BASE_URL").unwrap_or_default(),
    };
    let state = State { edge: Edge::new(store.clone(), platform_key), settings };
    config.check()?;
    store.warm().await;
    lambda_http::run(web::app(onboarding::routes(state))).await
}
