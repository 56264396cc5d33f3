//! A call from a phone to one of our numbers: it rings with whoever takes care of the conversation, then at the location.

use domain::address::Address;
use domain::call::CallResult;
use domain::destination::{Reach, Unreachable};
use domain::id::MessageRef;
use domain::phone::{Country, Phone};
use domain::staff::Staff;
use domain::voice;
use domain::{Result, business::InboundRoute};
use store::Store;
use store::calls::NewCall;

use crate::Voice;
use crate::asked::{Asked, Step};
use crate::verbs::nobody;
use crate::verbs::{Dial, Party, Verb};

/// For how many seconds it rings in a browser, and at a location.
const AT_STAFF: u8 = 20;
const AT_LOCATION: u8 = 30;

/// Stores the call, and says whom to call.
pub async fn answer(store: &Store, voice: &Voice, asked: &Asked) -> Result<Vec<Verb>> {
    let Some((route, ours)) = ours(store, &asked.to).await? else {
        tracing::error!(
            twilio.sid = asked.sid,
            metric = "quarantined",
            "call to a number that belongs to no business: rejected"
        );
        return Ok(vec![Verb::Reject]);
    };
    let call = NewCall {
        sid: asked.sid.clone(),
        from: voice::caller(&asked.from, route.country),
        to: ours.clone().into(),
        staff: None,
        result: CallResult::Ringing,
    };
    let at = store.take_call(call, &route).await?;
    tracing::info!(business.id = at.business.get(), message.id = at.message.get(), "call received");
    let Some(staff) = assignee(store, at).await? else {
        return to_location(store, voice, &asked.to, at).await;
    };
    let to = Party::Client(voice::identity(at.business, staff.staff_id));
    Ok(vec![Verb::Dial(Dial {
        to,
        caller_id: ours,
        rings: AT_STAFF,
        status_url: voice.status_url(at),
        action_url: voice.action_url(at, Step::Staff),
    })])
}

/// Calls the location that the number `called` is for, unless there is no phone there, or one of omega's own, which would lead
/// back here.
pub async fn to_location(store: &Store, voice: &Voice, called: &str, at: MessageRef) -> Result<Vec<Verb>> {
    let Some((route, ours)) = ours(store, called).await? else { return Ok(nobody()) };
    let Some(location) = route.location_id else { return Ok(nobody()) };
    // Whoever sets a location up names its phone, so the rule for calls of staff holds here as well.
    let (location, business) = tokio::try_join!(
        store.location(route.business_id, location),
        store.business_of_late(route.business_id)
    )?;
    let phone = location.and_then(|location| location.phone);
    let (Some(phone), Some(business)) = (phone, business) else { return Ok(nobody()) };
    if store.route_of(phone.as_str()).await?.is_some() {
        return Ok(nobody());
    }
    match web::destination::reach(&business, &phone) {
        Ok(Reach::Allowed) => {}
        Ok(Reach::IfWritten(country)) => {
            web::destination::unusual(business.business_id, Unreachable::Abroad(country));
            return Ok(nobody());
        }
        Err(_) => return Ok(nobody()),
    }
    Ok(vec![Verb::Dial(Dial {
        to: Party::Number(phone),
        caller_id: ours,
        rings: AT_LOCATION,
        status_url: voice.status_url(at),
        action_url: voice.action_url(at, Step::Location),
    })])
}

/// The number that was called, and whom it leads to.
async fn ours(store: &Store, called: &str) -> Result<Option<(InboundRoute, Phone)>> {
    let route = store.route_of(called).await?;
    let ours = match Address::delivered(called, Country::default()) {
        Address::Phone(phone) => Some(phone),
        _ => None,
    };
    Ok(route.zip(ours))
}

/// The member of the staff who takes care of the conversation, if they work here now.
async fn assignee(store: &Store, at: MessageRef) -> Result<Option<Staff>> {
    let view = store.client_view(at.business, at.client).await?;
    let assigned = view.and_then(|view| view.conversation).and_then(|head| head.assigned_to);
    let Some(assigned) = assigned else { return Ok(None) };
    let staff = store.staff_member(at.business, assigned).await?;
    Ok(staff.filter(|staff| staff.active))
}
