//! What mail providers report, in one shape, whoever says it and however they spell it.
//!
//! Each provider has a module that reads its words. Reading never fails as a whole because of one event: what is not
//! understood becomes [`EmailEventKind::Other`], which is kept in the timeline and changes nothing.

use serde::{Deserialize, Serialize};

use crate::channel::Provider;
use crate::delivered::{LONGEST_ID, LONGEST_WORD, shortened};
use crate::email::Email;
use crate::failure::SOFT_BOUNCE;
use crate::failure::{ErrorClass, Failure};
use crate::id::MessageRef;
use crate::mail_refusal::{Meaning, Refusal};
use crate::status::Status;
use crate::time::Timestamp;

pub mod mailgun;

pub mod postmark;

pub mod sendgrid;

pub mod ses;

/// One thing that happened to one mail, for some or all of its receivers.
#[derive(Clone, Debug, PartialEq)]
pub struct EmailEvent {
    /// Who says so.
    pub provider: Provider,
    /// The provider's id of the mail, in the one spelling that all its events share.
    pub provider_message_id: Option<String>,
    /// The message and attempt of ours, where the event carries what we gave the provider along.
    pub ours: Option<(MessageRef, u32)>,
    /// How many receivers the mail has, where the event says.
    pub addressed: Option<usize>,
    /// Whom it is about. Empty: all of them.
    pub recipients: Vec<Email>,
    /// What happened.
    pub kind: EmailEventKind,
    /// The provider's own words for it, such as `Bounce/Permanent/General`.
    pub word: String,
    /// Why, in the receiving server's words: `smtp; 550 5.1.1 user unknown`. May hold an address, so never logged.
    pub diagnostic: Option<String>,
    /// When it happened, as the provider says.
    pub at: Option<Timestamp>,
}

impl EmailEvent {
    /// The same event in a form that the table takes, whatever the length of its id and its words.
    pub fn fitting(&self) -> EmailEvent {
        let short = |text: &str, longest| shortened(text, longest).into_owned();
        EmailEvent {
            provider_message_id: self.provider_message_id.as_deref().map(|id| short(id, LONGEST_ID)),
            word: short(&self.word, LONGEST_WORD),
            ..self.clone()
        }
    }
}

/// What happened to a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailEventKind {
    /// The provider took it and will try.
    Sent,
    /// The receiver's server took it.
    Delivered,
    /// The receiver's server will be asked again.
    Delayed,
    /// There is no such mailbox, now or later.
    Bounced,
    /// The receiver's server refused it for now, and the provider gave up.
    SoftBounced,
    /// The receiver's server or a filter refused it, and said why.
    Refused(Refusal),
    /// The provider did not try, because the address is on a list of its own.
    Suppressed,
    /// The receiver called it spam.
    Complained,
    /// The provider refused it for what is in it.
    Rejected,
    /// The provider could not make a mail of it.
    RenderingFailed,
    /// It was opened.
    Opened,
    /// A link in it was followed.
    Clicked,
    /// The receiver wants no more campaigns.
    OptedOut,
    /// The receiver wants campaigns again.
    OptedIn,
    /// Something that omega does not know.
    Other,
}

/// Why an address gets no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// Mail to it came back for good. Nothing is sent to it.
    Bounce,
    /// Its owner called our mail spam. Nothing is sent to it.
    Complaint,
    /// Its owner wants no campaigns. Everything else is sent.
    OptOut,
}

impl EmailEventKind {
    /// The status it claims; `None` where it only belongs into the timeline.
    pub fn status(self) -> Option<Status> {
        match self {
            EmailEventKind::Sent => Some(Status::Sent),
            EmailEventKind::Delivered => Some(Status::Delivered),
            EmailEventKind::Bounced | EmailEventKind::Suppressed => Some(Status::Bounced),
            EmailEventKind::Refused(refusal) if refusal.is_for_good() => Some(Status::Bounced),
            EmailEventKind::SoftBounced | EmailEventKind::Refused(_) | EmailEventKind::RenderingFailed => {
                Some(Status::Failed)
            }
            EmailEventKind::Complained => Some(Status::Complained),
            EmailEventKind::Rejected => Some(Status::Rejected),
            EmailEventKind::Delayed
            | EmailEventKind::Opened
            | EmailEventKind::Clicked
            | EmailEventKind::OptedOut
            | EmailEventKind::OptedIn
            | EmailEventKind::Other => None,
        }
    }

