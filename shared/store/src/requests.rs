//! The messages of one call, found by its request id.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use domain::message::{Message, MessageRef};
use domain::{BusinessId, Error, RequestId, Result};

use crate::item::{Item, decode, s};
use crate::keys::attribute::{PK, SK};
use crate::{Store, keys};

impl Store {
    /// Every message of a request, in the order of the call: one query, then one batch read for each hundred.
    pub async fn request_messages(&self, business: BusinessId, request: RequestId) -> Result<Vec<Message>> {
        let answer = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(keys::request_message(business, request, 0).pk))
            .consistent_read(true)
            .limit(100)
            .send()
            .await
            .map_err(crate::error::from_sdk)?;
        let places = answer.items.unwrap_or_default();
        let mut refs = places.iter().map(|item| place(business, item)).collect::<Result<Vec<_>>>()?;
        // A call that names one message twice shows it once; and a batch read takes no key twice.
        let mut seen = HashSet::new();
        refs.retain(|at| seen.insert(at.message));
        let mut found: HashMap<String, Message> = HashMap::new();
        for chunk in refs.chunks(100) {
            for item in self.batch_get(chunk).await? {
                let message: Message = decode(item)?;
                found.insert(message.at.message.key(), message);
            }
        }
        Ok(refs.iter().filter_map(|at| found.remove(&at.message.key())).collect())
    }

    async fn batch_get(&self, refs: &[MessageRef]) -> Result<Vec<Item>> {
        let wanted: Vec<Item> = refs
            .iter()
            .map(|at| {
                let key = keys::message(*at);
                HashMap::from([(PK.to_owned(), s(key.pk)), (SK.to_owned(), s(key.sk))])
            })
            .collect();
        let mut items = Vec::with_capacity(wanted.len());
        let mut left = Some(wanted).filter(|wanted| !wanted.is_empty());
        // The service may leave some for a next call when they are large; twenty rounds of progress cover 100 items.
        for _ in 0..20 {
            let Some(keys) = left.take() else { return Ok(items) };
            let ask = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(|error| Error::Internal(error.into()))?;
            let answer = self
                .ddb
                .batch_get_item()
                .request_items(&*self.table, ask)
                .send()
                .await
                .map_err(crate::error::from_sdk)?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            left = answer
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&*self.table))
                .map(|rest| rest.keys)
                .filter(|keys| !keys.is_empty());
        }
        Err(Error::Unavailable("the table left keys unread".into()))
    }
}

fn place(business: BusinessId, item: &Item) -> Result<MessageRef> {
    #[derive(serde::Deserialize)]
    struct Place {
        client_id: domain::ClientId,
        message_id: domain::MessageId,
    }
    let place: Place = decode(item.clone())?;
    Ok(MessageRef { business, client: place.client_id, message: place.message_id })
}
