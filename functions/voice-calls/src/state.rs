//! What calls need, and the addresses at which Twilio asks on.

use axum::extract::FromRef;
use domain::id::MessageRef;
use domain::webhook::OF_A_MESSAGE;
use signature::voice_token::Keys;
use web::Edge;
use web::twilio::Settings;

use crate::asked::Step;

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct State {
    /// Callers, and the store.
    pub edge: Edge,
    /// What tells Twilio from anybody else.
    pub webhook: Settings,
    /// What calls need besides.
    pub voice: Voice,
}

/// What calls need.
#[derive(Clone, Debug)]
pub struct Voice {
    /// What tokens are made with. `None` where calling from a browser is not set up.
    pub keys: Option<Keys>,
    /// The origin at which Twilio reaches this function.
    pub base_url: String,
    /// The origin at which it reaches the webhooks.
    pub webhooks_base_url: String,
}

impl Voice {
    /// Where Twilio reports what becomes of whoever is called.
    pub(crate) fn status_url(&self, at: MessageRef) -> String {
        format!("{}/omega/twilio/voice/status?{}{OF_A_MESSAGE}", self.webhooks_base_url, ids(at))
    }

    /// Where Twilio asks what to do when they are not on the phone any more.
    pub(crate) fn action_url(&self, at: MessageRef, step: Step) -> String {
        let step = step.as_str();
        format!("{}/omega/voice-calls/twiml?{}&step={step}{OF_A_MESSAGE}", self.base_url, ids(at))
    }
}

/// Our ids, for an address: Twilio signs it, so that they come back as they were.
fn ids(at: MessageRef) -> String {
    format!("business={}&client={}&message={}", at.business, at.client, at.message)
}
