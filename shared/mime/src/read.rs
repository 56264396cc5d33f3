//! A mail of anybody's, read.

use domain::Timestamp;
use domain::address::Address;
use domain::email::Email;
use domain::mail::MOST_REFERENCES;
use mail_parser::{Addr, HeaderName, Message};

use crate::automated::automated;
use crate::html::text_of_html;
use crate::incoming::{Incoming, Sender};
use crate::line::{cut_off, id, one_line, some_line};
use crate::quote::quote_starts_at;
use crate::tree::{content, cut, parsed, raw_value, readable};

/// How much of a header is read. Those of real mails are a tenth of it at most.
const LONGEST_HEADER: usize = 256 * 1024;

/// The most receivers that are read.
const MOST_RECEIVERS: usize = 1_000;

/// The longest subject that is read, in characters. A line of a mail has at most 998.
const LONGEST_SUBJECT: usize = 1_000;

/// The longest name of a writer that is read, in characters.
const LONGEST_NAME: usize = 200;

/// The most ids that are read of one kind of header.
const MOST_IDS: usize = 1_000;

/// Reads a mail as it came over the wire. `envelope_sender` is the address that the sending server named, where
/// it is known: empty or `<>` when it named none, which says that nobody may answer.
///
/// Takes whatever comes: wrong charsets, missing ends, parts in parts without end. `None` only when there is no
/// mail at all: neither a header field nor an empty line with something after it.
pub fn read(raw: &[u8], envelope_sender: Option<&str>) -> Option<Incoming> {
    let (header, body) = cut(raw);
    let readable = readable(header, LONGEST_HEADER);
    let fields = match parsed(&readable) {
        Some(fields) => Fields(fields),
        None if body.trim_ascii().is_empty() => return None,
        None => Fields(Message { parts: vec![Default::default()], ..Message::default() }),
    };

    let content = content(&fields.0, body);
    let text = content.text.filter(|text| content.html.is_none() || !text.trim().is_empty());
    let text = text.or_else(|| content.html.as_deref().map(text_of_html));
    let text = text.unwrap_or_default();
    let subject = fields.subject();
    Some(Incoming {
        message_id: fields.ids(HeaderName::MessageId).into_iter().next(),
        in_reply_to: fields.ids(HeaderName::InReplyTo).into_iter().take(MOST_REFERENCES).collect(),
        references: first_and_last(fields.ids(HeaderName::References)),
        from: fields.sender(envelope_sender),
        reply_to: fields.receivers(HeaderName::ReplyTo),
        to: fields.receivers(HeaderName::To),
        cc: fields.receivers(HeaderName::Cc),
        quote_starts_at: quote_starts_at(&text),
        text,
        html: content.html,
        date: fields.date(),
        attachments: content.attachments,
        automated: automated(&fields.0, &subject, envelope_sender),
        subject,
    })
}

/// What the writer of a mail says in its header, in one form however the lines are folded. Servers on the way add fields
/// of their own, and leave these as they are. Two mails that differ in one of them are two mails.
pub fn fields_of_writer(raw: &[u8]) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in cut(raw).0.split(|byte| *byte == b'\n') {
        match line.first() {
            Some(b' ' | b'\t') => {
                if let Some(field) = fields.last_mut() {
                    field.push(b' ');
                    field.extend_from_slice(line);
                }
            }
            _ => fields.push(line.to_vec()),
        }
    }
    let mut kept: Vec<Vec<u8>> = fields.iter().filter_map(|field| field_of_writer(field)).collect();
    kept.sort_unstable();
    kept.concat()
}

/// The fields that the writer of a mail writes, and no server on the way.
const FIELDS_OF_WRITER: [&str; 10] =
    ["from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"];

fn field_of_writer(field: &[u8]) -> Option<Vec<u8>> {
    let (name, value) = field.split_at_checked(field.iter().position(|byte| *byte == b':')?)?;
    let name = name.trim_ascii().to_ascii_lowercase();
    if !FIELDS_OF_WRITER.iter().any(|known| known.as_bytes() == name) {
        return None;
    }
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut kept = name;
    for word in words {
        kept.push(b' ');
        kept.extend_from_slice(word);
    }
    kept.push(b'\n');
    Some(kept)
}

