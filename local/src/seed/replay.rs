//! Makes a plan come true in an empty table, through the store that every function uses: as if it had happened then.
//! Nothing is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_types::SdkConfig;
use domain::access::Acting;
use domain::actor::Actor;
use domain::address::Address;
use domain::channel::{Category, Direction, Provider, UserType};
use domain::content::Text;
use domain::conversation::Cause;
use domain::destination::Reach;
use domain::draft::{Draft, Envelope};
use domain::failure::{ErrorClass, Failure};
use domain::id::MessageRef;
use domain::job::{InboundSms, Recording};
use domain::message::Message;
use domain::note::Note;
use domain::phone::Phone;
use domain::shards::Shards;
use domain::staff::StaffChanges;
use domain::status::Status;
use domain::{BusinessId, ClientId, Clock, MessageId, RequestId, StaffId, Timestamp};
use store::Store;
use store::handling::{Asked, Handled};
use store::timeline::Marking;
use tokio::task::JoinSet;

use super::plan::{Person, Plan, Step, What};
use crate::Error;

/// How many conversations are written at the same time.
const ABREAST: usize = 8;
/// How long ago the staff was hired, and how long ago somebody went.
const HIRED: Duration = Duration::from_secs(70 * 24 * 60 * 60);
const GONE: Duration = Duration::from_secs(20 * 24 * 60 * 60);

/// Where to, and when it is now.
#[derive(Clone, Debug)]
pub struct Replay {
    pub sdk: SdkConfig,
    pub config: store::Config,
    pub account_sid: String,
    pub business: BusinessId,
    pub now: Timestamp,
}

impl Replay {
    /// Does all of it, newest conversations first.
    pub async fn run(self, plan: Plan) -> Result<(), Error> {
        let (store, time) = self.store();
        let business = store.business(self.business).await?.ok_or("there is no demo business")?;
        self.set(&time, HIRED);
        for (location, changes) in &plan.locations {
            store.upsert_location(self.business, *location, changes).await?;
        }
        for (staff, changes) in &plan.staff {
            store.upsert_staff(self.business, *staff, changes, Acting::PROGRAM).await?;
        }
        self.set(&time, GONE);
        for (staff, changes) in plan.staff.iter().filter(|(staff, _)| *staff == plan.gone) {
            let changes = StaffChanges { active: Some(false), ..changes.clone() };
            store.upsert_staff(self.business, *staff, &changes, Acting::PROGRAM).await?;
        }
        let mut told = JoinSet::new();
        for (place, person) in plan.people.into_iter().enumerate() {
            if told.len() == ABREAST {
                joined(told.join_next().await)?;
            }
            let teller = Teller { replay: self.clone(), shards: business.inbox_shards, place, person };
            told.spawn(teller.tell());
        }
        while !told.is_empty() {
            joined(told.join_next().await)?;
        }
        Ok(())
    }

    /// A store that lives in the past, and its time.
    fn store(&self) -> (Store, Arc<AtomicI64>) {
        let time = Arc::new(AtomicI64::new(self.now.as_millis()));
        let now = time.clone();
        let clock = Clock::new(move || Timestamp::from_millis(now.load(Ordering::Relaxed)));
        (Store::new(&self.sdk, self.config.clone(), clock), time)
    }

    fn set(&self, time: &AtomicI64, ago: Duration) {
        time.store(self.now.minus(ago).as_millis(), Ordering::Relaxed);
    }
}

fn joined(ended: Option<Result<Result<(), Error>, tokio::task::JoinError>>) -> Result<(), Error> {
    ended.map_or(Ok(()), |ended| ended?)
}

/// Makes one conversation come true.
struct Teller {
    replay: Replay,
    shards: Shards,
    place: usize,
    person: Person,
}

impl Teller {
    async fn tell(self) -> Result<(), Error> {
        let (store, time) = self.replay.store();
        if let Some((client, entry)) = &self.person.entry {
            self.replay.set(&time, self.person.steps.first().map_or(GONE, |step| step.ago + GONE));
            store.upsert_client(self.replay.business, *client, entry, self.shards).await?;
        }
        for (index, step) in self.person.steps.iter().enumerate() {
            self.replay.set(&time, step.ago);
            self.step(&store, index, step).await?;
        }
        Ok(())
    }

