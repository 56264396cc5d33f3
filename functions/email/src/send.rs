//! Queue mail for sending.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::{Extension, Json};
use domain::address::Address;
use domain::business::Business;
use domain::channel::Channel;
use domain::content::Text;
use domain::destination::Reach;
use domain::draft::{Draft, Envelope};
use domain::email::Email;
use domain::error::with_causes;
use domain::mail::{Attachment, LARGEST, MOST_RECIPIENTS, Mail, Recipients};
use domain::status::Status;
use domain::{Error, RequestId};
use objects::{Objects, keys};
use outbox::Outbox;
use serde_json::Value;
use web::read::{JsonBody, Object, Problem, id, integer, mailbox, receiver, text};
use web::schemas::message::{AcceptedItem, AcceptedResponse};
use web::schemas::terms::Terms;
use web::{ApiResult, Call, Correlation, Speaker, Tenant};

use crate::content::{self, Upload, attached, decoded, outsourced};

/// Messages in one call.
const MOST: usize = 100;
/// Attachments of one mail.
const MOST_ATTACHMENTS: usize = 50;
/// A subject longer than a line of a mail may be (RFC 5322, 2.1.1) is none.
const LONGEST_SUBJECT: usize = 998;
const LONGEST_NAME: usize = 255;
const LONGEST_URL: usize = 2048;
/// What a mail is besides its parts: headers, and the lines between the parts.
const OVERHEAD: usize = 16 * 1024;

/// `POST /omega/businesses/{business_id}/email/send`: each mail is checked, its attachments go to object storage, and it
/// is stored as queued and queued for the sender before the answer. Nothing is sent inside the call. A bad entry is
/// refused alone; when every entry is bad, or one is too large, the call is refused.
pub(crate) async fn send(
    tenant: Tenant,
    Call { request, keyed }: Call,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
    State(objects): State<Objects>,
    State(origins): State<fetch::Config>,
    body: JsonBody,
) -> ApiResult<Json<AcceptedResponse>> {
    let speaker = Speaker::of(&tenant, &outbox.store, &body).await?;
    let (envelope, entries) = body.read(|object| read(object, tenant.business(), speaker, &origins))?;
    let (mut refused, mut drafts, mut uploads) = (Vec::new(), Vec::new(), Vec::new());
    for (index, entry) in entries.into_iter().enumerate() {
        match entry {
            Ok(checked) => {
                checked.fits(index)?;
                drafts.push((index, checked.into_draft(&envelope, request, index, &mut uploads)?));
            }
            Err(problems) => refused.push(AcceptedItem::refused(index, &problems)),
        }
    }
    content::store(&objects, uploads).await?;
    leave_out_suppressed(&outbox, &envelope, &mut drafts).await?;
    let waiting = envelope.waiting(outbox.store.clock().now());
    let objects_of = |draft: &Draft| draft.mail.as_deref().map(Mail::objects).unwrap_or_default();
    let kept: BTreeMap<usize, Vec<String>> =
        drafts.iter().map(|(index, draft)| (*index, objects_of(draft))).collect();
    let outcomes = outbox.queue_messages(&envelope, drafts, request, &correlation).await;
    for (index, outcome) in &outcomes {
        if matches!(outcome, Ok(accepted) if accepted.id().is_none()) {
            discard(&objects, kept.get(index).map(Vec::as_slice).unwrap_or_default()).await;
        }
    }
    let channel = Channel::Email;
    Ok(Json(AcceptedResponse::queued(request, channel, waiting, keyed, refused, outcomes)?))
}

/// Removes what was stored for a mail that is not. The answer does not wait for trouble with that.
async fn discard(objects: &Objects, keys: &[String]) {
    for key in keys {
        if let Err(error) = objects.delete(key).await {
            tracing::warn!(error = with_causes(&error), key, "an object of no mail is left");
        }
    }
}

