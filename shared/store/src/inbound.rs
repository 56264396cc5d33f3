//! A message that nobody here sent: from a client, or a call. Stored once, however often and at however many entrances it
//! arrives.

use domain::address::Address;
use domain::business::InboundRoute;
use domain::channel::{Category, Channel, Direction, Provider, UserType};
use domain::conversation::Effect;
use domain::destination::{Reach, Unreachable};
use domain::email::Email;
use domain::id::ClientId;
use domain::id::MessageRef;
use domain::job::InboundSms;
use domain::keyword::{self, Keyword};
use domain::message::Message;
use domain::phone::Country;
use domain::status::Status;
use domain::{BusinessId, Error, MessageId, Result, Timestamp};

use crate::clients::{ClientView, client_in};
use crate::consent::{ConsentChange, Heard, TextConsent};
use crate::conversations::{Head, Instead, Order, Stranger, instead, is_unproven, larger_id};
use crate::expression::Write;
use crate::item::{encode, value};
use crate::messages::Placing;
use crate::reach::{closed, has_written};
use crate::{Store, keys};

/// What became of a message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is stored.
    Stored(MessageRef),
    /// It was stored before.
    Duplicate,
    /// Its number belongs to nobody: kept aside until the number is somebody's.
    Quarantined,
}

/// A message from a client, or a call with one, on its way into their conversation.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The message. Its client and id are chosen when it is stored.
    pub message: Message,
    /// The business, as the address that was written to tells.
    pub route: InboundRoute,
    /// Whose conversation it belongs to, whoever it is with, where that is known.
    pub client: Option<ClientId>,
    /// What it does to the conversation.
    pub effect: Effect,
    /// What it says of consent.
    pub consent: Option<ConsentChange>,
    /// What a stranger whom it is with is called.
    pub name: Option<String>,
    /// When it came, if it was kept aside since. Its place in the conversation is then, not now.
    pub kept_at: Option<Timestamp>,
}

impl Store {
    /// Stores an inbound text. `route` is whom the receiving number leads to; `None` keeps the text aside.
    pub async fn receive(&self, sms: &InboundSms, route: Option<&InboundRoute>) -> Result<Received> {
        match route {
            Some(route) => self.take_in(sms, route, None).await,
            None => self.keep_aside(sms).await,
        }
    }

    /// Stores a text in its conversation. Addresses are taken as they were delivered.
    pub(crate) async fn take_in(
        &self,
        sms: &InboundSms,
        route: &InboundRoute,
        kept_at: Option<Timestamp>,
    ) -> Result<Received> {
        let from = Address::delivered(&sms.from.0, route.country);
        let to = Address::delivered(&sms.to.0, route.country);
        let consent = self.consent_change(sms, route, &from, &to).await?;
        let now = self.clock().now();
        let at = MessageRef {
            business: route.business_id,
            client: self.new_client_id(),
            message: self.new_message_id(),
        };
        let mut message = inbound_message(at, sms, &from, &to, now);
        message.created_at = kept_at.unwrap_or(now);
        message.is_read = consent.is_some();
        let effect = match consent {
            Some(_) => Effect::CONSENT_WORD,
            None => Effect::of(Direction::Inbound, Category::Conversation, false),
        };
        let kept_at = kept_at.map(|kept_at| sms.sent_at.unwrap_or(kept_at).min(kept_at));
        let route = route.clone();
        self.arrive(Arrival { message, route, client: None, effect, consent, name: None, kept_at }).await
    }

    /// Stores a message that arrives, or a call, in one transaction: the provider's id (which refuses the same one a second
    /// time), the message, the head of its conversation, a new client for an unknown address, and what it says of
    /// consent.
    pub async fn arrive(&self, arrival: Arrival) -> Result<Received> {
        match self.arrive_or_refuse(arrival, None).await? {
            Ok(received) => Ok(received),
            Err(_) => Err(Error::internal("what arrives was refused as if it were sent")),
        }
    }

