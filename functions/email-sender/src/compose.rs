//! From a stored message to a mail as it goes over the wire.

use std::time::Duration;

use domain::Result;
use domain::channel::{Category, UserType};
use domain::content::Text;
use domain::email::Email;
use domain::mail::{LARGEST, Mail, StoredBody};
use domain::message::Message;
use domain::status::Status;
use domain::threading;
use domain::unsubscribe::{self, Unsubscribe};
use mime::{Mailbox, Outgoing, Part};
use signature::token;

use crate::Deps;

/// How long it may take to have everything that goes along. Others of the same batch wait in the same function, which has a
/// minute.
const FETCHING: Duration = Duration::from_secs(25);

/// A mail that is ready to be sent, and to whom.
pub(crate) struct Composed {
    pub raw: Vec<u8>,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
}

/// Why a mail cannot be made.
#[derive(Debug)]
pub(crate) enum NotComposed {
    /// It never can.
    ForGood(String),
    /// It may be later.
    ForNow(String),
}

/// The content of an attachment, with how it is called.
struct Content {
    filename: Option<String>,
    content_type: Option<String>,
    content: Vec<u8>,
}

/// Makes the mail. The same message makes the same mail.
pub(crate) async fn compose(
    deps: &Deps,
    message: &Message,
) -> Result<std::result::Result<Composed, NotComposed>> {
    let Some(mail) = message.mail.as_deref() else {
        return Ok(Err(NotComposed::ForGood("It has no subject and is no mail.".to_owned())));
    };
    let Some(from) = message.from_address.email() else {
        return Ok(Err(NotComposed::ForGood("Its sender is no mailbox.".to_owned())));
    };
    let body = match whole_body(deps, message, mail).await? {
        Some(body) => body,
        None => {
            return Ok(Err(NotComposed::ForGood("Its body is not in object storage any more.".to_owned())));
        }
    };
    let fetched = tokio::time::timeout(FETCHING, contents(deps, mail)).await;
    let slow = || NotComposed::ForNow("The attachments took too long to fetch.".to_owned());
    let contents = match fetched.unwrap_or_else(|_| Ok(Err(slow())))? {
        Ok(contents) => contents,
        Err(why) => return Ok(Err(why)),
    };
    let business = deps.store.business(message.at.business).await?;
    let name = business.and_then(|business| business.business_name);
    let thread = thread(deps, message, from).await?;
    let headers = headers(deps, message)?;
    let (to, cc, bcc) = receivers(message, mail);
    let parts: Vec<Part<'_>> = contents
        .iter()
        .map(|part| Part {
            filename: part.filename.as_deref(),
            content_type: part.content_type.as_deref(),
            content_id: None,
            content: &part.content,
        })
        .collect();
    let addresses = |emails: &[String]| -> Vec<String> { emails.to_vec() };
    let (to_header, cc_header) = (addresses(&to), addresses(&cc));
    let to_header: Vec<&str> = to_header.iter().map(String::as_str).collect();
    let cc_header: Vec<&str> = cc_header.iter().map(String::as_str).collect();
    let raw = mime::build(&Outgoing {
        from: Mailbox { name: name.as_deref(), address: from.as_str() },
        reply_to: thread.reply_to.as_deref(),
        to: &to_header,
        cc: &cc_header,
        subject: &mail.subject.0,
        text: &body.text.0,
        html: body.html.as_ref().map(|html| html.0.as_str()),
        attachments: &parts,
        message_id: &thread.message_id,
        in_reply_to: thread.references.last().map(String::as_str),
        references: &thread.references,
        date: message.created_at.as_seconds(),
        headers: &headers,
    });
    if raw.len() > LARGEST {
        let said =
            format!("With its attachments the mail has {} bytes, and {LARGEST} is the limit.", raw.len());
        return Ok(Err(NotComposed::ForGood(said)));
    }
    Ok(Ok(Composed { raw, to, cc, bcc }))
}

async fn whole_body(deps: &Deps, message: &Message, mail: &Mail) -> Result<Option<StoredBody>> {
    let Some(key) = &mail.body_object else {
        return Ok(Some(StoredBody { text: message.body.clone(), html: mail.html.clone() }));
    };
    let stored = deps.objects.get(key).await?;
    stored
        .map(|stored| serde_json::from_slice(&stored).map_err(|error| domain::Error::Internal(error.into())))
        .transpose()
}

