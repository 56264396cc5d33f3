//! Telephone numbers, and the other addresses that a text can come from or go to.
//!
//! People and systems spell one number in many ways; [`Phone::parse`] brings all of them to one, so that one
//! line is one client. Which numbers exist is Google's libphonenumber metadata, through the `phonenumber` crate.
//!
//! # Lines with two international spellings
//!
//! | Country   | Spellings                                  | Kept         |
//! |-----------|--------------------------------------------|--------------|
//! | Brazil    | `+55 11 9 6123 4567`, `+55 11 6123 4567`   | with the 9   |
//! | Argentina | `+54 9 11 2345 6789`, `+54 11 2345 6789`, `+54 11 15 2345 6789` | with the 9, without the 15 |
//! | Mexico    | `+52 55 1234 5678`, `+52 1 55 1234 5678`   | without the 1 |
//!
//! * Brazil put a 9 before all mobile numbers by 2016. Numbers of eight digits that begin with 6, 8 or 9 were
//!   mobile; those with 2 to 5 are landlines and those with 7 are trunked radio, which stay as they are.
//! * Argentina marks mobile lines with a 9 from abroad and a 15 at home, but both kinds share one space of
//!   subscriber numbers, so the 9 alone tells them apart. We text, so every geographic number gets the 9. The
//!   price: a landline there keeps an address that cannot be called.
//! * Mexico dropped the 1 before mobile numbers, and the 01, 044 and 045 dialled at home, in 2019. Systems
//!   such as WhatsApp still send the 1; Twilio's guideline for Mexico asks for ten digits after +52.

use std::fmt;

use phonenumber::metadata::DATABASE;
use phonenumber::{Metadata, Mode, Type, country};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A country or territory, by its ISO 3166-1 alpha-2 code, such as `US`.
///
/// Only those that have telephone numbers of their own exist here. Kosovo (`XK`), Ascension (`AC`) and Tristan
/// da Cunha (`TA`), which ISO does not list, do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Country(country::Id);

impl Country {
    /// Reads a code in either case; `None` when there is no such country.
    pub fn parse(code: &str) -> Option<Self> {
        code.to_ascii_uppercase().parse().ok().map(Self)
    }

    /// The code, in upper case.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }
}

impl Default for Country {
    /// The United States.
    fn default() -> Self {
        Self(country::Id::US)
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::parse(&code).ok_or_else(|| D::Error::custom("not an ISO 3166-1 alpha-2 country code"))
    }
}

/// Why a text is no telephone number. The text itself is in no message, for messages reach logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// There is no digit in it.
    #[error("the phone number is empty")]
    Empty,
    /// Something other than digits and separators is in it: letters, an extension, two plus signs.
    #[error("the phone number contains something other than digits and separators")]
    Malformed,
    /// No number of this form exists in the numbering plan that it belongs to.
    #[error("there is no such phone number")]
    NoSuchNumber,
}

