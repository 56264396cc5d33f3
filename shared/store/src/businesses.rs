//! Businesses, and which number leads to which of them.

use domain::access::{ApiKey, ApiKeys};
use domain::business::{Business, InboundRoute};
use domain::email::Email;
use domain::phone::Phone;
use domain::{BusinessId, Result, Timestamp};

use crate::expression::Write;
use crate::item::{decode, encode, n, s, value};
use crate::keys::attribute::{GSI1, GSI7};
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
            .set("allowed_origins", value(&business.allowed_origins)?)
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

    /// Lets a mailbox lead to a business. `false` when it leads to another one.
    pub async fn claim_mailbox(&self, mailbox: &Email, route: &InboundRoute) -> Result<bool> {
        let item = encode(keys::mailbox(mailbox), "Mailbox", route)?;
        let condition = Write::new().when_absent_or("business_id", "=", value(&route.business_id)?);
        Ok(self.put(item, condition).await?.is_ok())
    }

    /// Whom a mailbox leads to.
    pub async fn mailbox_route(&self, mailbox: &Email) -> Result<Option<InboundRoute>> {
        self.get(keys::mailbox(mailbox), true).await?.map(decode).transpose()
    }
}
