//! How a text would be encoded and billed.

use axum::Json;
use domain::segments::{self, SmsSegments};
use web::read::{JsonBody, text};
use web::{ApiResult, Tenant};

/// The longest text that is looked at: beyond what can be sent, so that an editor can say by how much it is too long.
const LONGEST: usize = 100_000;

/// `POST /omega/businesses/{business_id}/sms/preview`: the function that counts for the sender counts here.
pub async fn preview(_: Tenant, body: JsonBody) -> ApiResult<Json<SmsSegments>> {
    let message = body.read(|body| body.required("message", text(LONGEST)))?;
    Ok(Json(segments::count(&message)))
}
