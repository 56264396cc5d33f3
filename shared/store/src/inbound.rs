//! A text from a client: stored once, however often and at however many entrances it arrives.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::business::NumberRoute;
use domain::conversation::Effect;
use domain::id::ClientId;
use domain::job::InboundSms;
use domain::keyword::{self, Keyword};
use domain::message::{Category, Channel, Direction, Message, MessageRef, Provider, UserType};
use domain::phone::{Phone, SmsAddress};
use domain::status::Status;
use domain::{BusinessId, Result, Timestamp};

use crate::clients::ClientView;
use crate::consent::ConsentChange;
use crate::conversations::{Head, Instead, Order, Stranger, instead, larger_id};
use crate::expression::Write;
use crate::item::{encode, s, stamp, until, value};
use crate::messages::Placing;
use crate::{Store, keys};

/// What became of a text from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is stored.
    Stored(MessageRef),
    /// It was stored before.
    Duplicate,
    /// Its number belongs to nobody: kept aside for a person to look at.
    Quarantined,
}

/// How long a text to nobody's number is kept.
const QUARANTINE: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

impl Store {
    /// Stores an inbound text in one transaction: the provider's id (which refuses the same one a second time), the
    /// message, the head of its conversation with one more unread, a new client for an unknown sender, and consent
    /// when the text is a keyword.
    ///
    /// `route` is whom the receiving number leads to; `None` keeps the text aside.
    pub async fn receive(&self, sms: &InboundSms, route: Option<&NumberRoute>) -> Result<Received> {
        let now = self.clock().now();
        let Some(route) = route else {
            return self.quarantine(sms).await;
        };
        let business = route.business_id;
        // What cannot be read as an address is still somebody's message: it is kept aside as well.
        let (Some(from), Some(to)) = (
            SmsAddress::parse(&sms.from.0, route.country).ok(),
            SmsAddress::parse(&sms.to.0, route.country).ok(),
        ) else {
            return self.quarantine(sms).await;
        };
        let consent = self.consent_change(sms, route, &from, &to).await?;
        let mut client: ClientId = self.ids.next(now);
        let mut view = self.sender_of(business, &from).await?;
        let mut provisional = view.is_none();
        let effect = Effect::of(Direction::Inbound, Category::Conversation, false);
        let mut placing = Placing::begin();
        loop {
            client = view.as_ref().map_or(client, |view| view.client.client_id);
            let id = larger_id(view.as_ref(), self.new_message_id());
            let at = MessageRef { business, client, message: id };
            let message = inbound_message(at, sms, &from, &to, now);
            let head = Head::Seen(view.clone().map(Box::new));
            let stranger = Stranger { provisional: true, location: route.location_id };
            let added =
                self.add_message(&message, effect, &head, Order::Newest, (route.inbox_shards, stranger))?;
            let mut parts = vec![
                self.tx_put(
                    {
                        let mut item =
                            encode(keys::provider_message("twilio", &sms.message_sid), "ProviderId", &at)?;
                        item.insert("attempt".to_owned(), value(&0u32)?);
                        item
                    },
                    Write::new().when_absent("message_id"),
                )?,
                self.tx_put_message(&message, None)?,
                self.tx_put_pointer(at)?,
                added.profile,
            ];
            if provisional {
                parts.push(self.tx_insert_address(business, client, &from)?);
            }
            if let Some(change) = &consent {
                parts.push(self.tx_consent_change(business, change, now)?);
            }
            parts.extend(added.rest);
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Received::Stored(at)),
                Err(refused) => refused,
            };
            if refused.failed(0) {
                return Ok(Received::Duplicate);
            }
            if provisional && refused.failed(4) {
                // Another text of the same unknown sender was faster, or the directory: theirs is the client.
                view = self.sender_of(business, &from).await?;
                provisional = view.is_none();
            } else if refused.failed(3) {
                match instead(&mut refused, 3)? {
                    Instead::View(Some(seen)) => view = Some(*seen),
                    Instead::View(None) | Instead::Moved(_) | Instead::Erasing => {
                        client = self.ids.next(now);
                        view = self.sender_of(business, &from).await?;
                        provisional = view.is_none();
                    }
                }
            }
            placing.again().await?;
        }
    }

    /// Who writes from an address. Somebody who is being forgotten, or was, is a stranger when they write again.
    async fn sender_of(&self, business: BusinessId, from: &SmsAddress) -> Result<Option<ClientView>> {
        let Some(known) = self.client_by_address(business, from).await? else { return Ok(None) };
        if let Some(view) = self.client_view(business, known).await? {
            return Ok(Some(view));
        }
        let theirs = Write::new().when("client_id", "=", value(&known)?);
        self.delete(keys::address(business, from), theirs).await?;
        Ok(None)
    }

    /// What a keyword asks for. "Yes" is a word like any other unless the sender opted out, so only it needs a look.
    async fn consent_change(
        &self,
        sms: &InboundSms,
        route: &NumberRoute,
        from: &SmsAddress,
        to: &SmsAddress,
    ) -> Result<Option<ConsentChange>> {
        let said = |opted_out| keyword::parse(&sms.body.0, sms.opt_out_type.as_deref(), opted_out);
        let depends = said(true) != said(false);
        let opted_out = depends && self.is_opted_out(route.business_id, from, to).await?;
        let wants_out = match said(opted_out) {
            Some(Keyword::Stop) => true,
            Some(Keyword::Start) => false,
            Some(Keyword::Help) | None => return Ok(None),
        };
        Ok(Some(ConsentChange {
            address: from.clone(),
            sender: to.clone(),
            opted_out: wants_out,
            evidence: sms.message_sid.clone(),
        }))
    }

    async fn quarantine(&self, sms: &InboundSms) -> Result<Received> {
        let now = self.clock().now();
        let mut item = stamp(keys::quarantined(&sms.to.0, &sms.message_sid), "Quarantined");
        item.insert("received_at".to_owned(), s(now.to_string()));
        item.insert("sms".to_owned(), value(sms)?);
        let fresh = self.put(until(item, now.plus(QUARANTINE)), Write::new().if_new()).await?.is_ok();
        Ok(if fresh { Received::Quarantined } else { Received::Duplicate })
    }

    /// The route of a number as a provider writes it. A process believes what it read for five seconds.
    pub async fn route_of(&self, to: &str) -> Result<Option<NumberRoute>> {
        let Some(phone) = Phone::from_e164(to) else { return Ok(None) };
        let now = self.clock().now();
        if let Some(route) = self.routes.get(to, now) {
            return Ok(Some(route));
        }
        let route = self.number_route(&phone).await?;
        if let Some(route) = &route {
            self.routes.put(to, now, route.clone());
        }
        Ok(route)
    }
}

