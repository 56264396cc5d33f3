//! What staff decide of a conversation: who takes care of it, how it stands, its label.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::conversation::{Cause, ConversationStatus};
use domain::{StaffId, Timestamp};
use serde_json::Value;
use store::handling::Asked;
use web::read::{Object, PathParams, Problem, QueryParams, id, if_match, instant, text};
use web::schemas::conversation::handled;
use web::schemas::words::CONVERSATION_STATUS;
use web::{ApiResult, Correlation, Edge, Tenant};

/// The longest label, in characters.
const LONGEST_LABEL: usize = 64;

fn asked(
    tenant: &Tenant,
    path: &PathParams,
    headers: &HeaderMap,
    Correlation(request_id): Correlation,
) -> ApiResult<Asked> {
    Ok(Asked {
        business: tenant.id(),
        conversation: path.id("conversation_id")?,
        shards: tenant.shards(),
        seen: if_match(headers)?,
        actor: tenant.actor(),
        cause: Cause::Request { request_id },
    })
}

/// `POST /omega/businesses/{business_id}/conversations/{conversation_id}/assign`: to `staff_id`, or to nobody without
/// one. The same assignee again changes nothing. Somebody inactive or unknown is 422.
pub async fn assign(
    tenant: Tenant,
    path: PathParams,
    headers: HeaderMap,
    Extension(correlation): Extension<Correlation>,
    State(edge): State<Edge>,
    query: QueryParams,
) -> ApiResult<Response> {
    let asked = asked(&tenant, &path, &headers, correlation)?;
    let staff: Option<StaffId> = query.read(|object| Some(object.optional("staff_id", id)))?;
    let became = edge.store().assign(&asked, staff).await?;
    let done = if staff.is_some() { "Assigned" } else { "Unassigned" };
    handled(became, done, staff.map_or(Value::Null, |staff| staff.get().into()))
}

/// `POST /omega/businesses/{business_id}/conversations/{conversation_id}/status`: `snoozed` needs `snoozed_until`, and
/// comes back then.
pub async fn status(
    tenant: Tenant,
    path: PathParams,
    headers: HeaderMap,
    Extension(correlation): Extension<Correlation>,
    State(edge): State<Edge>,
    query: QueryParams,
) -> ApiResult<Response> {
    let asked = asked(&tenant, &path, &headers, correlation)?;
    let now = edge.store().clock().now();
    let (status, until) = query.read(|object| read_status(object, now))?;
    let became = edge.store().set_status(&asked, status, until).await?;
    handled(became, "Status changed", Value::Null)
}

fn read_status(object: &Object<'_>, now: Timestamp) -> Option<(ConversationStatus, Option<Timestamp>)> {
    let status = object.required("status", CONVERSATION_STATUS);
    let until = object.optional("snoozed_until", instant);
    match (status?, until) {
        (ConversationStatus::Snoozed, Some(until)) if until <= now => {
            object.refuse("snoozed_until", Problem::value("it is not in the future"));
            None
        }
        (ConversationStatus::Snoozed, None) => {
            if object.raw("snoozed_until").is_none() {
                object.refuse("snoozed_until", Problem::new("missing", "Field required with status=snoozed"));
            }
            None
        }
        (status @ ConversationStatus::Snoozed, until) => Some((status, until)),
        (status, _) => Some((status, None)),
    }
}

/// `POST /omega/businesses/{business_id}/conversations/{conversation_id}/label`: sets the label, or clears it without
/// one.
pub async fn label(
    tenant: Tenant,
    path: PathParams,
    headers: HeaderMap,
    Extension(correlation): Extension<Correlation>,
    State(edge): State<Edge>,
    query: QueryParams,
) -> ApiResult<Response> {
    let asked = asked(&tenant, &path, &headers, correlation)?;
    let label = query.read(|object| Some(object.optional("label", text(LONGEST_LABEL))))?;
    let label = label.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
    let done = if label.is_some() { "Labelled" } else { "Label cleared" };
    handled(edge.store().set_label(&asked, label).await?, done, Value::Null)
}
