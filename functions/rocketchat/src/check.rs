//! Parameters as Meteor's `check` looks at them, and what it says of those that are not as they should be.

use serde_json::Value;

use crate::parameters::Parameters;
use crate::refused::{Answer, Refused};

/// What a parameter has to be.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    /// A text.
    Text,
    /// A text, `null`, or not there.
    MaybeText,
    /// An object, `null`, or not there.
    MaybeObject,
    /// An object with this text alone, `null`, or not there.
    MaybeOnly(&'static str),
}

impl Expected {
    /// What is wrong with a value.
    fn problem(self, value: &Value) -> Option<String> {
        let may_be = match self {
            Expected::Text => {
                let is_text = value.is_string();
                return (!is_text).then(|| format!("Expected string, got {}", type_of(value)));
            }
            Expected::MaybeText => value.is_string(),
            Expected::MaybeObject => value.is_object(),
            Expected::MaybeOnly(name) => value
                .as_object()
                .is_some_and(|object| object.len() == 1 && object.get(name).is_some_and(Value::is_string)),
        };
        let is_fine = may_be || value.is_null();
        (!is_fine).then(|| "Failed Match.OneOf, Match.Maybe or Match.Optional validation".to_owned())
    }
}

/// Looks at parameters: at those that came, in their order, then for those that did not come.
pub(crate) fn check(parameters: &Parameters, fields: &[(&str, Expected)]) -> Answer<()> {
    for (name, value) in &parameters.0 {
        let expected = fields.iter().find(|(known, _)| known == name);
        let problem = match expected {
            Some((_, expected)) => expected.problem(value),
            None => Some("Unknown key".to_owned()),
        };
        if let Some(problem) = problem {
            return Err(Refused::Mismatch(format!("{problem} in field {}", path(name))));
        }
    }
    let required = fields.iter().filter(|(_, expected)| matches!(expected, Expected::Text));
    match required.into_iter().find(|(name, _)| parameters.get(name).is_none()) {
        Some((name, _)) => Err(Refused::Mismatch(format!("Missing key '{name}'"))),
        None => Ok(()),
    }
}

/// What JavaScript calls the type of a value.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) | Value::Object(_) => "object",
    }
}

/// How a name is told: those that are none in a program are quoted.
fn path(name: &str) -> String {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$';
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("[{name}]");
    }
    if name.bytes().all(is_word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit()) {
        return name.to_owned();
    }
    format!("[{}]", Value::from(name))
}
