//! Twilio's fallback as a Lambda function: wiring only.

use queue::Queue;
use runtime::Config;
use runtime::aws::sdk_config;
use twilio_fallback::State;
use web::twilio::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let config = Config::from_env();
    let webhook = Settings::new(
        config.required("TWILIO_ACCOUNT_SID"),
        config.optional("TWILIO_AUTH_TOKEN"),
        config.optional("TWILIO_AUTH_TOKEN_SECONDARY"),
        config.optional("PUBLIC_BASE_URL").unwrap_or_default(),
    );
    let record_queue = Queue::new(&sdk_config(&config, "SQS"), config.required("RECORD_QUEUE_URL"));
    let state = State { record_queue, webhook };
    config.check()?;
    lambda_http::run(web::app(twilio_fallback::routes(state))).await
}
