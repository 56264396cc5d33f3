//! Raw mails: read, changed as SES changes them, and written as a client's program does.

use axum::body::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;
use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::receipt::ClientFile;
use super::{Attachment, HOST, Header, date};

/// More lines that look like the beginning of a part than this, and the mail is cut by omega's own reader, which looks at
/// 500 parts. Ordinary mails have a handful.
const MANY_PARTS: usize = 400;

/// What is in a raw mail.
#[derive(Default)]
pub(super) struct Parsed {
    pub headers: Vec<Header>,
    pub from: Vec<Mailbox>,
    pub reply_to: Vec<Mailbox>,
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    pub bcc: Vec<Mailbox>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// Without angle brackets.
    pub references: Vec<String>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
}

/// An address with the name before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub name: Option<String>,
    pub address: String,
}

impl Mailbox {
    /// `Ann <ann@x.test>`, or the address alone.
    pub fn text(&self) -> String {
        let Some(name) = &self.name else { return self.address.clone() };
        let is_plain = |letter: char| letter.is_alphanumeric() || letter == ' ' || !letter.is_ascii();
        if name.chars().all(is_plain) {
            return format!("{name} <{}>", self.address);
        }
        // A comma, for one, would begin another address.
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\" <{}>", self.address)
    }
}

/// `None` when there is no head.
pub(super) fn parse(raw: &[u8]) -> Option<Parsed> {
    if let Some(cut) = has_mails_within(raw) {
        let head = MessageParser::default().parse_headers(raw)?;
        let text = Some(cut.text).filter(|text| !text.is_empty());
        let attachments = cut.attachments.into_iter().map(attached).collect();
        return Some(Parsed { text, html: cut.html, attachments, ..fields(&head) });
    }
    let message = MessageParser::default().parse(raw)?;
    Some(Parsed {
        text: body(&message, &message.text_body, |part| match part {
            PartType::Text(text) => Some(text),
            _ => None,
        }),
        html: body(&message, &message.html_body, |part| match part {
            PartType::Html(html) => Some(html),
            _ => None,
        }),
        attachments: message.attachments().map(attachment).collect(),
        ..fields(&message)
    })
}

/// The mail as omega cuts it, if there are mails in it, or parts in parts, or very many parts. The library goes as deep
/// into these as they go, whatever that takes of the stack, and one mail would end the runner.
fn has_mails_within(raw: &[u8]) -> Option<::mime::Incoming> {
    let read = ::mime::read(raw, None)?;
    let is_deep = |part: &::mime::IncomingPart| {
        let kind = part.content_type.as_deref().unwrap_or_default();
        kind.starts_with("message/") || kind.starts_with("multipart/")
    };
    let lines = raw.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"--")).count();
    (lines > MANY_PARTS || read.attachments.iter().any(is_deep)).then_some(read)
}

fn attached(part: ::mime::IncomingPart) -> Attachment {
    Attachment {
        filename: part.filename,
        content_type: part.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        content_id: part.content_id,
        size: part.content.len(),
        content: part.content.into(),
    }
}

fn fields(message: &Message<'_>) -> Parsed {
    Parsed {
        headers: headers(message),
        from: mailboxes(message.from()),
        reply_to: mailboxes(message.reply_to()),
        to: mailboxes(message.to()),
        cc: mailboxes(message.cc()),
        bcc: mailboxes(message.bcc()),
        message_id: message.message_id().map(str::to_owned),
        references: ids(message.references()),
        subject: message.subject().unwrap_or_default().to_owned(),
        ..Parsed::default()
    }
}

/// The addresses in one line, as in a header.
pub(super) fn read_mailboxes(line: &str) -> Vec<Mailbox> {
    // A line break would begin another header.
    let raw = format!("To: {}\r\n\r\n", line.replace(['\r', '\n'], " "));
    parse(raw.as_bytes()).map(|parsed| parsed.to).unwrap_or_default()
}

/// The plain address of `Ann <ann@x.test>`.
pub(super) fn bare(text: &str) -> String {
    let first = read_mailboxes(text).into_iter().next();
    first.map_or_else(|| text.trim().to_owned(), |mailbox| mailbox.address)
}

fn headers(message: &Message<'_>) -> Vec<Header> {
    let unfolded = |value: &str| value.replace("\r\n", "").replace('\n', "").trim().to_owned();
    let pairs = message.headers_raw();
    pairs.map(|(name, value)| Header { name: name.to_owned(), value: unfolded(value) }).collect()
}

