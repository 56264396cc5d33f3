//! The whole table, read past the interface, and whether everything in it fits together.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::app::{App, Business};

/// One item, as it is stored.
pub type Item = HashMap<String, AttributeValue>;

/// A text attribute, or nothing.
pub fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// A number, or 0.
pub fn number(item: &Item, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn is(item: &Item, name: &str, expected: bool) -> bool {
    item.get(name).and_then(|value| value.as_bool().ok()) == Some(&expected)
}

/// How a client is to be counted, out of everything else that their item says.
fn cell(client: &Item) -> String {
    let or_dash = |name: &str| match client.get(name) {
        Some(AttributeValue::N(digits)) => digits.clone(),
        Some(AttributeValue::S(word)) => word.clone(),
        _ => "-".to_owned(),
    };
    let mark = |name: &str, letter: &str| {
        if number(client, name) > 0 { letter.to_owned() } else { "-".to_owned() }
    };
    let mut parts = vec![or_dash("client_type"), or_dash("location_id")];
    if client.contains_key("inbox_status") {
        parts.extend([
            text(client, "inbox_status").to_owned(),
            or_dash("assigned_to"),
            mark("unread_messages_count", "u"),
            mark("messages_flagged_count", "f"),
            or_dash("last_channel"),
        ]);
    }
    parts.join(":")
}

impl App {
    /// Every item of the table.
    pub async fn items(&self) -> Vec<Item> {
        let (mut items, mut next) = (Vec::new(), None);
        loop {
            let scan = self.local.engine.scan().table_name(&self.local.table).consistent_read(true);
            let page = scan.set_exclusive_start_key(next).send().await.expect("a table");
            items.extend(page.items.unwrap_or_default());
            next = page.last_evaluated_key;
            if next.is_none() {
                return items;
            }
        }
    }
}

impl Business<'_> {
    /// Counts everything anew: what leads somewhere leads to what is there, every head says what its messages say, and
    /// the sums are those of the clients. Returns the client of every message and note.
    pub async fn balance(&self) -> BTreeMap<u64, u64> {
        let mut items = self.app.items().await;
        let own = store::keys::business(domain::BusinessId::new(self.id).expect("an id")).pk;
        items.retain(|item| {
            text(item, "pk").starts_with(&own)
                || (number(item, "business_id") == self.id && !item.contains_key("ttl"))
        });
        let of = |kind: &str| items.iter().filter(|item| text(item, "type") == kind).collect::<Vec<_>>();
        let clients: BTreeMap<u64, &Item> =
            of("Client").into_iter().map(|client| (number(client, "client_id"), client)).collect();
        let moved: BTreeMap<String, u64> = of("Moved")
            .into_iter()
            .map(|alias| (text(alias, "pk").to_owned(), number(alias, "moved_to")))
            .collect();
        let partition = |client: u64| format!("{own}#CLIENT#{client:016}");
        let now = |client: u64| moved.get(&partition(client)).copied().unwrap_or(client);

        let tombstones: BTreeMap<u64, u64> = of("Tombstone")
            .into_iter()
            .map(|tombstone| (number(tombstone, "client_id"), number(tombstone, "merged_into")))
            .collect();
        for (alias, client) in &moved {
            let stranger = alias.rsplit('#').next().and_then(|id| id.parse().ok()).expect("an id");
            assert_eq!(tombstones.get(&stranger), Some(client), "{alias} has gone and nobody is told");
        }

        let mut entries = BTreeMap::new();
        for entry in items.iter().filter(|item| ["Message", "Note"].contains(&text(item, "type"))) {
            let (client, id) = (number(entry, "client_id"), number(entry, "message_id"));
            assert_eq!(text(entry, "pk"), partition(client), "{entry:?}");
            assert!(entries.insert(id, client).is_none(), "{id} is there twice");
        }
        let pointers: BTreeMap<u64, u64> = of("MessagePointer")
            .into_iter()
            .map(|pointer| (number(pointer, "message_id"), number(pointer, "client_id")))
            .collect();
        assert_eq!(pointers, entries, "pointers and messages");
        for kind in ["ProviderId", "External"] {
            for lead in of(kind) {
                let (client, id) = (number(lead, "client_id"), number(lead, "message_id"));
                assert_eq!(entries.get(&id), Some(&now(client)), "{lead:?}");
            }
        }
        for event in of("Event") {
            let id: u64 = text(event, "sk").split('#').nth(1).and_then(|id| id.parse().ok()).expect("an id");
            let client = entries.get(&id).unwrap_or_else(|| panic!("an event of nothing: {event:?}"));
            assert_eq!(text(event, "pk"), partition(*client), "{event:?}");
        }
        for line in of("ConversationEvent") {
            assert!(clients.keys().any(|client| text(line, "pk") == partition(*client)), "{line:?}");
        }
        for lead in of("Address").into_iter().chain(of("Term")) {
            let client = number(lead, "client_id");
            let client = if text(lead, "type") == "Term" { client } else { now(client) };
            assert!(clients.contains_key(&client), "{lead:?} leads to nobody");
        }

        let mut cells: BTreeMap<String, i64> = BTreeMap::new();
        for (id, client) in &clients {
            let pk = partition(*id);
            assert_eq!(text(client, "pk"), pk);
            let theirs: Vec<&Item> = items.iter().filter(|item| text(item, "pk") == pk).collect();
            let count = |prefix: &str, counts: &dyn Fn(&Item) -> bool| {
                let found = theirs.iter().filter(|item| text(item, "sk").starts_with(prefix) && counts(item));
                found.count() as u64
            };
            let counted = [
                ("messages_count", count("MSG#", &|_| true)),
                ("unread_messages_count", count("MSG#", &|item| is(item, "is_read", false))),
                ("messages_flagged_count", count("MSG#", &|item| is(item, "is_flagged", true))),
                ("events_count", count("HISTORY#", &|_| true)),
            ];
            for (name, counted) in counted {
                assert_eq!(number(client, name), counted, "{name} of {id}");
            }
            let newest =
                entries.iter().filter(|(_, client)| *client == id).map(|(message, _)| *message).max();
            assert!(
                newest.unwrap_or(0) <= number(client, "newest_id").max(number(client, "last_message_id"))
            );
            let mark = number(client, "last_read_message_id");
            let unread = theirs.iter().filter(|item| is(item, "is_read", false));
            assert!(
                unread.clone().all(|item| number(item, "message_id") > mark),
                "{id} is read up to {mark}"
            );
            assert_eq!(text(client, "cell"), cell(client), "the cell of {id}");
            let snoozed = theirs.iter().any(|item| text(item, "sk") == "SNOOZE");
            assert_eq!(snoozed, text(client, "inbox_status") == "snoozed", "whether {id} comes back");
            *cells.entry(cell(client)).or_default() += 1;
        }
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for sum in of("Count") {
            let by: i64 = sum["clients_count"].as_n().expect("a number").parse().expect("an integer");
            *sums.entry(text(sum, "cell").to_owned()).or_default() += by;
        }
        for note in of("Recount") {
            for (name, by) in [("from_cell", -1), ("to_cell", 1)] {
                if note.contains_key(name) {
                    *sums.entry(text(note, name).to_owned()).or_default() += by;
                }
            }
        }
        sums.retain(|_, count| *count != 0);
        assert_eq!(sums, cells, "the sums and the clients");
        entries
    }
}