    /// Why it failed, with what to do about it.
    pub fn failure(self) -> Option<Failure> {
        let (code, class, reason) = match self {
            EmailEventKind::Bounced => (
                "bounce",
                ErrorClass::Address,
                "The mailbox does not exist. Ask the client for another address.",
            ),
            EmailEventKind::Suppressed => (
                "provider_suppressed",
                ErrorClass::Address,
                "The provider did not try: the address is on its own suppression list, from an earlier bounce or complaint.",
            ),
            EmailEventKind::SoftBounced => (
                SOFT_BOUNCE,
                ErrorClass::Transient,
                "The receiving server refused it for now: a full mailbox, or trouble of its own.",
            ),
            EmailEventKind::Refused(refusal) => {
                let Meaning { code, class, reason, .. } = refusal.meaning();
                (code, class, reason)
            }
            EmailEventKind::Complained => (
                "complaint",
                ErrorClass::Consent,
                "The client marked it as spam. Nothing more is sent to this address.",
            ),
            EmailEventKind::Rejected => (
                "reject",
                ErrorClass::Content,
                "The provider refused it for its content: look for a virus in an attachment.",
            ),
            EmailEventKind::RenderingFailed => {
                ("rendering_failure", ErrorClass::Configuration, "The provider could not make a mail of it.")
            }
            EmailEventKind::Sent
            | EmailEventKind::Delivered
            | EmailEventKind::Delayed
            | EmailEventKind::Opened
            | EmailEventKind::Clicked
            | EmailEventKind::OptedOut
            | EmailEventKind::OptedIn
            | EmailEventKind::Other => return None,
        };
        Some(Failure { code: Some(code.to_owned()), ..Failure::new(class, reason) })
    }

    /// What it does to the addresses it is about. `Some(None)` takes an opt-out back.
    ///
    /// A bounce that came from a list of the provider's is no news of the mailbox and suppresses nothing here.
    pub fn suppression(self) -> Option<Option<Suppression>> {
        match self {
            EmailEventKind::Bounced => Some(Some(Suppression::Bounce)),
            EmailEventKind::Complained => Some(Some(Suppression::Complaint)),
            EmailEventKind::OptedOut => Some(Some(Suppression::OptOut)),
            EmailEventKind::OptedIn => Some(None),
            EmailEventKind::Refused(refusal) => refusal.is_for_good().then_some(Some(Suppression::Bounce)),
            EmailEventKind::Sent
            | EmailEventKind::Delivered
            | EmailEventKind::Delayed
            | EmailEventKind::SoftBounced
            | EmailEventKind::Suppressed
            | EmailEventKind::Rejected
            | EmailEventKind::RenderingFailed
            | EmailEventKind::Opened
            | EmailEventKind::Clicked
            | EmailEventKind::Other => None,
        }
    }
}

/// What we give a provider along with a mail, to be found again by: message and attempt, in one word of letters,
/// digits and hyphens.
pub fn tag(at: MessageRef, attempt: u32) -> String {
    format!("{}-{}-{}-{attempt}", at.business, at.client, at.message)
}

/// The name of [`tag`] at every provider.
pub const TAG: &str = "omega";

/// Reads a [`tag`].
pub fn read_tag(tag: &str) -> Option<(MessageRef, u32)> {
    use crate::id::{BusinessId, ClientId, MessageId};
    let mut parts = tag.split('-').map(|part| part.parse::<u64>().ok());
    let mut next = || parts.next().flatten();
    let at = MessageRef {
        business: BusinessId::new(next()?)?,
        client: ClientId::new(next()?)?,
        message: MessageId::new(next()?)?,
    };
    let attempt = u32::try_from(next()?).ok()?;
    parts.next().is_none().then_some((at, attempt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tag_leads_back() {
        let tagged = read_tag("7-8-9-2").unwrap();
        assert_eq!(tag(tagged.0, tagged.1), "7-8-9-2");
        for bad in ["", "7-8-9", "7-8-9-2-1", "7-8-x-2", "0-8-9-99999999999"] {
            assert_eq!(read_tag(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_tag_is_a_defect(tag in "\\PC{0,40}") {
            let _ = read_tag(&tag);
        }
    }
}
