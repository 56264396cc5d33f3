//! Mails as the programs of the world write them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::address::Address;
use domain::mail::Automated;

use crate::{Incoming, read};

pub(crate) const GMAIL_REPLY: &str = "Return-Path: <ada@gmail.com>
Received: by mail-sor-f41.google.com with SMTPS id x; Mon, 02 Feb 2026 10:00:01 -0800 (PST)
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=gmail.com; s=20230601;
        h=to:subject:message-id:date:from:in-reply-to:references:mime-version; bh=x; b=y
MIME-Version: 1.0
References: <one@example.com> <two@example.com>
In-Reply-To: <two@example.com>
From: Ada Lovelace <ada@gmail.com>
Date: Mon, 2 Feb 2026 10:00:00 -0800
Message-ID: <CAabc+def=ghi@mail.gmail.com>
Subject: Re: Your appointment
To: Clinic <clinic@example.com>, \"Smith, Bob\" <bob@example.com>
Cc: Team: eve@example.com, not an address, dan@Example.com;
Content-Type: multipart/alternative; boundary=\"000000000000a1b2c3\"

--000000000000a1b2c3
Content-Type: text/plain; charset=\"UTF-8\"
Content-Transfer-Encoding: quoted-printable

Yes, caf=C3=A9 at ten works. This is a very long line that is wrapped by th=
e program.

On Mon, Feb 2, 2026 at 9:00 AM Clinic <clinic@example.com> wrote:

> Does ten work?

--000000000000a1b2c3
Content-Type: text/html; charset=\"UTF-8\"
Content-Transfer-Encoding: quoted-printable

<div dir=3D\"ltr\">Yes, caf=C3=A9 at ten works.</div>

--000000000000a1b2c3--
";

pub(crate) const APPLE_HTML_ONLY: &str = "From: =?utf-8?Q?Zo=C3=AB?= <zoe@icloud.com>
Content-Type: text/html;
\tcharset=utf-8
Content-Transfer-Encoding: 7bit
Mime-Version: 1.0 (1.0)
Date: Tue, 3 Feb 2026 08:15:00 +0100
Subject: Running late
Message-Id: <1B2C-3D4E@icloud.com>
To: clinic@example.com
X-Mailer: iPhone Mail (22C152)

<html><head><style>p { color: red }</style></head><body dir=\"auto\"><p>Ten minutes &amp; counting</p><p>Sorry</p></body></html>
";

pub(crate) const FORWARDED: &str = "From: Ada <ada@example.org>
To: clinic@example.com
Subject: Fwd: Results
Date: Wed, 4 Feb 2026 12:00:00 +0000
Message-ID: <fwd@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"outer\"

This is a multi-part message in MIME format.
--outer
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 7bit

See below.

--outer
Content-Type: message/rfc822; charset=UTF-8
Content-Disposition: attachment

From: Lab <lab@example.net>
To: ada@example.org
Subject: Results
Auto-Submitted: auto-generated
List-Id: <results.example.net>
Message-ID: <lab@example.net>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"inner\"

--inner
Content-Type: text/plain

All fine.
--inner
Content-Type: application/pdf; name=\"r.pdf\"
Content-Transfer-Encoding: base64

JVBERg==
--inner--

--outer--
";

pub(crate) const DSN: &str = "Return-Path: <>
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: clinic@example.com
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"A1B2.1770000000/mx.example.net\"
Message-Id: <20260205120000.A1B2@mx.example.net>
Date: Thu,  5 Feb 2026 12:00:00 +0000 (UTC)

This is a MIME-encapsulated message.

--A1B2.1770000000/mx.example.net
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--A1B2.1770000000/mx.example.net
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; nobody@example.net
Action: failed
Status: 5.1.1

--A1B2.1770000000/mx.example.net
Content-Description: Undelivered Message
Content-Type: message/rfc822

From: clinic@example.com
To: nobody@example.net
Subject: Hello
Message-ID: <sent@example.com>

Hi
--A1B2.1770000000/mx.example.net--
";

pub(crate) const CALENDAR_INVITE: &str = "From: Ada <ada@example.org>
To: clinic@example.com
Subject: Invitation: Checkup
Date: Fri, 6 Feb 2026 09:30:00 GMT
Message-ID: <calendar-1@google.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"m\"

