//! `omega`: everything on this machine, see `--help`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use domain::error::with_causes;
use local::args::{self, Args};
use local::ready::Ready;
use local::{Error, Local, Options, TwilioAccount, environment, seed, tour};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::writer::MakeWriterExt;

#[tokio::main]
async fn main() -> ExitCode {
    // What is written holds names, texts and keys: the data directory, the ready file, the environment file.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    // The embedded engine warns of every condition that fails, and that is how most of our writes ask a question.
    let is_ours =
        |line: &Metadata<'_>| *line.level() == Level::ERROR || !line.target().starts_with("dynoxide");
    runtime::telemetry::to(std::io::stderr.with_filter(is_ours));
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("omega: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let args = Args::from_env()?;
    if args.help {
        say(args::HELP);
        return Ok(());
    }
    // Listened to from the start, so that an early Ctrl-C ends in order as well.
    let stop = stop_signal()?;
    // One that a killed runner left behind would be taken for ours.
    [&args.ready_file, &args.env_file].into_iter().flatten().for_each(|path| forget(path));
    let local = Local::start(Options {
        port: args.port,
        data: args.data,
        background: true,
        dynamodb_endpoint: variable("DYNAMODB_ENDPOINT"),
        twilio: real_twilio()?,
        ..Options::default()
    })
    .await?;
    let api_key = seed::demo(&local).await?;
    match args.empty {
        true => seed::guide(&local, &api_key).await?,
        false => seed::inbox(&local).await?,
    }
    if let Some(path) = &args.env_file {
        environment::write(&local, path)?;
    }
    let ready = Ready::new(&local, &api_key, !args.empty);
    if let Some(path) = &args.ready_file {
        ready.write(path)?;
    }
    say(&greeting(&ready));
    stop.await;
    say("\nStopping.\n");
    [&args.ready_file, &args.env_file].into_iter().flatten().for_each(|path| forget(path));
    local.stop().await;
    Ok(())
}

/// Standard output may be closed, by `head` for one: that is no reason to end.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn greeting(ready: &Ready) -> String {
    let Ready { base_url, business_id, api_key, platform_key, twilio_url, ses_url, .. } = ready;
    let mut text = format!(
        "omega is up.\n\n  API           {base_url}\n  Business      {business_id}\n  API key       {api_key}\n  \
         Platform key  {platform_key}\n  Twilio        {twilio_url}{}\n  Mailbox       {ses_url} (a stand-in for SES, for a \
         browser too)\n\n",
        if ready.twilio_is_fake { " (a stand-in)" } else { "" }
    );
    if ready.twilio_is_fake {
        text.push_str("To try, one after the other:\n\n");
        text.push_str(&tour::printed(ready));
    } else {
        text.push_str(&format!(
            "Texts are real now, and the numbers of the demo business are not. Set up a business with a number of your \
             account:\n\ncurl -s {base_url}/business/onboard -H 'X-API-KEY: {platform_key}' -H 'Content-Type: \
             application/json' -d '{{\"business_id\": 2001, \"phone_numbers\": [{{\"phone_number\": \"YOUR \
             NUMBER\"}}]}}'\n\n"
        ));
    }
    text.push_str("Ctrl-C stops.\n");
    text
}

/// Addresses of a runner that is not there would mislead.
fn forget(path: &Path) {
    let _ = std::fs::remove_file(path);
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The account that the environment names, if it names one.
fn real_twilio() -> Result<Option<TwilioAccount>, Error> {
    const NEEDED: [&str; 3] = ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_BASE_URL"];
    match NEEDED.map(variable) {
        [Some(account_sid), Some(auth_token), Some(public_base_url)] => Ok(Some(TwilioAccount {
            api_url: variable("TWILIO_API_URL").unwrap_or_else(|| "https://api.twilio.com".to_owned()),
            account_sid,
            auth_token,
            auth_token_secondary: variable("TWILIO_AUTH_TOKEN_SECONDARY"),
            public_base_url: public_base_url.trim_end_matches('/').to_owned(),
            fallback_base_url: variable("FALLBACK_BASE_URL").map(|url| url.trim_end_matches('/').to_owned()),
        })),
        [None, None, None] => Ok(None),
        // Some of them only: to go on with the stand-in would look as if texts were sent.
        _ => Err(format!("to send real texts, all of {} are needed", NEEDED.join(", ")).into()),
    }
}

/// Ends with the first Ctrl-C or polite request to terminate.
#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends with the first Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
