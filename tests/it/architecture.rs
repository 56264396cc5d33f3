//! The rules of the house: who may import whom, what is said twice and must say the same, and what is nowhere.
//!
//! A rule that fails says which file to change. The rules themselves are in `ARCHITECTURE.md`.

#![allow(clippy::unwrap_used, reason = "every function here is a test or the tool of one")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use local::{Local, Options};
use serde_json::{Map, Value, json};
use tower::ServiceExt;
use web::access::ROUTES;

pub(crate) type Set = BTreeSet<String>;

/// The members of `shared/`, and which other ones each may import.
const SHARED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("signature", &[]),
    ("store", &["domain"]),
    ("queue", &["domain"]),
    ("twilio", &["domain"]),
    ("ses", &["domain"]),
    ("mime", &["domain"]),
    ("objects", &["domain"]),
    ("fetch", &["domain"]),
    ("runtime", &["domain"]),
    ("outbox", &["domain", "store", "queue"]),
    ("web", &["domain", "store", "signature"]),
];
/// What a function behind the gateway may import.
const BEHIND_HTTP: &[&str] = &["domain", "store", "queue", "outbox", "web", "runtime"];
/// What a function behind a queue or a clock may import.
const BEHIND_EVENTS: &[&str] = &["domain", "store", "queue", "outbox", "runtime"];
/// What some may import besides, because mail or calls need it.
const BESIDES: &[(&str, &[&str])] = &[
    ("authentication", &["signature"]),
    ("onboarding", &["signature"]),
    ("rocketchat", &["signature"]),
    ("nexhealth", &["signature"]),
    ("email", &["objects", "fetch", "signature"]),
    ("email-sender", &["objects", "fetch", "mime", "signature"]),
    ("email-receiver", &["objects", "mime", "signature"]),
    ("email-webhooks", &["objects", "fetch", "signature"]),
    ("message-recorder", &["objects"]),
    ("sweeper", &["objects"]),
    ("voice-calls", &["signature"]),
];
/// The functions that may reach a provider.
const SENDERS: &[(&str, &str)] =
    &[("sms-sender", "twilio"), ("email-sender", "ses"), ("provisioner", "twilio"), ("provisioner", "ses")];
/// Members that put everything together, and are part of nothing.
const OUTSIDE: &[&str] = &["local", "tests", "bench", "bench-hello"];
/// Where a package that reaches the world is let in; the members of `OUTSIDE` may have any.
const DOORS: &[(&str, &[&str])] = &[
    ("aws-sdk-dynamodb", &["store"]),
    ("serde_dynamo", &["store"]),
    ("aws-sdk-sqs", &["queue"]),
    ("aws-sdk-s3", &["objects"]),
    ("aws-sdk-sesv2", &["ses"]),
    ("aws-smithy-http-client", &["runtime"]),
    ("aws-credential-types", &["runtime"]),
    ("tracing-subscriber", &["runtime"]),
    ("hyper", &["twilio", "fetch"]),
    // SES needs its name for the trouble of a connection.
    ("hyper-util", &["twilio", "fetch", "ses"]),
    ("hyper-rustls", &["twilio", "fetch"]),
    ("rustls", &["twilio", "fetch"]),
    ("mail-parser", &["mime"]),
    ("mail-builder", &["mime"]),
    ("sha1", &["signature"]),
    ("aws-lc-rs", &["signature"]),
    ("x509-parser", &["signature"]),
    ("reqwest", &[]),
    ("dynoxide-rs", &[]),
];
/// Packages that mean IO, in whatever way they come in.
const IO: &[&str] = &["tokio", "hyper", "http", "axum", "tower", "tracing", "rustls", "reqwest", "mio"];

/// Licences that every dependency can be used under.
const LICENCES: &[&str] =
    &["MIT", "Apache-2.0", "BSD-3-Clause", "ISC", "Unicode-3.0", "Zlib", "CDLA-Permissive-2.0"];

/// Variables that a function reads and the template leaves out: they exist to lead a function to a stand-in, or for a
/// topic that the template did not make.
const NEVER_DEPLOYED: &[&str] = &["TWILIO_API_URL", "AWS_ENDPOINT_URL_SNS", "SNS_VERSION_1"];

