//! Which conversations a page shows, and how many there are.

use std::cmp::Reverse;
use std::collections::HashSet;

use domain::inbox::ConversationFilter;
use domain::{ClientId, Timestamp};
use store::counts::Overview;
use store::inbox::{Window, activity_place, changed_at};
use store::tombstones::{Changed, Tombstone};
use store::{ClientView, Store};
use web::Tenant;

use crate::answer::{Answer, Refused};
use crate::parameters::Asked;

/// How often a list is read on where most of what it has is of other locations: some ten thousand conversations each.
const MOST_READS: usize = 10;

/// The most clients who are gone that a list without a beginning takes in.
const MOST_GONE: usize = 10_000;

/// A conversation with its last change that was seen, or a client who is gone.
pub(crate) type Row = Changed<(ClientView, Timestamp)>;

/// The rows of a page, and how many there are on all pages.
pub(crate) struct Found {
    pub rows: Vec<Row>,
    pub count: u64,
}

/// Looks for them, and for what is shown beside them.
pub(crate) async fn find(store: &Store, tenant: &Tenant, asked: &Asked) -> Answer<(Found, Overview)> {
    let location = asked.location.ok_or(Refused::NO_LOCATION)?;
    let filter = ConversationFilter { location: Some(location), ..ConversationFilter::default() };
    let overview = store.overview(tenant.id(), tenant.shards());
    // What changed since before there was anything is everything, and everybody who is gone.
    let since = asked.updated_since.filter(|since| *since > tenant.business().created_at);
    let since_ever = asked.updated_since.filter(|_| since.is_none());
    let rows = async {
        match since {
            Some(since) => changed(store, tenant, &filter, since).await,
            None if asked.page.is_deep() => Ok(Vec::new()),
            None => by_activity(store, tenant, &filter, asked.page.reach()).await,
        }
    };
    let gone = async {
        match since_ever {
            Some(since) => gone_since(store, tenant, &filter, since).await,
            None => Ok(Vec::new()),
        }
    };
    let overview = async { Ok::<_, Refused>(overview.await?) };
    // A location that is not there is told first, whatever else there is to say.
    let (overview, rows, gone) = futures_util::join!(overview, rows, gone);
    let overview = overview?;
    if overview.locations.iter().all(|known| known.location_id != location) {
        return Err(Refused::NO_LOCATION);
    }
    let (mut rows, gone) = (rows?, gone?);
    let count = match since {
        Some(_) => rows.len() as u64,
        None => overview.counts.of(|cell| filter.matches(cell)) + gone.len() as u64,
    };
    if !gone.is_empty() {
        rows.extend(gone.into_iter().map(Changed::Gone));
        rows.sort_by_cached_key(newest_first);
    }
    if let Some(problem) = asked.page.too_deep(count).filter(|_| since.is_none()) {
        return Err(Refused::Parameters(vec![problem]));
    }
    Ok((Found { rows: asked.page.of(rows), count }, overview))
}

/// The first `most`, newest activity first: one query for each part of the business's lists.
async fn by_activity(
    store: &Store,
    tenant: &Tenant,
    filter: &ConversationFilter,
    most: usize,
) -> Answer<Vec<Row>> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    for _ in 0..MOST_READS {
        let window = Window { after: after.as_deref(), most: most - rows.len() };
        let read = store.conversations(tenant.id(), tenant.shards(), filter, window).await?;
        rows.extend(read.rows.into_iter().map(|view| {
            let changed = changed_at(&view);
            Changed::Here((view, changed))
        }));
        after = read.next;
        if after.is_none() || rows.len() >= most {
            return Ok(rows);
        }
    }
    let problem = "page is too deep: too many conversations of other locations are in between";
    Err(Refused::Parameters(vec![problem.to_owned()]))
}

/// All that changed, newest activity first.
async fn changed(
    store: &Store,
    tenant: &Tenant,
    filter: &ConversationFilter,
    since: Timestamp,
) -> Answer<Vec<Row>> {
    let found = store.conversations_changed_throughout(tenant.id(), tenant.shards(), (filter, since)).await?;
    let found = found.ok_or_else(too_far_back)?;
    let gone = found.gone.into_iter().map(Changed::Gone);
    let mut rows: Vec<Row> = found.conversations.into_iter().map(Changed::Here).chain(gone).collect();
    rows.sort_by_cached_key(newest_first);
    Ok(rows)
}

/// Clients who are gone. Those whose id is a client's of the list again are left out: an id is shown once.
async fn gone_since(
    store: &Store,
    tenant: &Tenant,
    filter: &ConversationFilter,
    since: Timestamp,
) -> Answer<Vec<Tombstone>> {
    let mut gone = store.tombstones(tenant.id(), since, MOST_GONE).await?.ok_or_else(too_far_back)?;
    let ids: Vec<ClientId> = gone.iter().map(|tombstone| tombstone.client_id).collect();
    let again = store.client_views(tenant.id(), &ids).await?;
    let listed = again.iter().filter(|view| view.conversation.is_some() && filter.matches(&view.cell()));
    let listed: HashSet<ClientId> = listed.map(|view| view.client.client_id).collect();
    gone.retain(|tombstone| !listed.contains(&tombstone.client_id));
    Ok(gone)
}

fn too_far_back() -> Refused {
    let problem = "updated_since is too far back: too much changed since then, ask without it";
    Refused::Parameters(vec![problem.to_owned()])
}

/// The place in a list by activity. A client's going is their last activity.
fn newest_first(row: &Row) -> Reverse<Option<String>> {
    Reverse(match row {
        Changed::Here((view, _)) => activity_place(view),
        Changed::Gone(tombstone) => Some(tombstone.place()),
    })
}
