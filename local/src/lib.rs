//! All of omega in one process: the table and the queues of `template.yaml`, every function, and stand-ins for what
//! they reach over the network. A person plays with it, and the tests run on it.
//!
//! Functions are not told that they run here. Three things differ from Lambda: who polls the queues ([`Source`]), who
//! turns HTTP into calls, and at which addresses the services are.

pub mod args;
mod data;
pub mod fake_twilio;
mod functions;
mod options;
mod pump;
pub mod ready;
pub mod seed;
mod servers;
pub mod sqs;
mod start;
mod table;
mod template;
pub mod tour;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use axum::Router;
use domain::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;

use data::{Data, Keys};
use fake_twilio::FakeTwilio;
use functions::Functions;
use pump::Pump;
use sqs::Sqs;
use wire::Wire;

pub use options::{Options, TwilioAccount};
pub use pump::Source;
pub use template::Feed;

/// Any trouble of the runner itself.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The key of the hashes of opt-outs. No secret: what it protects is on this machine.
pub const OPT_OUT_HASH_KEY: &str = "local-opt-out-hash-key";
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
    pumps: [Pump; 2],
    feeds: [Feed; 2],
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
    /// Ends: takes nothing more off the queues, waits a moment for what is under way, and keeps what is to be kept.
    ///
    /// # Errors
    /// When the queues cannot be written.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.stopping.send_replace(true);
        let all = async { while self.polls.join_next().await.is_some() {} };
        if tokio::time::timeout(LONGEST_STOP, all).await.is_err() {
            tracing::warn!("some batches are still under way; their messages come again");
        }
        self.servers.shutdown().await;
        match &self.data {
            Some(data) => data.keep_queues(&self.sqs.save()),
            None => Ok(()),
        }
    }

    /// Works until nothing more is due now: both queues have nothing to offer, and Twilio's stand-in has nothing more
    /// to report. Jobs whose time has not come stay, and so do failed ones: the queue hides them for a while.
    ///
    /// # Errors
    /// When a queue cannot be polled.
    pub async fn drain(&self) -> Result<(), Error> {
        loop {
            self.twilio.idle().await;
            let sms = self.deliver_once(Source::Sms).await?;
            let record = self.deliver_once(Source::Record).await?;
            if sms.is_none() && record.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes one batch off a queue and has its consumer work on it. `None` when the queue had nothing to offer.
    ///
    /// # Errors
    /// When the queue cannot be polled, or what is done not deleted.
    pub async fn deliver_once(&self, source: Source) -> Result<Option<SqsBatchResponse>, Error> {
        let pump = match source {
            Source::Sms => &self.pumps[0],
            Source::Record => &self.pumps[1],
        };
        pump.once().await
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
        match source {
            Source::Sms => &self.feeds[0],
            Source::Record => &self.feeds[1],
        }
    }

    /// The key of the demo business from an earlier start.
    fn kept_api_key(&self) -> Result<Option<String>, Error> {
        let keys = self.data.as_ref().map(|data| data.keys()).transpose()?;
        Ok(keys.and_then(|keys| keys.api_key))
    }

    fn keep_api_key(&self, api_key: &str) -> Result<(), Error> {
        let Some(data) = &self.data else { return Ok(()) };
        data.keep_keys(&Keys {
            api_key: Some(api_key.to_owned()),
            platform_key: Some(self.platform_key.clone()),
        })
    }
}

#[cfg(test)]
mod tests;
