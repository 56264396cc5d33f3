//! Stored first, queued second: the one way by which a message gets to a sender or a recorder.
//!
//! A message that is stored and not queued is found by the sweeper through the due index; a job that is queued twice
//! is recognised by the claim. So a death between the two steps loses nothing and repeats nothing.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use domain::business::{Business, Unfit};
use domain::channel::Channel;
use domain::destination::{Reach, Unreachable};
use domain::draft::{Draft, Envelope};
use domain::id::MessageRef;
use domain::job::{Job, LONGEST_DELAY, Recording, Work};
use domain::message::Message;
use domain::report::Source;
use domain::sender::{Habits, only_number, senders};
use domain::{ClientId, RequestId, Result, Timestamp};
use futures_util::stream::{self, StreamExt};
use queue::Queue;
use store::sending::NotRetried;
use store::{Accepted, Store};

/// How many clients of one call have a message stored at the same time.
const CONCURRENT: usize = 16;

/// Store and queues. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbox {
    /// Where messages are stored.
    pub store: Store,
    /// Jobs of the text sender.
    pub sms: Queue,
    /// Jobs of the mail sender.
    pub email: Queue,
    /// Jobs of the recorder.
    pub record: Queue,
}

/// A recording on its way to the recorder.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// It travels in its job.
    Whole(Box<Recording>),
    /// It lies in object storage, under this key.
    Stored(String),
}

/// Counts a text whose number may not be texted, for the alarm. The edge counts those that it refuses itself.
fn unusual(message: &Message, why: Unreachable) {
    tracing::warn!(
        business.id = message.at.business.get(),
        metric = "unusual_destination",
        reason = why.as_str(),
        country = why.country(),
        "text refused: its destination is unusual"
    );
}

impl Outbox {
    /// Stores the messages of one call and queues a job for each that is new and due within the queue's reach. The
    /// outcomes are in the order of the drafts; a draft that could not be stored fails alone.
    ///
    /// `drafts` come with their place in the call: together with the request id it is what makes a repeated call the
    /// same one. `correlation` is the id for the log.
    pub async fn queue_messages(
        &self,
        envelope: &Envelope,
        drafts: Vec<(usize, Draft)>,
        request: RequestId,
        correlation: &str,
    ) -> Vec<(usize, Result<Accepted>)> {
        let now = self.store.clock().now();
        // The messages to one client are stored one after the other, so that their ids go up in the order of the call.
        let mut by_client: BTreeMap<ClientId, Vec<(usize, Draft)>> = BTreeMap::new();
        for (index, draft) in drafts {
            by_client.entry(draft.client).or_default().push((index, draft));
        }
        let one_client = async |drafts: Vec<(usize, Draft)>| {
            let mut stored = Vec::with_capacity(drafts.len());
            for (index, draft) in drafts {
                let (stranger, reach) = ((envelope.shards, draft.provisional), draft.reach);
                let senders = draft.senders.clone();
                let mut message = draft.into_message(envelope, self.store.new_message_id(), request, now);
                let accepted =
                    self.store.accept(&mut message, request, index, stranger, (&senders, reach)).await;
                if let Ok(Accepted::Unreachable(why)) = accepted {
                    unusual(&message, why);
                }
                stored.push((index, message, accepted));
            }
            stored
        };
        let mut stored: Vec<_> = stream::iter(by_client.into_values())
            .map(one_client)
            .buffer_unordered(CONCURRENT)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .flatten()
            .collect();
        stored.sort_by_key(|(index, _, _)| *index);
        let fresh: Vec<&Message> = stored
            .iter()
            .filter(|(_, _, accepted)| matches!(accepted, Ok(Accepted::Stored(_))))
            .map(|(_, message, _)| message)
            .collect();
        self.hand_over(&fresh, correlation, now).await;
        stored.into_iter().map(|(index, _, accepted)| (index, accepted)).collect()
    }

