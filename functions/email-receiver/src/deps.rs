//! What the receiver of mail needs.

use objects::Objects;
use signature::token;
use store::Store;

/// What this consumer needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// Where mails lie until somebody looked at them, and attachments from then on.
    pub objects: Objects,
    /// The name of that: SES tells where it put a mail, and only what is ours is read.
    pub bucket: String,
    /// What reply addresses are sealed with.
    pub tokens: token::Keys,
    /// The domain whose mail omega receives.
    pub inbound_domain: Option<String>,
}
