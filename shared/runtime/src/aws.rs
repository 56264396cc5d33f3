//! Settings shared by every AWS client of a process, built by hand from the environment.
//!
//! A sandbox has static credentials in three variables and never outlives them, so the provider chain is left out:
//! it costs a megabyte and several milliseconds of every cold start. The one switch for running elsewhere is an
//! endpoint address, the SDKs' own `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::sdk_config::{RetryConfig, TimeoutConfig};

use crate::Config;

/// The certificates that AWS's own services are signed with, from Amazon Trust Services' public list. Reading these
/// five instead of the system's hundred and forty saves several milliseconds of every cold start. They end in 2037 and
/// later; `NATIVE_ROOTS=1` takes the system's instead, for a network that looks into TLS.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

fn trust(config: &Config) -> TrustStore {
    match config.optional("NATIVE_ROOTS") {
        Some(_) => TrustStore::default(),
        None => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
    }
}

/// Settings for the clients of one service: `DYNAMODB`, `SQS`.
pub fn sdk_config(config: &Config, service: &str) -> SdkConfig {
    // A trust store of constant certificates is always a valid context; the builder only asks for native ones.
    let context = TlsContext::builder().with_trust_store(trust(config)).build().unwrap_or_default();
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https();
    let credentials = Credentials::new(
        config.required("AWS_ACCESS_KEY_ID"),
        config.required("AWS_SECRET_ACCESS_KEY"),
        config.optional("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let endpoint = config
        .optional(&format!("AWS_ENDPOINT_URL_{service}"))
        .or_else(|| config.optional("AWS_ENDPOINT_URL"));
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.required("AWS_REGION")))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ))
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .retry_config(
            RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(2))
                .operation_attempt_timeout(Duration::from_secs(4))
                .operation_timeout(Duration::from_secs(8))
                .build(),
        )
        .http_client(http);
    builder.set_endpoint_url(endpoint);
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_roots_of_amazon_are_there() {
        let pem = std::str::from_utf8(AMAZON_ROOTS).unwrap();
        assert_eq!(pem.matches("-----BEGIN CERTIFICATE-----").count(), 5);
        for end in ["2037", "2038", "2040"] {
            assert!(pem.contains(end));
        }
    }

    #[test]
    fn a_client_can_be_built_from_either_trust_store() {
        for native in [None, Some("1")] {
            let config = Config::new(move |name| match name {
                "NATIVE_ROOTS" => native.map(str::to_owned),
                _ => Some("x".to_owned()),
            });
            assert!(sdk_config(&config, "DYNAMODB").http_client().is_some());
        }
    }
}
