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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proved_claim_keeps_others_out_for_good_and_an_unproved_one_for_four_days() {
        let [own, other] = [5, 6].map(|id| BusinessId::new(id).unwrap());
        let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let claim = DomainClaim::new(own, now);
        let days = |days: u64| now.plus(Duration::from_secs(days * 24 * 3600));
        assert!(claim.keeps_out(other, now) && claim.keeps_out(other, days(3)));
        assert!(!claim.keeps_out(other, days(4)) && !claim.keeps_out(own, now));
        let proved = DomainClaim { proved_by: Some(own), ..claim };
        assert!(proved.keeps_out(other, days(4_000)) && !proved.keeps_out(own, days(4_000)));
    }

    #[test]
    fn the_domains_above_a_domain_end_before_the_top_level() {
        let above = |domain: &'static str| domains_above(domain).collect::<Vec<_>>();
        assert_eq!(above("a.b.example.co.uk"), ["b.example.co.uk", "example.co.uk", "co.uk"]);
        assert_eq!(above("mail.example.com"), ["example.com"]);
        assert_eq!(above("example.com"), Vec::<&str>::new());
    }
}
