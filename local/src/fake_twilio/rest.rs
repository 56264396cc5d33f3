//! The REST API: create, fetch and list messages; and what all resources have in common.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{API_VERSION, Answer, FakeTwilio, Message, Received, Scripts, new_sid, numbers, push, segments};
use crate::wire::{disconnect, locked};

pub(super) fn routes() -> Router<FakeTwilio> {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(create).get(list))
        .route("/2010-04-01/Accounts/{account}/Messages/{file}", get(fetch))
        .merge(numbers::routes())
        .fallback(|method: Method, uri: Uri, State(fake): State<FakeTwilio>| async move {
            finish(&fake, received(&fake, &method, &uri), not_found(&uri))
        })
}

/// An error as Twilio reports it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: u32,
    message: String,
}

impl Refusal {
    pub fn new(code: u32, message: impl Into<String>) -> Refusal {
        let status = match code {
            20003 => 401,
            20404 => 404,
            20429 => 429,
            _ => 400,
        };
        Refusal { status, code, message: message.into() }
    }

    pub fn of_code(code: u32) -> Refusal {
        let message = match code {
            20003 => "Authenticate",
            20404 => "The requested resource was not found",
            20429 => "Too Many Requests",
            21211 => "Invalid 'To' Phone Number",
            21402 => "Invalid URL",
            21403 => "Invalid Method",
            21602 => "Message body is required.",
            21603 => "A 'From' phone number is required.",
            21604 => "A 'To' phone number is required.",
            21606 => "The 'From' phone number is not a valid message-capable Twilio phone number.",
            21610 => "Attempt to send to unsubscribed recipient",
            21612 => "The 'To' phone number is not currently reachable via SMS",
            21614 => "'To' number is not a valid mobile number",
            21617 => "The concatenated message body exceeds the 1600 character limit",
            21620 => "Invalid media URL(s)",
            21623 => "Number of media files exceeds allowed limit",
            _ => "The request was refused",
        };
        Refusal::new(code, message)
    }

    fn of_status(status: u16) -> Refusal {
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        Refusal { status, code: 20_000 + u32::from(status), message: reason.unwrap_or("Error").to_owned() }
    }

    fn json(&self) -> Value {
        json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status,
        })
    }
}

pub(super) type Answered = Result<(StatusCode, Value), Refusal>;

/// Logs the request with its answer, and gives the answer.
pub(super) fn finish(fake: &FakeTwilio, mut request: Received, answered: Answered) -> Response {
    let (status, body) = match answered {
        Ok((status, body)) => (status, body),
        Err(refusal) => {
            request.code = Some(refusal.code);
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, refusal.json())
        }
    };
    request.status = Some(status.as_u16());
    fake.log(request);
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

pub(super) fn received(fake: &FakeTwilio, method: &Method, uri: &Uri) -> Received {
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    Received { at: fake.now(), method: method.to_string(), path, ..Received::default() }
}

pub(super) fn not_found(uri: &Uri) -> Answered {
    Err(Refusal::new(20404, format!("The requested resource {} was not found", uri.path())))
}

pub(super) fn authenticate(fake: &FakeTwilio, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given =
        given.and_then(|value| value.strip_prefix("Basic ")).and_then(|code| STANDARD.decode(code).ok());
    let expected = format!("{}:{}", fake.0.account_sid, fake.0.auth_token);
    if given.as_deref() == Some(expected.as_bytes()) { Ok(()) } else { Err(Refusal::of_code(20003)) }
}

pub(super) fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

pub(super) fn value(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.clone())
}

async fn create(
    State(fake): State<FakeTwilio>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = pairs(&body);
    let mut request = received(&fake, &Method::POST, &uri);
    request.to = value(&form, "To");
    request.from = value(&form, "From");
    request.body = value(&form, "Body");
    request.status_callback = value(&form, "StatusCallback");

    if let Err(refusal) = authenticate(&fake, &headers) {
        return finish(&fake, request, Err(refusal));
    }
    if account != fake.0.account_sid {
        return finish(&fake, request, not_found(&uri));
    }
    let answer = next_answer(&mut locked(&fake.0.state).scripts, request.to.as_deref());
    if let Some(response) = turned_away(&fake, &request, &answer) {
        return response;
    }
    let message = match accept(&fake, &form, &answer) {
        Ok(message) => message,
        Err(refusal) => return finish(&fake, request, Err(refusal)),
    };
    request.sid = Some(message.sid.clone());
    let created = json_of(&fake, &message);
    fake.spawn_callbacks(message, answer.callbacks.clone());
    give(&fake, request, &answer, Ok((StatusCode::CREATED, created))).await
}

