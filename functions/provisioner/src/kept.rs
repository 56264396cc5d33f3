//! Hands a business what came to its numbers and its mailbox before they were its own.

use domain::Result;
use domain::business::Business;
use domain::job::{Job, Work};

use crate::Deps;

/// Pages of mails in one job.
const PAGES: usize = 10;

/// Stores the texts that are kept aside for the numbers of a business, and queues the mails that are kept for its mailbox.
/// Returns whether more are left for another job.
///
/// Everything is removed after it is stored or queued. A job that is done again finds what is left, and what was stored
/// before is recognised.
pub(crate) async fn place(deps: &Deps, business: &Business, correlation: &str) -> Result<bool> {
    let id = business.business_id;
    for number in &business.phone_numbers {
        let (placed, left) = deps.store.place_kept_texts(id, &number.phone).await?;
        if placed > 0 {
            tracing::info!(business.id = id.get(), texts = placed, "texts that were kept aside are placed");
        }
        if left {
            return Ok(true);
        }
    }
    let Some(mailbox) = &business.from_email else { return Ok(false) };
    for _ in 0..PAGES {
        let kept = deps.store.kept_mails(id, mailbox).await?;
        if kept.is_empty() {
            return Ok(false);
        }
        let job = |email| Job::new(correlation, Work::ReceiveEmail(email));
        let jobs: Vec<Job> = kept.iter().map(|kept| job(kept.email.clone())).collect();
        deps.received.send(&jobs).await?;
        for mail in &kept {
            deps.store.forget_kept_mail(mail).await?;
        }
        tracing::info!(business.id = id.get(), mails = kept.len(), "mails that were kept aside are queued");
    }
    Ok(true)
}
