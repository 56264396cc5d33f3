//! Lists of conversations and clients: one query for each part of the business's lists, and nothing for a row.
//!
//! A list reads the narrowest index that answers the filter and leaves the rest to the table, which drops what does not
//! match. Parts are merged by their place. A list is left off at a place, never at a count, so that a reader who goes on
//! meets nothing twice and misses nothing that was there throughout.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Select};
use domain::client::{Client, ClientType};
use domain::fold::fold;
use domain::inbox::{Assignment, Cell, ConversationFilter, MessageFilter};
use domain::phone::{Country, Phone};
use domain::shards::Shards;
use domain::{BusinessId, ClientId, Error, LocationId, Result, Timestamp};
use futures_util::future::try_join_all;

use crate::clients::{ClientView, Profile, begins, client_in, phone_term};
use crate::item::{Item, decode, n, s, value};
use crate::keys::attribute::{GSI1, GSI2, GSI3, GSI4, GSI5, GSI6, GSI7, PK, SK};
use crate::tombstones::{Changed, Tombstone};
use crate::{Store, keys};

/// The most rows of one part that a call looks at when most of them do not match: as many as page numbers reach.
const MOST_LOOKED_AT: usize = 10_000;
/// Rows that are looked at in one query, some 1 MB.
const LOOKED_AT_ONCE: usize = 1_000;
/// The most queries of one part that count what changed since an instant, some 1 MB each.
const MOST_COUNTED: usize = 32;
/// The most queries that a search for clients makes, some 7 000 clients each.
const MOST_SEARCHED: usize = 10;
/// How often a part of the list by name goes on reading, some ten thousand rows each time.
const MOST_READS: usize = 8;
/// The most clients whose conversations a search looks at.
pub const MOST_FOUND: usize = 1_000;

/// Some rows of a list, and where to go on.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next ones begin. `None` when there are no more.
    pub next: Option<String>,
}

impl<T> Rows<T> {
    /// The same place with other rows.
    pub fn map<U>(self, row: impl FnMut(T) -> U) -> Rows<U> {
        Rows { rows: self.rows.into_iter().map(row).collect(), next: self.next }
    }
}

/// From where on, and how many.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Behind this place; `None` from the beginning.
    pub after: Option<&'a str>,
    /// At most so many rows.
    pub most: usize,
}

/// Clients of one location.
#[derive(Clone, Copy, Debug)]
pub struct ClientsOf {
    /// Where they belong.
    pub location: LocationId,
    /// Only those who are clients no more, or only those who are.
    pub inactive: Option<bool>,
}

impl ClientsOf {
    fn filter(&self) -> Result<Filter> {
        let mut filter = Filter::default();
        filter.when("location_id", "=", n(self.location.get()));
        if let Some(inactive) = &self.inactive {
            filter.when("inactive", "=", value(inactive)?);
        }
        Ok(filter)
    }
}

/// A row of a list of clients.
#[derive(Clone, Debug)]
pub struct ListedClient {
    /// The client.
    pub client: Client,
    /// Whether there is a conversation with them.
    pub has_conversation: bool,
}

/// An index, the parts of it to read, and what is left to be dropped.
struct Plan {
    index: (&'static str, &'static str, &'static str),
    parts: Vec<String>,
    forward: bool,
    from: Option<String>,
    filter: Filter,
    /// The part with tombstones, where they are asked for. No filter can judge a tombstone, so all of them are rows.
    gone: Option<String>,
}

/// Conditions on rows, as an expression.
#[derive(Clone, Debug, Default)]
struct Filter {
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Filter {
    fn when(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let place = format!(":f{}", self.values.len());
        self.names.insert(format!("#{attribute}"), attribute.to_owned());
        self.conditions.push(format!("#{attribute} {comparison} {place}"));
        self.values.insert(place, value);
    }

    fn exists(&mut self, attribute: &str, exists: bool) {
        let function = if exists { "attribute_exists" } else { "attribute_not_exists" };
        self.names.insert(format!("#{attribute}"), attribute.to_owned());
        self.conditions.push(format!("{function}(#{attribute})"));
    }

    fn expression(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }
}

impl Plan {
    /// The narrowest index that has every conversation the filter asks for, newest activity first.
    fn by_activity(business: BusinessId, shards: Shards, asked: &ConversationFilter) -> Result<Plan> {
        let mut left = *asked;
        let (index, parts) = if let Assignment::To(staff) = asked.assignment {
            left.assignment = Assignment::All;
            (GSI2, vec![keys::assigned(business, staff)])
        } else if asked.messages == MessageFilter::Unread {
            left.messages = MessageFilter::All;
            (GSI3, shards.all().map(|shard| keys::unread(business, shard)).collect())
        } else if asked.messages == MessageFilter::Flagged {
            left.messages = MessageFilter::All;
            (GSI4, shards.all().map(|shard| keys::flagged(business, shard)).collect())
        } else if let Some(status) = asked.status {
            left.status = None;
            (GSI1, shards.all().map(|shard| keys::inbox(business, status, shard)).collect())
        } else {
            (GSI5, shards.all().map(|shard| keys::everything(business, shard)).collect())
        };
        Ok(Plan { index, parts, forward: false, from: None, filter: conditions(&left)?, gone: None })
    }