/// Further receivers whose mail is suppressed get no copy, and the mail says so. (The first receiver is checked where the
/// mail is stored.)
async fn leave_out_suppressed(
    outbox: &Outbox,
    envelope: &Envelope,
    drafts: &mut [(usize, Draft)],
) -> domain::Result<()> {
    let further = |draft: &Draft| -> Vec<Email> {
        let mail = draft.mail.as_deref();
        let others = mail.into_iter().flat_map(|mail| mail.cc.iter().chain(&mail.bcc));
        others.filter_map(|address| Email::parse(&address.0).ok()).collect()
    };
    // Each once: the table refuses to be asked twice for the same.
    let all: BTreeSet<Email> = drafts.iter().flat_map(|(_, draft)| further(draft)).collect();
    if all.is_empty() {
        return Ok(());
    }
    let all: Vec<Email> = all.into_iter().collect();
    let stopped = outbox.store.suppressed_among(envelope.business, &all, envelope.category).await?;
    for (_, draft) in drafts {
        let blocked = further(draft).into_iter().filter(|email| stopped.contains(email));
        draft.recipients = blocked.map(|email| (email.key(), Status::Blocked)).collect();
    }
    Ok(())
}

/// One mail of a call, checked.
struct Checked {
    draft: Draft,
    mail: Mail,
    /// The content of attachments that came along, by their place.
    contents: Vec<(usize, Vec<u8>)>,
}

impl Checked {
    /// Whether SES would take it.
    ///
    /// # Errors
    /// `TooLarge`, naming its largest field.
    fn fits(&self, index: usize) -> domain::Result<()> {
        let html = self.mail.html.as_ref().map_or(0, |html| html.0.len());
        let mut parts = vec![("message".to_owned(), self.draft.body.0.len()), ("html".to_owned(), html)];
        for (n, content) in &self.contents {
            parts.push((format!("attachments.{n}.content"), content.len()));
        }
        // As base64 in lines of 76 characters, which every part may become.
        let encoded = |length: usize| length.div_ceil(57) * 78;
        let whole = OVERHEAD + parts.iter().map(|(_, length)| encoded(*length)).sum::<usize>();
        if whole <= LARGEST {
            return Ok(());
        }
        let largest = parts.into_iter().max_by_key(|(_, length)| *length);
        let field = largest.map(|(field, _)| field).unwrap_or_default();
        Err(Error::TooLarge(format!(
            "messages.{index}.{field}: the mail would have {whole} bytes, and {LARGEST} is the limit"
        )))
    }

    /// The draft, and what has to be in object storage before it is stored. The same call has the same keys.
    fn into_draft(
        self,
        envelope: &Envelope,
        request: RequestId,
        index: usize,
        uploads: &mut Vec<Upload>,
    ) -> domain::Result<Draft> {
        let Checked { mut draft, mut mail, contents } = self;
        for (n, content) in contents {
            let key = keys::outbound(envelope.business, request, index, n);
            uploads.extend(mail.attachments.get_mut(n).map(|attachment| attached(attachment, content, key)));
        }
        let key = keys::outbound_body(envelope.business, request, index);
        uploads.extend(outsourced(&mut draft.body, &mut mail, key)?);
        draft.mail = Some(Box::new(mail));
        Ok(draft)
    }
}

type Entries = Vec<Result<Checked, Vec<domain::FieldError>>>;

/// Everything of the request, checked.
fn read(
    object: &Object<'_>,
    business: &Business,
    speaker: Speaker,
    origins: &fetch::Config,
) -> Option<(Envelope, Entries)> {
    let terms = Terms::read(object, speaker);
    let from = sender(object, business);
    let entries = object.each("messages", MOST, |entry| one(entry, origins));
    let envelope = terms?.envelope(business, Address::Email(from?), Vec::new());
    Some((envelope, entries?))
}

/// The mailbox to send from: the business's own, whether it is named or not.
fn sender(object: &Object<'_>, business: &Business) -> Option<Email> {
    let asked = object.optional("from_email", |value| {
        let asked = mailbox(value)?;
        match business.from_email.as_ref().filter(|own| **own == asked) {
            Some(own) => Ok(own.clone()),
            None => Err(Problem::value("it is not a mailbox of this business")),
        }
    });
    let absent = object.raw("from_email").is_none_or(Value::is_null);
    if absent && business.from_email.is_none() {
        object.refuse("from_email", Problem::value("the business has no mailbox to send from"));
    }
    asked.or_else(|| business.from_email.clone().filter(|_| absent))
}

