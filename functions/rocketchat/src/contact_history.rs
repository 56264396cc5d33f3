//! What was talked about with a contact: the rooms that are closed.

use axum::extract::State;
use axum::response::IntoResponse;
use domain::actor::Actor;
use domain::channel::Direction;
use domain::client::{Client, Personal};
use domain::content::Text;
use domain::message::Message;
use domain::rooms::{Room, closed_rooms};
use domain::{BusinessId, Timestamp, global_id, visitor};
use serde::Serialize;
use store::Store;
use store::timeline::Entry;
use web::{ApiError, Edge, Tenant};

use crate::contact::{self, Source};
use crate::paging::{Part, descends};
use crate::parameters::Query;
use crate::refused::{Answer, Refused};
use crate::schema::{self, ANY_TEXT, Kind, Schema, property};
use crate::success::success;
use crate::users;
use crate::users::User;

/// The most lines of a history that are looked at, the newest ones.
const MOST_LINES: usize = 10_000;
/// The most queries for messages of one answer, some 1 MB each.
const MOST_READS: usize = 24;

/// What has to be asked.
pub(crate) static ASKED: Schema = Schema {
    required: &["contactId"],
    properties: &[
        property("contactId", ANY_TEXT),
        property("source", ANY_TEXT),
        property("count", Kind::Number),
        property("offset", Kind::Number),
        property("sort", ANY_TEXT),
    ],
    open: false,
};

#[derive(Debug, Serialize)]
struct Page {
    history: Vec<Past>,
    count: usize,
    offset: usize,
    total: usize,
}

/// A room that is closed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Past {
    #[serde(rename = "_id")]
    id: String,
    fname: Personal,
    ts: Timestamp,
    v: Visitor,
    msgs: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<User>,
    closed_at: Timestamp,
    closed_by: User,
    closer: &'static str,
    source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_message: Option<Said>,
    verified: bool,
}

#[derive(Debug, Serialize)]
struct Visitor {
    #[serde(rename = "_id")]
    id: String,
    username: String,
    token: String,
}

/// A message.
#[derive(Debug, Serialize)]
struct Said {
    #[serde(rename = "_id")]
    id: String,
    rid: String,
    msg: Text,
    ts: Timestamp,
    u: User,
}

/// The messages of a room.
#[derive(Default)]
struct Messages {
    count: usize,
    newest: Option<Box<Message>>,
    began: Option<Timestamp>,
}

impl Messages {
    fn source(&self) -> &'static str {
        contact::source(self.newest.as_ref().map(|message| message.channel))
    }
}

/// `GET /api/v1/omnichannel/contacts.history`: the room that was closed last comes first.
pub(crate) async fn list(
    Query(mut asked): Query,
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
) -> Answer<impl IntoResponse> {
    schema::check(&ASKED, schema::Source::Query, &mut asked)?;
    let (tenant, store) = (tenant?, edge.store());
    let (part, newest_first) = (Part::read(&asked)?, descends(&asked, "closedAt", true)?);
    let found = contact::find(store, tenant.id(), asked.known("contactId")).await?;
    let view = found.ok_or(Refused::plain("error-contact-not-found"))?;
    let (client, mut rooms) = (view.client, Vec::new());
    if let Some(head) = view.conversation {
        let lines = store.conversation_history(tenant.id(), client.client_id, None, MOST_LINES).await?;
        rooms = closed_rooms(&lines, head.assigned_to);
    }
    if !newest_first {
        rooms.reverse();
    }
    let source = asked.text("source").filter(|source| !source.is_empty());
    let (history, total) = match source {
        Some(source) => {
            // Where a room came from is known by its messages.
            let mut talks = with_messages(store, &client, rooms).await?;
            talks.retain(|(_, messages)| messages.source() == source);
            let total = talks.len();
            (part.of(talks), total)
        }
        None => {
            let total = rooms.len();
            (with_messages(store, &client, part.of(rooms)).await?, total)
        }
    };
    let history: Vec<Past> = history.into_iter().map(|(room, talk)| past(&client, &room, talk)).collect();
    Ok(success(Page { count: history.len(), history, offset: part.offset, total }))
}

/// Rooms with their messages, which are looked through from the newest to the oldest.
async fn with_messages(store: &Store, client: &Client, rooms: Vec<Room>) -> Answer<Vec<(Room, Messages)>> {
    let oldest = rooms.iter().map(|room| room.first).min();
    let mut before = rooms.iter().map(|room| room.last.next()).max();
    let mut talks: Vec<(Room, Messages)> =
        rooms.into_iter().map(|room| (room, Messages::default())).collect();
    for _ in 0..MOST_READS {
        let Some(from) = before else { return Ok(talks) };
        let read = store.timeline_megabyte(client.business_id, client.client_id, Some(from)).await?;
        let Some(timeline) = read else { return Ok(talks) };
        for entry in timeline.entries {
            let Entry::Message(message) = entry else { continue };
            let place = message.at.message;
            let Some((_, talk)) = talks.iter_mut().find(|(room, _)| room.holds(place)) else { continue };
            talk.count += 1;
            talk.began = Some(message.created_at);
            talk.newest.get_or_insert(message);
        }
        before = timeline.more.filter(|reached| oldest.is_some_and(|oldest| oldest < *reached));
    }
    Err(Refused::Invalid(vec![
        "There are too many messages in these rooms: ask for fewer with count".to_owned(),
    ]))
}

fn past(client: &Client, room: &Room, talk: Messages) -> Past {
    let business = client.business_id;
    let id = global_id::encode(business, room.closing);
    let source = Source { kind: talk.source() };
    let said = talk.newest.map(|message| said(client, &id, *message));
    Past {
        fname: contact::name(client),
        // A conversation has no line about its beginning.
        ts: room.opened_at.or(talk.began).unwrap_or(client.created_at),
        v: Visitor {
            id: contact::id(client),
            username: visitor::username(client),
            token: visitor::token(client),
        },
        msgs: talk.count,
        served_by: room.assignee.map(|staff| users::user(business, staff)),
        closed_at: room.closed_at,
        closed_by: user(business, room.closed_by, client),
        closer: match room.closed_by {
            Actor::Staff { .. } | Actor::Service => "user",
            Actor::Client | Actor::System => "visitor",
        },
        source,
        last_message: said,
        verified: false,
        id,
    }
}

/// Whoever did something.
fn user(business: BusinessId, actor: Actor, client: &Client) -> User {
    match actor {
        Actor::Staff { id } => users::user(business, id),
        Actor::Client => {
            User { id: contact::id(client), name: None, username: Personal(visitor::username(client)) }
        }
        Actor::Service | Actor::System => {
            User { id: actor.name(), name: None, username: Personal(actor.name()) }
        }
    }
}

fn said(client: &Client, room: &str, message: Message) -> Said {
    let author = match (message.direction, message.staff_id) {
        (Direction::Inbound, _) => Actor::Client,
        (_, Some(id)) => Actor::Staff { id },
        (_, None) => Actor::Service,
    };
    Said {
        id: global_id::encode(client.business_id, message.at.message),
        rid: room.to_owned(),
        msg: message.body,
        ts: message.created_at,
        u: user(client.business_id, author, client),
    }
}
