//! An Amazon SES that stands on the wire: mails are accepted as by the real one, what becomes of them is reported as
//! its event publishing does, and it plays the clients who write back, whose mails it takes in as its receiving does.
//!
//! Serve [`router`] with [`crate::wire::serve`]; only that can close a connection without an answer. [`api`] is what
//! the backend calls and [`people`] the rest, for when they are to be treated differently. In a browser, `/` is a
//! mailbox: it shows the mails and can answer them. Beside it there is a control surface for people and tests, in
//! JSON, without authentication. Each entry has a Rust method with the same effect:
//!
//! | Call | Effect |
//! |---|---|
//! | `GET /fake/requests` | the requests of late, and how they were answered |
//! | `GET /fake/mails` | the accepted mails |
//! | `GET /fake/mails/{id}`, `GET /fake/mails/{id}/raw` | one mail of either direction; as its receivers got it |
//! | `GET /fake/received` | the mails of clients |
//! | `POST /fake/script` `{"to": "a@b.c", "answers": […]}` | how the next sends (to that address, if named) are answered, see [`Answer`] |
//! | `POST /fake/events` `{"id": "0100…", "event": "Bounce", …}` | reports this now, see [`Event`] |
//! | `POST /fake/reply` `{"id": "0100…", "text": "…", …}` | a client answers a mail, see [`Reply`] |
//! | `POST /fake/mails` `{"from": "…", "to": "…", "subject": "…", "text": "…", …}` | a client writes, see [`ClientMail`] |
//! | `POST /fake/raw?from=…&to=…` | hands in a raw mail, see [`RawMail`] |
//! | `POST /fake/identities` `{"identities": ["b.c"]}` | the account may send from these domains and addresses: other senders are refused |
//! | `POST /fake/identities` `{"identity": "b.c", "verified": true}` | this one is verified, or fails with `"status": "FAILED"`, see [`Verification`]; it is created if need be |
//! | `GET /fake/identities` | the identities that were created, and how far they are |
//!
//! ```sh
//! curl -d '{"answers": [{"refuse": "TooManyRequestsException"}, {"status": 500}]}' localhost:4106/fake/script
//! curl -d '{"from": "c@x.test", "to": "us@y.test", "subject": "Hello", "text": "Hi"}' localhost:4106/fake/mails
//! ```
//!
//! `newest` in place of an id is the mail that was sent last.
//!
//! As with the real one, what becomes of a mail is published only when the send names a configuration set, and the
//! delivered copy has a `Message-ID` and a `Date` of SES's own. Unlike the real one, whether an identity is verified
//! makes no difference to sends. Not there: simple and templated content, lists,
//! suppression, DKIM, and checks of the request's signature beyond that there is one.

mod control;
mod events;
mod identities;
mod mime;
mod page;
mod receipt;
mod rest;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::Error;
use crate::wire::{Now, locked};
pub use events::{Event, EventType, Published};
pub use identities::{Identity, Verification};
pub use receipt::{Arrival, ClientFile, ClientMail, RawMail, Reply, Trouble, Verdicts};

/// So many requests and mails are kept.
const KEPT: usize = 10_000;
/// So many bytes of mails are kept.
const KEPT_BYTES: usize = 512 * 1024 * 1024;
/// The largest mail that SES takes.
const LARGEST: usize = 40 * 1024 * 1024;
/// The most receivers of one mail.
const MOST_RECIPIENTS: usize = 50;
const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
/// What the real one is called in the `Message-ID` of a delivered mail.
const HOST: &str = "email.amazonses.com";

/// Where events and receipt notifications go, as JSON.
pub type Emit = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Stores a received mail under a key.
pub type Put =
    Arc<dyn Fn(String, Vec<u8>) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

/// What a [`FakeSes`] is made of.
#[derive(Clone)]
pub struct FakeSesConfig {
    /// The clock.
    pub now: Now,
    /// Takes what a topic of SNS would deliver raw.
    pub events: Emit,
    /// Object storage, for received mails.
    pub put: Put,
    /// The bucket that [`FakeSesConfig::put`] fills. Notifications name it.
    pub bucket: String,
}

