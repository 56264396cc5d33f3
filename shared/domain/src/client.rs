//! A client of a business: a person, as the business's own directory knows them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::channel::Channel;
use crate::id::{BusinessId, ClientId, LocationId};
use crate::phone::Phone;
use crate::time::Timestamp;

/// A detail of a person that must not be printed: name, mail address, picture.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal(pub String);

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<personal>")
    }
}

/// What kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientType {
    /// A customer.
    Client,
    /// Not yet one.
    Lead,
}

impl ClientType {
    /// Every kind.
    pub const ALL: [ClientType; 2] = [ClientType::Client, ClientType::Lead];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ClientType::Client => "client",
            ClientType::Lead => "lead",
        }
    }
}

/// A phone number, as somebody gave it and as it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenPhone {
    /// As it was given.
    pub given: Personal,
    /// As it is called; `None` for what is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
}

/// What the directory knows of a client. The serde shape is the stored shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// Whose.
    pub business_id: BusinessId,
    /// Who.
    pub client_id: ClientId,
    /// Full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<Personal>,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Personal>,
    /// Middle name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<Personal>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<Personal>,
    /// Gender, in the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Personal>,
    /// Where the picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<Personal>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// Phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// The phone number as it was first given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_as_given: Option<Personal>,
    /// What kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_type: Option<ClientType>,
    /// The id in the caller's user system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wl_user_id: Option<u64>,
    /// Home location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<LocationId>,
    /// Time zone name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Mail addresses beside the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_emails: Vec<Personal>,
    /// Phone numbers beside the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_phones: Vec<GivenPhone>,
    /// What the business wants kept of them, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_fields: BTreeMap<String, Personal>,
    /// By which a live chat knows them. Whoever shows it proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_token: Option<Personal>,
    /// What a live chat calls them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_name: Option<Personal>,
    /// How they are not listened to: what comes in this way is stored, and nobody is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_channels: Vec<Channel>,
    /// Not a client any more.
    #[serde(default)]
    pub inactive: bool,
    /// Made by omega for an unknown sender; the directory has not named them yet.
    #[serde(default)]
    pub provisional: bool,
    /// Made by omega for mail whose sender is not proven. The address that the mail names is not theirs, and stays
    /// with whom it leads to. Ends when the directory names them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
    /// When omega first saw them.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

