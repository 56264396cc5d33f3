//! Update and condition expressions, built with aliases so that no attribute name can collide with a reserved word.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use domain::{Error, Result};

use crate::Store;
use crate::item::{Item, n, s};
use crate::keys::{Key, attribute};

/// One conditional write, as it grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Write {
    sets: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Write {
    pub(crate) fn new() -> Write {
        Write::default()
    }

    fn name(&mut self, attribute: &str) -> String {
        // Aliases have letters, digits and underscores only; some attributes are named by one of our numbers.
        let alias: String =
            attribute.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let alias = format!("#{alias}");
        self.names.insert(alias.clone(), attribute.to_owned());
        alias
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let alias = format!(":v{}", self.values.len());
        self.values.insert(alias.clone(), value);
        alias
    }

    /// Sets an attribute.
    pub(crate) fn set(mut self, attribute: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name} = {value}"));
        self
    }

    /// Sets an attribute that has no value yet.
    pub(crate) fn set_once(mut self, attribute: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name} = if_not_exists({name}, {value})"));
        self
    }

    /// Sets an attribute, or removes it for `None`.
    pub(crate) fn put(self, attribute: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(attribute, value),
            None => self.remove(attribute),
        }
    }

    /// Adds to a number that counts from zero.
    pub(crate) fn add(mut self, attribute: &str, by: i64) -> Self {
        let (name, zero, by) = (self.name(attribute), self.value(n(0)), self.value(n(by)));
        self.sets.push(format!("{name} = if_not_exists({name}, {zero}) + {by}"));
        self
    }

    /// Appends to a list that begins empty.
    pub(crate) fn append(mut self, attribute: &str, list: AttributeValue) -> Self {
        let (name, empty, list) =
            (self.name(attribute), self.value(AttributeValue::L(Vec::new())), self.value(list));
        self.sets.push(format!("{name} = list_append(if_not_exists({name}, {empty}), {list})"));
        self
    }

    /// Removes an attribute.
    pub(crate) fn remove(mut self, attribute: &str) -> Self {
        let name = self.name(attribute);
        self.removes.push(name);
        self
    }

    /// Sets what an item made by an update needs: type and version.
    pub(crate) fn stamp(self, kind: &'static str) -> Self {
        self.set_once("type", s(kind)).set_once("v", n(1))
    }

    /// Only when the item does not exist.
    pub(crate) fn if_new(mut self) -> Self {
        let name = self.name(attribute::PK);
        self.conditions.push(format!("attribute_not_exists({name})"));
        self
    }

    /// Only when the item exists.
    pub(crate) fn if_exists(mut self) -> Self {
        let name = self.name(attribute::PK);
        self.conditions.push(format!("attribute_exists({name})"));
        self
    }

    /// Only when the attribute compares so: `=`, `<>`, `<`, `<=`, `>`, `>=`.
    pub(crate) fn when(mut self, attribute: &str, comparison: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.name(attribute), self.value(value));
        self.conditions.push(format!("{name} {comparison} {value}"));
        self
    }

    /// Only when the attribute is missing or compares so.
    pub(crate) fn when_absent_or(mut self, attribute: &str, comparison: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.name(attribute), self.value(value));
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} {comparison} {value})"));
        self
    }

    /// Only when the attribute is missing, or is a list with this element.
    pub(crate) fn when_absent_or_contains(mut self, attribute: &str, element: AttributeValue) -> Self {
        let (name, element) = (self.name(attribute), self.value(element));
        self.conditions.push(format!("(attribute_not_exists({name}) OR contains({name}, {element}))"));
        self
    }

    /// Only when the attribute is missing or less than another attribute. Of a missing other one, nothing is less.
    pub(crate) fn when_absent_or_below(mut self, attribute: &str, other: &str) -> Self {
        let (name, other) = (self.name(attribute), self.name(other));
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} < {other})"));
        self
    }

    /// Only when a count is this; one that was never written is zero.
    pub(crate) fn when_count(self, attribute: &str, count: u64) -> Self {
        match count {
            0 => self.when_absent_or(attribute, "=", n(0)),
            count => self.when(attribute, "=", n(count)),
        }
    }

    /// Only when the attribute has a value.
    pub(crate) fn when_present(mut self, attribute: &str) -> Self {
        let name = self.name(attribute);
        self.conditions.push(format!("attribute_exists({name})"));
        self
    }

    /// Only when the attribute is missing.
    pub(crate) fn when_absent(mut self, attribute: &str) -> Self {
        let name = self.name(attribute);
        self.conditions.push(format!("attribute_not_exists({name})"));
        self
    }

    fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    fn update_expression(&self) -> String {
        let mut parts = Vec::new();
        if !self.sets.is_empty() {
            parts.push(format!("SET {}", self.sets.join(", ")));
        }
        if !self.removes.is_empty() {
            parts.push(format!("REMOVE {}", self.removes.join(", ")));
        }
        parts.join(" ")
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }
}

const OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

fn broken(error: BuildError) -> Error {
    Error::Internal(error.into())
}

fn key_map(key: Key) -> Item {
    HashMap::from([(attribute::PK.to_owned(), s(key.pk)), (attribute::SK.to_owned(), s(key.sk))])
}

/// Parts of a transaction. Each returns the old item when its condition fails.
impl Store {
    pub(crate) fn tx_update(&self, key: Key, write: Write) -> Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_map(key)))
            .update_expression(write.update_expression())
            .set_condition_expression(write.condition())
            .set_expression_attribute_names(write.names())
            .set_expression_attribute_values(write.values())
            .return_values_on_condition_check_failure(OLD)
            .build()
            .map_err(broken)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    pub(crate) fn tx_put(&self, item: Item, condition: Write) -> Result<TransactWriteItem> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(OLD)
            .build()
            .map_err(broken)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    pub(crate) fn tx_delete(&self, key: Key, condition: Write) -> Result<TransactWriteItem> {
        let delete = Delete::builder()
            .table_name(&*self.table)
            .set_key(Some(key_map(key)))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(OLD)
            .build()
            .map_err(broken)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    pub(crate) fn tx_check(&self, key: Key, condition: Write) -> Result<TransactWriteItem> {
        let check = ConditionCheck::builder()
            .table_name(&*self.table)
            .set_key(Some(key_map(key)))
            .condition_expression(condition.condition().unwrap_or_default())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(OLD)
            .build()
            .map_err(broken)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}

/// Single calls.
impl Store {
    /// Reads one item.
    pub(crate) async fn get(&self, key: Key, consistent: bool) -> Result<Option<Item>> {
        let answer = self
            .ddb
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key_map(key)))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(crate::error::from_sdk)?;
        Ok(answer.item)
    }

    /// Writes an item under a condition. `Err` of the inner result is the item that stood in the way, when there was
    /// one.
    pub(crate) async fn put(&self, item: Item, condition: Write) -> Result<Result<(), Option<Item>>> {
        let sent = self
            .ddb
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(OLD)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Ok(())),
            Err(error) => match error.as_service_error() {
                Some(
                    aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
                        failed,
                    ),
                ) => Ok(Err(failed.item().cloned())),
                _ => Err(crate::error::from_sdk(error)),
            },
        }
    }

    /// Changes an item under a condition and returns it as it is afterwards. `Err` of the inner result is the item
    /// that did not meet the condition, when there is one.
    pub(crate) async fn update(&self, key: Key, write: Write) -> Result<Result<Item, Option<Item>>> {
        let sent = self
            .ddb
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(key_map(key)))
            .update_expression(write.update_expression())
            .set_condition_expression(write.condition())
            .set_expression_attribute_names(write.names())
            .set_expression_attribute_values(write.values())
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OLD)
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(Ok(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(
                    failed,
                )) => Ok(Err(failed.item().cloned())),
                _ => Err(crate::error::from_sdk(error)),
            },
        }
    }

    /// Deletes an item under a condition; one that does not meet it stays.
    pub(crate) async fn delete(&self, key: Key, condition: Write) -> Result<()> {
        let sent = self
            .ddb
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(key_map(key)))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(
                    aws_sdk_dynamodb::operation::delete_item::DeleteItemError::ConditionalCheckFailedException(_),
                ) => Ok(()),
                _ => Err(crate::error::from_sdk(error)),
            },
        }
    }
}
