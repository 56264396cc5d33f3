//! How much the sender adds to what cannot be left out: take a batch off the queue, call the provider, delete it.

use std::time::Instant;

use futures_util::future::join_all;
use local::Source;
use local::fake_twilio::Answer;

use crate::Error;
use crate::system::{System, median, phone};

/// How long the provider takes, in milliseconds: about what Twilio takes.
const PROVIDER: u64 = 100;
const BATCHES: u64 = 15;

pub async fn run() -> Result<(), Error> {
    let system = System::start().await?;
    let slow = || Answer::delay_ms(PROVIDER).with_callbacks(Vec::<local::fake_twilio::Callback>::new());
    system.local.twilio.script(None, (0..BATCHES * 30).map(|_| slow()));
    let (mut ours, mut one, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for batch in 0..BATCHES {
        system.queue(batch * 100..batch * 100 + 10).await?;
        ours.push(timed(async || system.local.deliver_once(Source::Sms).await.map(drop)).await?);
        system.queue(batch * 100 + 50..batch * 100 + 51).await?;
        one.push(timed(async || system.local.deliver_once(Source::Sms).await.map(drop)).await?);
        system.queue(batch * 100 + 60..batch * 100 + 70).await?;
        bare.push(timed(async || bare_batch(&system).await).await?);
    }
    let (ours, one, bare) = (median(ours), median(one), median(bare));
    println!(
        "Sender, batches of ten, a provider that takes {PROVIDER} ms (medians of {BATCHES}, interleaved)\n"
    );
    println!(
        "texts a second, over a bare loop of receive, provider call, delete: {:.2} (goal: at least 0.80)",
        bare / ours
    );
    println!("a batch of ten over a batch of one: {:.2} (alarm: above 2)\n", ours / one);
    Ok(())
}

/// The least that a sender does.
async fn bare_batch(system: &System) -> Result<(), Error> {
    let config = runtime::Config::new({
        let endpoint = system.local.sqs_endpoint.clone();
        move |name| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ENDPOINT_URL_SQS" => Some(endpoint.clone()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
            _ => None,
        }
    });
    let sqs = aws_sdk_sqs::Client::new(&runtime::aws::sdk_config(&config, "SQS"));
    let url = &system.local.sms_queue_url;
    let messages = sqs
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .send()
        .await?
        .messages
        .unwrap_or_default();
    let account = &system.local.twilio_account;
    let http = reqwest::Client::new();
    let calls = (0..messages.len() as u64).map(|n| {
        let form =
            [("To", phone(n)), ("From", local::seed::NUMBER.to_owned()), ("Body", "See you?".to_owned())];
        let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", account.api_url, account.account_sid);
        http.post(url).basic_auth(&account.account_sid, Some(&account.auth_token)).form(&form).send()
    });
    for answer in join_all(calls).await {
        answer?.error_for_status()?;
    }
    let mut delete = sqs.delete_message_batch().queue_url(url);
    for (n, message) in messages.iter().enumerate() {
        let entry = aws_sdk_sqs::types::DeleteMessageBatchRequestEntry::builder()
            .id(n.to_string())
            .receipt_handle(message.receipt_handle().unwrap_or_default())
            .build()?;
        delete = delete.entries(entry);
    }
    delete.send().await?;
    Ok(())
}

async fn timed(mut work: impl AsyncFnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let begun = Instant::now();
    work().await?;
    Ok(begun.elapsed().as_secs_f64())
}
