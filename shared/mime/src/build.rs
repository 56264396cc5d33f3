//! A mail of ours, written out.

use std::borrow::Cow;

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};

use crate::html::text_of_html;
use crate::line::{id, one_line, some_line};

/// The media type of what has none that can be written.
const UNKNOWN_TYPE: &str = "application/octet-stream";
/// The longest id that still fits into a line with the name of its header.
const LONGEST_ID: usize = 980;
/// The longest file name, in characters. File systems take no longer ones.
const LONGEST_FILENAME: usize = 200;
/// The longest run without a space in a header of the caller's; a longer one gets a space, so that its line can be
/// folded. A line has at most 998 characters.
const LONGEST_WORD: usize = 900;

/// Who a mail is from.
#[derive(Clone, Copy)]
pub struct Mailbox<'a> {
    /// The name beside the address, in any script.
    pub name: Option<&'a str>,
    /// The address.
    pub address: &'a str,
}

/// Something that goes with a mail.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// The name it is saved under, in any script. What is after its 200th character is cut off.
    pub filename: Option<&'a str>,
    /// Its media type. What is none, and what must not be encoded (`multipart/…`, `message/…`), goes as
    /// `application/octet-stream`.
    pub content_type: Option<&'a str>,
    /// The id by which the HTML shows it, without the angle brackets.
    pub content_id: Option<&'a str>,
    /// The content itself.
    pub content: &'a [u8],
}

/// A mail to be sent. There is no place for those who get a blind copy: they are in the envelope only.
///
/// Texts may be anything, also hostile: see [`build`](fn@build).
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// The writer.
    pub from: Mailbox<'a>,
    /// Where answers go, if not to the writer.
    pub reply_to: Option<&'a str>,
    /// The receivers.
    pub to: &'a [&'a str],
    /// Further receivers.
    pub cc: &'a [&'a str],
    /// The subject, in any script.
    pub subject: &'a str,
    /// The body as text. Where nothing of it is visible, it is made of the HTML.
    pub text: &'a str,
    /// The body as HTML.
    pub html: Option<&'a str>,
    /// What goes with it.
    pub attachments: &'a [Part<'a>],
    /// Its own id, without the angle brackets. Of an empty one the library makes up another.
    pub message_id: &'a str,
    /// The id of the mail it answers.
    pub in_reply_to: Option<&'a str>,
    /// The ids of the mails before it, oldest first.
    pub references: &'a [String],
    /// When it was written, in seconds since 1970.
    pub date: i64,
    /// Further headers, name and value, written as they are and not encoded. ASCII.
    pub headers: &'a [(&'a str, String)],
}

/// Writes the mail, ready for the wire: CRLF line breaks, no line over 998 characters, the same bytes for the same
/// mail.
///
/// The text is alone, or with the HTML in `multipart/alternative`. Parts that have a content id go beside the HTML
/// in `multipart/related`, the others in `multipart/mixed`; without HTML all are plain attachments. Their content
/// is base64.
///
/// No field can bring a header with it. This is what happens to the fields on the way:
/// * names, the subject and file names become one line: control characters and runs of spaces become one space;
///   `=?`, with which encoded words begin, becomes `= ?`
/// * addresses lose control characters, angle brackets and spaces that are not in quotes, and an empty one is left out
/// * ids lose those and what is not ASCII; one that is empty or longer than 980 is left out
/// * texts get CRLF line breaks, one at the end, and lose NUL
/// * further headers lose control characters and what is not ASCII; one whose name is no name is left out
pub fn build(mail: &Outgoing<'_>) -> Vec<u8> {
    let builder = further_headers(headers(MessageBuilder::new(), mail), mail.headers);
    let mut raw = Vec::new();
    builder.body(body(mail)).serialize(&mut raw);
    raw
}

/// How long that many bytes are as base64, in lines of 76 characters with CRLF after each.
///
/// For the size of a mail before it is built. Saturates.
pub fn encoded_len(content_len: usize) -> usize {
    let characters = content_len.div_ceil(3).saturating_mul(4);
    characters.saturating_add(characters.div_ceil(76).saturating_mul(2))
}

