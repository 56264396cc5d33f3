//! Onboarding may be killed between any two steps. It ends complete, and at no moment can a business send from a number
//! whose answers would be lost.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use domain::BusinessId;
use domain::phone::Phone;
use local::Source;
use local::wire::Halt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::{App, send};
use crate::faults::{at_every_call, cases};
use crate::onboarding::{onboard, status};

const ADA: &str = "+14155550123";
const NUMBERS: [&str; 3] = ["+14155550100", "+14155550101", "+14155550102"];
const BUSINESSES: [u64; 2] = [5, 6];
/// Longer than a job is hidden that was handed out.
const HIDDEN: Duration = Duration::from_secs(721);

/// The call that sets a business up, ready for the router.
fn routed(app: &App, body: &Value) -> Request {
    Request::post("/omega/business/onboard")
        .header("x-api-key", &app.local.platform_key)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn everything() -> Value {
    json!({
        "business_id": 5,
        "from_phone_number": NUMBERS[0],
        "phone_numbers": [{"phone_number": NUMBERS[1], "location_id": 3}],
        "from_email": "hello@studio.example.com",
        "locations": [{"location_id": 3, "name": "Harbor"}],
        "test_phone_number": ADA,
    })
}

impl App {
    /// Fails when a business may send from a number that does not lead to it, at Twilio and in the table.
    async fn who_sends_receives(&self, place: &str) {
        let store = &self.local.sender().store;
        for business in BUSINESSES {
            let business = BusinessId::new(business).unwrap();
            let Some(stored) = store.business(business).await.unwrap() else { continue };
            for number in NUMBERS {
                let phone = Phone::from_e164(number).unwrap();
                if stored.may_send_from(&phone).is_err() {
                    continue;
                }
                let route = store.number_route(&phone).await.unwrap();
                assert_eq!(route.map(|route| route.business_id), Some(business), "{number}: {place}");
                self.is_called_for(number, place);
            }
        }
    }

    fn is_called_for(&self, number: &str, place: &str) {
        let set = self.local.twilio.number(number);
        let set = set.unwrap_or_else(|| panic!("{number} is not at Twilio: {place}"));
        let ours = format!("{}/omega/twilio/sms/reply#rc=3&rp=5xx,ct,rt&ct=2000&rt=4500", self.local.origin);
        assert_eq!(set.sms_url, ours, "{place}");
        let fallback = format!("{}/omega/twilio/sms/reply", self.local.fallback_url);
        assert_eq!(set.sms_fallback_url, fallback, "{place}");
    }

    /// Business 5 is complete, has one key, and sent one test.
    async fn is_complete(&self, place: &str) {
        let shown = status(self, 5).await.ok();
        assert_eq!(shown["status"], "completed", "{place}: {shown}");
        for number in &NUMBERS[..2] {
            self.is_called_for(number, place);
        }
        assert_eq!(self.sent(), [(ADA.to_owned(), "omega test message of 5".to_owned())], "{place}");
        assert_eq!(self.local.ses.identities().len(), 1, "{place}");
        let scan = self.local.engine.scan().table_name(&self.local.table).send().await.unwrap();
        let kind = |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
            item["type"].as_s().cloned().unwrap()
        };
        let kinds: Vec<String> = scan.items().iter().map(kind).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "Credential").count(), 1, "{place}");
        assert_eq!(kinds.iter().filter(|kind| *kind == "Location").count(), 1, "{place}");
    }
}

#[tokio::test]
async fn a_call_that_died_and_is_repeated_ends_complete_with_one_key() {
    for swept_before in [false, true] {
        at_every_call(8, async |n, when| {
            let app = App::start().await;
            let died = app.dies(n, when, app.local.router().oneshot(routed(&app, &everything()))).await;
            let place = format!("died at {n}, {when:?}");
            app.who_sends_receives(&place).await;
            if swept_before {
                app.recover().await;
                app.who_sends_receives(&place).await;
            }
            let existed = status(&app, 5).await.status == 200;

            let repeated = send(onboard(&app, &everything())).await.ok();
            app.drain().await;

            assert_eq!(repeated["api_key"].is_string(), !existed, "{place}");
            app.is_complete(&place).await;
            died
        })
        .await;
    }
}

