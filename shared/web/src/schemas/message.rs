//! Messages, their timelines, and what a call that hands messages in is answered.

use domain::FieldError;
use domain::call::{Call, CallResult};
use domain::channel::{Category, Channel, Direction, Provider, UserType};
use domain::content::{Metadata, Text};
use domain::error::Loc;
use domain::failure::{ErrorClass, Failure};
use domain::id::MessageRef;
use domain::mail::{Automated, Suspicion};
use domain::message::Message;
use domain::note::Note;
use domain::report::{Event, EventOutcome};
use domain::sender::FromReason;
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
    /// Why a text that omega sends leaves from there.
    pub from_reason: Option<FromReason>,
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
    /// What only a call has.
    pub call: Option<CallResponse>,
    /// What only a mail has.
    #[serde(flatten)]
    pub mail: MailFields,
    /// What staff can do about the failure.
    pub error_advice: Option<&'static str>,
}

/// What became of a call.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct CallResponse {
    pub result: CallResult,
    pub duration_seconds: Option<u32>,
}

impl From<Call> for CallResponse {
    fn from(call: Call) -> Self {
        CallResponse { result: call.result, duration_seconds: call.duration_seconds }
    }
}

/// What only a mail has. Absent values are `null`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MailFields {
    /// The body as HTML, as its writer made it. Not safe to show as it is.
    pub html: Option<String>,
    /// Further receivers.
    pub cc_email: Option<Vec<String>>,
    /// Receivers that the others do not see.
    pub bcc_email: Option<Vec<String>>,
    /// Where its writer wants answers, when that is not the address it is from.
    pub reply_to_email: Option<Vec<String>>,
    /// The place in `message`, in characters, from which on it repeats earlier mails.
    pub quote_starts_at: Option<usize>,
    /// How far the copy of each receiver has come, of a mail to several: those of whom something was reported.
    pub recipients: Option<Vec<RecipientStatus>>,
    /// Why it is taken for the work of a machine.
    pub automated: Option<Automated>,
    /// What is odd about it.
    pub suspicions: Option<Vec<Suspicion>>,
    /// Where the whole body is, when it is too long to be shown here.
    pub body_url: Option<String>,
}

/// How far the copy of one receiver has come.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct RecipientStatus {
    pub email: String,
    pub status: Status,
}

/// Something that came with a message.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the published documentation")]
pub struct Attachment {
    pub content: Option<String>,
    pub content_id: Option<String>,
    pub content_type: Option<String>,
    pub filename: Option<String>,
    pub url: Option<String>,
}

/// What came with a message, in the order in which it is counted.
fn attachments(message: &Message) -> Vec<Attachment> {
    let media = message.media_urls.iter().map(|media| Attachment {
        url: Some(media.url.clone()),
        content_type: media.content_type.clone(),
        ..Attachment::default()
    });
    let of_mail = message.mail.iter().flat_map(|mail| mail.attachments.iter().enumerate());
    let of_mail = of_mail.map(|(n, attachment)| Attachment {
        content: attachment.content.as_ref().map(|content| content.0.clone()),
        content_id: attachment.content_id.clone(),
        content_type: attachment.content_type.clone(),
        filename: attachment.filename.as_ref().map(|name| name.0.clone()),
        url: match (&attachment.object, &attachment.url) {
            (Some(_), _) => Some(object_url(message, &n.to_string())),
            (None, url) => url.as_ref().map(|url| url.0.clone()),
        },
    });
    media.chain(of_mail).collect()
}

/// Where what lies in object storage is asked for.
pub fn object_url(message: &Message, place: &str) -> String {
    let MessageRef { business, message, .. } = message.at;
    format!("/omega/businesses/{business}/messages/{message}/attachments/{place}")
}

impl MailFields {
    fn of(message: &Message) -> MailFields {
        let Some(mail) = &message.mail else { return MailFields::default() };
        let texts = |texts: &[Text]| -> Option<Vec<String>> {
            (!texts.is_empty()).then(|| texts.iter().map(|text| text.0.clone()).collect())
        };
        let copies: Vec<RecipientStatus> = message
            .recipients
            .iter()
            .map(|(email, status)| RecipientStatus { email: email.clone(), status: *status })
            .collect();
        MailFields {
            html: mail.html.as_ref().map(|html| html.0.clone()),
            cc_email: texts(&mail.cc),
            bcc_email: texts(&mail.bcc),
            reply_to_email: texts(&mail.reply_to),
            quote_starts_at: mail.quote_starts_at,
            recipients: (!copies.is_empty()).then_some(copies),
            automated: mail.automated,
            suspicions: (!mail.suspicions.is_empty()).then(|| mail.suspicions.clone()),
            body_url: mail.body_object.as_ref().map(|_| object_url(message, "body")),
        }
    }
}

