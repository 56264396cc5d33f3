use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::delivery::advice;
use crate::email_event::{EmailEvent, Suppression, mailgun, postmark, sendgrid, ses};
use crate::failure::ErrorClass;
use crate::failure::SOFT_BOUNCE;
use crate::mail_refusal::Meaning;
use crate::status::Status;

const ADA: &str = "ada@example.com";

fn of_ses(kind: &str, finer: &str, status: Option<&str>, said: Option<&str>) -> EmailEvent {
    let recipient =
        json!({"emailAddress": ADA, "action": "failed", "status": status, "diagnosticCode": said});
    let raw = json!({
        "eventType": "Bounce", "mail": {"messageId": "0100", "destination": [ADA]},
        "bounce": {"bounceType": kind, "bounceSubType": finer, "bouncedRecipients": [recipient]},
    });
    match ses::read(raw.to_string().as_bytes()).unwrap() {
        ses::Notice::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

fn of_mailgun(reason: &str, code: u64, said: &str) -> EmailEvent {
    of_mailgun_with(reason, json!({"code": code, "message": said}))
}

fn of_mailgun_with(reason: &str, status: Value) -> EmailEvent {
    let data = json!({
        "event": "failed", "severity": "permanent", "reason": reason, "recipient": ADA,
        "delivery-status": status, "message": {"headers": {"message-id": "1@example.com"}},
    });
    let signature = json!({"timestamp": "1769860806", "token": "t", "signature": "s"});
    mailgun::read(json!({"signature": signature, "event-data": data}).to_string().as_bytes()).unwrap().1
}

fn of_sendgrid(kind: &str, class: Option<&str>, status: &str, said: &str) -> EmailEvent {
    let raw = json!([{
        "event": "bounce", "type": kind, "bounce_classification": class, "status": status, "reason": said,
        "email": ADA, "sg_message_id": "1",
    }]);
    sendgrid::read(raw.to_string().as_bytes()).unwrap().remove(0)
}

fn of_postmark(kind: &str, said: &str) -> EmailEvent {
    let raw = json!({"RecordType": "Bounce", "Type": kind, "Details": said, "Email": ADA, "MessageID": "1"});
    postmark::read(raw.to_string().as_bytes()).unwrap()
}

/// Status, class and whether the address is suppressed.
fn end(event: &EmailEvent) -> (Status, ErrorClass, bool) {
    let kind = event.kind;
    let failure = kind.failure().unwrap_or_else(|| panic!("{event:?} is no failure"));
    let status = kind.status().unwrap_or_else(|| panic!("{event:?} has no status"));
    (status, failure.class, kind.suppression() == Some(Some(Suppression::Bounce)))
}

const GONE: (Status, ErrorClass, bool) = (Status::Bounced, ErrorClass::Address, true);
const LATER: (Status, ErrorClass, bool) = (Status::Failed, ErrorClass::Transient, false);
const CONTENT: (Status, ErrorClass, bool) = (Status::Failed, ErrorClass::Content, false);
const OURS: (Status, ErrorClass, bool) = (Status::Failed, ErrorClass::Configuration, false);
const UNAVAILABLE: (Status, ErrorClass, bool) = (Status::Failed, ErrorClass::Address, false);

#[test]
fn refused_content_fails_and_is_not_tried_again() {
    for finer in ["ContentRejected", "MessageTooLarge", "AttachmentRejected"] {
        for said in [None, Some("smtp; 451 4.0.0 try again later"), Some("smtp; 550 5.1.1 user unknown")] {
            let event = of_ses("Transient", finer, None, said);
            assert_eq!(end(&event), CONTENT, "{finer} {said:?}");
            assert!(!event.kind.failure().unwrap().class.retries_by_itself());
        }
    }
    assert_eq!(end(&of_ses("Transient", "General", None, None)), LATER);
    assert_eq!(end(&of_ses("Transient", "MailboxFull", None, None)), LATER);
    let timed_out = end(&of_ses("Transient", "CustomTimeoutExceeded", None, None));
    assert_eq!(timed_out, (Status::Failed, ErrorClass::Expiry, false));
}

#[test]
fn enhanced_code_wins_over_the_generic_words_of_every_provider() {
    for (said, expected) in [
        ("552 5.2.2 The email account that you tried to reach is over quota", LATER),
        ("550-5.1.1 The email account that you tried to reach does not exist.", GONE),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", GONE),
        ("smtp;552 5.3.4 Message size exceeds fixed limit", CONTENT),
        ("550 5.2.1 The email account that you tried to reach is disabled", UNAVAILABLE),
        ("554 5.7.1 Service unavailable; client host [5.6.7.8] blocked", CONTENT),
        ("550 5.7.26 This mail is unauthenticated", OURS),
        ("550 5.4.1 Recipient address rejected: Access denied", GONE),
        ("550 5.4.1 No answer from host", LATER),
        ("550 5.4.4 Host or domain name not found", UNAVAILABLE),
        ("550 5.5.0 Requested action not taken: mailbox unavailable", GONE),
        ("503 5.5.1 Bad sequence of commands", OURS),
        ("554 (#5.6.1) Body type not supported", CONTENT),
        ("553 5.1.8 Sender address rejected: Domain not found", OURS),
        // Details without a row of their own.
        ("550 5.1.99 odd", GONE),
        ("550 5.2.99 odd", UNAVAILABLE),
        ("550 5.3.99 odd", LATER),
        ("550 5.5.99 odd", OURS),
        ("550 5.6.99 odd", CONTENT),
        ("550 5.7.999 odd", CONTENT),
        ("450 4.7.1 greylisted", LATER),
    ] {
        let all = [
            of_ses("Permanent", "General", None, Some(&format!("smtp; {said}"))),
            of_ses("Permanent", "Undetermined", None, Some(said)),
            of_ses("Transient", "General", None, Some(said)),
            of_ses("Undetermined", "Undetermined", None, Some(said)),
            of_mailgun("generic", 550, said),
            of_mailgun("bounce", 552, said),
            of_sendgrid("bounce", None, "5.0.0", said),
            of_sendgrid("blocked", Some("Unclassified"), "", said),
            of_postmark("HardBounce", said),
            of_postmark("SoftBounce", said),
            of_postmark("Unknown", said),
        ];
        for event in all {
            assert_eq!(end(&event), expected, "{said}: {event:?}");
        }
    }
}

#[test]
fn full_mailbox_is_not_gone_for_good() {
    let event = of_mailgun("generic", 552, "552 5.2.2 Mailbox full");
    assert_eq!(end(&event), LATER);
    let failure = event.kind.failure().unwrap();
    assert_eq!((failure.code.as_deref(), &*failure.reason), (Some(SOFT_BOUNCE), "The mailbox is full."));
    assert!(failure.class.may_be_retried());
    assert!(advice(&failure).contains("make room"), "{}", advice(&failure));
}

#[test]
fn code_that_a_provider_shows_apart_counts_where_the_text_has_none() {
    assert_eq!(end(&of_ses("Permanent", "General", Some("5.2.2"), Some("smtp; 550 no"))), LATER);
    assert_eq!(end(&of_ses("Permanent", "General", Some("5.1.1"), Some("smtp; 552 5.2.2 full"))), LATER);
    assert_eq!(end(&of_ses("Permanent", "General", Some("5.0.0"), None)), GONE);
    assert_eq!(end(&of_sendgrid("bounce", None, "5.2.2", "552 no")), LATER);
    assert_eq!(end(&of_sendgrid("blocked", None, "5.7.1", "550 no")), CONTENT);
    let status = json!({"code": 552, "message": "no", "enhanced-code": "5.2.2"});
    assert_eq!(end(&of_mailgun_with("generic", status)), LATER);
}

#[test]
fn basic_code_and_words_count_where_there_is_no_enhanced_code() {
    for (code, said, expected) in [
        (552, "Requested mail action aborted: exceeded storage allocation", LATER),
        (552, "message size limit exceeded", CONTENT),
        (550, "mailbox not found", GONE),
        (550, "Message rejected as spam", CONTENT),
        (550, "SPF check failed", OURS),
        (554, "Transaction failed", CONTENT),
        (554, "delivery error: dd This user doesn't have a yahoo.com account (ada@yahoo.com) [0]", GONE),
        (553, "Requested action not taken", GONE),
        (556, "Domain does not accept mail", GONE),
        (501, "Syntax error in parameters", OURS),
        (599, "odd", GONE),
    ] {
        let words = format!("{code} {said}");
        let all = [
            of_ses("Permanent", "General", None, Some(&format!("smtp; {words}"))),
            of_mailgun("generic", code, said),
            of_sendgrid("bounce", None, "", &words),
            of_postmark("HardBounce", &words),
        ];
        for event in all {
            assert_eq!(end(&event), expected, "{words}: {event:?}");
        }
        // A provider that expects the trouble to pass is not overruled by so little.
        assert_eq!(end(&of_ses("Transient", "General", None, Some(&words))), LATER);
        assert_eq!(end(&of_sendgrid("blocked", None, "", &words)), LATER);
        assert_eq!(end(&of_postmark("SoftBounce", &words)), LATER);
    }
}

#[test]
fn words_that_say_what_happened_are_overruled_by_nothing() {
    let said = "550 5.1.1 user unknown";
    assert_eq!(of_mailgun("suppress-bounce", 550, said).kind, EmailEventKind::Suppressed);
    assert_eq!(of_mailgun("old", 550, said).kind, EmailEventKind::SoftBounced);
    assert_eq!(of_mailgun("generic", 605, said).kind, EmailEventKind::Suppressed);
    assert_eq!(
        of_ses("Permanent", "OnAccountSuppressionList", None, Some(said)).kind,
        EmailEventKind::Suppressed
    );
    assert_eq!(of_postmark("ManuallyDeactivated", said).kind, EmailEventKind::Suppressed);
    assert_eq!(of_postmark("BadEmailAddress", "552 5.2.2 full").kind, EmailEventKind::Bounced);
    assert_eq!(of_postmark("AutoResponder", said).kind, EmailEventKind::Other);
}

#[test]
fn classification_of_sendgrid_counts_where_no_code_says_more() {
    for (class, expected) in [
        ("Invalid Address", GONE),
        ("Mailbox Unavailable", UNAVAILABLE),
        ("Content", CONTENT),
        ("Reputation", CONTENT),
        ("Frequency or Volume Too High", LATER),
        ("Technical Failure", LATER),
        ("Unclassified", GONE),
    ] {
        assert_eq!(end(&of_sendgrid("bounce", Some(class), "5.0.0", "550 no")), expected, "{class}");
        assert_eq!(end(&of_sendgrid("bounce", Some(class), "", "552 5.2.2 full")), LATER, "{class}");
    }
}

#[test]
fn addresses_of_computers_and_versions_are_no_enhanced_codes() {
    for text in [
        "",
        "550",
        "5.1",
        "5.1.1.1",
        "[5.6.7.8]",
        "2.1.5 ok",
        "4.96.1",
        "5.1.x",
        "5.1.1234",
        "a5.1.1",
        "5..1",
        "mx5.1.1.example.com",
        "55.1.1",
    ] {
        assert_eq!(enhanced_in(text), None, "{text}");
    }
    for text in
        ["5.1.1", "550-5.1.1 no", "(#5.1.1)", "550 5.1.1: no", "<ada> 5.1.1.", "from 5.6.7.8: 550 5.1.1"]
    {
        assert_eq!(enhanced_in(text), Some((5, 1, 1)), "{text}");
    }
    for (text, code) in
        [("smtp; 552-full", Some(552)), ("550", Some(550)), ("call 550", None), ("5501", None)]
    {
        assert_eq!(basic_in(text), code, "{text}");
    }
}

proptest! {
    #[test]
    fn every_enhanced_code_but_x_0_x_has_a_meaning(class in 4u16..=5, subject in 1u16..=7, detail in 0u16..1000) {
        let text = format!("550 {class}.{subject}.{detail} words");
        let said = Said { text: Some(&text), ..Said::default() };
        let kind = by_enhanced(said).unwrap();
        prop_assert!(kind.failure().is_some() && kind.status().is_some());
        // What passes is never the end of an address.
        prop_assert!(class == 5 || kind.suppression().is_none());
    }

    #[test]
    fn no_words_are_a_defect(text in "\\PC{0,80}", code in any::<Option<u64>>()) {
        let said = Said { text: Some(&text), enhanced: Some(&text), basic: code };
        let _ = (by_enhanced(said), by_basic(said), meaning(Provider::Ses, [Some("Bounce"), Some(&text), None], said));
    }
}

#[test]
fn every_row_can_be_reached_and_means_a_failure() {
    for (n, row) in REPORTS.iter().enumerate() {
        let words = row.words.map(|word| Some(word.trim_start_matches('~')).filter(|word| !word.is_empty()));
        let first = REPORTS.iter().position(|other| other.provider == row.provider && other.fits(words));
        assert_eq!(first, Some(n), "{row:?} is behind another row");
        let silent =
            matches!(row.means, EmailEventKind::Delayed | EmailEventKind::OptedOut | EmailEventKind::Other);
        assert_eq!(row.means.failure().is_none(), silent, "{row:?}");
    }
    for (n, row) in ENHANCED.iter().enumerate() {
        let code = (if row.class == 0 { 5 } else { row.class }, row.subject, row.details.0);
        let detail = if row.details == (0, 999) { 998 } else { code.2 };
        let code = (code.0, code.1, detail);
        let first = ENHANCED.iter().position(|other| other.fits(code, row.words));
        assert_eq!(first, Some(n), "{row:?} is behind another row");
        assert!(row.page.starts_with("https://"));
    }
}

#[test]
fn every_refusal_has_reason_and_advice_in_short_sentences() {
    for refusal in Refusal::ALL {
        let Meaning { reason, advice, .. } = refusal.meaning();
        for sentence in reason.split_inclusive(". ").chain(advice.split_inclusive(". ")) {
            assert!(sentence.trim_end().ends_with('.'), "{refusal:?}: {sentence}");
            assert!(sentence.split_whitespace().count() <= 25, "{refusal:?}: {sentence}");
        }
        let failure = EmailEventKind::Refused(refusal).failure().unwrap();
        assert_eq!(crate::delivery::advice(&failure), advice, "{refusal:?}");
    }
}

/// The tables of docs/mail-errors.md.
#[test]
fn documentation_lists_the_reports_as_the_tables_have_them() {
    let mut text = String::from(
        "| Provider's words | Status | Code | Class | Suppresses | Reason | Advice |\n|---|---|---|---|---|---|---|\n",
    );
    for row in REPORTS {
        let words = row.words.iter().filter(|word| !word.is_empty());
        let words: Vec<String> = words
            .map(|word| {
                word.strip_prefix('~').map_or_else(|| format!("`{word}`"), |part| format!("with `{part}`"))
            })
            .collect();
        let more = match row.overruled {
            Overruled::Never => "",
            Overruled::ByEnhancedCode => " (E)",
            Overruled::ByAnyCode => " (E, B)",
        };
        let [name, page] = reference(row.provider);
        let words = words.join(" / ");
        writeln!(text, "| [{name}]({page}) {words}{more} {}", told(row.means)).unwrap();
    }
    text.push_str("\n| Enhanced code | Status | Code | Class | Suppresses | Reason | Advice |\n|---|---|---|---|---|---|---|\n");
    for row in ENHANCED {
        let class = if row.class == 0 { "X".to_owned() } else { row.class.to_string() };
        let details = match row.details {
            (0, 999) => "x".to_owned(),
            (from, to) if from == to => from.to_string(),
            (from, to) => format!("{from} to {to}"),
        };
        let words = if row.words.is_empty() { String::new() } else { format!(" with \"{}\"", row.words) };
        writeln!(text, "| [{class}.{}.{details}]({}){words} {}", row.subject, row.page, told(row.means))
            .unwrap();
    }
    text.push_str("\n| Words or basic code | Status | Code | Class | Suppresses | Reason | Advice |\n|---|---|---|---|---|---|---|\n");
    for (words, means) in WORDS {
        writeln!(text, "| \"{words}\" {}", told(*means)).unwrap();
    }
    for (first, last, means) in BASIC {
        let codes = if first == last { first.to_string() } else { format!("{first} to {last}") };
        writeln!(text, "| {codes} {}", told(*means)).unwrap();
    }
    hold(&text);
}

/// The provider's name and the page that its words are from.
fn reference(provider: Provider) -> [&'static str; 2] {
    match provider {
        Provider::Mailgun => {
            ["Mailgun", "https://documentation.mailgun.com/docs/mailgun/user-manual/events/events"]
        }
        Provider::Sendgrid => {
            ["SendGrid", "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event"]
        }
        Provider::Postmark => ["Postmark", "https://postmarkapp.com/developer/api/bounce-api#bounce-types"],
        _ => ["SES", "https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types"],
    }
}

/// The rest of a line about a report.
fn told(kind: EmailEventKind) -> String {
    let status =
        kind.status().map_or_else(|| "unchanged".to_owned(), |status| format!("`{}`", status.as_str()));
    let suppressed = match kind.suppression() {
        Some(Some(Suppression::OptOut)) => "campaigns, until removed",
        Some(Some(_)) => "all mail, until removed",
        _ => "no",
    };
    match kind.failure() {
        Some(failure) => format!(
            "| {status} | `{}` | `{}` | {suppressed} | {} | {} |",
            failure.code.as_deref().unwrap_or("-"),
            failure.class.as_str(),
            failure.reason,
            advice(&failure)
        ),
        None => format!("| {status} | | | {suppressed} | | |"),
    }
}

fn hold(expected: &str) {
    const MARKERS: [&str; 2] = ["<!-- mail-errors: begin -->\n", "<!-- mail-errors: end -->"];
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mail-errors.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(MARKERS[0]).expect("a first marker");
    let (found, after) = rest.split_once(MARKERS[1]).expect("a second marker");
    if option_env!("UPDATE_DOCS").is_some() {
        std::fs::write(&page, [before, MARKERS[0], expected, MARKERS[1], after].concat()).unwrap();
    } else {
        assert_eq!(found, expected, "{}: run this test with UPDATE_DOCS=1", page.display());
    }
}