#[tokio::test]
async fn a_call_that_stored_what_it_was_asked_for_needs_no_repeating() {
    at_every_call(8, async |n, when| {
        let app = App::start().await;
        let died = app.dies(n, when, app.local.router().oneshot(routed(&app, &everything()))).await;
        app.recover().await;
        let shown = status(&app, 5).await;
        // Before that, it says so.
        let said = shown.body["steps"].as_array().into_iter().flatten();
        let mut said = said.filter_map(|step| step["next_action"].as_str());
        if shown.status == 200 && !said.any(|action| action == "Repeat the call.") {
            app.is_complete(&format!("died at {n}, {when:?}")).await;
        }
        died
    })
    .await;
}

#[tokio::test]
async fn a_provisioner_that_dies_is_made_up_for_and_nothing_is_done_twice() {
    at_every_call(12, async |n, when| {
        let app = App::start().await;
        send(onboard(&app, &everything())).await.ok();
        let died = app.dies(n, when, app.local.deliver_once(Source::Onboarding)).await;
        let place = format!("died at {n}, {when:?}");
        app.who_sends_receives(&place).await;
        app.recover().await;
        app.is_complete(&place).await;
        died
    })
    .await;
}

#[tokio::test]
async fn a_provisioner_whose_connection_is_cut_ends_complete() {
    at_every_call(12, async |n, when| {
        let app = App::start().await;
        send(onboard(&app, &everything())).await.ok();
        let cut = app.is_cut(n, when, app.local.deliver_once(Source::Onboarding)).await;
        let place = format!("cut at {n}, {when:?}");
        app.who_sends_receives(&place).await;
        app.recover().await;
        app.is_complete(&place).await;
        cut
    })
    .await;
}

#[tokio::test]
async fn a_sweeper_that_dies_with_a_business_in_its_hands_is_made_up_for() {
    at_every_call(3, async |n, when| {
        let app = App::start().await;
        app.local.wire.fail("sqs", None, usize::MAX, 400, crate::faults::REFUSAL);
        send(onboard(&app, &everything())).await.ok();
        app.local.wire.heal();
        app.clock.advance(Duration::from_secs(61));
        app.local
            .wire
            .counts(|server, operation| server == "sqs" || operation == "UpdateItem" || operation == "Query");
        let died = app.dies(n, when, app.local.sweep()).await;
        app.recover().await;
        app.is_complete(&format!("died at {n}, {when:?}")).await;
        died
    })
    .await;
}

#[tokio::test]
async fn a_call_in_the_middle_of_a_look_at_twilio_loses_nothing() {
    let app = App::start().await;
    send(onboard(&app, &json!({"business_id": 5, "from_phone_number": NUMBERS[0]}))).await.ok();
    app.local.wire.counts(|_, operation| operation.starts_with("POST IncomingPhoneNumbers"));
    let telling = app.local.wire.halt_at(0, Halt::After);
    let meanwhile = async {
        telling.reached().await;
        send(onboard(&app, &everything())).await.ok();
        app.local.wire.heal();
    };
    let (batch, ()) = tokio::join!(app.local.deliver_once(Source::Onboarding), meanwhile);
    batch.unwrap();
    app.recover().await;
    app.is_complete("a call came between").await;
}

// ---- Whatever happens ------------------------------------------------------------------------------------------

/// A place to die at.
type Death = Option<(usize, Halt)>;

#[derive(Clone, Debug)]
enum Deed {
    Call { business: u64, numbers: Vec<usize>, mailbox: bool, death: Death },
    Provision { death: Death },
    Twilio { away: bool },
    Bought { number: usize },
    Time,
}

