//! A client as a live chat knows them: a visitor, with a token and a name of their own, and the first of their mail
//! addresses and phone numbers.

use std::collections::BTreeMap;

use crate::client::{Change, Client, ClientChanges, Personal};
use crate::global_id;
use crate::phone::{Country, Phone};

/// The most custom fields that are kept of a client.
pub const MOST_FIELDS: usize = 10;
const LONGEST_FIELD_NAME: usize = 64;
/// The longest value of one, in characters.
pub const LONGEST_FIELD: usize = 500;

/// By which the chat knows them: what it said itself, else their id. Whoever shows it proves nothing.
pub fn token(client: &Client) -> String {
    let own = || global_id::encode(client.business_id, client.client_id);
    client.visitor_token.as_ref().map_or_else(own, |token| token.0.clone())
}

/// What the chat calls them.
pub fn username(client: &Client) -> String {
    let guest = || format!("guest-{}", client.client_id);
    client.visitor_name.as_ref().map_or_else(guest, |name| name.0.clone())
}

/// Their mail address, as it is shown and compared.
pub fn email(client: &Client) -> Option<String> {
    client.email.as_ref().map(|email| plain(&email.0)).filter(|email| !email.is_empty())
}

/// Their phone number, as it was given.
pub fn phone(client: &Client) -> Option<&str> {
    let given = client.phone_as_given.as_ref().map(|given| given.0.as_str());
    given.or(client.phone.as_ref().map(Phone::as_str))
}

fn plain(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether a chat may keep something under this name.
pub fn is_field_name(name: &str) -> bool {
    let is_sane = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST_FIELD_NAME).contains(&name.len()) && name.bytes().all(is_sane)
}

/// What a chat looks for: all of it has to be true.
#[derive(Clone, Default)]
pub struct Wanted<'a> {
    /// This mail address.
    pub email: Option<&'a str>,
    /// This phone number, in this spelling.
    pub phone: Option<&'a str>,
    /// These words somewhere in what is kept under a name.
    pub fields: Vec<(&'a str, &'a str)>,
}

impl Wanted<'_> {
    /// Whether a client is looked for. Nobody looks for those who are no clients any more.
    pub fn is(&self, client: &Client) -> bool {
        let holds = |(name, part): &(&str, &str)| {
            let kept = client.custom_fields.get(*name);
            kept.is_some_and(|kept| kept.0.to_lowercase().contains(&part.to_lowercase()))
        };
        !client.inactive
            && self.email.is_none_or(|wanted| email(client).as_deref() == Some(wanted))
            && self.phone.is_none_or(|wanted| phone(client) == Some(wanted))
            && self.fields.iter().all(holds)
    }
}

/// What a chat says of a visitor.
#[derive(Clone)]
pub struct Said {
    /// By which it knows them.
    pub token: String,
    /// Their name. Blank is not said.
    pub name: String,
    /// Their mail address. The chat says it each time: without one there is none.
    pub email: Option<String>,
    /// Their phone number; blank for none any more.
    pub phone: Option<String>,
    /// What to call them, when they are new.
    pub username: Option<String>,
    /// What else is to be kept of them. What cannot be is left out.
    pub fields: BTreeMap<String, String>,
}

impl Said {
    /// The mail address, as it is shown and compared.
    pub fn email(&self) -> Option<String> {
        self.email.as_deref().map(plain).filter(|email| !email.is_empty())
    }

    /// Whether they are this client, by their token.
    pub fn is_by_token(&self, client: &Client) -> bool {
        !client.inactive && token(client) == self.token
    }

    /// Whether they are this client, to whom their token leads as an id.
    pub fn is_by_id(&self, client: &Client) -> bool {
        self.is_by_token(client) || (!client.inactive && client.visitor_token.is_none())
    }

    /// Whether they are this client, by their mail address.
    pub fn is_by_email(&self, client: &Client) -> bool {
        let said = self.email();
        !client.inactive && said.is_some() && email(client) == said
    }

    /// What it changes of a client. A number without a country is one of `country`.
    pub fn changes(&self, old: Option<&Client>, country: Country) -> ClientChanges {
        let (phone, phone_as_given) = self.phone(country);
        let name = ClientChanges {
            visitor_token: Change::Set(Personal(self.token.clone())),
            visitor_name: match (old, &self.username) {
                (None, Some(name)) if !name.trim().is_empty() => Change::Set(Personal(name.clone())),
                _ => Change::Keep,
            },
            email: self.email().map_or(Change::Clear, |email| Change::Set(Personal(email))),
            phone,
            phone_as_given,
            custom_fields: self.kept(old.map(|old| &old.custom_fields)),
            ..ClientChanges::default()
        };
        if self.name.trim().is_empty() || old.and_then(Client::display_name).as_ref() == Some(&self.name) {
            return name;
        }
        // The parts are of another name.
        ClientChanges {
            full_name: Change::Set(Personal(self.name.clone())),
            first_name: Change::Clear,
            middle_name: Change::Clear,
            last_name: Change::Clear,
            ..name
        }
    }

    fn phone(&self, country: Country) -> (Change<Phone>, Change<Personal>) {
        match self.phone.as_deref() {
            None => (Change::Keep, Change::Keep),
            Some(blank) if blank.trim().is_empty() => (Change::Clear, Change::Clear),
            Some(given) => {
                // What is no number cannot be called, and is shown all the same.
                let phone = Phone::parse(given, country).map_or(Change::Clear, Change::Set);
                (phone, Change::Set(Personal(given.to_owned())))
            }
        }
    }

