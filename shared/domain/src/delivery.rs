//! How one provider call ends, and when a message is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::failure::{ErrorClass, Failure, SOFT_BOUNCE};
use crate::time::Timestamp;

/// How one call of a provider ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider has it.
    Accepted {
        /// The provider's id of the message.
        provider_id: String,
        /// The provider's word for its first status.
        provider_status: String,
        /// How many segments the provider bills, when it says.
        segments: Option<u32>,
    },
    /// It was not sent, and the provider may take it later.
    Later {
        /// The provider's id, when the provider took the message and gave it up in the same response.
        provider_id: Option<String>,
        /// Why not now.
        failure: Failure,
        /// What the provider asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The request left us and no answer came: the provider may have it.
    Unknown {
        /// What was seen.
        failure: Failure,
    },
    /// The provider refused it.
    Refused {
        /// The provider's id, when the provider took the message and gave it up in the same response.
        provider_id: Option<String>,
        /// Why.
        failure: Failure,
    },
}

impl Outcome {
    /// The word for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Later { .. } => "later",
            Outcome::Unknown { .. } => "unknown",
            Outcome::Refused { .. } => "refused",
        }
    }
}

/// What staff can do about a failure. Codes of Twilio and refusals of mail have advice of their own.
pub fn advice(failure: &Failure) -> &'static str {
    if let Some(code) = failure.code.as_deref().and_then(|code| code.parse().ok()) {
        return crate::sms_error::meaning(code).advice;
    }
    crate::email_error::advice(failure).unwrap_or_else(|| failure.class.advice())
}

/// Whether the failure says that the sender's daily limit was used up.
pub fn is_daily_limit(failure: &Failure) -> bool {
    failure.code.as_deref().is_some_and(crate::sms_error::is_daily_limit)
}

/// How often a transient failure is tried again by itself.
pub const MAX_RETRIES: u32 = 3;
/// How often a throttled message is tried again before it fails: some ten hours, the longest that Twilio keeps a
/// text in its own queue.
pub const THROTTLED_TRIES: u32 = 60;
/// How long a claim lasts. Longer than the provider's time limit and the writes around it.
pub const LEASE: Duration = Duration::from_secs(90);
/// How long after acceptance a message without a final report is asked after, once.
pub const SILENCE: Duration = Duration::from_secs(24 * 3600);
/// When Twilio is asked about a text of unknown outcome, counted from when the outcome became unknown. Four look-ups
/// find a text that Twilio lists late; after the last one the text is `delivery_unknown`.
pub const LOOK_UPS: [Duration; 4] = [
    Duration::from_secs(15 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(4 * 3600),
    Duration::from_secs(24 * 3600),
];
/// How long a message may be of unknown outcome. SES cannot be asked, so a mail waits this long for an event.
pub const UNKNOWN_FOR: Duration = LOOK_UPS[3];
/// When a text of unknown outcome ends even though Twilio could not be asked at the end of [`UNKNOWN_FOR`].
pub const UNKNOWN_AT_MOST: Duration = Duration::from_secs(48 * 3600);
/// How long after a soft bounce a mail is tried again, once: the provider has tried for hours itself.
pub const AFTER_SOFT_BOUNCE: Duration = Duration::from_secs(4 * 3600);
/// How long a message waits for the one before it to the same client.
pub const ORDER_PATIENCE: Duration = Duration::from_secs(10);

/// What is known of a message whose provider's answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostAnswer {
    /// When the attempt was claimed: the provider cannot have it from before.
    pub claimed_at: Timestamp,
    /// When its outcome became unknown: the provider cannot have taken it later.
    pub since: Timestamp,
    /// How often the provider was asked and knew nothing.
    pub asked: u32,
}

impl LostAnswer {
    /// When omega stops asking, or waiting for an event.
    pub fn until(&self) -> Timestamp {
        self.since.plus(UNKNOWN_FOR)
    }

