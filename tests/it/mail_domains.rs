//! Domains of mail: one belongs to the business that proved it.

use std::time::Duration;

use futures_util::future::join_all;
use local::Source;
use local::fake_ses::Verification;
use serde_json::{Value, json};

use crate::app::{App, send};
use crate::faults::at_every_call;
use crate::onboarding::{mails_from, onboard, status, step};

const DOMAIN: &str = "studio.example";
/// Longer than a process believes what it read of a business.
const BELIEVED: Duration = Duration::from_secs(6);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Asks for a mailbox and lets the provisioner do its work. Returns the key of a new business.
async fn asks(app: &App, business: u64, mailbox: &str) -> Value {
    let body = json!({"business_id": business, "from_email": mailbox});
    let answer = send(onboard(app, &body)).await.ok();
    while app.local.deliver_once(Source::Onboarding).await.expect("the queue can be polled").is_some() {}
    app.clock.advance(BELIEVED);
    answer["api_key"].clone()
}

/// How the step of the mailbox stands.
async fn state(app: &App, business: u64) -> String {
    let shown = status(app, business).await.ok();
    let step = step(&shown, "sender_email");
    if step["state"] == "failed" {
        let reason = step["reason"].as_str().expect("a reason");
        let action = step["next_action"].as_str().expect("an action");
        assert!(reason.contains("belongs to another business") && action.contains("from_email"), "{step}");
    }
    step["state"].as_str().expect("a state").to_owned()
}

#[tokio::test]
async fn a_mailbox_at_a_domain_that_another_business_proved_is_refused_and_sends_nothing() {
    let app = App::start().await;
    asks(&app, 5, &format!("hello@{DOMAIN}")).await;
    assert_eq!(state(&app, 5).await, "done");
    let mut business = 6;
    for mailbox in [
        format!("ceo@{DOMAIN}"),
        format!("CEO@{}", DOMAIN.to_uppercase()),
        format!("hello@{DOMAIN}"),
        format!("ceo@mail.{DOMAIN}"),
        format!("ceo@a.b.{DOMAIN}"),
    ] {
        let key = asks(&app, business, &mailbox).await;
        assert_eq!(state(&app, business).await, "failed", "{mailbox}");
        let key = key.as_str().expect("a key");
        for from in [None, Some(mailbox.as_str())] {
            assert_eq!(mails_from(&app, business, key, from).await, 422, "{mailbox}");
        }
        business += 1;
    }
    // One that only ends with the same letters is another domain.
    asks(&app, business, &format!("ceo@other{DOMAIN}")).await;
    assert_eq!(state(&app, business).await, "done");
    assert_eq!(state(&app, 5).await, "done");
}

#[tokio::test]
async fn a_business_has_several_mailboxes_at_its_domain_and_below_it() {
    let app = App::start().await;
    let key = asks(&app, 5, &format!("hello@{DOMAIN}")).await;
    for mailbox in [format!("office@{DOMAIN}"), format!("hello@mail.{DOMAIN}"), format!("hello@{DOMAIN}")] {
        asks(&app, 5, &mailbox).await;
        assert_eq!(state(&app, 5).await, "done", "{mailbox}");
        assert_eq!(mails_from(&app, 5, key.as_str().expect("a key"), Some(&mailbox)).await, 200);
    }
}

#[tokio::test]
async fn a_proved_domain_stays_with_its_business_when_the_mailbox_changes() {
    let app = App::start().await;
    asks(&app, 5, &format!("hello@{DOMAIN}")).await;
    asks(&app, 5, "hello@elsewhere.example").await;
    app.clock.advance(DAY * 400);
    asks(&app, 6, &format!("ceo@{DOMAIN}")).await;
    assert_eq!(state(&app, 6).await, "failed");
    asks(&app, 5, &format!("hello@{DOMAIN}")).await;
    assert_eq!(state(&app, 5).await, "done");
}

