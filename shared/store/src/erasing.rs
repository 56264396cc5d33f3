//! Forgetting a client.
//!
//! It begins with one transaction: an item that says what is to be done, and a bare mark in the client's place, so that
//! no list, search or number leads to them and nothing is written to them any more. Then everything that holds their
//! words or leads to them is removed: what waits to be sent first, and each message together with what belongs to it.
//! The mark goes last. What dies on the way is due, and the sweeper goes on with it.
//!
//! Three things stay on purpose. A tombstone with the id stays in the lists by change: docs/adr/0043. Opt-outs are kept under a keyed hash of the address: docs/adr/0037. A provider's ids of
//! texts stay for a month without anything else, because the provider still has the texts, and what is not known by its
//! id would be taken for new.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::address::Address;
use domain::channel::{Channel, Direction, Provider, provider_of_id};
use domain::id::MessageRef;
use domain::mail::Mail;
use domain::report::Source;
use domain::shards::Shards;
use domain::status::Status;
use domain::{BusinessId, ClientId, MessageId, Result};
use serde::{Deserialize, Serialize};

use crate::clients::{ClientView, ERASING, Person, Profile, Ties, terms};
use crate::conversations::as_seen;
use crate::expression::Write;
use crate::item::{Item, decode, encode, n, s, stamp, value};
use crate::keys::attribute::{GSI1, PK, SK};
use crate::keys::span;
use crate::merging::{event_of, key_of};
use crate::messages::Placing;
use crate::{Store, keys};

/// Messages that are removed inside the call.
const AT_ONCE: usize = 300;
/// Messages that are removed in one run of the sweeper.
const IN_A_RUN: usize = 2_000;
/// When the sweeper looks after an erasure that is not done. Longer than a call or a run works on it.
const AGAIN: Duration = Duration::from_secs(60);
/// Messages that are looked at together.
const LOOKED_AT: i32 = 40;
/// The parts of a transaction.
const PARTS: usize = 100;
/// How long a provider's id is still known as one of ours. The provider is asked for the texts of the last day only,
/// but what is kept aside by a queue can be handed out again two weeks later.
const KNOWN: Duration = Duration::from_secs(30 * 24 * 3600);

/// An erasure that is not done yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DueErasure {
    business_id: BusinessId,
    client_id: ClientId,
    /// Strangers who became this client, or were about to.
    #[serde(default)]
    also: Vec<ClientId>,
}

/// Objects of a message that was removed. They are removed as well, by whoever may do that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Discarded {
    /// Whose.
    pub business_id: BusinessId,
    /// Of which message.
    pub message_id: MessageId,
    /// Their keys in object storage.
    pub objects: Vec<String>,
}

impl DueErasure {
    /// Every id of the person.
    fn ids(&self) -> Vec<ClientId> {
        let mut ids = self.also.clone();
        ids.push(self.client_id);
        ids
    }
}

/// What has to be known of an entry to find all that leads to it, of whatever kind it is.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    message_id: MessageId,
    #[serde(default)]
    channel: Option<Channel>,
    #[serde(default)]
    direction: Option<Direction>,
    #[serde(default)]
    external_id: Option<u64>,
    #[serde(default)]
    provider: Option<Provider>,
    #[serde(default)]
    provider_message_id: Option<String>,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    mail: Option<Mail>,
}

impl Entry {
    /// Whose id it carries.
    fn provider_of_id(&self) -> Provider {
        let (Some(channel), Some(direction)) = (self.channel, self.direction) else {
            return Provider::External;
        };
        provider_of_id(self.provider, channel, direction)
    }

    /// Where what came with it lies in object storage.
    fn objects(&self) -> Vec<String> {
        self.mail.as_ref().map(Mail::objects).unwrap_or_default()
    }

    fn is_unproven(&self) -> bool {
        self.mail.as_ref().is_some_and(Mail::is_unproven)
    }

    /// The client's address, in the item that the entry is of.
    fn address(&self, item: &Item) -> Option<Address> {
        let side = match self.direction? {
            Direction::Inbound => "from_address",
            Direction::Outbound | Direction::Internal => "to_address",
        };
        Address::from_key(item.get(side)?.as_s().ok()?)
    }
}

