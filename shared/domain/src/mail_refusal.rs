//! Refusals of a mail by the receiving server or by a filter: class, reason and advice of each.

use serde::{Deserialize, Serialize};

use crate::failure::{ErrorClass, SOFT_BOUNCE};

/// Why a mail was refused by the receiving server or by a filter, where the mailbox may be in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The mailbox is full.
    MailboxFull,
    /// The mailbox takes no mail at the moment, or is disabled.
    MailboxUnavailable,
    /// No server can be found for the domain of the address.
    NoRoute,
    /// The domain of the address takes no mail at all.
    NoMailDomain,
    /// The mail is too large.
    TooLarge,
    /// The content was refused.
    Content,
    /// An attachment was refused.
    Attachment,
    /// A rule of the receiving server refuses it: a filter, a block list, a restricted group.
    Policy,
    /// The sender's domain does not prove that the mail is its own (SPF, DKIM, DMARC).
    Unauthenticated,
    /// The address of the sender is refused.
    Sender,
    /// The two servers do not understand each other.
    Protocol,
    /// The time for delivery ran out.
    TimedOut,
}

/// Meaning of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The code that is shown with the message.
    pub code: &'static str,
    /// Its class. Decides whether it is tried again by itself and whether a person may try it again.
    pub class: ErrorClass,
    /// What happened, for staff.
    pub reason: &'static str,
    /// What staff can do now.
    pub advice: &'static str,
}

impl Refusal {
    /// Its meaning.
    pub fn meaning(self) -> Meaning {
        let (code, class, reason, advice) = match self {
            Refusal::MailboxFull => (
                SOFT_BOUNCE,
                ErrorClass::Transient,
                "The mailbox is full.",
                "Try again later, or ask the client to make room in the mailbox.",
            ),
            Refusal::MailboxUnavailable => (
                "mailbox_unavailable",
                ErrorClass::Address,
                "The mailbox exists or existed, and accepts no mail.",
                "Ask the client whether the mailbox is still in use, or for another address.",
            ),
            Refusal::NoRoute => (
                "no_route",
                ErrorClass::Address,
                "No mail server was found for the domain of the address.",
                "Check the part of the address after the @ with the client.",
            ),
            Refusal::NoMailDomain => (
                "bounce",
                ErrorClass::Address,
                "The domain of the address accepts no mail.",
                "Check the part of the address after the @ with the client.",
            ),
            Refusal::TooLarge => (
                "message_too_large",
                ErrorClass::Content,
                "The mail is larger than the receiving server accepts.",
                "Send it with smaller attachments, or send links to the files.",
            ),
            Refusal::Content => (
                "content_rejected",
                ErrorClass::Content,
                "The receiving server refused the content of the mail.",
                "Change the wording and the links, and send it as a new message.",
            ),
            Refusal::Attachment => (
                "attachment_rejected",
                ErrorClass::Content,
                "The receiving server refused an attachment.",
                "Send it without the attachment, or with the file in another format.",
            ),
            Refusal::Policy => (
                "refused_by_policy",
                ErrorClass::Content,
                "A rule of the receiving server refused the mail: a spam filter, a block list, or a closed group.",
                "Change the wording, or reach the client another way. An administrator can check the reputation of the domain.",
            ),
            Refusal::Unauthenticated => (
                "sender_not_authenticated",
                ErrorClass::Configuration,
                "The receiving server could not verify that the mail is from your domain.",
                "Ask an administrator to check SPF, DKIM and DMARC of the domain, then try again.",
            ),
            Refusal::Sender => (
                "sender_refused",
                ErrorClass::Configuration,
                "The receiving server refused the address of the sender.",
                "Ask an administrator to check the sender address, then try again.",
            ),
            Refusal::Protocol => (
                "protocol_error",
                ErrorClass::Configuration,
                "The receiving server did not accept how the mail was handed over.",
                "Try again later. If it fails again, ask an administrator to contact the mail provider.",
            ),
            Refusal::TimedOut => (
                "delivery_timed_out",
                ErrorClass::Expiry,
                "The receiving server did not take the mail in the time that was allowed.",
                "Send it again if it still matters.",
            ),
        };
        Meaning { code, class, reason, advice }
    }

    /// Whether no mail can ever arrive at the address.
    pub fn is_for_good(self) -> bool {
        self == Refusal::NoMailDomain
    }

    /// Every refusal.
    pub const ALL: [Refusal; 12] = [
        Refusal::MailboxFull,
        Refusal::MailboxUnavailable,
        Refusal::NoRoute,
        Refusal::NoMailDomain,
        Refusal::TooLarge,
        Refusal::Content,
        Refusal::Attachment,
        Refusal::Policy,
        Refusal::Unauthenticated,
        Refusal::Sender,
        Refusal::Protocol,
        Refusal::TimedOut,
    ];
}
