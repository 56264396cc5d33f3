//! The parts of a mail: which of them are its body, and which came with it.
//!
//! Cut here and not by the parser library, which goes as deep as a mail says, and looks for each boundary in all
//! that follows: a mail can be written that ends the process, or takes hours.

use std::borrow::Cow;

use mail_parser::{Header, HeaderName, Message, MessageParser, MimeHeaders};

use crate::charset::characters;
use crate::encoded_word::in_utf8;
use crate::html::text_of_html;
use crate::incoming::IncomingPart;
use crate::line::{file_name, id, plain_breaks, some_line};
use crate::parameters::Parameters;
use crate::transfer::Transfer;

/// The most attachments of one mail; further ones are dropped.
const MOST_ATTACHMENTS: usize = 100;
/// The longest name of an attachment, in characters.
const LONGEST_NAME: usize = 200;
/// The longest id of a part that is read.
const LONGEST_CONTENT_ID: usize = 200;
/// The most parts that are looked at.
const MOST_PARTS: usize = 500;
/// How deep parts lie in parts. What lies deeper stays uncut.
const DEEPEST: usize = 20;
/// How much of a part's header is read. The parser's work on one field can grow with the square of its length.
const LONGEST_PART_HEADER: usize = 16 * 1024;

/// The body, in the forms that it has, and what came with it.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) attachments: Vec<IncomingPart>,
}

/// Sorts the parts of the mail that has these fields and this body.
pub(crate) fn content(fields: &Message<'_>, body: &[u8]) -> Content {
    let mut walk = Walk::default();
    let mut shown = walk.part(&Head::of(Some(fields)), body, Place::Top, 0);
    if shown.text.is_none() && shown.html.is_none() {
        shown = walk.named_text.unwrap_or_default();
    }
    Content { text: shown.text, html: shown.html, attachments: walk.attachments }
}

/// The header and the body: what is before the first empty line, and what is after it. Without one all is header.
pub(crate) fn cut(raw: &[u8]) -> (&[u8], &[u8]) {
    let mut start = 0;
    while let Some(length) = raw.get(start..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        let end = start + length + 1;
        if matches!(raw.get(start..end), Some(b"\n" | b"\r\n")) {
            return (raw.get(..start).unwrap_or_default(), raw.get(end..).unwrap_or_default());
        }
        start = end;
    }
    (raw, &[])
}

/// The bytes that [`parsed`] reads: so much of the header as `longest` allows, in UTF-8, ended as the parser wants it.
pub(crate) fn readable(header: &[u8], longest: usize) -> Vec<u8> {
    let kept = match header.get(..longest) {
        Some(cut) => {
            cut.iter().rposition(|byte| *byte == b'\n').and_then(|end| cut.get(..end)).unwrap_or(cut)
        }
        None => header,
    };
    [in_utf8(kept).as_slice(), b"\r\n\r\n"].concat()
}

/// The fields of a header; nothing when it has none.
pub(crate) fn parsed(readable: &[u8]) -> Option<Message<'_>> {
    MessageParser::new().parse_headers(readable)
}

/// The first field of that name, with its parameters. Read here: the parser loses file names that begin on the next line,
/// and characters that are cut over two pieces.
fn parameters(fields: &Message<'_>, name: HeaderName<'static>) -> Option<Parameters> {
    let header = fields.headers().iter().find(|header| header.name == name)?;
    let range = header.offset_start as usize..header.offset_end as usize;
    fields.raw_message.get(range).map(Parameters::read)
}

/// The value of a field as it was written.
pub(crate) fn raw_value(fields: &Message<'_>, header: &Header<'_>) -> Option<String> {
    let range = header.offset_start as usize..header.offset_end as usize;
    fields.raw_message.get(range).map(|raw| String::from_utf8_lossy(raw).into_owned())
}

/// Where a part lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    /// One form of the same.
    Alternative,
    /// Beside the first of a `multipart/related`, which shows it.
    Related,
    /// Among mails: without a type it is one itself.
    Digest,
    Other,
}

/// What a part adds to the body.
#[derive(Default)]
struct Shown {
    text: Option<String>,
    html: Option<String>,
}

/// What the header of a part says about it.
struct Head {
    /// Type and subtype in lower case.
    kind: Option<String>,
    charset: Option<String>,
    boundary: Option<String>,
    /// The id of the part that a `multipart/related` shows.
    start: Option<String>,
    filename: Option<String>,
    content_id: Option<String>,
    is_attachment: bool,
    transfer: Transfer,
}

impl Head {
    fn read(header: &[u8]) -> Self {
        Head::of(parsed(&readable(header, LONGEST_PART_HEADER)).as_ref())
    }

