use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::email_event::Suppression;
use crate::email_event::ses::tests::{Row, altered, any_json, check};
use crate::status::Status;
use crate::time::Timestamp;

const ADA: &str = "ada@example.com";
const TOKEN: &str = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0";

fn sample(name: &str, more: Value) -> Value {
    let mut data = json!({
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "timestamp": 1_769_860_805.123_456,
        "log-level": "error",
        "event": name,
        "recipient": ADA,
        "message": {"headers": {"to": "Ada <ada@example.com>", "message-id": "20130503192659.13651.20287@mg.example.org"}},
        "user-variables": {"omega": "7-8-9-2"},
    });
    if let (Some(fields), Value::Object(more)) = (data.as_object_mut(), more) {
        fields.extend(more);
    }
    json!({"signature": {"timestamp": "1769860806", "token": TOKEN, "signature": "d2271d12"}, "event-data": data})
}

fn failed(severity: &str, reason: &str, code: Value) -> Value {
    let status =
        json!({"attempt-no": 1, "message": "550 5.1.1 no such user", "code": code, "description": ""});
    sample("failed", json!({"severity": severity, "reason": reason, "delivery-status": status}))
}

fn rows() -> Vec<Row> {
    use EmailEventKind::*;
    let bounce = Some(Some(Suppression::Bounce));
    let (bounced, soft) = (Some(Status::Bounced), Some(Status::Failed));
    vec![
        (sample("accepted", json!({})), Sent, Some(Status::Sent), None, &[ADA], "accepted"),
        (sample("delivered", json!({})), Delivered, Some(Status::Delivered), None, &[ADA], "delivered"),
        (failed("temporary", "generic", json!(498)), Delayed, None, None, &[ADA], "failed/temporary/generic"),
        (
            failed("permanent", "bounce", json!(550)),
            Bounced,
            bounced,
            bounce,
            &[ADA],
            "failed/permanent/bounce",
        ),
        (
            failed("permanent", "generic", json!("554")),
            Bounced,
            bounced,
            bounce,
            &[ADA],
            "failed/permanent/generic",
        ),
        (
            failed("permanent", "suppress-bounce", json!(605)),
            Suppressed,
            bounced,
            None,
            &[ADA],
            "failed/permanent/suppress-bounce",
        ),
        (
            failed("permanent", "suppress-complaint", json!(607)),
            Suppressed,
            bounced,
            None,
            &[ADA],
            "failed/permanent/suppress-complaint",
        ),
        (
            failed("permanent", "suppress-unsubscribe", Value::Null),
            Suppressed,
            bounced,
            None,
            &[ADA],
            "failed/permanent/suppress-unsubscribe",
        ),
        (
            failed("permanent", "generic", json!(605)),
            Suppressed,
            bounced,
            None,
            &[ADA],
            "failed/permanent/generic",
        ),
        (failed("temporary", "old", json!(602)), SoftBounced, soft, None, &[ADA], "failed/temporary/old"),
        (failed("permanent", "old", json!(602)), SoftBounced, soft, None, &[ADA], "failed/permanent/old"),
        (failed("permanent", "old", json!(550)), SoftBounced, soft, None, &[ADA], "failed/permanent/old"),
        (
            failed("permanent", "espblock", json!(554)),
            SoftBounced,
            soft,
            None,
            &[ADA],
            "failed/permanent/espblock",
        ),
        (
            failed("permanent", "generic", json!(452)),
            SoftBounced,
            soft,
            None,
            &[ADA],
            "failed/permanent/generic",
        ),
        (failed("odd", "generic", json!(550)), Other, None, None, &[ADA], "failed/odd/generic"),
        (
            sample(
                "rejected",
                json!({"reject": {"reason": "Sandbox subdomains are for test purposes only."}}),
            ),
            Rejected,
            Some(Status::Rejected),
            None,
            &[ADA],
            "rejected",
        ),
        (
            sample("complained", json!({})),
            Complained,
            Some(Status::Complained),
            Some(Some(Suppression::Complaint)),
            &[ADA],
            "complained",
        ),
        (
            sample("unsubscribed", json!({})),
            OptedOut,
            None,
            Some(Some(Suppression::OptOut)),
            &[ADA],
            "unsubscribed",
        ),
        (sample("opened", json!({})), Opened, None, None, &[ADA], "opened"),
        (sample("clicked", json!({"url": "https://x.test"})), Clicked, None, None, &[ADA], "clicked"),
        (sample("stored", json!({})), Other, None, None, &[ADA], "stored"),
    ]
}

#[test]
fn every_event_of_mailgun() {
    for row in rows() {
        let (signed, event) = read(row.0.to_string().as_bytes()).unwrap();
        check(&row, &event);
        assert_eq!(event.provider, Provider::Mailgun);
        assert_eq!(event.provider_message_id.as_deref(), Some("20130503192659.13651.20287@mg.example.org"));
        assert_eq!(event.ours, read_tag("7-8-9-2"));
        assert_eq!(event.at, Timestamp::parse("2026-01-31T12:00:05.123Z"));
        assert_eq!((signed.timestamp.as_str(), signed.token.as_str()), ("1769860806", TOKEN));
    }
}

#[test]
fn an_id_has_no_brackets() {
    let headers = json!({"message": {"headers": {"message-id": "<a@mg.example.org>"}}});
    let (_, event) = read(sample("delivered", headers).to_string().as_bytes()).unwrap();
    assert_eq!(event.provider_message_id.as_deref(), Some("a@mg.example.org"));
}

#[test]
fn the_answer_of_the_receiving_server_is_kept() {
    let (_, event) = read(failed("permanent", "bounce", json!(550)).to_string().as_bytes()).unwrap();
    assert_eq!(event.diagnostic.as_deref(), Some("550 5.1.1 no such user"));
}

#[test]
fn an_event_without_a_signature_is_an_error_and_a_signature_without_an_event_is_not() {
    for name in ["timestamp", "token", "signature"] {
        let mut unsigned = sample("delivered", json!({}));
        unsigned["signature"][name] = Value::Null;
        assert_eq!(read(unsigned.to_string().as_bytes()), Err(Unreadable), "{name}");
    }
    for text in ["", "{", "{}", "[]", "null"] {
        assert_eq!(read(text.as_bytes()), Err(Unreadable), "{text}");
    }
    let mut odd = sample("delivered", json!({}));
    odd["event-data"] = json!([1]);
    assert_eq!(read(odd.to_string().as_bytes()).unwrap().1, unreadable(Provider::Mailgun));
    odd["signature"]["timestamp"] = json!(1_769_860_806);
    assert_eq!(read(odd.to_string().as_bytes()).unwrap().0.timestamp, "1769860806");
}

#[test]
fn debug_hides_the_signature() {
    let (signed, _) = read(sample("delivered", json!({})).to_string().as_bytes()).unwrap();
    assert_eq!(format!("{signed:?}"), r#"Signed { timestamp: "1769860806", .. }"#);
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
        let _ = read(altered(row.0, pick, value).to_string().as_bytes());
    }
}
