//! What came to a number or a mailbox of nobody. It is kept for 30 days. When the number or the mailbox becomes somebody's,
//! it goes the way of any text or mail: docs/adr/0036.
//!
//! Nothing falls between the two. Something is kept aside only under the condition that its number or mailbox leads
//! nowhere, so that whoever claims it first, and looks at what is kept second, sees all of it.

use std::time::Duration;

use domain::address::Address;
use domain::email::Email;
use domain::job::{InboundEmail, InboundSms};
use domain::phone::{Country, Phone};
use domain::{BusinessId, Result, Timestamp};
use serde::Deserialize;

use crate::expression::Write;
use crate::inbound::Received;
use crate::item::{Item, decode, s, stamp, until, value};
use crate::keys::{Key, span};
use crate::merging::key_of;
use crate::{Store, keys};

/// How long something to a number or a mailbox of nobody is kept.
const QUARANTINE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How much is read at a time.
const PAGE: i32 = 50;
/// Texts of one number that are placed at a time.
const MOST_PLACED: usize = 200;
const KIND: &str = "Quarantined";

/// A text that is kept aside, as it is stored.
#[derive(Deserialize)]
struct KeptText {
    received_at: Timestamp,
    sms: InboundSms,
}

/// A mail that is kept aside for a mailbox.
#[derive(Debug)]
pub struct KeptMail {
    /// The mail, with the time since when it is kept.
    pub email: InboundEmail,
    key: Key,
}

impl Store {
    /// Keeps a text aside whose number leads nowhere. If somebody claimed the number meanwhile, the text is theirs.
    pub(crate) async fn keep_aside(&self, sms: &InboundSms) -> Result<Received> {
        let to = Address::delivered(&sms.to.0, Country::default());
        let mut item = self.kept(keys::quarantined(&to, &sms.message_sid));
        item.insert("sms".to_owned(), value(sms)?);
        let leads_nowhere = self.tx_check(keys::number_of(&to), Write::new().if_new())?;
        let parts = vec![self.tx_put(item, Write::new().if_new())?, leads_nowhere];
        let Err(mut refused) = self.transact(parts).await? else { return Ok(Received::Quarantined) };
        match refused.item(1) {
            Some(route) => self.take_in(sms, &decode(route)?, None).await,
            None => Ok(Received::Duplicate),
        }
    }

    /// Stores the texts in their conversations that are kept aside for a number of this business, each at its own time and
    /// once. Returns how many, and whether there may be more.
    ///
    /// A text is removed here after it is stored. A death between the two is made up for: a text that was stored is
    /// recognised by its id.
    pub async fn place_kept_texts(&self, business: BusinessId, phone: &Phone) -> Result<(usize, bool)> {
        let route = self.number_route(phone).await?.filter(|route| route.business_id == business);
        let Some(route) = route else { return Ok((0, false)) };
        let (mut placed, mut next) = (0, None);
        loop {
            let pk = keys::number_pk(&Address::Phone(phone.clone()));
            let (items, more) = self.query_span(pk, span::LOST, Some(PAGE), next).await?;
            for item in items {
                let key = key_of(&item)?;
                // One that cannot be read stays, and keeps no other one waiting.
                let Ok(KeptText { received_at, sms }) = decode(item) else { continue };
                self.take_in(&sms.fitting(), &route, Some(received_at)).await?;
                self.delete(key, Write::new()).await?;
                placed += 1;
            }
            next = more;
            if next.is_none() || placed >= MOST_PLACED {
                return Ok((placed, next.is_some()));
            }
        }
    }

    /// Keeps a mail aside whose mailbox leads nowhere. `None` when somebody claimed the mailbox meanwhile.
    pub async fn keep_mail_aside(
        &self,
        mailbox: &Email,
        digest: &str,
        email: &InboundEmail,
    ) -> Result<Option<Received>> {
        let mut item = self.kept(keys::quarantined_email(mailbox, digest));
        item.insert("email".to_owned(), value(email)?);
        let leads_nowhere = self.tx_check(keys::mailbox(mailbox), Write::new().if_new())?;
        let parts = vec![self.tx_put(item, Write::new().if_new())?, leads_nowhere];
        Ok(match self.transact(parts).await? {
            Ok(()) => Some(Received::Quarantined),
            Err(refused) if refused.failed(1) => None,
            Err(_) => Some(Received::Duplicate),
        })
    }

    /// Keeps aside what came as mail and is none, or names no receiver, for a person to look at.
    pub async fn keep_unreadable_mail(&self, digest: &str, email: &InboundEmail) -> Result<Received> {
        let mut item = self.kept(keys::unreadable_email(digest));
        item.insert("email".to_owned(), value(email)?);
        let fresh = self.put(item, Write::new().if_new()).await?.is_ok();
        Ok(if fresh { Received::Quarantined } else { Received::Duplicate })
    }

    /// Some of the mails that are kept aside for a mailbox of this business.
    pub async fn kept_mails(&self, business: BusinessId, mailbox: &Email) -> Result<Vec<KeptMail>> {
        #[derive(Deserialize)]
        struct Kept {
            received_at: Timestamp,
            email: InboundEmail,
        }
        let route = self.mailbox_route(mailbox).await?.filter(|route| route.business_id == business);
        if route.is_none() {
            return Ok(Vec::new());
        }
        let (items, _) = self.query_span(keys::mailbox_pk(mailbox), span::LOST, Some(PAGE), None).await?;
        let read = |item: Item| {
            let key = key_of(&item)?;
            let Kept { received_at, email } = decode(item)?;
            let received_at = Some(email.received_at.unwrap_or(received_at));
            Ok(KeptMail { email: InboundEmail { received_at, ..email }, key })
        };
        items.into_iter().map(read).collect()
    }

    /// Removes a mail that was kept aside and is on its way.
    pub async fn forget_kept_mail(&self, kept: &KeptMail) -> Result<()> {
        self.delete(kept.key.clone(), Write::new()).await
    }

    fn kept(&self, key: Key) -> Item {
        let now = self.clock().now();
        let mut item = stamp(key, KIND);
        item.insert("received_at".to_owned(), s(now.to_string()));
        until(item, now.plus(QUARANTINE))
    }
}
