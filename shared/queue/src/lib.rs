//! SQS, the producing side, and nothing else. What a job says is in `domain::job`.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::job::{Job, LONGEST_DELAY};
use domain::{Error, Result};

/// Entries in one batch call.
const BATCH: usize = 10;
/// Bytes in one batch call. The service takes 1 MiB; older stand-ins enforce the former limit, which is room enough.
const BATCH_BYTES: usize = 256 * 1024;

/// One queue to put jobs on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    sqs: Client,
    url: String,
}

impl Queue {
    /// The queue at `url`.
    pub fn new(sdk: &aws_types::SdkConfig, url: impl Into<String>) -> Queue {
        Queue { sqs: Client::new(sdk), url: url.into() }
    }

    /// Puts jobs on the queue, ten to a call.
    ///
    /// # Errors
    /// `Unavailable` when not all of them are on it. Some may be: jobs are made so that a second one does no harm.
    pub async fn send(&self, jobs: &[Job]) -> Result<()> {
        let bodies = jobs.iter().map(body).collect::<Result<Vec<_>>>()?;
        let mut rest = bodies.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(fitting(rest));
            self.send_batch(batch).await?;
            rest = later;
        }
        Ok(())
    }

    /// Puts one job on the queue, to appear after `delay`. More than [`LONGEST_DELAY`] is cut to it.
    ///
    /// # Errors
    /// `Unavailable` when it is not on the queue.
    pub async fn send_later(&self, job: &Job, delay: Duration) -> Result<()> {
        // Rounded up: a job that comes before its time would have to be put back.
        let seconds = delay.min(LONGEST_DELAY).as_millis().div_ceil(1000) as i32;
        self.sqs
            .send_message()
            .queue_url(&self.url)
            .message_body(body(job)?)
            .delay_seconds(seconds)
            .send()
            .await
            .map_err(|error| Error::Unavailable(error.into()))?;
        Ok(())
    }

    async fn send_batch(&self, bodies: &[String]) -> Result<()> {
        let mut call = self.sqs.send_message_batch().queue_url(&self.url);
        for (index, body) in bodies.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(body)
                .build()
                .map_err(|error| Error::Internal(error.into()))?;
            call = call.entries(entry);
        }
        let answer = call.send().await.map_err(|error| Error::Unavailable(error.into()))?;
        match answer.failed() {
            [] => Ok(()),
            failed => Err(Error::Unavailable(format!("{} jobs were not queued", failed.len()).into())),
        }
    }
}

fn body(job: &Job) -> Result<String> {
    serde_json::to_string(job).map_err(|error| Error::Internal(error.into()))
}

/// How many of the first bodies fit into one call: at least one.
fn fitting(bodies: &[String]) -> usize {
    let mut bytes = 0;
    let fits = |body: &&String| {
        bytes += body.len();
        bytes <= BATCH_BYTES
    };
    bodies.iter().take(BATCH).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_ten_jobs_and_no_more_bytes_than_the_limit() {
        let small = vec!["x".repeat(10); 25];
        assert_eq!(fitting(&small), 10);
        let large = vec!["x".repeat(100 * 1024); 5];
        assert_eq!(fitting(&large), 2);
        let giant = vec!["x".repeat(300 * 1024); 2];
        assert_eq!(fitting(&giant), 1);
    }
}
