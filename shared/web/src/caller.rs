//! From a credential to the one who holds it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use domain::access::{Credential, Role};
use domain::business::Business;
use domain::{Error, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{ApiError, Edge};

/// How long a process trusts what it read of a credential: the longest that a revoked one still works.
const TRUST: Duration = Duration::from_secs(5);
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
        (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(PlatformKey(hash))
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
pub(crate) struct Known(Mutex<HashMap<String, (Timestamp, Arc<Member>)>>);

impl Known {
    fn get(&self, hash: &str, now: Timestamp) -> Option<Arc<Member>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, member) = known.get(hash)?;
        (now >= *read_at && now.since(*read_at) < TRUST).then(|| member.clone())
    }

    fn put(&self, hash: String, now: Timestamp, member: Arc<Member>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, (now, member));
    }
}

/// What the table stores of an API key or session token: its SHA-256. The secret has 256 random bits, so a plain hash
/// cannot be searched.
pub fn api_key_hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The secret that a request shows: the header `X-API-KEY`, else the cookie `session`.
fn secret(headers: &HeaderMap) -> Option<String> {
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().ok().map(str::to_owned);
    }
    let cookies = headers.get_all("cookie").into_iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == "session")
        .map(|(_, token)| token.to_owned())
}

impl Edge {
    /// Who is calling.
    ///
    /// # Errors
    /// `Unauthenticated` without a credential, or with one that is unknown or over.
    pub(crate) async fn caller(&self, parts: &Parts) -> Result<Caller, ApiError> {
        let secret = secret(&parts.headers)
            .filter(|secret| !secret.is_empty() && secret.len() <= LONGEST)
            .ok_or(Error::Unauthenticated)?;
        let hash = api_key_hash(&secret);
        if self.platform_key.as_ref().is_some_and(|key| key.matches(&hash)) {
            return Ok(Caller::Platform);
        }
        let now = self.store.clock().now();
        if let Some(member) = self.known.get(&hash, now) {
            return live(member, now);
        }
        let mut credential = self.store.credential(&hash).await?.ok_or(Error::Unauthenticated)?;
        let business = self.store.business(credential.business_id).await?.ok_or(Error::Unauthenticated)?;
        if let Some(id) = credential.staff_id {
            // A session is as good as the member of the staff it belongs to, and may what they may now.
            let staff = self.store.staff_member(business.business_id, id).await?;
            let staff = staff.filter(|staff| staff.keeps_session(credential.created_at));
            credential.credential_role = staff.ok_or(Error::Unauthenticated)?.staff_role;
        }
        let member = Arc::new(Member { credential, business });
        self.known.put(hash, now, member.clone());
        live(member, now)
    }
}

fn live(member: Arc<Member>, now: Timestamp) -> Result<Caller, ApiError> {
    if member.credential.is_live(now) {
        Ok(Caller::Member(member))
    } else {
        Err(Error::Unauthenticated.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_comes_before_the_cookie() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "a=b; session=from-cookie; c=d".parse().unwrap());
        assert_eq!(secret(&headers).as_deref(), Some("from-cookie"));
        headers.insert("x-api-key", "from-header".parse().unwrap());
        assert_eq!(secret(&headers).as_deref(), Some("from-header"));
    }

    #[test]
    fn a_platform_key_is_known_by_its_hash_alone() {
        let key = PlatformKey::from_sha256_hex(&api_key_hash("open sesame")).unwrap();
        assert!(key.matches(&api_key_hash("open sesame")));
        assert!(!key.matches(&api_key_hash("open sesam")));
        assert!(PlatformKey::from_sha256_hex("").is_none());
    }
}