fn mailboxes(addresses: Option<&mail_parser::Address<'_>>) -> Vec<Mailbox> {
    let all = addresses.into_iter().flat_map(mail_parser::Address::iter);
    all.filter_map(|one| {
        let name = one.name().filter(|name| !name.is_empty()).map(str::to_owned);
        Some(Mailbox { name, address: one.address()?.to_owned() })
    })
    .collect()
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(ids) => ids.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

fn body<'m>(
    message: &'m Message<'m>,
    parts: &[u32],
    pick: impl Fn(&'m PartType<'m>) -> Option<&'m std::borrow::Cow<'m, str>>,
) -> Option<String> {
    let parts = parts.iter().filter_map(|part| message.parts.get(usize::try_from(*part).ok()?));
    let texts: Vec<&str> = parts.filter_map(|part| pick(&part.body)).map(AsRef::as_ref).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

fn attachment(part: &MessagePart<'_>) -> Attachment {
    let content = part.contents();
    let kind = part.content_type().map(|kind| match kind.subtype() {
        Some(subtype) => format!("{}/{subtype}", kind.ctype()),
        None => kind.ctype().to_owned(),
    });
    Attachment {
        filename: part.attachment_name().map(str::to_owned),
        content_type: kind.unwrap_or_else(|| "application/octet-stream".to_owned()),
        content_id: part.content_id().map(str::to_owned),
        size: content.len(),
        content: Bytes::copy_from_slice(content),
    }
}

/// The copy that receivers get. SES puts in an id and a date of its own, and takes out who is not to be seen.
pub(super) fn delivered(raw: &[u8], id: &str, at: i64) -> Vec<u8> {
    let mut copy = format!("Message-ID: <{id}@{HOST}>\r\nDate: {}\r\n", date(at)).into_bytes();
    copy.extend(without(raw, &["Message-ID", "Date", "Bcc"]));
    copy
}

/// The mail without these headers.
fn without(raw: &[u8], names: &[&str]) -> Vec<u8> {
    let (head, body) = raw.split_at(head_length(raw));
    let mut copy = Vec::with_capacity(raw.len());
    let mut kept = true;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        if !continues {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
            kept = !names.iter().any(|gone| name.eq_ignore_ascii_case(gone.as_bytes()));
        }
        if kept {
            copy.extend_from_slice(line);
        }
    }
    copy.extend_from_slice(body);
    copy
}

/// Up to the empty line, which belongs to the rest.
fn head_length(raw: &[u8]) -> usize {
    let mut length = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            break;
        }
        length += line.len();
    }
    length
}

/// What a client's program makes a mail of.
pub(super) struct Letter<'a> {
    pub from: &'a str,
    pub to: &'a [String],
    pub cc: &'a [String],
    pub subject: &'a str,
    pub text: &'a str,
    pub html: Option<&'a str>,
    pub attachments: &'a [ClientFile],
    pub in_reply_to: Option<&'a str>,
    pub references: &'a [String],
    /// Instead of, or beside, the usual ones. An empty value leaves a usual one out.
    pub headers: &'a std::collections::BTreeMap<String, String>,
    pub at: i64,
}

/// The bytes of a mail.
pub(super) fn compose(letter: &Letter<'_>) -> Result<Vec<u8>, crate::Error> {
    let mut builder = MessageBuilder::new();
    for (name, value) in usual_headers(letter) {
        if !letter.headers.keys().any(|given| given.eq_ignore_ascii_case(name)) {
            builder = builder.header(name, value);
        }
    }
    for (name, value) in letter.headers.iter().filter(|(_, value)| !value.is_empty()) {
        builder = builder.header(name.as_str(), Raw::new(value.as_str()));
    }
    builder = builder.text_body(letter.text);
    if let Some(html) = letter.html {
        builder = builder.html_body(html);
    }
    for file in letter.attachments {
        builder = attach(builder, file)?;
    }
    // The builder puts in an id and a date where none is given.
    let left_out: Vec<&str> =
        letter.headers.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| name.as_str()).collect();
    Ok(without(&builder.write_to_vec()?, &left_out))
}

fn usual_headers<'a>(letter: &Letter<'a>) -> Vec<(&'static str, HeaderType<'a>)> {
    let host =
        bare(letter.from).rsplit_once('@').map_or("client.test".to_owned(), |(_, host)| host.to_owned());
    let message_id = format!("{}@{host}", uuid::Uuid::new_v4());
    let mut headers = vec![
        ("From", address_list(&[letter.from.to_owned()]).into()),
        ("To", address_list(letter.to).into()),
        ("Subject", Text::new(letter.subject).into()),
        ("Date", Raw::new(date(letter.at)).into()),
        ("Message-ID", MessageId::new(message_id).into()),
    ];
    if !letter.cc.is_empty() {
        headers.push(("Cc", address_list(letter.cc).into()));
    }
    headers.extend(letter.in_reply_to.map(|id| ("In-Reply-To", MessageId::new(id).into())));
    if !letter.references.is_empty() {
        headers.push(("References", MessageId::new_list(letter.references.iter().cloned()).into()));
    }
    headers
}

fn address_list(lines: &[String]) -> Address<'static> {
    let all = lines.iter().flat_map(|line| read_mailboxes(line));
    Address::new_list(all.map(|one| Address::new_address(one.name, one.address)).collect())
}

fn attach<'a>(
    mut builder: MessageBuilder<'a>,
    file: &'a ClientFile,
) -> Result<MessageBuilder<'a>, crate::Error> {
    let content = file.bytes()?;
    let kind = file.content_type.as_deref().unwrap_or("application/octet-stream");
    let mut part = MimePart::new(kind, content);
    part = match &file.content_id {
        Some(id) => part.inline().cid(id.as_str()),
        None => part.attachment(file.filename.as_deref().unwrap_or("attachment")),
    };
    builder.attachments.get_or_insert_default().push(part);
    Ok(builder)
}