--m
Content-Type: multipart/alternative; boundary=\"a\"

--a
Content-Type: text/plain; charset=\"UTF-8\"; format=flowed; delsp=yes
Content-Transfer-Encoding: base64

WW91IGFyZSBpbnZpdGVk

--a
Content-Type: text/html; charset=\"UTF-8\"

<p>You are <b>invited</b></p>
--a
Content-Type: text/calendar; charset=\"UTF-8\"; method=REQUEST
Content-Transfer-Encoding: 7bit

BEGIN:VCALENDAR
END:VCALENDAR
--a--
--m
Content-Type: application/ics; name=\"invite.ics\"
Content-Disposition: attachment; filename=\"invite.ics\"
Content-Transfer-Encoding: base64

QkVHSU46VkNBTEVOREFS
--m--
";

pub(crate) fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn incoming(text: &str) -> Incoming {
    read(&wire(text), None).unwrap()
}

/// `(type, name, content)` of each attachment.
fn files(mail: &Incoming) -> Vec<(&str, &str, String)> {
    let text = |content| String::from_utf8_lossy(content).into_owned();
    let files = mail.attachments.iter();
    files
        .map(|file| {
            let kind = file.content_type.as_deref().unwrap_or_default();
            (kind, file.filename.as_deref().unwrap_or_default(), text(&file.content))
        })
        .collect()
}

#[test]
fn a_reply_from_gmail() {
    let mail = incoming(GMAIL_REPLY);
    assert_eq!(mail.message_id.as_deref(), Some("CAabc+def=ghi@mail.gmail.com"));
    assert_eq!(mail.in_reply_to, ["two@example.com"]);
    assert_eq!(mail.references, ["one@example.com", "two@example.com"]);
    let from = mail.from;
    assert_eq!((from.name.as_deref(), from.address.as_str()), (Some("Ada Lovelace"), "ada@gmail.com"));
    let to: Vec<_> = mail.to.iter().map(|email| email.as_str()).collect();
    assert_eq!(to, ["clinic@example.com", "bob@example.com"]);
    let cc: Vec<_> = mail.cc.iter().map(|email| email.as_str()).collect();
    assert_eq!(cc, ["eve@example.com", "dan@example.com"]);
    assert_eq!(mail.subject, "Re: Your appointment");
    assert_eq!(
        mail.text,
        "Yes, café at ten works. This is a very long line that is wrapped by the program.\n\n\
         On Mon, Feb 2, 2026 at 9:00 AM Clinic <clinic@example.com> wrote:\n\n> Does ten work?"
    );
    assert_eq!(mail.html.as_deref(), Some("<div dir=\"ltr\">Yes, café at ten works.</div>"));
    assert_eq!(mail.date.unwrap().as_millis(), 1_770_055_200_000);
    assert_eq!((mail.attachments.len(), mail.automated), (0, None));
}

