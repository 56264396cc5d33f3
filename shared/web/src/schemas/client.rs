//! A client, their conversation and their assignee in one flat record: the published `ClientDetailsResponse`.

use domain::client::ClientType;
use domain::staff::Staff;
use domain::{ClientId, MessageId, Timestamp};
use serde::Serialize;
use store::inbox::ListedClient;
use store::tombstones::{Changed, Tombstone};
use store::{ClientView, Store};

/// The 22 published fields in the published order. Absent values are `null`, never left out. The row of a client who is
/// gone has the id and what [`Gone`] says.
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
    #[serde(flatten)]
    pub gone: Option<Gone>,
}

/// What a list by change says of a client who is gone. Rows of clients who are there have none of these fields.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub enum Gone {
    Erased { erased: bool, erased_at: Timestamp },
    Merged { merged_into_client_id: ClientId, merged_at: Timestamp },
}

impl From<&Tombstone> for Gone {
    fn from(tombstone: &Tombstone) -> Self {
        match tombstone.merged_into {
            None => Gone::Erased { erased: true, erased_at: tombstone.gone_at },
            Some(into) => Gone::Merged { merged_into_client_id: into, merged_at: tombstone.gone_at },
        }
    }
}

impl ClientDetails {
    /// The record of one client, with whoever the conversation is assigned to: one read more when there is somebody.
    ///
    /// # Errors
    /// `Unavailable` when the table is out of reach.
    pub async fn of_one(store: &Store, view: ClientView) -> domain::Result<ClientDetails> {
        let assignee = view.conversation.as_ref().and_then(|head| head.assigned_to);
        let staff = match assignee {
            Some(id) => store.staff_member(view.client.business_id, id).await?,
            None => None,
        };
        Ok(ClientDetails::new(view, staff.as_ref()))
    }

    /// The record of a client. `staff` is whoever the conversation is assigned to.
    pub fn new(view: ClientView, staff: Option<&Staff>) -> Self {
        let ClientView { client, conversation, .. } = view;
        let client_name = client.display_name();
        let client_phone_number = client.phone_to_show().map(str::to_owned);
        let base = ClientDetails {
            client_name,
            client_gender: client.gender.map(|gender| gender.0),
            client_image_url: client.image_url.map(|url| url.0),
            client_email: client.email.map(|email| email.0),
            client_phone_number,
            ..ClientDetails::bare(client.client_id)
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
            last_updated_at: Some(conversation.changed_at),
            label: conversation.label,
            last_message_content: conversation.last_message.map(|text| text.0),
            resolved_by: conversation.resolved_by,
            assigned_to: conversation.assigned_to.map(|staff| staff.to_string()),
            staff_name: staff.map(|staff| staff.full_name.0.clone()),
            staff_gender: staff.and_then(|staff| staff.gender.as_ref()).map(|gender| gender.0.clone()),
            staff_image_url: staff.and_then(|staff| staff.image_url.as_ref()).map(|url| url.0.clone()),
            last_message_id: conversation.last_message_id,
            last_read_message_id: conversation.last_read_message_id,
            ..base
        }
    }

    /// The row of a client who is gone.
    pub fn gone(tombstone: &Tombstone) -> Self {
        ClientDetails { gone: Some(tombstone.into()), ..ClientDetails::bare(tombstone.client_id) }
    }

    /// A record with nothing but the id.
    fn bare(client: ClientId) -> Self {
        ClientDetails {
            client_id: client,
            conversation_id: None,
            client_name: None,
            client_gender: None,
            client_image_url: None,
            client_email: None,
            client_phone_number: None,
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
            gone: None,
        }
    }
}

/// One client in a list: the published `ClientListResponse`.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct ClientRow {
    pub client_id: ClientId,
    pub conversation_id: Option<ClientId>,
    pub client_name: Option<String>,
    pub client_gender: Option<String>,
    pub client_image_url: Option<String>,
    pub client_email: Option<String>,
    pub client_phone_number: Option<String>,
    pub client_type: Option<ClientType>,
    #[serde(flatten)]
    pub gone: Option<Gone>,
}

impl ClientRow {
    /// The row of a client who is gone.
    pub fn gone(tombstone: &Tombstone) -> Self {
        ClientRow {
            client_id: tombstone.client_id,
            conversation_id: None,
            client_name: None,
            client_gender: None,
            client_image_url: None,
            client_email: None,
            client_phone_number: None,
            client_type: None,
            gone: Some(tombstone.into()),
        }
    }
}

impl From<Changed<ListedClient>> for ClientRow {
    fn from(changed: Changed<ListedClient>) -> Self {
        match changed {
            Changed::Here(listed) => ClientRow::from(listed),
            Changed::Gone(tombstone) => ClientRow::gone(&tombstone),
        }
    }
}

impl From<ListedClient> for ClientRow {
    fn from(listed: ListedClient) -> Self {
        let ListedClient { client, has_conversation } = listed;
        let client_phone_number = client.phone_to_show().map(str::to_owned);
        ClientRow {
            client_id: client.client_id,
            conversation_id: has_conversation.then_some(client.client_id),
            client_name: client.display_name(),
            client_gender: client.gender.map(|gender| gender.0),
            client_image_url: client.image_url.map(|url| url.0),
            client_email: client.email.map(|email| email.0),
            client_phone_number,
            client_type: client.client_type,
            gone: None,
        }
    }
}