/// One telephone line, as its E.164 number: a plus sign and 7 to 15 digits, such as `+14158675309`.
///
/// Equal when the line is the same, however it was spelt. Serialised as the E.164 text. There is no `Display`,
/// and `Debug` shows the last two digits only, so that numbers do not get into logs by accident.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    /// Reads a number as people, address books and providers write it.
    ///
    /// * With a plus sign, `00`, or the international prefix of `region` (`011` in the United States), it is
    ///   international; otherwise a number of `region`, with or without trunk prefix or country code. A foreign
    ///   country code without a mark is not guessed at: too many mistyped local numbers look like one.
    /// * Separators, brackets, a `tel:` in front, full-width and Arabic digits, every kind of space and
    ///   invisible direction marks are accepted.
    /// * Letters are refused, both those of `1-800-FLOWERS` and extensions: a text reaches no extension, and
    ///   without it would reach somebody else.
    /// * Besides the numbers of the metadata, the numbers for trying things out that are named below
    ///   are accepted.
    /// * North American numbers are judged by the form that their plan gives them, not by whether the area code is in
    ///   use today: loading the metadata takes longer than everything else at the start of a process, and what does
    ///   not exist Twilio says.
    /// * Lines with two spellings come out in the one that the [module](self) names.
    ///
    /// # Numbers for trying out
    ///
    /// Twilio's magic numbers (`+1 500 555 xxxx`, from its documentation of test credentials), and the whole of
    /// area code 555, which is assigned to nobody and is what demonstrations show (`+1 555 010 0001`).
    /// `+1 212 555 01xx` and the like, the range reserved for fiction, is valid anyway.
    pub fn parse(raw: &str, region: Country) -> Result<Self, PhoneError> {
        let typed = Typed::read(raw)?;
        if typed.digits.len() > MAX_TYPED_DIGITS {
            return Err(PhoneError::NoSuchNumber);
        }
        if let Some(phone) = north_american(&typed, region) {
            return Ok(phone);
        }
        let found = if typed.plus {
            international(&typed.digits)
        } else {
            dialled_abroad(&typed.digits, region).or_else(|| national(&typed.digits, region))
        };
        found.ok_or(PhoneError::NoSuchNumber)
    }

    /// Takes back what [`as_str`](Self::as_str) gave, as from a stored item. Checks the shape only (a plus
    /// sign, 7 to 15 digits, no leading zero), and does not choose between two spellings of a line: anything
    /// from outside goes through [`parse`](Self::parse).
    pub fn from_e164(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        fits.then(|| Self(text.to_owned()))
    }

    /// The E.164 text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country the number belongs to; `None` for those of no country, such as satellite and international
    /// toll-free numbers. Where countries share a code and the number does not tell, the main one (toll-free
    /// `+1 800` is `US`).
    pub fn country(&self) -> Option<Country> {
        let (code, national) = split(self.0.strip_prefix('+')?)?;
        if is_for_trying_out(code, national) {
            return Some(Country::default());
        }
        plan_of(code, national).and_then(|plan| Country::parse(plan.id()))
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+…{}", last_two(&self.0))
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_e164(&text).ok_or_else(|| D::Error::custom("not an E.164 phone number"))
    }
}

/// An address that a text can come from or go to.
///
/// The kinds never mix: a short code is no line, and nobody can answer a sender name. Serialised as the text
/// that Twilio uses; `Debug` shows its last two characters only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SmsAddress {
    /// A telephone line.
    Phone(Phone),
    /// A short number inside one country's networks.
    ShortCode(ShortCode),
    /// A name in place of a number. Such a text cannot be answered.
    Alphanumeric(SenderName),
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

impl SmsAddress {
    /// Reads an address; `region` serves numbers without country code, as in [`Phone::parse`].
    ///
    /// Up to six digits without a plus sign are a short code, even where subscriber numbers are as short; with
    /// seven or eight they are a number of `region` if there is such a number, else a short code.
    ///
    /// # Errors
    ///
    /// Those of [`Phone::parse`], when it is none of the three.
    pub fn parse(raw: &str, region: Country) -> Result<Self, PhoneError> {
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

    /// The address as Twilio writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_str(),
            Self::ShortCode(code) => code.as_str(),
            Self::Alphanumeric(name) => name.as_str(),
        }
    }

    /// A stable text for the keys of stored items, the same for every spelling of the address. No two addresses
    /// share one: a phone is digits after a plus sign, a short code digits alone, and a name has a letter. Never
    /// contains `#`.
    pub fn key(&self) -> &str {
        self.as_str()
    }

    /// Takes back what [`as_str`](Self::as_str) or [`key`](Self::key) gave; checks the shape only, as
    /// [`Phone::from_e164`] does.
    pub fn from_key(key: &str) -> Option<Self> {
        Phone::from_e164(key)
            .map(Self::Phone)
            .or_else(|| ShortCode::from_digits(key).map(Self::ShortCode))
            .or_else(|| SenderName::from_text(key).map(Self::Alphanumeric))
    }
}

impl From<Phone> for SmsAddress {
    fn from(phone: Phone) -> Self {
        Self::Phone(phone)
    }
}

impl Serialize for SmsAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SmsAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_key(&text).ok_or_else(|| D::Error::custom("not an address of texts"))
    }
}

impl fmt::Debug for SmsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(phone) => phone.fmt(f),
            Self::ShortCode(code) => code.fmt(f),
            Self::Alphanumeric(name) => name.fmt(f),
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

