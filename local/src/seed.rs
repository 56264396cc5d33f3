//! A business to play with, set up as any other: by the request that sets up businesses. What seems to have happened in
//! it is prepared: the items are in a file, as the store that every function uses wrote them once.

#[cfg(test)]
mod plan;
mod prepared;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod words;

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::request::Builder;
use axum::http::{Request, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::{Error, Local, Source};

/// The id of the demo business.
pub const BUSINESS: u64 = 1001;
/// The member of the staff in whose name the tour is taken.
pub const GUIDE: u64 = 7;
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
    if let Some(api_key) = answer["api_key"].as_str() {
        local.keep_api_key(api_key)?;
        return Ok(api_key.to_owned());
    }
    local
        .kept_api_key()?
        .ok_or_else(|| "the API key of the demo business is lost: delete the data directory".into())
}

/// Hires the member of the staff in whose name the tour is taken, for a demo business without an inbox.
///
/// # Errors
/// When the request fails.
pub async fn guide(local: &Local, api_key: &str) -> Result<(), Error> {
    let staffs = format!("{}/businesses/{BUSINESS}/staffs", local.base_url);
    let known = answered(Request::get(&staffs).header("X-API-KEY", api_key), Body::empty()).await?;
    if known["items"].as_array().into_iter().flatten().any(|member| member["staff_id"] == GUIDE) {
        return Ok(());
    }
    let request = Request::put(format!("{staffs}/{GUIDE}"));
    let member = json!({"staff_name": "Noor Haddad", "staff_email": "noor@example.com", "role": "manager"});
    answered(request.header("X-API-KEY", api_key), Body::from(member.to_string())).await?;
    Ok(())
}

/// Fills the inbox of the demo business with what happened between it and some two hundred people in the last sixty
/// days. An inbox that is filled already stays as it is. A start that died while it filled is made up for by the next one
/// with the same data directory: it writes the same items again.
///
/// # Errors
/// When the table cannot be reached.
pub async fn inbox(local: &Local) -> Result<(), Error> {
    let began = local.keep_inbox_time()?;
    prepared::load(&local.engine_endpoint, &local.table, began).await
}

/// Waits until Twilio was told where to call: before that, nothing is sent from a number. A Twilio that does not have
/// these numbers says so, which is an end as well.
async fn set_up(local: &Local) -> Result<(), Error> {
    for _ in 0..LOOKS {
        // Nobody else may be polling.
        while local.deliver_once(Source::Onboarding).await?.is_some() {}
        let status = Request::get(format!("{}/business/{BUSINESS}/onboard/status", local.base_url));
        let status = status.header("X-API-KEY", &local.platform_key);
        if answered(status, Body::empty()).await?["status"] != "in_progress" {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err("the demo business is not set up in time".into())
}

async fn onboard(local: &Local, business: &Value) -> Result<Value, Error> {
    let request = Request::post(format!("{}/business/onboard", local.base_url));
    let request = request.header("X-API-KEY", &local.platform_key);
    answered(request, Body::from(business.to_string())).await
}

/// The response to a request, if it succeeds.
async fn answered(request: Builder, body: Body) -> Result<Value, Error> {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let request = request.header(header::CONTENT_TYPE, "application/json").body(body)?;
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
