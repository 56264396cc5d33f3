//! Between domain values and table items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Error, Result, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{Key, attribute};

/// One item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The version of the stored shapes.
const VERSION: u8 = 1;

/// A text attribute.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(crate) fn n(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Any serialisable value as an attribute.
pub(crate) fn value<T: Serialize>(value: &T) -> Result<AttributeValue> {
    serde_dynamo::to_attribute_value(value).map_err(|error| Error::Internal(error.into()))
}

/// An item: key, type, version, and the fields of `body`.
pub(crate) fn encode<T: Serialize>(key: Key, kind: &'static str, body: &T) -> Result<Item> {
    let mut item: Item = serde_dynamo::to_item(body).map_err(|error| Error::Internal(error.into()))?;
    item.extend(stamp(key, kind));
    Ok(item)
}

/// Key, type and version alone.
pub(crate) fn stamp(key: Key, kind: &'static str) -> Item {
    HashMap::from([
        (attribute::PK.to_owned(), s(key.pk)),
        (attribute::SK.to_owned(), s(key.sk)),
        ("type".to_owned(), s(kind)),
        ("v".to_owned(), n(VERSION)),
    ])
}

/// The same item, to be removed by the table some time after `end`.
pub(crate) fn until(mut item: Item, end: Timestamp) -> Item {
    item.insert("ttl".to_owned(), n(end.as_seconds()));
    item
}

/// The domain value in an item. Fields it does not know are ignored.
pub(crate) fn decode<T: DeserializeOwned>(item: Item) -> Result<T> {
    serde_dynamo::from_item(item).map_err(|error| Error::Internal(error.into()))
}
