//! What each function may do to the table is what its code does to it: nothing is missing, and nothing is left over.
//!
//! What the code does is read off its text. A method of the store names the calls of the SDK that it makes and other
//! methods, and a function names methods of the store. Following the names leads from one to the other.

#![allow(clippy::unwrap_used, reason = "every function here is a test or the tool of one")]

use std::sync::LazyLock;

use axum::http::Method;
use local::wire::Call;
use serde_json::Value;
use web::access::{Access, ROUTES};

use crate::architecture::{Set, TEMPLATE, functions, listed, permissions, read, routed, set, sources};

/// How a call of the SDK, or a part of a transaction, looks in the code of the store, and what it takes.
const CALLS: &[(&str, &str)] = &[
    (".get_item()", "GetItem"),
    (".put_item()", "PutItem"),
    (".update_item()", "UpdateItem"),
    (".delete_item()", "DeleteItem"),
    (".query()", "Query"),
    (".scan()", "Scan"),
    (".batch_get_item()", "BatchGetItem"),
    (".batch_write_item()", "BatchWriteItem"),
    (".transact_get_items()", "GetItem"),
    (" Put::builder()", "PutItem"),
    (" Update::builder()", "UpdateItem"),
    (" Delete::builder()", "DeleteItem"),
    (" ConditionCheck::builder()", "ConditionCheckItem"),
];
/// What a call with a credential does before its handler runs.
const AUTHENTICATED: &str = "Edge::caller";
/// What a call that can be repeated does around its handler.
const REPEATABLE: &[&str] = &["Store::begin", "Store::finish", "Store::release", "Store::forget"];
/// What a method does not do, although the methods that it calls do it for others.
const NEVER: &[(&str, &[&str])] = &[
    // It marks one message as read, and looks for what else is unread.
    ("Store::read_by_itself", &["BatchGetItem"]),
    // It reads the conversations of one assignee.
    ("Store::take_all_from", &["gsi1", "gsi3", "gsi4", "gsi5"]),
    // It gives a conversation to nobody, so nobody is looked up, and its status stays, so no snooze ends.
    ("Store::take_from", &["ConditionCheckItem", "DeleteItem"]),
];

/// A function or method of a shared crate.
struct Code {
    /// `Store::accept`, or a name alone.
    id: String,
    owner: String,
    name: String,
    body: String,
}

/// Every function of the crates between a handler and the table, and what each does there: actions, and the indexes that
/// it reads. The file that makes calls repeatable is left out, because only some routes are: see [`REPEATABLE`].
static CODE: LazyLock<(Vec<Code>, Vec<Set>)> = LazyLock::new(|| {
    let store = sources("shared/store/src").into_iter().flat_map(|(_, text)| in_text(&text));
    let mut code: Vec<Code> = store.collect();
    // Only the store has the SDK.
    let mut done: Vec<Set> = code.iter().map(|one| direct(&one.body)).collect();
    let around = ["shared/outbox/src", "shared/web/src"].into_iter().flat_map(sources);
    let around = around.filter(|(path, _)| !path.ends_with("web/src/idempotency.rs"));
    code.extend(around.flat_map(|(_, text)| in_text(&text)));
    done.resize(code.len(), Set::new());
    let calls: Vec<Vec<usize>> = code.iter().map(|one| called(&code, &one.body, &one.owner)).collect();
    loop {
        let before: usize = done.iter().map(Set::len).sum();
        for (index, called) in calls.iter().enumerate() {
            let never =
                NEVER.iter().find(|(id, _)| *id == code[index].id).map_or(&[][..], |(_, never)| never);
            let more: Set = called.iter().flat_map(|other| done[*other].clone()).collect();
            done[index].extend(more.into_iter().filter(|one| !never.contains(&one.as_str())));
        }
        if done.iter().map(Set::len).sum::<usize>() == before {
            return (code, done);
        }
    }
});

