//! Setting up a business, step by step, so that a call that was cut short can be repeated.
//!
//! What is stored is what is known: which numbers there are and how each stands, what SES says of a domain, what did not
//! work. The steps are read off that by [`steps`], so that no step says anything else than what is.

use crate::business::{Business, BusinessNumber, NumberState, Registration};
use crate::id::{BusinessId, RequestId};
use crate::message::Message;
use crate::phone::Phone;
use crate::setup::IdentityState;
use crate::setup::Step;
use crate::setup::StepName;
use crate::setup::StepState;
use crate::status::Status;

/// Why Twilio or SES did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It did not answer, or said that it cannot now. The same call may work later.
    #[error("{0}")]
    Unreachable(String),
    /// It said no, and would again.
    #[error("{0}")]
    Refused(String),
}

/// The call under which the text to `phone` is stored, the same one whenever it is asked for: so it is sent once.
/// Made of the two numbers, of which an id has room for one beside the other.
pub fn test_request(business: BusinessId, phone: &Phone) -> RequestId {
    let digits: u64 = phone.as_str().trim_start_matches('+').parse().unwrap_or_default();
    let (business, digits) = (business.get().to_be_bytes(), digits.to_be_bytes());
    let mut bytes = [0; 16];
    // A version of their own leaves bytes 6 and 8 in part to others.
    bytes[..6].copy_from_slice(&business[1..7]);
    bytes[7] = business[7];
    bytes[9..].copy_from_slice(&digits[1..]);
    RequestId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Every step that concerns a business, in order. `test` is the text that was sent to try things out, where there is one.
pub fn steps(business: &Business, test: Option<&Message>) -> Vec<Step> {
    let mut steps = vec![Step::done(StepName::Business), Step::done(StepName::ApiKey)];
    if business.setup.locations {
        steps.push(Step::done(StepName::Locations));
    }
    steps.push(phone_numbers(business));
    steps.push(twilio_webhooks(business));
    steps.extend(sender_email(business));
    steps.extend(a2p_registration(business));
    steps.extend(business.setup.test_phone.as_ref().map(|_| test_message(business, test)));
    steps
}

fn listed<'a>(phones: impl Iterator<Item = &'a Phone>) -> String {
    phones.map(Phone::as_str).collect::<Vec<_>>().join(", ")
}

fn in_state(business: &Business, state: NumberState) -> impl Iterator<Item = &Phone> {
    let numbers = business.phone_numbers.iter().filter(move |number| number.state == state);
    numbers.map(|number| &number.phone)
}

fn phone_numbers(business: &Business) -> Step {
    let (name, setup) = (StepName::PhoneNumbers, &business.setup);
    if setup.open {
        return Step::pending(name, "not finished", "Repeat the call.");
    }
    let wrong = [
        (
            listed(setup.refused_numbers.iter()),
            "These numbers belong to another business",
            "Repeat the call without those that belong to another business.",
        ),
        (
            listed(in_state(business, NumberState::Missing)),
            "These numbers are not in the Twilio account of omega",
            "Buy the missing ones there or move them there, and repeat the call.",
        ),
        (
            listed(in_state(business, NumberState::Mute)),
            "These numbers cannot text",
            "Replace those that cannot text by others, and repeat the call.",
        ),
    ];
    let wrong: Vec<_> = wrong.into_iter().filter(|(numbers, _, _)| !numbers.is_empty()).collect();
    if !wrong.is_empty() {
        let reasons: Vec<String> =
            wrong.iter().map(|(numbers, what, _)| format!("{what}: {numbers}.")).collect();
        let actions: Vec<&str> = wrong.iter().map(|(_, _, action)| *action).collect();
        return Step::failed(name, reasons.join(" "), actions.join(" "));
    }
    if let Some(trouble) = setup.trouble(name) {
        return trouble;
    }
    if business.phone_numbers.is_empty() {
        return Step::pending(name, "The business has no number.", "Repeat the call with phone_numbers.");
    }
    if in_state(business, NumberState::Pending).next().is_some() {
        return Step::pending(name, "Twilio is being asked about the numbers.", LOOK_AGAIN);
    }
    Step::done(name)
}

/// What to do while omega is at work.
const LOOK_AGAIN: &str = "Look at the status again in a moment.";

