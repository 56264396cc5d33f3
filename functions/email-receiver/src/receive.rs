//! A mail from a client: read, its attachments kept, stored in the conversation it belongs to.

use std::collections::BTreeSet;

use domain::address::Address;
use domain::channel::{Category, Channel, Direction, Provider, UserType};
use domain::content::Text;
use domain::conversation::Effect;
use domain::email::Email;
use domain::id::MessageRef;
use domain::job::InboundEmail;
use domain::machine::{Attention, Machine};
use domain::mail::{Attachment, Mail, Recipients, Suspicion};
use domain::message::Message;
use domain::proof::Claim;
use domain::status::Status;
use domain::{BusinessId, ClientId, Error, Result, Timestamp};
use mime::{Incoming, Sender, body_of, fields_of_writer};
use objects::keys;
use sha2::{Digest, Sha256};
use store::{Arrival, Received};

use crate::Deps;
use crate::resolve::{Destination, by_headers, by_mailbox, destinations};

/// The most further receivers that are stored with a mail. A message is one item of the table, which has a limit.
const MOST_COPIES: usize = 100;
/// The most addresses that are looked up when only the header tells them: whoever writes it can make it long.
const MOST_REACHED: usize = 50;

pub(crate) async fn receive(deps: &Deps, email: &InboundEmail) -> Result<()> {
    let Some(raw) = deps.objects.get(&email.object).await? else {
        // It was kept for a month, and is older than that.
        tracing::error!(metric = "mail_without_object", "a mail is not in object storage any more");
        return Ok(());
    };
    let Some(mail) = mime::read(&raw, Some(&email.sender.0)) else {
        let digest = hexadecimal(Sha256::digest(&raw));
        if deps.store.keep_unreadable_mail(&digest, email).await? == Received::Quarantined {
            tracing::error!(
                digest,
                metric = "quarantined",
                "what came is no mail: kept for 30 days, for a person to look at"
            );
        }
        return Ok(());
    };
    let digest = digest(&raw, &mail, is_unproven(email, &mail.from));
    let reached = reached(email, &mail);
    let destinations = destinations(deps, &reached).await?;
    if destinations.is_empty() {
        return keep_aside(deps, &digest, &reached, email).await;
    }
    for mut destination in destinations {
        let business = destination.route.business_id;
        if was_here(deps, &identity(business, &digest)).await? {
            tracing::info!(business.id = business.get(), metric = "duplicate_dropped", "mail was here");
            continue;
        }
        if destination.client.is_none() {
            destination.client = by_headers(deps, business, &mail).await?;
        }
        if destination.client.is_none() && is_own_mailbox(deps, &mail.from, &destination).await? {
            keep_own_mail_aside(deps, &digest, email).await?;
            continue;
        }
        let arrival = arrival(deps, email, &mail, &digest, destination).await?;
        match deps.store.arrive(arrival).await? {
            Received::Stored(at) => tracing::info!(message.id = at.message.get(), "mail received"),
            Received::Duplicate | Received::Quarantined => {
                tracing::info!(business.id = business.get(), metric = "duplicate_dropped", "mail was here");
            }
        }
    }
    Ok(())
}

/// Whether a mail was stored before, whoever took it in then. Looked up before anything of it is put into object storage:
/// what belongs to no message would stay there for ever, and the message may have been erased since.
async fn was_here(deps: &Deps, identity: &str) -> Result<bool> {
    deps.store.knows_provider_id(Provider::External, identity).await
}

/// The same mail is one message in a business, whichever way it came.
fn identity(business: BusinessId, digest: &str) -> String {
    format!("{business}-{digest}")
}