fn headers<'a>(builder: MessageBuilder<'a>, mail: &Outgoing<'a>) -> MessageBuilder<'a> {
    let from = Address::new_address(mail.from.name.and_then(header_text), address(mail.from.address));
    let mut builder = builder.header("From", from);
    for (name, list) in [("Reply-To", mail.reply_to.as_slice()), ("To", mail.to), ("Cc", mail.cc)] {
        let addresses: Vec<_> = list.iter().map(|raw| address(raw)).filter(|one| !one.is_empty()).collect();
        if !addresses.is_empty() {
            builder = builder.header(name, Address::from(addresses));
        }
    }
    builder = builder.header("Subject", Text::new(header_text(mail.subject).unwrap_or_default()));
    builder = builder.header("Date", Date::new(mail.date));
    builder = ids(builder, "Message-ID", [mail.message_id].into_iter());
    builder = ids(builder, "In-Reply-To", mail.in_reply_to.into_iter());
    ids(builder, "References", mail.references.iter().map(String::as_str))
}

fn ids<'a>(
    builder: MessageBuilder<'a>,
    name: &'static str,
    raw: impl Iterator<Item = &'a str>,
) -> MessageBuilder<'a> {
    let clean: Vec<String> = raw.filter_map(clean_id).collect();
    if clean.is_empty() {
        return builder;
    }
    builder.header(name, MessageId::from(clean))
}

fn further_headers<'a>(
    mut builder: MessageBuilder<'a>,
    headers: &'a [(&'a str, String)],
) -> MessageBuilder<'a> {
    for (name, value) in headers.iter().filter(|(name, _)| is_header_name(name)) {
        let ascii: String = value.chars().filter(|c| c.is_ascii()).collect();
        builder = builder.header(*name, Raw::new(foldable(&one_line(&ascii))));
    }
    builder
}

/// One line that no reader takes for an encoded word.
fn header_text(raw: &str) -> Option<String> {
    some_line(raw).map(|line| line.replace("=?", "= ?"))
}

/// A space may stand in a local part that is quoted, as in `"ada l"@example.com`.
fn address(raw: &str) -> String {
    let is_quoted = raw.starts_with('"');
    let belongs = |c: &char| match c {
        ' ' => is_quoted,
        '<' | '>' => false,
        _ => !c.is_control() && !c.is_whitespace(),
    };
    raw.chars().filter(belongs).collect()
}

fn clean_id(raw: &str) -> Option<String> {
    let graphic: String = raw.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>')).collect();
    id(&graphic).filter(|clean| clean.len() <= LONGEST_ID)
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// The value with a space in each run that is too long for a line. Where such runs occur, in the addresses of
/// `List-Unsubscribe`, readers ignore spaces (RFC 2369, 2).
fn foldable(value: &str) -> String {
    let words = value.split(' ').flat_map(|word| word.as_bytes().chunks(LONGEST_WORD));
    words.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

/// The text of the mail: that of its HTML where it has none of its own.
fn text<'a>(mail: &Outgoing<'a>) -> Cow<'a, str> {
    match mail.html {
        Some(html) if !domain::visible::shows(mail.text) => Cow::Owned(text_of_html(html)),
        _ => Cow::Borrowed(mail.text),
    }
}

/// The tree of parts, only as deep as it has to be.
fn body<'a>(mail: &Outgoing<'a>) -> MimePart<'a> {
    let text = text_part("text/plain", &text(mail));
    let separator = separator(mail);
    let Some(html) = mail.html else {
        let parts = mail.attachments.iter().map(|part| attachment(part, "attachment"));
        return joined("mixed", &separator, text, parts.collect());
    };

    let (shown, attached): (Vec<_>, Vec<_>) =
        mail.attachments.iter().partition(|part| part.content_id.and_then(clean_id).is_some());
    let shown = shown.into_iter().map(|part| attachment(part, "inline")).collect();
    let html = joined("related", &separator, text_part("text/html", html), shown);
    let both = joined("alternative", &separator, text, vec![html]);
    let attached = attached.into_iter().map(|part| attachment(part, "attachment")).collect();
    joined("mixed", &separator, both, attached)
}

