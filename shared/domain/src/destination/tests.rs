use proptest::prelude::*;

use super::*;
use crate::business::{BusinessNumber, NumberState};
use crate::id::BusinessId;
use crate::time::Timestamp;

const OURS: &str = "+14155550101";

fn phone(number: &str) -> Phone {
    Phone::from_e164(number).unwrap()
}

fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

fn business(home: &str, allowed: &[&str]) -> Business {
    Business {
        business_id: BusinessId::new(1001).unwrap(),
        business_name: None,
        country: country(home),
        time_zone: None,
        from_email: None,
        from_phone: Some(phone(OURS)),
        phone_numbers: vec![BusinessNumber {
            phone: phone("+14155550102"),
            location_id: None,
            registration: None,
            state: NumberState::Pending,
        }],
        subdomain: None,
        twilio_account_sid: None,
        inbox_shards: Default::default(),
        requests_per_minute: Default::default(),
        business_requests_per_minute: None,
        allowed_origins: Vec::new(),
        allowed_destinations: allowed.iter().copied().map(country).collect(),
        setup: Default::default(),
        setup_version: 0,
        created_at: Timestamp::from_millis(0),
    }
}

fn abroad(code: &str) -> Result<Reach, Unreachable> {
    Ok(Reach::IfWritten(Some(country(code))))
}

const ALLOWED: Result<Reach, Unreachable> = Ok(Reach::Allowed);

#[test]
fn business_reaches_its_own_country_and_those_that_it_named() {
    let table = [
        ("US", "", "+14155550123", ALLOWED),
        ("US", "", "+12025550123", ALLOWED),
        ("US", "", "+18005551212", ALLOWED),
        ("US", "", "+15005550006", ALLOWED),
        ("US", "", "+15550100001", ALLOWED),
        ("US", "", "+18765550123", abroad("JM")),
        ("US", "", "+16585550123", abroad("JM")),
        ("US", "", "+18095550123", abroad("DO")),
        ("US", "", "+18295550123", abroad("DO")),
        ("US", "", "+12645550123", abroad("AI")),
        ("US", "", "+18685550123", abroad("TT")),
        ("US", "", "+18695550123", abroad("KN")),
        ("US", "", "+17875550123", abroad("PR")),
        ("US", "", "+16135550123", abroad("CA")),
        ("US", "", "+16005550123", abroad("CA")),
        ("US", "", "+442079460018", abroad("GB")),
        ("US", "GB", "+442079460018", ALLOWED),
        ("US", "GB", "+14155550123", ALLOWED),
        ("US", "GB", "+441534456789", abroad("JE")),
        ("US", "JM", "+18765550123", ALLOWED),
        ("US", "JM", "+18685550123", abroad("TT")),
        ("CA", "", "+16135550123", ALLOWED),
        ("CA", "", "+14155550123", abroad("US")),
        ("CA", "", "+18005551212", ALLOWED),
        ("JM", "", "+18005551212", ALLOWED),
        ("GB", "", "+18005551212", abroad("US")),
        ("GB", "US", "+18005551212", ALLOWED),
        ("GB", "", "+447400123456", ALLOWED),
        ("GB", "", "+441481256789", abroad("GG")),
        ("GB", "", "+441624756789", abroad("IM")),
        ("RU", "", "+79161234567", ALLOWED),
        ("RU", "", "+77011234567", abroad("KZ")),
        ("RU", "", "+79401234567", abroad("GE")),
        ("KZ", "", "+77011234567", ALLOWED),
        ("IT", "", "+390612345678", ALLOWED),
        ("IT", "", "+390669812345", abroad("VA")),
        ("IT", "", "+390549886377", abroad("SM")),
        ("FR", "", "+262692123456", abroad("RE")),
        ("US", "", "+80012345678", Ok(Reach::IfWritten(None))),
        // A number that no metadata knows.
        ("US", "", "+22507070707", Ok(Reach::IfWritten(None))),
    ];
    for (home, allowed, to, expected) in table {
        let allowed: Vec<&str> = allowed.split(' ').filter(|code| !code.is_empty()).collect();
        assert_eq!(business(home, &allowed).reach(&phone(to)), expected, "{to} from {home} with {allowed:?}");
    }
}

