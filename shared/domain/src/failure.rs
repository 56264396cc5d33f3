//! Why an attempt to send a message failed, and what kind of failure it is.

use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::time::Timestamp;

/// The code of a failure that the receiving server called temporary, after the provider's own tries.
pub const SOFT_BOUNCE: &str = "soft_bounce";

/// Why a message failed or waits. Decides retry and advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Too fast for the provider. Tried again, no attempt charged.
    Throttle,
    /// Trouble that passes. Tried again, at most [`MAX_RETRIES`](crate::delivery::MAX_RETRIES) times.
    Transient,
    /// The answer was lost: it may have been sent. Never tried again by itself.
    Ambiguous,
    /// The address cannot receive it, ever.
    Address,
    /// The client does not want it.
    Consent,
    /// The content was refused.
    Content,
    /// Our account or number is not set up for it.
    Configuration,
    /// Its time ran out.
    Expiry,
    /// It waits for a time that is allowed.
    Schedule,
}

impl ErrorClass {
    /// Whether such a failure is tried again without anybody asking.
    pub fn retries_by_itself(self) -> bool {
        matches!(self, ErrorClass::Throttle | ErrorClass::Transient)
    }

    /// Whether a person may try it again: what is wrong with the address or the client's consent stays wrong.
    pub fn may_be_retried(self) -> bool {
        !matches!(self, ErrorClass::Address | ErrorClass::Consent)
    }

    /// What staff can do about a failure whose code says no more.
    pub fn advice(self) -> &'static str {
        match self {
            ErrorClass::Throttle | ErrorClass::Transient => {
                "Nothing needs to be done: omega sends it again by itself. If it fails in the end, try again later."
            }
            ErrorClass::Ambiguous => "Ask the client whether it arrived before you send it again.",
            ErrorClass::Address => "Check the address with the client, or reach the client another way.",
            ErrorClass::Consent => "Reach the client another way, or wait until they allow it again.",
            ErrorClass::Content => "Change the message and send it again.",
            ErrorClass::Configuration => "Ask an administrator to correct the configuration, then try again.",
            ErrorClass::Expiry => "Send it again if it still matters.",
            ErrorClass::Schedule => "Nothing needs to be done: it is sent when its time comes.",
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Throttle => "throttle",
            ErrorClass::Transient => "transient",
            ErrorClass::Ambiguous => "ambiguous",
            ErrorClass::Address => "address",
            ErrorClass::Consent => "consent",
            ErrorClass::Content => "content",
            ErrorClass::Configuration => "configuration",
            ErrorClass::Expiry => "expiry",
            ErrorClass::Schedule => "schedule",
        }
    }
}

/// Why one attempt did not get through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The provider's code, when it gave one.
    pub code: Option<String>,
    /// What kind of failure.
    pub class: ErrorClass,
    /// For staff: what happened and what to do.
    pub reason: String,
}

impl Failure {
    /// The client does not want it: they said STOP, or mail to their address is suppressed.
    pub fn unwanted(channel: Channel) -> Self {
        let reason = match channel {
            Channel::Email => {
                "Mail of this kind to this address is suppressed: it bounced, was called spam, or was unsubscribed from."
            }
            Channel::Sms | Channel::Voice | Channel::Note => "The client has opted out of texts.",
        };
        Failure::new(ErrorClass::Consent, reason)
    }

    /// Twilio takes no text from this number to the client, who accepts texts from the business.
    pub fn sender_blocked(since: Timestamp) -> Self {
        let reason = format!(
            "Twilio blocks texts from this number to this client since {since}. Send from another number, or wait until \
             the client texts START to this one."
        );
        Failure::new(ErrorClass::Consent, reason)
    }

    /// The same of every number that the text could leave from.
    pub fn no_sender_left() -> Self {
        let reason = "Twilio blocks texts to this client from every number that this text could leave from. Name \
                      another number of the business, or wait until the client texts START to one of them.";
        Failure::new(ErrorClass::Consent, reason)
    }

    /// A failure that no provider code names.
    pub fn new(class: ErrorClass, reason: impl Into<String>) -> Self {
        Failure { code: None, class, reason: reason.into() }
    }
}
