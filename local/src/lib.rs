//! All of omega in one process: the table and the queues of `template.yaml`, every function, and stand-ins for what
//! they reach over the network. A person plays with it, and the tests run on it.
//!
//! Functions are not told that they run here. Three things differ from Lambda: who polls the queues ([`Source`]), who
//! turns HTTP into calls, and at which addresses the services are.

pub mod args;
mod data;
pub mod environment;
pub mod fake_ses;
pub mod fake_twilio;
mod functions;
mod options;
mod providers;
mod pump;
pub mod ready;
pub mod seed;
mod servers;
pub mod sqs;
mod start;
pub mod storage;
mod table;
mod template;
pub mod tour;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use axum::Router;
use domain::{Clock, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use data::{Data, Keys};
use fake_ses::FakeSes;
use fake_twilio::FakeTwilio;
use functions::Functions;
use pump::Pump;
use sqs::Sqs;
use storage::Storage;
use wire::Wire;

pub use options::{Options, TwilioAccount};
pub use providers::Providers;
pub use pump::Source;
pub use template::Feed;

/// Any trouble of the runner itself.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The key of the hashes of opt-outs. No secret: what it protects is on this machine.
pub const OPT_OUT_HASH_KEY: &str = "local-opt-out-hash-key";
/// The bucket for attachments and mail.
pub const BUCKET: &str = "omega-objects";
/// The domain whose mail is received.
pub const INBOUND_DOMAIN: &str = "inbound.example.com";
/// The topic that SES publishes to.
pub const SNS_TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:omega-email-events";
/// SES's configuration set.
pub const CONFIGURATION_SET: &str = "omega";
/// What reply addresses and unsubscribe links are sealed with. No secret: it is on this machine.
pub const EMAIL_TOKEN_KEY: &str = "local-email-token-key";
/// The key of the account at Twilio that tokens for calls are made with. No secret: the stand-in's account has none.
pub const TWILIO_API_KEY_SID: &str = "SK00000000000000000000000000000001";
/// Its secret.
pub const TWILIO_API_KEY_SECRET: &str = "local-twilio-api-key-secret";
/// The app whose voice address is `/omega/voice-calls/twiml`.
pub const TWILIO_TWIML_APP_SID: &str = "AP00000000000000000000000000000001";
/// How long a stop waits for batches under way.
const LONGEST_STOP: Duration = Duration::from_secs(5);

/// The running system. When it is dropped, it is gone at once; [`Local::stop`] lets it end what it has begun.
pub struct Local {
    /// Ends in `/omega`.
    pub base_url: String,
    /// The same without a path.
    pub origin: String,
    /// The origin of `twilio-fallback`.
    pub fallback_url: String,
    /// The key of whoever runs omega.
    pub platform_key: String,
    /// The table's name.
    pub table: String,
    /// DynamoDB, by way of [`Local::wire`].
    pub dynamodb_endpoint: String,
    /// The same without the wire: a look at it is neither counted nor disturbed.
    pub engine: aws_sdk_dynamodb::Client,
    /// Where that is.
    engine_endpoint: String,
    /// SQS.
    pub sqs_endpoint: String,
    /// Texts to send.
    pub sms_queue_url: String,
    /// Texts that were given up.
    pub sms_dead_letter_queue_url: String,
    /// Messages to store.
    pub record_queue_url: String,
    /// Messages that were given up.
    pub record_dead_letter_queue_url: String,
    /// The stand-in for Twilio.
    pub twilio_url: String,
    /// The stand-in for SES, and its mailbox.
    pub ses_url: String,
    /// Object storage, by way of [`Local::wire`].
    pub s3_endpoint: String,
    /// The stand-in for SES, to script and to read.
    pub ses: FakeSes,
    /// Object storage, to look into.
    pub storage: Storage,
    /// With what providers of mail prove who they are.
    pub providers: Providers,
    /// The account in use: the stand-in's, unless a real one was given.
    pub twilio_account: TwilioAccount,
    /// The stand-in for Twilio, to script and to read.
    pub twilio: FakeTwilio,
    /// The queues, to look into.
    pub sqs: Sqs,
    /// What passes between functions and services, and what is to go wrong with it.
    pub wire: Wire,
    /// Where "now" comes from.
    pub clock: Clock,
    functions: Functions,
    pumps: [Pump; 5],
    feeds: [Feed; 5],
    data: Option<Arc<Data>>,
    stopping: watch::Sender<bool>,
    /// Ends by itself after `stopping`.
    polls: JoinSet<()>,
    /// Ends when it is dropped.
    servers: JoinSet<()>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Local {
    /// Ends: takes nothing more off the queues, and waits a moment for what is under way. What is to be kept is kept
    /// already.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let all = async { while self.polls.join_next().await.is_some() {} };
        if tokio::time::timeout(LONGEST_STOP, all).await.is_err() {
            tracing::warn!("some batches are still under way; their messages come again");
        }
        self.servers.shutdown().await;
    }

    /// Works until nothing more is due now: no queue has anything to offer, and the stand-ins of the providers have
    /// nothing more to report. Jobs whose time has not come stay, and so do failed ones: the queue hides them for a while.
    ///
    /// # Errors
    /// When a queue cannot be polled.
    pub async fn drain(&self) -> Result<(), Error> {
        loop {
            self.twilio.idle().await;
            self.ses.idle().await;
            let mut delivered = false;
            for source in Source::ALL {
                delivered |= self.deliver_once(source).await?.is_some();
            }
            if !delivered {
                return Ok(());
            }
        }
    }

    /// Takes one batch off a queue and has its consumer work on it. `None` when the queue had nothing to offer.
    ///
    /// # Errors
    /// When the queue cannot be polled, or what is done not deleted.
    pub async fn deliver_once(&self, source: Source) -> Result<Option<SqsBatchResponse>, Error> {
        self.pumps[source as usize].once().await
    }

    /// Runs the sweeper once.
    ///
    /// # Errors
    /// As the sweeper says.
    pub async fn sweep(&self) -> domain::Result<sweeper::Swept> {
        sweeper::run(&self.functions.sweeper).await
    }

    /// Everything behind the gateway, without a network before it.
    pub fn router(&self) -> Router {
        self.functions.router.clone()
    }

    /// `twilio-fallback`, without a network before it.
    pub fn fallback_router(&self) -> Router {
        self.functions.fallback.clone()
    }

    /// What `sms-sender` works with.
    pub fn sender(&self) -> &sms_sender::Deps {
        &self.functions.sender
    }

    /// The address of a queue.
    pub fn queue_url(&self, source: Source) -> String {
        sqs::queue_url(&self.sqs_endpoint, &self.feed(source).queue)
    }

    /// What `email-sender` works with.
    pub fn email_sender(&self) -> &email_sender::Deps {
        &self.functions.email_sender
    }

    /// What `message-recorder` works with.
    pub fn recorder(&self) -> &message_recorder::Deps {
        &self.functions.recorder
    }

    /// Runs the recounter once, over every business.
    ///
    /// # Errors
    /// As the recounter says.
    pub async fn recount(&self) -> domain::Result<recounter::Report> {
        recounter::run(&self.functions.recounter, recounter::Asked::default(), std::time::Duration::MAX).await
    }

    /// What `sweeper` works with.
    pub fn sweeper(&self) -> &sweeper::Deps {
        &self.functions.sweeper
    }

    /// The names of a queue and of its dead-letter queue, as [`Local::sqs`] knows them.
    pub fn feed(&self, source: Source) -> &Feed {
        &self.feeds[source as usize]
    }

    /// The key of the demo business from an earlier start.
    fn kept_api_key(&self) -> Result<Option<String>, Error> {
        let keys = self.data.as_ref().map(|data| data.keys()).transpose()?;
        Ok(keys.and_then(|keys| keys.api_key))
    }

    fn keep_api_key(&self, api_key: &str) -> Result<(), Error> {
        let Some(data) = &self.data else { return Ok(()) };
        data.keep_keys(&Keys { api_key: Some(api_key.to_owned()), ..data.keys()? })
    }

    /// When the inbox of the demo business is filled: now, or at the earlier start that began it.
    fn keep_inbox_time(&self) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        let Some(data) = &self.data else { return Ok(now) };
        let keys = data.keys()?;
        if let Some(kept) = keys.inbox_at.as_deref().and_then(Timestamp::parse) {
            return Ok(kept);
        }
        data.keep_keys(&Keys { inbox_at: Some(now.to_string()), ..keys })?;
        Ok(now)
    }
}

#[cfg(test)]
mod tests;