fn death(most: usize) -> impl Strategy<Value = Death> {
    let when = prop_oneof![Just(Halt::Before), Just(Halt::After)];
    prop::option::weighted(0.5, (0..most, when))
}

fn deed() -> impl Strategy<Value = Deed> {
    let numbers = prop::sample::subsequence(vec![0, 1, 2], 0..=3);
    let call = (prop::sample::select(BUSINESSES.to_vec()), numbers, any::<bool>(), death(10));
    prop_oneof![
        4 => call.prop_map(|(business, numbers, mailbox, death)| Deed::Call { business, numbers, mailbox, death }),
        5 => death(12).prop_map(|death| Deed::Provision { death }),
        1 => any::<bool>().prop_map(|away| Deed::Twilio { away }),
        2 => (0usize..3).prop_map(|number| Deed::Bought { number }),
        1 => Just(Deed::Time),
    ]
}

/// What happened so far.
struct World {
    app: App,
    away: bool,
}

impl World {
    /// A step that may die, while Twilio may be away.
    async fn does<T>(&self, death: Death, step: impl Future<Output = T>) {
        if self.away {
            self.app.local.wire.fail("twilio", None, usize::MAX, 503, "");
        }
        match death {
            Some((n, when)) => {
                self.app.dies(n, when, step).await;
            }
            None => {
                step.await;
            }
        }
        self.app.local.wire.heal();
    }

    async fn happens(&mut self, deed: &Deed) {
        let app = &self.app;
        match deed {
            Deed::Call { business, numbers, mailbox, death } => {
                let numbers: Vec<Value> =
                    numbers.iter().map(|number| json!({"phone_number": NUMBERS[*number]})).collect();
                let mut body = json!({"business_id": business, "phone_numbers": numbers});
                if *mailbox {
                    body["from_email"] = json!(format!("hello@{business}.example.com"));
                }
                self.does(*death, app.local.router().oneshot(routed(app, &body))).await;
            }
            Deed::Provision { death } => {
                self.does(*death, app.local.deliver_once(Source::Onboarding)).await;
            }
            Deed::Twilio { away } => self.away = *away,
            Deed::Bought { number } => app.local.twilio.register_numbers([NUMBERS[*number]]),
            Deed::Time => {
                app.clock.advance(HIDDEN);
                app.local.sweep().await.unwrap();
            }
        }
    }
}

async fn can_send_is_can_receive(deeds: Vec<Deed>) {
    let mut world = World { app: App::start().await, away: false };
    // The account has numbers, and none of these.
    world.app.local.twilio.register_numbers(["+14155550999"]);
    for (step, deed) in deeds.iter().enumerate() {
        world.happens(deed).await;
        world.app.who_sends_receives(&format!("after step {step} of {deeds:?}")).await;
    }
    // In the end, everything works, and every number has found its business.
    let app = world.app;
    app.local.twilio.register_numbers(NUMBERS);
    for business in BUSINESSES {
        let numbers = NUMBERS.map(|number| json!({"phone_number": number}));
        send(onboard(&app, &json!({"business_id": business, "phone_numbers": numbers}))).await.ok();
    }
    app.clock.advance(HIDDEN);
    app.local.drain().await.unwrap();
    app.who_sends_receives("in the end").await;
    let store = &app.local.sender().store;
    for number in NUMBERS {
        let phone = Phone::from_e164(number).unwrap();
        let business = store.number_route(&phone).await.unwrap().unwrap().business_id;
        let business = store.business(business).await.unwrap().unwrap();
        assert_eq!(business.may_send_from(&phone), Ok(()), "{number} after {deeds:?}");
    }
}

/// A case is a sequence of calls, jobs, deaths and what happens at Twilio meanwhile.
#[test]
fn no_sequence_of_calls_and_deaths_leaves_a_business_that_can_send_and_not_receive() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = cases(24);
    runner
        .run(&prop::collection::vec(deed(), 1..16), |deeds| {
            runtime.block_on(can_send_is_can_receive(deeds));
            Ok(())
        })
        .unwrap();
}
