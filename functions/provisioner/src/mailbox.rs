//! Tells SES of the domain that a business sends mail from, and asks whether it is verified.

use domain::business::Business;
use domain::onboarding::{MailIdentity, StepName, Trouble};

use crate::{Deps, Troubles};

/// Stores what SES says of the domain of the mailbox.
pub(crate) async fn set_up(deps: &Deps, business: &mut Business, troubles: &mut Troubles) {
    let Some(mailbox) = &business.from_email else { return };
    match identity(deps, mailbox.domain()).await {
        Ok(identity) => business.setup.identity = Some(identity),
        Err(trouble) => troubles.add(StepName::SenderEmail, mailbox.domain(), &trouble),
    }
}

async fn identity(deps: &Deps, domain: &str) -> Result<MailIdentity, Trouble> {
    if let Some(known) = deps.mailer.identity(domain).await? {
        return Ok(known);
    }
    deps.mailer.create_identity(domain).await?;
    let made = deps.mailer.identity(domain).await?;
    made.ok_or_else(|| Trouble::Unreachable("SES does not know yet what it was told.".to_owned()))
}
