//! Sets businesses up at Twilio and SES: what onboarding stored, and no function behind HTTP may do. One job looks at all
//! that concerns a business, sets what is not as it should be, and stores what it found. Done again, it finds everything
//! as it should be and sets nothing.

use std::time::Duration;

use domain::business::Business;
use domain::job::{Job, Work};
use domain::onboarding::Trouble;
use domain::setup::{IdentityState, Step, StepName};
use domain::webhook::OF_A_NUMBER;
use domain::{BusinessId, Error, Result};
use outbox::Outbox;
use queue::Queue;
use ses::Mailer;
use store::Store;
use twilio::{Hook, Hooks};

mod kept;
mod mailbox;
mod numbers;
mod test_message;

/// How often a business that changed meanwhile is looked at anew.
const RACES: usize = 5;
/// When to look again at what others have to do or mend.
const LATER: Duration = Duration::from_secs(3600);

/// What this consumer needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// Twilio.
    pub twilio: twilio::Client,
    /// SES.
    pub mailer: Mailer,
    /// The way to the sender of texts.
    pub outbox: Outbox,
    /// Mails to be received.
    pub received: Queue,
    /// Where Twilio is to call.
    pub origins: Origins,
}

/// Where omega is, as Twilio reaches it.
#[derive(Clone, Debug)]
pub struct Origins {
    /// Of the webhooks.
    pub public: String,
    /// Of what is asked about calls. `None` where omega takes no calls: each number keeps what is set for them.
    pub voice: Option<String>,
    /// Of the fallback.
    pub fallback: String,
}

impl Origins {
    /// Where Twilio calls for each number.
    fn hooks(&self) -> Hooks {
        let Origins { public, voice, fallback } = self;
        Hooks {
            sms: Hook::post(format!("{public}/omega/twilio/sms/reply{OF_A_NUMBER}")),
            sms_fallback: Hook::post(format!("{fallback}/omega/twilio/sms/reply")),
            voice: voice
                .as_ref()
                .map(|voice| Hook::post(format!("{voice}/omega/voice-calls/twiml{OF_A_NUMBER}"))),
            // Without the other it would make a missed call of each call that somebody else answered.
            voice_status: voice
                .as_ref()
                .map(|_| Hook::post(format!("{public}/omega/twilio/voice/status{OF_A_NUMBER}"))),
        }
    }
}

/// What did not work in one look at a business.
#[derive(Debug, Default)]
struct Troubles {
    steps: Vec<Step>,
    /// It is worth doing all of it again.
    again: bool,
}

impl Troubles {
    /// Keeps what went wrong at a step; the first time counts.
    fn add(&mut self, step: StepName, what: &str, trouble: &Trouble) {
        let action = match trouble {
            Trouble::Unreachable(_) => "Nothing: it is tried again by itself.",
            Trouble::Refused(_) => "Mend what it says, and repeat the call.",
        };
        self.again |= matches!(trouble, Trouble::Unreachable(_));
        self.note(Step::failed(step, format!("{what}: {trouble}"), action));
    }

    fn note(&mut self, step: Step) {
        if self.steps.iter().all(|known| known.step != step.step) {
            self.steps.push(step);
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(voice: Option<&str>) -> Hooks {
        let [public, fallback] =
            ["https://hooks.example.com", "https://fallback.example.com"].map(str::to_owned);
        Origins { public, voice: voice.map(str::to_owned), fallback }.hooks()
    }

    #[test]
    fn a_number_is_sent_to_omega_for_calls_only_where_omega_takes_calls() {
        let without = hooks(None);
        assert_eq!((without.voice, without.voice_status), (None, None));
        let with = hooks(Some("https://api.example.com"));
        let url = |hook: Option<Hook>| hook.map(|hook| hook.url).unwrap_or_default();
        assert!(url(with.voice).starts_with("https://api.example.com/omega/voice-calls/twiml#"));
        assert!(url(with.voice_status).starts_with("https://hooks.example.com/omega/twilio/voice/status#"));
    }
}
