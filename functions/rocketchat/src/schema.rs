//! What parameters have to be, checked as AJV does it: in its order, with its words, and turning one scalar into another
//! where it does.
//!
//! The first problem ends it, but for a choice of schemas, which tells one for each.

use std::collections::HashMap;

use serde_json::Value;

use crate::parameters::Parameters;
use crate::refused::Refused;

/// What an object has to be.
#[derive(Debug)]
pub(crate) struct Schema {
    /// What cannot be left out, in the order in which it is asked for.
    pub required: &'static [&'static str],
    /// What is known, in the order in which it is looked at.
    pub properties: &'static [Property],
    /// Whether there may be others.
    pub open: bool,
}

/// One property of an object.
#[derive(Debug)]
pub(crate) struct Property {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether it may be `null`.
    pub nullable: bool,
}

/// What a value has to be.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A text of at most so many characters.
    Text(usize),
    /// A text that is not blank.
    Word,
    /// A text with something on both sides of one `@`.
    Mailbox,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// At most so many texts, none twice, of at most so many characters each.
    Texts(usize, usize),
    /// An object.
    Object(&'static Schema),
}

/// A property that may be left out, and not be `null`.
pub(crate) const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, nullable: false }
}

/// A property that may be `null` as well.
pub(crate) const fn nullable(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, nullable: true }
}

/// A text of any length.
pub(crate) const ANY_TEXT: Kind = Kind::Text(usize::MAX);
/// An object that holds anything.
pub(crate) static ANYTHING: Schema = Schema { required: &[], properties: &[], open: true };

/// Where the values come from: in a query everything is a text, and a list of one is that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Query,
    Body,
}

/// Checks parameters, and makes of their values what they have to be.
pub(crate) fn check(schema: &Schema, of: Source, parameters: &mut Parameters) -> Result<(), Refused> {
    schema.check(of, &mut parameters.0).map_err(|problem| Refused::Invalid(vec![problem]))
}

/// Checks parameters that have to match exactly one of some schemas that exclude each other.
pub(crate) fn check_one_of(
    schemas: &[&Schema],
    of: Source,
    parameters: &mut Parameters,
) -> Result<(), Refused> {
    let mut problems = Vec::new();
    for schema in schemas {
        match schema.check(of, &mut parameters.0) {
            Ok(()) => return Ok(()),
            Err(problem) => problems.push(problem),
        }
    }
    problems.push("must match exactly one schema in oneOf".to_owned());
    Err(Refused::Invalid(problems))
}

/// What is wrong, in AJV's words.
type Checked = Result<(), String>;

impl Schema {
    fn check(&self, of: Source, values: &mut [(String, Value)]) -> Checked {
        let missing = self.required.iter().find(|name| !values.iter().any(|(known, _)| known == *name));
        if let Some(name) = missing {
            return Err(format!("must have required property '{name}'"));
        }
        let is_known = |name: &String| self.properties.iter().any(|property| property.name == name);
        if !self.open && !values.iter().all(|(name, _)| is_known(name)) {
            return Err("must NOT have additional properties".to_owned());
        }
        for property in self.properties {
            let Some((_, value)) = values.iter_mut().find(|(name, _)| name == property.name) else {
                continue;
            };
            property.check(of, value)?;
        }
        Ok(())
    }
}

impl Property {
    fn check(&self, of: Source, value: &mut Value) -> Checked {
        if of == Source::Query
            && let Value::Array(list) = value
            && let [only] = list.as_mut_slice()
            && !matches!(self.kind, Kind::Texts(..))
        {
            *value = only.take();
        }
        if self.nullable && value.is_null() {
            return Ok(());
        }
        if let Some(coerced) = self.kind.coerced(value) {
            *value = coerced;
        }
        let is_nothing = value == "" || *value == Value::Bool(false) || value.as_f64() == Some(0.0);
        if !self.kind.is(value) && self.nullable && is_nothing {
            *value = Value::Null;
            return Ok(());
        }
        if !self.kind.is(value) {
            return Err(format!("must be {}", self.kind.name()));
        }
        self.kind.check(of, value)
    }
}

