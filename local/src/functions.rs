//! Every function, built once and put together. What a function gets here it gets from the environment in Lambda;
//! nothing else differs.

use aws_types::SdkConfig;
use axum::Router;
use domain::Clock;
use fetch::Fetcher;
use objects::Objects;
use outbox::Outbox;
use queue::Queue;
use ses::Mailer;
use signature::{token, voice_token};
use store::Store;
use web::{Edge, PlatformKey};

use crate::pump::Source;
use crate::template::Template;
use crate::{
    BUCKET, CONFIGURATION_SET, EMAIL_TOKEN_KEY, Error, INBOUND_DOMAIN, Providers, SNS_TOPIC,
    TWILIO_API_KEY_SECRET, TWILIO_API_KEY_SID, TWILIO_TWIML_APP_SID, TwilioAccount,
};

/// Where functions find what they need.
pub(crate) struct Surroundings<'a> {
    pub template: &'a Template,
    pub dynamodb: &'a SdkConfig,
    pub sqs: &'a SdkConfig,
    pub table: &'a str,
    pub s3: &'a SdkConfig,
    pub ses: &'a SdkConfig,
    /// Where SES's and SNS's stand-ins are.
    pub ses_url: &'a str,
    /// The origin of everything behind the gateway.
    pub api_url: &'a str,
    /// In the order of [`Source`].
    pub queue_urls: &'a [String; 5],
    pub providers: &'a Providers,
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
    pub email_sender: email_sender::Deps,
    pub email_receiver: email_receiver::Deps,
    pub provisioner: provisioner::Deps,
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
            record_queue: around.queue(Source::Record),
            webhook: webhook(around.fallback_base_url),
        };
        let platform_key = PlatformKey::from_sha256_hex(&signature::secret::digest(around.platform_key));
        let routes = health::routes(health::State { store: around.store("health")?, twilio_webhooks: true })
            .merge(sms::routes(sms::State { edge: around.edge("sms")?, outbox: around.outbox("sms")? }))
            .merge(messages::routes(messages::State {
                edge: around.edge("messages")?,
                outbox: around.outbox("messages")?,
            }))
            .merge(businesses::routes(businesses::State { edge: around.edge("businesses")? }))
            .merge(authentication::routes(authentication::State { edge: around.edge("authentication")? }))
            .merge(clients::routes(clients::State { edge: around.edge("clients")? }))
            .merge(staffs::routes(staffs::State { edge: around.edge("staffs")? }))
            .merge(search::routes(search::State { edge: around.edge("search")? }))
            .merge(onboarding::routes(onboarding::State {
                edge: Edge::new(around.store("onboarding")?, platform_key),
                queue: around.queue(Source::Onboarding),
                account: onboarding::TwilioAccount(twilio.account_sid.clone()),
            }))
            .merge(email::routes(email::State {
                edge: around.edge("email")?,
                outbox: around.outbox("email")?,
                objects: around.objects(),
                tokens: around.tokens()?,
                origins: fetch::Config { trusted_origins: around.trusted_origins() },
            }))
            .merge(email_webhooks::routes(around.email_webhooks()?))
            .merge(rocketchat::routes(rocketchat::State { edge: around.edge("rocketchat")? }))
            .merge(nexhealth::routes(nexhealth::State { edge: around.edge("nexhealth")? }))
            .merge(twilio_webhooks::routes(webhooks))
            .merge(voice_calls::routes(voice_calls::State {
                edge: around.edge("voice-calls")?,
                webhook: webhook(&twilio.public_base_url),
                voice: voice(twilio),
            }));
        Ok(Functions {
            router: web::app(routes),
            fallback: web::app(twilio_fallback::routes(fallback)),
            sender: sms_sender::Deps {
                store: around.store("sms-sender")?,
                twilio: around.twilio_client(),
                outbox: around.outbox("sms-sender")?,
            },
            recorder: message_recorder::Deps {
                store: around.store("message-recorder")?,
                objects: around.objects(),
            },
            email_sender: email_sender::Deps {
                store: around.store("email-sender")?,
                mailer: Mailer::new(around.ses, ses::Settings::default()),
                objects: around.objects(),
                fetcher: Fetcher::new(fetch::Config { trusted_origins: around.trusted_origins() }),
                outbox: around.outbox("email-sender")?,
                links: email_sender::Links {
                    tokens: around.tokens()?,
                    inbound_domain: Some(INBOUND_DOMAIN.to_owned()),
                    api_base_url: around.api_url.to_owned(),
                    configuration_set: Some(CONFIGURATION_SET.to_owned()),
                },
            },
            email_receiver: email_receiver::Deps {
                store: around.store("email-receiver")?,
                objects: around.objects(),
                bucket: BUCKET.to_owned(),
                tokens: around.tokens()?,
                inbound_domain: Some(INBOUND_DOMAIN.to_owned()),
            },
            provisioner: provisioner::Deps {
                store: around.store("provisioner")?,
                twilio: around.twilio_client(),
                mailer: Mailer::new(around.ses, ses::Settings::default()),
                outbox: around.outbox("provisioner")?,
                received: around.queue(Source::EmailEvents),
                origins: provisioner::Origins {
                    public: twilio.public_base_url.clone(),
                    voice: Some(twilio.public_base_url.clone()),
                    fallback: around.fallback_base_url.to_owned(),
                },
            },
            recounter: recounter::Deps { store: around.store("recounter")? },
            sweeper: sweeper::Deps {
                store: around.store("sweeper")?,
                sms_queue: around.queue(Source::Sms),
                email_queue: around.queue(Source::Email),
                onboarding_queue: around.queue(Source::Onboarding),
                objects: around.objects(),
            },
        })
    }
}

