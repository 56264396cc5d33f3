//! A business to play with, set up as any other: by the call that sets up businesses. What seems to have happened in it
//! is stored by the store that every function uses.

mod plan;
mod replay;
mod words;

use std::future::Future;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::request::Builder;
use axum::http::{Request, header};
use domain::BusinessId;
use domain::access::Acting;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::servers::sdk_config;
use crate::{Error, Local, OPT_OUT_HASH_KEY, Source};
use replay::Replay;

pub use plan::{GUIDE, PEOPLE};

/// The id of the demo business.
pub const BUSINESS: u64 = 1001;
/// The number it sends from, unless a call says otherwise.
pub const NUMBER: &str = "+14155550100";
/// The mailbox it sends from.
pub const EMAIL: &str = "hello@demo-studio.example.com";
/// What NexHealth's clients call it.
pub const SUBDOMAIN: &str = "demo";
/// The number of its location 1.
pub const OTHER_NUMBER: &str = "+14155550199";
/// How often it is looked whether the demo business is set up, and how long between two looks.
const LOOKS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);
/// More than any answer has.
const LARGEST: usize = 1024 * 1024;

/// Sets up the demo business and returns its API key. A second time, with the same data directory, changes nothing
/// and returns the same key.
///
/// # Errors
/// When the call fails, or the key of an earlier time is lost.
pub async fn demo(local: &Local) -> Result<String, Error> {
    let business = json!({
        "business_id": BUSINESS,
        "business_name": "Demo Studio",
        "country": "US",
        "from_phone_number": NUMBER,
        "from_email": EMAIL,
        "subdomain": SUBDOMAIN,
        "phone_numbers": [
            {"phone_number": NUMBER, "location_id": null},
            {"phone_number": OTHER_NUMBER, "location_id": 1},
        ],
    });
    let answer = onboard(local, &business).await?;
    set_up(local).await?;
    hire_guide(local).await?;
    if let Some(api_key) = answer["api_key"].as_str() {
        local.keep_api_key(api_key)?;
        return Ok(api_key.to_owned());
    }
    local
        .kept_api_key()?
        .ok_or_else(|| "the API key of the demo business is lost: delete the data directory".into())
}

/// Fills the inbox of the demo business with what happened between it and so many people in the last sixty days. The
/// newest comes first. What is there already stays as it is, so that a start goes on where another one died.
///
/// # Errors
/// When the table cannot be reached, or somebody did something to these conversations before they were complete.
pub fn inbox(local: &Local, people: usize) -> impl Future<Output = Result<(), Error>> + Send + use<> {
    let sdk = sdk_config("DYNAMODB", &local.engine_endpoint);
    let opt_out_hash_key = OPT_OUT_HASH_KEY.as_bytes().to_vec();
    let config = store::Config { table: local.table.clone(), opt_out_hash_key };
    let account_sid = local.twilio_account.account_sid.clone();
    let now = local.clock.now();
    async move {
        let business = BusinessId::new(BUSINESS).ok_or("the demo business has no id")?;
        Replay { sdk, config, account_sid, business, now }.run(plan::plan(people)).await
    }
}

/// Lets the member work here in whose name the tour writes, whether the inbox is filled or not.
async fn hire_guide(local: &Local) -> Result<(), Error> {
    let (store, business) =
        (&local.sender().store, BusinessId::new(BUSINESS).ok_or("the demo business has no id")?);
    for (staff, changes) in plan::staff().iter().filter(|(staff, _)| staff.get() == GUIDE) {
        if store.staff_member(business, *staff).await?.is_none() {
            store.upsert_staff(business, *staff, changes, Acting::PROGRAM).await?;
        }
    }
    Ok(())
}

/// Waits until Twilio was told where to call: before that, nothing is sent from a number. A Twilio that does not have
/// these numbers says so, which is an end as well.
async fn set_up(local: &Local) -> Result<(), Error> {
    for _ in 0..LOOKS {
        // Nobody else may be polling.
        while local.deliver_once(Source::Onboarding).await?.is_some() {}
        let status = Request::get(format!("{}/business/{BUSINESS}/onboard/status", local.base_url));
        if answered(local, status, Body::empty()).await?["status"] != "in_progress" {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err("the demo business is not set up in time".into())
}

async fn onboard(local: &Local, business: &Value) -> Result<Value, Error> {
    let request = Request::post(format!("{}/business/onboard", local.base_url));
    answered(local, request, Body::from(business.to_string())).await
}

/// What whoever runs omega is answered.
async fn answered(local: &Local, request: Builder, body: Body) -> Result<Value, Error> {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let request = request
        .header("X-API-KEY", &local.platform_key)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)?;
    let answer = client.request(request).await?;
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), LARGEST).await?;
    if status.is_success() {
        return Ok(serde_json::from_slice(&body)?);
    }
    Err(format!("the demo business cannot be set up: {status} {}", String::from_utf8_lossy(&body)).into())
}

#[cfg(test)]
mod tests;
