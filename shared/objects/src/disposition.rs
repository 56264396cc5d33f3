//! How a browser is told to save a file, and under which name (RFC 6266, RFC 8187).

/// The longest name, in characters. File systems take 255 bytes.
const LONGEST_NAME: usize = 120;
/// The longest end of a name that is kept when the name is cut.
const LONGEST_EXTENSION: usize = 16;

/// Types that a browser runs, whatever was meant with them.
const RUNNABLE: [&str; 10] = [
    "application/ecmascript",
    "application/javascript",
    "application/xhtml+xml",
    "application/xml",
    "image/svg+xml",
    "text/ecmascript",
    "text/html",
    "text/javascript",
    "text/xml",
    "text/xsl",
];

/// What is said about a file of no telling type.
const BYTES: &str = "application/octet-stream";

/// A type under which the content may leave the bucket: the given one, or plain bytes for what a browser would run and
/// for what is no type at all. Saving instead of showing is the guard; this is the second one.
pub(crate) fn harmless(content_type: &str) -> String {
    let content_type = content_type.trim();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let printable = content_type.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let runnable = RUNNABLE.contains(&essence.as_str()) || essence.ends_with("+xml");
    if !printable || runnable || !is_type(&essence) { BYTES.to_owned() } else { content_type.to_owned() }
}

/// Whether it is two tokens with a slash between them.
fn is_type(essence: &str) -> bool {
    let token =
        |part: &str| !part.is_empty() && part.chars().all(|c| is_attr_char(c) || matches!(c, '%' | '*'));
    essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// The header that has a browser save a file: `attachment`, with its name twice. Old programs read the first, which is
/// ASCII; all others read the second.
pub(crate) fn attachment(filename: Option<&str>) -> String {
    let Some(name) = filename.and_then(safe_name) else { return "attachment".to_owned() };
    format!("attachment; filename=\"{}\"; filename*=UTF-8''{}", ascii(&name), percent_encoded(&name))
}

/// A name without directories, without what is not seen, and not too long. `None` when nothing is left of it.
fn safe_name(raw: &str) -> Option<String> {
    let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    // A leading dot hides a file, and Windows drops dots and spaces at the end.
    let name = seen.trim_matches(|c: char| c == '.' || c.is_whitespace());
    (!name.is_empty()).then(|| cut(name))
}

/// Characters that turn the direction of what follows or take no room: with them `gpj.exe` reads as `exe.jpg`.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn cut(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, extension)) if extension.chars().count() <= LONGEST_EXTENSION => {
            let room = LONGEST_NAME - extension.chars().count() - 1;
            format!("{}.{extension}", stem.chars().take(room).collect::<String>())
        }
        _ => name.chars().take(LONGEST_NAME).collect(),
    }
}

/// For the quoted string. A percent sign is replaced too: some programs decode it there, others do not.
fn ascii(name: &str) -> String {
    let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%');
    name.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

fn percent_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if is_attr_char(char::from(byte)) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `attr-char` of RFC 8187: what stands for itself.
fn is_attr_char(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '!' | '#' | '$' | '&' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_twice_once_for_old_programs() {
        let table = [
            ("bill.pdf", r#"attachment; filename="bill.pdf"; filename*=UTF-8''bill.pdf"#),
            ("a b.pdf", r#"attachment; filename="a b.pdf"; filename*=UTF-8''a%20b.pdf"#),
            ("räk.pdf", r#"attachment; filename="r_k.pdf"; filename*=UTF-8''r%C3%A4k.pdf"#),
            ("100%.pdf", r#"attachment; filename="100_.pdf"; filename*=UTF-8''100%25.pdf"#),
            ("猫.png", r#"attachment; filename="_.png"; filename*=UTF-8''%E7%8C%AB.png"#),
            ("it's.txt", r#"attachment; filename="it's.txt"; filename*=UTF-8''it%27s.txt"#),
        ];
        for (name, expected) in table {
            assert_eq!(attachment(Some(name)), expected);
        }
    }

    #[test]
    fn a_name_cannot_leave_its_quotes_or_its_line() {
        let header = attachment(Some("a\"; filename=\"b\\\r\nSet-Cookie: x"));
        assert!(!header.contains(['\r', '\n', '\\']), "{header}");
        assert_eq!(header.matches('"').count(), 2, "{header}");
    }

    #[test]
    fn directories_and_dots_are_no_part_of_a_name() {
        let table = [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\bill.pdf", "bill.pdf"),
            (".bashrc", "bashrc"),
            ("bill.exe. ", "bill.exe"),
        ];
        for (raw, expected) in table {
            assert_eq!(safe_name(raw).as_deref(), Some(expected));
        }
        for nothing in ["", "..", "/", "\u{202e}", "\r\n", " "] {
            assert_eq!(attachment(Some(nothing)), "attachment");
        }
        assert_eq!(attachment(None), "attachment");
    }

    #[test]
    fn a_name_reads_as_it_ends() {
        assert_eq!(safe_name("holiday\u{202e}gpj.exe").as_deref(), Some("holidaygpj.exe"));
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = safe_name(&format!("{}.pdf", "å".repeat(300))).unwrap();
        assert_eq!(name.chars().count(), LONGEST_NAME);
        assert!(name.ends_with("å.pdf"));
        assert_eq!(safe_name(&"x".repeat(300)).unwrap().len(), LONGEST_NAME);
        let no_extension = format!("a.{}", "x".repeat(300));
        assert_eq!(safe_name(&no_extension).unwrap().len(), LONGEST_NAME);
    }

    #[test]
    fn what_a_browser_runs_is_served_as_bytes() {
        let runnable = [
            "text/html",
            "Text/HTML; charset=utf-8",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "text/xsl",
        ];
        for content_type in runnable {
            assert_eq!(harmless(content_type), BYTES, "{content_type}");
        }
        for nonsense in ["", "pdf", "a/b\r\nx: y", "text/", "/plain", "a b/c"] {
            assert_eq!(harmless(nonsense), BYTES, "{nonsense}");
        }
        let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        for kept in ["application/pdf", "image/png", "text/plain; charset=utf-8", docx] {
            assert_eq!(harmless(kept), kept);
        }
    }
}