impl Store {
    /// Forgets a client, whichever of their ids is given: what is left when this returns, the sweeper removes. `false`
    /// when there is no such client.
    pub async fn erase_client(&self, business: BusinessId, client: ClientId, shards: Shards) -> Result<bool> {
        let mut placing = Placing::begin();
        let erasure = loop {
            match self.person(business, client).await? {
                Person::Nobody(_) => return Ok(false),
                Person::Erasing(client) => match self.get(keys::erasure(business, client), true).await? {
                    Some(item) => break decode(item)?,
                    None => return Ok(true),
                },
                Person::Here(view, ties) => {
                    if let Some(erasure) = self.begin_erasing(&view, ties, shards).await? {
                        break erasure;
                    }
                    placing.again().await?;
                }
            }
        };
        // They are gone for everybody; what this does not get to is due.
        let _ = self.erase(&erasure, AT_ONCE).await;
        Ok(true)
    }

    /// Goes on with an erasure. What it does not get to is due again.
    pub async fn go_on_erasing(&self, erasure: &DueErasure) -> Result<()> {
        let key = keys::erasure(erasure.business_id, erasure.client_id);
        let again = Write::new().set(GSI1.2, s(self.erasure_due_at(erasure))).if_exists();
        if self.update(key, again).await?.is_err() {
            return Ok(());
        }
        self.erase(erasure, IN_A_RUN).await
    }

    fn erasure_due_at(&self, erasure: &DueErasure) -> String {
        keys::due_number(self.clock().now().plus(AGAIN), erasure.business_id, erasure.client_id)
    }

    /// Hides a client and whoever is becoming them. `None` when somebody changed meanwhile.
    async fn begin_erasing(
        &self,
        view: &ClientView,
        ties: Ties,
        shards: Shards,
    ) -> Result<Option<DueErasure>> {
        let (business, client) = (view.client.business_id, view.client.client_id);
        let erasure = DueErasure { business_id: business, client_id: client, also: ties.merged_from };
        let mut parts = Vec::new();
        self.hide(view, shards, &mut parts)?;
        for hundred in erasure.also.chunks(100) {
            let others = hundred.iter().map(|other| keys::profile(business, *other)).collect();
            for item in self.batch_get(others).await? {
                if let Profile::Here(other) = Profile::out_of(item)? {
                    self.hide(&other, shards, &mut parts)?;
                    parts.push(self.tx_delete(keys::merge(business, other.client.client_id), Write::new())?);
                }
            }
        }
        for address in crate::clients::addresses(&view.client) {
            parts.extend(self.tx_release_address(business, &address, &erasure.ids()).await?);
        }
        let mut item = encode(keys::erasure(business, client), "Erasure", &erasure)?;
        item.insert(GSI1.1.to_owned(), s(keys::due(keys::due_shard(client.get()))));
        item.insert(GSI1.2.to_owned(), s(self.erasure_due_at(&erasure)));
        parts.push(self.tx_put(item, Write::new())?);
        Ok(self.transact(parts).await?.is_ok().then_some(erasure))
    }

    /// Parts that put a bare mark in a client's place: no list has it, and no search leads there. Lists by change have a
    /// tombstone from then on.
    fn hide(&self, view: &ClientView, shards: Shards, parts: &mut Vec<TransactWriteItem>) -> Result<()> {
        let (business, client) = (view.client.business_id, view.client.client_id);
        let condition = as_seen(Write::new(), view).when("cell", "=", s(view.cell().to_string())).when(
            "updated_at",
            "=",
            s(view.client.updated_at.to_string()),
        );
        parts.push(self.tx_put(stamp(keys::profile(business, client), ERASING), condition)?);
        parts.push(self.tx_put_tombstone(business, client, None)?);
        parts.push(self.tx_recount(business, client, shards, Some(&view.cell()), None)?);
        parts.push(self.tx_delete(keys::snooze(business, client), Write::new())?);
        for term in terms(&view.client) {
            parts.push(self.tx_delete(keys::find(business, &term, client), Write::new())?);
        }
        Ok(())
    }

