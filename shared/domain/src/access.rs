//! Who may do what: roles, credentials, what a credential proves, and how often it may be used.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::error::Error;
use crate::id::{BusinessId, RequestId, StaffId};
use crate::time::Timestamp;

/// What a credential lets its holder be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever runs omega: sets up businesses, and nothing else.
    Platform,
    /// A program of the business, with an API key.
    Service,
    /// Staff: everything in the business.
    Owner,
    /// Staff: everything but what only owners may.
    Manager,
    /// Staff: the inbox.
    Staff,
}

impl Role {
    /// How high a role stands in its business. A program stands beside the owners; the platform is outside.
    fn rank(self) -> Option<u8> {
        match self {
            Role::Platform => None,
            Role::Staff => Some(1),
            Role::Manager => Some(2),
            Role::Owner | Role::Service => Some(3),
        }
    }

    /// Whether somebody with this role may change a member who has the `other` role, and give or take that role: nobody
    /// does that above their own.
    pub fn reaches(self, other: Role) -> bool {
        matches!((self.rank(), other.rank()), (Some(own), Some(other)) if own >= other)
    }
}

/// Who asks for a change, and the role they showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acting {
    /// The role of the credential.
    pub role: Role,
    /// The member of the staff, for a session; `None` for a program.
    pub staff: Option<StaffId>,
}

impl Acting {
    /// A program of the business.
    pub const PROGRAM: Acting = Acting { role: Role::Service, staff: None };

    /// Whether they may end a session of `staff`, or of a program for `None`. `role` is what that one may do.
    pub fn may_end_session_of(self, staff: Option<StaffId>, role: Role) -> bool {
        let is_own = self.staff.is_some() && self.staff == staff;
        is_own || (self.role != Role::Staff && self.role.reaches(role))
    }
}

/// What a presented secret stands for. The table holds it under a hash of the secret, never the secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    /// A public name of the credential, to list and revoke it by.
    pub credential_id: String,
    /// The business it belongs to.
    pub business_id: BusinessId,
    /// What its holder may be.
    pub credential_role: Role,
    /// The staff member, for sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff_id: Option<StaffId>,
    /// The key that this was made with, as the hash it is stored under: without it, this is over as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_hash: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working. The table removes it some time later, so readers compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Credential {
    /// Whether it works at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it is a key of a program, and no session: what sessions are begun with.
    pub fn is_key(&self) -> bool {
        self.credential_role == Role::Service && self.key_hash.is_none()
    }

    /// Where its requests count: those of a session with those of its member, or of the key it was begun with. More
    /// sessions are no more requests. `secret_hash` is the hash it is stored under.
    pub fn bucket(&self, secret_hash: &str) -> Bucket {
        match (self.staff_id, &self.key_hash) {
            (Some(staff), _) => Bucket::Member(self.business_id, staff),
            (None, Some(key)) => Bucket::Key(key.clone()),
            (None, None) => Bucket::Key(secret_hash.to_owned()),
        }
    }
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// A key and the sessions begun with it, by the hash that the key is stored under.
    Key(String),
    /// All sessions of a member of the staff.
    Member(BusinessId, StaffId),
    /// All credentials of a business.
    Business(BusinessId),
}

/// What API keys begin with.
pub const KEY_PREFIX: &str = "omega";
/// What session tokens begin with.
pub const SESSION_PREFIX: &str = "omega_session";
/// How long a session lasts. A working day and its margins: whoever comes back tomorrow signs in again.
pub const SESSION: Duration = Duration::from_secs(12 * 3600);

/// How long the session of a program lasts.
pub const PROGRAM_SESSION: Duration = Duration::from_secs(3600);

/// A session of a program, from its beginning. `key` is the credential it was begun with, found under `key_hash`: the
/// session is as good as that.
pub fn program_session(id: String, key: &Credential, key_hash: String, now: Timestamp) -> Credential {
    Credential {
        credential_id: id,
        key_hash: Some(key_hash),
        created_at: now,
        expires_at: Some(now.plus(PROGRAM_SESSION)),
        ..key.clone()
    }
}

