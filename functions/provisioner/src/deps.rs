//! What the provisioner needs, and where Twilio reaches omega.

use domain::webhook::OF_A_NUMBER;
use outbox::Outbox;
use queue::Queue;
use ses::Mailer;
use store::Store;
use twilio::{Hook, Hooks};

/// What this consumer needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// Twilio.
    pub twilio: twilio::Client,
    /// SES.
    pub mailer: Mailer,
    /// The way to the sender of texts.
    pub outbox: Outbox,
    /// Mails to be received.
    pub received: Queue,
    /// Where Twilio is to call.
    pub origins: Origins,
}

/// Where omega is, as Twilio reaches it.
#[derive(Clone, Debug)]
pub struct Origins {
    /// Of the webhooks.
    pub public: String,
    /// Of what is asked about calls. `None` where omega takes no calls: each number keeps what is set for them.
    pub voice: Option<String>,
    /// Of the fallback.
    pub fallback: String,
}

impl Origins {
    /// Where Twilio calls for each number.
    pub(crate) fn hooks(&self) -> Hooks {
        let Origins { public, voice, fallback } = self;
        Hooks {
            sms: Hook::post(format!("{public}/omega/twilio/sms/reply{OF_A_NUMBER}")),
            sms_fallback: Hook::post(format!("{fallback}/omega/twilio/sms/reply")),
            voice: voice
                .as_ref()
                .map(|voice| Hook::post(format!("{voice}/omega/voice-calls/twiml{OF_A_NUMBER}"))),
            // Without the other it would make a missed call of each call that somebody else answered.
            voice_status: voice
                .as_ref()
                .map(|_| Hook::post(format!("{public}/omega/twilio/voice/status{OF_A_NUMBER}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(voice: Option<&str>) -> Hooks {
        let [public, fallback] =
            ["https://hooks.example.com", "https://fallback.example.com"].map(str::to_owned);
        Origins { public, voice: voice.map(str::to_owned), fallback }.hooks()
    }

    #[test]
    fn a_number_is_sent_to_omega_for_calls_only_where_omega_takes_calls() {
        let without = hooks(None);
        assert_eq!((without.voice, without.voice_status), (None, None));
        let with = hooks(Some("https://api.example.com"));
        let url = |hook: Option<Hook>| hook.map(|hook| hook.url).unwrap_or_default();
        assert!(url(with.voice).starts_with("https://api.example.com/omega/voice-calls/twiml#"));
        assert!(url(with.voice_status).starts_with("https://hooks.example.com/omega/twilio/voice/status#"));
    }
}