impl From<Message> for MessageResponse {
    fn from(message: Message) -> Self {
        let attachments = attachments(&message);
        let subject = message.mail.as_ref().map(|mail| mail.subject.0.clone());
        let mail = MailFields::of(&message);
        let error_advice = message.failure.as_ref().map(domain::delivery::advice);
        let (error_code, error_class, error_reason) = match message.failure {
            Some(failure) => (failure.code, Some(failure.class), Some(failure.reason)),
            None => (None, None, None),
        };
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
            subject,
            message: message.body.0,
            attachments: (!attachments.is_empty()).then_some(attachments),
            is_read: message.is_read,
            is_flagged: message.is_flagged,
            sent_at: message.sent_at,
            created_at: message.created_at,
            provider_metadata: message.provider_metadata,
            direction: message.direction,
            from_reason: message.from_reason,
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
            call: message.call.map(CallResponse::from),
            mail,
            error_advice,
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
            from_reason: None,
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
            call: None,
            mail: MailFields::default(),
            error_advice: None,
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
    /// An entry that breaks rules: each bad field by its name.
    pub fn refused(index: usize, problems: &[FieldError]) -> AcceptedItem {
        let one = |problem: &FieldError| match problem.loc.last() {
            Some(Loc::Name(name)) => format!("{name}: {}", problem.message),
            _ => problem.message.clone(),
        };
        let said = problems.iter().map(one).collect::<Vec<_>>().join("; ");
        AcceptedItem { index, message_id: None, status: Status::Rejected, error: Some(said) }
    }

    /// One that may be stored or not.
    fn uncertain(index: usize) -> AcceptedItem {
        let error = "It could not be stored, or the answer was lost: see the messages of this request before sending it again.";
        AcceptedItem { index, message_id: None, status: Status::Failed, error: Some(error.to_owned()) }
    }

    /// What became of a message that was to be queued; one that is stored is `waiting`.
    pub fn queued(index: usize, channel: Channel, accepted: &Accepted, waiting: Status) -> AcceptedItem {
        match accepted.refusal(channel) {
            None => AcceptedItem { index, message_id: accepted.id(), status: waiting, error: None },
            Some(Failure { reason, .. }) => {
                AcceptedItem { index, message_id: None, status: Status::Blocked, error: Some(reason) }
            }
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

impl AcceptedResponse {
    /// The answer to a call whose messages were stored one by one.
    ///
    /// # Errors
    /// The trouble that some met, when the call was `keyed`: repeated under its key, it finishes what is missing. Without
    /// a key a repetition would send again what is stored, so the answer says what is.
    pub fn queued(
        request: RequestId,
        channel: Channel,
        waiting: Status,
        keyed: bool,
        refused: Vec<AcceptedItem>,
        outcomes: Vec<(usize, domain::Result<Accepted>)>,
    ) -> domain::Result<AcceptedResponse> {
        let (mut items, mut trouble, mut stored) = (refused, None, false);
        for (index, outcome) in outcomes {
            items.push(match outcome {
                Ok(accepted) => {
                    stored |= accepted.id().is_some();
                    AcceptedItem::queued(index, channel, &accepted, waiting)
                }
                Err(error) => {
                    trouble = Some(error);
                    AcceptedItem::uncertain(index)
                }
            });
        }
        items.sort_by_key(|item| item.index);
        match trouble {
            Some(error) if keyed || !stored => Err(error),
            _ => Ok(AcceptedResponse { message: "Queued for sending", request_id: request, items }),
        }
    }
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

impl UpdateResponse {
    /// What became of a reported status, and the status now.
    pub fn of_status(applied: bool, status: Option<Status>) -> UpdateResponse {
        let message = if applied { "Status updated" } else { "The message is past this status" };
        UpdateResponse {
            success: true,
            message: message.to_owned(),
            updated_count: u64::from(applied),
            applied,
            status: status.map(Status::as_str),
        }
    }
}