#[tokio::test]
async fn a_claim_that_was_never_proved_goes_to_who_asks_after_four_days() {
    let app = App::start().await;
    app.local.ses.set_identities_verify(false);
    let key = asks(&app, 5, &format!("hello@{DOMAIN}")).await;
    let key = key.as_str().expect("a key");
    asks(&app, 6, &format!("ceo@{DOMAIN}")).await;
    app.clock.advance(DAY * 3);
    asks(&app, 7, &format!("ceo@{DOMAIN}")).await;
    assert_eq!((state(&app, 6).await, state(&app, 7).await), ("failed".to_owned(), "failed".to_owned()));
    assert_eq!(mails_from(&app, 5, key, None).await, 200);

    app.clock.advance(DAY);
    app.local.ses.set_identity(DOMAIN, Verification::Failed);
    // The very mailbox that the other had goes with the domain.
    asks(&app, 6, &format!("hello@{DOMAIN}")).await;
    app.local.ses.set_identity(DOMAIN, Verification::Success);
    asks(&app, 6, &format!("hello@{DOMAIN}")).await;
    assert_eq!((state(&app, 6).await, state(&app, 5).await), ("done".to_owned(), "failed".to_owned()));
    assert_eq!(mails_from(&app, 5, key, None).await, 422);
    asks(&app, 5, &format!("office@{DOMAIN}")).await;
    assert_eq!(state(&app, 5).await, "failed");
    asks(&app, 5, "hello@mine.example").await;
    assert_eq!(mails_from(&app, 5, key, None).await, 200);
}

#[tokio::test]
async fn the_domain_above_is_free_for_whoever_proves_it_and_takes_nothing() {
    let app = App::start().await;
    asks(&app, 5, &format!("hello@mail.{DOMAIN}")).await;
    asks(&app, 6, &format!("hello@{DOMAIN}")).await;
    assert_eq!((state(&app, 5).await, state(&app, 6).await), ("done".to_owned(), "done".to_owned()));
    asks(&app, 6, &format!("ceo@mail.{DOMAIN}")).await;
    assert_eq!(state(&app, 6).await, "failed");
}

#[tokio::test]
async fn of_many_that_ask_for_one_domain_one_gets_it() {
    let app = App::start().await;
    let asked = (5..13).map(|id| {
        let body = json!({"business_id": id, "from_email": format!("hello{id}@{DOMAIN}")});
        send(onboard(&app, &body))
    });
    let answers = join_all(asked).await;
    let states = answers.into_iter().map(|answer| step(&answer.ok(), "sender_email")["state"].clone());
    assert_eq!(states.filter(|state| state == "pending").count(), 1);
    while app.local.deliver_once(Source::Onboarding).await.expect("a queue").is_some() {}
    let mut done = 0;
    for business in 5..13 {
        done += usize::from(state(&app, business).await == "done");
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn domain_in_another_script_is_claimed_in_its_ascii_form_and_once() {
    let app = App::start().await;
    asks(&app, 5, "hello@bücher.example").await;
    assert_eq!(state(&app, 5).await, "done");
    asks(&app, 6, "hello@xn--bcher-kva.example").await;
    assert_eq!(state(&app, 6).await, "failed");
}

#[tokio::test]
async fn whoever_dies_while_a_domain_is_taken_over_leaves_it_to_one_business() {
    at_every_call(4, async |n, when| {
        let app = App::start().await;
        app.local.ses.set_identities_verify(false);
        asks(&app, 5, &format!("hello@{DOMAIN}")).await;
        asks(&app, 6, "hello@elsewhere.example").await;
        app.clock.advance(DAY * 5);
        let body = json!({"business_id": 6, "from_email": format!("ceo@{DOMAIN}")});
        let died = app.dies(n, when, send(onboard(&app, &body))).await;
        app.local.ses.set_identity(DOMAIN, Verification::Success);
        let place = format!("died at {n}, {when:?}");
        let shown = [status(&app, 5).await.ok(), status(&app, 6).await.ok()];
        let senders = async || {
            let store = &app.local.sender().store;
            let mut at_domain = 0;
            for id in [5, 6] {
                let id = domain::BusinessId::new(id).expect("an id");
                let stored = store.business(id).await.expect("a table").expect("a business");
                at_domain += usize::from(stored.from_email.is_some_and(|email| email.domain() == DOMAIN));
            }
            at_domain
        };
        assert!(senders().await <= 1, "{place}: {shown:?}");
        asks(&app, 6, &format!("ceo@{DOMAIN}")).await;
        assert_eq!((state(&app, 6).await, senders().await), ("done".to_owned(), 1), "{place}");
        died
    })
    .await;
}
