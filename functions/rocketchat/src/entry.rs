//! What callers want kept of a contact, as the directory keeps it.

use std::collections::BTreeMap;

use domain::client::{Change, ClientChanges, GivenPhone, Personal};
use domain::phone::{Country, Phone};
use domain::visitor::{LONGEST_FIELD, MOST_FIELDS, is_field_name};
use serde_json::Value;
use store::Store;
use web::Tenant;

use crate::parameters::Parameters;
use crate::refused::{Answer, Refused};
use crate::schema::Kind;
use crate::users;

/// The longest name, in characters.
pub(crate) const NAME: Kind = Kind::Text(200);
/// Mail addresses: how many, and how long.
pub(crate) const EMAILS: Kind = Kind::Texts(5, 254);
/// Phone numbers.
pub(crate) const PHONES: Kind = Kind::Texts(5, 64);
/// As much of the name of a custom field as a refusal shows.
const LONGEST_SHOWN: usize = 64;

/// What changes of a contact. What is not said, or `null`, stays.
pub(crate) fn read(asked: &Parameters, country: Country) -> Answer<ClientChanges> {
    let mut changes = ClientChanges::default();
    if let Some(name) = asked.text("name").map(str::trim).filter(|name| !name.is_empty()) {
        changes.full_name = Change::Set(Personal(name.to_owned()));
    }
    if let Some(emails) = texts(asked, "emails") {
        let mut emails = emails.into_iter().map(|email| Personal(email.to_lowercase()));
        changes.email = emails.next().map_or(Change::Clear, Change::Set);
        changes.other_emails = Change::Set(emails.collect());
    }
    if let Some(phones) = texts(asked, "phones") {
        let mut phones = phones.into_iter().map(|given| {
            let phone = Phone::parse(given, country).ok();
            GivenPhone { given: Personal(given.to_owned()), phone }
        });
        let first = phones.next();
        let phone = first.as_ref().and_then(|first| first.phone.clone());
        changes.phone = phone.map_or(Change::Clear, Change::Set);
        changes.phone_as_given = first.map_or(Change::Clear, |first| Change::Set(first.given));
        changes.other_phones = Change::Set(phones.collect());
    }
    if let Some(fields) = asked.get("customFields").and_then(Value::as_object) {
        changes.custom_fields = Change::Set(custom_fields(fields)?);
    }
    Ok(changes)
}

/// The texts of a list, without blanks around them and without blank ones.
fn texts<'a>(asked: &'a Parameters, name: &str) -> Option<Vec<&'a str>> {
    let list = asked.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).collect())
}

fn custom_fields(fields: &serde_json::Map<String, Value>) -> Answer<BTreeMap<String, Personal>> {
    let mut kept = BTreeMap::new();
    for (name, value) in fields {
        if kept.len() == MOST_FIELDS || !is_field_name(name) {
            let shown: String = name.chars().take(LONGEST_SHOWN).collect();
            return Err(Refused::plain(format!("Custom field {shown} is not allowed")));
        }
        match value.as_str().filter(|value| value.chars().count() <= LONGEST_FIELD) {
            Some(value) => kept.insert(name.clone(), Personal(value.to_owned())),
            None => return Err(Refused::plain(format!("Invalid value for {name} field"))),
        };
    }
    Ok(kept)
}

/// Who is to take care of a contact, if that is said: nobody, by an empty id or by `null`.
pub(crate) async fn manager(
    store: &Store,
    tenant: &Tenant,
    asked: &Parameters,
) -> Answer<Change<domain::StaffId>> {
    match asked.get("contactManager") {
        None => Ok(Change::Keep),
        Some(Value::String(id)) if !id.is_empty() => {
            let staff = users::by_user_id(store, tenant.id(), id).await?.filter(|staff| staff.active);
            let staff = staff.ok_or(Refused::plain("error-contact-manager-not-found"))?;
            Ok(Change::Set(staff.staff_id))
        }
        Some(_) => Ok(Change::Clear),
    }
}