/// The functions of a file, as rustfmt writes them: one ends at the first line that is indented like its beginning and
/// closes a brace.
fn in_text(text: &str) -> Vec<Code> {
    let (mut found, mut owner, mut open) = (Vec::<Code>::new(), String::new(), None);
    for line in text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")) {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        if line.starts_with("impl") {
            let of = line.split_once(" for ").or(line.split_once(' ')).unwrap().1;
            owner = of.split(['<', ' ']).next().unwrap().to_owned();
        } else if line == "}" {
            owner.clear();
        }
        let signature = words.replacen("pub(crate)", "pub", 1);
        let begins = signature.split(['(', '<']).next().unwrap().split_once("fn ");
        if let Some((before, name)) = begins
            && open.is_none()
            && before.split(' ').all(|word| ["", "pub", "const", "async"].contains(&word))
        {
            let id = if owner.is_empty() { name.to_owned() } else { format!("{owner}::{name}") };
            found.push(Code { id, owner: owner.clone(), name: name.to_owned(), body: String::new() });
            open = Some(indent);
        }
        if open.is_none() || words.starts_with("//") {
            continue;
        }
        let body = &mut found.last_mut().unwrap().body;
        // A chain of calls is one line.
        if !words.starts_with('.') {
            body.push(' ');
        }
        body.push_str(words);
        if open == Some(indent) && (words == "}" || words.contains("fn ") && words.ends_with('}')) {
            open = None;
        }
    }
    found
}

/// What a body does by itself.
fn direct(body: &str) -> Set {
    let mut done = set(CALLS.iter().filter(|(call, _)| body.contains(call)).map(|(_, action)| *action));
    if body.contains(".index_name(") {
        done.remove("Query");
    }
    for after in body.split("GSI").skip(1) {
        // `.1` and `.2` are the attributes of an index, which are written.
        let (number, rest) = after.split_at(1);
        if !rest.starts_with(".1") && !rest.starts_with(".2") {
            done.insert(format!("gsi{number}"));
        }
    }
    done
}

/// Which functions a body calls. `owner` is whose method it is.
fn called(code: &[Code], body: &str, owner: &str) -> Vec<usize> {
    let says = |way: &str, no_part_of: &str| {
        body.match_indices(way).any(|(at, _)| {
            let before = body[..at].chars().next_back();
            before.is_none_or(|letter| !letter.is_alphanumeric() && !no_part_of.contains(letter))
        })
    };
    let is_called = |other: &Code| {
        let (name, value) = (&other.name, other.owner.to_lowercase());
        if other.owner.is_empty() {
            return says(&format!("{name}("), "_.");
        }
        let is_own = owner == other.owner && says(&format!("self.{name}("), "_");
        is_own
            || says(&format!("{}::{name}(", other.owner), "_")
            || says(&format!("{value}.{name}("), "_")
            || says(&format!("{value}().{name}("), "_")
    };
    code.iter().enumerate().filter(|(_, other)| is_called(other)).map(|(index, _)| index).collect()
}

/// What a function does to the table.
fn does(function: &str) -> Set {
    let (code, done) = &*CODE;
    let texts = sources(format!("functions/{function}/src"));
    let body: String = texts.iter().flat_map(|(_, text)| in_text(text)).map(|own| own.body).collect();
    let mut called = called(code, &body, "");
    let of =
        |id: &&str| code.iter().position(|one| one.id == *id).unwrap_or_else(|| panic!("there is no {id}"));
    if body.contains("web::authenticated(") {
        called.push(of(&AUTHENTICATED));
    }
    let is_repeatable = ROUTES.iter().any(|route| {
        let guarded = matches!(route.access, Access::Business(_) | Access::Platform);
        guarded && route.method == Method::POST && routed(function).contains(&format!("POST {}", route.path))
    });
    if is_repeatable {
        called.extend(REPEATABLE.iter().map(of));
    }
    called.into_iter().flat_map(|index| done[index].clone()).collect()
}

/// What a function may do to the table: actions, and the indexes that it may read.
fn may(function: &str) -> Set {
    let mut may = Set::new();
    for (actions, resources) in permissions(function) {
        let actions: Set =
            actions.iter().filter_map(|action| action.strip_prefix("dynamodb:")).map(str::to_owned).collect();
        if actions.is_empty() {
            continue;
        }
        let resources = resources.as_array().cloned().unwrap_or_else(|| vec![resources.clone()]);
        for resource in &resources {
            if resource["GetAtt"] == "OmegaTable.Arn" {
                may.extend(actions.clone());
                continue;
            }
            let index = resource["Sub"].as_str().and_then(|arn| arn.strip_prefix("${OmegaTable.Arn}/index/"));
            let index = index.unwrap_or_else(|| panic!("{function}: {resource} is not ours"));
            assert_eq!(actions, set(["Query"]), "{function}: an index can be read and nothing else");
            may.insert(index.to_owned());
        }
    }
    may
}

