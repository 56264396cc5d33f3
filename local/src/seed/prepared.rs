//! The inbox of the demo business as items of the table: `prepared.jsonl`, one a line, made by a test below. Writing them
//! takes a fraction of a second; making them takes many, through some thousand transactions.
//!
//! The first line says when they were made. All times in them, and all ids, which have a time in them, are moved by what
//! has passed since then, so that what happened is always as long ago.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use domain::{MessageId, Timestamp};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{BUSINESS, LARGEST};
use crate::Error;

const PREPARED: &str = include_str!("prepared.jsonl");
/// What is written last: a location, without which the inbox is not complete.
const LAST: &str = "LOC#0000000000000003";
/// The most items of one request.
const BATCH: usize = 25;
/// How many requests are on their way at the same time.
const ABREAST: usize = 4;
/// Everything in the inbox happened within so long before it was made, and what is to come within so long after.
const PAST: Duration = Duration::from_secs(120 * 24 * 60 * 60);
const FUTURE: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// Writes the inbox as it would be if it had been made at `now`, unless it is there.
pub(super) async fn load(endpoint: &str, table: &str, now: Timestamp) -> Result<(), Error> {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let key = json!({"pk": {"S": partition()}, "sk": {"S": LAST}});
    let found =
        ask(&client, endpoint, "GetItem", json!({"TableName": table, "Key": key}).to_string()).await?;
    if found.get("Item").is_some() {
        return Ok(());
    }
    let (head, items) = PREPARED.split_once('\n').ok_or("the prepared inbox is empty")?;
    let head: Value = serde_json::from_str(head)?;
    let made = head["made"].as_str().and_then(Timestamp::parse).ok_or("the prepared inbox has no time")?;
    let shift = Shift::new(made, now);
    let items: Vec<String> = items.lines().map(|item| shift.applied(item)).collect();
    let (last, others) = items.iter().partition::<Vec<_>, _>(|item| item.contains(LAST));
    let mut writes = JoinSet::new();
    for batch in others.chunks(BATCH) {
        if writes.len() == ABREAST {
            ended(writes.join_next().await)?;
        }
        writes.spawn(write(client.clone(), endpoint.to_owned(), request(table, batch)));
    }
    while !writes.is_empty() {
        ended(writes.join_next().await)?;
    }
    write(client, endpoint.to_owned(), request(table, &last)).await
}

fn ended(write: Option<Result<Result<(), Error>, tokio::task::JoinError>>) -> Result<(), Error> {
    write.map_or(Ok(()), |ended| ended?)
}

/// The partition of the business itself.
fn partition() -> String {
    format!("BIZ#{BUSINESS:016}")
}

fn request(table: &str, items: &[&String]) -> String {
    let puts: Vec<String> =
        items.iter().map(|item| format!("{{\"PutRequest\":{{\"Item\":{item}}}}}")).collect();
    format!("{{\"RequestItems\":{{{}:[{}]}}}}", Value::from(table), puts.join(","))
}

async fn write(client: Client<HttpConnector, Body>, endpoint: String, request: String) -> Result<(), Error> {
    let answer = ask(&client, &endpoint, "BatchWriteItem", request).await?;
    match answer["UnprocessedItems"].as_object().is_none_or(|left| left.is_empty()) {
        true => Ok(()),
        false => Err("the engine did not take all of the prepared inbox".into()),
    }
}

/// A request to the engine, without the SDK: the items are text already, and the SDK would take them apart.
async fn ask(
    client: &Client<HttpConnector, Body>,
    endpoint: &str,
    operation: &str,
    body: String,
) -> Result<Value, Error> {
    // Engines on this machine look at its form only.
    const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
                                 SignedHeaders=host;x-amz-date, Signature=local";
    let request = Request::post(endpoint)
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
        .header("X-Amz-Target", format!("DynamoDB_20120810.{operation}"))
        .header("X-Amz-Date", "20260101T000000Z")
        .header(header::AUTHORIZATION, AUTHORIZATION)
        .body(Body::from(body))?;
    let answer = client.request(request).await?;
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), LARGEST * 16).await?;
    if status.is_success() {
        return Ok(serde_json::from_slice(&body)?);
    }
    Err(format!("{operation} of the prepared inbox: {status} {}", String::from_utf8_lossy(&body)).into())
}

/// Moves an item in time.
struct Shift {
    ms: i64,
    /// Which numbers are ids of the time of the inbox.
    ids: RangeInclusive<u64>,
}

impl Shift {
    fn new(made: Timestamp, now: Timestamp) -> Shift {
        let id = |time: Timestamp| MessageId::at(time, 0).get();
        Shift { ms: now.as_millis() - made.as_millis(), ids: id(made.minus(PAST))..=id(made.plus(FUTURE)) }
    }

    /// The item with every time moved: `2026-01-31T12:00:00.000Z` anywhere, ids with and without leading zeros, and the
    /// seconds of `ttl`.
    fn applied(&self, item: &str) -> String {
        const TIME: usize = "2026-01-31T12:00:00.000Z".len();
        let mut moved = String::with_capacity(item.len());
        let mut rest = item;
        while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
            let (before, from) = rest.split_at(start);
            moved.push_str(before);
            let end = from.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(from.len());
            if end == 4
                && let Some(time) = from.get(..TIME).filter(|text| text.ends_with('Z'))
                && let Some(time) = Timestamp::parse(time)
            {
                moved.push_str(&Timestamp::from_millis(time.as_millis() + self.ms).to_string());
                rest = &from[TIME..];
                continue;
            }
            let digits = &from[..end];
            match digits.parse::<u64>().ok().filter(|_| matches!(end, 10 | 15 | 16)) {
                Some(seconds) if end == 10 && moved.ends_with("\"ttl\":{\"N\":\"") => {
                    moved.push_str(&seconds.saturating_add_signed(self.ms / 1000).to_string());
                }
                Some(id) if self.ids.contains(&id) => {
                    let id = id.saturating_add_signed(self.ms << 12);
                    moved.push_str(&format!("{id:0end$}"));
                }
                _ => moved.push_str(digits),
            }
            rest = &from[end..];
        }
        moved.push_str(rest);
        moved
    }
}

#[cfg(test)]
mod tests;
