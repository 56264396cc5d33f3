use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::email_event::Suppression;
use crate::email_event::ses::tests::{Row, altered, any_json, check};
use crate::status::Status;
use crate::time::Timestamp;

const ADA: &str = "ada@example.com";

fn sample(name: &str, more: Value) -> Value {
    let mut sample = json!({
        "email": ADA,
        "timestamp": 1_769_860_805,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": name,
        "category": ["cat facts"],
        "sg_event_id": "sg_event_id",
        "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
        "omega": "7-8-9-2",
    });
    if let (Some(fields), Value::Object(more)) = (sample.as_object_mut(), more) {
        fields.extend(more);
    }
    sample
}

fn drop(reason: &str) -> Value {
    sample("dropped", json!({"reason": reason, "status": "5.0.0"}))
}

fn bounce(kind: &str) -> Value {
    sample("bounce", json!({"reason": "500 unknown recipient", "status": "5.0.0", "type": kind}))
}

fn rows() -> Vec<Row> {
    use EmailEventKind::*;
    let (bounced, failed) = (Some(Status::Bounced), Some(Status::Failed));
    let listed =
        |reason: &str| -> Row { (drop(reason), Suppressed, Some(Status::Bounced), None, &[ADA], "dropped") };
    let refused =
        |reason: &str| -> Row { (drop(reason), Rejected, Some(Status::Rejected), None, &[ADA], "dropped") };
    let opt_out = Some(Some(Suppression::OptOut));
    vec![
        (sample("processed", json!({})), Sent, Some(Status::Sent), None, &[ADA], "processed"),
        (
            sample("delivered", json!({"response": "250 OK"})),
            Delivered,
            Some(Status::Delivered),
            None,
            &[ADA],
            "delivered",
        ),
        (
            sample("deferred", json!({"response": "400 try again", "attempt": "5"})),
            Delayed,
            None,
            None,
            &[ADA],
            "deferred",
        ),
        (bounce("bounce"), Bounced, bounced, Some(Some(Suppression::Bounce)), &[ADA], "bounce/bounce"),
        (bounce("blocked"), SoftBounced, failed, None, &[ADA], "bounce/blocked"),
        (bounce("expired"), SoftBounced, failed, None, &[ADA], "bounce/expired"),
        listed("Bounced Address"),
        listed("Unsubscribed Address"),
        listed("Spam Reporting Address"),
        listed("Invalid"),
        refused("Spam Content"),
        refused("Invalid SMTPAPI header"),
        refused("Recipient List over Package Quota"),
        (
            sample("spamreport", json!({})),
            Complained,
            Some(Status::Complained),
            Some(Some(Suppression::Complaint)),
            &[ADA],
            "spamreport",
        ),
        (sample("unsubscribe", json!({})), OptedOut, None, opt_out, &[ADA], "unsubscribe"),
        (
            sample("group_unsubscribe", json!({"asm_group_id": 10})),
            OptedOut,
            None,
            opt_out,
            &[ADA],
            "group_unsubscribe",
        ),
        (
            sample("group_resubscribe", json!({"asm_group_id": 10})),
            OptedIn,
            None,
            Some(None),
            &[ADA],
            "group_resubscribe",
        ),
        (sample("open", json!({"useragent": "Mozilla"})), Opened, None, None, &[ADA], "open"),
        (sample("click", json!({"url": "https://x.test"})), Clicked, None, None, &[ADA], "click"),
        (
            sample("account_status_change", json!({"type": "compliance_suspend"})),
            Other,
            None,
            None,
            &[ADA],
            "account_status_change/compliance_suspend",
        ),
    ]
}

#[test]
fn every_event_of_sendgrid_in_one_post() {
    let rows = rows();
    let samples = Value::from(rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>());
    let events = read(format!("{samples}\r\n").as_bytes()).unwrap();
    assert_eq!(events.len(), rows.len());
    for (row, event) in rows.iter().zip(&events) {
        check(row, event);
        assert_eq!(event.provider, Provider::Sendgrid);
        assert_eq!(event.provider_message_id.as_deref(), Some("LRzXl_NHStOGhQ4kofSm_A"));
        assert_eq!(event.ours, read_tag("7-8-9-2"));
        assert_eq!(event.at, Timestamp::parse("2026-01-31T12:00:05Z"));
    }
    assert_eq!(events[3].diagnostic.as_deref(), Some("500 unknown recipient"));
}

#[test]
fn one_odd_event_does_not_sink_the_others() {
    let events = json!([7, {"event": null}, sample("delivered", json!({})), sample("bounce", json!({"email": "nobody"}))]);
    let kinds: Vec<_> = read(events.to_string().as_bytes())
        .unwrap()
        .into_iter()
        .map(|event| (event.kind, event.word))
        .collect();
    let other = |word: &str| (EmailEventKind::Other, word.to_owned());
    let delivered = (EmailEventKind::Delivered, "delivered".to_owned());
    assert_eq!(kinds, [other("unreadable"), other("unreadable"), delivered, other("bounce")]);
}

#[test]
fn what_is_not_from_sendgrid_is_an_error() {
    for text in ["", "{", "{}", "null", "[", r#"{"event":"delivered"}"#] {
        assert_eq!(read(text.as_bytes()), Err(Unreadable), "{text}");
    }
    assert_eq!(read(b"[]"), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn nothing_is_a_defect(
        raw in prop::collection::vec(any::<u8>(), 0..200),
        value in any_json(),
        row in prop::sample::select(rows()),
        pick: usize,
    ) {
        let _ = read(&raw);
        let _ = read(value.to_string().as_bytes());
        let events = json!([altered(row.0, pick, value.clone()), value]);
        prop_assert_eq!(read(events.to_string().as_bytes()).map(|events| events.len()), Ok(2));
    }
}
