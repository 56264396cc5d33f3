//! A text from a client.

use axum::extract::State;
use axum::response::IntoResponse;
use store::{Received, Store};
use web::ApiResult;
use web::twilio::{Form, Verified};

use crate::twiml::empty_twiml;

/// `POST /omega/twilio/sms/reply`: stored exactly once for each `MessageSid`, whatever arrives how often; answered with
/// empty TwiML. Trouble of ours is a 5xx, which makes Twilio try again.
pub async fn reply(State(store): State<Store>, form: Verified<Form>) -> ApiResult<impl IntoResponse> {
    let form = form.into_inner();
    let sms = form.inbound_sms()?;
    let route = store.route_of(&sms.to.0).await?;
    let received = store.receive(&sms, route.as_ref()).await?;
    match received {
        Received::Stored(at) => {
            tracing::info!(business.id = at.business.get(), message.id = at.message.get(), "text received");
        }
        Received::Duplicate => {
            let (sid, token) = (sms.message_sid, form.token);
            tracing::info!(
                twilio.sid = sid,
                twilio.token = token,
                metric = "duplicate_dropped",
                "text was here"
            );
        }
        Received::Quarantined => {
            tracing::error!(
                twilio.sid = sms.message_sid,
                metric = "quarantined",
                "text to a number that belongs to no business: kept for 30 days"
            );
        }
    }
    Ok(empty_twiml())
}
