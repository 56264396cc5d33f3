//! Credentials: what a secret stands for, found by the hash of the secret, and how often it was used.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::access::{Acting, ApiKey, ApiKeys, Credential, Minute, Role};
use domain::{BusinessId, Error, Result, StaffId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::expression::Write;
use crate::item::{Item, decode, encode, n, s, until, value};
use crate::messages::Placing;
use crate::{Store, keys};

/// How often the counting of a use is tried: once, once more when a minute has begun or another process began it, and again
/// while minutes begin in between.
const TRIES: usize = 10;

/// A credential that was used.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    /// What it stands for.
    pub credential: Credential,
    /// The minute in which its calls are counted.
    pub minute: Minute,
    /// How many calls were counted in it, these included.
    pub calls: u64,
}

/// As much of a credential's item as counts.
#[derive(Debug, Deserialize)]
struct Counted {
    #[serde(default)]
    used_minute: Option<Minute>,
    #[serde(default)]
    used_calls: u64,
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
    /// Reads a credential and counts `calls` of it, in one write: how often it was used in this minute, and when last.
    /// `None` when no secret has this hash, or it is over. `begun` is the minute of which the caller knows that it is
    /// being counted in.
    pub async fn use_credential(
        &self,
        secret_hash: &str,
        calls: u64,
        begun: Option<Minute>,
    ) -> Result<Option<Used>> {
        let now = self.clock().now();
        let mut minute = Minute::of(now);
        let mut counting = begun == Some(minute);
        for _ in 0..TRIES {
            let write = Write::new().set("last_used_at", s(now.to_string())).if_exists().when_absent_or(
                "expires_at",
                ">",
                s(now.to_string()),
            );
            let write = if counting {
                write.add("used_calls", calls as i64).when("used_minute", "=", n(minute.0))
            } else {
                write.set("used_calls", n(calls)).set("used_minute", n(minute.0)).when_absent_or(
                    "used_minute",
                    "<",
                    n(minute.0),
                )
            };
            let refused = match self.update(keys::credential(secret_hash), write).await? {
                Ok(item) => return used(item, minute).map(Some),
                Err(refused) => refused,
            };
            let Some(item) = refused else { return Ok(None) };
            if !decode::<Credential>(item.clone())?.is_live(now) {
                return Ok(None);
            }
            // The clock of another process may be ahead: then its minute counts.
            let stored = decode::<Counted>(item)?.used_minute;
            minute = stored.map_or(minute, |stored| stored.max(minute));
            counting = stored == Some(minute);
        }
        Err(Error::Unavailable("a credential is counted by too many at once".into()))
    }

    /// What a secret stands for, without counting it as used. `None` when no secret has this hash, or it is over.
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

fn used(item: Item, minute: Minute) -> Result<Used> {
    let calls = decode::<Counted>(item.clone())?.used_calls;
    Ok(Used { credential: decode(item)?, minute, calls })
}