/// The provider. Clones share everything.
#[derive(Clone)]
pub struct FakeSes(Arc<Inner>);

struct Inner {
    now: Now,
    events: Emit,
    put: Put,
    bucket: String,
    pending: watch::Sender<usize>,
    state: Mutex<State>,
}

struct State {
    /// The domains and addresses of the account. While there are none, any sender will do.
    senders: BTreeSet<String>,
    /// What was created to be verified.
    identities: BTreeMap<String, Identity>,
    /// Whether that needs nobody's doing.
    identities_verify: bool,
    default_events: Vec<Event>,
    requests: VecDeque<Received>,
    mails: VecDeque<Mail>,
    /// The size of `mails`.
    bytes: usize,
    /// The answers to come, per recipient or for any.
    scripts: BTreeMap<Option<String>, VecDeque<Answer>>,
}

/// A request and how it was answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Received {
    /// When, in unix milliseconds.
    pub at: i64,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The sender of the request.
    pub from: Option<String>,
    /// All receivers of the request: to, cc and bcc.
    pub recipients: Vec<String>,
    /// The tags of the request.
    pub tags: BTreeMap<String, String>,
    /// The length of the body.
    pub size: usize,
    /// The HTTP status of the answer. `None`: the connection was closed, or hangs.
    pub status: Option<u16>,
    /// The exception of the answer.
    pub exception: Option<String>,
    /// The mail that was accepted.
    pub id: Option<String>,
}

/// Whose mail it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The backend sent it.
    Outbound,
    /// A client sent it.
    Inbound,
}

/// A mail that was accepted from the backend or sent by a client.
#[derive(Clone, Debug, Serialize)]
pub struct Mail {
    /// `0100…-000000`, or forty letters and digits for a client's.
    pub id: String,
    /// Whose it is.
    pub direction: Direction,
    /// Unix milliseconds.
    pub at: i64,
    /// The sender, as given.
    pub from: String,
    /// The receivers, as plain addresses.
    pub to: Vec<String>,
    /// Further receivers, as plain addresses.
    pub cc: Vec<String>,
    /// Receivers that the others do not see, as plain addresses.
    pub bcc: Vec<String>,
    /// The tags that it was sent with.
    pub tags: BTreeMap<String, String>,
    /// The configuration set that it was sent with.
    pub configuration_set: Option<String>,
    /// The `Message-ID` that its receivers see, in angle brackets.
    pub message_id: String,
    /// The `Message-ID` that it was handed in with.
    pub original_message_id: Option<String>,
    /// The headers as they were handed in, in order, unfolded and not decoded.
    pub headers: Vec<Header>,
    /// The subject, decoded.
    pub subject: String,
    /// The part for those who read text.
    pub text: Option<String>,
    /// The part for those who read HTML.
    pub html: Option<String>,
    /// What came with it.
    pub attachments: Vec<Attachment>,
    /// What was reported about it.
    pub events: Vec<Published>,
    /// The bytes as they were handed in.
    #[serde(skip)]
    pub raw: Bytes,
    /// The bytes as its receivers got them.
    #[serde(skip)]
    pub delivered: Bytes,
}

impl Mail {
    /// All receivers: to, cc and bcc.
    pub fn recipients(&self) -> Vec<String> {
        [&self.to, &self.cc, &self.bcc].into_iter().flatten().cloned().collect()
    }

    /// The first header of that name as it was handed in, whatever the case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| header.value.as_str())
    }

    /// How much memory it takes, about.
    fn weight(&self) -> usize {
        let parts: usize = self.attachments.iter().map(|attachment| attachment.size).sum();
        self.raw.len() + self.delivered.len() + parts
    }
}

/// One line of a head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Before the colon.
    pub name: String,
    /// After it.
    pub value: String,
}