    /// Clients by name.
    fn by_name(business: BusinessId, filter: Filter) -> Plan {
        let parts = vec![keys::names(business)];
        Plan { index: GSI7, parts, forward: true, from: None, filter, gone: None }
    }

    /// Everything that changed at `since` or later, oldest change first.
    fn by_change(business: BusinessId, shards: Shards, since: Timestamp, filter: Filter) -> Plan {
        Plan {
            index: GSI6,
            parts: shards.all().map(|shard| keys::changed(business, shard)).collect(),
            forward: true,
            from: Some(since.to_string()),
            filter,
            gone: None,
        }
    }

    /// The same rows and the tombstones of the business among them.
    fn and_gone(self, business: BusinessId) -> Plan {
        Plan { gone: Some(keys::gone(business)), ..self }
    }

    /// Every part to read, each with what is left to be dropped there.
    fn all_parts(&self) -> impl Iterator<Item = (&str, Option<&Filter>)> {
        let filter = Some(&self.filter).filter(|filter| !filter.conditions.is_empty());
        let clients = self.parts.iter().map(move |pk| (pk.as_str(), filter));
        clients.chain(self.gone.as_deref().map(|pk| (pk, None)))
    }
}

/// The conditions of a filter: what [`ConversationFilter::matches`] says, as the table checks it.
fn conditions(asked: &ConversationFilter) -> Result<Filter> {
    let mut filter = Filter::default();
    match asked.assignment {
        Assignment::All => {}
        Assignment::Assigned => filter.exists("assigned_to", true),
        Assignment::Unassigned => filter.exists("assigned_to", false),
        Assignment::To(staff) => filter.when("assigned_to", "=", n(staff.get())),
    }
    match asked.messages {
        MessageFilter::All => {}
        MessageFilter::Unread => filter.when("unread_messages_count", ">", n(0)),
        MessageFilter::Flagged => filter.when("messages_flagged_count", ">", n(0)),
    }
    if let Some(status) = &asked.status {
        filter.when("inbox_status", "=", value(status)?);
    }
    if let Some(channel) = &asked.channel {
        filter.when("last_channel", "=", value(channel)?);
    }
    if let Some(location) = asked.location {
        filter.when("location_id", "=", n(location.get()));
    }
    Ok(filter)
}

/// What was read of one part.
struct Part {
    rows: Vec<(String, Item)>,
    /// Up to where; `None` when there is nothing behind.
    reached: Option<String>,
}

impl Store {
    /// Conversations that a filter asks for, newest activity first.
    pub async fn conversations(
        &self,
        business: BusinessId,
        shards: Shards,
        filter: &ConversationFilter,
        window: Window<'_>,
    ) -> Result<Rows<ClientView>> {
        self.read(Plan::by_activity(business, shards, filter)?, window, ClientView::out_of).await
    }

    /// Conversations that changed at `since` or later and that a filter asks for, and clients who went since then, oldest
    /// change first.
    pub async fn changed_conversations(
        &self,
        business: BusinessId,
        shards: Shards,
        (filter, since): (&ConversationFilter, Timestamp),
        window: Window<'_>,
    ) -> Result<Rows<Changed<ClientView>>> {
        let mut conditions = conditions(filter)?;
        conditions.exists("began_at", true);
        let plan = Plan::by_change(business, shards, since, conditions).and_gone(business);
        self.read(plan, window, |item| Changed::out_of(item, ClientView::out_of)).await
    }

    /// How many [`Store::changed_conversations`] there are; `None` when they are too many to count.
    pub async fn count_changed_conversations(
        &self,
        business: BusinessId,
        shards: Shards,
        (filter, since): (&ConversationFilter, Timestamp),
    ) -> Result<Option<u64>> {
        let mut conditions = conditions(filter)?;
        conditions.exists("began_at", true);
        self.count(&Plan::by_change(business, shards, since, conditions).and_gone(business)).await
    }

