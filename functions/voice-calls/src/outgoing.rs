//! A call from a browser to a phone.

use domain::Result;
use domain::business::InboundRoute;
use domain::call::CallResult;
use domain::destination::Unreachable;
use domain::voice::{self, Refusal};
use store::Store;
use store::calls::NewCall;
use web::destination::unusual;

use crate::Voice;
use crate::asked::{Asked, Step};
use crate::verbs::{Dial, Party, Verb};

/// For how many seconds it rings.
const RINGS: u8 = 30;

/// Stores the call, and says whom to call. What is not to be called is refused by a sentence that the caller hears.
pub async fn answer(store: &Store, voice: &Voice, asked: &Asked) -> Result<Vec<Verb>> {
    let Some((business, staff)) = voice::browser(&asked.from) else {
        return Ok(refused(asked, "This phone is not known here."));
    };
    // Whoever calls hears silence meanwhile.
    let (staff, business) = tokio::try_join!(store.staff_member(business, staff), store.business(business))?;
    let (Some(staff), Some(business)) = (staff.filter(|staff| staff.active), business) else {
        return Ok(refused(asked, "You are not allowed to make calls here."));
    };
    let (to, reach) = match voice::destination(&asked.to, &business) {
        Ok(open) => open,
        Err(refusal) => {
            if let Refusal::Unreachable(why) = refusal {
                unusual(business.business_id, why);
            }
            return Ok(refused(asked, sentence(refusal)));
        }
    };
    let Some(shown) = voice::caller_id(&business, &staff, asked.caller_id.as_deref()) else {
        return Ok(refused(asked, "There is no number that you could call from."));
    };
    let call = NewCall {
        sid: asked.sid.clone(),
        from: shown.clone().into(),
        to: to.clone().into(),
        staff: Some(staff.staff_id),
        result: CallResult::Ringing,
    };
    let route = InboundRoute {
        business_id: business.business_id,
        location_id: None,
        country: business.country,
        inbox_shards: business.inbox_shards,
    };
    let at = match store.place_call(call, &route, reach).await? {
        Ok(at) => at,
        Err(why) => {
            unusual(route.business_id, why);
            return Ok(refused(asked, sentence(why.into())));
        }
    };
    tracing::info!(business.id = at.business.get(), message.id = at.message.get(), "call placed");
    Ok(vec![Verb::Dial(Dial {
        to: Party::Number(to),
        caller_id: shown.clone(),
        rings: RINGS,
        status_url: voice.status_url(at),
        action_url: voice.action_url(at, Step::Phone),
    })])
}

/// Nothing is dialled, and whoever calls hears why.
fn refused(asked: &Asked, why: &'static str) -> Vec<Verb> {
    tracing::warn!(twilio.sid = asked.sid, metric = "call_refused", reason = why, "call refused");
    vec![Verb::Say(why), Verb::Hangup]
}

fn sentence(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Short => {
            "Short numbers, such as those of emergency services, cannot be called from here. In an emergency, use a phone."
        }
        Refusal::NoNumber => "There is no such number. Please check it and try again.",
        Refusal::Unreachable(why) => match why {
            Unreachable::Own => "This is one of your own numbers.",
            Unreachable::Costly => "This number costs more than a call, and cannot be called from here.",
            Unreachable::Satellite => "Satellite and international networks cannot be called from here.",
            Unreachable::Personal => "This is a personal number, which cannot be called from here.",
            Unreachable::Abroad(_) => {
                "This number is in a country that cannot be called from here. Ask your administrator to allow the country."
            }
            Unreachable::TooOften => {
                "This number was called or texted too often within this hour. Try again in the next hour."
            }
        },
    }
}