impl Kind {
    /// Whether a value is of this type.
    fn is(&self, value: &Value) -> bool {
        match self {
            Kind::Text(_) | Kind::Word | Kind::Mailbox => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Boolean => value.is_boolean(),
            Kind::Texts(..) => value.is_array(),
            Kind::Object(_) => value.is_object(),
        }
    }

    /// The type's name.
    fn name(&self) -> &'static str {
        match self {
            Kind::Text(_) | Kind::Word | Kind::Mailbox => "string",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Texts(..) => "array",
            Kind::Object(_) => "object",
        }
    }

    /// A scalar of another type, as one of this type where there is one.
    fn coerced(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Kind::Text(_) | Kind::Word | Kind::Mailbox, Value::Null) => Some("".into()),
            (Kind::Text(_) | Kind::Word | Kind::Mailbox, Value::Bool(told)) => Some(told.to_string().into()),
            (Kind::Text(_) | Kind::Word | Kind::Mailbox, Value::Number(number)) => {
                number.as_f64().map(|number| in_javascript(number).into())
            }
            (Kind::Number, Value::Null) => Some(0.into()),
            (Kind::Number, Value::Bool(told)) => Some(u8::from(*told).into()),
            // JSON has no infinity: the largest number there is stands for it.
            (Kind::Number, Value::String(text)) => {
                as_number(text).map(|number| number.clamp(f64::MIN, f64::MAX).into())
            }
            (Kind::Boolean, Value::Null) => Some(false.into()),
            (Kind::Boolean, Value::String(text)) if text == "true" => Some(true.into()),
            (Kind::Boolean, Value::String(text)) if text == "false" => Some(false.into()),
            (Kind::Boolean, Value::Number(number)) if number.as_f64() == Some(1.0) => Some(true.into()),
            (Kind::Boolean, Value::Number(number)) if number.as_f64() == Some(0.0) => Some(false.into()),
            _ => None,
        }
    }

    /// Checks a value that is of this type.
    fn check(&self, of: Source, value: &mut Value) -> Checked {
        match (self, value) {
            (Kind::Text(most), Value::String(text)) if text.chars().count() > *most => {
                Err(format!("must NOT have more than {most} characters"))
            }
            (Kind::Mailbox, Value::String(text)) if !is_mailbox(text) => {
                Err("must match format \"basic_email\"".to_owned())
            }
            (Kind::Word | Kind::Mailbox, Value::String(text)) if text.trim().is_empty() => {
                Err("must pass \"isNotEmpty\" keyword validation".to_owned())
            }
            (Kind::Texts(most, characters), Value::Array(list)) => {
                if list.len() > *most {
                    return Err(format!("must NOT have more than {most} items"));
                }
                let item = property("", Kind::Text(*characters));
                list.iter_mut().try_for_each(|value| item.check(of, value))?;
                all_different(list)
            }
            (Kind::Object(schema), Value::Object(object)) => {
                let mut values: Vec<(String, Value)> = std::mem::take(object).into_iter().collect();
                let checked = schema.check(of, &mut values);
                object.extend(values);
                checked
            }
            _ => Ok(()),
        }
    }
}

/// Whether a list names everything once. Looked through from its end.
fn all_different(list: &[Value]) -> Checked {
    let mut seen: HashMap<&Value, usize> = HashMap::new();
    for (place, value) in list.iter().enumerate().rev() {
        if let Some(later) = seen.insert(value, place) {
            return Err(format!(
                "must NOT have duplicate items (items ## {later} and {place} are identical)"
            ));
        }
    }
    Ok(())
}

fn is_mailbox(text: &str) -> bool {
    let sides: Vec<&str> = text.split('@').collect();
    sides.len() == 2 && sides.iter().all(|side| !side.is_empty())
}

/// A text as JavaScript reads a number out of it; the empty one is none to AJV.
fn as_number(text: &str) -> Option<f64> {
    if text.is_empty() {
        return None;
    }
    let digits = text.trim();
    if digits.is_empty() {
        return Some(0.0);
    }
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if digits.get(..2).is_some_and(|begins| begins.eq_ignore_ascii_case(prefix)) {
            let digits = digits[2..].to_owned();
            // Without this a sign would be read.
            let all_digits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
            return all_digits
                .then(|| u64::from_str_radix(&digits, base).map_or(f64::MAX, |read| read as f64));
        }
    }
    match digits {
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Words that Rust reads and JavaScript does not.
        _ if digits.contains(|letter: char| letter.is_alphabetic() && !matches!(letter, 'e' | 'E')) => None,
        _ => digits.parse().ok(),
    }
}