    /// The same for a call that staff make: `reach` is how far the number is open to the business. The inner error says why
    /// it is not called; then nothing is stored.
    pub(crate) async fn arrive_or_refuse(
        &self,
        arrival: Arrival,
        reach: Option<Reach>,
    ) -> Result<Result<Received, Unreachable>> {
        let Arrival { mut message, route, client: known, effect, mut consent, name, kept_at } = arrival;
        let mut place = kept_at.map(|at| MessageId::at(at, 0));
        let (business, now) = (route.business_id, self.clock().now());
        let address = message.client_address().clone();
        let provider_id = message.provider_message_id.clone();
        let provider_id = provider_id.ok_or_else(|| Error::internal("what arrives has no id"))?;
        let mut client: ClientId = message.at.client;
        let mut view = match known {
            Some(known) => self.client_view(business, known).await?,
            None => None,
        };
        // Who writes into the conversation of another is not that other from now on.
        let led_here = view.is_some();
        let writer = Writer { address: &address, is_proven: !is_unproven(&message) };
        let mut has_written = led_here;
        if !led_here {
            (view, has_written) = self.sender_of(business, writer).await?;
        }
        // A caller is no writer: the number that a call shows is forged more easily, so that somebody calls back.
        let is_text = (message.channel, message.direction) == (Channel::Sms, Direction::Inbound);
        let mut provisional = view.is_none();
        let was_read = message.is_read;
        let mut placing = Placing::begin();
        loop {
            client = view.as_ref().map_or(client, |view| view.client.client_id);
            let id = place.unwrap_or_else(|| larger_id(view.as_ref(), self.new_message_id()));
            let order = if place.is_some() { order_of(view.as_ref(), id) } else { Order::Newest };
            let at = MessageRef { business, client, message: id };
            message.at = at;
            let is_blocked = message.direction == Direction::Inbound
                && view.as_ref().is_some_and(|view| view.client.is_blocked(message.channel));
            message.is_read = was_read || is_blocked;
            let effect = match view.as_ref().and_then(|view| view.conversation.as_ref()) {
                _ if is_blocked => Effect { opens: effect.opens, ..Effect::NONE },
                Some(head) if message.channel == Channel::Email && !head.mail_may_reopen(now) => {
                    Effect { reopens: false, ..effect }
                }
                _ => effect,
            };
            let head = Head::Seen(view.clone().map(Box::new));
            let stranger = Stranger { provisional: true, location: route.location_id, name: name.clone() };
            let added = self.add_message(&message, effect, &head, order, (route.inbox_shards, stranger))?;
            let mut item =
                encode(keys::provider_message(message.provider_of_id(), &provider_id), "ProviderId", &at)?;
            item.insert("attempt".to_owned(), value(&0u32)?);
            let mut parts = vec![
                self.tx_put(item, Write::new().when_absent("message_id"))?,
                self.tx_put_message(&message, None)?,
                self.tx_put_pointer(at)?,
                added.profile,
            ];
            let first_text = is_text && !has_written;
            let wrote = if first_text { Write::new().wrote(now) } else { Write::new() };
            if provisional {
                parts.push(if writer.is_proven {
                    self.tx_insert_address(business, client, &address, wrote)?
                } else {
                    self.tx_insert_unproven(business, client, &address)?
                });
            } else if first_text {
                parts.push(self.tx_update(keys::address(business, &address), wrote.if_exists())?);
            }
            let consent_part = parts.len();
            if let Some(change) = &consent {
                parts.push(match kept_at {
                    Some(said_at) => self.tx_earlier_consent_change(business, change, said_at)?,
                    None => self.tx_consent_change(business, change, now)?,
                });
            }
            let count_part = parts.len();
            if let Some(reach) = reach {
                if reach != Reach::Allowed && !has_written {
                    return Ok(Err(closed(reach)));
                }
                parts.extend(self.tx_count_in_hour(business, &address, now)?);
            }
            parts.extend(added.rest);
            let mut refused = match self.transact(parts).await? {
                Ok(()) => return Ok(Ok(Received::Stored(at))),
                Err(refused) => refused,
            };
            if refused.failed(0) {
                return Ok(Ok(Received::Duplicate));
            }
            if reach.is_some() && refused.failed(count_part) {
                return Ok(Err(Unreachable::TooOften));
            }
            if refused.failed(1) || refused.failed(2) {
                place = place.map(MessageId::next);
            }
            if kept_at.is_some() && consent.is_some() && refused.failed(consent_part) {
                // The sender said something else since.
                consent = None;
            }
            if (provisional || first_text) && refused.failed(4) {
                // Another message of the same unknown sender was faster, or the directory: theirs is the client. Or the
                // address leads to nobody any more.
                (view, has_written) = self.sender_of(business, writer).await?;
                provisional = view.is_none();
            } else if refused.failed(3) {
                match instead(&mut refused, 3)? {
                    Instead::View(Some(seen)) if led_here || writer.may_be(&seen) => view = Some(*seen),
                    Instead::Moved(to) if led_here => {
                        view = self.client_view(business, to).await?;
                        provisional = view.is_none();
                    }
                    Instead::View(_) | Instead::Moved(_) | Instead::Erasing => {
                        client = self.ids.next(now);
                        (view, has_written) = self.sender_of(business, writer).await?;
                        provisional = view.is_none();
                    }
                }
            }
            placing.again().await?;
        }
    }

