//! Set up a business, or go on setting it up.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use domain::access::{ApiKey, KEY_PREFIX};
use domain::actor::Actor;
use domain::business::{Business, BusinessNumber, InboundRoute, NumberState};
use domain::job::{Job, Work};
use domain::setup::Setup;
use domain::{Error, Result};
use queue::Queue;
use signature::secret::Secret;
use store::Store;
use web::read::{JsonBody, id};
use web::{ApiResult, Correlation, Edge, Platform, shown_once};

use crate::TwilioAccount;
use crate::request::{Request, read};
use crate::status::OnboardingStatus;

/// How often a race with another call for the same business is run again.
const RACES: usize = 40;
/// How long a job may take to do its work before the sweeper queues it again.
const GRACE: Duration = Duration::from_secs(60);

/// `POST /omega/business/onboard`: creates the business and its key, stores its locations, and lets its numbers and its
/// mailbox lead to it. What is to do at Twilio and SES is left to a job. Calling again continues where it stopped and
/// leaves alone what is done; new numbers are added. The key is in the answer that created the business, and cannot be
/// shown again.
pub(crate) async fn onboard(
    _: Platform,
    State(edge): State<Edge>,
    State(queue): State<Queue>,
    State(account): State<TwilioAccount>,
    Extension(Correlation(correlation)): Extension<Correlation>,
    body: JsonBody,
) -> ApiResult<Response> {
    let store = edge.store();
    let known = match body.read(|object| object.required("business_id", id)) {
        Ok(business) => store.business(business).await?,
        Err(_) => None,
    };
    let country = known.as_ref().map(|business| business.country);
    let asked = body.read(|object| read(object, country, &account))?;
    let (begun, secret) = match known {
        Some(business) => (business, None),
        None => create(store, &asked).await?,
    };
    let business = match go_on(store, begun.clone(), &asked).await {
        Ok(business) => business,
        // The key cannot be shown again, so it is shown now. The steps say that the call is to be repeated.
        Err(error) if secret.is_some() => {
            tracing::warn!(business.id = asked.business.get(), error = %error, "onboarding is not finished");
            begun
        }
        Err(error) => return Err(error.into()),
    };
    leave_job(&queue, &business, correlation).await;
    shown_once(OnboardingStatus::of(store, &business).await?, |answer| answer.api_key = secret)
}

/// Left undone, the sweeper does it.
async fn leave_job(queue: &Queue, business: &Business, correlation: String) {
    if !needs_others(business) {
        return;
    }
    let job = Job::new(correlation, Work::Provision { business_id: business.business_id });
    if let Err(error) = queue.send(&[job]).await {
        tracing::warn!(error = %error, "left to the sweeper");
    }
}

/// Whether there is something to do at Twilio or SES.
fn needs_others(business: &Business) -> bool {
    !business.setup.open && (!business.phone_numbers.is_empty() || business.from_email.is_some())
}

/// The new business and its key, unless another call is faster.
async fn create(store: &Store, asked: &Request) -> Result<(Business, Option<String>)> {
    let now = store.clock().now();
    let secret = Secret::generate(KEY_PREFIX).map_err(|error| Error::Internal(error.into()))?;
    let key = ApiKey::new(secret.id.clone(), secret.hash(), Actor::System, now);
    let mut business = Business {
        business_id: asked.business,
        business_name: asked.business_name.clone(),
        country: asked.country,
        time_zone: asked.time_zone.clone(),
        from_email: None,
        from_phone: None,
        phone_numbers: Vec::new(),
        subdomain: asked.subdomain.clone(),
        twilio_account_sid: asked.twilio_account_sid.clone(),
        inbox_shards: asked.inbox_shards.unwrap_or_default(),
        requests_per_minute: Default::default(),
        business_requests_per_minute: None,
        allowed_origins: asked.allowed_origins.clone().unwrap_or_default(),
        allowed_destinations: asked.allowed_destinations.clone().unwrap_or_default(),
        setup: Setup { open: true, ..Setup::default() },
        setup_version: 0,
        created_at: now,
    };
    if let Some(limit) = asked.requests_per_minute {
        business.set_limit(limit);
    }
    if store.insert_business(&business, &key).await? {
        return Ok((business, Some(secret.text)));
    }
    // Another call created it meanwhile.
    let business = store.business(asked.business).await?;
    Ok((business.ok_or_else(|| Error::internal("a business that exists cannot be read"))?, None))
}