    /// Fills in which numbers texts may leave from whose sender the caller did not name. A business with one number has no
    /// choice; otherwise the clients are read, a hundred at a time.
    ///
    /// # Errors
    /// The inner one says why a text can leave from no number.
    pub async fn choose_senders(
        &self,
        business: &Business,
        drafts: &mut [(usize, Draft)],
    ) -> Result<Result<(), Unfit>> {
        let mut habits = HashMap::new();
        if only_number(business).is_none() {
            let clients = drafts.iter().map(|(_, draft)| draft.client).collect();
            habits = self.store.habits(business.business_id, clients).await?;
        }
        let unknown = Habits::default();
        for (_, draft) in drafts {
            let habits = habits.get(&draft.client).unwrap_or(&unknown);
            match senders(business, &draft.to, habits) {
                Ok(senders) => draft.senders = senders,
                Err(unfit) => return Ok(Err(unfit)),
            }
        }
        Ok(Ok(()))
    }

    /// Queues the jobs of stored messages. What cannot be queued now is queued by the sweeper, so trouble here is
    /// logged and not the caller's.
    async fn hand_over(&self, messages: &[&Message], correlation: &str, now: Timestamp) {
        let job = |message: &Message| Job::new(correlation, Work::send(message.channel, message.at, 1));
        let mut result = Ok(());
        for channel in [Channel::Sms, Channel::Email] {
            let at_once = messages.iter().filter(|m| m.channel == channel && m.send_at.is_none());
            let at_once: Vec<Job> = at_once.map(|message| job(message)).collect();
            result = result.and(self.queue_of(channel).send(&at_once).await);
        }
        for message in messages {
            let delay = message.send_at.map(|send_at| send_at.since(now));
            let Some(delay) = delay.filter(|delay| *delay <= LONGEST_DELAY) else { continue };
            let queue = self.queue_of(message.channel);
            result = result.and(queue.send_later(&job(message), delay).await);
        }
        if let Err(error) = result {
            tracing::warn!(error = %error, "left to the sweeper");
        }
    }

    /// Queues messages that another system carried, to be stored by the recorder.
    ///
    /// # Errors
    /// `Unavailable` when not all are queued; the caller repeats the call, and what was queued is stored once.
    pub async fn queue_recordings(&self, recordings: Vec<Recorded>, correlation: &str) -> Result<()> {
        let work = |recorded| match recorded {
            Recorded::Whole(recording) => Work::Record(recording),
            Recorded::Stored(object) => Work::RecordStored { object },
        };
        let jobs: Vec<Job> =
            recordings.into_iter().map(|recorded| Job::new(correlation, work(recorded))).collect();
        self.record.send(&jobs).await
    }

    /// The queue whose sender carries messages of a channel.
    fn queue_of(&self, channel: Channel) -> &Queue {
        match channel {
            Channel::Email => &self.email,
            Channel::Sms | Channel::Voice | Channel::Note => &self.sms,
        }
    }

    /// Starts a failed message over, because a person asked for it. The inner error says why not.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be queued; the message is failed again then, with its original error.
    pub async fn retry(
        &self,
        message: &Message,
        reach: Reach,
        source: Source,
        correlation: &str,
    ) -> Result<Result<u32, NotRetried>> {
        let attempt = match self.store.retry(message, reach, source).await? {
            Ok(attempt) => attempt,
            Err(why) => {
                if let NotRetried::Unreachable(why) = why {
                    unusual(message, why);
                }
                return Ok(Err(why));
            }
        };
        let job = Job::new(correlation, Work::send(message.channel, message.at, attempt));
        if let Err(error) = self.queue_of(message.channel).send(&[job]).await {
            self.store.undo_retry(message, attempt).await?;
            return Err(error);
        }
        Ok(Ok(attempt))
    }

    /// Queues one more try of a message after `delay`. A longer delay than the queue's is left to the due index.
    ///
    /// # Errors
    /// `Unavailable` when it is not queued; the sweeper finds the message when it is due.
    pub async fn send_again(
        &self,
        channel: Channel,
        at: MessageRef,
        attempt: u32,
        delay: Duration,
        correlation: &str,
    ) -> Result<()> {
        if delay > LONGEST_DELAY {
            return Ok(());
        }
        let job = Job::new(correlation, Work::send(channel, at, attempt));
        self.queue_of(channel).send_later(&job, delay).await
    }
}