    /// Clients, by name.
    pub async fn clients(
        &self,
        business: BusinessId,
        kind: Option<ClientType>,
        window: Window<'_>,
    ) -> Result<Rows<ListedClient>> {
        self.read(Plan::by_name(business, of_kind(kind)?), window, listed).await
    }

    /// Clients by name, either those whom the directory named or the strangers among them: `most` behind the first `skip`.
    pub async fn clients_by_name(
        &self,
        business: BusinessId,
        (strangers, descending): (bool, bool),
        (skip, most): (usize, usize),
    ) -> Result<Vec<ClientId>> {
        self.in_name_order(business, named(strangers)?, descending, (skip, most)).await
    }

    /// Clients of the list by name that a filter asks for: `most` behind the first `skip`.
    async fn in_name_order(
        &self,
        business: BusinessId,
        filter: Filter,
        descending: bool,
        (skip, most): (usize, usize),
    ) -> Result<Vec<ClientId>> {
        let (mut found, mut next) = (Vec::new(), None);
        for _ in 0..MOST_READS {
            let window = Window { after: next.as_deref(), most: skip + most - found.len() };
            let plan = Plan { forward: !descending, ..Plan::by_name(business, filter.clone()) };
            let more = self.read(plan, window, |item| client_in(&item)).await?;
            found.extend(more.rows);
            next = more.next;
            if next.is_none() || found.len() >= skip + most {
                break;
            }
        }
        Ok(found.split_off(skip.min(found.len())))
    }

    /// How many [`Store::clients_by_name`] there are: at least so many, where there are too many to count.
    pub async fn count_clients_by_name(&self, business: BusinessId, strangers: bool) -> Result<u64> {
        self.count_by_name(business, named(strangers)?).await
    }

    /// Clients of a location, by name: `most` behind the first `skip`.
    pub async fn clients_of(
        &self,
        business: BusinessId,
        of: ClientsOf,
        part: (usize, usize),
    ) -> Result<Vec<ClientId>> {
        self.in_name_order(business, of.filter()?, false, part).await
    }

    /// How many [`Store::clients_of`] there are: at least so many, where there are too many to count.
    pub async fn count_clients_of(&self, business: BusinessId, of: ClientsOf) -> Result<u64> {
        self.count_by_name(business, of.filter()?).await
    }

    async fn count_by_name(&self, business: BusinessId, filter: Filter) -> Result<u64> {
        let plan = Plan::by_name(business, filter);
        let sums = try_join_all(plan.all_parts().map(|part| self.count_part(&plan, part))).await?;
        Ok(sums.into_iter().map(|(sum, _)| sum).sum())
    }

    /// Every client of a location whose entry changed at `since` or later, each once. `None` when they are too many to
    /// put together, or lie among too many others.
    pub async fn clients_of_changed(
        &self,
        business: BusinessId,
        shards: Shards,
        (of, since): (ClientsOf, Timestamp),
    ) -> Result<Option<Vec<ClientView>>> {
        let mut filter = of.filter()?;
        filter.when("updated_at", ">=", s(since.to_string()));
        let (mut found, mut next) = (BTreeMap::new(), None::<String>);
        for _ in 0..MOST_READS {
            let plan = Plan::by_change(business, shards, since, filter.clone());
            let window = Window { after: next.as_deref(), most: LOOKED_AT_ONCE };
            let rows = self.read(plan, window, ClientView::out_of).await?;
            found.extend(rows.rows.into_iter().map(|view| (view.client.client_id, view)));
            next = rows.next;
            if next.is_none() {
                return Ok(Some(found.into_values().collect()));
            }
        }
        Ok(None)
    }

    /// Clients who changed at `since` or later, in their entry or their conversation, and those who went since then,
    /// oldest change first.
    pub async fn changed_clients(
        &self,
        business: BusinessId,
        shards: Shards,
        (kind, since): (Option<ClientType>, Timestamp),
        window: Window<'_>,
    ) -> Result<Rows<Changed<ListedClient>>> {
        let plan = Plan::by_change(business, shards, since, of_kind(kind)?).and_gone(business);
        self.read(plan, window, |item| Changed::out_of(item, listed)).await
    }

