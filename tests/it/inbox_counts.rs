//! What the inbox counts is what it shows: unread and flagged messages of each conversation, and the conversations
//! behind each filter, however many write at once.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::actor::Actor;
use domain::address::Address;
use domain::business::InboundRoute;
use domain::channel::{Category, Channel, Direction, Provider};
use domain::client::{Change, ClientChanges, ClientType, Personal};
use domain::content::Text;
use domain::conversation::Cause;
use domain::destination::Reach;
use domain::draft::{Draft, Envelope};
use domain::id::MessageRef;
use domain::inbox::{Assignment, ConversationFilter, MessageFilter};
use domain::job::{InboundSms, Recording};
use domain::message::Message;
use domain::note::Note;
use domain::phone::Country;
use domain::shards::Shards;
use domain::staff::StaffChanges;
use domain::standing::ConversationStatus;
use domain::{BusinessId, MessageId, RequestId};
use futures_util::StreamExt;
use futures_util::future::join_all;
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use store::handling::{Asked, Handled};
use store::inbox::Window;
use store::timeline::{Entry, Marking, TimelineFilter};
use store::{ClientView, Received, Store};

use crate::app::{App, Business, TestClock};
use crate::desk::{Dice, numbers};
use crate::faults::cases;

/// Who writes at once.
const WORKERS: usize = 8;
/// Clients of a business: few, so that the writers meet.
const CLIENTS: u64 = 2;
const STAFF: u64 = 2;

