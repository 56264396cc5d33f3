//! The inbox: conversations of a business.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use domain::inbox::ConversationFilter;
use domain::staff::Staff;
use domain::{BusinessId, StaffId, Timestamp};
use serde::Serialize;
use store::ClientView;
use store::Store;
use store::inbox::{Rows, Window};
use store::tombstones::Changed;
use web::paging::{Opened, Page, Paging};
use web::read::{QueryParams, instant, text};
use web::schemas::client::ClientDetails;
use web::{ApiResult, Edge, Tenant, unprocessable};

use crate::filter;

/// Longer than any name, address or number that could be found.
const LONGEST_SEARCH: usize = 200;

/// What is asked for, checked.
struct Request {
    paging: Paging,
    filter: ConversationFilter,
    search: Option<String>,
    updated_since: Option<Timestamp>,
}

/// Which list a cursor is of.
#[derive(Serialize)]
struct List<'a> {
    name: &'static str,
    business: BusinessId,
    filter: &'a ConversationFilter,
    search: Option<&'a str>,
    updated_since: Option<Timestamp>,
}

/// `GET /omega/businesses/{business_id}/conversations`: newest activity first; with `updated_since`, oldest change
/// first, clients who are gone among them. All filters have to be true.
pub async fn list(
    tenant: Tenant,
    State(edge): State<Edge>,
    query: QueryParams,
) -> ApiResult<Json<Page<ClientDetails>>> {
    let asked = query.read(|object| {
        let paging = Paging::read(object);
        let search = object.optional("search", text(LONGEST_SEARCH)).map(|search| search.trim().to_owned());
        let updated_since = object.optional("updated_since", instant);
        let filter = filter::read(object, tenant.staff_id());
        let search = search.filter(|search| !search.is_empty());
        Some(Request { paging: paging?, filter: filter?, search, updated_since })
    })?;
    let store = edge.store();
    let of = List {
        name: "conversations",
        business: tenant.id(),
        filter: &asked.filter,
        search: asked.search.as_deref(),
        updated_since: asked.updated_since,
    };
    let opened = asked.paging.clone().open(&of, store.clock().now())?;
    let page = match (&asked.search, asked.updated_since) {
        (Some(search), since) => found(store, &tenant, &asked.filter, search, since, opened).await?,
        (None, Some(since)) => changed(store, &tenant, &asked.filter, since, opened).await?,
        (None, None) => by_activity(store, &tenant, &asked.filter, opened).await?,
    };
    Ok(Json(page))
}

type Details = Page<ClientDetails>;

/// One query for each part, and one for counts and staff, all at the same time.
async fn by_activity(
    store: &Store,
    tenant: &Tenant,
    filter: &ConversationFilter,
    opened: Opened,
) -> ApiResult<Details> {
    let window = Window { after: opened.after.as_deref(), most: opened.most() };
    let rows = store.conversations(tenant.id(), tenant.shards(), filter, window);
    let overview = store.overview(tenant.id(), tenant.shards());
    let (rows, overview) = futures_util::try_join!(rows, overview)?;
    let total = overview.counts.of(|cell| filter.matches(cell));
    let begun = opened.begun;
    let rows = rows.map(Changed::Here);
    Ok(page(opened, rows, total, false, &overview.staff).of_changes(begun, Timestamp::EARLIEST))
}

async fn changed(
    store: &Store,
    tenant: &Tenant,
    filter: &ConversationFilter,
    since: Timestamp,
    opened: Opened,
) -> ApiResult<Details> {
    let (business, shards) = (tenant.id(), tenant.shards());
    let window = Window { after: opened.after.as_deref(), most: opened.most() };
    let counted = async {
        match opened.counted {
            Some(total) => Ok(Some(total)),
            None => store.count_changed_conversations(business, shards, (filter, since)).await,
        }
    };
    let rows = store.changed_conversations(business, shards, (filter, since), window);
    let staff = store.staff(business);
    let (rows, total, staff) = futures_util::try_join!(rows, counted, staff)?;
    let total = total.ok_or_else(|| {
        let why = "Value error, too much changed since then: walk the whole list instead";
        unprocessable(&["query", "updated_since"], since.to_string().into(), why)
    })?;
    let begun = opened.begun;
    Ok(page(opened, rows, total, true, &staff).of_changes(begun, since))
}

/// A search looks its clients up, and puts the list together here. Nobody who is gone is found by a word.
async fn found(
    store: &Store,
    tenant: &Tenant,
    filter: &ConversationFilter,
    search: &str,
    since: Option<Timestamp>,
    opened: Opened,
) -> ApiResult<Details> {
    let business = tenant.id();
    let clients = store.find_clients(business, search, tenant.business().country).await?;
    let clients = clients.filter(|clients| clients.len() <= store::inbox::MOST_FOUND).ok_or_else(|| {
        let why = "Value error, more than 1000 clients match: use more of the name, address or number";
        unprocessable(&["query", "search"], search.into(), why)
    })?;
    let views = store.client_views(business, &clients);
    let (views, staff) = futures_util::try_join!(views, store.staff(business))?;
    let place = |view: &ClientView| match since {
        Some(_) => Some(store::inbox::change_place(view)),
        None => store::inbox::activity_place(view),
    };
    let changed = |view: &ClientView| {
        since.is_none_or(|since| view.conversation.as_ref().is_some_and(|head| head.changed_at >= since))
    };
    let mut rows: Vec<(String, ClientView)> = views
        .into_iter()
        .filter(|view| filter.matches(&view.cell()) && changed(view))
        .filter_map(|view| Some((place(&view)?, view)))
        .collect();
    let total = rows.len() as u64;
    rows.sort_unstable_by(|(a, _), (b, _)| if since.is_some() { a.cmp(b) } else { b.cmp(a) });
    if let Some(after) = &opened.after {
        rows.retain(|(place, _)| if since.is_some() { place > after } else { place < after });
    }
    let more = rows.len() > opened.most();
    rows.truncate(opened.most());
    let next = rows.last().filter(|_| more).map(|(place, _)| place.clone());
    let rows = Rows { rows: rows.into_iter().map(|(_, view)| Changed::Here(view)).collect(), next };
    let begun = opened.begun;
    let page = page(opened, rows, total, false, &staff);
    Ok(match since {
        Some(since) => page.of_changes(begun, since),
        None => page,
    })
}

fn page(
    opened: Opened,
    rows: Rows<Changed<ClientView>>,
    total: u64,
    keeps_total: bool,
    staff: &HashMap<StaffId, Staff>,
) -> Details {
    let row = |row: Changed<ClientView>| match row {
        Changed::Here(view) => {
            let assignee = view.conversation.as_ref().and_then(|head| head.assigned_to);
            ClientDetails::new(view, assignee.and_then(|id| staff.get(&id)))
        }
        Changed::Gone(tombstone) => ClientDetails::gone(&tombstone),
    };
    opened.page(rows.rows, rows.next, total, keeps_total).map(row)
}
