//! What passes over the wire between the backend and the services it stands on, and what is to go wrong
//! with it.
//!
//! One [`Wire`] is shared by the three local servers (`dynamodb`, `sqs`, `twilio`). It records every call
//! and, when told to, halts one of them or lets a service be out. For SQS and Twilio it is a layer around
//! their router ([`Wire::layer`]); for DynamoDB it is a forwarding proxy ([`proxy`]). All of them are served
//! with [`serve`], which can close a connection without an answer, as a broken network does.

mod proxy;
mod serve;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header, request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::watch;

pub use proxy::proxy;
pub use serve::{Limits, serve, serve_within};

/// The clock of the local servers, in unix milliseconds: a value, so that a test can set it by hand.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// So many calls are kept; older ones are forgotten, for a runner may stay up for days.
const KEPT_CALLS: usize = 50_000;

/// One call that a service received.
#[derive(Clone, Debug)]
pub struct Call {
    /// `dynamodb`, `sqs` or `twilio`.
    pub server: &'static str,
    /// `PutItem`, `SendMessage`, `POST Messages`, …
    pub operation: String,
    /// The body of the request as the caller sent it.
    pub request: Bytes,
    /// `None` while the call runs, and for ever when it never got an answer.
    pub response_status: Option<u16>,
    /// DynamoDB: `ConsumedCapacity` of the answer, when it was asked for.
    pub consumed: Option<Value>,
}

/// When a halted call stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It is not executed.
    Before,
    /// It is executed, and its answer withheld.
    After,
}

/// A call that is to be halted, see [`Wire::halt_at`].
#[derive(Clone, Debug)]
pub struct Halted(watch::Receiver<bool>);

impl Halted {
    /// Waits for the call: true once it hangs, false if the wire was healed before it came.
    pub async fn reached(&self) -> bool {
        self.0.clone().wait_for(|reached| *reached).await.is_ok()
    }

    /// Whether the call hangs, or has hung.
    pub fn is_reached(&self) -> bool {
        *self.0.borrow()
    }
}

/// Marks a response as a connection that closes without an answer.
#[derive(Clone, Copy, Debug)]
struct Disconnect;

/// A response that never leaves: [`serve`] closes the connection instead. (A router called without `serve`
/// shows it as a 503.)
pub fn disconnect() -> Response {
    let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
    response.extensions_mut().insert(Disconnect);
    response
}

fn is_disconnect(response: &Response) -> bool {
    response.extensions().get::<Disconnect>().is_some()
}

/// Records the calls of all local servers and makes them fail on demand. Clones share everything.
#[derive(Clone)]
pub struct Wire(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Changes with every [`Wire::heal`]; whatever hangs waits for that.
    healed: watch::Sender<()>,
    measure: AtomicBool,
}

type Counts = Box<dyn Fn(&str, &str) -> bool + Send>;

struct State {
    calls: VecDeque<Call>,
    /// The number of the first call in `calls`, so that a number stays valid when old calls are forgotten.
    first: u64,
    counts: Counts,
    halts: Vec<PlannedHalt>,
    failures: Vec<PlannedFailure>,
}

struct PlannedHalt {
    calls_before: usize,
    when: Halt,
    reached: watch::Sender<bool>,
}

struct PlannedFailure {
    server: &'static str,
    operation: Option<String>,
    times: usize,
    status: StatusCode,
    body: String,
}

/// What becomes of a call.
enum Fate {
    Run,
    Fail(StatusCode, String),
    Halt(PlannedHalt, watch::Receiver<()>),
}

impl Default for Wire {
    fn default() -> Wire {
        Wire::new()
    }
}

impl Wire {
    /// A wire on which nothing goes wrong.
    pub fn new() -> Wire {
        let state = State {
            calls: VecDeque::new(),
            first: 0,
            counts: Box::new(|_, _| true),
            halts: Vec::new(),
            failures: Vec::new(),
        };
        let healed = watch::Sender::new(());
        Wire(Arc::new(Inner { state: Mutex::new(state), healed, measure: AtomicBool::new(false) }))
    }

