//! From a credential to the one who holds it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::access::{Credential, Minute, RateLimit, Role};
use domain::business::Business;
use domain::{Error, Timestamp};
use signature::secret;
use store::credentials::Used;
use subtle::ConstantTimeEq;

use crate::dialect::Dialect;
use crate::{ApiError, Edge, origin};

/// How long a process trusts what it read of a credential: the longest that a revoked one still works.
pub(crate) const TRUST: Duration = Duration::from_secs(5);
/// How many credentials a process remembers.
const MOST: usize = 1_000;
/// Longer than any credential of ours.
const LONGEST: usize = 512;

/// Whoever is calling.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Whoever runs omega.
    Platform,
    /// Somebody of a business.
    Member(Arc<Member>),
}

/// Somebody of a business.
#[derive(Clone, Debug)]
pub struct Member {
    /// What they showed.
    pub credential: Credential,
    /// Their business.
    pub business: Business,
}

impl Caller {
    /// What the caller may be.
    pub fn role(&self) -> Role {
        match self {
            Caller::Platform => Role::Platform,
            Caller::Member(member) => member.credential.credential_role,
        }
    }
}

/// The key of whoever runs omega, as its hash.
#[derive(Clone)]
pub struct PlatformKey(String);

impl PlatformKey {
    /// From the SHA-256 of the key, in hexadecimal.
    pub fn from_sha256_hex(hash: &str) -> Option<PlatformKey> {
        let hash = hash.trim().to_ascii_lowercase();
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| PlatformKey(secret::hash_of_digest(&hash)))
    }

    fn matches(&self, hash: &str) -> bool {
        self.0.as_bytes().ct_eq(hash.as_bytes()).into()
    }
}

impl fmt::Debug for PlatformKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlatformKey")
    }
}

/// What a process remembers of credentials it has seen.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<String, Seen>>);

/// A credential, as it was last read, and its calls since.
#[derive(Clone, Debug)]
struct Seen {
    read_at: Timestamp,
    member: Arc<Member>,
    /// The minute that is being counted, the calls in it that the table knows of, and those that it does not.
    minute: Minute,
    counted: u64,
    uncounted: u32,
}

/// What is to be done about a call.
enum Turn {
    /// Nothing more: the credential is known, and the call may be counted later.
    Known(Arc<Member>, Usage),
    /// The table is to count so many calls. What is known beside the credential may still be believed.
    Count { calls: u64, begun: Option<Minute>, member: Option<Arc<Member>> },
}

/// How much of its limit a credential has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Calls a minute.
    limit: u32,
    /// Calls in this minute, this one included.
    calls: u64,
    /// Seconds until the minute is over.
    reset: u32,
}

impl Usage {
    fn new(limit: RateLimit, calls: u64, minute: Minute, now: Timestamp) -> Usage {
        Usage { limit: limit.per_minute(), calls, reset: minute.seconds_left(now) }
    }

    /// Nothing is left.
    pub(crate) fn over(limit: u32, reset: u32) -> Usage {
        Usage { limit, calls: u64::from(limit), reset }
    }

    /// Calls a minute.
    pub fn limit(&self) -> u64 {
        u64::from(self.limit)
    }

    /// Calls that are left in this minute.
    pub fn remaining(&self) -> u64 {
        self.limit().saturating_sub(self.calls)
    }

    /// Seconds until the minute is over.
    pub fn seconds_left(&self) -> u32 {
        self.reset
    }

    fn is_over(&self) -> bool {
        self.calls > u64::from(self.limit)
    }

    /// Says it in the answer: `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset`.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let told = [
            ("ratelimit-limit", self.limit()),
            ("ratelimit-remaining", self.remaining()),
            ("ratelimit-reset", u64::from(self.reset)),
        ];
        for (name, value) in told {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}

impl Known {
    /// Takes a call's turn.
    fn turn(&self, hash: &str, now: Timestamp) -> Turn {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = known.get_mut(hash) else {
            return Turn::Count { calls: 1, begun: None, member: None };
        };
        let begun = Some(seen.minute);
        if seen.minute != Minute::of(now) {
            (seen.minute, seen.counted, seen.uncounted) = (Minute::of(now), 0, 0);
        }
        seen.uncounted = seen.uncounted.saturating_add(1);
        let limit = seen.member.business.requests_per_minute;
        let fresh = now >= seen.read_at && now.since(seen.read_at) < TRUST;
        let usage = Usage::new(limit, seen.counted + u64::from(seen.uncounted), seen.minute, now);
        if fresh && (seen.uncounted <= limit.uncounted() || usage.is_over()) {
            return Turn::Known(seen.member.clone(), usage);
        }
        let calls = u64::from(std::mem::take(&mut seen.uncounted));
        Turn::Count { calls, begun, member: fresh.then(|| seen.member.clone()) }
    }

    fn put(&self, hash: String, now: Timestamp, member: Arc<Member>, used: &Used) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        let before = known.get(&hash);
        let same = before.filter(|seen| Arc::ptr_eq(&seen.member, &member));
        let read_at = same.map_or(now, |seen| seen.read_at);
        // Other calls may have gone on while these were counted.
        let meanwhile = before.filter(|seen| seen.minute == used.minute);
        let counted = meanwhile.map_or(used.calls, |seen| seen.counted.max(used.calls));
        let uncounted = meanwhile.map_or(0, |seen| seen.uncounted);
        known.insert(hash, Seen { read_at, member, minute: used.minute, counted, uncounted });
    }

    fn peek(&self, hash: &str) -> Option<Arc<Member>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).map(|seen| seen.member.clone())
    }

    fn forget(&self, hash: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }
}

