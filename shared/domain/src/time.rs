//! Instants in milliseconds. Out as RFC 3339 in UTC with milliseconds, in as any RFC 3339.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, civil};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, in milliseconds since 1970. Its text form has a fixed width, so text order is time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant there is.
    pub const EARLIEST: Timestamp = Timestamp(-62_167_219_200_000);

    /// From milliseconds since 1970, kept within the years 0000 to 9999.
    pub fn from_millis(ms: i64) -> Self {
        Timestamp(ms.clamp(-62_167_219_200_000, 253_402_300_799_999))
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
        let text = text.trim();
        let separated = matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' '));
        let (local, offset) = split_offset(text).filter(|_| separated && !text.contains('['))?;
        let local: civil::DateTime = local.parse().ok()?;
        let ms =
            i64::try_from(local.duration_since(civil::date(1970, 1, 1).at(0, 0, 0, 0)).as_millis()).ok()?;
        Some(Timestamp::from_millis(ms - offset * 1_000))
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
        Timestamp::parse(&text).or_else(|| {
            let time = text.get("2026-01-31".len()..).unwrap_or_default();
            let local = !time.contains(['+', '-', 'Z', 'z', '[']);
            let civil: jiff::civil::DateTime = text.parse().ok().filter(|_| local)?;
            let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
        })
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

const LAST_DAY: civil::DateTime = civil::date(9999, 12, 30).at(0, 0, 0, 0);
/// [`LAST_DAY`] in UTC.
const LAST_DAY_MS: i64 = 253_402_128_000_000;

/// The local part of an instant, and its offset in seconds: `Z`, or `+01:00` at most 23:59 from UTC.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, 0));
    }
    let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let (local, offset) = text.split_at(at);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits = offset.get(1..)?;
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => (digits.get(..2)?, digits.get(2..)?),
        5 if digits.get(2..3) == Some(":") => (digits.get(..2)?, digits.get(3..)?),
        _ => return None,
    };
    let number = |part: &str, most: i64| {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i64>().ok().filter(|number| is_number && *number <= most)
    };
    Some((local, sign * (number(hours, 23)? * 3_600 + number(minutes, 59)? * 60)))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            // The last 26 hours of the year 9999, which `jiff` keeps for offsets.
            Err(_) => match LAST_DAY.checked_add(SignedDuration::from_millis(self.0 - LAST_DAY_MS)) {
                Ok(local) => write!(f, "{local:.3}Z"),
                Err(_) => write!(f, "{}ms", self.0),
            },
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
        for (text, told) in [
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
            ("2016-12-31t23:59:60z", "2016-12-31T23:59:59.000Z"),
            ("2026-01-31T12:00:00+23:59", "2026-01-30T12:01:00.000Z"),
            ("2026-01-31T12:00:00-23:59", "2026-02-01T11:59:00.000Z"),
            ("2026-01-31T12:00:00.5-00:00", "2026-01-31T12:00:00.500Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|time| time.to_string()).as_deref(), Some(told), "{text}");
        }
        for text in ["+25:00", "+24:00", "-24:00", "+01:60", "+1:00", "", "[UTC]", "Z[UTC]", "++1:00"] {
            assert_eq!(Timestamp::parse(&format!("2026-01-31T12:00:00{text}")), None, "{text}");
        }
        assert_eq!(Timestamp::parse("string"), None);
        assert_eq!(Timestamp::parse("2026-01-31"), None);
    }

    #[test]
    fn ordinary_times_are_read_as_jiff_reads_them() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |most: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % most
        };
        for _ in 0..20_000 {
            let date = format!("{:04}-{:02}-{:02}", 1 + below(9_998), 1 + below(12), 1 + below(31));
            let time = format!("{:02}:{:02}:{:02}", below(24), below(60), below(60));
            let digits = below(10) as usize;
            let fraction = format!(".{:09}", below(1_000_000_000));
            let fraction = if digits == 0 { "" } else { &fraction[..=digits] };
            let sign = if below(2) == 0 { '+' } else { '-' };
            let offset = match below(3) {
                0 => "Z".to_owned(),
                1 => format!("{sign}{:02}:{:02}", below(24), below(60)),
                _ => format!("{sign}{:02}{:02}", below(24), below(60)),
            };
            let separator = ['T', 't', ' '][below(3) as usize];
            let text = format!("{date}{separator}{time}{fraction}{offset}");
            let theirs = text.parse::<jiff::Timestamp>().ok();
            let theirs = theirs.map(|instant| Timestamp(instant.as_millisecond()));
            assert_eq!(Timestamp::parse(&text), theirs, "{text}");
            if let Some(instant) = theirs {
                assert_eq!(Timestamp::parse(&instant.to_string()), Some(instant), "{text}");
            }
        }
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