/// What came with a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// The name it is to be saved under.
    pub filename: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// The id by which the HTML part shows it.
    pub content_id: Option<String>,
    /// Its length in bytes.
    pub size: usize,
    /// The bytes.
    #[serde(skip)]
    pub content: Bytes,
}

/// In place of an id: the mail that was sent last.
pub const NEWEST: &str = "newest";

/// How one send is answered. In JSON, only what differs from a plain acceptance:
/// `{"refuse": "MessageRejected"}`, `{"status": 500}`, `{"drop": true}`, `{"delay_ms": 300, "events": ["Send"]}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// Refused with this exception.
    pub refuse: Option<String>,
    /// What the refusal says.
    pub message: Option<String>,
    /// Not accepted, with this HTTP status. Without it a refusal has the usual one of its exception.
    pub status: Option<u16>,
    /// Accepted, but the connection is closed without an answer.
    pub drop: bool,
    /// Not accepted, and the connection is closed without an answer.
    pub drop_before: bool,
    /// Accepted, and answered so much later.
    pub delay_ms: Option<u64>,
    /// Accepted, but never answered.
    pub hang: bool,
    /// The events that follow the acceptance, in this order, instead of the usual ones.
    pub events: Option<Vec<Event>>,
}

impl Answer {
    /// A plain acceptance.
    pub fn accept() -> Answer {
        Answer::default()
    }

    /// Refused with this exception and its usual status.
    pub fn refuse(exception: &str) -> Answer {
        Answer { refuse: Some(exception.to_owned()), ..Answer::default() }
    }

    /// Refused with this exception, its usual status, and these words.
    pub fn refuse_saying(exception: &str, message: &str) -> Answer {
        Answer { message: Some(message.to_owned()), ..Answer::refuse(exception) }
    }

    /// Not accepted, with this HTTP status.
    pub fn status(status: u16) -> Answer {
        Answer { status: Some(status), ..Answer::default() }
    }

    /// Accepted, but the connection is closed without an answer.
    pub fn drop_after() -> Answer {
        Answer { drop: true, ..Answer::default() }
    }

    /// Not accepted, and the connection is closed without an answer.
    pub fn drop_before() -> Answer {
        Answer { drop_before: true, ..Answer::default() }
    }

    /// Accepted, and answered so much later.
    pub fn delay_ms(delay_ms: u64) -> Answer {
        Answer { delay_ms: Some(delay_ms), ..Answer::default() }
    }

    /// Accepted, but never answered.
    pub fn hang() -> Answer {
        Answer { hang: true, ..Answer::default() }
    }

    /// The same answer, followed by these events only.
    pub fn with_events<E: Into<Event>>(self, events: impl IntoIterator<Item = E>) -> Answer {
        Answer { events: Some(events.into_iter().map(Into::into).collect()), ..self }
    }
}

/// Everything: the API, the control surface and the mailbox.
pub fn router(state: FakeSes) -> Router {
    api(state.clone()).merge(people(state))
}

/// What the backend calls.
pub fn api(state: FakeSes) -> Router {
    rest::routes().with_state(state)
}

/// The control surface and the mailbox.
pub fn people(state: FakeSes) -> Router {
    control::routes().merge(page::routes()).with_state(state)
}

impl FakeSes {
    /// A provider without mails or scripts.
    pub fn new(config: FakeSesConfig) -> FakeSes {
        let state = State {
            senders: BTreeSet::new(),
            identities: BTreeMap::new(),
            identities_verify: false,
            default_events: [EventType::Send, EventType::Delivery].map(Event::from).to_vec(),
            requests: VecDeque::new(),
            mails: VecDeque::new(),
            bytes: 0,
            scripts: BTreeMap::new(),
        };
        FakeSes(Arc::new(Inner {
            now: config.now,
            events: config.events,
            put: config.put,
            bucket: config.bucket,
            pending: watch::Sender::new(0),
            state: Mutex::new(state),
        }))
    }

