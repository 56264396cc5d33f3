//! Looks once a minute at what is due and passes it on. Nothing else polls, and no provider is called here.
//!
//! - stored but not queued, or waiting for its time: queued for the sender;
//! - claimed, and the lease ran out: of unknown outcome, and never claimed again by itself;
//! - silent for too long: the sender is asked to ask Twilio, once. SES cannot be asked;
//! - of unknown outcome: the sender is asked to ask Twilio, several times in a day, and then the message ends;
//! - snoozed until now: the conversation comes back;
//! - counted elsewhere since: the sums are brought up to date;
//! - the conversations of a deactivated member of the staff, a stranger whom the directory named, a client to be
//!   forgotten: worked on until it is done;
//! - what came with a message that is forgotten: removed from object storage;
//! - a business that is not set up as far as it could be: queued for the provisioner.

use std::time::Duration;

use domain::Result;
use domain::channel::Channel;
use domain::delivery::UNKNOWN_AT_MOST;
use domain::job::{Job, Work};
use domain::report::Source;
use domain::status::Status;
use objects::Objects;
use queue::Queue;
use store::due::{Due, DueMessage};
use store::erasing::Discarded;
use store::{Store, keys};

/// Messages taken from one part of the index at a time.
const PAGE: i32 = 100;
/// Pages of one part in one run: a backlog larger than this is worked off over several minutes.
const PAGES: usize = 50;
/// When to look again at a message whose job was just queued.
const AGAIN: Duration = Duration::from_secs(300);
/// When to look again at a message that is being asked after. The answer takes it out of the index.
const ASKED: Duration = Duration::from_secs(6 * 3600);
/// The same for a text of unknown outcome, which is asked after several times.
const LOOKED_UP: Duration = Duration::from_secs(1800);

/// What this function needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// Jobs of the text sender.
    pub sms_queue: Queue,
    /// Jobs of the mail sender.
    pub email_queue: Queue,
    /// Jobs of the provisioner.
    pub onboarding_queue: Queue,
    /// Where attachments are.
    pub objects: Objects,
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
    /// Conversations that came back.
    pub reopened: usize,
    /// Changes of cell that became part of the sums.
    pub counted: usize,
    /// Businesses queued for the provisioner.
    pub set_up: usize,
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
    for shard in 0..keys::DUE_SHARDS {
        for _ in 0..PAGES {
            let page = deps.store.due_recounts(shard, PAGE).await?;
            let last = page.len() < PAGE as usize;
            swept.counted += deps.store.sum_up(page).await?;
            if last {
                break;
            }
        }
    }
    if swept != Swept::default() {
        tracing::info!(
            queued = swept.queued,
            given_up = swept.given_up,
            asked = swept.asked,
            reopened = swept.reopened,
            counted = swept.counted,
            set_up = swept.set_up,
            "swept"
        );
    }
    Ok(swept)
}

async fn sweep(deps: &Deps, page: Vec<Due>, swept: &mut Swept) -> Result<()> {
    let (mut texts, mut mails, mut businesses) = (Vec::new(), Vec::new(), Vec::new());
    for due in page {
        let done = match due {
            Due::Message(due) => {
                let jobs = if due.message.channel == Channel::Email { &mut mails } else { &mut texts };
                jobs.extend(sweep_message(deps, &due, swept).await?);
                Ok(())
            }
            Due::Snooze(snooze) => {
                deps.store.end_snooze(&snooze).await.map(|ended| swept.reopened += usize::from(ended))
            }
            Due::Staff(staff) => deps.store.release_assignments(&staff).await,
            Due::Merge(merge) => deps.store.go_on_merging(&merge).await,
            Due::Erasure(erasure) => deps.store.go_on_erasing(&erasure).await,
            Due::Discarded(discarded) => discard(deps, &discarded).await,
            Due::Setup(due) => {
                if deps.store.claim_due_setup(&due, AGAIN).await? {
                    swept.set_up += 1;
                    let work = Work::Provision { business_id: due.business };
                    businesses.push(Job::new("sweeper", work));
                }
                Ok(())
            }
        };
        if let Err(error) = done {
            // It stays due, and keeps no message waiting.
            tracing::error!(error = domain::error::with_causes(&error), "left to the next run");
        }
    }
    deps.sms_queue.send(&texts).await?;
    deps.email_queue.send(&mails).await?;
    deps.onboarding_queue.send(&businesses).await
}

/// Removes objects, and then the note that says so: what dies between does it again.
async fn discard(deps: &Deps, discarded: &Discarded) -> Result<()> {
    for object in &discarded.objects {
        deps.objects.delete(object).await?;
    }
    deps.store.forget_discarded(discarded).await
}

/// What a due message needs: a job, or an end to waiting.
async fn sweep_message(deps: &Deps, due: &DueMessage, swept: &mut Swept) -> Result<Option<Job>> {
    let (message, attempt) = (due.message.at, due.message.attempt);
    match due.message.delivery_status {
        Status::Queued | Status::Scheduled => {
            if deps.store.claim_due(due, AGAIN).await? {
                swept.queued += 1;
                return Ok(Some(Job::new("sweeper", Work::send(due.message.channel, message, attempt))));
            }
        }
        Status::Sending if due.message.lease_until.is_some() => {
            if deps.store.give_up_lease(due).await? {
                swept.given_up += 1;
            }
        }
        Status::UnknownOutcome => return look_up(deps, due, swept).await,
        Status::Sending | Status::Sent if due.message.channel == Channel::Email => {
            let why = "No report came, and SES cannot be asked about a mail.";
            deps.store.stop_asking(message, attempt, why).await?;
        }
        Status::Sending | Status::Sent => {
            if deps.store.claim_due(due, ASKED).await? {
                swept.asked += 1;
                return Ok(Some(Job::new("sweeper", Work::CheckSms { message, attempt })));
            }
        }
        Status::Initiated
        | Status::DeliveryUnknown
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
        | Status::Received => deps.store.forget_due(due).await?,
    }
    Ok(None)
}

/// What a message of unknown outcome needs: a job that asks Twilio, or its end. A mail waits for an event of SES, which
/// cannot be asked.
async fn look_up(deps: &Deps, due: &DueMessage, swept: &mut Swept) -> Result<Option<Job>> {
    let message = &due.message;
    let (lost, now) = (message.answer_lost(), deps.store.clock().now());
    let age = now.since(lost.since);
    if message.attempt == 0 {
        // Another system carries it and reports what becomes of it.
        deps.store.forget_due(due).await?;
    } else if message.channel == Channel::Email {
        match lost.next_look(Channel::Email, now) {
            Some(next) => drop(deps.store.claim_due(due, next.since(now)).await?),
            None => {
                let why = "The answer of SES was lost, and SES cannot be asked about a mail.";
                deps.store.end_unknown(message, lost, why, Source::Sweeper).await?;
            }
        }
    } else if age >= UNKNOWN_AT_MOST {
        let why = "Twilio's answer was lost, and Twilio could not be asked at the end of the time for that.";
        deps.store.end_unknown(message, lost, why, Source::Sweeper).await?;
    } else if deps.store.claim_due(due, LOOKED_UP).await? {
        swept.asked += 1;
        let work = Work::CheckSms { message: message.at, attempt: message.attempt };
        return Ok(Some(Job::new("sweeper", work)));
    }
    Ok(None)
}
