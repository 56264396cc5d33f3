//! Asking Twilio about texts: one by its id, or those of a time.

use domain::{Error, Result, Timestamp};
use form_urlencoded::Serializer;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::client::{Client, Lost};

/// The most pages that one listing reads: a thousand texts each.
const MOST_PAGES: usize = 20;

/// A text as Twilio has it.
#[derive(Clone)]
pub struct RemoteMessage {
    /// Twilio's id.
    pub sid: String,
    /// Twilio's word for its status.
    pub status: String,
    /// `inbound`, `outbound-api`, …
    pub direction: String,
    /// Sender.
    pub from: Option<String>,
    /// Receiver.
    pub to: Option<String>,
    /// The words.
    pub body: Option<String>,
    /// Why it failed.
    pub error_code: Option<u32>,
    /// RFC 2822.
    pub date_created: Option<String>,
}

impl std::fmt::Debug for RemoteMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteMessage")
            .field("sid", &self.sid)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl RemoteMessage {
    /// A message as Twilio describes it, or `None` without a sid. Fields of another type count as missing.
    fn read(value: &Value) -> Option<RemoteMessage> {
        Some(RemoteMessage {
            sid: word(value, "sid")?,
            status: word(value, "status").unwrap_or_default(),
            direction: word(value, "direction").unwrap_or_default(),
            from: word(value, "from"),
            to: word(value, "to"),
            body: word(value, "body"),
            error_code: number(value, "error_code"),
            date_created: word(value, "date_created"),
        })
    }
}

/// A string field that is not empty.
pub(crate) fn word(value: &Value, field: &str) -> Option<String> {
    value.get(field)?.as_str().filter(|word| !word.is_empty()).map(str::to_owned)
}

/// A number, or a string of digits.
pub(crate) fn number(value: &Value, field: &str) -> Option<u32> {
    match value.get(field)? {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(digits) => digits.trim().parse().ok(),
        _ => None,
    }
}

impl Client {
    /// One text by Twilio's id, or `None` when Twilio does not know it.
    ///
    /// # Errors
    /// `Unavailable` when Twilio does not answer, or answers with anything else.
    pub async fn fetch(&self, sid: &str) -> Result<Option<RemoteMessage>> {
        let (status, body) = self.read(&self.messages_path(&format!("/{sid}.json"))).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let value = parse(status, &body)?;
        RemoteMessage::read(&value)
            .map(Some)
            .ok_or_else(|| Error::Unavailable("Twilio's response names no message".into()))
    }

    /// Texts that were made since the day of `since`, optionally between two numbers.
    ///
    /// # Errors
    /// `Unavailable` when Twilio does not answer all of it.
    pub async fn list(
        &self,
        since: Timestamp,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Vec<RemoteMessage>> {
        let mut next = Some(self.messages_path(&format!(".json?{}", listing(since, from, to))));
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let Some(path) = next.take() else { break };
            let (status, body) = self.read(&path).await?;
            let page = parse(status, &body)?;
            let rows = page
                .get("messages")
                .and_then(Value::as_array)
                .ok_or_else(|| Error::Unavailable("Twilio's response has no list of messages".into()))?;
            found.extend(rows.iter().filter_map(RemoteMessage::read));
            next = word(&page, "next_page_uri");
        }
        Ok(found)
    }

    async fn read(&self, path: &str) -> Result<(StatusCode, bytes::Bytes)> {
        match self.call(Method::GET, path, None).await {
            Ok((status, _, body)) => Ok((status, body)),
            Err(Lost::NotSent(why) | Lost::NoAnswer(why)) => Err(Error::Unavailable(why.into())),
        }
    }
}

/// The query of a listing. On its own because a serializer may not live across an await: it is not `Send`.
fn listing(since: Timestamp, from: Option<&str>, to: Option<&str>) -> String {
    let day: String = since.to_string().chars().take(10).collect();
    let mut query = Serializer::new(String::new());
    query.append_pair("DateSent>", &day).append_pair("PageSize", "1000");
    if let Some(from) = from {
        query.append_pair("From", from);
    }
    if let Some(to) = to {
        query.append_pair("To", to);
    }
    query.finish()
}

fn parse(status: StatusCode, body: &[u8]) -> Result<Value> {
    if !status.is_success() {
        return Err(Error::Unavailable(format!("Twilio answered {status}").into()));
    }
    serde_json::from_slice(body)
        .map_err(|error| Error::Unavailable(format!("column {}", error.column()).into()))
}
