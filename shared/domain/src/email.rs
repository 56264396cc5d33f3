//! Mail addresses.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use email_address::{EmailAddress, Options};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no mail address. The text itself is in no message, for messages reach logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an email address")]
pub struct EmailError;

/// The longest address there is (RFC 5321, 4.5.3.1.3, with the errata).
const LONGEST: usize = 254;

/// One mail address, such as `ada@example.com`, as it was given but for its domain, which is in lower case and in ASCII:
/// `bücher.example` is `xn--bcher-kva.example`, as mail servers look it up (RFC 5890).
///
/// Equal whatever the case: servers may tell `Ada` from `ada`, and none does. Serialised as the text. There is no
/// `Display`, and `Debug` shows the domain only, so that addresses do not get into logs by accident.
#[derive(Clone)]
pub struct Email(String);

impl Email {
    /// Reads an address without a name around it. Addresses that no mail server on the internet has are refused:
    /// domains without a dot, and literal IP addresses.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(raw: &str) -> Result<Email, EmailError> {
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        let raw = raw.trim();
        if raw.len() > LONGEST || raw.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(EmailError);
        }
        let parsed = EmailAddress::parse_with_options(raw, options).map_err(|_| EmailError)?;
        let email = format!("{}@{}", parsed.local_part(), in_ascii(parsed.domain()).ok_or(EmailError)?);
        if email.len() > LONGEST { Err(EmailError) } else { Ok(Email(email)) }
    }

    /// Reads an address to write to, as [`parse`](Self::parse) does. Besides, it takes local parts that no server should
    /// have given out and some did, such as `a..b@example.com` and `"q q"@example.com`, so that who has one is answered.
    ///
    /// # Errors
    /// When it is none.
    pub fn receiver(raw: &str) -> Result<Email, EmailError> {
        if let Ok(email) = Email::parse(raw) {
            return Ok(email);
        }
        let (local, domain) = raw.trim().rsplit_once('@').ok_or(EmailError)?;
        let is_domain = Email::parse(&format!("x@{domain}")).is_ok();
        let email = Email::delivered(raw).filter(|email| is_domain && email.local_part() == local);
        email.ok_or(EmailError)
    }

    /// Takes an address as a mail delivered it, whatever its form: `a..b@example.com`, `root@localhost`. What a
    /// caller of ours types is read by [`parse`](Self::parse). A local part that no header can have as it is, such as
    /// `q q`, is put in quotes. `None` without a local part, an `@` and a domain, and for what is too long for an
    /// address.
    pub fn delivered(raw: &str) -> Option<Email> {
        if let Ok(email) = Email::parse(raw) {
            return Some(email);
        }
        let bare = raw.trim().trim_start_matches('<').trim_end_matches('>').trim();
        let (local, domain) = bare.rsplit_once('@')?;
        let is_word =
            |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || SPECIAL.contains(c));
        let domain_inside =
            domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(domain);
        if bare.chars().any(char::is_control) || local.is_empty() || !is_word(&domain_inside.replace(':', ""))
        {
            return None;
        }
        let local = if is_word(local) || is_quoted(local) {
            local.to_owned()
        } else {
            format!("\"{}\"", local.replace('\\', "\\\\").replace('"', "\\\""))
        };
        let email = format!("{local}@{}", in_ascii(domain).unwrap_or_else(|| domain.to_lowercase()));
        (email.len() <= LONGEST).then_some(Email(email))
    }

    /// The address, to write to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text for every spelling of the address, for keys.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// What is before the last `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The address without what follows a `+` in its local part, which many servers leave to the owner of a mailbox
    /// (RFC 5233). `None` where there is none.
    pub fn without_tag(&self) -> Option<Email> {
        let (local, _) = self.local_part().split_once('+').filter(|(local, _)| !local.is_empty())?;
        (!local.starts_with('"')).then(|| Email(format!("{local}@{}", self.domain())))
    }

    /// What is after the last `@`, in lower case and in ASCII.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// A domain in lower case and in ASCII. `None` for what no domain can be. Strict, because some characters stand for a
/// space or another ASCII character that ends an address in a header.
fn in_ascii(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        Some(domain.to_ascii_lowercase())
    } else {
        idna::domain_to_ascii_strict(domain).ok()
    }
}

/// Characters that mean something in a header, and stand in an address in quotes only (RFC 5322, 3.2.3).
const SPECIAL: &str = "()<>[]:;@\\,\"";

/// Whether a local part is in quotes, from its first character to its last one.
fn is_quoted(local: &str) -> bool {
    let Some(inside) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut is_escaped = false;
    for c in inside.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !is_escaped
}

