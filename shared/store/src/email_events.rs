//! What mail providers report, as far as the table is concerned.

use domain::channel::{Channel, Provider};
use domain::email::Email;
use domain::email_event::{EmailEvent, EmailEventKind};
use domain::id::MessageRef;
use domain::report::Report;
use domain::{Result, Timestamp};

use crate::consent::ConsentChange;
use crate::expression::Write;
use crate::item::{s, stamp, until};
use crate::provider_ids::Placed;
use crate::statuses::Advance;
use crate::{Store, keys};

impl Store {
    /// Binds a token that a provider signed to the digest of the body that it came with, until `end`. `false` when the
    /// token came with another body before.
    pub async fn bind_token(
        &self,
        provider: Provider,
        token: &str,
        digest: &str,
        end: Timestamp,
    ) -> Result<bool> {
        let mut item = until(stamp(keys::signed_token(provider, token), "SignedToken"), end);
        item.insert("digest".to_owned(), s(digest));
        Ok(self.put(item, Write::new().when_absent_or("digest", "=", s(digest))).await?.is_ok())
    }

    /// Applies one event to the mail it is about and to the addresses it is about. An event of a mail that nobody knows
    /// yet waits for a quarter of an hour. However often and in whatever order events come, the end is the same.
    pub async fn report_email(&self, event: &EmailEvent) -> Result<Advance> {
        let event = &event.fitting();
        let Some((at, attempt)) = self.place_email(event).await? else { return Ok(Advance::Unknown) };
        let mut last = Advance::Unknown;
        for report in Report::from_email_event(event, Some(attempt)) {
            let about = report.recipient.as_ref().or(event.recipients.first());
            let consent = self.consent_by(event, at, about)?;
            let advance = self.advance(at, Channel::Email, &report, consent.as_ref()).await?;
            if advance == Advance::Unknown
                && let Some(ConsentChange::Mail(change)) = &consent
            {
                // The client is forgotten; what their mailbox said is not.
                self.suppress(at.business, change).await?;
            }
            // Of several copies the one that changed something is worth telling.
            if !matches!(last, Advance::Applied(_)) {
                last = advance;
            }
        }
        Ok(last)
    }

    /// The mail that an event is about, and the attempt.
    async fn place_email(&self, event: &EmailEvent) -> Result<Option<(MessageRef, u32)>> {
        if event.ours.is_some() {
            return Ok(event.ours);
        }
        let Some(id) = &event.provider_message_id else { return Ok(None) };
        // One that waits is about copies: how many there are is known when the mail is.
        let waiting = EmailEvent { addressed: None, ..event.clone() };
        for report in Report::from_email_event(&waiting, None) {
            if let Placed::Found(at, attempt) =
                self.place_event(event.provider, id, &report, Some(event.kind)).await?
            {
                return Ok(Some((at, attempt)));
            }
        }
        Ok(None)
    }

    /// What an event says of the address of a copy.
    fn consent_by(
        &self,
        event: &EmailEvent,
        at: MessageRef,
        about: Option<&Email>,
    ) -> Result<Option<ConsentChange>> {
        let (Some(suppression), Some(email)) = (event.kind.suppression(), about) else { return Ok(None) };
        let evidence = match &event.provider_message_id {
            Some(id) => format!("{} {id}", event.provider.as_str()),
            None => format!("{} {}", event.provider.as_str(), at.message),
        };
        self.mail_consent(email, suppression, evidence).map(Some)
    }

    /// The same for a report that waited under the provider's id of its mail.
    pub(crate) fn consent_by_parked(
        &self,
        id: &str,
        report: &Report,
        kind: Option<EmailEventKind>,
    ) -> Result<Option<ConsentChange>> {
        let suppression = kind.and_then(EmailEventKind::suppression);
        let (Some(suppression), Some(email)) = (suppression, &report.recipient) else { return Ok(None) };
        let evidence = format!("reported about {id} before that was recorded");
        self.mail_consent(email, suppression, evidence).map(Some)
    }
}
