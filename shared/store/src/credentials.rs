//! Credentials: what a secret stands for, found by the hash of the secret; and how many requests were made.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::access::{Acting, ApiKey, ApiKeys, Bucket, Credential, Minute, Role};
use domain::{BusinessId, Error, Result, StaffId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::expression::Write;
use crate::item::{decode, encode, n, s, until, value};
use crate::messages::Placing;
use crate::{Store, keys};

/// How often counting is tried: once, once more when a minute has begun or another process began it, and again while
/// minutes begin in between.
const TRIES: usize = 10;
/// How long the count of a member or a business is kept after the last request.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Requests that were counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// The minute that they were counted in.
    pub minute: Minute,
    /// How many were counted in it, these included.
    pub requests: u64,
}

/// What an item holds of a count.
#[derive(Debug, Deserialize)]
struct Count {
    #[serde(default)]
    used_minute: Option<Minute>,
    #[serde(default)]
    used_calls: u64,
    /// Of a key.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// Where a session is kept.
#[derive(Debug, Serialize, Deserialize)]
struct SessionPlace {
    secret_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    staff_id: Option<StaffId>,
}

/// What became of a session that was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is over now, or was before.
    Over,
    /// It is another member's than the one named, or of somebody whose sessions the caller may not end. It stays.
    NotTheirs,
}

impl Store {
    /// Counts requests in a bucket, in one write; of a key also when it was last used. `None` when the key is not there
    /// any more. `begun` is the minute of which the caller knows that the bucket is counted in.
    pub async fn count_requests(
        &self,
        bucket: &Bucket,
        requests: u64,
        begun: Option<Minute>,
    ) -> Result<Option<Counted>> {
        let now = self.clock().now();
        let mut minute = Minute::of(now);
        let mut counting = begun == Some(minute);
        for _ in 0..TRIES {
            let write = if let Bucket::Key(_) = bucket {
                let live = Write::new().set("last_used_at", s(now.to_string())).if_exists();
                live.when_absent_or("expires_at", ">", s(now.to_string()))
            } else {
                Write::new().stamp("Requests").set("ttl", n(now.plus(KEPT).as_seconds()))
            };
            let write = if counting {
                write.add("used_calls", requests as i64).when("used_minute", "=", n(minute.0))
            } else {
                write.set("used_calls", n(requests)).set("used_minute", n(minute.0)).when_absent_or(
                    "used_minute",
                    "<",
                    n(minute.0),
                )
            };
            let refused = match self.update(keys::bucket(bucket), write).await? {
                Ok(item) => return Ok(Some(Counted { minute, requests: decode::<Count>(item)?.used_calls })),
                Err(refused) => refused,
            };
            let stored = refused.map(decode::<Count>).transpose()?;
            let is_over = |count: &Count| count.expires_at.is_some_and(|end| end <= now);
            if matches!(bucket, Bucket::Key(_)) && stored.as_ref().is_none_or(is_over) {
                return Ok(None);
            }
            // The clock of another process may be ahead: then its minute counts. A count that is gone begins anew.
            let stored = stored.and_then(|count| count.used_minute);
            minute = stored.map_or(minute, |stored| stored.max(minute));
            counting = stored == Some(minute);
        }
        Err(Error::Unavailable("a bucket is counted by too many at once".into()))
    }

    /// What a secret stands for. `None` when no secret has this hash, or it is over.
    pub async fn credential(&self, secret_hash: &str) -> Result<Option<Credential>> {
        let item = self.get(keys::credential(secret_hash), true).await?;
        let found = item.map(decode::<Credential>).transpose()?;
        Ok(found.filter(|credential| credential.is_live(self.clock().now())))
    }

    /// The keys of a business.
    pub async fn api_keys(&self, business: BusinessId) -> Result<ApiKeys> {
        let stored = self.get(keys::api_keys(business), true).await?;
        Ok(stored.map(decode).transpose()?.unwrap_or_default())
    }

    /// When a key was last used, to within the few seconds in which a process counts by itself. `None`: never, or it
    /// does not work any more.
    pub async fn last_use(&self, key: &ApiKey) -> Result<Option<Timestamp>> {
        #[derive(Deserialize)]
        struct LastUse {
            #[serde(default)]
            last_used_at: Option<Timestamp>,
        }
        let item = self.get(keys::credential(&key.secret_hash), true).await?;
        Ok(item.map(decode::<LastUse>).transpose()?.and_then(|found| found.last_used_at))
    }

    /// Stores a new key, together with the list of keys that it is part of. A key that the same call made before is
    /// replaced.
    ///
    /// # Errors
    /// As [`ApiKeys::with`]. `Forbidden` when the member `by` lost their role meanwhile.
    pub async fn insert_api_key(&self, business: BusinessId, key: &ApiKey, by: Acting) -> Result<()> {
        let still = self.tx_check_acting(business, by)?;
        self.change_api_keys(business, still, |keys, now| keys.with(key.clone(), now).map(Some)).await
    }

    /// Stores a new key, and revokes all others.
    pub async fn replace_api_keys(&self, business: BusinessId, key: &ApiKey) -> Result<()> {
        self.change_api_keys(business, None, |keys, now| Ok(Some(keys.replaced_by(key.clone(), now)))).await
    }