impl PartialEq for Email {
    fn eq(&self, other: &Email) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Email {}

impl PartialOrd for Email {
    fn partial_cmp(&self, other: &Email) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Email {
    fn cmp(&self, other: &Email) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…@{}", self.domain())
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What is stored may have been delivered.
        Email::delivered(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(EmailError))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_the_same_in_any_case() {
        assert_eq!(Email::parse(" Ada@Example.COM ").unwrap(), Email::parse("ada@example.com").unwrap());
        assert_eq!(Email::parse("Ada@Example.COM").unwrap().as_str(), "Ada@example.com");
    }

    #[test]
    fn what_no_server_has_is_no_address() {
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "a b@example.com",
            "Ada <ada@example.com>",
            "ada@example.com\r\nBcc: eve@example.com",
            "a@b@example.com",
            long.as_str(),
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
        for good in
            ["ada@example.com", "a.b+c@mail.example.co.uk", "o'hara@example.com", "ada@bücher.example"]
        {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn domain_in_any_script_is_the_one_that_servers_look_up() {
        for (raw, same) in [
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@BÜCHER.example", "ada@XN--BCHER-KVA.example"),
            ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
            ("ada@пример.рф", "ada@xn--e1afmkfd.xn--p1ai"),
            ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ] {
            let email = Email::parse(raw).unwrap();
            assert_eq!(email, Email::parse(same).unwrap(), "{raw}");
            assert_eq!(Email::delivered(raw).unwrap().as_str(), email.as_str(), "{raw}");
            assert!(email.domain().is_ascii(), "{raw}");
        }
    }

    #[test]
    fn receiver_may_have_a_local_part_that_none_should_have() {
        for good in [
            "ada@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a.@bücher.example",
            "\"q q\"@example.com",
        ] {
            assert!(Email::receiver(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "a b@example.com",
            "a..b@localhost",
            "a..b@",
            "..@@example.com",
            "Ada <a..b@example.com>",
        ] {
            assert!(Email::receiver(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tag_is_what_follows_a_plus() {
        let without =
            |raw: &str| Email::parse(raw).unwrap().without_tag().map(|email| email.as_str().to_owned());
        assert_eq!(without("hello+tag@example.com").as_deref(), Some("hello@example.com"));
        assert_eq!(without("hello+@example.com").as_deref(), Some("hello@example.com"));
        assert_eq!(without("a+b+c@example.com").as_deref(), Some("a@example.com"));
        assert_eq!(without("hello@example.com"), None);
        assert_eq!(without("+tag@example.com"), None);
    }

    #[test]
    fn delivered_address_of_any_form_is_kept() {
        for (raw, kept) in [
            ("ada@example.com", "ada@example.com"),
            ("a..b@X.example", "a..b@x.example"),
            ("x.@x.example", "x.@x.example"),
            (".x@x.example", ".x@x.example"),
            ("\"q q\"@x.example", "\"q q\"@x.example"),
            ("q q@x.example", "\"q q\"@x.example"),
            ("a\"b@x.example", "\"a\\\"b\"@x.example"),
            ("a@b@x.example", "\"a@b\"@x.example"),
            (":a@x.example", "\":a\"@x.example"),
            ("root@localhost", "root@localhost"),
            ("ada@[192.0.2.1]", "ada@[192.0.2.1]"),
            ("ada@[IPv6:2001:db8::1]", "ada@[ipv6:2001:db8::1]"),
            ("<cron@server>", "cron@server"),
            ("zoë@bücher.example", "zoë@xn--bcher-kva.example"),
            ("ada@a\u{ffe3}b.example", "ada@a\u{ffe3}b.example"),
        ] {
            let email = Email::delivered(raw).unwrap();
            assert_eq!(email.as_str(), kept, "{raw}");
            assert_eq!(Email::delivered(email.as_str()).unwrap().as_str(), kept, "{raw} read back");
            let stored = serde_json::to_string(&email).unwrap();
            assert_eq!(serde_json::from_str::<Email>(&stored).unwrap(), email, "{raw} stored");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for none in [
            "",
            "@",
            "<>",
            "ada",
            "@x.example",
            "ada@",
            "ada@x y",
            "ada@x\r\nBcc: e",
            "a\r\nb@x.example",
            &long,
        ] {
            assert!(Email::delivered(none).is_none(), "{none}");
        }
    }

    #[test]
    fn an_address_is_not_printed() {
        assert_eq!(format!("{:?}", Email::parse("ada@example.com").unwrap()), "…@example.com");
    }

    proptest! {
        #[test]
        fn delivered_address_is_read_back_and_breaks_no_header(raw in "\\PC{0,20}@\\PC{1,20}") {
            if let Some(email) = Email::delivered(&raw) {
                prop_assert!(!email.as_str().contains(['\r', '\n']) && !email.as_str().starts_with(':'));
                let again = Email::delivered(email.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), email.as_str());
            }
        }

        #[test]
        fn whatever_parses_can_be_a_header_and_is_read_back(raw in "\\PC{0,40}@[a-zA-Z0-9.-]{1,30}") {
            if let Ok(email) = Email::parse(&raw) {
                prop_assert!(!email.as_str().contains(['\r', '\n', ' ']));
                prop_assert_eq!(Email::parse(email.as_str()).unwrap(), email);
            }
        }
    }
}
