use super::*;
use proptest::prelude::*;

/// Certificate and key were made for these tests and are used nowhere else.
const CERTIFICATE: &[u8] = include_bytes!("../../tests/fixtures/test-only-sns.cert.pem");
/// The same key, in the name of somebody else.
const FOREIGN: &[u8] = include_bytes!("../../tests/fixtures/test-only-foreign.cert.pem");
const KEY: &[u8] = include_bytes!("../../tests/fixtures/test-only-sns.key.pem");

/// When the messages of these tests were written: 2026-01-31T12:00:00Z.
const NOW: i64 = 1_769_860_800;
const BOTH: Versions = Versions::FirstAndSecond;

/// Made with `openssl dgst -sha1 -sign` over the text of [`notification`].
const FIRST: &str = "PM1oVGy1mwvWqMty5QaAfg036Jhmv59cmCQ78s2DKRWcWP09VNTk6scmc8NTKBu7cn6SfJXi2v6DTRGWJKLQ0bokycNS+wMDLIuV61k0PsYFUu5XPPnUFayDape3M0hfUp0ircTN72PeJ+ED1ZOMpkNBaAZVSYnBjpbyQJvU5n24kTn8zd/TmnQIrAdbp8BBUY4fWyHXYquFn0pMreM8Xbw/VjiXNj0+o3kCk3hqG/RicDI/sHLljNUtrz/gFT29uaiRwIpMgMpBeJ4zm61POViNn5nlGJpDiWR0jbj539XnLo+4yY8SXB4sqg+HNHwTUxLCPoqZZqdk7tmzIGwmoA==";
/// The same with `-sha256`.
const SECOND: &str = "O5rbedhM/AcYGSYEQ/CxA+0GbQd4NNlHYvOO2kPVUaBkBUHdKu9g3WyouN+TLs2Cba2uSTH6vKgAn5DaDblRIeotxvtZ4V1QvLAFIrXs4I3/M1SmX5+AwTBC3C6k8Ja7rmtrxyE0ha0fp5rnk0IcD7cSZizAQCpwfyNUMzF+z3jrjOMWaYelLjoqBZPLm3y9EBrDwOZMKES3ACPBwqzZhPhMaGvXzuYLt9gXPAqgY0vW67X2Osg69l8MSk6jV1dI7QfPfc9lXF6r6rAk9nTt75/cASEH59nGvyIabdIn8dmES5Ibgnyg2/qWZXqp2O/a8wPhILumBBKl0HRIDDkBGA==";

fn notification() -> Message {
    Message {
        kind: Kind::Notification,
        message_id: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324".into(),
        topic_arn: "arn:aws:sns:us-west-2:123456789012:MyTopic".into(),
        message: "{\"eventType\":\"Send\"}\nand a second line".into(),
        timestamp: "2026-01-31T12:00:00.751Z".into(),
        subject: Some("My First Message".into()),
        signature: SECOND.into(),
        signature_version: "2".into(),
        signing_cert_url: "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7.pem"
            .into(),
        subscribe_url: None,
        token: None,
    }
}

fn confirmation(private: &[u8]) -> Message {
    let url = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-west-2:123456789012:MyTopic&Token=2336412f37";
    let message = Message {
        kind: Kind::SubscriptionConfirmation,
        message: "You have chosen to subscribe".into(),
        subject: None,
        subscribe_url: Some(url.into()),
        token: Some("2336412f37".into()),
        ..notification()
    };
    signed(message, private)
}

fn signed(message: Message, private: &[u8]) -> Message {
    Message { signature: sign(&message, private).unwrap_or_default(), ..message }
}

fn private_key() -> Vec<u8> {
    Pem::iter_from_buffer(KEY).next().and_then(Result::ok).map(|pem| pem.contents).unwrap_or_default()
}

#[test]
fn both_versions_of_a_signature_that_another_program_made() {
    let second = notification();
    let first = Message { signature: FIRST.into(), signature_version: "1".into(), ..notification() };
    assert_eq!(verify(&second, CERTIFICATE, Versions::Second, NOW), Ok(()));
    assert_eq!(verify(&second, CERTIFICATE, BOTH, NOW), Ok(()));
    assert_eq!(verify(&first, CERTIFICATE, BOTH, NOW), Ok(()));
    assert_eq!(verify(&first, CERTIFICATE, Versions::Second, NOW), Err(Refused::Version));
    assert_eq!(sign(&second, &private_key()).unwrap(), SECOND);
    assert_eq!(sign(&second, b"no key"), None);
}

