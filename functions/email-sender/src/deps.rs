//! What the sender of mail needs.

use fetch::Fetcher;
use objects::Objects;
use outbox::Outbox;
use ses::Mailer;
use signature::token;
use store::Store;

/// What this consumer needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// SES.
    pub mailer: Mailer,
    /// Where attachments are.
    pub objects: Objects,
    /// Gets attachments that are elsewhere.
    pub fetcher: Fetcher,
    /// Queues, for tries that come later.
    pub outbox: Outbox,
    /// What is written into mails so that answers and unsubscribers find back.
    pub links: Links,
}

/// How mails lead back to us.
#[derive(Clone, Debug)]
pub struct Links {
    /// What such links are sealed with.
    pub tokens: token::Keys,
    /// The domain whose mail omega receives. Without one, answers go to the sender.
    pub inbound_domain: Option<String>,
    /// The public origin of the interface, for unsubscribe links.
    pub api_base_url: String,
    /// SES's configuration set: by it SES reports what becomes of a mail.
    pub configuration_set: Option<String>,
}
