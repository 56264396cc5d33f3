//! Ports, and what listens on them besides the functions.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use aws_types::SdkConfig;
use axum::Router;
use axum::routing::get;
use domain::webhook::OF_A_NUMBER;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::BUCKET;
use crate::Error;
use crate::data::Data;
use crate::fake_ses::{FakeSes, FakeSesConfig};
use crate::fake_twilio::{FakeTwilio, FakeTwilioConfig};
use crate::providers::{SNS_CERTIFICATE, SNS_CERTIFICATE_PATH};
use crate::sqs::Sqs;
use crate::storage::Storage;
use crate::wire::Now;

/// The account of the stand-in for Twilio.
pub(crate) const FAKE_ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
/// Its auth token.
pub(crate) const FAKE_AUTH_TOKEN: &str = "test-auth-token";
/// A listener and its origin. Only this machine reaches it.
pub(crate) struct Port {
    pub listener: TcpListener,
    pub origin: String,
}

/// A port for everything, taken before anything is built: most parts have to know where others are.
pub(crate) struct Ports {
    pub api: Port,
    pub twilio: Port,
    pub fallback: Port,
    pub dynamodb: Port,
    pub sqs: Port,
    pub ses: Port,
    pub s3: Port,
}

impl Ports {
    pub async fn open(api: u16) -> Result<Ports, Error> {
        let port = match listen(api).await {
            Ok(port) => port,
            Err(error) => return Err(format!("port {api} on 127.0.0.1: {error}").into()),
        };
        Ok(Ports {
            api: port,
            twilio: near(api, 1).await?,
            fallback: near(api, 2).await?,
            dynamodb: near(api, 3).await?,
            sqs: near(api, 4).await?,
            ses: near(api, 5).await?,
            s3: near(api, 6).await?,
        })
    }
}

async fn listen(port: u16) -> io::Result<Port> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    Ok(Port { listener, origin })
}

/// A port that is easy to remember, or any other.
async fn near(api: u16, distance: u16) -> io::Result<Port> {
    let wanted = if api == 0 { 0 } else { api.checked_add(distance).unwrap_or(0) };
    match listen(wanted).await {
        Err(_) if wanted != 0 => listen(0).await,
        port => port,
    }
}

/// Settings of an SDK client, made as the functions make theirs.
pub(crate) fn sdk_config(service: &str, endpoint: &str) -> SdkConfig {
    let endpoint_variable = format!("AWS_ENDPOINT_URL_{service}");
    let endpoint = endpoint.to_owned();
    let config = runtime::Config::new(move |name| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        name if name == endpoint_variable => Some(endpoint.clone()),
        _ => None,
    });
    runtime::aws::sdk_config(&config, service)
}

/// The embedded engine, behind a port of its own: functions reach it over the wire only.
pub(crate) async fn embedded_engine(
    servers: &mut JoinSet<()>,
    data: Option<&Data>,
) -> Result<SocketAddr, Error> {
    let database = match data {
        Some(data) => {
            let path = data.database();
            dynoxide::Database::new(path.to_str().ok_or("the data directory's name is not UTF-8")?)?
        }
        None => dynoxide::Database::memory()?,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    servers.spawn(dynoxide::server::serve_on(listener, database));
    Ok(address)
}

/// The address of an engine that is there already.
pub(crate) async fn resolve(endpoint: &str) -> Result<SocketAddr, Error> {
    let wrong = || format!("{endpoint} is not an endpoint like http://127.0.0.1:8000");
    let host = endpoint.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/');
    let address = tokio::net::lookup_host(host).await.map_err(|_| wrong())?.next();
    Ok(address.ok_or_else(wrong)?)
}

/// Object storage: in the data directory, or gone with the runner.
pub(crate) fn storage(data: Option<&Data>) -> Result<Storage, Error> {
    match data {
        Some(data) => Storage::open(&data.objects(), BUCKET),
        None => Storage::temporary(BUCKET),
    }
}

/// The stand-in for SES. What it publishes goes to the queue as its topic would put it there, and what it receives into
/// object storage.
pub(crate) fn fake_ses(storage: &Storage, sqs: &Sqs, queue: &str, now: Now) -> FakeSes {
    let (storage, sqs, queue) = (storage.clone(), sqs.clone(), queue.to_owned());
    FakeSes::new(FakeSesConfig {
        now,
        bucket: BUCKET.to_owned(),
        put: Arc::new(move |key, raw| {
            let put = storage.write(&key, &raw);
            Box::pin(std::future::ready(put))
        }),
        events: Arc::new(move |json| {
            if let Err(error) = sqs.put(&queue, &json) {
                tracing::error!(error = error.to_string(), "what SES published is not kept");
            }
            Box::pin(std::future::ready(()))
        }),
    })
}

/// What is behind SNS's address: its certificate, and what confirms a subscription.
pub(crate) fn fake_sns() -> Router {
    let confirmed = "<ConfirmSubscriptionResponse/>";
    Router::new()
        .route(SNS_CERTIFICATE_PATH, get(async || SNS_CERTIFICATE))
        .route("/", get(async move || confirmed))
}

/// The stand-in for Twilio, with its webhooks pointing here.
pub(crate) fn fake_twilio(origin: &str, fallback_origin: &str, now: Now) -> FakeTwilio {
    let fake = FakeTwilio::new(FakeTwilioConfig {
        account_sid: FAKE_ACCOUNT_SID.to_owned(),
        auth_token: FAKE_AUTH_TOKEN.to_owned(),
        sms_url: format!("{origin}/omega/twilio/sms/reply{OF_A_NUMBER}"),
        sms_fallback_url: Some(format!("{fallback_origin}/omega/twilio/sms/reply")),
        now,
        sign: signature::twilio::sign_form,
    });
    fake.set_voice_app(&format!("{origin}/omega/voice-calls/twiml{OF_A_NUMBER}"), None);
    fake
}
