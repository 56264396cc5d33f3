//! A batch of queue records: each on its own, and only the failed ones come back.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use domain::error::with_causes;
use domain::job::{Job, VERSION};
use domain::{BusinessId, ClientId, Error, Result};
use futures_util::FutureExt;
use futures_util::future::join_all;
use tracing::Instrument;

/// Runs `handle` for every record and reports those that have to be delivered again. All run at once, but for the texts
/// to one client: those go one after the other, oldest first.
///
/// A record that cannot be read, or whose handling fails for good, is reported as well: the queue hands it out a few
/// more times and then puts it, alone, into its dead-letter queue, where a person finds it. A panic is the failure of
/// its record and no other's.
pub async fn run<F, Fut>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    F: Fn(Job) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    run_read(event, read, handle).await
}

/// The same for a queue that others write to as well: `read` makes jobs of what they write.
pub async fn run_read<F, Fut>(event: SqsEvent, read: ReadJob, handle: F) -> SqsBatchResponse
where
    F: Fn(Job) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let mut failed = Vec::new();
    let mut in_turn: BTreeMap<(BusinessId, ClientId), Vec<Record>> = BTreeMap::new();
    let mut at_once: Vec<Vec<Record>> = Vec::new();
    for message in event.records {
        let id = message.message_id.unwrap_or_default();
        match read(message.body.as_deref().unwrap_or_default()) {
            Ok(job) => match job.in_turn() {
                Some((at, _)) => {
                    in_turn.entry((at.business, at.client)).or_default().push(Record { id, job })
                }
                None => at_once.push(vec![Record { id, job }]),
            },
            Err(error) => {
                // Where, not what: the parser's own words can quote the record.
                let (line, column) = (error.line(), error.column());
                tracing::error!(sqs.message_id = id, line, column, "unreadable job");
                failed.push(id);
            }
        }
    }
    for turns in in_turn.values_mut() {
        turns.sort_by_key(|record| record.job.in_turn().map(|(at, rank)| (at.message, rank)));
    }
    let groups = in_turn.into_values().chain(at_once).map(|records| one_by_one(records, &handle));
    failed.extend(join_all(groups).await.into_iter().flatten());
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

/// A record that could be read.
struct Record {
    id: String,
    job: Job,
}

/// The ids of those that failed.
async fn one_by_one<F, Fut>(records: Vec<Record>, handle: &F) -> Vec<String>
where
    F: Fn(Job) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let mut failed = Vec::new();
    for Record { id, job } in records {
        let span = tracing::info_span!("job", request.id = job.request);
        let result =
            AssertUnwindSafe(async { handle(job).await }).catch_unwind().instrument(span.clone()).await;
        let error = match result {
            Ok(Ok(())) => continue,
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
        failed.push(id);
    }
    failed
}

/// What makes a job of the body of a record.
pub type ReadJob = fn(&str) -> std::result::Result<Job, serde_json::Error>;

/// Reads a job of ours.
///
/// # Errors
/// When it is none, or of a version that this one does not know.
pub fn read(body: &str) -> std::result::Result<Job, serde_json::Error> {
    let job: Job = serde_json::from_str(body)?;
    if job.v > VERSION {
        return Err(serde::de::Error::custom("a version from the future"));
    }
    Ok(job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lambda_events::sqs::SqsMessage;

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
        assert_eq!(failed(&response), ["malformed", "future", "transient", "panics"]);
    }

    fn failed(response: &SqsBatchResponse) -> Vec<&str> {
        response.batch_item_failures.iter().map(|item| item.item_identifier.as_str()).collect()
    }

    #[tokio::test]
    async fn the_texts_to_one_client_go_one_after_the_other_oldest_first() {
        let mut event = SqsEvent::default();
        event.records = [3, 1, 2].map(|n| record(&n.to_string(), &send_job(n))).into();
        let order = std::sync::Mutex::new(Vec::new());
        run(event, async |job: Job| {
            let message = job.in_turn().unwrap().0.message.get();
            order.lock().unwrap().push(("begins", message));
            tokio::task::yield_now().await;
            order.lock().unwrap().push(("ends", message));
            Ok(())
        })
        .await;
        let expected = [1, 2, 3].map(|n| [("begins", n), ("ends", n)]).concat();
        assert_eq!(order.into_inner().unwrap(), expected);
    }
}
