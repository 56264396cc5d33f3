//! Record mail that another system sent or received.

use axum::extract::State;
use axum::{Extension, Json};
use domain::address::Address;
use domain::business::Business;
use domain::channel::{Channel, Direction, Provider, UserType};
use domain::content::{Metadata, Text};
use domain::id::MessageRef;
use domain::job::Recording;
use domain::mail::{Attachment, Mail, Recipients};
use domain::message::Message;
use domain::status::Status;
use domain::{Error, FieldError, MessageId, RequestId, Timestamp};
use objects::{Objects, keys};
use outbox::{Outbox, Recorded};
use serde_json::Value;
use web::read::{JsonBody, Object, Problem, boolean, id, integer, mailbox, metadata, text};
use web::schemas::message::{AcceptedItem, AcceptedResponse};
use web::schemas::words::{CATEGORY, PROVIDER, STATUS, USER_TYPE, notification_type};
use web::{ApiResult, Call, Correlation, Speaker, Tenant};

use crate::content::{self, Upload, attached, decoded, outsourced};

/// Messages in one call.
const MOST: usize = 100;
/// Attachments and further receivers of one mail. More than SES takes: it is kept as given.
const MOST_OTHERS: usize = 500;
const LONGEST: usize = 998;
const LONGEST_URL: usize = 2048;
/// What is kept as given of one mail, in bytes: its message has to fit into the table, body and metadata included.
const LONGEST_GIVEN: usize = 100_000;
/// What is given as content and is shorter than this is no file, but a word in its place.
const SHORTEST_CONTENT: usize = 64;
/// A recording that is longer than this as a job, in bytes, goes to object storage and only its key is queued.
const LONGEST_JOB: usize = 1_800;

/// `POST /omega/businesses/{business_id}/email/record`: queued here, stored by the recorder. Nothing is sent.
/// `message_id` is the id in the sending system, and the same one is recorded once. What that system says of its mail is
/// kept as it says it.
pub(crate) async fn record(
    tenant: Tenant,
    Call { request, .. }: Call,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
    State(objects): State<Objects>,
    body: JsonBody,
) -> ApiResult<Json<AcceptedResponse>> {
    let now = outbox.store.clock().now();
    let entries =
        body.read(|object| read(object, (tenant.business(), Speaker::recording(&tenant)), request, now))?;
    let (mut items, mut recordings, mut uploads) = (Vec::new(), Vec::new(), Vec::new());
    let count = entries.len();
    for (index, entry) in entries.into_iter().enumerate() {
        match entry {
            Ok(checked) => {
                let status = checked.recording.message.delivery_status;
                items.push(AcceptedItem { index, message_id: None, status, error: None });
                recordings.push(checked.into_recorded(request, (index, count), &mut uploads)?);
            }
            Err(problems) => items.push(AcceptedItem::refused(index, &problems)),
        }
    }
    content::store(&objects, uploads).await?;
    outbox.queue_recordings(recordings, &correlation).await?;
    Ok(Json(AcceptedResponse { message: "Queued for recording", request_id: request, items }))
}

/// One mail of a call, checked.
struct Checked {
    recording: Recording,
    body: Text,
    mail: Mail,
    /// The content of attachments that came along, by their place.
    contents: Vec<(usize, Vec<u8>)>,
}

impl Checked {
    /// What is queued: the recording itself, or where it lies.
    fn into_recorded(
        self,
        request: RequestId,
        (index, count): (usize, usize),
        uploads: &mut Vec<Upload>,
    ) -> domain::Result<Recorded> {
        let Checked { mut recording, mut body, mut mail, contents } = self;
        let business = recording.message.at.business;
        for (n, content) in contents {
            let key = keys::outbound(business, request, index, n);
            uploads.extend(mail.attachments.get_mut(n).map(|attachment| attached(attachment, content, key)));
        }
        uploads.extend(outsourced(&mut body, &mut mail, keys::outbound_body(business, request, index))?);
        recording.message.body = body;
        recording.message.mail = Some(Box::new(mail));
        let recording = recording.listed(index, count);
        let whole = serde_json::to_vec(&recording).map_err(|error| Error::Internal(error.into()))?;
        if whole.len() <= LONGEST_JOB {
            return Ok(Recorded::Whole(Box::new(recording)));
        }
        let key = keys::recording(business, request, index);
        uploads.push(Upload {
            key: key.clone(),
            content: whole,
            content_type: "application/json".to_owned(),
        });
        Ok(Recorded::Stored(key))
    }
}

type Entries = Vec<Result<Checked, Vec<FieldError>>>;

