//! Setting up a business, step by step, so that a call that was cut short can be repeated.

use serde::{Deserialize, Serialize};

/// What has to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// The business exists.
    Business,
    /// It has a key for its programs.
    ApiKey,
    /// Its numbers lead to it.
    PhoneNumbers,
    /// Twilio calls us for its numbers.
    TwilioWebhooks,
    /// Its mailbox leads to it, and SES may send from there.
    SenderEmail,
}

impl StepName {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            StepName::Business => "business",
            StepName::ApiKey => "api_key",
            StepName::PhoneNumbers => "phone_numbers",
            StepName::TwilioWebhooks => "twilio_webhooks",
            StepName::SenderEmail => "sender_email",
        }
    }
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

/// How onboarding stands as a whole. Steps that only a person can take do not hold it up: what is asked of omega is
/// finished when nothing failed and nothing of ours is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something of ours is still to do.
    InProgress,
    /// Everything of ours is done.
    Completed,
    /// A step failed.
    Failed,
}

impl Progress {
    /// Read off the steps.
    pub fn of(steps: &[Step]) -> Progress {
        let ours = |step: &&Step| !matches!(step.step, StepName::TwilioWebhooks | StepName::SenderEmail);
        if steps.iter().any(|step| step.state == StepState::Failed) {
            Progress::Failed
        } else if steps.is_empty() || steps.iter().filter(ours).any(|step| step.state == StepState::Pending) {
            Progress::InProgress
        } else {
            Progress::Completed
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Progress::InProgress => "in_progress",
            Progress::Completed => "completed",
            Progress::Failed => "failed",
        }
    }
}