    /// Clients who went at `since` or later, oldest first.
    pub(crate) async fn read_tombstones(
        &self,
        business: BusinessId,
        since: Timestamp,
        window: Window<'_>,
    ) -> Result<Rows<Tombstone>> {
        let plan = Plan::by_change(business, Shards::default(), since, Filter::default()).and_gone(business);
        self.read(Plan { parts: Vec::new(), ..plan }, window, decode).await
    }

    /// Every client who changed at `since` or later, with the cell that they say they are counted in.
    pub(crate) async fn counted_clients(
        &self,
        business: BusinessId,
        shards: Shards,
        since: Timestamp,
        window: Window<'_>,
    ) -> Result<Rows<(ClientView, Cell)>> {
        self.read(Plan::by_change(business, shards, since, Filter::default()), window, counted).await
    }

    /// How many [`Store::changed_clients`] there are; `None` when they are too many to count.
    pub async fn count_changed_clients(
        &self,
        business: BusinessId,
        shards: Shards,
        (kind, since): (Option<ClientType>, Timestamp),
    ) -> Result<Option<u64>> {
        self.count(&Plan::by_change(business, shards, since, of_kind(kind)?).and_gone(business)).await
    }

    /// Every client whom a search finds, in the order in which their words stand in the list: by a mail address or the
    /// beginning of one, by a number in any spelling or its last digits, by the beginning of a name or of any word of
    /// it. `None` when they are too many.
    pub async fn find_clients(
        &self,
        business: BusinessId,
        search: &str,
        country: Country,
    ) -> Result<Option<Vec<ClientId>>> {
        let found = self.find_places(business, search, country).await?;
        Ok(found.map(|found| found.into_iter().map(|(_, client)| client).collect()))
    }

    /// The same clients, each with their place in that order.
    pub async fn find_places(
        &self,
        business: BusinessId,
        search: &str,
        country: Country,
    ) -> Result<Option<Vec<(String, ClientId)>>> {
        for prefix in search_prefixes(search, country) {
            match self.find_by_prefix(business, &prefix).await? {
                Some(found) if found.is_empty() => {}
                found => return Ok(found),
            }
        }
        Ok(Some(Vec::new()))
    }

