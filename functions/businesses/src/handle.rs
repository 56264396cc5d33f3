//! What staff decide of a conversation: who takes care of it, how it stands, its label.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::conversation::Cause;
use domain::standing::ConversationStatus;
use domain::visible::shows;
use domain::{StaffId, Timestamp};
use serde_json::Value;
use store::handling::Asked;
use web::read::{Decision, Object, PathParams, Problem, id, if_match, instant, text, together};
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
    let (conversation, seen) = together(path.id("conversation_id"), if_match(headers))?;
    Ok(Asked {
        business: tenant.id(),
        conversation,
        shards: tenant.shards(),
        seen,
        actor: tenant.actor(),
        cause: Cause::Request { request_id },
    })
}

/// `POST /omega/businesses/{business_id}/conversations/{conversation_id}/assign`: to `staff_id`, in the query or a JSON body, or to
/// nobody where it is `null` or empty. The same assignee again changes nothing. Somebody inactive or unknown is 422.
pub async fn assign(
    tenant: Tenant,
    path: PathParams,
    headers: HeaderMap,
    Extension(correlation): Extension<Correlation>,
    State(edge): State<Edge>,
    decision: Decision,
) -> ApiResult<Response> {
    let asked = asked(&tenant, &path, &headers, correlation);
    let staff = decision.read(&["staff_id"], |object| object.required("staff_id", or_nobody));
    let (asked, staff) = together(asked, staff)?;
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
    decision: Decision,
) -> ApiResult<Response> {
    let asked = asked(&tenant, &path, &headers, correlation);
    let now = edge.store().clock().now();
    let status = decision.read(&["status", "snoozed_until"], |object| read_status(object, now));
    let (asked, (status, until)) = together(asked, status)?;
    let became = edge.store().set_status(&asked, status, until).await?;
    handled(became, "Status changed", Value::Null)
}

/// A member of the staff; `null` or an empty value is nobody.
fn or_nobody(value: &Value) -> Result<Option<StaffId>, Problem> {
    let nobody = value.is_null() || value.as_str().is_some_and(str::is_empty);
    if nobody { Ok(None) } else { id(value).map(Some) }
}

/// A label; `null` or one that shows nothing is none.
fn or_no_label(value: &Value) -> Result<Option<String>, Problem> {
    if value.is_null() {
        return Ok(None);
    }
    let label = text(LONGEST_LABEL)(value)?;
    Ok(shows(&label).then(|| label.trim().to_owned()))
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

/// `POST /omega/businesses/{business_id}/conversations/{conversation_id}/label`: sets the label, from the query or
/// a JSON body. Without `label`, or where it is `null` or empty, the label is cleared.
pub async fn label(
    tenant: Tenant,
    path: PathParams,
    headers: HeaderMap,
    Extension(correlation): Extension<Correlation>,
    State(edge): State<Edge>,
    decision: Decision,
) -> ApiResult<Response> {
    let asked = asked(&tenant, &path, &headers, correlation);
    let label = decision.read(&["label"], |object| Some(object.optional("label", or_no_label).flatten()));
    let (asked, label) = together(asked, label)?;
    let done = if label.is_some() { "Labelled" } else { "Label cleared" };
    handled(edge.store().set_label(&asked, label).await?, done, Value::Null)
}
