//! The client of one account.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::error::with_causes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a whole call may take. Well below the lease of a claim, and twice it is below what the sender's function may
/// take: one call that hangs does not spoil the next.
const CALL: Duration = Duration::from_secs(10);

/// The largest answer that is read: a page of a thousand messages is smaller.
const LARGEST: usize = 8 * 1024 * 1024;

/// An account and how to act for it.
#[derive(Clone)]
pub struct Config {
    /// Where Twilio is: `https://api.twilio.com`, or a stand-in.
    pub api_url: String,
    /// `AC…`.
    pub account_sid: String,
    /// The account's auth token.
    pub auth_token: String,
    /// Our public origin, for status callbacks.
    pub public_base_url: String,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("api_url", &self.api_url).finish_non_exhaustive()
    }
}

/// A client of one account. Cheap to clone; its connections are shared.
#[derive(Clone, Debug)]
pub struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    pub(crate) config: Config,
    authorization: String,
}

/// How a call ended that brought no answer.
pub(crate) enum Lost {
    /// Nothing left us.
    NotSent(String),
    /// The request left us.
    NoAnswer(String),
}

impl Client {
    /// A client for the account in `config`.
    ///
    /// # Panics
    /// Never: the cipher suites of the crypto provider that is linked in are always usable.
    pub fn new(config: Config) -> Client {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        let tls = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            .expect("the linked provider supports the default protocol versions")
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let credentials = STANDARD.encode(format!("{}:{}", config.account_sid, config.auth_token));
        Client {
            http: HttpClient::builder(TokioExecutor::new()).build(tls),
            config,
            authorization: format!("Basic {credentials}"),
        }
    }

    /// The account that this client acts for.
    pub fn account_sid(&self) -> &str {
        &self.config.account_sid
    }

    pub(crate) fn messages_path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}/Messages{rest}", self.config.account_sid)
    }

    /// One call: its status, its `Retry-After` in seconds, its body.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        form: Option<String>,
    ) -> Result<(StatusCode, Option<Duration>, Bytes), Lost> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.config.api_url))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::ACCEPT, "application/json");
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request
            .body(Full::new(Bytes::from(form.unwrap_or_default())))
            .map_err(|error| Lost::NotSent(error.to_string()))?;
        let answered = async {
            let answer = self.http.request(request).await.map_err(|error| {
                let text = with_causes(&error);
                if error.is_connect() { Lost::NotSent(text) } else { Lost::NoAnswer(text) }
            })?;
            let (head, body) = answer.into_parts();
            let retry_after = head
                .headers
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.parse().ok())
                .map(Duration::from_secs);
            let body = Limited::new(body, LARGEST)
                .collect()
                .await
                .map_err(|error| Lost::NoAnswer(error.to_string()))?;
            Ok((head.status, retry_after, body.to_bytes()))
        };
        match tokio::time::timeout(CALL, answered).await {
            Ok(answered) => answered,
            Err(_) => Err(Lost::NoAnswer(format!("no answer within {} s", CALL.as_secs()))),
        }
    }
}
