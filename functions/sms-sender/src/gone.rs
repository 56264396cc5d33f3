//! Jobs whose message was erased meanwhile.

use domain::id::MessageRef;

/// A message that is not there was erased with its client, and its job has nothing left to do. Nothing else ever deletes
/// one, so that it is worth a line in the log.
pub(crate) fn gone(at: MessageRef) {
    tracing::warn!(message.id = at.message.get(), metric = "job_without_message", "the message is gone");
}
