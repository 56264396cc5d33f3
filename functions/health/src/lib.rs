//! Is it alive, and can it reach its table? Also answers whatever no route of the gateway matches.

use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use store::Store;

/// How long the table may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What this function needs.
#[derive(Clone, Debug)]
pub struct State {
    /// The table.
    pub store: Store,
    /// Whether Twilio's webhooks have what they need to be accepted.
    pub twilio_webhooks: bool,
}

/// Health of one dependency.
#[derive(Debug, Serialize)]
struct HealthService {
    name: &'static str,
    status: &'static str,
    message: Option<&'static str>,
}

/// Overall health.
#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    services: Vec<HealthService>,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    Router::new()
        .route("/omega/health", get(alive))
        .route("/omega/health/db", get(database))
        .with_state(state)
}

/// `GET /omega/health`: 200 while the process runs. Touches nothing, and says what is not set up.
async fn alive(Shared(state): Shared<State>) -> Json<Health> {
    let webhooks = if state.twilio_webhooks {
        HealthService { name: "twilio_webhooks", status: "ok", message: None }
    } else {
        let message = "The auth token or the public address is not set: every webhook is refused with 403.";
        HealthService { name: "twilio_webhooks", status: "unavailable", message: Some(message) }
    };
    let status = if state.twilio_webhooks { "ok" } else { "degraded" };
    Json(Health { status, services: vec![webhooks] })
}

/// `GET /omega/health/db`: reads one key, within two seconds.
async fn database(Shared(state): Shared<State>) -> (StatusCode, Json<HealthService>) {
    match tokio::time::timeout(PATIENCE, state.store.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, Json(HealthService { name: "database", status: "ok", message: None })),
        Ok(Err(_)) => unavailable("The table cannot be read."),
        Err(_) => unavailable("The table did not answer within two seconds."),
    }
}

fn unavailable(message: &'static str) -> (StatusCode, Json<HealthService>) {
    let body = HealthService { name: "database", status: "unavailable", message: Some(message) };
    (StatusCode::SERVICE_UNAVAILABLE, Json(body))
}
