//! A business: whose clients are talked to, and with which numbers.

use serde::{Deserialize, Serialize};

use crate::access::RateLimit;
use crate::email::Email;
use crate::id::{BusinessId, LocationId};
use crate::inbox::Shards;
use crate::onboarding::Step;
use crate::phone::{Country, Phone};
use crate::time::Timestamp;

/// A phone number of a business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessNumber {
    /// The number.
    pub phone: Phone,
    /// The location that answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<LocationId>,
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
    /// How many calls a minute each of its credentials may make.
    #[serde(default)]
    pub requests_per_minute: RateLimit,
    /// Where its web pages are, whose calls with the cookie are believed: `https://inbox.example.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
    /// How far setting it up has come.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Business {
    /// Whether it may send from `phone`.
    pub fn owns(&self, phone: &Phone) -> bool {
        self.phone_numbers.iter().any(|number| number.phone == *phone)
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