/// What the script says next for this number, or for any.
pub(super) fn next_answer(scripts: &mut Scripts, number: Option<&str>) -> Answer {
    let own = number.and_then(|number| scripts.get_mut(&Some(number.to_owned()))?.pop_front());
    own.or_else(|| scripts.get_mut(&None)?.pop_front()).unwrap_or_default()
}

/// The answer to a request that is not to be executed.
pub(super) fn turned_away(fake: &FakeTwilio, request: &Received, answer: &Answer) -> Option<Response> {
    if answer.drop_before {
        fake.log(request.clone());
        return Some(disconnect());
    }
    let refusal = scripted_refusal(answer)?;
    Some(finish(fake, request.clone(), Err(refusal)))
}

/// Answers a request that was executed, as the script will have it.
pub(super) async fn give(
    fake: &FakeTwilio,
    request: Received,
    answer: &Answer,
    answered: Answered,
) -> Response {
    if answer.drop {
        fake.log(request);
        return disconnect();
    }
    if answer.hang {
        fake.log(request);
        // Ends when the caller hangs up, which drops this future.
        return std::future::pending().await;
    }
    // Logged before the delay: the caller may hang up in the meantime, which drops this future.
    let mut response = finish(fake, request, answered);
    if let Some(body) = &answer.body {
        *response.body_mut() = body.clone().into();
    }
    tokio::time::sleep(Duration::from_millis(answer.delay_ms.unwrap_or(0))).await;
    response
}

fn scripted_refusal(answer: &Answer) -> Option<Refusal> {
    answer.refuse.map(Refusal::of_code).or_else(|| answer.status.map(Refusal::of_status))
}

fn accept(fake: &FakeTwilio, form: &[(String, String)], answer: &Answer) -> Result<Message, Refusal> {
    let to = value(form, "To").ok_or_else(|| Refusal::of_code(21604))?;
    let from = value(form, "From").ok_or_else(|| Refusal::of_code(21603))?;
    let body = value(form, "Body").unwrap_or_default();
    let media: Vec<String> =
        form.iter().filter(|(name, _)| name == "MediaUrl").map(|(_, url)| url.clone()).collect();
    if !is_e164(&to) {
        return Err(Refusal::new(21211, format!("The 'To' number {to} is not a valid phone number.")));
    }
    if body.is_empty() && media.is_empty() {
        return Err(Refusal::of_code(21602));
    }
    if body.chars().count() > 1600 {
        return Err(Refusal::of_code(21617));
    }
    if media.len() > 10 {
        return Err(Refusal::of_code(21623));
    }
    if !media.iter().all(|url| url.starts_with("https://") || url.starts_with("http://")) {
        return Err(Refusal::of_code(21620));
    }
    let now = fake.now();
    let mut state = locked(&fake.0.state);
    if !state.owns(&from) {
        return Err(Refusal::new(
            21606,
            format!("The 'From' phone number {from} is not a valid, message-capable Twilio phone number."),
        ));
    }
    if state.stopped.contains(&(to.clone(), from.clone())) {
        return Err(Refusal::of_code(21610));
    }
    let message = Message {
        sid: new_sid(&media),
        direction: "outbound-api",
        from,
        to,
        body,
        media,
        status: "queued".to_owned(),
        error_code: None,
        status_callback: value(form, "StatusCallback"),
        created_at: now,
        updated_at: now,
        sent_at: None,
        fields: answer.fields.clone(),
    };
    push(&mut state.messages, message.clone());
    Ok(message)
}

pub(super) fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