/// A session of a member of the staff, from its beginning.
pub fn session(id: String, business: BusinessId, staff: StaffId, now: Timestamp) -> Credential {
    Credential {
        credential_id: id,
        business_id: business,
        // What they may do is in the directory, and is read there with each use.
        credential_role: Role::Staff,
        staff_id: Some(staff),
        key_hash: None,
        created_at: now,
        expires_at: Some(now.plus(SESSION)),
    }
}

/// A key for the programs of a business, as the list of its keys has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its public id, to list and revoke it by.
    pub key_id: String,
    /// What the business calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Under which hash the table has it.
    pub secret_hash: String,
    /// The call that made it. The same call again, because its answer was lost, makes the same key anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// Who made it.
    pub made_by: Actor,
    /// When.
    pub created_at: Timestamp,
    /// When it stops working by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// A key without a name or an end. `id` and `secret_hash` are of its secret.
    pub fn new(id: String, secret_hash: String, made_by: Actor, now: Timestamp) -> ApiKey {
        ApiKey {
            key_id: id,
            label: None,
            secret_hash,
            request_id: None,
            made_by,
            created_at: now,
            expires_at: None,
            revoked_at: None,
        }
    }

    /// Whether it works at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// What whoever shows it is.
    pub fn credential(&self, business: BusinessId) -> Credential {
        Credential {
            credential_id: self.key_id.clone(),
            business_id: business,
            credential_role: Role::Service,
            staff_id: None,
            key_hash: None,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

/// The keys of a business: at most two that work, so that one can be exchanged for another while both do, and those of
/// late that do not any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiKeys {
    /// Oldest first.
    pub keys: Vec<ApiKey>,
}

impl ApiKeys {
    /// The most that work at the same time.
    pub const MOST_LIVE: usize = 2;
    /// The most that are listed.
    const MOST_LISTED: usize = 20;

    /// Those that work at `now`.
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = &ApiKey> {
        self.keys.iter().filter(move |key| key.is_live(now))
    }

    /// With a new one. A key that the same call made before gives way to it: nobody ever saw its secret.
    ///
    /// # Errors
    /// `Conflict` when two others work already.
    pub fn with(&self, key: ApiKey, now: Timestamp) -> Result<ApiKeys, Error> {
        let same_call = |other: &ApiKey| key.request_id.is_some() && other.request_id == key.request_id;
        let mut keys: Vec<ApiKey> = self.keys.iter().filter(|other| !same_call(other)).cloned().collect();
        if keys.iter().filter(|other| other.is_live(now)).count() >= ApiKeys::MOST_LIVE {
            return Err(self.conflict("two keys are live already: revoke one first", now));
        }
        while keys.len() >= ApiKeys::MOST_LISTED {
            let oldest = keys.iter().position(|other| !other.is_live(now)).unwrap_or(0);
            keys.remove(oldest);
        }
        keys.push(key);
        Ok(ApiKeys { keys })
    }

    /// With a new one alone: all others are revoked.
    pub fn replaced_by(&self, key: ApiKey, now: Timestamp) -> ApiKeys {
        let mut keys = self.keys.clone();
        keys.iter_mut().filter(|other| other.is_live(now)).for_each(|other| other.revoked_at = Some(now));
        let first = (keys.len() + 1).saturating_sub(ApiKeys::MOST_LISTED);
        keys.drain(..first);
        keys.push(key);
        ApiKeys { keys }
    }

    /// Without one. `None` when it does not work already.
    ///
    /// # Errors
    /// `NotFound` for one that is not listed; `Conflict` for the last one that works: without a key nobody could make
    /// another.
    pub fn without(&self, key_id: &str, now: Timestamp) -> Result<Option<ApiKeys>, Error> {
        let key = self.keys.iter().find(|key| key.key_id == key_id).ok_or(Error::NotFound("api key"))?;
        if !key.is_live(now) {
            return Ok(None);
        }
        if self.live(now).count() == 1 {
            return Err(self.conflict("it is the only live key: make another one first", now));
        }
        let mut left = self.clone();
        let revoked = left.keys.iter_mut().filter(|key| key.key_id == key_id);
        revoked.for_each(|key| key.revoked_at = Some(now));
        Ok(Some(left))
    }

    fn conflict(&self, why: &str, now: Timestamp) -> Error {
        let live: Vec<&str> = self.live(now).map(|key| key.key_id.as_str()).collect();
        Error::Conflict { why: why.to_owned(), current: serde_json::json!({"live_key_ids": live}) }
    }
}

/// How many requests a minute are allowed in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RateLimit(u32);

impl Default for RateLimit {
    fn default() -> Self {
        RateLimit(600)
    }
}

/// A minute, by its number since 1970: calls are counted from its first second to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minute(pub i64);

impl Minute {
    /// The one that `now` is in.
    pub fn of(now: Timestamp) -> Minute {
        Minute(now.as_seconds().div_euclid(60))
    }

    /// Seconds from `now` until it is over: 1 to 60, and 1 when it is over already.
    pub fn seconds_left(self, now: Timestamp) -> u32 {
        let end = (self.0 + 1).saturating_mul(60);
        u32::try_from(end - now.as_seconds()).unwrap_or(1).clamp(1, 60)
    }
}

impl RateLimit {
    /// The highest.
    pub const MOST: u32 = 100_000;

    /// `None` for none at all and for more than the highest.
    pub fn new(per_minute: u64) -> Option<RateLimit> {
        u32::try_from(per_minute).ok().filter(|calls| (1..=RateLimit::MOST).contains(calls)).map(RateLimit)
    }

    /// The limit of a business for which none was set, where each of its credentials has this one.
    pub fn of_a_business(self) -> RateLimit {
        RateLimit(self.0.saturating_mul(10))
    }

    /// Calls a minute.
    pub fn per_minute(self) -> u32 {
        self.0
    }

    /// How many calls a process may let pass before it counts them in the table: one in a hundred, so that the limit is
    /// off by that for each process at most.
    pub fn uncounted(self) -> u32 {
        self.0 / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noon() -> Timestamp {
        Timestamp::parse("2026-01-31T12:00:00Z").unwrap()
    }

    fn key(id: &str, request: Option<u128>) -> ApiKey {
        ApiKey {
            key_id: id.to_owned(),
            label: None,
            secret_hash: format!("hash of {id}"),
            request_id: request.map(|bits| RequestId(uuid::Uuid::from_u128(bits))),
            made_by: Actor::Service,
            created_at: noon(),
            expires_at: None,
            revoked_at: None,
        }
    }

    fn ids(keys: &ApiKeys) -> Vec<&str> {
        keys.live(noon()).map(|key| key.key_id.as_str()).collect()
    }

    #[test]
    fn a_role_reaches_itself_and_those_below_and_the_platform_is_outside() {
        use Role::{Manager, Owner, Platform, Service, Staff};
        let reached = |role: Role| -> Vec<Role> {
            let all = [Platform, Service, Owner, Manager, Staff];
            all.into_iter().filter(|other| role.reaches(*other)).collect()
        };
        assert_eq!(reached(Service), [Service, Owner, Manager, Staff]);
        assert_eq!(reached(Owner), [Service, Owner, Manager, Staff]);
        assert_eq!(reached(Manager), [Manager, Staff]);
        assert_eq!(reached(Staff), [Staff]);
        assert_eq!(reached(Platform), []);
    }

    #[test]
    fn staff_end_their_own_sessions_only_and_a_manager_ends_none_of_a_program() {
        let (one, other) = (StaffId::new(1), StaffId::new(2));
        let acting = |role| Acting { role, staff: one };
        assert!(acting(Role::Staff).may_end_session_of(one, Role::Staff));
        assert!(!acting(Role::Staff).may_end_session_of(other, Role::Staff));
        assert!(acting(Role::Manager).may_end_session_of(other, Role::Manager));
        assert!(!acting(Role::Manager).may_end_session_of(other, Role::Owner));
        assert!(!acting(Role::Manager).may_end_session_of(None, Role::Service));
        assert!(acting(Role::Owner).may_end_session_of(None, Role::Service));
        assert!(Acting::PROGRAM.may_end_session_of(None, Role::Service));
    }

    #[test]
    fn two_keys_live_and_a_third_waits_for_a_revocation() {
        let two =
            ApiKeys::default().with(key("a", None), noon()).unwrap().with(key("b", None), noon()).unwrap();
        let refused = two.with(key("c", None), noon()).unwrap_err();
        assert!(matches!(refused, Error::Conflict { current, .. } if current["live_key_ids"][1] == "b"));
        let one = two.without("a", noon()).unwrap().unwrap();
        assert_eq!(ids(&one), ["b"]);
        assert_eq!(ids(&one.with(key("c", None), noon()).unwrap()), ["b", "c"]);
    }

    #[test]
    fn the_last_live_key_stays_and_a_dead_one_is_let_be() {
        let mut keys = ApiKeys::default().with(key("a", None), noon()).unwrap();
        assert!(matches!(keys.without("a", noon()), Err(Error::Conflict { .. })));
        assert!(matches!(keys.without("z", noon()), Err(Error::NotFound("api key"))));
        keys = keys.with(key("b", None), noon()).unwrap().without("a", noon()).unwrap().unwrap();
        assert_eq!(keys.without("a", noon()).unwrap(), None);
    }

    #[test]
    fn a_key_that_replaces_all_is_the_only_one_that_works() {
        let mut keys = ApiKeys::default();
        for index in 0..25 {
            keys = keys.replaced_by(key(&index.to_string(), None), noon());
        }
        assert_eq!((ids(&keys), keys.keys.len()), (vec!["24"], 20));
    }

    #[test]
    fn an_expired_key_makes_room() {
        let old = ApiKey { expires_at: Some(noon()), ..key("a", None) };
        let keys = ApiKeys { keys: vec![old, key("b", None)] };
        assert_eq!(ids(&keys.with(key("c", None), noon()).unwrap()), ["b", "c"]);
    }

    #[test]
    fn the_same_call_again_makes_one_key() {
        let first = ApiKeys::default().with(key("a", Some(1)), noon()).unwrap();
        assert_eq!(ids(&first.with(key("b", Some(1)), noon()).unwrap()), ["b"]);
        assert_eq!(ids(&first.with(key("b", Some(2)), noon()).unwrap()), ["a", "b"]);
    }

    #[test]
    fn a_minute_ends_with_its_last_second() {
        let minute = Minute::of(noon());
        assert_eq!(minute.seconds_left(noon()), 60);
        assert_eq!(minute.seconds_left(noon().plus(Duration::from_millis(59_999))), 1);
        assert_ne!(Minute::of(noon().plus(Duration::from_secs(60))), minute);
    }

    proptest! {
        #[test]
        fn whatever_is_made_and_revoked_one_or_two_keys_live(
            deeds in prop::collection::vec((any::<bool>(), 0usize..30), 1..60)
        ) {
            let mut keys = ApiKeys::default().with(key("first", None), noon()).unwrap();
            for (index, (makes, which)) in deeds.into_iter().enumerate() {
                let next = if makes {
                    keys.with(key(&index.to_string(), None), noon()).ok()
                } else {
                    let id = keys.keys[which % keys.keys.len()].key_id.clone();
                    keys.without(&id, noon()).unwrap_or(None)
                };
                keys = next.unwrap_or(keys);
                prop_assert!((1..=2).contains(&keys.live(noon()).count()));
                prop_assert!(keys.keys.len() <= 20);
            }
        }
    }
}