    /// Records and disturbs the calls of this router, except those under `/fake`: they are for people and
    /// tests, the backend never makes them.
    pub fn layer(&self, server: &'static str, router: Router) -> Router {
        let wire = self.clone();
        router.layer(from_fn(move |request, next| pass(wire.clone(), server, request, next)))
    }

    /// Every call so far, in the order in which they came in (the last 50 000).
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.0.state).calls.iter().cloned().collect()
    }

    /// The operations of one server, in the order in which they came in.
    pub fn operations(&self, server: &str) -> Vec<String> {
        let state = locked(&self.0.state);
        state.calls.iter().filter(|call| call.server == server).map(|call| call.operation.clone()).collect()
    }

    /// Forgets the recorded calls.
    pub fn clear(&self) {
        let mut state = locked(&self.0.state);
        state.first += state.calls.len() as u64;
        state.calls.clear();
    }

    /// Which calls (server, operation) [`Wire::halt_at`] counts. All of them, unless set: a background poller
    /// would make the count differ from run to run.
    pub fn counts(&self, accepts: impl Fn(&str, &str) -> bool + Send + 'static) {
        locked(&self.0.state).counts = Box::new(accepts);
    }

    /// The `n`-th counted call from now (the next one is 0, all servers together) never gets an answer: it
    /// hangs until [`Wire::heal`].
    pub fn halt_at(&self, n: usize, when: Halt) -> Halted {
        let (reached, receiver) = watch::channel(false);
        locked(&self.0.state).halts.push(PlannedHalt { calls_before: n, when, reached });
        Halted(receiver)
    }

    /// An outage: the next `times` calls of this server (and operation, if named) get this answer and are not
    /// executed. `usize::MAX` means until [`Wire::heal`]. A status that is not one of HTTP becomes 500.
    pub fn fail(&self, server: &'static str, operation: Option<&str>, times: usize, status: u16, body: &str) {
        locked(&self.0.state).failures.push(PlannedFailure {
            server,
            operation: operation.map(str::to_owned),
            times,
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body: body.to_owned(),
        });
    }

    /// Removes all halts and failures; connections that hang are closed without an answer.
    pub fn heal(&self) {
        let mut state = locked(&self.0.state);
        state.halts.clear();
        state.failures.clear();
        // Under the lock: a call is either planned before and woken here, or finds nothing planned.
        self.0.healed.send_replace(());
    }

    /// Whether the DynamoDB proxy asks the engine for the consumed capacity of every item operation, to be
    /// read in [`Call::consumed`].
    pub fn measure_capacity(&self, on: bool) {
        self.0.measure.store(on, Ordering::Relaxed);
    }

    fn admit(&self, server: &'static str, operation: &str, request: Bytes) -> (u64, Fate) {
        let mut state = locked(&self.0.state);
        if state.calls.len() == KEPT_CALLS {
            state.calls.pop_front();
            state.first += 1;
        }
        let number = state.first + state.calls.len() as u64;
        let operation_name = operation.to_owned();
        state.calls.push_back(Call {
            server,
            operation: operation_name,
            request,
            response_status: None,
            consumed: None,
        });
        if let Some(halt) = state.count_down(server, operation) {
            return (number, Fate::Halt(halt, self.0.healed.subscribe()));
        }
        (number, state.next_failure(server, operation))
    }

    fn finish(&self, number: u64, response_status: Option<u16>, consumed: Option<Value>) {
        let mut state = locked(&self.0.state);
        let index = number.checked_sub(state.first).and_then(|index| usize::try_from(index).ok());
        // Not there when the calls were cleared in the meantime.
        if let Some(call) = index.and_then(|index| state.calls.get_mut(index)) {
            call.response_status = response_status;
            call.consumed = consumed;
        }
    }
}

