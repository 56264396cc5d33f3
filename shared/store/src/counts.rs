//! How many conversations are behind each filter: sums, and what is not in them yet.
//!
//! Every client's item names the [`Cell`] that it is counted in. A write that moves it to another cell leaves a note of
//! that in the same transaction, as an item of its own, so that no two writes meet on a counter. The sweeper takes the
//! notes in bunches: it deletes them and changes the sums in one transaction, so each counts once. A reader adds what
//! is left to the sums: docs/adr/0017.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::inbox::Cell;
use domain::location::Location;
use domain::shards::Shards;
use domain::staff::Staff;
use domain::{BusinessId, ClientId, Result, StaffId};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::expression::Write;
use crate::item::{Item, decode, encode, s, value};
use crate::keys::attribute::{GSI1, PK, SK};
use crate::keys::{self, Key, span};

/// The most notes in one transaction: each is deleted and touches two sums at most, and a transaction has 100 parts.
const BUNCH: usize = 33;

/// A client went from cell to cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recount {
    business_id: BusinessId,
    shard: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_cell: Option<Cell>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_cell: Option<Cell>,
}

/// A note that is due to become part of the sums.
#[derive(Clone, Debug)]
pub struct DueRecount {
    key: Key,
    recount: Recount,
}

/// How many clients are in each cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(HashMap<Cell, i64>);

impl Counts {
    fn add(&mut self, cell: Cell, by: i64) {
        *self.0.entry(cell).or_default() += by;
    }

    fn add_recount(&mut self, recount: &Recount) {
        if let Some(cell) = recount.from_cell {
            self.add(cell, -1);
        }
        if let Some(cell) = recount.to_cell {
            self.add(cell, 1);
        }
    }

    /// How many are in cells that match.
    pub fn of(&self, matches: impl Fn(&Cell) -> bool) -> u64 {
        let sum: i64 = self.0.iter().filter(|(cell, _)| matches(cell)).map(|(_, count)| count).sum();
        u64::try_from(sum).unwrap_or(0)
    }

    /// Every cell that is not empty, with its count.
    pub fn cells(&self) -> impl Iterator<Item = (&Cell, i64)> {
        self.0.iter().map(|(cell, count)| (cell, *count)).filter(|(_, count)| *count != 0)
    }

    /// One more client in a cell: for counting anew.
    pub fn count(&mut self, cell: Cell) {
        self.add(cell, 1);
    }
}

/// What a list needs beside its rows.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// Counts of every cell.
    pub counts: Counts,
    /// Staff by id.
    pub staff: HashMap<StaffId, Staff>,
    /// Locations.
    pub locations: Vec<Location>,
}

impl Store {
    /// Says that a client is now counted in `to`, in a write that is refused when they are not counted in `from`. The
    /// note of it goes to `parts`, unless nothing changes.
    pub(crate) fn recounted(
        &self,
        write: Write,
        parts: &mut Vec<TransactWriteItem>,
        (business, client, shards): (BusinessId, ClientId, Shards),
        from: Option<&Cell>,
        to: Option<&Cell>,
    ) -> Result<Write> {
        let write = match from {
            Some(from) => write.when("cell", "=", s(from.to_string())),
            None => write.if_new(),
        };
        if from == to {
            return Ok(write);
        }
        parts.push(self.tx_recount(business, client, shards, from, to)?);
        Ok(write.put("cell", to.map(|to| s(to.to_string()))))
    }

    /// The note alone, for a write with conditions of its own.
    pub(crate) fn tx_recount(
        &self,
        business: BusinessId,
        client: ClientId,
        shards: Shards,
        from: Option<&Cell>,
        to: Option<&Cell>,
    ) -> Result<TransactWriteItem> {
        let shard = shards.of(client);
        let unique = fastrand::u128(..);
        let recount =
            Recount { business_id: business, shard, from_cell: from.copied(), to_cell: to.copied() };
        let mut item = encode(keys::recount(business, shard, unique), "Recount", &recount)?;
        let due_shard = keys::due_shard(fastrand::u64(..));
        item.insert(GSI1.1.to_owned(), s(keys::due_counts(due_shard)));
        let place = keys::due_number(self.clock().now(), business, format_args!("{unique:032x}"));
        item.insert(GSI1.2.to_owned(), s(place));
        self.tx_put(item, Write::new().if_new())
    }

