//! Transactions: all of it or nothing, with the reasons when it was nothing.

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{Error, Result};
use tokio::time::Instant;

use crate::Store;
use crate::item::Item;

/// How long a transaction that met another one on the same item is tried again.
const PATIENCE: Duration = Duration::from_secs(4);

/// Why a transaction did not happen: one entry for each of its parts, in order.
#[derive(Debug)]
pub(crate) struct Refused(Vec<Reason>);

#[derive(Debug)]
struct Reason {
    failed: bool,
    item: Option<Item>,
}

impl Refused {
    /// Whether the condition of part `index` failed.
    pub(crate) fn failed(&self, index: usize) -> bool {
        self.0.get(index).is_some_and(|reason| reason.failed)
    }

    /// The item that did not meet the condition of part `index`.
    pub(crate) fn item(&mut self, index: usize) -> Option<Item> {
        self.0.get_mut(index).and_then(|reason| reason.item.take())
    }
}

impl Store {
    /// Writes all parts or none. A collision with another transaction is tried again, with growing random pauses; a
    /// condition that failed is told apart from trouble.
    ///
    /// The SDK sends one token with all its own tries of a call, so an answer that got lost is not a second write.
    pub(crate) async fn transact(&self, parts: Vec<TransactWriteItem>) -> Result<Result<(), Refused>> {
        let begun = Instant::now();
        let mut tries = 0;
        loop {
            let sent = self.ddb.transact_write_items().set_transact_items(Some(parts.clone())).send().await;
            let error = match sent {
                Ok(_) => return Ok(Ok(())),
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
                error.as_service_error()
            else {
                return Err(crate::error::from_sdk(error));
            };
            let codes: Vec<&str> = canceled
                .cancellation_reasons()
                .iter()
                .map(|reason| reason.code().unwrap_or("None"))
                .collect();
            if codes.contains(&"ConditionalCheckFailed") {
                let reasons = canceled.cancellation_reasons().iter().map(|reason| Reason {
                    failed: reason.code() == Some("ConditionalCheckFailed"),
                    item: reason.item().cloned(),
                });
                return Ok(Err(Refused(reasons.collect())));
            }
            let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
            if !codes.iter().any(|code| passing.contains(code)) {
                return Err(Error::internal(format!("transaction refused: {codes:?}")));
            }
            tries += 1;
            if begun.elapsed() > PATIENCE {
                return Err(Error::Unavailable(
                    format!("transaction refused {tries} times: {codes:?}").into(),
                ));
            }
            tokio::time::sleep(pause(tries)).await;
        }
    }
}

/// A random pause that grows with the number of tries, 5 ms to 400 ms.
pub(crate) fn pause(tries: u32) -> Duration {
    let most = (10u64 << tries.min(6)).min(400);
    Duration::from_millis(fastrand::u64(5..=most))
}
