//! What happened to a conversation.

use axum::Json;
use axum::extract::State;
use domain::{BusinessId, ClientId, EntryId, Error};
use serde::Serialize;
use web::paging::{Page, Paging};
use web::read::{PathParams, QueryParams, together};
use web::schemas::conversation::EventResponse;
use web::{ApiResult, Edge, Tenant};

/// Which list a cursor is of.
#[derive(Serialize)]
struct List {
    name: &'static str,
    business: BusinessId,
    conversation: ClientId,
}

/// `GET /omega/businesses/{business_id}/conversations/{conversation_id}/history`: every change of status, assignee and
/// label, newest first, with who made it and why.
pub async fn list(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
    query: QueryParams,
) -> ApiResult<Json<Page<EventResponse>>> {
    let (store, business) = (edge.store(), tenant.id());
    let (conversation, paging) = together(path.id("conversation_id"), query.read(Paging::read))?;
    let opened = paging.open(&List { name: "history", business, conversation }, store.clock().now())?;
    let view = store.client_view(business, conversation).await?;
    let head = view.and_then(|view| view.conversation).ok_or(Error::NotFound("conversation"))?;
    let before = opened.behind(|place| place.parse().ok().and_then(EntryId::new))?;
    let most = opened.most();
    let mut events = store.conversation_history(business, head.client_id, before, most + 1).await?;
    let more = events.len() > most;
    events.truncate(most);
    let next = events.last().filter(|_| more).map(|event| event.event_id.get().to_string());
    let page = opened.page(events, next, head.events_count, false);
    Ok(Json(page.map(EventResponse::from)))
}