/// What makes two mails the same one: all that their writer wrote, and not the way they came. A mail that isn't proven is
/// another one than the same words of a proven sender, so that nobody can be first with somebody else's mail.
fn digest(raw: &[u8], mail: &Incoming, is_unproven: bool) -> String {
    let mut digest = Sha256::new();
    // One without an id is told from others by all of it.
    if mail.message_id.is_none() {
        digest.update(raw);
    } else {
        let fields = fields_of_writer(raw);
        for part in [fields.as_slice(), mail.from.address.key().as_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.update(body_of(raw));
    }
    digest.update([u8::from(is_unproven)]);
    hexadecimal(digest.finalize())
}

fn hexadecimal(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a mailbox of the business is the writer. Only a writer at the domain that was written to, above or below it, is
/// looked up.
async fn is_own_mailbox(deps: &Deps, from: &Sender, destination: &Destination) -> Result<bool> {
    let Some(from) = from.address.email() else { return Ok(false) };
    let (theirs, ours) = (from.domain(), destination.mailbox.domain());
    let is_below = |domain: &str, above: &str| {
        domain.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if !is_below(theirs, ours) && !is_below(ours, theirs) {
        return Ok(false);
    }
    let own = by_mailbox(deps, from).await?;
    Ok(own.is_some_and(|own| own.route.business_id == destination.route.business_id))
}

/// Keeps a mail aside that a mailbox of the business wrote and that continues no conversation: no client wrote it.
async fn keep_own_mail_aside(deps: &Deps, digest: &str, email: &InboundEmail) -> Result<()> {
    if deps.store.keep_unreadable_mail(digest, email).await? == Received::Quarantined {
        tracing::warn!(
            digest,
            metric = "own_mail_kept_aside",
            "mail of a business's own mailbox: kept for 30 days"
        );
    }
    Ok(())
}

/// Keeps a mail aside for each mailbox that it reached and that belongs to nobody.
async fn keep_aside(deps: &Deps, digest: &str, reached: &[Email], email: &InboundEmail) -> Result<()> {
    let mut kept = Vec::new();
    // Whoever claims a mailbox gets its mail with a tag as well, and whoever claims one with a tag gets its own.
    let mailboxes = reached.iter().flat_map(|mailbox| [Some(mailbox.clone()), mailbox.without_tag()]);
    for mailbox in &mailboxes.flatten().collect::<BTreeSet<Email>>() {
        let one = deps.store.keep_mail_aside(mailbox, digest, email).await?;
        let claimed = || Error::Unavailable("the mailbox became somebody's at this moment".into());
        kept.push(one.ok_or_else(claimed)?);
    }
    if reached.is_empty() {
        kept.push(deps.store.keep_unreadable_mail(digest, email).await?);
    }
    if kept.contains(&Received::Quarantined) {
        tracing::error!(
            digest,
            metric = "quarantined",
            "mail to a mailbox that belongs to no business: kept for 30 days"
        );
    }
    Ok(())
}

/// The addresses that the mail reached: those of its envelope, or else of its header.
fn reached(email: &InboundEmail, mail: &Incoming) -> Vec<Email> {
    let envelope: Vec<Email> = email.recipients.iter().filter_map(|to| Email::parse(&to.0).ok()).collect();
    if !envelope.is_empty() {
        return envelope;
    }
    mail.to.iter().chain(&mail.cc).take(MOST_REACHED).cloned().collect()
}

/// The message to store, with what goes with it in object storage already.
async fn arrival(
    deps: &Deps,
    email: &InboundEmail,
    mail: &Incoming,
    digest: &str,
    destination: Destination,
) -> Result<Arrival> {
    let Destination { route, mailbox, client } = destination;
    let (business, from) = (route.business_id, &mail.from);
    let mut suspicions = Vec::new();
    if let Some(client) = client
        && !takes_part(deps, business, client, &from.address).await?
    {
        suspicions.push(Suspicion::UnknownSender);
    }
    suspicions.extend(is_unproven(email, from).then_some(Suspicion::UnprovenSender));
    suspicions.extend(email.spam.then_some(Suspicion::Spam));
    suspicions.extend(email.virus.then_some(Suspicion::Virus));
    let effect = effect(mail.automated, email);
    let mut body = Text(mail.text.clone());
    let mut parts = Mail {
        subject: Text(mail.subject.clone()),
        html: mail.html.clone().map(Text),
        cc: mail.cc.iter().take(MOST_COPIES).map(|email| Text(email.as_str().to_owned())).collect(),
        bcc: Vec::new(),
        reply_to: reply_to(mail),
        quote_starts_at: mail.quote_starts_at,
        attachments: if email.virus { Vec::new() } else { attachments(deps, business, digest, mail).await? },
        body_object: None,
        raw_object: Some(email.object.clone()),
        message_id: mail.message_id.clone(),
        references: if mail.references.is_empty() {
            mail.in_reply_to.clone()
        } else {
            mail.references.clone()
        },
        automated: mail.automated.map(|machine| machine.kind),
        suspicions,
    };
    keep_long_body(deps, business, digest, &mut body, &mut parts).await?;
    let message = message(deps, email, mail, mailbox, (business, digest), effect, (body, parts));
    Ok(Arrival {
        message,
        route,
        client,
        effect,
        consent: None,
        name: from.name.clone(),
        kept_at: received_at(deps, email),
    })
}

/// Where the writer wants answers, besides the address that the mail is from.
fn reply_to(mail: &Incoming) -> Vec<Text> {
    let others = mail.reply_to.iter().filter(|email| mail.from.address.email() != Some(email));
    others.take(MOST_COPIES).map(|email| Text(email.as_str().to_owned())).collect()
}

/// Whether the writer is the client whose conversation it is.
async fn takes_part(deps: &Deps, business: BusinessId, client: ClientId, from: &Address) -> Result<bool> {
    let view = deps.store.client_view(business, client).await?;
    let Some(view) = view else { return Ok(true) };
    let theirs = view.client.email.as_ref().and_then(|email| Email::delivered(&email.0));
    if theirs.as_ref().is_some_and(|theirs| Some(theirs) == from.email()) {
        return Ok(true);
    }
    let holder = deps.store.client_by_address(business, from).await?;
    Ok(holder == Some(view.client.client_id))
}

/// Whether the provider's checks deny that the mail is from the address it names.
fn is_unproven(email: &InboundEmail, from: &Sender) -> bool {
    let envelope = Email::delivered(&email.sender.0);
    email.checks.deny(Claim {
        writer: from.address.email().map_or("", Email::domain),
        envelope: envelope.as_ref().map_or("", Email::domain),
        is_sole_author: from.is_sole_author,
    })
}

/// What a mail does to its conversation. How often mail reopens one within an hour is limited, so that machines which write
/// to each other come to an end.
fn effect(automated: Option<Machine>, email: &InboundEmail) -> Effect {
    let usual = Effect::of(Direction::Inbound, Category::Conversation, false);
    if email.spam || email.virus {
        return Effect::NONE;
    }
    match automated.map_or(Attention::Usual, |machine| machine.attention) {
        Attention::Usual => usual,
        Attention::Unread => Effect { reopens: false, ..usual },
        Attention::None => Effect::NONE,
    }
}

/// When the provider took the mail in. Its clock may be ahead of ours.
fn received_at(deps: &Deps, email: &InboundEmail) -> Option<Timestamp> {
    email.received_at.map(|at| at.min(deps.store.clock().now()))
}

/// Keeps attachments under keys that are the same however often the mail comes.
async fn attachments(
    deps: &Deps,
    business: BusinessId,
    digest: &str,
    mail: &Incoming,
) -> Result<Vec<Attachment>> {
    let mut kept = Vec::new();
    for (n, part) in mail.attachments.iter().enumerate() {
        let key = keys::inbound(business, digest, n);
        let content_type = part.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
        deps.objects.put(&key, part.content.clone(), &content_type).await?;
        kept.push(Attachment {
            filename: part.filename.clone().map(Text),
            content_type: Some(content_type),
            size: Some(part.content.len() as u64),
            object: Some(key),
            content_id: part.content_id.clone(),
            ..Attachment::default()
        });
    }
    Ok(kept)
}

/// A body that is too long for the table goes to object storage, and its beginning stays.
async fn keep_long_body(
    deps: &Deps,
    business: BusinessId,
    digest: &str,
    body: &mut Text,
    mail: &mut Mail,
) -> Result<()> {
    let key = keys::inbound_body(business, digest);
    let Some(whole) = mail.move_long_body(body, key.clone()) else { return Ok(()) };
    let content = serde_json::to_vec(&whole).map_err(|error| Error::Internal(error.into()))?;
    deps.objects.put(&key, content, "application/json").await
}

fn message(
    deps: &Deps,
    email: &InboundEmail,
    mail: &Incoming,
    mailbox: Email,
    (business, digest): (BusinessId, &str),
    effect: Effect,
    (body, parts): (Text, Mail),
) -> Message {
    let now = deps.store.clock().now();
    Message {
        at: MessageRef { business, client: deps.store.new_client_id(), message: deps.store.new_message_id() },
        channel: Channel::Email,
        direction: Direction::Inbound,
        category: Category::Conversation,
        notification_type: None,
        provider: Some(email.provider),
        sender_type: Some(UserType::Client),
        sent_by: None,
        staff_id: None,
        wl_user_id: None,
        request_id: None,
        listed: None,
        external_id: None,
        from_address: mail.from.address.clone(),
        from_reason: None,
        to_address: Address::Email(mailbox),
        body,
        media_urls: Vec::new(),
        mail: Some(Box::new(parts)),
        call: None,
        recipients: Recipients::new(),
        delivery_status: Status::Received,
        status_rank: Status::Received.rank(),
        attempt: 0,
        retries: 0,
        throttled: 0,
        provider_message_id: Some(identity(business, digest)),
        provider_status: Some("received".to_owned()),
        failure: None,
        segments: None,
        sent_at: mail.date.map(|date| date.to_string()),
        created_at: received_at(deps, email).unwrap_or(now),
        updated_at: now,
        delivered_at: None,
        send_at: None,
        expires_at: None,
        lease_until: None,
        lost_answer: None,
        is_read: !effect.unread,
        read_by: None,
        is_flagged: false,
        provider_metadata: None,
    }
}