fn twilio_webhooks(business: &Business) -> Step {
    let name = StepName::TwilioWebhooks;
    if let Some(trouble) = business.setup.trouble(name) {
        return trouble;
    }
    let any = |state| in_state(business, state).next().is_some();
    if any(NumberState::Pending) && !business.setup.open {
        return Step::pending(name, "Twilio is being told where to call omega.", LOOK_AGAIN);
    }
    if any(NumberState::Ready) {
        return Step::done(name);
    }
    Step::pending(
        name,
        "There is no number yet that Twilio could call omega for.",
        "See the step phone_numbers.",
    )
}

fn sender_email(business: &Business) -> Option<Step> {
    let (name, setup) = (StepName::SenderEmail, &business.setup);
    if let Some(refused) = &setup.refused_mailbox {
        let reason = format!(
            "{} belongs to another business: the mailbox itself, or the domain that it is at.",
            refused.as_str()
        );
        return Some(Step::failed(
            name,
            reason,
            "Repeat the call with a from_email at a domain of this business.",
        ));
    }
    let domain = business.from_email.as_ref()?.domain();
    if let Some(trouble) = setup.trouble(name) {
        return Some(trouble);
    }
    let identity = setup.identity.as_ref().filter(|identity| identity.domain == domain);
    let Some(identity) = identity else {
        let action = "Look at the status again in a moment. If it stays so, repeat the call.";
        return Some(Step::pending(name, "SES has not been asked about the domain yet.", action));
    };
    let records: Vec<String> = identity
        .tokens
        .iter()
        .map(|token| format!("{token}._domainkey.{domain} CNAME {token}.dkim.amazonses.com"))
        .collect();
    let action = format!("Add to the DNS of {domain}: {}.", records.join("; "));
    Some(match identity.state {
        IdentityState::Verified => Step::done(name),
        IdentityState::Pending => {
            Step::pending(name, format!("SES does not see yet that {domain} is ours."), action)
        }
        IdentityState::Failed => Step::failed(
            name,
            format!("SES has given up looking for the DNS records of {domain}."),
            format!("{action} Then repeat the call."),
        ),
    })
}

/// Concerns the ordinary numbers of the United States.
fn a2p_registration(business: &Business) -> Option<Step> {
    let name = StepName::A2pRegistration;
    let concerned: Vec<&BusinessNumber> =
        business.phone_numbers.iter().filter(|number| number.phone.is_us_long_code()).collect();
    if concerned.is_empty() {
        return None;
    }
    let told = |told: Option<Registration>| {
        listed(concerned.iter().filter(|number| number.registration == told).map(|number| &number.phone))
    };
    let rejected = told(Some(Registration::Rejected));
    if !rejected.is_empty() {
        return Some(Step::failed(
            name,
            format!("The A2P 10DLC registration of these numbers was rejected: {rejected}."),
            "Correct brand and campaign at Twilio, and repeat the call with their new a2p_registration.",
        ));
    }
    let waiting = [
        (told(None), "It was not said whether these numbers are registered for A2P 10DLC"),
        (told(Some(Registration::Unregistered)), "These numbers are not registered for A2P 10DLC"),
        (told(Some(Registration::Pending)), "The A2P 10DLC registration of these numbers is not decided"),
    ];
    let reasons: Vec<String> = waiting
        .into_iter()
        .filter(|(numbers, _)| !numbers.is_empty())
        .map(|(numbers, what)| format!("{what}: {numbers}."))
        .collect();
    if reasons.is_empty() {
        return Some(Step::done(name));
    }
    let action = "Register brand and campaign at Twilio, and repeat the call with the a2p_registration of each number.";
    Some(Step::pending(name, reasons.join(" "), action))
}

fn test_message(business: &Business, test: Option<&Message>) -> Step {
    let name = StepName::TestMessage;
    let Some(message) = test else {
        let waits = || Step::pending(name, "It is sent when the number to send from is ready.", LOOK_AGAIN);
        return business.setup.trouble(name).unwrap_or_else(waits);
    };
    match message.delivery_status {
        Status::Sent | Status::Delivered | Status::Read | Status::Received => Step::done(name),
        ended if ended.is_failure() || ended == Status::DeliveryUnknown => {
            let why = message.failure.as_ref().map_or("It was not delivered.", |failure| &failure.reason);
            let action = format!(
                "Retry message {}, or repeat the call with another test_phone_number.",
                message.at.message.get()
            );
            Step::failed(name, why, action)
        }
        _ => Step::pending(name, "It is on its way, and Twilio has not said more.", LOOK_AGAIN),
    }
}

