//! Operations on messages.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::protocol::{Refusal, batch, number, queue_name, text, texts};
use super::{MAX_BYTES, Message, Queue, Queues, Sqs, arn};
use crate::wire::locked;

const MAX_VISIBILITY_S: i64 = 43_200;
const LOOK_EVERY_MS: i64 = 50;

pub(super) fn send(queue: &mut Queue, input: &Value, now: i64) -> Result<Value, Refusal> {
    let body = text(input, "MessageBody").filter(|body| !body.is_empty());
    let body = body.ok_or_else(|| Refusal::missing("MessageBody"))?;
    let delay_s = number(input, "DelaySeconds", 0..=900)?.unwrap_or(queue.options.delay_s.into());
    if size(input) > MAX_BYTES {
        return Err(Refusal::invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {MAX_BYTES} bytes."
        )));
    }
    if !body.chars().all(is_allowed) {
        return Err(Refusal::named(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 \
             to #xFFFD | #x10000 to #x10FFFF",
        ));
    }
    let attributes = input["MessageAttributes"].as_object().cloned().unwrap_or_default();
    if attributes.len() > 10 {
        return Err(Refusal::invalid("Number of message attributes [>10] exceeds the allowed maximum [10]."));
    }
    if let Some((name, _)) = attributes.iter().find(|(_, value)| text(value, "DataType").is_none()) {
        return Err(Refusal::invalid(format!("The message attribute '{name}' must contain a type.")));
    }
    let id = uuid::Uuid::new_v4().to_string();
    let answer = json!({"MessageId": id, "MD5OfMessageBody": md5_hex(body)});
    queue.add(Message {
        id,
        body: body.to_owned(),
        attributes,
        trace: text(&input["MessageSystemAttributes"]["AWSTraceHeader"], "StringValue").map(str::to_owned),
        sent_at: now,
        visible_at: now + delay_s * 1000,
        first_received_at: None,
        last_received_at: None,
        receive_count: 0,
        moved_from: None,
    });
    Ok(answer)
}

pub(super) fn send_batch(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    sqs.on_queue(input, |queue, _, now| {
        let total: usize = input["Entries"].as_array().into_iter().flatten().map(size).sum();
        if total > MAX_BYTES {
            return Err(Refusal::prefixed(
                "BatchRequestTooLong",
                format!(
                    "Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {total} bytes."
                ),
            ));
        }
        batch(input, |entry| send(queue, entry, now))
    })
}

pub(super) async fn receive(sqs: &Sqs, input: &Value) -> Result<Value, Refusal> {
    let count = number(input, "MaxNumberOfMessages", 1..=10)?.unwrap_or(1);
    let wait_s = number(input, "WaitTimeSeconds", 0..=20)?;
    let hidden_s = number(input, "VisibilityTimeout", 0..=MAX_VISIBILITY_S)?;
    let default_wait = sqs.on_queue(input, |queue, _, _| Ok(i64::from(queue.options.receive_wait_s)))?;
    let wait = Duration::from_secs(wait_s.unwrap_or(default_wait).unsigned_abs());
    let end = Instant::now() + wait;
    loop {
        // Listens before it looks, so that nothing arrives in between unheard.
        let arrival = sqs.0.arrivals.notified();
        let now = sqs.now();
        let taken = {
            let mut state = locked(&sqs.0.state);
            let taken = take(&mut state.queues, input, count.unsigned_abs(), hidden_s, now)?;
            state.keep().map_err(|error| Refusal::not_kept(&error))?;
            taken
        };
        if !taken.is_empty() {
            return Ok(json!({"Messages": taken}));
        }
        if Instant::now() >= end {
            return Ok(json!({}));
        }
        let due = sqs.next_due(queue_name(input)).unwrap_or(i64::MAX);
        let nap = due.saturating_sub(now).clamp(1, LOOK_EVERY_MS).unsigned_abs();
        tokio::select! {
            () = arrival => {}
            () = tokio::time::sleep_until(end.min(Instant::now() + Duration::from_millis(nap))) => {}
        }
    }
}

/// Receives what is visible now, and moves what was received too often to the dead-letter queue.
fn take(
    queues: &mut Queues,
    input: &Value,
    count: u64,
    hidden_s: Option<i64>,
    now: i64,
) -> Result<Vec<Value>, Refusal> {
    let name = queue_name(input);
    let redrive = queues.get(name).and_then(|queue| queue.options.max_receive.clone());
    // Without its dead-letter queue, a message goes on being delivered.
    let redrive = redrive.filter(|(dead_letters, _)| queues.contains_key(dead_letters));
    let queue = queues.get_mut(name).ok_or_else(Refusal::no_queue)?;
    queue.expire(now);
    let hidden_s = hidden_s.unwrap_or(queue.options.visibility_timeout_s.into());
    let mut taken = Vec::new();
    let mut spent = Vec::new();
    for (key, message) in &mut queue.messages {
        if taken.len() as u64 == count {
            break;
        }
        if !message.is_visible(now) {
            continue;
        }
        if redrive.as_ref().is_some_and(|(_, most)| message.receive_count >= *most) {
            spent.push(*key);
            continue;
        }
        message.receive_count += 1;
        message.visible_at = now + hidden_s * 1000;
        message.first_received_at.get_or_insert(now);
        message.last_received_at = Some(now);
        queue.changes.messages.insert(*key);
        taken.push(received(name, *key, message, input));
    }
    let spent: Vec<Message> = spent.into_iter().filter_map(|key| queue.remove(key)).collect();
    if let Some(dead) = redrive.and_then(|(dead_letters, _)| queues.get_mut(&dead_letters)) {
        for message in spent {
            let moved_from = Some(name.to_owned());
            dead.add(Message { visible_at: now, last_received_at: None, moved_from, ..message });
        }
    }
    Ok(taken)
}

