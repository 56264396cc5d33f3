//! Webhook requests that are refused are counted in the log, from which an alarm is made.

use serde_json::{Value, json};

use crate::running::Running;

const ALARMS: &str = include_str!("../../../infra/alarms.yaml");

#[tokio::test]
async fn a_refused_webhook_request_is_counted_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let runner = Running::start(folder.path(), &["--empty"]).await;
    let http = reqwest::Client::new();
    let base = runner.word("base_url");
    let mut statuses = Vec::new();
    for (path, signature) in [
        ("/twilio/sms/reply", None),
        ("/twilio/sms/reply", Some("bm90IFR3aWxpbydz")),
        ("/voice-calls/twiml", Some("bm90IFR3aWxpbydz")),
    ] {
        let form =
            [("AccountSid", "AC1"), ("MessageSid", "SM1"), ("From", "+14155550123"), ("Body", "Hello")];
        let request = http.post(format!("{base}{path}")).form(&form);
        let request = signature.map_or_else(
            || request.try_clone().unwrap(),
            |signature| request.try_clone().unwrap().header("X-Twilio-Signature", signature),
        );
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    for provider in ["postmark", "mailgun", "sendgrid", "ses"] {
        let request =
            http.post(format!("{base}/email/webhooks/{provider}")).json(&json!({"RecordType": "Open"}));
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    assert!(statuses.iter().all(|status| [403, 406].contains(status)), "{statuses:?}");

    let log = runner.kill().await;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let refused: Vec<Value> = lines.filter(|line| line["metric"] == "webhook_refused").collect();
    assert_eq!(refused.len(), statuses.len(), "{refused:?}");
    let reasons: Vec<&str> = refused.iter().filter_map(|line| line["reason"].as_str()).collect();
    assert_eq!(reasons, ["no_signature", "wrong_signature", "wrong_signature"]);
}

#[test]
fn refusals_of_every_function_that_takes_webhooks_are_counted_for_the_alarm() {
    for function in ["twilio-webhooks", "twilio-fallback", "voice-calls", "email-webhooks"] {
        let group = format!("LogGroupName: !Sub /aws/lambda/${{AppStackName}}-{function}\n");
        let counted = ALARMS.split("Type: AWS::Logs::MetricFilter").any(|filter| {
            filter.contains(&group)
                && filter.contains("$.metric = \"webhook_refused\"")
                && filter.contains("MetricName: WebhooksRefused")
        });
        assert!(counted, "{function}");
    }
}
