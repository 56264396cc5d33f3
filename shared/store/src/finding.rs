//! Clients by what the directory has of them, for interfaces that ask for one by more than an id.

use domain::client::Client;
use domain::fold::fold;
use domain::phone::{Country, Phone};
use domain::{BusinessId, ClientId, Result};

use crate::clients::{ClientView, client_in, custom_term, email_term, phone_term, token_term};
use crate::keys::attribute::SK;
use crate::{Store, keys};

/// The most clients who are looked at: what more of them have in common tells nobody apart.
const MOST_ALIKE: usize = 100;
/// The most queries that look through what is kept of clients under one name, some 7 000 clients each.
const MOST_QUERIES: usize = 10;

/// What clients are found by.
#[derive(Clone, Copy)]
pub enum Clue<'a> {
    /// The token of a live chat.
    Token(&'a str),
    /// A mail address.
    Email(&'a str),
    /// A phone number, in any spelling.
    Phone(&'a str, Country),
    /// Words somewhere in what is kept of a client under a name: in the first 80 characters.
    Field(&'a str, &'a str),
}

impl Store {
    /// Clients whom a clue leads to, those with the smallest ids first: a query and a read, whatever the size of the
    /// directory, but that a [`Clue::Field`] looks at all there is under its name, up to ten queries. A clue is shorter
    /// than what it stands for, so it is up to the caller to look whether it `is` them. The first hundred are looked at.
    pub async fn find_by(
        &self,
        business: BusinessId,
        clue: Clue<'_>,
        is: impl Fn(&Client) -> bool,
    ) -> Result<Option<ClientView>> {
        let found = self.led_to(business, clue, MOST_ALIKE).await?;
        if found.is_empty() {
            return Ok(None);
        }
        let views = self.client_views(business, &found).await?;
        Ok(views.into_iter().find(|view| is(&view.client)))
    }

    /// Whether a clue leads to anybody: one query.
    pub async fn leads_to_somebody(&self, business: BusinessId, clue: Clue<'_>) -> Result<bool> {
        Ok(!self.led_to(business, clue, 1).await?.is_empty())
    }

    async fn led_to(&self, business: BusinessId, clue: Clue<'_>, most: usize) -> Result<Vec<ClientId>> {
        let term = match clue {
            Clue::Token(token) => token_term(token),
            Clue::Email(email) => email_term(email),
            Clue::Phone(spelled, country) => {
                let phone = Phone::parse(spelled, country).ok();
                phone_term(phone.as_ref().map_or(spelled, Phone::as_str))
            }
            Clue::Field(name, part) => return self.find_inside(business, name, part).await,
        };
        let (from, to) = keys::find_exactly(&term);
        let most = i32::try_from(most).ok();
        let (found, _) = self.query_span(keys::find_pk(business), (&from, &to), most, None).await?;
        found.iter().map(client_in).collect()
    }

    async fn find_inside(&self, business: BusinessId, name: &str, part: &str) -> Result<Vec<ClientId>> {
        let (from, to) = keys::find_beginning(&custom_term(name, ""));
        let (part, mut next, mut found) = (fold(part), None, Vec::new());
        for _ in 0..MOST_QUERIES {
            let (items, more) = self.query_span(keys::find_pk(business), (&from, &to), None, next).await?;
            for item in &items {
                let value =
                    item.get(SK).and_then(|sk| sk.as_s().ok()).and_then(|sk| keys::found_in(&from, sk));
                if value.is_some_and(|value| value.contains(&part)) {
                    found.push(client_in(item)?);
                }
            }
            next = more;
            if next.is_none() || found.len() >= MOST_ALIKE {
                break;
            }
        }
        found.truncate(MOST_ALIKE);
        found.sort_unstable();
        Ok(found)
    }
}
