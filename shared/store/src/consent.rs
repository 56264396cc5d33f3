//! Who does not want texts. What mail is not wanted is in `suppression.rs`.
//!
//! Consent belongs to a phone number and a business, not to a directory entry: two clients with one phone share it, and
//! it outlives both. The address stands in the key as a keyed hash, so that forgetting a person does not forget what
//! they asked for. Beside it, the same item says which of our numbers Twilio blocks for this address:
//! docs/adr/0037.
//!
//! | Attribute | Written by | Means |
//! |---|---|---|
//! | `stopped_at` | STOP to any number; START removes it | the address opted out |
//! | `refused_at` | error 21610 of a text to the address | the address opted out, unless `started_at` is later |
//! | `started_at` | START to any number | the address opted in |
//! | `blocked_by_provider#…` | STOP to that number; START to it removes it | Twilio blocks the pair |
//! | `refused_at#…`, `started_at#…` | as above, for that number | Twilio blocks the pair, unless START is later |

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::address::Address;
use domain::failure::Failure;
use domain::id::MessageRef;
use domain::message::Message;
use domain::{BusinessId, Error, Result, Timestamp};
use futures_util::future::try_join_all;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::expression::Write;
use crate::item::{Item, s};
use crate::keys::Key;
use crate::keys::attribute::PK;
use crate::suppression::MailConsent;
use crate::{Store, keys};

/// The shortest hash key that is accepted, in bytes.
const SHORTEST_KEY: usize = 16;

const STOPPED: &str = "stopped_at";
const STARTED: &str = "started_at";
const REFUSED: &str = "refused_at";
const BLOCKED: &str = "blocked_by_provider";

/// The attribute about one of our numbers.
fn of(attribute: &str, sender: &Address) -> String {
    format!("{attribute}#{}", sender.key())
}

/// A change of what somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsentChange {
    /// Of texts.
    Texts(TextConsent),
    /// Of mail.
    Mail(MailConsent),
}

/// An event that changes consent to texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// STOP, from the client.
    Stop,
    /// START, from the client.
    Start,
    /// Error 21610: Twilio blocks the pair. The block is as old as this instant or younger: the refused text was
    /// handed over then.
    Refusal(Timestamp),
}

/// A change of consent to texts, and its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct TextConsent {
    /// Whose address.
    pub address: Address,
    /// Our number.
    pub sender: Address,
    /// The event.
    pub heard: Heard,
    /// The provider's id of the text, or the refused message.
    pub evidence: String,
}

/// Why a text is not sent, by the stored consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// The client opted out of the business's texts, or the mail is suppressed.
    Unwanted,
    /// Twilio blocks the pair since then.
    Blocked(Timestamp),
}

impl Objection {
    /// The objection of the stored item to texts from `sender`. `None` when such a text is allowed.
    pub(crate) fn of(item: &Item, sender: &Address) -> Option<Objection> {
        if is_out(item) {
            return Some(Objection::Unwanted);
        }
        let refused = refused(item, &of(REFUSED, sender), &of(STARTED, sender));
        instant(item, &of(BLOCKED, sender)).or(refused).map(Objection::Blocked)
    }

    /// The reason that a message ends with.
    pub(crate) fn failure(self, message: &Message) -> Failure {
        match self {
            Objection::Unwanted => Failure::unwanted(message.channel),
            Objection::Blocked(since) => Failure::sender_blocked(since),
        }
    }
}

fn instant(item: &Item, attribute: &str) -> Option<Timestamp> {
    item.get(attribute)?.as_s().ok().and_then(|text| Timestamp::parse(text))
}

/// A refusal counts unless START came later.
fn refused(item: &Item, refused: &str, started: &str) -> Option<Timestamp> {
    instant(item, refused).filter(|refused| instant(item, started).is_none_or(|started| *refused >= started))
}

fn is_out(item: &Item) -> bool {
    instant(item, STOPPED).is_some() || refused(item, REFUSED, STARTED).is_some()
}

impl Store {
    fn opt_out_key(&self, business: BusinessId, address: &Address) -> Result<Key> {
        Ok(keys::opt_out(business, &self.address_hash(address)?))
    }

