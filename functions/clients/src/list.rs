//! The clients of a business.

use axum::Json;
use axum::extract::State;
use domain::client::ClientType;
use domain::{BusinessId, ClientId, Timestamp, inbox};
use serde::Serialize;
use store::inbox::{ListedClient, MOST_FOUND, Rows, Window};
use store::tombstones::Changed;
use store::{ClientView, Store};
use web::paging::{Opened, Page, Paging};
use web::read::{QueryParams, choice, instant, text};
use web::schemas::client::ClientRow;
use web::{ApiError, ApiResult, Edge, Tenant, unprocessable};

/// Longer than any name, address or number that could be found.
const LONGEST_SEARCH: usize = 200;
/// How often a page goes on reading when most rows are of another type, some thousand rows each time.
const MOST_READS: usize = 50;

/// What is asked for, checked.
struct Request {
    paging: Paging,
    search: Option<String>,
    client_type: Option<ClientType>,
    updated_since: Option<Timestamp>,
}

/// Which list a cursor is of.
#[derive(Serialize)]
struct List<'a> {
    name: &'static str,
    business: BusinessId,
    search: Option<&'a str>,
    client_type: Option<ClientType>,
    updated_since: Option<Timestamp>,
}

/// `GET /omega/businesses/{business_id}/clients`: by name, or as a search finds them; with `updated_since`, oldest
/// change first, those who are gone among them. All filters have to be true.
pub async fn list(
    tenant: Tenant,
    State(edge): State<Edge>,
    query: QueryParams,
) -> ApiResult<Json<Page<ClientRow>>> {
    let asked = query.read(|object| {
        let paging = Paging::read(object);
        let search = object.optional("search", text(LONGEST_SEARCH)).map(|search| search.trim().to_owned());
        let client_type = object.optional("client_type", choice(&["client", "lead"]));
        let updated_since = object.optional("updated_since", instant);
        let search = search.filter(|search| !search.is_empty());
        Some(Request { paging: paging?, search, client_type, updated_since })
    })?;
    let Request { paging, search, client_type, updated_since } = asked;
    let store = edge.store();
    let of = List {
        name: "clients",
        business: tenant.id(),
        search: search.as_deref(),
        client_type,
        updated_since,
    };
    let opened = paging.open(&of, store.clock().now())?;
    let page = match (&search, updated_since) {
        (Some(search), since) => found(store, &tenant, search, (client_type, since), opened).await?,
        (None, Some(since)) => changed(store, &tenant, client_type, since, opened).await?,
        (None, None) => by_name(store, &tenant, client_type, opened).await?,
    };
    Ok(Json(page.map(ClientRow::from)))
}

type Clients = Page<Changed<ListedClient>>;

async fn by_name(
    store: &Store,
    tenant: &Tenant,
    client_type: Option<ClientType>,
    opened: Opened,
) -> ApiResult<Clients> {
    let counts = store.counts(tenant.id(), tenant.shards());
    let rows = filled(store, tenant, (client_type, None), &opened);
    let (rows, counts) = futures_util::try_join!(rows, counts)?;
    let asked_for = |cell: &inbox::Cell| client_type.is_none() || cell.client_type == client_type;
    let total = counts.of(asked_for);
    let begun = opened.begun;
    Ok(opened.page(rows.rows, rows.next, total, false).of_changes(begun, Timestamp::EARLIEST))
}

async fn changed(
    store: &Store,
    tenant: &Tenant,
    client_type: Option<ClientType>,
    since: Timestamp,
    opened: Opened,
) -> ApiResult<Clients> {
    let (business, shards) = (tenant.id(), tenant.shards());
    let counted = async {
        match opened.counted {
            Some(total) => Ok(Some(total)),
            None => store.count_changed_clients(business, shards, (client_type, since)).await,
        }
    };
    let rows = filled(store, tenant, (client_type, Some(since)), &opened);
    let (rows, total) = futures_util::try_join!(rows, counted)?;
    let total = total.ok_or_else(|| {
        let why = "Value error, too much changed since then: walk the whole list instead";
        unprocessable(&["query", "updated_since"], since.to_string().into(), why)
    })?;
    let begun = opened.begun;
    Ok(opened.page(rows.rows, rows.next, total, true).of_changes(begun, since))
}

