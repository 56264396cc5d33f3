//! What is built is read as it was; and nothing that is read, however broken, ends the process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::fixtures::{APPLE_HTML_ONLY, CALENDAR_INVITE, DSN, FORWARDED, GMAIL_REPLY, wire};
use crate::line::{one_line, plain_breaks};
use crate::{Mailbox, Outgoing, Part, body_of, build, read};

/// What [`build`](fn@build) says it makes of a text in a header.
fn header_text(raw: &str) -> String {
    one_line(raw).replace("=?", "= ?")
}

fn in_html(text: &str) -> String {
    format!("<p>{}</p>", plain_breaks(text))
}

/// The names of the header's fields, in order.
fn field_names(raw: &[u8]) -> Vec<String> {
    let header = &raw[..raw.len() - body_of(raw).len()];
    let lines = std::str::from_utf8(header).unwrap().split("\r\n");
    let first = lines.filter(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
    first.map(|line| line.split_once(':').unwrap().0.to_owned()).collect()
}

/// Texts of all scripts, and those that would like to be more than text.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        "[ -~]{0,120}",
        "[a\"\\\\ <>,;:()@=?_.\t-]{0,40}",
        "(.|\r|\n|\r\n|\0|ü| |é){0,60}",
        Just("x\r\nBcc: eve@example.com\r\n\r\nGone".to_owned()),
        Just("=?utf-8?Q?not_encoded?= \"x\" <y@z>".to_owned()),
        "(日本語|текст|😂|ab ){0,60}",
    ]
}

fn attached() -> impl Strategy<Value = (String, bool, Vec<u8>)> {
    (hostile(), any::<bool>(), vec(any::<u8>(), 0..300))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_built_is_read_as_it_was(
        name in hostile(),
        subject in hostile(),
        text in hostile(),
        html in option::of(hostile()),
        files in vec(attached(), 0..4),
        date in 0_i64..4_000_000_000,
    ) {
        let parts: Vec<Part<'_>> = files.iter().map(|(filename, is_shown, content)| Part {
            filename: Some(filename),
            content_type: Some("image/png"),
            content_id: is_shown.then_some("image@1"),
            content,
        }).collect();
        let html = html.map(|html| in_html(&html));
        let references = ["1@example.com".to_owned(), "2@example.com".to_owned()];
        let raw = build(&Outgoing {
            from: Mailbox { name: Some(&name), address: "ada@example.com" },
            reply_to: None,
            to: &["bob@example.com", "eve@example.com"],
            cc: &["dan@example.com"],
            subject: &subject,
            text: &text,
            html: html.as_deref(),
            attachments: &parts,
            message_id: "3@example.com",
            in_reply_to: Some("2@example.com"),
            references: &references,
            date,
            headers: &[],
        });
        let too_long = raw.split(|byte| *byte == b'\n').find(|line| line.len() > 999);
        prop_assert_eq!(too_long, None);
        prop_assert!(!String::from_utf8_lossy(&raw).replace("\r\n", "").contains(['\r', '\n']));

        let mail = read(&raw, None).unwrap();
        let from = mail.from;
        prop_assert_eq!(from.address.as_str(), "ada@example.com");
        prop_assert_eq!(from.name.unwrap_or_default(), header_text(&name));
        prop_assert_eq!(mail.subject, header_text(&subject));
        if html.is_none() || !plain_breaks(&text).is_empty() {
            prop_assert_eq!(mail.text, plain_breaks(&text));
        }
        prop_assert_eq!(mail.html, html);
        prop_assert_eq!(mail.message_id.as_deref(), Some("3@example.com"));
        prop_assert_eq!(mail.in_reply_to, ["2@example.com"]);
        prop_assert_eq!(mail.references, references);
        prop_assert_eq!((mail.to.len(), mail.cc.len()), (2, 1));
        prop_assert_eq!(mail.date.unwrap().as_seconds(), date);
        prop_assert_eq!(mail.automated, None);

        let mut read_back: Vec<_> = mail.attachments.into_iter().map(|file| {
            (file.filename.unwrap_or_default(), file.content_id.is_some(), file.content)
        }).collect();
        let mut sent: Vec<_> = files.into_iter().map(|(filename, is_shown, content)| {
            (one_line(&header_text(&filename).chars().take(200).collect::<String>()), is_shown, content)
        }).collect();
        read_back.sort();
        sent.sort();
        prop_assert_eq!(read_back, sent);
    }

    #[test]
    fn no_field_brings_a_header_with_it(raw in hostile()) {
        let evil = format!("a{raw}\r\nBcc: eve@example.com\r\nX-Evil: 1\n\rX-Evil: 2\r\r\n\r\nb");
        let part = Part {
            filename: Some(&evil), content_type: Some(&evil), content_id: Some(&evil), content: b"x",
        };
        let parts = [part];
        let references = [evil.clone()];
        let headers = [("Auto-Submitted", evil.clone()), ("X-A\r\nX-B", "1".to_owned())];
        let raw = build(&Outgoing {
            from: Mailbox { name: Some(&evil), address: &evil },
            reply_to: Some(&evil),
            to: &[&evil],
            cc: &[&evil],
            subject: &evil,
            text: "x",
            html: None,
            attachments: &parts,
            message_id: &evil,
            in_reply_to: Some(&evil),
            references: &references,
            date: 0,
            headers: &headers,
        });
        prop_assert_eq!(field_names(&raw), [
            "From", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
            "Auto-Submitted", "MIME-Version", "Content-Type",
        ]);
        let text = String::from_utf8(raw).unwrap();
        let (_, part) = text.split("\r\n--=_mixed_").nth(2).unwrap().split_once("\r\n").unwrap();
        prop_assert_eq!(field_names(part.as_bytes()), [
            "Content-Type", "Content-Disposition", "Content-ID", "Content-Transfer-Encoding",
        ]);
    }

    #[test]
    fn anything_is_read_without_a_panic(raw in vec(any::<u8>(), 0..600), sender in option::of(".{0,20}")) {
        let _ = read(&raw, sender.as_deref());
    }

    #[test]
    fn anything_in_the_place_of_a_field_is_read_without_a_panic(
        field in "(From|Date|References|Content-Type|Subject|Received|List-Id|Content-Disposition)",
        value in "[a-z0-9<>\"\\\\,;:()@=?*' \r\n\t./%ü-]{0,200}",
        charset in "(utf-7|utf-16|iso-2022-jp|gb18030|big5|shift_jis|euc-kr|koi8-r|x)",
        body in vec(any::<u8>(), 0..200),
    ) {
        let mut raw = format!(
            "{field}: {value}\r\nContent-Type: text/html; charset={charset}\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        ).into_bytes();
        raw.extend_from_slice(&body);
        let _ = read(&raw, None);
        let word = format!("Subject: =?{charset}?Q?{value}?= =?{charset}?B?{value}?=\r\n\r\n");
        let _ = read(word.as_bytes(), None);
    }

    #[test]
    fn real_mails_that_were_damaged_are_read_without_a_panic(
        which in 0_usize..5,
        other in 0_usize..5,
        at in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let mails = [GMAIL_REPLY, APPLE_HTML_ONLY, FORWARDED, DSN, CALENDAR_INVITE].map(wire);
        let mut raw = mails[which][..at.index(mails[which].len())].to_vec();
        let _ = read(&raw, None);
        raw.extend_from_slice(&mails[other][from.index(mails[other].len())..]);
        for (place, byte) in flips {
            let place = place.index(raw.len());
            raw[place] = byte;
        }
        let _ = read(&raw, None);
    }
}