fn read(
    object: &Object<'_>,
    (business, speaker): (&Business, Speaker),
    request: RequestId,
    now: Timestamp,
) -> Option<Entries> {
    let category = object.required("category", CATEGORY);
    let notification_type = object.optional("notification_type", notification_type);
    let staff_id = speaker.recorded_staff_id(object);
    let provider = object.optional("provider", PROVIDER).unwrap_or(Provider::External);
    let sent_by = speaker.sent_by(object);
    let sender_type = object.optional("sender_type", USER_TYPE);
    // Kept as given: another system's word for a time is not ours to judge. One that can be read gives the place in
    // the timeline.
    let sent_at = object.optional("sent_at", text(64));
    let historical = object.optional("historical", boolean).unwrap_or(false);
    let from = object.required("from_email", mailbox);
    let order_at = sent_at.as_deref().and_then(Timestamp::parse).filter(|at| *at <= now).unwrap_or(now);
    let inbound = sender_type == Some(UserType::Client);
    let entries = object.each("messages", MOST, |entry| {
        // Zero is what a system says that has no id for it.
        let external_id = entry.optional("message_id", integer).filter(|id| *id != 0);
        let client = entry.required("client_id", id);
        let wl_user_id = entry.optional("wl_user_id", integer);
        let to = entry.required("to_email", mailbox);
        let subject = entry.required("subject", text(LONGEST));
        let body = entry.required("message", text(domain::mail::LARGEST));
        let html = entry.optional("html", text(domain::mail::LARGEST));
        let cc = entry.list("cc_email", MOST_OTHERS, as_given);
        let bcc = entry.list("bcc_email", MOST_OTHERS, as_given);
        let attachments = entry.every("attachments", MOST_OTHERS, attachment);
        let status = entry.optional("status", STATUS);
        let provider_metadata = entry.optional("provider_metadata", metadata);
        let attachments = attachments?;
        refuse_too_much(entry, &cc, &bcc, &attachments);
        let (attachments, contents): (Vec<Attachment>, Vec<Option<Vec<u8>>>) =
            attachments.into_iter().unzip();
        let contents = contents.into_iter().enumerate().filter_map(|(n, content)| Some((n, content?)));
        let status = status.unwrap_or(if inbound { Status::Received } else { Status::Sent });
        let message = Message {
            at: MessageRef {
                business: business.business_id,
                client: client?,
                message: MessageId::at(order_at, 0),
            },
            channel: Channel::Email,
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            category: category?,
            notification_type: notification_type.clone(),
            provider: Some(provider),
            sender_type,
            sent_by,
            staff_id,
            wl_user_id,
            request_id: Some(request),
            listed: None,
            external_id,
            from_address: Address::Email(from.clone()?),
            from_reason: None,
            to_address: Address::Email(to?),
            body: Text::default(),
            media_urls: Vec::new(),
            mail: None,
            call: None,
            recipients: Recipients::new(),
            delivery_status: status,
            status_rank: status.rank(),
            attempt: 0,
            retries: 0,
            throttled: 0,
            provider_message_id: provider_metadata.as_ref().and_then(|given| provider_id(provider, given)),
            provider_status: None,
            failure: None,
            segments: None,
            sent_at: sent_at.clone(),
            created_at: now,
            updated_at: now,
            delivered_at: None,
            send_at: None,
            expires_at: None,
            lease_until: None,
            lost_answer: None,
            is_read: !inbound || historical,
            read_by: None,
            is_flagged: false,
            provider_metadata,
        };
        let mail =
            Mail { subject: Text(subject?), html: html.map(Text), cc, bcc, attachments, ..Mail::default() };
        let recording = Recording { message, order_at, index: 0, historical, shards: business.inbox_shards };
        Some(Checked { recording, body: Text(body?), mail, contents: contents.collect() })
    });
    category?;
    from?;
    entries
}

/// Names the field with the most in it, when there is more than can be kept.
fn refuse_too_much(entry: &Object<'_>, cc: &[Text], bcc: &[Text], attachments: &[Given]) {
    let texts = |texts: &[Text]| texts.iter().map(|text| text.0.len()).sum::<usize>();
    let of = |Attachment { filename, content_type, url, content, .. }: &Attachment| {
        let given = [filename, url, content].into_iter().flatten().map(|text| text.0.len()).sum::<usize>();
        given + content_type.as_ref().map_or(0, String::len)
    };
    let of_attachments = attachments.iter().map(|(attachment, _)| of(attachment)).sum();
    let fields = [("cc_email", texts(cc)), ("bcc_email", texts(bcc)), ("attachments", of_attachments)];
    if fields.iter().map(|(_, length)| length).sum::<usize>() <= LONGEST_GIVEN {
        return;
    }
    if let Some((largest, _)) = fields.into_iter().max_by_key(|(_, length)| *length) {
        let said = format!(
            "cc_email, bcc_email and attachments have more than {LONGEST_GIVEN} bytes that are no content in base64"
        );
        entry.refuse(largest, Problem::value(said));
    }
}

/// An attachment, and its content where that came along.
type Given = (Attachment, Option<Vec<u8>>);

fn as_given(value: &Value) -> Result<Text, Problem> {
    text(LONGEST)(value).map(Text)
}

/// An attachment as another system tells of it. Content goes to object storage where it is content; all else is kept as
/// it was given, and nothing is fetched.
fn attachment(object: &Object<'_>) -> Option<Given> {
    let given = object.optional("content", text(domain::mail::LARGEST * 2));
    let content = given.as_deref().filter(|given| given.len() >= SHORTEST_CONTENT).and_then(decoded);
    let attachment = Attachment {
        filename: object.optional("filename", as_given),
        content_type: object.optional("content_type", text(LONGEST)),
        url: object.optional("url", text(LONGEST_URL)).map(Text),
        content: if content.is_some() { None } else { given.map(Text) },
        ..Attachment::default()
    };
    Some((attachment, content))
}

/// The provider's id of a mail, by which its reports name it: in `provider_metadata` under one of the names that the
/// providers themselves use.
fn provider_id(provider: Provider, given: &Metadata) -> Option<String> {
    let names = ["provider_message_id", "message_id", "MessageID", "MessageId", "sg_message_id"];
    let id = names.into_iter().find_map(|name| given.0.get(name)?.as_str())?;
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    // SendGrid's own id is followed by that of a server.
    let id = if provider == Provider::Sendgrid { id.split('.').next().unwrap_or(id) } else { id };
    let has_reports =
        matches!(provider, Provider::Ses | Provider::Sendgrid | Provider::Mailgun | Provider::Postmark);
    let good = (1..=LONGEST_ID).contains(&id.len()) && !id.contains('#');
    (has_reports && good).then(|| id.to_owned())
}

/// The longest id of a provider that leads to a message.
const LONGEST_ID: usize = 256;
