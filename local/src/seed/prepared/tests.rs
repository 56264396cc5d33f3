use std::collections::BTreeSet;
use std::path::Path;

use domain::{BusinessId, Clock};

use super::super::demo;
use super::super::plan::{PEOPLE, plan};
use super::super::replay::Replay;
use super::*;
use crate::servers::sdk_config;
use crate::{Local, OPT_OUT_HASH_KEY, Options};

/// Writes `prepared.jsonl` anew when it is set.
const UPDATE: &str = "UPDATE_PREPARED";
const MADE: &str = "2026-01-31T12:00:00.000Z";

async fn items(local: &Local) -> BTreeSet<String> {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = json!({"TableName": local.table});
    let mut items = BTreeSet::new();
    loop {
        let page = ask(&client, &local.engine_endpoint, "Scan", request.to_string()).await.unwrap();
        for item in page["Items"].as_array().unwrap() {
            let mut item = item.clone();
            item.sort_all_objects();
            items.insert(item.to_string());
        }
        match page.get("LastEvaluatedKey") {
            Some(key) => request["ExclusiveStartKey"] = key.clone(),
            None => return items,
        }
    }
}

/// What the plan makes of an empty inbox, as lines of the file.
async fn made() -> BTreeSet<String> {
    // Ids have something random in them: this way it is mostly the same.
    fastrand::seed(BUSINESS);
    let noon = Timestamp::parse(MADE).unwrap();
    let local =
        Local::start(Options { clock: Clock::new(move || noon), ..Options::default() }).await.unwrap();
    demo(&local).await.unwrap();
    let before = items(&local).await;
    let replay = Replay {
        sdk: sdk_config("DYNAMODB", &local.engine_endpoint),
        config: store::Config {
            table: local.table.clone(),
            opt_out_hash_key: OPT_OUT_HASH_KEY.as_bytes().to_vec(),
        },
        account_sid: local.twilio_account.account_sid.clone(),
        business: BusinessId::new(BUSINESS).unwrap(),
        now: noon,
    };
    replay.run(plan(PEOPLE)).await.unwrap();
    // What was counted is added up, so that no sweep has to do so at every start.
    while local.sweep().await.unwrap().counted > 0 {}
    let after = items(&local).await;
    let key = |item: &String| -> (Value, Value) {
        let item: Value = serde_json::from_str(item).unwrap();
        (item["pk"].clone(), item["sk"].clone())
    };
    let keys: Vec<_> = after.iter().map(key).collect();
    for item in before.difference(&after) {
        assert!(keys.contains(&key(item)), "the plan deletes what onboarding stored: {item}");
    }
    let is_left = |item: &&String| !is_empty_cell(item);
    after.difference(&before).filter(is_left).cloned().collect()
}

/// A count that went up and down again while conversations changed at the same time. Whether it is stored is chance.
fn is_empty_cell(item: &str) -> bool {
    let item: Value = serde_json::from_str(item).unwrap();
    item["type"]["S"] == "Count" && item["clients_count"]["N"] == "0"
}

/// An item without what is random in its ids.
fn without_chance(item: &str) -> String {
    let ids = Shift::new(Timestamp::parse(MADE).unwrap(), Timestamp::parse(MADE).unwrap()).ids;
    let mut plain = String::new();
    let mut digits = String::new();
    for letter in item.chars().chain(['\n']) {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        match digits.parse::<u64>() {
            Ok(id) if ids.contains(&id) => plain.push_str(&(id >> 12).to_string()),
            _ => plain.push_str(&digits),
        }
        digits.clear();
        plain.push(letter);
    }
    plain
}

#[tokio::test]
async fn the_prepared_inbox_is_what_the_plan_makes_with_the_store_as_it_is() {
    let made = made().await;
    if std::env::var_os(UPDATE).is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/seed/prepared.jsonl");
        let head = json!({"made": MADE}).to_string();
        let lines: Vec<&str> = [head.as_str()].into_iter().chain(made.iter().map(String::as_str)).collect();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
        return;
    }
    let plain = |items: &mut dyn Iterator<Item = &str>| items.map(without_chance).collect::<BTreeSet<_>>();
    let (made, prepared) =
        (plain(&mut made.iter().map(String::as_str)), plain(&mut PREPARED.lines().skip(1)));
    let how = format!("{UPDATE}=1 cargo test -p local prepared");
    let differs = made.symmetric_difference(&prepared).next();
    assert_eq!(differs, None, "the store writes other items than those prepared. Prepare them anew: {how}");
}

#[test]
fn all_times_of_an_item_are_moved_and_nothing_else() {
    let made = Timestamp::parse(MADE).unwrap();
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let shift = Shift::new(made, made.plus(week));
    let id = |time: Timestamp| MessageId::at(time, 5).get();
    let item = |time: Timestamp| {
        format!(
            "{{\"a\":{{\"S\":\"{time}#0000000000002001\"}},\"b\":{{\"N\":\"{}\"}},\"sk\":{{\"S\":\"MSG#{:016}\"}},\
             \"ttl\":{{\"N\":\"{}\"}},\"c\":{{\"S\":\"+14155550100 4155550100 2026-01-31 Ж 7\"}}}}",
            id(time),
            id(time),
            time.as_millis() / 1000,
        )
    };
    assert_eq!(shift.applied(&item(made)), item(made.plus(week)));
    assert_eq!(shift.applied(&item(made.minus(week))), item(made));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_whose_filling_died_is_completed_by_the_next_start() {
    let place = tempfile::tempdir().unwrap();
    let options = || Options { data: Some(place.path().join("data")), ..Options::default() };
    let local = Local::start(options()).await.unwrap();
    demo(&local).await.unwrap();
    let some = async {
        while items(&local).await.len() < 500 {
            tokio::task::yield_now().await;
        }
    };
    // A death: from one moment to the next nobody waits for anything any more.
    tokio::select! {
        () = some => {}
        filled = super::super::inbox(&local) => filled.unwrap(),
    }
    local.stop().await;

    let local = Local::start(options()).await.unwrap();
    demo(&local).await.unwrap();
    super::super::inbox(&local).await.unwrap();
    let filled = items(&local).await;
    let prepared = PREPARED.lines().count() - 1;
    assert!((prepared..prepared + 60).contains(&filled.len()), "{} of {prepared}", filled.len());
    super::super::inbox(&local).await.unwrap();
    assert_eq!(items(&local).await.len(), filled.len(), "a second time nothing happens");
}