/// Reads it in a thread with a small stack, as a server's are.
fn time_to_read(raw: Vec<u8>) -> Duration {
    let thread = std::thread::Builder::new().stack_size(512 * 1024);
    let began = Instant::now();
    thread.spawn(move || read(&raw, None).is_some()).unwrap().join().unwrap();
    began.elapsed()
}

/// Generous, for tests run unoptimised and beside others.
const QUICK: Duration = Duration::from_secs(20);

#[test]
fn parts_in_parts_without_end_take_neither_the_stack_nor_the_clock() {
    let header = "From: a@example.com\r\n";
    let nested = |n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    let multiparts = (0..500).map(nested).collect::<String>();
    assert!(time_to_read(format!("{header}{multiparts}\r\nHello").into_bytes()) < QUICK);
    let same = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(20_000);
    assert!(time_to_read(format!("{header}{same}").into_bytes()) < QUICK);
    let mails = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    assert!(time_to_read(format!("{header}{mails}").into_bytes()) < QUICK);
    let digests = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(20_000);
    assert!(time_to_read(format!("{header}{digests}").into_bytes()) < QUICK);
}

#[test]
fn many_parts_and_long_fields_do_not_take_the_clock() {
    let header = "From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let unended = "--b\r\nContent-Type: multipart/mixed; boundary=none\r\n\r\n".repeat(40_000);
    assert!(time_to_read(format!("{header}{unended}").into_bytes()) < QUICK);
    let pieces = (1..10_000).map(|n| format!(";a*{n}=b")).collect::<String>();
    let parts = format!("--b\r\nContent-Type: text/plain{pieces}\r\n\r\n").repeat(20);
    assert!(time_to_read(format!("{header}{parts}").into_bytes()) < QUICK);
    for piece in ["=?utf-8?Q?", "(", "<", "\"", "a,", "=?utf-8?B?YQ==?= ", "\\", "a@b\r\n "] {
        for field in ["Subject", "From", "References", "Content-Type", "Received"] {
            let raw = format!("{field}: {}\r\n\r\n", piece.repeat(1_000_000 / piece.len()));
            assert!(time_to_read(raw.into_bytes()) < QUICK, "{field} {piece}");
        }
    }
    for piece in ["<", "<p>", "&", "&amp", "<!--", "<style>", "\r"] {
        let raw = format!("Content-Type: text/html\r\n\r\n{}", piece.repeat(1_000_000 / piece.len()));
        assert!(time_to_read(raw.into_bytes()) < QUICK, "{piece}");
    }
}
