//! Forget a contact.

use axum::extract::State;
use axum::response::IntoResponse;
use web::{ApiError, Edge, Tenant};

use crate::contact;
use crate::parameters::Json;
use crate::refused::{Answer, Refused};
use crate::schema::{self, ANY_TEXT, Schema, Source, property};
use crate::success::{Done, success};

/// What has to be asked.
pub(crate) static ASKED: Schema =
    Schema { required: &["contactId"], properties: &[property("contactId", ANY_TEXT)], open: false };

/// `POST /api/v1/omnichannel/contacts.delete`: the client is erased, with everything that was exchanged with them.
pub(crate) async fn delete(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Json(mut asked): Json,
) -> Answer<impl IntoResponse> {
    schema::check(&ASKED, Source::Body, &mut asked)?;
    let tenant = tenant?;
    let unknown = Refused::Missing("error-contact-not-found");
    let Some(client) = contact::client_id(tenant.id(), asked.known("contactId")) else {
        return Err(unknown);
    };
    if !edge.store().erase_client(tenant.id(), client, tenant.shards()).await? {
        return Err(unknown);
    }
    Ok(success(Done {}))
}
