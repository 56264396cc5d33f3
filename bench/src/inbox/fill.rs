//! Businesses of any size, without a call for each client: some conversations are made through the API, in every state
//! that there is, and their items are cloned.
//!
//! A clone differs from its model in who it is about and in when it happened; every key is made anew. That this makes the
//! items that omega writes is checked where it can be: the clone of a model as itself is the model.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::address::Address;
use domain::client::Client;
use domain::conversation::Conversation;
use domain::fold::fold;
use domain::inbox::{Cell, ConversationFilter};
use domain::phone::Phone;
use domain::shards::Shards;
use domain::{BusinessId, ClientId, Timestamp};
use local::fake_twilio::{Callback, ClientText};
use local::{Local, seed};
use reqwest::Method;
use serde_json::{Value, json};
use store::ClientView;
use store::keys::{self, Key, attribute};

use super::beginning;
use crate::Error;
use crate::system::System;

pub type Item = HashMap<String, AttributeValue>;

/// Conversations that are made through the API: one for each combination of ten states and ten circumstances.
const MODELS: u64 = 100;
const STAFF: u64 = 8;
const LOCATIONS: u64 = 5;
/// How many clients of a business have the same first name, and which: for a search that finds a page.
pub const NAMESAKES: u64 = 60;
pub const NAMESAKE: &str = "Zelda";
/// Where the ids of clients begin, so that all are of one length, and their items of one size.
const FIRST: u64 = 1_000_000;

/// Somebody, by their number.
pub struct Person {
    first_name: &'static str,
    pub surname: String,
    phone: String,
}

impl Person {
    pub fn of(number: u64) -> Person {
        const FIRST_NAMES: [&str; 16] = [
            "Aaron", "Bella", "Caleb", "Diana", "Edwin", "Fiona", "Grace", "Henry", "Irene", "Jacob",
            "Karen", "Louis", "Maria", "Nadia", "Oscar", "Paula",
        ];
        let first_name = if number < NAMESAKES { NAMESAKE } else { FIRST_NAMES[(number / 7 % 16) as usize] };
        // Five syllables of sixteen: a name of its own for each of a million.
        let syllable = |place: u32| {
            let consonant = b"bdfghklmnprstvwz"[(number >> (4 * place) & 15) as usize] as char;
            [consonant, b"aeiou"[place as usize] as char]
        };
        let surname: String = (0..5).flat_map(syllable).collect();
        // The exchange 211 is nobody's.
        let exchange = match 200 + number / 10_000 {
            211 => 999,
            exchange => exchange,
        };
        Person { first_name, surname, phone: format!("+1415{exchange}{:04}", number % 10_000) }
    }

    fn name(&self) -> String {
        let (initial, rest) = self.surname.split_at(1);
        format!("{} {}{rest}", self.first_name, initial.to_uppercase())
    }

    fn email(&self) -> String {
        format!("{}.{}@example.com", self.first_name.to_lowercase(), self.surname)
    }

    /// Their number without the country.
    pub fn digits(&self) -> &str {
        &self.phone[2..]
    }
}

/// The client with this number.
pub fn client(number: u64) -> ClientId {
    ClientId::new(FIRST + number).unwrap_or(ClientId::at(beginning(), 0))
}

/// The number of a client.
pub fn number(client: ClientId) -> u64 {
    client.get() - FIRST
}

/// A business that was filled.
pub struct Business {
    pub id: BusinessId,
    pub key: String,
    pub size: u64,
    shards: Shards,
    cells: HashMap<Cell, u64>,
}

impl Business {
    /// How many conversations are behind a filter.
    pub fn behind(&self, filter: &ConversationFilter) -> u64 {
        self.cells.iter().filter(|(cell, _)| filter.matches(cell)).map(|(_, count)| count).sum()
    }

    /// When something last happened with a client: with two at a time, so that ids decide their order.
    pub fn activity(&self, number: u64) -> Timestamp {
        beginning().plus(Duration::from_secs(number / 2))
    }
}

/// Conversations to clone, a note of a change of cell, and where the clones go.
pub struct Models {
    all: Vec<Model>,
    note: Item,
    table: Table,
}

/// The table from inside the engine, where many items are one write.
pub struct Table {
    pub database: dynoxide::Database,
    pub name: String,
}

