//! The ways to reach a contact.

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use web::{ApiError, Edge, Tenant};

use crate::contact::{self, ContactChannel};
use crate::parameters::Query;
use crate::refused::Answer;
use crate::schema::{self, ANY_TEXT, Schema, Source, property};
use crate::success::success;

/// What has to be asked.
pub(crate) static ASKED: Schema =
    Schema { required: &["contactId"], properties: &[property("contactId", ANY_TEXT)], open: false };

#[derive(Debug, Serialize)]
struct Channels {
    channels: Vec<ContactChannel>,
}

/// `GET /api/v1/omnichannel/contacts.channels`: of an unknown contact there are none.
pub(crate) async fn list(
    Query(mut asked): Query,
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
) -> Answer<impl IntoResponse> {
    schema::check(&ASKED, Source::Query, &mut asked)?;
    let tenant = tenant?;
    let found = contact::find(edge.store(), tenant.id(), asked.known("contactId")).await?;
    Ok(success(Channels { channels: found.as_ref().map(contact::channels).unwrap_or_default() }))
}
