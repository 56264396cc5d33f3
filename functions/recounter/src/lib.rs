//! Counts anew what is counted along: for every conversation its unread, flagged and all messages, for every business
//! the conversations behind each filter. What is wrong is told in the log, as `metric = "count_drift"`, and put right.
//!
//! Nothing is ever expected to be found: each counter changes in the transaction that changes what it counts. This is
//! how a mistake in that would be noticed.

use std::time::Duration;

use domain::shards::Shards;
use domain::{BusinessId, ClientId, Result};
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use store::Store;
use store::recounting::Recounted;

/// Conversations that are counted at the same time.
const CONCURRENT: usize = 16;

/// What this function needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
}

/// What is asked for. The schedule asks for nothing in particular.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Asked {
    /// One business; without it all of them, as far as the time goes.
    #[serde(default)]
    pub business_id: Option<BusinessId>,
}

/// What one run found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Businesses that were counted.
    pub businesses: usize,
    /// Businesses that were left to the next run because the time was up.
    pub left: usize,
    /// Conversations that were counted; one that changed meanwhile may be counted twice.
    pub conversations: usize,
    /// Conversations whose counters were wrong, and are right now.
    pub conversations_repaired: usize,
    /// Sums of a business that were wrong, and are right now.
    pub sums_repaired: usize,
    /// What changed all the while and could not be judged.
    pub busy: usize,
}

/// One run, for at most `time`. Every day begins with another business, so that each gets its turn.
///
/// # Errors
/// `Unavailable` when the table is out of reach. What was put right is right.
pub async fn run(deps: &Deps, asked: Asked, time: Duration) -> Result<Report> {
    let begun = deps.store.clock().now();
    let mut businesses = match asked.business_id {
        Some(business) => vec![business],
        None => deps.store.businesses().await?,
    };
    let days = begun.as_seconds().div_euclid(24 * 3600).unsigned_abs() as usize;
    let first = days % businesses.len().max(1);
    businesses.rotate_left(first);
    let mut report = Report::default();
    for business in businesses {
        if deps.store.clock().now().since(begun) > time {
            report.left += 1;
            continue;
        }
        let shards = match deps.store.business(business).await? {
            Some(business) => business.inbox_shards,
            None => continue,
        };
        recount(deps, business, shards, &mut report).await?;
        report.businesses += 1;
    }
    tracing::info!(
        businesses = report.businesses,
        left = report.left,
        conversations = report.conversations,
        conversations_repaired = report.conversations_repaired,
        sums_repaired = report.sums_repaired,
        busy = report.busy,
        "recounted"
    );
    Ok(report)
}

async fn recount(deps: &Deps, business: BusinessId, shards: Shards, report: &mut Report) -> Result<()> {
    let conversations = async |clients: Vec<ClientId>| {
        let counted = stream::iter(clients)
            .map(async |client| (client, deps.store.recount_conversation(business, client, shards).await))
            .buffer_unordered(CONCURRENT)
            .collect::<Vec<_>>()
            .await;
        for (client, recounted) in counted {
            report.conversations += 1;
            match recounted? {
                Recounted::Right => {}
                Recounted::Repaired(counters) => {
                    report.conversations_repaired += 1;
                    tracing::error!(
                        business.id = business.get(),
                        client.id = client.get(),
                        ?counters,
                        metric = "count_drift",
                        "the counters of a conversation were wrong"
                    );
                }
                Recounted::Busy => report.busy += 1,
            }
        }
        Ok(())
    };
    match deps.store.recount_sums(business, shards, conversations).await? {
        Recounted::Right => {}
        Recounted::Busy => report.busy += 1,
        Recounted::Repaired(sums) => {
            report.sums_repaired += sums.len();
            for sum in sums {
                tracing::error!(
                    business.id = business.get(),
                    cell = %sum.cell,
                    was = sum.was,
                    is = sum.is,
                    metric = "count_drift",
                    "a sum of the inbox was wrong"
                );
            }
        }
    }
    Ok(())
}