    /// The requests (the last 10 000), oldest first.
    pub fn requests(&self) -> Vec<Received> {
        locked(&self.0.state).requests.iter().cloned().collect()
    }

    /// All mails (the last 10 000, and not more than half a gigabyte), both directions, oldest first.
    pub fn all(&self) -> Vec<Mail> {
        locked(&self.0.state).mails.iter().cloned().collect()
    }

    /// The accepted mails, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.of(Direction::Outbound)
    }

    /// The mails of clients, oldest first.
    pub fn received(&self) -> Vec<Mail> {
        self.of(Direction::Inbound)
    }

    /// One mail of either direction. [`NEWEST`] is the last one that was sent.
    pub fn mail(&self, id: &str) -> Option<Mail> {
        let wanted = |mail: &&Mail| match id {
            NEWEST => mail.direction == Direction::Outbound,
            id => mail.id == id,
        };
        locked(&self.0.state).mails.iter().rev().find(wanted).cloned()
    }

    /// The next sends (to this address, if named) are answered like this, one each. Answers for an address go before
    /// answers for any.
    pub fn script(&self, to: Option<&str>, answers: impl IntoIterator<Item = Answer>) {
        let to = to.map(str::to_ascii_lowercase);
        locked(&self.0.state).scripts.entry(to).or_default().extend(answers);
    }

    /// The events that follow a send whose script names none: `Send`, then `Delivery` for each recipient, at first.
    pub fn set_default_events<E: Into<Event>>(&self, events: impl IntoIterator<Item = E>) {
        locked(&self.0.state).default_events = events.into_iter().map(Into::into).collect();
    }

    /// The account may send from these domains and addresses, beside those named before: other senders are refused
    /// from now on.
    pub fn register_identities<I: AsRef<str>>(&self, identities: impl IntoIterator<Item = I>) {
        let identities = identities.into_iter().map(|identity| identity.as_ref().to_ascii_lowercase());
        locked(&self.0.state).senders.extend(identities);
    }

    /// How many mails still have events to come or are being taken in.
    pub fn pending(&self) -> usize {
        *self.0.pending.borrow()
    }

    /// Waits until no mail has events to come.
    pub async fn idle(&self) {
        // It cannot fail: `self` keeps the sender.
        let _ = self.0.pending.subscribe().wait_for(|pending| *pending == 0).await;
    }

    fn of(&self, direction: Direction) -> Vec<Mail> {
        let state = locked(&self.0.state);
        state.mails.iter().filter(|mail| mail.direction == direction).cloned().collect()
    }

    fn now(&self) -> i64 {
        (self.0.now)()
    }

    fn log(&self, request: Received) {
        let mut state = locked(&self.0.state);
        if state.requests.len() == KEPT {
            state.requests.pop_front();
        }
        state.requests.push_back(request);
    }

    fn keep(&self, mail: Mail) {
        let mut state = locked(&self.0.state);
        state.bytes += mail.weight();
        state.mails.push_back(mail);
        // The newest stays, however large it is.
        while state.mails.len() > KEPT || (state.bytes > KEPT_BYTES && state.mails.len() > 1) {
            let Some(oldest) = state.mails.pop_front() else { break };
            state.bytes -= oldest.weight();
        }
    }
}

/// Counts as pending until it is dropped, whatever becomes of its task.
struct Pending(FakeSes);

impl Pending {
    fn new(fake: &FakeSes) -> Pending {
        fake.0.pending.send_modify(|pending| *pending += 1);
        Pending(fake.clone())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.0.pending.send_modify(|pending| *pending -= 1);
    }
}

/// `2017-08-05T00:40:02.012Z`.
fn timestamp(at: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `Wed, 18 Aug 2010 20:01:40 +0000`.
fn date(at: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// An id as SES gives them to mails and reports: the time in milliseconds, and something random.
fn new_id(at: i64) -> String {
    format!("0100{:012x}-{}-000000", at, uuid::Uuid::new_v4())
}

#[cfg(test)]
mod tests;
