//! A client, their conversation and their assignee in one flat record: the published `ClientDetailsResponse`.

use domain::{ClientId, MessageId, Timestamp};
use serde::Serialize;
use store::ClientView;

/// The 22 published fields in the published order. Absent values are `null`, never left out.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct ClientDetails {
    pub client_id: ClientId,
    pub conversation_id: Option<ClientId>,
    pub client_name: Option<String>,
    pub client_gender: Option<String>,
    pub client_image_url: Option<String>,
    pub client_email: Option<String>,
    pub client_phone_number: Option<String>,
    pub status: Option<&'static str>,
    pub updated_by: Option<String>,
    pub unread_messages_count: u64,
    pub last_updated_channel: Option<&'static str>,
    pub messages_flagged_count: u64,
    pub last_updated_at: Option<Timestamp>,
    pub label: Option<String>,
    pub last_message_content: Option<String>,
    pub resolved_by: Option<String>,
    pub assigned_to: Option<String>,
    pub staff_name: Option<String>,
    pub staff_gender: Option<String>,
    pub staff_image_url: Option<String>,
    pub last_message_id: Option<MessageId>,
    pub last_read_message_id: Option<MessageId>,
}

impl From<ClientView> for ClientDetails {
    fn from(view: ClientView) -> Self {
        let ClientView { client, conversation } = view;
        let client_name = client.display_name();
        let base = ClientDetails {
            client_id: client.client_id,
            conversation_id: None,
            client_name,
            client_gender: client.gender.map(|gender| gender.0),
            client_image_url: client.image_url.map(|url| url.0),
            client_email: client.email.map(|email| email.0),
            client_phone_number: client.phone.map(|phone| phone.as_str().to_owned()),
            status: None,
            updated_by: None,
            unread_messages_count: 0,
            last_updated_channel: None,
            messages_flagged_count: 0,
            last_updated_at: None,
            label: None,
            last_message_content: None,
            resolved_by: None,
            assigned_to: None,
            staff_name: None,
            staff_gender: None,
            staff_image_url: None,
            last_message_id: None,
            last_read_message_id: None,
        };
        let Some(conversation) = conversation else {
            return base;
        };
        ClientDetails {
            conversation_id: Some(conversation.client_id),
            status: Some(conversation.inbox_status.as_str()),
            updated_by: conversation.updated_by,
            unread_messages_count: conversation.unread_messages_count,
            last_updated_channel: conversation.last_channel.map(|channel| channel.as_str()),
            messages_flagged_count: conversation.messages_flagged_count,
            last_updated_at: Some(conversation.updated_at),
            label: conversation.label,
            last_message_content: conversation.last_message.map(|text| text.0),
            resolved_by: conversation.resolved_by,
            last_message_id: conversation.last_message_id,
            last_read_message_id: conversation.last_read_message_id,
            ..base
        }
    }
}
