//! Sends one text to try things out, once for each business and number.

use domain::Result;
use domain::address::Address;
use domain::business::Business;
use domain::channel::Category;
use domain::content::Text;
use domain::destination::{Reach, Unreachable};
use domain::draft::{Draft, Envelope};
use domain::onboarding::test_request;
use domain::phone::Phone;
use domain::setup::{Step, StepName};
use store::Accepted;

use crate::Deps;
use crate::troubles::Troubles;

/// Queues the text as any other, under a request that is always the same: a second one is recognised. It waits until
/// the business may send.
pub(crate) async fn send(
    deps: &Deps,
    business: &Business,
    troubles: &mut Troubles,
    correlation: &str,
) -> Result<()> {
    let (Some(to), Some(from)) = (&business.setup.test_phone, &business.from_phone) else { return Ok(()) };
    if business.may_send_from(from).is_err() {
        return Ok(());
    }
    if business.may_text(from, to).is_err() {
        let reason = "The number to send from is not registered for texts to the United States.";
        troubles.note(Step::pending(StepName::TestMessage, reason, "See the step a2p_registration."));
        return Ok(());
    }
    let reach = match business.reach(to) {
        Ok(reach) => reach,
        Err(why) => {
            troubles.note(unreachable(why));
            return Ok(());
        }
    };
    let draft = draft(deps, business, to, reach).await?;
    let request = test_request(business.business_id, to);
    let envelope = envelope(business, from);
    let outcomes = deps.outbox.queue_messages(&envelope, vec![(0, draft)], request, correlation).await;
    for (_, accepted) in outcomes {
        match accepted? {
            Accepted::Stored(_) | Accepted::AlreadyStored(_) => {}
            Accepted::Unreachable(why) => troubles.note(unreachable(why)),
            Accepted::OptedOut | Accepted::SenderBlocked(_) | Accepted::NoSenderLeft => {
                let reason = "Whoever has that number said STOP to the number to send from.";
                let action = "Repeat the call with another test_phone_number.";
                troubles.note(Step::failed(StepName::TestMessage, reason, action));
            }
        }
    }
    Ok(())
}

fn unreachable(why: Unreachable) -> Step {
    let action = match why {
        Unreachable::Abroad(Some(_)) => {
            "Repeat the call with another test_phone_number, or with the country in allowed_destinations."
        }
        _ => "Repeat the call with another test_phone_number.",
    };
    Step::failed(StepName::TestMessage, why.failure().reason, action)
}

fn envelope(business: &Business, from: &Phone) -> Envelope {
    Envelope {
        business: business.business_id,
        from: Address::Phone(from.clone()),
        category: Category::Notification,
        notification_type: None,
        staff_id: None,
        sent_by: None,
        sender_type: None,
        send_at: None,
        expires_at: None,
        shards: business.inbox_shards,
        media_urls: Vec::new(),
    }
}

/// To whoever has the number already, or to a stranger as one who wrote first.
async fn draft(deps: &Deps, business: &Business, to: &Phone, reach: Reach) -> Result<Draft> {
    let to = Address::Phone(to.clone());
    let known = deps.store.client_by_address(business.business_id, &to).await?;
    let name = match &business.business_name {
        Some(name) => name.clone(),
        None => business.business_id.to_string(),
    };
    Ok(Draft {
        client: known.unwrap_or_else(|| deps.store.new_client_id()),
        provisional: known.is_none(),
        to,
        reach,
        senders: Vec::new(),
        body: Text(format!("omega test message of {name}")),
        wl_user_id: None,
        mail: None,
        recipients: Default::default(),
    })
}