    /// Removes up to `most` messages, and the rest when they were all.
    async fn erase(&self, erasure: &DueErasure, most: usize) -> Result<()> {
        let (business, mut left) = (erasure.business_id, most);
        for client in erasure.ids() {
            self.erase_waiting(erasure, client).await?;
        }
        if !self.bury_other_ids(erasure).await? {
            return Ok(());
        }
        for client in erasure.ids() {
            let pk = keys::profile(business, client).pk;
            loop {
                if left == 0 {
                    return Ok(());
                }
                let (items, next) =
                    self.query_span(pk.clone(), span::MESSAGES, Some(LOOKED_AT), None).await?;
                let more = next.is_some();
                left = left.saturating_sub(items.len());
                let entries: Vec<Entry> = items.iter().cloned().map(decode).collect::<Result<_>>()?;
                if let Some(last) = entries.last() {
                    let (from, to) = keys::events_until(last.message_id);
                    let events = self.query_all(pk.clone(), (&from, &to)).await?;
                    self.erase_entries(erasure, client, &items, &events).await?;
                }
                if !more {
                    break;
                }
            }
            let stays = [keys::profile(business, client), keys::erasure(business, client)];
            let mut parts = Vec::new();
            for item in self.query_all(pk, span::EVERYTHING).await? {
                let key = key_of(&item)?;
                if !stays.contains(&key) {
                    parts.push(self.tx_delete(key, Write::new())?);
                }
            }
            self.transact_all(parts).await?;
        }
        let mut parts = Vec::new();
        for client in erasure.ids() {
            parts.push(self.tx_delete(keys::profile(business, client), Write::new())?);
        }
        parts.push(self.tx_delete(keys::erasure(business, erasure.client_id), Write::new())?);
        self.transact_all(parts).await
    }