/// E.164 has no minimum; the shortest numbers in use (Niue, Ascension) have seven digits with their code.
const MIN_DIGITS: usize = 7;
/// E.164's maximum.
const MAX_DIGITS: usize = 15;
/// A number with the longest prefixes in front. Anything longer is not worth a look at the metadata.
const MAX_TYPED_DIGITS: usize = 22;

/// Emergency numbers that every handset knows without a SIM (3GPP TS 22.101, section 10.1).
const EMERGENCY: [&str; 7] = ["000", "110", "112", "118", "119", "911", "999"];

/// The kinds of number a line can have; only these make a number exist.
const KINDS: [Type; 10] = [
    Type::FixedLine,
    Type::Mobile,
    Type::TollFree,
    Type::PremiumRate,
    Type::SharedCost,
    Type::PersonalNumber,
    Type::Voip,
    Type::Pager,
    Type::Uan,
    Type::Voicemail,
];

/// What somebody typed, down to what matters.
struct Typed {
    plus: bool,
    digits: String,
}

impl Typed {
    fn read(raw: &str) -> Result<Self, PhoneError> {
        let trimmed = raw.trim_matches(|c: char| is_separator(c));
        let text = match trimmed.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &trimmed[4..],
            _ => trimmed,
        };

        let mut typed = Self { plus: false, digits: String::with_capacity(text.len()) };
        for c in text.chars() {
            match c {
                '+' | '＋' if !typed.plus && typed.digits.is_empty() => typed.plus = true,
                c if is_separator(c) => {}
                c => typed.digits.push(ascii_digit(c).ok_or(PhoneError::Malformed)?),
            }
        }
        if typed.digits.is_empty() {
            return Err(if typed.plus { PhoneError::Malformed } else { PhoneError::Empty });
        }
        Ok(typed)
    }
}

/// ASCII, full-width, Arabic-Indic and Persian digits.
fn ascii_digit(c: char) -> Option<char> {
    let zero = match c {
        '0'..='9' => return Some(c),
        '０'..='９' => '０',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        _ => return None,
    };
    char::from_digit(u32::from(c) - u32::from(zero), 10)
}

/// What people put between digits and what copying from elsewhere brings along. Neither comma, semicolon nor
/// number sign: those begin an extension.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '.' | '-' | '(' | ')' | '[' | ']' | '/' | '~' | '·' | '•' | '．' | '－' | '（' | '）' | '／')
        // hyphens and dashes, the minus sign, and what stands for them in Japanese
        || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fb}' | '\u{30fc}')
        // soft hyphen, zero-width characters, direction marks and isolates, byte order mark
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A number of the North American plan: `NXX-NXX-XXXX`, N from 2 to 9, and no area code that ends in 11, which are
/// services such as 911. With the country code 1, or without it in the United States and Canada.
fn north_american(typed: &Typed, region: Country) -> Option<Phone> {
    let digits = typed.digits.as_str();
    let at_home = !typed.plus && ["US", "CA"].contains(&region.as_str());
    let national = match digits.strip_prefix('1').filter(|rest| rest.len() == 10) {
        Some(national) if typed.plus || at_home => national,
        _ if at_home => digits,
        _ => return None,
    };
    let bytes = national.as_bytes();
    let fits = bytes.len() == 10 && bytes[0] >= b'2' && bytes[3] >= b'2' && &bytes[1..3] != b"11";
    fits.then(|| Phone(format!("+1{national}")))
}

/// The line behind digits that begin with a country code.
///
/// They are taken literally if that gives a number. Only otherwise the parser has a go, which drops trunk
/// prefixes as in `+44 (0) 20`. It gets no region: with one, it takes that region's trunk prefix off foreign
/// numbers, which turns some into other valid numbers (`+8801812345678` read in the US lost its 1).
fn international(digits: &str) -> Option<Phone> {
    split(digits).and_then(|(code, national)| line(code, national)).or_else(|| {
        let parsed = phonenumber::parse(None, format!("+{digits}")).ok()?;
        line_of(&parsed)
    })
}

/// The line behind digits that begin with a prefix for international calls: `00`, which people write wherever
/// they are, or that of the region. Some prefixes go on with the code of a carrier, so both are tried.
fn dialled_abroad(digits: &str, region: Country) -> Option<Phone> {
    let common = digits.strip_prefix("00");
    let regional = || {
        let prefix = DATABASE.by_id(region.as_str())?.international_prefix()?;
        prefix.find(digits).filter(|found| found.start() == 0).map(|found| &digits[found.end()..])
    };
    common.and_then(international).or_else(|| regional().and_then(international))
}