    /// When to look at the message next, after `now`. `None` when the time for that is over.
    ///
    /// The times do not depend on how often the provider was asked, so a job that is delivered twice shortens nothing.
    pub fn next_look(&self, channel: Channel, now: Timestamp) -> Option<Timestamp> {
        let all: &[Duration] = if channel == Channel::Email { &[UNKNOWN_FOR] } else { &LOOK_UPS };
        all.iter().map(|after| self.since.plus(*after)).find(|time| *time > now)
    }
}

/// What was tried so far, as far as the schedule cares.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// Charged retries so far.
    pub retries: u32,
    /// Throttled tries so far.
    pub throttled: u32,
}

/// When to try again after `failure`: the delay, or `None` when it is over.
///
/// `jitter` is a random number from 0 to 1. Throttling waits 2 s doubled each time up to 15 min, at random within the
/// upper half, so that a jam does not return as a jam. Transient trouble waits 30 s, 5 min and 30 min, ±20 %; a phone
/// that cannot be reached (30003) waits at least 30 min. A sender's daily limit waits until the next day in Pacific time,
/// at most [`MAX_RETRIES`] times. A longer wait that the provider asked for wins.
pub fn retry_after(
    failure: &Failure,
    tries: Tries,
    asked: Option<Duration>,
    now: Timestamp,
    jitter: f64,
) -> Option<Duration> {
    if is_daily_limit(failure) {
        return (tries.retries < MAX_RETRIES).then(|| next_pacific_day(now, jitter));
    }
    let scheduled = match failure.class {
        ErrorClass::Throttle if tries.throttled < THROTTLED_TRIES => {
            let full = Duration::from_secs(2 << tries.throttled.min(9)).min(Duration::from_secs(900));
            full.mul_f64(0.5 + 0.5 * jitter)
        }
        ErrorClass::Transient if tries.retries < MAX_RETRIES => {
            if failure.code.as_deref() == Some(SOFT_BOUNCE) {
                return (tries.retries == 0).then(|| AFTER_SOFT_BOUNCE.mul_f64(0.9 + 0.2 * jitter));
            }
            let unreachable = failure.code.as_deref() == Some("30003");
            let base = if unreachable {
                1800 * (tries.retries as u64 + 1)
            } else {
                [30, 300, 1800][tries.retries as usize]
            };
            // An unreachable phone never waits less than its half hour.
            let spread = if unreachable { 1.0 + 0.2 * jitter } else { 0.8 + 0.4 * jitter };
            Duration::from_secs(base).mul_f64(spread)
        }
        ErrorClass::Throttle
        | ErrorClass::Transient
        | ErrorClass::Ambiguous
        | ErrorClass::Address
        | ErrorClass::Consent
        | ErrorClass::Content
        | ErrorClass::Configuration
        | ErrorClass::Expiry
        | ErrorClass::Schedule => return None,
    };
    Some(scheduled.max(asked.unwrap_or_default().min(Duration::from_secs(3600))))
}

