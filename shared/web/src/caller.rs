//! From a credential to the one who holds it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::access::{Bucket, Credential, Minute, RateLimit, Role};
use domain::business::Business;
use domain::{Error, Timestamp};
use signature::secret;
use subtle::ConstantTimeEq;

use crate::dialect::Dialect;
use crate::source::Unknown;
use crate::tally::{Allowed, Tallies, Turn};
use crate::{ApiError, Edge, Source, origin};

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
pub(crate) struct Known {
    credentials: Mutex<HashMap<String, Seen>>,
    /// The requests that it let pass.
    tallies: Tallies,
    /// Those that nobody holds.
    unknown: Unknown,
}

/// A credential, as it was last read.
#[derive(Clone, Debug)]
struct Seen {
    read_at: Timestamp,
    member: Arc<Member>,
}

/// What a process knows of a credential.
enum Found {
    /// Who holds it.
    Fresh(Arc<Member>),
    /// Somebody held it some time ago.
    Stale,
    /// Nothing.
    Nothing,
}

/// How much of a limit is used: of the credential's own, or of the business's where less of that is left.
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

    /// The one of which less is left.
    fn tighter(self, other: Usage) -> Usage {
        if other.remaining() <= self.remaining() { other } else { self }
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
    fn find(&self, hash: &str, now: Timestamp) -> Found {
        match self.lock().get(hash) {
            Some(seen) if now >= seen.read_at && now.since(seen.read_at) < TRUST => {
                Found::Fresh(seen.member.clone())
            }
            Some(_) => Found::Stale,
            None => Found::Nothing,
        }
    }

    fn put(&self, hash: String, now: Timestamp, member: Arc<Member>) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, Seen { read_at: now, member });
    }

    fn peek(&self, hash: &str) -> Option<Arc<Member>> {
        self.lock().get(hash).map(|seen| seen.member.clone())
    }

    fn forget(&self, hash: &str) {
        self.lock().remove(hash);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// `TooManyUnknown` where too many unknown ones came from.
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
        let (member, usage) = self.member_by_hash(hash, Source::of(&parts.extensions)).await?;
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
    /// `Unauthenticated` for what is no key, or over. `TooMany` beyond its limit. `TooManyUnknown` where too many unknown
    /// ones came from.
    pub async fn key_holder(&self, secret_hash: String, source: Source) -> Result<Arc<Member>, ApiError> {
        let (member, usage) = self.member_by_hash(secret_hash, source).await?;
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
    pub async fn session_holder(&self, secret_hash: String, source: Source) -> Result<Arc<Member>, ApiError> {
        let (member, usage) = self.member_by_hash(secret_hash, source).await?;
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

    /// Who holds what is stored under a hash, and how much of their limit they have used with this request.
    async fn member_by_hash(&self, hash: String, source: Source) -> Result<(Arc<Member>, Usage), ApiError> {
        let now = self.store.clock().now();
        let found = self.known.find(&hash, now);
        if let Found::Nothing = found {
            self.known.unknown.admit(source, &hash, now)?;
        }
        let member = match found {
            Found::Fresh(member) => member,
            Found::Stale | Found::Nothing => self.read(&hash, source).await?,
        };
        if !member.credential.is_live(now) {
            return Err(Error::Unauthenticated.into());
        }
        let usage = self.count(&member, &hash).await?;
        Ok((member, usage))
    }

    /// Reads a credential and what it leads to. Nothing is written for one that does not exist.
    async fn read(&self, hash: &str, source: Source) -> Result<Arc<Member>, ApiError> {
        let now = self.store.clock().now();
        let Some(credential) = self.store.credential(hash).await? else {
            self.known.forget(hash);
            self.known.unknown.note(source, hash, now);
            return Err(Error::Unauthenticated.into());
        };
        let member = self.member(credential).await.inspect_err(|_| self.known.forget(hash))?;
        self.known.put(hash.to_owned(), now, member.clone());
        Ok(member)
    }

    /// Counts a request of a credential, and of its business. One that is beyond the credential's limit takes nothing from
    /// the others of the business.
    async fn count(&self, member: &Member, hash: &str) -> Result<Usage, ApiError> {
        let (one, all) = (member.business.requests_per_minute, member.business.limit_of_all());
        let Some(own) = self.count_in(&member.credential.bucket(hash), Allowed::one(one, all)).await? else {
            self.known.forget(hash);
            return Err(Error::Unauthenticated.into());
        };
        if own.is_over() {
            return Ok(own);
        }
        let business = Bucket::Business(member.business.business_id);
        let shared = self.count_in(&business, Allowed::all(all)).await?;
        Ok(shared.map_or(own, |shared| own.tighter(shared)))
    }

    /// Counts a request in a bucket. `None` when that is of a key that is gone.
    async fn count_in(&self, bucket: &Bucket, allowed: Allowed) -> Result<Option<Usage>, ApiError> {
        let (tallies, clock) = (&self.known.tallies, self.store.clock());
        let now = clock.now();
        let (requests, begun) = match tallies.turn(bucket, allowed, now) {
            Turn::Known { requests, minute } => {
                return Ok(Some(Usage::new(allowed.limit, requests, minute, now)));
            }
            Turn::Count { requests, begun } => (requests, begun),
        };
        let counted = self.store.count_requests(bucket, requests, begun).await;
        let now = clock.now();
        tallies.told(bucket, requests, counted.as_ref().ok().copied().flatten(), now);
        Ok(counted?.map(|counted| Usage::new(allowed.limit, counted.requests, counted.minute, now)))
    }

    async fn member(&self, mut credential: Credential) -> Result<Arc<Member>, ApiError> {
        let business_id = credential.business_id;
        let business = async { self.store.business(business_id).await?.ok_or(Error::Unauthenticated) };
        let role = async {
            let Some(id) = credential.staff_id else { return Ok::<_, Error>(credential.credential_role) };
            // A session is as good as the member of the staff it belongs to, and may what they may now.
            let staff = self.store.staff_member(business_id, id).await?;
            let staff = staff.filter(|staff| staff.keeps_session(credential.created_at));
            Ok(staff.ok_or(Error::Unauthenticated)?.staff_role)
        };
        let key = async {
            // And one of a program as good as the key it was begun with.
            match &credential.key_hash {
                Some(key) => self.store.credential(key).await?.ok_or(Error::Unauthenticated).map(drop),
                None => Ok(()),
            }
        };
        let (business, role, ()) = tokio::try_join!(business, role, key)?;
        credential.credential_role = role;
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
