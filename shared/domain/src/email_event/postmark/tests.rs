use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::email_event::Suppression;
use crate::email_event::ses::tests::{Row, altered, any_json, check};
use crate::status::Status;

const ADA: &str = "ada@example.com";
const ID: &str = "883953f4-6105-42a2-a16a-77a8eac79483";

fn sample(record: &str, more: Value) -> Value {
    let mut sample = json!({
        "RecordType": record,
        "ServerID": 23,
        "MessageStream": "outbound",
        "MessageID": ID,
        "Tag": "welcome",
        "Metadata": {"omega": "7-8-9-2"},
    });
    if let (Some(fields), Value::Object(more)) = (sample.as_object_mut(), more) {
        fields.extend(more);
    }
    sample
}

fn bounced(name: &str) -> Value {
    let more = json!({
        "ID": 42, "Type": name, "Name": "Words", "Description": "The server was unable to deliver your message",
        "Details": "Test bounce details", "Email": ADA, "BouncedAt": "2026-01-31T12:00:05.0000000Z",
        "Inactive": true, "CanActivate": true,
    });
    sample("Bounce", more)
}

fn coded(code: u64) -> Value {
    let mut sample = bounced("");
    sample["TypeCode"] = json!(code);
    sample
}

fn changed(suppress: bool, reason: Value, origin: &str) -> Value {
    let more = json!({
        "Recipient": ADA, "ChangedAt": "2026-01-31T12:00:05Z", "Origin": origin, "SuppressSending": suppress,
        "SuppressionReason": reason,
    });
    sample("SubscriptionChange", more)
}

fn rows() -> Vec<Row> {
    use EmailEventKind::*;
    let bounce = Some(Some(Suppression::Bounce));
    let complaint = Some(Some(Suppression::Complaint));
    let opt_out = Some(Some(Suppression::OptOut));
    let (bounce_status, complained) = (Some(Status::Bounced), Some(Status::Complained));
    let (soft, rejected) = (Some(Status::Failed), Some(Status::Rejected));
    let delivered = json!({"Recipient": ADA, "DeliveredAt": "2026-01-31T12:00:05Z", "Details": "ok"});
    let received = json!({"Recipient": ADA, "ReceivedAt": "2026-01-31T12:00:05Z", "Type": null});
    let spam = json!({"Email": ADA, "BouncedAt": "2026-01-31T12:00:05Z", "Type": "SpamComplaint", "TypeCode": 100_001});
    vec![
        (sample("Delivery", delivered), Delivered, Some(Status::Delivered), None, &[ADA], "Delivery"),
        (bounced("HardBounce"), Bounced, bounce_status, bounce, &[ADA], "Bounce/HardBounce"),
        (coded(1), Bounced, bounce_status, bounce, &[ADA], "Bounce"),
        (bounced("BadEmailAddress"), Bounced, bounce_status, bounce, &[ADA], "Bounce/BadEmailAddress"),
        (bounced("SoftBounce"), SoftBounced, soft, None, &[ADA], "Bounce/SoftBounce"),
        (coded(4_096), SoftBounced, soft, None, &[ADA], "Bounce"),
        (bounced("Transient"), SoftBounced, soft, None, &[ADA], "Bounce/Transient"),
        (bounced("DnsError"), SoftBounced, soft, None, &[ADA], "Bounce/DnsError"),
        (bounced("Unknown"), SoftBounced, soft, None, &[ADA], "Bounce/Unknown"),
        (
            bounced("ManuallyDeactivated"),
            Suppressed,
            bounce_status,
            None,
            &[ADA],
            "Bounce/ManuallyDeactivated",
        ),
        (bounced("Unsubscribe"), OptedOut, None, opt_out, &[ADA], "Bounce/Unsubscribe"),
        (bounced("SpamComplaint"), Complained, complained, complaint, &[ADA], "Bounce/SpamComplaint"),
        (bounced("SpamNotification"), Rejected, rejected, None, &[ADA], "Bounce/SpamNotification"),
        (bounced("Blocked"), Rejected, rejected, None, &[ADA], "Bounce/Blocked"),
        (bounced("DMARCPolicy"), Rejected, rejected, None, &[ADA], "Bounce/DMARCPolicy"),
        (
            bounced("TemplateRenderingFailed"),
            RenderingFailed,
            soft,
            None,
            &[ADA],
            "Bounce/TemplateRenderingFailed",
        ),
        (bounced("AutoResponder"), Other, None, None, &[ADA], "Bounce/AutoResponder"),
        (bounced("AddressChange"), Other, None, None, &[ADA], "Bounce/AddressChange"),
        (bounced("Dance"), Other, None, None, &[ADA], "Bounce/Dance"),
        (
            sample("SpamComplaint", spam),
            Complained,
            complained,
            complaint,
            &[ADA],
            "SpamComplaint/SpamComplaint",
        ),
        (sample("Open", received.clone()), Opened, None, None, &[ADA], "Open"),
        (sample("Click", received), Clicked, None, None, &[ADA], "Click"),
        (
            changed(true, json!("ManualSuppression"), "Recipient"),
            OptedOut,
            None,
            opt_out,
            &[ADA],
            "SubscriptionChange/ManualSuppression",
        ),
        (
            changed(true, json!("HardBounce"), "Recipient"),
            Bounced,
            bounce_status,
            bounce,
            &[ADA],
            "SubscriptionChange/HardBounce",
        ),
        (
            changed(true, json!("SpamComplaint"), "Recipient"),
            Complained,
            complained,
            complaint,
            &[ADA],
            "SubscriptionChange/SpamComplaint",
        ),
        (changed(false, Value::Null, "Recipient"), OptedIn, None, Some(None), &[ADA], "SubscriptionChange"),
        (changed(false, Value::Null, "Customer"), Other, None, None, &[ADA], "SubscriptionChange"),
        (changed(true, json!("Dance"), "Admin"), Other, None, None, &[ADA], "SubscriptionChange/Dance"),
        (
            sample("Dance", json!({"Recipient": ADA, "ChangedAt": "2026-01-31T12:00:05Z"})),
            Other,
            None,
            None,
            &[ADA],
            "Dance",
        ),
    ]
}

