//! Lists of contacts.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::IntoResponse;
use domain::StaffId;
use domain::fold::fold;
use domain::staff::Staff;
use serde::Serialize;
use serde_json::Value;
use store::inbox::MOST_FOUND;
use store::{ClientView, Store};
use web::{ApiError, Edge, Tenant};

use crate::contact::{self, Contact};
use crate::paging::{Part, descends};
use crate::parameters::Query;
use crate::refused::{Answer, Refused};
use crate::schema::{self, ANY_TEXT, Kind, Schema, Source, property};
use crate::success::success;
use crate::users;
use crate::users::User;

/// What can be asked.
pub(crate) static ASKED: Schema = Schema {
    required: &[],
    properties: &[
        property("count", Kind::Number),
        property("offset", Kind::Number),
        property("sort", ANY_TEXT),
        property("searchText", ANY_TEXT),
        property("unknown", Kind::Boolean),
    ],
    open: false,
};

#[derive(Debug, Serialize)]
struct Page {
    contacts: Vec<Contact>,
    count: usize,
    offset: usize,
    total: u64,
}

/// Which contacts.
struct Wanted<'a> {
    text: Option<&'a str>,
    unknown: bool,
    descends: bool,
    part: Part,
}

/// `GET /api/v1/omnichannel/contacts.search`: by name, those whom the directory named; with `unknown=true` the others.
pub(crate) async fn search(
    Query(mut asked): Query,
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
) -> Answer<impl IntoResponse> {
    schema::check(&ASKED, Source::Query, &mut asked)?;
    let tenant = tenant?;
    let wanted = Wanted {
        text: asked.text("searchText").map(str::trim).filter(|text| !text.is_empty()),
        unknown: asked.get("unknown").and_then(Value::as_bool).unwrap_or(false),
        descends: descends(&asked, "name", false)?,
        part: Part::read(&asked)?,
    };
    let store = edge.store();
    let (views, total) = match wanted.text {
        Some(text) => found(store, &tenant, text, &wanted).await?,
        None => by_name(store, &tenant, &wanted).await?,
    };
    let managers = managers(store, &tenant, &views).await?;
    let contacts: Vec<Contact> =
        views.iter().map(|view| contact::contact_of(view, manager(view, &managers))).collect();
    Ok(success(Page { count: contacts.len(), contacts, offset: wanted.part.offset, total }))
}

/// A part of the list of all.
async fn by_name(store: &Store, tenant: &Tenant, wanted: &Wanted<'_>) -> Answer<(Vec<ClientView>, u64)> {
    let Part { offset, count } = wanted.part;
    let listed = store.clients_by_name(tenant.id(), (wanted.unknown, wanted.descends), (offset, count));
    let total = store.count_clients_by_name(tenant.id(), wanted.unknown);
    let (listed, total) = futures_util::try_join!(listed, total)?;
    Ok((store.client_views(tenant.id(), &listed).await?, total))
}

/// A part of those whom a search finds. It knows all of them at once.
async fn found(
    store: &Store,
    tenant: &Tenant,
    text: &str,
    wanted: &Wanted<'_>,
) -> Answer<(Vec<ClientView>, u64)> {
    let found = store.find_clients(tenant.id(), text, tenant.business().country).await?;
    let too_many = || {
        let why = "Too many contacts match: use more letters of the name or address, or digits of the number";
        Refused::Invalid(vec![why.to_owned()])
    };
    let found = found.filter(|found| found.len() <= MOST_FOUND).ok_or_else(too_many)?;
    let mut views = store.client_views(tenant.id(), &found).await?;
    views.retain(|view| view.client.provisional == wanted.unknown);
    views.sort_by_cached_key(|view| (fold(&contact::name(&view.client).0), view.client.client_id));
    if wanted.descends {
        views.reverse();
    }
    let total = views.len() as u64;
    Ok((wanted.part.of(views), total))
}

/// Whoever takes care of these contacts.
async fn managers(
    store: &Store,
    tenant: &Tenant,
    views: &[ClientView],
) -> domain::Result<HashMap<StaffId, Staff>> {
    let mut assignees: Vec<StaffId> = views.iter().filter_map(assignee).collect();
    assignees.sort_unstable();
    assignees.dedup();
    let staff = store.staff_members(tenant.id(), &assignees).await?;
    Ok(staff.into_iter().map(|staff| (staff.staff_id, staff)).collect())
}

fn assignee(view: &ClientView) -> Option<StaffId> {
    view.conversation.as_ref().and_then(|conversation| conversation.assigned_to)
}

fn manager(view: &ClientView, managers: &HashMap<StaffId, Staff>) -> Option<User> {
    let staff = assignee(view)?;
    let name = managers.get(&staff).map(|staff| staff.full_name.clone());
    Some(User { name, ..users::user(view.client.business_id, staff) })
}
