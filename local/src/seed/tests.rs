use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use domain::client::Change;
use domain::standing::ConversationStatus;
use domain::{BusinessId, Clock, Timestamp};
use serde_json::Value;
use tower::ServiceExt;

use super::plan::{PEOPLE, Person, Plan, What};
use super::*;
use crate::Options;

fn names(plan: &Plan) -> Vec<String> {
    let name = |person: &Person| match &person.entry.as_ref()?.1.full_name {
        Change::Set(name) => Some(name.0.clone()),
        Change::Keep | Change::Clear => None,
    };
    plan.people.iter().filter_map(name).collect()
}

fn words(plan: &Plan) -> impl Iterator<Item = &str> {
    plan.people.iter().flat_map(|person| &person.steps).filter_map(|step| match &step.what {
        What::Heard(words) | What::Before(words) | What::Note(words) | What::Wrote { words, .. } => {
            Some(words.as_str())
        }
        What::Read | What::Flag | What::Assign(_) | What::Label(_) | What::Status(..) => None,
    })
}

#[test]
fn the_plan_is_always_the_same_and_large() {
    let plan = plan::plan(PEOPLE);
    assert_eq!(plan, plan::plan(PEOPLE));
    assert_eq!((plan.people.len(), plan.staff.len(), plan.locations.len()), (PEOPLE + 6, 6, 3));
    assert!(plan.people.iter().filter(|person| !person.steps.is_empty()).count() > 200);
    assert!(words(&plan).all(|words| !words.contains('{')), "a gap is not filled");
}

#[test]
fn nobody_in_the_plan_can_be_reached() {
    let plan = plan::plan(PEOPLE);
    let mut numbers = BTreeSet::new();
    for person in &plan.people {
        let number = person.theirs.as_str();
        assert!(number.len() == 12 && number[5..].starts_with("55501"), "{number} may be somebody's");
        assert!(numbers.insert(number), "{number} is two people's");
        let Some((_, entry)) = &person.entry else { continue };
        if let Change::Set(email) = &entry.email {
            assert!(email.0.ends_with("@example.com"));
        }
    }
}

#[test]
fn people_write_in_many_scripts() {
    let plan = plan::plan(PEOPLE);
    let all = names(&plan).concat() + &words(&plan).collect::<String>();
    for letter in ['é', 'ß', 'Ł', 'Π', 'К', 'ل', 'ש', 'र', 'く', '林', '서', '🙌'] {
        assert!(all.contains(letter), "{letter} is nowhere");
    }

    let distinct: BTreeSet<_> = names(&plan).into_iter().collect();
    assert!(distinct.len() > 150, "{}", distinct.len());
}

#[test]
fn what_happened_is_in_order_and_within_two_months() {
    for person in plan::plan(PEOPLE).people {
        let ago: Vec<Duration> = person.steps.iter().map(|step| step.ago).collect();
        assert!(ago.is_sorted_by(|a, b| a > b), "{ago:?}");
        assert!(ago.iter().all(|ago| *ago < Duration::from_secs(60 * 24 * 3600) && !ago.is_zero()));
    }
}

async fn filled() -> (Local, String) {
    let noon = Timestamp::parse("2026-11-21T18:30:00.123Z").unwrap();
    let clock = Clock::new(move || noon);
    let local = Local::start(Options { clock, ..Options::default() }).await.unwrap();
    let api_key = demo(&local).await.unwrap();
    inbox(&local).await.unwrap();
    (local, api_key)
}

async fn get(local: &Local, api_key: &str, path: &str) -> Value {
    let request = Request::get(format!("/omega/businesses/{BUSINESS}{path}")).header("X-API-KEY", api_key);
    let answer = local.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_what_the_plan_says_and_nothing_is_sent() {
    let (local, api_key) = filled().await;
    local.drain().await.unwrap();
    assert_eq!(local.twilio.outbox().len(), 0);
    let swept = local.sweep().await.unwrap();
    assert_eq!((swept.queued, swept.reopened), (0, 0));

    let plan = plan::plan(PEOPLE);
    let store = &local.recorder().store;
    let business = BusinessId::new(BUSINESS).unwrap();
    let mut by_status: BTreeMap<&str, u64> = BTreeMap::new();
    for person in plan.people.iter().filter(|person| !person.steps.is_empty()) {
        let ends = person.steps.iter().rev().find_map(|step| match step.what {
            What::Status(status, _) => Some(status),
            What::Heard(_) => Some(ConversationStatus::Open),
            _ => None,
        });
        *by_status.entry(ends.unwrap_or(ConversationStatus::Open).as_str()).or_default() += 1;
        let Some((client, _)) = person.entry else { continue };
        let head = store.client_view(business, client).await.unwrap().unwrap().conversation.unwrap();
        assert_eq!(head.version, person.steps.len() as u64, "a step is one change");
        assert_eq!(head.activity_at, local.clock.now().minus(activity(person)), "it was then");
    }
    let filters = get(&local, &api_key, "/conversations/filters").await;
    for option in filters["status"].as_array().unwrap() {
        let status = option["value"].as_str().unwrap();
        assert_eq!(option["count"], by_status.get(status).copied().unwrap_or(0), "{status}");
    }
    let staff = get(&local, &api_key, "/staffs").await;
    assert_eq!(staff["items"].as_array().unwrap().len(), 6, "{staff}");

    let found = get(&local, &api_key, "/conversations?search=zoe").await;
    assert!(found["items"].to_string().contains("Zoë"), "{found}");
    let report = local.recount().await.unwrap();
    assert_eq!((report.conversations_repaired, report.sums_repaired), (0, 0), "every count is right");
}

/// How long ago the conversation moved to its place in the list.
fn activity(person: &Person) -> Duration {
    let moves = |what: &What| match what {
        What::Heard(_) => true,
        What::Wrote { category, .. } => *category != domain::channel::Category::Campaign,
        _ => false,
    };
    let last = person.steps.iter().rev().find(|step| moves(&step.what)).or(person.steps.first());
    last.unwrap().ago
}
