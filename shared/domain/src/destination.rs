//! Which numbers a business may text and call: one rule for both channels.
//!
//! [`Business::reach`] decides by the number and the business alone. Two facts are in the table, and become conditions of
//! the write: whether somebody wrote from the number ([`Reach::IfWritten`]), and how often the number was texted and
//! called within the hour ([`MOST_AN_HOUR`]). docs/adr/0040 says why.

use crate::business::Business;
use crate::failure::{ErrorClass, Failure};
use crate::phone::{Charge, Country, Phone};

/// How many texts and calls together go to one number within a clock hour. Two people who text each other stay far below;
/// a loop, or a stolen key, does not.
pub const MOST_AN_HOUR: u32 = 60;

/// How far a number is open to a business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is in a country that the business texts and calls.
    Allowed,
    /// It is in another country, or nobody knows in which: it is open only if a text came from it.
    IfWritten(Option<Country>),
}

/// Why a number is neither texted nor called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// It is one of the business's own.
    #[error("it is a number of this business: a text or call to it would go in a circle")]
    Own,
    /// Premium-rate and shared-cost numbers, and pagers.
    #[error("it is a premium-rate or shared-cost number, which omega does not text or call")]
    Costly,
    /// Satellite phones and international networks.
    #[error("it is a number of a satellite or international network, which omega does not text or call")]
    Satellite,
    /// Numbers that lead wherever their owner says, at a price that the owner sets.
    #[error("it is a personal number, which leads anywhere at any price: omega does not text or call it")]
    Personal,
    /// It is in a country that the business neither texts nor calls, or nobody knows in which, and no text came from it.
    #[error("{}", abroad(.0.as_ref()))]
    Abroad(Option<Country>),
    /// It was texted and called as often within the hour as it may be.
    #[error(
        "it was texted or called {MOST_AN_HOUR} times in that hour, which is the most. Send it again in another hour"
    )]
    TooOften,
}

impl Unreachable {
    /// A word for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Unreachable::Own => "own",
            Unreachable::Costly => "costly",
            Unreachable::Satellite => "satellite",
            Unreachable::Personal => "personal",
            Unreachable::Abroad(_) => "abroad",
            Unreachable::TooOften => "too_often",
        }
    }

    /// Failure of a text to such a number.
    pub fn failure(self) -> Failure {
        let class = match self {
            Unreachable::Own | Unreachable::Costly | Unreachable::Satellite | Unreachable::Personal => {
                ErrorClass::Address
            }
            Unreachable::Abroad(_) => ErrorClass::Configuration,
            Unreachable::TooOften => ErrorClass::Throttle,
        };
        Failure::new(class, format!("The number is not texted: {self}."))
    }

    /// The country, for the log. Empty where the reason is another, and for numbers of no country.
    pub fn country(&self) -> &str {
        match self {
            Unreachable::Abroad(Some(country)) => country.as_str(),
            _ => "",
        }
    }
}

fn abroad(country: Option<&Country>) -> String {
    match country {
        Some(country) => format!(
            "it is in {}, where this business may not text or call. Whoever runs omega can add that country to its \
             allowed_destinations. A client who texts first can be answered",
            country.as_str()
        ),
        None => "it is in no country that is known. A client who texts first can be answered".to_owned(),
    }
}

impl Business {
    /// Whether the business may text and call a number, as far as number and business tell.
    ///
    /// # Errors
    /// Numbers that nobody may reach, whoever wrote from them: the sender of a text can be forged.
    pub fn reach(&self, to: &Phone) -> Result<Reach, Unreachable> {
        if self.number(to).is_some() || self.from_phone.as_ref() == Some(to) {
            return Err(Unreachable::Own);
        }
        match to.charge() {
            Charge::Usual => {}
            Charge::Costly => return Err(Unreachable::Costly),
            Charge::Satellite => return Err(Unreachable::Satellite),
            Charge::Personal => return Err(Unreachable::Personal),
        }
        let allowed = if to.is_north_american_toll_free() {
            self.destinations().any(|country| country.is_north_american())
        } else {
            to.country().is_some_and(|country| self.destinations().any(|allowed| *allowed == country))
        };
        Ok(if allowed { Reach::Allowed } else { Reach::IfWritten(to.country()) })
    }

    /// The countries that the business texts and calls: its own, and those that onboarding named.
    pub fn destinations(&self) -> impl Iterator<Item = &Country> {
        std::iter::once(&self.country).chain(&self.allowed_destinations)
    }
}

#[cfg(test)]
mod tests;
