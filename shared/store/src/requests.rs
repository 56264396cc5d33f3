//! The messages of one call, found by its request id.

use std::collections::{HashMap, HashSet};

use domain::id::MessageRef;
use domain::message::Message;
use domain::{BusinessId, MessageId, RequestId, Result};

use crate::counts::kind;
use crate::item::{Item, decode, s};
use crate::keys::attribute::PK;
use crate::messages::MESSAGE;
use crate::{Store, keys};

impl Store {
    /// Every message of a request, in the order of the call: one query, then one batch read for each hundred. What is
    /// with another client by now costs two more.
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
        let mut found = self.messages_at(&refs).await?;
        let missing: Vec<MessageId> =
            refs.iter().map(|at| at.message).filter(|message| !found.contains_key(message)).collect();
        if !missing.is_empty() {
            let moved = self.locate_all(business, &missing).await?;
            found.extend(self.messages_at(&moved).await?);
        }
        Ok(refs.iter().filter_map(|at| found.remove(&at.message)).collect())
    }

    async fn messages_at(&self, places: &[MessageRef]) -> Result<HashMap<MessageId, Message>> {
        let mut found = HashMap::new();
        for chunk in places.chunks(100) {
            for item in self.batch_get(chunk.iter().map(|at| keys::message(*at)).collect()).await? {
                if kind(&item) == MESSAGE {
                    let message: Message = decode(item)?;
                    found.insert(message.at.message, message);
                }
            }
        }
        Ok(found)
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
