//! Applies reports to the messages that they are about.

use domain::Result;
use domain::email_event::EmailEvent;
use futures_util::{StreamExt, TryStreamExt, stream};
use store::Store;
use store::statuses::Advance;

/// Events of one call that are worked on at the same time.
const CONCURRENT: usize = 16;

/// # Errors
/// Trouble of ours with one of them: the provider posts all of them again.
pub(crate) async fn apply(store: &Store, events: Vec<EmailEvent>) -> Result<()> {
    let one = |event: EmailEvent| async move {
        let advance = store.report_email(&event).await?;
        let (provider, word) = (event.provider.as_str(), event.word.as_str());
        match advance {
            Advance::Applied(status) => {
                tracing::info!(provider, status = status.as_str(), "report applied");
            }
            Advance::Stale(_) => tracing::info!(provider, word, "report was late or is no status"),
            Advance::Duplicate(_) => {
                tracing::info!(provider, metric = "duplicate_dropped", "report was here")
            }
            Advance::Unknown => tracing::info!(provider, word, "report about a mail that is not known"),
        }
        Ok(())
    };
    stream::iter(events).map(one).buffer_unordered(CONCURRENT).try_collect().await
}