/// What is after the first empty line, where the header ends; empty when there is none. The same mail that came
/// over two routes has other headers and the same body.
pub fn body_of(raw: &[u8]) -> &[u8] {
    cut(raw).1
}

/// The header of a whole mail. Of a field that may be there only once, the first counts.
struct Fields<'x>(Message<'x>);

impl<'x> Fields<'x> {
    fn addresses(&self, name: HeaderName<'x>) -> impl Iterator<Item = &Addr<'x>> {
        self.0.header_values(name).filter_map(|value| value.as_address()).flat_map(|list| list.iter())
    }

    fn sender(&self, envelope_sender: Option<&str>) -> Sender {
        let return_path = self.raw(HeaderName::ReturnPath).next();
        let envelope = [envelope_sender, return_path.as_deref()].into_iter().flatten();
        let named = || self.addresses(HeaderName::From).chain(self.addresses(HeaderName::Sender));
        let written = || self.raw(HeaderName::From).chain(self.raw(HeaderName::Sender));
        let unnamed = |email| (None, Address::Email(email));
        let (name, address) = named()
            .find_map(|one| Some((name(one), Address::Email(Email::delivered(one.address()?)?))))
            // The parser understands no local part in quotes behind a name that is not.
            .or_else(|| written().find_map(|raw| mailbox_in(&raw)).map(unnamed))
            .or_else(|| envelope.into_iter().find_map(mailbox_in).map(unnamed))
            .or_else(|| {
                let words = named().find_map(|one| one.address().or(one.name()).and_then(some_line))?;
                Some((None, Address::of_writer(&words)))
            })
            .unwrap_or_else(|| (None, Address::anonymous()));
        let domain = address.email().map_or("", Email::domain);
        let is_sole_author = self.is_sole_author(domain);
        Sender { name, address, is_sole_author }
    }

    /// The values of the fields of a name as they were written, on one line each.
    fn raw(&self, name: HeaderName<'static>) -> impl Iterator<Item = String> {
        let fields = self.0.headers().iter().filter(move |header| header.name == name);
        fields.filter_map(|header| raw_value(&self.0, header)).map(|value| one_line(&value))
    }

    /// Whether every address in `From` is of this domain, and there is one.
    fn is_sole_author(&self, domain: &str) -> bool {
        let mut authors = self.addresses(HeaderName::From).filter_map(|one| one.address()).peekable();
        let is_of = |address: &str| {
            address.rsplit_once('@').is_some_and(|(_, own)| own.trim().eq_ignore_ascii_case(domain))
        };
        authors.peek().is_some() && authors.all(is_of)
    }

    fn receivers(&self, name: HeaderName<'x>) -> Vec<Email> {
        let addresses = self.addresses(name).filter_map(|one| one.address());
        addresses.filter_map(|raw| Email::parse(raw).ok()).take(MOST_RECEIVERS).collect()
    }

    fn subject(&self) -> String {
        let subject = self.0.header_values(HeaderName::Subject).find_map(|value| value.as_text());
        subject.map(|subject| cut_off(one_line(subject), LONGEST_SUBJECT)).unwrap_or_default()
    }

    fn ids(&self, name: HeaderName<'x>) -> Vec<String> {
        let lists = self.0.header_values(name).filter_map(|value| value.as_text_list());
        lists.flatten().filter_map(|raw| id(raw)).take(MOST_IDS).collect()
    }

    fn date(&self) -> Option<Timestamp> {
        let date = self.0.header_values(HeaderName::Date).find_map(|value| value.as_datetime())?;
        date.is_valid().then(|| Timestamp::from_millis(date.to_timestamp().saturating_mul(1_000)))
    }
}

/// The name beside an address.
fn name(addr: &Addr<'_>) -> Option<String> {
    addr.name().and_then(some_line).map(|name| cut_off(name, LONGEST_NAME))
}

/// The first mailbox in a value as it was written: what stands around the first `@` outside of quotes.
fn mailbox_in(raw: &str) -> Option<Email> {
    let (mut is_quoted, mut is_escaped, mut begin) = (false, false, 0);
    for (at, c) in raw.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            ' ' | '\t' | '<' | ',' | ';' | ':' | '(' | ')' => begin = at + c.len_utf8(),
            '@' => {
                let rest = raw.get(begin..)?;
                let after = at.checked_sub(begin)?;
                let end = rest
                    .get(after..)?
                    .find([' ', '\t', '>', ',', ';', '('])
                    .map_or(rest.len(), |end| after + end);
                if let Some(email) = Email::delivered(rest.get(..end)?) {
                    return Some(email);
                }
            }
            _ => {}
        }
    }
    None
}

