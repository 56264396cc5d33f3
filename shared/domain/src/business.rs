//! A business: whose clients are talked to, and with which numbers.

use serde::{Deserialize, Serialize};

use crate::access::RateLimit;
use crate::email::Email;
use crate::id::{BusinessId, LocationId};
use crate::phone::{Country, Phone};
use crate::setup::Setup;
use crate::shards::Shards;
use crate::time::Timestamp;

/// A phone number of a business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessNumber {
    /// The number.
    pub phone: Phone,
    /// The location that answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<LocationId>,
    /// Whether what is written to it reaches us.
    #[serde(default)]
    pub state: NumberState,
    /// What was said of its registration for texts to the United States.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
}

/// How far the inbound side of a number stands. Nothing is sent from a number whose answers would be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberState {
    /// Twilio calls us for it. Also what a number is that was stored before anybody asked Twilio.
    #[default]
    Ready,
    /// Nobody has asked Twilio yet.
    Pending,
    /// It is not in the Twilio account.
    Missing,
    /// It is there, and cannot text.
    Mute,
}

/// How a number stands in A2P 10DLC, the register of those who text to the United States.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Nobody asked for it.
    Unregistered,
    /// It is asked for.
    Pending,
    /// It is there.
    Registered,
    /// It was refused.
    Rejected,
    /// It needs none: a toll-free number, which is verified elsewhere, or one outside the United States.
    Exempt,
}

impl Registration {
    /// The words on the wire.
    pub const WORDS: &[&str] = &["unregistered", "pending", "registered", "rejected", "exempt"];
}

/// Why a business cannot send from a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not the business's.
    #[error("it is not a number of this business")]
    NotOurs,
    /// Answers to it would be lost.
    #[error("it is still being set up: see the onboarding status")]
    BeingSetUp,
    /// No number is named, and there is none to take instead.
    #[error("the business has no default number; name one")]
    NoDefault,
    /// Carriers would refuse it.
    #[error(
        "it is not registered for texts to the United States (A2P 10DLC). Register its brand and campaign at Twilio, and \
         repeat the onboarding call with \"a2p_registration\": \"registered\" for it"
    )]
    Unregistered,
}

/// A business as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Business {
    /// Which.
    pub business_id: BusinessId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_name: Option<String>,
    /// The region in which its phone numbers are read when they carry no country code.
    pub country: Country,
    /// Time zone name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Default mail sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_email: Option<Email>,
    /// Default number for texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_phone: Option<Phone>,
    /// Every number it may send from and is reached at.
    #[serde(default)]
    pub phone_numbers: Vec<BusinessNumber>,
    /// Its name on the NexHealth-shaped surface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdomain: Option<String>,
    /// The Twilio account its numbers live in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twilio_account_sid: Option<String>,
    /// In how many parts its lists are spread.
    #[serde(default)]
    pub inbox_shards: Shards,
    /// How many requests a minute each of its keys and members may make.
    #[serde(default)]
    pub requests_per_minute: RateLimit,
    /// How many all of them may make together, where onboarding set it: see [`Business::limit_of_all`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_requests_per_minute: Option<RateLimit>,
    /// Where its web pages are, whose calls with the cookie are believed: `https://inbox.example.com`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// The countries that it texts and calls besides its own: see [`Business::reach`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_destinations: Vec<Country>,
    /// What is known of setting it up.
    #[serde(default)]
    pub setup: Setup,
    /// Goes up with each change of what onboarding stores, so that no change overwrites another.
    #[serde(default)]
    pub setup_version: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Business {
    /// How many requests a minute all credentials of the business may make together: as onboarding set it, else ten times
    /// as many as one credential.
    pub fn limit_of_all(&self) -> RateLimit {
        self.business_requests_per_minute.unwrap_or_else(|| self.requests_per_minute.of_a_business())
    }

    /// Sets the limit of the business. Any of its credentials may use all of it.
    pub fn set_limit(&mut self, limit: RateLimit) {
        (self.requests_per_minute, self.business_requests_per_minute) = (limit, Some(limit));
    }

    /// One of its numbers.
    pub fn number(&self, phone: &Phone) -> Option<&BusinessNumber> {
        self.phone_numbers.iter().find(|number| number.phone == *phone)
    }

    /// Whether it may send from `phone`: the number is its own, and answers to it reach us.
    ///
    /// # Errors
    /// Says why not.
    pub fn may_send_from(&self, phone: &Phone) -> Result<(), Unfit> {
        match self.number(phone).map(|number| number.state) {
            None => Err(Unfit::NotOurs),
            Some(NumberState::Ready) => Ok(()),
            Some(NumberState::Pending | NumberState::Missing | NumberState::Mute) => Err(Unfit::BeingSetUp),
        }
    }

    /// Whether carriers would take a text from `from` to `to`, as far as we were told. What nobody told us is not held
    /// against a number.
    ///
    /// # Errors
    /// [`Unfit::Unregistered`].
    pub fn may_text(&self, from: &Phone, to: &Phone) -> Result<(), Unfit> {
        use Registration::{Pending, Rejected, Unregistered};
        let told = self.number(from).and_then(|number| number.registration);
        // Looking a country up takes its time, and is rarely needed.
        match told {
            Some(Unregistered | Pending | Rejected) if from.is_us_long_code() && to.is_us() => {
                Err(Unfit::Unregistered)
            }
            _ => Ok(()),
        }
    }
}

/// Whom one of our numbers or mailboxes belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundRoute {
    /// The business.
    pub business_id: BusinessId,
    /// The location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<LocationId>,
    /// The business's region, for reading a sender's number.
    pub country: Country,
    /// In how many parts the business's lists are spread.
    #[serde(default)]
    pub inbox_shards: Shards,
}
