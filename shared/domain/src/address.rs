//! Where a message comes from or goes to.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::email::Email;
use crate::phone::{Country, EMERGENCY, Phone, PhoneError, Typed, last_two};

/// An address that a message can come from or go to.
///
/// The kinds never mix: a short code is no line, and nobody can answer a sender name. Serialised as the text
/// that the provider uses; `Debug` shows its last two characters only, or the domain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A telephone line.
    Phone(Phone),
    /// A short number inside one country's networks.
    ShortCode(ShortCode),
    /// A name in place of a number. Such a text cannot be answered.
    Alphanumeric(SenderName),
    /// A mailbox.
    Email(Email),
}

/// A short code: 3 to 8 digits, such as `12345`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortCode(String);

/// An alphanumeric sender: 1 to 11 ASCII letters, digits, spaces and `+-_&`, with at least one letter; these
/// are the rules of Twilio's AlphaSender resource.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderName(String);

impl ShortCode {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Emergency numbers are refused: they are no sender of texts, and a text to one has consequences.
    fn from_digits(digits: &str) -> Option<Self> {
        let fits = (3..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        (fits && !EMERGENCY.contains(&digits)).then(|| Self(digits.to_owned()))
    }
}

impl SenderName {
    /// The name, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_text(text: &str) -> Option<Self> {
        let fits = (1..=11).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" +-_&".contains(&byte))
            && text.bytes().any(|byte| byte.is_ascii_alphabetic());
        fits.then(|| Self(text.to_owned()))
    }
}

impl Address {
    /// Reads an address of texts; `region` serves numbers without country code, as in [`Phone::parse`].
    ///
    /// Up to six digits without a plus sign are a short code, even where subscriber numbers are as short; with
    /// seven or eight they are a number of `region` if there is such a number, else a short code.
    ///
    /// # Errors
    ///
    /// Those of [`Phone::parse`], when it is none of the three.
    pub fn parse_sms(raw: &str, region: Country) -> Result<Self, PhoneError> {
        let short_code = Typed::read(raw)
            .ok()
            .filter(|typed| !typed.plus)
            .and_then(|typed| ShortCode::from_digits(&typed.digits));
        if let Some(code) = short_code.clone().filter(|code| code.0.len() <= 6) {
            return Ok(Self::ShortCode(code));
        }
        Phone::parse(raw, region).map(Self::Phone).or_else(|error| {
            short_code
                .map(Self::ShortCode)
                .or_else(|| SenderName::from_text(raw.trim()).map(Self::Alphanumeric))
                .ok_or(error)
        })
    }

    /// The address of all those who withhold theirs.
    pub fn anonymous() -> Self {
        Self::Alphanumeric(SenderName("Anonymous".to_owned()))
    }

    /// The address as the provider writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_str(),
            Self::ShortCode(code) => code.as_str(),
            Self::Alphanumeric(name) => name.as_str(),
            Self::Email(email) => email.as_str(),
        }
    }

    /// A stable text for the keys of stored items, the same for every spelling of the address. No two addresses
    /// share one: a phone is digits after a plus sign, a short code digits alone, a name has a letter, and a mailbox
    /// has an `@`. Only a mailbox can contain `#`.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Email(email) => Cow::Owned(email.key()),
            Self::Phone(_) | Self::ShortCode(_) | Self::Alphanumeric(_) => Cow::Borrowed(self.as_str()),
        }
    }

    /// The word for its kind in keys.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Phone(_) | Self::ShortCode(_) | Self::Alphanumeric(_) => "sms",
        }
    }

    /// The mailbox, if it is one.
    pub fn email(&self) -> Option<&Email> {
        match self {
            Self::Email(email) => Some(email),
            Self::Phone(_) | Self::ShortCode(_) | Self::Alphanumeric(_) => None,
        }
    }

    /// Takes back what [`as_str`](Self::as_str) or [`key`](Self::key) gave; checks the shape only, as
    /// [`Phone::from_e164`] does.
    pub fn from_key(key: &str) -> Option<Self> {
        Phone::from_e164(key)
            .map(Self::Phone)
            .or_else(|| ShortCode::from_digits(key).map(Self::ShortCode))
            .or_else(|| SenderName::from_text(key).map(Self::Alphanumeric))
            .or_else(|| Email::parse(key).ok().map(Self::Email))
    }
}

impl From<Email> for Address {
    fn from(email: Email) -> Self {
        Self::Email(email)
    }
}

impl From<Phone> for Address {
    fn from(phone: Phone) -> Self {
        Self::Phone(phone)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_key(&text).ok_or_else(|| D::Error::custom("not an address"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(phone) => phone.fmt(f),
            Self::ShortCode(code) => code.fmt(f),
            Self::Alphanumeric(name) => name.fmt(f),
            Self::Email(email) => email.fmt(f),
        }
    }
}

impl fmt::Debug for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{}", last_two(&self.0))
    }
}

impl fmt::Debug for SenderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{}", last_two(&self.0))
    }
}