/// The line behind digits that are dialled inside the region.
fn national(digits: &str, region: Country) -> Option<Phone> {
    let plan = DATABASE.by_id(region.as_str())?;
    let parsed = phonenumber::parse(Some(region.0), digits)
        .ok()
        // what it takes for international was looked at already, see `international` for why not here
        .filter(|number| {
            matches!(number.country().source(), country::Source::Default | country::Source::Number)
        })
        .and_then(|number| line_of(&number));
    parsed.or_else(|| line(plan.country_code(), digits)).or_else(|| {
        // where subscriber numbers begin with the trunk prefix's digit too, the parser takes both off
        let without_trunk = digits.strip_prefix(plan.national_prefix()?)?;
        line(plan.country_code(), without_trunk)
    })
}

fn line_of(number: &phonenumber::PhoneNumber) -> Option<Phone> {
    let e164 = number.format().mode(Mode::E164).to_string();
    let (code, national) = split(e164.strip_prefix('+')?)?;
    line(code, national)
}

/// The line with this country code and national number, in its one spelling; `None` if none exists.
fn line(code: u16, national: &str) -> Option<Phone> {
    let national = one_spelling(code, national);
    let exists = is_for_trying_out(code, &national) || plan_of(code, &national).is_some();
    exists.then(|| format!("+{code}{national}")).and_then(|e164| Phone::from_e164(&e164))
}

/// Of the spellings of one line, the one to keep: see the module.
fn one_spelling(code: u16, national: &str) -> String {
    match (code, national.len(), national.as_bytes()) {
        (55, 10, [_, _, b'6' | b'8' | b'9', ..]) if plan_of(code, national).is_none() => {
            format!("{}9{}", &national[..2], &national[2..])
        }
        (54, 10, [b'0'..=b'8', ..]) => {
            let mobile = format!("9{national}");
            if plan_of(code, &mobile).is_some() { mobile } else { national.to_owned() }
        }
        (52, 11, [b'1', ..]) => national[1..].to_owned(),
        (52, 12, [b'0', b'1', ..]) => national[2..].to_owned(),
        (52, 13, [b'0', b'4', b'4' | b'5', ..]) => national[3..].to_owned(),
        _ => national.to_owned(),
    }
}

/// Numbers that no plan has and that are accepted all the same: see [`Phone::parse`].
fn is_for_trying_out(code: u16, national: &str) -> bool {
    code == 1 && national.len() == 10 && (national.starts_with("555") || national.starts_with("500555"))
}

/// Splits digits after their country code, which is never the beginning of another.
fn split(digits: &str) -> Option<(u16, &str)> {
    if digits.starts_with('0') {
        return None;
    }
    (1..=3).find_map(|length| {
        let code = digits.get(..length)?.parse().ok()?;
        DATABASE.by_code(&code).map(|_| (code, &digits[length..]))
    })
}

/// The numbering plan that has this number, among those that share the country code.
fn plan_of(code: u16, national: &str) -> Option<&'static Metadata> {
    DATABASE.by_code(&code)?.into_iter().find(|plan| has_number(plan, national))
}

fn has_number(plan: &Metadata, national: &str) -> bool {
    let starts_right = plan
        .leading_digits()
        .is_none_or(|digits| digits.find(national).is_some_and(|found| found.start() == 0));
    let descriptors = plan.descriptors();
    starts_right
        && descriptors.general().is_match(national)
        && KINDS.iter().any(|kind| descriptors.get(*kind).is_some_and(|kind| kind.is_match(national)))
}

