//! What Lambda's event source mapping does: takes batches off the queues, hands them to the consumers, and deletes
//! what did not fail. What failed is left to the queue, which offers it again and at last gives it up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use runtime::batch;
use tokio::sync::{Semaphore, watch};

use crate::Error;
use crate::functions::Functions;

/// Batches of one queue that are worked on at the same time.
const CONCURRENT: u32 = 4;
/// How long a poll waits for a message, in seconds. A stop waits as long.
const POLL: i32 = 1;
/// How long to wait after a poll that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// A queue that feeds a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Texts to send: `sms-sender`.
    Sms,
    /// Messages to store: `message-recorder`.
    Record,
    /// Mail to send: `email-sender`.
    Email,
    /// What became of mail, and mail from clients: `email-receiver`.
    EmailEvents,
    /// Businesses to set up at Twilio and SES: `provisioner`.
    Onboarding,
}

impl Source {
    /// Every queue that feeds a function.
    pub const ALL: [Source; 5] =
        [Source::Sms, Source::Record, Source::Email, Source::EmailEvents, Source::Onboarding];

    /// The function that it feeds.
    pub fn function(self) -> &'static str {
        match self {
            Source::Sms => "sms-sender",
            Source::Record => "message-recorder",
            Source::Email => "email-sender",
            Source::EmailEvents => "email-receiver",
            Source::Onboarding => "provisioner",
        }
    }
}

/// Takes from one queue.
#[derive(Clone, Debug)]
pub(crate) struct Pump {
    pub source: Source,
    pub sqs: Client,
    pub queue_url: String,
    pub batch_size: u32,
    pub functions: Functions,
}

impl Pump {
    /// Takes one batch and has it worked on. `None` when the queue had nothing to offer.
    pub async fn once(&self) -> Result<Option<SqsBatchResponse>, Error> {
        let messages = self.receive(0).await?;
        if messages.is_empty() { Ok(None) } else { self.work(messages).await.map(Some) }
    }

    /// Takes batches until it is told to stop, and then lets those under way end.
    pub async fn run(self, stopping: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(CONCURRENT as usize));
        let pump = Arc::new(self);
        // A poll is never cut short: what it had already been given would stay hidden for minutes.
        while !*stopping.borrow() {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            match pump.receive(POLL).await {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => {
                    let pump = pump.clone();
                    tokio::spawn(async move {
                        if let Err(error) = pump.work(messages).await {
                            tracing::warn!(source = ?pump.source, error, "a batch was not deleted");
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(source = ?pump.source, error, "the queue cannot be polled");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        let _ = slots.acquire_many(CONCURRENT).await;
    }

    async fn receive(&self, wait_seconds: i32) -> Result<Vec<Message>, Error> {
        let answer = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(self.batch_size as i32)
            .wait_time_seconds(wait_seconds)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn work(&self, messages: Vec<Message>) -> Result<SqsBatchResponse, Error> {
        let receipts: Vec<_> = messages
            .iter()
            .map(|message| (message.message_id.clone().unwrap_or_default(), message.receipt_handle.clone()))
            .collect();
        let mut event = SqsEvent::default();
        event.records = messages.into_iter().map(record).collect();
        let response = match self.source {
            Source::Sms => batch::run(event, |job| sms_sender::handle(&self.functions.sender, job)).await,
            Source::Record => {
                batch::run(event, |job| message_recorder::handle(&self.functions.recorder, job)).await
            }
            Source::Email => {
                batch::run(event, |job| email_sender::handle(&self.functions.email_sender, job)).await
            }
            Source::EmailEvents => {
                let receiver = &self.functions.email_receiver;
                let read = email_receiver::read;
                batch::run_read(event, read, |job| email_receiver::handle(receiver, job)).await
            }
            Source::Onboarding => {
                batch::run(event, |job| provisioner::handle(&self.functions.provisioner, job)).await
            }
        };
        let failed: BTreeSet<_> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        let done = receipts.into_iter().filter(|(id, _)| !failed.contains(id.as_str()));
        self.delete(done.map(|(_, receipt)| receipt).collect()).await?;
        Ok(response)
    }

    async fn delete(&self, receipts: Vec<Option<String>>) -> Result<(), Error> {
        if receipts.is_empty() {
            return Ok(());
        }
        let entry = |(index, receipt): (usize, Option<String>)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .set_receipt_handle(receipt)
                .build()
        };
        let entries = receipts.into_iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        let answer = self
            .sqs
            .delete_message_batch()
            .queue_url(&self.queue_url)
            .set_entries(Some(entries))
            .send()
            .await?;
        match answer.failed() {
            [] => Ok(()),
            failed => Err(format!("{} messages were not deleted", failed.len()).into()),
        }
    }
}

/// A message as a function gets it.
fn record(message: Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = message.message_id;
    record.receipt_handle = message.receipt_handle;
    record.body = message.body;
    record.md5_of_body = message.md5_of_body;
    record.attributes = message
        .attributes
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), value))
        .collect();
    record.event_source = Some("aws:sqs".to_owned());
    record.aws_region = Some("us-east-1".to_owned());
    record
}
