//! The timeline of a conversation.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::inbox::MessageFilter;
use domain::{BusinessId, ClientId, Error, MessageId, Timestamp};
use serde::Serialize;
use store::ClientView;
use store::Store;
use store::timeline::{Entry, Timeline, TimelineFilter};
use web::paging::{Opened, Page, Paging};
use web::read::{PathParams, QueryParams, instant, together};
use web::schemas::conversation::etag;
use web::schemas::message::MessageResponse;
use web::schemas::words::{CATEGORY, CHANNEL, MESSAGE_FILTER};
use web::{ApiResult, Edge, Tenant};

/// How often a page is read on when what was read does not fill it: some 1 MB each.
const MOST_READS: usize = 32;

/// Which list a cursor is of.
#[derive(Serialize)]
struct List {
    name: &'static str,
    business: BusinessId,
    conversation: ClientId,
    filter: TimelineFilter,
    updated_since: Option<Timestamp>,
}

/// `GET /omega/businesses/{business_id}/conversations/{conversation_id}/messages`: messages, calls and notes, newest
/// first; with `updated_since`, oldest change first. `ETag` is the version of the conversation.
pub async fn list(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
    query: QueryParams,
) -> ApiResult<Response> {
    let (store, business) = (edge.store(), tenant.id());
    let asked = query.read(|object| {
        let paging = Paging::read(object);
        let filter = TimelineFilter {
            messages: object.optional("filter", MESSAGE_FILTER).unwrap_or_default(),
            channel: object.optional("channel", CHANNEL),
            category: object.optional("category", CATEGORY),
        };
        let updated_since = object.optional("updated_since", instant);
        Some((paging?, filter, updated_since))
    });
    let (conversation, (paging, filter, updated_since)) = together(path.id("conversation_id"), asked)?;
    let of = List { name: "messages", business, conversation, filter, updated_since };
    let opened = paging.open(&of, store.clock().now())?;
    let (view, page) = match updated_since {
        Some(since) => changed(store, (business, conversation), &filter, since, opened).await?,
        None => newest_first(store, (business, conversation), &filter, opened).await?,
    };
    let head = view.as_ref().and_then(ClientView::head);
    let tag = head.map(|head| [(header::ETAG, etag(head))]);
    Ok((tag, Json(page.map(MessageResponse::from))).into_response())
}

type Shown = (Option<ClientView>, Page<Entry>);

/// One query, as long as nothing is filtered out.
async fn newest_first(
    store: &Store,
    (business, conversation): (BusinessId, ClientId),
    filter: &TimelineFilter,
    opened: Opened,
) -> ApiResult<Shown> {
    let mut before = opened.behind(|place| place.parse().ok().and_then(MessageId::new))?;
    let (mut view, mut entries, mut next) = (None, Vec::new(), None);
    for _ in 0..MOST_READS {
        let most = opened.most() - entries.len();
        let Some(read) = store.timeline(business, conversation, filter, before, most).await? else {
            return Err(Error::NotFound("conversation").into());
        };
        let Timeline { view: seen, entries: more, more: rest } = read;
        view = view.or(seen);
        entries.extend(more);
        (before, next) = (rest, rest);
        if next.is_none() || entries.len() >= opened.most() {
            break;
        }
    }
    let head = view.as_ref().and_then(ClientView::head);
    let total = match (opened.counted, head) {
        (Some(counted), _) => counted,
        (None, None) if opened.after.is_some() => return Err(opened.made_up()),
        (None, None) => return Err(Error::NotFound("conversation").into()),
        (None, Some(head)) => match filter {
            TimelineFilter { messages, channel: None, category: None } => match messages {
                MessageFilter::All => head.messages_count,
                MessageFilter::Unread => head.unread_messages_count,
                MessageFilter::Flagged => head.messages_flagged_count,
            },
            _ => store.count_timeline(business, head.client_id, filter).await?,
        },
    };
    let next = next.map(|id| id.get().to_string());
    Ok((view, opened.page(entries, next, total, true)))
}

/// A conversation is small: what changed in it is read and sorted here.
async fn changed(
    store: &Store,
    (business, conversation): (BusinessId, ClientId),
    filter: &TimelineFilter,
    since: Timestamp,
    opened: Opened,
) -> ApiResult<Shown> {
    let view = store.client_view(business, conversation).await?.filter(|view| view.head().is_some());
    let view = view.ok_or(Error::NotFound("conversation"))?;
    let mut entries = store.changed_entries(business, view.client.client_id, filter, since).await?;
    let total = entries.len() as u64;
    let place = |entry: &Entry| format!("{}#{}", entry.updated_at(), entry.id().key());
    if let Some(after) = &opened.after {
        entries.retain(|entry| place(entry) > *after);
    }
    let more = entries.len() > opened.most();
    entries.truncate(opened.most());
    let next = entries.last().filter(|_| more).map(place);
    let begun = opened.begun;
    Ok((Some(view), opened.page(entries, next, total, false).of_changes(begun, since)))
}
