//! What becomes of a mail, published as SES does.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::mime;
use super::{ACCOUNT, FakeSes, Header, Mail, Pending, REGION, new_id, timestamp};
use crate::wire::locked;

/// More than this of a head is left out of what is reported.
const LONGEST_HEADERS: usize = 10 * 1024;
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
const REPORTING_MTA: &str = "a8-50.smtp-out.amazonses.com";
/// How long a mail is tried for: 14 hours.
const PATIENCE_MS: i64 = 14 * 60 * 60 * 1000;

/// What can be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventType {
    /// Accepted, and to be delivered.
    Send,
    /// A receiver's server has it.
    Delivery,
    /// A receiver's server cannot take it just now.
    DeliveryDelay,
    /// A receiver's server will not have it.
    Bounce,
    /// A receiver called it spam.
    Complaint,
    /// It has a virus and is not sent.
    Reject,
    /// A template could not be filled in.
    #[serde(rename = "Rendering Failure")]
    RenderingFailure,
    /// A receiver opened it.
    Open,
    /// A receiver followed a link of it.
    Click,
    /// A receiver changed what they want to get.
    Subscription,
}

impl EventType {
    /// The name in `eventType`.
    pub fn name(self) -> &'static str {
        match self {
            EventType::Send => "Send",
            EventType::Delivery => "Delivery",
            EventType::DeliveryDelay => "DeliveryDelay",
            EventType::Bounce => "Bounce",
            EventType::Complaint => "Complaint",
            EventType::Reject => "Reject",
            EventType::RenderingFailure => "Rendering Failure",
            EventType::Open => "Open",
            EventType::Click => "Click",
            EventType::Subscription => "Subscription",
        }
    }

    /// Where the details are.
    fn key(self) -> &'static str {
        match self {
            EventType::Send => "send",
            EventType::Delivery => "delivery",
            EventType::DeliveryDelay => "deliveryDelay",
            EventType::Bounce => "bounce",
            EventType::Complaint => "complaint",
            EventType::Reject => "reject",
            EventType::RenderingFailure => "failure",
            EventType::Open => "open",
            EventType::Click => "click",
            EventType::Subscription => "subscription",
        }
    }

    /// Whether it is about receivers one by one, and not about the mail.
    fn is_per_recipient(self) -> bool {
        matches!(
            self,
            EventType::Delivery | EventType::DeliveryDelay | EventType::Bounce | EventType::Complaint
        )
    }
}

/// Something to report. In JSON `"Delivery"` or `{"event": "Bounce", "recipients": ["a@b.c"], …}`. With recipients it
/// is one report about these, without them one about each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "EventJson")]
pub struct Event {
    /// What happened.
    pub event: EventType,
    /// To whom.
    pub recipients: Option<Vec<String>>,
    /// `Permanent`, `Transient` or `Undetermined`; the first if not given.
    pub bounce_type: Option<String>,
    /// `General`, `NoEmail`, `Suppressed`, `OnAccountSuppressionList`, `MailboxFull`, …
    pub bounce_sub_type: Option<String>,
    /// The enhanced status code of a bounce or a delay: `5.1.1`.
    pub status: Option<String>,
    /// What the receiver's server said.
    pub diagnostic_code: Option<String>,
    /// `abuse`, `not-spam`, …: what kind of complaint.
    pub feedback_type: Option<String>,
}

