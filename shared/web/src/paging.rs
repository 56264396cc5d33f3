//! Pages of lists: by number, or by cursor.
//!
//! A cursor is a place in one list: of one business, with one filter, in one order. It says of which, by a digest, and is
//! refused anywhere else. It holds no secret and opens nothing: the business always comes from the caller's proof.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Error, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::read::{Object, Problem, integer, text};
use crate::{ApiError, unprocessable};

/// Rows of a page that does not say how many.
const USUAL: u64 = 20;
/// The most rows of a page.
const MOST: u64 = 100;
/// The last row that is reached by page numbers, which count from the beginning each time.
const LAST_BY_NUMBER: u64 = 10_000;
/// Longer than any cursor of ours.
const LONGEST: usize = 1_024;
/// How long a change may take from its time stamp until every index shows it.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(60);

/// Which page is asked for.
#[derive(Clone, Debug)]
pub struct Paging {
    page: u64,
    size: u64,
    cursor: Option<Cursor>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    /// Which list.
    #[serde(rename = "l")]
    list: String,
    /// Behind which place.
    #[serde(rename = "a")]
    after: String,
    /// The number of the page that begins there.
    #[serde(rename = "p")]
    page: u64,
    /// What the first page counted, for lists that are counted once.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// When the first page was read.
    #[serde(rename = "b")]
    begun: Timestamp,
}

impl Paging {
    /// Reads `page`, `page_size` and `cursor`.
    pub fn read(object: &Object<'_>) -> Option<Paging> {
        let from_one = |most: u64| {
            move |value: &Value| match integer(value)? {
                0 => Err(Problem::new("greater_than_equal", "Input should be greater than or equal to 1")),
                number if number > most => Err(Problem::new(
                    "less_than_equal",
                    format!("Input should be less than or equal to {most}"),
                )),
                number => Ok(number),
            }
        };
        let page = object.optional("page", from_one(domain::id::MAX)).unwrap_or(1);
        let size = object.optional("page_size", from_one(MOST)).unwrap_or(USUAL);
        let cursor = object.optional("cursor", cursor);
        if object.raw("cursor").is_none() && page.saturating_mul(size) > LAST_BY_NUMBER {
            object.refuse(
                "page",
                Problem::value(format!(
                    "page * page_size is above {LAST_BY_NUMBER}: go on with next_cursor as cursor instead"
                )),
            );
            return None;
        }
        Some(Paging { page, size, cursor })
    }

    /// The window of a list that this page is. `list` is what makes the list this one: its name, the business, the
    /// filter.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or none of ours.
    pub fn open(self, list: &impl Serialize, now: Timestamp) -> Result<Opened, ApiError> {
        let list = digest(list)?;
        let Some(cursor) = self.cursor else {
            let skip = (self.page - 1) * self.size;
            let size = self.size as usize;
            return Ok(Opened {
                list,
                after: None,
                page: self.page,
                size,
                skip: skip as usize,
                counted: None,
                begun: now,
            });
        };
        if cursor.list != list {
            return Err(not_of_this_list(cursor.encoded().into()));
        }
        Ok(Opened {
            list,
            after: Some(cursor.after),
            page: cursor.page,
            size: self.size as usize,
            skip: 0,
            counted: cursor.total,
            begun: cursor.begun,
        })
    }
}

impl Cursor {
    fn encoded(&self) -> Option<String> {
        serde_json::to_vec(self).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
    }
}

const NOT_OF_THIS_LIST: &str = "it is not a cursor of this list with this filter and order";

/// A cursor as it is passed. Which list it is of shows when the list is known.
fn cursor(value: &Value) -> Result<Cursor, Problem> {
    let text = text(LONGEST)(value)?;
    let read = URL_SAFE_NO_PAD.decode(text).ok().and_then(|json| serde_json::from_slice(&json).ok());
    read.filter(|read: &Cursor| !read.after.is_empty() && (1..domain::id::MAX).contains(&read.page))
        .ok_or_else(|| Problem::value(NOT_OF_THIS_LIST))
}

fn not_of_this_list(input: Value) -> ApiError {
    unprocessable(&["query", "cursor"], input, format!("Value error, {NOT_OF_THIS_LIST}"))
}

fn digest(list: &impl Serialize) -> Result<String, ApiError> {
    let text = serde_json::to_vec(list).map_err(|error| Error::Internal(error.into()))?;
    Ok(Sha256::digest(text).iter().take(12).map(|byte| format!("{byte:02x}")).collect())
}

