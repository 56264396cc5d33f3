//! Enumerations as they are read from requests.

use domain::channel::{Category, Channel, Provider, UserType};
use domain::inbox::MessageFilter;
use domain::standing::ConversationStatus;
use domain::status::Status;
use serde_json::Value;

use crate::read::{Problem, choice, text};

type Read<T> = fn(&Value) -> Result<T, Problem>;

/// What a message is for.
pub const CATEGORY: Read<Category> = |value| choice(&["campaign", "notification", "conversation"])(value);
/// Who wrote it.
pub const USER_TYPE: Read<UserType> = |value| choice(&["client", "staff", "system"])(value);
/// How it travels.
pub const CHANNEL: Read<Channel> = |value| choice(&["sms", "email", "voice", "note"])(value);
/// Where staff are with a conversation.
pub const CONVERSATION_STATUS: Read<ConversationStatus> =
    |value| choice(&["open", "pending", "snoozed", "resolved"])(value);
/// Unread or flagged messages.
pub const MESSAGE_FILTER: Read<MessageFilter> = |value| choice(&["all", "unread", "flagged"])(value);
/// Who carries it.
pub const PROVIDER: Read<Provider> =
    |value| choice(&["twilio", "ses", "sendgrid", "mailgun", "postmark", "external"])(value);
/// How far it has come.
pub const STATUS: Read<Status> = |value| {
    choice(&[
        "initiated",
        "scheduled",
        "queued",
        "sending",
        "unknown_outcome",
        "delivery_unknown",
        "sent",
        "delivered",
        "read",
        "failed",
        "undelivered",
        "rejected",
        "canceled",
        "expired",
        "blocked",
        "bounced",
        "complained",
        "received",
    ])(value)
};

/// A finer word for what a message is for: `notification_` and up to 64 lower-case letters, digits and underscores.
pub fn notification_type(value: &Value) -> Result<String, Problem> {
    let word = text(77)(value)?;
    let rest = word.strip_prefix("notification_").unwrap_or_default();
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=64).contains(&rest.len()) && rest.bytes().all(good) {
        Ok(word)
    } else {
        Err(Problem::new(
            "string_pattern_mismatch",
            "String should match pattern '^notification_[a-z0-9_]{1,64}$'",
        ))
    }
}
