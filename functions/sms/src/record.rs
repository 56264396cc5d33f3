//! Record texts that another system sent or received.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use domain::address::Address;
use domain::business::Business;
use domain::channel::{Channel, Direction, Provider, UserType};
use domain::content::Text;
use domain::delivered::LONGEST_ADDRESS;
use domain::id::MessageRef;
use domain::job::Recording;
use domain::message::Message;
use domain::phone::Country;
use domain::status::Status;
use domain::{FieldError, MessageId, RequestId, Timestamp};
use outbox::{Outbox, Recorded};
use serde_json::Value;
use web::read::{JsonBody, Object, Problem, boolean, id, integer, metadata, text};
use web::schemas::message::{AcceptedItem, AcceptedResponse};
use web::schemas::words::{CATEGORY, PROVIDER, STATUS, USER_TYPE, notification_type};
use web::{ApiResult, Call, Correlation, Speaker, Tenant};

/// Messages in one call.
const MOST: usize = 100;
/// A recorded text may be longer than one that omega would send: it is kept as given.
const LONGEST: usize = 20_000;

/// `POST /omega/businesses/{business_id}/sms/record`: queued here, stored by the recorder. The provider is never
/// called. `message_id` is the id in the sending system, and the same one is recorded once.
pub async fn record(
    tenant: Tenant,
    Call { request, .. }: Call,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
    body: JsonBody,
) -> ApiResult<Json<AcceptedResponse>> {
    let now = outbox.store.clock().now();
    let entries =
        body.read(|object| read(object, (tenant.business(), Speaker::recording(&tenant)), request, now))?;
    let items = entries.iter().enumerate().map(|(index, entry)| item(index, entry)).collect();
    let count = entries.len();
    let recordings = entries.into_iter().enumerate().filter_map(|(index, entry)| {
        let recording: Recording = entry.ok()?;
        Some(Recorded::Whole(Box::new(recording.listed(index, count))))
    });
    let recordings = recordings.collect();
    outbox.queue_recordings(recordings, &correlation).await?;
    Ok(Json(AcceptedResponse { message: "Queued for recording", request_id: request, items }))
}

fn item(index: usize, entry: &Result<Recording, Vec<FieldError>>) -> AcceptedItem {
    match entry {
        Ok(recording) => {
            AcceptedItem { index, message_id: None, status: recording.message.delivery_status, error: None }
        }
        Err(problems) => AcceptedItem::refused(index, problems),
    }
}

type Entries = Vec<Result<Recording, Vec<FieldError>>>;

fn read(
    object: &Object<'_>,
    (business, speaker): (&Business, Speaker),
    request: RequestId,
    now: Timestamp,
) -> Option<Entries> {
    let category = object.required("category", CATEGORY);
    let notification_type = object.optional("notification_type", notification_type);
    let staff_id = speaker.recorded_staff_id(object);
    let provider = object.optional("provider", PROVIDER);
    let sent_by = speaker.sent_by(object);
    let sender_type = object.optional("sender_type", USER_TYPE);
    // Kept as given: another system's word for a time is not ours to judge. One that can be read gives the place in
    // the timeline.
    let sent_at = object.optional("sent_at", text(64));
    let historical = object.optional("historical", boolean).unwrap_or(false);
    let from = object.required("from_phone_number", address(business.country));
    let order_at = sent_at.as_deref().and_then(Timestamp::parse).filter(|at| *at <= now).unwrap_or(now);
    let inbound = sender_type == Some(UserType::Client);
    let entries = object.each("messages", MOST, |entry| {
        let external_id = entry.optional("message_id", integer);
        let client = entry.required("client_id", id);
        let wl_user_id = entry.optional("wl_user_id", integer);
        let to = entry.required("to_phone_number", address(business.country));
        let body = entry.required("message", text(LONGEST));
        let status = entry.optional("status", STATUS);
        let provider_metadata = entry.optional("provider_metadata", metadata);
        let status = status.unwrap_or(if inbound { Status::Received } else { Status::Sent });
        let message = Message {
            at: MessageRef {
                business: business.business_id,
                client: client?,
                message: MessageId::at(order_at, 0),
            },
            channel: Channel::Sms,
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            category: category?,
            notification_type: notification_type.clone(),
            provider: Some(provider.unwrap_or(Provider::External)),
            sender_type,
            sent_by,
            staff_id,
            wl_user_id,
            request_id: Some(request),
            listed: None,
            external_id,
            from_address: from.clone()?,
            from_reason: None,
            to_address: to?,
            body: Text(body?),
            media_urls: Vec::new(),
            mail: None,
            call: None,
            recipients: Default::default(),
            delivery_status: status,
            status_rank: status.rank(),
            attempt: 0,
            retries: 0,
            throttled: 0,
            provider_message_id: None,
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
        Some(Recording { message, order_at, index: 0, historical, shards: business.inbox_shards })
    });
    category?;
    from?;
    entries
}

/// An address a text came from or went to, in any spelling. What is no number that we know is taken as the other system
/// has it: the text was sent or received there.
fn address(country: Country) -> impl Fn(&Value) -> Result<Address, Problem> {
    move |value| match text(LONGEST_ADDRESS)(value)? {
        empty if !empty.contains(char::is_alphanumeric) => Err(Problem::value("the phone number is empty")),
        address => Ok(Address::recorded(&address, country)),
    }
}