impl Table {
    fn write(&self, items: impl Iterator<Item = Result<Item, Error>>) -> Result<(), Error> {
        const AT_ONCE: usize = 20_000;
        let mut items = items.peekable();
        while items.peek().is_some() {
            let some = items.by_ref().take(AT_ONCE).map(|item| item.map(native));
            let some = some.collect::<Result<Vec<_>, _>>()?;
            self.database.import_items(&self.name, some, dynoxide::ImportOptions::default())?;
        }
        Ok(())
    }
}

struct Model {
    item: Item,
    client: Client,
    conversation: Conversation,
}

impl Models {
    /// Makes them through the API.
    pub async fn make(system: &System, database: dynoxide::Database) -> Result<Models, Error> {
        let local = &system.local;
        local.twilio.set_default_callbacks(Vec::<Callback>::new());
        directory(system).await?;
        let written: Vec<u64> = (0..MODELS).filter(|number| circumstances(*number).writes).collect();
        for ten in written.chunks(10) {
            let text = |number: &u64| json!({"client_id": client(*number), "to_phone_number": Person::of(*number).phone, "message": "See you on Tuesday at nine?"});
            let messages: Vec<Value> = ten.iter().map(text).collect();
            let body = json!({"category": "conversation", "messages": messages});
            system.call(Method::POST, "/sms/send", body).await?;
        }
        local.drain().await?;
        for number in 0..MODELS {
            state(system, number).await?;
        }
        let counted = stored(local, keys::counts_pk(demo(), 0), None).await?;
        let note = counted
            .into_iter()
            .find(|item| is(item, "type", s("Recount")))
            .ok_or("nothing was left to count")?;
        local.sweep().await?;
        let mut all = Vec::new();
        for number in 0..MODELS {
            all.push(Model::read(local, client(number)).await?);
        }
        let table = Table { database, name: local.table.clone() };
        let models = Models { all, note, table };
        models.check(local).await?;
        Ok(models)
    }

    /// The clone of a model as itself is the model, the counts are those of the models, and nothing else is there.
    async fn check(&self, local: &Local) -> Result<(), Error> {
        let business = demo();
        let (mut made, mut counts) = (Vec::new(), HashMap::new());
        for (model, number) in self.all.iter().zip(0..) {
            let head = &model.conversation;
            made.extend(model.cloned(
                business,
                Shards::default(),
                number,
                head.activity_at,
                head.changed_at,
            )?);
            *counts.entry(model.cell()).or_default() += 1;
        }
        made.extend(sums(business, 0, &counts)?);
        let made: HashSet<String> = made.iter().map(shown).collect();
        let mut found = HashSet::new();
        for number in 0..MODELS {
            let Key { pk, sk } = keys::profile(business, client(number));
            found.extend(stored(local, pk, Some(sk)).await?.iter().map(shown));
            let phone = Phone::from_e164(&Person::of(number).phone).ok_or("a phone number is none")?;
            let Key { pk, sk } = keys::address(business, &Address::Phone(phone));
            found.extend(stored(local, pk, Some(sk)).await?.iter().map(shown));
        }
        found.extend(stored(local, keys::find_pk(business), None).await?.iter().map(shown));
        let counted = stored(local, keys::counts_pk(business, 0), None).await?;
        let is_sum = |item: &&Item| is(item, "type", s("Count")) && !is(item, "clients_count", n(0));
        found.extend(counted.iter().filter(is_sum).map(shown));
        let due =
            (0..keys::DUE_SHARDS).any(|shard| is(&self.note, attribute::GSI1.1, s(keys::due_counts(shard))));
        if !due {
            return Err("notes of changes of cell are due elsewhere".into());
        }
        let different: Vec<&String> = made.symmetric_difference(&found).take(4).collect();
        if !different.is_empty() {
            return Err(format!("clones are not what omega writes: {different:#?}").into());
        }
        Ok(())
    }

