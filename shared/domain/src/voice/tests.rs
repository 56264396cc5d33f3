use super::*;
use crate::access::Role;
use crate::business::{BusinessNumber, NumberState};
use crate::client::Personal;
use crate::id::LocationId;
use crate::shards::Shards;
use crate::time::Timestamp;

const OURS: &str = "+14155550101";
const AT_HARBOR: &str = "+14155550102";
const AT_HILL: &str = "+14155550103";

fn phone(text: &str) -> Phone {
    Phone::from_e164(text).unwrap()
}

fn place(id: u64) -> LocationId {
    LocationId::new(id).unwrap()
}

fn business(country: &str) -> Business {
    let number = |text: &str, location_id| BusinessNumber {
        phone: phone(text),
        location_id,
        registration: None,
        state: NumberState::Ready,
    };
    Business {
        business_id: BusinessId::new(1001).unwrap(),
        business_name: None,
        country: Country::parse(country).unwrap(),
        time_zone: None,
        from_email: None,
        from_phone: Some(phone(OURS)),
        phone_numbers: vec![
            number(AT_HARBOR, Some(place(3))),
            number(AT_HILL, Some(place(4))),
            number(OURS, None),
        ],
        subdomain: None,
        twilio_account_sid: None,
        inbox_shards: Shards::default(),
        requests_per_minute: Default::default(),
        business_requests_per_minute: None,
        allowed_origins: Vec::new(),
        allowed_destinations: Vec::new(),
        setup: Default::default(),
        setup_version: 0,
        created_at: Timestamp::from_millis(0),
    }
}

fn staff(locations: &[u64]) -> Staff {
    Staff {
        business_id: BusinessId::new(1001).unwrap(),
        staff_id: StaffId::new(12).unwrap(),
        full_name: Personal("Zoë".to_owned()),
        gender: None,
        image_url: None,
        email: None,
        phone: None,
        staff_role: Role::Staff,
        location_ids: locations.iter().copied().map(place).collect(),
        active: true,
        deactivated_at: None,
        sessions_ended_at: None,
        created_at: Timestamp::from_millis(0),
        updated_at: Timestamp::from_millis(0),
    }
}