/// A page that is full, or the last one: a list that leaves out most of what it looks at may come in pieces.
async fn filled(
    store: &Store,
    tenant: &Tenant,
    (client_type, since): (Option<ClientType>, Option<Timestamp>),
    opened: &Opened,
) -> domain::Result<Rows<Changed<ListedClient>>> {
    let (business, shards) = (tenant.id(), tenant.shards());
    let (mut rows, mut next) = (Vec::new(), opened.after.clone());
    for _ in 0..MOST_READS {
        let window = Window { after: next.as_deref(), most: opened.most() - rows.len() };
        let more = match since {
            Some(since) => store.changed_clients(business, shards, (client_type, since), window).await?,
            None => store.clients(business, client_type, window).await?.map(Changed::Here),
        };
        rows.extend(more.rows);
        next = more.next;
        if next.is_none() || rows.len() >= opened.most() {
            break;
        }
    }
    Ok(Rows { rows, next })
}

/// A search knows everybody it finds at once, so the page is put together here. Only those who are on it are read,
/// unless the filters ask for what the search does not know. Nobody who is gone is found by a word.
async fn found(
    store: &Store,
    tenant: &Tenant,
    search: &str,
    (client_type, since): (Option<ClientType>, Option<Timestamp>),
    mut opened: Opened,
) -> ApiResult<Clients> {
    let (business, country) = (tenant.id(), tenant.business().country);
    let mut places = store.find_places(business, search, country).await?.ok_or_else(|| too_many(search))?;
    if client_type.is_some() || since.is_some() {
        if places.len() > MOST_FOUND {
            return Err(too_many(search));
        }
        places = matching(store, business, places, (client_type, since)).await?;
    }
    let total = places.len() as u64;
    if let Some(after) = &opened.after {
        places.retain(|(place, _)| place > after);
    }
    places.drain(..opened.skip.min(places.len()));
    opened.skip = 0;
    let more = places.len() > opened.size;
    places.truncate(opened.size);
    let next = places.last().filter(|_| more).map(|(place, _)| place.clone());
    let clients: Vec<ClientId> = places.into_iter().map(|(_, client)| client).collect();
    let rows = store.client_views(business, &clients).await?.into_iter().map(listed).collect();
    let begun = opened.begun;
    let page = opened.page(rows, next, total, false);
    Ok(match since {
        Some(since) => page.of_changes(begun, since),
        None => page,
    })
}

/// Of those whom a search found, those who are of a type and changed since an instant; these in the order of changes.
async fn matching(
    store: &Store,
    business: BusinessId,
    places: Vec<(String, ClientId)>,
    (client_type, since): (Option<ClientType>, Option<Timestamp>),
) -> domain::Result<Vec<(String, ClientId)>> {
    let clients: Vec<ClientId> = places.iter().map(|(_, client)| *client).collect();
    let mut views = store.client_views(business, &clients).await?;
    views.retain(|view| {
        (client_type.is_none() || view.client.client_type == client_type)
            && since.is_none_or(|since| store::inbox::changed_at(view) >= since)
    });
    if since.is_some() {
        let place = |view: &ClientView| (store::inbox::change_place(view), view.client.client_id);
        let mut changes: Vec<(String, ClientId)> = views.iter().map(place).collect();
        changes.sort_unstable();
        return Ok(changes);
    }
    let left: std::collections::HashSet<ClientId> = views.iter().map(|view| view.client.client_id).collect();
    Ok(places.into_iter().filter(|(_, client)| left.contains(client)).collect())
}

fn too_many(search: &str) -> ApiError {
    let why = "Value error, too many clients match: use more letters of the name or address, or digits of the number";
    unprocessable(&["query", "search"], search.into(), why)
}

fn listed(view: ClientView) -> Changed<ListedClient> {
    let has_conversation = view.conversation.is_some();
    Changed::Here(ListedClient { has_conversation, client: view.client })
}
