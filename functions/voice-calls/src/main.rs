//! Calls as a Lambda function: wiring only.

use runtime::Config;
use runtime::aws::sdk_config;
use signature::voice_token::Keys;
use store::Store;
use voice_calls::{State, Voice};
use web::Edge;
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
    let account_sid = config.required("TWILIO_ACCOUNT_SID");
    let webhooks_base_url = config.optional("PUBLIC_BASE_URL").unwrap_or_default();
    let base_url = config.optional("VOICE_BASE_URL").unwrap_or_else(|| webhooks_base_url.clone());
    let keys = Keys::new(
        account_sid.clone(),
        config.optional("TWILIO_API_KEY_SID").unwrap_or_default(),
        config.optional("TWILIO_API_KEY_SECRET").unwrap_or_default(),
        config.optional("TWILIO_TWIML_APP_SID").unwrap_or_default(),
    );
    let webhook = Settings::new(
        account_sid,
        config.optional("TWILIO_AUTH_TOKEN"),
        config.optional("TWILIO_AUTH_TOKEN_SECONDARY"),
        base_url.clone(),
    );
    let voice = Voice { keys, base_url, webhooks_base_url };
    let state = State { edge: Edge::new(store.clone(), None), webhook, voice };
    config.check()?;
    store.warm().await;
    lambda_http::run(web::app(voice_calls::routes(state))).await
}
