//! State of a call, and how the reports about it become its result.
//!
//! A call is one message of the channel `voice`. Twilio reports it leg by leg, in any order, more than once or not at all,
//! so its state only goes up: what is stored in the end depends on which reports came, not on their order.

use serde::{Deserialize, Serialize};

use crate::channel::Direction;
use crate::report::{Report, Source};
use crate::status::Status;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    /// It has begun, and nobody answered yet.
    Ringing,
    /// Somebody answered, and they are talking.
    InProgress,
    /// Somebody answered, and it is over.
    Completed,
    /// Nobody answered.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// It could not be put through.
    Failed,
    /// Whoever called hung up first.
    Canceled,
}

impl CallResult {
    /// Every result.
    pub const ALL: [CallResult; 7] = [
        CallResult::Ringing,
        CallResult::InProgress,
        CallResult::Completed,
        CallResult::NoAnswer,
        CallResult::Busy,
        CallResult::Failed,
        CallResult::Canceled,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            CallResult::Ringing => "ringing",
            CallResult::InProgress => "in_progress",
            CallResult::Completed => "completed",
            CallResult::NoAnswer => "no_answer",
            CallResult::Busy => "busy",
            CallResult::Failed => "failed",
            CallResult::Canceled => "canceled",
        }
    }

    /// What Twilio's word for a call or a leg of it means. `None` is a word we do not know.
    pub fn from_twilio(word: &str) -> Option<CallResult> {
        match word {
            "queued" | "initiated" | "ringing" => Some(CallResult::Ringing),
            "in-progress" | "answered" => Some(CallResult::InProgress),
            "completed" => Some(CallResult::Completed),
            "no-answer" => Some(CallResult::NoAnswer),
            "busy" => Some(CallResult::Busy),
            "failed" => Some(CallResult::Failed),
            "canceled" => Some(CallResult::Canceled),
            _ => None,
        }
    }

    /// Whether nothing more comes of the leg it is said of.
    pub fn is_final(self) -> bool {
        !matches!(self, CallResult::Ringing | CallResult::InProgress)
    }

    /// Whether somebody talked.
    pub fn is_answered(self) -> bool {
        matches!(self, CallResult::InProgress | CallResult::Completed)
    }

    /// How far an outbound message is whose call came to this.
    pub fn status(self) -> Status {
        match self {
            CallResult::Ringing => Status::Sending,
            CallResult::InProgress => Status::Sent,
            CallResult::Completed => Status::Delivered,
            CallResult::NoAnswer | CallResult::Busy => Status::Undelivered,
            CallResult::Failed => Status::Failed,
            CallResult::Canceled => Status::Canceled,
        }
    }

    /// How much is known: what is reported applies over what ranks lower.
    ///
    /// A call that goes out has one leg and ends once, so the first end that is heard of is the end. One that comes in may
    /// ring in two places, so that nobody answered in one of them is not the end; and of two places that did not
    /// answer the same word is kept whichever was reported first.
    fn rank(self, direction: Direction) -> u8 {
        match (direction, self) {
            (_, CallResult::Ringing) => 0,
            (Direction::Inbound, CallResult::Canceled) => 10,
            (Direction::Inbound, CallResult::Failed) => 11,
            (Direction::Inbound, CallResult::Busy) => 12,
            (Direction::Inbound, CallResult::NoAnswer) => 13,
            (_, CallResult::InProgress) => 20,
            (_, CallResult::Completed) => 30,
            (_, CallResult::Canceled | CallResult::Failed | CallResult::Busy | CallResult::NoAnswer) => 30,
        }
    }
}

/// What a message has that is a call. The serde shape is the stored shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// What became of it.
    pub result: CallResult,
    /// For how long they talked, in seconds. Known when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
}

/// Whom a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Whoever was called, in one place.
    Leg,
    /// Whoever called. To them a call is completed also when they heard nothing but our voice.
    Caller,
}

/// What Twilio reports of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReport {
    /// Whom it is about.
    pub part: Part,
    /// Twilio's id of that part.
    pub sid: Option<String>,
    /// Twilio's word.
    pub word: String,
    /// For how long that part was on the phone, in seconds.
    pub duration_seconds: Option<u32>,
}

impl CallReport {
    /// What it says of a call that goes this way; `None` when it says nothing of how far the call is.
    fn says(&self, direction: Direction) -> Option<CallResult> {
        let result = CallResult::from_twilio(&self.word)?;
        match (self.part, direction) {
            (Part::Leg, _) => Some(result),
            (Part::Caller, Direction::Inbound) => missed(result),
            (Part::Caller, Direction::Outbound | Direction::Internal) => None,
        }
    }

    /// The same as the timeline of a message keeps it. Of a call that came in no delivery is told.
    pub fn report(&self, direction: Direction) -> Report {
        let result = self.says(direction).filter(|_| direction != Direction::Inbound);
        Report {
            source: Source::Provider,
            attempt: None,
            status: result.map(CallResult::status),
            provider_status: Some(self.word.clone()),
            provider_message_id: self.sid.clone(),
            failure: None,
            metadata: None,
            recipient: None,
        }
    }
}

/// What is known at least of a call that came in, when all that is known is how it ended for the caller.
pub fn missed(of_caller: CallResult) -> Option<CallResult> {
    match of_caller {
        CallResult::Ringing | CallResult::InProgress => None,
        CallResult::Completed => Some(CallResult::NoAnswer),
        other => Some(other),
    }
}

impl Call {
    /// A call of which this is known, and nothing of its length.
    pub fn new(result: CallResult) -> Call {
        Call { result, duration_seconds: None }
    }

    /// The call after a report; `None` when it stays as it is. How long they talked is said by the end of a leg alone.
    pub fn after(&self, direction: Direction, report: &CallReport) -> Option<Call> {
        let result = report.says(direction)?;
        let ended = result == CallResult::Completed;
        (self.result.rank(direction) < result.rank(direction))
            .then(|| Call { result, duration_seconds: report.duration_seconds.filter(|_| ended) })
    }
}

#[cfg(test)]
mod tests;