    /// Whom a mailbox leads to. A process believes what it read for five seconds.
    pub async fn route_of_mailbox(&self, mailbox: &Email) -> Result<Option<InboundRoute>> {
        let now = self.clock().now();
        if let Some(route) = self.routes.get(&mailbox.key(), now) {
            return Ok(Some(route));
        }
        let route = self.mailbox_route(mailbox).await?;
        if let Some(route) = &route {
            self.routes.put(mailbox.key().to_string(), now, route.clone());
        }
        Ok(route)
    }

    /// Whose message it is by its sender alone, and whether a text came from there. Somebody who is being forgotten, or
    /// was, is a stranger when they write again. So is the writer of mail that proves no sender, once the directory named
    /// the client it was kept with.
    async fn sender_of(
        &self,
        business: BusinessId,
        writer: Writer<'_>,
    ) -> Result<(Option<ClientView>, bool)> {
        let key = writer.key(business);
        let Some(item) = self.get(key.clone(), true).await? else { return Ok((None, false)) };
        let known = client_in(&item)?;
        if let Some(view) = self.client_view(business, known).await?.filter(|view| writer.may_be(view)) {
            return Ok((Some(view), has_written(&item)));
        }
        let theirs = Write::new().when("client_id", "=", value(&known)?);
        self.delete(key, theirs).await?;
        Ok((None, false))
    }

    /// What a keyword asks for. "Yes" is a word like any other unless the sender opted out, so only it needs a look.
    async fn consent_change(
        &self,
        sms: &InboundSms,
        route: &InboundRoute,
        from: &Address,
        to: &Address,
    ) -> Result<Option<ConsentChange>> {
        let said = |opted_out| keyword::parse(&sms.body.0, sms.opt_out_type.as_deref(), opted_out);
        let depends = said(true) != said(false);
        let opted_out = depends && self.is_opted_out(route.business_id, from).await?;
        let heard = match said(opted_out) {
            Some(Keyword::Stop) => Heard::Stop,
            Some(Keyword::Start) => Heard::Start,
            Some(Keyword::Help) | None => return Ok(None),
        };
        Ok(Some(ConsentChange::Texts(TextConsent {
            address: from.clone(),
            sender: to.clone(),
            heard,
            evidence: sms.message_sid.clone(),
        })))
    }

    /// The route of a number as a provider writes it. A process believes what it read for five seconds.
    pub async fn route_of(&self, to: &str) -> Result<Option<InboundRoute>> {
        let Address::Phone(phone) = Address::delivered(to, Country::default()) else { return Ok(None) };
        let now = self.clock().now();
        if let Some(route) = self.routes.get(phone.as_str(), now) {
            return Ok(Some(route));
        }
        let route = self.number_route(&phone).await?;
        if let Some(route) = &route {
            self.routes.put(phone.as_str().to_owned(), now, route.clone());
        }
        Ok(route)
    }
}

/// Who wrote a message, as far as the message shows.
#[derive(Clone, Copy, Debug)]
struct Writer<'a> {
    address: &'a Address,
    is_proven: bool,
}

impl Writer<'_> {
    /// Where a client is found by this writer alone.
    fn key(self, business: BusinessId) -> keys::Key {
        if self.is_proven {
            keys::address(business, self.address)
        } else {
            keys::unproven_sender(business, self.address)
        }
    }

    /// Whether a client can be found by this writer alone. A writer who is not proven is nobody whom the directory knows.
    fn may_be(self, view: &ClientView) -> bool {
        self.is_proven || view.client.unproven
    }
}

/// Where a message that comes late stands in a conversation.
fn order_of(view: Option<&ClientView>, id: MessageId) -> Order {
    let shown = view.and_then(|view| view.head()?.last_message_id);
    if shown.is_some_and(|shown| shown >= id) { Order::Hidden } else { Order::Shown }
}

fn inbound_message(
    at: MessageRef,
    sms: &InboundSms,
    from: &Address,
    to: &Address,
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
        listed: None,
        external_id: None,
        from_address: from.clone(),
        from_reason: None,
        to_address: to.clone(),
        body: sms.body.clone(),
        media_urls: sms.media_urls.clone(),
        mail: None,
        call: None,
        recipients: Default::default(),
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
        lost_answer: None,
        is_read: false,
        read_by: None,
        is_flagged: false,
        provider_metadata: None,
    }
}
