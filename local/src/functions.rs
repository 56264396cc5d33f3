//! Every function, built once and put together. What a function gets here it gets from the environment in Lambda;
//! nothing else differs.

use aws_types::SdkConfig;
use axum::Router;
use domain::Clock;
use outbox::Outbox;
use queue::Queue;
use store::Store;
use web::{Edge, PlatformKey};

use crate::template::Template;
use crate::{Error, TwilioAccount};

/// Where functions find what they need.
pub(crate) struct Surroundings<'a> {
    pub template: &'a Template,
    pub dynamodb: &'a SdkConfig,
    pub sqs: &'a SdkConfig,
    pub table: &'a str,
    pub sms_queue_url: &'a str,
    pub record_queue_url: &'a str,
    pub opt_out_hash_key: &'a str,
    pub platform_key: &'a str,
    pub twilio: &'a TwilioAccount,
    pub fallback_base_url: &'a str,
    pub clock: &'a Clock,
}

/// All functions.
#[derive(Clone, Debug)]
pub(crate) struct Functions {
    /// What the gateway routes to.
    pub router: Router,
    /// What is behind the function URL of `twilio-fallback`. It has a path of its sibling's, and so an origin of its own.
    pub fallback: Router,
    pub sender: sms_sender::Deps,
    pub recorder: message_recorder::Deps,
    pub sweeper: sweeper::Deps,
    pub recounter: recounter::Deps,
}

impl Functions {
    pub fn new(around: &Surroundings<'_>) -> Result<Functions, Error> {
        let twilio = around.twilio;
        let webhook = |public_base_url: &str| {
            web::twilio::Settings::new(
                twilio.account_sid.clone(),
                Some(twilio.auth_token.clone()),
                twilio.auth_token_secondary.clone(),
                public_base_url.to_owned(),
            )
        };
        let webhooks = twilio_webhooks::State {
            store: around.store("twilio-webhooks")?,
            webhook: webhook(&twilio.public_base_url),
        };
        let fallback = twilio_fallback::State {
            record_queue: around.record_queue(),
            webhook: webhook(around.fallback_base_url),
        };
        let settings = onboarding::Settings {
            twilio_account_sid: twilio.account_sid.clone(),
            public_base_url: twilio.public_base_url.clone(),
            fallback_base_url: around.fallback_base_url.to_owned(),
        };
        let platform_key = PlatformKey::from_sha256_hex(&web::api_key_hash(around.platform_key));
        let routes = health::routes(health::State { store: around.store("health")?, twilio_webhooks: true })
            .merge(sms::routes(sms::State { edge: around.edge("sms")?, outbox: around.outbox("sms")? }))
            .merge(messages::routes(messages::State {
                edge: around.edge("messages")?,
                outbox: around.outbox("messages")?,
            }))
            .merge(businesses::routes(businesses::State { edge: around.edge("businesses")? }))
            .merge(clients::routes(clients::State { edge: around.edge("clients")? }))
            .merge(staffs::routes(staffs::State { edge: around.edge("staffs")? }))
            .merge(search::routes(search::State { edge: around.edge("search")? }))
            .merge(onboarding::routes(onboarding::State {
                edge: Edge::new(around.store("onboarding")?, platform_key),
                settings,
            }))
            .merge(twilio_webhooks::routes(webhooks));
        Ok(Functions {
            router: web::app(routes),
            fallback: web::app(twilio_fallback::routes(fallback)),
            sender: sms_sender::Deps {
                store: around.store("sms-sender")?,
                twilio: twilio::Client::new(twilio::Config {
                    api_url: twilio.api_url.clone(),
                    account_sid: twilio.account_sid.clone(),
                    auth_token: twilio.auth_token.clone(),
                    public_base_url: twilio.public_base_url.clone(),
                }),
                outbox: around.outbox("sms-sender")?,
            },
            recorder: message_recorder::Deps { store: around.store("message-recorder")? },
            recounter: recounter::Deps { store: around.store("recounter")? },
            sweeper: sweeper::Deps { store: around.store("sweeper")?, sms_queue: around.sms_queue() },
        })
    }
}

impl Surroundings<'_> {
    /// A function's own store. The opt-out key goes only where the template sends it, so that a function that lacks
    /// it fails here as it would in Lambda.
    fn store(&self, function: &str) -> Result<Store, Error> {
        let has_key = self.template.gives(function, "OPT_OUT_HASH_KEY")?;
        let opt_out_hash_key = if has_key { self.opt_out_hash_key.as_bytes().to_vec() } else { Vec::new() };
        let config = store::Config { table: self.table.to_owned(), opt_out_hash_key };
        Ok(Store::new(self.dynamodb, config, self.clock.clone()))
    }

    fn edge(&self, function: &str) -> Result<Edge, Error> {
        Ok(Edge::new(self.store(function)?, None))
    }

    fn outbox(&self, function: &str) -> Result<Outbox, Error> {
        Ok(Outbox { store: self.store(function)?, sms: self.sms_queue(), record: self.record_queue() })
    }

    fn sms_queue(&self) -> Queue {
        Queue::new(self.sqs, self.sms_queue_url)
    }

    fn record_queue(&self) -> Queue {
        Queue::new(self.sqs, self.record_queue_url)
    }
}
