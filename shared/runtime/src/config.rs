//! Configuration from the environment, and from nowhere else.
//!
//! A function asks for what it needs and then calls [`Config::check`], so that one failed start names **every**
//! variable that is missing or wrong.

use std::cell::RefCell;
use std::fmt;

/// Where a value is read.
type Read = Box<dyn Fn(&str) -> Option<String>>;

/// Values of a start, and what is wrong with them.
pub struct Config {
    read: Read,
    problems: RefCell<Vec<String>>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("problems", &self.problems).finish_non_exhaustive()
    }
}

/// What keeps a function from starting.
#[derive(Debug, PartialEq, Eq)]
pub struct Misconfigured(Vec<String>);

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {}", self.0.join("; "))
    }
}

impl std::error::Error for Misconfigured {}

impl Config {
    /// The process's environment.
    pub fn from_env() -> Config {
        Config::new(|name| std::env::var(name).ok())
    }

    /// Values from any other place.
    pub fn new(read: impl Fn(&str) -> Option<String> + 'static) -> Config {
        Config { read: Box::new(read), problems: RefCell::default() }
    }

    /// A value that may be missing. Empty counts as missing, because a template cannot leave a variable out.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.read)(name).filter(|value| !value.trim().is_empty())
    }

    /// A value without which the function cannot work.
    pub fn required(&self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.borrow_mut().push(format!("{name} is not set"));
            String::new()
        })
    }

    /// Values between commas. Missing is none.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.optional(name).unwrap_or_default();
        values.split(',').map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
    }

    /// A value of a certain form, such as a key that has to be long enough. `None` only when [`Config::check`] fails.
    pub fn formed<T>(&self, name: &str, form: impl FnOnce(String) -> Option<T>) -> Option<T> {
        let value = self.required(name);
        if value.is_empty() {
            return None;
        }
        let formed = form(value);
        if formed.is_none() {
            self.problems.borrow_mut().push(format!("{name} is too short or malformed"));
        }
        formed
    }

    /// An origin without a path: `https://hooks.example.com`.
    pub fn origin(&self, name: &str) -> String {
        let value = self.required(name);
        let origin = value.trim_end_matches('/');
        let bare = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if !value.is_empty() && bare.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '@']))
        {
            self.problems.borrow_mut().push(format!("{name} is not an origin like https://example.com"));
        }
        origin.to_owned()
    }

    /// Whether everything that was asked for is there.
    ///
    /// # Errors
    /// Names every variable that is missing or wrong. Never a value: some are secrets.
    pub fn check(self) -> Result<(), Misconfigured> {
        let problems = self.problems.into_inner();
        if problems.is_empty() { Ok(()) } else { Err(Misconfigured(problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_start_names_everything_that_is_missing() {
        let config = Config::new(|name| (name == "C").then(|| "ftp://x/y".to_owned()));
        config.required("A");
        config.required("B");
        config.origin("C");
        let said = config.check().unwrap_err().to_string();
        assert!(
            said.contains("A is not set")
                && said.contains("B is not set")
                && said.contains("C is not an origin")
        );
        assert!(!said.contains("ftp"));
    }

    #[test]
    fn an_empty_value_is_a_missing_one() {
        let config = Config::new(|_| Some(" ".to_owned()));
        assert_eq!(config.optional("A"), None);
    }

    #[test]
    fn an_origin_loses_its_slash() {
        let config = Config::new(|_| Some("https://hooks.example.com/".to_owned()));
        assert_eq!(config.origin("A"), "https://hooks.example.com");
        assert!(config.check().is_ok());
    }

    #[test]
    fn a_list_leaves_out_what_is_empty_and_a_short_key_is_named() {
        let config =
            Config::new(|name| Some(if name == "LIST" { "a, b,,".to_owned() } else { "x".to_owned() }));
        assert_eq!(config.list("LIST"), ["a", "b"]);
        assert_eq!(config.formed("KEY", |key| (key.len() > 1).then_some(key)), None);
        assert_eq!(config.check().unwrap_err().to_string(), "configuration: KEY is too short or malformed");
    }
}