#[derive(Deserialize)]
struct EventFields {
    event: EventType,
    recipients: Option<Vec<String>>,
    bounce_type: Option<String>,
    bounce_sub_type: Option<String>,
    status: Option<String>,
    diagnostic_code: Option<String>,
    feedback_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum EventJson {
    Type(EventType),
    Full(Box<EventFields>),
}

impl From<EventJson> for Event {
    fn from(json: EventJson) -> Event {
        match json {
            EventJson::Type(event) => event.into(),
            EventJson::Full(fields) => Event {
                event: fields.event,
                recipients: fields.recipients,
                bounce_type: fields.bounce_type,
                bounce_sub_type: fields.bounce_sub_type,
                status: fields.status,
                diagnostic_code: fields.diagnostic_code,
                feedback_type: fields.feedback_type,
            },
        }
    }
}

impl From<EventType> for Event {
    fn from(event: EventType) -> Event {
        Event {
            event,
            recipients: None,
            bounce_type: None,
            bounce_sub_type: None,
            status: None,
            diagnostic_code: None,
            feedback_type: None,
        }
    }
}

impl Event {
    /// A bounce of this type (`Permanent`, `Transient`, `Undetermined`) and subtype (`General`, …).
    pub fn bounce(bounce_type: &str, bounce_sub_type: &str) -> Event {
        Event {
            bounce_type: Some(bounce_type.to_owned()),
            bounce_sub_type: Some(bounce_sub_type.to_owned()),
            ..EventType::Bounce.into()
        }
    }

    /// The same in one report about these receivers only.
    pub fn of<R: Into<String>>(self, recipients: impl IntoIterator<Item = R>) -> Event {
        Event { recipients: Some(recipients.into_iter().map(Into::into).collect()), ..self }
    }

    /// The reports that it makes: whom each is about.
    fn reports(&self, mail: &Mail) -> Vec<Vec<String>> {
        match &self.recipients {
            Some(recipients) => vec![recipients.clone()],
            None if self.event.is_per_recipient() => {
                mail.recipients().into_iter().map(|to| vec![to]).collect()
            }
            None => vec![mail.recipients()],
        }
    }

    fn details(&self, recipients: &[String], at: i64) -> Value {
        match self.event {
            EventType::Send => json!({}),
            EventType::Delivery => json!({
                "timestamp": timestamp(at),
                "processingTimeMillis": 546,
                "recipients": recipients,
                "smtpResponse": "250 2.6.0 Message received",
                "reportingMTA": REPORTING_MTA,
            }),
            EventType::DeliveryDelay => self.delay(recipients, at),
            EventType::Bounce => self.bounced(recipients, at),
            EventType::Complaint => json!({
                "complainedRecipients": recipients.iter().map(|to| json!({"emailAddress": to})).collect::<Vec<_>>(),
                "complaintFeedbackType": self.feedback_type.as_deref().unwrap_or("abuse"),
                "complaintSubType": null,
                "userAgent": "Amazon SES Mailbox Simulator",
                "arrivalDate": timestamp(at),
                "timestamp": timestamp(at),
                "feedbackId": new_id(at),
            }),
            EventType::Reject => json!({"reason": "Bad content"}),
            EventType::RenderingFailure => json!({
                "templateName": "Template",
                "errorMessage": "Attribute 'name' is not present in the rendering data.",
            }),
            EventType::Open => json!({
                "timestamp": timestamp(at), "ipAddress": "192.0.2.1", "userAgent": USER_AGENT,
            }),
            EventType::Click => json!({
                "timestamp": timestamp(at), "ipAddress": "192.0.2.1", "userAgent": USER_AGENT,
                "link": "https://example.com/", "linkTags": null,
            }),
            EventType::Subscription => json!({
                "contactList": "ContactList",
                "timestamp": timestamp(at),
                "source": "UnsubscribeHeader",
                "newTopicPreferences": {"unsubscribeAll": true, "topicSubscriptionStatus": []},
                "oldTopicPreferences": {"unsubscribeAll": false, "topicSubscriptionStatus": []},
            }),
        }
    }

    fn delay(&self, recipients: &[String], at: i64) -> Value {
        let status = self.status.as_deref().unwrap_or("4.4.1");
        let said = self.diagnostic_code.as_deref();
        let said = said.unwrap_or("smtp; 421 4.4.1 Unable to connect to remote host");
        let one = |to: &String| json!({"emailAddress": to, "status": status, "diagnosticCode": said});
        json!({
            "timestamp": timestamp(at),
            "delayType": "TransientCommunicationFailure",
            "expirationTime": timestamp(at + PATIENCE_MS),
            "delayedRecipients": recipients.iter().map(one).collect::<Vec<_>>(),
            "reportingMTA": REPORTING_MTA,
        })
    }

