//! Clients: what the directory knows of them.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::client::{Change, Client, ClientChanges};
use domain::phone::SmsAddress;
use domain::{BusinessId, ClientId, Result, Timestamp};
use serde::Serialize;

use crate::expression::Write;
use crate::item::{Item, s, stamp, value};
use crate::keys::attribute::GSI1;
use crate::{Store, keys};

fn apply<T: Serialize>(write: Write, attribute: &str, change: &Change<T>) -> Result<Write> {
    Ok(match change {
        Change::Keep => write,
        Change::Clear => write.remove(attribute),
        Change::Set(new) => write.set(attribute, value(new)?),
    })
}

impl Store {
    /// A part of a transaction that makes sure a client exists who is reached at `address`.
    pub(crate) fn tx_ensure_client(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &SmsAddress,
        provisional: bool,
        now: Timestamp,
    ) -> Result<TransactWriteItem> {
        let mut write = Write::new()
            .stamp("Client")
            .set_once("business_id", value(&business)?)
            .set_once("client_id", value(&client)?)
            .set_once("provisional", AttributeValue::Bool(provisional))
            .set_once("created_at", s(now.to_string()))
            .set_once("updated_at", s(now.to_string()))
            .set_once(GSI1.1, s(keys::names(business)))
            .set_once(GSI1.2, s(keys::name("", client)));
        if let SmsAddress::Phone(phone) = address {
            write = write.set_once("phone", s(phone.as_str()));
        }
        self.tx_update(keys::client(business, client), write)
    }

    /// A part of a transaction that lets an address lead to a client, whoever it led to before: the last one who was
    /// written to is the one who answers.
    pub(crate) fn tx_put_address(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &SmsAddress,
    ) -> Result<TransactWriteItem> {
        self.tx_put(address_item(business, client, address)?, Write::new())
    }

    /// The same, leaving alone whom it leads to already.
    pub(crate) fn tx_keep_address(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &SmsAddress,
    ) -> Result<TransactWriteItem> {
        let write = Write::new().stamp("Address").set_once("client_id", value(&client)?);
        self.tx_update(keys::address(business, address), write)
    }

    /// The same, refused when it leads to somebody already.
    pub(crate) fn tx_insert_address(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &SmsAddress,
    ) -> Result<TransactWriteItem> {
        self.tx_put(address_item(business, client, address)?, Write::new().if_new())
    }

    /// Who is reached at an address.
    pub async fn client_by_address(
        &self,
        business: BusinessId,
        address: &SmsAddress,
    ) -> Result<Option<ClientId>> {
        let item = self.get(keys::address(business, address), true).await?;
        item.map(|item| client_in(&item)).transpose()
    }

    /// Creates or changes a client as the directory says. A new phone number leads to them from now on.
    pub async fn upsert_client(
        &self,
        business: BusinessId,
        client: ClientId,
        changes: &ClientChanges,
    ) -> Result<()> {
        let now = self.clock().now();
        let mut write = Write::new()
            .stamp("Client")
            .set_once("business_id", value(&business)?)
            .set_once("client_id", value(&client)?)
            .set("provisional", AttributeValue::Bool(false))
            .set_once("created_at", s(now.to_string()))
            .set("updated_at", s(now.to_string()))
            .set_once(GSI1.1, s(keys::names(business)));
        write = apply(write, "full_name", &changes.full_name)?;
        write = apply(write, "first_name", &changes.first_name)?;
        write = apply(write, "middle_name", &changes.middle_name)?;
        write = apply(write, "last_name", &changes.last_name)?;
        write = apply(write, "gender", &changes.gender)?;
        write = apply(write, "image_url", &changes.image_url)?;
        write = apply(write, "email", &changes.email)?;
        write = apply(write, "phone", &changes.phone)?;
        write = apply(write, "phone_as_given", &changes.phone_as_given)?;
        write = apply(write, "client_type", &changes.client_type)?;
        write = apply(write, "wl_user_id", &changes.wl_user_id)?;
        write = apply(write, "location_id", &changes.location_id)?;
        write = apply(write, "time_zone", &changes.time_zone)?;
        write = apply(write, "inactive", &changes.inactive)?;
        write = match &changes.full_name {
            Change::Set(name) => write.set(GSI1.2, s(keys::name(&name.0.to_lowercase(), client))),
            Change::Clear => write.set(GSI1.2, s(keys::name("", client))),
            Change::Keep => write.set_once(GSI1.2, s(keys::name("", client))),
        };
        let mut parts = vec![self.tx_update(keys::client(business, client), write)?];
        if let Change::Set(phone) = &changes.phone {
            parts.push(self.tx_put_address(business, client, &SmsAddress::Phone(phone.clone()))?);
        }
        match self.transact(parts).await? {
            Ok(()) => Ok(()),
            Err(_) => Err(domain::Error::internal("an unconditional write was refused")),
        }
    }
}

/// The item that lets an address lead to a client.
fn address_item(business: BusinessId, client: ClientId, address: &SmsAddress) -> Result<Item> {
    let mut item = stamp(keys::address(business, address), "Address");
    item.insert("client_id".to_owned(), value(&client)?);
    Ok(item)
}

/// The client an address item leads to.
pub(crate) fn client_in(item: &Item) -> Result<ClientId> {
    item.get("client_id")
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
        .and_then(ClientId::new)
        .ok_or_else(|| domain::Error::internal("an address item names no client"))
}

/// The client as stored, out of an item.
pub(crate) fn decode_client(item: Item) -> Result<Client> {
    crate::item::decode(item)
}
