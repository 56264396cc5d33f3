//! A channel of a contact on which nobody listens to them any more, or listens again.

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::channel::Channel;
use domain::client::Client;
use domain::conversation::Cause;
use domain::standing::ConversationStatus;
use serde_json::Value;
use store::handling::Asked;
use web::{ApiError, Correlation, Edge, Tenant};

use crate::contact;
use crate::parameters::{Json, Parameters};
use crate::refused::{Answer, Refused};
use crate::schema::{self, ANY_TEXT, Kind, Schema, Source, property};
use crate::success::{Done, success};

static SOURCE: Schema = Schema {
    required: &["type"],
    properties: &[property("type", ANY_TEXT), property("id", ANY_TEXT)],
    open: true,
};
static VISITOR: Schema = Schema {
    required: &["visitorId", "source"],
    properties: &[property("visitorId", ANY_TEXT), property("source", Kind::Object(&SOURCE))],
    open: true,
};
/// What has to be asked.
pub(crate) static ASKED: Schema = Schema {
    required: &["visitor"],
    properties: &[property("visitor", Kind::Object(&VISITOR))],
    open: false,
};

/// `POST /api/v1/omnichannel/contacts.block`: what comes in that way from now on is stored, and neither counts nor
/// reopens anything. The open conversation is resolved.
pub(crate) async fn block(
    tenant: Result<Tenant, ApiError>,
    Extension(Correlation(request_id)): Extension<Correlation>,
    State(edge): State<Edge>,
    Json(asked): Json,
) -> Answer<impl IntoResponse> {
    let (tenant, client) = put(tenant, &edge, asked, true).await?;
    let asked = Asked {
        business: tenant.id(),
        conversation: client,
        shards: tenant.shards(),
        seen: None,
        actor: tenant.actor(),
        cause: Cause::Request { request_id },
    };
    // Where there is no conversation, there is none to end.
    edge.store().set_status(&asked, ConversationStatus::Resolved, None).await?;
    Ok(success(Done {}))
}

/// `POST /api/v1/omnichannel/contacts.unblock`: what comes in that way from now on counts again.
pub(crate) async fn unblock(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Json(asked): Json,
) -> Answer<impl IntoResponse> {
    put(tenant, &edge, asked, false).await?;
    Ok(success(Done {}))
}

/// Checks what is asked for and by whom, and blocks a channel or unblocks it.
async fn put(
    tenant: Result<Tenant, ApiError>,
    edge: &Edge,
    mut asked: Parameters,
    blocked: bool,
) -> Answer<(Tenant, domain::ClientId)> {
    schema::check(&ASKED, Source::Body, &mut asked)?;
    let (tenant, store) = (tenant?, edge.store());
    let unknown = Refused::plain("error-contact-not-found");
    let text =
        |place| asked.get("visitor").and_then(|visitor| visitor.pointer(place)).and_then(Value::as_str);
    let contact = text("/visitorId").unwrap_or_default();
    // No channel of a contact has an id of its own.
    let channel = match (text("/source/type"), text("/source/id").unwrap_or_default()) {
        (Some("sms"), "") => Channel::Sms,
        (Some("email"), "") => Channel::Email,
        _ => return Err(unknown),
    };
    let found = contact::find(store, tenant.id(), contact).await?;
    let is_theirs = |client: &Client| contact::has(client, channel) || client.is_blocked(channel);
    let Some(view) = found.filter(|view| is_theirs(&view.client)) else { return Err(unknown) };
    let client = view.client.client_id;
    match store.block(tenant.id(), client, (channel, blocked), tenant.shards()).await? {
        Some(client) => Ok((tenant, client)),
        None => Err(unknown),
    }
}
