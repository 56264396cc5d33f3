//! How many requests of a bucket a process has let pass: it counts by itself for a while, and adds up in the table.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use domain::access::{Bucket, Minute, RateLimit};
use store::credentials::Counted;

/// How long requests may stay uncounted while more come.
const AT_LATEST: Duration = Duration::from_secs(5);
/// How many buckets a process remembers.
const MOST: usize = 1_000;

/// What a bucket allows, and how much of it a process may leave out of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub limit: RateLimit,
    /// Requests that may be uncounted at a time.
    pub uncounted: u64,
    /// Requests that may stay uncounted longer than a few seconds.
    pub for_long: u64,
}

impl Allowed {
    /// For the bucket of a key or member. Each few seconds it is counted, for a key also says when it was last used.
    /// With a limit that is not below the business's, the business's is reached first and is the one to count exactly.
    pub(crate) fn one(limit: RateLimit, business: RateLimit) -> Allowed {
        let uncounted = if limit < business { u64::from(limit.uncounted()) } else { u64::MAX };
        Allowed { limit, uncounted, for_long: 0 }
    }

    /// For the bucket of a business. A process that has little to do for it writes nothing.
    pub(crate) fn all(business: RateLimit) -> Allowed {
        let uncounted = u64::from(business.uncounted());
        Allowed { limit: business, uncounted, for_long: uncounted / 10 }
    }
}

/// What is to be done about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing: it is this one of its minute, as far as the process knows.
    Known { requests: u64, minute: Minute },
    /// So many requests, this one among them, have to be counted in the table. `begun` is a minute that is being counted
    /// in there.
    Count { requests: u64, begun: Option<Minute> },
}

/// The requests of one minute in one bucket.
#[derive(Clone, Copy, Debug)]
struct Tally {
    minute: Minute,
    /// As the table last said.
    counted: u64,
    /// On the way to the table.
    in_flight: u64,
    uncounted: u64,
    /// The last minute that the table said it counts in, and when.
    begun: Option<Minute>,
    counted_at: Option<Timestamp>,
}

impl Tally {
    fn new(minute: Minute) -> Tally {
        Tally { minute, counted: 0, in_flight: 0, uncounted: 0, begun: None, counted_at: None }
    }

    /// Goes on to a minute, never back: where the clock of another process is ahead, its minute counts.
    fn enter(&mut self, minute: Minute) {
        if self.minute < minute {
            *self = Tally { begun: self.begun, counted_at: self.counted_at, ..Tally::new(minute) };
        }
    }

    fn turn(&mut self, allowed: Allowed, now: Timestamp) -> Turn {
        self.enter(Minute::of(now));
        let limit = u64::from(allowed.limit.per_minute());
        if self.counted >= limit {
            return Turn::Known { requests: self.counted.saturating_add(1), minute: self.minute };
        }
        self.uncounted += 1;
        // Concurrent requests share what may be uncounted, so that they do not let each other pass.
        let unknown = self.in_flight + self.uncounted;
        let is_late = self.counted_at.is_none_or(|at| now < at || now.since(at) >= AT_LATEST);
        let may_wait = unknown <= allowed.uncounted && !(is_late && self.uncounted > allowed.for_long);
        // A request that may be one too many is decided by the table: only it knows the exact number.
        if may_wait && self.counted + unknown <= limit {
            return Turn::Known { requests: self.counted + unknown, minute: self.minute };
        }
        let requests = std::mem::take(&mut self.uncounted);
        self.in_flight += requests;
        Turn::Count { requests, begun: self.begun }
    }

    /// `requests` were counted.
    fn told(&mut self, requests: u64, counted: Counted, now: Timestamp) {
        self.enter(counted.minute);
        self.begun = self.begun.max(Some(counted.minute));
        self.counted_at = Some(now);
        if self.minute == counted.minute {
            self.in_flight = self.in_flight.saturating_sub(requests);
            self.counted = self.counted.max(counted.requests);
        }
    }
}

/// The tallies of a process.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<HashMap<Bucket, Tally>>);

impl Tallies {
    /// Takes a request's turn. Where the future is dropped that counts it, what it took stays in flight until the minute
    /// is over: then the table is asked more often, and nothing else.
    pub(crate) fn turn(&self, bucket: &Bucket, allowed: Allowed, now: Timestamp) -> Turn {
        self.with(bucket, now, |tally| tally.turn(allowed, now))
    }

