use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::email_event::Suppression;
use crate::mail_refusal::Refusal;
use crate::status::Status;

/// Any JSON there is, a few levels deep.
pub(in crate::email_event) fn any_json() -> impl Strategy<Value = Value> {
    let words =
        ["Bounce", "Permanent", "Received", "S3", "bounce", "failed", "Recipient", "7-8-9-1", "a@b.test"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[a-zA-Z]{0,10}", inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The sample with one of its parts, whichever `pick` says, replaced.
pub(in crate::email_event) fn altered(mut sample: Value, pick: usize, replacement: Value) -> Value {
    let mut pointers = Vec::new();
    pointers_into(&sample, String::new(), &mut pointers);
    let pointer = &pointers[pick % pointers.len()];
    if let Some(part) = sample.pointer_mut(pointer) {
        *part = replacement;
    }
    sample
}

fn pointers_into(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers_into(item, format!("{at}/{index}"), pointers);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                pointers_into(field, format!("{at}/{name}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(at);
}

/// A sample, and what is to be read from it.
pub(in crate::email_event) type Row = (
    Value,
    EmailEventKind,
    Option<Status>,
    Option<Option<Suppression>>,
    &'static [&'static str],
    &'static str,
);

/// Compares everything that decides what becomes of a mail and of an address.
pub(in crate::email_event) fn check(row: &Row, event: &EmailEvent) {
    let (sample, kind, status, suppression, recipients, word) = row;
    let read: Vec<&str> = event.recipients.iter().map(Email::as_str).collect();
    assert_eq!(event.kind, *kind, "{sample}");
    assert_eq!(event.kind.status(), *status, "{sample}");
    assert_eq!(event.kind.suppression(), *suppression, "{sample}");
    assert_eq!(read, *recipients, "{sample}");
    assert_eq!(event.word, *word, "{sample}");
}

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.net";
const ID: &str = "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000";

fn mail(destination: &[&str]) -> Value {
    json!({
        "timestamp": "2026-01-31T12:00:00.000Z",
        "source": "studio@example.org",
        "sendingAccountId": "123456789012",
        "messageId": ID,
        "destination": destination,
        "headersTruncated": false,
        "headers": [{"name": "From", "value": "studio@example.org"}],
        "commonHeaders": {"subject": "Hello"},
        "tags": {"ses:configuration-set": ["omega"], "omega": ["7-8-9-2"]},
    })
}

fn sample(kind: &str, part: &str, detail: Value, destination: &[&str]) -> Value {
    json!({"eventType": kind, "mail": mail(destination), part: detail})
}

fn one(kind: &str, part: &str, detail: Value) -> Value {
    sample(kind, part, detail, &[ADA])
}

fn bounced(kind: &str, finer: &str) -> Value {
    let recipient = match kind {
        "Permanent" => json!({
            "emailAddress": ADA, "action": "failed", "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown",
        }),
        // What the other server did not say is left out.
        _ => json!({"emailAddress": ADA}),
    };
    let detail = json!({
        "bounceType": kind,
        "bounceSubType": finer,
        "bouncedRecipients": [recipient],
        "timestamp": "2026-01-31T12:00:05.000Z",
        "feedbackId": "f",
        "reportingMTA": "dsn; mta.example.com",
    });
    one("Bounce", "bounce", detail)
}

fn complained(subtype: Value, feedback: &str, destination: &[&str], complained: &[&str]) -> Value {
    let recipients: Vec<Value> = complained.iter().map(|to| json!({"emailAddress": to})).collect();
    let detail = json!({
        "complainedRecipients": recipients, "complaintSubType": subtype, "complaintFeedbackType": feedback,
        "timestamp": "2026-01-31T12:00:05.000Z", "feedbackId": "f", "userAgent": "Amazon SES Mailbox Simulator",
    });
    sample("Complaint", "complaint", detail, destination)
}

fn subscribed(all: Value, topics: &[&str]) -> Value {
    let topics: Vec<Value> =
        topics.iter().map(|status| json!({"topicName": "T", "subscriptionStatus": status})).collect();
    let detail = json!({
        "contactList": "C", "timestamp": "2026-01-31T12:00:05.000Z", "source": "UnsubscribeHeader",
        "newTopicPreferences": {"unsubscribeAll": all, "topicSubscriptionStatus": topics},
        "oldTopicPreferences": {"unsubscribeAll": false, "topicSubscriptionStatus": []},
    });
    one("Subscription", "subscription", detail)
}

fn rows() -> Vec<Row> {
    use EmailEventKind::*;
    let later = "2026-01-31T12:00:05.000Z";
    let delivery =
        json!({"timestamp": later, "processingTimeMillis": 5, "recipients": [ADA], "smtpResponse": "250 ok"});
    let delay = json!({"delayType": "MailboxFull", "expirationTime": later, "timestamp": later,
        "delayedRecipients": [{"emailAddress": ADA, "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 full"}]});
    let bounce = Some(Some(Suppression::Bounce));
    let complaint = Some(Some(Suppression::Complaint));
    let opt_out = Some(Some(Suppression::OptOut));
    let (sent, failed) = (Some(Status::Sent), Some(Status::Failed));
    vec![
        (one("Send", "send", json!({})), Sent, sent, None, &[], "Send"),
        (
            one("Delivery", "delivery", delivery.clone()),
            Delivered,
            Some(Status::Delivered),
            None,
            &[ADA],
            "Delivery",
        ),
        (
            sample("Delivery", "delivery", delivery, &[ADA, BOB]),
            Delivered,
            Some(Status::Delivered),
            None,
            &[ADA],
            "Delivery",
        ),
        (
            one("DeliveryDelay", "deliveryDelay", delay),
            Delayed,
            None,
            None,
            &[ADA],
            "DeliveryDelay/MailboxFull",
        ),
        (
            bounced("Permanent", "General"),
            Bounced,
            Some(Status::Bounced),
            bounce,
            &[ADA],
            "Bounce/Permanent/General",
        ),
        (
            bounced("Permanent", "NoEmail"),
            Bounced,
            Some(Status::Bounced),
            bounce,
            &[ADA],
            "Bounce/Permanent/NoEmail",
        ),
        (
            bounced("Permanent", "Suppressed"),
            Suppressed,
            Some(Status::Bounced),
            None,
            &[ADA],
            "Bounce/Permanent/Suppressed",
        ),
        (
            bounced("Permanent", "OnAccountSuppressionList"),
            Suppressed,
            Some(Status::Bounced),
            None,
            &[ADA],
            "Bounce/Permanent/OnAccountSuppressionList",
        ),
        (
            bounced("Transient", "MailboxFull"),
            Refused(Refusal::MailboxFull),
            failed,
            None,
            &[ADA],
            "Bounce/Transient/MailboxFull",
        ),
        (
            bounced("Undetermined", "Undetermined"),
            SoftBounced,
            failed,
            None,
            &[ADA],
            "Bounce/Undetermined/Undetermined",
        ),
        (
            complained(Value::Null, "abuse", &[ADA], &[ADA]),
            Complained,
            Some(Status::Complained),
            complaint,
            &[ADA],
            "Complaint/abuse",
        ),
        (
            complained(Value::Null, "abuse", &[ADA, BOB, "eve@example.com"], &[ADA, "eve@example.com"]),
            Complained,
            Some(Status::Complained),
            complaint,
            &[ADA, "eve@example.com"],
            "Complaint/abuse",
        ),
        (
            complained(json!("OnAccountSuppressionList"), "", &[ADA], &[ADA]),
            Suppressed,
            Some(Status::Bounced),
            None,
            &[ADA],
            "Complaint/OnAccountSuppressionList",
        ),
        (
            complained(Value::Null, "not-spam", &[ADA], &[ADA]),
            Other,
            None,
            None,
            &[ADA],
            "Complaint/not-spam",
        ),
        (
            one("Reject", "reject", json!({"reason": "Bad content"})),
            Rejected,
            Some(Status::Rejected),
            None,
            &[],
            "Reject",
        ),
        (
            one("Rendering Failure", "failure", json!({"errorMessage": "no name", "templateName": "t"})),
            RenderingFailed,
            failed,
            None,
            &[],
            "Rendering Failure",
        ),
        (
            one("Open", "open", json!({"timestamp": later, "ipAddress": "192.0.2.1"})),
            Opened,
            None,
            None,
            &[],
            "Open",
        ),
        (
            one("Click", "click", json!({"timestamp": later, "link": "https://x.test"})),
            Clicked,
            None,
            None,
            &[],
            "Click",
        ),
        (
            subscribed(json!(true), &["OptIn"]),
            OptedOut,
            None,
            opt_out,
            &[ADA],
            "Subscription/UnsubscribeHeader",
        ),
        (
            subscribed(json!(false), &["OptIn", "OptOut"]),
            OptedOut,
            None,
            opt_out,
            &[ADA],
            "Subscription/UnsubscribeHeader",
        ),
        (
            subscribed(json!(false), &["OptIn"]),
            OptedIn,
            None,
            Some(None),
            &[ADA],
            "Subscription/UnsubscribeHeader",
        ),
        // what cannot be read does not opt anybody in
        (subscribed(json!("no"), &[]), Other, None, None, &[ADA], "Subscription/UnsubscribeHeader"),
        (subscribed(json!(false), &["Maybe"]), Other, None, None, &[ADA], "Subscription/UnsubscribeHeader"),
        (one("Dance", "dance", json!({})), Other, None, None, &[], "Dance"),
    ]
}

fn read_event(sample: &Value) -> Option<EmailEvent> {
    match read(sample.to_string().as_bytes()) {
        Ok(Notice::Event(event)) => Some(*event),
        _ => None,
    }
}

fn receipt(action: Value, verdicts: [&str; 2]) -> Value {
    json!({
        "notificationType": "Received",
        "mail": {"source": "ada@example.com", "messageId": "d6iitobk75ur44p8kdnnp7g2n800", "destination": ["x@in.example.org"]},
        "receipt": {
            "timestamp": "2026-01-31T12:00:00.000Z",
            "recipients": ["reply+abc@in.example.org", "Studio@in.example.org"],
            "spamVerdict": {"status": verdicts[0]}, "virusVerdict": {"status": verdicts[1]},
            "action": action,
        },
    })
}

fn stored() -> Value {
    json!({"type": "S3", "topicArn": "t", "bucketName": "mail", "objectKeyPrefix": "in/", "objectKey": "in/d6iit"})
}

#[test]
fn every_event_of_ses_in_either_spelling() {
    for row in rows() {
        check(&row, &read_event(&row.0).unwrap());
        let mut old = row.0.clone();
        let name = old.as_object_mut().unwrap().remove("eventType").unwrap();
        old["notificationType"] = name;
        check(&row, &read_event(&old).unwrap());
    }
}

#[test]
fn an_event_leads_to_its_mail() {
    for (sample, ..) in rows() {
        let event = read_event(&sample).unwrap();
        assert_eq!(event.provider, Provider::Ses);
        assert_eq!(event.provider_message_id.as_deref(), Some(ID));
        assert_eq!(event.ours, read_tag("7-8-9-2"));
        assert_eq!(event.addressed, sample["mail"]["destination"].as_array().map(Vec::len));
        assert!(event.at.is_some());
    }
    let mut untagged = bounced("Permanent", "General");
    untagged["mail"].as_object_mut().unwrap().remove("tags");
    assert_eq!(read_event(&untagged).unwrap().ours, None);
}

#[test]
fn what_the_receiving_server_said_is_kept() {
    let event = read_event(&bounced("Permanent", "General")).unwrap();
    assert_eq!(event.diagnostic.as_deref(), Some("smtp; 550 5.1.1 user unknown"));
    assert_eq!(event.at, Timestamp::parse("2026-01-31T12:00:05Z"));
}

#[test]
fn an_event_about_nobody_known_changes_nothing_of_a_mail_to_several() {
    let unknown = json!({"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "no address"}]});
    let several = sample("Bounce", "bounce", unknown.clone(), &[ADA, BOB]);
    assert_eq!(read_event(&several).unwrap().kind, EmailEventKind::Other);
    // while the only receiver can be meant by no other name
    let single = sample("Bounce", "bounce", unknown, &[ADA]);
    assert_eq!(read_event(&single).unwrap().kind, EmailEventKind::Bounced);
}

#[test]
fn a_receiver_is_found_in_any_form_and_once() {
    let recipients = json!([{"emailAddress": "Ada <ada@example.com>"}, {"emailAddress": "ADA@example.com"}, 7,
        {"emailAddress": "<bob@example.net>"}]);
    let detail = json!({"bounceType": "Permanent", "bouncedRecipients": recipients});
    let event = read_event(&sample("Bounce", "bounce", detail, &[ADA, BOB])).unwrap();
    assert_eq!(event.recipients, [ADA, BOB].map(|email| Email::parse(email).unwrap()));
}

#[test]
fn a_mail_that_came_in() {
    let notice = read(receipt(stored(), ["PASS", "PASS"]).to_string().as_bytes()).unwrap();
    let email = InboundEmail {
        object: "in/d6iit".to_owned(),
        provider: Provider::Ses,
        sender: Text("ada@example.com".to_owned()),
        recipients: ["reply+abc@in.example.org", "Studio@in.example.org"]
            .map(|to| Text(to.to_owned()))
            .into(),
        spam: false,
        virus: false,
        checks: SenderChecks::default(),
        received_at: Timestamp::parse("2026-01-31T12:00:00.000Z"),
    };
    assert_eq!(notice, Notice::Received { bucket: "mail".to_owned(), email });
}

#[test]
fn the_verdicts_of_ses() {
    for (verdicts, expected) in [
        (["FAIL", "PASS"], (true, false)),
        (["PASS", "FAIL"], (false, true)),
        (["GRAY", "PROCESSING_FAILED"], (false, false)),
        (["DISABLED", "DISABLED"], (false, false)),
    ] {
        let notice = read(receipt(stored(), verdicts).to_string().as_bytes()).unwrap();
        let Notice::Received { email, .. } = notice else { panic!("{verdicts:?}") };
        assert_eq!((email.spam, email.virus), expected, "{verdicts:?}");
    }
}

#[test]
fn a_notice_that_nobody_may_answer_has_no_sender() {
    let mut sample = receipt(stored(), ["PASS", "PASS"]);
    for source in [json!("<>"), json!(""), Value::Null] {
        sample["mail"]["source"] = source;
        let Ok(Notice::Received { email, .. }) = read(sample.to_string().as_bytes()) else {
            panic!("{sample}")
        };
        assert_eq!(email.sender, Text::default());
    }
}

#[test]
fn a_mail_of_unknown_whereabouts_is_an_error_and_no_loss() {
    for name in ["bucketName", "objectKey"] {
        let mut action = stored();
        action[name] = Value::Null;
        assert_eq!(read(receipt(action, ["PASS", "PASS"]).to_string().as_bytes()), Err(Unreadable), "{name}");
    }
}

#[test]
fn notices_without_consequence() {
    let mut trial = stored();
    trial["objectKey"] = json!("in/AMAZON_SES_SETUP_NOTIFICATION");
    for (text, word) in [
        ("Successfully validated SNS topic for Amazon SES event publishing.".to_owned(), CONNECTED),
        (
            r#"{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"You have"}"#.to_owned(),
            "AmazonSnsSubscriptionSucceeded",
        ),
        (receipt(trial, ["PASS", "PASS"]).to_string(), TRIAL),
        (receipt(json!({"type": "Lambda"}), ["PASS", "PASS"]).to_string(), "Received/Lambda"),
    ] {
        assert_eq!(read(text.as_bytes()), Ok(Notice::Nothing(word.to_owned())), "{text}");
    }
}

#[test]
fn what_is_not_from_ses_is_an_error() {
    for text in ["", "Hello", "{", "[]", "{}", "null", "7", r#"{"eventType":7}"#, r#"{"mail":{}}"#] {
        assert_eq!(read(text.as_bytes()), Err(Unreadable), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(read(deep.as_bytes()), Err(Unreadable));
}

#[test]
fn a_word_stays_short_and_on_one_line() {
    let long = format!("a\nb{}", "c".repeat(10_000));
    let event = read_event(&bounced("Permanent", &long)).unwrap();
    assert!(event.word.len() < 120 && !event.word.contains('\n'));
    let mut sample = bounced("Permanent", "General");
    sample["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = json!(long);
    assert_eq!(read_event(&sample).unwrap().diagnostic.unwrap().chars().count(), LONGEST_DIAGNOSTIC);
}

proptest! {
    #[test]
    fn no_bytes_are_a_defect(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&raw);
    }

    #[test]
    fn no_json_is_a_defect(value in any_json()) {
        let _ = read(value.to_string().as_bytes());
    }

    #[test]
    fn no_sample_with_a_part_of_something_else_is_a_defect(
        row in prop::sample::select(rows()),
        pick: usize,
        replacement in any_json(),
    ) {
        let _ = read(altered(row.0, pick, replacement.clone()).to_string().as_bytes());
        let received = receipt(stored(), ["PASS", "PASS"]);
        let _ = read(altered(received, pick, replacement).to_string().as_bytes());
    }
}