/// Tokens for calls are signed with a key of this machine, whatever the account.
fn voice(twilio: &TwilioAccount) -> voice_calls::Voice {
    let keys = [&twilio.account_sid, TWILIO_API_KEY_SID, TWILIO_API_KEY_SECRET, TWILIO_TWIML_APP_SID];
    let [account, key, secret, app] = keys.map(str::to_owned);
    voice_calls::Voice {
        keys: voice_token::Keys::new(account, key, secret, app),
        base_url: twilio.public_base_url.clone(),
        webhooks_base_url: twilio.public_base_url.clone(),
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
        Ok(Outbox {
            store: self.store(function)?,
            sms: self.queue(Source::Sms),
            email: self.queue(Source::Email),
            record: self.queue(Source::Record),
        })
    }

    fn twilio_client(&self) -> twilio::Client {
        let account = self.twilio;
        twilio::Client::new(twilio::Config {
            api_url: account.api_url.clone(),
            account_sid: account.account_sid.clone(),
            auth_token: account.auth_token.clone(),
            public_base_url: account.public_base_url.clone(),
        })
    }

    fn queue(&self, source: Source) -> Queue {
        Queue::new(self.sqs, &self.queue_urls[source as usize])
    }

    fn objects(&self) -> Objects {
        Objects::new(self.s3, BUCKET.to_owned())
    }

    fn tokens(&self) -> Result<token::Keys, Error> {
        Ok(token::Keys::new(EMAIL_TOKEN_KEY, None).ok_or("the key of mail links is too short")?)
    }

    /// What is on this machine can be an attachment: the stand-ins have nothing to hide.
    fn trusted_origins(&self) -> Vec<String> {
        vec![self.ses_url.to_owned()]
    }

    fn email_webhooks(&self) -> Result<email_webhooks::State, Error> {
        let providers = self.providers;
        Ok(email_webhooks::State {
            store: self.store("email-webhooks")?,
            received: self.queue(Source::EmailEvents),
            objects: self.objects(),
            fetcher: Fetcher::new(fetch::Config { trusted_origins: self.trusted_origins() }),
            settings: email_webhooks::Settings {
                sns_topics: vec![SNS_TOPIC.to_owned()],
                sns_version_1: false,
                sns_endpoint: Some(format!("{}/sns", self.ses_url)),
                sendgrid_public_key: Some(providers.sendgrid_public_key.clone()),
                sendgrid_credentials: Some(providers.sendgrid_credentials.clone()),
                mailgun_signing_key: Some(providers.mailgun_signing_key.clone()),
                postmark_credentials: Some(providers.postmark_credentials.clone()),
                bucket: BUCKET.to_owned(),
            },
            certificates: email_webhooks::Certificates::default(),
        })
    }
}
