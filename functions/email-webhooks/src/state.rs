//! What the webhooks of mail providers need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::FromRef;
use fetch::Fetcher;
use objects::Objects;
use queue::Queue;
use store::Store;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// The store.
    pub store: Store,
    /// Jobs of `email-receiver`.
    pub received: Queue,
    /// Where mail lies until somebody looked at it.
    pub objects: Objects,
    /// Gets the certificates of SNS, and confirms subscriptions.
    pub fetcher: Fetcher,
    /// How to tell providers from others.
    pub settings: Settings,
    /// What was fetched.
    pub certificates: Certificates,
}

/// How to tell providers from others. Without what belongs to a provider, its calls are refused.
#[derive(Clone, Default)]
pub struct Settings {
    /// The topics of SNS that are believed. Others are neither confirmed nor read.
    pub sns_topics: Vec<String>,
    /// Whether signatures of version 1 are accepted, which SHA-1 is part of.
    pub sns_version_1: bool,
    /// Where SNS is, when it is not at the addresses that its messages name.
    pub sns_endpoint: Option<String>,
    /// The public key of SendGrid's signed event webhook.
    pub sendgrid_public_key: Option<String>,
    /// `user:password` in the address of SendGrid's inbound parse webhook.
    pub sendgrid_credentials: Option<String>,
    /// Mailgun's webhook signing key.
    pub mailgun_signing_key: Option<String>,
    /// `user:password` in the address of Postmark's webhooks.
    pub postmark_credentials: Option<String>,
    /// The bucket that SES puts mail into.
    pub bucket: String,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("sns_topics", &self.sns_topics).finish_non_exhaustive()
    }
}

/// Certificates of SNS by their address. There are a handful in a lifetime.
#[derive(Clone, Debug, Default)]
pub struct Certificates(pub(crate) Arc<Mutex<HashMap<String, Bytes>>>);