    /// The keyed hash under which is kept what the owner of an address wants, in hexadecimal.
    ///
    /// # Errors
    /// `Internal` when this function was given no key.
    pub fn address_hash(&self, address: &Address) -> Result<String> {
        if self.opt_out_hash_key.len() < SHORTEST_KEY {
            return Err(Error::internal("OPT_OUT_HASH_KEY is missing or shorter than 16 bytes"));
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.opt_out_hash_key)
            .map_err(|_| Error::internal("OPT_OUT_HASH_KEY cannot be used"))?;
        mac.update(address.key().as_bytes());
        Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether this address opted out of the business's texts.
    pub async fn is_opted_out(&self, business: BusinessId, address: &Address) -> Result<bool> {
        let item = self.get(self.opt_out_key(business, address)?, true).await?;
        Ok(item.is_some_and(|item| is_out(&item)))
    }

    /// Which of some addresses opted out of the business's texts, by their keys: one read for each hundred.
    pub async fn opted_out(
        &self,
        business: BusinessId,
        addresses: impl IntoIterator<Item = Address>,
    ) -> Result<HashSet<String>> {
        let mut asked = HashMap::new();
        for address in addresses {
            let key = self.opt_out_key(business, &address)?;
            asked.insert(key.pk.clone(), (key, address.key().into_owned()));
        }
        let keys: Vec<Key> = asked.values().map(|(key, _)| key.clone()).collect();
        let hundreds = keys.chunks(100).map(|hundred| self.batch_get(hundred.to_vec()));
        let items = try_join_all(hundreds).await?.into_iter().flatten();
        let out = items.filter(is_out).filter_map(|item| asked.remove(item.get(PK)?.as_s().ok()?));
        Ok(out.map(|(_, address)| address).collect())
    }

    /// Why a text that is about to be sent may not be, if so: one read.
    pub(crate) async fn objection(&self, message: &Message) -> Result<Option<Objection>> {
        let item = self.get(self.opt_out_key(message.at.business, &message.to_address)?, true).await?;
        Ok(item.and_then(|item| Objection::of(&item, &message.from_address)))
    }

    /// A part of a transaction that fails when the message is not wanted: its receiver opted out of texts, Twilio
    /// blocks texts from its sender, or mail of its kind to its receiver is suppressed.
    pub(crate) fn tx_consent_check(&self, message: &Message) -> Result<TransactWriteItem> {
        let (business, address, sender) = (message.at.business, &message.to_address, &message.from_address);
        if let Some(email) = address.email() {
            return self.tx_suppression_check(business, email, message.category);
        }
        let condition = Write::new()
            .when_absent(STOPPED)
            .when_absent_or_below(REFUSED, STARTED)
            .when_absent(&of(BLOCKED, sender))
            .when_absent_or_below(&of(REFUSED, sender), &of(STARTED, sender));
        self.tx_check(self.opt_out_key(business, address)?, condition)
    }

    /// The objection of the item that failed [`Store::tx_consent_check`].
    pub(crate) fn objection_of(message: &Message, item: Option<&Item>) -> Objection {
        let item = item.filter(|_| message.to_address.email().is_none());
        item.and_then(|item| Objection::of(item, &message.from_address)).unwrap_or(Objection::Unwanted)
    }

    /// The change that error 21610 about a text means, wherever the text is by now. The text was with Twilio when it last
    /// changed, so a START after that is the later word. `None` when there is no such text.
    pub async fn refusal(&self, at: MessageRef, evidence: &str) -> Result<Option<ConsentChange>> {
        let message = self.message(at).await?.filter(|message| message.to_address.email().is_none());
        Ok(message.map(|message| {
            ConsentChange::Texts(TextConsent {
                address: message.to_address,
                sender: message.from_address,
                heard: Heard::Refusal(message.updated_at),
                evidence: evidence.to_owned(),
            })
        }))
    }

    /// A part of a transaction that stores a change of consent. It has no condition: STOP and START take their order from
    /// the table, and a refusal only says when it happened.
    pub(crate) fn tx_consent_change(
        &self,
        business: BusinessId,
        change: &ConsentChange,
        now: Timestamp,
    ) -> Result<TransactWriteItem> {
        match change {
            ConsentChange::Texts(change) => self.tx_text_consent(business, change, now, Write::new()),
            ConsentChange::Mail(change) => self.tx_suppress(business, change, now),
        }
    }

    /// The same for something that was said a while ago. It fails when something was said since.
    pub(crate) fn tx_earlier_consent_change(
        &self,
        business: BusinessId,
        change: &ConsentChange,
        said_at: Timestamp,
    ) -> Result<TransactWriteItem> {
        let unless_newer = Write::new().when_absent_or("changed_at", "<=", s(said_at.to_string()));
        match change {
            ConsentChange::Texts(change) => self.tx_text_consent(business, change, said_at, unless_newer),
            ConsentChange::Mail(change) => self.tx_suppress(business, change, said_at),
        }
    }

    fn tx_text_consent(
        &self,
        business: BusinessId,
        change: &TextConsent,
        now: Timestamp,
        condition: Write,
    ) -> Result<TransactWriteItem> {
        let (sender, at) = (&change.sender, s(now.to_string()));
        let write = condition
            .stamp("Consent")
            .set("changed_at", at.clone())
            .set("evidence", s(change.evidence.clone()));
        let write = match change.heard {
            Heard::Stop => write.set(STOPPED, at.clone()).set(&of(BLOCKED, sender), at),
            Heard::Start => write
                .remove(STOPPED)
                .remove(&of(BLOCKED, sender))
                .set(STARTED, at.clone())
                .set(&of(STARTED, sender), at),
            Heard::Refusal(began) => {
                let began = s(began.to_string());
                write.set(REFUSED, began.clone()).set(&of(REFUSED, sender), began)
            }
        };
        self.tx_update(self.opt_out_key(business, &change.address)?, write)
    }
}