    fn bounced(&self, recipients: &[String], at: i64) -> Value {
        let bounce_type = self.bounce_type.as_deref().unwrap_or("Permanent");
        let sub_type = self.bounce_sub_type.as_deref().unwrap_or(match bounce_type {
            "Undetermined" => "Undetermined",
            _ => "General",
        });
        let (usual, said) = usual_words(bounce_type, sub_type);
        let status = self.status.as_deref().or(usual);
        let said = self.diagnostic_code.as_deref().or(said);
        let one = |to: &String| {
            let mut fields = Map::from_iter([("emailAddress".to_owned(), json!(to))]);
            // What the other server did not say is left out.
            if let (Some(status), Some(said)) = (status, said) {
                fields.insert("action".to_owned(), json!("failed"));
                fields.insert("status".to_owned(), json!(status));
                fields.insert("diagnosticCode".to_owned(), json!(said));
            }
            Value::Object(fields)
        };
        json!({
            "feedbackId": new_id(at),
            "bounceType": bounce_type,
            "bounceSubType": sub_type,
            "bouncedRecipients": recipients.iter().map(one).collect::<Vec<_>>(),
            "timestamp": timestamp(at),
            "reportingMTA": format!("dns; {REPORTING_MTA}"),
        })
    }
}

/// Status code and words of a bounce.
fn usual_words(bounce_type: &str, sub_type: &str) -> (Option<&'static str>, Option<&'static str>) {
    let (status, said) = match (bounce_type, sub_type) {
        (_, "Suppressed") => (
            "5.1.1",
            "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an \
             invalid address.",
        ),
        (_, "OnAccountSuppressionList") => (
            "5.1.1",
            "Amazon SES did not send the message to this address because it is on the suppression list for your \
             account.",
        ),
        ("Permanent", _) => ("5.1.1", "smtp; 550 5.1.1 user unknown"),
        ("Transient", "MailboxFull") => ("4.2.2", "smtp; 452 4.2.2 mailbox full"),
        ("Transient", "MessageTooLarge") => ("5.3.4", "smtp; 552 5.3.4 message too large"),
        ("Transient", "ContentRejected") => ("5.6.1", "smtp; 500 5.6.1 message content rejected"),
        ("Transient", "AttachmentRejected") => ("5.6.1", "smtp; 552 5.6.1 attachment type not allowed"),
        ("Transient", _) => ("4.0.0", "smtp; 451 4.0.0 try again later"),
        _ => return (None, None),
    };
    (Some(status), Some(said))
}

/// A report that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Unix milliseconds.
    pub at: i64,
    /// What was reported.
    pub event: EventType,
    /// Whom it was about.
    pub recipients: Vec<String>,
}

/// The `headers` and `commonHeaders` of a mail, as reports and notifications have them.
pub(super) fn described(mail: &Mail, message_id: &str) -> Map<String, Value> {
    let (headers, truncated) = first_headers(&mail.headers);
    let parsed = mime::parse(&mail.raw).unwrap_or_default();
    let texts = |boxes: &[mime::Mailbox]| boxes.iter().map(mime::Mailbox::text).collect::<Vec<_>>();
    let mut common = Map::new();
    for (name, boxes) in [
        ("from", &parsed.from),
        ("replyTo", &parsed.reply_to),
        ("to", &parsed.to),
        ("cc", &parsed.cc),
        ("bcc", &parsed.bcc),
    ] {
        if !boxes.is_empty() {
            common.insert(name.to_owned(), json!(texts(boxes)));
        }
    }
    if let Some(date) = mail.header("Date") {
        common.insert("date".to_owned(), json!(date));
    }
    common.insert("messageId".to_owned(), json!(message_id));
    common.insert("subject".to_owned(), json!(mail.subject));
    Map::from_iter([
        ("headersTruncated".to_owned(), json!(truncated)),
        ("headers".to_owned(), json!(headers)),
        ("commonHeaders".to_owned(), Value::Object(common)),
    ])
}

