//! Whether there is a contact.

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use store::finding::Clue;
use web::{ApiError, Edge, Tenant};

use crate::contact;
use crate::parameters::Query;
use crate::refused::Answer;
use crate::schema::{self, Kind, Schema, Source, property};
use crate::success::success;

static BY_ID: Schema =
    Schema { required: &["contactId"], properties: &[property("contactId", Kind::Word)], open: false };
static BY_EMAIL: Schema =
    Schema { required: &["email"], properties: &[property("email", Kind::Mailbox)], open: false };
static BY_PHONE: Schema =
    Schema { required: &["phone"], properties: &[property("phone", Kind::Word)], open: false };
/// What has to be asked: one of these.
pub(crate) static ASKED: [&Schema; 3] = [&BY_ID, &BY_EMAIL, &BY_PHONE];

#[derive(Debug, Serialize)]
struct Existence {
    exists: bool,
}

/// `GET /api/v1/omnichannel/contacts.checkExistence`: by id, mail address or phone number.
pub(crate) async fn check(
    Query(mut asked): Query,
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
) -> Answer<impl IntoResponse> {
    schema::check_one_of(&ASKED, Source::Query, &mut asked)?;
    let tenant = tenant?;
    let (store, business) = (edge.store(), tenant.id());
    let exists = if let Some(email) = asked.text("email") {
        store.leads_to_somebody(business, Clue::Email(email)).await?
    } else if let Some(phone) = asked.text("phone") {
        let phone = Clue::Phone(phone, tenant.business().country);
        store.leads_to_somebody(business, phone).await?
    } else {
        contact::find(store, business, asked.known("contactId")).await?.is_some()
    };
    Ok(success(Existence { exists }))
}
