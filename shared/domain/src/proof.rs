//! Whether the sender of a mail is proven: what SPF, DKIM and DMARC say, as the provider checked them on arrival.
//! docs/adr/0044.

use serde::{Deserialize, Serialize};

/// What one check says of a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The domain stands by the mail.
    Pass,
    /// The domain doesn't stand by the mail.
    Fail,
    /// The check says nothing: no record, no signature, a failed look-up, or a provider that doesn't tell.
    #[default]
    Unknown,
}

impl Verdict {
    /// Reads a provider's word in any case. A soft failure of SPF is a failure: the domain says that the server is
    /// probably not one of its own. `GRAY`, `PROCESSING_FAILED`, `none`, `neutral` and errors say nothing.
    pub fn of(word: &str) -> Verdict {
        match word.trim().to_ascii_lowercase().as_str() {
            "pass" => Verdict::Pass,
            "fail" | "hardfail" | "softfail" => Verdict::Fail,
            _ => Verdict::Unknown,
        }
    }

    /// The verdict of a check that is told in several places. A mail can carry a forged copy of the field that the
    /// provider writes, so they pass only together, and one failure is enough.
    pub fn together(told: impl IntoIterator<Item = Verdict>) -> Verdict {
        told.into_iter()
            .reduce(|one, other| match (one, other) {
                (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
                (Verdict::Pass, Verdict::Pass) => Verdict::Pass,
                (Verdict::Pass | Verdict::Unknown, Verdict::Pass | Verdict::Unknown) => Verdict::Unknown,
            })
            .unwrap_or_default()
    }
}

/// The checks of one mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SenderChecks {
    /// Whether the server may send for the domain of the envelope sender.
    pub spf: Verdict,
    /// Whether a signature of the mail is right.
    pub dkim: Verdict,
    /// Whether SPF or DKIM passes for the domain in `From`.
    pub dmarc: Verdict,
}

/// The domains that a mail names as its own.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The domain of the address that counts as the writer's; empty for a writer without one, who claims none.
    pub writer: &'a str,
    /// The domain of the envelope sender; empty where there is none.
    pub envelope: &'a str,
    /// `From` names the writer and no address of another domain. If not, a verdict may be about another address.
    pub is_sole_author: bool,
}

impl SenderChecks {
    /// Whether the mail failed to prove that its writer is who it says.
    ///
    /// DMARC decides. Where DMARC says nothing, the sender is unproven if neither SPF nor DKIM passes and one of
    /// them fails. SPF is about the envelope, so it passes only for a writer of the same domain. Of a mail whose
    /// `From` doesn't name its writer alone, only SPF is believed, and if any check spoke, SPF has to pass.
    pub fn deny(self, claim: Claim<'_>) -> bool {
        let is_sole_author = claim.is_sole_author || claim.writer.is_empty();
        let kept = |verdict: Verdict, is_about_writer: bool| {
            if verdict == Verdict::Pass && !is_about_writer { Verdict::Unknown } else { verdict }
        };
        let spf = kept(self.spf, is_aligned(claim.envelope, claim.writer));
        let dkim = kept(self.dkim, is_sole_author);
        let passes = spf == Verdict::Pass || dkim == Verdict::Pass;
        let fails = spf == Verdict::Fail || dkim == Verdict::Fail;
        match kept(self.dmarc, is_sole_author) {
            Verdict::Pass => false,
            Verdict::Fail => true,
            Verdict::Unknown if is_sole_author => !passes && fails,
            Verdict::Unknown => !passes && self != SenderChecks::default(),
        }
    }
}

/// Whether two domains are the same, or one is a part of the other.
fn is_aligned(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let is_part = |part: &str, whole: &str| {
        whole.contains('.')
            && part.strip_suffix(whole).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_part(&one, &other) || is_part(&other, &one)
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Fail, Pass, Unknown};
    use super::*;

    fn denied(spf: Verdict, dkim: Verdict, dmarc: Verdict) -> bool {
        let claim = Claim { writer: "example.org", envelope: "example.org", is_sole_author: true };
        SenderChecks { spf, dkim, dmarc }.deny(claim)
    }

    #[test]
    fn dmarc_decides_and_without_dmarc_a_failure_needs_that_nothing_passes() {
        let all = [Pass, Fail, Unknown];
        for (spf, dkim) in all.into_iter().flat_map(|spf| all.map(|dkim| (spf, dkim))) {
            assert!(!denied(spf, dkim, Pass), "{spf:?} {dkim:?}");
            assert!(denied(spf, dkim, Fail), "{spf:?} {dkim:?}");
            let expected = matches!((spf, dkim), (Fail, Fail) | (Fail, Unknown) | (Unknown, Fail));
            assert_eq!(denied(spf, dkim, Unknown), expected, "{spf:?} {dkim:?}");
        }
    }

    #[test]
    fn spf_passes_for_a_writer_of_the_same_domain_only() {
        let checks = SenderChecks { spf: Pass, dkim: Fail, dmarc: Unknown };
        for (writer, envelope, expected) in [
            ("example.org", "EXAMPLE.org", false),
            ("example.org", "bounces.example.org", false),
            ("mail.example.org", "example.org", false),
            ("example.org", "evil.example", true),
            ("example.org", "notexample.org", true),
            ("example.org", "org", true),
            ("example.org", "", true),
            ("", "", true),
        ] {
            let claim = Claim { writer, envelope, is_sole_author: true };
            assert_eq!(checks.deny(claim), expected, "{writer} {envelope}");
        }
    }

    #[test]
    fn verdicts_about_from_prove_no_writer_whom_from_does_not_name_alone() {
        let beside = |envelope| Claim { writer: "example.org", envelope, is_sole_author: false };
        let passed = SenderChecks { spf: Pass, dkim: Pass, dmarc: Pass };
        assert!(passed.deny(beside("evil.example")));
        assert!(!passed.deny(beside("example.org")));
        assert!(!SenderChecks::default().deny(beside("evil.example")), "no check spoke");
        assert!(
            !passed.deny(Claim { writer: "", envelope: "", is_sole_author: false }),
            "no address is claimed"
        );
    }

    #[test]
    fn words_of_all_providers_are_read() {
        for word in ["PASS", "Pass", " pass "] {
            assert_eq!(Verdict::of(word), Pass, "{word}");
        }
        for word in ["FAIL", "SoftFail", "hardfail"] {
            assert_eq!(Verdict::of(word), Fail, "{word}");
        }
        for word in ["", "GRAY", "PROCESSING_FAILED", "DISABLED", "none", "Neutral", "temperror", "permerror"]
        {
            assert_eq!(Verdict::of(word), Unknown, "{word}");
        }
    }

    #[test]
    fn a_forged_copy_of_a_field_makes_nothing_pass() {
        assert_eq!(Verdict::together([Pass, Pass]), Pass);
        assert_eq!(Verdict::together([Pass, Fail]), Fail);
        assert_eq!(Verdict::together([Unknown, Pass]), Unknown);
        assert_eq!(Verdict::together([]), Unknown);
    }
}
