//! What is built passes an independent reader: Python's `email` package under its strict policy, with the line lengths of
//! RFC 5322, the encoded words of RFC 2047 and the parameters of RFC 2231.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};

use crate::line::{one_line, plain_breaks};
use crate::python::python;
use crate::{Mailbox, Outgoing, Part, build};

/// Words of many scripts, short and long, and words that mean something to a mail.
const WORDS: [&str; 26] = [
    "Hello",
    "Jörg Müller",
    "Łódź, ul. Żółwia",
    "Ελληνικά",
    "Привет, мир",
    "Ніжність",
    "שלום עולם",
    "مرحبا بالعالم",
    "สวัสดีชาวโลก",
    "नमस्ते दुनिया",
    "வணக்கம்",
    "გამარჯობა",
    "բարեւ",
    "日本語のメール",
    "簡體字與繁體字",
    "한국어 메일",
    "Xin chào thế giới",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈",
    "e\u{301} combining",
    "Dr. \"Ada\" Lovelace, (Studio) <main>",
    "a\\b;c:d@e",
    "=?utf-8?Q?not_encoded?=",
    "50% off = great_deal",
    "  spaces   around  ",
    "'single' and `back`",
    "tab\there\r\nand break",
];

/// Each word alone, twice with a space, repeated until it is folded, and without a place to fold.
fn texts() -> Vec<String> {
    let forms = |word: &&str| {
        [
            (*word).to_owned(),
            format!("{word} {word}"),
            [*word; 12].join(" "),
            word.replace(char::is_whitespace, "").repeat(20),
        ]
    };
    let mut texts: Vec<String> = WORDS.iter().flat_map(forms).collect();
    texts.extend(["a".repeat(2_000), "é".repeat(700), "x ".repeat(500), "😂".repeat(300)]);
    texts
}

/// What goes into one mail.
struct Given {
    name: String,
    subject: String,
    text: String,
    html: Option<String>,
    file: Option<String>,
    is_shown: bool,
}

impl Given {
    fn raw(&self) -> Vec<u8> {
        let content = b"%PDF-1.4";
        let part = self.file.as_deref().map(|file| Part {
            filename: Some(file),
            content_type: Some("application/pdf"),
            content_id: self.is_shown.then_some("part@1"),
            content,
        });
        build(&Outgoing {
            from: Mailbox { name: Some(&self.name), address: "hello@studio.example.com" },
            reply_to: Some("r-0123456789abcdef0123456789abcdef0123456789abcdef@reply.example.com"),
            to: &["ada@example.com", "o'hara+tag@example.com"],
            cc: &["\"q q\"@example.com"],
            subject: &self.subject,
            text: &self.text,
            html: self.html.as_deref(),
            attachments: part.as_slice(),
            message_id: "m-0123456789abcdef.0123456789abcdef@studio.example.com",
            in_reply_to: Some("one@example.com"),
            references: &["zero@example.com".to_owned(), "one@example.com".to_owned()],
            date: 1_769_860_800,
            headers: &[
                ("List-Unsubscribe", format!("<https://example.com/u/{}>", "0".repeat(200))),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
                ("Auto-Submitted", "auto-generated".to_owned()),
            ],
        })
    }
}

/// Every text in every place, beside others in the other places.
fn generated() -> Vec<Given> {
    let texts = texts();
    let at = |n: usize| texts[n % texts.len()].clone();
    let in_html = |text: &str| format!("<p>{}</p>", plain_breaks(text));
    (0..texts.len() * 4)
        .map(|n| Given {
            name: at(n),
            subject: at(n * 3 + 1),
            text: at(n * 5 + 2),
            html: (n % 3 != 0).then(|| in_html(&at(n * 7 + 3))),
            file: (n % 2 == 0).then(|| at(n * 11 + 5)),
            is_shown: n % 4 == 0,
        })
        .collect()
}

fn header_text(raw: &str) -> String {
    one_line(raw).replace("=?", "= ?")
}

#[test]
fn strict_reader_finds_no_fault_and_reads_what_was_given() {
    let given = generated();
    let mails: Vec<Vec<u8>> = given.iter().map(Given::raw).collect();
    let Some(read) = python(include_str!("python_lint.py"), &mails) else { return };
    assert_eq!(read.len(), given.len());
    for (given, read) in given.iter().zip(&read) {
        let Given { name, subject, text, html, file, .. } = given;
        assert_eq!(read["problems"], json!([]), "name {name:?}, subject {subject:?}, file {file:?}");
        assert_eq!(read["subject"], header_text(subject));
        // Python keeps the space between two encoded words of a name, which RFC 2047, 6.2 has readers leave out.
        let solid = |name: &str| name.replace(' ', "");
        assert_eq!(solid(read["name"].as_str().unwrap()), solid(&header_text(name)));
        assert_eq!(read["from"], json!(["hello@studio.example.com"]));
        assert_eq!(read["to"], json!(["ada@example.com", "o'hara+tag@example.com"]));
        assert_eq!(read["cc"], json!(["\"q q\"@example.com"]));
        assert_eq!(read["seconds"], 1_769_860_800);
        let body = |value: &Value| value.as_str().map(|text| text.trim_end().replace("\r\n", "\n"));
        assert_eq!(body(&read["text"]).as_deref(), Some(plain_breaks(text).trim_end()));
        assert_eq!(body(&read["html"]).as_deref(), html.as_deref().map(str::trim_end));
        let files: Vec<String> = file
            .iter()
            .map(|file| one_line(&header_text(file).chars().take(200).collect::<String>()))
            .collect();
        assert_eq!(read["files"], json!(files));
    }
}

#[test]
fn mail_of_html_alone_has_its_text_beside_it() {
    for blank in ["", " \r\n", "\u{200b}"] {
        let given = Given {
            name: "Studio".to_owned(),
            subject: "News".to_owned(),
            text: blank.to_owned(),
            html: Some("<h1>Hello</h1><p>See <a href=\"https://example.com/a\">this</a>.</p>".to_owned()),
            file: None,
            is_shown: false,
        };
        let Some(read) = python(include_str!("python_lint.py"), &[given.raw()]) else { return };
        assert_eq!(read[0]["problems"], json!([]));
        assert_eq!(read[0]["text"], "Hello\r\n\r\nSee this <https://example.com/a>.\r\n");
        assert_eq!(read[0]["html"].as_str().unwrap().trim_end(), given.html.unwrap());
    }
}
