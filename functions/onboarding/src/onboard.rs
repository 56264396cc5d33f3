//! Set up a business, or go on setting it up.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::access::{ApiKey, KEY_PREFIX};
use domain::business::{Business, BusinessNumber, InboundRoute};
use domain::conversation::Actor;
use domain::email::Email;
use domain::inbox::Shards;
use domain::onboarding::{Step, StepName, StepState};
use domain::phone::{Country, Phone};
use domain::{BusinessId, Error, Result};
use serde_json::Value;
use signature::secret::Secret;
use store::Store;
use web::read::{JsonBody, Object, Problem, id, integer, mailbox, text};
use web::{ApiResult, Edge, Platform, ShownOnce};

use crate::Settings;
use crate::status::OnboardingStatus;

/// Numbers in one call.
const MOST_NUMBERS: usize = 100;
/// How often a race with another call for the same business is run again.
const RACES: usize = 40;
/// Twilio tries a webhook again, as the fragment of its address says.
const RETRIES: &str = "#rc=3&rp=5xx,ct,rt&ct=2000&rt=4500";

/// A request, checked. Its numbers are read in the business's own country.
struct Request {
    business: BusinessId,
    business_name: Option<String>,
    from_email: Option<Email>,
    time_zone: Option<String>,
    country: Country,
    subdomain: Option<String>,
    twilio_account_sid: Option<String>,
    from_phone: Option<Phone>,
    numbers: Vec<BusinessNumber>,
    inbox_shards: Option<Shards>,
}

/// `POST /omega/business/onboard`: creates the business and its key, then lets its numbers lead to it. Calling again
/// continues where it stopped and leaves alone what is done; new numbers are added. The key is in the answer that
/// created the business, and cannot be shown again.
pub(crate) async fn onboard(
    _: Platform,
    State(edge): State<Edge>,
    State(settings): State<Settings>,
    body: JsonBody,
) -> ApiResult<Response> {
    let store = edge.store();
    let known = match body.read(|object| object.required("business_id", id)) {
        Ok(business) => store.business(business).await?,
        Err(_) => None,
    };
    let country = known.as_ref().map(|business| business.country);
    let asked = body.read(|object| read(object, country, &settings))?;
    let (begun, secret) = match known {
        Some(business) => (business, None),
        None => create(store, &asked).await?,
    };
    let business = match go_on(store, begun.clone(), &asked, &settings).await {
        Ok(business) => business,
        // The key cannot be shown again, so it is shown now. The steps say that the call is to be repeated.
        Err(error) if secret.is_some() => {
            tracing::warn!(business.id = asked.business.get(), error = %error, "onboarding is not finished");
            begun
        }
        Err(error) => return Err(error.into()),
    };
    let mut answer = OnboardingStatus::from(business);
    let kept = serde_json::to_string(&answer).map_err(|error| Error::Internal(error.into()))?;
    answer.api_key = secret;
    let mut response = Json(answer).into_response();
    response.extensions_mut().insert(ShownOnce(kept));
    Ok(response)
}

/// `known` is the country of a business that exists: a repeated call need not name it, and cannot change it.
fn read(object: &Object<'_>, known: Option<Country>, settings: &Settings) -> Option<Request> {
    let business = object.required("business_id", id);
    let country = object.optional("country", |value| {
        Country::parse(&text(2)(value)?)
            .ok_or_else(|| Problem::value("it is not an ISO 3166-1 alpha-2 country"))
    });
    let country = known.or(country).unwrap_or_default();
    let number = |value: &Value| Phone::parse(&text(64)(value)?, country).map_err(Problem::value);
    // A business is set up as a whole: one bad number refuses the call, so that none is forgotten.
    let numbers = object.every("phone_numbers", MOST_NUMBERS, |entry| {
        let phone = entry.required("phone_number", number);
        let location_id = entry.optional("location_id", id);
        Some(BusinessNumber { phone: phone?, location_id })
    });
    let twilio_account_sid = object.optional("twilio_account_sid", |value| match text(34)(value)? {
        sid if sid == settings.twilio_account_sid => Ok(sid),
        _ => Err(Problem::value("omega is not set up for this Twilio account")),
    });
    Some(Request {
        business_name: object.optional("business_name", text(200)),
        from_email: object.optional("from_email", mailbox),
        time_zone: object.optional("timezone", text(64)),
        subdomain: object.optional("subdomain", text(63)),
        from_phone: object.optional("from_phone_number", number),
        business: business?,
        country,
        twilio_account_sid,
        inbox_shards: object.optional("inbox_shards", shards),
        numbers: numbers?,
    })
}

/// The new business and its key, unless another call is faster.
async fn create(store: &Store, asked: &Request) -> Result<(Business, Option<String>)> {
    let now = store.clock().now();
    let secret = Secret::generate(KEY_PREFIX).map_err(|error| Error::Internal(error.into()))?;
    let key = ApiKey::new(secret.id.clone(), secret.hash(), Actor::System, now);
    let business = Business {
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
        allowed_origins: Vec::new(),
        steps: vec![
            Step::done(StepName::Business),
            Step::done(StepName::ApiKey),
            Step::pending(StepName::PhoneNumbers, "not finished", "Repeat the call."),
        ],
        created_at: now,
    };
    if store.insert_business(&business, &key).await? {
        return Ok((business, Some(secret.text)));
    }
    // Another call created it meanwhile.
    let business = store.business(asked.business).await?;
    Ok((business.ok_or_else(|| Error::internal("a business that exists cannot be read"))?, None))
}

