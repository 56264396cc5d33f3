//! Parts of a list, as Rocket.Chat's callers ask for them.

use serde_json::Value;

use crate::parameters::Parameters;
use crate::refused::{Answer, Refused};

/// Items of a part when nothing is said.
const USUAL: usize = 50;
/// Items of a part at most, and where somebody asks for all.
const MOST: usize = 100;
/// The last place that a part may begin at.
const LAST_OFFSET: usize = 10_000;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// How many are left out before it.
    pub offset: usize,
    /// How many it has at most.
    pub count: usize,
}

impl Part {
    /// Reads `offset` and `count`, which are numbers.
    pub fn read(parameters: &Parameters) -> Answer<Part> {
        // Fractions are cut off, and what is below zero is nothing.
        let number = |name| parameters.get(name).and_then(Value::as_f64).map(|number| number as usize);
        let offset = number("offset").unwrap_or(0);
        if offset > LAST_OFFSET {
            return Err(Refused::Invalid(vec![format!("offset must be <= {LAST_OFFSET}")]));
        }
        let count = match number("count") {
            Some(0) => MOST,
            count => count.unwrap_or(USUAL).min(MOST),
        };
        Ok(Part { offset, count })
    }

    /// This part of a list.
    pub fn of<T>(self, list: Vec<T>) -> Vec<T> {
        list.into_iter().skip(self.offset).take(self.count).collect()
    }
}

/// Reads `sort`: whether the order goes down, by the only field that a list is ordered by. `usual` is what it does when
/// nothing is said.
pub(crate) fn descends(parameters: &Parameters, field: &str, usual: bool) -> Answer<bool> {
    let Some(text) = parameters.text("sort").filter(|text| !text.is_empty()) else { return Ok(usual) };
    let asked: Option<serde_json::Map<String, Value>> = serde_json::from_str(text).ok();
    let direction = asked.as_ref().map(|asked| (asked.len(), asked.get(field).and_then(Value::as_i64)));
    match direction {
        Some((1, Some(1))) => Ok(false),
        Some((1, Some(-1))) => Ok(true),
        Some((0, _)) => Ok(usual),
        _ => {
            let reason = format!("Invalid sort parameter provided: \"{text}\"");
            Err(Refused::Coded("error-invalid-sort", Some(reason)))
        }
    }
}
