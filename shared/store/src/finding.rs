//! Clients by what the directory has of them, for interfaces that ask for one by more than an id.

use domain::client::Client;
use domain::fold::fold;
use domain::phone::{Country, Phone};
use domain::{BusinessId, ClientId, Result};

use crate::clients::{ClientView, client_in, custom_term, email_term, phone_term, token_term};
use crate::item::{Item, s};
use crate::keys::attribute::{PK, SK};
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
        let found = match clue {
            Clue::Token(token) => self.find_exactly(business, &token_term(token)).await?,
            Clue::Email(email) => self.find_exactly(business, &email_term(email)).await?,
            Clue::Phone(spelled, country) => {
                let phone = Phone::parse(spelled, country).ok();
                let number = phone.as_ref().map_or(spelled, Phone::as_str);
                self.find_exactly(business, &phone_term(number)).await?
            }
            Clue::Field(name, part) => self.find_inside(business, name, part).await?,
        };
        if found.is_empty() {
            return Ok(None);
        }
        let views = self.client_views(business, &found).await?;
        Ok(views.into_iter().find(|view| is(&view.client)))
    }

    async fn find_exactly(&self, business: BusinessId, term: &str) -> Result<Vec<ClientId>> {
        let (from, to) = keys::find_exactly(term);
        let (found, _) = self.terms_between(business, (&from, &to), Some(MOST_ALIKE), None).await?;
        found.iter().map(client_in).collect()
    }

    async fn find_inside(&self, business: BusinessId, name: &str, part: &str) -> Result<Vec<ClientId>> {
        let (from, to) = keys::find_beginning(&custom_term(name, ""));
        let (part, mut next, mut found) = (fold(part), None, Vec::new());
        for _ in 0..MOST_QUERIES {
            let (items, more) = self.terms_between(business, (&from, &to), None, next).await?;
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

    async fn terms_between(
        &self,
        business: BusinessId,
        (from, to): (&str, &str),
        most: Option<usize>,
        after: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>)> {
        let answer = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(keys::find_pk(business)))
            .expression_attribute_values(":from", s(from))
            .expression_attribute_values(":to", s(to))
            .consistent_read(true)
            .set_limit(most.map(|most| most as i32))
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(crate::error::from_sdk)?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}
