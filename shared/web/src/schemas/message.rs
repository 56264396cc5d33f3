//! Messages, their timelines, and what a call that hands messages in is answered.

use domain::delivery::{ErrorClass, Failure};
use domain::message::{
    Category, Channel, Direction, Event, EventOutcome, Message, Metadata, Provider, UserType,
};
use domain::note::Note;
use domain::status::Status;
use domain::{ClientId, MessageId, RequestId, StaffId, Timestamp};
use serde::Serialize;
use store::Accepted;
use store::timeline::Entry;

/// One entry of a timeline, a message or a note: the published `MessageResponse`. Absent values are `null`.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct MessageResponse {
    pub message_id: MessageId,
    pub request_id: Option<RequestId>,
    pub conversation_id: ClientId,
    pub client_id: ClientId,
    pub staff_id: Option<StaffId>,
    pub channel: Channel,
    pub category: Option<Category>,
    pub notification_type: Option<String>,
    pub provider: Option<Provider>,
    pub status: Option<Status>,
    pub sender_type: Option<UserType>,
    pub sent_by: Option<u64>,
    pub subject: Option<String>,
    pub message: String,
    pub attachments: Option<Vec<Attachment>>,
    pub is_read: bool,
    pub is_flagged: bool,
    pub sent_at: Option<String>,
    pub created_at: Timestamp,
    pub provider_metadata: Option<Metadata>,
    pub direction: Direction,
    pub from_address: Option<String>,
    pub to_address: Option<String>,
    pub provider_message_id: Option<String>,
    pub provider_status: Option<String>,
    pub error_code: Option<String>,
    pub error_class: Option<ErrorClass>,
    pub error_reason: Option<String>,
    pub attempt: u32,
    pub segments: Option<u32>,
    pub send_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    pub delivered_at: Option<Timestamp>,
}

/// Something that came with a message.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct Attachment {
    pub content: Option<String>,
    pub content_type: Option<String>,
    pub filename: Option<String>,
    pub url: Option<String>,
}

impl From<Message> for MessageResponse {
    fn from(message: Message) -> Self {
        let (error_code, error_class, error_reason) = match message.failure {
            Some(failure) => (failure.code, Some(failure.class), Some(failure.reason)),
            None => (None, None, None),
        };
        let attachment =
            |url: String| Attachment { content: None, content_type: None, filename: None, url: Some(url) };
        let attachments: Vec<_> = message.media_urls.into_iter().map(attachment).collect();
        MessageResponse {
            message_id: message.at.message,
            request_id: message.request_id,
            conversation_id: message.at.client,
            client_id: message.at.client,
            staff_id: message.staff_id,
            channel: message.channel,
            category: Some(message.category),
            notification_type: message.notification_type,
            provider: message.provider,
            status: Some(message.delivery_status),
            sender_type: message.sender_type,
            sent_by: message.sent_by,
            subject: None,
            message: message.body.0,
            attachments: (!attachments.is_empty()).then_some(attachments),
            is_read: message.is_read,
            is_flagged: message.is_flagged,
            sent_at: message.sent_at,
            created_at: message.created_at,
            provider_metadata: message.provider_metadata,
            direction: message.direction,
            from_address: Some(message.from_address.as_str().to_owned()),
            to_address: Some(message.to_address.as_str().to_owned()),
            provider_message_id: message.provider_message_id,
            provider_status: message.provider_status,
            error_code,
            error_class,
            error_reason,
            attempt: message.attempt,
            segments: message.segments,
            send_at: message.send_at,
            expires_at: message.expires_at,
            updated_at: message.updated_at,
            delivered_at: message.delivered_at,
        }
    }
}

impl From<Note> for MessageResponse {
    /// A note travels nowhere: what only a delivery has is `null`.
    fn from(note: Note) -> Self {
        MessageResponse {
            message_id: note.at.message,
            request_id: None,
            conversation_id: note.at.client,
            client_id: note.at.client,
            staff_id: note.staff_id,
            channel: Channel::Note,
            category: None,
            notification_type: None,
            provider: None,
            status: None,
            sender_type: Some(UserType::Staff),
            sent_by: None,
            subject: None,
            message: note.note.0,
            attachments: None,
            is_read: true,
            is_flagged: note.is_flagged,
            sent_at: None,
            created_at: note.created_at,
            provider_metadata: None,
            direction: Direction::Internal,
            from_address: None,
            to_address: None,
            provider_message_id: None,
            provider_status: None,
            error_code: None,
            error_class: None,
            error_reason: None,
            attempt: 0,
            segments: None,
            send_at: None,
            expires_at: None,
            updated_at: note.updated_at,
            delivered_at: None,
        }
    }
}

impl From<Entry> for MessageResponse {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Message(message) => (*message).into(),
            Entry::Note(note) => (*note).into(),
        }
    }
}

/// One line of the timeline of a message: the published `MessageEvent`.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct MessageEvent {
    pub at: Timestamp,
    pub source: &'static str,
    pub status: Option<Status>,
    pub provider_status: Option<String>,
    pub attempt: u32,
    pub outcome: EventOutcome,
    pub reason: Option<String>,
    pub error_code: Option<String>,
}

impl From<Event> for MessageEvent {
    fn from(event: Event) -> Self {
        MessageEvent {
            at: event.at,
            source: event.source.as_str(),
            status: event.reported,
            provider_status: event.provider_status,
            attempt: event.attempt,
            outcome: event.outcome,
            reason: event.reason,
            error_code: event.error_code,
        }
    }
}

/// What became of one message of a call: the published `AcceptedItem`.
#[derive(Clone, Debug, Serialize)]
pub struct AcceptedItem {
    /// Its place in the call.
    pub index: usize,
    /// The id under which it is stored. `null` for one that was refused, and for one that a consumer stores later.
    pub message_id: Option<MessageId>,
    /// Where it stands.
    pub status: Status,
    /// Why it was refused.
    pub error: Option<String>,
}

impl AcceptedItem {
    /// What became of a text that was to be queued; one that is stored is `waiting`.
    pub fn queued(index: usize, accepted: &Accepted, waiting: Status) -> AcceptedItem {
        match accepted.id() {
            Some(id) => AcceptedItem { index, message_id: Some(id), status: waiting, error: None },
            None => AcceptedItem {
                index,
                message_id: None,
                status: Status::Blocked,
                error: Some(Failure::opted_out().reason),
            },
        }
    }
}

/// What a call that hands messages in is answered: the published `AcceptedResponse`.
#[derive(Clone, Debug, Serialize)]
pub struct AcceptedResponse {
    /// A sentence.
    pub message: &'static str,
    /// Finds the messages of this call.
    pub request_id: RequestId,
    /// One entry for each message, in order.
    pub items: Vec<AcceptedItem>,
}

/// Acknowledges a change: the published `UpdateSuccessResponse`.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateResponse {
    /// Always true: what failed is an error.
    pub success: bool,
    /// A sentence.
    pub message: String,
    /// How many things changed.
    pub updated_count: u64,
    /// False where the stored state is already past the reported one.
    pub applied: bool,
    /// The status now.
    pub status: Option<&'static str>,
}