#[test]
fn the_signed_text_of_a_confirmation() {
    let text = text_to_sign(&confirmation(&private_key()));
    let names: Vec<&str> = text.lines().step_by(2).collect();
    assert_eq!(names, ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]);
    assert!(text.ends_with("\nType\nSubscriptionConfirmation\n"));
}

#[test]
fn every_altered_field_is_noticed() {
    let changes: [fn(&mut Message); 11] = [
        |m| m.message.push(' '),
        |m| m.message_id.push('0'),
        |m| m.topic_arn.push('2'),
        |m| m.timestamp = "2026-01-31T12:00:00.752Z".into(),
        |m| m.signature = STANDARD.encode("other"),
        |m| m.signature = String::new(),
        |m| m.signature.insert(0, ' '),
        |m| {
            m.kind = match m.kind {
                Kind::SubscriptionConfirmation => Kind::UnsubscribeConfirmation,
                _ => Kind::SubscriptionConfirmation,
            }
        },
        |m| match m.kind {
            Kind::Notification => m.subject = None,
            _ => m.subscribe_url = Some("https://sns.us-west-2.amazonaws.com/".into()),
        },
        |m| match m.kind {
            Kind::Notification => m.subject = Some(String::new()),
            _ => m.token = Some("other".into()),
        },
        |m| m.kind = Kind::UnsubscribeConfirmation,
    ];
    let key = private_key();
    for original in [notification(), confirmation(&key)] {
        assert_eq!(verify(&original, CERTIFICATE, BOTH, NOW), Ok(()));
        for (index, change) in changes.iter().enumerate() {
            let mut altered = original.clone();
            change(&mut altered);
            assert_eq!(verify(&altered, CERTIFICATE, BOTH, NOW), Err(Refused::Signature), "{index}");
        }
    }
    let other_version = Message { signature_version: "1".into(), ..notification() };
    assert_eq!(verify(&other_version, CERTIFICATE, BOTH, NOW), Err(Refused::Signature));
    for version in ["", "0", "3", "02", " 2"] {
        let unknown = Message { signature_version: version.into(), ..notification() };
        assert_eq!(verify(&unknown, CERTIFICATE, BOTH, NOW), Err(Refused::Version), "{version}");
    }
}

#[test]
fn a_message_is_good_for_an_hour() {
    for (now, expected) in [
        (NOW + 3_600, Ok(())),
        (NOW - 3_600, Ok(())),
        (NOW + 3_601, Err(Refused::Stale)),
        (NOW - 3_601, Err(Refused::Stale)),
        (i64::MIN, Err(Refused::Stale)),
        (i64::MAX, Err(Refused::Stale)),
    ] {
        assert_eq!(verify(&notification(), CERTIFICATE, BOTH, now), expected, "{now}");
    }
    for timestamp in ["", "now", "2026-01-31", "2026-01-31T12:00:00"] {
        let message = signed(Message { timestamp: timestamp.into(), ..notification() }, &private_key());
        assert_eq!(verify(&message, CERTIFICATE, BOTH, NOW), Err(Refused::Stale), "{timestamp}");
    }
}

#[test]
fn a_certificate_is_good_within_its_dates() {
    let key = private_key();
    for (timestamp, expected) in [
        ("2019-12-31T23:59:59Z", Err(Refused::CertificateDates)),
        ("2020-01-01T00:00:01Z", Ok(())),
        ("2119-12-31T23:59:59Z", Ok(())),
        ("2120-01-01T00:00:01Z", Err(Refused::CertificateDates)),
    ] {
        let now = timestamp.parse::<jiff::Timestamp>().unwrap().as_second();
        let message = signed(Message { timestamp: timestamp.into(), ..notification() }, &key);
        assert_eq!(verify(&message, CERTIFICATE, BOTH, now), expected, "{timestamp}");
    }
}