/// Whether it can be a secret of ours.
fn is_sane(secret: &str) -> bool {
    !secret.is_empty() && secret.len() <= LONGEST
}

fn within(usage: &Usage) -> Result<(), ApiError> {
    if usage.is_over() {
        return Err(Error::TooMany { limit: usage.limit, retry_after: usage.reset }.into());
    }
    Ok(())
}

impl Edge {
    /// Who is calling, as a dialect has them say it, and how much of their limit they have used. The platform has none.
    ///
    /// # Errors
    /// `Unauthenticated` without a credential, or with one that is unknown or over. `TooMany` beyond the limit.
    /// `Forbidden` for a change that somebody else's page made a browser ask for.
    pub(crate) async fn caller<D: Dialect>(
        &self,
        parts: &Parts,
    ) -> Result<(Caller, Option<Usage>), ApiError> {
        let shown = D::shown(&parts.headers).filter(|shown| is_sane(&shown.secret));
        let shown = shown.ok_or(Error::Unauthenticated)?;
        let hash = secret::hash(&shown.secret);
        if !shown.by_cookie && self.platform_key.as_ref().is_some_and(|key| key.matches(&hash)) {
            return Ok((Caller::Platform, None));
        }
        let (member, usage) = self.member_by_hash(hash).await?;
        let is_program = member.credential.staff_id.is_none();
        if (shown.by_cookie && is_program) || !D::is_theirs(&parts.headers, &member) {
            return Err(Error::Unauthenticated.into());
        }
        if shown.by_cookie && !parts.method.is_safe() && !origin::is_ours(parts, &member.business) {
            return Err(Error::Forbidden.into());
        }
        within(&usage)?;
        Ok((Caller::Member(member), Some(usage)))
    }

    /// Who holds a key of a business, by the hash under which it is stored: for interfaces that begin sessions with one.
    ///
    /// # Errors
    /// `Unauthenticated` for what is no key, or over. `TooMany` beyond its limit.
    pub async fn key_holder(&self, secret_hash: String) -> Result<Arc<Member>, ApiError> {
        let (member, usage) = self.member_by_hash(secret_hash).await?;
        if !member.credential.is_key() {
            return Err(Error::Unauthenticated.into());
        }
        within(&usage)?;
        Ok(member)
    }

    /// Who holds a session of a member of the staff, by the hash under which it is stored: for interfaces that take one
    /// where they begin sessions.
    ///
    /// # Errors
    /// As [`Edge::key_holder`].
    pub async fn session_holder(&self, secret_hash: String) -> Result<Arc<Member>, ApiError> {
        let (member, usage) = self.member_by_hash(secret_hash).await?;
        if member.credential.staff_id.is_none() {
            return Err(Error::Unauthenticated.into());
        }
        within(&usage)?;
        Ok(member)
    }

    /// Who holds a secret, as far as this process remembers. It proves nothing: the credential may be over by now.
    pub(crate) fn remembered(&self, secret: &str) -> Option<Arc<Member>> {
        self.known.peek(&secret::hash(secret))
    }

    /// Forgets what is known of a credential that was just ended: this process believes it no longer.
    pub fn forget(&self, secret: &str) {
        self.known.forget(&secret::hash(secret));
    }

    /// Who holds what is stored under a hash.
    async fn member_by_hash(&self, hash: String) -> Result<(Arc<Member>, Usage), ApiError> {
        let now = self.store.clock().now();
        let (member, usage) = match self.known.turn(&hash, now) {
            Turn::Known(member, usage) => (member, usage),
            Turn::Count { calls, begun, member } => self.count(hash, calls, begun, member).await?,
        };
        if !member.credential.is_live(now) {
            return Err(Error::Unauthenticated.into());
        }
        Ok((member, usage))
    }

    /// Reads a credential by counting calls of it, and what it leads to unless that is `known`.
    async fn count(
        &self,
        hash: String,
        calls: u64,
        begun: Option<Minute>,
        known: Option<Arc<Member>>,
    ) -> Result<(Arc<Member>, Usage), ApiError> {
        let Some(used) = self.store.use_credential(&hash, calls, begun).await? else {
            self.known.forget(&hash);
            return Err(Error::Unauthenticated.into());
        };
        let member = match known {
            Some(member) => member,
            None => self.member(used.credential.clone()).await?,
        };
        let now = self.store.clock().now();
        let usage = Usage::new(member.business.requests_per_minute, used.calls, used.minute, now);
        self.known.put(hash, now, member.clone(), &used);
        Ok((member, usage))
    }

    async fn member(&self, mut credential: Credential) -> Result<Arc<Member>, ApiError> {
        let business = self.store.business(credential.business_id).await?.ok_or(Error::Unauthenticated)?;
        if let Some(id) = credential.staff_id {
            // A session is as good as the member of the staff it belongs to, and may what they may now.
            let staff = self.store.staff_member(business.business_id, id).await?;
            let staff = staff.filter(|staff| staff.keeps_session(credential.created_at));
            credential.credential_role = staff.ok_or(Error::Unauthenticated)?.staff_role;
        }
        if let Some(key) = &credential.key_hash {
            // And one of a program as good as the key it was begun with.
            self.store.credential(key).await?.ok_or(Error::Unauthenticated)?;
        }
        Ok(Arc::new(Member { credential, business }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_key_is_known_by_its_hash_alone() {
        let key = PlatformKey::from_sha256_hex(&secret::digest("open sesame")).unwrap();
        assert!(key.matches(&secret::hash("open sesame")));
        assert!(!key.matches(&secret::hash("open sesam")));
        assert!(PlatformKey::from_sha256_hex("").is_none());
    }
}