/// Something that happens to an inbox. Indexes are taken modulo what there is.
#[derive(Clone, Debug)]
enum Deed {
    /// A text that is no question, and opens no conversation.
    Start {
        client: u64,
    },
    /// A text from a client.
    Text {
        client: u64,
    },
    /// A message that another system carried, so many seconds ago.
    Record {
        client: u64,
        inbound: bool,
        historical: bool,
        channel: Channel,
        ago: u64,
    },
    /// A text to a client.
    Send {
        client: u64,
        category: Category,
    },
    /// Read or unread: one message, everything up to it, or everything.
    Mark {
        client: u64,
        read: bool,
        which: Which,
    },
    Flag {
        message: usize,
        flagged: bool,
    },
    Assign {
        client: u64,
        staff: Option<u64>,
    },
    Status {
        client: u64,
        status: ConversationStatus,
    },
    Label {
        client: u64,
    },
    Note {
        client: u64,
    },
    /// The directory says what kind of client it is and where.
    Directory {
        client: u64,
        kind: Option<ClientType>,
        location: Option<u64>,
    },
    /// The sweeper adds up one part of what is due.
    SumUp {
        part: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Which {
    One(usize),
    UpTo(usize),
    OfChannel(Channel),
    All,
}

fn deed() -> impl Strategy<Value = Deed> {
    let client = 1..=CLIENTS;
    let channel = prop::sample::select(vec![Channel::Sms, Channel::Sms, Channel::Email, Channel::Voice]);
    let category =
        prop::sample::select(vec![Category::Conversation, Category::Notification, Category::Campaign]);
    let which = prop_oneof![
        2 => any::<usize>().prop_map(Which::One),
        2 => any::<usize>().prop_map(Which::UpTo),
        1 => channel.clone().prop_map(Which::OfChannel),
        3 => Just(Which::All),
    ];
    let kind = prop::sample::select(vec![None, Some(ClientType::Client), Some(ClientType::Lead)]);
    prop_oneof![
        4 => client.clone().prop_map(|client| Deed::Text { client }),
        1 => client.clone().prop_map(|client| Deed::Start { client }),
        4 => (client.clone(), prop::bool::weighted(0.7), prop::bool::weighted(0.3), channel, 0u64..90).prop_map(
            |(client, inbound, historical, channel, ago)| Deed::Record {
                client, inbound, historical, channel, ago
            }
        ),
        2 => (client.clone(), category).prop_map(|(client, category)| Deed::Send { client, category }),
        4 => (client.clone(), prop::bool::weighted(0.6), which).prop_map(|(client, read, which)| Deed::Mark {
            client, read, which
        }),
        3 => (any::<usize>(), prop::bool::weighted(0.6))
            .prop_map(|(message, flagged)| Deed::Flag { message, flagged }),
        2 => (client.clone(), prop::option::of(1..=STAFF))
            .prop_map(|(client, staff)| Deed::Assign { client, staff }),
        3 => (client.clone(), prop::sample::select(ConversationStatus::ALL.to_vec()))
            .prop_map(|(client, status)| Deed::Status { client, status }),
        1 => client.clone().prop_map(|client| Deed::Label { client }),
        1 => client.clone().prop_map(|client| Deed::Note { client }),
        1 => (client, kind, prop::option::of(1u64..=2))
            .prop_map(|(client, kind, location)| Deed::Directory { client, kind, location }),
        1 => (0..store::keys::DUE_SHARDS).prop_map(|part| Deed::SumUp { part }),
    ]
}

/// A business of the generator, seen by functions in processes of their own.
struct Studio {
    business: BusinessId,
    shards: Shards,
    route: InboundRoute,
    /// Each makes its own ids.
    stores: [Store; 2],
    clock: TestClock,
    /// What was stored so far.
    stored: Mutex<Vec<MessageRef>>,
}

fn id<K>(number: u64) -> domain::id::Id<K> {
    domain::id::Id::new(number).expect("a small number")
}

fn address(client: u64) -> Address {
    Address::parse_sms(&format!("+1415555{:04}", 1000 + client), Country::default()).expect("a number")
}

fn ours() -> Address {
    Address::parse_sms("+14155550100", Country::default()).expect("a number")
}

fn request() -> RequestId {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    serde_json::from_str(&format!("\"6f9619ff-8b86-4d01-b42d-{n:012x}\"")).expect("an id")
}

/// Calls until the table takes it, as a queue delivers a job again: a write that lost every race of its eight seconds is
/// refused as unavailable, and has written nothing. After five deliveries a queue keeps the job aside.
async fn delivered<T, F: Future<Output = domain::Result<T>>>(call: impl Fn() -> F) -> T {
    let mut last = call().await;
    for _ in 1..5 {
        match last {
            Err(domain::Error::Unavailable(_)) => last = call().await,
            _ => break,
        }
    }
    last.unwrap()
}

impl Studio {
    async fn new(app: &App, number: u64, shards: u64) -> Studio {
        let business = id(1_000_000 + number);
        let shards = Shards::new(shards).expect("a count");
        let route = InboundRoute {
            business_id: business,
            location_id: Some(id(1)),
            country: Country::default(),
            inbox_shards: shards,
        };
        let stores = [&app.local.sender().store, &app.local.recorder().store];
        let studio = Studio {
            business,
            shards,
            route,
            stores: stores.map(Clone::clone),
            clock: app.clock.clone(),
            stored: Mutex::default(),
        };
        for staff in 1..=STAFF {
            let changes = StaffChanges {
                full_name: Personal("Ada".to_owned()),
                gender: Change::Keep,
                image_url: Change::Keep,
                email: Change::Keep,
                phone: Change::Keep,
                staff_role: Change::Keep,
                location_ids: Change::Keep,
                active: Some(true),
            };
            studio.stores[0]
                .upsert_staff(business, id(staff), &changes, domain::access::Acting::PROGRAM)
                .await
                .unwrap();
        }
        studio
    }

    fn asked(&self, client: u64) -> Asked {
        Asked {
            business: self.business,
            conversation: id(client),
            shards: self.shards,
            seen: None,
            actor: Actor::Service,
            cause: Cause::Request { request_id: "r".to_owned() },
        }
    }

    fn message(&self, client: u64, category: Category) -> Message {
        let envelope = Envelope {
            business: self.business,
            from: ours(),
            category,
            notification_type: None,
            staff_id: None,
            sent_by: None,
            sender_type: None,
            send_at: None,
            expires_at: None,
            shards: self.shards,
            media_urls: Vec::new(),
        };
        let body = Text("Hello".to_owned());
        let draft = Draft {
            reach: Reach::Allowed,
            client: id(client),
            provisional: false,
            to: address(client),
            senders: Vec::new(),
            body,
            wl_user_id: None,
            mail: None,
            recipients: Default::default(),
        };
        let now = self.clock.now();
        draft.into_message(&envelope, self.stores[0].new_message_id(), request(), now)
    }

    fn keep(&self, at: MessageRef) {
        self.stored.lock().unwrap().push(at);
    }

    fn some_message(&self, index: usize) -> Option<MessageRef> {
        let stored = self.stored.lock().unwrap();
        (!stored.is_empty()).then(|| stored[index % stored.len()])
    }

    async fn text(&self, store: &Store, client: u64, words: &str) {
        let sms = InboundSms {
            account_sid: "AC1".to_owned(),
            message_sid: format!("SM{}", request().0),
            from: Text(address(client).as_str().to_owned()),
            to: Text(ours().as_str().to_owned()),
            body: Text(words.to_owned()),
            media_urls: Vec::new(),
            opt_out_type: None,
            sent_at: None,
        };
        match delivered(|| store.receive(&sms, Some(&self.route))).await {
            Received::Stored(at) => self.keep(at),
            other => panic!("{other:?}"),
        }
    }

    async fn record(&self, store: &Store, client: u64, inbound: bool, historical: bool, how: (Channel, u64)) {
        let (channel, ago) = how;
        let mut message = self.message(client, Category::Conversation);
        message.channel = channel;
        message.attempt = 0;
        message.provider = Some(Provider::External);
        if inbound {
            message.direction = Direction::Inbound;
            message.is_read = historical;
            (message.from_address, message.to_address) = (message.to_address, message.from_address);
        }
        let order_at = self.clock.now().minus(Duration::from_secs(ago));
        let recording = Recording { message, order_at, index: 0, historical, shards: self.shards };
        let stored = delivered(|| store.record(&recording)).await.id().expect("it is stored");
        self.keep(MessageRef { business: self.business, client: id(client), message: stored });
    }

    async fn happens(&self, worker: usize, deed: Deed) {
        let store = &self.stores[worker % self.stores.len()];
        let (business, shards) = (self.business, self.shards);
        match deed {
            Deed::Text { client } => self.text(store, client, "Hi").await,
            Deed::Start { client } => self.text(store, client, "START").await,
            Deed::Record { client, inbound, historical, channel, ago } => {
                self.record(store, client, inbound, historical, (channel, ago)).await;
            }
            Deed::Send { client, category } => {
                let message = self.message(client, category);
                let request = message.request_id.expect("a request");
                let message = delivered(|| async {
                    let mut message = message.clone();
                    let anywhere = (&[][..], Reach::Allowed);
                    store.accept(&mut message, request, 0, (shards, false), anywhere).await?;
                    Ok(message)
                })
                .await;
                self.keep(message.at);
            }
            Deed::Mark { client, read, which } => {
                let at = match which {
                    Which::One(index) | Which::UpTo(index) => self.some_message(index),
                    Which::OfChannel(_) | Which::All => None,
                };
                let client = at.map_or(id(client), |at| at.client);
                let (mut ids, mut up_to, mut channel) = (None, None, None);
                match which {
                    Which::One(_) => ids = Some(at.map(|at| at.message).into_iter().collect()),
                    Which::UpTo(_) => up_to = at.map(|at| at.message),
                    Which::OfChannel(one) => channel = Some(one),
                    Which::All => {}
                }
                let marking = Marking { read, ids, up_to, channel };
                delivered(|| store.mark(business, client, &marking, Actor::Service, shards)).await;
            }
            Deed::Flag { message, flagged } => {
                if let Some(at) = self.some_message(message) {
                    let applied = delivered(|| store.flag(at, flagged, Actor::Service, shards)).await;
                    assert!(applied.is_some(), "the message is there");
                }
            }
            Deed::Assign { client, staff } => {
                let asked = self.asked(client);
                let handled = delivered(|| store.assign(&asked, staff.map(id))).await;
                assert_ne!(handled, Handled::NoStaff);
            }
            Deed::Status { client, status } => {
                let until = self.clock.now().plus(Duration::from_secs(3600));
                let until = (status == ConversationStatus::Snoozed).then_some(until);
                let asked = self.asked(client);
                delivered(|| store.set_status(&asked, status, until)).await;
            }
            Deed::Label { client } => {
                let label = Some(format!("label {worker}"));
                let asked = self.asked(client);
                delivered(|| store.set_label(&asked, label.clone())).await;
            }
            Deed::Note { client } => {
                let now = self.clock.now();
                let at = MessageRef { business, client: id(client), message: store.new_message_id() };
                let note = Note {
                    at,
                    note: Text("psst".to_owned()),
                    staff_id: None,
                    by: Actor::Service,
                    is_flagged: false,
                    created_at: now,
                    updated_at: now,
                };
                let request = request();
                if let Some(stored) = delivered(|| store.add_note(&note, request, shards)).await {
                    self.keep(MessageRef { message: stored, ..at });
                }
            }
            Deed::Directory { client, kind, location } => {
                let changes = ClientChanges {
                    client_type: kind.map_or(Change::Clear, Change::Set),
                    location_id: location.map_or(Change::Clear, |location| Change::Set(id(location))),
                    ..ClientChanges::default()
                };
                delivered(|| store.upsert_client(business, id(client), &changes, shards)).await;
            }
            Deed::SumUp { part } => {
                self.sum_up(store, part).await;
            }
        }
    }

    async fn sum_up(&self, store: &Store, part: u64) {
        delivered(|| async { store.sum_up(store.due_recounts(part, 100).await?).await }).await;
    }

    async fn views(&self, filter: &ConversationFilter) -> Vec<ClientView> {
        let window = Window { after: None, most: 50 };
        let rows = self.stores[0].conversations(self.business, self.shards, filter, window).await.unwrap();
        assert_eq!(rows.next, None);
        rows.rows
    }

    /// Holds the count behind every filter against the conversations that match.
    async fn check_counts(&self, all: &[ClientView], filters: &[ConversationFilter]) {
        let counts = self.stores[0].counts(self.business, self.shards).await.unwrap();
        for filter in filters {
            let matching = all.iter().filter(|view| filter.matches(&view.cell())).count();
            assert_eq!(counts.of(|cell| filter.matches(cell)), matching as u64, "{filter:?}");
        }
    }

    /// Holds every counter against what it counts.
    async fn check(&self, filters: &[ConversationFilter]) {
        let store = &self.stores[0];
        let all = self.views(&ConversationFilter::default()).await;
        for view in &all {
            let head = view.conversation.as_ref().expect("a conversation");
            let all = TimelineFilter::default();
            let timeline = store.timeline(self.business, head.client_id, &all, None, 1000).await.unwrap();
            let entries = timeline.expect("a timeline").entries;
            let mut unread: Vec<MessageId> = Vec::new();
            let (mut inbound, mut flagged) = (Vec::new(), 0);
            for entry in &entries {
                match entry {
                    Entry::Message(message) => {
                        flagged += u64::from(message.is_flagged);
                        if message.direction == Direction::Inbound {
                            inbound.push(message.at.message);
                        }
                        if !message.is_read {
                            assert_eq!(message.direction, Direction::Inbound);
                            unread.push(message.at.message);
                        }
                    }
                    Entry::Note(note) => flagged += u64::from(note.is_flagged),
                }
            }
            let counted = (head.messages_count, head.unread_messages_count, head.messages_flagged_count);
            assert_eq!(counted, (entries.len() as u64, unread.len() as u64, flagged));
            if let (Some(read), Some(oldest)) = (head.last_read_message_id, unread.iter().min()) {
                assert!(read < *oldest, "every inbound message up to {read} is read, but {oldest} is not");
            }
            let shown = entries.iter().filter_map(|entry| match entry {
                Entry::Message(message) => Some(message.at.message),
                Entry::Note(_) => None,
            });
            assert_eq!(head.last_message_id, shown.max(), "the list shows the newest message");
        }
        self.check_counts(&all, filters).await;
        // Every list is read by way of one of five indexes.
        for filter in filters.iter().step_by(filters.len() / 6) {
            let listed = self.views(filter).await;
            let matching: Vec<&ClientView> = all.iter().filter(|view| filter.matches(&view.cell())).collect();
            assert_eq!(listed.iter().collect::<Vec<_>>(), matching, "{filter:?}");
        }
    }
}

/// Every combination of filters, in an order that `seed` changes.
fn every_filter(seed: usize) -> Vec<ConversationFilter> {
    let assignments = [
        Assignment::All,
        Assignment::Assigned,
        Assignment::Unassigned,
        Assignment::To(id(1)),
        Assignment::To(id(2)),
    ];
    let statuses = std::iter::once(None).chain(ConversationStatus::ALL.map(Some));
    let channels: Vec<_> = std::iter::once(None).chain(Channel::ALL.map(Some)).collect();
    let mut filters = Vec::new();
    for (status, assignment) in statuses.flat_map(|status| assignments.map(|one| (status, one))) {
        for (messages, channel) in MessageFilter::ALL
            .iter()
            .flat_map(|messages| channels.iter().map(move |channel| (*messages, *channel)))
        {
            for location in [None, Some(id(1)), Some(id(2))] {
                filters.push(ConversationFilter { assignment, status, messages, channel, location });
            }
        }
    }
    let turn = seed * 37 % filters.len();
    filters.rotate_left(turn);
    filters
}

/// A case is an interleaving: eight writers make two to five changes each, some 28, over two clients, at the same time.
/// Eight cases, each of a business of its own, run at once. Five times eight are what fits into a test;
/// `PROPTEST_CASES=1250` makes 10 000 of them, which an optimised build does in a quarter of an hour.
#[test]
fn every_counter_equals_a_recount_after_any_interleaving_of_eight_writers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let mut runner = cases(5);
    let deeds = prop::collection::vec(prop::collection::vec(deed(), 2..=5), WORKERS);
    let number = std::cell::Cell::new(0);
    runner
        .run(&prop::collection::vec((deeds, 1u64..=3), 8), |interleavings| {
            runtime.block_on(join_all(interleavings.into_iter().map(|(deeds, shards)| {
                number.set(number.get() + 1);
                interleaving(&app, number.get(), deeds, shards)
            })));
            Ok(())
        })
        .unwrap();
}

async fn interleaving(app: &App, number: u64, deeds: Vec<Vec<Deed>>, shards: u64) {
    let studio = Arc::new(Studio::new(app, number, shards).await);
    let workers = deeds.into_iter().enumerate().map(|(worker, deeds)| {
        let studio = studio.clone();
        tokio::spawn(async move {
            for deed in deeds {
                studio.happens(worker, deed).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let filters = every_filter(number as usize);
    studio.check(&filters).await;
    for part in 0..store::keys::DUE_SHARDS {
        studio.sum_up(&studio.stores[0], part).await;
    }
    let all = studio.views(&ConversationFilter::default()).await;
    studio.check_counts(&all, &filters).await;
}

// ---- Over HTTP -------------------------------------------------------------------------------------------------

fn phone(client: u64) -> String {
    format!("+1415556{client:04}")
}

/// One call or webhook of a worker, at random.
async fn call(app: &App, studio: &Business<'_>, dice: &mut Dice) {
    let client = 101 + dice.roll(5);
    let number = phone(client);
    let of = |what: &str| format!("/conversations/{client}/{what}");
    match dice.roll(16) {
        0..=3 => studio.receives(&number, "Hello").await,
        4 => {
            let (inbound, historical) = (dice.roll(2) == 0, dice.roll(3) == 0);
            let sent_at = app.clock.now().minus(Duration::from_secs(dice.roll(60)));
            let (from, to) = if inbound { (&number, &studio.number) } else { (&studio.number, &number) };
            let body = json!({
                "category": "conversation", "from_phone_number": from, "historical": historical,
                "sender_type": if inbound { "client" } else { "staff" }, "sent_at": sent_at.to_string(),
                "messages": [{"client_id": client, "to_phone_number": to, "message": "From elsewhere"}]
            });
            studio.post("/sms/record", body).await.ok();
        }
        5 => {
            let mut body = studio.send_body(&[(client, &number, "Hi")]);
            body["category"] = json!(dice.one_of(&["conversation", "campaign", "notification"]));
            studio.post("/sms/send", body).await.ok();
        }
        6 | 7 => drop(studio.marks(json!({"conversation_id": client})).await),
        8 => {
            let page = studio.get(&of("messages?page_size=5")).await;
            let items = page.body["items"].as_array().cloned().unwrap_or_default();
            let ids: Vec<Value> = items.iter().map(|message| message["message_id"].clone()).collect();
            if let Some(some) = ids.get(dice.roll(5) as usize) {
                let read = dice.roll(2) == 0;
                match dice.roll(2) {
                    0 => drop(studio.marks(json!({"message_ids": ids, "is_read": read})).await),
                    _ => drop(studio.marks(json!({"last_read_message_id": some, "is_read": read})).await),
                }
            }
        }
        9 | 10 => {
            let page = studio.get(&of("messages?page_size=3")).await;
            let items = page.body["items"].as_array().cloned().unwrap_or_default();
            if let Some(message) = items.get(dice.roll(3) as usize) {
                let flagged = dice.roll(5) > 1;
                studio.act(&format!("/messages/{}/flag?flagged={flagged}", message["message_id"])).await.ok();
            }
        }
        11 => drop(
            studio
                .act(&of(dice.one_of(&["assign?staff_id=1", "assign?staff_id=2", "assign?staff_id="])))
                .await
                .ok(),
        ),
        12 => {
            // Later than the others can move the clock meanwhile.
            let until = app.clock.now().plus(Duration::from_secs(12 * 3600 + dice.roll(6_000)));
            let snoozed = format!("status?status=snoozed&snoozed_until={until}");
            let statuses =
                ["status?status=open", "status?status=resolved", "status?status=pending", snoozed.as_str()];
            studio.act(&of(dice.one_of(&statuses))).await.ok();
        }
        13 => drop(studio.notes(client, "psst").await),
        14 => {
            let location = dice.one_of(&[Some(1), Some(2), None]);
            studio.put(&format!("/clients/{client}"), json!({"location_id": location})).await.ok();
        }
        _ => {
            app.clock.advance(Duration::from_secs(dice.roll(1_200)));
            app.sweep().await;
        }
    }
}

/// The unread and flagged counts of every conversation, and the number of its messages, against its thread.
async fn conversations_add_up(studio: &Business<'_>) {
    for row in studio.walk("/conversations?page_size=3").await {
        let path = format!("/conversations/{}/messages?page_size=100", row["conversation_id"]);
        let thread = studio.walk(&path).await;
        let total = studio.get(&path).await.ok()["total"].clone();
        assert_eq!(total, thread.len(), "{row}");
        for (filter, counter, is) in [
            ("unread", "unread_messages_count", ("is_read", false)),
            ("flagged", "messages_flagged_count", ("is_flagged", true)),
        ] {
            let matching = thread.iter().filter(|message| message[is.0] == is.1).count();
            assert_eq!(row[counter], matching, "{filter}: {row}");
            let listed = studio.get(&format!("{path}&filter={filter}")).await.ok();
            assert_eq!(
                (&listed["total"], numbers(&listed, "message_id").len()),
                (&json!(matching), matching)
            );
        }
    }
}

/// The total of every combination of filters against the rows of a walk, and the catalogue against both.
async fn every_total_is_the_number_of_rows(studio: &Business<'_>, session: &str, each: usize) -> usize {
    let get = async |path: String| studio.as_session(session, Method::GET, &path, json!({})).await.ok();
    let catalogue = get("/conversations/filters".to_owned()).await;
    let values = |filter: &str| {
        let options = catalogue[filter].as_array().expect("options").iter();
        let value = |option: &Value| format!("{filter}={}", option["value"].to_string().replace('"', ""));
        std::iter::once(String::new()).chain(options.map(value)).collect::<Vec<String>>()
    };
    let mut queries = vec![String::new()];
    for filter in ["assignment", "status", "message_filter", "channel", "location_id"] {
        // "All" is the same as nothing, and a channel that nobody used is like the next one.
        let left_out = ["assignment=all", "message_filter=all", "channel=voice", "channel=note"];
        let values: Vec<String> =
            values(filter).into_iter().filter(|value| !left_out.contains(&value.as_str())).collect();
        let combine =
            |query: &String| values.iter().map(|value| format!("{query}&{value}")).collect::<Vec<_>>();
        queries = queries.iter().flat_map(combine).collect();
    }
    let checked = futures_util::stream::iter(queries.iter().step_by(each)).map(async |query| {
        let page = get(format!("/conversations?page_size=100{query}")).await;
        let listed = numbers(&page, "client_id").len();
        assert_eq!(
            (page["total"].as_u64(), &page["next_cursor"]),
            (Some(listed as u64), &Value::Null),
            "{query}"
        );
        let single: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
        if let [one] = single[..] {
            let (filter, value) = one.split_once('=').expect("a filter");
            let options = catalogue[filter].as_array().expect("options");
            let option = options.iter().find(|option| option["value"].to_string().replace('"', "") == value);
            assert_eq!(option.expect("an option")["count"], listed, "{one}");
        }
    });
    checked.buffer_unordered(8).count().await
}

/// Eight workers make 30 calls each: 240 calls in any order, over five clients. Then all 540 combinations of filters are
/// listed and counted, and every seventh once more when the sweeper has added up.
#[test]
fn every_total_of_the_inbox_is_the_number_of_its_rows_whatever_happened_at_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let app = App::start().await;
        let studio = app.business().await;
        for staff in 1..=STAFF {
            studio.staff(staff, json!({"staff_name": "Ada"})).await;
        }
        for client in 101..=105 {
            studio.opens_with(client, &phone(client)).await;
        }
        let workers = (0..WORKERS as u64).map(async |worker| {
            let mut dice = Dice::new(worker + 1);
            for _ in 0..30 {
                call(&app, &studio, &mut dice).await;
            }
        });
        join_all(workers).await;
        // The catalogue names the locations that somebody is at: after chance, both are.
        for (client, location) in [(101, 1), (102, 2)] {
            studio.put(&format!("/clients/{client}"), json!({"location_id": location})).await.ok();
        }
        app.drain().await;
        let session = studio.session(1).await;
        conversations_add_up(&studio).await;
        assert_eq!(every_total_is_the_number_of_rows(&studio, &session, 1).await, 540);
        app.sweep().await;
        assert_eq!(app.sweep().await.counted, 0, "everything is added up");
        assert_eq!(every_total_is_the_number_of_rows(&studio, &session, 7).await, 78);
    });
}
