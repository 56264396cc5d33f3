//! The timeline of a message: everything that was reported, what was ignored included.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::id::MessageRef;
use domain::report::{Event, EventOutcome, Report, Source};
use domain::status::Status;
use domain::{Result, Timestamp};

use crate::expression::Write;
use crate::item::{decode, encode, s};
use crate::keys::attribute::{PK, SK};
use crate::{Store, keys};

/// An event of our own, about something that changed.
pub(crate) fn applied(source: Source, attempt: u32, status: Status, now: Timestamp) -> Event {
    Event {
        at: now,
        source,
        reported: Some(status),
        provider_status: None,
        attempt,
        outcome: EventOutcome::Applied,
        reason: None,
        error_code: None,
    }
}

/// The event of a report.
pub(crate) fn of_report(
    report: &Report,
    attempt: u32,
    outcome: EventOutcome,
    reason: Option<String>,
    now: Timestamp,
) -> Event {
    Event {
        at: now,
        source: report.source,
        reported: report.status,
        provider_status: report.provider_status.clone(),
        attempt: report.attempt.unwrap_or(attempt),
        outcome,
        reason,
        error_code: report.failure.as_ref().and_then(|failure| failure.code.clone()),
    }
}

/// What makes an event of our own the same one.
fn own_identity(event: &Event) -> String {
    let status = event.reported.map_or("-", Status::as_str);
    format!("{}#{:04}#{}#{status}", event.source.as_str(), event.attempt, event.at)
}

impl Store {
    /// A part of a transaction that adds an event of our own.
    pub(crate) fn tx_put_event(&self, at: MessageRef, event: &Event) -> Result<TransactWriteItem> {
        self.tx_put(encode(keys::event(at, &own_identity(event)), "Event", event)?, Write::new())
    }

    /// A part of a transaction that adds the event of a report; with `once`, only when the same report is not there.
    pub(crate) fn tx_put_report(
        &self,
        at: MessageRef,
        report: &Report,
        event: &Event,
        once: bool,
    ) -> Result<TransactWriteItem> {
        let condition = if once { Write::new().if_new() } else { Write::new() };
        self.tx_put(encode(keys::event(at, &report.identity()), "Event", event)?, condition)
    }

    /// Adds the event of a report that changed nothing. `false` when the same report is there already.
    pub(crate) async fn put_ignored(
        &self,
        at: MessageRef,
        report: &Report,
        attempt: u32,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let event = of_report(report, attempt, EventOutcome::Ignored, Some(reason.to_owned()), now);
        let item = encode(keys::event(at, &report.identity()), "Event", &event)?;
        Ok(self.put(item, Write::new().if_new()).await?.is_ok())
    }

    /// The timeline of a message, oldest first.
    pub async fn events(&self, at: MessageRef) -> Result<Vec<Event>> {
        let prefix = keys::event_prefix(at.message);
        let answer = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(keys::message(at).pk))
            .expression_attribute_values(":prefix", s(prefix))
            .consistent_read(true)
            .limit(1000)
            .send()
            .await
            .map_err(crate::error::from_sdk)?;
        let items = answer.items.unwrap_or_default();
        let mut events = items.into_iter().map(decode).collect::<Result<Vec<Event>>>()?;
        events.sort_by_key(|event| event.at);
        Ok(events)
    }
}