impl Client {
    /// A client of whom nothing is known yet.
    pub fn unnamed(business: BusinessId, client: ClientId, now: Timestamp) -> Client {
        Client {
            business_id: business,
            client_id: client,
            full_name: None,
            first_name: None,
            middle_name: None,
            last_name: None,
            gender: None,
            image_url: None,
            email: None,
            phone: None,
            phone_as_given: None,
            client_type: None,
            wl_user_id: None,
            location_id: None,
            time_zone: None,
            other_emails: Vec::new(),
            other_phones: Vec::new(),
            custom_fields: BTreeMap::new(),
            visitor_token: None,
            visitor_name: None,
            blocked_channels: Vec::new(),
            inactive: false,
            provisional: false,
            unproven: false,
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether what comes in this way is stored, and nobody is told.
    pub fn is_blocked(&self, channel: Channel) -> bool {
        self.blocked_channels.contains(&channel)
    }

    /// The ways that are blocked after one more is, or one less.
    pub fn blocked_after(&self, channel: Channel, blocked: bool) -> Vec<Channel> {
        let others = self.blocked_channels.iter().copied().filter(|other| *other != channel);
        others.chain(blocked.then_some(channel)).collect()
    }

    /// Every mail address, the first one first, as they were given.
    pub fn emails(&self) -> impl Iterator<Item = &Personal> {
        self.email.iter().chain(&self.other_emails)
    }

    /// Every phone number that can be called, the first one first.
    pub fn phones(&self) -> impl Iterator<Item = &Phone> {
        self.phone.iter().chain(self.other_phones.iter().filter_map(|other| other.phone.as_ref()))
    }

    /// The number to show. Of a sender without a number, the short code or the name that stands in its place; of what a
    /// directory has in place of a number, a short code alone.
    pub fn phone_to_show(&self) -> Option<&str> {
        let is_code = |given: &str| matches!(Address::from_key(given), Some(Address::ShortCode(_)));
        let given = self.phone_as_given.as_ref().map(|given| given.0.as_str());
        let given = || given.filter(|given| self.provisional || is_code(given));
        self.phone.as_ref().map(Phone::as_str).or_else(given)
    }

    /// The name to show: the full one, else the parts that are known.
    pub fn display_name(&self) -> Option<String> {
        if let Some(name) = &self.full_name {
            return Some(name.0.clone());
        }
        let parts: Vec<&str> = [&self.first_name, &self.middle_name, &self.last_name]
            .into_iter()
            .flatten()
            .map(|part| part.0.as_str())
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// First, middle and last name. Of a full name alone, the last word is the surname, and one word is a first name.
    pub fn name_parts(&self) -> [Option<Personal>; 3] {
        let parts = [&self.first_name, &self.middle_name, &self.last_name];
        let whole = self.full_name.as_ref().filter(|_| parts.iter().all(|part| part.is_none()));
        let Some(whole) = whole else { return parts.map(Clone::clone) };
        let part = |part: &str| Some(Personal(part.trim().to_owned())).filter(|part| !part.0.is_empty());
        match whole.0.trim().rsplit_once(char::is_whitespace) {
            Some((first, last)) => [part(first), None, part(last)],
            None => [part(&whole.0), None, None],
        }
    }
}

/// One field of a directory update.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Change<T> {
    /// Not mentioned: keep what is stored.
    #[default]
    Keep,
    /// `null`: forget it.
    Clear,
    /// A new value.
    Set(T),
}

/// A directory update of one client: fields that are not mentioned keep their value, `null` clears.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ClientChanges {
    /// Full name.
    pub full_name: Change<Personal>,
    /// First name.
    pub first_name: Change<Personal>,
    /// Middle name.
    pub middle_name: Change<Personal>,
    /// Last name.
    pub last_name: Change<Personal>,
    /// Gender.
    pub gender: Change<Personal>,
    /// Picture.
    pub image_url: Change<Personal>,
    /// Mail address.
    pub email: Change<Personal>,
    /// Phone number, checked.
    pub phone: Change<Phone>,
    /// Phone number as given.
    pub phone_as_given: Change<Personal>,
    /// Kind.
    pub client_type: Change<ClientType>,
    /// Id in the caller's user system.
    pub wl_user_id: Change<u64>,
    /// Home location.
    pub location_id: Change<LocationId>,
    /// Time zone name.
    pub time_zone: Change<String>,
    /// Mail addresses beside the first.
    pub other_emails: Change<Vec<Personal>>,
    /// Phone numbers beside the first.
    pub other_phones: Change<Vec<GivenPhone>>,
    /// What the business wants kept, all of it.
    pub custom_fields: Change<BTreeMap<String, Personal>>,
    /// Token of a live chat.
    pub visitor_token: Change<Personal>,
    /// Name in a live chat.
    pub visitor_name: Change<Personal>,
    /// How they are not listened to.
    pub blocked_channels: Change<Vec<Channel>>,
    /// Not a client any more.
    pub inactive: Change<bool>,
}

impl<T> Change<T> {
    /// The value after the change.
    pub fn after(&self, old: Option<T>) -> Option<T>
    where
        T: Clone,
    {
        match self {
            Change::Keep => old,
            Change::Clear => None,
            Change::Set(new) => Some(new.clone()),
        }
    }
}

impl ClientChanges {
    /// The entry after the update. Whoever the directory names is not provisional any more.
    pub fn applied_to(
        &self,
        old: Option<&Client>,
        business: BusinessId,
        client: ClientId,
        now: Timestamp,
    ) -> Client {
        let old = old.cloned().unwrap_or_else(|| Client::unnamed(business, client, now));
        Client {
            full_name: self.full_name.after(old.full_name),
            first_name: self.first_name.after(old.first_name),
            middle_name: self.middle_name.after(old.middle_name),
            last_name: self.last_name.after(old.last_name),
            gender: self.gender.after(old.gender),
            image_url: self.image_url.after(old.image_url),
            email: self.email.after(old.email),
            phone: self.phone.after(old.phone),
            phone_as_given: self.phone_as_given.after(old.phone_as_given),
            client_type: self.client_type.after(old.client_type),
            wl_user_id: self.wl_user_id.after(old.wl_user_id),
            location_id: self.location_id.after(old.location_id),
            time_zone: self.time_zone.after(old.time_zone),
            other_emails: self.other_emails.after(Some(old.other_emails)).unwrap_or_default(),
            other_phones: self.other_phones.after(Some(old.other_phones)).unwrap_or_default(),
            custom_fields: self.custom_fields.after(Some(old.custom_fields)).unwrap_or_default(),
            visitor_token: self.visitor_token.after(old.visitor_token),
            visitor_name: self.visitor_name.after(old.visitor_name),
            blocked_channels: self.blocked_channels.after(Some(old.blocked_channels)).unwrap_or_default(),
            inactive: self.inactive.after(Some(old.inactive)).unwrap_or(false),
            provisional: false,
            unproven: false,
            updated_at: now,
            ..old
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_whole_name_is_the_surname_where_nobody_gave_the_parts() {
        let named = |full: Option<&str>, last: Option<&str>| {
            let personal = |text: Option<&str>| text.map(|text| Personal(text.to_owned()));
            let client = Client::unnamed(
                BusinessId::new(1).unwrap(),
                ClientId::new(2).unwrap(),
                Timestamp::from_millis(0),
            );
            let client = Client { full_name: personal(full), last_name: personal(last), ..client };
            client.name_parts().map(|part| part.map_or_else(|| "-".to_owned(), |part| part.0))
        };
        assert_eq!(named(Some("Ada Augusta  King"), None), ["Ada Augusta", "-", "King"]);
        assert_eq!(named(Some(" Ada "), None), ["Ada", "-", "-"]);
        assert_eq!(named(Some("Ada Augusta King"), Some("Lovelace")), ["-", "-", "Lovelace"]);
        assert_eq!(named(Some(" "), None), ["-", "-", "-"]);
        assert_eq!(named(None, None), ["-", "-", "-"]);
    }
}
