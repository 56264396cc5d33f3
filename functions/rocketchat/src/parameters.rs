//! What callers send, as Rocket.Chat reads it: names and values in the order in which they came.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

use crate::refused::Refused;

/// The parameters of a call, each name once.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Parameters(pub Vec<(String, Value)>);

impl fmt::Debug for Parameters {
    /// The names; values are about people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Parameters {
    /// A value, if it was sent.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A value that is a text, if it was sent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A text that a schema required.
    pub fn known(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    fn put(&mut self, name: String, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }
}

/// Parameters in the query: `a=1&a=2`, `a[]=1` and `a[0]=1` are lists, `a[b]=1` is an object, `+` is a space.
#[derive(Clone, Debug)]
pub(crate) struct Query(pub Parameters);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, Refused> {
        let read = read_pairs(parts.uri.query().unwrap_or_default().as_bytes());
        read.map(Query).ok_or_else(|| Refused::plain("Invalid query parameters"))
    }
}

/// The most parameters of a query or a form.
const MOST: usize = 1_000;
/// How many names in brackets are read: what is deeper is one name, brackets included.
const DEEPEST: usize = 5;
/// The largest place in a list that a name can say, as `a[20]`. Larger ones are names of fields.
const LAST_PLACE: u8 = 20;

/// Reads a query or a form, which are written alike; `None` for one that has too much in it.
fn read_pairs(text: &[u8]) -> Option<Parameters> {
    let mut read = Parameters::default();
    for (count, (name, value)) in form_urlencoded::parse(text).enumerate() {
        if count == MOST {
            return None;
        }
        if name.is_empty() {
            continue;
        }
        let (name, inside) = match name.find('[').filter(|at| *at > 0 && name.ends_with(']')) {
            Some(at) => (&name[..at], Some(&name[at + 1..name.len() - 1])),
            None => (&*name, None),
        };
        let path: Vec<&str> = inside.map_or_else(Vec::new, |inside| inside.splitn(DEEPEST, "][").collect());
        let before = read.0.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value.take());
        let value = joined(before, &path, Value::String(value.into_owned()));
        read.put(name.to_owned(), value);
    }
    for (_, value) in &mut read.0 {
        make_lists(value);
    }
    Some(read)
}

/// The value of a name after one more value was added to it, or to the field inside it that `path` names.
fn joined(before: Option<Value>, path: &[&str], value: Value) -> Value {
    match (path, before) {
        ([], None) => value,
        ([], Some(before)) => appended(before, value),
        (["", rest @ ..], before) => {
            let inside = joined(None, rest, value);
            appended(before.unwrap_or_else(|| Value::Array(Vec::new())), inside)
        }
        ([name, rest @ ..], before) => {
            let mut object = match before {
                Some(Value::Object(object)) => object,
                _ => Map::new(),
            };
            let inside = joined(object.remove(*name), rest, value);
            object.insert((*name).to_owned(), inside);
            Value::Object(object)
        }
    }
}

fn appended(before: Value, value: Value) -> Value {
    match before {
        Value::Array(mut list) => {
            list.push(value);
            Value::Array(list)
        }
        before => Value::Array(vec![before, value]),
    }
}

/// Turns an object whose names are all places, `a[0]=x&a[1]=y`, into the list that it stands for.
fn make_lists(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(make_lists),
        Value::Object(object) => {
            object.values_mut().for_each(make_lists);
            let places: Option<Vec<u8>> = object.keys().map(|name| place(name)).collect();
            if let Some(mut places) = places.filter(|places| !places.is_empty()) {
                places.sort_unstable();
                let items = places.into_iter().filter_map(|place| object.remove(&place.to_string()));
                *value = Value::Array(items.collect());
            }
        }
        _ => {}
    }
}

fn place(name: &str) -> Option<u8> {
    name.parse().ok().filter(|place: &u8| *place <= LAST_PLACE && place.to_string() == name)
}

/// Parameters in a body: JSON, or a form where the body says that it is one. A body that is JSON is read as JSON whatever
/// it says, because `curl -d` says that everything is a form. Any other body has no parameters.
#[derive(Clone, Debug)]
pub(crate) struct Json(pub Parameters);

impl<S: Send + Sync> FromRequest<S> for Json {
    type Rejection = Refused;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Json, Refused> {
        let is_form = is_form(request.headers());
        let bytes = web::read::collect(request.into_body(), None).await?;
        Ok(Json(read_body(is_form, &bytes)))
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok());
    said.is_some_and(|said| said.to_ascii_lowercase().contains("application/x-www-form-urlencoded"))
}

fn read_body(is_form: bool, bytes: &[u8]) -> Parameters {
    let json = serde_json::from_slice(bytes).ok();
    json.or_else(|| read_pairs(bytes).filter(|_| is_form)).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parameters, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Parameters;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
                let mut read = Parameters::default();
                while let Some((name, value)) = map.next_entry()? {
                    read.put(name, value);
                }
                Ok(read)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(text: &str) -> Value {
        read_body(true, text.as_bytes()).0.into_iter().collect()
    }

    #[test]
    fn names_of_a_form_nest_as_clients_write_them() {
        for (text, expected) in [
            ("user=12&password=a%2Bb+c", json!({"user": "12", "password": "a+b c"})),
            ("a[]=1", json!({"a": ["1"]})),
            ("a[]=1&a[]=2", json!({"a": ["1", "2"]})),
            ("a=1&a=2&a=3", json!({"a": ["1", "2", "3"]})),
            ("a[1]=y&a[0]=x&a[10]=z", json!({"a": ["x", "y", "z"]})),
            ("a[21]=x", json!({"a": {"21": "x"}})),
            ("a[01]=x", json!({"a": {"01": "x"}})),
            ("a[b]=1&a[c]=2", json!({"a": {"b": "1", "c": "2"}})),
            ("a[b][c]=1&a[b][d][]=2&a[e]=3", json!({"a": {"b": {"c": "1", "d": ["2"]}, "e": "3"}})),
            ("a[0][b]=1&a[1][b]=2", json!({"a": [{"b": "1"}, {"b": "2"}]})),
            ("%61%5Bb%5D=1", json!({"a": {"b": "1"}})),
            ("a[b][c][d][e][f][g]=1", json!({"a": {"b": {"c": {"d": {"e": {"f][g": "1"}}}}}})),
            ("[a]=1&a[=2&=3", json!({"[a]": "1", "a[": "2"})),
            ("a", json!({"a": ""})),
            ("", json!({})),
        ] {
            assert_eq!(form(text), expected, "{text}");
        }
    }

    #[test]
    fn a_body_that_is_json_is_json_and_one_that_is_neither_is_empty() {
        assert_eq!(form(r#"{"user": "12", "n": 1}"#), json!({"user": "12", "n": 1}));
        assert!(read_body(false, b"user=12").0.is_empty());
        assert!(read_body(false, b"[1]").0.is_empty());
        assert_eq!(form(&"a=1&".repeat(1_001)), json!({}));
    }
}
