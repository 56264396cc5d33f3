//! The messages of one call.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use domain::RequestId;
use outbox::Outbox;
use serde::Serialize;
use web::read::{PathParams, QueryParams};
use web::schemas::message::MessageResponse;
use web::schemas::words::STATUS;
use web::{ApiResult, Tenant, unprocessable};

/// The published `RequestMessages`.
#[derive(Debug, Serialize)]
pub struct RequestMessages {
    request_id: RequestId,
    counts: BTreeMap<&'static str, usize>,
    messages: Vec<MessageResponse>,
}

/// `GET /omega/businesses/{business_id}/messages/requests/{request_id}`, and the older
/// `GET /omega/messages/{business_id}/messages/requests/{request_id}`. A call that nothing is stored of yet is an empty
/// list: what is recorded appears when its consumer has stored it. With `status`, only the messages in that status are
/// listed; the counts are those of all.
pub async fn messages(
    tenant: Tenant,
    path: PathParams,
    query: QueryParams,
    State(outbox): State<Outbox>,
) -> ApiResult<Json<RequestMessages>> {
    let text = path.text("request_id");
    let request_id = text
        .parse()
        .map(RequestId)
        .map_err(|_| unprocessable(&["path", "request_id"], text.into(), "Input should be a valid UUID"))?;
    let status = query.read(|object| Some(object.optional("status", STATUS)))?;
    let messages = outbox.store.request_messages(tenant.id(), request_id).await?;
    let mut counts = BTreeMap::new();
    for message in &messages {
        *counts.entry(message.delivery_status.as_str()).or_default() += 1;
    }
    let messages = messages.into_iter();
    let messages = messages.filter(|message| status.is_none_or(|status| message.delivery_status == status));
    let messages = messages.map(MessageResponse::from).collect();
    Ok(Json(RequestMessages { request_id, counts, messages }))
}
