//! The delivery state machine: one vocabulary for every channel and one rule for every writer.
//!
//! Provider callbacks, reports over the API and our own consumers all move a message through [`Status::limit`].
//! The rule is a single comparison, so that the table can decide it in one conditional write: a status applies when
//! the stored rank is **below** the limit of the new status. [`Status::may_become`] and the store's condition are
//! both made of it, and a property test holds them together.

use serde::{Deserialize, Serialize};

use crate::channel::Channel;

/// How far a message has come. The provider's own word is kept verbatim beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Another system says it has begun; nothing is known of delivery.
    Initiated,
    /// Waits for its `send_at`.
    Scheduled,
    /// Stored and waiting for a sender.
    Queued,
    /// Claimed by a sender, or accepted by the provider and not reported sent yet.
    Sending,
    /// The provider may or may not have taken it: the answer was lost. Never sent again by itself.
    UnknownOutcome,
    /// The answer was lost, and nothing was learned of the message since: omega has stopped asking. It may have been
    /// sent. A late report still applies, and a person may order a new attempt.
    DeliveryUnknown,
    /// Handed to the network.
    Sent,
    /// Reached the client's device or mailbox.
    Delivered,
    /// Opened by the client.
    Read,
    /// Could not be sent.
    Failed,
    /// Sent, but did not arrive.
    Undelivered,
    /// Refused before anything was tried.
    Rejected,
    /// Taken back before a sender claimed it.
    Canceled,
    /// Its `expires_at` passed first.
    Expired,
    /// Not allowed: the client opted out.
    Blocked,
    /// Returned by the receiving mail server.
    Bounced,
    /// Reported as unwanted by the client.
    Complained,
    /// Inbound: it is here.
    Received,
}

/// The rank from which nothing but a failure of an email can still come.
const DELIVERED: u8 = 40;
/// The rank of every failure. Above every progress, so that no progress follows a failure.
const FAILURE: u8 = 90;
/// The rank of what was never on its way.
const RECEIVED: u8 = 100;

