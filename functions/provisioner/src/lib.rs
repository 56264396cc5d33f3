//! Sets businesses up at Twilio and SES: what onboarding stored, and no function behind HTTP may do. One job looks at all
//! that concerns a business, sets what is not as it should be, and stores what it found. Done again, it finds everything
//! as it should be and sets nothing.

use std::time::Duration;

use domain::business::Business;
use domain::job::{Job, Work};
use domain::setup::IdentityState;
use domain::{BusinessId, Error, Result};

mod deps;
mod kept;
mod mailbox;
mod numbers;
mod test_message;
mod troubles;

pub use deps::{Deps, Origins};
use troubles::Troubles;

/// How often a business that changed meanwhile is looked at anew.
const RACES: usize = 5;

/// When to look again at what others have to do or mend.
const LATER: Duration = Duration::from_secs(3600);

/// Does one job. Delivered twice, or next to another one, it does nothing twice.
///
/// # Errors
/// When Twilio, SES or anything of ours is out of reach: the queue hands the job out again. What they refuse for good is
/// stored, and no error.
pub async fn handle(deps: &Deps, job: Job) -> Result<()> {
    match job.work {
        Work::Provision { business_id } => provision(deps, business_id, &job.request).await,
        Work::SendSms { .. }
        | Work::CheckSms { .. }
        | Work::BackfillInbound {}
        | Work::SendEmail { .. }
        | Work::Record(_)
        | Work::RecordStored { .. }
        | Work::ReceiveSms(_)
        | Work::ReceiveEmail(_)
        | Work::SesNotice { .. } => Err(Error::internal("a job of another queue")),
    }
}

/// Looks at everything, and stores what it found unless the business changed meanwhile. Then all of it is looked at anew:
/// what was found before may not be so any more.
async fn provision(deps: &Deps, id: BusinessId, correlation: &str) -> Result<()> {
    for _ in 0..RACES {
        let Some(mut business) = deps.store.business(id).await? else {
            return Err(Error::internal("a business to set up that does not exist"));
        };
        let mut troubles = Troubles::default();
        numbers::set_up(deps, &mut business, &mut troubles).await;
        mailbox::set_up(deps, &mut business, &mut troubles).await?;
        test_message::send(deps, &business, &mut troubles, correlation).await?;
        let left = kept::place(deps, &business, correlation).await?;
        business.setup.troubles = troubles.steps;
        let now = deps.store.clock().now();
        let later = (troubles.again || waits_for_dns(&business)).then_some(now.plus(LATER));
        let due = if left { Some(now) } else { later };
        if deps.store.put_setup(&business, due).await? {
            tracing::info!(business.id = id.get(), again = troubles.again, "a business was set up");
            let unreachable = || Error::Unavailable("Twilio or SES is out of reach".into());
            return if troubles.again { Err(unreachable()) } else { Ok(()) };
        }
    }
    Err(Error::Unavailable("the business changes all the time".into()))
}

/// SES looks for the records for three days, and says when it gives up.
fn waits_for_dns(business: &Business) -> bool {
    let identity = business.setup.identity.as_ref();
    identity.is_some_and(|identity| identity.state == IdentityState::Pending)
}
