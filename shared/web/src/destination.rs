//! Numbers that a business may not text or call.

use domain::BusinessId;
use domain::business::Business;
use domain::destination::{Reach, Unreachable};
use domain::phone::Phone;

/// How far a number is open to a business. One that is closed is counted, for the alarm on unusual destinations.
///
/// # Errors
/// As [`Business::reach`].
pub fn reach(business: &Business, to: &Phone) -> Result<Reach, Unreachable> {
    business.reach(to).inspect_err(|why| unusual(business.business_id, *why))
}

/// Counts a text or call to a number that the business may not text or call.
pub fn unusual(business: BusinessId, why: Unreachable) {
    tracing::warn!(
        business.id = business.get(),
        metric = "unusual_destination",
        reason = why.as_str(),
        country = why.country(),
        "text or call refused: its destination is unusual"
    );
}