/// The first ten kilobytes, and whether there are more.
fn first_headers(headers: &[Header]) -> (&[Header], bool) {
    let mut length = 0;
    let end = headers.iter().position(|header| {
        length += header.name.len() + header.value.len();
        length > LONGEST_HEADERS
    });
    (&headers[..end.unwrap_or(headers.len())], end.is_some())
}

/// The report as it is published.
fn report(mail: &Mail, event: &Event, recipients: &[String], at: i64) -> Value {
    let from = mime::bare(&mail.from);
    let host = from.rsplit_once('@').map_or("", |(_, host)| host);
    let mut tags = Map::new();
    for (name, value) in [
        ("ses:source-ip", "192.0.2.2"),
        ("ses:from-domain", host),
        ("ses:caller-identity", "omega"),
        ("ses:configuration-set", mail.configuration_set.as_deref().unwrap_or_default()),
    ] {
        tags.insert(name.to_owned(), json!([value]));
    }
    if event.event == EventType::Delivery {
        tags.insert("ses:outgoing-ip".to_owned(), json!(["192.0.2.3"]));
    }
    tags.extend(mail.tags.iter().map(|(name, value)| (name.clone(), json!([value]))));
    let mut about = json!({
        "timestamp": timestamp(mail.at),
        "source": mail.from,
        "sourceArn": format!("arn:aws:ses:{REGION}:{ACCOUNT}:identity/{host}"),
        "sendingAccountId": ACCOUNT,
        "messageId": mail.id,
        "destination": mail.recipients(),
        "tags": tags,
    });
    if let Some(about) = about.as_object_mut() {
        about.append(&mut described(mail, &mail.id));
    }
    json!({
        "eventType": event.event.name(),
        "mail": about,
        event.event.key(): event.details(recipients, at),
    })
}

impl FakeSes {
    /// Reports these events now, one after the other, whether or not the mail has a configuration set. The reports, or
    /// `None` if there is no such mail.
    pub async fn send_events<E: Into<Event>>(
        &self,
        id: &str,
        events: impl IntoIterator<Item = E>,
    ) -> Option<Vec<Value>> {
        let mail = self.mail(id)?;
        let pending = Pending::new(self);
        let reports = self.run_events(&mail, events.into_iter().map(Into::into).collect()).await;
        drop(pending);
        Some(reports)
    }

    pub(super) fn spawn_events(&self, mail: Mail, events: Option<Vec<Event>>) {
        // Without a configuration set nobody would hear of it.
        if mail.configuration_set.is_none() {
            return;
        }
        let events = events.unwrap_or_else(|| locked(&self.0.state).default_events.clone());
        // Counted before the send is answered: whoever waits for idleness after it must not come too early.
        let pending = Pending::new(self);
        tokio::spawn(async move {
            pending.0.run_events(&mail, events).await;
        });
    }

    async fn run_events(&self, mail: &Mail, events: Vec<Event>) -> Vec<Value> {
        let mut reports = Vec::new();
        for event in events {
            for recipients in event.reports(mail) {
                let at = self.now();
                let report = report(mail, &event, &recipients, at);
                self.note(&mail.id, Published { at, event: event.event, recipients });
                (self.0.events)(report.to_string()).await;
                reports.push(report);
            }
        }
        reports
    }

    fn note(&self, id: &str, published: Published) {
        let mut state = locked(&self.0.state);
        if let Some(mail) = state.mails.iter_mut().rev().find(|mail| mail.id == id) {
            mail.events.push(published);
        }
    }
}