/// The end of an address, enough to tell two apart in a log and too little to know whose it is.
fn last_two(text: &str) -> &str {
    text.char_indices().rev().nth(1).map_or("", |(at, _)| &text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn region(code: &str) -> Country {
        Country::parse(code).unwrap()
    }

    fn parse(raw: &str, code: &str) -> Result<String, PhoneError> {
        Phone::parse(raw, region(code)).map(|phone| phone.as_str().to_owned())
    }

    /// An example number of each kind in every plan, with its region. Iran's services of four digits, which
    /// cannot be reached from abroad, are no E.164 numbers to us.
    static EXAMPLES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let mut examples = Vec::new();
        for plan in DATABASE.iter() {
            for kind in KINDS {
                let descriptor = plan.descriptors().get(kind);
                if let Some(example) = descriptor.and_then(|descriptor| descriptor.example()) {
                    examples.push((format!("+{}{example}", plan.country_code()), plan.id().to_owned()));
                }
            }
        }
        examples.retain(|(e164, _)| e164.len() > MIN_DIGITS);
        examples.sort();
        examples
    });

    #[test]
    fn many_spellings_of_one_number() {
        let spellings = [
            "+14158675309",
            "+1 415 867 5309",
            "+1 (415) 867-5309",
            "+1-415-867-5309",
            "+1.415.867.5309",
            "(+1) 415 867 5309",
            "14158675309",
            "1 415 867 5309",
            "1-415-867-5309",
            "4158675309",
            "415-867-5309",
            "415.867.5309",
            "415 867 5309",
            "415/867-5309",
            "(415) 867-5309",
            "(415)867-5309",
            "[415] 867-5309",
            "  415 867 5309\r\n",
            "0014158675309",
            "00 1 415 867 5309",
            "01114158675309",
            "011 1 (415) 867-5309",
            "tel:+1-415-867-5309",
            "TEL:4158675309",
            "tel: (415) 867-5309",
            "＋１　４１５　８６７　５３０９",
            "（４１５）８６７－５３０９",
            "٤١٥ ٨٦٧ ٥٣٠٩",
            "+1\u{a0}415\u{a0}867\u{a0}5309",
            "+1\u{202f}415\u{2009}867\u{2007}5309",
            "\u{202a}+1 415 867 5309\u{202c}",
            "\u{2068}+14158675309\u{2069}",
            "\u{200e}+1 (415) 867‑5309",
            "\u{feff}4158675309\u{200b}",
            "415–867–5309",
            "415−867−5309",
            "415·867·5309",
        ];
        assert!(spellings.len() >= 20);
        for spelling in spellings {
            assert_eq!(parse(spelling, "US").as_deref(), Ok("+14158675309"), "{spelling:?}");
        }
    }

    #[test]
    fn the_region_completes_a_number() {
        let table = [
            ("07911 123456", "GB", "+447911123456"),
            ("7911 123456", "GB", "+447911123456"),
            ("44 7911 123456", "GB", "+447911123456"),
            ("+44 (0) 7911 123456", "US", "+447911123456"),
            ("011 44 7911 123456", "US", "+447911123456"),
            ("0044 7911 123456", "US", "+447911123456"),
            ("0011 44 7911 123456", "AU", "+447911123456"),
            ("00 44 7911 123456", "AU", "+447911123456"),
            ("0113 496 0000", "GB", "+441134960000"),
            ("06 1234 5678", "IT", "+390612345678"),
            ("+39 06 1234 5678", "US", "+390612345678"),
            ("8 (916) 123-45-67", "RU", "+79161234567"),
            ("8 800 123 45 67", "RU", "+78001234567"),
            ("06 20 123 4567", "HU", "+36201234567"),
            ("030/123456", "DE", "+4930123456"),
            ("0 11 96123-4567", "BR", "+5511961234567"),
            ("0055 11 96123-4567", "BR", "+5511961234567"),
            ("00 21 1 415 867 5309", "BR", "+14158675309"),
        ];
        for (raw, code, expected) in table {
            assert_eq!(parse(raw, code).as_deref(), Ok(expected), "{raw} in {code}");
        }
    }

    #[test]
    fn lines_with_two_spellings() {
        let table: [(&str, &str, &[&str]); 6] = [
            (
                "+5511961234567",
                "BR",
                &["+5511961234567", "+551161234567", "11 96123-4567", "11 6123-4567", "0 21 11 96123-4567"],
            ),
            (
                "+5531988888888",
                "BR",
                &["+5531988888888", "+553188888888", "(31) 8888-8888", "00553188888888"],
            ),
            // neither a landline nor trunked radio gets the 9
            ("+551132345678", "BR", &["+551132345678", "11 3234-5678"]),
            ("+551171234567", "BR", &["+551171234567"]),
            (
                "+5491123456789",
                "AR",
                &[
                    "+5491123456789",
                    "+54 9 11 2345-6789",
                    "+54 11 2345-6789",
                    "+54 11 15 2345-6789",
                    "011 15 2345-6789",
                    "011 2345-6789",
                    "11 2345-6789",
                    "9 11 2345-6789",
                    "00 54 9 11 2345 6789",
                ],
            ),
            (
                "+525512345678",
                "MX",
                &[
                    "+525512345678",
                    "+52 1 55 1234 5678",
                    "+5215512345678",
                    "55 1234 5678",
                    "1 55 1234 5678",
                    "01 55 1234 5678",
                    "044 55 1234 5678",
                    "045 55 1234 5678",
                    "52 1 55 1234 5678",
                    "00 52 1 55 1234 5678",
                ],
            ),
        ];
        for (expected, code, spellings) in table {
            for spelling in spellings {
                assert_eq!(parse(spelling, code).as_deref(), Ok(expected), "{spelling}");
                if spelling.starts_with('+') {
                    assert_eq!(parse(spelling, "US").as_deref(), Ok(expected), "{spelling}");
                }
            }
        }
        // toll-free numbers have no mobile form
        assert_eq!(parse("0800 123 4567", "AR").as_deref(), Ok("+548001234567"));
        assert_eq!(parse("0800 123456", "BR").as_deref(), Ok("+55800123456"));
    }

    #[test]
    fn numbers_for_trying_out() {
        for number in [
            "+15550100001",
            "+15555550100",
            "+15558675310",
            "+15551234567",
            "+15005550006",
            "+15005550001",
            "+15005550000",
            "+15005550009",
            "+12025550123",
            "+14155550100",
        ] {
            assert_eq!(parse(number, "GB").as_deref(), Ok(number));
            assert_eq!(parse(&number[2..], "US").as_deref(), Ok(number));
            assert_eq!(Phone::from_e164(number).unwrap().country(), Some(Country::default()));
        }
    }

    #[test]
    fn what_is_no_number() {
        use PhoneError::{Empty, Malformed, NoSuchNumber};
        let table = [
            ("", Empty),
            (" \u{200e}() ", Empty),
            ("+", Malformed),
            ("++14158675309", Malformed),
            ("1+4158675309", Malformed),
            ("tel:", Empty),
            ("1-800-FLOWERS", Malformed),
            ("+1 415 867 5309 ext. 12", Malformed),
            ("4158675309x12", Malformed),
            ("4158675309#12", Malformed),
            ("4158675309,12", Malformed),
            ("4158675309;ext=12", Malformed),
            ("tel:867-5309;phone-context=+1-415", Malformed),
            ("a4158675309", Malformed),
            ("someone1110@example.com", Malformed),
            ("½5", Malformed),
            ("911", NoSuchNumber),
            ("112", NoSuchNumber),
            ("12345", NoSuchNumber),
            ("867-5309", NoSuchNumber),
            ("+4158675309", NoSuchNumber),
            ("+0014158675309", NoSuchNumber),
            ("+10000000000", NoSuchNumber),
            ("41586753099", NoSuchNumber),
            ("447911123456", NoSuchNumber),
            ("415 867 5309 / 415 867 5310", NoSuchNumber),
            ("+1 415 867 53091", NoSuchNumber),
            ("+999123456789", NoSuchNumber),
        ];
        for (raw, expected) in table {
            assert_eq!(parse(raw, "US"), Err(expected), "{raw:?}");
        }
        assert_eq!(parse(&"1".repeat(100_000), "US"), Err(NoSuchNumber));
    }

    #[test]
    fn a_foreign_number_is_the_same_from_everywhere() {
        for (e164, home) in EXAMPLES.iter() {
            let at_home = Country::parse(home).unwrap_or_default();
            let expected = parse(e164, at_home.as_str());
            assert!(expected.is_ok(), "{e164}");
            if !["54", "55", "52"].iter().any(|code| e164[1..].starts_with(code)) {
                assert_eq!(expected.as_deref(), Ok(e164.as_str()));
            }
            for code in ["US", "AU", "RU"] {
                assert_eq!(parse(e164, code), expected, "{e164} in {code}");
                assert_eq!(parse(&format!("00{}", &e164[1..]), code), expected, "00 {e164} in {code}");
            }
            assert_eq!(parse(&format!("011{}", &e164[1..]), "US"), expected, "011 {e164}");
        }
    }

    #[test]
    fn a_national_number_is_the_same_at_home() {
        for (e164, home) in EXAMPLES.iter() {
            if home == "001" {
                continue;
            }
            let expected = parse(e164, home);
            let plan = DATABASE.by_id(home).unwrap();
            let national = &e164[1 + plan.country_code().to_string().len()..];
            assert_eq!(parse(national, home), expected, "{national} in {home}");
            if let Some(prefix) = plan.national_prefix() {
                assert_eq!(
                    parse(&format!("{prefix}{national}"), home),
                    expected,
                    "{prefix} {national} in {home}"
                );
            }
        }
    }

    #[test]
    fn the_usual_formats_of_each_country_are_read() {
        for (e164, home) in EXAMPLES.iter() {
            // the formatter loses the 8 of numbers that begin with their trunk prefix, such as +7 800
            let loses_a_digit = ["+3708", "+3758", "+78"].iter().any(|start| e164.starts_with(start));
            let Some(home) = Country::parse(home).filter(|_| !loses_a_digit) else {
                continue;
            };
            let number = phonenumber::parse(None, e164).unwrap();
            for mode in [Mode::International, Mode::Rfc3966, Mode::National] {
                let written = number.format().mode(mode).to_string();
                assert_eq!(Phone::parse(&written, home), Phone::parse(e164, home), "{written} for {e164}");
            }
        }
    }

    #[test]
    fn country_of_a_number() {
        let table = [
            ("+14158675309", Some("US")),
            ("+16137827274", Some("CA")),
            ("+18005551212", Some("US")),
            ("+441212345678", Some("GB")),
            ("+390612345678", Some("IT")),
            ("+77011234567", Some("KZ")),
            ("+79161234567", Some("RU")),
            ("+38343201234", Some("XK")),
            ("+80012345678", None),
            ("+88213300655", None),
        ];
        for (e164, expected) in table {
            let country = Phone::from_e164(e164).unwrap().country();
            assert_eq!(country.as_ref().map(Country::as_str), expected, "{e164}");
        }
    }

    #[test]
    fn every_country_can_be_parsed_in() {
        let letters = || (b'A'..=b'Z').map(char::from);
        let codes = letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
        let countries: Vec<Country> = codes.filter_map(|code| Country::parse(&code)).collect();
        assert!(countries.len() > 240);
        for country in countries {
            let phone = Phone::parse("+14158675309", country).unwrap();
            assert_eq!(phone.as_str(), "+14158675309");
            for odd in ["0", "00", "000", "0000", "00000000", "011", "1", "12", "99999999999999999999"] {
                let _ = Phone::parse(odd, country);
            }
        }
    }

    #[test]
    fn countries() {
        assert_eq!(Country::default().as_str(), "US");
        assert_eq!(Country::parse("gb"), Country::parse("GB"));
        for no in ["", "U", "USA", "UK", "ZZ", "001", "U\u{17f}"] {
            assert_eq!(Country::parse(no), None, "{no}");
        }
        assert_eq!(serde_json::to_string(&region("DE")).unwrap(), "\"DE\"");
        assert_eq!(serde_json::from_str::<Country>("\"DE\"").unwrap(), region("DE"));
        assert!(serde_json::from_str::<Country>("\"Germany\"").is_err());
    }

    #[test]
    fn stored_numbers_are_checked_again() {
        let phone = Phone::parse("(415) 867-5309", Country::default()).unwrap();
        assert_eq!(serde_json::to_string(&phone).unwrap(), "\"+14158675309\"");
        assert_eq!(serde_json::from_str::<Phone>("\"+14158675309\"").unwrap(), phone);
        for no in [
            "14158675309",
            "+1415867530a",
            "+123456",
            "+1234567890123456",
            "+01234567",
            "+",
            "",
            "++14158675309",
        ] {
            assert_eq!(Phone::from_e164(no), None, "{no}");
            assert!(serde_json::from_str::<Phone>(&format!("{no:?}")).is_err());
        }
    }

    #[test]
    fn debug_shows_two_digits() {
        assert_eq!(format!("{:?}", Phone::from_e164("+14158675309").unwrap()), "+…09");
        for (raw, shown) in [("+14158675309", "+…09"), ("12345", "…45"), ("ACME", "…ME"), ("A", "…")]
        {
            let address = SmsAddress::parse(raw, Country::default()).unwrap();
            assert_eq!(format!("{address:?}"), shown);
        }
    }

    #[test]
    fn kinds_of_address() {
        let kind = |raw: &str, code: &str| {
            SmsAddress::parse(raw, region(code)).map(|address| match &address {
                SmsAddress::Phone(_) => ("phone", address.key().to_owned()),
                SmsAddress::ShortCode(_) => ("short", address.key().to_owned()),
                SmsAddress::Alphanumeric(_) => ("name", address.key().to_owned()),
            })
        };
        let table = [
            ("(415) 867-5309", "US", "phone", "+14158675309"),
            ("+15005550006", "US", "phone", "+15005550006"),
            ("12345", "US", "short", "12345"),
            ("123-456", "US", "short", "123456"),
            ("242", "US", "short", "242"),
            ("12345", "DE", "short", "12345"),
            ("8675309", "US", "short", "8675309"),
            ("81234567", "SG", "phone", "+6581234567"),
            ("ACME", "US", "name", "ACME"),
            (" Acme & Co ", "US", "name", "Acme & Co"),
            ("A", "US", "name", "A"),
            ("1-800-GO", "US", "name", "1-800-GO"),
            ("4158675309X", "US", "name", "4158675309X"),
        ];
        for (raw, code, expected, key) in table {
            assert_eq!(kind(raw, code), Ok((expected, key.to_owned())), "{raw} in {code}");
        }
        for no in
            ["", "911", "112", "9-1-1", "12", "+12345", "ACME Company", "Acmé", "ACME#1", "1234567890", "--"]
        {
            assert!(kind(no, "US").is_err(), "{no}");
        }
    }

    #[test]
    fn addresses_survive_storage() {
        for raw in ["+14158675309", "12345", "ACME", "+ACME"] {
            let address = SmsAddress::parse(raw, Country::default()).unwrap();
            let json = serde_json::to_string(&address).unwrap();
            assert_eq!(json, format!("{raw:?}"));
            assert_eq!(serde_json::from_str::<SmsAddress>(&json).unwrap(), address);
            assert_eq!(SmsAddress::from_key(address.key()), Some(address));
        }
        assert!(serde_json::from_str::<SmsAddress>("\"911\"").is_err());
    }

    proptest! {
        // regular expressions of many plans are slow to compile without optimisation
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn separators_change_nothing(
            which in any::<prop::sample::Index>(),
            separators in prop::collection::vec("[ .()/\u{a0}\u{2009}\u{3000}\u{2011}\u{2013}\u{200e}\u{202a}\u{202c}\u{feff}-]{0,3}", 18),
            wide in any::<bool>(),
        ) {
                        let (e164, home) = which.get(&EXAMPLES);
            let expected = parse(e164, "US").unwrap();
            let mut spelt = String::new();
            for (c, separator) in e164.chars().zip(&separators) {
                let wider = char::from_u32(u32::from(c) + 0xfee0).filter(|_| wide);
                spelt.push_str(separator);
                spelt.push(wider.unwrap_or(c));
            }
            spelt.push_str(&separators[17]);
            let at_home = Country::parse(home).unwrap_or_default();
            for region in [Country::default(), at_home] {
                let phone = Phone::parse(&spelt, region).unwrap();
                prop_assert_eq!(phone.as_str(), &expected);
                // and what was parsed can be stored, and parsed again
                let stored = Phone::from_e164(phone.as_str());
                prop_assert_eq!(stored.as_ref(), Some(&phone));
                let again = Phone::parse(phone.as_str(), region);
                prop_assert_eq!(again, Ok(phone));
            }
        }

        #[test]
        fn nothing_panics(raw in "\\PC{0,40}", digits in "[+]?[0-9]{0,24}") {
            for code in ["US", "GB", "BR", "AR", "MX", "IT"] {
                let _ = SmsAddress::parse(&raw, region(code));
                let _ = SmsAddress::parse(&digits, region(code));
            }
        }
    }
}