/// A number as JavaScript writes it.
fn in_javascript(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 {
        "0".to_owned()
    } else if (1e-6..1e21).contains(&size) {
        number.to_string()
    } else {
        let written = format!("{number:e}");
        if size < 1.0 { written } else { written.replace('e', "e+") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        block_contact, contact_channels, contact_exists, contact_history, create_contact, delete_contact,
        get_contact, resolve_conflicts, search_contacts, update_contact,
    };
    use serde_json::{Map, json};

    fn checked(name: &str, asked: &mut Parameters) -> Result<(), Refused> {
        let (schema, of) = match name {
            "exists" => return check_one_of(&contact_exists::ASKED, Source::Query, asked),
            "get" => (&get_contact::ASKED, Source::Query),
            "search" => (&search_contacts::ASKED, Source::Query),
            "history" => (&contact_history::ASKED, Source::Query),
            "channels" => (&contact_channels::ASKED, Source::Query),
            "create" => (&create_contact::ASKED, Source::Body),
            "update" => (&update_contact::ASKED, Source::Body),
            "conflicts" => (&resolve_conflicts::ASKED, Source::Body),
            "delete" => (&delete_contact::ASKED, Source::Body),
            "block" => (&block_contact::ASKED, Source::Body),
            other => panic!("no schema is called {other}"),
        };
        check(schema, of, asked)
    }

    /// What the validators of `@rocket.chat/rest-typings` 8.8.1 made of each input: the values as they are afterwards,
    /// or the messages.
    #[test]
    fn every_input_is_told_what_ajv_tells_it() {
        let told: Vec<(String, Map<String, Value>, Value)> =
            serde_json::from_str(include_str!("schema/ajv.json")).unwrap();
        for (name, input, expected) in told {
            let mut asked = Parameters(input.clone().into_iter().collect());
            let answer = match checked(&name, &mut asked) {
                Ok(()) => asked.0.into_iter().collect(),
                Err(Refused::Invalid(messages)) => json!(messages),
                Err(other) => panic!("{other:?}"),
            };
            // 5.0 is 5 in JavaScript.
            let (answer, expected) = (in_floats(answer), in_floats(expected));
            assert_eq!(answer, expected, "{name} {}", Value::from(input));
        }
    }

    fn in_floats(value: Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().into(),
            Value::Array(list) => list.into_iter().map(in_floats).collect(),
            Value::Object(object) => {
                object.into_iter().map(|(name, value)| (name, in_floats(value))).collect()
            }
            other => other,
        }
    }

    #[test]
    fn what_is_too_long_is_told_in_the_same_words() {
        let told = |name: &str, value: Value| {
            let of: &[(&str, Value)] =
                &[("name", json!("Ada")), ("emails", json!([])), ("phones", json!([]))];
            let mut asked =
                Parameters(of.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
            asked.0.retain(|(known, _)| known != name);
            asked.0.push((name.to_owned(), value));
            match checked("create", &mut asked) {
                Err(Refused::Invalid(messages)) => messages,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(told("name", json!("x".repeat(201))), ["must NOT have more than 200 characters"]);
        assert_eq!(told("emails", json!([{}, 1, 2, 3, 4, 5])), ["must NOT have more than 5 items"]);
        assert_eq!(told("emails", json!(["x".repeat(255)])), ["must NOT have more than 254 characters"]);
        assert_eq!(
            told("phones", json!(["1".repeat(65), "1".repeat(65)])),
            ["must NOT have more than 64 characters"]
        );
    }

    #[test]
    fn a_number_without_end_is_the_largest_there_is() {
        let mut asked = Parameters(vec![("offset".to_owned(), json!("Infinity"))]);
        assert!(checked("search", &mut asked).is_ok());
        assert_eq!(asked.get("offset").and_then(Value::as_f64), Some(f64::MAX));
    }
}