/// A multipart of the first and the others; the first itself when there are no others.
fn joined<'a>(kind: &str, separator: &str, first: MimePart<'a>, others: Vec<MimePart<'a>>) -> MimePart<'a> {
    if others.is_empty() {
        return first;
    }
    let parts: Vec<_> = std::iter::once(first).chain(others).collect();
    let content_type =
        ContentType::new(format!("multipart/{kind}")).attribute("boundary", format!("=_{kind}_{separator}"));
    MimePart::new(content_type, parts)
}

/// What makes the boundaries of this mail its own: its id, lengthened until no text has it. Encoded content never
/// has it, for `=_` is in no base64 and in no quoted-printable.
fn separator(mail: &Outgoing<'_>) -> String {
    let own = mail.message_id.chars().filter(char::is_ascii_alphanumeric);
    let mut separator: String = own.take(32).collect();
    while mail.text.contains(&format!("_{separator}"))
        || mail.html.is_some_and(|html| html.contains(&format!("_{separator}")))
    {
        separator.push('0');
    }
    separator
}

fn text_part<'a>(content_type: &'static str, text: &str) -> MimePart<'a> {
    let mut lines = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "");
    if !lines.ends_with('\n') {
        lines.push('\n');
    }
    MimePart::new(content_type, BodyPart::Text(Cow::Owned(lines.replace('\n', "\r\n"))))
}

fn attachment<'a>(part: &Part<'a>, disposition: &'static str) -> MimePart<'a> {
    let mut shown_as = ContentType::new(disposition);
    if let Some(filename) = part.filename.and_then(filename) {
        shown_as = shown_as.attribute("filename", filename);
    }
    // the library writes text as it is, and other content as base64; what it cannot look into is no text to it
    let content_type = HeaderType::from(Raw::new(media_type(part.content_type.unwrap_or_default())));
    let written = MimePart::raw(BodyPart::Binary(Cow::Borrowed(part.content)))
        .header("Content-Type", content_type)
        .header("Content-Disposition", shown_as);
    match part.content_id.and_then(clean_id) {
        Some(content_id) => written.cid(content_id),
        None => written,
    }
}

fn filename(raw: &str) -> Option<String> {
    let cut: String = header_text(raw)?.chars().take(LONGEST_FILENAME).collect();
    some_line(&cut)
}

/// The media type, with those of its parameters that need no quoting.
fn media_type(raw: &str) -> String {
    let mut pieces = raw.split(';').map(str::trim);
    let essence = pieces.next().unwrap_or_default().to_ascii_lowercase();
    if !is_writable_type(&essence) {
        return UNKNOWN_TYPE.to_owned();
    }
    let parameters = pieces
        .filter(|piece| piece.split_once('=').is_some_and(|(name, value)| is_token(name) && is_token(value)));
    std::iter::once(essence.as_str()).chain(parameters).collect::<Vec<_>>().join("; ")
}

/// Mails within mails may not be encoded (RFC 2046, 5.2.1), and attachments are; so they go as plain files.
fn is_writable_type(essence: &str) -> bool {
    essence.split_once('/').is_some_and(|(kind, subtype)| {
        is_token(kind) && is_token(subtype) && kind != "multipart" && kind != "message"
    })
}

