//! Calls: stored before they ring, and moved on by what is reported of them.

use domain::address::Address;
use domain::business::InboundRoute;
use domain::call::{Call, CallReport, CallResult};
use domain::channel::{Category, Channel, Direction, Provider, UserType};
use domain::conversation::Effect;
use domain::destination::{Reach, Unreachable};
use domain::id::MessageRef;
use domain::message::Message;
use domain::report::EventOutcome;
use domain::status::Status;
use domain::{Error, Result, StaffId, Timestamp};

use crate::events::of_report;
use crate::inbound::{Arrival, Received};
use crate::item::{s, value};
use crate::messages::Placing;
use crate::sending::moved;
use crate::statuses::Advance;
use crate::{Store, keys};

/// A call that is heard of for the first time.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// Twilio's id of it, as of whoever calls.
    pub sid: String,
    /// Who calls.
    pub from: Address,
    /// Who is called.
    pub to: Address,
    /// The member of the staff who calls; `None` when a client does.
    pub staff: Option<StaffId>,
    /// What is known of it.
    pub result: CallResult,
}

impl Store {
    /// Stores a call as one message, in the conversation with whoever is at the other end, and says where. The same call
    /// again is where it was stored.
    ///
    /// One from a client is unread until it is answered, so that it is seen also when nothing more is reported of it.
    pub async fn take_call(&self, call: NewCall, route: &InboundRoute) -> Result<MessageRef> {
        match self.arrival(call, route, None).await? {
            Ok(at) => Ok(at),
            Err(_) => Err(Error::internal("a call from a client was refused")),
        }
    }

    /// The same for a call that a member of the staff makes. The inner error says why the number is not called; then nothing
    /// is stored.
    pub async fn place_call(
        &self,
        call: NewCall,
        route: &InboundRoute,
        reach: Reach,
    ) -> Result<Result<MessageRef, Unreachable>> {
        self.arrival(call, route, Some(reach)).await
    }

    async fn arrival(
        &self,
        call: NewCall,
        route: &InboundRoute,
        reach: Option<Reach>,
    ) -> Result<Result<MessageRef, Unreachable>> {
        let at = MessageRef {
            business: route.business_id,
            client: self.new_client_id(),
            message: self.new_message_id(),
        };
        let message = message(at, &call, self.clock().now());
        let arrival = Arrival {
            effect: Effect::of(message.direction, message.category, false),
            message,
            route: route.clone(),
            client: None,
            consent: None,
            name: None,
            kept_at: None,
        };
        match self.arrive_or_refuse(arrival, reach).await? {
            Ok(Received::Stored(at)) => return Ok(Ok(at)),
            Ok(Received::Duplicate | Received::Quarantined) => {}
            Err(why) => return Ok(Err(why)),
        }
        let stored = self.placed(Provider::Twilio, &call.sid).await?;
        stored.map(Ok).ok_or_else(|| Error::internal("a call that was stored is nowhere"))
    }

    /// Applies a report to a call, if the rule allows it, and keeps it in the timeline either way. Read, changed, and
    /// written under the condition that nothing changed meanwhile. A call that is answered is read by that.
    pub async fn advance_call(&self, at: MessageRef, report: &CallReport) -> Result<Advance> {
        let mut placing = Placing::begin();
        loop {
            let Some(message) = self.message(at).await? else { return Ok(Advance::Unknown) };
            let Some(before) = message.call else { return Ok(Advance::Unknown) };
            let advanced = match before.after(message.direction, report) {
                Some(after) => self.call_advanced(&message, before, after, report).await?,
                None => Some(self.call_kept(&message, before, report).await?),
            };
            if let Some(advance) = advanced {
                return Ok(advance);
            }
            placing.after_a_look().await?;
        }
    }

    /// Stores what a report makes of a call. `None` when something changed meanwhile.
    async fn call_advanced(
        &self,
        message: &Message,
        before: Call,
        after: Call,
        report: &CallReport,
    ) -> Result<Option<Advance>> {
        let (at, now) = (message.at, self.clock().now());
        let status = match message.direction {
            Direction::Inbound => message.delivery_status,
            Direction::Outbound | Direction::Internal => after.result.status(),
        };
        let mut write = moved(at, status, now)?
            .set("call", value(&after)?)
            .set("provider_status", s(report.word.clone()))
            .if_exists()
            .when("call", "=", value(&before)?)
            .when("is_read", "=", value(&message.is_read)?);
        if matches!(status, Status::Sent | Status::Delivered) {
            write = write.set_once("sent_at", s(now.to_string()));
        }
        if status == Status::Delivered {
            write = write.set_once("delivered_at", s(now.to_string()));
        }
        let mut head = Vec::new();
        if !message.is_read && after.result.is_answered() && !before.result.is_answered() {
            let business = self.business(at.business).await?;
            let shards = business.map(|business| business.inbox_shards).unwrap_or_default();
            let Some(parts) = self.read_by_itself(at, shards).await? else { return Ok(None) };
            head = parts;
            write = write.set("is_read", value(&true)?);
        }
        let kept = report.report(message.direction);
        let event = of_report(&kept, 0, EventOutcome::Applied, None, now);
        let mut parts =
            vec![self.tx_update(keys::message(at), write)?, self.tx_put_report(at, &kept, &event, false)?];
        parts.extend(head);
        Ok(self.transact(parts).await?.is_ok().then_some(Advance::Applied(status)))
    }

    /// Keeps a report that changes nothing of a call.
    async fn call_kept(&self, message: &Message, call: Call, report: &CallReport) -> Result<Advance> {
        let reason =
            format!("the call is {} already, or it says nothing of how far it is", call.result.as_str());
        let (kept, now) = (report.report(message.direction), self.clock().now());
        let fresh = self.put_ignored(message.at, &kept, 0, &reason, now).await?;
        let current = Some(message.delivery_status);
        Ok(if fresh { Advance::Stale(current) } else { Advance::Duplicate(current) })
    }
}

/// The message of a call.
fn message(at: MessageRef, call: &NewCall, now: Timestamp) -> Message {
    let (direction, sender, status) = match call.staff {
        Some(_) => (Direction::Outbound, UserType::Staff, call.result.status()),
        None => (Direction::Inbound, UserType::Client, Status::Received),
    };
    Message {
        at,
        channel: Channel::Voice,
        direction,
        category: Category::Conversation,
        notification_type: None,
        provider: Some(Provider::Twilio),
        sender_type: Some(sender),
        sent_by: None,
        staff_id: call.staff,
        wl_user_id: None,
        request_id: None,
        listed: None,
        external_id: None,
        from_address: call.from.clone(),
        from_reason: None,
        to_address: call.to.clone(),
        body: Default::default(),
        media_urls: Vec::new(),
        mail: None,
        call: Some(Call::new(call.result)),
        recipients: Default::default(),
        delivery_status: status,
        status_rank: status.rank(),
        attempt: 0,
        retries: 0,
        throttled: 0,
        provider_message_id: Some(call.sid.clone()),
        provider_status: None,
        failure: None,
        segments: None,
        sent_at: None,
        created_at: now,
        updated_at: now,
        delivered_at: None,
        send_at: None,
        expires_at: None,
        lease_until: None,
        lost_answer: None,
        is_read: direction == Direction::Outbound,
        read_by: None,
        is_flagged: false,
        provider_metadata: None,
    }
}
