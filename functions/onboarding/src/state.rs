//! What onboarding needs.

use axum::extract::FromRef;
use queue::Queue;
use web::Edge;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, their answers, and the store.
    pub edge: Edge,
    /// Jobs of the provisioner, which does what is to do at Twilio and SES.
    pub queue: Queue,
    /// Whose numbers are used.
    pub account: TwilioAccount,
}

/// The Twilio account whose numbers are used.
#[derive(Clone, Debug)]
pub struct TwilioAccount(pub String);
