//! What functions take from nothing to their first question for work, against the least a function can be: time, and
//! instructions where valgrind is installed, which repeat to a hair on a busy machine.
//!
//! A stand-in for the Runtime API counts as the platform: the first `next` call of a function is the end of its start.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::Error;
use crate::system::{System, median};

const STARTS: usize = 15;
const FUNCTIONS: [&str; 11] = [
    "health",
    "sms",
    "messages",
    "businesses",
    "clients",
    "onboarding",
    "twilio-webhooks",
    "twilio-fallback",
    "sms-sender",
    "message-recorder",
    "sweeper",
];

pub async fn run(folder: &Path) -> Result<(), Error> {
    let system = System::start().await?;
    let (asked, mut asks) = mpsc::channel::<()>(8);
    let next = move || {
        let asked = asked.clone();
        async move {
            let _ = asked.send(()).await;
            std::future::pending::<()>().await
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api = listener.local_addr()?.to_string();
    let platform = Router::new().route("/2018-06-01/runtime/invocation/next", get(next));
    tokio::spawn(async move { axum::serve(listener, platform).await });

    let mut times: Vec<(&str, Vec<f64>)> = vec![("bench-hello", Vec::new())];
    times.extend(FUNCTIONS.map(|function| (function, Vec::new())));
    for _ in 0..STARTS {
        for (function, times) in &mut times {
            let begun = Instant::now();
            let mut process = started(Command::new(folder.join(*function)), &api, &system)?;
            asks.recv().await.ok_or("the stand-in is gone")?;
            times.push(begun.elapsed().as_secs_f64());
            process.kill().await?;
        }
    }
    let hello = median(times[0].1.clone());
    let mut instructions = Vec::new();
    for (function, _) in &times {
        instructions.push(counted(&folder.join(*function), &api, &system, &mut asks).await);
    }
    let least = instructions[0];
    println!(
        "Start until the first question for work, the first read of the table included (medians of {STARTS}, interleaved)\n"
    );
    println!(
        "{:<20} {:>12} {:>14} {:>10} {:>8}",
        "function", "time ÷ hello", "instr. ÷ hello", "instr. M", "MiB"
    );
    for ((function, times), count) in times.into_iter().zip(instructions) {
        let size = std::fs::metadata(folder.join(function))?.len() as f64 / 1024.0 / 1024.0;
        let ratio = median(times) / hello;
        let (over, millions) = match (count, least) {
            (Some(count), Some(least)) => (format!("{:.1}", count / least), format!("{:.2}", count / 1e6)),
            _ => ("-".to_owned(), "-".to_owned()),
        };
        println!("{function:<20} {ratio:>12.2} {over:>14} {millions:>10} {size:>8.2}");
    }
    Ok(())
}

/// The instructions of a start. `None` without valgrind.
async fn counted(binary: &Path, api: &str, system: &System, asks: &mut mpsc::Receiver<()>) -> Option<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(binary);
    let mut process = started(valgrind, api, system).ok()?;
    tokio::time::timeout(std::time::Duration::from_secs(60), asks.recv()).await.ok()??;
    // Asked to end, it says what it counted; killed, it would not.
    let id = process.id()?.to_string();
    Command::new("kill").args(["-TERM", &id]).status().await.ok()?;
    let mut said = String::new();
    process.stderr.take()?.read_to_string(&mut said).await.ok()?;
    process.wait().await.ok()?;
    let (_, rest) = said.split_once("Collected : ")?;
    rest.split_whitespace().next()?.parse().ok()
}

fn started(mut command: Command, api: &str, system: &System) -> Result<tokio::process::Child, Error> {
    let local = &system.local;
    let variables = [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &local.dynamodb_endpoint),
        ("AWS_ENDPOINT_URL_SQS", &local.sqs_endpoint),
        ("TABLE_NAME", &local.table),
        ("SMS_QUEUE_URL", &local.sms_queue_url),
        ("RECORD_QUEUE_URL", &local.record_queue_url),
        ("EMAIL_QUEUE_URL", &local.queue_url(local::Source::Email)),
        ("EMAIL_EVENTS_QUEUE_URL", &local.queue_url(local::Source::EmailEvents)),
        ("ONBOARDING_QUEUE_URL", &local.queue_url(local::Source::Onboarding)),
        ("AWS_ENDPOINT_URL_S3", &local.s3_endpoint),
        ("AWS_ENDPOINT_URL_SESV2", &local.ses_url),
        ("OBJECTS_BUCKET", local::BUCKET),
        ("EMAIL_TOKEN_KEY", local::EMAIL_TOKEN_KEY),
        ("INBOUND_EMAIL_DOMAIN", local::INBOUND_DOMAIN),
        ("API_BASE_URL", &local.origin),
        ("OPT_OUT_HASH_KEY", local::OPT_OUT_HASH_KEY),
        ("PLATFORM_KEY_SHA256", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("TWILIO_API_URL", &local.twilio_account.api_url),
        ("TWILIO_ACCOUNT_SID", &local.twilio_account.account_sid),
        ("TWILIO_AUTH_TOKEN", &local.twilio_account.auth_token),
        ("PUBLIC_BASE_URL", &local.origin),
        ("FALLBACK_BASE_URL", &local.fallback_url),
    ];
    Ok(command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?)
}
