//! What a mail has that a text has not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::content::Text;
use crate::status::Status;

/// The largest mail, in bytes, as it goes over the wire: what SES takes.
pub const LARGEST: usize = 40 * 1024 * 1024;
/// The most receivers of one mail, over to, cc and bcc: what SES takes.
pub const MOST_RECIPIENTS: usize = 50;
/// The longest body, text and html together in bytes, that lies in the table. A longer one lies in object storage.
pub const LONGEST_STORED_BODY: usize = 200_000;
/// How much of a longer body stays with the message, in characters.
pub const EXCERPT: usize = 2_000;
/// The most ids in a chain of references; what is older than these and newer than the first is left out.
pub const MOST_REFERENCES: usize = 20;

/// The part of a message that only a mail has. The serde shape is the stored shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// Subject.
    #[serde(default)]
    pub subject: Text,
    /// The body as HTML, beside the one as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<Text>,
    /// Further receivers, as they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Text>,
    /// Receivers that the others do not see, as they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Text>,
    /// Where its writer wants answers, when that is not the address it is from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Text>,
    /// The place in its body, in characters, from which on it repeats earlier mails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_starts_at: Option<usize>,
    /// What came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Where the whole body lies when it is too long for the table: a [`StoredBody`] in object storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_object: Option<String>,
    /// Where it lies as it came over the wire, for a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_object: Option<String>,
    /// Its `Message-ID`, without the angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The ids of the mails that it answers, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// Why it is taken for the work of a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automated: Option<Automated>,
    /// What is odd about it. Staff should look twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicions: Vec<Suspicion>,
}

impl Mail {
    /// A body that is too long for the table goes where `key` says, and its beginning stays. What is to be stored there;
    /// `None` for a body that stays.
    pub fn move_long_body(&mut self, body: &mut Text, key: String) -> Option<StoredBody> {
        let html = self.html.as_ref().map_or(0, |html| html.0.len());
        if body.0.len() + html <= LONGEST_STORED_BODY {
            return None;
        }
        let excerpt = Text(body.0.chars().take(EXCERPT).collect());
        self.body_object = Some(key);
        Some(StoredBody { text: std::mem::replace(body, excerpt), html: self.html.take() })
    }

    /// Whether its writer may be somebody else than the address it names.
    pub fn is_unproven(&self) -> bool {
        self.suspicions.contains(&Suspicion::UnprovenSender)
    }

    /// The keys of all that lies in object storage.
    pub fn objects(&self) -> Vec<String> {
        let attachments = self.attachments.iter().filter_map(|attachment| attachment.object.clone());
        attachments.chain(self.body_object.clone()).chain(self.raw_object.clone()).collect()
    }
}

/// A body that is too long for the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredBody {
    /// As text.
    pub text: Text,
    /// As HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<Text>,
}

/// One attachment. Its content is in object storage, or somewhere else on the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// The name it is saved under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<Text>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Its length in bytes, where omega has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its key in object storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Where it was said to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text>,
    /// What was given in place of content and is none, kept as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Text>,
    /// The id by which the HTML body shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
}

/// Why a mail is taken for the work of a machine (RFC 3834, and what the field has learned besides).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automated {
    /// `Auto-Submitted`, and not `no`; or a field that says the same.
    AutoSubmitted,
    /// A report about the delivery of another mail, or from a mail server itself.
    DeliveryReport,
    /// Nobody may answer it: the sender in its envelope is empty.
    NullSender,
    /// `Precedence` or `X-Precedence` is bulk, junk, list or auto_reply.
    Precedence,
    /// Programs mark their replies so: `X-Autoreply` and the like, or a subject such as `Automatic reply:`.
    AutoReply,
    /// It came over a mailing list.
    List,
    /// omega sent it by itself, here or elsewhere.
    Omega,
}

/// What is odd about a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// Its writer is not the one whose conversation it answers.
    UnknownSender,
    /// SPF, DKIM and DMARC don't prove that it is from the address it names: [`crate::proof`].
    UnprovenSender,
    /// The provider takes it for spam.
    Spam,
    /// The provider found a virus. Its attachments are not kept.
    Virus,
}

/// How far each receiver's copy has come, by [`crate::email::Email::key`].
pub type Recipients = BTreeMap<String, Status>;

/// How far a mail has come as a whole: as far as the receiver who is least far, and failed when it failed for one.
pub fn worst(recipients: &Recipients) -> Option<Status> {
    let failed =
        recipients.values().filter(|status| status.is_failure()).max_by_key(|status| severity(**status));
    failed.or_else(|| recipients.values().min_by_key(|status| status.rank())).copied()
}

/// Among failures: what says most about the receiver comes first.
fn severity(status: Status) -> u8 {
    match status {
        Status::Complained => 3,
        Status::Bounced => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn copies(statuses: &[Status]) -> Recipients {
        statuses.iter().enumerate().map(|(n, status)| (format!("{n}@example.com"), *status)).collect()
    }

    #[test]
    fn a_mail_is_as_far_as_its_slowest_copy_and_failed_with_one() {
        use Status::*;
        assert_eq!(worst(&copies(&[Delivered, Sent])), Some(Sent));
        assert_eq!(worst(&copies(&[Delivered, Delivered])), Some(Delivered));
        assert_eq!(worst(&copies(&[Delivered, Bounced, Sent])), Some(Bounced));
        assert_eq!(worst(&copies(&[Failed, Complained, Bounced])), Some(Complained));
        assert_eq!(worst(&copies(&[])), None);
    }

    proptest! {
        #[test]
        fn the_order_of_copies_makes_no_difference(
            mut statuses in prop::collection::vec(prop::sample::select(Status::ALL.to_vec()), 1..6),
        ) {
            let before = worst(&copies(&statuses)).map(|status| (status.is_failure(), status.rank()));
            statuses.reverse();
            let after = worst(&copies(&statuses)).map(|status| (status.is_failure(), status.rank()));
            prop_assert_eq!(before, after);
        }
    }
}