/// What goes along, out of object storage or from where it was said to be.
async fn contents(deps: &Deps, mail: &Mail) -> Result<std::result::Result<Vec<Content>, NotComposed>> {
    let mut contents = Vec::new();
    let mut left = LARGEST;
    for attachment in &mail.attachments {
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.0.clone());
        let mut content_type = attachment.content_type.clone();
        let content = if let Some(key) = &attachment.object {
            match deps.objects.get(key).await? {
                Some(content) => content,
                None => {
                    let said = "An attachment is not in object storage any more.".to_owned();
                    return Ok(Err(NotComposed::ForGood(said)));
                }
            }
        } else if let Some(url) = &attachment.url {
            match deps.fetcher.get(&url.0, left).await {
                Ok(fetched) => {
                    content_type = content_type.or(fetched.content_type);
                    fetched.content
                }
                Err(error) if error.is_transient() => {
                    return Ok(Err(NotComposed::ForNow(format!(
                        "An attachment cannot be fetched: {error}."
                    ))));
                }
                Err(error) => {
                    let said = format!("An attachment cannot be fetched: {error}.");
                    return Ok(Err(NotComposed::ForGood(said)));
                }
            }
        } else {
            continue;
        };
        left = left.saturating_sub(content.len());
        contents.push(Content {
            filename: text(&attachment.filename),
            content_type,
            content: content.to_vec(),
        });
    }
    Ok(Ok(contents))
}

/// How a mail is found again by what answers it.
struct Thread {
    message_id: String,
    references: Vec<String>,
    reply_to: Option<String>,
}

/// Only what a person writes continues a conversation; for that, the last mail of the client is looked up.
async fn thread(deps: &Deps, message: &Message, from: &Email) -> Result<Thread> {
    let at = message.at;
    let tokens = &deps.links.tokens;
    let mark = token::mark(tokens, threading::MESSAGE, &threading::message_payload(at.business, at.message));
    let reply_to = deps.links.inbound_domain.as_ref().map(|domain| {
        let sealed = token::seal(tokens, threading::REPLY, &threading::reply_payload(at.business, at.client));
        threading::reply_address(&sealed, domain)
    });
    let references = match message.category {
        Category::Conversation => deps.store.thread(at).await?,
        Category::Campaign | Category::Notification => Vec::new(),
    };
    let message_id = threading::message_id(at.business, at.message, &mark, from.domain());
    Ok(Thread { message_id, references, reply_to })
}

/// What tells programs how to treat the mail.
fn headers(deps: &Deps, message: &Message) -> Result<Vec<(&'static str, String)>> {
    let mut headers = Vec::new();
    let by_a_person =
        message.category == Category::Conversation && message.sender_type != Some(UserType::System);
    if !by_a_person {
        headers.push(("X-Omega", "1".to_owned()));
        headers.push(("Auto-Submitted", "auto-generated".to_owned()));
        headers.push(("X-Auto-Response-Suppress", "All".to_owned()));
    }
    if message.category != Category::Campaign {
        return Ok(headers);
    }
    let link = Unsubscribe {
        business: message.at.business,
        message: message.at.message,
        address_hash: deps.store.address_hash(&message.to_address)?,
    };
    if let Some(payload) = link.write() {
        let sealed = token::seal(&deps.links.tokens, unsubscribe::PURPOSE, &payload);
        let base = &deps.links.api_base_url;
        headers.push(("List-Unsubscribe", format!("<{base}/omega/email/unsubscribe/{sealed}>")));
        headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    Ok(headers)
}

/// To whom this attempt goes: everybody at first; later those whose copy did not get through.
fn receivers(message: &Message, mail: &Mail) -> (Vec<String>, Vec<String>, Vec<String>) {
    let again = message.attempt > 1 && message.recipients.values().any(|status| *status != Status::Blocked);
    let wanted = |email: &Email| match message.recipients.get(&email.key()) {
        Some(Status::Blocked) => false,
        Some(status) => matches!(status, Status::Queued | Status::Failed | Status::Undelivered),
        None => !again,
    };
    let mut seen: Vec<Email> = Vec::new();
    let mut take = |emails: Vec<Email>| -> Vec<String> {
        let mut taken = Vec::new();
        for email in emails {
            if wanted(&email) && !seen.contains(&email) {
                taken.push(email.as_str().to_owned());
                seen.push(email);
            }
        }
        taken
    };
    let parsed = |texts: &[Text]| texts.iter().filter_map(|text| Email::delivered(&text.0)).collect();
    let to = take(message.to_address.email().cloned().into_iter().collect());
    (to, take(parsed(&mail.cc)), take(parsed(&mail.bcc)))
}
