//! What callers send, as Rocket.Chat reads it: names and values in the order in which they came.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
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

/// Parameters in the query: `a=1&a=2` and `a[]=1` are lists, `a[b]=1` is an object, `+` is a space.
#[derive(Clone, Debug)]
pub(crate) struct Query(pub Parameters);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, Refused> {
        let read = read_query(parts.uri.query().unwrap_or_default());
        read.map(Query).ok_or_else(|| Refused::plain("Invalid query parameters"))
    }
}

/// The most parameters of a query.
const MOST: usize = 1_000;

/// Reads a query; `None` for one that has too much in it.
fn read_query(query: &str) -> Option<Parameters> {
    let mut read = Parameters::default();
    for (count, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
        if count == MOST {
            return None;
        }
        if name.is_empty() {
            continue;
        }
        let value = Value::String(value.into_owned());
        let (name, inside) = match name.find('[').filter(|at| *at > 0 && name.ends_with(']')) {
            Some(at) => (&name[..at], Some(&name[at + 1..name.len() - 1])),
            None => (&*name, None),
        };
        let before = read.get(name).cloned();
        let value = match (inside, before) {
            (None, None) => value,
            (None | Some(""), before) => match before {
                Some(Value::Array(mut list)) => {
                    list.push(value);
                    Value::Array(list)
                }
                Some(before) => Value::Array(vec![before, value]),
                None => Value::Array(vec![value]),
            },
            (Some(key), before) => {
                let mut object = match before {
                    Some(Value::Object(object)) => object,
                    _ => Map::new(),
                };
                object.insert(key.to_owned(), value);
                Value::Object(object)
            }
        };
        read.put(name.to_owned(), value);
    }
    Some(read)
}

/// Parameters in a JSON body. What is no JSON object has none.
#[derive(Clone, Debug)]
pub(crate) struct Json(pub Parameters);

impl<S: Send + Sync> FromRequest<S> for Json {
    type Rejection = Refused;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Json, Refused> {
        let bytes = web::read::collect(request.into_body(), None).await?;
        Ok(Json(serde_json::from_slice(&bytes).unwrap_or_default()))
    }
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
