//! How SQS reports errors, and what its requests have in common.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error as SQS reports it: with a type for the JSON protocol, and the older code in a header.
pub(super) struct Refusal {
    pub status: StatusCode,
    pub kind: String,
    pub code: String,
    pub message: String,
}

impl Refusal {
    pub(super) fn of(kind: &str, code: &str, message: impl Into<String>) -> Refusal {
        let status = StatusCode::BAD_REQUEST;
        Refusal { status, kind: kind.to_owned(), code: code.to_owned(), message: message.into() }
    }

    /// An error that the service's model names.
    pub(super) fn named(name: &str, message: impl Into<String>) -> Refusal {
        Refusal::of(&format!("com.amazonaws.sqs#{name}"), name, message)
    }

    /// The same for those whose older code has a prefix.
    pub(super) fn prefixed(name: &str, message: impl Into<String>) -> Refusal {
        let code = format!("AWS.SimpleQueueService.{name}");
        Refusal::of(&format!("com.amazonaws.sqs#{name}"), &code, message)
    }

    pub(super) fn no_queue() -> Refusal {
        let message = "The specified queue does not exist.";
        Refusal::of("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::of(
            "com.amazon.coral.service#InvalidParameterValueException",
            "InvalidParameterValue",
            message,
        )
    }

    pub(super) fn missing(name: &str) -> Refusal {
        Refusal::of(
            "com.amazon.coral.service#MissingRequiredParameterException",
            "MissingParameter",
            format!("The request must contain the parameter {name}."),
        )
    }

    /// A change that is done and not on disk: who asked for it is to ask again.
    pub(super) fn not_kept(error: &std::io::Error) -> Refusal {
        tracing::error!(error = error.to_string(), "the queues cannot be written");
        let mut refusal =
            Refusal::of("com.amazonaws.sqs#InternalError", "InternalError", "The queues cannot be written.");
        refusal.status = StatusCode::INTERNAL_SERVER_ERROR;
        refusal
    }

    pub(super) fn invalid_receipt() -> Refusal {
        let mut refusal = Refusal::named("ReceiptHandleIsInvalid", "The input receipt handle is invalid.");
        refusal.status = StatusCode::NOT_FOUND;
        refusal
    }
}

/// Runs the entries of a batch one by one. What is wrong with one entry fails that one alone.
pub(super) fn batch(
    input: &Value,
    mut run: impl FnMut(&Value) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let entries = input["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        let message = "There should be at least one entry in the request.";
        return Err(Refusal::prefixed("EmptyBatchRequest", message));
    }
    if entries.len() > 10 {
        return Err(Refusal::prefixed(
            "TooManyEntriesInBatchRequest",
            format!("Maximum number of entries per request are 10. You have sent {}.", entries.len()),
        ));
    }
    let ids: Vec<&str> = entries.iter().map(|entry| text(entry, "Id").unwrap_or_default()).collect();
    if !ids.iter().copied().all(is_name) {
        return Err(Refusal::prefixed(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at \
             most 80 letters long.",
        ));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = ids.iter().find(|id| !seen.insert(**id)) {
        return Err(Refusal::prefixed("BatchEntryIdsNotDistinct", format!("Id {twice} repeated.")));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, entry) in ids.into_iter().zip(entries) {
        match run(entry) {
            Ok(mut output) => {
                output["Id"] = id.into();
                successful.push(output);
            }
            Err(refusal) => failed.push(
                json!({"Id": id, "SenderFault": true, "Code": refusal.code, "Message": refusal.message}),
            ),
        }
    }
    let mut output = json!({"Successful": successful});
    if !failed.is_empty() {
        output["Failed"] = failed.into();
    }
    Ok(output)
}

pub(super) fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name)?.as_str()
}

pub(super) fn texts<'a>(input: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    input.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

pub(super) fn number(
    input: &Value,
    name: &str,
    allowed: RangeInclusive<i64>,
) -> Result<Option<i64>, Refusal> {
    let Some(value) = input.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    match value.as_i64().filter(|number| allowed.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(Refusal::invalid(format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between {} and {}, if provided.",
            allowed.start(),
            allowed.end()
        ))),
    }
}

pub(super) fn queue_name(input: &Value) -> &str {
    text(input, "QueueUrl").and_then(|url| url.rsplit('/').next()).unwrap_or_default()
}

pub(super) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=80).contains(&name.len()) && name.chars().all(allowed)
}
