use super::*;
use crate::address::Address;
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
        ("+5531988888888", "BR", &["+5531988888888", "+553188888888", "(31) 8888-8888", "00553188888888"]),
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

/// New area codes come with new metadata, and then have to be added to the table.
#[test]
fn every_area_code_is_of_the_country_that_the_metadata_says() {
    for code in 200..1000 {
        let told: Vec<&str> = ["2345678", "5552345", "2002345"]
            .iter()
            .filter_map(|rest| plan_of(1, &format!("{code}{rest}")))
            .map(|plan| plan.id())
            .collect();
        let is = Phone::from_e164(&format!("+1{code}2345678")).unwrap().country().unwrap();
        assert!(told.is_empty() || told.contains(&is.as_str()), "{code}: {told:?}, not {is:?}");
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
    for no in
        ["14158675309", "+1415867530a", "+123456", "+1234567890123456", "+01234567", "+", "", "++14158675309"]
    {
        assert_eq!(Phone::from_e164(no), None, "{no}");
        assert!(serde_json::from_str::<Phone>(&format!("{no:?}")).is_err());
    }
}

#[test]
fn debug_shows_two_digits() {
    assert_eq!(format!("{:?}", Phone::from_e164("+14158675309").unwrap()), "+…09");
    for (raw, shown) in [("+14158675309", "+…09"), ("12345", "…45"), ("ACME", "…ME"), ("A", "…")] {
        let address = Address::parse_sms(raw, Country::default()).unwrap();
        assert_eq!(format!("{address:?}"), shown);
    }
}

#[test]
fn kinds_of_address() {
    let kind = |raw: &str, code: &str| {
        Address::parse_sms(raw, region(code)).map(|address| match &address {
            Address::Phone(_) => ("phone", address.key().into_owned()),
            Address::ShortCode(_) => ("short", address.key().into_owned()),
            Address::Alphanumeric(_) => ("name", address.key().into_owned()),
            Address::Email(_) | Address::Literal(_) => unreachable!(),
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
        let address = Address::parse_sms(raw, Country::default()).unwrap();
        let json = serde_json::to_string(&address).unwrap();
        assert_eq!(json, format!("{raw:?}"));
        assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
        assert_eq!(Address::from_key(&address.key()), Some(address));
    }
    assert!(serde_json::from_str::<Address>("\"911\"").is_err());
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
            let _ = Address::parse_sms(&raw, region(code));
            let _ = Address::parse_sms(&digits, region(code));
        }
    }
}
