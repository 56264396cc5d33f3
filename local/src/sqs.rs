//! An SQS that stands on the wire: the AWS JSON 1.0 protocol, as the SDK speaks it.
//!
//! Standard queues with delay, visibility, retention, long poll, batches, attributes and redrive to a
//! dead-letter queue. Time comes from a [`Now`], so a test moves it by hand; a long poll waits in real time
//! and looks at that clock every 50 ms. With a file behind them ([`Sqs::open`]), queues survive a kill of the runner:
//! what a request changed is written before it is answered. Not there: FIFO queues, tags, policies, move tasks, the checksum of
//! message attributes, the pause between two purges.

mod journal;
mod messages;
mod protocol;
mod queues;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::wire::{Now, locked};
use journal::Journal;
use protocol::{Refusal, batch, queue_name};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
/// One message, and all messages of a batch together, may be this large.
const MAX_BYTES: usize = 1_048_576;

/// The settings of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueOptions {
    /// How long a received message stays hidden, unless the receive says otherwise.
    pub visibility_timeout_s: u32,
    /// After so many receives a message moves to the named dead-letter queue.
    pub max_receive: Option<(String, u32)>,
    /// A message that is older is lost.
    pub retention_s: u32,
    /// How long a new message stays hidden, unless the send says otherwise.
    pub delay_s: u32,
    /// How long a receive waits for a message, unless it says otherwise.
    pub receive_wait_s: u32,
}

impl Default for QueueOptions {
    fn default() -> QueueOptions {
        QueueOptions {
            visibility_timeout_s: 30,
            max_receive: None,
            retention_s: 345_600,
            delay_s: 0,
            receive_wait_s: 0,
        }
    }
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Can be received now.
    pub visible: usize,
    /// Received, and neither deleted nor timed out.
    pub in_flight: usize,
    /// Sent with a delay that is not over.
    pub delayed: usize,
}

/// All queues. Clones share them.
#[derive(Clone)]
pub struct Sqs(Arc<Inner>);

struct Inner {
    now: Now,
    state: Mutex<Broker>,
    /// Rings when a message may have become visible.
    arrivals: Notify,
}

type Queues = BTreeMap<String, Queue>;

#[derive(Default)]
struct Broker {
    queues: Queues,
    /// Where the queues are kept, if they are.
    journal: Option<Journal>,
}

impl Broker {
    /// Keeps what changed.
    fn keep(&mut self) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.keep(&mut self.queues),
            None => {
                self.queues.values_mut().for_each(|queue| queue.changes = Changes::default());
                Ok(())
            }
        }
    }
}

#[derive(Default)]
struct Queue {
    options: QueueOptions,
    /// The number of the next message. Messages are offered in this order.
    next: u64,
    messages: BTreeMap<u64, Message>,
    /// What is not kept yet.
    changes: Changes,
}

/// What changed in a queue since it was last kept.
#[derive(Default)]
struct Changes {
    settings: bool,
    /// The numbers of messages that came, changed or went.
    messages: BTreeSet<u64>,
}

#[derive(Serialize, Deserialize)]
struct Message {
    id: String,
    body: String,
    attributes: Map<String, Value>,
    trace: Option<String>,
    sent_at: i64,
    visible_at: i64,
    first_received_at: Option<i64>,
    last_received_at: Option<i64>,
    receive_count: u32,
    /// The queue from which it was moved to this dead-letter queue.
    moved_from: Option<String>,
}

impl Message {
    fn is_visible(&self, now: i64) -> bool {
        self.visible_at <= now
    }

    fn is_in_flight(&self, now: i64) -> bool {
        !self.is_visible(now) && self.last_received_at.is_some()
    }
}

impl Queue {
    fn add(&mut self, message: Message) {
        self.messages.insert(self.next, message);
        self.changes.messages.insert(self.next);
        self.next += 1;
    }

    /// Takes a message out, for good or to move it.
    fn remove(&mut self, key: u64) -> Option<Message> {
        self.changes.messages.insert(key);
        self.messages.remove(&key)
    }

    /// A message that is about to change.
    fn change(&mut self, key: u64) -> Option<&mut Message> {
        self.changes.messages.insert(key);
        self.messages.get_mut(&key)
    }