async fn fetch(
    State(fake): State<FakeTwilio>,
    Path((account, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = authenticate(&fake, &headers).and_then(|()| {
        let sid = file.strip_suffix(".json").filter(|_| account == fake.0.account_sid);
        match sid.and_then(|sid| fake.message(sid)) {
            Some(message) => Ok((StatusCode::OK, json_of(&fake, &message))),
            None => not_found(&uri),
        }
    });
    finish(&fake, received(&fake, &Method::GET, &uri), answered)
}

async fn list(
    State(fake): State<FakeTwilio>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = authenticate(&fake, &headers).and_then(|()| {
        if account != fake.0.account_sid {
            return not_found(&uri);
        }
        let query = pairs(uri.query().unwrap_or_default().as_bytes());
        Ok((StatusCode::OK, page(&fake, uri.path(), &query)?))
    });
    finish(&fake, received(&fake, &Method::GET, &uri), answered)
}

/// One page of the messages that the query asks for, newest first.
fn page(fake: &FakeTwilio, path: &str, query: &[(String, String)]) -> Result<Value, Refusal> {
    let (to, from) = (value(query, "To"), value(query, "From"));
    let dates: Vec<(&str, Moment)> = query
        .iter()
        .filter(|(name, _)| name.starts_with("DateSent"))
        .map(|(name, date)| Ok((name.as_str(), moment(date)?)))
        .collect::<Result<_, Refusal>>()?;
    let mut found = fake.messages();
    found.retain(|message| {
        let at = message.sent_at.unwrap_or(message.created_at);
        to.as_ref().is_none_or(|to| *to == message.to)
            && from.as_ref().is_none_or(|from| *from == message.from)
            && dates.iter().all(|(name, date)| date.accepts(name, at))
    });
    found.reverse();
    Ok(paged(path, query, "messages", &found, |message| json_of(fake, message)))
}

/// The page of a list that the query asks for. `name` is the list's name in the answer.
pub(super) fn paged<T>(
    path: &str,
    query: &[(String, String)],
    name: &str,
    found: &[T],
    json_of: impl Fn(&T) -> Value,
) -> Value {
    let whole = |name: &str| value(query, name).and_then(|number| number.parse::<usize>().ok());
    let page_size = whole("PageSize").unwrap_or(50).clamp(1, 1000);
    let page = whole("Page").unwrap_or(0);
    let start = page.saturating_mul(page_size).min(found.len());
    let end = (start + page_size).min(found.len());
    let address = |page: usize| {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        let kept =
            query.iter().filter(|(name, _)| !matches!(name.as_str(), "Page" | "PageSize" | "PageToken"));
        encoded.extend_pairs(kept);
        encoded.append_pair("PageSize", &page_size.to_string());
        format!("{path}?{}", encoded.append_pair("Page", &page.to_string()).finish())
    };
    let items: Vec<Value> = found[start..end].iter().map(json_of).collect();
    json!({
        name: items,
        "page": page,
        "page_size": page_size,
        "start": start,
        "end": end.saturating_sub(1),
        "uri": address(page),
        "first_page_uri": address(0),
        "previous_page_uri": page.checked_sub(1).map(address),
        "next_page_uri": (end < found.len()).then(|| address(page + 1)),
    })
}

/// A date of the query: a whole day, or an instant.
struct Moment {
    from: i64,
    until: i64,
}

impl Moment {
    /// `DateSent=`, `DateSent>=` and `DateSent<=`: the sign is a part of the parameter's name.
    fn accepts(&self, name: &str, at: i64) -> bool {
        match name {
            "DateSent>" => at >= self.from,
            "DateSent<" => at <= self.from,
            _ => (self.from..self.until).contains(&at),
        }
    }
}

fn moment(text: &str) -> Result<Moment, Refusal> {
    const DAY_MS: i64 = 86_400_000;
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        let from = instant.as_millisecond();
        return Ok(Moment { from, until: from + 1 });
    }
    let day = text.parse::<jiff::civil::Date>().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
    let from = day.map_err(|_| Refusal::new(20001, format!("'{text}' is not a valid date")))?;
    let from = from.timestamp().as_millisecond();
    Ok(Moment { from, until: from + DAY_MS })
}

/// `Wed, 18 Aug 2010 20:01:40 +0000`.
pub(super) fn date(at: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn json_of(fake: &FakeTwilio, message: &Message) -> Value {
    let account_sid = &fake.0.account_sid;
    let uri = format!("/{API_VERSION}/Accounts/{account_sid}/Messages/{}", message.sid);
    let mut described = json!({
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": message.body,
        "date_created": date(message.created_at),
        "date_sent": message.sent_at.map(date),
        "date_updated": date(message.updated_at),
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": null,
        "from": message.from,
        "messaging_service_sid": null,
        "num_media": message.media.len().to_string(),
        "num_segments": segments(&message.body).to_string(),
        "price": null,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": format!("{uri}/Media.json")},
        "to": message.to,
        "uri": format!("{uri}.json"),
    });
    for (name, value) in &message.fields {
        match (value, described.as_object_mut()) {
            (Value::Null, Some(described)) => drop(described.remove(name)),
            (value, _) => described[name] = value.clone(),
        }
    }
    described
}
