//! The conversations of a location.

use std::collections::HashSet;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::address::Address;
use domain::message::Message;
use domain::{ClientId, Error, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::ClientView;
use store::counts::Overview;
use web::{ApiError, Edge, Tenant};

use crate::answer::{Answer, Envelope, Refused};
use crate::conversation::Conversation;
use crate::found;
use crate::message::Around;
use crate::parameters::{Asked, Parameters};
use crate::patient::Patient;
use crate::zone::Zone;

/// So many conversations are read at the same time.
const AT_ONCE: usize = 16;
/// The largest answer, in bytes of the text that goes through the gateway: a little less than that takes.
const LARGEST: usize = 5_900_000;

/// `GET /conversations`: newest first, with their clients and some of their messages. What is asked of another institution
/// is refused before anything else is looked at.
pub(crate) async fn list(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let tenant = tenant?;
    let Parameters { subdomain, asked, unknown } = Parameters::read(given);
    let own = tenant.business().subdomain.as_deref();
    if subdomain.is_some_and(|asked| !own.is_some_and(|own| own.eq_ignore_ascii_case(&asked))) {
        return Err(Error::Forbidden.into());
    }
    let asked = asked.map_err(Refused::Parameters)?;
    let (found, overview) = found::find(edge.store(), &tenant, &asked).await?;
    let shown = shown(&edge, &tenant, &asked, found.rows, &overview).await?;
    answer(&Envelope::of("Success", shown).counted(found.count, unknown))
}

/// The rows of a page as they are shown: messages and opt-outs are read at the same time.
async fn shown(
    edge: &Edge,
    tenant: &Tenant,
    asked: &Asked,
    rows: Vec<(ClientView, Timestamp)>,
    overview: &Overview,
) -> Answer<Vec<Conversation>> {
    let clients: Vec<ClientId> = rows.iter().map(|(view, _)| view.client.client_id).collect();
    let messages = stream::iter(clients).map(|client| messages(edge, tenant, asked, client));
    let messages = messages.buffered(AT_ONCE).try_collect::<Vec<Vec<Message>>>();
    let (messages, opted_out) = futures_util::try_join!(messages, opted_out(edge, tenant, &rows))?;
    let location = overview.locations.iter().find(|location| Some(location.location_id) == asked.location);
    let zone = location.and_then(|location| location.time_zone.as_deref());
    let zone = Zone::of(zone.or(tenant.business().time_zone.as_deref()));
    let rows = rows.into_iter().zip(messages);
    Ok(rows
        .map(|((view, last_change), messages)| {
            let phone = view.client.phone.clone().map(Address::Phone);
            let is_out = phone.is_some_and(|phone| opted_out.contains(phone.key().as_ref()));
            let around = Around {
                client: &view.client,
                business: tenant.business(),
                staff: &overview.staff,
                zone: &zone,
            };
            let messages = messages.into_iter().map(|message| around.show(message)).collect();
            let patient = Patient::new(&view.client, is_out);
            Conversation::new(&view, patient, messages, last_change)
        })
        .collect())
}

async fn messages(
    edge: &Edge,
    tenant: &Tenant,
    asked: &Asked,
    client: ClientId,
) -> domain::Result<Vec<Message>> {
    if asked.messages == 0 {
        return Ok(Vec::new());
    }
    edge.store().newest_messages(tenant.id(), client, asked.messages_since, asked.messages).await
}

/// Who of them opted out of the business's texts.
async fn opted_out(
    edge: &Edge,
    tenant: &Tenant,
    rows: &[(ClientView, Timestamp)],
) -> domain::Result<HashSet<String>> {
    let phones = rows.iter().filter_map(|(view, _)| view.client.phone.clone()).map(Address::Phone);
    edge.store().opted_out(tenant.id(), phones).await
}

/// # Errors
/// `TooLarge` for what the gateway would not let through: it writes the answer as a JSON text, where a quotation mark takes
/// two bytes.
fn answer(envelope: &Envelope<Vec<Conversation>>) -> Answer<Response> {
    let body = serde_json::to_vec(envelope).map_err(|error| Error::Internal(error.into()))?;
    let escaped = body.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    if body.len() + escaped > LARGEST {
        let what = "the answer is larger than 6 MB: ask for fewer conversations with per_page, or for fewer messages";
        return Err(Error::TooLarge(what.to_owned()).into());
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((json, body).into_response())
}
