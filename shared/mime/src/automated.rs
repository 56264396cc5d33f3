//! Which mails are the work of a machine. Answering one automatically could go on for ever.

use domain::mail::Automated;
use mail_parser::{HeaderName, Message, MimeHeaders};

/// The header that omega puts on what it sends without a person.
const OWN_HEADER: &str = "X-Omega";
/// With these, programs mark their replies. `X-Auto-Response-Suppress` is none of them: Exchange sets it on what
/// people write, too.
const REPLY_HEADERS: [&str; 3] = ["X-Autoreply", "X-Autorespond", "X-Autoreply-From"];

/// Why the mail is taken for the work of a machine, if it is. Looks at the header of the mail itself, never at
/// those of mails within it. The first reason in this order counts: our own mark, `Auto-Submitted`, a report, an
/// empty sender, `Precedence`, marks of other programs, a mailing list.
pub(crate) fn automated(fields: &Message<'_>, envelope_sender: Option<&str>) -> Option<Automated> {
    let has = |name: HeaderName<'static>| fields.headers().iter().any(|header| header.name == name);
    if has(HeaderName::Other(OWN_HEADER.into())) {
        return Some(Automated::Omega);
    }
    if words(fields, HeaderName::AutoSubmitted).any(|word| word != "no") {
        return Some(Automated::AutoSubmitted);
    }
    if is_report(fields) || is_from_server(fields, envelope_sender) {
        return Some(Automated::DeliveryReport);
    }
    if has_null_sender(fields, envelope_sender) {
        return Some(Automated::NullSender);
    }
    let bulk = ["bulk", "junk", "list", "auto_reply"];
    if words(fields, HeaderName::Other("Precedence".into())).any(|word| bulk.contains(&word.as_str())) {
        return Some(Automated::Precedence);
    }
    if REPLY_HEADERS.into_iter().any(|name| has(HeaderName::Other(name.into()))) {
        return Some(Automated::AutoReply);
    }
    let list = [HeaderName::ListId, HeaderName::ListUnsubscribe, HeaderName::ListPost];
    list.into_iter().any(has).then_some(Automated::List)
}

/// What such fields say: the word before their parameters, without comments, in lower case.
fn words<'a>(fields: &'a Message<'_>, name: HeaderName<'static>) -> impl Iterator<Item = String> + 'a {
    let values = fields.headers().iter().filter(move |header| header.name == name);
    values.filter_map(|header| header.value.as_text()).map(first_word).filter(|word| !word.is_empty())
}

fn first_word(value: &str) -> String {
    let mut depth = 0_usize;
    let mut bare = String::new();
    for c in value.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => break,
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare.trim().to_ascii_lowercase()
}

fn is_report(fields: &Message<'_>) -> bool {
    fields.content_type().is_some_and(|given| {
        let says = given.attribute("report-type");
        fields.is_content_type("multipart", "report")
            || says.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("delivery-status"))
    })
}

/// Servers write `MAILER-DAEMON` also without a domain, and then the parser takes it for a name.
fn is_from_server(fields: &Message<'_>, envelope_sender: Option<&str>) -> bool {
    let lists = fields.header_values(HeaderName::From).filter_map(|value| value.as_address());
    let writers = lists.flat_map(|list| list.iter()).filter_map(|one| one.address().or(one.name()));
    writers.chain(envelope_sender).any(is_server)
}

fn is_server(address: &str) -> bool {
    let bare = address.trim().trim_start_matches('<').trim_end_matches('>');
    let local = bare.split_once('@').map_or(bare, |(local, _)| local);
    ["mailer-daemon", "postmaster"].iter().any(|name| local.eq_ignore_ascii_case(name))
}

