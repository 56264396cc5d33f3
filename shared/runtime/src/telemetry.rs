//! The log: one JSON object a line, to standard output, without a time of its own (the platform adds it).
//!
//! Fields are dotted (`message.id`). Personal data never gets here, because the types that hold it print nothing:
//! `docs/logging.md`.

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// Logs to standard output from now on. A second call changes nothing.
pub fn init() {
    to(std::io::stdout);
}

/// Logs to `writer` from now on. A second call changes nothing.
pub fn to<W>(writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_max_level(tracing::Level::INFO)
        .with_writer(writer)
        .finish();
    let _ = subscriber.try_init();
}
