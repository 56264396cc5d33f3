//! Instants in milliseconds. Out as RFC 3339 in UTC with milliseconds, in as any RFC 3339.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, in milliseconds since 1970. Its text form has a fixed width, so text order is time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant there is.
    pub const EARLIEST: Timestamp = Timestamp(-62_167_219_200_000);

    /// From milliseconds since 1970, kept within the years 0000 to 9999.
    pub fn from_millis(ms: i64) -> Self {
        Timestamp(ms.clamp(-62_167_219_200_000, 253_402_207_200_000))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since 1970, as a table's time-to-live wants them.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Any RFC 3339 text: `2026-01-31T12:00:00Z`, with fractions, with an offset, with a space for the `T`.
    pub fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Timestamp::from_millis(instant.as_millisecond()))
    }

    /// What [`Timestamp::parse`] reads, and what some programs write instead: a date alone, which is its first instant; an
    /// offset without a colon; a space where a `+` was that nobody encoded; no offset at all. What says nothing of its
    /// offset is in UTC.
    pub fn parse_leniently(text: &str) -> Option<Self> {
        let mut text = text.trim().to_owned();
        // Behind the date, a space may stand for the `T`. Behind the time, it can only be an offset's.
        if let Some(space) = text.rfind(' ').filter(|space| *space > "2026-01-31".len()) {
            text.replace_range(space..=space, "+");
        }
        let instant = text.parse::<jiff::Timestamp>().ok();
        let instant = instant.or_else(|| {
            let time = text.get("2026-01-31".len()..).unwrap_or_default();
            let local = !time.contains(['+', '-', 'Z', 'z', '[']);
            let civil: jiff::civil::DateTime = text.parse().ok().filter(|_| local)?;
            civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        })?;
        Some(Timestamp::from_millis(instant.as_millisecond()))
    }

    /// A time as mail headers and Twilio's lists write it: `Sat, 31 Jan 2026 12:00:00 +0000`.
    pub fn parse_rfc2822(text: &str) -> Option<Self> {
        let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
        Some(Timestamp::from_millis(instant.as_millisecond()))
    }

    /// This instant and `duration` more.
    pub fn plus(self, duration: Duration) -> Self {
        Timestamp::from_millis(self.0.saturating_add(duration.as_millis() as i64))
    }

    /// This instant less `duration`.
    pub fn minus(self, duration: Duration) -> Self {
        Timestamp::from_millis(self.0.saturating_sub(duration.as_millis() as i64))
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 instant"))
    }
}

/// Where "now" comes from: a value that `main` fills with the system's clock and a test with one it sets by hand.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `now` each time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Clock(Arc::new(now))
    }

    /// The instant it is.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_is_utc_with_milliseconds_and_in_is_any_rfc_3339() {
        let noon = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        assert_eq!(noon.to_string(), "2026-01-31T12:00:00.000Z");
        assert_eq!(Timestamp::parse("2026-01-31T13:00:00+01:00"), Some(noon));
        assert_eq!(Timestamp::parse("2026-01-31 12:00:00.0009Z"), Some(noon));
        assert_eq!(Timestamp::parse_rfc2822("Sat, 31 Jan 2026 12:00:00 +0000"), Some(noon));
        assert_eq!(Timestamp::parse("string"), None);
        assert_eq!(Timestamp::parse("2026-01-31"), None);
    }

    #[test]
    fn a_time_is_read_however_it_is_written() {
        let midnight = Timestamp::parse("2026-01-31T00:00:00Z").unwrap();
        let noon = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        for (text, instant) in [
            ("2026-01-31", midnight),
            (" 2026-01-31 ", midnight),
            ("2026-01-31T12:00:00+0000", noon),
            ("2026-01-31T12:00:00 0000", noon),
            ("2026-01-31 12:00:00 0000", noon),
            ("2026-01-31T12:00:00 00:00", noon),
            ("2026-01-31T12:00:00Z", noon),
            ("2026-01-31T12:00:00+00:00", noon),
            ("2026-01-31T12:00:00-00:00", noon),
            ("2026-01-31T12:00:00.000Z", noon),
            ("2026-01-31T07:00:00-0500", noon),
            ("2026-01-31T07:00:00-05:00", noon),
            ("2026-01-31T17:30:00+0530", noon),
            ("2026-01-31T17:30:00 0530", noon),
            ("2026-01-31T17:30:00 05:30", noon),
            ("2026-02-01T00:00:00+1200", noon),
            ("2026-01-31T12:00:00", noon),
            ("2026-01-31 12:00:00", noon),
            ("2026-01-31T12:00", noon),
        ] {
            assert_eq!(Timestamp::parse_leniently(text), Some(instant), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026",
            "2026-02-30",
            "2026-13-01",
            "31/01/2026",
            "1769860800",
            "2026-01-31T25:00:00Z",
            "2026-01-31T12:00:00+9900",
            "2026-01-31T12:00:00+",
            "2026-01-31T12:00:00 CET",
            "2026-01-31T12:00:00Z 0000",
            "2026-01-31 +0000",
        ] {
            assert_eq!(Timestamp::parse_leniently(text), None, "{text}");
        }
    }

    #[test]
    fn text_order_is_time_order() {
        let mut times: Vec<_> =
            [0, 999, 1_000, 1_700_000_000_123, 4_000_000_000_000].map(Timestamp::from_millis).into();
        times.sort_by_key(|t| t.to_string());
        assert!(times.is_sorted());
    }
}
