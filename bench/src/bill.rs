//! What each journey costs in calls and units, and what a million texts cost.

use local::fake_ses::{Event, EventType, Reply};
use local::fake_twilio::Callback;
use serde_json::Value;

use crate::Error;
use crate::system::System;

/// On demand, us-east-1, dollars for a million.
const WRITE_UNITS: f64 = 0.625;
const READ_UNITS: f64 = 0.125;
const QUEUE_CALLS: f64 = 0.40;
const REPEAT: usize = 20;

/// What passed over the wire.
#[derive(Clone, Copy, Default)]
struct Cost {
    dynamodb: f64,
    read_units: f64,
    write_units: f64,
    sqs: f64,
    objects: f64,
    provider: f64,
}

impl Cost {
    fn plus(self, other: Cost) -> Cost {
        Cost {
            dynamodb: self.dynamodb + other.dynamodb,
            read_units: self.read_units + other.read_units,
            write_units: self.write_units + other.write_units,
            sqs: self.sqs + other.sqs,
            objects: self.objects + other.objects,
            provider: self.provider + other.provider,
        }
    }

    fn minus(self, other: Cost) -> Cost {
        self.plus(other.times(-1.0))
    }

    fn times(self, factor: f64) -> Cost {
        Cost {
            dynamodb: self.dynamodb * factor,
            read_units: self.read_units * factor,
            write_units: self.write_units * factor,
            sqs: self.sqs * factor,
            objects: self.objects * factor,
            provider: self.provider * factor,
        }
    }

    /// Dollars for a million times this.
    fn dollars(self) -> f64 {
        self.read_units * READ_UNITS + self.write_units * WRITE_UNITS + self.sqs * QUEUE_CALLS
    }

    fn print(self, name: &str) {
        println!(
            "{name:<42} {:>6.2} {:>8.2} {:>8.2} {:>6.2} {:>6.2} {:>6.2} {:>10.2}",
            self.dynamodb,
            self.read_units,
            self.write_units,
            self.sqs,
            self.objects,
            self.provider,
            self.dollars()
        );
    }
}

pub async fn run() -> Result<(), Error> {
    println!("Cost of one, on average over {REPEAT} (units as the embedded engine reports them)\n");
    println!(
        "{:<42} {:>6} {:>8} {:>8} {:>6} {:>6} {:>6} {:>10}",
        "journey", "table", "read u.", "write u.", "queue", "S3", "other", "$/million"
    );
    let system = System::start().await?;
    system.local.wire.measure_capacity(true);
    system.queue(1..2).await?;
    system.local.drain().await?;
    sweep(&system).await?;

    let queued = average(&system, async |n| system.queue(n..n + 1).await.map(drop)).await?;
    queued.print("queue a text to a new client");
    system.local.twilio.set_default_callbacks(Vec::<Callback>::new());
    // One delivery takes ten jobs, so the whole is counted and divided by the texts.
    let sent = whole(&system, async || system.local.drain().await).await?;
    sent.print("send it");
    let sids: Vec<String> =
        system.local.twilio.outbox().iter().rev().take(REPEAT).map(|text| text.sid.clone()).collect();
    let report = average(&system, async |n| {
        let sid = &sids[n as usize - FIRST as usize];
        system.local.twilio.send_callbacks(sid, ["sent", "delivered"]).await;
        Ok(())
    })
    .await?;
    report.print("hear that it was sent and delivered");
    let answered = average(&system, async |n| {
        system.answer(n).await;
        Ok(())
    })
    .await?;
    answered.print("receive the answer");
    // A run that finds nothing costs its looks; what is beyond them is the share of the texts.
    let swept = whole(&system, async || sweep(&system).await).await?;
    let idle = whole(&system, async || sweep(&system).await).await?;
    let counted = swept.minus(idle);
    counted.print("bring new client and answer into the counts");
    let profile = average(&system, async |n| {
        system.call(reqwest::Method::GET, &format!("/clients/{n}"), Value::Null).await.map(drop)
    })
    .await?;
    profile.print("look at the client");
    let all = queued.plus(sent).plus(report).plus(answered).plus(counted).plus(profile);
    all.print("all of it");
    println!();
    let known = average(&system, async |n| system.queue(n..n + 1).await.map(drop)).await?;
    known.print("queue a text to a known client");
    idle.times(REPEAT as f64).print("a run of the sweeper that finds nothing");
    println!(
        "\nBatches make the queue cheaper: ten jobs are one call. Functions, object storage, Twilio and SES \
         themselves are not in it.\n"
    );
    mail().await
}