    async fn step(&self, store: &Store, index: usize, step: &Step) -> Result<(), Error> {
        let business = self.replay.business;
        if let What::Heard(words) = &step.what {
            return self.hear(store, index, words).await;
        }
        let Some((client, _)) = self.person.entry else {
            return Err("a stranger only writes".into());
        };
        let actor = Actor::Staff { id: step.staff };
        let asked = || Asked {
            business,
            conversation: client,
            shards: self.shards,
            seen: None,
            actor,
            cause: Cause::Request { request_id: self.request(index).to_string() },
        };
        let became = match &step.what {
            What::Heard(_) => return Ok(()),
            What::Before(words) => {
                let message = self.text(store, (client, index), words, Category::Conversation, step.staff);
                return self.record(store, heard_before(message), true).await;
            }
            What::Wrote { words, category, arrived } => {
                let message = self.text(store, (client, index), words, *category, step.staff);
                return self.record(store, wrote(message, *arrived), false).await;
            }
            What::Read => {
                let marking = Marking { read: true, ..Marking::default() };
                store.mark(business, client, &marking, actor, self.shards).await?;
                return Ok(());
            }
            What::Note(words) => {
                let now = store.clock().now();
                let note = Note {
                    at: MessageRef { business, client, message: MessageId::at(now, 0) },
                    note: Text(words.clone()),
                    staff_id: Some(step.staff),
                    by: actor,
                    is_flagged: false,
                    created_at: now,
                    updated_at: now,
                };
                store.add_note(&note, self.request(index), self.shards).await?;
                return Ok(());
            }
            What::Flag => {
                let head = store.client_view(business, client).await?.and_then(|view| view.conversation);
                let message = head.and_then(|head| head.last_message_id).ok_or("there is nothing to flag")?;
                let at = MessageRef { business, client, message };
                store.flag(at, true, actor, self.shards).await?;
                return Ok(());
            }
            What::Assign(staff) => store.assign(&asked(), Some(*staff)).await?,
            What::Label(label) => store.set_label(&asked(), Some((*label).to_owned())).await?,
            What::Status(status, back_in) => {
                let until = back_in.map(|wait| self.replay.now.plus(wait));
                store.set_status(&asked(), *status, until).await?
            }
        };
        match became {
            Handled::Changed(_) | Handled::Same(_) => Ok(()),
            Handled::Stale(_) | Handled::NoConversation | Handled::NoStaff | Handled::Elsewhere => {
                Err("a conversation of the demo business is not what it was".into())
            }
        }
    }

    /// A text from the client, as Twilio hands it over.
    async fn hear(&self, store: &Store, index: usize, words: &str) -> Result<(), Error> {
        let route = store.route_of(self.person.ours.as_str()).await?;
        let text = InboundSms {
            account_sid: self.replay.account_sid.clone(),
            message_sid: format!("SM{:032x}", self.request(index).0.as_u128()),
            from: Text(self.person.theirs.as_str().to_owned()),
            to: Text(self.person.ours.as_str().to_owned()),
            body: Text(words.to_owned()),
            media_urls: Vec::new(),
            opt_out_type: None,
            sent_at: Some(store.clock().now()),
        };
        store.receive(&text, route.as_ref()).await?;
        Ok(())
    }

    async fn record(&self, store: &Store, message: Message, historical: bool) -> Result<(), Error> {
        let order_at = store.clock().now();
        let recording = Recording { message, order_at, index: 0, historical, shards: self.shards };
        store.record(&recording).await?;
        Ok(())
    }

    fn text(
        &self,
        store: &Store,
        (client, index): (ClientId, usize),
        words: &str,
        category: Category,
        staff: StaffId,
    ) -> Message {
        let by_hand = category == Category::Conversation;
        let address = |phone: &Phone| Address::Phone(phone.clone());
        let envelope = Envelope {
            business: self.replay.business,
            from: address(&self.person.ours),
            category,
            notification_type: None,
            staff_id: by_hand.then_some(staff),
            sent_by: None,
            sender_type: Some(if by_hand { UserType::Staff } else { UserType::System }),
            send_at: None,
            expires_at: None,
            shards: self.shards,
            media_urls: Vec::new(),
        };
        let draft = Draft {
            client,
            provisional: false,
            to: address(&self.person.theirs),
            reach: Reach::Allowed,
            senders: Vec::new(),
            body: Text(words.to_owned()),
            wl_user_id: None,
            mail: None,
            recipients: Default::default(),
        };
        let now = store.clock().now();
        let mut message = draft.into_message(&envelope, MessageId::at(now, 0), self.request(index), now);
        message.provider = Some(Provider::Twilio);
        message.sent_at = Some(now.to_string());
        message.attempt = 0;
        message
    }

    /// A name for a step, the same in every run.
    fn request(&self, index: usize) -> RequestId {
        let mut rng = fastrand::Rng::with_seed((self.place * 1000 + index) as u64);
        RequestId(uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid())
    }
}

/// The same text the other way round: it came from the client, and was read.
fn heard_before(mut message: Message) -> Message {
    std::mem::swap(&mut message.from_address, &mut message.to_address);
    message.direction = Direction::Inbound;
    message.sender_type = Some(UserType::Client);
    message.staff_id = None;
    message.segments = None;
    message.is_read = true;
    became(message, Status::Received)
}

fn wrote(mut message: Message, arrived: bool) -> Message {
    if arrived {
        message.delivered_at = Some(message.created_at);
        return became(message, Status::Delivered);
    }
    message.failure = Some(Failure::new(ErrorClass::Address, "The phone was switched off for days."));
    became(message, Status::Undelivered)
}

fn became(mut message: Message, status: Status) -> Message {
    message.delivery_status = status;
    message.status_rank = status.rank();
    message
}
