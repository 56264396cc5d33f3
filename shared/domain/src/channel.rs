//! How a message travels, which way, what for, and who carries it.

use serde::{Deserialize, Serialize};

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text.
    Sms,
    /// A mail.
    Email,
    /// A call.
    Voice,
    /// A note among staff. It never reaches a client.
    Note,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 4] = [Channel::Sms, Channel::Email, Channel::Voice, Channel::Note];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Sms => "sms",
            Channel::Email => "email",
            Channel::Voice => "voice",
            Channel::Note => "note",
        }
    }
}

impl Channel {
    /// Who carries what omega sends on it.
    pub fn provider(self) -> Provider {
        match self {
            Channel::Sms | Channel::Voice => Provider::Twilio,
            Channel::Email => Provider::Ses,
            Channel::Note => Provider::External,
        }
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client.
    Inbound,
    /// To the client.
    Outbound,
    /// Among staff.
    Internal,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Marketing. Never reorders or reopens the inbox.
    Campaign,
    /// Transactional.
    Notification,
    /// A staff reply.
    Conversation,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// The client.
    Client,
    /// A staff member.
    Staff,
    /// A program.
    System,
}

/// Who carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Twilio.
    Twilio,
    /// Amazon SES.
    Ses,
    /// SendGrid.
    Sendgrid,
    /// Mailgun.
    Mailgun,
    /// Postmark.
    Postmark,
    /// Any other, outside omega.
    External,
}

impl Provider {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Twilio => "twilio",
            Provider::Ses => "ses",
            Provider::Sendgrid => "sendgrid",
            Provider::Mailgun => "mailgun",
            Provider::Postmark => "postmark",
            Provider::External => "external",
        }
    }
}

/// Under whose name the id of a message leads to it. That of a mail from a client is made of what it says, so that it is the
/// same whoever took it in, and nobody's.
pub fn provider_of_id(provider: Option<Provider>, channel: Channel, direction: Direction) -> Provider {
    match (channel, direction) {
        (Channel::Email, Direction::Inbound) => Provider::External,
        _ => provider.unwrap_or(channel.provider()),
    }
}
