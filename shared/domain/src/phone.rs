//! Telephone numbers.
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

    /// Whether its numbers belong to the North American plan, behind `+1`.
    pub fn is_north_american(&self) -> bool {
        self.0 == country::Id::US || NORTH_AMERICAN.iter().any(|(_, id)| *id == self.0)
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
    /// `+1 800` is `US`). North American numbers are told by their area code, without the metadata.
    pub fn country(&self) -> Option<Country> {
        if let Some(national) = self.north_american() {
            return Some(Country(area(national)));
        }
        if let Some((_, id)) = OUTSIDE.iter().find(|(digits, _)| self.0[1..].starts_with(digits)) {
            return Some(Country(*id));
        }
        let (code, national) = split(self.0.strip_prefix('+')?)?;
        plan_of(code, national).and_then(|plan| Country::parse(plan.id()))
    }

    /// What a text or call to it costs, as far as the number tells. A number whose kind cannot be told is costly.
    pub fn charge(&self) -> Charge {
        let digits = &self.0[1..];
        if let Some((_, charge)) = NETWORKS.iter().find(|(network, _)| digits.starts_with(network)) {
            return *charge;
        }
        if let Some(national) = self.north_american() {
            return north_american_charge(national);
        }
        let Some((code, national)) = split(digits) else { return Charge::Costly };
        let Some(plans) = DATABASE.by_code(&code) else { return Charge::Costly };
        // Whatever any country with the code says: a number is not taken for that of a neighbour.
        let is_of = |kinds: &[Type]| {
            plans.iter().any(|plan| {
                let descriptors = plan.descriptors();
                let mut kinds = kinds.iter().filter_map(|kind| descriptors.get(*kind));
                kinds.any(|kind| kind.is_match(national))
            })
        };
        if is_of(&[Type::PremiumRate, Type::SharedCost, Type::Pager]) {
            Charge::Costly
        } else if is_of(&[Type::PersonalNumber]) {
            Charge::Personal
        } else {
            Charge::Usual
        }
    }

    /// Whether it is a toll-free number of the North American plan, which all its countries share.
    pub fn is_north_american_toll_free(&self) -> bool {
        self.north_american().is_some_and(|national| TOLL_FREE.contains(&&national[..3]))
    }

    /// Area code, exchange and line of a number of the North American plan.
    fn north_american(&self) -> Option<&str> {
        self.0.strip_prefix("+1").filter(|national| national.len() == 10)
    }

    /// Whether it is a number of the United States. One of the North American plan that no country claims counts.
    pub fn is_us(&self) -> bool {
        self.0.starts_with("+1") && self.country().is_none_or(|country| country == Country::default())
    }

    /// Whether it is an ordinary number of the United States of ten digits, and not a toll-free one.
    pub fn is_us_long_code(&self) -> bool {
        !self.is_north_american_toll_free() && self.is_us()
    }
}

/// What a text or call to a number costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// As any number of its country.
    Usual,
    /// More: premium-rate and shared-cost numbers, and pagers.
    Costly,
    /// A network of no country: satellite phones above all.
    Satellite,
    /// A personal number: the owner says where it leads, and often what it costs.
    Personal,
}

/// Codes of no country, by the list of country codes that the ITU publishes (annex to its Operational Bulletin 1114): Inmarsat
/// (870), universal personal numbers (878), global mobile satellite systems (881), international networks (882, 883) and
/// disaster relief (888). And satellite phones of Australia (0147, by the numbering plan of ACMA).
const NETWORKS: [(&str, Charge); 7] = [
    ("870", Charge::Satellite),
    ("878", Charge::Personal),
    ("881", Charge::Satellite),
    ("882", Charge::Satellite),
    ("883", Charge::Satellite),
    ("888", Charge::Satellite),
    ("61147", Charge::Satellite),
];

