//! Starting: everything is built once and put together here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::data::Data;
use crate::functions::{Functions, Surroundings};
use crate::pump::{Pump, Source};
use crate::servers::{self, FAKE_ACCOUNT_SID, FAKE_AUTH_TOKEN, Ports, sdk_config};
use crate::sqs::{self, Sqs};
use crate::template::{Feed, Template};
use crate::wire::{self, Now, Wire};
use crate::{
    Error, Local, OPT_OUT_HASH_KEY, Options, Providers, TwilioAccount, fake_ses, fake_twilio, table,
};

/// How often the sweeper runs. In Lambda it is every minute; a person who tries something should not wait that long.
const SWEEP: Duration = Duration::from_secs(5);

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

        let (engine, table) =
            engine(&mut servers, options.dynamodb_endpoint.as_deref(), data.as_deref()).await?;
        let dynamodb_endpoint = ports.dynamodb.origin;
        servers.spawn(wire::serve(ports.dynamodb.listener, wire::proxy(wire.clone(), engine)));
        let engine_endpoint = format!("http://{engine}");
        let engine = aws_sdk_dynamodb::Client::new(&sdk_config("DYNAMODB", &engine_endpoint));
        table::create(&engine, &table, &template.table()?).await?;

        let sqs = queues(&template, data.as_deref(), now.clone())?;
        let sqs_endpoint = ports.sqs.origin;
        servers.spawn(wire::serve(ports.sqs.listener, wire.layer("sqs", sqs::router(sqs.clone()))));
        let [sms, record, email, email_events, onboarding] =
            Source::ALL.map(|source| template.feed(source.function()));
        let feeds = [sms?, record?, email?, email_events?, onboarding?];
        let urls = feeds.each_ref().map(|feed| sqs::queue_url(&sqs_endpoint, &feed.queue));
        let dead = feeds.each_ref().map(|feed| sqs::queue_url(&sqs_endpoint, &feed.dead_letters));

        let (origin, fallback_url, twilio_url) =
            (ports.api.origin, ports.fallback.origin, ports.twilio.origin);
        let twilio = servers::fake_twilio(&origin, &fallback_url, now.clone());
        let fake = wire.layer("twilio", fake_twilio::router(twilio.clone()));
        servers.spawn(wire::serve(ports.twilio.listener, fake));
        let stand_in = || stand_in_account(&twilio_url, &origin, &fallback_url);
        let twilio_account = options.twilio.unwrap_or_else(stand_in);

        let storage = servers::storage(data.as_deref())?;
        let (ses_url, s3_endpoint) = (ports.ses.origin, ports.s3.origin);
        servers.spawn(wire::serve(ports.s3.listener, wire.layer("s3", storage.router()?)));
        let ses = servers::fake_ses(&storage, &sqs, &feeds[Source::EmailEvents as usize].queue, now);
        ses.set_identities_verify(true);
        let fake = wire.layer("ses", fake_ses::api(ses.clone()));
        let fake = fake.merge(fake_ses::people(ses.clone())).nest("/sns", servers::fake_sns());
        servers.spawn(wire::serve(ports.ses.listener, fake));
        let providers = Providers::new()?;

        let platform_key = platform_key(options.platform_key, data.as_deref())?;
        let sqs_config = sdk_config("SQS", &sqs_endpoint);
        let functions = Functions::new(&Surroundings {
            template: &template,
            dynamodb: &sdk_config("DYNAMODB", &dynamodb_endpoint),
            sqs: &sqs_config,
            table: &table,
            s3: &sdk_config("S3", &s3_endpoint),
            ses: &sdk_config("SESV2", &ses_url),
            ses_url: &ses_url,
            api_url: &origin,
            queue_urls: &urls,
            providers: &providers,
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
        let pumps = Source::ALL.map(|source| pump(source, &urls[source as usize], &feeds[source as usize]));
        let [sms_queue_url, record_queue_url, ..] = urls;
        let [sms_dead_letter_queue_url, record_dead_letter_queue_url, ..] = dead;

        let mut local = Local {
            base_url: format!("{origin}/omega"),
            origin,
            fallback_url,
            platform_key,
            table,
            dynamodb_endpoint,
            engine,
            engine_endpoint,
            sqs_endpoint,
            sms_queue_url,
            sms_dead_letter_queue_url,
            record_queue_url,
            record_dead_letter_queue_url,
            twilio_url,
            twilio_account,
            twilio,
            ses_url,
            s3_endpoint,
            ses,
            storage,
            providers,
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
        if background {
            for pump in self.pumps.clone() {
                self.polls.spawn(pump.run(self.stopping.subscribe()));
            }
            self.polls.spawn(sweep_often(self.functions.sweeper.clone(), self.stopping.subscribe()));
        }
    }
}

/// The engine, and the name of the table in it.
async fn engine(
    servers: &mut JoinSet<()>,
    endpoint: Option<&str>,
    data: Option<&Data>,
) -> Result<(SocketAddr, String), Error> {
    let Some(endpoint) = endpoint else {
        return Ok((servers::embedded_engine(servers, data).await?, "omega".to_owned()));
    };
    if data.is_some() {
        return Err("a data directory is for the embedded engine only".into());
    }
    Ok((servers::resolve(endpoint).await?, format!("omega-{}", uuid::Uuid::new_v4().simple())))
}

/// The queues of the template, with the messages of an earlier start.
fn queues(template: &Template, data: Option<&Data>, now: Now) -> Result<Sqs, Error> {
    let sqs = match data {
        Some(data) => Sqs::open(now, &data.queues())?,
        None => Sqs::new(now),
    };
    for queue in template.queues()? {
        sqs.create_queue(&queue.name, queue.options)?;
    }
    Ok(sqs)
}

fn stand_in_account(twilio_url: &str, origin: &str, fallback_url: &str) -> TwilioAccount {
    TwilioAccount {
        api_url: twilio_url.to_owned(),
        account_sid: FAKE_ACCOUNT_SID.to_owned(),
        auth_token: FAKE_AUTH_TOKEN.to_owned(),
        auth_token_secondary: None,
        public_base_url: origin.to_owned(),
        fallback_base_url: Some(fallback_url.to_owned()),
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
            tracing::error!(error = domain::error::with_causes(&error), "the sweeper failed");
        }
    }
}
