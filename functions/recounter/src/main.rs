//! The recounter as a Lambda function: wiring only.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use recounter::{Asked, Deps};
use runtime::Config;
use runtime::aws::sdk_config;
use store::Store;

/// Two minutes less than the function may run.
const TIME: Duration = Duration::from_secs(780);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init();
    let config = Config::from_env();
    let settings = store::Config { table: config.required("TABLE_NAME"), opt_out_hash_key: Vec::new() };
    let store = Store::new(&sdk_config(&config, "DYNAMODB"), settings, runtime::system_clock());
    config.check()?;
    let deps = Deps { store };
    deps.store.warm().await;
    let run = async |event: LambdaEvent<Asked>| {
        let report = recounter::run(&deps, event.payload, TIME).await;
        report.map_err(|error| Error::from(domain::error::with_causes(&error)))
    };
    lambda_runtime::run(service_fn(run)).await
}