    fn set_options(&mut self, options: QueueOptions) {
        self.changes.settings |= self.options != options;
        self.options = options;
    }

    fn expire(&mut self, now: i64) {
        let kept_ms = i64::from(self.options.retention_s) * 1000;
        while let Some((key, oldest)) = self.messages.first_key_value() {
            let key = *key;
            if oldest.sent_at + kept_ms > now {
                break;
            }
            self.remove(key);
        }
    }

    fn depth(&self, now: i64) -> Depth {
        let mut depth = Depth::default();
        for message in self.messages.values() {
            if message.is_visible(now) {
                depth.visible += 1;
            } else if message.is_in_flight(now) {
                depth.in_flight += 1;
            } else {
                depth.delayed += 1;
            }
        }
        depth
    }
}

/// The URL of a queue on the server at `base` (`http://host:port`).
pub fn queue_url(base: &str, name: &str) -> String {
    format!("{}/{ACCOUNT}/{name}", base.trim_end_matches('/'))
}

/// The server. Any path will do: the operation is in a header, the queue in the body.
pub fn router(state: Sqs) -> Router {
    Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(state)
}

impl Sqs {
    /// No queues yet, and none that outlives this process.
    pub fn new(now: Now) -> Sqs {
        Sqs(Arc::new(Inner { now, state: Mutex::default(), arrivals: Notify::new() }))
    }

    /// The queues that are kept in a file. What was received before and not deleted is offered again at once.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(now: Now, path: &Path) -> io::Result<Sqs> {
        let (journal, queues) = Journal::open(path)?;
        let state = Mutex::new(Broker { queues, journal: Some(journal) });
        Ok(Sqs(Arc::new(Inner { now, state, arrivals: Notify::new() })))
    }

    /// Creates the queue, or gives an existing one these settings. Its dead-letter queue is created if it is
    /// missing, with the longest retention there is.
    ///
    /// # Errors
    /// When the file of the queues cannot be written.
    pub fn create_queue(&self, name: &str, options: QueueOptions) -> io::Result<()> {
        let mut state = locked(&self.0.state);
        if let Some((dead_letters, _)) = &options.max_receive
            && !state.queues.contains_key(dead_letters)
        {
            let longest = QueueOptions { retention_s: 1_209_600, ..QueueOptions::default() };
            state.queues.entry(dead_letters.clone()).or_default().set_options(longest);
        }
        state.queues.entry(name.to_owned()).or_default().set_options(options);
        state.keep()
    }

    /// How many messages the queue holds; nothing if there is no such queue.
    pub fn depth(&self, name: &str) -> Depth {
        self.look(name, |queue, now| queue.depth(now)).unwrap_or_default()
    }

    /// The bodies of all messages in the queue, visible or not, oldest first.
    pub fn bodies(&self, name: &str) -> Vec<String> {
        let bodies = |queue: &mut Queue, _| queue.messages.values().map(|m| m.body.clone()).collect();
        self.look(name, bodies).unwrap_or_default()
    }

    /// Puts a message into the queue, as a topic does that writes to it. Nothing if there is no such queue.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn put(&self, name: &str, body: &str) -> io::Result<()> {
        let kept = self.change(name, |queue, now| {
            let _ = messages::send(queue, &serde_json::json!({"MessageBody": body}), now);
        });
        self.0.arrivals.notify_waiters();
        kept.map(|_| ())
    }

    /// Makes the messages in flight visible at once, as if their consumer had crashed long ago.
    pub fn redeliver(&self, name: &str) {
        // It is for tests, whose queues are in no file.
        let _ = self.change(name, |queue, now| {
            let in_flight = queue.messages.iter().filter(|(_, message)| message.is_in_flight(now));
            for key in in_flight.map(|(key, _)| *key).collect::<Vec<_>>() {
                queue.change(key).into_iter().for_each(|message| message.visible_at = now);
            }
        });
        self.0.arrivals.notify_waiters();
    }

    /// The earliest time at which a message of the queue can be received: past, if one can be now.
    pub fn next_due(&self, name: &str) -> Option<i64> {
        self.look(name, |queue, _| queue.messages.values().map(|message| message.visible_at).min())?
    }

    fn now(&self) -> i64 {
        (self.0.now)()
    }

    /// Looks at a queue, which changes nothing but what is too old.
    fn look<T>(&self, name: &str, look: impl FnOnce(&mut Queue, i64) -> T) -> Option<T> {
        let now = self.now();
        let mut state = locked(&self.0.state);
        let queue = state.queues.get_mut(name)?;
        queue.expire(now);
        Some(look(queue, now))
    }

    /// Changes a queue, and keeps that.
    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Queue, i64) -> T) -> io::Result<Option<T>> {
        let now = self.now();
        let mut state = locked(&self.0.state);
        let Some(queue) = state.queues.get_mut(name) else { return Ok(None) };
        queue.expire(now);
        let changed = change(queue, now);
        state.keep()?;
        Ok(Some(changed))
    }

    /// Runs an operation on the queue that the request names.
    fn on_queue<T>(
        &self,
        input: &Value,
        run: impl FnOnce(&mut Queue, &str, i64) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let name = queue_name(input);
        let done = self
            .change(name, |queue, now| run(queue, name, now))
            .map_err(|error| Refusal::not_kept(&error))?;
        done.unwrap_or_else(|| Err(Refusal::no_queue()))
    }
}

