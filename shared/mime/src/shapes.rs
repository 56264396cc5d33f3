//! Mails of every shape, made from parts whose content is known, and read again.
//!
//! Each mail is a choice of charset, transfer encoding, structure, form of its names and damage. The expected content
//! follows from the choices, so nothing here is an expectation that somebody typed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;

use crate::python::python;
use crate::read;

/// Charsets as mails name them, and words that each can write.
const CHARSETS: [(&str, &str); 21] = [
    ("us-ascii", "See you at nine"),
    ("utf-8", "Grüße, 日本 и 😂"),
    ("UTF-8", "Ärger — naïve “quotes”"),
    ("iso-8859-1", "Grüße à bientôt"),
    ("iso-8859-2", "Zażółć gęślą jaźń"),
    ("iso-8859-5", "Привет мир"),
    ("iso-8859-7", "Καλημέρα κόσμε"),
    ("iso-8859-9", "Günaydın şekerim"),
    ("iso-8859-15", "Prix: 10 € œuvre"),
    ("windows-1250", "Příliš žluťoučký kůň"),
    ("windows-1251", "Добрый день, Анна"),
    ("windows-1252", "“Smart” – it’s €5"),
    ("windows-1255", "שלום לכולם"),
    ("windows-1256", "مرحبا بكم"),
    ("koi8-r", "Здравствуйте"),
    ("gb18030", "你好，世界"),
    ("big5", "繁體中文測試"),
    ("shift_jis", "明日の予約"),
    ("euc-jp", "予約の確認"),
    ("iso-2022-jp", "会議の件について"),
    ("euc-kr", "안녕하세요"),
];

/// A choice among some, drawn from one number: a mixed-radix digit.
struct Choice(usize);

