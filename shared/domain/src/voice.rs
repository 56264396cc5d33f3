//! Calls: who they are with, which numbers may be called and shown, and how what is reported of one becomes its result.
//!
//! A call is one message of the channel `voice`. Twilio reports it leg by leg, in any order, more than once or not at all,
//! so its state only goes up: what is stored in the end depends on which reports came, not on their order.

use crate::address::Address;
use crate::business::{Business, NumberState};
use crate::destination::{Reach, Unreachable};
use crate::id::{BusinessId, Id, StaffId};
use crate::phone::{Country, Phone, SHORTEST, Typed};
use crate::staff::Staff;

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