/// The first id is that of the conversation's first mail, the last ones are the nearest.
fn first_and_last(mut ids: Vec<String>) -> Vec<String> {
    if ids.len() > MOST_REFERENCES {
        ids.drain(1..=ids.len() - MOST_REFERENCES);
    }
    ids
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn writer(fields: &str, envelope: &str) -> String {
        let mail = read(format!("{fields}\r\nSubject: x\r\n\r\nHi").as_bytes(), Some(envelope)).unwrap();
        mail.from.address.key().into_owned()
    }

    #[test]
    fn writer_of_any_form_is_read() {
        for (fields, expected) in [
            ("From: a..b@x.example", "a..b@x.example"),
            ("From: Ada <x.@x.example>", "x.@x.example"),
            ("From: \"q q\"@x.example", "\"q q\"@x.example"),
            ("From: Q <\"q q\"@x.example>", "\"q q\"@x.example"),
            ("From: \"a@b\" <\"q@q\"@x.example>", "\"q@q\"@x.example"),
            ("From: root@localhost (Cron)", "root@localhost"),
            ("From: ada@x.example, ben@x.example", "ada@x.example"),
            ("From: ada@x.example\r\nFrom: ben@x.example", "ada@x.example"),
            ("From: Team: ada@x.example, ben@x.example;", "ada@x.example"),
            ("From: Nobody:;\r\nSender: ben@x.example", "ben@x.example"),
            ("From: \"Ada\" <>\r\nSender: ben@x.example", "ben@x.example"),
            ("From: <>", ":anonymous"),
            ("To: ben@x.example", ":anonymous"),
            ("From: MAILER-DAEMON (Mail Delivery System)", ":MAILER-DAEMON"),
            ("From: \"Ada\" <>", ":Ada"),
        ] {
            let expected = if expected == ":anonymous" {
                Address::anonymous().key().into_owned()
            } else {
                expected.to_owned()
            };
            assert_eq!(writer(fields, ""), expected, "{fields}");
        }
        for envelope in ["eve@x.example", "<eve@x.example>", "Eve <eve@x.example>"] {
            assert_eq!(writer("From: \"Ada\" <>", envelope), "eve@x.example", "{envelope}");
        }
    }

    #[test]
    fn only_fields_of_the_writer_tell_two_mails_apart() {
        let first = b"Received: one\r\nFrom: Ada\r\n <ada@x.example>\r\nSubject: Hi\r\n\r\nbody";
        let by_another_way =
            b"Received: two\r\nX-Spam: no\r\nFrom:  Ada <ada@x.example>\nsubject: Hi\n\nbody";
        assert_eq!(fields_of_writer(first), fields_of_writer(by_another_way));
        for other in [
            &b"From: Ada <ben@x.example>\r\nSubject: Hi\r\n\r\nbody"[..],
            b"From: Ada <ada@x.example>\r\nSubject: Ho\r\n\r\nbody",
            b"From: Ada <ada@x.example>\r\nSubject: Hi\r\nReferences: <1@x>\r\n\r\nbody",
        ] {
            assert_ne!(fields_of_writer(first), fields_of_writer(other));
        }
    }
}
