//! Request parameters: how they are read, and the parameters of `GET /conversations`.

use domain::{LocationId, Timestamp};

/// The names that are known. All others are named in the answer.
const KNOWN: [&str; 8] = [
    "subdomain",
    "location_id",
    "page",
    "per_page",
    "messages",
    "messages_since",
    "updated_since",
    "include_messages",
];
/// Conversations of a page that does not say how many.
const USUAL: i64 = 5;
/// The most conversations of a page, and the most messages of one of them.
const MOST: i64 = 100;
/// Messages of a conversation where some are asked for and not how many.
const SOME: usize = 25;
/// The last conversation that pages reach: they count from the beginning each time.
const LAST: usize = 10_000;

/// The parameters of a call.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// The business that it is about, in its own words.
    pub subdomain: Option<String>,
    /// The rest, or all that is wrong with the call.
    pub asked: Result<Asked, Vec<String>>,
    /// What the answer says of those that nobody knows.
    pub unknown: Vec<String>,
}

/// Which conversations are asked for, and what of them.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Of clients of this location; `None` for a number that no location has.
    pub location: Option<LocationId>,
    /// Which of them.
    pub page: Page,
    /// The most messages of each.
    pub messages: usize,
    /// Only messages from here on.
    pub messages_since: Option<Timestamp>,
    /// Only what changed from here on.
    pub updated_since: Option<Timestamp>,
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// So many are on earlier pages.
    pub skip: usize,
    /// So many are shown.
    pub most: usize,
}

impl Page {
    /// So many rows have to be read to know the page.
    pub fn reach(self) -> usize {
        self.skip.saturating_add(self.most)
    }

    /// Whether the page lies deeper than pages reach.
    pub fn is_deep(self) -> bool {
        self.reach() > LAST
    }

    /// What is wrong with a deep page of a list of `count`: behind its end there is nothing, however far.
    pub fn too_deep(self, count: u64) -> Option<String> {
        let has_some = count > self.skip as u64;
        (self.is_deep() && has_some).then(|| format!("page is too deep: page * per_page is {LAST} at most"))
    }

    /// The rows of the page, out of all.
    pub fn of<T>(self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().skip(self.skip).take(self.most).collect()
    }
}

/// Reads parameters, and remembers every problem.
pub(crate) struct Reader {
    given: Vec<(String, String)>,
    /// All that is wrong so far.
    pub problems: Vec<String>,
    /// The message of the response about unknown parameters.
    pub unknown: Vec<String>,
}

impl Reader {
    /// A reader of names and values, in the order in which they came.
    pub fn new(given: Vec<(String, String)>, known: &[&str]) -> Reader {
        let mut unknown: Vec<String> = Vec::new();
        for (name, _) in given.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let said = format!("Unknown parameter: {name}");
            if !unknown.contains(&said) {
                unknown.push(said);
            }
        }
        Reader { given, problems: Vec::new(), unknown }
    }

    /// The page that is asked for: `page` and `per_page`, what is outside becomes the nearest.
    pub fn page(&mut self, most: i64) -> Page {
        let page = self.take("page", integer).unwrap_or(1).max(1);
        let most = self.take("per_page", integer).unwrap_or(USUAL).clamp(1, most);
        let skip = usize::try_from((page - 1).saturating_mul(most)).unwrap_or(usize::MAX);
        Page { skip, most: most as usize }
    }

    /// Text that is not blank.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, |text| Some(text.to_owned())).filter(|text| !text.is_empty())
    }

    /// The location that is asked for, which is required; `None` for a number that no location has.
    pub fn location(&mut self) -> Option<LocationId> {
        let location = self.require("location_id", integer)?;
        u64::try_from(location).ok().and_then(LocationId::new)
    }

    /// The value of a parameter. One that is given twice says nothing.
    pub fn take<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut values = self.given.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        let (first, second) = (values.next(), values.next());
        let value = first.filter(|_| second.is_none()).and_then(|value| read(value.trim()));
        if first.is_some() && value.is_none() {
            self.problems.push(format!("{name} is invalid"));
        }
        value
    }

    pub fn require<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        if self.given.iter().all(|(known, value)| known != name || value.trim().is_empty()) {
            self.problems.push(format!("{name} is missing"));
            return None;
        }
        self.take(name, read)
    }
}

fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

impl Parameters {
    /// Out of names and values, in the order in which they came.
    pub fn read(given: Vec<(String, String)>) -> Parameters {
        let mut reader = Reader::new(given, &KNOWN);
        let subdomain = reader.require("subdomain", |text| Some(text.to_owned()));
        let location = reader.location();
        let page = reader.page(MOST);
        let messages = reader.take("messages", integer).map(|most| most.clamp(0, MOST) as usize);
        let messages_since = reader.take("messages_since", Timestamp::parse_leniently);
        let updated_since = reader.take("updated_since", Timestamp::parse_leniently);
        let include = reader.take("include_messages", boolean).unwrap_or(false);
        let messages = messages.unwrap_or(if include { SOME } else { 0 });
        let asked = Asked { location, page, messages, messages_since, updated_since };
        let Reader { problems, unknown, .. } = reader;
        let asked = if problems.is_empty() { Ok(asked) } else { Err(problems) };
        Parameters { subdomain, asked, unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: &str, size: &str) -> Page {
        let given = [("subdomain", "x"), ("location_id", "3"), ("page", page), ("per_page", size)];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Parameters::read(given.into()).asked.unwrap().page
    }

    #[test]
    fn a_page_is_too_deep_where_there_is_something_that_pages_do_not_reach() {
        assert_eq!((page("100", "100").reach(), page("100", "100").too_deep(u64::MAX)), (10_000, None));
        let deep = page("101", "100");
        assert!(deep.is_deep() && deep.too_deep(10_001).is_some());
        assert_eq!(deep.too_deep(10_000), None, "it is behind the last page");
        assert_eq!(page("9223372036854775807", "100").too_deep(20_000), None);
    }
}
