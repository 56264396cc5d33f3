//! The conversations of a location.

use axum::extract::{Query, State};
use axum::response::Response;
use domain::ClientId;
use domain::message::Message;
use futures_util::{StreamExt, TryStreamExt, stream};
use store::counts::Overview;
use store::tombstones::Changed;
use web::{ApiError, Edge, Tenant};

use crate::answer::{Answer, Envelope, Refused};
use crate::conversation::Conversation;
use crate::found::{self, Row};
use crate::institutions;
use crate::message::Around;
use crate::parameters::{Asked, Parameters};
use crate::patient::{OptedOut, Patient};
use crate::zone::Zone;

/// So many conversations are read at the same time.
const AT_ONCE: usize = 16;

/// `GET /conversations`: newest first, with their clients and some of their messages. What is asked of another institution
/// is refused before anything else is looked at.
pub(crate) async fn list(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let tenant = tenant?;
    let Parameters { subdomain, asked, unknown } = Parameters::read(given);
    institutions::check(&tenant, subdomain.as_deref())?;
    let asked = asked.map_err(Refused::Parameters)?;
    let (found, overview) = found::find(edge.store(), &tenant, &asked).await?;
    let shown = shown(&edge, &tenant, &asked, found.rows, &overview).await?;
    let fewer = "fewer conversations with per_page, or for fewer messages";
    Envelope::of("Success", shown).counted(found.count, unknown).response(fewer)
}

/// The rows of a page as they are shown: messages and opt-outs are read at the same time.
async fn shown(
    edge: &Edge,
    tenant: &Tenant,
    asked: &Asked,
    rows: Vec<Row>,
    overview: &Overview,
) -> Answer<Vec<Conversation>> {
    let client = |row: &Row| match row {
        Changed::Here((view, _)) => Some(view.client.client_id),
        Changed::Gone(_) => None,
    };
    let clients: Vec<Option<ClientId>> = rows.iter().map(client).collect();
    let messages = stream::iter(clients).map(|client| messages(edge, tenant, asked, client));
    let messages = messages.buffered(AT_ONCE).try_collect::<Vec<Vec<Message>>>();
    let here = rows.iter().filter_map(|row| match row {
        Changed::Here((view, _)) => Some(&view.client),
        Changed::Gone(_) => None,
    });
    let opted_out = OptedOut::among(edge.store(), tenant, here);
    let (messages, opted_out) = futures_util::try_join!(messages, opted_out)?;
    let location = overview.locations.iter().find(|location| Some(location.location_id) == asked.location);
    let zone = location.and_then(|location| location.time_zone.as_deref());
    let zone = Zone::of(zone.or(tenant.business().time_zone.as_deref()));
    let rows = rows.into_iter().zip(messages);
    Ok(rows
        .map(|(row, messages)| {
            let (view, last_change) = match row {
                Changed::Here(here) => here,
                Changed::Gone(tombstone) => return Conversation::gone(tenant.id(), &tombstone),
            };
            let around = Around {
                client: &view.client,
                business: tenant.business(),
                staff: &overview.staff,
                zone: &zone,
            };
            let messages = messages.into_iter().map(|message| around.show(message)).collect();
            let patient = Patient::new(&view.client, &opted_out);
            Conversation::new(&view, patient, messages, last_change)
        })
        .collect())
}

async fn messages(
    edge: &Edge,
    tenant: &Tenant,
    asked: &Asked,
    client: Option<ClientId>,
) -> domain::Result<Vec<Message>> {
    let Some(client) = client.filter(|_| asked.messages > 0) else { return Ok(Vec::new()) };
    edge.store().newest_messages(tenant.id(), client, asked.messages_since, asked.messages).await
}
