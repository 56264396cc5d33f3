//! Mails whose parts, names and encodings are not as the standards have them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::fixtures::wire;
use crate::{Incoming, read};

fn mail(text: &str) -> Incoming {
    read(&wire(text), None).unwrap()
}

#[test]
fn raw_latin_1_in_a_subject_and_a_file_name_is_read_as_in_bodies() {
    let raw = b"Subject: Gr\xfc\xdfe\r\nFrom: Zo\xeb <zoe@x.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nHall\xe5\r\n--b\r\nContent-Type: application/pdf\r\n\
        Content-Disposition: attachment; filename=\"pr\xe9cis.pdf\"\r\n\r\nx\r\n--b--\r\n";
    let mail = read(raw, None).unwrap();
    assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("Grüße", "Hallå"));
    assert_eq!(mail.from.name.as_deref(), Some("Zoë"));
    assert_eq!(mail.attachments[0].filename.as_deref(), Some("précis.pdf"));
}

#[test]
fn a_file_name_on_the_next_line_is_read() {
    let mail = mail(
        "Subject: x
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Hi
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename=
\t\"plan.pdf\"

x
--b--
",
    );
    assert_eq!(mail.attachments[0].filename.as_deref(), Some("plan.pdf"));
}

#[test]
fn a_character_cut_over_two_encoded_words_of_a_subject_is_whole() {
    let mail = mail(
        "Subject: =?utf-8?Q?Gr=C3?=\n =?utf-8?Q?=BC=C3=9Fe_an?= alle\nFrom: =?utf-8?B?Wm/D?= =?utf-8?B?qw==?= <z@x.example>\n\nx\n",
    );
    assert_eq!(mail.subject, "Grüße an alle");
    assert_eq!(mail.from.name.as_deref(), Some("Zoë"));
}

#[test]
fn an_encoded_name_with_a_comma_stays_one_writer() {
    let mail = mail(
        "From: =?utf-8?Q?M=C3=BCller=2C_Ann?= <ann@x.example>\nTo: \"=?utf-8?Q?Stra=C3=9Fe?=\" <s@x.example>\n\nx\n",
    );
    let from = mail.from;
    assert_eq!((from.name.as_deref(), from.address.as_str()), (Some("Müller, Ann"), "ann@x.example"));
    assert_eq!(mail.to.len(), 1);
}

#[test]
fn the_only_text_is_the_body_although_it_has_a_file_name() {
    let mail = mail(
        "Subject: x
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; name=\"message.txt\"
Content-Disposition: inline; filename=\"message.txt\"

Hello
--b
Content-Type: application/pdf; name=a.pdf

x
--b--
",
    );
    assert_eq!(mail.text, "Hello");
    assert_eq!(mail.attachments.len(), 2);
}

#[test]
fn a_text_that_is_attached_to_a_mail_with_a_body_is_a_file() {
    let mail = mail(
        "Subject: x
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Hello
--b
Content-Type: text/plain; name=notes.txt

Notes
--b--
",
    );
    assert_eq!((mail.text.as_str(), mail.attachments.len()), ("Hello", 1));
}

#[test]
fn the_root_of_related_parts_is_the_one_that_start_names() {
    let mail = mail(
        "Subject: x
Content-Type: multipart/related; boundary=b; start=\"<root@x>\"; type=\"text/html\"

--b
Content-Type: image/png
Content-ID: <pic@x>
Content-Transfer-Encoding: base64

AQID
--b
Content-Type: text/html
Content-ID: <root@x>

<p>Hello</p>
--b--
",
    );
    assert_eq!((mail.text.as_str(), mail.html.as_deref()), ("Hello", Some("<p>Hello</p>")));
    assert_eq!(mail.attachments[0].content_id.as_deref(), Some("pic@x"));
}

#[test]
fn the_footer_of_a_list_behind_base64_adds_nothing() {
    let footer = "_______________________________________________\nStudio mailing list\nUnsubscribe\nhttps://lists.x.example\n";
    let mail = mail(&format!(
        "Subject: x
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

SGVsbG8gdG8gYWxsIG9mIHlvdSBhbmQgdG8gdGhlIHBlb3BsZSBvdXRzaWRl
IG9mIGl0IQ==
{footer}
--b
Content-Type: application/pdf; name=a.pdf
Content-Transfer-Encoding: base64

JVBERi0x
{footer}
--b--
"
    ));
    assert_eq!(mail.text, "Hello to all of you and to the people outside of it!");
    assert_eq!(mail.attachments[0].content, b"%PDF-1");
}

#[test]
fn a_damaged_line_in_the_middle_of_base64_ends_nothing() {
    let mail = mail(
        "Content-Type: text/plain
Content-Transfer-Encoding: base64

SGVsbG8gdG8gYWxsIG9mIHlvdSBhbmQgdG8gdGhlIHBlb3BsZSBvdXRzaWRl
-- (a line that does not belong here) --
SGVsbG8gdG8gYWxsIG9mIHlvdSBhbmQgdG8gdGhlIHBlb3BsZSBvdXRzaWRl
",
    );
    assert_eq!(mail.text, "Hello to all of you and to the people outside".repeat(2));
}
