//! Operations on queues.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::protocol::{Refusal, is_name, text, texts};
use super::{MAX_BYTES, Queue, QueueOptions, Queues, Sqs, arn, queue_url};
use crate::wire::locked;

pub(super) fn create_queue(sqs: &Sqs, input: &Value, base: &str) -> Result<Value, Refusal> {
    let name = text(input, "QueueName").ok_or_else(|| Refusal::missing("QueueName"))?;
    if !is_name(name) {
        return Err(Refusal::invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    let mut state = locked(&sqs.0.state);
    let queues = &mut state.queues;
    let mut options = queues.get(name).map(|queue| queue.options.clone()).unwrap_or_default();
    for (attribute, value) in input["Attributes"].as_object().into_iter().flatten() {
        set_attribute(&mut options, queues, attribute, value.as_str().unwrap_or_default())?;
    }
    match queues.get(name) {
        Some(queue) if queue.options != options => Err(Refusal::of(
            "com.amazonaws.sqs#QueueNameExists",
            "QueueAlreadyExists",
            "A queue already exists with the same name and a different value for an attribute",
        )),
        Some(_) => Ok(json!({"QueueUrl": queue_url(base, name)})),
        None => {
            queues.entry(name.to_owned()).or_default().set_options(options);
            state.keep().map_err(|error| Refusal::not_kept(&error))?;
            Ok(json!({"QueueUrl": queue_url(base, name)}))
        }
    }
}

fn set_attribute(
    options: &mut QueueOptions,
    queues: &Queues,
    name: &str,
    value: &str,
) -> Result<(), Refusal> {
    let refused =
        || Refusal::named("InvalidAttributeValue", format!("Invalid value for the parameter {name}."));
    let within = |allowed: RangeInclusive<u32>| {
        value.parse::<u32>().ok().filter(|number| allowed.contains(number)).ok_or_else(refused)
    };
    match name {
        "VisibilityTimeout" => options.visibility_timeout_s = within(0..=43_200)?,
        "MessageRetentionPeriod" => options.retention_s = within(60..=1_209_600)?,
        "DelaySeconds" => options.delay_s = within(0..=900)?,
        "ReceiveMessageWaitTimeSeconds" => options.receive_wait_s = within(0..=20)?,
        "RedrivePolicy" if value.is_empty() => options.max_receive = None,
        "RedrivePolicy" => {
            let policy: Value = serde_json::from_str(value).map_err(|_| refused())?;
            let most = &policy["maxReceiveCount"];
            let most = most.as_u64().or_else(|| most.as_str()?.parse().ok());
            let most = most.and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=1000).contains(n));
            let target = policy["deadLetterTargetArn"].as_str().and_then(|arn| arn.rsplit(':').next());
            let (Some(most), Some(target)) = (most, target) else {
                return Err(Refusal::invalid(format!(
                    "Value {value} for parameter RedrivePolicy is invalid."
                )));
            };
            if !queues.contains_key(target) {
                return Err(Refusal::invalid(format!(
                    "Value {value} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."
                )));
            }
            options.max_receive = Some((target.to_owned(), most));
        }
        // Without effect here.
        "MaximumMessageSize"
        | "Policy"
        | "KmsMasterKeyId"
        | "KmsDataKeyReusePeriodSeconds"
        | "SqsManagedSseEnabled"
        | "RedriveAllowPolicy" => {}
        _ => {
            return Err(Refusal::named("InvalidAttributeName", format!("Unknown Attribute {name}.")));
        }
    }
    Ok(())
}

pub(super) fn get_queue_url(sqs: &Sqs, input: &Value, base: &str) -> Result<Value, Refusal> {
    let name = text(input, "QueueName").ok_or_else(|| Refusal::missing("QueueName"))?;
    if !locked(&sqs.0.state).queues.contains_key(name) {
        return Err(Refusal::no_queue());
    }
    Ok(json!({"QueueUrl": queue_url(base, name)}))
}

pub(super) fn list_queues(sqs: &Sqs, input: &Value, base: &str) -> Value {
    let prefix = text(input, "QueueNamePrefix").unwrap_or_default();
    let state = locked(&sqs.0.state);
    let urls: Vec<String> = state
        .queues
        .keys()
        .filter(|name| name.starts_with(prefix))
        .map(|name| queue_url(base, name))
        .collect();
    json!({"QueueUrls": urls})
}

pub(super) fn attributes(queue: &Queue, name: &str, input: &Value, now: i64) -> Result<Value, Refusal> {
    let depth = queue.depth(now);
    let options = &queue.options;
    let mut all = BTreeMap::from([
        ("ApproximateNumberOfMessages", depth.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
        ("DelaySeconds", options.delay_s.to_string()),
        ("MaximumMessageSize", MAX_BYTES.to_string()),
        ("MessageRetentionPeriod", options.retention_s.to_string()),
        ("QueueArn", arn(name)),
        ("ReceiveMessageWaitTimeSeconds", options.receive_wait_s.to_string()),
        ("VisibilityTimeout", options.visibility_timeout_s.to_string()),
    ]);
    if let Some((dead_letters, most)) = &options.max_receive {
        let policy = json!({"deadLetterTargetArn": arn(dead_letters), "maxReceiveCount": most});
        all.insert("RedrivePolicy", policy.to_string());
    }
    let wanted: Vec<&str> = texts(input, "AttributeNames").collect();
    if !wanted.contains(&"All") {
        let known = |name: &&str| all.contains_key(*name) || *name == "RedrivePolicy";
        if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
            let message = format!("Unknown Attribute {unknown}.");
            return Err(Refusal::named("InvalidAttributeName", message));
        }
        all.retain(|name, _| wanted.contains(name));
    }
    Ok(if all.is_empty() { json!({}) } else { json!({"Attributes": all}) })
}
