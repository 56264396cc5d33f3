//! Has Twilio call us for each number of a business. Only then may it send from the number.

use domain::business::{Business, NumberState};
use domain::onboarding::Trouble;
use domain::phone::Phone;
use domain::setup::StepName;
use twilio::Hooks;

use crate::Deps;
use crate::troubles::Troubles;

/// Looks at every number, one after the other, until Twilio is out of reach.
pub(crate) async fn set_up(deps: &Deps, business: &mut Business, troubles: &mut Troubles) {
    let hooks = deps.origins.hooks();
    for number in &mut business.phone_numbers {
        look(deps, &number.phone, &mut number.state, &hooks, troubles).await;
        if troubles.again {
            return;
        }
    }
}

/// Says of one number whether what is written to it reaches us. What Twilio does not tell leaves it as it was.
async fn look(deps: &Deps, phone: &Phone, state: &mut NumberState, hooks: &Hooks, troubles: &mut Troubles) {
    let found = match deps.twilio.number(phone).await {
        Ok(found) => found,
        Err(trouble) => return troubles.add(StepName::PhoneNumbers, phone.as_str(), &trouble),
    };
    *state = match found {
        None => NumberState::Missing,
        Some(found) if !found.texts => NumberState::Mute,
        Some(found) if found.hooks.include(hooks) => NumberState::Ready,
        Some(found) => {
            let set = deps.twilio.set_hooks(&found.sid, hooks).await;
            let kept = |set: &Hooks| set.sms == hooks.sms;
            match &set {
                Ok(set) if kept(set) => NumberState::Ready,
                failed => {
                    let kept_another = Trouble::Refused("Twilio keeps another address.".to_owned());
                    let trouble = failed.as_ref().err().unwrap_or(&kept_another);
                    troubles.add(StepName::TwilioWebhooks, phone.as_str(), trouble);
                    // Something else may have been wrong before, which keeps nobody's answer from us.
                    if kept(&found.hooks) { NumberState::Ready } else { NumberState::Pending }
                }
            }
        }
    };
}
