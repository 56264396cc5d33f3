//! Finds texts from clients that never reached us: those of the last day, as Twilio has them, go to the recorder, which
//! stores the ones that are missing.

use std::time::Duration;

use domain::content::Text;
use domain::job::{InboundSms, Job, Work};
use domain::{Result, Timestamp};
use twilio::RemoteMessage;

use crate::Deps;

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn backfill(deps: &Deps, correlation: &str) -> Result<()> {
    let since = deps.store.clock().now().minus(DAY);
    let listed = deps.twilio.list(since, None, None).await?;
    let mut jobs = Vec::new();
    for sms in listed.into_iter().filter_map(|remote| inbound(remote, deps.twilio.account_sid())) {
        if !deps.store.knows_provider_id(domain::channel::Provider::Twilio, &sms.message_sid).await? {
            jobs.push(Job::new(correlation, Work::ReceiveSms(sms)));
        }
    }
    tracing::info!(missing = jobs.len(), "inbound texts compared with Twilio's");
    deps.outbox.record.send(&jobs).await
}

/// A text from a client, as Twilio's list tells of it. The list has no media addresses.
fn inbound(remote: RemoteMessage, account_sid: &str) -> Option<InboundSms> {
    (remote.direction == "inbound").then_some(())?;
    let sms = InboundSms {
        account_sid: account_sid.to_owned(),
        message_sid: remote.sid,
        from: Text(remote.from.unwrap_or_default()),
        to: Text(remote.to?),
        body: Text(remote.body.unwrap_or_default()),
        media_urls: Vec::new(),
        opt_out_type: None,
        sent_at: remote.date_created.as_deref().and_then(Timestamp::parse_rfc2822),
    };
    Some(sms.fitting())
}
