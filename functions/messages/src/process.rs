//! One entrance for a message of any channel, from the client or to them.

use axum::extract::State;
use axum::{Extension, Json};
use domain::address::Address;
use domain::business::Business;
use domain::channel::{Category, Channel, Direction, Provider, UserType};
use domain::content::{Metadata, Text};
use domain::destination::Reach;
use domain::draft::{Draft, Envelope};
use domain::email::Email;
use domain::job::Recording;
use domain::mail::{Attachment, LONGEST_STORED_BODY, Mail, Recipients};
use domain::segments::MAX_CHARACTERS;
use domain::status::Status;
use domain::{BusinessId, ClientId, MessageId, RequestId, StaffId, Timestamp};
use outbox::{Outbox, Recorded};
use serde_json::{Value, json};
use web::read::{JsonBody, Object, Problem, https_url, id, integer, metadata, text};
use web::schemas::message::{AcceptedItem, AcceptedResponse};
use web::schemas::words::{CATEGORY, PROVIDER, notification_type};
use web::{ApiError, ApiResult, Call, Correlation, Speaker, Tenant, unprocessable};

/// A recording that is longer than this as a job, in bytes, is not queued.
const LONGEST_JOB: usize = 1_800;
/// Attachments of one mail.
const MOST_ATTACHMENTS: usize = 50;
/// What all of them are called and where they are, in bytes: the message has to fit into the table.
const LONGEST_ATTACHMENTS: usize = 100_000;
/// A subject longer than a line of a mail may be (RFC 5322, 2.1.1) is none.
const LONGEST_SUBJECT: usize = 998;
const LONGEST_URL: usize = 2048;

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
    /// For a mail alone.
    mail: Option<Mail>,
    sent_at: Option<String>,
    metadata: Option<Metadata>,
}

/// `POST /omega/messages/process`: a message of the client is recorded, any other is queued for sending. The client's
/// address is the one the directory has.
pub async fn process(
    tenant: Tenant,
    Call { request, .. }: Call,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
    body: JsonBody,
) -> ApiResult<Json<AcceptedResponse>> {
    let speaker = Speaker::of(&tenant, &outbox.store, &body).await?;
    let asked = body.read(|object| read(object, speaker))?;
    let tenant = tenant.of_body(asked.business)?;
    let ours = our_address(tenant.business(), &asked)?;
    let theirs = their_address(&outbox, &tenant, &asked).await?;
    let item = if asked.sender_type == Some(UserType::Client) {
        record(&outbox, tenant.business(), asked, (theirs, ours), request, &correlation).await?
    } else {
        send(&outbox, tenant.business(), asked, (ours, theirs), request, &correlation).await?
    };
    Ok(Json(AcceptedResponse { message: "Accepted", request_id: request, items: vec![item] }))
}

fn read(body: &Object<'_>, speaker: Speaker) -> Option<Request> {
    let business = body.required("business_id", id);
    let channel = body.required("channel", |value| match value.as_str() {
        Some("sms") => Ok(Channel::Sms),
        Some("email") => Ok(Channel::Email),
        _ => Err(Problem::new("enum", "Input should be 'sms' or 'email'")),
    });
    let is_mail = channel == Some(Channel::Email);
    let client = body.required("client_id", id);
    let wl_user_id = body.optional("wl_user_id", integer);
    let staff_id = speaker.staff_id(body);
    let sender_type = speaker.sender_type(body);
    let category = body.optional("category", CATEGORY).unwrap_or(Category::Conversation);
    let notification_type = body.optional("notification_type", notification_type);
    let provider = body.optional("provider", PROVIDER);
    let longest = if is_mail { LONGEST_STORED_BODY } else { MAX_CHARACTERS };
    let text = body.required("message", |value| match text(longest)(value)? {
        empty if !domain::visible::shows(&empty) => Err(Problem::value("an empty message cannot be sent")),
        // What the table takes is counted in bytes.
        long if is_mail && long.len() > LONGEST_STORED_BODY => {
            Err(Problem::new("string_too_long", format!("String should have at most {longest} bytes")))
        }
        text => Ok(text),
    });
    let mail = if is_mail { mail(body, sender_type == Some(UserType::Client)) } else { None };
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
        mail,
        sent_at,
        metadata,
    })
}

/// What a mail has besides. Attachments are named by their address here: content goes to the operation that queues mail.
fn mail(body: &Object<'_>, from_client: bool) -> Option<Mail> {
    let line = |value: &Value| match text(LONGEST_SUBJECT)(value)? {
        line if line.chars().any(char::is_control) => Err(Problem::value("it has to be one line")),
        line => Ok(line),
    };
    let subject = body.optional("subject", line);
    let attachments = body.every("attachments", MOST_ATTACHMENTS, |object| {
        let url = if from_client {
            object.required("url", text(LONGEST_URL))
        } else {
            object.required("url", https_url)
        };
        Some(Attachment {
            filename: object.optional("filename", line).map(Text),
            content_type: object.optional("content_type", text(127)),
            url: Some(Text(url?)),
            ..Attachment::default()
        })
    });
    let attachments = attachments?;
    let texts = attachments.iter().flat_map(|attachment| [&attachment.filename, &attachment.url]).flatten();
    if texts.map(|text| text.0.len()).sum::<usize>() > LONGEST_ATTACHMENTS {
        let said = format!("their names and addresses have more than {LONGEST_ATTACHMENTS} bytes");
        body.refuse("attachments", Problem::value(said));
    }
    Some(Mail { subject: Text(subject.unwrap_or_default()), attachments, ..Mail::default() })
}

