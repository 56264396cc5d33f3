//! The table, made from the template.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
};

use crate::Error;
use crate::template::{Key, Table};

/// Creates the table under this name, unless it is there already.
///
/// # Errors
/// When the engine refuses, or has a table of that name and another shape.
pub async fn create(client: &Client, name: &str, table: &Table) -> Result<(), Error> {
    if exists(client, name).await? {
        return same_shape(&describe(client, name).await?, table);
    }
    let mut call =
        client.create_table().table_name(name).billing_mode(BillingMode::from(table.billing_mode.as_str()));
    for attribute in &table.attribute_definitions {
        let definition = AttributeDefinition::builder()
            .attribute_name(&attribute.attribute_name)
            .attribute_type(ScalarAttributeType::from(attribute.attribute_type.as_str()))
            .build()?;
        call = call.attribute_definitions(definition);
    }
    for index in &table.global_secondary_indexes {
        let kind = ProjectionType::from(index.projection.projection_type.as_str());
        let index = GlobalSecondaryIndex::builder()
            .index_name(&index.index_name)
            .set_key_schema(Some(key(&index.key_schema)?))
            .projection(
                Projection::builder()
                    .projection_type(kind)
                    .set_non_key_attributes(index.projection.non_key_attributes.clone())
                    .build(),
            )
            .build()?;
        call = call.global_secondary_indexes(index);
    }
    call.set_key_schema(Some(key(&table.key_schema)?)).send().await?;
    active(client, name).await?;
    if let Some(ttl) = &table.time_to_live_specification {
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name(&ttl.attribute_name)
            .enabled(ttl.enabled)
            .build()?;
        client.update_time_to_live().table_name(name).time_to_live_specification(ttl).send().await?;
    }
    Ok(())
}

fn key(parts: &[Key]) -> Result<Vec<KeySchemaElement>, Error> {
    let part = |part: &Key| {
        let kind = KeyType::from(part.key_type.as_str());
        KeySchemaElement::builder().attribute_name(&part.attribute_name).key_type(kind).build()
    };
    Ok(parts.iter().map(part).collect::<Result<_, _>>()?)
}

async fn exists(client: &Client, name: &str) -> Result<bool, Error> {
    // Listed and not described: engines log a table that is not there as an error.
    let mut names = client.list_tables().into_paginator().items().send();
    while let Some(found) = names.try_next().await? {
        if found == name {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn describe(client: &Client, name: &str) -> Result<TableDescription, Error> {
    let answer = client.describe_table().table_name(name).send().await?;
    answer.table.ok_or_else(|| format!("the engine does not describe the table {name}").into())
}

/// Waits until the table can be used: at once, or after a moment with some engines.
async fn active(client: &Client, name: &str) -> Result<(), Error> {
    for _ in 0..100 {
        if describe(client, name).await?.table_status == Some(TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("the table {name} does not become active").into())
}

/// An index that was added to the template after the table was made would be missing, and every read of it fail.
fn same_shape(found: &TableDescription, table: &Table) -> Result<(), Error> {
    let has: BTreeSet<_> =
        found.global_secondary_indexes().iter().filter_map(|index| index.index_name()).collect();
    let should: BTreeSet<_> =
        table.global_secondary_indexes.iter().map(|index| index.index_name.as_str()).collect();
    if has == should {
        return Ok(());
    }
    Err(format!("the stored table has the indexes {has:?}, template.yaml says {should:?}: delete the data")
        .into())
}