fn inbound() -> Value {
    json!({
        "FromName": "Ada", "From": "ada@example.com",
        "FromFull": {"Email": "Ada@example.com", "Name": "Ada", "MailboxHash": ""},
        "To": "\"Studio\" <studio@in.example.org>, bob@example.net",
        "ToFull": [{"Email": "studio@in.example.org", "Name": "Studio"}, {"Email": "bob@example.net", "Name": ""}],
        "CcFull": [{"Email": "eve@example.com", "Name": "Eve"}],
        "OriginalRecipient": "reply+abc@in.example.org",
        "Subject": "Hello", "MessageID": "22c74902-a0c1-4511-804f-341342852c90",
        "RawEmail": "From: Ada <ada@example.com>\r\nSubject: Hello\r\n\r\nHi",
        "Headers": [{"Name": "X-Spam-Status", "Value": "No"}, {"Name": "X-Spam-Score", "Value": "-0.1"}],
    })
}

fn read_sample(sample: &Value) -> Result<Inbound, Unreadable> {
    read_inbound(sample.to_string().as_bytes())
}

#[test]
fn every_event_of_postmark() {
    for row in rows() {
        let event = read(row.0.to_string().as_bytes()).unwrap();
        check(&row, &event);
        assert_eq!(event.provider, Provider::Postmark);
        assert_eq!(event.provider_message_id.as_deref(), Some(ID));
        assert_eq!(event.ours, read_tag("7-8-9-2"));
        assert_eq!(event.at, Timestamp::parse("2026-01-31T12:00:05Z"));
    }
}