    fn of(fields: Option<&Message<'_>>) -> Self {
        let content_type = fields.and_then(|fields| parameters(fields, HeaderName::ContentType));
        let attribute = |name| content_type.as_ref().and_then(|given| given.get(name)).map(str::to_owned);
        let disposition = fields.and_then(|fields| parameters(fields, HeaderName::ContentDisposition));
        let transfer = fields.and_then(|fields| fields.content_transfer_encoding());
        let content_id = fields
            .and_then(|fields| fields.header_values(HeaderName::ContentId).find_map(|value| value.as_text()));
        let filename = disposition.as_ref().and_then(|given| given.get("filename")).map(str::to_owned);
        let is_type = |kind: &String| kind.contains('/') && !kind.contains(' ') && kind.len() <= 200;
        Head {
            kind: content_type.as_ref().and_then(|given| some_line(&given.value)).filter(is_type),
            charset: attribute("charset"),
            boundary: attribute("boundary"),
            start: attribute("start").and_then(|raw| id(&raw)),
            filename: filename
                .or_else(|| attribute("name"))
                .and_then(|name| some_line(&name))
                .map(|name| file_name(name, LONGEST_NAME)),
            content_id: content_id.and_then(id).filter(|id| id.len() <= LONGEST_CONTENT_ID),
            is_attachment: disposition.is_some_and(|given| given.value == "attachment"),
            transfer: transfer.map_or(Transfer::Plain, Transfer::named),
        }
    }

    /// The type that counts: a part without one is text, and in a digest a mail.
    fn effective_kind(&self, place: Place) -> &str {
        let otherwise = if place == Place::Digest { "message/rfc822" } else { "text/plain" };
        self.kind.as_deref().unwrap_or(otherwise)
    }
}

/// One pass over a mail.
#[derive(Default)]
struct Walk {
    seen: usize,
    attachments: Vec<IncomingPart>,
    /// The first text with a file name that is to be shown with the mail: its body, when it has no other. It stays an
    /// attachment as well, for it may be a file after all.
    named_text: Option<Shown>,
}

impl Walk {
    fn part(&mut self, head: &Head, body: &[u8], place: Place, depth: usize) -> Shown {
        self.seen += 1;
        let kind = head.effective_kind(place);
        if let Some(subtype) = kind.strip_prefix("multipart/")
            && depth < DEEPEST
        {
            let children = split(body, head.boundary.as_deref().unwrap_or_default());
            if !children.is_empty() {
                return self.multipart(subtype, head.start.as_deref(), &children, depth + 1);
            }
            // it has no parts, whatever it says, and what it has may be all there is to see
            if place == Place::Top {
                return self.shown(head, body, false);
            }
        }
        if is_body(head, kind, place) {
            return self.shown(head, body, kind == "text/html");
        }
        if self.named_text.is_none() && !head.is_attachment && is_text(kind) && place != Place::Related {
            self.named_text = Some(self.shown(head, body, kind == "text/html"));
        }
        self.attach(head, kind, body);
        Shown::default()
    }

    fn multipart(&mut self, subtype: &str, start: Option<&str>, children: &[&[u8]], depth: usize) -> Shown {
        let parts: Vec<(Head, &[u8])> = children
            .iter()
            .map(|child| cut_part(child))
            .map(|(header, body)| (Head::read(header), body))
            .collect();
        let is_root = |(head, _): &(Head, &[u8])| start.is_some() && head.content_id.as_deref() == start;
        let root = parts.iter().position(is_root).unwrap_or(0);
        let mut shown = Vec::new();
        for (index, (head, body)) in parts.iter().enumerate() {
            if self.seen >= MOST_PARTS {
                break;
            }
            let place = match subtype {
                "alternative" => Place::Alternative,
                "related" if index != root => Place::Related,
                "digest" => Place::Digest,
                _ => Place::Other,
            };
            shown.push(self.part(head, body, place, depth));
        }
        if subtype == "alternative" { best(shown) } else { joined(shown) }
    }

    fn shown(&self, head: &Head, body: &[u8], is_html: bool) -> Shown {
        let text = plain_breaks(&characters(&head.transfer.unwrap(body), head.charset.as_deref()));
        if is_html { Shown { html: Some(text), text: None } } else { Shown { text: Some(text), html: None } }
    }

    fn attach(&mut self, head: &Head, kind: &str, body: &[u8]) {
        if self.attachments.len() >= MOST_ATTACHMENTS {
            return;
        }
        let is_mail = matches!(kind, "message/rfc822" | "message/global");
        self.attachments.push(IncomingPart {
            filename: head.filename.clone().or_else(|| is_mail.then(|| "message.eml".to_owned())),
            content_type: head.kind.clone().or_else(|| is_mail.then(|| kind.to_owned())),
            content_id: head.content_id.clone(),
            content: head.transfer.unwrap(body).into_owned(),
        });
    }
}

fn is_text(kind: &str) -> bool {
    matches!(kind, "text/plain" | "text/html")
}