impl Status {
    /// Every status, for tables and messages.
    pub const ALL: [Status; 18] = [
        Status::Initiated,
        Status::Scheduled,
        Status::Queued,
        Status::Sending,
        Status::UnknownOutcome,
        Status::DeliveryUnknown,
        Status::Sent,
        Status::Delivered,
        Status::Read,
        Status::Failed,
        Status::Undelivered,
        Status::Rejected,
        Status::Canceled,
        Status::Expired,
        Status::Blocked,
        Status::Bounced,
        Status::Complained,
        Status::Received,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Initiated => "initiated",
            Status::Scheduled => "scheduled",
            Status::Queued => "queued",
            Status::Sending => "sending",
            Status::UnknownOutcome => "unknown_outcome",
            Status::DeliveryUnknown => "delivery_unknown",
            Status::Sent => "sent",
            Status::Delivered => "delivered",
            Status::Read => "read",
            Status::Failed => "failed",
            Status::Undelivered => "undelivered",
            Status::Rejected => "rejected",
            Status::Canceled => "canceled",
            Status::Expired => "expired",
            Status::Blocked => "blocked",
            Status::Bounced => "bounced",
            Status::Complained => "complained",
            Status::Received => "received",
        }
    }

    /// Where the status stands on the way of a message.
    pub fn rank(self) -> u8 {
        match self {
            Status::Initiated => 0,
            Status::Scheduled | Status::Queued => 10,
            Status::Sending => 20,
            Status::UnknownOutcome => 25,
            // Below `Sent`: any later report knows more.
            Status::DeliveryUnknown => 27,
            Status::Sent => 30,
            Status::Delivered => DELIVERED,
            Status::Read => 50,
            Status::Failed
            | Status::Undelivered
            | Status::Rejected
            | Status::Canceled
            | Status::Expired
            | Status::Blocked
            | Status::Bounced
            | Status::Complained => FAILURE,
            Status::Received => RECEIVED,
        }
    }

    /// Whether the message ended without reaching the client.
    pub fn is_failure(self) -> bool {
        self.rank() == FAILURE
    }

    /// The stored rank below which this status applies: the whole rule.
    ///
    /// Progress applies over less progress. A failure applies until the message is delivered, so the first final
    /// report wins; a bounce or a complaint about an email also applies afterwards. Nothing follows a failure.
    pub fn limit(self, channel: Channel) -> u8 {
        match self {
            Status::Bounced | Status::Complained if channel == Channel::Email => FAILURE,
            failure if failure.is_failure() => DELIVERED,
            Status::Received => 0,
            progress => progress.rank(),
        }
    }

    /// Whether a message of `channel` in this status may go on to `next`.
    pub fn may_become(self, next: Status, channel: Channel) -> bool {
        self.rank() < next.limit(channel)
    }

    /// What Twilio's word for a text's status means here. `None` is a word we do not know: stored as an event,
    /// changing nothing, because Twilio adds words without notice.
    pub fn from_twilio(word: &str) -> Option<Status> {
        match word {
            "accepted" | "scheduled" | "queued" => Some(Status::Queued),
            "sending" => Some(Status::Sending),
            "sent" => Some(Status::Sent),
            "delivered" => Some(Status::Delivered),
            "read" => Some(Status::Read),
            "failed" => Some(Status::Failed),
            "undelivered" => Some(Status::Undelivered),
            "canceled" => Some(Status::Canceled),
            "receiving" | "received" => Some(Status::Received),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Status::*;
    use super::*;
    use proptest::prelude::*;

    const SMS: Channel = Channel::Sms;

    #[test]
    fn late_and_repeated_callbacks_change_nothing() {
        assert!(Queued.may_become(Sent, SMS));
        assert!(!Delivered.may_become(Sent, SMS));
        assert!(!Sent.may_become(Sent, SMS));
        assert!(UnknownOutcome.may_become(Sent, SMS));
    }

    #[test]
    fn every_report_of_a_provider_follows_delivery_unknown() {
        for channel in [SMS, Channel::Email] {
            for report in [Sent, Delivered, Read, Failed, Undelivered, Rejected, Bounced, Complained] {
                assert!(DeliveryUnknown.may_become(report, channel), "{report:?}");
                assert!(!report.may_become(DeliveryUnknown, channel), "{report:?}");
            }
            assert!(UnknownOutcome.may_become(DeliveryUnknown, channel));
            assert!(!DeliveryUnknown.may_become(UnknownOutcome, channel));
            assert!(!DeliveryUnknown.may_become(Queued, channel), "only a new attempt begins anew");
        }
        assert!(!DeliveryUnknown.is_failure(), "nobody knows that it failed");
    }

    #[test]
    fn the_first_final_report_of_a_text_wins() {
        assert!(Sent.may_become(Undelivered, SMS));
        assert!(!Undelivered.may_become(Delivered, SMS));
        assert!(!Delivered.may_become(Undelivered, SMS));
        assert!(!Delivered.may_become(Bounced, SMS));
    }

    #[test]
    fn an_email_may_bounce_after_delivery() {
        assert!(Delivered.may_become(Bounced, Channel::Email));
        assert!(Read.may_become(Complained, Channel::Email));
        assert!(!Bounced.may_become(Complained, Channel::Email));
        assert!(!Delivered.may_become(Failed, Channel::Email));
    }

    #[test]
    fn nothing_moves_what_was_received() {
        assert!(Status::ALL.into_iter().all(|next| !Received.may_become(next, Channel::Email)));
    }

    #[test]
    fn the_word_on_the_wire_is_the_stored_word() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    fn any_status() -> impl Strategy<Value = Status> {
        prop::sample::select(Status::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn no_order_of_reports_moves_a_message_back(reports in prop::collection::vec(any_status(), 0..12)) {
            let mut now = Queued;
            for report in reports {
                if now.may_become(report, SMS) {
                    prop_assert!(report.rank() > now.rank());
                    now = report;
                }
            }
        }

        #[test]
        fn progress_ends_the_same_in_any_order(
            mut reports in Just(vec![
                Queued, Sending, UnknownOutcome, DeliveryUnknown, Sent, Delivered, Sent, Delivered
            ]).prop_shuffle(),
            failed in any::<bool>(),
        ) {
            if failed {
                reports.retain(|status| *status != Delivered);
                reports.push(Undelivered);
            }
            let end = reports.iter().fold(Queued, |now, r| if now.may_become(*r, SMS) { *r } else { now });
            prop_assert_eq!(end, if failed { Undelivered } else { Delivered });
        }
    }
}
