//! All of omega in one process: the table and the queues of `template.yaml`, every function, and stand-ins for what
//! they reach over the network. A person plays with it, and the tests run on it.
//!
//! Functions are not told that they run here. Three things differ from Lambda: who polls the queues ([`Source`]), who
//! turns HTTP into calls, and at which addresses the services are.

mod data;
pub mod fake_twilio;
mod functions;
mod pump;
pub mod ready;
pub mod seed;
mod servers;
pub mod sqs;
mod table;
mod template;
pub mod tour;
pub mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use axum::Router;
use domain::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use data::{Data, Keys};
use fake_twilio::FakeTwilio;
use functions::{Functions, Surroundings};
use pump::Pump;
use servers::{Ports, sdk_config};
use sqs::Sqs;
use template::Template;
use wire::{Now, Wire};

pub use pump::Source;
pub use template::Feed;

/// Any trouble of the runner itself.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The key of the hashes of opt-outs. No secret: what it protects is on this machine.
pub const OPT_OUT_HASH_KEY: &str = "local-opt-out-hash-key";
/// The account of the stand-in for Twilio.
const FAKE_ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
/// Its auth token.
const FAKE_AUTH_TOKEN: &str = "test-auth-token";
/// How often the sweeper runs. In Lambda it is every minute; a person who tries something should not wait that long.
const SWEEP: Duration = Duration::from_secs(5);
/// How often the queues are written to the data directory.
const SAVE: Duration = Duration::from_secs(1);
/// How long a stop waits for batches under way.
const LONGEST_STOP: Duration = Duration::from_secs(5);

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
    /// Starts everything, and returns when everything answers.
    ///
    /// # Errors
    /// When a port or the data directory is taken, or the engine cannot be reached.
    pub async fn start(options: Options) -> Result<Local, Error> {
        let template = Template::of_the_project()?;
        let data = options.data.as_deref().map(Data::open).transpose()?.map(Arc::new);
        let clock = options.clock;
        let now: Now = {
            let clock = clock.clone();
            Arc::new(move || clock.now().as_millis())
        };
        let wire = Wire::new();
        let mut servers = JoinSet::new();
        let ports = Ports::open(options.port).await?;

        let (engine, table) = match &options.dynamodb_endpoint {
            Some(_) if data.is_some() => return Err("a data directory is for the embedded engine only".into()),
            Some(endpoint) => (servers::resolve(endpoint).await?, format!("omega-{}", uuid::Uuid::new_v4().simple())),
            None => (servers::embedded_engine(&mut servers, data.as_deref()).await?, "omega".to_owned()),
        };
        let dynamodb_endpoint = ports.dynamodb.origin.clone();
        servers.spawn(wire::serve(ports.dynamodb.listener, wire::proxy(wire.clone(), engine)));
        let engine = aws_sdk_dynamodb::Client::new(&sdk_config("DYNAMODB", &format!("http://{engine}")));
        table::create(&engine, &table, &template.table()?).await?;

        let sqs = Sqs::new(now.clone());
        if let Some(saved) = data.as_ref().map(|data| data.queues()).transpose()?.flatten() {
            sqs.load(saved)?;
        }
        for queue in template.queues()? {
            sqs.create_queue(&queue.name, queue.options);
        }
        let feeds = [template.feed("sms-sender")?, template.feed("message-recorder")?];
        let sqs_endpoint = ports.sqs.origin.clone();
        let queue_url = |name: &str| sqs::queue_url(&sqs_endpoint, name);
        let [sms_queue_url, record_queue_url] = feeds.each_ref().map(|feed| queue_url(&feed.queue));
        let [sms_dead_letter_queue_url, record_dead_letter_queue_url] =
            feeds.each_ref().map(|feed| queue_url(&feed.dead_letters));
        servers.spawn(wire::serve(ports.sqs.listener, wire.layer("sqs", sqs::router(sqs.clone()))));

        let origin = ports.api.origin.clone();
        let fallback_url = ports.fallback.origin.clone();
        let twilio_url = ports.twilio.origin.clone();
        let twilio = servers::fake_twilio(&origin, &fallback_url, now);
        let fake = wire.layer("twilio", fake_twilio::router(twilio.clone()));
        servers.spawn(wire::serve(ports.twilio.listener, fake));
        let twilio_account = options.twilio.unwrap_or_else(|| TwilioAccount {
            api_url: twilio_url.clone(),
            account_sid: FAKE_ACCOUNT_SID.to_owned(),
            auth_token: FAKE_AUTH_TOKEN.to_owned(),
            auth_token_secondary: None,
            public_base_url: origin.clone(),
            fallback_base_url: Some(fallback_url.clone()),
        });

        let platform_key = platform_key(options.platform_key, data.as_deref())?;
        let sqs_config = sdk_config("SQS", &sqs_endpoint);
        let functions = Functions::new(&Surroundings {
            template: &template,
            dynamodb: &sdk_config("DYNAMODB", &dynamodb_endpoint),
            sqs: &sqs_config,
            table: &table,
            sms_queue_url: &sms_queue_url,
            record_queue_url: &record_queue_url,
            opt_out_hash_key: OPT_OUT_HASH_KEY,
            platform_key: &platform_key,
            twilio: &twilio_account,
            fallback_base_url: twilio_account.fallback_base_url.as_deref().unwrap_or(&fallback_url),
            clock: &clock,
        })?;
        servers.spawn(wire::serve(ports.fallback.listener, functions.fallback.clone()));
        servers.spawn(wire::serve(ports.api.listener, functions.router.clone()));

        let client = aws_sdk_sqs::Client::new(&sqs_config);
        let pump = |source, queue_url: &str, feed: &Feed| Pump {
            source,
            sqs: client.clone(),
            queue_url: queue_url.to_owned(),
            batch_size: feed.batch_size,
            functions: functions.clone(),
        };
        let pumps = [
            pump(Source::Sms, &sms_queue_url, &feeds[0]),
            pump(Source::Record, &record_queue_url, &feeds[1]),
        ];

        let mut local = Local {
            base_url: format!("{origin}/omega"),
            origin,
            fallback_url,
            platform_key,
            table,
            dynamodb_endpoint,
            engine,
            sqs_endpoint,
            sms_queue_url,
            sms_dead_letter_queue_url,
            record_queue_url,
            record_dead_letter_queue_url,
            twilio_url,
            twilio_account,
            twilio,
            sqs,
            wire,
            clock,
            functions,
            pumps,
            feeds,
            data,
            stopping: watch::Sender::new(false),
            polls: JoinSet::new(),
            servers,
        };
        local.begin(options.background);
        Ok(local)
    }

    /// What happens without being asked for.
    fn begin(&mut self, background: bool) {
        if let Some(data) = &self.data {
            self.servers.spawn(save_often(self.sqs.clone(), data.clone()));
        }
        if background {
            for pump in self.pumps.clone() {
                self.polls.spawn(pump.run(self.stopping.subscribe()));
            }
            self.polls.spawn(sweep_often(self.functions.sweeper.clone(), self.stopping.subscribe()));
        }
    }

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
        data.keep_keys(&Keys { api_key: Some(api_key.to_owned()), platform_key: Some(self.platform_key.clone()) })
    }
}

/// The given key, or the one of an earlier start, or a new one.
fn platform_key(given: Option<String>, data: Option<&Data>) -> Result<String, Error> {
    let mut keys = data.map(Data::keys).transpose()?.unwrap_or_default();
    let key = given.or(keys.platform_key.take()).unwrap_or_else(|| {
        let random = || uuid::Uuid::new_v4().simple();
        format!("platform_{}{}", random(), random())
    });
    if let Some(data) = data {
        keys.platform_key = Some(key.clone());
        data.keep_keys(&keys)?;
    }
    Ok(key)
}

async fn sweep_often(deps: sweeper::Deps, mut stopping: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sweeper::run(&deps).await {
            tracing::error!(error = runtime::batch::with_causes(&error), "the sweeper failed");
        }
    }
}

async fn save_often(sqs: Sqs, data: Arc<Data>) {
    let mut saved = serde_json::Value::Null;
    let mut ticks = tokio::time::interval(SAVE);
    loop {
        ticks.tick().await;
        let queues = sqs.save();
        if queues == saved {
            continue;
        }
        match data.keep_queues(&queues) {
            Ok(()) => saved = queues,
            Err(error) => tracing::error!(error, "the queues cannot be saved"),
        }
    }
}