    /// What is kept beside what was: new names as long as there is room.
    fn kept(&self, old: Option<&BTreeMap<String, Personal>>) -> Change<BTreeMap<String, Personal>> {
        let mut kept = old.cloned().unwrap_or_default();
        for (name, value) in &self.fields {
            let has_room = kept.len() < MOST_FIELDS || kept.contains_key(name);
            if has_room && is_field_name(name) && value.chars().count() <= LONGEST_FIELD {
                kept.insert(name.clone(), Personal(value.clone()));
            }
        }
        if old.is_none_or(|old| *old == kept) && (old.is_some() || kept.is_empty()) {
            return Change::Keep;
        }
        Change::Set(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{BusinessId, ClientId};
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn noon() -> Timestamp {
        Timestamp::parse("2026-01-31T12:00:00Z").unwrap()
    }

    fn stored(said: &Said, old: Option<&Client>) -> Client {
        let (business, client) = (BusinessId::new(1001).unwrap(), ClientId::new(7).unwrap());
        said.changes(old, Country::default()).applied_to(old, business, client, noon())
    }

    fn said(token: &str) -> Said {
        Said {
            token: token.to_owned(),
            name: "Ada King".to_owned(),
            email: None,
            phone: None,
            username: None,
            fields: BTreeMap::new(),
        }
    }

    fn fields(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_a_chat_did_not_say_is_made_from_the_id() {
        let client = Client::unnamed(BusinessId::new(1001).unwrap(), ClientId::new(7).unwrap(), noon());
        assert_eq!(token(&client), "000003e90000000000000007");
        assert_eq!(username(&client), "guest-7");
        assert!(said("000003e90000000000000007").is_by_token(&client));
        assert!(!said("").is_by_email(&client), "no address is nobody's");
    }

    #[test]
    fn an_address_is_said_each_time_and_a_number_when_it_changes() {
        let first = Said {
            email: Some(" Ada@Example.com ".to_owned()),
            phone: Some("(415) 555-0123".to_owned()),
            ..said("t")
        };
        let first = stored(&first, None);
        assert_eq!(email(&first).as_deref(), Some("ada@example.com"));
        assert_eq!(
            (phone(&first), first.phone.as_ref().unwrap().as_str()),
            (Some("(415) 555-0123"), "+14155550123")
        );
        let second = stored(&said("t"), Some(&first));
        assert_eq!((email(&second), phone(&second)), (None, Some("(415) 555-0123")));
        let uncalled = stored(&Said { phone: Some("ask".to_owned()), ..said("t") }, Some(&second));
        assert_eq!((phone(&uncalled), &uncalled.phone), (Some("ask"), &None));
        let none = stored(&Said { phone: Some(String::new()), ..said("t") }, Some(&uncalled));
        assert_eq!(phone(&none), None);
    }

    #[test]
    fn another_name_leaves_no_parts_of_the_old_one() {
        let mut old = stored(&said("t"), None);
        old.full_name = None;
        (old.first_name, old.last_name) =
            (Some(Personal("Ada".to_owned())), Some(Personal("King".to_owned())));
        let same = stored(&said("t"), Some(&old));
        assert_eq!((same.first_name.is_some(), same.full_name.is_some()), (true, false));
        let other = stored(&Said { name: "Zoë".to_owned(), ..said("t") }, Some(&old));
        assert_eq!(
            (other.first_name, other.last_name, other.full_name.unwrap().0),
            (None, None, "Zoë".to_owned())
        );
        let blank = stored(&Said { name: " ".to_owned(), ..said("t") }, Some(&old));
        assert_eq!(blank.display_name().as_deref(), Some("Ada King"));
    }

    #[test]
    fn what_cannot_be_kept_is_left_out_and_the_rest_joins_what_there_is() {
        let long = "x".repeat(501);
        let said = |of| Said { fields: fields(of), ..said("t") };
        let odd = [("pet", "cat"), ("a b", "x"), ("", "x"), ("essay", &*long)];
        let first = stored(&said(&odd), None);
        assert_eq!(first.custom_fields.keys().collect::<Vec<_>>(), ["pet"]);
        let second = stored(&said(&[("pet", "dog"), ("town", "Oslo")]), Some(&first));
        assert_eq!(second.custom_fields["pet"].0, "dog");
        assert_eq!(second.custom_fields.len(), 2);
    }

    #[test]
    fn a_chat_calls_somebody_by_the_name_they_began_with() {
        let named = |name: &str| Said { username: Some(name.to_owned()), ..said("t") };
        let first = stored(&named("ada"), None);
        assert_eq!(username(&stored(&named("zoe"), Some(&first))), "ada");
        assert_eq!(username(&stored(&named(""), None)), "guest-7");
    }

    proptest! {
        #[test]
        fn saying_it_again_changes_nothing_and_never_keeps_too_much(
            names in prop::collection::vec("[a-z0-9_ -]{0,3}", 0..20), more in prop::collection::vec("[a-c]", 0..9),
            email in prop::option::of("[ aA@.]{0,6}"), phone in prop::option::of("[ 0-9+a]{0,12}")
        ) {
            let fields = |names: &[String]| names.iter().map(|name| (name.clone(), name.clone())).collect();
            let first = stored(&Said { fields: fields(&more), ..said("u") }, None);
            let told = Said { fields: fields(&names), email, phone, ..said("t") };
            let once = stored(&told, Some(&first));
            prop_assert_eq!(&stored(&told, Some(&once)), &once);
            prop_assert!(once.custom_fields.len() <= 10);
            prop_assert!(told.is_by_token(&once) && !told.is_by_token(&first));
            prop_assert_eq!(told.is_by_email(&once), told.email().is_some());
        }
    }
}