fn is_token(text: &str) -> bool {
    let is_special = |byte| b"()<>@,;:\\\"/[]?=".contains(&byte);
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && !is_special(byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn mail<'a>() -> Outgoing<'a> {
        Outgoing {
            from: Mailbox { name: Some("Ada"), address: "ada@example.com" },
            reply_to: None,
            to: &["bob@example.com"],
            cc: &[],
            subject: "Hello",
            text: "Hi Bob",
            html: None,
            attachments: &[],
            message_id: "1@example.com",
            in_reply_to: None,
            references: &[],
            date: 1_767_225_600,
            headers: &[],
        }
    }

    fn built(mail: &Outgoing<'_>) -> String {
        String::from_utf8(build(mail)).unwrap()
    }

    #[test]
    fn a_plain_mail_is_just_that() {
        let expected = "From: \"Ada\" <ada@example.com>\r\n\
             To: <bob@example.com>\r\n\
             Subject: Hello\r\n\
             Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n\
             Message-ID: <1@example.com>\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=\"utf-8\"\r\n\
             Content-Transfer-Encoding: 7bit\r\n\
             \r\n\
             Hi Bob\r\n";
        assert_eq!(built(&mail()), expected);
    }

    #[test]
    fn the_same_mail_is_the_same_bytes() {
        let part = Part { filename: None, content_type: None, content_id: Some("x"), content: b"x" };
        let file = Part { content_id: None, ..part };
        let parts = [part, file];
        let mail = Outgoing { html: Some("<p>Hi"), attachments: &parts, ..mail() };
        assert_eq!(build(&mail), build(&mail));
        let kinds: Vec<_> = ["mixed", "alternative", "related"]
            .into_iter()
            .filter(|kind| built(&mail).contains(&format!("multipart/{kind}; boundary")))
            .collect();
        assert_eq!(kinds, ["mixed", "alternative", "related"]);
    }

    #[test]
    fn a_text_that_has_the_boundary_gets_another() {
        let text = "--=_alternative_1examplecom\r\n\r\nmine";
        let raw = built(&Outgoing { text, html: Some("<p>"), ..mail() });
        assert!(raw.contains("boundary=\"=_alternative_1examplecom0\""), "{raw}");
    }

    #[test]
    fn long_references_are_folded() {
        let references: Vec<String> =
            (0..20).map(|n| format!("{n}-{}@example.com", "x".repeat(40))).collect();
        let raw = built(&Outgoing {
            references: &references,
            in_reply_to: references.last().map(|x| &**x),
            ..mail()
        });
        assert!(raw.lines().all(|line| line.len() <= 78), "{raw}");
        assert!(raw.contains(&format!("\r\n <{}>", references[7])), "{raw}");
    }

    #[test]
    fn long_further_headers_are_folded_even_without_spaces() {
        let value = format!("<mailto:{}>, <https://example.com/{}>", "a".repeat(50), "b".repeat(3_000));
        let headers =
            [("List-Unsubscribe", value.clone()), ("X y", "left out".into()), ("", "this too".into())];
        let raw = built(&Outgoing { headers: &headers, ..mail() });
        assert!(raw.lines().all(|line| line.len() <= 998), "{raw}");
        let (_, after) = raw.split_once("List-Unsubscribe:").unwrap();
        let (folded, _) = after.split_once("\r\nMIME-Version").unwrap();
        assert_eq!(folded.split_whitespace().collect::<String>(), value.replace(' ', ""));
        assert!(!raw.contains("left out") && !raw.contains("this too"));
    }

    #[test]
    fn a_media_type_that_cannot_be_written_is_unknown() {
        for (raw, written) in [
            ("image/png", "image/png"),
            ("Text/Calendar; method=REQUEST; x=\"a\r\nb\"", "text/calendar; method=REQUEST"),
            ("", UNKNOWN_TYPE),
            ("png", UNKNOWN_TYPE),
            ("image/png\r\nBcc: eve@example.com", UNKNOWN_TYPE),
            ("image/", UNKNOWN_TYPE),
            ("bild/größe", UNKNOWN_TYPE),
            ("multipart/mixed; boundary=x", UNKNOWN_TYPE),
            ("message/rfc822", UNKNOWN_TYPE),
        ] {
            assert_eq!(media_type(raw), written, "{raw}");
        }
    }

    #[test]
    fn the_encoded_length_is_what_is_written() {
        for length in [0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 1_000, 65_537] {
            let content = vec![b'a'; length];
            let part = Part {
                filename: None,
                content_type: Some("text/plain"),
                content_id: None,
                content: &content,
            };
            let parts = [part];
            let raw = built(&Outgoing { attachments: &parts, ..mail() });
            let (_, after) = raw.split_once("Transfer-Encoding: base64\r\n\r\n").unwrap();
            let (encoded, _) = after.split_once("\r\n--=_").unwrap();
            assert_eq!(encoded.len(), encoded_len(length), "{length}");
        }
        assert_eq!(encoded_len(usize::MAX), usize::MAX);
    }

    #[test]
    fn receivers_who_are_none_are_left_out() {
        let raw = built(&Outgoing { to: &["", " <> "], reply_to: Some("a@b\r\n.c"), ..mail() });
        assert!(!raw.contains("To: <>") && !raw.contains("\r\nTo:"), "{raw}");
        assert!(raw.contains("\r\nReply-To: <a@b.c>\r\n"), "{raw}");
    }
}
