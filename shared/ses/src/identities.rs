//! The domains that mail is sent from.

use std::error::Error as StdError;

use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::types::{DkimAttributes, DkimStatus};
use domain::onboarding::Trouble;
use domain::setup::{IdentityState, MailIdentity};

use crate::Mailer;

impl Mailer {
    /// What SES knows of a domain, or `None` when it has not heard of it.
    ///
    /// # Errors
    /// Says whether it is worth asking again.
    pub async fn identity(&self, domain: &str) -> Result<Option<MailIdentity>, Trouble> {
        match self.ses.get_email_identity().email_identity(domain).send().await {
            Ok(found) => {
                let verified = found.verified_for_sending_status();
                Ok(Some(identity(domain, verified, found.dkim_attributes())))
            }
            Err(error) if is(&error, "NotFoundException") => Ok(None),
            Err(error) => Err(trouble(&error)),
        }
    }

    /// Tells SES of a domain. It is verified when its DNS has the three records that are made of the tokens. Said twice,
    /// it is as said once.
    ///
    /// # Errors
    /// Says whether it is worth trying again.
    pub async fn create_identity(&self, domain: &str) -> Result<(), Trouble> {
        match self.ses.create_email_identity().email_identity(domain).send().await {
            Ok(_) => Ok(()),
            Err(error) if is(&error, "AlreadyExistsException") => Ok(()),
            Err(error) => Err(trouble(&error)),
        }
    }
}

fn identity(domain: &str, verified: bool, dkim: Option<&DkimAttributes>) -> MailIdentity {
    let state = match dkim.and_then(DkimAttributes::status) {
        _ if verified => IdentityState::Verified,
        Some(DkimStatus::Failed) => IdentityState::Failed,
        _ => IdentityState::Pending,
    };
    let tokens = dkim.map(|dkim| dkim.tokens().to_vec()).unwrap_or_default();
    MailIdentity { domain: domain.to_owned(), state, tokens }
}

fn is<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, name: &str) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(name)
}

/// Without SES's own words, which quote addresses.
fn trouble<E>(error: &SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + StdError,
{
    let SdkError::ServiceError(answer) = error else {
        return Trouble::Unreachable("SES could not be reached.".to_owned());
    };
    said(answer.raw().status().as_u16(), answer.err().code().unwrap_or_default())
}

/// What an answer means that is no success.
fn said(status: u16, code: &str) -> Trouble {
    let busy = ["TooManyRequestsException", "ConcurrentModificationException", "ThrottlingException"];
    if status >= 500 || [408, 429].contains(&status) || busy.contains(&code) {
        return Trouble::Unreachable(format!("SES could not be reached: it answered {status}."));
    }
    let name: String = code.chars().filter(char::is_ascii_alphanumeric).take(80).collect();
    Trouble::Refused(format!("SES refused it: {status} {name}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dkim(status: DkimStatus) -> DkimAttributes {
        let tokens = ["a", "b", "c"].map(str::to_owned).to_vec();
        DkimAttributes::builder().status(status).set_tokens(Some(tokens)).build()
    }

    #[test]
    fn a_domain_is_verified_when_ses_sends_from_it() {
        let state = |verified, status| identity("example.com", verified, Some(&dkim(status))).state;
        assert_eq!(state(true, DkimStatus::Success), IdentityState::Verified);
        assert_eq!(state(true, DkimStatus::TemporaryFailure), IdentityState::Verified);
        for waiting in [DkimStatus::Pending, DkimStatus::NotStarted, DkimStatus::TemporaryFailure] {
            assert_eq!(state(false, waiting), IdentityState::Pending);
        }
        assert_eq!(state(false, DkimStatus::Failed), IdentityState::Failed);
        assert_eq!(identity("example.com", false, Some(&dkim(DkimStatus::Pending))).tokens, ["a", "b", "c"]);
    }

    #[test]
    fn every_refusal_is_worth_another_try_or_is_not() {
        for (status, code) in [
            (500, "InternalFailure"),
            (503, ""),
            (429, "TooManyRequestsException"),
            (409, "ConcurrentModificationException"),
        ] {
            assert!(matches!(said(status, code), Trouble::Unreachable(_)), "{status} {code}");
        }
        for (status, code) in
            [(400, "BadRequestException"), (400, "LimitExceededException"), (403, "AccessDeniedException")]
        {
            assert!(matches!(said(status, code), Trouble::Refused(_)), "{status} {code}");
        }
    }

    #[test]
    fn a_refusal_holds_no_address() {
        let said = said(400, "ada@example.com").to_string();
        assert!(!said.contains('@'), "{said}");
    }
}