#[test]
fn premium_satellite_personal_and_own_numbers_are_refused_to_everybody() {
    use Unreachable::{Costly, Own, Personal, Satellite};
    let table = [
        ("+19005550123", Costly),
        ("+14159761234", Costly),
        ("+18769761234", Costly),
        ("+17005550123", Costly),
        ("+449098790000", Costly),
        ("+448431234567", Costly),
        ("+448712345678", Costly),
        ("+447640123456", Costly),
        ("+499001234567", Costly),
        ("+491805123456", Costly),
        ("+33899123456", Costly),
        ("+611900123456", Costly),
        ("+979123456789", Costly),
        ("+80812345678", Costly),
        ("+870773111632", Satellite),
        ("+881612345678", Satellite),
        ("+88213300655", Satellite),
        ("+883510012345", Satellite),
        ("+88812345678901", Satellite),
        ("+61147123456", Satellite),
        ("+447012345678", Personal),
        ("+15335550123", Personal),
        ("+15225550123", Personal),
        ("+878101234567890", Personal),
        ("+78081234567", Personal),
        ("+4788012345", Personal),
        (OURS, Own),
        ("+14155550102", Own),
    ];
    for (to, expected) in table {
        for home in ["US", "GB", "DE", "AU"] {
            let everywhere = ["US", "CA", "JM", "GB", "JE", "DE", "FR", "AU", "RU", "KZ", "NO"];
            assert_eq!(business(home, &everywhere).reach(&phone(to)), Err(expected), "{to} from {home}");
        }
    }
}

#[test]
fn every_reason_is_a_sentence_that_says_what_to_do_and_names_no_number() {
    let jamaica = Unreachable::Abroad(Some(country("JM")));
    assert!(jamaica.to_string().contains("JM") && jamaica.to_string().contains("allowed_destinations"));
    assert!(Unreachable::Abroad(None).to_string().contains("no country"));
    assert!(Unreachable::TooOften.to_string().contains("60 times"));
    assert_eq!((jamaica.country(), Unreachable::Own.country()), ("JM", ""));
}

proptest! {
    /// A number of another country is never taken for one of the business's, whatever follows the area code.
    #[test]
    fn no_number_of_another_north_american_country_is_open(
        area in prop::sample::select(vec!["242", "246", "268", "284", "345", "441", "473", "649", "664", "721", "758",
            "767", "784", "809", "849", "868", "869", "876", "658", "204", "416", "604", "867", "942"]),
        rest in "[2-9][0-9]{6}",
    ) {
        let reach = business("US", &["GB", "DE"]).reach(&phone(&format!("+1{area}{rest}")));
        prop_assert!(matches!(reach, Ok(Reach::IfWritten(Some(_))) | Err(Unreachable::Costly)), "{reach:?}");
    }

    #[test]
    fn whatever_is_allowed_no_satellite_or_premium_number_is_open(
        start in prop::sample::select(vec!["870", "881", "882", "883", "888", "979", "1900", "4470", "4490"]),
        rest in "[0-9]{8}",
        home in prop::sample::select(vec!["US", "GB", "CA"]),
    ) {
        let reach = business(home, &["US", "GB", "CA", "JE", "GG", "IM"]).reach(&phone(&format!("+{start}{rest}")));
        // A number of a form that no plan has is open only if somebody wrote from it, and can't be typed.
        prop_assert!(reach != Ok(Reach::Allowed), "{start}{rest}");
    }

    #[test]
    fn naming_a_country_opens_it_and_closes_nothing(number in "[2-9][0-9]{2}[2-9][0-9]{6}", named in "[A-Z]{2}") {
        let to = phone(&format!("+1{number}"));
        let before = business("US", &[]).reach(&to);
        let Some(named) = Country::parse(&named) else { return Ok(()) };
        let after = business("US", &[named.as_str()]).reach(&to);
        match before {
            Ok(Reach::IfWritten(Some(of))) if of == named => prop_assert_eq!(after, ALLOWED),
            _ => prop_assert_eq!(after, before),
        }
    }
}
