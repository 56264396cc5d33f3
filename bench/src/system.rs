//! A running system with one business in it.

use local::fake_twilio::ClientText;
use local::{Local, Options, seed};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Error;

/// The system, and a key to call it with.
pub struct System {
    pub local: Local,
    pub key: String,
    http: reqwest::Client,
}

impl System {
    pub async fn start() -> Result<System, Error> {
        System::on(Options::default()).await
    }

    pub async fn on(options: Options) -> Result<System, Error> {
        let local = Local::start(options).await?;
        let key = seed::demo(&local).await?;
        Ok(System { local, key, http: reqwest::Client::new() })
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value, Error> {
        let url = format!("{}/businesses/{}{path}", self.local.base_url, seed::BUSINESS);
        let answer = self.http.request(method, url).header("X-API-KEY", &self.key).json(&body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Queues a text to each of these clients.
    pub async fn queue(&self, clients: std::ops::Range<u64>) -> Result<Value, Error> {
        let text = |client: u64| json!({"client_id": client, "to_phone_number": phone(client), "message": "See you on Tuesday at nine?"});
        let messages: Vec<Value> = clients.map(text).collect();
        self.call(Method::POST, "/sms/send", json!({"category": "conversation", "messages": messages})).await
    }

    /// Queues a mail with an attachment to each of these clients.
    pub async fn mail(&self, clients: std::ops::Range<u64>) -> Result<Value, Error> {
        let attachment = json!({"filename": "map.txt", "content_type": "text/plain", "content": "SGVsbG8="});
        let mail = |client: u64| {
            json!({
                "client_id": client,
                "to_email": format!("client{client}@example.com"),
                "subject": "Your appointment",
                "message": "See you on Tuesday at nine?",
                "attachments": [attachment],
            })
        };
        let messages: Vec<Value> = clients.map(mail).collect();
        self.call(Method::POST, "/email/send", json!({"category": "conversation", "messages": messages}))
            .await
    }

    pub async fn answer(&self, client: u64) {
        self.local
            .twilio
            .client_sends(ClientText::new(&phone(client), seed::NUMBER, "Tuesday is fine, thank you!"))
            .await;
    }
}

/// The number of a client.
pub fn phone(client: u64) -> String {
    format!("+1415{:07}", 5_600_000 + client)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
