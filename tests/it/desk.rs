//! The inbox as staff and programs use it: what several tests of it share.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};

/// The rows of a page.
#[track_caller]
pub fn rows(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap_or_else(|| panic!("no page: {page}"))
}

/// One field of every row, as numbers.
#[track_caller]
pub fn numbers(page: &Value, field: &str) -> Vec<u64> {
    rows(page).iter().map(|row| row[field].as_u64().unwrap_or_else(|| panic!("no {field}: {row}"))).collect()
}

impl App {
    /// A business whose lists are spread over so many parts.
    pub async fn business_in_parts(&self, parts: u64) -> Business<'_> {
        let studio = self.business().await;
        studio.spread(parts).await;
        studio
    }
}

impl Business<'_> {
    /// Spreads the lists over more parts.
    pub async fn spread(&self, parts: u64) {
        let body = json!({"business_id": self.id, "inbox_shards": parts});
        send(self.app.platform(Method::POST, "/business/onboard").json(&body)).await.ok();
        // A process believes what it read of a business for five seconds.
        self.app.clock.advance(Duration::from_secs(6));
    }

    /// A call without a body.
    pub async fn act(&self, path: &str) -> Answered {
        send(self.request(Method::POST, path)).await
    }

    /// The same, on the condition that the conversation is as the caller saw it.
    pub async fn act_if(&self, path: &str, seen: &str) -> Answered {
        send(self.request(Method::POST, path).header("If-Match", seen)).await
    }

    /// A client of the directory with an open conversation.
    pub async fn opens_with(&self, client: u64, number: &str) {
        self.knows(client, number).await;
        self.post(&format!("/clients/{client}/conversation"), json!({})).await.ok();
    }

    /// A text from a client's phone to the business.
    pub async fn receives(&self, from: &str, text: &str) {
        let sent = self.app.text(from, &self.number, text).await;
        assert_eq!(sent.status, Some(200), "{sent:?}");
    }

    /// Stores a note and returns its id.
    pub async fn notes(&self, conversation: u64, note: &str) -> u64 {
        let answer =
            self.post(&format!("/conversations/{conversation}/notes"), json!({"note": note})).await.ok();
        answer["message_id"].as_u64().expect("an id")
    }

    /// Marks as `marking` says and returns how many changed.
    pub async fn marks(&self, marking: Value) -> u64 {
        let answer = self.post("/messages/status", marking).await.ok();
        let changed = answer["updated_count"].as_u64().expect("a count");
        assert_eq!(answer["applied"], changed > 0, "{answer}");
        changed
    }

    /// A page of the inbox.
    pub async fn inbox(&self, query: &str) -> Value {
        self.get(&format!("/conversations?{query}")).await.ok()
    }

    /// A page of a conversation.
    pub async fn messages(&self, conversation: u64, query: &str) -> Value {
        self.get(&format!("/conversations/{conversation}/messages?{query}")).await.ok()
    }

    /// Every line of the history of a conversation, newest first.
    pub async fn history(&self, conversation: u64) -> Vec<Value> {
        self.walk(&format!("/conversations/{conversation}/history?page_size=100")).await
    }

    /// Every row of a list, page by page. `path` has a query already.
    pub async fn walk(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{cursor}")).await.ok();
            all.extend(rows(&page).iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

/// Numbers that look random and are the same in every run.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to `below` - 1.
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }
}
