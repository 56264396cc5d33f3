//! Businesses, and which number leads to which of them.

use domain::access::{ApiKey, ApiKeys};
use domain::business::{Business, InboundRoute};
use domain::email::Email;
use domain::mail_domain::{DomainClaim, domains_above};
use domain::phone::Phone;
use domain::setup::Setup;
use domain::{BusinessId, Result, Timestamp};

use crate::expression::Write;
use crate::item::{decode, encode, n, s, value};
use crate::keys::attribute::{GSI1, GSI7};
use crate::messages::Placing;
use crate::{Store, keys};

/// What a business has to do in the due index.
pub(crate) const SETUP: &str = "setup";

impl Store {
    /// A business.
    pub async fn business(&self, business: BusinessId) -> Result<Option<Business>> {
        self.get(keys::business(business), true).await?.map(decode).transpose()
    }

    /// Creates a business together with its first key. `false` when it exists already; then nothing is written.
    pub async fn insert_business(&self, business: &Business, key: &ApiKey) -> Result<bool> {
        let id = business.business_id;
        let mut item = encode(keys::business(id), "Business", business)?;
        item.insert(GSI7.1.to_owned(), s(keys::businesses()));
        item.insert(GSI7.2.to_owned(), s(id.key()));
        let parts = vec![
            self.tx_put(item, Write::new().if_new())?,
            self.tx_put_credential(&key.secret_hash, &key.credential(id))?,
            self.tx_put(
                encode(keys::api_keys(id), "ApiKeys", &ApiKeys { keys: vec![key.clone()] })?,
                Write::new().if_new(),
            )?,
        ];
        Ok(self.transact(parts).await?.is_ok())
    }

