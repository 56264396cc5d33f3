//! What happens to conversations: changes and their history.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::actor::Actor;
use domain::conversation::{Cause, Change, Conversation, ConversationEvent};
use domain::{ClientId, EntryId, Error, MessageId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use store::handling::Handled;

use crate::schemas::message::UpdateResponse;
use crate::{ApiError, ApiResult, unprocessable};

/// One line of a history: the published `ConversationEvent`.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct EventResponse {
    pub event_id: EntryId,
    pub at: Timestamp,
    pub change: &'static str,
    pub from: Option<String>,
    pub to: Option<String>,
    pub snoozed_until: Option<Timestamp>,
    pub actor: &'static str,
    pub actor_id: Option<u64>,
    pub cause: &'static str,
    pub request_id: Option<String>,
    pub message_id: Option<MessageId>,
    pub from_client_id: Option<ClientId>,
}

impl From<ConversationEvent> for EventResponse {
    fn from(event: ConversationEvent) -> Self {
        let (change, from, to, snoozed_until) = match event.change {
            Change::Status { from, to, snoozed_until } => {
                ("status", Some(from.as_str().to_owned()), Some(to.as_str().to_owned()), snoozed_until)
            }
            Change::Assignee { from, to } => {
                ("assignee", from.map(|id| id.to_string()), to.map(|id| id.to_string()), None)
            }
            Change::Label { from, to } => ("label", from, to, None),
        };
        let (cause, request_id, message_id, from_client_id) = match event.cause {
            Cause::Request { request_id } => ("request", Some(request_id), None, None),
            Cause::InboundMessage { message_id } => ("inbound_message", None, Some(message_id), None),
            Cause::SnoozeEnded => ("snooze_ended", None, None, None),
            Cause::StaffDeactivated => ("staff_deactivated", None, None, None),
            Cause::ClientsMerged { from_client_id } => ("clients_merged", None, None, Some(from_client_id)),
        };
        let actor_id = match event.actor {
            Actor::Staff { id } => Some(id.get()),
            Actor::Service | Actor::Client | Actor::System => None,
        };
        EventResponse {
            event_id: event.event_id,
            at: event.at,
            change,
            from,
            to,
            snoozed_until,
            actor: event.actor.kind(),
            actor_id,
            cause,
            request_id,
            message_id,
            from_client_id,
        }
    }
}

/// The `ETag` of a conversation: what `If-Match` takes.
pub fn etag(conversation: &Conversation) -> String {
    format!("\"{}\"", conversation.version)
}

/// What a change is answered with; `done` says what was done.
///
/// # Errors
/// 404, 409 with the current state, or 422 for a member of the staff who cannot have it.
pub fn handled(handled: Handled, done: &str, staff: Value) -> ApiResult<Response> {
    let (conversation, applied) = match handled {
        Handled::Changed(conversation) => (conversation, true),
        Handled::Same(conversation) => (conversation, false),
        Handled::Stale(conversation) => return Err(stale(&conversation)),
        Handled::NoConversation => return Err(Error::NotFound("conversation").into()),
        Handled::NoStaff => {
            let why = "Value error, there is no active member of the staff with this id";
            return Err(unprocessable(&["query", "staff_id"], staff, why));
        }
        Handled::Elsewhere => {
            let why = "Value error, this member of the staff works at other locations than the client's";
            return Err(unprocessable(&["query", "staff_id"], staff, why));
        }
    };
    let message = if applied { done } else { "It was so already" };
    let body = UpdateResponse {
        success: true,
        message: message.to_owned(),
        updated_count: u64::from(applied),
        applied,
        status: Some(conversation.inbox_status.as_str()),
    };
    Ok(([(header::ETAG, etag(&conversation))], Json(body)).into_response())
}

fn stale(conversation: &Conversation) -> ApiError {
    let current = json!({
        "version": conversation.version,
        "last_updated_at": conversation.changed_at,
        "updated_by": conversation.updated_by,
        "status": conversation.inbox_status,
        "snoozed_until": conversation.snoozed_until,
        "assigned_to": conversation.assigned_to.map(|staff| staff.to_string()),
        "label": conversation.label,
    });
    Error::Conflict { why: "the conversation changed since".to_owned(), current }.into()
}
