//! Texts to numbers that a business may not reach are counted in the log, from which an alarm is made.

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::Running;

const ALARMS: &str = include_str!("../../../infra/alarms.yaml");

#[tokio::test]
async fn refused_destination_is_counted_with_its_reason_and_country_and_without_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let runner = Running::start(folder.path(), &["--empty"]).await;
    let numbers = ["+19005550123", "+18765550123", "+881612345678"];
    let messages = numbers.map(|to| json!({"client_id": 7, "to_phone_number": to, "message": "Hello"}));
    let body = json!({"category": "conversation", "messages": messages});
    let (status, answer) = runner.call(Method::POST, "/sms/send", body).await;
    assert_eq!(status, 200, "{answer}");

    let log = runner.kill().await;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let counted = lines.filter(|line| line["metric"] == "unusual_destination");
    let told: Vec<(Value, Value)> =
        counted.map(|line| (line["reason"].clone(), line["country"].clone())).collect();
    assert_eq!(
        told,
        [("costly", ""), ("satellite", ""), ("abroad", "JM")].map(|(why, of)| (json!(why), json!(of)))
    );
    assert!(numbers.iter().all(|number| !log.contains(&number[1..])), "{log}");
}

#[test]
fn refusals_of_every_function_that_texts_or_calls_are_counted_for_the_alarm() {
    for function in ["sms", "messages", "voice-calls"] {
        let group = format!("LogGroupName: !Sub /aws/lambda/${{AppStackName}}-{function}\n");
        let counted = ALARMS.split("Type: AWS::Logs::MetricFilter").any(|filter| {
            filter.contains(&group)
                && filter.contains("$.metric = \"unusual_destination\"")
                && filter.contains("MetricName: UnusualDestinations")
        });
        assert!(counted, "{function}");
    }
    assert!(ALARMS.contains("AlarmName: !Sub ${AppStackName}-unusual-destinations\n"));
}
