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

/// One mail address, such as `ada@example.com`, as it was given but for the case of its domain.
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
        Ok(Email(format!("{}@{}", parsed.local_part(), parsed.domain().to_lowercase())))
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

    /// What is after the last `@`, in lower case.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
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
        Email::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
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
    fn an_address_is_not_printed() {
        assert_eq!(format!("{:?}", Email::parse("ada@example.com").unwrap()), "…@example.com");
    }

    proptest! {
        #[test]
        fn whatever_parses_can_be_a_header_and_is_read_back(raw in "\\PC{0,40}@[a-zA-Z0-9.-]{1,30}") {
            if let Ok(email) = Email::parse(&raw) {
                prop_assert!(!email.as_str().contains(['\r', '\n', ' ']));
                prop_assert_eq!(Email::parse(email.as_str()).unwrap(), email);
            }
        }
    }
}