    /// A business of this size, in so many parts.
    pub async fn fill(&self, local: &Local, id: u64, shards: u64, size: u64) -> Result<Business, Error> {
        let shards = Shards::new(shards).ok_or("too many parts")?;
        let id = BusinessId::new(id).ok_or("not an id")?;
        let key = onboard(local, id, shards).await?;
        let mut business = Business { id, key, size, shards, cells: HashMap::new() };
        let beside = stored(local, keys::counts_pk(demo(), 0), None).await?;
        let beside =
            beside.into_iter().filter(|item| is(item, "type", s("Staff")) || is(item, "type", s("Location")));
        let beside: Vec<Item> = beside
            .map(|mut item| {
                item.insert(attribute::PK.to_owned(), s(keys::business(id).pk));
                item.insert("business_id".to_owned(), n(id));
                item
            })
            .collect();
        let mut counts: Vec<HashMap<Cell, u64>> = vec![HashMap::new(); usize::from(shards.count())];
        for number in 0..size {
            let cell = self.model(number).cell();
            *counts[usize::from(shards.of(client(number)))].entry(cell).or_default() += 1;
            *business.cells.entry(cell).or_default() += 1;
        }
        let counts = counts.iter().zip(0..).map(|(counts, shard)| sums(id, shard, counts));
        let counts = counts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
        self.table.write(beside.into_iter().chain(counts).map(Ok))?;
        let clones = (0..size).flat_map(|number| {
            let at = business.activity(number);
            match self.model(number).cloned(id, shards, number, at, at) {
                Ok(items) => items.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        });
        self.table.write(clones)?;
        Ok(business)
    }

    /// Notes of changes of cell, as texts leave them: there and back, so that the sums stay right.
    pub fn leave_notes(&self, local: &Local, business: &Business, count: u64) -> Result<(), Error> {
        let now = local.clock.now();
        let (here, there) = (self.all[0].cell(), self.all[1].cell());
        let notes = (0..count).map(|nth| {
            let (from, to) = if nth % 2 == 0 { (here, there) } else { (there, here) };
            let shard = business.shards.of(client(nth));
            // Anything that looks as random as what omega chooses.
            let unique = u128::from(nth + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            let Key { pk, sk } = keys::recount(business.id, shard, unique);
            let mut item = self.note.clone();
            let mut set = |name: &str, value| item.insert(name.to_owned(), value);
            set(attribute::PK, s(pk));
            set(attribute::SK, s(sk));
            set("business_id", n(business.id));
            set("shard", n(shard));
            set("from_cell", s(from));
            set("to_cell", s(to));
            set(attribute::GSI1.1, s(keys::due_counts(keys::due_shard(nth))));
            set(attribute::GSI1.2, s(keys::due_number(now, business.id, format_args!("{unique:032x}"))));
            Ok(item)
        });
        self.table.write(notes)
    }

    fn model(&self, number: u64) -> &Model {
        &self.all[(number % MODELS) as usize]
    }

    /// The number of the first model of which this is true.
    pub fn number_of(&self, is: impl Fn(&Conversation) -> bool) -> Option<u64> {
        self.all.iter().zip(0..).find(|(model, _)| is(&model.conversation)).map(|(_, number)| number)
    }
}

/// What is decided of a model by its number. The ten states and the ten circumstances are independent.
struct Circumstances {
    status: &'static str,
    location: Option<u64>,
    assignee: Option<u64>,
    /// There are messages.
    writes: bool,
    unread: bool,
    flagged: bool,
    kind: &'static str,
}

fn circumstances(number: u64) -> Circumstances {
    let (ones, tens) = (number % 10, number / 10);
    let writes = (tens + 2 * ones) % 5 != 0;
    Circumstances {
        status: [
            "open", "open", "open", "open", "open", "open", "pending", "snoozed", "resolved", "resolved",
        ][ones as usize],
        location: [Some(1), Some(1), Some(2), Some(3), None][(tens % 5) as usize],
        assignee: ((ones + tens) % 2 == 0).then_some(1 + number % STAFF),
        writes,
        unread: writes && (ones + 3 * tens) % 10 < 3,
        flagged: writes && (3 * ones + tens) % 10 == 0,
        kind: if tens % 4 == 3 { "lead" } else { "client" },
    }
}

/// Staff, locations and clients.
async fn directory(system: &System) -> Result<(), Error> {
    for staff in 1..=STAFF {
        let body = json!({"staff_name": format!("Member {staff}"), "role": "staff", "active": true});
        system.call(Method::PUT, &format!("/staffs/{staff}"), body).await?;
    }
    for location in 1..=LOCATIONS {
        let body = json!({"name": format!("Studio {location}")});
        system.call(Method::PUT, &format!("/locations/{location}"), body).await?;
    }
    for number in 0..MODELS {
        let person = Person::of(number);
        let about = circumstances(number);
        let body = json!({
            "client_name": person.name(),
            "client_email": person.email(),
            "client_phone_number": person.phone,
            "client_type": about.kind,
            "location_id": about.location,
        });
        system.call(Method::PUT, &format!("/clients/{}", client(number)), body).await?;
    }
    Ok(())
}

/// Brings a conversation into its state.
async fn state(system: &System, number: u64) -> Result<(), Error> {
    let (about, client) = (circumstances(number), client(number));
    if about.writes {
        let text = ClientText::new(&Person::of(number).phone, seed::NUMBER, "Tuesday is fine, thank you!");
        system.local.twilio.client_sends(text).await;
        if !about.unread {
            system.call(Method::POST, "/messages/status", json!({"conversation_id": client})).await?;
        }
    } else {
        system.call(Method::POST, &format!("/clients/{client}/conversation"), json!({})).await?;
    }
    if about.flagged {
        let profile = system.call(Method::GET, &format!("/clients/{client}"), Value::Null).await?;
        let flag = format!("/messages/{}/flag", profile["last_message_id"]);
        system.call(Method::POST, &flag, Value::Null).await?;
    }
    if let Some(staff) = about.assignee {
        let assign = format!("/conversations/{client}/assign?staff_id={staff}");
        system.call(Method::POST, &assign, Value::Null).await?;
    }
    let until = if about.status == "snoozed" { "&snoozed_until=2099-01-01T00:00:00Z" } else { "" };
    if about.status != "open" {
        let status = format!("/conversations/{client}/status?status={}{until}", about.status);
        system.call(Method::POST, &status, Value::Null).await?;
    }
    Ok(())
}

impl Model {
    async fn read(local: &Local, client: ClientId) -> Result<Model, Error> {
        let Key { pk, sk } = keys::profile(demo(), client);
        let item = stored(local, pk, Some(sk)).await?.pop().ok_or("a model is not there")?;
        let (client, conversation) =
            (serde_dynamo::from_item(item.clone())?, serde_dynamo::from_item(item.clone())?);
        Ok(Model { item, client, conversation })
    }

    fn cell(&self) -> Cell {
        ClientView {
            client: self.client.clone(),
            conversation: Some(self.conversation.clone()),
            unopened: None,
        }
        .cell()
    }

    /// The items of somebody whose conversation is as this one.
    fn cloned(
        &self,
        business: BusinessId,
        shards: Shards,
        number: u64,
        activity_at: Timestamp,
        changed_at: Timestamp,
    ) -> Result<Vec<Item>, Error> {
        let (person, id, shard) = (Person::of(number), client(number), shards.of(client(number)));
        let phone = Phone::from_e164(&person.phone).ok_or("a phone number is none")?;
        let mut item = self.item.clone();
        let mut set = |name: &str, value| item.insert(name.to_owned(), value);
        let Key { pk, sk } = keys::profile(business, id);
        set(attribute::PK, s(pk));
        set(attribute::SK, s(sk));
        set("business_id", n(business));
        set("client_id", n(id));
        set("full_name", s(person.name()));
        set("email", s(person.email()));
        set("phone", s(phone.as_str()));
        set("phone_as_given", s(phone.as_str()));
        set("activity_at", s(activity_at));
        set("changed_at", s(changed_at));
        let standing = self.conversation.standing();
        set(attribute::GSI1.1, s(keys::inbox(business, standing.status, shard)));
        set(attribute::GSI1.2, s(keys::activity(activity_at, id)));
        if let Some(staff) = standing.assignee {
            set(attribute::GSI2.1, s(keys::assigned(business, staff)));
        }
        if standing.unread {
            set(attribute::GSI3.1, s(keys::unread(business, shard)));
        }
        if standing.flagged {
            set(attribute::GSI4.1, s(keys::flagged(business, shard)));
        }
        set(attribute::GSI5.1, s(keys::everything(business, shard)));
        set(attribute::GSI6.1, s(keys::changed(business, shard)));
        set(attribute::GSI6.2, s(keys::activity(changed_at, id)));
        set(attribute::GSI7.1, s(keys::names(business)));
        set(attribute::GSI7.2, s(keys::name(&fold(&person.name()), id)));

        let mut items = vec![item];
        let mut leads_to = |key, kind| {
            let mut item = stamped(key, kind);
            item.insert("client_id".to_owned(), n(id));
            items.push(item);
        };
        for term in terms(&person) {
            leads_to(keys::find(business, &term, id), "Term");
        }
        leads_to(keys::address(business, &Address::Phone(phone)), "Address");
        Ok(items)
    }
}

/// What a search finds somebody by.
fn terms(person: &Person) -> BTreeSet<String> {
    let name = fold(&person.name());
    let words: Vec<&str> = name.split(' ').collect();
    let backwards: String = person.phone.chars().filter(char::is_ascii_digit).rev().collect();
    let mut terms: BTreeSet<String> =
        (0..words.len()).map(|first| format!("name#{}", words[first..].join(" "))).collect();
    terms.insert(format!("email#{}", fold(&person.email())));
    terms.insert(format!("phone#{backwards}"));
    terms
}

/// The sums of one part.
fn sums(business: BusinessId, shard: u8, counts: &HashMap<Cell, u64>) -> Result<Vec<Item>, Error> {
    let sum = |(cell, count): (&Cell, &u64)| {
        let mut item = stamped(keys::count(business, shard, cell), "Count");
        item.insert("cell".to_owned(), s(cell));
        item.insert("clients_count".to_owned(), n(count));
        Ok(item)
    };
    counts.iter().map(sum).collect()
}

async fn onboard(local: &Local, business: BusinessId, shards: Shards) -> Result<String, Error> {
    let body = json!({"business_id": business, "country": "US", "phone_numbers": [], "inbox_shards": shards});
    let url = format!("{}/business/onboard", local.base_url);
    let call = reqwest::Client::new().post(url).header("X-API-KEY", &local.platform_key).json(&body);
    let answer: Value = call.send().await?.error_for_status()?.json().await?;
    Ok(answer["api_key"].as_str().ok_or("a business without a key")?.to_owned())
}

/// The same item, as the engine has it.
fn native(item: Item) -> dynoxide::types::Item {
    use dynoxide::types::AttributeValue as Native;
    fn value(of: AttributeValue) -> Native {
        match of {
            AttributeValue::S(text) => Native::S(text),
            AttributeValue::N(number) => Native::N(number),
            AttributeValue::Bool(is) => Native::BOOL(is),
            AttributeValue::L(list) => Native::L(list.into_iter().map(value).collect()),
            AttributeValue::M(map) => Native::M(native(map)),
            _ => Native::NULL(true),
        }
    }
    item.into_iter().map(|(name, of)| (name, value(of))).collect()
}

/// Items of a partition, or one.
pub async fn stored(local: &Local, pk: String, sk: Option<String>) -> Result<Vec<Item>, Error> {
    let mut query = local
        .engine
        .query()
        .table_name(&local.table)
        .consistent_read(true)
        .expression_attribute_names("#pk", attribute::PK)
        .expression_attribute_values(":pk", s(pk));
    query = match sk {
        None => query.key_condition_expression("#pk = :pk"),
        Some(sk) => query
            .key_condition_expression("#pk = :pk AND #sk = :sk")
            .expression_attribute_names("#sk", attribute::SK)
            .expression_attribute_values(":sk", s(sk)),
    };
    Ok(query.into_paginator().items().send().try_collect().await?)
}

fn is(item: &Item, name: &str, value: AttributeValue) -> bool {
    item.get(name) == Some(&value)
}

/// Key, type and version.
fn stamped(key: Key, kind: &str) -> Item {
    HashMap::from([
        (attribute::PK.to_owned(), s(key.pk)),
        (attribute::SK.to_owned(), s(key.sk)),
        ("type".to_owned(), s(kind)),
        ("v".to_owned(), n(1)),
    ])
}

fn s(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// An item as a text, the same for the same item.
fn shown(item: &Item) -> String {
    let mut attributes: Vec<String> = item.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    attributes.sort_unstable();
    attributes.join(", ")
}

/// The business that the models belong to.
pub fn demo() -> BusinessId {
    BusinessId::new(seed::BUSINESS).unwrap_or(BusinessId::at(beginning(), 0))
}