/// The window of a list that a page is.
#[derive(Clone, Debug)]
pub struct Opened {
    list: String,
    /// Behind which place; `None` from the beginning.
    pub after: Option<String>,
    /// The page's number.
    pub page: u64,
    /// Its rows.
    pub size: usize,
    /// Rows before it that have to be read and left out.
    pub skip: usize,
    /// What the first page counted.
    pub counted: Option<u64>,
    /// When the first page was read.
    pub begun: Timestamp,
}

impl Opened {
    /// Behind which place, in a list whose places are no text; `None` from the beginning.
    ///
    /// # Errors
    /// `Invalid` for a cursor that was made up.
    pub fn behind<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
        self.after.as_deref().map(|place| read(place).ok_or_else(|| self.made_up())).transpose()
    }

    /// What a cursor is answered that no page of this list can have had.
    pub fn made_up(&self) -> ApiError {
        not_of_this_list(self.after.clone().into())
    }

    /// How many rows to read.
    pub fn most(&self) -> usize {
        self.skip + self.size
    }

    /// The page, made of the rows that were read, and the place where the next ones begin. `keeps_total` carries the
    /// total on to the next pages, for lists that are counted once.
    pub fn page<T>(self, rows: Vec<T>, next: Option<String>, total: u64, keeps_total: bool) -> Page<T> {
        let cursor = next.map(|after| Cursor {
            list: self.list,
            after,
            page: self.page + 1,
            total: keeps_total.then_some(total),
            begun: self.begun,
        });
        let size = self.size as u64;
        Page {
            items: rows.into_iter().skip(self.skip).collect(),
            total,
            page: self.page,
            page_size: size,
            total_pages: total.div_ceil(size),
            next_cursor: cursor.and_then(|cursor| cursor.encoded()),
            next_updated_since: None,
        }
    }
}

/// One page of a list, as it is published.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
    /// Which page, from 1.
    pub page: u64,
    /// How many rows a page has at most.
    pub page_size: u64,
    /// How many pages that makes.
    pub total_pages: u64,
    /// Where the next page begins; `null` on the last one.
    pub next_cursor: Option<String>,
    /// The `updated_since` to ask with after this walk, so that no change is missed: neither one that came meanwhile nor,
    /// for a reader of changes, one after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_updated_since: Option<Timestamp>,
}

impl<T> Page<T> {
    /// The same page of a walk that began at `begun`, over what changed since `since`. A change is stamped a moment
    /// before every index shows it, so the next walk begins somewhat before this one did: a change is seen once or more,
    /// never less.
    pub fn of_changes(self, begun: Timestamp, since: Timestamp) -> Page<T> {
        Page { next_updated_since: Some(begun.minus(SETTLED).max(since)), ..self }
    }

    /// The same page with other rows.
    pub fn map<U>(self, row: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(row).collect(),
            total: self.total,
            page: self.page,
            page_size: self.page_size,
            total_pages: self.total_pages,
            next_cursor: self.next_cursor,
            next_updated_since: self.next_updated_since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(cursor: Option<String>, list: &str) -> Result<Opened, ApiError> {
        let cursor =
            cursor.map(|text| super::cursor(&text.into()).map_err(|_| not_of_this_list(Value::Null)));
        let paging = Paging { page: 1, size: 2, cursor: cursor.transpose()? };
        paging.open(&(1001, list), Timestamp::from_millis(0))
    }

    fn made_up(after: &str, page: u64) -> Option<String> {
        let list = digest(&(1001, "open")).ok()?;
        Cursor { list, after: after.to_owned(), page, total: None, begun: Timestamp::from_millis(0) }
            .encoded()
    }

    #[test]
    fn a_cursor_opens_the_list_it_was_made_for_and_no_other() {
        let page = opened(None, "open").unwrap().page(vec![1, 2], Some("place".to_owned()), 5, false);
        assert_eq!((page.page, page.total_pages), (1, 3));
        let cursor = page.next_cursor;
        let next = opened(cursor.clone(), "open").unwrap();
        assert_eq!((next.after.as_deref(), next.page, next.skip), (Some("place"), 2, 0));
        assert!(opened(cursor, "resolved").is_err());
        assert!(opened(Some("nonsense".to_owned()), "open").is_err());
    }

    #[test]
    fn a_cursor_that_was_made_up_opens_nothing_it_should_not() {
        let number = |opened: Opened| opened.behind(|place| place.parse::<u64>().ok());
        assert_eq!(number(opened(made_up("7", 2), "open").unwrap()).unwrap(), Some(7));
        assert!(number(opened(made_up("x", 2), "open").unwrap()).is_err());
        for wrong in [made_up("", 2), made_up("7", 0), made_up("7", u64::MAX)] {
            assert!(opened(wrong, "open").is_err());
        }
    }
}