/// Whether a part is to be read with the mail. A text with a file name is a file, unless it is all there is.
fn is_body(head: &Head, kind: &str, place: Place) -> bool {
    if head.is_attachment || !is_text(kind) {
        return false;
    }
    match place {
        Place::Top | Place::Alternative => true,
        Place::Related => false,
        Place::Digest | Place::Other => head.filename.is_none(),
    }
}

/// A part that has neither an empty line nor a field is all body: somebody forgot the empty line.
fn cut_part(raw: &[u8]) -> (&[u8], &[u8]) {
    let (header, body) = cut(raw);
    if header.len() == raw.len() && parsed(&readable(header, LONGEST_PART_HEADER)).is_none() {
        return (&[], raw);
    }
    (header, body)
}

/// Of several forms of the same: the first text and the last, that is the richest, HTML.
fn best(forms: Vec<Shown>) -> Shown {
    let mut best = Shown::default();
    for form in forms {
        best.text = best.text.or(form.text);
        best.html = form.html.or(best.html);
    }
    best
}

/// Parts that are read one after another. When some are HTML and some text, each form has all of them.
fn joined(parts: Vec<Shown>) -> Shown {
    let has_html = parts.iter().any(|part| part.html.is_some());
    let has_text = parts.iter().any(|part| part.text.is_some());
    let text = parts.iter().filter_map(text_of).collect::<Vec<_>>().join("\n");
    let html = parts.iter().filter_map(html_of).collect::<Vec<_>>().join("\n");
    Shown { text: has_text.then_some(text), html: has_html.then_some(html) }
}

fn text_of(part: &Shown) -> Option<Cow<'_, str>> {
    match (&part.text, &part.html) {
        (Some(text), _) => Some(Cow::Borrowed(text)),
        (None, Some(html)) => Some(Cow::Owned(text_of_html(html))),
        (None, None) => None,
    }
}

fn html_of(part: &Shown) -> Option<Cow<'_, str>> {
    match (&part.html, &part.text) {
        (Some(html), _) => Some(Cow::Borrowed(html)),
        (None, Some(text)) => Some(Cow::Owned(as_html(text))),
        (None, None) => None,
    }
}

fn as_html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<div>{}</div>", escaped.replace('\n', "<br>\n"))
}

/// The parts between the boundary's lines. The last may lack its end, as in a mail that was cut off.
fn split<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    if boundary.is_empty() {
        return parts;
    }
    let mut open = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let Some(is_last) = delimiter(line, boundary.as_bytes()) else { continue };
        parts.extend(open.take().and_then(|from| body.get(from..start)).map(without_break));
        if is_last || parts.len() >= MOST_PARTS {
            return parts;
        }
        open = Some(at);
    }
    parts.extend(open.and_then(|from| body.get(from..)));
    parts
}

/// Whether the line is one of the boundary's, and if so whether the last one.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let after = line.strip_prefix(b"--")?.strip_prefix(boundary)?.trim_ascii_end();
    match after {
        [] => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// The line break before a boundary is part of the boundary (RFC 2046, 5.1.1).
fn without_break(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_cut_at_the_first_empty_line() {
        for (raw, header, body) in [
            ("a: b\r\n\r\nc\r\n\r\nd", "a: b\r\n", "c\r\n\r\nd"),
            ("a: b\n\nc", "a: b\n", "c"),
            ("a: b\n\r\nc", "a: b\n", "c"),
            ("\nc", "", "c"),
            ("a: b\r\n", "a: b\r\n", ""),
            ("", "", ""),
        ] {
            assert_eq!(cut(raw.as_bytes()), (header.as_bytes(), body.as_bytes()), "{raw:?}");
        }
    }

    #[test]
    fn a_boundary_is_a_whole_line() {
        let body = b"before\r\n--x\r\none --x\r\n--xy\r\n--x \t\r\n\r\ntwo\r\n--x--\r\nafter\r\n--x\r\n";
        assert_eq!(split(body, "x"), [&b"one --x\r\n--xy"[..], b"\r\ntwo"]);
        assert_eq!(split(b"--x\none", "x"), [b"one"]);
        assert_eq!(split(b"--x--\n", "x"), Vec::<&[u8]>::new());
        assert_eq!(split(b"--\none", ""), Vec::<&[u8]>::new());
    }

    #[test]
    fn html_and_text_one_after_another_are_both_in_both() {
        let parts = vec![
            Shown { html: Some("<p>a</p>".into()), text: None },
            Shown { text: Some("1 < 2\n&".into()), html: None },
        ];
        let both = joined(parts);
        assert_eq!(both.text.as_deref(), Some("a\n1 < 2\n&"));
        assert_eq!(both.html.as_deref(), Some("<p>a</p>\n<div>1 &lt; 2<br>\n&amp;</div>"));
    }
}
