//! What the sender of texts needs.

use outbox::Outbox;
use store::Store;

/// What this consumer needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// Twilio.
    pub twilio: twilio::Client,
    /// Queues, for tries that come later and for texts that were missed.
    pub outbox: Outbox,
}