#[test]
fn a_reply_from_outlook_with_more_references_than_are_kept() {
    let references: Vec<String> = (0..45).map(|n| format!("<{n:032x}@EUR.PROD.OUTLOOK.COM>")).collect();
    let mail = incoming(&format!(
        "From: \"Lovelace, Ada\" <Ada@Contoso.com>
To: 'Clinic' <clinic@example.com>
Subject: RE: Termin
Thread-Topic: Termin
Thread-Index: AdxxAbc=
Date: Mon, 2 Feb 2026 18:00:00 +0000
Message-ID:
 <AS8PR01MB7381A0B1C2D3E4F5@AS8PR01MB7381.eurprd01.prod.exchangelabs.com>
References: {}
In-Reply-To: {}
X-Auto-Response-Suppress: DR, OOF, AutoReply
Accept-Language: de-DE, en-US
Content-Type: multipart/related;
	boundary=\"_004_AS8PR\"; type=\"multipart/alternative\"
MIME-Version: 1.0

--_004_AS8PR
Content-Type: multipart/alternative;
	boundary=\"_000_AS8PR\"

--_000_AS8PR
Content-Type: text/plain; charset=\"iso-8859-1\"
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe

--_000_AS8PR
Content-Type: text/html; charset=\"iso-8859-1\"
Content-Transfer-Encoding: quoted-printable

<p>Gr=FC=DFe<img src=3D\"cid:image001.png@01DC\"></p>

--_000_AS8PR--

--_004_AS8PR
Content-Type: image/png; name=\"image001.png\"
Content-Description: image001.png
Content-Disposition: inline; filename=\"image001.png\"; size=3
Content-ID: <image001.png@01DC>
Content-Transfer-Encoding: base64

AQID

--_004_AS8PR--
",
        references.join("\n "),
        references[44],
    ));
    assert_eq!(
        mail.message_id.as_deref(),
        Some("AS8PR01MB7381A0B1C2D3E4F5@AS8PR01MB7381.eurprd01.prod.exchangelabs.com")
    );
    let bare: Vec<_> = references.iter().map(|id| id.trim_matches(['<', '>'])).collect();
    assert_eq!(mail.references.len(), 20);
    assert_eq!(mail.references[0], bare[0]);
    assert_eq!(mail.references[1..], bare[26..]);
    assert_eq!(mail.in_reply_to, [bare[44]]);
    assert_eq!(mail.from.name.as_deref(), Some("Lovelace, Ada"));
    assert_eq!(mail.text, "Grüße");
    assert_eq!(mail.html.as_deref(), Some("<p>Grüße<img src=\"cid:image001.png@01DC\"></p>"));
    assert_eq!(files(&mail), [("image/png", "image001.png", "\u{1}\u{2}\u{3}".to_owned())]);
    assert_eq!(mail.attachments[0].content_id.as_deref(), Some("image001.png@01DC"));
    assert_eq!(mail.automated, None);
}

#[test]
fn a_mail_from_apple_that_has_html_only() {
    let mail = incoming(APPLE_HTML_ONLY);
    assert_eq!(mail.from.name.as_deref(), Some("Zoë"));
    assert_eq!(mail.text, "Ten minutes & counting\n\nSorry");
    assert!(mail.html.unwrap().starts_with("<html>"));
}

#[test]
fn a_forwarded_mail_is_an_attachment_and_its_header_is_not_that_of_the_mail() {
    let mail = incoming(FORWARDED);
    assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("Fwd: Results", "See below."));
    assert_eq!((mail.html.as_deref(), mail.automated), (None, None));
    let inner = FORWARDED.split_once("attachment\n\n").unwrap().1.split_once("\n\n--outer--").unwrap().0;
    let inner = String::from_utf8(wire(&format!("{inner}\n"))).unwrap();
    assert_eq!(files(&mail), [("message/rfc822", "message.eml", inner.clone())]);
    let within = read(inner.as_bytes(), None).unwrap();
    assert_eq!(
        (within.text.as_str(), within.automated.map(|machine| machine.kind)),
        ("All fine.", Some(Automated::AutoSubmitted))
    );
    assert_eq!(files(&within), [("application/pdf", "r.pdf", "%PDF".to_owned())]);
}

#[test]
fn a_mail_whose_header_was_stripped_has_the_sender_of_the_envelope() {
    let raw = wire("Received: from x\n\nJust this.\n");
    let mail = read(&raw, Some("<ada@example.com>")).unwrap();
    let from = mail.from.clone();
    assert_eq!((from.name, from.address.as_str()), (None, "ada@example.com"));
    assert_eq!((mail.message_id.as_deref(), mail.subject.as_str(), mail.date), (None, "", None));
    assert_eq!(mail.text, "Just this.");

    let without = read(b"\r\nJust this.\r\n", Some("")).unwrap();
    assert_eq!((without.from.address, without.text.as_str()), (Address::anonymous(), "Just this."));
    assert_eq!(without.automated.map(|machine| machine.kind), Some(Automated::NullSender));

    let sender =
        incoming("From: undisclosed\nSender: Bob <bob@example.com>\nReturn-Path: <eve@example.com>\n\n");
    assert_eq!(sender.from.address.as_str(), "bob@example.com");
    let path = incoming("Return-Path: <eve@example.com>\n\n");
    assert_eq!(path.from.address.as_str(), "eve@example.com");
}

