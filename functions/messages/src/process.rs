//! One entrance for a message of any channel, from the client or to them.

use axum::extract::State;
use axum::{Extension, Json};
use domain::business::Business;
use domain::draft::{SmsDraft, SmsEnvelope};
use domain::job::Recording;
use domain::message::{Category, Direction, Metadata, Provider, Text, UserType};
use domain::phone::{Phone, SmsAddress};
use domain::segments::MAX_CHARACTERS;
use domain::status::Status;
use domain::{BusinessId, ClientId, MessageId, RequestId, StaffId, Timestamp};
use outbox::Outbox;
use serde_json::json;
use web::read::{JsonBody, Object, Problem, id, integer, metadata, text};
use web::schemas::message::{AcceptedItem, AcceptedResponse};
use web::schemas::words::{CATEGORY, PROVIDER, USER_TYPE, notification_type};
use web::{ApiError, ApiResult, Call, Correlation, Tenant, unprocessable};

struct Request {
    business: BusinessId,
    client: ClientId,
    wl_user_id: Option<u64>,
    staff_id: Option<StaffId>,
    sender_type: Option<UserType>,
    category: Category,
    notification_type: Option<String>,
    provider: Option<Provider>,
    body: Text,
    sent_at: Option<String>,
    metadata: Option<Metadata>,
}

/// `POST /omega/messages/process`: a message of the client is recorded, any other is queued for sending. The client's
/// number is the one the directory has.
pub async fn process(
    tenant: Tenant,
    Call { request, .. }: Call,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
    body: JsonBody,
) -> ApiResult<Json<AcceptedResponse>> {
    let asked = body.read(read)?;
    let tenant = tenant.of_body(asked.business)?;
    let ours = tenant.business().from_phone.clone().ok_or_else(|| {
        unprocessable(
            &["body", "business_id"],
            json!(asked.business),
            "Value error, the business has no number to send from",
        )
    })?;
    let theirs = phone_of(&outbox, &tenant, asked.client).await?;
    let item = if asked.sender_type == Some(UserType::Client) {
        record(&outbox, tenant.business(), asked, (theirs, ours), request, &correlation).await?
    } else {
        send(&outbox, tenant.business(), asked, (ours, theirs), request, &correlation).await?
    };
    Ok(Json(AcceptedResponse { message: "Accepted", request_id: request, items: vec![item] }))
}

fn read(body: &Object<'_>) -> Option<Request> {
    let business = body.required("business_id", id);
    let channel = body.required("channel", |value| match value.as_str() {
        Some("sms") => Ok(()),
        _ => Err(Problem::new("enum", "Input should be 'sms'")),
    });
    let client = body.required("client_id", id);
    let wl_user_id = body.optional("wl_user_id", integer);
    let staff_id = body.optional("staff_id", id);
    let sender_type = body.optional("sender_type", USER_TYPE);
    let category = body.optional("category", CATEGORY).unwrap_or(Category::Conversation);
    let notification_type = body.optional("notification_type", notification_type);
    let provider = body.optional("provider", PROVIDER);
    let text = body.required("message", |value| match text(MAX_CHARACTERS)(value)? {
        empty if empty.trim().is_empty() => Err(Problem::value("an empty text cannot be sent")),
        text => Ok(text),
    });
    let sent_at = body.optional("sent_at", web::read::text(64));
    let metadata = body.optional("provider_metadata", metadata);
    channel?;
    Some(Request {
        business: business?,
        client: client?,
        wl_user_id,
        staff_id,
        sender_type,
        category,
        notification_type,
        provider,
        body: Text(text?),
        sent_at,
        metadata,
    })
}

async fn phone_of(outbox: &Outbox, tenant: &Tenant, client: ClientId) -> Result<Phone, ApiError> {
    let known = outbox.store.client_view(tenant.id(), client).await?;
    known.and_then(|view| view.client.phone).ok_or_else(|| {
        unprocessable(
            &["body", "client_id"],
            json!(client),
            "Value error, no phone number is known of this client",
        )
    })
}

fn envelope(business: &Business, asked: &Request, from: Phone) -> SmsEnvelope {
    SmsEnvelope {
        business: business.business_id,
        from: SmsAddress::Phone(from),
        category: asked.category,
        notification_type: asked.notification_type.clone(),
        staff_id: asked.staff_id,
        sent_by: None,
        sender_type: asked.sender_type,
        send_at: None,
        expires_at: None,
        shards: business.inbox_shards,
        media_urls: Vec::new(),
    }
}

async fn send(
    outbox: &Outbox,
    business: &Business,
    asked: Request,
    (from, to): (Phone, Phone),
    request: RequestId,
    correlation: &str,
) -> Result<AcceptedItem, ApiError> {
    let envelope = envelope(business, &asked, from);
    let draft = SmsDraft {
        client: asked.client,
        to: SmsAddress::Phone(to),
        body: asked.body,
        wl_user_id: asked.wl_user_id,
    };
    let outcomes = outbox.queue_sms(&envelope, vec![(0, draft)], request, correlation).await;
    let accepted = outcomes
        .into_iter()
        .next()
        .map(|(_, accepted)| accepted)
        .unwrap_or_else(|| Err(domain::Error::internal("a draft had no outcome")))?;
    Ok(AcceptedItem::queued(0, &accepted, Status::Queued))
}

async fn record(
    outbox: &Outbox,
    business: &Business,
    asked: Request,
    (from, to): (Phone, Phone),
    request: RequestId,
    correlation: &str,
) -> Result<AcceptedItem, ApiError> {
    let now = outbox.store.clock().now();
    let order_at = asked.sent_at.as_deref().and_then(Timestamp::parse).filter(|at| *at <= now).unwrap_or(now);
    let envelope = envelope(business, &asked, from);
    let draft = SmsDraft {
        client: asked.client,
        to: SmsAddress::Phone(to),
        body: asked.body,
        wl_user_id: asked.wl_user_id,
    };
    let mut message = draft.into_message(&envelope, MessageId::at(order_at, 0), request, now);
    message.direction = Direction::Inbound;
    message.delivery_status = Status::Received;
    message.status_rank = Status::Received.rank();
    message.provider = Some(asked.provider.unwrap_or(Provider::External));
    message.attempt = 0;
    message.segments = None;
    message.is_read = false;
    message.sent_at = asked.sent_at;
    message.provider_metadata = asked.metadata;
    let recording =
        Recording { message, order_at, index: 0, historical: false, shards: business.inbox_shards };
    outbox.queue_recordings(vec![recording], correlation).await?;
    Ok(AcceptedItem { index: 0, message_id: None, status: Status::Received, error: None })
}