fn one(entry: &Object<'_>, origins: &fetch::Config) -> Option<Checked> {
    web::schemas::terms::refuse_own_time(entry);
    let client = entry.required("client_id", id);
    let wl_user_id = entry.optional("wl_user_id", integer);
    let to = entry.required("to_email", receiver);
    let subject = entry.required("subject", line);
    let body = entry.required("message", text(LARGEST));
    let html = entry.optional("html", text(LARGEST));
    let cc = entry.list("cc_email", MOST_RECIPIENTS, receiver);
    let bcc = entry.list("bcc_email", MOST_RECIPIENTS, receiver);
    let attachments = entry.every("attachments", MOST_ATTACHMENTS, |object| attachment(object, origins));
    let is_blank = |text: &String| !domain::visible::shows(text);
    if body.as_ref().is_some_and(is_blank) && html.as_ref().is_none_or(is_blank) {
        entry.refuse("message", Problem::value("an empty mail cannot be sent"));
    }
    if 1 + cc.len() + bcc.len() > MOST_RECIPIENTS {
        let said =
            format!("a mail has at most {MOST_RECIPIENTS} receivers over to_email, cc_email and bcc_email");
        entry.refuse(if cc.len() > bcc.len() { "cc_email" } else { "bcc_email" }, Problem::value(said));
    }
    let (attachments, contents): (Vec<Attachment>, Vec<Option<Vec<u8>>>) = attachments?.into_iter().unzip();
    let contents = contents.into_iter().enumerate().filter_map(|(n, content)| Some((n, content?))).collect();
    let text_of =
        |emails: Vec<Email>| emails.into_iter().map(|email| Text(email.as_str().to_owned())).collect();
    let mail = Mail {
        subject: Text(subject?),
        html: html.map(Text),
        cc: text_of(cc),
        bcc: text_of(bcc),
        attachments,
        ..Mail::default()
    };
    let draft = Draft {
        reach: Reach::Allowed,
        client: client?,
        provisional: false,
        to: Address::Email(to?),
        senders: Vec::new(),
        body: Text(body?),
        wl_user_id,
        mail: None,
        recipients: Recipients::new(),
    };
    Some(Checked { draft, mail, contents })
}

/// A line of text: what would end it would begin another header.
fn line(value: &Value) -> Result<String, Problem> {
    let line = text(LONGEST_SUBJECT)(value)?;
    if line.chars().any(char::is_control) {
        return Err(Problem::value("it has to be one line"));
    }
    Ok(line)
}

/// An attachment with its content, or with the address where its content is.
fn attachment(object: &Object<'_>, origins: &fetch::Config) -> Option<(Attachment, Option<Vec<u8>>)> {
    let filename = object.optional("filename", |value| match text(LONGEST_NAME)(value)? {
        name if name.chars().any(char::is_control) => Err(Problem::value("it has to be one line")),
        name => Ok(name),
    });
    let content_type = object.optional("content_type", media_type);
    let content = object.optional("content", |value| {
        let content = text(LARGEST * 2)(value)?;
        decoded(&content).ok_or_else(|| Problem::value("it is not base64"))
    });
    let url = object.optional("url", |value| {
        let url = text(LONGEST_URL)(value)?;
        match origins.allows(&url) {
            Ok(()) => Ok(url),
            Err(why) => {
                Err(Problem::new("url_scheme", format!("URL should be a public https address: it {why}")))
            }
        }
    });
    let named = |name| object.raw(name).is_some_and(|value| !value.is_null());
    match (named("content"), named("url")) {
        (true, true) => object.refuse("url", Problem::value("an attachment has content or a url, not both")),
        (false, false) => object.refuse("content", Problem::value("an attachment needs content or a url")),
        (true, false) | (false, true) => {}
    }
    let attachment = Attachment {
        filename: filename.map(Text),
        content_type,
        url: url.map(Text),
        ..Attachment::default()
    };
    Some((attachment, content))
}

/// `type/subtype` in the characters of RFC 2045, with parameters or without.
fn media_type(value: &Value) -> Result<String, Problem> {
    let given = text(127)(value)?;
    let (essence, parameters) = given.split_once(';').unwrap_or((&given, ""));
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let plain = parameters.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    match essence.trim_end().split_once('/') {
        Some((kind, subtype)) if token(kind) && token(subtype) && plain => Ok(given),
        _ => Err(Problem::value("it is not a media type like image/png")),
    }
}
