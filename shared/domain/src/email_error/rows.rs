//! The tables. The first row that fits counts, so special rows stand before general ones.

use crate::channel::Provider;
use crate::email_event::EmailEventKind::{
    self, Bounced, Complained, Delayed, OptedOut, Other, Refused, Rejected, RenderingFailed, SoftBounced,
    Suppressed,
};
use crate::mail_refusal::Refusal;

/// What may say more than the words of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overruled {
    /// Nothing: the words say what happened.
    Never,
    /// An enhanced status code of the receiving server.
    ByEnhancedCode,
    /// An enhanced status code, else a basic code or the words of the receiving server: the provider gave up, and says no more.
    ByAnyCode,
}

/// A row of the table of providers' words.
#[derive(Clone, Copy, Debug)]
pub struct ReportRow {
    /// Who says so.
    pub provider: Provider,
    /// The words: type, subtype, finer subtype. Empty is any. `~` begins what a word contains.
    pub words: [&'static str; 3],
    /// What they mean.
    pub means: EmailEventKind,
    /// What may say more.
    pub overruled: Overruled,
}

/// A row of the table of enhanced status codes.
#[derive(Clone, Copy, Debug)]
pub struct EnhancedRow {
    /// `5` or `4`; 0 is any.
    pub class: u16,
    /// The subject, such as 1 for addresses.
    pub subject: u16,
    /// The details from here to there.
    pub details: (u16, u16),
    /// Words that have to be in the text as well. Empty is any.
    pub words: &'static str,
    /// What it means.
    pub means: EmailEventKind,
    /// The page that defines it.
    pub page: &'static str,
}

impl ReportRow {
    /// Whether the row is about these words.
    pub fn fits(&self, given: [Option<&str>; 3]) -> bool {
        self.words.iter().zip(given).all(|(wanted, given)| {
            let given = given.unwrap_or_default();
            match wanted.strip_prefix('~') {
                Some(part) => given.to_lowercase().contains(part),
                None => wanted.is_empty() || *wanted == given,
            }
        })
    }
}

impl EnhancedRow {
    /// Whether the row is about this code, in a text of the server that is in lower case.
    pub fn fits(&self, (class, subject, detail): (u16, u16, u16), text: &str) -> bool {
        (self.class == 0 || self.class == class)
            && self.subject == subject
            && (self.details.0..=self.details.1).contains(&detail)
            && text.contains(self.words)
    }
}

use Overruled::{ByAnyCode, ByEnhancedCode, Never};

const fn ses(words: [&'static str; 3], overruled: Overruled, means: EmailEventKind) -> ReportRow {
    ReportRow { provider: Provider::Ses, words, means, overruled }
}

const fn mailgun(words: [&'static str; 3], overruled: Overruled, means: EmailEventKind) -> ReportRow {
    ReportRow { provider: Provider::Mailgun, words, means, overruled }
}

const fn sendgrid(words: [&'static str; 3], overruled: Overruled, means: EmailEventKind) -> ReportRow {
    ReportRow { provider: Provider::Sendgrid, words, means, overruled }
}

const fn postmark(word: &'static str, overruled: Overruled, means: EmailEventKind) -> ReportRow {
    ReportRow { provider: Provider::Postmark, words: ["Bounce", word, ""], means, overruled }
}

/// The providers' own words.
pub(super) const REPORTS: &[ReportRow] = &[
    // Lists of SES, of the account, and of contacts who unsubscribed: nobody asked the mailbox.
    ses(["Bounce", "Permanent", "Suppressed"], Never, Suppressed),
    ses(["Bounce", "Permanent", "OnAccountSuppressionList"], Never, Suppressed),
    ses(["Bounce", "Permanent", "UnsubscribedRecipient"], Never, Suppressed),
    ses(["Bounce", "Permanent", "NoEmail"], Never, Bounced),
    ses(["Bounce", "Permanent", ""], ByAnyCode, Bounced),
    ses(["Bounce", "Transient", "MailboxFull"], Never, Refused(Refusal::MailboxFull)),
    ses(["Bounce", "Transient", "MessageTooLarge"], Never, Refused(Refusal::TooLarge)),
    ses(["Bounce", "Transient", "ContentRejected"], Never, Refused(Refusal::Content)),
    ses(["Bounce", "Transient", "AttachmentRejected"], Never, Refused(Refusal::Attachment)),
    ses(["Bounce", "Transient", "CustomTimeoutExceeded"], Never, Refused(Refusal::TimedOut)),
    ses(["Bounce", "Transient", ""], ByEnhancedCode, SoftBounced),
    ses(["Bounce", "", ""], ByEnhancedCode, SoftBounced),
    ses(["Complaint", "OnAccountSuppressionList", ""], Never, Suppressed),
    // The receiver took it out of the spam.
    ses(["Complaint", "", "not-spam"], Never, Other),
    ses(["Complaint", "", ""], Never, Complained),
    ses(["Reject", "", ""], Never, Rejected),
    ses(["Rendering Failure", "", ""], Never, RenderingFailed),
    ses(["RenderingFailure", "", ""], Never, RenderingFailed),
    // Mailgun shows a code of its own from 600 in place of the reason.
    mailgun(["failed", "", "602"], Never, SoftBounced),
    mailgun(["failed", "permanent", "605"], Never, Suppressed),
    mailgun(["failed", "permanent", "606"], Never, Suppressed),
    mailgun(["failed", "permanent", "607"], Never, Suppressed),
    mailgun(["failed", "permanent", "~suppress-"], Never, Suppressed),
    // The last try of a mail that was put off too long is called temporary as well.
    mailgun(["failed", "", "old"], Never, SoftBounced),
    mailgun(["failed", "permanent", "espblock"], Never, SoftBounced),
    mailgun(["failed", "permanent", "greylisted"], Never, SoftBounced),
    mailgun(["failed", "permanent", "blacklisted"], Never, SoftBounced),
    mailgun(["failed", "permanent", ""], ByAnyCode, Bounced),
    mailgun(["failed", "temporary", ""], Never, Delayed),
    mailgun(["rejected", "", ""], Never, Rejected),
    mailgun(["complained", "", ""], Never, Complained),
    // Expired: after days of being put off. Blocked: for what it is or whence it comes.
    sendgrid(["bounce", "expired", ""], Never, SoftBounced),
    sendgrid(["bounce", "", "Invalid Address"], ByEnhancedCode, Bounced),
    sendgrid(["bounce", "", "Mailbox Unavailable"], ByEnhancedCode, Refused(Refusal::MailboxUnavailable)),
    sendgrid(["bounce", "", "Content"], ByEnhancedCode, Refused(Refusal::Content)),
    sendgrid(["bounce", "", "Reputation"], ByEnhancedCode, Refused(Refusal::Policy)),
    sendgrid(["bounce", "", "Frequency or Volume Too High"], ByEnhancedCode, SoftBounced),
    sendgrid(["bounce", "", "Technical Failure"], ByEnhancedCode, SoftBounced),
    sendgrid(["bounce", "blocked", ""], ByEnhancedCode, SoftBounced),
    sendgrid(["bounce", "", ""], ByAnyCode, Bounced),
    // SendGrid does not send to the addresses on its lists, and tells only in words which list it was.
    sendgrid(["dropped", "~bounced address", ""], Never, Suppressed),
    sendgrid(["dropped", "~unsubscribed address", ""], Never, Suppressed),
    sendgrid(["dropped", "~spam reporting address", ""], Never, Suppressed),
    // An invalid SMTPAPI header is a fault of the program that sent it; a list of SendGrid's is called Invalid.
    sendgrid(["dropped", "~smtpapi", ""], Never, Rejected),
    sendgrid(["dropped", "~invalid", ""], Never, Suppressed),
    sendgrid(["dropped", "", ""], Never, Rejected),
    sendgrid(["spamreport", "", ""], Never, Complained),
    postmark("HardBounce", ByAnyCode, Bounced),
    postmark("BadEmailAddress", Never, Bounced),
    postmark("SoftBounce", ByEnhancedCode, SoftBounced),
    postmark("Transient", ByEnhancedCode, SoftBounced),
    postmark("DnsError", Never, SoftBounced),
    postmark("Unknown", ByEnhancedCode, SoftBounced),
    // Lists of Postmark: nobody asked the mailbox.
    postmark("ManuallyDeactivated", Never, Suppressed),
    postmark("Unconfirmed", Never, Suppressed),
    // The receiver's response was the wish to be left alone.
    postmark("Unsubscribe", Never, OptedOut),
    postmark("SpamComplaint", Never, Complained),
    // A filter's judgement of the mail, not the receiver's.
    postmark("SpamNotification", Never, Rejected),
    postmark("VirusNotification", Never, Rejected),
    postmark("Blocked", Never, Rejected),
    postmark("DMARCPolicy", Never, Rejected),
    postmark("SMTPApiError", Never, Rejected),
    postmark("TemplateRenderingFailed", Never, RenderingFailed),
];

const ADDRESS: &str = "https://www.rfc-editor.org/rfc/rfc3463#section-3.2";

const MAILBOX: &str = "https://www.rfc-editor.org/rfc/rfc3463#section-3.3";

const SYSTEM: &str = "https://www.rfc-editor.org/rfc/rfc3463#section-3.4";

const NETWORK: &str = "https://www.rfc-editor.org/rfc/rfc3463#section-3.5";

const PROTOCOL: &str = "https://www.rfc-editor.org/rfc/rfc3463#section-3.6";

const CONTENT: &str = "https://www.rfc-editor.org/rfc/rfc3463#section-3.7";

const SECURITY: &str = "https://www.rfc-editor.org/rfc/rfc3463#section-3.8";

const CLASSES: &str = "https://www.rfc-editor.org/rfc/rfc3463#section-2";

const NULL_MX: &str = "https://www.rfc-editor.org/rfc/rfc7505#section-4";

const AUTHENTICATION: &str = "https://www.rfc-editor.org/rfc/rfc7372#section-3";

const MICROSOFT: &str = "https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online";

const REGISTRY: &str =
    "https://www.iana.org/assignments/smtp-enhanced-status-codes/smtp-enhanced-status-codes.xhtml";

const ALL: (u16, u16) = (0, 999);

const fn code(
    class: u16,
    subject: u16,
    details: (u16, u16),
    words: &'static str,
    means: EmailEventKind,
    page: &'static str,
) -> EnhancedRow {
    EnhancedRow { class, subject, details, words, means, page }
}

/// Enhanced status codes. `X.0.x` has no row but the one for 4: it says no more than the provider does.
pub(super) const ENHANCED: &[EnhancedRow] = &[
    code(0, 2, (2, 2), "", Refused(Refusal::MailboxFull), MAILBOX),
    code(4, 0, ALL, "", SoftBounced, CLASSES),
    code(4, 1, ALL, "", SoftBounced, CLASSES),
    code(4, 2, ALL, "", SoftBounced, CLASSES),
    code(4, 3, ALL, "", SoftBounced, CLASSES),
    code(4, 4, ALL, "", SoftBounced, CLASSES),
    code(4, 5, ALL, "", SoftBounced, CLASSES),
    code(4, 6, ALL, "", SoftBounced, CLASSES),
    code(4, 7, ALL, "", SoftBounced, CLASSES),
    code(5, 1, (2, 2), "", Refused(Refusal::NoMailDomain), ADDRESS),
    code(5, 1, (7, 8), "", Refused(Refusal::Sender), ADDRESS),
    code(5, 1, (10, 10), "", Refused(Refusal::NoMailDomain), NULL_MX),
    code(5, 1, ALL, "", Bounced, ADDRESS),
    code(5, 2, (3, 3), "", Refused(Refusal::TooLarge), MAILBOX),
    code(5, 2, ALL, "", Refused(Refusal::MailboxUnavailable), MAILBOX),
    code(5, 3, (4, 4), "", Refused(Refusal::TooLarge), SYSTEM),
    code(5, 3, ALL, "", SoftBounced, SYSTEM),
    // Exchange Online says so of an address that is not in its directory.
    code(5, 4, (1, 1), "recipient address rejected", Bounced, MICROSOFT),
    code(5, 4, (4, 4), "", Refused(Refusal::NoRoute), NETWORK),
    code(5, 4, (6, 6), "", Refused(Refusal::NoRoute), NETWORK),
    code(5, 4, (7, 7), "", Refused(Refusal::TimedOut), NETWORK),
    code(5, 4, (14, 14), "", Refused(Refusal::NoRoute), MICROSOFT),
    code(5, 4, ALL, "", SoftBounced, NETWORK),
    // Outlook.com says so of a mailbox that does not exist.
    code(5, 5, (0, 0), "mailbox unavailable", Bounced, MICROSOFT),
    code(5, 5, ALL, "", Refused(Refusal::Protocol), PROTOCOL),
    code(5, 6, ALL, "", Refused(Refusal::Content), CONTENT),
    code(5, 7, (20, 27), "", Refused(Refusal::Unauthenticated), AUTHENTICATION),
    code(5, 7, (28, 28), "", SoftBounced, REGISTRY),
    code(5, 7, (509, 509), "", Refused(Refusal::Unauthenticated), MICROSOFT),
    code(5, 7, (515, 515), "", Refused(Refusal::Unauthenticated), MICROSOFT),
    code(5, 7, ALL, "", Refused(Refusal::Policy), SECURITY),
];

/// Words of receiving servers that send no enhanced code, in lower case.
pub(super) const WORDS: &[(&str, EmailEventKind)] = &[
    ("mailbox full", Refused(Refusal::MailboxFull)),
    ("mailbox is full", Refused(Refusal::MailboxFull)),
    ("over quota", Refused(Refusal::MailboxFull)),
    ("quota exceeded", Refused(Refusal::MailboxFull)),
    ("too large", Refused(Refusal::TooLarge)),
    ("size limit", Refused(Refusal::TooLarge)),
    ("maximum message size", Refused(Refusal::TooLarge)),
    ("user unknown", Bounced),
    ("unknown user", Bounced),
    ("no such user", Bounced),
    ("does not exist", Bounced),
    ("doesn't have a", Bounced),
    ("unknown recipient", Bounced),
    ("invalid recipient", Bounced),
    ("spf", Refused(Refusal::Unauthenticated)),
    ("dkim", Refused(Refusal::Unauthenticated)),
    ("dmarc", Refused(Refusal::Unauthenticated)),
    ("spam", Refused(Refusal::Policy)),
    ("blocked", Refused(Refusal::Policy)),
    ("blacklist", Refused(Refusal::Policy)),
    ("blocklist", Refused(Refusal::Policy)),
    ("policy", Refused(Refusal::Policy)),
    ("virus", Refused(Refusal::Content)),
];

/// Basic codes of RFC 5321 and RFC 7504, from and to.
pub(super) const BASIC: &[(u64, u64, EmailEventKind)] = &[
    (400, 499, SoftBounced),
    (500, 504, Refused(Refusal::Protocol)),
    (521, 521, Refused(Refusal::NoMailDomain)),
    (530, 539, Refused(Refusal::Unauthenticated)),
    (550, 551, Bounced),
    (552, 552, Refused(Refusal::MailboxFull)),
    (553, 553, Bounced),
    (554, 554, Refused(Refusal::Policy)),
    (555, 555, Refused(Refusal::Protocol)),
    (556, 556, Refused(Refusal::NoMailDomain)),
];
