//! One contact.

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use web::{ApiError, Edge, Tenant};

use crate::contact::{self, Contact};
use crate::parameters::Query;
use crate::refused::{Answer, Refused};
use crate::schema::{self, Kind, Schema, Source, property};
use crate::success::success;

/// What has to be asked.
pub(crate) static ASKED: Schema =
    Schema { required: &["contactId"], properties: &[property("contactId", Kind::Word)], open: false };

/// What is answered.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// The contact.
    pub contact: Contact,
}

/// `GET /api/v1/omnichannel/contacts.get`: an unknown contact is 404.
pub(crate) async fn get(
    Query(mut asked): Query,
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
) -> Answer<impl IntoResponse> {
    schema::check(&ASKED, Source::Query, &mut asked)?;
    let tenant = tenant?;
    let found = contact::find(edge.store(), tenant.id(), asked.known("contactId")).await?;
    let view = found.ok_or(Refused::Missing("Resource not found"))?;
    Ok(success(Found { contact: contact::contact(&view) }))
}
