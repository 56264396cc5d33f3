//! Which conversations a page shows, and how many there are.

use domain::Timestamp;
use domain::inbox::ConversationFilter;
use store::counts::Overview;
use store::inbox::{Window, activity_place, changed_at};
use store::{ClientView, Store};
use web::Tenant;

use crate::answer::{Answer, Refused};
use crate::parameters::Asked;

/// How often a list is read on where most of what it has is of other locations: some ten thousand conversations each.
const MOST_READS: usize = 10;

/// The conversations of a page, each with its last change that was seen, and how many there are on all pages.
pub(crate) struct Found {
    pub rows: Vec<(ClientView, Timestamp)>,
    pub count: u64,
}

/// Looks for them, and for what is shown beside them.
pub(crate) async fn find(store: &Store, tenant: &Tenant, asked: &Asked) -> Answer<(Found, Overview)> {
    let location = asked.location.ok_or(Refused::NO_LOCATION)?;
    let filter = ConversationFilter { location: Some(location), ..ConversationFilter::default() };
    let overview = store.overview(tenant.id(), tenant.shards());
    // What changed since before there was anything is everything.
    let since = asked.updated_since.filter(|since| *since > tenant.business().created_at);
    let rows = async {
        match since {
            Some(since) => changed(store, tenant, &filter, since).await,
            None if asked.page.is_deep() => Ok(Vec::new()),
            None => by_activity(store, tenant, &filter, asked.page.reach()).await,
        }
    };
    let overview = async { Ok::<_, Refused>(overview.await?) };
    // A location that is not there is told first, whatever else there is to say.
    let (overview, rows) = futures_util::join!(overview, rows);
    let overview = overview?;
    if overview.locations.iter().all(|known| known.location_id != location) {
        return Err(Refused::NO_LOCATION);
    }
    let rows = rows?;
    let count = match since {
        Some(_) => rows.len() as u64,
        None => overview.counts.of(|cell| filter.matches(cell)),
    };
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
) -> Answer<Vec<(ClientView, Timestamp)>> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    for _ in 0..MOST_READS {
        let window = Window { after: after.as_deref(), most: most - rows.len() };
        let read = store.conversations(tenant.id(), tenant.shards(), filter, window).await?;
        rows.extend(read.rows.into_iter().map(|view| {
            let changed = changed_at(&view);
            (view, changed)
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
) -> Answer<Vec<(ClientView, Timestamp)>> {
    let found = store.conversations_changed_throughout(tenant.id(), tenant.shards(), (filter, since)).await?;
    let Some(mut rows) = found else {
        let problem = "updated_since is too far back: too much changed since then, ask without it";
        return Err(Refused::Parameters(vec![problem.to_owned()]));
    };
    rows.sort_by_cached_key(|(view, _)| std::cmp::Reverse(activity_place(view)));
    Ok(rows)
}