impl Choice {
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let chosen = all[self.0 % all.len()];
        self.0 /= all.len();
        chosen
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrapped {
    Raw,
    QuotedPrintable,
    Base64,
    Base64InOneLine,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Structure {
    Single,
    HtmlOnly,
    Alternative,
    WithFile,
    RelatedRootFirst,
    RelatedRootLast,
    Nested,
    Signed,
    NamedText,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Raw,
    RawOnTheNextLine,
    EncodedB,
    EncodedQCut,
    Extended,
    ExtendedCut,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    None,
    BareLineFeeds,
    NoEnd,
    TextAround,
    SpacesBehindBoundaries,
    ListFooter,
    Mislabelled,
}

const WRAPPED: [Wrapped; 4] =
    [Wrapped::Raw, Wrapped::QuotedPrintable, Wrapped::Base64, Wrapped::Base64InOneLine];
const STRUCTURES: [Structure; 9] = [
    Structure::Single,
    Structure::HtmlOnly,
    Structure::Alternative,
    Structure::WithFile,
    Structure::RelatedRootFirst,
    Structure::RelatedRootLast,
    Structure::Nested,
    Structure::Signed,
    Structure::NamedText,
];
const NAMES: [Name; 6] =
    [Name::Raw, Name::RawOnTheNextLine, Name::EncodedB, Name::EncodedQCut, Name::Extended, Name::ExtendedCut];
const DAMAGE: [Damage; 7] = [
    Damage::None,
    Damage::BareLineFeeds,
    Damage::NoEnd,
    Damage::TextAround,
    Damage::SpacesBehindBoundaries,
    Damage::ListFooter,
    Damage::Mislabelled,
];

/// The choices of one mail.
#[derive(Clone, Copy, Debug)]
struct Shape {
    charset: &'static str,
    words: &'static str,
    wrapped: Wrapped,
    structure: Structure,
    name: Name,
    damage: Damage,
}

impl Shape {
    fn number(number: usize) -> Option<Shape> {
        let mut choice = Choice(number);
        let (charset, words) = choice.of(&CHARSETS);
        let shape = Shape {
            charset,
            words,
            wrapped: choice.of(&WRAPPED),
            structure: choice.of(&STRUCTURES),
            name: choice.of(&NAMES),
            damage: choice.of(&DAMAGE),
        };
        shape.can_be().then_some(shape)
    }

    /// Some choices make no mail whose content is certain.
    fn can_be(&self) -> bool {
        let is_base64 = matches!(self.wrapped, Wrapped::Base64 | Wrapped::Base64InOneLine);
        let one_byte = self.charset.starts_with("iso-8859") || self.charset.starts_with("windows");
        match self.damage {
            // A label of one byte for each character over words in UTF-8.
            Damage::Mislabelled => one_byte || self.charset == "us-ascii",
            Damage::ListFooter => is_base64,
            Damage::NoEnd | Damage::TextAround | Damage::SpacesBehindBoundaries => {
                !matches!(self.structure, Structure::Single | Structure::HtmlOnly)
            }
            Damage::None | Damage::BareLineFeeds => true,
        }
    }

    /// The words in the charset of the mail.
    fn bytes(&self, words: &str) -> Vec<u8> {
        if self.damage == Damage::Mislabelled {
            return words.as_bytes().to_vec();
        }
        let (bytes, _, has_failed) = Encoding::for_label(self.charset.as_bytes()).unwrap().encode(words);
        assert!(!has_failed, "{self:?}");
        bytes.into_owned()
    }

    fn text(&self) -> String {
        format!("{}\n\n{} = 1 _ 2?\nend", self.words, self.words.repeat(6))
    }

    fn file(&self) -> String {
        format!("{}.pdf", self.words.replace(['/', '"', '\\'], " "))
    }

    /// A part with these words.
    fn part(&self, kind: &str, fields: &str, words: &str) -> Vec<u8> {
        let (encoding, content) = match self.wrapped {
            Wrapped::Raw => ("8bit", self.bytes(&words.replace('\n', "\r\n"))),
            Wrapped::QuotedPrintable => {
                ("Quoted-Printable", quoted_printable(&self.bytes(&words.replace('\n', "\r\n"))))
            }
            Wrapped::Base64 | Wrapped::Base64InOneLine => ("base64", self.base64(&self.bytes(words))),
        };
        let mut part = format!(
            "Content-Type: {kind}; charset=\"{}\"\r\nContent-Transfer-Encoding: {encoding}\r\n{fields}\r\n",
            self.charset
        )
        .into_bytes();
        part.extend(content);
        part
    }

    fn base64(&self, content: &[u8]) -> Vec<u8> {
        let encoded = STANDARD.encode(content).into_bytes();
        let width = if self.wrapped == Wrapped::Base64InOneLine { encoded.len() } else { 76 };
        let lines: Vec<&[u8]> = encoded.chunks(width.max(1)).collect();
        let mut wrapped = lines.join(&b"\r\n"[..]);
        if self.damage == Damage::ListFooter {
            wrapped.extend(b"\r\n_____________________\r\nA list of the studio\r\nlists.x.example\r\n");
        }
        wrapped
    }

    fn pdf(&self) -> Vec<u8> {
        let mut part =
            b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment"
                .to_vec();
        part.extend(self.named());
        part.extend(b"\r\n\r\nJVBERi0xLjQ=");
        if self.damage == Damage::ListFooter {
            part.extend(b"\r\n_____________________\r\nA list of the studio");
        }
        part
    }

    /// The parameter with the file's name.
    fn named(&self) -> Vec<u8> {
        let bytes = self.bytes(&self.file());
        let percent = |bytes: &[u8]| bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let label = if self.damage == Damage::Mislabelled { "utf-8" } else { self.charset };
        match self.name {
            Name::Raw => [b"; filename=\"", self.file().as_bytes(), b"\""].concat(),
            Name::RawOnTheNextLine => [b"; filename=\r\n\t\"", self.file().as_bytes(), b"\""].concat(),
            Name::EncodedB => {
                format!("; filename=\"=?{label}?B?{}?=\"", STANDARD.encode(&bytes)).into_bytes()
            }
            Name::EncodedQCut => {
                let q = |bytes: &[u8]| bytes.iter().map(|byte| format!("={byte:02X}")).collect::<String>();
                format!("; filename=\"=?{label}?Q?{}?= =?{label}?Q?{}?=\"", q(first), q(second)).into_bytes()
            }
            Name::Extended => format!("; filename*={label}''{}", percent(&bytes)).into_bytes(),
            Name::ExtendedCut => format!(
                ";\r\n filename*1*={};\r\n filename*0*={label}'xx'{}",
                percent(second),
                percent(first)
            )
            .into_bytes(),
        }
    }

    fn multipart(&self, subtype: &str, boundary: &str, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut raw =
            format!("Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\r\n\r\n").into_bytes();
        let is_around = self.damage == Damage::TextAround;
        if is_around {
            raw.extend(b"This is a multi-part message in MIME format.\r\n");
        }
        let behind: &[u8] = if self.damage == Damage::SpacesBehindBoundaries { b" \t" } else { b"" };
        for part in parts {
            raw.extend([b"--", boundary.as_bytes(), behind, b"\r\n", part.as_slice(), b"\r\n"].concat());
        }
        if self.damage != Damage::NoEnd {
            raw.extend([b"--", boundary.as_bytes(), b"--", behind, b"\r\n"].concat());
        }
        if is_around {
            raw.extend(b"What stands behind the last part is not shown.\r\n");
        }
        raw
    }

    fn html(&self) -> Vec<u8> {
        let html = format!(
            "<html><head><style>p{{}}</style></head><body><div>{}</div></body></html>",
            self.text().replace('\n', "<br>\n")
        );
        self.part("text/html", "Content-ID: <root@x.example>\r\n", &html)
    }

    fn plain(&self) -> Vec<u8> {
        self.part("text/plain", "", &self.text())
    }

    fn raw(&self) -> Vec<u8> {
        let picture = b"Content-Type: image/png\r\nContent-ID: <pic@x.example>\r\n\r\nPNG".to_vec();
        let body = match self.structure {
            Structure::Single => self.plain(),
            Structure::HtmlOnly => self.html(),
            Structure::Alternative => self.multipart("alternative", "b1", &[self.plain(), self.html()]),
            Structure::WithFile => self.multipart("mixed", "b1", &[self.plain(), self.pdf()]),
            Structure::RelatedRootFirst => self.multipart("related", "b1", &[self.html(), picture]),
            Structure::RelatedRootLast => {
                self.multipart("related; start=\"<root@x.example>\"", "b1", &[picture, self.html()])
            }
            Structure::Nested => {
                let alternative = self.multipart("alternative", "b3", &[self.plain(), self.html()]);
                let related = self.multipart("related", "b2", &[alternative, picture]);
                self.multipart("mixed", "b1", &[related, self.pdf()])
            }
            Structure::Signed => {
                let signature = b"Content-Type: application/pgp-signature; name=s.asc\r\n\r\nx".to_vec();
                self.multipart(
                    "signed; protocol=\"application/pgp-signature\"",
                    "b1",
                    &[self.plain(), signature],
                )
            }
            Structure::NamedText => {
                let named =
                    [b"Content-Disposition: inline".to_vec(), self.named(), b"\r\n".to_vec()].concat();
                // The fields are written as they are: a raw name is UTF-8 here as everywhere.
                let fields = String::from_utf8_lossy(&named).into_owned();
                self.multipart("mixed", "b1", &[self.part("text/plain", &fields, &self.text())])
            }
        };
        let label = if self.damage == Damage::Mislabelled { "utf-8" } else { self.charset };
        let subject = self.bytes(self.words);
        let (first, second) = subject.split_at(subject.len() / 2);
        let mut raw = format!(
            "From: =?{label}?B?{}?= <ann@x.example>\r\nSubject: =?{label}?B?{}?=\r\n\t=?{label}?b?{}?=\r\n",
            STANDARD.encode(&subject),
            STANDARD.encode(first),
            STANDARD.encode(second),
        )
        .into_bytes();
        raw.extend(body);
        if self.damage == Damage::BareLineFeeds {
            raw.retain(|byte| *byte != b'\r');
        }
        raw
    }

    fn has_file(&self) -> bool {
        matches!(self.structure, Structure::WithFile | Structure::Nested | Structure::NamedText)
    }
}

fn quoted_printable(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in content.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        for (at, byte) in line.iter().enumerate() {
            if at > 0 && at % 20 == 0 {
                out.extend(b"=\r\n");
            }
            match byte {
                b'!'..=b'<' | b'>'..=b'~' => out.push(*byte),
                _ => out.extend(format!("={byte:02X}").into_bytes()),
            }
        }
        out.extend(b"\r\n");
    }
    out.truncate(out.len() - 2);
    out
}

/// Every fifth shape: 5 divides no number of choices, so that every choice meets every other.
fn shapes() -> Vec<Shape> {
    let all = CHARSETS.len() * WRAPPED.len() * STRUCTURES.len() * NAMES.len() * DAMAGE.len();
    (0..all).step_by(5).filter_map(Shape::number).collect()
}

#[test]
fn mails_of_every_shape_are_read_as_they_were_meant() {
    let shapes = shapes();
    assert!(shapes.len() > 3_000, "{}", shapes.len());
    for shape in shapes {
        let mail = read(&shape.raw(), None).unwrap();
        assert_eq!(mail.subject, shape.words, "subject of {shape:?}");
        assert_eq!(mail.from.name.as_deref(), Some(shape.words), "writer of {shape:?}");
        assert_eq!(mail.text, shape.text(), "text of {shape:?}");
        if shape.has_file() {
            let file = mail.attachments.last().unwrap();
            assert_eq!(file.filename, Some(shape.file()), "file of {shape:?}");
            if shape.structure != Structure::NamedText {
                assert_eq!(file.content, b"%PDF-1.4", "content of {shape:?}");
            }
        }
    }
}

#[test]
fn undamaged_mails_are_read_as_python_reads_them() {
    // Python takes a raw name in UTF-8 for what it is on the wire.
    let is_comparable = |name: Name| !matches!(name, Name::Raw | Name::RawOnTheNextLine);
    // And it reads each piece on its own, so that a character cut over two of them is lost.
    let is_cut = |shape: &Shape| shape.bytes(shape.words).len() != shape.words.chars().count();
    let shapes = shapes().into_iter().filter(|shape| {
        matches!(shape.damage, Damage::None | Damage::TextAround) && is_comparable(shape.name)
    });
    let shapes: Vec<Shape> = shapes.collect();
    assert!(shapes.len() > 500, "{}", shapes.len());
    let mails: Vec<Vec<u8>> = shapes.iter().map(Shape::raw).collect();
    let Some(theirs) = python(include_str!("python_email.py"), &mails) else { return };
    assert_eq!(theirs.len(), shapes.len());
    for ((shape, raw), theirs) in shapes.iter().zip(&mails).zip(&theirs) {
        let ours = read(raw, None).unwrap();
        let from = ours.from;
        if !is_cut(shape) {
            assert_eq!(theirs["subject"], ours.subject, "subject of {shape:?}");
        }
        assert_eq!(theirs["name"], from.name.unwrap_or_default(), "writer of {shape:?}");
        assert_eq!(theirs["address"], from.address.as_str(), "address of {shape:?}");
        if let Some(text) = theirs["text"].as_str() {
            assert_eq!(text.replace("\r\n", "\n").trim_end(), ours.text, "text of {shape:?}");
        }
        let has_whole_name = !matches!(shape.name, Name::EncodedQCut | Name::ExtendedCut) || !is_cut(shape);
        if matches!(shape.structure, Structure::WithFile | Structure::Nested) && has_whole_name {
            let files: Vec<Option<String>> =
                ours.attachments.iter().map(|file| file.filename.clone()).collect();
            assert_eq!(
                theirs["files"].as_array().unwrap().last().unwrap().as_str(),
                files.last().unwrap().as_deref(),
                "file of {shape:?}"
            );
        }
    }
}
