//! Calls: who they are with, which numbers may be called and shown, and how what is reported of one becomes its result.
//!
//! A call is one message of the channel `voice`. Twilio reports it leg by leg, in any order, more than once or not at all,
//! so its state only goes up: what is stored in the end depends on which reports came, not on their order.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::business::{Business, NumberState};
use crate::destination::{Reach, Unreachable};
use crate::id::{BusinessId, Id, StaffId};
use crate::message::{Direction, Report, Source};
use crate::phone::{Country, Phone, SHORTEST, Typed};
use crate::staff::Staff;
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

/// The name of a member of the staff at Twilio: letters, digits and underscores, which every part of it takes.
pub fn identity(business: BusinessId, staff: StaffId) -> String {
    format!("b{business}_s{staff}")
}

/// Who called, out of what Twilio says of a call from a browser: `client:` and their name. `None` for any other caller,
/// and for a name that is not spelt as [`identity`] spells it.
pub fn browser(from: &str) -> Option<(BusinessId, StaffId)> {
    fn id<K>(digits: &str) -> Option<Id<K>> {
        Id::new(digits.parse().ok()?)
    }
    let name = from.strip_prefix(BROWSER)?;
    let (business, staff) = name.strip_prefix('b')?.split_once("_s")?;
    let (business, staff) = (id(business)?, id(staff)?);
    (identity(business, staff) == name).then_some((business, staff))
}

/// What the address of a browser begins with.
pub const BROWSER: &str = "client:";

/// Why a number is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is as short as those of emergency services. Those have to know where a caller is, which we do not.
    Short,
    /// There is no such number, or it cannot be read.
    NoNumber,
    /// The business may not text or call it.
    Unreachable(Unreachable),
}

impl From<Unreachable> for Refusal {
    fn from(why: Unreachable) -> Self {
        Refusal::Unreachable(why)
    }
}

/// The line that a member of the staff wants to call, as they typed it in the country of their business, and how far it is
/// open to the business.
///
/// # Errors
/// When it is not to be called.
pub fn destination(typed: &str, business: &Business) -> Result<(Phone, Reach), Refusal> {
    let digits = Typed::read(typed).map_err(|_| Refusal::NoNumber)?.digits;
    if digits.len() < SHORTEST {
        return Err(Refusal::Short);
    }
    let phone = Phone::parse(typed, business.country).map_err(|_| Refusal::NoNumber)?;
    let reach = business.reach(&phone)?;
    Ok((phone, reach))
}

/// The number that is shown to whoever a member of the staff calls: always one of the business's own, at which those who call
/// back are heard. The one that was
/// `asked` for, else that of a location where they work, else the one for texts, else any.
pub fn caller_id<'a>(business: &'a Business, staff: &Staff, asked: Option<&str>) -> Option<&'a Phone> {
    let asked = asked.and_then(|asked| Phone::parse(asked, business.country).ok());
    let ready = || business.phone_numbers.iter().filter(|number| number.state == NumberState::Ready);
    let all = || ready().map(|number| &number.phone);
    let of_location =
        ready().find(|number| number.location_id.is_some_and(|id| staff.location_ids.contains(&id)));
    all()
        .find(|phone| asked.as_ref() == Some(*phone))
        .or(of_location.map(|number| &number.phone))
        .or_else(|| all().find(|phone| business.from_phone.as_ref() == Some(*phone)))
        .or_else(|| all().next())
}

/// What stands in place of a number that is withheld, beside the numbers that [`Address::delivered`] knows.
const WITHHELD: [&str; 8] =
    ["anonymous", "blocked", "private", "restricted", "unavailable", "unknown", "withheld", "266696687"];

/// Whom a call is from, as Twilio says. Callers who withhold their number are one caller together, because nobody can tell
/// them apart. Everybody else is taken literally: `sip:alice@example.com` is not `sip:bob@example.com`.
pub fn caller(from: &str, region: Country) -> Address {
    if is_withheld(from.trim()) { Address::anonymous() } else { Address::delivered(from, region) }
}

/// A SIP caller is anonymous as RFC 3323 (4.1.1.3) says, or at a domain that cannot exist (RFC 2606).
fn is_withheld(from: &str) -> bool {
    let from = from.to_lowercase();
    let Some(sip) = from.strip_prefix("sip:").or_else(|| from.strip_prefix("sips:")) else {
        return WITHHELD.contains(&from.trim_start_matches('+'));
    };
    let (user, host) = sip.split_once('@').unwrap_or((sip, ""));
    let host = host.split([';', '?', ':', '>']).next().unwrap_or_default();
    user == "anonymous" || host.ends_with(".invalid")
}

#[cfg(test)]
mod tests;