/// How long it is until 5 to 30 minutes after the next 08:00 UTC, which is midnight Pacific time, or an hour later in
/// summer.
fn next_pacific_day(now: Timestamp, jitter: f64) -> Duration {
    const DAY: i64 = 24 * 3600;
    let into_the_day = (now.as_seconds() - 8 * 3600).rem_euclid(DAY);
    let until = Duration::from_secs((DAY - into_the_day).unsigned_abs());
    until + Duration::from_secs(300) + Duration::from_secs(1500).mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn retry_after(
        failure: &Failure,
        tries: Tries,
        asked: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        super::retry_after(failure, tries, asked, Timestamp::EARLIEST, jitter)
    }

    #[test]
    fn daily_limit_waits_until_the_next_day_in_pacific_time_three_times() {
        let failure = crate::sms_error::failure(30023, None);
        for (now, first) in [
            ("2026-01-31T07:59:59Z", "2026-01-31T08:05:00Z"),
            ("2026-01-31T08:00:00Z", "2026-02-01T08:05:00Z"),
            ("2026-07-01T21:30:00Z", "2026-07-02T08:05:00Z"),
        ] {
            let now = Timestamp::parse(now).unwrap();
            let again = |retries, jitter| {
                let wait = super::retry_after(&failure, tries(retries, 0), None, now, jitter)?;
                Some(now.plus(wait))
            };
            let first = Timestamp::parse(first).unwrap();
            assert_eq!(again(0, 0.0), Some(first));
            assert_eq!(again(2, 1.0), Some(first.plus(Duration::from_secs(1500))));
            assert_eq!(again(3, 0.0), None);
        }
    }

    #[test]
    fn every_class_has_an_advice() {
        use ErrorClass::*;
        for class in
            [Throttle, Transient, Ambiguous, Address, Consent, Content, Configuration, Expiry, Schedule]
        {
            assert!(advice(&Failure::new(class, "")).ends_with('.'), "{class:?}");
        }
    }

    fn tries(retries: u32, throttled: u32) -> Tries {
        Tries { retries, throttled }
    }

    #[test]
    fn only_throttling_and_transient_trouble_come_back() {
        use ErrorClass::*;
        for class in [Ambiguous, Address, Consent, Content, Configuration, Expiry, Schedule] {
            assert_eq!(retry_after(&Failure::new(class, ""), tries(0, 0), None, 0.5), None, "{class:?}");
        }
    }

    #[test]
    fn transient_trouble_is_tried_three_times_more() {
        let failure = Failure::new(ErrorClass::Transient, "");
        let delays: Vec<_> = (0..4).map(|n| retry_after(&failure, tries(n, 0), None, 0.5)).collect();
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(delays, [seconds(30), seconds(300), seconds(1800), None]);
    }

    #[test]
    fn an_unreachable_phone_waits_half_an_hour_at_least() {
        let failure = crate::sms_error::failure(30003, None);
        assert_eq!(retry_after(&failure, tries(0, 0), None, 0.0), Some(Duration::from_secs(1800)));
    }

    #[test]
    fn a_soft_bounce_is_tried_again_once_after_hours() {
        let failure = crate::email_event::EmailEventKind::SoftBounced.failure().unwrap();
        let hours = |wait: Duration| wait.as_secs_f64() / 3600.0;
        let first = retry_after(&failure, tries(0, 0), None, 0.5).map(hours);
        assert_eq!((first, retry_after(&failure, tries(1, 0), None, 0.5)), (Some(4.0), None));
    }

    #[test]
    fn throttling_ends_after_some_ten_hours() {
        let failure = Failure::new(ErrorClass::Throttle, "");
        let waits = (0..THROTTLED_TRIES).filter_map(|n| retry_after(&failure, tries(0, n), None, 0.5));
        let hours = waits.sum::<Duration>().as_secs() / 3600;
        assert!((9..=12).contains(&hours), "{hours} hours");
        assert_eq!(retry_after(&failure, tries(0, THROTTLED_TRIES), None, 0.0), None);
    }

    proptest! {
        #[test]
        fn throttling_spreads_over_the_upper_half(throttled in 0u32..60, jitter in 0.0f64..=1.0) {
            let failure = Failure::new(ErrorClass::Throttle, "");
            let delay = retry_after(&failure, tries(0, throttled), None, jitter).unwrap();
            prop_assert!(delay >= Duration::from_secs(1) && delay <= Duration::from_secs(900));
        }

        #[test]
        fn a_longer_wait_that_the_provider_asks_for_wins(asked in 0u64..10_000) {
            let failure = Failure::new(ErrorClass::Throttle, "");
            let delay = retry_after(&failure, tries(0, 0), Some(Duration::from_secs(asked)), 1.0).unwrap();
            prop_assert!(delay >= Duration::from_secs(asked.min(3600)));
        }
    }
}
