//! What every way a call can end means.
//!
//! SES quotes addresses in its texts, so no text of its own is handed on: each has a sentence here, with what to do.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::{SendEmailError, SendEmailOutput};
use domain::delivery::Outcome;
use domain::error::with_causes;
use domain::failure::{ErrorClass, Failure};

/// The status that SES's own event has for a mail it took.
const ACCEPTED: &str = "Send";

type Ended = Result<SendEmailOutput, SdkError<SendEmailError, HttpResponse>>;

/// What a finished call means.
pub(crate) fn of(ended: Ended) -> Outcome {
    let error = match ended {
        Ok(output) => return accepted(output),
        Err(error) => error,
    };
    match &error {
        SdkError::ConstructionFailure(_) => not_built(),
        SdkError::ServiceError(service) => {
            let (raw, error) = (service.raw(), service.err());
            let retry_after = raw.headers().get("retry-after").and_then(|value| value.parse().ok());
            let answer = Answer {
                status: raw.status().as_u16(),
                code: error.code(),
                message: error.message().unwrap_or_default(),
                retry_after: retry_after.map(Duration::from_secs),
            };
            answered(&answer)
        }
        SdkError::ResponseError(_) => unreadable(),
        lost if never_connected(lost) => later(
            Failure::new(ErrorClass::Transient, format!("SES could not be reached: {}.", with_causes(lost))),
            None,
        ),
        // Whatever else there is: it may have left us.
        lost => unknown(format!("SES's answer was lost: {}. It may have been sent.", with_causes(lost))),
    }
}

/// No request could be made of it, so nothing left us.
pub(crate) fn not_built() -> Outcome {
    later(Failure::new(ErrorClass::Transient, "No request to SES could be made of the mail."), None)
}

fn accepted(output: SendEmailOutput) -> Outcome {
    match output.message_id {
        Some(provider_id) if !provider_id.is_empty() => {
            Outcome::Accepted { provider_id, provider_status: ACCEPTED.to_owned(), segments: None }
        }
        _ => unreadable(),
    }
}

fn unreadable() -> Outcome {
    unknown("SES's answer could not be read. It may have been sent.".to_owned())
}

fn unknown(reason: String) -> Outcome {
    Outcome::Unknown { failure: Failure::new(ErrorClass::Ambiguous, reason) }
}

fn later(failure: Failure, retry_after: Option<Duration>) -> Outcome {
    Outcome::Later { provider_id: None, failure, retry_after }
}

/// Whether the call ended before there was a connection, so that nothing can have left us: refused, no such name, no
/// handshake, or too long until then. The HTTP client says so in one place only, its own error in the chain of causes;
/// the kinds of the SDK's errors do not tell a time limit of connecting from one of reading.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes
        .filter_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(|error| error.is_connect())
}

/// An answer that is no acceptance.
struct Answer<'a> {
    status: u16,
    /// The exception's name.
    code: Option<&'a str>,
    /// The exception's text. Holds addresses.
    message: &'a str,
    retry_after: Option<Duration>,
}

/// What an answer means. Pure, so that the table below can test it.
fn answered(answer: &Answer<'_>) -> Outcome {
    match answer.status {
        200..=299 => return unreadable(),
        // An intermediary gave up waiting: the request may have gone through behind it.
        408 | 502 | 504 => {
            return unknown(format!("A gateway answered {}. It may have been sent.", answer.status));
        }
        _ => {}
    }
    let (class, reason) = meaning(answer);
    let failure =
        Failure { code: answer.code.filter(|code| is_name(code)).map(str::to_owned), class, reason };
    if class.retries_by_itself() {
        later(failure, answer.retry_after)
    } else {
        Outcome::Refused { provider_id: None, failure }
    }
}

fn meaning(answer: &Answer<'_>) -> (ErrorClass, String) {
    use ErrorClass::{Configuration, Content, Throttle};
    let says = |words: &str| answer.message.to_ascii_lowercase().contains(words);
    let (class, reason) = match answer.code.unwrap_or_default() {
        _ if says("quota exceeded") && is_throttle(answer) => (
            Throttle,
            "The account has sent as many mails as SES allows it in 24 hours. Ask AWS for a higher quota.",
        ),
        _ if is_throttle(answer) => (Throttle, "Mails are sent faster than SES allows the account."),
        "MessageRejected" if says("not verified") => (
            Configuration,
            "SES does not know the sender as ours, or the account is in the sandbox and the receiver is not verified. \
             Verify the sender's domain in SES, or ask AWS to take the account out of the sandbox.",
        ),
        "MessageRejected" => (
            Content,
            "SES refused the mail for its content. Look for a virus or a forbidden file among its attachments.",
        ),
        "MailFromDomainNotVerifiedException" => {
            (Configuration, "The MAIL FROM domain is not verified. Check its DNS records in SES.")
        }
        "AccountSuspendedException" => {
            (Configuration, "AWS has suspended the account's sending. Write to AWS support.")
        }
        "SendingPausedException" => {
            (Configuration, "Sending is paused for the account or its configuration set. Resume it in SES.")
        }
        "NotFoundException" => (
            Configuration,
            "The configuration set does not exist in this region. Create it in SES, or name another.",
        ),
        "BadRequestException" => {
            (Content, "SES could not take the mail as it is. Check its addresses, headers and attachments.")
        }
        _ => return by_status(answer.status),
    };
    (class, reason.to_owned())
}