    /// Makes notes part of the sums. What another sweeper was faster with is left alone. Returns how many.
    pub async fn sum_up(&self, due: Vec<DueRecount>) -> Result<usize> {
        let mut by_part: BTreeMap<(BusinessId, u8), Vec<DueRecount>> = BTreeMap::new();
        for one in due {
            by_part.entry((one.recount.business_id, one.recount.shard)).or_default().push(one);
        }
        let mut summed = 0;
        for ((business, shard), notes) in by_part {
            for bunch in notes.chunks(BUNCH) {
                if self.sum_up_bunch(business, shard, bunch).await? {
                    summed += bunch.len();
                    continue;
                }
                for one in bunch {
                    if self.sum_up_bunch(business, shard, std::slice::from_ref(one)).await? {
                        summed += 1;
                    }
                }
            }
        }
        Ok(summed)
    }

    async fn sum_up_bunch(&self, business: BusinessId, shard: u8, bunch: &[DueRecount]) -> Result<bool> {
        let mut net = Counts::default();
        let mut parts = Vec::with_capacity(bunch.len() * 3);
        for one in bunch {
            net.add_recount(&one.recount);
            parts.push(self.tx_delete(one.key.clone(), Write::new().if_exists())?);
        }
        for (cell, by) in net.cells() {
            let write = Write::new().stamp("Count").set_once("cell", value(cell)?).add("clients_count", by);
            parts.push(self.tx_update(keys::count(business, shard, cell), write)?);
        }
        Ok(self.transact(parts).await?.is_ok())
    }

    /// Counts, staff and locations of a business: one query for each part of its lists.
    pub async fn overview(&self, business: BusinessId, shards: Shards) -> Result<Overview> {
        self.read_overview(business, shards, span::COUNTS_TO_STAFF).await
    }

    /// The staff of a business, by id: one query.
    pub async fn staff(&self, business: BusinessId) -> Result<HashMap<StaffId, Staff>> {
        let mut overview = Overview::default();
        for item in self.query_all(keys::counts_pk(business, 0), span::STAFF).await? {
            overview.take(item)?;
        }
        Ok(overview.staff)
    }

    /// Counts of a business: one query for each part of its lists.
    pub async fn counts(&self, business: BusinessId, shards: Shards) -> Result<Counts> {
        Ok(self.read_overview(business, shards, span::COUNTS).await?.counts)
    }

    async fn read_overview(
        &self,
        business: BusinessId,
        shards: Shards,
        first: (&'static str, &'static str),
    ) -> Result<Overview> {
        let part = |shard: u8| {
            let span = if shard == 0 { first } else { span::COUNTS };
            self.query_all(keys::counts_pk(business, shard), span)
        };
        let mut overview = Overview::default();
        for items in try_join_all(shards.all().map(part)).await? {
            for item in items {
                overview.take(item)?;
            }
        }
        Ok(overview)
    }

    /// Every item of a span of a partition, strongly consistent.
    pub(crate) async fn query_all(&self, pk: String, span: (&str, &str)) -> Result<Vec<Item>> {
        let (mut items, mut next) = (Vec::new(), None);
        loop {
            let (some, more) = self.query_span(pk.clone(), span, None, next).await?;
            items.extend(some);
            next = more;
            if next.is_none() {
                return Ok(items);
            }
        }
    }

    /// The first items of a span of a partition behind `after`, `most` of them or some 1 MB, strongly consistent; and behind
    /// what there are more.
    pub(crate) async fn query_span(
        &self,
        pk: String,
        (from, to): (&str, &str),
        most: Option<i32>,
        after: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>)> {
        let answer = self
            .ddb
            .query()
            .table_name(&*self.table)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":from", s(from))
            .expression_attribute_values(":to", s(to))
            .consistent_read(true)
            .set_limit(most)
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(crate::error::from_sdk)?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}

impl Overview {
    fn take(&mut self, item: Item) -> Result<()> {
        #[derive(Deserialize)]
        struct Count {
            cell: Cell,
            clients_count: i64,
        }
        match kind(&item) {
            "Count" => {
                let count: Count = decode(item)?;
                self.counts.add(count.cell, count.clients_count);
            }
            "Recount" => self.counts.add_recount(&decode(item)?),
            "Staff" => {
                let staff: Staff = decode(item)?;
                self.staff.insert(staff.staff_id, staff);
            }
            "Location" => self.locations.push(decode(item)?),
            _ => {}
        }
        Ok(())
    }
}

/// What kind of item it is.
pub(crate) fn kind(item: &Item) -> &str {
    item.get("type").and_then(|kind| kind.as_s().ok()).map_or("", String::as_str)
}

/// A note out of the due index.
pub(crate) fn due_recount(item: Item) -> Result<DueRecount> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let key = Key { pk: text(PK), sk: text(SK) };
    Ok(DueRecount { key, recount: decode(item)? })
}
