//! A batch of queue records: each on its own, all at once, and only the failed ones come back.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::job::{Job, VERSION};
use domain::{Error, Result};
use futures_util::FutureExt;
use futures_util::future::join_all;
use tracing::Instrument;

/// Runs `handle` for every record, concurrently, and reports those that have to be delivered again.
///
/// A record that cannot be read, or whose handling fails for good, is reported as well: the queue hands it out a few
/// more times and then puts it, alone, into its dead-letter queue, where a person finds it. A panic is the failure of
/// its record and no other's.
pub async fn run<F, Fut>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    F: Fn(Job) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let records = event.records.into_iter().map(|record| one(record, &handle));
    let failed = join_all(records).await.into_iter().flatten().map(|id| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failure
    });
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed.collect();
    response
}

/// The record's id, when it failed.
async fn one<F, Fut>(record: SqsMessage, handle: &F) -> Option<String>
where
    F: Fn(Job) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let id = record.message_id.unwrap_or_default();
    let job = match read(record.body.as_deref()) {
        Ok(job) => job,
        Err(error) => {
            // Where, not what: the parser's own words can quote the record.
            tracing::error!(
                sqs.message_id = id,
                line = error.line(),
                column = error.column(),
                "unreadable job"
            );
            return Some(id);
        }
    };
    let span = tracing::info_span!("job", request.id = job.request);
    let result = AssertUnwindSafe(handle(job)).catch_unwind().instrument(span.clone()).await;
    let error = match result {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error,
        Err(_) => Error::internal("the handler panicked"),
    };
    tracing::error!(
        parent: &span,
        sqs.message_id = id,
        error = with_causes(&error),
        retryable = error.is_retryable(),
        "job failed"
    );
    Some(id)
}

fn read(body: Option<&str>) -> std::result::Result<Job, serde_json::Error> {
    let job: Job = serde_json::from_str(body.unwrap_or_default())?;
    if job.v > VERSION {
        return Err(serde::de::Error::custom("a version from the future"));
    }
    Ok(job)
}

/// An error and what caused it, in one line. Causes are what SDKs and drivers say, and never hold message content.
pub fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, body: &str) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(id.to_owned());
        record.body = Some(body.to_owned());
        record
    }

    fn send_job(message: u64) -> String {
        format!(
            r#"{{"v":1,"type":"send_sms","business_id":1,"client_id":2,"message_id":{message},"attempt":1}}"#
        )
    }

    #[tokio::test]
    async fn only_the_failed_records_come_back() {
        let mut event = SqsEvent::default();
        event.records = vec![
            record("good", &send_job(1)),
            record("transient", &send_job(2)),
            record("malformed", "{"),
            record("future", r#"{"v":9,"type":"backfill_inbound"}"#),
            record("panics", &send_job(3)),
            record("good too", &send_job(4)),
        ];
        let response = run(event, async |job: Job| {
            let domain::job::Work::SendSms { message, .. } = job.work else {
                return Ok(());
            };
            match message.message.get() {
                2 => Err(Error::Unavailable("the table is away".into())),
                3 => panic!("a defect"),
                _ => Ok(()),
            }
        })
        .await;
        let failed: Vec<_> =
            response.batch_item_failures.iter().map(|item| item.item_identifier.as_str()).collect();
        assert_eq!(failed, ["transient", "malformed", "future", "panics"]);
    }
}
