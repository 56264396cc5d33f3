//! What a process remembers of what it read, for a few seconds.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;

/// How long it is believed.
const TRUST: Duration = Duration::from_secs(5);
/// How much is remembered.
const MOST: usize = 1_000;

/// What was read under some keys, and when.
#[derive(Debug)]
pub(crate) struct Recent<K, V>(Mutex<HashMap<K, (Timestamp, V)>>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Recent(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// What was read under a key, if that is not too long ago.
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Timestamp) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, value) = known.get(key)?;
        (now >= *read_at && now.since(*read_at) < TRUST).then(|| value.clone())
    }

    /// Remembers what was read.
    pub(crate) fn put(&self, key: K, now: Timestamp, value: V) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, (now, value));
    }
}