    /// Leaves a tombstone for every id that the person had before. Strangers who became the client long ago are in no
    /// transaction that began the erasure: there may be more of them than a transaction takes. False when another run
    /// has finished the erasure: then the ids may be somebody's again.
    async fn bury_other_ids(&self, erasure: &DueErasure) -> Result<bool> {
        let business = erasure.business_id;
        for some in erasure.also.chunks(PARTS - 1) {
            let going_on = Write::new().set(GSI1.2, s(self.erasure_due_at(erasure))).if_exists();
            let mut parts = vec![self.tx_update(keys::erasure(business, erasure.client_id), going_on)?];
            for other in some {
                parts.push(self.tx_put_tombstone(business, *other, None)?);
            }
            if self.transact(parts).await?.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What waits for a sender goes first, wherever it stands in the timeline: it is not sent any more.
    async fn erase_waiting(&self, erasure: &DueErasure, client: ClientId) -> Result<()> {
        let pk = keys::profile(erasure.business_id, client).pk;
        let mut next = None;
        loop {
            let answer = self
                .ddb
                .query()
                .table_name(&*self.table)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .filter_expression("#rank = :waiting")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_names("#rank", "status_rank")
                .expression_attribute_values(":pk", s(pk.clone()))
                .expression_attribute_values(":from", s(span::MESSAGES.0))
                .expression_attribute_values(":to", s(span::MESSAGES.1))
                .expression_attribute_values(":waiting", n(Status::Queued.rank()))
                .consistent_read(true)
                .set_exclusive_start_key(next)
                .send()
                .await
                .map_err(crate::error::from_sdk)?;
            for item in answer.items.unwrap_or_default() {
                let Entry { message_id, .. } = decode(item.clone())?;
                let (from, (_, to)) = (keys::event_prefix(message_id), keys::events_until(message_id));
                let events = self.query_all(pk.clone(), (&from, &to)).await?;
                self.erase_entries(erasure, client, &[item], &events).await?;
            }
            next = answer.last_evaluated_key;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Removes entries of one client, each with its events and everything that leads to it.
    async fn erase_entries(
        &self,
        erasure: &DueErasure,
        client: ClientId,
        items: &[Item],
        events: &[Item],
    ) -> Result<()> {
        let business = erasure.business_id;
        let entries: Vec<Entry> = items.iter().cloned().map(decode).collect::<Result<_>>()?;
        let addresses: BTreeSet<Address> =
            items.iter().zip(&entries).filter_map(|(item, entry)| entry.address(item)).collect();
        for address in addresses {
            if let Some(part) = self.tx_release_address(business, &address, &erasure.ids()).await? {
                // Refused: it leads to somebody else since.
                let _ = self.transact(vec![part]).await?;
            }
        }
        self.forget_unproven(erasure, items, &entries).await?;
        let mut parts = Vec::new();
        for (item, entry) in items.iter().zip(entries) {
            let at = MessageRef { business, client, message: entry.message_id };
            let mut ids: BTreeMap<String, u32> = BTreeMap::new();
            if let Some(id) = &entry.provider_message_id {
                ids.insert(id.clone(), entry.attempt);
            }
            let mut own = Vec::new();
            for event in events {
                let Some((message, identity)) = event_of(event) else { continue };
                if message == entry.message_id {
                    ids.extend(provider_id_in(identity));
                    own.push(self.tx_delete(key_of(event)?, Write::new())?);
                }
            }
            for (id, attempt) in ids {
                own.push(self.tx_forget_provider_id(entry.provider_of_id(), &id, at, attempt, KNOWN)?);
            }
            let objects = entry.objects();
            if !objects.is_empty() {
                own.push(self.tx_discard(business, entry.message_id, &objects)?);
            }
            if let (Some(id), Some(channel)) = (entry.external_id, entry.channel) {
                own.push(self.tx_delete(keys::external(business, channel, id), Write::new())?);
            }
            own.push(self.tx_delete(keys::message_pointer(business, entry.message_id), Write::new())?);
            // Last, so that what dies before it finds the rest again.
            own.push(self.tx_delete(key_of(item)?, Write::new())?);
            if parts.len() + own.len() > PARTS {
                self.transact_all(std::mem::take(&mut parts)).await?;
            }
            parts.extend(own);
        }
        self.transact_all(parts).await
    }

    /// Removes what leads from addresses that mail named and didn't prove to the client whom it was kept with.
    async fn forget_unproven(&self, erasure: &DueErasure, items: &[Item], entries: &[Entry]) -> Result<()> {
        let unproven = items.iter().zip(entries).filter(|(_, entry)| entry.is_unproven());
        let addresses: BTreeSet<Address> = unproven.filter_map(|(item, entry)| entry.address(item)).collect();
        for address in addresses {
            let key = keys::unproven_sender(erasure.business_id, &address);
            let holder = self.client_at(key.clone()).await?;
            if let Some(holder) = holder.filter(|holder| erasure.ids().contains(holder)) {
                self.delete(key, Write::new().when("client_id", "=", value(&holder)?)).await?;
            }
        }
        Ok(())
    }

    /// A part by which the sweeper removes objects from storage.
    fn tx_discard(
        &self,
        business: BusinessId,
        message: MessageId,
        objects: &[String],
    ) -> Result<TransactWriteItem> {
        let now = self.clock().now();
        let discarded = Discarded { business_id: business, message_id: message, objects: objects.to_vec() };
        let mut item = encode(keys::discarded(business, message), "Discarded", &discarded)?;
        item.insert(GSI1.1.to_owned(), s(keys::due(keys::due_shard(message.get()))));
        item.insert(GSI1.2.to_owned(), s(keys::due_number(now, business, message)));
        self.tx_put(item, Write::new())
    }

    /// Forgets objects that were removed.
    pub async fn forget_discarded(&self, discarded: &Discarded) -> Result<()> {
        let key = keys::discarded(discarded.business_id, discarded.message_id);
        self.delete(key, Write::new()).await.map(drop)
    }

    /// Parts without a condition, in order, as many at once as go.
    async fn transact_all(&self, parts: Vec<TransactWriteItem>) -> Result<()> {
        for hundred in parts.chunks(PARTS) {
            if self.transact(hundred.to_vec()).await?.is_err() {
                return Err(domain::Error::internal("a write without a condition was refused"));
            }
        }
        Ok(())
    }
}

/// The provider's id of a message, and the attempt it is of, in the identity of a report.
fn provider_id_in(identity: &str) -> Option<(String, u32)> {
    let mut parts = identity.split('#');
    let (source, attempt, id) = (parts.next()?, parts.next()?, parts.next()?);
    (source == Source::Provider.as_str() && id != "-").then_some(())?;
    Some((id.to_owned(), attempt.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::report::Report;

    #[test]
    fn a_report_names_the_providers_id_and_an_event_of_our_own_does_not() {
        let report = Report::from_twilio("sent", None, Some("SM1".to_owned()), Some(2));
        assert_eq!(provider_id_in(&report.identity()), Some(("SM1".to_owned(), 2)));
        let unknown = Report::from_twilio("sent", None, None, Some(2));
        assert_eq!(provider_id_in(&unknown.identity()), None);
        assert_eq!(provider_id_in("sender#0001#2026-01-31T12:00:00.000Z#queued"), None);
    }
}