async fn answer(State(sqs): State<Sqs>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let target = text(HeaderName::from_static("x-amz-target"));
    let base = format!("http://{}", text(header::HOST));
    let operation = target.strip_prefix("AmazonSQS.").unwrap_or_default();
    let result = match serde_json::from_slice::<Value>(&body) {
        Ok(input) if input.is_object() => execute(&sqs, operation, &input, &base).await,
        _ => Err(Refusal::of(
            "com.amazon.coral.service#SerializationException",
            "MalformedInput",
            "The request body is not a JSON object.",
        )),
    };
    let id = uuid::Uuid::new_v4().to_string();
    let headers = [
        (header::CONTENT_TYPE, "application/x-amz-json-1.0".to_owned()),
        (HeaderName::from_static("x-amzn-requestid"), id),
    ];
    match result {
        Ok(output) => (headers, output.to_string()).into_response(),
        Err(refusal) => {
            let error = [(HeaderName::from_static("x-amzn-query-error"), format!("{};Sender", refusal.code))];
            let body = json!({"__type": refusal.kind, "message": refusal.message});
            (refusal.status, headers, error, body.to_string()).into_response()
        }
    }
}

async fn execute(sqs: &Sqs, operation: &str, input: &Value, base: &str) -> Result<Value, Refusal> {
    let done = match operation {
        "ReceiveMessage" => return messages::receive(sqs, input).await,
        "CreateQueue" => queues::create_queue(sqs, input, base),
        "GetQueueUrl" => queues::get_queue_url(sqs, input, base),
        "ListQueues" => Ok(queues::list_queues(sqs, input, base)),
        "SendMessage" => sqs.on_queue(input, |queue, _, now| messages::send(queue, input, now)),
        "SendMessageBatch" => messages::send_batch(sqs, input),
        "DeleteMessage" => sqs.on_queue(input, |queue, name, _| messages::delete(queue, name, input)),
        "DeleteMessageBatch" => {
            sqs.on_queue(input, |queue, name, _| batch(input, |entry| messages::delete(queue, name, entry)))
        }
        "ChangeMessageVisibility" => {
            sqs.on_queue(input, |queue, name, now| messages::change_visibility(queue, name, input, now))
        }
        "ChangeMessageVisibilityBatch" => sqs.on_queue(input, |queue, name, now| {
            batch(input, |entry| messages::change_visibility(queue, name, entry, now))
        }),
        "GetQueueAttributes" => {
            sqs.on_queue(input, |queue, name, now| queues::attributes(queue, name, input, now))
        }
        "PurgeQueue" => sqs.on_queue(input, |queue, _, _| {
            queue.changes.messages.extend(queue.messages.keys());
            queue.messages.clear();
            Ok(json!({}))
        }),
        _ => Err(Refusal::of(
            "com.amazon.coral.service#UnknownOperationException",
            "InvalidAction",
            format!("The operation {operation} is not known here."),
        )),
    };
    // Any of them may have made a message visible; a look too many does no harm.
    sqs.0.arrivals.notify_waiters();
    done
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

#[cfg(test)]
mod tests;
