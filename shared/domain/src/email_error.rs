//! Meaning of the reports of mail that did not arrive: class, reason, advice, and what becomes of the address.
//!
//! `rows` holds the tables. A report is read in this order:
//! 1. a row of the provider's own words that says exactly what happened, such as SES's `ContentRejected`;
//! 2. the enhanced status code of the receiving server (RFC 3463), where the provider's words are generic;
//! 3. the words and the basic code of the receiving server (RFC 5321), where the provider only says that it gave up;
//! 4. the provider's generic words.

mod rows;

use serde::{Deserialize, Serialize};

use crate::delivery::{ErrorClass, Failure};
use crate::email_event::{EmailEventKind, SOFT_BOUNCE};
use crate::message::Provider;
use rows::{BASIC, ENHANCED, REPORTS, WORDS};

/// Why a mail was refused by the receiving server or by a filter, where the mailbox may be in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The mailbox is full.
    MailboxFull,
    /// The mailbox takes no mail at the moment, or is disabled.
    MailboxUnavailable,
    /// No server can be found for the domain of the address.
    NoRoute,
    /// The domain of the address takes no mail at all.
    NoMailDomain,
    /// The mail is too large.
    TooLarge,
    /// The content was refused.
    Content,
    /// An attachment was refused.
    Attachment,
    /// A rule of the receiving server refuses it: a filter, a block list, a restricted group.
    Policy,
    /// The sender's domain does not prove that the mail is its own (SPF, DKIM, DMARC).
    Unauthenticated,
    /// The address of the sender is refused.
    Sender,
    /// The two servers do not understand each other.
    Protocol,
    /// The time for delivery ran out.
    TimedOut,
}

/// Meaning of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The code that is shown with the message.
    pub code: &'static str,
    /// Its class. Decides whether it is tried again by itself and whether a person may try it again.
    pub class: ErrorClass,
    /// What happened, for staff.
    pub reason: &'static str,
    /// What staff can do now.
    pub advice: &'static str,
}

impl Refusal {
    /// Its meaning.
    pub fn meaning(self) -> Meaning {
        let (code, class, reason, advice) = match self {
            Refusal::MailboxFull => (
                SOFT_BOUNCE,
                ErrorClass::Transient,
                "The mailbox is full.",
                "Try again later, or ask the client to make room in the mailbox.",
            ),
            Refusal::MailboxUnavailable => (
                "mailbox_unavailable",
                ErrorClass::Address,
                "The mailbox exists or existed, and accepts no mail.",
                "Ask the client whether the mailbox is still in use, or for another address.",
            ),
            Refusal::NoRoute => (
                "no_route",
                ErrorClass::Address,
                "No mail server was found for the domain of the address.",
                "Check the part of the address after the @ with the client.",
            ),
            Refusal::NoMailDomain => (
                "bounce",
                ErrorClass::Address,
                "The domain of the address accepts no mail.",
                "Check the part of the address after the @ with the client.",
            ),
            Refusal::TooLarge => (
                "message_too_large",
                ErrorClass::Content,
                "The mail is larger than the receiving server accepts.",
                "Send it with smaller attachments, or send links to the files.",
            ),
            Refusal::Content => (
                "content_rejected",
                ErrorClass::Content,
                "The receiving server refused the content of the mail.",
                "Change the wording and the links, and send it as a new message.",
            ),
            Refusal::Attachment => (
                "attachment_rejected",
                ErrorClass::Content,
                "The receiving server refused an attachment.",
                "Send it without the attachment, or with the file in another format.",
            ),
            Refusal::Policy => (
                "refused_by_policy",
                ErrorClass::Content,
                "A rule of the receiving server refused the mail: a spam filter, a block list, or a closed group.",
                "Change the wording, or reach the client another way. An administrator can check the reputation of the domain.",
            ),
            Refusal::Unauthenticated => (
                "sender_not_authenticated",
                ErrorClass::Configuration,
                "The receiving server could not verify that the mail is from your domain.",
                "Ask an administrator to check SPF, DKIM and DMARC of the domain, then try again.",
            ),
            Refusal::Sender => (
                "sender_refused",
                ErrorClass::Configuration,
                "The receiving server refused the address of the sender.",
                "Ask an administrator to check the sender address, then try again.",
            ),
            Refusal::Protocol => (
                "protocol_error",
                ErrorClass::Configuration,
                "The receiving server did not accept how the mail was handed over.",
                "Try again later. If it fails again, ask an administrator to contact the mail provider.",
            ),
            Refusal::TimedOut => (
                "delivery_timed_out",
                ErrorClass::Expiry,
                "The receiving server did not take the mail in the time that was allowed.",
                "Send it again if it still matters.",
            ),
        };
        Meaning { code, class, reason, advice }
    }

