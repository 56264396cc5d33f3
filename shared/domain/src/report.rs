//! Reports about a message, from whichever side, and the timeline that keeps them.

use serde::{Deserialize, Serialize};

use crate::content::Metadata;
use crate::email::Email;
use crate::email_event::EmailEvent;
use crate::failure::Failure;
use crate::status::Status;
use crate::time::Timestamp;

/// Who reported something of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A caller of the API.
    Api,
    /// Our sender.
    Sender,
    /// The provider.
    Provider,
    /// Our sweeper.
    Sweeper,
    /// A staff member.
    Staff,
}

impl Source {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Api => "api",
            Source::Sender => "sender",
            Source::Provider => "provider",
            Source::Sweeper => "sweeper",
            Source::Staff => "staff",
        }
    }
}

/// Something reported of a message, from whichever side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who reports.
    pub source: Source,
    /// The attempt it is about; `None` when the reporter does not know attempts.
    pub attempt: Option<u32>,
    /// The status it claims; `None` for a provider's word that we do not know.
    pub status: Option<Status>,
    /// The provider's word, verbatim.
    pub provider_status: Option<String>,
    /// The provider's id of the message, when the report carries it.
    pub provider_message_id: Option<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What else to keep beside the message.
    pub metadata: Option<Metadata>,
    /// Of a mail to several: whose copy it is about. `None`: all of them.
    #[serde(default)]
    pub recipient: Option<Email>,
}

impl Report {
    /// What Twilio says of a text: its word, its error code, its id. The attempt is known when the report came back to
    /// an address of ours that carries it.
    pub fn from_twilio(word: &str, code: Option<u32>, sid: Option<String>, attempt: Option<u32>) -> Report {
        Report {
            source: Source::Provider,
            attempt,
            status: Status::from_twilio(word),
            provider_status: Some(word.to_owned()),
            provider_message_id: sid,
            failure: code.filter(|code| *code != 0).map(|code| crate::sms_error::failure(code, None)),
            metadata: None,
            recipient: None,
        }
    }

    /// What a mail provider says of a mail, and of which attempt where that is known: one report for each copy.
    pub fn from_email_event(event: &EmailEvent, attempt: Option<u32>) -> Vec<Report> {
        let report = |recipient: Option<&Email>| Report {
            source: Source::Provider,
            attempt,
            status: event.kind.status(),
            provider_status: Some(event.word.clone()),
            provider_message_id: event.provider_message_id.clone(),
            failure: event.kind.failure(),
            metadata: None,
            recipient: recipient.cloned(),
        };
        // A later attempt at a mail to several may go to one of them only.
        let alone = event.addressed == Some(1) && attempt.is_none_or(|attempt| attempt <= 1);
        if alone || event.recipients.is_empty() {
            return vec![report(None)];
        }
        event.recipients.iter().map(|recipient| report(Some(recipient))).collect()
    }

    /// What makes two reports the same one: a repeated delivery of it is recognised by this.
    pub fn identity(&self) -> String {
        let word = self.provider_status.as_deref().or(self.status.map(Status::as_str)).unwrap_or("-");
        let code = self.failure.as_ref().and_then(|failure| failure.code.as_deref()).unwrap_or("-");
        let mut identity = format!(
            "{}#{:04}#{}#{word}#{code}",
            self.source.as_str(),
            self.attempt.unwrap_or(0),
            self.provider_message_id.as_deref().unwrap_or("-"),
        );
        if let Some(recipient) = &self.recipient {
            identity.push('#');
            identity.push_str(&recipient.key());
        }
        identity
    }
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// It changed the message.
    Applied,
    /// It did not.
    Ignored,
}

/// One line of a message's timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When omega learned of it.
    pub at: Timestamp,
    /// From whom.
    pub source: Source,
    /// The status reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Status>,
    /// The provider's word, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_status: Option<String>,
    /// Which attempt.
    pub attempt: u32,
    /// What became of it.
    pub outcome: EventOutcome,
    /// Why it was ignored, or what followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The provider's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Provider;
    use crate::email_event::EmailEventKind;

    fn bounce(addressed: Option<usize>) -> EmailEvent {
        let email = |text: &str| Email::parse(text).unwrap();
        EmailEvent {
            provider: Provider::Ses,
            provider_message_id: Some("0100".to_owned()),
            ours: None,
            addressed,
            recipients: vec![email("ada@example.com"), email("Ben@example.com")],
            kind: EmailEventKind::Bounced,
            word: "Bounce/Permanent/General".to_owned(),
            diagnostic: None,
            at: None,
        }
    }

    #[test]
    fn an_event_is_one_report_for_each_copy_and_one_for_a_mail_to_one() {
        let reports = Report::from_email_event(&bounce(Some(3)), Some(1));
        let copies: Vec<_> = reports.iter().map(|report| report.recipient.as_ref().unwrap().key()).collect();
        assert_eq!(copies, ["ada@example.com", "ben@example.com"]);
        let single = Report::from_email_event(&bounce(Some(1)), Some(1));
        assert_eq!((single.len(), &single[0].recipient), (1, &None));
    }

    #[test]
    fn reports_of_two_copies_are_two_reports() {
        let reports = Report::from_email_event(&bounce(None), Some(1));
        assert_ne!(reports[0].identity(), reports[1].identity());
        assert_eq!(reports[0].identity(), Report::from_email_event(&bounce(None), Some(1))[0].identity());
    }
}
