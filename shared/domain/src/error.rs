//! What can go wrong, without a word of HTTP.

use std::error::Error as StdError;

/// A boxed cause, kept for the log and never shown to a stranger.
pub type Source = Box<dyn StdError + Send + Sync>;

/// One bad field of a request, in the shape the published API uses for it.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// Machine-readable kind, Pydantic 2's vocabulary: `missing`, `int_parsing`, `value_error` …
    pub kind: &'static str,
    /// Where the field is: `body`, `messages`, `0`, `to_phone_number`. Digits are list positions.
    pub loc: Vec<Loc>,
    /// What is wrong, in a sentence for a person.
    pub message: String,
    /// The value as it was sent.
    pub input: serde_json::Value,
}

/// One step on the way to a field.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Loc {
    /// A field name, or where to look: `body`, `path`, `query`, `header`.
    Name(String),
    /// A position in a list, from 0.
    Index(usize),
}

impl From<&str> for Loc {
    fn from(name: &str) -> Self {
        Loc::Name(name.to_owned())
    }
}

impl From<usize> for Loc {
    fn from(index: usize) -> Self {
        Loc::Index(index)
    }
}

/// Everything that can go wrong. `Display` is safe for strangers; the source is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A thing that is not there, or is another business's. Holds its name: `message`.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The request breaks rules; every broken one is listed.
    #[error("invalid request")]
    Invalid(Vec<FieldError>),
    /// The state changed first.
    #[error("{why}")]
    Conflict {
        /// What stands in the way, in a sentence.
        why: String,
        /// What the state is now, for programs.
        current: serde_json::Value,
    },
    /// The same request is still being worked on. Seconds until it is worth asking again.
    #[error("a request with this Idempotency-Key is still in progress")]
    InProgress {
        /// Seconds.
        retry_after: u32,
    },
    /// No credential, or one that is not accepted.
    #[error("Not authenticated")]
    Unauthenticated,
    /// The credential is good, but not for this business or this operation.
    #[error("Forbidden")]
    Forbidden,
    /// More calls than the caller may make.
    #[error("too many requests: {limit} a minute are allowed")]
    TooMany {
        /// Calls a minute.
        limit: u32,
        /// Seconds until the next call may be made.
        retry_after: u32,
    },
    /// More unknown credentials than one network address may show.
    #[error("too many unknown credentials from this address")]
    TooManyUnknown {
        /// Seconds until the next one is looked at.
        retry_after: u32,
    },
    /// Larger than a limit. The text names field and limit.
    #[error("{0}")]
    TooLarge(String),
    /// A dependency cannot be reached just now; the same call may work later.
    #[error("temporarily unavailable")]
    Unavailable(#[source] Source),
    /// A defect of ours, or data that should not exist.
    #[error("internal error")]
    Internal(#[source] Source),
}

impl Error {
    /// Whether the same work may succeed when it is tried again unchanged. Named variant by variant, so that a new
    /// one forces the decision.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Unavailable(_)
            | Error::InProgress { .. }
            | Error::TooMany { .. }
            | Error::TooManyUnknown { .. }
            | Error::Internal(_) => true,
            Error::NotFound(_)
            | Error::Invalid(_)
            | Error::Conflict { .. }
            | Error::Unauthenticated
            | Error::Forbidden
            | Error::TooLarge(_) => false,
        }
    }

    /// A defect described in words, for causes that are no error value themselves.
    pub fn internal(what: impl Into<String>) -> Error {
        Error::Internal(what.into().into())
    }
}

/// An error and what caused it, in one line, for the log. Causes are what SDKs and drivers say; none of ours holds what
/// a message says or whom it is for.
pub fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
