//! Identifiers: 53-bit integers, one type for each kind of thing.
//!
//! The largest is 2^53 - 1, the largest integer that every JSON reader keeps exact. Ids of businesses, clients, staff
//! and locations are the caller's. Message ids are ours and time-ordered, so that one number is sort key, cursor and
//! read mark.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// The largest id.
pub const MAX: u64 = (1 << 53) - 1;

/// 2024-01-01T00:00:00Z in milliseconds: where the time bits of our ids start. 41 bits last until 2093.
const EPOCH_MS: i64 = 1_704_067_200_000;

const SEQUENCE_BITS: u32 = 12;

/// The kinds of things that have a number, alphabetically. Never constructed.
pub mod kind {
    /// A customer of omega: a studio, a clinic.
    pub enum Business {}
    /// A person whom a business talks to. Also the id of the one conversation with them: docs/adr/0004.
    pub enum Client {}
    /// A line of a conversation's history.
    pub enum Entry {}
    /// A place where a business works.
    pub enum Location {}
    /// A text, mail, call or note.
    pub enum Message {}
    /// A person who works for a business.
    pub enum Staff {}
}

/// An integer id of one kind of thing.
pub struct Id<K>(u64, PhantomData<fn() -> K>);

/// Which business.
pub type BusinessId = Id<kind::Business>;

/// Which client, and which conversation: a client has exactly one.
pub type ClientId = Id<kind::Client>;

/// Which line of a history.
pub type EntryId = Id<kind::Entry>;

/// Which location.
pub type LocationId = Id<kind::Location>;

/// Which message.
pub type MessageId = Id<kind::Message>;

/// Which staff member.
pub type StaffId = Id<kind::Staff>;

impl<K> Id<K> {
    /// An id, when the number is at most [`MAX`].
    pub fn new(number: u64) -> Option<Self> {
        (number <= MAX).then_some(Id(number, PhantomData))
    }

    /// An id out of the lower 53 bits of something that is spread evenly, such as a hash.
    pub fn from_bits(bits: u64) -> Self {
        Id(bits & MAX, PhantomData)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number as it stands in a key: 16 digits, so that text order is numeric order.
    pub fn key(self) -> String {
        format!("{:016}", self.0)
    }

    /// An id of ours: 41 bits of milliseconds since 2024, then 12 bits of `sequence` (its lower ones are used).
    /// Times before 2024 count as its first millisecond, times after 2093 as the last.
    pub fn at(time: Timestamp, sequence: u16) -> Self {
        let ms = (time.as_millis() - EPOCH_MS).clamp(0, (1 << 41) - 1) as u64;
        let sequence = u64::from(sequence) & ((1 << SEQUENCE_BITS) - 1);
        Id((ms << SEQUENCE_BITS) | sequence, PhantomData)
    }

    /// The next larger id, for a race that was lost against this one.
    pub fn next(self) -> Self {
        Id((self.0 + 1).min(MAX), PhantomData)
    }

    /// The instant in the time bits of an id of ours.
    pub fn time(self) -> Timestamp {
        Timestamp::from_millis(EPOCH_MS + (self.0 >> SEQUENCE_BITS) as i64)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number<K>(PhantomData<fn() -> K>);
        impl<K> Visitor<'_> for Number<K> {
            type Value = Id<K>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an integer from 0 to {MAX}")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id<K>, E> {
                Id::new(number).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id<K>, E> {
                u64::try_from(number)
                    .ok()
                    .and_then(Id::new)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
            fn visit_str<E: de::Error>(self, digits: &str) -> Result<Id<K>, E> {
                digits
                    .parse()
                    .ok()
                    .and_then(Id::new)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(digits), &self))
            }
        }
        deserializer.deserialize_any(Number(PhantomData))
    }
}

/// One call that queued or recorded messages: a UUID, shown to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub uuid::Uuid);

impl RequestId {
    /// The client whom this call makes, if that id is free: the same one each time it is repeated. In the upper half of
    /// all ids, where those that begin with a time come to at the end of 2058.
    pub fn makes(self) -> ClientId {
        let half = 1 << 52;
        Id(half | (self.0.as_u128() as u64 & (half - 1)), PhantomData)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a message is: enough to write to it without a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRef {
    /// Whose.
    #[serde(rename = "business_id")]
    pub business: BusinessId,
    /// With whom.
    #[serde(rename = "client_id")]
    pub client: ClientId,
    /// Which.
    #[serde(rename = "message_id")]
    pub message: MessageId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_at_most_2_to_the_53_minus_1() {
        assert!(MessageId::new(MAX).is_some());
        assert!(MessageId::new(MAX + 1).is_none());
        assert!(serde_json::from_str::<MessageId>("9007199254740992").is_err());
        assert!(serde_json::from_str::<MessageId>("-1").is_err());
        assert_eq!(serde_json::from_str::<MessageId>("\"12\"").unwrap().get(), 12);
    }

    #[test]
    fn ids_of_ours_fit_until_2093() {
        let end = Timestamp::from_millis(i64::MAX / 2);
        assert!(MessageId::at(end, u16::MAX).get() <= MAX);
        assert_eq!(MessageId::at(Timestamp::from_millis(0), 0).get(), 0);
    }

    proptest! {
        #[test]
        fn key_order_is_numeric_order(a in 0..=MAX, b in 0..=MAX) {
            let (a, b) = (MessageId::new(a).unwrap(), MessageId::new(b).unwrap());
            prop_assert_eq!(a.cmp(&b), a.key().cmp(&b.key()));
        }

        #[test]
        fn whom_a_call_makes_has_an_id_that_no_clock_gives(call in any::<u128>(), s in any::<u16>()) {
            let client = RequestId(uuid::Uuid::from_u128(call)).makes();
            prop_assert!(client.get() <= MAX);
            prop_assert!(client > ClientId::at(Timestamp::parse("2058-11-01T00:00:00Z").unwrap(), s));
        }

        #[test]
        fn a_later_millisecond_is_a_larger_id(ms in 0i64..2_000_000_000_000, s in 0u16..4096, t in 0u16..4096) {
            let early = Timestamp::from_millis(EPOCH_MS + ms);
            let late = Timestamp::from_millis(EPOCH_MS + ms + 1);
            prop_assert!(MessageId::at(early, s) < MessageId::at(late, t));
            prop_assert_eq!(MessageId::at(early, s).time(), early);
        }
    }
}