impl State {
    fn count_down(&mut self, server: &str, operation: &str) -> Option<PlannedHalt> {
        if !(self.counts)(server, operation) {
            return None;
        }
        let due = self.halts.iter().position(|halt| halt.calls_before == 0).map(|at| self.halts.remove(at));
        for halt in &mut self.halts {
            halt.calls_before = halt.calls_before.saturating_sub(1);
        }
        due
    }

    fn next_failure(&mut self, server: &str, operation: &str) -> Fate {
        let failure = self.failures.iter_mut().find(|failure| {
            failure.times > 0
                && failure.server == server
                && failure.operation.as_deref().is_none_or(|name| name == operation)
        });
        let Some(failure) = failure else { return Fate::Run };
        if failure.times != usize::MAX {
            failure.times -= 1;
        }
        Fate::Fail(failure.status, failure.body.clone())
    }
}

async fn pass(wire: Wire, server: &'static str, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/fake") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return disconnect(); // the caller hung up in the middle of its request
    };
    let operation = operation(&parts);
    let (number, fate) = wire.admit(server, &operation, body.clone());
    match fate {
        Fate::Fail(status, body) => {
            wire.finish(number, Some(status.as_u16()), None);
            let kind = if server == "twilio" { "application/json" } else { "application/x-amz-json-1.0" };
            (status, [(header::CONTENT_TYPE, kind)], body).into_response()
        }
        Fate::Halt(halt, mut healed) => {
            if halt.when == Halt::After {
                let response = next.run(Request::from_parts(parts, Body::from(body))).await;
                let (_, _, consumed) = buffered(server, response).await;
                wire.finish(number, None, consumed);
            }
            halt.reached.send_replace(true);
            // An error would mean that the wire itself is gone; nothing can hang on it then.
            let _ = healed.changed().await;
            disconnect()
        }
        Fate::Run => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            let (response, status, consumed) = buffered(server, response).await;
            wire.finish(number, status, consumed);
            response
        }
    }
}

/// Reads the whole answer, so that the call is over when it is recorded as over.
async fn buffered(server: &str, response: Response) -> (Response, Option<u16>, Option<Value>) {
    if is_disconnect(&response) {
        return (response, None, None);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return (disconnect(), None, None);
    };
    let consumed = if server == "dynamodb" { consumed_capacity(&body) } else { None };
    let status = parts.status.as_u16();
    (Response::from_parts(parts, Body::from(body)), Some(status), consumed)
}

fn consumed_capacity(answer: &[u8]) -> Option<Value> {
    const KEY: &[u8] = b"\"ConsumedCapacity\"";
    // Most answers don't have it, and parsing them all would show in a bench.
    answer.windows(KEY.len()).find(|window| *window == KEY)?;
    serde_json::from_slice::<Value>(answer).ok()?.get_mut("ConsumedCapacity").map(Value::take)
}

fn operation(request: &request::Parts) -> String {
    match aws_operation(&request.headers) {
        Some(operation) => operation.to_owned(),
        None => format!("{} {}", request.method, resource(request.uri.path())),
    }
}

fn aws_operation(headers: &HeaderMap) -> Option<&str> {
    Some(headers.get("x-amz-target")?.to_str().ok()?.rsplit_once('.')?.1)
}

/// `/2010-04-01/Accounts/AC…/Messages/SM….json` is `Messages/{sid}`, `/v2/email/identities/b.c` is
/// `/v2/email/identities/{identity}`; other paths stay as they are.
fn resource(path: &str) -> String {
    const IDENTITIES: &str = "/v2/email/identities/";
    if path.starts_with(IDENTITIES) {
        return format!("{IDENTITIES}{{identity}}");
    }
    let Some((_, rest)) = path.split_once("/Accounts/") else {
        return path.to_owned();
    };
    let names = rest.strip_suffix(".json").unwrap_or(rest).split('/').skip(1).enumerate();
    let names: Vec<&str> = names.map(|(i, name)| if i % 2 == 0 { name } else { "{sid}" }).collect();
    names.join("/")
}

/// Locks what is only ever changed in one go; a panic elsewhere while it was locked leaves it whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