#[test]
fn what_may_be_called_and_what_not() {
    let table = [
        ("US", "(415) 555-0123", Ok("+14155550123")),
        ("US", "+44 20 7946 0018", Ok("+442079460018")),
        ("US", "011 44 20 7946 0018", Ok("+442079460018")),
        ("GB", "020 7946 0018", Ok("+442079460018")),
        ("US", "911", Err(Refusal::Short)),
        ("US", "+1 911", Err(Refusal::Short)),
        ("US", "tel:911", Err(Refusal::Short)),
        ("US", "９１１", Err(Refusal::Short)),
        ("GB", "999", Err(Refusal::Short)),
        ("DE", "110", Err(Refusal::Short)),
        ("DE", "116117", Err(Refusal::Short)),
        ("AU", "000", Err(Refusal::Short)),
        ("US", "988", Err(Refusal::Short)),
        ("US", "12345", Err(Refusal::Short)),
        ("US", "01144999", Err(Refusal::NoNumber)),
        ("AU", "0011852999", Err(Refusal::NoNumber)),
        ("US", "555-0123", Err(Refusal::NoNumber)),
        ("US", "+1 911 555 0123", Err(Refusal::NoNumber)),
        ("US", "415555012", Err(Refusal::NoNumber)),
        ("US", "1-800-FLOWERS", Err(Refusal::NoNumber)),
        ("US", "sip:eve@example.com", Err(Refusal::NoNumber)),
        ("US", "client:b1002_s1", Err(Refusal::NoNumber)),
        ("US", "", Err(Refusal::NoNumber)),
        ("US", "\"<>&", Err(Refusal::NoNumber)),
        ("US", "900 555 0123", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("GB", "+1 900 234 5678", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("US", "415 976 1234", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("GB", "0909 879 0000", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("US", "+44 909 879 0000", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("US", "+44 843 123 4567", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("DE", "0900 1234567", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("DE", "0180 5123456", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("US", "+979 123 456 789", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("US", "+808 1234 5678", Err(Refusal::Unreachable(Unreachable::Costly))),
        ("US", "+881 6 2345 6789", Err(Refusal::Unreachable(Unreachable::Satellite))),
        ("GB", "070 1234 5678", Err(Refusal::Unreachable(Unreachable::Personal))),
        ("US", "+44 70 1234 5678", Err(Refusal::Unreachable(Unreachable::Personal))),
        ("US", "+1 415 555 0101", Err(Refusal::Unreachable(Unreachable::Own))),
        ("US", "4155550102", Err(Refusal::Unreachable(Unreachable::Own))),
    ];
    for (country, typed, expected) in table {
        let called = destination(typed, &business(country)).map(|(phone, _)| phone);
        assert_eq!(called, expected.map(phone), "{typed} in {country}");
    }
}

#[test]
fn number_abroad_is_called_only_if_somebody_wrote_from_it() {
    let reach = |typed, country| destination(typed, &business(country)).map(|(_, reach)| reach);
    let abroad = |code: &str| Ok(Reach::IfWritten(Country::parse(code)));
    assert_eq!(reach("+1 876 555 0123", "US"), abroad("JM"));
    assert_eq!(reach("(876) 555-0123", "US"), abroad("JM"));
    assert_eq!(reach("011 44 20 7946 0018", "US"), abroad("GB"));
    assert_eq!(reach("020 7946 0018", "GB"), Ok(Reach::Allowed));
    assert_eq!(reach("(415) 555-0123", "US"), Ok(Reach::Allowed));
}

#[test]
fn no_spelling_of_an_emergency_number_is_called() {
    for country in ["US", "GB", "DE", "FR", "IN", "AU", "BR", "JP", "FI", "HK", "KE", "IT"] {
        for emergency in crate::phone::EMERGENCY {
            for before in ["", "+", "1", "+1", "9", "0", "+44", "0044", "+49", "+358", "00358", "+852"] {
                let typed = format!("{before}{emergency}");
                assert!(destination(&typed, &business(country)).is_err(), "{typed} in {country}");
            }
        }
    }
}

#[test]
fn what_is_shown_is_always_a_number_of_the_business() {
    let table = [
        (vec![], None, OURS),
        (vec![3], None, AT_HARBOR),
        (vec![9, 4], None, AT_HILL),
        (vec![9], None, OURS),
        (vec![3], Some("(415) 555-0103"), AT_HILL),
        (vec![3], Some("+14155559999"), AT_HARBOR),
        (vec![], Some("\"<>&"), OURS),
    ];
    for (locations, asked, expected) in table {
        let shown = caller_id(&business("US"), &staff(&locations), asked).cloned();
        assert_eq!(shown, Some(phone(expected)), "{locations:?} {asked:?}");
    }
    let mut other = business("US");
    other.from_phone = Some(phone("+14155559999"));
    assert_eq!(caller_id(&other, &staff(&[]), None), Some(&phone(AT_HARBOR)), "a number that is not theirs");
    other.phone_numbers.clear();
    assert_eq!(caller_id(&other, &staff(&[]), Some(OURS)), None);
}

#[test]
fn a_browser_is_who_its_token_says_and_nobody_else() {
    let (business, staff) = (BusinessId::new(1001).unwrap(), StaffId::new(12).unwrap());
    assert_eq!(identity(business, staff), "b1001_s12");
    assert_eq!(browser("client:b1001_s12"), Some((business, staff)));
    for other in [
        "b1001_s12",
        "client:b1001_s12 ",
        "client:b01001_s12",
        "client:b1001_s+12",
        "client:B1001_s12",
        "client:b1001_s12_s13",
        "client:b1001",
        "client:b_s",
        "client:b9007199254740992_s1",
        "client:Ada",
        "client:",
        "+14155550123",
        "",
    ] {
        assert_eq!(browser(other), None, "{other}");
    }
}

#[test]
fn who_withholds_their_number_is_one_caller() {
    let us = Country::default();
    assert_eq!(caller("+1 415 555 0123", us), Address::Phone(phone("+14155550123")));
    let anonymous = Address::anonymous();
    assert_eq!(Address::from_key(anonymous.as_str()), Some(anonymous.clone()));
    for withheld in [
        "",
        " ",
        "anonymous",
        "Anonymous",
        "RESTRICTED",
        "Unavailable",
        "Blocked",
        "unknown",
        "Private",
        "+anonymous",
        "+266696687",
        "266696687",
        "+7378742833",
        "+2562533",
        "+8656696",
        "+86282452253",
        "sip:anonymous@anonymous.invalid",
        "sip:Anonymous@198.51.100.7:5060",
        "sips:restricted@unknown.invalid;transport=tls",
    ] {
        assert_eq!(caller(withheld, us), anonymous, "{withheld}");
    }
}

#[test]
fn caller_without_a_number_is_not_anonymous() {
    let us = Country::default();
    for literal in [
        "sip:alice@example.com",
        "sip:bob@example.com",
        "sip:private@example.com",
        "whatsapp:+14155550123",
        "12",
    ] {
        assert_eq!(caller(literal, us).as_str(), literal);
        assert_ne!(caller(literal, us), Address::anonymous());
    }
    assert_eq!(caller("68849", us).as_str(), "68849");
    assert_eq!(caller("+22507070707", us), Address::Phone(Phone::from_e164("+22507070707").unwrap()));
}