/// The same for mail: with one attachment, delivered, and answered by its receiver.
async fn mail() -> Result<(), Error> {
    let system = System::start().await?;
    system.local.wire.measure_capacity(true);
    system.mail(1..2).await?;
    system.local.drain().await?;
    sweep(&system).await?;

    let queued = average(&system, async |n| system.mail(n..n + 1).await.map(drop)).await?;
    queued.print("queue a mail with an attachment");
    system.local.ses.set_default_events(Vec::<Event>::new());
    let sent = whole(&system, async || system.local.drain().await).await?;
    sent.print("send it");
    let mails = system.local.ses.mails();
    let ids: Vec<&str> = mails.iter().rev().take(REPEAT).map(|mail| mail.id.as_str()).collect();
    let reports = whole(&system, async || {
        for id in &ids {
            system.local.ses.send_events(id, [EventType::Send, EventType::Delivery]).await;
        }
        system.local.drain().await
    })
    .await?;
    reports.print("hear that it was sent and delivered");
    let answered = whole(&system, async || {
        for id in &ids {
            let reply = Reply { id: (*id).to_owned(), text: "Thank you!".to_owned(), ..Reply::default() };
            system.local.ses.reply(reply).await.map_err(|_| "the answer could not be written")?;
        }
        system.local.drain().await
    })
    .await?;
    answered.print("receive the answer");
    let all = queued.plus(sent).plus(reports).plus(answered);
    all.print("all of it, but for the counts");
    println!();
    Ok(())
}

const FIRST: u64 = 100;

/// The cost of one run of `step`, over many.
async fn average(
    system: &System,
    mut step: impl AsyncFnMut(u64) -> Result<(), Error>,
) -> Result<Cost, Error> {
    whole(system, async || {
        for n in FIRST..FIRST + REPEAT as u64 {
            step(n).await?;
        }
        Ok(())
    })
    .await
}

/// The cost of `steps`, divided by [`REPEAT`].
async fn whole(system: &System, mut steps: impl AsyncFnMut() -> Result<(), Error>) -> Result<Cost, Error> {
    system.local.wire.clear();
    steps().await?;
    let mut cost = Cost::default();
    for call in system.local.wire.calls() {
        match call.server {
            "dynamodb" => {
                cost.dynamodb += 1.0;
                let units = call.consumed.as_ref().map(units).unwrap_or_default();
                let writes =
                    call.operation.contains("Write") || ["PutItem", "UpdateItem"].contains(&&*call.operation);
                *(if writes { &mut cost.write_units } else { &mut cost.read_units }) += units;
            }
            // Polling and deleting is the event source's, and free of calls of ours.
            "sqs" if call.operation.starts_with("SendMessage") => cost.sqs += 1.0,
            "s3" => cost.objects += 1.0,
            "twilio" | "ses" => cost.provider += 1.0,
            _ => {}
        }
    }
    Ok(cost.times(1.0 / REPEAT as f64))
}

async fn sweep(system: &System) -> Result<(), Error> {
    system.local.sweep().await?;
    Ok(())
}

/// Units in an answer: one table's, or a list of them.
pub fn units(consumed: &Value) -> f64 {
    match consumed {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or(0.0),
    }
}
