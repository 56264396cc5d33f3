//! Where a message comes from or goes to.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::delivered::{LONGEST_ADDRESS, shortened};
use crate::email::Email;
use crate::phone::{Country, EMERGENCY, Phone, PhoneError, Typed, last_two};

/// An address that a message can come from or go to.
///
/// The kinds never mix: a short code is no line, and nobody can answer a sender name. Serialised as the text
/// that the provider uses, a [`Literal`] after a colon; `Debug` shows its last two characters only, or the domain.
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
    /// A sender that is none of these, as the provider wrote it.
    Literal(Literal),
}

/// A short code: 3 to 8 digits, such as `12345`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortCode(String);

/// An alphanumeric sender: 1 to 11 ASCII letters, digits, spaces and `+-_&`, with at least one letter; these
/// are the rules of Twilio's AlphaSender resource.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderName(String);

/// An address that is known by its spelling alone, such as `sip:alice@example.com` or a name of 14 letters. Nothing can be
/// sent to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal(String);

/// Digits of the longest short code.
const LONGEST_SHORT_CODE: usize = 8;

/// What a [`Literal`] begins with in stored items, so that it is read back as one. No other address begins with it.
const LITERAL: char = ':';

/// Numbers that Twilio puts in place of a withheld one: the words ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE
/// on a keypad. No country has them.
const WITHHELD: [&str; 5] = ["+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"];

impl Literal {
    /// The text, as the provider wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ShortCode {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Emergency numbers are refused: they are no sender of texts, and a text to one has consequences.
    fn from_digits(digits: &str) -> Option<Self> {
        let fits = (3..=LONGEST_SHORT_CODE).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit());
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

    /// Takes an address of a text or a call as a provider delivered it. Never fails: a sender that exists is not ours to
    /// doubt. What a caller of ours types is read by [`parse_sms`](Self::parse_sms).
    ///
    /// * A number in E.164 form is that number, whether or not the metadata knows it. If it does, the one spelling of its
    ///   line is taken, so that the sender is the client whom the directory has.
    /// * Three to eight digits without a plus sign are a short code, in every country.
    /// * A number in any other spelling is read as in [`Phone::parse`].
    /// * A sender name is a name. An empty address, and what Twilio writes for a withheld number, is
    ///   [`anonymous`](Self::anonymous).
    /// * Everything else is kept as it is; beyond 300 bytes its end is replaced by a hash.
    pub fn delivered(raw: &str, region: Country) -> Self {
        let text = raw.trim();
        if text.is_empty() || WITHHELD.contains(&text) {
            return Self::anonymous();
        }
        if let Some(phone) = Phone::from_e164(text) {
            return Self::Phone(Phone::parse(text, region).unwrap_or(phone));
        }
        if let Some(code) = ShortCode::from_digits(text) {
            return Self::ShortCode(code);
        }
        if let Some(name) = SenderName::from_text(text) {
            return Self::Alphanumeric(name);
        }
        let digits = text.chars().filter(|c| c.is_numeric()).count();
        let phone = Phone::parse(text, region).ok().filter(|_| digits > LONGEST_SHORT_CODE);
        phone.map_or_else(
            || Self::Literal(Literal(shortened(text, LONGEST_ADDRESS).into_owned())),
            Self::Phone,
        )
    }

    /// Takes the writer of a mail as the mail names them. Never fails: what is no mailbox, such as `MAILER-DAEMON`, is a
    /// literal, and never a number or a name that texts come from. Nothing is [`anonymous`](Self::anonymous).
    pub fn of_writer(raw: &str) -> Self {
        let text = raw.trim();
        if text.is_empty() {
            return Self::anonymous();
        }
        Email::delivered(text).map_or_else(
            || Self::Literal(Literal(shortened(text, LONGEST_ADDRESS).into_owned())),
            Self::Email,
        )
    }

    /// A short code, by its digits alone.
    pub fn short_code(digits: &str) -> Option<Self> {
        ShortCode::from_digits(digits).map(Self::ShortCode)
    }