    async fn find_by_prefix(
        &self,
        business: BusinessId,
        prefix: &str,
    ) -> Result<Option<Vec<(String, ClientId)>>> {
        let mut found = Vec::new();
        let mut next = None;
        for _ in 0..MOST_SEARCHED {
            let answer = self
                .ddb
                .query()
                .table_name(&*self.table)
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":pk", s(keys::find_pk(business)))
                .expression_attribute_values(":prefix", s(prefix))
                .set_exclusive_start_key(next)
                .send()
                .await
                .map_err(crate::error::from_sdk)?;
            for item in answer.items.unwrap_or_default() {
                found.push((crate::merging::key_of(&item)?.sk, client_in(&item)?));
            }
            next = answer.last_evaluated_key;
            if next.is_none() {
                let mut seen = std::collections::HashSet::new();
                found.retain(|(_, client)| seen.insert(*client));
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Clients by id, in the order asked for: one read for each hundred, at the same time. Those that are gone are left
    /// out.
    pub async fn client_views(&self, business: BusinessId, clients: &[ClientId]) -> Result<Vec<ClientView>> {
        let hundreds = clients.chunks(100).map(|hundred| {
            self.batch_get(hundred.iter().map(|client| keys::profile(business, *client)).collect())
        });
        let mut found = HashMap::new();
        for item in try_join_all(hundreds).await?.into_iter().flatten() {
            if let Profile::Here(view) = Profile::out_of(item)? {
                found.insert(view.client.client_id, *view);
            }
        }
        Ok(clients.iter().filter_map(|client| found.remove(client)).collect())
    }

    async fn read<T>(
        &self,
        plan: Plan,
        window: Window<'_>,
        row: impl Fn(Item) -> Result<T>,
    ) -> Result<Rows<T>> {
        let parts = plan.all_parts().map(|part| self.read_part(&plan, part, window));
        let parts = try_join_all(parts).await?;
        // Nothing behind the place up to which every part was read can be told yet.
        let limit = parts.iter().filter_map(|part| part.reached.as_deref());
        let limit = if plan.forward { limit.min() } else { limit.max() }.map(str::to_owned);
        let told = |place: &str| match (&limit, plan.forward) {
            (None, _) => true,
            (Some(limit), true) => place <= limit.as_str(),
            (Some(limit), false) => place >= limit.as_str(),
        };
        let mut rows: Vec<(String, Item)> =
            parts.into_iter().flat_map(|part| part.rows).filter(|(place, _)| told(place)).collect();
        rows.sort_unstable_by(|(a, _), (b, _)| if plan.forward { a.cmp(b) } else { b.cmp(a) });
        let next = if rows.len() > window.most {
            rows.truncate(window.most);
            rows.last().map(|(place, _)| place.clone())
        } else {
            limit
        };
        Ok(Rows { rows: rows.into_iter().map(|(_, item)| row(item)).collect::<Result<_>>()?, next })
    }

    async fn read_part(&self, plan: &Plan, of: (&str, Option<&Filter>), window: Window<'_>) -> Result<Part> {
        let want = window.most + 1;
        let narrow = of.1.is_none();
        let mut part = Part { rows: Vec::new(), reached: window.after.map(str::to_owned) };
        let mut looked_at = 0;
        loop {
            // Where rows are dropped, a page is looked for among several times as many, and then among many more.
            let limit = match (narrow, looked_at) {
                (true, _) => want,
                (false, 0) => (4 * want).min(LOOKED_AT_ONCE.max(want)),
                (false, _) => LOOKED_AT_ONCE.max(want),
            };
            let answer = self.query_part(plan, of, part.reached.as_deref(), None, Some(limit)).await?;
            looked_at += usize::try_from(answer.scanned_count).unwrap_or(limit);
            for item in answer.items.unwrap_or_default() {
                part.rows.push((place(&item, plan.index)?, item));
            }
            match answer.last_evaluated_key {
                None => part.reached = None,
                Some(key) => part.reached = Some(place(&key, plan.index)?),
            }
            if part.reached.is_none() || part.rows.len() >= want || looked_at >= MOST_LOOKED_AT.max(2 * want)
            {
                return Ok(part);
            }
        }
    }

    async fn count(&self, plan: &Plan) -> Result<Option<u64>> {
        let sums = try_join_all(plan.all_parts().map(|part| self.count_part(plan, part))).await?;
        Ok(sums.into_iter().map(|(sum, is_all)| is_all.then_some(sum)).sum())
    }

    /// How many rows of one part match, and whether all of it was looked at.
    async fn count_part(&self, plan: &Plan, of: (&str, Option<&Filter>)) -> Result<(u64, bool)> {
        let (mut sum, mut after) = (0u64, None);
        for _ in 0..MOST_COUNTED {
            let select = Some(Select::Count);
            let answer = self.query_part(plan, of, after.as_deref(), select, None).await?;
            sum += u64::try_from(answer.count).unwrap_or(0);
            match answer.last_evaluated_key {
                None => return Ok((sum, true)),
                Some(key) => after = Some(place(&key, plan.index)?),
            }
        }
        Ok((sum, false))
    }

    async fn query_part(
        &self,
        plan: &Plan,
        (pk, filter): (&str, Option<&Filter>),
        after: Option<&str>,
        select: Option<Select>,
        limit: Option<usize>,
    ) -> Result<aws_sdk_dynamodb::operation::query::QueryOutput> {
        let (index, pk_name, sk_name) = plan.index;
        let mut call = self
            .ddb
            .query()
            .table_name(&*self.table)
            .index_name(index)
            .expression_attribute_names("#pk", pk_name)
            .expression_attribute_values(":pk", s(pk))
            .scan_index_forward(plan.forward)
            .set_select(select)
            .set_limit(limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)))
            .set_filter_expression(filter.and_then(Filter::expression));
        let bound = match (after, &plan.from, plan.forward) {
            (Some(after), _, true) => Some((">", after)),
            (Some(after), _, false) => Some(("<", after)),
            (None, Some(from), _) => Some((">=", from.as_str())),
            (None, None, _) => None,
        };
        call = match bound {
            Some((comparison, place)) => call
                .key_condition_expression(format!("#pk = :pk AND #sk {comparison} :place"))
                .expression_attribute_names("#sk", sk_name)
                .expression_attribute_values(":place", s(place)),
            None => call.key_condition_expression("#pk = :pk"),
        };
        for (name, attribute) in filter.iter().flat_map(|filter| &filter.names) {
            call = call.expression_attribute_names(name, attribute);
        }
        for (name, value) in filter.iter().flat_map(|filter| &filter.values) {
            call = call.expression_attribute_values(name, value.clone());
        }
        call.send().await.map_err(crate::error::from_sdk)
    }

