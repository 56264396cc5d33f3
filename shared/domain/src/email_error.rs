//! Meaning of the reports of mail that did not arrive: class, reason, advice, and what becomes of the address.
//!
//! `rows` holds the tables. A report is read in this order:
//! 1. a row of the provider's own words that says exactly what happened, such as SES's `ContentRejected`;
//! 2. the enhanced status code of the receiving server (RFC 3463), where the provider's words are generic;
//! 3. the words and the basic code of the receiving server (RFC 5321), where the provider only says that it gave up;
//! 4. the provider's generic words.

mod rows;

use crate::channel::Provider;
use crate::email_event::EmailEventKind;
use crate::failure::Failure;
use crate::mail_refusal::Refusal;
use rows::{BASIC, ENHANCED, REPORTS, WORDS};
pub use rows::{EnhancedRow, Overruled, ReportRow};

/// What staff can do about a failure of a mail, where its code and reason say more than its class.
pub fn advice(failure: &Failure) -> Option<&'static str> {
    let meanings = Refusal::ALL.into_iter().map(Refusal::meaning);
    let mut same = meanings.filter(|meaning| Some(meaning.code) == failure.code.as_deref());
    same.find(|meaning| meaning.reason == failure.reason).map(|meaning| meaning.advice)
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
