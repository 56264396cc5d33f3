//! A new contact.

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::client::Change;
use serde::Serialize;
use web::{ApiError, Call, Correlation, Edge, Tenant};

use crate::parameters::Json;
use crate::refused::Answer;
use crate::schema::{self, ANY_TEXT, ANYTHING, Kind, Schema, Source, nullable, property};
use crate::success::success;
use crate::{contact, entry, manager};

/// What has to be asked.
pub(crate) static ASKED: Schema = Schema {
    required: &["name", "emails", "phones"],
    properties: &[
        property("name", entry::NAME),
        property("emails", entry::EMAILS),
        property("phones", entry::PHONES),
        nullable("customFields", Kind::Object(&ANYTHING)),
        nullable("contactManager", ANY_TEXT),
    ],
    open: false,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    contact_id: String,
}

/// `POST /api/v1/omnichannel/contacts`: somebody whom the directory names. A call that is repeated under its key makes
/// nobody else.
pub(crate) async fn create(
    tenant: Result<Tenant, ApiError>,
    call: Call,
    Extension(correlation): Extension<Correlation>,
    State(edge): State<Edge>,
    Json(mut asked): Json,
) -> Answer<impl IntoResponse> {
    schema::check(&ASKED, Source::Body, &mut asked)?;
    let (tenant, store) = (tenant?, edge.store());
    let assignee = entry::manager(store, &tenant, &asked).await?;
    let changes = entry::read(&asked, tenant.business().country)?;
    let made = store.create_client(tenant.id(), call.request, &changes, tenant.shards()).await?;
    if let Change::Set(staff) = assignee {
        manager::put(store, &tenant, made.client.client_id, Some(staff), &correlation).await?;
    }
    Ok(success(Created { contact_id: contact::id(&made.client) }))
}
