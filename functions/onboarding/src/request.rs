//! What is asked for, checked.

use domain::access::RateLimit;
use domain::business::{BusinessNumber, NumberState, Registration};
use domain::email::Email;
use domain::location::LocationChanges;
use domain::phone::{Country, Phone};
use domain::shards::Shards;
use domain::{BusinessId, LocationId};
use serde_json::Value;
use web::read::{Object, Problem, choice, id, integer, mailbox, phone, text};
use web::schemas::location;

use crate::TwilioAccount;

/// Numbers in one call.
const MOST_NUMBERS: usize = 100;
/// Locations in one call.
const MOST_LOCATIONS: usize = 100;
/// Origins of a business.
const MOST_ORIGINS: usize = 10;
/// Countries that a business texts and calls: more than there are.
const MOST_COUNTRIES: usize = 300;
/// What an origin has at most: a host has no more than 253 characters.
const LONGEST_ORIGIN: usize = 270;

/// A request, checked. Its numbers are read in the business's own country. What is not mentioned stays as it is.
pub(crate) struct Request {
    pub business: BusinessId,
    pub business_name: Option<String>,
    pub from_email: Option<Email>,
    pub time_zone: Option<String>,
    pub country: Country,
    pub subdomain: Option<String>,
    pub twilio_account_sid: Option<String>,
    pub from_phone: Option<Phone>,
    /// The default number among them.
    pub numbers: Vec<BusinessNumber>,
    pub locations: Vec<(LocationId, LocationChanges)>,
    pub inbox_shards: Option<Shards>,
    pub requests_per_minute: Option<RateLimit>,
    pub allowed_origins: Option<Vec<String>>,
    pub allowed_destinations: Option<Vec<Country>>,
    pub a2p_brand_sid: Option<String>,
    pub a2p_campaign_sid: Option<String>,
    pub test_phone: Option<Phone>,
}

/// `known` is the country of a business that exists: a repeated call need not name it, and cannot change it.
pub(crate) fn read(object: &Object<'_>, known: Option<Country>, account: &TwilioAccount) -> Option<Request> {
    let business = object.required("business_id", id);
    let country = object.optional("country", country_code);
    let country = known.or(country).unwrap_or_default();
    let number = phone(country);
    let from_phone = object.optional("from_phone_number", &number);
    // A business is set up as a whole: one bad entry refuses the call, so that none is forgotten.
    let numbers = object.every("phone_numbers", MOST_NUMBERS, |entry| {
        let phone = entry.required("phone_number", &number);
        let location_id = entry.optional("location_id", id);
        let registration = entry.optional("a2p_registration", choice::<Registration>(Registration::WORDS));
        Some(BusinessNumber { phone: phone?, location_id, state: NumberState::Pending, registration })
    });
    let locations = object.every("locations", MOST_LOCATIONS, |entry| {
        let location = entry.required("location_id", id);
        let changes = location::changes(entry, country);
        Some((location?, changes?))
    });
    let twilio_account_sid = object.optional("twilio_account_sid", |value| match text(34)(value)? {
        sid if sid == account.0 => Ok(sid),
        _ => Err(Problem::value("omega is not set up for this Twilio account")),
    });
    let origins = object.list("allowed_origins", MOST_ORIGINS, origin);
    let is_named = |field| object.raw(field).is_some_and(|value| !value.is_null());
    let mut destinations = object.list("allowed_destinations", MOST_COUNTRIES, country_code);
    destinations.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    destinations.dedup();
    Some(Request {
        business_name: object.optional("business_name", text(200)),
        from_email: object.optional("from_email", mailbox),
        time_zone: object.optional("timezone", web::read::time_zone),
        subdomain: object.optional("subdomain", text(63)),
        inbox_shards: object.optional("inbox_shards", shards),
        requests_per_minute: object.optional("requests_per_minute", requests),
        allowed_origins: is_named("allowed_origins").then_some(origins),
        allowed_destinations: is_named("allowed_destinations").then_some(destinations),
        a2p_brand_sid: object.optional("a2p_brand_sid", text(64)),
        a2p_campaign_sid: object.optional("a2p_campaign_sid", text(64)),
        test_phone: object.optional("test_phone_number", &number),
        business: business?,
        country,
        twilio_account_sid,
        numbers: with_default(numbers?, from_phone.as_ref()),
        from_phone,
        locations: locations?,
    })
}

fn country_code(value: &Value) -> Result<Country, Problem> {
    Country::parse(&text(2)(value)?).ok_or_else(|| Problem::value("it is not an ISO 3166-1 alpha-2 country"))
}

fn with_default(mut numbers: Vec<BusinessNumber>, default: Option<&Phone>) -> Vec<BusinessNumber> {
    let missing = default.filter(|phone| numbers.iter().all(|number| number.phone != **phone));
    numbers.extend(missing.map(|phone| BusinessNumber {
        phone: phone.clone(),
        location_id: None,
        state: NumberState::Pending,
        registration: None,
    }));
    numbers
}

/// In how many parts the lists of the business are spread. It can be raised later, and never lowered: a smaller number
/// than the stored one changes nothing.
fn shards(value: &Value) -> Result<Shards, Problem> {
    Shards::new(integer(value)?).ok_or_else(|| Problem::value(format!("it has to be 1 to {}", Shards::MOST)))
}

fn requests(value: &Value) -> Result<RateLimit, Problem> {
    let problem = || Problem::value(format!("it has to be 1 to {}", RateLimit::MOST));
    RateLimit::new(integer(value)?).ok_or_else(problem)
}

/// An origin as browsers write it: in lower case, without a path, and without the port that goes without saying.
fn origin(value: &Value) -> Result<String, Problem> {
    let problem =
        || Problem::value("it is not an origin such as https://inbox.example.com or http://localhost:3000");
    let origin = text(LONGEST_ORIGIN)(value)?.to_ascii_lowercase();
    let (scheme, rest) = origin.split_once("://").ok_or_else(problem)?;
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let label = |label: &str| {
        let good = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
        !label.is_empty() && label.bytes().all(good) && !label.starts_with('-') && !label.ends_with('-')
    };
    let allowed = scheme == "https" || (scheme == "http" && host == "localhost");
    let numbered = port.is_none_or(|port| {
        port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let usual = if scheme == "https" { "443" } else { "80" };
    match allowed && numbered && host.split('.').all(label) {
        true if port == Some(usual) => Ok(format!("{scheme}://{host}")),
        true => Ok(origin),
        false => Err(problem()),
    }
}
