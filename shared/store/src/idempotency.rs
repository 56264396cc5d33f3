//! Calls that may be repeated: the first answer is kept for a day and given again.
//!
//! A record is *in progress* from the first write of a call to its last, with an owner and an end. A call that died
//! leaves it so until that end, one that failed for our own reasons ends it at once; whoever repeats the call then takes
//! over **with the same request id**, and since every message of a call is stored under request id and place, what was
//! stored before is found and not stored again.

use std::time::Duration;

use domain::{BusinessId, RequestId, Result};
use serde::{Deserialize, Serialize};

use crate::expression::Write;
use crate::item::{decode, encode, n, s, until, value};
use crate::{Store, keys};

/// How long an answer is kept.
const KEEP: Duration = Duration::from_secs(24 * 3600);
/// How long a call may be in progress. Longer than any function runs.
const IN_PROGRESS: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    owner: String,
    request_id: RequestId,
    body_hash: String,
    /// In progress until then, when there is no answer yet. Milliseconds since 1970.
    lock_until_ms: i64,
    /// Forgotten from then on. The table removes it some time later, so readers compare. Milliseconds since 1970.
    keep_until_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
}

/// The answer of a call, as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub code: u16,
    /// The body.
    pub body: String,
}

/// Which call: the business it is for, and a hash of caller, route and key.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The business, or nothing for the platform's calls.
    pub business: Option<BusinessId>,
    /// Hash of caller, route template and key.
    pub key_hash: String,
}

/// The right to run a call, and the duty to say how it ended.
#[derive(Clone, Debug)]
pub struct Ticket {
    scope: Scope,
    owner: String,
    /// The id of this call, the same one when it is run again after a crash.
    pub request_id: RequestId,
}

/// What to do with a call.
#[derive(Clone, Debug)]
pub enum Begin {
    /// Run it.
    Run(Ticket),
    /// It ran before; this was the answer.
    Replay(Answer),
    /// The key was used for another body.
    OtherBody,
    /// It is running.
    InProgress,
}

impl Store {
    /// Begins a call. `fresh` is the request id to use unless an earlier, unfinished run of the same call has one.
    pub async fn begin(&self, scope: Scope, body_hash: &str, fresh: RequestId) -> Result<Begin> {
        let now = self.clock().now();
        let owner = format!("{:016x}", fastrand::u64(..));
        let mut record = Record {
            owner: owner.clone(),
            request_id: fresh,
            body_hash: body_hash.to_owned(),
            lock_until_ms: now.plus(IN_PROGRESS).as_millis(),
            keep_until_ms: now.plus(KEEP).as_millis(),
            answer: None,
        };
        let key = keys::idempotency(scope.business, &scope.key_hash);
        let item = |record: &Record| {
            Ok::<_, domain::Error>(until(encode(key.clone(), "Idempotency", record)?, now.plus(KEEP)))
        };
        let condition = Write::new().when_absent_or("keep_until_ms", "<=", n(now.as_millis()));
        let stored: Record = match self.put(item(&record)?, condition).await? {
            Ok(()) => {
                return Ok(Begin::Run(Ticket { scope, owner, request_id: fresh }));
            }
            Err(Some(stored)) => decode(stored)?,
            Err(None) => return Ok(Begin::InProgress),
        };
        if stored.owner == owner {
            // Written, and the answer got lost: the SDK wrote it again and met itself.
            return Ok(Begin::Run(Ticket { scope, owner, request_id: stored.request_id }));
        }
        if stored.body_hash != body_hash {
            return Ok(Begin::OtherBody);
        }
        if let Some(answer) = stored.answer {
            return Ok(Begin::Replay(answer));
        }
        if stored.lock_until_ms > now.as_millis() {
            return Ok(Begin::InProgress);
        }
        record.request_id = stored.request_id;
        let condition = Write::new().when("owner", "=", s(stored.owner)).when_absent("answer");
        let ours = match self.put(item(&record)?, condition).await? {
            Ok(()) => true,
            Err(Some(winner)) => decode::<Record>(winner)?.owner == owner,
            Err(None) => false,
        };
        Ok(if ours {
            Begin::Run(Ticket { scope, owner, request_id: stored.request_id })
        } else {
            Begin::InProgress
        })
    }

    /// Keeps the answer of a call that did what it was asked for.
    pub async fn finish(&self, ticket: &Ticket, answer: &Answer) -> Result<()> {
        let write = Write::new().set("answer", value(answer)?).when("owner", "=", s(ticket.owner.clone()));
        let key = keys::idempotency(ticket.scope.business, &ticket.scope.key_hash);
        // Refused means that somebody took over after our time was up; their answer is the same.
        self.update(key, write).await?.map_or(Ok(()), |_| Ok(()))
    }

    /// Lets a call that failed for our own reasons be run again at once. It keeps its request id, so what it stored is
    /// found and not stored again.
    pub async fn release(&self, ticket: &Ticket) -> Result<()> {
        let write = Write::new().set("lock_until_ms", n(0)).when("owner", "=", s(ticket.owner.clone()));
        let key = keys::idempotency(ticket.scope.business, &ticket.scope.key_hash);
        self.update(key, write).await?.map_or(Ok(()), |_| Ok(()))
    }

    /// Forgets a call that was refused for what it said: the key may be used again.
    pub async fn forget(&self, ticket: &Ticket) -> Result<()> {
        let key = keys::idempotency(ticket.scope.business, &ticket.scope.key_hash);
        self.delete(key, Write::new().when("owner", "=", s(ticket.owner.clone()))).await
    }
}