    /// Items by key, strongly consistent; missing ones are left out.
    pub(crate) async fn batch_get(&self, wanted: Vec<keys::Key>) -> Result<Vec<Item>> {
        let wanted: Vec<Item> = wanted
            .into_iter()
            .map(|key| HashMap::from([(PK.to_owned(), s(key.pk)), (SK.to_owned(), s(key.sk))]))
            .collect();
        let mut items = Vec::with_capacity(wanted.len());
        let mut left = Some(wanted).filter(|wanted| !wanted.is_empty());
        // The service may leave some for a next call when they are large; twenty rounds of progress cover 100 items.
        for _ in 0..20 {
            let Some(keys) = left.take() else { return Ok(items) };
            let ask = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(|error| Error::Internal(error.into()))?;
            let answer = self
                .ddb
                .batch_get_item()
                .request_items(&*self.table, ask)
                .send()
                .await
                .map_err(crate::error::from_sdk)?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            left = answer
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&*self.table))
                .map(|rest| rest.keys)
                .filter(|keys| !keys.is_empty());
        }
        Err(Error::Unavailable("the table left keys unread".into()))
    }
}

/// Clients as far as the directory named them, or as far as it did not.
fn named(strangers: bool) -> Result<Filter> {
    let mut filter = Filter::default();
    filter.when("provisional", "=", value(&strangers)?);
    Ok(filter)
}

fn of_kind(kind: Option<ClientType>) -> Result<Filter> {
    let mut filter = Filter::default();
    if let Some(kind) = &kind {
        filter.when("client_type", "=", value(kind)?);
    }
    Ok(filter)
}

fn listed(item: Item) -> Result<ListedClient> {
    let has_conversation = item.contains_key("began_at");
    Ok(ListedClient { client: decode(item)?, has_conversation })
}

/// A client with the cell that their item says they are counted in.
pub(crate) fn counted(item: Item) -> Result<(ClientView, Cell)> {
    let cell = item.get("cell").and_then(|cell| Cell::parse(cell.as_s().ok()?));
    let cell = cell.ok_or_else(|| Error::internal("a client who is counted in no cell"))?;
    Ok((ClientView::out_of(item)?, cell))
}

/// The place of a row in an index.
fn place(item: &Item, index: (&str, &str, &str)) -> Result<String> {
    let place = item.get(index.2).and_then(|place| place.as_s().ok());
    place.cloned().ok_or_else(|| Error::internal("a row without its place in the index"))
}

/// What the terms that a search asks for begin with: the first that finds anybody counts. What can be read as a number
/// is one, or else the last digits of some.
fn search_prefixes(search: &str, country: Country) -> Vec<String> {
    if search.contains('@') {
        // A sender without a number may have one as well, as `sip:alice@example.com`.
        return ["email", "name"].map(|kind| format!("{kind}#{}", begins(&fold(search)))).into();
    }
    let digits = search.chars().filter(char::is_ascii_digit).count();
    let last_digits = digits >= 3 && !search.chars().any(char::is_alphabetic);
    let whole = Phone::parse(search, country).ok().map(|phone| format!("{}#", phone_term(phone.as_str())));
    let number = whole.into_iter().chain(last_digits.then(|| phone_term(search)));
    let prefixes: Vec<String> = number.collect();
    if prefixes.is_empty() { vec![format!("name#{}", begins(&fold(search)))] } else { prefixes }
}

/// Where a client with this conversation stands in a list by activity: for lists that are put together here.
pub fn activity_place(view: &ClientView) -> Option<String> {
    let conversation = view.conversation.as_ref()?;
    Some(keys::activity(conversation.activity_at, view.client.client_id))
}

/// When a client changed last, in their entry or their conversation.
pub fn changed_at(view: &ClientView) -> Timestamp {
    // A client without any message changes with the entry alone.
    view.head().map_or(view.client.updated_at, |head| head.changed_at)
}

/// Where a client stands in a list by last change.
pub fn change_place(view: &ClientView) -> String {
    keys::activity(changed_at(view), view.client.client_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_told_by_what_it_looks_like() {
        let prefix = |search: &str| search_prefixes(search, Country::default())[0].clone();
        assert_eq!(prefix("Zoë Mül"), "name#zoe mul");
        assert_eq!(prefix("Ada@Example.COM"), "email#ada@example.com");
        assert_eq!(prefix("(415) 867-5309"), "phone#90357685141#");
        assert_eq!(prefix("+1 415 867 5309"), "phone#90357685141#");
        assert_eq!(prefix("5309"), "phone#9035");
    }
}