fn received(queue: &str, key: u64, message: &Message, input: &Value) -> Value {
    let mut output = json!({
        "MessageId": message.id,
        "ReceiptHandle": receipt(queue, key, message),
        "MD5OfBody": md5_hex(&message.body),
        "Body": message.body,
    });
    let wanted: Vec<&str> =
        texts(input, "AttributeNames").chain(texts(input, "MessageSystemAttributeNames")).collect();
    let mut system = BTreeMap::from([
        ("SenderId", "AIDALOCAL".to_owned()),
        ("SentTimestamp", message.sent_at.to_string()),
        ("ApproximateReceiveCount", message.receive_count.to_string()),
        ("ApproximateFirstReceiveTimestamp", message.first_received_at.unwrap_or_default().to_string()),
    ]);
    system.extend(message.trace.clone().map(|trace| ("AWSTraceHeader", trace)));
    system.extend(message.moved_from.as_deref().map(|from| ("DeadLetterQueueSourceArn", arn(from))));
    system.retain(|name, _| wanted.contains(name) || wanted.contains(&"All"));
    if !system.is_empty() {
        output["Attributes"] = json!(system);
    }
    let wanted: Vec<&str> = texts(input, "MessageAttributeNames").collect();
    let chosen = |name: &str| {
        wanted.iter().any(|want| {
            matches!(*want, "All" | ".*")
                || *want == name
                || want.strip_suffix(".*").is_some_and(|p| name.starts_with(p))
        })
    };
    let mut attributes = message.attributes.clone();
    attributes.retain(|name, _| chosen(name));
    if !attributes.is_empty() {
        output["MessageAttributes"] = Value::Object(attributes);
    }
    output
}

pub(super) fn delete(queue: &mut Queue, name: &str, input: &Value) -> Result<Value, Refusal> {
    let (key, held) = held(queue, name, input)?;
    // An older receipt is accepted and does nothing, as with the real service.
    if held {
        queue.remove(key);
    }
    Ok(json!({}))
}

pub(super) fn change_visibility(
    queue: &mut Queue,
    name: &str,
    input: &Value,
    now: i64,
) -> Result<Value, Refusal> {
    let hidden_s = number(input, "VisibilityTimeout", 0..=MAX_VISIBILITY_S)?;
    let hidden_s = hidden_s.ok_or_else(|| Refusal::missing("VisibilityTimeout"))?;
    let (key, held) = held(queue, name, input)?;
    let Some(message) = held.then(|| queue.change(key)).flatten() else {
        return Err(Refusal::invalid(
            "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for \
             visibility timeout change.",
        ));
    };
    if !message.is_in_flight(now) {
        return Err(Refusal::prefixed("MessageNotInflight", "The specified message isn't in flight."));
    }
    let visible_at = now + hidden_s * 1000;
    let received_at = message.last_received_at.unwrap_or(now);
    if visible_at - received_at > MAX_VISIBILITY_S * 1000 {
        return Err(Refusal::invalid(format!(
            "Total VisibilityTimeout for the message is beyond the limit [{MAX_VISIBILITY_S} seconds]"
        )));
    }
    message.visible_at = visible_at;
    Ok(json!({}))
}

/// Every receive gives a new receipt, and only the newest one counts.
fn receipt(queue: &str, key: u64, message: &Message) -> String {
    STANDARD.encode(format!("{queue} {key} {} {}", message.id, message.receive_count))
}

/// The message that a receipt is for, and whether it is there with this as its newest receipt.
fn held(queue: &Queue, name: &str, input: &Value) -> Result<(u64, bool), Refusal> {
    let given = text(input, "ReceiptHandle").ok_or_else(|| Refusal::missing("ReceiptHandle"))?;
    let decoded = STANDARD.decode(given).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key = decoded.as_deref().and_then(|decoded| {
        let mut parts = decoded.split(' ');
        (parts.next()? == name).then_some(())?;
        parts.next()?.parse::<u64>().ok()
    });
    let key = key.ok_or_else(Refusal::invalid_receipt)?;
    let held = queue.messages.get(&key).is_some_and(|message| receipt(name, key, message) == given);
    Ok((key, held))
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

/// What counts towards the size limit: the body, and the names, types and values of the attributes.
fn size(message: &Value) -> usize {
    let body = text(message, "MessageBody").map_or(0, str::len);
    let attributes = message["MessageAttributes"].as_object().into_iter().flatten();
    let attributes = attributes.map(|(name, value)| {
        let length = |field| text(value, field).map_or(0, str::len);
        // Binary values travel in Base64.
        name.len() + length("DataType") + length("StringValue") + length("BinaryValue") / 4 * 3
    });
    body + attributes.sum::<usize>()
}

fn md5_hex(body: &str) -> String {
    Md5::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}
