//! Read and unread.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use domain::{ClientId, MessageId};
use store::timeline::Marking;
use web::read::{JsonBody, Object, Problem, boolean, id};
use web::schemas::message::UpdateResponse;
use web::schemas::words::CHANNEL;
use web::{ApiResult, Edge, Tenant};

/// Messages in one call.
const MOST: usize = 100;

/// What is asked for, checked.
struct Request {
    conversations: Vec<ClientId>,
    marking: Marking,
}

/// `POST /omega/businesses/{business_id}/messages/status`: marks every inbound message that matches all filters, and
/// says how many changed. A filter has to say of which conversation, directly or by messages.
pub async fn mark(
    tenant: Tenant,
    State(edge): State<Edge>,
    body: JsonBody,
) -> ApiResult<Json<UpdateResponse>> {
    let Request { conversations, marking } = body.read(read)?;
    let (store, business) = (edge.store(), tenant.id());
    let named = match (&marking.ids, marking.up_to) {
        (Some(ids), _) => Some(ids.clone()),
        (None, Some(last)) if conversations.is_empty() => Some(vec![last]),
        _ => None,
    };
    let mut wanted: BTreeSet<ClientId> = conversations.iter().copied().collect();
    if let Some(ids) = named {
        let located = store.locate_all(business, &ids).await?;
        let of_messages: BTreeSet<ClientId> = located.iter().map(|at| at.client).collect();
        wanted = if conversations.is_empty() { of_messages } else { wanted };
    }
    // Two conversations that are named as one match nothing.
    let agreed = conversations.windows(2).all(|pair| pair[0] == pair[1]);
    let mut changed = 0;
    for conversation in wanted.into_iter().filter(|_| agreed) {
        changed += store.mark(business, conversation, &marking, tenant.actor(), tenant.shards()).await?;
    }
    let word = if marking.read { "read" } else { "unread" };
    Ok(Json(UpdateResponse {
        success: true,
        message: format!("{changed} marked {word}"),
        updated_count: changed,
        applied: changed > 0,
        status: None,
    }))
}

fn read(object: &Object<'_>) -> Option<Request> {
    let conversation = object.optional("conversation_id", id);
    let client = object.optional("client_id", id);
    let named = object.raw("message_ids").is_some_and(|ids| !ids.is_null());
    let ids = object.list::<MessageId>("message_ids", MOST, id);
    let up_to = object.optional("last_read_message_id", id);
    let channel = object.optional("channel", CHANNEL);
    let read = object.optional("is_read", boolean).unwrap_or(true);
    let of_none = ["conversation_id", "client_id", "message_ids", "last_read_message_id"]
        .iter()
        .all(|name| object.raw(name).is_none_or(serde_json::Value::is_null));
    if of_none {
        let why = "name conversation_id, client_id, message_ids or last_read_message_id";
        object.refuse("conversation_id", Problem::value(why));
        return None;
    }
    let conversations = conversation.into_iter().chain(client).collect();
    Some(Request { conversations, marking: Marking { read, ids: named.then_some(ids), up_to, channel } })
}