    /// Takes an address that another system recorded: read as a caller of ours types it where that succeeds, and as
    /// [`delivered`](Self::delivered) otherwise.
    pub fn recorded(raw: &str, region: Country) -> Self {
        Self::parse_sms(raw, region).unwrap_or_else(|_| Self::delivered(raw, region))
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
            Self::Literal(literal) => literal.as_str(),
        }
    }

    /// A stable text for the keys of stored items, the same for every spelling of the address. No two addresses
    /// share one: a phone is digits after a plus sign, a short code digits alone, a name has a letter, a literal begins
    /// with a colon, and a mailbox has an `@`. Only a mailbox and a literal can contain `#`.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Email(email) => Cow::Owned(email.key()),
            Self::Literal(literal) => Cow::Owned(format!("{LITERAL}{}", literal.0)),
            Self::Phone(_) | Self::ShortCode(_) | Self::Alphanumeric(_) => Cow::Borrowed(self.as_str()),
        }
    }

    /// The word for its kind in keys.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Phone(_) | Self::ShortCode(_) | Self::Alphanumeric(_) | Self::Literal(_) => "sms",
        }
    }

    /// The mailbox, if it is one.
    pub fn email(&self) -> Option<&Email> {
        match self {
            Self::Email(email) => Some(email),
            Self::Phone(_) | Self::ShortCode(_) | Self::Alphanumeric(_) | Self::Literal(_) => None,
        }
    }

    /// Takes back what [`key`](Self::key) gave, or a stored address; checks the shape only, as [`Phone::from_e164`] does.
    pub fn from_key(key: &str) -> Option<Self> {
        if let Some(literal) = key.strip_prefix(LITERAL) {
            return Some(Self::Literal(Literal(literal.to_owned())));
        }
        Phone::from_e164(key)
            .map(Self::Phone)
            .or_else(|| ShortCode::from_digits(key).map(Self::ShortCode))
            .or_else(|| SenderName::from_text(key).map(Self::Alphanumeric))
            .or_else(|| Email::delivered(key).map(Self::Email))
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
        match self {
            Self::Literal(_) => serializer.serialize_str(&self.key()),
            _ => serializer.serialize_str(self.as_str()),
        }
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
            Self::Literal(literal) => literal.fmt(f),
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

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{}", last_two(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delivered(raw: &str) -> Address {
        Address::delivered(raw, Country::default())
    }

    fn kind_of(address: &Address) -> &'static str {
        match address {
            Address::Phone(_) => "phone",
            Address::ShortCode(_) => "code",
            Address::Alphanumeric(_) => "name",
            Address::Email(_) => "mailbox",
            Address::Literal(_) => "literal",
        }
    }

    #[test]
    fn delivered_address_is_taken_literally() {
        let cases = [
            ("+22507070707", "phone", "+22507070707"),
            ("+14155550123", "phone", "+14155550123"),
            ("+5215512345678", "phone", "+525512345678"),
            (" 14155550123", "phone", "+14155550123"),
            ("+1 415 555 0123", "phone", "+14155550123"),
            ("(415) 555-0123", "phone", "+14155550123"),
            ("tel:+1-415-555-0123", "phone", "+14155550123"),
            ("（４１５）５５５－０１２３", "phone", "+14155550123"),
            ("68849", "code", "68849"),
            ("40612345", "code", "40612345"),
            ("SUPPORT", "name", "SUPPORT"),
            ("Anonymous", "name", "Anonymous"),
            ("", "name", "Anonymous"),
            ("  ", "name", "Anonymous"),
            ("+266696687", "name", "Anonymous"),
            ("+86282452253", "name", "Anonymous"),
            ("AbcdefghijklmN", "literal", "AbcdefghijklmN"),
            ("My.Shop", "literal", "My.Shop"),
            ("Käsehaus", "literal", "Käsehaus"),
            ("料金", "literal", "料金"),
            ("911", "literal", "911"),
            ("12", "literal", "12"),
            ("+1", "literal", "+1"),
            ("+12345678901234567890", "literal", "+12345678901234567890"),
            ("1234567890123456", "literal", "1234567890123456"),
            ("1-800-FLOWERS!", "literal", "1-800-FLOWERS!"),
            ("sip:alice@example.com", "literal", "sip:alice@example.com"),
            ("client:alice", "literal", "client:alice"),
            ("whatsapp:+14155550123", "literal", "whatsapp:+14155550123"),
            ("rcs:brand_agent", "literal", "rcs:brand_agent"),
            ("ada@example.com", "literal", "ada@example.com"),
            (":+14155550123", "literal", ":+14155550123"),
            ("a#b", "literal", "a#b"),
        ];
        for (raw, kind, shown) in cases {
            let address = delivered(raw);
            assert_eq!((kind_of(&address), address.as_str()), (kind, shown), "{raw}");
        }
    }

    #[test]
    fn short_code_is_no_number_of_a_country_with_short_numbers() {
        let norway = Country::parse("NO").unwrap();
        assert_eq!(kind_of(&Address::delivered("40612345", norway)), "code");
        assert_eq!(Address::recorded("40612345", norway).as_str(), "+4740612345");
        assert_eq!(Address::recorded("+22507070707", norway).as_str(), "+22507070707");
        assert_eq!(Address::recorded("My.Shop", norway).as_str(), "My.Shop");
    }

    #[test]
    fn typed_address_stays_strict() {
        for raw in ["+22507070707", "AbcdefghijklmN", "My.Shop", "sip:alice@example.com", ""] {
            assert!(Address::parse_sms(raw, Country::default()).is_err(), "{raw}");
        }
    }

    #[test]
    fn text_like_a_mailbox_is_no_mailbox() {
        let mailbox = Address::from(Email::parse("ada@example.com").unwrap());
        let sender = delivered("ada@example.com");
        assert_ne!(sender, mailbox);
        assert_ne!((sender.kind(), sender.key()), (mailbox.kind(), mailbox.key()));
        assert_eq!(sender.email(), None);
    }

    #[test]
    fn long_addresses_stay_apart() {
        let (one, other) = (delivered(&"x".repeat(5_000)), delivered(&"x".repeat(5_001)));
        assert_ne!(one, other);
        assert!(one.key().len() <= LONGEST_ADDRESS + 1);
    }

    proptest! {
        #[test]
        fn delivered_address_is_read_back_from_its_key_and_its_stored_form(raw in "\\PC{0,60}") {
            let address = delivered(&raw);
            prop_assert_eq!(Address::from_key(&address.key()), Some(address.clone()));
            let stored = serde_json::to_string(&address).unwrap();
            prop_assert_eq!(serde_json::from_str::<Address>(&stored).unwrap(), address.clone());
            prop_assert_eq!(delivered(address.as_str()), address);
        }
    }
}
