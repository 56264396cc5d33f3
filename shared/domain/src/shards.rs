//! Number of parts that the lists of a business are spread over.

use serde::{Deserialize, Deserializer, Serialize};

use crate::id::ClientId;

/// In how many parts a business's lists are spread, 1 to 64. One part takes 1 000 writes a second. It may grow at any
/// time: what is in a part stays there until it is written next, and lists read all parts. It never shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Shards(u8);

impl Shards {
    /// The most parts.
    pub const MOST: u64 = 64;

    /// So many parts, when there are 1 to 64.
    pub fn new(count: u64) -> Option<Shards> {
        (1..=Shards::MOST).contains(&count).then_some(Shards(count as u8))
    }

    /// How many.
    pub fn count(self) -> u8 {
        self.0
    }

    /// The part that a client is in.
    pub fn of(self, client: ClientId) -> u8 {
        // Ids that count up would fill one part after the other; a multiplication spreads them.
        let mixed = client.get().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        (mixed % u64::from(self.0)) as u8
    }

    /// Every part.
    pub fn all(self) -> impl Iterator<Item = u8> {
        0..self.0
    }
}

impl Default for Shards {
    fn default() -> Self {
        Shards(1)
    }
}

impl<'de> Deserialize<'de> for Shards {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = u64::deserialize(deserializer)?;
        Shards::new(count).ok_or_else(|| serde::de::Error::custom("not 1 to 64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_count_up_are_spread_over_the_parts() {
        let shards = Shards::new(8).unwrap();
        let mut filled = [0u32; 8];
        for id in 1..=8_000 {
            filled[usize::from(shards.of(ClientId::new(id).unwrap()))] += 1;
        }
        assert!(filled.iter().all(|count| (900..=1100).contains(count)), "{filled:?}");
        assert!(Shards::new(0).is_none() && Shards::new(65).is_none());
    }
}