fn missing(field: &str, input: Value, said: &str) -> ApiError {
    unprocessable(&["body", field], input, format!("Value error, {said}"))
}

fn our_address(business: &Business, asked: &Request) -> Result<Address, ApiError> {
    let (address, said) = match asked.mail {
        Some(_) => {
            (business.from_email.clone().map(Address::Email), "the business has no mailbox to send from")
        }
        None => (business.from_phone.clone().map(Address::Phone), "the business has no number to send from"),
    };
    address.ok_or_else(|| missing("business_id", json!(asked.business), said))
}

async fn their_address(outbox: &Outbox, tenant: &Tenant, asked: &Request) -> Result<Address, ApiError> {
    let known = outbox.store.client_view(tenant.id(), asked.client).await?.map(|view| view.client);
    let (address, said) = match asked.mail {
        Some(_) => {
            let email = known.and_then(|client| Email::delivered(&client.email?.0));
            (email.map(Address::Email), "no email address is known of this client")
        }
        None => {
            let is_nameless = known.as_ref().is_none_or(|client| client.phone_as_given.is_none());
            let said = match is_nameless {
                true => "no phone number is known of this client",
                false => "the sender of this client's texts is no phone number, so that nobody can answer it",
            };
            (known.and_then(|client| client.phone).map(Address::Phone), said)
        }
    };
    address.ok_or_else(|| missing("client_id", json!(asked.client), said))
}

fn envelope(business: &Business, asked: &Request, from: Address) -> Envelope {
    Envelope {
        business: business.business_id,
        from,
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

fn draft(asked: Request, to: Address, reach: Reach) -> Draft {
    Draft {
        client: asked.client,
        provisional: false,
        to,
        reach,
        senders: Vec::new(),
        body: asked.body,
        wl_user_id: asked.wl_user_id,
        mail: asked.mail.map(Box::new),
        recipients: Recipients::new(),
    }
}

async fn send(
    outbox: &Outbox,
    business: &Business,
    asked: Request,
    (from, to): (Address, Address),
    request: RequestId,
    correlation: &str,
) -> Result<AcceptedItem, ApiError> {
    let envelope = envelope(business, &asked, from);
    let channel = if asked.mail.is_some() { Channel::Email } else { Channel::Sms };
    let reach = match &to {
        Address::Phone(phone) => web::destination::reach(business, phone)
            .map_err(|why| missing("client_id", json!(asked.client), &why.to_string()))?,
        _ => Reach::Allowed,
    };
    let mut drafts = vec![(0, draft(asked, to, reach))];
    if channel == Channel::Sms
        && let Err(unfit) = outbox.choose_senders(business, &mut drafts).await?
    {
        return Err(missing("from_phone_number", Value::Null, &unfit.to_string()));
    }
    let outcomes = outbox.queue_messages(&envelope, drafts, request, correlation).await;
    let accepted = outcomes
        .into_iter()
        .next()
        .map(|(_, accepted)| accepted)
        .unwrap_or_else(|| Err(domain::Error::internal("a draft had no outcome")))?;
    Ok(AcceptedItem::queued(0, channel, &accepted, Status::Queued))
}

async fn record(
    outbox: &Outbox,
    business: &Business,
    asked: Request,
    (from, to): (Address, Address),
    request: RequestId,
    correlation: &str,
) -> Result<AcceptedItem, ApiError> {
    let now = outbox.store.clock().now();
    let order_at = asked.sent_at.as_deref().and_then(Timestamp::parse).filter(|at| *at <= now).unwrap_or(now);
    let envelope = envelope(business, &asked, from);
    let (provider, sent_at) = (asked.provider, asked.sent_at.clone());
    let metadata = asked.metadata.clone();
    let mut message =
        draft(asked, to, Reach::Allowed).into_message(&envelope, MessageId::at(order_at, 0), request, now);
    message.direction = Direction::Inbound;
    message.delivery_status = Status::Received;
    message.status_rank = Status::Received.rank();
    message.provider = Some(provider.unwrap_or(Provider::External));
    message.attempt = 0;
    message.segments = None;
    message.is_read = false;
    message.sent_at = sent_at;
    message.provider_metadata = metadata;
    let recording =
        Recording { message, order_at, index: 0, historical: false, shards: business.inbox_shards };
    let job = serde_json::to_vec(&recording).map_err(|error| domain::Error::Internal(error.into()))?;
    let mut message_id = None;
    if job.len() <= LONGEST_JOB {
        outbox.queue_recordings(vec![Recorded::Whole(Box::new(recording))], correlation).await?;
    } else {
        // A job stays small. One mail is stored as quickly as it is put elsewhere.
        message_id = outbox.store.record(&recording).await?.id();
    }
    Ok(AcceptedItem { index: 0, message_id, status: Status::Received, error: None })
}