#[test]
fn a_certificate_of_somebody_else_proves_nothing() {
    let refused = |certificate: &[u8]| verify(&notification(), certificate, BOTH, NOW).err();
    assert_eq!(refused(FOREIGN), Some(Refused::CertificateSubject));
    assert_eq!(refused(&[FOREIGN, CERTIFICATE].concat()), Some(Refused::CertificateSubject));
    assert_eq!(refused(&[CERTIFICATE, FOREIGN].concat()), None);
    assert_eq!(refused(b""), Some(Refused::Certificate));
    assert_eq!(refused(KEY), Some(Refused::Certificate));
    assert_eq!(refused(&CERTIFICATE[..CERTIFICATE.len() / 2]), Some(Refused::Certificate));
}

#[test]
fn the_names_of_the_signer() {
    for name in ["sns.amazonaws.com", "sns.amazonaws.com.cn", "sns.us-gov-west-1.amazonaws.com"] {
        assert!(is_sns_name(name), "{name}");
    }
    for name in [
        "amazonaws.com",
        "sqs.amazonaws.com",
        "*.amazonaws.com",
        "sns..amazonaws.com",
        "sns.a.b.amazonaws.com",
        "xsns.amazonaws.com",
        "sns.amazonaws.com.evil.test",
        "sns.amazonaws.com.cn.cn",
    ] {
        assert!(!is_sns_name(name), "{name}");
    }
}

#[test]
fn only_a_certificate_at_sns_is_fetched() {
    let of = |url: &str| Message { signing_cert_url: url.into(), ..notification() };
    for url in [
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem",
    ] {
        assert_eq!(of(url).certificate_url(), Some(url));
    }
    for url in [
        "",
        "https://",
        "sns.us-east-1.amazonaws.com/a.pem",
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "HTTPS://sns.us-east-1.amazonaws.com/a.pem",
        "https://SNS.us-east-1.amazonaws.com/a.pem",
        "https://sns.amazonaws.com/a.pem",
        "https://sns..amazonaws.com/a.pem",
        "https://sns.a.b.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com",
        "https://sns.us-east-1.amazonaws.com.pem",
        "https://sns.us-east-1.amazonaws.com/a.txt",
        "https://sns.us-east-1.amazonaws.com/a.pem?x",
        "https://sns.us-east-1.amazonaws.com/a?x=.pem",
        "https://sns.us-east-1.amazonaws.com/a#.pem",
        "https://sns.us-east-1.amazonaws.com/%2e%2e/a.pem",
        "https://sns.us-east-1.amazonaws.com/../a.pem",
        "https://sns.us-east-1.amazonaws.com/@evil.test/a.pem",
        "https://sns.us-east-1.amazonaws.com/\\evil.test/a.pem",
        "https://sns.us-east-1.amazonaws.com:443/a.pem",
        "https://sns.us-east-1.amazonaws.com./a.pem",
        "https://sns.us-east-1.amazonaws.com.evil.test/a.pem",
        "https://sns.us-east-1.amazonaws.com.cn.evil.test/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.test/a.pem",
        "https://evil.test@sns.us-east-1.amazonaws.com/a.pem",
        "https://evil.test#sns.us-east-1.amazonaws.com/a.pem",
        "https://evil.test\\.sns.us-east-1.amazonaws.com/a.pem",
        "https://evil.test/sns.us-east-1.amazonaws.com/a.pem",
        "https://evilsns.us-east-1.amazonaws.com/a.pem",
        "https://s3.us-east-1.amazonaws.com/a.pem",
        "https://sns.evil.test/x.amazonaws.com/a.pem",
        "https://sns.us_east.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com\n/a.pem",
        " https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem ",
    ] {
        assert_eq!(of(url).certificate_url(), None, "{url}");
    }
}

#[test]
fn only_sns_is_called_to_confirm() {
    let of = |url: &str| Message { subscribe_url: Some(url.into()), ..notification() };
    let good = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-west-2:1:T&Token=23%2B4";
    assert_eq!(of(good).subscribe_url(), Some(good));
    assert_eq!(notification().subscribe_url(), None);
    for url in [
        "https://sns.us-west-2.amazonaws.com",
        "http://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.us-west-2.amazonaws.com:8443/?Action=ConfirmSubscription",
        "https://evil.test/?x=https://sns.us-west-2.amazonaws.com/",
        "https://sns.us-west-2.amazonaws.com.evil.test/?Action=ConfirmSubscription",
        "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription#x",
        "https://sns.us-west-2.amazonaws.com/?Action=Confirm Subscription",
        "https://sns.us-west-2.amazonaws.com/?a=b\r\nHost: evil.test",
    ] {
        assert_eq!(of(url).subscribe_url(), None, "{url}");
    }
}