#[test]
fn a_bounce_report() {
    let mail = incoming(DSN);
    assert_eq!(mail.automated.map(|machine| machine.kind), Some(Automated::DeliveryReport));
    assert!(mail.text.starts_with("I'm sorry"), "{}", mail.text);
    let kinds: Vec<_> = files(&mail).into_iter().map(|(kind, name, _)| (kind, name)).collect();
    assert_eq!(kinds, [("message/delivery-status", ""), ("message/rfc822", "message.eml")]);
    assert!(mail.attachments[0].content.ends_with(b"Status: 5.1.1\r\n"));
    assert_eq!(mail.from.address.as_str(), "MAILER-DAEMON@mx.example.net");
}

#[test]
fn an_out_of_office_reply_of_exchange() {
    let mail = incoming(
        "From: Ada <ada@contoso.com>
To: Clinic <clinic@example.com>
Subject: Automatic reply: Your appointment
Thread-Index: AQHcabc=
Date: Mon, 2 Feb 2026 18:00:05 +0000
Message-ID: <ooo@contoso.com>
References: <sent@example.com>
In-Reply-To: <sent@example.com>
X-Auto-Response-Suppress: All
auto-submitted: auto-generated
Content-Type: text/plain; charset=\"us-ascii\"
MIME-Version: 1.0

I am away.
",
    );
    assert_eq!(mail.automated.map(|machine| machine.kind), Some(Automated::AutoSubmitted));
    assert_eq!((mail.in_reply_to.len(), mail.text.as_str()), (1, "I am away."));
}

#[test]
fn a_mail_over_a_mailing_list_with_its_footer() {
    let mail = incoming(
        "From: Ada via Cats <cats@lists.example.org>
Reply-To: Ada <ada@example.org>
Sender: cats-bounces@lists.example.org
To: cats@lists.example.org
Subject: [Cats] Food
List-Id: All about cats <cats.lists.example.org>
List-Unsubscribe: <https://lists.example.org/cats>,
 <mailto:cats-leave@lists.example.org>
Message-ID: <cats@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"===============123==\"

--===============123==
Content-Type: text/plain; charset=\"utf-8\"
Content-Transfer-Encoding: 8bit

Fish – of course.

--===============123==
Content-Type: text/plain; charset=\"us-ascii\"
Content-Transfer-Encoding: 7bit
Content-Disposition: inline

_______________
Cats mailing list

--===============123==--
",
    );
    assert_eq!(mail.automated.map(|machine| machine.kind), Some(Automated::List));
    assert_eq!(mail.text, "Fish – of course.\n_______________\nCats mailing list");
    assert_eq!((mail.html.as_deref(), mail.attachments.len()), (None, 0));
}

#[test]
fn bodies_in_the_charsets_of_japan_and_of_windows() {
    let mut raw = wire(
        "From: a@example.jp\nSubject: =?ISO-2022-JP?B?GyRCJDMkcyRLJEEkTxsoQg==?=\n\
         Content-Type: text/plain; charset=ISO-2022-JP\nContent-Transfer-Encoding: 7bit\n\n",
    );
    raw.extend_from_slice(b"\x1b$B$3$s$K$A$O\x1b(B\r\n");
    let mail = read(&raw, None).unwrap();
    assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("こんにちは", "こんにちは"));

    let mut raw = wire(
        "From: a@example.ru\nSubject: =?windows-1251?Q?=CF=F0=E8=E2=E5=F2?=\n\
         Content-Type: text/plain; charset=windows-1251\nContent-Transfer-Encoding: 8bit\n\n",
    );
    raw.extend_from_slice(b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0\r\n");
    let mail = read(&raw, None).unwrap();
    assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("Привет", "Привет, мир"));
}

#[test]
fn a_subject_over_several_encoded_words_is_one_text() {
    let mail = incoming(
        "From: a@example.com\nSubject: =?UTF-8?B?w4RyenRsaWNoZXIgQmVmdW5kIGbDvA==?=\n \
         =?UTF-8?B?ciBkZW4gUGF0aWVudGVuIPCfmII=?=\n =?utf-8?q?_und_?= mehr\n\n",
    );
    assert_eq!(mail.subject, "Ärztlicher Befund für den Patienten 😂 und mehr");
}

