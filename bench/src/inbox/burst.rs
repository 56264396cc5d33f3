//! A burst of texts for one business, on paper: which partitions it is written to, and how many parts of the lists are
//! enough. That a text is written as it is said here is checked with one of each kind.

use std::collections::{BTreeMap, HashMap};

use domain::address::Address;
use domain::id::MessageRef;
use domain::phone::Phone;
use domain::shards::Shards;
use domain::standing::ConversationStatus;
use domain::{ClientId, MessageId, StaffId};
use local::fake_twilio::ClientText;
use local::seed;
use reqwest::Method;
use serde_json::{Value, json};
use store::keys::{self, attribute};

use super::beginning;
use super::fill::{Models, Person, client, demo};
use crate::Error;
use crate::system::{System, phone};

/// Texts a second.
const TEXTS: u64 = 5_000;
/// Write units a second that a partition takes.
const TAKES: f64 = 1_000.0;
/// Who they are assigned to, evenly.
const STAFF: u64 = 25;
const SHOWN: [u64; 3] = [1, 8, 16];

/// From whom a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// Something of them is unread already: they stay in their cell.
    Unread,
    /// Everything of them was read: they go to another cell.
    Read,
    /// Nobody has heard of them.
    Stranger,
}

/// One text, with everything that keys are made of.
struct Text {
    at: MessageRef,
    assignee: StaffId,
    unique: u128,
}

/// Write units at one place: the table or an index.
struct Write {
    place: &'static str,
    what: &'static str,
    partition: String,
    units: f64,
}

/// What one text writes when the client's item has so many KB, and all others one: two units for each KB in a
/// transaction, one for what comes or goes in an index and so two for what moves.
fn writes(from: From, text: &Text, shards: Shards, head: f64) -> Result<Vec<Write>, Error> {
    const TABLE: &str = "table";
    let Text { at, assignee, unique } = *text;
    let MessageRef { business, client, .. } = at;
    let shard = shards.of(client);
    let mut writes = Vec::new();
    let mut to = |place, what, partition, units| writes.push(Write { place, what, partition, units });
    to(
        TABLE,
        "Twilio's id",
        keys::provider_message(domain::channel::Provider::Twilio, &format!("SM{}", at.message)).pk,
        2.0,
    );
    to(TABLE, "message id", keys::message_pointer(business, at.message).pk, 2.0);
    // Message and head.
    to(TABLE, "client", keys::message(at).pk, 2.0);
    to(TABLE, "client", keys::profile(business, client).pk, 2.0 * head);
    let (moves, comes) = (2.0 * head, head);
    let entry = if from == From::Stranger { comes } else { moves };
    let open = ConversationStatus::Open;
    to(attribute::GSI1.0, "lists by status", keys::inbox(business, open, shard), entry);
    let unread = if from == From::Unread { moves } else { comes };
    to(attribute::GSI3.0, "list of unread", keys::unread(business, shard), unread);
    to(attribute::GSI5.0, "list of all", keys::everything(business, shard), entry);
    to(attribute::GSI6.0, "list by change", keys::changed(business, shard), entry);
    if from != From::Unread {
        to(TABLE, "notes for the counts", keys::recount(business, shard, unique).pk, 2.0);
        to(attribute::GSI1.0, "due counts", keys::due_counts(keys::due_shard(unique as u64)), 1.0);
    }
    if from == From::Stranger {
        let address =
            Address::Phone(Phone::from_e164(&phone(client.get() % 1_000_000)).ok_or("no phone number")?);
        to(TABLE, "address", keys::address(business, &address).pk, 2.0);
        to(TABLE, "words of the search", keys::find_pk(business), 2.0);
        to(attribute::GSI7.0, "list by name", keys::names(business), 1.0);
    } else {
        to(attribute::GSI2.0, "list of an assignee", keys::assigned(business, assignee), moves);
    }
    Ok(writes)
}

type Fullest = BTreeMap<(&'static str, &'static str), f64>;

/// The fullest partition of each kind, in units a second.
fn fullest(from: From, shards: Shards, head: f64) -> Result<Fullest, Error> {
    let mut units: HashMap<(&'static str, &'static str, String), f64> = HashMap::new();
    for nth in 0..TEXTS {
        let text = text(from, nth)?;
        for write in writes(from, &text, shards, head)? {
            *units.entry((write.place, write.what, write.partition)).or_default() += write.units;
        }
    }
    let mut fullest = BTreeMap::new();
    for ((place, what, _), units) in units {
        let most: &mut f64 = fullest.entry((place, what)).or_default();
        *most = most.max(units);
    }
    Ok(fullest)
}

