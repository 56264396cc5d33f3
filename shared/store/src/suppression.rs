//! Addresses that get no mail, or no campaigns.
//!
//! Each business has its own list: what bounced for one says nothing of the consent that another has. The address
//! stands in the key as a keyed hash, like that of an opt-out from texts, so that forgetting a person does not forget
//! what they asked for.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::address::Address;
use domain::channel::Category;
use domain::email::Email;
use domain::email_event::Suppression;
use domain::{BusinessId, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::consent::ConsentChange;
use crate::expression::Write;
use crate::item::{decode, s, value};
use crate::keys::Key;
use crate::{Store, keys};

/// Why nothing is sent: a bounce or a complaint.
const BLOCKED: &str = "blocked";
/// That no campaign is sent.
const NO_CAMPAIGNS: &str = "no_campaigns";
/// Keys that one call reads.
const AT_ONCE: usize = 100;

/// A change of what mail an address gets, and what shows why.
#[derive(Clone, Debug, PartialEq)]
pub struct MailConsent {
    /// The keyed hash of the address: see [`Store::address_hash`].
    pub address_hash: String,
    /// What is suppressed from now on. `None` takes an opt-out from campaigns back, and nothing else.
    pub suppression: Option<Suppression>,
    /// What shows it: the provider's id of the mail, or the message that was unsubscribed from.
    pub evidence: String,
}

/// What is suppressed for one address. The serde shape is the stored shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Nothing is sent, for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Suppression>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_at: Option<Timestamp>,
    /// No campaigns are sent, since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_campaigns: Option<Timestamp>,
    /// What shows the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The last removal: when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal_reason: Option<String>,
}

impl Suppressed {
    /// Whether mail of this kind is not sent.
    pub fn stops(&self, category: Category) -> bool {
        self.blocked.is_some() || (category == Category::Campaign && self.no_campaigns.is_some())
    }
}

impl Store {
    fn suppression_key(&self, business: BusinessId, email: &Email) -> Result<Key> {
        Ok(keys::suppression(business, &self.address_hash(&Address::Email(email.clone()))?))
    }

    /// The change that a provider's report of this address asks for.
    ///
    /// # Errors
    /// `Internal` when this function was given no key for hashes.
    pub fn mail_consent(
        &self,
        email: &Email,
        suppression: Option<Suppression>,
        evidence: String,
    ) -> Result<ConsentChange> {
        let address_hash = self.address_hash(&Address::Email(email.clone()))?;
        Ok(ConsentChange::Mail(MailConsent { address_hash, suppression, evidence }))
    }

    /// What is suppressed for an address.
    pub async fn suppressed(&self, business: BusinessId, email: &Email) -> Result<Suppressed> {
        let item = self.get(self.suppression_key(business, email)?, true).await?;
        Ok(item.map(decode).transpose()?.unwrap_or_default())
    }

    /// Those of the addresses that mail of this kind is not sent to. One call of the table for a hundred.
    pub async fn suppressed_among(
        &self,
        business: BusinessId,
        emails: &[Email],
        category: Category,
    ) -> Result<Vec<Email>> {
        let mut stopped = Vec::new();
        // The table refuses a call that names a key twice.
        let emails: Vec<Email> = emails.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        for hundred in emails.chunks(AT_ONCE) {
            let keys = hundred.iter().map(|email| self.suppression_key(business, email));
            let keys: Vec<Key> = keys.collect::<Result<_>>()?;
            let items = self.batch_get(keys.clone()).await?;
            for (email, key) in hundred.iter().zip(&keys) {
                let item = items
                    .iter()
                    .find(|item| item.get(keys::attribute::PK) == Some(&AttributeValue::S(key.pk.clone())));
                let suppressed: Option<Suppressed> = item.cloned().map(decode).transpose()?;
                if suppressed.is_some_and(|suppressed| suppressed.stops(category)) {
                    stopped.push(email.clone());
                }
            }
        }
        Ok(stopped)
    }

    /// A part of a transaction that fails when mail of this kind to the address is suppressed.
    pub(crate) fn tx_suppression_check(
        &self,
        business: BusinessId,
        email: &Email,
        category: Category,
    ) -> Result<TransactWriteItem> {
        let condition = Write::new().when_absent(BLOCKED);
        let condition =
            if category == Category::Campaign { condition.when_absent(NO_CAMPAIGNS) } else { condition };
        self.tx_check(self.suppression_key(business, email)?, condition)
    }

    /// A part of a transaction that stores a change of what mail an address gets.
    pub(crate) fn tx_suppress(
        &self,
        business: BusinessId,
        change: &MailConsent,
        now: Timestamp,
    ) -> Result<TransactWriteItem> {
        let key = keys::suppression(business, &change.address_hash);
        self.tx_update(key, suppressing(change, now)?)
    }

    /// Stores a change of what mail an address gets, on its own.
    pub async fn suppress(&self, business: BusinessId, change: &MailConsent) -> Result<()> {
        let write = suppressing(change, self.clock().now())?;
        let key = keys::suppression(business, &change.address_hash);
        self.update(key, write).await?.map_or(Ok(()), |_| Ok(()))
    }

    /// Lets an address get mail again, because somebody of the business says why. `false` when nothing was suppressed.
    pub async fn unsuppress(
        &self,
        business: BusinessId,
        email: &Email,
        by: &str,
        reason: &str,
    ) -> Result<bool> {
        let now = self.clock().now();
        let before = self.suppressed(business, email).await?;
        if before.blocked.is_none() && before.no_campaigns.is_none() {
            return Ok(false);
        }
        let write = Write::new()
            .stamp("Suppression")
            .remove(BLOCKED)
            .remove("blocked_at")
            .remove(NO_CAMPAIGNS)
            .set("removed_at", s(now.to_string()))
            .set("removed_by", s(by))
            .set("removal_reason", s(reason));
        Ok(self.update(self.suppression_key(business, email)?, write).await?.is_ok())
    }
}

/// The first reason stays: a complaint about mail to an address that bounced changes nothing. A complaint is also the
/// end of campaigns.
fn suppressing(change: &MailConsent, now: Timestamp) -> Result<Write> {
    let write = Write::new().stamp("Suppression").set("evidence", s(change.evidence.clone()));
    let block = |write: Write, reason: Suppression| -> Result<Write> {
        Ok(write.set_once(BLOCKED, value(&reason)?).set_once("blocked_at", s(now.to_string())))
    };
    Ok(match change.suppression {
        Some(Suppression::Bounce) => block(write, Suppression::Bounce)?,
        Some(Suppression::Complaint) => {
            block(write, Suppression::Complaint)?.set_once(NO_CAMPAIGNS, s(now.to_string()))
        }
        Some(Suppression::OptOut) => write.set_once(NO_CAMPAIGNS, s(now.to_string())),
        None => write.remove(NO_CAMPAIGNS),
    })
}
