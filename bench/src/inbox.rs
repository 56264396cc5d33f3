//! What the shared inbox costs at size: pages of its lists at more and more conversations, what parts and waiting notes
//! do to them, and where a burst of texts is written.

mod burst;
mod fill;

use std::collections::HashSet;
use std::time::Instant;

use domain::channel::Channel;
use domain::inbox::{Assignment, ConversationFilter, MessageFilter};
use domain::{ClientId, LocationId, Timestamp};
use local::{Local, Options};
use serde_json::Value;
use store::keys;

use crate::Error;
use crate::bill::units;
use crate::system::System;
use fill::{Business, Models};

/// Conversations, unless the command line says how many.
const SIZES: [u64; 4] = [10, 1_000, 10_000, 100_000];
/// From here on every page below is full, so that pages can be compared.
const FULL: u64 = 1_000;
/// Rows of a page.
const PAGE: u64 = 50;
const ROUNDS: usize = 100;
/// Above this ratio a page takes longer at size.
const ALARM: f64 = 1.10;
/// Conversations that the engine holds in memory, some 8 KB each; more of them are in a file.
const MOST_IN_MEMORY: u64 = 300_000;
/// Conversations of the businesses that differ in the number of parts.
const SPREAD: u64 = 5_000;
/// Numbers of parts to compare.
const PARTS: [u64; 4] = [1, 8, 16, 64];
/// Notes that wait to become part of the sums.
const WAITING: [u64; 4] = [0, 100, 1_000, 10_000];

pub async fn run(arguments: &[&str]) -> Result<(), Error> {
    let mut sizes = arguments.iter().map(|size| size.parse()).collect::<Result<Vec<u64>, _>>()?;
    if sizes.is_empty() {
        sizes = SIZES.into();
    }
    sizes.sort_unstable();
    let (database, _folder) = engine(sizes.iter().sum::<u64>() > MOST_IN_MEMORY)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
    let system = System::on(Options { dynamodb_endpoint: Some(endpoint), ..Options::default() }).await?;
    let models = Models::make(&system, database).await?;
    burst::print(&system, &models).await?;
    let clients = Calls { http: reqwest::Client::new(), local: &system.local };
    parts(&clients, &models).await?;
    notes(&clients, &models).await?;
    at_size(&clients, &models, &sizes).await
}

/// The embedded engine, which is filled from inside. In a folder that goes with it, or in memory.
fn engine(in_folder: bool) -> Result<(dynoxide::Database, Option<tempfile::TempDir>), Error> {
    if !in_folder {
        return Ok((dynoxide::Database::memory()?, None));
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.db");
    Ok((dynoxide::Database::new(path.to_str().ok_or("a folder whose name is not UTF-8")?)?, Some(folder)))
}

/// The same pages at every size.
async fn at_size(calls: &Calls<'_>, models: &Models, sizes: &[u64]) -> Result<(), Error> {
    let mut asked = Vec::new();
    for (size, id) in sizes.iter().zip(2_001..) {
        let begun = Instant::now();
        let business = models.fill(calls.local, id, 1, *size).await?;
        println!("{size} conversations written in {:.1} s", begun.elapsed().as_secs_f64());
        let questions = questions(calls, &business).await?;
        asked.push((business, questions));
    }
    println!(
        "\nA page of {PAGE}: calls of the table, read units, rows; time over that at the first size from {FULL} on\n\
         (the lower quartiles of {ROUNDS}, interleaved: what else a machine does makes calls slower, never faster)\n"
    );
    let header: String = sizes.iter().map(|size| format!("{size:>24}")).collect();
    println!("{:<40}{header}", "conversations");
    let base = sizes.iter().position(|size| *size >= FULL).unwrap_or(0);
    let mut alarms = Vec::new();
    for (nth, times) in times(calls, &asked).await?.into_iter().enumerate() {
        let question = &asked[0].1[nth];
        let mut costs = Vec::new();
        for (business, questions) in &asked {
            costs.push(calls.cost(business, &questions[nth]).await?);
        }
        let mut line = format!("{:<40}", question.name);
        for (cost, time) in costs.iter().zip(&times) {
            line += &format!(
                "{:>5} {:>7.1} {:>3} {:>6.2}",
                cost.calls,
                cost.units,
                cost.rows,
                time / times[base]
            );
        }
        println!("{line}");
        if question.bounded {
            continue;
        }
        for ((cost, time), size) in costs.iter().zip(&times).zip(sizes).skip(base + 1) {
            if cost != &costs[base] {
                alarms
                    .push(format!("{} at {size}: {} calls, {} units", question.name, cost.calls, cost.units));
            }
            if time / times[base] > ALARM {
                alarms.push(format!("{} at {size}: {:.2} times as long", question.name, time / times[base]));
            }
        }
    }
    match alarms.as_slice() {
        [] => println!("\nFlat: the same calls, units and rows, and times within a tenth.\n"),
        alarms => println!("\nALARM, not flat:\n  {}\n", alarms.join("\n  ")),
    }
    Ok(())
}

/// How long each question takes at each size.
async fn times(calls: &Calls<'_>, asked: &[(Business, Vec<Question>)]) -> Result<Vec<Vec<f64>>, Error> {
    let questions = asked.first().map_or(0, |(_, questions)| questions.len());
    let mut times = vec![vec![Vec::with_capacity(ROUNDS); asked.len()]; questions];
    for round in 0..ROUNDS {
        for (nth, times) in times.iter_mut().enumerate() {
            // In another order each time: what a call leaves behind makes the next one faster or slower.
            let mut order: Vec<usize> = (0..asked.len()).collect();
            order.sort_by_key(|at| mixed((at + asked.len() * (round + ROUNDS * nth)) as u64));
            for at in order {
                let (business, questions) = &asked[at];
                let begun = Instant::now();
                calls.get(business, &questions[nth].path).await?;
                times[at].push(begun.elapsed().as_secs_f64());
            }
        }
    }
    Ok(times.into_iter().map(|times| times.into_iter().map(lower_quartile).collect()).collect())
}

/// Numbers in no order.
fn mixed(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32
}

fn lower_quartile(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 4).copied().unwrap_or(f64::NAN)
}

