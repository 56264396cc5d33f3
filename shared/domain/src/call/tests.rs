use proptest::prelude::*;

use super::CallResult::*;
use super::*;
use crate::channel::Channel;

fn report(part: Part, word: &str) -> CallReport {
    let duration_seconds = (word == "completed").then_some(42);
    CallReport { part, sid: None, word: word.to_owned(), duration_seconds }
}

fn end(direction: Direction, reports: &[CallReport]) -> Call {
    reports.iter().fold(Call::new(Ringing), |call, report| call.after(direction, report).unwrap_or(call))
}

#[test]
fn each_word_of_twilio_has_one_meaning() {
    let leg = |word| end(Direction::Outbound, &[report(Part::Leg, word)]).result;
    let words = [
        "initiated",
        "ringing",
        "in-progress",
        "answered",
        "busy",
        "no-answer",
        "failed",
        "canceled",
        "later",
    ];
    let meant = words.map(leg);
    assert_eq!(meant, [Ringing, Ringing, InProgress, InProgress, Busy, NoAnswer, Failed, Canceled, Ringing]);
    for result in CallResult::ALL {
        assert_eq!(serde_json::to_value(result).unwrap(), result.as_str());
    }
}

#[test]
fn that_it_is_over_for_the_caller_means_missed_at_most() {
    let over = report(Part::Caller, "completed");
    let inbound =
        |before: &[CallReport]| end(Direction::Inbound, &[before, std::slice::from_ref(&over)].concat());
    assert_eq!(inbound(&[]), Call::new(NoAnswer));
    assert_eq!(inbound(&[report(Part::Leg, "in-progress")]), Call::new(InProgress));
    assert_eq!(inbound(&[report(Part::Leg, "completed")]).duration_seconds, Some(42));
    assert_eq!(end(Direction::Inbound, &[report(Part::Caller, "in-progress")]), Call::new(Ringing));
    assert_eq!(end(Direction::Outbound, &[over]), Call::new(Ringing));
}

#[test]
fn only_the_end_of_a_leg_says_how_long_they_talked() {
    let early = CallReport { duration_seconds: Some(7), ..report(Part::Leg, "in-progress") };
    assert_eq!(end(Direction::Outbound, &[early]), Call::new(InProgress));
    let unanswered = CallReport { duration_seconds: Some(7), ..report(Part::Leg, "no-answer") };
    assert_eq!(end(Direction::Outbound, &[unanswered]), Call::new(NoAnswer));
}

#[test]
fn a_call_that_goes_out_moves_as_every_message_does() {
    for from in CallResult::ALL {
        for to in CallResult::ALL {
            if from.rank(Direction::Outbound) < to.rank(Direction::Outbound) {
                assert!(from.status().may_become(to.status(), Channel::Voice), "{from:?} to {to:?}");
            }
        }
    }
}

/// Some of the reports of a call, each once or more, in any order.
fn some_of(reports: Vec<CallReport>) -> impl Strategy<Value = (Vec<CallReport>, Vec<CallReport>)> {
    let most = reports.len();
    prop::sample::subsequence(reports, 0..=most).prop_flat_map(|came| {
        let again = prop::sample::subsequence(came.clone(), 0..=came.len());
        (Just(came), again)
            .prop_flat_map(|(came, again)| (Just(came.clone()), Just([came, again].concat()).prop_shuffle()))
    })
}

fn outbound() -> impl Strategy<Value = (Vec<CallReport>, Vec<CallReport>)> {
    prop::sample::select(vec!["completed", "busy", "no-answer", "failed", "canceled"]).prop_flat_map(|end| {
        let leg = ["initiated", "ringing", "in-progress", end].map(|word| report(Part::Leg, word));
        let caller = ["ringing", "in-progress", "completed"].map(|word| report(Part::Caller, word));
        some_of([&leg[..], &caller[..], &leg[3..]].concat())
    })
}

fn inbound() -> impl Strategy<Value = (Vec<CallReport>, Vec<CallReport>)> {
    let ends = vec!["completed", "busy", "no-answer", "failed", "canceled"];
    let words = prop::collection::vec(prop::sample::select(ends), 3);
    words.prop_flat_map(|ends| {
        let legs = ["initiated", "ringing", "in-progress"].into_iter().chain(ends[..2].iter().copied());
        let legs: Vec<_> = legs.map(|word| report(Part::Leg, word)).collect();
        some_of([legs, vec![report(Part::Caller, "ringing"), report(Part::Caller, ends[2])]].concat())
    })
}

proptest! {
    #[test]
    fn every_order_of_the_reports_of_a_call_that_goes_out_ends_the_same((in_order, shuffled) in outbound()) {
        prop_assert_eq!(end(Direction::Outbound, &shuffled), end(Direction::Outbound, &in_order));
    }

    #[test]
    fn every_order_of_the_reports_of_a_call_that_comes_in_ends_the_same((in_order, shuffled) in inbound()) {
        prop_assert_eq!(end(Direction::Inbound, &shuffled), end(Direction::Inbound, &in_order));
    }
}
