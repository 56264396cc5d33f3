//! Looks once a minute at what is due and passes it on. Nothing else polls, and no provider is called here.
//!
//! - stored but not queued, or waiting for its time: queued for the sender;
//! - claimed, and the lease ran out: of unknown outcome, and never claimed again by itself;
//! - silent for too long, or of unknown outcome: the sender is asked to ask the provider, once.

use std::time::Duration;

use domain::Result;
use domain::delivery::LOOK_UP_AFTER;
use domain::job::{Job, Work};
use domain::status::Status;
use queue::Queue;
use store::due::Due;
use store::{Store, keys};

/// Messages taken from one part of the index at a time.
const PAGE: i32 = 100;
/// Pages of one part in one run: a backlog larger than this is worked off over several minutes.
const PAGES: usize = 50;
/// When to look again at a message whose job was just queued.
const AGAIN: Duration = Duration::from_secs(300);
/// When to look again at a message that is being asked after. The answer takes it out of the index.
const ASKED: Duration = Duration::from_secs(6 * 3600);

/// What this function needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// Jobs of the text sender.
    pub sms_queue: Queue,
}

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Messages queued for the sender.
    pub queued: usize,
    /// Messages whose claim ran out.
    pub given_up: usize,
    /// Messages the provider is asked about.
    pub asked: usize,
}

/// One run: oldest first, part by part. Two runs at once share the work, because each message is claimed first.
///
/// # Errors
/// `Unavailable` when table or queue are out of reach; what is left is due in the next run.
pub async fn run(deps: &Deps) -> Result<Swept> {
    let mut swept = Swept::default();
    for shard in 0..keys::DUE_SHARDS {
        for _ in 0..PAGES {
            let page = deps.store.due(shard, PAGE).await?;
            let last = page.len() < PAGE as usize;
            sweep(deps, page, &mut swept).await?;
            if last {
                break;
            }
        }
    }
    if swept != Swept::default() {
        tracing::info!(queued = swept.queued, given_up = swept.given_up, asked = swept.asked, "swept");
    }
    Ok(swept)
}

async fn sweep(deps: &Deps, page: Vec<Due>, swept: &mut Swept) -> Result<()> {
    let mut jobs = Vec::new();
    for due in page {
        let (message, attempt) = (due.message.at, due.message.attempt);
        match due.message.delivery_status {
            Status::Queued | Status::Scheduled => {
                if deps.store.claim_due(&due, AGAIN).await? {
                    jobs.push(Job::new("sweeper", Work::SendSms { message, attempt }));
                    swept.queued += 1;
                }
            }
            Status::Sending if due.message.lease_until.is_some() => {
                if deps.store.give_up_lease(&due, LOOK_UP_AFTER).await? {
                    swept.given_up += 1;
                }
            }
            Status::Sending | Status::Sent | Status::UnknownOutcome => {
                if deps.store.claim_due(&due, ASKED).await? {
                    jobs.push(Job::new("sweeper", Work::CheckSms { message, attempt }));
                    swept.asked += 1;
                }
            }
            Status::Initiated
            | Status::Delivered
            | Status::Read
            | Status::Failed
            | Status::Undelivered
            | Status::Rejected
            | Status::Canceled
            | Status::Expired
            | Status::Blocked
            | Status::Bounced
            | Status::Complained
            | Status::Received => deps.store.forget_due(&due).await?,
        }
    }
    deps.sms_queue.send(&jobs).await
}