fn is_throttle(answer: &Answer<'_>) -> bool {
    const NAMES: [&str; 5] = [
        "LimitExceededException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
    ];
    answer.status == 429 || answer.code.is_some_and(|code| NAMES.contains(&code))
}

/// What an answer means that names no exception we know.
fn by_status(status: u16) -> (ErrorClass, String) {
    match status {
        401 | 403 => (
            ErrorClass::Configuration,
            format!("SES answered {status}: the function may not send. Check its role and its credentials."),
        ),
        413 => (
            ErrorClass::Content,
            "The mail is larger than SES takes. Send a link instead of the file.".to_owned(),
        ),
        500..=599 => (ErrorClass::Transient, format!("SES answered {status}.")),
        _ => (ErrorClass::Configuration, format!("SES answered {status}.")),
    }
}

/// Whether it is the name of an exception and nothing else, such as an address.
fn is_name(code: &str) -> bool {
    !code.is_empty() && code.len() <= 80 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, code: &str, message: &str) -> Outcome {
        let code = Some(code).filter(|code| !code.is_empty());
        answered(&Answer { status, code, message, retry_after: Some(Duration::from_secs(7)) })
    }

    fn class(outcome: &Outcome) -> (&'static str, Option<ErrorClass>) {
        match outcome {
            Outcome::Accepted { .. } => ("accepted", None),
            Outcome::Later { failure, .. } => ("later", Some(failure.class)),
            Outcome::Unknown { failure } => ("unknown", Some(failure.class)),
            Outcome::Refused { failure, .. } => ("refused", Some(failure.class)),
        }
    }

    const UNVERIFIED: &str = "Email address is not verified. The following identities failed the check in region EU-WEST-1: ada@example.com";

    #[test]
    fn every_answer_has_one_meaning() {
        use ErrorClass::*;
        let table = [
            (429, "TooManyRequestsException", "Maximum sending rate exceeded.", ("later", Throttle)),
            (429, "", "", ("later", Throttle)),
            (400, "ThrottlingException", "Rate exceeded", ("later", Throttle)),
            (400, "Throttling", "Maximum sending rate exceeded.", ("later", Throttle)),
            (400, "LimitExceededException", "Daily message quota exceeded.", ("later", Throttle)),
            (400, "MessageRejected", UNVERIFIED, ("refused", Configuration)),
            (400, "MessageRejected", "Transaction failed: contains a virus.", ("refused", Content)),
            (400, "MailFromDomainNotVerifiedException", "", ("refused", Configuration)),
            (400, "AccountSuspendedException", "", ("refused", Configuration)),
            (400, "SendingPausedException", "", ("refused", Configuration)),
            (
                404,
                "NotFoundException",
                "Configuration set <events> does not exist.",
                ("refused", Configuration),
            ),
            (400, "BadRequestException", "Illegal address", ("refused", Content)),
            (413, "", "", ("refused", Content)),
            (403, "AccessDeniedException", "User: arn:…", ("refused", Configuration)),
            (403, "InvalidClientTokenId", "", ("refused", Configuration)),
            (401, "", "", ("refused", Configuration)),
            (400, "SomethingNew", "", ("refused", Configuration)),
            (301, "", "", ("refused", Configuration)),
            (500, "InternalFailure", "", ("later", Transient)),
            (503, "ServiceUnavailable", "", ("later", Transient)),
            (503, "", "", ("later", Transient)),
            (408, "RequestTimeout", "", ("unknown", Ambiguous)),
            (502, "", "", ("unknown", Ambiguous)),
            (504, "", "", ("unknown", Ambiguous)),
            (200, "", "", ("unknown", Ambiguous)),
        ];
        for (status, code, message, (kind, expected)) in table {
            let outcome = outcome(status, code, message);
            assert_eq!(class(&outcome), (kind, Some(expected)), "{status} {code} {message}");
        }
    }

    #[test]
    fn what_ses_asks_us_to_wait_is_handed_on() {
        let Outcome::Later { retry_after, .. } = outcome(429, "TooManyRequestsException", "") else {
            panic!("not later");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn the_code_is_the_name_of_the_exception_and_never_anything_else() {
        let code = |code| match outcome(400, code, "") {
            Outcome::Refused { failure, .. } => failure.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code("MessageRejected").as_deref(), Some("MessageRejected"));
        assert_eq!(code("ada@example.com"), None);
    }

    #[test]
    fn a_reason_holds_no_address() {
        for name in ["MessageRejected", "BadRequestException", "NotFoundException", "SomethingNew"] {
            assert!(!format!("{:?}", outcome(400, name, UNVERIFIED)).contains("ada"), "{name}");
        }
    }

    #[test]
    fn a_quota_and_a_rate_have_different_advice() {
        let quota = outcome(400, "LimitExceededException", "Daily message quota exceeded.");
        let rate = outcome(429, "TooManyRequestsException", "Maximum sending rate exceeded.");
        assert!(format!("{quota:?}").contains("24 hours"));
        assert!(format!("{rate:?}").contains("faster"));
    }
}