/// Does what is still to do and stores how far it came. When another call for the same business stored its own
/// findings meanwhile, goes on from those.
async fn go_on(
    store: &Store,
    mut business: Business,
    asked: &Request,
    settings: &Settings,
) -> Result<Business> {
    for _ in 0..RACES {
        let before = business.phone_numbers.clone();
        let refused = claim_numbers(store, &mut business, asked).await?;
        let mailbox = claim_mailbox(store, &mut business, asked).await?;
        business.steps = steps(&business, &refused, settings);
        business.steps.extend(mailbox);
        if store.put_onboarding(&business, &before).await? {
            return Ok(business);
        }
        let stored = store.business(asked.business).await?;
        business = stored.ok_or_else(|| Error::internal("a business that exists cannot be read"))?;
    }
    Err(Error::Unavailable("too many calls set this business up at once".into()))
}

/// Lets the default mailbox lead to the business. Mail to it is theirs from then on, where its domain is received by
/// omega, and mail is sent from it, where SES may.
async fn claim_mailbox(store: &Store, business: &mut Business, asked: &Request) -> Result<Option<Step>> {
    let Some(mailbox) = asked.from_email.clone().or_else(|| business.from_email.clone()) else {
        return Ok(None);
    };
    if !store.claim_mailbox(&mailbox, &route(business, None)).await? {
        let reason = format!("{} belongs to another business.", mailbox.as_str());
        return Ok(Some(Step::failed(
            StepName::SenderEmail,
            reason,
            "Repeat the call with another from_email.",
        )));
    }
    let next = format!("At SES, verify the domain {} with DKIM in the region of omega.", mailbox.domain());
    business.from_email = Some(mailbox);
    Ok(Some(Step::pending(StepName::SenderEmail, "omega cannot see whether SES may send from it.", next)))
}

fn route(business: &Business, number: Option<&BusinessNumber>) -> InboundRoute {
    InboundRoute {
        business_id: business.business_id,
        location_id: number.and_then(|number| number.location_id),
        country: business.country,
        inbox_shards: business.inbox_shards,
    }
}

/// In how many parts the lists of the business are spread. It can be raised later, and never lowered: a smaller number
/// than the stored one changes nothing.
fn shards(value: &Value) -> Result<Shards, Problem> {
    Shards::new(integer(value)?).ok_or_else(|| Problem::value(format!("it has to be 1 to {}", Shards::MOST)))
}

/// Lets the numbers that are asked for lead to the business. Returns those that lead to another one.
async fn claim_numbers(store: &Store, business: &mut Business, asked: &Request) -> Result<Vec<Phone>> {
    let default =
        asked.from_phone.iter().map(|phone| BusinessNumber { phone: phone.clone(), location_id: None });
    let mut refused = Vec::new();
    if let Some(shards) = asked.inbox_shards.filter(|shards| *shards > business.inbox_shards) {
        // More parts: what arrives at the numbers we have has to know it as well.
        business.inbox_shards = shards;
        for number in &business.phone_numbers {
            store.claim_number(&number.phone, &route(business, Some(number))).await?;
        }
    }
    for number in asked.numbers.iter().cloned().chain(default) {
        if business.owns(&number.phone) {
            continue;
        }
        if store.claim_number(&number.phone, &route(business, Some(&number))).await? {
            business.phone_numbers.push(number);
        } else {
            refused.push(number.phone);
        }
    }
    if business.from_phone.is_none() {
        let wanted = asked.from_phone.clone().filter(|phone| business.owns(phone));
        business.from_phone =
            wanted.or_else(|| business.phone_numbers.first().map(|number| number.phone.clone()));
    }
    Ok(refused)
}

fn steps(business: &Business, refused: &[Phone], settings: &Settings) -> Vec<Step> {
    let numbers = if !refused.is_empty() {
        let list: Vec<&str> = refused.iter().map(Phone::as_str).collect();
        Step::failed(
            StepName::PhoneNumbers,
            format!("These numbers belong to another business: {}.", list.join(", ")),
            "Repeat the call without them.",
        )
    } else if business.phone_numbers.is_empty() {
        Step::pending(
            StepName::PhoneNumbers,
            "The business has no number.",
            "Repeat the call with phone_numbers.",
        )
    } else {
        Step::done(StepName::PhoneNumbers)
    };
    let known = business.steps.iter().find(|step| step.step == StepName::TwilioWebhooks);
    let webhooks = match known {
        Some(step) if step.state == StepState::Done => step.clone(),
        _ => Step::pending(
            StepName::TwilioWebhooks,
            "omega cannot see whether Twilio is set up to call it.",
            format!(
                "At Twilio, set for each number: a message comes in = POST {}/omega/twilio/sms/reply{RETRIES}, primary \
                 handler fails = POST {}/omega/twilio/sms/reply.",
                settings.public_base_url, settings.fallback_base_url
            ),
        ),
    };
    vec![Step::done(StepName::Business), Step::done(StepName::ApiKey), numbers, webhooks]
}
