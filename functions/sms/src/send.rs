//! Queue texts for sending.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use domain::FieldError;
use domain::business::Business;
use domain::draft::{SmsDraft, SmsEnvelope};
use domain::message::Text;
use domain::phone::{Phone, SmsAddress};
use domain::segments::MAX_CHARACTERS;
use domain::status::Status;
use outbox::Outbox;
use serde_json::Value;
use web::read::{JsonBody, Object, Problem, id, instant, integer, phone, text};
use web::schemas::message::{AcceptedItem, AcceptedResponse};
use web::schemas::words::{CATEGORY, USER_TYPE, notification_type};
use web::{ApiResult, Call, Correlation, Tenant};

/// Messages in one call.
const MOST: usize = 100;
/// Pictures and the like of one text.
const MOST_MEDIA: usize = 10;
const LONGEST_URL: usize = 2048;

/// `POST /omega/businesses/{business_id}/sms/send`: each text is checked, stored as queued and queued for the sender
/// before the answer. Nothing is sent inside the call. A bad entry is refused alone; when every entry is bad, the call
/// is refused.
pub async fn send(
    tenant: Tenant,
    Call { request, keyed }: Call,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
    body: JsonBody,
) -> ApiResult<Json<AcceptedResponse>> {
    let (envelope, entries) = body.read(|object| read(object, tenant.business()))?;
    let mut items: Vec<Option<AcceptedItem>> = Vec::new();
    let mut drafts = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        items.push(entry.as_ref().err().map(|problems| refused(index, problems)));
        drafts.extend(entry.ok().map(|draft| (index, draft)));
    }
    let now = outbox.store.clock().now();
    let waiting =
        if envelope.send_at.is_some_and(|at| at > now) { Status::Scheduled } else { Status::Queued };
    let outcomes = outbox.queue_sms(&envelope, drafts, request, &correlation).await;
    let mut trouble = None;
    let mut stored = false;
    for (index, outcome) in outcomes {
        items[index] = Some(match outcome {
            Ok(accepted) => {
                stored |= accepted.id().is_some();
                AcceptedItem::queued(index, &accepted, waiting)
            }
            Err(error) => {
                trouble = Some(error);
                uncertain(index)
            }
        });
    }
    match trouble {
        // Repeated under its key, the call finishes what is missing. Without a key a repetition would send again what
        // is stored, so the answer says what is.
        Some(error) if keyed || !stored => Err(error.into()),
        _ => Ok(Json(AcceptedResponse {
            message: "Queued for sending",
            request_id: request,
            items: items.into_iter().flatten().collect(),
        })),
    }
}

fn uncertain(index: usize) -> AcceptedItem {
    let error = "It could not be stored, or the answer was lost: see the messages of this request before sending it again.";
    AcceptedItem { index, message_id: None, status: Status::Failed, error: Some(error.to_owned()) }
}

fn refused(index: usize, problems: &[FieldError]) -> AcceptedItem {
    AcceptedItem { index, message_id: None, status: Status::Rejected, error: Some(said(problems)) }
}

/// Why an entry is refused: each bad field by its name.
pub(crate) fn said(problems: &[FieldError]) -> String {
    let one = |problem: &FieldError| match problem.loc.last() {
        Some(domain::error::Loc::Name(name)) => format!("{name}: {}", problem.message),
        _ => problem.message.clone(),
    };
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

type Entries = Vec<Result<SmsDraft, Vec<FieldError>>>;

/// Everything of the request, checked.
fn read(object: &Object<'_>, business: &Business) -> Option<(SmsEnvelope, Entries)> {
    let category = object.required("category", CATEGORY);
    let notification_type = object.optional("notification_type", notification_type);
    let staff_id = object.optional("staff_id", id);
    let sent_by = object.optional("sent_by", integer);
    let sender_type = object.optional("sender_type", USER_TYPE);
    let send_at = object.optional("send_at", instant);
    let expires_at = object.optional("expires_at", instant);
    if let (Some(from), Some(until)) = (send_at, expires_at)
        && until <= from
    {
        object.refuse("expires_at", Problem::value("it ends before it begins at send_at"));
    }
    let media_urls = object.list("media_urls", MOST_MEDIA, media_url);
    let from = sender(object, business);
    let entries = object.each("messages", MOST, |entry| draft(entry, business, !media_urls.is_empty()));
    let envelope = SmsEnvelope {
        business: business.business_id,
        from: SmsAddress::Phone(from?),
        category: category?,
        notification_type,
        staff_id,
        sent_by,
        sender_type,
        send_at,
        expires_at,
        shards: business.inbox_shards,
        media_urls,
    };
    Some((envelope, entries?))
}

/// The number to send from: the one that is asked for, if it is the business's, else its default.
fn sender(object: &Object<'_>, business: &Business) -> Option<Phone> {
    let asked = object.optional("from_phone_number", |value| {
        let phone = phone(business.country)(value)?;
        if business.owns(&phone) {
            Ok(phone)
        } else {
            Err(Problem::value("it is not a number of this business"))
        }
    });
    let absent = object.raw("from_phone_number").is_none_or(Value::is_null);
    if absent && business.from_phone.is_none() {
        object.refuse("from_phone_number", Problem::value("the business has no default number; name one"));
    }
    asked.or_else(|| business.from_phone.clone().filter(|_| absent))
}

fn draft(entry: &Object<'_>, business: &Business, has_media: bool) -> Option<SmsDraft> {
    let client = entry.required("client_id", id);
    let wl_user_id = entry.optional("wl_user_id", integer);
    let to = entry.required("to_phone_number", phone(business.country));
    let body = entry.required("message", text(MAX_CHARACTERS));
    if body.as_ref().is_some_and(|body| body.trim().is_empty()) && !has_media {
        entry.refuse("message", Problem::value("an empty text needs media"));
        return None;
    }
    Some(SmsDraft { client: client?, to: SmsAddress::Phone(to?), body: Text(body?), wl_user_id })
}

fn media_url(value: &Value) -> Result<String, Problem> {
    let url = text(LONGEST_URL)(value)?;
    let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
    match host {
        Some(host) if !host.is_empty() && !host.contains('@') && url.is_ascii() => Ok(url),
        _ => Err(Problem::new("url_scheme", "URL should be a valid https address")),
    }
}
