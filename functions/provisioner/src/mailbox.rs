//! Tells SES of the domain that a business sends mail from, and asks whether it is verified.

use domain::Result;
use domain::business::Business;
use domain::onboarding::Trouble;
use domain::setup::{IdentityState, MailIdentity, StepName};

use crate::Deps;
use crate::troubles::Troubles;

/// Stores what SES says of the domain of the mailbox. SES knows a domain once for the whole account: what it has verified
/// belongs to the business that claimed it first, and another one's mailbox there sends nothing.
///
/// # Errors
/// When the table cannot be reached.
pub(crate) async fn set_up(deps: &Deps, business: &mut Business, troubles: &mut Troubles) -> Result<()> {
    let Some(mailbox) = business.from_email.clone() else { return Ok(()) };
    let identity = match identity(deps, mailbox.domain()).await {
        Ok(identity) => identity,
        Err(trouble) => {
            troubles.add(StepName::SenderEmail, mailbox.domain(), &trouble);
            return Ok(());
        }
    };
    let is_proved = identity.state == IdentityState::Verified;
    if is_proved && !deps.store.prove_domain(business.business_id, mailbox.domain()).await? {
        business.from_email = None;
        business.setup.identity = None;
        business.setup.refused_mailbox = Some(mailbox);
        return Ok(());
    }
    business.setup.identity = Some(identity);
    Ok(())
}

async fn identity(deps: &Deps, domain: &str) -> std::result::Result<MailIdentity, Trouble> {
    if let Some(known) = deps.mailer.identity(domain).await? {
        return Ok(known);
    }
    deps.mailer.create_identity(domain).await?;
    let made = deps.mailer.identity(domain).await?;
    made.ok_or_else(|| Trouble::Unreachable("SES does not know yet what it was told.".to_owned()))
}