// ---- Reading ---------------------------------------------------------------------------------------------------

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder, relative to the root, without what Git ignores.
pub(crate) fn files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    static IGNORED: LazyLock<Set> = LazyLock::new(|| {
        read(".gitignore").lines().filter_map(|line| line.strip_prefix('/')).map(str::to_owned).collect()
    });
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(root()).unwrap().to_owned();
            if relative == Path::new(".git") || IGNORED.contains(relative.to_str().unwrap()) {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { found.push(relative) }
        }
    }
    found.sort();
    found
}

/// The Rust files of a folder, with their text.
pub(crate) fn sources(folder: impl AsRef<Path>) -> Vec<(PathBuf, String)> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files(folder).into_iter().filter(rust).map(|path| (path.clone(), read(&path))).collect()
}

/// The folders in `functions/`.
pub(crate) fn functions() -> Set {
    let folders = fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap());
    folders.map(|folder| folder.file_name().into_string().unwrap()).collect()
}

static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    let options = ["--locked".to_owned()];
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).other_options(options).exec().unwrap()
});

fn member(name: &str) -> &'static Package {
    let found = METADATA.workspace_packages().into_iter().find(|package| package.name == name);
    found.unwrap_or_else(|| panic!("no member is called {name}"))
}

/// What a member lists under `[dependencies]`.
pub(crate) fn listed(name: &str) -> Set {
    let dependencies = &member(name).dependencies;
    let normal = dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.clone()).collect()
}

/// The members that a member lists.
fn imported(name: &str) -> Set {
    listed(name).into_iter().filter(|name| members().contains(name)).collect()
}

fn members() -> Set {
    METADATA.workspace_packages().into_iter().map(|package| package.name.to_string()).collect()
}

/// Everything that ends up in a member, itself excepted.
fn linked(name: &str) -> Set {
    let nodes = &METADATA.resolve.as_ref().unwrap().nodes;
    let nodes: BTreeMap<&PackageId, _> = nodes.iter().map(|node| (&node.id, node)).collect();
    let (mut seen, mut open) = (BTreeSet::new(), vec![&member(name).id]);
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let normal = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if normal && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(|id| METADATA[id].name.to_string()).collect()
}

/// Whether a function is called through HTTP.
fn behind_http(function: &str) -> bool {
    listed(function).contains("lambda_http")
}

pub(crate) fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> Set {
    names.into_iter().map(str::to_owned).collect()
}

// ---- The template ----------------------------------------------------------------------------------------------

pub(crate) static TEMPLATE: LazyLock<Value> =
    LazyLock::new(|| plain(serde_yaml_ng::from_str(&read("template.yaml")).unwrap()));

/// YAML as JSON; `!Ref x` becomes `{"Ref": "x"}`.
fn plain(yaml: serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match yaml {
        Yaml::Tagged(tagged) => json!({tagged.tag.to_string().trim_start_matches('!'): plain(tagged.value)}),
        Yaml::Mapping(mapping) => {
            let key = |key: Yaml| key.as_str().unwrap().to_owned();
            Value::Object(mapping.into_iter().map(|(name, value)| (key(name), plain(value))).collect())
        }
        Yaml::Sequence(list) => list.into_iter().map(plain).collect(),
        other => serde_json::to_value(other).unwrap(),
    }
}

fn resources(kind: &str) -> impl Iterator<Item = (&'static String, &'static Value)> {
    let resources = TEMPLATE["Resources"].as_object().unwrap();
    resources.iter().filter(move |(_, resource)| resource["Type"] == kind)
}

/// The properties of the resource that is built from each folder.
static DEPLOYED: LazyLock<BTreeMap<String, &'static Value>> = LazyLock::new(|| {
    let of = |resource: &'static Value| {
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned();
        assert_eq!(resource["Metadata"]["BuildMethod"], "rust-cargolambda", "{binary}");
        assert_eq!(resource["Properties"]["CodeUri"], format!("functions/{binary}"));
        (binary, &resource["Properties"])
    };
    let all: Vec<_> = resources("AWS::Serverless::Function").map(|(_, resource)| of(resource)).collect();
    let count = all.len();
    let deployed = BTreeMap::from_iter(all);
    assert_eq!(deployed.len(), count, "two resources are built from one folder");
    deployed
});

/// The events of a function that are of one kind.
fn events(function: &str, kind: &str) -> Vec<&'static Value> {
    let events = DEPLOYED[function]["Events"].as_object();
    let events = events.into_iter().flat_map(Map::values).filter(|event| event["Type"] == kind);
    events.map(|event| &event["Properties"]).collect()
}

