//! Claims of businesses on the domains that they send mail from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::BusinessId;
use crate::time::Timestamp;

/// How long a claim on a domain keeps others out that was never proved: SES looks for the records for three days, and
/// omega looks at SES every hour.
const UNPROVED: Duration = Duration::from_secs(4 * 24 * 3600);

/// The claim of a business on a domain that it sends mail from. SES knows a domain once for the whole account, so what
/// proves a domain there proves it for whoever asks: hence a claim of our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainClaim {
    /// Who claims it.
    pub business_id: BusinessId,
    /// Since when.
    pub claimed_at: Timestamp,
    /// The same business, once SES has verified the domain for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_by: Option<BusinessId>,
}

impl DomainClaim {
    /// A claim that begins now.
    pub fn new(business: BusinessId, now: Timestamp) -> DomainClaim {
        DomainClaim { business_id: business, claimed_at: now, proved_by: None }
    }

    /// Whether another business may not claim the domain at `now`: it is proved, or may still be.
    pub fn keeps_out(&self, other: BusinessId, now: Timestamp) -> bool {
        self.business_id != other && (self.proved_by.is_some() || now < self.claimed_at.plus(UNPROVED))
    }
}

/// The domains above a domain, nearest first, without the top level. A domain that SES has verified covers those below it.
pub fn domains_above(domain: &str) -> impl Iterator<Item = &str> {
    let places = domain.match_indices('.').map(|(dot, _)| dot + 1);
    places.filter_map(|place| domain.get(place..)).filter(|above| above.contains('.'))
}