    /// Revokes a key. Nothing happens to one that does not work any more.
    ///
    /// # Errors
    /// As [`ApiKeys::without`]. `Forbidden` when the member `by` lost their role meanwhile.
    pub async fn revoke_api_key(&self, business: BusinessId, key_id: &str, by: Acting) -> Result<()> {
        let still = self.tx_check_acting(business, by)?;
        self.change_api_keys(business, still, |keys, now| keys.without(key_id, now)).await
    }

    /// A part of a transaction: the member who asks still has the role that they showed. A process believes a session
    /// for some seconds, and a key outlives them. `None` for a program.
    fn tx_check_acting(&self, business: BusinessId, by: Acting) -> Result<Option<TransactWriteItem>> {
        by.staff.map(|staff| self.tx_check_member(business, staff, by.role)).transpose()
    }

    /// Changes the list of keys, and with it what the table lets in: a secret works while its key is listed as live.
    /// `Forbidden` when `still` is not so.
    async fn change_api_keys(
        &self,
        business: BusinessId,
        still: Option<TransactWriteItem>,
        change: impl Fn(&ApiKeys, Timestamp) -> Result<Option<ApiKeys>>,
    ) -> Result<()> {
        let mut placing = Placing::begin();
        loop {
            let (old, now) = (self.api_keys(business).await?, self.clock().now());
            let Some(new) = change(&old, now)? else { return Ok(()) };
            let unchanged = if old.keys.is_empty() {
                Write::new().when_absent("keys")
            } else {
                Write::new().when("keys", "=", value(&old.keys)?)
            };
            let list = encode(keys::api_keys(business), "ApiKeys", &new)?;
            let mut parts = vec![self.tx_put(list, unchanged)?];
            let listed = |keys: &ApiKeys, hash: &str| keys.live(now).any(|key| key.secret_hash == hash);
            for key in old.live(now).filter(|key| !listed(&new, &key.secret_hash)) {
                parts.push(self.tx_delete(keys::credential(&key.secret_hash), Write::new())?);
            }
            for key in new.live(now).filter(|key| !listed(&old, &key.secret_hash)) {
                parts.push(self.tx_put_credential(&key.secret_hash, &key.credential(business))?);
            }
            let check = parts.len();
            parts.extend(still.clone());
            match self.transact(parts).await? {
                Ok(()) => return Ok(()),
                Err(refused) if refused.failed(check) => return Err(Error::Forbidden),
                Err(_) => placing.again().await?,
            }
        }
    }

    /// Stores a session, and where it is found by its id.
    pub async fn insert_session(&self, session: &Credential, secret_hash: &str) -> Result<()> {
        let place = keys::session(session.business_id, &session.credential_id);
        let found = SessionPlace { secret_hash: secret_hash.to_owned(), staff_id: session.staff_id };
        let place = encode(place, "Session", &found)?;
        let place = session.expires_at.map_or(place.clone(), |end| until(place, end));
        let parts =
            vec![self.tx_put_credential(secret_hash, session)?, self.tx_put(place, Write::new().if_new())?];
        let stored = self.transact(parts).await?;
        stored.map_err(|_| Error::internal("two sessions have one id"))
    }

    /// Ends a session, if it is `of` this member where one is named, and if `by` may end sessions of whom it belongs to.
    /// Ending an expired or unknown session succeeds and changes nothing.
    pub async fn end_session(
        &self,
        business: BusinessId,
        session_id: &str,
        of: Option<StaffId>,
        by: Acting,
    ) -> Result<Ended> {
        let mut placing = Placing::begin();
        loop {
            let place = keys::session(business, session_id);
            let Some(item) = self.get(place.clone(), true).await? else { return Ok(Ended::Over) };
            let found: SessionPlace = decode(item)?;
            if of.is_some_and(|staff| Some(staff) != found.staff_id) {
                return Ok(Ended::NotTheirs);
            }
            let mut parts = vec![
                self.tx_delete(keys::credential(&found.secret_hash), Write::new())?,
                self.tx_delete(place, Write::new())?,
            ];
            // Nobody stands above an owner or a program, so their changes need no look at the directory.
            if !by.may_end_session_of(found.staff_id, Role::Owner) {
                let member = match found.staff_id {
                    Some(staff) => self.staff_member(business, staff).await?,
                    None => None,
                };
                // A session without a member is a program's.
                let role = member.as_ref().map_or(Role::Service, |member| member.staff_role);
                if !by.may_end_session_of(found.staff_id, role) {
                    return Ok(Ended::NotTheirs);
                }
                if let Some(member) = member {
                    let same = Write::new().when("staff_role", "=", value(&role)?);
                    parts.push(self.tx_check(keys::staff(business, member.staff_id), same)?);
                }
            }
            if self.transact(parts).await?.is_ok() {
                return Ok(Ended::Over);
            }
            placing.again().await?;
        }
    }

    /// A part of a transaction that lets a secret in. It is removed by the table some time after its end.
    pub(crate) fn tx_put_credential(
        &self,
        secret_hash: &str,
        credential: &Credential,
    ) -> Result<TransactWriteItem> {
        let item = encode(keys::credential(secret_hash), "Credential", credential)?;
        let item = credential.expires_at.map_or(item.clone(), |end| until(item, end));
        self.tx_put(item, Write::new().if_new())
    }
}