/// The environment that a function is given, that of every function included.
fn environment(function: &str) -> Set {
    let all = &TEMPLATE["Globals"]["Function"]["Environment"]["Variables"];
    let own = &DEPLOYED[function]["Environment"]["Variables"];
    [all, own].into_iter().filter_map(Value::as_object).flat_map(Map::keys).cloned().collect()
}

/// Actions and resources of the policies of a function.
pub(crate) fn permissions(function: &str) -> Vec<(Set, &'static Value)> {
    let policies = DEPLOYED[function]["Policies"].as_array().into_iter().flatten();
    let statements = policies.flat_map(|policy| policy["Statement"].as_array().unwrap());
    let actions = |statement: &Value| match &statement["Action"] {
        Value::String(action) => set([action.as_str()]),
        actions => actions.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
    };
    statements.map(|statement| (actions(statement), &statement["Resource"])).collect()
}

fn may(function: &str, prefix: &str) -> bool {
    permissions(function).iter().any(|(actions, _)| actions.iter().any(|action| action.starts_with(prefix)))
}

/// The seconds that a function may take.
fn timeout(function: &str) -> u64 {
    let own = DEPLOYED[function]["Timeout"].as_u64();
    own.or(TEMPLATE["Globals"]["Function"]["Timeout"].as_u64()).unwrap()
}

// ---- Routes ----------------------------------------------------------------------------------------------------

/// What follows each mark in a text, up to an end.
fn between<'a>(text: &'a str, mark: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    text.split(mark).skip(1).filter_map(move |rest| rest.split(end).next())
}

