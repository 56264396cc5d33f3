//! Who does not want texts, by address and sender. What mail is not wanted is in `suppression.rs`.
//!
//! Consent belongs to a phone number and the number of ours it said STOP to, not to a directory entry: two clients
//! with one phone share it, and it outlives both. The address stands in the key as a keyed hash, so that forgetting a
//! person does not forget what they asked for: docs/adr/0006.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::address::Address;
use domain::message::Message;
use domain::{BusinessId, Error, Result, Timestamp};
use futures_util::future::try_join_all;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::expression::Write;
use crate::item::{Item, s, stamp};
use crate::keys::Key;
use crate::keys::attribute::PK;
use crate::suppression::MailConsent;
use crate::{Store, keys};

/// The shortest hash key that is accepted, in bytes.
const SHORTEST_KEY: usize = 16;

const STATE: &str = "consent";
const OPTED_OUT: &str = "opted_out";
const OPTED_IN: &str = "opted_in";

/// A change of what somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsentChange {
    /// Of texts.
    Texts(TextConsent),
    /// Of mail.
    Mail(MailConsent),
}

/// A change of consent to texts, and what shows that it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct TextConsent {
    /// Whose address.
    pub address: Address,
    /// Our number.
    pub sender: Address,
    /// Out or in again.
    pub opted_out: bool,
    /// What shows it: the provider's id of the text or of the refused message.
    pub evidence: String,
}

fn is_out(item: &Item) -> bool {
    item.get(STATE).and_then(|state| state.as_s().ok()).is_some_and(|state| state == OPTED_OUT)
}

impl Store {
    fn opt_out_key(&self, business: BusinessId, address: &Address, sender: &Address) -> Result<Key> {
        Ok(keys::opt_out(business, &self.address_hash(address)?, sender))
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

    /// Whether this address opted out of texts from this sender.
    pub async fn is_opted_out(
        &self,
        business: BusinessId,
        address: &Address,
        sender: &Address,
    ) -> Result<bool> {
        let item = self.get(self.opt_out_key(business, address, sender)?, true).await?;
        Ok(item.is_some_and(|item| is_out(&item)))
    }

    /// Which of some addresses opted out of texts from this sender, by their keys: one read for each hundred.
    pub async fn opted_out(
        &self,
        business: BusinessId,
        addresses: impl IntoIterator<Item = Address>,
        sender: &Address,
    ) -> Result<HashSet<String>> {
        let mut asked = HashMap::new();
        for address in addresses {
            let key = self.opt_out_key(business, &address, sender)?;
            asked.insert(key.pk.clone(), (key, address.key().into_owned()));
        }
        let keys: Vec<Key> = asked.values().map(|(key, _)| key.clone()).collect();
        let hundreds = keys.chunks(100).map(|hundred| self.batch_get(hundred.to_vec()));
        let items = try_join_all(hundreds).await?.into_iter().flatten();
        let out = items.filter(is_out).filter_map(|item| asked.remove(item.get(PK)?.as_s().ok()?));
        Ok(out.map(|(_, address)| address).collect())
    }

    /// A part of a transaction that fails when the message is not wanted: its receiver opted out of texts from its
    /// sender, or mail of its kind to its receiver is suppressed.
    pub(crate) fn tx_consent_check(&self, message: &Message) -> Result<TransactWriteItem> {
        let (business, address) = (message.at.business, &message.to_address);
        if let Some(email) = address.email() {
            return self.tx_suppression_check(business, email, message.category);
        }
        let condition = Write::new().when_absent_or(STATE, "<>", s(OPTED_OUT));
        self.tx_check(self.opt_out_key(business, address, &message.from_address)?, condition)
    }

    /// A part of a transaction that stores a change of consent.
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
        let mut item: Item = stamp(self.opt_out_key(business, &change.address, &change.sender)?, "Consent");
        item.insert(STATE.to_owned(), s(if change.opted_out { OPTED_OUT } else { OPTED_IN }));
        item.insert("changed_at".to_owned(), s(now.to_string()));
        item.insert("evidence".to_owned(), s(change.evidence.clone()));
        self.tx_put(item, condition)
    }
}
