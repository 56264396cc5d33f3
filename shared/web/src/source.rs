//! Which network address a request came from, and how many unknown credentials came from there.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use domain::access::Minute;
use domain::{Error, Timestamp};
use lambda_http::request::RequestContext;

/// How many unknown credentials a process looks up for one source in a minute, and how often one of them is refused as
/// unknown before it is refused as too many.
const MOST: usize = 60;
/// How many sources a process remembers.
const MOST_SOURCES: usize = 10_000;

/// The network address that the gateway saw: no header of the caller's is believed. Of IPv6 the first half, because a
/// single machine has all of the rest. Requests without an address are of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The source of an address.
    pub fn new(address: IpAddr) -> Source {
        Source(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (!0 << 64))),
        })
    }

    /// The source of a request: as API Gateway says, or the server of the runner.
    pub(crate) fn of(extensions: &Extensions) -> Source {
        if let Some(RequestContext::ApiGatewayV2(context)) = extensions.get::<RequestContext>() {
            let address = context.http.source_ip.as_deref().and_then(|address| address.parse().ok());
            return Source::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        }
        extensions.get().copied().unwrap_or(Source(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Source, Infallible> {
        Ok(Source::of(&parts.extensions))
    }
}

/// As much of a credential's hash as tells it from others of the same source.
type Digest = [u8; 16];

fn digest(hash: &str) -> Digest {
    let mut digest = Digest::default();
    digest.iter_mut().zip(hash.bytes()).for_each(|(to, from)| *to = from);
    digest
}

/// The unknown credentials of one source in one minute, and how often each was shown.
#[derive(Debug)]
struct Shown {
    minute: Minute,
    credentials: Vec<(Digest, usize)>,
}

/// The unknown credentials that a process has seen.
#[derive(Debug, Default)]
pub(crate) struct Unknown(Mutex<HashMap<Source, Shown>>);

impl Unknown {
    /// Whether a credential that the process does not know may be looked up.
    ///
    /// # Errors
    /// `Unauthenticated` for one that was unknown before in this minute. `TooManyUnknown` when that was often, or when
    /// there are too many others from the same source.
    pub(crate) fn admit(&self, source: Source, hash: &str, now: Timestamp) -> Result<(), Error> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = Minute::of(now);
        let Some(shown) = sources.get_mut(&source).filter(|shown| shown.minute == minute) else {
            return Ok(());
        };
        let too_many = Err(Error::TooManyUnknown { retry_after: minute.seconds_left(now) });
        let (digest, is_full) = (digest(hash), shown.credentials.len() >= MOST);
        match shown.credentials.iter_mut().find(|(known, _)| *known == digest) {
            Some((_, times)) if *times >= MOST => too_many,
            Some((_, times)) => {
                *times += 1;
                Err(Error::Unauthenticated)
            }
            None if is_full => too_many,
            None => Ok(()),
        }
    }

    /// Remembers that a credential was looked up and is unknown.
    pub(crate) fn note(&self, source: Source, hash: &str, now: Timestamp) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MOST_SOURCES && !sources.contains_key(&source) {
            sources.clear();
        }
        let minute = Minute::of(now);
        let shown = sources.entry(source).or_insert_with(|| Shown { minute, credentials: Vec::new() });
        if shown.minute != minute {
            *shown = Shown { minute, credentials: Vec::new() };
        }
        // Concurrent requests may all have been looked up; the list stays short.
        let digest = digest(hash);
        let is_new = !shown.credentials.iter().any(|(known, _)| *known == digest);
        if is_new && shown.credentials.len() < MOST {
            shown.credentials.push((digest, 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        Timestamp::from_millis(1_769_860_800_000)
    }

    fn source(address: &str) -> Source {
        Source::new(address.parse().unwrap())
    }

    /// Whether it is looked up; it is unknown then.
    fn is_looked_up(unknown: &Unknown, source: Source, hash: &str, now: Timestamp) -> bool {
        let admitted = unknown.admit(source, hash, now).is_ok();
        if admitted {
            unknown.note(source, hash, now);
        }
        admitted
    }

    #[test]
    fn a_source_has_so_many_look_ups_a_minute_and_others_have_their_own() {
        let unknown = Unknown::default();
        let here = source("192.0.2.7");
        let hashes: Vec<String> = (0..100).map(|n| format!("{n:016}")).collect();
        let looked_up = hashes.iter().filter(|hash| is_looked_up(&unknown, here, hash, noon())).count();
        assert_eq!(looked_up, MOST);
        let refused = unknown.admit(here, "another", noon());
        assert!(matches!(refused, Err(Error::TooManyUnknown { retry_after: 60 })));
        assert!(is_looked_up(&unknown, source("192.0.2.8"), "another", noon()));
        assert!(is_looked_up(&unknown, here, "another", noon().plus(std::time::Duration::from_secs(60))));
    }

    #[test]
    fn a_repeated_unknown_credential_is_not_looked_up_again_and_takes_nothing_from_others() {
        let unknown = Unknown::default();
        let here = source("192.0.2.7");
        assert!(is_looked_up(&unknown, here, "ended", noon()));
        for _ in 1..MOST {
            assert!(matches!(unknown.admit(here, "ended", noon()), Err(Error::Unauthenticated)));
        }
        assert!(matches!(unknown.admit(here, "ended", noon()), Err(Error::TooManyUnknown { .. })));
        assert!(is_looked_up(&unknown, here, "another", noon()));
    }

    #[test]
    fn no_more_sources_are_remembered_than_there_is_room_for() {
        let unknown = Unknown::default();
        for bits in 0..25_000 {
            unknown.note(Source::new(IpAddr::V4(Ipv4Addr::from_bits(bits))), "unknown", noon());
        }
        assert!(unknown.0.lock().unwrap().len() <= MOST_SOURCES);
    }

    #[test]
    fn addresses_of_one_ipv6_network_and_of_one_mapped_ipv4_host_are_one_source() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.7"), source("192.0.2.7"));
    }
}