    /// What came of counting `requests`: `None` when the table could not be asked.
    pub(crate) fn told(&self, bucket: &Bucket, requests: u64, counted: Option<Counted>, now: Timestamp) {
        self.with(bucket, now, |tally| match counted {
            Some(counted) => tally.told(requests, counted, now),
            None => tally.in_flight = tally.in_flight.saturating_sub(requests),
        });
    }

    fn with<T>(&self, bucket: &Bucket, now: Timestamp, change: impl FnOnce(&mut Tally) -> T) -> T {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tallies.len() >= MOST && !tallies.contains_key(bucket) {
            tallies.clear();
        }
        change(tallies.entry(bucket.clone()).or_insert_with(|| Tally::new(Minute::of(now))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_769_860_800_000 + second * 1_000)
    }

    fn allowed(limit: u64, uncounted: u64) -> Allowed {
        Allowed { limit: RateLimit::new(limit).unwrap(), uncounted, for_long: 0 }
    }

    fn counted(second: i64, requests: u64) -> Counted {
        Counted { minute: Minute::of(at(second)), requests }
    }

    /// A bucket of which the table said that so many were counted.
    fn tally(requests: u64) -> Tally {
        let mut tally = Tally::new(Minute::of(at(0)));
        tally.told(0, counted(0, requests), at(0));
        tally
    }

    fn passes(turn: Turn) -> bool {
        matches!(turn, Turn::Known { .. })
    }

    #[test]
    fn first_request_is_counted_and_the_next_ones_may_wait() {
        let mut tally = Tally::new(Minute::of(at(0)));
        assert_eq!(tally.turn(allowed(200, 2), at(0)), Turn::Count { requests: 1, begun: None });
        tally.told(1, counted(0, 41), at(0));
        let minute = Minute::of(at(0));
        assert_eq!(tally.turn(allowed(200, 2), at(1)), Turn::Known { requests: 42, minute });
        assert_eq!(tally.turn(allowed(200, 2), at(1)), Turn::Known { requests: 43, minute });
        assert_eq!(tally.turn(allowed(200, 2), at(1)), Turn::Count { requests: 3, begun: Some(minute) });
    }

    #[test]
    fn uncounted_requests_are_counted_with_the_first_one_after_five_seconds() {
        let mut tally = tally(10);
        assert!(passes(tally.turn(allowed(200, 2), at(4))));
        assert!(!passes(tally.turn(allowed(200, 2), at(5))));
    }

    #[test]
    fn few_requests_of_a_business_are_not_counted() {
        let business = Allowed { for_long: 3, ..allowed(6_000, 60) };
        let mut tally = Tally::new(Minute::of(at(0)));
        assert!((0..3).all(|second| passes(tally.turn(business, at(second * 10)))));
        assert!(!passes(tally.turn(business, at(40))));
    }

    #[test]
    fn concurrent_requests_pass_uncounted_only_as_many_as_one_after_the_other() {
        let mut tally = tally(0);
        let passed = (0..500).filter(|_| passes(tally.turn(allowed(600, 6), at(0)))).count();
        assert_eq!(passed, 6, "the table was told of nothing meanwhile");
    }

    #[test]
    fn the_table_decides_about_a_request_that_may_be_one_too_many() {
        let mut tally = tally(198);
        let enough = allowed(200, 50);
        assert!(passes(tally.turn(enough, at(0))) && passes(tally.turn(enough, at(0))));
        assert!(!passes(tally.turn(enough, at(0))));
        tally.told(3, counted(0, 201), at(0));
        assert_eq!(tally.turn(enough, at(0)), Turn::Known { requests: 202, minute: Minute::of(at(0)) });
    }

    #[test]
    fn late_responses_of_a_past_minute_change_nothing() {
        let mut tally = tally(199);
        assert!(!passes(tally.turn(allowed(200, 0), at(59))));
        assert!(!passes(tally.turn(allowed(200, 0), at(60))));
        tally.told(1, counted(0, 5_000), at(60));
        assert_eq!((tally.counted, tally.in_flight), (0, 1));
    }

    #[test]
    fn clock_of_another_process_that_is_ahead_decides_the_minute() {
        let mut tally = tally(0);
        assert!(!passes(tally.turn(allowed(200, 0), at(0))));
        tally.told(1, counted(60, 200), at(0));
        assert_eq!(
            tally.turn(allowed(200, 0), at(1)),
            Turn::Known { requests: 201, minute: Minute::of(at(60)) }
        );
    }
}
