//! Downloads from addresses that strangers name, without letting them look into our network.
//!
//! Only https on its own port; only addresses of the public internet, looked up once and connected to as checked; at
//! most three redirects, each under the same rules; no cookie, credential or referrer, ever; a limit on size and time.
//! [`Config::allows`] tells early, at the edge, what [`Fetcher::get`] would refuse.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use domain::error::with_causes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
use url::Url;

mod public;
mod resolve;
mod rules;
#[cfg(test)]
mod tests;

pub use rules::Config;

use resolve::{Guard, Lookup};
use rules::{Allowed, parse};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a download may take, redirects and all.
const TOTAL: Duration = Duration::from_secs(20);
/// How many redirects are followed.
const REDIRECTS: usize = 3;

type Http = Client<HttpsConnector<HttpConnector<Guard>>, Empty<Bytes>>;

/// Fetches files. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    /// To the public internet only.
    guarded: Http,
    /// To anywhere, for trusted origins.
    open: Http,
    config: Config,
    total: Duration,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What was fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    /// All of it.
    pub content: Bytes,
    /// What the server says it is.
    pub content_type: Option<String>,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("bytes", &self.content.len())
            .field("content_type", &self.content_type)
            .finish()
    }
}

/// Why nothing was fetched. Never holds the address that was asked for: it may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It is not asked for, or not taken. Why, in words that follow "the address".
    #[error("the address {0}")]
    NotAllowed(&'static str),
    /// It is longer than the limit.
    #[error("the file is too large")]
    TooLarge,
    /// The server answered, and not with the file. Holds the status.
    #[error("the server answered {0}")]
    Refused(u16),
    /// No connection came about: the name is unknown, has a private address, or nobody listens there. All of these are one,
    /// so that the reason never tells which names of a private network exist.
    #[error("the address cannot be reached from the public internet")]
    NotPublic,
    /// There was no answer, or only a part of it.
    #[error("the server could not be reached: {0}")]
    Unreachable(String),
}

impl FetchError {
    /// Whether the same address may work later.
    pub fn is_transient(&self) -> bool {
        match self {
            FetchError::NotAllowed(_) | FetchError::TooLarge => false,
            FetchError::Refused(status) => matches!(status, 408 | 425 | 429 | 500..=599),
            FetchError::NotPublic | FetchError::Unreachable(_) => true,
        }
    }
}

/// What one hop brought.
enum Hop {
    Arrived(Fetched),
    Onward(Allowed),
}

impl Fetcher {
    /// A fetcher that trusts who is in `config`.
    ///
    /// # Panics
    /// Never: the cipher suites of the crypto provider that is linked in are always usable.
    pub fn new(config: Config) -> Fetcher {
        Fetcher::with(config, resolve::system(), TOTAL)
    }

    fn with(config: Config, lookup: Lookup, total: Duration) -> Fetcher {
        Fetcher {
            guarded: client(Guard::public_only(lookup.clone())),
            open: client(Guard::any(lookup)),
            config,
            total,
        }
    }

    /// Downloads `url`, when it is no longer than `limit` bytes. Only an answer of 200 counts.
    ///
    /// # Errors
    /// One [`FetchError`] for each way it can end.
    pub async fn get(&self, url: &str, limit: usize) -> Result<Fetched, FetchError> {
        let first = parse(url).and_then(|url| self.config.check(url)).map_err(FetchError::NotAllowed)?;
        match tokio::time::timeout(self.total, self.follow(first, limit)).await {
            Ok(ended) => ended,
            Err(_) => Err(FetchError::Unreachable(format!("not done within {} s", self.total.as_secs()))),
        }
    }

    async fn follow(&self, mut at: Allowed, limit: usize) -> Result<Fetched, FetchError> {
        for _ in 0..=REDIRECTS {
            match self.hop(at, limit).await? {
                Hop::Arrived(fetched) => return Ok(fetched),
                Hop::Onward(next) => at = next,
            }
        }
        Err(FetchError::NotAllowed("redirects too often"))
    }

    async fn hop(&self, at: Allowed, limit: usize) -> Result<Hop, FetchError> {
        let request = request(&at.url)?;
        let http = if at.trusted { &self.open } else { &self.guarded };
        let answer = http.request(request).await.map_err(unreached)?;
        match answer.status().as_u16() {
            200 => {}
            301 | 302 | 303 | 307 | 308 => return self.onward(&at, answer.headers()).map(Hop::Onward),
            status => return Err(FetchError::Refused(status)),
        }
        read(answer, limit).await.map(Hop::Arrived)
    }

    /// Where a redirect leads.
    fn onward(&self, from: &Allowed, headers: &HeaderMap) -> Result<Allowed, FetchError> {
        let refuse = FetchError::NotAllowed;
        let location =
            headers.get(header::LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        let location = location.ok_or(refuse("redirects to nowhere"))?;
        let next = from.url.join(location).map_err(|_| refuse("redirects to nowhere"))?;
        let next = self.config.check(next).map_err(|_| refuse("redirects to where it may not"))?;
        // Only who calls us may name a server of our own network; a stranger's server may not send us there.
        if next.trusted && !from.trusted {
            return Err(refuse("redirects to where it may not"));
        }
        Ok(next)
    }
}

/// A client that keeps no connection: the next download has other addresses, checked anew.
fn client(guard: Guard) -> Http {
    let https_only = guard.public_only;
    let mut tcp = HttpConnector::new_with_resolver(guard);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
        .expect("the linked provider supports the default protocol versions");
    let tls = if https_only { tls.https_only() } else { tls.https_or_http() };
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(tls.enable_http1().wrap_connector(tcp))
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, FetchError> {
    Request::get(url.as_str())
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::USER_AGENT, "omega")
        .body(Empty::new())
        .map_err(|_| FetchError::NotAllowed("cannot be read"))
}

async fn read(answer: Response<Incoming>, limit: usize) -> Result<Fetched, FetchError> {
    let (head, body) = answer.into_parts();
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    // Packed content under the type of what is packed would be a broken file for whoever opens it.
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(FetchError::NotAllowed("answers in an encoding that was not asked for"));
    }
    let announced = text(header::CONTENT_LENGTH).and_then(|digits| digits.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(FetchError::TooLarge);
    }
    let content_type = text(header::CONTENT_TYPE).map(str::to_owned);
    let content = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            FetchError::TooLarge
        } else {
            FetchError::Unreachable(with_causes(error.as_ref()))
        }
    })?;
    Ok(Fetched { content: content.to_bytes(), content_type })
}

fn unreached(error: ClientError) -> FetchError {
    // Why no connection came about would tell a stranger which names exist inside our network, and what listens there.
    if error.is_connect() {
        return FetchError::NotPublic;
    }
    FetchError::Unreachable(with_causes(&error))
}