/// How onboarding stands as a whole. Steps that only a person can take do not hold it up: what is asked of omega is
/// finished when nothing failed and nothing of ours is open. DNS records and registrations are a person's.
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
        let ours = |step: &&Step| !matches!(step.step, StepName::SenderEmail | StepName::A2pRegistration);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::Email;
    use crate::setup::MailIdentity;

    fn phone(text: &str) -> Phone {
        Phone::from_e164(text).unwrap()
    }

    /// A business as it was stored before there was a setup.
    fn stored(numbers: &str) -> Business {
        let text = format!(
            r#"{{"business_id":5,"country":"US","phone_numbers":[{numbers}],"steps":[{{"step":"business","state":"done"}}],
            "created_at":"2026-01-31T12:00:00.000Z"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_business_of_before_can_send_as_it_could() {
        let business = stored(r#"{"phone":"+14155550100"}"#);
        assert_eq!(business.may_send_from(&phone("+14155550100")), Ok(()));
        assert_eq!(business.may_text(&phone("+14155550100"), &phone("+14155550101")), Ok(()));
        assert_eq!((business.requests_per_minute, business.setup_version), (Default::default(), 0));
        assert_eq!(Progress::of(&steps(&business, None)), Progress::Completed);
    }

    #[test]
    fn a_number_sends_when_it_receives() {
        for (state, may) in [
            ("ready", Ok(())),
            ("pending", Err(crate::business::Unfit::BeingSetUp)),
            ("missing", Err(crate::business::Unfit::BeingSetUp)),
            ("mute", Err(crate::business::Unfit::BeingSetUp)),
        ] {
            let business = stored(&format!(r#"{{"phone":"+14155550100","state":"{state}"}}"#));
            assert_eq!(business.may_send_from(&phone("+14155550100")), may, "{state}");
            let complete = Progress::of(&steps(&business, None)) == Progress::Completed;
            assert_eq!(complete, may.is_ok(), "{state}");
        }
        let stranger = stored("").may_send_from(&phone("+14155550100"));
        assert_eq!(stranger, Err(crate::business::Unfit::NotOurs));
    }

    #[test]
    fn carriers_of_the_united_states_ask_for_a_registration_of_their_numbers() {
        let refused = |number: &str, told: &str, to: &str| {
            let business = stored(&format!(r#"{{"phone":"{number}","registration":"{told}"}}"#));
            business.may_text(&phone(number), &phone(to)).is_err()
        };
        let (us, toll_free, canada, uk) = ("+14155550100", "+18885550100", "+16135550100", "+442079460000");
        for told in ["unregistered", "pending", "rejected"] {
            assert!(refused(us, told, "+14155550199"), "{told}");
            assert!(!refused(us, told, uk), "{told}");
            assert!(!refused(us, told, canada), "{told}");
            for from in [toll_free, canada, uk] {
                assert!(!refused(from, told, us), "{told} {from}");
            }
        }
        assert!(!refused(us, "registered", us) && !refused(us, "exempt", us));
    }

    #[test]
    fn a_test_has_one_request_for_each_business_and_number() {
        let request = |business, number| test_request(BusinessId::new(business).unwrap(), &phone(number));
        let most = (1 << 53) - 1;
        let mut seen = std::collections::BTreeSet::new();
        for business in [1, 2, 255, 256, most - 1, most] {
            for number in ["+14155550100", "+14155550101", "+999999999999999"] {
                assert_eq!(request(business, number), request(business, number));
                assert!(seen.insert(request(business, number).to_string()));
            }
        }
    }

    #[test]
    fn a_mailbox_waits_for_three_records_of_dns() {
        let mut business = stored("");
        business.from_email = Email::parse("hello@studio.example.com").ok();
        let identity = |state| MailIdentity {
            domain: "studio.example.com".to_owned(),
            state,
            tokens: ["a", "b", "c"].map(str::to_owned).to_vec(),
        };
        let said = |business: &Business| sender_email(business).unwrap();
        assert_eq!(said(&business).state, StepState::Pending);
        for (state, expected) in [
            (IdentityState::Verified, StepState::Done),
            (IdentityState::Pending, StepState::Pending),
            (IdentityState::Failed, StepState::Failed),
        ] {
            business.setup.identity = Some(identity(state));
            let step = said(&business);
            assert_eq!(step.state, expected);
            let record = "b._domainkey.studio.example.com CNAME b.dkim.amazonses.com";
            let told = step.next_action.is_some_and(|action| action.contains(record));
            assert_eq!(told, expected != StepState::Done);
        }
        // What was said of another domain says nothing of this one.
        business.from_email = Email::parse("hello@other.example.com").ok();
        assert_eq!(said(&business).state, StepState::Pending);
    }
}
