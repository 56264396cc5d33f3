//! The messages of a conversation that contain some words.

use axum::Json;
use axum::extract::State;
use domain::search::{self, Highlight, Query};
use domain::{BusinessId, ClientId, Error, MessageId};
use serde::Serialize;
use serde_json::Value;
use store::Store;
use store::timeline::{Entry, Timeline};
use web::paging::{Opened, Page, Paging};
use web::read::{PathParams, Problem, QueryParams, text, together};
use web::schemas::message::MessageResponse;
use web::{ApiResult, Edge, Tenant, unprocessable};

/// How often a page that is asked for by its number is read on: some 1 MB each. The first one and those of a cursor
/// are one read.
const MOST_READS: usize = 8;
/// How many of those reads may fill one page, so that the answer stays below what passes the gateway.
const MOST_FILLING: usize = 3;

/// Which list a cursor is of.
#[derive(Serialize)]
struct List<'a> {
    name: &'static str,
    business: BusinessId,
    conversation: ClientId,
    query: &'a Query,
}

/// A message or note that matches, and where: the published `MessageResponse` with one field more.
#[derive(Debug, Serialize)]
pub struct Found {
    #[serde(flatten)]
    message: MessageResponse,
    /// In UTF-16 code units of `message`.
    highlights: Vec<Highlight>,
}

/// `GET /omega/businesses/{business_id}/conversations/{conversation_id}/messages/search`, and the older
/// `GET /omega/messages/{business_id}/conversations/{conversation_id}/messages/search`: messages and notes that contain
/// every word of `query`, newest first.
///
/// A page ends when it is full or when 1 MB of the conversation is read, whichever comes first: it may be short or even
/// empty, and goes on at `next_cursor` until that is `null`. `total` is exact as soon as the rest of the conversation
/// was read; until then it is what was found so far. A later page that is asked for by its number reads up to 8 MB from
/// the newest on; one that is short goes on by cursor, not by the next number.
pub async fn search(
    tenant: Tenant,
    path: PathParams,
    State(edge): State<Edge>,
    query: QueryParams,
) -> ApiResult<Json<Page<Found>>> {
    let (store, business) = (edge.store(), tenant.id());
    let asked = query.read(|object| {
        let paging = Paging::read(object);
        let query = object.required("query", words);
        Some((paging?, query?))
    });
    let (conversation, (paging, query)) = together(path.id("conversation_id"), asked)?;
    let of = List { name: "search", business, conversation, query: &query };
    let opened = paging.open(&of, store.clock().now())?;
    Ok(Json(look(store, (business, conversation), &query, opened).await?))
}

async fn look(
    store: &Store,
    (business, conversation): (BusinessId, ClientId),
    query: &Query,
    mut opened: Opened,
) -> ApiResult<Page<Found>> {
    let Place { mut before, found: mut total } = match &opened.after {
        Some(place) => Place::parse(place)?,
        None => Place { before: None, found: 0 },
    };
    let reads = if opened.after.is_none() && opened.page > 1 { MOST_READS } else { 1 };
    let (mut rows, mut filling, mut next) = (Vec::new(), 0, None);
    let mut skip = std::mem::take(&mut opened.skip);
    for _ in 0..reads {
        let read = store.timeline_megabyte(business, conversation, before).await?;
        let timeline = read.filter(|read| before.is_some() || has_conversation(read));
        let timeline = timeline.ok_or(Error::NotFound("conversation"))?;
        for entry in timeline.entries {
            let Some(highlights) = found(query, &entry) else { continue };
            total += 1;
            if skip > 0 {
                skip -= 1;
            } else if rows.len() < opened.size {
                next = Some(Place { before: Some(entry.id()), found: total });
                rows.push(Found { message: entry.into(), highlights });
            }
        }
        before = timeline.more;
        filling += usize::from(!rows.is_empty());
        if before.is_none() || rows.len() == opened.size || filling == MOST_FILLING {
            break;
        }
    }
    let next = match next {
        // What follows a full page was counted, and may be all there is.
        Some(place) if rows.len() == opened.size => {
            Some(place).filter(|place| place.found < total || before.is_some())
        }
        _ => before.map(|_| Place { before, found: total }),
    };
    Ok(opened.page(rows, next.map(|place| place.to_string()), total, false))
}

/// Where an entry has all words: in its body, or a mail in its subject, which is not highlighted.
fn found(query: &Query, entry: &Entry) -> Option<Vec<Highlight>> {
    let in_subject = || query.highlights(&entry.subject()?.0).map(|_| Vec::new());
    query.highlights(&entry.body().0).or_else(in_subject)
}

fn has_conversation(timeline: &Timeline) -> bool {
    timeline.view.as_ref().is_some_and(|view| view.head().is_some())
}

/// What to look for.
fn words(value: &Value) -> Result<Query, Problem> {
    let words = text(search::LONGEST)(value)?;
    let nothing =
        || Problem::new("string_too_short", "String should have at least 1 character that is not blank");
    Query::parse(&words).ok_or_else(nothing)
}

/// Where a page ends, as its cursor tells the next one.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Before which message to go on; `None` from the newest on.
    before: Option<MessageId>,
    /// How many were found up to here.
    found: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.before.map_or(0, MessageId::get), self.found)
    }
}

impl Place {
    fn parse(place: &str) -> ApiResult<Place> {
        let parts = place.split_once('-').and_then(|(before, found)| {
            let before = MessageId::new(before.parse().ok()?)?;
            Some(Place { before: Some(before), found: found.parse::<u32>().ok()?.into() })
        });
        let wrong = || {
            unprocessable(&["query", "cursor"], place.into(), "Value error, it is not a place of this list")
        };
        parts.ok_or_else(wrong)
    }
}