fn has_null_sender(fields: &Message<'_>, envelope_sender: Option<&str>) -> bool {
    let is_null = |address: &str| matches!(address.trim(), "" | "<>");
    let return_path =
        fields.headers().iter().filter(|header| header.name == HeaderName::ReturnPath).any(|header| {
            let range = header.offset_start as usize..header.offset_end as usize;
            fields.raw_message.get(range).is_some_and(|raw| raw.trim_ascii() == b"<>")
        });
    return_path || envelope_sender.is_some_and(is_null)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::tree::parsed;

    fn found(fields: &str, envelope_sender: Option<&str>) -> Option<Automated> {
        let raw = format!("{fields}\r\nSubject: x\r\n\r\n");
        automated(&parsed(raw.as_bytes()).unwrap(), envelope_sender)
    }

    #[test]
    fn each_mark_of_a_machine_is_seen_and_its_neighbour_is_none() {
        use Automated::*;
        for (fields, reason) in [
            ("Auto-Submitted: auto-replied", Some(AutoSubmitted)),
            ("auto-submitted: AUTO-GENERATED; owner=x (why)", Some(AutoSubmitted)),
            ("Auto-Submitted: no", None),
            ("Auto-Submitted: (a comment) No ; by=hand", None),
            ("Auto-Submitted:", None),
            ("Content-Type: multipart/report; boundary=x", Some(DeliveryReport)),
            ("Content-Type: Multipart/Report; report-type=delivery-status", Some(DeliveryReport)),
            ("Content-Type: multipart/mixed; report-type=Delivery-Status", Some(DeliveryReport)),
            ("Content-Type: multipart/mixed; boundary=report", None),
            ("From: Mail System <MAILER-DAEMON@example.com>", Some(DeliveryReport)),
            ("From: MAILER-DAEMON", Some(DeliveryReport)),
            ("From: MAILER-DAEMON (Mail Delivery System)", Some(DeliveryReport)),
            ("From: postmaster@example.com", Some(DeliveryReport)),
            ("From: postmaster.pat@example.com", None),
            ("From: Postmaster <pat@example.com>", None),
            ("Return-Path: <>", Some(NullSender)),
            ("Return-Path:\r\n <>", Some(NullSender)),
            ("Return-Path: <ada@example.com>", None),
            ("Precedence: bulk", Some(Precedence)),
            ("Precedence: Junk", Some(Precedence)),
            ("Precedence: list", Some(Precedence)),
            ("Precedence: auto_reply", Some(Precedence)),
            ("Precedence: first-class", None),
            ("X-Precedence: bulk", None),
            ("X-Autoreply: yes", Some(AutoReply)),
            ("x-autorespond: Away", Some(AutoReply)),
            ("X-Autoreply-From: ada@example.com", Some(AutoReply)),
            ("X-Auto-Response-Suppress: All", None),
            ("X-Autoreplying: no", None),
            ("List-Id: Cats <cats.example.com>", Some(List)),
            ("List-Unsubscribe: <mailto:leave@example.com>", Some(List)),
            ("List-Post: NO", Some(List)),
            ("X-List: cats", None),
            ("X-Omega: reply", Some(Omega)),
            ("x-omega: 1\r\nAuto-Submitted: auto-replied", Some(Omega)),
            ("X-Omegas: 1", None),
            ("From: Ada <ada@example.com>", None),
        ] {
            assert_eq!(found(fields, None), reason, "{fields}");
        }
    }

    #[test]
    fn the_envelope_counts_where_it_is_known() {
        for (sender, reason) in [
            (None, None),
            (Some("ada@example.com"), None),
            (Some(""), Some(Automated::NullSender)),
            (Some(" <> "), Some(Automated::NullSender)),
            (Some("<MAILER-DAEMON@example.com>"), Some(Automated::DeliveryReport)),
            (Some("daemon@example.com"), None),
        ] {
            assert_eq!(found("From: ada@example.com", sender), reason, "{sender:?}");
        }
    }

    #[test]
    fn of_two_fields_one_is_enough() {
        let fields = "Auto-Submitted: no\r\nAuto-Submitted: auto-notified";
        assert_eq!(found(fields, None), Some(Automated::AutoSubmitted));
    }
}