/// What a process remembers of whom numbers lead to.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<HashMap<String, (Timestamp, NumberRoute)>>);

/// How long it does.
const TRUST: Duration = Duration::from_secs(5);
/// How many numbers.
const MOST: usize = 1_000;

impl Routes {
    fn get(&self, number: &str, now: Timestamp) -> Option<NumberRoute> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, route) = known.get(number)?;
        (now >= *read_at && now.since(*read_at) < TRUST).then(|| route.clone())
    }

    fn put(&self, number: &str, now: Timestamp, route: NumberRoute) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(number.to_owned(), (now, route));
    }
}

fn inbound_message(
    at: MessageRef,
    sms: &InboundSms,
    from: &SmsAddress,
    to: &SmsAddress,
    now: Timestamp,
) -> Message {
    Message {
        at,
        channel: Channel::Sms,
        direction: Direction::Inbound,
        category: Category::Conversation,
        notification_type: None,
        provider: Some(Provider::Twilio),
        sender_type: Some(UserType::Client),
        sent_by: None,
        staff_id: None,
        wl_user_id: None,
        request_id: None,
        external_id: None,
        from_address: from.clone(),
        to_address: to.clone(),
        body: sms.body.clone(),
        media_urls: sms.media_urls.clone(),
        delivery_status: Status::Received,
        status_rank: Status::Received.rank(),
        attempt: 0,
        retries: 0,
        throttled: 0,
        provider_message_id: Some(sms.message_sid.clone()),
        provider_status: Some("received".to_owned()),
        failure: None,
        segments: None,
        sent_at: sms.sent_at.map(|at| at.to_string()),
        created_at: now,
        updated_at: now,
        delivered_at: None,
        send_at: None,
        expires_at: None,
        lease_until: None,
        is_read: false,
        is_flagged: false,
        provider_metadata: None,
    }
}
