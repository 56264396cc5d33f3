//! What changes of a contact.

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::client::Change;
use web::{AnsweredAnew, ApiError, Correlation, Edge, Tenant};

use crate::get_contact::Found;
use crate::parameters::Json;
use crate::refused::{Answer, Refused};
use crate::schema::{self, ANY_TEXT, ANYTHING, Kind, Schema, Source, nullable, property};
use crate::success::success;
use crate::{contact, entry, manager};

/// What has to be asked.
pub(crate) static ASKED: Schema = Schema {
    required: &["contactId"],
    properties: &[
        property("contactId", ANY_TEXT),
        property("name", entry::NAME),
        nullable("emails", entry::EMAILS),
        nullable("phones", entry::PHONES),
        nullable("customFields", Kind::Object(&ANYTHING)),
        nullable("contactManager", ANY_TEXT),
        // There are no conflicts to wipe.
        nullable("wipeConflicts", Kind::Boolean),
    ],
    open: false,
};

/// `POST /api/v1/omnichannel/contacts.update`: what is sent changes, and the contact is a known one from then on. Lists
/// and custom fields are replaced; an empty manager is nobody.
pub(crate) async fn update(
    tenant: Result<Tenant, ApiError>,
    Extension(correlation): Extension<Correlation>,
    State(edge): State<Edge>,
    Json(mut asked): Json,
) -> Answer<impl IntoResponse> {
    schema::check(&ASKED, Source::Body, &mut asked)?;
    let (tenant, store) = (tenant?, edge.store());
    let unknown = Refused::plain("error-contact-not-found");
    let found = contact::find(store, tenant.id(), asked.known("contactId")).await?;
    let Some(client) = found.map(|view| view.client.client_id) else { return Err(unknown) };
    let assignee = entry::manager(store, &tenant, &asked).await?;
    let changes = entry::read(&asked, tenant.business().country)?;
    let written = store.update_client(tenant.id(), client, &changes, tenant.shards()).await?;
    let Some(mut view) = written else { return Err(unknown) };
    let assignee = match assignee {
        Change::Keep => None,
        Change::Clear => Some(None),
        Change::Set(staff) => Some(Some(staff)),
    };
    if let Some(assignee) = assignee {
        manager::put(store, &tenant, view.client.client_id, assignee, &correlation).await?;
        view = store.client_view(tenant.id(), view.client.client_id).await?.ok_or(unknown)?;
    }
    let answer = success(Found { contact: contact::contact(&view) });
    Ok((Extension(AnsweredAnew), answer))
}