/// A page to ask for.
struct Question {
    name: &'static str,
    path: String,
    /// How many there have to be on all pages.
    total: Option<u64>,
    /// It costs more at size, up to a bound: most of what is looked at is dropped.
    bounded: bool,
}

/// The question that has to look at everything it is allowed to.
const NOBODY: &str = "a filter that nobody matches";

async fn questions(calls: &Calls<'_>, business: &Business) -> Result<Vec<Question>, Error> {
    let mut questions = Vec::new();
    let mut ask = |name, path: String, total| {
        questions.push(Question { name, path, total, bounded: name == NOBODY });
    };
    let page = format!("page_size={PAGE}");
    let location = LocationId::new(1);
    let open = Some(domain::standing::ConversationStatus::Open);
    let nowhere = LocationId::new(99);
    let filters = [
        ("no filter", "", ConversationFilter::default()),
        ("status=open", "&status=open", ConversationFilter { status: open, ..Default::default() }),
        (
            "assignment=unassigned",
            "&assignment=unassigned",
            ConversationFilter { assignment: Assignment::Unassigned, ..Default::default() },
        ),
        (
            "message_filter=unread",
            "&message_filter=unread",
            ConversationFilter { messages: MessageFilter::Unread, ..Default::default() },
        ),
        (
            "status=open&channel=sms&location_id=1",
            "&status=open&channel=sms&location_id=1",
            ConversationFilter { status: open, channel: Some(Channel::Sms), location, ..Default::default() },
        ),
        (NOBODY, "&location_id=99", ConversationFilter { location: nowhere, ..Default::default() }),
    ];
    for (name, query, filter) in filters {
        ask(name, format!("/conversations?{page}{query}"), Some(business.behind(&filter)));
    }
    let middle = middle(calls, business).await?;
    let after = middle.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    ask("the page in the middle, by cursor", format!("/conversations?{page}{after}"), Some(business.size));
    ask("conversations/filters", "/conversations/filters".to_owned(), None);
    let some = business.size.min(PAGE);
    let since = business.activity(business.size - some);
    ask("updated_since, 50 changes", format!("/conversations?{page}&updated_since={since}"), Some(some));
    let one = fill::Person::of(business.size / 2);
    ask(
        "conversations?search=…, one found",
        format!("/conversations?{page}&search={}", one.surname),
        Some(1),
    );
    let many = business.size.min(fill::NAMESAKES);
    let namesakes = format!("{page}&search={}", fill::NAMESAKE);
    ask("conversations?search=…, 60 found", format!("/conversations?{namesakes}"), Some(many));
    ask("clients", format!("/clients?{page}"), Some(business.size));
    ask("clients?search=…, one found", format!("/clients?{page}&search={}", one.digits()), Some(1));
    ask("clients?search=…, 60 found", format!("/clients?{namesakes}"), Some(many));
    Ok(questions)
}

/// The cursor of the page in the middle of the inbox.
async fn middle(calls: &Calls<'_>, business: &Business) -> Result<Option<String>, Error> {
    let mut cursor = None;
    for _ in 0..business.size / 200 {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = calls.get(business, &format!("/conversations?page_size=100{after}")).await?;
        cursor = page["next_cursor"].as_str().map(str::to_owned);
    }
    Ok(cursor)
}

/// What the number of parts costs, and that it does not show in the order.
async fn parts(calls: &Calls<'_>, models: &Models) -> Result<(), Error> {
    println!("The first page of {SPREAD} conversations, and a walk through all of them\n");
    println!("{:>6} {:>6} {:>8}   walk", "parts", "table", "read u.");
    for (parts, id) in PARTS.into_iter().zip(3_001..) {
        let business = models.fill(calls.local, id, parts, SPREAD).await?;
        let question = Question {
            name: "no filter",
            path: format!("/conversations?page_size={PAGE}"),
            total: Some(business.size),
            bounded: false,
        };
        let cost = calls.cost(&business, &question).await?;
        let walked = walk(calls, &business).await?;
        println!(
            "{parts:>6} {:>6} {:>8.1}   {walked} rows, each once, strictly descending",
            cost.calls, cost.units
        );
    }
    println!();
    Ok(())
}

