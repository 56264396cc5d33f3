//! Where new ids come from.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Timestamp;
use domain::id::Id;

/// Ids of this process, each larger than the one before. Other processes make ids too; a condition on the table
/// settles the rare collision.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    last: AtomicU64,
}

impl Ids {
    /// A new id for `now`: counts up from a random start within the millisecond, so that the ids of two processes seldom
    /// collide, and on into the next ones when a
    /// millisecond is used up or the clock goes back.
    pub(crate) fn next<K>(&self, now: Timestamp) -> Id<K> {
        let fresh = Id::<K>::at(now, fastrand::u16(0..1024)).get();
        let step = |last: u64| Some(fresh.max(last + 1));
        let last =
            self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or_else(|last| last);
        Id::new(fresh.max(last + 1)).unwrap_or_else(|| Id::at(now, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::kind;

    #[test]
    fn a_thousand_ids_of_one_millisecond_are_in_the_order_they_were_made() {
        let ids = Ids::default();
        let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let made: Vec<u64> = (0..1000).map(|_| ids.next::<kind::Message>(now).get()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(ids.next::<kind::Message>(now.minus(std::time::Duration::from_secs(9))).get() > made[999]);
    }
}
