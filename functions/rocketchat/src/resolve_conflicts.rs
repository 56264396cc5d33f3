//! Conflicts between what is known of a contact and what came later: omega decides them by itself, and keeps none.

use axum::extract::State;
use web::{ApiError, Edge, Tenant};

use crate::contact;
use crate::parameters::Json;
use crate::refused::{Answer, Refused};
use crate::schema::{self, ANY_TEXT, ANYTHING, Kind, Schema, Source, nullable, property};
use crate::success::Done;

/// What has to be asked.
pub(crate) static ASKED: Schema = Schema {
    required: &["contactId"],
    properties: &[
        property("contactId", ANY_TEXT),
        nullable("name", ANY_TEXT),
        nullable("contactManager", ANY_TEXT),
        property("customFields", Kind::Object(&ANYTHING)),
        nullable("wipeConflicts", Kind::Boolean),
    ],
    open: false,
};

/// `POST /api/v1/omnichannel/contacts.conflicts`: there are none to resolve.
pub(crate) async fn resolve(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Json(mut asked): Json,
) -> Answer<axum::Json<Done>> {
    schema::check(&ASKED, Source::Body, &mut asked)?;
    let tenant = tenant?;
    let found = contact::find(edge.store(), tenant.id(), asked.known("contactId")).await?;
    let why = if found.is_some() { "error-contact-has-no-conflicts" } else { "error-contact-not-found" };
    Err(Refused::plain(why))
}