/// Walks through the whole inbox.
async fn walk(calls: &Calls<'_>, business: &Business) -> Result<u64, Error> {
    let (mut seen, mut last, mut cursor) = (HashSet::new(), None::<String>, None::<String>);
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = calls.get(business, &format!("/conversations?page_size=100{after}")).await?;
        for row in page["items"].as_array().into_iter().flatten() {
            let client = row["client_id"].as_u64().and_then(ClientId::new).ok_or("a row without a client")?;
            let place = keys::activity(business.activity(fill::number(client)), client);
            if last.is_some_and(|last| last <= place) || !seen.insert(client) {
                return Err(format!("client {client} is out of order").into());
            }
            last = Some(place);
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let walked = seen.len() as u64;
    if walked != business.size {
        Err(format!("{walked} of {} rows", business.size).into())
    } else {
        Ok(walked)
    }
}

/// What changes of cell cost a reader until the sweeper has made them part of the sums, and the sweeper.
async fn notes(calls: &Calls<'_>, models: &Models) -> Result<(), Error> {
    println!("The first page of {FULL} conversations while changes wait to become part of the counts\n");
    println!(
        "{:>7} {:>6} {:>8}   the sweeper: {:>6} {:>8} {:>8}",
        "waiting", "table", "read u.", "table", "read u.", "write u."
    );
    let business = models.fill(calls.local, 4_001, 1, FULL).await?;
    calls.local.sweep().await?;
    let question = Question {
        name: "no filter",
        path: format!("/conversations?page_size={PAGE}"),
        total: Some(business.size),
        bounded: false,
    };
    for waiting in WAITING {
        models.leave_notes(calls.local, &business, waiting)?;
        let cost = calls.cost(&business, &question).await?;
        let (swept, counted) = calls.spent(async || Ok(calls.local.sweep().await?.counted)).await?;
        if counted as u64 != waiting {
            return Err(format!("the sweeper counted {counted} of {waiting} notes").into());
        }
        println!(
            "{waiting:>7} {:>6} {:>8.1} {:>22} {:>8.1} {:>8.1}",
            cost.calls, cost.units, swept.calls, swept.read_units, swept.write_units
        );
        calls.cost(&business, &question).await?;
    }
    println!();
    Ok(())
}

/// What a call cost.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    calls: usize,
    units: f64,
    rows: usize,
}

/// What passed over the wire to the table.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    calls: usize,
    read_units: f64,
    write_units: f64,
}

/// Calls of the API.
struct Calls<'a> {
    http: reqwest::Client,
    local: &'a Local,
}

impl Calls<'_> {
    async fn get(&self, business: &Business, path: &str) -> Result<Value, Error> {
        let url = format!("{}/businesses/{}{path}", self.local.base_url, business.id);
        let answer = self.http.get(&url).header("X-API-KEY", &business.key).send().await?;
        if !answer.status().is_success() {
            return Err(format!("{url}: {} {}", answer.status(), answer.text().await?).into());
        }
        Ok(answer.json().await?)
    }

    /// The cost of a page in a process that has just seen the caller. The total has to be right.
    async fn cost(&self, business: &Business, question: &Question) -> Result<Cost, Error> {
        self.get(business, &question.path).await?;
        let (spent, page) = self.spent(async || self.get(business, &question.path).await).await?;
        if let Some(total) = question.total
            && page["total"] != total
        {
            return Err(format!("{}: {} and not {total}", question.name, page["total"]).into());
        }
        let rows = page["items"].as_array().map_or(0, Vec::len);
        Ok(Cost { calls: spent.calls, units: spent.read_units, rows })
    }

    async fn spent<T>(&self, work: impl AsyncFnOnce() -> Result<T, Error>) -> Result<(Spent, T), Error> {
        let wire = &self.local.wire;
        wire.clear();
        wire.measure_capacity(true);
        let done = work().await;
        wire.measure_capacity(false);
        let mut spent = Spent::default();
        for call in wire.calls().iter().filter(|call| call.server == "dynamodb") {
            spent.calls += 1;
            let writes = call.operation.contains("Write")
                || call.operation.ends_with("Item")
                    && call.operation != "GetItem"
                    && call.operation != "BatchGetItem";
            *(if writes { &mut spent.write_units } else { &mut spent.read_units }) +=
                call.consumed.as_ref().map(units).unwrap_or_default();
        }
        Ok((spent, done?))
    }
}

/// An instant that was long ago, to count from.
fn beginning() -> Timestamp {
    Timestamp::from_millis(1_760_000_000_000)
}