/// What it takes to make a call that was seen on the wire.
fn taken_by(call: &Call) -> Set {
    let request: Value = serde_json::from_slice(&call.request).unwrap();
    match (call.operation.as_str(), &request["IndexName"]) {
        ("TransactWriteItems", _) => {
            let parts = request["TransactItems"].as_array().unwrap().iter();
            let parts = parts.flat_map(|part| part.as_object().unwrap().keys());
            parts.map(|part| format!("{part}Item")).collect()
        }
        (_, Value::String(index)) => set([index.as_str()]),
        (operation, _) => set([operation]),
    }
}

/// Fails when a call of a route did to the table what the function of that route may not.
pub(crate) fn check(route: &str, calls: &[Call]) {
    let function = functions().into_iter().find(|function| routed(function).contains(route)).unwrap();
    let taken = calls.iter().filter(|call| call.server == "dynamodb").flat_map(taken_by);
    let missing: Set = taken.collect::<Set>().difference(&may(&function)).cloned().collect();
    assert!(missing.is_empty(), "{function} may not {missing:?}, and {route} does");
}

#[test]
fn a_function_may_do_what_it_does_and_nothing_else() {
    let wrong: Vec<_> = functions()
        .into_iter()
        .map(|function| (does(&function), may(&function), function))
        .filter(|(does, may, _)| does != may)
        .map(|(does, may, function)| {
            let missing: Set = does.difference(&may).cloned().collect();
            let left_over: Set = may.difference(&does).cloned().collect();
            format!("{function}: template.yaml lacks {missing:?} and has {left_over:?} for nothing")
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Otherwise the test above would not see what somebody does under another name.
#[test]
fn what_the_store_does_is_done_by_a_function() {
    let (code, done) = &*CODE;
    let callers: String = ["functions", "shared/outbox/src", "shared/web/src", "shared/store/src"]
        .into_iter()
        .flat_map(sources)
        .flat_map(|(_, text)| in_text(&text))
        .map(|code| code.body)
        .collect();
    let reached = called(code, &callers, "Store");
    let idle: Vec<_> = (0..code.len())
        .filter(|index| code[*index].owner == "Store" && !done[*index].is_empty())
        .filter(|index| !reached.contains(index))
        .map(|index| &code[index].id)
        .collect();
    assert!(idle.is_empty(), "nobody calls {idle:?}, or not in a way that this test knows");
}

#[test]
fn what_each_function_may_do_is_described() {
    let words = ["Get", "BatchGet", "Query", "Put", "Update", "Delete", "ConditionCheck"];
    let shown = ["get", "batch get", "query", "put", "update", "delete", "condition check"];
    let described = read("docs/deploying.md");
    for function in functions().into_iter().filter(|function| listed(function).contains("store")) {
        let may = may(&function);
        let told = |word: &&str| may.contains(&format!("{word}Item")) || may.contains(*word);
        let actions: Vec<&str> =
            words.iter().zip(shown).filter(|(word, _)| told(word)).map(|(_, shown)| shown).collect();
        let indexes: Vec<String> =
            may.iter().filter(|name| name.starts_with("gsi")).map(|name| format!("`{name}`")).collect();
        let indexes =
            if indexes.is_empty() { String::new() } else { format!("; query on {}", indexes.join(", ")) };
        let cell = format!("| {}{indexes} |", actions.join(", "));
        let row = described.lines().find(|line| line.starts_with(&format!("| `{function}` |")));
        assert!(row.is_some_and(|row| row.contains(&cell)), "docs/deploying.md, {function}: {cell}");
    }
}

#[test]
fn every_index_is_read_by_somebody() {
    let indexes = TEMPLATE["Resources"]["OmegaTable"]["Properties"]["GlobalSecondaryIndexes"].as_array();
    let indexes: Set =
        indexes.unwrap().iter().map(|index| index["IndexName"].as_str().unwrap().to_owned()).collect();
    let all = functions().into_iter().filter(|function| listed(function).contains("store"));
    let read: Set = all.flat_map(|function| may(&function)).filter(|name| name.starts_with("gsi")).collect();
    assert_eq!(read, indexes, "functions on the left, the table on the right");
}

/// A search looks through a whole conversation, so a deployment can say how many may do so at once.
#[test]
fn searches_at_once_can_be_limited() {
    let search = &TEMPLATE["Resources"]["SearchFunction"]["Properties"]["ReservedConcurrentExecutions"];
    assert_eq!(search["If"][1]["Ref"], "SearchMaxConcurrency");
    assert!(TEMPLATE["Parameters"]["SearchMaxConcurrency"]["Default"].is_u64());
}