/// The routes that a function's `lib.rs` serves, as `POST /omega/…`.
fn served(function: &str) -> Set {
    let text = read(format!("functions/{function}/src/lib.rs"));
    let mut served = Set::new();
    for route in text.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap();
        let handlers = route.split(';').next().unwrap();
        for method in ["get", "post", "put", "patch", "delete"] {
            if handlers.contains(&format!(" {method}(")) || handlers.contains(&format!(".{method}(")) {
                served.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    served
}

/// The routes of the gateway that lead to a function.
pub(crate) fn routed(function: &str) -> Set {
    let paths = events(function, "HttpApi").into_iter().filter(|event| event["Path"].is_string());
    paths
        .map(|event| format!("{} {}", event["Method"].as_str().unwrap(), event["Path"].as_str().unwrap()))
        .collect()
}

// ---- Who may import whom ---------------------------------------------------------------------------------------

#[test]
fn every_member_is_in_a_rule() {
    let ruled = set(SHARED.iter().map(|(name, _)| *name).chain(OUTSIDE.iter().copied()));
    let expected: Set = ruled.union(&functions()).cloned().collect();
    assert_eq!(members(), expected);
}

#[test]
fn a_shared_crate_imports_only_what_it_may() {
    for (name, may) in SHARED {
        let too_many: Set = imported(name).difference(&set(may.iter().copied())).cloned().collect();
        assert!(too_many.is_empty(), "shared/{name} imports {too_many:?}");
    }
}

#[test]
fn a_function_imports_no_function_and_no_provider() {
    for function in functions() {
        let mut may = set(if behind_http(&function) { BEHIND_HTTP } else { BEHIND_EVENTS }.iter().copied());
        let besides = BESIDES.iter().filter(|(name, _)| *name == function);
        may.extend(besides.flat_map(|(_, crates)| set(crates.iter().copied())));
        may.extend(SENDERS.iter().filter(|(name, _)| *name == function).map(|(_, to)| (*to).to_owned()));
        let too_many: Set = imported(&function).difference(&may).cloned().collect();
        assert!(too_many.is_empty(), "functions/{function} imports {too_many:?}");
        let linked = linked(&function);
        for provider in ["twilio", "ses"] {
            let may = SENDERS.contains(&(function.as_str(), provider));
            assert_eq!(linked.contains(provider), may, "functions/{function} links {provider}");
        }
        let others: Set = linked.intersection(&functions()).cloned().collect();
        assert!(others.is_empty(), "functions/{function} links {others:?}");
    }
}

#[test]
fn only_functions_behind_http_know_http() {
    for function in functions().into_iter().filter(|function| !behind_http(function)) {
        let linked = linked(&function);
        for package in ["axum", "web", "lambda_http"] {
            assert!(!linked.contains(package), "functions/{function} links {package}");
        }
    }
}

#[test]
fn domain_reaches_nothing() {
    let linked = linked("domain");
    for package in linked {
        let io =
            IO.contains(&package.as_str()) || package.starts_with("aws") || package.starts_with("lambda");
        assert!(!io, "shared/domain links {package}");
    }
    for (path, text) in sources("shared/domain/src") {
        for word in
            ["std::env", "SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "async fn"]
        {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn what_reaches_the_world_is_let_in_at_one_door() {
    for name in members().into_iter().filter(|name| !OUTSIDE.contains(&name.as_str())) {
        for (package, doors) in DOORS {
            let stays_out = !listed(&name).contains(*package) || doors.contains(&name.as_str());
            assert!(stays_out, "{name} lists {package}");
        }
    }
}

#[test]
fn every_dependency_is_used() {
    let nodes = &METADATA.resolve.as_ref().unwrap().nodes;
    let mut unused = Vec::new();
    for package in METADATA.workspace_packages() {
        let folder = package.manifest_path.parent().unwrap().strip_prefix(root()).unwrap();
        let words: Set = sources(folder)
            .iter()
            .flat_map(|(_, text)| text.split(|letter: char| !letter.is_alphanumeric() && letter != '_'))
            .map(str::to_owned)
            .collect();
        let node = nodes.iter().find(|node| node.id == package.id).unwrap();
        let names = node.deps.iter().map(|dependency| &dependency.name);
        unused.extend(names.filter(|name| !words.contains(*name)).map(|name| (&package.name, name)));
    }
    assert!(unused.is_empty(), "listed and not used: {unused:?}");
}

// ---- What is nowhere, or in one place --------------------------------------------------------------------------

#[test]
fn only_keys_rs_makes_keys() {
    /// What a literal begins with, where that looks like a key: `BIZ` of `BIZ#{}`.
    fn kind(literal: &str) -> Option<&str> {
        let (kind, _) = literal.split_once('#')?;
        (kind.len() > 1 && kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')).then_some(kind)
    }
    let home = Path::new("shared/store/src/keys.rs");
    let home_text = read(home);
    let kinds: BTreeSet<&str> = home_text.split('"').filter_map(kind).collect();
    assert!(kinds.len() > 5, "keys look different now: change this test");
    // The prepared inbox is a file of stored items: whoever loads it finds two of them by their keys.
    let reads_items =
        |path: &Path| path.starts_with("local/src/seed/prepared") || path.ends_with("prepared.rs");
    for (path, text) in ["functions", "shared", "local/src", "bench"].into_iter().flat_map(sources) {
        if reads_items(&path) {
            continue;
        }
        let made = text.split('"').filter_map(kind).find(|kind| path != home && kinds.contains(kind));
        assert_eq!(made, None, "{} makes a key", path.display());
    }
}

#[test]
fn every_member_obeys_the_lints_and_none_is_unsafe() {
    let all = read("Cargo.toml");
    assert!(all.contains("unsafe_code = \"forbid\"") && all.contains("missing_docs = \"warn\""));
    for package in METADATA.workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true\n"), "{}", package.manifest_path);
    }
}

#[test]
fn no_test_waits_and_none_is_left_out() {
    for (path, text) in sources("tests") {
        for word in [concat!("#[ig", "nore"), concat!("sle", "ep(")] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let words =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("unimple", "mented!(")];
    let strange = [concat!("/wo", "rk/"), concat!("sha", "red/design")];
    for path in files("") {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for word in words.iter().chain(&strange) {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

/// `architecture::a_rule` in the guide is a function of that name in that file.
#[test]
fn the_guide_names_tests_that_exist() {
    let guide = read("docs/adding-an-endpoint.md");
    let named = guide.split('`').filter_map(|quoted| quoted.split_once("::"));
    let named: Vec<_> =
        named.filter(|(module, _)| root().join(format!("tests/it/{module}.rs")).exists()).collect();
    assert!(named.len() > 15);
    for (module, test) in named {
        let text = read(format!("tests/it/{module}.rs"));
        assert!(text.contains(&format!("fn {test}(")), "{module}::{test}");
    }
}

#[test]
fn there_is_one_tls_stack() {
    for package in &METADATA.packages {
        let wanted = match package.name.as_str() {
            "hyper" => "1.",
            "rustls" => "0.23.",
            "hyper-rustls" => "0.27.",
            "h2" => "0.4.",
            "native-tls" | "openssl" | "openssl-sys" => "none",
            _ => continue,
        };
        let version = package.version.to_string();
        assert!(
            version.starts_with(wanted),
            "{} {version}: which dependency has default features?",
            package.name
        );
    }
}

#[test]
fn every_dependency_is_licensed_for_this() {
    for package in &METADATA.packages {
        let licence = package.license.as_deref().unwrap_or_default();
        let parsed = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX);
        let parsed = parsed.unwrap_or_else(|error| panic!("{}: {licence}: {error}", package.name));
        let allowed = parsed.evaluate(|asked| {
            asked.addition.is_none() && asked.license.id().is_some_and(|id| LICENCES.contains(&id.name))
        });
        assert!(allowed, "{} is under {licence}", package.name);
    }
}

// ---- template.yaml and the code say the same -------------------------------------------------------------------

#[test]
fn every_function_is_deployed_once() {
    assert_eq!(DEPLOYED.keys().cloned().collect::<Set>(), functions());
}

#[test]
fn every_function_is_watched_and_described() {
    let (alarms, words) = (read("infra/alarms.yaml"), read("docs/deploying.md"));
    for function in functions() {
        assert!(alarms.contains(&format!("${{AppStackName}}-{function}\"")), "no alarm is about {function}");
        assert!(
            words.contains(&format!("\n| `{function}` |")),
            "docs/deploying.md does not say what {function} may do"
        );
    }
}

#[test]
fn every_route_is_deployed_on_the_function_that_serves_it() {
    let mut all = Set::new();
    for function in functions().into_iter().filter(|function| behind_http(function)) {
        let (served, routed) = (served(&function), routed(&function));
        assert!(!served.is_empty(), "functions/{function} serves nothing");
        if events(&function, "HttpApi").is_empty() {
            assert!(DEPLOYED[&function]["FunctionUrlConfig"].is_object(), "nothing leads to {function}");
            continue;
        }
        assert_eq!(served, routed, "functions/{function}: lib.rs on the left, template.yaml on the right");
        all.extend(routed);
    }
    let known: Set = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(known, all, "web/src/access.rs on the left, template.yaml on the right");
}

#[test]
fn what_matches_no_route_reaches_a_function_too() {
    let rest: Vec<_> = functions()
        .into_iter()
        .flat_map(|function| {
            events(&function, "HttpApi").into_iter().map(move |event| (function.clone(), event))
        })
        .filter(|(_, event)| event["Path"].is_null() && event["Method"].is_null())
        .map(|(function, _)| function)
        .collect();
    assert_eq!(rest, ["health"]);
}

#[tokio::test]
async fn every_route_is_answered() {
    let local = Local::start(Options::default()).await.unwrap();
    for route in ROUTES {
        let path: Vec<&str> =
            route.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
        let request =
            Request::builder().method(&route.method).uri(path.join("/")).body(Body::empty()).unwrap();
        let answer = local.router().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        // A route may not find what it was asked for, such as a link.
        let no_route = [
            &br#"{"detail":"Not Found"}"#[..],
            br#"{"success":false,"error":"API endpoint does not exist"}"#,
            br#"{"code":false,"description":"Not Found","data":{},"error":["Not Found"]}"#,
        ];
        let fallback = status == StatusCode::METHOD_NOT_ALLOWED || no_route.contains(&&body[..]);
        assert!(!fallback, "{} {}: {status}", route.method, route.path);
    }
}

#[test]
fn a_function_is_given_the_variables_it_reads_and_no_others() {
    for function in functions() {
        let main = read(format!("functions/{function}/src/main.rs"));
        let reads = ["required(\"", "optional(\"", "origin(\"", "list(\"", "formed(\""];
        let read: Set =
            reads.into_iter().flat_map(|mark| between(&main, mark, '"')).map(str::to_owned).collect();
        let read: Set = read.difference(&set(NEVER_DEPLOYED.iter().copied())).cloned().collect();
        assert_eq!(
            read,
            environment(&function),
            "{function}: main.rs on the left, template.yaml on the right"
        );
    }
}

#[test]
fn credentials_of_twilio_are_where_they_are_needed() {
    let holders: Set = functions()
        .into_iter()
        .filter(|function| environment(function).contains("TWILIO_AUTH_TOKEN"))
        .collect();
    assert_eq!(
        holders,
        set(["provisioner", "sms-sender", "twilio-fallback", "twilio-webhooks", "voice-calls"])
    );
}

#[test]
fn a_permission_is_a_dependency() {
    for function in functions() {
        let lists = listed(&function);
        assert_eq!(lists.contains("store"), may(&function, "dynamodb:"), "{function}: the table");
        assert_eq!(lists.contains("queue"), may(&function, "sqs:SendMessage"), "{function}: queues");
        assert_eq!(lists.contains("objects"), may(&function, "s3:"), "{function}: object storage");
        assert_eq!(lists.contains("ses"), may(&function, "ses:"), "{function}: mail");
        let queues: Set = permissions(&function)
            .iter()
            .filter(|(actions, _)| actions.contains("sqs:SendMessage"))
            .flat_map(|(_, queues)| match queues {
                Value::Array(queues) => queues.clone(),
                queue => vec![(*queue).clone()],
            })
            .map(|queue| queue["GetAtt"].as_str().unwrap().trim_end_matches(".Arn").to_owned())
            .collect();
        let variables = DEPLOYED[&function]["Environment"]["Variables"].as_object().unwrap();
        let urls = variables.iter().filter(|(name, _)| name.ends_with("_QUEUE_URL"));
        let urls: Set = urls.map(|(_, queue)| queue["Ref"].as_str().unwrap().to_owned()).collect();
        assert_eq!(queues, urls, "{function}: permissions on the left, variables on the right");
    }
}

#[test]
fn a_permission_names_what_it_is_for() {
    for function in functions() {
        for (actions, resource) in permissions(&function) {
            let resources = resource.as_array().cloned().unwrap_or_else(|| vec![resource.clone()]);
            for resource in resources {
                // What lies under one beginning of a bucket, and the domains of the account, have no list.
                let open = [r"${ObjectsBucket.Arn}/", r":identity/"];
                let named = resource["Sub"].as_str().and_then(|name| name.strip_suffix("/*"));
                let named = named.filter(|name| open.iter().any(|open| format!("{name}/").contains(open)));
                let rest = named.map_or(resource.to_string(), str::to_owned);
                assert!(!resource.is_null() && !rest.contains('*'), "{function}: {actions:?}");
                assert_ne!(named, Some("${ObjectsBucket.Arn}"), "{function}: the whole bucket");
            }
            assert!(actions.iter().all(|action| !action.contains('*')), "{function}: {actions:?}");
        }
    }
}

#[test]
fn a_queue_gives_up_after_five_times_and_keeps_what_it_gave_up() {
    let queues: Vec<_> = resources("AWS::SQS::Queue").collect();
    let dead: Set = queues
        .iter()
        .filter_map(|(_, queue)| {
            queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["GetAtt"].as_str()
        })
        .map(|target| target.trim_end_matches(".Arn").to_owned())
        .collect();
    for (name, queue) in &queues {
        let redrive = &queue["Properties"]["RedrivePolicy"];
        assert_ne!(redrive.is_object(), dead.contains(*name), "{name}");
        assert!(redrive.is_null() || redrive["maxReceiveCount"] == 5, "{name}");
        assert!(queue["Properties"]["MessageRetentionPeriod"].as_u64() >= Some(345_600), "{name}");
    }
    assert_eq!(dead.len() * 2, queues.len());
}

#[test]
fn a_message_is_hidden_for_longer_than_its_consumer_may_take() {
    let mut consumers = 0;
    for function in functions() {
        for event in events(&function, "SQS") {
            let queue = event["Queue"]["GetAtt"].as_str().unwrap().trim_end_matches(".Arn");
            let hidden = TEMPLATE["Resources"][queue]["Properties"]["VisibilityTimeout"].as_u64().unwrap();
            let window = event["MaximumBatchingWindowInSeconds"].as_u64().unwrap_or(0);
            assert!(hidden >= 6 * timeout(&function) + window, "{function}");
            assert_eq!(event["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{function}");
            consumers += 1;
        }
    }
    assert_eq!(consumers, 5);
}

/// A function gets its clients from its `main`, which builds each of them once.
#[test]
fn clients_are_built_in_main_only() {
    let built = [
        "Store::new(",
        "Queue::new(",
        "Objects::new(",
        "Mailer::new(",
        "Fetcher::new(",
        "twilio::Client::new(",
        "sdk_config(",
    ];
    for (path, text) in sources("functions") {
        if path.file_name().is_some_and(|name| name == "main.rs") {
            continue;
        }
        for call in built {
            assert!(!text.contains(call), "{} calls {call}", path.display());
        }
    }
}