/// One of the texts, each of another client. Ids of a directory count up, and ours are made of the time.
fn text(from: From, nth: u64) -> Result<Text, Error> {
    let now = beginning().plus(std::time::Duration::from_micros(nth * 1_000_000 / TEXTS));
    let sequence = (nth % 1_000) as u16;
    let client = if from == From::Stranger { ClientId::at(now, sequence) } else { client(nth) };
    let at = MessageRef { business: demo(), client, message: MessageId::at(now, sequence) };
    let assignee = StaffId::new(1 + nth % STAFF).ok_or("not an id")?;
    Ok(Text { at, assignee, unique: u128::from(nth) })
}

pub async fn print(system: &System, models: &Models) -> Result<(), Error> {
    println!(
        "{TEXTS} texts a second from as many clients of one business, on paper: write units a second of the fullest\n\
         partition, which takes {TAKES}, and how many parts of the lists are enough, of {} at most\n",
        Shards::MOST
    );
    let shown: String = SHOWN.map(|parts| format!("{:>10}", format!("{parts} parts"))).concat();
    println!("{:<34}{shown}{:>10}", "", "enough");
    for (name, from, head) in [
        ("more of what is unread", From::Unread, 1.0),
        ("the same, items of clients above 1 KB", From::Unread, 2.0),
        ("the first after all was read", From::Read, 1.0),
        ("the same, items of clients above 1 KB", From::Read, 2.0),
        ("strangers", From::Stranger, 1.0),
    ] {
        println!("{name}");
        let all = (1..=Shards::MOST).filter_map(Shards::new);
        let by_parts = all.map(|shards| fullest(from, shards, head)).collect::<Result<Vec<_>, _>>()?;
        for (place, what) in by_parts[0].keys() {
            let units = |parts: u64| by_parts[parts as usize - 1][&(*place, *what)];
            let numbers: String = SHOWN.map(|parts| format!("{:>10.0}", units(parts))).concat();
            let holds = |parts: u64| (parts..=Shards::MOST).all(|parts| units(parts) <= TAKES);
            let enough = (1..=Shards::MOST).find(|parts| holds(*parts));
            let enough = enough.map_or("none".to_owned(), |parts| parts.to_string());
            println!("  {place:<6}{what:<26}{numbers}{enough:>10}");
        }
    }
    println!();
    for (from, head) in [(From::Unread, 2.0), (From::Read, 2.0), (From::Stranger, 1.0)] {
        check(system, models, from, head).await?;
    }
    Ok(())
}

/// Compares what one text of this kind writes with what the engine says it wrote.
async fn check(system: &System, models: &Models, from: From, head: f64) -> Result<(), Error> {
    let usual = |unread: bool| {
        models.number_of(|head| {
            head.inbox_status == ConversationStatus::Open
                && head.assigned_to.is_some()
                && head.messages_flagged_count == 0
                && head.messages_count > 0
                && (head.unread_messages_count > 0) == unread
        })
    };
    let number = match from {
        From::Unread => usual(true),
        From::Read => usual(false),
        From::Stranger => Some(900_000),
    };
    let number = number.ok_or("no such model")?;
    let sender = format!("+1{}", Person::of(number).digits());
    let said = "Tuesday is fine, thank you! I will bring the forms and come a little earlier, so that we can talk about \
                the dates in spring as well.";
    let text_arrives = async || {
        system.local.twilio.client_sends(ClientText::new(&sender, seed::NUMBER, said)).await;
    };
    if from != From::Stranger {
        // The item has its size before the text that is looked at.
        text_arrives().await;
    }
    if from == From::Read {
        let body = json!({"conversation_id": client(number)});
        system.call(Method::POST, "/messages/status", body).await?;
    }
    let wire = &system.local.wire;
    wire.clear();
    wire.measure_capacity(true);
    text_arrives().await;
    wire.measure_capacity(false);
    let mut wrote: BTreeMap<String, f64> = BTreeMap::new();
    for call in wire.calls().iter().filter(|call| call.operation == "TransactWriteItems") {
        for table in call.consumed.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let mut add = |place: &str, units: &Value| {
                *wrote.entry(place.to_owned()).or_default() += units["CapacityUnits"].as_f64().unwrap_or(0.0);
            };
            add("table", &table["Table"]);
            for (index, units) in table["GlobalSecondaryIndexes"].as_object().into_iter().flatten() {
                add(index, units);
            }
        }
    }
    let mut said: BTreeMap<String, f64> = BTreeMap::new();
    for write in writes(from, &text(from, 0)?, Shards::default(), head)? {
        *said.entry(write.place.to_owned()).or_default() += write.units;
    }
    if said == wrote {
        Ok(())
    } else {
        Err(format!("{from:?}: {said:?} is said and {wrote:?} is written").into())
    }
}
