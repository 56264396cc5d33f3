//! A message as NexHealth shows one.

use std::collections::HashMap;

use domain::business::Business;
use domain::channel::{Channel, Direction, UserType};
use domain::client::{Client, Personal};
use domain::content::Text;
use domain::message::Message;
use domain::staff::Staff;
use domain::{ClientId, MessageId, StaffId, Timestamp};
use serde::Serialize;
use signature::secret;
use web::schemas::message::object_url;

use crate::zone::Zone;

/// One message. What is not known is `null`.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    id: MessageId,
    body: Text,
    created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    conversation_id: ClientId,
    /// Who of the staff has seen it.
    seen_by: Vec<String>,
    user_id: Option<StaffId>,
    attachment_file_name: Option<Text>,
    attachment_content_type: Option<String>,
    attachment_file_size: Option<u64>,
    attachment_updated_at: Option<Timestamp>,
    /// Small, for clients that have 32 bits for it.
    sms_msg_id: Option<u32>,
    sender_info: Sender,
    attachment_url: Option<String>,
    is_custom_reminder_response: bool,
    created_at_with_tz: String,
    timezone_offset: String,
}

/// Who wrote a message.
#[derive(Debug, Serialize)]
struct Sender {
    name: Option<Personal>,
    image: Option<Personal>,
    meta_type: &'static str,
    user_id: Option<u64>,
}

/// The first thing that came with a message.
#[derive(Default)]
struct Attachment {
    name: Option<Text>,
    content_type: Option<String>,
    size: Option<u64>,
    url: Option<String>,
}

impl Attachment {
    fn of(message: &Message) -> Option<Attachment> {
        if let Some(media) = message.media_urls.first() {
            let (url, content_type) = (Some(media.url.clone()), media.content_type.clone());
            return Some(Attachment { url, content_type, ..Attachment::default() });
        }
        let first = message.mail.as_ref()?.attachments.first()?;
        let elsewhere = first.url.as_ref().map(|url| url.0.clone());
        let url = first.object.as_ref().map(|_| object_url(message, "0")).or(elsewhere);
        Some(Attachment {
            name: first.filename.clone(),
            content_type: first.content_type.clone(),
            size: first.size,
            url,
        })
    }
}

/// What has to be known around a message to show it.
pub(crate) struct Around<'a> {
    /// With whom it is.
    pub client: &'a Client,
    /// Whose it is.
    pub business: &'a Business,
    /// Their staff.
    pub staff: &'a HashMap<StaffId, Staff>,
    /// Where its times are told.
    pub zone: &'a Zone,
}

impl Around<'_> {
    /// The message, as it is shown.
    pub fn show(&self, message: Message) -> Shown {
        let attachment = Attachment::of(&message);
        let attached_at = attachment.as_ref().map(|_| message.created_at);
        let attachment = attachment.unwrap_or_default();
        let (created_at_with_tz, timezone_offset) = self.zone.tell(message.created_at);
        Shown {
            id: message.at.message,
            created_at: message.created_at,
            updated_at: message.updated_at,
            conversation_id: message.at.client,
            seen_by: message.read_by.iter().map(ToString::to_string).collect(),
            user_id: by_staff(&message),
            attachment_file_name: attachment.name,
            attachment_content_type: attachment.content_type,
            attachment_file_size: attachment.size,
            attachment_updated_at: attached_at,
            sender_info: self.sender(&message),
            sms_msg_id: sms_msg_id(&message),
            attachment_url: attachment.url,
            is_custom_reminder_response: false,
            created_at_with_tz,
            timezone_offset,
            body: message.body,
        }
    }

    fn sender(&self, message: &Message) -> Sender {
        if message.direction == Direction::Inbound {
            return Sender {
                name: self.client.display_name().map(Personal),
                image: self.client.image_url.clone(),
                meta_type: "Patient",
                user_id: Some(self.client.client_id.get()),
            };
        }
        if let Some(id) = by_staff(message) {
            let member = self.staff.get(&id);
            return Sender {
                name: member.map(|member| member.full_name.clone()),
                image: member.and_then(|member| member.image_url.clone()),
                meta_type: "User",
                user_id: Some(id.get()),
            };
        }
        let name = self.business.business_name.clone().map(Personal);
        Sender { name, image: None, meta_type: "Institution", user_id: None }
    }
}

/// The number that stands for a text at the provider, whose id is no number: 31 bits of the hash of that id. The same text
/// always has the same number, and two texts rarely have one number.
fn sms_msg_id(message: &Message) -> Option<u32> {
    let id = message.provider_message_id.as_ref().filter(|_| message.channel == Channel::Sms)?;
    let bits = u32::from_str_radix(secret::digest(id).get(..8)?, 16).ok()?;
    Some(bits >> 1)
}

/// The member of the staff who wrote a message, if one did.
fn by_staff(message: &Message) -> Option<StaffId> {
    let is_theirs = message.direction == Direction::Outbound && message.sender_type != Some(UserType::System);
    message.staff_id.filter(|_| is_theirs)
}