#[test]
fn file_names_in_either_encoding() {
    let mail = incoming(
        "From: a@example.com
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: application/pdf
Content-Disposition: attachment;
 filename*0*=UTF-8''R%C3%A9sum%C3%A9%20;
 filename*1*=%E6%97%A5%E6%9C%AC;
 filename*2=\".pdf\"

1
--x
Content-Type: application/pdf; name=\"=?UTF-8?B?UsOpc3Vtw6kucGRm?=\"
Content-Disposition: attachment

2
--x
Content-Type: text/plain; name=notes.txt

3
--x--
",
    );
    assert_eq!(
        files(&mail),
        [
            ("application/pdf", "Résumé 日本.pdf", "1".to_owned()),
            ("application/pdf", "Résumé.pdf", "2".to_owned()),
            ("text/plain", "notes.txt", "3".to_owned()),
        ]
    );
    assert_eq!(mail.text, "3", "the only text of the mail is its body as well");
}

#[test]
fn an_invitation_has_its_calendar_as_attachments() {
    let mail = incoming(CALENDAR_INVITE);
    assert_eq!(mail.text, "You are invited");
    assert_eq!(mail.html.as_deref(), Some("<p>You are <b>invited</b></p>"));
    assert_eq!(
        files(&mail),
        [
            ("text/calendar", "", "BEGIN:VCALENDAR\r\nEND:VCALENDAR".to_owned()),
            ("application/ics", "invite.ics", "BEGIN:VCALENDAR".to_owned()),
        ]
    );
}

#[test]
fn what_is_no_mail_is_none() {
    for raw in ["", "\r\n\r\n", "no field here", "\0\0"] {
        assert!(read(raw.as_bytes(), Some("ada@example.com")).is_none(), "{raw:?}");
    }
}

#[test]
fn a_broken_multipart_is_still_read() {
    let cut_off = incoming("From: a@example.com\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nHello");
    assert_eq!(cut_off.text, "Hello");
    let elsewhere =
        incoming("From: a@example.com\nContent-Type: multipart/mixed; boundary=x\n\nHello\n--y--\n");
    assert_eq!(elsewhere.text, "Hello\n--y--");
    let unnamed = incoming("From: a@example.com\nContent-Type: multipart/mixed\n\nHello\n");
    assert_eq!(unnamed.text, "Hello");
    let no_line =
        incoming("From: a@example.com\nContent-Type: multipart/mixed; boundary=x\n\n--x\nHello\n--x--\n");
    assert_eq!(no_line.text, "Hello");
    let empty_text = incoming(
        "From: a@example.com\nContent-Type: multipart/alternative; boundary=x\n\n\
         --x\nContent-Type: text/plain\n\n\n--x\nContent-Type: text/html\n\n<p>Hello\0\n--x--\n",
    );
    assert_eq!((empty_text.text.as_str(), empty_text.html.as_deref()), ("Hello", Some("<p>Hello")));
}

#[test]
fn attachments_and_references_have_a_limit() {
    let part = "--x\nContent-Type: application/pdf\n\n1\n".repeat(150);
    let ids = (0..1_500).map(|n| format!("<{n}@example.com>\n ")).collect::<String>();
    let mail = incoming(&format!(
        "References: {ids} <too long {}>\nContent-Type: multipart/mixed; boundary=x\n\n{part}--x--\n",
        "x".repeat(1_000)
    ));
    assert_eq!(mail.attachments.len(), 100);
    assert_eq!((mail.references.len(), mail.references[0].as_str()), (20, "0@example.com"));
    assert_eq!(mail.references[19], "999@example.com");
}

#[test]
fn nothing_personal_is_printed() {
    let shown = format!("{:?}", incoming(GMAIL_REPLY)) + &format!("{:?}", incoming(CALENDAR_INVITE));
    for personal in ["ada", "Ada", "Lovelace", "example", "gmail", "café", "appointment", "invite", "Checkup"]
    {
        assert!(!shown.contains(personal), "{personal}: {shown}");
    }
}
