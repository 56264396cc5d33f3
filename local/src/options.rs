//! How to start.

use std::path::PathBuf;

use domain::Clock;

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port of the API; 0 is any free one.
    pub port: u16,
    /// Where to keep what is to outlive the runner. `None`: in memory.
    pub data: Option<PathBuf>,
    /// Where "now" comes from, for functions and stand-ins alike.
    pub clock: Clock,
    /// Whether queues are worked off and the sweeper runs without being asked.
    pub background: bool,
    /// A DynamoDB to use instead of the embedded one. It gets a table with a new name.
    pub dynamodb_endpoint: Option<String>,
    /// A Twilio account to use instead of the stand-in.
    pub twilio: Option<TwilioAccount>,
    /// The key of whoever runs omega; one is made if there is none.
    pub platform_key: Option<String>,
}

impl Default for Options {
    /// For a test: any port, in memory, nothing happens without being asked for.
    fn default() -> Options {
        Options {
            port: 0,
            data: None,
            clock: runtime::system_clock(),
            background: false,
            dynamodb_endpoint: None,
            twilio: None,
            platform_key: None,
        }
    }
}

/// A Twilio account, and where it reaches us.
#[derive(Clone)]
pub struct TwilioAccount {
    /// `https://api.twilio.com`.
    pub api_url: String,
    /// `AC…`.
    pub account_sid: String,
    /// Signs in to the API, and signs webhooks.
    pub auth_token: String,
    /// Also signs webhooks, while the auth token is being changed.
    pub auth_token_secondary: Option<String>,
    /// The origin at which Twilio reaches the webhooks.
    pub public_base_url: String,
    /// The origin at which it reaches the fallback, where it does.
    pub fallback_base_url: Option<String>,
}

impl std::fmt::Debug for TwilioAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwilioAccount").field("api_url", &self.api_url).finish_non_exhaustive()
    }
}
