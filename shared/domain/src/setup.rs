//! State of setting a business up: what Twilio and SES said, and what failed.

use serde::{Deserialize, Serialize};

use crate::email::Email;
use crate::phone::Phone;

/// What has to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// The business exists.
    Business,
    /// It has a key for its programs.
    ApiKey,
    /// Its locations are stored.
    Locations,
    /// Its numbers lead to it, and Twilio has them.
    PhoneNumbers,
    /// Twilio calls us for its numbers.
    TwilioWebhooks,
    /// Its mailbox leads to it, and SES may send from there.
    SenderEmail,
    /// Carriers in the United States know who sends from its numbers.
    A2pRegistration,
    /// A text went out.
    TestMessage,
}

impl StepName {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            StepName::Business => "business",
            StepName::ApiKey => "api_key",
            StepName::Locations => "locations",
            StepName::PhoneNumbers => "phone_numbers",
            StepName::TwilioWebhooks => "twilio_webhooks",
            StepName::SenderEmail => "sender_email",
            StepName::A2pRegistration => "a2p_registration",
            StepName::TestMessage => "test_message",
        }
    }
}

/// What is known of setting a business up, beside what the business itself says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Setup {
    /// The business was created, and what else was asked for is not stored yet.
    pub open: bool,
    /// Locations were asked for, and are stored.
    pub locations: bool,
    /// Numbers that the last call asked for, and that lead to other businesses.
    pub refused_numbers: Vec<Phone>,
    /// The mailbox that the last call asked for, if it or its domain is another business's.
    pub refused_mailbox: Option<Email>,
    /// What SES said of the domain of the mailbox.
    pub identity: Option<MailIdentity>,
    /// Twilio's id of the registered brand.
    pub a2p_brand_sid: Option<String>,
    /// Twilio's id of the registered campaign.
    pub a2p_campaign_sid: Option<String>,
    /// Where a text to try things out goes.
    pub test_phone: Option<Phone>,
    /// What did not work when Twilio and SES were asked the last time.
    pub troubles: Vec<Step>,
}

/// A domain that mail is sent from, as SES knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailIdentity {
    /// The domain.
    pub domain: String,
    /// How far its verification is.
    pub state: IdentityState,
    /// What its three DNS records are made of.
    pub tokens: Vec<String>,
}

/// How far the verification of a domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityState {
    /// SES sends from it.
    Verified,
    /// SES looks for the DNS records.
    Pending,
    /// SES has given up looking.
    Failed,
}

/// How far one step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not yet.
    Pending,
    /// Finished; repeating the call leaves it alone.
    Done,
    /// Tried, and it did not work.
    Failed,
}

/// One step and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub step: StepName,
    /// How far.
    pub state: StepState,
    /// Why it failed or waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<String>,
}

impl Step {
    /// A finished step.
    pub fn done(step: StepName) -> Step {
        Step { step, state: StepState::Done, reason: None, next_action: None }
    }

    /// A step that did not work, with what to do.
    pub fn failed(step: StepName, reason: impl Into<String>, next_action: impl Into<String>) -> Step {
        Step {
            step,
            state: StepState::Failed,
            reason: Some(reason.into()),
            next_action: Some(next_action.into()),
        }
    }

    /// A step that waits for somebody.
    pub fn pending(step: StepName, reason: impl Into<String>, next_action: impl Into<String>) -> Step {
        Step {
            step,
            state: StepState::Pending,
            reason: Some(reason.into()),
            next_action: Some(next_action.into()),
        }
    }
}

impl Setup {
    /// What did not work at a step the last time.
    pub fn trouble(&self, step: StepName) -> Option<Step> {
        self.troubles.iter().find(|trouble| trouble.step == step).cloned()
    }
}