    /// Whether no mail can ever arrive at the address.
    pub fn is_for_good(self) -> bool {
        self == Refusal::NoMailDomain
    }

    /// Every refusal.
    pub const ALL: [Refusal; 12] = [
        Refusal::MailboxFull,
        Refusal::MailboxUnavailable,
        Refusal::NoRoute,
        Refusal::NoMailDomain,
        Refusal::TooLarge,
        Refusal::Content,
        Refusal::Attachment,
        Refusal::Policy,
        Refusal::Unauthenticated,
        Refusal::Sender,
        Refusal::Protocol,
        Refusal::TimedOut,
    ];
}

/// What staff can do about a failure of a mail, where its code and reason say more than its class.
pub fn advice(failure: &Failure) -> Option<&'static str> {
    let meanings = Refusal::ALL.into_iter().map(Refusal::meaning);
    let mut same = meanings.filter(|meaning| Some(meaning.code) == failure.code.as_deref());
    same.find(|meaning| meaning.reason == failure.reason).map(|meaning| meaning.advice)
}

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

/// What a receiving server said, as a provider hands it on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// Its words: `smtp; 550 5.1.1 user unknown`.
    pub text: Option<&'a str>,
    /// The enhanced status code that the provider shows apart: `5.1.1`.
    pub enhanced: Option<&'a str>,
    /// The basic code that the provider shows apart: 550.
    pub basic: Option<u64>,
}

/// What a provider's words mean, given what the receiving server said. `None` for words without a row.
pub fn meaning(provider: Provider, words: [Option<&str>; 3], said: Said<'_>) -> Option<EmailEventKind> {
    let row = REPORTS.iter().find(|row| row.provider == provider && row.fits(words))?;
    Some(match row.overruled {
        Overruled::Never => row.means,
        Overruled::ByEnhancedCode => by_enhanced(said).unwrap_or(row.means),
        Overruled::ByAnyCode => by_enhanced(said).or_else(|| by_basic(said)).unwrap_or(row.means),
    })
}

impl ReportRow {
    fn fits(&self, given: [Option<&str>; 3]) -> bool {
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
    fn fits(&self, (class, subject, detail): (u16, u16, u16), text: &str) -> bool {
        (self.class == 0 || self.class == class)
            && self.subject == subject
            && (self.details.0..=self.details.1).contains(&detail)
            && text.contains(self.words)
    }
}

/// Meaning of an enhanced status code: the first row that fits. Codes of a class and subject without a row of their own
/// fit the last row of it.
fn by_enhanced(said: Said<'_>) -> Option<EmailEventKind> {
    let text = said.text.unwrap_or_default();
    let apart = || said.enhanced.and_then(enhanced_in);
    // A provider's `5.0.0` says no more than that it failed.
    let code = enhanced_in(text).filter(|code| code.1 != 0).or_else(apart)?;
    let text = text.to_lowercase();
    ENHANCED.iter().find(|row| row.fits(code, &text)).map(|row| row.means)
}

/// Meaning of the words of a receiving server, or else of its basic code.
fn by_basic(said: Said<'_>) -> Option<EmailEventKind> {
    let text = said.text.unwrap_or_default().to_lowercase();
    let words = WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, means)| *means);
    let code = said.basic.or_else(|| basic_in(&text));
    words.or_else(|| {
        let range =
            BASIC.iter().find(|(first, last, _)| code.is_some_and(|code| (*first..=*last).contains(&code)));
        range.map(|(_, _, means)| *means)
    })
}

/// The first enhanced status code in a text. Addresses of computers and versions of programs are none.
fn enhanced_in(text: &str) -> Option<(u16, u16, u16)> {
    let tokens = text.split(|c: char| !(c.is_alphanumeric() || c == '.'));
    tokens.map(|token| token.trim_end_matches('.')).find_map(|token| {
        let mut parts = token.split('.').map(|part| {
            let digits = !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        });
        let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
        let is_code = parts.next().is_none() && matches!(class, 4 | 5) && subject <= 7;
        is_code.then_some((class, subject, detail))
    })
}

/// The basic code that a text begins with: `550 user unknown`, `smtp; 550-user unknown`.
fn basic_in(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let text = text.strip_prefix("smtp;").unwrap_or(text).trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..digits)?.parse().ok().filter(|code| (400..600).contains(code))
}

#[cfg(test)]
mod tests;