#[test]
fn the_spelling_of_a_lambda_event_is_read_too() {
    let text = r#"{"Type":"Notification","MessageId":"i","TopicArn":"t","Subject":null,"Message":"m",
        "Timestamp":"2026-01-31T12:00:00.751Z","SignatureVersion":"1","Signature":"s",
        "SigningCertUrl":"c","UnsubscribeUrl":"u","MessageAttributes":{}}"#;
    let message = read(text.as_bytes()).unwrap();
    assert_eq!((message.signing_cert_url.as_str(), message.subject), ("c", None));
}

#[test]
fn what_is_not_whole_is_no_message() {
    let whole = |message: &Message| serde_json::to_value(message).unwrap();
    let without = |mut value: serde_json::Value, name: &str| {
        value.as_object_mut().unwrap().remove(name);
        value.to_string()
    };
    let message = notification();
    for name in [
        "Type",
        "MessageId",
        "TopicArn",
        "Message",
        "Timestamp",
        "Signature",
        "SignatureVersion",
        "SigningCertURL",
    ] {
        assert_eq!(read(without(whole(&message), name).as_bytes()), Err(Unreadable), "{name}");
    }
    assert!(read(without(whole(&message), "Subject").as_bytes()).is_ok());

    let message = confirmation(&private_key());
    for name in ["SubscribeURL", "Token"] {
        assert_eq!(read(without(whole(&message), name).as_bytes()), Err(Unreadable), "{name}");
    }
    for text in ["", "{}", "[]", "null", "\"x\"", r#"{"Type":"Other"}"#, "{\"Type\":\"Notification\","] {
        assert_eq!(read(text.as_bytes()), Err(Unreadable), "{text}");
    }
}

#[test]
fn a_signed_text_has_one_reading() {
    // what was one message would also be the text of this other one, with the rest of it in the subject
    let original = Message { subject: None, message: "a\nMessageId\ni\nSubject\ns".into(), ..notification() };
    let other = Message {
        message: "a".into(),
        message_id: "i".into(),
        subject: Some(format!("s\nMessageId\n{}", original.message_id)),
        ..original.clone()
    };
    assert_eq!(text_to_sign(&original), text_to_sign(&other));
    assert!(read(write(&original).as_bytes()).is_ok());
    assert_eq!(read(write(&other).as_bytes()), Err(Unreadable));
}

#[test]
fn debug_hides_what_was_published() {
    let shown = format!("{:?}", confirmation(&private_key()));
    assert!(shown.contains("22b80b92"));
    assert!(!shown.contains("2336412f37") && !shown.contains("chosen"));
}

proptest! {
    #[test]
    fn what_is_signed_survives_being_written_and_read(message in "\\PC{0,60}", subject in prop::option::of("\\PC{0,20}")) {
        let message = signed(Message { message, subject, ..notification() }, &private_key());
        let read = read(write(&message).as_bytes()).unwrap();
        prop_assert_eq!(verify(&read, CERTIFICATE, Versions::Second, NOW), Ok(()));
        prop_assert_eq!(read, message);
    }

    #[test]
    fn no_text_and_no_certificate_is_a_defect(raw in prop::collection::vec(any::<u8>(), 0..200), at in 0..900_usize, byte: u8) {
        prop_assert_eq!(read(&raw), Err(Unreadable));
        prop_assert_eq!(verify(&notification(), &raw, BOTH, NOW), Err(Refused::Certificate));
        let mut certificate = CERTIFICATE.to_vec();
        certificate[at] = byte;
        let _ = verify(&notification(), &certificate, BOTH, NOW);
    }

    #[test]
    fn no_address_is_a_defect(url in "\\PC{0,60}", path in "[a-z./:@?%-]{0,30}") {
        for url in [url, format!("https://sns.{path}.amazonaws.com/a.pem")] {
            let message = Message { signing_cert_url: url.clone(), subscribe_url: Some(url), ..notification() };
            for url in [message.certificate_url(), message.subscribe_url()].into_iter().flatten() {
                prop_assert!(url.starts_with("https://sns."));
            }
        }
    }
}
