//! From a provider's message id to ours, and reports that came before we knew it.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::Result;
use domain::channel::{Channel, Provider};
use domain::email_event::EmailEventKind;
use domain::failure::ErrorClass;
use domain::id::MessageRef;
use domain::message::Message;
use domain::report::Report;
use serde::{Deserialize, Serialize};

use crate::expression::Write;
use crate::item::{Item, decode, encode, n, until, value};
use crate::{Store, keys};

/// How long a report of a message we do not know waits for us to learn its id. A sender that has an answer stores it
/// within seconds.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// A report that is parked is a handful of words; more of them than this are not kept.
const MOST_PARKED: usize = 20;

/// What a provider's id stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ProviderId {
    #[serde(flatten)]
    at: MessageRef,
    attempt: u32,
}

/// A report that nobody could place, as it waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Parked {
    #[serde(default)]
    parked: Vec<Waiting>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting {
    #[serde(flatten)]
    report: Report,
    /// What happened to a mail: it may say something of an address as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<EmailEventKind>,
}

/// What became of a report that names a message by the provider's id alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Placed {
    /// The message, and the attempt the id is of.
    Found(MessageRef, u32),
    /// Nobody knows the id yet. The report waits a quarter of an hour for it.
    Parked,
}

impl Store {
    /// A part of a transaction that lets a provider's id lead to a message. Unless `over_parked`, it fails when reports
    /// are waiting under the id, and returns them.
    pub(crate) fn tx_put_provider_id(
        &self,
        provider: Provider,
        id: &str,
        at: MessageRef,
        attempt: u32,
        over_parked: bool,
    ) -> Result<TransactWriteItem> {
        let item = encode(keys::provider_message(provider, id), "ProviderId", &ProviderId { at, attempt })?;
        let condition = if over_parked { Write::new() } else { Write::new().when_absent("parked") };
        self.tx_put(item, condition)
    }

    /// A part of a transaction after which a provider's id is known for a while, and then forgotten: of a message that
    /// is not there any more.
    pub(crate) fn tx_forget_provider_id(
        &self,
        provider: Provider,
        id: &str,
        at: MessageRef,
        attempt: u32,
        after: Duration,
    ) -> Result<TransactWriteItem> {
        let item = encode(keys::provider_message(provider, id), "ProviderId", &ProviderId { at, attempt })?;
        self.tx_put(until(item, self.clock().now().plus(after)), Write::new())
    }

    /// Lets a provider's id lead to a message that another system sent, unless it leads to one already, and applies
    /// what the provider reported before.
    pub(crate) async fn claim_provider_id(
        &self,
        provider: Provider,
        id: &str,
        message: &Message,
    ) -> Result<()> {
        let (at, attempt) = (message.at, message.attempt);
        let mut waiting: Option<Item> = None;
        let key = keys::provider_message(provider, id);
        loop {
            let mut item = encode(key.clone(), "ProviderId", &ProviderId { at, attempt })?;
            let condition = match waiting.as_ref().and_then(|item| item.get("parked")) {
                // They stay with the id until they are applied: whoever dies in between is followed by one who applies
                // them.
                Some(parked) => {
                    item.insert("parked".to_owned(), parked.clone());
                    Write::new().when("parked", "=", parked.clone())
                }
                None => Write::new().if_new(),
            };
            match self.put(item, condition).await? {
                Ok(()) => break,
                Err(Some(item)) if item.contains_key("parked") => {
                    let taken = decode::<ProviderId>(item.clone()).ok();
                    if taken.is_some_and(|taken| taken.at.message != at.message) {
                        return Ok(());
                    }
                    waiting = Some(item);
                }
                Err(Some(_)) => return Ok(()),
                Err(None) => waiting = None,
            }
        }
        let Some(item) = waiting else { return Ok(()) };
        self.apply_parked(id, (at, message.channel), attempt, item).await?;
        let _ = self.update(key, Write::new().remove("parked").if_exists()).await?;
        Ok(())
    }

    /// The message behind a provider's id; a report of an unknown one is parked until the id is known.
    pub async fn place(&self, provider: Provider, id: &str, report: &Report) -> Result<Placed> {
        self.place_event(provider, id, report, None).await
    }

    /// The same for a report about mail, which may also say something of an address.
    pub(crate) async fn place_event(
        &self,
        provider: Provider,
        id: &str,
        report: &Report,
        kind: Option<EmailEventKind>,
    ) -> Result<Placed> {
        let now = self.clock().now();
        let key = keys::provider_message(provider, id);
        if let Some(item) = self.get(key.clone(), true).await? {
            if let Ok(found) = decode::<ProviderId>(item.clone()) {
                return Ok(Placed::Found(found.at, found.attempt));
            }
            let parked: Parked = decode(item)?;
            if parked.parked.len() >= MOST_PARKED {
                return Ok(Placed::Parked);
            }
        }
        let write = Write::new()
            .stamp("ParkedReports")
            .append("parked", AttributeValue::L(vec![value(&Waiting { report: report.clone(), kind })?]))
            .set("ttl", n(now.plus(PATIENCE).as_seconds()))
            .when_absent("message_id");
        match self.update(key, write).await? {
            Ok(_) => Ok(Placed::Parked),
            Err(Some(item)) => {
                let found: ProviderId = decode(item)?;
                Ok(Placed::Found(found.at, found.attempt))
            }
            Err(None) => Ok(Placed::Parked),
        }
    }

    /// Applies what waited under a provider's id, now that the message is known.
    pub(crate) async fn apply_parked(
        &self,
        id: &str,
        (at, channel): (MessageRef, Channel),
        attempt: u32,
        item: Item,
    ) -> Result<()> {
        let Ok(waiting) = decode::<Parked>(item) else {
            return Ok(());
        };
        for Waiting { report, kind } in waiting.parked {
            let report =
                Report { provider_message_id: Some(id.to_owned()), attempt: Some(attempt), ..report };
            let refused = report.failure.as_ref().is_some_and(|failure| failure.class == ErrorClass::Consent);
            let consent = match channel {
                Channel::Sms if refused => self.refusal(at, id).await?,
                _ => self.consent_by_parked(id, &report, kind)?,
            };
            self.advance(at, channel, &report, consent.as_ref()).await?;
        }
        Ok(())
    }

    /// The message behind a provider's id, without leaving anything behind.
    pub async fn placed(&self, provider: Provider, id: &str) -> Result<Option<MessageRef>> {
        let item = self.get(keys::provider_message(provider, id), true).await?;
        Ok(item.and_then(|item| decode::<ProviderId>(item).ok()).map(|found| found.at))
    }

    /// Whether a provider's id is known to belong to a message of ours.
    pub async fn knows_provider_id(&self, provider: Provider, id: &str) -> Result<bool> {
        Ok(self.get(keys::provider_message(provider, id), true).await?.is_some())
    }
}
