//! Whose a mail is: which business, and which of its conversations.

use domain::business::InboundRoute;
use domain::channel::Provider;
use domain::email::Email;
use domain::{BusinessId, ClientId, Result, threading};
use mime::Incoming;
use signature::token;

use crate::Deps;

/// A business that a mail is for.
pub(crate) struct Destination {
    pub route: InboundRoute,
    /// The mailbox of theirs that it reached.
    pub mailbox: Email,
    /// Whose conversation it answers, as the address says that it was sent to.
    pub client: Option<ClientId>,
}

/// Every business that a mail is for, each once, by the addresses that it reached.
pub(crate) async fn destinations(deps: &Deps, reached: &[Email]) -> Result<Vec<Destination>> {
    let mut found: Vec<Destination> = Vec::new();
    for mailbox in reached {
        let destination = match replied_to(deps, mailbox) {
            Some((business, client)) => by_reply(deps, mailbox, business, client).await?,
            None => by_mailbox(deps, mailbox).await?,
        };
        let Some(destination) = destination else { continue };
        let business = destination.route.business_id;
        match found.iter_mut().find(|known| known.route.business_id == business) {
            // A reply address says more than a mailbox.
            Some(known) if known.client.is_none() && destination.client.is_some() => *known = destination,
            Some(_) => {}
            None => found.push(destination),
        }
    }
    Ok(found)
}

/// Whose conversation a reply address of ours stands for. One that was changed stands for nothing.
fn replied_to(deps: &Deps, mailbox: &Email) -> Option<(BusinessId, ClientId)> {
    let sealed = threading::sealed_in(mailbox.as_str(), deps.inbound_domain.as_deref()?)?;
    threading::read_reply(&token::open(&deps.tokens, threading::REPLY, sealed)?)
}

/// The business of a mailbox. One with a tag that nobody has is the mailbox without it.
pub(crate) async fn by_mailbox(deps: &Deps, mailbox: &Email) -> Result<Option<Destination>> {
    let mut route = deps.store.route_of_mailbox(mailbox).await?;
    if let (None, Some(bare)) = (&route, mailbox.without_tag()) {
        route = deps.store.route_of_mailbox(&bare).await?;
    }
    Ok(route.map(|route| Destination { route, mailbox: mailbox.clone(), client: None }))
}

async fn by_reply(
    deps: &Deps,
    mailbox: &Email,
    business: BusinessId,
    client: ClientId,
) -> Result<Option<Destination>> {
    let business = deps.store.business(business).await?;
    Ok(business.map(|business| Destination {
        route: InboundRoute {
            business_id: business.business_id,
            location_id: None,
            country: business.country,
            inbox_shards: business.inbox_shards,
        },
        mailbox: mailbox.clone(),
        client: Some(client),
    }))
}

/// Whose conversation a mail answers, by the ids in its headers: the newest that is of this business counts.
pub(crate) async fn by_headers(
    deps: &Deps,
    business: BusinessId,
    mail: &Incoming,
) -> Result<Option<ClientId>> {
    for id in mail.references.iter().rev().chain(&mail.in_reply_to) {
        let at = if let Some(ses_id) = threading::ses_id(id) {
            deps.store.placed(Provider::Ses, ses_id).await?
        } else if let Some(message) = ours(deps, business, id) {
            deps.store.locate(business, message).await?
        } else {
            None
        };
        if let Some(at) = at.filter(|at| at.business == business) {
            return Ok(Some(at.client));
        }
    }
    Ok(None)
}

/// The message of ours that an id names. Only an id that we made does: the mark in it cannot be guessed.
fn ours(deps: &Deps, business: BusinessId, id: &str) -> Option<domain::MessageId> {
    let (named, message, mark) = threading::read_message_id(id)?;
    let payload = threading::message_payload(named, message);
    let made_here = token::marked(&deps.tokens, threading::MESSAGE, &payload, mark);
    (named == business && made_here).then_some(message)
}