/// Does what is still to do and stores how far it came. When somebody else stored something about the business meanwhile,
/// goes on from that.
async fn go_on(store: &Store, mut business: Business, asked: &Request) -> Result<Business> {
    for (location, changes) in &asked.locations {
        store.upsert_location(asked.business, *location, changes).await?;
    }
    for _ in 0..RACES {
        change(&mut business, asked);
        claim_numbers(store, &mut business, asked).await?;
        claim_mailbox(store, &mut business, asked).await?;
        let due = needs_others(&business).then(|| store.clock().now().plus(GRACE));
        if store.put_setup(&business, due).await? {
            return Ok(business);
        }
        let stored = store.business(asked.business).await?;
        business = stored.ok_or_else(|| Error::internal("a business that exists cannot be read"))?;
    }
    Err(Error::Unavailable("too many calls set this business up at once".into()))
}

/// What is asked for and needs nobody's leave. What did not work the last time is forgotten, because it is tried again.
fn change(business: &mut Business, asked: &Request) {
    let setup = &mut business.setup;
    setup.open = false;
    setup.locations |= !asked.locations.is_empty();
    setup.troubles.clear();
    set(&mut setup.a2p_brand_sid, &asked.a2p_brand_sid);
    set(&mut setup.a2p_campaign_sid, &asked.a2p_campaign_sid);
    set(&mut setup.test_phone, &asked.test_phone);
    set(&mut business.subdomain, &asked.subdomain);
    if let Some(limit) = asked.requests_per_minute {
        business.set_limit(limit);
    }
    if let Some(origins) = &asked.allowed_origins {
        business.allowed_origins.clone_from(origins);
    }
    if let Some(countries) = &asked.allowed_destinations {
        business.allowed_destinations.clone_from(countries);
    }
    for number in &mut business.phone_numbers {
        if number.state != NumberState::Ready {
            number.state = NumberState::Pending;
        }
        let named = asked.numbers.iter().find(|named| named.phone == number.phone);
        set(&mut number.registration, &named.and_then(|named| named.registration));
    }
}

/// Replaces what is mentioned.
fn set<T: Clone>(known: &mut Option<T>, asked: &Option<T>) {
    if asked.is_some() {
        known.clone_from(asked);
    }
}

/// Lets the default mailbox lead to the business. Mail to it is theirs from then on, where its domain is received by
/// omega, and mail is sent from it, where SES may.
async fn claim_mailbox(store: &Store, business: &mut Business, asked: &Request) -> Result<()> {
    business.setup.refused_mailbox = None;
    let Some(mailbox) = asked.from_email.clone().or_else(|| business.from_email.clone()) else {
        return Ok(());
    };
    if store.claim_mailbox(&mailbox, &route(business, None)).await? {
        business.from_email = Some(mailbox);
    } else {
        business.setup.refused_mailbox = Some(mailbox);
    }
    Ok(())
}

fn route(business: &Business, number: Option<&BusinessNumber>) -> InboundRoute {
    InboundRoute {
        business_id: business.business_id,
        location_id: number.and_then(|number| number.location_id),
        country: business.country,
        inbox_shards: business.inbox_shards,
    }
}

/// Lets the numbers that are asked for lead to the business, before anything is sent from them.
async fn claim_numbers(store: &Store, business: &mut Business, asked: &Request) -> Result<()> {
    let mut refused = Vec::new();
    if let Some(shards) = asked.inbox_shards.filter(|shards| *shards > business.inbox_shards) {
        // More parts: what arrives at the numbers we have has to know it as well.
        business.inbox_shards = shards;
        for number in &business.phone_numbers {
            store.claim_number(&number.phone, &route(business, Some(number))).await?;
        }
    }
    for number in &asked.numbers {
        if business.number(&number.phone).is_some() {
            continue;
        }
        if store.claim_number(&number.phone, &route(business, Some(number))).await? {
            business.phone_numbers.push(number.clone());
        } else {
            refused.push(number.phone.clone());
        }
    }
    business.setup.refused_numbers = refused;
    if business.from_phone.is_none() {
        let first = || business.phone_numbers.first().map(|number| &number.phone);
        let default = asked.from_phone.as_ref().filter(|phone| business.number(phone).is_some());
        business.from_phone = default.or_else(first).cloned();
    }
    Ok(())
}