#[test]
fn the_details_of_a_bounce_are_its_diagnosis() {
    let event = read(bounced("HardBounce").to_string().as_bytes()).unwrap();
    assert_eq!(event.diagnostic.as_deref(), Some("Test bounce details"));
}

#[test]
fn a_change_without_a_mail_has_no_id() {
    for id in [Value::Null, json!(""), json!(NO_MESSAGE)] {
        let mut sample = changed(true, json!("ManualSuppression"), "Customer");
        sample["MessageID"] = id;
        assert_eq!(read(sample.to_string().as_bytes()).unwrap().provider_message_id, None);
    }
}

#[test]
fn an_event_about_nobody_known_changes_nothing() {
    let mut sample = bounced("HardBounce");
    sample["Email"] = json!("nobody");
    assert_eq!(read(sample.to_string().as_bytes()).unwrap().kind, EmailEventKind::Other);
}

#[test]
fn what_is_not_from_postmark_is_an_error() {
    for text in ["", "{", "{}", "[]", "null", r#"{"RecordType":7}"#] {
        assert_eq!(read(text.as_bytes()), Err(Unreadable), "{text}");
        assert_eq!(read_inbound(text.as_bytes()), Err(Unreadable), "{text}");
    }
}

#[test]
fn a_mail_that_came_in() {
    let mail = read_sample(&inbound()).unwrap();
    assert_eq!(mail.raw_mime.0, "From: Ada <ada@example.com>\r\nSubject: Hello\r\n\r\nHi");
    assert_eq!(mail.sender.0, "Ada@example.com");
    assert_eq!(mail.recipients, [Text("reply+abc@in.example.org".to_owned())]);
    assert!(!mail.spam);
}

#[test]
fn without_an_envelope_the_headers_say_who_gets_it() {
    let mut sample = inbound();
    sample["OriginalRecipient"] = json!("");
    let recipients: Vec<String> =
        read_sample(&sample).unwrap().recipients.into_iter().map(|to| to.0).collect();
    assert_eq!(recipients, ["studio@in.example.org", "bob@example.net", "eve@example.com"]);
}

#[test]
fn the_sender_in_the_envelope_wins() {
    let mut sample = inbound();
    for (path, sender) in
        [("<>", ""), ("<bounce@example.com>", "bounce@example.com"), ("", "Ada@example.com")]
    {
        sample["Headers"] =
            json!([{"Name": "Return-path", "Value": path}, {"Name": "X-Spam-Status", "Value": "Yes"}]);
        let mail = read_sample(&sample).unwrap();
        assert_eq!((mail.sender.0.as_str(), mail.spam), (sender, true), "{path}");
    }
    sample["Headers"] = Value::Null;
    sample["FromFull"] = Value::Null;
    assert_eq!(read_sample(&sample).unwrap().sender.0, "ada@example.com");
}

#[test]
fn an_inbound_webhook_without_the_raw_mail_is_an_error() {
    for raw in [Value::Null, json!(""), json!(" \r\n"), json!(7)] {
        let mut sample = inbound();
        sample["RawEmail"] = raw;
        assert_eq!(read_sample(&sample), Err(Unreadable));
    }
}

#[test]
fn debug_hides_the_mail() {
    let shown = format!("{:?}", read_sample(&inbound()).unwrap());
    assert!(!shown.contains("Hello") && !shown.contains("ada"), "{shown}");
}

proptest! {
    #[test]
    fn nothing_is_a_defect(
        raw in prop::collection::vec(any::<u8>(), 0..200),
        value in any_json(),
        row in prop::sample::select(rows()),
        pick: usize,
    ) {
        let _ = (read(&raw), read_inbound(&raw));
        let text = value.to_string();
        let _ = (read(text.as_bytes()), read_inbound(text.as_bytes()));
        let _ = read(altered(row.0, pick, value.clone()).to_string().as_bytes());
        let _ = read_sample(&altered(inbound(), pick, value));
    }
}