/// Ranges that a country uses behind the code of another, and that the metadata gives to that one: San Marino behind Italy's,
/// Abkhazia behind Russia's.
const OUTSIDE: [(&str, country::Id); 3] =
    [("390549", country::Id::SM), ("7840", country::Id::GE), ("7940", country::Id::GE)];

/// The area codes of North American numbers that cost the caller nothing.
const TOLL_FREE: [&str; 7] = ["800", "833", "844", "855", "866", "877", "888"];

/// The area codes of the North American plan outside of the United States, as its administration publishes them
/// (nanpa.com, area codes by country; cnac.ca for Canada, with its codes without a place: 600, 622, 633, 644, 655, 677,
/// 688). Any other area code counts as one of the United States.
const NORTH_AMERICAN: [(&str, country::Id); 24] = [
    (
        "204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 468 474 506 514 519 \
         548 579 581 584 587 600 604 613 622 633 639 644 647 655 672 677 683 688 705 709 742 753 778 780 782 807 819 825 \
         867 873 879 902 905 942",
        country::Id::CA,
    ),
    ("242", country::Id::BS),
    ("246", country::Id::BB),
    ("264", country::Id::AI),
    ("268", country::Id::AG),
    ("284", country::Id::VG),
    ("340", country::Id::VI),
    ("345", country::Id::KY),
    ("441", country::Id::BM),
    ("473", country::Id::GD),
    ("649", country::Id::TC),
    ("658 876", country::Id::JM),
    ("664", country::Id::MS),
    ("670", country::Id::MP),
    ("671", country::Id::GU),
    ("684", country::Id::AS),
    ("721", country::Id::SX),
    ("758", country::Id::LC),
    ("767", country::Id::DM),
    ("784", country::Id::VC),
    ("787 939", country::Id::PR),
    ("809 829 849", country::Id::DO),
    ("868", country::Id::TT),
    ("869", country::Id::KN),
];

/// The area codes of personal numbers (NANPA: 5XX-NXX codes, for personal communications services).
const PERSONAL: [&str; 15] =
    ["500", "521", "522", "523", "524", "525", "526", "527", "528", "529", "533", "544", "566", "577", "588"];

/// The country of an area code.
fn area(national: &str) -> country::Id {
    let known =
        NORTH_AMERICAN.iter().find(|(areas, _)| areas.split(' ').any(|area| national.starts_with(area)));
    known.map_or(country::Id::US, |(_, id)| *id)
}

/// By form: area code 900 and exchange 976 are premium-rate, and what 700 costs each carrier says.
fn north_american_charge(national: &str) -> Charge {
    if is_for_trying_out(1, national) {
        return Charge::Usual;
    }
    let (area, exchange) = (&national[..3], &national[3..6]);
    match area {
        "900" | "700" => Charge::Costly,
        _ if exchange == "976" => Charge::Costly,
        _ if PERSONAL.contains(&area) => Charge::Personal,
        _ => Charge::Usual,
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

/// E.164 has no minimum; the shortest numbers in use (Niue, Ascension) have seven digits with their code.
const MIN_DIGITS: usize = 7;
/// Fewer digits than this are dialled inside one network only, as those of emergency services are.
pub(crate) const SHORTEST: usize = 7;
/// E.164's maximum.
const MAX_DIGITS: usize = 15;
/// A number with the longest prefixes in front. Anything longer is not worth a look at the metadata.
const MAX_TYPED_DIGITS: usize = 22;

/// Emergency numbers that every handset knows without a SIM (3GPP TS 22.101, section 10.1).
pub(crate) const EMERGENCY: [&str; 7] = ["000", "110", "112", "118", "119", "911", "999"];

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
pub(crate) struct Typed {
    pub(crate) plus: bool,
    pub(crate) digits: String,
}

impl Typed {
    pub(crate) fn read(raw: &str) -> Result<Self, PhoneError> {
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
pub(crate) fn last_two(text: &str) -> &str {
    text.char_indices().rev().nth(1).map_or("", |(at, _)| &text[at..])
}

#[cfg(test)]
mod tests;
