//! Where Twilio turns when the main webhook fails: the text is checked for its signature and put on a queue, and no
//! table is needed for that. The recorder stores it, through the same door and once, as soon as it can.

use axum::extract::{FromRef, State as Shared};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Extension, Router};
use domain::job::{Job, Work};
use queue::Queue;
use web::twilio::{Form, Settings, Verified};
use web::{ApiResult, Correlation};

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// The recorder's queue.
    pub record_queue: Queue,
    /// What tells Twilio from anybody else.
    pub webhook: Settings,
}

/// The routes of this function.
pub fn routes(state: State) -> Router {
    Router::new().route("/omega/twilio/sms/reply", post(keep)).with_state(state)
}

/// `POST /omega/twilio/sms/reply`, at an address of its own.
async fn keep(
    Shared(queue): Shared<Queue>,
    Extension(Correlation(correlation)): Extension<Correlation>,
    form: Verified<Form>,
) -> ApiResult<impl IntoResponse> {
    let sms = form.into_inner().inbound_sms()?;
    queue.send(&[Job::new(correlation, Work::ReceiveSms(sms))]).await?;
    Ok(([(header::CONTENT_TYPE, "application/xml")], "<Response/>"))
}