    /// The ids of all businesses.
    pub async fn businesses(&self) -> Result<Vec<BusinessId>> {
        #[derive(serde::Deserialize)]
        struct Listed {
            business_id: BusinessId,
        }
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let answer = self
                .ddb
                .query()
                .table_name(&*self.table)
                .index_name(GSI7.0)
                .key_condition_expression("#pk = :pk")
                .expression_attribute_names("#pk", GSI7.1)
                .expression_attribute_values(":pk", s(keys::businesses()))
                .set_exclusive_start_key(next)
                .send()
                .await
                .map_err(crate::error::from_sdk)?;
            for item in answer.items.unwrap_or_default() {
                found.push(decode::<Listed>(item)?.business_id);
            }
            next = answer.last_evaluated_key;
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Stores what onboarding was asked for or found out, all that can change of a business, and when somebody has to
    /// look at it again, if at all. `false` when it changed since `business` was read; then nothing is written.
    pub async fn put_setup(&self, business: &Business, due: Option<Timestamp>) -> Result<bool> {
        let id = business.business_id;
        let write = Write::new()
            .set("phone_numbers", value(&business.phone_numbers)?)
            .put("from_phone", business.from_phone.as_ref().map(|phone| s(phone.as_str())))
            .put("from_email", business.from_email.as_ref().map(|email| s(email.as_str())))
            .put("subdomain", business.subdomain.as_ref().map(|name| s(name.as_str())))
            .set("inbox_shards", value(&business.inbox_shards)?)
            .set("requests_per_minute", n(business.requests_per_minute.per_minute()))
            .put(
                "business_requests_per_minute",
                business.business_requests_per_minute.map(|all| n(all.per_minute())),
            )
            .set("allowed_origins", value(&business.allowed_origins)?)
            .set("allowed_destinations", value(&business.allowed_destinations)?)
            .set("setup", value(&business.setup)?)
            .add("setup_version", 1)
            .put(GSI1.1, due.map(|_| s(keys::due(keys::due_shard(id.get())))))
            .put(GSI1.2, due.map(|due| s(keys::due_number(due, id, SETUP))))
            .if_exists()
            .when_count("setup_version", business.setup_version);
        Ok(self.update(keys::business(id), write).await?.is_ok())
    }

    /// A business, as somebody read it within the last five seconds.
    pub async fn business_of_late(&self, business: BusinessId) -> Result<Option<Business>> {
        let now = self.clock().now();
        if let Some(known) = self.businesses.get(&business, now) {
            return Ok(Some(known));
        }
        let read = self.business(business).await?;
        if let Some(read) = &read {
            self.businesses.put(business, now, read.clone());
        }
        Ok(read)
    }

    /// Lets a number lead to a business. `false` when it leads to another one.
    pub async fn claim_number(&self, phone: &Phone, route: &InboundRoute) -> Result<bool> {
        let item = encode(keys::number(phone), "Number", route)?;
        let condition = Write::new().when_absent_or("business_id", "=", value(&route.business_id)?);
        Ok(self.put(item, condition).await?.is_ok())
    }

    /// Whom a number leads to.
    pub async fn number_route(&self, phone: &Phone) -> Result<Option<InboundRoute>> {
        self.get(keys::number(phone), true).await?.map(decode).transpose()
    }

    /// Lets a mailbox lead to a business, and claims its domain for it. `false` when the mailbox is another's, or the
    /// domain, or when another has proved a domain above it: SES would send from there for whoever asks.
    ///
    /// A claim that was never proved and whose time is over goes to who asks; the business that had it loses its mailbox
    /// there in the same transaction.
    pub async fn claim_mailbox(&self, mailbox: &Email, route: &InboundRoute) -> Result<bool> {
        let (business, domain) = (route.business_id, mailbox.domain());
        let key = keys::mail_domain(domain);
        let mut placing = Placing::begin();
        loop {
            let now = self.clock().now();
            let held = self.get(key.clone(), true).await?.map(decode::<DomainClaim>).transpose()?;
            if held.as_ref().is_some_and(|held| held.keeps_out(business, now)) {
                return Ok(false);
            }
            let lost = match &held {
                Some(held) if held.business_id != business => {
                    self.mailbox_at(held.business_id, domain).await?
                }
                _ => None,
            };
            // A mailbox that is lost with the domain may be the very one that is asked for.
            let same = lost.as_ref().filter(|(_, lost)| lost == mailbox);
            let free_of = same.map_or(business, |(loser, _)| loser.business_id);
            let free = Write::new().when_absent_or("business_id", "=", value(&free_of)?);
            let mut parts = vec![self.tx_put(encode(keys::mailbox(mailbox), "Mailbox", route)?, free)?];
            for above in domains_above(domain) {
                let unproved = Write::new().when_absent_or("proved_by", "=", value(&business)?);
                parts.push(self.tx_check(keys::mail_domain(above), unproved)?);
            }
            let mut refusing = 0..parts.len();
            match &held {
                Some(held) if held.business_id == business => {
                    let ours = Write::new().when("business_id", "=", value(&business)?);
                    parts.push(self.tx_check(key.clone(), ours)?);
                }
                held => {
                    let as_read = match held {
                        Some(held) => Write::new()
                            .when("business_id", "=", value(&held.business_id)?)
                            .when_absent("proved_by"),
                        None => Write::new().if_new(),
                    };
                    let claim = encode(key.clone(), "MailDomain", &DomainClaim::new(business, now))?;
                    parts.push(self.tx_put(claim, as_read)?);
                }
            }
            if let Some((loser, mailbox_there)) = &lost {
                parts.push(self.tx_update(keys::business(loser.business_id), without_mailbox(loser)?)?);
                if mailbox_there != mailbox {
                    let theirs = Write::new().when_absent_or("business_id", "=", value(&loser.business_id)?);
                    parts.push(self.tx_delete(keys::mailbox(mailbox_there), theirs)?);
                }
            }
            match self.transact(parts).await? {
                Ok(()) => return Ok(true),
                Err(refused) if refusing.any(|part| refused.failed(part)) => return Ok(false),
                Err(_) => placing.again().await?,
            }
        }
    }

    /// A business and its mailbox, if that is at this domain.
    async fn mailbox_at(&self, business: BusinessId, domain: &str) -> Result<Option<(Business, Email)>> {
        let Some(business) = self.business(business).await? else { return Ok(None) };
        let mailbox = business.from_email.clone().filter(|mailbox| mailbox.domain() == domain);
        Ok(mailbox.map(|mailbox| (business, mailbox)))
    }

    /// Keeps that SES has verified a domain for a business: nobody else can claim it from now on. `false` when it is
    /// another's. A business that was set up before there were claims gets its claim here.
    pub async fn prove_domain(&self, business: BusinessId, domain: &str) -> Result<bool> {
        let write = Write::new()
            .stamp("MailDomain")
            .set("business_id", value(&business)?)
            .set_once("claimed_at", value(&self.clock().now())?)
            .set("proved_by", value(&business)?)
            .when_absent_or("business_id", "=", value(&business)?);
        Ok(self.update(keys::mail_domain(domain), write).await?.is_ok())
    }

    /// Whom a mailbox leads to.
    pub async fn mailbox_route(&self, mailbox: &Email) -> Result<Option<InboundRoute>> {
        self.get(keys::mailbox(mailbox), true).await?.map(decode).transpose()
    }
}

/// The write after which a business has no mailbox: another one has taken the domain over, and the steps say so.
fn without_mailbox(business: &Business) -> Result<Write> {
    let setup =
        Setup { refused_mailbox: business.from_email.clone(), identity: None, ..business.setup.clone() };
    Ok(Write::new()
        .remove("from_email")
        .set("setup", value(&setup)?)
        .add("setup_version", 1)
        .if_exists()
        .when_count("setup_version", business.setup_version))
}
